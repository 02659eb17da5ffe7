"""What does an encoder win that has read all names, where few of them have labels?

    python -m benchmarks.quality.few_labels --data DIR [--seeds 5] [--json FILE]

names18, by characters.  Two generators learn all names of the training part, forwards and backwards, without labels;
a classifier starts from them (`init_from`) and is trained on 5 % of the names of each language (two at least).
Accuracy on the test part, beside the classifier with nothing set on the same names.  The settings were chosen on a
fifth of the training part.  Fails where starting from the generators wins less than three points.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.measuring.report import markdown_table, significant, write_json
from benchmarks.quality.corpora import read_names18
from fastrnn import SequenceClassifier, SequenceGenerator
from fastrnn.preprocessing import Tokenizer

SHARE, LEAST = 0.05, 0.03
GENERATOR = {"cell": "gru", "hidden_size": 256, "embedding_dim": 64, "dropout": 0.5, "max_iter": 12, "random_state": 0}
CLASSIFIER = {"hidden_size": 256, "embedding_dim": 64, "dropout": 0.5, "learning_rate_init": 2e-3, "freeze": 20}


def both_directions(X):
    """Return generators that have read sequences forwards, and backwards with the same vectors."""
    forwards = SequenceGenerator(**GENERATOR).fit(X)
    own = {"embeddings": forwards.network_.embedding.parameters["weight"], "freeze_embeddings": True}
    return [forwards, SequenceGenerator(**GENERATOR, **own).fit([x[::-1] for x in X])]


def labelled(y, seed):
    """Return the numbers of 5 % of each class, two at least."""
    rng = np.random.RandomState(seed)
    of_classes = [rng.permutation(np.flatnonzero(y == label)) for label in np.unique(y)]
    return np.concatenate([numbers[: max(2, round(SHARE * numbers.size))] for numbers in of_classes])


def scores(data, n_seeds):
    """Return accuracies (seeds, 2): with nothing set, and from the generators."""
    split, found = read_names18(data), []
    tokenizer = Tokenizer(level="char").fit(split.X_train)
    X, y, X_test = tokenizer.transform(split.X_train), np.array(split.y_train), tokenizer.transform(split.X_test)
    sources, known = both_directions(X), max(max(x) for x in X)
    for seed in range(n_seeds):
        some = labelled(y, seed)
        few = [X[k] for k in some]
        plain = SequenceClassifier(random_state=seed).fit(few, y[some])
        # A letter that no labelled name has is unknown to a model that has read these alone.
        limit = max(max(x) for x in few)
        seen = X_test if limit == known else [np.where(x > limit, 0, x).view(type(x)) for x in X_test]
        tuned = SequenceClassifier(**CLASSIFIER, init_from=sources, random_state=seed).fit(few, y[some])
        found.append((plain.score(seen, split.y_test), tuned.score(X_test, split.y_test)))
    return np.array(found)


def main(arguments=None):
    """Measure; print and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.few_labels")
    parser.add_argument("--data", required=True, metavar="DIR")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    found = scores(options.data, options.seeds)
    plain, tuned = found.mean(axis=0)
    rows = [["nothing set", significant(plain), significant(found[:, 0].std())]]
    rows.append(["from generators", significant(tuned), significant(found[:, 1].std())])
    print(markdown_table(["names18, 5 % of the labels", "accuracy", "std over seeds"], rows))
    write_json(options.json, {"plain": found[:, 0].tolist(), "tuned": found[:, 1].tolist()})
    if tuned - plain < LEAST:
        raise SystemExit(f"starting from generators wins {tuned - plain:.3f}, less than {LEAST}")


if __name__ == "__main__":
    main()
