"""Timestamps: as integers and as pandas has them, how they go on, and what clock and calendar show."""

from collections import namedtuple

import numpy as np

from fastrnn.frames.offsets import pd, rebuilt, stride, text_of, told, walked

DAY = np.timedelta64(1, "D")
ADVICE = "add the missing rows, or set missing='interpolate'"
HOLIDAYS = " (or, for holidays, give its index a freq as pandas.offsets.CustomBusinessDay(holidays=...))"
IRREGULAR = "correct or resample it, or pass the values alone"


def has_times(index):
    return isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex))


def stamp_text(stamp):
    return str(stamp).removesuffix(" 00:00:00")


class Clock(namedtuple("Clock", "dtype, offset, step", defaults=(None, 1))):
    """Timestamps as integers, and how they go on.

    Those of dates in a time zone whose steps are no fixed lengths of time count local time as it would be if clocks did
    not change: a midnight that is left out stands for the moment after, as pandas.Series.resample has it, and of two
    the first is meant.

    Attributes
    ----------
    dtype : str
        As pandas writes it: "int64", a period or datetime64.
    offset : str, pandas offset or None
        Of dates, as `told` has it.
    step : int
        How far apart timestamps are in units of their dtype; 0 if that varies, as for months.
    """

    @classmethod
    def of(cls, dtype, offset):
        """Of dates that an offset goes through."""
        length, unit = stride(offset)[0], pd.Timedelta(1, dtype[11:].split("]")[0].split(",")[0])
        return cls(dtype, told(offset), 0 if length is None else -(-length // unit))

    @property
    def freq(self):
        """What people call the frequency; None for integers."""
        if self.dtype.startswith("period"):
            return self.dtype[7:-1]
        return None if self.offset is None else text_of(rebuilt(self.offset))

    @property
    def naive(self):
        """The dtype of dates without their time zone."""
        return self.dtype.split(",")[0].rstrip("]") + "]"

    @property
    def is_local(self):
        return "," in self.dtype and stride(rebuilt(self.offset))[1]

    def index(self, stamps):
        """The pandas Index of timestamps stored as integers."""
        if self.dtype.startswith("period"):
            return pd.PeriodIndex.from_ordinals(stamps, freq=pd.api.types.pandas_dtype(self.dtype).freq)
        if not self.is_local:
            return pd.DatetimeIndex(stamps, dtype=self.dtype) if self.dtype[0] == "d" else pd.Index(stamps)
        options = {"ambiguous": np.ones(len(stamps), bool), "nonexistent": "shift_forward"}
        return pd.DatetimeIndex(self.local(stamps)).tz_localize(pd.api.types.pandas_dtype(self.dtype).tz, **options)

    def integers(self, index):
        """As timestamps of an Index are stored."""
        if not has_times(index):
            return index.to_numpy(np.int64)
        return (index.tz_localize(None) if self.is_local else index).asi8

    def local(self, stamps):
        """What clock and calendar show, as datetime64."""
        if self.is_local:
            return stamps.view(self.naive)
        index = self.index(stamps)
        return (index.to_timestamp() if self.dtype[0] == "p" else index).tz_localize(None).to_numpy()

    def moved(self, stamps, counts):
        """The timestamps (m,) that are `counts` (m,), or one number of, steps later.

        Raises
        ------
        ValueError
            If pandas has none there.
        """
        try:
            if self.step:
                if (np.abs(stamps + np.float64(self.step) * counts) > 2**63 - 2**12).any():
                    raise OverflowError
                return stamps + self.step * counts
            codes, unique = pd.factorize(stamps)
            low, high = min(np.min(counts), 0), max(np.max(counts), 0)
            return walked(unique.view(self.naive), rebuilt(self.offset), low, high).view(np.int64)[counts - low, codes]
        except (pd.errors.OutOfBoundsDatetime, OverflowError):
            what = f"dates so far ahead are none of {self.dtype}"
            raise ValueError(f"{what}: use another unit (as_unit), or fewer steps") from None

    def uneven(self, index, starts):
        """Timestamps as integers, and which of them are not one step after that before.

        Parameters
        ----------
        index : Index (S,)
        starts : array (n,)
            Rows at which series begin; these are uneven if no step of the frequency ends there.

        Returns
        -------
        stamps : ndarray (S,) of int64
        is_uneven : ndarray (S,) of bool
        """
        stamps = self.integers(index)
        is_uneven = self._uneven(stamps, starts)
        if self.is_local and is_uneven.any():
            stamps = self._as_meant(stamps, index, starts)
            is_uneven = self._uneven(stamps, starts)
        return stamps, is_uneven

    def _uneven(self, stamps, starts):
        is_uneven, offset = np.append(False, self.moved(stamps[:-1], 1) != stamps[1:]), rebuilt(self.offset)
        is_uneven[starts] = False
        if offset is not None and (not self.step or getattr(offset, "weekday", None) is not None):
            codes, unique = pd.factorize(stamps[starts])
            is_on = [offset.is_on_offset(time) for time in pd.DatetimeIndex(unique.view(self.naive))]
            is_uneven[starts] = ~np.array(is_on)[codes]
        return is_uneven

    def places(self, stamps):
        """The numbers of timestamps (T,), counted in steps from the first; -1 where none ends."""
        if self.step:
            numbers, rest = np.divmod(stamps - stamps[0], self.step)
            return np.where(rest, -1, numbers)
        first, last = pd.DatetimeIndex(stamps[[0, -1]].view(self.naive))
        return pd.date_range(first, last, freq=rebuilt(self.offset)).get_indexer(stamps.view(self.naive))

    def _as_meant(self, stamps, index, starts):
        """With the local times that clocks left out, where those beside the moment after are at that time of day."""
        day = DAY // np.timedelta64(1, np.datetime_data(self.naive)[0])
        beside = np.append(stamps[0], stamps[:-1])
        beside[starts] = stamps[np.minimum(starts + 1, len(stamps) - 1)]
        meant = stamps // day * day + beside % day
        return np.where(self.index(meant) == index, meant, stamps)

    def shortest_step(self, end):
        """Of those after a timestamp, as timedelta64."""
        # Of several, for those of business hours vary.
        stamps = self.moved(np.repeat(end, 9), np.arange(9))
        return np.diff(self.local(stamps) if self.offset is None else stamps.view(self.naive)).min()


def zoned(index):
    """How pandas writes the dtype of timestamps, so that it reads it again; with a "(" if the time zone has no name."""
    zone = getattr(index, "tz", None)
    if type(zone).__module__ == "datetime":  # one that is called CET has no summer
        return f"datetime64[{index.unit}, {type(zone)(zone.utcoffset(None))}]"
    return str(index.dtype)


def cycles(times):
    """How far of each day, week and year has passed, from 0 to 1: (m, 3)."""
    days, years = times.astype("M8[D]"), times.astype("M8[Y]")
    begins, ends = years.astype("M8[D]"), (years + 1).astype("M8[D]")
    weekdays = (days.astype(np.int64) + 3) % 7  # 1970 began on a Thursday
    return np.column_stack([(times - days) / DAY, weekdays / 7, (days - begins) / (ends - begins)])
