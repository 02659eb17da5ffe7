"""Programs: what their calls read and leave, for any number of threads."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest

from fastrnn import programs, threads
from fastrnn.kernels.caching import njit
from fastrnn.kernels.gradient import fold
from fastrnn.kernels.rows import scatter_add_rows
from fastrnn.packing import Rows, Shards
from fastrnn.programs import BEFORE, FIRST, MOST_SHARERS, PLACES, SHARERS, B, Pass, Program, S, Standing, T


@njit()
def spread(out, values, numbers, factor, nothing):
    """out[number] = factor values[number] for the shard's own, which nothing must come with."""
    for q in range(numbers.size):
        out[numbers[q]] = factor * values[numbers[q]] if nothing is None else -1


@njit()
def put(out, row, column, value):
    out[row, column] = value


@njit()
def put_shape(out, row, column, array):
    for axis in range(array.ndim):
        out[row, column + axis] = array.shape[axis]


@njit()
def fill(array, value):
    array[:] = value


@njit()
def add(total, values, numbers):
    for q in range(numbers.size):
        total[0] += values[numbers[q]]


@njit()
def take(out, array, rows):
    for k in range(rows.size):
        out[rows[k]] = array[k]


@njit()
def copy(out, array):
    out[:] = array


@njit()
def square(out, values, rows):
    for k in range(rows.size):
        out[k] = values[rows[k]] * values[rows[k]]


@njit()
def fail_at(numbers, wrong):
    for q in range(numbers.size):
        if numbers[q] == wrong:
            raise MemoryError


@njit()
def fail_at_task(numbers, wrong, task):
    if numbers[task] == wrong[0]:
        raise MemoryError


@njit()
def follow(log, task, step):
    """Each step sees what all tasks of the step before have left."""
    before = 0
    for other in range(log.shape[1]):
        before += log[step, other]
    log[step + 1, task] = before + task


@njit()
def count_up(out, n_parts, task):
    for k in range(out.size * task // n_parts, out.size * (task + 1) // n_parts):
        out[k] += 1


@contextlib.contextmanager
def at_once(n, monkeypatch):
    """Let n threads work, however little there is to do."""
    if n > numba.config.NUMBA_NUM_THREADS:
        pytest.skip(f"numba may start {numba.config.NUMBA_NUM_THREADS} threads only")
    monkeypatch.setattr(threads, "SMALL", -1)
    with threads.limit(n):
        yield


def of_sequences(n, seed=0, is_shared=False):
    """Lengths, their shards, and what `Rows` is given."""
    lengths = np.random.default_rng(seed).integers(1, 6, n)
    shards = Shards(lengths, [np.arange(n)], 4, is_shared)
    begins = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return lengths, shards, {"lengths": lengths, "begins": begins, "stride": 1, **shards.given}


every_count = pytest.mark.parametrize("n_threads", [1, 2, 3])


@every_count
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_call_reads_what_is_given_and_fixed(dtype, n_threads, monkeypatch):
    _, shards, given = of_sequences(50)
    p, out = Program(dtype), np.zeros(50, dtype)
    rows = Rows(p)
    p.call(spread, out, p.given("values", dtype, 1), rows.numbers, p.given("factor"), None)
    values = np.arange(100, dtype=dtype)[::2]  # not contiguous
    with at_once(n_threads, monkeypatch):
        one = Pass(p, shards, 1, values=values, factor=3, unknown=None, **given)
        one.run()
        assert (out == 3 * values).all()
        one.give(values=np.ones(50, "float16"), factor=2)  # another precision
        one.run()
        assert (out == 2).all()
        longer = np.full(60, 7, dtype)
        longer.flags.writeable = False
        one.give(values=longer)
        one.run(1, 2)
        assert sorted(out) == [*[2] * (50 - shards.table[1, 0]), *[14] * shards.table[1, 0]]


def test_arrays_given_again_are_found_where_they_are():
    _, shards, given = of_sequences(9)
    p, out = Program("float64"), np.zeros(9)
    p.call(spread, out, p.given("values", "float64", 1), Rows(p).numbers, 1, None)
    one = Pass(p, shards, 1, values=np.zeros(9), **given)
    for k in range(20):
        one.give(values=np.full(9, k))  # nobody else holds it
        one.run()
        assert (out == k).all()
        lent = np.full(9 if k % 2 else 12, 100.0 + k)  # held here, of any length, and read where it is
        one.lend(values=lent)
        one.run()
        lent += 1000
        one.run()
        assert (out == 1100 + k).all()


def test_rooms_parts_and_derived_sizes():
    lengths, shards, given = of_sequences(20)
    p, out = Program("float32"), np.zeros((20, 12), np.int64)
    rows = Rows(p)
    least, some = p.at_most(S, 23), p.at_most(T, 2**40, more=2)
    for column, size in enumerate((B, S, T, BEFORE, FIRST, least, some)):
        p.call(put, out, FIRST, column, size)
    p.call(put_shape, out, FIRST, 7, p.room(3, S, 2))
    p.call(put_shape, out, FIRST, 10, p.room(least, some, dtype=np.int64))
    whole, copy = p.room(S, dtype="float64"), np.zeros(lengths.sum())
    p.call(fill, whole, 5)
    p.call(fill, p.part(whole, (B,), B, 1), 6)  # the second row of each sequence, or the third of all
    p.call(take, copy, whole, rows.rows)
    Pass(p, shards, 1, **given).run()
    before = 0
    for n, first, s, t in shards.table[:, :4].tolist():
        assert out[first].tolist() == [n, s, t, before, first, min(s, 23), t + 2, 3, s, 2, min(s, 23), t + 2]
        before += s
    assert sorted(copy) == [*[5] * (lengths.sum() - 20), *[6] * 20]


@every_count
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 40, 900])
def test_sums_are_those_of_places_in_their_order(n, dtype, n_threads, monkeypatch):
    _, shards, given = of_sequences(n)
    values = np.random.default_rng(3).standard_normal(n).astype(dtype)
    p, out, n_runs = Program(dtype), np.zeros(1, dtype), np.zeros((1, 1), np.int64)
    rows, ahead, total = Rows(p), p.sums(3, 5, dtype="float64"), p.sums(1)
    p.call(add, total, values, rows.numbers)
    p.call(put, p.part(ahead, (3, 5)), 2, 4, 1)
    every, start = p.placed(total)
    p.call(fold, out, 1, 1, every, start, 0, stage="after")
    p.call(put, n_runs, 0, 0, 7, stage="before")
    places = np.zeros(min(len(shards), PLACES), dtype)
    for k, (size, first) in enumerate(shards.table[:, :2].tolist()):
        numbers = shards.order[first : first + size]
        for number in numbers[np.argsort(-given["lengths"][numbers], kind="stable")]:
            places[k % places.size] += values[number]
    expected = np.cumsum(places)[-1]  # one after the other
    with at_once(n_threads, monkeypatch):
        one = Pass(p, shards, 1, **given)
        for _ in range(3):
            out[:] = 0
            one.run()
            assert out[0] == expected
    assert n_runs[0, 0] == 7


@every_count
def test_rows_of_a_batch_are_those_of_its_shards(n_threads, monkeypatch):
    lengths = np.random.default_rng(0).integers(1, 6, 80)
    batches = [np.arange(30), np.arange(30, 80)]
    shards, begins = Shards(lengths, batches, 4, False), np.cumsum([0, *lengths])
    values, out = np.arange(lengths.sum(), dtype=np.float64), np.zeros((lengths.sum(), 1))
    p = Program("float64")
    rows = Rows(p)
    (own, every), (own_rows, every_row) = p.of_batch(1), p.of_batch(dtype=np.int64)
    p.call(square, p.part(own, (S,)), values, rows.rows)
    p.call(copy, own_rows, rows.rows)
    p.call(scatter_add_rows, out, every, every_row, p.given("n_steps"), 1, stage="after")
    with at_once(n_threads, monkeypatch):
        one = Pass(p, shards, 1, lengths=lengths, begins=begins[:-1], stride=1, **shards.given)
        for first, end, numbers in zip(shards.firsts, shards.firsts[1:], batches, strict=False):
            out[:] = 0
            one.run(first, end)
            own = np.isin(np.repeat(np.arange(80), lengths), numbers)
            assert (out[:, 0] == np.where(own, values**2, 0)).all()


@every_count
@pytest.mark.parametrize("n", [3, 200])
def test_threads_that_share_a_call_do_its_steps_one_after_the_other(n, n_threads, monkeypatch):
    _, shards, given = of_sequences(n, is_shared=True)
    steps, tasks = 5, 4
    p = Program("float64", is_shared=True)
    Rows(p)
    log, out = np.zeros((steps + 1, tasks), np.int64), np.zeros(1000)
    p.share(follow, log, tasks=tasks, steps=steps)
    p.share(count_up, out, SHARERS, tasks=SHARERS)
    with at_once(n_threads, monkeypatch):
        Pass(p, shards, 1, **given).run()
    expected = np.zeros_like(log)
    for step in range(steps):
        expected[step + 1] = expected[step].sum() + np.arange(tasks)
    assert (log == expected).all()
    assert (out == len(shards)).all() and n_threads <= MOST_SHARERS


@every_count
@pytest.mark.parametrize("stage", ["before", "forward", "after"])
@pytest.mark.parametrize("is_shared", [False, True])
def test_a_kernel_without_memory_is_an_error_and_the_next_run_none(is_shared, stage, n_threads, monkeypatch):
    _, shards, given = of_sequences(70, is_shared=is_shared)
    p = Program("float64", is_shared=is_shared)
    numbers = Rows(p).numbers if stage == "forward" else np.arange(70)
    p.call(fail_at, numbers, p.given("wrong"), stage=stage)
    with at_once(n_threads, monkeypatch):
        one = Pass(p, shards, 1, wrong=33, **given)
        with pytest.raises(MemoryError, match="no memory"):
            one.run()
        one.give(wrong=-1)
        one.run()


@every_count
@pytest.mark.parametrize("is_shared", [False, True])
def test_a_program_that_is_kept_ready_says_whether_a_kernel_has_raised(is_shared, n_threads, monkeypatch):
    numbers, wrong, p = np.arange(7), np.array([3]), Program("float64")
    if is_shared:
        p.share(fail_at_task, numbers, wrong, tasks=7)
    else:
        p.call(fail_at_task, numbers, wrong, 3)
    with at_once(n_threads, monkeypatch):
        run = Standing(p, 1).run
        assert run()
        wrong[0] = -1
        assert not run()


def test_memory_is_that_of_the_run_before():
    _, shards, given = of_sequences(30)
    p, seen = Program("float64"), set()
    room = p.room(S, 7)
    p.call(fill, p.part(room, (S,)), 1)
    one = Pass(p, shards, 1, **given)
    for _ in range(3):
        one.run()
        seen.add(one._used)
    Pass(p, of_sequences(3)[1], 1, **given).run()
    one.run()
    assert len(seen | {one._used}) == 1


@every_count
def test_a_pass_that_is_kept_goes_on_from_what_its_shards_have_left(n_threads, monkeypatch):
    lengths, shards, given = of_sequences(60)
    values = np.random.default_rng(0).standard_normal(lengths.sum())
    p, out, total = Program("float64"), np.zeros(values.size), np.zeros(1)
    rows, kept, times = Rows(p), p.room(S), p.sums(1)
    p.call(square, kept, values, rows.rows)
    p.call(take, out, kept, rows.rows, stage="backward")
    p.call(add, times, np.ones(60), rows.numbers, stage="backward")
    p.call(fold, total, 1, 1, *p.placed(times), 0, stage="after")
    with at_once(n_threads, monkeypatch):
        one = Pass(p, shards, 1, is_kept=True, **given)
        for _ in range(2):
            one.take("forward")
            one.run()
            for shard in (0, len(shards) - 1):
                assert (one.array(kept, shard) == values[one.array(rows.rows, shard)] ** 2).all()
            assert not out.any() and not total.any()
            with threads.limit(3 - n_threads if n_threads < 3 else 1):  # another number on the way back
                one.take("backward")
                one.run()
            assert (out == values**2).all() and total[0] == 60
            out[:] = total[:] = 0


@every_count
def test_tasks_by_themselves(n_threads, monkeypatch):
    out = np.zeros(101)
    with at_once(n_threads, monkeypatch):
        p = Program("float64")
        p.share(count_up, out, 7, tasks=7)
        Standing(p, 1).run()
    assert (out == 1).all()


def test_threads_that_ask_at_once_for_a_programs_code_are_given_the_same(monkeypatch):
    """A pass holds its address: whoever was there while another compiled must not put a second in its place."""
    p, entered, make = Program("float64"), [], programs._code
    p.call(fill, np.zeros(3), 1)
    both, is_answered = threading.Event(), threading.Event()

    def wait_and_make(calls):
        entered.append(calls)
        if len(entered) == 1:
            assert both.wait(30)
        else:
            both.set()
            assert is_answered.wait(30)
        return make(calls)

    monkeypatch.setattr(programs, "_code", wait_and_make)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(p.code, "forward") for _ in range(2)]
        for answer in answers:
            answer.add_done_callback(lambda _: is_answered.set())
    assert answers[0].result()[0] is answers[1].result()[0] is p.code("forward")[0]


def row_of(lengths, work, is_shared=False, more=0, size=1):
    """How many batches, of so many sequences of so many steps each, are a row, from each of them on."""
    batches = np.arange(len(lengths) * size).reshape(-1, size)
    one = Pass(Program("float32", is_shared), Shards(np.repeat(lengths, size), [*batches], 4, is_shared), work)
    return [one.fits_in_a_row(k, more) for k in range(len(lengths))]


def test_a_row_of_batches_ends_with_its_moment(monkeypatch):
    monkeypatch.setattr(programs, "MOMENT", 1000)
    assert row_of([2] * 6, 1) == [6, 5, 4, 3, 2, 1]
    assert row_of([2] * 6, 500) == [2, 2, 2, 2, 2, 1]
    assert row_of([2, *[300] * 6], 1) == [5, 4, 4, 4, 3, 2, 1]  # however short the first is
    assert row_of([2, 5000, 2], 1) == [2, 1, 1]
    assert row_of([2, 2], 1, is_shared=True) == [0, 0]


def test_a_row_of_batches_is_of_as_many_threads_as_its_first(monkeypatch):
    monkeypatch.setattr(threads, "available", lambda work: 1 + (work > 100))
    assert row_of([2, 2, 300, 300, 2], 1) == [2, 1, 2, 1, 1]
    monkeypatch.setattr(threads, "available", lambda work: 1)
    assert row_of([2, 2, 300, 2], 1) == [4, 3, 2, 1]


def test_a_row_of_batches_counts_what_follows_each(monkeypatch):
    """A step of a large table of vectors takes longer than a batch of few steps: a Ctrl-C waited for thousands."""
    monkeypatch.setattr(programs, "MOMENT", 1000)
    assert row_of([2] * 6, 1, more=600) == [2, 2, 2, 2, 2, 1]


def test_a_row_of_batches_is_no_longer_for_threads_that_find_no_work(monkeypatch):
    monkeypatch.setattr(programs, "MOMENT", 1000)
    monkeypatch.setattr(threads, "available", lambda work: 64)
    assert row_of([600] * 4, 1) == [2, 2, 2, 1]
    assert row_of([75] * 4, 1, size=8) == [4, 3, 2, 1]  # two shards
    assert row_of([7] * 4, 1, size=800) == [3, 3, 2, 1]  # 100 shards in 16 places
