"""Which cells learn to track a state: the parity of bits, and of sequences four times as long?

    python -m benchmarks.quality.parity [--cells lstm,gru,slstm] [--seeds 6] [--json FILE]

A sequence is of 1 to 40 random bits, and its label says whether their sum is odd; there is no label of any step.  A
model reads 2000 of them, 60 times.  Figures are accuracies on 500 new sequences of up to 40 bits, and of 160; a model
has solved the task if it is right in 95 % of the latter.  Weights and data are of each seed anew.  The command fails
where slstm and lstm are among the cells, and slstm is not ahead in sequences of 160 bits.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from benchmarks.measuring.report import markdown_table, write_json
from fastrnn import SequenceClassifier

LENGTH, TIMES, SOLVED = 40, 4, 0.95
N_TRAIN, N_TEST = 2000, 500
SETTINGS = {"hidden_size": 32, "bidirectional": False, "readout": "last", "dropout": 0.0, "recurrent_dropout": 0.0,
            "max_iter": 60, "learning_rate_init": 0.01, "n_jobs": 1}  # fmt: skip


def sequences(n, shortest, longest, seed):
    """Return n sequences of bits (T, 1), and their parities."""
    rng = np.random.default_rng(seed)
    bits = [rng.integers(0, 2, T) for T in rng.integers(shortest, longest + 1, n)]
    return [x[:, np.newaxis].astype(np.float32) for x in bits], [int(x.sum() % 2) for x in bits]


def measure(cell, seed):
    """Return the accuracies of a model of this cell, and the seconds of its fit."""
    model = SequenceClassifier(cell=cell, random_state=seed, **SETTINGS)
    start = time.perf_counter()
    model.fit(*sequences(N_TRAIN, 1, LENGTH, 3 * seed))
    seconds, long = time.perf_counter() - start, TIMES * LENGTH
    return {
        "cell": cell,
        "seed": seed,
        "short": model.score(*sequences(N_TEST, 1, LENGTH, 3 * seed + 1)),
        "long": model.score(*sequences(N_TEST, long, long, 3 * seed + 2)),
        "seconds": seconds,
    }


def main(arguments=None):
    """Measure all cells; print and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.parity")
    parser.add_argument("--cells", default="lstm,gru,slstm", help="names of cells, with commas between")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    rows, cells, means = [], [], {}
    for cell in options.cells.split(","):
        own = [measure(cell, seed) for seed in range(options.seeds)]
        rows += own
        short, means[cell], seconds = (np.mean([row[name] for row in own]) for name in ("short", "long", "seconds"))
        solved = sum(row["long"] >= SOLVED for row in own)
        cells.append([cell, f"{short:.3f}", f"{means[cell]:.3f}", f"{solved} of {len(own)}", f"{seconds:.1f}"])
    header = ["cell", f"up to {LENGTH} bits", f"{TIMES * LENGTH} bits", "solved", "s a fit"]
    print(markdown_table(header, cells))
    write_json(options.json, rows)
    if {"lstm", "slstm"} <= means.keys() and means["slstm"] <= means["lstm"]:
        raise SystemExit("slstm is not ahead of lstm")


if __name__ == "__main__":
    main()
