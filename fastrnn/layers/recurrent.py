"""RNN, LSTM and GRU: stacks of recurrent levels, called as PyTorch's modules are.

The names, shapes, gate order and initial values are those of `torch.nn.RNN`, `LSTM` and `GRU`
(https://pytorch.org/docs/stable/nn.html#recurrent-layers).
"""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from fastrnn.kernels.rows import copy_rows, scatter_add_rows
from fastrnn.kernels.vectors import empty_aligned
from fastrnn.layers.cells import NONLINEARITIES, GRUCell, GRUResetBeforeCell, LSTMCell, RNNCell
from fastrnn.layers.stack import Stack
from fastrnn.packing import Packing, count_shards, regular_packing
from fastrnn.wording import shown


class _Recurrent:
    """What the three layers share; see `LSTM`."""

    def _build(
        self, cell, /, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype,
        random_state, **_,
    ):  # fmt: skip
        """Check and set what a constructor was given, of which these are the locals()."""
        for name, value in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
            if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be an integer >= 1; got {shown(value)}")
        for name, value in (("bias", bias), ("batch_first", batch_first), ("bidirectional", bidirectional)):
            if not isinstance(value, (bool, np.bool_)):
                raise ValueError(f"{name} must be True or False; got {shown(value)}")
        if not isinstance(dropout, Real) or not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1); got {shown(dropout)}")
        if dtype not in ("float32", "float64", np.float32, np.float64):
            raise ValueError(f"dtype must be 'float32' or 'float64'; got {dtype!r}")
        if dropout > 0 and num_layers == 1:
            warnings.warn(f"dropout={dropout} acts between layers, but num_layers is 1; it does nothing", stacklevel=3)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, dropout
        self.bidirectional, self.dtype = bidirectional, np.dtype(dtype)
        self.training = True
        self._rng = check_random_state(random_state)
        self._stack = Stack(cell, input_size, hidden_size, num_layers, bias, bidirectional, self.dtype)
        self._stack.reset_parameters(self._rng)
        self._call = None

    def reset_parameters(self, recurrent="uniform", forget_bias=None):
        """Draw all parameters anew, uniform in +-1 / sqrt(hidden_size) as PyTorch does.

        Parameters
        ----------
        recurrent : {"uniform", "orthogonal"}
            "orthogonal" makes each gate's hidden-to-hidden matrix a random orthogonal one (Saxe et al. 2014).
        forget_bias : float, optional
            The sum of the LSTM's two forget biases (Jozefowicz et al. 2015 recommend 1).

        Raises
        ------
        ValueError
            For another `recurrent`, or a `forget_bias` without an LSTM's biases.
        """
        self._stack.reset_parameters(self._rng, recurrent, forget_bias)

    # ------------------------------------------------------------------------------------------ padded arrays

    def __call__(self, x, hx=None, lengths=None):
        x = self._checked_array(x, "x")
        is_single = x.ndim == 2
        if is_single:
            x = x[:, np.newaxis]
        elif x.ndim != 3:
            axes = "B, T" if self.batch_first else "T, B"
            raise ValueError(f"x has shape {x.shape}; expected ({axes}, {self.input_size}) or (T, {self.input_size})")
        elif self.batch_first:
            x = x.swapaxes(0, 1)
        self._call = None
        self._stack.forget()
        T, B, I = x.shape
        if I != self.input_size:
            raise ValueError(f"x has {I} features, but input_size is {self.input_size}")
        if T == 0 or B == 0:
            raise ValueError(f"x has shape {x.shape}: no steps or no sequences")
        lengths = self._checked_lengths(lengths, T, B)
        self._check_finite(x, lengths)
        state = self._checked_state(hx, B, is_single, "initial state")
        n_shards = count_shards(B, self.hidden_size)
        if lengths is None:
            packing = regular_packing(T, B, n_shards)
            rows = np.ascontiguousarray(x).reshape(T * B, I)
            if self.training and np.may_share_memory(rows, x):
                rows = rows.copy()  # backward reads it, and the array is the caller's
        else:
            packing = Packing(lengths, n_shards)
            rows = self._packed(x, packing)
        key = int(self._rng.randint(2**31)) if self.training and self.dropout > 0 else None
        numbers = None if key is None else np.arange(B)
        rows, final = self._stack.forward(rows, packing, state, numbers, key, self.dropout, keep=self.training)
        output = self._to_padded(rows, packing, T, is_single)
        if self.training:
            self._call = packing, T, is_single, output.shape
        if is_single:
            final = tuple(s[:, 0] for s in final)
        return output, (final if self._stack.n_states > 1 else final[0])

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
        if self._call is None or not self._stack.keeps_a_pass:
            raise RuntimeError(
                "backward needs a call in training mode before it, one for each backward: after eval(), or a "
                "second time, there is nothing kept; use train()"
            )
        packing, T, is_single, shape = self._call
        d_output = self._checked_array(d_output, "d_output")
        if d_output.shape != shape:
            raise ValueError(f"d_output has shape {d_output.shape}; the output's is {shape}")
        d_state = self._checked_state(d_state, packing.n_sequences, is_single, "gradient of the final state")
        if is_single:
            d_output = d_output[:, np.newaxis]
        elif self.batch_first:
            d_output = d_output.swapaxes(0, 1)
        self._check_finite(d_output, None if packing.is_regular else packing.lengths, "d_output")
        if packing.is_regular:
            d_rows = np.ascontiguousarray(d_output).reshape(packing.n_rows, -1)
        else:
            d_rows = self._packed(d_output, packing)
        d_x, d_initial = self._stack.backward(d_rows, d_state, input_grad)
        if is_single:
            d_initial = tuple(d[:, 0] for d in d_initial)
        if input_grad:
            d_x = self._to_padded(d_x[:, : self.input_size], packing, T, is_single)
        return d_x, (d_initial if self._stack.n_states > 1 else d_initial[0])

    def _packed(self, array, packing):
        """The steps of (T, B, F) that are no padding, as packed rows (S, F)."""
        F = array.shape[2]
        rows = empty_aligned((packing.n_rows, F), self.dtype)
        padded_rows = np.ascontiguousarray(array).reshape(-1, F)
        copy_rows(rows, 0, padded_rows, 0, packing.padded_rows, F)
        return rows

    def _to_padded(self, rows, packing, T, is_single):
        """Packed rows (S, F) as the caller's (T, B, F), (B, T, F) or (T, F), zero past each end."""
        B = packing.n_sequences
        if packing.is_regular:
            # In training rows are states that backward reads, and what is returned is the caller's.
            array = rows.copy() if self.training else np.ascontiguousarray(rows)
        else:
            array = np.zeros((T * B, rows.shape[1]), self.dtype)
            scatter_add_rows(array, np.ascontiguousarray(rows), packing.padded_rows, rows.shape[1])
        array = array.reshape(T, B, -1)
        if is_single:
            return array[:, 0]
        return array.swapaxes(0, 1) if self.batch_first else array

    # ----------------------------------------------------------------------------------------------- checks

    def _checked_array(self, array, name):
        try:
            array = np.asarray(array)
            if array.dtype == self.dtype:
                return array
            if array.dtype.kind == "c":
                raise TypeError("complex numbers")
            with np.errstate(over="ignore"):  # an overflow to infinity is reported by name
                return array.astype(self.dtype, copy=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} must be an array of real numbers: {error}") from None

    def _check_finite(self, x, lengths, name="x"):
        """Padding past each end may hold anything."""
        finite = np.isfinite(x)
        if np.logical_and.reduce(finite, axis=None):  # half the time of `all` for small arrays
            return
        bad = ~finite
        if lengths is not None:
            bad &= (np.arange(len(x))[:, np.newaxis] < lengths)[..., np.newaxis]
        if bad.any():
            t, b, i = np.argwhere(bad)[0]
            raise ValueError(f"{name} contains NaN or infinity: {x[t, b, i]} at step {t}, sequence {b}, feature {i}")

    def _checked_lengths(self, lengths, T, B):
        if lengths is None:
            return None
        lengths = np.asarray(lengths)
        if lengths.shape != (B,) or lengths.dtype.kind not in "iu":
            raise ValueError(f"lengths must be {B} integers, one a sequence; got {lengths.shape} of {lengths.dtype}")
        if lengths.min() < 1 or lengths.max() > T:
            b = int(np.argmax((lengths < 1) | (lengths > T)))
            raise ValueError(f"lengths[{b}] is {lengths[b]}; x has room for 1 to {T} steps")
        return lengths

    def _checked_state(self, state, B, is_single, what):
        """A tuple of arrays (num_layers * D, B, H), or None."""
        if state is None:
            return None
        parts = (state,) if self._stack.n_states == 1 else tuple(state)
        if len(parts) != self._stack.n_states:
            raise ValueError(f"the {what} must be a pair, as (h_0, c_0); got {len(parts)} arrays")
        L, H = self.num_layers * self._stack.n_directions, self.hidden_size
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

    def train(self, mode=True):
        """Keep, at each call, what `backward` needs; apply dropout.  With mode=False as `eval`.  Returns self."""
        if not mode:
            return self.eval()
        self.training = True
        return self

    def eval(self):
        """Keep nothing at a call, and apply no dropout.  Returns self."""
        self.training = False
        self._stack.forget()
        return self

    @property
    def grads(self):
        """The gradients by PyTorch's names: a dict of arrays, windows on one flat vector."""
        return {name: self._stack.parameters.gradient(name) for name in self._stack.parameters}

    def zero_grad(self):
        """Set all gradients to zero."""
        self._stack.parameters.gradients[:] = 0

    def state_dict(self):
        """A dict of copies of the parameters, by PyTorch's names."""
        return self._stack.parameters.copies()

    def load_state_dict(self, mapping):
        """Set all parameters, from arrays by PyTorch's names; ValueError if names or shapes are others."""
        self._stack.parameters.load(mapping)


class RNN(_Recurrent):
    """The plain recurrent network, h' = f(W_ih x + b_ih + W_hh h + b_hh) (Elman 1990).

    Parameters and calls are those of `LSTM`, with one state, ``output, h_n = rnn(x, hx=None, lengths=None)``, and

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
        self._build(RNNCell(nonlinearity), **locals())


class LSTM(_Recurrent):
    """Long short-term memory with forget gates (Hochreiter and Schmidhuber 1997; Gers et al. 2000).

    ``output, (h_n, c_n) = lstm(x, hx=None, lengths=None)``: x is (T, B, I), or (T, I) for one sequence;
    initial and final states are (num_layers * D, B, H), with D = 2 if bidirectional, else 1, and zeros if not
    given; output is (T, B, D * H).  `lengths` (B,), in any order, makes x a ragged batch padded to T steps: output
    is zero past each end, and the final state is that of each sequence's own last step.  Past the ends nothing is
    computed, and x may hold anything.

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
        self._build(LSTMCell(), **locals())


class GRU(_Recurrent):
    """The gated recurrent unit (Cho et al. 2014), h' = (1 - z) * n + z * h.

    z is the share of the old state that stays, as in Cho et al.; Chung et al. 2014 write z for that of the new.
    Parameters and calls are those of `LSTM`, with one state, ``output, h_n = gru(x, hx=None, lengths=None)``, and

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
        self._build(GRUCell() if reset_after else GRUResetBeforeCell(), **locals())
