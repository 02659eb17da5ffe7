"""Learn from a stream that changes its rules: real-time recurrent learning beside a truncated past.

A lever moves; six to ten steps later a bell rings, and the learner must say which way it went.  Half way
through, left becomes right.  Each sample is predicted, then learned, once.

A window of five steps ends before the lever moved: it should do little better than guess.  A window of
twenty, and real-time recurrent learning, which carries all of the past along, should have all bells right
after an eighth of the stream, and again soon after the change.  With these 16 units the window takes
several times as long for a step; the other's cost grows as the fourth power of the units.
"""

import argparse
import time

import numpy as np

from fastrnn.online import OnlineClassifier

LEARNERS = {"real-time": ("rtrl", 1), "window of 5": ("bptt", 5), "window of 20": ("bptt", 20)}


def make_stream(n_bells, rng):
    """Pairs of what is seen, and what is to be said."""
    for k in range(n_bells):
        side, wait = rng.choice([-1.0, 1.0]), rng.randint(6, 11)
        answer = "left" if (side < 0) == (k < n_bells // 2) else "right"
        for step in range(wait + 1):
            x = {"lever": side * (step == 0), "bell": step == wait, "noise": rng.normal(0, 0.3)}
            yield x, answer if step == wait else "nothing"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="half the stream")
    parser.add_argument("--plot", metavar="FILE", help="draw the shares with matplotlib, too")
    options, shares = parser.parse_args(), {}
    n = 800 if options.short else 1600
    print(f"bells right, from{''.join(f'{first:6}' for first in range(0, n, n // 8))}   us a step")
    for name, (gradient, window) in LEARNERS.items():
        model = OnlineClassifier(gradient=gradient, bptt_steps=window, learning_rate_init=1e-2, random_state=0)
        right, seconds = [], []
        for x, y in make_stream(n, np.random.RandomState(0)):
            if y != "nothing":
                right.append(model.predict_one(x) == y)
            start = time.perf_counter()
            model.learn_one(x, y)
            seconds.append(time.perf_counter() - start)
        shares[name] = np.reshape(right, (8, -1)).mean(1)
        print(f"{name:17}{''.join(f'{share:6.0%}' for share in shares[name])}{1e6 * np.median(seconds):12.0f}")
    if options.plot:
        from matplotlib.figure import Figure

        axes = Figure(figsize=(8, 4), layout="constrained").add_subplot(xlabel="eighth of the stream", ylabel="right")
        for name, share in shares.items():
            axes.plot(range(1, 9), share, marker="o", label=name)
        axes.legend()
        axes.figure.savefig(options.plot)


if __name__ == "__main__":
    main()
