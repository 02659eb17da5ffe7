"""Does every child come to its end that is forked while another thread compiles?

    python -m benchmarks.promises.forks [--n 100] [--seed 0] [--layers omp workqueue]

For each of Numba's threading layers a process in which one thread compiles function after function, and another forks
at random moments.  A child fits a model, which must have the bits of the parent's, and compiles a function itself; one
that has not ended after a minute hangs.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import threading
import time
import warnings

import numba
import numpy as np

from fastrnn import SequenceClassifier

PATIENCE = 60
"""Seconds after which a child hangs; all it does takes less than one."""


def fit():
    """What a small fit gives, with one loop that parents share among threads."""
    X = [np.random.default_rng(k).standard_normal((20, 3)) for k in range(40)]
    model = SequenceClassifier(hidden_size=64, max_iter=1, random_state=0)
    return model.fit(X, np.arange(40) % 2).predict_proba(X)


def compile_another(k):
    """A function that was never compiled."""

    @numba.njit(nogil=True)
    def function(x):
        total = x.copy()
        for row in range(x.shape[0]):
            total[row] = np.sort(x[row] + k)
        return total

    assert function(np.ones((2, 3)))[0, 0] == 1 + k


def child(expected):
    """The exit code of a fork: 0 if all is well, 1 if not, None if it hangs."""
    number = os.fork()
    if number == 0:
        code = 1
        try:
            compile_another(-1)
            code = 0 if (fit() == expected).all() else 1
        finally:
            os._exit(code)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        done, status = os.waitpid(number, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(number, 9)
    os.waitpid(number, 0)
    return None


def forks(n, seed):
    """Fork n times while a thread compiles; prints how children ended, and returns whether all did well."""
    warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)
    rng, expected, is_over, compiled = random.Random(seed), fit(), threading.Event(), []

    def compile_all():
        while not is_over.is_set():
            compile_another(len(compiled))
            compiled.append(1)

    other = threading.Thread(target=compile_all)
    other.start()
    codes = []
    for _ in range(n):
        time.sleep(rng.uniform(0, 0.2))
        codes.append(child(expected))
    is_over.set()
    other.join()
    ends = f"{codes.count(0)} well, {codes.count(None)} hung, {n - codes.count(0) - codes.count(None)} failed"
    print(f"{numba.threading_layer()}: {n} forks while {len(compiled)} functions were compiled: {ends}", flush=True)
    return codes == [0] * n


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=100, help="forks under each layer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--layers", nargs="+", default=["omp", "workqueue"])
    args = parser.parse_args(argv)
    code = f"import sys; from benchmarks.promises.forks import forks; sys.exit(not forks({args.n}, {args.seed}))"
    layers = [{**os.environ, "NUMBA_THREADING_LAYER": layer} for layer in args.layers]
    return max(subprocess.run([sys.executable, "-c", code], env=layer).returncode for layer in layers)


if __name__ == "__main__":
    sys.exit(main())
