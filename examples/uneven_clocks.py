"""
Uneven clocks and missing values
================================

Sensors do not keep time.  Here each of 600 sensors sees a wave, and sends its height whenever it likes: some often,
some seldom.  How fast does the wave go up and down?  A network that only counts steps cannot know, for it takes the
wave of a slow sensor for a fast one.  With ``time_column`` it reads the time since the step before, and can.

Then a part of the heights gets lost.  ``missing`` says what the network reads in their place.

You need matplotlib for the picture, and half a minute.  With ``--short`` it takes less.
"""

import sys

import numpy as np

from fastrnn import SequenceRegressor

short = "--short" in sys.argv  # fewer epochs

# %%
# A sequence has two columns: the height, and the time at which it was sent.  The answer is the wave's frequency.


def listen(frequency, rng):
    """What one sensor sends."""
    pace = 0.3 * 2 ** rng.uniform(-1.5, 1.5)  # each has its own
    times = rng.exponential(pace, rng.integers(20, 40)).cumsum()
    return np.column_stack([np.sin(frequency * times + rng.uniform(0, 2 * np.pi)), times])


rng = np.random.default_rng(0)
y = rng.uniform(0.5, 2.0, 600)
X = [listen(frequency, rng) for frequency in y]
train, test = slice(0, 400), slice(400, 600)

# %%
# Three models: one reads heights alone, one reads times as any other number, and one reads the times between steps.

options = {"max_iter": 15 if short else 80, "random_state": 0}
heights = [x[:, :1] for x in X]
models = {
    "heights alone": (SequenceRegressor(**options), heights),
    "times as numbers": (SequenceRegressor(**options), X),
    "time_column=1": (SequenceRegressor(time_column=1, **options), X),
}
answers = {}
for name, (model, data) in models.items():
    answers[name] = model.fit(data[train], y[train]).predict(data[test])
    print(f"{name:16}: mean error {np.abs(answers[name] - y[test]).mean():.3f}")

# %%
# A third of the heights gets lost.  "forward" reads the last one that came, "mask" the mean and a mark.

lossy = [x.copy() for x in X]
for x in lossy:
    x[rng.random(len(x)) < 1 / 3, 0] = np.nan
for missing in ("forward", "mask"):
    model = SequenceRegressor(time_column=1, missing=missing, **options).fit(lossy[train], y[train])
    print(f"missing={missing:9}: mean error {np.abs(model.predict(lossy[test]) - y[test]).mean():.3f}")

# %%
# Each dot is a new sensor.  A good model has its dots near the line.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the picture, install matplotlib: pip install matplotlib")

_, ax = plt.subplots(figsize=(5, 4), layout="constrained")
for name in ("heights alone", "time_column=1"):
    ax.plot(y[test], answers[name], ".", ms=4, label=name)
ax.plot([0.5, 2], [0.5, 2], "k-", lw=1, label="right")
ax.set(title="Waves of new sensors", xlabel="frequency", ylabel="answer of the network")
ax.legend()
plt.show()
