"""Frequencies: what tells a pandas offset whole, how far its steps go, and walks by pandas' own arithmetic."""

import json
import re
from contextlib import suppress
from functools import cache, lru_cache
from itertools import accumulate, chain
from reprlib import repr as shortened

import numpy as np

from fastrnn.kernels.caching import Later

pd = Later("pandas")
"""Imported where a table came in, and only there."""

LONGEST = 10**5
"""Of what an offset counts in one step; FY5253 goes through them one by one."""
CLOCK = {"hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds"}
"""Keywords of DateOffset that are lengths of time; days and weeks are so where clocks do not change."""
MONTHS = {"Month": 1, "Quarter": 3, "HalfYear": 6, "Year": 12}
BEGINS_OR_ENDS = re.compile(rf"(B|Business)?({'|'.join(MONTHS)})(Begin|End)")


def told(offset):
    """JSON that tells an offset of pandas' own whole; one of another class, which no file can hold, as it is."""
    kind, fields = type(offset), dict(offset.kwds)
    days = fields.pop("calendar", None)
    if days is not None and not _is_told(days, **fields):
        fields.update(weekmask="".join(map(str, days.weekmask.astype(int))), holidays=days.holidays)
    try:
        # Those of DateOffset come in another order in each process.
        fields = {"class": kind.__name__, "n": offset.n, "normalize": offset.normalize, **dict(sorted(fields.items()))}
        text = json.dumps(fields, default=_plain)
        return text if type(rebuilt(text)) is kind else offset
    except TypeError:
        return offset


def _is_told(days, weekmask, holidays, **_):
    """Whether a NumPy calendar is that of the keywords beside it, which calendar= goes before."""
    its = np.busdaycalendar(weekmask, holidays)
    is_same = (its.weekmask == days.weekmask).all() and np.array_equal(its.holidays, days.holidays)
    return isinstance(weekmask, str) and is_same


def _plain(value):
    """JSON for what keywords of offsets hold beside numbers and text."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.astype("M8[D]").astype(str).tolist() if value.dtype.kind == "M" else value.tolist()
    if hasattr(value, "strftime"):
        return value.strftime("%H:%M")
    if hasattr(value, "total_seconds"):
        return pd.Timedelta(value).isoformat()
    return [value.weekday, value.n] if hasattr(value, "weekday") else json.JSONEncoder().default(value)


@lru_cache
def rebuilt(text):
    """The offset that JSON tells, of none but pandas' own classes.

    Raises
    ------
    ValueError, TypeError
        If there is no such offset.
    """
    if not isinstance(text, str):
        return text
    fields = json.loads(text)
    kind, n = getattr(pd.offsets, str(fields.pop("class")), None), fields["n"]
    if not (isinstance(kind, type) and issubclass(kind, pd.offsets.BaseOffset)):
        raise TypeError(f"pandas has no such offset: {text:.80}")
    if not (isinstance(n, int) and (1 <= n <= LONGEST or n > 0 and issubclass(kind, pd.offsets.Tick))):
        raise ValueError(f"the frequency counts {n} {kind.__name__} in a step; expected 1 to {LONGEST}")
    if "offset" in fields:
        fields["offset"] = pd.Timedelta(fields["offset"])
    if isinstance(fields.get("weekday"), list):
        from dateutil.relativedelta import weekday

        fields["weekday"] = weekday(*fields["weekday"])
    if "holidays" in fields:
        fields["holidays"] = np.array(fields["holidays"], "M8[D]").tolist()
    return kind(**fields)


def is_offset(text):
    """Whether it tells an offset, as far as can be said without pandas."""
    with suppress(ImportError):
        return rebuilt(text) is not None
    return True


def text_of(offset):
    """What people call an offset: its alias if that tells it whole, or how it is made."""
    with suppress(ValueError, TypeError):  # offsets of lists cannot be compared
        if pd.tseries.frequencies.to_offset(offset.freqstr) == offset:
            return offset.freqstr
    text = told(offset)
    if not isinstance(text, str):
        return repr(offset)
    fields, defaults = (json.loads(x) for x in (text, told(type(offset)())))
    shown = {key: value for key, value in fields.items() if value != defaults.get(key)}
    return f"{type(offset).__name__}({', '.join(f'{key}={shortened(value)}' for key, value in shown.items())})"


def stride(offset):
    """How long a step is, None if that varies, and whether it is one of local time: a day may have 23 hours."""
    if isinstance(offset, (pd.offsets.Day, pd.offsets.Week)):
        return pd.Timedelta(days=offset.n * (7 if isinstance(offset, pd.offsets.Week) else 1)), True
    if isinstance(offset, pd.offsets.Tick):
        return pd.Timedelta(offset), False
    if type(offset) is pd.DateOffset and offset.kwds.keys() <= CLOCK | {"days", "weeks"}:
        span = pd.Timedelta(**(offset.kwds or {"days": 1}))
        return offset.n * span, not 0 < len(offset.kwds) == len(offset.kwds.keys() & CLOCK)
    return None, True


def looser(offset, zone):
    """Offsets with steps as long, which each series counts from a day of its own."""
    found = BEGINS_OR_ENDS.fullmatch(type(offset).__name__)
    if isinstance(offset, pd.offsets.Week):
        return [pd.offsets.Week(offset.n)]
    if isinstance(offset, pd.offsets.Day):
        return [pd.offsets.Hour(24 * offset.n)] if zone else []
    if type(offset) is pd.DateOffset and "day" in offset.kwds and len(offset.kwds) > 1:
        return [pd.DateOffset(offset.n, **{key: value for key, value in offset.kwds.items() if key != "day"})]
    if found is None:
        return []
    n, is_end = MONTHS[found[2]] * offset.n, found[3] == "End"
    if found[1]:
        return [pd.offsets.BMonthEnd(n) if is_end else pd.offsets.BMonthBegin(n)]
    return [pd.offsets.MonthEnd(n) if is_end else pd.DateOffset(months=n)]


def walked(stamps, offset, low, high):
    """Timestamps (m,), as datetime64, from `low` <= 0 to `high` >= 0 steps later: (high - low + 1, m)."""
    times = pd.DatetimeIndex(stamps)
    back, on = cache(lambda stamp: stamp - offset), cache(lambda stamp: stamp + offset)  # series go the same ways
    rows = _steps([*times], lambda row: [*map(back, row)], -low)[:0:-1]
    rows += _steps([*times], lambda row: [*map(on, row)], high)
    found = pd.DatetimeIndex([*chain.from_iterable(rows)])
    return found.as_unit(times.unit).to_numpy().reshape(len(rows), len(times))


def _steps(row, step, n):
    """A row of timestamps, and the n after it."""
    return [*accumulate(range(n), lambda row, _: step(row), initial=row)]
