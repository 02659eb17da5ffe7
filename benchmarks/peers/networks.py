"""A training step of a whole network: same weights, same sequences, in fastrnn and in PyTorch.

tagger     embedding, bidirectional layer, dense layer: a label a step
generator  embedding, layer, dense layer: a token a step
seq2seq    embedding and bidirectional layer; a decoder that reads their last states at each step,
           dot attention on all of their states, dense layer: a token a step

A step makes the batch from stored sequences, as a fit does, and ends with the gradients of the mean
loss of a label; there is no optimiser, but weights count as changed, since a fit changes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.measuring.machine import GATES
from benchmarks.measuring.measure import Contender

VECTOR = 64  # numbers of a token's vector
TAGS = 16


@dataclass(frozen=True)
class NetworkCase:
    """A network, and a batch of ``B`` sequences of ``T`` steps, or of T/4 to T where it is ragged."""

    model: str
    cell: str
    H: int
    ragged: bool = False
    B: int = 32
    T: int = 30
    V: int = 64
    """Tokens there are, of sources and of targets."""

    @property
    def decodes(self):
        """Whether there is an encoder, and a decoder behind it."""
        return self.model == "seq2seq"

    @property
    def directions(self):
        """In which the layer, or the encoder, reads: a model of the next token must not see it."""
        return 1 if self.model == "generator" else 2

    @property
    def n_outputs(self):
        """Labels, or tokens, to choose from."""
        return TAGS if self.model == "tagger" else self.V

    @cached_property
    def x(self):
        """B arrays (T_i,) of tokens."""
        return self._draw(self.V, lengths_seed=0, seed=1)

    @cached_property
    def decoder_x(self):
        """B arrays (M_i,) of tokens that a decoder reads; their lengths are others."""
        return self._draw(self.V, lengths_seed=2, seed=3)

    @cached_property
    def goals(self):
        """B arrays of the labels that are to come out, one a step of what is read last."""
        return self._draw(self.n_outputs, lengths_seed=2 if self.decodes else 0, seed=4)

    @property
    def n_goals(self):
        """Labels of the batch."""
        return sum(map(len, self.goals))

    def _draw(self, n_tokens, lengths_seed, seed):
        shortest = self.T // 4 if self.ragged else self.T
        lengths = np.random.default_rng(lengths_seed).integers(shortest, self.T + 1, self.B)
        rng = np.random.default_rng(seed)
        return [rng.integers(0, n_tokens, length) for length in lengths]

    @cached_property
    def weights(self):
        """Parameters by "part.name", in PyTorch's names and shapes."""
        rng, bound = np.random.default_rng(5), self.H**-0.5
        return {name: rng.uniform(-bound, bound, shape).astype(np.float32) for name, shape in self._shapes().items()}

    def _shapes(self):
        H, C = self.H, self.directions * self.H
        shapes = {"embedding.weight": (self.V, VECTOR)}
        shapes |= self._layer("recurrent", VECTOR, self.directions)
        if not self.decodes:
            return shapes | _dense("head", C, self.n_outputs)
        n_states = 2 if self.cell == "lstm" else 1
        shapes |= {"target_embedding.weight": (self.V, VECTOR)}
        shapes |= _dense("bridge", C, n_states * H) | self._layer("decoder", VECTOR + C)
        shapes |= _dense("attention_key", C, H) | _dense("attention_joined", H + C, H)
        return shapes | _dense("head", H, self.n_outputs)

    def _layer(self, part, n_inputs, directions=1):
        rows = GATES[self.cell] * self.H
        shapes = {"weight_ih": (rows, n_inputs), "weight_hh": (rows, self.H), "bias_ih": (rows,), "bias_hh": (rows,)}
        suffixes = ("_l0", "_l0_reverse")[:directions]
        return {f"{part}.{name}{s}": shape for s in suffixes for name, shape in shapes.items()}


def _dense(part, n_inputs, n_outputs):
    return {f"{part}.weight": (n_outputs, n_inputs), f"{part}.bias": (n_outputs,)}


def contender(name, step, loss_and_gradients, case):
    """Return a contender whose result is the loss and all gradients, by the names of the weights.

    They are of the sum over the labels: those of the mean are too small to tell what is wrong.
    """

    def result():
        return {key: value * case.n_goals for key, value in loss_and_gradients().items()}

    return Contender(name, step, result)


def fastrnn_contender(name, case):
    """Return the step of fastrnn's `SequenceNetwork` or `EncoderDecoder`."""
    network = _encoder_decoder(case) if case.decodes else _sequence_network(case)
    for part, layer in network.parts.items():
        layer.parameters.load({key: case.weights[f"{part}.{key}"] for key in layer.parameters})
    step = _step(network, case, _stored(case.x), _stored(case.decoder_x) if case.decodes else None)

    def loss_and_gradients():
        loss = step()
        gradients = {
            f"{part}.{key}": np.array(layer.parameters.gradient(key))
            for part, layer in network.parts.items()
            for key in layer.parameters
        }
        return {"loss": np.array(loss), **gradients}

    return contender(name, step, loss_and_gradients, case)


# fastrnn is imported where it is used, since PyTorch's process reads this file too.


def _encoder(case):
    from fastrnn.layers.feedforward import Embedding
    from fastrnn.network.parts import Encoder, make_cell

    embedding = Embedding(case.V, VECTOR, "float32")
    recurrent = {"hidden_size": case.H, "bidirectional": case.directions == 2}
    recurrent |= {"num_layers": 1, "bias": True}
    return Encoder(embedding, 0, make_cell(case.cell, "tanh"), recurrent, "float32")


def _sequence_network(case):
    from fastrnn.network.sequence import SequenceNetwork

    rng = np.random.RandomState(0)
    return SequenceNetwork(_encoder(case), case.n_outputs, None, None, rng)


def _encoder_decoder(case):
    from fastrnn.layers.feedforward import Embedding
    from fastrnn.network.encoder_decoder import EncoderDecoder
    from fastrnn.network.parts import make_cell

    encoder, embedding = _encoder(case), Embedding(case.V, VECTOR, "float32")
    recurrent = {"hidden_size": case.H, "num_layers": 1, "bias": True}
    return EncoderDecoder(
        encoder,
        encoder.recurrent.output_size,
        embedding,
        0,
        case.n_outputs,
        make_cell(case.cell, "tanh"),
        recurrent,
        "dot",
        0.0,
        "float32",
        np.random.RandomState(0),
    )


def _stored(arrays):
    """Return arrays of tokens as an estimator's fit stores them."""
    from fastrnn.sequences import as_sequences

    return as_sequences(arrays, "float32", tokens=True)


def _step(network, case, sequences, inputs=None):
    """Return the step on a batch of all sequences; `inputs` are what a decoder reads."""
    from fastrnn.base import Problem
    from fastrnn.losses.loss import cross_entropy

    goals, numbers = np.concatenate(case.goals), np.arange(case.B)
    problem = Problem(sequences, goals, np.ones(goals.size), case.n_outputs, cross_entropy, inputs=inputs)
    training = network.training(problem, drops=True)

    def step():
        network.changed()
        training.lay_out([numbers], 0)  # once an epoch in a fit, for all its batches
        return training(0)

    return step
