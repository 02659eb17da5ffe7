"""Do the attributions of integrated gradients sum to the difference of two answers, and what do they cost?

    python -m benchmarks.promises.completeness --data DIR [--only NAME,...] [--n 100] [--json FILE]

Of the first sequences of each published test part, with all by defaults: by how many per cent of the difference the sum
is off, at most and in the median, and the milliseconds a sequence. Fails where a sum is off by more than 1 %, and by
more than 1e-5 of the answer, which may be float32's rounding.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from benchmarks.measuring.report import markdown_table, significant, write_json
from benchmarks.quality.options import chosen, parser
from benchmarks.quality.tasks import TASKS, build
from fastrnn.inspection import integrated_gradients

SETS = "JapaneseVowels", "BasicMotions", "ItalyPowerDemand", "FloodModeling1", "SNIPS intents", "SNIPS slots", "names18"
HEAD = ["set", "sequences", "off at most, %", "in the median, %", "ms a sequence"]


def run_task(task, data, n):
    """Return the row of a set."""
    split = task.read(data)
    model = build(task, {}, 0).fit(split.X_train, split.y_train)
    print(f"{task.name}: fitted", file=sys.stderr, flush=True)
    start = time.perf_counter()
    found = integrated_gradients(model, split.X_test[:n])
    spent = time.perf_counter() - start
    difference = found.predictions - found.baseline_predictions
    gaps = np.abs([a.sum() for a in found.attributions] - difference)
    off = 100 * np.where(gaps > 1e-5 * np.abs(found.predictions), gaps / np.abs(difference), 0)
    return dict(zip(HEAD, (task.name, len(off), off.max(), np.median(off), 1000 * spent / len(off)), strict=True))


def main(arguments=None):
    """Run the sets asked for; print and write the table."""
    options = parser("promises.completeness")
    options.add_argument("--n", type=int, default=100)
    options.add_argument("--json", metavar="FILE")
    options = options.parse_args(arguments)
    tasks = chosen(options.only, [task for task in TASKS if task.name in SETS])
    rows = [run_task(task, options.data, options.n) for task in tasks]
    cells = [[row["set"], str(row["sequences"]), *(significant(row[name], 2) for name in HEAD[2:])] for row in rows]
    print(markdown_table(HEAD, cells))
    write_json(options.json, rows)
    if failed := [row["set"] for row in rows if row[HEAD[2]] > 1]:
        raise SystemExit(f"attributions do not sum to the difference: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
