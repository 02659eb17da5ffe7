"""
Facts beside sequences
======================

A heart that beats 150 times a minute is busy at the age of 25, and near its limit at 70.  Here are the heart rates of
people who run.  Was it too much?  The rates alone do not tell, and the age alone does not either.  It is the same at
all steps: with ``static`` it stands beside the sequence, in place of a channel that repeats it.

You need half a minute, and matplotlib for the picture.  With ``--short`` it takes less.
"""

import sys

import numpy as np

from fastrnn import SequenceClassifier

short = "--short" in sys.argv  # fewer epochs

# %%
# A run takes 15 to 40 minutes, with a rate for each.  It is too much if the rate is above 85 percent of 220 minus the
# age, a rule of thumb, for more than five minutes.


def run(rng, age):
    """The heart rate in each minute, and whether it was too much."""
    minutes = np.arange(rng.integers(15, 40))
    top, when = rng.uniform(120, 185), rng.uniform(0.3, 0.8) * len(minutes)
    rate = 70 + (top - 70) * np.exp(-(((minutes - when) / rng.uniform(5, 12)) ** 2)) + rng.normal(0, 3, len(minutes))
    return rate, int((rate > 0.85 * (220 - age)).sum() > 5)


rng = np.random.default_rng(0)
ages = rng.uniform(18, 80, 900)
rates, y = zip(*(run(rng, age) for age in ages), strict=True)
X, y, static = list(rates), np.array(y), ages[:, np.newaxis]
train, test = slice(600), slice(600, None)

# %%
# Two models, without the age and with it:

options = {"hidden_size": 32, "max_iter": 10 if short else 60, "random_state": 0}
without = SequenceClassifier(**options).fit(X[train], y[train])
model = SequenceClassifier(**options).fit(X[train], y[train], static=static[train])
print(f"without the age: {without.score(X[test], y[test]):.2f}")
print(f"with the age:    {model.score(X[test], y[test], static=static[test]):.2f}")

# %%
# What does the model say of one run, if people of any age had run it?

of_all_ages = np.arange(18.0, 81.0)
chosen = [X[k] for k in np.argsort([np.sort(x)[-6] for x in X])[[300, 500, 700]]]
found = [model.predict_proba([x] * len(of_all_ages), static=of_all_ages[:, np.newaxis])[:, 1] for x in chosen]

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the picture, install matplotlib: pip install matplotlib")

fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
for x, probabilities in zip(chosen, found, strict=True):
    (line,) = left.plot(x)
    right.plot(of_all_ages, probabilities)
    right.axvline(220 - np.sort(x)[-6] / 0.85, color=line.get_color(), ls=":")
left.set(title="Three runs", xlabel="minute", ylabel="beats a minute")
right.set(title="Too much?  Dotted: the rule", xlabel="age", ylabel="probability")
plt.show()
