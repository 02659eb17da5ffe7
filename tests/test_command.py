"""What the command line reads of files, and what it says of those that it does not."""

import gzip
import os
import re
from contextlib import contextmanager

import numpy as np
import pytest

from fastrnn.__main__ import main
from fastrnn.command import options, warmup
from fastrnn.command.numbers import Style, read_numbers
from fastrnn.command.options import arguments
from fastrnn.command.reading import read
from fastrnn.command.table import read_table
from fastrnn.frames.reading import read_series
from fastrnn.network.parts import CELLS

pd = pytest.importorskip("pandas")
csv_files = pytest.importorskip("csv_files")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(text, names=("y",), **options):
    with open("data.csv", "wb") as file:
        file.write(text.encode() if isinstance(text, str) else text)
    return read_table("data.csv", list(names), **options)


def numbers_of(text, **options):
    return table(text, **options).text["y"].tolist()


# ------------------------------------------------------------------------------------------ table

GOOD = {
    "trailing separators": ("x,y\n1,5,\n2,7,\n", {}),
    "those of the header": ("x;y;\n1;5\n2;7\n", {}),
    "those of both": ("x;y;;\r\n1;5;;\r\n2;7;;\r\n", {}),
    "rows of nothing at the end": ("x\ty\n1\t5\n2\t7\n\t\n\t\n", {}),
    "old line ends": ("x|y\r1|5\r2|7\r", {}),
    "spaces": (" x , y \n 1 , 5 \n 2 , 7 \n", {}),
    "quotes": ('"x","y"\n"1,1","5"\n"a""b\nc","7"\n', {}),
    "titles": ("Report\n\nfor all;;\nx;y\n1;5\n2;7\n", {}),
    "a hint for Excel": ("sep=;\nx;y\n1;5\n2;7\n", {}),
    "a separator named": ("x-y\n1-5\n2-7\n", {"separator": "-"}),
    "columns of one name that are not read": ("x,x,y,\n1,1,5,\n1,1,7,\n", {}),
    "a mark of utf-8": (b"\xef\xbb\xbfy\n5\n7\n", {}),
    "utf-16": ("y\n5\n7\n".encode("utf-16"), {}),
    "gzip": (gzip.compress(b"y\n5\n7\n"), {}),
    "cp1252": ("größe,y\n1,5\n2,7".encode("cp1252"), {"encoding": "cp1252"}),
    "every second line blank": ("x,y\n\n1,5\n\n2,7\n\n", {}),
    "blank lines": ("x,y\n\n1,5\n\n\n2,7\n", {}),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_table_is_read(name):
    text, options = GOOD[name]
    assert numbers_of(text, **options) == ["5", "7"]


def test_rows_know_their_lines():
    read = table('title\n\nx,y\n\n"two\nlines",5\n,7\n', ["x", "y"])
    assert read.header == 3 and read.text.to_dict() == {"x": {5: "two\nlines", 7: ""}, "y": {5: "5", 7: "7"}}
    assert numbers_of("y\n5\n\n7\n8\n\n") == ["5", "", "7", "8"]  # a hole of the only column
    assert numbers_of("x;y\n5;6\n;\n7;8\n") == ["6", "", "8"]
    assert numbers_of("y\n1,5\n2,5\n", decimal=",") == ["1,5", "2,5"]
    assert table("y\n5\n").separator == "," and table("y\n5\n", decimal=",").separator == ";"
    assert numbers_of('y,x\n"1,5",2\n', decimal=",") == ["1,5"]


BAD = {
    "longer": ("x,y\n1,5\n2,5,7\n", "line 3 has 3 fields, but the header .line 1. has 2 names.*--decimal"),
    "longer, of one": ("y\n1,5\n2,7\n", 'line 2 has 2 fields, .* 1 name, .*pass --decimal ","'),
    "longer in all rows": ("y;x\n1;2;3\n4;5;6\n", "line 2 has 3 fields"),
    "shorter": ("a\ty\n1\t5\n\n2\n", "line 4 has 1 field, but .* separated by tab"),
    "not in all": ("x,y,z\n1,5,1\n1,5,7,\n", "line 3 has 4 fields, but the rows above have 3"),
    "longer, under an unnamed column": ("x,y,\n1,5,7\n", "line 2 has 3 fields"),
    "one name": ("y,y\n1,2\n", "line 1: 2 columns are named 'y': rename"),
    "one name and spaces": ("y, y\n1,2\n", "2 columns are named 'y'"),
    "no header": ("2024-01-01,5\n2024-01-02,6\n", "no header: write the columns' names above line 1"),
    "other names": ("title\n\na;Y\n1;2\n", r"no column 'y' \(is it 'Y'\?\); it has: a, Y"),
    "a name among the rows": ("flag,n\ny,1\nn,2\n", "no column 'y'"),
    "many": (",".join(f"c{k}" for k in range(40)) + "\n", r"it has: c0, c1, .*, c39$"),
    "a quote": ('x,y\n1,"5"6\n', "line 2: the quotation marks do not match"),
    "a quote left open": ('x,y\n1,5\n1,"5\n1,6\n', "line 3: the quotation marks"),
    "quotes at the top": ('"y"y\n1,"5\n', "quotation marks of its first lines"),
    "nothing": ("\n\n", "is empty"),
    "a header": ("x,y\n", "no rows below its header"),
    "latin": ("x,y\r1,5\rü,6\r".encode("cp1252"), "line 3: data.csv is not in utf-8: .*--encoding, such as cp1252"),
    "utf-16 without a mark": (
        "x,y\n1,5\n".encode("utf-16-le"),
        "is no text in utf-8: .*--encoding, such as .* utf-16-le",
    ),
    "bytes": (b"\xff\x00\xfe\x80" * 9, "line 1: data.csv is not in utf-8"),
    "Excel": (b"PK\x03\x04", "an Excel workbook"),
    "half a gzip": (gzip.compress(b"y\n5\n" * 99)[:15], "damaged gzip"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_table_is_refused(name):
    text, message = BAD[name]
    with pytest.raises(ValueError, match=message) as told:
        table(text)
    assert type(told.value) is ValueError


def test_advice_about_encodings_works():
    assert table("x,y\nü,6".encode("cp1252"), encoding="cp1252").text["y"].tolist() == ["6"]
    assert table("x,y\nü,6".encode("utf-16-le"), encoding="utf-16-le").text["y"].tolist() == ["6"]
    with pytest.raises(ValueError, match="--encoding nonsense is not known"):
        table("\ufeffy\n5\n", encoding="nonsense")
    for encoding in ("nonsense", "rot13"):
        with pytest.raises(
            ValueError, match=f"--encoding {encoding} is not known: pass another --encoding, such as cp1252"
        ):
            table("y\n5\n", encoding=encoding)
    for path in ("dota.csv", "."):
        with pytest.raises(OSError):
            read_table(path, ["y"])


# ------------------------------------------------------------------------------------------ numbers

NUMBERS = {
    "plain": (["1", "-2.5", "+3", "1e5", ".5", "7."], [1, -2.5, 3, 1e5, 0.5, 7], Style()),
    "german": (["1.234,5", "12", "-7,25"], [1234.5, 12, -7.25], Style(",", ".")),
    "decimal comma": (["1,5", "2", "0,001"], [1.5, 2, 0.001], Style(",")),
    "american": (["1,234.5", "1,234,567"], [1234.5, 1234567], Style(".", ",")),
    "two groups": (["1.234.567", "1.234"], [1234567, 1234], Style(",", ".")),
    "indian": (["12,34,567", "1.5"], [1234567, 1.5], Style(".", ",")),
    "spaces": (["1\u00a0234,5", "1\u202f234", "7 000"], [1234.5, 1234, 7000], Style(",", " ")),
    "swiss": (["1'234.5", "12’345"], [1234.5, 12345], Style(".", "'")),
    "minus": (["\u22125", "\u22120.5"], [-5, -0.5], Style()),
    "three digits": (["1.234", "0.5"], [1.234, 0.5], Style()),
    "three digits of many": (["1.234", "1234.567"], [1.234, 1234.567], Style()),
    "words": (["1", "NA", "", "null", "None", "nan", "#N/A"], [1] + [np.nan] * 6, Style()),
    "huge": (["12345678901234567890"], [12345678901234567890.0], Style()),
}


def column(texts, name="y"):
    return pd.Series(list(texts), range(2, 2 + len(texts)), dtype=object, name=name)


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_read(name):
    texts, numbers, style = NUMBERS[name]
    found, its = read_numbers(column(texts))
    np.testing.assert_equal(found, np.array(numbers, float))
    assert its == style


@pytest.mark.parametrize(
    "texts, message",
    [
        (["5", "$5.00"], r"line 3: y is '\$5.00', no number: write it such as 1234.5 without '\$'"),
        (["1,5", "2,5", "12 %"], "line 4: y is '12 %', no number: write it such as 1234,5 without '%'"),
        (["5", "inf"], "line 3: y is 'inf', no number"),
        (["1.5", "1,5"], "line 3: y is '1,5', no number"),
        (["1.5", "2.5", "(5)"], r"line 4: y is '.5.', no number: write it such as -1234.5 in place of \(1234.5\)"),
        (["1,5", "n.d."], "line 3: y is 'n.d.', no number: remove the line, or leave y empty if it is missing"),
        (["1.5", "kWh"], "line 3: y is 'kWh', no number: remove the line"),
        (["5", "1e200"], "line 3: y is '1e200', too large"),
        (["5", "1_000"], "line 3: y is '1_000'"),
        (["5", "12.34.567,1"], "line 3"),
        (["5", "1.234"], "line 3: y is '1.234', which may be 1.234 or 1234: pass --decimal"),
        (["5", "-1,234"], "line 3: y is '-1,234', which may be -1234 or -1.234: pass --decimal"),
    ],
)
def test_numbers_are_refused(texts, message):
    with pytest.raises(ValueError, match=message):
        read_numbers(column(texts))


def test_rows_have_the_lines_of_the_file():
    found = table("day;sold\n\n1;5\n2;7\n", ["sold"])
    assert found.text["sold"].to_dict() == {3: "5", 4: "7"} and found.separator == ";" and found.header == 1


def test_times_have_a_form_and_are_written_in_it():
    found = times(["31.1.2024", "1.2.2024"])
    assert found.form == "%d.%m.%Y" and found.write(found.values[1]) == "1.2.2024"


@pytest.mark.parametrize("text", ["2024%01%02", "2024%W01"])
def test_no_form_that_nobody_gave_is_told_of(text):
    with pytest.raises(ValueError, match=f"line 2: day is '{text}', no date in a form that is known: correct it"):
        times([text, text])


def test_a_mark_that_is_of_decimals_and_of_thousands():
    for mark in ".,":
        with pytest.raises(ValueError, match=f"--decimal and --thousands are both '{mark}': leave one out"):
            read_numbers(column(["5", "7"]), decimal=mark, thousands=mark)


def test_advice_about_numbers_works():
    for text, marks, number in [
        ("1.234", {"decimal": "."}, 1.234), ("1.234", {"decimal": ",", "thousands": "."}, 1234),
        ("1,234", {"decimal": ","}, 1.234), ("1,234", {"decimal": ".", "thousands": ","}, 1234),
        ("1.234", {"thousands": "."}, 1234), ("1.234", {"decimal": ","}, 1234),
    ]:  # fmt: skip
        assert read_numbers(column([text]), **marks)[0].tolist() == [number]


# ------------------------------------------------------------------------------------------ times


def times(texts, form=None):
    from fastrnn.command.dates import read_times

    return read_times(column(texts, "day"), form)


@pytest.mark.parametrize("name", csv_files.DATES)
def test_times_are_written_as_they_were_read(name):
    if name == "none":
        return
    rng = np.random.default_rng(0)
    texts, expected = csv_files.times_of(name, 40, lambda options: list(options)[rng.integers(len(options))])
    found = times(texts)
    assert [found.write(time) for time in found.values] == texts


def test_days_and_months_are_told_apart_by_all_rows():
    first = [f"{day:%d/%m/%Y}" for day in pd.date_range("2024-01-01", periods=40)]
    assert times(first).form == "%d/%m/%Y"
    assert times(first[::-1]).values[-1] == pd.Timestamp("2024-01-01")
    starts = [f"{day:%d/%m/%Y}" for day in pd.date_range("2022-01-01", periods=30, freq="MS")]
    assert times(starts).values[1] == pd.Timestamp("2022-02-01")  # in the other order they are not regular
    assert times([f"{day:%m/%d/%Y}" for day in pd.date_range("2022-01-01", periods=30, freq="MS")]).form == "%m/%d/%Y"
    assert times(["01.02.2024", "02.02.2024"]).form == "%d.%m.%Y"
    with pytest.raises(ValueError, match="may be read as %d/%m/%Y or %m/%d/%Y: pass one of them as --date-format"):
        times(first[:12])
    assert times(first[:12], "%m/%d/%Y").values[1] == pd.Timestamp("2024-02-01")


@pytest.mark.parametrize(
    "texts, message",
    [
        (["2024-01-01", "2024-31-01", "2024-01-03"], "line 3: day is '2024-31-01', no date like the others"),
        (["13/01/2024", "14/01/2024", "01/15/2024"], "line 4: day is '01/15/2024'"),
        (["2024Q1", "2024Q5", "2024Q2"], "line 3: day is '2024Q5', no date like the others"),
        (["2024-W52", "2024-W53", "2025-W01"], "line 3: day is '2024-W53'"),
        (["2024Q1", "2024M04"], "line 3: day is '2024M04', no date like the others"),
        (["1", "2", "Total"], "line 4: day is 'Total', unlike others, such as 1"),
        (["5 Mai 2024", "6 Mai 2024"], "line 2: day is '5 Mai 2024', no date in a form that is known"),
        (
            ["2024-01-01T00:00Z", "2024-01-01T01:00", "2024-01-01T02:00Z"],
            "line 3: .*with or without an offset from UTC: write",
        ),
    ],
)
def test_times_are_refused(texts, message):
    with pytest.raises(ValueError, match=message):
        times(texts)


def test_offsets_go_on_as_the_clocks_of_a_place_do():
    hours = pd.date_range("2024-03-28", periods=200, freq="h", tz="Europe/Madrid")
    found = times([hour.isoformat() for hour in hours])
    assert found.write(hours[-1].tz_convert(found.values.tz) + pd.DateOffset(months=8)).endswith("+01:00")
    days = pd.date_range("2024-01-01", periods=200, tz="America/Toronto")
    found = times([f"{day:%Y-%m-%d %H:%M:%S%z}" for day in days])
    assert (np.diff(found.values.tz_localize(None)) == np.timedelta64(1, "D")).all()
    assert found.write(found.values[0]) == "2024-01-01 00:00:00-0500"
    # Changes of no place: the last offset stays.
    found = times(["2024-01-01T00:00+01:00", "2024-01-01T03:30+03:30", "2024-01-01T02:00Z"])
    assert [found.write(time) for time in found.values] == [
        "2023-12-31T23:00Z",
        "2024-01-01T00:00Z",
        "2024-01-01T02:00Z",
    ]


# ------------------------------------------------------------------------------------------ together


def contents(rows, *options):
    with open("data.csv", "w", encoding="utf-8") as file:
        file.write("\n".join(rows) + "\n")
    return read(arguments(["forecast", "data.csv", "--horizon", "3", *options]))


def test_words_for_missing_are_names_in_ids():
    ids = ["NA", "null", "None", "nan", "007"]
    rows = ["land,day,y", *(f"{name},{day},{day}" for name in ids for day in range(5))]
    y = contents(rows, "--id", "land", "--time", "day", "--target", "y").y
    assert list(y["land"].unique()) == ids and y.index.tolist() == list(range(2, 27))
    rows[7] = ",3,3"
    with pytest.raises(ValueError, match="line 8: land is '', which is missing: fill it in"):
        contents(rows, "--id", "land", "--time", "day", "--target", "y")
    rows[7] = "NA,3,None"
    with pytest.raises(ValueError, match="line 8: y is 'None', which is missing: .*--missing interpolate"):
        contents(rows, "--id", "land", "--time", "day", "--target", "y")


def test_what_the_library_says_is_told_with_lines():
    days = [f"{day:%d.%m.%Y}" for day in pd.date_range("2024-01-01", periods=20)]
    rows = ["Laden;Tag;Umsatz", *(f"{shop};{day};{k}" for shop in ("A", "y") for k, day in enumerate(days))]
    options = ["--id", "Laden", "--time", "Tag", "--target", "Umsatz"]
    del rows[31]
    read = contents(rows, *options)
    with pytest.raises(ValueError) as told:
        read_series(read.y, names=read.columns)
    text = read.told(str(told.value))
    assert "y of Laden 'y' has a gap: 2024-01-11 is missing after 2024-01-10, line 31; add" in text
    text = read.told("y of Laden 'y' is NaN at step 3 (2024-01-04)")
    assert text == "y of Laden 'y' is NaN at step 3 (2024-01-04, line 25)"
    assert read.told("y is as it is") == "y is as it is"
    read = contents(["k,n", *(f"{k},1" for k in range(9) if k != 4)], "--time", "k", "--target", "n")
    assert read.told("y of series 'n' has a gap: 4 is missing after 3; do") == (
        "y of series 'n' has a gap: 4 is missing after 3, line 5; do"
    )
    hours = [f"{hour:%d.%m.%Y %H:%M}" for hour in pd.date_range("2024-01-01", periods=9, freq="h", tz="UTC")]
    read = contents(["k,n", *(f"{hour}+00:00,1" for hour in hours)], "--time", "k", "--target", "n")
    assert read.told("y of series 'n' is off at step 3 (2024-01-01 03:00:00)").endswith(" 03:00:00, line 5)")


@pytest.mark.parametrize("freq, wrong", [("D", "2223-04-08"), ("h", "2023-07-08"), ("MS", "2099-01-01")])
@pytest.mark.parametrize("missing", ["error", "interpolate"])
def test_a_mistyped_year_makes_up_no_rows(freq, wrong, missing):
    times = [f"{time:%Y-%m-%d %H:%M}" for time in pd.date_range("2023-03-01", periods=30, freq=freq)]
    rows = ["t,y", *(f"{time},{k}" for k, time in enumerate([*times[:-1], f"{wrong} 00:00"]))]
    match = "there is no row of t" if missing == "error" else f"line 31: t is '{wrong} 00:00', and more rows of the fr"
    with pytest.raises(ValueError, match=match):
        contents(rows, "--time", "t", "--target", "y", "--freq", freq, "--missing", missing)


def test_days_between_which_no_month_begins():
    with pytest.raises(ValueError, match="line 2: t is '2023-03-05', which is not at the frequency MS: correct it"):
        contents(["t,y", "2023-03-05,1", "2023-03-20,2"], "--time", "t", "--target", "y", "--freq", "MS")


def test_half_of_the_rows_may_be_missing():
    rows = ["t,y", *(f"2023-03-{day:02},{day}" for day in range(1, 32, 2) if day != 1), "2023-04-01,0"]
    y = contents(rows, "--time", "t", "--target", "y", "--freq", "D", "--missing", "interpolate").y
    assert len(y) == 30


def test_a_frequency_is_of_dates():
    with pytest.raises(ValueError, match="--freq D is of dates, but k holds whole numbers: leave it out"):
        contents(["k,n", "1,5", "2,6"], "--time", "k", "--target", "n", "--freq", "D")


def test_without_standard_input_a_file_is_asked_for(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(ValueError, match="there is no standard input: name a file"):
        read_table("-", ["y"])


def test_the_output_is_no_file_to_write(folder):
    (folder / "data.csv").write_text("y\n1\n2\n")
    with open(folder / "log", "w") as log, redirected(log):
        args = arguments(["forecast", "data.csv", "--target", "y", "--horizon", "1", "--out", "log"])
        with pytest.raises(ValueError, match="log is where the output goes: name another file, or none, and it is"):
            options.check_outputs(args)


@contextmanager
def redirected(file):
    """What goes to the output of the process goes to a file."""
    kept = os.dup(1)
    os.dup2(file.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def test_names_that_are_not_given_are_those_of_no_column():
    y = contents(["step,series", "5,6"], "--target", "step").y
    assert y.columns.tolist() == ["series", "step_", "step"]
    y = contents(["step,series", "5,6"], "--target", "series", "--time", "step").y
    assert y.columns.tolist() == ["series_", "step", "series"]


def test_steps_left_out_are_filled_in():
    for steps in (range(0, 200, 10), [f"{day:%m/%Y}" for day in pd.date_range("2020", periods=20, freq="MS")]):
        rows = ["k;n", *(f"{step};{n}" for n, step in enumerate(steps) if n != 7)]
        y = contents(rows, "--time", "k", "--target", "n", "--missing", "interpolate").y
        filled, _ = read_series(y, missing="interpolate", names=tuple(y))
        np.testing.assert_array_equal(filled.values[:, 0], np.arange(20.0))
    y = contents(rows, "--time", "k", "--target", "n", "--missing", "interpolate", "--freq", "MS").y
    assert len(y) == 20 and y.index[7] == 0 and np.isnan(y["n"].iloc[7]) and y.index[8] == 9
    with pytest.raises(ValueError, match="no row of k '08/2020': add it"):
        contents(rows, "--time", "k", "--target", "n", "--freq", "MS")
    for freq in ("fortnight", "0D", "-1MS"):
        with pytest.raises(ValueError, match=f"--freq {freq} is not known"):
            contents(rows, "--time", "k", "--target", "n", f"--freq={freq}")


def test_a_step_left_out_is_told_in_full_where_the_file_would_not_write_it():
    rows = ["k;n", *(f"2024-01-{day:02};{day}" for day in range(1, 20))]
    with pytest.raises(
        ValueError, match="of the frequency h, at 2024-01-01 01:00:00, there is no row .* another --freq"
    ):
        contents(rows, "--time", "k", "--target", "n", "--freq", "h")


def test_a_warmed_up_process_has_nothing_left_to_compile(capsys):
    for expected in (r"\d+", "0"):
        assert main(["warmup", "regressor", "--cells", "gru", "rnn"]) == 0
        first, second, last = capsys.readouterr().out.splitlines()
        assert re.fullmatch(rf"regressor, gru, float32: {expected} compiled, \d+\.\d s", first)
        assert second.startswith("regressor, rnn, float32: ")
        assert re.fullmatch(rf"{expected} kernels compiled in .* s; they are kept, for this CPU, in .*", last)


def test_what_can_be_warmed_up_is_what_there_is(capsys):
    assert {*options.KINDS} == {row[0] for row in warmup.USES} and {*options.CELLS} == {*CELLS}
    with pytest.raises(SystemExit, match="2"):
        main(["warmup", "no"])
    error = capsys.readouterr().err
    assert "choice: 'no'" in error and "regressor" in error


@pytest.mark.parametrize("seed", range(60))
def test_generated_files(seed, folder):
    csv_files.outcome(csv_files.generated([77, seed]), folder / "generated.csv")
