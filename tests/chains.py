"""Chains of labels with extreme scores, and two slow references in float64: all label sequences one by one, and logs.

Shared by tests/test_crf.py and `python -m benchmarks.promises.extreme_chains`.
"""

from collections import defaultdict
from itertools import pairwise, product

import numpy as np
from scipy.special import logsumexp

from fastrnn.kernels.rows import copy_rows, spread_columns
from fastrnn.layers.chain import LinearChain
from fastrnn.network.parts import stored
from fastrnn.network.training import add_loss
from fastrnn.packing import Rows, Shards
from fastrnn.programs import Pass, Program
from fastrnn.sequences import Sequences

FORBIDDEN = -1e4
PARTS = "transitions", "begin", "end"
PATHS = 5000
"""Label sequences, at most, that are summed one by one."""


def make_chain(rng, scale):
    """A chain in float32 of scores up to `scale`, or a hundredth of it, and at random some that forbid."""
    K = rng.integers(2, 8)
    chain = LinearChain(K, "float32")
    for name in PARTS:
        values = chain.parameters[name]
        values[...] = rng.choice([0.01, 1]) * scale * rng.uniform(-1, 1, values.shape)
        if rng.random() < 0.5:
            values[rng.random(values.shape) < rng.uniform(0, 0.7)] = FORBIDDEN
    return chain


def make_scores(rng, chain, scale):
    """Scores (S, K) of a few sequences, and their lengths."""
    lengths = rng.integers(1, rng.choice([5, 60]), rng.integers(1, 5))
    scores = rng.choice([0.01, 1]) * scale * rng.uniform(-1, 1, (lengths.sum(), len(chain.parameters["begin"])))
    return scores.astype(np.float32), lengths


def one_by_one(scores, transitions, begin, end):
    """log Z, the expected labels (T, K) and moves (K, K), from all sequences of labels."""
    T, K = scores.shape
    y = np.array(list(product(range(K), repeat=T)))
    totals = begin[y[:, 0]] + scores[np.arange(T), y].sum(axis=1) + transitions[y[:, :-1], y[:, 1:]].sum(axis=1)
    totals += end[y[:, -1]]
    p, log_z = np.exp(totals - logsumexp(totals)), logsumexp(totals)
    labels, moves = np.zeros((T, K)), np.zeros((K, K))
    for t in range(T):
        np.add.at(labels[t], y[:, t], p)
    for t in range(1, T):
        np.add.at(moves, (y[:, t - 1], y[:, t]), p)
    return log_z, labels, moves


def in_logs(scores, transitions, begin, end):
    """As `one_by_one`, by forward and backward sums of logarithms."""
    alpha, beta = [begin + scores[0]], [end]
    for row in scores[1:]:
        alpha.append(row + logsumexp(alpha[-1][:, None] + transitions, axis=0))
    for row in scores[:0:-1]:
        beta.insert(0, logsumexp(transitions + row + beta[0], axis=1))
    log_z = logsumexp(alpha[-1] + end)
    moves = np.zeros(transitions.shape)
    for a, row, b in zip(alpha, scores[1:], beta[1:], strict=False):
        moves += np.exp(a[:, None] + transitions + row + b - log_z)
    return log_z, np.exp(np.array(alpha) + beta - log_z), moves


def best_score(scores, transitions, begin, end, labels=None):
    """The score of labels, or the largest there is."""
    if labels is None:
        best = begin + scores[0]
        for row in scores[1:]:
            best = row + (best[:, None] + transitions).max(axis=0)
        return (best + end).max()
    moves = transitions[labels[:-1], labels[1:]].sum()
    return begin[labels[0]] + scores[np.arange(len(labels)), labels].sum() + moves + end[labels[-1]]


def loss(chain, scores, labels, weights, offsets):
    """The loss of sequences stored one after the other, weights (S,), and its gradient (S, K)."""
    (S, K), dtype = scores.shape, chain.parameters.dtype
    p = Program(dtype)
    rows = Rows(p)
    outputs = p.room(rows.S, K + 3)
    p.call(copy_rows, outputs, 0, p.given("values", dtype, 2), 0, rows.rows, K)
    d_outputs = add_loss(p, chain, outputs, K, None, rows.rows, rows)
    d_scores, value = np.empty((S, K), dtype), np.empty(1)
    p.call(spread_columns, d_scores, rows.rows, d_outputs, 0, K)
    n = len(offsets) - 1
    shards = Shards(np.diff(offsets), [np.arange(n)], 1, False)
    given = {"targets": labels, "weights": weights, "factor": np.ones(1), "loss": value}
    Pass(p, shards, 1, **given, **stored(Sequences(scores, offsets)), **shards.given).run()
    return float(value[0]), d_scores


def streamed(chain, scores):
    """What a stream says after each step of one sequence (T, K)."""
    step, said = Stream(chain, scores.shape[1]), np.empty(scores.shape)
    for t, row in enumerate(scores):
        said[t] = step(row)
    return said


class Stream:
    """A stream's steps of a chain by itself."""

    def __init__(self, chain, K):
        p, self._n = Program(chain.parameters.dtype), np.zeros(1, np.int64)
        self._scores = np.empty((1, K), chain.parameters.dtype)
        self._said, self.alpha = np.zeros((2, 1, K))
        chain.running(p, p.fixed(self._said), p.fixed(self._scores), self._n)
        self._pass = Pass(p, Shards(np.ones(1, np.int64), [np.zeros(1, np.int64)], 1, False), 1, chain=self.alpha)

    def __call__(self, row):
        self._scores[0] = row
        self._n[0] += 1
        self._pass.run()
        return self._said[0].copy()


def prefixes(chain, scores):
    """Each label's probability at the last step of each beginning of one sequence (T, K)."""
    ends = range(1, len(scores) + 1)
    return np.array([chain.found(scores[:n], np.array([0, n]))[0][-1] for n in ends])


def errors(rng, scale):
    """By name the largest errors of a random chain: relative ones of scores, log Z and the loss, else absolute."""
    chain = make_chain(rng, scale)
    scores, lengths = make_scores(rng, chain, scale)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    marginals, log_z, counts = chain.found(scores, offsets)
    counts = np.split(counts, [-2, -1])
    labels = chain.best(scores, offsets)
    expected = [np.zeros(count.shape) for count in counts]
    found, totals, parts = defaultdict(float), [], [np.array(chain.parameters[name], float) for name in PARTS]

    def note(name, error, size=0.0):
        error = np.max(np.abs(error)) / max(1.0, abs(size))
        found[name] = max(found[name], np.inf if np.isnan(error) else error)

    for k, (a, b) in enumerate(pairwise(offsets)):
        steps = scores[a:b].astype(float)
        reference = one_by_one if scores.shape[1] ** int(b - a) <= PATHS else in_logs
        total, of_labels, of_moves = reference(steps, *parts)
        note("log Z", log_z[k] - total, total)
        note("marginals", marginals[a:b] - of_labels)
        best, own = best_score(steps, *parts), best_score(steps, *parts, labels[a:b])
        note("best", best - own, best)
        totals.append((total, own))
        for part, count in zip(expected, (of_moves, of_labels[0], of_labels[-1]), strict=True):
            part += count
    for part, count in zip(expected, counts, strict=True):
        note("counts", part - count)
    of_all, of_best = np.array(totals).T
    value, _ = loss(chain, scores, labels, np.ones(len(scores)), offsets)
    note("loss", value - (of_all - of_best).sum(), np.abs(of_all).max())
    first = scores[: lengths[0]]
    note("stream", (streamed(chain, first) != prefixes(chain, first)).astype(float))
    return found
