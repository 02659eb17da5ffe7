"""Losses: value and gradient from outputs.

Each takes outputs (n, K), targets and weights (n,), and returns the sum over rows of weight times
loss, with its gradient (n, K) in the outputs' dtype.  The caller scales the weights; with 1 / n the
value is the mean.  Outputs are those of the dense head, before softmax or the logistic function.
"""

import numpy as np
from scipy.special import logit

from fastrnn.kernels import losses as kernels
from fastrnn.kernels import softmax
from fastrnn.kernels.rows import add_weighted, scale_rows

LEAST_SHARE = 1e-4
"""Of a label among the targets, where a head starts; one that never comes keeps a chance."""


class Loss:
    def __init__(self, kernel, constants=()):
        self.kernel, self.constants = kernel, np.array(constants, np.float64)

    def __call__(self, outputs, targets, weights):
        outputs = np.ascontiguousarray(outputs)
        d_outputs, losses = np.empty(outputs.shape, outputs.dtype), np.empty(len(outputs))
        targets = targets if targets.ndim == 1 else targets.reshape(len(targets), -1)
        self.kernel(d_outputs, losses, outputs, targets, weights, self.constants, outputs.shape[1])
        return float((losses * weights).sum()), d_outputs

    def calls(self, p, total, outputs, targets, weights, K, rows):
        d_outputs, losses = p.room(*outputs.shape), p.room(outputs.shape[0], dtype=np.float64)
        p.call(self.kernel, d_outputs, losses, outputs, targets, weights, self.constants, K)
        p.call(add_weighted, total, losses, weights)
        return d_outputs


cross_entropy, binary_cross_entropy = map(Loss, (kernels.cross_entropy, kernels.binary_cross_entropy))
squared, absolute, huber = (Loss(kernels.regression, (kind, 0)) for kind in range(3))


def pinball(quantile):
    return Loss(kernels.regression, (kernels.PINBALL, quantile))


def log_probabilities(outputs, targets):
    """log softmax(outputs)[target], (n,), for targets (n,) of integers."""
    losses = np.empty(len(outputs))
    d = np.empty(outputs.shape, outputs.dtype)
    kernels.cross_entropy(d, losses, np.ascontiguousarray(outputs), targets, np.ones(len(outputs)), np.empty(0), outputs.shape[1])
    return -losses


def softmax_answer(outputs, K):
    """Probabilities of classes, in float64, from outputs (n, >= K), of which K count: (n, K); from one (n, 2).

    An answer is an array, and the calls, pairs of a kernel and its arguments, that fill it; a `Stream` makes them
    again and again.
    """
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


def log_odds(loss, targets, weights, n_outputs):
    """The outputs (n_outputs,) that give each class, or label, its share of the targets; zeros for other losses.

    No share counts as less than LEAST_SHARE, so that none is impossible.
    """
    if loss is cross_entropy:
        shares = np.bincount(targets, weights, n_outputs) / weights.sum()
        return np.log(np.maximum(shares, LEAST_SHARE))
    if loss is binary_cross_entropy:
        return logit(np.clip(weights @ targets / weights.sum(), LEAST_SHARE, 1 - LEAST_SHARE))
    return np.zeros(n_outputs)


def regression_loss(name, quantile):
    """The loss of a `SequenceRegressor`."""
    if name == "quantile":
        return pinball(quantile)
    return {"squared_error": squared, "absolute_error": absolute, "huber": huber}[name]
