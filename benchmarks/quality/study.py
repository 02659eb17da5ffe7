"""Which defaults estimators should have: candidates over many sets, judged without their test parts.

    python -m benchmarks.quality.study --data DIR [--only NAME,...] [--seeds 1] [--json FILE]

A candidate is what it changes of the defaults. The classifier's are judged by cross-validation on the training part;
the tagger's and the translator's on the validation part that their sets have. The table has the score on each set, the
mean, and the mean of the ranks. What fits one set and not the others is refused by leaving sets out: for each set the
candidate is chosen by the mean over the other ones, and what that loses on the set, beside the choice by all sets, is
printed at the end. Errors are negative there, so that more is better.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.stats import rankdata
from sklearn.model_selection import StratifiedKFold, cross_val_score

from benchmarks.measuring.report import markdown_table, significant, write_json
from benchmarks.quality.defaults import DEFAULTS, UNIVARIATE
from benchmarks.quality.options import chosen, parser
from benchmarks.quality.tasks import ACCURACY, G2P_LANGUAGES, build

FOLDS = 3
OF_NUMBERS = {
    "defaults": {},
    "no noise": {"recurrent_dropout": 0.0},
    "more noise": {"recurrent_dropout": 0.3},
    "60 epochs": {"max_iter": 60},
    "step by step": {"patch_length": 1},
    "constant rate": {"learning_rate": "constant"},
    "max": {"readout": "max"},
    "mean": {"readout": "mean"},
    "dropout": {"dropout": 0.3},
    "lstm": {"cell": "lstm"},
    "128 units": {"hidden_size": 128},
    "one direction": {"bidirectional": False},
}
OF_TEXT = {
    "defaults": {},
    "words alone": {"character_embedding_dim": None},
    "last": {"readout": "last"},
    "mean": {"readout": "mean"},
    "dropout 0.3": {"dropout": 0.3},
    "no dropout": {"dropout": 0.0},
    "10 epochs": {"max_iter": 10},
    "lstm": {"cell": "lstm"},
    "labels smoothed": {"label_smoothing": 0.1},
    "weights averaged": {"averaging": 5},
    "no decay": {"alpha": 0.0},
    "more decay": {"solver": "adamw", "alpha": 0.3},
    "64 units": {"hidden_size": 64},
    "one level": {"num_layers": 1},
    "64 units, one level": {"hidden_size": 64, "num_layers": 1},
}
OF_TAGS = {
    "defaults": {},
    "64 units": {"hidden_size": 64},
    "64 for characters": {"character_hidden_size": 64},
    "64 and 64": {"hidden_size": 64, "character_hidden_size": 64},
    "two levels": {"num_layers": 2},
    "vectors of 128": {"embedding_dim": 128},
    "rate 2e-3": {"learning_rate_init": 2e-3},
    "rate 1e-2": {"learning_rate_init": 1e-2},
    "weights averaged": {"averaging": 5},
    "decay": {"solver": "adamw", "alpha": 0.1},
}
OF_TRANSLATIONS = {
    "defaults": {},
    "no decay": {"alpha": 0.0},
    "decay 0.1": {"solver": "adamw", "alpha": 0.1},
    "decay 0.6": {"solver": "adamw", "alpha": 0.6},
    "labels not smoothed": {"label_smoothing": 0.0},
    "neither": {"alpha": 0.0, "label_smoothing": 0.0},
    "dropout 0.5": {"dropout": 0.5},
    "noise": {"recurrent_dropout": 0.2},
    "rate 2e-3": {"learning_rate_init": 2e-3},
    "128 units": {"hidden_size": 128},
}
SETS = {
    "numbers": (OF_NUMBERS, (*UNIVARIATE, "JapaneseVowels", "BasicMotions")),
    "text": (OF_TEXT, ("sentence_polarity 0", "subjectivity 0", "SNIPS intents", "names18")),
    "tags": (OF_TAGS, ("EWT words", "SNIPS slots")),
    "translations": (OF_TRANSLATIONS, tuple(f"G2P {language}" for language in G2P_LANGUAGES)),
}


def judged(task, split, changes, seeds):
    """Return the mean over seeds: of accuracies also over folds of the training part, else on the validation part."""
    found, metric = [], task.metric
    for seed in range(seeds):
        model = build(task, changes, seed)
        if metric == ACCURACY:
            folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
            found.append(cross_val_score(model, split.X_train, split.y_train, cv=folds).mean())
        else:
            model.fit(split.X_train, split.y_train)
            found.append(metric.score(split.y_valid, getattr(model, metric.method)(split.X_valid)))
    return float(np.mean(found)) * (1 if metric.greater_is_better else -1)


def left_out(scores):
    """What a choice by the mean over all other sets loses on each set, (n_sets,), of scores (candidates, n_sets)."""
    by_all = scores[scores.mean(axis=1).argmax()]
    without = [np.delete(scores, k, axis=1).mean(axis=1).argmax() for k in range(scores.shape[1])]
    return by_all - scores[without, np.arange(scores.shape[1])]


def study(candidates, tasks, data, seeds):
    """Return the scores (candidates, tasks)."""
    scores = np.empty((len(candidates), len(tasks)))
    for k, task in enumerate(tasks):
        split = task.read(data)
        scores[:, k] = [judged(task, split, changes, seeds) for changes in candidates.values()]
        print(task.name, np.round(scores[:, k], 4), file=sys.stderr, flush=True)
    return scores


def main(arguments=None):
    """Print the tables."""
    options = parser("quality.study")
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--json", metavar="FILE")
    options = options.parse_args(arguments)
    found = {}
    for kind, (candidates, names) in SETS.items():
        tasks = [task for task in chosen(options.only, DEFAULTS) if task.name in names]
        if not tasks:
            continue
        scores = study(candidates, tasks, options.data, options.seeds)
        ranks = np.mean([rankdata(-column) for column in scores.T], axis=0)
        rows = [
            [name, *(significant(score, 3) for score in (*row, row.mean())), significant(rank, 2)]
            for name, row, rank in zip(candidates, scores, ranks, strict=True)
        ]
        print(markdown_table([kind, *(task.name for task in tasks), "mean", "rank"], rows))
        print(f"left out, a set loses {left_out(scores).mean():.4f} in the mean\n")
        found[kind] = {name: row.tolist() for name, row in zip(candidates, scores, strict=True)}
    write_json(options.json, found)


if __name__ == "__main__":
    main()
