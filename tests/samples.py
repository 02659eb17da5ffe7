"""Small data, and ways of watching, that several test files share."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from fastrnn import threads

TESTS = Path(__file__).parent


def ragged(n, I=3, shortest=1, longest=9, seed=0):
    """n arrays (T, I) of normal numbers."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((T, I)) for T in rng.integers(shortest, longest + 1, n)]


def labelled(n, n_classes=3, I=3, shortest=1, longest=9, seed=0):
    """Ragged sequences whose level tells their class, and the classes in turn."""
    y = np.arange(n) % n_classes
    X = ragged(n, I, shortest, longest, seed)
    return [x + 1.5 * (c - (n_classes - 1) / 2) for x, c in zip(X, y, strict=True)], y


def assert_same_bits(actual, expected):
    """Arrays, or object arrays of arrays, equal to the last bit."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape and actual.dtype == expected.dtype
    if actual.dtype == object:
        for a, b in zip(actual, expected, strict=True):
            assert_same_bits(a, b)
    else:
        assert actual.tobytes() == expected.tobytes()


def watch_parallel(patch=setattr):
    """Have `threads.run` note the work of each parallel loop it enters, in the list returned."""
    seen, run = [], threads.run

    def watched(work, parallel, serial):
        def noted():
            seen.append(work)
            return parallel()

        return run(work, noted, serial)

    patch(threads, "run", watched)
    return seen


def run_script(script, timeout=300, **environment):
    """What a fresh process prints; it must end well, and say nothing else.

    Variables of the environment that are None are taken away.
    """
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
    for name, value in environment.items():
        variables.pop(name, None)
        if value is not None:
            variables[name] = str(value)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=variables, timeout=timeout, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout
