"""A linear-chain conditional random field above the dense head."""

import numpy as np

from fastrnn.kernels import crf
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
        self.parameters.changed()

    def _scores(self):
        return [self.parameters.stored(name).astype(np.float64) for name in self.parameters]

    @staticmethod
    def _is_wide(parts):
        """Whether to take the kernels that are exact however far apart the scores are, for twice the time or more."""
        return max(np.ptp(part) for part in parts) > crf.WIDE

    def _add_marginals(self, out, d_parts, log_z, scores, parts, *where):
        kernel = crf.marginals_in_logs if self._is_wide(parts) else crf.marginals
        kernel(out, *d_parts, log_z, scores, *parts, *where)

    def loss(self, scores, labels, weights, packing):
        """The sum of -weight log probability(labels), and its gradient (S, K).

        scores (S, K), labels and weights (S,) are one a packed row; a sequence has the weight of its first.
        Adds to the parameters' gradients.
        """
        rows, offsets = packing.by_sequence
        weights, parts = weights[rows[offsets[:-1]]], self._scores()
        d_scores, log_z = np.empty(scores.shape), np.empty(weights.size)
        d_parts = [np.zeros(part.shape) for part in parts]
        self._add_marginals(d_scores, d_parts, log_z, scores, parts, rows, offsets, weights)
        y, of_steps = labels[rows], np.repeat(weights, packing.lengths)
        later = np.delete(np.arange(rows.size), offsets[:-1])
        places = (y[later - 1], y[later]), y[offsets[:-1]], y[offsets[1:] - 1]
        value = (weights * log_z).sum() - (of_steps * scores[rows, y]).sum()
        d_scores[rows, y] -= of_steps
        for name, part, d_part, at, w in zip(
            self.parameters, parts, d_parts, places, (of_steps[later], weights, weights), strict=True
        ):
            value -= (w * part[at]).sum()
            np.subtract.at(d_part, at, w)
            self.parameters.stored_gradients[name][...] += d_part
        return float(value), d_scores.astype(scores.dtype)

    def marginals(self, scores, offsets):
        """Each label's probability at each step (S, K), of sequences stored one after the other."""
        out, n, parts = np.empty(scores.shape), len(offsets) - 1, self._scores()
        nowhere = [np.empty_like(part) for part in parts]
        rows = np.arange(len(scores))
        self._add_marginals(out, nowhere, np.empty(n), scores, parts, rows, offsets, np.ones(n))
        if not np.isfinite(out).all():
            raise ValueError("the labels' scores overflow: train with a lower learning_rate_init or clip_norm")
        return out

    def running(self, scores, n_steps):
        """Like that of a readout: from the scores (B, >= K) of a step each label's probability, given those so far.

        A later change of the parameters is not seen.
        """
        B, parts = len(scores), self._scores()
        out, alpha = np.zeros((2, B, len(parts[1])))
        kernel = crf.filtered_in_logs if self._is_wide(parts) else crf.filtered
        return out, [alpha], [(kernel, (out, alpha, scores, *parts, n_steps))]

    def best(self, scores, offsets):
        """The most probable labels (S,) of sequences stored one after the other."""
        labels = np.empty(len(scores), np.int64)
        crf.viterbi(labels, scores, *self._scores(), np.arange(len(scores)), offsets)
        return labels
