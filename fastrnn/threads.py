"""How many threads work at once, safely.

Numba's parallel loops have hazards that `run` keeps away from:
- under its workqueue layer two Python threads in parallel loops at once abort the process: only
  one thread at a time gets a parallel loop here, the others run theirs serially, which is also the
  faster way to share cores;
- a forked child that enters a parallel loop after its parent did is killed: children run serially;
- `numba.set_num_threads` refuses more than NUMBA_NUM_THREADS and lasts: the count is capped and
  restored;
- a limit on BLAS is the process's: two Python threads that set it at once would leave it behind.
"""

import os
import threading
from contextlib import contextmanager
from multiprocessing import current_process

import numba
from joblib import parallel as joblib_parallel
from numba import config
from threadpoolctl import threadpool_limits

from fastrnn.kernels import parallel

SMALL = 1_000_000
"""Multiply-adds that one core does in less time than waking another takes to pay (about 20 us)."""

_turn = threading.Lock()
_blas = threading.Lock()
_is_forked = False
_local = threading.local()


def _after_fork():
    global _turn, _blas, _is_forked
    _turn, _blas = threading.Lock(), threading.Lock()
    _is_forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def resolve(n_jobs):
    """The number of threads that scikit-learn's `n_jobs` asks for.

    None takes what Numba has, or fewer where joblib's context says so; negative numbers count from
    the cores.  In a pool of joblib's no worker has more than its share, whatever is asked for.

    >>> resolve(1)
    1
    """
    if n_jobs == 0:
        raise ValueError("n_jobs=0 has no meaning: give 1 or more, -1 for all cores, or None")
    if n_jobs is None:
        n_jobs = _joblib_limit()
    elif n_jobs < 0:
        n_jobs = max(1, config.NUMBA_DEFAULT_NUM_THREADS + 1 + n_jobs)
    return min(n_jobs, config.NUMBA_NUM_THREADS, _share())


def _share():
    """What a worker of joblib's pools may use: a thread one core, a process what joblib has left it of them.

    It leaves nothing to multiprocessing's processes, which are daemons; loky's are none.
    """
    backend, _ = joblib_parallel.get_active_backend()
    if not getattr(backend, "nesting_level", 0):
        return config.NUMBA_NUM_THREADS
    if threading.current_thread() is not threading.main_thread() or current_process().daemon:
        return 1
    # joblib does not touch a NUMBA_NUM_THREADS that it finds; its share is in the variables of the other libraries.
    share = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(share)) if share.isdecimal() else config.NUMBA_NUM_THREADS


def _joblib_limit():
    """What joblib's context allows: `parallel_config(n_jobs=k)` k."""
    # joblib has no public way to tell "no context" from "n_jobs=1".
    context = getattr(joblib_parallel._backend, "config", None)
    if context is None:
        return config.NUMBA_NUM_THREADS
    n_jobs = joblib_parallel.get_active_backend()[1]
    if context.get("n_jobs") is joblib_parallel.default_parallel_config["n_jobs"] or n_jobs is None:
        return config.NUMBA_NUM_THREADS
    return max(1, joblib_parallel.effective_n_jobs(n_jobs))


@contextmanager
def limit(n_jobs):
    """Within, `run` uses no more threads than `n_jobs` asks for."""
    before = getattr(_local, "limit", None)
    _local.limit = resolve(n_jobs)
    try:
        yield
    finally:
        _local.limit = before


@contextmanager
def one_in_blas():
    """Within, BLAS uses one thread: the bits of its sums depend on their number."""
    with _blas, threadpool_limits(1, "blas"):
        yield


def available(work):
    """Threads that `run` would use now for so many multiply-adds."""
    if work <= SMALL or _is_forked:
        return 1
    allowed = getattr(_local, "limit", None)
    return resolve(None) if allowed is None else allowed


def run(work, at_once, serial):
    """Call `at_once()`, or `serial()` where sharing does not pay or is not safe.

    It pays for more than `SMALL` multiply-adds of `work`.  Both must give the same bits.
    """
    threads = available(work)
    if threads == 1 or not _turn.acquire(blocking=False):
        return serial()
    try:
        before = numba.get_num_threads()
        if threads >= before:
            return at_once()
        numba.set_num_threads(threads)
        try:
            return at_once()
        finally:
            numba.set_num_threads(before)
    finally:
        _turn.release()


def run_tasks(kernel, n_tasks, arguments, work):
    """Call kernel(*arguments, task) for each task, at once where it pays."""

    def one_after_the_other():
        for task in range(n_tasks):
            kernel(*arguments, task)

    run(work if n_tasks > 1 else 0, lambda: parallel.run_tasks(kernel, n_tasks, arguments), one_after_the_other)
