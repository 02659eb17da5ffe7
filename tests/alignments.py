"""Alignments of labels and frames: random ones, and their loss by a pass of a program, as in training.

Shared by tests/test_ctc.py, tests/make_fixtures.py and `python -m benchmarks.promises.ctc`.
"""

import numpy as np

from fastrnn.kernels.rows import copy_rows, spread_columns
from fastrnn.layers.ctc import Alignments
from fastrnn.network.parts import stored
from fastrnn.network.training import add_loss
from fastrnn.packing import Rows, Shards
from fastrnn.programs import Pass, Program
from fastrnn.sequences import Sequences


def spread(labels, lengths):
    """Lists of labels as targets (S,) of sequences of these lengths: each at the first frames, then -1."""
    targets = np.full(sum(lengths), -1)
    for own, first in zip(labels, np.cumsum([0, *lengths]), strict=False):
        targets[first : first + len(own)] = own
    return targets


class Loss:
    """The loss of sequences stored one after the other, in shards as a batch is trained on.

    scores (S, K), lists of labels, lengths (n,) and weights (n,).
    """

    def __init__(self, scores, labels, lengths, weights=None):
        (S, K), dtype, n = scores.shape, scores.dtype, len(lengths)
        p = Program(dtype)
        rows = Rows(p)
        outputs = p.room(rows.S, K + 3)
        p.call(copy_rows, outputs, 0, p.given("values", dtype, 2), 0, rows.rows, K)
        d_outputs = add_loss(p, Alignments(max(map(len, labels))), outputs, K, None, rows.rows, rows)
        self.d_scores, self._value, lengths = np.empty((S, K), dtype), np.empty(1), np.asarray(lengths)
        p.call(spread_columns, self.d_scores, rows.rows, d_outputs, 0, K)
        shards = Shards(lengths, [np.arange(n)], 1, False)
        weights = np.repeat(np.ones(n) if weights is None else weights, lengths)
        given = {"targets": spread(labels, lengths), "weights": weights, "factor": np.ones(1), "loss": self._value}
        sequences = Sequences(scores, np.cumsum([0, *lengths]))
        self._pass = Pass(p, shards, 2**20, **given, **stored(sequences), **shards.given)

    def __call__(self):
        """The value, and the gradient (S, K), which the next call overwrites."""
        self._pass.run()
        return float(self._value[0]), self.d_scores
