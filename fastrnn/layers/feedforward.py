"""What stands below and above the recurrent stack: a table of vectors for tokens, and a dense layer."""

from math import sqrt

import numpy as np

from fastrnn.kernels.gradient import add_product
from fastrnn.kernels.rnn import ORDER
from fastrnn.kernels.rows import copy_rows, scatter_add_rows
from fastrnn.kernels.tiles import pack_panels, pack_transposed
from fastrnn.kernels.vectors import empty_aligned, padded, zeros_aligned
from fastrnn.layers.cells import add_gradient, add_rows_product, column_runs
from fastrnn.params import Parameters, uniform

_NO_WEIGHT = {name: np.empty((0, 0), name) for name in ("float32", "float64")}


class Dense:
    """y = W x + b for each row; parameters "weight" (outputs, inputs) and "bias" (outputs,)."""

    def __init__(self, input_size, output_size, dtype):
        self.input_size, self.output_size = input_size, output_size
        shapes = {"weight": (output_size, input_size), "bias": (output_size,)}
        self.parameters = Parameters(shapes, dtype)
        self._x, self._packed = None, (None, None)

    def __getstate__(self):
        return {**self.__dict__, "_x": None, "_packed": (None, None)}

    def reset_parameters(self, rng):
        """Uniform in +-1 / sqrt(inputs), as `torch.nn.Linear`."""
        for name in self.parameters:
            uniform(self.parameters[name], 1 / sqrt(self.input_size), rng)
        self.parameters.changed()

    def forward(self, x, keep=False):
        """Rows x (n, inputs) to rows (n, outputs)."""
        width = padded(self.output_size, x.dtype)
        out = empty_aligned((len(x), width), x.dtype)
        out[:, : self.output_size] = self.parameters.stored("bias")
        out[:, self.output_size :] = 0
        add_rows_product(out, x, self._panels(width), self.input_size)
        self._x = x if keep else None
        return out[:, : self.output_size]

    def step_calls(self, x):
        """Calls that make of rows x (n, inputs) the rows (n, outputs padded with zeros) returned with them."""
        n, width = len(x), padded(self.output_size, x.dtype)
        out, bias = np.zeros((n, width), x.dtype), np.zeros((1, width), x.dtype)
        bias[0, : self.output_size] = self.parameters.stored("bias")
        panels = self._panels(width)
        start = (copy_rows, (out, 0, bias, 0, np.zeros(n, np.int64), width))
        return [start, (add_product, (out, x, panels, self.input_size, n, 0))], out

    def _panels(self, width):
        """The weights packed for `forward`, made anew when they have changed."""
        version, panels = self._packed
        if version is not self.parameters.version:
            version, panels = self.parameters.version, empty_aligned((self.input_size * width,), self.parameters.dtype)
            pack_panels(panels, self.input_size, 0, self.parameters.stored("weight"))
            self._packed = version, panels  # at once: two threads may come here
        return panels

    def backward(self, d_out):
        """d_out (n, outputs) to d_x (n, inputs padded); adds to the parameters' gradients."""
        x, self._x = self._x, None
        dtype, n = x.dtype, len(x)
        C = self.output_size
        width = padded(C, dtype)
        d_padded = np.ascontiguousarray(d_out)
        if C != width:
            d_padded = zeros_aligned((n, width), dtype)
            d_padded[:, :C] = d_out
        d_weight, d_bias = np.zeros((self.input_size, width), dtype), np.zeros(width, dtype)
        add_gradient(
            d_bias, d_weight, _NO_WEIGHT[dtype.name], column_runs((0, width, 0)), column_runs(), d_padded, x,
            np.empty((n, 0), dtype), np.arange(n),
        )  # fmt: skip
        self.parameters.stored_gradients["weight"][...] += d_weight[:, :C]
        self.parameters.stored_gradients["bias"][...] += d_bias[:C]
        inputs = padded(self.input_size, dtype)
        panels = empty_aligned((width * inputs,), dtype)
        pack_transposed(panels, self.parameters.stored("weight"), C, ORDER)
        d_x = zeros_aligned((n, inputs), dtype)
        add_rows_product(d_x, d_padded, panels, width)
        return d_x


class Embedding:
    """A vector for each token, trained unless frozen; parameter "weight" (tokens, dimension)."""

    def __init__(self, n_tokens, dimension, dtype, is_frozen=False):
        self.output_size, self.limits, self.is_frozen = dimension, (n_tokens,), is_frozen
        self.parameters = Parameters({"weight": (n_tokens, dimension)}, dtype, by_row=["weight"], undecayed=["weight"])

    @property
    def parts(self):
        return {"embedding": self}

    def freeze(self, is_frozen=True):
        """Leave the vectors as they are from now on, or train them again."""
        self.is_frozen = is_frozen

    def reset_parameters(self, rng):
        """Standard normal, as `torch.nn.Embedding`."""
        table = self.parameters["weight"]
        table[...] = rng.normal(size=table.shape)
        self.parameters.changed()

    def forward(self, tokens, keep=False):
        """Tokens (S,) to their vectors (S, dimension)."""
        out = empty_aligned((tokens.size, self.output_size), self.parameters.dtype)
        copy_rows(out, 0, self.parameters.stored("weight"), 0, tokens, self.output_size)
        return out

    def backward(self, tokens, d_out):
        """Add d_out (S, >= dimension) to the gradients of the vectors of tokens (S,)."""
        scatter_add_rows(self.parameters.stored_gradients["weight"], d_out, tokens, self.output_size)
