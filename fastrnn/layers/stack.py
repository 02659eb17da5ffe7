"""Stacks of recurrent levels over packed rows."""

from collections import namedtuple
from math import inf, isfinite, prod, sqrt
from numbers import Real

import numpy as np

from fastrnn import threads
from fastrnn.kernels.rows import clear, copy_rows, drop, get_states, scatter_add_rows, set_states
from fastrnn.kernels.steps import ALONE, MANY, READ_ALONE
from fastrnn.kernels.tiles import pack_transposed
from fastrnn.kernels.vectors import empty_aligned, padded
from fastrnn.layers.cells import alone, direction, product
from fastrnn.packing import count_shards
from fastrnn.params import Parameters, orthogonal, uniform
from fastrnn.wording import shown


class Level:
    """One layer of the stack: its cell, and its parameters by direction.

    `suffixes` are what each direction's names of parameters end with.
    """

    def __init__(self, cell, parameters, index, num_layers, input_size, hidden_size, n_directions):
        self.cell, self.parameters = cell.of_level(input_size, hidden_size), parameters
        self.index, self.suffixes = index, suffixes(index, n_directions)
        self.places = range(index, len(cell.states) * num_layers, num_layers)  # of its states among those of all levels
        self.input_size, self.hidden_size, self.n_directions = input_size, hidden_size, n_directions
        self.panels_shape = self.cell.panels_shape(input_size, hidden_size, parameters.dtype)  # of one direction

    def _panels(self, p):
        """The weights packed for `forward`, before each pass."""
        parameters = self.parameters
        panels = empty_aligned((self.n_directions, *self.panels_shape), parameters.dtype)
        kinds = self.cell.shapes(self.input_size, self.hidden_size)
        for one, suffix in zip(panels, self.suffixes, strict=True):
            names = {kind: kind + suffix for kind in kinds}
            weights = (
                parameters.stored(name) if name in parameters.shapes else np.zeros(kinds[kind], parameters.dtype)
                for kind, name in names.items()
            )
            p.call(self.cell.pack, one, *weights, stage="before")
        return p.fixed(panels)

    def transposed(self, p, kind, n_columns, orders):
        """Weights of a kind packed for the products in `backward`, gates in these orders."""
        H, dtype = self.hidden_size, self.parameters.dtype
        size = padded(H, dtype) * padded(n_columns, dtype)
        panels = empty_aligned((self.n_directions, self.cell.n_gates * size), dtype)
        ends = size * np.cumsum([len(order) for order in orders])
        for one, suffix in zip(panels, self.suffixes, strict=True):
            for part, order in zip(np.split(one, ends[:-1]), orders, strict=True):
                p.call(pack_transposed, part, self.parameters.stored(kind + suffix), H, order, stage="before")
        return panels

    def _set_states(self, p, states, given, rows, stage):
        """Set states (D, ., >= H) before a level's first step, or way back: to those given by number, or to zero."""
        for place, state in zip(self.places, states, strict=True):
            if given is None:
                p.call(clear, state, rows.B, stage=stage)
            else:
                p.call(set_states, state, given, place, rows.streams, self.hidden_size, stage=stage)

    def _get_states(self, p, given, states, picked, rows, stage):
        """The inverse, if they are asked for: the `picked` rows of each of the states, or the first ones if None."""
        for place, state, of_state in zip(self.places, states, picked, strict=True):
            if given is not None:
                p.call(get_states, given, place, state, of_state, rows.B, rows.streams, self.hidden_size, stage=stage)

    def _by_direction(self, p, x, rows, width, column, stage):
        """Rows x as (D, S, width): the reverse direction's from this column on, in its own time."""
        if self.n_directions == 1:
            return alone(p, x)
        both = p.room(2, rows.S, width)
        p.call(copy_rows, direction(p, both, 0), 0, x, 0, None, width, stage=stage)
        p.call(copy_rows, direction(p, both, 1), 0, x, column, rows.mirror, width, stage=stage)
        return both

    def forward(self, p, x, rows, initial, dropout, keep, final=None, gamma=None):
        """Rows x (S, I) to rows (S, D H), and what `backward` needs.  The rest is as that of `Stack.forward`."""
        keep = keep or self.cell.zoneout > 0
        both = self._by_direction(p, x, rows, x.shape[1], 0, "forward")
        fading = () if gamma is None else (alone(p, gamma),)
        room = self.cell.room(p, rows, self.n_directions, self.hidden_size, keep, *fading)
        states = [room[name] for name in self.cell.states]
        self._set_states(p, states, initial, rows, "forward")
        if self.cell.is_noisy:
            self.cell.draw(p, room, rows, dropout, self.index)
        self.cell.forward(p, room, both, self._panels(p), rows, keep)
        out = self._joined(p, room["h"], rows)
        picked = [rows.last_rows, *[rows.last_rows if keep else None] * (len(states) - 1)]  # all but h are in place
        self._get_states(p, final, states, picked, rows, "forward")
        return out, {**room, "x": both}

    def _joined(self, p, h, rows):
        """The states after each row, both directions side by side in forward time."""
        H = h.shape[2]
        states = [p.part(direction(p, h, d), (rows.S, H), rows.B, H) for d in range(self.n_directions)]
        if self.n_directions == 1:
            return states[0]
        out = p.room(rows.S, 2 * H)
        p.call(copy_rows, out, 0, states[0], 0, None, H)
        p.call(copy_rows, out, H, states[1], 0, rows.mirror, H)
        return out

    def backward(self, p, room, d_out, rows, d_final, d_initial, input_stage, bptt_steps):
        """Rows d_out (S, >= D H) to rows d_x (S, I padded), whose calls are of the `input_stage`, or there are none."""
        H, R = self.hidden_size, room["h"].shape[2]
        both = self._by_direction(p, d_out, rows, R, R, "backward")
        hh = self.cell.transposed(self, p)
        sizes = R, *[H] * (len(self.cell.states) - 1)
        d_states = [p.room(self.n_directions, rows.B, padded(n, p.dtype)) for n in sizes]
        self._set_states(p, d_states, d_final, rows, "backward")
        self.cell.backward(p, room, d_states, both, hh, rows, bptt_steps)
        stored, kinds = self.parameters.stored_gradients, self.cell.shapes(self.input_size, H)
        gradients = [{kind: stored[kind + s] for kind in kinds if kind + s in stored} for s in self.suffixes]
        self.cell.add_gradients(p, room, room["x"], gradients, rows)
        self._get_states(p, d_initial, d_states, [None] * len(d_states), rows, "backward")
        return self._d_x(p, room["d_gates"], room.get("d_skip"), rows, input_stage) if input_stage else None

    def _d_x(self, p, d_gates, d_skip, rows, stage):
        """The gradient (S, I padded) of the input from that of the gates (D, S, .), added to what goes past them."""
        I, D, dtype = self.input_size, self.n_directions, p.dtype
        panels = self.transposed(p, "weight_ih", I, self.cell.orders_ih)
        both = d_skip or p.room(D, rows.S, padded(I, dtype))
        if d_skip is None:
            p.call(clear, both, rows.S, stage=stage)
        n_k = self.cell.n_gates * padded(self.hidden_size, dtype)
        d_x = [direction(p, both, d) for d in range(D)]
        for d in range(D):
            product(p, d_x[d], direction(p, d_gates, d), panels[d], n_k, stage)
        if D == 2:
            # A row is its mirror's mirror.
            p.call(scatter_add_rows, d_x[0], d_x[1], rows.mirror, rows.S, I, stage=stage)
        return d_x[0]


def suffixes(level, n_directions):
    """What the names of each direction's parameters end with."""
    return [f"_l{level}{end}" for end in ("", "_reverse")[:n_directions]]


class Dropout(namedtuple("Dropout", "key, threshold, first", defaults=(None, 0, 0))):
    """What is dropped: a key, given for each pass, and `threshold` of 2**16 elements; `first` is level 0.

    Without a key nothing is drawn, of noise in the recurrence neither.
    """

    @classmethod
    def of(cls, p, rate):
        """The rate is rounded down, so that no more are dropped than the others stand for; the "key" is given.

        None is no rate: nothing is drawn.
        """
        return cls() if rate is None else cls(p.given("key"), int(rate * 2**16))

    def forward(self, p, x, level, rows):
        """Add the call from x (n, F), rows of all steps, or one of each sequence's first, to what is left of them."""
        return self._call(p, p.room(*x.shape), x, level, rows, "forward") if self.threshold else x

    def backward(self, p, d_x, level, rows):
        """Add the call from the gradient of what is left to that of x, in its place."""
        return self._call(p, d_x, d_x, level, rows, "backward") if self.threshold else d_x

    def _call(self, p, out, x, level, rows, stage):
        where = rows.numbers, rows.places, rows.steps
        p.call(drop, out, x, self.key, self.first + level, *where, self.threshold, stage=stage)
        return out


NO_DROPOUT = Dropout()


class Stack:
    """Levels of one cell, each reading the outputs of the one below; parameters under PyTorch's names.

    Parameters
    ----------
    cell : a cell of `fastrnn.layers.cells`
    input_size, hidden_size, num_layers : int
    bias, bidirectional : bool
    dtype : {"float32", "float64"}

    Attributes
    ----------
    output_size : int
        Features of an output row: hidden_size, or fewer of a projected h; twice that if bidirectional.
    work : int
        Multiply-adds of a step of one sequence.
    """

    def __init__(self, cell, input_size, hidden_size, num_layers, bias, bidirectional, dtype):
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.dtype = bias, np.dtype(dtype)
        self.n_directions = 2 if bidirectional else 1
        self.cell, self.n_states = cell, len(cell.states)
        self.output_size = self.n_directions * (cell.output_size or hidden_size)
        widths = [input_size, *[self.output_size] * (num_layers - 1)]
        shapes = self._shapes(widths)
        self.parameters = Parameters(shapes, self.dtype)
        sizes = hidden_size, self.n_directions
        self.levels = [Level(cell, self.parameters, k, num_layers, width, *sizes) for k, width in enumerate(widths)]
        self.work = sum(prod(shape) for name, shape in shapes.items() if name.startswith("weight"))

    def sharing(self, n_sequences):
        """Whether threads share the units of each shard of such batches, and whether they are dealt into few for that.

        The first goes by how many threads there are now, and changes no bits; the second changes how sums are added.
        """
        largest = max(prod(level.panels_shape) for level in self.levels) * self.dtype.itemsize
        largest, is_few = largest if self.cell.shares_units else 0, n_sequences < MANY
        is_whole, n_shards = largest > (ALONE if is_few else READ_ALONE), count_shards(n_sequences, self.hidden_size)
        return is_whole or largest > ALONE and threads.available(inf) > n_shards, is_whole

    def _shapes(self, widths):
        return {
            kind + suffix: shape
            for level, width in enumerate(widths)
            for suffix in suffixes(level, self.n_directions)
            for kind, shape in self.cell.shapes(width, self.hidden_size).items()
            if self.bias or not kind.startswith("bias")
        }

    def zero_states(self, n):
        """Those of n sequences before their first step: h, then those of each other letter, of all levels."""
        return np.zeros((self.n_states * self.num_layers * self.n_directions, n, self.hidden_size), self.dtype)

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
        if recurrent == "orthogonal" and self.cell.output_size:
            raise ValueError("recurrent='orthogonal' is for square matrices, and not for proj_size: use 'uniform'")
        if forget_bias is not None and (self.cell.forget_gate is None or not self.bias):
            raise ValueError(f"forget_bias={forget_bias!r} is for an LSTM or sLSTM with biases; leave it out")
        if forget_bias is not None and not (isinstance(forget_bias, Real) and isfinite(forget_bias)):
            raise ValueError(f"forget_bias must be a finite number; got {shown(forget_bias)}")
        forget_bias = self.cell.first_forget_biases(H) if forget_bias is None else forget_bias
        for name in self.parameters:
            start = self.cell.starts.get(name.partition("_")[0])
            if start is None:
                uniform(self.parameters[name], 1 / sqrt(H), rng)
            else:
                self.parameters[name][...] = start
            if recurrent == "orthogonal" and name.startswith("weight_hh"):
                orthogonal(self.parameters[name], rng)
            if forget_bias is not None and name.startswith("bias"):
                first = self.cell.forget_gate * H
                self.parameters[name][first : first + H] = forget_bias if "_ih_" in name else 0.0
        self.parameters.changed()

    def forward(self, p, x, rows, initial=None, dropout=NO_DROPOUT, keep=False, final=None, gamma=None):
        """Add the calls that run packed rows x (S, I) through all levels.

        Parameters
        ----------
        p : Program
        x : Operand (S, I)
        rows : fastrnn.packing.Rows
        initial, final : Operand (n_states * num_layers * D, n, H), optional
            The states before and after, by the sequences' numbers; zeros, and not asked for, if None.
        dropout : Dropout
            Between levels; its key is that of a noisy cell, too.
        keep : bool
            Keep what `backward` needs.
        gamma : Operand (S, P), optional
            What the first level's old states are multiplied with before each step; of one direction of an LSTM or GRU.
            `backward` leaves there the gradient of a, where gamma = exp(-max(0, a)).

        Returns
        -------
        rows : Operand (S, D H)
        kept : list, for `backward`
        """
        kept = []
        for k, level in enumerate(self.levels):
            if k > 0:
                x = dropout.forward(p, x, k, rows)
            x, room = level.forward(p, x, rows, initial, dropout, keep, final, gamma if k == 0 else None)
            kept.append(room)
        return x, kept

    def backward(self, p, kept, d_rows, rows, dropout=NO_DROPOUT, d_final=None, d_initial=None, bptt_steps=0,
                 input_stage="backward"):  # fmt: skip
        """Add the calls from d_rows (S, >= D H) and the final states' gradients to d_x (S, >= I) or None.

        They add to the parameters' gradients, and fill `d_initial`, by number; a gradient stops at each multiple of
        `bptt_steps` steps, 0 for none.  States are as those of `forward`.  Those to d_x alone are of the `input_stage`.
        """
        for k in range(self.num_layers - 1, -1, -1):
            wanted = "backward" if k > 0 else input_stage
            d_rows = self.levels[k].backward(p, kept[k], d_rows, rows, d_final, d_initial, wanted, bptt_steps)
            if k > 0:
                dropout.backward(p, d_rows, k, rows)
        return d_rows
