"""A CSV file as the long DataFrame that forecasters take, its index the lines of the file."""

import re
from collections import namedtuple

from fastrnn.command.numbers import Style, read_numbers
from fastrnn.command.table import read_table
from fastrnn.frames.offsets import pd

OF_TIMES = re.compile(
    r"(?P<who>y of unique_id (?P<id>'[^']*'|\"[^\"]*\"))|step (?P<step>\d+)( \([^)]*\))?"
    r"|(?P<time>\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d(\.\d+)?)?([-+]\d\d:\d\d)?|(?<=after )-?\d+|(?<=before )-?\d+)"
    r"|\b(?P<name>unique_id|ds|y)\b(?!')")  # fmt: skip
"""What messages of the library say of series, steps and timestamps."""


class Contents(namedtuple("Contents", "y, write, names, style, options, table")):
    """What a file holds.

    Attributes
    ----------
    y : DataFrame
        With the columns unique_id, ds and y, sorted by series and time; the index has the lines of the file, or 0 for
        rows that are not in it.
    write : callable
        Writes a time as the file does.
    names : dict of str to str
        The columns of the file that became unique_id, ds and y, where there are such.
    style : Style
        Of its numbers.
    options : str
        What would say at the command line what was found out about the file.
    table : Table
    """

    def told(self, message):
        """A message of the library in the file's own terms: its names, dates and lines."""
        owner = None

        def translated(match):
            nonlocal owner
            if match["who"]:
                owner = match["id"][1:-1]
                series = self.names.get("unique_id")
                return self.names["y"] + (f" of {series} {owner!r}" if series else "")
            if match["name"]:
                return self.names.get(match["name"], match["name"])
            rows = self.y if owner is None else self.y[self.y["unique_id"] == owner]
            if match["step"]:
                return self._place(rows.iloc[int(match["step"]) :]) or match[0]
            return self._time(rows, match["time"])

        return OF_TIMES.sub(translated, message)

    def _place(self, rows):
        return f"line {rows.index[0]}" if len(rows) and rows.index[0] else ""

    def _time(self, rows, text):
        """A timestamp as the file writes it, with its line."""
        is_dated = rows["ds"].dtype.kind == "M"
        if not is_dated and not text.lstrip("-").isdigit():
            return text
        time = pd.Timestamp(text) if is_dated else int(text)
        if is_dated and time.tz is None and rows["ds"].dt.tz is not None:
            return text
        place = self._place(rows[rows["ds"] == time])
        return self.write(time) + f" ({place})" * bool(place)


def read(args):
    """The contents of the file that the arguments of the command line name.

    Raises
    ------
    ValueError
        Of one line, that names the file's, for what is no series of numbers.
    OSError, ImportError
        If there is no such file, or no pandas.
    """
    given = {"unique_id": args.id, "ds": args.time, "y": args.target}
    names = {name: column for name, column in given.items() if column is not None}
    columns = list(names.values())
    if len(set(columns)) < len(columns):
        raise ValueError("--id, --time and --target do not name different columns: name each once")
    for option, value in {"--freq": args.freq, "--date-format": args.date_format}.items():
        if args.time is None and value is not None:
            raise ValueError(f"{option} {value} is of dates: name their column by --time")
    table = read_table(args.data, columns, separator=args.sep, decimal=args.decimal, encoding=args.encoding)
    for column in columns[:-1]:
        _refuse_missing(table, column, [text or None for text in table.columns[column]], "remove the line")
    marks = {"decimal": args.decimal, "thousands": args.thousands}
    numbers, style = read_numbers(table.columns[args.target], table.lines, args.target, **marks)
    if args.missing == "error":
        _refuse_missing(table, args.target, numbers, "pass --missing interpolate")
    y, times = _frame(table, numbers, args)
    y = _in_order(y, args, times.write)
    return Contents(y, times.write, names, style, _options(table, style, times), table)


def _refuse_missing(table, column, values, advice):
    """An error for the first None or NaN."""
    for value, text, line in zip(values, table.columns[column], table.lines, strict=True):
        if value is None or value != value:
            what = f"{column} is {text!r}, which is none" if text else f"there is no {column}"
            raise ValueError(f"line {line}: {what}: fill it in, or {advice}")


def _frame(table, numbers, args):
    """The long DataFrame as the file has it, and its times."""
    from fastrnn.command.dates import Times, read_times

    ids = pd.Series(table.columns[args.id] if args.id else args.target, table.lines, dtype=object)
    y = pd.DataFrame({"unique_id": ids, "y": numbers})
    if args.time is None:
        times = Times(y.groupby("unique_id", sort=False).cumcount())
    else:
        times = read_times(pd.Series(table.columns[args.time], table.lines, dtype=object), args.time, args.date_format)
    return y.assign(ds=times.values), times


def _options(table, style, times):
    """What would say at the command line what was found out."""
    separator = {",": "", "\t": "--sep tab"}.get(table.separator, f'--sep "{table.separator}"')
    encoding = "" if table.encoding in ("utf-8", "utf-8-sig") else f"--encoding {table.encoding}"
    dates = "" if times.form is None or times.form.startswith("%Y-%m") else f'--date-format "{times.form}"'
    return " ".join(filter(None, [separator, encoding, style.options() * (style != Style()), dates]))


# ------------------------------------------------------------------------------------------ order


def _in_order(y, args, write):
    """Sorted by series, as they come, and time; on the grid of a frequency if that is asked for."""
    y = y.assign(order=y.groupby("unique_id", sort=False).ngroup()).sort_values(["order", "ds"]).drop(columns="order")
    return y if args.freq is None or y["ds"].dtype.kind != "M" else _at_frequency(y, args, write)


def _at_frequency(y, args, write):
    """With empty rows for the steps of --freq that are left out, if they may be."""
    try:
        freq = pd.tseries.frequencies.to_offset(args.freq)
    except ValueError:
        raise ValueError(f"--freq {args.freq} is not known: pass one of pandas', such as h, D, W-MON or MS") from None
    whole = []
    for owner, part in y.groupby("unique_id", sort=False):
        steps = pd.date_range(*part["ds"].iloc[[0, -1]], freq=freq)
        off, absent = part[~part["ds"].isin(steps)], steps.difference(part["ds"])
        if len(off):
            what = f"which is not at the frequency {args.freq}: correct it, or pass another --freq"
            raise ValueError(f"line {off.index[0]}: {args.time} is {write(off['ds'].iloc[0])!r}, {what}")
        if len(absent) and args.missing == "error":
            what = f"there is no row of {args.time} {write(absent[0])!r}"
            raise ValueError(f"{what}: add it, or pass --missing interpolate")
        holes = pd.DataFrame({"unique_id": owner, "y": float("nan"), "ds": absent}, [0] * len(absent))
        whole.append(pd.concat([part, holes]).sort_values("ds", kind="stable"))
    return pd.concat(whole)
