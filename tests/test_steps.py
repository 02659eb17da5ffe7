"""Chunks of steps hold each row once; where rows of the step before lie, and where gradients stop."""

import numpy as np
import pytest

from fastrnn.kernels.steps import (
    FEW_ROWS,
    HOISTED,
    HOISTED_STEPS,
    MOST_SEQUENCES,
    hoisted_rows,
    is_cut,
    next_chunk,
    row_before,
)

COUNTS = [[1] * 40, [20] * 9, [16, 16, 9, 4, 3, 3, 1], [3, 2], [30, 5], [32] * 70, [1] * 5000, [5000, 300, 9, 3, 2]]


@pytest.mark.parametrize("row_bytes", [64, 2**15])
@pytest.mark.parametrize("counts", COUNTS, ids=lambda counts: f"{counts[:9]}x{len(counts)}")
def test_chunks_hold_each_step_once(counts, row_bytes):
    counts = np.array(counts)
    room = min(hoisted_rows(row_bytes), counts.sum())
    t = 0
    while t < counts.size:
        stop, rows, hoist = next_chunk(counts, t, room)
        assert t < stop <= counts.size
        assert rows == counts[t:stop].sum()
        if hoist:
            assert rows <= room
            assert stop == counts.size or counts[stop] >= FEW_ROWS or rows + counts[stop] > room
        else:  # a step that has no room is read as it comes
            assert ((counts[t:stop] > room) | (counts[t:stop] >= FEW_ROWS)).all()
        t = stop


def test_room_for_hoisted_rows_is_that_of_some_steps_and_of_the_cache():
    assert hoisted_rows(64) * 64 == HOISTED
    for row_bytes in (1024, 2**15):  # some steps of any shard have room, whatever they take
        assert hoisted_rows(row_bytes) >= HOISTED_STEPS * MOST_SEQUENCES


def test_rows_of_the_step_before():
    starts = np.array([0, 3, 5])
    assert [row_before(starts, t, 3) for t in range(3)] == [0, 3, 6]


def test_gradients_stop_at_multiples_of_bptt_steps_but_not_at_the_first_step():
    assert [t for t in range(9) if is_cut(t, 3)] == [3, 6]
    assert not any(is_cut(t, 0) for t in range(9))
