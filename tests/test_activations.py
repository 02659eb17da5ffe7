"""tanh, sigmoid, exp and log to the last places that their module promises."""

import numpy as np
import pytest
from numba import njit
from reference import assert_within

from fastrnn.kernels.activations import (
    RELU,
    SIGMOID,
    TANH,
    activate,
    exp,
    log,
    log1p,
    log1p_of_fraction,
    slope,
    tanh_groups,
    tanh_groups_backward,
)
from fastrnn.kernels.vectors import OPTIONS, lanes, load, n_lanes, padded, store

DTYPES = ["float32", "float64"]
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


@njit(**OPTIONS)
def apply(out, d_out, x, code):
    for i in range(0, x.size, lanes(x)):
        y = activate(code, load(x, i))
        store(out, i, y)
        store(d_out, i, slope(code, y))


def both(x, code):
    """The function and its slope, each element in its place whatever stands beside it."""
    x = np.asarray(x)
    filled = np.zeros(padded(x.size, x.dtype), x.dtype)
    filled[: x.size] = x
    out, d_out = np.empty((2, filled.size), x.dtype)
    apply(out, d_out, filled, code)
    return out[: x.size], d_out[: x.size]


def exact(x, code):
    x = x.astype(np.longdouble)
    return np.tanh(x) if code == TANH else 1 / (1 + np.exp(-x))


def draw(dtype):
    """Numbers of all sizes, and a fine grid where the functions bend."""
    rng = np.random.default_rng(0)
    sizes = 10.0 ** rng.uniform(-30, 2, 100_000) * rng.choice([-1, 1], 100_000)
    return np.concatenate([sizes, np.linspace(-22, 22, 300_000)]).astype(dtype)


def ulps(actual, expected):
    unit = np.spacing(np.abs(expected).astype(actual.dtype))
    return np.abs(actual.astype(np.longdouble) - expected) / unit


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 5), ("float64", 3)])
def test_tanh_to_a_few_units_in_the_last_place(dtype, bound):
    x = draw(dtype)
    y, _ = both(x, TANH)
    assert ulps(y, exact(x, TANH)).max() <= bound
    assert (np.abs(y) <= 1).all()


def test_saturated_they_are_1():
    """A gate that never reached 1 would leak at every step."""
    x = np.array([8, 20, 100, 1e30, np.inf], np.float32)
    assert (both(x, TANH)[0] == 1).all() and (both(-x, TANH)[0] == -1).all()
    assert (both(2 * x, SIGMOID)[0] == 1).all() and (both(-2 * x, SIGMOID)[0] == 0).all()


def test_sigmoid_in_float32_to_2e_7():
    x = draw("float32")
    y, _ = both(x, SIGMOID)
    assert np.abs(y - exact(x, SIGMOID)).max() <= 2e-7
    assert (y >= 0).all() and (y <= 1).all()


def test_sigmoid_in_float64_to_a_few_units_in_the_last_place():
    x = draw("float64")
    x = x[np.abs(x) <= 87]
    y, _ = both(x, SIGMOID)
    assert ulps(y, exact(x, SIGMOID)).max() <= 3
    assert (y >= 0).all() and (y <= 1).all()
    beyond, _ = both(np.array([-1000.0, -88, -87, 87, 88, 1000]), SIGMOID)
    assert (beyond[:3] == beyond[0]).all() and (beyond[3:] == beyond[5]).all()
    assert 0 < beyond[0] < 1e-37 and beyond[5] == 1


@every_dtype
@pytest.mark.parametrize("code", [TANH, RELU, SIGMOID])
def test_nan_stays_nan_and_infinity_is_the_limit(code, dtype):
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], dtype)
    for shift in range(n_lanes(dtype)):  # in every lane
        y, d_y = both(np.roll(np.resize(x, n_lanes(dtype)), shift), code)
        y, d_y = np.roll(y, -shift), np.roll(d_y, -shift)
        assert np.isnan(y[0])
        if code != RELU:
            assert np.isnan(d_y[0])
    high, low, middle = {TANH: (1, -1, 0), RELU: (np.inf, 0, 0), SIGMOID: (1, 0, 0.5)}[code]
    y, _ = both(x, code)
    np.testing.assert_allclose(y[1:3].astype(float), [high, low], atol=4 * np.finfo(dtype).eps)
    assert (y[3:] == middle).all()


@every_dtype
def test_tanh_is_odd(dtype):
    x = draw(dtype)[::7]
    y, _ = both(x, TANH)
    opposite, _ = both(-x, TANH)
    ours = ulps(opposite, -exact(x, TANH))
    assert ours.max() <= 5
    if dtype == "float32":
        assert (opposite == -y).all()
        assert np.signbit(both(np.array([-0.0], dtype), TANH)[0])


@every_dtype
@pytest.mark.parametrize("code", [TANH, RELU, SIGMOID])
def test_slopes_are_written_from_outputs(code, dtype):
    x = draw(dtype)[::11]
    y, d_y = both(x, code)
    y = y.astype(np.longdouble)
    expected = {TANH: 1 - y * y, RELU: (y > 0) * 1.0, SIGMOID: y * (1 - y)}[code]
    np.testing.assert_allclose(d_y.astype(float), expected.astype(float), rtol=1e-6, atol=np.finfo(dtype).eps)


@every_dtype
def test_relu(dtype):
    x = draw(dtype)
    y, _ = both(x, RELU)
    assert (y == np.maximum(x, 0)).all()


@every_dtype
@pytest.mark.parametrize("code", [TANH, SIGMOID])
def test_bits_do_not_depend_on_the_lane(code, dtype):
    x = draw(dtype)[::4001]
    whole, _ = both(x, code)
    for k in range(0, x.size, 9):
        assert both(x[k : k + 1], code)[0].tobytes() == whole[k : k + 1].tobytes()


@njit(**OPTIONS)
def apply_exp(out, x):
    for i in range(0, x.size, lanes(x)):
        store(out, i, exp(load(x, i)))


@pytest.mark.parametrize(("dtype", "largest"), [("float32", 87), ("float64", 708)])
def test_exp_to_2_units_in_the_last_place(dtype, largest):
    x = np.linspace(-largest, largest, 16 * 10_000).astype(dtype)
    y = np.empty_like(x)
    apply_exp(y, x)
    assert ulps(y, np.exp(x.astype(np.longdouble))).max() <= 2
    beyond = np.resize(np.array([np.nan, -np.inf, np.inf, 0], dtype), n_lanes(dtype))
    y = np.empty_like(beyond)
    apply_exp(y, beyond)
    assert np.isnan(y[0]) and 0 <= y[1] < 1e-37 and y[2] > 1e38 and y[3] == 1


@njit(**OPTIONS)
def logarithms(out, of_one_more, x):
    for i in range(0, x.size, lanes(x)):
        store(out, i, log(load(x, i)))
        store(of_one_more, i, log1p(load(x, i)))


@every_dtype
def test_logarithms_to_a_few_units_in_the_last_place(dtype):
    rng = np.random.default_rng(0)
    last = np.log10(np.finfo(dtype).max) - 0.1
    x = np.concatenate([10.0 ** rng.uniform(1 - last, last, 60_000), rng.uniform(0.4, 2.5, 60_000)]).astype(dtype)
    out, of_one_more = np.empty((2, x.size), dtype)
    logarithms(out, of_one_more, x)
    x = x.astype(np.longdouble)
    assert ulps(out, np.log(x)).max() <= 3
    assert ulps(of_one_more, np.log1p(x)).max() <= 3


@njit(**OPTIONS)
def of_fractions(out, x):
    for i in range(0, x.size, lanes(x)):
        store(out, i, log1p_of_fraction(load(x, i)))


@every_dtype
def test_logarithms_of_one_and_a_fraction(dtype):
    rng = np.random.default_rng(0)
    x = np.concatenate([10.0 ** rng.uniform(-37, 0, 60_000), rng.uniform(0, 1, 60_000)]).astype(dtype)
    x[:4] = 0, 1, 0.5, np.nan
    out = np.empty_like(x)
    of_fractions(out, x)
    assert np.isnan(out[3])
    x[3] = 0.25
    of_fractions(out, x)
    assert ulps(out, np.log1p(x.astype(np.longdouble))).max() <= 3


@every_dtype
def test_logarithms_of_what_is_no_number(dtype):
    x = np.zeros(2 * n_lanes(dtype), dtype)
    x[1:3] = np.nan, np.inf
    out, of_one_more = np.empty((2, x.size), dtype)
    logarithms(out, of_one_more, x)
    assert of_one_more[0] == 0 and np.isnan(out[1:3]).all() and np.isnan(of_one_more[1:3]).all()


@pytest.mark.parametrize("width", [1, 7, 16, 33])
@every_dtype
def test_tanh_of_groups_of_columns_and_back(width, dtype):
    rng, tolerance = np.random.default_rng(0), 5e-7 if dtype == "float32" else 1e-15
    x = rng.standard_normal((5, 2 * width + 3)).astype(dtype)
    d_out = rng.standard_normal((2, 5, width + 1)).astype(dtype)
    out, d_x = np.empty((2, 5, width), dtype), np.full(x.shape, np.nan, dtype)
    tanh_groups(out, x)
    expected = np.tanh(x[:, : 2 * width]).reshape(5, 2, width).transpose(1, 0, 2)
    assert_within(tolerance, out, expected)
    tanh_groups_backward(d_x, d_out, out)
    slopes = (d_out[..., :width] * (1 - out * out)).transpose(1, 0, 2).reshape(5, -1)
    assert_within(tolerance, d_x[:, : 2 * width], slopes)
    assert not d_x[:, 2 * width :].any()
