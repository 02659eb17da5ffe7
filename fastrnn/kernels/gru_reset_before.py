"""The gated recurrent unit of Cho et al. 2014 (arXiv:1406.1078), the reset gate before the product.

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)        n = tanh(W_in x + b_in + W_hn (r * h) + b_hn)
    z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)        h' = (1 - z) * n + z * h

All units need r * h before any has its n, so a step is two products; `gru.py` needs one.

Arrays lead with an axis of D directions.  Of one, for B sequences packed into S rows (`fastrnn.kernels.packing`):
    h       (B + S, H)    the B initial states, then the state after each row
    gates   (S, 3 P)      n, r, z of each row if kept, else (B, 3 P); P is H padded to whole vectors.  Backward
                          leaves the gradients before the nonlinearities there
    reset   (S, P)        r * h of each row if kept, else (B, P)
    x       (S, I)
    panels                for each vector of units: bias, W_ih^T, W_hh^T of r and z; then bias, W_ih^T, W_hh^T of n
    starts, counts (T,)   for each step the packed row of its first sequence, and how many sequences are alive
"""

import numpy as np

from fastrnn.kernels.activations import sigmoid, tanh
from fastrnn.kernels.caching import njit
from fastrnn.kernels.steps import is_cut, row_before
from fastrnn.kernels.tiles import gate_tile, pack_bias, pack_gates, product, scratch, tile_rows
from fastrnn.kernels.vectors import OPTIONS, at, lanes, load, load_some, store, store_some

ORDER_RZ, ORDER_N = np.arange(2), np.array([2])
FACTORS = np.ones(2)
ORDER_IH = np.array([2, 0, 1])  # PyTorch's r, z, n as n, r, z
_tile_rz, _tile_n = gate_tile((2,)), gate_tile((1,))


@njit(**OPTIONS)
def pack(panels, bias_ih, bias_hh, weight_ih, weight_hh):
    """One direction's panels (blocks of units, 3 lanes (1 + I + H)) from its weights.

    Biases are (3H,); weight_ih (I, 3H) and weight_hh (H, 3H) are transposed.
    """
    I, H, L = weight_ih.shape[0], weight_hh.shape[0], lanes(panels)
    base = 2 * (1 + I + H) * L
    pack_bias(panels, np.intp(0), bias_ih, np.intp(0), bias_hh, H, 1.0)
    pack_bias(panels, L, bias_ih, H, bias_hh, H, 1.0)
    pack_gates(panels, 2 * L, weight_ih, H, ORDER_RZ, FACTORS)
    pack_gates(panels, 2 * (1 + I) * L, weight_hh, H, ORDER_RZ, FACTORS)
    pack_bias(panels, base, bias_ih, 2 * H, bias_hh, H, 1.0)
    pack_gates(panels, base + L, weight_ih, H, ORDER_N, FACTORS)
    pack_gates(panels, base + (1 + I) * L, weight_hh, H, ORDER_N, FACTORS)


@njit(**OPTIONS)
def forward(h, gates, reset, x, panels, starts, counts, keep, d):
    """Run direction d."""
    h, gates, reset, x, panels = h[d], gates[d], reset[d], x[d], panels[d]
    H, I, L = h.shape[1], x.shape[1], lanes(h)
    B = h.shape[0] - x.shape[0]
    n_panels, size = panels.shape
    P, of_n = n_panels * L, 2 * (1 + I + H) * L
    sums = scratch(h)
    for t in range(counts.size):
        n, row = counts[t], starts[t]
        rows_a_tile = tile_rows(n)
        now, before = B + row, row_before(starts, t, B)
        slot = row if keep else 0
        for p in range(n_panels):
            unit, panel = p * L, p * size
            bias, w_x, w_h = (at(panels, panel), at(panels, panel + 2 * L), at(panels, panel + 2 * (1 + I) * L))
            for r0 in range(0, n, rows_a_tile):
                rows = min(rows_a_tile, n - r0)
                x_r, h_r = at(x, (row + r0) * I), at(h, (before + r0) * H)
                _tile_rz(2, rows, sums, bias, 0, x_r, I, I, w_x, h_r, H, H, w_h)
                for q in range(rows):
                    r = sigmoid(load(sums, q * 2 * L))
                    z = sigmoid(load(sums, q * 2 * L + L))
                    h_old = load_some(h, (before + r0 + q) * H + unit, H - unit)
                    kept = (slot + r0 + q) * 3 * P + unit
                    store(gates, kept + P, r)
                    store(gates, kept + 2 * P, z)
                    store(reset, (slot + r0 + q) * P + unit, r * h_old)
        for p in range(n_panels):
            unit, panel = p * L, p * size + of_n
            bias, w_x, w_h = (at(panels, panel), at(panels, panel + L), at(panels, panel + (1 + I) * L))
            for r0 in range(0, n, rows_a_tile):
                rows = min(rows_a_tile, n - r0)
                x_r, reset_r = at(x, (row + r0) * I), at(reset, (slot + r0) * P)
                _tile_n(1, rows, sums, bias, 0, x_r, I, I, w_x, reset_r, P, H, w_h)
                for q in range(rows):
                    kept = (slot + r0 + q) * 3 * P + unit
                    n_new = tanh(load(sums, q * L))
                    z = load(gates, kept + 2 * P)
                    h_old = load_some(h, (before + r0 + q) * H + unit, H - unit)
                    store_some(h, (now + r0 + q) * H + unit, n_new + z * (h_old - n_new), H - unit)
                    store(gates, kept, n_new)


@njit(**OPTIONS)
def backward(d_h, d_reset, gates, d_out, h, hh_panels, starts, counts, bptt_steps, d):
    """Direction d, last step first.

    Turns gates into their gradients, and d_h (D, B, P) from the final into the initial states' gradient.
    d_out (D, S, >= H) is the gradient of each row's h; d_reset (D, B, P) is scratch.  hh_panels are W_hn (P, H) and
    then W_hr, W_hz (2P, H), packed for `product`; a gradient stops at each multiple of `bptt_steps` steps, 0 for none.
    """
    d_h, d_reset, gates, d_out, h, hh_panels = d_h[d], d_reset[d], gates[d], d_out[d], h[d], hh_panels[d]
    (B, P), H, L = d_h.shape, h.shape[1], lanes(h)
    width = d_out.shape[1]
    hn_panels, rz_panels = hh_panels[: P * P], hh_panels[P * P :]
    for t in range(counts.size - 1, -1, -1):
        count, row = counts[t], starts[t]
        before = row_before(starts, t, B)
        gate_row = row * 3 * P
        for q in range(count):
            for unit in range(0, H, L):
                kept = gate_row + q * 3 * P + unit
                state = q * P + unit
                n, z = load(gates, kept), load(gates, kept + 2 * P)
                h_old = load_some(h, (before + q) * H + unit, H - unit)
                dh = load(d_h, state) + load_some(d_out, (row + q) * width + unit, H - unit)
                store(gates, kept, dh * (1.0 - z) * (1.0 - n * n))
                store(gates, kept + 2 * P, dh * (h_old - n) * z * (1.0 - z))
                store(d_h, state, dh * z)
        d_reset[:count] = 0.0
        product(at(d_reset, 0), P, at(gates, gate_row), 3 * P, at(hn_panels, 0), count, P // L, P)
        for q in range(count):
            for unit in range(0, H, L):
                kept = gate_row + q * 3 * P + unit
                state = q * P + unit
                r = load(gates, kept + P)
                h_old = load_some(h, (before + q) * H + unit, H - unit)
                d_rh = load(d_reset, state)
                store(gates, kept + P, d_rh * h_old * r * (1.0 - r))
                store(d_h, state, load(d_h, state) + d_rh * r)
        if is_cut(t, bptt_steps):
            d_h[:count] = 0.0
        else:
            product(at(d_h, 0), P, at(gates, gate_row + P), 3 * P, at(rz_panels, 0), count, P // L, 2 * P)
