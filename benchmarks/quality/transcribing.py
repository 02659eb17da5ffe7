"""Are rows of handwritten digits read, column by column, whose places nobody has told?

    python -m benchmarks.quality.transcribing [--seeds 1] [--only both,one] [--json FILE]

scikit-learn's load_digits is split, 4 to 1, before rows are made. A row has 3 to 8 digits side by side, with gaps of 0
to 4 columns; a step is a column of 8 pixels. Training rows have 1 to 8, for short ones are learned sooner, and noise,
so that the few images are not learned by heart. A figure is the label error rate, edits by true digits, of 1000 rows of
unseen images: of a network of both directions, and of one direction, read by `predict` and by a stream, which must say
the same. The command fails where an error is above 2 %.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from benchmarks.measuring.report import markdown_table, write_json
from fastrnn import SequenceTranscriber

MOST = 0.02
"""Label errors, at most."""
N_TRAIN, N_TEST, GAP, NOISE = 5000, 1000, 5, 2.0
"""Rows; a gap is below this; the noise of pixels from 0 to 16."""
SETTINGS = {
    "both": {"cell": "gru", "dropout": 0.3, "max_iter": 20},
    "one": {"cell": "gru", "bidirectional": False, "hidden_size": 96, "num_layers": 2, "dropout": 0.4, "max_iter": 18},
}  # fmt: skip


def make_rows(n, images, digits, rng, shortest, longest):
    """Return n rows of images side by side, (T, 8) each, and their digits."""
    X, y = [], []
    for _ in range(n):
        chosen = rng.randint(len(images), size=rng.randint(shortest, longest + 1))
        parts = [np.zeros((rng.randint(GAP), 8))]
        for k in chosen:
            parts += [images[k].T, np.zeros((rng.randint(GAP), 8))]
        X.append(np.concatenate(parts))
        y.append(digits[chosen])
    return X, y


def data(seed):
    """Return training rows and test rows, of different images."""
    images, digits = load_digits(return_X_y=True)
    parts = train_test_split(images.reshape(-1, 8, 8), digits, test_size=0.2, stratify=digits, random_state=seed)
    rng = np.random.RandomState(seed)
    X, y = make_rows(N_TRAIN, parts[0], parts[2], rng, 1, 8)
    return ([x + NOISE * rng.normal(size=x.shape) for x in X], y), make_rows(N_TEST, parts[1], parts[3], rng, 3, 8)


def streamed(model, X):
    """Return the labels that a stream says of each sequence."""
    stream, said = model.stream(), []
    for x in X:
        stream.reset()
        said.append([label for x_t in x if (label := stream.step(x_t)) is not None])
    return said


def run(name, seed):
    """Return the row of one network."""
    train, (X, y) = data(seed)
    start = time.perf_counter()
    model = SequenceTranscriber(random_state=seed, **SETTINGS[name]).fit(*train)
    row = {"directions": name, "seed": seed, "seconds": time.perf_counter() - start, "error": 1 - model.score(X, y)}
    is_same = name == "both" or streamed(model, X) == [labels.tolist() for labels in model.predict(X)]
    row["beam"] = 1 - model.set_params(decoding="beam").score(X, y)
    return {**row, "stream": is_same, "passed": bool(row["error"] <= MOST and is_same)}


def main(arguments=None):
    """Measure, print, and say whether the bound holds."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--only", type=lambda text: text.split(","), default=[*SETTINGS], metavar="NAME,...")
    options.add_argument("--json", metavar="FILE")
    options = options.parse_args(arguments)
    rows = [run(name, seed) for name in options.only for seed in range(options.seeds)]
    streams = {True: "as predict", False: "DIFFERS"}
    cells = [[row["directions"], row["seed"], f"{row['error']:.2%}", f"{row['beam']:.2%}",
              "-" if row["directions"] == "both" else streams[row["stream"]], f"{row['seconds']:.0f} s"]
             for row in rows]  # fmt: skip
    heads = ["directions", "seed", f"label errors (at most {MOST:.0%})", "by beam", "stream", "fit"]
    print(markdown_table(heads, cells))
    write_json(options.json, rows)
    if not all(row["passed"] for row in rows):
        raise SystemExit("too many digits are read wrongly, or a stream says others")


if __name__ == "__main__":
    main()
