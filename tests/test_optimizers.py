"""Each optimiser against the same rule in NumPy, written from its paper."""

from types import SimpleNamespace

import numpy as np
import pytest
import reference as ref

from fastrnn import threads
from fastrnn.kernels.vectors import CACHE_LINE
from fastrnn.optimizers import BLOCK, Optimizer, Sweeps, norm


def over(theta, gradient, decays, optimizer=None):
    return Sweeps(SimpleNamespace(theta=theta, gradient=gradient, decays=decays), optimizer)


def adam(theta, gradients, rate):
    m = v = np.zeros_like(theta)
    for n, g in enumerate(gradients, 1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        m_hat = m / (1 - 0.9**n)
        v_hat = v / (1 - 0.999**n)
        theta = theta - rate * m_hat / (np.sqrt(v_hat) + 1e-8)
    return theta


def rmsprop(theta, gradients, rate):
    v = np.zeros_like(theta)
    for g in gradients:
        v = 0.99 * v + 0.01 * g**2
        theta = theta - rate * g / (np.sqrt(v) + 1e-8)
    return theta


def sgd(theta, gradients, rate, momentum=0.9):
    """Momentum: v = m v - rate g, theta += v."""
    v = np.zeros_like(theta)
    for g in gradients:
        v = momentum * v - rate * g
        theta = theta + v
    return theta


def nesterov(theta, gradients, rate, momentum=0.9):
    """The point from which the next gradient is taken lies ahead of the classic iterate."""
    v = np.zeros_like(theta)
    for g in gradients:
        v = momentum * v - rate * g
        theta = theta + momentum * v - rate * g
    return theta


RULES = {
    "adam": ({"name": "adam"}, adam),
    "adamw": ({"name": "adamw"}, adam),
    "rmsprop": ({"name": "rmsprop"}, rmsprop),
    "sgd": ({"name": "sgd", "nesterov": False}, sgd),
    "sgd_nesterov": ({"name": "sgd"}, nesterov),
    "sgd_light": ({"name": "sgd", "momentum": 0.3, "nesterov": False}, lambda t, g, r: sgd(t, g, r, 0.3)),
    "sgd_plain": ({"name": "sgd", "momentum": 0.0}, lambda t, g, r: sgd(t, g, r, 0.0)),
}


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-13)])
@pytest.mark.parametrize("rule", RULES)
def test_steps_equal_the_formula(rule, dtype, tolerance):
    options, formula = RULES[rule]
    rng = np.random.default_rng(0)
    start = rng.standard_normal(37)
    gradients = rng.standard_normal((20, 37)) * 10.0 ** rng.integers(-4, 3, 37)
    gradients[:, 5] = 0
    theta = start.astype(dtype)
    optimizer, gradient = Optimizer(size=37, dtype=dtype, **options), np.empty_like(theta)
    sweeps = over(theta, gradient, theta, optimizer)
    for given in gradients.astype(dtype):
        gradient[:] = given
        sweeps.step(0.01)
        assert (gradient == given).all()
    assert theta.dtype == dtype and optimizer.n_steps == 20
    ref.assert_within(tolerance, theta, formula(start, gradients, 0.01))
    assert theta[5] == start.astype(dtype)[5]


def test_nesterovs_form_is_his_method_seen_from_ahead():
    # theta_ahead = theta + m v, where the gradient is taken at theta_ahead (Nesterov 1983).
    curvature = np.array([1.0, 10.0])
    ahead, gradient = np.array([3.0, -2.0]), np.empty(2)
    sweeps = over(ahead, gradient, ahead, Optimizer("sgd", 2, "float64"))
    theta, v = ahead.copy(), np.zeros(2)
    for _ in range(15):
        v = 0.9 * v - 0.05 * curvature * (theta + 0.9 * v)
        theta = theta + v
        gradient[:] = curvature * ahead
        sweeps.step(0.05)
    ref.assert_within(1e-13, ahead, theta + 0.9 * v)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_decay_and_penalty_touch_only_what_decays(dtype):
    theta = np.arange(1, 6).astype(dtype)
    gradient = np.ones(5, dtype)
    decays = np.array([1, 0, 1, 1, 0], dtype)
    value = over(theta, gradient, decays).step(alpha=0.5)
    assert value == 0.25 * (1 + 9 + 16)
    assert gradient.tolist() == [1.5, 1, 2.5, 3, 1]
    gradient[:] = 0
    over(theta, gradient, decays, Optimizer("sgd", 5, dtype)).step(0.1, decay=0.25)
    assert theta.tolist() == [0.75, 2, 2.25, 3, 5]


@pytest.mark.parametrize("rule", RULES)
def test_blocks_and_threads_change_no_bits(rule):
    size = 2 * BLOCK + 5
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((3, size)).astype(np.float32)
    answers = []
    for n_jobs in (1, 2, 3):
        theta, gradient = vectors[0].copy(), vectors[1].copy()
        sweeps = over(theta, gradient, vectors[2], Optimizer(size=size, dtype="float32", **RULES[rule][0]))
        with threads.limit(n_jobs):
            penalty = sweeps.step(0.01, 0.1, 0.1, 2.0, 1.0)
        answers.append((penalty, theta.tobytes(), norm(gradient)))
    assert len(set(answers)) == 1
    ref.assert_within(1e-6, answers[0][2], 2.0)


def test_memory_lies_on_cache_lines():
    """Else a step takes twice as long, by chance."""
    size = 3 * BLOCK + 5
    optimizer, other = Optimizer("adam", size, "float32"), Optimizer("adam", size, "float32")
    other.recall(optimizer.first + 1, optimizer.second + 2, 3)
    for one, memory in ((optimizer, (0, 0, 0)), (other, (1, 2, 3))):
        assert one.first.ctypes.data % CACHE_LINE == one.second.ctypes.data % CACHE_LINE == 0
        assert ((one.first == memory[0]) & (one.second == memory[1])).all() and one.n_steps == memory[2]


def test_the_norm_neither_overflows_nor_loses_small_parts():
    for n in (1, 7, 8, 1000):
        vector = np.random.default_rng(0).standard_normal(n).astype(np.float32)
        ref.assert_within(1e-6, norm(vector), np.linalg.norm(vector.astype(float)))
    assert norm(np.full(4, 1e30, np.float32)) == pytest.approx(2e30, rel=1e-6)
    assert norm(np.zeros(3)) == 0


def clipped(gradient, clip_norm, clip_value):
    gradient = np.array(gradient)
    theta, optimizer = np.zeros_like(gradient), Optimizer("sgd", gradient.size, gradient.dtype)
    over(theta, gradient, theta, optimizer).step(clip_norm=clip_norm, clip_value=clip_value)
    return gradient.tolist()


def test_clip():
    assert clipped([3.0, -4.0], None, None) == clipped([3.0, -4.0], 10.0, 5.0) == [3, -4]
    np.testing.assert_allclose(clipped([3.0, -4.0], 2.5, None), [1.5, -2])
    np.testing.assert_allclose(clipped([1.5, -2.0], None, 1.75), [1.5, -1.75])
    # Values first, then the norm.
    np.testing.assert_allclose(clipped([3.0, -4.0], 1.0, 3.0), np.array([1, -1]) / np.sqrt(2))
    assert clipped([0.0, 0.0], 1.0, None) == [0, 0]
    np.testing.assert_array_equal(clipped([np.nan, 3.0], None, 2.0), [np.nan, 2])


def test_a_sweep_without_memory_is_an_error():
    sweeps = over(np.ones(3), np.ones(3), np.ones(3), Optimizer("adam", 3, "float64"))
    sweeps.calls.run = lambda: True
    with pytest.raises(MemoryError, match="no memory"):
        sweeps.step(0.1)
