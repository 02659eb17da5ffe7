"""Add two marked numbers among a hundred: what an LSTM and a GRU remember.

Each step has a random number and a mark; two of the hundred marks are 1, and the answer, asked
for at the end, is the sum of their two numbers.  Always saying 1 has a mean squared error of 1/6.
"""

import argparse
import time

import numpy as np

from fastrnn import SequenceRegressor
from fastrnn.datasets import make_adding_problem

HEIGHTS = " .:-=+*#%@"


def curve(losses, width=60):
    """A line of text that gets lower as the loss does; the scale is logarithmic."""
    points = np.log(losses)[np.linspace(0, len(losses) - 1, width).astype(int)]
    levels = (points - points.min()) / np.ptp(points) * (len(HEIGHTS) - 1)
    return "".join(HEIGHTS[round(level)] for level in levels)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="fewer epochs, and the GRU alone")
    short = parser.parse_args().short

    X, y = make_adding_problem(n_samples=5000, n_steps=100, random_state=0)
    X_test, y_test = make_adding_problem(n_samples=1000, n_steps=100, random_state=1)
    print(f"always 1   mean squared error {np.mean((y_test - 1) ** 2):.4f}")
    for cell in ["gru"] if short else ["gru", "lstm"]:
        regressor = SequenceRegressor(cell=cell, hidden_size=64, max_iter=5 if short else 15, random_state=0)
        start = time.perf_counter()
        regressor.fit(X, y)
        seconds = time.perf_counter() - start
        error = np.mean((regressor.predict(X_test) - y_test) ** 2)
        print(f"{cell:<8}   mean squared error {error:.4f} after {seconds:.0f} s")
        print(f"{'':11}[{curve(regressor.loss_curve_)}]")


if __name__ == "__main__":
    main()
