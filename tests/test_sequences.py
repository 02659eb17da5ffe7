"""What a caller may pass as sequences."""

import numpy as np
import pytest
from samples import assert_same_bits

from fastrnn.sequences import as_sequences

LISTS = [[[1, 2], [3, 4], [5, 6]], [[7, 8]], [[9, 10], [11, 12]]]
VALUES = np.arange(1, 13).reshape(6, 2)


def objects(arrays):
    out = np.empty(len(arrays), object)
    out[:] = arrays
    return out


class Framed:
    """An array by protocol, as a data frame is one."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype)


# --------------------------------------------------------------------------- forms of X

ARRAYS = [np.array(x, float) for x in LISTS]
FORMS = {
    "lists": LISTS,
    "arrays": ARRAYS,
    "tuple": tuple(ARRAYS),
    "objects": objects(ARRAYS),
    "integers": [np.array(x) for x in LISTS],
    "bytes": [np.array(x, np.uint8) for x in LISTS],
    "float32": [x.astype(np.float32) for x in ARRAYS],
    "float16": [x.astype(np.float16) for x in ARRAYS],
    "big_endian": [x.astype(">f8") for x in ARRAYS],
    "fortran": [np.asfortranarray(x) for x in ARRAYS],
    "reversed": [np.ascontiguousarray(x[::-1])[::-1] for x in ARRAYS],
    "cells": [x.astype(object) for x in ARRAYS],
    "frames": [Framed(x) for x in ARRAYS],
    "mixed": [LISTS[0], ARRAYS[1], Framed(ARRAYS[2])],
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_stored_alike(form, dtype):
    sequences = as_sequences(FORMS[form], dtype)
    assert sequences.values.dtype == dtype and sequences.values.flags.c_contiguous
    assert (sequences.values == VALUES).all()
    assert sequences.offsets.tolist() == [0, 3, 4, 6]
    assert sequences.lengths.tolist() == [3, 1, 2]
    assert len(sequences) == 3
    assert (sequences[2] == [[9, 10], [11, 12]]).all()


@pytest.mark.parametrize(
    "X",
    [np.arange(12).reshape(3, 4, 1), np.arange(12).reshape(3, 4), [range(4), (4, 5, 6, 7), [8, 9, 10, 11]]],
    ids=type,
)
def test_arrays_and_univariate_series(X):
    sequences = as_sequences(X, "float32")
    assert sequences.values.tolist() == [[v] for v in range(12)]
    assert sequences.offsets.tolist() == [0, 4, 8, 12]


def test_what_is_stored_is_a_copy():
    X = [np.ones((4, 2), np.float32)]
    sequences = as_sequences(X, "float32")
    sequences.values[:] = 7
    assert (X[0] == 1).all()
    x = np.ones((1, 4, 2), np.float32)
    assert not np.shares_memory(as_sequences(x, "float32").values, x)


def test_tokens_are_integers():
    for X in ([[3, 1], [0]], [np.array([3.0, 1.0]), np.array([0])], [np.array([[3], [1]]), [False]]):
        sequences = as_sequences(X, "float32", tokens=True)
        assert sequences.values.dtype == np.int64
        assert sequences.values.tolist() == [3, 1, 0]


def test_split_gives_an_object_array_even_of_equal_lengths():
    for X in (ARRAYS, [np.ones((2, 1))] * 3):
        sequences = as_sequences(X, "float32")
        rows = np.arange(2.0 * len(sequences.values)).reshape(-1, 2)
        parts = sequences.split(rows)
        assert parts.shape == (3,) and parts.dtype == object
        assert_same_bits(np.concatenate(list(parts)), rows)
        assert [len(p) for p in parts] == sequences.lengths.tolist()


# ------------------------------------------------------------------------------- errors


def item(x):
    return [np.zeros((5, 2)), x, np.zeros((3, 2))]


def spoilt(value):
    x = np.zeros((4, 2))
    x[3, 1] = value
    return item(x)


ERRORS = {
    "nan": (spoilt(np.nan), r"^seq\[1\].*NaN.*step 3, feature 1"),
    "infinity": (spoilt(np.inf), r"^seq\[1\].*infinity.*step 3, feature 1"),
    "overflow": (spoilt(-1e39), r"^seq\[1\].*step 3, feature 1.*float32"),
    "nan_first_step": ([np.array([np.nan, 1])], r"^seq\[0\].*step 0, feature 0"),
    "nothing": ([], "^seq is empty"),
    "no_steps": (item(np.zeros((0, 2))), r"^seq\[1\] has no steps.*\(0, 2\)"),
    "empty_list": (item([]), r"^seq\[1\] has no steps"),
    "no_features": ([np.zeros((3, 0))], r"^seq\[0\] has 0 features"),
    "features": (item(np.zeros((4, 3))), r"^seq\[1\] has 3 features, but seq\[0\] has 2"),
    "univariate_among_others": (item(np.zeros(4)), r"^seq\[1\] has 1 features, but seq\[0\] has 2"),
    "scalar": (item(3.5), r"^seq\[1\] has shape \(\)"),
    "axes": (item(np.zeros((1, 2, 3))), r"^seq\[1\] has shape \(1, 2, 3\); expected \(T, I\)"),
    "ragged_step": (item([[1, 2], [3]]), r"^seq\[1\] has steps of unequal lengths"),
    "strings": (item([["a", "b"]]), r"^seq\[1\]"),
    "string": (item("ab"), r"^seq\[1\]"),
    "numeric_strings": (item([["1", "2"]]), r"^seq\[1\]"),
    "numeric_strings_as_objects": (item(np.array([["1", "2"]], object)), r"^seq\[1\]"),
    "none": (item(None), r"^seq\[1\]"),
    "nones": (item(np.array([[None, 1.0]], object)), r"^seq\[1\]"),
    "complex": (item(np.zeros((4, 2), complex)), r"Complex.*seq\[1\].*complex128"),
    "complex_objects": (item(np.array([[1j, 1.0]], object)), r"seq\[1\]"),
    "dates": (item(np.zeros((4, 2), "m8[D]")), r"^seq\[1\].*timedelta"),
    "records": (item(np.zeros(4, [("a", float)])), r"^seq\[1\]"),
    "one_series": (np.zeros(5), r"^seq is an array of shape \(5,\).*\[seq\]"),
    "four_axes": (np.zeros((2, 3, 4, 5)), r"\(2, 3, 4, 5\)"),
    "number": (np.float64(3.0), "^seq must be a list"),
    "zero_axes": (np.array(3.0), "^seq must be a list"),
    "text": ("abc", "^seq must be a list.*str"),
    "set": ({1, 2}, "^seq must be a list.*set"),
    "dict": ({0: [1.0]}, "^seq must be a list.*dict"),
    "iterator": (iter([[1.0]]), "^seq must be a list.*iterator"),
    "none_at_all": (None, "^seq must be a list.*NoneType"),
}
TOKEN_ERRORS = {
    "negative": ([[1, 2], [3, -4]], r"^seq\[1\] holds the token -4"),
    "fraction": ([[1, 2], [3, 0.5]], r"^seq\[1\].*integers"),
    "nan": ([[1, 2], [3, np.nan]], r"^seq\[1\].*integers"),
    "infinity": ([[1, 2], [3, np.inf]], r"^seq\[1\].*integers"),
    "beyond_int64": ([[1, 2], [3, 1e30]], r"^seq\[1\]"),
    "vectors": ([[1, 2], np.ones((3, 2), int)], r"^seq\[1\] has shape \(3, 2\); expected \(T,\)"),
    "words": ([[1, 2], ["the", "cat"]], r"^seq\[1\]"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_name_the_sequence_and_the_step(name):
    X, match = ERRORS[name]
    with pytest.raises(ValueError, match=match):
        as_sequences(X, "float32", name="seq")


@pytest.mark.parametrize("name", TOKEN_ERRORS)
def test_errors_of_tokens(name):
    X, match = TOKEN_ERRORS[name]
    with pytest.raises(ValueError, match=match):
        as_sequences(X, "float32", name="seq", tokens=True)


def test_the_number_of_features_may_be_given():
    assert len(as_sequences(LISTS, "float32", n_features=2)) == 3
    with pytest.raises(ValueError, match=r"X\[0\] has 2 features, but the fit was on 3"):
        as_sequences(LISTS, "float32", n_features=3)


def test_what_float32_cannot_hold_float64_can():
    assert as_sequences(spoilt(-1e39), "float64").values.min() == -1e39
