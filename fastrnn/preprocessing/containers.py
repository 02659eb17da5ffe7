"""Convert sequences from and to the containers of other libraries. Which axis is time is never guessed."""

import warnings

import numpy as np

from fastrnn import tables
from fastrnn.lists import as_array, check_listed, is_sequence
from fastrnn.preprocessing.windows import unpad_sequences
from fastrnn.sequences import Sequences, as_objects, as_sequences, as_steps
from fastrnn.wording import optional, shown


def from_channels_first(X):
    """Convert arrays whose last axis is time, as aeon and sktime have them, to sequences.

    Parameters
    ----------
    X : array of shape (n, I, T), or list of n arrays of shape (I, T_i)
        The containers "numpy3D" and "np-list" of aeon.

    Returns
    -------
    ndarray of shape (n,)
        An object array of n arrays (T_i, I).

    Raises
    ------
    ValueError
        If an item is not an array with two axes. The message names it.

    Warns
    -----
    UserWarning
        If each sequence has more channels than steps, as if time were the first axis already.

    See Also
    --------
    to_channels_first : The way back.

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
    """Convert sequences to arrays whose last axis is time, as aeon and sktime have them.

    Parameters
    ----------
    X : list of n arrays of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
        The sequences.

    Returns
    -------
    ndarray of shape (n, I, T), or list of n arrays of shape (I, T_i)
        An array if all sequences have the same length, else a list.

    Raises
    ------
    ValueError
        If X holds anything but sequences of finite numbers. The message names the sequence.

    See Also
    --------
    from_channels_first : The way back.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.preprocessing import to_channels_first
    >>> to_channels_first([np.zeros((30, 2)), np.zeros((20, 2))])[1].shape
    (2, 20)
    """
    sequences = as_sequences(X, "float64")
    items = [np.ascontiguousarray(sequences[k].T) for k in range(len(sequences))]
    return np.stack(items) if (sequences.lengths == sequences.lengths[0]).all() else items


def from_concatenated(X, lengths):
    """Convert one array of all steps, and the lengths of its sequences, to sequences: the form of hmmlearn.

    Parameters
    ----------
    X : array of shape (S, I) or (S,)
        The steps of all sequences, one sequence after the other.
    lengths : array-like of int, of shape (n,)
        The number of steps of each sequence.

    Returns
    -------
    ndarray of shape (n,)
        An object array of n arrays (T_i, I) or (T_i,).

    Raises
    ------
    ValueError
        If lengths are not positive integers, or do not add up to S.

    See Also
    --------
    to_concatenated : The way back.

    Examples
    --------
    >>> from fastrnn.preprocessing import from_concatenated
    >>> [x.tolist() for x in from_concatenated([1, 2, 3, 4], [3, 1])]
    [[1, 2, 3], [4]]
    """
    X, lengths = as_array(X, "X"), as_array(lengths, "lengths")
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu":
        raise ValueError(f"lengths is {lengths.dtype} of shape {lengths.shape}; expected positive integers (n,)")
    for k in np.flatnonzero(lengths < 1):
        raise ValueError(f"lengths[{k}] is {lengths[k]}; expected positive integers")
    if X.shape[:1] != (lengths.sum(),):
        raise ValueError(f"lengths add up to {lengths.sum()}, but X has {len(X) if X.ndim else 'no'} steps")
    return Sequences(X, np.append(0, np.cumsum(lengths, dtype=np.int64))).split(X.copy())


def to_concatenated(X):
    """Convert sequences to one array of all steps, and their lengths: the form of hmmlearn.

    Parameters
    ----------
    X : list of n arrays of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
        The sequences.

    Returns
    -------
    values : ndarray of shape (S, I)
        The steps of all sequences, one sequence after the other.
    lengths : ndarray of shape (n,)
        The number of steps of each sequence.

    Raises
    ------
    ValueError
        If X holds anything but sequences of finite numbers. The message names the sequence.

    See Also
    --------
    from_concatenated : The way back.

    Examples
    --------
    >>> from fastrnn.preprocessing import to_concatenated
    >>> values, lengths = to_concatenated([[1, 2, 3], [4]])
    >>> values.ravel().tolist(), lengths.tolist()
    ([1.0, 2.0, 3.0, 4.0], [3, 1])
    """
    sequences = as_sequences(X, "float64")
    return np.array(sequences.values), sequences.lengths


def from_nan_padded(X):
    """Convert an array with NaN after the end of each sequence to sequences: the form of tslearn.

    Parameters
    ----------
    X : array of shape (n, T, I) or (n, T)
        The padded sequences.

    Returns
    -------
    ndarray of shape (n,)
        An object array of n arrays (T_i, I) or (T_i,).

    Raises
    ------
    ValueError
        If a sequence has NaN before its end, or nothing but NaN. The message names it.

    See Also
    --------
    pad_sequences : The way back, with value=numpy.nan.
    unpad_sequences : For padded arrays with masks or lengths, as Keras and PyTorch have them.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.preprocessing import from_nan_padded
    >>> [x.tolist() for x in from_nan_padded([[1.0, 2.0], [3.0, np.nan]])]
    [[1.0, 2.0], [3.0]]
    """
    X = as_array(X, "X")
    X = tables.as_numbers(X, "X") if X.dtype.kind in "OSUmMc" else X.astype(np.float64)
    if X.ndim not in (2, 3) or not X.size:
        raise ValueError(f"X has shape {X.shape}; expected (n, T, I) or (n, T)")
    is_step = ~np.isnan(X.reshape(*X.shape[:2], -1)).all(axis=2)
    sequences = unpad_sequences(X, X.shape[1] - is_step[:, ::-1].argmax(axis=1))  # T of what has no step
    for k, x in enumerate(sequences):
        if np.isnan(x).any():
            raise ValueError(f"X[{k}] has NaN before its end, or nothing but NaN: remove or interpolate it")
    return sequences


def from_long(frame, id_col="unique_id", time_col="ds", columns=None):
    """Convert a long table, which has a row for each step of each sequence, to sequences.

    Parameters
    ----------
    frame : DataFrame of pandas, polars or another library, or pyarrow Table
        The table, with a column of ids and a column of times. A pandas frame may have both as levels of its index, as
        sktime's "pd-multiindex": these levels need no names. With other names the first is that of the ids.
    id_col, time_col : str, default="unique_id" and "ds"
        The names of the column of ids and of the column of times. The rows of a sequence are sorted by time, categories
        in their order.
    columns : list of str, default=None
        The columns that are channels. None takes all others.

    Returns
    -------
    X : ndarray of shape (n,)
        An object array of n arrays (T_i, I), in float64. Sequences are in the order in which their ids first appear.
    ids : ndarray of shape (n,)
        The id of each sequence.

    Raises
    ------
    ValueError
        If there are no such columns or two with one name, if ids or times are missing, if times are texts, which have
        another order, if channels are not numbers, or if a sequence has a time twice. The message names it.

    See Also
    --------
    to_long : The way back.

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
    if frame.index.nlevels == 2 and {id_col, time_col}.isdisjoint(frame.index.names):
        frame = frame.rename_axis([id_col, time_col])  # the first is sktime's instances
    frame = frame.reset_index(allow_duplicates=True) if frame.index.nlevels > 1 else frame
    tables.refuse_twice(frame.columns, "the frame")
    if id_col == time_col:
        raise ValueError(f"id_col and time_col are both {id_col!r}: name two columns, of whose step and of when it is")
    columns = [name for name in frame.columns if name not in (id_col, time_col)] if columns is None else list(columns)
    for name in (id_col, time_col, *columns):
        if name not in frame.columns:
            others = ", ".join(map(str, frame.columns))
            raise ValueError(f"the frame has no column {name!r}, but {others}: id_col= and time_col= name others")
    if frame[[id_col, time_col]].isna().to_numpy().any():
        raise ValueError(f"the columns {id_col} and {time_col} must be filled in every row: leave the others out")
    for who, when in frame.loc[frame.duplicated([id_col, time_col]), [id_col, time_col]].itertuples(index=False):
        raise ValueError(f"{id_col} {who} has the {time_col} {when!s} twice: keep one row")
    times = frame[[time_col]].set_index(time_col).index
    if (kind := times.inferred_type) in ("string", "bytes", "mixed", "mixed-integer"):
        raise ValueError(f"the column {time_col} is {kind}, which has no order in time: pandas.to_datetime reads dates")
    numbers, found = frame[id_col].factorize()
    order = tables.in_time(frame, id_col, time_col)
    try:
        values = tables.numbers(frame[columns], "the frame").astype(np.float64)[order]
    except (TypeError, ValueError) as error:
        raise ValueError(f"the channels {columns} must be numbers: give those that are as columns= ({error})") from None
    return Sequences(values, np.append(0, np.cumsum(np.bincount(numbers)))).split(values), found.to_numpy()


def from_nested(frame):
    """Convert a table whose cells hold series to sequences: the nested form of sktime.

    A row is a sequence, and a column is a channel. Each cell holds a series or a list.

    Parameters
    ----------
    frame : DataFrame of pandas or another library, a column of one, or array of objects of shape (n, I)
        The table.

    Returns
    -------
    ndarray of shape (n,)
        An object array of n arrays (T_i, I), in float64.

    Raises
    ------
    ValueError
        If a cell holds anything but numbers, or if the cells of a row have different lengths. The message names it.

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
    """Convert sequences to a long table, which has a row for each step of each sequence.

    Times are counted from 0. For sktime use ``to_long(X).set_index(["unique_id", "ds"])``.

    Parameters
    ----------
    X : list of n arrays of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
        The sequences.
    names : list of length n, default=None
        The ids of the sequences. None takes numbers from 0 on.
    id_col, time_col : str, default="unique_id" and "ds"
        The names of the column of ids and of the column of times.
    columns : list of str, default=None
        The names of the I channels. None takes "y", or "y0", "y1" and so on if there are several.

    Returns
    -------
    pandas DataFrame
        The table.

    Raises
    ------
    ImportError
        If pandas is not installed. The message has the command that installs it.
    ValueError
        If X holds anything but sequences of finite numbers, if there are not as many names or columns as needed, or if
        two columns or two sequences have one name.

    See Also
    --------
    from_long : The way back.

    Examples
    --------
    >>> from fastrnn.preprocessing import to_long
    >>> to_long([[1, 2], [3]], names=["a", "b"]).values.tolist()
    [['a', 0, 1.0], ['a', 1, 2.0], ['b', 0, 3.0]]
    """
    pd = optional("pandas", "to_long makes a table of pandas")
    sequences = as_sequences(X, "float64")
    n, I = len(sequences), sequences.values.shape[1]
    names = np.arange(n) if names is None else names
    columns = (["y"] if I == 1 else [f"y{k}" for k in range(I)]) if columns is None else columns
    for what, given, expected in (("names", names, n), ("columns", columns, I)):
        if not is_sequence(given) or len(given) != expected:
            raise ValueError(f"{what} has {np.size(given)} entries; expected {expected}, in a list")
    if len({id_col, time_col, *columns}) < 2 + I:
        raise ValueError(f"the frame's columns must differ: {id_col=}, {time_col=}, columns={list(columns)}")
    if (ids := pd.Index(names, tupleize_cols=False)).hasnans or not ids.is_unique:
        raise ValueError(f"names={shown(names)}; expected another for each sequence, and none missing")
    steps = np.concatenate([np.arange(length) for length in sequences.lengths])
    index = {id_col: ids.repeat(sequences.lengths), time_col: steps}
    return pd.DataFrame({**index, **dict(zip(columns, sequences.values.T, strict=True))})
