"""Which of nine speakers said the vowel?  Ragged recordings, one label each.

270 utterances to learn from and 370 to test on, of 7 to 29 frames with 12 numbers each.  They go
into `fit` as they are, a list of arrays: no padding, no masks, no settings.
"""

import argparse
import time

import numpy as np

from fastrnn import SequenceClassifier
from fastrnn.datasets import load_japanese_vowels


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="the same; it takes seconds anyway")
    parser.parse_args()

    X_train, y_train = load_japanese_vowels(split="train")
    X_test, y_test = load_japanese_vowels(split="test")
    lengths = [len(x) for x in X_train]
    print(f"{len(X_train)} utterances of {min(lengths)} to {max(lengths)} frames to learn from")

    # Numba compiles the kernels at their first use and keeps them on disk: one epoch, to get that
    # out of the way and to see what it costs.
    start = time.perf_counter()
    SequenceClassifier(max_iter=1).fit(X_train, y_train).predict(X_test)
    print(f"first use of the kernels   {time.perf_counter() - start:6.2f} s   (less the next time)")

    start = time.perf_counter()
    clf = SequenceClassifier(random_state=0).fit(X_train, y_train)
    print(f"fit, {clf.n_iter_} epochs             {time.perf_counter() - start:6.2f} s")

    start = time.perf_counter()
    predicted = clf.predict(X_test)
    print(f"predict, {len(X_test)} utterances    {time.perf_counter() - start:6.3f} s\n")

    print("speaker   recognised   taken for")
    for speaker in clf.classes_:
        heard_as = predicted[y_test == speaker]
        others, counts = np.unique(heard_as[heard_as != speaker], return_counts=True)
        mistaken = ", ".join(f"{o} ({c}x)" for o, c in zip(others, counts, strict=True))
        print(f"{speaker:7}   {np.sum(heard_as == speaker):4} / {len(heard_as):<3}   {mistaken}")
    print(f"\naccuracy on the {len(y_test)} test utterances: {clf.score(X_test, y_test):.3f}")


if __name__ == "__main__":
    main()
