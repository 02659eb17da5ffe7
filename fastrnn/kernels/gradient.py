"""The gradient of weights: products of what went into a layer with the gradients of its gates.

For packed rows s, d_weight += sum over s of input(s) d_gates(s)^T.  Rows are added in their order, whatever the
number of threads: threads share out the columns, never the rows.
"""

import numpy as np
from numba import njit, prange

from fastrnn.kernels.tiles import MAX_WIDTH, transposed_product
from fastrnn.kernels.vectors import CACHE_LINE, OPTIONS, PARALLEL_OPTIONS, lanes, load, load_some, store

VERSION = 1

CHUNK = 96  # rows: that many of four vectors of d_gates, and a cache line of each row of input, fill 30 KiB


@njit(**OPTIONS)
def aligned_start(buffer):
    """The first index of a flat buffer that lies on a cache line."""
    return -buffer.ctypes.data % CACHE_LINE // buffer.itemsize


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
    for column in range(low, high, count):
        total = load(d_bias, column)
        panel, within = (column - low) // panel_columns, (column - low) % panel_columns
        target = p0 + panel * CHUNK * panel_columns + within
        for k in range(n):
            value = load(d_gates, (first + k) * width + column)
            store(panels, target + k * panel_columns, value)
            total = total + value
        store(d_bias, column, total)


@njit(**OPTIONS)
def add_outer(d_weight, first_column, buffer, left, stride, right, n, low, high):
    """d_weight (M, N), whose columns are d_gates' from `first_column`, += inputs^T times the panels of low to high."""
    M, N = d_weight.shape
    count = lanes(d_weight)
    panel_columns = MAX_WIDTH * count
    for column in range(low, high, panel_columns):
        start = max(column, first_column)
        stop = min(min(column + panel_columns, high), first_column + N)
        if start < stop:
            panel = right + (column - low) * CHUNK + start - column
            transposed_product(
                d_weight, start - first_column, N, buffer, left, stride, buffer, panel, panel_columns,
                M, (stop - start) // count, n,
            )  # fmt: skip


@njit(**OPTIONS)
def gradient(low, high, d_bias, d_ih, d_hh, hh_column, d_gates, x, h, rows, previous):
    """The columns low to high (whole vectors) of d_gates (S, width) of one direction.

    Adds to d_bias (width,), to d_ih (I, N) for the columns from 0 and to d_hh (H, N) for those from `hh_column`
    on; x (., I) is read at `rows` and h (., H) at `previous` (S,).
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
        add_outer(d_ih, 0, buffer, left, stride, right, n, low, high)
        gather_rows(buffer, left, stride, h, s, previous, n)
        add_outer(d_hh, hh_column, buffer, left, stride, right, n, low, high)


@njit(**PARALLEL_OPTIONS)
def gradient_windows(step, d_bias, d_ih, d_hh, hh_column, d_gates, x, h, rows, previous):
    """All directions (the arrays' first axis) and windows of `step` columns."""
    n = (d_gates.shape[2] + step - 1) // step
    for task in prange(d_gates.shape[0] * n):
        d, low = task // n, task % n * step
        gradient(
            low, low + step, d_bias[d], d_ih[d], d_hh[d], hh_column, d_gates[d], x[d], h[d], rows, previous
        )
