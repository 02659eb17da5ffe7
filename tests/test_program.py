"""Frames are filled in, and kernels called by address with what lies in them."""

import numpy as np
import pytest
from numba import types

from fastrnn.kernels import program as kernel
from fastrnn.kernels.caching import njit
from fastrnn.kernels.program import addresses, begin, lay_out, loop, run_once, words


@njit()
def put(frame, derived, n_derived, buffers, n_buffers, arena, sums):
    return lay_out(words(frame), words(derived), n_derived, words(buffers), n_buffers, arena, sums)


@njit()
def scale(out, x, factor, nothing, twice):
    for k in range(out.size):
        out[k] = factor * x[0, k] if nothing is None else 0
    if twice:
        out[:] = 2 * out


@njit()
def fail(out, least):
    if least > 0:
        raise MemoryError
    out[0] += 1


@njit()
def note(data, task, step):
    seen = words(data)
    seen[1 + task] = seen[1 + task] * 10 + step + 1


@njit()
def note_task(log, task, step):
    log[step, task] += 1


def frame_of(*values):
    """A frame with these words after the fixed ones."""
    return np.array([*[0] * kernel.N_FIXED, *values], np.int64)


def words_of(array):
    return 0, 0, array.size, array.itemsize, array.ctypes.data, *array.shape, *array.strides


def code_of(function, kinds, groups, sharing=(0, 0)):
    kinds = (*kinds, *[types.intp] * sum(word > 0 for word in sharing))
    return np.array([*addresses([(function, kinds)]), *sharing, len(groups), *sum(groups, ())], np.int64)


def test_sizes_addresses_and_shapes_are_filled_in():
    N = kernel.N_FIXED
    # An array (S, 3) of 4 bytes an element, one (2, T, B) of 8, sums (5,), and a part of the first from row B on.
    frame = frame_of(*[0, 0, 0, 4, 0, 0, 3, 0, 0], *[0, 0, 0, 8, 0, 2, 0, 0, 0, 0, 0], *[0, 0, 0, 4, 0, 5, 0],
                     *[0, 0, 0, 4, 0, 0, 0, 0], 0)  # fmt: skip
    first, second, third, part = N, N + 9, N + 20, N + 27
    least = N + 35
    buffers = np.array([
        [first, 2, kernel.OF_ARENA, 0, 0, 0, kernel.S, 0, 0],
        [second, 3, kernel.OF_ARENA, 0, 0, 0, 0, kernel.T, kernel.B],
        [third, 1, kernel.OF_SUMS, 0, 0, 640, 0, 0, 0],
        [part, 1, kernel.OF_ANOTHER, first, kernel.B, 12, least, 0, 0],
    ])  # fmt: skip
    derived = np.array([least, kernel.S, 2, 9])
    for B, S, T, expected in ((2, 7, 4, 9), (3, 5, 2, 7)):
        frame[kernel.B], frame[kernel.S], frame[kernel.T] = B, S, T
        used = put(frame.ctypes.data, derived.ctypes.data, 1, buffers.ctypes.data, 4, 2**20, 2**30)
        assert frame[kernel.B_AND_S] == B + S and frame[least] == expected
        assert frame[first : first + 9].tolist() == [0, 0, 3 * S, 4, 2**20, S, 3, 12, 4]
        start = 2**20 + -(-12 * S // 64) * 64  # whole cache lines
        assert frame[second : second + 11].tolist() == [0, 0, 2 * T * B, 8, start, 2, T, B, 8 * T * B, 8 * B, 8]
        assert frame[third : third + 7].tolist() == [0, 0, 5, 4, 2**30 + 640, 5, 4]
        assert frame[part : part + 7].tolist() == [0, 0, expected, 4, 2**20 + 12 * B, expected, 4]
        assert used == start - 2**20 + -(-16 * T * B // 64) * 64


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_kernel_reads_arrays_integers_and_none(dtype):
    out, x = np.zeros(5, dtype), np.arange(10, dtype=dtype).reshape(2, 5)
    frame = frame_of(*words_of(out), *words_of(x), 3, 1)
    kind = getattr(types, dtype)
    kinds = types.Array(kind, 1, "C"), types.Array(kind, 2, "C"), types.intp, types.none, types.intp
    N = kernel.N_FIXED
    groups = [(N, 7), (N + 7, 9), (N + 16, 1), (kernel.NONE, 1), (N + 17, 1)]
    code = code_of(scale, kinds, groups)
    assert not run_once(code.ctypes.data, 1, frame.ctypes.data, 0)
    assert out.tolist() == [0, 6, 12, 18, 24]


def test_a_kernel_that_fails_ends_the_calls():
    out = np.zeros(1)
    frame = frame_of(*words_of(out), 0, 1)
    N, kinds = kernel.N_FIXED, (types.Array(types.float64, 1, "C"), types.intp)
    good, bad = (code_of(fail, kinds, [(N, 7), (N + word, 1)]) for word in (7, 8))
    for calls, failed, done in (([good, good], False, 2), ([good, bad, good], True, 1)):
        out[0], code = 0, np.concatenate(calls)
        assert run_once(code.ctypes.data, len(calls), frame.ctypes.data, 0) == failed
        assert out[0] == done


def test_shared_calls_of_one_thread_are_made_step_by_step():
    log = np.zeros((3, 4), np.int64)
    frame = frame_of(*words_of(log), 4, 3, 2)
    N = kernel.N_FIXED
    kinds = (types.Array(types.int64, 2, "C"),)
    code = code_of(note_task, kinds, [(N, 9)], (N + 9, N + 10))
    assert not run_once(code.ctypes.data, 1, frame.ctypes.data, 0)
    assert (log == 1).all()


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_the_loop_makes_each_task_of_a_step_before_the_next(n_threads):
    seen = np.zeros(1 + 7, np.int64)
    loop(*addresses([(note, (types.intp,) * 3)]), seen.ctypes.data, n_threads, 4, 7)
    assert seen.tolist() == [0, *[1234] * 7]


def test_the_largest_arena_has_room_for_any_shard():
    N = kernel.N_FIXED
    frame = frame_of(*[0, 0, 0, 4, 0, 0, 0, 0, 0])
    buffers = np.array([N, 2, kernel.OF_ARENA, 0, 0, 0, kernel.S, kernel.T, 0])
    table = np.zeros((3, kernel.SHARD_WORDS), np.int64)
    table[:, kernel.S - 1], table[:, kernel.T - 1] = (30, 2, 9), (1, 8, 3)
    job, scratch, nothing = np.zeros(kernel.N_FIELDS, np.int64), np.empty_like(frame), np.zeros(4, np.int64)
    job[kernel.FRAMES], job[kernel.FRAME], job[kernel.N_WORDS] = scratch.ctypes.data, frame.ctypes.data, frame.size
    job[kernel.BUFFERS], job[kernel.N_BUFFERS] = buffers.ctypes.data, 1
    job[kernel.SHARDS], job[kernel.N_SHARDS], job[kernel.DERIVED] = table.ctypes.data, 3, nothing.ctypes.data
    assert begin(job.ctypes.data, 0, 0, 0, 3) == 30 * 8 * 4
