"""The network of most estimators: encoder, readout and dense head."""

import numpy as np

from fastrnn.kernels.rows import drop
from fastrnn.layers.feedforward import Dense
from fastrnn.layers.readouts import READOUTS, Last
from fastrnn.network.parts import Batch, Network, portions


class SequenceNetwork(Network):
    """Encoder, readout, dense head.

    Parameters
    ----------
    encoder : Encoder
    n_outputs : int
    readout : {"last", "mean", "max", "concat"} or None
        None leaves a row of outputs for each step.
    n_steps : int or None
        The length of every sequence, for "concat".
    rng : RandomState
        For the initial parameters.
    chain : LinearChain, optional
        Scores of transitions between the labels of neighbouring steps, trained with the rest.

    Attributes
    ----------
    n_features : int
        What the head reads of a sequence, or step.
    final_state : tuple of ndarray
        The recurrent states after the last training pass.
    """

    def __init__(self, encoder, n_outputs, readout, n_steps, rng, chain=None):
        self.encoder, self.n_steps, self.chain = encoder, n_steps, chain
        self.readout = None if readout is None else READOUTS[readout]
        self.n_features = encoder.recurrent.output_size * (n_steps if readout == "concat" else 1)
        self.head = Dense(self.n_features, n_outputs, encoder.recurrent.dtype)
        chains = {} if chain is None else {"chain": chain}
        super().__init__({**encoder.parts, "head": self.head, **chains}, rng)

    def __getstate__(self):
        return {**super().__getstate__(), "final_state": None, "_memory": None}

    def set_dropout(self, rate):
        """Drop this fraction from now on."""
        self.encoder.dropout = rate

    @property
    def embedding(self):
        """What turns tokens into vectors; None for numbers."""
        return self.encoder.embedding

    def batch(self, sequences, numbers):
        """The sequences of these numbers as a `Batch`."""
        return Batch.of(sequences, numbers, self.encoder.recurrent.hidden_size)

    def batches(self, sequences, numbers, at_once=256):
        """Likewise, some of them at once."""
        return (self.batch(sequences, numbers[some]) for some in portions(numbers.size, at_once))

    def forward(self, batch, keep=False, dropout_key=None):
        """Outputs (B, K) in the batch's order; without a readout (S, K), one a packed row."""
        return self.read(batch, None, keep, dropout_key)[0]

    def read(self, batch, state, keep=False, dropout_key=None):
        """The outputs, and the recurrent states (num_layers * D, B, H) after the last steps, from those before."""
        features, final_state = self.features(batch, state, keep, dropout_key)
        if dropout_key is not None:
            features = features.copy()
            self._drop(features, batch, dropout_key)
        return self.head.forward(features, keep), final_state

    def features(self, batch, state=None, keep=False, dropout_key=None):
        """What the head reads, (B, F) in the batch's order or (S, F), and the states as `read` has them."""
        features, final_state = self.encoder.forward(batch, state, keep, dropout_key)
        if self.readout is not None:
            n_directions = self.encoder.recurrent.n_directions
            features, memory = self.readout.forward(features, batch.packing, n_directions)
            self._memory = memory if keep else None
        return features, final_state

    def _drop(self, features, batch, dropout_key):
        if self.readout is None:
            batch.drop(features, dropout_key, self.encoder.dropout)
        else:
            steps = np.zeros(len(features), np.int64)
            drop(features, features, dropout_key, batch.numbers, steps, self.encoder.dropout)

    def backward(self, batch, d_outputs, dropout_key=None, bptt_steps=0):
        """Add to `gradient` from d_outputs, of the shape that `forward` returned."""
        d_rows = self.head.backward(d_outputs)
        if dropout_key is not None:
            self._drop(d_rows, batch, dropout_key)
        if self.readout is not None:
            stack = self.encoder.recurrent
            d_rows = self.readout.backward(d_rows, self._memory, batch.packing, stack.n_directions, stack.output_size)
        self.encoder.backward(batch, d_rows, dropout_key, bptt_steps or 0)

    def loss_and_gradient(self, batch, loss, targets, weights, dropout_key=None, bptt_steps=0, state=None):
        """The loss of a batch; its gradient is left in `gradient`.

        targets and weights are one a sequence in the batch's order, without a readout one a packed
        row.  With a chain, `loss` is not used.
        """
        if not self.encoder.dropout:
            dropout_key = None
        self.gradient[:] = 0
        outputs, self.final_state = self.read(batch, state, keep=True, dropout_key=dropout_key)
        if self.chain is None:
            value, d_outputs = loss(outputs, targets, weights)
        else:
            value, d_outputs = self.chain.loss(outputs, targets, weights, batch.packing)
        self.backward(batch, d_outputs, dropout_key, bptt_steps)
        return value

    def predict(self, sequences):
        """Outputs (n, K), or without a readout (S, K), ordered as the steps are stored."""
        return self._all_rows(sequences, self.head.output_size, self.forward)

    def extract(self, sequences):
        """What the head reads, (n, F), or without a readout (S, F), ordered as the steps are stored."""
        return self._all_rows(sequences, self.n_features, lambda batch: self.features(batch)[0])

    def _all_rows(self, sequences, width, rows_of):
        n = len(sequences) if self.readout is not None else len(sequences.values)
        out = np.empty((n, width), self.theta.dtype)
        for batch in self.batches(sequences, np.arange(len(sequences))):
            out[batch.numbers if self.readout is not None else batch.rows] = rows_of(batch)
        return out

    def predict_last(self, sequences):
        """Without a readout: the outputs (n, K) at each sequence's last step, and the recurrent states after it."""
        outputs, states = [], []
        for batch in self.batches(sequences, np.arange(len(sequences))):
            rows, state = self.encoder.forward(batch)
            outputs.append(self.head.forward(Last.forward(rows, batch.packing, 1)[0]))
            states.append(state)
        return np.concatenate(outputs), tuple(np.concatenate(parts, axis=1) for parts in zip(*states, strict=True))
