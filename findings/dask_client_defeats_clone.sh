#!/usr/bin/env bash
# distributed 2026.8.0 with scikit-learn 1.9.1.  scikit-learn's clone makes a fresh estimator from another's parameters,
# of which each is copied; estimators for Dask take their cluster's client as a parameter, as scikit-learn's rules want
# it.  One expects a client, which is a handle on a cluster, to be copied as a handle, or to be refused in words.  What
# happens: clone ends in a TypeError of pickle about a task of asyncio, which names neither the client nor the parameter.
# So cross-validation, searches and every meta-estimator fail with an estimator that was given its client.  It has to
# hand the client over by itself, in `__sklearn_clone__`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "distributed==2026.8.0" "scikit-learn==1.9.1"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

from distributed import Client, LocalCluster
from sklearn.base import BaseEstimator, clone


class OnCluster(BaseEstimator):
    def __init__(self, client=None):
        self.client = client


class HandsOver(OnCluster):
    def __sklearn_clone__(self):
        return type(self)(self.client)


with LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster, Client(cluster) as client:
    try:
        clone(OnCluster(client))
        found = "a clone"
    except TypeError as error:
        found = f"TypeError: {error}"
    keeps = clone(HandsOver(client)).client is client
print(f"distributed {version('distributed')}, scikit-learn {version('scikit-learn')}")
print(f"clone of an estimator that has a client as a parameter: {found}")
print(f"clone of one whose __sklearn_clone__ hands it over has the same client: {keeps}")
raise SystemExit(not (found.startswith("TypeError: cannot pickle") and "client" not in found and keeps))
PYTHON
