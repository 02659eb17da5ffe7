"""Numbers below the smallest normal one are zeros to kernels, in each thread, and stay what they are to all others."""

from types import SimpleNamespace

import numba
import numpy as np
import pytest

from fastrnn import SequenceClassifier, SequenceGenerator, SequenceRegressor, threads
from fastrnn.kernels.caching import njit
from fastrnn.kernels.subnormals import flush, restore
from fastrnn.kernels.vectors import OPTIONS
from fastrnn.layers import GRU, LSTM, RNN
from fastrnn.online import OnlineClassifier
from fastrnn.optimizers import Optimizer, Sweeps

TINY = {"float32": 1e-40, "float64": 1e-310}


@njit(**OPTIONS)
def halve_both_ways(x, within, after):
    mode = flush()
    for k in range(x.size):
        within[k] = x[k] / 2
    restore(mode)
    for k in range(x.size):
        after[k] = x[k] / 2


@numba.njit(parallel=True)
def halve(x, out):
    for k in numba.prange(x.size):
        out[k] = x[k] / 2


def assert_kept_by_others():
    """Neither this thread nor Numba's other ones take them as zeros."""
    x, out = np.full(64, TINY["float32"], np.float32), np.empty(64, np.float32)
    halve(x, out)
    assert (out > 0).all() and (x / 2 > 0).all()


@pytest.mark.parametrize("dtype", TINY)
def test_they_are_zeros_until_the_mode_is_restored(dtype):
    x = np.array([TINY[dtype], 1], dtype)
    within, after = np.empty((2, 2), dtype)
    halve_both_ways(x, within, after)
    assert within.tolist() == [0, 0.5] and after.tobytes() == (x / 2).tobytes()


@pytest.mark.parametrize("dtype", TINY)
@pytest.mark.parametrize("make", [RNN, LSTM, GRU])
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("hidden_size", [16, 600])  # with 600, threads share each step
def test_gradients_that_have_vanished_are_zeros(dtype, make, n_jobs, hidden_size, monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 0)
    layer = make(3, hidden_size, dtype=dtype, random_state=0)
    x = np.random.RandomState(0).standard_normal((8, 20, 3)).astype(dtype)
    with threads.limit(n_jobs):
        layer(x)
        d_x, d_h_0 = layer.backward(np.full((8, 20, hidden_size), TINY[dtype], dtype))
    assert not d_x.any() and not np.any(d_h_0)
    assert_kept_by_others()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_network_forgets_gradients_of_long_ago(n_jobs):
    """.9 of the smallest number is rounded to it: words that do not come kept memories of it for ever."""
    X, y = [[0, 1], [1, 0], [0, 0], [1, 1]] * 8, [0, 1, 0, 1] * 8
    X[0] = [2, 0]  # comes once an epoch, and never after the first fit
    model = SequenceClassifier(embedding_dim=4, hidden_size=8, batch_size=4, max_iter=1, warm_start=True, n_jobs=n_jobs,
                               random_state=0).fit(X, y)  # fmt: skip
    X[0] = [1, 0]
    model.set_params(max_iter=150).fit(X, y)
    memory = model._trainer.optimizer.first
    assert not np.any((memory != 0) & (np.abs(memory) < np.finfo(np.float32).tiny))
    assert_kept_by_others()


def test_adam_forgets():
    theta = np.ones(40, np.float32)
    optimizer = Optimizer("adam", theta.size, theta.dtype)
    optimizer.first[:], optimizer.second[:] = TINY["float32"], TINY["float32"]
    Sweeps(SimpleNamespace(theta=theta, gradient=np.zeros_like(theta), decays=theta), optimizer).step(rate=0.1)
    assert not optimizer.first.any() and not optimizer.second.any() and (theta == 1).all()


@pytest.mark.parametrize("cell", ["lstm", "gru", "mingru", "minlstm", "sru"])
def test_derivatives_by_weights_of_a_feature_that_came_once(cell):
    learner = OnlineClassifier(cell=cell, hidden_size=4, normalize_X=False, random_state=0)
    learner.learn_one({"rare": 1.0, "x": 0.5}, "a")
    for k in range(1500):
        learner.learn_one({"rare": 0.0, "x": 0.5}, "ab"[k % 2])
    found = learner._derivatives[0]
    assert not np.any((found != 0) & (np.abs(found) < np.finfo(found.dtype).tiny))
    assert_kept_by_others()


@pytest.mark.parametrize("dtype", TINY)
@pytest.mark.parametrize("missing", ["error", "mask"])
@pytest.mark.parametrize("unit", [1e-306, 1e-310])
def test_units_may_be_as_small(dtype, missing, unit):
    """What streams say in a program of numbers in such units, and `predict` outside of one."""
    X = [unit * x for x in np.random.RandomState(0).standard_normal((6, 5, 2))]
    options = {"hidden_size": 4, "max_iter": 2, "random_state": 0, "dtype": dtype, "missing": missing}
    model = SequenceRegressor(**options).fit(X, [x[-1, 0] for x in X])
    stream = model.stream()
    for x, answer in zip(X, model.predict(X), strict=True):
        stream.reset()
        assert [stream.step(step) for step in x][-1] == answer != 0


def test_a_step_that_is_to_come_may_be_as_small():
    X = list(np.random.RandomState(0).standard_normal((6, 5, 2)))
    options = {"embedding_dim": None, "stateful": False, "hidden_size": 4, "max_iter": 2, "random_state": 0}
    small, large = (SequenceGenerator(**options).fit([unit * x for x in X]).stream() for unit in (1e-310, 1.0))
    # Means and deviations of five pairs.
    answers = small.step(1e-310 * X[0][0])[5:25] / 1e-310, large.step(X[0][0])[5:25]
    np.testing.assert_allclose(*answers, rtol=1e-6)
