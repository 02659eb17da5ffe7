"""`transform`: the features that the output layer reads, in every estimator that reads sequences."""

import numpy as np
import pytest
from samples import KINDS, assert_same_bits, data_for, labelled, make_estimator, ragged
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from fastrnn import SequenceClassifier, SequenceForecaster, SequenceRegressor
from fastrnn.layers.readouts import READOUTS
from fastrnn.sequences import as_objects

X, Y = labelled(20, n_classes=3, shortest=5, longest=5)
SMALL = {"hidden_size": 6, "max_iter": 2, "random_state": 0}


def of_head(model, features):
    """What the output layer makes of features."""
    parameters = model.network_.head.parameters
    return features @ parameters["weight"].T + parameters["bias"]


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_output_layer_makes_of_them_what_the_model_says(readout, bidirectional):
    model = SequenceClassifier(readout=readout, bidirectional=bidirectional, **SMALL).fit(X, Y)
    features = model.transform(X)
    assert features.shape == (20, 6 * (1 + bidirectional) * (5 if readout == "concat" else 1))
    assert features.dtype == np.float32 and features.shape[1] == model.get_feature_names_out().size
    np.testing.assert_allclose(of_head(model, features), model._outputs(X)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["tagger", "tagger_of_words", *(kind for kind in KINDS if "generator" in kind)])
def test_of_each_step_where_there_is_an_output_at_each(kind):
    X, y = data_for(kind)
    model = make_estimator(kind).fit(X, y)
    features = model.transform(X)
    assert features.dtype == object and [len(rows) for rows in features] == [len(x) for x in X]
    assert_same_bits(model.transform([X[5]])[0], features[5])
    assert not hasattr(model, "get_feature_names_out")
    if kind == "generator":  # what comes after the first two tokens
        stream = model.stream()
        for token in X[5][:2]:
            log_odds = np.log(stream.step(token))
        expected = of_head(model, features[5][1])
        np.testing.assert_allclose(log_odds - log_odds.mean(), expected - expected.mean(), atol=1e-4)
    elif kind == "tagger":
        outputs = model._outputs(X)[0]
        np.testing.assert_allclose(of_head(model, np.concatenate(features)), outputs, rtol=1e-5, atol=1e-6)


def test_a_regressor_of_each_step():
    X = ragged(9, I=1)
    model = SequenceRegressor(return_sequences=True, normalize_y=False, **SMALL).fit(X, X)
    features, predicted = model.transform(X), model.predict(X)
    np.testing.assert_allclose(of_head(model, features[3]), predicted[3].reshape(-1, 1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["translator", "translator_of_numbers"])
def test_of_an_encoder_the_last_states(kind):
    X, y = data_for(kind, 300)  # more than are encoded at once
    model = make_estimator(kind).fit(X[:40], y[:40])
    features = model.transform(X)
    assert features.shape == (300, 12) and model.get_feature_names_out()[-1] == "sequencetosequence11"
    assert_same_bits(features[:3], model.network_.encode(model._checked(X[:3])).context)
    assert_same_bits(model.transform(X[290:291])[0], features[290])


@pytest.mark.parametrize("readout", ["last", "mean", "max"])
def test_bits_depend_on_the_sequence_alone(readout):
    X, y = labelled(300)
    model = SequenceClassifier(readout=readout, **SMALL).fit(X, y)
    features = model.transform(X)
    for numbers in ([7], [299, 7, 0], np.arange(300)[::-1]):
        assert_same_bits(model.transform([X[k] for k in numbers]), features[np.array(numbers)])
    assert_same_bits(model.set_params(n_jobs=1).transform(X), features)


def test_a_fitted_model_extracts_features_in_a_pipeline():
    ragged_X, y = labelled(40, n_classes=2)
    pipe = make_pipeline(SequenceClassifier(**SMALL), LogisticRegression())
    assert cross_val_score(pipe, as_objects(ragged_X), y, cv=2).min() > 0.6
    model, weights = SequenceClassifier(**SMALL), np.tile([1.0, 2.0], 20)
    found = clone(model).fit_transform(ragged_X, y, sample_weight=weights)
    assert_same_bits(found, model.fit(ragged_X, y, sample_weight=weights).transform(ragged_X))


def test_what_cannot_be():
    with pytest.raises(NotFittedError):
        SequenceClassifier().transform(X)
    with pytest.raises(NotFittedError):
        SequenceClassifier().get_feature_names_out()
    model = SequenceClassifier(cell="rnn", nonlinearity="relu", **SMALL).fit(X, Y)
    with pytest.raises(ValueError, match=r"X\[1\] has 2 features, but the fit was on 3|X\[0\] has 2"):
        model.transform(ragged(2, I=2))
    model.network_.theta *= 1e30
    model.network_.changed()
    with pytest.raises(ValueError, match=r"X\[0\] makes the network's outputs overflow"):
        model.transform(X)
    assert not hasattr(SequenceForecaster(), "transform")
    assert not hasattr(make_estimator("vector_to_tokens"), "transform")
