"""SequenceForecaster: containers, losses, covariates, training, and what comes back from files."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from samples import assert_same_bits, assert_slope, read_only
from series import CONTAINERS, SHORT, TIMES, TWO, Y, columns_of, counts, dated, forecaster, long, numbers
from sklearn.base import clone

import fastrnn
from fastrnn import SequenceForecaster, load, save
from fastrnn.network.parts import CELLS
from fastrnn.storage import write
from fastrnn.training import Checkpoint

DISTRIBUTIONS = ["gaussian", "student_t", "negative_binomial", "mixture"]
LOSSES = ["quantile", "squared_error", "absolute_error", *DISTRIBUTIONS]
every_container = pytest.mark.parametrize("name", CONTAINERS)


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
    if loss in (*DISTRIBUTIONS, "quantile"):
        found = model.predict_quantiles([0.1, 0.5, 0.9])
        assert (np.diff(found, axis=-1) >= 0).all()
        np.testing.assert_allclose(model.predict_interval(0.8), found[..., [0, 2]], rtol=1e-12)
        if strategy == "direct":
            np.testing.assert_allclose(found[..., 1], model.predict(), rtol=1e-12)
    else:
        with pytest.raises(ValueError, match=f"loss='{loss}' knows no"):
            model.predict_quantiles([0.1])


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_each_path_goes_on_from_the_states_of_its_series(cell, num_layers):
    y = [Y, 2 * Y[:50]]
    model = forecaster(strategy="recursive", loss="gaussian", cell=cell, num_layers=num_layers, max_iter=2).fit(y)
    panel, expected = model._stored(), np.stack(model.predict(6))
    paths = model._model._unrolled(panel, 7, 6, model._model._point)[..., 0]  # all of them the mean
    assert_same_bits(paths, np.broadcast_to(expected[:, np.newaxis], paths.shape))
    assert_same_bits(model.predict_quantiles([0.1, 0.9])[0], model.predict_quantiles([0.1, 0.9], history=Y))


def test_many_paths_are_drawn_as_one_is():
    rng = np.random.default_rng(0)
    y = np.tile([0.0, 0.0, 0.0, 1.0], 100) + rng.normal(0, 0.1, 400)
    options = {"strategy": "recursive", "loss": "gaussian", "linear_lags": 0, "season": None, "difference": False}
    options |= {"smoothing": False, "batch_size": 1, "max_iter": 30, "learning_rate_init": 0.01, "hidden_size": 16}
    model = forecaster(**options, log=False, shrinkage=None).fit(y)
    one = np.stack([model.sample_paths(1, 8, random_state=seed)[0] for seed in range(100)])
    assert np.abs(one.mean(axis=0) - model.sample_paths(100, 8).mean(axis=0)).max() < 0.15


def test_two_branches_are_no_gaussian():
    """A value of about 3 or of about -3, at random: a normal distribution puts most of its weight between them."""
    rng = np.random.default_rng(0)
    y = 3.0 * rng.choice([-1, 1], (20, 60)) + 0.1 * rng.standard_normal((20, 60))
    options = {"difference": False, "linear_lags": 0, "log": False, "scaling": None, "learning_rate_init": 0.02}
    options |= {"strategy": "recursive", "max_iter": 30, "smoothing": False, "batch_size": 4}
    mixed, normal = (forecaster(**options, loss=loss).fit([*y]) for loss in ("mixture", "gaussian"))
    # In nats: of a choice of two, and of the noise, where a normal needs its whole width.
    assert mixed.loss_curve_[-1] < np.log(2) + np.log(0.1) + 1.42 + 0.3
    assert normal.loss_curve_[-1] > np.log(3) + 1.42 - 0.1
    paths, of_normal = mixed.sample_paths(200), normal.sample_paths(200)
    assert (np.abs(np.abs(paths) - 3) < 0.7).mean() > 0.8 > 0.4 > (np.abs(np.abs(of_normal) - 3) < 0.7).mean()
    direct = forecaster(**{**options, "strategy": "direct"}, loss="mixture", n_components=2).fit([*y])
    quantiles = direct.predict_quantiles([0.1, 0.3, 0.7, 0.9])
    assert (np.abs(quantiles - [-3, -3, 3, 3]) < 0.7).all()
    # The median may lie between the branches, where there is almost nothing.
    assert (np.abs(direct.predict()) < 3.7).all()


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
    assert_same_bits(model.predict(), model.predict(history=filled))
    assert_same_bits(model.predict(history=y), model.predict())


@pytest.mark.parametrize("holes", [[], [20, 21], [[20, 0]], range(1, 60, 2)], ids=str)
def test_it_learns_where_nothing_was_filled_in_as_long_as_that_is_half(holes):
    y = TWO.copy()
    for hole in holes:
        y[hole] = np.nan
    model = forecaster(missing="interpolate", strategy="recursive", loss="gaussian")
    weights = model.fit(y)._problem((y, None, None, None), None, None, False).weights
    whole = ~np.isnan(y).any(axis=1)
    first = len(y) - 1 - len(weights)
    is_whole = np.array([whole[t] and whole[t + 1] for t in range(first, len(y) - 1)])
    assert_same_bits(weights.astype(bool), is_whole if is_whole.mean() > 0.5 else np.full(len(weights), True))


@pytest.mark.parametrize("missing", [[45], [45, 46], [45, 48]], ids=str)
@pytest.mark.parametrize("container", [list, "D", "MS", "M", 3], ids=str)
def test_gaps_between_what_is_known_and_what_comes_are_filled_as_inside(container, missing):
    y, x = Y[:51].copy(), columns_of(54)
    y[missing], x[[45, 46, 51], 0] = np.nan, np.nan
    future, ahead = x[:51], x[51:]
    if container is not list:
        index = {"M": pd.period_range("2000", periods=54, freq="M"), 3: pd.RangeIndex(0, 162, 3)}.get(container)
        index = pd.date_range("2000", periods=54, freq=container) if index is None else index
        y, x = pd.Series(y, index[:51]).drop(index[missing]), pd.DataFrame(x, index).drop(index[[45, 46, 51]])
        future, ahead = x[:-2], x[-2:]
    model = forecaster(missing="interpolate").fit(y[:45], future=future[:45])
    expected = model.predict(history=y, future=x)
    found = model.update(y[45:], future=future[45:]).predict(future=ahead)
    assert_same_bits(np.asarray(found), np.asarray(expected))


def test_an_update_that_knows_nothing_repeats_the_last_value():
    model = forecaster(missing="interpolate").fit([Y[:40], SHORT])
    model.update([[np.nan], [1.0]])
    assert_same_bits(model.predict(), model.predict(history=[np.append(Y[:40], Y[39]), np.append(SHORT, 1)]))
    model.update([[Y[39] + 2], [1.0]])  # between the two there is a line now
    line = [*Y[:40], Y[39] + 1, Y[39] + 2]
    assert_same_bits(model.predict(), model.predict(history=[line, [*SHORT, 1, 1]]))


def test_a_file_keeps_what_was_missing(tmp_path):
    y = np.where(np.arange(45) % 7 == 2, np.nan, Y[:45])
    model = forecaster(missing="interpolate", season=None).fit(y)
    save(model, tmp_path / "model.safetensors")
    loaded = load(tmp_path / "model.safetensors")
    for one in (model, loaded):
        one.update([np.nan, 60.0])
    assert_same_bits(loaded.predict(), model.predict())
    assert_same_bits(loaded.backtest(initial=30, refit=9).actual, model.backtest(initial=30, refit=9).actual)
    model._history["series"]["values"][:] = np.nan
    save(model, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="series"):
        load(tmp_path / "model.safetensors")


def test_what_begins_too_late_to_fill_is_refused():
    y = pd.Series(Y, pd.date_range("2000", periods=len(Y)))
    model = forecaster(missing="interpolate").fit(y[:30])
    for late in (y[:1].shift(62, freq="D"), y[28:31], y[31:33].shift(7, freq="h")):
        with pytest.raises(ValueError, match="y_new begins at 2000-.*; expected 2000-01-31"):
            model.update(late)
    assert len(model.update(y[31:32]).predict(history=y[:32])) == model.horizon_


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


# ---------------------------------------------------------------------------------- training


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_by_projection(loss):
    model = forecaster(dtype="float64", loss=loss, context=20, num_layers=2)
    model.fit([counts(40), counts(30, 1)])
    problem = model._problem(([counts(40), counts(30, 1)], None, None, None), None, None, False)
    network = model.network_
    training = network.training(problem, False)
    training.lay_out([np.arange(len(problem.sequences))], 0)

    def value():
        network.changed()
        return training(0)

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
        fastrnn.save(other, tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()
        assert other.season_ == model.season_ and type(other.predict()) is type(model.predict())
        assert other.get_params() == {**model.get_params(), "quantiles": other.quantiles}


def test_models_of_before_there_were_mixtures_load(tmp_path):
    model = forecaster().fit(Y)
    tree = model._record()
    del tree["parameters"]["n_components"]
    tree["fitted"]["_shape"] = {k: v for k, v in tree["fitted"]["_shape"].items() if k != "n_components"}
    write(tmp_path / "model", {"model": tree, "run": None})
    assert (fastrnn.load(tmp_path / "model").predict() == model.predict()).all()


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
    assert (
        other.set_params(warm_start=True).fit(dated(Y), past=x[:60], future=future[:60], static=[1.0, 2.0]).n_iter_ == 2
    )


def test_a_narrow_integer_of_numpy_is_an_integer():
    expected = forecaster(strategy="recursive", loss="gaussian", horizon=2).fit(Y)
    small = {name: np.int8(x) for name, x in expected.get_params().items() if type(x) is int}
    model = clone(expected).set_params(**small).fit(Y)
    for given in (np.int8, np.uint64):
        assert_same_bits(model.predict(given(100)), expected.predict(100))
        assert_same_bits(model.sample_paths(given(100), given(3)), expected.sample_paths(100, 3))
        report = model.backtest(Y, given(30), given(3), given(2), "mae", refit=given(4))
        assert_same_bits(report.forecasts, expected.backtest(Y, 30, 3, 2, "mae", refit=4).forecasts)


def test_intervals_of_counts_are_as_wide_as_counts_are_apart():
    y = np.random.default_rng(0).poisson(30, (20, 100)).astype(float)
    model = SequenceForecaster(
        horizon=2, season=None, loss="negative_binomial", hidden_size=4, max_iter=2, random_state=0
    )
    low, high = model.fit([*y]).predict_interval(0.8).mean(axis=(0, 1))
    assert 20 < low < 25 and 35 < high < 40  # those of the distribution are 23 and 37


def test_series_of_channels_alone_is_as_beside_others():
    t, rng = np.arange(200), np.random.RandomState(0)
    y = np.c_[10 + 3 * np.sin(2 * np.pi * t / 7), 20 + 6 * np.cos(2 * np.pi * t / 7)] + rng.normal(0, 0.3, (200, 2))
    model = SequenceForecaster(horizon=7, season=7, max_iter=2, random_state=0).fit(y)
    np.testing.assert_array_equal(model.predict(history=[y])[0], model.predict(history=[y] * 2)[0])
