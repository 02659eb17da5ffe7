"""Who is speaking, before the vowel has ended: a classifier that follows a signal as it comes.

It stops listening as soon as it is sure enough.  Trained on whole recordings it should need half to two
thirds of one to be right in nine of ten; trained on their beginnings as well a quarter, at the price of
a point or two in the end.  How sure is enough cannot be read off the probabilities, which promise more
than they keep: a table like this one, made of recordings held out, tells.
"""

import argparse

import numpy as np

from fastrnn import SequenceClassifier
from fastrnn.datasets import load_japanese_vowels


def beginnings(X, y, copies, rng):
    """Each recording, and so many of its beginnings."""
    cut = [x[: rng.integers(1, len(x) + 1)] for _ in range(copies) for x in X]
    return list(X) + cut, np.tile(y, 1 + copies)


def listen(stream, x, sure):
    """The probabilities after each step, until one of them is `sure`."""
    stream.reset()
    said = []
    for x_t in x:
        said.append(stream.step(x_t))
        if said[-1].max() >= sure:
            break
    return said


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="train less")
    epochs = 5 if parser.parse_args().short else 15
    X, y = load_japanese_vowels(split="train")
    X_test, y_test = load_japanese_vowels(split="test")
    options = {"bidirectional": False, "readout": "last", "dropout": 0.4, "learning_rate": "cosine", "random_state": 0}
    for name, copies in (("whole recordings", 0), ("beginnings, too", 3)):
        clf = SequenceClassifier(max_iter=4 * epochs // (1 + copies), **options)
        stream = clf.fit(*beginnings(X, y, copies, np.random.default_rng(0))).stream()
        print(f"trained on {name}\n    stops when     right  heard")
        for sure in (0.5, 0.8, 0.95, 0.99, np.inf):
            said = [listen(stream, x, sure) for x in X_test]
            right = np.mean([clf.classes_[p[-1].argmax()] == label for p, label in zip(said, y_test, strict=True)])
            heard = np.mean([len(p) / len(x) for p, x in zip(said, X_test, strict=True)])
            print(f"    {f'{sure:.0%} sure' if sure < 1 else 'it has ended':12} {right:7.1%} {heard:6.0%}")

    slowest = max(range(len(X_test)), key=lambda k: len(listen(stream, X_test[k], 0.95)))
    print(f"\nThe recording that leaves it in doubt longest is of speaker {y_test[slowest]}:")
    for n, p in enumerate(listen(stream, X_test[slowest], np.inf), start=1):
        print(f"  step {n:2}: speaker {clf.classes_[p.argmax()]} {p.max():4.0%} {'#' * round(40 * p.max())}")


if __name__ == "__main__":
    main()
