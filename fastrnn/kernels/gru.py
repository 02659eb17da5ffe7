"""The gated recurrent unit, in PyTorch's form (the reset gate after the product).

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)        n = tanh(W_in x + b_in + r * (W_hn h + b_hn))
    z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)        h' = (1 - z) * n + z * h

Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", arXiv:1406.1078; the form with the
product first is that of its version 1 and of cuDNN.  `gru_reset_before.py` has the other one.

Arrays of D directions, for B sequences packed into S rows (`fastrnn.sequences.Packing`):
    h      (D, B + S, H)     the B initial states, then the state after each row
    gates  (D, S, 4 P)       n, r, z and m = W_hn h + b_hn of each row (P is H padded to whole vectors); backward
                             leaves the gradients before the nonlinearities there, that of m in the last place
    x      (D, S, I)
    panels (D, P / lanes, .) for each vector of units: bias (n, r, z, m), W_ih^T (n, r, z), W_hh^T (r, z, m), those of
                             r and z halved: sigmoid(a) = (1 + tanh(a / 2)) / 2
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

GATES, INPUT_GATES = np.intp(4), np.intp(3)  # no literals: products would be compiled again
ORDER_BIAS = np.arange(4)
ORDER_IH = np.array([2, 0, 1])  # PyTorch's r, z, n as n, r, z
ORDER_HH = np.arange(3)
FACTORS_BIAS, FACTORS_HH = np.array([1.0, 0.5, 0.5, 1.0]), np.array([0.5, 0.5, 1.0])
_tile = gate_tile(4, range(0, 3), range(1, 4))


@njit(**OPTIONS)
def pack(panels, bias, weight_ih, weight_hh):
    """One direction's panels (blocks of units, lanes (4 + 3 I + 3 H)) from its weights.

    bias is (4H,: n, r, z, m); weight_ih (I, 3H) and weight_hh (H, 3H) are transposed.
    """
    I, H = weight_ih.shape[0], weight_hh.shape[0]
    L = lanes(panels)
    pack_gates(panels, np.intp(0), bias.reshape(1, 4 * H), H, ORDER_BIAS, FACTORS_BIAS)
    pack_gates(panels, 4 * L, weight_ih, H, ORDER_IH, FACTORS_BIAS)
    pack_gates(panels, (4 + 3 * I) * L, weight_hh, H, ORDER_HH, FACTORS_HH)


@njit(**OPTIONS)
def _units(h, gates, x, panel, start, is_hoisted, sizes, old, row, n, unit, keep):
    """One vector of units, from number `unit` on, in n rows; at `start` is the bias or what `hoist` made of it.

    h, gates and x point to the first row of a direction; `old` and `row` count rows from there.
    `sizes` are B, I, H and P.
    """
    B, I, H, P = sizes
    L, n_units = lanes(h), H - unit
    start_stride, n_x = (4 * L, 0) if is_hoisted else (0, I)
    h_old, x = at(h, old * H), at(x, row * I)
    h, gates = at(h, (B + row) * H + unit), at(gates, row * 4 * P + unit)
    w_x, w_h = at(panel, 4 * L), at(panel, (4 + 3 * I) * L)
    sums = scratch(h)
    ahead = at(w_h, (4 + 3 * I + 3 * H) * L)  # the weights of the next block
    rows_a_tile = tile_rows(n)
    k = 0
    while k < n:
        rows = min(rows_a_tile, n - k)
        begin = at(start, k * start_stride)
        x_k, h_k = at(x, k * I), at(h_old, k * H)
        _tile(rows, sums, begin, start_stride, x_k, I, n_x, w_x, h_k, H, H, w_h, ahead)
        for q in range(rows):
            t_r, t_z = split(tanh(load_wide(sums, (4 * q + 1) * L, 2)))
            r, z, m = t_r * 0.5 + 0.5, t_z * 0.5 + 0.5, load(sums, (4 * q + 3) * L)
            store(sums, 4 * q * L, load(sums, 4 * q * L) + r * m)
            store(sums, (4 * q + 2) * L, z)
            if keep:
                kept = (k + q) * 4 * P
                store(gates, kept + P, r)
                store(gates, kept + 2 * P, z)
                store(gates, kept + 3 * P, m)
        for q in range(rows):  # apart, so that the CPU works on several rows at a time
            n_new, z = tanh(load(sums, 4 * q * L)), load(sums, (4 * q + 2) * L)
            before = load_some(h_k, q * H + unit, n_units)
            store_some(h, (k + q) * H, n_new + z * (before - n_new), n_units)
            if keep:
                store(gates, (k + q) * 4 * P, n_new)
        k += rows
        ahead = at(ahead, H * L)


@njit(**OPTIONS)
def forward(h, gates, x, panels, starts, counts, firsts, keep, task):
    """Run one direction of one shard."""
    d, s = task // firsts.size, task % firsts.size
    S, I = x.shape[1:]
    H, L = h.shape[2], lanes(h)
    B, T = h.shape[1] - S, counts.shape[1]
    blocks, size = panels.shape[1:]
    P = blocks * L
    h_d, gates_d = at(h, d * (B + S) * H), at(gates, d * S * 4 * P)
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
                    hoist(target, GATES, INPUT_GATES, x_d, I, panel, starts, counts, s, t, stop)
        n, row = counts[s, t], starts[s, t]
        old = row_before(starts, firsts, s, t, B)
        for p in range(blocks):
            panel = at(panels_d, p * size)
            start = panel
            if is_hoisted:
                start = at(hoisted, base + (p * room + hoisted_row) * 4 * L)
            _units(
                h_d, gates_d, x_d, panel, start, is_hoisted, (B, I, H, P), old, row, n, p * L,
                keep,
            )  # fmt: skip
        hoisted_row += n
        t += 1


@njit(**OPTIONS)
def forward_block(h, gates, x, panels, hoisted, starts, counts, firsts, keep, task, t):
    """Step t of one vector of units, number `task` of all directions', in all shards.

    Threads that share units read a part of the weights each.  hoisted (D P / lanes, B HOISTED_STEPS, 4 lanes) is
    filled here, at the first of each HOISTED_STEPS steps.
    """
    blocks, size = panels.shape[1:]
    d, p = task // blocks, task % blocks
    S, I = x.shape[1:]
    H, L = h.shape[2], lanes(h)
    B, P = h.shape[1] - S, blocks * L
    h_d, gates_d = at(h, d * (B + S) * H), at(gates, d * S * 4 * P)
    x_d, panel = at(x, d * S * I), at(panels, task * size)
    for s in range(firsts.size):
        n, row = counts[s, t], starts[s, t]
        room = (task * B + firsts[s]) * HOISTED_STEPS
        if t % HOISTED_STEPS == 0:
            stop = min(t + HOISTED_STEPS, counts.shape[1])
            target = at(hoisted, room * 4 * L)
            hoist(target, GATES, INPUT_GATES, x_d, I, panel, starts, counts, s, t, stop)
        if n > 0:
            for k in range(t - t % HOISTED_STEPS, t):
                room += counts[s, k]
            old = row_before(starts, firsts, s, t, B)
            _units(
                h_d, gates_d, x_d, panel, at(hoisted, room * 4 * L), True, (B, I, H, P), old, row, n,
                p * L, keep,
            )  # fmt: skip


@njit(**OPTIONS)
def _gate_gradients(d_h, gates, d_out, h_old, n_rows, low, high, H, P, width, cut):
    """The units low to high of one step's rows; pointers to the first row.

    Turns gates into their gradients, and d_h into that part of the gradient of the step before that is no product.
    """
    L = lanes(h_old)
    zero = zeros(h_old)
    for q in range(n_rows):
        for unit in range(low, high, L):
            at_unit, at_gate = q * P + unit, q * 4 * P + unit
            n, r = load(gates, at_gate), load(gates, at_gate + P)
            z, m = load(gates, at_gate + 2 * P), load(gates, at_gate + 3 * P)
            before = load_some(h_old, q * H + unit, H - unit)
            dh = load(d_h, at_unit) + load_some(d_out, q * width + unit, H - unit)
            dn = dh * (1.0 - z) * (1.0 - n * n)
            store(gates, at_gate, dn)
            store(gates, at_gate + P, dn * m * r * (1.0 - r))
            store(gates, at_gate + 2 * P, dh * (before - n) * z * (1.0 - z))
            store(gates, at_gate + 3 * P, dn * r)
            store(d_h, at_unit, zero if cut else dh * z)


@njit(**OPTIONS)
def backward(d_h, gates, d_out, h, hh_panels, starts, counts, firsts, bptt_steps, task):
    """One direction of one shard, last step first.

    Turns gates into their gradients, and d_h (D, B, P) from the final into the initial states' gradients.
    d_out (D, S, >= H) is the gradient of each row's h; hh_panels (D, .) are W_hh (3P: r, z, n; H), packed for
    `product`; a gradient stops at each multiple of `bptt_steps` steps, 0 for none.
    """
    d, s = task // firsts.size, task % firsts.size
    S, width = d_out.shape[1:]
    B, P = d_h.shape[1:]
    H, L = h.shape[2], lanes(h)
    d_h, w_hh = at(d_h, (d * B + firsts[s]) * P), at(hh_panels, d * hh_panels.shape[1])
    h, gates, d_out = at(h, d * (B + S) * H), at(gates, d * S * 4 * P), at(d_out, d * S * width)
    for t in range(counts.shape[1] - 1, -1, -1):
        n, row = counts[s, t], starts[s, t]
        if n > 0:
            old = row_before(starts, firsts, s, t, B)
            cut = is_cut(t, bptt_steps)
            d_gates, d_rzm = at(gates, row * 4 * P), at(gates, row * 4 * P + P)
            d_row, h_old = at(d_out, row * width), at(h, old * H)
            _gate_gradients(d_h, d_gates, d_row, h_old, n, 0, P, H, P, width, cut)
            if not cut:
                product(d_h, P, d_rzm, 4 * P, w_hh, n, P // L, 3 * P)


@njit(**OPTIONS)
def backward_block(d_h, gates, d_out, h, hh_panels, starts, counts, firsts, bptt_steps, task, step):
    """As `backward`, for all shards: one of T + 1 steps of the units of one panel, number `task` of all directions'.

    First the product with the last step's gradients, which are those of all units, then this step's.
    """
    S, width = d_out.shape[1:]
    B, P = d_h.shape[1:]
    H, T, L = h.shape[2], counts.shape[1], lanes(h)
    panels = (P + MAX_WIDTH * L - 1) // (MAX_WIDTH * L)
    d, low = task // panels, task % panels * MAX_WIDTH * L
    high = min(low + MAX_WIDTH * L, P)
    t = T - 1 - step
    w_hh = at(hh_panels, d * hh_panels.shape[1] + 3 * P * low)
    h, gates, d_out = at(h, d * (B + S) * H), at(gates, d * S * 4 * P), at(d_out, d * S * width)
    for s in range(firsts.size):
        first = (d * B + firsts[s]) * P
        n = counts[s, t + 1] if step > 0 else 0
        if n > 0 and not is_cut(t + 1, bptt_steps):
            d_rzm = at(gates, starts[s, t + 1] * 4 * P + P)
            product(at(d_h, first + low), P, d_rzm, 4 * P, w_hh, n, (high - low) // L, 3 * P)
        if t >= 0 and counts[s, t] > 0:
            row, old = starts[s, t], row_before(starts, firsts, s, t, B)
            cut = is_cut(t, bptt_steps)
            _gate_gradients(
                at(d_h, first), at(gates, row * 4 * P), at(d_out, row * width), at(h, old * H),
                counts[s, t], low, high, H, P, width, cut,
            )  # fmt: skip
