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

With peepholes (Gers and Schmidhuber 2000, "Recurrent nets that time and count", IJCNN; as in Gers, Schraudolph and
Schmidhuber 2002, "Learning precise timing with LSTM recurrent networks", JMLR 3), gates see the cell state of their own
unit, i and f the old one, o the new one: p_i * c, p_f * c and p_o * c' are added before the sigmoids.
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
def pack_with_peepholes(panels, weight_ih, weight_hh, bias_ih, bias_hh, weight_peephole):
    """As `pack`, with three vectors more in a row: the peepholes, halved, of weight_peephole (3H,), for i, f and o."""
    pack(panels, weight_ih, weight_hh, bias_ih, bias_hh)
    H, L = weight_hh.shape[0], lanes(panels)
    for gate in range(3):
        pack_bias(panels, panels.shape[1] - (3 - gate) * L, weight_peephole, gate * H, None, H, 0.5)


@njit(**OPTIONS)
def _peephole(peepholes, gate, d, unit, P):
    """Those of i, f or o, halved, of one vector of units in the panels of all directions."""
    L = lanes(peepholes)
    return load(peepholes, ((d * P + unit) // L + 1) * peepholes.shape[2] - (3 - gate) * L)


@njit(**OPTIONS)
def new_states(h, c, c_old, gates, sums, peepholes, d, unit, n, n_units, H, P, keep):
    """One vector of units, number `unit` on of direction d, in n rows, from the sums of their gates.

    Pointers to what it has in the first row; peepholes are the panels, or None.
    """
    if peepholes is not None:
        _new_states_with_peepholes(h, c, c_old, gates, sums, peepholes, d, unit, n, n_units, H, P, keep)
        return
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
def _new_states_with_peepholes(h, c, c_old, gates, sums, peepholes, d, unit, n, n_units, H, P, keep):
    L = lanes(h)
    p_i, p_f = _peephole(peepholes, 0, d, unit, P), _peephole(peepholes, 1, d, unit, P)
    p_o = _peephole(peepholes, 2, d, unit, P)
    for q in range(n):
        row, before = q * 4 * L, load(c_old, q * P)
        store(sums, row, load(sums, row) + p_i * before)
        store(sums, row + L, load(sums, row + L) + p_f * before)
        t_i, t_f, g = split(tanh(load_wide(sums, row, 3)))
        i, f = t_i * 0.5 + 0.5, t_f * 0.5 + 0.5
        c_new = f * before + i * g
        store(c, q * P, c_new)
        store(sums, row + 2 * L, c_new)
        store(sums, row + 3 * L, load(sums, row + 3 * L) + p_o * c_new)
        if keep:
            kept = q * 4 * P
            store(gates, kept, i)
            store(gates, kept + P, f)
            store(gates, kept + 2 * P, g)
    for q in range(n):
        tanh_c, t_o = split(tanh(load_wide(sums, (q * 4 + 2) * L, 2)))
        o = t_o * 0.5 + 0.5
        if keep:
            store(gates, (q * 4 + 3) * P, o)
        store_some(h, q * H, o * tanh_c, n_units)


@njit(**OPTIONS)
def gate_gradients(d_h, d_c, gates, d_out, c, c_old, peepholes, d, n, low, high, H, P, width, cut):
    """The units low to high of n rows of one step; pointers to the first row.

    Turns gates into their gradients, and d_c into that of the step before; clears d_h, whose next value is a product.
    Peepholes are the panels of all directions, of which this is d, or None.
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
            if peepholes is not None:
                dc = dc + dh * tanh_c * o * (1.0 - o) * _peephole(peepholes, 2, d, unit, P) * 2.0
            store(gates, at_gate, dc * g * i * (1.0 - i))
            store(gates, at_gate + P, dc * load(c_old, at_unit) * f * (1.0 - f))
            store(gates, at_gate + 2 * P, dc * i * (1.0 - g * g))
            store(gates, at_gate + 3 * P, dh * tanh_c * o * (1.0 - o))
            store(d_c, at_unit, zero if cut else dc * f)
            if peepholes is not None:
                p_i, p_f = _peephole(peepholes, 0, d, unit, P), _peephole(peepholes, 1, d, unit, P)
                seen = (load(gates, at_gate) * p_i + load(gates, at_gate + P) * p_f) * 2.0
                store(d_c, at_unit, load(d_c, at_unit) + (zero if cut else seen))
            store(d_h, at_unit, zero)


@njit(**OPTIONS)
def d_peepholes(out, d_gates, c, previous):
    """Add to out (3 P,), of i, f and o, from d_gates (S, 4 P) and c (B + S, P), whose old rows are the `previous`."""
    (S, width), L = d_gates.shape, lanes(out)
    P = width // 4
    B = c.shape[0] - S
    for unit in range(0, P, L):
        d_i, d_f, d_o = load(out, unit), load(out, P + unit), load(out, 2 * P + unit)
        for s in range(S):
            gate, before = s * width + unit, load(c, previous[s] * P + unit)
            d_i = d_i + load(d_gates, gate) * before
            d_f = d_f + load(d_gates, gate + P) * before
            d_o = d_o + load(d_gates, gate + 3 * P) * load(c, (B + s) * P + unit)
        store(out, unit, d_i)
        store(out, P + unit, d_f)
        store(out, 2 * P + unit, d_o)
