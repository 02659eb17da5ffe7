"""How batches are dealt into shards, and how a shard lies packed: by brute force."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from samples import ragged

from fastrnn.kernels import packing as kernels
from fastrnn.kernels import program as kernel
from fastrnn.packing import Rows, Shards, Unpacked, count_shards
from fastrnn.programs import Pass, Program
from fastrnn.sequences import as_sequences

BATCHES = {
    "one": [5],
    "one_step_each": [1] * 9,
    "equal": [6] * 10,
    "ragged": [4, 7, 1, 6, 3, 3, 9, 1, 2],
    "one_long": [1, 1, 50, 1, 1, 1, 1, 1],
    "many": list(np.random.default_rng(0).integers(1, 30, 70)),
}
SHARD = "numbers counts starts places steps rows previous mirror first_rows last_rows twins".split()


def packed(order, first, lengths, begins, stride, n):
    """What `pack` makes of a shard of n sequences."""
    own = lengths[order[first : first + n]]
    sizes = dict.fromkeys(SHARD, own.sum()) | dict.fromkeys(("numbers", "first_rows", "last_rows", "twins"), n)
    sizes |= dict.fromkeys(("counts", "starts"), own.max())
    shard = {name: np.full(size, -7) for name, size in sizes.items()}
    kernels.pack(*shard.values(), order, first, lengths, begins, stride)
    return SimpleNamespace(**shard)


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("name", BATCHES)
def test_a_shard_by_brute_force(name, stride):
    own = np.array(BATCHES[name])
    first, B, S = 2, own.size, own.sum()
    lengths = np.concatenate([own, [99, 98]])  # of sequences that are in no shard
    order = np.concatenate([[B, B + 1], np.random.default_rng(1).permutation(B)])
    begins = 1000 * np.arange(lengths.size)
    shard = packed(order, first, lengths, begins, stride, B)
    assert sorted(shard.numbers) == list(range(B)) and (np.diff(own[shard.numbers]) <= 0).all()  # longest first
    assert (order[first + shard.twins] == shard.numbers).all()
    pairs = [*zip(shard.numbers[shard.places].tolist(), shard.steps.tolist(), strict=True)]
    assert sorted(pairs) == [(k, t) for k in range(B) for t in range(own[k])]
    row_of, place_of = {pair: row for row, pair in enumerate(pairs)}, {k: q for q, k in enumerate(shard.numbers)}
    for row, (k, t) in enumerate(pairs):
        assert shard.rows[row] == 1000 * k + stride * t
        assert shard.previous[row] == (B + row_of[k, t - 1] if t > 0 else place_of[k])
        assert shard.mirror[row] == row_of[k, own[k] - 1 - t]
    for place, k in enumerate(shard.numbers):
        assert (shard.first_rows[place], shard.last_rows[place]) == (row_of[k, 0], row_of[k, own[k] - 1])
    assert shard.counts.sum() == S
    for t, (start, count) in enumerate(zip(shard.starts, shard.counts, strict=True)):
        alive = [q for q in range(B) if own[shard.numbers[q]] > t]
        assert shard.places[start : start + count].tolist() == alive
        assert (shard.steps[start : start + count] == t).all()


@pytest.mark.parametrize("is_shared", [False, True])
@pytest.mark.parametrize("H", [4, 300])
def test_the_shards_of_some_batches(H, is_shared):
    rng = np.random.default_rng(2)
    lengths, others = rng.integers(1, 40, 300), rng.integers(1, 9, 300)
    batches = [rng.permutation(300)[:n] for n in (1, 7, 8, 33, 300)]
    given = [numbers.copy() for numbers in batches]
    shards = Shards(lengths, batches, H, is_shared, others)
    assert all((a == b).all() for a, b in zip(batches, given, strict=True))
    assert [b - a for a, b in pairwise(shards.firsts)] == [count_shards(len(n), H, is_shared) for n in batches]
    start = 0
    for k, (first, end) in enumerate(pairwise(shards.firsts)):
        before, before_other, dealt = 0, 0, []
        for record in shards.table[first:end]:
            word = dict(zip(range(1, 1 + kernel.SHARD_WORDS), record.tolist(), strict=True))
            assert word[kernel.FIRST] == start + len(dealt)
            its = shards.order[word[kernel.FIRST] :][: word[kernel.B]]
            own, other = lengths[its], others[its]
            assert (word[kernel.S], word[kernel.T]) == (own.sum(), own.max())
            assert (word[kernel.S_OTHER], word[kernel.T_OTHER]) == (other.sum(), other.max())
            assert word[kernel.PAIRS] == (own * other).sum()
            assert (word[kernel.BEFORE], word[kernel.BEFORE_OTHER]) == (before, before_other)
            before, before_other, dealt = before + own.sum(), before_other + other.sum(), [*dealt, *its]
        assert sorted(dealt) == sorted(batches[k])
        start += len(dealt)
        assert shards.count_steps(first, end) == lengths[batches[k]].sum()
        assert shards.count_steps(first, end, True) == others[batches[k]].sum()
    assert shards.most_steps() == lengths.sum() and shards.most_steps(True) == others.sum()


def test_shards_are_alike_in_length():
    lengths = np.random.default_rng(1).integers(1, 100, 64)
    table = Shards(lengths, [np.arange(64)], 64, False).table
    assert len(table) == 4
    assert (table[:, kernel.B - 1] == 16).all()
    assert np.ptp(table[:, kernel.S - 1]) <= 100  # one sequence's length


def test_equally_long_sequences_stay_in_order():
    lengths = np.array([3, 5, 3, 5, 3, 3, 4, 4])
    order = Shards(lengths, [np.arange(8)], 64, False).order
    assert order.tolist() == [1, 7, 0, 5, 3, 6, 2, 4]  # 1, 3, 6, 7, 0, 2, 4, 5, dealt to and fro


def test_stored_rows_are_those_of_the_shards_one_after_the_other():
    sequences = as_sequences(ragged(20, longest=7), "float64")
    batches = np.split(np.random.default_rng(2).permutation(20), [9])
    shards = Shards(sequences.lengths, batches, 8, False)
    for first, end in pairwise(shards.firsts):
        expected = []
        for record in shards.table[first:end]:
            n, start = record[kernel.B - 1], record[kernel.FIRST - 1]
            expected += packed(shards.order, start, sequences.lengths, sequences.offsets, 1, n).rows.tolist()
        assert shards.stored_rows(first, end, sequences).tolist() == expected


def test_rows_of_a_program_are_what_pack_and_unpack_fill():
    lengths = np.array([3, 5, 2, 5, 1])
    shards = Shards(lengths, [np.arange(5)], 8, False)
    p = Program("float32")
    rows = Rows(p)
    by_sequence = Unpacked(p, rows)
    begins = np.arange(5) * 10
    one = Pass(p, shards, 0, is_kept=True, lengths=lengths, begins=begins, stride=1, **shards.given)
    one.run()
    expected = packed(shards.order, 0, lengths, begins, 1, 5)
    for name in SHARD:
        assert (one.array(getattr(rows, name)) == getattr(expected, name)).all(), name
    stored = one.array(by_sequence.rows)
    assert stored.tolist() == [b + t for k in expected.numbers for b, t in ((begins[k], t) for t in range(lengths[k]))]
    assert (expected.rows[one.array(by_sequence.packed)] == stored).all()


def test_count_shards():
    assert [count_shards(n, 64) for n in (1, 7, 8, 16, 32, 33, 64, 65, 256)] == [1, 1, 2, 2, 2, 4, 4, 6, 16]
    assert [count_shards(n, 256) for n in (1, 7, 8, 64, 65, 256)] == [1, 1, 2, 2, 4, 8]
    assert [count_shards(n, 256, True) for n in (1, 64, 65, 256)] == [1, 1, 2, 4]
    for n in range(8, 300):  # no shard is empty, and none has more rows than it should
        for H, rows in ((10, 16), (300, 32)):
            shards = count_shards(n, H)
            assert shards <= n and -(-n // shards) <= rows
