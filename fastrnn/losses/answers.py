"""What a network's outputs become as answers: probabilities, or numbers in their own unit.

An answer to n rows of K outputs is an array, and what fills it: a kernel with its arguments but for the outputs
(n, >= K), which come second; a `Stream` calls it again and again.
"""

import numpy as np

from fastrnn.kernels import softmax
from fastrnn.kernels.rows import scale_rows


def softmax_answer(n, K, sizes=None):
    """Probabilities of classes, in float64, (n, K), or of groups of so many; from one output (n, 2)."""
    p = np.empty((n, max(K, 2)))
    groups = np.array([K] if sizes is None else sizes, np.float64)
    return p, (softmax.softmax_rows, p, groups) if K > 1 else (softmax.logistic_rows, p, 1)


def logistic_answer(n, K):
    """Likewise, of K labels each by itself."""
    p = np.empty((n, K))
    return p, (softmax.logistic_rows, p, 0)


def scaled_answer(n, K, scale, mean, is_flat):
    """Likewise numbers in their own unit, (n, K), or (n,) if there is one a row."""
    values = np.empty((n, K))
    return values[:, 0] if is_flat else values, (scale_rows, values, scale, mean)


def filled(answer, outputs):
    """What an answer is to outputs (n, K)."""
    array, (kernel, out, *more) = answer(*outputs.shape)
    kernel(out, outputs, *more)
    return array
