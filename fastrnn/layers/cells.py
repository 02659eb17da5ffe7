"""One level of a recurrent stack, both directions: which arrays each cell's kernels need.

A cell packs weights, allocates what its kernels fill, and calls them.  Arrays lead with a direction axis D.
B sequences are packed into S rows (`fastrnn.sequences.Packing`); P is H padded to whole vectors.
"""

from functools import lru_cache

import numpy as np

from fastrnn import threads
from fastrnn.kernels import activations, gated, gru, gru_reset_before, lstm, rnn
from fastrnn.kernels.gradient import add_product, gradient
from fastrnn.kernels.parallel import run_steps
from fastrnn.kernels.steps import HOISTED_STEPS, SECOND_LEVEL
from fastrnn.kernels.tiles import MAX_WIDTH, pack_transposed
from fastrnn.kernels.vectors import empty_aligned, n_lanes, padded, zeros_aligned

NONLINEARITIES = {"tanh": activations.TANH, "relu": activations.RELU, "sigmoid": activations.SIGMOID}


def _run(kernel, work, arrays, packing, scalars):
    """Run a kernel for each direction and shard."""
    arguments = (*arrays, packing.starts, packing.counts, packing.firsts, *scalars)
    threads.run_tasks(kernel, len(arrays[0]) * packing.firsts.size, arguments, work)


def _run_sharing_units(kernel, n_steps, n_tasks, arguments, work, panels, by_sequences):
    """Share the units of each step, if weights are many, else the tasks.

    A thread then reads a part of the weights only, where the second-level cache cannot hold them.
    """
    is_large = panels[0].nbytes > SECOND_LEVEL and work // n_steps > threads.SMALL
    if not is_large:
        return by_sequences()
    threads.run(work, lambda n_threads: run_steps(kernel, n_steps, n_tasks, arguments(), n_threads), by_sequences)


def add_rows_product(c, a, panels, n_k):
    """`fastrnn.kernels.gradient.add_product`, the rows shared out among the threads."""
    S, n = c.shape
    work = S * n_k * n
    step = -(-S // threads.available(work))
    threads.run_tasks(add_product, -(-S // step), (c, a, panels, n_k, step), work)


def add_gradient(d_bias, d_ih, d_hh, ih_pieces, hh_pieces, d_gates, x, h, previous):
    """One direction's `fastrnn.kernels.gradient.gradient`, its columns shared out among the threads."""
    S, width = d_gates.shape
    work = S * width * (x.shape[1] + h.shape[1])
    panel = MAX_WIDTH * n_lanes(d_gates.dtype)
    step = -(-width // (threads.available(work) * panel)) * panel
    arguments = d_bias, d_ih, d_hh, ih_pieces, hh_pieces, d_gates, x, h, previous, step
    threads.run_tasks(gradient, -(-width // step), arguments, work)


@lru_cache(maxsize=64)
def column_runs(*runs):
    """Runs of d_gates' columns, each (from, to, where its first column goes), as the kernels read them."""
    return np.array(runs, np.int64).reshape(-1, 3)


class _Cell:
    """What the cells share; `order_ih` and `order_hh` say how gates lie in the products of `backward`."""

    def pack_ih_transposed(self, panels, weight, H):
        """One direction's W_ih (stored transposed), packed for the products in `backward`."""
        pack_transposed(panels, weight, H, self.order_ih)

    def pack_hh_transposed(self, panels, weight, H):
        """Likewise W_hh."""
        pack_transposed(panels, weight, H, self.order_hh)

    def forward(self, x, initial, H, panels, packing, keep):
        """Make room, and fill it."""
        room = self.room(x, initial, H, packing, keep)
        kernel, arguments = self.call(room, panels, packing, keep)
        threads.run_tasks(kernel, len(x) * packing.firsts.size, arguments, _work(self, x, room["h"]))
        return room


class RNNCell(_Cell):
    """h' = f(W_ih x + b_ih + W_hh h + b_hh)."""

    n_gates, n_states = 1, 1

    def __init__(self, nonlinearity):
        self.code = NONLINEARITIES[nonlinearity]

    def panels_shape(self, I, H, dtype):
        """The shape that `pack` fills."""
        return (padded(H, dtype) * (1 + I + H),)

    def pack(self, panels, w_ih, w_hh, b_ih, b_hh):
        """One direction's weights (stored transposed), packed for `forward`."""
        rnn.pack(panels, b_ih + b_hh, w_ih, w_hh)

    order_ih = order_hh = rnn.ORDER

    def room(self, x, initial, H, packing, keep):
        """A dict of what `forward` reads and fills, with the states under "h" (and "c")."""
        return {"x": x, "h": _hidden(initial, x, H, packing)}

    def call(self, room, panels, packing, keep):
        """The kernel that fills it, and its arguments but for the task."""
        arrays = (room["h"], room["x"], panels)
        return rnn.forward, (*arrays, packing.starts, packing.counts, packing.firsts, self.code)

    def backward(self, kept, d_states, d_out, hh, packing, bptt_steps):
        """Fill kept["d_gates"]; d_states become those of the initial states."""
        h = kept["h"]
        kept["d_gates"] = empty_aligned((len(h), d_out.shape[1], d_states[0].shape[2]), h.dtype)
        arrays = (*d_states, kept["d_gates"], d_out, h, hh)
        work = _work(self, kept["x"], h)
        _run(rnn.backward, work, arrays, packing, (self.code, bptt_steps))

    def add_gradients(self, kept, gradients, packing):
        """Add to the stored gradients (w_ih, w_hh, b_ih, b_hh) of each direction."""
        P = kept["d_gates"].shape[2]
        every = ((0, P, 0),)
        _add_gradients(kept, gradients, packing, every, every, P)


class _GatedCell(_Cell):
    """What LSTM and GRU share."""

    def room(self, x, initial, H, packing, keep):
        h = _hidden(initial, x, H, packing)
        (D, S), B, P = x.shape[:2], packing.n_sequences, padded(H, x.dtype)
        c = None
        if self.n_states == 2:
            shape = D, B + S if keep else B, P
            c = _states(None if initial is None else initial[1], shape, x.dtype, B)
        # Backward turns the gates into their gradients.
        return {"x": x, "h": h, "c": c, "d_gates": empty_aligned((D, S if keep else 0, 4 * P), x.dtype)}

    def call(self, room, panels, packing, keep):
        arrays = (room["h"], room["c"], room["d_gates"], room["x"], panels)
        return gated.forward, (*arrays, packing.starts, packing.counts, packing.firsts, keep)

    def forward(self, x, initial, H, panels, packing, keep):
        room = self.room(x, initial, H, packing, keep)
        (D, blocks, _), work = panels.shape, _work(self, x, room["h"])
        kernel, arguments = self.call(room, panels, packing, keep)

        def with_hoisted():
            rows = packing.n_sequences * HOISTED_STEPS
            hoisted = empty_aligned((D * blocks, rows, 4 * n_lanes(x.dtype)), x.dtype)
            return *arguments[:5], hoisted, *arguments[5:]

        _run_sharing_units(
            gated.forward_block, packing.counts.shape[1], D * blocks, with_hoisted, work, panels,
            lambda: threads.run_tasks(kernel, D * packing.firsts.size, arguments, work),
        )  # fmt: skip
        return room

    def backward(self, kept, d_states, d_out, hh, packing, bptt_steps):
        d_h, d_c = d_states if self.n_states == 2 else (*d_states, None)
        arrays = (d_h, d_c, kept["d_gates"], d_out, kept["h"], kept["c"], hh)
        arguments = (*arrays, packing.starts, packing.counts, packing.firsts, bptt_steps)
        (D, _, P), work = d_h.shape, _work(self, kept["x"], kept["h"])
        n_tasks = D * -(-P // (MAX_WIDTH * n_lanes(d_h.dtype)))
        _run_sharing_units(
            gated.backward_block, packing.counts.shape[1] + 1, n_tasks, lambda: arguments, work, hh,
            lambda: threads.run_tasks(gated.backward, D * packing.firsts.size, arguments, work),
        )  # fmt: skip

    def add_gradients(self, kept, gradients, packing):
        P = kept["d_gates"].shape[2] // 4
        _add_gradients(kept, gradients, packing, self.ih_pieces(P), self.hh_pieces(P), P)


class LSTMCell(_GatedCell):
    """Gates i, f, g, o; states h and c."""

    n_gates, n_states = 4, 2

    def panels_shape(self, I, H, dtype):
        return _blocks(H, 4 * (1 + I + H), dtype)

    def pack(self, panels, w_ih, w_hh, b_ih, b_hh):
        lstm.pack(panels, b_ih + b_hh, w_ih, w_hh)

    order_ih = order_hh = lstm.ORDER

    def ih_pieces(self, P):
        """Of the gates' gradients, as `_add_gradients` takes them."""
        return ((0, 4 * P, 0),)

    hh_pieces = ih_pieces


class GRUCell(_GatedCell):
    """Gates r, z, n, the reset gate after the product."""

    n_gates, n_states = 3, 1

    def panels_shape(self, I, H, dtype):
        return _blocks(H, 4 + 3 * (I + H), dtype)

    def pack(self, panels, w_ih, w_hh, b_ih, b_hh):
        rz = w_hh.shape[0] * 2
        bias = np.concatenate([b_ih[rz:], b_ih[:rz] + b_hh[:rz], b_hh[rz:]])
        gru.pack(panels, bias, w_ih, w_hh)

    order_ih, order_hh = gru.ORDER_IH, gru.ORDER_HH

    def ih_pieces(self, P):
        return ((0, P, 2 * P), (P, 3 * P, 0))

    def hh_pieces(self, P):
        return ((P, 4 * P, 0),)


class GRUResetBeforeCell(_Cell):
    """Gates r, z, n, the reset gate before the product."""

    n_gates, n_states = 3, 1

    def panels_shape(self, I, H, dtype):
        return _blocks(H, 3 * (1 + I + H), dtype)

    def pack(self, panels, w_ih, w_hh, b_ih, b_hh):
        gru_reset_before.pack(panels, b_ih + b_hh, w_ih, w_hh)

    order_ih = gru_reset_before.ORDER_IH

    def pack_hh_transposed(self, panels, weight, H):
        of_n = panels.size // 3
        pack_transposed(panels[:of_n], weight, H, gru_reset_before.ORDER_N)
        pack_transposed(panels[of_n:], weight, H, gru_reset_before.ORDER_RZ)

    def room(self, x, initial, H, packing, keep):
        h = _hidden(initial, x, H, packing)
        (D, S), P = x.shape[:2], padded(H, h.dtype)
        n_rows = S if keep else packing.n_sequences
        gates, reset = (empty_aligned((D, n_rows, n * P), h.dtype) for n in (3, 1))
        return {"x": x, "h": h, "d_gates": gates, "reset": reset}

    def call(self, room, panels, packing, keep):
        arrays = (room["h"], room["d_gates"], room["reset"], room["x"], panels)
        return gru_reset_before.forward, (*arrays, packing.starts, packing.counts, packing.firsts, keep)

    def backward(self, kept, d_states, d_out, hh, packing, bptt_steps):
        d_reset = empty_aligned(d_states[0].shape, d_out.dtype)
        arrays = (*d_states, d_reset, kept["d_gates"], d_out, kept["h"], hh)
        work = _work(self, kept["x"], kept["h"])
        _run(gru_reset_before.backward, work, arrays, packing, (bptt_steps,))

    def add_gradients(self, kept, gradients, packing):
        reset = kept["reset"]
        P = reset.shape[2]
        n, rz = (0, P, 2 * P), (P, 3 * P, 0)
        _add_gradients(kept, gradients, packing, (n, rz), (rz,), P, bias_hh_pieces=(n, rz))
        nothing = {**kept, "x": np.empty((*reset.shape[:2], 0), reset.dtype), "h": reset}
        weights = [(None, w_hh, None, None) for _, w_hh, _, _ in gradients]
        _add_gradients(nothing, weights, packing, (), (n,), P, previous=packing.all_rows)


def _work(cell, x, h):
    """Multiply-adds of a forward pass."""
    D, S, I = x.shape
    H = h.shape[2]
    return D * S * cell.n_gates * H * (I + H)


def _blocks(H, vectors, dtype):
    """The shape of panels for H units: a row of so many vectors for each vector of units."""
    count = n_lanes(dtype)
    return -(-H // count), vectors * count


def _states(initial, shape, dtype, n_initial):
    """States (D, rows, units), the first `n_initial` rows those of `initial` (D, B, H), or zero if None."""
    states = empty_aligned(shape, dtype)
    states[:, :n_initial] = 0
    if initial is not None:
        states[:, :n_initial, : initial.shape[2]] = initial
    return states


def _hidden(initial, x, H, packing):
    """h (D, B + S, H)."""
    D, S = x.shape[:2]
    B = packing.n_sequences
    return _states(None if initial is None else initial[0], (D, B + S, H), x.dtype, B)


def _add_gradients(kept, gradients, packing, ih_pieces, hh_pieces, P, bias_hh_pieces=None, previous=None):
    """Add each direction's gradients to the stored ones of W_ih, W_hh, b_ih and b_hh, where they are not None.

    A piece is a run of d_gates' columns, from and to, and the place of its first column among padded gates.
    """
    previous = packing.previous if previous is None else previous
    ih, hh = column_runs(*ih_pieces), column_runs(*hh_pieces)
    for d, (w_ih, w_hh, b_ih, b_hh) in enumerate(gradients):
        d_gates, x, h = kept["d_gates"][d], kept["x"][d], kept["h"][d]
        H = w_hh.shape[0]
        d_bias = zeros_aligned((d_gates.shape[1],), h.dtype)
        d_ih, d_hh = _target(w_ih, H, P, h.dtype), _target(w_hh, H, P, h.dtype)
        add_gradient(d_bias, d_ih, d_hh, ih, hh, d_gates, x, h, previous)
        _add_padded(w_ih, d_ih, H, P)
        _add_padded(w_hh, d_hh, H, P)
        for bias, pieces in ((b_ih, ih_pieces), (b_hh, bias_hh_pieces or hh_pieces)):
            if bias is not None:
                for low, high, target in pieces:
                    units = d_bias[low:high]
                    if H != P:
                        units = units.reshape(-1, P)[:, :H].ravel()
                    first = target // P * H
                    bias[first : first + units.size] += units


def _target(weight, H, P, dtype):
    """Where a weight's gradient (K, G H) is added up: there itself, or in zeros (K, G P) if units are padded."""
    if weight is None:
        return zeros_aligned((0, 0), dtype)
    return weight if H == P else zeros_aligned((weight.shape[0], weight.shape[1] // H * P), dtype)


def _add_padded(weight, padded_gates, H, P):
    """weight (K, G H) += padded_gates (K, G P), unless they are the same."""
    if weight is not None and H != P:
        K = weight.shape[0]
        weight.reshape(K, -1, H)[...] += padded_gates.reshape(K, -1, P)[..., :H]
