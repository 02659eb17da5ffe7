"""LSTM and GRU whose sums are normalised: Ba, Kiros and Hinton 2016, "Layer normalization", arXiv:1607.06450.

With LN(a) = (a - mean of a) / sqrt(variance of a + 1e-5), over all units of the gates in brackets together, and gains
and biases as in the supplementary material (equations 20 to 22 and 23 to 25):

    (i, f, g, o) = gain_ih * LN(W_ih x) + bias_ih + gain_hh * LN(W_hh h) + bias_hh
    c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h' = sigmoid(o) * tanh(gain_c * LN(c') + bias_c)

    (r, z) = gain_ih * LN(W_ih x) + bias_ih + gain_hh * LN(W_hh h) + bias_hh
    n = tanh(gain_ih * LN(W_in x) + bias_ih + sigmoid(r) * (gain_hh * LN(W_hn h) + bias_hh))
    h' = (1 - sigmoid(z)) * n + sigmoid(z) * h

There is no other bias b, which adds to those.  All units of a step have their sums before any has its gates.

Arrays lead with an axis of D directions.  Of one, for B sequences packed into S rows (`fastrnn.kernels.packing`), G
gates and P, which is H padded to whole vectors:
    h       (B + S, H)    the B initial states, then the state after each row
    c       (B + S, P)    likewise if kept for backward, else (B, P), in place
    gates   (S, 4 P)      i, f, g, o; or r, z, n and what r multiplies.  Of each row if kept, else (B, 4 P)
    d_y     (B, 4 P)      scratch of backward: a step's gradients before the nonlinearities, which stay in the cache
    of_x    (S, G P)      W_ih x; backward leaves its gradient there
    of_h    (S, G P)      W_hh h if kept, else (B, G P); likewise
    moments (S, 10)       in pairs, the mean and 1 / the deviation of W_ih x, of W_hh h, and of c'; of a GRU those of r
                          and z in x and in h, then of n in both; the last two are for backward to work in
    x       (S, I)
    panels  (1, .)        gain_ih, bias_ih, gain_hh, bias_hh, W_ih^T and W_hh^T as `product` reads them, gain_c, bias_c;
                          where biases are added, their sum is in place of bias_ih
    sums    (5, 4 P)      gradients of gain_ih, of gain_hh, before the nonlinearities, of gain_c and of bias_c: added to
    starts, counts (T,)   for each step the packed row of its first sequence, and how many sequences are alive
"""

from math import sqrt

import numpy as np

from fastrnn.kernels.activations import sigmoid, tanh
from fastrnn.kernels.caching import njit
from fastrnn.kernels.steps import PRODUCT_ROWS, is_cut, row_before
from fastrnn.kernels.tiles import new_product, pack_columns, product
from fastrnn.kernels.vectors import OPTIONS, at, first_lanes, lane_sum, lanes, load, load_some, store, store_some, zeros

EPSILON = 1e-5
ORDER_LSTM, ORDER_GRU = np.arange(4), np.arange(3)
ZERO, ONE, TWO, THREE, FOUR = (np.intp(k) for k in range(5))


@njit(**OPTIONS)
def _pack_gates(panels, weight_ih, weight_hh, bias_ih, bias_hh, gain_ih, gain_hh, joined):
    """All but gain_c and bias_c; biases of so many gates are added."""
    I, H = weight_ih.shape[0], weight_hh.shape[0]
    G, start = weight_hh.shape[1] // H, ZERO
    for vector in (gain_ih, bias_ih, gain_hh, bias_hh):
        start = pack_columns(panels, start, at(vector, 0), ONE, G, H)
    W = start // 4
    for k in range(W, W + joined * (W // G)):
        panels[0, k] += panels[0, k + 2 * W]
    start = pack_columns(panels, start, at(weight_ih, 0), I, G, H)
    return pack_columns(panels, start, at(weight_hh, 0), H, G, H)


@njit(**OPTIONS)
def pack_lstm(panels, weight_ih, weight_hh, bias_ih, bias_hh, gain_ih, gain_hh, gain_c, bias_c):
    """One direction's panels from its weights, of which matrices are transposed."""
    start = _pack_gates(panels, weight_ih, weight_hh, bias_ih, bias_hh, gain_ih, gain_hh, FOUR)
    start = pack_columns(panels, start, at(gain_c, 0), ONE, ONE, gain_c.size)
    pack_columns(panels, start, at(bias_c, 0), ONE, ONE, gain_c.size)


@njit(**OPTIONS)
def pack_gru(panels, weight_ih, weight_hh, bias_ih, bias_hh, gain_ih, gain_hh):
    """As `pack_lstm`."""
    _pack_gates(panels, weight_ih, weight_hh, bias_ih, bias_hh, gain_ih, gain_hh, TWO)


# ---------------------------------------------------------------------------------------------- normalising
# Rows are looped over apart for each sum over units, so that the CPU works on several at a time.


@njit(**OPTIONS)
def _inside(value, n):
    """A vector of which n lanes are units, or all; the others become 0."""
    return value if n >= lanes(value) else first_lanes(value, n)


@njit(**OPTIONS)
def _measure(moments, row, column, a, W, n, low, high, H, P):
    """Mean and 1 / the deviation of the gates low to high of n rows (n, W) at a pointer."""
    L, share, number = lanes(a), 1.0 / ((high - low) * H), moments.dtype.type
    one, epsilon = number(1.0), number(EPSILON)  # in this precision, in which roots and quotients take less time
    for q in range(n):
        total = zeros(a)
        for k in range(q * W + low * P, q * W + high * P, L):  # padding is 0
            total = total + load(a, k)
        moments[row + q, column] = lane_sum(total * share)
    for q in range(n):
        mean, squares = moments[row + q, column], zeros(a)
        for gate in range(low, high):
            for unit in range(0, P, L):
                off = _inside(load(a, q * W + gate * P + unit) - mean, H - unit)
                squares = squares + off * off
        moments[row + q, column + 1] = one / sqrt(lane_sum(squares * share) + epsilon)


@njit(**OPTIONS)
def _measure_gates(moments, row, column, a, W, n, H, P):
    """Of an LSTM all gates together, of a GRU the first two, and the third."""
    if W == 4 * P:
        _measure(moments, row, column, a, W, n, ZERO, FOUR, H, P)
    else:
        _measure(moments, row, column, a, W, n, ZERO, TWO, H, P)
        _measure(moments, row, column + 4, a, W, n, TWO, THREE, H, P)


@njit(**OPTIONS)
def _multiply_inputs(of_x, moments, x, panels, first, W, H, P):
    """W_ih x of a few rows, which are in the cache when their steps come, and their moments; returns the next row."""
    S, I = x.shape
    n, some = min(PRODUCT_ROWS, S - first), at(of_x, first * W)
    new_product(some, W, at(x, first * I), I, at(panels, 4 * W), n, W // lanes(x), I)
    _measure_gates(moments, first, ZERO, some, W, n, H, P)
    return first + n


@njit(**OPTIONS)
def _scales(moments, column):
    """LN(a) of a row, whose moments these are, as a * scale + shift."""
    scale = moments[column + 1]
    return scale, -moments[column] * scale


@njit(**OPTIONS)
def _d_scales(moments, column, of_mean, slope):
    """The way back from d, the gradient of LN(a), to a's: d * scale + (a * along + shift)."""
    scale, shift = _scales(moments, column)
    return scale, -slope * scale * scale, -scale * (of_mean + slope * shift)


@njit(**OPTIONS)
def _sum(a_x, a_h, k, of_x, of_h, panels, W):
    """The sum of one vector of a gate of a row, pointers, from the scales of its two parts."""
    x, h = load(a_x, k) * of_x[0] + of_x[1], load(a_h, k) * of_h[0] + of_h[1]
    return x * load(panels, k) + (h * load(panels, 2 * W + k) + load(panels, W + k))


@njit(**OPTIONS)
def _d_normalise(a, moments, column, d_y, gain, d_gain, n, low, high, shift, H, P, W):
    """From n rows, gates low to high of W columns, to their gradients through LN, in their place.

    Pointers, the moments' to the first row's; d_y (n, 4 P) has the gradients of gain * LN(.) + bias, those of a gate
    `shift` gates behind.  Adds to d_gain.
    """
    L, share = lanes(a), 1.0 / ((high - low) * H)
    for q in range(n):
        scale, offset = _scales(at(moments, q * 10), column)
        total, along, row, d_row = zeros(a), zeros(a), q * W, (q * 4 + shift) * P
        for k in range(low * P, high * P, L):
            d, y = load(d_y, d_row + k), load(a, row + k) * scale + offset
            store(d_gain, k, load(d_gain, k) + d * y)
            d = d * load(gain, k)
            total = total + d
            along = along + d * y
        moments[q * 10 + 8], moments[q * 10 + 9] = lane_sum(total * share), lane_sum(along * share)
    for q in range(n):
        own = at(moments, q * 10)
        scale, along_a, offset = _d_scales(own, column, own[8], own[9])
        for gate in range(low, high):
            for unit in range(0, P, L):
                k = gate * P + unit
                d = load(d_y, (q * 4 + shift) * P + k) * load(gain, k)
                store(a, q * W + k, _inside(d * scale + (load(a, q * W + k) * along_a + offset), H - unit))


@njit(**OPTIONS)
def _d_normalise_gates(a, moments, column, d_y, gain, d_gain, n, shift, W, H, P):
    """The way back of n rows; the third gate of a GRU has its gradients `shift` gates behind."""
    if W == 4 * P:
        _d_normalise(a, moments, column, d_y, gain, d_gain, n, ZERO, FOUR, ZERO, H, P, W)
    else:
        _d_normalise(a, moments, column, d_y, gain, d_gain, n, ZERO, TWO, ZERO, H, P, W)
        _d_normalise(a, moments, column + 4, d_y, gain, d_gain, n, TWO, THREE, shift, H, P, W)


@njit(**OPTIONS)
def _d_step(of_x, of_h, moments, d_y, panels, sums, row, n, shift, W, H, P):
    """The way back of a step's rows from its gates' gradients d_y, a pointer, to those of W_ih x and W_hh h."""
    V, L, own = 4 * P, lanes(of_x), at(moments, row * 10)
    for k in range(0, V, L):
        total = load(sums, 2 * V + k)
        for q in range(n):
            total = total + load(d_y, q * V + k)
        store(sums, 2 * V + k, total)
    a_x, a_h = at(of_x, row * W), at(of_h, row * W)
    _d_normalise_gates(a_x, own, ZERO, d_y, at(panels, 0), at(sums, 0), n, ZERO, W, H, P)
    _d_normalise_gates(a_h, own, TWO, d_y, at(panels, 2 * W), at(sums, V), n, shift, W, H, P)


# ------------------------------------------------------------------------------------------------------ LSTM


@njit(**OPTIONS)
def _lstm_row(c_new, c_old, gates, a_x, a_h, own, panels, P):
    """One row's gates and new c; pointers, but for the panels."""
    W, of_x, of_h = 4 * P, _scales(own, 0), _scales(own, 2)
    for unit in range(0, P, lanes(panels)):
        i = sigmoid(_sum(a_x, a_h, unit, of_x, of_h, panels, W))
        f = sigmoid(_sum(a_x, a_h, P + unit, of_x, of_h, panels, W))
        g = tanh(_sum(a_x, a_h, 2 * P + unit, of_x, of_h, panels, W))
        o = sigmoid(_sum(a_x, a_h, 3 * P + unit, of_x, of_h, panels, W))
        store(gates, unit, i)
        store(gates, P + unit, f)
        store(gates, 2 * P + unit, g)
        store(gates, 3 * P + unit, o)
        store(c_new, unit, f * load(c_old, unit) + i * g)


@njit(**OPTIONS)
def _lstm_output(h, c, o, own, of_c, H, P):
    """One row's h from c; pointers, at `of_c` gain_c and bias_c."""
    scale, shift = _scales(own, 4)
    for unit in range(0, P, lanes(c)):
        y = load(c, unit) * scale + shift
        shown = tanh(y * load(of_c, unit) + load(of_c, P + unit))
        store_some(h, unit, load(o, unit) * shown, H - unit)


@njit(**OPTIONS)
def forward_lstm(h, c, gates, of_x, of_h, moments, x, panels, starts, counts, keep, d):
    """Run direction d."""
    h, c, gates, of_x, of_h, moments, x, panels = h[d], c[d], gates[d], of_x[d], of_h[d], moments[d], x[d], panels[d, 0]
    (S, I), H, P = x.shape, h.shape[1], c.shape[1]
    B, W = h.shape[0] - S, 4 * P
    of_c, ready = at(panels, (4 + I + H) * W), 0
    for t in range(counts.size):
        n, row, old = counts[t], starts[t], row_before(starts, t, B)
        while ready < row + n:
            ready = _multiply_inputs(of_x, moments, x, panels, ready, W, H, P)
        slot, c_old, c_new = row if keep else 0, old if keep else 0, B + row if keep else 0
        a_h = at(of_h, slot * W)
        new_product(a_h, W, at(h, old * H), H, at(panels, (4 + I) * W), n, W // lanes(h), H)
        _measure_gates(moments, row, TWO, a_h, W, n, H, P)
        for q in range(n):
            states, kept = (at(c, (c_new + q) * P), at(c, (c_old + q) * P)), at(gates, (slot + q) * W)
            own = at(moments, (row + q) * 10)
            _lstm_row(*states, kept, at(of_x, (row + q) * W), at(a_h, q * W), own, panels, P)
        _measure(moments, row, FOUR, at(c, c_new * P), P, n, ZERO, ONE, H, P)
        for q in range(n):
            states, o = (at(h, (B + row + q) * H), at(c, (c_new + q) * P)), at(gates, (slot + q) * W + 3 * P)
            _lstm_output(*states, o, at(moments, (row + q) * 10), of_c, H, P)


@njit(**OPTIONS)
def _d_lstm_output(d_h, d_y, gates, d_out, c, own, of_c, d_gain_c, d_bias_c, share, H, P):
    """One row's way back from h to o, and to LN(c), whose gradient takes the place of d_h; pointers."""
    total, along, (scale, shift) = zeros(c), zeros(c), _scales(own, 4)
    for unit in range(0, P, lanes(c)):
        y, o = load(c, unit) * scale + shift, load(gates, 3 * P + unit)
        shown = tanh(y * load(of_c, unit) + load(of_c, P + unit))
        dh = load(d_h, unit) + load_some(d_out, unit, H - unit)
        store(d_y, 3 * P + unit, dh * shown * o * (1.0 - o))
        d = dh * o * (1.0 - shown * shown)
        store(d_gain_c, unit, load(d_gain_c, unit) + d * y)
        store(d_bias_c, unit, load(d_bias_c, unit) + d)
        d = d * load(of_c, unit)
        total = total + d
        along = along + d * y
        store(d_h, unit, d)
    own[8], own[9] = lane_sum(total * share), lane_sum(along * share)


@njit(**OPTIONS)
def _d_lstm_row(d_h, d_c, d_y, gates, c, c_old, own, H, P, cut):
    """One row's way back from LN(c) to its gates, and d_c to that of the step before; clears d_h.  Pointers."""
    zero, (scale, along, shift) = zeros(c), _d_scales(own, 4, own[8], own[9])
    for unit in range(0, P, lanes(c)):
        of_norm = _inside(load(d_h, unit) * scale + (load(c, unit) * along + shift), H - unit)
        i, f, g = load(gates, unit), load(gates, P + unit), load(gates, 2 * P + unit)
        dc = load(d_c, unit) + of_norm
        store(d_y, unit, dc * g * i * (1.0 - i))
        store(d_y, P + unit, dc * load(c_old, unit) * f * (1.0 - f))
        store(d_y, 2 * P + unit, dc * i * (1.0 - g * g))
        store(d_c, unit, zero if cut else dc * f)
        store(d_h, unit, zero)


@njit(**OPTIONS)
def backward_lstm(
    d_h, d_c, d_y, gates, of_x, of_h, sums, d_out, h, c, moments, panels, hh_panels, starts, counts, bptt_steps, d
):
    """Direction d, last step first.

    Turns d_h and d_c (D, B, P) from the final into the initial states' gradients.  d_out (D, S, >= H) is the gradient
    of each row's h; hh_panels are W_hh (4P, H), packed for `product`; a gradient stops at each multiple of `bptt_steps`
    steps, 0 for none.
    """
    d_h, d_c, d_y, gates, of_x, of_h, sums = d_h[d], d_c[d], d_y[d], gates[d], of_x[d], of_h[d], sums[d]
    d_out, h, c, moments, panels, hh_panels = d_out[d], h[d], c[d], moments[d], panels[d, 0], hh_panels[d]
    width, (B, P), H = d_out.shape[1], d_h.shape, h.shape[1]
    W, share, of_c = 4 * P, 1.0 / H, at(panels, panels.size - 2 * P)
    for t in range(counts.size - 1, -1, -1):
        n, row, old, cut = counts[t], starts[t], row_before(starts, t, B), is_cut(t, bptt_steps)
        of_gates, own = at(gates, row * W), at(moments, row * 10)
        for q in range(n):
            both = at(d_y, q * W), at(of_gates, q * W)
            d_row, c_row = at(d_out, (row + q) * width), at(c, (B + row + q) * P)
            places = at(sums, 3 * W), at(sums, 4 * W)
            _d_lstm_output(at(d_h, q * P), *both, d_row, c_row, at(own, q * 10), of_c, *places, share, H, P)
        for q in range(n):
            states, cells = (at(d_h, q * P), at(d_c, q * P)), (at(c, (B + row + q) * P), at(c, (old + q) * P))
            _d_lstm_row(*states, at(d_y, q * W), at(of_gates, q * W), *cells, at(own, q * 10), H, P, cut)
        _d_step(of_x, of_h, moments, at(d_y, 0), panels, sums, row, n, ZERO, W, H, P)
        if not cut:
            product(at(d_h, 0), P, at(of_h, row * W), W, at(hh_panels, 0), n, P // lanes(gates), W)


# ------------------------------------------------------------------------------------------------------- GRU


@njit(**OPTIONS)
def _gru_row(h, h_old, gates, a_x, a_h, own, panels, H, P):
    """One row's gates and new h; pointers, but for the panels."""
    W, of_x, of_h = 3 * P, _scales(own, 0), _scales(own, 2)
    (scale_x, shift_x), (scale_h, shift_h) = _scales(own, 4), _scales(own, 6)  # of the third gate
    for unit in range(0, P, lanes(panels)):
        r = sigmoid(_sum(a_x, a_h, unit, of_x, of_h, panels, W))
        z = sigmoid(_sum(a_x, a_h, P + unit, of_x, of_h, panels, W))
        k = 2 * P + unit
        m = (load(a_h, k) * scale_h + shift_h) * load(panels, 2 * W + k) + load(panels, 3 * W + k)
        n = tanh((load(a_x, k) * scale_x + shift_x) * load(panels, k) + (load(panels, W + k) + r * m))
        store(gates, unit, r)
        store(gates, P + unit, z)
        store(gates, k, n)
        store(gates, P + k, m)
        store_some(h, unit, n + z * (load_some(h_old, unit, H - unit) - n), H - unit)


@njit(**OPTIONS)
def forward_gru(h, gates, of_x, of_h, moments, x, panels, starts, counts, keep, d):
    """Run direction d."""
    h, gates, of_x, of_h, moments, x, panels = h[d], gates[d], of_x[d], of_h[d], moments[d], x[d], panels[d, 0]
    (S, I), H, P = x.shape, h.shape[1], gates.shape[1] // 4
    B, W, ready = h.shape[0] - S, 3 * P, 0
    for t in range(counts.size):
        n, row, old = counts[t], starts[t], row_before(starts, t, B)
        while ready < row + n:
            ready = _multiply_inputs(of_x, moments, x, panels, ready, W, H, P)
        slot = row if keep else 0
        a_h = at(of_h, slot * W)
        new_product(a_h, W, at(h, old * H), H, at(panels, (4 + I) * W), n, W // lanes(h), H)
        _measure_gates(moments, row, TWO, a_h, W, n, H, P)
        for q in range(n):
            states, kept = (at(h, (B + row + q) * H), at(h, (old + q) * H)), at(gates, (slot + q) * 4 * P)
            own = at(moments, (row + q) * 10)
            _gru_row(*states, kept, at(of_x, (row + q) * W), at(a_h, q * W), own, panels, H, P)


@njit(**OPTIONS)
def _d_gru_row(d_h, d_y, gates, d_out, h_old, H, P, cut):
    """One row's way back to its gates, and d_h to what of the gradient of the step before is no product.  Pointers."""
    zero = zeros(gates)
    for unit in range(0, P, lanes(gates)):
        r, z = load(gates, unit), load(gates, P + unit)
        n, m = load(gates, 2 * P + unit), load(gates, 3 * P + unit)
        dh = load(d_h, unit) + load_some(d_out, unit, H - unit)
        dn = dh * (1.0 - z) * (1.0 - n * n)
        store(d_y, unit, dn * m * r * (1.0 - r))
        store(d_y, P + unit, dh * (load_some(h_old, unit, H - unit) - n) * z * (1.0 - z))
        store(d_y, 2 * P + unit, dn)
        store(d_y, 3 * P + unit, dn * r)
        store(d_h, unit, zero if cut else dh * z)


@njit(**OPTIONS)
def backward_gru(
    d_h, d_y, gates, of_x, of_h, sums, d_out, h, moments, panels, hh_panels, starts, counts, bptt_steps, d
):
    """As `backward_lstm`; hh_panels are W_hh (3P, H)."""
    d_h, d_y, gates, of_x, of_h, sums, d_out = d_h[d], d_y[d], gates[d], of_x[d], of_h[d], sums[d], d_out[d]
    h, moments, panels, hh_panels = h[d], moments[d], panels[d, 0], hh_panels[d]
    width, (B, P), H = d_out.shape[1], d_h.shape, h.shape[1]
    W = 3 * P
    for t in range(counts.size - 1, -1, -1):
        n, row, old, cut = counts[t], starts[t], row_before(starts, t, B), is_cut(t, bptt_steps)
        for q in range(n):
            d_row, h_old = at(d_out, (row + q) * width), at(h, (old + q) * H)
            _d_gru_row(at(d_h, q * P), at(d_y, q * 4 * P), at(gates, (row + q) * 4 * P), d_row, h_old, H, P, cut)
        _d_step(of_x, of_h, moments, at(d_y, 0), panels, sums, row, n, ONE, W, H, P)
        if not cut:
            product(at(d_h, 0), P, at(of_h, row * W), W, at(hh_panels, 0), n, P // lanes(gates), W)
