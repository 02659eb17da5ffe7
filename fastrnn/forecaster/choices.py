"""What a forecaster decides itself, where its parameters leave it open; and what its file must hold."""

from numbers import Integral

import numpy as np

from fastrnn import threads
from fastrnn.forecaster.linear import FOLDS, Linear, effects
from fastrnn.forecaster.seasons import find_seasons
from fastrnn.forecaster.view import Lens, View
from fastrnn.frames.filling import Filled, filled
from fastrnn.frames.offsets import is_offset
from fastrnn.losses.likelihoods import likelihood
from fastrnn.sequences import ranges
from fastrnn.storage import array, expect, integer, strings
from fastrnn.tables import WITH_INDEX

SHORTEST_CONTEXT = 128
"""Steps that context="auto" reads at least, where there are as many."""
SEASONS = 3
"""That the linear part reads by default, and the network as well."""
LONGEST_REACH = 400
REACH = 36
"""Values that the linear part reads by default: at most, unless a season is longer; and without a season."""
HORIZON = 12
"""Without a season; with one, two of it."""
SHORT, ROOM = 400, 2**20
"""Steps of most series, and of all times the horizon, up to which exponential smoothing is tried."""
MOST = 0.9
"""Of all steps: so many are in series that are long enough for what is chosen."""
ENOUGH = 0.5
"""Of all rows: so many of those with the fewest holes are learned from at least."""


def chosen(forecaster, panel):
    """Horizon, context, and the fields of the `Lens`, for a panel."""
    most = forecaster._agreed(panel.series.lengths, _reached_by_most)
    seasons = _seasons(forecaster, panel, most)
    is_seasonal = seasons[0] > 1 if forecaster.seasonal_difference == "auto" else forecaster.seasonal_difference
    difference = not is_seasonal if forecaster.difference == "auto" else forecaster.difference
    horizon = forecaster.horizon or max(1, min(2 * seasons[0] if seasons[0] > 1 else HORIZON, most // 3))
    reach, block = forecaster.linear_lags or 1, 1 if forecaster.strategy == "recursive" else horizon
    if reach == "auto":
        wanted = SEASONS * max(seasons) if max(seasons) > 1 else REACH
        wanted = min(wanted, max(LONGEST_REACH, max(seasons) + 1))
        held_back = horizon + forecaster.calibration - 1 if forecaster.calibration else 0
        reach = max(1, min(wanted, (most - held_back - block) // 2))
    lags = list(dict.fromkeys([*seasons, 1]))
    context = max(SEASONS * max(lags), SHORTEST_CONTEXT) if forecaster.context == "auto" else forecaster.context
    lens = Lens(lags, bool(difference), bool(is_seasonal), _log(forecaster), forecaster.scaling, reach)
    return horizon, context, lens._asdict()


def fitted_lens(forecaster, panel, lens, horizon):
    """The lens with effects of covariates, and with exponential smoothing, if it misses less of the last fifth."""
    agreed = forecaster._agreed
    if panel.future is not None and forecaster.loss != "negative_binomial":  # counts less an effect are none
        view = View(panel.series, lens, future=panel.future)
        found = threads.with_one_in_blas(lambda: effects(view, panel.future, agreed))
        lens = lens._replace(effects=found)
    asked = forecaster.smoothing
    is_direct, differences = forecaster.strategy == "direct", (forecaster.difference, forecaster.seasonal_difference)
    if asked is True and not is_direct:
        raise ValueError("smoothing=True forecasts several steps at once: use strategy='direct'")
    if asked != "auto":
        return lens._replace(smoothing=asked)
    if not is_direct or differences != ("auto", "auto"):
        return lens
    usual, total = agreed(panel.series.lengths, median_and_sum)
    if usual > SHORT or total * horizon > ROOM:
        return lens
    known = before_last_fold(panel.series, lens, horizon)
    plain, smoother = (View(panel.series, x, known, panel.future) for x in (lens, lens._replace(smoothing=True)))
    rows, _, folds = in_folds(plain, horizon)
    late, of_late = rows[folds == FOLDS - 1], folds[folds == FOLDS - 1]

    def missed(view):
        linear = Linear(lens.reach, horizon).fit(view, rows, folds, agreed)
        found = np.abs(view.gaps(late, horizon) - linear.unseen(view, late, of_late)).mean(axis=1)
        return agreed(found * view.unit(late) / plain.unit(late), _mean)

    return min((plain, smoother), key=missed).lens


def median_and_sum(parts):
    """Of numbers in parts."""
    lengths = np.concatenate(parts)
    return np.median(lengths), lengths.sum()


def _mean(parts):
    found = np.concatenate(parts)
    return found.mean() if found.size else 0.0


def in_folds(view, horizon):
    """The rows of a view to learn from, how many each series has that has any, and in which fold in time each is.

    The fold is -1 of rows from which nothing is learned, for other rows, which are enough, miss less.
    """
    rows, counts = view.training_rows(horizon)
    counts = counts[counts > 0]
    folds = ranges(0 * counts, counts) * FOLDS // np.repeat(counts, counts)
    if rows.size and isinstance(view.given, Filled):
        missing = view.missing(rows, horizon)
        folds[missing > np.quantile(missing, ENOUGH, method="higher")] = -1
    return rows, counts, folds


def before_last_fold(series, lens, horizon):
    """Of each series the steps that are known where the rows of the last fold begin."""
    counts = np.maximum(series.lengths - lens.first - horizon, 0)
    return np.maximum(series.lengths - horizon - counts // FOLDS, 1)


def _reached_by_most(parts):
    """Steps that half of the series have, and those with most of all steps: a few short ones do not decide for all."""
    lengths = np.concatenate(parts)
    longest_first = np.sort(lengths)[::-1]
    place = np.searchsorted(np.cumsum(longest_first), MOST * longest_first.sum())
    return int(min(longest_first[place], longest_first[(lengths.size - 1) // 2]))


def _seasons(forecaster, panel, most):
    """As a list; the first is that of the base."""
    season = forecaster.season
    if isinstance(season, str):
        likely = panel.form.cycle_lengths(panel.series.lengths)
        found = find_seasons(panel.series, likely, forecaster.horizon, forecaster._agreed)
        return [s for s in found if 2 * s < most] or [1]
    seasons = [1] if season is None else np.atleast_1d(season).tolist()
    if not seasons or not all(isinstance(s, Integral) and s >= 1 for s in seasons):
        raise ValueError(f"season={season!r}; expected a number of steps, several, 'auto' or None")
    return seasons


def asked_for(lens, parameters):
    """The part of a `Lens` that parameters, by name, have asked for: every series must be long enough for it."""
    lags = [1] if isinstance(parameters["season"], str) else lens.lags
    return lens._replace(lags=lags, reach=1 if parameters["linear_lags"] == "auto" else lens.reach)


def _log(forecaster):
    """Counts are forecast as they are."""
    if forecaster.loss != "negative_binomial":
        return forecaster.log
    if forecaster.log is True:
        raise ValueError("log=True does not go with loss='negative_binomial', which forecasts counts: set log='auto'")
    return False


def fitted_rules(forecaster, n_outputs):
    """What the fitted attributes must be, as `fastrnn.records` has it."""
    lens, horizon, C = Lens(**forecaster._lens), forecaster.horizon_, forecaster.n_features_in_
    block = 1 if forecaster._shape["strategy"] == "recursive" else horizon
    widths, n_series = forecaster._n_covariates, len(forecaster._seen)
    answers = likelihood(*(forecaster._shape[name] for name in ("loss", "quantiles", "n_components")))
    expect(n_outputs == block * C * answers.n_parameters, f"its network has {n_outputs} outputs for {block} steps")
    n_features = widths["past"] + block * widths["future"] + widths["static"] + forecaster._n_calendar
    n_values = C * (len(lens.lags) + (not lens.is_anchored))
    expect(forecaster._sizes["inputs"] == n_values + n_features, "its network reads another number of values")
    beside = array("float64", n_features)
    return {
        "horizon_": integer(1), "n_features_in_": integer(1),
        "context_": lambda value: value is None or integer(1)(value),
        "_lens": {
            "lags": lambda lags: lags and all(map(integer(1, 2**31), lags)), "difference": bool,
            "seasonal_difference": bool, "log": lambda log: log == "auto" or type(log) is bool,
            "scaling": lambda how: how in ("mean", "standard", "robust", None), "reach": integer(1), "smoothing": bool,
            "effects": lambda x: x is None or array("float64", widths["future"], C)(x),
        },
        "linear_coef_": array("float64", block, lens.reach),
        "_features": lambda pair: len(pair) == 2 and all(map(beside, pair)) and (pair[1] > 0).all(),
        "_n_covariates": dict.fromkeys(("past", "future", "static"), integer(0)), "_n_calendar": integer(0, 7),
        "_calibration": lambda x: x is None or array("float64", horizon, x.shape[1])(x) and (np.diff(x) >= 0).all(),
        "_history": _panel(n_series, C, forecaster),
        "_seen": array("int64", n_series)}  # fmt: skip


def _panel(n_series, C, forecaster):
    """What the `tree` of a `Panel` must be, with series that are long enough for the `Lens` of a forecaster."""
    lens, widths = Lens(**forecaster._lens), forecaster._n_covariates
    least, offsets = asked_for(lens, forecaster._shape).first, forecaster._history["series"]["offsets"]
    lengths = np.diff(offsets)

    def covariates(name):
        return lambda x: _are_sequences(x, n_series, widths[name], offsets)

    return {
        "series": lambda x: _are_sequences(x, n_series, C) and lengths.min() > least and lengths.max() > lens.first,
        "past": covariates("past"), "future": covariates("future"),
        "static": array("float64", n_series, widths["static"]) if widths["static"] else None,
        "form": _form(n_series, C),
        "columns": lambda x: all(strings(x[name]) and len(x[name]) == widths[name] for name in x)}  # fmt: skip


def _form(n_series, C):
    """What the fields of a `Form` must be."""

    def labels(*numbers):
        return lambda value: isinstance(value, list) and len(value) in (0, *numbers)

    return {
        "kind": lambda kind: kind in ("array", "list", "series", "frame", "long"), "n_series": n_series,
        "n_channels": C, "is_many": bool, "is_flat": bool, "columns": labels(C, n_series), "ids": labels(n_series),
        "dtype": lambda x: x is None or isinstance(x, str) and x.startswith(("int64", "datetime64[", "period[")),
        "offset": lambda x: x is None or isinstance(x, str) and is_offset(x), "step": integer(0, 2**62),
        "ends": lambda ends: ends is None or array("int64", n_series)(ends),
        "names": lambda names: len(names) == 3 and all(isinstance(name, (str, int)) for name in names),
        "is_timed": bool, "library": lambda name: name in ("", "polars", "pyarrow", *WITH_INDEX),
        "types": lambda types: strings(types) and len(types) in (0, 2)}  # fmt: skip


def _are_sequences(tree, n, width, offsets=None):
    if tree is None or width == 0:
        return tree is None and width == 0
    values, found = tree["values"], tree["offsets"]
    is_right = array("int64", n + 1)(found) and found[0] == 0 and (np.diff(found) > 0).all()
    is_right = is_right and type(values) is np.ndarray and values.dtype == np.float64 and len(values) == found[-1]
    is_right = is_right and array("float64", len(values), width)(filled(values, found).values)
    return bool(is_right and (offsets is None or np.array_equal(found, offsets)))
