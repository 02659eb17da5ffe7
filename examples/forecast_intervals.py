"""How sure is a forecast: three kinds of intervals, and how much of what came they held.

Waves of 60 series, with noise that grows over the day.  Intervals from fitted quantiles, from a distribution
that paths are drawn from, and round a point forecast, as wide as its errors have been on days that the fit did
not learn from (split-conformal).

All should hold about 80 % and 95 % of what comes.  Quantiles and distributions can be narrow where the noise is
small, conformal intervals need nothing but a point forecast.  Paths tell what may happen over several steps: the last
line has the chance that a whole day stays below a limit, which no interval of single hours tells.
"""

import argparse

import numpy as np

from fastrnn import SequenceForecaster
from fastrnn.metrics import coverage

HORIZON = 24
MODELS = {
    "quantiles": {},
    "distribution": {"loss": "gaussian"},
    "conformal": {"loss": "squared_error", "calibration": 24},
    "drawn paths": {"loss": "gaussian", "strategy": "recursive"},
}


def make_series(n, steps, rng):
    """Waves of 24 hours, with noise that is three times as large in the second half of each day."""
    hour = np.arange(steps)
    wave = np.sin(2 * np.pi * hour / 24) * rng.uniform(2, 5, (n, 1))
    return 20 + wave + rng.normal(0, 1, (n, steps)) * np.where(hour % 24 < 12, 0.3, 0.9)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="fewer, shorter series")
    n, days = (30, 12) if parser.parse_args().short else (60, 21)
    y = make_series(n, 24 * days + HORIZON, np.random.default_rng(0))
    known, came = list(y[:, :-HORIZON]), y[:, -HORIZON:]
    print("              80 % holds, is wide  95 % holds, is wide")
    for name, options in MODELS.items():
        forecaster = SequenceForecaster(horizon=HORIZON, season=24, log=False, random_state=0, **options).fit(known)
        row = ""
        for nominal in (0.8, 0.95):
            interval = forecaster.predict_interval(nominal)
            row += f"{coverage(came, interval):12.1%}{np.diff(interval).mean():9.2f}"
        print(f"{name:12}{row}")
    highest = forecaster.sample_paths(200)[0].max(axis=1)
    limit = came[0].max()
    print(f"\nThat the first series stays below {limit:.1f} all day had a chance of {np.mean(highest < limit):.0%}")


if __name__ == "__main__":
    main()
