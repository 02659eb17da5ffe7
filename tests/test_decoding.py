"""Beam search: against a loop that is greedy, and against all sequences."""

from itertools import product

import numpy as np
import pytest
from samples import assert_same_bits

from fastrnn.decoding import beam_search, useful_width

START = END = 2  # of tokens 0 and 1
K = 3


class Model:
    """Probabilities of the next token that depend on the sequence and on all of its tokens so far."""

    def __init__(self, names, width=1, seed=0, spread=1.5, end=0.0):
        self.names, self.seed, self.spread, self.end = names, seed, spread, end
        self.histories = [() for _ in names for _ in range(width)]
        self.width, self.n_steps = width, 0

    def log_p(self, name, history):
        logits = self.spread * np.random.default_rng([self.seed, name, *history]).standard_normal(K)
        logits[END] += self.end
        return logits - np.log(np.exp(logits).sum())

    def step(self, tokens, picks):
        self.n_steps += 1
        self.histories = [(*self.histories[pick], int(token)) for token, pick in zip(tokens, picks, strict=True)]
        return np.array([self.log_p(self.names[k // self.width], h) for k, h in enumerate(self.histories)])

    def score(self, name, tokens):
        """The mean log probability of the tokens and the end; after the longest only the end may come."""
        steps = [*tokens, END]
        total = sum(self.log_p(name, (START, *steps[:t]))[token] for t, token in enumerate(steps))
        return total / len(steps)


def search(width, names=range(8), max_length=4, **options):
    model = Model(list(names), width, **options)
    found, scores = beam_search(model.step, len(model.names), width, START, END, max_length)
    return model, found, scores


def greedy(model, name, max_length):
    tokens = []
    while len(tokens) < max_length:
        token = int(model.log_p(name, (START, *tokens)).argmax())
        if token == END:
            break
        tokens.append(token)
    return tokens


def best_of_all(model, name, max_length):
    every = [t for n in range(max_length + 1) for t in product((0, 1), repeat=n)]
    return max(every, key=lambda tokens: model.score(name, tokens))


@pytest.mark.parametrize("max_length", [1, 4, 9])
def test_width_one_is_greedy(max_length):
    model, found, _ = search(1, range(20), max_length)
    lengths = set()
    for name, tokens in enumerate(found):
        assert tokens.dtype == np.int64
        assert tokens.tolist() == greedy(model, name, max_length)
        lengths.add(len(tokens))
    assert {0, max_length} <= lengths


@pytest.mark.parametrize("end", [-2.0, 0.0])
def test_a_wide_beam_finds_the_best_of_all(end):
    model, found, scores = search(64, range(20), end=end)
    for name, tokens in enumerate(found):
        assert tuple(tokens) == best_of_all(model, name, 4)
    narrow = search(1, range(20), end=end)
    assert (scores >= narrow[2]).all() and (scores > narrow[2]).any()


@pytest.mark.parametrize("max_length", [1, 3, 4])
def test_a_beam_wider_than_there_are_sequences(max_length):
    width = useful_width(10**12, 2, max_length)
    assert width == sum(2**n for n in range(max_length + 1))
    _, found, scores = search(width, max_length=max_length)
    _, others, expected = search(500, max_length=max_length)
    assert_same_bits(scores, expected)
    for one, other in zip(found, others, strict=True):
        assert_same_bits(one, other)


def test_useful_widths():
    assert [useful_width(w, 1, 10) for w in (1, 5, 11, 12)] == [1, 5, 11, 11]
    assert useful_width(7, 3, 1) == 4 and useful_width(10**9, 10**6, 10**9) == 10**9


@pytest.mark.parametrize("width", [1, 2, 3, 7])
@pytest.mark.parametrize("end", [-3.0, 0.0, 3.0])
def test_scores_are_what_they_say(width, end):
    model, found, scores = search(width, range(20), end=end)
    expected = [model.score(name, tokens) for name, tokens in enumerate(found)]
    np.testing.assert_allclose(scores, expected, rtol=1e-12)


def test_nothing_is_longer_than_max_length():
    for width in (1, 3):
        model, found, scores = search(width, max_length=6, end=-50.0)
        assert [len(tokens) for tokens in found] == [6] * 8
        assert model.n_steps == 7
        assert (scores < -50 / 7 + 1).all()  # the end that had to come has its price


def test_a_search_ends_when_nothing_can_get_better():
    for width, n_steps in ((1, 10), (3, 60)):
        model, found, _ = search(width, max_length=200, end=3.0)
        assert max(map(len, found)) < model.n_steps < n_steps
    _, found, scores = search(3, end=60.0)
    assert [len(tokens) for tokens in found] == [0] * 8
    np.testing.assert_allclose(scores, 0, atol=1e-12)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_a_sequence_does_not_depend_on_the_others(width):
    _, found, scores = search(width, range(12), 8, end=-0.5)
    order = [5, 3, 11, 0]
    _, some, some_scores = search(width, order, 8, end=-0.5)
    assert_same_bits(some_scores, scores[order])
    for k, name in enumerate(order):
        assert_same_bits(some[k], found[name])
        _, (alone,), score = search(width, [name], 8, end=-0.5)
        assert_same_bits(alone, found[name])
        assert_same_bits(score, scores[name : name + 1])
