"""What do columns of categories tell, and do their vectors tell more than numbers or a 0 and 1 each?

    python -m benchmarks.promises.categories --data DIR [--seeds 3] [--only signs,names18,SNIPS] [--json FILE]

signs: a generated tagging task. A step has a number, -1 or 1, and one of 40 categories, of which half turn its sign. Of
a `SequenceTagger` the accuracy on steps that it has not seen: with `categorical_features`, with a column of 0 and 1 for
each category, with the category's number as a number, and without it. Fails under .95, where numbers alone are chance.

names18: the language of a surname, by a `SequenceClassifier`. A step is a character, with its letter (without case and
marks), its marks, its case, and whether it is a vowel beside it: all columns are categories. Beside it the characters
alone, as one column of categories and as tokens; as columns of 0 and 1; and their code points as numbers.

SNIPS: slots of requests by a `SequenceTagger` with a CRF, F1 of spans: words alone as one column of categories and as
tokens, and with first and last three letters as categories beside each word.
"""

from __future__ import annotations

import argparse
import time
import unicodedata

import numpy as np
import pandas as pd

from benchmarks.measuring.report import markdown_table, write_json
from benchmarks.quality.corpora import read_names18, read_snips
from fastrnn import SequenceClassifier, SequenceTagger
from fastrnn.metrics import span_f1_score
from fastrnn.preprocessing import Tokenizer

LEAST, N_CATEGORIES = 0.95, 40
OF_NAMES = {"cell": "lstm", "hidden_size": 128, "num_layers": 1, "dropout": 0.3, "max_iter": 12}
OF_SLOTS = {"hidden_size": 64, "dropout": 0.3, "max_iter": 8, "crf": True}
TOKENS = {"names18": {"embedding_dim": 32}, "SNIPS": {"embedding_dim": 64, "character_embedding_dim": None}}


def one_hot(columns, known):
    """Return 0 and 1 for each known category of one column (T,)."""
    return (np.asarray(columns)[:, np.newaxis] == known).astype(np.float64)


def signs(seed):
    """Return rows of a table: the accuracy of each way to read the categories."""
    rng = np.random.default_rng(seed)
    turns = rng.permutation(np.repeat([-1, 1], N_CATEGORIES // 2))
    X = [np.column_stack([rng.choice([-1.0, 1.0], 10), rng.integers(0, N_CATEGORIES, 10)]) for _ in range(400)]
    y = [(x[:, 0] * turns[x[:, 1].astype(int)] > 0).astype(int) for x in X]
    known = np.arange(N_CATEGORIES)
    ways = {
        "categories": (X, {"categorical_features": [1]}),
        "0 and 1 each": ([np.column_stack([x[:, 0], one_hot(x[:, 1], known)]) for x in X], {}),
        "as numbers": (X, {}),
        "without": ([x[:, :1] for x in X], {}),
    }
    found = {}
    for name, (given, options) in ways.items():
        model = SequenceTagger(hidden_size=16, learning_rate_init=0.02, random_state=seed, **options)
        found[name] = timed(model, given[:200], y[:200], given[200:], y[200:], model_score)
    return found


def model_score(model, X, y):
    """Return what the model itself says of its answers."""
    return model.score(X, y)


def timed(model, X, y, X_test, y_test, judge):
    """Return a score on the test part, and the seconds of the fit."""
    begin = time.perf_counter()
    model.fit(X, y)
    return judge(model, X_test, y_test), time.perf_counter() - begin


def spelt(name):
    """Return a frame of a name's characters: each, its letter, marks and case, and whether it is a vowel."""
    rows = []
    for character in name:
        letter, *marks = unicodedata.normalize("NFD", character)
        rows.append((character, letter.lower(), "".join(marks), letter.isupper(), letter.lower() in "aeiouy"))
    return pd.DataFrame(rows, columns=["character", "letter", "marks", "upper", "vowel"])


def names18(data, seed):
    """Return the accuracy of each way to read the characters of names."""
    split = read_names18(data)
    train, test = ([spelt(name) for name in part] for part in (split.X_train, split.X_test))
    known = np.unique(np.concatenate([x["character"].to_numpy() for x in train]))
    tokenizer = Tokenizer(level="char", min_count=10).fit(split.X_train)
    ways = {
        "categories": (lambda x: x, {"categorical_features": [*train[0].columns]}),
        "characters alone": (lambda x: x[["character"]], {"categorical_features": ["character"]}),
        "0 and 1 each": (lambda x: one_hot(x["character"].to_numpy(), known), {}),
        "as numbers": (lambda x: x["character"].map(ord).to_numpy(float), {}),
    }
    found = {}
    for name, (make, options) in ways.items():
        model = SequenceClassifier(random_state=seed, **OF_NAMES, **options)
        given = [make(x) for x in train], split.y_train, [make(x) for x in test], split.y_test
        found[name] = timed(model, *given, model_score)
    model = SequenceClassifier(random_state=seed, **OF_NAMES, **TOKENS["names18"])
    given = tokenizer.transform(split.X_train), split.y_train, tokenizer.transform(split.X_test), split.y_test
    return found | {"tokens": timed(model, *given, model_score)}


def snips(data, seed):
    """Return the F1 of slots of each way to read the words of requests."""
    split = read_snips(data)
    tokenizer = Tokenizer(level="word", min_count=2).fit(split.X_train)

    def framed(words):
        return pd.DataFrame({"word": words, "first": [w[:3] for w in words], "last": [w[-3:] for w in words]})

    train, test = ([framed(words) for words in part] for part in (split.X_train, split.X_test))
    ways = {
        "categories": (train, test, {"categorical_features": ["word", "first", "last"]}),
        "words alone": (*([x[["word"]] for x in part] for part in (train, test)), {"categorical_features": ["word"]}),
        "tokens": (tokenizer.transform(split.X_train), tokenizer.transform(split.X_test), TOKENS["SNIPS"]),
    }
    found = {}
    for name, (X, X_test, options) in ways.items():
        model = SequenceTagger(random_state=seed, **OF_SLOTS, **options)
        found[name] = timed(
            model, X, split.y_train, X_test, split.y_test, lambda m, X, y: span_f1_score(y, m.predict(X))
        )
    return found


def main(arguments=None):
    """Measure, print, and say whether the bound holds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promises.categories")
    parser.add_argument("--data", metavar="DIR", help="of names18 and SNIPS")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="signs,names18,SNIPS", help="sets, separated by commas")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    sets = {
        "signs": signs,
        "names18": lambda seed: names18(options.data, seed),
        "SNIPS": lambda seed: snips(options.data, seed),
    }
    rows = []
    for name in options.only.split(","):
        found = [sets[name](seed) for seed in range(options.seeds)]
        for way in found[0]:
            score, seconds = np.mean([one[way] for one in found], axis=0).tolist()
            rows.append({"set": name, "read": way, "score": score, "seconds": seconds})
            print(f"{name}, {way}: {score:.3f}, {seconds:.1f} s a fit", flush=True)
    cells = [[row["set"], row["read"], f"{row['score']:.3f}", f"{row['seconds']:.1f}"] for row in rows]
    print(markdown_table(["set", "read as", "score", "seconds a fit"], cells))
    write_json(options.json, rows)
    if any(row["score"] < LEAST for row in rows if (row["set"], row["read"]) == ("signs", "categories")):
        raise SystemExit("categories tell too little")


if __name__ == "__main__":
    main()
