"""
Would the forecasts have been any good?
=======================================

A backtest forecasts from many points of the past, each time from what was known there, and compares with what came.
Here a search chooses the settings of a forecaster on the first nine years of airline passengers.  Then a backtest on
the last three years, which the search has not seen, tells how good they are.  The forecasts are about half as wrong as
those that repeat the year before.

You need matplotlib for the picture, and some seconds.
"""

import sys

from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from fastrnn import SequenceForecaster
from fastrnn.datasets import load_air_passengers

# %%
# ``TimeSeriesSplit`` makes three parts of a year each.  Each of them is forecast from what was before it.  The score is
# the negative mean absolute scaled error: -1 is as good as the last season again, and 0 is perfect.

y, months = load_air_passengers()
known = y[:-36]
grid = {"linear_lags": [0, 13, "auto"], "hidden_size": [16, 64]}
forecaster = SequenceForecaster(horizon=12, season=12, random_state=0)
search = GridSearchCV(forecaster, grid, cv=TimeSeriesSplit(3, test_size=12)).fit(known)
print("chosen:", search.best_params_, f"score {search.best_score_:.2f}")

# %%
# The backtest: 25 forecasts of the next 12 months.  The model is that of the first nine years; it is not fitted again.
# Three simple forecasts stand beside it.  ``mase`` and ``smape`` are errors, so lower is better.

chosen = search.best_estimator_
report = chosen.backtest(y, metrics=("mase", "smape", "coverage"))
print(report)

# %%
# The same, fitted again after every 12 months.  This takes longer, and changes little here.

print(chosen.backtest(y, initial=len(known), metrics=("mase", "smape"), refit=12))

# %%
# Months come in one by one.  ``update`` tells the forecaster what came, without a new fit.

chosen.update(y[-36:-12])
said = []
for month, came in zip(months[-12:], y[-12:], strict=True):
    said.append(chosen.predict(1)[0])
    print(f"{month}: forecast {said[-1]:.0f}, came {came:.0f}")
    chosen.update([came])

# %%
# The last year, as it was forecast month by month.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the picture, install matplotlib: pip install matplotlib")

_, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
ax.plot(range(1, 13), y[-12:], "k:o", ms=4, label="came")
ax.plot(range(1, 13), said, label="forecast of the month before")
ax.set(title="Airline passengers, a month ahead", xlabel="month of 1960", ylabel="thousands a month", ylim=(370, 720))
ax.legend(loc="upper left")
plt.show()
