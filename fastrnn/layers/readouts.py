"""From the states after all steps to one row of features a sequence.

Each readout is a pair: ``forward(p, x, rows, n_directions)`` adds to a program the calls from packed rows x (S, F) to
features (B, .) by place, and returns these and something to remember; ``backward(p, d_features, memory, rows,
n_directions, width)`` those back to d_rows (S, F).  ``running(p, x, rows, n_steps)``, for streams, gives the features
(B, F) of the steps so far from the last states, x (B, F), and perhaps from what is given as "pooled", (B, F) or, by
`n_more` columns, more; n_steps (1,) counts this one.  `parts` are those with parameters.
"""

import numpy as np

from fastrnn.kernels import rows as kernel
from fastrnn.kernels.caching import Later
from fastrnn.kernels.vectors import padded
from fastrnn.layers.cells import add_sums, zeros
from fastrnn.layers.feedforward import Dense

attention, pooling = Later("fastrnn.layers.attention"), Later("fastrnn.kernels.attention_pooling")


class _Readout:
    """What most readouts are: without parameters."""

    parts, n_more = {}, 0


class Last(_Readout):
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


class Mean(_Readout):
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


class Max(_Readout):
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


class Concat(_Readout):
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


class Attention(_Readout):
    """A mean weighted by attention (`fastrnn.kernels.attention_pooling`), of rows of F numbers."""

    n_more = 2

    def __init__(self, F, hidden_size, dtype):
        self.key_layer, self.score = Dense(F, hidden_size, dtype), attention.Direction(hidden_size, dtype)
        self.parts = {"attention_key": self.key_layer, "attention_score": self.score}

    def forward(self, p, x, rows, n_directions):
        pooled = zeros(p, rows.B, x.shape[1] + self.n_more, "forward")
        return self._pooled(p, x, rows, pooled)

    def _pooled(self, p, x, rows, pooled):
        """Add the calls to features (B, F), and what the way back needs: x, features, weights (S, 1) and keys."""
        features, weights = p.room(rows.B, x.shape[1]), p.room(x.shape[0], 1)
        keys = self.key_layer.forward(p, x)
        p.call(pooling.pool, features, pooled, weights, keys, self.score.v, x, rows.starts, rows.counts)
        return features, (x, features, weights, keys)

    def backward(self, p, d_features, memory, rows, n_directions, width):
        (x, features, weights, keys), A = memory, self.score.v.size
        d_keys, d_v = p.room(*keys.shape), p.sums(padded(A, p.dtype))
        arrays = d_features, features, weights, keys, self.score.v, x, rows.places
        p.call(pooling.unpool_energies, d_keys, d_v, *arrays, stage="backward")
        add_sums(p, self.score.parameters.stored_gradients["weight"], d_v, A, A)
        d_rows = self.key_layer.backward(p, x, d_keys)
        p.call(pooling.unpool_rows, d_rows, d_features, weights, rows.places, width, stage="backward")
        return d_rows

    def running(self, p, x, rows, n_steps):
        return self._pooled(p, x, rows, p.given("pooled", p.dtype, 2))[0]


LAST = Last()
READOUTS = {"last": LAST, "mean": Mean(), "max": Max(), "concat": Concat, "attention": Attention}


def make_readout(name, stack, n_steps):
    """The readout of this name, for the rows of a stack; "concat" is for `n_steps` steps."""
    if name == "concat":
        return Concat(n_steps)
    return Attention(stack.output_size, stack.hidden_size, stack.dtype) if name == "attention" else READOUTS[name]
