"""From a context, or from a sequence read by an encoder, to a sequence: Cho et al., EMNLP 2014."""

from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from types import SimpleNamespace

import numpy as np

from fastrnn.kernels.activations import tanh_groups, tanh_groups_backward
from fastrnn.kernels.attention import spread_weights
from fastrnn.kernels.rows import copy_rows, get_states, scatter_add_rows, spread_columns, take
from fastrnn.kernels.softmax import spread_log_softmax
from fastrnn.kernels.vectors import padded
from fastrnn.layers.attention import Attention, Memory
from fastrnn.layers.feedforward import Dense
from fastrnn.layers.readouts import Last
from fastrnn.layers.stack import Dropout, Stack
from fastrnn.network.parts import KEYS_OF_DECODER, Network, portions, stored
from fastrnn.network.training import Training, add_loss
from fastrnn.packing import Rows, Shards
from fastrnn.programs import B, Pass, Program


@dataclass
class Encoded:
    """What a decoder is given of n sources."""

    context: np.ndarray
    """(n, C): the encoder's last states, or the vectors themselves."""
    states: np.ndarray
    """(G, n, H): the decoder's before its first step; G as `EncoderDecoder.n_groups`."""
    memory: dict
    """What attention reads of them."""
    lengths: np.ndarray
    """(n,): the steps of each."""


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
        H = self.decoder.hidden_size
        self.n_groups = self.decoder.n_states * self.decoder.num_layers
        self.bridge = Dense(context_size, self.n_groups * H, dtype)
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

    def set_dropout(self, rate):
        """Drop this fraction from now on."""
        self.dropout = rate
        if self.encoder is not None:
            self.encoder.dropout = rate

    @property
    def embedding(self):
        """What turns the source's tokens into vectors; None for numbers."""
        return None if self.encoder is None else self.encoder.embedding

    @property
    def _stacks(self):
        return [self.decoder] if self.encoder is None else [self.encoder.recurrent, self.decoder]

    @property
    def work(self):
        """Multiply-adds of a forward pass, a step of one source and one target."""
        layers = [self.head] if self.attention is None else [self.head, self.attention.joined_layer]
        return sum(s.work for s in self._stacks) + sum(d.input_size * d.output_size for d in layers)

    @property
    def is_shared(self):
        """Whether a stack's weights leave no room in the second-level cache, so that threads share each shard."""
        return any(stack.is_shared for stack in self._stacks)

    # ------------------------------------------------------------------------------------------------- programs

    def _program(self):
        return Program(self.theta.dtype, self.is_shared)

    @property
    def _of_targets(self):
        """What the names of the arrays begin with that say how targets lie; vectors have no steps of their own."""
        return "" if self.encoder is None else "other_"

    def _rows(self, p):
        """How sources and targets are packed."""
        targets = Rows(p, other=self.encoder is not None)
        targets.streams = targets.twins  # its states lie as the sources do
        return targets if self.encoder is None else Rows(p), targets

    def _context(self, p, rows, dropout=None, keep=False):
        """Add the calls to the context (B, C), by the sources' places; also the encoder's rows, and what it keeps."""
        if self.encoder is None:
            context = p.room(B, self.n_features)
            p.call(copy_rows, context, 0, p.given("vectors", p.dtype, 2), 0, rows.numbers, self.n_features)
            return context, None, None
        x, kept = self.encoder.forward(p, rows, dropout, keep)
        return Last.forward(p, x, rows, self.encoder.recurrent.n_directions)[0], x, kept

    def _first_states(self, p, context):
        """Add the calls to the decoder's states before its first step, tanh of a dense layer of the context."""
        states = p.room(self.n_groups, B, self.decoder.hidden_size)
        p.call(tanh_groups, states, self.bridge.forward(p, context))
        return states

    def _parts_of(self, p, states):
        """States (G, B, H) as the stack has them, a tuple of (num_layers, B, H)."""
        n, H = self.decoder.num_layers, self.decoder.hidden_size
        return tuple(p.part(states, (n, B, H), B, k * n * H) for k in range(self.decoder.n_states))

    def _decode(self, p, rows, context, picked, states, memory, dropout=None, keep=False, final=None):
        """Add the calls from packed targets to outputs (S, K), and what the way back needs.

        `picked` (S,) says which rows of `context` they read; states are as those of `Stack.forward`.
        """
        width = self._input_width
        inputs, values = p.room(rows.S, self.decoder.input_size), self._of_targets + "values"
        if self.target_embedding is None:
            tokens = None
            p.call(copy_rows, inputs, 0, p.given(values, p.dtype, 2), 0, rows.rows, width)
        else:
            tokens = p.room(rows.S, dtype=np.int64)
            p.call(take, tokens, p.given(values, np.int64, 1), rows.rows)
            vectors = self.target_embedding.vectors(p, tokens)
            if dropout is not None:
                dropout.call(p, vectors, vectors, self.decoder.num_layers, rows, "forward")
            p.call(copy_rows, inputs, 0, vectors, 0, None, width)
        p.call(copy_rows, inputs, width, context, 0, picked, self.n_features)
        x, kept = self.decoder.forward(p, inputs, rows, states, dropout, keep, final)
        attended = None
        if memory is not None:
            attended = self.attention.forward(p, x, rows, memory)
            x, rows = attended.joined, attended.rows
        if dropout is not None:
            dropped = p.room(*x.shape)
            dropout.call(p, dropped, x, 0, rows, "forward")
            x = dropped
        return self.head.forward(p, x), rows, (tokens, kept, attended, x)

    def _whole(self, p, dropout=None, keep=False):
        """Add the calls from stored sources and targets to the targets' outputs, and name what they left."""
        sources, targets = self._rows(p)
        context, x, encoded = self._context(p, sources, dropout, keep)
        picked, memory, memory_rows = p.room(targets.S, dtype=np.int64), None, None
        p.call(take, picked, targets.twins, targets.places)
        states = self._first_states(p, context)
        if self.attention is not None:
            memory, memory_rows = self.attention.memory(p, x, sources, targets.twins)
        of_decoder = dropout and replace(dropout, first=KEYS_OF_DECODER)
        parts = self._parts_of(p, states)
        outputs, rows, decoded = self._decode(p, targets, context, picked, parts, memory, of_decoder, keep)
        return SimpleNamespace(
            sources=sources, targets=targets, context=context, encoded=encoded, picked=picked, states=states,
            memory=memory, memory_rows=memory_rows, outputs=outputs, rows=rows, decoded=decoded, dropout=dropout,
            of_decoder=of_decoder,
        )  # fmt: skip

    def _training(self, loss, width, dropout, is_frozen):
        """From stored sources and targets to the loss, and back to all gradients but a frozen table's."""
        p = self._program()
        whole = self._whole(p, Dropout.of(p, dropout) if dropout else None, keep=True)
        rows = whole.rows
        d_outputs = add_loss(p, loss, whole.outputs, self.head.output_size, width, rows.rows, rows)
        d_context, d_sources = self._decode_backward(p, whole, d_outputs)
        if self.encoder is not None:
            stack, memory_rows = self.encoder.recurrent, whole.memory_rows
            d_rows = Last.backward(p, d_context, None, whole.sources, stack.n_directions, stack.output_size)
            for part in d_sources:
                added = d_rows, part, memory_rows.packed, memory_rows.S, stack.output_size
                p.call(scatter_add_rows, *added, stage="backward")
            self.encoder.backward(p, whole.encoded, d_rows, whole.sources, whole.dropout)
        return p

    def _decode_backward(self, p, whole, d_outputs):
        """Back from the outputs to the context, (B, >= C), and to parts of the encoder's rows, which lie in memory."""
        (tokens, kept, attended, x), dropout, d_sources = whole.decoded, whole.of_decoder, ()
        d_x = self.head.backward(p, x, d_outputs)
        if dropout is not None:
            dropout.call(p, d_x, d_x, 0, whole.rows, "backward")
        if attended is not None:
            d_x, d_sources = self.attention.backward(p, d_x, attended, whole.memory, whole.memory_rows)
        d_states = p.room(*whole.states.shape)
        d_initial = self._parts_of(p, d_states)
        d_inputs = self.decoder.backward(p, kept, d_x, whole.targets, dropout, d_initial=d_initial)
        d_context = self._d_context(p, whole, d_states, d_inputs)
        if tokens is not None:
            if dropout is not None:
                dropout.call(p, d_inputs, d_inputs, self.decoder.num_layers, whole.targets, "backward")
            self.target_embedding.backward(p, tokens, d_inputs, is_other=self.encoder is not None)
        return d_context, d_sources

    def _d_context(self, p, whole, d_states, d_inputs):
        """The context's gradient, from the decoder's first states and what it has read."""
        C, targets = self.n_features, whole.targets
        d_bridge = p.room(B, padded(self.bridge.output_size, p.dtype))
        p.call(tanh_groups_backward, d_bridge, d_states, whole.states, stage="backward")
        d_context = self.bridge.backward(p, whole.context, d_bridge)
        read = p.room(targets.S, C)
        p.call(copy_rows, read, 0, d_inputs, self._input_width, None, C, stage="backward")
        p.call(scatter_add_rows, d_context, read, whole.picked, targets.S, C, stage="backward")
        return d_context

    def _inference(self, what):
        """From stored sources and targets to "outputs" by step, or attention's "weights" by the targets' numbers."""
        p = self._program()
        whole = self._whole(p)
        if what == "outputs":
            out = p.given("out", p.dtype, 2)
            p.call(spread_columns, out, whole.rows.rows, whole.outputs, 0, self.head.output_size)
        else:
            attended, memory = whole.decoded[2], whole.memory
            lengths = attended.rows.lengths, memory.lengths, memory.sources, attended.rows.numbers
            out, begins = p.given("out", p.dtype, 1), p.given("begins_of_weights", np.int64, 1)
            p.call(spread_weights, out, begins, attended.weights, *lengths)
        return p

    def _encoding(self, for_decoder):
        """From stored sources to contexts by number; `for_decoder` also to all that it is given besides."""
        p = self._program()
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
        return p

    def _step(self, in_logs):
        """One step of continuations, each of the source that "sources" has for it, to their outputs, by number."""
        p = self._program()
        rows, sources, memory = Rows(p), p.room(B, dtype=np.int64), None
        p.call(take, sources, p.given("sources", np.int64, 1), rows.numbers)
        if self.attention is not None:
            arrays = (p.given(name, p.dtype, 2) for name in ("keys", "seen"))
            memory = Memory(*arrays, *(p.given(name, np.int64, 1) for name in ("firsts", "sizes")), sources)
        states, final = (
            tuple(p.given(f"{name} {k}", p.dtype, 3) for k in range(self.decoder.n_states))
            for name in ("states", "final")
        )
        context = p.given("context", p.dtype, 2)
        outputs, rows, _ = self._decode(p, rows, context, sources, states, memory, final=final)
        K, out = self.head.output_size, p.given("out", np.float64 if in_logs else p.dtype, 2)
        if in_logs:
            p.call(spread_log_softmax, out, rows.rows, p.room(K, dtype=np.float64), outputs)
        else:
            p.call(spread_columns, out, rows.rows, outputs, 0, K)
        return p

    # ------------------------------------------------------------------------------------------------- passes

    def training(self, problem, drops, seed=0, bptt_steps=None, chosen=None):
        """A `Training` on a problem, whose inputs are what the decoder reads."""
        shape, is_frozen = problem.targets.shape[1:], getattr(self.embedding, "is_frozen", False)
        options = problem.loss, prod(shape) if shape else None, self.dropout if drops else 0.0, is_frozen
        return Training(self, self.program(self._training, *options), problem, seed, chosen)

    def shards(self, problem, batches):
        """A problem's sequences of these numbers, batch by batch, as `Shards`."""
        return self._shards(problem.sequences, problem.inputs, batches)

    def _shards(self, sequences, inputs, batches):
        lengths = inputs.lengths if self.encoder is None else sequences.lengths
        return Shards(lengths, batches, self.decoder.hidden_size, self.is_shared, inputs.lengths)

    def given(self, problem):
        """What training reads besides targets and weights."""
        return self._given(problem.sequences, problem.inputs)

    def _given(self, sequences, inputs):
        return {"vectors": sequences.values, **stored(sequences), **stored(inputs, self._of_targets)}

    def _run(self, what, sequences, inputs, out, **given):
        p = self.program(self._inference, what)
        shards = self._shards(sequences, inputs, portions(len(inputs)))
        given |= {**self._given(sequences, inputs), **shards.given}
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
        return self._encode(sequences, False)["context"]

    def encode(self, sequences):
        """The `Encoded` of sources."""
        left = self._encode(sequences, True)
        return Encoded(left.pop("context"), left.pop("states"), left, sequences.lengths)

    def _encode(self, sequences, for_decoder):
        """What a program of `_encoding` leaves, by name."""
        p = self.program(self._encoding, for_decoder)
        n, S, H, lengths = len(sequences), len(sequences.values), self.decoder.hidden_size, sequences.lengths
        shapes = {"context": (n, self.n_features)}
        if for_decoder:
            shapes["states"] = self.n_groups, n, H
        if for_decoder and self.attention is not None:
            shapes |= {"keys": (S, padded(H, self.theta.dtype)), "seen": (S, self.n_features)}
        left = {name: np.empty(shape, self.theta.dtype) for name, shape in shapes.items()}
        shards = Shards(lengths, portions(n), H, self.is_shared)
        given = {"vectors": sequences.values, **stored(sequences), **shards.given}
        Pass(p, shards, self.work, **left, **given).run(is_prepared=True)
        return left | {"firsts": sequences.offsets[:-1]}

    # ------------------------------------------------------------------------------------- one step at a time

    def stepper(self, encoded, width=1, in_logs=False):
        """A function of (x, picks) that decodes a step: outputs (n * width, K), or in float64 their log softmax.

        `width` continuations of each source, as `encode` returned them, are decoded side by side; x (n * width,) or
        (n * width, n_values) is what they read, and picks (n * width,) which of the last step's each goes on from.
        """
        p, n, L = self.program(self._step, in_logs), len(encoded.context) * width, self.decoder.num_layers
        dtype, ones = self.theta.dtype, np.ones(n, np.int64)
        last = np.repeat(encoded.states, width, axis=1)
        states, out = np.empty_like(last), np.empty((n, self.head.output_size), np.float64 if in_logs else dtype)
        is_of_tokens = self.target_embedding is not None
        values = np.empty(n, np.int64) if is_of_tokens else np.empty((n, self._input_width), dtype)
        sources = np.arange(n) // width
        shards = Shards(ones, [np.arange(n)], self.decoder.hidden_size, self.is_shared, encoded.lengths[sources])
        given = {
            **encoded.memory, "sizes": encoded.lengths, "sources": sources, "context": encoded.context, "out": out,
            "lengths": ones, "begins": np.arange(n), "stride": 1, self._of_targets + "values": values, **shards.given,
        }  # fmt: skip
        for k in range(self.decoder.n_states):
            given |= {f"states {k}": states[k * L : (k + 1) * L], f"final {k}": last[k * L : (k + 1) * L]}
        one = Pass(p, shards, self.work, **given)

        def step(x, picks):
            values[...] = x
            np.take(last, picks, axis=1, out=states, mode="clip")
            one.run(is_prepared=True)
            return out.copy()

        return step
