"""This checkout beside another one: how many times faster the same fits have become.

    python -m benchmarks.builds --against DIR [--data DIR] [--only NAME;...] [--repeats 5] [--threads 2] [--json FILE]

``--against`` is the root of the other checkout (`git worktree add`). Each package works in a process of its own, with
an empty cache of kernels of its own, in turn, and the best of the repeats counts; a ratio is the other's time over this
one's.  The first fit of a process, with an empty cache, and the import beyond that of ``sklearn.base`` are of fresh
processes.  ``--data`` is the folder of `benchmarks.quality`, without which its two sets are left out. Fails where a
ratio is below what is asked.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.builds.checkout import NEEDS_DATA, SHORT, WORK, Checkout
from benchmarks.measuring.machine import Elsewhere, cpu_name
from benchmarks.measuring.measure import BLOCK_SECONDS, alternate, best
from benchmarks.measuring.report import markdown_table, milliseconds, significant, write_json
from benchmarks.measuring.workers import Worker
from benchmarks.suite.process import ESTIMATOR, first_fit_seconds, import_seconds

HERE, THERE = "this", "other"
FIRST_FIT, IMPORT = "first fit, empty cache", "import over sklearn.base"
# What is no slower may look a little slower.
LEAST = {
    "JapaneseVowels, GRU 16": 3.0, "JapaneseVowels, GRU 64": 1.9, "EWT tagger": 1.5, "M4-Hourly forecaster": 1.5,
    "predict 1 step": 3.3, "predict 5 steps": 2.0, "predict 20 steps": 1.6, "a stream's step": 0.97,
    "learn_one": 0.97, FIRST_FIT: 2.0, IMPORT: 1.9,
}  # fmt: skip


def work_row(what, workers, repeats):
    """Return the row of work in processes that go on."""
    contenders = [c for worker in workers for c in worker.contenders("work", what)]
    elsewhere = Elsewhere(workers)
    found = alternate(contenders, repeats, BLOCK_SECONDS if what in SHORT else 0)
    return row(what, best(found), found) | {"cores_busy_elsewhere": elsewhere.cores()}


def first_fit_row(folders, repeats):
    """Return the row of first fits, each in a fresh process with an empty cache."""
    found = {where: [] for where in folders}
    for _ in range(repeats):
        for where, folder in folders.items():
            found[where].append(first_fit_seconds(folder)[0])
    return row(FIRST_FIT, best(found), found)


def import_row(folders, repeats):
    """Return the row of imports; what `sklearn.base` takes is the same in both checkouts."""
    found = {where: [] for where in folders}
    base = []
    for _ in range(repeats):
        base.append(import_seconds("sklearn.base"))
        for where, folder in folders.items():
            found[where].append(import_seconds(ESTIMATOR, folder))
    return row(IMPORT, {where: least - min(base) for where, least in best(found).items()}, found)


PROCESSES = {FIRST_FIT: first_fit_row, IMPORT: import_row}


def row(what, seconds, repeats):
    """Return what is reported."""
    ratio = seconds[THERE] / seconds[HERE]
    passed = ratio >= LEAST[what]
    return {"what": what, "seconds": seconds, "repeats": repeats, "ratio": ratio, "passed": passed}


def table(rows):
    """Return the rows as a Markdown table."""
    cells = [
        [
            r["what"], milliseconds(r["seconds"][THERE]), milliseconds(r["seconds"][HERE]), significant(r["ratio"]),
            significant(LEAST[r["what"]]), "yes" if r["passed"] else "NO", significant(r.get("cores_busy_elsewhere")),
        ]
        for r in rows
    ]  # fmt: skip
    columns = ["what", "other ms", "this ms", "ratio", "asked", "passed", "cores busy elsewhere"]
    return markdown_table(columns, cells)


def parse(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.builds", description=__doc__.split("\n")[0])
    parser.add_argument("--against", type=Path, required=True, metavar="DIR", help="root of the other checkout")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with a subfolder for each set")
    parser.add_argument("--only", type=lambda text: text.split(";"), metavar="NAME;...", help="beginnings of names")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    if not (options.against / "fastrnn" / "__init__.py").is_file():
        parser.error(f"--against: there is no fastrnn in {options.against}")
    options.names = [name for name in LEAST if options.only is None or name.startswith(tuple(options.only))]
    if options.data is None:
        options.names = [name for name in options.names if name not in NEEDS_DATA]
    if not options.names:
        parser.error(f"nothing to time; there are: {'; '.join(LEAST)}; {' and '.join(NEEDS_DATA)} need --data")
    return options


def main(arguments=None):
    """Time all that is asked for; print and write the table."""
    options = parse(arguments)
    folders = {THERE: options.against.resolve(), HERE: Path(__file__).resolve().parents[2]}
    rows = []
    with tempfile.TemporaryDirectory() as caches:
        checkouts = [Checkout(name, folder, f"{caches}/{name}", options.data) for name, folder in folders.items()]
        workers = [Worker(checkout, options.threads) for checkout in checkouts]
        for what in (name for name in options.names if name in WORK):
            rows.append(work_row(what, workers, options.repeats))
            print(what, significant(rows[-1]["ratio"]), file=sys.stderr, flush=True)
    rows += [make(folders, options.repeats) for what, make in PROCESSES.items() if what in options.names]
    print(f"{cpu_name()}, {options.threads} threads; best of {options.repeats}\n\n{table(rows)}")
    write_json(options.json, {"cpu": cpu_name(), "rows": rows})
    if failed := [r["what"] for r in rows if not r["passed"]]:
        raise SystemExit(f"less than asked: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
