"""What is permuted is what is said, of values that are there, and importances are found where they were put."""

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator
from sklearn.inspection import permutation_importance as of_columns
from sklearn.pipeline import make_pipeline

from fastrnn import SequenceClassifier, SequenceRegressor, SequenceTagger
from fastrnn.inspection import ImportanceDisplay, permutation_importance
from fastrnn.preprocessing import SequenceScaler, Tokenizer

pytest.importorskip("matplotlib").use("Agg")
pyplot = pytest.importorskip("matplotlib.pyplot")
SMALL = {"hidden_size": 8, "bidirectional": False, "max_iter": 30, "learning_rate_init": 0.02, "random_state": 0}


@pytest.fixture(autouse=True)
def no_figure_stays():
    yield
    pyplot.close("all")


def made(n=120, lengths=(8, 16), seed=0):
    """Sequences of three channels, whose label is the sign of the second one in the last quarter."""
    rng = np.random.RandomState(seed)
    X = [rng.normal(size=(T, 3)) for T in rng.randint(*lengths, size=n)]
    y = np.array([np.sign(x[-(len(x) // 4) :, 1].sum()) for x in X]).astype(int)
    return X, y


X, Y = made()
CLF = SequenceClassifier(**SMALL).fit(X, Y)


class Recorder(BaseEstimator):
    """Scores 0 and keeps what it was given."""

    def fit(self, X, y=None):
        self.seen_ = []
        return self

    def score(self, X, y=None, sample_weight=None):
        self.seen_.append((X, y, sample_weight))
        return 0.0


def numbered(lengths, channels=2):
    """Each value says whose it is, which channel and which step."""
    return [100.0 * k + 10.0 * np.arange(channels) + np.arange(T)[:, np.newaxis] / 100 for k, T in enumerate(lengths)]


def test_the_channel_and_the_stretch_that_matter_are_found():
    found = permutation_importance(CLF, X, Y, n_repeats=3, random_state=0)
    assert found.importances.shape == (3, 3) and found.names == ["0", "1", "2"]
    assert found.importances_mean[1] > 0.2 > 2 * np.abs(found.importances_mean[[0, 2]]).max()
    np.testing.assert_array_equal(found.importances_std, found.importances.std(axis=1))
    in_time = permutation_importance(CLF, X, Y, stretches=4, n_repeats=3, random_state=0)
    assert in_time.names == ["0-25 %", "25-50 %", "50-75 %", "75-100 %"] and in_time.importances_mean.argmax() == 3
    both = permutation_importance(CLF, X, Y, channels=[0, [1, 2]], stretches=[(0.0, 0.5), (0.5, None)], random_state=0)
    assert both.names == ["0, 0-50 %", "0, 50-100 %", "1, 2, 0-50 %", "1, 2, 50-100 %"]
    assert both.importances_mean.argmax() == 3


def test_one_seed_gives_one_result_in_any_number_of_jobs():
    first = permutation_importance(CLF, X, Y, n_repeats=2, random_state=3)
    with parallel_config("threading"):  # processes would have to import everything
        other = permutation_importance(CLF, X, Y, n_repeats=2, random_state=3, n_jobs=2)
    np.testing.assert_array_equal(first.importances, other.importances)


@pytest.mark.parametrize("lengths", [(5, 5, 5, 5), (4, 7, 2, 9, 1)])
def test_a_channel_is_exchanged_whole_and_no_value_is_made_up(lengths):
    X, recorder = numbered(lengths), Recorder().fit(None)
    permutation_importance(recorder, X, range(len(X)), channels=[1], n_repeats=20, random_state=0)
    (given, *_), *permuted = recorder.seen_
    assert all(np.array_equal(a, b) for a, b in zip(given, X, strict=True))
    exchanged = 0
    for arrays, *_ in permuted:
        givers = [int(x[0, 1]) // 100 for x in arrays]
        assert sorted(givers) == list(range(len(X)))
        for k, (x, giver) in enumerate(zip(arrays, givers, strict=True)):
            T, D = len(X[k]), len(X[giver])
            np.testing.assert_array_equal(x[:, 0], X[k][:, 0])
            np.testing.assert_array_equal(x[:, 1], X[giver][((np.arange(T) + 0.5) * D / T).astype(int), 1])
            exchanged += giver != k
    assert exchanged > len(X) * 10


def test_steps_are_exchanged_among_the_sequences_that_have_them():
    X, recorder = numbered((3, 6, 8, 5)), Recorder().fit(None)
    permutation_importance(recorder, X, None, stretches=[(4, 6)], n_repeats=10, random_state=0)
    assert recorder.seen_[0][1] is None
    givers = [[int(x[4, 0]) // 100 for x in arrays[1:]] for arrays, *_ in recorder.seen_[1:]]
    assert all(sorted(row) == [1, 2, 3] for row in givers) and len({*map(tuple, givers)}) > 2
    for arrays, *_ in recorder.seen_:
        np.testing.assert_array_equal(arrays[0], X[0])
        for x, own in zip(arrays, X, strict=True):
            np.testing.assert_array_equal(x[:4], own[:4])
            np.testing.assert_array_equal(x[6:], own[6:])


def test_the_last_steps_are_counted_from_the_end():
    X, recorder = numbered((3, 6)), Recorder().fit(None)
    permutation_importance(recorder, X, None, stretches=[(-2, None)], n_repeats=10, random_state=0)
    other = next(arrays for arrays, *_ in recorder.seen_ if arrays[0][-1, 0] > 100)
    np.testing.assert_array_equal(other[0], np.vstack([X[0][:1], X[1][-2:]]))


def test_samples_are_drawn_with_their_answers_and_weights():
    X, recorder = numbered((4,) * 6, 1), Recorder().fit(None)
    weights = np.arange(6.0)
    permutation_importance(recorder, X, [*"abcdef"], max_samples=3, sample_weight=weights, random_state=0)
    for arrays, y, w in recorder.seen_[1:]:
        assert len(arrays) == len(y) == 3 and ["abcdef".index(v) for v in y] == w.tolist()
        assert sorted(int(x[0, 0]) // 100 for x in arrays) == sorted(w.tolist())


@pytest.mark.parametrize("max_samples", [1.0, 0.6])
def test_sequences_of_one_step_have_the_importances_of_a_table(max_samples):
    table, weights = np.random.RandomState(0).normal(size=(40, 2)), np.arange(40.0)
    clf = SequenceClassifier(**SMALL).fit(table[:, np.newaxis], y := table @ [2, 1] > 0)
    options = {"sample_weight": weights, "max_samples": max_samples, "n_repeats": 4, "random_state": 3}
    scored = {"scoring": lambda model, X, y, sample_weight: model.score(X[:, np.newaxis], y, sample_weight)}
    expected = of_columns(clf, table, y, **scored, **options).importances
    np.testing.assert_array_equal(permutation_importance(clf, table[:, np.newaxis], y, **options).importances, expected)


def test_several_scores_give_several_results():
    found = permutation_importance(CLF, X, Y, scoring=["accuracy", "neg_log_loss"], n_repeats=2, random_state=0)
    assert sorted(found) == ["accuracy", "neg_log_loss"] and found["accuracy"].names == ["0", "1", "2"]
    alone = permutation_importance(CLF, X, Y, scoring="accuracy", n_repeats=2, random_state=0)
    np.testing.assert_array_equal(found["accuracy"].importances, alone.importances)


@pytest.mark.parametrize("form", ["frames", "panel", "array", "stacked", "polars"])
def test_models_read_them_in_the_form_they_came_in(form):
    pd = pytest.importorskip("pandas")
    rng = np.random.RandomState(0)
    A = rng.normal(size=(40, 6, 2))
    y = (A[:, :, 1].sum(axis=1) > 0).astype(int)
    if form == "frames":
        X = [pd.DataFrame(x, columns=["a", "b"], index=pd.date_range("2020", periods=6)) for x in A]
    elif form == "polars":
        X = [pytest.importorskip("polars").DataFrame(x, schema=["a", "b"]) for x in A]
    else:
        X = {"array": A[:, :, 1], "stacked": A, "panel": pd.DataFrame(A[:, :, 1]).rename(columns=str)}[form]
    clf = SequenceClassifier(**SMALL).fit(X, y)
    found = permutation_importance(clf, X, y, n_repeats=2, random_state=0)  # a warning of names would be an error
    assert found.names == {"frames": ["a", "b"], "polars": ["a", "b"], "stacked": ["0", "1"]}.get(form, ["0"])
    assert found.importances_mean[-1] > 0.2
    if form == "frames":
        named = permutation_importance(clf, X, y, channels=["b"], n_repeats=2, random_state=0)
        assert named.importances_mean[0] > 0.2


def test_columns_of_categories_stay_so():
    pd = pytest.importorskip("pandas")
    kind = pd.CategoricalDtype(["u", "v"])
    frames = [pd.DataFrame({"n": [1, k], "c": pd.Series(list("uv"), dtype=kind)}) for k in range(3)]
    recorder = Recorder().fit(None)
    permutation_importance(recorder, frames, None, channels=["c"], n_repeats=1)
    for given, *_ in recorder.seen_:
        for x, own in zip(given, frames, strict=True):
            pd.testing.assert_frame_equal(x, own)


TEXTS = [" ".join(words) for words in np.random.RandomState(0).choice([*"abcdef", "good", "bad"], (60, 5))]
OPINIONS = ["+" if t.count("good") >= t.count("bad") else "-" for t in TEXTS]


def test_texts_are_permuted_token_by_token():
    model = make_pipeline(Tokenizer(level="word"), SequenceClassifier(**SMALL)).fit(TEXTS, OPINIONS)
    found = permutation_importance(model, TEXTS, OPINIONS, stretches=2, random_state=0)
    split = permutation_importance(model, [t.split() for t in TEXTS], OPINIONS, stretches=2, random_state=0)
    tokens = permutation_importance(model[-1], model[:-1].transform(TEXTS), OPINIONS, stretches=2, random_state=0)
    np.testing.assert_array_equal(found.importances, split.importances)
    np.testing.assert_array_equal(found.importances, tokens.importances)
    assert found.importances_mean.min() > 0.02
    assert permutation_importance(model, TEXTS, OPINIONS, n_repeats=1).names == ["all channels"]


def test_a_pipeline_is_given_what_came():
    model = make_pipeline(SequenceScaler(), SequenceClassifier(**SMALL)).fit(X, Y)
    found = permutation_importance(model, X, Y, n_repeats=2, random_state=0)
    assert found.importances_mean.argmax() == 1


def test_taggers_and_regressors_have_scores_as_well():
    tags = [(x[:, 0] > 0).astype(int) for x in X]
    tagger = SequenceTagger(**SMALL).fit(X, tags)
    found = permutation_importance(tagger, X, tags, max_samples=0.9, n_repeats=2, random_state=0)
    assert found.importances_mean.argmax() == 0
    sums = [x[:, 2].sum() for x in X]
    regressor = SequenceRegressor(**SMALL).fit(X, sums)
    weighed = {"scoring": "neg_mean_absolute_error", "sample_weight": np.ones(len(X))}
    assert permutation_importance(regressor, X, sums, random_state=0, **weighed).importances_mean.argmax() == 2


def test_inputs_stay_as_they_were():
    before = [x.copy() for x in X]
    permutation_importance(CLF, X, Y, n_repeats=1)
    assert all(np.array_equal(a, b) for a, b in zip(X, before, strict=True))


WRONG = {
    "channel": ({"channels": ["speed"]}, r"channels has 'speed', but the channels of X are \[0, 1, 2\]"),
    "number": ({"channels": [3]}, "channels has 3, but"),
    "of none": ({"channels": [[0], []]}, r"channels=\[\[0\], \[\]\]; expected a list of channels"),
    "no list": ({"channels": 1}, "channels=1; expected a list of channels"),
    "beyond": ({"stretches": [(30, 40)]}, "fewer than two sequences have a step in steps 30:40, the longest has 15"),
    "backwards": ({"stretches": [(0.5, 0.2)]}, "fractions of the length rise from 0.0 to 1.0"),
    "none": ({"stretches": 0}, "stretches=0; expected how many"),
    "empty": ({"stretches": []}, r"stretches=\[\]; expected how many"),
    "repeats": ({"n_repeats": 0}, "n_repeats"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_is_one_sentence(name):
    options, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        permutation_importance(CLF, X, Y, **options)


def test_what_cannot_be_explained_is_said():
    with pytest.raises(ValueError, match="not fitted"):
        permutation_importance(SequenceClassifier(), X, Y)
    with pytest.raises(ValueError, match="fewer than two sequences"):
        permutation_importance(CLF, X[:1], Y[:1])
    with pytest.raises(ValueError, match="X is empty"):
        permutation_importance(CLF, [], [])
    with pytest.raises(ValueError, match="begins with a Tokenizer"):
        permutation_importance(CLF, TEXTS, OPINIONS)
    with pytest.raises(ValueError, match="entries than X has sequences"):
        permutation_importance(CLF, X, Y[:5])
    with pytest.raises(ValueError, match=r"X\[1\] is an array of shape \(0, 3\)"):
        permutation_importance(CLF, [X[0], X[1][:0]], Y[:2])
    with pytest.raises(ValueError, match=r"sequences of \[2, 3\] channels"):
        permutation_importance(CLF, [X[0], X[1][:, :2]], Y[:2])


def test_the_picture_has_a_bar_for_each():
    display = ImportanceDisplay.from_estimator(CLF, X, Y, n_repeats=2, random_state=0)
    found = permutation_importance(CLF, X, Y, n_repeats=2, random_state=0)
    np.testing.assert_allclose([bar.get_width() for bar in display.bars_], found.importances_mean)
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == found.names
    ax = pyplot.subplots()[1]
    again = ImportanceDisplay(importances=found.importances).plot(ax)
    assert again.ax_ is ax and again.figure_ is ax.figure
    with pytest.raises(ValueError, match="names has 2 names"):
        ImportanceDisplay(importances=found.importances, names=["a", "b"]).plot()
    with pytest.raises(ValueError, match="scoring has 2 scores"):
        ImportanceDisplay.from_estimator(CLF, X, Y, scoring=["accuracy", "neg_log_loss"], n_repeats=1)


def test_frames_with_categories_of_their_own_are_exchanged():
    pd = pytest.importorskip("pandas")
    frames = [pd.DataFrame({"n": [1.0, k], "c": pd.Categorical([letter] * 2)}) for k, letter in enumerate("uv" * 10)]
    texts = [frame.astype({"c": object}) for frame in frames]
    model = SequenceClassifier(**SMALL, categorical_features=["c"]).fit(texts, ["u", "v"] * 10)
    options = {"n_repeats": 3, "random_state": 0}
    found, same = (permutation_importance(model, X, ["u", "v"] * 10, **options).importances for X in (frames, texts))
    np.testing.assert_array_equal(found, same)


def test_times_of_a_stretch_stay():
    rng = np.random.default_rng(0)
    X = [np.c_[rng.standard_normal(n), np.arange(n)] for n in (4, 6, 5, 7)]
    model = SequenceClassifier(**SMALL, time_column=1).fit(X, [0, 1, 0, 1])
    options = {"n_repeats": 1, "random_state": 0}
    assert permutation_importance(model, X, [0, 1, 0, 1], stretches=2, **options).names == ["0-50 %", "50-100 %"]
    assert permutation_importance(model, X, [0, 1, 0, 1], **options).names == ["0", "1"]
    with pytest.raises(ValueError, match="channels has '1', which has the times, and those of a part stay"):
        permutation_importance(model, X, [0, 1, 0, 1], channels=[1], stretches=2, **options)
