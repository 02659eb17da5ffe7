"""Softmax and the logistic function of rows."""

import numpy as np

from fastrnn.kernels.activations import exp
from fastrnn.kernels.caching import njit
from fastrnn.kernels.subnormals import flush, restore
from fastrnn.kernels.vectors import OPTIONS, at, lane_max, lane_sum, lanes, load, load_some, maximum, store_some, zeros


@njit(**OPTIONS)
def softmax(p, x, K):
    """p = softmax(x), pointers to K numbers, perhaps the same; returns the largest x, log of the sum of exp(x - it)."""
    largest = _largest(x, K)
    for k in range(0, K, lanes(x)):
        store_some(p, k, exp(load_some(x, k, K - k) - largest), K - k)
    total = zeros(x)
    for k in range(0, K, lanes(x)):  # apart: past the row's end `load_some` gives zeros
        total = total + load_some(p, k, K - k)
    sum_of_all = lane_sum(total)
    factor = 1 / sum_of_all
    for k in range(0, K, lanes(x)):
        store_some(p, k, load_some(p, k, K - k) * factor, K - k)
    return largest, np.log(sum_of_all)


@njit(**OPTIONS)
def _largest(x, K):
    """The largest number; where there is NaN, NaN or any of them."""
    best = zeros(x) + x[0]
    whole = K // lanes(x) * lanes(x)
    for k in range(0, whole, lanes(x)):
        best = maximum(best, load(x, k))
    largest = lane_max(best)
    for k in range(whole, K):
        largest = max(largest, x[k])
    return largest


@njit(**OPTIONS)
def softmax_rows(p, outputs, sizes):
    """p (n, K) = softmax of each row of outputs (n, >= K), of each group of columns; sizes are theirs."""
    (n, K), mode = p.shape, flush()
    for row in range(n):
        for k in range(K):
            p[row, k] = outputs[row, k]
        first = row * K
        for size in sizes:
            softmax(at(p, first), at(p, first), int(size))
            first += int(size)
    restore(mode)


@njit(**OPTIONS)
def spread_log_softmax(out, picked, p, outputs):
    """out[picked[k]] (K,) = log softmax of row k's first K outputs, in the precision of out; p (K,) is overwritten."""
    K = out.shape[1]
    for row in range(picked.size):
        logs = at(out, picked[row] * K)
        for k in range(K):
            logs[k] = outputs[row, k]
        largest, log_sum = softmax(at(p, 0), logs, K)
        for k in range(K):
            logs[k] = logs[k] - largest - log_sum


@njit(**OPTIONS)
def logistic_rows(p, outputs, is_of_two):
    """p (n, K) = the logistic function of each row of outputs (n, >= K); or (n, 2), of minus the first, and of it."""
    mode = flush()
    for row in range(p.shape[0]):
        for k in range(p.shape[1]):
            x = np.float64(outputs[row, 0 if is_of_two else k])
            p[row, k] = 1.0 / (1.0 + np.exp(x if is_of_two and k == 0 else -x))
    restore(mode)
