"""What is known ahead has a linear effect on levels, whatever else a forecaster has learned."""

from functools import cache

import numpy as np
import pytest
from samples import assert_same_bits
from series import columns_of, forecaster, walk

from fastrnn import SequenceForecaster, load, save
from fastrnn.forecaster.linear import effects
from fastrnn.forecaster.view import Lens, View
from fastrnn.sequences import as_sequences

HOLIDAYS = np.zeros(365)
HOLIDAYS[[1, 15, 50, 148, 169, 184, 246, 281, 313, 326, 358]] = 1
KNOWN, AHEAD = slice(0, 358), slice(358, 365)
WEEK = np.where(np.arange(365) % 7 > 4, 13.0, 10.0)
PLAIN = {"horizon": 7, "season": 7, "random_state": 0}
QUICK = {**PLAIN, "hidden_size": 4, "max_iter": 2, "context": 30, "shrinkage": None}


@cache
def shops(n=30, share=0.3):
    """Sales, (n, 365), which fall to a share of the usual on holidays; the last week begins with one."""
    rng = np.random.default_rng(0)
    sizes, noise = rng.lognormal(0, 0.5, (n, 1)), rng.lognormal(0, 0.05, (n, 365))
    return sizes * WEEK * np.where(HOLIDAYS, share, 1) * noise


def fitted(n=30, y=None, x=HOLIDAYS, **options):
    y = shops() if y is None else y
    return SequenceForecaster(**{**QUICK, **options}).fit(list(y[:n, KNOWN]), future=[x[KNOWN]] * n)


def missed(model, n=30, y=None, x=HOLIDAYS):
    """The mean absolute error of logarithms at each step of the last week."""
    y = shops() if y is None else y
    return np.abs(np.log(model.predict(future=[x[AHEAD]] * n) / y[:n, AHEAD])).mean(axis=0)


def view_of(y, future=None, season=7, **options):
    lens = Lens([season, 1][: 1 + (season > 1)], season == 1, season > 1, "auto", "mean", 21)
    return View(as_sequences(y, np.float64), lens._replace(**options), future=future)


def shares(y, x, **options):
    """Of the only covariate, in each series' levels, (n,)."""
    future = as_sequences([np.reshape(part, (len(part), -1)) for part in x], np.float64)
    view = view_of(y, future, **options)
    return (view.units * effects(view, future)[0])[:, 0]


# ------------------------------------------------------------------------------------- holidays


@pytest.mark.parametrize("n", [30, 3, 1])
def test_holidays_are_used_by_default(n):
    model = SequenceForecaster(**PLAIN).fit(list(shops()[:n, KNOWN]), future=[HOLIDAYS[KNOWN]] * n)
    assert missed(model, n).max() < 0.15


@pytest.mark.parametrize(
    "options",
    [
        {"log": False},
        {"scaling": None},
        {"scaling": "standard"},
        {"scaling": "robust"},
        {"smoothing": False},
        {"smoothing": True},
        {"linear_lags": 0},
        {"seasonal_difference": False},
        {"difference": True},
        {"seasonal_difference": False, "difference": False},
        {"loss": "gaussian", "strategy": "recursive", "horizon": 1},
        {"missing": "interpolate"},
    ],
    ids=str,
)
def test_whatever_else_forecasts(options):
    y, x = shops(), HOLIDAYS
    ahead = [x[AHEAD]] * 3
    model = fitted(3, **options)
    error = np.abs(np.log(model.predict(7, future=ahead) / y[:3, AHEAD])).mean(axis=0)
    plain = SequenceForecaster(**{**QUICK, **options}).fit(list(y[:3, KNOWN]))
    without = np.abs(np.log(plain.predict(7) / y[:3, AHEAD])).mean(axis=0)
    assert without[0] > 0.9 and error[0] < 0.35


def test_each_channel_has_its_own_effects():
    up = shops() * np.where(HOLIDAYS, 2 / 0.3, 1.0)
    both = [np.column_stack([a, b]) for a, b in zip(shops()[:3], up[:3], strict=True)]
    model = SequenceForecaster(**QUICK).fit([y[KNOWN] for y in both], future=[HOLIDAYS[KNOWN]] * 3)
    found = model.predict(future=[HOLIDAYS[AHEAD]] * 3)
    for channel in range(2):
        came = np.stack([y[AHEAD, channel] for y in both])
        assert np.abs(np.log(found[..., channel] / came))[:, 0].mean() < 0.2


def test_series_closed_on_holidays():
    """With zeros there are no logarithms, and effects are in proportion to what is sold."""
    y = shops(30, 0.0)
    model = fitted(y=y)
    found = model.predict(future=[HOLIDAYS[AHEAD]] * 30)
    assert np.abs(found[:, 0] / y.mean(axis=1)).mean() < 0.2
    assert np.abs(found[:, 1:] / y[:, 359:] - 1).mean() < 0.1


def test_series_with_more_noise_have_no_larger_effect():
    rng = np.random.default_rng(1)
    noise = np.repeat([0.02, 0.1, 0.3], 10)[:, np.newaxis]
    y = WEEK * np.where(HOLIDAYS, 0.3, 1) * rng.lognormal(0, 1, (30, 365)) ** noise
    np.testing.assert_allclose(shares(list(y), [HOLIDAYS] * 30), np.log(0.3), atol=0.2)


def test_series_of_any_sign_and_size_have_effects_of_their_own_unit():
    rng, x = np.random.default_rng(1), columns_of(200)[:, :1]
    size = np.array([0.1, 1.0, 10.0])
    y = [k * (5 * x[:, 0] + rng.standard_normal(200)) for k in size]
    np.testing.assert_allclose(shares(y, [x] * 3) / size, 5, rtol=0.1)
    np.testing.assert_allclose(shares(y, [x] * 3, season=1) / size, 5, rtol=0.1)


@pytest.mark.parametrize("errors", [np.array, np.cumsum], ids=["noise", "walk"])
@pytest.mark.parametrize("season", [1, 7])
def test_errors_may_be_noise_or_a_walk(errors, season):
    rng, found = np.random.default_rng(0), []
    for _ in range(20):
        x = np.repeat(rng.random(60) < 0.2, 5) * 1.0
        found.append(shares([100 + 2 * x + errors(rng.standard_normal(300))], [x], season=season, log=False)[0])
    assert np.median(np.abs(np.array(found) - 2)) < 0.4


def test_a_holiday_that_came_twice_is_believed_and_one_that_came_once_is_not():
    y, x = shops(), np.zeros(365)
    for days, least, most in ([[50, 281], -1.4, -1.0], [[50], 0, 0]):
        x[:] = 0
        x[days] = 1
        found = shares(list(y[:3] / np.where(HOLIDAYS, 0.3, 1) * np.where(x, 0.3, 1)), [x] * 3)
        assert (least <= found).all() and (found <= most).all()


# ------------------------------------------------------------------------------------- noise


@pytest.mark.parametrize("n", [30, 1])
def test_noise_costs_little(n):
    rng = np.random.default_rng(5)
    y, costs = shops() / np.where(HOLIDAYS, 0.3, 1), []
    for seed in range(4 if n == 1 else 1):
        x = np.random.default_rng(seed).standard_normal((365, 10))
        some = rng.permutation(30)[:n]
        plain = SequenceForecaster(**{**PLAIN, "random_state": seed}).fit(list(y[some, KNOWN]))
        model = SequenceForecaster(**{**PLAIN, "random_state": seed})
        model.fit(list(y[some, KNOWN]), future=[x[KNOWN]] * n)
        forecasts = plain.predict(), model.predict(future=[x[AHEAD]] * n)
        costs.append([np.abs(np.log(found / y[some, AHEAD])).mean() for found in forecasts])
    before, after = np.mean(costs, axis=0)
    assert after < 1.02 * before


@pytest.mark.parametrize(
    "x",
    [np.ones(300), np.arange(300.0), np.arange(300) / 7, 1e9 + np.arange(300) / 7, np.zeros(300)],
    ids=["1", "t", "t/7", "1e9+t/7", "0"],
)
def test_what_never_changes_or_only_goes_on_has_no_effect(x):
    y = [walk(300), 50 + walk(300, seed=1).cumsum()]
    found = np.abs(shares(y, [x] * 2) * np.ptp(x))
    assert (found < 1e-3).all()


def test_collinear_covariates_share_their_effect():
    y, x = [y[KNOWN] for y in shops()[:3]], HOLIDAYS[KNOWN]
    columns = np.column_stack([x, 2 * x, np.ones(358)])
    future = as_sequences([columns] * 3, np.float64)
    view = view_of(y, future)
    in_levels = view.units * effects(view, future)[:, 0]
    np.testing.assert_allclose(in_levels[:, 0] + 2 * in_levels[:, 1], np.log(0.3), atol=0.1)
    assert np.abs(in_levels[:, 2]).max() < 1e-6


def test_a_series_that_never_changes_goes_on_and_counts_stay_counts():
    y = np.vstack([shops()[:2], np.full(365, 4.0)])
    model = fitted(3, y)
    assert (model.predict(future=[HOLIDAYS[AHEAD]] * 3)[2] == 4).all()
    whole = np.random.default_rng(0).poisson(shops()[:2]).astype(float)
    counts = fitted(2, whole, loss="negative_binomial")
    assert counts._lens["effects"] is None
    found = counts.predict(future=[HOLIDAYS[AHEAD]] * 2)
    assert (found == np.rint(found)).all()


# ------------------------------------------------------------------------------------- the way through


def test_views_are_of_series_without_the_effect():
    y, x = [y[:n] for y, n in zip(shops(), (358, 300, 6), strict=False)], [HOLIDAYS[:365, np.newaxis]] * 3
    future = as_sequences(x, np.float64)
    known = as_sequences([part[: len(one)] for part, one in zip(x, y[:2], strict=False)], float)
    found = effects(view_of(y[:2], known), known)
    view = view_of(y, future, effects=found)
    shares = view.units[:, 0] * found[0, 0]
    effect = [part[: len(one), 0] * share for part, one, share in zip(x, y, shares, strict=True)]
    expected = view_of([one / np.exp(part) for one, part in zip(y, effect, strict=True)])
    np.testing.assert_allclose(view.levels, expected.levels, rtol=1e-12)
    np.testing.assert_allclose(view.scale, expected.scale, rtol=1e-9)
    rows, _ = view.last_rows(1)
    smooth, smoothed = (View(v._series, v.lens._replace(smoothing=True, effects=None)) for v in (view, expected))
    np.testing.assert_allclose(smooth.base(rows, 3), smoothed.base(rows, 3), rtol=1e-9)
    gaps = np.zeros((3, 7, 1, 1))
    ahead = view.values(rows, gaps)[..., 0, 0] / expected.values(rows, gaps)[..., 0, 0]
    for k, (one, share) in enumerate(zip(y, shares, strict=True)):
        np.testing.assert_allclose(ahead[k], np.exp(HOLIDAYS[len(one) : len(one) + 7] * share), rtol=1e-9)


def test_quantiles_intervals_and_paths_have_the_effect():
    ahead = [HOLIDAYS[AHEAD]] * 3
    model = fitted(3, calibration=10)
    came, said = shops()[:3, AHEAD], model.predict_interval(0.8, future=ahead)
    assert (said[:, 0, 1] < 0.5 * came[:, 1]).all() and (np.diff(said) > 0).all()
    quantiles = model.predict_quantiles(future=ahead)
    assert (quantiles[:, 0, -1] < 0.5 * came[:, 1]).all() and (np.diff(quantiles) > 0).all()
    drawing = fitted(3, strategy="recursive", loss="student_t")
    for found in (drawing.predict_quantiles([0.1, 0.9], future=ahead), drawing.sample_paths(20, 7, future=ahead)):
        holiday = np.median(found[:, 0] if found.ndim == 3 and found.shape[-1] == 2 else found[..., 0], axis=1)
        np.testing.assert_allclose(holiday, came[:, 0], rtol=0.4)


def test_blocks_and_recursion_go_on_over_holidays():
    y, x = shops()[:3, :350], [HOLIDAYS] * 3
    for options in ({"horizon": 5}, {"strategy": "recursive", "loss": "squared_error"}):
        model = SequenceForecaster(**{**QUICK, **options}).fit(list(y), future=[HOLIDAYS[:350]] * 3)
        found = model.predict(15, future=[HOLIDAYS[350:]] * 3)
        assert np.abs(np.log(found / shops()[:3, 350:]))[:, 8].max() < 0.35
        assert_same_bits(model.predict(15, history=list(y), future=x), found)


def test_saved_updated_and_gone_on_with(tmp_path):
    model, ahead = fitted(3), [HOLIDAYS[AHEAD]] * 3
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    assert_same_bits(again._lens["effects"], model._lens["effects"])
    assert_same_bits(again.predict(future=ahead), model.predict(future=ahead))
    early = SequenceForecaster(**QUICK).fit(list(shops()[:3, :340]), future=[HOLIDAYS[:340]] * 3)
    early.update(list(shops()[:3, 340:358]), future=[HOLIDAYS[340:358]] * 3)
    assert missed(early, 3)[0] < 0.2
    before = early._lens["effects"]
    early.set_params(warm_start=True).fit(list(shops()[:3, KNOWN]), future=[HOLIDAYS[KNOWN]] * 3)
    assert early._lens["effects"] is before
    assert missed(early, 3)[0] < 0.2


def test_backtests_know_holidays():
    y, x = list(shops()[:3]), [HOLIDAYS] * 3
    model = SequenceForecaster(**QUICK).fit([part[:300] for part in y], future=[HOLIDAYS[:300]] * 3)
    tested = model.backtest(y, future=x)
    on = HOLIDAYS[tested.cutoffs[:, np.newaxis] + np.arange(7)] > 0
    assert np.abs(np.log(tested.forecasts / tested.actual))[on].mean() < 0.2
    k = int(np.flatnonzero(tested.cutoffs == 320)[1])
    again = model.predict(history=[part[:320] for part in y], future=[HOLIDAYS[:327]] * 3)
    assert_same_bits(again[1], tested.forecasts[k])
    assert tested.scores["SequenceForecaster"]["mase"] < 0.8 * tested.scores["seasonal naive"]["mase"]
    anew = model.backtest(y, future=x, refit=10, step=10)
    assert np.isfinite(anew.forecasts).all()


def test_any_number_of_threads_and_any_order_of_series():
    y, x = list(shops()[:6, KNOWN]), [HOLIDAYS[KNOWN]] * 6
    one, two = (SequenceForecaster(**QUICK, n_jobs=n).fit(y, future=x) for n in (1, 2))
    assert_same_bits(one._lens["effects"], two._lens["effects"])
    turned = SequenceForecaster(**QUICK).fit(y[::-1], future=x)
    np.testing.assert_allclose(turned._lens["effects"], one._lens["effects"], rtol=1e-9)
    ahead = one.predict(history=y, future=[HOLIDAYS] * 6)
    assert_same_bits(one.predict(history=y[::-1], future=[HOLIDAYS] * 6)[::-1], ahead)
    assert_same_bits(one.predict(history=y[2:3], future=[HOLIDAYS]), ahead[2:3])


def test_short_series_and_short_panels():
    y, x = shops(), [HOLIDAYS[:358], HOLIDAYS[:5], HOLIDAYS[:40]]
    parts = [y[0, :358], y[1, :5], y[2, :40]]
    with pytest.warns(UserWarning, match="their first season"):
        model = SequenceForecaster(random_state=0, max_iter=2, hidden_size=4, horizon=3).fit(parts, future=x)
    assert np.isfinite(model.predict(future=[HOLIDAYS[:3]] * 3)).all()
    tiny = forecaster(linear_lags=1, horizon=1).fit([walk(4)], future=[columns_of(4)])
    assert np.isfinite(tiny.predict(future=[columns_of(1)])).all()


@pytest.mark.parametrize("log", ["auto", False])
def test_an_effect_is_the_same_from_a_history_without_events(log):
    rng, t = np.random.RandomState(0), np.arange(1095 + 7)
    x = (rng.rand(t.size) < 0.04) * 1.0
    x[1095:] = [0, 0, 0, 1, 0, 0, 0]
    x[1095 - 120 : 1095] = 0
    y = (100 + 10 * np.sin(2 * np.pi * t / 7) + rng.randn(t.size)) * np.where(x, 0.6, 1)
    model = SequenceForecaster(horizon=7, season=7, log=log, max_iter=2, random_state=0).fit(y[:1095], future=x[:1095])
    of_all = model.predict(future=x[1095:])
    of_few = model.predict(history=y[975:1095], future=x[975:])
    np.testing.assert_allclose([of_all[3], of_few[3]], y[1098], rtol=0.1)


@pytest.mark.parametrize("offset", [-2000.0, 1e6])
def test_where_a_covariate_begins_does_not_matter(offset):
    y, x = list(shops()[:3, KNOWN]), [HOLIDAYS[KNOWN] + offset] * 3
    model = SequenceForecaster(**PLAIN).fit(y, future=x)
    said = model.predict(future=[HOLIDAYS[AHEAD] + offset] * 3)
    assert np.abs(np.log(said / shops()[:3, AHEAD])).mean(axis=0).max() < 0.15
