"""In which order the steps of a shard are worked through, and where their rows lie."""

from fastrnn.kernels.caching import njit
from fastrnn.kernels.tiles import panel_product
from fastrnn.kernels.vectors import OPTIONS, at, lanes, load, store

FEW_ROWS = 4
"""Fewer rows than these use a third of the registers or less."""
SECOND_LEVEL = 3 * 2**18
"""Bytes of weights that stay in the second-level cache from step to step."""
HOISTED_STEPS = 8
HOISTED = 2**18
"""Bytes of hoisted input products that stay there with them."""


@njit(**OPTIONS)
def hoisted_rows(n, n_steps, row_bytes):
    """Rows to make room for, for a shard of n sequences, if input products are hoisted."""
    return min(max(HOISTED // row_bytes, HOISTED_STEPS * n), n * n_steps)


@njit(**OPTIONS)
def next_chunk(counts, s, t, streamed, room):
    """The step after a chunk of shard s's steps from t, and whether the input's part of its products is to be hoisted.

    Hoisted, the products of all the chunk's rows with the input weights come first, in full tiles; a step then reads
    only the hidden state's weights.  That pays where a step has few rows, or where its weights are `streamed`, too
    many for the second-level cache.  `room` is what `hoisted_rows` gave.
    """
    hoist = counts[s, t] < FEW_ROWS or streamed
    rows = 0
    while t < counts.shape[1] and counts[s, t] > 0:
        rows += counts[s, t]
        if hoist and rows > room or not hoist and counts[s, t] < FEW_ROWS:
            break
        t += 1
    return t, hoist


@njit(**OPTIONS)
def next_run(starts, counts, s, t, stop):
    """How many of shard s's rows lie one after the other from step t on, and the first step not among them."""
    n = counts[s, t]
    while t + 1 < stop and starts[s, t + 1] == starts[s, t] + counts[s, t]:
        t += 1
        n += counts[s, t]
    return n, t + 1


@njit(**OPTIONS)
def row_before(starts, firsts, s, t, B):
    """The row of h (B + S, .) with the state of shard s's first sequence before step t."""
    return B + starts[s, t - 1] if t > 0 else firsts[s]


@njit(**OPTIONS)
def is_cut(t, bptt_steps):
    """Whether no gradient goes from step t to the one before."""
    return bptt_steps > 0 and t > 0 and t % bptt_steps == 0


@njit(**OPTIONS)
def hoist(sums, vectors, width, x, I, panel, starts, counts, s, t, stop):
    """bias + W_ih x of one block of units, for shard s's rows of steps t to stop; pointers.

    A row of `sums` has as many `vectors` as the panel's first row, the bias; the input adds to the first `width`.
    """
    L = lanes(sums)
    while t < stop and counts[s, t] > 0:
        x_run = at(x, starts[s, t] * I)
        n, t = next_run(starts, counts, s, t, stop)
        for r in range(n):
            for j in range(vectors):
                store(sums, (r * vectors + j) * L, load(panel, j * L))
        panel_product(width, sums, vectors * L, x_run, I, at(panel, vectors * L), n, I)
        sums = at(sums, n * vectors * L)
