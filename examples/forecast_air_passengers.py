"""
Forecast airline passengers
===========================

The classic monthly series of airline passengers, 1949 to 1960.  The last two years are kept back, forecast from all
before, and compared with what came.  The simplest forecast repeats the last year that is known.  The forecast here is
wrong by less than half as much.

You need matplotlib for the picture, and some seconds.
"""

import sys

import numpy as np

from fastrnn import SequenceForecaster
from fastrnn.datasets import load_air_passengers
from fastrnn.inspection import ForecastDisplay
from fastrnn.metrics import seasonal_naive

# %%
# A season has 12 months.  You set this; trend and form of the season are found.

y, months = load_air_passengers()
known, came = y[:-24], y[-24:]
forecaster = SequenceForecaster(season=12, random_state=0).fit(known)
forecast = forecaster.predict(24)
lower, upper = forecaster.predict_interval(0.8, 24).T
for row in zip(months[-12:], came[-12:], forecast[-12:], lower[-12:], upper[-12:], strict=True):
    print("{}: {:.0f} came, {:.0f} forecast ({:.0f} to {:.0f})".format(*row))

# %%
# How wrong is it, as a mean share of what came?  And how much of what came is in the interval of 80 %?

for name, said in {"forecast": forecast, "last year again": seasonal_naive(known, 24, 12)}.items():
    print(f"{name}: wrong by {np.mean(np.abs(said - came) / came):.1%}")
print(f"in the interval: {np.mean((lower <= came) & (came <= upper)):.0%}")

# %%
# One picture with all of it.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the picture, install matplotlib: pip install matplotlib")

_, ax = plt.subplots(figsize=(5, 3.8), layout="constrained")
ForecastDisplay.from_estimator(forecaster, came, ax=ax)
ax.set(title="Airline passengers", xlabel="month since January 1949", ylabel="thousands a month")
plt.show()
