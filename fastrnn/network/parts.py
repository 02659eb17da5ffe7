"""What networks are made of: parts over one vector of parameters, batches, and the encoder they share."""

from dataclasses import dataclass

import numpy as np

from fastrnn.kernels.rows import copy_rows, drop
from fastrnn.kernels.vectors import empty_aligned, zeros_aligned
from fastrnn.layers.cells import GRUCell, GRUResetBeforeCell, LSTMCell, RNNCell
from fastrnn.layers.stack import Stack
from fastrnn.packing import Packing, count_shards, regular_packing

CELLS = {"lstm": LSTMCell, "gru": GRUCell, "gru_reset_before": GRUResetBeforeCell, "rnn": RNNCell}
KEYS_OF_AN_EPOCH = 2**20
"""The distance of two epochs' dropout keys; in between each level of a stack has its own."""
KEYS_OF_DECODER = KEYS_OF_AN_EPOCH // 2
"""Where those of a decoder's levels begin."""


def make_cell(name, nonlinearity):
    """The cell an estimator's parameters name."""
    return RNNCell(nonlinearity) if name == "rnn" else CELLS[name]()


def portions(n, size=256):
    """The numbers 0 to n - 1 in parts: what a network makes of so many sequences is in memory at once."""
    return np.split(np.arange(n), np.arange(size, n, size))


@dataclass
class Batch:
    """Some of the sequences, packed."""

    packing: Packing
    rows: np.ndarray
    """For each packed row, its place among the stored steps, (S,)."""
    x: np.ndarray
    """(S, I) numbers, or (S,) or (S, 1 + L) tokens."""
    numbers: np.ndarray
    """Which of the stored sequences these are, (B,)."""

    @classmethod
    def of(cls, sequences, numbers, hidden_size):
        """The sequences of these numbers."""
        lengths = sequences.lengths[numbers]
        if lengths.size == 1:
            packing = regular_packing(int(lengths[0]), 1, 1)  # laid out before
        else:
            packing = Packing(lengths, count_shards(numbers.size, hidden_size))
        rows, values = packing.rows_of(sequences.offsets[numbers]), sequences.values
        if values.dtype.kind == "i":
            return cls(packing, rows, values[rows], numbers)
        x = empty_aligned((rows.size, values.shape[1]), values.dtype)
        copy_rows(x, 0, values, 0, rows, values.shape[1])
        return cls(packing, rows, x, numbers)

    def drop(self, rows, key, rate):
        """Drop elements of packed rows (S, F), in place."""
        packing = self.packing
        drop(rows, rows, key, self.numbers[packing.numbers], packing.steps, rate)


class Network:
    """Parts with parameters, all of which live in one vector.

    Attributes
    ----------
    parts : dict of name to layer
    theta, gradient : ndarray
        The parameters of all parts, and their gradients.
    decays : ndarray
        1 for each parameter that weight decay holds for: matrices, without tables of vectors.

    Without `rng` a network has shapes only, until it is given weights by `load`.
    """

    n_steps = None
    """The length that every sequence must have; None for any."""

    def __init__(self, parts, rng):
        self.parts = parts
        if rng is None:
            return
        # Freeing a block of this size makes glibc keep up to twice as much of what is freed later.  Else it may give
        # the arrays of a step back to the system after each, and get them anew page by page: a quarter of the time.
        np.empty(31 * 2**20, np.uint8)
        self._gather_parameters()
        for part in parts.values():
            part.reset_parameters(rng)

    def load(self, weights):
        """Take weights by the parts' names and their own, with just their shapes and precision."""
        self._gather_parameters()
        for name, part in self.parts.items():
            part.parameters.load(weights[name])

    def _gather_parameters(self):
        sizes = [part.parameters.size for part in self.parts.values()]
        dtype = next(iter(self.parts.values())).parameters.dtype
        self.theta, self.gradient = (zeros_aligned((sum(sizes),), dtype) for _ in range(2))
        self.decays = np.zeros(sum(sizes), dtype)
        start = 0
        for part, size in zip(self.parts.values(), sizes, strict=True):
            span = slice(start, start + size)
            if "values" in vars(part.parameters):
                self.theta[span] = part.parameters.values
            part.parameters.bind(self.theta[span], self.gradient[span])
            self.decays[span] = part.parameters.is_decayed()
            start += size

    def __getstate__(self):
        # The parts hold the same parameters.
        return {k: v for k, v in self.__dict__.items() if k not in ("theta", "gradient", "decays")}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._gather_parameters()

    def changed(self):
        """Tell all parts that theta has changed."""
        for part in self.parts.values():
            part.parameters.changed()


class Encoder:
    """Embedding (for tokens) and recurrent stack: a row of features for each step.

    Parameters
    ----------
    embedding : Embedding, WordEmbedding or None
    input_size : int
        Features of a step, if there is no embedding.
    cell : a cell of `fastrnn.layers.cells`
    recurrent : dict
        The stack's options: hidden_size, num_layers, bias, bidirectional.
    dropout : float
        On the vectors of tokens, and between the levels of the stack.
    dtype : {"float32", "float64"}
    """

    def __init__(self, embedding, input_size, cell, recurrent, dropout, dtype):
        self.embedding, self.dropout = embedding, dropout
        if embedding is not None:
            input_size = embedding.output_size
        self.recurrent = Stack(cell, input_size, dtype=dtype, **recurrent)

    @property
    def parts(self):
        embeddings = {} if self.embedding is None else self.embedding.parts
        return {**embeddings, "recurrent": self.recurrent}

    def forward(self, batch, state=None, keep=False, dropout_key=None):
        """Rows (S, D H), and the final states."""
        x = batch.x
        if self.embedding is not None:
            x = self.embedding.forward(x, keep)
            if dropout_key is not None:
                batch.drop(x, dropout_key + self.recurrent.num_layers, self.dropout)
        return self.recurrent.forward(
            x, batch.packing, state, sequence_numbers=batch.numbers, dropout_key=dropout_key,
            dropout=self.dropout, keep=keep,
        )  # fmt: skip

    def backward(self, batch, d_rows, dropout_key=None, bptt_steps=0):
        """From d_rows (S, >= D H); adds to the parameters' gradients."""
        trains = self.embedding is not None and not self.embedding.is_frozen
        d_x, _ = self.recurrent.backward(d_rows, input_grad=trains, bptt_steps=bptt_steps)
        if trains:
            if dropout_key is not None:
                batch.drop(d_x, dropout_key + self.recurrent.num_layers, self.dropout)
            self.embedding.backward(batch.x, d_x)
