"""MinGRU, MinLSTM and SRU: cells without a matrix over the state, and layers of them.

`fastrnn.kernels.minimal` has the equations and their sources.
"""

import numpy as np

from fastrnn.kernels import minimal
from fastrnn.kernels.steps import hoisted_rows
from fastrnn.kernels.vectors import empty_aligned, padded
from fastrnn.layers.cells import _Cell, add_sums, direction, outer_products
from fastrnn.layers.recurrent import _Recurrent
from fastrnn.programs import NOTHING


class _MinimalCell(_Cell):
    """What these cells share."""

    pack = staticmethod(minimal.pack)

    @property
    def orders_ih(self):
        return (np.arange(self.n_gates),)

    def shapes(self, I, H):
        return {"weight_ih": (self.n_gates * H, I), "bias_ih": (self.n_gates * H,)}

    def transposed(self, level, p):
        return NOTHING

    def panels_shape(self, I, H, dtype):
        return self.n_gates, padded(H, dtype) * (1 + I)

    def _chunk(self, p, P):
        """Rows whose products are made together."""
        return hoisted_rows(self.n_gates * P * p.dtype.itemsize)

    def room(self, p, rows, D, H, keep):
        P = padded(H, p.dtype)
        n_rows = rows.S if keep else p.at_most(rows.S, self._chunk(p, P))
        room = {"h": p.room(D, rows.B_AND_S, H), "d_gates": p.room(D, n_rows, self.n_gates * P)}
        if "c" in self.states:
            room["c"] = p.room(D, rows.B_AND_S if keep else rows.B, P)
        return room

    def forward(self, p, room, x, panels, rows, keep):
        chunk = self._chunk(p, room["d_gates"].shape[2] // self.n_gates)
        arrays = room["h"], room.get("c"), room["d_gates"], x, panels
        p.share(minimal.forward, *arrays, rows.starts, rows.counts, int(keep), chunk, tasks=x.shape[0])

    def backward(self, p, room, d_states, d_out, hh, rows, bptt_steps):
        d_h, d_c, d_skip, d_v, c, x = *d_states, *[None] * (6 - len(d_states))
        if "c" in self.states:
            D, _, P = d_h.shape
            c, x, d_v = room["c"], room["x"], p.sums(D, 2 * P)
            passes = self.n_gates == 3  # the input goes past the gates
            d_skip = p.room(D, rows.S if passes else 0, P)
            room |= {"d_v": d_v, "d_skip": d_skip if passes else None}
        arrays = d_h, d_c, room["d_gates"], d_skip, d_v, d_out, room["h"], c, x, hh
        arguments = *arrays, rows.starts, rows.counts, bptt_steps
        p.share(minimal.backward, *arguments, tasks=d_h.shape[0], stage="backward")

    def add_gradients(self, p, room, x, gradients, rows):
        for d, of in enumerate(gradients):
            (I, N), width = of["weight_ih"].shape, room["d_gates"].shape[2]
            H, P = N // self.n_gates, width // self.n_gates
            d_bias, d_ih = p.sums(width), p.sums(I, width)
            d_gates, inputs = direction(p, room["d_gates"], d), direction(p, x, d)
            outer_products(p, d_bias, d_ih, ((0, self.n_gates, 0),), d_gates, inputs, P=P)
            add_sums(p, of["weight_ih"], d_ih, H, P)
            if "bias_ih" in of:
                add_sums(p, of["bias_ih"], d_bias, H, P, P * ("weight_c" in of))  # an SRU's first gate has none
            if "weight_c" in of:
                add_sums(p, of["weight_c"], room["d_v"], H, P, 2 * d * P)


class MinGRUCell(_MinimalCell):
    """Gates z, n."""

    n_gates, kept = 2, "zn"


class MinLSTMCell(_MinimalCell):
    """Gates f, i, n; of the first two `fastrnn.kernels.minimal.minlstm` leaves shares of a denominator."""

    n_gates, kept = 3, "fin"


class SRUCell(_MinimalCell):
    """W x, gates f and r, and W_s x where there are not as many inputs as units; states h, which is not read, and c."""

    states, kept, pack = "hc", "gfr", staticmethod(minimal.pack_sru)

    def __init__(self, n_gates=3):
        self.n_gates = n_gates

    def of_level(self, I, H):
        return SRUCell(3 if I == H else 4)

    def shapes(self, I, H):
        return {"weight_ih": (self.of_level(I, H).n_gates * H, I), "weight_c": (2 * H,), "bias_ih": (2 * H,)}

    def transposed(self, level, p):
        H, dtype = level.hidden_size, p.dtype
        v = empty_aligned((level.n_directions, 2 * padded(H, dtype)), dtype)
        for one, suffix in zip(v, level.suffixes, strict=True):
            for part, first in zip(np.split(one, 2), (0, H), strict=True):
                weight = level.parameters.stored(f"weight_c{suffix}")
                p.call(minimal.pack_vector, part, weight, first, H, stage="before")
        return v

    def panels_shape(self, I, H, dtype):
        return self.n_gates, padded(H, dtype) * (2 + I)


class MinGRU(_Recurrent):  # numpydoc ignore=PR01
    """Minimal gated recurrent unit (Feng et al. 2024): ``h' = (1 - z) * h + z * n``.

    The gate ``z = sigmoid(W_z x + b_z)`` and the new state ``n = g(W_n x + b_n)`` read the input alone. g(a) is a + 0.5
    for a >= 0 and sigmoid(a) below, so that states stay positive if they begin so. A call is ``output, h_n = mingru(x,
    hx=None, lengths=None)``. ``weight_ih`` and ``bias_ih`` have z first, then n; there is no ``weight_hh``. Parameters
    that are not listed here are those of `LSTM`, with the same defaults.

    Parameters
    ----------
    bias : bool, default=True
        Whether there is the bias vector bias_ih.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.layers import MinGRU
    >>> mingru = MinGRU(5, 6, 2, random_state=0)
    >>> output, h_n = mingru(np.ones((1, 3, 5)), np.zeros((2, 3, 6)))
    >>> output.shape, h_n.shape, mingru.state_dict()["weight_ih_l0"].shape
    ((1, 3, 6), (2, 3, 6), (12, 5))
    """

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
        bidirectional=False, dtype="float32", random_state=None):  # fmt: skip
        self._build(MinGRUCell(), **locals())


class MinLSTM(_Recurrent):  # numpydoc ignore=PR01
    """Minimal LSTM (Feng et al. 2024): ``h' = f / (f + i) * h + i / (f + i) * n``.

    The gates ``f = sigmoid(W_f x + b_f)`` and ``i = sigmoid(W_i x + b_i)`` and the new state ``n = g(W_n x + b_n)``
    read the input alone; g is that of `MinGRU`. There is one state, h. A call is ``output, h_n = minlstm(x, hx=None,
    lengths=None)``. ``weight_ih`` and ``bias_ih`` have the order f, i, n; there is no ``weight_hh``. Parameters that
    are not listed here are those of `LSTM`, with the same defaults.

    Parameters
    ----------
    bias : bool, default=True
        Whether there is the bias vector bias_ih.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.layers import MinLSTM
    >>> minlstm = MinLSTM(5, 6, 2, random_state=0)
    >>> output, h_n = minlstm(np.ones((1, 3, 5)), np.zeros((2, 3, 6)))
    >>> output.shape, h_n.shape, minlstm.state_dict()["weight_ih_l0"].shape
    ((1, 3, 6), (2, 3, 6), (18, 5))
    """

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
        bidirectional=False, dtype="float32", random_state=None):  # fmt: skip
        self._build(MinLSTMCell(), **locals())


class SRU(_Recurrent):  # numpydoc ignore=PR01
    """Simple recurrent unit (Lei et al. 2018): ``c' = f * c + (1 - f) * (W x)``, ``h' = r * c' + (1 - r) * s``.

    The gates ``f = sigmoid(W_f x + v_f * c + b_f)`` and ``r = sigmoid(W_r x + v_r * c + b_r)`` read the input and their
    own unit's state. s is x, or W_s x where input_size is not hidden_size. A call is ``output, (h_n, c_n) = sru(x,
    hx=None, lengths=None)``, with hx a tuple ``(h_0, c_0)``; h_0 is not read. ``weight_ih`` has the order W, W_f,
    W_r and, if it is there, W_s; ``weight_c`` is v_f, then v_r, and ``bias_ih`` b_f, then b_r. There is no
    ``weight_hh``. Parameters that are not listed here are those of `LSTM`, with the same defaults.

    Parameters
    ----------
    bias : bool, default=True
        Whether there is the bias vector bias_ih, that of f and r.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.layers import SRU
    >>> sru = SRU(5, 6, 2, random_state=0)
    >>> output, (h_n, c_n) = sru(np.ones((1, 3, 5)))
    >>> output.shape, h_n.shape, c_n.shape
    ((1, 3, 6), (2, 3, 6), (2, 3, 6))
    >>> [sru.state_dict()[name].shape for name in ("weight_ih_l0", "weight_ih_l1", "weight_c_l0", "bias_ih_l0")]
    [(24, 5), (18, 6), (12,), (12,)]
    """

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
        bidirectional=False, dtype="float32", random_state=None):  # fmt: skip
        self._build(SRUCell(), **locals())
