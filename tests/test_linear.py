"""The parts of a forecast beside the network: the view of the series, and the linear regression."""

import numpy as np
import pytest
from samples import assert_same_bits
from series import Y, forecaster, walk

from fastrnn import threads
from fastrnn.forecaster.linear import FOLDS, STRENGTHS, WINDOWS, Linear
from fastrnn.forecaster.view import Lens, View, distances, pieces
from fastrnn.sequences import Sequences, as_sequences

T = np.arange(120)
SEASONAL = 100 + 0.5 * T + 20 * np.sin(2 * np.pi * T / 12)


def view_of(series, **options):
    plain = {
        "lags": (1,),
        "difference": True,
        "seasonal_difference": False,
        "log": False,
        "scaling": "mean",
        "reach": 3,
    }
    return View(as_sequences(series, np.float64), Lens(**{**plain, **options}))


# ------------------------------------------------------------------------------------- the view


@pytest.mark.parametrize(
    ("options", "lag", "statistic"),
    [
        ({"scaling": "mean"}, 1, lambda d: np.abs(d).mean()),
        ({"scaling": "standard"}, 1, lambda d: np.sqrt((d**2).mean())),
        ({"scaling": "robust"}, 1, lambda d: np.median(np.abs(d))),
        ({"scaling": None}, 1, lambda d: 1.0),
        ({"lags": (4, 1), "seasonal_difference": True, "difference": False}, 4, lambda d: np.abs(d).mean()),
        ({"lags": (4, 1), "seasonal_difference": True, "scaling": "standard"}, 4, lambda d: np.sqrt((d**2).mean())),
        ({"lags": (4, 1)}, 1, lambda d: np.abs(d).mean()),
    ],
)
def test_scales_are_those_of_the_differences(options, lag, statistic):
    parts = [walk(30), 7 * walk(22, seed=3)]
    found = view_of(parts, **options).scale[:, 0]
    np.testing.assert_allclose(found, [statistic(y[lag:] - y[:-lag]) for y in parts], rtol=1e-13)


@pytest.mark.parametrize(
    ("scaling", "centre", "scale"),
    [
        ("mean", np.mean, lambda d: np.abs(d).mean()), ("standard", np.mean, lambda d: np.sqrt((d**2).mean())),
        ("robust", np.median, lambda d: np.median(np.abs(d))), (None, lambda y: 0.0, lambda d: 1.0),
    ],
)  # fmt: skip
def test_scales_of_levels(scaling, centre, scale):
    parts = [walk(30), 7 * walk(22, seed=3)]
    view = view_of(parts, difference=False, scaling=scaling)
    np.testing.assert_allclose(view.centre[:, 0], [centre(y) for y in parts], rtol=1e-13)
    np.testing.assert_allclose(view.scale[:, 0], [scale(y - centre(y)) for y in parts], rtol=1e-13)
    assert view.inputs(np.array([5, 33])).shape == (2, 2)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, lambda y, t, k: y[t]),
        ({"lags": (4, 1), "seasonal_difference": True, "difference": False}, lambda y, t, k: y[t + k - 4 * -(-k // 4)]),
        ({"lags": (4, 1), "seasonal_difference": True},
         lambda y, t, k: y[t + k - 4 * -(-k // 4)] + y[t] - y[t - 4]),
        ({"difference": False}, lambda y, t, k: y.mean()),
    ],
    ids=["last", "season", "both", "level"],
)  # fmt: skip
@pytest.mark.parametrize("log", [False, True])
def test_forecasts_start_from_the_base(options, expected, log):
    view, rows = view_of([Y[:30], Y[30:]], **options, log=log), np.array([9, 20, 41])
    series = [np.log(y) if log else y for y in (Y[:30], Y[30:])]
    places = [(series[0], 9), (series[0], 20), (series[1], 11)]
    found = view.base(rows, 6)[..., 0]
    np.testing.assert_allclose(found, [[expected(y, t, k) for k in range(1, 7)] for y, t in places], rtol=1e-13)
    came = np.stack([y[t + 1 : t + 7] for y, t in places])
    np.testing.assert_allclose(view.gaps(rows, 6)[..., 0], (came - found) / view.scale[[0, 0, 1]], atol=1e-12)
    back = view.values(rows, view.gaps(rows, 6)[..., np.newaxis])[..., 0, 0]
    np.testing.assert_allclose(back, np.exp(came) if log else came, rtol=1e-13)


def test_logarithms_where_they_are_sensible():
    parts = [Y, Y - Y.min(), Y - 1000, np.r_[Y, 1e-3 * Y.mean()], np.full(30, 5.0)]
    assert view_of(parts, log="auto").is_log[:, 0].tolist() == [True, False, False, False, False]
    both = view_of([np.column_stack([Y, -Y])], log="auto")
    assert both.is_log.tolist() == [[True, False]]
    np.testing.assert_allclose(both.levels, np.column_stack([np.log(Y), -Y]), rtol=1e-15)


def test_pieces_are_nearly_equal_and_know_how_far_the_end_is():
    windows = Sequences(np.arange(23.0)[:, None], pieces(np.array([10, 13]), 4))
    assert windows.lengths.max() <= 4 and windows.lengths.min() >= 3
    assert {10, 23} <= set(windows.offsets.tolist())
    assert distances(windows, np.array([10, 13])).tolist() == [
        (10 if end <= 10 else 23) - end for end in windows.offsets[1:]
    ]
    assert pieces(np.array([3, 5]), 9).tolist() == [0, 3, 8]


# ------------------------------------------------------------------------------- the regression


def windows(parts, reach, horizon):
    """Inputs and targets of each series, written out, and folds."""
    X, Y, folds = [], [], []
    for y in parts:
        scale, n = np.abs(np.diff(y)).mean(), len(y)
        of_series = range(max(1, reach - 1), n - horizon)
        for t in of_series:
            X.append(np.r_[1, (y[t - reach + 1 : t][::-1] - y[t]) / scale])
            Y.append((y[t + 1 : t + 1 + horizon] - y[t]) / scale)
        folds.append(np.arange(len(of_series)) * FOLDS // len(of_series))
    return np.array(X), np.array(Y), np.concatenate(folds)


def ridge(X, Y, strength):
    penalty = np.full(X.shape[1], strength * (X**2).sum() / X.shape[1])
    penalty[0] *= 1e-6
    return np.linalg.solve(X.T @ X + np.diag(penalty), X.T @ Y)


def autoregression(coefficients, n, noise, seed=0):
    rng, y = np.random.default_rng(seed), [1.0, 0.5]
    while len(y) < n:
        y.append(np.dot(coefficients, y[: -len(coefficients) - 1 : -1]) + noise * rng.standard_normal())
    return np.array(y)


def test_the_regression_is_the_ridge_that_does_best_where_it_was_not_fitted():
    parts = [autoregression([1.2, -0.5], 60, 1.0), autoregression([1.2, -0.5], 45, 0.3, seed=1)]
    X, Y, folds = windows(parts, 5, 3)
    view = view_of(parts, reach=5)
    rows, _ = view.training_rows(3)
    linear = Linear(5, 3).fit(view, rows, folds)
    errors = []
    for strength in STRENGTHS:
        missed = np.concatenate([Y[folds == k] - X[folds == k] @ ridge(X[folds != k], Y[folds != k], strength)
                                 for k in range(FOLDS)])  # fmt: skip
        errors.append((missed**2).sum())
    best = STRENGTHS[int(np.argmin(errors))]
    assert min(errors) < (Y**2).sum()
    np.testing.assert_allclose(linear.whole.parameters["weight"].T, ridge(X, Y, best), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(linear.gaps(view, rows)[..., 0], X @ ridge(X, Y, best), atol=1e-10)
    unseen = linear.unseen(view, rows, folds)[..., 0]
    for k in range(FOLDS):
        expected = X[folds == k] @ ridge(X[folds != k], Y[folds != k], best)
        np.testing.assert_allclose(unseen[folds == k], expected, atol=1e-10)


def test_it_is_left_out_where_it_does_not_help():
    """The drift of one half is the contrary of the other's."""
    model = forecaster(linear_lags=1, horizon=2, log=False).fit(100 - np.abs(np.arange(-50.0, 50)))
    assert model.linear_coef_.tolist() == [[0], [0]]
    assert forecaster(linear_lags=0).fit(Y).linear_coef_.tolist() == [[0]] * 3


def test_rows_are_summed_in_portions(monkeypatch):
    expected = forecaster().fit(Y).linear_coef_
    monkeypatch.setattr("fastrnn.forecaster.linear.WINDOWS", 7)
    np.testing.assert_allclose(forecaster().fit(Y).linear_coef_, expected, rtol=1e-9)


def test_coefficients_are_shared_by_channels_and_series():
    both = forecaster().fit([np.column_stack([Y, Y[::-1]])]).linear_coef_
    apart = forecaster().fit([Y, Y[::-1].copy()]).linear_coef_
    np.testing.assert_allclose(both, apart, rtol=1e-9)


# --------------------------------------------------------------------- forecasts that are known


def test_trend_and_season_are_forecast():
    """The drift is hardly shrunk: the regression alone is right, and the network has nothing to add."""
    model = forecaster(season=12, horizon=24, linear_lags=2, log=False, max_iter=30, learning_rate_init=1e-2)
    model.fit(SEASONAL[:96])
    lens = {**model._lens, "lags": tuple(model._lens["lags"])}
    view = View(as_sequences([SEASONAL[:96]], float), Lens(**lens))
    rows = np.array([95])
    gaps = model._model.linear.gaps(view, rows)
    np.testing.assert_allclose(view.values(rows, gaps[..., None])[0, :, 0, 0], SEASONAL[96:], rtol=1e-4)
    assert np.abs(model.predict() - SEASONAL[96:]).max() < 2


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_an_autoregression_is_forecast(strategy):
    y = autoregression([2 * 0.99 * np.cos(0.4), -(0.99**2)], 203, 0.0)
    options = {"linear_lags": 8, "log": False, "loss": "squared_error", "max_iter": 60, "learning_rate_init": 1e-2}
    model = forecaster(strategy=strategy, context=20, **options).fit(y[:200])
    assert np.abs(model.predict(3) - y[200:]).max() < 0.15 * np.abs(np.diff(y[100:])).max()


@pytest.mark.parametrize("options", [{}, {"season": 4, "difference": True}, {"difference": False}, {"horizon": 1}],
                         ids=str)  # fmt: skip
def test_constant_series_stay_as_they_are(options):
    flat = [np.full(40, 7.3), np.full(33, -1e9), np.zeros(40)]
    for loss in ("quantile", "gaussian"):
        model = forecaster(loss=loss, **options).fit([*flat, Y])
        for k, y in enumerate(flat):
            np.testing.assert_allclose(model.predict(9)[k], np.full(9, y[0]), rtol=1e-14)
            low, high = model.predict_interval(0.8)[k].T
            np.testing.assert_allclose(low, high, rtol=1e-14)
    alone = forecaster(**options).fit(np.full(40, 7.3))
    np.testing.assert_allclose(alone.predict(), 7.3, rtol=1e-14)


@pytest.mark.parametrize("options", [{}, {"season": 4}, {"difference": False}, {"scaling": "robust"},
                                     {"scaling": "standard"}], ids=str)  # fmt: skip
def test_forecasts_go_with_the_unit(options):
    model = forecaster(log=False, **options).fit(Y)
    assert_same_bits(forecaster(log=False, **options).fit(8 * Y).predict(), 8 * model.predict())
    assert_same_bits(model.predict(history=8 * Y), 8 * model.predict())
    np.testing.assert_allclose(model.predict_quantiles(history=10 * Y), 10 * model.predict_quantiles(), rtol=1e-6)
    if options.get("difference", True):
        np.testing.assert_allclose(model.predict(history=Y + 1000), model.predict() + 1000, rtol=1e-8)


def test_forecasts_of_logarithms_go_with_the_unit():
    model = forecaster(log=True).fit(Y)
    np.testing.assert_allclose(model.predict(history=10 * Y), 10 * model.predict(), rtol=1e-6)
    assert (model.predict_interval(0.95, history=np.exp(walk(60) - 50)) > 0).all()


def test_weights_have_the_same_bits_for_any_number_of_threads():
    view = view_of([walk(11 * WINDOWS) + 9 * np.sin(np.arange(11 * WINDOWS))], reach=20)
    rows = np.arange(20, 11 * WINDOWS - 5)
    found = []
    for n_jobs in (1, 2, 3):
        with threads.limit(n_jobs):
            linear = Linear(20, 4).fit(view, rows, rows // WINDOWS % FOLDS)
        found.append(linear.whole.parameters["weight"].copy())
    assert np.abs(found[0]).max() > 0
    assert_same_bits(found[0], found[1])
    assert_same_bits(found[0], found[2])
