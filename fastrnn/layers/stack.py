"""Stacks of recurrent levels over packed rows."""

from math import sqrt

import numpy as np

from fastrnn.kernels.rows import copy_rows, drop, scatter_add_rows
from fastrnn.kernels.vectors import empty_aligned, padded, zeros_aligned
from fastrnn.layers.cells import add_rows_product
from fastrnn.packing import regular_packing
from fastrnn.params import Parameters, orthogonal, uniform


class Level:
    """One layer of the stack: its cell, its parameters by direction, and what the last forward pass kept."""

    def __init__(self, cell, parameters, index, input_size, hidden_size, n_directions):
        self.cell, self.parameters = cell, parameters
        self.input_size, self.hidden_size, self.n_directions = input_size, hidden_size, n_directions
        suffixes = [f"_l{index}", f"_l{index}_reverse"][:n_directions]
        self.names = [[f"{name}{s}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")] for s in suffixes]
        self.packed, self.packed_version = {}, None
        self.kept = None

    def __getstate__(self):
        return {**self.__dict__, "packed": {}, "packed_version": None, "kept": None}

    def _packed(self, name, shape):
        """The array (D, *shape) for weights packed one way."""
        array = self.packed.get(name)
        if array is None:  # two threads may come here at once, and must go on with the same array
            array = empty_aligned((self.n_directions, *shape), self.parameters.dtype)
            array = self.packed.setdefault(name, array)
        return array

    def _stored(self, names):
        parameters = self.parameters
        zeros = np.zeros(self.cell.n_gates * self.hidden_size, parameters.dtype)
        return [parameters.stored(n) if n in parameters.shapes else zeros for n in names]

    def _panels(self):
        """The weights packed for `forward`, made anew when they have changed."""
        version = self.parameters.version
        if self.packed_version is not version:
            H, dtype = self.hidden_size, self.parameters.dtype
            panels = self._packed("forward", self.cell.panels_shape(self.input_size, H, dtype))
            for direction, names in zip(panels, self.names, strict=True):
                self.cell.pack(direction, *self._stored(names))
            self.packed_version = version
        return self.packed["forward"]

    def _transposed(self, name, n_columns, place, pack):
        """Weights (the one at `place` of `names`) packed by `pack` for the products in `backward`."""
        H, dtype = self.hidden_size, self.parameters.dtype
        size = self.cell.n_gates * padded(H, dtype) * padded(n_columns, dtype)
        panels = self._packed(name, (size,))
        for direction, names in zip(panels, self.names, strict=True):
            pack(direction, self.parameters.stored(names[place]), H)
        return panels

    def forward(self, x, initial, packing, keep):
        """Rows x (S, I) to rows (S, D H); also the final states, each (D, B, H) by place.

        The initial states are likewise, or None for zeros.
        """
        directions = x[np.newaxis]
        if self.n_directions == 2:
            directions = empty_aligned((2, *x.shape), x.dtype)
            directions[0] = x
            copy_rows(directions[1], 0, x, 0, packing.mirror, x.shape[1])
        arrays = self.cell.forward(directions, initial, self.hidden_size, self._panels(), packing, keep)
        self.kept = arrays if keep else None
        final = [arrays["h"][:, packing.last_states]]
        if arrays.get("c") is not None:
            c = arrays["c"][:, packing.last_states] if keep else arrays["c"]
            final.append(c[..., : self.hidden_size])
        return self._joined(arrays["h"], packing), final

    def step_call(self, x, packing):
        """The kernel that takes sequences one step on, its arguments, and its room: x is (1, B, I)."""
        room = self.cell.room(x, None, self.hidden_size, packing, False)
        kernel, arguments = self.cell.call(room, self._panels(), packing, False)
        return kernel, (*arguments, 0), room

    def _joined(self, h, packing):
        """The states after each row, both directions side by side in forward time."""
        B, S, H = packing.n_sequences, packing.n_rows, self.hidden_size
        if self.n_directions == 1:
            return h[0, B:]
        out = empty_aligned((S, 2 * H), h.dtype)
        out[:, :H] = h[0, B:]
        copy_rows(out, H, h[1, B:], 0, packing.mirror, H)
        return out

    def backward(self, d_out, d_final, packing, input_grad, bptt_steps):
        """Rows d_out (S, >= D H) to rows d_x (S, I padded) or None; and the initial states' gradients."""
        kept, dtype = self.kept, d_out.dtype
        S, D, H = packing.n_rows, self.n_directions, self.hidden_size
        if D == 1:
            d_directions = d_out[np.newaxis]
        else:
            d_directions = empty_aligned((2, S, H), dtype)
            copy_rows(d_directions[0], 0, d_out, 0, packing.all_rows, H)
            copy_rows(d_directions[1], 0, d_out, H, packing.mirror, H)
        hh = self._transposed("hh", H, 1, self.cell.pack_hh_transposed)
        shape = self.cell.n_states, D, packing.n_sequences, padded(H, dtype)
        d_states = list(zeros_aligned(shape, dtype))
        if d_final is not None:
            for padded_state, d in zip(d_states, d_final, strict=True):
                padded_state[..., :H] = d
        self.cell.backward(kept, d_states, d_directions, hh, packing, bptt_steps)
        stored = self.parameters.stored_gradients
        gradients = [[stored.get(name) for name in names] for names in self.names]
        self.cell.add_gradients(kept, gradients, packing)
        self.kept = None
        d_initial = [d[..., :H] for d in d_states]
        return (self._d_x(kept["d_gates"], packing) if input_grad else None), d_initial

    def _d_x(self, d_gates, packing):
        """The gradient (S, I padded) of the input from that of the gates (D, S, .)."""
        I, D, dtype = self.input_size, self.n_directions, d_gates.dtype
        panels = self._transposed("ih", I, 0, self.cell.pack_ih_transposed)
        d_x = zeros_aligned((D, packing.n_rows, padded(I, dtype)), dtype)
        n_k = self.cell.n_gates * padded(self.hidden_size, dtype)
        for d in range(D):
            add_rows_product(d_x[d], d_gates[d], panels[d], n_k)
        if D == 2:
            scatter_add_rows(d_x[0], d_x[1], packing.mirror, I)  # a row is its mirror's mirror
        return d_x[0]


class Stack:
    """Levels of one cell, each reading the outputs of the one below; parameters under PyTorch's names.

    Parameters
    ----------
    cell : a cell of `fastrnn.layers.cells`
    input_size, hidden_size, num_layers : int
    bias, bidirectional : bool
    dtype : {"float32", "float64"}
    """

    def __init__(self, cell, input_size, hidden_size, num_layers, bias, bidirectional, dtype):
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.dtype = bias, np.dtype(dtype)
        self.n_directions = 2 if bidirectional else 1
        self.n_states, self.n_gates = cell.n_states, cell.n_gates
        widths = [input_size, *[self.output_size] * (num_layers - 1)]
        self.parameters = Parameters(self._shapes(widths), self.dtype)
        sizes = hidden_size, self.n_directions
        self._levels = [Level(cell, self.parameters, k, width, *sizes) for k, width in enumerate(widths)]
        self._tape = None

    def __getstate__(self):
        return {**self.__dict__, "_tape": None}

    @property
    def keeps_a_pass(self):
        """Whether a forward pass waits for its backward pass."""
        return self._tape is not None

    def forget(self):
        """Drop what a forward pass kept."""
        self._tape = None
        for level in self._levels:
            level.kept = None

    @property
    def output_size(self):
        """Features of an output row: hidden_size, twice that if bidirectional."""
        return self.n_directions * self.hidden_size

    def _shapes(self, widths):
        G, H, shapes = self.n_gates * self.hidden_size, self.hidden_size, {}
        for level, width in enumerate(widths):
            for suffix in ("", "_reverse")[: self.n_directions]:
                shapes[f"weight_ih_l{level}{suffix}"] = (G, width)
                shapes[f"weight_hh_l{level}{suffix}"] = (G, H)
                if self.bias:
                    shapes[f"bias_ih_l{level}{suffix}"] = (G,)
                    shapes[f"bias_hh_l{level}{suffix}"] = (G,)
        return shapes

    def reset_parameters(self, rng, recurrent="uniform", forget_bias=None):
        """Draw all parameters anew, as PyTorch does: uniform in +-1 / sqrt(hidden_size).

        Parameters
        ----------
        rng : RandomState
        recurrent : {"uniform", "orthogonal"}
            "orthogonal" makes each gate's hidden-to-hidden matrix a random orthogonal one (Saxe et al. 2014).
        forget_bias : float, optional
            The sum of the LSTM's two forget biases (Jozefowicz et al. 2015 recommend 1).
        """
        H = self.hidden_size
        if recurrent not in ("uniform", "orthogonal"):
            raise ValueError(f"recurrent must be 'uniform' or 'orthogonal'; got {recurrent!r}")
        if forget_bias is not None and not (self.n_states == 2 and self.bias):
            raise ValueError(f"forget_bias={forget_bias!r} is for an LSTM with biases; leave it out")
        for name in self.parameters:
            uniform(self.parameters[name], 1 / sqrt(H), rng)
            if recurrent == "orthogonal" and name.startswith("weight_hh"):
                orthogonal(self.parameters[name], rng)
            if forget_bias is not None and name.startswith("bias"):
                self.parameters[name][H : 2 * H] = forget_bias if "_ih_" in name else 0.0
        self.parameters.changed()

    def forward(self, x, packing, state=None, sequence_numbers=None, dropout_key=None, dropout=0.0, keep=False):
        """Run packed rows x (S, I) through all levels.

        Parameters
        ----------
        x : ndarray (S, I)
        packing : Packing
        state : tuple of ndarray (num_layers * D, B, H), optional
            The initial states in the batch's order, zeros if None.
        sequence_numbers : ndarray (B,), optional
            With `dropout_key` (an integer), what a sequence's dropout depends on; no dropout without a key.
        dropout : float
            The fraction dropped between levels.
        keep : bool
            Keep what `backward` needs.

        Returns
        -------
        rows : ndarray (S, D H)
        final : tuple of ndarray (num_layers * D, B, H)
        """
        finals, row_numbers = [], None if dropout_key is None else sequence_numbers[packing.numbers]
        for k, level in enumerate(self._levels):
            if k > 0 and dropout_key is not None:
                dropped = empty_aligned(x.shape, x.dtype)
                drop(dropped, x, dropout_key + k, row_numbers, packing.steps, dropout)
                x = dropped
            x, states = level.forward(x, self._of_level(state, k, packing), packing, keep)
            finals.append(states)
        self._tape = (packing, row_numbers, dropout_key, dropout) if keep else None
        return x, _in_batch_order(finals, packing)

    def step_calls(self, x):
        """Calls that take B sequences one step on, each reading a row of x (B, I).

        Returns
        -------
        calls : list of (kernel, arguments)
        out : ndarray (B, H)
            The states of the last level after the step.
        states : dict of lists of ndarray (B, H)
            "h", and of an LSTM "c", of each level, which the next step goes on from; zeros now.
        """
        B, H, calls, rooms = len(x), self.hidden_size, [], []
        packing = regular_packing(1, B, 1)
        for level in self._levels:
            kernel, arguments, room = level.step_call(x[np.newaxis], packing)
            h = room["h"][0]
            calls += [(kernel, arguments), (copy_rows, (h, 0, h, 0, B + np.arange(B), H))]
            rooms.append(room)
            x = h[B:]
        return calls, x, {name: [room[name][0, :B, :H] for room in rooms] for name in ("h", "c")[: self.n_states]}

    def _of_level(self, states, k, packing):
        """Level k's part of states in the batch's order, (D, B, H) by place; None for None."""
        if states is None:
            return None
        span = slice(k * self.n_directions, (k + 1) * self.n_directions)
        return [s[span][:, packing.order] for s in states]

    def backward(self, d_rows, d_final=None, input_grad=True, bptt_steps=0):
        """From d_rows (S, >= D H) and the final states' gradients to d_x (S, >= I) or None, and the initial states'.

        Adds to the parameters' gradients; a gradient stops at each multiple of `bptt_steps` steps, 0 for none.
        """
        packing, row_numbers, dropout_key, dropout = self._tape
        d_initials = []
        for k in range(self.num_layers - 1, -1, -1):
            d_last = self._of_level(d_final, k, packing)
            d_rows, d_states = self._levels[k].backward(d_rows, d_last, packing, input_grad or k > 0, bptt_steps)
            if k > 0 and dropout_key is not None:
                drop(d_rows, d_rows, dropout_key + k, row_numbers, packing.steps, dropout)
            d_initials.insert(0, d_states)
        self._tape = None
        return d_rows, _in_batch_order(d_initials, packing)


def _in_batch_order(levels, packing):
    """A tuple of states (num_layers * D, B, H), from those of each level, (D, B, H) by place."""
    by_place = [np.concatenate(parts) for parts in zip(*levels, strict=True)]
    if packing.is_regular:
        return tuple(by_place)
    places = np.argsort(packing.order)
    return tuple(states.take(places, axis=1) for states in by_place)
