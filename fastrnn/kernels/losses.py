"""Losses of rows of outputs."""

import numpy as np

from fastrnn.kernels.caching import njit
from fastrnn.kernels.softmax import softmax
from fastrnn.kernels.vectors import OPTIONS, at, lanes, load_some, store_some


@njit(**OPTIONS)
def cross_entropy(d_outputs, losses, outputs, targets, weights, constants, K):
    W = outputs.shape[1]
    for row in range(losses.size):
        x, d = at(outputs, row * W), at(d_outputs, row * W)
        largest, log_sum = softmax(d, x, K)
        losses[row] = log_sum - (x[targets[row]] - largest)
        d[targets[row]] -= 1.0
        for k in range(0, W, lanes(outputs)):
            store_some(d, k, load_some(d, k, K - k) * weights[row], W - k)


@njit(**OPTIONS)
def binary_cross_entropy(d_outputs, losses, outputs, targets, weights, constants, K):
    for row in range(losses.size):
        losses[row] = 0.0
        for k in range(outputs.shape[1]):
            if k >= K:
                d_outputs[row, k] = 0
                continue
            x, t = np.float64(outputs[row, k]), np.float64(targets[row, k])
            e = np.exp(-abs(x))
            losses[row] += np.log1p(e) + max(x, 0.0) - x * t
            p = 1 / (1 + e) if x >= 0 else e / (1 + e)
            d_outputs[row, k] = (p - t) * weights[row]


@njit(**OPTIONS)
def squared(d_outputs, losses, outputs, targets, weights, constants, K):
    for row in range(losses.size):
        losses[row] = 0.0
        for k in range(outputs.shape[1]):
            if k >= K:
                d_outputs[row, k] = 0
                continue
            d = outputs[row, k] - targets[row, k]
            losses[row] += d * d / K
            d_outputs[row, k] = 2 * d * weights[row] / K
