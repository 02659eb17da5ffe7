"""
Why this answer?
================

A machine is watched by four sensors.  It fails if its pressure had a dip in the middle of a run; all else is noise.
Nobody tells the classifier so.  Can you find out from the classifier where the answer comes from?

``fastrnn.inspection`` has three ways.  ``permutation_importance`` says what the score owes to each channel and each
stretch of time.  ``occlusion`` hides a part of one run.  ``integrated_gradients`` shares out the answer to one run
among its steps and channels.  Here the truth is known, and all three find it.

You need some seconds, and matplotlib for the pictures.
"""

import sys

import numpy as np

from fastrnn import SequenceClassifier
from fastrnn.inspection import (
    AttributionDisplay,
    ImportanceDisplay,
    integrated_gradients,
    occlusion,
    permutation_importance,
)

SENSORS = ["heat", "noise", "pressure", "speed"]

# %%
# The runs have 40 to 60 steps.  In half of them the pressure falls for a tenth of the run, somewhere between 40 % and
# 60 % of its length.  Each run has such a dip in another channel as well, and many have one of the pressure at the
# beginning: these do no harm.


def watch(n, rng):
    """Runs of a machine, and whether it failed."""
    runs, failed = [], np.arange(n) % 2 == 0
    for fails in failed:
        x = rng.normal(size=(rng.integers(40, 61), 4))
        T, dip = len(x), len(x) // 10
        dips = [(rng.choice([0, 1, 3]), rng.uniform(0, 0.9))]
        dips += [(2, 0.0)] * rng.integers(2) + [(2, rng.uniform(0.4, 0.5))] * int(fails)
        for channel, start in dips:
            x[int(start * T) : int(start * T) + dip, channel] -= 3
        runs.append(x)
    return runs, failed


rng = np.random.default_rng(0)
X, y = watch(1000, rng)
X_test, y_test = watch(200, rng)
clf = SequenceClassifier(patch_length=1, max_iter=30, random_state=0).fit(X, y)
print(f"{clf.score(X_test, y_test):.1%} of new runs right")

# %%
# What does the score owe to whom?
# --------------------------------
#
# One sensor at a time, its values are exchanged between the runs, and the score is computed anew.  Then the same is
# done with all sensors in one fifth of the time.  A stretch is a share of each run, whatever its length.

by_channel = permutation_importance(clf, X_test, y_test, random_state=0)
by_time = permutation_importance(clf, X_test, y_test, stretches=5, random_state=0)
for found, names in ((by_channel, SENSORS), (by_time, by_time.names)):
    for name, mean, std in zip(names, found.importances_mean, found.importances_std, strict=True):
        print(f"{name:10} {mean:6.3f} +- {std:.3f}")
    print()

# %%
# Where in this run?
# ------------------
#
# One run that failed.  The attributions of ``integrated_gradients`` sum to what the probability of a failure differs by
# from that of a run in which all sensors show their mean.

k = np.flatnonzero(y_test)[0]
found = integrated_gradients(clf, X_test[k : k + 1], target=True)
print(f"probability of a failure: {found.predictions[0]:.4f}, of the mean run {found.baseline_predictions[0]:.4f}")
print(f"the attributions sum to   {found.attributions[0].sum():.4f}")
hidden = occlusion(clf, X_test[k : k + 1], target=True, window=0.1, stride=1)
for name, attributions in (("gradients", found.attributions[0]), ("occlusion", hidden.attributions[0])):
    step, channel = np.unravel_index(attributions.argmax(), attributions.shape)
    print(f"{name}: most at {step / len(attributions):.0%} of the run, in {SENSORS[channel]}")

# %%
# The same as pictures: red speaks for a failure, and blue against it.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the pictures, install matplotlib: pip install matplotlib")

_, (left, right) = plt.subplots(1, 2, figsize=(8, 2.6), layout="constrained")
ImportanceDisplay(importances=by_channel.importances, names=SENSORS).plot(left)
ImportanceDisplay(importances=by_time.importances, names=by_time.names).plot(right)
plt.show()

# %%
# And the one run, explained in both ways.

_, axes = plt.subplots(2, 1, figsize=(8, 4.5), layout="constrained")
for ax, name, explained in zip(axes, ("integrated gradients", "occlusion"), (found, hidden), strict=True):
    AttributionDisplay(attributions=explained.attributions[0], channels=SENSORS).plot(ax)
    ax.set_title(name)
plt.show()
