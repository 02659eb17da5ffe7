"""The loss of labels without alignment, of a row of outputs a frame."""

from collections import namedtuple

import numpy as np

from fastrnn.kernels import ctc
from fastrnn.packing import Unpacked


class Alignments(namedtuple("Alignments", "most, name", defaults=("alignments",))):
    """Minus the log probability of labels, summed over all alignments: connectionist temporal classification (CTC).

    It takes the place of a `fastrnn.losses.loss.Loss` in programs.

    Parameters
    ----------
    most : int
        Labels, at most, of a sequence.
    """

    def calls(self, p, total, outputs, targets, weights, K, rows):
        """Add the calls to total (1,) += weight times the loss of each sequence, and its gradient (S, >= K).

        outputs (S, >= K), targets and weights (S,) are one a packed row; a sequence has the weight of its first.
        """
        unpacked, float64, size = Unpacked(p, rows), np.float64, ctc.row_size(self.most)
        d_outputs, losses = p.room(*outputs.shape), p.room(rows.B, dtype=float64)
        places = unpacked.packed, unpacked.firsts, unpacked.lengths
        scratch = [p.room(*shape, dtype=float64) for shape in ((rows.T, 2, size), (rows.T, 2, K), (10, size))]
        scratch.append(p.room(self.most, dtype=np.int64))
        p.call(ctc.alignments, d_outputs, losses, outputs, targets, weights, *places, *scratch)
        p.call(ctc.add_losses, total, losses, weights)
        return d_outputs

    def losses(self, outputs, targets, offsets):
        """The losses (n,) of sequences stored one after the other: outputs (S, K), targets (S,)."""
        (S, K), n, lengths, size = outputs.shape, len(offsets) - 1, np.diff(offsets), ctc.row_size(self.most)
        losses, T = np.empty(n), int(lengths.max())
        scratch = np.empty((T, 2, size)), np.empty((T, 2, K)), np.empty((10, size)), np.empty(self.most, np.int64)
        given = np.ascontiguousarray(outputs), np.ascontiguousarray(targets), np.ones(n)
        ctc.alignments(np.empty((S, K), outputs.dtype), losses, *given, np.arange(S), offsets[:-1], lengths, *scratch)
        return losses
