"""What a second worker wins in a grid search, and whether workers and threads together keep to the cores.

    python -m benchmarks.promises.grid_search

Eight candidates on Japanese vowels, scikit-learn's five folds, the estimator's n_jobs=1: GridSearchCV with n_jobs=1 and
with 2, in turn, the second with workers that are there and have read the kernels (their start is shown apart).  With
three folds the wait for the last fit takes a tenth of the search.  Then with both at 2: how many threads each worker's
fits may use.  Exits with 1 where a second worker wins less than `BOUND`, or workers times threads exceed the cores.
"""

from __future__ import annotations

import os
import statistics
import sys
import time

from joblib import Parallel, delayed
from sklearn.model_selection import GridSearchCV

from fastrnn import SequenceClassifier, threads
from fastrnn.datasets import load_japanese_vowels

BOUND = 1.6
GRID = {"cell": ["gru", "lstm"], "hidden_size": [32, 64], "learning_rate_init": [3e-3, 1e-2]}
ROUNDS = 3


def search(n_jobs, of_the_estimator, scoring=None, max_iter=30):
    """A fitted search, and its seconds."""
    X, y = load_japanese_vowels(split="train")
    model = SequenceClassifier(max_iter=max_iter, n_jobs=of_the_estimator, random_state=0)
    found = GridSearchCV(model, GRID, cv=5, n_jobs=n_jobs, scoring=scoring, refit=False)
    start = time.perf_counter()
    found.fit(X, y)
    return found, time.perf_counter() - start


def allowed(model, X, y):
    """A score: the threads that this model's work may have where it is."""
    with threads.limit(model.n_jobs):
        return threads.available(threads.SMALL + 1)


def main():
    """Measure, print, and say whether the bounds hold."""
    search(1, 1, max_iter=1)
    start = time.perf_counter()
    Parallel(n_jobs=2)(delayed(search)(1, 1, max_iter=1) for _ in range(2))
    print(f"two workers' start and first kernels: {time.perf_counter() - start:.1f} s")
    seconds = {1: [], 2: []}
    for _ in range(ROUNDS):
        for n_jobs in (1, 2):
            found, passed = search(n_jobs, 1)
            seconds[n_jobs].append(passed)
        print(f"n_jobs=1 {seconds[1][-1]:.1f} s, n_jobs=2 {seconds[2][-1]:.1f} s, best {found.best_score_:.3f}")
    ratio = statistics.median(one / two for one, two in zip(*seconds.values(), strict=True))
    both, _ = search(2, 2, scoring=allowed, max_iter=1)
    most = 2 * int(both.cv_results_["mean_test_score"].max())
    print(f"a second worker: {ratio:.2f} times faster (bound {BOUND})")
    print(f"both at 2: at most {most} threads at once on {os.cpu_count()} cores")
    return ratio < BOUND or most > os.cpu_count()


if __name__ == "__main__":
    sys.exit(main())
