"""What came in as time series, and how forecasts are given back in kind."""

from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from fastrnn import tables
from fastrnn.frames.calendar import DAY, Clock, cycles, stamp_text
from fastrnn.frames.offsets import pd, rebuilt
from fastrnn.wording import shown

KINDS = {"array": "an array", "list": "a list of arrays", "series": "a Series, or a list of them",
         "frame": "a table with a column a channel, or a list of them",
         "long": "a long table, of ids, times and values"}  # fmt: skip
"""How messages call what came in."""
TIMES = {"d": "dates", "p": "periods", "i": "integers"}
"""What timestamps are, by the first letter of their dtype."""
MOST_STEPS = 2**14
"""By which it is told how many of them a day or a year holds."""


@dataclass(eq=False)
class Form:
    """What series came in, and when they end: all that it takes to give forecasts back in the same kind of container.

    Attributes
    ----------
    kind : {"array", "list", "series", "frame", "long"}
        Of one array, a list of them, pandas Series, wide DataFrames, or one DataFrame in long form.
    n_series, n_channels : int
    is_many, is_flat : bool
        Whether there may be many series, a list or a long DataFrame; whether they have no axis for channels.
    columns, ids : tuple of str or int
        The channels of DataFrames, or the names (or None) of Series; the series of a long DataFrame.
    dtype : str or None
        Of the timestamps, as pandas writes it; None for arrays.
    offset : str, pandas offset or None
        Of dates, how they go on, as `fastrnn.frames.offsets.told` has it.
    step : int
        How far apart timestamps are in units of their dtype; 0 if that varies, as for months.
    ends : ndarray (n_series,) of int64, or None
        The last timestamps, as a `Clock` stores them.
    names : tuple of three
        What a table's columns of ids, times and values are called.
    is_timed : bool
        Whether wide DataFrames have their times in a column, not in the index.
    library : str
        Whose tables they are; "" for pandas.
    types : tuple of two str, or ()
        Of the ids and times of tables, as narwhals writes them, or pandas those of pyarrow.
    """

    kind: str
    n_series: int = 1
    n_channels: int = 1
    is_many: bool = False
    is_flat: bool = True
    columns: tuple = ()
    ids: tuple = ()
    dtype: str | None = None
    offset: object = None
    step: int = 0
    ends: np.ndarray | None = None
    names: tuple = tables.LONG
    is_timed: bool = False
    library: str = ""
    types: tuple = ()

    def who(self, name, k):
        """What messages call series k of `name`."""
        if self.ids:
            return f"{name} of {self.names[0]} {self.ids[k]!r}"
        return f"{name}[{k}]" if self.is_many else name

    @property
    def clock(self):
        return Clock(self.dtype, self.offset, self.step)

    @property
    def freq(self):
        """What people call the frequency; None for integers and arrays."""
        return self.dtype and self.clock.freq

    def ahead(self, horizon):
        """The next timestamps of all series, one series after the other: a pandas Index (n_series * horizon,)."""
        ends, counts = self.ends.repeat(horizon), np.tile(np.arange(horizon) + 1, self.n_series)
        return self.clock.index(self.clock.moved(ends, counts))

    def extended(self, lengths):
        """The form of the same series `lengths` (n_series,) steps later."""
        return self if self.ends is None else replace(self, ends=self.clock.moved(self.ends, np.asarray(lengths)))

    def follows(self, other, lengths, *, name="y"):
        """Check that series of another form, which have `lengths` (n_series,) steps, go on where these end.

        Of arrays only the numbers of series and channels can be compared.

        Raises
        ------
        ValueError
            If they are others, or begin earlier or later than one step after these.
        """
        self._check_times(other, name)
        what = ["n_series", "n_channels"]
        if not {self.kind, other.kind} <= {"array", "list"}:
            is_named = self.kind == "series" and self.is_many and None not in self.columns + other.columns
            what += ["kind", "ids", "freq"] + ["columns"] * (self.kind == "frame" or is_named)
        for key in what:
            mine, its = getattr(self, key), getattr(other, key)
            if mine != its and key == "kind":
                raise ValueError(f"{name} is {KINDS[its]}; expected {KINDS[mine]}, as what it goes on from")
            if mine != its:
                its, mine = shown(its, 80), shown(mine, 80)
                raise ValueError(f"{name} has {key} {its}; expected {mine}, as in what it goes on from")
        if self.ends is not None:
            # Forwards, for on their way back the 31st and the 29th of a month meet.
            later, lengths = self.extended(lengths), np.asarray(lengths)
            if (later._last() != other._last()).any():
                other.extended(1 - lengths).check_ends(self.extended(np.ones(self.n_series, int)), name, "begins")
                other.check_ends(later, name)

    def check_ends(self, expected, name, verb="ends", why=""):
        """Check that the last timestamps are those of another form."""
        expected._check_times(self, name)
        mine, its = self._last(), expected._last()
        for k in np.flatnonzero(mine != its):
            raise ValueError(f"{self.who(name, k)} {verb} at {stamp_text(mine[k])}; expected {stamp_text(its[k])}{why}")

    def _check_times(self, other, name):
        """Dates, periods and integers cannot be compared."""
        if self.dtype and other.dtype and self.dtype[0] != other.dtype[0]:
            mine, its = TIMES[self.dtype[0]], TIMES[other.dtype[0]]
            way = {"dp": "convert them with to_timestamp", "pd": "convert them with to_period"}
            way = way.get(self.dtype[0] + other.dtype[0], f"pass {mine}")
            raise ValueError(f"{name} has times that are {its}; expected {mine}, as the series have: {way}")

    def _last(self):
        """The last timestamps, as a pandas Index."""
        return self.clock.index(self.ends)

    def container(self, values, columns=None):
        """Forecasts in the kind of container that the series came in, with the timestamps that come next.

        Parameters
        ----------
        values : ndarray (n_series, h, n_channels, K)
        columns : list of K labels, optional
            Quantile levels, "lower" and "upper", numbers of paths.  Without it K is 1: points.

        Returns
        -------
        ndarray, Series, DataFrame or list of them
            Arrays have the axes of `values`, without that of series for one, that of channels for flat
            ones, and the last for points.  Labels become columns, below each channel of a DataFrame
            (in its name, as "sales_lower", where times are a column).  Other libraries' tables come as theirs.

        Examples
        --------
        >>> import numpy as np
        >>> from fastrnn.frames.reading import read_series
        >>> series, form = read_series([5, 6, 7, 8])
        >>> form.container(np.array([9.0, 10.0]).reshape(1, 2, 1, 1))
        array([ 9., 10.])
        >>> form.container(np.zeros((1, 2, 1, 3)), columns=[0.1, 0.5, 0.9]).shape
        (2, 3)
        """
        n, h, C, K = values.shape
        for name in self.names[:2] if columns is not None else ():
            if name in columns and (self.kind == "long" or self.is_timed and name == self.names[1]):
                raise ValueError(f"the forecast has a column {name!r} of its own: rename that of y")
        if self.kind in ("array", "list"):
            return values.reshape((n,) * self.is_many + (h,) + (C,) * (not self.is_flat) + (K,) * (columns is not None))
        index = pd.RangeIndex(n * h) if self.ends is None else self.ahead(h)
        if self.kind == "long":
            frame = pd.DataFrame({self.names[0]: pd.Index(self.ids).repeat(h), self.names[1]: index})
            frame[[self.names[2]] if columns is None else list(columns)] = values.reshape(n * h, K)
            return self._native(frame)
        found = [self._frame(k, values[k], index[k * h : (k + 1) * h], columns) for k in range(n)]
        return found if self.is_many else found[0]

    def _frame(self, k, values, index, columns):
        """A Series or wide DataFrame of the values (h, C, K) for series k."""
        # Of many series that would take longer than all else.
        if self.offset is not None and not self.is_many:
            with suppress(ValueError):  # a midnight that is left out
                index.freq = rebuilt(self.offset)
        if self.kind == "series" and columns is None:
            return self._native(pd.Series(values[:, 0, 0], index, name=self.columns[k]))
        if self.kind == "frame":
            if columns is None:
                columns = self.columns
            elif not self.is_timed:
                columns = pd.MultiIndex.from_product([self.columns, columns])
            elif self.n_channels > 1:  # beside a column of times there are no two rows of names
                columns = [f"{c}_{label}" for c in self.columns for label in columns]
        frame = pd.DataFrame(values.reshape(len(index), -1), index, columns)
        return self._native(frame.reset_index(names=self.names[1]) if self.is_timed else frame)

    def _native(self, found):
        """What pandas has, as a table of the library and with times of the type that came in."""
        types = dict(zip(self.names, self.types, strict=False))
        if self.library:
            return tables.from_pandas(found, self.library, types)
        kind = types.get(self.names[1])
        with suppress(ImportError, TypeError):  # where pyarrow is gone, dates are pandas' own
            if kind and self.names[1] in getattr(found, "columns", ()):
                return found.astype({self.names[1]: kind})
            return found.set_axis(found.index.astype(kind)) if kind else found
        return found

    def calendar(self, lengths):
        """Sine and cosine of where in the day, week and year each step lies.

        Parameters
        ----------
        lengths : array (n_series,)
            How many steps up to its end each series has.

        Returns
        -------
        ndarray (sum of lengths, 2, 4 or 6)
        """
        first, lengths = self._first_cycle(), np.asarray(lengths)
        counts = np.arange(lengths.sum()) + 1 - np.repeat(np.cumsum(lengths), lengths)
        # Many series share their timestamps.
        numbers, stamps = pd.factorize(self.clock.moved(np.repeat(self.ends, lengths), counts))
        angles = 2 * np.pi * cycles(self.clock.local(stamps))[:, first:]
        return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(len(angles), -1)[numbers]

    def cycle_lengths(self, lengths):
        """How many steps a minute, an hour, a day, a week and a year hold, where that is more than one.

        Counted, not computed: a day of opening hours or a week of business days has fewer.

        Parameters
        ----------
        lengths : array (n_series,)
            How many steps up to its end each series has; the longest tells.
        """
        if self.freq is None:
            return ()
        k = int(np.argmax(lengths))
        counts = np.arange(1 - min(int(lengths[k]), MOST_STEPS), 1)
        times = self.clock.local(self.clock.moved(np.repeat(self.ends[k], counts.size), counts))
        groups = [np.unique(times.astype(f"M8[{unit}]"), return_counts=True)[1][1:-1] for unit in "mhDWY"]
        return tuple(dict.fromkeys(n for n in (int(np.median(held)) for held in groups if held.size) if n > 1))

    def _first_cycle(self):
        """Cycles no longer than a step are left out, but for the year."""
        if self.freq is None:
            raise ValueError("calendar=True needs a DatetimeIndex or PeriodIndex (or ds as timestamps)")
        step = self.clock.shortest_step(self.ends[0])
        return int(step >= DAY) + int(step >= 7 * DAY)
