"""One level of a recurrent stack, both directions: which arrays each cell's kernels need.

A cell packs weights, allocates what its kernels fill, and calls them.  Arrays lead with a direction axis D.
B sequences are packed into S rows (`fastrnn.sequences.Packing`); P is H padded to whole vectors.
"""

import numpy as np

from fastrnn import threads
from fastrnn.kernels import activations, gru, gru_reset_before, lstm, rnn
from fastrnn.kernels.gradient import gradient, gradient_windows
from fastrnn.kernels.tiles import MAX_WIDTH, add_gates, pack_transposed
from fastrnn.kernels.vectors import empty_aligned, n_lanes, padded

NONLINEARITIES = {
    "tanh": activations.TANH,
    "relu": activations.RELU,
    "sigmoid": activations.SIGMOID,
}

CACHE_FOR_WEIGHTS = 2**19
"""Bytes of weight gradients a thread works on at once: half of a usual second-level cache."""


def _call(serial, parallel, work, by_direction, packing, scalars):
    """Run a kernel over all directions and shards."""
    by_shard = (packing.starts, packing.counts, packing.firsts)
    n_directions, n_shards = len(by_direction[0]), packing.firsts.size

    def one_after_the_other():
        for d in range(n_directions):
            arrays = [a[d] for a in by_direction]
            for s in range(n_shards):
                serial(*arrays, *[a[s] for a in by_shard], *scalars)

    def at_once():
        parallel(*by_direction, *by_shard, *scalars)

    threads.run(work if n_directions * n_shards > 1 else 0, at_once, one_after_the_other)


def add_gradient(d_bias, d_ih, d_hh, hh_column, d_gates, x, h, packing):
    """Add all directions' gradients of bias (D, width), weights from x (D, I, .) and from h (D, H, .)."""
    D, S, width = d_gates.shape
    I, H = x.shape[2], h.shape[2]
    panel = MAX_WIDTH * n_lanes(d_gates.dtype)
    n_threads = threads.available()
    share = -(-D * width // n_threads)
    fitting = CACHE_FOR_WEIGHTS // (d_gates.itemsize * (I + H))
    step = max(panel, min(share, fitting, width) // panel * panel)
    rows, previous = packing.all_rows, packing.previous

    def one_after_the_other():
        for d in range(D):
            for low in range(0, width, step):
                gradient(
                    low, low + step, d_bias[d], d_ih[d], d_hh[d], hh_column, d_gates[d], x[d], h[d],
                    rows, previous,
                )  # fmt: skip

    def at_once():
        gradient_windows(step, d_bias, d_ih, d_hh, hh_column, d_gates, x, h, rows, previous)

    threads.run(D * S * width * (I + H), at_once, one_after_the_other)


class RNNCell:
    """h' = f(W_ih x + b_ih + W_hh h + b_hh)."""

    n_gates, n_states = 1, 1

    def __init__(self, nonlinearity):
        self.code = NONLINEARITIES[nonlinearity]

    def pack(self, H, w_ih, w_hh, b_ih, b_hh):
        """One direction's weights (stored transposed), packed for `forward`."""
        panels = empty_aligned((padded(H, w_hh.dtype) * (1 + len(w_ih) + H),), w_hh.dtype)
        rnn.pack(panels, b_ih + b_hh, w_ih, w_hh)
        return panels

    def pack_transposed(self, H, weight):
        """One direction's W_hh or W_ih, packed for the products in `backward`."""
        return _transposed(H, weight, rnn.ORDER)

    pack_ih_transposed = pack_hh_transposed = pack_transposed

    def forward(self, x, initial, panels, packing, keep):
        """A dict of the arrays filled, with the states under "h" (and "c")."""
        h = _states(initial[0], x.shape[1])
        _call(rnn.forward, rnn.forward_shards, _work(self, x, h), (h, x, panels), packing, (self.code,))
        return {"x": x, "h": h}

    def backward(self, kept, d_x, d_states, d_out, hh, ih, packing, bptt_steps):
        """Fill kept["d_gates"] and d_x; d_states become those of the initial states."""
        h = kept["h"]
        kept["d_gates"] = empty_aligned((len(h), d_out.shape[1], d_states[0].shape[2]), h.dtype)
        arrays = (d_x, *d_states, kept["d_gates"], d_out, h, hh, ih)
        work = _work(self, kept["x"], h)
        _call(rnn.backward, rnn.backward_shards, work, arrays, packing, (self.code, bptt_steps))

    def add_gradients(self, kept, gradients, packing):
        """Add to the stored gradients (w_ih, w_hh, b_ih, b_hh) of each direction."""
        d_bias, d_ih, d_hh = _gradient_arrays(kept, 1, 1)
        add_gradient(d_bias, d_ih, d_hh, 0, kept["d_gates"], kept["x"], kept["h"], packing)
        for d, (w_ih, w_hh, b_ih, b_hh) in enumerate(gradients):
            _add(kept, rnn.ORDER, ((w_ih, d_ih[d]), (w_hh, d_hh[d]), (b_ih, d_bias[d]), (b_hh, d_bias[d])))


class LSTMCell:
    """Gates i, f, g, o; states h and c."""

    n_gates, n_states = 4, 2

    def pack(self, H, w_ih, w_hh, b_ih, b_hh):
        panels = _blocks(H, 4 * (1 + len(w_ih) + H), w_hh.dtype)
        lstm.pack(panels, b_ih + b_hh, w_ih, w_hh)
        return panels

    def pack_transposed(self, H, weight):
        return _transposed(H, weight, lstm.ORDER)

    pack_ih_transposed = pack_hh_transposed = pack_transposed

    def forward(self, x, initial, panels, packing, keep):
        h = _states(initial[0], x.shape[1])
        D, S = x.shape[:2]
        B, H = initial[1].shape[1:]
        P = padded(H, x.dtype)
        c = empty_aligned((D, B + S if keep else B, P), x.dtype)
        c[:, :B, :H] = initial[1]
        c[:, :B, H:] = 0
        gates = empty_aligned((D, S if keep else 0, 4 * P), x.dtype)
        arrays = (h, c, gates, x, panels)
        _call(lstm.forward, lstm.forward_shards, _work(self, x, h), arrays, packing, (keep,))
        return {"x": x, "h": h, "c": c, "d_gates": gates}

    def backward(self, kept, d_x, d_states, d_out, hh, ih, packing, bptt_steps):
        arrays = (d_x, *d_states, kept["d_gates"], d_out, kept["c"], hh, ih)
        H = kept["h"].shape[2]
        work = _work(self, kept["x"], kept["h"])
        _call(lstm.backward, lstm.backward_shards, work, arrays, packing, (H, bptt_steps))

    def add_gradients(self, kept, gradients, packing):
        d_bias, d_ih, d_hh = _gradient_arrays(kept, 4, 4)
        add_gradient(d_bias, d_ih, d_hh, 0, kept["d_gates"], kept["x"], kept["h"], packing)
        for d, (w_ih, w_hh, b_ih, b_hh) in enumerate(gradients):
            _add(kept, lstm.ORDER, ((w_ih, d_ih[d]), (w_hh, d_hh[d]), (b_ih, d_bias[d]), (b_hh, d_bias[d])))


class GRUCell:
    """Gates r, z, n, the reset gate after the product."""

    n_gates, n_states = 3, 1

    def pack(self, H, w_ih, w_hh, b_ih, b_hh):
        panels = _blocks(H, 4 + 3 * (len(w_ih) + H), w_hh.dtype)
        r_and_z = b_ih[: 2 * H] + b_hh[: 2 * H]
        gru.pack(panels, np.concatenate([b_ih[2 * H :], r_and_z, b_hh[2 * H :]]), w_ih, w_hh)
        return panels

    def pack_ih_transposed(self, H, weight):
        return _transposed(H, weight, gru.ORDER_IH)

    def pack_hh_transposed(self, H, weight):
        return _transposed(H, weight, gru.ORDER_HH)

    def forward(self, x, initial, panels, packing, keep):
        h = _states(initial[0], x.shape[1])
        D, S = x.shape[:2]
        gates = empty_aligned((D, S if keep else 0, 4 * padded(h.shape[2], h.dtype)), h.dtype)
        arrays = (h, gates, x, panels)
        _call(gru.forward, gru.forward_shards, _work(self, x, h), arrays, packing, (keep,))
        return {"x": x, "h": h, "d_gates": gates}

    def backward(self, kept, d_x, d_states, d_out, hh, ih, packing, bptt_steps):
        arrays = (d_x, *d_states, kept["d_gates"], d_out, kept["h"], hh, ih)
        work = _work(self, kept["x"], kept["h"])
        _call(gru.backward, gru.backward_shards, work, arrays, packing, (bptt_steps,))

    def add_gradients(self, kept, gradients, packing):
        d_bias, d_ih, d_hh = _gradient_arrays(kept, 3, 3)
        P = kept["d_gates"].shape[2] // 4
        add_gradient(d_bias, d_ih, d_hh, P, kept["d_gates"], kept["x"], kept["h"], packing)
        for d, (w_ih, w_hh, b_ih, b_hh) in enumerate(gradients):
            _add(kept, gru.ORDER_IH, ((w_ih, d_ih[d]), (b_ih, d_bias[d, : 3 * P])))
            _add(kept, gru.ORDER_HH, ((w_hh, d_hh[d]), (b_hh, d_bias[d, P:])))


class GRUResetBeforeCell:
    """Gates r, z, n, the reset gate before the product."""

    n_gates, n_states = 3, 1

    def pack(self, H, w_ih, w_hh, b_ih, b_hh):
        panels = _blocks(H, 3 * (1 + len(w_ih) + H), w_hh.dtype)
        gru_reset_before.pack(panels, b_ih + b_hh, w_ih, w_hh)
        return panels

    def pack_ih_transposed(self, H, weight):
        return _transposed(H, weight, gru_reset_before.ORDER_IH)

    def pack_hh_transposed(self, H, weight):
        of_n = _transposed(H, weight, gru_reset_before.ORDER_N)
        of_rz = _transposed(H, weight, gru_reset_before.ORDER_RZ)
        return np.concatenate([of_n, of_rz], out=empty_aligned((of_n.size + of_rz.size,), weight.dtype))

    def forward(self, x, initial, panels, packing, keep):
        h = _states(initial[0], x.shape[1])
        D, S = x.shape[:2]
        P = padded(h.shape[2], h.dtype)
        n_rows = S if keep else initial[0].shape[1]
        gates, reset = (empty_aligned((D, n_rows, n * P), h.dtype) for n in (3, 1))
        arrays = (h, gates, reset, x, panels)
        kernel = gru_reset_before
        _call(kernel.forward, kernel.forward_shards, _work(self, x, h), arrays, packing, (keep,))
        return {"x": x, "h": h, "d_gates": gates, "reset": reset}

    def backward(self, kept, d_x, d_states, d_out, hh, ih, packing, bptt_steps):
        d_reset = empty_aligned(d_states[0].shape, d_out.dtype)
        arrays = (d_x, *d_states, d_reset, kept["d_gates"], d_out, kept["h"], hh, ih)
        kernel, work = gru_reset_before, _work(self, kept["x"], kept["h"])
        _call(kernel.backward, kernel.backward_shards, work, arrays, packing, (bptt_steps,))

    def add_gradients(self, kept, gradients, packing):
        d_bias, d_ih, d_rz = _gradient_arrays(kept, 3, 2)
        d_gates, reset = kept["d_gates"], kept["reset"]
        D, _, P = reset.shape
        add_gradient(d_bias, d_ih, d_rz, P, d_gates, kept["x"], kept["h"], packing)
        d_n = _zeros((D, P, P), reset.dtype)
        nothing = _zeros((D, P, 0), reset.dtype)
        unused_bias = _zeros((D, 3 * P), reset.dtype)
        add_gradient(unused_bias, d_n, nothing, 3 * P, d_gates, reset, reset, packing)
        H = kept["h"].shape[2]
        for d, (w_ih, w_hh, b_ih, b_hh) in enumerate(gradients):
            _add(
                kept,
                gru_reset_before.ORDER_IH,
                ((w_ih, d_ih[d]), (b_ih, d_bias[d]), (b_hh, d_bias[d])),
            )
            _add(kept, gru_reset_before.ORDER_RZ, ((w_hh, d_rz[d]),))
            _add(kept, gru_reset_before.ORDER_N, ((w_hh, d_n[d, :H]),))


def _work(cell, x, h):
    """Multiply-adds of a forward pass."""
    D, S, I = x.shape
    H = h.shape[2]
    return D * S * cell.n_gates * H * (I + H)


def _zeros(shape, dtype):
    array = empty_aligned(shape, dtype)
    array[...] = 0
    return array


def _blocks(H, vectors, dtype):
    """Panels for H units: a row of so many vectors for each vector of units."""
    count = n_lanes(dtype)
    return empty_aligned((-(-H // count), vectors * count), dtype)


def _states(initial, n_rows):
    """h (D, B + S, H), beginning with the initial states (D, B, H)."""
    D, B, H = initial.shape
    h = empty_aligned((D, B + n_rows, H), initial.dtype)
    h[:, :B] = initial
    return h


def _transposed(H, weight, order):
    count = n_lanes(weight.dtype)
    size = len(order) * padded(H, weight.dtype) * -(-len(weight) // count) * count
    panels = empty_aligned((size,), weight.dtype)
    pack_transposed(panels, weight, H, order)
    return panels


def _gradient_arrays(kept, gates_of_x, gates_of_h):
    """Zeros for bias (D, width), W_ih^T (D, I, .) and W_hh^T (D, H, .), in padded gates."""
    D, _, width = kept["d_gates"].shape
    H = kept["h"].shape[2]
    P = padded(H, kept["h"].dtype)
    shapes = (D, width), (D, kept["x"].shape[2], gates_of_x * P), (D, H, gates_of_h * P)
    return (_zeros(shape, kept["h"].dtype) for shape in shapes)


def _add(kept, order, pairs):
    """Add padded gates to stored gradients, matrices (K, G H) or vectors (G H,)."""
    for target, source in pairs:
        if target is not None:
            rows = target.reshape(-1, target.shape[-1])
            add_gates(rows, source.reshape(-1, source.shape[-1]), kept["h"].shape[2], order)
