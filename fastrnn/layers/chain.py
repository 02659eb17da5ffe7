"""A linear-chain conditional random field above the dense head."""

import numpy as np

from fastrnn.kernels import crf
from fastrnn.packing import Unpacked
from fastrnn.params import Parameters, uniform


class LinearChain:
    """Scores of a label's coming after another, first, or last.

    Parameters "transitions" (labels from, labels to), "begin" and "end" (labels,).
    """

    def __init__(self, n_labels, dtype):
        n = n_labels
        shapes = {"transitions": (n, n), "begin": (n,), "end": (n,)}
        self.parameters = Parameters(shapes, dtype, by_row=("transitions",))

    def reset_parameters(self, rng):
        """Uniform in +-0.1."""
        for name in self.parameters:
            uniform(self.parameters[name], 0.1, rng)

    def _read(self, p=None):
        """What the kernels read of the parameters: as they are now, or in a program before each pass."""
        (K,) = self.parameters.shapes["begin"]
        room = np.empty((2 * K + 2, K)), np.empty((2 * K + 2, K)), np.empty(3)
        stored = [self.parameters.stored(name) for name in self.parameters]
        if p is None:
            crf.read(*room, *stored)
        else:
            p.call(crf.read, *room, *stored, stage="before")
        return room

    def calls(self, p, total, outputs, targets, weights, K, rows):
        """Add the calls to total (1,) += -weight log probability(labels) of each sequence, and its gradient (S, >= K).

        outputs (S, >= K), targets and weights (S,) are one a packed row; a sequence has the weight of its first.
        They add to the parameters' gradients.
        """
        n, parts, float64 = outputs.shape[0], self._read(p), np.float64
        unpacked = Unpacked(p, rows)
        places = unpacked.packed, unpacked.firsts, unpacked.lengths, weights
        found = p.room(n, K, dtype=float64), p.room(rows.B, dtype=float64)
        counts = p.sums(K + 2, K, dtype=float64)
        scratch = [p.room(size, K, dtype=float64) for size in (rows.T, rows.T, K + 5)]
        p.call(crf.marginals, *found, counts, outputs, *parts, *places, *scratch)
        d_outputs = p.room(*outputs.shape)
        p.call(crf.compare, d_outputs, total, counts, *found, outputs, parts[0], targets, *places)
        p.call(crf.add_counts, *self.parameters.stored_gradients.values(), *p.placed(counts), stage="after")
        return d_outputs

    def found(self, scores, offsets):
        """Of sequences stored one after the other, each label's probability at each step (S, K), log Z, and counts.

        As `fastrnn.kernels.crf.marginals` leaves them.
        """
        (S, K), n, lengths = scores.shape, len(offsets) - 1, np.diff(offsets)
        out, log_z, counts = np.empty((S, K)), np.empty(n), np.zeros((K + 2, K))
        scratch = [np.empty((size, K)) for size in (lengths.max(), lengths.max(), K + 5)]
        places = np.arange(S), offsets[:-1], lengths, np.ones(n)
        crf.marginals(out, log_z, counts, scores, *self._read(), *places, *scratch)
        return out, log_z, counts

    def losses(self, scores, labels, offsets):
        """-log probability (n,) of the labels (S,) of sequences stored one after the other."""
        transitions, begin, end = (self.parameters.stored(name).astype(np.float64) for name in self.parameters)
        moves, firsts, every = np.empty(len(labels)), offsets[:-1], np.arange(len(labels))
        moves[1:] = transitions[labels[:-1], labels[1:]]
        moves[firsts] = begin[labels[firsts]]
        of_labels = np.add.reduceat(moves + scores[every, labels], firsts) + end[labels[offsets[1:] - 1]]
        return self.found(scores, offsets)[1] - of_labels

    def marginals(self, scores, offsets):
        """Each label's probability at each step (S, K), of sequences stored one after the other."""
        out, *_ = self.found(scores, offsets)
        if not np.isfinite(out).all():
            raise ValueError("the labels' scores overflow: train with a lower learning_rate_init or clip_norm")
        return out

    def running(self, p, out, scores, n_steps):
        """Like that of a readout: from the scores (B, >= K) of a step each label's probability, given those so far.

        They go to `out` (B, K), and are kept in what is given as "chain" (B, K).
        """
        (K,) = self.parameters.shapes["begin"]
        alpha, scratch = p.given("chain", np.float64, 2), p.room(K + 5, K, dtype=np.float64)
        p.call(crf.filtered, out, alpha, scores, *self._read(p), scratch, n_steps)

    def best(self, scores, offsets):
        """The most probable labels (S,) of sequences stored one after the other."""
        labels = np.empty(len(scores), np.int64)
        crf.viterbi(labels, scores, self._read()[0], offsets)
        return labels
