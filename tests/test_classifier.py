"""SequenceClassifier as its users meet it; promise 7 for both estimators is in test_bad_input."""

import copy
import pickle

import numpy as np
import pytest
from samples import assert_same_bits, labelled, ragged
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from fastrnn import SequenceClassifier
from fastrnn.datasets import load_japanese_vowels

CELLS = ["lstm", "gru", "rnn"]
every_cell = pytest.mark.parametrize("cell", CELLS)


def small(**options):
    return SequenceClassifier(**{"hidden_size": 6, "max_iter": 3, "random_state": 0, **options})


def as_objects(arrays):
    out = np.empty(len(arrays), object)
    for k, array in enumerate(arrays):
        out[k] = array
    return out


# ---------------------------------------------------------------------------- it learns


@pytest.mark.parametrize(("cell", "floor"), [("lstm", 0.88), ("gru", 0.9), ("rnn", 0.88)], ids=CELLS)
def test_accuracy_on_japanese_vowels(cell, floor):
    X, y = load_japanese_vowels(split="train")
    clf = SequenceClassifier(cell=cell, max_iter=30, learning_rate_init=0.01, random_state=0).fit(X, y)
    assert clf.score(*load_japanese_vowels(split="test")) >= floor
    assert clf.n_iter_ == len(clf.loss_curve_) == 30
    assert clf.n_features_in_ == 12
    assert clf.validation_scores_ is None


@pytest.mark.parametrize("readout", ["last", "mean", "max", "concat"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_every_readout_learns(readout, bidirectional):
    X, y = labelled(60, shortest=6, longest=6 if readout == "concat" else 12)
    clf = small(readout=readout, bidirectional=bidirectional, num_layers=2, max_iter=25, learning_rate_init=0.02)
    assert clf.fit(X, y).score(X, y) > 0.9


@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd", "rmsprop", "lbfgs"])
def test_every_solver_learns(solver):
    X, y = labelled(60)
    rate = 0.3 if solver == "sgd" else 0.02
    clf = small(solver=solver, learning_rate_init=rate, max_iter=25, alpha=1e-3).fit(X, y)
    assert clf.score(X, y) > 0.9
    assert clf.loss_curve_[-1] < clf.loss_curve_[0] / 2


def test_tokens():
    rng = np.random.default_rng(0)
    X = [rng.integers(0, 5, T) for T in rng.integers(3, 12, 120)]
    y = np.array(["with" if (x == 3).any() else "without" for x in X])
    clf = small(embedding_dim=4, readout="max", max_iter=40, learning_rate_init=0.03, bidirectional=True)
    assert clf.fit(X, y).score(X, y) > 0.95
    assert clf.network_.embedding.limits == (5,)


# ------------------------------------------------------------------------------ forms of X


def test_containers_of_ragged_sequences_are_alike():
    X, y = labelled(20)
    X = [np.round(x * 64) / 64 for x in X]  # the same numbers in float32
    clf = small().fit(X, y)
    for form in (tuple(X), as_objects(X), [x.tolist() for x in X], [x.astype(np.float32) for x in X]):
        assert_same_bits(small().fit(form, y).predict_proba(form), clf.predict_proba(X))
    assert clf.n_features_in_ == 3


def test_equal_lengths_as_list_or_array_are_alike():
    X, y = labelled(20, shortest=5, longest=5)
    listed, stacked = small().fit(X, y), small().fit(np.stack(X), y)
    assert_same_bits(stacked.predict_proba(np.stack(X)), listed.predict_proba(X))
    assert_same_bits(stacked.predict_proba(X), listed.predict_proba(np.stack(X)))
    assert stacked.n_features_in_ == 3
    assert_same_bits(stacked.predict_proba([X[0][:2]]), listed.predict_proba([X[0][:2]]))


def test_univariate_series_and_panels_are_alike():
    X, y = labelled(20, I=1, shortest=5, longest=5)
    series, panel = [x[:, 0] for x in X], np.hstack(X).T
    clf = small().fit(panel, y)
    assert clf.n_features_in_ == 5
    expected = clf.predict_proba(panel)
    assert_same_bits(clf.predict_proba(series), expected)
    assert_same_bits(clf.predict_proba(X), expected)
    assert_same_bits(clf.predict_proba(panel.tolist()), expected)
    for form in (series, X):
        other = small().fit(form, y)
        assert other.n_features_in_ == 1
        assert_same_bits(other.predict_proba(panel), expected)
        assert other.predict_proba([[0.5]]).shape == (1, 3)


# ------------------------------------------------------------------------------- labels


@pytest.mark.parametrize("labels", [["b", "a", "c"], [7, -1, 3], [True, False], [1.0, 0.0], ["no", "yes"]], ids=str)
def test_labels_come_back_as_they_were(labels):
    X, codes = labelled(40, n_classes=len(labels))
    y = np.array(labels)[codes]
    clf = small(max_iter=25, learning_rate_init=0.03).fit(X, y)
    assert (clf.classes_ == np.unique(y)).all()
    assert clf.predict(X).dtype == y.dtype
    assert clf.score(X, y) > 0.8
    probabilities = clf.predict_proba(X)
    assert probabilities.shape == (40, len(labels))
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert (clf.predict(X) == clf.classes_[probabilities.argmax(axis=1)]).all()
    np.testing.assert_allclose(np.exp(clf.predict_log_proba(X)), probabilities, atol=1e-12)


def test_two_classes_have_the_logarithmic_loss_of_their_probabilities():
    X, y = labelled(40, n_classes=2)
    for labels in (y, np.array(["a", "b", "c"])[np.arange(40) % 3]):
        # One batch of all and a step too small to matter: the curve holds the loss of the model.
        clf = small(max_iter=1, batch_size=40, learning_rate_init=1e-9, dtype="float64", recurrent_dropout=0.0).fit(
            X, labels
        )
        np.testing.assert_allclose(clf.loss_curve_[0], log_loss(labels, clf.predict_proba(X)), rtol=1e-6)


# ------------------------------------------------------------------------------ weights


def test_sample_weight_zero_leaves_a_sequence_out():
    X, y = labelled(24, shortest=5, longest=5)
    wrong = y.copy()
    wrong[::2] = (wrong[::2] + 1) % 3
    weights = np.arange(24) % 2 * 3.5
    options = {"dtype": "float64", "batch_size": 100, "shuffle": False, "recurrent_dropout": 0.0}
    weighted = small(**options).fit(X, wrong, sample_weight=weights)
    without = small(**options).fit(X[1::2], wrong[1::2])
    np.testing.assert_allclose(weighted.predict_proba(X), without.predict_proba(X), atol=1e-9)
    unweighted = small(**options).fit(X, wrong)
    assert np.abs(unweighted.predict_proba(X) - without.predict_proba(X)).max() > 1e-3


def test_the_scale_of_sample_weight_does_not_matter():
    X, y = labelled(24)
    weights = np.linspace(0.5, 2, 24)
    one, other = (small(dtype="float64").fit(X, y, sample_weight=w) for w in (weights, 1000 * weights))
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=1e-9)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 4.0}], ids=str)
def test_class_weight_is_a_sample_weight(class_weight):
    X, y = labelled(50, n_classes=5)
    y = (y == 0).astype(int)  # one in five
    factors = [0.625, 2.5] if class_weight == "balanced" else [1.0, 4.0]
    weighted = small(class_weight=class_weight, dtype="float64").fit(X, y)
    expected = small(dtype="float64").fit(X, y, sample_weight=np.array(factors)[y])
    np.testing.assert_allclose(weighted.predict_proba(X), expected.predict_proba(X), atol=1e-9)
    plain = small(dtype="float64").fit(X, y).predict_proba(X)
    assert weighted.predict_proba(X)[:, 1].mean() > plain[:, 1].mean() + 0.01


# ----------------------------------------------------------------- going on with training


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_partial_fit_goes_on_with_the_state_of_the_optimizer(dropout):
    X, y = labelled(40)
    options = {"shuffle": False, "learning_rate": "constant", "dropout": dropout}
    whole = small(max_iter=4, **options).fit(X, y)
    stepwise = small(**options)
    for _ in range(4):
        assert stepwise.partial_fit(X, y) is stepwise
    assert_same_bits(stepwise.network_.theta, whole.network_.theta)
    assert stepwise.loss_curve_ == whole.loss_curve_ and stepwise.n_iter_ == 4
    first = small(max_iter=3, **options).fit(X, y).partial_fit(X, y)
    assert_same_bits(first.network_.theta, whole.network_.theta)


def test_partial_fit_heeds_parameters_that_have_changed():
    X, y = labelled(40)
    clf = small().partial_fit(X, y)
    before = clf.network_.theta.copy()
    clf.set_params(learning_rate_init=1e-9).partial_fit(X, y)
    np.testing.assert_allclose(clf.network_.theta, before, atol=1e-6)
    clf.set_params(learning_rate_init=0.1, solver="sgd", clip_norm=1e-9).partial_fit(X, y)
    np.testing.assert_allclose(clf.network_.theta, before, atol=1e-6)
    clf.set_params(clip_norm=None).partial_fit(X, y)
    assert np.abs(clf.network_.theta - before).max() > 1e-2
    assert clf.n_iter_ == len(clf.loss_curve_) == 4


def test_partial_fit_knows_all_classes_from_the_first_call():
    X, y = labelled(30)
    clf = small().partial_fit(X[:1], y[:1], classes=[2, 1, 0])
    assert clf.classes_.tolist() == [0, 1, 2]
    for _ in range(60):
        clf.partial_fit(X, y)
    assert clf.score(X, y) > 0.8
    before = clf.network_.theta.copy()
    with pytest.raises(ValueError, match="7"):
        clf.partial_fit(X, np.where(y == 2, 7, y))
    assert_same_bits(clf.network_.theta, before)


def test_warm_start_goes_on_from_the_weights():
    X, y = labelled(40)
    clf = small(warm_start=True, max_iter=15, learning_rate_init=0.02).fit(X, y)
    network, reached = clf.network_, clf.loss_curve_[-1]
    clf.fit(X, y)
    assert clf.network_ is network and clf.n_iter_ == 15
    assert clf.loss_curve_[0] < 1.5 * reached
    cold = clf.set_params(warm_start=False).fit(X, y)
    assert cold.network_ is not network
    assert cold.loss_curve_[0] > 2 * reached


def test_a_second_fit_is_a_first_one():
    X, y = labelled(30)
    other, labels = labelled(20, n_classes=2, I=5, seed=3)
    again = small().fit(other, labels).fit(X, y)
    assert_same_bits(again.predict_proba(X), small().fit(X, y).predict_proba(X))
    assert again.n_features_in_ == 3 and again.n_iter_ == 3
    # "concat" and panels remember the number of steps; that of another fit does not count.
    clf = small(readout="concat")
    for T in (4, 6):
        X, y = labelled(12, shortest=T, longest=T)
        clf.fit(X, y).predict(X)


def test_early_stopping_keeps_the_best_epoch():
    X, y = labelled(80)
    y[::3] = np.random.default_rng(0).integers(0, 3, y[::3].size)  # noise, so that scores go up and down
    options = {"validation_fraction": 0.25, "learning_rate_init": 0.05, "learning_rate": "constant"}
    clf = small(early_stopping=True, max_iter=60, n_iter_no_change=3, **options).fit(X, y)
    scores = clf.validation_scores_
    assert len(scores) == clf.n_iter_ < 60
    assert clf.n_iter_ == int(np.argmax(scores)) + 1 + 3
    best = clone(clf).set_params(max_iter=int(np.argmax(scores)) + 1).fit(X, y)
    assert_same_bits(clf.network_.theta, best.network_.theta)


def test_a_callback_sees_each_epoch_and_can_end_training():
    X, y = labelled(20)
    seen = []

    def stop_at_four(progress):
        seen.append((progress.epoch, progress.loss, progress.validation_score))
        return progress.epoch == 4

    clf = small(max_iter=10, callbacks=[lambda progress: None, stop_at_four]).fit(X, y)
    assert clf.n_iter_ == 4
    assert seen == [(k + 1, loss, None) for k, loss in enumerate(clf.loss_curve_)]


# ----------------------------------------------------------------- copies, and scikit-learn


def copied(clf):
    return copy.deepcopy(clf)


def unpickled(clf):
    return pickle.loads(pickle.dumps(clf))


@pytest.mark.parametrize("duplicate", [copied, unpickled])
@pytest.mark.parametrize("options", [{"cell": "lstm"}, {"cell": "gru", "dropout": 0.3}, {"embedding_dim": 3}], ids=str)
def test_a_copy_predicts_the_same_and_can_train_on(options, duplicate):
    X, y = labelled(40)
    if "embedding_dim" in options:
        X = [(x[:, 0] > 0).astype(int) for x in X]
    clf = small(bidirectional=True, num_layers=2, readout="max", **options).fit(X, y)
    other = duplicate(clf)
    before = clf.predict_proba(X)
    assert_same_bits(other.predict_proba(X), before)
    other.partial_fit(X, y)
    assert np.abs(other.predict_proba(X) - before).max() > 1e-4
    assert_same_bits(clf.predict_proba(X), before)  # the copy shares nothing with it
    clf.partial_fit(X, y)
    assert_same_bits(clf.network_.theta, other.network_.theta)
    assert_same_bits(duplicate(other).predict_proba(X), other.predict_proba(X))


def test_a_clone_is_not_fitted():
    X, y = labelled(20)
    clf = small(cell="lstm", dropout=0.1).fit(X, y)
    other = clone(clf)
    assert not hasattr(other, "network_") and other.get_params() == clf.get_params()
    assert_same_bits(other.fit(X, y).predict_proba(X), clf.predict_proba(X))


@pytest.mark.parametrize("container", [list, as_objects])
def test_cross_validation(container):
    X, y = labelled(45)
    scores = cross_val_score(small(max_iter=20, learning_rate_init=0.03), container(X), y, cv=3)
    assert scores.mean() > 0.7


def test_grid_search_in_a_pipeline():
    X, y = labelled(45)
    scale = FunctionTransformer(lambda X: [x / 2 for x in X])
    pipeline = make_pipeline(scale, small(max_iter=15, learning_rate_init=0.03))
    grid = {"sequenceclassifier__cell": ["rnn", "gru"]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.6
    assert search.predict(X[:5]).shape == (5,)


def test_random_state_of_a_generator_and_of_none():
    X, y = labelled(20)
    one, same = (small(random_state=np.random.RandomState(4)).fit(X, y) for _ in range(2))
    assert_same_bits(one.network_.theta, same.network_.theta)
    one, other = (small(random_state=None).fit(X, y) for _ in range(2))
    assert (one.network_.theta != other.network_.theta).any()


def test_rows_of_probabilities_of_far_outputs():
    X, y = labelled(20, n_classes=2)
    for labels in (y, np.arange(20) % 3):
        clf = small(hidden_size=4).fit(X, labels)
        clf.network_.theta[:] *= 1e4
        clf.network_.changed()
        probabilities = clf.predict_proba(ragged(20, seed=1))
        assert np.isfinite(probabilities).all()
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
