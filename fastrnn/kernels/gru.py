"""The gated recurrent unit, in PyTorch's form (the reset gate after the product).

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)        n = tanh(W_in x + b_in + r * (W_hn h + b_hn))
    z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)        h' = (1 - z) * n + z * h

Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", arXiv:1406.1078; the form with the
product first is that of its version 1 and of cuDNN.  `gru_reset_before.py` has the other one.

Arrays of D directions, for B sequences packed into S rows (`fastrnn.kernels.packing`):
    h      (D, B + S, H)     the B initial states, then the state after each row
    gates  (D, S, 4 P)       n, r, z and m = W_hn h + b_hn of each row (P is H padded to whole vectors); backward
                             leaves the gradients before the nonlinearities there, that of m in the last place
    x      (D, S, I)
    panels (D, P / lanes, .) for each vector of units: bias (n, r, z, m), W_ih^T (n, r, z), W_hh^T (r, z, m), those of
                             r and z halved: sigmoid(a) = (1 + tanh(a / 2)) / 2
    starts, counts (T,)      for each step the packed row of its first sequence, and how many sequences are alive
`gated.py` has the loops over time.
"""

import numpy as np

from fastrnn.kernels.activations import tanh
from fastrnn.kernels.caching import njit
from fastrnn.kernels.tiles import gate_tile, pack_bias, pack_gates
from fastrnn.kernels.vectors import OPTIONS, lanes, load, load_some, load_wide, split, store, store_some, zeros

ORDER_IH = np.array([2, 0, 1])  # PyTorch's r, z, n as n, r, z
ORDER_HH = np.arange(3)
FACTORS_IH, FACTORS_HH = np.array([1.0, 0.5, 0.5]), np.array([0.5, 0.5, 1.0])
tile = gate_tile((4,), range(3), range(1, 4))


@njit(**OPTIONS)
def pack(panels, weight_ih, weight_hh, bias_ih, bias_hh):
    """One direction's panels (blocks of units, lanes (4 + 3 I + 3 H)) from its weights.

    Biases are (3H,); weight_ih (I, 3H) and weight_hh (H, 3H) are transposed.
    """
    I, H, L = weight_ih.shape[0], weight_hh.shape[0], lanes(panels)
    pack_bias(panels, np.intp(0), bias_ih, 2 * H, None, H, 1.0)
    pack_bias(panels, L, bias_ih, np.intp(0), bias_hh, H, 0.5)
    pack_bias(panels, 2 * L, bias_ih, H, bias_hh, H, 0.5)
    pack_bias(panels, 3 * L, bias_hh, 2 * H, None, H, 1.0)
    pack_gates(panels, 4 * L, weight_ih, H, ORDER_IH, FACTORS_IH)
    pack_gates(panels, (4 + 3 * I) * L, weight_hh, H, ORDER_HH, FACTORS_HH)


@njit(**OPTIONS)
def new_states(h, h_old, gates, sums, n, n_units, H, P, keep):
    """One vector of units in n rows, from the sums of their gates; pointers to what it has in the first row."""
    L = lanes(h)
    for q in range(n):
        t_r, t_z = split(tanh(load_wide(sums, (4 * q + 1) * L, 2)))
        r, z, m = t_r * 0.5 + 0.5, t_z * 0.5 + 0.5, load(sums, (4 * q + 3) * L)
        store(sums, 4 * q * L, load(sums, 4 * q * L) + r * m)
        store(sums, (4 * q + 2) * L, z)
        if keep:
            kept = q * 4 * P
            store(gates, kept + P, r)
            store(gates, kept + 2 * P, z)
            store(gates, kept + 3 * P, m)
    for q in range(n):  # apart, so that the CPU works on several rows at a time
        n_new, z = tanh(load(sums, 4 * q * L)), load(sums, (4 * q + 2) * L)
        before = load_some(h_old, q * H, n_units)
        store_some(h, q * H, n_new + z * (before - n_new), n_units)
        if keep:
            store(gates, q * 4 * P, n_new)


@njit(**OPTIONS)
def gate_gradients(d_h, gates, d_out, h_old, n_rows, low, high, H, P, width, cut):
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
