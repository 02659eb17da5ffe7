"""What the estimators check of y: that it is there and as long as X, and that nothing is missing or of another kind."""

import numpy as np
from sklearn.utils.multiclass import check_classification_targets

from fastrnn import tables
from fastrnn.lists import are_missing, check_listed, exact, is_sequence, refuse_masked_rows
from fastrnn.sequences import as_objects
from fastrnn.wording import shown


def check_given(estimator, y, expected, name="y"):
    """y must be there, and a list or an array."""
    if y is None:
        raise ValueError(f"{type(estimator).__name__} requires {name} to be passed, but the target {name} is None")
    if hasattr(y, "todense"):
        raise ValueError(f"{name} is a sparse matrix; expected {expected}: pass {name}.toarray()")
    check_listed(y, name, expected)


def check_as_many(y, sequences, name="y"):
    """y must have an entry for each sequence of X."""
    if len(y) != len(sequences):
        which = "more" if len(y) > len(sequences) else "fewer"
        rows = ", or if a row of X is a step, make sequences of them, as by fastrnn.preprocessing.from_long"
        found = f"{name} has {which} entries than X has sequences, {len(y)} for {len(sequences)}"
        raise ValueError(f"{found}: give one each{rows * (which == 'fewer' and name == 'y')}")


def check_as_long(lengths, sequences, what, name="y"):
    """And an entry for each step of those; so many (what, in plural) are there."""
    check_as_many(lengths, sequences, name)
    for k in np.flatnonzero(lengths != sequences.lengths):
        raise ValueError(f"{name}[{k}] has {lengths[k]} {what}, but X[{k}] has {sequences.lengths[k]} steps")


def as_values(y):
    """y as an array, of objects where NumPy would make strings of numbers, or break off at rows of several lengths."""
    if hasattr(y, "__array__"):
        values = np.asarray(y)
        return values.astype(object) if values.dtype.kind == "T" else values  # of NumPy's own strings
    is_ragged = len({len(value) if is_sequence(value) else -1 for value in y}) > 1
    return as_objects(y) if is_ragged else np.asarray(y, object)


def as_labels(y, name="y"):
    """Labels, one a row or several, as an array of numbers or strings.

    Raises
    ------
    ValueError
        If a label is missing, labels are of several kinds, or of one that is none; the message names the place.
    """
    labels = as_values(y)
    check_there(labels, name)
    return _alike(labels, y, name)


def labels_there(y, name):
    """Those of the labels, one a row or several, that are there, as `as_labels` has them, and which are, (n,)."""
    labels = as_values(y)
    there = ~are_missing(labels).any(axis=tuple(range(1, labels.ndim)))
    labels = labels if there.all() else as_values([*labels[there]] if labels.dtype == object else labels[there])
    return _alike(labels, y, name), there


def _alike(labels, y, name):
    """The labels of y as an array of one kind."""
    if labels.dtype != object:
        return labels
    kinds = {}
    for k, label in enumerate(labels.ravel()):
        kinds.setdefault(_kind(label), (k // (labels.size // len(labels)), label))
    if len(kinds) > 1 or kinds.keys() - {str, float}:
        which = " and ".join(f"{shown(label)} at {k}, a {type(label).__name__}" for k, label in kinds.values())
        way = f"[str(label) for label in {name}]" if labels.ndim == 1 else f"np.asarray({name}, dtype=str)"
        advice = f"labels are strings, or integers and bools: make them alike, {way}"
        raise ValueError(f"{name} holds {which}; {advice}")
    # Texts stay as what was given holds them.
    return labels if kinds.keys() == {str} and hasattr(y, "__array__") else exact(labels, name)


def _kind(label):
    """What labels must have in common to be in one order."""
    if isinstance(label, str):
        return str
    return float if isinstance(label, (int, float, np.number, np.bool_)) else type(label)


def check_classes(labels, instead):
    """Labels must be classes; where they are numbers of any size, the message names what predicts such."""
    try:
        check_classification_targets(labels)
    except ValueError as error:
        raise ValueError(f"{error} {instead} predicts numbers.") from None


def check_width(n_columns, expected):
    """So many columns of y must be as many as there were."""
    if n_columns != expected:
        raise ValueError(f"y has {n_columns} columns, but the first fit was on {expected}")


def union(parts):
    """The different labels of each column of y in all parts, in order."""
    if len({*map(len, parts)}) > 1:
        raise ValueError("y has more columns in some parts of the data than in others: give all the same")
    return [*map(_union, zip(*parts, strict=True))]


def _union(parts):
    if len({part.dtype.kind in "OSU" for part in parts}) > 1:
        raise ValueError("y holds texts in some parts of the data, and numbers in others: make them alike")
    return np.unique(np.concatenate(parts))


def columns_of(y):
    """Labels (n,) or (n, K), as a list of K columns."""
    return [*(y if y.ndim == 2 else y[:, np.newaxis]).T]


FLAGS = np.arange(2)
"""The classes of a label that a sequence has or has not."""


def classes_of(y, known, agreed):
    """The labels of each column of y, or those that are known to come, in order, of all parts of the data.

    Of several columns of 0 and 1 each has both: a rare label may be in none of the sequences that are here.
    """
    columns = agreed([*map(np.unique, columns_of(y) if known is None else known)], union)
    are_flags = all(own.dtype.kind in "biuf" and np.isin(own, FLAGS).all() for own in columns)
    if len(columns) > 1 and are_flags and any(own.size == 2 for own in columns):
        return [FLAGS] * len(columns)
    for k, classes in enumerate(columns):
        if classes.size < 2:
            name = ("y" if known is None else "classes") + (f"[:, {k}]" if len(columns) > 1 else "")
            advice = "at least two are needed; partial_fit may be told of all that will come, classes="
            raise ValueError(f"{name} has {classes.size} class, {shown(classes)}: {advice}")
    return columns


def classes_to_come(classes):
    """What partial_fit is told of the classes of labels, one a step or anywhere in a sequence."""
    check_listed(classes, "classes", "a list of all labels")
    return as_labels(classes, "classes")


def known_classes(classes, n_columns):
    """What partial_fit is told of the classes of so many columns of y, an array for each."""
    if n_columns == 1:
        return [classes]
    if np.array_equal(classes, np.arange(n_columns)):  # as `classes_` has several labels of 0 and 1
        return [FLAGS] * n_columns
    if len(classes) != n_columns or not all(map(is_sequence, classes)):
        each = f"a list of {n_columns} lists, or np.arange({n_columns}) where all are 0 and 1"
        raise ValueError(f"classes={shown(classes)}; expected the classes of each column of y, {each}")
    return [*classes]


def codes_of(y, columns):
    """The place of each label among the classes of its column, (n, K)."""
    check_width(len(columns_of(y)), len(columns))
    codes = []
    for k, (labels, classes) in enumerate(zip(columns_of(y), columns, strict=True)):
        if (unknown := np.setdiff1d(labels, classes)).size:
            name = f"y[:, {k}]" if len(columns) > 1 else "y"
            raise ValueError(f"{name} has the labels {shown(unknown)}, but the classes are {shown(classes, 200)}")
        codes.append(np.searchsorted(classes, labels))
    return np.stack(codes, axis=1)


def apart(values, classes):
    """Values (n, K) of all classes; of classes that are a list of those of each column, a list of arrays."""
    return np.split(values, np.cumsum([*map(len, classes)])[:-1], axis=1) if isinstance(classes, list) else values


def most_probable(p, classes, is_multilabel):
    """The labels (n,) of the largest probabilities (n, K), or one for each column; or 0 or 1 for each probability."""
    if is_multilabel:
        return (p > 0.5).astype(np.int64)
    if not isinstance(classes, list):
        return classes[p.argmax(axis=1)]
    return np.stack([own[part.argmax(axis=1)] for own, part in zip(classes, apart(p, classes), strict=True)], axis=1)


def check_there(values, name):
    """None of them may be None, NaN, NaT or pandas' NA."""
    for k in np.flatnonzero(are_missing(values)):
        found = f"{name}[{k // (values.size // len(values))}] is {shown(values.ravel()[k])}"
        raise ValueError(f"{found}: {name} has missing values (NaN); fill them in, or leave them out of X too")


def refuse_steps(values, advice, name="y"):
    """Each is one value; where each is a sequence of them, the advice is what reads it."""
    are_rows = name == "sample_weight" and values.ndim == 2 and values.shape[1] > 1
    for k, value in enumerate(values if are_rows or values.dtype == object and values.ndim == 1 else ()):
        if is_sequence(value):
            raise ValueError(f"{name}[{k}] holds {len(value)} values, but one for each sequence is expected: {advice}")


def rows_of(estimator, y, advice, expected="a list of sequences, or a 2-D or 3-D array"):
    """The sequences in y; where there is one value in place of a sequence, the advice is what reads it."""
    check_given(estimator, y, expected)
    rows = np.asarray(y) if tables.labels(y, "y") is not None else y
    first = next(iter(rows), ())
    if not is_sequence(first):
        raise ValueError(f"y[0] is {shown(first)}, one value, but one for each step is expected: {advice}")
    refuse_masked_rows(rows, "y")
    return rows
