"""Chunks and runs of steps hold each row once; where rows of the step before lie, and where gradients stop."""

import numpy as np
import pytest

from fastrnn.kernels.steps import FEW_ROWS, hoisted_rows, is_cut, next_chunk, next_run, row_before

COUNTS = [[1] * 40, [20] * 9, [16, 16, 9, 4, 3, 3, 1], [3, 2, 0, 0], [30, 5, 0]]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("row_bytes", [64, 2**15])
@pytest.mark.parametrize("counts", COUNTS, ids=str)
def test_chunks_hold_each_step_once(counts, row_bytes, streamed):
    counts = np.array(counts)
    alive = int((counts > 0).sum())
    room = hoisted_rows(counts[0], alive, row_bytes)
    t = 0
    while t < alive:
        stop, hoist = next_chunk(counts[np.newaxis], 0, t, streamed, room)
        assert t < stop <= alive
        if hoist:
            assert counts[t:stop].sum() <= room
        else:
            assert not streamed and (counts[t:stop] >= FEW_ROWS).all()
        t = stop


def test_runs_of_rows_that_lie_together():
    starts, counts = np.array([[4, 7, 9, 20, 21]]), np.array([[3, 2, 1, 1, 1]])
    assert next_run(starts, counts, 0, 0, 5) == (6, 3)
    assert next_run(starts, counts, 0, 1, 5) == (3, 3)
    assert next_run(starts, counts, 0, 0, 2) == (5, 2)
    assert next_run(starts, counts, 0, 3, 5) == (2, 5)
    assert next_run(starts, counts, 0, 4, 5) == (1, 5)


def test_rows_of_the_step_before():
    starts, firsts = np.array([[0, 3, 5], [6, 8, 0]]), np.array([0, 3])
    assert [row_before(starts, firsts, 0, t, 5) for t in range(3)] == [0, 5, 8]
    assert [row_before(starts, firsts, 1, t, 5) for t in range(2)] == [3, 11]


def test_gradients_stop_at_multiples_of_bptt_steps_but_not_at_the_first_step():
    assert [t for t in range(9) if is_cut(t, 3)] == [3, 6]
    assert not any(is_cut(t, 0) for t in range(9))
