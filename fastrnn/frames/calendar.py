"""Timestamps: as integers and as pandas has them, what clock and calendar show, and how often they come."""

from itertools import pairwise

import numpy as np

CYCLES = ("hour_of_day", "day_of_week", "day_of_year")
DAY = np.timedelta64(1, "D")
ADVICE = "reindex with asfreq and missing='interpolate'"


def has_times(index):
    import pandas as pd

    return isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex))


def stamp_text(stamp):
    return str(stamp).removesuffix(" 00:00:00")


def as_index(stamps, dtype):
    """The pandas Index of timestamps stored as integers."""
    import pandas as pd

    if dtype.startswith("period"):
        return pd.PeriodIndex.from_ordinals(stamps, freq=pd.api.types.pandas_dtype(dtype).freq)
    return pd.DatetimeIndex(stamps, dtype=dtype) if dtype.startswith("datetime") else pd.Index(stamps)


def wall(stamps, dtype):
    """What clock and calendar show, as datetime64."""
    index = as_index(stamps, dtype)
    return (index.to_timestamp() if dtype.startswith("period") else index).tz_localize(None).to_numpy()


def cycles(times):
    """How far of each day, week and year has passed, from 0 to 1: (m, 3)."""
    days, years = times.astype("M8[D]"), times.astype("M8[Y]")
    begins, ends = years.astype("M8[D]"), (years + 1).astype("M8[D]")
    weekdays = (days.astype(np.int64) + 3) % 7  # 1970 began on a Thursday
    return np.column_stack([(times - days) / DAY, weekdays / 7, (days - begins) / (ends - begins)])


def cycle_lengths(times):
    """How many of consecutive times (m,) a minute, an hour, a day, a week and a year hold, where that is more than one.

    Counted, not computed: a day of opening hours or a week of business days has fewer.
    """
    groups = [np.unique(times.astype(f"M8[{unit}]"), return_counts=True)[1][1:-1] for unit in "mhDWY"]
    return tuple(dict.fromkeys(n for n in (int(np.median(counts)) for counts in groups if counts.size) if n > 1))


def inferred(index):
    """The frequency of a regular index, or else of a part of it, so that errors can tell what is missing."""
    edges = [np.arange(n + 1) * len(index) // n for n in (1, 2, 4, 8)]
    parts = [index[a:b] for some in edges for a, b in pairwise(some) if b - a >= 3]
    # `infer_freq` itself warns that in pandas 4 it returns something else.
    return next(filter(None, (type(part)(part, freq="infer").freq for part in parts)), None)
