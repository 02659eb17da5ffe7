"""Searches and ensembles whose fits run on the workers of a Dask cluster, by joblib's backend of that name."""

import os

import pytest
from joblib import parallel_config
from samples import assert_same_bits, labelled
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV

from fastrnn import SequenceClassifier, SequenceEnsemble

distributed = pytest.importorskip("distributed", reason="distributed, of the extra dask, is not installed")

MODEL = SequenceClassifier(hidden_size=4, max_iter=3, random_state=0)
X, Y = labelled(60)


@pytest.fixture(scope="module")
def client():
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


def where(model, X, y):
    """A score: the process that it is computed in."""
    return os.getpid()


def test_fits_of_a_search_are_on_the_workers(client):
    search = GridSearchCV(MODEL, {"cell": ["gru", "lstm", "rnn"]}, cv=4, scoring=where, refit=False)
    with parallel_config("dask"):
        search.fit(X, Y)
    found = {search.cv_results_[f"split{k}_test_score"][c] for k in range(4) for c in range(3)}
    assert found <= {*client.run(os.getpid).values()} and os.getpid() not in found


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(MODEL, {"cell": ["gru", "lstm"], "hidden_size": [3, 5]}, cv=2),
        HalvingRandomSearchCV(
            MODEL, {"learning_rate_init": loguniform(1e-3, 1e-1)}, n_candidates=4, resource="max_iter", min_resources=1,
            max_resources=9, cv=2, random_state=0),
    ],
    ids=["grid", "halving"],
)  # fmt: skip
def test_a_search_finds_what_it_finds_without_dask(client, search):
    with parallel_config("dask"):
        there = clone(search).fit(X, Y)
    here = clone(search).fit(X, Y)
    assert there.best_params_ == here.best_params_
    assert_same_bits(there.cv_results_["mean_test_score"], here.cv_results_["mean_test_score"])
    assert_same_bits(there.best_estimator_.network_.theta, here.best_estimator_.network_.theta)


def test_members_of_an_ensemble_are_trained_on_the_workers(client):
    ensemble = SequenceEnsemble(MODEL, 4, random_state=0)
    with parallel_config("dask"):
        there = clone(ensemble).fit(X, Y)
    assert_same_bits(there.predict_proba(X), ensemble.fit(X, Y).predict_proba(X))


def test_an_ensemble_is_a_candidate(client):
    search = GridSearchCV(SequenceEnsemble(MODEL, 2, random_state=0), {"estimator__cell": ["gru", "lstm"]}, cv=2)
    with parallel_config("dask"):
        there = clone(search).fit(X, Y)
    assert_same_bits(there.cv_results_["mean_test_score"], search.fit(X, Y).cv_results_["mean_test_score"])
