"""From a context, or from a sequence read by an encoder, to a sequence: Cho et al., EMNLP 2014."""

from copy import deepcopy
from itertools import pairwise
from types import SimpleNamespace

import numpy as np

from fastrnn.kernels.activations import tanh_groups, tanh_groups_backward
from fastrnn.kernels.attention import spread_weights
from fastrnn.kernels.rows import copy_rows, get_states, scatter_add_rows, spread_columns, take
from fastrnn.kernels.softmax import spread_log_softmax
from fastrnn.kernels.vectors import padded
from fastrnn.layers.attention import Attention, Memory
from fastrnn.layers.feedforward import Dense
from fastrnn.layers.readouts import LAST
from fastrnn.layers.stack import NO_DROPOUT, Dropout, Stack
from fastrnn.layers.static import clear_rest
from fastrnn.network.parts import Network, portions, read_steps, stored
from fastrnn.network.training import KEYS_OF_DECODER, add_loss
from fastrnn.packing import Rows, Shards, gathered
from fastrnn.programs import B, Pass


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
        As for a `SequenceNetwork`.
    rng : RandomState
    """

    def __init__(self, encoder, context_size, embedding, n_values, n_outputs, cell, recurrent, attention, dropout,
        dtype, rng):  # fmt: skip
        self.target_embedding, self.n_features = embedding, context_size  # the columns of `extract`
        self._input_width = n_values if embedding is None else embedding.output_size
        self.decoder = Stack(cell, self._input_width + context_size, bidirectional=False, dtype=dtype, **recurrent)
        H, width = self.decoder.hidden_size, self.decoder.output_size
        self.n_groups = self.decoder.n_states * self.decoder.num_layers
        self.bridge = Dense(context_size, cell.n_made * self.decoder.num_layers * H, dtype)
        self.attention = None if attention is None else Attention(attention, width, context_size, dtype)
        self.head = Dense(width, n_outputs, dtype)
        # What the names of the arrays begin with that say how targets lie: vectors have no steps of their own.
        self._of_targets = "" if encoder is None else "other_"
        self._stacks = [self.decoder] if encoder is None else [encoder.recurrent, self.decoder]
        layers = [self.head] if attention is None else [self.head, self.attention.joined_layer]
        self.work = sum(s.work for s in self._stacks) + sum(d.input_size * d.output_size for d in layers)
        parts = {} if encoder is None else encoder.parts
        targets = {} if embedding is None else {"target_embedding": embedding}
        seen = {} if attention is None else self.attention.parts
        parts = {**parts, **targets, "bridge": self.bridge, "decoder": self.decoder, **seen, "head": self.head}
        super().__init__(parts, rng, encoder, dropout)

    # ------------------------------------------------------------------------------------------------- programs

    def _context(self, p, rows, dropout=NO_DROPOUT, keep=False):
        """Add the calls to the context (B, C), by the sources' places; also the encoder's rows, and what it keeps."""
        if self.encoder is None:
            return gathered(p, "vectors", rows.numbers, self.n_features), None, None
        x, kept = self.encoder.forward(p, rows, dropout, keep)
        return LAST.forward(p, x, rows, self.encoder.recurrent.n_directions)[0], x, kept

    def _first_states(self, p, context):
        """Add the calls to the decoder's states before its first step, tanh of a dense layer of the context."""
        states = p.room(self.n_groups, B, self.decoder.hidden_size)
        p.call(tanh_groups, self._made(p, states), self.bridge.forward(p, context))
        clear_rest(p, states, self.bridge.output_size // self.decoder.hidden_size)
        return states

    def _made(self, p, states):
        """Those of the decoder's states, or their gradients, that are made of a context."""
        H = self.decoder.hidden_size
        return p.part(states, (self.bridge.output_size // H, B, H))

    def _decode(self, p, rows, context, picked, states, memory, dropout=NO_DROPOUT, keep=False, final=None):
        """Add the calls from packed targets to outputs (S, K), and what the way back needs.

        `picked` (S,) says which rows of `context` they read; states are as those of `Stack.forward`.
        """
        width, stack, values = self._input_width, self.decoder, self._of_targets + "values"
        read, tokens = read_steps(p, self.target_embedding, width, rows, dropout, stack.num_layers, keep, values)
        inputs = p.room(rows.S, stack.input_size)
        p.call(copy_rows, inputs, 0, read, 0, None, width)
        p.call(copy_rows, inputs, width, context, 0, picked, self.n_features)
        x, kept = stack.forward(p, inputs, rows, states, dropout, keep, final)
        attended = None
        if memory is not None:
            attended = self.attention.forward(p, x, rows, memory)
            x, rows = attended.joined, attended.rows
        x = dropout.forward(p, x, 0, rows)
        return self.head.forward(p, x), rows, (tokens, kept, attended, x)

    def _whole(self, p, dropout=NO_DROPOUT, keep=False):
        """Add the calls from stored sources and targets to the targets' outputs, and name what they left."""
        left = SimpleNamespace(dropout=dropout, of_decoder=dropout._replace(first=KEYS_OF_DECODER))
        left.targets = Rows(p, other=self.encoder is not None)
        left.targets.streams = left.targets.twins  # its states lie as the sources do
        left.sources = left.targets if self.encoder is None else Rows(p)
        left.context, x, left.encoded = self._context(p, left.sources, dropout, keep)
        left.picked = p.room(left.targets.S, dtype=np.int64)
        p.call(take, left.picked, left.targets.twins, left.targets.places)
        left.states, left.memory = self._first_states(p, left.context), None
        if self.attention is not None:
            left.memory, left.memory_rows = self.attention.memory(p, x, left.sources, left.targets.twins)
        given = left.context, left.picked, left.states, left.memory
        left.outputs, left.rows, left.decoded = self._decode(p, left.targets, *given, left.of_decoder, keep)
        return left

    def _training(self, p, loss, width, rate, is_frozen, *_):
        """From stored sources and targets to the loss, and back to all gradients but a frozen table's."""
        whole = self._whole(p, Dropout.of(p, rate), keep=True)
        d_outputs = add_loss(p, loss, whole.outputs, self.head.output_size, width, whole.rows.rows, whole.rows)
        d_context, d_sources = self._decode_backward(p, whole, d_outputs)
        if self.encoder is not None:
            stack = self.encoder.recurrent
            d_rows = LAST.backward(p, d_context, None, whole.sources, stack.n_directions, stack.output_size)
            for part in d_sources:
                places = whole.memory_rows.packed, whole.memory_rows.S
                p.call(scatter_add_rows, d_rows, part, *places, stack.output_size, stage="backward")
            self.encoder.backward(p, whole.encoded, d_rows, whole.sources, whole.dropout)

    def _decode_backward(self, p, whole, d_outputs):
        """Back from the outputs to the context, (B, >= C), and to parts of the encoder's rows, which lie in memory."""
        (tokens, kept, attended, x), dropout, d_sources = whole.decoded, whole.of_decoder, ()
        C, targets = self.n_features, whole.targets
        d_x = dropout.backward(p, self.head.backward(p, x, d_outputs), 0, whole.rows)
        if attended is not None:
            d_x, d_sources = self.attention.backward(p, d_x, attended, whole.memory)
        d_states = p.room(*whole.states.shape)
        d_inputs = self.decoder.backward(p, kept, d_x, targets, dropout, d_initial=d_states)
        # The context's gradient is from the decoder's first states and what it has read.
        d_bridge = p.room(B, padded(self.bridge.output_size, p.dtype))
        p.call(tanh_groups_backward, d_bridge, self._made(p, d_states), self._made(p, whole.states), stage="backward")
        d_context, read = self.bridge.backward(p, whole.context, d_bridge), p.room(targets.S, C)
        p.call(copy_rows, read, 0, d_inputs, self._input_width, None, C, stage="backward")
        p.call(scatter_add_rows, d_context, read, whole.picked, targets.S, C, stage="backward")
        if tokens is not None:
            d_inputs = dropout.backward(p, d_inputs, self.decoder.num_layers, targets)
            self.target_embedding.backward(p, tokens, d_inputs, is_other=self.encoder is not None)
        return d_context, d_sources

    def _inference(self, p, what):
        """From stored sources and targets to "outputs" by step, or attention's "weights" by the targets' numbers."""
        whole = self._whole(p)
        if what == "outputs":
            out = p.given("out", p.dtype, 2)
            p.call(spread_columns, out, whole.rows.rows, whole.outputs, 0, self.head.output_size)
        else:
            attended, memory = whole.decoded[2], whole.memory
            lengths = attended.rows.lengths, memory.lengths, memory.sources, attended.rows.numbers
            out, begins = p.given("out", p.dtype, 1), p.given("begins_of_weights", np.int64, 1)
            p.call(spread_weights, out, begins, attended.weights, *lengths)

    def _encoding(self, p, for_decoder):
        """From stored sources to contexts by number; `for_decoder` also to all that it is given besides."""
        rows = Rows(p)
        context, x, _ = self._context(p, rows)
        p.call(spread_columns, p.given("context", p.dtype, 2), rows.numbers, context, 0, self.n_features)
        if for_decoder:
            states, H = self._first_states(p, context), self.decoder.hidden_size
            p.call(get_states, p.given("states", p.dtype, 3), 0, states, None, 0, rows.numbers, H)
        if for_decoder and self.attention is not None:
            memory, unpacked = self.attention.memory(p, x, rows, None)
            for name, array in (("keys", memory.keys), ("seen", memory.values)):
                p.call(spread_columns, p.given(name, p.dtype, 2), unpacked.rows, array, 0, array.shape[1])

    def _step(self, p, in_logs):
        """One step of continuations, each of the source that "sources" has for it, to their outputs, by number."""
        rows, memory = Rows(p), None
        sources = gathered(p, "sources", rows.numbers)
        if self.attention is not None:
            arrays = (p.given(name, p.dtype, 2) for name in ("keys", "seen"))
            memory = Memory(*arrays, *(p.given(name, np.int64, 1) for name in ("firsts", "sizes")), sources)
        states, final = (p.given(name, p.dtype, 3) for name in ("states", "final"))
        outputs, rows, _ = self._decode(p, rows, p.given("context", p.dtype, 2), sources, states, memory, final=final)
        K, out = self.head.output_size, p.given("out", np.float64 if in_logs else p.dtype, 2)
        if in_logs:
            p.call(spread_log_softmax, out, rows.rows, p.room(K, dtype=np.float64), outputs)
        else:
            p.call(spread_columns, out, rows.rows, outputs, 0, K)

    # ------------------------------------------------------------------------------------------------- passes

    def shards(self, p, sequences, batches, inputs):
        """Pairs of these numbers, batch by batch, as `Shards` that a program takes."""
        lengths = inputs.lengths if self.encoder is None else sequences.lengths
        return Shards(lengths, batches, self.decoder.hidden_size, p.is_whole, inputs.lengths)

    def given(self, sequences, inputs):
        """What a pass reads of sequences, and of inputs, which are what the decoder reads of targets."""
        return {"vectors": sequences.values, **stored(sequences), **stored(inputs, self._of_targets)}

    def _run(self, what, sequences, inputs, out, **given):
        p = self.program(self._inference, what, sharing=self.sharing(len(inputs)))
        shards = self.shards(p, sequences, portions(len(inputs)), inputs)
        given |= {**self.given(sequences, inputs), **shards.given}
        Pass(p, shards, self.work, out=out, **given).run(is_prepared=True)
        return out

    def predict(self, sequences, inputs):
        """Outputs (S, K) of the targets' steps as they are stored in `inputs`, which are what the decoder reads."""
        out = np.empty((len(inputs.values), self.head.output_size), self.theta.dtype)
        return self._run("outputs", sequences, inputs, out)

    def attention_weights(self, sequences, inputs):
        """Likewise how much each step of a target looks at each of its source, a list of arrays (M, T)."""
        sizes = [*zip(inputs.lengths.tolist(), sequences.lengths.tolist(), strict=True)]
        begins = np.cumsum([0, *(M * T for M, T in sizes)])
        weights = np.empty(begins[-1], self.theta.dtype)
        self._run("weights", sequences, inputs, weights, begins_of_weights=begins[:-1])
        return [weights[a:b].reshape(size) for (a, b), size in zip(pairwise(begins), sizes, strict=True)]

    def extract(self, sequences):
        """The contexts (n, C) of all sequences."""
        return self.encode(sequences, False).context

    def encode(self, sequences, for_decoder=True):
        """What a decoder is given of n sources, under the names that its steps read.

        That is the `context` (n, C), the encoder's last states, or the vectors themselves; and `for_decoder` also its
        `states` (G, n, H) before the first step, G as `n_groups`, what attention reads, and the sources' `sizes` (n,).
        """
        n, S, C, H = len(sequences), len(sequences.values), self.n_features, self.decoder.hidden_size
        p = self.program(self._encoding, for_decoder, sharing=self.sharing(n))
        shapes = {
            "context": (n, C),
            "states": (self.n_groups, n, H),
            "keys": (S, padded(self.decoder.output_size, p.dtype)),
            "seen": (S, C),
        }
        left = {name: np.empty(shape, p.dtype) for name, shape in shapes.items() if name in p.names}
        shards = Shards(sequences.lengths, portions(n), H, p.is_whole)
        given = {"vectors": sequences.values, **stored(sequences), **shards.given}
        Pass(p, shards, self.work, **left, **given).run(is_prepared=True)
        return SimpleNamespace(**left, firsts=sequences.offsets[:-1], sizes=sequences.lengths)

    def without_encoder(self):
        """A network with a copy of these weights, whose sources are the contexts that the encoder would give."""
        other = deepcopy(self)
        other.encoder, other._of_targets = None, ""
        return other

    # ------------------------------------------------------------------------------------- one step at a time

    def stepper(self, encoded, width=1, in_logs=False):
        """A function of (x, picks) that decodes a step: outputs (n * width, K), or in float64 their log softmax.

        `width` continuations of each source, as `encode` returned them, are decoded side by side; x (n * width,) or
        (n * width, n_values) is what they read, and picks (n * width,) which of the last step's each goes on from.
        """
        n = len(encoded.context) * width
        p = self.program(self._step, in_logs, sharing=self.sharing(n))
        dtype, ones = self.theta.dtype, np.ones(n, np.int64)
        last = np.repeat(encoded.states, width, axis=1)
        states, out = np.empty_like(last), np.empty((n, self.head.output_size), np.float64 if in_logs else dtype)
        numbers = np.empty((n, self._input_width), dtype)
        values = numbers if self.target_embedding is None else np.empty(n, np.int64)
        sources = np.arange(n) // width
        shards = Shards(ones, [np.arange(n)], self.decoder.hidden_size, p.is_whole, encoded.sizes[sources])
        given = {**vars(encoded), **shards.given, "sources": sources, self._of_targets + "values": values, "out": out}
        given |= {"lengths": ones, "begins": np.arange(n), "stride": 1, "states": states, "final": last}
        one = Pass(p, shards, self.work, **given)

        def step(x, picks):
            values[...] = x
            np.take(last, picks, axis=1, out=states, mode="clip")
            one.run(is_prepared=True)
            return out.copy()

        return step
