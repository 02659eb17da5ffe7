"""What do hidden units cost that do not fill whole vectors?

    python -m benchmarks.landscape.padding [--repeats 5] [--threads 1]

For 4 to 48 hidden units, 32 sequences of 50 steps and 16 inputs, ours alone: the time an operation over that with the
next whole number of vectors of 16 units.  1 is no loss; in brackets is what computing on padded units would lose.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.landscape.rows import Neighbours, Pair, an_operation
from benchmarks.landscape.sizes import make_case
from benchmarks.measuring.report import markdown_table, significant
from benchmarks.measuring.workers import Worker
from benchmarks.peers.sections import CELLS

VECTOR = 16
UNITS = (4, 6, 8, 12, 17, 20, 24, 28, 33, 40)
B, T, I = 32, 50, 16


def costs(section, cell, worker, repeats):
    """Return the time an operation over that of whole vectors, for each number of units."""
    found = []
    for H in UNITS:
        pair = Pair(section, *(make_case(cell, False, B, T, I, units) for units in (H, whole(H))))
        one, other = an_operation(pair, worker, repeats)
        found.append(one / other)
        print(section, cell, H, significant(found[-1]), file=sys.stderr, flush=True)
    return found


def whole(H):
    """Return the units of as many whole vectors as H need."""
    return -(-H // VECTOR) * VECTOR


def main(arguments=None):
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.landscape.padding")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    worker = Worker(Neighbours, options.threads)
    rows = [
        [section, cell, *map(significant, costs(section, cell, worker, options.repeats))]
        for section in ("infer", "train")
        for cell in CELLS
    ]
    heads = [f"{H} ({significant(whole(H) / H)})" for H in UNITS]
    print(markdown_table(["section", "cell", *heads], rows))


if __name__ == "__main__":
    main()
