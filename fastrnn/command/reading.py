"""A CSV file as the long DataFrame that forecasters take, its index the lines of the file."""

import re
from collections import namedtuple

from fastrnn.command.dates import Times, read_times
from fastrnn.command.numbers import Style, read_numbers
from fastrnn.command.table import pd, read_table, refuse
from fastrnn.frames.calendar import stamp_text

STAMP = re.compile(r"\d{4}-\d\d-\d\d( [\d:.]+)?([-+]\d\d:\d\d)?|((?<=after )|(?<=\())-?\d+")
"""A time in the library's messages."""
TWICE = (
    "as in another row: keep one of them, pass --id if there are several series, or, if clocks were set back, write "
    "offsets such as +02:00 after the times")  # fmt: skip


class Contents(namedtuple("Contents", "y, columns, write, style, options, table")):
    """What a file holds.

    Attributes
    ----------
    y : DataFrame
        With columns of ids, times and numbers, sorted by series and time; the index has the lines of the file, or 0 for
        rows that are not in it.
    columns : tuple of three str
        Their names.
    write : callable
        Writes a time as the file does.
    style : Style
        Of its numbers.
    options : str
        What would say at the command line what was found out about the file.
    table : Table
    """

    def told(self, message):
        """A message of the library, with the lines of times of the series that it names."""
        series, time, _ = self.columns
        for owner, rows in self.y.groupby(series):
            if f"y of {series} {owner!r}" in message:
                lines = {stamp_text(stamp): f", line {line}" for line, stamp in rows[time].items()}
                return STAMP.sub(lambda found, lines=lines: found[0] + lines.get(found[0], ""), message)
        return message


def read(args):
    """The contents of the file that the arguments of the command line name.

    Raises
    ------
    ValueError
        Of one line, that names the file's, for what is no series of numbers.
    OSError
        If there is no such file.
    """
    names = [column for column in (args.id, args.time, args.target) if column is not None]
    if len({*names}) < len(names):
        raise ValueError("--id, --time and --target do not name different columns: name each once")
    for option, value in {"--freq": args.freq, "--date-format": args.date_format}.items():
        if args.time is None and value is not None:
            raise ValueError(f"{option} {value} is of dates: name their column by --time")
    series, time = (f"{name}_" if name in names else name for name in ("series", "step"))
    columns = args.id or series, args.time or time, args.target
    table = read_table(args.data, names, separator=args.sep, decimal=args.decimal, encoding=args.encoding)
    y, style, times = _frame(table.text, columns, args)
    return Contents(y, columns, times.write, style, _options(table, style, times), table)


def _frame(text, columns, args):
    """The long DataFrame, and how its numbers and times are written."""
    series, time, target = columns
    for column in text.columns.drop(target):
        refuse(text[column] == "", text[column], "which is missing: fill it in, or remove the line")
    numbers, style = read_numbers(text[target], decimal=args.decimal, thousands=args.thousands)
    if args.missing == "error":
        refuse(numbers.isna(), text[target], "which is missing: fill it in, or pass --missing interpolate")
    y = pd.DataFrame({series: text[args.id] if args.id else target, time: 0, target: numbers})
    places = y.groupby(series, sort=False)
    times = read_times(text[time], args.date_format) if args.time else Times(places.cumcount())
    y = y.assign(**{time: times.values}, order=places.ngroup())
    if args.time:
        refuse(y.duplicated([series, time]), text[time], TWICE)
    y = y.sort_values(["order", time]).drop(columns="order")
    if args.freq is not None and y[time].dtype.kind != "M":
        raise ValueError(f"--freq {args.freq} is of dates, but {time} holds whole numbers: leave it out")
    return y if args.freq is None else _at_frequency(y, columns, args, times.write), style, times


def _options(table, style, times):
    """What would say at the command line what was found out."""
    separator = {",": "", "\t": "--sep tab"}.get(table.separator, f'--sep "{table.separator}"')
    encoding = "" if table.encoding in ("utf-8", "utf-8-sig") else f"--encoding {table.encoding}"
    dates = "" if times.form is None or times.form.startswith("%Y-%m") else f'--date-format "{times.form}"'
    return " ".join(filter(None, [separator, encoding, style.options() * (style != Style()), dates]))


def _at_frequency(y, columns, args, write):
    """With empty rows for the steps of --freq that are left out, if they may be."""
    try:
        freq = pd.tseries.frequencies.to_offset(args.freq)
        if freq.n < 1:
            raise ValueError
    except ValueError:
        raise ValueError(f"--freq {args.freq} is not known: pass one of pandas', such as h, D, W-MON or MS") from None
    (series, time, target), whole = columns, []
    for owner, part in y.groupby(series, sort=False):
        steps = _steps(*part[time].iloc[[0, -1]], freq, 2 * len(part) + 1)
        what = f"which is not at the frequency {args.freq}: correct it, or pass another --freq"
        refuse(~part[time].isin(steps) & ~(part[time] > steps.max()), part[time].map(write), what)
        absent = steps.difference(part[time])
        if len(absent) and args.missing == "error":
            what = f"of the frequency {args.freq}, at {absent[0]}, there is no row of {time} {write(absent[0])!r}"
            raise ValueError(f"{what}: add it, pass --missing interpolate, or another --freq")
        what = f"and more rows of the frequency {args.freq} are missing before it than there are: correct it"
        refuse(part[time] > steps[: 2 * len(part)].max(), part[time].map(write), f"{what}, or pass another --freq")
        holes = pd.DataFrame({series: owner, time: absent, target: float("nan")}, [0] * len(absent))
        whole.append(pd.concat([part, holes]).sort_values(time, kind="stable"))
    return pd.concat(whole)


def _steps(first, last, freq, most):
    """The times from the first to the last, of which there may be too many to hold: then the first so many at least."""
    try:
        last = min(last, first + most * pd.Timedelta(freq))
    except (ValueError, OverflowError):  # days and what is longer, of which there are not so many
        pass
    return pd.date_range(first, last, freq=freq)
