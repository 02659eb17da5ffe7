"""Cells whose gates read the input alone: minGRU and minLSTM; and SRU, whose gates read their own unit's state as well.

minGRU and minLSTM of Feng, Tung, Ahmed, Bengio and Hajimirsadeghi 2024, "Were RNNs all we needed?", arXiv:2410.01201:

    z = sigmoid(W_z x + b_z)                      h' = (1 - z) * h + z * n
    n = g(W_n x + b_n)

    f = sigmoid(W_f x + b_f)                      h' = f / (f + i) * h + i / (f + i) * n
    i = sigmoid(W_i x + b_i)
    n = g(W_n x + b_n)

n is the paper's h with a tilde, and g(a) = a + 0.5 for a >= 0, sigmoid(a) below.  This is the form of its appendix on
log-space, by which its models were trained and which is published as code; its first form has n = W_n x + b_n.  Here
time is a loop, and needs no logarithm.

SRU of Lei, Zhang, Wang, Dai and Artzi 2018, "Simple recurrent units for highly parallelizable recurrence", EMNLP,
arXiv:1709.02755 (version 5), its equations 1 to 4:

    f = sigmoid(W_f x + v_f * c + b_f)            c' = f * c + (1 - f) * (W x)
    r = sigmoid(W_r x + v_r * c + b_r)            h' = r * c' + (1 - r) * s

s is x itself, or W_s x where x has not as many features as there are units.  It is not scaled (the paper's alpha is 1).

There is no matrix over the state.  So the products of many rows come first, in full tiles, and then a loop over time,
of vectors of units.

Arrays of D directions, for B sequences packed into S rows (`fastrnn.kernels.packing`):
    h      (D, B + S, H)     the B initial states, then the state after each row
    c      (D, B + S, P)     likewise of SRU, or (D, B, P) in place if nothing is kept; P is H padded to whole vectors
    gates  (D, S, G P)       z, n; or of minLSTM what `minlstm` says; or W x, f, r and W_s x; backward leaves the
                             gradients before the nonlinearities there; of few rows if nothing is kept
    x      (D, S, I)
    panels (D, G, .)         for each gate: bias (P), W_ih^T packed for `product` (I P), and SRU's v (P)
    starts, counts (T,)      for each step the packed row of its first sequence, and how many sequences are alive
Of minGRU and minLSTM c, its gradient and all that is SRU's alone are None.
"""

from fastrnn.kernels.activations import exp, sigmoid
from fastrnn.kernels.caching import njit
from fastrnn.kernels.steps import is_cut, row_before
from fastrnn.kernels.tiles import pack_panels, product
from fastrnn.kernels.vectors import OPTIONS, at, lanes, load, load_some, maximum, minimum, store, store_some, zeros
from fastrnn.kernels.vectors import step as is_positive

# ------------------------------------------------------------------------------------------------------ weights


@njit(**OPTIONS)
def pack(panels, weight_ih, bias_ih):
    """One direction's panels (G, P (1 + I)) from bias_ih (G H,) and weight_ih (I, G H), which is transposed."""
    I, H = weight_ih.shape[0], bias_ih.size // panels.shape[0]
    P = panels.shape[1] // (1 + I)
    for gate in range(panels.shape[0]):
        pack_vector(panels[gate, :P], bias_ih, gate * H, H)
        pack_panels(panels[gate, P:], I, 0, weight_ih, gate * H, H)


@njit(**OPTIONS)
def pack_sru(panels, weight_ih, weight_c, bias_ih):
    """SRU's panels (G, P (2 + I)); weight_c and bias_ih (2 H,) are those of f and r."""
    I, H = weight_ih.shape[0], bias_ih.size // 2
    P = panels.shape[1] // (2 + I)
    for gate in range(panels.shape[0]):
        n_units = H if gate == 1 or gate == 2 else 0
        pack_vector(panels[gate, :P], bias_ih, (gate - 1) * H, n_units)
        pack_panels(panels[gate, P : P + I * P], I, 0, weight_ih, gate * H, H)
        pack_vector(panels[gate, P + I * P :], weight_c, (gate - 1) * H, n_units)


@njit(**OPTIONS)
def pack_vector(out, vector, first, n):
    """out (P,) = n elements of a vector, from `first` on, and zeros."""
    for unit in range(0, out.size, lanes(out)):
        store(out, unit, load_some(vector, first + unit, n - unit))


# ------------------------------------------------------------------------------------------------------ forward


@njit(**OPTIONS)
def products(gates, x, panels, n, sizes):
    """W_ih x + b_ih of all gates, for n rows; pointers.  `sizes` are G, I, P and those of a gate's panels."""
    (G, I, P, size), L = sizes, lanes(gates)
    for r in range(n):
        for gate in range(G):
            for unit in range(0, P, L):
                store(gates, (r * G + gate) * P + unit, load(panels, gate * size + unit))
    for gate in range(G):
        product(at(gates, gate * P), G * P, x, I, at(panels, gate * size + P), n, P // L, I)


@njit(**OPTIONS)
def g(a):
    """a + 0.5 for a >= 0, sigmoid(a) below."""
    return maximum(a, 0.0) + sigmoid(minimum(a, 0.0))


@njit(**OPTIONS)
def d_g(n):
    """Its derivative, from its output: 1, below 0.5 that of the sigmoid."""
    return 1.0 + is_positive(0.5 - n) * (n * (1.0 - n) - 1.0)


@njit(**OPTIONS)
def mingru(h, h_old, gates, H, P):
    """The new state of one row; pointers."""
    for unit in range(0, H, lanes(h)):
        z, n = sigmoid(load(gates, unit)), g(load(gates, P + unit))
        before = load_some(h_old, unit, H - unit)
        store_some(h, unit, before + z * (n - before), H - unit)
        store(gates, unit, z)
        store(gates, P + unit, n)


@njit(**OPTIONS)
def minlstm(h, h_old, gates, H, P):
    """The new state of one row; pointers.

    f / (f + i) is (1 + exp(-a_i)) / (2 + exp(-a_f) + exp(-a_i)).  All terms are multiplied with exp(low), so that the
    largest exponent is 0: the share is right where f and i are next to nothing, too.  Left in the gates are n and the
    shares that exp(-a_f) and exp(-a_i) have in the denominator: with these e_f and e_i it is (1 + e_i - e_f) / 2.
    """
    for unit in range(0, H, lanes(h)):
        a_f, a_i, n = load(gates, unit), load(gates, P + unit), g(load(gates, 2 * P + unit))
        low = minimum(minimum(a_f, a_i), 0.0)
        one, e_f, e_i = exp(low), exp(low - a_f), exp(low - a_i)
        scale = 1.0 / (one + one + e_f + e_i)
        before = load_some(h_old, unit, H - unit)
        store_some(h, unit, n + (one + e_i) * scale * (before - n), H - unit)
        store(gates, unit, e_f * scale)
        store(gates, P + unit, e_i * scale)
        store(gates, 2 * P + unit, n)


@njit(**OPTIONS)
def sru(h, c, c_old, gates, x, v_f, v_r, is_projected, H, P):
    """The new states of one row; pointers."""
    for unit in range(0, H, lanes(h)):
        before, new = load(c_old, unit), load(gates, unit)
        f = sigmoid(load(gates, P + unit) + load(v_f, unit) * before)
        r = sigmoid(load(gates, 2 * P + unit) + load(v_r, unit) * before)
        skip = load(gates, 3 * P + unit) if is_projected else load_some(x, unit, H - unit)
        now = new + f * (before - new)
        store(c, unit, now)
        store_some(h, unit, skip + r * (now - skip), H - unit)
        store(gates, P + unit, f)
        store(gates, 2 * P + unit, r)


@njit(**OPTIONS)
def forward(h, c, gates, x, panels, starts, counts, keep, room, d):
    """Run direction d, so many rows at a time that they stay in the cache: `room`."""
    S, I = x.shape[1:]
    H, B = h.shape[2], h.shape[1] - S
    (G, size), width = panels.shape[1:], gates.shape[2]
    P, t, q = width // G, 0, 0
    h_d, panels_d = at(h, d * (B + S) * H), at(panels, d * G * size)
    for first in range(0, S, room):
        n = min(room, S - first)
        chunk = at(gates, (d * gates.shape[1] + (first if keep else 0)) * width)
        products(chunk, at(x, (d * S + first) * I), panels_d, n, (G, I, P, size))
        for k in range(n):
            row, old = B + first + k, row_before(starts, t, B) + q
            now, h_new, h_old = at(chunk, k * width), at(h_d, row * H), at(h_d, old * H)
            if c is not None:
                place = d * c.shape[1]
                c_old = at(c, (place + (old if keep else q)) * P)
                c_new = at(c, (place + (row if keep else q)) * P)
                v_f, v_r = at(panels_d, 2 * size - P), at(panels_d, 3 * size - P)
                sru(h_new, c_new, c_old, now, at(x, (d * S + first + k) * I), v_f, v_r, G == 4, H, P)
            elif G == 2:
                mingru(h_new, h_old, now, H, P)
            else:
                minlstm(h_new, h_old, now, H, P)
            q += 1
            if q == counts[t]:
                t, q = t + 1, 0


# ----------------------------------------------------------------------------------------------------- backward


@njit(**OPTIONS)
def d_mingru(d_h, gates, d_out, h_old, H, P, cut):
    """One row: gates become their gradients, and d_h that of the state before, of which a `cut` leaves nothing."""
    zero = zeros(h_old)
    for unit in range(0, H, lanes(h_old)):
        z, n = load(gates, unit), load(gates, P + unit)
        before = load_some(h_old, unit, H - unit)
        dh = load(d_h, unit) + load_some(d_out, unit, H - unit)
        store(gates, unit, dh * (n - before) * z * (1.0 - z))
        store(gates, P + unit, dh * z * d_g(n))
        store(d_h, unit, zero if cut else dh * (1.0 - z))


@njit(**OPTIONS)
def d_minlstm(d_h, gates, d_out, h_old, H, P, cut):
    """Likewise."""
    zero = zeros(h_old)
    for unit in range(0, H, lanes(h_old)):
        e_f, e_i, n = load(gates, unit), load(gates, P + unit), load(gates, 2 * P + unit)
        before = load_some(h_old, unit, H - unit)
        dh = load(d_h, unit) + load_some(d_out, unit, H - unit)
        of_f, of_i = (1.0 + (e_i - e_f)) * 0.5, (1.0 + (e_f - e_i)) * 0.5
        d_share = dh * (before - n)
        store(gates, unit, d_share * of_f * e_f)
        store(gates, P + unit, d_share * of_i * e_i * -1.0)
        store(gates, 2 * P + unit, dh * of_i * d_g(n))
        store(d_h, unit, zero if cut else dh * of_f)


@njit(**OPTIONS)
def d_sru(d_h, d_c, d_skip, d_v, gates, d_out, c, c_old, x, v, is_projected, H, P, cut):
    """Likewise; nothing reads the h before.  Adds to the gradient (2 P,) of v (2 P,)."""
    zero = zeros(c)
    for unit in range(0, H, lanes(c)):
        new, f, r = load(gates, unit), load(gates, P + unit), load(gates, 2 * P + unit)
        skip = load(gates, 3 * P + unit) if is_projected else load_some(x, unit, H - unit)
        before, now = load(c_old, unit), load(c, unit)
        dh = load(d_h, unit) + load_some(d_out, unit, H - unit)
        dc = load(d_c, unit) + dh * r
        d_f, d_r = dc * (before - new) * f * (1.0 - f), dh * (now - skip) * r * (1.0 - r)
        store(d_skip, unit, dh * (1.0 - r))
        store(gates, unit, dc * (1.0 - f))
        store(gates, P + unit, d_f)
        store(gates, 2 * P + unit, d_r)
        store(d_v, unit, load(d_v, unit) + d_f * before)
        store(d_v, P + unit, load(d_v, P + unit) + d_r * before)
        store(d_h, unit, zero)
        store(d_c, unit, zero if cut else dc * f + d_f * load(v, unit) + d_r * load(v, P + unit))


@njit(**OPTIONS)
def backward(d_h, d_c, gates, d_skip, d_v, d_out, h, c, x, v, starts, counts, bptt_steps, d):
    """Direction d, last step first.

    Turns gates into their gradients, and d_h and d_c (D, B, P) from the final into the initial states' gradients.
    d_out (D, S, >= H) is the gradient of each row's h.  Of SRU v (D, 2 P) are v_f and v_r, to whose gradient d_v
    (D, 2 P) is added; and d_skip (D, S, P) becomes that of s, if it is x: else it is among the gates.  A gradient stops
    at each multiple of `bptt_steps` steps, 0 for none.
    """
    (B, P), (S, width), H = d_h.shape[1:], d_out.shape[1:], h.shape[2]
    of_gates, h_d = gates.shape[2], at(h, d * (B + S) * H)
    for t in range(counts.size - 1, -1, -1):
        cut = is_cut(t, bptt_steps)
        for q in range(counts[t]):
            row, old, place = d * S + starts[t] + q, row_before(starts, t, B) + q, (d * B + q) * P
            d_state, now, d_row = at(d_h, place), at(gates, row * of_gates), at(d_out, row * width)
            if c is not None:
                c_d, is_projected = at(c, d * (B + S) * P), of_gates == 4 * P
                c_new, c_old = at(c_d, (B + starts[t] + q) * P), at(c_d, old * P)
                skip = at(now, 3 * P) if is_projected else at(d_skip, row * P)
                x_row, own = at(x, row * x.shape[2]), (at(d_v, d * 2 * P), at(v, d * 2 * P))
                d_sru(
                    d_state, at(d_c, place), skip, own[0], now, d_row, c_new, c_old, x_row, own[1], is_projected, H, P,
                    cut)  # fmt: skip
            elif of_gates == 2 * P:
                d_mingru(d_state, now, d_row, at(h_d, old * H), H, P, cut)
            else:
                d_minlstm(d_state, now, d_row, at(h_d, old * H), H, P, cut)
