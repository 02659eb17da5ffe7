"""Is everything given back when a handler of signals raises at any moment of a parallel loop?

    python -m benchmarks.promises.interrupts [--n 20000] [--seed 0]

A timer's handler raises while loops are run, under a limit and a lower number of threads, and while BLAS is held to
one thread.  After each, the turn to run a parallel loop must be free, and the limit, Numba's number of threads and
those of BLAS must be what they were.  Needs two threads, and signals as POSIX has them.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys

import numba
from threadpoolctl import threadpool_info

from fastrnn import threads
from fastrnn.kernels import program
from fastrnn.kernels.caching import njit

ALL = numba.config.NUMBA_NUM_THREADS
LARGE = threads.SMALL + 1
LONGEST = 3e-4
"""Seconds from setting the timer to the signal; a loop takes less."""
TRIES = 10_000
"""Loops, at most, until the signal has come: Python drops what is raised in a finalizer."""


class StruckError(Exception):
    pass


def raising(*_):
    raise StruckError


def empty():
    threads.run(LARGE, lambda *_: None, lambda: None)


def limited():
    with threads.limit(1):
        empty()
    with threads.limit(2):
        empty()


def parallel():
    (kernel,) = program.addresses([(note, (numba.types.intp,) * 3)])
    with threads.limit(2):
        threads.run(LARGE, lambda n: program.loop(kernel, 0, n - 1, 1, 4), lambda: None)


def blas():
    threads.with_one_in_blas(lambda: None)


@njit(nogil=True)
def note(data, task, step): ...


ACTIONS = [empty] * 8 + [limited] * 6 + [parallel] * 5 + [blas] * 8


def strike(action, wait):
    """Run an action again and again until a signal ends it; whether one did."""
    try:
        signal.setitimer(signal.ITIMER_REAL, wait)
        for _ in range(TRIES):
            action()
    except StruckError:
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return False


def state(action):
    """What must be the same before and after."""
    turn = threads.run(LARGE, lambda *_: "free", lambda: "lost")
    found = {"turn": turn, "limit": threads.available(LARGE), "threads": numba.get_num_threads()}
    if action is not blas:  # which takes long to ask
        return found
    with threads._blas:  # when no thread still holds BLAS to one
        libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return {**found, "blas": [library["num_threads"] for library in libraries]}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=20_000, help="signals that raise")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    rng, counts, wrong = random.Random(args.seed), dict.fromkeys(ACTIONS, 0), []
    for action in ACTIONS:
        action()  # compiled, and BLAS loaded
    before = signal.signal(signal.SIGALRM, raising)
    expected = {action: state(action) for action in ACTIONS}
    while sum(counts.values()) < args.n and not wrong:
        action = rng.choice(ACTIONS)
        if strike(action, rng.uniform(1e-6, LONGEST)):
            counts[action] += 1
            wrong = [] if (found := state(action)) == expected[action] else [action.__name__, found]
    signal.signal(signal.SIGALRM, before)
    print(", ".join(f"{action.__name__} {count}" for action, count in counts.items()), "signals raised")
    print("expected", expected[blas], *(["but after", *wrong] if wrong else ["after each"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
