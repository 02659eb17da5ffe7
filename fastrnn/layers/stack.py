"""Stacks of recurrent levels over packed rows."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from fastrnn.kernels.rows import copy_rows, drop, get_states, scatter_add_rows, set_states
from fastrnn.kernels.steps import SECOND_LEVEL
from fastrnn.kernels.vectors import empty_aligned, padded
from fastrnn.layers.cells import direction, product, zero_states
from fastrnn.params import Parameters, orthogonal, uniform
from fastrnn.programs import Operand


class Level:
    """One layer of the stack: its cell, and its parameters by direction."""

    def __init__(self, cell, parameters, index, input_size, hidden_size, n_directions):
        self.cell, self.parameters, self.index = cell, parameters, index
        self.input_size, self.hidden_size, self.n_directions = input_size, hidden_size, n_directions
        suffixes = [f"_l{index}", f"_l{index}_reverse"][:n_directions]
        self.names = [[f"{name}{s}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")] for s in suffixes]

    @property
    def weight_bytes(self):
        """Of one direction's weights, packed."""
        shape = self.cell.panels_shape(self.input_size, self.hidden_size, self.parameters.dtype)
        return int(np.prod(shape)) * self.parameters.dtype.itemsize

    def _stored(self, names):
        parameters = self.parameters
        zeros = np.zeros(self.cell.n_gates * self.hidden_size, parameters.dtype)
        weight_ih, weight_hh, *biases = (parameters.stored(n) if n in parameters.shapes else zeros for n in names)
        return *biases, weight_ih, weight_hh

    def _panels(self, p):
        """The weights packed for `forward`, before each pass."""
        shape = self.cell.panels_shape(self.input_size, self.hidden_size, self.parameters.dtype)
        panels = empty_aligned((self.n_directions, *shape), self.parameters.dtype)
        for one, names in zip(panels, self.names, strict=True):
            p.call(self.cell.pack, one, *self._stored(names), stage="before")
        return p.fixed(panels)

    def _transposed(self, p, n_columns, place, pack):
        """Weights (the one at `place` of `names`) packed by `pack` for the products in `backward`."""
        H, dtype = self.hidden_size, self.parameters.dtype
        size = self.cell.n_gates * padded(H, dtype) * padded(n_columns, dtype)
        panels = empty_aligned((self.n_directions, size), dtype)
        for one, names in zip(panels, self.names, strict=True):
            for call in pack(one, self.parameters.stored(names[place]), H):
                p.call(*call, stage="before")
        return panels

    def forward(self, p, x, rows, initial, keep):
        """Rows x (S, I) to rows (S, D H), and what `backward` needs.  Of `initial`, a tuple of states, or zeros."""
        D, H, I = self.n_directions, self.hidden_size, x.shape[1]
        if D == 1:
            both = p.part(x, (1, *x.shape))
        else:
            both = p.room(D, rows.S, I)
            p.call(copy_rows, direction(p, both, 0), 0, x, 0, None, I)
            p.call(copy_rows, direction(p, both, 1), 0, x, 0, rows.mirror, I)
        room = self.cell.room(p, rows, D, H, keep)
        for k, name in enumerate(("h", "c")[: self.cell.n_states]):
            if initial is None:
                zero_states(p, room[name], rows.B)
            else:
                p.call(set_states, room[name], initial[k], self.index, rows.streams, H)
        self.cell.forward(p, room, both, self._panels(p), rows, keep)
        return self._joined(p, room["h"], rows), {**room, "x": both}

    def final(self, p, room, out, rows, keep):
        """Put the states after each sequence's last step into `out`, a tuple of (levels D, n, H) by number."""
        h, c = room["h"], room.get("c")
        p.call(get_states, out[0], self.index, h, rows.last_rows, rows.B, rows.streams, self.hidden_size)
        if self.cell.n_states == 2:
            picked = rows.last_rows if keep else None
            p.call(get_states, out[1], self.index, c, picked, rows.B, rows.streams, self.hidden_size)

    def _joined(self, p, h, rows):
        """The states after each row, both directions side by side in forward time."""
        H = self.hidden_size
        states = [p.part(direction(p, h, d), (rows.S, H), rows.B, H) for d in range(self.n_directions)]
        if self.n_directions == 1:
            return states[0]
        out = p.room(rows.S, 2 * H)
        p.call(copy_rows, out, 0, states[0], 0, None, H)
        p.call(copy_rows, out, H, states[1], 0, rows.mirror, H)
        return out

    def backward(self, p, room, d_out, rows, d_final, input_stage, bptt_steps):
        """Rows d_out (S, >= D H) to rows d_x (S, I padded); and the initial states' gradients, (D, B, P) each.

        The calls to d_x are of the `input_stage`, or there are none.
        """
        D, H, dtype = self.n_directions, self.hidden_size, p.dtype
        if D == 1:
            both = p.part(d_out, (1, *d_out.shape))
        else:
            both = p.room(2, rows.S, H)
            p.call(copy_rows, direction(p, both, 0), 0, d_out, 0, None, H, stage="backward")
            p.call(copy_rows, direction(p, both, 1), 0, d_out, H, rows.mirror, H, stage="backward")
        hh = self._transposed(p, H, 1, self.cell.pack_hh_transposed)
        d_states = [p.room(D, rows.B, padded(H, dtype)) for _ in range(self.cell.n_states)]
        for k, d_state in enumerate(d_states):
            if d_final is None:
                zero_states(p, d_state, rows.B, stage="backward")
            else:
                p.call(set_states, d_state, d_final[k], self.index, rows.streams, H, stage="backward")
        self.cell.backward(p, room, d_states, both, hh, rows, bptt_steps)
        stored = self.parameters.stored_gradients
        gradients = [[stored.get(name) for name in names] for names in self.names]
        self.cell.add_gradients(p, room, room["x"], gradients, rows)
        return (self._d_x(p, room["d_gates"], rows, input_stage) if input_stage else None), d_states

    def _d_x(self, p, d_gates, rows, stage):
        """The gradient (S, I padded) of the input from that of the gates (D, S, .)."""
        I, D, dtype = self.input_size, self.n_directions, p.dtype
        panels = self._transposed(p, I, 0, self.cell.pack_ih_transposed)
        both = p.room(D, rows.S, padded(I, dtype))
        zero_states(p, both, rows.S, stage=stage)
        n_k = self.cell.n_gates * padded(self.hidden_size, dtype)
        d_x = [direction(p, both, d) for d in range(D)]
        for d in range(D):
            product(p, d_x[d], direction(p, d_gates, d), panels[d], n_k, stage)
        if D == 2:
            # A row is its mirror's mirror.
            p.call(scatter_add_rows, d_x[0], d_x[1], rows.mirror, rows.S, I, stage=stage)
        return d_x[0]


@dataclass(frozen=True)
class Dropout:
    """What is dropped: a key, given for each pass, and `threshold` of 2**16 elements; `first` is level 0."""

    key: Operand
    threshold: int
    first: int = 0

    @classmethod
    def of(cls, p, rate):
        """The rate is rounded down, so that no more are dropped than the others stand for; the "key" is given."""
        return cls(p.given_number("key"), int(rate * 2**16))

    def call(self, p, out, x, level, rows, stage):
        """Drop elements of x (n, F), rows of all steps, or one of each sequence's first."""
        where = rows.numbers, rows.places, rows.steps
        p.call(drop, out, x, self.key, self.first + level, *where, self.threshold, stage=stage)


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
        self.levels = [Level(cell, self.parameters, k, width, *sizes) for k, width in enumerate(widths)]

    @property
    def output_size(self):
        """Features of an output row: hidden_size, twice that if bidirectional."""
        return self.n_directions * self.hidden_size

    @property
    def weight_bytes(self):
        """Of the largest level's weights in one direction, as a step reads them."""
        return max(level.weight_bytes for level in self.levels)

    @property
    def is_shared(self):
        """Whether these leave no room in the second-level cache, so that threads share the units of a shard."""
        return self.levels[0].cell.shares_units and self.weight_bytes > SECOND_LEVEL

    @property
    def work(self):
        """Multiply-adds of a step of one sequence."""
        gates = self.n_directions * self.n_gates * self.hidden_size
        return sum(gates * (level.input_size + self.hidden_size) for level in self.levels)

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

    def forward(self, p, x, rows, initial=None, dropout=None, keep=False, final=None):
        """Add the calls that run packed rows x (S, I) through all levels.

        Parameters
        ----------
        p : Program
        x : Operand (S, I)
        rows : fastrnn.packing.Rows
        initial, final : tuple of Operand (num_layers * D, n, H), optional
            The states before and after, by the sequences' numbers; zeros, and not asked for, if None.
        dropout : Dropout, optional
            Between levels.
        keep : bool
            Keep what `backward` needs.

        Returns
        -------
        rows : Operand (S, D H)
        kept : list, for `backward`
        """
        kept = []
        for k, level in enumerate(self.levels):
            if k > 0 and dropout is not None:
                dropped = p.room(*x.shape)
                dropout.call(p, dropped, x, k, rows, "forward")
                x = dropped
            x, room = level.forward(p, x, rows, initial, keep)
            if final is not None:
                level.final(p, room, final, rows, keep)
            kept.append(room)
        return x, kept

    def backward(
        self, p, kept, d_rows, rows, dropout=None, d_final=None, d_initial=None, input_grad=True, bptt_steps=0,
        input_stage="backward",
    ):  # fmt: skip
        """Add the calls from d_rows (S, >= D H) and the final states' gradients to d_x (S, >= I) or None.

        They add to the parameters' gradients, and fill `d_initial`, by number; a gradient stops at each multiple of
        `bptt_steps` steps, 0 for none.  States are tuples as those of `forward`.  Those to d_x alone are of the
        `input_stage`.
        """
        for k in range(self.num_layers - 1, -1, -1):
            wanted = "backward" if k > 0 else input_stage if input_grad else None
            d_rows, d_states = self.levels[k].backward(p, kept[k], d_rows, rows, d_final, wanted, bptt_steps)
            if k > 0 and dropout is not None:
                dropout.call(p, d_rows, d_rows, k, rows, "backward")
            for out, d_state in zip(d_initial or (), d_states, strict=False):
                p.call(get_states, out, k, d_state, None, 0, rows.streams, self.hidden_size, stage="backward")
        return d_rows
