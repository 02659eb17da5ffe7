"""
One model on several workers
============================

Dask runs tasks on the workers of a cluster: other processes, or other machines.  Here one classifier learns from four
partitions of a data set, on two workers.  Its weights have the same bits for any number of workers.

You need ``pip install dask distributed``, and some seconds.  The workers are threads of this process.  For others, give
``Client`` the address of their scheduler: the rest stays the same.  Workers that are processes of this machine need
``if __name__ == "__main__":`` before the cluster is made, for they import the script, too.
"""

import numpy as np
from dask import delayed
from distributed import Client, LocalCluster

from fastrnn.dask import DaskSequenceClassifier
from fastrnn.datasets import load_japanese_vowels

# %%
# A partition is a list of sequences, or their labels.  ``delayed`` says how to make it: here from the data set that
# comes with fastrnn, in practice from a file.  A worker makes it, and can make it again if another one dies.


def read(which, part):
    values = load_japanese_vowels(split="train")[which]
    return [values[k] for k in np.array_split(np.random.RandomState(0).permutation(len(values)), 4)[part]]


X = [delayed(read)(0, part) for part in range(4)]
y = [delayed(read)(1, part) for part in range(4)]
X_test, y_test = load_japanese_vowels(split="test")

# %%
# Each batch is a round: the weights go to the workers, and gradients come back.


def train(n_workers):
    with LocalCluster(n_workers=n_workers, processes=False, dashboard_address=":0") as cluster, Client(cluster):
        clf = DaskSequenceClassifier(max_iter=20, learning_rate_init=0.01, random_state=0).fit(X, y)
        print(f"{n_workers} workers: {clf.score(X, y):.1%} of the partitions' sequences right")
        return clf.to_local()


clf = train(2)

# %%
# The model works without the cluster, too.

print(f"{type(clf).__name__}: {clf.score(X_test, y_test):.1%} of new recordings right")

# %%
# Another number of workers finds the same weights.

print("same bits:", np.array_equal(train(3).predict_proba(X_test), clf.predict_proba(X_test)))
