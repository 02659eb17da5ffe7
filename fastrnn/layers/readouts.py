"""From the states after all steps to one row of features a sequence.

Each readout is a pair: ``forward(p, x, rows, n_directions)`` adds to a program the calls from packed rows x (S, F) to
features (B, .) by place, and returns these and something to remember; ``backward(p, d_features, memory, rows,
n_directions, width)`` those back to d_rows (S, F).  ``running(p, x, rows, n_steps)``, for streams, gives the features
(B, F) of the steps so far from the last states, x (B, F), and perhaps from what is given as "pooled" (B, F); n_steps
(1,) counts this one.
"""

import numpy as np

from fastrnn.kernels import rows as kernel
from fastrnn.layers.cells import zeros


class Last:
    """The state after each sequence's last step; of the reverse direction, the one after its first."""

    def _ends(self, rows, n_directions):
        return enumerate((rows.last_rows, rows.first_rows)[:n_directions])

    def forward(self, p, x, rows, n_directions):
        H = x.shape[1] // n_directions
        features = p.room(rows.B, x.shape[1])
        for d, end in self._ends(rows, n_directions):
            p.call(kernel.copy_rows, features, d * H, x, d * H, end, H)
        return features, None

    def backward(self, p, d_features, memory, rows, n_directions, width):
        H, d_rows = width // n_directions, zeros(p, rows.S, width)
        for d, end in self._ends(rows, n_directions):
            p.call(kernel.spread_columns, d_rows, end, d_features, d * H, H, stage="backward")
        return d_rows

    def running(self, p, x, rows, n_steps):
        return x


class Mean:
    """The mean over the steps."""

    def forward(self, p, x, rows, n_directions):
        features = zeros(p, rows.B, x.shape[1], "forward")
        p.call(kernel.pool_mean, features, features, x, rows.starts, rows.counts, rows.lengths, rows.numbers)
        return features, None

    def backward(self, p, d_features, memory, rows, n_directions, width):
        d_rows = p.room(rows.S, width)
        p.call(kernel.unpool_mean, d_rows, d_features, rows.places, rows.lengths, rows.numbers, stage="backward")
        return d_rows

    def running(self, p, x, rows, n_steps):
        features, one_for_all = p.room(*x.shape), np.zeros(rows.B, np.int64)
        total = p.given("pooled", p.dtype, 2)
        p.call(kernel.pool_mean, features, total, x, rows.starts, rows.counts, n_steps, one_for_all)
        return features


class Max:
    """The largest value over the steps, column by column."""

    def forward(self, p, x, rows, n_directions):
        features, where = p.room(rows.B, x.shape[1]), p.room(rows.B, x.shape[1], dtype=np.int64)
        p.call(kernel.pool_max, features, where, x, rows.starts, rows.counts, np.ones(1, np.int64))
        return features, where

    def backward(self, p, d_features, memory, rows, n_directions, width):
        d_rows = p.room(rows.S, width)
        p.call(kernel.unpool_max, d_rows, d_features, memory, stage="backward")
        return d_rows

    def running(self, p, x, rows, n_steps):
        pooled, where = p.given("pooled", p.dtype, 2), p.room(*x.shape, dtype=np.int64)
        p.call(kernel.pool_max, pooled, where, x, rows.starts, rows.counts, n_steps)
        return p.part(pooled, x.shape)


class Concat:
    """All steps side by side; the sequences must be equally long."""

    def __init__(self, n_steps):
        self.n_steps = n_steps

    def forward(self, p, x, rows, n_directions):
        features = p.room(rows.B, x.shape[1] * self.n_steps)
        p.call(kernel.concatenate_steps, features, x, rows.starts)
        return features, None

    def backward(self, p, d_features, memory, rows, n_directions, width):
        d_rows = p.room(rows.S, width)
        p.call(kernel.split_steps, d_rows, d_features, rows.starts, stage="backward")
        return d_rows


LAST = Last()
READOUTS = {"last": LAST, "mean": Mean(), "max": Max(), "concat": Concat}
