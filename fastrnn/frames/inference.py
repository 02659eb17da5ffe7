"""What the timestamps of a series show of their frequency."""

from itertools import chain, pairwise

import numpy as np

from fastrnn.frames.calendar import Clock, zoned
from fastrnn.frames.offsets import pd

WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
ENOUGH = 0.5
"""Of the timestamps, and more, must be one step after the one before; where fewer are, there is no frequency."""

READ = "pandas.to_datetime({times}.astype(str), format='%s')"
WRITTEN = {"%Y%m%d%H": (10, None, 10**6, READ % "%Y%m%d%H"), "%Y%m%d": (8, None, 10**4, READ % "%Y%m%d"),
           "%Y%m": (6, 12, 100, READ % "%Y%m"),
           "quarters": (5, 4, 10, "pandas.PeriodIndex([f'{{t // 10}}Q{{t % 10}}' for t in {times}], freq='Q')"),
           "weeks": (6, 53, 100, "pandas.to_datetime({times}.astype(str) + '1', format='%G%V%u')")}  # fmt: skip
"""Dates as integers: their digits; the last in a year; a year, which goes on as integers do; and what reads them."""


def inferred(index):
    """The offset that the timestamps of one series come at, or most of them, so that errors can tell what is missing.

    Where stamps in a time zone do not tell 24 hours from days, for no clock changed between them, they are days; of
    months on the 29th or 30th the day is kept, and shorter months have their last.
    """
    found, best = None, (ENOUGH * (len(index) - 1), True)
    for offset in _candidates(index):
        clock = Clock.of(zoned(index), offset)
        stamps, is_uneven = clock.uneven(index, np.zeros(1, int))
        if not is_uneven.any():
            return offset
        # Of those at which as many come, one that they all lie on: a clock may change where some are missing.
        rank = (~is_uneven[1:]).sum(), bool((clock.places(stamps) >= 0).all())
        found, best = (offset, rank) if rank > best else (found, best)
    return found


def _candidates(index):
    """Offsets that may be the one; pandas itself knows most from a part without a hole."""
    edges = [np.arange(n + 1) * len(index) // n for n in (1, 2, 4, 8)]
    # `infer_freq` itself warns that in pandas 4 it returns something else.
    for k, part in enumerate(index[a:b] for some in edges for a, b in pairwise(some) if b - a >= 3):
        if offset := type(part)(part, freq="infer").freq:
            yield offset
        if k == 0:
            local = index.tz_localize(None)
            yield from chain(_of_months(local), _of_lengths(index), _of_days(local))


def most_common(numbers):
    values, counts = np.unique(numbers, return_counts=True)
    return values[counts.argmax()]


def written_dates(stamps, times):
    """What reads integers that are dates such as 202012, of which the next is 202101; None if they are none."""
    some, gaps = stamps[:50], np.unique(np.diff(stamps))
    for form, (digits, last, year, reader) in WRITTEN.items():
        years, rest = np.divmod(some, 10 ** (digits - 4))
        goes_on = gaps.size < 2 and ((gaps % year == 0).all() or digits == 5 or last == 53)
        if goes_on or not ((years >= 1800) & (years < 2200)).all():
            continue
        is_date = (0 < rest) & (rest <= last) if last else (
            pd.to_datetime(pd.Index(some).astype(str), format=form, errors="coerce").notna())  # fmt: skip
        if is_date.all():
            return reader.format(times=times)
    return None


def _of_months(times):
    """Offsets that count months, or parts of them."""
    n = int(most_common(np.diff(times.year * 12 + times.month)))
    day, span = times.day, {"months": n} if n % 12 else {"years": n // 12}
    if n < 2 and len(np.unique(day)) < 6:  # 15 and 28 to 31
        low, high = int(day.min()), int(day.max())
        if low == 1 < high < 28:
            yield pd.offsets.SemiMonthBegin(day_of_month=high)
        if low < 28 <= high:
            yield pd.offsets.SemiMonthEnd(day_of_month=low)
    if n > 0:
        yield from (pd.offsets.MonthBegin(n), pd.offsets.MonthEnd(n))
        if day.max() > 28:
            yield pd.DateOffset(**span, day=int(day.max()))
        yield pd.DateOffset(**span)
        yield from (pd.offsets.BMonthBegin(n), pd.offsets.BMonthEnd(n))
        yield pd.offsets.LastWeekOfMonth(n, weekday=times.day_of_week[0])


def _of_days(times):
    """Offsets for which days of the week count, or hours of opening: those that several weeks, or days, leave out."""
    days, counts = np.unique(times.day_of_week, return_counts=True)
    span, clock = times[-1] - times[0], times - times.normalize()
    mask = " ".join(WEEK[day] for day in (days if span >= pd.Timedelta("14D") else range(7)))
    is_usual = days.tolist() == [0, 1, 2, 3, 4]
    if (clock == most_common(clock)).mean() > ENOUGH:  # not all, where a clock has left one out
        if weeks := int(most_common(np.diff(times)) // np.timedelta64(7, "D")):
            yield pd.offsets.Week(weeks, weekday=int(days[0]))
        if counts.min() > 1:
            yield pd.offsets.BusinessDay() if is_usual else pd.offsets.CustomBusinessDay(weekmask=mask)
    elif most_common(np.diff(times)) == np.timedelta64(1, "h") and span >= pd.Timedelta("2D"):
        midnight = times[0].normalize()
        start, end = f"{midnight + clock.min():%H:%M}", f"{midnight + clock.max() + pd.Timedelta('1h'):%H:%M}"
        if start != end:
            yield pd.offsets.BusinessHour(start=start, end=end)
            yield pd.offsets.CustomBusinessHour(start=start, end=end, weekmask=mask)


def _of_lengths(index):
    """Steps of a length, in local time if they are days."""
    days = most_common(np.diff(index.tz_localize(None))) / np.timedelta64(1, "D")
    if days >= 1 and days == int(days):
        yield pd.offsets.Day(int(days))
    step = pd.Timedelta(most_common(np.diff(index.asi8)), unit=index.unit)
    if step > pd.Timedelta(0):
        yield pd.tseries.frequencies.to_offset(step)
