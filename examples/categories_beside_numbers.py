"""
Categories beside numbers
=========================

A mill grinds stones.  Each step of a sequence has a number, how hard the mill presses, and a category, which stone it
grinds.  How worn is the mill at the end?  Some stones wear it down ten times as fast as others, but the data do not say
which: the network has to find out.  With ``categorical_features`` it learns a vector for each kind of stone.

You need pandas; matplotlib for the picture; and half a minute.  With ``--short`` it takes less.
"""

import sys

import numpy as np

from fastrnn import SequenceRegressor

try:
    import pandas as pd
except ImportError:
    sys.exit("This example needs pandas: pip install pandas")

short = "--short" in sys.argv  # fewer epochs
STONES = "basalt chalk dolomite flint gabbro gneiss granite gypsum marble quartz sandstone slate".split()

# %%
# A sequence is a frame of 10 to 20 steps.  The answer is a number for each: pressure times wear, summed over the steps.


def grind(rng):
    """What the mill does on one day, and how much of it is worn off."""
    n = rng.integers(10, 20)
    day = pd.DataFrame({"pressure": rng.uniform(0, 2, n), "stone": rng.choice(STONES, n)})
    return day, (day["pressure"] * day["stone"].map(wear)).sum()


rng = np.random.default_rng(0)
wear = dict(zip(STONES, 10 ** rng.uniform(-1, 0, len(STONES)), strict=True))
X, y = map(list, zip(*[grind(rng) for _ in range(700)], strict=True))

# %%
# Three models: one reads the stones as categories, one has their places in the alphabet as a number, and one does not
# know them.

options = {"max_iter": 10 if short else 60, "random_state": 0}
ways = {
    "without": [day[["pressure"]] for day in X],
    "as numbers": [day.assign(stone=day["stone"].map(STONES.index)) for day in X],
    "as categories": X,
}
for name, days in ways.items():
    columns = ["stone"] if name == "as categories" else None
    model = SequenceRegressor(categorical_features=columns, **options).fit(days[:500], y[:500])
    print(f"stones {name:13}: R^2 {model.score(days[500:], y[500:]):.3f}")

# %%
# A stone that the model has never seen is no error: it is read as the mean of the vectors of the others.

new = X[600].assign(stone="obsidian")
print(f"a day of a new stone: {model.predict([new])[0]:.2f}, of the stones that it was: {y[600]:.2f}")

# %%
# What has the model found out?  Let it grind one kind of stone, always at the same pressure, and compare.

days = [pd.DataFrame({"pressure": np.ones(15), "stone": stone}, index=range(15)) for stone in STONES]
found = model.predict(days) / 15

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the picture, install matplotlib: pip install matplotlib")

_, ax = plt.subplots(figsize=(5, 4), layout="constrained")
ax.plot([*wear.values()], found, "o")
for stone, value in zip(STONES, found, strict=True):
    ax.annotate(stone, (wear[stone], value), xytext=(4, -4), textcoords="offset points", fontsize=8)
ax.plot([0, 1], [0, 1], "k-", lw=1)
ax.set(title="Wear of each kind of stone", xlabel="as it is", ylabel="as the model believes")
plt.show()
