"""
Runs of a pump that are not as they should be
=============================================

A pump's pressure and current go up and down together, each run with a speed of its own.  A detector learns from runs
that were fine.  In new runs it says which are odd, and at which step the fault begins: a valve that sticks, or a sensor
that drifts.  Nobody has told it what a fault looks like.

You need matplotlib for the pictures, and about 20 seconds.  With ``--short`` it takes less.
"""

import sys

import numpy as np
from sklearn.metrics import roc_auc_score

from fastrnn import SequenceOutlierDetector

short = "--short" in sys.argv  # fewer runs and epochs

# %%
# Runs of 60 to 100 steps: the current follows the pressure a little later.  A valve that sticks keeps the pressure
# where it is for eight steps.  A sensor that drifts adds a little more to the current at each step.


def run(rng, fault=None, begin=40):
    t = np.arange(rng.integers(60, 101))
    angle = rng.uniform(0.25, 0.45) * t + rng.uniform(0, 2 * np.pi)
    pressure, current = np.sin(angle), 0.5 * np.sin(angle - 0.8)
    if fault == "valve":
        pressure[begin : begin + 8] = pressure[begin]
    if fault == "drift":
        current[begin:] += 0.03 * np.arange(t.size - begin)
    return np.column_stack([pressure, current]) + 0.05 * rng.normal(size=(t.size, 2))


rng = np.random.default_rng(0)
n = 60 if short else 200
usual = [run(rng) for _ in range(n)]
new = {fault: [run(rng, fault) for _ in range(50)] for fault in (None, "valve", "drift")}

# %%
# Fit on the usual runs, and ask about new ones.

detector = SequenceOutlierDetector(method="forecast", max_iter=60 if short else 150, random_state=0).fit(usual)
for fault, runs in new.items():
    print(f"{fault or 'fine':6}: {np.mean(detector.predict(runs) == -1):4.0%} are called odd")
scores = {fault: detector.score_samples(runs) for fault, runs in new.items()}
for fault in ("valve", "drift"):
    area = roc_auc_score([1] * 50 + [0] * 50, np.concatenate([scores[None], scores[fault]]))
    print(f"{fault}: area under the ROC curve {area:.3f}")

# %%
# The scores of steps, of one run of each kind.  Where the line goes down, the step is odd.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the pictures, install matplotlib: pip install matplotlib")

_, axes = plt.subplots(2, 3, figsize=(10, 4.2), sharex=True, sharey="row", layout="constrained")
for (fault, runs), (above, below) in zip(new.items(), axes.T, strict=True):
    above.plot(runs[0])
    below.plot(detector.score_steps(runs[:1])[0], color="tab:red")
    above.set_title({None: "fine", "valve": "a valve sticks", "drift": "a sensor drifts"}[fault])
    below.set_xlabel("step")
    if fault:
        for ax in (above, below):
            ax.axvline(40, color="grey", linestyle=":")
axes[0, 0].legend(["pressure", "current"])
axes[1, 0].set_ylabel("score of the step")
plt.show()

# %%
# The same while a run goes on: a stream says of each step at once what ``score_steps`` says of it.  Stop at the first
# step that is odder than any in the usual runs.

alarm = min(steps.min() for steps in detector.score_steps(usual))
stream = detector.stream()
for t, step in enumerate(new["valve"][1]):
    score = stream.step(step)
    if score < alarm:
        print(f"step {t}: the score is {score:.0f}, below {alarm:.0f}: stop the pump")
        break
