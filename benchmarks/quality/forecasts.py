"""Sets of time series, what is asked of forecasts of them, and the simplest forecasts beside.

A forecast is made at each cut-off from the first to the last that leaves a horizon to judge it by, of each series. A
model is fitted once, on what the publishers' training part holds.
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from benchmarks.quality.tasks import Bar, Metric, Task
from fastrnn import SequenceForecaster
from fastrnn.metrics import coverage, drift, naive, seasonal_naive, smape


@dataclass(frozen=True)
class Histories:
    """Series, the steps of each that a fit sees, and the first cut-off of each; the last horizons are what came."""

    series: list
    known: np.ndarray
    firsts: np.ndarray
    horizon: int
    season: int
    """That of the seasonal naive forecast, and of MASE."""
    y_train = None

    @classmethod
    def of(cls, series, known, horizon, season, first=None):
        """The same numbers of steps for all series, or one for each."""
        known, first = (np.broadcast_to(n, len(series)) for n in (known, known if first is None else first))
        return cls(series, known, first, horizon, season)

    @property
    def X_train(self):  # noqa: N802
        """What a fit sees."""
        return [y[:n] for y, n in zip(self.series, self.known, strict=True)]

    def without_test(self):
        """What is left before the first cut-offs, with a test part as long as this one's."""
        lengths = np.array([len(y) for y in self.series])
        known = np.minimum(self.known, 2 * self.firsts - lengths)
        series = [y[:n] for y, n in zip(self.series, self.firsts, strict=True)]
        return replace(self, series=series, known=known, firsts=np.maximum(known, 2 * self.firsts - lengths))

    @cached_property
    def pasts(self):
        """What is known at each cut-off, a list of m arrays."""
        return [
            y[:end]
            for y, first in zip(self.series, self.firsts, strict=True)
            for end in range(first, len(y) - self.horizon + 1)
        ]

    @cached_property
    def came(self):
        """What came after each cut-off (m, horizon)."""
        h = self.horizon
        parts = zip(self.series, self.firsts, strict=True)
        return np.concatenate([np.lib.stride_tricks.sliding_window_view(y[first:], h) for y, first in parts])

    @cached_property
    def simplest(self):
        """Forecasts (m, horizon) that need no model, by name."""
        found = {"naive": naive(self.pasts, self.horizon), "drift": drift(self.pasts, self.horizon)}
        if self.season > 1:
            found["seasonal naive"] = seasonal_naive(self.pasts, self.horizon, self.season)
        return found

    @cached_property
    def scale(self):
        """What MASE is in units of (m, 1)."""
        return np.array([[np.abs(y[self.season :] - y[: -self.season]).mean()] for y in self.pasts])


class ForecastTask(Task):
    """Of `Histories`; a metric is of them and of forecasts (m, horizon), or of what gives intervals."""

    def forecasts(self, model, split):
        """Return the forecasts (m, horizon) at all cut-offs."""
        initial = None if (split.firsts == split.known).all() else int(split.firsts[0])
        test = model[-1].backtest(split.series, initial=initial, horizon=split.horizon)
        if not np.array_equal(test.actual, split.came):
            raise ValueError(f"{self.name}: the backtest was at other cut-offs")
        return test.forecasts

    def scores(self, model, split):
        """Return a score for each bar."""
        interval = partial(model[-1].predict_interval, horizon=split.horizon)
        answers = {"predict": self.forecasts(model, split), "predict_interval": interval}
        return [float(bar.metric.score(split, answers[bar.metric.method])) for bar in self.bars]

    def beside(self, bar, split):
        """Return what others have reached, and the simplest forecasts."""
        found = [bar.published] if bar.published else []
        if bar.metric.method == "predict":
            score = bar.metric.score
            found += [f"{name} {score(split, said):.4g}" for name, said in split.simplest.items() if score]
        return "; ".join(found)


# Metrics


def _smape(histories, said):
    return smape(histories.came, said)


def _mape(histories, said):
    return 100 * (np.abs(histories.came - said) / np.abs(histories.came)).mean()


def _mase(histories, said):
    return (np.abs(histories.came - said) / histories.scale).mean()


def _mae(histories, said):
    return np.abs(histories.came - said).mean()


def _rmse(histories, said):
    return np.sqrt(((histories.came - said) ** 2).mean())


def _standardised_mse(histories, said):
    """In units of the training part's deviation (Zhou et al. 2021)."""
    return (_rmse(histories, said) / np.std(histories.X_train[0])) ** 2


def _rse(histories, said, step):
    """Root relative squared error at one step of the horizon (Lai et al. 2018)."""
    came, said = histories.came[:, step - 1], said[:, step - 1]
    return np.sqrt(((came - said) ** 2).sum() / ((came - came.mean()) ** 2).sum())


def _off_nominal(histories, interval, level):
    """How far the coverage of intervals is from their level, in points."""
    return 100 * abs(coverage(histories.came, interval(level)) - level)


def _relative(histories, said, score, to):
    return score(histories, said) / score(histories, histories.simplest[to])


def _bar(name, score, floor, published="", method="predict"):
    return Bar(Metric(name, score, greater_is_better=False, method=method), floor, published)


def _against(name, score, to, floor):
    """Return what is asked of the score over that of one of the simplest forecasts."""
    return _bar(f"{name} over {to}'s", partial(_relative, score=score, to=to), floor)


AHEAD = _against("MAE", _mae, "seasonal naive", 1.0)
COVERAGES = tuple(
    _bar(f"coverage off {level:.0%}, points", partial(_off_nominal, level=level), 3.0, method="predict_interval")
    for level in (0.8, 0.95)
)
CURRENCIES = tuple(_against(f"RSE at {h}", partial(_rse, step=h), "naive", 1.02) for h in (3, 6, 12, 24))


# Readers


def _column(path, column):
    with open(path, encoding="utf-8") as lines:
        return np.array([float(row[column]) for row in list(csv.reader(lines))[1:]])


def _rows(path):
    """The numbers of each row after its name, without what is empty at its end."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = list(csv.reader(lines))[1:]
    return [np.array([float(value) for value in row[1:] if value not in ("", "NA")]) for row in rows]


def _passengers(data):
    return Histories.of([_column(data / "AirPassengers" / "Airline.csv", 1)], 120, horizon=24, season=12)


def _m4_hourly(data):
    known, came = (_rows(data / "M4-Hourly" / f"Hourly-{part}.csv.gz") for part in ("train", "test"))
    series = [np.concatenate(pair) for pair in zip(known, came, strict=True)]
    return Histories.of(series, [len(y) for y in known], horizon=48, season=24)


def _hospital(data):
    table = np.genfromtxt(data / "Hospital" / "hospital.csv", delimiter=",", skip_header=1)
    return Histories.of(list(table.T), 72, horizon=12, season=12)


def _exchange_rates(data):
    with gzip.open(data / "ExchangeRate" / "exchange_rate.txt.gz", "rt", encoding="utf-8") as lines:
        table = np.loadtxt(lines, delimiter=",")
    n = len(table)
    return Histories.of(list(table.T), int(0.6 * n), horizon=24, season=1, first=int(0.8 * n))


def _transformer(data):
    series = _column(data / "ETTh1" / "ETTh1.csv", 7)[:14400]
    return Histories.of([series], 8640, horizon=24, season=24, first=11520)


def _sunspots(data):
    return Histories.of([_column(data / "Sunspots" / "monthly-sunspots.csv", 1)], 2256, horizon=1, season=1)


def _task(name, read, *bars, seconds=None):
    return ForecastTask(name, read, SequenceForecaster, bars, seconds=seconds)


FORECASTS = (
    _task("AirPassengers, season alone", _passengers, _bar("MAPE, %", _mape, 9.3), AHEAD),
    _task(
        "M4-Hourly",
        _m4_hourly,
        _bar("MASE", _mase, 1.15, "winner .893, RNN 3.05"),
        _bar("sMAPE", _smape, 13.5, "winner 9.33, RNN 14.70"),
        *COVERAGES,
        seconds=300,
    ),
    _task("M4-Hourly, season alone", _m4_hourly, _bar("MASE", _mase, 1.15), AHEAD, seconds=300),
    _task("Hospital", _hospital, _bar("MAE", _mae, 18.5, "TBATS 17.43, DeepAR 18.25"), *COVERAGES),
    _task("Hospital, season alone", _hospital, AHEAD),
    _task("ExchangeRate", _exchange_rates, *CURRENCIES),
    _task(
        "ETTh1",
        _transformer,
        _bar("MSE", _standardised_mse, 0.034, "Informer .098"),
        _against("MSE", _standardised_mse, "naive", 1.0),
    ),
    _task("ETTh1, season alone", _transformer, AHEAD),
    _task("Sunspots", _sunspots, _bar("RMSE", _rmse, 18.4, "AR(24) 18.21")),
)
