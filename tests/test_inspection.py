"""Pictures show what the models say, where it belongs."""

import subprocess
import sys

import numpy as np
import pytest

from fastrnn import SequenceForecaster
from fastrnn.datasets import load_air_passengers
from fastrnn.inspection import ForecastDisplay

pytest.importorskip("matplotlib").use("Agg")
pd = pytest.importorskip("pandas")
pyplot = pytest.importorskip("matplotlib.pyplot")

Y, MONTHS = load_air_passengers()
KNOWN, CAME = Y[:132], Y[132:]
SMALL = {"season": 12, "horizon": 12, "hidden_size": 4, "max_iter": 1, "random_state": 0}


@pytest.fixture(autouse=True)
def no_figure_stays():
    yield
    pyplot.close("all")


def fitted(y=KNOWN, **options):
    return SequenceForecaster(**SMALL | options).fit(y)


def ends(band):
    """Lower and upper ends (h, 2) of a drawn band, and where they are."""
    path = band.get_paths()[0].vertices
    x = np.unique(path[:, 0])
    return np.array([[path[path[:, 0] == at, 1].min(), path[path[:, 0] == at, 1].max()] for at in x]), x


def same(drawn, expected):
    np.testing.assert_allclose(np.asarray(drawn, float), np.asarray(expected, float), rtol=1e-12)


MODELS = {
    "quantile": ({}, [0.8, 0.95]),
    "narrow": ({"quantiles": (0.25, 0.5, 0.75, 0.8)}, [0.5]),
    "gaussian": ({"loss": "gaussian"}, [0.5, 0.8, 0.95]),
    "mixture": ({"loss": "mixture"}, [0.5, 0.8, 0.95]),
    "recursive": ({"loss": "student_t", "strategy": "recursive", "horizon": None}, [0.5, 0.8, 0.95]),
    "calibrated": ({"calibration": 10}, [0.5, 0.8]),
    "point": ({"loss": "squared_error"}, []),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_is_drawn_is_what_is_forecast(name):
    options, coverages = MODELS[name]
    forecaster = fitted(**options)
    display = ForecastDisplay.from_estimator(forecaster, CAME, horizon=12)
    same(display.line_.get_ydata(), forecaster.predict(12))
    same(display.line_.get_xdata(), np.arange(132, 144))
    assert sorted(display.bands_) == coverages
    for coverage, band in display.bands_.items():
        drawn, x = ends(band)
        same(drawn, forecaster.predict_interval(coverage, 12))
        same(x, np.arange(132, 144))
    same(display.actual_line_.get_ydata(), CAME)
    same(display.history_line_.get_ydata(), KNOWN[-50:])
    same(display.history_line_.get_xdata(), np.arange(82, 132))
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["history", "what came", "forecast", *[f"{100 * c:.4g} % interval" for c in coverages]]
    display.figure_.canvas.draw()


def wide(n):
    return pd.DataFrame({"a": Y[:n], "b": 2 * Y[:n]}, pd.date_range("1949", periods=n, freq="MS"))


def long(n):
    parts = [pd.DataFrame({"unique_id": i, "ds": wide(n).index, "y": k * Y[:n]}) for k, i in ((3, "z"), (2, "b"))]
    return pd.concat(parts)


FORMS = {
    "periods": (lambda n: pd.Series(Y[:n], pd.PeriodIndex(MONTHS[:n], freq="M"), name="p"), {}, 1, "p"),
    "wide": (wide, {"channel": 1}, 2, "b"),
    "long": (long, {"series": "b"}, 2, "b"),
    "number": (long, {"series": 0}, 3, "z"),
    "many": (lambda n: [wide(n)["a"], wide(n)["b"]], {"series": 1}, 2, "b"),
    "zone": (lambda n: wide(n)["b"].tz_localize("Europe/Paris"), {}, 2, "b"),
}


@pytest.mark.parametrize("name", FORMS)
def test_dates_are_on_the_axis_of_one_series(name):
    form, which, factor, label = FORMS[name]
    y, every = form(132), form(144)
    rest = every[every["ds"] >= "1960"] if name in ("long", "number") else every[132:] if name != "many" else None
    forecaster = fitted(y)
    display = ForecastDisplay.from_estimator(forecaster, rest, n_history=30, **which)
    dates = pd.date_range("1949", periods=144, freq="MS").to_numpy()
    assert (display.history_times == dates[102:132]).all() and (display.times == dates[132:]).all()
    same(display.history, factor * KNOWN[-30:])
    same(
        display.median, np.ravel(ForecastDisplay.from_estimator(fitted(factor * KNOWN)).median)
    ) if factor == 1 else None
    if rest is not None:
        same(display.actual_line_.get_ydata(), factor * CAME)
    assert display.ax_.get_ylabel() == label and display.ax_.get_xlabel() == ""
    display.figure_.canvas.draw()


def test_the_series_that_was_asked_for():
    many = [KNOWN, 100 + 5 * KNOWN[20:], 7 * KNOWN[40:]]
    forecaster = fitted(many)
    display = ForecastDisplay.from_estimator(forecaster, [CAME, 100 + 5 * CAME, 7 * CAME], series=1, coverages=0.95)
    same(display.line_.get_ydata(), forecaster.predict()[1])
    same(ends(display.bands_[0.95])[0], forecaster.predict_interval(0.95)[1])
    same(display.actual, 100 + 5 * CAME)
    assert display.times[0] == 112
    again = ForecastDisplay.from_estimator(forecaster, history=KNOWN, coverages=[])
    same(again.median, forecaster.predict(history=KNOWN))


def test_covariates_are_passed_on():
    future = np.arange(144.0) % 2
    forecaster = SequenceForecaster(**SMALL).fit(KNOWN, future=future[:132])
    display = ForecastDisplay.from_estimator(forecaster, future=future[132:])
    same(display.median, forecaster.predict(future=future[132:]))


def test_any_forecasts_in_axes_that_are_there():
    figure, ax = pyplot.subplots()
    display = ForecastDisplay.from_predictions([1, 2, 3], [4, 5], {0.5: [[3, 5], [4, 6]]}, [4.5], ax=ax)
    assert display.ax_ is ax and display.figure_ is figure and display.plot(ax) is display
    same(display.line_.get_xdata(), [3, 4])
    same(display.actual_line_.get_xdata(), [3])
    y = pd.Series([1.0, 2, 3, 4], pd.date_range("2020", periods=4))
    assert ForecastDisplay.from_predictions(y[:2], y[2:]).line_.get_xdata()[0] == np.datetime64("2020-01-03")


def test_one_step_is_seen():
    display = ForecastDisplay.from_predictions([1, 2], [3], {0.8: [[2, 4]]})
    display.figure_.canvas.draw()
    pixels = np.asarray(display.figure_.canvas.buffer_rgba())[..., :3].astype(int)
    # The band's light blue between the ends, and the marker's dark one.
    x, low = display.ax_.transData.transform((2, 2.3)).round().astype(int)
    assert np.ptp(pixels[-low, x]) > 20
    assert display.line_.get_marker() == "D"


WRONG = {
    "series": ({"series": 1}, "series=1; expected a number below 1"),
    "channel": ({"channel": 2}, "channel == 2"),
    "history": ({"n_history": 0}, "n_history == 0"),
    "coverage": ({"coverages": [0.7]}, "were not fitted"),
    "no_list": ({"coverages": 80}, "coverage=80; expected a number between 0 and 1"),
    "horizon": ({"horizon": 13}, "fit with horizon=13"),
    "channels": ({"y": np.ones((12, 2))}, "n_channels"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_drawn(name):
    options, text = WRONG[name]
    with pytest.raises(ValueError, match=text.replace("(", r"\(")):
        ForecastDisplay.from_estimator(fitted(), **options)


def test_lengths_that_do_not_match():
    with pytest.raises(ValueError, match=r"intervals\[0.5\] has shape \(1, 2\); expected \(2, 2\)"):
        ForecastDisplay.from_predictions([1, 2], [3, 4], {0.5: [[2, 4]]})
    display = ForecastDisplay.from_predictions([1, 2], [3, 4], actual=[1, 2, 3])
    same(display.actual_line_.get_ydata(), [1, 2])


def test_matplotlib_is_asked_for_only_to_draw():
    code = """
import sys
sys.modules["matplotlib"] = None
from fastrnn.inspection import ForecastDisplay
display = ForecastDisplay(history=[1, 2], median=[3])
try:
    display.plot()
except ImportError as error:
    assert 'pip install "matplotlib>=3.9"' in str(error)
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", code], check=True)
