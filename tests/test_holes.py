"""Steps with missing numbers, and times: what is read of them, in whole sequences and step by step."""

import pickle
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from samples import assert_same_bits, labelled, tokens
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.utils import get_tags

import fastrnn
from fastrnn import SequenceClassifier, SequenceEnsemble, SequenceRegressor, SequenceTagger, SequenceToSequence, threads
from fastrnn.data import SequenceFiles
from fastrnn.holes import Holes
from fastrnn.interchange import from_torch, to_onnx, to_torch
from fastrnn.moments import moments
from fastrnn.preprocessing import from_long
from fastrnn.sequences import as_given
from fastrnn.tables import seconds

pd = pytest.importorskip("pandas")
SMALL = {"hidden_size": 7, "max_iter": 2, "random_state": 0}
ONE_WAY = {**SMALL, "bidirectional": False}
HOW = ["mask", "forward", "decay"]


def how(missing):
    """A small model's parameters."""
    return {**(ONE_WAY if missing == "decay" else SMALL), "missing": missing}


def holed(n=30, rate=0.4, seed=0):
    """Ragged sequences (T, 3) with holes, one of them nothing else; and their labels."""
    X, y = labelled(n)
    rng = np.random.default_rng(seed)
    X = [np.where(rng.random(x.shape) < rate, np.nan, x) for x in X]
    X[1] = np.full_like(X[1], np.nan)
    return X, y


def timed(X, where=1, seed=0):
    """Times (T,) of the steps of each, which may come twice, and the sequences with them as a column."""
    rng = np.random.default_rng(seed)
    times = [1e3 + rng.integers(0, 3, len(x)).cumsum() * 0.7 for x in X]
    return times, [np.insert(x, where, t, axis=1) for x, t in zip(X, times, strict=True)]


def framed(X, times, columns="abc"):
    return [pd.DataFrame(x, columns=list(columns), index=t) for x, t in zip(X, times, strict=True)]


def read_by_hand(X, mean, scale, missing, clock=None, dtype="float64"):
    """What is read of each sequence, before it is rounded."""
    found = []
    for x in X:
        x, gaps = x.copy(), np.arange(len(x)) > 0
        if clock is not None:
            gaps = x[:, clock] = np.diff(x[:, clock], prepend=x[:1, clock])
        there = ~np.isnan(x)
        if missing in ("forward", "decay"):
            for t in range(1, len(x)):
                x[t] = np.where(there[t], x[t], x[t - 1])
        x = (x - mean[: x.shape[1]]) / scale[: x.shape[1]]
        flags = there[:, :0] if missing == "forward" else np.delete(there, [] if clock is None else clock, axis=1)
        ages = np.zeros((len(x), flags.shape[1] * (missing == "decay")))
        for t in range(1, len(x) if ages.size else 0):
            ages[t] = (gaps[t] / scale[-1] + np.where(flags[t - 1], 0, ages[t - 1])).astype(dtype)
        found.append(np.hstack([np.nan_to_num(x), flags, ages]))
    return found


# ------------------------------------------------------------------------------------------------ what is read


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("missing", HOW)
@pytest.mark.parametrize("clock", [None, 0, 1, 3])
def test_what_is_read(missing, clock, dtype):
    X, y = holed()
    if clock is not None:
        _, X = timed(X, clock)
    before = [x.copy() for x in X]
    clf = SequenceClassifier(time_column=clock, dtype=dtype, **how(missing)).fit(X, y)
    expected = np.concatenate(read_by_hand(X, clf._X_mean, clf._X_scale, missing, clock, dtype))
    assert_same_bits(clf._checked(X).values, expected.astype(dtype))
    assert_same_bits(np.concatenate(X), np.concatenate(before))
    rows = np.concatenate(X)
    kept = np.delete(rows, [] if clock is None else clock, axis=1)
    mean, scale = (np.delete(a[: rows.shape[1]], [] if clock is None else clock) for a in (clf._X_mean, clf._X_scale))
    np.testing.assert_allclose(mean, np.nanmean(kept, axis=0))
    np.testing.assert_allclose(scale, np.nanstd(kept, axis=0))
    if missing == "decay":  # of ages the unit is the mean gap, or a step
        gaps = [1.0] if clock is None else np.concatenate([np.diff(x[:, clock], prepend=x[:1, clock]) for x in X])
        np.testing.assert_allclose(clf._X_scale[-2:], np.mean(gaps))


def test_an_index_is_read_as_a_last_column():
    X, y = holed()
    times, as_column = timed(X, 3)
    with_column = SequenceClassifier(missing="mask", time_column=3, **SMALL).fit(as_column, y)
    frames = framed(X, times)
    with_index = SequenceClassifier(missing="mask", time_column="index", **SMALL).fit(frames, y)
    assert_same_bits(with_index.predict_proba(frames), with_column.predict_proba(as_column))
    assert with_index.n_features_in_ == 3 and with_column.n_features_in_ == 4
    named = [pd.DataFrame(x, columns=list("abct")) for x in as_column]
    by_name = SequenceClassifier(missing="mask", time_column="t", **SMALL).fit(named, y)
    assert_same_bits(by_name.predict_proba(named), with_column.predict_proba(as_column))
    series = [frame["a"] for frame in frames]
    assert SequenceClassifier(missing="forward", time_column="index", **SMALL).fit(series, y).n_features_in_ == 1


def test_without_holes_nothing_changes():
    X, y = labelled(30)
    plain = SequenceClassifier(**SMALL).fit(X, y)
    assert_same_bits(SequenceClassifier(missing="forward", **SMALL).fit(X, y).network_.theta, plain.network_.theta)


@pytest.mark.parametrize("missing", HOW)
@pytest.mark.parametrize("form", ["panel", "3-D", "cells"])
def test_other_forms(missing, form):
    rng = np.random.default_rng(0)
    X = np.where(rng.random((20, 6)) < 0.3, np.nan, rng.standard_normal((20, 6)))
    X = {"panel": X, "3-D": X[..., np.newaxis], "cells": [[None if np.isnan(v) else v for v in x] for x in X]}[form]
    clf = SequenceClassifier(**how(missing)).fit(X, np.arange(20) % 2)
    assert clf.network_.encoder.recurrent.input_size == {"mask": 2, "forward": 1, "decay": 2}[missing]
    assert_same_bits(clone(clf).fit(list(np.array(X, float)), np.arange(20) % 2).predict_proba(list(X)),
                     clf.predict_proba(X))  # fmt: skip


@pytest.mark.parametrize("missing", HOW)
def test_the_same_bits_in_any_company_and_with_any_threads(missing):
    _, X = timed(holed(40)[0])
    y = np.arange(40) % 3
    clf = SequenceClassifier(time_column=1, **how(missing)).fit(X, y)
    assert_same_bits(np.concatenate([clf.predict_proba([x]) for x in X]), clf.predict_proba(X))
    with threads.limit(3):
        assert_same_bits(clone(clf).set_params(n_jobs=3).fit(X, y).network_.theta, clf.network_.theta)


@pytest.mark.parametrize("missing", HOW[:2])
@pytest.mark.parametrize("clock", [None, 1])
def test_patches(missing, clock, tmp_path):
    X, y = holed()
    if clock is not None:
        _, X = timed(X)
    clf = SequenceClassifier(missing=missing, time_column=clock, patch_length=3, **SMALL).fit(X, y)
    n_flags = 3 * (missing == "mask")
    assert clf.network_.encoder.recurrent.input_size == 3 * (2 * X[0].shape[1] + n_flags)
    values, width = clf._checked(X).values, X[0].shape[1]
    expected = read_by_hand(X, clf._X_mean, clf._X_scale, missing, clock)
    offsets = np.cumsum([0, *(max(5, len(x)) for x in X)])
    for x, first in zip(expected, offsets[:-1], strict=True):
        found = values[first : first + len(x)]
        assert_same_bits(found[:, :width], x[:, :width].astype("float32"))
        assert_same_bits(found[:, 2 * width :], x[:, width:].astype("float32"))
    fastrnn.save(clf, tmp_path / "model.safetensors")
    assert_same_bits(fastrnn.load(tmp_path / "model.safetensors").predict_proba(X), clf.predict_proba(X))


# ------------------------------------------------------------------------------------------------- means, kernel


@pytest.mark.parametrize("is_centred", [True, False])
def test_means_are_of_what_is_there(is_centred):
    rng = np.random.default_rng(0)
    rows, weights = rng.standard_normal((50, 4)) * [1, 1e8, 1e-9, 1] + [0, 5, 1, 2], rng.random(50)
    rows[rng.random(rows.shape) < 0.5] = np.nan
    rows[:20, 2] = np.nan
    rows[:, 3] = np.nan
    blocks = [(rows[k : k + 10], weights[k : k + 10]) for k in range(0, 50, 10)]
    mean, scale = moments(blocks, is_centred=is_centred, has_holes=True)
    for k in range(3):
        there = ~np.isnan(rows[:, k])
        x, w = rows[there, k], weights[there]
        centre = np.average(x, weights=w) if is_centred else 0.0
        np.testing.assert_allclose(mean[k], centre, rtol=1e-12)
        np.testing.assert_allclose(scale[k], np.sqrt(np.average((x - centre) ** 2, weights=w)), rtol=1e-9)
    assert np.isnan(scale[3])


def test_holes_of_one_block_of_many():
    X = [np.random.default_rng(k).standard_normal((3000, 9)) for k in range(12)]  # several blocks
    X[7][1000:, 4] = np.nan
    stored = as_given(X).stored("float64", holes=Holes.of("forward", 9, -1, False))
    expected = np.concatenate(X)
    expected[7 * 3000 + 1000 : 8 * 3000, 4] = X[7][999, 4]
    assert_same_bits(stored.values, expected)


# ------------------------------------------------------------------------------------------------------ streams


CASES = {"classifier": (SequenceClassifier, {}), "mean": (SequenceClassifier, {"readout": "mean"}),
         "regressor": (SequenceRegressor, {"return_sequences": True}), "tagger": (SequenceTagger, {"crf": True}),
         "float64": (SequenceClassifier, {"dtype": "float64", "cell": "lstm", "num_layers": 2})}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("missing", ["error", *HOW])
@pytest.mark.parametrize("clock", [None, 1, "index"])
def test_streams_say_what_predict_says(case, missing, clock, tmp_path):
    if missing == "error" and clock is None:
        pytest.skip("in test_streaming")
    kind, options = CASES[case]
    X, y = labelled(20) if missing == "error" else holed(20)
    times, as_column = timed(X)
    X = {None: X, 1: as_column, "index": framed(X, times)}[clock]
    if case in ("regressor", "tagger"):
        y = [np.arange(len(x)) % 2 for x in X]
    model = kind(missing=missing, time_column=clock, **{**ONE_WAY, **options}).fit(X, y)
    fastrnn.save(model, tmp_path / "model.safetensors")
    for made in (model, fastrnn.load(tmp_path / "model.safetensors")):
        answer, stream = getattr(made, "predict_proba", made.predict), made.stream()
        for x, when in zip(X[:5], times, strict=False):
            stream.reset()
            for t, row in enumerate(np.asarray(x)):
                said = stream.step(row, **{"time": when[t]} if clock == "index" else {})
                if t == 1:
                    stream = pickle.loads(pickle.dumps(stream))
                expected = answer([x[: t + 1]])[0]
                assert_same_bits(said, expected if kind is SequenceClassifier else expected[-1])


def test_a_batch_and_a_state():
    times, X = timed([x[:4] for x in holed(30)[0] if len(x) > 3])
    model = SequenceClassifier(missing="forward", time_column=1, **ONE_WAY).fit(X, np.arange(len(X)) % 2)
    stream, steps = model.stream(len(X)), np.stack(X, axis=1)
    for row in steps[:2]:
        stream.step(row)
    kept = stream.state
    assert kept["seen"].shape == (len(X), 4) and kept["time"].tolist() == [t[1] for t in times]
    for row in steps[2:]:
        said = stream.step(row)
    stream.reset()
    stream.state = kept
    for row in steps[2:]:
        assert_same_bits(said if row is steps[-1] else stream.step(row), said if row is steps[-1] else stream._said)
    assert_same_bits(stream.step(steps[-1]) if stream.n_steps < 4 else stream._said, model.predict_proba(X))


def test_steps_that_are_refused_change_nothing():
    _, X = timed(holed(20)[0])
    model = SequenceClassifier(missing="mask", time_column=1, **ONE_WAY).fit(X, np.arange(20) % 2)
    stream, x = model.stream(), next(x for x in X if len(x) > 4)
    stream.step(x[0])
    kept = stream.state
    for bad, message in ((x[0] - [0, 1, 0, 0], r"a step's time is \[.*\] after \[.*do not go back"),
                         (x[1] + [0, np.nan, 0, 0], "a step's time is"), (x[1] + [0, np.inf, 0, 0], "holds infinity"),
                         (np.where(np.arange(4) == 2, np.inf, x[1]), "holds infinity as float32, and was not taken"),
                         (x[1, :3], "a step of this stream has shape")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            stream.step(bad)
        assert all(np.array_equal(kept[name], value) for name, value in stream.state.items())
    for t in range(1, len(x)):
        said = stream.step(x[t])
    assert_same_bits(said, model.predict_proba([x])[0])
    with pytest.raises(ValueError, match="takes no time beside a step"):
        stream.step(x[0], time=1.0)
    with pytest.raises(ValueError, match="a step's time is"):
        model.stream().step([0, np.inf, 0, 0])


def test_dates_in_streams():
    X, y = labelled(20)
    dates = [pd.date_range("2024-03-30 12:00", periods=len(x), freq="7h", tz="Europe/Berlin") for x in X]
    model = SequenceClassifier(time_column="index", **ONE_WAY).fit(framed(X, dates), y)
    expected, stream = model.predict_proba(framed(X, dates))[0], model.stream()
    forms = [lambda t: t, lambda t: t.tz_convert(None).to_datetime64(), lambda t: t.to_pydatetime()]
    for form in forms:
        stream.reset()
        for row, when in zip(X[0], dates[0], strict=True):
            said = stream.step(row, time=form(when))
        assert_same_bits(said, expected)
    for time, message in ((None, "needs the time of each step"), ([1, 2], "time has 2 values for 1 sequences")):
        with pytest.raises(ValueError, match=message):
            stream.step(X[0][0], time=time)
    named = [pd.DataFrame(x, columns=list("abc")).assign(when=t) for x, t in zip(X, dates, strict=True)]
    model = SequenceClassifier(time_column="when", **ONE_WAY).fit(named, y)
    stream = model.stream()
    for _, row in named[0].iterrows():
        said = stream.step(row)
    assert_same_bits(said, model.predict_proba(named)[0])


# -------------------------------------------------------------------------------------------------------- times


def test_dates_are_seconds():
    when = pd.to_datetime(["2024-01-01 00:00:00.0", "2024-01-01 00:00:01.5", None])
    expected = [1704067200.0, 1704067201.5, np.nan]
    for times in (when.to_numpy(), when.tz_localize("UTC").tz_convert("Asia/Tokyo").to_numpy(), when.to_numpy("M8[s]")):
        np.testing.assert_array_equal(seconds(times, "t")[[0, 2]], [expected[0], np.nan])
    np.testing.assert_array_equal(seconds(when.to_numpy(), "t"), expected)
    zone = timezone(timedelta(hours=2))
    dates = np.array([datetime(1970, 1, 1, 2, tzinfo=zone), datetime(1970, 1, 1, 0, 0, 1, 5)], object)
    assert seconds(dates, "t").tolist() == [0.0, 1.000005]
    assert seconds(np.array([1, 2], "m8[h]"), "t").tolist() == [3600, 7200]
    assert seconds(np.array([1, 2.5], object), "t").tolist() == [1, 2.5]
    with pytest.raises(ValueError, match="t holds values that are no numbers: 'noon'"):
        seconds(np.array(["noon"], object), "t")


def test_dates_of_other_libraries():
    pl = pytest.importorskip("polars")
    pytest.importorskip("narwhals")
    X, y = labelled(20)
    dates = [pd.date_range("2024-01-01", periods=len(x), freq="h").to_numpy() for x in X]
    frames = [pd.DataFrame(x, columns=list("abc")).assign(when=t) for x, t in zip(X, dates, strict=True)]
    model = SequenceClassifier(time_column="when", **SMALL).fit(frames, y)
    others = [pl.DataFrame({name: frame[name].to_numpy() for name in frame}) for frame in frames]
    assert_same_bits(model.predict_proba(others), model.predict_proba(frames))


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [(1, 990.0, r"X\[2\] has the time 990 at step 1 after .*: times must be finite, and not go back"),
     (1, np.nan, r"X\[2\] has the time nan at step 1 after"), (0, np.nan, r"X\[2\] has the time nan at step 0:"),
     (0, -np.inf, r"X\[2\] has the time -inf at step 0:"), (-1, np.inf, r"X\[2\] contains .*infinity \(at step")],
)  # fmt: skip
@pytest.mark.parametrize("options", [{"missing": "mask"}, {"missing": "forward", "patch_length": 2}, {}])
def test_times_that_go_back(place, value, message, options):
    X, y = labelled(20)
    _, X = timed([x if len(x) > 2 else X[0] for x in [np.vstack([x, x, x]) for x in X]])
    clf = SequenceClassifier(time_column=1, **SMALL, **options).fit(X, y)
    before = clf.network_.theta.copy()
    X[2][place, 1] = value
    for call in (lambda: clf.fit(X, y), lambda: clf.predict(X)):
        with pytest.raises(ValueError, match=message):
            call()
    assert_same_bits(clf.network_.theta, before)


def test_where_times_may_be():
    X, y = labelled(20)
    frames = [pd.DataFrame(x, columns=list("abc")) for x in X]
    make = SequenceClassifier(**SMALL)
    for given, column, message in (
        (X, 3, "time_column=3, but X has 3 features: they count from 0"),
        (X, "t", "time_column='t', but X has no names of columns"),
        (frames, "t", r"time_column='t', but X has the columns \['a', 'b', 'c'\]"),
        (frames, 7, "time_column=7, but X has 3 features"),
        (X, "index", r"time_column='index' is for frames whose index has the times, but X\[0\] is a ndarray"),
        (np.zeros((20, 5)), 0, "time_column=0 says when each step is, but X is a table of series"),
        (X, -1, "'time_column' parameter"), (X, True, "'time_column' parameter"),
        ([frame.set_index(["a", "b"]) for frame in frames], "index", "has a MultiIndex"),
        ([frame.set_index(pd.Index(["x"] * len(frame))) for frame in frames], "index", "index, holds values that are"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            clone(make).set_params(time_column=column).fit(given, y)
    assert clone(make).set_params(time_column="index").fit(frames, y).score(frames, y) >= 0


# ------------------------------------------------------------------------------------------------ bad, and refused


@pytest.mark.parametrize("missing", HOW)
def test_what_is_still_wrong(missing):
    X, y = holed()
    clf = SequenceClassifier(**how(missing)).fit(X, y)
    bad = [np.where([[False, True, False]], np.nan, x) for x in X]
    for normalize_X in (True, False):
        with pytest.raises(ValueError, match="feature 1 of X is NaN at every step that counts: leave it out"):
            clone(clf).set_params(normalize_X=normalize_X).fit(bad, y)
    with pytest.raises(ValueError, match="feature 1, 'b', of X is NaN"):
        clone(clf).fit([pd.DataFrame(x, columns=list("abc")) for x in bad], y)
    assert np.isfinite(clf.predict_proba(bad)).all()
    X[3] = np.array([[0, 1, 2.0], [0, -np.inf, np.nan]])
    for call in (lambda: clf.fit(X, y), lambda: clf.predict(X)):
        with pytest.raises(ValueError, match=r"X\[3\] contains infinity \(at step 1, feature 1, as float32\)"):
            call()
    with pytest.raises(ValueError, match="contains NaN or infinity .*set missing='mask'"):
        SequenceClassifier(**SMALL).fit(bad, y)
    with pytest.raises(ValueError, match=f"missing='{missing}' is for numbers, but X holds tokens: leave it out"):
        SequenceClassifier(embedding_dim=4, **how(missing)).fit(tokens(20), np.arange(20) % 2)


def test_what_knows_no_holes_says_so():
    X, y = holed()
    clf = SequenceClassifier(missing="mask", **SMALL).fit(X, y)
    with pytest.raises(ValueError, match="missing='mask' is not what another library's layers read"):
        to_torch(clf)
    with pytest.raises(ValueError, match="missing='forward' has no operator of ONNX: fit with missing='mask'"):
        to_onnx(SequenceClassifier(missing="forward", **SMALL).fit(X, y))
    with pytest.raises(ValueError, match="time_column=1 has no operator of ONNX"):
        to_onnx(SequenceClassifier(missing="mask", time_column=1, **SMALL).fit(timed(X)[1], y))
    with pytest.raises(ValueError, match="missing='mask' needs data: fit it first, max_iter=1"):
        from_torch(SequenceClassifier(missing="mask"), {})
    with pytest.raises(ValueError, match="missing='forward', but the network to go on with has missing='mask'"):
        clf.set_params(warm_start=True, missing="forward").fit(X, y)


@pytest.mark.parametrize("lengths", [True, False])
def test_masks_are_exported(lengths):
    onnxruntime = pytest.importorskip("onnxruntime")
    X, y = holed()
    X = [100 + 5 * x[np.arange(6) % len(x)] for x in X]
    clf = SequenceClassifier(missing="mask", **SMALL).fit(X, y)
    session = onnxruntime.InferenceSession(to_onnx(clf, lengths=lengths).SerializeToString())
    given = {"X": np.stack(X, axis=1).astype("float32")}
    if lengths:
        given |= {"lengths": np.full(30, 6, "int32"), "h_0": np.zeros((2, 1, 7), "float32")}
    np.testing.assert_allclose(session.run(["probabilities"], given)[0], clf.predict_proba(X), atol=2e-5)


# -------------------------------------------------------------------------------------------------- in other tools


def test_in_searches_ensembles_and_decoders():
    X, y = holed()
    search = GridSearchCV(SequenceClassifier(**ONE_WAY), {"missing": HOW}, cv=2).fit(X, y)
    assert search.best_params_["missing"] in HOW
    ensemble = SequenceEnsemble(SequenceClassifier(missing="mask", **SMALL), n_members=2, n_jobs=1).fit(X, y)
    assert ensemble.predict(X).shape == (30,)
    model = SequenceToSequence(embedding_dim=None, missing="mask", **SMALL).fit(X, [[k] for k in y])
    assert len(model.predict(X)) == 30
    assert get_tags(search.best_estimator_).input_tags.allow_nan
    assert not get_tags(SequenceClassifier()).input_tags.allow_nan
    clf = SequenceClassifier(missing="mask", **SMALL)
    assert np.isfinite(clf.partial_fit(X, y).partial_fit(X, y).loss_curve_).all()


@pytest.mark.parametrize("missing", HOW)
def test_files_say_together_what_is_there(missing, tmp_path):
    _, X = timed(holed()[0])
    y = np.arange(30) % 3
    for x in X[:10]:
        x[:, 0] = np.nan  # what one part of the data lacks
    files = SequenceFiles.write(tmp_path / "parts", [(X[:10], y[:10]), (X[10:], y[10:])])
    make = SequenceClassifier(time_column=1, **how(missing))
    found, whole = clone(make).fit(files), clone(make).fit(X, y)
    np.testing.assert_allclose(found._X_mean, whole._X_mean, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found._X_scale, whole._X_scale, rtol=1e-12)
    assert_same_bits(found.predict_proba(files), found.predict_proba(X))


@pytest.mark.parametrize("gone", [False, True])
def test_long_tables_in_files_keep_their_times(gone, tmp_path):
    pytest.importorskip("pyarrow")
    X, _ = labelled(12)
    dates = [pd.date_range("2024-01-01", periods=len(x), freq=f"{k + 1}h") for k, x in enumerate(X)]
    frames = framed(X, dates)
    tags = [np.where(x[:, 0] > 0, "up", "down").astype(object) for x in X]
    for its in tags if gone else ():
        its[::3] = None
    table = pd.concat(
        [f.assign(unique_id=k, ds=f.index, y=its) for k, (f, its) in enumerate(zip(frames, tags, strict=True))]
    )
    table.to_parquet(tmp_path / "one.parquet")
    files = SequenceFiles(tmp_path, return_sequences=True)
    make = SequenceTagger(time_column="index", **SMALL)
    assert_same_bits(clone(make).fit(files).network_.theta, clone(make).fit(frames, tags).network_.theta)


def test_times_of_a_long_table():
    frame = pd.DataFrame({"unique_id": list("aabbb"), "ds": [1.0, 4, 2, 3, 9], "v": [0.0, 1, 2, np.nan, 4]})
    X, _ = from_long(frame, columns=["v", "ds"])
    clf = SequenceClassifier(missing="mask", time_column=1, normalize_X=False, **SMALL).fit(X, [0, 1])
    assert clf._checked(X).values[:, 1].tolist() == [0, 3, 0, 1, 6]


# --------------------------------------------------------------------------------------- steps without a target


@pytest.mark.parametrize("gone", [None, np.nan])
@pytest.mark.parametrize("kind", ["text", "int", "several"])
def test_steps_without_a_label_count_nothing(kind, gone):
    X, _ = labelled(30)
    rng = np.random.default_rng(0)
    several = [(x > 0).astype(int) for x in X]
    every = [{"text": np.where(x[:, 0], "up", "down"), "int": x[:, 0], "several": x}[kind].tolist() for x in several]
    lacks = [rng.random(len(x)) < 0.4 for x in X]
    lacks[2][:] = True
    y = [[gone if lack else label for label, lack in zip(labels, its, strict=True)]
         for labels, its in zip(every, lacks, strict=True)]  # fmt: skip
    make = SequenceTagger(normalize_X=False, **SMALL)
    weights = [(~its).astype(float) for its in lacks]
    expected, found = clone(make).fit(X, every, weights), clone(make).fit(X, y)
    assert_same_bits(found.network_.theta, expected.network_.theta)
    assert found.classes_.tolist() == expected.classes_.tolist()
    assert found.score(X, y) == expected.score(X, every, weights)
    whole = SequenceTagger(**SMALL).fit(X, y)
    np.testing.assert_allclose(whole._X_mean, np.concatenate(X).mean(axis=0))  # of all steps
    assert len(SequenceTagger(early_stopping=True, validation_fraction=0.3, **SMALL).fit(X, y).validation_scores_) == 2
    few = [labels if k in (2, 3, 4, 5) else [gone] * len(labels) for k, labels in enumerate(every)]
    with pytest.raises(ValueError, match="what is held out has no target with a weight"):
        for seed in range(9):  # most of which hold out none of these
            SequenceTagger(early_stopping=True, **{**SMALL, "random_state": seed}).fit(X, few)
    if kind != "several":
        balanced = SequenceTagger(class_weight="balanced", normalize_X=False, **SMALL).fit(X, y)
        assert np.isfinite(balanced.loss_curve_).all()
        with pytest.raises(ValueError, match="y with steps that have no label does not go with crf=True"):
            SequenceTagger(crf=True, **SMALL).fit(X, y)
    with pytest.raises(ValueError, match="y has no label at all"):
        SequenceTagger(**SMALL).fit(X, [[gone] * len(x) for x in X])


@pytest.mark.parametrize("K", [1, 2])
def test_steps_without_a_number_count_nothing(K):
    X, _ = labelled(30)
    rng = np.random.default_rng(0)
    every = [x[:, :K].cumsum(axis=0).squeeze(axis=1) if K == 1 else x[:, :K].cumsum(axis=0) for x in X]
    y = [np.where(rng.random(t.shape) < 0.3, np.nan, t) for t in every]
    make = SequenceRegressor(return_sequences=True, **SMALL)
    reg = clone(make).fit(X, y)
    targets, predicted = (np.concatenate(rows).reshape(-1, K) for rows in (y, reg.predict(X)))
    there = ~np.isnan(targets).any(axis=1)
    assert reg.score(X, y) == r2_score(targets[there], predicted[there])
    np.testing.assert_allclose(reg._y_mean, targets[there].mean(axis=0))
    other = [np.where(np.isnan(t), 1e6, t) for t in y]  # whatever stands there
    assert_same_bits(
        clone(make).fit(X, [np.where(t == 1e6, np.nan, t) for t in other]).network_.theta, reg.network_.theta
    )
    assert len(clone(make).set_params(early_stopping=True, validation_fraction=0.3).fit(X, y).validation_scores_) == 2
    with pytest.raises(ValueError, match="y has no number at all"):
        clone(make).fit(X, [np.full_like(t, np.nan) for t in y])
    with pytest.raises(ValueError, match=r"y\[3\] contains infinity"):
        clone(make).fit(X, [*y[:3], np.full_like(y[3], np.inf), *y[4:]])
    with pytest.raises(ValueError, match="y has missing values"):
        SequenceRegressor(**SMALL).fit(X, [np.nan] * 30)
