"""What networks are made of: parts over one vector of parameters, batches, and the encoder they share."""

import os
import threading
from importlib import import_module
from math import prod

import numpy as np

from fastrnn.kernels.steps import MANY
from fastrnn.kernels.vectors import zeros_aligned
from fastrnn.layers.stack import NO_DROPOUT, Stack
from fastrnn.network.training import Training, is_computed
from fastrnn.packing import gathered
from fastrnn.programs import Program

CELLS = {
    "lstm": "fastrnn.layers.cells.LSTMCell", "gru": "fastrnn.layers.cells.GRUCell",
    "gru_reset_before": "fastrnn.layers.cells.GRUResetBeforeCell", "rnn": "fastrnn.layers.cells.RNNCell",
    "mingru": "fastrnn.layers.minimal.MinGRUCell", "minlstm": "fastrnn.layers.minimal.MinLSTMCell",
    "sru": "fastrnn.layers.minimal.SRUCell", "slstm": "fastrnn.layers.slstm.SLSTMCell",
    "lstm_peephole": "fastrnn.layers.cells.LSTMPeepholeCell",
    "lstm_layer_norm": "fastrnn.layers.layer_norm.LSTMLayerNormCell",
    "gru_layer_norm": "fastrnn.layers.layer_norm.GRULayerNormCell"}  # fmt: skip
"""Where each is: one that nobody asks for is not imported."""

_packing = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_packing._at_fork_reinit)  # or a thread that the child lacks may hold it


def make_cell(name, nonlinearity):
    """The cell an estimator's parameters name."""
    module, _, kind = CELLS[name].rpartition(".")
    make = getattr(import_module(module), kind)
    return make(nonlinearity) if name == "rnn" else make()


def portions(n, size=256):
    """The numbers 0 to n - 1 in parts, as sequences are dealt into shards together."""
    return np.split(np.arange(n), np.arange(size, n, size))


def stored(sequences, name=""):
    """Of `Sequences`, what `fastrnn.packing.Rows` and an encoder read."""
    values, more = sequences.values, {}
    if sequences.are_words:
        _, lengths, begins = sequences.spellings
        more = {"characters": values.ravel(), "other_lengths": lengths, "other_begins": begins, "other_stride": 1}
        values = values[:, 0]
    if sequences.static is not None:
        more["static"] = sequences.static
    begins = {name + what: getattr(sequences, what) for what in ("lengths", "begins", "stride")}
    return {name + "values": values, **begins, **more}


class Network:
    """Parts with parameters, all of which live in one vector.

    Attributes
    ----------
    parts : dict of name to layer
    embedding : Embedding, WordEmbedding or None
        What turns a sequence's tokens into vectors; None for numbers.
    dropout : float
        The fraction that is dropped in training.
    work : int
        Multiply-adds of a forward pass, a step of one sequence, or of one source and one target.
    theta, gradient : ndarray
        The parameters of all parts, and their gradients.
    decays : ndarray
        1 for each parameter that weight decay holds for: matrices, without tables of vectors.

    Without `rng` a network has shapes only, until it is given weights by `load`.
    """

    n_steps = None
    """The length that every sequence must have; None for any."""

    def __init__(self, parts, rng, encoder=None, dropout=0.0):
        self.parts, self.encoder, self.dropout = parts, encoder, dropout
        self.embedding = None if encoder is None else encoder.embedding
        if rng is not None:
            self.gather_parameters()
            for part in parts.values():
                part.reset_parameters(rng)  # nobody has anything made from them yet

    def load(self, weights):
        """Take weights by the parts' names and their own, with just their shapes and precision."""
        if not hasattr(self, "theta"):  # else streams and programs read it where it is
            self.gather_parameters()
        for name, part in self.parts.items():
            part.parameters.load(weights[name])

    def gather_parameters(self):
        sizes = [part.parameters.size for part in self.parts.values()]
        dtype = next(iter(self.parts.values())).parameters.dtype
        self.theta, self.gradient, self.decays = (zeros_aligned((sum(sizes),), dtype) for _ in range(3))
        self._programs = {}
        start = 0
        for part, size in zip(self.parts.values(), sizes, strict=True):
            span = slice(start, start + size)
            if "values" in vars(part.parameters):
                self.theta[span] = part.parameters.values
            part.parameters.bind(self.theta[span], self.gradient[span])
            self.decays[span] = part.parameters.is_decayed()
            start += size

    def __getstate__(self):
        # The parts hold the same parameters, and programs their addresses.
        return {k: v for k, v in self.__dict__.items() if k not in ("theta", "gradient", "decays", "_programs")}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.gather_parameters()

    def program(self, build, *options, sharing):
        """The program whose calls a method adds by these options, made once, with the weights packed as they are now.

        `sharing` is what `Stack.sharing` says.
        """
        version, key = tuple(it.parameters.version for it in self.parts.values()), (build.__name__, sharing, options)
        if key not in self._programs:
            program = Program(self.theta.dtype, *sharing)
            build(program, *options)
            program.prepare()
            self._programs.setdefault(key, (program, version))
        program, packed_version = self._programs[key]
        if packed_version != version:
            with _packing:  # another thread must not read them half packed
                if self._programs[key][1] != version:
                    program.prepare()
                    self._programs[key] = program, version
        return program

    def sharing(self, n_sequences):
        """As `Stack.sharing`, of any of its stacks."""
        return tuple(any(said) for said in zip(*(stack.sharing(n_sequences) for stack in self._stacks), strict=True))

    def training(self, problem, drops, seed=0, bptt_steps=None, chosen=None, freeze=0, batch_size=MANY):
        """A `Training` on a problem, whose inputs are what a decoder reads; of so many epochs with a frozen encoder."""
        shape, is_frozen = problem.targets.shape[1:], getattr(self.embedding, "is_frozen", False)
        width, rate = prod(shape) if shape else None, self.dropout if drops else None
        options, sharing = (bptt_steps or 0, problem.n_streams, is_computed(problem)), self.sharing(batch_size)

        def program(is_encoder_frozen):
            what = problem.loss, width, rate, "encoder" if is_encoder_frozen else is_frozen
            return self.program(self._training, *what, *options, sharing=sharing)

        return Training(self, program, problem, seed, chosen, freeze)

    def kept(self, name, make):
        """What is made over the parameters where they are now, once."""
        if name not in self._programs:
            self._programs[name] = make()
        return self._programs[name]

    def changed(self):
        """Tell all parts that theta has changed."""
        version = object()  # one for all: `changed` of each would be two calls a part
        for part in self.parts.values():
            part.parameters.version = version


def read_steps(p, embedding, width, rows, dropout, level, keep, values="values"):
    """Add the calls from stored steps, given under a name, to what a stack reads of them, and the way back needs.

    That is numbers (S, width), or vectors of tokens, of which some are dropped.
    """
    if embedding is None:
        return gathered(p, values, rows.rows, width), None
    x, tokens = embedding.forward(p, rows, keep, values)
    return dropout.forward(p, x, level, rows), tokens


class Encoder:
    """Embedding (for tokens, or of categories beside numbers) and recurrent stack: a row of features for each step.

    Parameters
    ----------
    embedding : Embedding, WordEmbedding or None
    input_size : int
        Features of a step, if there is no embedding.
    cell : a cell of `fastrnn.layers.cells`
    recurrent : dict
        The stack's options: hidden_size, num_layers, bias, bidirectional.
    dtype : {"float32", "float64"}
    categories : Categories, optional
        Of numbers, some of which are codes.
    decay : Decay, optional
        Of numbers that were not seen, and of the first level's states; below the categories.
    """

    def __init__(self, embedding, input_size, cell, recurrent, dtype, categories=None, decay=None):
        self.embedding, self.categories, self.decay, parts = embedding, categories, decay, {}
        for below in (decay, embedding or categories):
            if below is not None:
                input_size, parts = below.output_size, {**parts, **below.parts}
        self.recurrent = Stack(cell, input_size, dtype=dtype, **recurrent)
        self.parts = {**parts, "recurrent": self.recurrent}

    @property
    def input_size(self):
        """Numbers of a step as they are stored."""
        return (self.decay or self.categories or self.recurrent).input_size

    def forward(self, p, rows, dropout=NO_DROPOUT, keep=False, initial=None, final=None):
        """Add the calls from the stored steps, given as "values", to rows (S, D H), and what `backward` needs."""
        stack = self.recurrent
        x, tokens = read_steps(p, self.embedding, self.input_size, rows, dropout, stack.num_layers, keep)
        x, gamma, of_numbers = self.of_numbers(p, x)
        x, kept = stack.forward(p, x, rows, initial, dropout, keep, final, gamma)
        return x, ((tokens, *of_numbers), kept)

    def of_numbers(self, p, x):
        """Add the calls from rows of numbers to what the stack reads, what its states fade with, and what is kept."""
        gamma, decayed, codes = None, None, None
        if self.decay is not None:
            x, gamma, decayed = self.decay.forward(p, x)
        if self.categories is not None:
            x, codes = self.categories.forward(p, x)
        return x, gamma, (decayed, codes)

    def backward(self, p, kept, d_rows, rows, dropout=NO_DROPOUT, bptt_steps=0, d_initial=None):
        """Add the calls from d_rows (S, >= D H) to the parameters' gradients, and fill those of first states."""
        (tokens, decayed, codes), kept = kept
        learns = self.embedding is not None and self.embedding.learns
        options = {"d_initial": d_initial, "bptt_steps": bptt_steps}
        options["input_stage"] = "backward" if learns or decayed or codes else None
        d_x = self.recurrent.backward(p, kept, d_rows, rows, dropout, **options)
        if self.categories is not None:
            self.categories.backward(p, codes, d_x)
        if self.decay is not None:
            self.decay.backward(p, decayed, d_x, None if self.categories is None else self.categories.numbers)
        if learns:
            d_x = dropout.backward(p, d_x, self.recurrent.num_layers, rows)
            self.embedding.backward(p, tokens, d_x)
