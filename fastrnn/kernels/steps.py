"""In which order the steps of a shard are worked through, and where their rows lie."""

from fastrnn.kernels.caching import njit
from fastrnn.kernels.cpu import second_level
from fastrnn.kernels.tiles import panel_product
from fastrnn.kernels.vectors import OPTIONS, at, lanes, load, store

FEW_ROWS = 4
"""Fewer rows than these use a third of the registers or less."""
ALONE = 3 * 2**18
"""Bytes of weights, at most, that a thread reads alone for a few sequences."""
MANY = 32
"""Sequences of a batch from which on it pays that each thread reads more of them."""
READ_ALONE = max(ALONE, second_level() * 5 // 4)
"""Bytes, at most, that it then reads: the cache keeps nearly all from step to step."""
HOISTED_STEPS = 8
MOST_SEQUENCES = 32
"""Of a shard that is one thread's, as batches are dealt; its different words, or a stream's sequences, may be more."""
MOST_SHARED = 64
"""Likewise of one that threads share."""
PRODUCT_ROWS = 32
"""Rows of x whose products with all gates' weights stay in the cache, until they are normalised or added to."""
HOISTED = 2**18
"""Bytes of hoisted input products that stay there with them."""


def hoisted_rows(row_bytes):
    """Rows, at most, whose input products are hoisted together."""
    return max(HOISTED // row_bytes, HOISTED_STEPS * MOST_SEQUENCES)


@njit(**OPTIONS)
def next_chunk(counts, t, room):
    """The step after a chunk of a shard's steps from t, its rows, and whether the input's part of them is hoisted.

    Hoisted, the products of all the chunk's rows with the input weights come first, in full tiles; a step then reads
    only the hidden state's weights.  That pays where a step has few rows.  There is `room` for so many hoisted rows, or
    fewer than a step has.
    """
    most = min(FEW_ROWS - 1, room)
    hoist, rows = counts[t] <= most, 0
    while t < counts.size and (counts[t] <= most) == hoist and not (hoist and rows + counts[t] > room):
        rows += counts[t]
        t += 1
    return t, rows, hoist


@njit(**OPTIONS)
def row_before(starts, t, B):
    """The row of h (B + S, .) with the state of the first sequence before step t."""
    return B + starts[t - 1] if t > 0 else 0


@njit(**OPTIONS)
def is_cut(t, bptt_steps):
    """Whether no gradient goes from step t to the one before."""
    return bptt_steps > 0 and t > 0 and t % bptt_steps == 0


@njit(**OPTIONS)
def hoist(sums, vectors, width, x, I, panel, n):
    """bias + W_ih x of one block of units, for n rows of x; pointers.

    A row of `sums` has as many `vectors` as the panel's first row, the bias; the input adds to the first `width`.
    """
    L = lanes(sums)
    for r in range(n):
        for j in range(vectors):
            store(sums, (r * vectors + j) * L, load(panel, j * L))
    panel_product(width, sums, vectors * L, x, I, at(panel, vectors * L), n, I)
