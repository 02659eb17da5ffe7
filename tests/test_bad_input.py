"""Promise 7: bad input is one clear error with value and place, before any work."""

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from samples import assert_refused, guard_training, labelled, ragged
from sklearn.exceptions import NotFittedError

from fastrnn import SequenceClassifier, SequenceRegressor

SMALL = {"hidden_size": 4, "max_iter": 1, "random_state": 0}
ESTIMATORS = {"classifier": SequenceClassifier, "regressor": SequenceRegressor}
every_estimator = pytest.mark.parametrize("kind", ESTIMATORS)


def make(kind, **options):
    return ESTIMATORS[kind](**{**SMALL, **options})


def good():
    X, y = labelled(12, shortest=2)
    return X, y


def spoilt(value, sequence=2, step=1, feature=2):
    X, _ = good()
    X[sequence][step, feature] = value
    return X


def with_item(item, k=2):
    X, _ = good()
    X[k] = item
    return X


BAD_X = {
    "nan": (lambda: spoilt(np.nan), r"X\[2\].*(NaN|nan).*step 1"),
    "infinity": (lambda: spoilt(-np.inf), r"X\[2\].*(infinity|inf).*step 1"),
    "empty": (lambda: [], "empty"),
    "empty_array": (lambda: np.empty((0, 5, 3)), "empty|0 sample"),
    "empty_panel": (lambda: np.empty((0, 5)), "0 sample"),
    "empty_sequence": (lambda: with_item(np.empty((0, 3))), r"X\[2\].*no steps"),
    "no_features": (lambda: [np.empty((4, 0))] * 12, r"X\[0\].*0 feature"),
    "unequal_features": (lambda: with_item(np.ones((4, 5))), r"X\[2\] has 5 features.*3"),
    "strings": (lambda: with_item(np.array([["a"] * 3])), r"X\[2\].*(no numbers|texts)"),
    "numeric_strings": (lambda: with_item(np.array([["1"] * 3])), r"X\[2\].*(no numbers|texts)"),
    "objects": (lambda: with_item(np.array([[None, "a", 1]], object)), r"X\[2\].*no numbers"),
    "complex": (lambda: with_item(np.ones((2, 3)) * 1j), r"Complex.*X\[2\]"),
    "dates": (lambda: with_item(np.zeros((2, 3), "M8[s]")), r"X\[2\].*datetime"),
    "four_axes": (lambda: np.ones((12, 2, 3, 4)), r"\(12, 2, 3, 4\)"),
    "too_many_axes": (lambda: with_item(np.ones((2, 3, 1))), r"X\[2\].*\(2, 3, 1\)"),
    "number": (lambda: with_item(3.0), r"X\[2\].*\(\)"),
    "ragged_steps": (lambda: with_item([[1.0, 2.0, 3.0], [1.0]]), r"X\[2\].*unequal"),
    "one_series": (lambda: np.ones(12), r"\(12,\)"),
    "string": (lambda: "abc", "list of sequences.*str: it is 'abc'.*Tokenizer"),
    "file_name": (lambda: "train.csv", "str: it is 'train.csv'; read a file first"),
    "path": (lambda: Path("train.csv"), "Path: read the file first"),
    "none": (lambda: None, "NoneType"),
    "type": (lambda: np.ndarray, "got type"),
    "generator": (lambda: (x for x in good()[0]), r"generator: pass list\(X\)"),
    "map": (lambda: map(np.asarray, good()[0]), r"map: pass list\(X\)"),
    "values": (lambda: dict(enumerate(good()[0])).values(), r"dict_values: pass list\(X\)"),
    "mapping": (lambda: {0: np.ones((2, 3))}, r"dict: pass list\(X.values\(\)\)"),
    "set": (lambda: {1.0, 2.0}, "set: it has no order"),
    "frozen_set": (lambda: frozenset("ab"), "frozenset: it has no order"),
    "zero_axes": (lambda: np.array(3.0), "got ndarray"),
    "zero_axes_of_objects": (lambda: np.array(None), "got ndarray"),
    "texts": (lambda: ["the cat"] * 12, r"X\[0\].*Tokenizer"),
    "array_of_texts": (lambda: np.array(["the cat"] * 12), r"X\[0\].*Tokenizer"),
    "pair": (lambda: (good()[0], np.ones((12, 2))), r"X\[0\] holds 12 sequences.*pass X\[0\]"),
    "pair_in_a_list": (lambda: list(good()), r"X\[0\] holds 12 sequences.*pass X\[0\]"),
    "pair_of_arrays": (lambda: (np.ones((12, 5, 3)), np.ones((12, 2))), r"X\[0\] holds 12 sequences"),
    "pair_of_frames": (lambda: ([pd.DataFrame(x) for x in good()[0]], None), r"X\[0\] holds 12 sequences"),
    "pairs": (lambda: list(zip(*good(), strict=True)), r"X\[0\] is a tuple \(ndarray, int\w*\): pass the sequences"),
    "groups": (lambda: list(pd.DataFrame({"k": [1, 2], "v": [1.0, 2]}).groupby("k")), r"X\[0\] is a tuple .*DataFrame"),
    "panel_nan": (lambda: np.where(np.arange(60).reshape(12, 5) == 11, np.nan, 1.0), r"X\[2\].*NaN.*step 1"),
    "panel_strings": (lambda: np.array([["a", "b"]] * 12), "string|number"),
    "panel_numeric_strings": (lambda: [["1", "2"]] * 12, "string|number|U1"),
    "panel_complex": (lambda: np.ones((12, 2)) * 1j, "Complex"),
}
BAD_Y = {
    "classifier": {
        "too_few": (np.arange(11) % 3, r"12, 11|11.*12"),
        "none": (None, "y.*None"),
        "one_class": (np.full(12, "spam"), "spam"),
        "real": (np.linspace(0, 1, 12), "continuous"),
        "two_columns": (np.ones((12, 2), int), r"y\[:, 0\] has 1 class, \[1\]: at least two"),
        "three_axes": (np.ones((12, 2, 2), int), r"\(12, 2, 2\)"),
        "nan": (np.where(np.arange(12) == 4, np.nan, 1.0), r"y.*NaN|NaN.*y"),
        "infinity": (np.where(np.arange(12) == 4, np.inf, 1.0), "y.*infinity"),
        "mixed": (np.array([None, "a"] * 6, object), "(?i)unknown|NaN|None"),
    },
    "regressor": {
        "too_few": (np.ones(11), r"12, 11|11.*12"),
        "none": (None, "y.*None"),
        "strings": (np.full(12, "spam"), "spam"),
        "numeric_strings": (["1"] * 12, r"y\[0\] is '1'"),
        "numeric_objects": (np.array([1.0] * 11 + ["1"], object), r"y\[11\] is '1'"),
        "three_axes": (np.ones((12, 2, 2)), r"\(12, 2, 2\)|dim 3"),
        "nan": (np.where(np.arange(12) == 4, np.nan, 1.0), "y.*NaN"),
        "infinity": (np.where(np.arange(12) == 4, np.inf, 1.0), "y.*infinity"),
        "complex": (np.ones(12) * 1j, "Complex"),
    },
}
BAD_WEIGHTS = {
    "too_few": (np.ones(11), "11"),
    "two_columns": (np.ones((12, 2)), "holds 2 values, but one for each sequence"),
    "negative": (np.where(np.arange(12) == 4, -1.0, 1.0), "(?i)negative"),
    "nan": (np.where(np.arange(12) == 4, np.nan, 1.0), "NaN"),
    "zeros": (np.zeros(12), "all.*zero|zero"),
}
BAD_OPTIONS = {
    "cell": "transformer",
    "hidden_size": 0,
    "num_layers": -1,
    "nonlinearity": "gelu",
    "dropout": 1.0,
    "readout": "first",
    "embedding_dim": 0,
    "solver": "adagrad",
    "learning_rate_init": -1e-3,
    "learning_rate": "fast",
    "momentum": 1.5,
    "alpha": -1.0,
    "batch_size": 0,
    "max_iter": 0,
    "clip_norm": -1.0,
    "clip_value": 0.0,
    "bptt_steps": 0,
    "validation_fraction": 1.0,
    "n_iter_no_change": 0,
    "tol": -1.0,
    "dtype": "float16",
    "n_jobs": 0,
    "random_state": "seed",
    "callbacks": [3],
}
OPTIONS_OF = {
    "classifier": {"class_weight": "fair"},
    "regressor": {"loss": "hinge", "quantile": 1.0, "return_sequences": "yes", "normalize_y": None},
}


@pytest.fixture(autouse=True)
def train(monkeypatch):
    return guard_training(monkeypatch.setattr)


@pytest.mark.parametrize("name", BAD_X)
@every_estimator
def test_bad_x(kind, name, train):
    draw, match = BAD_X[name]
    X, y = good()
    estimator = make(kind)
    for method in ("fit", "partial_fit"):
        assert_refused(estimator, lambda m=method: getattr(estimator, m)(draw(), y), match)
    fitted = train(make(kind), X, y)
    expected = fitted.predict(X)
    assert_refused(fitted, lambda: fitted.predict(draw()), "" if name.startswith("panel") else match)
    assert_refused(fitted, lambda: fitted.fit(draw(), y), match)
    assert (fitted.predict(X) == expected).all()


@every_estimator
def test_numbers_beyond_the_precision(kind, train):
    """Of those that are standardised what is left counts; the fit's own are never too large."""
    X, y = good()
    match = r"X\[2\] contains infinity \(at step 1, feature 2, as float32\)"
    raw = make(kind, normalize_X=False)
    assert_refused(raw, lambda: raw.fit(spoilt(1e300), y), match)
    fitted = train(make(kind), X, y)
    assert_refused(fitted, lambda: fitted.predict(spoilt(1e300)), match)
    train(make(kind), spoilt(1e300), y).predict(spoilt(1e300))
    train(make(kind, dtype="float64"), X, y).predict(spoilt(1e100))


@pytest.mark.parametrize("name", ["nan", "strings", "numeric_strings", "complex", "infinity"])
@every_estimator
def test_bad_panels_at_predict(kind, name, train):
    panel = np.random.default_rng(0).standard_normal((12, 5))
    fitted = train(make(kind), panel, np.arange(12) % 3)
    values = {"nan": np.nan, "infinity": np.inf, "strings": "a", "numeric_strings": "1", "complex": 1j}
    bad = panel.astype(object if "strings" in name else complex if name == "complex" else float)
    bad[2, 1] = values[name]
    bad = bad if bad.dtype != object else bad.tolist()
    match = {"nan": r"X\[2\].*NaN", "infinity": r"X\[2\].*infinity", "complex": "Complex"}.get(name, "string|number")
    assert_refused(fitted, lambda: fitted.predict(bad), match)


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in BAD_Y for name in BAD_Y[kind]], ids=lambda v: v)
def test_bad_y(kind, name, train):
    y, match = BAD_Y[kind][name]
    X, good_y = good()
    estimator = make(kind)
    for method in ("fit", "partial_fit"):
        assert_refused(estimator, lambda m=method: getattr(estimator, m)(X, y), match)
    fitted = train(make(kind), X, good_y)
    expected = fitted.predict(X)
    other = ragged(12, I=5)  # the refused fit came with other features, too
    assert_refused(fitted, lambda: fitted.fit(other, y), match)
    assert (fitted.predict(X) == expected).all()


@pytest.mark.parametrize("name", BAD_WEIGHTS)
@every_estimator
def test_bad_weights(kind, name, train):
    weights, match = BAD_WEIGHTS[name]
    X, y = good()
    fitted = train(make(kind), X, y)
    expected = fitted.predict(X)
    # A refused fit that would have changed classes, outputs and features.
    other, labels = ragged(12, I=5), np.arange(12) % 2
    for estimator in (make(kind), fitted):
        assert_refused(estimator, lambda e=estimator: e.fit(other, labels, sample_weight=weights), match)
        assert_refused(estimator, lambda e=estimator: e.partial_fit(X, y, sample_weight=weights), match)
    assert (fitted.predict(X) == expected).all()


@pytest.mark.parametrize(
    ("kind", "name"), [(k, n) for k in ESTIMATORS for n in {**BAD_OPTIONS, **OPTIONS_OF[k]}], ids=lambda v: v
)
def test_bad_options(kind, name):
    value = {**BAD_OPTIONS, **OPTIONS_OF[kind]}[name]
    X, y = good()
    estimator = make(kind, **{name: value})
    error = (ValueError, TypeError) if name == "callbacks" else ValueError
    for method in ("fit", "partial_fit"):
        assert_refused(estimator, lambda m=method: getattr(estimator, m)(X, y), f"{name}.*{value}", error)


@every_estimator
def test_options_that_exclude_each_other(kind):
    X, y = good()
    for options, match in (
        ({"bptt_steps": 3, "bidirectional": True}, "bptt_steps=3.*bidirectional"),
        ({"readout": "concat"}, r"concat.*X\[\d+\] has \d+ steps"),
        ({"early_stopping": True, "validation_fraction": 0.99}, "validation_fraction.*0.99"),
    ):
        estimator = make(kind, **options)
        assert_refused(estimator, lambda e=estimator: e.fit(X, y), match)
    lbfgs = make(kind, solver="lbfgs")
    assert_refused(lbfgs, lambda: lbfgs.partial_fit(X, y), "lbfgs")


@every_estimator
def test_predict_before_fit(kind):
    estimator = make(kind)
    for method in ("predict", "predict_proba")[: 1 + (kind == "classifier")]:
        with pytest.raises(NotFittedError, match="fit"):
            getattr(estimator, method)(good()[0])


@every_estimator
def test_other_features_at_predict(kind, train):
    X, y = good()
    fitted = train(make(kind), X, y)
    for bad in (ragged(3, I=2), np.ones((3, 5, 2)), np.ones((3, 4)), [[1.0, 2.0]]):
        assert_refused(fitted, lambda X=bad: fitted.predict(X), "features.*3")
    assert_refused(fitted, lambda: fitted.partial_fit(ragged(12, I=2), y), "2 features.*3")
    warm = fitted.set_params(warm_start=True)
    assert_refused(warm, lambda: warm.fit(ragged(12, I=2), y), "2 features.*3")


@every_estimator
def test_other_lengths_than_the_panels_at_predict(kind, train):
    y = np.arange(12) % 3
    panel = np.random.default_rng(0).standard_normal((12, 3))
    fitted = train(make(kind), panel, y)
    # Steps of three features are not three steps of one.
    for bad in (np.ones((2, 4)), np.ones((2, 5, 3)), np.ones((2, 5, 1)), [np.ones(4)], ragged(2, I=3)):
        assert_refused(fitted, lambda X=bad: fitted.predict(X), "features|shape|steps")


@every_estimator
def test_other_lengths_than_concat_had_at_predict(kind, train):
    X, y = labelled(12, shortest=4, longest=4)
    fitted = train(make(kind, readout="concat"), X, y)
    for bad in (ragged(2, shortest=5, longest=5), [X[0], X[1][:2]]):
        assert_refused(fitted, lambda X=bad: fitted.predict(X), "concat.*steps.*4")


@every_estimator
def test_tokens(kind, train):
    y = np.arange(12) % 3
    X = [np.arange(T) % 5 for T in range(3, 15)]
    fitted = train(make(kind, embedding_dim=2), X, y)
    with_7 = [*X[:2], np.array([1, 7]), *X[3:]]
    assert_refused(fitted, lambda: fitted.predict(with_7), r"X\[2\].*7.*4")
    assert_refused(fitted, lambda: fitted.partial_fit(with_7, y), r"X\[2\].*7.*4")
    warm = copy.deepcopy(fitted).set_params(warm_start=True)
    assert_refused(warm, lambda: warm.fit(with_7, y), r"X\[2\].*7.*4")
    estimator = make(kind, embedding_dim=2)
    for item, match in (
        (np.array([1, -3]), r"X\[2\].*-3"),
        (np.array([1.0, 0.5]), r"X\[2\].*integer"),
        (np.array([1.0, np.nan]), r"X\[2\].*integer"),
        (np.array(["a"]), r"X\[2\]"),
        (np.ones((3, 2), int), r"X\[2\].*\(3, 2\)"),
        (np.array([], int), r"X\[2\].*no steps"),
    ):
        bad = [*X[:2], item, *X[3:]]
        assert_refused(estimator, lambda X=bad: estimator.fit(X, y), match)
        assert_refused(fitted, lambda X=bad: fitted.predict(X), match)


def test_another_number_of_outputs_or_classes(train):
    X, y = good()
    reg = train(make("regressor"), X, y)
    expected = reg.predict(X)
    for estimator in (reg, copy.deepcopy(reg).set_params(warm_start=True)):
        method = estimator.fit if estimator.warm_start else estimator.partial_fit
        assert_refused(estimator, lambda m=method: m(X, np.ones((12, 2))), r"y.*2.*1|\(12, 2\)")
        assert (estimator.predict(X) == expected).all()
    clf = train(make("classifier"), X, y).set_params(warm_start=True)
    assert_refused(clf, lambda: clf.fit(X, y + 1), "3")


OTHER_SHAPES = {
    "cell": "rnn", "hidden_size": 5, "num_layers": 2, "nonlinearity": "relu", "readout": "mean",
    "embedding_dim": 2, "dtype": "float64", "missing": "mask", "time_column": 1, "categorical_features": [1],
}  # fmt: skip


@every_estimator
@pytest.mark.parametrize("name", [*OTHER_SHAPES, "bias", "bidirectional", "return_sequences"])
def test_parameters_set_after_the_fit_that_the_network_cannot_follow(kind, name, train):
    if name == "return_sequences" and kind == "classifier":
        return
    X, y = good()
    expected = train(make(kind), X, y).predict(X)
    changed = train(make(kind), X, y)
    changed.set_params(**{name: OTHER_SHAPES.get(name) or not getattr(changed, name)})
    assert (changed.predict(X) == expected).all()  # as scikit-learn's: what counts is the fit
    assert_refused(changed, lambda: changed.partial_fit(X, y), f"{name}=.* has {name}=")
    changed.set_params(warm_start=True)
    assert_refused(changed, lambda: changed.fit(X, y), f"{name}=.* has {name}=")


def test_class_weights(train):
    X, y = good()
    for weight in (-1, np.nan, np.inf):
        clf = make("classifier", class_weight={0: 1, 1: weight, 2: 1})
        assert_refused(clf, lambda clf=clf: clf.fit(X, y), "class_weight=.*weights must be finite numbers >= 0")


def test_targets_too_large_for_the_precision(train):
    X, _ = good()
    reg = make("regressor", normalize_y=False)
    assert_refused(reg, lambda: reg.fit(X, np.arange(12) * 1e39), "y is too large for float32.*1.*e")
    unit = train(make("regressor"), X, np.arange(12)).predict(X)
    for scale in (1e-300, 1e-170, 1e200, 1e306):
        np.testing.assert_allclose(train(make("regressor"), X, np.arange(12) * scale).predict(X), unit * scale, 1e-5)


def test_one_sequence_in_place_of_a_list(train):
    X, y = good()
    clf = train(make("classifier"), X, y)
    assert_refused(clf, lambda: clf.predict(X[3]), r"pass \[X\] for one sequence")


def test_outputs_that_overflow_at_predict(train):
    X, y = good()
    clf = train(make("classifier", cell="rnn", nonlinearity="relu"), X, y)
    for name in clf.network_.encoder.recurrent.parameters:
        if name.startswith("weight_hh"):
            clf.network_.encoder.recurrent.parameters[name][...] = 9 * np.eye(4)
    clf.network_.changed()
    assert_refused(clf, lambda: clf.predict([X[0], np.ones((400, 3))]), r"X\[1\].*overflow")


def test_token_lists_that_happen_to_be_equally_long_are_no_panel(train):
    X, y = [[1, 2, 3], [3, 2, 1]] * 6, np.arange(12) % 2
    clf = train(make("classifier", embedding_dim=2), X, y)
    assert clf.predict([[1, 2], [3, 3]]).shape == (2,)
    assert clf.n_features_in_ == 1


def test_other_classes_than_at_the_first_call(train):
    X, y = good()
    clf = train(make("classifier"), X, y)
    assert_refused(clf, lambda: clf.partial_fit(X, y, classes=[0, 1]), "classes=.*first call")


def test_bad_targets_of_steps(train):
    X, _ = good()
    y = [x[:, 0] for x in X]
    reg = make("regressor", return_sequences=True)
    for bad, match in (
        ([*y[:2], y[2][:-1], *y[3:]], rf"y\[2\] has {len(y[2]) - 1} steps.*X\[2\] has {len(y[2])}"),
        (y[:-1], "11 for 12"),
        ([*y[:2], y[2] * np.inf, *y[3:]], r"y\[2\] contains infinity"),
        ([*y[:2], np.ones((len(y[2]), 2)), *y[3:]], r"y\[2\] has 2"),
        (np.arange(12.0), r"y\[0\] is 0.0, one value.*return_sequences=False"),
        (None, "y.*None"),
        (["abc"] * 12, r"y\[0\]"),
    ):
        assert_refused(reg, lambda y=bad: reg.fit(X, y), match)
    fitted = train(reg, X, y)
    with pytest.raises(ValueError, match="11 for 12"):
        fitted.score(X, y[:-1])
