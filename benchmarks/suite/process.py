"""What a fresh process pays: imports, and the first fit with an empty and with a warm cache.

Also without asv:  python -m benchmarks.suite.process
"""

import os
import statistics
import subprocess
import sys
from tempfile import TemporaryDirectory

IMPORT = """
import time
start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""
FIRST_FIT = """
import time
from fastrnn import SequenceClassifier
from fastrnn.datasets import load_japanese_vowels
X, y = load_japanese_vowels(split="train")
start = time.perf_counter()
SequenceClassifier(max_iter=1, random_state=0).fit(X, y)
print(time.perf_counter() - start)
"""
REPEATS = 3
ESTIMATOR = "fastrnn.classifier"
"""What a user's first line imports: the package alone imports nothing until it is asked."""


def seconds(code, cache, folder=None):
    """Run ``code`` in a fresh process with this cache directory, in a folder; return the seconds it prints."""
    environment = os.environ | {"NUMBA_CACHE_DIR": cache}
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return float(printed.stdout)


def import_seconds(module, folder=None):
    """Least seconds of an import, in a checkout's folder, files in the page cache."""
    with TemporaryDirectory() as cache:
        runs = [seconds(IMPORT.format(module=module), cache, folder) for _ in range(REPEATS + 1)]
    return min(runs[1:])


def first_fit_seconds(folder=None):
    """Seconds beyond import of the first fit, in a checkout's folder: with an empty cache, and with a warm one."""
    with TemporaryDirectory() as cache:
        empty = seconds(FIRST_FIT, cache, folder)
        return empty, statistics.median(seconds(FIRST_FIT, cache, folder) for _ in range(REPEATS))


class Import:
    """Import of the package, beside scikit-learn's base, without which it cannot do."""

    param_names = ["module"]
    params = [[ESTIMATOR, "sklearn.base", "numba"]]
    unit = "s"

    def track_import(self, module):
        """Track seconds."""
        return import_seconds(module)


class FirstFit:
    """First fit of a process, one epoch of JapaneseVowels on the defaults."""

    param_names = ["cache"]
    params = [["empty", "warm"]]
    unit = "s"
    timeout = 300

    def setup_cache(self):
        """Measure both once."""
        return dict(zip(["empty", "warm"], first_fit_seconds(), strict=True))

    def track_first_fit(self, measured, cache):
        """Track seconds beyond import."""
        return measured[cache]


def main():
    """Print all figures."""
    base, package = import_seconds("sklearn.base"), import_seconds(ESTIMATOR)
    empty, warm = first_fit_seconds()
    print(f"import sklearn.base {base:.2f} s")
    print(f"import {ESTIMATOR} {package:.2f} s, {package - base:+.2f} s (at most +0.35 s)")
    print(f"first fit, empty cache {empty:.2f} s (at most 10 s)")
    print(f"first fit, warm cache  {warm:.2f} s beyond import (at most 0.50 s)")


if __name__ == "__main__":
    main()
