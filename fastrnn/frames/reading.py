"""Time series in any container, read once."""

import numpy as np

from fastrnn.frames.calendar import has_times
from fastrnn.frames.form import Form
from fastrnn.frames.rows import Rows
from fastrnn.sequences import Sequences, as_steps


def read_series(y, *, name="y", missing="error", form=None):
    """Check time series in any container, and store them contiguously.

    Parameters
    ----------
    y : array, pandas Series or DataFrame, or list of them
        One series is an array (T,) or (T, C), a Series, or a DataFrame with a DatetimeIndex or PeriodIndex
        and a column a channel; many are a list of such, or a DataFrame with the columns unique_id, ds and
        y.  Timestamps are regular; those of a Series and ds may be integers.  They go on as the index's own freq
        does, of the first that has one, or else as the longest series shows; of a time zone in local time, unless its
        freq is in hours or they show that clocks have changed between them.
    name : str
        What the caller calls y, for messages.
    missing : {"error", "interpolate"}
        With "interpolate" NaN, and rows that are left out, are filled linearly between their neighbours, and at the
        ends with the nearest.
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
        sorted, occur twice, have gaps or are dates written as integers; the message names series and
        step.  (Objects of which no number can be made are a TypeError.)

    Examples
    --------
    >>> from fastrnn.frames import read_series
    >>> sequences, form = read_series([[1, 2, 3], [4, float("nan"), 6, 7]], missing="interpolate")
    >>> form.n_series, sequences[1].ravel()
    (2, array([4., 5., 6., 7.]))
    """
    if missing not in ("error", "interpolate"):
        raise ValueError(f"missing is {missing!r}; expected 'error' or 'interpolate'")
    is_long = _kind(y) == "frame" and ("unique_id" in y.columns or not has_times(y.index))
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
    rows = Rows(form, sequences, index, name)
    if indexes:
        rows.read_times(before, [getattr(index, "freq", None) for index in indexes], missing)
    rows.check_values(missing)
    return rows.sequences, form


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
