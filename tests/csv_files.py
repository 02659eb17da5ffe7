"""CSV files as people export them, generated, with what is in them: for the tests and benchmarks.promises.fuzz_csv."""

import csv
import gzip
import re
from dataclasses import dataclass, field
from io import StringIO

import numpy as np
import pandas as pd

from fastrnn.command.options import arguments
from fastrnn.command.reading import read

WORDS = ["", "NA", "nan", "NaN", "null", "None", "N/A", "#N/A"]
IDS = [
    "NA", "null", "None", "nan", "007", "7", "North", "Müller", "a;b", "a,b", 'x "y"', "1e3", "2024-01-01", "True",
    "ñ|x",
]  # fmt: skip
STARTS = ["2019-01-01", "2020-02-27", "2021-12-29", "2023-03-20", "2024-10-20", "1999-06-06"]
ISO = "%Y-%m-%d"
DATES = {  # how often, and in which form
    "iso": ("D", ISO), "iso slashes": ("D", "%Y/%m/%d"), "iso time": ("h", f"{ISO} %H:%M:%S"),
    "iso T": ("h", f"{ISO}T%H:%M"), "fractions": ("250ms", f"{ISO}T%H:%M:%S.%f"), "points": ("D", "%d.%m.%Y"),
    "points time": ("15min", "%d.%m.%Y %H:%M"), "day first": ("D", "%d/%m/%Y"), "month first": ("D", "%m/%d/%Y"),
    "day first time": ("h", "%d/%m/%Y %H:%M"), "am pm": ("h", "%m/%d/%Y %I:%M %p"),
    "am pm iso": ("h", f"{ISO} %I:%M:%S %p"), "short years": ("D", "%d.%m.%y"), "named": ("D", "%d %b %Y"),
    "american": ("D", "%b %d, %Y"), "weekday": ("D", "%a, %d %b %Y"), "weeks": ("W-MON", ISO),
    "months": ("MS", "%Y-%m"), "named months": ("MS", "%b %Y"), "long months": ("MS", "%B %Y"),
    "month/year": ("MS", "%m/%Y"), "month starts": ("MS", "%d/%m/%Y"), "american starts": ("MS", "%m/%d/%Y"),
    "month ends": ("ME", "%d.%m.%Y"), "yyyymmdd": ("D", "%Y%m%d"), "yyyymm": ("MS", "%Y%m"),
    "yyyymmddhh": ("h", "%Y%m%d%H"), "years": ("YS", "%Y"), "quarters": ("QS", "{year}Q{quarter}"),
    "quarters first": ("QS", "Q{quarter} {year}"), "quarters dash": ("QS", "{year}-Q{quarter}"),
    "iso weeks": ("W-MON", "{iso[0]}-W{iso[1]:02}"), "eurostat": ("MS", "{year}M{month:02}"),
    "unpadded": ("D", "{month}/{day}/{year}"), "unpadded time": ("h", "{month}/{day}/{year} {hour}:{minute:02}"),
    "seconds": ("h", "s"), "milliseconds": ("min", "ms"), "numbers": (None, ""), "none": (None, None),
    "utc": ("h", f"{ISO}T%H:%M:%SZ"), "Berlin": ("h", f"{ISO}T%H:%M:%S%:z"), "New York": ("h", f"{ISO} %H:%M:%S%z"),
    "Sydney": ("D", f"{ISO} %H:%M%:z"), "fixed": ("h", f"{ISO}T%H:%M%:z"),
}  # fmt: skip
ZONES = {"utc": "UTC", "Berlin": "Europe/Berlin", "New York": "America/New_York", "Sydney": "Australia/Sydney",
         "fixed": "Etc/GMT-5"}  # fmt: skip
FAULTS = [
    "longer",
    "shorter",
    "word",
    "currency",
    "no id",
    "no time",
    "bad time",
    "twice",
    "missing",
    "encoding",
    "quote",
]


@dataclass
class File:
    """A generated file.

    Attributes
    ----------
    data : bytes
    options : list of str
        Of the command line, beside the file.
    rows : list of (line, id, time as written, time, number)
    fault : str or None
        What is wrong with `line`.
    may_be_asked : bool
        Whether its numbers or dates may be read in two ways.
    kind : str
        What it is of.
    """

    data: bytes
    options: list
    rows: list
    fault: str | None = None
    line: int | None = None
    may_be_asked: bool = False
    kind: dict = field(default_factory=dict)


def generated(seed):
    """A file, by a number."""
    rng = np.random.default_rng(seed)

    def pick(options, p_first=None):
        options = list(options)
        if p_first is not None and rng.random() < p_first:
            return options[0]
        return options[int(rng.integers(len(options)))]

    dates, n_series = pick(DATES), pick([1, 1, 2, 4])
    separator, decimal = pick(",;\t|"), pick(".,", 0.4)
    thousands = pick(["", "", {".": ",", ",": "."}[decimal], " ", "\u00a0", "'"], 0.5)
    fault = pick([None, *FAULTS], 0.6)
    n = int(rng.integers(26, 60))
    texts, times = times_of(dates, n, pick)
    names = list(rng.permutation(IDS)[:n_series]) if n_series > 1 or fault == "no id" else ["y"]
    interpolate = rng.random() < 0.3 and fault != "missing"
    rows = []
    for name in names:
        numbers, written = _numbers(rng, n, decimal, thousands, pick)
        if interpolate:
            for k in rng.integers(n, size=2):
                numbers[k], written[k] = np.nan, pick(WORDS)
        rows += [[name, texts[k], written[k], times[k], numbers[k]] for k in range(n)]
    if dates != "none" and rng.random() < 0.3:
        rows = [rows[k] for k in rng.permutation(len(rows))]
    header = {
        "id": "region",
        "time": pick(["ds", "Datum", "day, time", "Tag der Messung"]),
        "y": pick(["y", "Umsatz in T€", "sold"]),
    }
    columns = ["id"] * (len(names) > 1 or fault == "no id") + ["time"] * (dates != "none") + ["y"]
    columns = [columns[k] for k in rng.permutation(len(columns))]
    for name in ("price", "note", "price", "")[: int(rng.integers(0, 5))]:
        columns.insert(int(rng.integers(len(columns))) if len(columns) > 1 else 0, name)
    options = [f"--target={header['y']}"] + [f"--{key}={header[key]}" for key in ("id", "time") if key in columns]
    options += ["--missing=interpolate"] if interpolate else []
    is_told = rng.random() < 0.3
    if is_told:
        options += [f"--decimal={decimal}"] + ([f"--thousands={thousands}".replace("\u00a0", " ")] if thousands else [])
    if rng.random() < 0.3:
        options += ["--sep=tab" if separator == "\t" else f"--sep={separator}"]
    file = File(b"", options, [], fault)
    file.kind = {"dates": dates, "separator": separator, "numbers": decimal + thousands, "fault": fault}
    file.may_be_asked = (not is_told and _are_two_ways([row[2] for row in rows])) or _are_dates_two_ways(texts)
    _write(file, rng, pick, rows, columns, header, separator)
    return file


def times_of(kind, n, pick):
    """As written, and what they are."""
    freq, form = DATES[kind]
    if freq is None:
        first = pick([0, 1, 100])
        times = list(range(first if form is not None else 0, n + (first if form is not None else 0)))
        return [str(time) for time in times], times
    start = {"YS": "1950", "250ms": "2024-01-05T03:00:00.5"}.get(
        freq, pick(STARTS if form not in ("s", "ms") else STARTS[:-1])
    )
    times = pd.date_range(start, periods=n, freq=freq, tz=ZONES.get(kind))
    if form in ("s", "ms"):
        scale = {"s": 1, "ms": 1000}[form]
        return [str(round(time.timestamp() * scale)) for time in times], list(times)
    if kind == "years":
        return [f"{time:%Y}" for time in times], [time.year for time in times]
    return [_date(time, form) for time in times], list(times)


def _date(time, form):
    if "{" in form:
        parts = {name: getattr(time, name) for name in ("year", "month", "day", "hour", "minute", "quarter")}
        return form.format(**parts, iso=time.isocalendar())
    offset = time.strftime("%z")
    text = time.strftime(form.replace("%:z", offset[:3] + ":" + offset[3:]))
    return re.sub(r"(\.\d{3})000", r"\1", text) if "%f" in form else text


def _numbers(rng, n, decimal, thousands, pick):
    digits = pick([0, 1, 2, 3, 6])
    numbers = np.round(rng.normal(size=n) * 10.0 ** pick([0, 2, 4, 6]) + pick([0, 3000]), digits) + 0.0  # no -0
    style = pick(["", "", "", "plus", "minus", "spaces", "e"])
    return numbers, [_number(number, digits, decimal, thousands, style) for number in numbers]


def _number(number, digits, decimal, thousands, style):
    if style == "e":
        return (
            repr(float(number)).replace(".", decimal)
            if abs(number) < 1e-4
            else f"{float(number)!r}e0".replace(".", decimal)
        )
    text = f"{number:,.{digits}f}".replace(",", "T").replace(".", decimal).replace("T", thousands)
    if style == "plus" and number >= 0:
        text = "+" + text
    if style == "minus":
        text = text.replace("-", "\u2212")
    return f"  {text} " if style == "spaces" else text


def _are_two_ways(texts):
    """Whether all numbers with a mark have one, before three digits."""
    marks = {mark for text in texts for mark in re.findall("[.,]", text)}
    marked = [text for text in texts if re.search("[.,]", text)]
    pattern = r"[-+\u2212]?[1-9]\d{0,2}[.,]\d{3}(e0)?"
    return len(marks) == 1 and all(re.fullmatch(pattern, text.strip()) for text in marked)


def _are_dates_two_ways(texts):
    """Whether days and months are all such as could be the other."""
    parts = [re.match(r"(\d\d?)[/-](\d\d?)[/-]\d+", text) for text in texts]
    return all(parts) and all(max(int(part[1]), int(part[2])) <= 12 for part in parts)


# ------------------------------------------------------------------------------------------ text


def _write(file, rng, pick, rows, columns, header, separator):
    """The bytes of the file, where its rows stand in it, and its fault."""
    end, quoting = pick(["\n", "\r\n", "\r"], 0.5), pick([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    trailing = pick(["", "rows", "all", "header"], 0.6) if len(columns) > 1 else ""
    faulty = int(rng.integers(1, len(rows))) if file.fault else None
    needs = {"no time": "time", "bad time": "time", "other time": "time", "twice": "time", "no id": "id"}
    if needs.get(file.fault, "y") not in columns or (file.fault in ("shorter", "row names") and len(columns) < 2):
        file.fault = "word"

    def line_of(fields):
        text = StringIO()
        csv.writer(text, delimiter=separator, quoting=quoting, lineterminator="\n").writerow(fields)
        return text.getvalue().removesuffix("\n")

    labels = [header.get(name, name) for name in columns]
    while labels and not labels[-1]:  # an unnamed last column with values is refused
        labels[-1] = "more"
    lines = ["Report of 2024", ""] if rng.random() < 0.1 and len(columns) > 1 else []
    lines += [line_of(labels) + separator * (trailing in ("all", "header"))]
    blank = pick([0, 0.1, 0.5], 0.6) if len(columns) > 1 else 0
    for k, (name, written, text, time, number) in enumerate(rows):
        values = {"id": name, "time": written, "y": text}
        extra = [pick(["5", "1.5", "", "é", f"a{separator}b", "two\nlines"], 0.7) for _ in columns]
        fields = [values.get(column, extra[j]) for j, column in enumerate(columns)]
        at = sum(line.count("\n") + 1 for line in lines) + 1
        if k == faulty:
            _spoil(file, fields, columns, rows, k)
            file.line = at
        fields = ["1"] * (file.fault == "row names") + fields + [""] * (trailing in ("rows", "all"))
        lines.append(line_of(fields))
        if k == faulty and file.fault == "quote":
            lines[-1] = '"ab"c' + lines[-1]
        file.rows.append((at, name, written, time, number))
        lines += [""] * (rng.random() < blank)
    lines += pick([[], [""], [separator * len(columns)] * 3], 0.7) if len(columns) > 1 else []
    _encode(file, pick, "\n".join(lines).replace("\n", end) + end * int(rng.random() < 0.9))


def _spoil(file, fields, columns, rows, k):
    """Put the fault into the fields of row k."""
    y, fault = columns.index("y"), file.fault
    time = columns.index("time") if "time" in columns else None
    if fault == "longer":
        fields.append("5")
    elif fault == "shorter":
        fields.pop(0)
    elif fault == "unquoted":
        fields.insert(y + 1, "5")
    elif fault in ("word", "currency", "missing"):
        fields[y] = {"word": "abc", "currency": "$ 5", "missing": "NA"}[fault]
    elif fault == "no id":
        fields[columns.index("id")] = ""
    elif fault in ("no time", "bad time", "other time"):
        fields[time] = {"no time": "", "bad time": "Total", "other time": "31. Januar 2024"}[fault]
    elif fault == "twice":
        fields[time] = rows[k - 1][1]
        if "id" in columns:
            fields[columns.index("id")] = rows[k - 1][0]
    elif fault == "encoding":
        fields[y] = "5\u00e9"


def _encode(file, pick, text):
    encodings = ["utf-8", "utf-8-sig", "utf-16"]
    try:
        text.encode("cp1252")
        encodings.append("cp1252")
    except UnicodeEncodeError:
        pass
    encoding = pick(encodings, 0.5)
    if file.fault == "encoding":
        encoding, text = "latin-1", text.replace("\u2212", "-").replace("€", "E")
        file.options = [option.replace("€", "E") for option in file.options]
        is_first = {number: row for number, row in enumerate(re.split("\r\n|\r|\n", text), 1) if not row.isascii()}
        file.line = min(is_first)
    elif encoding == "cp1252":
        file.options.append("--encoding=cp1252")
    file.data = text.encode(encoding)
    if pick([False, False, True], 0.8):
        file.data = gzip.compress(file.data)
    file.kind["encoding"] = encoding


# ------------------------------------------------------------------------------------------ outcome


def outcome(file, path):
    """What was right: "read", "named" or "asked"; else an AssertionError, or whatever a fault of the reader raises."""
    path.write_bytes(file.data)
    try:
        contents = read(arguments(["forecast", str(path), "--horizon=1", *file.options]))
    except ValueError as error:
        assert type(error) is ValueError and "\n" not in str(error), repr(error)
        if file.fault and not (file.may_be_asked and "may be" in str(error)):
            lines = [row[0] for row in file.rows] if file.fault == "row names" else [file.line]
            assert any(f"line {line}:" in str(error) or f"line {line} " in str(error) for line in lines), str(error)
            return "named"
        assert file.may_be_asked and "may be" in str(error), str(error)
        return "asked"
    assert file.fault is None, f"{file.fault} in line {file.line} was read"
    _compare(contents, file.rows)
    return "read"


def _compare(contents, rows):
    """What was read with what was written, row by row."""
    found = {}
    for line, name, ds, y in contents.y.itertuples():
        found[line] = (name, ds, y)
    assert len(contents.y) == len(rows) == len(found), (len(contents.y), len(rows))
    has_id, has_time = (column in contents.table.text for column in contents.columns[:2])
    for line, name, written, time, number in rows:
        its_name, ds, y = found[line]
        assert its_name == name or not has_id, (line, name, its_name)
        np.testing.assert_equal(y, number, err_msg=f"line {line}")
        assert not has_time or contents.write(ds) == written, (line, written, contents.write(ds))
        assert _instant(ds) == _instant(time) or _local(time) == ds, (line, time, ds)


def _instant(time):
    return time.tz_convert("UTC") if getattr(time, "tzinfo", None) else time


def _local(time):
    return time.tz_localize(None) if getattr(time, "tzinfo", None) else time
