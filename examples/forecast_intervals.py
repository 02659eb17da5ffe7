"""
How sure is a forecast?
=======================

A forecast is worth more with an interval: where does the next value lie, with a probability of 80 %?  This example
compares four ways to get intervals: learned quantiles, a learned distribution, conformal intervals, and drawn paths.
The series are made here.  They are waves of 24 hours, and the noise is three times as large in the second half of each
day.  Intervals of 80 % should hold about 80 % of what comes, and be narrow where the noise is small.  All four hold
this share; conformal intervals have the same width at all hours.

You need matplotlib for the pictures, and some seconds.
"""

import sys

import numpy as np

from fastrnn import SequenceForecaster
from fastrnn.metrics import coverage

# %%
# Each row of ``y`` is a series.  The last day is kept back.

n, days = 60, 21
rng, hour = np.random.default_rng(0), np.arange(24 * (days + 1))
wave = np.sin(2 * np.pi * hour / 24) * rng.uniform(2, 5, (n, 1))
y = 20 + wave + rng.normal(0, 1, (n, len(hour))) * np.where(hour % 24 < 12, 0.3, 0.9)
known, came = list(y[:, :-24]), y[:, -24:]

# %%
# Four forecasters.  Conformal intervals are made around a point forecast.  They are as wide as its errors have been on
# days that the fit did not learn from (``calibration``).  Paths are drawn step by step from the learned distribution.
# The series are few, so the learning rate is raised, for enough to be learned about the noise.

options = {
    "quantiles": {},
    "distribution": {"loss": "gaussian"},
    "conformal": {"loss": "squared_error", "calibration": 24},
    "drawn paths": {"loss": "gaussian", "strategy": "recursive"},
}
training = {"learning_rate_init": 1e-2, "batch_size": 8, "shrinkage": None, "log": False, "random_state": 0}
models, intervals = {}, {}
for name, chosen in options.items():
    models[name] = SequenceForecaster(horizon=24, season=24, **training, **chosen).fit(known)
    intervals[name] = models[name].predict_interval(0.8)
    width = np.diff(intervals[name]).mean()
    print(f"{name:12}  80 % intervals hold {coverage(came, intervals[name]):.1%}, mean width {width:.2f}")

# %%
# How wide are they at each hour?  Quantiles and distributions follow the noise, the others know less of it.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the pictures, install matplotlib: pip install matplotlib")

_, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
for name, interval in intervals.items():
    ax.plot(range(24), np.diff(interval).mean(axis=(0, 2)), label=name)
ax.set(title="Intervals of 80 %", xlabel="hour of the day ahead", ylabel="mean width", ylim=(0, None))
ax.legend()
plt.show()

# %%
# Paths tell what no interval of single hours can tell.  How probable is it that the first series stays below a limit
# all day?

paths = models["drawn paths"].sample_paths(200)[0]
limit = 24.5
print(f"below {limit} all day: {np.mean(paths.max(axis=1) < limit):.0%} of 200 paths")

_, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
ax.plot(paths[:40].T, color="C0", lw=0.5, alpha=0.6)
ax.plot(came[0], "k:o", ms=3, label="came")
ax.axhline(limit, color="C3", label="limit")
ax.set(title="40 drawn paths of the first series", xlabel="hour of the day ahead", ylabel="value")
ax.legend()
plt.show()
