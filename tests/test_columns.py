"""Names of columns: frames of one sequence each are checked as scikit-learn checks those of a table."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from samples import assert_same_bits, data_for, labelled, make_estimator, ragged
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import fastrnn
from fastrnn import SequenceClassifier, SequenceRegressor
from fastrnn.preprocessing import SequenceScaler, SlidingWindow, pad_sequences, to_concatenated
from fastrnn.sequences import as_objects

SMALL = {"hidden_size": 4, "max_iter": 1, "random_state": 0}
X, Y = labelled(12, shortest=2)
NAMES = ["a", "b", "c"]


def framed(X, columns=NAMES):
    return [pd.DataFrame(x, columns=columns) for x in X]


def turned(frames):
    return [x[x.columns[::-1]] for x in frames]


FRAMES = framed(X)
OTHERS = {
    "order": turned(FRAMES),
    "unseen": [x.rename(columns={"a": "z"}) for x in FRAMES],
    "missing": [x[["a", "b"]] for x in FRAMES],
    "more": [x.assign(z=0.0) for x in FRAMES],
    "case": [x.rename(columns=str.upper) for x in FRAMES],
}


@pytest.fixture(scope="module")
def fitted():
    return SequenceClassifier(bidirectional=False, **SMALL).fit(FRAMES, Y)


def scikit_learns_error(other):
    """What a model of the steps' table says of these names."""
    table, labels = pd.concat(FRAMES), np.repeat(Y, [len(x) for x in X])
    with pytest.raises(ValueError, match="feature names should match") as caught:
        LogisticRegression().fit(table, labels).predict(pd.concat(other))
    return str(caught.value)


def test_names_are_kept(fitted):
    assert fitted.feature_names_in_.tolist() == NAMES and fitted.n_features_in_ == 3
    assert fitted.feature_names_in_.dtype == object
    assert_same_bits(fitted.predict_proba(FRAMES), fitted.predict_proba(as_objects(FRAMES)))
    assert not hasattr(clone(fitted), "feature_names_in_")
    again = copy.deepcopy(fitted).fit(X, Y)
    assert not hasattr(again, "feature_names_in_")


@pytest.mark.parametrize("name", OTHERS)
def test_other_names_are_refused_as_scikit_learn_refuses_them(name, fitted):
    other, expected = OTHERS[name], scikit_learns_error(OTHERS[name])
    warm = copy.deepcopy(fitted).set_params(warm_start=True)
    calls = [
        lambda: fitted.predict(other), lambda: fitted.transform(other), lambda: fitted.score(other, Y),
        lambda: copy.deepcopy(fitted).partial_fit(other, Y), lambda: warm.fit(other, Y),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(ValueError, match="feature names") as caught:
            call()
        assert str(caught.value) == expected


def test_arrays_after_frames_and_frames_after_arrays_warn_as_scikit_learn_does(fitted):
    with pytest.warns(UserWarning, match="X does not have valid feature names, but SequenceClassifier was fitted with"):
        assert_same_bits(fitted.predict_proba(X), fitted.predict_proba(FRAMES))
    nameless = SequenceClassifier(**SMALL).fit(X, Y)
    with pytest.warns(UserWarning, match="X has feature names, but SequenceClassifier was fitted without"):
        nameless.predict(FRAMES)


@pytest.mark.parametrize(
    ("columns", "has_names"),
    [([0, 1, 2], False), ([("a", 1), ("a", 2), ("b", 1)], False), ([1.5, 2.5, 3.5], False), (NAMES, True)],
)
def test_what_is_a_name(columns, has_names):
    frames = [pd.DataFrame(x, columns=pd.Index(columns)) for x in X]
    assert hasattr(SequenceClassifier(**SMALL).fit(frames, Y), "feature_names_in_") == has_names


def test_names_of_several_types():
    with pytest.raises(TypeError, match=r"string names, but your input has \['int', 'str'\]"):
        SequenceClassifier(**SMALL).fit(framed(X, ["a", 1, 2]), Y)


@pytest.mark.parametrize(
    ("item", "match"),
    [
        (FRAMES[3][["c", "b", "a"]], r"X\[3\] has the columns \['c', 'b', 'a'\], but X\[0\] has the columns \['a'"),
        (FRAMES[3].rename(columns={"c": "d"}), r"X\[3\] has the columns \['a', 'b', 'd'\]"),
        (FRAMES[3][["a", "b"]], r"X\[3\] has the columns \['a', 'b'\]"),
        (X[3], r"X\[3\] has no column names, but X\[0\] has the columns"),
        (FRAMES[3].set_axis(range(3), axis=1), r"X\[3\] has the columns \[0, 1, 2\]"),
        (FRAMES[3].set_axis(["a", "a", "b"], axis=1), r"X\[3\] has the column 'a' twice"),
    ],
)
def test_frames_that_differ(item, match, fitted):
    mixed = [*FRAMES[:3], item, *FRAMES[4:]]
    for call in (
        lambda: SequenceClassifier(**SMALL).fit(mixed, Y), lambda: fitted.predict(mixed),
        lambda: SequenceScaler().fit(mixed), lambda: SlidingWindow(size=2).fit(mixed), lambda: pad_sequences(mixed),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=match):
            call()


@pytest.mark.parametrize("columns", [["a", "b", "a"], [0, 0, 1], [("a", 1), ("b", 1), ("a", 1)]])
def test_two_columns_of_one_name(columns):
    twice = framed(X, pd.Index(columns, tupleize_cols=False))
    panel = pd.DataFrame(np.random.default_rng(0).random((12, 3)), columns=pd.Index(columns, tupleize_cols=False))
    models = SequenceClassifier(**SMALL), SequenceRegressor(**SMALL), SequenceScaler(), SlidingWindow()
    for model in models:
        for X_, where in ((twice, r"X\[0\]"), (panel, "X")):
            with pytest.raises(ValueError, match=f"{where} has the column .* twice"):
                model.fit(X_, Y)
    for function in (pad_sequences, to_concatenated):
        with pytest.raises(ValueError, match=r"X\[0\] has the column .* twice"):
            function(twice)
    with pytest.raises(ValueError, match="X has the column .* twice"):
        make_estimator("vector_to_tokens").fit(panel, data_for("vector_to_tokens", 12)[1])


def test_series_are_no_tables_whatever_their_labels():
    labels = ["columns", "column_names", "c"]
    series = [pd.Series(x[:3, 0], labels) for x in X if len(x) > 2]
    found = SequenceScaler().fit_transform(series)
    assert_same_bits(found, SequenceScaler().fit_transform([x.to_numpy() for x in series]))


def test_columns_of_targets_count_too():
    steps = ragged(12, I=2)
    targets = framed(steps, ["u", "v"])
    model = SequenceRegressor(return_sequences=True, **SMALL)
    assert model.fit(steps, targets).predict(steps)[0].shape == steps[0].shape
    with pytest.raises(ValueError, match=r"y\[1\] has the columns \['v', 'u'\], but y\[0\]"):
        model.fit(steps, [targets[0], *turned(targets[1:])])


@pytest.mark.parametrize("kind", ["tagger", "tagger_of_several", "translator_of_numbers"])
def test_other_estimators(kind):
    Z, y = data_for(kind, 12)
    frames = framed(Z)
    model = make_estimator(kind, max_iter=1).fit(frames, y)
    assert_same_bits(model.predict(frames), make_estimator(kind, max_iter=1).fit(Z, y).predict(Z))
    with pytest.raises(ValueError, match="must be in the same order"):
        model.predict(turned(frames))


def test_files_and_pickles(fitted, tmp_path):
    scaler = SequenceScaler().fit(FRAMES)
    for model, method in ((fitted, "predict"), (scaler, "transform"), (scaler, "inverse_transform")):
        fastrnn.save(model, tmp_path / "model")
        for again in (fastrnn.load(tmp_path / "model"), pickle.loads(pickle.dumps(model))):
            assert again.feature_names_in_.tolist() == NAMES
            assert_same_bits(getattr(again, method)(FRAMES), getattr(model, method)(FRAMES))
            with pytest.raises(ValueError, match="must be in the same order"):
                getattr(again, method)(turned(FRAMES))


def test_scaler_checks_names_and_gives_arrays():
    model = make_pipeline(SequenceScaler(), SequenceClassifier(**SMALL)).fit(FRAMES, Y)
    assert_same_bits(model.predict_proba(FRAMES), model.fit(X, Y).predict_proba(X))
    with pytest.raises(ValueError, match="must be in the same order"):
        model.fit(FRAMES, Y).predict(turned(FRAMES))
    assert model.feature_names_in_.tolist() == NAMES
    for scaler in (SequenceScaler(), SequenceScaler().set_output(transform="pandas")):
        assert all(type(x) is np.ndarray for x in scaler.fit_transform(FRAMES))


def test_steps_of_a_stream(fitted):
    frame, stream = FRAMES[0], fitted.stream()
    said = [stream.step(row) for _, row in frame.iterrows()]
    assert_same_bits(said[-1], fitted.predict_proba([frame])[0])
    stream = pickle.loads(pickle.dumps(stream))
    stream.step(X[0][0])
    n_steps = stream.n_steps
    for step in (frame[["c", "b", "a"]].iloc[0], frame.rename(columns={"a": "z"}).iloc[0], turned([frame])[0][:1]):
        with pytest.raises(ValueError, match="feature names should match"):
            stream.step(step)
    assert stream.n_steps == n_steps
    both = fitted.stream(batch=2)
    both.step(frame.iloc[[0, 1]])
    with pytest.raises(ValueError, match="feature names should match"):
        both.step(turned([frame])[0].iloc[[0, 1]])


def test_frames_of_other_libraries(fitted):
    polars = pytest.importorskip("polars")
    theirs = [polars.DataFrame({name: x[name].to_numpy() for name in x.columns}) for x in FRAMES]
    assert_same_bits(fitted.predict_proba(theirs), fitted.predict_proba(FRAMES))
    assert_same_bits(fitted.predict_proba([theirs[0], *FRAMES[1:]]), fitted.predict_proba(FRAMES))
    with pytest.raises(ValueError, match="must be in the same order"):
        fitted.predict([x[["c", "b", "a"]] for x in theirs])
