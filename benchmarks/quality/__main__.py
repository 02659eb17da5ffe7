"""Scores on real and generated sets, beside their floors and the published figures.

    python -m benchmarks.quality --data DIR [--defaults] [--only NAME,...] [--seeds 5] [--json FILE]

A row is the mean over seeds 0, 1, ... on the published test part; tasks that take long have fewer
seeds. Settings other than the defaults are those of `SETTINGS`, whose comments say how each was
found. The command fails if a mean misses its floor, or a fit lasts longer than it may.
"""

from __future__ import annotations

from benchmarks.measuring.report import write_json
from benchmarks.quality import tasks
from benchmarks.quality.defaults import DEFAULTS, MEANS, MUST
from benchmarks.quality.forecasts import FORECASTS
from benchmarks.quality.options import chosen, parser
from benchmarks.quality.scores import mean_rows, run_task, table
from benchmarks.quality.settings import SETTINGS
from benchmarks.quality.tasks import TASKS


def main(arguments=None):
    """Run the tasks asked for; print and write the table."""
    options = parser("quality")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--json", metavar="FILE")
    options.add_argument("--defaults", action="store_true", help="set nothing but what must be")
    options = options.parse_args(arguments)
    every, settings, means = (DEFAULTS, MUST, MEANS) if options.defaults else (TASKS + FORECASTS, SETTINGS, tasks.MEANS)
    rows = [
        row for task in chosen(options.only, every) for row in run_task(task, options.data, options.seeds, settings)
    ]
    rows += mean_rows(rows, means)
    print(table(rows))
    write_json(options.json, rows)
    if failed := [f"{row['set']} ({row['metric']})" for row in rows if not row["passed"]]:
        raise SystemExit(f"not good or quick enough: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
