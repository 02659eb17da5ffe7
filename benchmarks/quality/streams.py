"""Streams, learned one sample at a time: each is predicted, then learned, once and in order.

    python -m benchmarks.quality.streams --data DIR

prints what needs no network under the same protocol: the last value or label, and linear models of the same inputs,
and of windows of them. The floors of the streams in `benchmarks.quality.tasks` are from there.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import root_mean_squared_error

from benchmarks.quality.options import parser
from benchmarks.quality.readers import Split

RATES = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)


class Progressive(BaseEstimator):
    """A learner's predictions for the stream it was fitted on, each from before its target was learned."""

    def __init__(self, learner):
        self.learner = learner

    def fit(self, X, y):
        """Predict and learn each sample."""
        learner, self.predicted_ = clone(self.learner), []
        for x, target in zip(X, y, strict=True):
            self.predicted_.append(learner.predict_one(x))
            learner.learn_one(x, target)
        return self

    def predict(self, X):
        """Return what was predicted for the same stream."""
        return self.predicted_


def read_sunspots(data):
    """Return the monthly numbers' changes: the next from the last, over 20, about their deviation."""
    with open(Path(data) / "Sunspots" / "monthly-sunspots.csv", encoding="utf-8") as lines:
        values = np.array([float(row[1]) for row in list(csv.reader(lines))[1:]])
    changes = np.diff(values)
    X, y = changes[:-1, np.newaxis] / 20, changes[1:].tolist()
    return Split(X, y, X, y)


def make_bells(data=None, n_bells=1600):
    """Return a lever's moves and, six to ten steps after each, a bell, at which its side is asked.

    What its sides are called changes half way.
    """
    rng = np.random.RandomState(10)
    X, y = [], []
    for k in range(n_bells):
        side, wait = rng.choice([-1.0, 1.0]), rng.randint(6, 11)
        steps = np.c_[np.zeros((wait + 1, 2)), rng.normal(0, 0.3, wait + 1)]
        steps[0, 0], steps[-1, 1] = side, 1.0
        X.append(steps)
        y += ["nothing"] * wait + ["left" if (side < 0) == (k < n_bells // 2) else "right"]
    X = np.concatenate(X)
    return Split(X, y, X, y)


def bells_right(y, predicted):
    """Return the share of bells that were answered right."""
    return float(np.mean([a == b for a, b in zip(y, predicted, strict=True) if a != "nothing"]))


class LeastSquares(BaseEstimator):
    """Recursive least squares (Plackett 1950) with a ridge of 1; it has no rate to be chosen."""

    def predict_one(self, x):
        """Return the number expected."""
        return float(self.weights_ @ [*x, 1.0]) if hasattr(self, "weights_") else 0.0

    def learn_one(self, x, y):
        """Solve for all samples so far."""
        x = np.append(x, 1.0)
        if not hasattr(self, "weights_"):
            self.weights_, self._inverse = np.zeros(x.size), np.eye(x.size)
        gain = self._inverse @ x / (1 + x @ self._inverse @ x)
        self.weights_ += gain * (y - self.weights_ @ x)
        self._inverse -= np.outer(gain, x @ self._inverse)


class Linear(BaseEstimator):
    """A linear model by stochastic gradient descent; of labels if they are given, else of numbers."""

    def __init__(self, rate, labels=None):
        self.rate, self.labels = rate, labels

    def _outputs(self, x):
        if not hasattr(self, "weights_"):
            self.weights_ = np.zeros((1 if self.labels is None else len(self.labels), len(x) + 1))
        return self.weights_ @ [*x, 1.0]

    def predict_one(self, x):
        """Return the number or the label expected."""
        outputs = self._outputs(x)
        return float(outputs[0]) if self.labels is None else self.labels[outputs.argmax()]

    def learn_one(self, x, y):
        """Take one step."""
        outputs = self._outputs(x)
        error = outputs - y if self.labels is None else softmax(outputs) - [label == y for label in self.labels]
        self.weights_ -= self.rate * np.outer(error, [*x, 1.0])


def windows(X, size):
    """Return the last `size` inputs of each step side by side, zeros where there are none yet."""
    padded = np.concatenate([np.zeros((size - 1, X.shape[1])), X])
    return np.lib.stride_tricks.sliding_window_view(padded, size, axis=0).reshape(len(X), -1)


def best(score, choose, learners, X, y):
    """Return the best of the learners' scores; a rate under which one diverges is none."""
    with np.errstate(all="ignore"):
        predicted = [Progressive(learner).fit(X, y).predicted_ for learner in learners]
    return choose(score(y, p) for p in predicted if not isinstance(p[0], float) or np.isfinite(p).all())


def main(arguments=None):
    """Print the floors."""
    options = parser("quality.streams").parse_args(arguments)
    stream = read_sunspots(options.data)
    X, y = stream.X_train, stream.y_train
    print(f"Sunspots, RMSE: last value {root_mean_squared_error(y, np.zeros(len(y))):.2f}")
    for size in (1, 3, 12):
        lagged = windows(X, size)
        exact = best(root_mean_squared_error, min, [LeastSquares()], lagged, y)
        descent = best(root_mean_squared_error, min, map(Linear, RATES), lagged, y)
        print(f"    {size} changes: least squares {exact:.2f}, gradient descent {descent:.2f}")
    stream = make_bells()
    X, y = stream.X_train, stream.y_train
    bells = [label for label in y if label != "nothing"]
    print(f"bells right: last label {bells_right(bells[1:], bells[:-1]):.3f}")
    for size in (1, 12):
        learners = [Linear(rate, ("nothing", "left", "right")) for rate in RATES]
        print(f"    {size} steps: logistic regression {best(bells_right, max, learners, windows(X, size), y):.3f}")


if __name__ == "__main__":
    main()
