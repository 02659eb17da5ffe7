"""Sequences from and to the containers of other libraries; which axis is time is never guessed."""

import warnings

import numpy as np

from fastrnn import tables
from fastrnn.lists import as_array, check_listed
from fastrnn.preprocessing.windows import unpad_sequences
from fastrnn.sequences import Sequences, as_objects, as_sequences, as_steps


def from_channels_first(X):
    """Sequences of aeon's and sktime's arrays, whose last axis is time.

    Parameters
    ----------
    X : array (n, I, T), or list of n arrays (I, T_i)
        aeon's "numpy3D" and "np-list".

    Returns
    -------
    1-D object array of n arrays (T_i, I)

    Raises
    ------
    ValueError
        If an item is no array of two axes; the message names it.

    Warns
    -----
    UserWarning
        If every sequence has more channels than steps, as if the axes were those of this library.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.preprocessing import from_channels_first
    >>> from_channels_first(np.zeros((5, 2, 30)))[0].shape
    (30, 2)
    """
    check_listed(X, "X", "an array (n, I, T), or a list of arrays (I, T)")
    items = [as_array(x, f"X[{k}]") for k, x in enumerate(X)]
    for k, x in enumerate(items):
        if x.ndim != 2:
            raise ValueError(f"X[{k}] has shape {x.shape}; expected (channels, steps)")
    if items and all(x.shape[0] > x.shape[1] for x in items):
        what = f"X[0] has shape {items[0].shape}, more channels than steps: in this form the last axis is time"
        warnings.warn(f"{what}; if yours is the first, the estimators take X as it is", UserWarning, stacklevel=2)
    return as_objects([np.ascontiguousarray(x.T) for x in items])


def to_channels_first(X):
    """The way back: aeon's and sktime's arrays of sequences.

    Parameters
    ----------
    X : list of n arrays (T_i, I) or (T_i,), or array (n, T, I) or (n, T)

    Returns
    -------
    ndarray (n, I, T), or list of n arrays (I, T_i) if lengths differ

    Raises
    ------
    ValueError
        If X is no sequences of finite numbers; the message names the sequence.
    """
    sequences = as_sequences(X, "float64")
    items = [np.ascontiguousarray(sequences[k].T) for k in range(len(sequences))]
    return np.stack(items) if (sequences.lengths == sequences.lengths[0]).all() else items


def from_concatenated(X, lengths):
    """Sequences of hmmlearn's form: all steps in one array, and how many each sequence has.

    Parameters
    ----------
    X : array (S, I) or (S,)
    lengths : array (n,) of int

    Returns
    -------
    1-D object array of n arrays (T_i, I) or (T_i,)

    Raises
    ------
    ValueError
        If lengths are no positive integers, or do not add up to S.

    Examples
    --------
    >>> from fastrnn.preprocessing import from_concatenated
    >>> [x.tolist() for x in from_concatenated([1, 2, 3, 4], [3, 1])]
    [[1, 2, 3], [4]]
    """
    X, lengths = np.asarray(X), np.asarray(lengths)
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu":
        raise ValueError(f"lengths is {lengths.dtype} of shape {lengths.shape}; expected positive integers (n,)")
    for k in np.flatnonzero(lengths < 1):
        raise ValueError(f"lengths[{k}] is {lengths[k]}; expected positive integers")
    if lengths.sum() != len(X):
        raise ValueError(f"lengths add up to {lengths.sum()}, but X has {len(X)} steps")
    return Sequences(X, np.append(0, np.cumsum(lengths))).split(X.copy())


def to_concatenated(X):
    """The way back.

    Parameters
    ----------
    X : list of n arrays (T_i, I) or (T_i,), or array (n, T, I) or (n, T)

    Returns
    -------
    values : ndarray (S, I)
    lengths : ndarray (n,)

    Raises
    ------
    ValueError
        If X is no sequences of finite numbers; the message names the sequence.
    """
    sequences = as_sequences(X, "float64")
    return np.array(sequences.values), sequences.lengths


def from_nan_padded(X):
    """Sequences of tslearn's form: an array with NaN after the end of each.

    Parameters
    ----------
    X : array (n, T, I) or (n, T)

    Returns
    -------
    1-D object array of n arrays (T_i, I) or (T_i,)

    Raises
    ------
    ValueError
        If a sequence has NaN before its end, or nothing else; the message names it.

    See Also
    --------
    pad_sequences : The way back, with value=numpy.nan.
    unpad_sequences : For Keras' and PyTorch's padded arrays with masks or lengths.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.preprocessing import from_nan_padded
    >>> [x.tolist() for x in from_nan_padded([[1.0, 2.0], [3.0, np.nan]])]
    [[1.0, 2.0], [3.0]]
    """
    X = as_array(X, "X")
    X = tables.as_numbers(X, "X") if X.dtype.kind in "OSUmM" else X.astype(np.float64)
    if X.ndim not in (2, 3) or not X.size:
        raise ValueError(f"X has shape {X.shape}; expected (n, T, I) or (n, T)")
    is_step = ~np.isnan(X.reshape(*X.shape[:2], -1)).all(axis=2)
    sequences = unpad_sequences(X, X.shape[1] - is_step[:, ::-1].argmax(axis=1))  # T of what has no step
    for k, x in enumerate(sequences):
        if np.isnan(x).any():
            raise ValueError(f"X[{k}] has NaN before its end, or nothing else: remove or interpolate it")
    return sequences


def from_long(frame, id_col="unique_id", time_col="ds", columns=None):
    """Sequences of a long table: a row for each step of each sequence.

    Parameters
    ----------
    frame : DataFrame of pandas, polars or another library, or pyarrow Table
        With a column of ids and one of times; or, as sktime's "pd-multiindex", both as levels of a pandas index, which
        need no names then.
    id_col, time_col : str
        The names of that column and that of the times; rows of a sequence are put in order.
    columns : list of str, optional
        The channels; by default all others.

    Returns
    -------
    X : 1-D object array of n arrays (T_i, I)
        In float64, ordered as the ids first appear.
    ids : ndarray (n,)

    Raises
    ------
    ValueError
        If there are no such columns, or two of one name, ids or times are missing, channels are no numbers, or a
        sequence has a time twice; the message names it.

    Examples
    --------
    >>> import pandas as pd
    >>> from fastrnn.preprocessing import from_long
    >>> frame = pd.DataFrame({"who": ["a", "b", "a"], "when": [1, 1, 2], "x": [5, 6, 7]})
    >>> X, ids = from_long(frame, id_col="who", time_col="when")
    >>> [x.ravel().tolist() for x in X], ids.tolist()
    ([[5.0, 7.0], [6.0]], ['a', 'b'])
    """
    if tables.library(frame) is None:
        raise ValueError(f"frame is a {type(frame).__name__}; expected a table: pandas.DataFrame(frame) may make one")
    frame = tables.to_pandas(frame, "frame")[0] if tables.library(frame) != "pandas" else frame
    frame = frame.to_frame() if frame.ndim == 1 else frame
    if frame.index.nlevels == 2 and {id_col, time_col} != set(frame.index.names):
        frame = frame.rename_axis([id_col, time_col])  # the first is sktime's instances
    frame = frame.reset_index() if frame.index.nlevels > 1 else frame
    tables.refuse_twice(frame.columns, "the frame")
    columns = [name for name in frame.columns if name not in (id_col, time_col)] if columns is None else list(columns)
    for name in (id_col, time_col, *columns):
        if name not in frame.columns:
            others = ", ".join(map(str, frame.columns))
            raise ValueError(f"the frame has no column {name!r}, but {others}: id_col= and time_col= name others")
    if frame[[id_col, time_col]].isna().to_numpy().any():
        raise ValueError(f"the columns {id_col} and {time_col} must be filled in every row: leave the others out")
    again = frame.loc[frame.duplicated([id_col, time_col]), [id_col, time_col]]
    for who, when in again.itertuples(index=False):
        raise ValueError(f"{id_col} {who} has the {time_col} {when!s} twice: keep one row")
    numbers, found = frame[id_col].factorize()
    order = np.lexsort([frame[time_col].to_numpy(), numbers])
    try:
        values = tables.numbers(frame[columns], "the frame").astype(np.float64)[order]
    except (TypeError, ValueError) as error:
        raise ValueError(f"the channels {columns} must be numbers: give those that are as columns= ({error})") from None
    return Sequences(values, np.append(0, np.cumsum(np.bincount(numbers)))).split(values), found.to_numpy()


def from_nested(frame):
    """Sequences of sktime's nested form: a row a sequence, a column a channel, a series or list in each cell.

    Parameters
    ----------
    frame : DataFrame of pandas or another library, or a column of one; or array (n, I) of objects

    Returns
    -------
    1-D object array of n arrays (T_i, I)
        In float64.

    Raises
    ------
    ValueError
        If a cell holds no numbers, or those of a row are not equally many; the message names it.

    Examples
    --------
    >>> import pandas as pd
    >>> from fastrnn.preprocessing import from_nested
    >>> nested = pd.DataFrame({"x": [pd.Series([1, 2]), pd.Series([3])], "y": [pd.Series([4, 5]), pd.Series([6])]})
    >>> [x.tolist() for x in from_nested(nested)]
    [[[1.0, 4.0], [2.0, 5.0]], [[3.0, 6.0]]]
    """
    if tables.labels(frame, "frame") is not None:
        columns = tables.columns(frame, "the frame")
    else:
        array = np.asarray(frame, object)
        columns = dict(enumerate(array.T)) if array.ndim == 2 else {0: array} if array.ndim == 1 else {}
    if not columns:
        raise ValueError(f"frame has shape {np.shape(frame)}; expected a row for each sequence, a column a channel")
    rows = []
    for k in range(len(frame)):
        cells = [as_steps(column[k], f"row {k} of column {name!r}", False) for name, column in columns.items()]
        if len({cell.shape for cell in cells}) > 1 or cells[0].shape[1] > 1:
            raise ValueError(f"row {k} has cells of shapes {[np.shape(cell) for cell in cells]}; expected equal (T,)")
        rows.append(np.hstack(cells).astype(np.float64))
    return as_objects(rows)


def to_long(X, names=None, *, id_col="unique_id", time_col="ds", columns=None):
    """The way back, with times counted from 0; for sktime, ``to_long(X).set_index(["unique_id", "ds"])``.

    Parameters
    ----------
    X : list of n arrays (T_i, I) or (T_i,), or array (n, T, I) or (n, T)
    names : list of n, optional
        The ids; by default numbers from 0.
    id_col, time_col : str
    columns : list of I str, optional
        The channels' names; by default "y", or "y0", "y1" ...

    Returns
    -------
    pandas DataFrame

    Raises
    ------
    ValueError
        If X is no sequences of finite numbers, names or columns are not as many, or two columns are named alike.
    """
    import pandas as pd

    sequences = as_sequences(X, "float64")
    n, I = len(sequences), sequences.values.shape[1]
    names = np.arange(n) if names is None else names
    columns = (["y"] if I == 1 else [f"y{k}" for k in range(I)]) if columns is None else columns
    for what, given, expected in (("names", names, n), ("columns", columns, I)):
        if len(given) != expected:
            raise ValueError(f"{what} has {len(given)} entries; expected {expected}")
    if len({id_col, time_col, *columns}) < 2 + I:
        given = f"id_col={id_col!r}, time_col={time_col!r}, columns={list(columns)}"
        raise ValueError(f"the frame's columns must differ: {given}")
    steps = np.concatenate([np.arange(length) for length in sequences.lengths])
    index = {id_col: pd.Index(names).repeat(sequences.lengths), time_col: steps}
    return pd.DataFrame({**index, **dict(zip(columns, sequences.values.T, strict=True))})
