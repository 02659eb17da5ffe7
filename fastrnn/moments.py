"""Mean and scale of numbers, whatever their unit: neither a mean nor a square overflows or vanishes."""

from functools import partial, reduce
from itertools import chain
from math import sqrt
from operator import add

import numpy as np

from fastrnn.kernels.caching import njit
from fastrnn.kernels.vectors import OPTIONS

MEMORY = 300
"""Of a stream's numbers, after which running moments begin to forget."""
ROUNDING = 10 * np.finfo(np.float64).eps
"""Of a mean: what deviates less from it is constant, and was rounded."""
NEAR = 0.02
"""What is so near to the mean 0 and the deviation 1 was standardised by who brought it, and keeps its bits.

Not much further away: it is read in another scale than x + 100, and training goes another way.  At 0.05 that was 0.008
of the accuracy on ItalyPowerDemand, whose 24 steps deviate by 0.979.
"""


def alone(part, merge):
    """What all parts of the data say together, where `part` is what its only one says, or a function that tells it."""
    return merge([part() if callable(part) else part])


def added(parts):
    """Sums of what stands at the same place of each part, in the order of these."""
    return [reduce(add, same) for same in zip(*parts, strict=True)]


def moments(blocks, *, is_centred=True, spares_ready=False, has_holes=False, agreed=alone):
    """The mean and the scale of each column, (K,), to take off and to divide by.

    Parameters
    ----------
    blocks : iterable
        Rows (R, K) of float64 with weights (R,) of which none is 0, some rows at a time.
    is_centred : bool
        The scale is the standard deviation; else the root mean square, beside a mean of 0.
    spares_ready : bool
        A column of nothing but 0 and 1, or one that is nearly standardised, stays as it is: mean 0, scale 1.
    has_holes : bool
        What is NaN does not count; a column of nothing else has the scale NaN.
    agreed : callable
        As `alone`; others know of blocks that are elsewhere.

    A column that does not change has the scale 1.  What is no finite number leaves a scale of infinity.
    """
    options = is_centred, spares_ready
    return agreed(partial(_of_blocks, blocks, *options, has_holes), partial(_of_all, *options))


def _of_blocks(blocks, is_centred, spares_ready, has_holes):
    """Of each block its weight, that of each column if it has holes, mean and deviation; and which are all 0 and 1."""
    parts, is_flag = [], spares_ready
    for x, weights in blocks:
        columns = np.ascontiguousarray(x.T)  # sums run along the rows
        if has_holes:
            is_there = ~np.isnan(columns)
            columns, weights = np.where(is_there, columns, 0.0), weights * is_there
        parts.append((weights.sum(axis=-1), *_about(columns, weights, is_centred)))
        if np.any(is_flag):
            is_flag = is_flag & ((columns == 0) | (columns == 1)).all(axis=1)
    return parts, is_flag


def _of_all(is_centred, spares_ready, found):
    """The mean and the scale, of what was found in all parts of the data."""
    blocks, are_flags = zip(*found, strict=True)
    parts, is_flag = [*chain.from_iterable(blocks)], reduce(np.logical_and, are_flags)
    weights, means, rests, deviations = (np.array(part).T for part in zip(*parts, strict=True))
    mean, rest, between = _about(means, weights, is_centred, rests)
    *_, within = _about(deviations, weights, is_centred=False)
    mean += rest
    deviation = np.hypot(between, within)
    scale = np.where(deviation > ROUNDING * np.abs(mean), deviation, 1.0)  # 1 where only rounding moves the numbers
    if spares_ready:
        is_ready = is_flag | (np.abs(mean) <= NEAR) & (np.abs(scale - 1.0) <= NEAR)
        mean[is_ready], scale[is_ready] = 0.0, 1.0
    return mean, np.where(weights.any(axis=-1), scale, np.nan)


def unit_of(largest):
    """A power of two, by which numbers up to `largest` are divided so that their squares are numbers; this is exact."""
    return np.ldexp(1.0, np.frexp(largest)[1] - 1)


def r_squared(targets, predicted, weights=None):
    """R^2 of targets (n,) or (n, K), to the bit scikit-learn's where that can square them."""
    unit = unit_of(np.abs(targets).max(axis=0))
    from sklearn.metrics import r2_score

    return r2_score(targets / unit, predicted / unit, sample_weight=weights)


def running_scale(x, season, power):
    """The mean |x_t - x_(t - season)|**power of the first season + 1, season + 2, ... steps; NaN if none changes."""
    scale = (np.abs(x[season:] - x[:-season]) ** power).cumsum(axis=0)
    scale = (scale.T / np.arange(1, len(scale) + 1)).T
    # Values that repeat but for rounding would give scores of 1e15.
    size = np.maximum.accumulate(np.abs(x), axis=0)[season:]
    return np.where(scale ** (1 / power) > np.finfo(float).eps * size, scale, np.nan)


def none_yet(n):
    """Running moments: how many rows of n numbers came, mean and deviation of each, and whether all were 0 or 1."""
    return 0, np.zeros(n), np.zeros(n), np.ones(n, bool)


@njit(**OPTIONS)
def running(n, mean, deviation, x, memory):
    """The first three of them once x has come, of about the last `memory`: Welford, Technometrics 4(3), 1962."""
    n = min(n, memory - 1)
    apart = x - mean
    return n + 1, mean + apart / (n + 1), np.hypot(deviation * sqrt(n / (n + 1)), apart * (sqrt(n) / (n + 1)))


@njit(**OPTIONS)
def run_on(out, new_mean, new_deviation, new_is_flag, n, mean, deviation, is_flag, x, memory):
    """Running moments (K,) once x (K,) has come, and x in their unit; columns of flags stay.  Returns their number."""
    count = n
    for k in range(x.size):
        count, new_mean[k], new_deviation[k] = running(n, mean[k], deviation[k], x[k], memory)
        new_is_flag[k] = is_flag[k] and (x[k] == 0 or x[k] == 1)
        scale = new_deviation[k] if new_deviation[k] > ROUNDING * abs(new_mean[k]) else 1.0
        out[k] = x[k] if new_is_flag[k] else (x[k] - new_mean[k]) / scale
    return count


def _about(columns, weights, is_centred, beside=0.0):
    """Of each column, a row of (K, R), the mean, what rounding took from it, and the deviation from both, or from 0.

    To the numbers belongs what stands `beside` them, which rounding has taken from means.
    """
    largest = np.abs(columns).max(axis=1, keepdims=True)
    if not np.isfinite(largest).all():
        return *np.zeros((2, len(columns))), np.full(len(columns), np.inf)
    total = weights.sum(axis=-1, keepdims=True)  # of a column of holes 0
    unit, shares = unit_of(largest), weights / np.where(total > 0, total, 1.0)
    mean, rest, apart = 0.0, 0.0, columns / unit
    if is_centred:
        mean = (apart * shares).sum(axis=1, keepdims=True)
        apart -= mean
        apart += beside / unit
        rest = (apart * shares).sum(axis=1, keepdims=True)
        apart -= rest
    apart *= apart
    apart *= shares
    return *((part * unit)[:, 0] for part in (mean, rest)), np.sqrt(apart.sum(axis=1)) * unit[:, 0]
