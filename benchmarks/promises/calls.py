"""How much Python stands between a training step and its kernels?

    python -m benchmarks.promises.calls [--only NAME,...] [--json FILE]

Calls of Python and C functions, as `sys.setprofile` tells them, in one training step of each network: those of an
epoch of 12 batches less those of an epoch of 6, over 6, so that what is done once an epoch or once a fit counts for
nothing.  The epoch is the third, when all is compiled and all memory is there.  Fails above 60.
"""

from __future__ import annotations

import argparse
import sys
import threading

import numpy as np

import fastrnn
from benchmarks.measuring.report import markdown_table, significant, write_json

MOST = 60
BATCH, FEW, MANY = 32, 6, 12
EPOCHS = 3
TOKENS = 20
SETTINGS = {"hidden_size": 64, "batch_size": BATCH, "max_iter": EPOCHS, "random_state": 0}


class Counter:
    """A callback that counts calls from one epoch's end to the next one's; `epochs` has those counts."""

    def __init__(self):
        self.epochs, self._count = [], 0

    def __call__(self, _progress):
        """Note an epoch's end."""
        self.epochs.append(self._count)
        self._count = 0

    def note(self, _frame, event, _argument):
        """Note an event."""
        self._count += event in ("call", "c_call")


def lengths(n):
    """Return n lengths that are alike in each batch."""
    return np.resize(np.arange(10, 10 + BATCH), n)


def vectors(n):
    """Return n sequences (T_i, 4)."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal((length, 4)) for length in lengths(n)]


def tokens(n, seed=1):
    """Return n sequences (T_i,) of tokens."""
    rng = np.random.default_rng(seed)
    return [rng.integers(1, TOKENS, length) for length in lengths(n)]


def words(n):
    """Return n sequences (T_i, 1 + 3) of words with three characters."""
    rng = np.random.default_rng(2)
    return [rng.integers(1, TOKENS, (length, 4)) for length in lengths(n)]


def tags(n):
    """Return n sequences of labels, one a step."""
    return [sequence % 3 for sequence in tokens(n)]


def from_vectors(n):
    """Return a network of vectors to tokens, and its data."""
    return fastrnn.VectorToSequence(**SETTINGS), np.random.default_rng(5).standard_normal((n, 4)), tokens(n)


def seq2seq(**settings):
    """Return a network of tokens to tokens, and its data."""
    return lambda n: (fastrnn.SequenceToSequence(**SETTINGS, **settings), tokens(n), tokens(n, seed=3))


def tagger(x, **settings):
    """Return a tagger, and its data."""
    return lambda n: (fastrnn.SequenceTagger(**SETTINGS, **settings), x(n), tags(n))


def forecaster(n):
    """Return a forecaster, and series of one stretch each."""
    series = list(np.random.default_rng(4).standard_normal((n, 40)).cumsum(axis=1))
    return fastrnn.SequenceForecaster(horizon=4, season=None, context=64, **SETTINGS), series, None


# By name: a function of the number of sequences, which returns an estimator, X and y.
NETWORKS = {
    "classifier": lambda n: (fastrnn.SequenceClassifier(**SETTINGS), vectors(n), np.arange(n) % 3),
    "regressor": lambda n: (fastrnn.SequenceRegressor(**SETTINGS), vectors(n), np.arange(n) / n),
    "tagger": tagger(vectors),
    "tagger with chain": tagger(vectors, crf=True),
    "tagger of characters": tagger(words, embedding_dim=8, character_embedding_dim=4),
    "generator": lambda n: (fastrnn.SequenceGenerator(**SETTINGS), tokens(n), None),
    "seq2seq": seq2seq(attention=None),
    "seq2seq with attention": seq2seq(),
    "vector seq2seq": lambda n: (
        fastrnn.VectorToSequence(**SETTINGS),
        np.ones((n, 4)) * np.arange(n)[:, None],
        tokens(n),
    ),
    "forecaster": forecaster,
}


def epoch_calls(network, n):
    """Return the calls in the last epoch of a fit on n sequences."""
    estimator, X, y = network(n)
    counter = Counter()
    estimator.set_params(callbacks=[counter])
    threading.setprofile(counter.note)
    sys.setprofile(counter.note)
    try:
        estimator.fit(X, y)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return counter.epochs[-1]


def measure(name):
    """Return the row of a network."""
    few, many = (epoch_calls(NETWORKS[name], n * BATCH) for n in (FEW, MANY))
    calls = (many - few) / (MANY - FEW)
    return {"network": name, "calls": calls, "passed": calls <= MOST}


def main(arguments=None):
    """Count, print, and say whether the bound holds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promises.calls")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(NETWORKS), metavar="NAME,...")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    if unknown := set(options.only) - set(NETWORKS):
        parser.error(f"--only: unknown {', '.join(sorted(unknown))}; choose from {', '.join(NETWORKS)}")
    rows = [measure(name) for name in options.only]
    cells = [[row["network"], significant(row["calls"]), "yes" if row["passed"] else "NO"] for row in rows]
    print(markdown_table(["network", "calls a step", f"at most {MOST}"], cells))
    write_json(options.json, rows)
    if failed := [row["network"] for row in rows if not row["passed"]]:
        raise SystemExit(f"more than {MOST} calls a step: {', '.join(failed)}")


if __name__ == "__main__":
    main()
