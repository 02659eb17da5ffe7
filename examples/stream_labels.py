"""Label each frame of a stream, as one labels the frames of a video (N to N).

A sensor in the pocket of somebody who rests, walks, runs, and now and then falls, with noise.  One
frame tells little: every swing passes through zero.  A network that reads the frames as they come
should have nine in ten right, and be late by a few frames wherever something begins; one that reads
the recording in both directions should hardly go wrong but at the edges, by a frame or two.
"""

import argparse

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from fastrnn import SequenceTagger

LETTERS = {"rest": ".", "walk": "w", "run": "r", "fall": "F"}
SPEEDS = {"rest": 0.0, "walk": 0.5, "run": 0.9}  # of their swings, radians a frame
HEIGHTS = " _.:-=+*#%@"


def record(rng, n_events=10):
    """A stream of numbers (T,), and their labels (T,)."""
    signal, labels = [], []
    for name in rng.choice(list(LETTERS), n_events):
        T = 6 if name == "fall" else rng.randint(15, 40)
        if name == "fall":
            motion = -2 * np.sin(np.linspace(0, np.pi, T))
        else:
            motion = np.sin(SPEEDS[name] * np.arange(T) + rng.uniform(0, 6) * (name != "rest"))
        signal.append(motion + rng.normal(0, 0.25, T))
        labels += [name] * T
    return np.concatenate(signal), np.array(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="the same; it takes seconds anyway")
    parser.parse_args()
    rng = np.random.RandomState(0)
    X, y = zip(*(record(rng) for _ in range(200)), strict=True)
    X_test, y_test = zip(*(record(rng) for _ in range(100)), strict=True)
    tree = DecisionTreeClassifier(max_leaf_nodes=32, random_state=0)
    tree.fit(np.c_[np.hstack(X)], np.hstack(y))
    right = tree.score(np.c_[np.hstack(X_test)], np.hstack(y_test))
    print(f"frames right: each alone       {right:.1%}")
    levels = np.interp(X_test[0], [-2, 2], [0, len(HEIGHTS) - 1]).round().astype(int)
    rows = {"signal": [HEIGHTS[k] for k in levels], "truth": [LETTERS[name] for name in y_test[0]]}
    for name, both in {"as they come": False, "both ways": True}.items():
        tagger = SequenceTagger(hidden_size=32, bidirectional=both, batch_size=8, random_state=0)
        print(f"{'':14}{name:17}{tagger.fit(X, y).score(X_test, y_test):.1%}")
        rows[name] = [LETTERS[label] for label in tagger.predict(X_test[:1])[0]]
    for first in range(0, len(X_test[0]), 80):
        print()
        for name, letters in rows.items():
            print(f"{name:14}{''.join(letters[first : first + 80])}")


if __name__ == "__main__":
    main()
