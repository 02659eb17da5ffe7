"""Seasons that are found, by themselves or by what timestamps tell."""

import numpy as np
import pandas as pd
import pytest
from series import Y, forecaster, walk

from fastrnn.forecaster.seasons import find_seasons
from fastrnn.frames.reading import read_series
from fastrnn.sequences import as_sequences

T = np.arange(120)


def found(*series, likely=(), horizon=None):
    return find_seasons(as_sequences(list(series), float), likely, horizon)


def wave(season, n, noise, seed=0):
    rng = np.random.default_rng(seed)
    return np.sin(2 * np.pi * np.arange(n) / season + rng.uniform(0, 6)) + noise * rng.standard_normal(n)


@pytest.mark.parametrize("season", [3, 4, 7, 12, 24])
def test_a_season_is_found(season):
    rng = np.random.default_rng(season)
    t = np.arange(8 * season)
    pattern = rng.standard_normal(season)
    y = 50 + 0.1 * t + 3 * pattern[t % season] + 0.3 * rng.standard_normal(t.size)
    assert found(y, y[:9]) == [season]
    assert forecaster(season="auto").fit(y).season_ == [season]
    assert forecaster(season="auto", horizon=None, linear_lags="auto").fit(y).horizon_ == 2 * season


@pytest.mark.parametrize("y", [walk(200), T * 2.0, np.full(90, 3.0), Y[:5], Y[:1], T**2.0, Y * 1e150], ids=str)
def test_no_season_is_found_where_there_is_none(y):
    assert found(y) == found(y, likely=(7, 12)) == []


@pytest.mark.parametrize(
    ("season", "n", "noise"),
    [(52, 260, 0.3), (12, 60, 0.3), (24, 120, 0.3), (30, 150, 0.3), (90, 450, 0.2), (365, 1168, 0.3), (52, 416, 1.0)],
)
def test_smooth_seasons_in_noise(season, n, noise):
    """Of which single steps show little: in 52 weeks a year changes by a tenth of its height, noise by three."""
    right = [found(wave(season, n, noise, seed)) == [season] for seed in range(10 if n < 1000 else 3)]
    assert np.mean(right) >= 0.9
    trend = np.linspace(0, 5, n)
    assert found(wave(season, n, 0.1) + trend) == [season]


def test_sharp_peaks():
    rng = np.random.default_rng(0)
    for season in (7, 24, 31):
        y = np.where(np.arange(6 * season) % season == 3, 5.0, 0.0) + 0.5 * rng.standard_normal(6 * season)
        assert found(y) == [season]


@pytest.mark.parametrize("integrated", [0, 1], ids=["noise", "walk"])
@pytest.mark.parametrize("n", [24, 60, 150])
def test_noise_and_walks_show_none(n, integrated):
    rng = np.random.default_rng(n)
    rows = rng.standard_normal((40, n))
    rows = rows.cumsum(axis=1) if integrated else rows
    assert np.mean([found(y) != [] for y in rows]) <= 0.1
    assert np.mean([found(y, likely=(7, 52)) != [] for y in rows]) <= 0.1


def test_what_most_series_show():
    seasonal, plain = [wave(12, 80, 0.3, seed) for seed in range(6)], [walk(80, seed) for seed in range(6)]
    assert found(*seasonal, *plain[:3]) == [12]
    assert found(*seasonal[:1], *plain) == []
    assert found(*seasonal, *[np.full(80, 2.0)] * 3) == [12]  # what does not change says nothing
    assert found(*[wave(12, 60 + 5 * k, 0.2, k) for k in range(8)]) == [12]


def test_a_drifting_cycle_is_none_for_the_next_step():
    """Sunspots are far nearer to those of the month before than to those of 11 years before."""
    rng, phase = np.random.default_rng(1), 2 * np.pi * np.arange(1500) / 130
    y = np.sin(phase + 0.05 * rng.standard_normal(1500).cumsum()) + 0.05 * rng.standard_normal(1500)
    assert found(y, horizon=1) == []


# ------------------------------------------------------------------------------- by timestamps


def hours(n, seed=0):
    """A day, and weeks whose ends are flat."""
    t, rng = np.arange(n), np.random.default_rng(seed)
    return np.sin(2 * np.pi * t / 24) * np.where(t // 24 % 7 > 4, 0.4, 1.0) + 0.2 * rng.standard_normal(n)


@pytest.mark.parametrize(
    ("freq", "n", "held"),
    [
        ("h", 400, (24, 168)), ("D", 800, (7, 365)), ("W-TUE", 160, (52,)), ("MS", 40, (12,)), ("ME", 40, (12,)),
        ("QS", 20, (4,)), ("B", 600, (5, 260)), ("min", 3000, (60, 1440)), ("15min", 2000, (4, 96, 672)),
        ("YS", 30, ()), ("2MS", 20, (6,)), ("30min", 800, (2, 48, 336)),
    ],
)  # fmt: skip
def test_what_clocks_and_calendars_hold(freq, n, held):
    _, form = read_series(pd.Series(np.arange(n), pd.date_range("2021-03-05", periods=n, freq=freq)))
    assert form.cycle_lengths([n]) == held
    if freq in ("h", "D", "W-TUE"):
        _, form = read_series(
            pd.Series(np.arange(n), pd.date_range("2021-03-05", periods=n, freq=freq, tz="Europe/Rome"))
        )
        assert form.cycle_lengths([n]) == held


@pytest.mark.parametrize(("season", "times"), [(12, 2), (7, 3), (6, 4)])
def test_a_likely_season_is_not_found_for_a_fraction(season, times):
    n = 9 * season * times + 5
    right = [found(wave(season, n, 0.3, seed), likely=(season * times,)) == [season] for seed in range(20)]
    assert np.mean(right) >= 0.9


def test_integers_and_arrays_hold_nothing():
    assert read_series(pd.Series(Y))[1].cycle_lengths([60]) == () == read_series(Y)[1].cycle_lengths([60])


@pytest.mark.parametrize(
    ("freq", "y", "seasons"),
    [
        ("h", hours(700), [24, 168]),
        ("h", wave(24, 200, 0.3), [24]),
        ("D", wave(7, 60, 0.3), [7]),
        ("W", wave(52, 260, 0.3), [52]),
        ("W", wave(52, 150, 0.3), [52]),
        ("MS", wave(12, 30, 0.3), [12]),
        ("QS", wave(4, 18, 0.3), [4]),
        ("h", wave(12, 200, 0.3, 1), [12]),  # none of the likely ones
        ("D", walk(100), [1]),
    ],
)  # fmt: skip
def test_seasons_of_timestamps(freq, y, seasons):
    index = pd.date_range("2020-02-01", periods=len(y), freq=freq)
    model = forecaster(season="auto", horizon=6, max_iter=1).fit(pd.Series(y + 20, index))
    assert model.season_ == seasons
