"""What is left to the forecaster goes by most series; one too short for it is named, and forecast."""

import warnings

import numpy as np
import pandas as pd
import pytest
from samples import assert_same_bits
from series import Y, columns_of, dated, forecaster, long, walk

import fastrnn
from fastrnn import SequenceForecaster
from fastrnn.forecaster.choices import _reached_by_most
from fastrnn.forecaster.view import Lens, View
from fastrnn.sequences import as_sequences

LEFT = {"horizon": 6, "season": "auto", "linear_lags": "auto"}
TOO_SHORT = "needs? 36. They are forecast as if they had always been like their first season; give more"


def monthly(n=120, seed=0):
    return 50 + 10 * np.sin(2 * np.pi * np.arange(n) / 12) + 0.3 * np.random.RandomState(seed).randn(n)


LONGS = [monthly(seed=seed) for seed in range(4)]


@pytest.mark.parametrize(
    ("lengths", "most"),
    [
        ([60], 60), ([60, 45], 45), ([120] * 10 + [9], 120), ([120, 9], 120), ([120] * 3 + [9], 120),
        ([1000, 30, 30, 30], 30), ([30] * 20 + [1000], 30), ([120] * 9 + [9] * 11, 9), (range(30, 133), 50),
    ],
    ids=str,
)  # fmt: skip
def test_the_length_of_most_series(lengths, most):
    assert _reached_by_most([np.random.default_rng(0).permutation(np.array(lengths))]) == most


@pytest.mark.parametrize(
    "short", [monthly()[:9], monthly()[:2], 3 * monthly()[:13], np.full(9, 5.0)], ids=["9", "2", "13", "flat"]
)
@pytest.mark.parametrize("options", [{}, {"strategy": "recursive", "loss": "gaussian"}, {"calibration": 2}], ids=str)
def test_a_short_series_does_not_decide(short, options):
    short = np.resize(short, max(9, len(short))) if "calibration" in options else short
    options = {**LEFT, **options}
    alone = forecaster(**options).fit(LONGS)
    with pytest.warns(UserWarning, match=rf"y\[2\] has {len(short)} steps: lags=\[12, 1\] and linear_lags=36") as told:
        both = forecaster(**options).fit([*LONGS[:2], short, *LONGS[2:]])
    assert len(told) == 1 and told[0].filename == __file__
    assert both.season_ == alone.season_ == [12] and both._lens == alone._lens and both.context_ == alone.context_
    # Nothing is learned from it, so that those beside are forecast as without it.
    assert_same_bits(both.predict()[[0, 1, 3, 4]], alone.predict())
    assert_same_bits(both.predict_interval(0.8)[[0, 1, 3, 4]], alone.predict_interval(0.8))
    found = both.predict_interval(0.8)[2]
    assert np.isfinite(found).all() and ((found[:, 1] > found[:, 0]).all() or np.ptp(short) == 0)
    assert np.abs(both.predict()[2] / short.mean() - 1).max() < 0.5


def test_a_short_past_is_read_as_if_it_had_been_like_its_first_season():
    lens = Lens((4, 1), False, True, False, "mean", 9)
    view = View(as_sequences([[1.0, 2.0, 5.0], np.arange(12.0), np.arange(6.0)], float), lens)
    first, second, third = np.split(view.levels[:, 0], view.offsets[1:-1])
    assert first.tolist() == [1, 1, 2, 5, 5, 1, 2, 5, 5, 1, 2, 5][3:]  # of a season of four the last is not known
    assert second.tolist() == [*range(12)] and third.tolist() == [1, 2, 3, 0, 1, 2, 3, 4, 5]
    assert view.pads.tolist() == [6, 0, 3]
    rows, counts = view.last_rows()
    assert counts.tolist() == [1, 4, 1] and view.steps(rows).tolist() == [2, 8, 9, 10, 11, 5]
    assert view.training_rows(2)[1].tolist() == [0, 2, 0]
    # Less than a season shows no difference over one: its steps tell how much it changes.
    np.testing.assert_allclose(view.scale[:, 0], [2, 4, 4])


def test_a_history_may_be_short_as_well():
    with pytest.warns(UserWarning, match=r"y\[4\] has 9"):
        model = forecaster(**LEFT).fit([*LONGS, LONGS[0][:9]])
    with pytest.warns(UserWarning, match=r"history has 9 steps: .* need 36") as told:
        found = model.predict(history=LONGS[0][:9])
    assert told[0].filename == __file__
    assert_same_bits(found, model.predict()[4])
    with pytest.raises(ValueError, match=r"history has 1 step; lags=\[1\] and linear_lags=1 need 2 to forecast"):
        model.predict(history=[5.0])


def test_a_series_that_has_grown_is_like_others(tmp_path):
    with pytest.warns(UserWarning, match=r"y\[4\] has 9"):
        model = forecaster(**LEFT).fit([*LONGS, LONGS[0][:9]])
    fastrnn.save(model, tmp_path / "model")
    again = fastrnn.load(tmp_path / "model")
    assert_same_bits(again.predict(), model.predict())
    came = [LONGS[k][:60] for k in range(4)]
    model.update([*came, LONGS[0][9:69]])
    assert_same_bits(model.predict()[4], model.predict(history=LONGS[0][:69]))


def test_verbs_with_a_short_series_among_others():
    x = columns_of(126)
    given = {"y": [*LONGS, LONGS[0][:9]], "past": [x[:120]] * 4 + [x[:9]], "future": [x[:120]] * 4 + [x[:9]]}
    with pytest.warns(UserWarning, match=r"y\[4\] has 9"):
        model = forecaster(**LEFT, loss="student_t").fit(**given, static=np.ones((5, 1)))
    ahead = [x[120:]] * 4 + [x[9:15]]
    assert np.isfinite(model.predict(future=ahead)).all()
    assert np.isfinite(model.score([y[:6] for y in given["y"]], future=ahead))
    tested = model.backtest(initial=90, refit=True, step=20)
    assert set(tested.series) == {0, 1, 2, 3}


@pytest.mark.parametrize("kind", ["long", "frames"])
def test_the_warning_names_the_series_and_counts_others(kind):
    index, short = pd.date_range("2015-01-01", periods=120, freq="MS"), (monthly()[:9], monthly()[:20])
    y = [pd.Series(x, index[: len(x)]) for x in (*LONGS, *short)]
    who = r"y\[4\]"
    if kind == "long":
        y = pd.concat([pd.DataFrame({"unique_id": f"shop {k}", "ds": x.index, "y": x}) for k, x in enumerate(y)])
        who = "y of unique_id 'shop 4'"
    with pytest.warns(UserWarning, match=who + " has 9 steps, and 1 more is too short as well: .*" + TOO_SHORT):
        model = SequenceForecaster(hidden_size=3, max_iter=1, horizon=6, random_state=0).fit(y)
    assert model.season_ == [12]
    forecasts = model.predict()
    assert len(forecasts) == (36 if kind == "long" else 6)


def test_no_series_is_too_short_for_what_was_asked_for():
    y = [*LONGS, LONGS[0][:9]]
    for options, needed in (({"season": 12}, 13), ({"linear_lags": 20}, 20), ({"season": [4, 24]}, 25)):
        with pytest.raises(
            ValueError, match=rf"y\[4\] has 9 steps; .* need {needed} to forecast from: give more, leave"
        ):
            forecaster(**{**LEFT, **options}).fit(y)


def test_the_horizon_by_most_series():
    options = {**LEFT, "horizon": None}
    with pytest.warns(UserWarning, match="has 9 steps"):
        model = forecaster(**options).fit([*LONGS, LONGS[0][:9]])
    assert model.horizon_ == 24 and model.predict().shape == (5, 24)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert forecaster(**{**options, "season": None}).fit([walk(30), walk(24, 1)]).horizon_ == 8


# ------------------------------------------------------------------------- covariates by keyword


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (
            lambda m: m.fit(columns_of(60), Y),
            "of X and y that is y.  Pass .* by keyword, as past=, future= .* or static=",
        ),
        (lambda m: m.fit(Y, columns_of(60), columns_of(60)), "fit takes one argument by position"),
        (lambda m: m.fit(dated(Y), pd.DataFrame(columns_of(60))), "fit takes one argument by position"),
        (lambda m: m.fit(Y, 3), "fit takes one argument by position"),
        (lambda m: m.update(Y[:3], columns_of(3)), "update takes one argument by .* by keyword, as past= or future="),
        (lambda m: m.score(columns_of(3), Y[:3]), "score takes one argument by .* by keyword, as future="),
        (lambda m: m.predict(3, Y, columns_of(63)), "positional argument"),
    ],
    ids=range(7),
)
def test_covariates_go_by_keyword(call, match):
    model = forecaster().fit(Y)
    before = model.predict()
    with pytest.raises(TypeError, match=match):
        call(model)
    assert_same_bits(model.predict(), before)


def test_what_scikit_learn_passes_by_place():
    """A Pipeline passes y=None on."""
    from sklearn.pipeline import make_pipeline

    line = make_pipeline(forecaster()).fit(Y[:50])
    expected = forecaster().fit(Y[:50])
    assert_same_bits(line[-1].predict(), expected.predict())
    assert line.score(Y[50:53]) == expected.score(Y[50:53]) == forecaster().fit(Y[:50], None).score(Y[50:53], None)


def test_long_frames_by_keyword_too():
    frame = long([Y, Y[:45]])
    with pytest.raises(TypeError, match="by keyword"):
        forecaster().fit(frame, frame)
