"""Time series as people have them, in arrays or pandas objects: read once, and forecasts given back in kind."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from fastrnn.sequences import Sequences, as_steps

# pandas is optional, and imported only where one of its objects came in.
CYCLES = ("hour_of_day", "day_of_week", "day_of_year")
DAY = np.timedelta64(1, "D")
ADVICE = "reindex with asfreq and missing='interpolate'"


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
    dtype, freq : str or None
        Of the timestamps, as pandas writes them; freq is None for integers, both are for arrays.
    step : int
        How far apart timestamps are in units of their dtype; 0 if that varies, as for months.
    ends : ndarray (n_series,) of int64, or None
        The last timestamps.
    """

    kind: str
    n_series: int = 1
    n_channels: int = 1
    is_many: bool = False
    is_flat: bool = True
    columns: tuple = ()
    ids: tuple = ()
    dtype: str | None = None
    freq: str | None = None
    step: int = 0
    ends: np.ndarray | None = None

    def who(self, name, k):
        """What messages call series k of `name`."""
        if self.ids:
            return f"{name} of unique_id {self.ids[k]!r}"
        return f"{name}[{k}]" if self.is_many else name

    def ahead(self, horizon):
        """The next timestamps of all series, one series after the other: a pandas Index (n_series * horizon,)."""
        series = np.repeat(np.arange(self.n_series), horizon)
        return _index(self._stamps(series, np.tile(np.arange(horizon) + 1, self.n_series)), self.dtype)

    def extended(self, lengths):
        """The form of the same series `lengths` (n_series,) steps later."""
        if self.ends is None:
            return self
        return replace(self, ends=self._stamps(np.arange(self.n_series), np.asarray(lengths)))

    def follows(self, other, lengths, *, name="y"):
        """Check that series of another form, which have `lengths` (n_series,) steps, go on where these end.

        Of arrays only the numbers of series and channels can be compared.

        Raises
        ------
        ValueError
            If they are others, or begin earlier or later than one step after these.
        """
        what = ["n_series", "n_channels"]
        if not {self.kind, other.kind} <= {"array", "list"}:
            what += ["kind", "ids", "freq"] + ["columns"] * (self.kind == "frame")
        for key in what:
            mine, its = getattr(self, key), getattr(other, key)
            if mine != its:
                raise ValueError(f"{name} has {key} {its!r:.80}; expected {mine!r:.80}, as in what it goes on from")
        if self.ends is not None:
            first = other.extended(1 - np.asarray(lengths))
            first.check_ends(self.extended(np.ones(self.n_series, int)), name, "begins")

    def check_ends(self, expected, name, verb="ends"):
        """Check that the last timestamps are those of another form."""
        mine, its = _index(self.ends, self.dtype), _index(expected.ends, expected.dtype)
        if (mine != its).any():
            k = int(np.argmax(mine != its))
            raise ValueError(f"{self.who(name, k)} {verb} at {_text(mine[k])}; expected {_text(its[k])}")

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
            ones, and the last for points.  Labels become columns, below each channel of a DataFrame.

        Examples
        --------
        >>> import numpy as np
        >>> from fastrnn.frames import read_series
        >>> series, form = read_series([5, 6, 7, 8])
        >>> form.container(np.array([9.0, 10.0]).reshape(1, 2, 1, 1))
        array([ 9., 10.])
        >>> form.container(np.zeros((1, 2, 1, 3)), columns=[0.1, 0.5, 0.9]).shape
        (2, 3)
        """
        n, h, C, K = values.shape
        if self.kind in ("array", "list"):
            shape = (n,) * self.is_many + (h,) + (C,) * (not self.is_flat) + (K,) * (columns is not None)
            return values.reshape(shape)
        import pandas as pd

        index = self.ahead(h)
        if self.kind == "long":
            frame = pd.DataFrame({"unique_id": pd.Index(self.ids).repeat(h), "ds": index})
            frame[["y"] if columns is None else list(columns)] = values.reshape(n * h, K)
            return frame
        found = [self._frame(k, values[k], index[k * h : (k + 1) * h], columns) for k in range(n)]
        return found if self.is_many else found[0]

    def _frame(self, k, values, index, columns):
        """A Series or wide DataFrame of the values (h, C, K) for series k."""
        import pandas as pd

        # Of many series that would take longer than all else.
        if self.freq and self.dtype.startswith("datetime") and not self.is_many:
            index.freq = self.freq
        if self.kind == "series" and columns is None:
            return pd.Series(values[:, 0, 0], index, name=self.columns[k])
        if self.kind == "frame":
            columns = self.columns if columns is None else pd.MultiIndex.from_product([self.columns, columns])
        return pd.DataFrame(values.reshape(len(index), -1), index, columns)

    def calendar(self, lengths):
        """Sine and cosine of where in the day, week and year each step lies.

        Parameters
        ----------
        lengths : array (n_series,)
            How many steps up to its end each series has.

        Returns
        -------
        ndarray (sum of lengths, len(calendar_names))
        """
        import pandas as pd

        first, lengths = self._first_cycle(), np.asarray(lengths)
        series = np.repeat(np.arange(self.n_series), lengths)
        counts = np.arange(series.size) + 1 - np.repeat(np.cumsum(lengths), lengths)
        # Many series share their timestamps.
        numbers, stamps = pd.factorize(self._stamps(series, counts))
        angles = 2 * np.pi * _cycles(_wall(stamps, self.dtype))[:, first:]
        return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(len(angles), -1)[numbers]

    @property
    def calendar_names(self):
        """The columns of `calendar`."""
        return [f"{cycle}_{wave}" for cycle in CYCLES[self._first_cycle() :] for wave in ("sin", "cos")]

    def _first_cycle(self):
        """Cycles no longer than a step are left out, but for the year."""
        if self.freq is None:
            raise ValueError("calendar=True needs a DatetimeIndex or PeriodIndex (or ds as timestamps)")
        # The shortest of some steps: those of business days and hours vary.
        step = np.diff(_wall(self._stamps(np.zeros(9, int), np.arange(9)), self.dtype)).min()
        return int(step >= DAY) + int(step >= 7 * DAY)

    def _stamps(self, series, counts):
        """The timestamps `counts` (m,) steps after the ends of `series` (m,), as integers."""
        if self.step:
            return self.ends[series] + self.step * counts
        import pandas as pd

        ends = _index(self.ends, self.dtype)
        reach, options = int(np.abs(counts).max()) + 1, {"freq": self.freq, "unit": ends.unit}
        first = pd.date_range(end=ends.min(), periods=reach, **options)[0]
        grid = pd.date_range(first, pd.date_range(ends.max(), periods=reach, **options)[-1], **options)
        return grid.asi8[grid.get_indexer(ends)[series] + counts]


def read_series(y, *, name="y", missing="error", form=None):
    """Check time series in any container, and store them contiguously.

    Parameters
    ----------
    y : array, pandas Series or DataFrame, or list of them
        One series is an array (T,) or (T, C), a Series, or a DataFrame with a DatetimeIndex or PeriodIndex
        and a column a channel; many are a list of such, or a DataFrame with the columns unique_id, ds and
        y.  Timestamps are regular; those of a Series and ds may be consecutive integers.
    name : str
        What the caller calls y, for messages.
    missing : {"error", "interpolate"}
        With "interpolate" NaN is filled linearly between its neighbours, and at the ends with the nearest.
    form : Form, optional
        Of what came before y, for its frequency, which two rows do not tell, and order of unique_id.

    Returns
    -------
    sequences : Sequences
        The values (S, C), a copy in float64.
    form : Form

    Raises
    ------
    ValueError
        If y is none of these or empty, its values are no finite numbers, or its timestamps are not
        sorted, occur twice or have gaps; the message names series and step.  (Objects of which no
        number can be made are a TypeError.)

    Examples
    --------
    >>> from fastrnn.frames import read_series
    >>> sequences, form = read_series([[1, 2, 3], [4, float("nan"), 6, 7]], missing="interpolate")
    >>> form.n_series, sequences[1].ravel()
    (2, array([4., 5., 6., 7.]))
    """
    if missing not in ("error", "interpolate"):
        raise ValueError(f"missing is {missing!r}; expected 'error' or 'interpolate'")
    is_long = _kind(y) == "frame" and ("unique_id" in y.columns or not _has_times(y.index))
    if is_long:
        _check_columns(y, name)
    return _read(y, name, missing, is_long, form)


def read_covariates(x, form, name, *, ahead=None, missing="error"):
    """Check what goes with series of a form: as `read_series`, with any columns and in the form's order of series.

    Parameters
    ----------
    x : as y of `read_series`
        A DataFrame with unique_id, ds and any others if the series were in such a one.
    form : Form
        That of the series.
    name : str
    ahead : int, optional
        How many steps after the series x must end, if both have timestamps.  Without it the end is
        not checked, and a long DataFrame may have one row a series and no ds.
    missing : {"error", "interpolate"}

    Returns
    -------
    sequences : Sequences
        The values (S, P).
    form : Form
        That of x, with its columns and ends.

    Raises
    ------
    ValueError
        As `read_series`, and if series are missing, unknown or end elsewhere.
    """
    is_long, columns = form.kind == "long", getattr(x, "columns", ())
    if is_long and not ("unique_id" in columns and (ahead is None or "ds" in columns)):
        times = "and ds" + " (unless it has a row a series)" * (ahead is None)
        raise ValueError(f"{name} must be a DataFrame with unique_id {times}, as y was; got {type(x).__name__}")
    sequences, found = _read(x, name, missing, is_long, form)
    if found.n_series != form.n_series:
        raise ValueError(f"{name} has {found.n_series} series, but y has {form.n_series}")
    if ahead is not None and found.ends is not None and form.ends is not None:
        found.check_ends(form.extended(np.full(form.n_series, ahead)), name)
    return sequences, found


def _read(y, name, missing, is_long, before):
    arrays, lengths, indexes, form = _from_long(y, name, before and before.ids) if is_long else _from_items(y, name)
    # Concatenating copies one array, too: nothing later writes to the caller's.
    values = np.concatenate(arrays, dtype=np.float64, casting="unsafe")
    sequences = Sequences(values, np.concatenate([[0], np.cumsum(lengths)]))
    index = indexes[0].append(list(indexes[1:])) if indexes else None
    rows = _Rows(form, sequences, index, name)
    if indexes:
        known = [before.freq] if before else [getattr(index, "freq", None) for index in indexes]
        rows.read_times(next(filter(None, known), None))
    rows.check_values(missing)
    return sequences, form


def _kind(y):
    is_pandas = hasattr(y, "iloc") and any(c.__module__.split(".")[0] == "pandas" for c in type(y).__mro__)
    return ("series", "frame")[y.ndim - 1] if is_pandas else "array"


def _from_items(y, name):
    """The arrays (T, C) of one series or a list of them, their lengths, indexes if they have some, and form."""
    items, is_many = _items(y, name)
    kind = _kind(items[0])
    form = Form("list" if is_many and kind == "array" else kind, len(items), is_many=is_many)
    arrays = [_as_array(x, kind, form.who(name, k)) for k, x in enumerate(items)]
    form.n_channels, form.is_flat = arrays[0].shape[1], np.ndim(items[0]) == 1
    for k, x in enumerate(items):
        if np.shape(x)[1:] != np.shape(items[0])[1:]:
            what = f"{name}[{k}] has {arrays[k].shape[1]} channels, but {name}[0] has {form.n_channels}"
            raise ValueError(f"{what}: the shapes are {np.shape(x)} and {np.shape(items[0])}")
        if kind == "frame" and list(x.columns) != list(items[0].columns):
            raise ValueError(f"{name}[{k}] and {name}[0] have other columns: {list(x.columns)!r:.80}")
    if kind != "array":
        form.columns = tuple(items[0].columns) if kind == "frame" else tuple(x.name for x in items)
    return arrays, [len(x) for x in arrays], [x.index for x in items if kind != "array"], form


def _items(y, name):
    """The series in y, and whether y is a list of them."""
    if isinstance(y, (list, tuple)) or (isinstance(y, np.ndarray) and y.dtype == object and y.ndim == 1):
        if len(y) == 0:
            raise ValueError(f"{name} is empty: it needs at least one series")
        if getattr(y[0], "ndim", hasattr(y[0], "__len__")):
            return y, True
    if getattr(y, "ndim", 0) == 3:
        raise ValueError(f"{name} is an array of shape {y.shape}: pass a list of (T, C) arrays")
    return [y], False


def _as_array(x, kind, who):
    """The numbers (T, C) of one series."""
    if _kind(x) != kind:
        raise ValueError(f"{who} is a {type(x).__name__}, but the first series is of the kind {kind!r}")
    array = as_steps(x if kind == "array" else x.to_numpy(na_value=np.nan), who, False)
    if array.size == 0:
        raise ValueError(f"{who} is empty (shape {np.shape(x)}): it needs at least one step and channel")
    return array


def _check_columns(frame, name):
    accepted = "a DatetimeIndex or PeriodIndex and a column a channel, or the columns unique_id, ds and y"
    if not {"unique_id", "ds", "y"} <= set(frame.columns):
        raise ValueError(f"{name} must have {accepted}; got {list(frame.columns)!r:.80} and {frame.index.dtype}")
    extra = ", ".join(str(column) for column in frame.columns if column not in ("unique_id", "ds", "y"))
    if extra:
        advice = "pass covariates as past=, future= or static=, frames with unique_id and ds"
        raise ValueError(f"{name} has the columns {extra} beside unique_id, ds and y: {advice}")


def _from_long(frame, name, ids):
    """As `_from_items`, of a DataFrame in long form; with the order of the series that ids give, if there are any."""
    import pandas as pd

    labels = frame["unique_id"]
    numbers, ids = (pd.Index(ids).get_indexer(labels), ids) if ids else pd.factorize(labels)
    if (numbers < 0).any():
        raise ValueError(f"{name} has the unique_id {labels[numbers < 0].iloc[0]!r}; known are {list(ids)!r:.80}")
    lengths = np.bincount(numbers, minlength=len(ids))
    if (lengths == 0).any():
        raise ValueError(f"{name} has no rows of unique_id {ids[int(lengths.argmin())]!r}")
    if (np.diff(numbers) < 0).any():
        frame = frame.iloc[np.argsort(numbers, kind="stable")]
    columns = [column for column in frame.columns if column not in ("unique_id", "ds")]
    form = Form("long", len(ids), len(columns), is_many=True, columns=tuple(columns), ids=tuple(ids))
    indexes = [pd.Index(frame["ds"])] if "ds" in frame.columns else []
    if not indexes and lengths.max() > 1:
        raise ValueError(f"{form.who(name, int(lengths.argmax()))} has several rows; expected one, or a column ds")
    return [_as_array(frame[columns], "frame", name)], lengths, indexes, form


def _has_times(index):
    import pandas as pd

    return isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex))


def _text(stamp):
    return str(stamp).removesuffix(" 00:00:00")


def _index(stamps, dtype):
    """The pandas Index of timestamps stored as integers."""
    import pandas as pd

    if dtype.startswith("period"):
        return pd.PeriodIndex.from_ordinals(stamps, freq=pd.api.types.pandas_dtype(dtype).freq)
    return pd.DatetimeIndex(stamps, dtype=dtype) if dtype.startswith("datetime") else pd.Index(stamps)


def _wall(stamps, dtype):
    """What clock and calendar show, as datetime64."""
    index = _index(stamps, dtype)
    return (index.to_timestamp() if dtype.startswith("period") else index).tz_localize(None).to_numpy()


def _cycles(times):
    """How far of each day, week and year has passed, from 0 to 1: (m, 3)."""
    days, years = times.astype("M8[D]"), times.astype("M8[Y]")
    begins, ends = years.astype("M8[D]"), (years + 1).astype("M8[D]")
    weekdays = (days.astype(np.int64) + 3) % 7  # 1970 began on a Thursday
    return np.column_stack([(times - days) / DAY, weekdays / 7, (days - begins) / (ends - begins)])


@dataclass
class _Rows:
    """The rows of all series, one series after the other, while they are checked; index is that of pandas, or None."""

    form: Form
    sequences: Sequences
    index: object
    name: str

    def read_times(self, freq):
        """Check that the steps of each series are regular, and store in the form how they go on."""
        form, index, is_dated = self.form, self.index, _has_times(self.index)
        if not is_dated and index.dtype.kind not in "iu":
            expected = "datetimes (see pandas.to_datetime), periods or integers, alike in all series"
            raise ValueError(f"{self.name} has timestamps of {index.dtype}; expected {expected}")
        self.refuse(index.isna(), "has no timestamp at {place}")
        form.dtype, form.step = (str(index.dtype) if is_dated else "int64"), 1
        if "(" in form.dtype:
            raise ValueError(f"{self.name} has the time zone {index.tz}: tz_convert it to one with a name")
        form.ends = index.asi8 if is_dated else index.to_numpy(np.int64)
        self.refuse(self.gaps(form.ends, 1) <= 0, "has {last} before {place}: sort it by time, and keep each time once")
        if is_dated:
            form.freq, form.step = self.frequency(freq)
        self.check_gaps()
        form.ends = form.ends[self.sequences.offsets[1:] - 1]

    def frequency(self, freq):
        """How pandas writes the frequency, given or that of the longest series, and the step of a `Form`."""
        import pandas as pd

        index, offsets, k = self.index, self.sequences.offsets, int(self.sequences.lengths.argmax())
        if isinstance(index, pd.PeriodIndex):
            return index.freqstr, index.freq.n
        freq = _inferred(index[offsets[k] : offsets[k + 1]]) if freq is None else freq
        if freq is None:
            raise ValueError(f"{self.form.who(self.name, k)} shows no frequency: give its index a freq, or {ADVICE}")
        offset = pd.tseries.frequencies.to_offset(freq)
        # A day is no fixed step: in a time zone some have 23 hours.
        is_fixed = isinstance(offset, pd.offsets.Tick) and not isinstance(offset, pd.offsets.Day)
        return offset.freqstr, pd.Timedelta(offset) // pd.Timedelta(1, index.unit) if is_fixed else 0

    def check_gaps(self):
        """Check that each timestamp is one step after the one before."""
        import pandas as pd

        form, index = self.form, self.index
        if form.step:
            numbers, phases = np.divmod(form.ends, form.step)
            is_off = self.gaps(phases, 0) != 0
        else:
            numbers = pd.date_range(index.min(), index.max(), freq=form.freq, unit=index.unit).get_indexer(index)
            is_off = numbers < 0
        self.refuse(is_off, f"is not at the frequency {form.freq} at {{place}}: {ADVICE}")
        is_late = self.gaps(numbers, 1) > 1
        if is_late.any():
            before = form.ends[[int(is_late.argmax()) - 1]]
            after = replace(form, n_series=1, ends=before).ahead(1)[0]
            self.refuse(is_late, f"has a gap: {_text(after)} is missing after {{last}}; {ADVICE}")

    def gaps(self, numbers, first):
        """How far each row is from the one before, and `first` where a series begins."""
        gaps = np.diff(numbers, prepend=numbers[0])
        gaps[self.sequences.offsets[:-1]] = first
        return gaps

    def check_values(self, missing):
        """Refuse values that are not finite, or fill NaN in."""
        values, offsets = self.sequences.values, self.sequences.offsets
        self.refuse(np.isinf(values).any(axis=1), "is infinite at {place}: remove it")
        is_nan = np.isnan(values).any(axis=1)
        if missing == "error":
            self.refuse(is_nan, "is NaN at {place}: remove it or set missing='interpolate'")
        for k in np.unique(np.searchsorted(offsets, np.flatnonzero(is_nan), side="right")) - 1:
            for series in self.sequences[k].T:
                _interpolate(series, self.form.who(self.name, k))

    def refuse(self, wrong, text):
        """Raise an error that names the first row which is wrong, if there is any."""
        if wrong.any():
            row = int(wrong.argmax())
            k = self.sequences.number_of(row)
            last, this = ("", "") if self.index is None else map(_text, self.index[[row - 1, row]])
            place = f"step {row - self.sequences.offsets[k]}" + f" ({this})" * bool(this)
            raise ValueError(f"{self.form.who(self.name, k)} {text.format(last=last, place=place)}")


def _interpolate(series, who):
    """Fill NaN in an array (T,)."""
    is_hole = np.isnan(series)
    if is_hole.all():
        raise ValueError(f"{who} is NaN at all steps: leave the series out")
    series[is_hole] = np.interp(np.flatnonzero(is_hole), np.flatnonzero(~is_hole), series[~is_hole])


def _inferred(index):
    """The frequency of a regular index, or else of a part of it, so that errors can tell what is missing."""
    edges = [np.arange(n + 1) * len(index) // n for n in (1, 2, 4, 8)]
    parts = [index[a:b] for some in edges for a, b in pairwise(some) if b - a >= 3]
    # `infer_freq` itself warns that in pandas 4 it returns something else.
    return next(filter(None, (type(part)(part, freq="infer").freq for part in parts)), None)
