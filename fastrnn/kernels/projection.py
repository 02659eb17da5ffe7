"""The LSTM whose state h is projected: Sak, Senior and Beaufays 2014, arXiv:1402.1128, in PyTorch's form.

    i, f, g, o and c' as in `lstm.py`, of an h of R numbers        u = o * tanh(c')        h' = W_hr u

All units have their u before any has its h.  Arrays are those of `lstm.py`, but for
    h       (D, B + S, R)    the B initial states, then the state after each row
    gates   (D, S, 4 P)      also before they are kept
    u       (D, S, P)        of each row if kept, else (D, B, P)
    panels  (D, 1, .)        biases, W_ih^T, W_hh^T and W_hr^T, as `product` reads them
    out     (D, B, Q)        scratch; Q is R padded to whole vectors
"""

import numpy as np

from fastrnn.kernels import lstm
from fastrnn.kernels.activations import sigmoid, tanh
from fastrnn.kernels.caching import njit
from fastrnn.kernels.steps import PRODUCT_ROWS, is_cut, row_before
from fastrnn.kernels.tiles import new_product, pack_columns, product
from fastrnn.kernels.vectors import OPTIONS, at, lanes, load, load_some, store, store_some

ORDER = np.arange(1)
GATES, ONE = np.intp(4), np.intp(1)
_gradients = lstm.gate_gradients


@njit(**OPTIONS)
def pack(panels, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr):
    """One direction's panels from its weights, of which matrices are transposed."""
    I, (H, R) = weight_ih.shape[0], weight_hr.shape
    start = pack_columns(panels, np.intp(0), at(bias_ih, 0), ONE, GATES, H)
    end = pack_columns(panels, start, at(bias_hh, 0), ONE, GATES, H)
    for k in range(start):
        panels[0, k] += panels[0, start + k]
    end = pack_columns(panels, start, at(weight_ih, 0), I, GATES, H)
    end = pack_columns(panels, end, at(weight_hh, 0), R, GATES, H)
    pack_columns(panels, end, at(weight_hr, 0), H, ONE, R)


@njit(**OPTIONS)
def _row(c_new, u, c_old, gates, P):
    """One row's c and u, from the sums of its gates, in whose place these come; pointers."""
    for unit in range(0, P, lanes(u)):
        i, f = sigmoid(load(gates, unit)), sigmoid(load(gates, P + unit))
        g, o = tanh(load(gates, 2 * P + unit)), sigmoid(load(gates, 3 * P + unit))
        c = f * load(c_old, unit) + i * g
        store(c_new, unit, c)
        store(u, unit, o * tanh(c))
        store(gates, unit, i)
        store(gates, P + unit, f)
        store(gates, 2 * P + unit, g)
        store(gates, 3 * P + unit, o)


@njit(**OPTIONS)
def forward(h, c, gates, u, out, x, panels, starts, counts, H, keep, d):
    """Run direction d."""
    h, c, gates, u, out, x, panels = h[d], c[d], gates[d], u[d], out[d], x[d], panels[d, 0]
    (S, I), R, P, Q, L = x.shape, h.shape[1], c.shape[1], out.shape[1], lanes(h)
    B, W = h.shape[0] - S, 4 * P
    w_hh = at(panels, (1 + I) * W)
    w_hr = at(panels, (1 + I + R) * W)
    for first in range(0, S, PRODUCT_ROWS):
        n = min(PRODUCT_ROWS, S - first)
        for row in range(first, first + n):
            for k in range(0, W, L):
                store(gates, row * W + k, load(panels, k))
        product(at(gates, first * W), W, at(x, first * I), I, at(panels, W), n, W // L, I)
    for t in range(counts.size):
        n, row, old = counts[t], starts[t], row_before(starts, t, B)
        slot, c_old, c_new = row if keep else 0, old if keep else 0, B + row if keep else 0
        product(at(gates, row * W), W, at(h, old * R), R, w_hh, n, W // L, R)
        for q in range(n):
            states = at(c, (c_new + q) * P), at(u, (slot + q) * P), at(c, (c_old + q) * P)
            _row(*states, at(gates, (row + q) * W), P)
        new_product(at(out, 0), Q, at(u, slot * P), P, w_hr, n, Q // L, H)
        for q in range(n):
            for unit in range(0, R, L):
                store_some(h, (B + row + q) * R + unit, load(out, q * Q + unit), R - unit)


@njit(**OPTIONS)
def backward(
    d_h, d_c, gates, d_u, d_out, projected, h, c, hh_panels, hr_panels, zeros, starts, counts, H, bptt_steps, d
):
    """Direction d, last step first.

    Turns gates into their gradients, and d_h (D, B, Q) and d_c (D, B, P) from the final into the initial states'
    gradients.  d_out (D, S, >= R) is the gradient of each row's h; `projected` (D, S, Q) takes all of it, and d_u (D,
    B, P) is scratch.  hh_panels are W_hh (4P, R), hr_panels W_hr (Q, H), packed for `product`; zeros (D, B, P) are.  A
    gradient stops at each multiple of `bptt_steps` steps, 0 for none.
    """
    d_h, d_c, gates, d_u, d_out, projected = d_h[d], d_c[d], gates[d], d_u[d], d_out[d], projected[d]
    h, c, hh_panels, hr_panels, zeros = h[d], c[d], hh_panels[d], hr_panels[d], zeros[d]
    (B, Q), P, L, R, width = d_h.shape, c.shape[1], lanes(h), h.shape[1], d_out.shape[1]
    for t in range(counts.size - 1, -1, -1):
        n, row, old, cut = counts[t], starts[t], row_before(starts, t, B), is_cut(t, bptt_steps)
        for q in range(n):
            for unit in range(0, Q, L):
                dh = load(d_h, q * Q + unit) + load_some(d_out, (row + q) * width + unit, R - unit)
                store(projected, (row + q) * Q + unit, dh)
        new_product(at(d_u, 0), P, at(projected, row * Q), Q, at(hr_panels, 0), n, P // L, Q)
        kept, c_new, c_old = at(gates, row * 4 * P), at(c, (B + row) * P), at(c, old * P)
        low = np.intp(0)
        _gradients(at(zeros, 0), at(d_c, 0), kept, at(d_u, 0), c_new, c_old, None, d, n, low, P, H, P, P, cut)
        if cut:
            d_h[:n] = 0.0
        else:
            new_product(at(d_h, 0), Q, kept, 4 * P, at(hh_panels, 0), n, Q // L, 4 * P)
