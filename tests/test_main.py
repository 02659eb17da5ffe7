"""The command line, as somebody who has never used it would type it."""

import gzip
import os
import re
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import numpy as np
import pytest
from samples import run_script

import fastrnn
from fastrnn import SequenceForecaster, __version__
from fastrnn.__main__ import AS_OPTIONS, main
from fastrnn.datasets import load_air_passengers

pd = pytest.importorskip("pandas")
pytest.importorskip("matplotlib").use("Agg")

Y, MONTHS = load_air_passengers()
QUICK = ["--horizon", "6", "--season", "12", "--epochs", "1"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(n=60, header="ds,y", dates=None):
    dates = MONTHS[:n] if dates is None else dates
    return [header, *(f"{date},{value:g}" for date, value in zip(dates, Y, strict=False))]


def write(rows, name="data.csv"):
    with open(name, "w", encoding="utf-8") as file:
        file.write("\n".join(rows) + "\n")
    return name


def run(rows, *options, target="y", time="ds"):
    return main(["forecast", write(rows), "--target", target, *(["--time", time] if time else []), *QUICK, *options])


def test_a_file_becomes_a_forecast_and_a_picture(capsys, folder):
    assert run(lines(), "--out", "next.csv", "--plot", "next.png") == 0
    said, bar = capsys.readouterr()
    assert "data.csv: 1 series of 60 steps, 1949-01 to 1953-12" in said
    assert "Backtest on the last 18 steps" in said and "seasonal naive" in said
    assert "frequency MS; steps of a season: 12" in said and "epoch" in bar
    table = pd.read_csv("next.csv")
    assert list(table) == ["ds", "y", "lower_80", "upper_80", "lower_95", "upper_95"]
    assert table["ds"].tolist() == [f"1954-{month:02}" for month in range(1, 7)]
    forecaster = SequenceForecaster(horizon=6, season=12, max_iter=1, random_state=0).fit(Y[:60])
    np.testing.assert_allclose(table["y"], forecaster.predict(), rtol=1e-9)
    np.testing.assert_allclose(table[["lower_95", "upper_95"]], forecaster.predict_interval(0.95), rtol=1e-9)
    assert (folder / "next.png").read_bytes()[:4] == b"\x89PNG"
    assert {path.name for path in folder.iterdir()} == {"data.csv", "next.csv", "next.png"}
    before = (folder / "next.csv").read_bytes()
    assert run(lines(), "--out", "next.csv", "--no-backtest") == 0
    assert (folder / "next.csv").read_bytes() == before
    assert "Backtest" not in capsys.readouterr().out


def test_intervals_whose_shares_are_nearly_the_same_have_names_of_their_own():
    shares = ["0.8", "0.80001", "0.99999", "0.999999"]
    assert run(lines(), "--no-backtest", "--out", "next.csv", "--coverage", *shares) == 0
    table = pd.read_csv("next.csv")
    ends = ["lower_80", "upper_80", "lower_80.001", "upper_80.001", "lower_99.999", "upper_99.999", "lower_99.9999"]
    assert list(table) == ["ds", "y", *ends, "upper_99.9999"]


def test_many_series_in_a_file(capsys):
    rows = ["shop,day,sold"]
    rows += [f"{shop},{day:%d.%m.%Y},{k * Y[i]:g}" for i, day in enumerate(pd.date_range("2020", periods=70))
             for k, shop in ((1, "north"), (2, "01")) if k < 2 or i >= 20]  # fmt: skip
    options = ["--id", "shop", "--out", "next.csv", "--plot", "next.svg", "--coverage", "0.5"]
    assert run(rows, *options, target="sold", time="day") == 0
    assert "2 series of 50-70 steps, 01.01.2020 to 10.03.2020" in capsys.readouterr().out
    table = pd.read_csv("next.csv", dtype={"shop": str})
    assert list(table) == ["shop", "day", "sold", "lower_50", "upper_50"]
    assert table["shop"].tolist() == ["north"] * 6 + ["01"] * 6 and table["day"][0] == "11.03.2020"
    assert (table["upper_50"] >= table["lower_50"]).all()


TIMES = {
    "none": (None, "60"),
    "years": (np.arange(1900, 1960), "1960"),
    "hours": ([f"2020-01-0{1 + k // 24}T{k % 24:02}:00:00Z" for k in range(60)], "2020-01-03T12:00:00Z"),
    "summer": (
        [f"2020-03-{29 + k // 24:02}T{k % 24:02}:00+0{1 + (k > 1)}:00" for k in [0, 1, *range(3, 61)]],
        "2020-03-31T13:00+02:00",
    ),
    "americans": ([f"{d:%m/%d/%Y}" for d in pd.date_range("2020", periods=60)], "03/01/2020"),
    "hours alone": ([f"2020-01-{1 + k // 24:02} {k % 24:02}" for k in range(60)], "2020-01-03 12"),
    "hours alone of Germans": ([f"{1 + k // 24:02}.01.2020 {k % 24:02}" for k in range(60)], "03.01.2020 12"),
    "backwards": (MONTHS[:60], "1954-01"),
}


@pytest.mark.parametrize("name", TIMES)
def test_times_are_written_as_they_were_read(name, capsys):
    dates, following = TIMES[name]
    rows = lines(dates=dates) if dates is not None else lines()
    rows = rows[:1] + rows[:0:-1] if name == "backwards" else rows
    assert run(rows, "--out", "next.csv", "--no-backtest", time="ds" if dates is not None else None) == 0
    table = pd.read_csv("next.csv", dtype=str)
    assert table.iloc[0, 0] == following, capsys.readouterr().out


def test_months_that_begin_on_the_15th(capsys):
    dates = pd.date_range("2010-01-15", periods=66, freq=pd.DateOffset(months=1)).astype(str)
    assert run(lines(dates=dates[:60]), "--out", "next.csv", "--no-backtest") == 0
    assert pd.read_csv("next.csv")["ds"].str[:10].tolist() == dates[60:].tolist()
    assert "frequency DateOffset(months=1);" in capsys.readouterr().out


def test_gaps_are_filled_on_request(capsys):
    rows = lines(dates=pd.date_range("2020", periods=60).astype(str))
    rows[30] = rows[30].split(",")[0] + ","
    del rows[20:22]
    for options in ([], ["--freq", "D"]):
        assert run(rows, "--missing", "interpolate", "--out", "next.csv", *options) == 0
        assert "season: 12" in capsys.readouterr().out
    y = Y[:60].copy()
    y[[19, 20, 29]] = np.nan
    options = {"missing": "interpolate", "max_iter": 1, "random_state": 0}
    forecaster = SequenceForecaster(horizon=6, season=12, **options).fit(y)
    np.testing.assert_allclose(pd.read_csv("next.csv")["y"], forecaster.predict(), rtol=1e-9)


def test_a_gap_where_the_backtest_begins(capsys):
    rows = lines(dates=pd.date_range("2020", periods=60).astype(str))
    del rows[42]
    assert run(rows, "--missing", "interpolate") == 0
    said = capsys.readouterr().out
    assert "1 series of 60 steps" in said and "the last 18 steps" in said and "\n3 forecasts of 6 steps" in said


def test_without_a_file_to_write_it_is_printed(capsys):
    assert run(lines(24), "--season", "none") == 0
    said = capsys.readouterr().out
    assert "1951-06" in said and "season: 1\n" in said


def test_a_series_that_never_changes(capsys):
    rows = ["y", *["5"] * 60]
    assert run(rows, "--season", "auto", "--out", "next.csv", time=None) == 0
    np.testing.assert_allclose(pd.read_csv("next.csv").iloc[:, 1:], 5)
    assert "nan" in capsys.readouterr().out


def test_a_short_file_has_no_backtest(capsys):
    assert run(lines(20)) == 0
    assert "no backtest: it needs 25 rows" in capsys.readouterr().out


def changed(place, line):
    rows = lines()
    rows[place] = line
    return rows


WRONG = {
    "column": (lines(), ["--target", "Y"], r"no column 'Y' \(is it 'y'\?\); it has: ds, y"),
    "columns": (lines(), ["--time", "y"], "do not name different columns"),
    "separator": (lines(header="ds;y"), [], "line 2 has 1 field, but the header .* has 2 names, separated by ';'"),
    "date": (changed(7, "1949-31,1"), [], "line 8: ds is '1949-31', no date like the others"),
    "no_date": (changed(7, ",1"), [], "line 8: ds is '', which is missing: fill it in, or remove the line"),
    "mixed": (lines(dates=[f"{d:%d/%m/%Y}" for d in pd.date_range("2020", periods=12)]), [], "may be read as"),
    "zones": (
        changed(7, "1949-07-01T00:00+02:00,1"),
        [],
        r"line 8: ds is '1949-07-01T00:00\+02:00', unlike others with or without an offset from UTC",
    ),
    "number": (changed(9, "1949-09,$5"), [], "line 10: y is '.5', no number: write it such as 1234.5 without '.'"),
    "nan": (
        changed(9, "1949-09,"),
        [],
        "line 10: y is '', which is missing: fill it in, or pass --missing interpolate",
    ),
    "twice": (changed(9, "1949-08,1"), [], "line 10: ds is '1949-08', as in another row: keep one of them, .* --id"),
    "gap": (
        lines()[:30] + lines()[32:],
        [],
        "y of series .y. has a gap: 1951-06-01 is missing after 1951-05-01, line 30; .*pass --missing interpolate",
    ),
    "off": (lines(), ["--freq", "QS"], "line 3: ds is '1949-02', which is not at the frequency QS"),
    "marks": (
        changed(9, "1949-09,1.5"),
        ["--decimal", ","],
        "line 10: y is '1.5', no number: write it such as 1234,5, or leave out --decimal and --thousands",
    ),
    "set back": (
        ["ds,y", "2024-10-27 01:30,5", "2024-10-27 02:00,5", "2024-10-27 02:30,5", "2024-10-27 02:00,5"],
        [],
        r"line 5: ds is '2024-10-27 02:00', as in another row: .*write offsets such as \+02:00",
    ),
    "summer time": (
        ["ds,y", "2024-10-27 01:30 CEST,5", "2024-10-27 02:00 CET,5"],
        [],
        r"line 2: ds is '2024-10-27 01:30 CEST', no date in a form that is known: .* write a time zone as an offset",
    ),
    "frequency": (lines(), ["--freq", "fortnight"], "fortnight"),
    "short": (lines(18), [], "the longest series has 18 rows; .* needs 19"),
    "one_short": (
        ["id,ds,y", *(f"{k},{line}" for k, n in (("a", 60), ("b", 9)) for line in lines(n)[1:])],
        ["--id", "id"],
        "series 'b' has 9 rows; with this season it needs 13",
    ),
    "called_as_an_end": (lines(header="lower_80,y"), ["--time", "lower_80"], "the column lower_80 is called like"),
    "called_lower": (lines(header="lower,y"), ["--time", "lower"], "the column lower is called like"),
    "empty": ([""], [], "data.csv is empty"),
    "no_rows": (["ds,y"], [], "data.csv has no rows"),
    "ragged": (changed(9, "1949-09,1,2,3"), [], "line 10 has 4 fields"),
    "out": (lines(), ["--out", "nowhere/next.csv"], "nowhere/next.csv cannot be written"),
    "folder": (lines(), ["--plot", "folder.png"], "folder.png cannot be written"),
    "picture": (lines(), ["--plot", "next.jpeg2"], "Format 'jpeg2' is not supported .*png"),
    "itself": (lines(), ["--out", "./data.csv"], "is the file to read"),
    "infinite": (changed(9, "1949-09,inf"), [], "line 10: y is 'inf', no number"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_in_a_line(name, folder, capsys):
    rows, options, text = WRONG[name]
    (folder / "folder.png").mkdir()
    assert run(rows, *options) == 2
    said, error = capsys.readouterr()
    assert re.match(f"error: .*{text}", error) and error.count("\n") == 1 and "epoch" not in error, error
    assert {path.name for path in folder.iterdir()} == {"data.csv", "folder.png"}


def test_a_file_that_is_not_there_or_is_no_text(folder, capsys):
    assert main(["forecast", "none.csv", "--target", "y", *QUICK]) == 2
    assert capsys.readouterr().err == "error: none.csv: No such file or directory\n"
    assert main(["forecast", ".", "--target", "y", *QUICK]) == 2
    assert capsys.readouterr().err == "error: .: Is a directory\n"
    (folder / "data.csv").write_bytes(b"ds,y\n\xff\xfe,1\n")
    assert main(["forecast", "data.csv", "--target", "y", *QUICK]) == 2
    assert "line 2: data.csv is not in utf-8: pass another --encoding" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--horizon", "0"],
        ["--coverage", "80"],
        ["--season", "month"],
        ["--epochs", "many"],
        ["--hidden", "3"],
        ["--seed", "-1"],
        ["--seed", "first"],
        ["--seed", str(2**32)],
    ],  # fmt: skip
)
def test_options_that_are_none(options, capsys):
    with pytest.raises(SystemExit) as stopped:
        run(lines(), *options)
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and options[0] in error and "invalid" not in error


@pytest.mark.parametrize("season", [["auto", "12"], ["none", "12"], ["12", "auto"], ["auto", "none"]])
def test_a_season_that_another_would_hide(season, capsys, folder):
    assert run(lines(), "--season", *season, "--out", "next.csv") == 2
    error = capsys.readouterr().err
    assert re.match("error: --season auto or none stands alone: leave out", error) and "epoch" not in error
    assert not (folder / "next.csv").exists()


def test_the_largest_seed_is_one():
    assert run(lines(), "--seed", str(2**32 - 1), "--no-backtest") == 0


@pytest.mark.parametrize("options", [["--freq", "D"], ["--date-format", "%d.%m.%Y"]])
def test_options_of_dates_need_a_column_of_dates(options, capsys, folder):
    (folder / "data.csv").write_text("\n".join(lines()))
    assert main(["forecast", "data.csv", "--target", "y", *options, *QUICK]) == 2
    assert f"{options[0]} {options[1]} is of dates: name their column by --time" in capsys.readouterr().err


def test_the_output_has_the_form_of_the_file(capsys, folder):
    days = [f"{day:%d.%m.%Y}" for day in pd.date_range("2024-01-01", periods=40)]
    rows = [f"{name};{day};1.00{k % 7},5;" for name in ("NA", "ü") for k, day in enumerate(days)]
    rows = ["Größe;Tag;Umsatz (T€);", *rows]
    (folder / "data.csv").write_bytes("\r\n".join(rows).encode("cp1252"))
    options = ["--id", "Größe", "--time", "Tag", "--target", "Umsatz (T€)", "--encoding", "cp1252", "--no-backtest"]
    assert main(["forecast", "data.csv", *options, *QUICK, "--season", "7", "--out", "next.csv"]) == 0
    said = capsys.readouterr().out
    assert 'read with --sep ";" --encoding cp1252 --decimal "," --thousands "." --date-format "%d.%m.%Y"' in said
    header, first, *others = (folder / "next.csv").read_text(encoding="cp1252").splitlines()
    assert header == "Größe;Tag;Umsatz (T€);lower_80;upper_80;lower_95;upper_95"
    assert re.fullmatch(r"NA;10.02.2024(;100\d(,\d+)?){5}", first) and others[-1].startswith("ü;15.02.2024;")
    # A name that says gzip is true.
    plain = (folder / "next.csv").read_bytes()
    for _ in range(2):
        assert main(["forecast", "data.csv", *options, *QUICK, "--season", "7", "--out", "next.csv.gz"]) == 0
        kept = (folder / "next.csv.gz").read_bytes()
    assert gzip.decompress(kept) == plain and kept[4:8] == bytes(4)  # no time of day
    # Where the separator is a comma as well, numbers are quoted, and read again.
    assert run(["ds,y", *(f'{k},"{k % 12},5"' for k in range(60))], "--no-backtest", "--out", "next.csv") == 0
    table = pd.read_csv("next.csv", decimal=",")
    assert table["ds"].tolist() == list(range(60, 66)) and table["y"].between(-1, 13).all()


@pytest.mark.parametrize("options", [["--target", "x"], ["--time", "date"], ["--out", "none/next.csv"], []])
def test_what_is_wrong_is_told_before_the_heavy_imports(options):
    write(changed(30, "1951-06,x"))
    code = "import sys; from fastrnn.__main__ import main; print(main(), {'numba', 'sklearn'} & {*sys.modules})"
    command = [sys.executable, "-c", code, "forecast", "data.csv", "--target", "y", "--time", "ds", *QUICK, *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "2 set()\n" and done.stderr.startswith("error: ")


def test_what_an_estimator_does_not_use_is_not_imported():
    seldom = "recurrent", "layer_norm", "minimal", "noise", "projection", "slstm", "decay", "ctc", "crf", "rtrl"
    run_script(f"""
import sys
import numpy as np
from fastrnn import SequenceClassifier

assert not {{"numba", "tqdm"}} & {{*sys.modules}}
model = SequenceClassifier(cell="gru", max_iter=1, hidden_size=4, recurrent_dropout=0.0)
model.fit([np.ones((2, 1)), np.zeros((3, 1))], [0, 1])
names = [f"fastrnn.{{part}}.{{name}}" for part in ("layers", "kernels") for name in {seldom}]
assert not {{*names}} & {{*sys.modules}}
""")


def test_names_are_imported_when_they_are_asked_for():
    import fastrnn

    assert all(hasattr(fastrnn, name) for name in fastrnn.__all__) and {*fastrnn.__all__} <= {*dir(fastrnn)}
    assert fastrnn.inspection.ForecastDisplay and fastrnn.__version__ == fastrnn.versions.VERSION
    with pytest.raises(AttributeError, match="module 'fastrnn' has no attribute 'SequenceClasifier'"):
        fastrnn.SequenceClasifier  # noqa: B018


def test_what_is_imported_when_it_is_used():
    """Not with the estimators: Numba, what scikit-learn does not import itself, and optional packages."""
    script = """
import sys, sklearn.base
known = {*sys.modules}
import fastrnn
assert all(hasattr(fastrnn, name) for name in fastrnn.__all__) and fastrnn.online.OnlineClassifier
late = "numba", "sklearn.metrics", "sklearn.model_selection", "pandas", "polars", "narwhals", "matplotlib", "onnx"
print(sorted({*late} & {*sys.modules} - known))
"""
    assert run_script(script) == "[]\n"


def test_a_file_to_write_must_be_one(folder, capsys):
    for path in ("data.csv", "./data.csv", ".", "/dev/null", "none/next.csv"):
        assert run(lines(), "--out", path) == 2
        assert re.match("error: .* (is the file to read|cannot be written): name ", capsys.readouterr().err), path
    (folder / "twin.csv").hardlink_to("data.csv")
    assert run(lines(), "--out", "twin.csv") == 2 and "is the file to read" in capsys.readouterr().err
    assert run(lines(), "--out", "next.png", "--plot", "next.png") == 2 and "named twice" in capsys.readouterr().err


def test_standard_input_is_read(monkeypatch, capsys):
    with open(write(lines()), encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert main(["forecast", "-", "--target", "y", "--time", "ds", *QUICK, "--no-backtest"]) == 0
    assert capsys.readouterr().out.startswith("standard input: 1 series")


def test_an_interrupt_is_quiet(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("fastrnn.command.reading.read", interrupted)
    assert run(lines()) == 130 and capsys.readouterr() == ("", "")


def test_a_fit_that_is_interrupted_gives_no_forecast(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("fastrnn.optimizers.Sweeps.rule", interrupted)
    assert run(lines(), "--out", "next.csv") == 130
    assert "interrupted" not in capsys.readouterr().err and not Path("next.csv").exists()


def test_a_broken_pipe_is_quiet(monkeypatch, capsys):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert run(lines(), "--no-backtest") == 141
    assert "rror" not in capsys.readouterr().err


def test_names_that_a_terminal_cannot_show_end_nothing(monkeypatch):
    terminal = TextIOWrapper(BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert run(lines(header="ds,größe"), "--no-backtest", target="größe") == 0
    assert b"gr??e" in terminal.buffer.getvalue()


def test_help_tells_what_there_is(capsys):
    assert main([]) == 0 and "forecast" in capsys.readouterr().out
    for words in ([], ["forecast"]):
        with pytest.raises(SystemExit) as stopped:
            main([*words, "--help"])
        assert stopped.value.code == 0 and "forecast" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--version"])
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize("package", ["pandas", "matplotlib"])
def test_what_is_not_installed_is_named(package):
    code = f"import sys; sys.modules[{package!r}] = None; from fastrnn.__main__ import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "forecast", write(lines()), "--target", "y", *QUICK, "--plot", "next.png"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and f'pip install "{package}>=3.' in done.stderr, done.stderr


def test_what_needs_no_pandas():
    script = """
import sys
sys.modules["pandas"] = None
from fastrnn.__main__ import main
print(main([]) or main(["warmup", "regressor", "--cells", "rnn"]))
"""
    assert run_script(script).endswith("\n0\n")


def test_no_half_file_is_left(monkeypatch, folder):
    write(["old"], "next.csv")

    def fail(self, path, **options):
        write(["half"], path)
        raise OSError("no space left")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    assert run(lines(), "--no-backtest", "--out", "next.csv") == 2
    assert (folder / "next.csv").read_text() == "old\n"
    assert {path.name for path in folder.iterdir()} == {"data.csv", "next.csv"}


@pytest.mark.parametrize("advice", AS_OPTIONS)
def test_advice_that_is_put_otherwise_is_given(advice):
    texts = (path.read_text(encoding="utf-8") for path in Path(fastrnn.__file__).parent.rglob("*.py"))
    assert sum(advice in text for text in texts) > 1


def test_as_a_process():
    command = [sys.executable, "-m", "fastrnn", "forecast", write(lines()), "--target", "x", *QUICK]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and "Traceback" not in done.stderr
    command[command.index("x")] = "y"
    done = subprocess.run([*command, "--time", "ds"], capture_output=True, text=True)
    assert done.returncode == 0 and "1954-06" in done.stdout
