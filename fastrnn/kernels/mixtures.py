"""Mixtures of Gaussians: the -log density of numbers, its gradient, and what outputs say in the numbers' units.

Of one mixture of K components over N numbers the outputs lie kind by kind, K of each (Bishop 1994; Graves 2013, eqs
15-25): logarithms of weights before softmax, N times means, N times scales before softplus, and of a correlated pair
(N = 2) correlations before tanh.  A component's density is, with z = (number - mean) / scale,

    prod_n exp(-z_n**2 / 2) / (sqrt(2 pi) scale_n),    scale_n = softplus(output) + LEAST_SCALE

and of a correlated pair the second z is (z_2 - r z_1) / sqrt(1 - r**2), and its scale times that root; r is
LARGEST_CORRELATION tanh(output).  All goes by logarithms, so that no density is too small a number.  The slopes are
those of the components times their responsibilities, which are the softmax of their logarithms.
"""

import numpy as np

from fastrnn.kernels.activations import exp, log, tanh
from fastrnn.kernels.caching import njit
from fastrnn.kernels.losses import LEAST_SCALE, OF_NORMAL, of_labels, softplus
from fastrnn.kernels.softmax import softmax
from fastrnn.kernels.subnormals import heed, restore
from fastrnn.kernels.vectors import OPTIONS, at, lanes, load_some, store_some

LARGEST_CORRELATION = 0.999
"""So that a pair has a density of its own, and none on a line."""


@njit(**OPTIONS)
def mixture(d_outputs, losses, outputs, targets, weights, constants, K):
    """-log density, the mean over D mixtures, and of B labels -log of their logistic probabilities, the sum of both.

    constants are K and N of each mixture, whether its pair is correlated, and B.  Targets (R, D N + B) are numbers,
    then labels; the outputs (R, W) of all mixtures come before those of the labels.
    """
    n_components, N, is_pair, B = int(constants[0]), int(constants[1]), constants[2] > 0, int(constants[3])
    W, M, width = outputs.shape[1], targets.size // losses.size, n_components * (1 + 2 * N + is_pair)
    D, last = (K - B) // width, K - B
    for row in range(losses.size):
        d, x, t, total = at(d_outputs, row * W), at(outputs, row * W), at(targets, row * M), 0.0
        for j in range(D):
            own = at(d, j * width), at(x, j * width), at(t, j * N)
            total += _of_one(*own, weights[row] / D, n_components, N, is_pair)
        of_rest = of_labels(at(d, last), at(x, last), at(t, D * N), weights[row], constants, B, 1, W - last)
        losses[row] = total / D + of_rest


@njit(**OPTIONS)
def _of_one(d, x, t, factor, K, N, is_pair):
    """The loss of one mixture, and its slopes times a factor."""
    most, log_sum = softmax(d, x, K)
    for k in range(0, K, lanes(x)):
        total = load_some(x, k, K - k) - most - log_sum
        before = total
        for n in range(N):
            z, scale, _ = _of_number(x, t, n, k, K, N)
            if is_pair and n == 1:
                z, _, root = _of_pair(x, before, z, k, K)
                scale = scale * root
            before, total = z, total - (0.5 * z * z + log(scale))
        store_some(d, K + k, total, K - k)  # where the first means' slopes will be
    most, log_sum = softmax(at(d, K), at(d, K), K)
    for k in range(0, K, lanes(x)):
        share = load_some(d, K + k, K - k) * factor
        store_some(d, k, load_some(d, k, K - k) * factor - share, K - k)
        if is_pair:
            _slopes_of_pair(d, x, t, share, k, K)
        else:
            for n in range(N):
                number = _of_number(x, t, n, k, K, N)
                _store_slopes(d, share, number, number[0], n, k, K, N)
    return N * OF_NORMAL - most - log_sum


@njit(**OPTIONS)
def _of_number(x, t, n, k, K, N):
    """z of the n-th number under the components from k on, their scales, and the slopes of these."""
    scale, d_scale = softplus(load_some(x, (1 + N + n) * K + k, K - k), LEAST_SCALE)
    return (t[n] - load_some(x, (1 + n) * K + k, K - k)) / scale, scale, d_scale


@njit(**OPTIONS)
def _of_pair(x, first, second, k, K):
    """What the first z leaves of the second, r / LARGEST_CORRELATION, and the root of 1 - r**2."""
    y = tanh(load_some(x, 5 * K + k, K - k))
    r = y * LARGEST_CORRELATION
    root = exp(0.5 * log((1.0 - r) * (1.0 + r)))
    return (second - r * first) / root, y, root


@njit(**OPTIONS)
def _slopes_of_pair(d, x, t, share, k, K):
    first, second = _of_number(x, t, 0, k, K, 2), _of_number(x, t, 1, k, K, 2)
    rest, y, root = _of_pair(x, first[0], second[0], k, K)
    r = y * LARGEST_CORRELATION
    _store_slopes(d, share, first, first[0] - rest * r / root, 0, k, K, 2)
    _store_slopes(d, share, second, rest / root, 1, k, K, 2)
    slope = rest * first[0] / root + (1.0 - rest * rest) * r / (root * root)
    store_some(d, 5 * K + k, share * slope * (y * y - 1.0) * LARGEST_CORRELATION, K - k)


@njit(**OPTIONS)
def _store_slopes(d, share, number, slope, n, k, K, N):
    """Of means and scales, from what their components have a share in, and the slope in z."""
    z, scale, d_scale = number
    store_some(d, (1 + n) * K + k, 0.0 - share * slope / scale, K - k)
    store_some(d, (1 + N + n) * K + k, share * (1.0 - slope * z) / scale * d_scale, K - k)


@njit(**OPTIONS)
def mixture_rows(said, outputs, shape, mean, scale):
    """said (n, P) = what outputs (n, >= P) of a mixture over N numbers, and of labels, say in the units of the numbers.

    That is, in the order of the outputs: weights, means, scales, correlations, and probabilities of labels.  shape is
    K, N and whether a pair is correlated; mean and scale (N,) are the numbers'.
    """
    K, N, is_pair = int(shape[0]), int(shape[1]), shape[2] > 0
    P, of_numbers, mode = said.shape[1], K * (1 + 2 * N + is_pair), heed()
    for row in range(said.shape[0]):
        for k in range(P):
            said[row, k] = outputs[row, k]
        if K > 0:
            softmax(at(said, row * P), at(said, row * P), K)
        for n in range(N):
            for k in range(K + n * K, 2 * K + n * K):
                raw = said[row, k + N * K]
                said[row, k] = said[row, k] * scale[n] + mean[n]
                spread = max(raw, 0.0) + np.log1p(np.exp(-abs(raw))) + LEAST_SCALE
                said[row, k + N * K] = spread * scale[n]
        for k in range((1 + 2 * N) * K, of_numbers):
            said[row, k] = LARGEST_CORRELATION * np.tanh(said[row, k])
        for k in range(of_numbers, P):
            said[row, k] = 1.0 / (1.0 + np.exp(-said[row, k]))
    restore(mode)
