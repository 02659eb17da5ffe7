"""
Learn from a stream whose rule changes
======================================

A lever moves to the left or the right.  Six to ten steps later a bell rings, and the learner must say which way the
lever went.  Half way through the stream the two answers change places.  Each step is predicted, then learned, once.

A window of five steps ends before the lever moved, so truncated backpropagation learns the task slowly there, if at
all.  With a window of twenty it learns it soon, and so does real-time recurrent learning, which carries all of the
past along.  You need matplotlib for the picture, and some seconds.
"""

import sys

import numpy as np

from fastrnn.online import OnlineClassifier

# %%
# The stream: a dict of what is seen at each step, and the right answer.


def make_stream(n_bells, rng):
    for k in range(n_bells):
        side, wait = rng.choice([-1, 1]), rng.randint(6, 11)
        answer = "left" if (side < 0) == (k < n_bells // 2) else "right"
        for step in range(wait + 1):
            x = {"lever": 0 if step else side, "bell": int(step == wait), "noise": rng.normal(0, 0.3)}
            yield x, answer if step == wait else "nothing"


n_bells = 1600
for x, answer in list(make_stream(2, np.random.RandomState(0)))[:8]:
    print(f"lever {x['lever']:2}  bell {x['bell']}  noise {x['noise']:4.1f}  ->  {answer}")

# %%
# Predict first, then learn.  Only bells count here, for "nothing" is easy.

learners = {
    "real-time": OnlineClassifier(gradient="rtrl", random_state=0),
    "window of 20": OnlineClassifier(gradient="bptt", bptt_steps=20, random_state=0),
    "window of 5": OnlineClassifier(gradient="bptt", bptt_steps=5, random_state=0),
}
shares = {}
for name, model in learners.items():
    right = []
    for x, answer in make_stream(n_bells, np.random.RandomState(0)):
        if answer != "nothing":
            right.append(model.predict_one(x) == answer)
        model.learn_one(x, answer)
    shares[name] = 100 * np.reshape(right, (16, -1)).mean(axis=1)
    half = len(right) // 2
    print(f"{name:12}  right before the change {np.mean(right[half - 100 : half]):.0%}, at the end", end=" ")
    print(f"{np.mean(right[-100:]):.0%}")

# %%
# Each marker is the mean of a hundred bells.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the picture, install matplotlib: pip install matplotlib")

_, ax = plt.subplots(figsize=(5, 3.6), layout="constrained")
for (name, share), marker in zip(shares.items(), "osx", strict=True):
    ax.plot((np.arange(16) + 0.5) * n_bells / 16, share, marker=marker, ms=5, label=name)
ax.axvline(n_bells / 2, color="0.5", ls=":", label="the rule changes")
ax.set(title="How soon is the rule learned?", xlabel="bells so far", ylabel="right (%)", ylim=(0, 103))
ax.legend(fontsize="small")
plt.show()
