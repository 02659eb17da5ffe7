"""SequenceRegressor as its users meet it."""

import pickle

import numpy as np
import pytest
from samples import assert_same_bits, ragged
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_score

from fastrnn import SequenceRegressor
from fastrnn.datasets import make_adding_problem

X = ragged(60, shortest=2, longest=8)
MEANS = np.array([x[:, 0].mean() for x in X])


def small(**options):
    return SequenceRegressor(**{"hidden_size": 8, "max_iter": 3, "random_state": 0, **options})


def learner(**options):
    return small(**{"max_iter": 60, "learning_rate_init": 0.02, **options})


# ------------------------------------------------------------------------------ N to 1


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_adding_problem(cell):
    data, sums = make_adding_problem(n_samples=600, n_steps=10, random_state=0)
    reg = SequenceRegressor(cell=cell, hidden_size=32, max_iter=30, random_state=0).fit(data[:500], sums[:500])
    assert reg.score(data[500:], sums[500:]) > 0.9  # no score at all comes of guessing the mean


@pytest.mark.parametrize("readout", ["last", "mean", "max"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_every_readout_learns(readout, solver):
    reg = learner(readout=readout, solver=solver, bidirectional=True).fit(X, MEANS)
    assert reg.score(X, MEANS) > 0.8
    assert reg.predict(X).shape == (60,)


def test_several_outputs():
    y = np.column_stack([MEANS, 100 - 50 * MEANS, np.full(60, 7.0)])  # the last has no variance
    reg = learner().fit(X, y)
    predicted = reg.predict(X)
    assert predicted.shape == (60, 3)
    assert r2_score(y[:, 0], predicted[:, 0]) > 0.8 and r2_score(y[:, 1], predicted[:, 1]) > 0.8
    np.testing.assert_allclose(predicted[:, 2], 7, atol=0.3)
    assert_same_bits(reg.predict(X[3:4])[0], predicted[3])


def test_a_column_of_targets_is_ravelled_with_a_warning():
    with pytest.warns(DataConversionWarning):
        reg = small().fit(X, MEANS[:, np.newaxis])
    assert_same_bits(reg.predict(X), small().fit(X, MEANS).predict(X))


@pytest.mark.parametrize("flat", [True, False])
def test_targets_of_any_unit(flat):
    def shaped(y):
        return y if flat else np.column_stack([y, -y])

    plain = small(dtype="float64").fit(X, shaped(MEANS))
    scaled = small(dtype="float64").fit(X, shaped(1e6 * MEANS) + 1e9)
    # Standardised, both are the same problem.
    np.testing.assert_allclose(scaled.loss_curve_, plain.loss_curve_, rtol=1e-5)
    np.testing.assert_allclose((scaled.predict(X) - 1e9) / 1e6, plain.predict(X), atol=1e-5)


def test_normalize_y_off_trains_on_the_targets_themselves():
    one_step = {"max_iter": 1, "batch_size": 60, "learning_rate_init": 1e-9, "dtype": "float64"}
    reg = small(normalize_y=False, **one_step).fit(X, 100 + MEANS)
    np.testing.assert_allclose(reg.loss_curve_[0], np.mean((reg.predict(X) - 100 - MEANS) ** 2), rtol=1e-6)
    assert reg.loss_curve_[0] > 9000
    assert small(**one_step).fit(X, 100 + MEANS).loss_curve_[0] < 2


def test_weights_are_those_of_the_scale_and_the_loss():
    weights = np.where(np.arange(60) < 30, 1.0, 0.0)
    y = np.where(weights > 0, MEANS, 1000)
    options = {"dtype": "float64", "batch_size": 100, "shuffle": False}
    weighted = small(**options).fit(X, y, sample_weight=weights)
    without = small(**options).fit(X[:30], y[:30])
    np.testing.assert_allclose(weighted.predict(X), without.predict(X), atol=1e-9)


# ------------------------------------------------------------------------------- losses


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_the_quantile_of_noise(q):
    rng = np.random.default_rng(1)
    data, y = [np.zeros((2, 1))] * 2000, rng.exponential(3, 2000)
    reg = small(loss="quantile", quantile=q, max_iter=20, learning_rate_init=0.02).fit(data, y)
    predicted = reg.predict(data[:1])[0]
    assert abs((y < predicted).mean() - q) < 0.04


def test_robust_losses_go_for_the_middle():
    rng = np.random.default_rng(1)
    data, y = [np.zeros((2, 1))] * 1000, rng.exponential(3, 1000)
    y[:100] = 300  # outliers
    predicted = {
        loss: small(loss=loss, max_iter=30, learning_rate_init=0.02).fit(data, y).predict(data[:1])[0]
        for loss in ("squared_error", "huber", "absolute_error")
    }
    assert abs(predicted["squared_error"] - y.mean()) < 3
    assert abs(predicted["absolute_error"] - np.median(y)) < 1
    assert predicted["absolute_error"] < predicted["huber"] < predicted["squared_error"]


# ------------------------------------------------------------------------------- N to N


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_sequence_of_numbers_for_a_sequence(bidirectional):
    y = [x[:, 0].cumsum() / np.arange(1, len(x) + 1) for x in X]
    reg = learner(return_sequences=True, bidirectional=bidirectional).fit(X, y)
    predicted = reg.predict(X)
    assert predicted.dtype == object and predicted.shape == (60,)
    assert [p.shape for p in predicted] == [t.shape for t in y]
    flat = r2_score(np.concatenate(y), np.concatenate(predicted))
    assert flat > 0.8
    np.testing.assert_allclose(reg.score(X, y), flat, rtol=1e-6)


def test_a_sequence_of_vectors_for_a_sequence():
    y = [np.column_stack([x[:, 0], 10 + 5 * x[:, 1]]) for x in X]
    reg = learner(return_sequences=True).fit(X, y)
    predicted = reg.predict(X)
    assert [p.shape for p in predicted] == [t.shape for t in y]
    assert r2_score(np.concatenate(y), np.concatenate(predicted)) > 0.8
    assert reg.score(X, y) > 0.8


class Keyed(list):
    """As a pandas Series with an index of its own: the first item is not that of key 0."""

    def __getitem__(self, key):
        raise KeyError(key)


def test_targets_of_steps_in_a_container_with_keys_of_its_own():
    y = [x[:, 0] for x in X]
    expected = small(return_sequences=True).fit(X, y).predict(X)
    assert_same_bits(small(return_sequences=True).fit(X, Keyed(y)).predict(X), expected)


def test_one_sequence_or_sequences_of_one_length_are_still_an_object_array():
    reg = small(return_sequences=True).fit(X, [x[:, 0] for x in X])
    for data in (X[:1], [x[:2] for x in X[:4]]):
        predicted = reg.predict(data)
        assert predicted.dtype == object and predicted.shape == (len(data),)
        assert [p.shape for p in predicted] == [(len(x),) for x in data]


@pytest.mark.parametrize("shape", [(20, 5), (20, 5, 3)], ids=str)
@pytest.mark.parametrize("width", [None, 2])
def test_arrays_for_arrays(shape, width):
    data = np.random.default_rng(0).standard_normal(shape)
    first = data if data.ndim == 2 else data[:, :, 0]
    y = first if width is None else np.stack([first, -first], axis=2)
    reg = small(return_sequences=True).fit(data, y)
    predicted = reg.predict(data)
    assert predicted.shape == y.shape and predicted.dtype == np.float64
    listed = reg.predict(list(data))
    assert listed.dtype == object
    assert_same_bits(np.stack(listed), predicted)
    assert_same_bits(reg.predict(data[3:4])[0], predicted[3])
    other = small(return_sequences=True).fit(list(data), list(y))
    assert_same_bits(other.predict(data), predicted)


def test_weights_of_sequences_weigh_all_their_steps():
    y = [x[:, 0] for x in X]
    weights = np.where(np.arange(60) < 30, 1.0, 0.0)
    options = {"return_sequences": True, "dtype": "float64", "batch_size": 100, "shuffle": False}
    weighted = small(**options).fit(X, y, sample_weight=weights)
    n_steps = sum(map(len, X))
    without = small(**options).fit(X[:30], y[:30])
    for a, b in zip(weighted.predict(X), without.predict(X), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)
    # The loss of a batch is the mean over its steps.
    one_step = small(**options, max_iter=1, learning_rate_init=1e-9, normalize_y=False).fit(X, y)
    squares = [((p - t) ** 2).sum() for p, t in zip(one_step.predict(X), y, strict=True)]
    np.testing.assert_allclose(one_step.loss_curve_[0], sum(squares) / n_steps, rtol=1e-6)


def test_tokens_to_sequences():
    rng = np.random.default_rng(0)
    tokens = [rng.integers(0, 4, T) for T in rng.integers(1, 9, 60)]
    y = [(t == 2) * 5.0 for t in tokens]
    reg = learner(embedding_dim=3, return_sequences=True).fit(tokens, y)
    assert reg.score(tokens, y) > 0.9


# ------------------------------------------------------------------------------- training


def test_partial_fit_keeps_the_scale_of_the_first_call():
    options = {"shuffle": False, "learning_rate": "constant"}
    whole = small(max_iter=3, **options).fit(X, MEANS)
    stepwise = small(**options)
    for _ in range(3):
        stepwise.partial_fit(X, MEANS)
    assert_same_bits(stepwise.predict(X), whole.predict(X))
    other = pickle.loads(pickle.dumps(stepwise))
    stepwise.partial_fit(X, 1000 * MEANS)
    assert (stepwise._y_mean, stepwise._y_scale) == (whole._y_mean, whole._y_scale)
    assert_same_bits(other.partial_fit(X, 1000 * MEANS).predict(X), stepwise.predict(X))


@pytest.mark.parametrize("kind", ["numbers", "vectors", "holes"])
def test_arrays_of_steps_score_as_lists(kind):
    X = np.random.default_rng(0).standard_normal((12, 6))
    y = np.cumsum(X, axis=1)
    if kind == "holes":
        y[::3, 2] = np.nan
    if kind == "vectors":
        y = np.stack([y, X], axis=2)
    model = small(return_sequences=True)
    for scoring in ("r2", "neg_root_mean_squared_error"):
        options = {"cv": 2, "scoring": scoring, "error_score": "raise"}
        array, rows = cross_val_score(model, X, y, **options), cross_val_score(model, [*X], [*y], **options)
        assert_same_bits(array, rows)
    plain = small(early_stopping=True, return_sequences=True).fit(X, y)
    named = small(early_stopping=True, return_sequences=True, scoring="r2").fit(X, y)
    np.testing.assert_allclose(named.validation_scores_, plain.validation_scores_, rtol=1e-4)


def test_early_stopping_scores_with_r2():
    reg = learner(early_stopping=True, max_iter=100, n_iter_no_change=4, validation_fraction=0.3)
    reg.fit(X, 50 + 20 * MEANS)
    assert reg.n_iter_ == len(reg.validation_scores_)
    assert 0.3 < max(reg.validation_scores_) <= 1
    assert reg.n_iter_ == 100 or reg.n_iter_ == int(np.argmax(reg.validation_scores_)) + 5


@pytest.mark.parametrize("return_sequences", [False, True])
def test_early_stopping_on_few_sequences(return_sequences):
    # One held-out sequence has no R^2 if it is one number.
    y = [x[:, 0] for x in X[:9]] if return_sequences else MEANS[:9]
    reg = small(early_stopping=True, return_sequences=return_sequences).fit(X[:9], y)
    assert np.isfinite(reg.validation_scores_).all()


def test_cross_validation():
    assert cross_val_score(learner(), X, MEANS, cv=3).mean() > 0.3


def test_bptt_steps_changes_what_is_learnt_and_not_what_is_predicted():
    whole, cut = (small(bptt_steps=b).fit(X, MEANS) for b in (None, 2))
    assert (whole.network_.theta != cut.network_.theta).any()
    same = small(bptt_steps=100).fit(X, MEANS)
    assert_same_bits(same.network_.theta, whole.network_.theta)


def test_every_option_reaches_the_training():
    base = small(max_iter=2).fit(X, MEANS).network_.theta
    for option in (
        {"cell": "lstm"}, {"cell": "rnn"}, {"bias": False}, {"dropout": 0.4},
        {"learning_rate_init": 0.1},
        {"learning_rate": "constant"}, {"learning_rate": "warmup"}, {"alpha": 10.0},
        {"batch_size": 7},
        {"shuffle": False}, {"clip_norm": 1e-3}, {"clip_value": 1e-4},
        {"solver": "adamw", "alpha": 1.0},
        {"solver": "sgd"}, {"solver": "rmsprop"}, {"loss": "huber"}, {"readout": "mean"},
        {"normalize_y": False}, {"random_state": 1}, {"early_stopping": True},
    ):  # fmt: skip
        theta = small(max_iter=2, **option).fit(X, MEANS + 3).network_.theta
        assert theta.size != base.size or (theta != base).any(), option
    sgd = [small(solver="sgd", **o).fit(X, MEANS) for o in ({}, {"momentum": 0.1}, {"nesterovs_momentum": False})]
    rnn = [small(cell="rnn", nonlinearity=n).fit(X, MEANS) for n in ("tanh", "relu", "sigmoid")]
    for fits in (sgd, rnn):
        assert len({fit.network_.theta.tobytes() for fit in fits}) == 3


def test_with_return_sequences_all_steps_count_alike():
    rng = np.random.default_rng(0)
    X = [rng.standard_normal((T, 2)) for T in (2, 50, 3, 40, 1, 30, 4, 20, 6)]
    y = [x.sum(axis=1) for x in X]
    reg = SequenceRegressor(
        hidden_size=4, return_sequences=True, normalize_y=False, batch_size=2, max_iter=1,
        learning_rate_init=1e-9, random_state=0,
    ).fit(X, y)  # fmt: skip
    errors = np.concatenate(reg.predict(X)) - np.concatenate(y)
    np.testing.assert_allclose(reg.loss_curve_[0], np.mean(errors**2), rtol=1e-4)


def test_a_target_that_only_rounding_moves_is_constant():
    X = ragged(30)
    y = np.full(30, 0.1) + np.arange(30) % 2 * 1e-17
    y[::3] = 0.30000000000000004 - 0.2
    reg = SequenceRegressor(hidden_size=4, max_iter=1, random_state=0).fit(X, y)
    assert reg._y_scale == 1
