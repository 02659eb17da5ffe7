"""Choose settings by cross-validation on the training parts; the test parts are never read.

    python -m benchmarks.choose_settings --data DIR [--only NAME,...] [--repeats N]

For each set: every combination of its grid, and the defaults, ranked by their mean score. Writes
nothing: the winners go into ``SETTINGS`` of `benchmarks.quality` by hand.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from sklearn.model_selection import (
    ParameterGrid,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    cross_val_score,
)

from benchmarks.quality import ACCURACY, TASKS, build, chosen, parser, settings_text
from benchmarks.report import markdown_table, significant

FOLDS = 5
# A set with fewer training sequences than this is split again and again: one split says too little.
SMALL = 200
SHAPES = {
    "cell": ["lstm", "gru"],
    "bidirectional": [False, True],
    "readout": ["last", "mean", "max"],
}
RATES = {"learning_rate_init": [2e-3, 5e-3, 1e-2]}
GRIDS = {
    "BasicMotions": SHAPES,
    "ItalyPowerDemand": SHAPES,
    "GunPoint": SHAPES | RATES | {"max_iter": [100, 200]},
    "ECG200": SHAPES | RATES,
    "SyntheticControl": SHAPES,
    "SNIPS intents": {
        "cell": ["lstm", "gru"],
        "bidirectional": [True],
        "readout": ["last", "max"],
        "embedding_dim": [64],
        "hidden_size": [64],
        "max_iter": [5, 10],
    },
    "names18": {
        "cell": ["lstm", "gru"],
        "bidirectional": [True],
        "readout": ["last", "max"],
        "embedding_dim": [32],
        "hidden_size": [64, 128],
        "max_iter": [8, 15],
    },
    "FloodModeling1": SHAPES | {"learning_rate_init": [5e-3, 1e-2], "max_iter": [100, 200]},
    "Covid3Month": SHAPES | {"transform": [None, "log1p"], "max_iter": [10, 30, 100]},
}
# Without an embedding, tokens are numbers: the defaults mean nothing there.
NO_DEFAULTS = ("SNIPS intents", "names18")


def candidates(name):
    """Return the settings to try on a set, the defaults first."""
    defaults = [] if name in NO_DEFAULTS else [{}]
    return defaults + list(ParameterGrid(GRIDS[name]))


def folds(task, n, repeats):
    """Return the splitter for ``n`` training sequences."""
    if repeats is None:
        repeats = 3 if n < SMALL else 1
    splitter = RepeatedStratifiedKFold if task.metric is ACCURACY else RepeatedKFold
    return splitter(n_splits=FOLDS if n < 5000 else 3, n_repeats=repeats, random_state=0)


def evaluate(task, settings, X, y, splitter):
    """Return (mean, standard error, seconds) of a setting; an error is as good as its sign."""
    start = time.perf_counter()
    scoring = "accuracy" if task.metric is ACCURACY else "neg_root_mean_squared_error"
    scores = cross_val_score(build(task, settings, 0), X, y, cv=splitter, scoring=scoring)
    error = scores.std(ddof=1) / np.sqrt(scores.size)
    return float(scores.mean()), float(error), time.perf_counter() - start


def choose(task, data, repeats):
    """Return the rows of a set's table, best first."""
    split = task.read(data)
    X, y = split.X_train, split.y_train
    splitter = folds(task, len(y), repeats)
    rows = []
    for settings in candidates(task.name):
        rows.append((*evaluate(task, settings, X, y, splitter), settings_text(settings)))
        print(f"{task.name}: {rows[-1]}", file=sys.stderr, flush=True)
    return sorted(rows, reverse=True)


def table(task, rows):
    """Return a set's ranking as Markdown."""
    lines = [
        [significant(abs(mean), 4), significant(error), significant(seconds), settings]
        for mean, error, seconds, settings in rows
    ]
    return markdown_table([task.metric.name, "std error", "s", "settings"], lines)


def main(arguments=None):
    """Rank the settings of the sets asked for."""
    options = parser("choose_settings")
    options.add_argument(
        "--repeats", type=int, help="repeats of the folds (default: 3 if small, else 1)"
    )
    options = options.parse_args(arguments)
    for task in chosen(options.only, [task for task in TASKS if task.name in GRIDS]):
        print(
            f"## {task.name}\n\n{table(task, choose(task, options.data, options.repeats))}\n",
            flush=True,
        )


if __name__ == "__main__":
    main()
