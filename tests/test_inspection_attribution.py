"""Attributions sum to what answers differ by, are those of the steps and channels that matter, and of nothing else."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from samples import letting_go_of
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.pipeline import make_pipeline

from fastrnn import (
    EarlyClassifier,
    SequenceClassifier,
    SequenceEnsemble,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
    SequenceToSequence,
)
from fastrnn.data import SequenceFiles
from fastrnn.datasets import load_japanese_vowels
from fastrnn.inspection import (
    AttributionDisplay,
    GateActivationsDisplay,
    ProbabilitiesDisplay,
    integrated_gradients,
    occlusion,
)
from fastrnn.preprocessing import SequenceScaler, Tokenizer
from fastrnn.sequences import Given, Sequences

pytest.importorskip("matplotlib").use("Agg")
pyplot = pytest.importorskip("matplotlib.pyplot")
SMALL = {"hidden_size": 8, "max_iter": 20, "learning_rate_init": 0.02, "random_state": 0}
RNG = np.random.RandomState(0)
X = [RNG.normal(3.0, 2.0, size=(T, 3)) for T in RNG.randint(4, 12, size=60)]
SIGNS = [int(x[:, 1].mean() > 3) for x in X]
KINDS = [int(x[:, 1].mean() // 1.5) for x in X]
STEPS = [(x[:, 0] > 3).astype(int) for x in X]
TEXTS = [" ".join(words) for words in RNG.choice([*"abcdef", "good", "bad"], (80, 6))]
OPINIONS = ["+" if t.count("good") >= t.count("bad") else "-" for t in TEXTS]


@pytest.fixture(autouse=True)
def no_figure_stays():
    yield
    pyplot.close("all")


def check_complete(found, within=0.01):
    """The attributions of each sequence sum to what its answer and the baseline's differ by."""
    sums = np.array([a.sum() for a in found.attributions])
    difference = found.predictions - found.baseline_predictions
    np.testing.assert_allclose(sums, difference, rtol=within, atol=1e-5 * np.abs(found.predictions).max())


MODELS = {
    "two classes": (SequenceClassifier(**SMALL), SIGNS, {}),
    "the other class": (SequenceClassifier(**SMALL), SIGNS, {"target": 0}),
    "classes": (SequenceClassifier(cell="lstm", num_layers=2, **SMALL), KINDS, {"target": 2}),
    "plain": (
        SequenceClassifier(cell="rnn", nonlinearity="relu", readout="mean", recurrent_dropout=0.0, **SMALL),
        SIGNS,
        {},
    ),
    "largest": (SequenceClassifier(readout="max", normalize_X=False, **SMALL), SIGNS, {}),
    "patches": (SequenceClassifier(patch_length=3, **SMALL), SIGNS, {}),
    "number": (SequenceRegressor(**SMALL), [50 * x[-1, 2] for x in X], {}),
    "numbers": (SequenceRegressor(**SMALL), [[x[-1, 2], x[0, 0]] for x in X], {"target": 1}),
    "each step": (SequenceRegressor(return_sequences=True, **SMALL), [x[:, 0] for x in X], {"step": 2}),
    "tags": (SequenceTagger(crf=False, **SMALL), STEPS, {"step": -2, "target": 1}),
    "chain": (SequenceTagger(crf=True, **SMALL), [s + (np.arange(len(s)) % 3 > 1) for s in STEPS], {"step": 1}),
    "several tags": (SequenceTagger(**SMALL), [np.c_[s, 1 - s] for s in STEPS], {"target": 1}),
}


def answers(model, X, step, targets):
    """The part of what a model says that is explained."""
    said = model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)
    rows = np.stack([row[step] for row in said]) if said.dtype == object else said
    known = getattr(model, "classes_", np.arange(2)).tolist()
    return rows if rows.ndim == 1 else rows[np.arange(len(X)), [known.index(target) for target in targets]]


@pytest.mark.parametrize("name", MODELS)
def test_attributions_sum_to_the_difference_of_answers(name):
    model, y, options = MODELS[name]
    model, some = clone(model).fit(X, y), X[:6]
    found = integrated_gradients(model, some, **options)
    check_complete(found)
    assert [a.shape for a in found.attributions] == [x.shape for x in some]
    where = options.get("step", -1), found.targets
    np.testing.assert_allclose(found.predictions, answers(model, some, *where), rtol=1e-6)
    baselines = [np.tile(model._X_mean[:3], (len(x), 1)) for x in some]
    np.testing.assert_allclose(found.baseline_predictions, answers(model, baselines, *where), rtol=1e-4, atol=1e-6)


def test_the_baseline_is_the_mean_of_training_unless_another_is_given():
    model = SequenceClassifier(**SMALL).fit(X, SIGNS)
    mean = np.mean(np.concatenate(X), axis=0)
    default, same, other = (integrated_gradients(model, X[:3], baseline=b) for b in (None, mean, [0.0, 1.0, 2.0]))
    for a, b in zip(default.attributions, same.attributions, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)
    check_complete(other)
    zeros = [np.tile([0.0, 1.0, 2.0], (len(x), 1)) for x in X[:3]]
    np.testing.assert_allclose(other.baseline_predictions, answers(model, zeros, -1, other.targets), rtol=1e-5)
    itself = integrated_gradients(model, X[:1], baseline=X[0])
    np.testing.assert_array_equal(itself.attributions[0], np.zeros_like(X[0]))


@pytest.mark.parametrize("name", ["two classes", "classes", "patches", "chain", "several tags", "each step"])
def test_attributions_are_slopes_times_distances(name):
    """Of a baseline that is near; the slopes are those that differences of answers have."""
    model, y, options = MODELS[name]
    model = clone(model).set_params(dtype="float64", max_iter=3).fit(X, y)
    x, distance = X[0], 1e-4 * RNG.normal(size=X[0].shape)
    found = integrated_gradients(model, [x], baseline=x - distance, **options)
    for t, c in [(0, 0), (1, 2), (2, 1), (len(x) - 1, 1)]:
        ends = [x - distance / 2 for _ in range(2)]
        ends[0][t, c] += 1e-4
        ends[1][t, c] -= 1e-4
        up, down = answers(model, ends, options.get("step", -1), np.repeat(found.targets, 2))
        expected = (up - down) / 2e-4 * distance[t, c]
        np.testing.assert_allclose(found.attributions[0][t, c], expected, rtol=1e-3, atol=1e-12)


def test_patches_give_short_sequences_their_due():
    """Those that are padded with their last step."""
    model = clone(MODELS["patches"][0]).fit(X, SIGNS)
    short = [x[:n] for x, n in zip(X, (1, 2, 4), strict=False)]
    found = integrated_gradients(model, short)
    check_complete(found)
    assert [a.shape for a in found.attributions] == [(1, 3), (2, 3), (4, 3)]


def test_attributions_do_not_depend_on_batch_or_threads():
    model = SequenceClassifier(**SMALL).fit(X, SIGNS)
    for explain in (integrated_gradients, occlusion):
        every = explain(model, X).attributions
        alone = explain(model.set_params(n_jobs=1), X[7:8]).attributions[0]
        model.set_params(n_jobs=None)
        np.testing.assert_array_equal(every[7], alone)


def test_a_fitted_model_stays_as_it_was():
    model = SequenceClassifier(**SMALL).fit(X, SIGNS)
    theta, gradient, x = model.network_.theta.copy(), model.network_.gradient.copy(), X[0].copy()
    names = [*vars(model)]
    integrated_gradients(model, X[:2])
    occlusion(model, X[:2])
    assert [*vars(model)] == names and model.network_.encoder.embedding is None
    np.testing.assert_array_equal(model.network_.theta, theta)
    np.testing.assert_array_equal(model.network_.gradient, gradient)
    np.testing.assert_array_equal(X[0], x)


def test_nothing_is_held_of_what_was_explained():
    X, y = load_japanese_vowels(split="train")
    clf = SequenceClassifier(hidden_size=4, max_iter=1, random_state=0).fit(X, y)
    with letting_go_of(Sequences, Given, type(clf.network_)):
        integrated_gradients(clf, X[:1])


def test_speakers_are_explained_within_one_percent():
    A, y = load_japanese_vowels(split="train")
    model = SequenceClassifier(max_iter=30, random_state=0).fit(A, y)
    found = integrated_gradients(model, load_japanese_vowels(split="test")[0][:40])
    check_complete(found)
    assert np.median(found.predictions - found.baseline_predictions) > 0.9


def test_points_that_are_too_few_are_told():
    A, y = load_japanese_vowels(split="train")
    model = SequenceClassifier(max_iter=30, random_state=0).fit(A, y)
    with pytest.warns(ConvergenceWarning, match="after 80 points the attributions of X.* raise n_steps, or tol"):
        integrated_gradients(model, A[:20], n_steps=1)


TOKENS = {
    "words": {"character_embedding_dim": None},
    "letters": {},
    "last": {"readout": "last", "cell": "lstm", "character_embedding_dim": None},
}


@pytest.mark.parametrize("name", TOKENS)
def test_texts_are_explained_token_by_token(name):
    model = make_pipeline(Tokenizer(level="word"), SequenceClassifier(**SMALL, **TOKENS[name])).fit(TEXTS, OPINIONS)
    found = integrated_gradients(model, TEXTS[:12])
    check_complete(found)
    assert [len(a) for a in found.attributions] == [6] * 12
    unknown = integrated_gradients(model, TEXTS[:12], baseline=0)
    check_complete(unknown)
    assert not np.allclose(unknown.attributions[0], found.attributions[0])
    same = integrated_gradients(model[-1], model[:-1].transform(TEXTS[:12]), baseline=0)
    np.testing.assert_array_equal(unknown.attributions[3], same.attributions[3])


def test_words_that_matter_stand_out():
    model = make_pipeline(Tokenizer(level="word"), SequenceClassifier(**SMALL)).fit(TEXTS, OPINIONS)
    texts = ["a b good c", "good a b c d", "c d a good"]
    for found in (integrated_gradients(model, texts, target="+"), occlusion(model, texts, window=1, target="+")):
        for text, attributions in zip(texts, found.attributions, strict=True):
            assert text.split()[attributions.argmax()] == "good"
    split = occlusion(model, [text.split() for text in texts], window=1, target="+")
    np.testing.assert_array_equal(split.attributions[0], found.attributions[0])


def test_text_that_is_tagged_and_ids_of_any_origin():
    ids = [RNG.randint(0, 5, n) for n in (3, 4, 7, 9) * 5]
    tagger = SequenceTagger(embedding_dim=4, **SMALL).fit(ids, [i % 2 for i in ids])
    found = integrated_gradients(tagger, ids[:4], step=0, target=1)
    check_complete(found)
    occluded = occlusion(tagger, ids[:4], window=2, stride=1, baseline=3)
    assert [a.shape for a in occluded.attributions] == [a.shape for a in found.attributions] == [(3,), (4,), (7,), (9,)]


def test_the_channel_and_the_time_that_matter_are_found():
    """The label is the sign of the second channel, in the last quarter."""
    rng = np.random.default_rng(0)
    A = [rng.normal(size=(T, 3)) for T in rng.integers(20, 31, size=460)]
    y = np.array([x[-(len(x) // 4) :, 1].mean() > 0 for x in A])
    model = SequenceClassifier(hidden_size=32, max_iter=15, random_state=0).fit(A[:400], y[:400])
    for found in (integrated_gradients(model, A[400:]), occlusion(model, A[400:], window=2)):
        sizes = [np.abs(a) for a in found.attributions]
        of_channels = np.sum([a.sum(axis=0) for a in sizes], axis=0)
        of_times = np.sum([[part.sum() for part in np.array_split(a, 4)] for a in sizes], axis=0)
        assert of_channels[1] > 4 * of_channels[[0, 2]].max() and of_times[3] > 1.5 * of_times[:3].max()


# --------------------------------------------------------------------------------------------------- occlusion


class Summer(RegressorMixin, BaseEstimator):
    """Predicts a sum of certain weights, so that what each step is worth is known."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.array([np.sum(np.asarray(x) * np.arange(1, 1 + np.asarray(x).size).reshape(np.shape(x))) for x in X])


def test_occlusion_is_what_the_answer_loses():
    x = np.arange(8.0).reshape(4, 2)
    worth = (x - 0.5) * np.arange(1, 9).reshape(4, 2)
    model = Summer().fit([x])
    np.testing.assert_allclose(occlusion(model, [x], window=1, baseline=0.5).attributions[0], worth)
    pairs = occlusion(model, [x], window=2, baseline=0.5).attributions[0]
    np.testing.assert_allclose(pairs, np.repeat(worth.reshape(2, 2, 2).sum(axis=1), 2, axis=0))
    whole = occlusion(model, [x], window=1, baseline=[0.5, 0.5], channels="all").attributions[0]
    np.testing.assert_allclose(whole, worth.sum(axis=1))
    some = occlusion(model, [x], window=0.25, baseline=0.5, channels=[1, [0, 1]]).attributions[0]
    np.testing.assert_allclose(some, np.c_[worth[:, 1], worth.sum(axis=1)])
    # Windows from each step on: a step's is the mean of those over it.
    slid = occlusion(model, [x[:, 0]], window=2, stride=1, baseline=0.0).attributions[0]
    own = x[:, 0] * np.arange(1, 5)
    windows = own + np.append(own[1:], 0)
    np.testing.assert_allclose(slid, [windows[0], *(windows[:-1] + windows[1:]) / 2])


def test_occlusion_of_networks_finds_the_channel():
    model = make_pipeline(SequenceScaler(), SequenceClassifier(**SMALL)).fit(X, SIGNS)
    mean = np.mean(np.concatenate(X), axis=0)
    found = occlusion(model, X[:20], window=1.0, baseline=mean)
    assert [a.shape for a in found.attributions] == [x.shape for x in X[:20]]
    assert np.bincount([np.abs(a).max(axis=0).argmax() for a in found.attributions]).argmax() == 1
    np.testing.assert_array_equal(found.predictions, model.predict_proba(X[:20]).max(axis=1))
    tagger = SequenceTagger(crf=False, **SMALL).fit(X, STEPS)
    tags = occlusion(tagger, X[:4], window=1, step=0)
    assert all(np.unravel_index(np.abs(a).argmax(), a.shape) == (0, 0) for a in tags.attributions)
    ensemble = SequenceEnsemble(SequenceClassifier(**SMALL), n_members=2, random_state=0).fit(X, SIGNS)
    assert occlusion(ensemble, X[:1], baseline=3.0).attributions[0].shape == X[0].shape


def test_answers_of_steps_are_found_in_arrays_as_in_lists():
    rng = np.random.default_rng(0)
    X, options = rng.normal(size=(12, 5, 2)), {"hidden_size": 3, "max_iter": 2, "random_state": 0}
    one = SequenceRegressor(return_sequences=True, **options)
    models = [one.fit(X, rng.normal(size=(12, 5))), make_pipeline(SequenceScaler(), clone(one)).fit(X, X[..., 0])]
    models += [clone(one).fit(X, X), SequenceEnsemble(one, n_members=2, random_state=0).fit(X, X[..., 0])]
    for model in models:
        for step in (0, 2, -1):
            array, listed = (occlusion(model, given, step=step, baseline=0.0) for given in (X[:2], [*X[:2]]))
            assert_array_equal(array.predictions, listed.predictions)
            for mine, its in zip(array.attributions, listed.attributions, strict=True):
                assert_array_equal(mine, its)
        with pytest.raises(ValueError, match=r"step=5, but X\[0\] has 5"):
            occlusion(model, X[:2], step=5, baseline=0.0)
    array, listed = (integrated_gradients(one, given, step=1) for given in (X[:2], [*X[:2]]))
    assert_array_equal(array.predictions, listed.predictions)
    with pytest.raises(ValueError, match=r"step=99, but X\[0\] has 5"):
        integrated_gradients(one, X[:2], step=99)


def test_frames_and_tables_keep_their_names():
    pd = pytest.importorskip("pandas")
    frames = [pd.DataFrame(x, columns=[*"abc"]) for x in X]
    model = SequenceClassifier(**SMALL).fit(frames, SIGNS)
    by_name = occlusion(model, frames[:2], channels=["b"])  # a warning of names would be an error
    np.testing.assert_array_equal(by_name.attributions[1], occlusion(model, frames[:2]).attributions[1][:, 1:2])
    check_complete(integrated_gradients(model, frames[:2]))
    panel = pd.DataFrame(RNG.normal(size=(30, 5))).rename(columns=str)
    of_panel = SequenceClassifier(**SMALL).fit(panel, panel["0"] > 0)
    of_array = clone(of_panel).fit(panel.to_numpy(), panel["0"] > 0)
    for explain in (integrated_gradients, occlusion):
        assert [a.shape for a in explain(of_panel, panel.iloc[:2]).attributions] == [(5,), (5,)]
        assert [a.shape for a in explain(of_array, panel.to_numpy()[:2].tolist()).attributions] == [(5,), (5,)]


CLF = SequenceClassifier(**SMALL | {"max_iter": 1}).fit(X, SIGNS)
WRONG = {
    "window": (occlusion, {"window": 50}, "window=50, but the longest sequence has 11 steps"),
    "no window": (occlusion, {"window": 0}, "window=0; expected a number of steps >= 1, or a fraction"),
    "stride": (occlusion, {"stride": -1}, "stride=-1; expected"),
    "channel": (occlusion, {"channels": ["b"]}, "channels has 'b', but"),
    "width": (occlusion, {"baseline": [1, 2]}, r"baseline has shape \(2,\), but X\[0\] has \(\d+, 3\)"),
    "also": (integrated_gradients, {"baseline": [1, 2]}, r"baseline has shape \(2,\), but X\[0\] has \(\d+, 3\)"),
    "finite": (integrated_gradients, {"baseline": np.nan}, "baseline=nan; expected finite numbers"),
    "class": (integrated_gradients, {"target": "x"}, r"target='x'; expected one of \[0, 1\]"),
    "no channel": (occlusion, {"channels": []}, r"channels=\[\]; expected a list"),
    "nested": (occlusion, {"channels": [[[0]]]}, r"channels has \[0\], but"),
    "uneven": (occlusion, {"baseline": [[1], [1, 2]]}, "baseline has steps of unequal lengths"),
    "classes": (occlusion, {"target": [0, 1]}, "target has 2 entries for 3 sequences"),
    "points": (integrated_gradients, {"n_steps": 0}, "n_steps must be an integer >= 1"),
    "exactness": (integrated_gradients, {"tol": -1}, "tol == -1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_is_one_sentence(name):
    function, options, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        function(CLF, X[:3], **options)


def test_what_cannot_be_explained_is_said(tmp_path):
    files = SequenceFiles.write(tmp_path, [(X, SIGNS)])
    for function in (integrated_gradients, occlusion):
        with pytest.raises(NotFittedError):
            function(SequenceClassifier(), X)
        with pytest.raises(ValueError, match="begins with a Tokenizer"):
            function(CLF, TEXTS)
        with pytest.raises(ValueError, match=r"2 (features|channels)|\[2, 3\] channels"):
            function(CLF, [X[0], X[1][:, :2]])
        with pytest.raises(ValueError, match="X is empty"):
            function(CLF, [])
        with pytest.raises(ValueError, match="X is SequenceFiles: explain what is in memory"):
            function(CLF, files)
    tagger = SequenceTagger(**SMALL | {"max_iter": 1}).fit(X, STEPS)
    with pytest.raises(ValueError, match=r"step=9, but X\[0\] has \d steps"):
        integrated_gradients(tagger, X[:1], step=9)
    with pytest.raises(ValueError, match=r"step=True, but X\[0\] has \d steps"):
        occlusion(tagger, X[:1], step=True)
    with pytest.raises(ValueError, match=r"X\[0\] has 2 features, but the fit was on 3"):
        occlusion(CLF, [x[:, :2] for x in X[:2]])
    with pytest.raises(TypeError, match="got a SequenceGenerator: occlusion takes any model"):
        integrated_gradients(SequenceGenerator(), X)
    pipe = make_pipeline(SequenceScaler(), SequenceClassifier(**SMALL | {"max_iter": 1})).fit(X, SIGNS)
    with pytest.raises(TypeError, match=r"pass its last step, pipe\[-1\]"):
        integrated_gradients(pipe, X)
    with pytest.raises(ValueError, match="a Pipeline has no mean of training that baseline=None could take"):
        occlusion(pipe, X)
    for model in (SequenceGenerator(max_iter=1), SequenceToSequence(max_iter=1)):
        with pytest.raises(TypeError, match=f"a {type(model).__name__} has neither"):
            occlusion(model.fit([[0, 1, 2]] * 4, *[[[1, 2]] * 4] * isinstance(model, SequenceToSequence)), [[0, 1]])
    forest = type("Several", (Summer,), {"predict_proba": lambda self, X: [np.ones((1, 2))] * 3})().fit(X)
    with pytest.raises(ValueError, match="X has 3 answers a sequence, but one is explained"):
        occlusion(forest, X[:1], baseline=0)
    ids = SequenceClassifier(embedding_dim=2, **SMALL | {"max_iter": 1}).fit([[0, 1, 2], [2, 1]], [0, 1])
    for function in (integrated_gradients, occlusion):
        with pytest.raises(ValueError, match="baseline=0.5; of tokens it is a token"):
            function(ids, [[0, 1]], baseline=0.5)
        with pytest.raises(ValueError, match="holds the token 7"):
            function(ids, [[0, 1]], baseline=7)


# ---------------------------------------------------------------------------------------------------- pictures


@pytest.mark.parametrize("options", [{"missing": "mask"}, {"missing": "forward", "time_column": 1},
    {"missing": "mask", "categorical_features": [1]}], ids=str)  # fmt: skip
def test_holes_and_times_have_no_gradients(options):
    X = [np.array([[0.0, 0.0], [np.nan, 1.0], [3.0, 2.0]])] * 4
    model = SequenceClassifier(hidden_size=4, max_iter=1, **options).fit(X, [0, 1, 0, 1])
    with pytest.raises(ValueError, match="and that has no gradients: use occlusion"):
        integrated_gradients(model, X)


def test_the_heat_map_is_of_channels_and_steps():
    display = AttributionDisplay.from_estimator(CLF, X[0], target=1)
    found = integrated_gradients(CLF, X[:1], target=1).attributions[0]
    np.testing.assert_array_equal(display.image_.get_array(), found.T)
    assert display.bars_ is None and display.image_.get_clim() == (-np.abs(found).max(), np.abs(found).max())
    pd = pytest.importorskip("pandas")
    model = clone(CLF).fit([pd.DataFrame(x, columns=[*"abc"]) for x in X], SIGNS)
    frame = pd.DataFrame(X[0], columns=[*"abc"])
    drawn = AttributionDisplay.from_estimator(model, frame, method="occlusion", channels=["c", "a"], window=1)
    assert [label.get_text() for label in drawn.ax_.get_yticklabels()] == ["c", "a"]


def test_tokens_have_bars_with_their_names():
    model = make_pipeline(Tokenizer(level="word"), SequenceClassifier(**SMALL)).fit(TEXTS, OPINIONS)
    for text in ("a good b", ["a", "good", "b"]):
        display = AttributionDisplay.from_estimator(model, text, target="+")
        found = integrated_gradients(model, ["a good b"], target="+").attributions[0]
        np.testing.assert_allclose([bar.get_height() for bar in display.bars_], found, rtol=1e-6)
        assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["a", "good", "b"]
        assert display.image_ is display.colorbar_ is None
    ax = pyplot.subplots()[1]
    tokens = model[:-1].transform(["a good b"])[0]
    display = AttributionDisplay.from_estimator(model[-1], tokens, target="+", labels=["x", "y", "z"], ax=ax)
    assert display.ax_ is ax and [label.get_text() for label in ax.get_xticklabels()] == ["x", "y", "z"]
    np.testing.assert_allclose([bar.get_height() for bar in display.bars_], found, rtol=1e-6)


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(ValueError, match="method='gradients'; expected one of"):
        AttributionDisplay.from_estimator(CLF, X[0], method="gradients")
    with pytest.raises(ValueError, match="x holds 3 sequences, but the picture is of one"):
        AttributionDisplay.from_estimator(CLF, X[:3])
    with pytest.raises(ValueError, match="labels has 1 names"):
        AttributionDisplay.from_estimator(CLF, X[0], labels=["a"])


def test_windows_hide_categories_as_unknown_and_leave_times():
    rng = np.random.default_rng(0)
    X = [np.c_[rng.integers(0, 2, 6), rng.standard_normal(6), np.arange(6)] for _ in range(40)]
    y = [int(x[:, 0].sum() > 3) for x in X]
    model = SequenceClassifier(**SMALL, categorical_features=[0], time_column=2).fit(X, y)
    found = occlusion(model, X[:2], window=1)
    assert [a.shape for a in found.attributions] == [(6, 2)] * 2
    hidden = X[0].copy()
    hidden[2, 0] = np.nan
    k = [*model.classes_].index(found.targets[0])
    expected = model.predict_proba(X[:1])[0, k] - model.predict_proba([hidden])[0, k]
    np.testing.assert_allclose(found.attributions[0][2, 0], expected)
    assert occlusion(model, X[:1], channels="all").attributions[0].shape == (6,)


def test_pictures_of_frames_with_texts_and_times_and_of_early_labels():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frames = [pd.DataFrame({"n": rng.standard_normal(4), "c": [*"uvuv"]}, index=np.arange(4.0)) for _ in range(8)]
    options = {**SMALL, "bidirectional": False, "categorical_features": ["c"], "time_column": "index"}
    early = EarlyClassifier(SequenceClassifier(**options), threshold=0.9).fit(frames, [0, 1] * 4)
    for estimator in (early, early.estimator_):
        drawn = ProbabilitiesDisplay.from_estimator(estimator, frames[0]).probabilities
        np.testing.assert_array_equal(drawn[-1], early.estimator_.predict_proba(frames[:1])[0])
    assert GateActivationsDisplay.from_estimator(early.estimator_, frames[0]).activations["h"].shape[0] == 4
    pyplot.close("all")
