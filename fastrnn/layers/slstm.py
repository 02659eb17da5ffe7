"""The sLSTM: its cell, and the layer that is called like those of PyTorch."""

from math import lcm

import numpy as np

from fastrnn.kernels import slstm
from fastrnn.kernels.gradient import scratch_size
from fastrnn.kernels.steps import HOISTED_STEPS, hoisted_rows
from fastrnn.kernels.vectors import empty_aligned, n_lanes, padded
from fastrnn.layers.cells import _Cell, add_sums, direction, in_parts
from fastrnn.layers.recurrent import _Recurrent
from fastrnn.programs import MOST_SHARERS, SHARERS
from fastrnn.wording import check_count

HEADS = 4
"""Of a cell that was not told how many, if they divide its units."""


class SLSTMCell(_Cell):
    """Gates i, f, z, o; states h, c, n and m.  A unit reads the old h of the units of its head."""

    n_gates, kept, states, forget_gate, shares_units = 4, "ifgo", "hcnm", 1, True
    pack = staticmethod(slstm.pack)
    orders_ih, n_made = (slstm.ORDER,), 2  # with n = 0 the others are of no account

    def __init__(self, num_heads=None):
        self._num_heads = num_heads

    def heads(self, H):
        """The number of heads."""
        return self._num_heads or (HEADS if H % HEADS == 0 else 1)

    def group(self, H, dtype):
        """Units whose products are done together: heads in whole vectors, or all units."""
        group = lcm(H // self.heads(H), n_lanes(dtype))
        return group if H % group == 0 else H

    def shapes(self, I, H):
        return {"weight_ih": (4 * H, I), "weight_hh": (4 * H, H // self.heads(H)), "bias_ih": (4 * H,)}

    def panels_shape(self, I, H, dtype):
        """The shape that `pack` fills."""
        count = n_lanes(dtype)
        return -(-H // count), 4 * (1 + I + self.group(H, dtype)) * count

    def first_forget_biases(self, H):
        """From 3 to 6 in each head, the "small_init" of the package xlstm, for long memories."""
        heads = self.heads(H)
        return np.tile(np.linspace(3, 6, H // heads), heads)

    def transposed(self, level, p):
        """The weights that `backward` multiplies the gates' gradients with, packed."""
        H, stored = level.hidden_size, level.parameters.stored
        rows = padded(self.group(H, p.dtype), p.dtype)
        panels = empty_aligned((level.n_directions, 4 * rows * padded(H, p.dtype)), p.dtype)
        for one, suffix in zip(panels, level.suffixes, strict=True):
            p.call(slstm.pack_back, one, stored("weight_hh" + suffix), rows, stage="before")
        return panels

    def room(self, p, rows, D, H, keep):
        P, kept = padded(H, p.dtype), rows.B_AND_S if keep else rows.B
        states = {name: p.room(D, kept, P) for name in "cnm"}
        return {"h": p.room(D, rows.B_AND_S, H), **states, "d_gates": p.room(D, rows.S if keep else 0, 4 * P)}

    def forward(self, p, room, x, panels, rows, keep):
        (D, blocks, _), lane = panels.shape, n_lanes(p.dtype)
        arrays, places = (*(room[name] for name in (*"hcnm", "d_gates")), x, panels), (rows.starts, rows.counts)
        if p.is_shared:
            hoisted = p.room(D * blocks * HOISTED_STEPS, rows.B, 4 * lane)
            p.share(slstm.forward_block, *arrays, hoisted, *places, int(keep), tasks=D * blocks, steps=rows.T)
            return
        width = 4 * blocks * lane
        hoisted = p.room(p.at_most(rows.S, hoisted_rows(width * p.dtype.itemsize)), width)
        p.share(slstm.forward, *arrays, hoisted, *places, int(keep), tasks=D)

    def backward(self, p, room, d_states, d_out, hh, rows, bptt_steps):
        D, _, P = d_states[0].shape
        arrays = *d_states, room["d_gates"], d_out, *(room[name] for name in "hcn"), hh
        arguments = *arrays, rows.starts, rows.counts, bptt_steps
        if p.is_shared:
            lane = n_lanes(p.dtype)
            width = slstm.panel_vectors.py_func(hh.shape[1] // (4 * P * lane)) * lane
            steps = p.at_most(rows.T, 2**62, 1)
            p.share(slstm.backward_block, *arguments, tasks=D * P // width, steps=steps, stage="backward")
            return
        p.share(slstm.backward, *arguments, tasks=D, stage="backward")

    def add_gradients(self, p, room, x, gradients, rows):
        """Add to the stored gradients of each direction, dicts by kind; there may be none of biases."""
        picked = p.room(rows.S, dtype=np.int64)
        for d, of in enumerate(gradients):
            w_ih, w_hh = of["weight_ih"], of["weight_hh"]
            I, H = len(w_ih), w_ih.shape[1] // 4
            P, group = padded(H, p.dtype), self.group(H, p.dtype)
            n_groups, rows_hh = H // group, padded(group, p.dtype)
            if d == 0:
                p.call(slstm.pick, picked, rows.previous, n_groups, stage="backward")
            starts = P * np.arange(4)
            pieces = [np.stack([starts, starts + P, starts], axis=1)]
            for first in range(0, H, group):
                low = starts + first
                pieces.append(np.stack([low, low + rows_hh, rows_hh * np.arange(4)], axis=1))
            d_bias, d_ih, d_hh = p.sums(4 * P), p.sums(I, 4 * P), p.sums(H, 4 * rows_hh)
            size = scratch_size(4 * P, n_lanes(p.dtype))
            scratch = p.room(MOST_SHARERS if p.is_shared else 1, size)
            d_gates, inputs, h = (direction(p, array, d) for array in (room["d_gates"], x, room["h"]))
            arguments = d_bias, d_ih, d_hh, np.array(pieces), d_gates, inputs, h, picked, scratch
            in_parts(p, slstm.gradient, *arguments, parts=SHARERS, stage="backward")
            add_sums(p, w_ih, d_ih, H, P)
            every, start = p.placed(d_hh)
            p.call(slstm.fold_heads, w_hh, every, start, rows_hh, stage="after")
            if "bias_ih" in of:
                add_sums(p, of["bias_ih"], d_bias, H, P)


class SLSTM(_Recurrent):  # numpydoc ignore=PR01
    """Scalar LSTM with exponential input gates (Beck et al. 2024, "xLSTM: Extended long short-term memory").

    A call is ``output, (h_n, c_n, n_n, m_n) = slstm(x, hx=None, lengths=None)``, with hx a tuple ``(h_0, c_0, n_0,
    m_0)``. Weights are ``weight_ih`` (4H, I), ``weight_hh`` (4H, H / num_heads) and ``bias_ih`` (4H,), gates in the
    order i, f, z, o. The rows of ``weight_hh`` are units; a unit reads the h of its own head. n_0 must not be negative.
    Parameters that are not listed here are those of `LSTM`, with the same defaults.

    Parameters
    ----------
    num_heads : int, default=4
        The number of heads, which divides hidden_size.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.layers import SLSTM
    >>> slstm = SLSTM(5, 8, random_state=0)
    >>> output, (h_n, c_n, n_n, m_n) = slstm(np.ones((1, 3, 5)))
    >>> output.shape, h_n.shape, slstm.state_dict()["weight_hh_l0"].shape
    ((1, 3, 8), (1, 3, 8), (32, 2))
    """

    def __init__(self, input_size, hidden_size, num_layers=1, num_heads=HEADS, bias=True, batch_first=False,
        dropout=0.0, bidirectional=False, dtype="float32", random_state=None):  # fmt: skip
        check_count("hidden_size", hidden_size)
        num_heads = check_count("num_heads", num_heads)
        if hidden_size % num_heads:
            found = f"num_heads must divide hidden_size={hidden_size}; got {num_heads}"
            raise ValueError(f"{found}: set another, such as num_heads=1")
        self.num_heads = num_heads
        self._build(SLSTMCell(num_heads), **locals())

    def _checked_state(self, state, B, is_single, what):
        every = super()._checked_state(state, B, is_single, what)
        least = 0 if every is None or what != "initial state" else np.split(every, 4)[2].min()  # gradients may be less
        if least < 0:
            raise ValueError(f"the {what} n has {least:.3g}, but must not be negative: give 0 or more")
        return every
