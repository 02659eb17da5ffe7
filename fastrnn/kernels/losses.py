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


SQUARED, ABSOLUTE, HUBER, PINBALL = range(4)


@njit(**OPTIONS)
def _of_difference(kind, d, quantile):
    """Loss and slope of an output that is d too large."""
    if kind == SQUARED:
        return d * d, 2 * d
    if kind == ABSOLUTE:
        return abs(d), np.sign(d)
    if kind == HUBER:
        size = abs(d)
        return (d * d / 2, d) if size <= 1 else (size - 0.5, np.sign(d))
    slope = -quantile if d < 0 else (1 - quantile if d > 0 else 0.0 * d)
    return slope * d, slope


@njit(**OPTIONS)
def regression(d_outputs, losses, outputs, targets, weights, constants, K):
    """The mean over the K outputs of a loss of output - target; constants are its kind, and the quantile."""
    for row in range(losses.size):
        losses[row] = 0.0
        for k in range(outputs.shape[1]):
            if k >= K:
                d_outputs[row, k] = 0
                continue
            d = np.float64(outputs[row, k]) - np.float64(targets[row, k])
            loss, slope = _of_difference(constants[0], d, constants[1])
            losses[row] += loss / K
            d_outputs[row, k] = slope * (weights[row] / K)
