"""Networks: embedding, recurrent stack, readout and dense head over one vector of parameters."""

import numpy as np

from fastrnn.kernels.rows import copy_rows, drop
from fastrnn.kernels.vectors import empty_aligned
from fastrnn.layers.cells import GRUCell, LSTMCell, RNNCell
from fastrnn.layers.feedforward import Dense, Embedding
from fastrnn.layers.readouts import READOUTS
from fastrnn.layers.stack import Stack
from fastrnn.sequences import Packing, count_shards


def make_cell(name, nonlinearity):
    """The cell an estimator's parameters name."""
    return RNNCell(nonlinearity) if name == "rnn" else {"lstm": LSTMCell, "gru": GRUCell}[name]()


class Batch:
    """Some of the sequences, packed.

    Attributes
    ----------
    packing : Packing
    rows : ndarray (S,)
        For each packed row, its place among the stored steps.
    x : ndarray (S, I), or (S,) tokens
    numbers : ndarray (B,)
        Which of the stored sequences these are.
    """

    def __init__(self, sequences, numbers, hidden_size):
        self.numbers = numbers
        n_shards = count_shards(numbers.size, hidden_size)
        self.packing = Packing(sequences.lengths[numbers], n_shards)
        self.rows = self.packing.rows_of(sequences.offsets[numbers])
        values = sequences.values
        if values.ndim == 1:
            self.x = values[self.rows]
        else:
            self.x = empty_aligned((self.rows.size, values.shape[1]), values.dtype)
            copy_rows(self.x, 0, values, 0, self.rows, values.shape[1])


class SequenceNetwork:
    """Embedding (for tokens), recurrent stack, readout, dense head.

    Parameters
    ----------
    input_size : int
        Features of a step; of tokens their number.
    n_outputs : int
    cell : a cell of `fastrnn.layers.cells`
    recurrent : dict
        The stack's options: hidden_size, num_layers, bias, bidirectional.
    readout : {"last", "mean", "max", "concat"} or None
        None leaves a row of outputs for each step.
    n_steps : int or None
        The length of every sequence, for "concat".
    embedding_dim : int or None
    dropout : float
        Between the levels of the stack, and on the features the head reads.
    dtype : {"float32", "float64"}
    rng : RandomState
        For the initial parameters.
    """

    def __init__(
        self, input_size, n_outputs, cell, recurrent, readout, n_steps, embedding_dim, dropout,
        dtype, rng,
    ):  # fmt: skip
        self.embedding = None
        if embedding_dim is not None:
            self.embedding = Embedding(input_size, embedding_dim, dtype)
            self.embedding.reset_parameters(rng)
            input_size = embedding_dim
        self.recurrent = Stack(cell, input_size, dtype=dtype, **recurrent)
        self.recurrent.reset_parameters(rng)
        self.dropout, self.n_steps = dropout, n_steps
        self.readout = None if readout is None else READOUTS[readout]
        features = self.recurrent.output_size * (n_steps if readout == "concat" else 1)
        self.head = Dense(features, n_outputs, dtype)
        self.head.reset_parameters(rng)
        self._gather_parameters()

    @property
    def parts(self):
        """The layers that have parameters, by name."""
        parts = {"embedding": self.embedding, "recurrent": self.recurrent, "head": self.head}
        return {name: part for name, part in parts.items() if part is not None}

    def _gather_parameters(self):
        """Let the parameters of all parts live in `theta`, their gradients in `gradient`."""
        sizes = [part.parameters.size for part in self.parts.values()]
        dtype = self.head.parameters.dtype
        self.theta, self.gradient = (empty_aligned((sum(sizes),), dtype) for _ in range(2))
        self.gradient[:] = 0
        self.decays = np.zeros(sum(sizes), dtype)
        start = 0
        for part, size in zip(self.parts.values(), sizes, strict=True):
            span = slice(start, start + size)
            self.theta[span] = part.parameters.values
            part.parameters.bind(self.theta[span], self.gradient[span])
            if part is not self.embedding:
                self.decays[span] = part.parameters.is_matrix()
            start += size

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._gather_parameters()

    def changed(self):
        """Tell all parts that theta has changed."""
        for part in self.parts.values():
            part.parameters.changed()

    def batch(self, sequences, numbers):
        """The sequences of these numbers as a `Batch`."""
        return Batch(sequences, numbers, self.recurrent.hidden_size)

    def forward(self, batch, keep=False, dropout_key=None):
        """Outputs (B, K) in the batch's order; without a readout (S, K), one a packed row."""
        x = batch.x if self.embedding is None else self.embedding.forward(batch.x)
        features = self._features(batch, x, keep, dropout_key)
        return self.head.forward(features, keep)

    def _features(self, batch, x, keep, dropout_key):
        rows, _ = self.recurrent.forward(
            x, batch.packing, sequence_numbers=batch.numbers, dropout_key=dropout_key,
            dropout=self.dropout, keep=keep,
        )  # fmt: skip
        memory = None
        features = rows
        if self.readout is not None:
            features, memory = self.readout.forward(
                rows, batch.packing, self.recurrent.n_directions
            )
        if dropout_key is not None:
            features = features.copy()
            self._drop(features, batch, dropout_key)
        if keep:
            self._memory = memory
        return features

    def _drop(self, features, batch, dropout_key):
        packing = batch.packing
        numbers, steps = batch.numbers, np.zeros(packing.n_sequences, np.int64)
        if self.readout is None:
            numbers, steps = batch.numbers[packing.order][packing.places], packing.steps
        drop(features, features, dropout_key, numbers, steps, self.dropout)

    def backward(self, batch, d_outputs, dropout_key=None, bptt_steps=0):
        """Add to `gradient` from d_outputs, of the shape that `forward` returned."""
        d_features = self.head.backward(d_outputs)
        if dropout_key is not None:
            self._drop(d_features, batch, dropout_key)
        if self.readout is None:
            d_rows = d_features
        else:
            width = self.recurrent.output_size
            d_rows = self.readout.backward(
                d_features, self._memory, batch.packing, self.recurrent.n_directions, width
            )
        has_embedding = self.embedding is not None
        d_x, _ = self.recurrent.backward(d_rows, input_grad=has_embedding, bptt_steps=bptt_steps)
        if has_embedding:
            self.embedding.backward(batch.x, d_x)

    def loss_and_gradient(self, batch, loss, targets, weights, dropout_key=None, bptt_steps=0):
        """The loss of a batch; its gradient is left in `gradient`.

        targets and weights are one a sequence in the batch's order, without a readout one a packed
        row.
        """
        if not self.dropout:
            dropout_key = None
        self.gradient[:] = 0
        outputs = self.forward(batch, keep=True, dropout_key=dropout_key)
        value, d_outputs = loss(outputs, targets, weights)
        self.backward(batch, d_outputs, dropout_key, bptt_steps)
        return value

    def predict(self, sequences, batch_size=256):
        """Outputs (n, K), or without a readout (S, K), ordered as the steps are stored."""
        n = len(sequences) if self.readout is not None else len(sequences.values)
        out = np.empty((n, self.head.output_size), self.head.parameters.dtype)
        for first in range(0, len(sequences), batch_size):
            batch = self.batch(sequences, np.arange(first, min(first + batch_size, len(sequences))))
            out[batch.numbers if self.readout is not None else batch.rows] = self.forward(batch)
        return out
