"""Optimisers: one step each on the flat vector of parameters, in place."""

from math import sqrt

import numpy as np
from numba import float64

from fastrnn.kernels.caching import njit
from fastrnn.kernels.vectors import OPTIONS


class Optimizer:
    """A rule with its memory: two vectors like theta and the number of steps taken.

    Parameters
    ----------
    name : {"adam", "adamw", "sgd", "rmsprop"}
    size, dtype
        Of theta.
    momentum : float
        Of sgd.
    nesterov : bool
        Of sgd.
    """

    def __init__(self, name, size, dtype, momentum=0.9, nesterov=True):
        self.name, self.momentum, self.nesterov = name, momentum, nesterov
        self.first, self.second = np.zeros((2, size), dtype)
        self.n_steps = 0

    def step(self, theta, gradient, rate):
        """Move theta against the gradient."""
        self.n_steps += 1
        if self.name == "sgd":
            sgd(theta, gradient, self.first, rate, self.momentum, self.nesterov)
        elif self.name == "rmsprop":
            rmsprop(theta, gradient, self.second, rate)
        else:
            adam(theta, gradient, self.first, self.second, rate, self.n_steps)


@njit(**OPTIONS)
def adam(theta, gradient, mean, square, rate, n):
    """Kingma and Ba, ICLR 2015, with its published constants."""
    one = theta.dtype.type(1)
    b1, b2, tiny = theta.dtype.type(0.9), theta.dtype.type(0.999), theta.dtype.type(1e-8)
    step = theta.dtype.type(rate / (1 - 0.9**n))
    scale = theta.dtype.type(1 / sqrt(1 - 0.999**n))
    for k in range(theta.size):
        mean[k] = b1 * mean[k] + (one - b1) * gradient[k]
        square[k] = b2 * square[k] + (one - b2) * gradient[k] * gradient[k]
        theta[k] -= step * mean[k] / (np.sqrt(square[k]) * scale + tiny)


@njit(**OPTIONS)
def rmsprop(theta, gradient, square, rate):
    """Tieleman and Hinton 2012, with PyTorch's constant 0.99."""
    decay, tiny = theta.dtype.type(0.99), theta.dtype.type(1e-8)
    step, one = theta.dtype.type(rate), theta.dtype.type(1)
    for k in range(theta.size):
        square[k] = decay * square[k] + (one - decay) * gradient[k] * gradient[k]
        theta[k] -= step * gradient[k] / (np.sqrt(square[k]) + tiny)


@njit(**OPTIONS)
def sgd(theta, gradient, velocity, rate, momentum, nesterov):
    """Momentum of Polyak 1964, or Nesterov's in the form of Sutskever et al. 2013."""
    step, m = theta.dtype.type(rate), theta.dtype.type(momentum)
    for k in range(theta.size):
        velocity[k] = m * velocity[k] - step * gradient[k]
        theta[k] += m * velocity[k] - step * gradient[k] if nesterov else velocity[k]


@njit(**OPTIONS)
def decay(theta, share, decays):
    """theta -= share * theta where `decays`: decoupled decay (Loshchilov and Hutter 2019)."""
    for k in range(theta.size):
        theta[k] -= theta.dtype.type(share) * theta[k] * decays[k]


@njit(**OPTIONS)
def add_penalty(gradient, theta, alpha, decays):
    """gradient += alpha theta where `decays`; returns alpha / 2 times the sum of their squares."""
    factor, total = theta.dtype.type(alpha), 0.0
    for k in range(theta.size):
        gradient[k] += factor * theta[k] * decays[k]
        total += theta[k] * theta[k] * decays[k]
    return 0.5 * alpha * total


@njit(**OPTIONS)
def norm(vector):
    """The Euclidean norm; in eight sums in a fixed order, so that its bits depend on nothing else.

    The sums are of float64: squares of float32 overflow from 2e19 on.
    """
    sums = np.zeros(8)
    for k in range(vector.size):
        sums[k % 8] += float64(vector[k]) ** 2
    return sqrt(sums.sum())


def clip(gradient, clip_norm, clip_value):
    """Hold elements to +-clip_value, then the norm to `clip_norm` (Pascanu et al. 2013)."""
    if clip_value is not None:
        np.clip(gradient, -clip_value, clip_value, out=gradient)
    if clip_norm is not None:
        size = norm(gradient)
        if size > clip_norm:
            gradient *= gradient.dtype.type(clip_norm / size)
