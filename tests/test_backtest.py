"""Forecasts of the past are those of the time, in any company; scores, backtests, searches, updates."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from samples import assert_same_bits, watch_parallel
from series import CONTAINERS, SHORT, TIMES, TWO, Y, columns_of, counts, dated, forecaster, numbers, walk
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from fastrnn import SequenceForecaster, threads
from fastrnn.metrics import mase, smape

DISTRIBUTIONS = ["gaussian", "student_t", "negative_binomial", "mixture"]


# --------------------------------------------------------------------------------------- honesty

FORMS = {
    "direct": {},
    "seasonal": {"season": 4},
    "level": {"difference": False, "seasonal_difference": False},
    "both": {"season": [4, 6], "difference": True, "seasonal_difference": True, "scaling": "robust"},
    "raw": {"scaling": None, "log": False, "linear_lags": 0, "cell": "lstm"},
    "standard": {"scaling": "standard", "context": 9, "cell": "rnn", "num_layers": 2},
    "recursive": {"strategy": "recursive", "loss": "squared_error"},
    "counts": {"strategy": "recursive", "loss": "negative_binomial"},
}
every_form = pytest.mark.parametrize("form", FORMS)


def series_of(form, n, T=60):
    return [(counts if form == "counts" else walk)(T - k % 20, seed=k) for k in range(n)]


@every_form
def test_a_backtest_is_what_predict_says_of_the_past(form):
    (y,) = series_of(form, 1)
    model = forecaster(**FORMS[form]).fit(y[:40])
    tested = model.backtest(y, step=4)
    assert tested.cutoffs.tolist() == [40, 44, 48, 52, 56] and (tested.series == 0).all()
    for t, said, came in zip(tested.cutoffs, tested.forecasts, tested.actual, strict=True):
        assert_same_bits(model.predict(history=y[:t]), said)
        assert (came == y[t : t + 3]).all()
    later = y.copy()
    later[52:] = later[52:][::-1] + 5
    for k in range(4):
        assert_same_bits(model.backtest(later, step=4).forecasts[k], tested.forecasts[k])


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_a_backtest_reads_covariates_no_further_than_it_may(strategy):
    x, names = columns_of(60), ["future"] if strategy == "recursive" else ["past", "future"]
    model = forecaster(strategy=strategy, loss="squared_error")
    model.fit(Y[:40], static=[1.0], **dict.fromkeys(names, x[:40]))
    tested = model.backtest(Y, static=[1.0], **dict.fromkeys(names, x))
    for t, said in zip(tested.cutoffs, tested.forecasts, strict=True):
        given = {"future": x[: t + 3], "past": x[:t]}
        again = model.predict(history=Y[:t], static=[1.0], **{name: given[name] for name in names})
        assert_same_bits(again, said)


def test_blocks_of_a_backtest_need_known_covariates():
    """Beyond the horizon, and short of it: what is read must be there."""
    x = columns_of(60)
    model = forecaster().fit(Y[:40], future=x[:40])
    for horizon, last in ((5, 54), (2, 57)):
        tested = model.backtest(Y, horizon=horizon, future=x)
        assert tested.cutoffs[-1] == last and tested.forecasts.shape[1] == horizon
        assert_same_bits(model.predict(horizon, history=Y[:last], future=x[: last + 6 - 3 * (horizon == 2)]),
                         tested.forecasts[-1])  # fmt: skip
    stored = model.update(Y[40:], future=x[40:]).backtest()
    assert_same_bits(stored.forecasts, model.backtest(Y, future=x).forecasts)


@every_form
def test_a_series_is_forecast_alike_in_any_company(form):
    y = series_of(form, 300)  # more than the network reads at once
    model = forecaster(**FORMS[form], n_jobs=1).fit(y[:30])
    expected = model.predict(5, history=y)
    order = np.random.default_rng(1).permutation(300)
    for chosen in ([0], [255], [256, 7], order, order[:17]):
        assert_same_bits(model.predict(5, history=[y[k] for k in chosen]), expected[chosen])
    assert_same_bits(model.predict(5, history=y[299]), expected[299])
    assert_same_bits(model.set_params(n_jobs=2).predict(5, history=y), expected)


@pytest.mark.parametrize("loss", ["quantile", *DISTRIBUTIONS])
def test_quantiles_and_intervals_do_not_depend_on_company(loss):
    y = [counts(60 - k, seed=k) for k in range(9)]
    model = forecaster(loss=loss, calibration=2).fit(y)
    quantiles, intervals = model.predict_quantiles([0.1, 0.9]), model.predict_interval(0.5)
    for k in (0, 8):
        assert_same_bits(model.predict_quantiles([0.1, 0.9], history=y[k]), quantiles[k])
        assert_same_bits(model.predict_interval(0.5, history=y[k]), intervals[k])


@every_form
def test_the_same_seed_gives_the_same_bits_with_any_n_jobs(form, monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 0)
    seen = watch_parallel(monkeypatch.setattr)
    y, options = series_of(form, 40), {**FORMS[form], "dropout": 0.3}
    one = forecaster(n_jobs=1, **options).fit(y)
    expected = one.predict(5)
    assert not seen
    for n_jobs in (2, None):
        other = forecaster(n_jobs=n_jobs, **options).fit(y)
        assert_same_bits(other.network_.theta, one.network_.theta)
        assert other.loss_curve_ == one.loss_curve_
        assert_same_bits(other.predict(5), expected)
    assert seen or threads.resolve(2) == 1
    assert forecaster(**{**options, "random_state": 1}).fit(y).loss_curve_ != one.loss_curve_


# ------------------------------------------------------------------------------------ verbs


def test_score_is_the_negative_mase():
    model = forecaster(season=4).fit(Y[:50])
    assert model.score(Y[50:53]) == -mase(Y[50:53], model.predict(), y_train=Y[:50], season=4)
    assert model.score(Y[50:55]) == -mase(Y[50:55], model.predict(5), y_train=Y[:50], season=4)
    many = forecaster().fit([Y[:50], SHORT[:40]])
    came = [Y[50:53], SHORT[40:43]]
    assert many.score(came) == -mase(came, many.predict(), y_train=[Y[:50], SHORT[:40]])
    frame = CONTAINERS["series"]
    assert forecaster().fit(frame[:50]).score(frame[50:53]) == forecaster().fit(Y[:50]).score(Y[50:53])


@pytest.mark.parametrize("y", [Y, CONTAINERS["series"], CONTAINERS["wide"]], ids=["array", "series", "wide"])
def test_a_search_over_time(y):
    search = GridSearchCV(forecaster(), {"hidden_size": [2, 4], "scaling": ["mean", None]},
                          cv=TimeSeriesSplit(3, test_size=4), error_score="raise")  # fmt: skip
    search.fit(y)
    first = clone(search.estimator).set_params(hidden_size=2, scaling="mean").fit(y[:48])
    assert search.cv_results_["split0_test_score"][0] == first.score(y[48:52])
    assert np.shape(search.best_estimator_.predict())[0] == 3 and search.best_score_ < 0


def test_clones_have_the_parameters_and_nothing_else():
    options = {"season": [4, 6], "quantiles": np.array([0.2, 0.5]), "scaling": None, "log": True}
    model = forecaster(**options)
    model.fit(Y)
    other = clone(model)
    assert {**model.get_params(), "quantiles": 0} == {**other.get_params(), "quantiles": 0}
    with pytest.raises(NotFittedError):
        other.predict()
    assert_same_bits(other.fit(Y).predict(), model.predict())
    assert model.season_ == [4, 6] and model.horizon_ == 3 and model.n_features_in_ == 1
    assert not hasattr(model, "stream")


@pytest.mark.parametrize("name", ["array", "list", "series", "wide", "long"])
def test_update_goes_on_from_what_came(name):
    y = CONTAINERS[name]
    if name == "long":
        known, new = y[y["ds"] < TIMES[40]], y[y["ds"] >= TIMES[40]]
    elif name == "list":
        known, new = [x[:40] for x in y], [x[40:] for x in y]
    else:
        known, new = y[:40], y[40:]
    model = forecaster().fit(known)
    theta = model.network_.theta.copy()
    expected = model.predict(history=y)
    assert model.update(new) is model
    assert (numbers(model.predict()) == numbers(expected)).all()
    assert_same_bits(model.network_.theta, theta)
    whole, tested = model.backtest(y), model.backtest()
    assert_same_bits(tested.forecasts, whole.forecasts)
    assert tested.scores == whole.scores


def test_update_with_covariates_a_step_at_a_time():
    x = columns_of(63)
    model = forecaster().fit(dated(Y[:57]), past=x[:57], future=x[:57])
    for t in range(57, 60):
        model.update(dated(Y[t : t + 1], t), past=x[t : t + 1], future=x[t : t + 1])
    expected = model.predict(history=dated(Y), past=x[:60], future=x)
    assert (model.predict(future=x[60:]) == expected).all()


# --------------------------------------------------------------------------------- backtests


@pytest.mark.parametrize("season", [None, 4])
def test_scores_of_a_backtest_by_hand(season):
    model = forecaster(season=season).fit([Y[:40], SHORT[:30]])
    names = ["mase", "rmsse", "smape", "mae", "rmse", "mean_quantile_loss", "coverage"]

    def worst(y_true, y_pred):
        return np.abs(y_true - y_pred).max()

    found = model.backtest([Y, SHORT], step=5, metrics=[*names, worst])
    assert found.series.tolist() == [0] * 4 + [1] * 3
    assert found.cutoffs.tolist() == [40, 45, 50, 55, 30, 35, 40]
    lag, of = season or 1, [Y, SHORT]
    pasts = [of[k][:t] for k, t in zip(found.series, found.cutoffs, strict=True)]
    simple = {
        "SequenceForecaster": found.forecasts, "naive": [[y[-1]] * 3 for y in pasts],
        "drift": [y[-1] + np.arange(1, 4) * (y[-1] - y[0]) / (len(y) - 1) for y in pasts],
    }  # fmt: skip
    if season:
        simple["seasonal naive"] = [y[-4:-1] for y in pasts]
    assert found.scores.keys() == simple.keys()
    scales = [np.abs(y[lag:] - y[:-lag]).mean() for y in pasts]
    squares = [((y[lag:] - y[:-lag]) ** 2).mean() for y in pasts]
    for who, said in simple.items():
        errors = np.abs(found.actual - np.asarray(said))
        expected = {
            "mase": (errors.mean(axis=1) / scales).mean(), "mae": errors.mean(), "rmse": np.sqrt((errors**2).mean()),
            "rmsse": np.sqrt((errors**2).mean(axis=1) / squares).mean(), "worst": errors.max(),
            "smape": smape(found.actual, said),
        }  # fmt: skip
        for name, value in expected.items():
            assert found.scores[who][name] == pytest.approx(value, rel=1e-12), (who, name)
    quantiles = np.stack([model.predict_quantiles(history=y) for y in pasts])
    inside = (found.actual >= quantiles[..., 0]) & (found.actual <= quantiles[..., -1])
    assert found.scores["SequenceForecaster"]["coverage"] == inside.mean()
    assert "coverage" not in found.scores["naive"]
    table = str(found).splitlines()
    assert table[0] == "7 forecasts of 3 steps" and len(table) == 2 + len(simple)
    assert table[2].split()[:2] == ["SequenceForecaster", f"{found.scores['SequenceForecaster']['mase']:.4g}"]


def test_series_that_have_not_changed_have_no_scale():
    flat = np.full(40, 5.0)
    found = forecaster().fit([Y[:30], flat[:30]]).backtest([Y[:40], flat], metrics=["mase", "mae"])
    alone = forecaster().fit([Y[:30], flat[:30]]).backtest([Y[:40]], initial=30, metrics=["mase", "mae"])
    assert found.scores["SequenceForecaster"]["mase"] == pytest.approx(alone.scores["SequenceForecaster"]["mase"])
    assert (found.forecasts[found.series == 1] == 5).all()


@pytest.mark.parametrize("every", [True, 2])
def test_a_backtest_with_refits_is_by_clones(every):
    model = forecaster().fit(Y[:40])
    found = model.backtest(Y, initial=44, step=4, refit=every)
    assert found.cutoffs.tolist() == [44, 48, 52, 56]
    for k, (t, said) in enumerate(zip(found.cutoffs, found.forecasts, strict=True)):
        at = t - 4 * (k % every)
        assert_same_bits(clone(model).fit(Y[:at]).predict(history=Y[:t]), said)
    assert model.backtest(Y, refit=True, step=9).cutoffs[0] == 30


def test_a_refit_calibrates_with_the_calendar():
    y = CONTAINERS["list_of_series"]
    model = forecaster(calendar=True, calibration=4).fit(y)
    found = model.backtest(initial=40, step=9, refit=True)
    again = clone(model).fit([x[:40] for x in y])
    assert_same_bits(np.stack([x.to_numpy() for x in again.predict()]), found.forecasts[found.cutoffs == 40])


def test_a_refit_keeps_the_horizon():
    model = SequenceForecaster(hidden_size=3, max_iter=1, season=None, random_state=0).fit(Y)
    assert model.horizon_ == 12
    found = model.backtest(initial=31, step=8, refit=True, metrics=["coverage"])
    assert found.forecasts.shape == (3, 12)


@pytest.mark.parametrize("name", ["series", "long", "wide", "channels"])
def test_a_backtest_in_containers(name):
    y = CONTAINERS[name]
    plain = {"series": Y, "long": [Y, SHORT]}.get(name, TWO)
    twice = [2 * x for x in plain] if name == "long" else 2 * plain
    expected = forecaster().fit(plain).backtest(twice, initial=30)
    found = forecaster().fit(y).backtest(y.assign(y=2 * y["y"]) if name == "long" else 2 * y, initial=30)
    assert_same_bits(found.forecasts, expected.forecasts)


def test_forecasts_of_what_was_seen_are_warned_of():
    model = forecaster().fit(Y[:50])
    with pytest.warns(UserWarning, match="the fit has seen up to 50 steps, and is judged from step 40 on: fit on less"):
        model.backtest(Y, initial=40)
    model.backtest(Y, initial=50)
    model.backtest(Y[::-1], initial=20)  # another series
    model.backtest(Y, initial=40, refit=4)


def test_a_fit_whose_end_was_filled_in_has_seen_it():
    y = np.column_stack([walk(60, seed=3), walk(60, seed=4)])
    y[38:40, 0], y[39, 1] = np.nan, np.nan
    model = forecaster(missing="interpolate").fit(y[:40])
    assert model.backtest(y).cutoffs[0] == 40
    with pytest.warns(UserWarning, match="the fit has seen up to 40 steps, and is judged from step 20 on"):
        model.backtest(y, initial=20)
    y[37] += 1  # another series
    model.backtest(y, initial=20)


HOLES = {"some": [31, 42, 43, 44, 50], "each second": range(1, 60, 2), "last": [57, 58, 59], "first": [0, 1, 2, 45]}


@pytest.mark.parametrize("holes", HOLES)
@pytest.mark.parametrize("C", [1, 2])
def test_a_backtest_of_a_series_with_holes_knows_nothing_of_what_comes(holes, C):
    y = TWO[:60, :C].copy()
    y[HOLES[holes], 0] = np.nan
    model = forecaster(missing="interpolate", strategy="recursive", loss="gaussian").fit(y[:40])
    tested = model.backtest(y, metrics=["mae", "rmse", "smape", "mase", "rmsse", "coverage", "mean_quantile_loss"])
    assert tested.cutoffs.tolist() == list(range(40, 58))
    said, missed, naive = [], [], []
    for t, actual in zip(tested.cutoffs, tested.actual, strict=True):
        said.append(model.predict(history=y[:t]))
        missed.append(np.abs(y[t : t + 3] - said[-1]))
        last = [x[~np.isnan(x)][-1] for x in y[:t].T]
        naive.append(np.abs(y[t : t + 3] - last))
        np.testing.assert_array_equal(actual, y[t : t + 3])
    assert_same_bits(tested.forecasts, np.stack(said))
    assert_same_bits(model.update(y[40:]).backtest().forecasts, tested.forecasts)
    scores = tested.scores["SequenceForecaster"]
    np.testing.assert_allclose(scores["mae"], np.nanmean(missed))
    np.testing.assert_allclose(scores["rmse"], np.sqrt(np.nanmean(np.square(missed))))
    np.testing.assert_allclose(tested.scores["naive"]["mae"], np.nanmean(naive))
    assert all(np.isfinite(score) for score in scores.values())


def test_a_backtest_begins_where_every_channel_has():
    y = TWO[:60].copy()
    y[:45, 1] = np.nan
    model = forecaster(missing="interpolate").fit(TWO[:60])
    assert model.backtest(y).cutoffs[0] == 46
    with pytest.raises(ValueError, match="y is missing at all steps that are to be forecast"):
        model.backtest(np.where(np.arange(60)[:, np.newaxis] < 50, TWO[:60], np.nan), initial=50)


def test_what_is_missing_is_not_scored():
    model = forecaster(missing="interpolate", season=4).fit(Y[:50])
    came = Y[50:53].copy()
    came[1] = np.nan
    expected = np.abs(came - model.predict())[[0, 2]].mean() / np.abs(Y[4:50] - Y[:46]).mean()
    np.testing.assert_allclose(model.score(came), -expected)
    with pytest.raises(ValueError, match="y is NaN at all steps: there is nothing to compare a forecast with"):
        model.score(came[[1, 1, 1]])


def test_intervals_are_calibrated_by_what_has_come():
    y = Y[:60].copy()
    y[[54, 58]] = np.nan
    options = {"horizon": 1, "missing": "interpolate", "calibration": 8}
    model = forecaster(**options).fit(y)
    assert model._calibration.shape == (1, 6)


def test_all_at_once_or_in_portions(monkeypatch):
    model = forecaster(strategy="recursive", loss="gaussian").fit([Y[:30], SHORT[:30]])
    expected = model.backtest([Y, SHORT], metrics=["mase"])
    drawn = model.sample_paths(5)
    monkeypatch.setattr("fastrnn.forecaster.backtest.AT_ONCE", 100)
    monkeypatch.setattr("fastrnn.forecaster.model.DRAWN_AT_ONCE", 1)
    assert_same_bits(model.backtest([Y, SHORT]).forecasts, expected.forecasts)
    assert model.sample_paths(5).shape == drawn.shape


def test_forecasts_in_several_python_threads():
    model = forecaster().fit([Y, SHORT])
    expected = model.predict(5)
    vars(model).pop("_model")
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: (model.predict(5), forecaster().fit([Y, SHORT]).predict(5)), range(12)):
            assert_same_bits(np.stack(found), np.stack([expected, expected]))


def test_targets_too_many_to_keep_are_computed_batch_by_batch(monkeypatch):
    y = [Y, SHORT]
    options = {"dtype": "float64", "context": 9, "early_stopping": True, "batch_size": 3}
    expected = forecaster(**options).fit(y)
    monkeypatch.setattr("fastrnn.forecaster.learning.AT_HAND", 0)
    found = forecaster(**options).fit(y)
    np.testing.assert_allclose(found.predict(), expected.predict(), rtol=1e-12)
    np.testing.assert_allclose(found.validation_scores_, expected.validation_scores_, rtol=1e-12)
