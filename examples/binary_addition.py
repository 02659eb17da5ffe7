"""Learn to add binary numbers, a bit of each at a step, the low bit first.

The classic first exercise in recurrent networks: at each step the network reads one bit of both
numbers and writes one bit of their sum, so it has to remember the carry and nothing else.  A plain
network of 16 sigmoid units learns it by plain gradient descent from some of the 7-bit pairs, and is
asked for all 16384.  An LSTM learns from the same pairs, and then adds numbers of 32 bits, which it has never seen.
"""

import argparse
import time

import numpy as np

from fastrnn import SequenceRegressor
from fastrnn.datasets import make_binary_addition


def report(name, regressor, X, y, X_test, y_test):
    start = time.perf_counter()
    regressor.fit(X, y)
    seconds = time.perf_counter() - start
    right = ((regressor.predict(X_test) > 0.5) == y_test).all(axis=1)
    print(f"{name}: {right.sum()} of {len(right)} sums right in every bit; fit {seconds:.1f} s")


def show(regressor, X, y):
    """Write a sum as on paper, its high bit first."""
    bits = (regressor.predict(X[np.newaxis])[0] > 0.5).astype(int)
    for sign, row in zip(" +=", [*X.T.astype(int), bits], strict=True):
        digits = "".join(map(str, row[::-1]))
        print(f"   {sign} {digits}   {int(digits, 2)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="the same; it takes seconds anyway")
    parser.parse_args()

    X, y = make_binary_addition(n_samples=2000, n_bits=7, random_state=0)
    X_all, y_all = make_binary_addition(n_samples=None, n_bits=7)
    rnn = SequenceRegressor(
        cell="rnn", nonlinearity="sigmoid", hidden_size=16, bias=False, return_sequences=True,
        solver="sgd", momentum=0.0, learning_rate="constant", learning_rate_init=0.3,
        batch_size=4, max_iter=20, random_state=0,
    )  # fmt: skip
    report("RNN, all pairs of 7 bits", rnn, X, y, X_all, y_all)
    show(rnn, X_all[-1], y_all[-1])

    X_long, y_long = make_binary_addition(n_samples=1000, n_bits=32, random_state=1)
    lstm = SequenceRegressor(cell="lstm", hidden_size=16, return_sequences=True, random_state=0)
    report("\nLSTM, from 7 bits to 32", lstm, X, y, X_long, y_long)
    show(lstm, X_long[0], y_long[0])


if __name__ == "__main__":
    main()
