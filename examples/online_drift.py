"""Learn from a stream that changes its rules: real-time recurrent learning beside a truncated past.

A lever moves left or right; six to ten steps later a bell rings, and by then the learner must say which
way it went.  Half way through the stream somebody rewires the lever: left is right from there on.  Each
sample comes once, and is predicted before it is learned.

What differs is how a learner finds out what to keep in its state.  A window of five steps ends before
the lever moved: it should guess for ever.  A window of twenty sees it, and takes longer for every step.
Real-time recurrent learning carries all of the past along: it should have all bells right after a few
hundred, and again after the change.
"""

import argparse
import time

import numpy as np
from sklearn.base import clone

from fastrnn.online import OnlineClassifier

LEARNERS = {
    "real-time recurrent": {"gradient": "rtrl"},
    "window of 5 steps": {"gradient": "bptt", "bptt_steps": 5},
    "window of 20 steps": {"gradient": "bptt", "bptt_steps": 20},
}


def make_stream(n_bells, rng):
    """Pairs of what is seen, and what is to be said."""
    for k in range(n_bells):
        side, wait = rng.choice([-1.0, 1.0]), rng.randint(6, 11)
        is_left = (side < 0) == (k < n_bells // 2)
        for step in range(wait + 1):
            rings = step == wait
            x = {"lever": side if step == 0 else 0.0, "bell": float(rings), "noise": rng.normal(0, 0.3)}
            yield x, ("left" if is_left else "right") if rings else "nothing"


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
    blocks = np.arange(0, n, n // 8)
    print(f"bells right, {n // 8} at a time; the rules change before bell {n // 2}\n")
    print(f"{'from bell':20}{''.join(f'{first:6}' for first in blocks)}{'us a step':>12}")
    for name, options in LEARNERS.items():
        stream = list(make_stream(n, np.random.RandomState(0)))
        model = OnlineClassifier(learning_rate_init=1e-2, random_state=0, **options)
        bells_right(clone(model), stream[:20])  # compiles
        start = time.perf_counter()
        right = bells_right(model, stream)
        micros = (time.perf_counter() - start) / len(stream) * 1e6
        print(f"{name:20}{''.join(f'{share:6.0%}' for share in right.reshape(8, -1).mean(1))}{micros:12.0f}")


if __name__ == "__main__":
    main()
