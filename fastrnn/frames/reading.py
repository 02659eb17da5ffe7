"""Time series in any container, read once."""

from collections import namedtuple

import numpy as np

from fastrnn import tables
from fastrnn.frames.calendar import has_times
from fastrnn.frames.form import Form
from fastrnn.frames.offsets import pd
from fastrnn.frames.rows import Rows
from fastrnn.sequences import Sequences, as_steps, plain_lengths
from fastrnn.wording import shown

Item = namedtuple("Item", "x, kind, has_times, origin", defaults=(False, {}))
"""One thing that came in: an array, or a pandas object whose index has the times, if it has some.

`origin` has fields of a `Form` that tell what else than a pandas object with such an index it was.
"""


def read_series(y, *, name="y", missing="error", form=None, names=tables.LONG, after=None):
    """Check time series in any container, and store them contiguously.

    Parameters
    ----------
    y : array, Series or DataFrame of pandas or another library, pyarrow Table or ChunkedArray, or list of them
        One series is an array (T,) or (T, C), a Series, or a DataFrame with a column a channel and times: a
        DatetimeIndex or PeriodIndex, or the column ds.  Many are a list of such, or a DataFrame with the columns
        unique_id, ds and y.  Timestamps are regular; those of a Series and ds may be integers.  They go on as the
        index's own freq does, of the first that has one, or else as the longest series shows; of a time zone in local
        time, unless its freq is in hours or they show that clocks have changed between them.
    name : str
        What the caller calls y, for messages.
    missing : {"error", "interpolate"}
        With "interpolate" NaN, and rows that are left out, are filled linearly between their neighbours, and at the
        ends with the nearest.
    form : Form, optional
        Of what came before y, for its frequency, which two rows do not tell, and order of unique_id.
    names : tuple of three
        What is called unique_id, ds and y; a form has its own.
    after : tuple of Form and Sequences, optional
        What y goes on from: "interpolate" adds the steps that are missing between its end and y, which may be NaN.

    Returns
    -------
    sequences : Sequences
        The values (S, C), a copy in float64; a `Filled` if something was missing.
    form : Form

    Raises
    ------
    ValueError
        If y is none of these or empty, has two columns of one name, its values are no finite numbers, or its
        timestamps are not sorted, occur twice, have gaps or are dates written as integers; the message names series
        and step.  (Objects of which no number can be made are a TypeError.)

    Examples
    --------
    >>> from fastrnn.frames.reading import read_series
    >>> sequences, form = read_series([[1, 2, 3], [4, float("nan"), 6, 7]], missing="interpolate")
    >>> form.n_series, sequences[1].ravel()
    (2, array([4., 5., 6., 7.]))
    """
    if missing not in ("error", "interpolate"):
        raise ValueError(f"missing is {missing!r}; expected 'error' or 'interpolate'")
    names = names if form is None else form.names
    items, is_many = _items(y, name, names)
    if items[0].kind in ("frame", "long"):
        _check_columns(items[0], name, names, is_many)
    return _read(items, is_many, name, missing, names, form, after)


def read_covariates(x, form, name, *, ahead=None, missing="error", after=None):
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
    after : tuple of Form and Sequences, optional
        As for `read_series`.

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
    items, is_many = _items(x, name, form.names)
    (id_col, time_col, _), is_long = form.names, items[0].kind == "long"
    if form.kind == "long" and not (is_long and (ahead is None or time_col in items[0].x.columns)):
        times = f"and {time_col}" + " (unless it has a row a series)" * (ahead is None)
        raise ValueError(f"{name} must be a DataFrame with {id_col} {times}, as y was; got {_got(x, name, form)}")
    if is_long and form.kind != "long":
        raise ValueError(f"{name} has the column {id_col!r}, which y had not: leave it out")
    sequences, found = _read(items, is_many, name, missing, form.names, form, after)
    if found.n_series != form.n_series:
        raise ValueError(f"{name} has {found.n_series} series, but y has {form.n_series}")
    if ahead is not None and found.ends is not None and form.ends is not None:
        later, why = form.extended(np.full(form.n_series, ahead)), f", {ahead} steps after the last of y" * (ahead > 0)
        found.check_ends(later, name, why=why)
    return sequences, found


def _got(x, name, form):
    """What came in place of a long table, and the way to one that has the ids as its index."""
    got, columns = type(x).__name__, tables.labels(x, name)
    if columns is not None:
        got += f" with the columns {shown(columns)}"
    has_ids = columns is not None and form.names[0] not in columns and {*form.ids} <= {*getattr(x, "index", ())}
    return got + f": pass {name}.reset_index(names={form.names[0]!r})" * has_ids


def _read(items, is_many, name, missing, names, before, after):
    if items[0].kind == "long" and not is_many:
        arrays, lengths, indexes, form = _from_long(items[0], name, names, before and before.ids)
    elif items[0].kind == "arrays":
        arrays, lengths, indexes, form = _from_arrays(items[0].x, names)
    else:
        arrays, lengths, indexes, form = _from_items(items, is_many, name, names)
    # Concatenating copies one array, too: nothing later writes to the caller's.
    values = np.concatenate(arrays, dtype=np.float64, casting="unsafe").reshape(-1, form.n_channels)
    index = indexes[0].append(indexes[1:]) if indexes else None
    is_after = missing == "interpolate" and after and (len(lengths), form.n_channels) == (len(after[1]), after[1].width)
    rows = Rows(form, Sequences(values, np.append(0, np.cumsum(lengths))), index, name, after if is_after else None)
    if indexes:
        rows.read_times(before, [getattr(index, "freq", None) for index in indexes], missing)
    rows.check_values(missing)
    return rows.sequences, form


def _items(y, name, names):
    """The series in y, each as an `Item`, and whether y is a list of them."""
    if way := tables.advice(y, name, groups="pass the table that it groups; id_col= names its column of series"):
        raise ValueError(f"{name} is a {type(y).__name__}: {way}")
    if isinstance(y, (list, tuple)) or (isinstance(y, np.ndarray) and y.dtype == object and y.ndim == 1):
        if len(y) == 0:
            raise ValueError(f"{name} is empty: it needs at least one series")
        if getattr(y[0], "ndim", hasattr(y[0], "__len__")):
            if isinstance(y, list) and plain_lengths(y) is not None:
                return [Item(y, "arrays")], True
            return [_item(x, f"{name}[{k}]", names) for k, x in enumerate(y)], True
    if getattr(y, "ndim", 0) == 3:
        raise ValueError(f"{name} is an array of shape {y.shape}: pass a list of (T, C) arrays")
    return [_item(y, name, names)], False


def _item(x, who, names):
    library, has_index, origin, (id_col, time_col, _) = tables.library(x), True, {}, names
    if library is None:
        return Item(x, "array")
    if library != "pandas":
        x, backend, types = tables.to_pandas(x, who)
        has_index = backend in tables.WITH_INDEX
        origin = {"library": backend, "types": tuple(types.get(name, "") for name in names[:2])}
        if origin["types"][1] == "String":
            raise ValueError(f"{who} has texts in the column {time_col!r}; expected times or integers: parse them")
    if x.index.nlevels > 1:
        advice = f"pass {who}.reset_index(), with id_col=, time_col= and target_col= for what its columns are called"
        raise ValueError(f"{who} has a MultiIndex: {advice}; or what fastrnn.preprocessing.from_long makes of it")
    if x.ndim == 2:
        tables.refuse_twice(x.columns, who)
        if id_col in x.columns:
            return Item(x, "long", time_col in x.columns, origin)
        if id_col in x.index.names:
            raise ValueError(f"{who} has {id_col} as its index: pass {who}.reset_index()")
        if time_col in x.columns and not has_times(x.index):
            if x[time_col].duplicated().any():
                raise ValueError(f"{who} has times twice in {time_col!r}: if it is many series, id_col= names them")
            x, has_index, origin = x.set_index(time_col), True, {**origin, "is_timed": True}
    index, kind = _times(x.index)
    if kind:
        x, origin = x.set_axis(index), {**origin, "types": ("", kind)}
    return Item(x, "series" if x.ndim == 1 else "frame", has_index, origin)


def _times(index):
    """An index whose times are of pandas' own type, and the type that they had if that is one of pyarrow's."""
    kind = str(index.dtype) if isinstance(index.dtype, pd.ArrowDtype) else ""
    return (pd.DatetimeIndex(index), kind) if kind.startswith(("timestamp", "date")) else (index, "")


def _from_arrays(arrays, names):
    """As `_from_items`, of plain arrays that are alike."""
    n_channels, is_flat = arrays[0][0].size, arrays[0].ndim == 1
    form = Form("list", len(arrays), n_channels, is_many=True, is_flat=is_flat, names=names)
    return arrays, [*map(len, arrays)], [], form


def _from_items(items, is_many, name, names):
    """The arrays (T, C) of one series or a list of them, their lengths, indexes if they have some, and form."""
    first, kind = items[0], "list" if is_many and items[0].kind == "array" else items[0].kind
    form = Form(kind, len(items), is_many=is_many, names=names, **first.origin)
    arrays = [_as_array(item, first, form.who(name, k)) for k, item in enumerate(items)]
    form.n_channels, form.is_flat = arrays[0].shape[1], np.ndim(first.x) == 1
    for k, item in enumerate(items):
        if np.shape(item.x)[1:] != np.shape(first.x)[1:]:
            what = f"{name}[{k}] has {arrays[k].shape[1]} channels, but {name}[0] has {form.n_channels}"
            raise ValueError(f"{what}: the shapes are {np.shape(item.x)} and {np.shape(first.x)}")
        if kind == "frame" and list(item.x.columns) != list(first.x.columns):
            raise ValueError(f"{name}[{k}] and {name}[0] have other columns: {shown([*item.x.columns], 80)}")
    if first.kind != "array":
        form.columns = tuple(first.x.columns if kind == "frame" else (item.x.name for item in items))
    return arrays, [len(x) for x in arrays], [item.x.index for item in items if item.has_times], form


def _as_array(item, first, who):
    """The numbers (T, C) of one series."""
    if item.kind == "long":
        raise ValueError(f"{who} is a long DataFrame among others: pass one of all series, as pandas.concat makes it")
    if (item.kind, item.has_times) != (first.kind, first.has_times):
        how = f" with{'' if first.has_times else 'out'} times" * (item.kind == first.kind)
        raise ValueError(f"{who} is a {type(item.x).__name__}, but the first series is of the kind {first.kind!r}{how}")
    return _filled(as_steps(item.x if item.kind == "array" else tables.numbers(item.x, who), who, False), item.x, who)


def _filled(array, x, who):
    if array.size == 0:
        raise ValueError(f"{who} is empty (shape {np.shape(x)}): it needs at least one step and channel")
    return array


def _check_columns(item, name, names, is_many):
    """A table must have what the names say, and nothing beside ids, times and a target."""
    columns, index = list(item.x.columns), item.x.index
    is_long, is_timed = item.kind == "long", "is_timed" in item.origin
    is_wide = is_timed or item.has_times and (is_many or has_times(index))
    found = {*columns, names[1]} if is_timed or index.name == names[1] else {*columns}
    # A wide table needs none of them, but what the caller has named must be there.
    needed = {label for label, usual in zip(names, tables.LONG, strict=True) if is_long or label != usual}
    id_col, time_col, target_col = names
    if not (needed <= found and (is_long or is_wide)):
        accepted = f"the columns {id_col}, {time_col} and {target_col}"
        has_index = item.origin.get("library") in (None, *tables.WITH_INDEX)
        wide = "a DatetimeIndex or PeriodIndex" if has_index else f"the column {time_col}"
        got = shown(columns, 80) + f" and {index.dtype}" * has_index
        advice = "id_col=, time_col= and target_col= of fit name others"
        advice += f"; numpy.asarray({name}) has no need of times" * (not has_index)
        raise ValueError(f"{name} must have {wide} and a column a channel, or {accepted}; got {got}: {advice}")
    extra = ", ".join(str(column) for column in columns if column not in names)
    if extra and (is_long or is_timed and target_col in columns):
        advice = f"pass covariates as past=, future= or static=, frames with {id_col} and {time_col}"
        raise ValueError(f"{name} has the columns {extra} beside {id_col}, {time_col} and {target_col}: {advice}")


def _from_long(item, name, names, ids):
    """As `_from_items`, of a long table; with the order of the series that ids give, if there are any."""
    frame, (id_col, time_col, _) = item.x, names
    labels = frame[id_col]
    if labels.isna().any():
        raise ValueError(f"{name} has no {id_col} in row {labels.isna().argmax()}: fill it in, or leave the row out")
    numbers, ids = (pd.Index(ids).get_indexer(labels), ids) if ids else pd.factorize(labels)
    if (numbers < 0).any():
        raise ValueError(f"{name} has the {id_col} {shown(labels[numbers < 0].iloc[0])}; known are {shown([*ids], 80)}")
    lengths = np.bincount(numbers, minlength=len(ids))
    if (lengths == 0).any():
        raise ValueError(f"{name} has no rows of {id_col} {ids[int(lengths.argmin())]!r}")
    if (np.diff(numbers) < 0).any():
        frame = frame.iloc[np.argsort(numbers, kind="stable")]
    columns = tuple(column for column in frame.columns if column not in (id_col, time_col))
    form = Form("long", len(ids), len(columns), is_many=True, columns=columns, ids=(*ids,), names=names, **item.origin)
    indexes = []
    if item.has_times:
        index, kind = _times(pd.Index(frame[time_col]))
        indexes, form.types = [index], form.types or ("", kind)
    elif lengths.max() > 1:
        raise ValueError(f"{form.who(name, lengths.argmax())} has several rows; expected one, or a column {time_col}")
    return [_filled(tables.numbers(frame[[*columns]], name), frame, name)], lengths, indexes, form
