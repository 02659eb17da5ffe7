"""Time series as people have them, in arrays or pandas objects: read once, and forecasts given back in kind.

pandas is imported only where one of its objects came in.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from fastrnn.sequences import Sequences, _as_steps

CYCLES = ("hour_of_day", "day_of_week", "day_of_year")
DAY = np.timedelta64(1, "D")
ADVICE = "reindex with asfreq and missing='interpolate'"


@dataclass(eq=False)
class Form:
    """What series came in, and when they end: all that it takes to give forecasts back in the same kind of container.

    Attributes
    ----------
    kind : {"array", "list", "series", "frame", "long"}
        Of one array, of many; of pandas Series or wide DataFrames; of one DataFrame in long form.
    n_series, n_channels : int
    is_many : bool
        Whether there may be many series: a list of them, or a long DataFrame.
    is_flat : bool
        Whether the series have no axis for channels.
    columns : tuple of str or int
        The channels of DataFrames, the names (or None) of Series.
    ids : tuple of str or int
        The series of a long DataFrame, in order of their first rows.
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

    def when(self, k, count):
        """The timestamp that is `count` steps after the end of series k, for messages."""
        return _text(_index(self._stamps(np.array([k]), np.array([count])), self.dtype)[0])

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

        Raises
        ------
        ValueError
            If they are others, or begin earlier or later than one step after these.  Of arrays only
            the numbers of series and channels can be compared.
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
        wrong = np.asarray(_index(self.ends, self.dtype) != _index(expected.ends, expected.dtype))
        if wrong.any():
            k = int(wrong.argmax())
            raise ValueError(f"{self.who(name, k)} {verb} at {self.when(k, 0)}; expected {expected.when(k, 0)}")

    def container(self, values, columns=None):
        """Forecasts in the kind of container that the series came in, with the timestamps that come next.

        Parameters
        ----------
        values : ndarray (n_series, h, n_channels, K)
        columns : list of K labels, optional
            Of what there is for each step: quantile levels, "lower" and "upper", numbers of paths.
            Without it K is 1, and forecasts are points.

        Returns
        -------
        ndarray, Series, DataFrame or list of them
            Arrays have the axes of `values` without that of series for one, that of channels for flat
            ones, and the last for points.  Labels become columns: of a Series' DataFrame, below each
            channel of a DataFrame, and of a long one beside unique_id and ds.

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

        if self.freq and self.dtype.startswith("datetime"):
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

        Raises
        ------
        ValueError
            If there are no timestamps.
        """
        cycles, lengths = self._cycles(), np.asarray(lengths)
        series = np.repeat(np.arange(self.n_series), lengths)
        counts = np.arange(series.size) + 1 - np.repeat(np.cumsum(lengths), lengths)
        parts = _parts_of_cycles(_wall(self._stamps(series, counts), self.dtype))
        angles = 2 * np.pi * np.column_stack([parts[cycle] for cycle in cycles])
        return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(series.size, -1)

    @property
    def calendar_names(self):
        """The columns of `calendar`."""
        return [f"{cycle}_{wave}" for cycle in self._cycles() for wave in ("sin", "cos")]

    def _cycles(self):
        """Those longer than a step, and always the year."""
        if self.freq is None:
            raise ValueError("calendar=True needs a DatetimeIndex or PeriodIndex (or ds as timestamps)")
        # The shortest of some steps: those of business days and hours vary.
        step = np.diff(_wall(self._stamps(np.zeros(9, int), np.arange(9)), self.dtype)).min()
        return CYCLES[int(step >= DAY) + int(step >= 7 * DAY) :]

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
        An array (T,) or (T, C), a Series, or a DataFrame with a DatetimeIndex or PeriodIndex and a
        column a channel is one series; a list of such is many, and so is a DataFrame with the columns
        unique_id, ds and y.  Timestamps follow one another at one frequency; a Series and ds may have
        consecutive integers instead.
    name : str
        What the caller calls y, for messages.
    missing : {"error", "interpolate"}
        What is done about NaN: with "interpolate" it is filled linearly between its neighbours, and
        at the ends with the nearest value.
    form : Form, optional
        Of what came before y: its frequency is taken, and series of a long DataFrame get its order.
        Without it, two rows would be too few to tell the frequency.

    Returns
    -------
    sequences : Sequences
        The values (S, C), a copy in float64.
    form : Form

    Raises
    ------
    ValueError
        If y is none of these or empty, its values are no numbers, NaN or infinite, or its timestamps
        are not sorted, occur twice or have gaps; the message names series and step.
    TypeError
        If it holds objects that no number can be made of.

    Examples
    --------
    >>> from fastrnn.frames import read_series
    >>> sequences, form = read_series([[1, 2, 3], [4, float("nan"), 6, 7]], missing="interpolate")
    >>> sequences[1].ravel()
    array([4., 5., 6., 7.])
    >>> form.n_series, form.n_channels
    (2, 1)
    """
    if missing not in ("error", "interpolate"):
        raise ValueError(f"missing is {missing!r}; expected 'error' or 'interpolate'")
    is_long = _kind(y) == "frame" and ("unique_id" in y.columns or not _has_times(y.index))
    if is_long:
        _check_columns(y, name)
    return _read(y, name, missing, form, is_long)


def read_covariates(x, form, name, *, ahead=None, missing="error"):
    """Check what goes with series of a form: as `read_series`, with any columns and in the form's order of series.

    Parameters
    ----------
    x : as y of `read_series`
        A DataFrame with unique_id, ds and any others if the series were in such a one.
    form : Form
        Of the series.
    name : str
    ahead : int, optional
        How many steps after the series x ends, if both have timestamps.  Without it the end is not
        checked, and a long DataFrame may have no ds: then it has one row a series.
    missing : {"error", "interpolate"}

    Returns
    -------
    sequences : Sequences
        The values (S, P).
    form : Form
        Of x: its columns, ids and ends.

    Raises
    ------
    ValueError
        As `read_series`; and if series are missing, unknown, or end elsewhere.
    """
    is_long, columns = form.kind == "long", getattr(x, "columns", ())
    if is_long and not ("unique_id" in columns and (ahead is None or "ds" in columns)):
        raise ValueError(f"{name} must be a DataFrame with unique_id and ds, as y was; got {type(x).__name__}")
    sequences, found = _read(x, name, missing, form, is_long)
    if found.n_series != form.n_series:
        raise ValueError(f"{name} has {found.n_series} series, but y has {form.n_series}")
    if ahead is not None and found.ends is not None and form.ends is not None:
        found.check_ends(form.extended(np.full(form.n_series, ahead)), name)
    return sequences, found


def _read(y, name, missing, before, is_long):
    if is_long:
        arrays, lengths, indexes, form = _from_long(y, name, before.ids if before else None)
    else:
        arrays, lengths, indexes, form = _from_items(y, name)
    # Concatenating copies one array, too: nothing later writes to the caller's.
    values = np.concatenate(arrays, dtype=np.float64, casting="unsafe")
    sequences = Sequences(values, np.concatenate([[0], np.cumsum(lengths)]))
    if indexes:
        known = [before.freq] if before else [getattr(index, "freq", None) for index in indexes]
        index = indexes[0].append(list(indexes[1:])) if len(indexes) > 1 else indexes[0]
        _Times(form, sequences, index, name).read(next(filter(None, known), None))
    _check_values(form, sequences, name, missing)
    return sequences, form


# ------------------------------------------------------------------------------------------ containers


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
            shapes = f"the shapes are {np.shape(x)} and {np.shape(items[0])}"
            raise ValueError(
                f"{name}[{k}] has {arrays[k].shape[1]} channels, but {name}[0] has {form.n_channels}: {shapes}"
            )
        if kind == "frame" and list(x.columns) != list(items[0].columns):
            raise ValueError(f"{name}[{k}] and {name}[0] have other columns: {list(x.columns)!r:.80}")
    lengths = [len(x) for x in arrays]
    if kind == "array":
        return arrays, lengths, [], form
    form.columns = tuple(items[0].columns) if kind == "frame" else tuple(x.name for x in items)
    return arrays, lengths, [x.index for x in items], form


def _items(y, name):
    """The series in y, and whether y is a list of them."""
    if isinstance(y, (list, tuple)) or (isinstance(y, np.ndarray) and y.dtype == object and y.ndim == 1):
        if len(y) == 0:
            raise ValueError(f"{name} is empty: it needs at least one series")
        if getattr(y[0], "ndim", hasattr(y[0], "__len__")):
            return y, True
    if np.ndim(y) == 3:
        raise ValueError(f"{name} is an array of shape {np.shape(y)}: pass a list of (T, C) arrays")
    return [y], False


def _as_array(x, kind, who):
    """The numbers (T, C) of one series."""
    if _kind(x) != kind:
        raise ValueError(f"{who} is a {type(x).__name__}, but the first series is of the kind {kind!r}")
    array = _as_steps(x if kind == "array" else x.to_numpy(na_value=np.nan), who, False)
    if array.size == 0:
        raise ValueError(f"{who} is empty (shape {np.shape(x)}): it needs at least one step and channel")
    return array


def _check_columns(frame, name):
    expected = ["unique_id", "ds", "y"]
    if not set(expected) <= set(frame.columns):
        raise ValueError(
            f"{name} has the columns {list(frame.columns)!r:.80} and an index of {frame.index.dtype}: expected the "
            "columns unique_id, ds and y, or a DatetimeIndex or PeriodIndex and a column a channel"
        )
    extra = ", ".join(str(column) for column in frame.columns if column not in expected)
    if extra:
        raise ValueError(
            f"{name} has the columns {extra} beside unique_id, ds and y: pass covariates as past=, future= or static=, "
            "frames with unique_id and ds"
        )


def _from_long(frame, name, ids):
    """As `_from_items`, of a DataFrame in long form; with the order of the series that ids give, if there are any."""
    import pandas as pd

    if ids is None:
        numbers, ids = pd.factorize(frame["unique_id"])
    else:
        numbers = pd.Index(ids).get_indexer(frame["unique_id"])
    if (numbers < 0).any():
        wrong = frame["unique_id"].iloc[int(numbers.argmin())]
        raise ValueError(f"{name} has the unknown unique_id {wrong!r}; known are {list(ids)!r:.80}")
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


# ------------------------------------------------------------------------------------------ values


def _check_values(form, sequences, name, missing):
    values, offsets = sequences.values, sequences.offsets
    wrong = np.isinf(values) if missing == "interpolate" else ~np.isfinite(values)
    if wrong.any():
        row, channel = np.unravel_index(wrong.argmax(), wrong.shape)
        k = sequences.number_of(row)
        when = "" if form.ends is None else f" ({form.when(k, row + 1 - offsets[k + 1])})"
        where = f" in channel {channel}" * (form.n_channels > 1)
        what, advice = ("NaN", " or set missing='interpolate'") if np.isnan(values[row, channel]) else ("infinite", "")
        raise ValueError(f"{form.who(name, k)} is {what} at step {row - offsets[k]}{when}{where}: remove it{advice}")
    holed = np.flatnonzero(np.isnan(values).any(axis=1))
    for k in np.unique(np.searchsorted(offsets, holed, side="right")) - 1:
        for series in sequences[k].T:
            _interpolate(series, form.who(name, k))


def _interpolate(series, who):
    """Fill NaN in an array (T,)."""
    is_hole = np.isnan(series)
    if is_hole.all():
        raise ValueError(f"{who} is NaN at all steps: leave the series out")
    series[is_hole] = np.interp(np.flatnonzero(is_hole), np.flatnonzero(~is_hole), series[~is_hole])


# ------------------------------------------------------------------------------------------ times


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
    index = index.to_timestamp() if dtype.startswith("period") else index
    return index.tz_localize(None).to_numpy()


def _parts_of_cycles(times):
    """How far of each day, week and year has passed, from 0 to 1."""
    days, years = times.astype("M8[D]"), times.astype("M8[Y]")
    begins, ends = years.astype("M8[D]"), (years + 1).astype("M8[D]")
    return {
        "hour_of_day": (times - days) / DAY,
        "day_of_week": (days.astype(np.int64) + 3) % 7 / 7,  # 1970 began on a Thursday
        "day_of_year": (days - begins) / (ends - begins),
    }


@dataclass
class _Times:
    """The timestamps `index` of all series, one series after the other, while they are checked."""

    form: Form
    sequences: Sequences
    index: object
    name: str

    def read(self, freq):
        """Check that the steps of each series are regular, and store in the form how they go on."""
        form, index, is_dated = self.form, self.index, _has_times(self.index)
        if not is_dated and index.dtype.kind not in "iu":
            raise ValueError(
                f"{self.name} has {'a column ds' if form.ids else 'an index'} of {index.dtype}: expected timestamps, "
                "periods or integers, alike in all series; pandas.to_datetime makes timestamps of text"
            )
        self.refuse(index.isna(), "has no timestamp at step {step}")
        form.dtype, form.step = (str(index.dtype) if is_dated else "int64"), 1
        if "(" in form.dtype:
            raise ValueError(f"{self.name} has the time zone {index.tz}: tz_convert it to one with a name")
        form.ends = index.asi8 if is_dated else index.to_numpy(np.int64)
        self.refuse(self.gaps(form.ends, 1) <= 0, "has {this} after {last} (at step {step}): sort it, each time once")
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
            raise ValueError(
                f"{self.form.who(self.name, k)} shows no frequency: {ADVICE}, or give an index with a freq"
            )
        offset = pd.tseries.frequencies.to_offset(freq)
        # A day is no fixed step: in a time zone some have 23 hours.
        is_fixed = isinstance(offset, pd.offsets.Tick) and not isinstance(offset, pd.offsets.Day)
        return offset.freqstr, pd.Timedelta(offset) // pd.Timedelta(1, index.unit) if is_fixed else 0

    def check_gaps(self):
        """Check that each timestamp is one step after the one before."""
        import pandas as pd

        freq, step, index, numbers = self.form.freq, self.form.step, self.index, self.form.ends
        off = f"has {{this}} at step {{step}}, which is not at the frequency {freq}: {ADVICE}"
        if not step:
            numbers = pd.date_range(index.min(), index.max(), freq=freq, unit=index.unit).get_indexer(index)
            self.refuse(numbers < 0, off)
        gaps = self.gaps(numbers, step or 1)
        self.refuse(gaps % (step or 1) != 0, off)
        self.refuse(gaps > (step or 1), f"has a gap: {{next}} is missing after {{last}}; {ADVICE}")

    def gaps(self, numbers, first):
        """How far each row is from the one before, and `first` where a series begins."""
        gaps = np.diff(numbers, prepend=numbers[0])
        gaps[self.sequences.offsets[:-1]] = first
        return gaps

    def refuse(self, wrong, text):
        """Raise an error that names the first row which is wrong, if there is any."""
        if wrong.any():
            row = int(wrong.argmax())
            k = self.sequences.number_of(row)
            this, last = (_text(stamp) for stamp in self.index[[row, row - 1]])
            # `ends` are those of all rows until the check is over.
            after = self.form.when(row - 1, 1) if "{next}" in text else ""
            text = text.format(this=this, last=last, step=row - self.sequences.offsets[k], next=after)
            raise ValueError(f"{self.form.who(self.name, k)} {text}")


def _inferred(index):
    """The frequency of a regular index, or else of a part of it, so that errors can tell what is missing."""
    import pandas as pd

    edges = [np.arange(n + 1) * len(index) // n for n in (1, 2, 4, 8)]
    parts = [index[a:b] for some in edges for a, b in pairwise(some) if b - a >= 3]
    # `infer_freq` itself warns that in pandas 4 it returns something else.
    return next(filter(None, (pd.DatetimeIndex(part, freq="infer").freq for part in parts)), None)
