"""What a caller may pass as sequences, and how batches are packed."""

import numpy as np
import pytest
from samples import assert_same_bits, ragged

from fastrnn import packing as packing_module
from fastrnn.packing import Packing, count_shards, regular_packing
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


# ------------------------------------------------------------------------------ packing

BATCHES = {
    "one": ([5], 1),
    "one_step_each": ([1] * 9, 2),
    "equal": ([6] * 10, 2),
    "ragged": ([4, 7, 1, 6, 3, 3, 9, 1, 2], 2),
    "one_long": ([1, 1, 50, 1, 1, 1, 1, 1], 2),
    "many": (list(np.random.default_rng(0).integers(1, 30, 70)), 4),
    "a_shard_each": ([3, 1, 2], 3),
}


@pytest.mark.parametrize("name", BATCHES)
def test_packing_by_brute_force(name):
    lengths, n_shards = BATCHES[name]
    check_packing(Packing(lengths, n_shards), lengths, n_shards)


@pytest.mark.parametrize(("T", "B", "n_shards"), [(1, 1, 1), (5, 1, 1), (1, 9, 2), (6, 10, 2), (3, 70, 4)])
def test_a_regular_packing_by_brute_force(T, B, n_shards):
    packing = regular_packing(T, B, n_shards)
    check_packing(packing, [T] * B, n_shards)
    assert packing.is_regular and not Packing([T] * B, n_shards).is_regular
    assert (packing.places == np.arange(T * B) % B).all()
    assert (packing.steps == np.arange(T * B) // B).all()


def bytes_kept():
    """Of all arrays that kept packings hold, each counted once."""
    values = [value for packing in packing_module._kept.values() for value in vars(packing).values()]
    arrays = [a for value in values for a in (value if isinstance(value, tuple) else (value,))]
    owners = {id(a if a.base is None else a.base): a if a.base is None else a.base for a in arrays if np.ndim(a)}
    return sum(array.nbytes for array in owners.values())


SHAPES = {
    "long": [(10**6 + k, 1, 1) for k in range(16)],
    "one_too_long_to_keep": [(5, 3, 1), (10**7, 1, 1), (5, 3, 1)],
    "growing": [(k, 1, 1) for k in range(1000, 60_000, 1000)],
    "wide": [(1, 100_000 + k, 2) for k in range(12)],
    "of_many_shards": [(200, 300 + k, 300) for k in range(40)],
    "many": [(1 + k % 97, 1 + k % 11, 1) for k in range(1500)],
}


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_regular_packings_are_kept_while_they_are_small(shapes):
    for shape in shapes:
        packing = regular_packing(*shape)
        assert packing.by_sequence[0].size == packing.padded_rows.size == packing.n_rows
        assert regular_packing(*shape) is packing or packing.most_bytes > packing_module.KEPT_BYTES
        del packing
    assert bytes_kept() <= packing_module.KEPT_BYTES == 2**25
    assert len(packing_module._kept) <= packing_module.KEPT
    usual = regular_packing(60, 32, 2)
    for k in range(30):
        regular_packing(100 + k, 1, 1)
        assert regular_packing(60, 32, 2) is usual  # what is asked for stays


def check_packing(packing, lengths, n_shards):
    """All that the docstring of Packing says."""
    B, S = len(lengths), sum(lengths)
    lengths = np.array(lengths)
    order = np.arange(B)[packing.order]  # a regular one's is a slice
    assert (packing.n_sequences, packing.n_rows) == (B, S)
    assert (packing.lengths == lengths).all()
    assert sorted(order) == list(range(B))
    assert packing.firsts.size == n_shards and packing.firsts[0] == 0
    sequences = order[packing.places]
    pairs = list(zip(sequences, packing.steps, strict=True))
    assert sorted(pairs) == [(k, t) for k in range(B) for t in range(lengths[k])]
    row_of = {pair: row for row, pair in enumerate(pairs)}
    place_of = {k: place for place, k in enumerate(order)}
    for row, (k, t) in enumerate(pairs):
        expected = B + row_of[k, t - 1] if t > 0 else place_of[k]
        assert packing.previous[row] == expected
        assert packing.mirror[row] == row_of[k, lengths[k] - 1 - t]
    for place, k in enumerate(order):
        assert packing.first_rows[place] == row_of[k, 0]
        assert packing.last_rows[place] == row_of[k, lengths[k] - 1]
    ends = [*packing.firsts[1:], B]
    assert packing.counts.sum() == S
    for s in range(n_shards):
        places = range(packing.firsts[s], ends[s])
        of_shard = lengths[order[places]]
        assert (np.diff(of_shard) <= 0).all()  # longest first
        for t in range(packing.starts.shape[1]):
            alive = [place for place in places if lengths[order[place]] > t]
            assert packing.counts[s, t] == len(alive)
            if alive:
                start = packing.starts[s, t]
                assert packing.places[start : start + len(alive)].tolist() == alive
                assert (packing.steps[start : start + len(alive)] == t).all()
    assert (packing.all_rows == np.arange(S)).all()


def test_shards_are_alike_in_length():
    lengths = np.random.default_rng(1).integers(1, 100, 64)
    packing = Packing(lengths, 4)
    assert np.ptp(np.diff(packing.firsts, append=64)) <= 1
    work = packing.counts.sum(axis=1)
    assert np.ptp(work) <= 100  # one sequence's length


def test_rows_of_finds_the_stored_steps():
    X = ragged(20, longest=7)
    sequences = as_sequences(X, "float64")
    numbers = np.random.default_rng(2).permutation(20)[:11]
    packing = Packing(sequences.lengths[numbers], 2)
    rows = packing.rows_of(sequences.offsets[numbers])
    for row, place, step in zip(rows, packing.places, packing.steps, strict=True):
        assert (sequences.values[row] == X[numbers[packing.order[place]]][step]).all()


def test_count_shards():
    assert [count_shards(n, 64) for n in (1, 7, 8, 16, 32, 33, 64, 65, 256)] == [1, 1, 2, 2, 2, 4, 4, 6, 16]
    assert [count_shards(n, 256) for n in (1, 7, 8, 64, 65, 256)] == [1, 1, 2, 2, 4, 8]
    for n in range(8, 300):  # no shard is empty, and none has more rows than it should
        for H, rows in ((10, 16), (300, 32)):
            shards = count_shards(n, H)
            assert shards <= n and -(-n // shards) <= rows
