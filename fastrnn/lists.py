"""Lists, arrays and the like: what is one, and how to make one of what is none."""

from collections.abc import Mapping
from numbers import Integral
from os import PathLike

import numpy as np

from fastrnn import tables
from fastrnn.wording import shown


def check_listed(X, name, expected):
    """X must have items in an order; else the error says how to make a list of it."""
    if type(X) in (list, tuple) or hasattr(X, "todense"):  # some are dicts; what is said of all stands elsewhere
        return
    refuse_masked(X, name)
    if tables.library(X) not in (None, "pandas"):
        tables.opened(X, name)  # an error, if its rows are not there yet
    way = tables.advice(X, name)
    is_listed = is_sequence(X) or hasattr(X, "__array__") and np.asarray(X).ndim > 0
    if is_listed and not way and not isinstance(X, type):
        return
    if isinstance(X, (set, frozenset)):
        way = "it has no order, pass a list"
    elif isinstance(X, PathLike):
        way = "read the file first, as with pandas.read_csv, or give a folder as fastrnn.data.SequenceFiles"
    elif isinstance(X, str):
        way = f"it is {shown(X)}; read a file first, as with pandas.read_csv, and give a Tokenizer texts, [text]"
    raise ValueError(f"{name} must be {expected}; got {type(X).__name__}{way and f': {way}'}")


def refuse_masked(x, what):
    """Numbers under a mask of NumPy's would be read like others."""
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):  # arrays of pandas have masks of their own
        raise ValueError(f"{what} has masked values; fill them in, or leave them out")


def refuse_masked_rows(rows, name):
    for k, row in enumerate(rows):
        refuse_masked(row, f"{name}[{k}]")


def is_sequence(value):
    """Whether a value is a list, an array or the like, of items in an order."""
    has_items = hasattr(value, "__len__") and hasattr(value, "__getitem__") and getattr(value, "shape", None) != ()
    return has_items and not isinstance(value, (str, bytes, Mapping))


def _depth(value):
    """How many axes a nest of lists and arrays has at its beginning."""
    if tables.library(value) is not None and not hasattr(value, "shape"):
        return 2  # a table without rows yet, which its reader refuses by its name
    if isinstance(value, np.ndarray) and value.dtype != object or tables.labels(value) is not None:
        return len(value.shape)
    return 1 + _depth(next(iter(value))) if is_sequence(value) and len(value) else 0


def refuse_pair(X, name):
    """No (X, y) or (X, static): what is read is X alone."""
    if isinstance(X, (list, tuple)) and len(X) in (2, 3) and _depth(X[0]) > 2:
        found = f"{name}[0] holds {len(X[0])} sequences, as if {name} were a pair of them and something else"
        advice = "what is constant over a sequence can be given as static=, or be a channel of it, alike at each step"
        raise ValueError(f"{found}: pass {name}[0]; {advice}")


def as_array(x, what):
    """One sequence, or several of one length, as an array; those of several lengths are none."""
    refuse_masked(x, what)
    try:
        return np.asarray(x)
    except ValueError:
        if isinstance(x, tuple) and len(set(map(_depth, x))) > 1:
            parts = ", ".join(type(part).__name__ for part in x)
            raise ValueError(f"{what} is a tuple ({parts}): pass the sequences alone, a list of arrays") from None
        advice = "a step is a row of numbers, (I,), and sequences of several lengths are items of one list"
        raise ValueError(f"{what} has steps of unequal lengths; {advice}") from None


def exact(values, name):
    """An array of texts, or of numbers, of one of such objects: integers stay what they are."""
    found = np.array(values.tolist())
    if not found.size or found.dtype.kind not in "fO" or not all(isinstance(value, Integral) for value in values.flat):
        return found
    # Of integers beyond those of int64 NumPy makes floats, or objects.
    if values.min() < 0 or values.max() >= 2**64:
        raise ValueError(f"{name} holds integers such as {values.max()}, and 64 bits do not hold all: make them texts")
    return values.astype(np.uint64)


def as_list(value):
    """A list in place of an array or an index of one axis, as files hold it; all else stays."""
    return np.asarray(value).tolist() if np.ndim(value) == 1 else value


def by_step(given):
    """Numbers that are given for steps, some (T,) for each sequence; None of those for sequences."""
    rows = given if tables.labels(given) is None else np.asarray(given)
    if np.iterable(rows) and any(map(np.ndim, rows)):
        refuse_masked_rows(rows, "sample_weight")
        return [np.ravel(row) if np.shape(row)[1:] == (1,) else row for row in rows]
    return None


def are_missing(values):
    """Which values of an array are None, NaN, NaT or pandas' NA."""
    if values.dtype != object:
        return values != values
    return np.array([*map(is_missing, values.flat)], bool).reshape(values.shape)


def is_missing(value):
    try:
        return value is None or bool(value != value)
    except (TypeError, ValueError):  # NA is neither true nor false, arrays are both
        return type(value).__name__ == "NAType"
