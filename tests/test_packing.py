"""How batches are packed, and which packings are kept."""

import numpy as np
import pytest
from samples import ragged

from fastrnn import packing as packing_module
from fastrnn.packing import KEPT, KEPT_BYTES, Packing, count_shards, regular_packing
from fastrnn.sequences import as_sequences

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
    "long": [(500_000 + k, 1, 1) for k in range(8)],
    "one_too_long_to_keep": [(5, 3, 1), (10**6, 1, 1), (5, 3, 1)],
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
        assert regular_packing(*shape) is packing or packing.most_bytes > KEPT_BYTES
        del packing
    assert bytes_kept() <= KEPT_BYTES == 2**25
    assert len(packing_module._kept) <= KEPT
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
