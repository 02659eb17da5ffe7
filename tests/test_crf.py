"""Linear-chain conditional random fields: against all label sequences, one by one, and by projection."""

from itertools import pairwise, product

import chains
import numpy as np
import pytest
from reference import assert_within
from samples import assert_same_bits, assert_slope
from scipy.special import logsumexp
from sklearn.utils import check_random_state

from fastrnn.kernels import crf
from fastrnn.layers.chain import LinearChain

LENGTHS = (4, 1, 5, 2, 1, 3, 5, 4, 2)
sizes = pytest.mark.parametrize("K", [3, 4])


def make_chain(K, dtype="float64", seed=0):
    chain = LinearChain(K, dtype)
    rng = np.random.default_rng(seed)
    for name in chain.parameters:
        chain.parameters[name][...] = rng.standard_normal(chain.parameters[name].shape)
    return chain


def make_scores(lengths, K, dtype="float64"):
    """Scores (S, K) of the steps as they are stored, labels (S,), and where each sequence begins."""
    rng = np.random.default_rng(1)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    scores = (2 * rng.standard_normal((offsets[-1], K))).astype(dtype)
    return scores, rng.integers(0, K, offsets[-1]), offsets


def score_of(labels, scores, chain):
    """The score of one sequence's labels, from its scores (T, K)."""
    transitions, begin, end = (chain.parameters[n].astype(float) for n in chain.parameters)
    of_steps = scores[np.arange(len(labels)), labels].astype(float).sum()
    of_moves = sum(transitions[a, b] for a, b in pairwise(labels))
    return begin[labels[0]] + of_steps + of_moves + end[labels[-1]]


def every_labelling(scores, chain):
    """All sequences of labels (n, T) for scores (T, K), and the logarithm of each one's probability."""
    T, K = scores.shape
    every = np.array(list(product(range(K), repeat=T)))
    totals = np.array([score_of(labels, scores, chain) for labels in every])
    return every, totals - logsumexp(totals)


def counts(labellings, p, K):
    """Expected numbers of labels (T, K), moves (K, K), first and last labels (K,)."""
    one_hot = np.eye(K)[labellings] * p[:, None, None]
    moves = np.einsum("nti,ntj->ij", one_hot[:, :-1], np.eye(K)[labellings[:, 1:]])
    return one_hot.sum(axis=0), moves, one_hot[:, 0].sum(axis=0), one_hot[:, -1].sum(axis=0)


@sizes
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
def test_loss_and_gradient(K, dtype, tolerance):
    chain = make_chain(K, dtype)
    scores, labels, offsets = make_scores(LENGTHS, K, dtype)
    weights = np.repeat(np.linspace(0.5, 2, len(LENGTHS)), LENGTHS)
    value, d_scores = chains.loss(chain, scores, labels, weights, offsets)
    expected, d_expected, d_parts = 0, np.zeros(scores.shape), 0
    for a, b in pairwise(offsets):
        every, log_p = every_labelling(scores[a:b], chain)
        given = (every == labels[a:b]).all(axis=1)
        expected -= weights[a] * log_p[given][0]
        d_labels, *d_others = counts(every, weights[a] * (np.exp(log_p) - given), K)
        d_expected[a:b] = d_labels
        d_parts += np.concatenate([d.ravel() for d in d_others])
    assert d_scores.dtype == dtype
    assert_within(tolerance, value, expected)
    assert_within(tolerance, d_scores, d_expected)
    gradients = [chain.parameters.gradient(name).ravel() for name in chain.parameters]
    assert_within(tolerance, np.concatenate(gradients), d_parts)


@sizes
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-6)])
def test_marginals_and_the_most_probable_labels(K, dtype, tolerance):
    chain = make_chain(K, dtype)
    scores, _, offsets = make_scores(LENGTHS, K, dtype)
    marginals, best = chain.marginals(scores, offsets), chain.best(scores, offsets)
    for a, b in pairwise(offsets):
        every, log_p = every_labelling(scores[a:b], chain)
        assert_within(tolerance, marginals[a:b], counts(every, np.exp(log_p), K)[0])
        assert (best[a:b] == every[log_p.argmax()]).all()
    np.testing.assert_allclose(marginals.sum(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("lengths", [LENGTHS, (1,), (5,)], ids=str)
def test_gradient_by_projection(lengths):
    chain = make_chain(4)
    scores, labels, offsets = make_scores(lengths, 4)
    weights = np.linspace(0.5, 2, len(labels))
    parameters = chain.parameters

    def loss():
        parameters.gradients[:] = 0
        return chains.loss(chain, scores, labels, weights, offsets)[0]

    loss()
    _, d_scores = chains.loss(chain, scores, labels, weights, offsets)
    # The gradients of two passes have been added up.
    assert_slope(loss, (scores, d_scores), (parameters.values, parameters.gradients / 2))


@pytest.mark.parametrize("factor", [1, 500])
def test_a_sequence_has_the_same_bits_in_any_company(factor):
    chain = make_chain(4, "float32")
    chain.parameters.values[...] *= factor
    scores, _, offsets = make_scores(LENGTHS, 4, "float32")
    marginals, best = chain.marginals(scores, offsets), chain.best(scores, offsets)
    for a, b in pairwise(offsets):
        assert_same_bits(chain.marginals(scores[a:b], np.array([0, b - a])), marginals[a:b])
        assert_same_bits(chain.best(scores[a:b], np.array([0, b - a])), best[a:b])


def test_of_equal_scores_the_first():
    chain = LinearChain(3, "float64")  # all of its parameters are zero
    offsets = np.array([0, 4, 5])
    assert (chain.best(np.zeros((5, 3)), offsets) == 0).all()
    assert (chain.best(np.tile([-1.0, 2.0, 2.0], (5, 1)), offsets) == 1).all()
    np.testing.assert_allclose(chain.marginals(np.zeros((5, 3)), offsets), 1 / 3)


@pytest.mark.parametrize(("dtype", "largest"), [("float64", 1e4), ("float64", 1e300), ("float32", 1e38)])
def test_a_huge_range_of_scores(dtype, largest):
    chain = make_chain(4, dtype)
    for name in chain.parameters:
        chain.parameters[name][...] *= 30
    scores, labels, offsets = make_scores(LENGTHS, 4, dtype)
    scores *= scores.dtype.type(largest / np.abs(scores).max())
    marginals, best = chain.marginals(scores, offsets), chain.best(scores, offsets)
    assert_within(1e-12, marginals.sum(axis=1), np.ones(len(labels)))
    assert (marginals.argmax(axis=1) == best).all()  # nothing else is probable
    value, d_scores = chains.loss(chain, scores, best, np.ones(len(labels)), offsets)
    assert value <= 1e-12 * largest and np.isfinite(d_scores).all()
    assert np.isfinite(chain.parameters.gradients).all()


@pytest.mark.parametrize("k", range(60))
def test_extreme_chains(k):
    rng = np.random.default_rng([1, k])
    found = chains.errors(rng, 10 ** rng.uniform(0, 4))
    assert max(found.values()) <= 1e-5, found


def test_the_references_agree():
    for k in range(20):
        rng = np.random.default_rng(k)
        chain = chains.make_chain(rng, 10 ** rng.uniform(0, 2))
        scores = rng.normal(size=(4, len(chain.parameters["begin"])))
        parts = [np.array(chain.parameters[name], float) for name in chains.PARTS]
        for one, other in zip(chains.one_by_one(scores, *parts), chains.in_logs(scores, *parts), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


FORBIDDING = {
    "a label that nothing speaks for": ([[50, 0], [0, 0]], [[-1e4, -1e4], [0, 0]], [0, 0], [0, 0]),
    "a sure label with no way on": ([[0, -200, 0]] * 3, -1e4 * (1 - np.eye(3)[[1, 2, 0]]), [0, -1e4, -1e4], [0, 0, 0]),
    "a last label that nothing leads to": ([[0, 0]] * 3, [[0, -1e4], [-1e4, 0]], [0, -1e4], [-1e4, 0]),
    "all alike": ([[3, 3]] * 2, [[-1e4, -1e4], [-1e4, -1e4]], [-1e4, -1e4], [-1e4, -1e4]),
    "scores beyond all others": ([[1e30, 0], [0, 1e30]], [[0, -1e4], [-1e4, 0]], [0, 0], [0, 0]),
}


@pytest.mark.parametrize("case", FORBIDDING)
def test_labels_that_are_forbidden(case):
    scores, *parts = FORBIDDING[case]
    chain, scores = LinearChain(len(scores[0]), "float32"), np.array(scores, "float32")
    for name, part in zip(chain.parameters, parts, strict=True):
        chain.parameters[name][...] = part
    marginals, log_z, counts = chain.found(scores, np.array([0, len(scores)]))
    expected, of_labels, of_moves = chains.one_by_one(scores.astype(float), *(np.array(part, float) for part in parts))
    assert_within(1e-12, log_z[0], expected)
    assert_within(1e-9, marginals, of_labels)
    assert_within(1e-9, counts[:-2], of_moves)


@pytest.mark.parametrize("factors", [(1, 100), (100, 1)])
def test_a_stream_of_a_chain_that_training_makes_wide_or_narrow(factors):
    chain = make_chain(3)
    before, after = chain.parameters.values * factors[0], chain.parameters.values * factors[1]
    scores, stream = np.array([[1.0, 0.5, 0], [0, 0.5, 1]]), chains.Stream(chain, 3)
    for values, row in zip((before, after), scores, strict=True):
        chain.parameters.values[...] = values
        said = stream(row)
    # The first step was seen with the transitions of then, the second with those of now.
    chain.parameters.values[...] = before
    begin = np.array(chain.parameters["begin"])
    chain.parameters.values[...] = after
    transitions, end = np.array(chain.parameters["transitions"]), np.array(chain.parameters["end"])
    expected = chains.one_by_one(scores, transitions, begin, end)[1][-1]
    assert_within(1e-12, said, expected)


def test_labels_are_labels_even_where_scores_are_not_numbers():
    scores, _, offsets = make_scores((40, 3), 4)
    scores[5:30] = np.nan
    labels = np.full(43, -1)
    chain = make_chain(4)
    crf.viterbi(labels, scores, chain._read()[0], offsets)
    assert ((labels >= 0) & (labels < 4)).all()
    assert (labels[40:] == chain.best(scores[40:], np.array([0, 3]))).all()


def test_initial_scores_are_small_and_only_transitions_decay():
    chain = LinearChain(5, "float32")
    chain.reset_parameters(check_random_state(0))
    values = chain.parameters.values[chain.parameters.values != 0]
    assert values.size == 35 and np.abs(values).max() <= 0.1
    assert chain.parameters.is_decayed().sum() == 25
