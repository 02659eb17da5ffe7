"""What stands below and above the recurrent stack: a table of vectors for tokens, and a dense layer."""

from math import sqrt

import numpy as np

from fastrnn.kernels.gradient import add_product
from fastrnn.kernels.rnn import ORDER
from fastrnn.kernels.rows import copy_rows, repeat_row, scatter_add_rows, take
from fastrnn.kernels.tiles import pack_panels, pack_transposed
from fastrnn.kernels.vectors import empty_aligned, padded
from fastrnn.layers.cells import add_sums, outer_products, product, zeros
from fastrnn.packing import gathered
from fastrnn.params import Parameters, uniform


class Dense:
    """y = W x + b for each row; parameters "weight" (outputs, inputs) and "bias" (outputs,)."""

    def __init__(self, input_size, output_size, dtype):
        self.input_size, self.output_size = input_size, output_size
        self.parameters = Parameters({"weight": (output_size, input_size), "bias": (output_size,)}, dtype)

    def reset_parameters(self, rng):
        """Uniform in +-1 / sqrt(inputs), as `torch.nn.Linear`."""
        for name in self.parameters:
            uniform(self.parameters[name], 1 / sqrt(self.input_size), rng)

    def _panels(self):
        """Room for the weights as `forward` reads them, and what packs them."""
        weight, width = self.parameters.stored("weight"), padded(self.output_size, self.parameters.dtype)
        panels = empty_aligned((self.input_size * width,), weight.dtype)
        return panels, (pack_panels, panels, self.input_size, 0, weight, 0, self.output_size)

    def __call__(self, x):
        """Rows x (n, inputs) to rows (n, outputs), arrays."""
        panels, (pack, *arguments) = self._panels()
        pack(*arguments)
        out = np.empty((len(x), padded(self.output_size, x.dtype)), x.dtype)
        repeat_row(out, self.parameters.stored("bias"))
        add_product(out, np.ascontiguousarray(x), panels, self.input_size, 1, 0)  # it reads rows as they lie in memory
        return out[:, : self.output_size]

    def forward(self, p, x):
        """Add the calls from rows x (n, inputs) to rows (n, outputs padded with zeros)."""
        n, width = x.shape[0], padded(self.output_size, p.dtype)
        panels, call = self._panels()
        p.call(*call, stage="before")
        out = p.room(n, width)
        p.call(repeat_row, out, self.parameters.stored("bias"))
        product(p, out, x, panels, self.input_size, "forward")
        return out

    def backward(self, p, x, d_out):
        """Add the calls from d_out (n, outputs padded with zeros) to d_x (n, inputs padded), and to the gradients."""
        C, (n, width) = self.output_size, d_out.shape
        self.add_gradients(p, x, d_out)
        inputs = padded(self.input_size, p.dtype)
        panels = empty_aligned((width * inputs,), p.dtype)
        p.call(pack_transposed, panels, self.parameters.stored("weight"), C, ORDER, stage="before")
        d_x = zeros(p, n, inputs)
        product(p, d_x, d_out, panels, width, "backward")
        return d_x

    def add_gradients(self, p, x, d_out):
        """Add the calls from them to the gradients alone."""
        C, width, stored = self.output_size, d_out.shape[1], self.parameters.stored_gradients
        d_weight, d_bias = p.sums(self.input_size, width), p.sums(width)
        outer_products(p, d_bias, d_weight, ((0, width, 0),), d_out, x)
        add_sums(p, stored["weight"], d_weight, C, width)
        add_sums(p, stored["bias"], d_bias, C, width)


class Embedding:
    """A vector for each token, trained unless frozen; parameter "weight" (tokens, dimension)."""

    def __init__(self, n_tokens, dimension, dtype, is_frozen=False):
        self.output_size, self.limits, self.is_frozen = dimension, (n_tokens,), is_frozen
        self.parameters = Parameters({"weight": (n_tokens, dimension)}, dtype, by_row=["weight"], undecayed=["weight"])

    @property
    def parts(self):
        return {"embedding": self}

    @property
    def learns(self):
        """Whether it has anything to train."""
        return not self.is_frozen

    def reset_parameters(self, rng):
        """Standard normal, as `torch.nn.Embedding`."""
        table = self.parameters["weight"]
        table[...] = rng.normal(size=table.shape)

    def forward(self, p, rows, keep=False, values="values"):
        """Add the calls from the stored tokens, given as "values", to their vectors (S, dimension); and the tokens."""
        tokens = gathered(p, values, rows.rows)
        out = p.room(rows.S, self.output_size)
        p.call(copy_rows, out, 0, self.parameters.stored("weight"), 0, tokens, self.output_size)
        return out, tokens

    def backward(self, p, tokens, d_out, is_other=False):
        """Add d_out (n, >= dimension) to the gradients of the vectors of tokens (n,), one a step."""
        add_to_table(p, self.parameters.stored_gradients["weight"], tokens, d_out, 0, is_other)


def add_to_table(p, d_table, tokens, d_out, column, is_other=False):
    """Add d_out[:, column:] to the rows of tokens (n,) in the gradients of a table, one a step.

    Of all shards after these: no sums of a table's size, of which a batch needs a few rows.
    """
    width = d_table.shape[1]
    own, every = p.of_batch(width, is_other=is_other)
    own_tokens, every_token = p.of_batch(is_other=is_other, dtype=np.int64)
    p.call(copy_rows, own, 0, d_out, column, None, width, stage="backward")
    p.call(take, own_tokens, tokens, None, stage="backward")
    n_steps = p.given("n_other_steps" if is_other else "n_steps")
    p.call(scatter_add_rows, d_table, every, every_token, n_steps, width, stage="after")
