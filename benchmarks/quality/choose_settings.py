"""Choose settings on the validation part, where a set has one, else by cross-validation on the training part; of
forecasts on what comes before the test part, as many steps as that has. The test parts are never read.

    python -m benchmarks.quality.choose_settings --data DIR [--only NAME,...] [--repeats N] [--jobs N]

For each set: every combination of its grid, and the defaults, ranked by their mean score. Writes
nothing: the winners go into ``SETTINGS`` of `benchmarks.quality.settings` by hand. What would be good
defaults is another question, of `benchmarks.quality.study`.

A job is a process with one thread. Without ``--jobs`` a fit uses all of Numba's threads, which on
these small sets, beside other work, is much slower.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import ParameterGrid, RepeatedKFold, RepeatedStratifiedKFold, cross_val_score

from benchmarks.measuring.report import markdown_table, significant
from benchmarks.quality.forecasts import FORECASTS, ForecastTask
from benchmarks.quality.options import chosen, parser
from benchmarks.quality.scores import settings_text
from benchmarks.quality.tasks import ACCURACY, TASKS, build

FOLDS = 5
# A set with fewer training sequences than this is split again and again: one split says too little.
SMALL = 200
SHAPES = {"cell": ["lstm", "gru"], "bidirectional": [False, True], "readout": ["last", "mean", "max"]}
GRIDS = {
    # A bidirectional GRU of 64 is what is asked for, and what the defaults are.
    "JapaneseVowels": {"readout": ["last", "mean", "max"], "dropout": [0.0, 0.2, 0.4]},
    "BasicMotions": SHAPES,
    "ItalyPowerDemand": SHAPES,
    "GunPoint": {"readout": ["last", "mean", "max"], "learning_rate_init": [5e-3, 1e-2], "max_iter": [60, 200]},
    "ECG200": {
        "cell": ["lstm", "gru"],
        "dropout": [0.0, 0.3, 0.5],
        "recurrent_dropout": [0.0, 0.2],
        "readout": ["last", "mean", "max"],
    },
    "SyntheticControl": SHAPES | {"learning_rate_init": [5e-3, 1e-2], "max_iter": [60, 120]},
    "SNIPS intents": {
        "readout": ["last", "max"],
        "dropout": [0.0, 0.3, 0.5],
        "learning_rate": ["constant", "cosine"],
        "embedding_dim": [64],
        "hidden_size": [64],
        "num_layers": [1],
        "max_iter": [8],
    },
    "names18": {
        "cell": ["lstm", "gru"],
        "readout": ["last"],
        "learning_rate": ["constant", "cosine"],
        "dropout": [0.0, 0.3],
        "embedding_dim": [32],
        "hidden_size": [128],
        "num_layers": [1],
        "max_iter": [12],
    },
    "FloodModeling1": {"cell": ["lstm", "gru"], "readout": ["last", "mean", "max"], "transform": [None, "log1p"]},
    "Covid3Month": {"readout": ["last", "mean", "max"], "transform": [None, "log1p"], "max_iter": [10, 30, 100]},
}
GRIDS |= {
    "JSB chorales": {
        "bidirectional": [False],
        "hidden_size": [100, 200],
        "dropout": [0.3, 0.5],
        "learning_rate_init": [2e-3, 5e-3],
        "batch_size": [8],
        "max_iter": [10, 20, 30],
    },
    "RNNLG restaurant": {"hidden_size": [64, 128], "dropout": [0.0, 0.3], "max_iter": [30]},
    "G2P rum": {
        "hidden_size": [128],
        "dropout": [0.3, 0.5],
        "attention": ["dot", "additive"],
        "max_iter": [25],
        "beam_width": [5],
    },
}
GRIDS |= {
    "M4-Hourly": {"horizon": [48], "season": [24, [24, 168]], "learning_rate_init": [1e-3, 3e-3], "max_iter": [10, 20]},
    "Hospital": {
        "horizon": [12],
        "season": [12],
        "log": ["auto", False],
        "learning_rate_init": [1e-4, 1e-3],
        "max_iter": [5, 20],
    },
    "ExchangeRate": {"horizon": [24], "season": ["auto", None], "linear_lags": [0, 1, "auto"]},
    "ETTh1": {"horizon": [24], "season": ["auto", 24, None], "learning_rate_init": [1e-3, 3e-3]},
    "Sunspots": {
        "horizon": [1],
        "linear_lags": [24, 36, 72, 132],
        "learning_rate_init": [3e-4, 1e-3],
        "max_iter": [10, 20, 50],
    },
}
# Without an embedding, tokens are numbers: the defaults mean nothing there.
NO_DEFAULTS = ("SNIPS intents", "names18", "JSB chorales", "RNNLG restaurant", "G2P rum")
SEEDS = 3
MISSED = 1000
"""What a forecast's missed bar counts beside its first one's score."""
"""Of a forecaster, whose test part is always the same."""


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


@dataclass(frozen=True)
class Trial:
    """The score of one setting on one set: larger is better, so an RMSE is negative."""

    settings: str
    mean: float
    error: float
    seconds: float


def evaluate(task, split, settings, repeats, jobs):
    """Score a setting on the validation part, or cross-validate it on the training part."""
    start = time.perf_counter()
    scores = _scores(task, split, settings, repeats, jobs)
    error = float(scores.std(ddof=1) / np.sqrt(scores.size)) if scores.size > 1 else np.nan
    seconds = time.perf_counter() - start
    trial = Trial(settings_text(settings), float(scores.mean()), error, seconds)
    print(f"{task.name}: {trial}", file=sys.stderr, flush=True)
    return trial


def _scores(task, split, settings, repeats, jobs):
    if isinstance(task, ForecastTask):
        before = split.without_test()
        models = [build(task, settings, seed).fit(before.X_train, None) for seed in range(repeats or SEEDS)]
        # The first bar's score is what counts, among settings that meet the others.
        first, *others = np.transpose([task.scores(model, before) for model in models])
        misses = sum(np.mean(values) > bar.floor for bar, values in zip(task.bars[1:], others, strict=True))
        return -first - MISSED * misses
    if hasattr(split, "X_valid"):
        model = build(task, settings, 0).fit(split.X_train, split.y_train)
        validation = replace(split, X_test=split.X_valid, y_test=split.y_valid)
        score = task.scores(model, validation)[0]
        return np.array([score if task.metric.greater_is_better else -score])
    return cross_val_score(
        build(task, settings, 0),
        split.X_train,
        split.y_train,
        cv=folds(task, len(split.y_train), repeats),
        scoring="accuracy" if task.metric is ACCURACY else "neg_root_mean_squared_error",
        n_jobs=jobs,
        error_score="raise",
    )


def choose(task, data, repeats, jobs):
    """Return the trials of a set's grid, best first."""
    split = task.read(data)
    trials = [evaluate(task, split, s, repeats, jobs) for s in candidates(task.name)]
    return sorted(trials, key=lambda trial: trial.mean, reverse=True)


def table(task, trials):
    """Return a set's ranking as Markdown."""
    lines = [[significant(abs(t.mean), 4), significant(t.error), significant(t.seconds), t.settings] for t in trials]
    return markdown_table([task.metric.name, "std error", "s", "settings"], lines)


def main(arguments=None):
    """Rank the settings of the sets asked for."""
    options = parser("quality.choose_settings")
    options.add_argument("--repeats", type=int, help="of the folds (default: 3 if small, else 1), or seeds (3)")
    options.add_argument("--jobs", type=int, metavar="N", help="processes")
    options = options.parse_args(arguments)
    how = options.data, options.repeats, options.jobs
    for task in chosen(options.only, [task for task in TASKS + FORECASTS if task.name in GRIDS]):
        print(f"## {task.name}\n\n{table(task, choose(task, *how))}\n", flush=True)


if __name__ == "__main__":
    main()
