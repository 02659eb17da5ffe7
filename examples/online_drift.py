"""Learn from a stream that changes its rules: real-time recurrent learning beside a truncated past.

A lever moves left or right; six to ten steps later a bell rings, and by then the learner must say which
way it went.  Half way through the stream somebody rewires the lever: left is right from there on.  Each
sample comes once, and is predicted before it is learned.

What differs is how a learner finds out what to keep in its state.  A window of five steps ends before
the lever moved: it should do little better than guess.  A window of twenty sees it; real-time recurrent
learning carries all of the past along.  Both should have all bells right after the first eighth of the
stream, and again soon after the change, but the window takes several times as long for every step.
"""

import argparse
import time

import numpy as np
from sklearn.base import clone

from fastrnn.online import OnlineClassifier


def make_stream(n_bells, rng):
    """Pairs of what is seen, and what is to be said."""
    for k in range(n_bells):
        side, wait = rng.choice([-1.0, 1.0]), rng.randint(6, 11)
        answer = "left" if (side < 0) == (k < n_bells // 2) else "right"
        for step in range(wait + 1):
            x = {"lever": side * (step == 0), "bell": step == wait, "noise": rng.normal(0, 0.3)}
            yield x, answer if step == wait else "nothing"


def bells_right(model, stream):
    """Whether each bell was answered right, (n_bells,)."""
    right = []
    for x, y in stream:
        if y != "nothing":
            right.append(model.predict_one(x) == y)
        model.learn_one(x, y)
    return np.array(right)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="half the stream")
    n = 800 if parser.parse_args().short else 1600
    print(f"{'bells right, from':20}{''.join(f'{first:6}' for first in range(0, n, n // 8))}{'us a step':>12}")
    for gradient, window in (("rtrl", 1), ("bptt", 5), ("bptt", 20)):
        model = OnlineClassifier(gradient=gradient, bptt_steps=window, learning_rate_init=1e-2, random_state=0)
        stream = list(make_stream(n, np.random.RandomState(0)))
        bells_right(clone(model), stream[:20])  # compiles
        start = time.perf_counter()
        shares = bells_right(model, stream).reshape(8, -1).mean(1)
        micros = (time.perf_counter() - start) / len(stream) * 1e6
        name = "real-time recurrent" if gradient == "rtrl" else f"window of {window} steps"
        print(f"{name:20}{''.join(f'{share:6.0%}' for share in shares)}{micros:12.0f}")


if __name__ == "__main__":
    main()
