"""Steps in which numbers are missing, NaN, and that come at times of their own.

A hole is read as 0 in units of mean and deviation, the mean then, or as what was last there; and flags beside the
numbers may say which are there, and ages how long ago they were.  Of times what counts is the time since the step
before, the gap, which is 1 without times.
"""

import numpy as np

from fastrnn.kernels.caching import njit
from fastrnn.kernels.rows import BAD_INPUT, refuse
from fastrnn.kernels.subnormals import heed, restore
from fastrnn.kernels.vectors import OPTIONS

BAD_TIME = 3
"""Why a step of a stream has ended before its answer, beside those of `rows`."""


@njit(**OPTIONS)
def fill_row(out, row, before, place, x, clock, gap, mean, scale, n_carried, flagged, has_ages):
    """out[row] (K + M,) = x[row] (K,), with the gap in place of the time, less `mean`, over `scale`, in float64.

    Where x is NaN, the first `n_carried` columns stay as in before[place] (K + M,), and others are 0; holes stay if
    `n_carried` is negative.  For each of the columns `flagged` (M,) there follows 1 if x has a number, else 0; and then
    if it `has_ages`, (K + 2 M,), the time since the last step that had one, which counts from the beginning.
    """
    K, M = x.shape[1], flagged.size
    for k in range(K):
        value = gap if k == clock else x[row, k]
        if value == value or n_carried < 0:
            out[row, k] = (value - mean[k]) / scale[k]
        elif k < n_carried:
            out[row, k] = before[place, k]
        else:
            out[row, k] = 0
    for m in range(M):
        out[row, K + m] = 1 if x[row, flagged[m]] == x[row, flagged[m]] else 0
        if has_ages:
            age = K + M + m
            out[row, age] = gap / scale[age] + (0.0 if before[place, K + m] else before[place, age])


@njit(**OPTIONS)
def fill_rows(out, x, begins, clock, mean, scale, n_carried, flagged, has_ages):
    """`fill_row` for all rows of sequences, which begin at `begins` (n + 1,); gaps are in x already."""
    nothing = np.zeros((1, out.shape[1]), out.dtype)
    for q in range(begins.size - 1):
        fill_row(out, begins[q], nothing, 0, x, clock, 0.0, mean, scale, n_carried, flagged, has_ages)
        for row in range(begins[q] + 1, begins[q + 1]):
            gap = x[row, clock] if clock >= 0 else 1.0
            fill_row(out, row, out, row - 1, x, clock, gap, mean, scale, n_carried, flagged, has_ages)


@njit(**OPTIONS)
def hide(out, x, begins, hidden, n, n_carried, flagged, has_ages):
    """out (S, .) = x, rows of `fill_rows`, as if numbers were missing that are there: the `hidden` ones.

    hidden is (S, M), of the flagged columns; behind the first n columns there may be what these have changed by.
    """
    K, M = x.shape[1] - flagged.size * (1 + has_ages), flagged.size
    for q in range(begins.size - 1):
        for row in range(begins[q], begins[q + 1]):
            is_first = row == begins[q]
            out[row] = x[row]
            for m in range(M):
                k, flag, age = flagged[m], K + m, K + M + m
                if hidden[row, m] and x[row, flag] > 0:
                    out[row, flag] = 0
                if out[row, flag] == 0:
                    out[row, k] = out[row - 1, k] if k < n_carried and not is_first else 0
                if K > n and (out[row, flag] == 0 or (not is_first and out[row - 1, flag] == 0)):
                    out[row, n + k] = 0
                if has_ages and not is_first:
                    gap = x[row, age] - (0 if x[row - 1, flag] > 0 else x[row - 1, age])
                    out[row, age] = gap + (0 if out[row - 1, flag] > 0 else out[row - 1, age])


@njit(**OPTIONS)
def take_step(x, seen, times, given, clock, mean, scale, n_carried, flagged, has_ages, count, status):
    """As `rows.take_step`, of steps with holes: x (n, .) from given (n, K), whose column `clock` has the time.

    Of the step before there is what was read, seen (n, .), and when it was, times (n,).  Raises likewise, and with
    BAD_TIME if times go back or are not finite.
    """
    status[0], mode = 0, heed()
    for q in range(times.size):
        gap = 1.0 if count[0] else 0.0
        if clock >= 0:
            time = given[q, clock]
            gap = time - (times[q] if count[0] else time)
            if not gap >= 0:
                status[0] = BAD_TIME
        fill_row(x, q, seen, q, given, clock, gap, mean, scale, n_carried, flagged, has_ages)
    restore(mode)
    if status[0]:
        raise ValueError
    refuse(x, status, BAD_INPUT)
    for q in range(times.size):
        times[q] = given[q, clock] if clock >= 0 else 0.0
        for k in range(x.shape[1]):
            seen[q, k] = x[q, k]
    count[0] += 1
