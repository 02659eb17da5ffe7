"""The LSTM whose state is projected: `fastrnn.kernels.projection` has the equations."""

from fastrnn.kernels import projection
from fastrnn.kernels.tiles import pack_transposed
from fastrnn.kernels.vectors import empty_aligned, padded
from fastrnn.layers.cells import LSTMCell, _Cell, add_sums, direction, outer_products, zeros


class LSTMProjectedCell(_Cell):
    """Gates i, f, g, o; states h, of R numbers, and c."""

    n_gates, states, forget_gate, pack = 4, "hc", 1, staticmethod(projection.pack)
    kept, orders_ih, ih_pieces, hh_pieces, b_hh_pieces = (getattr(LSTMCell, name) for name in (
        "kept", "orders_ih", "ih_pieces", "hh_pieces", "b_hh_pieces"))  # fmt: skip

    def __init__(self, hidden_size, output_size):
        self.hidden_size, self.output_size = hidden_size, output_size

    def shapes(self, I, H):
        R, shapes = self.output_size, super().shapes(I, H)
        return {**shapes, "weight_hh": (4 * H, R), "weight_hr": (R, H)}

    def panels_shape(self, I, H, dtype):
        R = self.output_size
        return 1, 4 * padded(H, dtype) * (2 + I + R) + padded(R, dtype) * H

    def transposed(self, level, p):
        """W_hh, and then W_hr."""
        H, R, dtype = self.hidden_size, self.output_size, p.dtype
        panels = empty_aligned((level.n_directions, padded(R, dtype) * padded(H, dtype)), dtype)
        for one, suffix in zip(panels, level.suffixes, strict=True):
            weight = level.parameters.stored("weight_hr" + suffix)
            p.call(pack_transposed, one, weight, R, projection.ORDER, stage="before")
        return level.transposed(p, "weight_hh", R, self.orders_ih), panels

    def room(self, p, rows, D, H, keep):
        P, Q, n_rows = padded(H, p.dtype), padded(self.output_size, p.dtype), rows.S if keep else rows.B
        room = {"h": p.room(D, rows.B_AND_S, self.output_size), "d_gates": p.room(D, rows.S, 4 * P)}
        room["c"] = p.room(D, rows.B_AND_S if keep else rows.B, P)
        return room | {"u": p.room(D, n_rows, P), "projected": p.room(D, rows.B, Q)}

    def forward(self, p, room, x, panels, rows, keep):
        arrays = (room[name] for name in ("h", "c", "d_gates", "u", "projected"))
        places = rows.starts, rows.counts, self.hidden_size, int(keep)
        p.share(projection.forward, *arrays, x, panels, *places, tasks=x.shape[0])

    def backward(self, p, room, d_states, d_out, hh, rows, bptt_steps):
        (D, _, P), Q = d_states[1].shape, padded(self.output_size, p.dtype)
        nothing = p.part(zeros(p, rows.B, D * P), (D, rows.B, P))
        room["projected"], (hh_panels, hr_panels) = p.room(D, rows.S, Q), hh
        arrays = *d_states, room["d_gates"], p.room(D, rows.B, P), d_out, room["projected"], room["h"], room["c"]
        arguments = *arrays, hh_panels, hr_panels, nothing, rows.starts, rows.counts, self.hidden_size, bptt_steps
        p.share(projection.backward, *arguments, tasks=D, stage="backward")

    def add_gradients(self, p, room, x, gradients, rows):
        super().add_gradients(p, room, x, gradients, rows)
        P, Q = room["u"].shape[2], room["projected"].shape[2]
        for d, of in enumerate(gradients):
            d_h, u = (direction(p, room[name], d) for name in ("projected", "u"))
            sums = p.sums(P, Q)
            outer_products(p, p.sums(Q), sums, ((0, 1, 0),), d_h, u, P=Q)
            add_sums(p, of["weight_hr"], sums, self.output_size, Q)
