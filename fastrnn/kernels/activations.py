"""tanh, sigmoid, exp, log and relu of vectors.

float32: tanh as a ratio of polynomials, odd of degree 13 over even of degree 6 (the coefficients
are those of Eigen's `generic_fast_tanh_float`), to 5 units in the last place; the sigmoid is
(1 + tanh(x/2)) / 2, to 2e-7 absolutely: its lower tail ends at 6e-8.

exp, and in float64 tanh and sigmoid: from the exponential's series after Cody and Waite's reduction
("Software Manual for the Elementary Functions", 1980): x = k ln 2 + r with |r| <= ln 2 / 2, exp(x) = 2**k (1 + p),
p = expm1(r) by Taylor; tanh from expm1, so that it keeps its last places near zero.  To 3 units in
the last place.

log from the series of log((1 + s) / (1 - s)), s = (m - 1) / (m + 1) of x = 2**k m: to 3 units in the last place.

NaN stays NaN.  Derivatives are written from the outputs: 1 - y*y for tanh, y*(1 - y) for the
sigmoid.
"""

from math import factorial

from fastrnn.kernels.caching import Later, before_compiling, njit, types
from fastrnn.kernels.cpu import HAS_FMA
from fastrnn.kernels.vectors import OPTIONS, clamp, lanes, load_some, maximum, split_powers, step, store_some, two_to

extending = Later("numba.extending")
TANH, RELU, SIGMOID = 0, 1, 2
"""Codes by which a kernel knows the plain RNN's nonlinearity."""


def _exp_single(x):
    x = clamp(x, -87.0, 88.0)
    shifted = x * _LOG2_E + _ROUNDER_SINGLE
    k = shifted - _ROUNDER_SINGLE
    r = x - k * _LN2_SHORT - k * _LN2_REST
    tail = _C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * (_C6 + r * _C7))))
    return two_to(shifted) * (1.0 + r + r * r * tail)


def _exp_double(x):
    power, p = _parts_of_exp(clamp(x, -708.0, 709.0))
    return power + power * p


def _tanh_single(x):
    x = clamp(x, -_SATURATED, _SATURATED)
    x2 = x * x
    p = x2 * -2.76076847742355e-16 + 2.00018790482477e-13
    p = p * x2 + -8.60467152213735e-11
    p = p * x2 + 5.12229709037114e-08
    p = p * x2 + 1.48572235717979e-05
    p = p * x2 + 6.37261928875436e-04
    p = p * x2 + 4.89352455891786e-03
    q = x2 * 1.19825839466702e-06 + 1.18534705686654e-04
    q = q * x2 + 2.26843463243900e-03
    q = q * x2 + 4.89352518554385e-03
    return x * p / q


def _sigmoid_single(x):
    return tanh(x * 0.5) * 0.5 + 0.5


def _tanh_double(x):
    power, p = _parts_of_exp(clamp(x, -20.0, 20.0) * 2.0)
    expm1 = power * p + (power - 1.0)
    return expm1 / (expm1 + 2.0)


def _sigmoid_double(x):
    power, p = _parts_of_exp(clamp(x, -87.0, 87.0) * -1.0)
    return 1.0 / (1.0 + (power + power * p))


# Where the ratio is 1, with and without fused operations; a gate that never reached 1 would leak.
_SATURATED = 7.99881172180175781 if HAS_FMA else 7.90531110763549805
_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01  # so short that k times it is exact
_LN2_LOW = 1.90821492927058770002e-10
# Rounds to an integer, and leaves it and the exponent's bias in the low bits.
_ROUNDER = 1.5 * 2**52 + 1023
_ROUNDER_SINGLE = 1.5 * 2**23 + 127
_LN2_SHORT, _LN2_REST = 0.693359375, -2.12194440054690583e-4  # likewise in float32
_LOG_SERIES, _FRACTION_SERIES = (tuple(2 / k for k in range(last, 0, -2)) for last in (21, 15))
_C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12, _C13 = (1 / factorial(n) for n in range(2, 14))


@njit(**OPTIONS)
def _parts_of_exp(x):
    """2**k and expm1(r), where x = k ln 2 + r; float64."""
    shifted = x * _LOG2_E + _ROUNDER
    k = shifted - _ROUNDER
    r = x - k * _LN2_HIGH - k * _LN2_LOW
    tail = _C7 + r * (_C8 + r * (_C9 + r * (_C10 + r * (_C11 + r * (_C12 + r * _C13)))))
    tail = _C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * (_C6 + r * tail))))
    return two_to(shifted), r + r * r * tail


def _by_precision(single, double):
    """A function of a vector: the one of these that is for its precision."""

    def function(x):
        """Of a vector; kernels only."""

    def tell():
        overload = extending.overload(function, jit_options={"fastmath": {"contract"}})
        overload(lambda x: single if x.dtype == types.float32 else double)

    before_compiling.append(tell)
    return function


tanh = _by_precision(_tanh_single, _tanh_double)
exp = _by_precision(_exp_single, _exp_double)
"""Beyond the range of normal numbers its value at the end of that range."""
sigmoid = _by_precision(_sigmoid_single, _sigmoid_double)
"""1 / (1 + exp(-x)); in float64 beyond +-87 its value there."""


@njit(**OPTIONS)
def log(x):
    """Of positive normal numbers; of an infinite one NaN."""
    k, m = split_powers(x)
    s = (m - 1.0) / (m + 1.0)
    square = s * s
    tail = square * 0.0
    for coefficient in _LOG_SERIES:
        tail = tail * square + coefficient
    return k * _LN2_SHORT + (k * _LN2_REST + tail * s + x * 0.0)  # m is a number even where x is none


@njit(**OPTIONS)
def log1p(x):
    """log(1 + x) for x >= 0, to the last places of x."""
    y = x + 1.0
    return log(y) + (x - (y - 1.0)) / y


def _fraction_single(x):
    s = x / (x + 2.0)
    square = s * s
    tail = square * 0.0
    for coefficient in _FRACTION_SERIES:
        tail = tail * square + coefficient
    return tail * s


def _fraction_double(x):
    return log1p(x)


log1p_of_fraction = _by_precision(_fraction_single, _fraction_double)
"""log(1 + x) for x from 0 to 1: quicker in float32."""


@njit(**OPTIONS)
def activate(code, x):
    """The plain RNN's nonlinearity."""
    if code == TANH:
        return tanh(x)
    if code == RELU:
        return maximum(x, 0.0)
    return sigmoid(x)


@njit(**OPTIONS)
def slope(code, y):
    """Its derivative, from its output."""
    if code == TANH:
        return 1.0 - y * y
    if code == RELU:
        return step(y)
    return y * (1.0 - y)


@njit(**OPTIONS)
def tanh_groups(out, x):
    """out (G, n, H) = tanh of x (n, >= G H), whose columns are G groups."""
    G, n, H = out.shape
    for g in range(G):
        for k in range(n):
            target, source = (g * n + k) * H, k * x.shape[1] + g * H
            for j in range(0, H, lanes(x)):
                store_some(out, target + j, tanh(load_some(x, source + j, H - j)), H - j)


@njit(**OPTIONS)
def tanh_groups_backward(d_x, d_out, out):
    """d_x (n, >= G H), with zeros behind, from d_out (G, n, >= H) and out (G, n, H)."""
    G, n, H = out.shape
    for k in range(n):
        for j in range(G * H, d_x.shape[1]):
            d_x[k, j] = 0
        for g in range(G):
            target, row = k * d_x.shape[1] + g * H, g * n + k
            for j in range(0, H, lanes(d_x)):
                y = load_some(out, row * H + j, H - j)
                d_y = load_some(d_out, row * d_out.shape[2] + j, H - j)
                store_some(d_x, target + j, d_y * (1.0 - y * y), H - j)
