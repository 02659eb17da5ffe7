"""
Learn from few labels
=====================

Recordings are many, and somebody has labelled three of each speaker.  Two networks first learn from all recordings
what comes next, forwards and backwards.  No label is needed for that.  A classifier then starts from their weights.

You need nothing but fastrnn, and half a minute.
"""

import sys

import numpy as np

from fastrnn import SequenceClassifier, SequenceRegressor
from fastrnn.datasets import load_japanese_vowels

IS_SHORT = "--short" in sys.argv
N_REPEATS, EPOCHS = (1, 10) if IS_SHORT else (5, 60)

X, y = load_japanese_vowels(split="train")
X_test, y_test = load_japanese_vowels(split="test")
print(len(X), "recordings of", np.unique(y).size, "speakers")

# %%
# What comes next?  The input is a recording without its last step, and the target is the recording without its first
# step.  The second network reads the recordings from their end.


def next_step(recordings, seed):
    model = SequenceRegressor(
        cell="gru", bidirectional=False, return_sequences=True, max_iter=EPOCHS, random_state=seed
    )
    return model.fit([x[:-1] for x in recordings], [x[1:] for x in recordings])


pretrained = [next_step(X, seed=0), next_step([x[::-1] for x in X], seed=1)]

# %%
# The classifier takes over both directions.  In its first 20 epochs only the output layer is trained.

plain, tuned = [], []
for seed in range(N_REPEATS):
    rng = np.random.RandomState(seed)
    few = np.concatenate([rng.permutation(np.flatnonzero(y == label))[:3] for label in np.unique(y)])
    X_few, y_few = [X[k] for k in few], y[few]
    options = {"max_iter": EPOCHS, "random_state": seed}
    plain.append(SequenceClassifier(**options).fit(X_few, y_few).score(X_test, y_test))
    clf = SequenceClassifier(**options, init_from=pretrained, freeze=min(20, EPOCHS // 2))
    tuned.append(clf.fit(X_few, y_few).score(X_test, y_test))

# %%
# Both kinds of classifiers have seen the same labels.  The second kind has also seen all recordings.

print(f"accuracy with {few.size} labels, from random weights: {np.mean(plain):.3f}")
print(f"from what was learned without labels: {np.mean(tuned):.3f}")
