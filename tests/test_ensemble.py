"""Ensembles: members are fits with seeds of their own, answers are their means, and come back from files."""

import os
import signal
import time

import numpy as np
import pytest
from joblib import parallel_config
from samples import assert_same_bits, data_for, labelled, make_estimator, ragged
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastrnn
from fastrnn import SequenceClassifier, SequenceEnsemble, SequenceForecaster, SequenceRegressor, SequenceTagger
from fastrnn.base.callbacks import CallbackSupportMixin
from fastrnn.data import SequenceFiles
from fastrnn.preprocessing import SequenceScaler

TINY = {"hidden_size": 4, "max_iter": 3}
STEPS = ragged(30, seed=1)


def of_kind(kind):
    """An estimator, X and y."""
    if kind == "classifier":
        return SequenceClassifier(**TINY, dropout=0.2), *labelled(30)
    if kind == "regressor":
        return SequenceRegressor(**TINY), STEPS, [x.mean() for x in STEPS]
    if kind == "regressor_of_vectors":
        return SequenceRegressor(**TINY, early_stopping=True), STEPS, [x.mean(axis=0) for x in STEPS]
    if kind == "regressor_of_steps":
        return SequenceRegressor(**TINY, return_sequences=True), STEPS, [x[:, :2] for x in STEPS]
    return make_estimator(kind, hidden_size=4), *data_for(kind)


class Derived(SequenceClassifier):
    """A class of which no file could say what it is."""


KINDS = (
    ["classifier", "regressor", "regressor_of_vectors", "regressor_of_steps"]
    + ["tagger", "tagger_of_words", "tagger_of_several", "classifier_of_flags"]
)  # fmt: skip


@pytest.fixture(params=KINDS)
def fitted(request):
    """An ensemble of three, and what it was fitted on."""
    estimator, X, y = of_kind(request.param)
    return SequenceEnsemble(estimator, 3, random_state=0).fit(X, y), X, y


def answers(ensemble, X):
    """All that it says of X."""
    if hasattr(ensemble, "classes_"):
        return [ensemble.predict(X), *ensemble.predict_proba(X, return_std=True)]
    return [ensemble.predict(X), *ensemble.predict(X, return_std=True)]


def assert_same_answers(one, other, X):
    for mine, others in zip(answers(one, X), answers(other, X), strict=True):
        assert_same_bits(mine, others)


def rows(answer):
    return np.concatenate(answer) if answer.dtype == object else answer


# ------------------------------------------------------------------------------------- what members and answers are


def test_members_are_fits_with_seeds_of_their_own(fitted):
    ensemble, X, y = fitted
    assert len({member.random_state for member in ensemble.estimators_}) == 3
    for member in ensemble.estimators_:
        alone = clone(ensemble.estimator).set_params(random_state=member.random_state).fit(X, y)
        assert_same_bits(alone.network_.theta, member.network_.theta)
        assert alone.loss_curve_ == member.loss_curve_


def test_answers_are_means_and_standard_deviations(fitted):
    ensemble, X, y = fitted
    has_labels = hasattr(ensemble, "classes_")
    of_one = [(m.predict_proba if has_labels else m.predict)(X) for m in ensemble.estimators_]
    ask = ensemble.predict_proba if has_labels else ensemble.predict
    mean, std = ask(X, return_std=True)
    assert_same_bits(ask(X), mean)
    for answer, function in ((mean, np.mean), (std, np.std)):
        assert answer.shape == of_one[0].shape and answer.dtype == of_one[0].dtype
        np.testing.assert_allclose(rows(answer), function([*map(rows, of_one)], axis=0), rtol=1e-5, atol=1e-7)
        assert [len(a) for a in answer if np.ndim(a)] == [len(a) for a in of_one[0] if np.ndim(a)]
    predicted, labels = ensemble.predict(X), rows(mean)
    if has_labels:
        several = getattr(ensemble.estimators_[0], "_is_multilabel", False)
        expected = labels > 0.5 if several else ensemble.classes_[labels.argmax(axis=1)]
        assert (rows(predicted) == expected).all()
    truth = rows(np.concatenate([*map(np.asarray, y)]) if predicted.dtype == object else np.asarray(y))
    if not has_labels:
        multi = {"multioutput": "uniform_average"} if truth.ndim == 2 else {}
        assert ensemble.score(X, y) == pytest.approx(r2_score(truth, rows(predicted), **multi))
    else:
        right = truth == rows(predicted)
        if is_classifier(ensemble):
            right = right.reshape(len(X), -1).all(axis=1)
        assert ensemble.score(X, y) == pytest.approx(right.mean())


def test_columns_of_classes_have_a_mean_each():
    X, y = data_for("classifier_of_columns")
    ensemble = SequenceEnsemble(make_estimator("classifier_of_columns"), 3, random_state=0).fit(X, y)
    mean, std = ensemble.predict_proba(X, return_std=True)
    of_members = [member.predict_proba(X) for member in ensemble.estimators_]
    for k, classes in enumerate(ensemble.classes_):
        np.testing.assert_allclose(mean[k], np.mean([p[k] for p in of_members], axis=0))
        np.testing.assert_allclose(std[k], np.std([p[k] for p in of_members], axis=0))
        assert (ensemble.predict(X)[:, k] == classes[mean[k].argmax(axis=1)]).all()
    assert ensemble.score(X, y) == (ensemble.predict(X) == y).all(axis=1).mean()


def test_a_panel_of_steps_comes_back_as_a_panel():
    X = np.random.default_rng(0).random((20, 6, 2))
    ensemble = SequenceEnsemble(SequenceRegressor(**TINY, return_sequences=True), 2, random_state=0).fit(X, X[:, :, 0])
    mean, std = ensemble.predict(X, return_std=True)
    assert mean.shape == std.shape == (20, 6)


def test_the_mean_is_better_than_one_member():
    X, y = fastrnn.datasets.load_japanese_vowels(split="train")
    X_test, y_test = fastrnn.datasets.load_japanese_vowels(split="test")
    ensemble = SequenceEnsemble(SequenceClassifier(hidden_size=16, max_iter=20), random_state=0).fit(X, y)
    members = ensemble.estimators_
    assert ensemble.score(X_test, y_test) > np.mean([member.score(X_test, y_test) for member in members])
    mean_of_one = np.mean([log_loss(y_test, member.predict_proba(X_test)) for member in members])
    assert log_loss(y_test, ensemble.predict_proba(X_test)) < mean_of_one


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_weights_count(kind):
    estimator, X, y = of_kind(kind)
    weights = np.arange(30) % 3
    ensemble = SequenceEnsemble(estimator, 2, random_state=0).fit(X, y, sample_weight=weights)
    alone = clone(estimator).set_params(random_state=ensemble.estimators_[1].random_state)
    assert_same_bits(alone.fit(X, y, sample_weight=weights).network_.theta, ensemble.estimators_[1].network_.theta)
    measure = accuracy_score if kind == "classifier" else r2_score
    assert ensemble.score(X, y, weights) == pytest.approx(measure(y, ensemble.predict(X), sample_weight=weights))


# ------------------------------------------------------------------------------------- where members are trained


@pytest.mark.parametrize("n_jobs", [1, 2, -1])
def test_the_bits_are_the_same_for_any_number_at_once(fitted, n_jobs):
    ensemble, X, y = fitted
    assert_same_answers(ensemble, clone(ensemble).set_params(n_jobs=n_jobs).fit(X, y), X)


def test_members_are_trained_where_a_context_says():
    estimator, X, y = of_kind("classifier")
    ensemble = SequenceEnsemble(estimator, 2, random_state=0)
    with parallel_config("loky", n_jobs=2):
        there = clone(ensemble).fit(X, y)
    assert_same_answers(ensemble.fit(X, y), there, X)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_it_is_a_model_in_searches(n_jobs):
    X, y = labelled(30)
    model = make_pipeline(SequenceScaler(), SequenceEnsemble(SequenceClassifier(**TINY), 2, random_state=0))
    name = "sequenceensemble__estimator__hidden_size"
    search = GridSearchCV(model, {name: [3, 5]}, cv=2, n_jobs=n_jobs).fit(X, y)
    assert search.best_params_[name] == search.best_estimator_[-1].estimators_[0].hidden_size


# ------------------------------------------------------------------------------------- a model as scikit-learn's are


SMALL = (
    SequenceClassifier(hidden_size=16, max_iter=30, recurrent_dropout=0.0),
    SequenceRegressor(hidden_size=32, max_iter=60),
)
EXPECTED_FAILURES = {"check_sample_weight_equivalence_on_dense_data": "as of the estimators, in test_sklearn.py"}


@parametrize_with_checks(
    [SequenceEnsemble(estimator, 2) for estimator in SMALL],
    expected_failed_checks=lambda ensemble: EXPECTED_FAILURES if is_regressor(ensemble) else {},
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


def test_it_is_of_its_members_kind():
    classifier, regressor = (SequenceEnsemble(estimator) for estimator in SMALL)
    assert is_classifier(classifier) and not is_regressor(classifier)
    assert is_regressor(regressor) and not hasattr(regressor, "predict_proba")
    assert clone(classifier).set_params(estimator__hidden_size=7).get_params()["estimator__hidden_size"] == 7
    assert "SequenceClassifier" in classifier._repr_html_()
    assert not isinstance(classifier, CallbackSupportMixin)


def test_a_later_fit_leaves_nothing_of_the_first():
    X, y = labelled(20)
    ensemble = SequenceEnsemble(SequenceClassifier(**TINY), 2, random_state=0).fit(X, y)
    ensemble.set_params(estimator=SequenceRegressor(**TINY), n_members=3).fit(X, y)
    assert len(ensemble.estimators_) == 3 and not hasattr(ensemble, "classes_")
    assert not hasattr(ensemble.estimator, "network_")


@pytest.mark.parametrize(
    "ensemble, message",
    [
        (SequenceEnsemble(LogisticRegression()), "takes SequenceClassifier, .*, not LogisticRegression"),
        (SequenceEnsemble(SequenceForecaster()), "takes SequenceClassifier, .*, not SequenceForecaster"),
        (SequenceEnsemble(Derived()), "takes SequenceClassifier, .*, not Derived"),
        (SequenceEnsemble(SequenceClassifier), "takes SequenceClassifier"),
        (SequenceEnsemble(make_pipeline(SequenceScaler(), SequenceClassifier())), "let it be the last step"),
        (SequenceEnsemble(SequenceClassifier(), 0), "n_members"),
        (SequenceEnsemble(SequenceClassifier(), True), "n_members"),
        (SequenceEnsemble(SequenceClassifier(), n_jobs=0), "n_jobs"),
        (SequenceEnsemble(SequenceClassifier(hidden_size=0)), "hidden_size"),
    ],
)
def test_what_it_does_not_take(ensemble, message):
    with pytest.raises(ValueError, match=message):
        ensemble.fit(*labelled(20))
    assert not hasattr(ensemble, "estimators_")


def test_files_are_refused(tmp_path):
    X, y = labelled(20)
    files, ensemble = SequenceFiles.write(tmp_path / "files", [(X, y)]), SequenceEnsemble(SequenceClassifier(**TINY), 2)
    with pytest.raises(ValueError, match="X is SequenceFiles: an ensemble reads what is in memory; fit its estimator"):
        ensemble.fit(files)
    ensemble.fit(X, y)
    for method in (ensemble.predict, ensemble.predict_proba, ensemble.score):
        with pytest.raises(ValueError, match="X is SequenceFiles: an ensemble reads what is in memory"):
            method(files)


def test_errors_of_members_are_told():
    X, y = labelled(20)
    ensemble = SequenceEnsemble(SequenceClassifier(**TINY), 2)
    with pytest.raises(NotFittedError):
        ensemble.predict(X)
    with pytest.raises(ValueError, match="fewer"):
        ensemble.fit(X, y[:-1])
    ensemble.fit(X, y)
    with pytest.raises(ValueError, match="predict_proba"):
        ensemble.predict(X, return_std=True)
    with pytest.raises(ValueError, match="features"):
        ensemble.predict([x[:, :2] for x in X])


def told(n_epochs, after, act):
    """A callback that counts epochs of all members, and acts once."""

    def callback(progress):
        n_epochs.append(progress.epoch)
        if len(n_epochs) == after:
            act()

    return callback


def fails():
    raise ValueError("it fails")


@pytest.mark.parametrize(
    "act, error", [(fails, ValueError), (lambda: os.kill(os.getpid(), signal.SIGINT), KeyboardInterrupt)]
)
def test_no_member_trains_on_after_an_error_or_an_interrupt(act, error):
    n_epochs = []
    clf = SequenceClassifier(hidden_size=4, max_iter=10**6, tol=None, callbacks=[told(n_epochs, 20, act)])
    with pytest.raises(error):
        SequenceEnsemble(clf, 2, n_jobs=2, random_state=0).fit(*labelled(20))
    n = len(n_epochs)
    time.sleep(0.2)
    assert len(n_epochs) == n


def test_members_keep_their_callbacks():
    n_epochs = []
    clf = SequenceClassifier(**TINY, callbacks=[told(n_epochs, 0, fails)])
    ensemble = SequenceEnsemble(clf, 2, random_state=0).fit(*labelled(20))
    assert len(n_epochs) == 6
    assert all(len(member.callbacks) == 1 for member in ensemble.estimators_)


# ------------------------------------------------------------------------------------- files


def test_it_comes_back_from_a_file(fitted, tmp_path):
    ensemble, X, _ = fitted
    fastrnn.save(ensemble, tmp_path / "model")
    again = fastrnn.load(tmp_path / "model")
    assert_same_answers(ensemble, again, X)
    assert repr(again) == repr(ensemble.set_params(estimator__random_state=None))
    fastrnn.save(again, tmp_path / "second")
    assert (tmp_path / "model").read_bytes() == (tmp_path / "second").read_bytes()


def test_members_of_other_fits_are_refused(tmp_path):
    X, y = labelled(20)
    ensemble = SequenceEnsemble(SequenceClassifier(**TINY), 2, random_state=0).fit(X, y)
    narrow = SequenceClassifier(**TINY, random_state=0).fit([x[:, :2] for x in X], y)
    ensemble.estimators_[1] = narrow
    fastrnn.save(ensemble, tmp_path / "model")
    with pytest.raises(fastrnn.StorageError, match="members are not those of one fit"):
        fastrnn.load(tmp_path / "model")
    ensemble.estimators_ = []
    fastrnn.save(ensemble, tmp_path / "model")
    with pytest.raises(fastrnn.StorageError, match="members"):
        fastrnn.load(tmp_path / "model")


def test_classes_of_a_file_are_those_that_an_ensemble_takes(tmp_path):
    X, y = labelled(20)
    path = tmp_path / "model"
    fastrnn.save(SequenceEnsemble(SequenceClassifier(**TINY), 2, random_state=0).fit(X, y), path)
    data = path.read_bytes()
    changed = data.replace(b"SequenceClassifier", b"SequenceBlassifier")
    assert changed != data
    path.write_bytes(changed)
    with pytest.raises(fastrnn.StorageError, match="class of a member is 'SequenceBlassifier'"):
        fastrnn.load(path)


def test_labels_are_those_of_the_fit():
    X, y = labelled(30)
    names = np.array(["a", "long", "z"])[y]
    ensemble = SequenceEnsemble(SequenceClassifier(**TINY), 2, random_state=0).fit(X, names)
    assert ensemble.predict(X).dtype == names.dtype and ensemble.n_features_in_ == 3
    of_steps = [[name] * len(x) for name, x in zip(names, X, strict=True)]
    tagger = SequenceEnsemble(SequenceTagger(**TINY), 2, random_state=0).fit(X, of_steps)
    assert tagger.predict(X)[0].dtype == names.dtype
