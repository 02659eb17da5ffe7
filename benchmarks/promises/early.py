"""Is a label as soon as it is sure worth more than a label after so many steps?

    python -m benchmarks.promises.early --data DIR [--only NAME,...] [--seeds 10] [--json FILE]

`EarlyClassifier` of a `SequenceClassifier` with nothing set but bidirectional=False, on the published split; beside it
the same classifier, trained and asked on the first step of each sequence alone, on the first two steps, and so on. A
figure is the mean over seeds 0, 1, ... on the test part, and counts by the harmonic mean of the accuracy and of what is
not read. Longer and longer beginnings are tried until a classifier without an error could not be ahead of the best.
Fails where `EarlyClassifier` is not ahead of the best, which is chosen on the test part.

Of JapaneseVowels the first step alone tells nearly all that can be known early, so it is ahead by little there: take
ten seeds or more.
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.measuring.report import markdown_table, write_json
from benchmarks.quality.options import chosen, parser
from benchmarks.quality.tasks import TASKS
from fastrnn import EarlyClassifier, SequenceClassifier

SETS = ("JapaneseVowels", "SyntheticControl")


def harmonic_mean(accuracy, read):
    """Return that of the accuracy and of what is not read."""
    return 2 * accuracy * (1 - read) / (accuracy + 1 - read)


def classifier(seed):
    """Return the classifier that both have."""
    return SequenceClassifier(bidirectional=False, patch_length=1, random_state=seed)


def early(split, lengths, model):
    """Return accuracy, fraction read and harmonic mean of an `EarlyClassifier`."""
    model = EarlyClassifier(model).fit(split.X_train, split.y_train)
    labels, steps = model.predict(split.X_test, return_steps=True)
    accuracy, read = np.mean(labels == split.y_test), np.mean(steps / lengths)
    return accuracy, read, harmonic_mean(accuracy, read)


def cut(split, lengths, model, n):
    """Return the same of the model on n steps."""
    train, test = ([x[:n] for x in X] for X in (split.X_train, split.X_test))
    accuracy = model.fit(train, split.y_train).score(test, split.y_test)
    read = np.mean(np.minimum(n, lengths) / lengths)
    return accuracy, read, harmonic_mean(accuracy, read)


def run_task(task, data, seeds):
    """Return the row of a set."""
    split, models = task.read(data), [classifier(seed) for seed in range(seeds)]
    lengths = np.array([*map(len, split.X_test)])
    found = np.mean([early(split, lengths, model) for model in models], axis=0)
    best, length = (0.0, 0.0, 0.0), 0
    for n in range(1, lengths.max() + 1):
        if harmonic_mean(1.0, np.mean(np.minimum(n, lengths) / lengths)) <= best[2]:
            break
        own = np.mean([cut(split, lengths, model, n) for model in models], axis=0)
        print(f"{task.name}, {n} steps: {own[2]:.4f}", file=sys.stderr, flush=True)
        best, length = (own, n) if own[2] > best[2] else (best, length)
    passed = bool(found[2] > best[2])
    return {"set": task.name, "early": [*found], "cut": [*best], "length": length, "passed": passed}


def main(arguments=None):
    """Run the sets asked for; print and write the table."""
    options = parser("promises.early")
    options.add_argument("--seeds", type=int, default=10)
    options.add_argument("--json", metavar="FILE")
    options = options.parse_args(arguments)
    tasks = chosen(options.only, [task for task in TASKS if task.name in SETS])
    rows = [run_task(task, options.data, options.seeds) for task in tasks]
    ways = (("when sure", "early"), ("{length} steps", "cut"))
    cells = [
        [row["set"], way.format(**row), *(f"{figure:.4f}" for figure in row[key])] for row in rows for way, key in ways
    ]
    print(markdown_table(["set", "answer", "accuracy", "read", "harmonic mean"], cells))
    write_json(options.json, rows)
    if failed := [row["set"] for row in rows if not row["passed"]]:
        raise SystemExit(f"a fixed number of steps is as good: {', '.join(failed)}")


if __name__ == "__main__":
    main()
