"""Do units matter? The same sets as they are, with an offset, and in smaller and larger units, all by defaults.

    python -m benchmarks.promises.units --data DIR [--only NAME,...] [--seeds 5] [--json FILE]

A figure is the mean over seeds 0, 1, ... on the published test part. Fails where those of a set are more than 0.005
apart.
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.measuring.report import markdown_table, significant, write_json
from benchmarks.quality.options import chosen, parser
from benchmarks.quality.tasks import TASKS, build

SETS = ("JapaneseVowels", "BasicMotions", "ItalyPowerDemand", "FloodModeling1")
UNITS = {"x": lambda x: x, "x + 100": lambda x: x + 100, "x * 1e-4": lambda x: x * 1e-4, "x * 1e4": lambda x: x * 1e4}
TOLERANCE = 0.005


def in_unit(X, change):
    """Return an array or a list of arrays in another unit."""
    return change(X) if isinstance(X, np.ndarray) else [change(x) for x in X]


def run_task(task, data, seeds):
    """Return the row of a set: its mean score in each unit."""
    split, means = task.read(data), {}
    for name, change in UNITS.items():
        X, X_test = in_unit(split.X_train, change), in_unit(split.X_test, change)
        models = [build(task, {}, seed).fit(X, split.y_train) for seed in range(seeds)]
        means[name] = float(np.mean([task.metric.score(split.y_test, model.predict(X_test)) for model in models]))
        print(f"{task.name}, {name}: {means[name]:.4f}", file=sys.stderr, flush=True)
    apart = max(means.values()) - min(means.values())
    return {"set": task.name, "metric": task.metric.name, **means, "apart": apart, "passed": apart <= TOLERANCE}


def table(rows):
    """Return the rows as a Markdown table."""
    cells = [
        [row["set"], row["metric"], *[significant(row[name], 4) for name in (*UNITS, "apart")],
         "yes" if row["passed"] else "NO"]
        for row in rows
    ]  # fmt: skip
    return markdown_table(["set", "metric", *UNITS, "apart", "passed"], cells)


def main(arguments=None):
    """Run the sets asked for; print and write the table."""
    options = parser("promises.units")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--json", metavar="FILE")
    options = options.parse_args(arguments)
    tasks = chosen(options.only, [task for task in TASKS if task.name in SETS])
    rows = [run_task(task, options.data, options.seeds) for task in tasks]
    print(table(rows))
    write_json(options.json, rows)
    if failed := [row["set"] for row in rows if not row["passed"]]:
        raise SystemExit(f"units matter: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
