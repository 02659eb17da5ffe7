"""Are pen strokes that a generator of numbers makes up read as the letters that it was to write?

    python -m benchmarks.quality.strokes --data DIR [--biases 0,1] [--only A,B] [--picture FILE] [--json FILE]

CharTraj-mini has five real strokes of each of 20 letters, as velocities of the pen; three steps are made one, their
mean, and what does not move at either end is cut off. A generator of each letter, in pairs of numbers that are
correlated, has seen its five. A classifier that was trained on all real strokes says of 20 new ones which letter each
is. What it is worth shows by cross-validation among the real ones. The command fails where it recognises less than 80 %
of the most neat samples. A picture (with matplotlib) has in each row a letter: a real one, and samples of each bias.
"""

from __future__ import annotations

import gzip
import json
import time

import numpy as np
from sklearn.model_selection import StratifiedKFold, cross_val_score

from benchmarks.measuring.report import markdown_table, write_json
from benchmarks.quality.options import parser
from fastrnn import SequenceClassifier, SequenceGenerator

LEAST = 0.8
"""Of samples of the largest bias, recognised."""
AT_ONCE, STILL, SAMPLES, LONGEST = 3, 1e-3, 20, 100
"""Steps that are made one; velocities that are no movement; samples of a letter and a bias; their steps, at most."""
PEN = slice(1, 3)
"""The columns that draw a letter, as a picture shows; the first one is the force of the pen."""
GENERATOR = {
    "embedding_dim": None, "n_components": 10, "hidden_size": 128, "dropout": 0.0, "batch_size": 1, "max_iter": 300,
    "random_state": 0,
}  # fmt: skip
CLASSIFIER = {"max_iter": 100, "random_state": 0}


def data(folder):
    """Return strokes (T, 2) and their letters."""
    with gzip.open(folder / "CharTraj-mini" / "chartraj_mini.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    return [moving(np.array(row["xyp"])[:, PEN]) for row in rows], np.array([row["label"] for row in rows])


def moving(x):
    """Return a stroke from its first movement to its last, in longer steps."""
    places = np.flatnonzero(np.abs(x).max(axis=1) > STILL)
    x = x[places[0] : places[-1] + 1]
    return x[: len(x) // AT_ONCE * AT_ONCE].reshape(-1, AT_ONCE, 2).mean(axis=1)


def run(letter, X, y, reader, biases):
    """Return the row of one letter, and samples by their bias."""
    start = time.perf_counter()
    own = [x for x, k in zip(X, y, strict=True) if k == letter]
    model = SequenceGenerator(**GENERATOR).fit(own)
    row = {"letter": letter, "seconds": time.perf_counter() - start, "score": model.score(own)}
    drawn = {}
    for bias in biases:
        drawn[bias] = [model.sample(length=LONGEST, bias=bias, random_state=k) for k in range(SAMPLES)]
        row[f"bias {bias:g}"] = float((reader.predict(drawn[bias]) == letter).mean())
    return row, {"real": own, **drawn}


def draw(drawn, path):
    """Write a picture: a row for each letter, a real one and the first samples of each bias."""
    from matplotlib.figure import Figure

    columns = [(kind, k) for kind in next(iter(drawn.values())) for k in range(1 if kind == "real" else 4)]
    figure = Figure((1.1 * len(columns), 0.9 * len(drawn)), layout="constrained")
    axes = figure.subplots(len(drawn), len(columns), squeeze=False)
    for row, kinds in zip(axes, drawn.values(), strict=True):
        for ax, (kind, k) in zip(row, columns, strict=True):
            ax.plot(*np.cumsum(kinds[kind][k], axis=0).T, lw=1.5, color="k" if kind == "real" else f"C{int(kind)}")
            ax.set_aspect("equal", "datalim")
            ax.set_axis_off()
    figure.savefig(path, dpi=80)


def main(arguments=None):
    """Measure, print, and say whether the bound holds."""
    options = parser("quality.strokes")
    options.add_argument("--biases", type=lambda text: [*map(float, text.split(","))], default=[0.0, 1.0])
    options.add_argument("--picture", metavar="FILE")
    options.add_argument("--json", metavar="FILE")
    options = options.parse_args(arguments)
    X, y = data(options.data)
    reader, folds = SequenceClassifier(**CLASSIFIER), StratifiedKFold(5, shuffle=True, random_state=0)
    real = cross_val_score(reader, X, y, cv=folds).mean()
    reader.fit(X, y)
    found = {letter: run(letter, X, y, reader, options.biases) for letter in options.only or np.unique(y).tolist()}
    rows, heads = [row for row, _ in found.values()], [f"bias {bias:g}" for bias in options.biases]
    cells = [[row["letter"], *(f"{row[head]:.0%}" for head in heads), f"{row['score']:.2f}", f"{row['seconds']:.0f} s"]
             for row in rows]  # fmt: skip
    means = {head: float(np.mean([row[head] for row in rows])) for head in heads}
    cells.append(["all", *(f"{means[head]:.1%}" for head in heads), "", f"{sum(row['seconds'] for row in rows):.0f} s"])
    print(markdown_table(["letter", *(f"recognised, {head}" for head in heads), "log density", "fit"], cells))
    print(f"Real strokes that the classifier has not seen are recognised at {real:.0%}.")
    write_json(options.json, {"rows": rows, "means": means, "real": real})
    if options.picture:
        draw({letter: drawn for letter, (_, drawn) in found.items()}, options.picture)
    if means[f"bias {max(options.biases):g}"] < LEAST:
        raise SystemExit(f"less than {LEAST:.0%} of the most neat samples are recognised")


if __name__ == "__main__":
    main()
