"""Would it have been any good?  Forecasts from many points of the past, beside the simplest ones.

Passengers again: settings are chosen by forecasts within the first years (GridSearchCV over TimeSeriesSplit), and
those chosen are judged at 25 cut-offs that the search has not seen, all at once.  The model should be about twice as
good as the same month of the year before; to fit it anew each year changes little.  Then months come in one by one.
"""

import argparse

from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from fastrnn import SequenceForecaster
from fastrnn.datasets import load_air_passengers


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="a smaller search")
    is_short = parser.parse_args().short
    y, months = load_air_passengers()
    known = y[:-36]

    grid = {"linear_lags": [0, 13, "auto"]} | ({} if is_short else {"hidden_size": [16, 64]})
    search = GridSearchCV(
        SequenceForecaster(horizon=12, season=12, random_state=0), grid, cv=TimeSeriesSplit(3, test_size=12)
    ).fit(known)
    print("chosen:", ", ".join(f"{name}={value}" for name, value in search.best_params_.items()))
    print(f"mean absolute scaled error, where it was chosen: {-search.best_score_:.2f}\n")

    forecaster = search.best_estimator_
    print(forecaster.backtest(y, metrics=("mase", "smape", "coverage")))
    print("\nFitted anew every 12 months:")
    print(forecaster.backtest(y, initial=len(known), metrics=("mase", "smape"), refit=12))

    print("\nAs months come in, what is said of the next one:")
    forecaster.update(y[-36:-12])
    for month, came in zip(months[-12:], y[-12:], strict=True):
        print(f"{month}  forecast {forecaster.predict(1)[0]:4.0f}, came {came:4.0f}")
        forecaster.update([came])


if __name__ == "__main__":
    main()
