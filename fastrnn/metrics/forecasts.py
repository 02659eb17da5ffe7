"""Scores of forecasts, and simple forecasts to compare with.

An array (T,) or (T, C), or a list of numbers, is one series with C channels. A list, a tuple or a 1-D object array of
such is many series. Of pandas objects the values are taken. Lower scores are better, except for `coverage`.
"""

from numbers import Integral, Number

import numpy as np
from sklearn.utils import check_array, check_scalar

from fastrnn import tables
from fastrnn.lists import refuse_masked
from fastrnn.moments import running_scale
from fastrnn.wording import meant_as_share, shown

# ------------------------------------------------------------------------------------------ baselines


def naive(y, horizon):
    """Forecast that the last value stays.

    Parameters
    ----------
    y : array of shape (T,) or (T, C), or list of such
        The past of one or many series.
    horizon : int
        Number of steps to forecast.

    Returns
    -------
    ndarray of shape (horizon,), (horizon, C), (n, horizon) or (n, horizon, C)
        The forecast, of channels if there are several, of many series if there are many.

    Raises
    ------
    ValueError
        If `horizon` is below 1, or `y` holds NaN or anything but series of numbers. The message names the series.

    Examples
    --------
    >>> from fastrnn.metrics import naive
    >>> naive([2, 3, 5], horizon=2)
    array([5., 5.])
    >>> naive([[2, 3, 5], [7, 4]], horizon=2)
    array([[5., 5.],
           [4., 4.]])
    """
    return seasonal_naive(y, horizon, 1)


def seasonal_naive(y, horizon, season):
    """Forecast that the last season repeats.

    Parameters
    ----------
    y : array of shape (T,) or (T, C), or list of such
        The past of one or many series.
    horizon : int
        Number of steps to forecast.
    season : int
        Number of steps in a season, for example 12 for monthly series and 24 for hourly ones.

    Returns
    -------
    ndarray of shape (horizon,), (horizon, C), (n, horizon) or (n, horizon, C)
        The forecast, of channels if there are several, of many series if there are many.

    Raises
    ------
    ValueError
        If `horizon` or `season` is below 1, if a series is shorter than `season`, or if `y` holds NaN or anything but
        series of numbers. The message names the series.

    References
    ----------
    Hyndman, R. J. and Athanasopoulos, G. (2021). Forecasting: principles and practice, 3rd edition, section 5.2.
    (All three simple forecasts.)

    Examples
    --------
    >>> from fastrnn.metrics import seasonal_naive
    >>> seasonal_naive([8, 9, 1, 2, 3], horizon=4, season=3)
    array([1., 2., 3., 1.])
    """
    check_scalar(season, "season", Integral, min_val=1)
    return _of_each(y, horizon, season, f"season={season}", lambda x, k: x[(k - 1) % season - season])


def drift(y, horizon):
    """Forecast that the line from the first to the last value goes on.

    Parameters
    ----------
    y : array of shape (T,) or (T, C), or list of such
        The past of one or many series.
    horizon : int
        Number of steps to forecast.

    Returns
    -------
    ndarray of shape (horizon,), (horizon, C), (n, horizon) or (n, horizon, C)
        The forecast, of channels if there are several, of many series if there are many.

    Raises
    ------
    ValueError
        If `horizon` is below 1, if a series has only one step, or if `y` holds NaN or anything but series of numbers.
        The message names the series.

    Examples
    --------
    >>> from fastrnn.metrics import drift
    >>> drift([1, 4, 2, 7], horizon=3)
    array([ 9., 11., 13.])
    """
    return _of_each(y, horizon, 2, "a line", lambda x, k: x[-1] + np.multiply.outer(k, (x[-1] - x[0]) / (len(x) - 1)))


def _of_each(y, horizon, n_steps, who, forecast):
    """The forecast of the one series, or of each of many, at steps from 1 on; they need so many steps themselves."""
    check_scalar(horizon, "horizon", Integral, min_val=1)
    series, is_many = _read_series(y, "y", n_steps, who)
    forecasts = np.stack([forecast(x, np.arange(1, horizon + 1)) for x in series.values()])
    return forecasts if is_many else forecasts[0]


# ------------------------------------------------------------------------------------------ scores


def mase(y_true, y_pred, *, y_train, season=1):
    """Compute the mean absolute scaled error, in units of the error of the seasonal naive forecast.

    The mean absolute error of each series and channel is divided by its scale: the mean absolute difference between a
    value of its past and the value one season before. The result is the mean of these quotients. Below 1, the forecast
    misses less than the seasonal naive forecast does one step ahead in the past.

    Parameters
    ----------
    y_true, y_pred : array of shape (horizon,), (horizon, C), (n, horizon) or (n, horizon, C), or list of n
        What came, and its forecast.
    y_train : array of shape (T,) or (T, C), or list of such
        The past of the series, or of each of many.
    season : int, default=1
        Number of steps in a season. The M4 competition took 1 for yearly, weekly and daily series, 4 for quarterly, 12
        for monthly and 24 for hourly ones.

    Returns
    -------
    float
        The mean over all series and channels. Lower is better.

    Raises
    ------
    ValueError
        If shapes do not match, if anything holds NaN, or if a series in `y_train` does not have more steps than
        `season`, or does not change over a season. The message names the series.

    Notes
    -----
    A past that does not change gives no scale. The code of the M4 competition divides by zero there. Here it is an
    error, so that the mean is always over all series that were given. Leave such a series out of all three arguments,
    or use `smape`.

    References
    ----------
    Hyndman, R. J. and Koehler, A. B. (2006). Another look at measures of forecast accuracy. International Journal of
    Forecasting 22(4), 679-688.

    Examples
    --------
    The past moves by 2 a step, and the forecasts miss by 1 and 2:

    >>> from fastrnn.metrics import mase
    >>> mase([6, 8], [5, 6], y_train=[1, 3, 5, 3, 5])
    0.75
    """
    return float(_scaled_errors(y_true, y_pred, y_train, season, power=1).mean())


def rmsse(y_true, y_pred, *, y_train, season=1):
    """Compute the root mean squared scaled error, which the M5 competition used for each series.

    The mean squared error of each series and channel is divided by the mean squared difference between a value of its
    past and the value one season before. The result is the mean of the roots of these quotients.

    Parameters
    ----------
    y_true, y_pred : array of shape (horizon,), (horizon, C), (n, horizon) or (n, horizon, C), or list of n
        What came, and its forecast.
    y_train : array of shape (T,) or (T, C), or list of such
        The past of the series, or of each of many.
    season : int, default=1
        Number of steps in a season. The M5 competition took 1.

    Returns
    -------
    float
        The mean over all series and channels. Lower is better.

    Raises
    ------
    ValueError
        As for `mase`.

    Notes
    -----
    The M5 competition counted the past of a product from its first sale on: to get its figures, leave leading zeros out
    of `y_train`. It weighted series by their sales in dollars. This function does not.

    References
    ----------
    Makridakis, S., Spiliotis, E. and Assimakopoulos, V. (2022). M5 accuracy competition: results, findings, and
    conclusions. International Journal of Forecasting 38(4), 1346-1364.

    Examples
    --------
    >>> from fastrnn.metrics import rmsse
    >>> rmsse([6, 8], [5, 1], y_train=[1, 3, 5, 3, 5])
    2.5
    """
    return float(np.sqrt(_scaled_errors(y_true, y_pred, y_train, season, power=2)).mean())


def smape(y_true, y_pred):
    """Compute the symmetric mean absolute percentage error, from 0 to 200, as the M4 competition did.

    It is the mean of ``200 * abs(y_true - y_pred) / (abs(y_true) + abs(y_pred))``, where 0 / 0 counts as 0.

    Parameters
    ----------
    y_true, y_pred : array or list of arrays, both of one shape
        What came, and its forecast, of one or many series.

    Returns
    -------
    float
        The mean over all values. Lower is better.

    Raises
    ------
    ValueError
        If shapes do not match, or anything holds NaN.

    References
    ----------
    Makridakis, S. (1993). Accuracy measures: theoretical and practical concerns. International Journal of Forecasting
    9(4), 527-529.

    Examples
    --------
    >>> from fastrnn.metrics import smape
    >>> smape([3, 0], [1, 0])
    50.0
    """
    y_true, y_pred = _read_pair(y_true, y_pred, "y_pred")
    size = np.abs(y_true) + np.abs(y_pred)
    return float(200 * (np.abs(y_true - y_pred) / np.where(size > 0, size, 1)).mean())


def mean_quantile_loss(y_true, y_pred_quantiles, *, quantiles):
    """Compute the mean pinball loss over all quantiles.

    For a quantile q the loss is q (y_true - y_pred) if the true value is above, and (1 - q) (y_pred - y_true) if it is
    below.

    Parameters
    ----------
    y_true : array or list of arrays of shape (...)
        What came, of one or many series.
    y_pred_quantiles : array or list of arrays of shape (..., Q)
        The forecast quantiles.
    quantiles : array-like of shape (Q,)
        The levels of these quantiles, between 0 and 1.

    Returns
    -------
    float
        The mean over all values and quantiles. Lower is better.

    Raises
    ------
    ValueError
        If shapes do not match, if anything holds NaN, or if a quantile is not between 0 and 1.

    Notes
    -----
    It is the mean of scikit-learn's `mean_pinball_loss` over the quantiles. If 0.5 is the only quantile, it is half the
    mean absolute error. The weighted quantile loss of GluonTS is twice this, divided by the mean of abs(y_true).

    References
    ----------
    Koenker, R. and Bassett, G. (1978). Regression quantiles. Econometrica 46(1), 33-50.

    Examples
    --------
    >>> from fastrnn.metrics import mean_quantile_loss
    >>> mean_quantile_loss([10, 20], [[8, 10], [20, 24]], quantiles=[0.25, 0.5])
    0.625
    """
    q = _read_numbers(quantiles, "quantiles")
    if q.ndim != 1 or not ((q > 0) & (q < 1)).all():
        raise ValueError(f"quantiles={shown(quantiles)}; expected numbers between 0 and 1{meant_as_share(quantiles)}")
    y_true, y_pred = _read_pair(y_true, y_pred_quantiles, "y_pred_quantiles", len(q))
    above = y_true[..., np.newaxis] - y_pred
    return float(np.maximum(q * above, (q - 1) * above).mean())


def coverage(y_true, interval):
    """Compute the fraction of values that lie in their forecast intervals, ends included.

    It is best when it equals the nominal level of the intervals: 0.8 for intervals of 80 %.

    Parameters
    ----------
    y_true : array or list of arrays of shape (...)
        What came, of one or many series.
    interval : array or list of arrays of shape (..., 2)
        The lower and the upper ends.

    Returns
    -------
    float
        The fraction, from 0 to 1.

    Raises
    ------
    ValueError
        If shapes do not match, if anything holds NaN, or if a lower end is above its upper end.

    Examples
    --------
    >>> from fastrnn.metrics import coverage
    >>> coverage([1, 2, 3, 4], [[0, 1], [0, 1], [2, 5], [2, 5]])
    0.75
    """
    y_true, interval = _read_pair(y_true, interval, "interval", 2)
    lower, upper = interval[..., 0], interval[..., 1]
    for place in np.argwhere(lower > upper).tolist():
        raise ValueError(f"interval{place} has its lower end above its upper one: pass (..., 2), the lower ends first")
    return float(((lower <= y_true) & (y_true <= upper)).mean())


def _scaled_errors(y_true, y_pred, y_train, season, power):
    """Means of errors to a power over those of the past's differences, a series and channel: (n,) or (n, C)."""
    check_scalar(season, "season", Integral, min_val=1)
    past, is_many = _read_series(y_train, "y_train", season + 1, f"a difference over season={season}")
    y_true, y_pred = _read_pair(y_true, y_pred, "y_pred")
    expected = (len(past),) * is_many + ("horizon",) + next(iter(past.values())).shape[1:]
    shape = (*y_true.shape[:is_many], "horizon", *y_true.shape[is_many + 1 :])
    if shape != expected or y_true.ndim != len(expected):
        many = f"{len(past)} series" if is_many else "one series (pass a list for many)"
        expected = ", ".join(map(str, expected))
        raise ValueError(f"y_true has shape {y_true.shape}; expected ({expected}), as y_train is {many}")
    errors = (np.abs(y_true - y_pred) ** power).mean(axis=int(is_many))
    return errors / np.stack([_scale(x, what, season, power) for what, x in past.items()])


def _scale(x, what, season, power):
    """The mean of a series' differences over a season, to a power: a number, or (C,)."""
    scale = running_scale(x, season, power)[-1]
    if (is_still := np.isnan(scale)).any():
        whose = f"channel {int(np.argmax(is_still))} of {what}" if x.ndim == 2 else what
        steps = "step" if season == 1 else f"season of {season} steps"
        raise ValueError(f"{whose} does not change over a {steps}, so there is no scale; leave it out, or use smape")
    return scale


# ------------------------------------------------------------------------------------------ reading


def _read_series(y, name, n_steps, who):
    """One or many series as arrays by what messages call them, and if they are many."""
    is_listed = isinstance(y, (list, tuple)) or isinstance(y, np.ndarray) and y.dtype == object and y.ndim == 1
    is_many = is_listed and len(y) > 0 and hasattr(y[0], "__len__")
    items = {f"{name}[{k}]": x for k, x in enumerate(y)} if is_many else {name: y}
    series = {what: _read_numbers(x, what) for what, x in items.items()}
    channels = next(iter(series.values())).shape[1:]
    for what, x in series.items():
        if x.ndim not in (1, 2):
            raise ValueError(f"{what} has shape {x.shape}; expected (T,) or (T, C), or a list of such for many series")
        if x.shape[1:] != channels:
            raise ValueError(f"{what} has channels {x.shape[1:]}, but {name}[0] has {channels}; all must have the same")
        if len(x) < n_steps:
            raise ValueError(f"{what} has {len(x)} steps; {who} needs {n_steps} at least")
    return series, is_many


def _read_pair(y_true, y_pred, name, *last):
    """What came and what goes with it, an array of its shape and the axis in `last`."""
    y_true, y_pred = _read_numbers(y_true, "y_true"), _read_numbers(y_pred, name)
    if y_pred.shape != y_true.shape + last:
        expected = f"{y_true.shape + last}, as y_true is {y_true.shape}"
        raise ValueError(f"{name} has shape {y_pred.shape}; expected {expected}")
    return y_true, y_pred


def _read_numbers(x, what):
    """An array of finite float64, never a scalar; lists and object arrays may hold arrays of one shape."""
    refuse_masked(x, what)
    if isinstance(x, np.ndarray) and x.dtype == object and x.ndim:
        x = list(x)
    for part in x[:1] if isinstance(x, (list, tuple)) else (x,):
        _refuse_long(part, what)
    try:
        np.shape(x)
    except ValueError:
        raise ValueError(f"{what} has rows of unequal lengths; expected an array, of one length") from None
    return check_array(x, ensure_2d=False, allow_nd=True, input_name=what).astype(np.float64, copy=False)


def _refuse_long(x, what):
    """The ids and times of a table are no values of series."""
    for name in tables.labels(x, what) or ():
        column = np.asarray(x[name])
        first = next(column.flat, 0.0)
        if name in tables.LONG[:2] or column.dtype.kind in "mM" or not isinstance(first, Number):
            raise ValueError(f"{what} has the column {name!r} of {shown(first)}, ..: pass the columns of values alone")
