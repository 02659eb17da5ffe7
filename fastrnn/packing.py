"""How a batch of ragged sequences is packed: dealt into shards, by time, without padding."""

from functools import cached_property

import numpy as np

from fastrnn.kernels.caching import njit
from fastrnn.kernels.vectors import OPTIONS


class Packing:
    """Where the steps of a batch lie, packed by time without padding.

    A batch of B sequences is dealt into shards.  A shard's sequences lie side by side, longest
    first; its rows are packed step by step, each step holding only the sequences still alive.  The
    batch's rows are those of all shards, S = sum of lengths.

    Attributes
    ----------
    order : (B,)
        Which of the batch's sequences lies in each place; shard s has the places from firsts[s].
    starts, counts : (shards, T)
        The packed row of the first sequence at each step, and how many are alive (0 past the end).
    places, steps : (S,)
        The place and the step of each packed row.
    previous : (S,)
        For states stored as B initial ones followed by one a row: which is before each row.
    mirror : (S,)
        The packed row of the same sequence as far from its end as this row is from its start.
    first_rows, last_rows : (B,)
        The packed rows of each place's first and last step.
    last_states : (B,)
        For states stored as under `previous`, each place's last.
    """

    def __init__(self, lengths, n_shards):
        lengths = np.asarray(lengths, np.int64)
        B, S = lengths.size, int(lengths.sum())
        self.n_sequences, self.n_rows, self.lengths = B, S, lengths
        longest_first = np.argsort(-lengths, kind="stable")
        self.order, self.firsts = _deal(longest_first, n_shards)
        shape = (n_shards, int(lengths.max()))
        self.starts, self.counts = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.places, self.steps, self.previous, self.mirror = np.empty((4, S), np.int64)
        self.first_rows, self.last_rows = np.empty((2, B), np.int64)
        ends = np.append(self.firsts[1:], B)
        _lay_out(
            self.starts, self.counts, self.places, self.steps, self.previous, self.mirror,
            self.first_rows, self.last_rows, lengths[self.order], self.firsts, ends,
        )  # fmt: skip
        self.all_rows = np.arange(S)
        self.last_states = B + self.last_rows

    def rows_of(self, offsets):
        """Which stored row each packed row is, if the sequences are stored from `offsets` (B,)."""
        return offsets[self.order][self.places] + self.steps

    @cached_property
    def padded_rows(self):
        """For each packed row its row in an array (T * B, ...), where sequences lie padded, time first."""
        return self.steps * self.n_sequences + self.numbers

    @cached_property
    def numbers(self):
        """The batch's sequence of each packed row, (S,)."""
        return self.order[self.places]

    @cached_property
    def by_sequence(self):
        """The packed rows of the first sequence in time order, of the second ..., (S,); where each begins, (B + 1,)."""
        offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        rows = np.empty(self.n_rows, np.int64)
        rows[self.rows_of(offsets[:-1])] = self.all_rows
        return rows, offsets

    is_regular = False
    """Whether packed row t * B + b is step t of sequence b."""


class RegularPacking(Packing):
    """The packing of an array (T, B, ...) as it lies in memory; places are the batch's sequences.

    `order` and `last_states` are slices, which index without copying.
    """

    def __init__(self, n_steps, n_sequences, n_shards):
        T, B = n_steps, n_sequences
        self.n_sequences, self.n_rows, self.lengths = B, T * B, np.full(B, T)
        self.order = slice(None)
        self.last_states = slice(T * B, T * B + B)
        self.firsts = np.arange(n_shards) * B // n_shards
        self.starts = self.firsts[:, np.newaxis] + B * np.arange(T)
        self.counts = np.repeat(np.diff(self.firsts, append=B)[:, np.newaxis], T, axis=1)
        self.all_rows = np.arange(T * B)
        self.steps, self.places = np.divmod(self.all_rows, B)
        self.numbers = self.places
        self.previous = self.all_rows
        self.mirror = (T - 1 - self.steps) * B + self.places
        self.first_rows = np.arange(B)
        self.last_rows = (T - 1) * B + np.arange(B)

    is_regular = True

    @property
    def most_bytes(self):
        """What it takes at most: its arrays of 64 bits, those that are made when they are asked for among them."""
        return 8 * (6 * self.n_rows + 2 * self.starts.size + 5 * self.n_sequences)


KEPT, KEPT_BYTES = 64, 2**25
"""Regular packings that are kept, at most, and what they may take together."""
_kept = {}


def regular_packing(n_steps, n_sequences, n_shards):
    """A `RegularPacking`; loops over batches of one shape get the same one."""
    shape = n_steps, n_sequences, n_shards
    # Each operation is one of the dict's own, whatever other threads do: a lock would be copied, locked, by a fork.
    packing = _kept.pop(shape, None)
    if packing is None:
        packing = RegularPacking(*shape)
        if packing.most_bytes > KEPT_BYTES:
            return packing
        _make_room(packing.most_bytes)
    _kept[shape] = packing  # comes last, and goes last
    return packing


def _make_room(n_bytes):
    """Let those go that were not asked for the longest, until there is room for one more of so many bytes."""
    others = list(_kept.items())
    n_bytes += sum(packing.most_bytes for _, packing in others)
    for k, (shape, packing) in enumerate(others):
        if n_bytes <= KEPT_BYTES and len(others) - k < KEPT:
            return
        n_bytes -= packing.most_bytes
        _kept.pop(shape, None)


def count_shards(n_sequences, hidden_size):
    """Shards of a batch; as they depend on nothing else, results do not on the number of threads.

    Weights are read once a step and shard, which for many hidden units is what costs: shards of up
    to 32 sequences then, else 16.  Two shards at least, and an even number of them.
    """
    if n_sequences < 8:
        return 1
    rows = 32 if hidden_size >= 128 else 16
    return 2 * -(-n_sequences // (2 * rows))


def _deal(longest_first, n_shards):
    """Deal sequences to shards like cards, to and fro, so that shards are equally long.

    Returns the sequence in each place, and the first place of each shard.
    """
    B = longest_first.size
    rounds, turn = np.divmod(np.arange(B), n_shards)
    shard = np.where(rounds % 2 == 0, turn, n_shards - 1 - turn)
    by_shard = np.argsort(shard, kind="stable")
    firsts = np.searchsorted(shard[by_shard], np.arange(n_shards))
    return longest_first[by_shard], firsts


@njit(**OPTIONS)
def _lay_out(starts, counts, places, steps, previous, mirror, first_rows, last_rows, lengths, firsts, ends):
    B = lengths.size
    row = 0
    for s in range(firsts.size):
        alive = ends[s] - firsts[s]
        before = 0
        for t in range(lengths[firsts[s]] if alive > 0 else 0):
            while lengths[firsts[s] + alive - 1] <= t:
                alive -= 1
            starts[s, t], counts[s, t] = row, alive
            for q in range(alive):
                place = firsts[s] + q
                places[row + q], steps[row + q] = place, t
                previous[row + q] = B + before + q if t > 0 else place
                if t == 0:
                    first_rows[place] = row + q
                if t == lengths[place] - 1:
                    last_rows[place] = row + q
            before = row
            row += alive
        for t in range(starts.shape[1]):
            for q in range(counts[s, t]):
                opposite = lengths[firsts[s] + q] - 1 - t
                mirror[starts[s, t] + q] = starts[s, opposite] + q
