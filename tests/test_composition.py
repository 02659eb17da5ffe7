"""What people build around estimators: scikit-learn's searches, ensembles and pools, over sequences of any lengths."""

import copy
import pickle

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from samples import assert_same_bits, labelled
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from fastrnn import SequenceClassifier, SequenceRegressor, SequenceTagger, threads
from fastrnn.preprocessing import SequenceScaler, Tokenizer

QUICK = {"hidden_size": 4, "max_iter": 8, "learning_rate_init": 0.03, "learning_rate": "constant", "random_state": 0}
X, y = labelled(42)
MEANS = np.array([x.mean() for x in X])


def as_objects(items):
    array = np.empty(len(items), object)
    array[:] = items
    return array


every_container = pytest.mark.parametrize("container", [list, tuple, as_objects])


def classifier(**options):
    return SequenceClassifier(**{**QUICK, "readout": "max", **options})


# ------------------------------------------------------------------------------------ validation and searches


def test_cross_validate_with_several_scores_and_the_estimators():
    model = make_pipeline(SequenceScaler(), classifier())
    found = cross_validate(
        model, X, y, cv=3, scoring=["accuracy", "neg_log_loss"], return_estimator=True, return_train_score=True,
        return_indices=True, error_score="raise",
    )  # fmt: skip
    assert found["test_accuracy"].mean() > 0.8
    for estimator, test in zip(found["estimator"], found["indices"]["test"], strict=True):
        again = clone(model).fit([X[k] for k in range(len(X)) if k not in test], np.delete(y, test))
        assert_same_bits(estimator.predict_proba(X), again.predict_proba(X))


def test_groups_and_curves():
    groups = np.arange(len(X)) // 6
    assert cross_val_score(classifier(), X, y, groups=groups, cv=GroupKFold(3)).mean() > 0.8
    sizes, _, tested = learning_curve(classifier(), X, y, cv=3, train_sizes=[0.5, 1.0], shuffle=True, random_state=0)
    assert sizes.tolist() == [14, 28] and tested.shape == (2, 3)
    score, permuted, p = permutation_test_score(classifier(), X, y, cv=2, n_permutations=4, random_state=0)
    assert score > permuted.mean() and p <= 0.4


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_cross_val_predict(method):
    out = cross_val_predict(classifier(), X, y, cv=KFold(3), method=method)
    for train, test in KFold(3).split(X):
        fitted = classifier().fit([X[k] for k in train], y[train])
        assert_same_bits(out[test], getattr(fitted, method)([X[k] for k in test]))


def test_cross_val_predict_of_ragged_outputs():
    # With method="predict_proba" scikit-learn encodes y's labels itself, which must be one a sample then.
    labels = as_objects([(x[:, 0] > 0).astype(int) for x in X])
    tagger = SequenceTagger(**QUICK)
    out = cross_val_predict(tagger, X, labels, cv=KFold(3))
    assert out.shape == (len(X),)
    for train, test in KFold(3).split(X):
        fitted = clone(tagger).fit([X[k] for k in train], labels[train])
        assert_same_bits(out[test], fitted.predict([X[k] for k in test]))


def test_cross_val_predict_of_a_series_for_each():
    targets = as_objects([np.cumsum(x[:, 0]) for x in X])
    out = cross_val_predict(SequenceRegressor(return_sequences=True, **QUICK), X, targets, cv=3)
    assert [o.shape for o in out] == [t.shape for t in targets]


@every_container
def test_searches(container):
    data = container(X)
    grid = GridSearchCV(classifier(), {"cell": ["gru", "rnn"], "hidden_size": [2, 4]}, cv=2).fit(data, y)
    drawn = RandomizedSearchCV(classifier(), {"alpha": [0.0, 0.1, 1.0]}, n_iter=2, cv=2, random_state=0).fit(data, y)
    for search in (grid, drawn):
        assert search.score(data, y) > 0.8 and search.n_features_in_ == 3
        assert search.predict(data[:5]).shape == (5,)


def test_halving_search_over_epochs():
    search = HalvingRandomSearchCV(
        classifier(), {"learning_rate_init": [1e-4, 1e-3, 0.03, 0.05]}, resource="max_iter", min_resources=2,
        max_resources=8, factor=2, cv=2, random_state=0, n_candidates=4, error_score="raise",
    ).fit(X, y)  # fmt: skip
    assert search.n_resources_ == [2, 4, 8] and search.best_params_["max_iter"] == 8
    assert len(search.best_estimator_.loss_curve_) == 8 and search.best_params_["learning_rate_init"] >= 0.03


def test_a_failing_candidate_is_scored_and_the_others_go_on():
    with pytest.warns((FitFailedWarning, UserWarning), match="bptt_steps=2|non-finite"):
        search = GridSearchCV(classifier(bptt_steps=2), {"bidirectional": [True, False]}, cv=2).fit(X, y)
    assert search.best_params_ == {"bidirectional": False}
    assert np.isnan(search.cv_results_["mean_test_score"][0])


@pytest.mark.parametrize("kind", ["text", "numbers"])
def test_preprocessing_and_classifier_in_a_search(kind):
    if kind == "text":
        data, labels = (
            ["a good film", "fine acting", "a bad film", "dull acting", "good", "dull"] * 6,
            [1, 1, 0, 0, 1, 0] * 6,
        )
        model = make_pipeline(Tokenizer(), classifier(embedding_dim=4))
        grid = {"tokenizer__level": ["word", "char"], "sequenceclassifier__hidden_size": [2, 4]}
    else:
        data, labels = [1000 * x for x in X], y
        model = make_pipeline(SequenceScaler(), classifier())
        grid = {"sequencescaler__method": ["standard", "robust"], "sequenceclassifier__cell": ["gru", "lstm"]}
    search = GridSearchCV(model, grid, cv=3, error_score="raise").fit(data, labels)
    assert search.best_score_ > 0.9 and search.score(data, labels) > 0.9
    assert cross_val_score(search.best_estimator_, data, labels, cv=3).mean() > 0.9


# ------------------------------------------------------------------------------------ ensembles


@pytest.mark.parametrize("voting", ["hard", "soft"])
def test_voting(voting):
    models = [(cell, classifier(cell=cell)) for cell in ("lstm", "gru")]
    vote = VotingClassifier(models, voting=voting).fit(X, y)
    assert vote.score(X, y) > 0.8
    if voting == "soft":
        each = [model.predict_proba(X) for model in vote.estimators_]
        np.testing.assert_array_equal(vote.predict_proba(X), np.mean(each, axis=0))


@pytest.mark.parametrize(("method", "ensemble"), [("sigmoid", True), ("isotonic", True), ("sigmoid", False)])
def test_calibration(method, ensemble):
    calibrated = CalibratedClassifierCV(classifier(), method=method, cv=2, ensemble=ensemble).fit(X, y)
    probabilities = calibrated.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert calibrated.score(X, y) > 0.8


@pytest.mark.parametrize("n_classes", [2, 3])
def test_stacking_and_one_against_the_rest(n_classes):
    X, y = labelled(30, n_classes)
    names = np.array(["low", "mid", "up"])[y]
    stack = StackingClassifier([("gru", classifier()), ("rnn", classifier(cell="rnn"))], LogisticRegression(), cv=2)
    assert stack.fit(X, names).score(X, names) > 0.8
    assert OneVsRestClassifier(classifier()).fit(X, names).score(X, names) > 0.8


def test_regressors_together():
    model = SequenceRegressor(**{**QUICK, "max_iter": 20})
    for together in (
        VotingRegressor([("a", model), ("b", clone(model).set_params(cell="lstm"))]),
        StackingRegressor([("a", model)], Ridge(alpha=1e-3), cv=2),
        TransformedTargetRegressor(model, func=np.arcsinh, inverse_func=np.sinh),
    ):
        assert together.fit(X, MEANS).score(X, MEANS) > 0.8


# ------------------------------------------------------------------------------------ copies and pools


def test_copies_of_what_was_searched():
    search = GridSearchCV(make_pipeline(SequenceScaler(), classifier()), {}, cv=2).fit(X, y)
    for other in (pickle.loads(pickle.dumps(search)), copy.deepcopy(search)):
        assert_same_bits(other.predict_proba(X), search.predict_proba(X))
    assert not hasattr(clone(search), "best_estimator_")


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_a_pool_gives_the_bits_of_one_process(backend):
    expected = cross_val_predict(classifier(), X, y, cv=2, method="predict_proba")
    with parallel_config(backend):
        assert_same_bits(cross_val_predict(classifier(), X, y, cv=2, method="predict_proba", n_jobs=2), expected)
        fitted = Parallel(n_jobs=2)(delayed(classifier(n_jobs=k).fit)(X, y) for k in (1, 2))
    assert_same_bits(fitted[0].predict_proba(X), fitted[1].predict_proba(X))


class Threads:
    """A scorer: how many threads a fitted model's `predict` may use there."""

    def __call__(self, model, X, y):
        seen = []
        with threads.limit(model.n_jobs):
            seen.append(threads.available(threads.SMALL + 1))
        return float(max(seen))


@pytest.mark.parametrize("backend", ["threading", "loky"])
@pytest.mark.parametrize("n_jobs", [None, 2, -1])
def test_workers_times_threads_stay_within_the_cores(backend, n_jobs):
    with parallel_config(backend):
        search = GridSearchCV(
            classifier(n_jobs=n_jobs, max_iter=1), {"hidden_size": [2, 3]}, cv=2, n_jobs=2, scoring=Threads()
        )
        search.fit(X, y)
    n_cores = max(2, threads.numba.config.NUMBA_DEFAULT_NUM_THREADS)
    assert (2 * search.cv_results_["mean_test_score"] <= n_cores).all()
