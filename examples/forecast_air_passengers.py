"""Airline passengers, two years ahead, in ten lines.

The forecast of the last 24 months should be less than two thirds as wrong as that each month is as it was in
the last year that was known.
"""

import argparse

import numpy as np

from fastrnn import SequenceForecaster
from fastrnn.datasets import load_air_passengers
from fastrnn.metrics import seasonal_naive


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="the same; it takes seconds anyway")
    parser.add_argument("--plot", metavar="FILE", help="draw it with matplotlib, too")
    options = parser.parse_args()

    y, months = load_air_passengers()
    known, came = y[:-24], y[-24:]
    forecaster = SequenceForecaster(season=12, random_state=0).fit(known)
    forecast = forecaster.predict(24)
    lower, upper = forecaster.predict_interval(0.8, 24).T
    for row in zip(months[-24:], came, forecast, lower, upper, strict=True):
        print("{}  {:4.0f}, forecast {:4.0f} ({:.0f} to {:.0f})".format(*row))
    for name, said in (("network", forecast), ("a year ago", seasonal_naive(known, 24, 12))):
        print(f"{name:10} misses by {np.mean(np.abs(said - came) / came):.1%}")
    print(f"the 80 % interval held {np.mean((lower <= came) & (came <= upper)):.0%}")

    if options.plot:
        from fastrnn.inspection import ForecastDisplay

        ForecastDisplay.from_estimator(forecaster, came).figure_.savefig(options.plot)


if __name__ == "__main__":
    main()
