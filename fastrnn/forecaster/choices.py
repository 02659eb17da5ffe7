"""What a forecaster decides itself, where its parameters leave it open; and what its file must hold."""

from dataclasses import asdict
from numbers import Integral

import numpy as np

from fastrnn.forecaster.view import Lens, find_season
from fastrnn.storage import array, integer, strings

SHORTEST_CONTEXT = 128
"""Steps that context="auto" reads at least, where there are as many."""
SEASONS = 3
"""That the linear part reads by default, and the network as well."""
LONGEST_REACH = 400
REACH = 36
"""Values that the linear part reads by default: at most, unless a season is longer; and without a season."""
HORIZON = 12
"""Without a season; with one, two of it."""


def chosen(forecaster, series):
    """Horizon, context, and the fields of the `Lens`, for series."""
    shortest = int(series.lengths.min())
    seasons = _seasons(forecaster.season, series)
    is_seasonal = forecaster.seasonal_difference
    if is_seasonal == "auto":
        is_seasonal = seasons[0] > 1
    difference = not is_seasonal if forecaster.difference == "auto" else forecaster.difference
    horizon = forecaster.horizon or max(1, min(2 * seasons[0] if seasons[0] > 1 else HORIZON, shortest // 3))
    reach, block = forecaster.linear_lags or 1, 1 if forecaster.strategy == "recursive" else horizon
    if reach == "auto":
        wanted = SEASONS * max(seasons) if max(seasons) > 1 else REACH
        wanted = min(wanted, max(LONGEST_REACH, max(seasons) + 1))
        reach = max(1, min(wanted, (shortest - block) // 2))
    lags = tuple(dict.fromkeys([*seasons, 1]))
    context = forecaster.context
    if context == "auto":
        context = max(SEASONS * max(lags), SHORTEST_CONTEXT)
    lens = Lens(lags, bool(difference), bool(is_seasonal), _log(forecaster), forecaster.scaling, reach)
    return horizon, context, {**asdict(lens), "lags": list(lags)}


def _seasons(season, series):
    """As a list; the first is that of the base."""
    if isinstance(season, str):
        found, shortest = find_season(series), int(series.lengths.min())
        return [found if 2 * found < shortest else 1]
    seasons = [] if season is None else np.atleast_1d(season).tolist()
    if not all(isinstance(s, Integral) and s >= 1 for s in seasons):
        raise ValueError(f"season={season!r}; expected a number of steps, several, 'auto' or None")
    return seasons or [1]


def _log(forecaster):
    """Counts are forecast as they are."""
    if forecaster.loss != "negative_binomial":
        return forecaster.log
    if forecaster.log is True:
        raise ValueError("log=True does not go with loss='negative_binomial', which forecasts counts: set log='auto'")
    return False


def fitted_rules(forecaster, n_outputs):
    """What the fitted attributes must be, as `fastrnn.records` has it."""
    return {}
