"""Promise 7 of SequenceForecaster: one clear error, before any training, and the estimator stays what it was."""

import numpy as np
import pandas as pd
import pytest
from samples import assert_refused, guard_training
from series import SHORT, TIMES, TWO, Y, columns_of, counts, dated, forecaster, long, walk
from sklearn.exceptions import NotFittedError

from fastrnn import SequenceForecaster

X = columns_of(66)


@pytest.fixture
def train(monkeypatch):
    return guard_training(monkeypatch.setattr)


def with_nan(y, *places, value=np.nan):
    y = np.array(y, float)
    y[list(places)] = value
    return y


def assert_refused_by_both(train, match, given, options, error=ValueError):
    """By one that is new, and by one that has been fitted."""
    new, fitted = forecaster(**options), train(forecaster(), Y, None)
    fitted.set_params(**options)
    for model in (new, fitted):
        assert_refused(model, lambda m=model: m.fit(*given[0], **given[1]), match, error)
    fitted.set_params(**forecaster().get_params())
    fitted.predict()


# ----------------------------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"season": ()}, r"season=\(\); expected a number of steps, several, 'auto' or None"),
        ({"season": [12, 0]}, r"season=\[12, 0\]; expected a number"),
        ({"season": [2.5]}, r"season=\[2.5\]; expected a number"),
        ({"season": 0}, "'season' parameter .* Got 0"),
        ({"season": "yearly"}, "'season' parameter .* Got 'yearly'"),
        ({"quantiles": [2]}, r"quantiles=\[2\]; expected one or more different numbers between 0 and 1"),
        ({"quantiles": [2], "loss": "gaussian"}, r"quantiles=\[2\]; expected"),
        ({"quantiles": []}, r"quantiles=\[\]; expected"),
        ({"quantiles": [0.5, 0.5]}, "different numbers"),
        ({"quantiles": [[0.1, 0.5]]}, "different numbers"),
        ({"quantiles": ["low"]}, r"quantiles=\['low'\]; expected"),
        ({"quantiles": [10, 50, 90]}, r"quantiles=\[10, 50, 90\].*did you mean \[0.1, 0.5, 0.9\]\?"),
        ({"quantiles": np.array([5.0, 95.0])}, r"quantiles=\[5.0, 95.0\].*did you mean \[0.05, 0.95\]\?"),
        ({"quantiles": [0.1, 50]}, r"quantiles=\[0.1, 50\]; expected one or more different numbers between 0 and 1$"),
        ({"quantiles": 0.5}, "'quantiles' parameter .* array-like"),
        ({"horizon": 0}, "'horizon' parameter .* Got 0"),
        ({"horizon": 2.5}, "'horizon' parameter"),
        ({"context": 1}, "'context' parameter"),
        ({"linear_lags": -1}, "'linear_lags' parameter .* Got -1"),
        ({"calibration": -1}, "'calibration' parameter"),
        ({"scaling": "max"}, "'scaling' parameter"),
        ({"strategy": "both"}, "'strategy' parameter"),
        ({"loss": "poisson"}, "'loss' parameter"),
        ({"log": "yes"}, "'log' parameter"),
        ({"missing": "drop"}, "'missing' parameter"),
        ({"calendar": True}, "calendar=True needs a DatetimeIndex or PeriodIndex"),
        ({"log": True, "loss": "negative_binomial"}, "y is .* at step 0; expected counts|log=True does not go with"),
        ({"hidden_size": 0}, "'hidden_size' parameter"),
        ({"early_stopping": True}, "early_stopping holds out all 1 parts: lower context"),
        ({"season": 60}, r"y has 60 steps; lags=\[60, 1\] and linear_lags=4 need 61 to forecast from: give more"),
        ({"linear_lags": 59}, "y has 60 steps; .*linear_lags=59 and horizon=3 need 62 to learn from: .* lower horizon"),
        ({"horizon": 58}, "y has 60 steps; .* and horizon=58 need 62 to learn from"),
        ({"calibration": 54}, "y has 60 steps; .* and calibration=54 need 60 to .*learn from|need 63"),
        ({"calibration": 58}, "y has 60 steps; .* and calibration=58 need 64 to forecast from"),
    ],
    ids=str,
)
def test_wrong_parameters(train, options, match):
    assert_refused_by_both(train, match, ((Y,), {}), options)


# --------------------------------------------------------------------------------------- series

HOLED = dated(Y).drop(TIMES[[7]])
TWICE = pd.concat([dated(Y)[:9], dated(Y)[8:]])
UNSORTED = dated(Y).iloc[[0, 2, 1, *range(3, 60)]]


@pytest.mark.parametrize(
    ("y", "match"),
    [
        ([Y, with_nan(SHORT, 7, 9)], r"y\[1\] is NaN at step 7: remove it or set missing='interpolate'"),
        (with_nan(Y, 59), "y is NaN at step 59"),
        (dated(with_nan(Y, 3)), r"y is NaN at step 3 \(2020-01-04\)"),
        (long([Y, with_nan(SHORT, 3)]), r"y of unique_id 'v' is NaN at step 3 \(2020-01-04\)"),
        (with_nan(Y, 5, value=np.inf), "y is infinite at step 5"),
        (with_nan(Y, 5, value=1e200), r"y is 1e\+200 at step 5; too large"),
        ([Y, Y[:3]], r"y\[1\] has 3 steps; lags=\[1\] and linear_lags=4 need 4 to forecast from"),
        (Y[:6], "y has 6 steps; .* and horizon=3 need 7 to learn from: give more, or lower horizon"),
        (Y[:1], "y has 1 step;"),
        (TWICE, "has 2020-01-09 before step 9 .*2020-01-09.*keep each time once"),
        (UNSORTED, "has 2020-01-03 before step 2 .*: sort it by time"),
        (HOLED, "has a gap: 2020-01-08 is missing after 2020-01-07"),
        (dated(Y).set_axis(TIMES + pd.to_timedelta(np.arange(60) ** 2, "min")), "shows no frequency|not at the freq"),
        (long([Y, SHORT]).drop(columns="y"), "the columns unique_id, ds and y"),
        (long([Y, SHORT]).assign(price=1.0), "y has the columns price beside"),
        (pd.DataFrame({"a": Y}), "y must have a DatetimeIndex or PeriodIndex"),
        ([], "y is empty"),
        (np.empty((0,)), "y is empty"),
        (Y.reshape(2, 5, 6), "pass a list of"),
        (5.0, "y has shape"),
        (None, "y has shape"),
        ("abc", "sequences must be numbers"),
        ([Y, TWO], r"y\[1\] has 2 channels, but y\[0\] has 1"),
        (Y + 1j, "complex|real"),
    ],
    ids=range(24),
)
def test_wrong_series(train, y, match):
    assert_refused_by_both(train, match, ((y,), {}), {})


@pytest.mark.parametrize(
    ("options", "y", "match"),
    [
        ({"log": True}, with_nan(Y, 4, value=0), r"y is 0.0 at step 4; expected numbers above 0 under log=True"),
        ({"log": True}, [Y, with_nan(SHORT, 4, value=-2)], r"y\[1\] is -2.0 at step 4; expected numbers above 0"),
        ({"loss": "negative_binomial"}, [counts(), with_nan(counts(), 7, value=-1)], r"y\[1\] is -1.0 at step 7"),
        ({"loss": "negative_binomial"}, long([counts(), with_nan(counts(), 7, value=0.5)]),
         "y of unique_id 'v' is 0.5 at step 7; expected counts 0, 1, 2, .. under loss='negative_binomial'"),
    ],
    ids=range(4),
)  # fmt: skip
def test_values_that_a_parameter_does_not_allow(train, options, y, match):
    assert_refused_by_both(train, match, ((y,), {}), options)
    good = counts() + 1
    model = train(forecaster(**options), good, None)
    assert_refused(model, lambda: model.predict(history=y), match.replace("y", "history", 1))
    if not isinstance(y, pd.DataFrame):
        assert_refused(model, lambda: model.backtest(y), match)
        new = [x[-9:] for x in y][-1] if isinstance(y, list) else y[-60:]
        if (new <= 0).any():
            assert_refused(model, lambda: model.update(new), match.split(" is")[0].replace(r"y\[1\]", "y") + "_new is")


# ------------------------------------------------------------------------------------ covariates


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"past": X[:59]}, "past has 59 steps; expected 60, for y has 60"),
        ({"future": X}, "future has 66 steps; expected 60"),
        ({"past": [X[:60], X[:60]]}, "past has 2 series, but y has 1"),
        ({"past": with_nan(X[:60], 3)}, "past is NaN at step 3"),
        ({"future": with_nan(X[:60], 3)}, "future is NaN at step 3"),
        ({"static": np.ones((2, 1))}, r"static has shape \(2, 1\); expected \(1, K\) finite numbers"),
        ({"static": [np.nan]}, r"static has shape \(1,\); expected \(1, K\) finite"),
    ],
)
def test_wrong_covariates(train, given, match):
    assert_refused_by_both(train, match, ((Y,), given), {})


def test_a_static_table_has_a_row_a_series(train):
    y = long([Y, SHORT])
    static = y.drop(columns="y").assign(k=1.0)
    assert_refused_by_both(train, "static of unique_id 'u' has 60 steps; expected 1, a row a series",
                           ((y,), {"static": static}), {})  # fmt: skip
    static = pd.DataFrame({"unique_id": ["u", "v"], "k": [np.nan, 1.0]})
    assert_refused_by_both(
        train, "static of unique_id 'u' is NaN at step 0: fill it in$", ((y,), {"static": static}), {}
    )


def test_past_covariates_of_a_recursive_model(train):
    assert_refused_by_both(train, "for which past= would have to be known: .*future=, or use strategy='direct'",
                           ((Y,), {"past": X[:60]}), {"strategy": "recursive"})  # fmt: skip


def test_covariates_in_frames_end_where_they_should(train):
    frame = pd.DataFrame(X[:60], pd.date_range(TIMES[1], periods=60))
    assert_refused_by_both(train, "past ends at 2020-03-01; expected 2020-02-29", ((dated(Y),), {"past": frame}), {})


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda m: m.predict(), "the fit had future= with 2 columns: pass what is known of the steps to forecast"),
        (lambda m: m.predict(future=X[60:62]), "future has 2 steps; expected 3"),
        (lambda m: m.predict(5, future=X[60:65]), "future has 5 steps; expected 6"),
        (lambda m: m.predict(future=X[60:63, :1]), "future= has 1 columns; the fit had 2: pass the same"),
        (lambda m: m.predict(future=with_nan(X[60:63], 1)), "future is NaN at step 1"),
        (lambda m: m.predict(future=X[60:63], past=X[:60]), "past= and static= of the fitted series are kno"),
        (lambda m: m.predict(history=Y), "past= has 0 columns; the fit had 2: pass the same"),
        (lambda m: m.predict(history=Y, past=X[:60], future=X[:60]), "future has 60 steps; expected 63, for history|y"),
        (lambda m: m.predict(history=Y, past=X[:60], future=X[:63]), "static= has 0 columns; the fit had 1"),
        (lambda m: m.predict(6, future=X[60:66]), "past= is not known beyond the fitted horizon: fit with a longer"),
        (lambda m: m.predict_interval(horizon=6, future=X[60:66]), "quantiles are known for the 3 steps of the fit"),
        (lambda m: m.score(Y[:3]), "the fit had future= with 2 columns"),
        (lambda m: m.update(Y[:3]), "past= has 0 columns; the fit had 2"),
        (lambda m: m.update(Y[:3], past=X[:3], future=X[:2]), "future has 2 steps; expected 3, for y_new|y has 3"),
        (lambda m: m.backtest(Y), "past= has 0 columns; the fit had 2"),
        (lambda m: m.backtest(future=X[:60]), "of the fitted series are known: leave them out or give y="),
    ],
    ids=range(16),
)
def test_what_a_forecast_lacks(call, match):
    model = forecaster().fit(Y, past=X[:60], future=X[:60], static=[1.0])
    assert_refused(model, lambda: call(model), match)
    model.predict(future=X[60:63])


def test_covariates_that_the_fit_did_not_have():
    model = forecaster().fit(Y)
    assert_refused(model, lambda: model.predict(future=X[:3]), "future= was not given to fit: leave it out")
    assert_refused(model, lambda: model.predict(history=Y, static=[1.0]), "static= has 1 columns; the fit had 0")


# ------------------------------------------------------------------------------------- forecasts

CALLS = {
    "predict": lambda m: m.predict(), "predict_quantiles": lambda m: m.predict_quantiles(),
    "predict_interval": lambda m: m.predict_interval(), "sample_paths": lambda m: m.sample_paths(),
    "score": lambda m: m.score(Y), "update": lambda m: m.update(Y), "backtest": lambda m: m.backtest(Y),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_nothing_before_the_fit(call):
    with pytest.raises(NotFittedError):
        call(SequenceForecaster())


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda m: m.predict(0), "horizon == 0, must be >= 1"),
        (lambda m: m.predict(history=Y[:3]), r"history has 3 steps; lags=\[1\] and linear_lags=4 need 4 to forecast"),
        (lambda m: m.predict(history=[Y, []]), r"history\[1\]"),
        (lambda m: m.predict(history=[Y, Y[:3]]), r"history\[1\] has 3 steps"),
        (lambda m: m.predict(history=TWO), "history has 2 channels; the fit was on 1"),
        (lambda m: m.predict(history=with_nan(Y, 3)), "history is NaN at step 3"),
        (lambda m: m.predict(history=Y * 1e200), "history is .* at step 0; too large"),
        (lambda m: m.predict_quantiles([0.3, 0.5]), r"levels \[0.3\] were not fitted; ask for those of \[0.025, "),
        (lambda m: m.predict_quantiles([2]), r"quantiles=\[2.0\]; expected numbers between 0 and 1"),
        (lambda m: m.predict_quantiles([10, 90]), r"quantiles=\[10.0, 90.0\].* \(did you mean \[0.1, 0.9\]\?\)"),
        (lambda m: m.predict_quantiles([[0.1, 0.9]]), r"quantiles=\[\[0.1, 0.9\]\]; expected numbers between 0 and 1"),
        (lambda m: m.predict_quantiles(horizon=4), "horizon=4, but quantiles are known for the 3 steps"),
        (lambda m: m.predict_interval(0.5), r"levels \[0.25, 0.75\] were not fitted"),
        (lambda m: m.predict_interval(1.0), "coverage=1.0; expected a number between 0 and 1"),
        (lambda m: m.sample_paths(), "paths are drawn step by step: fit with strategy='recursive'"),
        (lambda m: m.sample_paths(0), "n_paths == 0, must be >= 1"),
        (lambda m: m.score([Y[:3], Y[:3]]), "y has n_series 2; expected 1"),
        (lambda m: m.score(TWO[:3]), "y has n_channels 2; expected 1"),
        (lambda m: m.score([1.0, np.nan]), "y is NaN at step 1"),
        (lambda m: m.update(TWO), "y_new has 2 channels; the fit was on 1"),
        (lambda m: m.update([Y, Y]), "y_new has n_series 2; expected 1"),
        (lambda m: m.update([np.nan]), "y_new is NaN at step 0"),
        (lambda m: m.backtest(), "y has up to 60 steps, which leaves nothing to judge a horizon of 3 by"),
        (lambda m: m.backtest(walk(9), horizon=20), "nothing to judge a horizon of 20 by after the first 4"),
        (lambda m: m.backtest(TWO), "y has 2 channels; the fit was on 1"),
        (lambda m: m.backtest(walk(90), initial=3), "initial == 3, must be >= 4"),
        (lambda m: m.backtest(walk(90), step=0), "step == 0, must be >= 1"),
        (lambda m: m.backtest(walk(90), refit=-2), "refit == -2, must be >= 1"),
        (lambda m: m.backtest(walk(90), metrics=["mape"]), "metrics holds 'mape'; expected some of mase, rmsse, smape"),
        (lambda m: m.backtest(walk(90), initial=5, refit=True), "y has 5 steps; .* need 7 to learn from"),
    ],
    ids=range(30),
)  # fmt: skip
def test_wrong_requests(train, call, match):
    model = train(forecaster(), Y, None)
    assert_refused(model, lambda: call(model), match)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda m: m.update(dated(Y[:3], 1)), "y_new begins at 2020-01-02; expected 2020-02-10"),
        (lambda m: m.update(dated(Y[:3], 41)), "y_new begins at 2020-02-11; expected 2020-02-10"),
        (lambda m: m.update(Y[:3]), "y_new is an array; expected a Series"),
        (lambda m: m.score(dated(Y[:3], 41)), "y begins at 2020-02-11; expected 2020-02-10"),
        (lambda m: m.predict(history=dated(Y)[::2]), "history has a gap|not at the frequency"),
    ],
    ids=range(5),
)
def test_what_does_not_follow_in_time(call, match):
    model = forecaster().fit(dated(Y[:40]))
    assert_refused(model, lambda: call(model), match)


def test_channels_of_a_frame_have_the_order_of_the_fit():
    frame = pd.DataFrame(TWO, TIMES, ["a", "b"])
    model = forecaster().fit(frame)
    match = r"history has the columns \['b', 'a'\]; expected \['a', 'b'\], as in the fit"
    assert_refused(model, lambda: model.predict(history=frame[["b", "a"]]), match)


def test_series_of_a_long_frame():
    """Those of a history may be others; what goes on must be the same."""
    model = forecaster().fit(long([Y, SHORT]))
    other = model.predict(history=long([SHORT, Y, Y[:30]], "vux"))
    assert other["unique_id"].unique().tolist() == ["v", "u", "x"]
    both = model.predict()
    assert (other["y"].to_numpy()[:6] == np.r_[both["y"][3:], both["y"][:3]]).all()
    new = long([Y[:3], SHORT[:3]], "ux").assign(ds=TIMES[57:60].repeat(2))
    assert_refused(model, lambda: model.update(new), "y_new has the unique_id 'x'; known are")


@pytest.mark.parametrize("loss", ["absolute_error", "squared_error"])
def test_recursive_models_without_a_distribution(loss):
    model = forecaster(strategy="recursive", loss=loss).fit(Y)
    assert_refused(model, model.sample_paths, f"loss='{loss}' knows no distribution to draw from: fit with 'gaussian'")
    assert_refused(model, model.predict_interval, f"loss='{loss}' knows no")


def test_a_past_without_change_gives_no_score():
    model = forecaster().fit(np.full(40, 3.0))
    assert_refused(model, lambda: model.score([3.0, 4.0]), "y_train")


def test_one_point_series_beside_longer_ones(train):
    model = forecaster(linear_lags="auto")
    assert_refused(model, lambda: model.fit([Y, [5.0]]), r"y\[1\] has 1 step; .* give more, leave it out")
    few = train(SequenceForecaster(hidden_size=3, max_iter=1), [[1.0, 2.0, 4.0], [1.0, 2.0]], None)
    assert few.predict().shape == (2, 1)


def test_outputs_that_overflow_are_those_of_a_series_by_its_name():
    model = forecaster().fit(long([Y[:40], Y]))
    model.network_.head.parameters["bias"][...] = np.inf
    model.network_.changed()
    why = "makes the network's outputs overflow"
    assert_refused(model, lambda: model.predict(), f"y of unique_id 'u' {why}")
    assert_refused(model, lambda: model.predict(history=Y), f"^history {why}")
    assert_refused(model, lambda: model.predict(history=[Y, Y]), rf"history\[0\] {why}")
    later = long([Y[:40] + 1, Y + 1])
    assert_refused(model, lambda: model.backtest(later, 50, metrics="coverage"), f"y of unique_id 'v' {why}")
