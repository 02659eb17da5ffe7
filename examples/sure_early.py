"""
Stop as soon as you are sure
============================

A classifier follows a recording frame by frame and stops as soon as it is sure enough who speaks.  If it has learned
from whole recordings alone, it needs about two thirds of a recording to be as good as at the end.  If it has learned
from beginnings, too, it needs about a third, and at the end it is two percentage points worse.

How sure is sure enough?  The probabilities alone do not tell.  Make a table like this one, of recordings that the fit
has not seen.  You need matplotlib for the pictures, and some seconds.
"""

import sys

import numpy as np

from fastrnn import SequenceClassifier
from fastrnn.datasets import load_japanese_vowels

# %%
# ``stream()`` of a fitted classifier reads one step at a time, and returns the probabilities so far.  It needs a
# network that reads forwards only, ``bidirectional=False``.


def listen(stream, x, sure):
    """The probabilities after each step, until one of them is `sure`."""
    stream.reset()
    said = []
    for x_t in x:
        said.append(stream.step(x_t))
        if said[-1].max() >= sure:
            break
    return said


# %%
# Two classifiers.  The second one learns from each recording and from three beginnings of it.

X, y = load_japanese_vowels(split="train")
X_test, y_test = load_japanese_vowels(split="test")
rng = np.random.default_rng(0)
begun = [x[: rng.integers(1, len(x) + 1)] for _ in range(3) for x in X]
options = {"bidirectional": False, "readout": "last", "dropout": 0.4, "random_state": 0}
models = {
    "whole recordings": SequenceClassifier(max_iter=60, **options).fit(X, y),
    "beginnings, too": SequenceClassifier(max_iter=15, **options).fit([*X, *begun], np.tile(y, 4)),
}

# %%
# How many are right, and how much of a recording is heard?

curves = {}
for name, clf in models.items():
    stream, curves[name] = clf.stream(), []
    print(f"learned from {name}")
    for sure in (0.5, 0.8, 0.95, 0.99, np.inf):
        said = [listen(stream, x, sure) for x in X_test]
        right = np.mean([clf.classes_[p[-1].argmax()] == label for p, label in zip(said, y_test, strict=True)])
        heard = np.mean([len(p) / len(x) for p, x in zip(said, X_test, strict=True)])
        curves[name].append((heard, right))
        print(f"  {f'{sure:.0%} sure' if sure < 1 else 'at the end':10}  {right:6.1%} right, {heard:4.0%} heard")

# %%
# The same as a picture: the further up and to the left, the better.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the pictures, install matplotlib: pip install matplotlib")

_, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
for (name, points), marker in zip(curves.items(), "os", strict=True):
    ax.plot(*100 * np.transpose(points), marker=marker, label=f"learned from {name}")
ax.set(title="Who stops earlier is less often right", xlabel="heard of a recording (%)", ylabel="right (%)")
ax.legend()
plt.show()

# %%
# The recording that leaves the second classifier in doubt longest:

slowest = max(range(len(X_test)), key=lambda k: len(listen(stream, X_test[k], 0.95)))
said = np.array(listen(stream, X_test[slowest], np.inf))
_, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
for k in np.argsort(-said.max(axis=0))[:3]:
    ax.plot(range(1, len(said) + 1), said[:, k], marker=".", label=f"speaker {clf.classes_[k]}")
ax.set(title=f"A recording of speaker {y_test[slowest]}", xlabel="frames heard", ylabel="probability", ylim=(0, 1))
ax.legend()
plt.show()
