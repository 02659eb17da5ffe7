"""Draw a forecast."""

from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_scalar

from fastrnn.frames.filling import as_it_came
from fastrnn.frames.reading import read_series
from fastrnn.inspection.drawing import check_subject, new_axes
from fastrnn.wording import shown

COVERAGES = 0.5, 0.8, 0.95
"""Shown of a forecaster that knows any interval."""


class ForecastDisplay:
    """Draw a forecast: history, median, intervals as a fan, and what came.

    Use `from_estimator`, or `from_predictions` for forecasts of anything else.

    Parameters
    ----------
    history : array of shape (T,) or pandas Series
        The values that are known.
    median : array of shape (h,) or pandas Series
        The forecast of the next steps.
    intervals : dict of float to array of shape (h, 2) or DataFrame, default=None
        For each coverage, the lower and upper ends of the interval.
    actual : array or pandas Series, default=None
        What came. It is drawn as far as the forecast goes.
    history_times, times : array of shape (T,) and (h,), default=None
        The places of history and forecast on the x axis. None takes the index of a pandas Series, or the number of the
        step.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where it is drawn.
    history_line_, line_ : Line2D
        The history, and the median.
    actual_line_ : Line2D or None
        What came.
    bands_ : dict of float to PolyCollection
        The intervals, by coverage.

    Examples
    --------
    >>> from fastrnn import SequenceForecaster
    >>> from fastrnn.datasets import load_air_passengers
    >>> from fastrnn.inspection import ForecastDisplay
    >>> y, _ = load_air_passengers()
    >>> forecaster = SequenceForecaster(season=12, max_iter=2, random_state=0).fit(y[:-24])
    >>> display = ForecastDisplay.from_estimator(forecaster, y[-24:])
    >>> display.line_.get_xdata()[[0, -1]].tolist(), sorted(display.bands_)
    ([120, 143], [0.8, 0.95])

    A notebook shows the picture. A script saves it: ``display.figure_.savefig("passengers.png")``.
    """

    def __init__(self, *, history, median, intervals=None, actual=None, history_times=None, times=None):
        self.history, self.median, self.actual = history, median, actual
        self.intervals = {} if intervals is None else intervals
        self.history_times, self.times = history_times, times

    @classmethod
    def from_estimator(cls, forecaster, y=None, *, horizon=None, history=None, future=None, past=None, static=None,
        series=0, channel=0, coverages=None, n_history=None, ax=None):  # fmt: skip
        """Draw the forecast of a fitted `SequenceForecaster`.

        Parameters
        ----------
        forecaster : SequenceForecaster
            The fitted forecaster.
        y : like y of its `fit`, default=None
            What came after the history.
        horizon, history, future, past, static : optional
            As for `SequenceForecaster.predict`.
        series : int or unique_id, default=0
            Which of many series to draw.
        channel : int, default=0
            Which of several channels to draw.
        coverages : float or list of float, default=None
            The coverages of the intervals. None takes those that loss="quantile" was fitted for, and otherwise 0.5, 0.8
            and 0.95 if the forecaster knows them. An empty list draws none.
        n_history : int, default=None
            Number of steps of the history to draw. None takes three times the horizon, but at least 50.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        ForecastDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError, ValueError
            As for `predict` and `predict_interval` of the forecaster. Also if there is no such series or channel, or if
            y does not follow the history.
        """
        check_subject(cls.__name__, forecaster, hasattr(forecaster, "predict_interval"), "a SequenceForecaster")
        panel, horizon = forecaster._given(horizon, history, past, future, static)
        form = panel.form
        k = _number(series, form)
        check_scalar(channel, "channel", Integral, min_val=0, max_val=form.n_channels - 1)
        n_history = max(3 * horizon, 50) if n_history is None else n_history
        check_scalar(n_history, "n_history", Integral, min_val=1)
        coverages = _known(forecaster) if coverages is None else coverages
        coverages = [coverages] if np.ndim(coverages) == 0 else coverages
        intervals = {c: forecaster._intervals(panel, horizon, c)[k, :, channel] for c in sorted(coverages)}
        median = forecaster._points(panel, horizon)[k, :, channel]
        values = panel.series[k][:, channel]
        shown = min(len(values), n_history)
        n = shown + horizon
        places = len(values) - shown + np.arange(n)
        if form.ends is not None:
            places = _axis(form.extended(np.full(form.n_series, -shown)).ahead(n)[k * n : (k + 1) * n])
        came = None
        if y is not None:
            came, its = read_series(y, missing=forecaster.missing, form=form, after=panel.after())
            form.follows(its, came.lengths)
            came = as_it_came(came)[came.offsets[k] : came.offsets[k + 1], channel]
        times = {"history_times": places[:shown], "times": places[shown:]}
        display = cls(history=values[len(values) - shown :], median=median, intervals=intervals, actual=came, **times)
        display.plot(ax).ax_.set_ylabel(_label(form, k, channel))
        return display

    @classmethod
    def from_predictions(cls, history, median, intervals=None, actual=None, *, ax=None):
        """Draw a forecast that anything has made.

        Parameters
        ----------
        history, median, intervals, actual : as for the class
            The data to draw.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        ForecastDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the shape of an interval does not match.
        """
        return cls(history=history, median=median, intervals=intervals, actual=actual).plot(ax)

    def plot(self, ax=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        self
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the shape of an interval does not match.
        """
        ax = new_axes(self, ax)
        from matplotlib.colors import to_rgb
        from matplotlib.dates import ConciseDateFormatter

        known, ahead = self._places()
        (self.history_line_,) = ax.plot(known, np.asarray(self.history), color="black", lw=1, label="history")
        self.actual_line_ = None
        if self.actual is not None:
            came = np.asarray(self.actual)[: len(ahead)]
            (self.actual_line_,) = ax.plot(ahead[: len(came)], came, "k:o", lw=1, ms=3, label="what came", zorder=4)
        blue = np.array(to_rgb("C0"))
        (self.line_,) = ax.plot(ahead, np.asarray(self.median), color=0.7 * blue, lw=2, label="forecast", zorder=3)
        self._draw_fan(ax, ahead, blue)
        if len(ahead) == 1:  # a line of one point would show nothing
            self.line_.set_marker("D")
        if np.asarray(known).dtype.kind == "M":
            ax.xaxis.set_major_formatter(ConciseDateFormatter(ax.xaxis.get_major_locator()))
        else:
            ax.set_xlabel("step")
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _places(self):
        """Of history and forecast on the x axis."""
        if self.history_times is not None:
            return self.history_times, self.times
        if hasattr(self.history, "iloc") and hasattr(self.median, "iloc"):
            return _axis(self.history.index), _axis(self.median.index)
        return np.arange(len(self.history)), len(self.history) + np.arange(len(self.median))

    def _draw_fan(self, ax, ahead, colour):
        """From the narrowest, for the legend, which lies on top; opaque, so that it shows the shades as they are."""
        self.bands_, coverages = {}, sorted(self.intervals)
        for coverage, shade in zip(coverages, np.linspace(0.5, 0.2, len(coverages)), strict=True):
            ends = np.asarray(self.intervals[coverage])
            if ends.shape != (len(ahead), 2):
                raise ValueError(f"intervals[{coverage}] has shape {ends.shape}; expected ({len(ahead)}, 2), as median")
            style = {"color": 1 - shade * (1 - colour), "lw": 8 if len(ahead) == 1 else 0, "zorder": 2 - coverage}
            self.bands_[coverage] = ax.fill_between(ahead, *ends.T, label=f"{100 * coverage:.4g} % interval", **style)


def _number(series, form):
    """Of a series that was named by its number or, in a long DataFrame, its unique_id."""
    if form.kind == "long" and series in form.ids:
        return form.ids.index(series)
    if isinstance(series, Integral) and 0 <= series < form.n_series:
        return int(series)
    expected = f"a number below {form.n_series}" + ", or a unique_id" * bool(form.ids)
    raise ValueError(f"series={shown(series)}; expected {expected}")


def _known(forecaster):
    """Coverages that a forecaster has intervals for."""
    if forecaster._calibration is not None:
        m = forecaster._calibration.shape[1]
        return [c for c in COVERAGES if (m + 1) * c - 1e-9 <= m]
    loss, levels = forecaster._shape["loss"], np.round(forecaster._shape["quantiles"], 9).tolist()
    if loss == "quantile":
        return [round(1 - 2 * level, 9) for level in levels if level < 0.5 and round(1 - level, 9) in levels]
    return [] if loss in ("squared_error", "absolute_error") else COVERAGES


def _label(form, k, channel):
    """What the y axis shows."""
    names = {"long": form.ids[k : k + 1], "series": form.columns[k : k + 1], "frame": form.columns[channel:][:1]}
    return next((name for name in names.get(form.kind, ()) if name is not None), "")


def _axis(index):
    """A pandas Index as matplotlib can draw it: periods as their first moment, times as a clock on the wall shows."""
    index = index.to_timestamp() if hasattr(index, "to_timestamp") else index
    return (index.tz_localize(None) if getattr(index, "tz", None) else index).to_numpy()
