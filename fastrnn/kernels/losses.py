"""Losses of rows, and their gradients.

All take the same arguments, so that a compiled pass can call any of them by its address:

    loss(d_outputs, losses, outputs, targets, weights, constants, K)

outputs (R, W) are those of the dense head, in their first K columns; targets are (R,) classes or (R, M) numbers of
the outputs' dtype; weights (R,) and constants (n,) are float64.  losses (R,) of float64 are those of the rows, not
yet times their weights; d_outputs (R, W) become weight times gradient, with zeros from column K on.  All arrays are
C-contiguous.  No row depends on another, NaN surfaces, and nothing is allocated.
"""

from math import log as log_of_number
from math import pi

from llvmlite import ir

from fastrnn.kernels import vectors as vec
from fastrnn.kernels.activations import exp, log, log1p
from fastrnn.kernels.caching import njit
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

_OF_NORMAL = 0.5 * log_of_number(2 * pi)

# log(gamma((df + 1) / 2) / gamma(df / 2)) - log(df / 2) / 2 in powers of 1 / df, the highest first: to 1e-9, df >= 2.
# The difference of two log gammas would keep few digits of large df.
_OF_DF = (
    0.021123904893058758, -0.07484298829248548, 0.11022258900250985, -0.07758015548524932, 0.004045578699015782,
    0.041325329324751886, 1.4902113623881802e-05, -0.2500002633317025, 9.338880085918433e-10)  # fmt: skip


@njit(**OPTIONS)
def cross_entropy(d_outputs, losses, outputs, targets, weights, constants, K):
    """-log softmax(outputs)[target], for targets (R,) of integers."""
    W = outputs.shape[1]
    for row in range(losses.size):
        x, d, target = at(outputs, row * W), at(d_outputs, row * W), targets[row]
        largest, log_sum = softmax(d, x, K)
        losses[row] = log_sum - (x[target] - largest)
        d[target] -= 1.0
        for k in range(0, W, lanes(outputs)):
            store_some(d, k, load_some(d, k, K - k) * weights[row], W - k)


@njit(**OPTIONS)
def binary_cross_entropy(d_outputs, losses, outputs, targets, weights, constants, K):
    """-log of the logistic probability of targets (R, K) of 0 and 1, summed over the K."""
    W = outputs.shape[1]
    for row in range(losses.size):
        x, d, t = at(outputs, row * W), at(d_outputs, row * W), at(targets, row * K)
        losses[row] = _of_labels(d, x, t, weights[row], K, W)


@njit(**OPTIONS)
def of_differences(d_outputs, losses, outputs, targets, weights, code, K):
    """The mean over the K outputs of a loss of output less target; code (1,) says which."""
    W = outputs.shape[1]
    for row in range(losses.size):
        x, d, t = at(outputs, row * W), at(d_outputs, row * W), at(targets, row * K)
        losses[row] = _of_row(code[0], d, x, t, weights[row], K, W)


@njit(**OPTIONS)
def pinball(d_outputs, losses, outputs, targets, weights, levels, K):
    """The mean over outputs of max(q d, (q - 1) d) for d = target - output (Koenker & Bassett 1978).

    outputs have those for each level side by side, for each of the targets (R, M).  levels are followed by the first
    ones again, so that a vector of them starts at any.
    """
    W, M = outputs.shape[1], targets.shape[1]
    Q = K // M
    jump = lanes(outputs) % Q
    for row in range(losses.size):
        x, d, factor, first = at(outputs, row * W), at(d_outputs, row * W), weights[row] / K, 0
        for j in range(M):
            for k in range(j * Q, j * Q + Q, lanes(outputs)):
                store_some(d, k, vec.zeros(outputs) + targets[row, j], W - k)  # what is too long the next one covers
        total = vec.zeros(outputs)
        for k in range(0, W, lanes(outputs)):
            q, difference = vec.load_as(levels, first, outputs), load_some(d, k, K - k) - load_some(x, k, K - k)
            slope = (1.0 - q) * step(0.0 - difference) - q * step(difference)
            total = total - slope * difference  # a product, so that NaN stays
            store_some(d, k, slope * factor, W - k)
            first += jump
            if first >= Q:
                first -= Q
        losses[row] = lane_sum(total) / K


@njit(**OPTIONS)
def numbers_and_end(d_outputs, losses, outputs, targets, weights, constants, K):
    """Of all columns but the last the squared loss, and of that the binary cross-entropy of being the last step."""
    W, n = outputs.shape[1], K - 1
    for row in range(losses.size):
        x, d, t = at(outputs, row * W), at(d_outputs, row * W), at(targets, row * K)
        of_numbers = _of_row(SQUARED, d, x, t, weights[row], n, n)
        of_end = _of_labels(at(d, n), at(x, n), at(t, n), weights[row], 1, W - n)
        losses[row] = of_numbers + of_end


@njit(**OPTIONS)
def gaussian(d_outputs, losses, outputs, targets, weights, constants, K):
    """The mean over targets (R, D) of -log density; outputs are mean and scale, softplus(output) + LEAST_SCALE."""
    W, D = outputs.shape[1], K // 2
    for row in range(losses.size):
        x, d, t = at(outputs, row * W), at(d_outputs, row * W), at(targets, row * D)
        total, factor = vec.zeros(weights), weights[row] / D
        for j in range(0, D, lanes(weights)):
            n = D - j
            scale, d_scale = _softplus(_load_every(x, 2 * j + 1, 2, n, weights), LEAST_SCALE)
            z = (_load_every(t, j, 1, n, weights) - _load_every(x, 2 * j, 2, n, weights)) / scale
            total = total + first_lanes(0.5 * z * z + log(scale) + _OF_NORMAL, n)
            _store_every(d, 2 * j, 2, n, z / scale * -factor)
            _store_every(d, 2 * j + 1, 2, n, (1.0 - z * z) / scale * d_scale * factor)
        losses[row] = _ended(d, total, D, K, W)


@njit(**OPTIONS)
def student_t(d_outputs, losses, outputs, targets, weights, constants, K):
    """As `gaussian`; outputs are median, scale as there, and degrees of freedom, 2 + softplus(output)."""
    W, D = outputs.shape[1], K // 3
    for row in range(losses.size):
        x, d, t = at(outputs, row * W), at(d_outputs, row * W), at(targets, row * D)
        total, factor = vec.zeros(weights), weights[row] / D
        for j in range(0, D, lanes(weights)):
            n = D - j
            scale, d_scale = _softplus(_load_every(x, 3 * j + 1, 3, n, weights), LEAST_SCALE)
            df, d_df = _softplus(_load_every(x, 3 * j + 2, 3, n, weights), 2.0)
            z = (_load_every(t, j, 1, n, weights) - _load_every(x, 3 * j, 3, n, weights)) / scale
            square, r = z * z, 1.0 / df
            bend, pull = log1p(square * r), (df + 1.0) / (df + square)
            of_gammas, d_of_gammas = _of_df(r)
            # The Gaussian's constant, less what finite degrees of freedom take from it.
            total = total + first_lanes(log(scale) + _OF_NORMAL - of_gammas + (df + 1.0) * 0.5 * bend, n)
            slope = d_of_gammas * r * r + 0.5 * (bend - pull * square * r)
            _store_every(d, 3 * j, 3, n, pull * z / scale * -factor)
            _store_every(d, 3 * j + 1, 3, n, (1.0 - pull * square) / scale * d_scale * factor)
            _store_every(d, 3 * j + 2, 3, n, slope * d_df * factor)
        losses[row] = _ended(d, total, D, K, W)


@njit(**OPTIONS)
def negative_binomial(d_outputs, losses, outputs, targets, weights, constants, K):
    """The mean of -log probability of D counts; targets (R, 2 D) are each and a positive base (Salinas et al. 2020).

    outputs are log(mean / base) and dispersion, softplus(output) + LEAST_DISPERSION; variance mean + dispersion mean**2
    """
    W, D = outputs.shape[1], K // 2
    for row in range(losses.size):
        x, d, t = at(outputs, row * W), at(d_outputs, row * W), at(targets, row * K)
        total, factor = vec.zeros(weights), weights[row] / D
        for j in range(0, D, lanes(weights)):
            n = D - j
            count, base = _load_every(t, 2 * j, 2, n, weights), _load_every(t, 2 * j + 1, 2, n, weights)
            ratio = _load_every(x, 2 * j, 2, n, weights)
            dispersion, d_dispersion = _softplus(_load_every(x, 2 * j + 1, 2, n, weights), LEAST_DISPERSION)
            mean = base * exp(vec.clamp(ratio, -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO))
            r, spread = 1.0 / dispersion, dispersion * mean
            of_all, d_of_all, product = _log_gamma(count + r)
            of_r, d_of_r, product_of_r = _log_gamma(r)
            of_count, _, product_of_count = _log_gamma(count + 1.0)
            growth = log1p(spread)
            loss = of_count - of_all + of_r + log(product / (product_of_r * product_of_count))
            total = total + first_lanes(loss + (r + count) * growth - count * log(spread), n)
            of_log_mean = (mean - count) / (1.0 + spread)
            slope = r * (r * (d_of_all - d_of_r - growth) + of_log_mean) * d_dispersion
            # Beyond the limit only the way back is open: with no slope at all an output would stay there for good.
            is_shut = step(_size(ratio) - LARGEST_LOG_RATIO) * (1.0 - step(of_log_mean * ratio))
            _store_every(d, 2 * j, 2, n, (1.0 - is_shut) * of_log_mean * factor)
            _store_every(d, 2 * j + 1, 2, n, slope * factor)
        losses[row] = _ended(d, total, D, K, W)


@njit(**OPTIONS)
def _ended(d, total, D, K, W):
    """The mean of D losses of a row, whose columns from K on become zero."""
    for k in range(K, W):
        d[k] = 0.0
    return lane_sum(total) / D


@njit(**OPTIONS)
def _of_labels(d, x, t, weight, K, W):
    """The binary cross-entropy of a row, from pointers to its columns."""
    total = vec.zeros(x)
    for k in range(0, W, lanes(x)):
        z, target = load_some(x, k, K - k), load_some(t, k, K - k)
        value, slope = _softplus(z, 0.0)
        total = total + first_lanes(value - z * target, K - k)
        store_some(d, k, first_lanes((slope - target) * weight, K - k), W - k)
    return lane_sum(total)


@njit(**OPTIONS)
def _softplus(x, least):
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
    return (y - 0.5) * log_y - y + _OF_NORMAL + series, log_y - 0.5 * inverse - d_series - slope, product


@njit(**OPTIONS)
def _of_row(code, d, x, t, weight, K, W):
    """A loss of the differences of a row, from pointers to its numbers; products, so that NaN stays."""
    total, factor = vec.zeros(x), weight / K
    for k in range(0, W, lanes(x)):
        difference = load_some(x, k, K - k) - load_some(t, k, K - k)
        if code == SQUARED:
            slope, loss = difference * 2.0, difference * difference
        elif code == ABSOLUTE:
            slope = step(difference) - step(0.0 - difference)
            loss = slope * difference
        else:
            slope = vec.clamp(difference, -1.0, 1.0)
            loss = slope * (difference - slope * 0.5)
        total = total + loss
        store_some(d, k, slope * factor, W - k)
    return lane_sum(total) / K


@instruction(lambda pointer, index, stride, n, like: vec.registers.Vector(like.dtype))
def _load_every(context, builder, sig, pointer, index, stride, n, like):
    """Every `stride`-th number from `index` on, `n` at most, in the dtype of `like`; other lanes have the last one."""
    vector, dtype = sig.return_type, sig.args[0].dtype
    value = ir.Constant(vec.registers.llvm_vector(vector), ir.Undefined)
    for lane, place in _every(builder, vector.count, pointer, index, stride, n):
        number = context.cast(builder, builder.load(place), dtype, vector.dtype)
        value = builder.insert_element(value, number, lane)
    return value


@instruction()
def _store_every(context, builder, sig, pointer, index, stride, n, value):
    """Write such a vector back; the lanes from `n` on, which have what the last one has, go where it goes."""
    for lane, place in _every(builder, value.type.count, pointer, index, stride, n):
        number = builder.extract_element(value, lane)
        builder.store(context.cast(builder, number, sig.args[4].dtype, sig.args[0].dtype), place)


def _every(builder, count, pointer, index, stride, n):
    """The lanes, each with where its number is."""
    last = builder.sub(n, INT(1))
    for lane in map(INT, range(count)):
        number = builder.select(builder.icmp_signed("<", lane, last), lane, last)
        yield lane, builder.gep(pointer, [builder.add(index, builder.mul(number, stride))])
