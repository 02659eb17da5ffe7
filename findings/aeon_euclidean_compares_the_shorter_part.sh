#!/usr/bin/env bash
# aeon 1.6.0.  Its KNeighborsTimeSeriesClassifier says that it takes series of unequal length, with any of its distances.
# One expects a distance between series of different lengths to be an error where it is not defined, or to count what
# only one of them has.  What happens: euclidean, squared, manhattan and minkowski compare the steps that both have and
# leave the rest of the longer one out; no message.  A short series is thus at distance 0 from every series that begins
# like it, and the nearest neighbour of a long recording is whatever is shortest.  dtw, msm and erp count the rest.
# Who takes such a classifier for a baseline beside a recurrent network compares it with something else than thought.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "aeon==1.6.0"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from aeon.classification.distance_based import KNeighborsTimeSeriesClassifier

recording = np.random.default_rng(0).normal(size=(1, 50))
beginning, nearly_the_same = recording[:, :3].copy(), recording + 0.1
X, y = [beginning, nearly_the_same], np.array(["3 steps", "50 steps"])


def nearest(distance):
    """What the recording of 50 steps is taken for."""
    return str(KNeighborsTimeSeriesClassifier(distance=distance).fit(X, y).predict([recording])[0])


seen = {distance: nearest(distance) for distance in ("euclidean", "squared", "manhattan", "minkowski", "dtw", "msm", "erp")}
says_so = KNeighborsTimeSeriesClassifier().get_tag("capability:unequal_length")
print(f"aeon {version('aeon')}: the classifier's tag for unequal lengths is {says_so}")
for distance, label in seen.items():
    print(f"{distance}: a recording of 50 steps, of which the training set has nearly the same, is nearest to that of {label}")
expected = ["3 steps"] * 4 + ["50 steps"] * 3
raise SystemExit(not says_so or list(seen.values()) != expected)
PYTHON
