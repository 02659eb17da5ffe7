"""Read a handwritten digit row by row, and say after each what it may be (N to 1).

Each image is a sequence of eight rows of eight pixels.  The network learns from images cut off
after each row, sequences of 1 to 8 steps; its accuracy on digits it has not seen should climb with
each row and end around 98 %.  The digits drawn show which guesses the rows so far allow for.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from fastrnn import SequenceClassifier

SHADES = " .:-=+*#%@"


def beginnings(images):
    """Each image's first row, each one's first two rows, and so on."""
    return [image[:n] for n in range(1, 9) for image in images]


def draw(image, odds):
    """The rows as text, and after each the three likeliest digits."""
    for row, probabilities in zip(image, odds, strict=True):
        pixels = "".join(2 * SHADES[int(9 * value)] for value in row)
        likeliest = np.argsort(-probabilities)[:3]
        print(f"   |{pixels}|   " + "   ".join(f"{k} {probabilities[k]:4.0%}" for k in likeliest))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="fewer epochs")
    max_iter = 4 if parser.parse_args().short else 15

    images, digits = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8) / 16
    X, X_test, y, y_test = train_test_split(images, digits, stratify=digits, random_state=0)
    clf = SequenceClassifier(dropout=0.5, learning_rate="cosine", max_iter=max_iter, random_state=0)
    clf.fit(beginnings(X), np.tile(y, 8))

    odds = clf.predict_proba(beginnings(X_test)).reshape(8, len(X_test), 10)
    right = odds.argmax(axis=2) == y_test
    print("rows read   accuracy")
    for n, accuracy in enumerate(right.mean(axis=1), 1):
        print(f"{n:9}   {accuracy:8.1%}   {'#' * round(50 * accuracy)}")
    for k in np.flatnonzero(~right[3] & right[7])[:2]:  # half of it misleads
        print(f"\n{y_test[k]}")
        draw(X_test[k], odds[:, k])


if __name__ == "__main__":
    main()
