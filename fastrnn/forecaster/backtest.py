"""Forecasts at many points of the past, and how good they were, beside the simplest ones."""

import warnings
from collections import namedtuple
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted, check_scalar

from fastrnn.forecaster.learning import Learning, check_by_place
from fastrnn.frames.filling import as_it_came
from fastrnn.frames.reading import read_series
from fastrnn.metrics import coverage, mase, mean_quantile_loss, smape
from fastrnn.moments import running_scale
from fastrnn.sequences import Sequences
from fastrnn.wording import shown

AT_ONCE = 2**20
"""Numbers of the past, at most, that are looked at together: 64 MiB with what is made of them, no faster with more."""


@dataclass(eq=False, repr=False)
class Backtest:
    """The result of `SequenceForecaster.backtest`; ``print`` shows its scores as a table.

    A backtest makes m forecasts. Each is made at a cut-off: the steps before it are known, the steps after it are
    forecast.

    Attributes
    ----------
    series, cutoffs : ndarray of shape (m,)
        For each forecast, the number of its series, and how many steps of that series were known.
    forecasts, actual : ndarray of shape (m, horizon) or (m, horizon, C)
        What was forecast, and what came, NaN where it is missing. C is the number of channels, if there are several.
    scores : dict of str to dict of str to float
        For each forecaster ("SequenceForecaster", "seasonal naive", "naive", "drift") and each metric, the mean over
        all forecasts. If a metric needs the scale of the past, series whose past does not change are left out. A metric
        of quantiles is computed for the model only.

    Examples
    --------
    >>> from fastrnn import SequenceForecaster
    >>> y = [1.0, 2.0, 4.0] * 12
    >>> forecaster = SequenceForecaster(horizon=3, season=3, max_iter=1, random_state=0).fit(y[:24])
    >>> report = forecaster.backtest(y, metrics="mae")
    >>> report.forecasts.shape, sorted(report.scores)
    ((10, 3), ['SequenceForecaster', 'drift', 'naive', 'seasonal naive'])
    """

    series: np.ndarray
    cutoffs: np.ndarray
    forecasts: np.ndarray
    actual: np.ndarray
    scores: dict

    def __str__(self):
        names = list(next(iter(self.scores.values())))
        head = f"{len(self.cutoffs)} forecasts of {self.actual.shape[1]} steps"
        lines = [head, " " * 20 + "".join(f"{n:>20}" for n in names)]
        for who, row in self.scores.items():
            lines.append(f"{who:<20}" + "".join(f"{row[n]:>20.4g}" if n in row else " " * 19 + "-" for n in names))
        return "\n".join(lines)

    __repr__ = __str__


class Cut(namedtuple("Cut", "panel, numbers, ends, turns, horizon, season")):
    """Many points of the past of a panel's series: m cut-offs, each with what is known and what came."""

    def actual(self):
        """What came (m, horizon, C), NaN where it is missing."""
        ends = self.panel.series.offsets[self.numbers] + self.ends
        return as_it_came(self.panel.series)[ends[:, np.newaxis] + np.arange(self.horizon)]

    def scale(self, power):
        """The mean |y_t - y_(t - season)|**power of what is known, (m, 1, C); NaN if it does not change."""
        scale = np.empty((self.ends.size, self.panel.series.values.shape[1]))
        for some in np.split(np.arange(self.ends.size), np.flatnonzero(np.diff(self.numbers)) + 1):
            of_ends = running_scale(self.panel.series[self.numbers[some[0]]], self.season, power)
            scale[some] = of_ends[self.ends[some] - self.season - 1]
        return scale[:, np.newaxis]


def simplest(series, horizon, season):
    """Forecasts (n, horizon, C) to compare with, by name."""
    values, first, last = series.values, series.offsets[:-1, np.newaxis], series.offsets[1:, np.newaxis] - 1
    ahead, now = np.arange(1, horizon + 1), values[last]
    slope = (now - values[first]) / np.maximum(last - first, 1)[..., np.newaxis]
    found = {"naive": np.repeat(now, horizon, axis=1), "drift": now + ahead[:, np.newaxis] * slope}
    if season > 1:
        found = {"seasonal naive": values[last + ahead - season * -(-ahead // season)], **found}
    return found


def _mean(scores, axis=None):
    """Of those that are known; NaN, and no warning, if none is."""
    known = np.ma.masked_where(np.isnan(scores), scores)
    return np.ma.filled(known.mean(axis=axis, keepdims=axis is not None), np.nan)


POINT = {
    "mase": lambda cut, came, said: _mean(np.abs(came - said) / cut.scale(1)),
    "rmsse": lambda cut, came, said: _mean(np.sqrt(_mean((came - said) ** 2, axis=1) / cut.scale(2))),
    "smape": lambda cut, came, said: _of_known(smape, came, said),
    "mae": lambda cut, came, said: _mean(np.abs(came - said)),
    "rmse": lambda cut, came, said: np.sqrt(_mean((came - said) ** 2))}  # fmt: skip
"""Metrics of forecasts (m, horizon, C)."""
OF_QUANTILES = {
    "mean_quantile_loss": lambda came, said, levels: _of_known(mean_quantile_loss, came, said, quantiles=levels),
    "coverage": lambda came, said, levels: _of_known(coverage, came, said[..., [0, -1]])}  # fmt: skip
"""Likewise of quantiles (m, horizon, C, Q)."""


def _of_known(metric, came, said, **options):
    is_known = ~np.isnan(came)
    return metric(came[is_known], said[is_known], **options)


def _unknown_at_first(series):
    """How many steps each series has before the first value of one of its channels (n,)."""
    is_known, starts = ~np.isnan(as_it_came(series)), series.offsets[:-1]
    rows = np.where(is_known, np.arange(len(is_known))[:, np.newaxis], len(is_known))
    return np.minimum.reduceat(rows, starts).max(axis=1) - starts


def _agree(one, fitted):
    """Whether a series has what a fit has seen of it."""
    return (np.isnan(fitted) | (one == fitted)).all()


def first_cut_offs(panel, fitted, seen, least, initial, refit):
    """How many steps of each series are known at first (n,); of the `fitted` series a fit has seen so many (n,)."""
    series = panel.series
    goes_on = len(series) == len(fitted) and (series.lengths >= seen).all()
    fitted = Sequences(as_it_came(fitted), fitted.offsets)
    if not (goes_on and all(_agree(series[k][:n], fitted[k][:n]) for k, n in enumerate(seen))):
        seen = np.zeros(len(series), int)
    known = np.maximum(least, _unknown_at_first(series) + 1)
    if initial is None:
        return np.maximum(series.lengths // 2 if refit else seen, known)
    initial = int(check_scalar(initial, "initial", Integral, min_val=least))
    if not refit and (initial < seen).any():
        fault = f"the fit has seen up to {seen.max()} steps, and is judged from step {initial} on"
        warnings.warn(f"{fault}: fit on less, begin later, or set refit=True", UserWarning, stacklevel=3)
    return np.maximum(initial, known)


def cut_up(panel, firsts, step, horizon, model):
    """The `Cut` of a panel at `firsts` (n,) known steps of each series, and at each `step` more."""
    lengths, ahead = panel.series.lengths, horizon
    if panel.future is not None:  # known as far as y goes, and read for whole blocks
        ahead = -(-horizon // model.horizon) * model.horizon
    counts = np.maximum((lengths - ahead - firsts) // step + 1, 0)
    if counts.sum() == 0:
        fault = f"leaves nothing to judge a horizon of {ahead} by after the first {firsts.min()}"
        raise ValueError(f"y has up to {lengths.max()} steps, which {fault}: give more, or a smaller initial")
    turns = np.concatenate([np.arange(n) for n in counts])
    numbers = np.repeat(np.arange(lengths.size), counts)
    return Cut(panel, numbers, firsts[numbers] + step * turns, turns, horizon, model.lens.lags[0])


def every_forecast(cut, forecaster, refit, levels):
    """At all cut-offs points (m, horizon, C), quantiles (m, horizon, C, Q) if `levels` are given, and simple forecasts.

    The last are by name. Some are made at once; with `refit` turn by turn, and the model is fitted anew at each
    `refit`-th.
    """
    if refit:
        refit = int(check_scalar(refit, "refit", Integral, min_val=1))
        groups = [np.flatnonzero(cut.turns == turn) for turn in range(cut.turns.max() + 1)]
    else:
        groups = np.split(np.arange(cut.ends.size), np.flatnonzero(np.diff(np.cumsum(cut.ends) // AT_ONCE)) + 1)
    model, found = forecaster._model, []
    for turn, some in enumerate(groups):
        known = cut.panel.upto(cut.ends[some], cut.numbers[some])
        if refit and turn % refit == 0:
            # Left open, the horizon would depend on how much is known.
            model = clone(forecaster).set_params(horizon=forecaster.horizon_).fit(known)._model
        others = simplest(known.series, cut.horizon, cut.season)
        said = [model.points(known, cut.horizon)]
        said.append(said[0] if levels is None else model.quantiles(known, cut.horizon, levels, forecaster._seed))
        found.append([*said, *others.values()])
    order = np.argsort(np.concatenate(groups))
    points, quantiles, *rest = (np.concatenate(parts)[order] for parts in zip(*found, strict=True))
    return points, quantiles, dict(zip(others, rest, strict=True))


def judged(cut, forecasts, quantiles, levels, metrics):
    """The scores of forecasts (m, horizon, C) by who made them; quantiles (m, horizon, C, Q) are the first one's."""
    came, scores = cut.actual(), {who: {} for who in forecasts}
    for who, said in forecasts.items():
        for metric in metrics:
            if callable(metric):
                scores[who][metric.__name__] = float(metric(came, said))
            elif metric in POINT:
                scores[who][metric] = float(POINT[metric](cut, came, said))
            elif who == next(iter(forecasts)):
                scores[who][metric] = float(OF_QUANTILES[metric](came, quantiles, levels))
    return scores


class Judged(Learning):
    """What a `SequenceForecaster` does to be judged by what came."""

    def score(self, y, *by_place, future=None):
        """Score the forecast of y: the negative mean absolute scaled error, so that higher is better.

        Parameters
        ----------
        y : like y of `fit`
            What came after the series of the fit, and after what `update` has added. scikit-learn's searches split one
            series so with TimeSeriesSplit. They split a list by its series, which is something else.
        *by_place : None
            Not used: give covariates by keyword.
        future : like y of `fit`, default=None
            Known covariates of the steps of y, as for `predict`.

        Returns
        -------
        float
            The negative of `fastrnn.metrics.mase`, with a scale from the season. If the season was not given, series
            that are too short for it are left out.

        Raises
        ------
        NotFittedError, ValueError
            If `fit` was not called before, if y does not follow or holds NaN, or if a past that does not change gives
            no scale. With missing="interpolate" steps that are missing in y do not count; one must be there.
        TypeError
            If there are other arguments than y without a keyword.
        """
        check_by_place("score", by_place, "future=")
        check_is_fitted(self, "network_")
        before = self._stored()
        came, form = read_series(y, missing=self.missing, form=before.form, after=before.after())
        before.form.follows(form, came.lengths)
        horizon = int(came.lengths[0])
        if (came.lengths != horizon).any():
            raise ValueError(f"y has series of {np.unique(came.lengths).tolist()} steps; expected one number of them")
        panel, _ = self._given(horizon, None, None, future, None)
        forecasts, season = self._points(panel, horizon), self._lens["lags"][0]
        some = np.flatnonzero(before.series.lengths > season)
        said, actual = forecasts[some], as_it_came(came).reshape(forecasts.shape)[some]
        if not (is_known := ~np.isnan(actual)).any():
            raise ValueError("y is NaN at all steps: there is nothing to compare a forecast with")
        # What is missing adds no error, and does not count.
        actual = np.where(is_known, actual, said)
        found = mase(actual, said, y_train=[before.series[k] for k in some], season=season)
        return -found * (is_known.size / is_known.sum())

    def backtest(self, y=None, initial=None, step=1, horizon=None, metrics=("mase", "smape"), refit=False, *, past=None,
        future=None, static=None):  # fmt: skip
        """Forecast at many points of the past, and compare with what came and with simple forecasts.

        Parameters
        ----------
        y : like y of `fit`, default=None
            The series. None takes those of the fit, together with what `update` has added.
        initial : int, default=None
            Number of steps that are known at the first cut-off. None takes as many as the fit has seen, if y goes on
            from there; with `refit`, half of each series.
        step : int, default=1
            Number of steps from one cut-off to the next.
        horizon : int, default=None
            Number of steps to forecast, as for `predict`.
        metrics : str, callable, or list of such, default=("mase", "smape")
            Of "mase", "rmsse", "smape", "mae", "rmse", "mean_quantile_loss" and "coverage" (between the outermost
            quantiles); or functions of (y_true, y_pred), both of shape (m, horizon, C).
        refit : bool or int, default=False
            False forecasts at all cut-offs with the model as it is. True fits a new copy at each cut-off, and a number
            k at each k-th cut-off.
        past, future, static : as for `fit`
            Covariates for all steps of y, if the fit had them.

        Returns
        -------
        Backtest
            The result, with `scores`, `forecasts`, `actual`, `series` and `cutoffs`. Printed, it is a table.

        Raises
        ------
        NotFittedError, ValueError
            If `fit` was not called before, if the input is wrong, or if there is no step to compare with.

        Warns
        -----
        UserWarning
            If `refit` is False, and forecasts are judged by steps that the fit has seen.

        Notes
        -----
        With missing="interpolate" a forecast at a cut-off reads what was known there: holes at its end hold the last
        value. Steps that are missing do not count, and `actual` is NaN there, as is y_true of functions.
        """
        check_is_fitted(self, "network_")
        step = int(check_scalar(step, "step", Integral, min_val=1))
        horizon = int(check_scalar(self.horizon_ if horizon is None else horizon, "horizon", Integral, min_val=1))
        known, metrics = (*POINT, *OF_QUANTILES), np.atleast_1d(metrics).tolist()
        for unknown in (name for name in metrics if not (callable(name) or name in known)):
            expected = f"some of {', '.join(known)}, or functions (y_true, y_pred)"
            raise ValueError(f"metrics holds {shown(unknown)}; expected {expected}")
        panel = self._past(y, past, future, static)
        seen = self._stored().series, self._seen
        firsts = first_cut_offs(panel, *seen, self._model.lens.first + 1, initial, refit)
        cut = cut_up(panel, firsts, step, horizon, self._model)
        if np.isnan(cut.actual()).all():
            raise ValueError("y is missing at all steps that are to be forecast: there is nothing to compare with")
        levels = np.sort(np.asarray(self._shape["quantiles"], np.float64)) if set(metrics) & set(OF_QUANTILES) else None
        with self._computing():
            points, quantiles, others = every_forecast(cut, self, refit, levels)
        scores = judged(cut, {type(self).__name__: points, **others}, quantiles, levels, metrics)
        flat = (slice(None), slice(None), *[0] * panel.form.is_flat)
        return Backtest(cut.numbers, cut.ends, points[flat], cut.actual()[flat], scores)
