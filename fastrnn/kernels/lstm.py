"""The LSTM: Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000.

    i = sigmoid(W_ii x + b_ii + W_hi h + b_hi)        c' = f * c + i * g
    f = sigmoid(W_if x + b_if + W_hf h + b_hf)        h' = o * tanh(c')
    g = tanh   (W_ig x + b_ig + W_hg h + b_hg)
    o = sigmoid(W_io x + b_io + W_ho h + b_ho)

Arrays of one direction, for B sequences packed into S rows (`fastrnn.sequences.Packing`):
    h      (B + S, H)     the B initial states, then the state after each row
    c      (B + S, P)     likewise if kept for backward, else (B, P), in place; P is H padded to whole vectors
    gates  (S, 4 P)       i, f, g, o of each row; backward leaves their gradients (before the nonlinearity) there
    x      (S, I)
    panels                for each vector of units: bias, W_ih^T and W_hh^T with the four gates side by side
    starts, counts (T,)   for each step the packed row of its first sequence, and how many sequences are alive
"""

import numpy as np
from numba import njit, prange

from fastrnn.kernels.activations import sigmoid, tanh
from fastrnn.kernels.tiles import (
    HOISTED_STEPS,
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

GATES = 4
ORDER = np.arange(4)
_tile = gate_tile(4, range(4), range(4))


@njit(**OPTIONS)
def pack(panels, bias, weight_ih, weight_hh):
    """panels (blocks of units, 4 lanes (1 + I + H)) from the weights.

    bias is (4H,); weight_ih (I, 4H) and weight_hh (H, 4H) are transposed.
    """
    I, H = weight_ih.shape[0], weight_hh.shape[0]
    row = GATES * lanes(panels)
    pack_gates(panels, 0, bias.reshape(1, GATES * H), H, ORDER)
    pack_gates(panels, row, weight_ih, H, ORDER)
    pack_gates(panels, (1 + I) * row, weight_hh, H, ORDER)


@njit(**OPTIONS)
def _gates(rows, sums, start, start_stride, x, x_stride, n_x, w_x, h, h_stride, n_h, w_h, ahead):
    """A function of its own, so that the tiles are compiled once."""
    _tile(rows, sums, start, start_stride, x, x_stride, n_x, w_x, h, h_stride, n_h, w_h, ahead)


@njit(**OPTIONS)
def _hoist(before, first, x, panels, p, starts, counts, t, stop):
    """before (blocks, rows, 4 lanes) = bias + W_ih x of block p, for the rows of steps t to stop, from row `first`."""
    I, L = x.shape[1], lanes(x)
    size = panels.shape[1]
    bias, w_x = at(panels, p * size), at(panels, p * size + 4 * L)
    nothing = np.intp(0)  # not a literal, for which the tiles would be compiled again
    while t < stop and counts[t] > 0:
        row = starts[t]
        n, t = next_run(starts, counts, t, stop)
        rows_a_tile = tile_rows(n)
        for r in range(0, n, rows_a_tile):
            rows = min(rows_a_tile, n - r)
            x_r, out = at(x, (row + r) * I), at(before, (p * before.shape[1] + first + r) * 4 * L)
            _gates(rows, out, bias, nothing, x_r, I, I, w_x, x_r, nothing, nothing, w_x, w_x)
        first += n


@njit(**OPTIONS, inline="always")
def _block(
    h, c, gates, x, panels, before, hoisted_row, p, now, old, row, c_now, c_old, n, keep, streamed
):
    """Block p of the units of n rows of one step; from row `hoisted_row` of `before` on if that is not negative."""
    H, I, P = h.shape[1], x.shape[1], c.shape[1]
    L = lanes(h)
    blocks, size = panels.shape
    sums = scratch(h)
    unit = p * L
    bias, w_x, w_h = (
        at(panels, p * size),
        at(panels, p * size + 4 * L),
        at(panels, p * size + (1 + I) * 4 * L),
    )
    rows_a_tile = tile_rows(n)
    for r in range(0, n, rows_a_tile):
        rows = min(rows_a_tile, n - r)
        ahead = w_h
        if streamed:  # the tiles of this block fetch the next one's panel
            ahead = at(panels, ((p + 1) % blocks + 1) * size - (r // rows_a_tile + 1) * H * L)
        x_r, h_r = at(x, (row + r) * I), at(h, (old + r) * H)
        start, start_stride, n_x = bias, 0, I
        if hoisted_row >= 0:
            start, start_stride, n_x = (
                at(before, (p * before.shape[1] + hoisted_row + r) * 4 * L),
                4 * L,
                0,
            )
        _gates(rows, sums, start, start_stride, x_r, I, n_x, w_x, h_r, H, H, w_h, ahead)
        for q in range(rows):
            i = sigmoid(load(sums, q * 4 * L))
            f = sigmoid(load(sums, q * 4 * L + L))
            g = tanh(load(sums, q * 4 * L + 2 * L))
            o = sigmoid(load(sums, q * 4 * L + 3 * L))
            c_new = f * load(c, (c_old + r + q) * P + unit) + i * g
            store(c, (c_now + r + q) * P + unit, c_new)
            store_some(h, (now + r + q) * H + unit, o * tanh(c_new), H - unit)
            if keep:
                kept = (row + r + q) * 4 * P + unit
                store(gates, kept, i)
                store(gates, kept + P, f)
                store(gates, kept + 2 * P, g)
                store(gates, kept + 3 * P, o)


@njit(**OPTIONS)
def forward(h, c, gates, x, panels, starts, counts, first, keep):
    """Run one shard, whose first sequence is the batch's number `first`."""
    B, P, L = h.shape[0] - x.shape[0], c.shape[1], lanes(h)
    blocks = panels.shape[0]
    streamed = panels.size * h.itemsize > SECOND_LEVEL
    room = hoisted_rows(counts[0], counts.size, 4 * P * h.itemsize)
    before = np.empty((0, 0, 0), h.dtype)
    t, stop, hoisted, hoisted_row = np.intp(0), 0, False, 0
    while t < counts.size and counts[t] > 0:
        if t == stop:
            stop, hoisted = next_chunk(counts, t, streamed, room)
            hoisted_row = 0 if hoisted else -1
            if hoisted and before.size == 0:
                before = np.empty((blocks, room, 4 * L), h.dtype)
            for p in range(blocks if hoisted else 0):
                _hoist(before, 0, x, panels, p, starts, counts, t, stop)
        n, row = counts[t], starts[t]
        now, old = B + row, B + starts[t - 1] if t > 0 else first
        c_now, c_old = (now, old) if keep else (first, first)
        for p in range(blocks):
            _block(
                h,
                c,
                gates,
                x,
                panels,
                before,
                hoisted_row,
                p,
                now,
                old,
                row,
                c_now,
                c_old,
                n,
                keep,
                streamed,
            )
        hoisted_row += n if hoisted else 0
        t += 1


@njit(**PARALLEL_OPTIONS)
def forward_shards(h, c, gates, x, panels, starts, counts, firsts, keep):
    """All directions (the arrays' first axis) and shards, a task each."""
    n_shards = firsts.size
    for task in prange(h.shape[0] * n_shards):
        d, s = task // n_shards, task % n_shards
        forward(h[d], c[d], gates[d], x[d], panels[d], starts[s], counts[s], firsts[s], keep)


@njit(**OPTIONS)
def _shards_block(
    h, c, gates, x, panels, before, starts, counts, firsts, firsts_hoisted, p, t, t_hoisted, keep
):
    """Block p of step t in all shards; the input products of the steps since t_hoisted are hoisted."""
    B = h.shape[0] - x.shape[0]
    for s in range(firsts.size):
        n = counts[s, t]
        if n > 0:
            row, first = starts[s, t], firsts[s]
            now, old = B + row, B + starts[s, t - 1] if t > 0 else first
            c_now, c_old = (now, old) if keep else (first, first)
            hoisted_row = firsts_hoisted[s] + counts[s, t_hoisted:t].sum()
            _block(
                h,
                c,
                gates,
                x,
                panels,
                before,
                hoisted_row,
                p,
                now,
                old,
                row,
                c_now,
                c_old,
                n,
                keep,
                False,
            )


@njit(**PARALLEL_OPTIONS)
def forward_blocks(h, c, gates, x, panels, starts, counts, firsts, keep):
    """All directions and shards, a task a block of units and step: each thread reads a part of the weights only."""
    D, blocks, T = h.shape[0], panels.shape[1], counts.shape[1]
    firsts_hoisted = firsts * HOISTED_STEPS
    room = (h.shape[1] - x.shape[1]) * HOISTED_STEPS
    before = np.empty((D, blocks, room, 4 * lanes(h)), h.dtype)
    for t_hoisted in range(0, T, HOISTED_STEPS):
        stop = min(T, t_hoisted + HOISTED_STEPS)
        for task in prange(D * blocks):
            d, p = task // blocks, task % blocks
            for s in range(firsts.size):
                _hoist(
                    before[d],
                    firsts_hoisted[s],
                    x[d],
                    panels[d],
                    p,
                    starts[s],
                    counts[s],
                    t_hoisted,
                    stop,
                )
        for t in range(t_hoisted, stop):
            for task in prange(D * blocks):
                d, p = task // blocks, task % blocks
                _shards_block(
                    h[d], c[d], gates[d], x[d], panels[d], before[d], starts, counts, firsts,
                    firsts_hoisted, p, t, t_hoisted, keep,
                )  # fmt: skip


@njit(**OPTIONS)
def backward(
    d_x, d_h, d_c, gates, d_out, c, hh_panels, ih_panels, starts, counts, first, H, bptt_steps
):
    """One shard, last step first.

    Turns gates into their gradients, and d_h and d_c (B, P) from the final into the initial states' gradients.
    d_out (S, >= H) is the gradient of each row's h; d_x (S, I padded), zero before, is filled unless it has no columns.
    hh_panels are W_hh (4P, H) and ih_panels W_ih (4P, I), packed for `product`; a gradient stops at each
    multiple of `bptt_steps` steps, 0 for none.
    """
    P = c.shape[1]
    B = d_h.shape[0]
    L = lanes(c)
    width = d_out.shape[1]
    n_vectors = P // L
    for t in range(starts.size - 1, -1, -1):
        n, row = counts[t], starts[t]
        if n == 0:
            continue
        now = B + row
        before = B + starts[t - 1] if t > 0 else first
        for q in range(n):
            for unit in range(0, H, L):
                kept = (row + q) * 4 * P + unit
                state = (first + q) * P + unit
                i, f = load(gates, kept), load(gates, kept + P)
                g, o = load(gates, kept + 2 * P), load(gates, kept + 3 * P)
                tanh_c = tanh(load(c, (now + q) * P + unit))
                dh = load(d_h, state) + load_some(d_out, (row + q) * width + unit, H - unit)
                dc = load(d_c, state) + dh * o * (1.0 - tanh_c * tanh_c)
                store(gates, kept, dc * g * i * (1.0 - i))
                store(gates, kept + P, dc * load(c, (before + q) * P + unit) * f * (1.0 - f))
                store(gates, kept + 2 * P, dc * i * (1.0 - g * g))
                store(gates, kept + 3 * P, dh * tanh_c * o * (1.0 - o))
                store(d_c, state, dc * f)
        d_h[first : first + n] = 0.0
        if bptt_steps > 0 and t > 0 and t % bptt_steps == 0:
            d_c[first : first + n] = 0.0
        else:
            product(d_h, first * P, P, gates, row * 4 * P, 4 * P, hh_panels, n, n_vectors, 4 * P)
        if d_x.size > 0:
            I = d_x.shape[1]
            product(d_x, row * I, I, gates, row * 4 * P, 4 * P, ih_panels, n, I // L, 4 * P)


@njit(**PARALLEL_OPTIONS)
def backward_shards(
    d_x, d_h, d_c, gates, d_out, c, hh_panels, ih_panels, starts, counts, firsts, H, bptt_steps
):
    """All directions (the arrays' first axis) and shards."""
    n_shards = firsts.size
    for task in prange(d_h.shape[0] * n_shards):
        d, s = task // n_shards, task % n_shards
        backward(
            d_x[d], d_h[d], d_c[d], gates[d], d_out[d], c[d], hh_panels[d], ih_panels[d],
            starts[s], counts[s], firsts[s], H, bptt_steps,
        )  # fmt: skip
