"""EarlyClassifier: what it learns and decides, its streams, files and clones, and what it refuses."""

import pickle

import numpy as np
import pytest
from samples import assert_same_bits, ragged
from sklearn.base import clone, is_classifier
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    PredefinedSplit,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline

import fastrnn
from fastrnn import EarlyClassifier, SequenceClassifier, SequenceTagger, StorageError
from fastrnn.callbacks import Checkpoint
from fastrnn.data import SequenceFiles
from fastrnn.early import _middle
from fastrnn.preprocessing import SequenceScaler, Tokenizer


def telling(n, seed=0):
    """Sequences of noise, in which a jump tells the label, at a place of its own."""
    rng, X = np.random.default_rng(seed), ragged(n, seed=seed)
    y = np.where(rng.random(n) < 0.5, "up", "down")
    places = [rng.integers(0, max(1, len(x) - 1)) for x in X]
    for x, label, place in zip(X, y, places, strict=True):
        x *= 0.1
        x[place:, 0] += 2.0 if label == "up" else -2.0
    return X, y, np.array(places) + 1


def small(**options):
    options = {"bidirectional": False, "hidden_size": 8, "max_iter": 40, "learning_rate_init": 0.02, **options}
    return SequenceClassifier(random_state=0, **options)


X, Y, PLACES = telling(80)
EARLY = EarlyClassifier(small(), cv=3).fit(X, Y)
NEW, TRUE, TOLD = telling(60, seed=1)


def test_a_label_comes_when_the_sequence_tells_it():
    sure = EarlyClassifier(small(), threshold=0.9).fit(X, Y)
    labels, steps = sure.predict(NEW, return_steps=True)
    assert (labels == TRUE).mean() > 0.9 and (steps == TOLD).mean() > 0.9
    assert sure.estimator_.score(NEW, TRUE) > 0.9


def test_what_a_fit_leaves():
    labels, steps = EARLY.predict(NEW, return_steps=True)
    lengths = np.array([*map(len, NEW)])
    accuracy, saved = (labels == TRUE).mean(), 1 - np.mean(steps / lengths)
    assert EARLY.score(NEW, TRUE) == pytest.approx(2 * accuracy * saved / (accuracy + saved), abs=1e-12)
    assert EARLY.best_score_ > 0.5 and 0.5 <= EARLY.threshold_ <= 1
    assert (EARLY.classes_ == ["down", "up"]).all() and EARLY.n_features_in_ == X[0].shape[1]
    whole = EARLY.estimator_
    assert type(whole) is SequenceClassifier and whole.readout == "last" and whole.patch_length == 1


def test_each_step_is_answered_as_if_it_were_the_last():
    """To the bit: by a stream, by the classifier of each beginning, and by the one pass of `predict`."""
    labels, steps = EARLY.predict(NEW, return_steps=True)
    probabilities, stream = EARLY.predict_proba(NEW), EARLY.stream()
    for x, label, n, row in zip(NEW, labels, steps, probabilities, strict=True):
        stream.reset()
        said = [stream.step(step) for step in x[:n]]
        assert said[:-1] == [None] * (n - 1) and stream.n_steps == n
        assert_same_bits(stream.probabilities, row)
        assert_same_bits(EARLY.estimator_.predict_proba([x[:n]])[0], row)
        assert stream.guess == label and (said[-1] == label or n == len(x))
        if said[-1] is not None and n < len(x):
            assert stream.step(-x[n]) == label  # it stays
    order = np.random.default_rng(0).permutation(len(NEW))
    assert_same_bits(EARLY.predict_proba([NEW[k] for k in order]), probabilities[order])


def test_a_stream_of_several_sequences():
    equal = [x for x in NEW if len(x) >= 3][:4]
    stream = EARLY.stream(batch=4)
    for t in range(3):
        said = stream.step([x[t] for x in equal])
    labels, steps = EARLY.predict([x[:3] for x in equal], return_steps=True)
    assert (stream.guess == labels).all()
    assert [label is None for label in said] == [p.max() < EARLY.threshold_ for p in EARLY.predict_proba(
        [x[:n] for x, n in zip(equal, steps, strict=True)])]  # fmt: skip
    again = pickle.loads(pickle.dumps(stream))
    assert (again.step([x[2] for x in equal]) == stream.step([x[2] for x in equal])).all()
    stream.reset()
    with pytest.raises(ValueError, match="no step was read yet"):
        _ = stream.guess


def test_a_threshold_of_ones_own_holds_nothing_out():
    fits = []
    model = EarlyClassifier(small(max_iter=2, callbacks=[fits.append]), threshold=0.0).fit(X, Y)
    assert model.threshold_ == 0 and model.best_score_ is None
    assert (model.predict(NEW, return_steps=True)[1] == 1).all()
    never = clone(model).set_params(threshold=1.0).fit(X, Y)
    assert (never.predict(NEW, return_steps=True)[1] == [*map(len, NEW)]).all()
    assert_same_bits(never.predict_proba(NEW), never.estimator_.predict_proba(NEW))


def test_the_threshold_is_good_for_what_is_held_out():
    """As by hand: folds, probabilities of each beginning, and the harmonic mean for every threshold."""
    x, y = [row[:6] for row in X[:30]], Y[:30]
    base, cv = small(max_iter=6), StratifiedKFold(2)
    model = EarlyClassifier(base, cv=cv).fit(x, y)
    sure, right = np.zeros((30, 6)), np.zeros((30, 6), bool)
    for train, test in cv.split(x, y):
        fold = EarlyClassifier(base, threshold=1.0).fit([x[k] for k in train], y[train]).estimator_
        for k in test:
            said = fold.predict_proba([x[k][: t + 1] for t in range(len(x[k]))])
            sure[k, : len(said)], right[k, : len(said)] = said.max(axis=1), fold.classes_[said.argmax(axis=1)] == y[k]

    def harmonic_mean(threshold):
        stops = [
            next((t for t in range(len(r)) if s[t] >= threshold), len(r) - 1) for s, r in zip(sure, x, strict=True)
        ]
        accuracy = np.mean(right[range(30), stops])
        saved = 1 - np.mean([(t + 1) / len(row) for t, row in zip(stops, x, strict=True)])
        return 2 * accuracy * saved / (accuracy + saved)

    assert harmonic_mean(model.threshold_) == pytest.approx(model.best_score_, abs=1e-12)
    scores = np.array([*map(harmonic_mean, np.quantile(sure[sure > 0], np.linspace(0, 1, 101)))])
    runs = np.split(np.arange(101), np.flatnonzero(scores < scores.max() - 0.01))
    near = next(run[scores[run] >= scores.max() - 0.01] for run in runs if scores.argmax() in run)
    expected = np.quantile(sure[sure > 0], np.linspace(0, 1, 101))[near].mean()
    assert model.threshold_ == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("options", [
    {"cell": "lstm", "num_layers": 2, "dropout": 0.3}, {"solver": "lbfgs"}, {"early_stopping": True},
    {"class_weight": "balanced", "bptt_steps": 2, "dtype": "float64"},
])  # fmt: skip
def test_networks_of_all_kinds(options):
    model = EarlyClassifier(small(max_iter=15, **options), threshold=0.9).fit(X, Y)
    labels, steps = model.predict(NEW, return_steps=True)
    assert (labels == TRUE).mean() > 0.7
    stream = model.stream()
    for x, n, row in zip(NEW[:5], steps, model.predict_proba(NEW), strict=False):
        stream.reset()
        for step in x[:n]:
            stream.step(step)
        assert_same_bits(stream.probabilities, row)


def test_what_is_held_out_is_judged_as_whole_sequences():
    odd = PredefinedSplit(np.arange(len(X)) % 2 - 1)
    options = {"max_iter": 2, "early_stopping": True, "validation_fraction": odd}
    early = EarlyClassifier(small(**options), threshold=0.9).fit(X, Y)
    model = early.estimator_
    held_out = [k for k in range(len(X)) if k % 2]
    best = np.argmax(model.validation_scores_)
    p = model.predict_proba([X[k] for k in held_out])
    loss = log_loss([Y[k] for k in held_out], p, labels=model.classes_)
    assert model.validation_loss_curve_[best] == pytest.approx(loss, rel=1e-4)


def test_tokens_weights_and_several_classes():
    rng = np.random.default_rng(0)
    x = [rng.integers(3, 9, n) for n in rng.integers(2, 7, 60)]
    y = rng.integers(0, 3, 60)
    for row, label in zip(x, y, strict=True):
        row[len(row) // 2] = label
    model = EarlyClassifier(small(embedding_dim=6), cv=2).fit(x, y, sample_weight=np.where(y == 2, 0.5, 1.0))
    assert model.estimator_.readout == "last" and model.estimator_.score(x, y) > 0.9
    assert 0 < model.score(x, y, sample_weight=y + 1.0) <= 1
    # One step: nothing can be saved.
    one = EarlyClassifier(small(max_iter=1), cv=2).fit([[[0.0]], [[1.0]]] * 4, [0, 1] * 4)
    assert one.best_score_ == 0 and one.predict([[[1.0]]], return_steps=True)[1].tolist() == [1]


def test_gradients_of_each_step():
    """Of the loss over all steps by the differences of float64, and its weights: a sequence's share, in equal parts."""
    from fastrnn.early import _Learner

    learner = _Learner(
        **small(max_iter=1, dtype="float64", hidden_size=3, recurrent_dropout=0.0).get_params()
    ).set_params(readout="last", patch_length=1)
    learner.fit(X[:6], Y[:6])
    problem = learner._problem(X[:6], Y[:6], np.arange(1.0, 7.0), True)
    lengths = problem.sequences.lengths
    shares = [part.sum() for part in np.split(problem.weights, np.cumsum(lengths)[:-1])]
    np.testing.assert_allclose(np.divide(shares, shares[0]), np.arange(1.0, 7.0))
    assert problem.weights.mean() == pytest.approx(1)
    objective, network = learner._objective(problem), learner.network_
    direction = np.random.default_rng(0).standard_normal(network.theta.size)

    def loss(epoch):
        network.changed()
        objective.lay_out([np.arange(6)], epoch)
        return objective(0)

    loss(0)
    slope, step = network.gradient @ direction, 1e-5
    network.theta += step * direction
    above = loss(1)
    network.theta -= 2 * step * direction
    assert (above - loss(2)) / (2 * step) == pytest.approx(slope, rel=1e-6)


def test_it_is_an_estimator_of_scikit_learn():
    model = EarlyClassifier(small(max_iter=2), cv=2)
    assert is_classifier(model) and clone(model).get_params()["estimator__hidden_size"] == 8
    scores = cross_val_score(model, X, Y, cv=2, scoring="accuracy", error_score="raise")
    assert scores.shape == (2,)
    pipe = make_pipeline(SequenceScaler(), model)
    search = GridSearchCV(pipe, {"earlyclassifier__estimator__cell": ["gru", "rnn"]}, cv=2, error_score="raise")
    assert 0 < search.fit(X, Y).best_score_ < 1
    inputs = [x.copy() for x in X]
    before = vars(EARLY).copy()
    with pytest.raises(ValueError, match=r"X\[7\] contains NaN"):
        EARLY.fit([*X[:7], X[7] * np.nan, *X[8:]], Y)
    assert vars(EARLY) == before and all((a == b).all() for a, b in zip(X, inputs, strict=True))
    labels = EARLY.predict(NEW)
    assert accuracy_score(TRUE, labels) == accuracy_score(TRUE, pickle.loads(pickle.dumps(EARLY)).predict(NEW))
    assert_same_bits(clone(EARLY).fit(X, Y).predict_proba(NEW), EARLY.predict_proba(NEW))


def test_a_file_holds_all_of_it(tmp_path):
    path = tmp_path / "early.safetensors"
    fastrnn.save(EARLY, path)
    again = fastrnn.load(path)
    assert_same_bits(again.predict_proba(NEW), EARLY.predict_proba(NEW))
    assert (again.predict(NEW, return_steps=True)[1] == EARLY.predict(NEW, return_steps=True)[1]).all()
    assert (again.threshold_, again.best_score_, again.cv) == (EARLY.threshold_, EARLY.best_score_, 3)
    tree = EARLY._record()
    tree["model"] = SequenceClassifier(hidden_size=2, max_iter=1).fit(X, Y)._record()
    with pytest.raises((StorageError, ValueError)):
        EarlyClassifier._restored(tree)


@pytest.mark.parametrize(("estimator", "options", "error"), [
    (SequenceClassifier(), {}, "bidirectional=True, which does not answer after each step: set bidirectional=False"),
    (small(patch_length=4), {}, "patch_length=4, which does not answer after each step: set patch_length=1"),
    (small(readout="mean"), {}, "readout='mean', which does not answer after each step: set readout='last'"),
    (SequenceTagger(), {}, "takes SequenceClassifier, not SequenceTagger.*let it be the last step"),
    (small(), {"threshold": 1.5}, "threshold"),
    (small(), {"cv": "five"}, "cv"),
    (small(hidden_size=0), {}, "hidden_size"),
])  # fmt: skip
def test_what_is_refused(estimator, options, error):
    with pytest.raises(ValueError, match=error):
        EarlyClassifier(estimator, **options).fit(X, Y)


def test_data_that_are_refused(tmp_path):
    for k in range(2):
        np.savez(tmp_path / f"{k}.npz", X=np.zeros((4, 3, 1)), y=[0, 1, 0, 1])
    files = SequenceFiles(tmp_path)
    for call in (lambda: EARLY.fit(files, None), lambda: EARLY.predict(files)):
        with pytest.raises(ValueError, match="X is SequenceFiles: EarlyClassifier reads what is in memory"):
            call()
    with pytest.raises(ValueError, match="n_splits=5 greater than the number of samples"):
        EarlyClassifier(small(max_iter=1)).fit(X[:4], ["a", "b", "a", "b"])
    with pytest.raises(ValueError, match="y has 2 columns, but early labels are one a sequence"):
        EarlyClassifier(small(max_iter=1), cv=2).fit(X[:4], [[0, 1], [1, 0], [0, 0], [1, 1]])
    with pytest.raises(ValueError, match="SequenceClassifier requires y to be passed"):
        EarlyClassifier(small(max_iter=1), threshold=0.5).fit(X)


def test_splits_that_cannot_be_are_refused_before_any_training():
    epochs = []
    for cv, groups, error in ((100, None, "n_splits=100"), (GroupKFold(2), None, "None"), (GroupKFold(2), [0, 1], "2")):
        with pytest.raises(ValueError, match=error):
            EarlyClassifier(small(callbacks=[epochs.append]), cv=cv).fit(X, Y, groups=groups)
    assert not epochs


@pytest.mark.parametrize(("weights", "error"), [
    ([1.0], "fewer entries"), ("heavy", "a number for each sequence"), (np.full(len(X), np.nan), "NaN"),
    (np.zeros(len(X)), "all weights are zero"), (np.ones((len(X), 2)), r"sample_weight\[0\] holds 2 values"),
])  # fmt: skip
def test_a_score_has_weights_as_a_fit_has(weights, error):
    with pytest.raises(ValueError, match=error):
        EARLY.score(X, Y, weights)


def test_a_checkpoint_of_its_network_is_read_as_a_classifier(tmp_path):
    early = EarlyClassifier(small(max_iter=2, callbacks=[Checkpoint(tmp_path / "c")]), threshold=0.5).fit(X, Y)
    again = fastrnn.load(tmp_path / "c")
    assert type(again) is SequenceClassifier
    np.testing.assert_array_equal(again.predict_proba(X), early.estimator_.predict_proba(X))


def test_a_checkpoint_is_of_the_one_model_that_is_kept(tmp_path):
    seen = []
    early = EarlyClassifier(small(max_iter=2, callbacks=[seen.append, Checkpoint(tmp_path / "c")]), cv=2).fit(X, Y)
    assert len(seen) == 2 * 3 and len(early.estimator_.callbacks) == 2  # epochs of the model, and of each split
    assert_same_bits(fastrnn.load(tmp_path / "c").predict_proba(X), early.estimator_.predict_proba(X))


def test_a_split_of_one_class_is_refused_before_any_training():
    epochs, order = [], np.argsort(Y)
    early = EarlyClassifier(small(callbacks=[epochs.append]), cv=[(order[-5:], order[:5]), (order[:5], order[-5:])])
    with pytest.raises(ValueError, match=r"split 0 of cv has one class to learn, .*: give cv= other splits"):
        early.fit(X, Y)
    assert not epochs


@pytest.mark.parametrize(
    ("cv", "match"),
    [
        ([], "cv has no splits: give it a number of folds"),
        ([(range(0, len(Y), 2), np.arange(0))], "split 0 of cv holds out nothing: give cv= other splits"),
        ([(range(0, len(Y), 2), [len(Y)])], rf"split 0 of cv is .*; expected two arrays, of numbers below {len(Y)} or"),
        ([("a", "b")], r"split 0 of cv is \('a', 'b'\); expected two arrays"),
        ([(np.ones(3, bool), np.ones(len(Y), bool))], "split 0 of cv is .*; expected two arrays"),
    ],
)
def test_splits_that_are_none_are_refused_before_any_training(cv, match):
    epochs = []
    with pytest.raises(ValueError, match=match):
        EarlyClassifier(small(callbacks=[epochs.append]), cv=cv).fit(X, Y)
    assert not epochs


@pytest.mark.parametrize("level", ["word", "char"])
def test_a_word_that_occurs_once_is_unknown_to_the_split_that_holds_it_out(level):
    texts, labels = ["good film", "bad film"] * 8 + ["good plot", "bad zebra"], [1, 0] * 9
    early = EarlyClassifier(small(max_iter=1), cv=3)
    pipe = make_pipeline(Tokenizer(level=level), early).fit(texts, labels)
    assert pipe.predict(texts).shape == (18,) and not hasattr(pipe[-1].estimator_, "least")
    X = [np.array([0, 1, k % 2]) for k in range(12)] + [np.array([0, 9])]
    assert EarlyClassifier(small(max_iter=1, embedding_dim=3), cv=3).fit(X, [0, 1] * 6 + [0]).best_score_ is not None


def test_steps_at_times_of_an_index():
    pd = pytest.importorskip("pandas")
    frames = [pd.DataFrame(x, index=np.arange(float(len(x)))).rename(columns=str) for x in X]
    early = EarlyClassifier(small(time_column="index", max_iter=2), threshold=0.6).fit(frames, Y)
    stream = early.stream()
    for x, time in zip(X[0], frames[0].index, strict=True):
        stream.step(x, time=time)
    np.testing.assert_array_equal(stream.probabilities, early.estimator_.predict_proba(frames[:1])[0])


def test_groups_and_one_weight_for_all():
    groups = np.arange(len(X)) // 2
    early = EarlyClassifier(small(max_iter=2), cv=GroupKFold(2)).fit(X, Y, groups=groups)
    assert 0 < early.threshold_ <= 1
    same = EarlyClassifier(small(max_iter=2), cv=GroupKFold(2)).fit(X, Y, 2.0, groups)
    assert same.threshold_ == early.threshold_


def test_groups_are_held_out_together_within_the_splits_too():
    seen, groups = [], np.arange(len(X)) // 2

    class Splitter(GroupShuffleSplit):
        def split(self, X, y=None, groups=None):
            seen.append(sorted(groups))
            return super().split(X, y, groups)

    own = small(max_iter=1, early_stopping=True, validation_fraction=Splitter(1, random_state=0))
    EarlyClassifier(own, cv=GroupKFold(2)).fit(X, Y, groups=groups.tolist())
    assert seen[0] == sorted(groups) and sorted(seen[1] + seen[2]) == sorted(groups)
    EarlyClassifier(small(max_iter=1, early_stopping=True), cv=GroupKFold(2)).fit(X, Y, groups=groups)


def test_the_threshold_is_between_those_around_the_best_one():
    thresholds = np.linspace(0, 1, 6)
    assert _middle(thresholds, np.array([0.5, 0.2, 0.499, 0.5, 0.1, 0.495])) == 0.0
    assert _middle(thresholds, np.array([0.1, 0.2, 0.499, 0.5, 0.1, 0.495])) == pytest.approx(0.5)
    assert _middle(thresholds, np.full(6, 0.5)) == pytest.approx(0.5)
