"""Remedies in training: labels that are smoothed, weights that are averaged, decoders that read their own answers."""

import tracemalloc

import numpy as np
import pytest
from samples import assert_same_bits, data_for, labelled, make_estimator

from fastrnn import (
    SequenceClassifier,
    SequenceGenerator,
    SequenceTagger,
    SequenceToSequence,
    VectorToSequence,
    load,
    save,
)
from fastrnn.callbacks import Checkpoint
from fastrnn.data import SequenceFiles

SMALL = {"hidden_size": 6, "max_iter": 6, "random_state": 0}
SMOOTHED = ["tagger", "generator", "translator", "vector_to_tokens"]
AVERAGED = [*SMOOTHED, "vector_to_numbers", "transcriber"]


def fitted(kind, **options):
    X, y = data_for(kind)
    model = make_estimator(kind, **{"max_iter": 6, **options})
    return (model.fit(X) if kind == "generator" else model.fit(X, y)), X


@pytest.mark.parametrize("kind", SMOOTHED)
def test_smoothing_changes_the_fit_and_lasts_in_files(kind, tmp_path):
    plain = {"crf": False} if kind == "tagger" else {}
    (model, X), (other, _) = fitted(kind, label_smoothing=0.2, **plain), fitted(kind, **plain)
    assert model.loss_curve_ != other.loss_curve_
    save(model, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert again.label_smoothing == 0.2
    if kind != "generator":
        assert all(np.array_equal(a, b) for a, b in zip(again.predict(X), model.predict(X), strict=True))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_smoothed_classifier_is_as_sure_as_its_targets(n_classes):
    X = [np.full((5, 1), k, float) for k in range(n_classes)] * 20
    y = np.tile(np.arange(n_classes), 20)
    model = SequenceClassifier(label_smoothing=0.3, max_iter=200, hidden_size=8, random_state=0).fit(X, y)
    expected = np.full((n_classes, n_classes), 0.3 / n_classes) + 0.7 * np.eye(n_classes)
    np.testing.assert_allclose(model.predict_proba(X[:n_classes]), expected, atol=0.02)
    assert model.score(X, y) == 1


def test_what_is_smoothed_of_validation_data():
    """The loss of labels; of a generator neither, as its loss is what its score is."""
    X, y = labelled(40)
    model = SequenceClassifier(label_smoothing=0.4, **SMALL).fit(X, y, X_val=X, y_val=y)
    logs = model.predict_log_proba(X)
    expected = -(0.6 * logs[np.arange(40), y] + 0.4 * logs.mean(axis=1)).mean()
    assert model.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-5)
    assert model.validation_scores_[-1] == model.score(X, y)
    X, _ = data_for("generator")
    model = make_estimator("generator", label_smoothing=0.4).fit(X, X_val=X)
    assert model.validation_scores_[-1] == pytest.approx(model.score(X), rel=1e-5) == -model.validation_loss_curve_[-1]


def test_several_labels_are_smoothed_each():
    X, y = labelled(40)
    flags = np.stack([y == 0, y != 1], axis=1).astype(int)
    model = SequenceClassifier(label_smoothing=0.2, **SMALL).fit(X, flags)
    assert model.predict_proba(X).shape == (40, 2) and set(np.unique(model.predict(X))) <= {0, 1}
    several = SequenceClassifier(label_smoothing=0.2, **SMALL).fit(X, np.stack([y, y[::-1]], axis=1))
    assert [p.shape for p in several.predict_proba(X)] == [(40, 3), (40, 3)]


@pytest.mark.parametrize("kind", AVERAGED)
def test_averaged_weights_are_the_mean_of_those_after_the_last_epochs(kind):
    after = []

    def note(progress):
        after.append(model.network_.theta.copy())

    X, y = data_for(kind)
    model = make_estimator(kind, max_iter=6, averaging=4, callbacks=[note])
    model = model.fit(X) if kind == "generator" else model.fit(X, y)
    np.testing.assert_allclose(model.network_.theta, np.mean(after[2:], axis=0), rtol=1e-4, atol=1e-6)


def test_a_resumed_fit_has_the_same_mean(tmp_path):
    X, y = labelled(40)
    path = tmp_path / "run.safetensors"
    options = {**SMALL, "averaging": 4}
    SequenceClassifier(**options, callbacks=[Checkpoint(path), lambda progress: progress.epoch == 4]).fit(X, y)
    resumed = SequenceClassifier(**options).fit(X, y, resume_from=path)
    assert_same_bits(resumed.network_.theta, SequenceClassifier(**options).fit(X, y).network_.theta)


DECODERS = ["translator", "translator_of_numbers", "vector_to_tokens", "vector_to_numbers"]


@pytest.mark.parametrize("kind", DECODERS)
def test_a_decoder_reads_answers_of_its_own(kind):
    (model, X), (other, _) = fitted(kind, scheduled_sampling=0.6), fitted(kind)
    assert model.loss_curve_[0] == other.loss_curve_[0] and model.loss_curve_[1] != other.loss_curve_[1]
    _, y = data_for(kind)
    problem = model._problem(X, y, None, True)
    right, first, last = problem.inputs, problem.inputs.of_epoch(0), problem.inputs.of_epoch(5)
    assert first is right and last.offsets is right.offsets
    assert_same_bits(last.values[right.offsets[:-1]], right.values[right.offsets[:-1]])
    own = model.network_.predict(problem.sequences, right)[:, :-1]
    before = np.setdiff1d(np.arange(len(own)), right.offsets[:-1])  # the steps that read what another has left
    changed = (last.values[before] != right.values[before]).reshape(len(before), -1).any(axis=1)
    if right.values.ndim == 2:
        assert 0.5 < changed.mean() < 0.7
        assert_same_bits(last.values[before[changed]], own[before[changed] - 1])
    else:
        assert 0 < changed.mean() < 0.65 and last.values.max() <= right.values.max()


def test_drawn_tokens_are_as_frequent_as_they_are_probable():
    model, X = fitted("translator", scheduled_sampling=0.5)
    _, y = data_for("translator")
    problem = model._problem(X, y, None, True)
    drawn = np.stack([problem.inputs._answers(np.random.default_rng(k)) for k in range(2000)])
    logits = model.network_.predict(problem.sequences, problem.inputs)[:, :-1].astype(float)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    found = np.stack([(drawn == token).mean(axis=0) for token in range(p.shape[1])], axis=1)
    np.testing.assert_allclose(found, p, atol=0.06)


def test_a_resumed_fit_reads_the_same_answers(tmp_path):
    X, y = data_for("translator")
    path, options = tmp_path / "run.safetensors", {"max_iter": 6, "scheduled_sampling": 0.5}
    stop = [Checkpoint(path), lambda progress: progress.epoch == 3]
    make_estimator("translator", **options, callbacks=stop).fit(X, y)
    resumed = make_estimator("translator", **options).fit(X, y, resume_from=path)
    assert_same_bits(resumed.network_.theta, make_estimator("translator", **options).fit(X, y).network_.theta)


@pytest.mark.parametrize("kind", ["translator", "translator_of_numbers"])
def test_a_decoder_of_files_reads_its_own_answers(kind, tmp_path):
    X, y = data_for(kind)
    halves = [(X[:20], y[:20]), (X[20:], y[20:])]
    whole, one = (SequenceFiles.write(tmp_path / f"{n}", halves, window=n) for n in (2, 1))
    right = make_estimator(kind, max_iter=4).fit(whole)
    models = [make_estimator(kind, max_iter=4, scheduled_sampling=0.8).fit(files) for files in (whole, one)]
    assert models[0].loss_curve_[0] == right.loss_curve_[0] and models[0].loss_curve_[1:] != right.loss_curve_[1:]
    again = make_estimator(kind, max_iter=4, scheduled_sampling=0.8, n_jobs=1).fit(one)
    assert_same_bits(again.network_.theta, models[1].network_.theta)
    inputs = models[0]._problem(X, y, None, True).inputs
    first = inputs.of_epoch(3).values
    models[0]._place = 1  # a window of files draws its own
    assert not np.array_equal(inputs.of_epoch(3).values, first)


def test_own_answers_need_no_memory_for_all_steps():
    n, T, n_tokens = 300, 30, 500
    y = [np.arange(k, k + T) % n_tokens for k in range(n)]
    model = SequenceToSequence(hidden_size=4, target_embedding_dim=2, embedding_dim=2, max_iter=2, random_state=0,
                               scheduled_sampling=0.5).fit([[0, 1]] * n, y)  # fmt: skip
    inputs = model._problem([[0, 1]] * n, y, None, True).inputs
    inputs.of_epoch(1)
    tracemalloc.start()
    inputs.of_epoch(1)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < n * T * n_tokens * 4  # a number a step and token


@pytest.mark.parametrize(
    "options, text",
    [
        ({"averaging": 3, "early_stopping": True}, "averaging=3 does not go with early_stopping, which may end"),
        ({"averaging": 3, "tol": 1e-3}, "averaging=3 does not go with tol, which may end training at any epoch"),
        ({"averaging": 3, "solver": "lbfgs"}, "averaging=3 does not go with solver='lbfgs', which has no epochs"),
        ({"averaging": -1}, "averaging"),
        ({"label_smoothing": 1.0}, "label_smoothing"),
    ],
)
def test_what_is_refused(options, text):
    X, y = labelled(20)
    with pytest.raises(ValueError, match=text):
        SequenceClassifier(**options).fit(X, y)


def test_smoothing_is_for_labels():
    X, Y = data_for("tagger")
    with pytest.raises(ValueError, match="label_smoothing"):
        SequenceTagger(crf=True, label_smoothing=0.1, **SMALL).fit(X, Y)
    with pytest.raises(ValueError, match="grows from epoch to epoch, which solver='lbfgs' has not"):
        SequenceToSequence(scheduled_sampling=0.5, solver="lbfgs").fit([[0, 1]] * 4, [[1, 0]] * 4)
    with pytest.raises(ValueError, match="label_smoothing=0.1 is for tokens, but embedding_dim=None"):
        SequenceGenerator(embedding_dim=None, label_smoothing=0.1).fit([[1.0, 2.0], [0.5, 1.5]])
    with pytest.raises(ValueError, match="is for tokens, target_embedding_dim=None for numbers"):
        VectorToSequence(target_embedding_dim=None, label_smoothing=0.1).fit(np.ones((4, 2)), [[1.0, 2.0]] * 4)
