"""Losses: value and gradient from the outputs of the dense head, before softmax or the logistic function."""

from collections import namedtuple
from functools import cached_property
from math import prod

import numpy as np
from scipy.special import entr, logit

from fastrnn.kernels import losses as kernels
from fastrnn.kernels.caching import Later
from fastrnn.kernels.vectors import n_lanes

mixtures = Later("fastrnn.kernels.mixtures")

LEAST_SHARE = 1e-4
"""Of a label among the targets, where a head starts; one that never comes keeps a chance."""


class Loss(namedtuple("Loss", "name, numbers", defaults=((),))):
    """A loss of rows.

    Parameters
    ----------
    name : str
        Of its kernel in `fastrnn.kernels.losses`, or of `mixtures`, which a compiled pass calls.
    numbers : tuple of float
        The kernel's constants.
    """

    @property
    def kernel(self):
        """Its function; they all take the same arguments."""
        return mixtures.mixture if self.name == "mixture" else getattr(kernels, self.name)

    @cached_property
    def constants(self):
        """The numbers as the kernel takes them."""
        return np.array(self.numbers, np.float64)

    def __call__(self, outputs, targets, weights):
        """The sum over rows of weight times loss, and its gradient (n, K) in the outputs' dtype.

        outputs are (n, K); targets (n,) classes or (n, ...) numbers; weights (n,).  The caller scales the weights;
        with 1 / n the value is the mean.
        """
        losses, d_outputs = self.of_rows(outputs, targets, weights)
        return float((losses * weights).sum()), d_outputs

    def of_rows(self, outputs, targets, weights):
        """Likewise the losses (n,) without their weights, and the gradient."""
        n, K = outputs.shape
        losses, d_outputs = np.empty(n), np.empty((n, K), outputs.dtype)
        if targets.ndim > 2:
            targets = targets.reshape(n, prod(targets.shape[1:]))
        targets = _plain(targets, np.int64 if targets.ndim == 1 else outputs.dtype)
        outputs, weights = _plain(outputs, outputs.dtype), _plain(weights, np.float64)
        self.kernel(d_outputs, losses, outputs, targets, weights, self.constants, K)
        return losses, d_outputs


def _plain(array, dtype):
    """As kernels take it; of an array that is read-only Numba would make a kernel of its own."""
    return array if array.flags.carray and array.dtype == dtype else np.array(array, dtype, order="C")


def quantile_loss(levels):
    """The pinball loss, the mean over these levels; its expectation is least where each output is its quantile."""
    return Loss("pinball", tuple(np.resize(levels, len(levels) + n_lanes("float32")).tolist()))


def cross_entropies(sizes):
    """The sum of cross-entropies, of groups of so many outputs; targets (n, M) count from the first output of all."""
    return Loss("cross_entropy", tuple(map(float, sizes)))


def mixture_loss(n_components, n_numbers=1, is_pair=False, n_labels=0):
    """-log density of mixtures of so many Gaussians over so many numbers each, and -log probability of labels."""
    return Loss("mixture", (n_components, n_numbers, is_pair, n_labels))


cross_entropy, binary_cross_entropy = Loss("cross_entropy"), Loss("binary_cross_entropy")
OF_CLASSES = cross_entropy.name, "smoothed_cross_entropy"
OF_LABELS = *OF_CLASSES, binary_cross_entropy.name
numbers_and_end = Loss("numbers_and_end", (kernels.SQUARED,))
squared, absolute = (Loss("of_differences", (code,)) for code in (kernels.SQUARED, kernels.ABSOLUTE))
huber = Loss("of_differences", (kernels.HUBER,))


def smoothed(loss, share):
    """That loss of classes with a share of each target spread evenly over all of them."""
    return Loss("smoothed_cross_entropy", (share, *loss.numbers)) if share else loss


def softened(labels, share):
    """Likewise the targets (n, K) of 0 and 1 of a `binary_cross_entropy`."""
    return labels * labels.dtype.type(1 - share) + labels.dtype.type(share / 2)


def regression_loss(name, quantile):
    """The loss of a `SequenceRegressor`."""
    known = {"squared_error": squared, "absolute_error": absolute, "huber": huber}
    return quantile_loss([quantile]) if name == "quantile" else known[name]


def log_probabilities(outputs, targets):
    """log softmax(outputs)[target], (n,), for targets (n,) of integers."""
    return -cross_entropy.of_rows(outputs, targets, np.ones(len(outputs)))[0]


def label_weights(loss, targets, weights, n_outputs):
    """The weight of the targets that are each class, or have each label, and last that of all; zeros for other losses.

    They add up over parts of the data.
    """
    own = np.zeros(n_outputs)
    if loss.name in OF_CLASSES:
        places = targets.reshape(len(targets), -1)
        own = np.bincount(places.ravel().astype(np.intp), np.repeat(weights, places.shape[1]), n_outputs)
    elif loss == binary_cross_entropy:
        own = weights @ targets
    return np.append(own, weights.sum())


def log_odds(loss, label_weights):
    """The outputs (n_outputs,) that give each class, or label, its share of the weight; zeros for other losses.

    No share counts as less than LEAST_SHARE, so that none is impossible.
    """
    shares = label_weights[:-1] / label_weights[-1]
    if loss.name in OF_CLASSES:
        return np.log(np.maximum(shares, LEAST_SHARE))
    return logit(np.clip(shares, LEAST_SHARE, 1 - LEAST_SHARE)) if loss == binary_cross_entropy else shares


def _normal(loss, targets, weights):
    """The outputs of a mixture that is one normal distribution of mean 0 and scale 1, and each label's share."""
    K, N, is_pair, n = loss.numbers
    scales = np.full(N * K, np.log(np.expm1(1)))  # their softplus is 1
    of_labels = log_odds(binary_cross_entropy, label_weights(binary_cross_entropy, targets[:, N:], weights, n))
    return np.concatenate([np.zeros(K + N * K), scales, np.zeros(K * is_pair), of_labels])


def constant_loss(loss, targets, weights, n_outputs):
    """The mean loss of the best answer to all: the classes' shares, or of targets (n, K) their mean or a quantile."""
    own = label_weights(loss, targets, weights, n_outputs)
    if loss.name in OF_CLASSES and targets.ndim == 1:  # a matrix (n, n_outputs) of many tokens would not fit anywhere
        even = 0.0 if loss == cross_entropy else loss.numbers[0]
        return float(entr((1 - even) * own[:-1] / own[-1] + even / n_outputs).sum())
    answers = [log_odds(loss, own)]
    if loss.name == "mixture":
        answers = [_normal(loss, targets, weights)]
    elif loss.name not in OF_LABELS:
        answers = [np.average(targets, 0, weights), *np.quantile(targets, np.linspace(0, 1, 21), axis=0)]
    # As training has them: for float64 a kernel would be compiled.
    answers = np.array(answers, targets.dtype if targets.dtype.kind == "f" else np.float64)
    return min(loss(np.tile(each, (len(targets), 1)), targets, weights / weights.sum())[0] for each in answers)
