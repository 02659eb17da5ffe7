"""How ragged sequences are dealt into shards, and how a shard's steps lie packed by time, without padding."""

from fastrnn.kernels.caching import njit
from fastrnn.kernels.program import B_OTHER, BEFORE, BEFORE_OTHER, FIRST, FIRST_OTHER, PAIRS, S_OTHER, T_OTHER, B, S, T
from fastrnn.kernels.vectors import OPTIONS


@njit(**OPTIONS)
def deal(table, order, numbers, firsts, first_shards, lengths, others):
    """Deal the sequences of each batch to its shards like cards, to and fro, longest first, so that they are alike.

    Batch k has the numbers (n,) from firsts[k] on, which are in this order, and the shards from first_shards[k] on.
    Fills the rows of `table` (shards, SHARD_WORDS), and `order` (n,): the sequences of the first shard, those of the
    second ...  lengths (N,) are of all sequences, and others (N,) those in a second packing.
    """
    table[:] = 0
    for batch in range(firsts.size - 1):
        place, end, first = firsts[batch], firsts[batch + 1], first_shards[batch]
        dealt, n, n_shards = numbers[place:end], end - place, first_shards[batch + 1] - first
        for s in range(n_shards):
            record, before = table[first + s], table[first + s - 1]
            record[FIRST - 1] = record[FIRST_OTHER - 1] = place
            if s > 0:
                record[BEFORE - 1] = before[BEFORE - 1] + before[S - 1]
                record[BEFORE_OTHER - 1] = before[BEFORE_OTHER - 1] + before[S_OTHER - 1]
            for turn in range((n + n_shards - 1) // n_shards):
                k = turn * n_shards + (s if turn % 2 == 0 else n_shards - 1 - s)
                if k < n:
                    own, other = lengths[dealt[k]], others[dealt[k]]
                    record[B - 1] = record[B_OTHER - 1] = record[B - 1] + 1
                    record[S - 1] += own
                    record[T - 1] = max(record[T - 1], own)
                    record[S_OTHER - 1] += other
                    record[T_OTHER - 1] = max(record[T_OTHER - 1], other)
                    record[PAIRS - 1] += own * other
                    order[place] = dealt[k]
                    place += 1


@njit(**OPTIONS)
def pack(numbers, counts, starts, places, steps, rows, previous, mirror, first_rows, last_rows, twins, order, first,
    lengths, begins, stride):  # fmt: skip
    """Lay out a shard: the sequences order[first : first + B], of `lengths`, sorted with the longest first.

    numbers, twins (B,)      the sequence in each place, and its place in the order
    counts, starts (T,)      at each step how many sequences are alive, and the packed row of the first
    places, steps (S,)       the place and the step of each packed row
    rows (S,)                where it is stored, if step t of a sequence is in row begins[number] + t stride
    previous (S,)            which of B initial states and S later ones is before each row
    mirror (S,)              the row of the same sequence as far from its end as this row is from its start
    first_rows, last_rows (B,)  each place's rows of its first and last step
    """
    B = numbers.size
    for q in range(B):
        k = q
        length = lengths[order[first + q]]
        while k > 0 and lengths[numbers[k - 1]] < length:
            numbers[k], twins[k] = numbers[k - 1], twins[k - 1]
            k -= 1
        numbers[k], twins[k] = order[first + q], q
    row, before, alive = 0, 0, B
    for t in range(counts.size):
        while lengths[numbers[alive - 1]] <= t:
            alive -= 1
        starts[t], counts[t] = row, alive
        for q in range(alive):
            places[row + q], steps[row + q] = q, t
            rows[row + q] = begins[numbers[q]] + t * stride
            previous[row + q] = B + before + q if t > 0 else q
        before = row
        row += alive
    for q in range(B):
        length = lengths[numbers[q]]
        first_rows[q], last_rows[q] = q, starts[length - 1] + q
        for t in range(length):
            mirror[starts[t] + q] = starts[length - 1 - t] + q


@njit(**OPTIONS)
def unpack(packed, places, steps, rows, firsts, lengths, starts, counts, stored):
    """Lay out a shard's rows one sequence after the other, in the order of places.

    Of each row `packed` (S,) says where it is packed, and places, steps and rows (S,) what `pack` does; firsts and
    lengths (B,) are each sequence's first row and their number.  starts, counts and stored are `pack`'s.
    """
    row = 0
    for q in range(firsts.size):
        firsts[q], t = row, 0
        while t < counts.size and counts[t] > q:
            packed[row], places[row], steps[row] = starts[t] + q, q, t
            rows[row] = stored[starts[t] + q]
            row, t = row + 1, t + 1
        lengths[q] = t
