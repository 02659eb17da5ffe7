"""Moving packed rows, dropping some of their elements, and pooling them over time.

Rows are those of `fastrnn.sequences.Packing`: sums over time run in the order of time, one sequence
at a time, so that a sequence's result does not depend on its neighbours.
"""

from numba import uint64

from fastrnn.kernels.caching import njit
from fastrnn.kernels.vectors import OPTIONS, at, lanes, load_some, store_some


@njit(**OPTIONS)
def copy_rows(out, out_column, source, source_column, picked, width):
    """out[k, out_column:][:width] = source[picked[k], source_column:][:width] for each k."""
    out_stride, source_stride = out.shape[1], source.shape[1]
    for k in range(picked.size):
        target, start = k * out_stride + out_column, picked[k] * source_stride + source_column
        for j in range(0, width, lanes(out)):
            store_some(out, target + j, load_some(source, start + j, width - j), width - j)


@njit(**OPTIONS)
def scatter_add_rows(out, source, picked, width):
    """out[picked[k], :width] += source[k, :width] for each k, in order."""
    for k in range(picked.size):
        target, start = picked[k] * out.shape[1], k * source.shape[1]
        for j in range(0, width, lanes(out)):
            n = width - j
            total = load_some(out, target + j, n) + load_some(source, start + j, n)
            store_some(out, target + j, total, n)


@njit(**OPTIONS)
def scale_rows(out, x, scale, offset):
    """out (n, K) = x (n, >= K) times scale, plus offset, both (K,), in float64."""
    for row in range(out.shape[0]):
        for k in range(out.shape[1]):
            out[row, k] = x[row, k] * scale[k] + offset[k]


@njit(**OPTIONS)
def standardise(out, x, mean, scale):
    """out = x less `mean`, over `scale`, in float64; out and x (n,) are many rows, which mean and scale (N,) go along.

    These are the sums of `fastrnn.streaming._take`.
    """
    N = mean.size
    for first in range(0, x.size, N):
        here, there = at(x, first), at(out, first)
        for j in range(min(N, x.size - first)):
            there[j] = (here[j] - mean[j]) / scale[j]


@njit(**OPTIONS)
def _mixed(x):
    """A 64-bit number scrambled by the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    x = (x ^ (x >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> uint64(27))) * uint64(0x94D049BB133111EB)
    return x ^ (x >> uint64(31))


@njit(**OPTIONS)
def drop(out, x, key, sequences, steps, rate):
    """out = x with elements set to zero with probability `rate`, others times 1 / (1 - rate); the mean stays as it was.

    To that end the rate is rounded down to 1 / 2**16, so that no more are dropped than the others stand for.
    x and out (S, F) may be the same.  Whether an element stays is a function of the key, its
    sequence's number `sequences` (S,), its step `steps` (S,) and its column alone.  Each is mixed
    by itself: of a sum, the next key would give the next sequence's mask.
    """
    threshold = uint64(rate * 2.0**16)
    scale = x.dtype.type(2.0**16 / (2.0**16 - threshold))
    of_key = _mixed(uint64(key))
    for s in range(x.shape[0]):
        of_row = _mixed(_mixed(of_key + uint64(sequences[s])) + uint64(steps[s]))
        row, out_row = at(x, s * x.shape[1]), at(out, s * x.shape[1])
        for first in range(0, x.shape[1], 4):
            # Four columns share a number of 64 bits: mixing is what costs.
            bits = _mixed(of_row + uint64(first // 4 + 1) * uint64(0x9E3779B97F4A7C15))
            for j in range(first, min(first + 4, x.shape[1])):
                # A factor is chosen without a branch, which would be mispredicted.
                factor = scale if bits & uint64(0xFFFF) >= threshold else x.dtype.type(0.0)
                out_row[j] = row[j] * factor
                bits >>= uint64(16)


@njit(**OPTIONS)
def pool_mean(out, x, starts, counts, firsts):
    """out (B, F) = each sequence's mean row of x (S, F)."""
    F = x.shape[1]
    for shard in range(firsts.size):
        for q in range(counts[shard, 0]):
            row = firsts[shard] + q
            out[row] = 0.0
            n = 0
            for t in range(starts.shape[1]):
                if counts[shard, t] <= q:
                    break
                n += 1
                for j in range(F):
                    out[row, j] += x[starts[shard, t] + q, j]
            for j in range(F):
                out[row, j] /= x.dtype.type(n)


@njit(**OPTIONS)
def add_to_mean(out, total, x, n):
    """total += x, and out = total / n[0], of which the bits are those of `pool_mean`; all (B, F)."""
    for row in range(x.shape[0]):
        for j in range(x.shape[1]):
            total[row, j] += x[row, j]
            out[row, j] = total[row, j] / x.dtype.type(n[0])


@njit(**OPTIONS)
def pool_max(out, where, x, starts, counts, firsts):
    """out (B, F) = each column's maximum over a sequence's rows of x (S, F), found in row `where`.

    Of equal ones `where` (B, F) has the first.
    """
    for shard in range(firsts.size):
        for q in range(counts[shard, 0]):
            row = firsts[shard] + q
            for j in range(x.shape[1]):
                out[row, j] = x[starts[shard, 0] + q, j]
                where[row, j] = starts[shard, 0] + q
            for t in range(1, starts.shape[1]):
                if counts[shard, t] <= q:
                    break
                packed = starts[shard, t] + q
                for j in range(x.shape[1]):
                    if x[packed, j] > out[row, j] or x[packed, j] != x[packed, j]:  # NaN wins
                        out[row, j] = x[packed, j]
                        where[row, j] = packed


@njit(**OPTIONS)
def add_to_max(out, x, n):
    """out (B, F) = x if n[0], the number of steps with this one, is 1, else the larger; NaN wins."""
    for row in range(x.shape[0]):
        for j in range(x.shape[1]):
            if n[0] == 1 or x[row, j] > out[row, j] or x[row, j] != x[row, j]:
                out[row, j] = x[row, j]
