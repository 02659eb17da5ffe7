"""From a context, or from a sequence read by an encoder, to a sequence: Cho et al., EMNLP 2014."""

from dataclasses import dataclass

import numpy as np

from fastrnn.kernels.rows import copy_rows, scatter_add_rows
from fastrnn.kernels.vectors import empty_aligned
from fastrnn.layers.attention import Attention, Places
from fastrnn.layers.feedforward import Dense
from fastrnn.layers.readouts import Last
from fastrnn.layers.stack import Stack
from fastrnn.network.parts import KEYS_OF_DECODER, Batch, Network, portions
from fastrnn.packing import Packing, count_shards, regular_packing


@dataclass
class Encoded:
    """What a decoder is given of its sources."""

    context: np.ndarray
    """(B, C): the encoder's last states, or the vectors themselves."""
    rows: np.ndarray | None = None
    """The encoder's rows (S, F), and of these its keys (S, H) and packing, for attention."""
    keys: np.ndarray | None = None
    packing: Packing | None = None


class EncoderDecoder(Network):
    """Encoder, and a decoder whose first states and every step are given the context.

    Parameters
    ----------
    encoder : Encoder or None
        None if sources are vectors (B, C), which are the context.
    context_size : int
        C; of an encoder its output size.
    embedding : Embedding or None
        Of the target's tokens and the start; None for numbers, whose steps are read as they are.
    n_values : int
        Numbers of a target's step, without an embedding.
    n_outputs : int
    cell : a cell of `fastrnn.layers.cells`
    recurrent : dict
        Of the decoder's stack: hidden_size, num_layers, bias.
    attention : {"dot", "additive"} or None
    dropout : float
        As for `Encoder`, and before the head.
    rng : RandomState
    """

    def __init__(
        self, encoder, context_size, embedding, n_values, n_outputs, cell, recurrent, attention, dropout, dtype, rng
    ):
        self.encoder, self.target_embedding, self.dropout = encoder, embedding, dropout
        self.n_features = context_size  # columns of `extract`
        self._input_width = n_values if embedding is None else embedding.output_size
        self.decoder = Stack(cell, self._input_width + context_size, bidirectional=False, dtype=dtype, **recurrent)
        H, n_states = self.decoder.hidden_size, self.decoder.n_states * self.decoder.num_layers
        self.bridge = Dense(context_size, n_states * H, dtype)
        self.attention = None if attention is None else Attention(attention, H, context_size, dtype)
        self.head = Dense(H, n_outputs, dtype)
        super().__init__(self._named_parts(), rng)

    def _named_parts(self):
        parts = {} if self.encoder is None else dict(self.encoder.parts)
        if self.target_embedding is not None:
            parts["target_embedding"] = self.target_embedding
        parts |= {"bridge": self.bridge, "decoder": self.decoder}
        if self.attention is not None:
            parts |= self.attention.parts
        return {**parts, "head": self.head}

    def __getstate__(self):
        return {**super().__getstate__(), "_states": None}

    def set_dropout(self, rate):
        """Drop this fraction from now on."""
        self.dropout = rate
        if self.encoder is not None:
            self.encoder.dropout = rate

    @property
    def embedding(self):
        """What turns the source's tokens into vectors; None for numbers."""
        return None if self.encoder is None else self.encoder.embedding

    # ------------------------------------------------------------------------------------- batches

    def source(self, sequences, numbers):
        """The sources of these numbers."""
        if self.encoder is None:
            return sequences.values[numbers]
        return Batch.of(sequences, numbers, self.encoder.recurrent.hidden_size)

    def target(self, inputs, numbers):
        """What the decoder reads for them, as a `Batch`."""
        return Batch.of(inputs, numbers, self.decoder.hidden_size)

    # ------------------------------------------------------------------------------------- passes

    def extract(self, sequences):
        """The contexts (n, C) of all sequences."""
        every = portions(len(sequences))
        return np.concatenate([self.encode(self.source(sequences, numbers)).context for numbers in every])

    def encode(self, source, keep=False, dropout_key=None):
        """The `Encoded` of sources."""
        if self.encoder is None:
            return Encoded(source)
        rows, _ = self.encoder.forward(source, None, keep, dropout_key)
        context, _ = Last.forward(rows, source.packing, self.encoder.recurrent.n_directions)
        if self.attention is None:
            return Encoded(context, packing=source.packing)
        rows = np.ascontiguousarray(rows)
        return Encoded(context, rows, self.attention.keys(rows, keep), source.packing)

    def first_state(self, context, keep=False):
        """The decoder's states (num_layers, B, H) before its first step: tanh of a dense layer of the context."""
        states = np.tanh(self.bridge.forward(context, keep))
        if keep:
            self._states = states
        shape = len(context), self.decoder.n_states, self.decoder.num_layers, -1
        return tuple(states.reshape(shape).transpose(1, 2, 0, 3))

    def decode(self, batch, encoded, context, state, places, keep=False, dropout_key=None):
        """Outputs (S, K) of a batch's packed rows, the states after it, and the attention's weights or None.

        context (B, C) is one a sequence of the batch, `places` says whose keys its rows see.
        """
        width = self._input_width
        inputs = empty_aligned((batch.rows.size, width + context.shape[1]), context.dtype)
        inputs[:, :width] = self._vectors(batch, dropout_key)
        copy_rows(inputs, width, context, 0, batch.packing.numbers, context.shape[1])
        rows, state = self.decoder.forward(
            inputs, batch.packing, state, sequence_numbers=batch.numbers, dropout_key=dropout_key,
            dropout=self.dropout, keep=keep,
        )  # fmt: skip
        weights = None
        if self.attention is not None:
            rows, weights = self.attention.forward(rows, encoded.keys, encoded.rows, places, keep)
        if dropout_key is not None:
            rows = rows.copy()
            batch.drop(rows, dropout_key, self.dropout)
        return self.head.forward(rows, keep), state, weights

    def _vectors(self, batch, dropout_key):
        """The decoder's inputs beside the context."""
        if self.target_embedding is None:
            return batch.x
        x = self.target_embedding.forward(batch.x)
        if dropout_key is not None:
            batch.drop(x, dropout_key + self.decoder.num_layers, self.dropout)
        return x

    def forward(self, source, batch, keep=False, dropout_key=None):
        """Outputs (S, K) of the targets' packed rows, each step given the target's step before; and the weights."""
        of_decoder = None if dropout_key is None else dropout_key + KEYS_OF_DECODER
        encoded = self.encode(source, keep, dropout_key)
        places = self.places(source, batch)
        state = self.first_state(encoded.context, keep)
        outputs, _, weights = self.decode(batch, encoded, encoded.context, state, places, keep, of_decoder)
        return outputs, weights

    def places(self, source, batch):
        """Each target sees the steps of its own source."""
        if self.attention is None:
            return None
        return Places(*batch.packing.by_sequence, *source.packing.by_sequence)

    def backward(self, source, batch, d_outputs, dropout_key=None):
        """Add to `gradient`."""
        of_decoder = None if dropout_key is None else dropout_key + KEYS_OF_DECODER
        d_rows, d_encoder_rows = self.head.backward(d_outputs), None
        if of_decoder is not None:
            batch.drop(d_rows, of_decoder, self.dropout)
        if self.attention is not None:
            d_rows, d_encoder_rows = self.attention.backward(d_rows)
        d_inputs, d_state = self.decoder.backward(np.ascontiguousarray(d_rows))
        width = self._input_width
        d_context = self._d_context(d_inputs[:, width:], d_state, batch.packing)
        if self.target_embedding is not None:
            d_x = np.ascontiguousarray(d_inputs[:, :width])
            if of_decoder is not None:
                batch.drop(d_x, of_decoder + self.decoder.num_layers, self.dropout)
            self.target_embedding.backward(batch.x, d_x)
        if self.encoder is not None:
            recurrent = self.encoder.recurrent
            d_rows = Last.backward(d_context, None, source.packing, recurrent.n_directions, recurrent.output_size)
            if d_encoder_rows is not None:
                d_rows += d_encoder_rows
            self.encoder.backward(source, d_rows, dropout_key)

    def _d_context(self, d_inputs, d_state, packing):
        """The context's gradient (B, C), from the decoder's inputs and first states."""
        states, C = self._states, self.bridge.input_size
        d_states = np.stack(d_state).transpose(2, 0, 1, 3).reshape(states.shape)
        d_context = self.bridge.backward(d_states * (1 - states * states))[:, :C].copy()
        scatter_add_rows(d_context, np.ascontiguousarray(d_inputs), packing.numbers, C)
        return d_context

    def loss_and_gradient(self, source, batch, loss, targets, weights, dropout_key=None):
        """The loss of a batch; its gradient is left in `gradient`.  targets and weights are one a packed row."""
        if not self.dropout:
            dropout_key = None
        self.gradient[:] = 0
        outputs, _ = self.forward(source, batch, keep=True, dropout_key=dropout_key)
        value, d_outputs = loss(outputs, targets, weights)
        self.backward(source, batch, d_outputs, dropout_key)
        return value

    # ------------------------------------------------------------------------------------- one step at a time

    def stepper(self, encoded, width=1):
        """A function of (x, picks) that decodes a step: outputs (B * width, K).

        `width` continuations of each source, as `encode` returned them, are decoded side by side; x (B * width,) or
        (B * width, n_values) is what they read, and picks (B * width,) which of the last step's each goes on from.
        """
        n_rows = len(encoded.context) * width
        context = np.repeat(encoded.context, width, axis=0)
        state = self.first_state(context)
        every = np.arange(n_rows)
        packing = regular_packing(1, n_rows, count_shards(n_rows, self.decoder.hidden_size))
        places = None
        if self.attention is not None:
            key_places = encoded.packing.by_sequence
            places = Places(every, np.arange(len(encoded.context) + 1) * width, *key_places)

        def step(x, picks):
            nonlocal state
            state = tuple(part[:, picks] for part in state)
            batch = Batch(packing, every, x, every)
            outputs, state, _ = self.decode(batch, encoded, context, state, places)
            return outputs

        return step
