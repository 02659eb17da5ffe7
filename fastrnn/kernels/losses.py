"""Losses of rows, and their gradients.

All take the same arguments, so that a compiled pass can call any of them by its address:

    loss(d_outputs, losses, outputs, targets, weights, constants, K)

outputs (R, W) are those of the dense head, in their first K columns; targets are (R,) classes or (R, M) numbers of
the outputs' dtype, such as classes of M groups; weights (R,) and constants (n,) are float64.  losses (R,) of float64
are those of the rows, not yet times their weights; d_outputs (R, W) become weight times gradient, with zeros from
column K on.  All arrays are C-contiguous.  No row depends on another, NaN surfaces, and nothing is allocated.
"""

from math import log as log_of_number
from math import pi

from llvmlite import ir

from fastrnn.kernels import vectors as vec
from fastrnn.kernels.activations import exp, log, log1p
from fastrnn.kernels.caching import cgutils, njit, types
from fastrnn.kernels.cpu import INT
from fastrnn.kernels.softmax import softmax
from fastrnn.kernels.vectors import OPTIONS, at, first_lanes, instruction, lane_sum, lanes, load_some, step, store_some

SQUARED, ABSOLUTE, HUBER = 0, 1, 2
"""Codes of the losses of a difference."""

LEAST_SCALE = 1e-3
"""Of a distribution; without one, numbers that repeat would make the density infinite."""

LEAST_DISPERSION = 1e-4
"""Poisson but for a ten-thousandth; below, log gamma would lose the digits that differ."""

LARGEST_LOG_RATIO = 10.0
"""Of the mean of counts to their base: a factor of 22,000."""

OF_NORMAL = 0.5 * log_of_number(2 * pi)
"""log of what the normal density has in front."""

# log(gamma((df + 1) / 2) / gamma(df / 2)) - log(df / 2) / 2 in powers of 1 / df, the highest first: to 1e-9, df >= 2.
# The difference of two log gammas would keep few digits of large df.
_OF_DF = (
    0.021123904893058758, -0.07484298829248548, 0.11022258900250985, -0.07758015548524932, 0.004045578699015782,
    0.041325329324751886, 1.4902113623881802e-05, -0.2500002633317025, 9.338880085918433e-10)  # fmt: skip


# ------------------------------------------------------------------------------------------- losses of a row


@njit(**OPTIONS)
def _of_class(d, x, t, weight, sizes, K, M, W):
    """-log softmax(outputs)[target], for a target that is an integer; summed over M groups of outputs of these sizes.

    sizes are (M,), or empty for one group; targets count from the first output of all.
    """
    loss, first = 0.0, 0
    for j in range(M):
        target, size = int(t[j]), K if M == 1 else int(sizes[j])
        largest, log_sum = softmax(at(d, first), at(x, first), size)
        loss += log_sum - (x[target] - largest)
        d[target] -= 1.0
        first += size
    for k in range(0, W, lanes(x)):
        store_some(d, k, load_some(d, k, K - k) * weight, W - k)
    return loss


@njit(**OPTIONS)
def _of_smoothed_class(d, x, t, weight, constants, K, M, W):
    """Likewise, with a share of each target, constants[0], spread evenly over its group; the sizes follow it.

    The target's probability is 1 - share + share / size, that of all others share / size (Szegedy et al. 2016).
    """
    loss, first, share = 0.0, 0, constants[0]
    for j in range(M):
        target, size = int(t[j]), K if M == 1 else int(constants[1 + j])
        largest, log_sum = softmax(at(d, first), at(x, first), size)
        even, total = share / size, 0.0
        for k in range(first, first + size):
            total += x[k] - largest
            d[k] -= even
        loss += log_sum - (1.0 - share) * (x[target] - largest) - even * total
        d[target] -= 1.0 - share
        first += size
    for k in range(0, W, lanes(x)):
        store_some(d, k, load_some(d, k, K - k) * weight, W - k)
    return loss


@njit(**OPTIONS)
def of_labels(d, x, t, weight, constants, K, M, W):
    """-log of the logistic probability of K targets of 0 and 1, summed over them."""
    total = vec.zeros(x)
    for k in range(0, W, lanes(x)):
        z, target = load_some(x, k, K - k), load_some(t, k, K - k)
        value, slope = softplus(z, 0.0)
        total = total + first_lanes(value - z * target, K - k)
        store_some(d, k, first_lanes((slope - target) * weight, K - k), W - k)
    return lane_sum(total)


@njit(**OPTIONS)
def _of_differences(d, x, t, weight, code, K, M, W):
    """The mean over K outputs of a loss of output less target, which code (1,) says; products, so that NaN stays."""
    total, factor, which = vec.zeros(x), weight / K, code[0]
    for k in range(0, W, lanes(x)):
        difference = load_some(x, k, K - k) - load_some(t, k, K - k)
        if which == SQUARED:
            slope, loss = difference * 2.0, difference * difference
        elif which == ABSOLUTE:
            slope = step(difference) - step(0.0 - difference)
            loss = slope * difference
        else:
            slope = vec.clamp(difference, -1.0, 1.0)
            loss = slope * (difference - slope * 0.5)
        total = total + loss
        store_some(d, k, slope * factor, W - k)
    return lane_sum(total) / K


@njit(**OPTIONS)
def _of_numbers_and_end(d, x, t, weight, code, K, M, W):
    """Of all columns but the last a loss as above, and of that the binary cross-entropy of being the last step."""
    n = K - 1
    of_numbers = _of_differences(d, x, t, weight, code, n, n, n)
    return of_numbers + of_labels(at(d, n), at(x, n), at(t, n), weight, code, 1, 1, W - n)


@njit(**OPTIONS)
def _of_quantiles(d, x, t, weight, levels, K, M, W):
    """The mean over outputs of max(q d, (q - 1) d) for d = target - output (Koenker & Bassett 1978).

    outputs have those for each level side by side, for each of the M targets.  levels are followed by the first ones
    again, so that a vector of them starts at any.
    """
    Q = K // M
    jump, factor, first, total = lanes(x) % Q, weight / K, 0, vec.zeros(x)
    for j in range(M):
        for k in range(j * Q, j * Q + Q, lanes(x)):
            store_some(d, k, vec.zeros(x) + t[j], W - k)  # what is too long the next one covers
    for k in range(0, W, lanes(x)):
        q, difference = vec.load_as(levels, first, x), load_some(d, k, K - k) - load_some(x, k, K - k)
        slope = (1.0 - q) * step(0.0 - difference) - q * step(difference)
        total = total - slope * difference  # a product, so that NaN stays
        store_some(d, k, slope * factor, W - k)
        first += jump
        if first >= Q:
            first -= Q
    return lane_sum(total) / K


def _of_rows(of_row):
    """The kernel of a loss, from that of one row: from pointers to it, its weight, K, M and W to the loss."""

    @njit(**OPTIONS)
    def loss(d_outputs, losses, outputs, targets, weights, constants, K):
        W, M = outputs.shape[1], targets.size // losses.size
        for row in range(losses.size):
            d, x, t = at(d_outputs, row * W), at(outputs, row * W), at(targets, row * M)
            losses[row] = of_row(d, x, t, weights[row], constants, K, M, W)

    return loss


cross_entropy, binary_cross_entropy, pinball = _of_rows(_of_class), _of_rows(of_labels), _of_rows(_of_quantiles)
smoothed_cross_entropy = _of_rows(_of_smoothed_class)
of_differences, numbers_and_end = _of_rows(_of_differences), _of_rows(_of_numbers_and_end)


# ------------------------------------------------------------------------------------------------ distributions


@njit(**OPTIONS)
def _of_gaussian(targets, outputs, factor):
    """-log density; outputs are mean and scale, softplus(output) + LEAST_SCALE."""
    (target,), (mean, raw) = targets, outputs
    scale, d_scale = softplus(raw, LEAST_SCALE)
    z = (target - mean) / scale
    slopes = z / scale * -factor, (1.0 - z * z) / scale * d_scale * factor
    return 0.5 * z * z + log(scale) + OF_NORMAL, slopes


@njit(**OPTIONS)
def _of_student_t(targets, outputs, factor):
    """Likewise; outputs are median, scale as there, and degrees of freedom, 2 + softplus(output)."""
    (target,), (median, raw, raw_df) = targets, outputs
    scale, d_scale = softplus(raw, LEAST_SCALE)
    df, d_df = softplus(raw_df, 2.0)
    z = (target - median) / scale
    square, r = z * z, 1.0 / df
    bend, pull = log1p(square * r), (df + 1.0) / (df + square)
    of_gammas, d_of_gammas = _of_df(r)
    slope = d_of_gammas * r * r + 0.5 * (bend - pull * square * r)
    slopes = pull * z / scale * -factor, (1.0 - pull * square) / scale * d_scale * factor, slope * d_df * factor
    # The Gaussian's constant, less what finite degrees of freedom take from it.
    return log(scale) + OF_NORMAL - of_gammas + (df + 1.0) * 0.5 * bend, slopes


@njit(**OPTIONS)
def _of_negative_binomial(targets, outputs, factor):
    """-log probability; targets are a count and a positive base (Salinas et al. 2020).

    outputs are log(mean / base) and dispersion, softplus(output) + LEAST_DISPERSION; variance mean + dispersion mean**2
    """
    (count, base), (ratio, raw) = targets, outputs
    dispersion, d_dispersion = softplus(raw, LEAST_DISPERSION)
    mean = base * exp(vec.clamp(ratio, -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO))
    r, spread = 1.0 / dispersion, dispersion * mean
    of_all, d_of_all, product = _log_gamma(count + r)
    of_r, d_of_r, product_of_r = _log_gamma(r)
    of_count, _, product_of_count = _log_gamma(count + 1.0)
    growth = log1p(spread)
    loss = of_count - of_all + of_r + log(product / (product_of_r * product_of_count))
    of_log_mean = (mean - count) / (1.0 + spread)
    slope = r * (r * (d_of_all - d_of_r - growth) + of_log_mean) * d_dispersion
    # Beyond the limit only the way back is open: with no slope at all an output would stay there for good.
    is_shut = step(_size(ratio) - LARGEST_LOG_RATIO) * (1.0 - step(of_log_mean * ratio))
    return loss + (r + count) * growth - count * log(spread), ((1.0 - is_shut) * of_log_mean * factor, slope * factor)


def _of_numbers(n_targets, n_outputs, of_each):
    """The kernel of the mean over D numbers of a loss, each of so many targets and outputs side by side.

    `of_each` gives it, and the slopes times a factor, for vectors in float64.
    """

    @njit(**OPTIONS)
    def loss(d_outputs, losses, outputs, targets, weights, constants, K):
        W, D = outputs.shape[1], K // n_outputs
        for row in range(losses.size):
            d, x, t = at(d_outputs, row * W), at(outputs, row * W), at(targets, row * D * n_targets)
            total, factor = vec.zeros(weights), weights[row] / D
            for j in range(0, D, lanes(weights)):
                given = _load_groups(t, j, n_targets, D, weights), _load_groups(x, j, n_outputs, D, weights)
                value, slopes = of_each(*given, factor)
                total = total + first_lanes(value, D - j)
                _store_groups(d, j, D, slopes)
            for k in range(K, W):
                d[k] = 0.0
            losses[row] = lane_sum(total) / D

    return loss


gaussian, student_t = _of_numbers(1, 2, _of_gaussian), _of_numbers(1, 3, _of_student_t)
negative_binomial = _of_numbers(2, 2, _of_negative_binomial)


@njit(**OPTIONS)
def softplus(x, least):
    """least + log(1 + exp(x)), and its slope, the logistic function; exp(-|x|) never overflows."""
    rest, is_high = exp(0.0 - _size(x)), step(x)
    return vec.maximum(x, 0.0) + log1p(rest) + least, (is_high + (1.0 - is_high) * rest) / (1.0 + rest)


@njit(**OPTIONS)
def _size(x):
    return vec.maximum(x, 0.0 - x)


@njit(**OPTIONS)
def _of_df(r):
    """The polynomial of _OF_DF, and its slope."""
    value = slope = r * 0.0
    for coefficient in _OF_DF:
        slope = slope * r + value
        value = value * r + coefficient
    return value, slope


@njit(**OPTIONS)
def _log_gamma(x):
    """log gamma(x) + log(product), its slope and the product, for x > 0: Stirling's series (DLMF 5.11.1) at x + 6.

    To 1e-10.  The products' logarithms are one, that of their ratio.
    """
    z, y = x * (x + 5.0), x + 6.0
    product = z * (z + 4.0) * (z + 6.0)  # x (x + 1) ... (x + 5), from both ends
    slope = ((3.0 * z + 20.0) * z + 24.0) * (2.0 * x + 5.0) / product
    log_y, inverse = log(y), 1.0 / y
    u = inverse * inverse
    series = (1 / 12 - u * (1 / 360 - u * (1 / 1260 - u * (1 / 1680)))) * inverse
    d_series = u * (1 / 12 - u * (1 / 120 - u * (1 / 252 - u * (1 / 240))))
    return (y - 0.5) * log_y - y + OF_NORMAL + series, log_y - 0.5 * inverse - d_series - slope, product


def _vectors(pointer, first, size, n, like):
    """The Numba type of what `_load_groups` returns."""
    return types.UniTuple(vec.registers.Vector(like.dtype), size.literal_value)


@instruction(_vectors, prefer_literal=True)
def _load_groups(context, builder, sig, pointer, first, size, n, like):
    """Groups of `size` (a literal), n in all, from the `first` on: a vector of each place, in the dtype of `like`."""
    vector, places = sig.return_type.dtype, _groups(builder, sig.return_type, pointer, first, n)
    vectors = [ir.Constant(vec.registers.llvm_vector(vector), ir.Undefined)] * sig.return_type.count
    for lane, group in places:
        for k, place in enumerate(group):
            number = context.cast(builder, builder.load(place), sig.args[0].dtype, vector.dtype)
            vectors[k] = builder.insert_element(vectors[k], number, lane)
    return context.make_tuple(builder, sig.return_type, vectors)


@instruction()
def _store_groups(context, builder, sig, pointer, first, n, vectors):
    """Write such vectors back."""
    kind = sig.args[3]
    for lane, group in _groups(builder, kind, pointer, first, n):
        for vector, place in zip(cgutils.unpack_tuple(builder, vectors, kind.count), group, strict=True):
            number = builder.extract_element(vector, lane)
            builder.store(context.cast(builder, number, kind.dtype.dtype, sig.args[0].dtype), place)


def _groups(builder, kind, pointer, first, n):
    """The lanes, each with where the numbers of its group are; past the last group those of that."""
    last = builder.sub(n, INT(1))
    for lane in map(INT, range(kind.dtype.count)):
        group = builder.add(first, lane)
        group = builder.select(builder.icmp_signed("<", group, last), group, last)
        start = builder.gep(pointer, [builder.mul(group, INT(kind.count))])
        yield lane, [builder.gep(start, [INT(k)]) for k in range(kind.count)]
