"""scikit-learn's own checks, tags, frames, routed metadata and representations, for every estimator there is."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from samples import KINDS, assert_same_bits, data_for, labelled, make_estimator, ragged
from series import Y, forecaster
from sklearn.base import clone
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import check_sample_weight_equivalence_on_dense_data, parametrize_with_checks

from fastrnn import (
    SequenceAutoencoder,
    SequenceClassifier,
    SequenceForecaster,
    SequenceGenerator,
    SequenceOutlierDetector,
    SequenceRegressor,
    SequenceTagger,
    SequenceToSequence,
    SequenceTranscriber,
    VectorToSequence,
)
from fastrnn.online import OnlineClassifier, OnlineRegressor
from fastrnn.preprocessing import SequenceScaler, SlidingWindow, Tokenizer
from fastrnn.sequences import as_objects

# Small, for the sake of time; the checks fit some hundreds of times.
LEARNERS = [SequenceClassifier(hidden_size=16), SequenceRegressor(hidden_size=32)]
UNTAUGHT = [
    SequenceOutlierDetector(hidden_size=4, max_iter=3),
    SequenceOutlierDetector(hidden_size=4, max_iter=3, method="forecast"),
    SequenceAutoencoder(hidden_size=4, max_iter=3),
]
# The checks expect a row for each of X: one window of each series.
TRANSFORMERS = [SequenceScaler(), SequenceScaler(by="sequence", method="minmax"), SlidingWindow(size=1, step=1000)]
EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": "a weight of 2 and two copies differ in "
    "float32's last places, and shuffled batches and what is dropped differ; test_weights_equal_repetition has it in "
    "float64, in order and without dropout"
}
TINY = {"hidden_size": 4, "max_iter": 1, "random_state": 0}
EXACT = {"dtype": "float64", "shuffle": False, "batch_size": 1000, "max_iter": 30, "recurrent_dropout": 0.0}


@parametrize_with_checks(
    [*LEARNERS, *UNTAUGHT, *TRANSFORMERS],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES if hasattr(estimator, "max_iter") else {},
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", LEARNERS, ids=lambda e: type(e).__name__)
def test_weights_equal_repetition(estimator):
    exact = clone(estimator).set_params(**EXACT)
    check_sample_weight_equivalence_on_dense_data(type(exact).__name__, exact)


@pytest.mark.parametrize(
    "kind, of_steps",
    [(kind, False) for kind in KINDS if "generator" not in kind] + [("tagger", True), ("tagger_of_several", True)],
)
def test_weights_equal_repetition_in_sequences(kind, of_steps):
    X, y = data_for(kind, 12)
    weights = np.array([1, 2, 3, 0] * 3)
    given = [np.full(len(x), w) for x, w in zip(X, weights, strict=True)] if of_steps else weights
    twice = np.repeat(np.arange(12), weights)
    weighted = make_estimator(kind, **EXACT).fit(X, y, sample_weight=given)
    targets = None if y is None else [y[i] for i in twice]
    repeated = make_estimator(kind, **EXACT).fit([X[i] for i in twice], targets)
    np.testing.assert_allclose(weighted.network_.theta, repeated.network_.theta, rtol=1e-6, atol=1e-7)


# What the full set fits on, X (n, T) and y (n,), these do not take; so here are the checks that fit nothing, or that
# are raised before anything is read.
OTHERS = [
    SequenceRegressor(return_sequences=True), SequenceTagger(), SequenceGenerator(), SequenceToSequence(),
    SequenceTranscriber(), VectorToSequence(), SequenceForecaster(), Tokenizer(), OnlineClassifier(), OnlineRegressor(),
]  # fmt: skip
WITHOUT_DATA = [
    "check_estimator_cloneable", "check_estimator_tags_renamed", "check_valid_tag_types", "check_estimator_repr",
    "check_no_attributes_set_in_init", "check_estimators_unfitted", "check_do_not_raise_errors_in_init_or_set_params",
    "check_mixin_order", "check_parameters_default_constructible", "check_get_params_invariance", "check_set_params",
    "check_param_validation",
]  # fmt: skip


@pytest.mark.parametrize("check", WITHOUT_DATA)
@pytest.mark.parametrize("estimator", OTHERS, ids=lambda e: type(e).__name__)
def test_scikit_learn_check_without_data(estimator, check):
    if check == "check_param_validation" and not hasattr(estimator, "fit"):
        return  # it calls fit, which learners of River's protocol have not
    getattr(estimator_checks, check)(type(estimator).__name__, estimator)


# ------------------------------------------------------------------------------------------ before and after a fit


def fitted(kind):
    """An estimator of this kind, one of its methods, and what to call it with."""
    if kind == "forecaster":
        model = forecaster().fit(Y)
        return model, model.predict, ()
    if kind in KINDS:
        X, y = data_for(kind, 12)
        model = make_estimator(kind).fit(X, y)
        return model, model.score if y is None else model.predict, (X,)
    X, y = labelled(12, n_classes=2)
    model = {"classifier": SequenceClassifier, "regressor": SequenceRegressor}[kind](hidden_size=4, max_iter=1)
    return model.fit(X, y), model.predict, (X,)


@pytest.mark.parametrize("kind", ["classifier", "regressor", "forecaster", *KINDS])
def test_fitting_leaves_parameters_alone_and_survives_pickle_and_copying(kind):
    model, answer, arguments = fitted(kind)
    expected = answer(*arguments)
    assert model.get_params() == clone(model).get_params()
    again = pickle.loads(pickle.dumps(model))
    assert_same_bits(getattr(again, answer.__name__)(*arguments), expected)
    assert model.n_features_in_ == again.n_features_in_
    assert not hasattr(clone(model), "n_features_in_")


@pytest.mark.parametrize("kind", ["classifier", "regressor", "forecaster", *KINDS])
def test_html_shows_each_estimator_fitted_and_unfitted_and_in_a_pipeline(kind):
    model, *_ = fitted(kind)
    name = type(model).__name__
    for shown, state in ((model, "Fitted"), (clone(model), "Not fitted")):
        assert name in make_pipeline(SequenceScaler(), shown)._repr_html_()
        assert name in shown._repr_html_() and f"<span>{state}</span>" in shown._repr_html_()


@pytest.mark.parametrize("cls", [SequenceScaler, SlidingWindow, Tokenizer, OnlineClassifier, OnlineRegressor])
def test_html_shows_transformers_and_learners(cls):
    assert cls.__name__ in cls()._repr_html_() and repr(cls()) == f"{cls.__name__}()"


def test_tags():
    for cls in (SequenceClassifier, SequenceRegressor, SequenceTagger, SequenceGenerator, SequenceToSequence):
        tags = get_tags(cls())
        assert not tags.input_tags.allow_nan and not tags.input_tags.sparse
        assert tags.requires_fit and not tags.transformer_tags.preserves_dtype
        assert tags.target_tags.required == (cls is not SequenceGenerator)
    assert get_tags(SequenceClassifier()).estimator_type == "classifier"
    assert get_tags(SequenceRegressor()).estimator_type == "regressor"
    assert get_tags(SequenceRegressor()).target_tags.multi_output
    assert get_tags(VectorToSequence()).target_tags.required and get_tags(VectorToSequence()).transformer_tags is None
    assert get_tags(SequenceScaler()).input_tags.three_d_array and get_tags(SlidingWindow()).input_tags.three_d_array
    tags = get_tags(Tokenizer()).input_tags
    assert tags.string and tags.one_d_array and not tags.two_d_array


@pytest.mark.parametrize(
    "model",
    [
        *(cls() for cls in (SequenceClassifier, SequenceRegressor, SequenceTagger)),
        SequenceClassifier(embedding_dim=None),
        SequenceClassifier(embedding_dim=4),
        SequenceClassifier(embeddings=np.eye(4)),
        SequenceClassifier(embedding_dim=4, character_embedding_dim=3),
        SequenceTagger(embedding_dim=4, character_embedding_dim=None),
        SequenceGenerator(),
        SequenceToSequence(),
        SequenceToSequence(embedding_dim=None),
    ],
    ids=repr,
)
def test_the_tag_of_3d_arrays_says_whether_fit_takes_one(model):
    """With several numbers in a step, as the last axis of such an array has them."""
    X, y = np.arange(24).reshape(4, 3, 2) % 4, [[1, 2, 1], [2, 1, 2]] * 2
    if isinstance(model, (SequenceClassifier, SequenceRegressor)):
        y = [1, 2, 1, 2]
    model = clone(model).set_params(max_iter=1, hidden_size=2, random_state=0)
    if get_tags(model).input_tags.three_d_array:
        model.fit(X, y)
    else:
        with pytest.raises(ValueError, match=r"X\[0\] has shape \(3, 2\); expected \(T,\), a token a step"):
            model.fit(X, y)


# ---------------------------------------------------------------------------------------------------------- frames


def panel(n=12, T=6):
    """A frame of univariate series, a row each, and their classes."""
    y = np.arange(n) % 2
    values = np.random.default_rng(0).standard_normal((n, T)) + y[:, np.newaxis]
    return pd.DataFrame(values, columns=[f"day {t}" for t in range(T)], index=range(100, 100 + n)), y


@pytest.mark.parametrize(
    "estimator",
    [SequenceClassifier(**TINY), SequenceRegressor(**TINY), SequenceScaler(), SlidingWindow(size=3)],
    ids=lambda e: type(e).__name__,
)
def test_frames_have_their_columns_checked(estimator):
    X, y = panel()
    model, plain = clone(estimator).fit(X, y), clone(estimator).fit(X.to_numpy(), y)
    assert model.n_features_in_ == 6 and model.feature_names_in_.tolist() == list(X.columns)
    other = X.rename(columns={"day 5": "night"})
    for method in ("transform", "predict", "predict_proba", "origins", "inverse_transform"):
        if call := getattr(model, method, None):
            if method != "inverse_transform":
                assert_same_bits(call(X), getattr(plain, method)(X.to_numpy()))
            with pytest.raises(ValueError, match="feature names should match"):
                call(other)
            with pytest.raises(ValueError, match="X has 5 features, but .* is expecting 6 features"):
                getattr(plain, method)(X.to_numpy()[:, :5])
    model.fit([x.to_numpy()[:4] for _, x in X.iterrows()], y)
    assert model.n_features_in_ == 1 and not hasattr(model, "feature_names_in_")


def test_set_output():
    X, y = panel()
    model = make_pipeline(SequenceScaler(), SequenceClassifier(**TINY))
    plain = model.fit(X, y).transform(X)
    frame = model.set_output(transform="pandas").fit(X, y).transform(X)
    assert_same_bits(frame.to_numpy(), plain)
    assert list(frame.columns) == [f"sequenceclassifier{k}" for k in range(8)] and list(frame.index) == list(X.index)
    scaled = model[0].transform(X)
    assert list(scaled.columns) == list(X.columns) and list(scaled.index) == list(X.index)


@pytest.mark.parametrize("config", ["set_output", "globally"])
def test_set_output_leaves_sequences_and_windows_as_they_are(config):
    texts, numbers = ["a b", "b", "a"] * 4, ragged(12, I=2)
    labels = [np.arange(len(x)) % 2 for x in numbers]
    for steps, X, y in (
        ([SequenceScaler(), SequenceTagger(**TINY)], numbers, labels),
        ([Tokenizer(), SequenceGenerator(**TINY)], texts, None),
        ([SequenceRegressor(return_sequences=True, **TINY)], numbers, numbers),
        ([SlidingWindow(size=1, step=1000)], numbers, None),
    ):
        expected = make_pipeline(*map(clone, steps)).fit(X, y).transform(X)
        assert isinstance(expected, np.ndarray) and len(expected) == 12
        pipe = make_pipeline(*steps)
        if config == "set_output":
            assert_same_bits(pipe.set_output(transform="pandas").fit(X, y).transform(X), expected)
            assert_same_bits(pipe.set_output(transform="pandas").transform(X), expected)  # once more, when fitted
        else:
            with sklearn.config_context(transform_output="pandas"):
                assert_same_bits(pipe.fit(X, y).transform(X), expected)


# -------------------------------------------------------------------------------------------------------- metadata


def test_metadata_are_routed():
    X, y = labelled(24, n_classes=2)
    X, weights = as_objects(X), np.tile([1.0, 0.0, 2.0], 8)
    small = SequenceClassifier(hidden_size=4, max_iter=2, random_state=0)
    seen = []

    def weighted_accuracy(y_true, y_pred, sample_weight=None):
        seen.append(sample_weight)
        return np.average(y_true == y_pred, weights=sample_weight)

    with sklearn.config_context(enable_metadata_routing=True):
        asks = clone(small).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pipe = make_pipeline(SequenceScaler(), asks)
        scaled = SequenceScaler().fit_transform(X)
        search = GridSearchCV(asks, {"hidden_size": [3, 4]}, cv=2).fit(scaled, y, sample_weight=weights)
        expected = clone(small).set_params(**search.best_params_).fit(scaled, y, sample_weight=weights)
        assert search.score(scaled, y, sample_weight=weights) == expected.score(scaled, y, sample_weight=weights)
        assert_same_bits(search.best_estimator_.network_.theta, expected.network_.theta)
        pipe.set_params(**{f"sequenceclassifier__{k}": v for k, v in search.best_params_.items()})
        assert_same_bits(pipe.fit(X, y, sample_weight=weights)[-1].network_.theta, expected.network_.theta)
        scorer = make_scorer(weighted_accuracy).set_score_request(sample_weight=True)
        cross_validate(pipe, X, y, cv=2, scoring=scorer, params={"sample_weight": weights})
        assert sorted(np.concatenate(seen)) == sorted(weights)
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
            GridSearchCV(small, {"hidden_size": [3]}, cv=2).fit(X, y, sample_weight=weights)
        goals = as_objects([np.full(len(x), c) for x, c in zip(X, y, strict=True)])
        tagger = SequenceTagger(hidden_size=3, max_iter=1, random_state=0).set_fit_request(sample_weight=True)
        tagger.set_score_request(sample_weight=True)
        found = cross_validate(tagger, X, goals, cv=2, params={"sample_weight": weights}, error_score="raise")
        assert np.isfinite(found["test_score"]).all()
