"""The rows of the landscape: each size timed beside the peers, and beside its neighbour."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.landscape.sizes import FROM_H, neighbour, operations
from benchmarks.measuring.measure import alternate, best, check_agreement
from benchmarks.measuring.report import significant
from benchmarks.peers.cases import Case
from benchmarks.peers.libraries import FastRNN
from benchmarks.peers.sections import BUILDS, TOLERANCE, ratio_text
from benchmarks.peers.timing import OURS, floors, timing

BLOCK_SECONDS, MOST_SECONDS = 0.05, 4.0
"""Of one block, and of the repeats of one row."""
MOST_APART = 1.4
"""What the time an operation of two neighbours may differ by."""


def measure(drawn, workers, repeats, facts):
    """Return a row for each pair of a section and a case, announcing each as it is done."""
    rows = []
    for section, case in drawn:
        row = size_row(section, case)
        try:
            contenders = [c for worker in workers for c in worker.contenders(BUILDS[section], case)]
            check_agreement(contenders, TOLERANCE)
        except ValueError as error:
            row["differs"] = str(error)
            rows.append(row)
            continue
        row |= timing(contenders, workers, repeats, block_seconds=BLOCK_SECONDS, most_seconds=MOST_SECONDS)
        rows.append(row | floors(section, case, row["seconds"][OURS], facts))
        print(f"{len(rows)}/{len(drawn)}", name(rows[-1]), ratio_text(rows[-1]), file=sys.stderr, flush=True)
    return rows


def size_row(section, case):
    """Return what is known of a row before it is timed."""
    sizes = {key: getattr(case, key) for key in ("cell", "B", "T", "I", "H")}
    return {"section": section, "ragged": case.ragged is not None, **sizes, "operations": operations(section, case)}


def name(row):
    """Name a row in a table."""
    lengths = "ragged" if row["ragged"] else "equal"
    return f"{row['section']} {row['cell']} {lengths} {row['B']}, {row['T']}, {row['I']}, {row['H']}"


@dataclass(frozen=True)
class Pair:
    """Two neighbouring sizes."""

    section: str
    one: Case
    other: Case


class Neighbours(FastRNN):
    """The library, with two sizes in one process."""

    def pair(self, pair):
        """Return a contender for each."""
        build = getattr(self, BUILDS[pair.section])
        return [replace(build(case)[0], name=name) for name, case in (("one", pair.one), ("other", pair.other))]


def compare(drawn, seed, worker, repeats):
    """Return a row for each size of `FROM_H` and more and a neighbour of it; `worker` has `Neighbours`."""
    rng, rows = np.random.default_rng([seed, 1]), []
    for section, case in drawn:
        if case.H < FROM_H:
            continue
        other, changed = neighbour(rng, case)
        pair = Pair(section, case, other)
        row = size_row(section, case) | {"changed": changed, "to": getattr(other, changed)}
        apart = differ(pair, worker, repeats)
        if apart > MOST_APART:  # or a neighbour on the machine was in the way
            apart = min(apart, differ(pair, worker, 3 * repeats))
        rows.append(row | {"apart": apart, "passed": apart <= MOST_APART})
        print(f"{name(row)}; {changed} {row['to']}: {significant(apart)}", file=sys.stderr, flush=True)
    return rows


def differ(pair, worker, repeats):
    """Return the larger time an operation over the smaller one."""
    one, other = an_operation(pair, worker, repeats)
    return max(one / other, other / one)


def an_operation(pair, worker, repeats):
    """Return the seconds an operation of both sizes."""
    seconds = best(alternate(worker.contenders("pair", pair), repeats, BLOCK_SECONDS, MOST_SECONDS))
    return [seconds[name] / operations(pair.section, getattr(pair, name)) for name in ("one", "other")]
