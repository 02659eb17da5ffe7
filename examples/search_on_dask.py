"""
Search on a Dask cluster
========================

The searches of scikit-learn run on a Dask cluster as they are: joblib gives the fits to its workers.  Here a grid
search and a search by successive halving choose the settings of a classifier of speakers, and then an ensemble is
trained, each of its members where a worker is free.

You need ``dask[distributed]``, and some seconds.  The cluster of this example is two workers in this process.  On
machines of your own you give ``Client`` the address of your scheduler, ``Client("tcp://scheduler:8786")``, and
change nothing else.
"""

from distributed import Client
from joblib import parallel_config
from scipy.stats import loguniform
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV

from fastrnn import SequenceClassifier, SequenceEnsemble
from fastrnn.datasets import load_japanese_vowels

X, y = load_japanese_vowels(split="train")  # a list of 270 arrays
X_test, y_test = load_japanese_vowels(split="test")
client = Client(processes=False, n_workers=2, threads_per_worker=1, dashboard_address=":0")

# %%
# Within the context each fit of the search is a task of the cluster.  A worker with one thread computes it on one core.

model = SequenceClassifier(hidden_size=16, max_iter=10, random_state=0)
grid = {"cell": ["gru", "lstm"], "learning_rate_init": [3e-3, 1e-2, 3e-2]}
with parallel_config("dask"):
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
print(f"chosen {search.best_params_}, score in the search {search.best_score_:.1%}")

# %%
# The results have the same bits without Dask, and with any number of workers.

again = GridSearchCV(model, grid, cv=3).fit(X, y)
print("the same scores:", (again.cv_results_["mean_test_score"] == search.cv_results_["mean_test_score"]).all())

# %%
# Successive halving gives many candidates few epochs, and the best of them more.

space = {"learning_rate_init": loguniform(1e-3, 1e-1), "hidden_size": [8, 16, 32]}
halving = {"resource": "max_iter", "min_resources": 2, "max_resources": 18, "n_candidates": 9, "cv": 3}
with parallel_config("dask"):
    search = HalvingRandomSearchCV(model, space, **halving, random_state=0).fit(X, y)
print(f"candidates {search.n_candidates_}, epochs {search.n_resources_}")
print(f"score of the best on new recordings {search.score(X_test, y_test):.1%}")

# %%
# The best model from eight seeds: the members are tasks, too.  The mean of their probabilities is the ensemble's.

with parallel_config("dask"):
    ensemble = SequenceEnsemble(search.best_estimator_, n_members=8, random_state=0).fit(X, y)
print(f"score of the ensemble {ensemble.score(X_test, y_test):.1%}")
client.close()
