"""The gradient of weights: products of what went into a layer with the gradients of its gates.

For packed rows s, d_weight += sum over s of input(s) d_gates(s)^T.  Rows are added in their order, whatever the
number of threads: threads share out the columns, never the rows.
"""

import numpy as np
from numba import njit, prange

from fastrnn.kernels.tiles import MAX_WIDTH, transposed_product
from fastrnn.kernels.vectors import OPTIONS, PARALLEL_OPTIONS, aligned_start, lanes, load, load_some, store

VERSION = 1

CHUNK = 64  # rows: that many of four vectors of d_gates, and a cache line of each row of input, fill 30 KiB


@njit(**OPTIONS)
def gather_rows(out, out0, stride, a, first, picked, n):
    """Copy n rows of a, those `picked` from index `first`, to rows of `stride` elements."""
    M = a.shape[1]
    count = lanes(a)
    for k in range(n):
        source, target = picked[first + k] * M, out0 + k * stride
        for m in range(0, M, count):
            store(out, target + m, load_some(a, source + m, M - m))


@njit(**OPTIONS)
def copy_columns(panels, p0, d_bias, d_gates, first, n, low, high):
    """Copy n rows of d_gates, columns low to high, to panels of MAX_WIDTH vectors; add the rows to d_bias."""
    width = d_gates.shape[1]
    count = lanes(d_gates)
    panel_columns = MAX_WIDTH * count
    for k in range(n):
        for column in range(low, high, count):
            panel, within = (column - low) // panel_columns, (column - low) % panel_columns
            value = load(d_gates, (first + k) * width + column)
            store(panels, p0 + (panel * CHUNK + k) * panel_columns + within, value)
            store(d_bias, column, load(d_bias, column) + value)


@njit(**OPTIONS)
def add_outer(d_weight, pieces, buffer, left, stride, right, n, low, high):
    """d_weight (M, N) += inputs^T times the panels of the columns low to high.

    Each of `pieces` (., 3) is a run of d_gates' columns, from and to, and d_weight's column where it goes.
    """
    M, N = d_weight.shape
    count = lanes(d_weight)
    panel_columns = MAX_WIDTH * count
    for column in range(low, high, panel_columns):
        for piece in range(pieces.shape[0]):
            start = max(column, pieces[piece, 0])
            stop = min(min(column + panel_columns, high), pieces[piece, 1])
            if start < stop:
                panel = right + (column - low) * CHUNK + start - column
                target = start - pieces[piece, 0] + pieces[piece, 2]
                transposed_product(
                    d_weight, target, N, buffer, left, stride, buffer, panel, panel_columns,
                    M, (stop - start) // count, n,
                )  # fmt: skip


@njit(**OPTIONS)
def gradient(low, high, d_bias, d_ih, d_hh, ih_pieces, hh_pieces, d_gates, x, h, rows, previous):
    """The columns low to high (whole vectors) of d_gates (S, width).

    Adds to d_bias (width,), to d_ih (I, N) and to d_hh (H, N) as `ih_pieces` and `hh_pieces` say; x (., I) is read
    at `rows` and h (., H) at `previous` (S,).
    """
    I, H = x.shape[1], h.shape[1]
    count = lanes(d_gates)
    high = min(high, d_gates.shape[1])
    # Rows an odd number of cache lines apart spread over all sets of the cache.
    stride = (max(I, H) // count + 1) // 2 * 2 * count + count
    panels = (high - low + MAX_WIDTH * count - 1) // (MAX_WIDTH * count)
    buffer = np.empty(CHUNK * (panels * MAX_WIDTH * count + stride) + 2 * count, d_gates.dtype)
    left = aligned_start(buffer)
    right = left + CHUNK * stride
    for s in range(0, d_gates.shape[0], CHUNK):
        n = min(CHUNK, d_gates.shape[0] - s)
        copy_columns(buffer, right, d_bias, d_gates, s, n, low, high)
        gather_rows(buffer, left, stride, x, s, rows, n)
        add_outer(d_ih, ih_pieces, buffer, left, stride, right, n, low, high)
        gather_rows(buffer, left, stride, h, s, previous, n)
        add_outer(d_hh, hh_pieces, buffer, left, stride, right, n, low, high)


@njit(**PARALLEL_OPTIONS)
def gradient_windows(step, d_bias, d_ih, d_hh, ih_pieces, hh_pieces, d_gates, x, h, rows, previous):
    """All columns, in windows of `step`."""
    for window in prange((d_gates.shape[1] + step - 1) // step):
        low = window * step
        gradient(low, low + step, d_bias, d_ih, d_hh, ih_pieces, hh_pieces, d_gates, x, h, rows, previous)
