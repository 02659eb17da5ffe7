"""Forecasts at many points of the past, and how good they were, beside the simplest ones."""

import warnings
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_scalar

from fastrnn.forecaster.panel import Panel
from fastrnn.metrics import coverage, mean_quantile_loss, smape

AT_ONCE = 2**20
"""Numbers of the past, at most, that are looked at together: 64 MiB with what is made of them, no faster with more."""


@dataclass(eq=False, repr=False)
class Backtest:
    """What came of a backtest: `print` shows the scores.

    Attributes
    ----------
    series, cutoffs : ndarray (m,)
        Of each forecast the number of its series, and how many steps of that were known.
    forecasts, actual : ndarray (m, horizon), or (m, horizon, C) of several channels
        What was said, and what came.
    scores : dict of str to dict of str to float
        By who forecast ("SequenceForecaster", "seasonal naive", "naive", "drift") and the metric: means over all
        forecasts, without those of a past that does not change where a metric needs its scale.  A metric of quantiles
        is of the model alone.
    """

    series: np.ndarray
    cutoffs: np.ndarray
    forecasts: np.ndarray
    actual: np.ndarray
    scores: dict

    def __str__(self):
        names = list(next(iter(self.scores.values())))
        horizon = self.actual.shape[1]
        lines = [f"{len(self.cutoffs)} forecasts of {horizon} steps", " " * 20 + "".join(f"{n:>20}" for n in names)]
        for who, row in self.scores.items():
            lines.append(f"{who:<20}" + "".join(f"{row[n]:>20.4g}" if n in row else " " * 19 + "-" for n in names))
        return "\n".join(lines)

    __repr__ = __str__


@dataclass
class Cut:
    """Many points of the past of a panel's series: m cut-offs, each with what is known and what came."""

    panel: Panel
    numbers: np.ndarray
    ends: np.ndarray
    turns: np.ndarray
    horizon: int
    season: int

    @property
    def _firsts(self):
        return self.panel.series.offsets[self.numbers]

    def values(self, steps):
        """At steps (m,) or (m, k) of each forecast's series."""
        return self.panel.series.values[(self._firsts if steps.ndim == 1 else self._firsts[:, np.newaxis]) + steps]

    def actual(self):
        return self.values(self.ends[:, np.newaxis] + np.arange(self.horizon))

    def simplest(self):
        """Forecasts (m, horizon, C) to compare with, by name."""
        last, ahead, season = self.ends - 1, np.arange(1, self.horizon + 1), self.season
        now = self.values(last)[:, np.newaxis]
        slope = (now - self.values(np.zeros_like(last))[:, np.newaxis]) / np.maximum(last, 1)[:, np.newaxis, np.newaxis]
        found = {"naive": np.repeat(now, self.horizon, axis=1), "drift": now + ahead[:, np.newaxis] * slope}
        if season > 1:
            steps = last[:, np.newaxis] + ahead - season * -(-ahead // season)
            found = {"seasonal naive": self.values(steps), **found}
        return found

    def scale(self, power):
        """The mean |y_t - y_(t - season)|**power of what is known, (m, 1, C); NaN if it does not change."""
        series, season = self.panel.series, self.season
        scale = np.empty((self.ends.size, series.values.shape[1]))
        # One running sum over all series would lose the digits of the small ones.
        for some in np.split(np.arange(self.ends.size), np.flatnonzero(np.diff(self.numbers)) + 1):
            values = series[self.numbers[some[0]]]
            total = np.cumsum(np.abs(values[season:] - values[:-season]) ** power, axis=0)
            counts = self.ends[some] - season
            found = total[counts - 1] / counts[:, np.newaxis]
            size = np.maximum.accumulate(np.abs(values), axis=0)[self.ends[some] - 1]
            # As `fastrnn.metrics` has it: values that repeat but for rounding give no scale.
            scale[some] = np.where(found ** (1 / power) > np.finfo(float).eps * size, found, np.nan)
        return scale[:, np.newaxis]


def _mean(scores):
    """Of those that are known; NaN, and no warning, if none is."""
    known = scores[~np.isnan(scores)]
    return known.mean() if known.size else np.nan


def _mase(cut, came, said):
    return _mean(np.abs(came - said) / cut.scale(1))


def _rmsse(cut, came, said):
    return _mean(np.sqrt(((came - said) ** 2).mean(axis=1, keepdims=True) / cut.scale(2)))


POINT = {
    "mase": _mase, "rmsse": _rmsse, "smape": lambda cut, came, said: smape(came, said),
    "mae": lambda cut, came, said: np.abs(came - said).mean(),
    "rmse": lambda cut, came, said: np.sqrt(((came - said) ** 2).mean()),
}  # fmt: skip
"""Metrics of forecasts (m, horizon, C)."""
OF_QUANTILES = {
    "mean_quantile_loss": lambda came, said, levels: mean_quantile_loss(came, said, quantiles=levels),
    "coverage": lambda came, said, levels: coverage(came, said[..., [0, -1]]),
}
"""Likewise of quantiles (m, horizon, C, Q)."""


def first_cut_offs(panel, fitted, seen, least, initial, refit):
    """How many steps of each series are known at first (n,); of the `fitted` series a fit has seen so many (n,)."""
    seen = seen if _goes_on(panel.series, fitted, seen) else np.zeros(len(panel.series), int)
    if initial is None:
        return np.maximum(panel.series.lengths // 2 if refit else seen, least)
    check_scalar(initial, "initial", Integral, min_val=least)
    if not refit and (initial < seen).any():
        warnings.warn(
            f"the fit has seen up to {seen.max()} steps, and is judged from step {initial} on: fit on less, begin "
            "later, or set refit=True",
            UserWarning,
            stacklevel=3,
        )
    return np.full(len(panel.series), initial)


def _goes_on(series, fitted, seen):
    """Whether series begin with those of the fit."""
    if len(series) != len(fitted) or (series.lengths < seen).any():
        return False
    return all(np.array_equal(series[k][:n], fitted[k][:n]) for k, n in enumerate(seen))


def cut_up(panel, firsts, step, horizon, model):
    """The `Cut` of a panel at `firsts` (n,) known steps of each series, and at each `step` more."""
    lengths, ahead = panel.series.lengths, horizon
    if panel.future is not None:  # known as far as y goes, and read for whole blocks
        ahead = -(-horizon // model.horizon) * model.horizon
    counts = np.maximum((lengths - ahead - firsts) // step + 1, 0)
    if counts.sum() == 0:
        raise ValueError(
            f"y has up to {lengths.max()} steps, which leaves nothing to judge a horizon of {ahead} by after the "
            f"first {firsts.min()}: give more, or a smaller initial"
        )
    turns = np.concatenate([np.arange(n) for n in counts])
    numbers = np.repeat(np.arange(lengths.size), counts)
    return Cut(panel, numbers, firsts[numbers] + step * turns, turns, horizon, model.lens.lags[0])


def answers(model, panel, *, horizon, levels, seed):
    """Points, and the quantiles of `levels` (Q,) if there are any, (m, horizon, C, 1 + Q)."""
    points = model.points(panel, horizon)[..., np.newaxis]
    if levels is None:
        return points
    return np.concatenate([points, model.quantiles(panel, horizon, levels, seed)], axis=-1)


def in_portions(cut, forecast):
    """`forecast(panel)` for what is known at the cut-offs, some of them at once."""
    parts = np.flatnonzero(np.diff(np.cumsum(cut.ends) // AT_ONCE, prepend=0))
    found = [
        forecast(cut.panel.upto(cut.ends[some], cut.numbers[some]))
        for some in np.split(np.arange(cut.ends.size), parts)
        if some.size
    ]
    return np.concatenate(found)


def refitted(cut, forecaster, every, forecast):
    """`forecast(model, panel)` likewise, with a model fitted anew on what is known at each `every`-th cut-off."""
    check_scalar(every, "refit", Integral, min_val=1)
    found, model = [None] * cut.ends.size, None
    for turn in range(cut.turns.max() + 1):
        some = np.flatnonzero(cut.turns == turn)
        known = cut.panel.upto(cut.ends[some], cut.numbers[some])
        if turn % every == 0:
            # Left open, the horizon would depend on how much is known.
            model = clone(forecaster).set_params(horizon=forecaster.horizon_).fit(known)
        for k, one in zip(some, forecast(model._model, known), strict=True):
            found[k] = one
    return np.stack(found)


def judged(cut, forecasts, quantiles, levels, metrics):
    """The scores of forecasts (m, horizon, C) by who made them; quantiles (m, horizon, C, Q) are the first one's."""
    came = cut.actual()
    scores = {}
    for who, said in forecasts.items():
        scores[who] = {}
        for metric in metrics:
            if metric in OF_QUANTILES:
                if who == next(iter(forecasts)):
                    scores[who][metric] = float(OF_QUANTILES[metric](came, quantiles, levels))
            elif callable(metric):
                scores[who][metric.__name__] = float(metric(came, said))
            else:
                scores[who][metric] = float(POINT[metric](cut, came, said))
    return scores
