"""From outputs to a loss, and the passes that train on it."""

import numpy as np

from fastrnn.kernels.rows import add_places, copy_rows, take, take_scaled
from fastrnn.programs import Pass

BACK = 3
"""Multiply-adds of a training pass to those of a forward pass."""


def add_loss(p, loss, outputs, K, width, picked, rows):
    """Add the calls from outputs (n, >= K) to the loss and its gradient, which is returned.

    `loss` is one of `fastrnn.losses`, or a `LinearChain`.  "targets" (N, width), or of integers (N,) if the width is
    None, and "weights" (N,) are given, of which `picked` (n,) are those of the outputs, and a "factor" (1,) for the
    weights; the value goes to "loss" (1,).
    """
    n, weights, total = outputs.shape[0], p.room(outputs.shape[0], dtype=np.float64), p.sums(1, dtype=np.float64)
    p.call(take_scaled, weights, p.given("weights", np.float64, 1), picked, p.given("factor", np.float64, 1))
    if width is None:
        targets = p.room(n, dtype=np.int64)
        p.call(take, targets, p.given("targets", np.int64, 1), picked)
    else:
        targets = p.room(n, width)
        p.call(copy_rows, targets, 0, p.given("targets", p.dtype, 2), 0, picked, width)
    d_outputs = loss.calls(p, total, outputs, targets, weights, K, rows)
    p.call(add_places, p.given("loss", np.float64, 1), *p.placed(total), stage="after")
    return d_outputs


class Training:
    """The losses of the batches of an epoch, each of which leaves its gradient in the network.

    Parameters
    ----------
    network : Network
    program : Program
    problem : fastrnn.base.Problem
    shards : callable
        Of sequences and a list of batches, numbers of sequences.
    given : dict
        What the program reads besides targets and weights.
    """

    def __init__(self, network, program, problem, shards, given):
        self._network, self._program, self._problem, self._shards_of = network, program, problem, shards
        self._factor, self._loss = np.empty(1), np.empty(1)
        targets = problem.targets if problem.targets.ndim == 1 else problem.targets.reshape(len(problem.targets), -1)
        own = {"weights": problem.weights, "factor": self._factor, "loss": self._loss, "targets": targets}
        self._given = {**given, **own}

    def lay_out(self, batches, key):
        """Deal an epoch's batches, numbers of sequences, into shards; `key` says what is dropped."""
        problem = self._problem
        self._shards = self._shards_of(problem.sequences, batches)
        given = {**self._given, **self._shards.given, "key": key}
        self._pass = Pass(self._program, self._shards, BACK * self._network.work, ("forward", "backward"), **given)
        # Steps count alike in whichever batch they are; a batch's loss is that of its sequences' share.
        n = len(problem.sequences) / problem.weights.size
        self._factors = [n / len(numbers) for numbers in batches]

    def __call__(self, k):
        """The loss of batch k."""
        first, last = self._shards.firsts[k : k + 2]
        self._factor[0] = self._factors[k]
        self._network.gradient.fill(0)
        self._pass.run(first, last)
        return float(self._loss[0])
