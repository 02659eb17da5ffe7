"""Times as people write them: one form for all rows of a file, in which forecasts are written as well."""

import re
from collections import namedtuple
from functools import partial
from itertools import chain, product
from zoneinfo import available_timezones

import numpy as np

from fastrnn.command.table import pd, refuse

SAMPLE = 50
"""Rows that show in which forms a column may be."""
DAYS = [
    "%Y %m %d", "%d %m %Y", "%m %d %Y", "%d %m %y", "%m %d %y", "%y %m %d", "%Y %m", "%m %Y", "%d %b %Y", "%d %B %Y",
    "%d %b %y", "%d %B %y", "%b %d %Y", "%B %d %Y", "%Y %b %d", "%Y %B %d", "%b %Y", "%B %Y", "%b %y", "%B %y", "%Y %b",
    "%Y %B", "%Y Q %q", "Q %q %Y", "%q Q %Y", "%G W %V", "W %V %G", "%Y M %m", "M %m %Y"]  # fmt: skip
CLOCKS = ["", "%H %M", "%H %M %S", "%H %M %S %f", "%I %p", "%I %M %p", "%I %M %S %p", "%I %M %S %f %p"]
CLOCKS += ["T %H", "T %H %M", "T %H %M %S", "T %H %M %S %f"]
FIELDS = [" ".join(parts).split() for parts in product(("", "%a", "%A"), DAYS, CLOCKS)]
FIELDS += [" ".join(parts).split() for parts in product(("", "%a", "%A"), (x for x in DAYS if "%d" in x), ["%H"])]
"""What the numbers and words of a date may be, as strptime has them; %q is a quarter."""
PUNCTUATED = re.compile(r"((?!%[HIMSfp])[^:])*(%[HI](:%M(:%S(\.%f)?)?)?( ?%p)?)?")
"""Forms with the marks of a clock between its fields, and nowhere else."""
WHOLE = r"[-+]?\d{1,18}|[1-8]\d{18}"
DIGITS = {6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
"""Of whole numbers that are dates."""
EPOCHS = {10: "s", 13: "ms", 16: "us", 19: "ns"}
"""Of whole numbers that count these units since 1970, if they are no such dates."""
NOTHING, SHORT_DAY, SHORT_HOUR = "$^", r"(?<![\d:])(?<!:\d\d\.)0(?=\d(?:[/.\- ]|$))", r"(?<= )0(?=\d:)"
SHORT = f"{SHORT_DAY}|{SHORT_HOUR}"
"""Zeros that some leave out."""
Times = namedtuple("Times", "values, write, form", defaults=(str, None))
"""What a column of times holds: values for pandas, how one is written, and what --date-format would say."""
OFFSET = r"(?P<offset> ?(?:Z|UTC|GMT|[-+](?:0\d|1[0-4])(?::?[0-5]\d)?))"
WITH_OFFSET = rf"^(?P<local>.*\d:\d\d(?::\d\d)?(?:\.\d+)?(?: ?[AP]M)?){OFFSET}$"
ZONES = ["Europe/Berlin", "Europe/London", "Europe/Athens", "America/New_York", "America/Chicago", "America/Denver",
         "America/Los_Angeles", "Australia/Sydney", "Pacific/Auckland"]  # fmt: skip
"""Tried before all others."""


def read_times(text, form=None):
    """Whole numbers, dates, or quarters, weeks and months of a year.

    Parameters
    ----------
    text : Series of str
        The column, with its name, and the lines of the file as its index.
    form : str, optional
        Of dates, as strptime has it; by default the one in which all rows are dates.

    Returns
    -------
    Times

    Raises
    ------
    ValueError
        If there is no such form, or there are several by which the dates differ.
    """
    is_whole = text.str.fullmatch(WHOLE)
    if form is None and is_whole.mean() > 0.5:
        refuse(~is_whole, text, f"unlike others, such as {text[is_whole.idxmax()]}: correct it")
        return _whole_numbers(text)
    local, offsets = (text, None) if form and "%z" not in form else without_offsets(text)
    found, dates = _agreed(local, [form.replace("%z", "").rstrip()] if form else _forms(local))
    write = _writer(found, dates, local)
    label = None if found == "ISO8601" or "%q" in found else found + "%z" * (offsets is not None)
    if offsets is None:
        return Times(pd.DatetimeIndex(dates), write, label)
    times, offset_of = located(pd.DatetimeIndex(dates), offsets)
    return Times(times, lambda time: write(time.tz_localize(None)) + offset_of(time), label)


def _whole_numbers(text):
    """Dates without anything between, what has passed since 1970, or just numbers."""
    numbers, digits = text.astype(np.int64), len(text.iloc[0])
    if digits in DIGITS and text.str.fullmatch(rf"(19|20)\d{{{digits - 2}}}").all():
        dates = _parsed(text, DIGITS[digits])
        if dates.notna().all():
            return Times(pd.DatetimeIndex(dates), partial(_written, DIGITS[digits]), DIGITS[digits])
    if digits in EPOCHS and text.str.fullmatch(rf"[1-9]\d{{{digits - 1}}}").all():
        times = pd.DatetimeIndex(pd.to_datetime(numbers, unit=EPOCHS[digits]))
        return Times(times, lambda time: str((time - pd.Timestamp(0)) // pd.Timedelta(1, EPOCHS[digits])))
    return Times(numbers.to_numpy())


# ------------------------------------------------------------------------------------------ forms


def _agreed(text, forms):
    """The form that all rows have, and their dates."""
    found = {form: _parsed(text, form) for form in forms}
    best = min(found, key=lambda form: found[form].isna().sum())
    advice = "correct it, pass --date-format, or write a time zone as an offset from UTC, such as +02:00"
    like = "like the others" if found[best].notna().any() else "in a form that is known"
    refuse(found[best].isna(), text, f"no date {like}: {advice}")
    whole = {form: dates for form, dates in found.items() if dates.notna().all()}
    others = [form for form in whole if form == best or (whole[form] != whole[best]).any()]
    others = [form for form in others if _is_regular(whole[form])] or others
    others = [form for form in others if "%m.%d" not in form] or others  # the month comes first before no point
    if len(others) > 1:
        what = f"{text.name}, such as {text.iloc[0]!r}, may be read as {' or '.join(others)}"
        raise ValueError(f"{what}: pass one of them as --date-format")
    return others[0], whole[others[0]]


def _parsed(text, form):
    """Dates, NaT where there is none of a form."""
    if "%q" in form:  # a quarter is its first month
        months = text.str.replace(r"(?<!\d)\d\d?(?!\d)", lambda found: f"{3 * int(found[0]) - 2:02}", regex=True)
        return _parsed(months, form.replace("%q", "%m"))
    if "%V" in form and "%u" not in form:  # a week is its Monday
        return _parsed(text + " 1", form + " %u")
    try:
        return pd.to_datetime(text, format=form, errors="coerce")
    except ValueError as error:
        raise ValueError(f"--date-format {form} cannot be read: {error}") from None


def _is_regular(dates):
    """Whether pandas finds a frequency in all of them."""
    dates = pd.DatetimeIndex(dates.drop_duplicates().sort_values())
    return len(dates) > 2 and pd.DatetimeIndex(dates, freq="infer").freq is not None


def _forms(text):
    """That rows from the first to the last may have; last what pandas reads where rows differ in their digits."""
    some = text.iloc[np.unique(np.linspace(0, len(text) - 1, SAMPLE).astype(int))]
    between = {tuple(re.split(r"\d+|[^\W\d_]+", each)): None for each in some}
    forms = dict.fromkeys(chain.from_iterable(map(_forms_of, between)))
    return [form for form in forms if _parsed(some, form).notna().any()] + ["ISO8601"]


def _forms_of(between):
    """Forms of as many numbers and words as stand between these texts.

    >>> _forms_of(("", "-", " ", ":", ""))[:2]
    ['%Y-%m %H:%M', '%m-%Y %H:%M']
    """
    fields = ([*its, ""] for its in FIELDS if len(its) == len(between) - 1 and "%" not in "".join(between))
    forms = ["".join(chain(*zip(between, its, strict=True))) for its in fields]
    return list(filter(PUNCTUATED.fullmatch, forms))


# ------------------------------------------------------------------------------------------ writing


def _writer(form, dates, text):
    """A function that writes dates as the file does: fractions of so many digits, zeros left out, small letters."""
    digits = len(fraction[1]) if (fraction := re.search(r":\d\d\.(\d+)", text.iloc[0])) else 6

    def plain(day):
        if form == "ISO8601":
            return day.isoformat("T" if "T" in text.iloc[0] else " ")
        return re.sub(r"(:\d\d\.\d{6})", lambda found: found[0][: digits - 6 or None], _written(form, day))

    some = list(zip(dates[:SAMPLE], text[:SAMPLE], strict=True))
    for zeros, case in product((NOTHING, SHORT_DAY, SHORT_HOUR, SHORT), (str, str.lower, str.upper)):

        def write(day, zeros=zeros, case=case):
            return case(re.sub(zeros, "", plain(day)))

        if all(write(day) == its for day, its in some):
            return write
    return plain


def _written(form, day):
    return day.strftime(form.replace("%q", str(day.quarter)))


# ------------------------------------------------------------------------------------------ offsets from UTC


def without_offsets(text):
    """The local times of a Series of str, and their offsets as they are written: Series, or None if there are none.

    >>> import pandas as pd
    >>> local, offsets = without_offsets(pd.Series(["2024-01-01 00:00+01:00"]))
    >>> local[0], offsets[0]
    ('2024-01-01 00:00', '+01:00')
    """
    parts = text.str.extract(WITH_OFFSET, flags=re.IGNORECASE)
    lacking = parts["offset"].isna()
    if lacking.all():
        return text, None
    is_odd = lacking if lacking.mean() < 0.5 else ~lacking
    refuse(is_odd, text, "unlike others with or without an offset from UTC: write it in all rows, or in none")
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
    ahead_of = {text: pd.Timestamp("2000-01-01T00:00" + text.strip()).utcoffset() for text in offsets.unique()}
    ahead = pd.TimedeltaIndex(offsets.map(ahead_of))
    instants = (local - ahead).tz_localize("UTC")
    last = int(instants.argmax())
    zone = _zone(instants, local) if ahead.nunique() > 1 else None
    if zone is None:
        return instants.tz_localize(None) + ahead[last], lambda time: offsets.iloc[last]
    text_of = {ahead: text for text, ahead in ahead_of.items()}
    return instants.tz_convert(zone), lambda time: text_of.get(time.utcoffset(), f"{time:%z}")


def _zone(instants, local):
    """The name of a time zone whose clocks show these local times at these instants, or None."""
    known = available_timezones()
    names = [*(name for name in ZONES if name in known), *sorted(known)]
    return next((name for name in names if (instants.tz_convert(name).tz_localize(None) == local).all()), None)
