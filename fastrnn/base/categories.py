"""Columns of X that hold categories, and what the network reads of them: codes, the places among those of the fit."""

from itertools import count, repeat

import numpy as np

from fastrnn import tables
from fastrnn.columns import common
from fastrnn.holes import INDEX, dated
from fastrnn.lists import exact, is_missing
from fastrnn.sequences import Given, as_objects
from fastrnn.storage import array, labels
from fastrnn.wording import shown


class Coded(Given):
    """Numbers that were given, with codes in the columns of categories.

    Parameters
    ----------
    given : Given
    columns : ndarray (C,)
    codes : ndarray (S, C)
    """

    def __init__(self, given, columns, codes):
        self._given, self._columns, self._codes = given, columns, codes
        self._items, self.offsets, self.lengths, self.width = given._items, given.offsets, given.lengths, given.width

    def rows(self, first, last):
        rows = np.array(self._given.rows(first, last), np.float64)
        rows[:, self._columns] = self._codes[slice(*self.offsets[[first, last]])]
        return rows


class Categorical:
    """Of estimators with `categorical_features`: which columns these are, `is_categorical_`, and `categories_`."""

    @property
    def _coded(self):
        """The columns of X that hold categories."""
        return np.flatnonzero(getattr(self, "is_categorical_", ()))

    def _category_rules(self):
        """What the attributes must be."""
        if self._shape.get("categorical_features") is None:
            return {}

        def are_categories(value):
            is_right = isinstance(value, list) and len(value) == self._coded.size
            return is_right and all(labels(len(known), least=1)(known) for known in value)

        return {"is_categorical_": array("bool", self.n_features_in_), "categories_": are_categories}

    def _begin_categories(self, X, *, reset):
        """X, of which frames are arrays with 0 for each category; and the categories by column, None of arrays."""
        if reset:
            for name in ("is_categorical_", "categories_"):  # of an earlier fit
                vars(self).pop(name, None)
        if self._shape.get("categorical_features") is None:
            return X, None
        if self._is_panel:
            found = "categorical_features names columns of sequences, but X is a table of series, a number a step"
            raise ValueError(f"{found}: give a list of sequences, such as arrays (T, 1)")
        if (frame := common(X)) is None:
            return X, None
        names = tables.labels(frame)
        if reset:
            self._set_categorical(len(names), frame)
        kept, column = {names[k]: [] for k in self._coded}, self._shape.get("time_column")
        if not kept:
            return X, None
        X = dated(X, None if column in (None, INDEX) else self._clock(), kept)
        return X, {k: np.concatenate(kept[names[k]]) for k in self._coded}

    def _set_categorical(self, n, frame=None):
        """Which of n columns `categorical_features` says."""
        asked, self.is_categorical_ = self.categorical_features, np.zeros(n, bool)
        if isinstance(asked, str):
            self.is_categorical_[:] = False if frame is None else tables.are_categorical(frame)
        else:
            self.is_categorical_[_places(asked, n, None if frame is None else tables.labels(frame))] = True
        column = self._shape.get("time_column")
        if column not in (None, INDEX) and self.is_categorical_[clock := self._clock(n)]:
            raise ValueError(f"column {clock} is time_column={column!r}, and categorical: leave out one of these")

    def _with_codes(self, sequences, kept, *, reset):
        """Sequences with codes in place of categories, which are those of frames that were kept, or integers."""
        if self._shape.get("categorical_features") is None:
            return sequences
        if reset and kept is None and not hasattr(self, "is_categorical_"):
            self._set_categorical(sequences.width)
        if not self._coded.size:
            self.categories_ = []
            return sequences
        if kept is None:
            kept = self._integers(sequences)
        which = [f"feature {k} of X" for k in self._coded]
        for column, name in zip(kept.values(), which, strict=True):
            _check_exact(column, name)
        if reset:
            own = [_different(column, name) for column, name in zip(kept.values(), which, strict=True)]
            self.categories_ = self._agreed(own, _union)
            for name, categories in zip(which, self.categories_, strict=True):
                if not categories.size:
                    raise ValueError(f"{name} has no category, for all are missing: leave it out")
        else:
            for column, known, name in zip(kept.values(), self.categories_, which, strict=True):
                _check_kind(column, known, name)
        found = zip(kept.values(), self.categories_, strict=True)
        return Coded(sequences, self._coded, np.column_stack([_codes(c, numbers_of(known)) for c, known in found]))

    def _integers(self, sequences):
        """The categories in arrays, by column."""
        columns = self._coded
        found = np.concatenate([rows[:, columns] for _, rows in sequences.blocks()])
        is_wrong = ~(np.isnan(found) | np.isfinite(found) & (found == np.floor(found)))
        for row, j in np.argwhere(is_wrong)[:1]:
            k = sequences.number_of(row)
            place = f"X[{k}] holds {found[row, j]} at step {row - sequences.offsets[k]}, feature {columns[j]}"
            raise ValueError(f"{place}, which is categorical: in arrays categories are integers, in frames also texts")
        return dict(zip(columns, found.T, strict=True))


def _places(asked, n, names):
    """What `categorical_features` says of n columns: a mask, places or names, as an index."""
    which = np.asarray(asked)
    if which.shape == (0,):
        return []
    if which.ndim != 1 or which.dtype.kind not in "biuUO":
        raise ValueError(f"categorical_features={shown(asked)}: give a list of columns' numbers or names, or a mask")
    if which.dtype == bool and which.size != n:
        raise ValueError(f"categorical_features is a mask of {which.size} columns, but X has {n}: give each one")
    if which.dtype.kind in "iu" and not ((which >= 0) & (which < n)).all():
        raise ValueError(f"categorical_features={shown(asked)}, but X has {n} features: they count from 0")
    if which.dtype.kind in "biu":
        return which
    for name in which.tolist():
        if names is None or name not in names:
            known = "X has no names of columns" if names is None else f"X has the columns {shown(names, 200)}"
            raise ValueError(f"categorical_features names {name!r}, but {known}: give some of them, or their numbers")
    return [names.index(name) for name in which.tolist()]


def _different(column, name):
    """The categories in a column (S,), in order, without what is missing."""
    found = [value for value in set(column.tolist()) if not is_missing(value)]
    array, n_texts = exact(as_objects(found), name), sum(isinstance(value, str) for value in found)
    if array.dtype.kind not in "biufU" or n_texts not in (0, len(found)):
        kinds = sorted({type(value).__name__ for value in found})
        raise ValueError(
            f"{name} holds {' and '.join(kinds)}; categories are all texts, or all numbers: make them texts"
        )
    if array.dtype.kind == "f" and (array == np.floor(array)).all():
        array = array.astype(np.int64)  # as they were, beside one that is missing
    return np.unique(array)


def _check_exact(column, name):
    """Integers that came as floats, as arrays or beside one that is missing, are others beyond 2**53."""
    if column.dtype.kind == "f" and (is_large := np.abs(column) >= 2**53).any():
        found = f"{name} is categorical, and holds {shown(column[is_large][0])} as a float, which is not exact"
        raise ValueError(f"{found} from 2**53 on: give integers in frames, none missing, or texts")


def _check_kind(column, known, name):
    """What is a text in the fit is no number later, and the other way round: they would all be unknown."""
    value = next((value for value in column.tolist() if not is_missing(value)), None)
    if value is not None and isinstance(value, str) != (known.dtype.kind == "U"):
        fit = f"{name} is categorical, and held categories such as {shown(known[0])} in the fit"
        raise ValueError(f"{fit}, but now such as {shown(value)}: give the same kind, texts or numbers")


def _union(parts):
    """The categories of each column of all parts of the data."""
    columns = [*zip(*parts, strict=True)]
    if any(len({own.dtype.kind == "U" for own in column if own.size}) > 1 for column in columns):
        raise ValueError("categories are texts in some parts of the data, and numbers in others: make them alike")
    return [np.unique(exact(np.concatenate([own.astype(object) for own in column]), "X")) for column in columns]


def numbers_of(categories):
    """The code of each: they count from 1, as 0 is what is none of them."""
    return dict(zip(categories.tolist(), count(1), strict=False))


def _codes(column, numbers):
    """Of a column (S,), in C."""
    return np.fromiter(map(numbers.get, column.tolist(), repeat(0)), np.float64, len(column))
