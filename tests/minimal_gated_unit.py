"""A cell that the library does not have: the minimal gated unit.  The page "Behind it" of the guide shows its parts.

    f = sigmoid(W_if x + b_if + W_hf h + b_hf)        n = tanh(W_in x + b_in + W_hn (f * h) + b_hn)
    h' = (1 - f) * h + f * n

Zhou, Wu, Zhang and Zhou 2016, "Minimal gated unit for recurrent neural networks", arXiv:1603.09420, section 3.2.
Letters: T steps, B sequences, S packed rows, D directions, I inputs, H hidden units, P is H padded to whole vectors.
"""

import numpy as np

from fastrnn.kernels.activations import SIGMOID, TANH
from fastrnn.kernels.caching import njit
from fastrnn.kernels.rnn import layer, pack
from fastrnn.kernels.steps import is_cut, row_before
from fastrnn.kernels.tiles import product
from fastrnn.kernels.vectors import OPTIONS, at, lanes, load, load_some, padded, store, store_some
from fastrnn.layers.cells import _Cell, direction, outer_products
from fastrnn.layers.recurrent import _Recurrent


# begin: reference
def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def reference_forward(x, h_0, p):
    """The states (T, H) of one sequence x (T, I), and what the way back needs."""
    H = len(h_0)
    (W_hf, W_hn), (b_hf, b_hn) = p["weight_hh"].reshape(2, H, H), p["bias_hh"].reshape(2, H)
    h, gates = [h_0], []
    for x_t in x:
        i_f, i_n = (p["weight_ih"] @ x_t + p["bias_ih"]).reshape(2, H)
        f = sigmoid(i_f + W_hf @ h[-1] + b_hf)
        n = np.tanh(i_n + W_hn @ (f * h[-1]) + b_hn)
        h.append((1 - f) * h[-1] + f * n)
        gates.append((f, n))
    return np.array(h[1:]), (x, h, gates, p)


def reference_backward(d_out, stash):
    """From the gradient (T, H) of all states to those of x, of the initial state and of the parameters."""
    x, h, gates, p = stash
    H = len(h[0])
    W_hf, W_hn = p["weight_hh"].reshape(2, H, H)
    d_x, d_h, d_p = np.zeros_like(x), np.zeros(H), {name: np.zeros_like(value) for name, value in p.items()}
    for t in reversed(range(len(x))):
        (f, n), before = gates[t], h[t]
        d_h = d_h + d_out[t]
        d_a_n = d_h * f * (1 - n * n)
        d_fh = W_hn.T @ d_a_n
        d_a_f = (d_h * (n - before) + d_fh * before) * f * (1 - f)
        d_gates = np.concatenate([d_a_f, d_a_n])
        d_p["weight_ih"] += np.outer(d_gates, x[t])
        d_p["bias_ih"] += d_gates
        d_p["bias_hh"] += d_gates
        d_p["weight_hh"] += np.concatenate([np.outer(d_a_f, before), np.outer(d_a_n, f * before)])
        d_x[t] = p["weight_ih"].T @ d_gates
        d_h = d_h * (1 - f) + d_fh * f + W_hf.T @ d_a_f
    return d_x, d_h, d_p


# end: reference


# begin: forward
@njit(**OPTIONS)
def forward(h, gates, forgotten, x, panels, starts, counts, keep, d):
    """Run direction d.

    h (D, B + S, H) has the B initial states, then the state after each row; gates (D, S, 2 P) take f and n of each
    row, and forgotten (D, S, P) takes f * h, if they are kept (else there are B rows).  x is (D, S, I).  For each step
    `starts` has the packed row of its first sequence, and `counts` how many sequences are alive.
    """
    h, gates, forgotten, x, panels = h[d], gates[d], forgotten[d], x[d], panels[d]
    H, I, P, L = h.shape[1], x.shape[1], forgotten.shape[1], lanes(h)
    B = h.shape[0] - x.shape[0]
    for t in range(counts.size):
        count, row, slot = counts[t], starts[t], starts[t] if keep else 0
        x_t, h_old, h_new = at(x, row * I), at(h, row_before(starts, t, B) * H), at(h, (B + row) * H)
        f, n, fh = at(gates, slot * 2 * P), at(gates, (slot * 2 + 1) * P), at(forgotten, slot * P)
        layer(f, 2 * P, h_old, H, x_t, at(panels, 0), count, I, H, P, SIGMOID)
        for q in range(count):
            for unit in range(0, H, L):
                before = load_some(h_old, q * H + unit, H - unit)
                store(fh, q * P + unit, load(f, q * 2 * P + unit) * before)
        layer(n, 2 * P, fh, P, x_t, at(panels, panels.shape[1]), count, I, H, P, TANH)
        for q in range(count):
            for unit in range(0, H, L):
                before, gate = load_some(h_old, q * H + unit, H - unit), q * 2 * P + unit
                store_some(h_new, q * H + unit, before + load(f, gate) * (load(n, gate) - before), H - unit)


# end: forward


# begin: backward
@njit(**OPTIONS)
def backward(d_h, d_f, d_fh, gates, d_out, h, hh_panels, starts, counts, bptt_steps, d):
    """Direction d, last step first.

    Turns gates into their gradients, and d_h (D, B, P) from the final into the initial states' gradient.  d_f and d_fh
    are scratch of the same shape.  d_out (D, S, >= H) is the gradient of each row's h; hh_panels are W_hn and then
    W_hf, packed for `product`; a gradient stops at each multiple of `bptt_steps` steps, 0 for none.
    """
    d_h, d_f, d_fh, gates, d_out, h, hh_panels = d_h[d], d_f[d], d_fh[d], gates[d], d_out[d], h[d], hh_panels[d]
    (B, P), H, L = d_h.shape, h.shape[1], lanes(h)
    width = d_out.shape[1]
    n_panels, f_panels = hh_panels[: P * P], hh_panels[P * P :]
    for t in range(counts.size - 1, -1, -1):
        count, row = counts[t], starts[t]
        h_old, kept, d_row = at(h, row_before(starts, t, B) * H), at(gates, row * 2 * P), at(d_out, row * width)
        for q in range(count):
            for unit in range(0, H, L):
                gate, state = q * 2 * P + unit, q * P + unit
                f, n = load(kept, gate), load(kept, gate + P)
                before = load_some(h_old, q * H + unit, H - unit)
                dh = load(d_h, state) + load_some(d_row, q * width + unit, H - unit)
                store(kept, gate + P, dh * f * (1.0 - n * n))
                store(d_f, state, dh * (n - before))
                store(d_h, state, dh * (1.0 - f))
        d_fh[:count] = 0.0
        product(at(d_fh, 0), P, at(kept, P), 2 * P, at(n_panels, 0), count, P // L, P)
        for q in range(count):
            for unit in range(0, H, L):
                gate, state = q * 2 * P + unit, q * P + unit
                f, of_fh = load(kept, gate), load(d_fh, state)
                of_f = load(d_f, state) + of_fh * load_some(h_old, q * H + unit, H - unit)
                store(kept, gate, of_f * f * (1.0 - f))
                store(d_h, state, load(d_h, state) + of_fh * f)
        if is_cut(t, bptt_steps):
            d_h[:count] = 0.0
        else:
            product(at(d_h, 0), P, kept, 2 * P, at(f_panels, 0), count, P // L, P)


# end: backward


# begin: cell
class MGUCell(_Cell):
    """Gates f, n."""

    n_gates, pack = 2, staticmethod(pack)  # the plain RNN's `pack` is for any number of gates
    orders_ih = (np.arange(2),)
    orders_hh = (np.array([1]), np.array([0]))  # in `backward` W_hn comes first, then W_hf
    ih_pieces = b_hh_pieces = ((0, 2, 0),)  # the gradients of both gates, as they lie
    hh_pieces = ((0, 1, 0),)  # that of f goes with h; n has a product of its own

    def room(self, p, rows, D, H, keep):
        P, n_rows = padded(H, p.dtype), rows.S if keep else rows.B
        gates, forgotten = (p.room(D, n_rows, n * P) for n in (2, 1))
        return {"h": p.room(D, rows.B_AND_S, H), "d_gates": gates, "forgotten": forgotten}

    def forward(self, p, room, x, panels, rows, keep):
        arrays = room["h"], room["d_gates"], room["forgotten"], x, panels
        p.share(forward, *arrays, rows.starts, rows.counts, int(keep), tasks=x.shape[0])

    def backward(self, p, room, d_states, d_out, hh, rows, bptt_steps):
        D, _, P = d_states[0].shape
        scratch = (p.room(D, rows.B, P) for _ in range(2))
        arrays = *d_states, *scratch, room["d_gates"], d_out, room["h"], hh
        p.share(backward, *arrays, rows.starts, rows.counts, bptt_steps, tasks=D, stage="backward")

    def add_gradients(self, p, room, x, gradients, rows):
        P = room["forgotten"].shape[2]
        for d, d_hh in enumerate(super().add_gradients(p, room, x, gradients, rows)):
            d_gates, forgotten = (direction(p, room[name], d) for name in ("d_gates", "forgotten"))
            outer_products(p, p.sums(2 * P), d_hh, ((1, 2, 1),), d_gates, forgotten, P=P)


# end: cell


# begin: layer
class MGU(_Recurrent):
    """The minimal gated unit (Zhou et al. 2016).  Parameters and calls are those of `GRU`."""

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
        bidirectional=False, dtype="float32", random_state=None):  # fmt: skip
        self._build(MGUCell(), **locals())


# end: layer
