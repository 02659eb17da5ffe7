"""Learn to add binary numbers, a bit of each at a step, the low bit first (N to N).

The classic first exercise in recurrent networks: at each step the network reads one bit of both
numbers and writes one bit of their sum, so it has to remember the carry and nothing else.  A plain
network of 16 sigmoid units learns it by plain gradient descent from some of the 7-bit pairs, and is
asked for all 16384.  An LSTM of 8 learns from the same pairs, and then adds numbers of 32 bits, which
it has never seen.  Every sum should be right.  (With 32 units many of the long ones go wrong.)
"""

import argparse
import time

import numpy as np

from fastrnn import SequenceTagger
from fastrnn.datasets import make_binary_addition


def report(name, tagger, X, y, X_test, y_test):
    start = time.perf_counter()
    tagger.fit(X, y)
    seconds = time.perf_counter() - start
    right = (np.stack(tagger.predict(X_test)) == y_test).all(axis=1)
    print(f"{name}: {right.sum()} of {len(right)} sums right in every bit; fit {seconds:.1f} s")


def show(tagger, x):
    """Write a sum as on paper: its high bit first, above it the carries that its bits imply."""
    a, b = x.T.astype(int)
    bits = tagger.predict([x])[0]
    print("   c " + "".join(" 1"[carry] for carry in (a ^ b ^ bits)[::-1]))
    for sign, row in zip(" +=", [a, b, bits], strict=True):
        digits = "".join(map(str, row[::-1]))
        print(f"   {sign} {digits}   {int(digits, 2)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="the same; it takes seconds anyway")
    parser.parse_args()

    X, y = make_binary_addition(n_samples=2000, n_bits=7, random_state=0)
    X_all, y_all = make_binary_addition(n_samples=None, n_bits=7)
    rnn = SequenceTagger(
        cell="rnn", nonlinearity="sigmoid", hidden_size=16, bias=False, bidirectional=False,
        solver="sgd", momentum=0.0, learning_rate="constant", learning_rate_init=1.0,
        batch_size=4, max_iter=10, random_state=0,
    )  # fmt: skip
    report("RNN, all pairs of 7 bits", rnn, X, y, X_all, y_all)
    show(rnn, X_all[93 * 128 + 46])

    X_long, y_long = make_binary_addition(n_samples=1000, n_bits=32, random_state=1)
    lstm = SequenceTagger(cell="lstm", hidden_size=8, bidirectional=False, random_state=0)
    report("\nLSTM, from 7 bits to 32", lstm, X, y, X_long, y_long)
    show(lstm, X_long[0])


if __name__ == "__main__":
    main()
