"""RNN, LSTM and GRU: stacks of recurrent levels, called as PyTorch's modules are.

The names, shapes, gate order and initial values are those of `torch.nn.RNN`, `LSTM` and `GRU`
(https://pytorch.org/docs/stable/nn.html#recurrent-layers).
"""

import warnings
from math import sqrt

import numpy as np
from sklearn.utils import check_random_state

from fastrnn.kernels.rows import add_rows, copy_rows, drop, scatter_rows
from fastrnn.kernels.vectors import empty_aligned, padded
from fastrnn.layers.cells import (
    NONLINEARITIES,
    GRUCell,
    GRUResetBeforeCell,
    LSTMCell,
    RNNCell,
)
from fastrnn.params import Parameters, orthogonal, uniform
from fastrnn.sequences import Packing, count_shards, regular_packing

NO_DROPOUT = None


class _Level:
    """One layer of the stack: its cell, its parameters by direction, and what the last forward pass kept."""

    def __init__(self, cell, parameters, index, input_size, hidden_size, n_directions):
        self.cell, self.parameters = cell, parameters
        self.input_size, self.hidden_size, self.n_directions = input_size, hidden_size, n_directions
        suffixes = [f"_l{index}", f"_l{index}_reverse"][:n_directions]
        self.names = [
            [f"{name}{suffix}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            for suffix in suffixes
        ]
        self.zero_bias = np.zeros(cell.n_gates * hidden_size, parameters.dtype)
        self.packed = None, None
        self.kept = None

    def __getstate__(self):
        return {**self.__dict__, "packed": (None, None), "kept": None}

    def _stored(self, names):
        parameters = self.parameters
        return [parameters.stored(n) if n in parameters.shapes else self.zero_bias for n in names]

    def _panels(self):
        """The weights packed for `forward`, made anew when they have changed."""
        version, panels = self.packed
        if version is not self.parameters.version:
            version = self.parameters.version
            panels = _stack([self.cell.pack(self.hidden_size, *self._stored(n)) for n in self.names])
            self.packed = version, panels
        return panels

    def forward(self, x, initial, packing, keep):
        """Rows x (S, I) to rows (S, D H); also the final states, each (D, B, H) by place."""
        directions = x[np.newaxis]
        if self.n_directions == 2:
            directions = empty_aligned((2, *x.shape), x.dtype)
            directions[0] = x
            copy_rows(directions[1], 0, x, 0, packing.mirror, x.shape[1])
        arrays = self.cell.forward(directions, initial, self._panels(), packing, keep)
        self.kept = arrays if keep else None
        B = packing.n_sequences
        last = B + packing.last_rows
        final = [arrays["h"][:, last]]
        if "c" in arrays:
            c = arrays["c"][:, last] if keep else arrays["c"]
            final.append(c[..., : self.hidden_size])
        return self._joined(arrays["h"], packing), final

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
        """Rows d_out (S, >= D H) to rows d_x (S, I padded) or None; d_final become the initial states' gradients."""
        kept, dtype = self.kept, d_out.dtype
        S, D, H = packing.n_rows, self.n_directions, self.hidden_size
        if D == 1:
            d_directions = d_out[np.newaxis]
        else:
            d_directions = empty_aligned((2, S, H), dtype)
            copy_rows(d_directions[0], 0, d_out, 0, packing.all_rows, H)
            copy_rows(d_directions[1], 0, d_out, H, packing.mirror, H)
        d_x = empty_aligned((D, S, padded(self.input_size, dtype) if input_grad else 0), dtype)
        stored = [self._stored(names) for names in self.names]
        hh = _stack([self.cell.pack_hh_transposed(H, w_hh) for _, w_hh, _, _ in stored])
        if input_grad:
            ih = _stack([self.cell.pack_ih_transposed(H, w_ih) for w_ih, _, _, _ in stored])
        else:
            ih = empty_aligned((D, 0), dtype)
        d_states = [_padded_states(d, dtype) for d in d_final]
        self.cell.backward(kept, d_x, d_states, d_directions, hh, ih, packing, bptt_steps)
        gradients = [
            [self.parameters.stored_gradient(n) if n in self.parameters.shapes else None for n in names]
            for names in self.names
        ]
        self.cell.add_gradients(kept, gradients, packing)
        self.kept = None
        d_initial = [d[..., :H] for d in d_states]
        if not input_grad:
            return None, d_initial
        if D == 2:
            add_rows(d_x[0], 0, d_x[1], 0, packing.mirror, self.input_size)
        return d_x[0], d_initial


def _stack(arrays):
    """Arrays of both directions as one that starts on a cache line."""
    if len(arrays) == 1:
        return arrays[0][np.newaxis]
    return np.stack(arrays, out=empty_aligned((len(arrays), *arrays[0].shape), arrays[0].dtype))


def _padded_states(d_state, dtype):
    """d_state (D, B, H) with the units padded to whole vectors by zeros."""
    D, B, H = d_state.shape
    out = empty_aligned((D, B, padded(H, dtype)), dtype)
    out[..., :H] = d_state
    out[..., H:] = 0
    return out


class _Recurrent:
    """What the three layers share; see `LSTM`."""

    def __init__(
        self, cell, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
        dtype, random_state,
    ):  # fmt: skip
        for name, value in (
            ("input_size", input_size),
            ("hidden_size", hidden_size),
            ("num_layers", num_layers),
        ):
            if not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"{name} must be an integer >= 1; got {value!r}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1); got {dropout!r}")
        if str(np.dtype(dtype)) not in ("float32", "float64"):
            raise ValueError(f"dtype must be 'float32' or 'float64'; got {dtype!r}")
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                f"dropout={dropout} acts between layers, but num_layers is 1; it does nothing", stacklevel=3
            )
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, dropout
        self.bidirectional, self.dtype = bidirectional, np.dtype(dtype)
        self.training = True
        self.n_directions = 2 if bidirectional else 1
        self.n_states = cell.n_states
        self.parameters = Parameters(self._shapes(cell.n_gates), self.dtype)
        self._rng = check_random_state(random_state)
        self.reset_parameters(self._rng)
        self._levels = [
            _Level(cell, self.parameters, k, self._level_input(k), hidden_size, self.n_directions)
            for k in range(num_layers)
        ]
        self._tape = None

    @property
    def output_size(self):
        """Features of an output row: hidden_size, twice that if bidirectional."""
        return self.n_directions * self.hidden_size

    def _level_input(self, level):
        return self.input_size if level == 0 else self.output_size

    def _shapes(self, n_gates):
        G, H = n_gates * self.hidden_size, self.hidden_size
        shapes = {}
        for level in range(self.num_layers):
            for suffix in ("", "_reverse")[: self.n_directions]:
                shapes[f"weight_ih_l{level}{suffix}"] = (G, self._level_input(level))
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
        for name in self.parameters:
            uniform(self.parameters[name], 1 / sqrt(H), rng)
            if recurrent == "orthogonal" and name.startswith("weight_hh"):
                orthogonal(self.parameters[name], rng)
            if forget_bias is not None and isinstance(self, LSTM) and name.startswith("bias"):
                self.parameters[name][H : 2 * H] = forget_bias if "_ih_" in name else 0.0
        self.parameters.changed()

    # ------------------------------------------------------------------------------------------- packed rows

    def forward_rows(self, x, packing, state=None, sequence_numbers=None, dropout_key=NO_DROPOUT, keep=False):
        """Run packed rows x (S, I) through all levels.

        Parameters
        ----------
        x : ndarray (S, I)
        packing : Packing
        state : tuple of ndarray (num_layers * D, B, H), optional
            The initial states in the batch's order, zeros if None.
        sequence_numbers : ndarray (B,), optional
            With `dropout_key` (an integer), what a sequence's dropout depends on; no dropout without a key.
        keep : bool
            Keep what `backward_rows` needs.

        Returns
        -------
        rows : ndarray (S, D H)
        final : tuple of ndarray (num_layers * D, B, H)
        """
        B, D, H = packing.n_sequences, self.n_directions, self.hidden_size
        if state is None:
            state = [np.zeros((self.num_layers * D, B, H), self.dtype)] * self.n_states
        final = [np.empty((self.num_layers * D, B, H), self.dtype) for _ in range(self.n_states)]
        row_numbers = None
        if dropout_key is not None:
            row_numbers = sequence_numbers[packing.order][packing.places]
        for k, level in enumerate(self._levels):
            span = slice(k * D, (k + 1) * D)
            if k > 0 and dropout_key is not None:
                dropped = empty_aligned(x.shape, x.dtype)
                drop(dropped, x, dropout_key + k, row_numbers, packing.steps, self.dropout)
                x = dropped
            initial = [s[span][:, packing.order] for s in state]
            x, states = level.forward(x, initial, packing, keep)
            for whole, part in zip(final, states, strict=True):
                whole[span, packing.order] = part
        self._tape = (packing, row_numbers, dropout_key) if keep else None
        return x, tuple(final)

    def backward_rows(self, d_rows, d_final=None, input_grad=True, bptt_steps=0):
        """From d_rows (S, >= D H) and the final states' gradients to d_x (S, >= I) or None, and the initial states'.

        Adds to the parameters' gradients; a gradient stops at each multiple of `bptt_steps` steps, 0 for none.
        """
        packing, row_numbers, dropout_key = self._tape
        B, D, H = packing.n_sequences, self.n_directions, self.hidden_size
        if d_final is None:
            d_final = [np.zeros((self.num_layers * D, B, H), self.dtype)] * self.n_states
        d_initial = [np.empty((self.num_layers * D, B, H), self.dtype) for _ in range(self.n_states)]
        for k in range(self.num_layers - 1, -1, -1):
            span = slice(k * D, (k + 1) * D)
            d_states = [d[span][:, packing.order] for d in d_final]
            d_rows, d_states = self._levels[k].backward(
                d_rows, d_states, packing, input_grad or k > 0, bptt_steps
            )
            if k > 0 and dropout_key is not None:
                drop(d_rows, d_rows, dropout_key + k, row_numbers, packing.steps, self.dropout)
            for whole, part in zip(d_initial, d_states, strict=True):
                whole[span, packing.order] = part
        self._tape = None
        return d_rows, tuple(d_initial)

    # ------------------------------------------------------------------------------------------ padded arrays

    def __call__(self, x, state=None, lengths=None):
        x = self._checked_array(x, "x")
        is_single = x.ndim == 2
        if is_single:
            x = x[:, np.newaxis]
        elif x.ndim != 3:
            raise ValueError(
                f"x has shape {x.shape}; expected {self._form(self.input_size)}, or (T, {self.input_size})"
            )
        elif self.batch_first:
            x = x.swapaxes(0, 1)
        T, B, I = x.shape
        if I != self.input_size:
            raise ValueError(f"x has {I} features, but input_size is {self.input_size}")
        if T == 0 or B == 0:
            raise ValueError(f"x has shape {x.shape}: no steps or no sequences")
        self._check_finite(x)
        lengths = self._checked_lengths(lengths, T, B)
        state = self._checked_state(state, B, is_single, "initial state")
        n_shards = count_shards(B, self.hidden_size)
        if lengths is None:
            packing = regular_packing(T, B, n_shards)
            rows = np.ascontiguousarray(x).reshape(T * B, I)
        else:
            packing = Packing(lengths, n_shards)
            rows = np.ascontiguousarray(x).reshape(T * B, I)[self._padded_rows(packing)]
        key = None
        if self.training and self.dropout > 0:
            key = int(self._rng.randint(2**31))
        rows, final = self.forward_rows(rows, packing, state, np.arange(B), key, keep=self.training)
        if self.training:
            self._tape += (T, is_single)
        output = self._to_padded(rows, packing, T, is_single)
        if is_single:
            final = tuple(s[:, 0] for s in final)
        return output, (final if self.n_states > 1 else final[0])

    def backward(self, d_output, d_state=None, input_grad=True):
        """Gradients from those of the last call's results.

        Parameters
        ----------
        d_output : array of the output's shape
        d_state : array, or tuple of them, of the final state's shape, optional
            Zeros if None.
        input_grad : bool
            If False, the gradient of x is not computed and None returned for it.

        Returns
        -------
        d_x : ndarray of x's shape, or None
        d_state : of the initial state's structure

        Raises
        ------
        RuntimeError
            If there was no forward call in training mode since the last backward.
        ValueError
            If a gradient has another shape than its array.

        Notes
        -----
        The parameters' gradients are added to `grads`; `zero_grad` clears them.
        """
        if self._tape is None or len(self._tape) != 5:
            raise RuntimeError(
                "backward needs a call in training mode before it, one for each backward: after eval(), or a "
                "second time, there is nothing kept; use train()"
            )
        packing, row_numbers, key, T, is_single = self._tape
        B = packing.n_sequences
        d_output = self._checked_array(d_output, "d_output")
        shape = self._output_shape(T, B, is_single)
        if d_output.shape != shape:
            raise ValueError(f"d_output has shape {d_output.shape}; the output's is {shape}")
        d_state = self._checked_state(d_state, B, is_single, "gradient of the final state")
        if is_single:
            d_output = d_output[:, np.newaxis]
        elif self.batch_first:
            d_output = d_output.swapaxes(0, 1)
        d_rows = np.ascontiguousarray(d_output).reshape(T * B, -1)
        if not packing.is_regular:
            d_rows = d_rows[self._padded_rows(packing)]
        self._tape = packing, row_numbers, key
        d_x, d_initial = self.backward_rows(d_rows, d_state, input_grad)
        if is_single:
            d_initial = tuple(d[:, 0] for d in d_initial)
        if input_grad:
            d_x = self._to_padded(d_x[:, : self.input_size], packing, T, is_single)
        return d_x, (d_initial if self.n_states > 1 else d_initial[0])

    def _padded_rows(self, packing):
        """For each packed row its row in (T * B, ...)."""
        return packing.steps * packing.n_sequences + packing.order[packing.places]

    def _to_padded(self, rows, packing, T, is_single):
        """Packed rows (S, F) as the caller's (T, B, F), (B, T, F) or (T, F), zero past each end."""
        B = packing.n_sequences
        if packing.is_regular:
            array = np.ascontiguousarray(rows)
        else:
            array = np.zeros((T * B, rows.shape[1]), self.dtype)
            scatter_rows(array, np.ascontiguousarray(rows), self._padded_rows(packing), rows.shape[1])
        array = array.reshape(T, B, -1)
        if is_single:
            return array[:, 0]
        return array.swapaxes(0, 1) if self.batch_first else array

    def _output_shape(self, T, B, is_single):
        if is_single:
            return T, self.output_size
        return (B, T, self.output_size) if self.batch_first else (T, B, self.output_size)

    # ----------------------------------------------------------------------------------------------- checks

    def _form(self, width):
        return f"(B, T, {width})" if self.batch_first else f"(T, B, {width})"

    def _checked_array(self, array, name):
        try:
            array = np.asarray(array)
            if array.dtype.kind == "c":
                raise TypeError("complex numbers")
            with np.errstate(over="ignore"):  # an overflow to infinity is reported by name
                return array.astype(self.dtype, copy=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} must be an array of real numbers: {error}") from None

    def _check_finite(self, x):
        if not np.isfinite(x).all():
            t, b, i = np.argwhere(~np.isfinite(x))[0]
            raise ValueError(
                f"x contains NaN or infinity: {x[t, b, i]} at step {t}, sequence {b}, feature {i}"
            )

    def _checked_lengths(self, lengths, T, B):
        if lengths is None:
            return None
        lengths = np.asarray(lengths)
        if lengths.shape != (B,) or lengths.dtype.kind not in "iu":
            raise ValueError(
                f"lengths must be {B} integers, one a sequence; got shape {lengths.shape} of {lengths.dtype}"
            )
        if lengths.min() < 1 or lengths.max() > T:
            b = int(np.argmax((lengths < 1) | (lengths > T)))
            raise ValueError(f"lengths[{b}] is {lengths[b]}; x has room for 1 to {T} steps")
        return lengths

    def _checked_state(self, state, B, is_single, what):
        """A tuple of arrays (num_layers * D, B, H), or None."""
        if state is None:
            return None
        parts = (state,) if self.n_states == 1 else tuple(state)
        if len(parts) != self.n_states:
            raise ValueError(f"the {what} must be a pair, as (h_0, c_0); got {len(parts)} arrays")
        L, H = self.num_layers * self.n_directions, self.hidden_size
        shape = (L, H) if is_single else (L, B, H)
        checked = []
        for part, name in zip(parts, ("h", "c"), strict=False):
            part = self._checked_array(part, f"the {what} {name}")
            if part.shape != shape:
                raise ValueError(f"the {what} {name} has shape {part.shape}; expected {shape}")
            if not np.isfinite(part).all():
                raise ValueError(f"the {what} {name} contains NaN or infinity")
            checked.append(part.reshape(L, B, H))
        return tuple(checked)

    # ---------------------------------------------------------------------------------------------- parameters

    def train(self):
        """Keep, at each call, what `backward` needs; apply dropout.  Returns self."""
        self.training = True
        return self

    def eval(self):
        """Keep nothing at a call, and apply no dropout.  Returns self."""
        self.training, self._tape = False, None
        return self

    @property
    def grads(self):
        """The gradients by PyTorch's names: a dict of arrays, windows on one flat vector."""
        return {name: self.parameters.gradient(name) for name in self.parameters}

    def zero_grad(self):
        """Set all gradients to zero."""
        self.parameters.gradients[:] = 0

    def state_dict(self):
        """A dict of copies of the parameters, by PyTorch's names."""
        return self.parameters.copies()

    def load_state_dict(self, mapping):
        """Set all parameters, from arrays by PyTorch's names; ValueError if names or shapes are others."""
        self.parameters.load(mapping)


class RNN(_Recurrent):
    """The plain recurrent network, h' = f(W_ih x + b_ih + W_hh h + b_hh) (Elman 1990).

    Parameters and calls are those of `LSTM`, with one state, ``output, h_n = rnn(x, h_0=None, lengths=None)``, and

    Parameters
    ----------
    nonlinearity : {"tanh", "relu", "sigmoid"}, default="tanh"
        f.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.layers import RNN
    >>> rnn = RNN(5, 6, 1, random_state=0)
    >>> output, h_n = rnn(np.ones((1, 3, 5)), np.zeros((1, 3, 6)))
    >>> output.shape, h_n.shape
    ((1, 3, 6), (1, 3, 6))
    """

    def __init__(
        self, input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False,
        dropout=0.0, bidirectional=False, dtype="float32", random_state=None,
    ):  # fmt: skip
        if nonlinearity not in NONLINEARITIES:
            raise ValueError(f"nonlinearity must be one of {sorted(NONLINEARITIES)}; got {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        super().__init__(
            RNNCell(nonlinearity), input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, dtype, random_state,
        )  # fmt: skip


class LSTM(_Recurrent):
    """Long short-term memory with forget gates (Hochreiter and Schmidhuber 1997; Gers et al. 2000).

    ``output, (h_n, c_n) = lstm(x, (h_0, c_0)=None, lengths=None)``: x is (T, B, I), or (T, I) for one sequence;
    initial and final states are (num_layers * D, B, H), with D = 2 if bidirectional, else 1, and zeros if not
    given; output is (T, B, D * H).  `lengths` (B,), in any order, makes x a ragged batch padded to T steps: output
    is zero past each end, and the final state is that of each sequence's own last step.  Nothing is computed past
    the ends.

    Parameters
    ----------
    input_size : int
        Features of a step, I.
    hidden_size : int
        Units, H.
    num_layers : int, default=1
        Levels of the stack; each reads the outputs of the one below.
    bias : bool, default=True
        With the bias vectors bias_ih and bias_hh.
    batch_first : bool, default=False
        x and output are (B, T, .) instead of (T, B, .); states stay (., B, H).
    dropout : float, default=0.0
        The fraction of each level's outputs set to zero on the way to the next, in training mode.
    bidirectional : bool, default=False
        A second set of weights reads each sequence backwards; outputs stand side by side.
    dtype : {"float32", "float64"}, default="float32"
    random_state : int, RandomState or None
        For the initial parameters and dropout.

    Raises
    ------
    ValueError
        For another number of features, states of another shape, NaN or infinity, lengths that are not 1 to T.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.layers import LSTM
    >>> lstm = LSTM(5, 6, 2, random_state=0)
    >>> state = np.zeros((2, 3, 6)), np.zeros((2, 3, 6))
    >>> output, (h_n, c_n) = lstm(np.ones((1, 3, 5)), state)
    >>> output.shape, h_n.shape, c_n.shape
    ((1, 3, 6), (2, 3, 6), (2, 3, 6))
    >>> d_x, (d_h_0, d_c_0) = lstm.backward(np.ones_like(output))
    >>> d_x.shape, lstm.grads["weight_hh_l0"].shape
    ((1, 3, 5), (24, 6))
    """

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
        bidirectional=False, dtype="float32", random_state=None,
    ):  # fmt: skip
        super().__init__(
            LSTMCell(), input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            dtype, random_state,
        )  # fmt: skip


class GRU(_Recurrent):
    """The gated recurrent unit (Cho et al. 2014), h' = (1 - z) * n + z * h.

    z is the share of the old state that stays, as in Cho et al.; Chung et al. 2014 write z for that of the new.
    Parameters and calls are those of `LSTM`, with one state, ``output, h_n = gru(x, h_0=None, lengths=None)``, and

    Parameters
    ----------
    reset_after : bool, default=True
        The reset gate acts after the product, n = tanh(W_in x + b_in + r * (W_hn h + b_hn)), as in PyTorch and
        cuDNN; if False before it, n = tanh(W_in x + b_in + W_hn (r * h) + b_hn), as in the paper.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.layers import GRU
    >>> gru = GRU(5, 6, 2, random_state=0)
    >>> output, h_n = gru(np.ones((1, 3, 5)), np.zeros((2, 3, 6)))
    >>> output.shape, h_n.shape
    ((1, 3, 6), (2, 3, 6))
    """

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
        bidirectional=False, reset_after=True, dtype="float32", random_state=None,
    ):  # fmt: skip
        self.reset_after = reset_after
        super().__init__(
            GRUCell() if reset_after else GRUResetBeforeCell(), input_size, hidden_size, num_layers, bias,
            batch_first, dropout, bidirectional, dtype, random_state,
        )  # fmt: skip
