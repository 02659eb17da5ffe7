"""How batches of ragged sequences are dealt into shards, the units of work of a pass, and how a shard lies packed."""

from functools import cached_property

import numpy as np

from fastrnn import programs
from fastrnn.kernels import packing, words
from fastrnn.kernels.program import FIRST, S_OTHER, SHARD_WORDS, B, S, T
from fastrnn.kernels.rows import copy_rows, take
from fastrnn.kernels.steps import MOST_SEQUENCES, MOST_SHARED


class Rows:
    """The packed rows of a shard: operands that hold what `fastrnn.kernels.packing.pack` says.

    A pass is given `order`, the numbers of the sequences of all shards, and `lengths`, `begins` and `stride`: step t
    of a sequence is row begins[number] + t * stride of what is stored.

    Parameters
    ----------
    p : Program
    other : bool
        Of a second packing of the same sequences, whose arrays are given as "other_lengths" and so on.
    order : str
        Under which name the order is given: of words, it is one of their own.
    """

    def __init__(self, p, other=False, order="order"):
        kinds = (f"{kind}_OTHER" if other else kind for kind in ("B", "FIRST", "S", "T", "B_AND_S"))
        self.B, first, self.S, self.T, self.B_AND_S = (getattr(programs, kind) for kind in kinds)
        self.numbers, self.twins, self.first_rows, self.last_rows = (p.room(self.B, dtype=np.int64) for _ in range(4))
        self.streams = self.numbers  # whose states a sequence goes on from
        self.counts, self.starts = (p.room(self.T, dtype=np.int64) for _ in range(2))
        self.places, self.steps, self.rows, self.previous = (p.room(self.S, dtype=np.int64) for _ in range(4))
        self.mirror = p.room(self.S, dtype=np.int64)
        name = "other_" if other else ""
        self.lengths, self.begins = (p.given(name + what, np.int64, 1) for what in ("lengths", "begins"))
        p.call(
            packing.pack, self.numbers, self.counts, self.starts, self.places, self.steps, self.rows, self.previous,
            self.mirror, self.first_rows, self.last_rows, self.twins, p.given(order, np.int64, 1), first,
            self.lengths, self.begins, p.given(name + "stride"))  # fmt: skip


def gathered(p, name, picked, width=None, stage="forward"):
    """The rows `picked` of an array (N, width) that is given; without a width, of integers (N,)."""
    if width is None:
        integers = p.room(*picked.shape, dtype=np.int64)
        p.call(take, integers, p.given(name, np.int64, 1), picked, stage=stage)
        return integers
    rows = p.room(*picked.shape, width)
    p.call(copy_rows, rows, 0, p.given(name, p.dtype, 2), 0, picked, width, stage=stage)
    return rows


class OneStep:
    """The rows of one step of n sequences: integers, and arrays that stay, for what `Rows` has of a shard."""

    def __init__(self, p, n):
        self.B, self.S, self.T, self.B_AND_S = n, n, 1, 2 * n
        self.numbers = self.streams = self.last_rows = p.fixed(np.arange(n))
        self.starts, self.counts = p.fixed(np.zeros(1, np.int64)), p.fixed(np.full(1, n))


class Unpacked:
    """The rows of `Rows` one sequence after the other: operands, as `fastrnn.kernels.packing.unpack` fills them."""

    def __init__(self, p, rows):
        self.S, self.numbers = rows.S, rows.numbers
        self.packed, self.places, self.steps, self.rows = (p.room(rows.S, dtype=np.int64) for _ in range(4))
        self.firsts, self.lengths = (p.room(programs.B, dtype=np.int64) for _ in range(2))
        own = self.packed, self.places, self.steps, self.rows, self.firsts, self.lengths
        p.call(packing.unpack, *own, rows.starts, rows.counts, rows.rows)


class Shards:
    """The shards of some batches.

    Attributes
    ----------
    table : ndarray (n, SHARD_WORDS) of int64
        The sizes of each, as `fastrnn.kernels.program` reads them.
    order : ndarray of int64
        The sequences' numbers, shard after shard.
    firsts : list of int
        The first shard of each batch, and of one that would follow.
    """

    def __init__(self, lengths, batches, hidden_size, is_shared, others=None):
        sizes = [len(numbers) for numbers in batches]
        self.firsts = [0, *np.cumsum([count_shards(size, hidden_size, is_shared) for size in sizes]).tolist()]
        numbers = np.concatenate(batches)
        numbers = numbers[np.lexsort([-lengths[numbers], np.repeat(np.arange(len(batches)), sizes)])]
        self.table, self.order = np.empty((self.firsts[-1], SHARD_WORDS), np.int64), np.empty(numbers.size, np.int64)
        self.address = self.table.ctypes.data
        starts, others = np.cumsum([0, *sizes]), lengths if others is None else others
        packing.deal(self.table, self.order, numbers, starts, np.array(self.firsts), lengths, others)
        self.given = {"order": self.order}

    def deal_words(self, sequences):
        """Let each shard's second packing be of the different words of its sequences, none of which comes twice."""
        which, letters, _ = sequences.spellings
        n, order = letters.size, np.empty(sequences.lengths[self.order].sum(), np.int64)
        places, seen, room = np.empty_like(which), np.zeros(n, np.int64), np.empty(n, np.int64)
        dealt = self.order, sequences.lengths, sequences.offsets
        words.deal_words(self.table, order, places, *dealt, which, letters, seen, room)
        self.given |= {"word_order": order, "words": places}

    @cached_property
    def _steps(self):
        return [[0, *np.cumsum(self.table[:, k - 1]).tolist()] for k in (S, S_OTHER)]

    def __len__(self):
        return len(self.table)

    def stored_rows(self, first, last, sequences):
        """Of some shards' packed rows, where they are stored."""
        rows = []
        for record in self.table[first:last]:
            numbers, steps = self.order[record[FIRST - 1] :][: record[B - 1]], np.arange(record[T - 1])[:, np.newaxis]
            rows.append((sequences.offsets[numbers] + steps)[steps < sequences.lengths[numbers]])
        return np.concatenate(rows)

    def count_steps(self, first, last, of_other=False):
        """Steps of all sequences of the shards from `first` to `last`."""
        steps = self._steps[of_other]
        return steps[last] - steps[first]

    def most_steps(self, of_other=False):
        """Those of the longest batch."""
        return int(np.diff(np.take(self._steps[of_other], self.firsts)).max())


def count_shards(n_sequences, hidden_size, is_shared=False):
    """Shards of a batch; as they depend on nothing else, results do not on the number of threads.

    Weights are read once a step and shard, which for many hidden units is what costs: shards of up
    to 32 sequences then, else 16.  Two shards at least, and an even number of them, unless threads share each: then
    up to 64 sequences read the weights at once.
    """
    if is_shared:
        return -(-n_sequences // MOST_SHARED)
    if n_sequences < 8:
        return 1
    return 2 * -(-n_sequences // (MOST_SEQUENCES * (2 if hidden_size >= 128 else 1)))
