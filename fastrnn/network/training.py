"""From outputs to a loss, and the passes that train on it."""

import numpy as np

from fastrnn.kernels.rows import add_places, add_weighted, take_scaled
from fastrnn.losses.loss import Loss
from fastrnn.packing import gathered
from fastrnn.programs import BEFORE, MOMENT, Pass
from fastrnn.sequences import Sequences

KEYS_OF_AN_EPOCH = 2**20
"""The distance of two epochs' dropout keys; in between each level of a stack has its own."""
KEYS_OF_DECODER = KEYS_OF_AN_EPOCH // 2
"""Where those of a decoder's levels begin."""
AT_ONCE = 2**12
"""Sequences, at most, of the epochs that are laid out at once."""
BACK = 3
"""Multiply-adds of a training pass to those of a forward pass."""


def add_loss(p, loss, outputs, K, width, picked, rows, is_computed=False):
    """Add the calls from outputs (n, >= K) to the loss and its gradient, which is returned.

    `loss` is one of `fastrnn.losses`, or a `LinearChain`.  "targets" (N, width), or of integers (N,) if the width is
    None, and "weights" (N,) are given, of which `picked` (n,) are those of the outputs, and a "factor" (1,) for the
    weights; the value goes to "loss" (1,).  Where it `is_computed`, the targets given are those of a batch's rows as
    they are packed.
    """
    n, weights, total = outputs.shape[0], p.room(outputs.shape[0], dtype=np.float64), p.sums(1, dtype=np.float64)
    p.call(take_scaled, weights, p.given("weights", np.float64, 1), picked, p.given("factor", np.float64, 1))
    if is_computed and width is not None:
        targets = p.part(p.given("targets", p.dtype, 2), (n, width), BEFORE, width)
    else:
        targets = gathered(p, "targets", picked, width)
    if isinstance(loss, Loss):
        d_outputs, losses = p.room(*outputs.shape), p.room(n, dtype=np.float64)
        p.call(loss.kernel, d_outputs, losses, outputs, targets, weights, loss.constants, K)
        p.call(add_weighted, total, losses, weights)
    else:
        d_outputs = loss.calls(p, total, outputs, targets, weights, K, rows)
    p.call(add_places, p.given("loss", np.float64, 1), *p.placed(total), stage="after")
    return d_outputs


class Training:
    """The losses of the batches of an epoch, each of which leaves its gradient in the network.

    Parameters
    ----------
    network : Network
        Has `shards(program, sequences, batches, inputs)` and `given(sequences, inputs)`, what its program reads.
    program : callable
        Of whether the encoder is frozen, the `Program` that trains the rest.
    problem : fastrnn.base.Problem
    seed : int
        Of what is dropped, with the epoch.
    chosen : ndarray, optional
        Numbers of the sequences to train on; all if None.
    freeze : int
        The epochs, at first, in which the encoder is frozen.

    Attributes
    ----------
    states : ndarray (n_states * num_layers * D, n_streams, H)
        Those that a batch of streams goes on from, and leaves.
    """

    def __init__(self, network, program, problem, seed, chosen=None, freeze=0):
        self._network, self._program, self._problem, self._seed, self._chosen = network, program, problem, seed, chosen
        self._freeze, self._is_frozen = freeze, False
        self._factor, self._loss, self._pass, self._epoch = np.empty(1), np.empty(1), None, None
        own = {"weights": problem.weights, "factor": self._factor, "loss": self._loss}
        self._given = {**network.given(problem.sequences, problem.inputs), **own}
        self._computes = is_computed(problem)
        if not self._computes:
            self._given["targets"] = _flat(problem.targets)
        if problem.n_streams:
            self.states = network.encoder.recurrent.zero_states(problem.n_streams)
            self._given["state"] = self.states
            self._given["streams"] = np.arange(len(problem.sequences)) % problem.n_streams

    def alike(self, epoch):
        """How many epochs from this one on may be laid out at once: of a moment, those that train and read the same."""
        problem = self._problem
        if problem.n_streams or _differ(problem.sequences) or problem.inputs and _differ(problem.inputs):
            return 1
        n_steps = sum(int(some.lengths.sum()) for some in (problem.sequences, problem.inputs) if some)
        n = min(AT_ONCE // len(problem.sequences), MOMENT // (BACK * self._network.work * n_steps))
        return n if epoch >= self._freeze else min(n, self._freeze - epoch)

    def lay_out(self, batches, epoch, n_epochs=1, factors=None):
        """Deal the batches of an epoch, or of some from there on, into shards: numbers of the chosen sequences.

        By these factors the weights of each count, if it is a part of a larger batch.
        """
        if self._chosen is not None:
            batches = [self._chosen[numbers] for numbers in batches]
        if epoch != self._epoch:
            self._epoch, problem = epoch, self._problem
            self._read = problem.sequences.of_epoch(epoch), problem.inputs and problem.inputs.of_epoch(epoch)
        sequences, inputs = self._read
        is_frozen, last = epoch < self._freeze, self._pass
        program = last.program if last and is_frozen == self._is_frozen else self._program(is_frozen)
        self._shards = shards = self._network.shards(program, sequences, batches, inputs)
        epochs = np.arange(epoch, epoch + n_epochs, dtype=np.int64)
        self._keys = self._seed + KEYS_OF_AN_EPOCH * np.repeat(epochs, len(batches) // n_epochs)
        given = {**shards.given, "key": self._keys[0]}
        if sequences is not self._problem.sequences or inputs is not self._problem.inputs:
            given |= self._network.given(sequences, inputs)
        if not last or program is not last.program:
            self._is_frozen, work, given = is_frozen, BACK * self._network.work, {**self._given, **given}
            self._pass = Pass(program, shards, work, ("forward", "backward"), **given)
        else:
            self._pass.go_over(shards, **given)
        # Steps count alike in whichever batch they are; a batch's loss is that of its sequences' share.
        if self._problem.n_streams:
            self.states.fill(0)
        n = len(self._problem.sequences) / self._problem.weights.size
        self._factors = factors or [n / len(numbers) for numbers in batches]

    def __call__(self, k):
        """The loss of batch k."""
        first, last = self._shards.firsts[k : k + 2]
        self._factor[0] = self._factors[k]
        self._pass.give(key=self._keys[k])
        if self._computes:
            rows = self._shards.stored_rows(first, last, self._problem.sequences)
            self._pass.give(targets=_flat(self._problem.targets[rows]))
        self._network.gradient.fill(0)
        self._pass.run(first, last)
        return float(self._loss[0])

    def fits_in_a_row(self, k, sweeps):
        """How many batches from k on `in_a_row` should take; 0 where one is to be called by itself."""
        return 0 if self._computes else self._pass.fits_in_a_row(k, sweeps.calls.work)

    def in_a_row(self, k, sweeps, rules):
        """Losses and penalties (n, 2) of batches from k on; a sweep of these rules follows each, in compiled code."""
        told, some = np.empty((len(rules), 2)), slice(k, k + len(rules))
        own = told, self._network.gradient, self._loss, self._factor, np.array(self._factors[some]), self._keys[some]
        own += sweeps.numbers, np.array(rules)
        self._pass.run(row=(k, sweeps.calls, own))
        return told.tolist()


def is_computed(problem):
    """Whether a problem's targets are computed when a batch asks for them."""
    return not isinstance(problem.targets, np.ndarray)


def _differ(sequences):
    """Whether epochs read them in other ways, or where shards say of each sequence which of its words they share."""
    return sequences.are_words or sequences.gaps is not None or type(sequences).of_epoch is not Sequences.of_epoch


def _flat(targets):
    """A row for each target, unless they are single integers."""
    return targets if targets.ndim == 1 else targets.reshape(len(targets), -1)
