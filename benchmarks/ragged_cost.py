"""Does a training pass cost what the sum of the lengths says, however the lengths are spread?

    python -m benchmarks.ragged_cost [--repeats 5] [--json FILE]

One thread; batches of 32 and 64, 32 and 128 hidden units, all cells: a batch of lengths uniform in
[T/4, T] against one of equal lengths with the same sum. Fails where they differ by more than 15 %.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from benchmarks.contenders import Case, FastRNN, ragged_lengths
from benchmarks.machine import GATES
from benchmarks.measure import alternate, medians
from benchmarks.report import markdown_table, milliseconds, significant, write_json

TOLERANCE = 0.15
BATCHES, HIDDEN = (32, 64), (32, 128)
T, INPUTS = 100, 16


def batches(cell, B, H):
    """Return a ragged case and one of equal lengths with as many rows."""
    lengths = list(ragged_lengths(B, T))
    # A few of the shorter ones grow by a step until the sum divides by B.
    for i in range(-sum(lengths) % B):
        lengths[lengths.index(min(lengths[i:]), i)] += 1
    ragged = Case(cell, B, T, INPUTS, H, ragged=tuple(lengths))
    return ragged, replace(ragged, T=sum(lengths) // B, ragged=None)


def measure(library, cell, B, H, repeats):
    """Return the row of a pair of batches."""
    ragged, equal = batches(cell, B, H)
    contenders = [
        replace(library.training(case)[0], name=name)
        for name, case in [("ragged", ragged), ("equal", equal)]
    ]
    seconds = medians(alternate(contenders, repeats))
    ratio = seconds["ragged"] / seconds["equal"]
    passed = bool(1 / (1 + TOLERANCE) <= ratio <= 1 + TOLERANCE)
    row = {"cell": cell, "B": B, "H": H, "rows": ragged.rows}
    return row | seconds | {"ratio": ratio, "passed": passed}


def table(rows):
    """Return the rows as a Markdown table."""
    lines = [
        [
            *(row[key] for key in ("cell", "B", "H", "rows")),
            milliseconds(row["ragged"]),
            milliseconds(row["equal"]),
            significant(row["ratio"]),
            "yes" if row["passed"] else "NO",
        ]
        for row in rows
    ]
    columns = ["cell", "B", "H", "rows", "ragged ms", "equal ms", "ratio", "within 15 %"]
    return markdown_table(columns, lines)


def main(arguments=None):
    """Measure all pairs; print and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ragged_cost")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    library = FastRNN(threads=1)
    rows = [
        measure(library, cell, B, H, options.repeats)
        for cell in GATES
        for B in BATCHES
        for H in HIDDEN
    ]
    print(table(rows))
    write_json(options.json, rows)
    if not all(row["passed"] for row in rows):
        raise SystemExit("ragged and equal batches of as many rows differ by more than 15 %")


if __name__ == "__main__":
    main()
