"""Optimisers: one step each on the flat vector of parameters, in place."""

from math import sqrt

import numpy as np

from fastrnn.kernels.caching import njit
from fastrnn.kernels.vectors import OPTIONS, zeros_aligned
from fastrnn.programs import Program, Standing

BLOCK = 2**17
"""Parameters whose sums are formed together; one thread's piece of work."""
RATE, ALPHA, DECAY, CLIP_VALUE, CLIP_NORM, MOMENTUM, NESTEROV, OF_MEAN, OF_SQUARE, SCALE, PENALTY, N_NUMBERS = range(12)
"""What the kernels are told, and tell, beside the vectors; OF_MEAN and OF_SQUARE are what Adam's estimates lack."""
COLUMNS = 256
"""Of which each has a sum of its own: the squares of a row are vectors then."""
ROOM = 8
"""Before these for the two sums of all, a cache line."""
WORK = 5
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
        self.first, self.second = (zeros_aligned((size,), dtype) for _ in range(2))  # else a step takes twice as long
        self.n_steps = 0

    def recall(self, first, second, n_steps):
        """Go on from another's memory."""
        self.first[:], self.second[:], self.n_steps = first, second, n_steps

    def forget(self):
        """Begin anew."""
        self.first[:], self.second[:], self.n_steps = 0, 0, 0


class Sweeps:
    """What goes over all parameters, in blocks that threads share; where the vectors lie is noted once.

    Parameters
    ----------
    network
        Has theta and gradient (size,), and decays (size,), 1 for each parameter that decays, else 0.
    optimizer : Optimizer, optional
        Without one theta stays where it is.
    """

    def __init__(self, network, optimizer=None):
        self._optimizer, self.numbers, theta = optimizer, np.zeros(N_NUMBERS), network.theta
        p, n_blocks = Program(theta.dtype), -(-theta.size // BLOCK)
        sums = zeros_aligned((n_blocks, ROOM + COLUMNS), np.float64)
        vectors = theta, network.gradient, network.decays, self.numbers
        p.share(measure, sums, *vectors, tasks=n_blocks)
        p.call(settle, sums, self.numbers)
        if optimizer is not None:
            p.share(RULES[optimizer.name], *vectors, optimizer.first, optimizer.second, tasks=n_blocks)
        self.calls = Standing(p, WORK * theta.size)

    def step(self, rate=0.0, alpha=0.0, decay=0.0, clip_norm=None, clip_value=None):
        """Add to the gradient, clip it, and move theta against it; returns the penalty.

        Added is the gradient of alpha / 2 times the sum of squares of what decays.  Elements are held to +-clip_value,
        then the norm to `clip_norm` (Pascanu et al. 2013).  Before theta moves, `decay` of what decays is taken off it.
        """
        self.numbers[:SCALE] = self.rule(rate, alpha, decay, clip_norm, clip_value)
        if self.calls.run():
            raise MemoryError("there is no memory for the sums over a network's parameters")
        return float(self.numbers[PENALTY])

    def rule(self, rate=0.0, alpha=0.0, decay=0.0, clip_norm=None, clip_value=None):
        """What the next step's kernels are told."""
        o, rule = self._optimizer, (0.0, 0.0, 1.0, 1.0)
        if o is not None:
            o.n_steps += 1
            rule = o.momentum, o.nesterov, 1 - 0.9**o.n_steps, sqrt(1 - 0.999**o.n_steps)
        return rate, alpha, decay, clip_value or np.inf, clip_norm or np.inf, *rule


def norm(vector):
    """The Euclidean norm; in sums of float64 in a fixed order, so that its bits depend on nothing else."""
    return sqrt(_squares(np.empty(COLUMNS), vector, None))


# NumPy's own sums and new arrays take longer to compile than what is made of them.


@njit(**OPTIONS)
def _total(numbers):
    total = 0.0
    for k in range(numbers.size):
        total += numbers[k]
    return total


@njit(**OPTIONS, unrolls=True)
def _squares(columns, vector, factors):
    """Their sum, in float64, of a vector times factors, or None; `columns` (COLUMNS,) is overwritten."""
    for k in range(columns.size):
        columns[k] = 0
    for first in range(0, vector.size, COLUMNS):
        row = vector[first : first + COLUMNS]
        if factors is None:
            for k in range(row.size):
                columns[k] += np.float64(row[k]) * np.float64(row[k])
        else:
            of_row = factors[first : first + COLUMNS]
            for k in range(row.size):
                x = np.float64(row[k] * of_row[k])
                columns[k] += x * x
    return _total(columns)


@njit(**OPTIONS, unrolls=True)
def measure(sums, theta, gradient, decays, numbers, task):
    """Penalty and clipping of one block.

    sums (blocks, ROOM + COLUMNS) get those of squares, of what decays and of a gradient to be clipped, in float64:
    squares of float32 overflow from 2e19 on.
    """
    alpha, limit = theta.dtype.type(numbers[ALPHA]), theta.dtype.type(numbers[CLIP_VALUE])
    # Loops from 0 are made of vectors, those from elsewhere are not: an index might be one from the end.
    block = slice(task * BLOCK, min((task + 1) * BLOCK, theta.size))
    theta, gradient, decays = theta[block], gradient[block], decays[block]
    if alpha != 0:
        for k in range(theta.size):
            gradient[k] += alpha * theta[k] * decays[k]
    if limit < np.inf:
        for k in range(theta.size):
            if abs(gradient[k]) > limit:  # NaN is not
                gradient[k] = np.copysign(limit, gradient[k])
    sums[task, 0] = _squares(sums[task, ROOM:], theta, decays) if alpha != 0 else 0.0
    sums[task, 1] = _squares(sums[task, ROOM:], gradient, None) if numbers[CLIP_NORM] < np.inf else 0.0


@njit(**OPTIONS)
def settle(sums, numbers):
    """The penalty, and what to scale the gradient with."""
    size = np.sqrt(_total(sums[:, 1]))
    numbers[PENALTY] = 0.5 * numbers[ALPHA] * _total(sums[:, 0])
    numbers[SCALE] = numbers[CLIP_NORM] / size if size > numbers[CLIP_NORM] else 1.0


@njit(**OPTIONS)
def _adam(theta, gradient, mean, square, numbers):
    """Kingma and Ba, ICLR 2015, with its published constants."""
    one = theta.dtype.type(1)
    b1, b2, tiny = theta.dtype.type(0.9), theta.dtype.type(0.999), theta.dtype.type(1e-8)
    step, scale = theta.dtype.type(numbers[RATE] / numbers[OF_MEAN]), theta.dtype.type(1 / numbers[OF_SQUARE])
    for k in range(theta.size):
        mean[k] = b1 * mean[k] + (one - b1) * gradient[k]
        square[k] = b2 * square[k] + (one - b2) * gradient[k] * gradient[k]
        theta[k] -= step * mean[k] / (np.sqrt(square[k]) * scale + tiny)


@njit(**OPTIONS)
def _rmsprop(theta, gradient, _, square, numbers):
    """Tieleman and Hinton 2012, with PyTorch's constant 0.99."""
    decay, tiny = theta.dtype.type(0.99), theta.dtype.type(1e-8)
    step, one = theta.dtype.type(numbers[RATE]), theta.dtype.type(1)
    for k in range(theta.size):
        square[k] = decay * square[k] + (one - decay) * gradient[k] * gradient[k]
        theta[k] -= step * gradient[k] / (np.sqrt(square[k]) + tiny)


@njit(**OPTIONS)
def _sgd(theta, gradient, velocity, _, numbers):
    """Momentum of Polyak 1964, or Nesterov's in the form of Sutskever et al. 2013."""
    step, m = theta.dtype.type(numbers[RATE]), theta.dtype.type(numbers[MOMENTUM])
    for k in range(theta.size):
        velocity[k] = m * velocity[k] - step * gradient[k]
        theta[k] += m * velocity[k] - step * gradient[k] if numbers[NESTEROV] else velocity[k]


def _sweep(rule):
    """A kernel: one block of an optimiser's step, decoupled decay (Loshchilov and Hutter 2019) and a rule."""

    @njit(**OPTIONS)
    def sweep(theta, gradient, decays, numbers, first, second, task):
        block = slice(task * BLOCK, min((task + 1) * BLOCK, theta.size))  # as in `measure`
        theta, gradient, decays = theta[block], gradient[block], decays[block]
        first, second = first[block], second[block]
        scale, decay = theta.dtype.type(numbers[SCALE]), theta.dtype.type(numbers[DECAY])
        if scale != 1:
            for k in range(theta.size):
                gradient[k] *= scale
        if decay != 0:
            for k in range(theta.size):
                theta[k] -= decay * theta[k] * decays[k]
        rule(theta, gradient, first, second, numbers)

    return sweep


RULES = {"adam": _sweep(_adam), "sgd": _sweep(_sgd), "rmsprop": _sweep(_rmsprop)}
RULES["adamw"] = RULES["adam"]
