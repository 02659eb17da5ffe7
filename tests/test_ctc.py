"""Labels without alignment: loss, gradient, the best labels, and distances of labels."""

from functools import lru_cache
from itertools import product

import numpy as np
import pytest
from alignments import Loss, spread
from make_fixtures import ALIGNED, ALIGNMENTS
from reference import assert_within, ctc, most_probable_labels, prefix_beam_search, read_path
from samples import assert_same_bits, assert_slope

from fastrnn.kernels.ctc import beam_search, edit_distances
from fastrnn.layers.ctc import Alignments

LENGTHS = (5, 4, 1, 6, 3, 2, 1, 4)
LABELS = ([0, 1], [0, 0], [1], [], [1, 1], [0, 1], [], [0, 0, 0])
"""Ragged, with repeats, without labels, with as few frames as possible, and the last with too few."""
ONE_EACH = LENGTHS[:-1], LABELS[:-1]
precise = pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])


def make_scores(lengths, K=3, dtype="float64", scale=2.0, seed=0):
    return (scale * np.random.default_rng(seed).standard_normal((sum(lengths), K))).astype(dtype)


def parts(rows, lengths):
    return np.split(rows, np.cumsum(lengths)[:-1])


def losses_of(scores, labels, lengths):
    return Alignments(40).losses(scores, spread(labels, lengths), np.cumsum([0, *lengths]))


# ------------------------------------------------------------------------------------------ loss and gradient


@precise
@pytest.mark.parametrize("K", [2, 3, 4])
def test_loss_and_gradient_are_the_sums_over_all_paths(K, dtype, tolerance):
    lengths, labels = ONE_EACH
    labels = [[min(k, K - 2) for k in own] for own in labels] if K > 2 else [[0] * min(len(x), 2) for x in labels]
    lengths = lengths if K > 2 else [n + 2 for n in lengths]
    scores, weights = make_scores(lengths, K, dtype), np.linspace(0.5, 2, len(lengths))
    value, d_scores = Loss(scores, labels, lengths, weights)()
    found = [ctc(x.astype(float), y) for x, y in zip(parts(scores, lengths), labels, strict=True)]
    assert d_scores.dtype == dtype
    assert_within(tolerance, value, sum(w * loss for w, (loss, _) in zip(weights, found, strict=True)))
    assert_within(tolerance, d_scores, np.concatenate([w * d for w, (_, d) in zip(weights, found, strict=True)]))
    assert_within(tolerance, losses_of(scores, labels, lengths), [loss for loss, _ in found])


@lru_cache
def frozen():
    with np.load(ALIGNMENTS) as file:
        return file["scores"], file["losses"], file["d_scores"]


@precise
def test_they_are_those_of_pytorch(dtype, tolerance):
    scores, losses, d_expected = frozen()
    lengths, labels = zip(*ALIGNED.values(), strict=True)
    assert_within(
        tolerance, losses_of(scores.astype(dtype), labels, lengths)[np.isfinite(losses)], losses[losses < np.inf]
    )
    value, d_scores = Loss(scores.astype(dtype), labels, lengths)()
    assert value == np.inf and np.isfinite(d_scores).all()
    for name, actual, expected in zip(ALIGNED, parts(d_scores, lengths), parts(d_expected, lengths), strict=True):
        assert_within(tolerance, actual, expected, name)


def test_gradient_by_projection():
    scores = make_scores(ONE_EACH[0])
    loss = Loss(scores, ONE_EACH[1], ONE_EACH[0], np.linspace(0.5, 2, 7))
    assert_slope(lambda: loss()[0], (scores, loss()[1].copy()))


def test_what_cannot_be_aligned_has_an_infinite_loss_and_no_gradient():
    scores, weights = make_scores(LENGTHS), np.ones(len(LENGTHS))
    value, d_scores = Loss(scores, LABELS, LENGTHS, weights)()
    assert value == np.inf == losses_of(scores, LABELS, LENGTHS)[-1]
    *others, last = parts(d_scores, LENGTHS)
    assert not last.any() and all(d.any() for d in others)
    weights[-1] = 0  # then it counts nothing
    value, d_scores = Loss(scores, LABELS, LENGTHS, weights)()
    assert value == pytest.approx(Loss(scores[:-4], *ONE_EACH[::-1])()[0], rel=1e-12)


@pytest.mark.parametrize("largest", [1e3, 1e5, 1e30])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_huge_range_of_scores(dtype, largest):
    """Also where probabilities are none in float64."""
    lengths, labels = (6, 6), ([0, 1], [1, 1])
    scores = np.zeros((12, 3), dtype)
    scores[:, 0] = largest
    value, d_scores = Loss(scores, labels, lengths)()
    assert abs(value / largest - 7) < 10 / largest + 1e-6  # the first must be 1 once, and the second never 0
    assert np.isfinite(d_scores).all() and (d_scores[6:, 0] == 1).all()
    if largest < 1e30:
        assert np.abs(d_scores.sum(axis=1)).max() < 1e-6


@pytest.mark.parametrize("row", [0, 3, 8])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_surfaces(value, row):
    scores = make_scores(ONE_EACH[0])
    scores[row, 1] = value
    of_all, d_scores = Loss(scores, *ONE_EACH[::-1])()
    assert np.isnan(of_all)
    is_bad = [np.isnan(d).any() for d in parts(d_scores, ONE_EACH[0])]
    assert sum(is_bad) == 1 and np.isnan(d_scores[row]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sequence_has_the_same_bits_in_any_company(dtype):
    rng = np.random.default_rng(0)
    lengths = rng.integers(20, 60, 40)
    labels = [rng.integers(0, 5, rng.integers(0, n // 2)) for n in lengths]
    scores = make_scores(lengths, 6, dtype)
    _, d_scores = Loss(scores, labels, lengths)()
    losses = losses_of(scores, labels, lengths)
    for x, d, y, loss in zip(parts(scores, lengths), parts(d_scores, lengths), labels, losses, strict=True):
        assert_same_bits(Loss(x, [y], [len(x)])()[1], d)
        assert losses_of(x, [y], [len(x)])[0] == loss
        assert Alignments(max(len(y), 1)).losses(x, spread([y], [len(x)]), np.array([0, len(x)]))[0] == loss


# ------------------------------------------------------------------------------------------------- the best labels


def searched(scores, lengths, width):
    labels, counts, offsets = np.full(len(scores), -1), np.empty(len(lengths), np.int64), np.cumsum([0, *lengths])
    beam_search(labels, counts, scores, offsets, width)
    return [labels[a : a + n].tolist() for a, n in zip(offsets, counts, strict=False)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("K", [2, 3])
def test_a_wide_beam_finds_the_most_probable_labels(K, seed):
    lengths = (6, 1, 5, 7, 2)
    scores = make_scores(lengths, K, scale=1.0, seed=seed)
    assert searched(scores, lengths, 200) == [most_probable_labels(x) for x in parts(scores, lengths)]


def test_many_paths_may_weigh_more_than_the_best_one():
    """Graves et al. 2006, figure 2: the best path is all blanks, but a label is more probable."""
    scores = np.log([[0.4, 0.6], [0.4, 0.6]])
    assert read_path(scores.argmax(axis=1), 1) == []
    assert searched(scores, (2,), 10) == [[0]]


@pytest.mark.parametrize("width", [1, 2, 5, 30])
def test_a_narrow_beam_is_that_of_the_reference(width):
    """Which knows each prefix by its labels: it may leave the beam and come back while longer ones are in it."""
    for seed in range(10):
        scores = make_scores((40,), 4, scale=1.0, seed=seed)
        assert searched(scores, (40,), width)[0] == prefix_beam_search(scores, width)


def test_a_search_has_the_same_labels_in_any_company():
    lengths = (9, 30, 1, 14)
    scores = make_scores(lengths, 5, "float32", scale=1.0)
    alone = [searched(x, (len(x),), 7)[0] for x in parts(scores, lengths)]
    assert searched(scores, lengths, 7) == alone


# --------------------------------------------------------------------------------------------------- distances


def distance(x, y):
    """By the definition."""
    if not x or not y:
        return len(x) + len(y)
    changed = distance(x[1:], y[1:]) + (x[0] != y[0])
    return min(changed, distance(x[1:], y) + 1, distance(x, y[1:]) + 1)


def test_distances_are_those_of_the_definition():
    every = [list(x) for n in range(4) for x in product(range(2), repeat=n)]
    pairs = [(x, y) for x in every for y in every]
    given = []
    for side in zip(*pairs, strict=True):
        given += [np.array(sum(side, [])), np.cumsum([0, *map(len, side)])]
    found = np.empty(len(pairs), np.int64)
    edit_distances(found, *given, np.empty(4, np.int64))
    assert found.tolist() == [distance(x, y) for x, y in pairs]
