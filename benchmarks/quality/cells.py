"""Scores of every cell on the sets of a few kinds of task, the settings otherwise those of `SETTINGS`.

    python -m benchmarks.quality.cells --data DIR [--cells lstm,gru,...] [--only NAME,...] [--seeds 1]

A figure is the mean over seeds 0, 1, ...  The settings were chosen for the cell that the set has there, mostly an LSTM
or a GRU: others may do better with their own.
"""

from __future__ import annotations

from benchmarks.measuring.report import markdown_table, significant
from benchmarks.quality.forecasts import FORECASTS
from benchmarks.quality.options import chosen, parser
from benchmarks.quality.scores import run_task
from benchmarks.quality.settings import SETTINGS
from benchmarks.quality.tasks import TASKS
from fastrnn.network.parts import CELLS

SETS = (
    "JapaneseVowels", "SyntheticControl", "GunPoint", "SNIPS intents", "SNIPS slots", "EWT words", "JSB chorales",
    "tinyshakespeare", "M4-Hourly", "Sunspots",
)  # fmt: skip


def main(arguments=None):
    """Run the tasks with each cell; print the table."""
    options = parser("quality.cells")
    options.add_argument("--cells", type=lambda text: text.split(","), default=list(CELLS))
    options.add_argument("--seeds", type=int, default=1)
    options = options.parse_args(arguments)
    every = [task for task in TASKS + FORECASTS if task.name in SETS]
    found = [of_task(task, options) for task in chosen(options.only, every)]
    print(markdown_table(["set", "metric", *options.cells], found))


def of_task(task, options):
    """Return a row of the table: the first bar's score of each cell."""
    figures = []
    for cell in options.cells:
        settings = {task.name: SETTINGS.get(task.name, {}) | {"cell": cell}}
        row, *_ = run_task(task, options.data, options.seeds, settings)
        figures.append(f"{significant(row['mean'], 4)} ({significant(row['seconds'])} s)")
    return [task.name, row["metric"], *figures]


if __name__ == "__main__":
    main()
