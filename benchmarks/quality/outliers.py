"""Are odd sequences found, and the steps at which they are odd? Nothing is set but the method and the seed.

    python -m benchmarks.quality.outliers --data DIR [--only NAME,...] [--seeds 5] [--json FILE]

A row is a set and the class that is normal. The fit is on the training sequences of this class alone; a figure is the
area under the ROC curve of the test part, its mean over the seeds, beside that of scikit-learn's IsolationForest on the
raw values. Another row is 200 generated sequences with a fault each: the share of those whose oddest step is at the
fault. The command fails if a mean misses its floor: of sets with the default method, of faults with "forecast".
"""

from __future__ import annotations

import sys

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from benchmarks.measuring.report import markdown_table, significant, write_json
from benchmarks.quality.options import parser
from benchmarks.quality.readers import read_ts_split
from fastrnn import SequenceOutlierDetector

SETS = {
    "SyntheticControl": ["1"],
    "ECG200": ["1"],
    "GunPoint": ["1", "2"],
    "ItalyPowerDemand": ["1", "2"],
    "Coffee": ["0", "1"],
    "Lightning2": ["-1", "1"],
    "Chinatown": ["1", "2"],
}
FLOORS = {"SyntheticControl": 0.95, "ECG200": 0.80}
FOUND = 0.95
"""The floor of the faults' row."""
METHODS = "reconstruction", "forecast"
AFTER = 5
"""Steps after the last of a fault at which it still counts as found: so many a forecast takes to find a new phase."""


def make_faults(n, seed, faults=("spike", "shift", "phase")):
    """Return n noisy sines, 60 to 100 steps long, and the first and the last step of the fault of each.

    A spike is one step, a shift lasts 3 to 10 steps, and at a fault of the phase the sine jumps a third to two thirds
    of its period ahead. Without faults all are as they should be.
    """
    rng = np.random.RandomState(seed)
    X, firsts, lasts = [], rng.randint(15, 45, n), []
    for first in firsts:
        fault, size = rng.choice(faults) if faults else None, rng.uniform(1.0, 2.0) * rng.choice([-1, 1])
        t, phase, speed = np.arange(rng.randint(60, 101)), rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 0.5)
        lasts.append(first + (rng.randint(2, 10) if fault == "shift" else 0))
        jump = rng.uniform(2 / 3, 4 / 3) * np.pi * (fault == "phase")
        x = np.sin(speed * t + phase + jump * (t >= first)) + 0.05 * rng.normal(size=t.size)
        X.append(x + size * ((first <= t) & (t <= lasts[-1])) * (fault in ("spike", "shift")))
    return X, firsts, np.array(lasts)


def found(seed, method, n=200, **options):
    """Return the share of n faults at which, or just after which, the oddest step is."""
    normal, *_ = make_faults(n, seed, ())
    X, firsts, lasts = make_faults(n, 1000 + seed)
    model = SequenceOutlierDetector(method=method, random_state=seed, **options).fit(normal)
    oddest = np.array([scores.argmin() for scores in model.score_steps(X)])
    return float(np.mean((firsts <= oddest) & (oddest <= lasts + AFTER)))


def areas(split, normal, seed):
    """Return the area under the curve of each method, and of IsolationForest."""
    X, is_normal = split.X_train[split.y_train == normal], split.y_test == normal
    models = {method: SequenceOutlierDetector(method=method, random_state=seed) for method in METHODS}
    models["IsolationForest"] = IsolationForest(random_state=seed)
    return {name: roc_auc_score(is_normal, model.fit(X).score_samples(split.X_test)) for name, model in models.items()}


def make_row(name, floor, method, scores):
    """Return the row of dicts, one a seed: the means, and whether that of a method meets the floor."""
    means = {model: float(np.mean([score[model] for score in scores])) for model in scores[0]}
    return {"set": name, **means, "floor": floor, "passed": floor is None or means[method] >= floor}


def main(arguments=None):
    """Run the sets asked for; print and write the table."""
    options = parser("quality.outliers")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--json", metavar="FILE")
    options = options.parse_args(arguments)
    rows, names = [], [name for name in [*SETS, "faults"] if options.only is None or name in options.only]
    for name in names:
        for normal in SETS.get(name, ()):
            split = read_ts_split(options.data, name)
            scores = [areas(split, normal, seed) for seed in range(options.seeds)]
            rows.append(make_row(f"{name}, {normal}", FLOORS.get(name), "reconstruction", scores))
            print(rows[-1], file=sys.stderr, flush=True)
    if "faults" in names:
        scores = [{method: found(seed, method) for method in METHODS} for seed in range(options.seeds)]
        rows.append(make_row("200 faults, found", FOUND, "forecast", scores))
    columns = [*METHODS, "IsolationForest", "floor"]
    cells = [[row["set"], *[significant(row[c], 3) if row.get(c) is not None else "" for c in columns],
              "yes" if row["passed"] else "NO"] for row in rows]  # fmt: skip
    print(markdown_table(["set, normal class", *columns, "passed"], cells))
    write_json(options.json, rows)
    if failed := [row["set"] for row in rows if not row["passed"]]:
        raise SystemExit(f"odd sequences are not found: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
