"""
Label each frame of a stream
============================

Somebody rests, walks, runs, and now and then falls.  A sensor in the pocket gives a number in each frame, with noise.
What is going on in each frame?  One number alone tells little, as each swing passes through zero.  A network that reads
the frames as they come gets about nine in ten right.  It is a few frames late wherever something begins.  A network
that reads the recording in both directions gets nearly all of them right.

You need matplotlib for the picture, and some seconds.  The recordings are made here.
"""

import sys

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from fastrnn import SequenceTagger

# %%
# A recording is an array of numbers ``(T,)``.  Its labels are an array ``(T,)``, too: one for each frame.

SPEEDS = {"rest": 0.0, "walk": 0.5, "run": 0.9, "fall": 0.0}  # of the swings, in radians a frame


def record(rng, n_events=10):
    signal, labels = [], []
    for name in rng.choice(["rest", "walk", "run", "fall"], n_events):
        T = 6 if name == "fall" else rng.randint(15, 40)
        if name == "fall":
            motion = -2 * np.sin(np.linspace(0, np.pi, T))
        else:
            motion = np.sin(SPEEDS[name] * np.arange(T) + rng.uniform(0, 6) * (name != "rest"))
        signal.append(motion + rng.normal(0, 0.25, T))
        labels += [name] * T
    return np.concatenate(signal), np.array(labels)


rng = np.random.RandomState(0)
X, y = zip(*(record(rng) for _ in range(200)), strict=True)
X_test, y_test = zip(*(record(rng) for _ in range(100)), strict=True)

# %%
# To compare with: a decision tree, which sees each number alone.

tree = DecisionTreeClassifier(max_leaf_nodes=32, random_state=0).fit(np.c_[np.hstack(X)], np.hstack(y))
print(f"each frame alone: {tree.score(np.c_[np.hstack(X_test)], np.hstack(y_test)):.1%} of the frames right")

# %%
# ``bidirectional=False`` reads forwards only.  Such a model can also label frames while they come in (``stream()``).

rows = {"truth": y_test[0]}
for name, both in {"as they come": False, "both ways": True}.items():
    tagger = SequenceTagger(hidden_size=32, bidirectional=both, batch_size=8, random_state=0).fit(X, y)
    print(f"{name}: {tagger.score(X_test, y_test):.1%} of the frames right")
    rows[name] = tagger.predict(X_test[:1])[0]

# %%
# The first test recording, and its labels in colours.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the picture, install matplotlib: pip install matplotlib")

colours = {"rest": "C7", "walk": "C0", "run": "C1", "fall": "C3"}
_, (ax, strips) = plt.subplots(2, sharex=True, figsize=(5, 4), height_ratios=[1, 1], layout="constrained")
ax.plot(X_test[0], "k", lw=0.8)
ax.set(title="A recording that the fit has not seen", ylabel="sensor (no unit)")
for place, labels in enumerate(rows.values()):
    for name, colour in colours.items():
        strips.bar(np.flatnonzero(labels == name), 0.8, 1, bottom=-place - 0.4, color=colour, label=name * (not place))
strips.set_yticks(range(0, -3, -1), rows)
strips.set(xlabel="frame", ylim=(-2.6, 0.5))
strips.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.35), frameon=False)
plt.show()
