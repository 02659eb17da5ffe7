"""How many threads work at once, safely.

Numba's parallel loops have hazards that `run` keeps away from:
- under its workqueue layer two Python threads in parallel loops at once abort the process: only
  one thread at a time gets a parallel loop here, the others run theirs serially, which is also the
  faster way to share cores;
- a forked child that enters a parallel loop after its parent did is killed: children run serially;
- a child forked while another thread compiles has the compiler's locks as they are then, for ever: a fork waits until
  nothing is compiled;
- `numba.set_num_threads` refuses more than NUMBA_NUM_THREADS and lasts: the count is capped, and set and restored by
  the loop itself;
- a limit on BLAS is the process's: two Python threads that set it at once would leave it behind.

A handler of signals may raise between any two steps of Python, even just after a lock was taken and before the `try`
that gives it back.  So nothing here is given back by a step of Python: a `with` over a lock takes and leaves it in
steps that cannot be interrupted, and what a thread has, it has while its own lock is held.
"""

import os
import sys
import threading
from multiprocessing import current_process

from joblib import parallel as joblib_parallel
from llvmlite.binding import ffi
from threadpoolctl import threadpool_limits

from fastrnn.kernels.caching import in_a_thread, numba

SMALL = 1_000_000
"""Multiply-adds that one core does in less time than waking another takes to pay (about 20 us)."""

PATIENCE = 60
"""Seconds that a fork waits for what is being compiled."""

_line = {}
"""The locks, in order, of all who have asked for the parallel loop: the first that is held has the turn."""
_blas = threading.Lock()
_is_forked = False
_local = threading.local()


def _compilers():
    """The locks of LLVM and, once it is there, of Numba."""
    compiler = getattr(sys.modules.get("numba.core.compiler_lock"), "global_compiler_lock", None)
    return [ffi.lib._lock._lock] if compiler is None else [compiler._lock, ffi.lib._lock._lock]


def _before_fork():
    _local.held = [lock for lock in _compilers() if lock.acquire(timeout=PATIENCE)]


def _after_fork_in_parent():
    for lock in _local.held:
        lock.release()


def _after_fork_in_child():
    global _line, _blas, _is_forked
    _line, _blas = {}, threading.Lock()
    _is_forked = True
    for lock in _compilers():
        if lock in _local.held:
            lock.release()
        else:
            lock._at_fork_reinit()  # as Python does with its own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


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
        n_jobs = max(1, numba.config.NUMBA_DEFAULT_NUM_THREADS + 1 + n_jobs)
    return min(n_jobs, numba.config.NUMBA_NUM_THREADS, _share())


def _share():
    """What a worker of joblib's pools may use: a thread one core, a process what joblib has left it of them.

    It leaves nothing to multiprocessing's processes, which are daemons; loky's are none.
    """
    backend, _ = joblib_parallel.get_active_backend()
    if not getattr(backend, "nesting_level", 0):
        return numba.config.NUMBA_NUM_THREADS
    if threading.current_thread() is not threading.main_thread() or current_process().daemon:
        return 1
    # joblib does not touch a NUMBA_NUM_THREADS that it finds; its share is in the variables of the other libraries.
    share = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(share)) if share.isdecimal() else numba.config.NUMBA_NUM_THREADS


def _joblib_limit():
    """What joblib's context allows: `parallel_config(n_jobs=k)` k."""
    # joblib has no public way to tell "no context" from "n_jobs=1".
    default = joblib_parallel.default_parallel_config
    context, n_jobs = getattr(joblib_parallel._backend, "config", default), joblib_parallel.get_active_backend()[1]
    if context.get("n_jobs") is default["n_jobs"] or n_jobs is None:
        return numba.config.NUMBA_NUM_THREADS
    return max(1, joblib_parallel.effective_n_jobs(n_jobs))


def workers(n_jobs):
    """What to give joblib's `Parallel` as `n_jobs`, for None: all cores, unless a context has chosen a backend."""
    default = joblib_parallel.default_parallel_config
    is_chosen = getattr(joblib_parallel._backend, "config", default).get("backend") is not default["backend"]
    return n_jobs if is_chosen or n_jobs is not None else resolve(None)


def limit(n_jobs):
    """To enter by `with`: within, `run` uses no more threads than `n_jobs` asks for."""
    held = threading.Lock()
    _local.limits = [*((lock, n) for lock, n in _limits() if lock.locked()), (held, resolve(n_jobs))]
    return held


def _limits():
    """Of this thread, those within the others last."""
    return getattr(_local, "limits", [])


def with_one_in_blas(function):
    """Call it while BLAS uses one thread: the bits of its sums depend on their number.

    In a thread of its own, which no handler of signals can interrupt before the limit is taken back; `threading` would
    be interrupted while it starts one.
    """

    def call():
        with _blas, threadpool_limits(1, "blas"):
            return function()

    return in_a_thread(call)()


def in_turn(function, items, n_threads):
    """What a function makes of each item, in their order, so many at once."""
    for first in range(0, len(items), n_threads):
        one, *others = items[first : first + n_threads]
        waits = [in_a_thread(function, other) for other in others]
        yield function(one)
        for wait in waits:
            yield wait()


def available(work):
    """Threads that `run` would use now for so many multiply-adds."""
    if work <= SMALL or _is_forked:
        return 1
    for lock, n in reversed(_limits()):
        if lock.locked():
            return n
    return resolve(None)


def run(work, at_once, serial):
    """Call `at_once(threads)`, or `serial()` where sharing does not pay or is not safe.

    It pays for more than `SMALL` multiply-adds of `work`.  Both must give the same bits.
    """
    threads = available(work)
    if threads > 1:
        turn = threading.Lock()
        with turn:
            if _is_first(turn):
                return at_once(threads)
    return serial()


def _is_first(turn):
    """Get into line; whether nobody is ahead who is still there."""
    _line[turn] = None
    for other in [*_line]:
        if other is turn:
            return True
        if other.locked():
            break
        _line.pop(other, None)
    _line.pop(turn, None)
    return False
