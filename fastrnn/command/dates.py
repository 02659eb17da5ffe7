"""Times as people write them: one form for all rows of a file, in which forecasts are written as well."""

import calendar
import re
from collections import namedtuple
from contextlib import suppress
from datetime import date
from functools import partial
from itertools import product
from zoneinfo import available_timezones

import numpy as np

from fastrnn.wording import optional

pd = optional("pandas", "reading a file takes pandas")

SAMPLE = 50
"""Rows that show in which forms a column may be."""
CLOCK = r"T\d\d?(:\d\d){0,2}(\.\d+)?|,? +(\d\d?(:\d\d){1,2}(\.\d+)?( ?[AP]M)?|\d\d? ?[AP]M)"
DATE = re.compile(rf"(?P<day>.*?\w)(?P<clock>{CLOCK})?", re.IGNORECASE)
ORDERS = {
    "Ynn": ["Ymd"], "nnY": ["dmY", "mdY"], "nnn": ["dmy", "mdy", "ymd"], "Yn": ["Ym"], "nY": ["mY"], "nbY": ["dbY"],
    "nbn": ["dby"], "bnY": ["bdY"], "Ybn": ["Ybd"], "bY": ["bY"], "bn": ["by"], "Yb": ["Yb"]}  # fmt: skip
"""What years of four digits, names of months and other numbers, in an order, may be: letters of strptime."""
NAMED_ZONE = r".*:\d\d(\.\d+)? ?(?![AP]M\b)[A-Z]{2,5}"
"""Summer and winter time have names that mean this or that elsewhere."""
PART = r"(?P<year>\d{4})[ ./-]?(?P<kind>[QWMqwm])-?(?P<part>\d\d?)"
PART_FIRST = r"(?P<kind>[QWMqwm])-?(?P<part>\d\d?)[ ./-]?(?P<year>\d{4})"
PARTS = {"Q": (lambda year, k: date(year, 3 * k - 2, 1), lambda day: (day.year, day.quarter)),
         "W": (lambda year, k: date.fromisocalendar(year, k, 1), lambda day: day.isocalendar()[:2]),
         "M": (lambda year, k: date(year, k, 1), lambda day: (day.year, day.month))}  # fmt: skip
"""The first day of a quarter, week or month of a year, and which one a day is in."""
DIGITS = {6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
"""Of whole numbers that are dates."""
EPOCHS = {10: "s", 13: "ms", 16: "us", 19: "ns"}
"""Of whole numbers that count these units since 1970, if they are no such dates."""
NOTHING, SHORT_DAY, SHORT_HOUR = "$^", r"(?<![\d:])0(?=\d[/.\- ])", r"(?<= )0(?=\d:)"
"""Zeros that some leave out."""
Times = namedtuple("Times", "values, write, form", defaults=(str, None))
"""What a column of times holds: values for pandas, how one is written, and what --date-format would say."""
WITH_OFFSET = r"^(?P<local>.*\d:\d\d(?::\d\d)?(?:\.\d+)?(?: ?[AP]M)?)(?P<offset> ?(?:Z|UTC|GMT|[-+]\d\d(?::?\d\d)?))$"
ZONES = ["Europe/Berlin", "Europe/London", "Europe/Athens", "America/New_York", "America/Chicago", "America/Denver",
         "America/Los_Angeles", "Australia/Sydney", "Pacific/Auckland"]  # fmt: skip
"""Tried before all others."""


def read_times(text, column, form=None):
    """Whole numbers, dates, or quarters, weeks and months of a year.

    Parameters
    ----------
    text : Series of str
        With the lines of the file as its index.
    column : str
        Its name, for messages.
    form : str, optional
        Of dates, as strptime has it; by default the one in which all rows are dates.

    Returns
    -------
    Times

    Raises
    ------
    ValueError
        If there is no such form, or there are several by which the dates differ.

    Examples
    --------
    >>> times = read_times(pd.Series(["31.1.2024", "1.2.2024"]), "day")
    >>> times.form, times.write(times.values[1])
    ('%d.%m.%Y', '1.2.2024')
    """
    for pattern, reader in READERS.items():
        fits = text.str.fullmatch(pattern)
        if form is None and fits.mean() > 0.5:
            refuse(~fits, text, column, f"unlike others, such as {text[fits.idxmax()]}: correct it")
            return reader(text, column, pattern)
    local, offsets = (text, None) if form and "%z" not in form else without_offsets(text, column)
    found, dates = _agreed(local, column, [form.replace("%z", "").rstrip()] if form else _forms(local))
    write = _writer(found, dates, local)
    label = None if found == "ISO8601" else found + "%z" * (offsets is not None)
    if offsets is None:
        return Times(pd.DatetimeIndex(dates), write, label)
    times, offset_of = located(pd.DatetimeIndex(dates), offsets)
    return Times(times, lambda time: write(time.tz_localize(None)) + offset_of(time), label)


def refuse(wrong, text, column, what):
    """An error that names the first line of the file whose text in a column is wrong, if there is any."""
    for line in wrong.index[wrong]:
        raise ValueError(f"line {line}: {column} is {str(text[line])!r}, {what}")


# ------------------------------------------------------------------------------------------ numbers


def _whole_numbers(text, *_):
    """Dates without anything between, what has passed since 1970, or just numbers."""
    numbers, digits = text.astype(np.int64), len(text.iloc[0])
    if digits in DIGITS:
        years = text.where(text.str.fullmatch(rf"(19|20)\d{{{digits - 2}}}"))
        dates = pd.to_datetime(years, format=DIGITS[digits], errors="coerce")
        if dates.notna().all():
            return Times(pd.DatetimeIndex(dates), partial(pd.Timestamp.strftime, format=DIGITS[digits]), DIGITS[digits])
    if digits in EPOCHS and text.str.fullmatch(rf"[1-9]\d{{{digits - 1}}}").all():
        times = pd.DatetimeIndex(pd.to_datetime(numbers, unit=EPOCHS[digits]))
        return Times(times, lambda time: str((time - pd.Timestamp(0)) // pd.Timedelta(1, EPOCHS[digits])))
    return Times(numbers.to_numpy())


def _parts(text, column, pattern):
    """Quarters, weeks or months of a year."""
    matches = [re.fullmatch(pattern, each) for each in text]
    first, kind = matches[0], matches[0]["kind"].upper()
    days = pd.to_datetime(pd.Series([_first_day(match, kind) for match in matches], text.index))
    refuse(days.isna(), text, column, f"but the first is {first.string}: correct it")
    width = min(len(match["part"]) for match in matches)
    start, _, between, *_ = re.split(r"(\d+)", first.string)

    def write(day):
        year, part = PARTS[kind][1](day)
        numbers = str(year), f"{part:0{width}}"
        return start + between.join(numbers if pattern == PART else numbers[::-1])

    return Times(pd.DatetimeIndex(days), write)


def _first_day(match, kind):
    """None if there is no such part of a year, or it is of another kind."""
    with suppress(ValueError):
        return PARTS[kind][0](int(match["year"]), int(match["part"])) if match["kind"].upper() == kind else None


READERS = {r"[-+]?\d{1,18}|[1-8]\d{18}": _whole_numbers, PART: _parts, PART_FIRST: _parts}
"""What is no date of the calendar, by how it looks."""


# ------------------------------------------------------------------------------------------ dates


def _agreed(text, column, forms):
    """The form that all rows have, and their dates."""
    found = {form: _parsed(text, form) for form in forms}
    best = min(found, key=lambda form: found[form].isna().sum())
    is_zoned = text.str.fullmatch(NAMED_ZONE).all()
    advice = "write the zone as an offset from UTC, such as +02:00" if is_zoned else "correct it, or pass --date-format"
    like = "like the others" if found[best].notna().any() else "in a form that is known"
    refuse(found[best].isna(), text, column, f"no date {like}: {advice}")
    whole = {form: dates for form, dates in found.items() if dates.notna().all()}
    others = [form for form in whole if form == best or (whole[form] != whole[best]).any()]
    others = [form for form in others if _is_regular(whole[form])] or others
    others = [form for form in others if "%m.%d" not in form] or others  # the month comes first before no point
    if len(others) > 1:
        what = f"{column}, such as {text.iloc[0]!r}, may be read as {' or '.join(others)}"
        raise ValueError(f"{what}: pass one of them as --date-format")
    return others[0], whole[others[0]]


def _parsed(text, form):
    try:
        return pd.to_datetime(text, format=form, errors="coerce")
    except ValueError as error:
        raise ValueError(f"--date-format {form} cannot be read: {error}") from None


def _is_regular(dates):
    """Whether pandas finds a frequency in all of them."""
    dates = pd.DatetimeIndex(dates.drop_duplicates().sort_values())
    return len(dates) > 2 and pd.DatetimeIndex(dates, freq="infer").freq is not None


def _forms(text):
    """That rows from the first to the last may have."""
    some = text.iloc[np.unique(np.linspace(0, len(text) - 1, SAMPLE).astype(int))]
    forms = dict.fromkeys(form for each in some for form in _forms_of(each))
    return [*forms, "ISO8601"] if not forms or some.str.match(r"\d{4}-\d\d-\d\d").any() else [*forms]


def _forms_of(text):
    """As strptime has them; several, if day and month look alike.

    >>> _forms_of("1/2/2024 3:00 PM")
    ['%d/%m/%Y %I:%M %p', '%m/%d/%Y %I:%M %p']
    """
    if not (match := DATE.fullmatch(text)):
        return []
    clock, n = re.subn("[AP]M", "%p", match["clock"] or "", flags=re.IGNORECASE)
    clock = re.sub(r"\.\d+", ".%f", clock)
    fields = iter(["%I" if n else "%H", "%M", "%S"])
    clock = re.sub(r"\d+", lambda _: next(fields), clock)
    pieces = re.split(r"(\d+|[^\W\d_]+)", match["day"])
    days = [fields for kinds in product(*map(_kinds, pieces[1::2])) for fields in _fields(kinds)]
    return ["".join(a + b for a, b in zip(pieces[::2], [*fields, ""], strict=True)) + clock for fields in days]


def _kinds(word):
    """What a word of a date may be: a letter of ORDERS, or of strptime."""
    if word.isdigit():
        return {4: "Y", 2: "n", 1: "n"}.get(len(word), "")
    named = {"b": calendar.month_abbr, "B": calendar.month_name, "a": calendar.day_abbr, "A": calendar.day_name}
    return [letter for letter, names in named.items() if word.title() in names]


def _fields(kinds):
    """The directives that words of these kinds may be, together."""
    names = [kind for kind in kinds if kind not in "aA"]
    for order in ORDERS.get("".join(names).replace("B", "b"), []):
        letters = (name if name in "bB" else letter for name, letter in zip(names, order, strict=True))
        yield ["%" + (kind if kind in "aA" else next(letters)) for kind in kinds]


# ------------------------------------------------------------------------------------------ writing


def _writer(form, dates, text):
    """A function that writes dates as the file does: fractions of so many digits, zeros left out, small letters."""
    digits = len(fraction[1]) if (fraction := re.search(r":\d\d\.(\d+)", text.iloc[0])) else 6

    def plain(day):
        if form == "ISO8601":
            return day.isoformat("T" if "T" in text.iloc[0] else " ")
        return re.sub(r"(:\d\d\.\d{6})", lambda found: found[0][: digits - 6 or None], day.strftime(form))

    def written(zeros, case, day):
        return case(re.sub(zeros, "", plain(day)))

    some = list(zip(dates[:SAMPLE], text[:SAMPLE], strict=True))
    ways = product((NOTHING, SHORT_DAY, SHORT_HOUR, f"{SHORT_DAY}|{SHORT_HOUR}"), (str, str.lower, str.upper))
    writers = (partial(written, *way) for way in ways)
    return next((write for write in writers if all(write(day) == its for day, its in some)), plain)


# ------------------------------------------------------------------------------------------ offsets from UTC


def without_offsets(text, column):
    """The local times of a Series of str, and their offsets as they are written: Series, or None if there are none.

    >>> import pandas as pd
    >>> local, offsets = without_offsets(pd.Series(["2024-01-01 00:00+01:00"]), "day")
    >>> local[0], offsets[0]
    ('2024-01-01 00:00', '+01:00')
    """
    parts = text.str.extract(WITH_OFFSET, flags=re.IGNORECASE)
    lacking = parts["offset"].isna()
    if lacking.all():
        return text, None
    if lacking.mean() < 0.5:
        refuse(lacking, text, column, "without an offset from UTC, unlike others: add it")
    elif lacking.any():
        refuse(~lacking, text, column, "with an offset from UTC: remove it")
    return parts["local"], parts["offset"]


def located(local, offsets):
    """Times for pandas, and how the offset of one of them is written.

    Offsets that are those of some time zone at these times go on as it does.  If there is none, and if they are all the
    same, the times are local ones at the offset of the last.

    Parameters
    ----------
    local : DatetimeIndex
    offsets : Series of str

    Returns
    -------
    times : DatetimeIndex
        With a time zone or without.
    write : callable
        Of a time.
    """
    ahead = pd.TimedeltaIndex(offsets.map({text: pd.Timedelta(minutes=_minutes(text)) for text in offsets.unique()}))
    instants = (local - ahead).tz_localize("UTC")
    last = int(instants.argmax())
    zone = _zone(instants, local) if ahead.nunique() > 1 else None
    if zone is None:
        return instants.tz_localize(None) + ahead[last], lambda time: offsets.iloc[last]
    return instants.tz_convert(zone), lambda time: _written(time, offsets.iloc[last])


def _minutes(text):
    sign, digits = text.strip()[0], re.sub(r"\D", "", text)
    return int(f"{sign}1") * (60 * int(digits[:2]) + int(digits[2:] or 0)) if digits else 0


def _written(time, like):
    """The offset of a time in the form of another."""
    text, is_number = f"{time:%z}", like[-1].isdigit()
    if text == "+0000" and not is_number:
        return like
    space, colon = " " * like.startswith(" "), ":" * (":" in like or not is_number)
    is_short = is_number and len(like.strip()) == 3 and text.endswith("00")
    return space + text[:3] + f"{colon}{text[3:]}" * (not is_short)


def _zone(instants, local):
    """The name of a time zone whose clocks show these local times at these instants, or None."""
    known = available_timezones()
    names = [*(name for name in ZONES if name in known), *sorted(known)]
    return next((name for name in names if (instants.tz_convert(name).tz_localize(None) == local).all()), None)
