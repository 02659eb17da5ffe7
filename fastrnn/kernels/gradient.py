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
IN_ORDER = np.arange(CHUNK)


@njit(**OPTIONS)
def copy_columns(panels, p0, d_bias, d_gates, first, n, low, high):
    """Copy n rows of d_gates, columns low to high, to panels of MAX_WIDTH vectors; add the rows to d_bias."""
    width = d_gates.shape[1]
    count = lanes(d_gates)
    panel_columns = MAX_WIDTH * count
    for column in range(low, high, panel_columns):
        target, source = p0 + (column - low) * CHUNK, first * width + column
        if high - column >= panel_columns:
            total = load_wide(d_bias, column, MAX_WIDTH)
            for k in range(n):
                value = load_wide(d_gates, source + k * width, MAX_WIDTH)
                store(panels, target + k * panel_columns, value)
                total = total + value
            store(d_bias, column, total)
        else:
            for j in range(0, high - column, count):
                sum_of_one = load(d_bias, column + j)
                for k in range(n):
                    value_of_one = load(d_gates, source + k * width + j)
                    store(panels, target + k * panel_columns + j, value_of_one)
                    sum_of_one = sum_of_one + value_of_one
                store(d_bias, column + j, sum_of_one)


@njit(**OPTIONS)
def add_outer(d_weight, pieces, inputs, picked, buffer, right, n, low, high):
    """d_weight (M, N) += inputs^T times the panels of the columns low to high; of inputs (., M) n rows, those picked.

    Each of `pieces` (., 3) is a run of d_gates' columns, from and to, and d_weight's column where it goes.
    inputs and picked are pointers.
    """
    M, N = d_weight.shape
    count = lanes(d_weight)
    panel_columns = MAX_WIDTH * count
    for column in range(low, high, panel_columns):
        for piece in range(pieces.shape[0]):
            start = max(column, pieces[piece, 0])
            stop = min(min(column + panel_columns, high), pieces[piece, 1])
            if start < stop:
                panel = at(buffer, right + (column - low) * CHUNK + start - column)
                target = at(d_weight, start - pieces[piece, 0] + pieces[piece, 2])
                transposed_product(target, N, inputs, M, picked, panel, panel_columns, M, (stop - start) // count, n)


def scratch_size(width, count):
    """Elements that `gradient` works in, for d_gates (S, width) and vectors of `count` elements."""
    return CHUNK * -(-width // (MAX_WIDTH * count)) * MAX_WIDTH * count


@njit(**OPTIONS)
def gradient(d_bias, d_ih, d_hh, ih_pieces, hh_pieces, d_gates, x, h, previous, scratch, parts, task):
    """One of so many parts of the columns of d_gates (S, width).

    Adds to d_bias (width,), to d_ih (I, N) and to d_hh (H, N) as `ih_pieces` and `hh_pieces` say; x is (S, I),
    and h (., H) is read at `previous` (S,); there may be none of it, with H = 0.  scratch (parts, `scratch_size`) is
    overwritten.
    """
    I, H, width = x.shape[1], h.shape[1], d_gates.shape[1]
    panel = MAX_WIDTH * lanes(d_gates)
    panels = (width + panel - 1) // panel
    low, high = panels * task // parts * panel, min(panels * (task + 1) // parts * panel, width)
    right = task * scratch.shape[1]
    for s in range(0, d_gates.shape[0], CHUNK):
        n = min(CHUNK, d_gates.shape[0] - s)
        copy_columns(scratch, right, d_bias, d_gates, s, n, low, high)
        add_outer(d_ih, ih_pieces, at(x, s * I), at(IN_ORDER, 0), scratch, right, n, low, high)
        if H > 0:
            add_outer(d_hh, hh_pieces, at(h, 0), at(previous, s), scratch, right, n, low, high)


@njit(**OPTIONS)
def outer(d_weight, d_sums, inputs, picked, parts, task):
    """One of so many parts of the columns of d_sums (S, N): d_weight (M, N) += inputs^T d_sums, of no other gradients.

    inputs (., M) are read at `picked` (S,), or in their order if that is empty; d_sums where they are: to copy them
    pays where two weights share them.
    """
    (M, N), S = d_weight.shape, d_sums.shape[0]
    panel = MAX_WIDTH * lanes(d_weight)
    panels = (N + panel - 1) // panel
    low, high = panels * task // parts * panel, min(panels * (task + 1) // parts * panel, N)
    for s in range(0, S, CHUNK):
        left, rows = (at(inputs, 0), at(picked, s)) if picked.size else (at(inputs, s * M), at(IN_ORDER, 0))
        for column in range(low, high, panel):
            n_vectors = (min(column + panel, high) - column) // lanes(d_weight)
            transposed_product(at(d_weight, column), N, left, M, rows, at(d_sums, s * N + column), N, M, n_vectors,
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
