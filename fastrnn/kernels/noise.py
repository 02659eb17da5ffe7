"""Noise in the recurrence of RNN, LSTM and GRU: zoneout, and dropout of the state that products read.

Zoneout (Krueger et al. 2017, "Zoneout: regularizing RNNs by randomly preserving hidden activations", ICLR,
arXiv:1606.01305), where h~ and c~ are what the cell makes of h and c, h~ of c~:
    h' = w * h~ + (1 - w) * h        c' = v * c~ + (1 - v) * c
Dropout (Gal and Ghahramani 2016, "A theoretically grounded application of dropout in recurrent neural networks", NIPS,
arXiv:1512.05287): W_hh h becomes W_hh (mask * h), with one mask for all steps of a sequence.  What of h goes past the
product, as z * h in a GRU, stays.

Arrays are those of `lstm.py`, `gru.py` and `rnn.py`, all kept, and
    w, v  (D, S, P)    of each row: 1 or 0 in training, else their mean; None without zoneout, and v without c
    mask  (D, B, P)    of each sequence: 0, or the inverse of the share that stays; None without dropout
    h_old (D, S, H)    mask * h of each row
    new   (D, S, P)    an RNN's h~ of each row; backward leaves the gradients before the nonlinearity there
    aside (D, B, 3 P)  scratch of backward: gradients of h and c that go past the cell, and those of mask * h
    none  (P,)         zeros
"""

import numpy as np

from fastrnn.kernels import gru, lstm
from fastrnn.kernels.activations import slope
from fastrnn.kernels.caching import njit
from fastrnn.kernels.gated import GATES, THREE, units
from fastrnn.kernels.rnn import layer
from fastrnn.kernels.steps import is_cut, row_before
from fastrnn.kernels.tiles import product
from fastrnn.kernels.vectors import OPTIONS, at, lanes, load, load_some, store, store_some, zeros

_gru_gradients, _lstm_gradients = gru.gate_gradients, lstm.gate_gradients
ZERO = np.intp(0)


@njit(**OPTIONS)
def _drop(h_old, h, mask, n, H, P):
    """The states that products read, for n rows; pointers to the first."""
    for q in range(n):
        for unit in range(0, H, lanes(h)):
            kept = load_some(h, q * H + unit, H - unit) * load(mask, q * P + unit)
            store_some(h_old, q * H + unit, kept, H - unit)


@njit(**OPTIONS)
def _zone(state, new, old, width, n_new, w, P, n):
    """state = w * new + (1 - w) * old, for n rows of so many units, `n_new` apart in `new`; pointers to the first."""
    for q in range(n):
        for unit in range(0, width, lanes(state)):
            share, at_unit, left = load(w, q * P + unit), q * width + unit, width - unit
            before, after = load_some(old, at_unit, left), load_some(new, q * n_new + unit, left)
            store_some(state, at_unit, share * after + (1.0 - share) * before, left)


@njit(**OPTIONS)
def _part(d_state, past, d_out, w, first, n, P, width, H):
    """The way back through `_zone` of n rows: d_state becomes the gradient of what is new, `past` that of what is old.

    Before, d_out is added, rows `width` apart, or None.  Pointers to the first row; that of w is number `first`.
    """
    for q in range(n):
        for unit in range(0, P, lanes(d_state)):
            total = load(d_state, q * P + unit)
            if d_out is not None:
                total = total + load_some(d_out, q * width + unit, H - unit)
            if w is not None:
                share = load(w, first + q * P + unit)
                store(past, 3 * q * P + unit, (1.0 - share) * total)
                total = share * total
            store(d_state, q * P + unit, total)


@njit(**OPTIONS)
def _join(d_state, past, mask, first, n, P):
    """Add to n rows of gradients what went past the cell, or what comes through the mask from number `first` on."""
    for q in range(n):
        for unit in range(0, P, lanes(d_state)):
            more = load(past, 3 * q * P + unit)
            if mask is not None:
                more = more * load(mask, first + q * P + unit)
            store(d_state, q * P + unit, load(d_state, q * P + unit) + more)


@njit(**OPTIONS)
def _back(d_h, d_gates, stride, n_k, hh_panels, mask, first, aside, n, P):
    """Add the product with the gates' gradients of n rows to d_h; pointers, of `aside` to its third part."""
    n_vectors = P // lanes(d_h)
    if mask is None:
        product(d_h, P, d_gates, stride, hh_panels, n, n_vectors, n_k)
        return
    for q in range(n):
        for unit in range(0, P, lanes(d_h)):
            store(aside, 3 * q * P + unit, zeros(d_h))
    product(aside, 3 * P, d_gates, stride, hh_panels, n, n_vectors, n_k)
    _join(d_h, aside, mask, first, n, P)


# ------------------------------------------------------------------------------------------------ LSTM and GRU


@njit(**OPTIONS)
def forward(h, c, gates, x, w, v, mask, h_old, panels, starts, counts, d):
    """Run direction d; a GRU has None for c."""
    S, I = x.shape[1:]
    H, L, (blocks, size) = h.shape[2], lanes(h), panels.shape[1:]
    B, P = h.shape[1] - S, blocks * L
    h_d, gates_d, x_d = at(h, d * (B + S) * H), at(gates, d * S * 4 * P), at(x, d * S * I)
    panels_d, sizes = at(panels, d * blocks * size), (B, I, H, P)
    for t in range(counts.size):
        n, row, old = counts[t], starts[t], row_before(starts, t, B)
        if mask is not None:
            _drop(at(h_old, (d * S + row) * H), at(h_d, old * H), at(mask, d * B * P), n, H, P)
        for p in range(blocks):
            panel = at(panels_d, p * size)
            units(h_d, c, gates_d, x_d, None, None, None, h_old, panel, panel, False, sizes, d, old, row, n, p * L,
                  True)  # fmt: skip
        if w is not None:
            new = at(h_d, (B + row) * H)
            _zone(new, new, at(h_d, old * H), H, H, at(w, (d * S + row) * P), P, n)
        if v is not None:
            c_d = at(c, d * (B + S) * P)
            new = at(c_d, (B + row) * P)
            _zone(new, new, at(c_d, old * P), P, P, at(v, (d * S + row) * P), P, n)


@njit(**OPTIONS)
def _remake(c, c_old, gates, n, P):
    """c~ of n rows, in the place of what zoneout made of it."""
    for q in range(n):
        for unit in range(0, P, lanes(c)):
            at_gate = q * 4 * P + unit
            i, f, g = load(gates, at_gate), load(gates, at_gate + P), load(gates, at_gate + 2 * P)
            store(c, q * P + unit, f * load(c_old, q * P + unit) + i * g)


@njit(**OPTIONS)
def backward(d_h, d_c, gates, d_out, h, c, w, v, mask, aside, none, hh_panels, starts, counts, bptt_steps, d):
    """Direction d, last step first; as `gated.backward`."""
    (S, width), H, (B, P) = d_out.shape[1:], h.shape[2], d_h.shape[1:]
    n_k = (THREE if c is None else GATES) * P
    d_state, past, w_hh = at(d_h, d * B * P), at(aside, d * B * 3 * P), at(hh_panels, d * hh_panels.shape[1])
    for t in range(counts.size - 1, -1, -1):
        n, row, old, cut = counts[t], starts[t], row_before(starts, t, B), is_cut(t, bptt_steps)
        d_gates = at(gates, (d * S + row) * 4 * P)
        first = (d * S + row) * P
        _part(d_state, past, at(d_out, (d * S + row) * width), w, first, n, P, width, H)
        if c is None:
            before = at(h, (d * (B + S) + old) * H)
            _gru_gradients(d_state, d_gates, at(none, 0), before, n, ZERO, P, H, P, ZERO, cut)
        else:
            d_cell, c_d = at(d_c, d * B * P), at(c, d * (B + S) * P)
            c_new, before = at(c_d, (B + row) * P), at(c_d, old * P)
            if v is not None:
                _part(d_cell, at(past, P), None, v, first, n, P, width, H)
                _remake(c_new, before, d_gates, n, P)
            _lstm_gradients(d_state, d_cell, d_gates, at(none, 0), c_new, before, None, d, n, ZERO, P, H, P, ZERO, cut)
            if v is not None and not cut:
                _join(d_cell, at(past, P), None, ZERO, n, P)
        if not cut:
            if w is not None:
                _join(d_state, past, None, ZERO, n, P)
            # Of a GRU's gates the first has no part in the product.
            _back(d_state, at(d_gates, 4 * P - n_k), 4 * P, n_k, w_hh, mask, d * B * P, at(past, 2 * P), n, P)


# --------------------------------------------------------------------------------------------------------- RNN


@njit(**OPTIONS)
def forward_rnn(h, new, x, w, mask, h_old, panels, starts, counts, nonlinearity, d):
    """Run direction d."""
    S, I = x.shape[1:]
    H, P = h.shape[2], new.shape[2]
    B = h.shape[1] - S
    h_d, x_d, panels_d = at(h, d * (B + S) * H), at(x, d * S * I), at(panels, d * panels.shape[2])
    for t in range(counts.size):
        n, row = counts[t], starts[t]
        before, newest = at(h_d, row_before(starts, t, B) * H), at(new, (d * S + row) * P)
        read = before
        if mask is not None:
            read = at(h_old, (d * S + row) * H)
            _drop(read, before, at(mask, d * B * P), n, H, P)
        layer(newest, P, read, H, at(x_d, row * I), panels_d, n, I, H, P, nonlinearity)
        state = at(h_d, (B + row) * H)
        if w is not None:
            _zone(state, newest, before, H, P, at(w, (d * S + row) * P), P, n)
        else:
            for q in range(n):
                for unit in range(0, H, lanes(h)):
                    store_some(state, q * H + unit, load(newest, q * P + unit), H - unit)


@njit(**OPTIONS)
def backward_rnn(d_h, new, d_out, w, mask, aside, hh_panels, starts, counts, nonlinearity, bptt_steps, H, d):
    """Direction d, last step first; as `rnn.backward`."""
    (S, width), (B, P) = d_out.shape[1:], d_h.shape[1:]
    d_state, past, w_hh = at(d_h, d * B * P), at(aside, d * B * 3 * P), at(hh_panels, d * hh_panels.shape[1])
    zero = zeros(d_h)
    for t in range(counts.size - 1, -1, -1):
        n, row, cut = counts[t], starts[t], is_cut(t, bptt_steps)
        d_gates = at(new, (d * S + row) * P)
        _part(d_state, past, at(d_out, (d * S + row) * width), w, (d * S + row) * P, n, P, width, H)
        for q in range(n):
            for unit in range(0, P, lanes(d_h)):
                k = q * P + unit
                store(d_gates, k, load(d_state, k) * slope(nonlinearity, load(d_gates, k)))
                store(d_state, k, zero)
        if not cut:
            if w is not None:
                _join(d_state, past, None, ZERO, n, P)
            _back(d_state, d_gates, P, P, w_hh, mask, d * B * P, at(past, 2 * P), n, P)
