"""The LSTM: Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000.

    i = sigmoid(W_ii x + b_ii + W_hi h + b_hi)        c' = f * c + i * g
    f = sigmoid(W_if x + b_if + W_hf h + b_hf)        h' = o * tanh(c')
    g = tanh   (W_ig x + b_ig + W_hg h + b_hg)
    o = sigmoid(W_io x + b_io + W_ho h + b_ho)

Arrays of D directions, for B sequences packed into S rows (`fastrnn.kernels.packing`):
    h      (D, B + S, H)     the B initial states, then the state after each row
    c      (D, B + S, P)     likewise if kept for backward, else (D, B, P), in place; P is H padded to whole vectors
    gates  (D, S, 4 P)       i, f, g, o of each row; backward leaves their gradients (before the nonlinearity) there
    x      (D, S, I)
    panels (D, P / lanes, .) for each vector of units: bias, W_ih^T and W_hh^T with the four gates side by side,
                             those of i, f and o halved: sigmoid(a) = (1 + tanh(a / 2)) / 2, so one tanh serves all
    starts, counts (T,)      for each step the packed row of its first sequence, and how many sequences are alive
`gated.py` has the loops over time.
"""

import numpy as np

from fastrnn.kernels.activations import tanh
from fastrnn.kernels.caching import njit
from fastrnn.kernels.tiles import gate_tile, pack_bias, pack_gates
from fastrnn.kernels.vectors import OPTIONS, lanes, load, load_some, load_wide, split, store, store_some, zeros

GATES = np.intp(4)
ORDER = np.arange(4)
FACTORS = np.array([0.5, 0.5, 1.0, 0.5])
tile = gate_tile((4,))


@njit(**OPTIONS)
def pack(panels, weight_ih, weight_hh, bias_ih, bias_hh):
    """One direction's panels (blocks of units, 4 lanes (1 + I + H)) from its weights.

    Biases are (4H,); weight_ih (I, 4H) and weight_hh (H, 4H) are transposed.
    """
    I, H, L = weight_ih.shape[0], weight_hh.shape[0], lanes(panels)
    row = GATES * L
    for gate in range(4):
        pack_bias(panels, gate * L, bias_ih, gate * H, bias_hh, H, FACTORS[gate])
    pack_gates(panels, row, weight_ih, H, ORDER, FACTORS)
    pack_gates(panels, (1 + I) * row, weight_hh, H, ORDER, FACTORS)


@njit(**OPTIONS)
def new_states(h, c, c_old, gates, sums, n, n_units, H, P, keep):
    """One vector of units in n rows, from the sums of their gates; pointers to what it has in the first row."""
    L = lanes(h)
    for q in range(n):
        t_i, t_f, g, t_o = split(tanh(load_wide(sums, q * 4 * L, 4)))
        i, f, o = t_i * 0.5 + 0.5, t_f * 0.5 + 0.5, t_o * 0.5 + 0.5
        store(c, q * P, f * load(c_old, q * P) + i * g)
        store(sums, q * 4 * L, o)
        if keep:
            kept = q * 4 * P
            store(gates, kept, i)
            store(gates, kept + P, f)
            store(gates, kept + 2 * P, g)
            store(gates, kept + 3 * P, o)
    for q in range(n):  # apart, so that the CPU works on several rows at a time
        h_new = load(sums, q * 4 * L) * tanh(load(c, q * P))
        store_some(h, q * H, h_new, n_units)


@njit(**OPTIONS)
def gate_gradients(d_h, d_c, gates, d_out, c, c_old, n, low, high, H, P, width, cut):
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
