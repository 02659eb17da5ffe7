"""Losses of rows, and their gradients.

All take the same arguments, so that a compiled pass can call any of them by its address:

    loss(d_outputs, losses, outputs, targets, weights, constants, K)

outputs (R, W) are those of the dense head, in their first K columns; targets are (R,) classes or (R, M) numbers of
the outputs' dtype; weights (R,) and constants (n,) are float64.  losses (R,) of float64 are those of the rows, not
yet times their weights; d_outputs (R, W) become weight times gradient, with zeros from column K on.  All arrays are
C-contiguous.  No row depends on another, NaN surfaces, and nothing is allocated.
"""

from fastrnn.kernels.activations import exp
from fastrnn.kernels.caching import njit
from fastrnn.kernels.softmax import softmax
from fastrnn.kernels.vectors import (
    OPTIONS,
    at,
    clamp,
    first_lanes,
    lane_sum,
    lanes,
    load_as,
    load_some,
    maximum,
    step,
    store_some,
    zeros,
)

SQUARED, ABSOLUTE, HUBER = 0, 1, 2
"""Codes of the losses of a difference."""

_LOG_SERIES = tuple(2 / k for k in range(33, 0, -2))
"""Of log((1 + s) / (1 - s)) / s in powers of s**2: for s**2 <= 1/9 exact to the last place."""


@njit(**OPTIONS)
def cross_entropy(d_outputs, losses, outputs, targets, weights, constants, K):
    """-log softmax(outputs)[target], for targets (R,) of integers."""
    W = outputs.shape[1]
    for row in range(losses.size):
        x, d, target = at(outputs, row * W), at(d_outputs, row * W), targets[row]
        largest, log_sum = softmax(d, x, K)
        losses[row] = log_sum - (x[target] - largest)
        d[target] -= 1.0
        for k in range(0, W, lanes(outputs)):
            store_some(d, k, load_some(d, k, K - k) * weights[row], W - k)


@njit(**OPTIONS)
def binary_cross_entropy(d_outputs, losses, outputs, targets, weights, constants, K):
    """-log of the logistic probability of targets (R, K) of 0 and 1, summed over the K."""
    W = outputs.shape[1]
    for row in range(losses.size):
        x, d, t = at(outputs, row * W), at(d_outputs, row * W), at(targets, row * K)
        losses[row] = _of_labels(d, x, t, weights[row], K, W)


@njit(**OPTIONS)
def of_differences(d_outputs, losses, outputs, targets, weights, code, K):
    """The mean over the K outputs of a loss of output less target; code (1,) says which."""
    W = outputs.shape[1]
    for row in range(losses.size):
        x, d, t = at(outputs, row * W), at(d_outputs, row * W), at(targets, row * K)
        losses[row] = _of_row(code[0], d, x, t, weights[row], K, W)


@njit(**OPTIONS)
def pinball(d_outputs, losses, outputs, targets, weights, levels, K):
    """The mean over outputs of max(q d, (q - 1) d) for d = target - output (Koenker & Bassett 1978).

    outputs have those for each level side by side, for each of the targets (R, M).  levels are followed by the first
    ones again, so that a vector of them starts at any.
    """
    W, M = outputs.shape[1], targets.shape[1]
    Q = K // M
    for row in range(losses.size):
        x, d, factor, first = at(outputs, row * W), at(d_outputs, row * W), weights[row] / K, 0
        for j in range(M):
            for k in range(j * Q, j * Q + Q, lanes(outputs)):
                store_some(d, k, zeros(outputs) + targets[row, j], K - k)  # what is too long the next one covers
        total = zeros(outputs)
        for k in range(0, W, lanes(outputs)):
            q, difference = load_as(levels, first, outputs), load_some(d, k, K - k) - load_some(x, k, K - k)
            slope = (1.0 - q) * step(0.0 - difference) - q * step(difference)
            total = total - slope * difference  # a product, so that NaN stays
            store_some(d, k, slope * factor, W - k)
            first = (first + lanes(outputs)) % Q
        losses[row] = lane_sum(total) / K


@njit(**OPTIONS)
def numbers_and_end(d_outputs, losses, outputs, targets, weights, constants, K):
    """Of all columns but the last the squared loss, and of that the binary cross-entropy of being the last step."""
    W, n = outputs.shape[1], K - 1
    for row in range(losses.size):
        x, d, t = at(outputs, row * W), at(d_outputs, row * W), at(targets, row * K)
        of_numbers = _of_row(SQUARED, d, x, t, weights[row], n, n)
        of_end = _of_labels(at(d, n), at(x, n), at(t, n), weights[row], 1, W - n)
        losses[row] = of_numbers + of_end


@njit(**OPTIONS)
def _of_labels(d, x, t, weight, K, W):
    """The binary cross-entropy of a row, from pointers to its columns."""
    total = zeros(x)
    for k in range(0, W, lanes(x)):
        z, target = load_some(x, k, K - k), load_some(t, k, K - k)
        rest, is_high = exp(0.0 - maximum(z, 0.0 - z)), step(z)  # of -|z|: it never overflows
        slope = (is_high + (1.0 - is_high) * rest) / (1.0 + rest) - target
        total = total + first_lanes(maximum(z, 0.0) - z * target + _log1p(rest), K - k)
        store_some(d, k, first_lanes(slope * weight, K - k), W - k)
    return lane_sum(total)


@njit(**OPTIONS)
def _log1p(x):
    """log(1 + x) for x from 0 to 1, to the last places of x."""
    s = x / (2.0 + x)
    total, square = 0.0 * s, s * s
    for coefficient in _LOG_SERIES:
        total = total * square + coefficient
    return total * s


@njit(**OPTIONS)
def _of_row(code, d, x, t, weight, K, W):
    """A loss of the differences of a row, from pointers to its numbers; products, so that NaN stays."""
    total, factor = zeros(x), weight / K
    for k in range(0, W, lanes(x)):
        difference = load_some(x, k, K - k) - load_some(t, k, K - k)
        if code == SQUARED:
            slope, loss = difference * 2.0, difference * difference
        elif code == ABSOLUTE:
            slope = step(difference) - step(0.0 - difference)
            loss = slope * difference
        else:
            slope = clamp(difference, -1.0, 1.0)
            loss = slope * (difference - slope * 0.5)
        total = total + loss
        store_some(d, k, slope * factor, W - k)
    return lane_sum(total) / K
