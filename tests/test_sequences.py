"""What a caller may pass as sequences."""

import numpy as np
import pytest
from samples import assert_same_bits

from fastrnn import sequences as reading
from fastrnn.sequences import as_given, as_objects, as_sequences, is_panel

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
    float16 = [np.array([3, 1], np.float16), np.array([0], np.float16)]
    for X in ([[3, 1], [0]], [np.array([3.0, 1.0]), np.array([0])], [np.array([[3], [1]]), [False]], float16):
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


# ------------------------------------------------------------- plain arrays, however many


def drawn(seed):
    """Plain arrays of some kind and width, in a list or in one array, and how tokens would be read of them."""
    rng = np.random.default_rng(seed)
    n, width, is_even = int(rng.integers(1, 40)), int(rng.choice([1, 1, 2, 12, 300])), rng.random() < 0.3
    lengths = np.full(n, rng.integers(1, 9)) if is_even else rng.integers(1, 9, n)
    kinds = rng.choice(["f8", "f4", "f2", ">f8", "i8", "i1", "u8", ">i4", "?"], 2 if rng.random() < 0.2 else 1)
    items = [rng.integers(0, 60, (T, width)).astype(rng.choice(kinds)) for T in lengths]
    tokens = "characters" if width > 1 else True
    if width == 1 and rng.random() < 0.5:
        items = [x[:, 0] for x in items]
    if is_even and rng.random() < 0.5:
        return np.array(items), tokens
    forms = [np.asfortranarray, lambda x: np.ascontiguousarray(x[::-1])[::-1], np.copy]
    items = [forms[rng.integers(3)](x) for x in items]
    return [list, tuple, as_objects][rng.integers(3)](items), tokens


def refuse_one_by_one(patch):
    def refused(*_):
        raise AssertionError("a plain array was looked at by itself")

    for name in ("as_steps", "common"):
        patch.setattr(reading, name, refused)


def assert_alike(found, expected):
    assert_same_bits(found.values, expected.values)
    assert_same_bits(found.offsets, expected.offsets)
    assert found.values.flags.c_contiguous and found.values.flags.writeable


@pytest.mark.parametrize("seed", range(60))
def test_plain_arrays_are_read_as_any_others(seed, monkeypatch):
    X, tokens = drawn(seed)
    with monkeypatch.context() as patch:
        refuse_one_by_one(patch)
        found = [as_sequences(X, "float32"), as_sequences(X, "float64"), as_sequences(X, "float32", tokens=tokens)]
    others = [Framed(x) for x in X]
    expected = [as_sequences(others, "float32"), as_sequences(others, "float64")]
    for a, b in zip(found, [*expected, as_sequences(others, "float32", tokens=tokens)], strict=True):
        assert_alike(a, b)


def test_arrays_in_a_file_are_plain(tmp_path, monkeypatch):
    refuse_one_by_one(monkeypatch)
    x = np.memmap(tmp_path / "x", np.float64, "w+", shape=(30, 4, 2))
    x[:] = np.random.default_rng(0).normal(size=x.shape)
    for given in (x, list(x), np.memmap(tmp_path / "x", np.float64, "r", shape=x.shape)):
        values = as_given(given).stored("float32", np.zeros(2), np.ones(2)).values
        assert type(values) is np.ndarray
        assert_same_bits(values, np.array(x, np.float32).reshape(-1, 2))


MANY = 3 * reading.IN_CACHE // 2
ODD = {
    "width": (np.zeros((3, 3)), r"^seq\[\d+\] has 3 features, but seq\[0\] has 2"),
    "no_steps": (np.zeros((0, 2)), r"^seq\[\d+\] has no steps"),
    "axes": (np.zeros((1, 2, 1)), r"^seq\[\d+\] has shape \(1, 2, 1\)"),
    "no_axes": (np.array(2.0), r"^seq\[\d+\] has shape \(\)"),
    "complex": (np.zeros((3, 2), complex), r"Complex.*seq\[\d+\]"),
    "objects": (np.array([[0, "a"]], object), r"^seq\[\d+\] holds values"),
    "none": (np.array([[0, None]], object), r"^seq\[\d+\] contains NaN.*step 0, feature 1"),
    "masked": (np.ma.masked_less(np.arange(4.0).reshape(2, 2), 1), r"^seq\[\d+\] has masked values"),
    "dates": (np.zeros((3, 2), "M8[D]"), r"^seq\[\d+\] holds datetime64"),
    "nan": (np.array([[0, 1], [np.nan, 0]]), r"^seq\[\d+\] contains NaN.*step 1, feature 0"),
}


@pytest.mark.parametrize("place", [0, 1, reading.IN_CACHE - 1, reading.IN_CACHE, MANY - 1])
@pytest.mark.parametrize("name", ODD)
def test_one_among_many_is_named(name, place):
    odd, match = ODD[name]
    X = [np.zeros((2, 2))] * MANY
    X[place] = odd
    if name == "width" and not place:
        place, match = 1, r"^seq\[\d+\] has 2 features, but seq\[0\] has 3"
    with pytest.raises(ValueError, match=match.replace(r"\d+", str(place))):
        as_sequences(X, "float32", name="seq")


def test_columns_and_series_among_many_are_one_kind():
    X = [np.zeros(2)] * MANY
    X[-1] = np.ones((1, 1))
    assert as_sequences(X, "float32").values[:, 0].tolist() == [0.0] * 2 * (MANY - 1) + [1]


@pytest.mark.parametrize("value, match", [(np.nan, "NaN or infinity"), (1e39, "as float32")])
def test_what_an_array_holds_is_placed(value, match):
    X = np.zeros((9, 4, 3))
    X[7, 2, 1] = value
    with pytest.raises(ValueError, match=rf"^X\[7\].*step 2, feature 1.*{match}|^X\[7\].*{match}.*step 2, feature 1"):
        as_given(X).stored("float32", np.zeros(3), np.ones(3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [1, 3, 12, 300])
def test_what_is_stored_is_divided_first_and_rounded_then(width, dtype, monkeypatch):
    rng = np.random.default_rng(width)
    mean, scale = rng.normal(size=width), rng.uniform(0.1, 9, width)
    X = rng.normal(size=(50, 7, width))
    expected = ((X.reshape(-1, width) - mean) / scale).astype(dtype)
    before = X.copy()
    for at_once in (reading.AT_ONCE, 40, 1):
        monkeypatch.setattr(reading, "AT_ONCE", at_once)
        for given in (X, list(X), X.astype(">f8"), np.asfortranarray(X), X[:, ::-1][:, ::-1]):
            assert_same_bits(as_given(given).stored(dtype, mean, scale).values, expected)
    assert_same_bits(X, before)


def test_tokens_of_an_array_are_a_copy():
    for X in (np.arange(12).reshape(3, 4), np.arange(12).reshape(3, 4, 1), np.arange(12).reshape(3, 2, 2)):
        values = as_sequences(X, "float32", tokens="characters" if X.shape[-1] == 2 else True).values
        assert values.dtype == np.int64 and not np.shares_memory(values, X)


CELLS = [1, 2.5, None, "a", b"a", True, np.float32(1), np.str_("a"), np.datetime64("2020-01-01"), 1j]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: type(cell).__name__)
def test_rows_of_cells_are_a_panel(cell):
    assert is_panel([[1.0, cell], [cell, 2.0]]) and is_panel(([1.0, cell],))
    assert not is_panel([[1.0, cell], [cell]])


@pytest.mark.parametrize(
    "cell", [[1], (2, 3), np.zeros(1), np.array(1.0), {}, object()], ids=lambda c: type(c).__name__
)
def test_rows_of_anything_else_are_none(cell):
    assert not is_panel([[1.0, 2.0], [3.0, cell]])


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
    "first": ([[1, 2], [-3, 7], [0.5, 1]], r"^seq\[1\] holds the token -3"),
    "arrays": ([np.array([1, 2]), np.array([2**31, 0])], r"^seq\[1\] holds the token 2147483648"),
    "unsigned": ([np.array([1, 2**64 - 1], np.uint64)], r"^seq\[0\] holds the token 18446744073709551615"),
    "panel": (np.array([[1, 2], [3, -4]]), r"^seq\[1\] holds the token -4"),
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
    with pytest.raises(ValueError, match=r"X\[0\] has 2 features, but the fit was on 3$"):
        as_sequences(LISTS, "float32", n_features=3)
    with pytest.raises(ValueError, match=r"X\[0\] has 5 features, but the fit was on 3: if steps.*from_channels_first"):
        as_sequences([np.zeros((3, 5)), np.zeros((3, 4))], "float32", n_features=3)
    with pytest.raises(ValueError, match=r"X\[0\] has 5 features, but the fit was on 1$"):
        as_sequences([np.zeros((1, 5))], "float32", n_features=1)


def test_what_float32_cannot_hold_float64_can():
    assert as_sequences(spoilt(-1e39), "float64").values.min() == -1e39
