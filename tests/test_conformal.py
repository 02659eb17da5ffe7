"""Uncertainty: paths that are drawn, and conformal intervals."""

from types import SimpleNamespace

import numpy as np
import pytest
from samples import assert_same_bits
from series import SHORT, TWO, Y, columns_of, counts, forecaster

from fastrnn.forecaster import conformal
from fastrnn.forecaster.view import Lens, View
from fastrnn.sequences import as_sequences

# ------------------------------------------------------------------------------------------ paths


@pytest.fixture(scope="module")
def reverting():
    """An AR(1) series of coefficient 0.7."""
    rng, y = np.random.default_rng(0), [0.0]
    while len(y) < 600:
        y.append(0.7 * y[-1] + rng.standard_normal())
    return np.array(y)


def test_paths_have_the_spread_of_the_process(reverting):
    options = {"difference": False, "loss": "gaussian", "max_iter": 20, "context": 30, "learning_rate_init": 1e-2,
               "horizon": 5, "batch_size": 4}  # fmt: skip
    recursive = forecaster(strategy="recursive", **options).fit(reverting)
    paths = recursive.sample_paths(4000, random_state=1)
    assert paths.shape == (4000, 5)
    steps = np.arange(1, 6)
    spread = np.sqrt((1 - 0.49**steps) / (1 - 0.49))
    assert np.abs(paths.mean(axis=0) - 0.7**steps * reverting[-1]).max() < 0.3
    assert np.abs(paths.std(axis=0) / spread - 1).max() < 0.15
    direct = forecaster(**options).fit(reverting).predict_quantiles([0.1, 0.5, 0.9])
    assert np.abs(np.quantile(paths, [0.1, 0.5, 0.9], axis=0).T - direct).max() < 0.35
    assert np.abs(recursive.predict_quantiles([0.1, 0.5, 0.9]) - direct).max() < 0.7  # of 200 paths
    assert np.corrcoef(paths[:, 3], paths[:, 4])[0, 1] > 0.4  # each goes on from itself


def test_paths_are_drawn_again_alike():
    model = forecaster(strategy="recursive", loss="student_t").fit([Y, SHORT])
    paths = model.sample_paths(6, horizon=7)
    assert paths.shape == (2, 6, 7)
    assert_same_bits(model.sample_paths(6, horizon=7), paths)
    assert_same_bits(model.sample_paths(6, horizon=7, random_state=0), paths)
    assert (model.sample_paths(6, horizon=7, random_state=1) != paths).all()
    state = np.random.RandomState(3)
    assert (model.sample_paths(6, random_state=state) != model.sample_paths(6, random_state=state)).all()
    assert_same_bits(model.predict_quantiles(), model.predict_quantiles())
    assert len(np.unique(paths[..., 0])) == 12


def test_paths_of_counts_are_counts():
    model = forecaster(strategy="recursive", loss="negative_binomial").fit([counts(60), 100 + counts(40, 1)])
    paths = model.sample_paths(50)
    assert (paths == np.rint(paths)).all() and (paths >= 0).all()
    assert 2 < paths[0].mean() < 8 and 80 < paths[1].mean() < 130


def test_paths_of_channels_with_covariates():
    x = columns_of(65)
    model = forecaster(strategy="recursive", loss="gaussian").fit(TWO, future=x[:60], static=[2.0])
    paths = model.sample_paths(4, horizon=5, future=x[60:])
    assert paths.shape == (4, 5, 2)
    assert_same_bits(model.sample_paths(4, horizon=5, history=TWO, future=x, static=[2.0]), paths)


# -------------------------------------------------------------------------------------- intervals


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
@pytest.mark.parametrize("log", [False, True])
def test_intervals_by_hand(log, strategy):
    model = forecaster(calibration=9, log=log, strategy=strategy, loss="squared_error").fit(Y)
    u, back = (np.log, np.exp) if log else (np.asarray, np.asarray)
    errors = []
    for t in range(60 - 3 - 8, 58):
        scale = np.abs(np.diff(u(Y[:t]))).mean()
        errors.append(np.abs(u(Y[t : t + 3]) - u(model.predict(3, history=Y[:t]))) / scale)
    errors = np.maximum.accumulate(np.sort(errors, axis=0), axis=1)  # no narrower further ahead
    np.testing.assert_allclose(model._calibration, errors.T, rtol=1e-9)
    points, scale = model.predict(3), np.abs(np.diff(u(Y))).mean()
    for coverage, rank in ((0.5, 5), (0.8, 8), (0.9, 9), (0.41, 5), (0.1, 1)):
        reach = scale * errors[rank - 1]
        expected = np.column_stack([back(u(points) - reach), back(u(points) + reach)])
        np.testing.assert_allclose(model.predict_interval(coverage), expected, rtol=1e-9)
    assert_same_bits(model.predict_interval(0.8, horizon=2), model.predict_interval(0.8)[:2])


def test_the_fit_does_not_learn_from_what_calibrates():
    model = forecaster(calibration=6).fit([Y, SHORT])
    other = forecaster().fit([Y[:-8], SHORT[:-8]])
    assert_same_bits(model.network_.theta, other.network_.theta)
    assert_same_bits(model.predict(), other.predict(history=[Y, SHORT]))
    assert model._calibration.shape == (3, 12)


def test_calibration_with_covariates():
    x = columns_of(63)
    model = forecaster(calibration=5).fit(Y, past=x[:60], future=x[:60], static=[1.0])
    model.predict_interval(0.8, future=x[60:])
    assert model._calibration.shape == (3, 5)


def test_exchangeable_errors_are_covered_as_often_as_promised():
    rng = np.random.default_rng(0)
    view = SimpleNamespace(scale=np.ones((1, 1)), to_levels=lambda x: x, from_levels=lambda x: x)
    for m, coverage in ((19, 0.9), (20, 0.9), (4, 0.5)):
        errors = np.sort(rng.exponential(size=(20_000, m)), axis=1)
        reach = conformal.interval(view, np.zeros((1, 20_000, 1)), errors, coverage)[0, :, 0, 1]
        covered = (rng.exponential(size=20_000) <= reach).mean()
        assert coverage - 0.008 < covered < coverage + 1 / (m + 1) + 0.008


def test_noise_is_covered():
    y = 20 + np.random.default_rng(0).standard_normal((400, 32))
    model = forecaster(horizon=2, calibration=1, log=False).fit(list(y[:, :30]))
    for coverage in (0.8, 0.95):
        low, high = np.moveaxis(model.predict_interval(coverage), -1, 0)
        covered = ((y[:, 30:] >= low) & (y[:, 30:] <= high)).mean(axis=0)
        assert np.abs(covered - coverage).max() < 3 * np.sqrt(2 * coverage * (1 - coverage) / 400)


def test_constant_series_have_no_errors():
    flat = np.full(40, 5.0)
    model = forecaster(calibration=8).fit([Y, flat])
    assert model._calibration.shape == (3, 8)
    assert (model.predict_interval(0.8)[1] == 5).all()
    lens = Lens((1,), True, False, False, "mean", 2)
    assert View(as_sequences([flat], float), lens).scale == 0


def test_too_few_errors():
    model = forecaster(calibration=4).fit([Y, SHORT])
    model.predict_interval(0.8)
    with pytest.raises(ValueError, match="coverage=0.95 needs 19 errors to calibrate it; there are 8: raise"):
        model.predict_interval(0.95)
    with pytest.raises(ValueError, match="horizon=4, but intervals were calibrated for 3 steps: fit with horizon=4"):
        model.predict_interval(0.5, horizon=4)
    for coverage in (0, 1, -0.5, 150, True, "0.8", None, [0.8]):
        with pytest.raises(ValueError, match="coverage=.*; expected a number between 0 and 1$"):
            model.predict_interval(coverage)
    for coverage, share in ((80, "0.8"), (95.0, "0.95"), (np.float64(99), "0.99"), (np.int64(50), "0.5")):
        with pytest.raises(ValueError, match=rf"between 0 and 1 \(did you mean {share}\?\)"):
            model.predict_interval(coverage)


def test_what_is_read_from_paths_does_not_depend_on_the_company():
    model = forecaster(strategy="recursive", random_state=None).fit([Y, SHORT])
    found = model.predict_quantiles()
    assert_same_bits(model.predict_quantiles(history=SHORT), found[1])
    assert_same_bits(model.predict_quantiles(history=[SHORT, Y]), found[::-1])


# -------------------------------------------------------------------------------------- widths


def wide_then_narrow(seed=0, n=160):
    """Steps whose next but one can be told, and the next not."""
    rng = np.random.default_rng(seed)
    return 30 + np.repeat(rng.standard_normal(n // 2), 2) * np.tile([1.0, 3.0], n // 2) + rng.standard_normal(n)


SPREADS = {
    "quantiles": {}, "gaussian": {"loss": "gaussian"}, "student_t": {"loss": "student_t"},
    "counts": {"loss": "negative_binomial"}, "mixture": {"loss": "mixture"}, "calibrated": {"calibration": 6},
    "paths": {"strategy": "recursive", "loss": "gaussian"}, "paths of quantiles": {"strategy": "recursive"},
    "calibrated points": {"calibration": 6, "loss": "squared_error"}, "log": {"log": True},
    "no median": {"quantiles": [0.1, 0.45, 0.9]},
}  # fmt: skip


@pytest.mark.parametrize("season", [None, 4])
@pytest.mark.parametrize("kind", SPREADS)
def test_intervals_never_get_narrower(kind, season):
    """From a step to the next, or to that a season later."""
    options = {"horizon": 11, "season": season, "max_iter": 3, "learning_rate_init": 0.03, "log": False}
    y = [wide_then_narrow(seed) for seed in range(3)]
    y = [np.rint(np.abs(x)) for x in y] if kind == "counts" else y
    model = forecaster(**{**options, **SPREADS[kind]}).fit(y)
    lag = season or 1
    low, high = np.moveaxis(model.predict_interval(0.8, 11), -1, 0)
    middle = model.predict(11)
    if kind.startswith("paths"):
        middle = model.predict_quantiles([0.5], 11)[..., 0]
    unit = np.log if kind == "log" else np.asarray
    for ends in (unit(high) - unit(middle), unit(middle) - unit(low)):
        assert (ends >= -1e-9).all()
        assert (ends[:, lag:] - ends[:, :-lag] >= -1e-6 * np.abs(ends).max()).all()
    if "calibrated" not in kind:
        levels = [0.1, 0.45, 0.9] if kind == "no median" else [0.1, 0.5, 0.9]
        found = model.predict_quantiles(levels, 11)
        assert (np.diff(found, axis=-1) >= 0).all()
        np.testing.assert_allclose(found[..., [0, -1]], np.stack([low, high], axis=-1), rtol=1e-9)


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_no_count_is_less_than_none(strategy):
    """A step with a large median before those with a small one makes their lower ends no negative counts."""
    rng = np.random.default_rng(0)
    y = [rng.poisson(np.tile([30, 1, 1, 1, 1, 1], 15)).astype(float)[: 86 + k] for k in range(3)]
    options = {"loss": "negative_binomial", "strategy": strategy, "season": 1, "horizon": 8, "context": 24}
    model = forecaster(**options, max_iter=20, learning_rate_init=0.02, hidden_size=12).fit(y)
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    found = np.array(model.predict_quantiles(levels))
    assert found.min() == 0 and (np.diff(found, axis=-1) >= 0).all() and (found == np.rint(found)).all()
    assert (np.ptp(found[..., 2], axis=1) > 1).all()  # else there is nothing to see
    assert np.array(model.predict_interval(0.9)).min() == 0


def test_widths_are_those_that_were_said_where_they_grow():
    widths = np.array([[1.0, 2], [3, 1], [2, 5], [4, 0]])
    assert conformal.never_narrower(widths, 1).tolist() == [[1, 2], [3, 2], [3, 5], [4, 5]]
    assert conformal.never_narrower(widths, 2).tolist() == [[1, 2], [3, 1], [2, 5], [4, 1]]
    assert conformal.never_narrower(widths, 9).tolist() == widths.tolist()
    assert widths[1].tolist() == [3, 1]


def test_without_a_change_there_is_nothing_to_calibrate_by():
    model = forecaster(calibration=5).fit(np.full(60, 5.0))
    with pytest.raises(ValueError, match="no series changed before its last steps: fit with calibration=0"):
        model.predict_interval()
