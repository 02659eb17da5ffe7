"""Mean and scale of numbers of any size; and what the estimators make of them: units do not matter."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from samples import answers, assert_same_bits, data_for, labelled, make_estimator
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV

import fastrnn
from fastrnn import SequenceClassifier, SequenceForecaster, SequenceRegressor
from fastrnn.datasets import load_japanese_vowels
from fastrnn.moments import moments, r_squared, running
from fastrnn.sequences import as_given, as_objects

SMALL = {"hidden_size": 6, "max_iter": 2, "random_state": 0}
X, Y = labelled(30)
OF_NUMBERS = ["tagger", "tagger_of_several", "translator_of_numbers", "vector_to_tokens", "vector_to_numbers"]


def of(rows, weights=None, size=7, **options):
    rows = np.asarray(rows, float)
    weights = np.ones(len(rows)) if weights is None else weights
    return moments(((rows[k : k + size], weights[k : k + size]) for k in range(0, len(rows), size)), **options)


def in_unit(X, scale=1.0, offset=0.0):
    return X * scale + offset if isinstance(X, np.ndarray) and X.dtype != object else [x * scale + offset for x in X]


# ---------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize("unit", [1.0, 1e300, 1e-170, 5e-320, 1e8, -1e-4])
def test_mean_and_deviation_in_any_unit(unit):
    rows = np.random.default_rng(0).normal(size=(50, 3)) + [0, 5, -100]
    weights = np.linspace(0.1, 2, 50)
    mean = np.average(rows, axis=0, weights=weights)
    deviation = np.sqrt(np.average((rows - mean) ** 2, axis=0, weights=weights))
    tolerance = 0.01 if unit < 1e-300 else 1e-12  # of what is below the normal numbers few digits are left
    found = of(rows * unit, weights)
    np.testing.assert_allclose(found[0], mean * unit, rtol=tolerance, atol=abs(unit) * tolerance)
    np.testing.assert_allclose(found[1], deviation * abs(unit), rtol=tolerance)
    if 0 < unit < 1e300:
        root = np.sqrt(np.average(rows**2, axis=0, weights=weights))
        np.testing.assert_allclose(of(rows * unit, weights, is_centred=False)[1], root * unit, rtol=tolerance)


def test_a_small_spread_about_a_large_mean():
    rows = np.random.default_rng(0).normal(size=(100_000, 1))
    mean, scale = of(1e10 + 1e-3 * rows, size=1000)
    np.testing.assert_allclose(scale, 1e-3 * rows.std(axis=0), rtol=2e-3)
    np.testing.assert_allclose(mean - 1e10, 1e-3 * rows.mean(axis=0), atol=4e-6)  # two units in the last place


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6, -1e300, 5e-324])
def test_what_does_not_change_is_only_centred(value):
    for rows in (np.full((1000, 1), value), value * np.where(np.arange(1000) % 2, 1, 1 + 2e-16)[:, np.newaxis]):
        mean, scale = of(rows)
        assert scale == 1 and mean == pytest.approx(value)


def test_blocks_may_be_of_any_size_and_far_apart():
    rng = np.random.default_rng(0)
    rows, weights = rng.normal(size=(60, 2)) + np.repeat([[1e6, 1e-9]], 60, axis=0), rng.uniform(0.1, 9, 60)
    rows[40:] *= [-1, 1e6]
    cuts = [0, 1, 2, 30, 41, 60]
    found = moments((rows[a:b], weights[a:b]) for a, b in pairwise(cuts))
    mean = np.average(rows, axis=0, weights=weights)
    np.testing.assert_allclose(found[0], mean, rtol=1e-12)
    np.testing.assert_allclose(found[1], np.sqrt(np.average((rows - mean) ** 2, axis=0, weights=weights)), rtol=1e-12)


def test_the_largest_numbers_in_blocks_apart():
    mean, scale = of(1.7e308 * np.repeat([[-1.0], [1.0]], 7, axis=0))
    assert mean == 0 and scale == pytest.approx(1.7e308)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_finite_number_is_told_by_the_scale(value):
    rows = np.ones((20, 2))
    rows[9, 1] = value
    for options in ({}, {"is_centred": False}, {"spares_ready": True}):
        assert of(rows, **options)[1][1] == np.inf


def test_columns_of_0_and_1_stay():
    rows = np.column_stack([np.arange(9) % 2, np.ones(9), np.zeros(9), np.arange(9) % 3, np.arange(9) % 2 * 2])
    mean, scale = of(rows, spares_ready=True)
    assert mean.tolist() == [0, 0, 0, 1, rows[:, 4].mean()] and scale[:3].tolist() == [1, 1, 1]
    assert of(rows)[0][0] == pytest.approx(4 / 9)


def test_what_is_standardised_already_keeps_its_bits():
    rows = np.random.default_rng(0).normal(size=(4000, 4)) * [1, 0.99, 1.03, 1] + [0, 0, 0, 0.2]
    mean, scale = of(rows, spares_ready=True)
    assert mean[:2].tolist() == [0, 0] and scale[:2].tolist() == [1, 1]
    np.testing.assert_allclose((mean[2:], scale[2:]), (rows[:, 2:].mean(axis=0), rows[:, 2:].std(axis=0)))


def test_running_moments():
    rows = np.random.default_rng(0).normal(size=(20, 2)) * [1, 1e-200] + [5, 0]
    state = 0, np.zeros(2), np.zeros(2)
    for x in rows:
        state = running(*state, x, 300)
    np.testing.assert_allclose(state[1:], (rows.mean(axis=0), rows.std(axis=0) * [1, 0] + [0, state[2][1]]), rtol=1e-12)
    np.testing.assert_allclose(state[2][1], (rows[:, 1] * 1e200).std() * 1e-200, rtol=1e-12)
    for _ in range(2000):
        state = running(*state, np.array([9.0, 0.0]), 50)
    np.testing.assert_allclose(state[1:], ([9, 0], [0, 0]), atol=1e-6)


@pytest.mark.parametrize("unit", [1, 1e-170, 1e200, 1.7e307, 1e-300])
def test_scores_in_any_unit(unit):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(60, 2)).clip(-3, 3)
    predicted, weights = y + 0.5 * rng.normal(size=y.shape).clip(-3, 3), rng.random(60)
    expected = r2_score(y, predicted, sample_weight=weights)
    found = r_squared(y * [unit, 1], predicted * [unit, 1], weights)
    assert found == expected if unit == 1 else abs(found - expected) < 1e-9
    rows = [np.full((4, 1), value) for value in y[:, 0]]
    for make in ({}, {"return_sequences": True}):
        targets = [np.full(4, v) for v in y[:, 0]] if make else y[:, 0]
        scores = []
        for factor in (1, unit):
            changed = [v * factor for v in targets] if make else targets * factor
            scores.append(SequenceRegressor(**make, **SMALL).fit(rows, changed).score(rows, changed))
        assert abs(scores[0] - scores[1]) < 1e-9 and scores[0] != 1


@pytest.mark.parametrize("options", [{}, {"difference": False, "seasonal_difference": False}], ids=str)
def test_series_and_what_is_known_beside_them_in_any_unit(options):
    make = {"horizon": 3, "season": 6, "hidden_size": 4, "max_iter": 2, "random_state": 0, "log": False}
    y, beside = np.random.default_rng(0).normal(size=(2, 63))
    y = 9 + np.sin(np.arange(60)) + 0.3 * y[:60]
    found = []
    for unit, other in ((1, 1), (1e-170, 1), (1, 1e-170), (1, 1e90)):
        model = SequenceForecaster(scaling="standard", **make, **options).fit(y * unit, future=beside[:60] * other)
        found.append(model.predict(future=beside[60:] * other) / unit)
    np.testing.assert_allclose(found[1:], np.array([found[0]] * 3), rtol=1e-6)


# ------------------------------------------------------------------------------------------- estimators


@pytest.mark.parametrize("scale, offset", [(1, 100), (1e-4, 0), (1e4, 0), (1e300, 0), (1e-300, 0), (-3, 1e6)])
def test_vowels_in_other_units(scale, offset):
    X, y = load_japanese_vowels(split="train")
    X = [x if scale > 0 else -x for x in X]
    make = {"hidden_size": 8, "max_iter": 3, "random_state": 0}
    plain = SequenceClassifier(**make).fit(X, y)
    changed = in_unit(X, abs(scale), offset)
    model = SequenceClassifier(**make).fit(changed, y)
    assert plain.score(X, y) > 0.3
    np.testing.assert_allclose(model.predict_proba(changed), plain.predict_proba(X), atol=1e-4)
    assert (model.predict(changed) == plain.predict(X)).mean() > 0.99


@pytest.mark.parametrize("kind", OF_NUMBERS)
def test_every_estimator_in_other_units(kind):
    rows, y = data_for(kind)
    unit = {"scale": np.array([1e-3, 1e5, -1.0]), "offset": np.array([2.0, 0.0, 1e3])}
    rows, expected = in_unit(rows, 2.0), None
    for changed in (rows, in_unit(rows, **unit)):
        flip = np.array([1, 1, -1.0]) if changed is rows else 1.0
        changed = in_unit(changed, flip)  # the last feature's sign is another as well
        model = make_estimator(kind, dtype="float64").fit(changed, y)
        model.partial_fit(changed[:20], y[:20])
        found = answers(model, changed)
        expected = found if expected is None else expected
        for a, b in zip(found, expected, strict=True):
            for mine, its in zip(a, b, strict=True):
                if np.asarray(mine).dtype.kind == "f":
                    np.testing.assert_allclose(mine, its, rtol=1e-6, atol=1e-6)
                else:
                    assert_same_bits(mine, its)


FORMS = {
    "one_sequence": lambda: ([X[0]], [1.5]),
    "one_step_each": lambda: ([x[:1] for x in X], Y * 1.0),
    "one_sequence_of_one_step": lambda: ([X[0][:1]], [1.5]),
    "float32": lambda: ([x.astype(np.float32) for x in X], Y * 1.0),
    "integers": lambda: ([(100 * x).astype(int) for x in X], Y * 1.0),
    "small_integers": lambda: ([(20 * x).astype(np.int8) for x in X], Y * 1.0),
    "flags": lambda: ([x > 0 for x in X], Y * 1.0),
    "constant_beside": lambda: ([np.column_stack([x, np.full(len(x), 1e6)]) for x in X], Y * 1.0),
    "panel": lambda: (np.random.default_rng(0).normal(size=(20, 7)), np.arange(20.0)),
    "array": lambda: (np.random.default_rng(0).normal(size=(20, 7, 2)) * [1, 1e9], np.arange(20.0)),
    "lists": lambda: ([x.tolist() for x in X], Y * 1.0),
    "objects": lambda: (as_objects([x * [1, 1e-9, 1e9] for x in X]), Y * 1.0),
    "large_offset": lambda: ([1e9 + x for x in X], Y * 1.0),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_the_network_reads(form):
    """Each number less the mean, over the deviation, rounded once; a constant is 0, and 0 and 1 stay."""
    x, y = FORMS[form]()
    before = pickle.dumps(x)
    reg = SequenceRegressor(**SMALL).fit(x, y)
    assert pickle.dumps(x) == before
    rows = [np.asarray(part, float) for part in x]
    every = np.concatenate([part.reshape(len(part), -1) for part in rows])
    mean, scale = every.mean(axis=0), every.std(axis=0)
    scale[scale < 1e-9 * np.abs(mean)] = 1
    is_ready = np.isin(every, (0, 1)).all(axis=0) | (np.abs(mean) < 0.02) & (np.abs(scale - 1) < 0.02)
    mean[is_ready], scale[is_ready] = 0, 1
    read = reg._checked(x).values
    assert read.dtype == np.float32 and np.isfinite(reg.predict(x)).all()
    np.testing.assert_allclose(read, (every - mean) / scale, rtol=1e-5, atol=2e-6)


def test_a_constant_does_not_saturate():
    beside = [np.column_stack([x, np.full(len(x), 1e6)]) for x in X]
    model = SequenceClassifier(**SMALL).set_params(max_iter=30, learning_rate="constant").fit(beside, Y)
    assert model.score(beside, Y) > 0.8


def test_without_biases_nothing_is_centred():
    model = SequenceClassifier(bias=False, **SMALL).fit(in_unit(X, 1e4, 3e4), Y)
    every = np.concatenate(in_unit(X, 1e4, 3e4))
    assert (model._X_mean == 0).all()
    np.testing.assert_allclose(model._X_scale, np.sqrt((every**2).mean(axis=0)))


def test_weights_are_those_of_the_steps():
    weights = np.arange(30) % 3
    found = SequenceClassifier(**SMALL).fit(X[:24] + [1e30 * x for x in X[24:]], Y, np.r_[weights[:24], np.zeros(6)])
    repeated = np.concatenate([X[k] for k in np.repeat(np.arange(24), weights[:24])])
    np.testing.assert_allclose((found._X_mean, found._X_scale), (repeated.mean(axis=0), repeated.std(axis=0)))


def test_moments_are_those_of_the_first_fit():
    other = in_unit(X, 7, 5)
    warm = SequenceClassifier(warm_start=True, **SMALL).fit(X, Y)
    by_parts = SequenceClassifier(**SMALL).partial_fit(X[:10], Y[:10])
    for model, again in ((warm, warm.fit), (by_parts, by_parts.partial_fit)):
        mean, scale = model._X_mean.copy(), model._X_scale.copy()
        again(other, Y)
        assert_same_bits([model._X_mean, model._X_scale], [mean, scale])
    assert (warm.set_params(warm_start=False).fit(other, Y)._X_mean != mean).all()


def test_raw_numbers_reach_the_network_without():
    model = SequenceClassifier(normalize_X=False, **SMALL).fit(X, Y)
    assert_same_bits(model._checked(X).values, np.concatenate(X).astype(np.float32))
    tokens = SequenceClassifier(embedding_dim=3, **SMALL).fit([np.arange(5)] * 4, [0, 1] * 2)
    assert not hasattr(tokens, "_X_mean")


def test_many_blocks_are_as_one(monkeypatch):
    rows = [1e6 + 1e-2 * x for x in X]
    whole = SequenceRegressor(**SMALL).fit(rows, Y)
    monkeypatch.setattr("fastrnn.sequences.AT_ONCE", 12)
    cut = SequenceRegressor(**SMALL).fit(rows, Y)
    np.testing.assert_allclose(cut._X_scale, whole._X_scale, rtol=1e-12)
    assert sum(len(block) for _, block in as_given(rows).blocks()) == sum(map(len, rows))
    np.testing.assert_allclose(cut.predict(rows), whole.predict(rows), rtol=1e-4)


def test_streams_files_pickles_and_searches(tmp_path):
    rows = in_unit(X, np.array([1e-6, 1, 1e6]), 100)
    model = SequenceRegressor(**SMALL).fit(rows, Y)
    stream, expected = model.stream(), model.predict(rows)
    assert_same_bits([stream.step(x_t) for x_t in rows[0]][-1], expected[0])
    assert_same_bits(pickle.loads(pickle.dumps(stream)).step(rows[1][0]), stream.step(rows[1][0]))
    fastrnn.save(model, tmp_path / "model")
    for again in (fastrnn.load(tmp_path / "model"), pickle.loads(pickle.dumps(model))):
        assert_same_bits(again.predict(rows), expected)
        assert_same_bits(again.partial_fit(rows, Y).predict(rows), pickle.loads(pickle.dumps(again)).predict(rows))
    assert clone(model).normalize_X and not hasattr(clone(model), "_X_mean")
    search = GridSearchCV(SequenceRegressor(**SMALL).set_params(max_iter=30), {"normalize_X": [True, False]}, cv=2)
    assert search.fit(as_objects(rows), Y).best_params_ == {"normalize_X": True}


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_a_file_with_a_bad_scale_is_none(value, tmp_path):
    model = SequenceClassifier(**SMALL).fit(X, Y)
    model._X_scale[1] = value
    fastrnn.save(model, tmp_path / "model")
    with pytest.raises(fastrnn.StorageError, match="_X_scale"):
        fastrnn.load(tmp_path / "model")


# ----------------------------------------------------------------------------------------------- tokens

RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(5, 30, 60)
LIKE_TOKENS = {
    "arrays": [RNG.integers(0, 100, T) for T in LENGTHS],
    "lists": [RNG.integers(0, 100, T).tolist() for T in LENGTHS],
    "objects": as_objects([RNG.integers(101, 30000, T) for T in LENGTHS]),
    "words": [RNG.zipf(1.3, T).clip(max=5000) for T in LENGTHS],
}
LIKE_NUMBERS = {
    "counts": [RNG.poisson(30, T) for T in LENGTHS],
    "levels": [RNG.poisson(RNG.integers(5, 200), T) for T in LENGTHS],
    "heart_rates": [(70 + 20 * np.sin(np.arange(T) / 5)).astype(int) for T in LENGTHS],
    "sums": [np.abs(RNG.integers(-9, 10, T).cumsum()) for T in LENGTHS],
    "few": [RNG.integers(0, 10, T) for T in LENGTHS],
    "negative": [RNG.integers(-50, 50, T) for T in LENGTHS],
    "floats": [RNG.integers(0, 100, T).astype(float) for T in LENGTHS],
    "columns": [RNG.integers(0, 100, (T, 1)) for T in LENGTHS],
    "panel": RNG.integers(0, 100, (60, 20)),
    "array": RNG.integers(0, 100, (60, 20, 1)),
}


@pytest.mark.parametrize("name", LIKE_TOKENS)
def test_integers_that_look_like_tokens_get_one_warning(name):
    model = SequenceClassifier(**SMALL)
    with pytest.warns(UserWarning, match="look like tokens.*normalize_X=True.*Set embedding_dim") as seen:
        model.fit(LIKE_TOKENS[name], np.arange(60) % 2)
    assert len(seen) == 1 and seen[0].filename == __file__
    model.predict(LIKE_TOKENS[name])
    model.partial_fit(LIKE_TOKENS[name], np.arange(60) % 2)
    SequenceClassifier(embedding_dim=2, **SMALL).fit(LIKE_TOKENS[name], np.arange(60) % 2)


@pytest.mark.parametrize("name", LIKE_NUMBERS)
def test_integers_that_look_like_numbers_get_none(name):
    SequenceClassifier(**SMALL).fit(LIKE_NUMBERS[name], np.arange(60) % 2)
