"""Optimisers: one step each on the flat vector of parameters, in place."""

from math import sqrt

import numpy as np

from fastrnn.kernels.caching import njit
from fastrnn.kernels.vectors import OPTIONS
from fastrnn.programs import run_tasks

RULES = {"adam": 0, "adamw": 0, "sgd": 1, "rmsprop": 2}
BLOCK = 2**15
"""Parameters whose sums are formed together; one thread's piece of work."""
COLUMNS = 256
"""Of which each has a sum of its own: the squares of a row are vectors then."""
WORK = 40
"""What a step costs for each parameter, as multiply-adds."""


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

    def step(self, theta, gradient, rate, scale=1.0, decays=None, decay=0.0):
        """Move theta against `scale` times the gradient; before, take the share `decay` off it where it `decays`."""
        self.n_steps += 1
        n = self.n_steps
        numbers = np.array([rate, scale, decay, self.momentum, self.nesterov, 1 - 0.9**n, sqrt(1 - 0.999**n)])
        vectors = theta, gradient, self.first, self.second, theta if decays is None else decays
        _in_blocks(sweep, theta.size, (*vectors, numbers, RULES[self.name]))


def penalise(theta, gradient, decays, alpha, clip_norm, clip_value):
    """Add the gradient of alpha / 2 times the sum of squares where theta `decays`, and hold elements to +-clip_value.

    Returns the penalty, and what to scale the gradient with to hold its norm to `clip_norm` (Pascanu et al. 2013).
    """
    squares, size = _measured(gradient, theta, decays, alpha, np.inf if clip_value is None else clip_value)
    return 0.5 * alpha * squares, clip_norm / size if clip_norm is not None and size > clip_norm else 1.0


def norm(vector):
    """The Euclidean norm; in sums of float64 in a fixed order, so that its bits depend on nothing else."""
    if vector.size <= BLOCK:
        return sqrt(_squares(vector))
    return _measured(vector, vector, vector, 0.0, np.inf)[1]


def _measured(gradient, theta, decays, alpha, limit):
    """The sum of squares of what decays, and the gradient's norm then: the totals of `measure`."""
    sums = np.zeros((-(-theta.size // BLOCK), 2))
    _in_blocks(measure, theta.size, (sums, gradient, theta, decays, np.array([alpha, limit])))
    squares, of_gradient = sums[0] if len(sums) == 1 else sums.sum(axis=0)
    return float(squares), sqrt(of_gradient)


def _in_blocks(kernel, size, arguments):
    if size <= BLOCK:
        kernel(*arguments, 0)
    else:
        run_tasks(kernel, -(-size // BLOCK), arguments, WORK * size)


@njit(**OPTIONS, unrolls=True)
def _squares(vector):
    """Their sum, in float64."""
    total, of_all = np.zeros(COLUMNS), 0.0
    for first in range(0, vector.size, COLUMNS):
        row = vector[first : first + COLUMNS]
        for k in range(row.size):
            x = np.float64(row[k])
            total[k] += x * x
    for j in range(COLUMNS):
        of_all += total[j]
    return of_all


@njit(**OPTIONS, unrolls=True)
def measure(sums, gradient, theta, decays, numbers, task):
    """One block of `penalise`: sums (blocks, 2) of the squares of what decays, and of the gradient then.

    The sums are of float64: squares of float32 overflow from 2e19 on.
    """
    alpha, limit = theta.dtype.type(numbers[0]), theta.dtype.type(numbers[1])
    # Loops from 0 are made of vectors, those from elsewhere are not: an index might be one from the end.
    block = slice(task * BLOCK, min((task + 1) * BLOCK, theta.size))
    gradient, theta, decays = gradient[block], theta[block], decays[block]
    if alpha != 0:
        for k in range(theta.size):
            gradient[k] += alpha * theta[k] * decays[k]
            sums[task, 0] += theta[k] * theta[k] * decays[k]
    if limit < np.inf:
        for k in range(theta.size):
            if abs(gradient[k]) > limit:  # NaN is not
                gradient[k] = np.copysign(limit, gradient[k])
    sums[task, 1] = _squares(gradient)


@njit(**OPTIONS)
def sweep(theta, gradient, first, second, decays, numbers, rule, task):
    """One block of `Optimizer.step`: decoupled decay (Loshchilov and Hutter 2019), and a rule of `RULES`."""
    block = slice(task * BLOCK, min((task + 1) * BLOCK, theta.size))  # as in `measure`
    theta, gradient, first, second, decays = theta[block], gradient[block], first[block], second[block], decays[block]
    scale, decay = theta.dtype.type(numbers[1]), theta.dtype.type(numbers[2])
    if scale != 1:
        for k in range(theta.size):
            gradient[k] *= scale
    if decay != 0:
        for k in range(theta.size):
            theta[k] -= decay * theta[k] * decays[k]
    if rule == 0:
        _adam(theta, gradient, first, second, numbers)
    elif rule == 1:
        _sgd(theta, gradient, first, numbers)
    else:
        _rmsprop(theta, gradient, second, numbers)


@njit(**OPTIONS)
def _adam(theta, gradient, mean, square, numbers):
    """Kingma and Ba, ICLR 2015, with its published constants."""
    one = theta.dtype.type(1)
    b1, b2, tiny = theta.dtype.type(0.9), theta.dtype.type(0.999), theta.dtype.type(1e-8)
    step, scale = theta.dtype.type(numbers[0] / numbers[5]), theta.dtype.type(1 / numbers[6])
    for k in range(theta.size):
        mean[k] = b1 * mean[k] + (one - b1) * gradient[k]
        square[k] = b2 * square[k] + (one - b2) * gradient[k] * gradient[k]
        theta[k] -= step * mean[k] / (np.sqrt(square[k]) * scale + tiny)


@njit(**OPTIONS)
def _rmsprop(theta, gradient, square, numbers):
    """Tieleman and Hinton 2012, with PyTorch's constant 0.99."""
    decay, tiny = theta.dtype.type(0.99), theta.dtype.type(1e-8)
    step, one = theta.dtype.type(numbers[0]), theta.dtype.type(1)
    for k in range(theta.size):
        square[k] = decay * square[k] + (one - decay) * gradient[k] * gradient[k]
        theta[k] -= step * gradient[k] / (np.sqrt(square[k]) + tiny)


@njit(**OPTIONS)
def _sgd(theta, gradient, velocity, numbers):
    """Momentum of Polyak 1964, or Nesterov's in the form of Sutskever et al. 2013."""
    step, m = theta.dtype.type(numbers[0]), theta.dtype.type(numbers[3])
    for k in range(theta.size):
        velocity[k] = m * velocity[k] - step * gradient[k]
        theta[k] += m * velocity[k] - step * gradient[k] if numbers[4] else velocity[k]
