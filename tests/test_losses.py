"""Losses: values against the reference and closed forms, gradients by projection, kernels with rows that are padded."""

import pickle
import tracemalloc

import numpy as np
import pytest
import reference as ref
from samples import assert_rows_stand_alone

from fastrnn.losses import loss as losses

LEVELS = (0.05, 0.3, 0.9)
SHARE = 0.3
SIZES = 2, 3, 17
"""Of groups of outputs, each with a softmax."""


def squared_and_end(o, t, w):
    value, gradient = ref.squared(o[:, :-1], t[:, :-1], w)
    of_end, d_end = ref.logistic(o[:, -1:], t[:, -1:], w)
    return value + of_end, np.hstack([gradient, d_end])


def levels_side_by_side(o, t, w):
    return ref.quantile(o, np.repeat(t, len(LEVELS), axis=1), w, np.tile(LEVELS, t.shape[1]))


def softmax_of_each(o, t, w):
    first = np.cumsum([0, *SIZES])
    groups = [(o[:, a:b], t[:, k].astype(int) - a) for k, (a, b) in enumerate(zip(first, first[1:], strict=False))]
    values, gradients = zip(*(ref.cross_entropy(*group, w) for group in groups), strict=True)
    return sum(values), np.hstack(gradients)


def smoothed_of_each(o, t, w):
    """By its definition: the cross-entropy of the target, and the mean of those of all classes."""
    first = np.cumsum([0, *SIZES]) if t.ndim == 2 else [0, o.shape[1]]
    t, value, gradient = t.reshape(len(t), -1), 0, []
    for k, (a, b) in enumerate(zip(first, first[1:], strict=False)):
        goals = [(1 - SHARE, t[:, k].astype(int) - a), *((SHARE / (b - a), np.full(len(o), j)) for j in range(b - a))]
        values, gradients = zip(*(ref.cross_entropy(o[:, a:b], goal, w) for _, goal in goals), strict=True)
        value += sum(share * v for (share, _), v in zip(goals, values, strict=True))
        gradient.append(sum(share * g for (share, _), g in zip(goals, gradients, strict=True)))
    return value, np.hstack(gradient)


LOSSES = {
    "squared": (losses.squared, ref.squared),
    "absolute": (losses.absolute, ref.absolute),
    "huber": (losses.huber, ref.huber),
    "quantile": (losses.regression_loss("quantile", 0.3), lambda o, t, w: ref.quantile(o, t, w, 0.3)),
    "quantiles": (losses.quantile_loss(LEVELS), levels_side_by_side),
    "numbers_and_end": (losses.numbers_and_end, squared_and_end),
    "cross_entropy": (losses.cross_entropy, ref.cross_entropy),
    "cross_entropies": (losses.cross_entropies(SIZES), softmax_of_each),
    "smoothed": (losses.smoothed(losses.cross_entropy, SHARE), smoothed_of_each),
    "smoothed_groups": (losses.smoothed(losses.cross_entropies(SIZES), SHARE), smoothed_of_each),
    # The sum over outputs, where the reference takes the mean.
    "binary": (losses.binary_cross_entropy, lambda o, t, w: tuple(o.shape[1] * v for v in ref.logistic(o, t, w))),
}
every_loss = pytest.mark.parametrize("name", LOSSES)


def draw(name, n=7, K=4, dtype="float64", seed=0):
    """Outputs, targets and weights with the sum 1."""
    rng = np.random.default_rng(seed)
    width = {
        "quantiles": len(LEVELS) * K,
        "numbers_and_end": K + 1,
        "cross_entropies": sum(SIZES),
        "smoothed_groups": sum(SIZES),
    }.get(name, K)
    outputs, targets = 2 * rng.standard_normal((2, n, width)).astype(dtype)
    if name in ("cross_entropy", "smoothed"):
        targets = rng.integers(0, K, n)
    elif name in ("cross_entropies", "smoothed_groups"):
        targets = (np.cumsum(SIZES) - rng.integers(1, np.add(SIZES, 1), (n, 3))).astype(dtype)
    elif name == "quantiles":
        targets = targets[:, :K].copy()
    elif name in ("binary", "numbers_and_end"):
        targets[:, -1 if name == "numbers_and_end" else 0 :] = targets[:, -1 if name == "numbers_and_end" else 0 :] > 0
    weights = rng.uniform(0, 1, n)
    weights[0] = 0 if n > 1 else 1
    return outputs, targets, weights / weights.sum()


@pytest.mark.parametrize(("n", "K"), [(7, 4), (1, 1), (5, 1), (1, 3), (2, 16), (3, 41)])
@every_loss
def test_value_and_gradient_of_the_reference(name, n, K):
    outputs, targets, weights = draw(name, n, K)
    ours, theirs = LOSSES[name]
    value, gradient = ours(outputs, targets, weights)
    expected, expected_gradient = theirs(outputs, targets, weights)
    ref.assert_within(1e-13, value, expected)
    ref.assert_within(1e-13, gradient, expected_gradient)
    assert isinstance(value, float)


@every_loss
def test_gradient_by_projection(name):
    outputs, targets, weights = draw(name)
    loss, _ = LOSSES[name]
    _, gradient = loss(outputs, targets, weights)
    direction = np.random.default_rng(1).standard_normal(outputs.shape)
    sides = [loss(outputs + h * direction, targets, weights)[0] for h in (1e-6, -1e-6)]
    ref.assert_within(1e-8, (gradient * direction).sum(), (sides[0] - sides[1]) / 2e-6)


@every_loss
def test_float32_stays_float32(name):
    outputs, targets, weights = draw(name, dtype="float32")
    loss, _ = LOSSES[name]
    value, gradient = loss(outputs, targets, weights)
    assert gradient.dtype == np.float32
    expected, expected_gradient = loss(outputs.astype(float), targets, weights)
    ref.assert_within(1e-6, value, expected)
    ref.assert_within(1e-6, gradient, expected_gradient)


@every_loss
def test_weights_multiply(name):
    outputs, targets, weights = draw(name)
    loss, _ = LOSSES[name]
    value, gradient = loss(outputs, targets, weights)
    alone = [loss(outputs[k : k + 1], targets[k : k + 1], np.ones(1)) for k in range(7)]
    ref.assert_within(1e-13, value, sum(w * v for w, (v, _) in zip(weights, alone, strict=True)))
    ref.assert_within(1e-13, gradient, weights[:, None] * np.concatenate([g for _, g in alone]))
    twice, twice_gradient = loss(outputs, targets, 2 * weights)
    ref.assert_within(1e-13, twice, 2 * value)
    ref.assert_within(1e-13, twice_gradient, 2 * gradient)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["cross_entropy", "binary"])
def test_far_outputs_do_not_overflow(name, dtype):
    outputs = np.array([[1e4, -1e4], [-1e4, 1e4]], dtype)
    targets = np.array([0, 0]) if name == "cross_entropy" else np.array([[1, 0], [1, 0]], dtype)
    value, gradient = LOSSES[name][0](outputs, targets, np.ones(2))
    assert value == 2e4  # nothing for the first row
    expected = [[0, 0], [-1, 1]]
    ref.assert_within(1e-12, gradient, np.array(expected, dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("K", "padding"), [(1, 0), (1, 7), (5, 11), (17, 0), (24, 41)])
@every_loss
def test_kernels_read_and_write_no_more_than_they_should(name, K, padding, dtype):
    assert_rows_stand_alone(LOSSES[name][0], *draw(name, 5, K, dtype), padding)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("where", ["outputs", "targets"])
@every_loss
def test_nan_surfaces_in_its_row_alone(name, where, dtype):
    outputs, targets, weights = draw(name, 3, 17, dtype)
    if name.startswith(("cross_entrop", "smoothed")):
        where = "outputs"  # classes are integers
    {"outputs": outputs, "targets": targets}[where][1, 16] = np.nan
    of_rows, _ = LOSSES[name][0].of_rows(outputs, targets, weights)
    assert np.isnan(of_rows).tolist() == [False, True, False]


def test_what_a_caller_gives_stays_and_may_lie_anywhere():
    outputs, targets, _ = draw("squared")
    value, gradient = losses.squared(outputs, targets, np.ones(7))
    views = [np.asfortranarray(outputs), np.repeat(targets, 2, axis=1)[:, ::2], np.broadcast_to(1.0, 7)]
    for view in views:
        view.flags.writeable = False
    again, of_again = losses.squared(*views)
    assert again == value and (of_again == gradient).all()
    assert losses.squared(np.empty((0, 4)), np.empty((0, 4)), np.empty(0))[0] == 0


def test_losses_are_values():
    assert losses.quantile_loss([0.3]) == losses.regression_loss("quantile", 0.3) != losses.quantile_loss([0.4])
    assert losses.squared != losses.absolute
    for loss, _ in LOSSES.values():
        assert loss.constants.tolist() == list(loss.numbers)
        assert pickle.loads(pickle.dumps(loss)) == loss and hash(pickle.loads(pickle.dumps(loss))) == hash(loss)


def test_closed_forms():
    zero, weight = np.zeros((1, 4)), np.ones(1)
    ref.assert_within(1e-15, losses.cross_entropy(zero, np.array([2]), weight)[0], np.log(4))
    ref.assert_within(1e-15, losses.binary_cross_entropy(zero, zero, weight)[0], 4 * np.log(2))
    errors = np.array([[-3.0, -0.5, 0.0, 2.0]])  # output - target
    for loss, value, gradient in (
        (losses.squared, 13.25, [-6, -1, 0, 4]),
        (losses.absolute, 5.5, [-1, -1, 0, 1]),
        (losses.huber, 2.5 + 0.125 + 1.5, [-1, -0.5, 0, 1]),
        (losses.regression_loss("quantile", 0.9), 0.9 * 3.5 + 0.1 * 2, [-0.9, -0.9, 0, 0.1]),
    ):
        actual, actual_gradient = loss(errors, zero, weight)
        ref.assert_within(1e-15, actual, value / 4)
        ref.assert_within(1e-15, actual_gradient, np.array([gradient]) / 4)


def test_the_best_constant_answer_to_groups_is_their_shares():
    _, targets, weights = draw("cross_entropies", n=50)
    places, constant = targets.astype(int), losses.constant_loss(losses.cross_entropies(SIZES), targets, weights, 22)
    shares = np.bincount(places.ravel(), np.repeat(weights, 3), 22)
    assert constant == pytest.approx(-(weights @ np.log(shares[places]).sum(axis=1)), abs=1e-2)


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_the_best_constant_answer_to_classes_is_their_shares(share):
    _, targets, weights = draw("cross_entropy", n=50)
    loss, targets = losses.smoothed(losses.cross_entropy, share), targets.astype(int)
    shares = (1 - share) * np.bincount(targets, weights, 9) / weights.sum() + share / 9
    answer = np.log(np.maximum(shares, 1e-30))
    expected = loss(np.tile(answer, (50, 1)), targets, weights / weights.sum())[0]
    assert losses.constant_loss(loss, targets, weights, 9) == pytest.approx(expected, abs=1e-12)


def test_the_best_constant_answer_to_rare_words_is_not_held_to_a_least_share():
    """With a ten-thousandth for each of 20,000 words it was 8 % more than it is."""
    targets = np.repeat(np.arange(20_000), 2)
    assert losses.constant_loss(losses.cross_entropy, targets, np.ones(40_000), 20_000) == pytest.approx(np.log(20_000))


def test_the_best_constant_answer_to_many_tokens_takes_no_memory_for_each():
    """A row of outputs for each token was made: 3.2 GB for these, after the last epoch."""
    targets = np.random.default_rng(0).integers(0, 4000, 100_000)
    tracemalloc.start()
    found = losses.constant_loss(losses.cross_entropy, targets, np.ones(len(targets)), 4000)
    assert tracemalloc.get_traced_memory()[1] < 20e6 and found == pytest.approx(np.log(4000), abs=0.05)
    tracemalloc.stop()


def test_the_constant_answer_of_a_mixture_is_one_normal_distribution():
    targets = np.random.default_rng(0).normal(size=(5000, 2)).astype(np.float32)
    targets = np.column_stack([targets, np.arange(5000) % 10 == 0]).astype(np.float32)
    loss = losses.mixture_loss(3, 2, True, 1)
    of_end = -(0.1 * np.log(0.1) + 0.9 * np.log(0.9))
    n_outputs = 3 * (1 + 4 + 1) + 1
    expected = 1 + np.log(2 * np.pi) + of_end
    assert losses.constant_loss(loss, targets, np.ones(5000), n_outputs) == pytest.approx(expected, abs=0.05)


def test_the_quantile_minimises_its_loss():
    targets = np.random.default_rng(0).exponential(size=(1001, 1))
    weights = np.full(1001, 1 / 1001)
    grid = np.linspace(0, 4, 401)
    for q in (0.1, 0.5, 0.9):
        loss = losses.regression_loss("quantile", q)
        values = [loss(np.full((1001, 1), c), targets, weights)[0] for c in grid]
        assert abs(grid[np.argmin(values)] - np.quantile(targets, q)) < 0.02


def test_names():
    assert losses.regression_loss("squared_error", 0.5) is losses.squared
    assert losses.regression_loss("absolute_error", 0.5) is losses.absolute
    assert losses.regression_loss("huber", 0.5) is losses.huber


def _odds(loss, *known):
    return losses.log_odds(loss, losses.label_weights(loss, *known))


def test_a_head_that_starts_at_the_log_odds_gives_each_label_its_share():
    rng = np.random.default_rng(0)
    targets, weights = rng.integers(0, 3, 50), rng.uniform(0, 1, 50)
    odds = _odds(losses.cross_entropy, targets, weights, 4)  # 3 never comes
    shares = np.bincount(targets, weights, 4) / weights.sum()
    np.testing.assert_allclose(np.exp(odds)[:3], shares[:3])
    assert np.exp(odds)[3] == pytest.approx(losses.LEAST_SHARE)
    several = (rng.uniform(size=(50, 3)) < [0.0, 0.2, 1.0]).astype(float)
    columns = np.column_stack([targets, 3 + rng.integers(0, 2, 50)]).astype(float)
    odds = _odds(losses.cross_entropies((3, 2)), columns, weights, 5)
    np.testing.assert_allclose(np.exp(odds)[:3], shares[:3])
    np.testing.assert_allclose(np.exp(odds)[3:], np.bincount(columns[:, 1].astype(int) - 3, weights) / weights.sum())
    odds = _odds(losses.binary_cross_entropy, several, weights, 3)
    expected = np.clip(weights @ several / weights.sum(), losses.LEAST_SHARE, 1 - losses.LEAST_SHARE)
    np.testing.assert_allclose(1 / (1 + np.exp(-odds)), expected)
    assert not _odds(losses.squared, several, weights, 3).any()


def test_small_losses_keep_their_digits():
    outputs = np.array([[20.3, 6.1], [1000.0, 987.9]], np.float32)
    exact = np.logaddexp.reduce(outputs.astype(float), axis=1) - outputs[:, 0]
    actual = -losses.log_probabilities(outputs, np.zeros(2, int))
    np.testing.assert_allclose(actual, exact, rtol=0.1)
    assert (actual > 0).all()


def test_smoothed_targets():
    """The figures of torch.nn.CrossEntropyLoss(label_smoothing=0.1), 2.13.0."""
    outputs, targets = np.array([[1.0, -0.5, 2.0], [0.0, 3.0, 0.25]]), np.array([2, 0])
    value, gradient = losses.smoothed(losses.cross_entropy, 0.1)(outputs, targets, np.full(2, 0.5))
    np.testing.assert_allclose(value, 1.7437867879478277, rtol=1e-12)
    expected = [0.11019142415084596, 0.011639199453568973, -0.12183062360441488]
    np.testing.assert_allclose(gradient, [expected, [-0.444314865929434, 0.4322812523407541, 0.012033613588679916]])
    spread = losses.softened(np.array([[0.0, 1.0]], "float32"), 0.1)
    assert spread.dtype == "float32"
    np.testing.assert_allclose(spread, [[0.05, 0.95]])
    assert losses.smoothed(losses.cross_entropy, 0.0) is losses.cross_entropy
