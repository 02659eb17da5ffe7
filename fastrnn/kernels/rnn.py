"""The plain recurrent network of Elman 1990.

    h' = f(W_ih x + b_ih + W_hh h + b_hh),    f tanh, relu or the sigmoid

Arrays of one direction, for B sequences packed into S rows (`fastrnn.sequences.Packing`):
    h        (B + S, H)   the B initial states, then the state after each row
    x        (S, I)
    d_gates  (S, P)       gradients before the nonlinearity; P is H padded to whole vectors
    panels                bias, W_ih^T and W_hh^T, packed for a tile (1 + I + H rows)
    starts, counts (T,)   for each step the packed row of its first sequence, and how many sequences are alive
"""

import numpy as np
from numba import njit, prange

from fastrnn.kernels.activations import activate, slope
from fastrnn.kernels.tiles import (
    SECOND_LEVEL,
    gate_tile,
    hoisted_rows,
    next_chunk,
    next_run,
    pack_panels,
    panel_width,
    product,
    scratch,
    tile_rows,
)
from fastrnn.kernels.vectors import (
    OPTIONS,
    PARALLEL_OPTIONS,
    at,
    lanes,
    load,
    load_some,
    store,
    store_some,
)

VERSION = 1

ORDER = np.arange(1)
_tile_4, _tile_2, _tile_1 = (gate_tile(n, range(n), range(n)) for n in (4, 2, 1))


@njit(**OPTIONS)
def pack(panels, bias, weight_ih, weight_hh):
    """panels (P (1 + I + H),) from bias (H,) and weight_ih (I, H), weight_hh (H, H), transposed."""
    I, H = weight_ih.shape[0], weight_hh.shape[0]
    depth = 1 + I + H
    pack_panels(panels, depth, 0, bias.reshape(1, H))
    pack_panels(panels, depth, 1, weight_ih)
    pack_panels(panels, depth, 1 + I, weight_hh)


@njit(**OPTIONS)
def _sums(
    width, rows, sums, start, start_stride, x, x_stride, n_x, w_x, h, h_stride, n_h, w_h, ahead
):
    """A tile of 4, 2 or 1 vectors; a function of its own, so that the tiles are compiled once."""
    if width == 4:
        _tile_4(
            rows, sums, start, start_stride, x, x_stride, n_x, w_x, h, h_stride, n_h, w_h, ahead
        )
    elif width == 2:
        _tile_2(
            rows, sums, start, start_stride, x, x_stride, n_x, w_x, h, h_stride, n_h, w_h, ahead
        )
    else:
        _tile_1(
            rows, sums, start, start_stride, x, x_stride, n_x, w_x, h, h_stride, n_h, w_h, ahead
        )


@njit(**OPTIONS)
def _hoist(before, x, panels, depth, starts, counts, t, stop):
    """before = bias + W_ih x of the rows of steps t to stop; of each panel (rows, width) after the other."""
    I, L = x.shape[1], lanes(x)
    n_vectors, room = panels.size // (depth * L), before.shape[0]
    first = 0
    nothing = np.intp(0)  # not a literal, for which the tiles would be compiled again
    while t < stop:
        row = starts[t]
        n, t = next_run(starts, counts, t, stop)
        rows_a_tile = tile_rows(n)
        v = 0
        while v < n_vectors:
            width = panel_width(n_vectors - v)
            bias, w_x = at(panels, depth * v * L), at(panels, (depth * v + width) * L)
            for r in range(0, n, rows_a_tile):
                rows = min(rows_a_tile, n - r)
                x_r, out = at(x, (row + r) * I), at(before, (room * v + (first + r) * width) * L)
                _sums(
                    width, rows, out, bias, nothing, x_r, I, I, w_x, x_r, nothing, nothing, w_x, w_x
                )
            v += width
        first += n


@njit(**OPTIONS)
def forward(h, x, panels, starts, counts, first, nonlinearity):
    """Run one shard, whose first sequence is the batch's number `first`."""
    H, I = h.shape[1], x.shape[1]
    B, L = h.shape[0] - x.shape[0], lanes(h)
    n_vectors, depth = (H + L - 1) // L, 1 + I + H
    sums = scratch(h)
    streamed = panels.size * h.itemsize > SECOND_LEVEL
    room = hoisted_rows(counts[0], counts.size, n_vectors * L * h.itemsize)
    before = np.empty((0, 0), h.dtype)
    t, stop, hoisted, hoisted_row = np.intp(0), 0, False, 0
    while t < counts.size and counts[t] > 0:
        if t == stop:
            stop, hoisted = next_chunk(counts, t, streamed, room)
            hoisted_row = 0
            if hoisted:
                if before.size == 0:
                    before = np.empty((room, n_vectors * L), h.dtype)
                _hoist(before, x, panels, depth, starts, counts, t, stop)
        n, row = counts[t], starts[t]
        rows_a_tile = tile_rows(n)
        now, old = B + row, B + starts[t - 1] if t > 0 else first
        v = 0
        while v < n_vectors:
            width = panel_width(n_vectors - v)
            panel, line = depth * v * L, width * L
            w_x, w_h = at(panels, panel + line), at(panels, panel + (1 + I) * line)
            following = (panel + depth * line) % panels.size
            for r in range(0, n, rows_a_tile):
                rows = min(rows_a_tile, n - r)
                ahead = w_h
                if streamed:  # the tiles of this panel fetch the next one
                    ahead = at(panels, following + ((1 + I) * width + r // rows_a_tile * H) * L)
                x_r, h_r = at(x, (row + r) * I), at(h, (old + r) * H)
                start, start_stride, n_x = at(panels, panel), 0, I
                if hoisted:
                    start, start_stride, n_x = (
                        at(before, (room * v + (hoisted_row + r) * width) * L),
                        line,
                        0,
                    )
                _sums(
                    width, rows, sums, start, start_stride, x_r, I, n_x, w_x, h_r, H, H, w_h, ahead
                )
                for q in range(rows):
                    for j in range(width):
                        unit = (v + j) * L
                        h_new = activate(nonlinearity, load(sums, q * line + j * L))
                        store_some(h, (now + r + q) * H + unit, h_new, H - unit)
            v += width
        hoisted_row += n
        t += 1


@njit(**PARALLEL_OPTIONS)
def forward_shards(h, x, panels, starts, counts, firsts, nonlinearity):
    """All directions (the arrays' first axis) and shards."""
    n_shards = firsts.size
    for task in prange(h.shape[0] * n_shards):
        d, s = task // n_shards, task % n_shards
        forward(h[d], x[d], panels[d], starts[s], counts[s], firsts[s], nonlinearity)


@njit(**OPTIONS)
def backward(
    d_x,
    d_h,
    d_gates,
    d_out,
    h,
    hh_panels,
    ih_panels,
    starts,
    counts,
    first,
    nonlinearity,
    bptt_steps,
):
    """One shard, last step first: fills d_gates, turns d_h (B, P) from the final into the initial states' gradient.

    d_out (S, >= H) is the gradient of each row's h; d_x (S, I padded), zero before, is filled unless it has no columns.
    hh_panels are W_hh (P, H) and ih_panels W_ih (P, I), packed for `product`; a gradient stops at each
    multiple of `bptt_steps` steps, 0 for none.
    """
    P = d_gates.shape[1]
    B, H = d_h.shape[0], h.shape[1]
    L = lanes(h)
    width = d_out.shape[1]
    I = d_x.shape[1]
    for t in range(starts.size - 1, -1, -1):
        n, row = counts[t], starts[t]
        if n == 0:
            continue
        now = B + row
        for q in range(n):
            for unit in range(0, H, L):
                y = load_some(h, (now + q) * H + unit, H - unit)
                dh = load(d_h, (first + q) * P + unit) + load_some(
                    d_out, (row + q) * width + unit, H - unit
                )
                store(d_gates, (row + q) * P + unit, dh * slope(nonlinearity, y))
        d_h[first : first + n] = 0.0
        if bptt_steps == 0 or t == 0 or t % bptt_steps > 0:
            product(d_h, first * P, P, d_gates, row * P, P, hh_panels, n, P // L, P)
        if I > 0:
            product(d_x, row * I, I, d_gates, row * P, P, ih_panels, n, I // L, P)


@njit(**PARALLEL_OPTIONS)
def backward_shards(
    d_x,
    d_h,
    d_gates,
    d_out,
    h,
    hh_panels,
    ih_panels,
    starts,
    counts,
    firsts,
    nonlinearity,
    bptt_steps,
):
    """All directions (the arrays' first axis) and shards."""
    n_shards = firsts.size
    for task in prange(d_h.shape[0] * n_shards):
        d, s = task // n_shards, task % n_shards
        backward(
            d_x[d], d_h[d], d_gates[d], d_out[d], h[d], hh_panels[d], ih_panels[d],
            starts[s], counts[s], firsts[s], nonlinearity, bptt_steps,
        )  # fmt: skip
