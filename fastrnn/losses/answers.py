"""What a network's outputs become as answers: probabilities, or numbers in their own unit.

An answer is an array, and the calls, pairs of a kernel and its arguments, that fill it; a `Stream` makes them again
and again.
"""

import numpy as np

from fastrnn.kernels import softmax
from fastrnn.kernels.rows import scale_rows


def softmax_answer(outputs, K):
    """Probabilities of classes, in float64, from outputs (n, >= K), of which K count: (n, K); from one (n, 2)."""
    p = np.empty((len(outputs), max(K, 2)))
    return p, [(softmax.softmax_rows, (p, outputs)) if K > 1 else (softmax.logistic_rows, (p, outputs, True))]


def logistic_answer(outputs, K):
    """Likewise, of K labels each by itself."""
    p = np.empty((len(outputs), K))
    return p, [(softmax.logistic_rows, (p, outputs, False))]


def scaled_answer(outputs, K, scale, mean, is_flat):
    """Likewise numbers in their own unit, (n, K), or (n,) if there is one a row."""
    values = np.empty((len(outputs), K))
    return values[:, 0] if is_flat else values, [(scale_rows, (values, outputs, scale, mean))]


def filled(answer, outputs):
    """What an answer is for outputs (n, K)."""
    array, calls = answer(outputs, outputs.shape[1])
    for kernel, arguments in calls:
        kernel(*arguments)
    return array
