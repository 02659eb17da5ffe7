"""
Forecast many series together
=============================

One model learns the sales of many products, and what is known beside them: promotions (``future``, known ahead), the
kind of each product (``static``), and visitors (``past``, known only when their day is over).  The sales are made
here, so the truth is known.  During a promotion products of one kind sell a third more, those of the other kind two
and a half times as much.  Promotions lower the error most.

You need matplotlib for the picture, and about 20 seconds; with ``--short`` there are fewer products, and it takes less.
"""

import sys

import numpy as np

from fastrnn import SequenceForecaster
from fastrnn.metrics import seasonal_naive

short = "--short" in sys.argv  # fewer products

# %%
# Sales of 200 days.  They have a weekly season, promotions, and visitors of the day before who come back.

n, days, horizon = 40 if short else 200, 200, 7
rng, day = np.random.default_rng(0), np.arange(days)
promotions = (rng.random((n, days)) < 0.12).astype(float)
visitors = rng.normal(0, 1, (n, days))
kinds = rng.integers(0, 2, n)
size = rng.lognormal(4, 1, (n, 1))
effect = np.where(kinds, 1.5, 0.33)[:, np.newaxis] * promotions
expected = size * (1 + 0.5 * (day % 7 > 4)) * (1 + effect)
back = np.exp(0.1 * np.roll(visitors, 1, axis=1))
sales = expected * back * rng.lognormal(0, 0.08, (n, days))

# %%
# The last week is kept back.  The errors are mean shares of what came.  The default learning rate is too low to learn
# from covariates in few epochs, so it is raised here.

y, came = list(sales[:, :-horizon]), sales[:, -horizon:]
future, ahead = list(promotions[:, :-horizon]), list(promotions[:, -horizon:])
past = list(visitors[:, :-horizon])
given = {
    "sales alone": {},
    "with promotions": {"future": future},
    "and kinds": {"future": future, "static": kinds},
    "and visitors": {"future": future, "static": kinds, "past": past},
}
forecasts = {"last week again": seasonal_naive(y, horizon, 7)}
for name, beside in given.items():
    forecaster = SequenceForecaster(
        horizon=horizon, season=7, learning_rate_init=1e-2, batch_size=16, max_iter=40, random_state=0
    )
    forecasts[name] = forecaster.fit(y, **beside).predict(future=ahead if "future" in beside else None)
expected[:, -horizon] *= back[:, -horizon]  # what can be known on the day before
forecasts["the true rule"] = expected[:, -horizon:]
errors = {name: 100 * np.mean(np.abs(said - came) / came) for name, said in forecasts.items()}
for name, error in errors.items():
    print(f"{name:16} wrong by {error:.1f} %")

# %%
# Kinds tell little: the past of a product also shows how its promotions work.  Visitors tell of the first day alone.
# The true rule is wrong, too, by what nobody can know.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the picture, install matplotlib: pip install matplotlib")

_, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
ax.bar_label(ax.barh(list(errors), errors.values(), color=["0.7", *["C0"] * 4, "C2"]), fmt=" %.1f %%")
ax.invert_yaxis()
ax.set(title=f"{n} products, {horizon} days ahead", xlabel="mean error (% of the sales)")
ax.margins(x=0.2)
plt.show()
