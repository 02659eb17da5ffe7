"""The loss of several quantiles at once."""

import numpy as np

from fastrnn.kernels.caching import njit
from fastrnn.kernels.vectors import OPTIONS, at, lane_sum, lanes, load_some, step, store, store_some, zeros


@njit(**OPTIONS)
def pinball(d_outputs, losses, outputs, targets, weights, levels):
    """losses (S,) = the mean of max(q d, (q - 1) d) for d = target - output; and weight times their gradient (S, D Q).

    outputs (S, >= D Q) have the levels (Q,) of each of the targets (S, D) side by side; rows are contiguous.
    """
    D, Q, stride = targets.shape[1], levels.size, outputs.strides[0] // outputs.itemsize
    K = D * Q
    level, target = np.empty(K, outputs.dtype), np.empty(K + lanes(outputs), outputs.dtype)
    for k in range(K):
        level[k] = levels[k % Q]
    for row in range(losses.size):
        for j in range(D):
            for k in range(j * Q, j * Q + Q, lanes(outputs)):
                store(target, k, zeros(outputs) + targets[row, j])  # what is too long the next one covers
        x, d, factor = at(outputs, row * stride), at(d_outputs, row * K), weights[row] / K
        total = zeros(outputs)
        for k in range(0, K, lanes(outputs)):
            n = K - k
            q, difference = load_some(level, k, n), load_some(target, k, n) - load_some(x, k, n)
            slope = (1 - q) * step(0 - difference) - q * step(difference)
            total = total - slope * difference  # a product, so that NaN stays
            store_some(d, k, slope * factor, n)
        losses[row] = lane_sum(total) / K
