"""Sequences that are read some steps at a time."""

import pickle

import numpy as np
import pytest
from samples import assert_same_bits

import fastrnn
from fastrnn import SequenceClassifier, storage, threads
from fastrnn.inspection import GateActivationsDisplay
from fastrnn.interchange import to_torch
from fastrnn.sequences import Patches, Sequences
from fastrnn.training import Checkpoint

SMALL = {"hidden_size": 5, "max_iter": 3, "random_state": 0}


def ragged(n=24, n_features=2, shortest=1, longest=30, seed=0):
    rng = np.random.default_rng(seed)
    X = [rng.standard_normal((T, n_features)) for T in rng.integers(shortest, longest + 1, n)]
    return [X[0][:1], *X[1:]], np.arange(n) % 3


@pytest.mark.parametrize(
    ("length", "asked", "options", "expected"),
    [(79, "auto", {}, 1), (80, "auto", {}, 2), (570, "auto", {}, 14), (570, 1, {}, 1), (30, 7, {}, 7),
     (570, "auto", {"readout": "concat"}, 1)],
)  # fmt: skip
def test_how_many_steps_are_read_as_one(length, asked, options, expected):
    X, y = np.random.default_rng(0).standard_normal((6, length)), np.arange(6) % 2
    clf = SequenceClassifier(patch_length=asked, **SMALL, **options).fit(X, y)
    width = 2 * expected if expected > 1 else 1  # beside each number what it has changed by
    assert clf.network_.encoder.recurrent.input_size == width
    assert clf.predict(X).shape == (6,)


def test_the_middle_length_decides_and_tokens_are_steps():
    X, y = ragged(longest=400, shortest=100)
    median = int(np.median([len(x) for x in X]))
    clf = SequenceClassifier(**SMALL).fit(X, y)
    assert clf.network_.encoder.recurrent.input_size == 4 * (median // 40)
    tokens = np.random.default_rng(0).integers(0, 9, (6, 200))
    assert SequenceClassifier(embedding_dim=3, **SMALL).fit(tokens, np.arange(6) % 2).network_.n_features == 10


def patches_by_hand(clf, x, size, first):
    """Rows (T // size, 2 I size) of one sequence."""
    x = np.concatenate([x, np.repeat(x[-1:], max(0, 2 * size - 1 - len(x)), axis=0)])
    both = np.hstack([x, np.diff(x, axis=0, prepend=x[:1])])
    both = ((both - clf._X_mean) / clf._X_scale)[first:]
    n = len(both) // size
    return both[: n * size].reshape(n, -1)


@pytest.mark.parametrize("size", [2, 5, 13])
def test_answers_are_the_mean_over_where_patches_begin(size):
    X, y = ragged()
    clf = SequenceClassifier(patch_length=size, dtype="float64", **SMALL).fit(X, y)
    found = clf._outputs(X)[0]
    firsts = np.unique(np.linspace(0, size - 1, 10).astype(int))
    for x, row in zip(X, found, strict=True):
        views = [patches_by_hand(clf, x, size, first) for first in firsts]
        expected = [clf.network_.predict(Sequences(v, np.array([0, len(v)])))[0] for v in views]
        np.testing.assert_allclose(row, np.mean(expected, axis=0), rtol=1e-10, atol=1e-12)
    assert clf.transform(X).shape == (24, 10)


def test_each_epoch_begins_elsewhere():
    values, offsets = np.arange(40.0)[:, np.newaxis], np.array([0, 20, 40])
    patches = Patches(values, offsets, 4)
    begins = [patches.of_epoch(epoch).begins.tolist() for epoch in range(4)]
    assert begins == [[0, 21], [1, 22], [2, 23], [3, 20]]
    assert [patches.of_epoch(0).lengths.tolist(), patches.of_epoch(3).lengths.tolist()] == [[5, 4], [4, 5]]
    assert [view.begins.tolist() for view in patches.views()] == [[k, 20 + k] for k in range(4)]
    assert patches.some(np.array([1])).values[0] == 20


def test_the_same_bits_in_any_company_and_with_any_threads():
    X, y = ragged(40)
    clf = SequenceClassifier(patch_length=4, **SMALL).fit(X, y)
    every = clf.predict_proba(X)
    assert_same_bits(np.concatenate([clf.predict_proba([x]) for x in X]), every)
    assert_same_bits(clf.predict_proba(X[::-1])[::-1], every)
    for n_jobs in (1, 3):
        with threads.limit(n_jobs):
            again = SequenceClassifier(patch_length=4, n_jobs=n_jobs, **SMALL).fit(X, y)
        assert_same_bits(again.network_.theta, clf.network_.theta)


def test_saved_pickled_and_resumed(tmp_path):
    X, y = ragged()
    options = {**SMALL, "patch_length": 4, "early_stopping": True, "validation_fraction": 0.3}
    clf = SequenceClassifier(**options).fit(X, y)
    fastrnn.save(clf, tmp_path / "model.safetensors")
    for other in (fastrnn.load(tmp_path / "model.safetensors"), pickle.loads(pickle.dumps(clf))):
        assert_same_bits(other.predict_proba(X), clf.predict_proba(X))
        assert not np.array_equal(other.partial_fit(X, y).network_.theta, clf.network_.theta)
    path = tmp_path / "run.safetensors"
    SequenceClassifier(**options, callbacks=[Checkpoint(path), lambda progress: progress.epoch == 2]).fit(X, y)
    assert_same_bits(SequenceClassifier(**options).fit(X, y, resume_from=path).network_.theta, clf.network_.theta)


def test_a_second_fit_goes_on():
    X, y = ragged()
    clf = SequenceClassifier(patch_length=4, warm_start=True, **SMALL).fit(X, y)
    first = clf.network_.theta.copy()
    assert not np.array_equal(clf.set_params(max_iter=6).fit(X, y).network_.theta, first)
    assert SequenceClassifier(patch_length=4, solver="lbfgs", **SMALL).fit(X, y).score(X, y) > 0.3


def test_what_reads_step_by_step_says_so():
    X, y = ragged()
    clf = SequenceClassifier(patch_length=4, bidirectional=False, **SMALL).fit(X, y)
    for call in (clf.stream, lambda: to_torch(clf), lambda: GateActivationsDisplay.from_estimator(clf, X[3])):
        with pytest.raises(ValueError, match=r"reads 4 steps as one, and .*fit anew with patch_length=1"):
            call()
    SequenceClassifier(patch_length=1, bidirectional=False, **SMALL).fit(X, y).stream()


def test_options_that_do_not_go_together():
    X, y = np.zeros((6, 20)), np.arange(6) % 2
    with pytest.raises(ValueError, match="patch_length=3 and readout='concat' do not go together"):
        SequenceClassifier(patch_length=3, readout="concat", **SMALL).fit(X, y)
    with pytest.raises(ValueError, match="patch_length=3 is for numbers"):
        SequenceClassifier(patch_length=3, embedding_dim=4, **SMALL).fit(X.astype(int), y)
    with pytest.raises(ValueError, match="'patch_length' parameter"):
        SequenceClassifier(patch_length=0).fit(X, y)


def test_nan_is_named():
    for bad in (np.nan, np.inf):
        X, y = ragged()
        X[3] = np.array([[0.0, 1.0], [2.0, bad], [3.0, 4.0]])  # shorter than it is read as
        with pytest.raises(ValueError, match=r"X\[3\] contains NaN.*step 1, feature 1"):
            SequenceClassifier(patch_length=4, **SMALL).fit(X, y)


@pytest.mark.parametrize("sizes", [{"patch": 2}, {"patch": 0}, {"patch": 3, "inputs": 6}, {"patch": "x"}])
def test_a_file_whose_patches_do_not_go_with_the_rest_is_refused(tmp_path, sizes):
    X, y = ragged()
    clf = SequenceClassifier(patch_length=4, **SMALL).fit(X, y)
    tree = clf._record()
    tree["fitted"]["_sizes"] = {**tree["fitted"]["_sizes"], **sizes}
    storage.write(tmp_path / "model.safetensors", {"model": tree, "run": None})
    with pytest.raises(fastrnn.StorageError):
        fastrnn.load(tmp_path / "model.safetensors")


def test_long_series_are_learned():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 400)), np.arange(60) % 2
    X[y == 1] += 2 * np.sin(np.arange(400) / 4 + rng.uniform(0, 6, (30, 1)))
    clf = SequenceClassifier(random_state=0).fit(X[:40], y[:40])
    assert clf.score(X[40:], y[40:]) > 0.9
