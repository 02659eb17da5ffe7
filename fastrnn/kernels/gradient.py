"""The gradients of weights and inputs: products with the gradients of a layer's gates.

For packed rows s, d_weight += sum over s of input(s) d_gates(s)^T.  Rows are added in their order, whatever the
number of threads: they share out the columns of a weight's gradient.  An input's gradient is no sum over rows; there
they share the rows.
"""

import numpy as np

from fastrnn.kernels.caching import njit
from fastrnn.kernels.tiles import MAX_WIDTH, product, transposed_product
from fastrnn.kernels.vectors import OPTIONS, at, lanes, load, load_some, load_wide, store, store_some

CHUNK = 192  # rows between one pass over the weights' gradients and the next
IN_ORDER = np.arange(CHUNK, dtype=np.int64)
IN_PLACE = 16
"""Vectors in a row of gates' gradients, at most, that products read in place; panels of longer ones are copied."""


@njit(**OPTIONS)
def add_rows(d_bias, panels, is_copied, d_gates, first, n, low, high):
    """Add n rows of d_gates, columns low to high, to d_bias; copy them, or not, to panels of MAX_WIDTH vectors."""
    width, count = d_gates.shape[1], lanes(d_gates)
    line, column = MAX_WIDTH * count, low
    while column < high:
        source, target = first * width + column, (column - low) // line * line * CHUNK + (column - low) % line
        if high - column >= line:
            total = load_wide(d_bias, column, MAX_WIDTH)
            for k in range(n):
                row = load_wide(d_gates, source + k * width, MAX_WIDTH)
                if is_copied:
                    store(panels, target + k * line, row)
                total = total + row
            store(d_bias, column, total)
            column += line
        else:
            sums = load(d_bias, column)
            for k in range(n):
                one = load(d_gates, source + k * width)
                if is_copied:
                    store(panels, target + k * line, one)
                sums = sums + one
            store(d_bias, column, sums)
            column += count


@njit(**OPTIONS)
def add_outer(d_weight, pieces, inputs, width, picked, panels, stride, n, low, high):
    """d_weight (M, N) += inputs^T times the columns low to high of n rows of gates' gradients.

    Of inputs (., width >= M) the rows are those `picked`; both are pointers.  Each of `pieces` (., 3) is a run of the
    gradients' columns, from and to, and d_weight's column where it goes.  `panels` points to the first panel, whose
    rows are `stride` apart.
    """
    (M, N), count = d_weight.shape, lanes(d_weight)
    line = MAX_WIDTH * count
    for column in range(low, high, line):
        # Copied panels lie one after the other, those in place side by side; a row of one panel is both.
        panel = at(panels, (column - low) * (CHUNK if stride == line else 1))
        for piece in range(pieces.shape[0]):
            start = max(column, pieces[piece, 0])
            stop = min(min(column + line, high), pieces[piece, 1])
            if start < stop:
                target = at(d_weight, start - pieces[piece, 0] + pieces[piece, 2])
                n_vectors = (stop - start) // count
                transposed_product(target, N, inputs, width, picked, at(panel, start - column), stride, M, n_vectors, n)


def scratch_size(width, count):
    """Elements that `gradient` works in, for d_gates (S, width) and vectors of `count` elements."""
    return CHUNK * -(-width // (MAX_WIDTH * count)) * MAX_WIDTH * count if width > IN_PLACE * count else 0


@njit(**OPTIONS)
def panels_of(d_bias, d_gates, first, n, low, high, scratch, task):
    """Where `add_outer` reads n rows of d_gates, columns low to high, and its stride; they are added to d_bias."""
    panels, is_copied = at(scratch, task * scratch.shape[1]), scratch.shape[1] > 0
    add_rows(d_bias, panels, is_copied, d_gates, first, n, low, high)
    in_place = at(d_gates, first * d_gates.shape[1] + low), d_gates.shape[1]
    return (panels, MAX_WIDTH * lanes(d_gates)) if is_copied else in_place


@njit(**OPTIONS)
def columns_of(width, line, parts, task):
    """From which to which column one of so many parts of whole panels goes, of `line` columns each."""
    panels = (width + line - 1) // line
    return panels * task // parts * line, min(panels * (task + 1) // parts * line, width)


@njit(**OPTIONS)
def rows_of(inputs, picked, first):
    """Where inputs (., M) begin, and numbers of rows from there: those `picked`, from `first` on; all if none are."""
    in_order = at(inputs, first * inputs.shape[1]), at(IN_ORDER, 0)
    return (at(inputs, 0), at(picked, first)) if picked.size else in_order


@njit(**OPTIONS)
def gradient(d_bias, d_ih, d_hh, ih_pieces, hh_pieces, d_gates, x, h, previous, scratch, parts, task):
    """One of so many parts of the columns of d_gates (S, width).

    Adds to d_bias (width,), to d_ih (I, N) and to d_hh (H, N) as `ih_pieces` and `hh_pieces` say; x is (S, I),
    and h (., H) is read at `previous` (S,), or in order if that is empty; there may be none of it, with H = 0.
    scratch (parts, `scratch_size`) is overwritten.
    """
    I, H = x.shape[1], h.shape[1]
    low, high = columns_of(d_gates.shape[1], MAX_WIDTH * lanes(d_gates), parts, task)
    for s in range(0, d_gates.shape[0], CHUNK):
        n = min(CHUNK, d_gates.shape[0] - s)
        read, stride = panels_of(d_bias, d_gates, s, n, low, high, scratch, task)
        add_outer(d_ih, ih_pieces, at(x, s * I), I, at(IN_ORDER, 0), read, stride, n, low, high)
        if H > 0:
            old, rows = rows_of(h, previous, s)
            add_outer(d_hh, hh_pieces, old, H, rows, read, stride, n, low, high)


@njit(**OPTIONS)
def outer(d_weight, d_sums, inputs, picked, parts, task):
    """One of so many parts of the columns of d_sums (S, N): d_weight (M, N) += inputs^T d_sums, of no other gradients.

    inputs (., >= M) are read at `picked` (S,), or in their order if that is empty; d_sums where they are: to copy them
    pays where two weights share them.
    """
    (M, N), (S, width) = d_weight.shape, (d_sums.shape[0], inputs.shape[1])
    panel = MAX_WIDTH * lanes(d_weight)
    low, high = columns_of(N, panel, parts, task)
    for s in range(0, S, CHUNK):
        left, rows = rows_of(inputs, picked, s)
        for column in range(low, high, panel):
            n_vectors = (min(column + panel, high) - column) // lanes(d_weight)
            transposed_product(at(d_weight, column), N, left, width, rows, at(d_sums, s * N + column), N, M, n_vectors,
                               min(CHUNK, S - s))  # fmt: skip


@njit(**OPTIONS)
def add_product(c, a, panels, n_k, parts, task):
    """C (S, n) += the first n_k columns of A (S, >= n_k) times packed B (n_k, n), n in whole vectors.

    One of so many parts of the rows.
    """
    (S, n), width = c.shape, a.shape[1]
    first, end = S * task // parts, S * (task + 1) // parts
    product(at(c, first * n), n, at(a, first * width), width, at(panels, 0), end - first, n // lanes(c), n_k)


@njit(**OPTIONS)
def fold(out, n_groups, group, sums, start, stride):
    """out (n_groups * group,) += the places' sums (places, .), of which group k begins at start + k stride."""
    for k in range(n_groups):
        target, source = k * group, start + k * stride
        for j in range(0, group, lanes(out)):
            n = group - j
            total = load_some(sums, source + j, n)
            for place in range(1, sums.shape[0]):
                total = total + load_some(sums, place * sums.shape[1] + source + j, n)
            store_some(out, target + j, load_some(out, target + j, n) + total, n)
