"""Decay of inputs and states with the time since a feature was seen, as GRU-D has it.

Che, Purushotham, Cho, Sontag and Liu, "Recurrent neural networks for multivariate time series with missing values",
Scientific Reports 8:6085, 2018.  `fastrnn.kernels.decay` has the equations.
"""

import numpy as np

from fastrnn.kernels.decay import d_fade_inputs, fade_inputs, fading
from fastrnn.kernels.rows import copy_rows
from fastrnn.kernels.vectors import padded
from fastrnn.layers.cells import add_sums
from fastrnn.layers.feedforward import Dense
from fastrnn.params import Parameters

RATE = 0.1
"""The largest of the first weights, which are not negative: where nothing fades, nothing is learned of fading."""


class _InputDecay:
    """One rate for each of M features of a row; parameters "weight" and "bias" (M,)."""

    def __init__(self, M, output_size, dtype):
        self.output_size = output_size
        self.parameters = Parameters({"weight": (M,), "bias": (M,)}, dtype)

    def reset_parameters(self, rng):
        """Uniform in 0 to RATE, without biases."""
        self.parameters["weight"][...] = rng.uniform(0, RATE, self.parameters["weight"].shape)
        self.parameters["bias"][...] = 0


class _StateDecay(Dense):
    """As a dense layer, of the M times, to H rates."""

    def reset_parameters(self, rng):
        """Uniform in 0 to RATE / M, without biases."""
        self.parameters["weight"][...] = rng.uniform(0, RATE / self.input_size, self.parameters["weight"].shape)
        self.parameters["bias"][...] = 0


class Decay:
    """Rows of K numbers, M flags and M times to what is read of them (K + M), and to what states are multiplied with.

    Parameters
    ----------
    input_size : int
        K + 2 M.
    columns : ndarray (M,)
        The numbers that have a flag and a time.
    hidden_size : int
    dtype : {"float32", "float64"}
    """

    def __init__(self, input_size, columns, hidden_size, dtype):
        self.input_size, self.output_size, self._columns = input_size, input_size - columns.size, columns
        self.inputs = _InputDecay(columns.size, self.output_size, dtype)
        self.states = _StateDecay(columns.size, hidden_size, dtype)
        self.parts = {"input_decay": self.inputs, "state_decay": self.states}

    def forward(self, p, x):
        """Add the calls from rows x (n, K + 2 M) to rows (n, K + M), gamma (n, P), and what the way back needs."""
        n, M, weights = x.shape[0], self._columns.size, self.inputs.parameters
        out, deltas = p.room(n, self.output_size), p.room(n, M)
        rates = weights.stored("weight"), weights.stored("bias")
        p.call(fade_inputs, out, p.room(padded(M, p.dtype)), x, *rates, self._columns)
        p.call(copy_rows, deltas, 0, x, self.output_size, None, M)
        gamma = self.states.forward(p, deltas)
        p.call(fading, gamma)
        return out, gamma, (x, out, deltas, gamma)

    def backward(self, p, kept, d_out, numbers=None):
        """Add to the gradients, from d_out, of which the first columns are those of the `numbers` (all, if None).

        gamma has become the gradients of what its exponential is taken of.
        """
        (x, out, deltas, d_rates), columns, weights = kept, self._columns, self.inputs.parameters
        places = columns if numbers is None else np.searchsorted(numbers, columns)
        width = padded(columns.size, p.dtype)
        sums, rates = [p.sums(width) for _ in range(2)], (weights.stored("weight"), weights.stored("bias"))
        p.call(d_fade_inputs, *sums, p.room(width), d_out, out, x, *rates, columns, places, stage="backward")
        for gradient, own in zip(weights.stored_gradients.values(), sums, strict=True):
            add_sums(p, gradient, own, columns.size, columns.size)
        self.states.add_gradients(p, deltas, d_rates)
