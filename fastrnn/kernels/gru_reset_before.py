"""The gated recurrent unit of Cho et al. 2014 (arXiv:1406.1078), the reset gate before the product.

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)        n = tanh(W_in x + b_in + W_hn (r * h) + b_hn)
    z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)        h' = (1 - z) * n + z * h

All units need r * h before any has its n, so that a step is that of three plain layers; `gru.py` needs one.

Arrays lead with an axis of D directions.  Of one, for B sequences packed into S rows (`fastrnn.kernels.packing`):
    h       (B + S, H)    the B initial states, then the state after each row
    gates   (S, 3 P)      n, r, z of each row if kept, else (B, 3 P); P is H padded to whole vectors.  Backward
                          leaves the gradients before the nonlinearities there
    reset   (S, P)        r * h of each row if kept, else (B, P)
    x       (S, I)
    panels  (3, .)        for r, z and n: bias, W_ih^T and W_hh^T, as of `rnn.py`
    starts, counts (T,)   for each step the packed row of its first sequence, and how many sequences are alive
"""

import numpy as np

from fastrnn.kernels.activations import SIGMOID, TANH
from fastrnn.kernels.caching import njit
from fastrnn.kernels.rnn import layer
from fastrnn.kernels.steps import is_cut, row_before
from fastrnn.kernels.tiles import product
from fastrnn.kernels.vectors import OPTIONS, at, lanes, load, load_some, store, store_some

ORDER_RZ, ORDER_N = np.arange(2), np.array([2])
ORDER_IH = np.array([2, 0, 1])  # PyTorch's r, z, n as n, r, z


@njit(**OPTIONS)
def forward(h, gates, reset, x, panels, starts, counts, keep, d):
    """Run direction d."""
    h, gates, reset, x, panels = h[d], gates[d], reset[d], x[d], panels[d]
    H, I, P, L = h.shape[1], x.shape[1], reset.shape[1], lanes(h)
    B = h.shape[0] - x.shape[0]
    for t in range(counts.size):
        n, row, slot = counts[t], starts[t], starts[t] if keep else 0
        h_old, h_new = at(h, row_before(starts, t, B) * H), at(h, (B + row) * H)
        kept, rh = at(gates, slot * 3 * P), at(reset, slot * P)
        for gate in range(3):  # r, z, n
            out, is_n = at(kept, (gate + 1) % 3 * P), gate == 2
            state, stride, code = (rh, P, TANH) if is_n else (h_old, H, SIGMOID)
            panel = at(panels, gate * panels.shape[1])
            layer(out, 3 * P, state, stride, at(x, row * I), panel, n, I, H, P, code)
            for q in range(n):
                for unit in range(0, H, L):
                    value, before = load(out, q * 3 * P + unit), load_some(h_old, q * H + unit, H - unit)
                    if gate == 0:
                        store(rh, q * P + unit, value * before)
                    elif is_n:
                        z = load(kept, (q * 3 + 2) * P + unit)
                        store_some(h_new, q * H + unit, value + z * (before - value), H - unit)


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
        h_old, kept, d_row = at(h, row_before(starts, t, B) * H), at(gates, row * 3 * P), at(d_out, row * width)
        for q in range(count):
            for unit in range(0, H, L):
                gate, state = q * 3 * P + unit, q * P + unit
                n, z = load(kept, gate), load(kept, gate + 2 * P)
                before = load_some(h_old, q * H + unit, H - unit)
                dh = load(d_h, state) + load_some(d_row, q * width + unit, H - unit)
                store(kept, gate, dh * (1.0 - z) * (1.0 - n * n))
                store(kept, gate + 2 * P, dh * (before - n) * z * (1.0 - z))
                store(d_h, state, dh * z)
        d_reset[:count] = 0.0
        product(at(d_reset, 0), P, kept, 3 * P, at(hn_panels, 0), count, P // L, P)
        for q in range(count):
            for unit in range(0, H, L):
                gate, state = q * 3 * P + P + unit, q * P + unit
                r, d_rh = load(kept, gate), load(d_reset, state)
                store(kept, gate, d_rh * load_some(h_old, q * H + unit, H - unit) * r * (1.0 - r))
                store(d_h, state, load(d_h, state) + d_rh * r)
        if is_cut(t, bptt_steps):
            d_h[:count] = 0.0
        else:
            product(at(d_h, 0), P, at(kept, P), 3 * P, at(rz_panels, 0), count, P // L, 2 * P)
