"""Moving packed rows, dropping some of their elements, and pooling them over time.

Rows are those of `fastrnn.kernels.packing`: sums over time run in the order of time, so that a sequence's result does
not depend on its neighbours.
"""

import numpy as np

from fastrnn.kernels.caching import njit
from fastrnn.kernels.subnormals import heed, restore
from fastrnn.kernels.vectors import OPTIONS, at, lanes, load_some, store_some

BAD_INPUT, OVERFLOW = 1, 2
"""Why a step of a stream has ended before its answer."""


@njit(**OPTIONS)
def _copy(out, target, source, start, n, room):
    """The n elements from `start` on to `room` ones from `target` on, of which the others become zero."""
    for j in range(0, room, lanes(out)):
        store_some(out, target + j, load_some(source, start + j, n - j), room - j)


@njit(**OPTIONS)
def copy_rows(out, out_column, source, source_column, picked, width):
    """out[k, out_column:][:width] = source[picked[k], source_column:][:width]; all rows in order if picked is None."""
    for k in range(out.shape[0]):
        start = (k if picked is None else picked[k]) * source.shape[1] + source_column
        _copy(out, k * out.shape[1] + out_column, source, start, width, width)


@njit(**OPTIONS)
def spread_columns(out, picked, source, column, width):
    """out[picked[k], column:][:width] = source[k, column:][:width] for each k."""
    for k in range(picked.size):
        _copy(out, picked[k] * out.shape[1] + column, source, k * source.shape[1] + column, width, width)


@njit(**OPTIONS)
def scatter_add_rows(out, source, picked, n, width):
    """out[picked[k], :width] += source[k, :width] for each k of the first n, in order."""
    for k in range(n):
        target, start = picked[k] * out.shape[1], k * source.shape[1]
        for j in range(0, width, lanes(out)):
            some = width - j
            total = load_some(out, target + j, some) + load_some(source, start + j, some)
            store_some(out, target + j, total, some)


@njit(**OPTIONS)
def take(out, source, picked):
    """out[k] = source[picked[k]] for each k; k itself if picked is None."""
    for k in range(out.size):
        out[k] = source[k if picked is None else picked[k]]


@njit(**OPTIONS)
def take_columns(out, x, columns):
    """out[row, j] = x[row, columns[j]]."""
    for row in range(out.shape[0]):
        for j in range(columns.size):
            out[row, j] = x[row, columns[j]]


@njit(**OPTIONS)
def take_scaled(out, source, picked, factor):
    """out[k] = factor[0] source[picked[k]] for each k."""
    for k in range(out.size):
        out[k] = factor[0] * source[picked[k]]


@njit(**OPTIONS)
def clear(out, n_rows):
    """The first rows of each out[d], an array (D, n, W), to zero."""
    for d in range(out.shape[0]):
        row = at(out, d * out.shape[1] * out.shape[2])
        for j in range(n_rows * out.shape[2]):
            row[j] = 0


@njit(**OPTIONS)
def repeat_row(out, row):
    """Each row of out (n, W) = row (<= W,), and zeros."""
    for k in range(out.shape[0]):
        _copy(out, k * out.shape[1], row, 0, row.size, out.shape[1])


@njit(**OPTIONS)
def scale_rows(out, x, scale, offset):
    """out (n, K) = x (n, >= K) times scale, plus offset, both (K,), in float64."""
    mode = heed()
    for row in range(out.shape[0]):
        for k in range(out.shape[1]):
            out[row, k] = x[row, k] * scale[k] + offset[k]
    restore(mode)


@njit(**OPTIONS)
def standardise(out, x, mean, scale):
    """out = x less `mean`, over `scale`, in float64; out and x are many rows, which mean and scale (N,) go along."""
    N = mean.size
    for first in range(0, x.size, N):
        here, there = at(x, first), at(out, first)
        for j in range(min(N, x.size - first)):
            there[j] = (here[j] - mean[j]) / scale[j]


@njit(**OPTIONS)
def take_step(x, given, mean, scale, count, status):
    """x (n, I) = given (n, I) less `mean`, over `scale`, (I,), and one step more in count (1,).

    Raises if that is not finite in x's precision, BAD_INPUT in status (1,), and counts no step.
    """
    status[0], mode = 0, heed()
    standardise(x, given, mean, scale)
    restore(mode)
    refuse(x, status, BAD_INPUT)
    count[0] += 1


@njit(**OPTIONS)
def refuse(x, status, why):
    """Raise if some of x (n, K) is not finite, and say why in status (1,)."""
    for k in range(x.size):
        if not np.isfinite(at(x, 0)[k]):
            status[0] = why
    if status[0]:
        raise ValueError


@njit(**OPTIONS)
def _mixed(x):
    """A 64-bit number scrambled by the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(**OPTIONS)
def _row_bits(key, sequence, step):
    return _mixed(_mixed(_mixed(np.uint64(key)) + np.uint64(sequence)) + np.uint64(step))


@njit(**OPTIONS)
def _column_bits(of_row, first):
    """16 bits for each of four columns: mixing is what costs."""
    return _mixed(of_row + np.uint64(first // 4 + 1) * np.uint64(0x9E3779B97F4A7C15))


@njit(**OPTIONS)
def drop(out, x, key, level, sequences, places, steps, threshold):
    """out = x with elements set to zero, `threshold` of 2**16, and others scaled so that the mean stays as it was.

    x and out (n, F) may be the same.  Whether an element stays is a function of key + level, its sequence's number
    sequences[places[row]], its step `steps` (n,) and its column alone.  Each is mixed by itself: of a sum, the next
    key would give the next sequence's mask.
    """
    scale = x.dtype.type(2.0**16 / (2.0**16 - threshold))
    for s in range(x.shape[0]):
        of_row = _row_bits(key + level, sequences[places[s]], steps[s])
        row, out_row = at(x, s * x.shape[1]), at(out, s * x.shape[1])
        for first in range(0, x.shape[1], 4):
            bits = _column_bits(of_row, first)
            for j in range(first, min(first + 4, x.shape[1])):
                # A factor is chosen without a branch, which would be mispredicted.
                factor = scale if bits & np.uint64(0xFFFF) >= np.uint64(threshold) else x.dtype.type(0.0)
                out_row[j] = row[j] * factor
                bits >>= np.uint64(16)


@njit(**OPTIONS)
def pick(out, key, level, sequences, places, steps, threshold):
    """out (n, F) = 0 for `threshold` of 2**16 elements and 1 for the others, chosen as by `drop`."""
    for s in range(out.shape[0]):
        of_row, row = _row_bits(key + level, sequences[places[s]], steps[s]), at(out, s * out.shape[1])
        for first in range(0, out.shape[1], 4):
            bits = _column_bits(of_row, first)
            for j in range(first, min(first + 4, out.shape[1])):
                row[j] = out.dtype.type(bits & np.uint64(0xFFFF) >= np.uint64(threshold))
                bits >>= np.uint64(16)


@njit(**OPTIONS)
def fill(out, value):
    """All of out (n, F) = value (1,)."""
    for k in range(out.size):
        at(out, 0)[k] = value[0]


# --------------------------------------------------------------------------------------------------- categories


@njit(**OPTIONS)
def look_up(out, column, codes, x, k, table, other):
    """out[row, column:][:w] = the row x[row, k] of a table (1 + n, w), or for 0 `other` (w,); codes (R,) = x[:, k]."""
    w = table.shape[1]
    for row in range(codes.size):
        codes[row] = np.int64(x[row, k])
        start = row * out.shape[1] + column
        if codes[row]:
            _copy(out, start, table, codes[row] * w, w, w)
        else:
            _copy(out, start, other, 0, w, w)


@njit(**OPTIONS)
def about_mean(out, table):
    """out (w,) = the first row of a table (1 + n, w), and the mean of the others."""
    n = out.dtype.type(table.shape[0] - 1)
    for j in range(out.size):
        out[j] = table[0, j] * n
    for k in range(1, table.shape[0]):
        for j in range(out.size):
            out[j] += table[k, j]
    for j in range(out.size):
        out[j] /= n


@njit(**OPTIONS)
def d_about_mean(d_table):
    """From the first row of the gradients, which has what came for `out`, to the others."""
    for j in range(d_table.shape[1]):
        share = d_table[0, j] / d_table.dtype.type(d_table.shape[0] - 1)
        if share != 0:  # else nothing was missing, and the table may be large
            for k in range(1, d_table.shape[0]):
                d_table[k, j] += share


# ------------------------------------------------------------------------------------------------------- states


@njit(**OPTIONS)
def set_states(states, given, level, numbers, width):
    """The first rows of states (D, n, >= width) = those of a level in given (levels * D, N, width), by number."""
    D, n, W = states.shape
    for d in range(D):
        for q in range(numbers.size):
            start = ((level * D + d) * given.shape[1] + numbers[q]) * width
            _copy(states, (d * n + q) * W, given, start, width, W)


@njit(**OPTIONS)
def get_states(out, level, states, picked, first, numbers, width):
    """The inverse, from row first + picked[q] of states, or q if None; with zeros if states are narrower."""
    D, n, W = states.shape
    for d in range(D):
        for q in range(numbers.size):
            row = q if picked is None else first + picked[q]
            target = ((level * D + d) * out.shape[1] + numbers[q]) * width
            _copy(out, target, states, (d * n + row) * W, min(width, W), width)


# ------------------------------------------------------------------------------------------------------ readouts


@njit(**OPTIONS)
def pool_mean(out, total, x, starts, counts, lengths, numbers):
    """out (B, F) = each sequence's mean row: total (B, F), perhaps out, to which those of x (S, F) are added first."""
    for t in range(counts.size):
        for q in range(counts[t]):
            for j in range(x.shape[1]):
                total[q, j] += x[starts[t] + q, j]
    for q in range(out.shape[0]):
        n = x.dtype.type(lengths[numbers[q]])
        for j in range(x.shape[1]):
            out[q, j] = total[q, j] / n


@njit(**OPTIONS)
def unpool_mean(d_x, d_out, places, lengths, numbers):
    """d_x (S, F) from d_out (B, >= F)."""
    for row in range(d_x.shape[0]):
        q = places[row]
        n = d_x.dtype.type(lengths[numbers[q]])
        for j in range(d_x.shape[1]):
            d_x[row, j] = d_out[q, j] / n


@njit(**OPTIONS)
def pool_max(out, where, x, starts, counts, first):
    """out (B, F) = each column's maximum over a sequence's rows of x (S, F), found in row `where`.

    Of equal ones `where` (B, F) has the first.  Where x begins with another step than first[0] = 1, out goes on.
    """
    for t in range(counts.size):
        for q in range(counts[t]):
            row = starts[t] + q
            for j in range(x.shape[1]):
                if t + first[0] == 1 or x[row, j] > out[q, j] or x[row, j] != x[row, j]:  # NaN wins
                    out[q, j] = x[row, j]
                    where[q, j] = row


@njit(**OPTIONS)
def unpool_max(d_x, d_out, where):
    """d_x (S, F) from d_out (B, >= F)."""
    d_x[:] = 0.0
    for q in range(where.shape[0]):
        for j in range(where.shape[1]):
            d_x[where[q, j], j] = d_out[q, j]


@njit(**OPTIONS)
def concatenate_steps(out, x, starts):
    """out (B, T F) = the rows of x (S, F) of each of B sequences of T steps, side by side."""
    F = x.shape[1]
    for q in range(out.shape[0]):
        for t in range(starts.size):
            _copy(out, (q * starts.size + t) * F, x, (starts[t] + q) * F, F, F)


@njit(**OPTIONS)
def split_steps(d_x, d_out, starts):
    """d_x (S, F) from d_out (B, >= T F)."""
    F = d_x.shape[1]
    for t in range(starts.size):
        for q in range(d_out.shape[0]):
            _copy(d_x, (starts[t] + q) * F, d_out, q * d_out.shape[1] + t * F, F, F)


@njit(**OPTIONS)
def add_weighted(total, losses, weights):
    """total (1,) += the sum of losses times weights, row by row."""
    for k in range(losses.size):
        total[0] += losses[k] * weights[k]


@njit(**OPTIONS)
def add_places(total, sums, start):
    """total (1,) = the sum of what lies at `start` in each row of sums (places, .)."""
    total[0] = 0
    for place in range(sums.shape[0]):
        total[0] += sums[place, start]
