"""Cells with layer normalisation: `fastrnn.kernels.layer_norm` has the equations."""

import numpy as np

from fastrnn.kernels import layer_norm
from fastrnn.kernels.vectors import padded
from fastrnn.layers.cells import _Cell, add_sums, direction, outer_product


class _LayerNormCell(_Cell):
    """What LSTM and GRU share: gains and biases for W_ih x and W_hh h apart."""

    starts = {"gain": 1.0, "bias": 0.0}

    def shapes(self, I, H):
        G = self.n_gates * H
        return {**super().shapes(I, H), "gain_ih": (G,), "gain_hh": (G,)}

    def panels_shape(self, I, H, dtype):
        return 1, padded(H, dtype) * (self.n_gates * (4 + I + H) + 2)

    def room(self, p, rows, D, H, keep):
        P, n_rows = padded(H, p.dtype), rows.S if keep else rows.B
        room = {"h": p.room(D, rows.B_AND_S, H), "d_gates": p.room(D, n_rows, 4 * P)}
        if "c" in self.states:
            room["c"] = p.room(D, rows.B_AND_S if keep else rows.B, P)
        W = self.n_gates * P
        return room | {"of_x": p.room(D, rows.S, W), "of_h": p.room(D, n_rows, W), "moments": p.room(D, rows.S, 10)}

    def forward(self, p, room, x, panels, rows, keep):
        names = *self.states, "d_gates", "of_x", "of_h", "moments"
        arguments = *(room[name] for name in names), x, panels, rows.starts, rows.counts, int(keep)
        p.share(self.run, *arguments, tasks=x.shape[0])
        room["panels"] = panels

    def backward(self, p, room, d_states, d_out, hh, rows, bptt_steps):
        D, _, P = d_states[0].shape
        room["sums"] = p.sums(D, 5, 4 * P)
        own = *d_states, p.room(D, rows.B, 4 * P), *(room[name] for name in ("d_gates", "of_x", "of_h", "sums"))
        kept = (room[name] for name in (*self.states, "moments", "panels"))
        p.share(self.run_back, *own, d_out, *kept, hh, rows.starts, rows.counts, bptt_steps, tasks=D, stage="backward")
        room["d_gates"] = room["of_x"]  # of which the input's gradient is made

    def add_gradients(self, p, room, x, gradients, rows):
        W, in_order = room["of_x"].shape[2], p.room(0, dtype=np.int64)
        H, P = room["h"].shape[2], W // self.n_gates
        for d, of in enumerate(gradients):
            of_x, of_h, h, inputs = (direction(p, array, d) for array in (room["of_x"], room["of_h"], room["h"], x))
            d_ih, d_hh = (p.sums(n, W) for n in (inputs.shape[1], H))
            outer_product(p, d_ih, of_x, inputs, in_order)
            outer_product(p, d_hh, of_h, h, rows.previous)
            add_sums(p, of["weight_ih"], d_ih, H, P)
            add_sums(p, of["weight_hh"], d_hh, H, P)
            for k, kind in enumerate(("gain_ih", "gain_hh", "bias_ih", "gain_c", "bias_c")):
                if kind in of:
                    add_sums(p, of[kind], room["sums"], H, P, (d * 5 + k) * 4 * P)
            for low, high, target in self.b_hh_pieces if "bias_hh" in of else ():
                own = of["bias_hh"][target * H : (target + high - low) * H]
                add_sums(p, own, room["sums"], H, P, ((d * 5 + 2) * 4 + low) * P)


class LSTMLayerNormCell(_LayerNormCell):
    """Gates i, f, g, o; states h and c."""

    n_gates, kept, states, forget_gate = 4, "ifgo", "hc", 1
    pack, run, run_back = map(staticmethod, (layer_norm.pack_lstm, layer_norm.forward_lstm, layer_norm.backward_lstm))
    orders_ih = orders_hh = (layer_norm.ORDER_LSTM,)
    b_hh_pieces = ((0, 4, 0),)

    def shapes(self, I, H):
        return {**super().shapes(I, H), "gain_c": (H,), "bias_c": (H,)}


class GRULayerNormCell(_LayerNormCell):
    """Gates r, z, n, the reset gate after the product."""

    n_gates, kept = 3, "rzn"
    pack, run, run_back = map(staticmethod, (layer_norm.pack_gru, layer_norm.forward_gru, layer_norm.backward_gru))
    orders_ih = orders_hh = (layer_norm.ORDER_GRU,)
    b_hh_pieces = ((0, 2, 0), (3, 4, 2))
