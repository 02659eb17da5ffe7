"""SequenceForecaster: containers, honesty, bits, backtests, and what comes back from files."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from samples import assert_same_bits, assert_slope, read_only, watch_parallel
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

import fastrnn
from fastrnn import SequenceForecaster, threads
from fastrnn.metrics import mase, smape
from fastrnn.training import Checkpoint

TIMES = pd.date_range("2020-01-01", periods=60)
DISTRIBUTIONS = ["gaussian", "student_t", "negative_binomial"]
LOSSES = ["quantile", "squared_error", "absolute_error", *DISTRIBUTIONS]


def forecaster(**options):
    small = {"horizon": 3, "season": None, "linear_lags": 4, "hidden_size": 5, "max_iter": 2, "random_state": 0}
    return SequenceForecaster(**{**small, **options})


def walk(T=60, seed=0):
    return 50 + np.random.default_rng(seed).standard_normal(T).cumsum()


def counts(T=60, seed=0):
    return np.random.default_rng(seed).poisson(4.0, T).astype(float)


def dated(y, start=0):
    return pd.Series(y, TIMES[start : start + len(y)], name="sales")


def long(series, names="uvw"):
    """In Nixtla's form, the steps of all series mixed."""
    parts = [
        pd.DataFrame({"unique_id": name, "ds": TIMES[: len(y)], "y": y}) for name, y in zip(names, series, strict=False)
    ]
    return pd.concat(parts).sort_values("ds", kind="stable")


def columns_of(T, seed=3):
    return np.random.default_rng(seed).standard_normal((T, 2))


Y, SHORT = walk(), walk(45, seed=1)
TWO = np.column_stack([Y, walk(seed=2)])
CONTAINERS = {
    "array": Y,
    "one_channel": Y[:, None],
    "channels": TWO,
    "numbers": Y.tolist(),
    "list": [Y, SHORT],
    "list_of_channels": [TWO, TWO[:45]],
    "series": dated(Y),
    "periods": pd.Series(Y, pd.period_range("2015-01", periods=60, freq="M")),
    "integers": pd.Series(Y),
    "wide": pd.DataFrame(TWO, TIMES, ["a", "b"]),
    "list_of_series": [dated(Y), dated(SHORT)],
    "list_of_wide": [pd.DataFrame(TWO, TIMES, ["a", "b"]), pd.DataFrame(TWO[:45], TIMES[:45], ["a", "b"])],
    "long": long([Y, SHORT]),
}
every_container = pytest.mark.parametrize("name", CONTAINERS)


def numbers(forecasts):
    """Values (n, h, C, K) or less of forecasts in any container, flat."""
    if isinstance(forecasts, pd.DataFrame) and "ds" in forecasts:
        forecasts = forecasts.drop(columns=["unique_id", "ds"])
    return np.concatenate([np.asarray(x, float).ravel() for x in forecasts]) if isinstance(forecasts, list) else (
        np.asarray(forecasts, float).ravel()
    )  # fmt: skip


def shape(n, h, C, is_flat, is_many, K=None):
    return (n,) * is_many + (h,) + (C,) * (not is_flat) + (() if K is None else (K,))


# ------------------------------------------------------------------------------------- containers


@pytest.mark.parametrize("options", [{}, {"strategy": "recursive", "loss": "gaussian"}], ids=["direct", "recursive"])
@every_container
def test_forecasts_come_in_the_container_of_the_series(name, options):
    y = CONTAINERS[name]
    model = forecaster(**options).fit(y)
    is_many, C = name.startswith(("list", "long")), 2 if name in ("channels", "wide") or "of_" in name else 1
    C, n = 1 if name == "list_of_series" else C, 1 + is_many
    answers = {
        (3, None): model.predict(), (2, None): model.predict(2), (7, None): model.predict(horizon=7),
        (3, 2): model.predict_interval(0.8), (2, 1): model.predict_quantiles([0.5], horizon=2),
    }  # fmt: skip
    if options:
        answers[3, 4] = model.sample_paths(4)
    for (h, K), answer in answers.items():
        assert numbers(answer).shape == (n * h * C * (K or 1),) and np.isfinite(numbers(answer)).all()
        if isinstance(answer, np.ndarray):
            expected = shape(n, h, C, name in ("array", "numbers", "list"), is_many, K)
            paths = expected[: int(is_many)] + expected[-1:] + expected[int(is_many) : -1]
            assert answer.shape == (paths if K == 4 else expected)
        elif isinstance(answer, list):
            assert [len(x) for x in answer] == [h, h]
            assert answer[0].index[0] == TIMES[-1] + pd.Timedelta("1D") and answer[1].index[0] == TIMES[45]
        elif name == "long":
            assert answer["unique_id"].tolist() == ["u"] * h + ["v"] * h and answer["ds"].iloc[h] == TIMES[45]
        else:
            assert len(answer) == h and answer.index.equals(y.index.shift(h)[-h:] if name != "integers" else
                                                            pd.RangeIndex(60, 60 + h))  # fmt: skip
    again = model.predict(history=y)
    assert type(again) is type(answers[3, None]) and (numbers(again) == numbers(answers[3, None])).all()


def test_labels_of_pandas_answers():
    model = forecaster().fit(CONTAINERS["series"])
    assert model.predict().name == "sales" and model.predict().index.freqstr == "D"
    assert [*model.predict_interval().columns] == ["lower", "upper"]
    assert [*model.predict_quantiles().columns] == [0.025, 0.1, 0.5, 0.9, 0.975]
    wide = forecaster(strategy="recursive", loss="gaussian").fit(CONTAINERS["wide"])
    assert [*wide.predict().columns] == ["a", "b"]
    assert [*wide.sample_paths(2).columns] == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert [*forecaster().fit(CONTAINERS["long"]).predict().columns] == ["unique_id", "ds", "y"]


@every_container
def test_all_containers_hold_the_same_forecasts(name):
    plain = {"channels": TWO, "wide": TWO, "list": [Y, SHORT], "long": [Y, SHORT], "list_of_series": [Y, SHORT]}
    plain = plain.get(name, [TWO, TWO[:45]] if "list_of" in name else Y)
    expected = forecaster().fit(plain).predict_quantiles()
    assert (numbers(forecaster().fit(CONTAINERS[name]).predict_quantiles()) == numbers(expected)).all()


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss(loss, strategy):
    y = [counts(60), counts(50, 1)]
    model = forecaster(loss=loss, strategy=strategy).fit(y)
    assert model.predict(5).shape == (2, 5)
    if loss == "negative_binomial":
        assert (model.predict() == np.rint(model.predict())).all() and (model.predict() >= 0).all()
    if loss in DISTRIBUTIONS or (loss == "quantile" and strategy == "direct"):
        found = model.predict_quantiles([0.1, 0.5, 0.9])
        assert (np.diff(found, axis=-1) >= 0).all()
        np.testing.assert_allclose(model.predict_interval(0.8), found[..., [0, 2]], rtol=1e-12)
        if strategy == "direct":
            assert (found[..., 1] == model.predict()).all()
    else:
        with pytest.raises(ValueError, match=f"loss='{loss}' knows no"):
            model.predict_quantiles([0.1])


# ------------------------------------------------------------------------------------- covariates


def driven(T=80, seed=0):
    """A series that does what its second covariate says a step ahead."""
    x = columns_of(T + 6, seed)
    return 3 * x[:T, 1] + 20, x


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_known_covariates_are_used(strategy):
    y, x = driven(200)
    options = {"difference": False, "linear_lags": 0, "max_iter": 40, "learning_rate_init": 2e-2, "context": 20}
    model = forecaster(batch_size=2, horizon=2, strategy=strategy, log=False, **options).fit(y, future=x[:200])
    expected = 3 * x[200:202, 1] + 20
    assert np.abs(model.predict(future=x[200:202]) - expected).max() < 0.5 * np.abs(expected - 20).max()
    assert_same_bits(model.predict(history=y, future=x[:202]), model.predict(future=x[200:202]))


@pytest.mark.parametrize("kind", ["array", "list", "series", "long"])
def test_covariates_in_every_container(kind):
    past, future, more = columns_of(60, 1), columns_of(63, 2), np.array([[1.0, 2.0], [0.5, 3.0]])
    y, both = [Y, SHORT], {"past": [past, past[:45]], "future": [future[:60], future[:45]], "static": more}
    ahead, later = [future[60:], future[45:48]], [future, future[:48]]
    frame = pd.date_range(TIMES[0], periods=63)
    if kind in ("array", "series"):
        y, ahead, later = y[0], ahead[0], later[0]
        both = {"past": past, "future": future[:60], "static": more[0]}
    if kind == "series":
        y, later = dated(y), pd.DataFrame(later, frame)
        ahead, both["future"] = pd.DataFrame(ahead, frame[60:]), later[:60]
        both["past"] = pd.DataFrame(both["past"], TIMES)
    if kind == "long":

        def told(parts, begin=(0, 0)):
            return pd.concat([
                pd.DataFrame(x, columns=["p", "q"]).assign(unique_id=name, ds=frame[b : b + len(x)])
                for x, name, b in zip(parts, "uv", begin, strict=True)
            ][::-1])  # fmt: skip

        y, ahead, later = long(y), told(ahead, (60, 45)), told(later)
        both = {name: told(both[name]) for name in ("past", "future")}
        both["static"] = pd.DataFrame(more, columns=["k", "l"]).assign(unique_id=["u", "v"])[::-1]
    model = forecaster().fit(y, **both)
    expected = forecaster().fit(y).predict()
    found = model.predict(future=ahead)
    assert type(found) is type(expected) and (numbers(found) != numbers(expected)).all()
    again = model.predict(history=y, past=both["past"], future=later, static=both["static"])
    assert (numbers(again) == numbers(found)).all()
    plain = forecaster().fit([Y, SHORT], past=[past, past[:45]], future=[future[:60], future[:45]], static=more)
    if kind in ("list", "long"):
        assert (numbers(plain.predict(future=[future[60:], future[45:48]])) == numbers(found)).all()


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_the_calendar_is_read(strategy):
    rng = np.random.default_rng(0)
    index = pd.date_range("2021-01-01", periods=200)
    y = pd.Series(np.where(index.day_of_week == 5, 10.0, 0.0) + rng.standard_normal(200), index)
    options = {"strategy": strategy, "linear_lags": 0, "difference": False, "log": False, "horizon": 7, "context": 20}
    model = forecaster(calendar=True, max_iter=40, learning_rate_init=2e-2, batch_size=2, **options).fit(y)
    assert model._n_calendar == 4
    found = model.predict(14)
    assert set(found.nlargest(2).index.day_of_week) == {5}
    assert (model.predict(14, history=y) == found).all()


def test_gaps_are_filled_on_request():
    y = Y.copy()
    y[[7, 8]] = np.nan
    filled = y.copy()
    filled[[7, 8]] = np.interp([7, 8], [6, 9], y[[6, 9]])
    model = forecaster(missing="interpolate").fit(y)
    assert_same_bits(model.predict(), forecaster().fit(filled).predict())
    assert_same_bits(model.predict(history=y), model.predict())


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


def strided(array):
    wide = np.full([2 * n for n in array.shape], 77.0)
    view = wide[tuple(slice(None, None, -2) for _ in array.shape)]
    view[...] = array
    return view


@pytest.mark.parametrize("container", [read_only, strided, np.asfortranarray, lambda x: x.astype(">f8")])
def test_inputs_are_read_in_any_form_and_not_written_to(container):
    x, static = columns_of(63), np.ones((2, 1))
    y = [TWO, TWO[:45]]
    plain = {"past": [x[:60], x[:45]], "future": [x[:60], x[:45]], "static": static}
    given = {name: [container(part) for part in parts] for name, parts in plain.items() if name != "static"}
    given |= {"static": container(static), "y": [container(part) for part in y]}
    before, ahead = copy.deepcopy(given), [x[60:], x[45:48]]
    model = forecaster(missing="interpolate", log=True).fit(np.abs(y[0])[:45])
    model = forecaster(missing="interpolate").fit(**given)
    expected = forecaster().fit(y, **plain)
    assert_same_bits(model.predict(future=[container(part) for part in ahead]), expected.predict(future=ahead))
    for name, parts in before.items():
        assert all(np.array_equal(a, b) for a, b in zip(parts, given[name], strict=True))


def test_frames_are_not_written_to():
    frame = CONTAINERS["long"].copy()
    frame.iloc[3, 2] = np.nan
    before = frame.copy()
    model = forecaster(missing="interpolate").fit(frame)
    model.predict(history=frame)
    model.backtest(frame, initial=50, refit=4)
    pd.testing.assert_frame_equal(frame, before)


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


def test_all_at_once_or_in_portions(monkeypatch):
    model = forecaster(strategy="recursive", loss="gaussian").fit([Y[:30], SHORT[:30]])
    expected = model.backtest([Y, SHORT], metrics=["mase"])
    drawn = model.sample_paths(5)
    monkeypatch.setattr("fastrnn.forecaster.backtest.AT_ONCE", 100)
    monkeypatch.setattr("fastrnn.forecaster.model.DRAWN_AT_ONCE", 1)
    assert_same_bits(model.backtest([Y, SHORT]).forecasts, expected.forecasts)
    assert model.sample_paths(5).shape == drawn.shape


def test_targets_too_many_to_keep_are_computed_batch_by_batch(monkeypatch):
    y = [Y, SHORT]
    options = {"dtype": "float64", "context": 9, "early_stopping": True, "batch_size": 3}
    expected = forecaster(**options).fit(y)
    monkeypatch.setattr("fastrnn.forecaster.learning.AT_HAND", 0)
    found = forecaster(**options).fit(y)
    np.testing.assert_allclose(found.predict(), expected.predict(), rtol=1e-12)
    np.testing.assert_allclose(found.validation_scores_, expected.validation_scores_, rtol=1e-12)


# ---------------------------------------------------------------------------------- training


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_by_projection(loss):
    model = forecaster(dtype="float64", loss=loss, context=20, num_layers=2)
    model.fit([counts(40), counts(30, 1)])
    problem = model._problem(([counts(40), counts(30, 1)], None, None, None), None, None, False)
    network = model.network_
    batch = network.batch(problem.sequences, np.arange(len(problem.sequences)))
    share = np.full(batch.rows.size, 1 / batch.rows.size)

    def value():
        network.changed()
        return network.loss_and_gradient(batch, problem.loss, problem.targets[batch.rows], share, None, None)

    value()
    gradient = network.gradient.copy()
    assert_slope(value, (network.theta, gradient))


def test_early_stopping_holds_out_what_comes_last():
    seen = []

    def split(self, n, distances, rng):
        train, held_out = SequenceForecaster.__mro__[1]._split(self, n, distances, rng)
        seen.append((distances[train], distances[held_out]))
        return train, held_out

    kind = type("Watched", (SequenceForecaster,), {"_split": split})
    model = kind(**{**forecaster(context=10, early_stopping=True, validation_fraction=0.2).get_params()})
    model.fit([Y, SHORT])
    ((train, held_out),) = seen
    assert held_out.max() <= train.min() and held_out.size == np.ceil(0.2 * (train.size + held_out.size))
    assert len(model.validation_scores_) == 2


def test_warm_start_goes_on():
    model = forecaster(warm_start=True, max_iter=3).fit(Y)
    before = model.loss_curve_
    model.fit(Y)
    assert model.loss_curve_[0] < before[0]
    assert_same_bits(model.fit(Y[:50]).predict(), model.predict(history=Y[:50]))
    with pytest.raises(ValueError, match="hidden_size=9, but the network to go on with has hidden_size=5"):
        model.set_params(hidden_size=9).fit(Y)
    arrays = forecaster(warm_start=True, quantiles=np.array([0.1, 0.5])).fit(Y).fit(Y)
    assert arrays.set_params(quantiles=[0.1, 0.5]).fit(Y).n_iter_ == 2


def test_a_checkpoint_is_gone_on_with(tmp_path):
    path, x = tmp_path / "run.safetensors", columns_of(60)
    options = {"max_iter": 3, "dropout": 0.2, "early_stopping": True, "context": 9, "calibration": 2}
    whole = forecaster(**options).fit(dated(Y), future=pd.DataFrame(x, TIMES))
    stop = [Checkpoint(path), lambda progress: progress.epoch == 1]
    forecaster(**options, callbacks=stop).fit(dated(Y), future=pd.DataFrame(x, TIMES))
    assert fastrnn.load(path).n_iter_ == 1
    again = forecaster(**options).fit(dated(Y), future=pd.DataFrame(x, TIMES), resume_from=path)
    assert_same_bits(again.network_.theta, whole.network_.theta)
    assert again.loss_curve_ == whole.loss_curve_ and again.validation_scores_ == whole.validation_scores_
    with pytest.raises(ValueError, match="not the data of the checkpoint's run"):
        forecaster(**options).fit(dated(Y + 1), future=pd.DataFrame(x, TIMES), resume_from=path)


# ------------------------------------------------------------------------------------ files


@pytest.mark.parametrize("options", [{}, {"strategy": "recursive", "loss": "student_t", "calibration": 4}], ids=str)
@every_container
def test_models_come_back_from_files_and_pickles(name, options, tmp_path):
    y = CONTAINERS[name]
    model = forecaster(**options).fit(y)
    fastrnn.save(model, tmp_path / "model")
    for other in (fastrnn.load(tmp_path / "model"), pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert str(other.predict(5)) == str(model.predict(5))
        assert (numbers(other.predict(5)) == numbers(model.predict(5))).all()
        assert (numbers(other.predict_interval(0.8)) == numbers(model.predict_interval(0.8))).all()
        assert (numbers(other.predict(history=y)) == numbers(model.predict())).all()
        assert other.season_ == model.season_ and type(other.predict()) is type(model.predict())
        assert other.get_params() == {**model.get_params(), "quantiles": other.quantiles}


def test_what_stands_beside_comes_back_too(tmp_path):
    x = columns_of(63)
    future = pd.DataFrame(x, pd.date_range(TIMES[0], periods=63), ["holiday", "price"])
    model = forecaster(calendar=True).fit(dated(Y), past=x[:60], future=future[:60], static=[1.0, 2.0])
    fastrnn.save(model, tmp_path / "model")
    other = fastrnn.load(tmp_path / "model")
    assert (other.predict(future=future[60:]) == model.predict(future=future[60:])).all()
    with pytest.raises(ValueError, match=r"future= has the columns \['price', 'holiday'\]; the fit had \['holiday'"):
        other.predict(future=future[60:][["price", "holiday"]])
    other.update(dated(Y[:0:-1][:1]).set_axis(future.index[60:61]), past=x[:1], future=future[60:61])
    assert other.set_params(warm_start=True).fit(dated(Y), x[:60], future[:60], [1.0, 2.0]).n_iter_ == 2
