"""How many threads run, and when work is shared at all."""

import multiprocessing
import os
import signal
import threading
import time

import joblib
import numba
import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from joblib._parallel_backends import SequentialBackend
from numba import types
from numba.core.compiler_lock import global_compiler_lock
from samples import letting_go_of
from threadpoolctl import threadpool_info

from benchmarks.promises import interrupts
from fastrnn import threads
from fastrnn.kernels import program
from fastrnn.kernels.caching import njit

ALL = numba.config.NUMBA_NUM_THREADS
LARGE = threads.SMALL + 1
TWO_THREADS = pytest.mark.skipif(ALL < 2, reason="numba may start one thread only")


def run(work=LARGE):
    """What `threads.run` chose, and the number of threads it had."""
    return threads.run(work, lambda n_threads: ("parallel", n_threads), lambda: ("serial", 1))


# ------------------------------------------------------------------------------ resolve


def test_resolve_counts_like_scikit_learn(monkeypatch):
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 6)
    monkeypatch.setattr(numba.config, "NUMBA_DEFAULT_NUM_THREADS", 8)
    assert [threads.resolve(n) for n in (1, 2, 6, 7, 100)] == [1, 2, 6, 6, 6]
    assert [threads.resolve(n) for n in (-1, -3, -4, -8, -100)] == [6, 6, 5, 1, 1]
    assert threads.resolve(None) == 6


def test_resolve_none_heeds_joblibs_context():
    assert threads.resolve(None) == ALL
    with parallel_config(n_jobs=1):
        assert threads.resolve(None) == 1
        assert threads.resolve(2) == min(2, ALL)  # what is asked for outright counts
    with parallel_config(n_jobs=-1):
        assert threads.resolve(None) == min(joblib.cpu_count(), ALL)
    with parallel_config(backend="threading"):
        assert threads.resolve(None) == ALL
    with parallel_config(backend="threading", n_jobs=1000):
        assert threads.resolve(None) == ALL
    assert threads.resolve(None) == ALL


def test_a_worker_of_joblibs_threads_runs_serially():
    seen = Parallel(n_jobs=2, backend="threading")(delayed(threads.resolve)(n) for n in (None, 1, 2, -1))
    assert seen == [1] * 4
    assert threads.resolve(None) == ALL


def test_a_worker_of_multiprocessing_runs_serially(monkeypatch):
    """Also one that is not forked, to which joblib leaves no share of the cores in the environment."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with parallel_config(SequentialBackend(nesting_level=1)):  # as in a worker
        assert threads.resolve(ALL) == ALL
        monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)
        assert [threads.resolve(n) for n in (None, 1, 2, -1)] == [1] * 4
    assert threads.resolve(None) == ALL


def test_zero_jobs_is_an_error():
    with pytest.raises(ValueError, match="n_jobs.*0"):
        threads.resolve(0)


# -------------------------------------------------------------------------------- limit


def test_limit_is_of_this_thread_and_ends_with_its_block():
    assert threads.available(LARGE) == ALL
    with threads.limit(1):
        assert threads.available(LARGE) == 1
        seen = []
        other = threading.Thread(target=lambda: seen.append(threads.available(LARGE)))
        other.start()
        other.join()
        assert seen == [ALL]
        with threads.limit(None):
            assert threads.available(LARGE) == ALL
        assert threads.available(LARGE) == 1
        with pytest.raises(KeyError), threads.limit(2):
            raise KeyError
        assert threads.available(LARGE) == 1
    assert threads.available(LARGE) == ALL


# ---------------------------------------------------------------------------------- run


@TWO_THREADS
def test_only_large_work_is_shared():
    assert run() == ("parallel", ALL)
    assert run(threads.SMALL) == ("serial", 1)
    assert run(0) == ("serial", 1)
    with threads.limit(1):
        assert run() == ("serial", 1)
    with threads.limit(2):
        assert run() == ("parallel", 2)


@njit(nogil=True)
def note_thread(data, task, step):
    program.words(data)[task] = numba.get_thread_id()


@TWO_THREADS
def test_the_number_of_threads_is_never_raised_and_always_restored():
    numba.get_num_threads()  # a kernel that comes from the cache finds `get_thread_id` from then on
    seen, (kernel,) = np.empty(64, np.int64), program.addresses([(note_thread, (types.intp,) * 3)])
    for before in (1, 2):
        numba.set_num_threads(before)
        try:
            for n in (1, 2):
                program.loop(kernel, seen.ctypes.data, n, 1, seen.size)
                assert set(seen) <= set(range(min(n, before)))
                assert numba.get_num_threads() == before
        finally:
            numba.set_num_threads(ALL)
    with pytest.raises(KeyError):
        threads.run(LARGE, lambda n_threads: {}["no"], lambda: {}["no"])
    assert run() == ("parallel", ALL)  # the turn was given back


@TWO_THREADS
def test_one_thread_at_a_time_gets_a_parallel_loop():
    inside, over = threading.Event(), threading.Event()

    def long(n_threads):
        inside.set()
        assert over.wait(30)
        return "parallel"

    results = []
    other = threading.Thread(target=lambda: results.append(threads.run(LARGE, long, lambda: "serial")))
    other.start()
    assert inside.wait(30)
    assert run() == ("serial", 1)  # and does not wait
    over.set()
    other.join()
    assert results == ["parallel"]
    assert run() == ("parallel", ALL)


@TWO_THREADS
def test_a_loop_within_a_loop_is_serial():
    assert threads.run(LARGE, lambda n_threads: run(), lambda: None) == ("serial", 1)


@TWO_THREADS
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on this system")
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # a thread may be interrupted at its start
def test_whatever_a_handler_of_signals_interrupts_is_given_back():
    assert interrupts.main(["--n", "1500"]) == 0


def test_a_turn_whose_holder_was_never_told_to_give_it_back_is_free():
    lost = threading.Lock()
    threads._line[lost] = None
    assert run()[0] == ("parallel" if ALL > 1 else "serial")
    assert lost not in threads._line


def test_blas_has_one_thread_within_and_all_after():
    def count():
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    before = count()
    assert set(threads.with_one_in_blas(count)) <= {1}
    with pytest.raises(KeyError):
        threads.with_one_in_blas(lambda: {}["no"])
    assert count() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("has_waited", [True, False])
def test_a_child_can_compile_though_another_thread_did_when_it_was_forked(monkeypatch, has_waited):
    """Also where the parent's patience was at its end."""
    monkeypatch.setattr(threads, "PATIENCE", 60 if has_waited else 0.01)
    inside, over = threading.Event(), threading.Event()

    def compile_for_long():
        with global_compiler_lock:
            inside.set()
            over.wait(0.5 if has_waited else 30)

    other = threading.Thread(target=compile_for_long)
    other.start()
    assert inside.wait(30)
    number = os.fork()
    if number == 0:
        signal.alarm(20)  # it would wait for ever
        global_compiler_lock.acquire()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == 0
    over.set()
    other.join()
    with global_compiler_lock:
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_runs_serially():
    def is_serial():
        return threads.available(LARGE) == 1 and run() == ("serial", 1)

    def child(check):
        number = os.fork()
        if number == 0:
            os._exit(0 if check() else 1)
        return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])

    assert child(is_serial) == 0
    # Also when the parent was within a loop, whose turn nobody in the child will give back.
    assert threads.run(LARGE, lambda n_threads: child(is_serial), lambda: child(is_serial)) == 0
    assert threads.available(LARGE) == ALL  # the parent is as before


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_what_is_done_in_turn_comes_in_order(n_threads):
    def square(k):
        time.sleep(0.01 * (k % 2 == 0))
        return k * k

    assert [*threads.in_turn(square, range(7), n_threads)] == [k * k for k in range(7)]
    with pytest.raises(ZeroDivisionError):
        [*threads.in_turn(lambda k: 1 // (k - 2), range(4), n_threads)]


def test_what_a_thread_raises_is_let_go():
    class Held:
        pass

    def fail(held):
        raise ValueError("held")

    with letting_go_of(Held):
        wait = threads.in_a_thread(fail, Held())
        with pytest.raises(ValueError, match="held"):
            wait()
        time.sleep(0.1)  # for the thread's own end
