"""Scores of forecasts against figures by hand and scikit-learn's, the simple forecasts, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import make_scorer, mean_pinball_loss

from fastrnn.metrics import coverage, drift, mase, mean_quantile_loss, naive, rmsse, seasonal_naive, smape
from fastrnn.sequences import as_objects

RAGGED = [[1, 2, 4, 8], [5, 3, 1]]
TWO_CHANNELS = np.array([[1, 10], [2, 30], [4, 20], [7, 40]])

# ----------------------------------------------------------------------------------------- baselines


def test_naive_repeats_the_last_value():
    assert naive(np.array([3, 1, 2]), 3).tolist() == [2, 2, 2]
    assert naive(TWO_CHANNELS, 2).tolist() == [[7, 40], [7, 40]]
    assert naive(RAGGED, 2).tolist() == [[8, 8], [1, 1]]
    assert naive([4], 1).tolist() == [4]


@pytest.mark.parametrize("season", [1, 2, 3, 5])
@pytest.mark.parametrize("horizon", [1, 2, 3, 7, 10])
def test_seasonal_naive_takes_the_row_of_its_formula(season, horizon):
    y = np.arange(10, 16)
    rows = [6 + h - season * -(-h // season) for h in range(1, horizon + 1)]
    assert seasonal_naive(y, horizon, season).tolist() == [y[row - 1] for row in rows]


def test_seasonal_naive_of_many_and_of_channels():
    assert seasonal_naive(RAGGED, 3, 2).tolist() == [[4, 8, 4], [3, 1, 3]]
    assert seasonal_naive([TWO_CHANNELS, -TWO_CHANNELS[1:]], 1, 3).tolist() == [[[2, 30]], [[-2, -30]]]


def test_drift_goes_on_from_the_first_to_the_last():
    assert drift([1, 9, 5], 2).tolist() == [7, 9]
    assert drift(TWO_CHANNELS, 2).tolist() == [[9, 50], [11, 60]]
    np.testing.assert_allclose(drift(RAGGED, 2), [[8 + 7 / 3, 8 + 14 / 3], [-1, -3]])


@pytest.mark.parametrize("many", [list, tuple, as_objects], ids=["list", "tuple", "objects"])
@pytest.mark.parametrize("forecast", [naive, drift, lambda y, h: seasonal_naive(y, h, 2)])
def test_many_are_each_forecast_as_one(forecast, many):
    series = [TWO_CHANNELS[:n] for n in (2, 3, 4)]
    expected = [forecast(x, 5) for x in series]
    assert (forecast(many(series), 5) == expected).all()
    assert forecast(many([x[:, 0] for x in series]), 5).shape == (3, 5)
    assert forecast(many(series[:1]), 5).shape == (1, 5, 2)


def test_forms_of_one_series():
    read_only = np.array([1.0, 2, 4])
    read_only.flags.writeable = False
    for y in ([1, 2, 4], (1, 2, 4), read_only, np.array([1, 2, 4], np.float32), np.array([1, 2, 4], object)):
        forecast = naive(y, 2)
        assert forecast.tolist() == [4, 4] and forecast.dtype == np.float64
    forecast[:] = 0
    assert read_only[-1] == 4


def test_of_pandas_objects_the_values_are_taken():
    pd = pytest.importorskip("pandas")
    index = pd.date_range("2020-01-01", periods=4)
    frame = pd.DataFrame(TWO_CHANNELS, index, ["a", "b"])
    assert naive(frame["a"], 1).tolist() == [7]
    assert naive(frame, 1).tolist() == [[7, 40]]
    assert naive([frame["a"], frame["b"][:2]], 1).tolist() == [[7], [30]]
    assert mase([frame["a"]] * 2, [frame["b"]] * 2, y_train=[frame["a"]] * 2) == 10.75  # 21.5 / 2
    assert smape(frame["a"], frame["a"][::-1].to_numpy()) == smape([1, 2, 4, 7], [7, 4, 2, 1])


# ----------------------------------------------------------------------------------------- scores


def test_mase_by_hand():
    # Differences 1, 2, 4 (mean 7/3), and over two steps 3, 6 (mean 4.5).
    assert mase([10, 10], [3, 17], y_train=RAGGED[0]) == pytest.approx(3)
    assert mase([10, 10], [1, 10], y_train=RAGGED[0], season=2) == 1
    # The second series: differences 2, 2; errors 1, 3, so 1; with the first's 3 the mean is 2.
    assert mase([[10, 10], [0, 0]], [[3, 17], [1, -3]], y_train=RAGGED) == pytest.approx(2)


def test_rmsse_by_hand():
    # Squared differences 1, 4, 16 (mean 7) and 4, 4 (mean 4); squared errors 28, 0 (mean 14) and 1, 31 (mean 16).
    errors = np.sqrt([[28, 0], [1, 31]])
    assert rmsse(errors[0], [0, 0], y_train=RAGGED[0]) == pytest.approx(np.sqrt(2))
    assert rmsse(errors, np.zeros((2, 2)), y_train=RAGGED) == pytest.approx((np.sqrt(2) + 2) / 2)
    assert rmsse([9], [0], y_train=RAGGED[0], season=2) == pytest.approx(9 / np.sqrt(22.5))


@pytest.mark.parametrize("score", [mase, rmsse])
def test_scaled_errors_are_means_over_series_and_channels(score):
    rng = np.random.default_rng(0)
    past = [rng.normal(size=(T, 2)) for T in (9, 14, 11)]
    y_true, y_pred = rng.normal(size=(2, 3, 4, 2))
    each = [
        score(y_true[k, :, c], y_pred[k, :, c], y_train=past[k][:, c], season=3) for k in range(3) for c in range(2)
    ]
    for many in (list, as_objects):
        total = score(many(list(y_true)), y_pred, y_train=many(past), season=3)
        assert total == pytest.approx(np.mean(each)) and type(total) is float
    assert score(y_true[0], y_pred[0], y_train=past[0], season=3) == pytest.approx(np.mean(each[:2]))


@pytest.mark.parametrize("score", [mase, rmsse])
def test_scaled_errors_know_no_unit(score):
    y_true, y_pred = np.array([[3, 5, 4], [2, 2, 1]])
    in_metres = score(y_true, y_pred, y_train=RAGGED[0])
    assert score(1e3 * y_true, 1e3 * y_pred, y_train=1e3 * np.array(RAGGED[0])) == pytest.approx(in_metres)
    assert score(y_true, y_true, y_train=RAGGED[0]) == 0


def test_the_seasonal_naive_forecast_of_the_past_itself_scores_one():
    y = np.random.default_rng(0).normal(size=(40, 2))
    for score in (mase, rmsse):
        assert score(y[12:], y[:-12], y_train=y, season=12) == pytest.approx(1)


def test_smape_by_hand():
    assert smape([1, 3], [3, 1]) == 100
    assert smape([[1, 0], [5, 0]], [[-1, 0], [0, 7]]) == 150  # 200, 0 / 0, 200, 200
    assert smape([2.0], [2.0]) == 0
    assert make_scorer(smape, greater_is_better=False)._sign == -1


def test_mean_quantile_loss_is_sklearns_over_quantiles():
    rng = np.random.default_rng(0)
    quantiles = [0.1, 0.5, 0.8]
    y_true, y_pred = rng.normal(size=(5, 4, 2)), rng.normal(size=(5, 4, 2, 3))
    losses = [mean_pinball_loss(y_true.ravel(), y_pred[..., q].ravel(), alpha=a) for q, a in enumerate(quantiles)]
    for truth, forecast in [(y_true, y_pred), (list(y_true), as_objects(y_pred))]:
        assert mean_quantile_loss(truth, forecast, quantiles=quantiles) == pytest.approx(np.mean(losses))
    assert mean_quantile_loss([0, 0], [[-1], [3]], quantiles=[0.9]) == pytest.approx((0.9 + 0.3) / 2)


def test_coverage_counts_the_ends():
    interval = [[1, 3], [1, 3], [1, 3], [1, 3], [2, 2]]
    assert coverage([1, 3, 0.9, 3.1, 2], interval) == pytest.approx(3 / 5)
    assert coverage(np.ones((2, 2)), np.array([[[0, 2], [0, 1]], [[1, 2], [2, 3]]])) == 0.75


# ----------------------------------------------------------------------------------------- errors

NAN = float("nan")
BASELINE_ERRORS = {
    "horizon": (lambda: naive([1, 2], 0), "horizon == 0, must be >= 1"),
    "season": (lambda: seasonal_naive([1, 2], 1, 0), "season == 0, must be >= 1"),
    "short": (lambda: seasonal_naive([range(9), range(5)], 1, 7), r"y\[1\] has 5 steps; season=7 needs 7 at least"),
    "short_one": (lambda: seasonal_naive([1, 2], 1, 3), "y has 2 steps; season=3 needs 3 at least"),
    "line": (lambda: drift([[1, 2], [1]], 1), r"y\[1\] has 1 steps; a line needs 2 at least"),
    "nan": (lambda: naive([[1, 2], [1, NAN]], 1), r"y\[1\] contains NaN"),
    "infinity": (lambda: drift(np.array([[1, 2], [np.inf, 2]]), 1), r"y contains infinity"),
    "empty": (lambda: naive([], 1), r"0 sample"),
    "empty_item": (lambda: naive([[1], []], 1), "0 sample"),
    "scalar": (lambda: naive(3.0, 1), r"got scalar"),
    "3-D": (lambda: naive(np.zeros((2, 3, 1)), 1), r"y has shape \(2, 3, 1\); expected .* or a list of such"),
    "text": (lambda: naive(["spam", "eggs"], 1), "bytes/strings"),
    "objects": (lambda: naive(np.array([1, "2"], object), 1), "bytes/strings"),
    "masked": (lambda: naive([np.ma.array([1, 2], mask=[0, 1])], 1), r"y\[0\] has masked values"),
    "uneven": (lambda: naive([[[1, 2], [3]]], 1), r"y\[0\] has rows of unequal lengths; expected"),
    "channels": (lambda: naive([np.ones(3), np.ones((3, 1))], 1), r"y\[1\] has channels \(1,\), but y\[0\] has \(\)"),
}
PAST = [1, 2, 4]
SCORE_ERRORS = {
    "still": (lambda: mase([[1]] * 2, [[1]] * 2, y_train=[PAST, [5, 5]]), r"y_train\[1\] does not change over a step,"),
    "still_one": (lambda: rmsse([1], [1], y_train=[5, 5]), "y_train does not change .* leave it out, or use smape"),
    "seasonal": (lambda: mase([1], [1], y_train=[1, 2] * 9, season=2), "y_train does not .* a season of 2 steps"),
    "rounding": (lambda: mase([1], [1], y_train=[0.3, 0.1 + 0.2]), "y_train does not change"),
    "channel": (
        lambda: mase([[1, 1]], [[1, 1]], y_train=[[1, 3], [2, 3]]),
        r"y_true has shape \(1, 2\); .* is 2 series",
    ),
    "still_channel": (
        lambda: mase([[1, 1]], [[1, 1]], y_train=np.array([[1, 3], [2, 3]])),
        "channel 1 of y_train does not change",
    ),
    "short": (
        lambda: mase([1], [1], y_train=PAST, season=3),
        "y_train has 3 steps; a difference over season=3 needs 4",
    ),
    "season": (lambda: rmsse([1], [1], y_train=PAST, season=0), "season == 0"),
    "shapes": (lambda: mase([1, 2], [1], y_train=PAST), r"y_pred has shape \(1,\); expected \(2,\), as y_true is"),
    "count": (
        lambda: mase([[1]] * 3, [[1]] * 3, y_train=[PAST] * 2),
        r"y_true has shape \(3, 1\); expected \(2, horiz",
    ),
    "one": (lambda: mase([[1], [2]], [[1], [2]], y_train=PAST), r"\(2, 1\); expected \(horizon\), .* a list for many"),
    "steps": (lambda: mase([1, 2], [1, 2], y_train=[PAST] * 2), r"\(2,\); expected \(2, horizon\)"),
    "nan": (lambda: smape([[1, 2], [NAN, 1]], np.ones((2, 2))), "y_true contains NaN"),
    "nan_pred": (lambda: coverage([1], [[NAN, 2]]), "interval contains NaN"),
    "nan_past": (lambda: mase([1], [1], y_train=[1, NAN, 2]), "y_train contains NaN"),
    "horizons": (lambda: smape([[1, 2], [1]], [[1, 2], [1]]), "y_true has rows of unequal lengths"),
    "interval": (lambda: coverage([1], [[0, 1, 2]]), r"interval has shape \(1, 3\); expected \(1, 2\)"),
    "crossed": (lambda: coverage([1, 1], [[0, 2], [2, 0]]), r"interval\[1\] has its lower end above its upper one"),
    "levels": (lambda: mean_quantile_loss([1], [[1]], quantiles=[0.1, 0.9]), r"y_pred_quantiles has shape \(1, 1\)"),
    "percent": (
        lambda: mean_quantile_loss([1], [[1]], quantiles=[50]),
        r"quantiles=\[50\]; expected .* 0 and 1 \(did you mean \[0.5\]",
    ),
}


@pytest.mark.parametrize("case", [*BASELINE_ERRORS.values(), *SCORE_ERRORS.values()])
def test_what_is_wrong_is_named(case):
    call, message = case
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_counts_are_integers():
    for call in (lambda: naive([1, 2], 1.5), lambda: mase([1], [1], y_train=[1, 2], season="year")):
        with pytest.raises(TypeError, match="must be an instance of int"):
            call()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_ids_and_times_are_no_values(library):
    frame = pytest.importorskip(library).DataFrame
    times = pd.date_range("2020", periods=4).to_numpy()
    tables = [{"day": times, "y": [1.0, 2, 3, 4]}, {"unique_id": [7] * 4, "ds": [*range(4)], "y": [1.0, 2, 3, 4]}]
    tables.append({"shop": [*"aabb"], "day": times, "sold": [1, 2, 3, 4]})
    for table in map(frame, tables):
        with pytest.raises(
            ValueError, match="y_true has the column '(day|unique_id|shop)' of .*: pass the columns of v"
        ):
            smape(table, table)
        with pytest.raises(ValueError, match="y has the column '(day|unique_id|shop)' of "):
            naive(table, 2)
    assert smape(frame({"a": [1.0, 2]}), frame({"a": [1.0, 2]})) == 0
