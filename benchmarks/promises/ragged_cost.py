"""Does a training pass cost what the sum of the lengths says, however the lengths are spread?

    python -m benchmarks.promises.ragged_cost [--repeats 5] [--json FILE]

What an estimator's fit does for a batch: pack it, run the network forward and backward. One thread; batches of 32
and 64, 32 and 128 hidden units, all cells: lengths uniform in [T/4, T] against equal ones with the same sum. Fails
where they differ by more than 15 %.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.utils import check_random_state

from benchmarks.measuring.machine import GATES
from benchmarks.measuring.measure import Contender, alternate, medians
from benchmarks.measuring.report import markdown_table, milliseconds, significant, write_json
from benchmarks.peers.cases import ragged_lengths
from fastrnn import threads
from fastrnn.base import Problem
from fastrnn.losses.loss import squared
from fastrnn.network.parts import Encoder, make_cell
from fastrnn.network.sequence import SequenceNetwork
from fastrnn.sequences import Sequences

TOLERANCE = 0.15
BATCHES, HIDDEN = (32, 64), (32, 128)
T, INPUTS = 100, 16


def batches(B):
    """Return ragged lengths, and equal ones with the same sum."""
    ragged = np.array(ragged_lengths(B, T))
    # A few of the shorter ones grow by a step until the sum divides by B.
    ragged[np.argsort(ragged, kind="stable")[: -ragged.sum() % B]] += 1
    return ragged, np.full(B, ragged.sum() // B)


def training(name, cell, H, lengths):
    """Return the contender that trains on a batch of sequences of these lengths."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = np.random.default_rng(1).standard_normal((offsets[-1], INPUTS), np.float32)
    sequences, numbers = Sequences(values, offsets), np.arange(lengths.size)
    targets, weights = np.zeros((lengths.size, 1), np.float32), np.ones(lengths.size)
    stack = {"hidden_size": H, "num_layers": 1, "bias": True, "bidirectional": False}
    encoder = Encoder(None, INPUTS, make_cell(cell, "tanh"), stack, "float32")
    network = SequenceNetwork(encoder, 1, "last", None, check_random_state(0))
    objective = network.training(Problem(sequences, targets, weights, 1, squared), drops=True)

    def run():
        network.changed()
        with threads.limit(1):
            objective.lay_out([numbers], 0)
            return objective(0)

    return Contender(name, run)


def measure(cell, B, H, repeats):
    """Return the row of a pair of batches."""
    ragged, equal = batches(B)
    contenders = [training("ragged", cell, H, ragged), training("equal", cell, H, equal)]
    seconds = medians(alternate(contenders, repeats))
    ratio = seconds["ragged"] / seconds["equal"]
    passed = bool(1 / (1 + TOLERANCE) <= ratio <= 1 + TOLERANCE)
    row = {"cell": cell, "B": B, "H": H, "rows": int(ragged.sum())}
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
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promises.ragged_cost")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    rows = [measure(cell, B, H, options.repeats) for cell in GATES for B in BATCHES for H in HIDDEN]
    print(table(rows))
    write_json(options.json, rows)
    if not all(row["passed"] for row in rows):
        raise SystemExit("ragged and equal batches of as many rows differ by more than 15 %")


if __name__ == "__main__":
    main()
