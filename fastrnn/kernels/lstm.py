"""The LSTM: Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000.

    i = sigmoid(W_ii x + b_ii + W_hi h + b_hi)        c' = f * c + i * g
    f = sigmoid(W_if x + b_if + W_hf h + b_hf)        h' = o * tanh(c')
    g = tanh   (W_ig x + b_ig + W_hg h + b_hg)
    o = sigmoid(W_io x + b_io + W_ho h + b_ho)

Arrays of D directions, for B sequences packed into S rows (`fastrnn.sequences.Packing`):
    h      (D, B + S, H)     the B initial states, then the state after each row
    c      (D, B + S, P)     likewise if kept for backward, else (D, B, P), in place; P is H padded to whole vectors
    gates  (D, S, 4 P)       i, f, g, o of each row; backward leaves their gradients (before the nonlinearity) there
    x      (D, S, I)
    panels (D, P / lanes, .) for each vector of units: bias, W_ih^T and W_hh^T with the four gates side by side,
                             those of i, f and o halved: sigmoid(a) = (1 + tanh(a / 2)) / 2, so one tanh serves all
    starts, counts (shards, T)  for each step the packed row of its first sequence, and how many sequences are alive
    firsts (shards,)         the first sequence of each shard
A task is one direction of one shard.
"""

import numpy as np
from numba import njit

from fastrnn.kernels.activations import tanh
from fastrnn.kernels.steps import HOISTED_STEPS, SECOND_LEVEL, hoist, hoisted_rows, is_cut, next_chunk, row_before
from fastrnn.kernels.tiles import MAX_WIDTH, gate_tile, pack_gates, product, scratch, tile_rows
from fastrnn.kernels.vectors import (
    CACHE_LINE,
    OPTIONS,
    aligned_start,
    at,
    lanes,
    load,
    load_some,
    load_wide,
    split,
    store,
    store_some,
    zeros,
)

GATES = np.intp(4)  # no literal, for which the products would be compiled again
ORDER = np.arange(4)
FACTORS = np.array([0.5, 0.5, 1.0, 0.5])
_tile = gate_tile(4, range(4), range(4))


@njit(**OPTIONS)
def pack(panels, bias, weight_ih, weight_hh):
    """One direction's panels (blocks of units, 4 lanes (1 + I + H)) from its weights.

    bias is (4H,); weight_ih (I, 4H) and weight_hh (H, 4H) are transposed.
    """
    I, H = weight_ih.shape[0], weight_hh.shape[0]
    row = GATES * lanes(panels)
    pack_gates(panels, np.intp(0), bias.reshape(1, GATES * H), H, ORDER, FACTORS)
    pack_gates(panels, row, weight_ih, H, ORDER, FACTORS)
    pack_gates(panels, (1 + I) * row, weight_hh, H, ORDER, FACTORS)


@njit(**OPTIONS)
def _units(h, c, gates, x, panel, start, is_hoisted, sizes, old, row, first, n, unit, keep):
    """One vector of units, from number `unit` on, in n rows; at `start` is the bias or what `hoist` made of it.

    h, c, gates and x point to the first row of a direction; `old`, `row` and `first` count rows from there.
    `sizes` are B, I, H and P.
    """
    B, I, H, P = sizes
    L, n_units = lanes(h), H - unit
    start_stride, n_x = (4 * L, 0) if is_hoisted else (0, I)
    h_old, x = at(h, old * H), at(x, row * I)
    h, gates = at(h, (B + row) * H + unit), at(gates, row * 4 * P + unit)
    c_old = at(c, (old if keep else first) * P + unit)
    c = at(c, (B + row if keep else first) * P + unit)
    w_x, w_h = at(panel, 4 * L), at(panel, (1 + I) * 4 * L)
    sums = scratch(h)
    ahead = at(w_h, (1 + I + H) * 4 * L)  # the weights of the next block
    rows_a_tile = tile_rows(n)
    r = 0
    while r < n:
        rows = min(rows_a_tile, n - r)
        begin = at(start, r * start_stride)
        x_r, h_r = at(x, r * I), at(h_old, r * H)
        _tile(rows, sums, begin, start_stride, x_r, I, n_x, w_x, h_r, H, H, w_h, ahead)
        for q in range(rows):
            t_i, t_f, g, t_o = split(tanh(load_wide(sums, q * 4 * L, 4)))
            i, f, o = t_i * 0.5 + 0.5, t_f * 0.5 + 0.5, t_o * 0.5 + 0.5
            store(c, (r + q) * P, f * load(c_old, (r + q) * P) + i * g)
            store(sums, q * 4 * L, o)
            if keep:
                kept = (r + q) * 4 * P
                store(gates, kept, i)
                store(gates, kept + P, f)
                store(gates, kept + 2 * P, g)
                store(gates, kept + 3 * P, o)
        for q in range(rows):  # apart, so that the CPU works on several rows at a time
            h_new = load(sums, q * 4 * L) * tanh(load(c, (r + q) * P))
            store_some(h, (r + q) * H, h_new, n_units)
        r += rows
        ahead = at(ahead, H * L)


@njit(**OPTIONS)
def forward(h, c, gates, x, panels, starts, counts, firsts, keep, task):
    """Run one direction of one shard."""
    d, s = task // firsts.size, task % firsts.size
    S, I = x.shape[1:]
    H, P, L = h.shape[2], c.shape[2], lanes(h)
    B, T = h.shape[1] - S, counts.shape[1]
    blocks, size = panels.shape[1:]
    h_d, c_d, gates_d = at(h, d * (B + S) * H), at(c, d * c.shape[1] * P), at(gates, d * S * 4 * P)
    x_d, panels_d = at(x, d * S * I), at(panels, d * blocks * size)
    streamed = blocks * size * h.itemsize > SECOND_LEVEL
    room = hoisted_rows(counts[s, 0], T, 4 * P * h.itemsize)
    hoisted = np.empty(0, h.dtype)
    t, stop, is_hoisted, hoisted_row, base = np.intp(0), 0, False, 0, 0
    while t < T and counts[s, t] > 0:
        if t == stop:
            stop, is_hoisted = next_chunk(counts, s, t, streamed, room)
            hoisted_row = 0
            if is_hoisted:
                if hoisted.size == 0:
                    hoisted = np.empty(blocks * room * 4 * L + CACHE_LINE, h.dtype)
                    base = aligned_start(hoisted)
                for p in range(blocks):
                    target = at(hoisted, base + p * room * 4 * L)
                    panel = at(panels_d, p * size)
                    hoist(target, GATES, GATES, x_d, I, panel, starts, counts, s, t, stop)
        n, row, first = counts[s, t], starts[s, t], firsts[s]
        old = row_before(starts, firsts, s, t, B)
        for p in range(blocks):
            panel = at(panels_d, p * size)
            start = panel
            if is_hoisted:
                start = at(hoisted, base + (p * room + hoisted_row) * 4 * L)
            _units(
                h_d, c_d, gates_d, x_d, panel, start, is_hoisted, (B, I, H, P), old, row, first, n,
                p * L, keep,
            )  # fmt: skip
        hoisted_row += n
        t += 1


@njit(**OPTIONS)
def forward_block(h, c, gates, x, panels, hoisted, starts, counts, firsts, keep, task, t):
    """Step t of one vector of units, number `task` of all directions', in all shards.

    Threads that share units read a part of the weights each.  hoisted (D P / lanes, B HOISTED_STEPS, 4 lanes) is
    filled here, at the first of each HOISTED_STEPS steps.
    """
    d, p = task // panels.shape[1], task % panels.shape[1]
    S, I = x.shape[1:]
    H, P, L = h.shape[2], c.shape[2], lanes(h)
    B = h.shape[1] - S
    h_d, c_d, gates_d = at(h, d * (B + S) * H), at(c, d * c.shape[1] * P), at(gates, d * S * 4 * P)
    x_d, panel = at(x, d * S * I), at(panels, task * panels.shape[2])
    for s in range(firsts.size):
        n, row, first = counts[s, t], starts[s, t], firsts[s]
        room = (task * B + first) * HOISTED_STEPS
        if t % HOISTED_STEPS == 0:
            stop = min(t + HOISTED_STEPS, counts.shape[1])
            target = at(hoisted, room * 4 * L)
            hoist(target, GATES, GATES, x_d, I, panel, starts, counts, s, t, stop)
        if n > 0:
            for k in range(t - t % HOISTED_STEPS, t):
                room += counts[s, k]
            old = row_before(starts, firsts, s, t, B)
            _units(
                h_d, c_d, gates_d, x_d, panel, at(hoisted, room * 4 * L), True, (B, I, H, P), old,
                row, first, n, p * L, keep,
            )  # fmt: skip


@njit(**OPTIONS)
def _gate_gradients(d_h, d_c, gates, d_out, c, c_old, n, low, high, H, P, width, cut):
    """The units low to high of n rows of one step; pointers to the first row.

    Turns gates into their gradients, and d_c into that of the step before; clears d_h, whose next value is a product.
    """
    L = lanes(c)
    zero = zeros(c)
    for q in range(n):
        for unit in range(low, high, L):
            at_unit, at_gate = q * P + unit, q * 4 * P + unit
            i, f = load(gates, at_gate), load(gates, at_gate + P)
            g, o = load(gates, at_gate + 2 * P), load(gates, at_gate + 3 * P)
            tanh_c = tanh(load(c, at_unit))
            dh = load(d_h, at_unit) + load_some(d_out, q * width + unit, H - unit)
            dc = load(d_c, at_unit) + dh * o * (1.0 - tanh_c * tanh_c)
            store(gates, at_gate, dc * g * i * (1.0 - i))
            store(gates, at_gate + P, dc * load(c_old, at_unit) * f * (1.0 - f))
            store(gates, at_gate + 2 * P, dc * i * (1.0 - g * g))
            store(gates, at_gate + 3 * P, dh * tanh_c * o * (1.0 - o))
            store(d_c, at_unit, zero if cut else dc * f)
            store(d_h, at_unit, zero)


@njit(**OPTIONS)
def backward(d_h, d_c, gates, d_out, c, hh_panels, starts, counts, firsts, H, bptt_steps, task):
    """One direction of one shard, last step first.

    Turns gates into their gradients, and d_h and d_c (D, B, P) from the final into the initial states' gradients.
    d_out (D, S, >= H) is the gradient of each row's h; hh_panels (D, .) are W_hh (4P, H), packed for `product`; a
    gradient stops at each multiple of `bptt_steps` steps, 0 for none.
    """
    d, s = task // firsts.size, task % firsts.size
    S, width = d_out.shape[1:]
    B, P = d_h.shape[1:]
    first = (d * B + firsts[s]) * P
    d_h, d_c, w_hh = at(d_h, first), at(d_c, first), at(hh_panels, d * hh_panels.shape[1])
    c, gates, d_out = at(c, d * (B + S) * P), at(gates, d * S * 4 * P), at(d_out, d * S * width)
    for t in range(counts.shape[1] - 1, -1, -1):
        n, row = counts[s, t], starts[s, t]
        if n > 0:
            old = row_before(starts, firsts, s, t, B)
            cut = is_cut(t, bptt_steps)
            d_gates = at(gates, row * 4 * P)
            _gate_gradients(
                d_h, d_c, d_gates, at(d_out, row * width), at(c, (B + row) * P), at(c, old * P),
                n, 0, P, H, P, width, cut,
            )  # fmt: skip
            if not cut:
                product(d_h, P, d_gates, 4 * P, w_hh, n, P // lanes(c), 4 * P)


@njit(**OPTIONS)
def backward_block(d_h, d_c, gates, d_out, c, hh_panels, starts, counts, firsts, H, bptt_steps, task, step):
    """As `backward`, for all shards: one of T + 1 steps of the units of one panel, number `task` of all directions'.

    First the product with the last step's gradients, which are those of all units, then this step's.
    """
    S, width = d_out.shape[1:]
    B, P = d_h.shape[1:]
    T, L = counts.shape[1], lanes(c)
    panels = (P + MAX_WIDTH * L - 1) // (MAX_WIDTH * L)
    d, low = task // panels, task % panels * MAX_WIDTH * L
    high = min(low + MAX_WIDTH * L, P)
    t = T - 1 - step
    w_hh = at(hh_panels, d * hh_panels.shape[1] + 4 * P * low)
    c, gates, d_out = at(c, d * (B + S) * P), at(gates, d * S * 4 * P), at(d_out, d * S * width)
    for s in range(firsts.size):
        first = (d * B + firsts[s]) * P
        n = counts[s, t + 1] if step > 0 else 0
        if n > 0 and not is_cut(t + 1, bptt_steps):
            d_gates = at(gates, starts[s, t + 1] * 4 * P)
            product(at(d_h, first + low), P, d_gates, 4 * P, w_hh, n, (high - low) // L, 4 * P)
        if t >= 0 and counts[s, t] > 0:
            row = starts[s, t]
            old = row_before(starts, firsts, s, t, B)
            cut = is_cut(t, bptt_steps)
            _gate_gradients(
                at(d_h, first), at(d_c, first), at(gates, row * 4 * P), at(d_out, row * width),
                at(c, (B + row) * P), at(c, old * P), counts[s, t], low, high, H, P, width, cut,
            )  # fmt: skip
