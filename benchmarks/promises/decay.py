"""What does a training pass cost more in which inputs and states decay (GRU-D)?

    python -m benchmarks.promises.decay [--repeats 7] [--json FILE]

What an estimator's fit does for a batch of 64 sequences of 100 steps, 12 numbers each, three of ten missing: pack it,
run the network forward and backward.  With missing="decay" against missing="mask", which reads as many numbers; 32, 64
and 128 hidden units, GRU and LSTM, one thread, side by side and alternating, medians.  Fails where decay costs more
than 1.6 times as much.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.measuring.measure import Contender, alternate, medians
from benchmarks.measuring.report import markdown_table, milliseconds, significant, write_json
from fastrnn import SequenceRegressor, threads

MOST = 1.6
B, T, FEATURES, HIDDEN, MISSING = 64, 100, 12, (32, 64, 128), 0.3


def training(missing, cell, H):
    """Return the contender that trains on a batch."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((B, T, FEATURES))
    X[rng.random(X.shape) < MISSING] = np.nan
    y, options = rng.standard_normal(B), {"cell": cell, "hidden_size": H, "bidirectional": False}
    model = SequenceRegressor(missing=missing, max_iter=1, tol=None, random_state=0, **options).fit(X, y)
    objective, numbers = model._objective(model._problem(X, y, None, True)), np.arange(B)

    def run():
        model.network_.changed()
        with threads.limit(1):
            objective.lay_out([numbers], 0)
            return objective(0)

    return Contender(missing, run)


def measure(cell, H, repeats):
    """Return the row of a pair of models."""
    seconds = medians(alternate([training(missing, cell, H) for missing in ("mask", "decay")], repeats))
    ratio = seconds["decay"] / seconds["mask"]
    return {"cell": cell, "H": H, **seconds, "ratio": ratio, "passed": bool(ratio <= MOST)}


def main(arguments=None):
    """Measure all pairs; print and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promises.decay")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    rows = [measure(cell, H, options.repeats) for cell in ("gru", "lstm") for H in HIDDEN]
    cells = [
        [row["cell"], row["H"], milliseconds(row["mask"]), milliseconds(row["decay"]), significant(row["ratio"]),
         "yes" if row["passed"] else "NO"]
        for row in rows
    ]  # fmt: skip
    print(markdown_table(["cell", "H", "mask ms", "decay ms", "ratio", f"at most {MOST}"], cells))
    write_json(options.json, rows)
    if not all(row["passed"] for row in rows):
        raise SystemExit(f"a pass that decays costs more than {MOST} times one with a mask")


if __name__ == "__main__":
    main()
