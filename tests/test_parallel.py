"""Kernels called by address from the one parallel loop."""

import numpy as np
import pytest
from numba import njit

from fastrnn.kernels.parallel import run_steps, run_tasks


@njit(nogil=True)
def scale(out, x, factor, negative, task):
    for k in range(x.shape[1]):
        out[task, k] = -factor * x[task, k] if negative else factor * x[task, k]


@njit(nogil=True)
def follow(log, task, step):
    """Each step sees what all tasks of the step before have left."""
    before = 0
    for other in range(log.shape[1]):
        before += log[step, other]
    log[step + 1, task] = before + task


@njit(nogil=True)
def fail(out, task):
    if task == 2:
        raise MemoryError
    out[task] = 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("negative", [False, True])
def test_each_task_runs_once_with_its_arguments(dtype, negative):
    x = np.arange(35.0).reshape(7, 5).astype(dtype)
    for n_tasks in (0, 1, 3, 7):
        out = np.full((7, 5), 77, dtype)
        run_tasks(scale, n_tasks, (out, x, 3, negative), 2)
        assert (out[:n_tasks] == (-3 if negative else 3) * x[:n_tasks]).all()
        assert (out[n_tasks:] == 77).all()


def test_arrays_of_another_rank_and_read_only_ones_are_told_apart():
    out, x = np.zeros((2, 3)), np.ones((2, 3))
    x.flags.writeable = False
    run_tasks(scale, 2, (out, x, 2, False), 2)
    run_tasks(scale, 2, (out, np.ones((4, 3))[::2], 2, False), 2)
    assert (out == 2).all()


def test_steps_come_one_after_the_other():
    T, n = 5, 4
    log = np.zeros((T + 1, n), np.int64)
    run_steps(follow, T, n, (log,), 2)
    expected = np.zeros((T + 1, n), np.int64)
    for step in range(T):
        expected[step + 1] = expected[step].sum() + np.arange(n)
    assert (log == expected).all()


def test_a_task_without_memory_is_an_error():
    out = np.zeros(4)
    run_tasks(fail, 2, (out,), 2)
    assert out.tolist() == [1, 1, 0, 0]
    with pytest.raises(MemoryError):
        run_tasks(fail, 4, (out,), 2)
