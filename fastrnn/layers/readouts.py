"""From the states after all steps to one row of features a sequence.

Each readout is a pair: ``forward(rows, packing, n_directions)`` takes packed rows (S, F) to features (B, .) in the
batch's order and something to remember; ``backward(d_features, memory, packing, n_directions, width)`` gives back
d_rows (S, F).  ``running(rows, n_steps)``, for streams, gives the features (B, F) of the steps so far, what they are
kept in, and the calls that bring both up to date from the last states, rows (B, F); n_steps (1,) counts this one.
"""

import numpy as np

from fastrnn.kernels import rows as kernel


class Last:
    """The state after each sequence's last step; of the reverse direction, the one after its first."""

    @staticmethod
    def _ends(packing, n_directions):
        return (packing.last_rows, packing.first_rows)[:n_directions]

    @classmethod
    def forward(cls, rows, packing, n_directions):
        H = rows.shape[1] // n_directions
        features = np.empty((packing.n_sequences, rows.shape[1]), rows.dtype)
        for d, end in enumerate(cls._ends(packing, n_directions)):
            span = slice(d * H, (d + 1) * H)
            features[packing.order, span] = rows[end, span]
        return features, None

    @classmethod
    def backward(cls, d_features, memory, packing, n_directions, width):
        H = width // n_directions
        d_rows = np.zeros((packing.n_rows, width), d_features.dtype)
        for d, end in enumerate(cls._ends(packing, n_directions)):
            span = slice(d * H, (d + 1) * H)
            d_rows[end, span] = d_features[packing.order, span]
        return d_rows

    @staticmethod
    def running(rows, n_steps):
        return rows, [], []


class Mean:
    """The mean over the steps."""

    @staticmethod
    def forward(rows, packing, n_directions):
        by_place = np.empty((packing.n_sequences, rows.shape[1]), rows.dtype)
        kernel.pool_mean(by_place, rows, packing.starts, packing.counts, packing.firsts)
        return _in_batch_order(by_place, packing), None

    @staticmethod
    def backward(d_features, memory, packing, n_directions, width):
        lengths = packing.lengths.astype(d_features.dtype)[:, np.newaxis]
        return (d_features[:, :width] / lengths)[packing.numbers]

    @staticmethod
    def running(rows, n_steps):
        features, total = np.empty_like(rows), np.zeros_like(rows)
        return features, [total], [(kernel.add_to_mean, (features, total, rows, n_steps))]


class Max:
    """The largest value over the steps, column by column."""

    @staticmethod
    def forward(rows, packing, n_directions):
        by_place = np.empty((packing.n_sequences, rows.shape[1]), rows.dtype)
        where = np.empty(by_place.shape, np.int64)
        kernel.pool_max(by_place, where, rows, packing.starts, packing.counts, packing.firsts)
        return _in_batch_order(by_place, packing), where

    @staticmethod
    def backward(d_features, memory, packing, n_directions, width):
        d_rows = np.zeros((packing.n_rows, width), d_features.dtype)
        d_rows[memory, np.arange(width)] = d_features[packing.order, :width]
        return d_rows

    @staticmethod
    def running(rows, n_steps):
        features = np.zeros_like(rows)
        return features, [features], [(kernel.add_to_max, (features, rows, n_steps))]


class Concat:
    """All steps side by side; the sequences must be equally long."""

    @staticmethod
    def forward(rows, packing, n_directions):
        return rows[packing.by_sequence[0]].reshape(packing.n_sequences, -1), None

    @staticmethod
    def backward(d_features, memory, packing, n_directions, width):
        d_rows = np.empty((packing.n_rows, width), d_features.dtype)
        d_rows[packing.by_sequence[0]] = d_features[:, : packing.lengths[0] * width].reshape(-1, width)
        return d_rows


def _in_batch_order(by_place, packing):
    features = np.empty_like(by_place)
    features[packing.order] = by_place
    return features


READOUTS = {"last": Last, "mean": Mean, "max": Max, "concat": Concat}
