"""What does a prediction for each of 100,000 short sequences cost?

    python -m benchmarks.promises.predictions [--n 100000] [--repeats 7] [--json FILE]

Microseconds a sequence of `predict` of a `SequenceClassifier` with a GRU of 32, one direction, 8 inputs, on sequences
of 1, 5 and 20 steps, in one thread: as a list of arrays, and as one array (n, T, I), in turn, each one's best call.
Fails where a figure is above what is asked, which is for Zen 4, or an array is slower than a list.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.measuring.measure import Contender, alternate, best
from benchmarks.measuring.report import markdown_table, significant, write_json
from fastrnn import SequenceClassifier

INPUTS, HIDDEN = 8, 32
MOST_US = {1: 0.6, 5: 1.2, 20: 2.9}
NOISE = 1.05
"""How much slower than a list an array may look."""


def make_model():
    """Return a classifier that has learned nothing."""
    X = list(np.random.default_rng(0).standard_normal((20, 5, INPUTS)))
    shape = {"cell": "gru", "hidden_size": HIDDEN, "bidirectional": False, "readout": "last"}
    return SequenceClassifier(**shape, max_iter=1, n_jobs=1, random_state=0).fit(X, [0, 1] * 10)


def measure(model, T, n, repeats):
    """Return the row of sequences of T steps."""
    X = np.random.default_rng(T).standard_normal((n, T, INPUTS))
    forms = {"list": list(X), "array": X}
    contenders = [Contender(name, lambda form=form: model.predict(form)) for name, form in forms.items()]
    us = {name: 1e6 * seconds / n for name, seconds in best(alternate(contenders, repeats, block_seconds=0)).items()}
    passed = max(us.values()) <= MOST_US[T] and us["array"] <= NOISE * us["list"]
    return {"T": T, **us, "asked": MOST_US[T], "passed": passed}


def main(arguments=None):
    """Measure, print, and say whether the bounds hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promises.predictions")
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    model = make_model()
    rows = [measure(model, T, options.n, options.repeats) for T in MOST_US]
    cells = [
        [row["T"], *(significant(row[key]) for key in ("list", "array", "asked")), "yes" if row["passed"] else "NO"]
        for row in rows
    ]
    print(markdown_table(["steps", "list, us", "array, us", "at most", "passed"], cells))
    write_json(options.json, rows)
    if not all(row["passed"] for row in rows):
        raise SystemExit("a prediction takes more than it may, or an array longer than a list")


if __name__ == "__main__":
    main()
