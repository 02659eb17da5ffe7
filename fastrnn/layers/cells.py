"""One level of a recurrent stack, both directions: which arrays each cell's kernels need, and their calls.

Arrays lead with a direction axis D.  B sequences are packed into S rows (`fastrnn.kernels.packing`); P is H padded to
whole vectors.  What a method is given, and returns, are operands of a `fastrnn.programs.Program`.
"""

import numpy as np

from fastrnn.kernels import activations, gated, gru, gru_reset_before, lstm, rnn
from fastrnn.kernels.gradient import add_product, fold, gradient, outer, scratch_size
from fastrnn.kernels.rows import clear
from fastrnn.kernels.steps import HOISTED_STEPS, hoisted_rows
from fastrnn.kernels.tiles import MAX_WIDTH
from fastrnn.kernels.vectors import n_lanes, padded
from fastrnn.programs import MOST_SHARERS, NOTHING, SHARERS

NONLINEARITIES = {"tanh": activations.TANH, "relu": activations.RELU, "sigmoid": activations.SIGMOID}


def in_parts(p, function, *arguments, parts, stage):
    """Call it for all, or let threads share so many parts; its last arguments are how many there are, and which."""
    parts = parts if p.is_shared else 1
    p.share(function, *arguments, parts, tasks=parts, stage=stage)


def product(p, out, a, panels, n_k, stage):
    """Call `fastrnn.kernels.gradient.add_product`."""
    in_parts(p, add_product, out, a, panels, n_k, parts=SHARERS, stage=stage)


def outer_products(p, d_bias, d_ih, ih_pieces, d_gates, x, d_hh=None, hh_pieces=(), h=None, previous=None, P=1):
    """Call `fastrnn.kernels.gradient.gradient`, in the stage "backward"; without h there are inputs only.

    A piece is a run of d_gates' columns, from and to, and where its first one goes, each P times as much.
    """
    if h is None:
        d_hh, h, previous = p.sums(0, 0), p.room(0, 0), p.room(0, dtype=np.int64)
    scratch = p.room(MOST_SHARERS if p.is_shared else 1, scratch_size(d_gates.shape[1], n_lanes(p.dtype)))
    pieces = (P * np.array(some, np.int64).reshape(-1, 3) for some in (ih_pieces, hh_pieces))
    arguments = d_bias, d_ih, d_hh, *pieces, d_gates, x, h, previous, scratch
    in_parts(p, gradient, *arguments, parts=SHARERS, stage="backward")


def outer_product(p, d_weight, d_sums, inputs, picked):
    """Call `fastrnn.kernels.gradient.outer`, in the stage "backward"."""
    in_parts(p, outer, d_weight, d_sums, inputs, picked, parts=SHARERS, stage="backward")


class _Cell:
    """What the cells share.

    `states` names its states, by letters; h, which is read by what is above, comes first.
    `orders_ih` and `orders_hh` say how gates lie in the products of `backward`, of which there may be several;
    `ih_pieces`, `hh_pieces` and `b_hh_pieces` where they lie among the gates' gradients, as `outer_products` takes
    them.
    """

    shares_units = False
    """Whether threads can share the units of a step."""
    states = "h"
    kept = ""
    """What `forward` leaves in room["d_gates"], by letters and in order; perhaps more behind, which is no gate."""
    output_size = None
    """Numbers of h, if these are not as many as units."""
    starts = {}
    """Where parameters begin that are not drawn, by the first word of their names."""
    forget_gate = None
    """Which of the gates is an LSTM's forget gate."""
    options = ()
    """What it was made with."""
    is_noisy = False
    """Whether its steps have noise, which `draw` draws."""
    zoneout = 0.0
    """The share of each state that stays as it was; with it, every pass keeps what `backward` needs."""

    def of_level(self, I, H):
        """The cell of a level that reads I numbers; by which it may differ from the others."""
        return self

    @property
    def n_made(self):
        """How many of its states are made of facts or of a context, where there are such; the others begin at 0."""
        return len(self.states)

    def first_forget_biases(self, H):
        """What the forget gate's biases begin with, if not as all others."""
        return None

    def shapes(self, I, H):
        """PyTorch's kinds of parameters of one direction, in the order that `pack` takes them, and their shapes."""
        G = self.n_gates * H
        return {"weight_ih": (G, I), "weight_hh": (G, H), "bias_ih": (G,), "bias_hh": (G,)}

    def transposed(self, level, p):
        """The weights that `backward` multiplies the gates' gradients with, packed."""
        return level.transposed(p, "weight_hh", level.hidden_size, self.orders_hh)

    def panels_shape(self, I, H, dtype):
        """The shape that `pack` fills: a row of panels for each gate."""
        return self.n_gates, padded(H, dtype) * (1 + I + H)

    def add_gradients(self, p, room, x, gradients, rows):
        """Add to the stored gradients of each direction, dicts by kind; there may be none of biases.

        Returns the sums for W_hh.
        """
        of_hh = []
        for d, of in enumerate(gradients):
            w_ih, w_hh = of["weight_ih"], of["weight_hh"]
            H = w_hh.shape[1] // self.n_gates
            P = padded(H, p.dtype)
            d_bias = p.sums(room["d_gates"].shape[2])
            d_ih, d_hh = (p.sums(len(weight), weight.shape[1] // H * P) for weight in (w_ih, w_hh))
            fades = room.get("h_old", NOTHING) is not NOTHING  # then each row has its own old state
            states, previous = (room["h_old"], p.room(0, dtype=np.int64)) if fades else (room["h"], rows.previous)
            d_gates, inputs, h = (direction(p, array, d) for array in (room["d_gates"], x, states))
            outer_products(p, d_bias, d_ih, self.ih_pieces, d_gates, inputs, d_hh, self.hh_pieces, h, previous, P)
            add_sums(p, w_ih, d_ih, H, P)
            add_sums(p, w_hh, d_hh, H, P)
            for kind, pieces in (("bias_ih", self.ih_pieces), ("bias_hh", self.b_hh_pieces)):
                for low, high, target in pieces if kind in of else ():
                    add_sums(p, of[kind][target * H : (target + high - low) * H], d_bias, H, P, low * P)
            of_hh.append(d_hh)
        return of_hh


class RNNCell(_Cell):
    """h' = f(W_ih x + b_ih + W_hh h + b_hh)."""

    n_gates, pack = 1, staticmethod(rnn.pack)

    def __init__(self, nonlinearity):
        self.options, self.code = (nonlinearity,), NONLINEARITIES[nonlinearity]

    orders_ih = orders_hh = (rnn.ORDER,)
    ih_pieces = hh_pieces = b_hh_pieces = ((0, 1, 0),)

    def room(self, p, rows, D, H, keep):
        """A dict of what `forward` fills, with the states under "h" (and "c")."""
        return {"h": p.room(D, rows.B_AND_S, H)}

    def forward(self, p, room, x, panels, rows, keep):
        """Add the calls that fill it from x (D, S, I)."""
        p.share(rnn.forward, room["h"], x, panels, rows.starts, rows.counts, self.code, tasks=x.shape[0])

    def backward(self, p, room, d_states, d_out, hh, rows, bptt_steps):
        """Add the calls that fill room["d_gates"]; d_states become those of the initial states."""
        D, H = d_out.shape[0], room["h"].shape[2]
        room["d_gates"] = p.room(D, rows.S, padded(H, p.dtype))
        arguments = *d_states, room["d_gates"], d_out, room["h"], hh, rows.starts, rows.counts, self.code, bptt_steps
        p.share(rnn.backward, *arguments, tasks=D, stage="backward")


class _GatedCell(_Cell):
    """What LSTM and GRU share."""

    shares_units, has_peepholes = True, False

    def panels_shape(self, I, H, dtype):
        """The shape that `pack` fills: for each vector of units a row of vectors, of which four are biases."""
        count = n_lanes(dtype)
        return -(-H // count), (4 + self.n_gates * (I + H)) * count

    def room(self, p, rows, D, H, keep, gamma=NOTHING):
        P = padded(H, p.dtype)
        room = {"h": p.room(D, rows.B_AND_S, H), "c": NOTHING, "gamma": gamma, "h_old": NOTHING, "c_old": NOTHING}
        room["panels"] = NOTHING  # of which peepholes are a part
        if "c" in self.states:
            room["c"] = p.room(D, rows.B_AND_S if keep else rows.B, P)
        if gamma is not NOTHING:
            room["h_old"] = p.room(D, rows.S, H)
            room["c_old"] = p.room(D, rows.S, P) if "c" in self.states else NOTHING
        # Backward turns the gates into their gradients.
        return room | {"d_gates": p.room(D, rows.S if keep else 0, 4 * P)}

    def forward(self, p, room, x, panels, rows, keep):
        if self.has_peepholes:
            room["panels"] = panels
        (D, blocks, _), lane = panels.shape, n_lanes(p.dtype)
        P, places = blocks * lane, (rows.starts, rows.counts, int(keep))
        fading = room["gamma"], room["h_old"], room["c_old"]
        arrays = room["h"], room["c"], room["d_gates"], x, *fading, room["panels"], panels
        for d in range(D if room["gamma"] is not NOTHING else 0):
            p.call(gated.fade, *fading[1:], *arrays[:2], fading[0], *places, 0, d, 0, P)
        if p.is_shared:
            hoisted = p.room(D * blocks * HOISTED_STEPS, rows.B, 4 * lane)
            p.share(gated.forward_block, *arrays, hoisted, *places, tasks=D * blocks, steps=rows.T)
            return
        hoisted = p.room(p.at_most(rows.S, hoisted_rows(4 * P * p.dtype.itemsize)), 4 * P)
        p.share(gated.forward, *arrays, hoisted, *places, tasks=D)

    def backward(self, p, room, d_states, d_out, hh, rows, bptt_steps):
        d_h, d_c = d_states if "c" in self.states else (*d_states, NOTHING)
        D, _, P = d_h.shape
        kept = (room[name] for name in ("h", "c", "gamma", "h_old", "c_old", "panels"))
        arguments = d_h, d_c, room["d_gates"], d_out, *kept, hh, rows.starts, rows.counts, bptt_steps
        if p.is_shared:
            n = D * -(-P // (MAX_WIDTH * n_lanes(p.dtype)))
            p.share(gated.backward_block, *arguments, tasks=n, steps=p.at_most(rows.T, 2**62, 1), stage="backward")
            return
        p.share(gated.backward, *arguments, tasks=D, stage="backward")


class LSTMCell(_GatedCell):
    """Gates i, f, g, o; states h and c."""

    n_gates, kept, states, forget_gate, pack = 4, "ifgo", "hc", 1, staticmethod(lstm.pack)
    orders_ih = orders_hh = (lstm.ORDER,)
    ih_pieces = hh_pieces = b_hh_pieces = ((0, 4, 0),)


class LSTMPeepholeCell(LSTMCell):
    """As `LSTMCell`, with peepholes for i, f and o, which are parameters of each unit."""

    pack, has_peepholes = staticmethod(lstm.pack_with_peepholes), True

    def shapes(self, I, H):
        return {**super().shapes(I, H), "weight_peephole": (3 * H,)}

    def panels_shape(self, I, H, dtype):
        blocks, size = super().panels_shape(I, H, dtype)
        return blocks, size + 3 * n_lanes(dtype)

    def add_gradients(self, p, room, x, gradients, rows):
        super().add_gradients(p, room, x, gradients, rows)
        P = room["c"].shape[2]
        for d, of in enumerate(gradients):
            sums, (d_gates, c) = p.sums(3 * P), (direction(p, room[name], d) for name in ("d_gates", "c"))
            p.call(lstm.d_peepholes, sums, d_gates, c, rows.previous, stage="backward")
            add_sums(p, of["weight_peephole"], sums, of["weight_peephole"].size // 3, P)


class GRUCell(_GatedCell):
    """Gates r, z, n, the reset gate after the product."""

    n_gates, kept, pack = 3, "nrz", staticmethod(gru.pack)
    orders_ih, orders_hh = (gru.ORDER_IH,), (gru.ORDER_HH,)
    ih_pieces = ((0, 1, 2), (1, 3, 0))
    hh_pieces = b_hh_pieces = ((1, 4, 0),)


class GRUResetBeforeCell(_Cell):
    """Gates r, z, n, the reset gate before the product."""

    n_gates, kept, pack = 3, "nrz", staticmethod(rnn.pack)
    orders_ih = (gru_reset_before.ORDER_IH,)
    orders_hh = (gru_reset_before.ORDER_N, gru_reset_before.ORDER_RZ)
    ih_pieces = b_hh_pieces = ((0, 1, 2), (1, 3, 0))
    hh_pieces = ((1, 3, 0),)

    def room(self, p, rows, D, H, keep):
        P, n_rows = padded(H, p.dtype), rows.S if keep else rows.B
        gates, reset = (p.room(D, n_rows, n * P) for n in (3, 1))
        return {"h": p.room(D, rows.B_AND_S, H), "d_gates": gates, "reset": reset}

    def forward(self, p, room, x, panels, rows, keep):
        arguments = room["h"], room["d_gates"], room["reset"], x, panels, rows.starts, rows.counts, int(keep)
        p.share(gru_reset_before.forward, *arguments, tasks=x.shape[0])

    def backward(self, p, room, d_states, d_out, hh, rows, bptt_steps):
        D, _, P = d_states[0].shape
        arrays = *d_states, p.room(D, rows.B, P), room["d_gates"], d_out, room["h"], hh
        arguments = *arrays, rows.starts, rows.counts, bptt_steps
        p.share(gru_reset_before.backward, *arguments, tasks=D, stage="backward")

    def add_gradients(self, p, room, x, gradients, rows):
        P = room["reset"].shape[2]
        for d, d_hh in enumerate(super().add_gradients(p, room, x, gradients, rows)):
            d_gates, reset = (direction(p, room[name], d) for name in ("d_gates", "reset"))
            outer_products(p, p.sums(3 * P), d_hh, ((0, 1, 2),), d_gates, reset, P=P)


def direction(p, array, d):
    """One direction of an operand (D, rows, W)."""
    _, rows, W = array.shape
    return p.part(array, (rows, W), rows, d * W)


def alone(p, rows):
    """Rows (n, W) as an array (1, n, W)."""
    return p.part(rows, (1, *rows.shape))


def zeros(p, n, width, stage="backward"):
    """Rows that are cleared first."""
    rows = p.room(n, width)
    p.call(clear, alone(p, rows), n, stage=stage)
    return rows


def add_sums(p, gradient, sums, group, stride, offset=0):
    """Add to a stored gradient the sums of all places, of which its groups of numbers lie `stride` apart."""
    every, start = p.placed(sums)
    p.call(fold, gradient.ravel(), gradient.size // group, group, every, start + offset, stride, stage="after")
