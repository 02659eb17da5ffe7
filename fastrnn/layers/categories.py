"""Vectors of categories beside numbers: Guo and Berkhahn, "Entity Embeddings of Categorical Variables", 2016."""

import numpy as np

from fastrnn.kernels.rows import about_mean, d_about_mean, look_up, take_columns
from fastrnn.kernels.vectors import empty_aligned
from fastrnn.layers.feedforward import add_to_table
from fastrnn.params import Parameters


class Categories:
    """Rows of numbers, of which some columns hold codes, to the other numbers and beside them a vector of each code.

    A column k of codes has a table of its own, parameter "weight_k" (1 + n, width), of n categories from 1 on.
    The code 0 is of what is none of them: it is read as row 0, which begins as zeros, plus the mean of the others.

    Parameters
    ----------
    input_size : int
        Columns of a row.
    counts : dict of int to int
        By columns, how many categories there are.
    dtype : {"float32", "float64"}
    """

    def __init__(self, input_size, counts, dtype):
        self.input_size, self.columns = input_size, list(counts)
        self.numbers = np.array([k for k in range(input_size) if k not in counts], np.int64)
        shapes = {f"weight_{k}": (1 + n, width_for(n)) for k, n in counts.items()}
        self.parameters = Parameters(shapes, dtype, by_row=shapes, undecayed=shapes)
        self.output_size = self.numbers.size + sum(width for _, width in shapes.values())
        self.parts = {"categories": self}

    def reset_parameters(self, rng):
        """Standard normal, as `Embedding`, but for the rows of what is no category."""
        for name, (n, width) in self.parameters.shapes.items():
            self.parameters[name][1:] = rng.normal(size=(n - 1, width))

    def forward(self, p, x):
        """Add the calls from rows x (n, input_size) to rows (n, output_size); and the codes of each column."""
        out, column, codes = p.room(x.shape[0], self.output_size), self.numbers.size, []
        if column:
            p.call(take_columns, out, x, self.numbers)
        for k, name in zip(self.columns, self.parameters, strict=True):
            table, own = self.parameters.stored(name), p.room(x.shape[0], dtype=np.int64)
            other = empty_aligned((table.shape[1],), table.dtype)
            p.call(about_mean, other, table, stage="before")
            p.call(look_up, out, column, own, x, k, table, other)
            codes.append(own)
            column += table.shape[1]
        return out, codes

    def backward(self, p, codes, d_out):
        """Add d_out (n, >= output_size) to the gradients of the tables."""
        column = self.numbers.size
        for own, d_table in zip(codes, self.parameters.stored_gradients.values(), strict=True):
            add_to_table(p, d_table, own, d_out, column)
            p.call(d_about_mean, d_table, stage="after")
            column += d_table.shape[1]


def width_for(n):
    """The length of the vectors of n categories: the rule of fastai (Howard and Gugger, Information 11(2), 2020)."""
    return min(64, round(1.6 * n**0.56))
