"""Exponential smoothing as the base of forecasts: the kernel against plain lines, what goes on, when it is taken."""

import numpy as np
import pytest
from samples import assert_same_bits
from series import forecaster

import fastrnn
from fastrnn import SequenceForecaster
from fastrnn.forecaster.smoothing import MEMBERS, smoothed
from fastrnn.kernels.smoothing import ADDED, LOGARITHMS, TIMES, smooth

RNG = np.random.default_rng(0)
WALK = 20 + RNG.standard_normal(30).cumsum()


def by_hand(adjusted, season, form, alpha, beta, phi, theta, horizon):
    """Forecasts (T, horizon) of one member."""
    T, m = adjusted.size, season.size
    begin = min(T, max(5, m))

    def line(n):
        return np.polyfit(np.arange(n), adjusted[:n], 1)

    slope, start = line(begin)
    trend, drift = (slope if beta else 0.0), theta * slope
    level, out = start - trend - drift, np.empty((T, horizon))
    for t in range(T):
        expected = level + phi * trend + drift
        error = adjusted[t] - expected
        level, trend = expected + alpha * error, phi * trend + alpha * beta * error
        if theta and t >= begin:
            drift = theta * line(t + 1)[0]
        for h in range(1, horizon + 1):
            value = level + sum(phi**k for k in range(1, h + 1)) * trend + h * drift
            factor = season[(t + h) % m]
            out[t, h - 1] = {ADDED: value + factor, TIMES: value * factor, LOGARITHMS: np.exp(value) * factor}[form]
    return out


@pytest.mark.parametrize("form", [ADDED, TIMES, LOGARITHMS])
@pytest.mark.parametrize(
    "member",
    [(0.3, 0, 1, 0), (0.3, 0, 1, 0.5), (0.5, 0.1, 0.9, 0), (0.7, 0.3, 1, 0)],
    ids=["ses", "theta", "damped", "holt"],
)
def test_the_kernel_is_its_equations(form, member):
    season = np.array([0.9, 1.0, 1.1])
    adjusted = WALK / 20
    series = {ADDED: adjusted + np.resize(season, 30), TIMES: adjusted * np.resize(season, 30)}.get(
        form, np.exp(adjusted) * np.resize(season, 30)
    )
    out, weights = np.zeros((30, 4)), np.full((30, 1), 0.5)
    slope, start = np.polyfit(np.arange(5), adjusted[:5], 1)
    options = adjusted, series, season, form, np.array([member], float), 3, np.array([start, slope, 5])
    smooth(out, weights, weights, *options)
    expected = by_hand(adjusted, season, form, *member, 4)
    np.testing.assert_allclose(out, expected / 2, rtol=1e-10)
    missed = np.zeros((30, 1))
    smooth(np.empty((0, 4)), missed, missed, *options)
    by_target = np.zeros(30)
    for t in range(3, 30):
        for h in range(1, 5):
            if t + h < 30:
                by_target[t + h] += abs(series[t + h] - expected[t, h - 1]) / h
    np.testing.assert_allclose(missed[:, 0], by_target, rtol=1e-9)


def test_what_is_regular_goes_on():
    t = np.arange(48.0)
    season = np.resize([3.0, -1.0, 0.5, -2.5], 60)
    later = np.arange(48, 60)
    np.testing.assert_array_equal(smoothed(np.full(20, 0.1), 4, 3, 20), 0.1)
    for series, expected in (
        (5 + 0.5 * t, 5 + 0.5 * later),
        (50 + t + season[:48], 50 + later + season[48:]),
        (np.exp(0.02 * t) * (10 + season[:48]), np.exp(0.02 * later) * (10 + season[48:])),
    ):
        np.testing.assert_allclose(smoothed(series, 4, 12, 48)[-1], expected, rtol=0.02)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_units_do_not_matter(unit):
    np.testing.assert_allclose(smoothed(unit * WALK, 1, 6, 30), unit * smoothed(WALK, 1, 6, 30), rtol=1e-9)


def test_ways_are_judged_by_what_came_before():
    """Without a season, forecasts from a step do not know what came after it."""
    other = WALK.copy()
    other[20:] += 3 * RNG.random(10)
    np.testing.assert_allclose(smoothed(other, 1, 3, 20)[:20], smoothed(WALK, 1, 3, 20)[:20], rtol=1e-9)


def test_forecasts_of_positive_series_stay_positive():
    falling = np.linspace(10, 1, 40)
    assert smoothed(falling, 1, 30, 40)[-1].min() >= falling.min() / 2
    assert len(MEMBERS) == len({tuple(member) for member in MEMBERS})


def levels_and_noise(n=30, T=40, seed=0):
    """Levels that move a little, under noise: the last value is a bad start."""
    rng = np.random.default_rng(seed)
    return list(100 + rng.standard_normal((n, T)).cumsum(axis=1) + 5 * rng.standard_normal((n, T)))


def test_it_is_taken_where_it_misses_less():
    noisy = SequenceForecaster(horizon=6, season=None, linear_lags=2, max_iter=1, hidden_size=3, random_state=0)
    assert noisy.fit(levels_and_noise())._lens["smoothing"]
    walks = list(np.random.default_rng(0).standard_normal((30, 40)).cumsum(axis=1))
    assert not noisy.fit(walks)._lens["smoothing"]
    assert not noisy.set_params(difference=True).fit(levels_and_noise())._lens["smoothing"]
    assert not noisy.set_params(difference="auto", strategy="recursive").fit(levels_and_noise())._lens["smoothing"]
    with pytest.raises(ValueError, match=r"smoothing=True.*strategy='direct'"):
        noisy.set_params(smoothing=True).fit(levels_and_noise())


@pytest.mark.parametrize("options", [{}, {"season": 4}, {"log": False}, {"loss": "gaussian"}, {"calibration": 3}])
def test_a_forecaster_that_starts_from_it(options, tmp_path):
    series = [*levels_and_noise(3), np.full(40, 7.0), levels_and_noise(1, 25, 1)[0]]
    model = forecaster(smoothing=True, **options).fit(series)
    alone = [model.predict(history=y) for y in series]
    np.testing.assert_array_equal(model.predict(), alone)
    assert (alone[3] == 7).all()
    cut = model.backtest(series[0], initial=37).forecasts[-1]
    np.testing.assert_array_equal(cut, model.predict(history=series[0][:37]))
    fastrnn.save(model, tmp_path / "model.safetensors")
    assert_same_bits(fastrnn.load(tmp_path / "model.safetensors").predict(), model.predict())
    assert model.predict(horizon=7).shape == (5, 7)


def test_several_channels():
    y = np.stack(levels_and_noise(2), axis=1)
    model = forecaster(smoothing=True, linear_lags=0, max_iter=1, learning_rate_init=1e-12).fit(y)
    expected = np.stack([smoothed(column, 1, 3, 40)[-1] for column in y.T], axis=1)
    np.testing.assert_allclose(model.predict(), expected, rtol=1e-6)


# ---------------------------------------------------------------------------------- shrinkage


def logistic(n=40, T=60):
    """What comes next is a parabola of what was: a linear part sees nothing of it."""
    x = np.random.default_rng(0).random((n, T))
    for t in range(1, T):
        x[:, t] = 3.9 * x[:, t - 1] * (1 - x[:, t - 1])
    return list(x)


def linear_of(model):
    """What is left of it without its network."""
    head = model.network_.head.parameters
    head["weight"][...], head["bias"][...] = 0, 0
    model.network_.changed()
    return model


def test_nothing_is_left_of_a_network_that_has_learned_noise():
    y = levels_and_noise(6, 30)
    options = {"horizon": 2, "season": None, "learning_rate_init": 0.02, "max_iter": 40, "random_state": 0}
    model = SequenceForecaster(**options).fit(y)
    believed = SequenceForecaster(shrinkage=None, **options).fit(y)
    expected = linear_of(SequenceForecaster(**options).fit(y)).predict()
    np.testing.assert_allclose(model.predict(), expected, rtol=1e-6)
    assert not np.allclose(believed.predict(), expected, rtol=1e-3)


def test_what_a_trial_supports_stays():
    y = logistic()
    options = {
        "horizon": 1,
        "season": None,
        "log": False,
        "learning_rate_init": 0.01,
        "max_iter": 60,
        "random_state": 0,
    }
    known = [series[:-1] for series in y]
    came = np.array([series[-1:] for series in y])
    model = SequenceForecaster(**options).fit(known)
    missed = np.abs(model.predict() - came).mean()
    assert missed < 0.5 * np.abs(linear_of(model).predict() - came).mean()


def test_a_trial_leaves_no_trace():
    """But for the head of the network, everything is as without one."""
    y = levels_and_noise(4, 40)
    model, plain = (forecaster(shrinkage=how, max_iter=3).fit(y) for how in ("auto", None))
    assert model.loss_curve_ == plain.loss_curve_
    for name, part in model.network_.parts.items():
        if name != "head":
            assert_same_bits(part.parameters.values, plain.network_.parts[name].parameters.values)
    again = forecaster(shrinkage="auto", max_iter=3).fit(y)
    assert_same_bits(again.predict(), model.predict())


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "gaussian", "student_t", "negative_binomial", "mixture"]
)
def test_every_loss_has_trials(loss):
    y = list(np.random.default_rng(0).poisson(5.0, (5, 40)).astype(float))
    model = forecaster(shrinkage="auto", loss=loss).fit(y)
    assert np.isfinite(model.predict()).all()


def test_lbfgs_has_none():
    y = levels_and_noise(3)
    model, plain = (forecaster(shrinkage=how, solver="lbfgs").fit(y) for how in ("auto", None))
    assert_same_bits(model.predict(), plain.predict())


def test_an_interrupt_in_a_trial_ends_the_fit(monkeypatch):
    model = forecaster(shrinkage="auto", warm_start=True).fit(levels_and_noise(3))
    before = model.predict()

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("fastrnn.forecaster.learning.Trainer.epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(warm_start=False).fit(levels_and_noise(3))
    assert_same_bits(model.predict(), before)


@pytest.mark.parametrize("T", [36, 48, 72])
def test_intervals_of_short_seasonal_series_cover(T):
    """A season that few cycles show is wide of the next one."""
    rng, t = np.random.default_rng(0), np.arange(T + 6)
    y = list(20 + 2 * np.sin(2 * np.pi * t / 12) + rng.standard_normal((60, T + 6)))
    model = SequenceForecaster(horizon=6, season=12, smoothing=True, random_state=0).fit([x[:T] for x in y])
    low, high = np.moveaxis(model.predict_interval(coverage=0.8), -1, 0)
    came = np.array([x[T:] for x in y])
    assert 0.72 < ((low <= came) & (came <= high)).mean() < 0.9


def test_later_fits_do_not_widen_again():
    rng, t = np.random.default_rng(0), np.arange(48)
    y = list(20 + 2 * np.sin(2 * np.pi * t / 12) + rng.standard_normal((20, 48)))
    options = {"season": 12, "smoothing": True, "warm_start": True, "max_iter": 1, "learning_rate_init": 1e-12}
    model = forecaster(**options).fit(y)
    first = np.diff(model.predict_interval(coverage=0.8))
    np.testing.assert_allclose(np.diff(model.fit(y).fit(y).predict_interval(coverage=0.8)), first, rtol=1e-4)
