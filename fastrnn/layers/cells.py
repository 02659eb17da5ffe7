"""One level of a recurrent stack, both directions: which arrays each cell's kernels need, and their calls.

Arrays lead with a direction axis D.  B sequences are packed into S rows (`fastrnn.kernels.packing`); P is H padded to
whole vectors.  What a method is given, and returns, are operands of a `fastrnn.programs.Program`.
"""

from functools import lru_cache

import numpy as np

from fastrnn.kernels import activations, gated, gru, gru_reset_before, lstm, rnn
from fastrnn.kernels.gradient import add_product, fold, gradient, scratch_size
from fastrnn.kernels.rows import clear
from fastrnn.kernels.steps import HOISTED_STEPS, MOST_SHARED, hoisted_rows
from fastrnn.kernels.tiles import MAX_WIDTH, pack_transposed
from fastrnn.kernels.vectors import n_lanes, padded
from fastrnn.programs import MOST_SHARERS, NOTHING, SHARERS

NONLINEARITIES = {"tanh": activations.TANH, "relu": activations.RELU, "sigmoid": activations.SIGMOID}
@lru_cache(maxsize=64)
def column_runs(*runs):
    """Runs of d_gates' columns, each (from, to, where its first column goes), as the kernels read them."""
    return np.array(runs, np.int64).reshape(-1, 3)


def product(p, out, a, panels, n_k, stage):
    """Call `fastrnn.kernels.gradient.add_product`."""
    if p.is_shared:
        p.share(add_product, out, a, panels, n_k, SHARERS, tasks=SHARERS, stage=stage)
    else:
        p.call(add_product, out, a, panels, n_k, 1, 0, stage=stage)


def outer_products(p, d_bias, d_ih, ih_pieces, d_gates, x, d_hh=None, hh_pieces=(), h=None, previous=None):
    """Call `fastrnn.kernels.gradient.gradient`, in the stage "backward"; without h there are inputs only."""
    nowhere = p.room(0, dtype=np.int64)
    if h is None:
        d_hh, h, previous = p.sums(0, 0), p.room(0, 0), nowhere
    parts, scratches = (SHARERS, MOST_SHARERS) if p.is_shared else (1, 1)
    size = scratch_size(x.shape[1], h.shape[1], d_gates.shape[1], n_lanes(p.dtype))
    pieces = column_runs(*ih_pieces), column_runs(*hh_pieces)
    arguments = d_bias, d_ih, d_hh, *pieces, d_gates, x, h, previous, nowhere, p.room(scratches, size), parts
    if p.is_shared:
        p.share(gradient, *arguments, tasks=parts, stage="backward")
    else:
        p.call(gradient, *arguments, 0, stage="backward")


class _Cell:
    """What the cells share; `order_ih` and `order_hh` say how gates lie in the products of `backward`."""

    shares_units = False
    """Whether threads can share the units of a step."""

    def pack_ih_transposed(self, panels, weight, H):
        """A call that packs one direction's W_ih (stored transposed) for the products in `backward`."""
        return [(pack_transposed, panels, weight, H, self.order_ih)]

    def pack_hh_transposed(self, panels, weight, H):
        """Likewise W_hh."""
        return [(pack_transposed, panels, weight, H, self.order_hh)]

    @staticmethod
    def _each(p, D, function, *arguments, stage):
        """Call it for each direction, or let threads share these."""
        if p.is_shared:
            p.share(function, *arguments, tasks=D, stage=stage)
            return
        for d in range(D):
            p.call(function, *arguments, d, stage=stage)


class RNNCell(_Cell):
    """h' = f(W_ih x + b_ih + W_hh h + b_hh)."""

    n_gates, n_states, pack = 1, 1, staticmethod(rnn.pack)

    def __init__(self, nonlinearity):
        self.code = NONLINEARITIES[nonlinearity]

    def panels_shape(self, I, H, dtype):
        """The shape that `pack` fills."""
        return (padded(H, dtype) * (1 + I + H),)

    order_ih = order_hh = rnn.ORDER

    def room(self, p, rows, D, H, keep):
        """A dict of what `forward` fills, with the states under "h" (and "c")."""
        return {"h": p.room(D, rows.B_AND_S, H)}

    def forward(self, p, room, x, panels, rows, keep):
        """Add the calls that fill it from x (D, S, I)."""
        P = padded(room["h"].shape[2], p.dtype)
        hoisted = p.room(p.at_most(rows.S, hoisted_rows(P * p.dtype.itemsize)), P)
        arguments = room["h"], x, panels, hoisted, rows.starts, rows.counts, self.code
        for d in range(x.shape[0]):  # not at once: they have the same scratch
            p.call(rnn.forward, *arguments, d)

    def backward(self, p, room, d_states, d_out, hh, rows, bptt_steps):
        """Add the calls that fill room["d_gates"]; d_states become those of the initial states."""
        D, H = d_out.shape[0], room["h"].shape[2]
        room["d_gates"] = p.room(D, rows.S, padded(H, p.dtype))
        arrays = *d_states, room["d_gates"], d_out, room["h"], hh
        self._each(p, D, rnn.backward, *arrays, rows.starts, rows.counts, self.code, bptt_steps, stage="backward")

    def add_gradients(self, p, room, x, gradients, rows):
        """Add to the stored gradients (w_ih, w_hh, b_ih, b_hh) of each direction."""
        P = room["d_gates"].shape[2]
        every = ((0, P, 0),)
        _add_gradients(p, room, x, gradients, rows.previous, every, every, P)


class _GatedCell(_Cell):
    """What LSTM and GRU share."""

    shares_units = True

    def room(self, p, rows, D, H, keep):
        P = padded(H, p.dtype)
        room = {"h": p.room(D, rows.B_AND_S, H), "c": NOTHING}
        if self.n_states == 2:
            room["c"] = p.room(D, rows.B_AND_S if keep else rows.B, P)
        # Backward turns the gates into their gradients.
        return room | {"d_gates": p.room(D, rows.S if keep else 0, 4 * P)}

    def forward(self, p, room, x, panels, rows, keep):
        (D, blocks, _), lane = panels.shape, n_lanes(p.dtype)
        P, places = blocks * lane, (rows.starts, rows.counts, int(keep))
        arrays = room["h"], room["c"], room["d_gates"], x, panels
        if p.is_shared:
            hoisted = p.room(D * blocks, p.at_most(rows.S, HOISTED_STEPS * MOST_SHARED), 4 * lane)
            p.share(gated.forward_block, *arrays, hoisted, *places, tasks=D * blocks, steps=rows.T)
            return
        hoisted = p.room(p.at_most(rows.S, hoisted_rows(4 * P * p.dtype.itemsize)), 4 * P)
        for d in range(D):
            p.call(gated.forward, *arrays, hoisted, *places, d)

    def backward(self, p, room, d_states, d_out, hh, rows, bptt_steps):
        d_h, d_c = d_states if self.n_states == 2 else (*d_states, NOTHING)
        D, _, P = d_h.shape
        arrays = d_h, d_c, room["d_gates"], d_out, room["h"], room["c"], hh
        arguments = *arrays, rows.starts, rows.counts, bptt_steps
        if p.is_shared:
            n_tasks = D * -(-P // (MAX_WIDTH * n_lanes(p.dtype)))
            p.share(gated.backward_block, *arguments, tasks=n_tasks, steps=p.at_most(rows.T, 2**62, 1), stage="backward")
            return
        self._each(p, D, gated.backward, *arguments, stage="backward")

    def add_gradients(self, p, room, x, gradients, rows):
        P = room["d_gates"].shape[2] // 4
        _add_gradients(p, room, x, gradients, rows.previous, self.ih_pieces(P), self.hh_pieces(P), P)


class LSTMCell(_GatedCell):
    """Gates i, f, g, o; states h and c."""

    n_gates, n_states, pack = 4, 2, staticmethod(lstm.pack)

    def panels_shape(self, I, H, dtype):
        return _blocks(H, 4 * (1 + I + H), dtype)

    order_ih = order_hh = lstm.ORDER

    def ih_pieces(self, P):
        """Of the gates' gradients, as `_add_gradients` takes them."""
        return ((0, 4 * P, 0),)

    hh_pieces = ih_pieces


class GRUCell(_GatedCell):
    """Gates r, z, n, the reset gate after the product."""

    n_gates, n_states, pack = 3, 1, staticmethod(gru.pack)

    def panels_shape(self, I, H, dtype):
        return _blocks(H, 4 + 3 * (I + H), dtype)

    order_ih, order_hh = gru.ORDER_IH, gru.ORDER_HH

    def ih_pieces(self, P):
        return ((0, P, 2 * P), (P, 3 * P, 0))

    def hh_pieces(self, P):
        return ((P, 4 * P, 0),)


class GRUResetBeforeCell(_Cell):
    """Gates r, z, n, the reset gate before the product."""

    n_gates, n_states, pack = 3, 1, staticmethod(gru_reset_before.pack)

    def panels_shape(self, I, H, dtype):
        return _blocks(H, 3 * (1 + I + H), dtype)

    order_ih = gru_reset_before.ORDER_IH

    def pack_hh_transposed(self, panels, weight, H):
        of_n = panels.size // 3
        return [
            (pack_transposed, panels[:of_n], weight, H, gru_reset_before.ORDER_N),
            (pack_transposed, panels[of_n:], weight, H, gru_reset_before.ORDER_RZ),
        ]

    def room(self, p, rows, D, H, keep):
        P, n_rows = padded(H, p.dtype), rows.S if keep else rows.B
        gates, reset = (p.room(D, n_rows, n * P) for n in (3, 1))
        return {"h": p.room(D, rows.B_AND_S, H), "d_gates": gates, "reset": reset}

    def forward(self, p, room, x, panels, rows, keep):
        arrays = room["h"], room["d_gates"], room["reset"], x, panels
        arguments = *arrays, rows.starts, rows.counts, int(keep)
        self._each(p, x.shape[0], gru_reset_before.forward, *arguments, stage="forward")

    def backward(self, p, room, d_states, d_out, hh, rows, bptt_steps):
        D, _, P = d_states[0].shape
        arrays = *d_states, p.room(D, rows.B, P), room["d_gates"], d_out, room["h"], hh
        arguments = *arrays, rows.starts, rows.counts, bptt_steps
        self._each(p, D, gru_reset_before.backward, *arguments, stage="backward")

    def add_gradients(self, p, room, x, gradients, rows):
        P = room["reset"].shape[2]
        n, rz = (0, P, 2 * P), (P, 3 * P, 0)
        of_hh = _add_gradients(p, room, x, gradients, rows.previous, (n, rz), (rz,), P, bias_hh_pieces=(n, rz))
        for d, d_hh in enumerate(of_hh):
            d_gates, reset = (direction(p, room[name], d) for name in ("d_gates", "reset"))
            outer_products(p, p.sums(3 * P), d_hh, (n,), d_gates, reset)


def _blocks(H, vectors, dtype):
    """The shape of panels for H units: a row of so many vectors for each vector of units."""
    count = n_lanes(dtype)
    return -(-H // count), vectors * count


def direction(p, array, d):
    """One direction of an operand (D, rows, W)."""
    _, rows, W = array.shape
    return p.part(array, (rows, W), rows, d * W)


def zero_states(p, states, n_rows, stage="forward"):
    """Clear the first rows of states (D, ., W)."""
    p.call(clear, states, n_rows, stage=stage)


def _add_gradients(p, room, x, gradients, previous, ih_pieces, hh_pieces, P, bias_hh_pieces=None):
    """Add each direction's gradients to the stored ones of W_ih, W_hh, b_ih and b_hh, None where there are no biases.

    A piece is a run of d_gates' columns, from and to, and the place of its first column among padded gates.  Returns
    the sums for W_hh.
    """
    of_hh = []
    for d, (w_ih, w_hh, b_ih, b_hh) in enumerate(gradients):
        H, d_bias = w_hh.shape[0], p.sums(room["d_gates"].shape[2])
        d_ih, d_hh = (p.sums(len(weight), weight.shape[1] // H * P) for weight in (w_ih, w_hh))
        d_gates, inputs, h = (direction(p, array, d) for array in (room["d_gates"], x, room["h"]))
        outer_products(p, d_bias, d_ih, ih_pieces, d_gates, inputs, d_hh, hh_pieces, h, previous)
        for weight, d_weight in ((w_ih, d_ih), (w_hh, d_hh)):
            add_sums(p, weight, d_weight, H, P)
        for bias, pieces in ((b_ih, ih_pieces), (b_hh, bias_hh_pieces or hh_pieces)):
            for low, high, target in pieces if bias is not None else ():
                units = bias[target // P * H : (target + high - low) // P * H]
                add_sums(p, units, d_bias, H, P, low)
        of_hh.append(d_hh)
    return of_hh


def add_sums(p, gradient, sums, group, stride, offset=0):
    """Add to a stored gradient the sums of all places, of which its groups of numbers lie `stride` apart."""
    every, start = p.placed(sums)
    p.call(fold, gradient.ravel(), gradient.size // group, group, every, start + offset, stride, stage="after")
