"""RNN, LSTM and GRU: stacks of recurrent layers, which are called like PyTorch's modules.

Names, shapes, order of gates and initial values are those of `torch.nn.RNN`, `LSTM` and `GRU`
(https://pytorch.org/docs/stable/nn.html#recurrent-layers).
"""

import warnings
from dataclasses import dataclass
from numbers import Real

import numpy as np
from sklearn.utils import check_random_state

from fastrnn.kernels.rows import spread_columns
from fastrnn.layers.cells import NONLINEARITIES, GRUCell, GRUResetBeforeCell, LSTMCell, LSTMPeepholeCell, RNNCell
from fastrnn.layers.layer_norm import GRULayerNormCell, LSTMLayerNormCell
from fastrnn.layers.noise import noisy
from fastrnn.layers.padded import check_finite, checked_lengths
from fastrnn.layers.projection import LSTMProjectedCell
from fastrnn.layers.stack import Dropout, Stack
from fastrnn.lists import refuse_masked
from fastrnn.packing import Rows, Shards, gathered
from fastrnn.params import checked
from fastrnn.programs import KEPT, Pass, Program
from fastrnn.wording import check_count, check_flag, shown


@dataclass
class _Prepared:
    """A layer's program, and its last pass, for the next call of the same shape."""

    keeps: bool
    """Whether it is for training."""
    program: Program
    version: object = None
    """Of the weights that are packed."""
    shape: tuple | None = None
    run: Pass | None = None
    zeros: np.ndarray | None = None
    """For states that are not given."""


def _flat(x):
    """The rows (n, F) of an array (., ., F), one after the other."""
    return np.ascontiguousarray(x.reshape(-1, x.shape[2]))


class _Recurrent:
    """What all layers share."""

    def _build(self, cell, /, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype,
        random_state, **others):  # fmt: skip
        """Check and set what a constructor was given, of which these are the locals()."""
        sizes = {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}
        self.input_size, self.hidden_size, self.num_layers = (check_count(*size) for size in sizes.items())
        flags = {name: others.get(name, False) for name in ("peephole", "layer_norm", "reset_after")}
        for flag in {"bias": bias, "batch_first": batch_first, "bidirectional": bidirectional, **flags}.items():
            check_flag(*flag)
        if not isinstance(dropout, Real) or not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1); got {shown(dropout)}")
        if dtype not in ("float32", "float64", np.float32, np.float64):
            raise ValueError(f"dtype must be 'float32' or 'float64'; got {dtype!r}")
        if dropout > 0 and num_layers == 1:
            warnings.warn(f"dropout={dropout} acts between layers, but num_layers is 1; it does nothing", stacklevel=3)
        self.bias, self.batch_first, self.dropout = bias, batch_first, dropout
        self.bidirectional, self.dtype = bidirectional, np.dtype(dtype)
        self.training = True
        self._rng = check_random_state(random_state)
        self._stack = Stack(cell, self.input_size, self.hidden_size, self.num_layers, bias, bidirectional, self.dtype)
        self._stack.reset_parameters(self._rng)
        self._call, self._prepared = None, {}  # what `backward` needs of a call; programs, by `training`

    def __getstate__(self):
        # Programs hold addresses.
        return {**self.__dict__, "_call": None, "_prepared": {}}

    def reset_parameters(self, recurrent="uniform", forget_bias=None):
        """Draw all parameters anew, uniform in +-1 / sqrt(hidden_size) as PyTorch does.

        Parameters
        ----------
        recurrent : {"uniform", "orthogonal"}, default="uniform"
            "orthogonal" makes the hidden-to-hidden matrix of each gate a random orthogonal one (Saxe et al. 2014).
        forget_bias : float, default=None
            The sum of the two forget biases of an LSTM (Jozefowicz et al. 2015 recommend 1), or the one of an sLSTM,
            which goes from 3 to 6 in each head if it is None.

        Raises
        ------
        ValueError
            If `recurrent` is another, or if there is a `forget_bias` for a layer that has none.
        """
        self._stack.reset_parameters(self._rng, recurrent, forget_bias)

    def _program(self, keeps, sharing):
        """From the steps of "x" to "output" and final states; if it `keeps`, from "d_output" back to "d_x"."""
        stack, p = self._stack, Program(self.dtype, *sharing)
        rows, dropout = Rows(p), Dropout.of(p, self.dropout if keeps else None)
        initial, final = (p.given(name, p.dtype, 3) for name in ("initial", "final"))
        x = gathered(p, "x", rows.rows, self.input_size)
        output, kept = stack.forward(p, x, rows, initial, dropout, keeps, final)
        p.call(spread_columns, p.given("output", p.dtype, 2), rows.rows, output, 0, stack.output_size)
        if keeps:
            d_final, d_initial = (p.given(name, p.dtype, 3) for name in ("d_final", "d_initial"))
            d_rows = gathered(p, "d_output", rows.rows, stack.output_size, "backward")
            d_x = stack.backward(p, kept, d_rows, rows, dropout, d_final, d_initial, input_stage="inputs")
            p.call(spread_columns, p.given("d_x", p.dtype, 2), rows.rows, d_x, 0, self.input_size, stage="inputs")
        return p

    def _prepare(self, T, B, lengths):
        """What a call of this shape needs; in nobody else's hands, as threads may share a layer in eval mode."""
        prepared = self._prepared.pop(self.training, None)
        shape = T, B, None if lengths is None else lengths.tobytes()
        if prepared is None or prepared.shape != shape:
            numbers, sharing = np.arange(B), self._stack.sharing(B)
            if prepared is None or (prepared.program.is_shared, prepared.program.is_whole) != sharing:
                prepared = _Prepared(self.training, self._program(self.training, sharing))
            lengths = np.full(B, T) if lengths is None else lengths
            begins, stride = (numbers * T, 1) if self.batch_first else (numbers, B)
            shards = Shards(lengths, [numbers], self.hidden_size, prepared.program.is_whole)
            given = {"lengths": lengths, "begins": begins, "stride": stride, **shards.given}
            prepared.run = Pass(prepared.program, shards, self._stack.work, is_kept=self.training, **given)
            prepared.shape, prepared.zeros = shape, self._stack.zero_states(B)
        return prepared

    def _put_back(self, prepared):
        """Have it for the next call; memory of a pass only if that is not much."""
        if prepared.run.kept_bytes > KEPT:
            prepared.shape = prepared.run = None
        self._prepared[prepared.keeps] = prepared

    # ------------------------------------------------------------------------------------------ padded arrays

    def __call__(self, x, hx=None, lengths=None):
        """Run the layer over a batch of sequences, as a call of PyTorch's module does.

        Parameters
        ----------
        x : array of shape (T, B, I), or (T, I) for one sequence
            The steps. With batch_first=True, a batch is (B, T, I).
        hx : array, or tuple of arrays, of shape (num_layers * D, B, H), default=None
            The initial state; for an LSTM a tuple (h_0, c_0). D is 2 if bidirectional, else 1. None is zeros.
        lengths : array-like of int, of shape (B,), default=None
            The lengths of sequences in a batch that is padded to T steps, in any order. Nothing is computed after the
            end of a sequence, and x may hold anything there. None says that all have T steps.

        Returns
        -------
        output : ndarray of shape (T, B, D * H), or (T, D * H) for one sequence
            The states after each step. They are zero after the end of a sequence.
        h_n : ndarray, or tuple of arrays, of shape (num_layers * D, B, H)
            The state after the last step of each sequence; for an LSTM a tuple (h_n, c_n).
        """
        x, is_single = self._checked_x(x)
        T, B = x.shape[1::-1] if self.batch_first else x.shape[:2]
        lengths = checked_lengths(lengths, T, B)
        check_finite(x, lengths, self.batch_first, "x")
        state = self._checked_state(hx, B, is_single, "initial state")
        if self._call is not None:  # nothing is kept of it for `backward` any more
            self._put_back(self._call[0])
            self._call = None
        prepared, width = self._prepare(T, B, lengths), self._stack.output_size
        output = self._empty((*x.shape[:2], width), lengths)
        final = np.empty_like(prepared.zeros)
        if self.training and (self.dropout > 0 or self._stack.cell.is_noisy):
            prepared.run.give(key=int(self._rng.randint(2**31)))
        prepared.run.give(initial=prepared.zeros if state is None else state)
        self._run(prepared, ("forward",), x=_flat(x), output=output.reshape(-1, width), final=final)
        if self.training:
            self._call = prepared, lengths, is_single, x.shape
        else:
            self._put_back(prepared)
        return self._returned(output, final, is_single)

    def _run(self, prepared, stages, **given):
        """Run stages of a program with arrays that are given by name."""
        run, version = prepared.run, self._stack.parameters.version
        run.lend(**given)
        run.take(*stages)
        run.run(is_prepared=version is prepared.version)
        if "forward" in stages:  # it has packed them
            prepared.version = version

    def _empty(self, shape, lengths):
        """An array for the caller, of zeros if steps of it are none."""
        return np.empty(shape, self.dtype) if lengths is None else np.zeros(shape, self.dtype)

    def _returned(self, rows, state, is_single):
        """An array of steps, or None, and states as the caller has them."""
        if is_single:
            state = state[:, 0]
            rows = None if rows is None else rows.reshape(-1, rows.shape[2])
        n = len(state) // self._stack.n_states
        parts = [state] if n == len(state) else [state[k : k + n] for k in range(0, len(state), n)]
        if self._stack.cell.output_size:
            parts[0] = np.ascontiguousarray(parts[0][..., : self._stack.cell.output_size])
        return rows, (parts[0] if len(parts) == 1 else tuple(parts))

    def backward(self, d_output, d_state=None, input_grad=True):
        """Compute gradients from those of the results of the last call.

        The gradients of the parameters are added to `grads`; `zero_grad` clears them.

        Parameters
        ----------
        d_output : array in the shape of the output
            The gradient of the output.
        d_state : array, or tuple of arrays, in the shape of the final state, default=None
            The gradient of the final state. None is zeros.
        input_grad : bool, default=True
            Whether to compute the gradient of x, too.

        Returns
        -------
        d_x : ndarray in the shape of x, or None
            The gradient of x.
        d_state : array, or tuple of arrays, in the shape of the initial state
            The gradient of the initial state.

        Raises
        ------
        RuntimeError
            If there was no call in training mode since the last `backward`.
        ValueError
            If a gradient has another shape than its array.
        """
        if self._call is None:
            why = "after eval(), or a second time, there is nothing kept; use train()"
            raise RuntimeError(f"backward needs a call in training mode before it, one for each backward: {why}")
        (prepared, lengths, is_single, x_shape), width = self._call, self._stack.output_size
        d_output, shape = self._checked_array(d_output, "d_output"), (*x_shape[:2], width)
        expected = (max(shape[:2]), width) if is_single else shape
        if d_output.shape != expected:
            raise ValueError(f"d_output has shape {d_output.shape}; the output's is {expected}")
        zeros = prepared.zeros
        d_final = self._checked_state(d_state, zeros.shape[1], is_single, "gradient of the final state")
        d_output = d_output.reshape(shape)
        check_finite(d_output, lengths, self.batch_first, "d_output")
        d_initial, d_x, stages = np.empty_like(zeros), None, ("backward",)
        given = {"d_output": _flat(d_output), "d_final": zeros if d_final is None else d_final, "d_initial": d_initial}
        if input_grad:
            d_x, stages = self._empty(x_shape, lengths), ("backward", "inputs")
            given["d_x"] = d_x.reshape(-1, self.input_size)
        self._call = None  # what is kept of it becomes gradients
        self._run(prepared, stages, **given)
        self._put_back(prepared)
        return self._returned(d_x, d_initial, is_single)

    # ----------------------------------------------------------------------------------------------- checks

    def _checked_x(self, x):
        """x as a batch, and whether it was one sequence."""
        x = self._checked_array(x, "x")
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size or 0 in x.shape:
            axes, I = "B, T" if self.batch_first else "T, B", self.input_size
            expected = f"({axes}, {I}) or (T, {I}), as input_size={I}, not empty"
            raise ValueError(f"x has shape {x.shape}; expected {expected}")
        if x.ndim == 2:
            return x[np.newaxis] if self.batch_first else x[:, np.newaxis], True
        return x, False

    def _checked_array(self, array, name):
        refuse_masked(array, name)
        try:
            array = np.asarray(array)
            if array.dtype == self.dtype:
                return array
            if array.dtype.kind in "cmMSU":
                raise TypeError(f"{array.dtype} is none")
            with np.errstate(over="ignore"):  # an overflow to infinity is reported by name
                return array.astype(self.dtype, copy=False)
        except (TypeError, ValueError) as error:
            way = ". Pad sequences of several lengths, and pass lengths=" * isinstance(error, ValueError)
            raise ValueError(f"{name} must be an array of real numbers: {str(error).rstrip('.')}{way}") from None

    def _checked_state(self, state, B, is_single, what):
        """As `Stack.forward` takes states, or None."""
        if state is None:
            return None
        parts = (state,) if self._stack.n_states == 1 else tuple(state) if np.iterable(state) else ()
        if len(parts) != self._stack.n_states:
            names = ", ".join(f"{letter}_0" for letter in self._stack.cell.states)
            raise ValueError(f"the {what} must be a tuple of arrays, as ({names}); got {len(parts)}")
        L, H = self.num_layers * self._stack.n_directions, self.hidden_size
        every = np.zeros((len(parts), L, B, H), self.dtype)
        for own, part, letter in zip(every, parts, self._stack.cell.states, strict=True):
            width = self._stack.cell.output_size or H if letter == "h" else H
            shape = (L, width) if is_single else (L, B, width)
            own[..., :width] = checked(f"the {what} {letter}", part, shape, self.dtype).reshape(L, B, width)
        return every.reshape(-1, B, H)

    # ---------------------------------------------------------------------------------------------- parameters

    def train(self, mode=True):
        """Switch to training mode: calls keep what `backward` needs, and apply dropout.

        Parameters
        ----------
        mode : bool, default=True
            False does the same as `eval`.

        Returns
        -------
        self
            The layer.
        """
        self.training = bool(mode)
        if not mode:
            self._call = None
            self._prepared.pop(True, None)
        return self

    def eval(self):
        """Switch to evaluation mode: calls keep nothing, and apply no dropout.

        Returns
        -------
        self
            The layer.
        """
        return self.train(False)

    @property
    def grads(self):  # numpydoc ignore=RT01
        """The gradients by PyTorch's names: a dict of arrays, which are views of one flat vector."""
        return {name: self._stack.parameters.gradient(name) for name in self._stack.parameters}

    def zero_grad(self):
        """Set all gradients to zero."""
        self._stack.parameters.gradients[:] = 0

    def state_dict(self):
        """Get copies of all parameters, in a dict by PyTorch's names.

        Returns
        -------
        dict of str to ndarray
            The parameters.
        """
        return self._stack.parameters.copies()

    def load_state_dict(self, mapping):
        """Set all parameters; a ValueError if names or shapes are not those of this layer.

        Parameters
        ----------
        mapping : mapping of str to array
            Arrays by PyTorch's names.
        """
        self._stack.parameters.load(mapping)


class RNN(_Recurrent):  # numpydoc ignore=PR01
    """Plain recurrent network (Elman 1990): ``h' = f(W_ih x + b_ih + W_hh h + b_hh)``.

    A call is ``output, h_n = rnn(x, hx=None, lengths=None)``. Parameters that are not listed here are those of `LSTM`,
    with the same defaults.

    Parameters
    ----------
    nonlinearity : {"tanh", "relu", "sigmoid"}, default="tanh"
        The function f.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.layers import RNN
    >>> rnn = RNN(5, 6, 1, random_state=0)
    >>> output, h_n = rnn(np.ones((1, 3, 5)), np.zeros((1, 3, 6)))
    >>> output.shape, h_n.shape
    ((1, 3, 6), (1, 3, 6))
    """

    def __init__(self, input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False,
        dropout=0.0, bidirectional=False, dtype="float32", random_state=None, zoneout=0.0,
        recurrent_dropout=0.0):  # fmt: skip
        if nonlinearity not in [*NONLINEARITIES]:
            raise ValueError(f"nonlinearity must be one of {sorted(NONLINEARITIES)}; got {nonlinearity!r}")
        self.nonlinearity, self.zoneout, self.recurrent_dropout = nonlinearity, zoneout, recurrent_dropout
        self._build(noisy(RNNCell(nonlinearity), zoneout, recurrent_dropout), **locals())


class LSTM(_Recurrent):
    """Long short-term memory with forget gates (Hochreiter and Schmidhuber 1997; Gers et al. 2000).

    A call is ``output, (h_n, c_n) = lstm(x, hx=None, lengths=None)``, with hx a tuple ``(h_0, c_0)``.

    Parameters
    ----------
    input_size : int
        Number of features in a step, I.
    hidden_size : int
        Number of hidden units, H.
    num_layers : int, default=1
        Number of layers. Each layer reads the outputs of the layer below.
    bias : bool, default=True
        Whether there are the bias vectors bias_ih and bias_hh.
    batch_first : bool, default=False
        Whether x and output are (B, T, .) in place of (T, B, .). States stay (., B, H).
    dropout : float, default=0.0
        The fraction of each layer's outputs that is set to zero on the way to the next layer, in training mode.
    bidirectional : bool, default=False
        Whether a second set of weights reads each sequence backwards. Outputs of both directions stand side by side.
    dtype : {"float32", "float64"}, default="float32"
        The floating-point type of parameters and results.
    random_state : int, RandomState or None, default=None
        The seed of initial parameters and dropout.
    peephole : bool, default=False
        Whether gates see the cell state of their own unit (Gers and Schmidhuber 2000): i and f the old one, o the new
        one. The parameter weight_peephole (3H,) has the weights of i, f and o, in this order.
    layer_norm : bool, default=False
        Whether W_ih x and W_hh h, each over all its 4H units, and the new cell state before its tanh are normalised (Ba
        et al. 2016, equations 20 to 22, with 1e-5 added to variances). Parameters gain_ih, gain_hh (4H,) and gain_c
        (H,) multiply what is normalised, and bias_ih, bias_hh and bias_c are added. Not with peephole=True.
    proj_size : int, default=0
        With R = proj_size, from 1 to hidden_size - 1, h is weight_hr (R, H) times what it would be (Sak et al. 2014).
        Outputs and h have R numbers then in place of H, c has H. Not with peephole=True or layer_norm=True.
    zoneout : float, default=0.0
        The fraction of units, drawn for each step, h and c apart, that stay as they were in training mode (Krueger et
        al. 2017). In evaluation mode new states are mixed with old ones by this fraction.
    recurrent_dropout : float, default=0.0
        The fraction of units of the old h, drawn once for each sequence, that W_hh does not see in training mode (Gal
        and Ghahramani 2016). This and zoneout not with peephole, layer_norm and proj_size.

    Raises
    ------
    ValueError
        If a parameter is wrong. In a call, if x has another number of features, if states have another shape, if
        anything is NaN or infinite, or if lengths are not from 1 to T.

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

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
        bidirectional=False, dtype="float32", random_state=None, peephole=False, layer_norm=False,
        proj_size=0, zoneout=0.0, recurrent_dropout=0.0):  # fmt: skip
        if proj_size != 0:
            proj_size = check_count("proj_size", proj_size)
            check_count("hidden_size", hidden_size)
            if proj_size >= hidden_size:
                raise ValueError(f"proj_size must be smaller than hidden_size={hidden_size}; got {proj_size}")
        if bool(peephole) + bool(layer_norm) + bool(proj_size) > 1:
            raise ValueError("peephole, layer_norm and proj_size do not go together: set only one of them")
        self.peephole, self.layer_norm, self.proj_size = peephole, layer_norm, proj_size
        self.zoneout, self.recurrent_dropout = zoneout, recurrent_dropout
        cell = LSTMPeepholeCell() if peephole else LSTMLayerNormCell() if layer_norm else LSTMCell()
        cell = LSTMProjectedCell(hidden_size, proj_size) if proj_size else cell
        self._build(noisy(cell, zoneout, recurrent_dropout), **locals())


class GRU(_Recurrent):  # numpydoc ignore=PR01
    """Gated recurrent unit (Cho et al. 2014): ``h' = (1 - z) * n + z * h``.

    z is the share of the old state that stays, as in Cho et al.; Chung et al. 2014 write z for the share of the new
    one. A call is ``output, h_n = gru(x, hx=None, lengths=None)``. Parameters that are not listed here are those of
    `LSTM`, with the same defaults.

    Parameters
    ----------
    reset_after : bool, default=True
        Whether the reset gate acts after the product, as in PyTorch and cuDNN: ``n = tanh(W_in x + b_in + r * (W_hn h +
        b_hn))``. With False it acts before, as in the paper: ``n = tanh(W_in x + b_in + W_hn (r * h) + b_hn)``.
    layer_norm : bool, default=False
        Whether W_ih x and W_hh h are normalised, each over the 2H units of r and z and over the H of n (Ba et al. 2016,
        equations 23 to 25, with 1e-5 added to variances). Parameters gain_ih and gain_hh (3H,) multiply what is
        normalised, and bias_ih and bias_hh are added. Only with reset_after=True.
    zoneout, recurrent_dropout : float, default=0.0
        As of `LSTM`. Only with reset_after=True, and not with layer_norm=True.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.layers import GRU
    >>> gru = GRU(5, 6, 2, random_state=0)
    >>> output, h_n = gru(np.ones((1, 3, 5)), np.zeros((2, 3, 6)))
    >>> output.shape, h_n.shape
    ((1, 3, 6), (2, 3, 6))
    """

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
        bidirectional=False, reset_after=True, dtype="float32", random_state=None, layer_norm=False, zoneout=0.0,
        recurrent_dropout=0.0):  # fmt: skip
        if layer_norm and not reset_after:
            raise ValueError("layer_norm=True is for reset_after=True; set one of them otherwise")
        self.reset_after, self.layer_norm = reset_after, layer_norm
        self.zoneout, self.recurrent_dropout = zoneout, recurrent_dropout
        cell = GRULayerNormCell() if layer_norm else GRUCell() if reset_after else GRUResetBeforeCell()
        self._build(noisy(cell, zoneout, recurrent_dropout), **locals())
