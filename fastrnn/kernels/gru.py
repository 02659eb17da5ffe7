"""The gated recurrent unit, in PyTorch's form (the reset gate after the product).

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)        n = tanh(W_in x + b_in + r * (W_hn h + b_hn))
    z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)        h' = (1 - z) * n + z * h

Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", arXiv:1406.1078; the form with the
product first is that of its version 1 and of cuDNN.  `gru_reset_before.py` has the other one.

Arrays of one direction, for B sequences packed into S rows (`fastrnn.sequences.Packing`):
    h      (B + S, H)     the B initial states, then the state after each row
    gates  (S, 4 P)       n, r, z and m = W_hn h + b_hn of each row (P is H padded to whole vectors); backward
                          leaves the gradients before the nonlinearities there, that of m in the last place
    x      (S, I)
    panels                for each vector of units: bias (n, r, z, m), W_ih^T (n, r, z), W_hh^T (r, z, m)
    starts, counts (T,)   for each step the packed row of its first sequence, and how many sequences are alive
"""

import numpy as np
from numba import njit, prange

from fastrnn.kernels.activations import sigmoid, tanh
from fastrnn.kernels.tiles import (
    SECOND_LEVEL,
    gate_tile,
    hoisted_rows,
    next_chunk,
    next_run,
    pack_gates,
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

ORDER_BIAS = np.arange(4)
ORDER_IH = np.array([2, 0, 1])  # PyTorch's r, z, n as n, r, z
ORDER_HH = np.arange(3)
_tile = gate_tile(4, range(0, 3), range(1, 4))


@njit(**OPTIONS)
def pack(panels, bias, weight_ih, weight_hh):
    """panels (blocks of units, lanes (4 + 3 I + 3 H)) from the weights.

    bias is (4H,: n, r, z, m); weight_ih (I, 3H) and weight_hh (H, 3H) are transposed.
    """
    I, H = weight_ih.shape[0], weight_hh.shape[0]
    L = lanes(panels)
    pack_gates(panels, 0, bias.reshape(1, 4 * H), H, ORDER_BIAS)
    pack_gates(panels, 4 * L, weight_ih, H, ORDER_IH)
    pack_gates(panels, (4 + 3 * I) * L, weight_hh, H, ORDER_HH)


@njit(**OPTIONS)
def _gates(rows, sums, start, start_stride, x, x_stride, n_x, w_x, h, h_stride, n_h, w_h, ahead):
    """A function of its own, so that the tiles are compiled once."""
    _tile(rows, sums, start, start_stride, x, x_stride, n_x, w_x, h, h_stride, n_h, w_h, ahead)


@njit(**OPTIONS)
def _hoist(before, x, panels, starts, counts, t, stop):
    """before (blocks, rows, 4 lanes) = bias + W_ih x of the rows of steps t to stop."""
    I, L = x.shape[1], lanes(x)
    blocks, size = panels.shape
    first = 0
    nothing = np.intp(0)  # not a literal, for which the tiles would be compiled again
    while t < stop:
        row = starts[t]
        n, t = next_run(starts, counts, t, stop)
        rows_a_tile = tile_rows(n)
        for p in range(blocks):
            bias, w_x = at(panels, p * size), at(panels, p * size + 4 * L)
            for r in range(0, n, rows_a_tile):
                rows = min(rows_a_tile, n - r)
                x_r, out = (
                    at(x, (row + r) * I),
                    at(before, (p * before.shape[1] + first + r) * 4 * L),
                )
                _gates(rows, out, bias, nothing, x_r, I, I, w_x, x_r, nothing, nothing, w_x, w_x)
        first += n


@njit(**OPTIONS)
def forward(h, gates, x, panels, starts, counts, first, keep):
    """Run one shard, whose first sequence is the batch's number `first`."""
    H, I = h.shape[1], x.shape[1]
    B, L = h.shape[0] - x.shape[0], lanes(h)
    blocks, size = panels.shape
    P = blocks * L
    sums = scratch(h)
    streamed = panels.size * h.itemsize > SECOND_LEVEL
    room = hoisted_rows(counts[0], counts.size, 4 * P * h.itemsize)
    before = np.empty((0, 0, 0), h.dtype)
    t, stop, hoisted, hoisted_row = np.intp(0), 0, False, 0
    while t < counts.size and counts[t] > 0:
        if t == stop:
            stop, hoisted = next_chunk(counts, t, streamed, room)
            hoisted_row = 0
            if hoisted:
                if before.size == 0:
                    before = np.empty((blocks, room, 4 * L), h.dtype)
                _hoist(before, x, panels, starts, counts, t, stop)
        count, row = counts[t], starts[t]
        rows_a_tile = tile_rows(count)
        now, old = B + row, B + starts[t - 1] if t > 0 else first
        for p in range(blocks):
            w_x, w_h = at(panels, p * size + 4 * L), at(panels, p * size + (4 + 3 * I) * L)
            unit = p * L
            for k in range(0, count, rows_a_tile):
                rows = min(rows_a_tile, count - k)
                ahead = w_h
                if streamed:  # the tiles of this block fetch the next one's panel
                    ahead = at(
                        panels, ((p + 1) % blocks + 1) * size - (k // rows_a_tile + 1) * H * L
                    )
                x_k, h_k = at(x, (row + k) * I), at(h, (old + k) * H)
                start, start_stride, n_x = at(panels, p * size), 0, I
                if hoisted:
                    start = at(before, (p * before.shape[1] + hoisted_row + k) * 4 * L)
                    start_stride, n_x = 4 * L, 0
                _gates(rows, sums, start, start_stride, x_k, I, n_x, w_x, h_k, H, H, w_h, ahead)
                for q in range(rows):
                    r = sigmoid(load(sums, q * 4 * L + L))
                    z = sigmoid(load(sums, q * 4 * L + 2 * L))
                    m = load(sums, q * 4 * L + 3 * L)
                    n = tanh(load(sums, q * 4 * L) + r * m)
                    h_old = load_some(h, (old + k + q) * H + unit, H - unit)
                    store_some(h, (now + k + q) * H + unit, n + z * (h_old - n), H - unit)
                    if keep:
                        kept = (row + k + q) * 4 * P + unit
                        store(gates, kept, n)
                        store(gates, kept + P, r)
                        store(gates, kept + 2 * P, z)
                        store(gates, kept + 3 * P, m)
        hoisted_row += count
        t += 1


@njit(**PARALLEL_OPTIONS)
def forward_shards(h, gates, x, panels, starts, counts, firsts, keep):
    """All directions (the arrays' first axis) and shards."""
    n_shards = firsts.size
    for task in prange(h.shape[0] * n_shards):
        d, s = task // n_shards, task % n_shards
        forward(h[d], gates[d], x[d], panels[d], starts[s], counts[s], firsts[s], keep)


@njit(**OPTIONS)
def backward(d_x, d_h, gates, d_out, h, hh_panels, ih_panels, starts, counts, first, bptt_steps):
    """One shard, last step first: turns gates into their gradients, d_h (B, P) from the final into the initial states'.

    d_out (S, >= H) is the gradient of each row's h; d_x (S, I padded), zero before, is filled unless it has no columns.
    hh_panels are W_hh (3P: r, z, n; H) and ih_panels W_ih (3P: n, r, z; I), packed for `product`; a gradient
    stops at each multiple of `bptt_steps` steps, 0 for none.
    """
    P = gates.shape[1] // 4
    B, H = d_h.shape[0], h.shape[1]
    L = lanes(h)
    width = d_out.shape[1]
    I = d_x.shape[1]
    for t in range(starts.size - 1, -1, -1):
        count, row = counts[t], starts[t]
        if count == 0:
            continue
        before = B + starts[t - 1] if t > 0 else first
        for q in range(count):
            for unit in range(0, H, L):
                kept = (row + q) * 4 * P + unit
                state = (first + q) * P + unit
                n, r = load(gates, kept), load(gates, kept + P)
                z, m = load(gates, kept + 2 * P), load(gates, kept + 3 * P)
                h_old = load_some(h, (before + q) * H + unit, H - unit)
                dh = load(d_h, state) + load_some(d_out, (row + q) * width + unit, H - unit)
                dn = dh * (1.0 - z) * (1.0 - n * n)
                store(gates, kept, dn)
                store(gates, kept + P, dn * m * r * (1.0 - r))
                store(gates, kept + 2 * P, dh * (h_old - n) * z * (1.0 - z))
                store(gates, kept + 3 * P, dn * r)
                store(d_h, state, dh * z)
        if bptt_steps > 0 and t > 0 and t % bptt_steps == 0:
            d_h[first : first + count] = 0.0
        else:
            product(
                d_h, first * P, P, gates, row * 4 * P + P, 4 * P, hh_panels, count, P // L, 3 * P
            )
        if I > 0:
            product(d_x, row * I, I, gates, row * 4 * P, 4 * P, ih_panels, count, I // L, 3 * P)


@njit(**PARALLEL_OPTIONS)
def backward_shards(
    d_x, d_h, gates, d_out, h, hh_panels, ih_panels, starts, counts, firsts, bptt_steps
):
    """All directions (the arrays' first axis) and shards."""
    n_shards = firsts.size
    for task in prange(d_h.shape[0] * n_shards):
        d, s = task // n_shards, task % n_shards
        backward(
            d_x[d], d_h[d], gates[d], d_out[d], h[d], hh_panels[d], ih_panels[d],
            starts[s], counts[s], firsts[s], bptt_steps,
        )  # fmt: skip
