"""Holes that sequences borrow from each other in training."""

import numpy as np
import pytest
from samples import assert_same_bits, labelled

from fastrnn import SequenceClassifier, SequenceTagger
from fastrnn.callbacks import Checkpoint
from fastrnn.holes import Gaps, Holes
from fastrnn.kernels.holes import hide
from fastrnn.sequences import Sequences, as_given

MEAN, SCALE = np.array([0.5, -1.0, 2.0]), np.array([2.0, 0.7, 1.5])


def holed(n=40, rate=0.3, seed=0):
    X, y = labelled(n, shortest=5)
    rng = np.random.default_rng(seed)
    return [np.where(rng.random(x.shape) < rate, np.nan, x) for x in X], y


def read(X, missing, clock=-1, n_steps=0):
    """What is read of X (float64), and how."""
    holes, given = Holes.of(missing, 3, clock, False), as_given(X)
    width = 3 * (2 if n_steps else 1)
    given = given.with_changes(n_steps) if n_steps else given
    more = width - 3 + holes.n_beside
    return given.stored("float64", np.append(MEAN, np.zeros(more)), np.append(SCALE, np.ones(more)), holes=holes), holes


@pytest.mark.parametrize("missing, clock, n_steps", [("mask", -1, 0), ("mask", 1, 0), ("mask", -1, 3), ("decay", -1, 0),
                                                     ("decay", 2, 0)])  # fmt: skip
def test_what_is_hidden_is_read_as_if_it_were_missing(missing, clock, n_steps):
    X, _ = holed()
    if clock >= 0:
        for x in X:
            x[:, clock] = np.arange(len(x)) % 3  # gaps
    stored, holes = read(X, missing, clock, n_steps)
    hidden = np.random.default_rng(1).random((len(stored.values), holes.flagged.size)) < 0.4
    out, before = np.empty_like(stored.values), stored.values.copy()
    hide(out, stored.values, stored.offsets, hidden, 3, holes.n_carried, holes.flagged, holes.has_ages)
    rows = np.concatenate(X)
    rows[:, holes.flagged] = np.where(hidden, np.nan, rows[:, holes.flagged])
    expected, _ = read(np.split(rows, stored.offsets[1:-1]), missing, clock, n_steps)
    np.testing.assert_allclose(out, expected.values, atol=1e-12)
    assert_same_bits(stored.values, before)


def test_half_of_the_sequences_lack_what_another_lacks():
    stored, holes = read(holed(400)[0], "mask")
    gaps = Gaps(holes, 3, 0)
    flags = stored.values[:, 3:] > 0
    epochs = [gaps(stored, epoch)[:, 3:] > 0 for epoch in range(6)]
    for left in epochs:
        assert (left <= flags).all()  # nothing comes from nowhere
        changed = np.add.reduceat((left != flags).any(axis=1), stored.offsets[:-1]) > 0
        assert 0.35 < changed.mean() < 0.6
        there = np.add.reduceat(left.any(axis=1), stored.offsets[:-1]) > 0
        assert_same_bits(there, np.add.reduceat(flags.any(axis=1), stored.offsets[:-1]) > 0)  # none is wholly hidden
    assert_same_bits(gaps(stored, 3)[:, 3:] > 0, epochs[3])
    assert not np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(Gaps(holes, 3, 1)(stored, 0)[:, 3:] > 0, epochs[0])


def test_without_holes_nothing_is_hidden():
    stored, holes = read(labelled(20)[0], "mask")
    assert Gaps(holes, 3, 0)(stored, 1) is stored.values
    assert Sequences(stored.values, stored.offsets).of_epoch(3).values is stored.values


@pytest.mark.parametrize("options", [{"missing": "mask"}, {"missing": "mask", "patch_length": 2},
                                     {"missing": "decay", "bidirectional": False}])  # fmt: skip
def test_a_resumed_fit_hides_the_same(options, tmp_path):
    (X, y), path = holed(), tmp_path / "run.safetensors"
    options = {**options, "hidden_size": 6, "max_iter": 5, "random_state": 0}
    stop = [Checkpoint(path), lambda progress: progress.epoch == 3]
    before = [x.copy() for x in X]
    SequenceClassifier(**options, callbacks=stop).fit(X, y)
    resumed = SequenceClassifier(**options).fit(X, y, resume_from=path)
    assert_same_bits(resumed.network_.theta, SequenceClassifier(**options).fit(X, y).network_.theta)
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(X, before, strict=True))


def test_holes_that_tell_are_learned():
    """The label is where numbers are missing: borrowed holes must not hide that."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    X = [rng.normal(size=(10, 1)) for _ in y]
    for x, label in zip(X, y, strict=True):
        x[2:5] = np.nan if label else x[2:5]
        x[6:8] = x[6:8] if label else np.nan
    model = SequenceClassifier(missing="mask", hidden_size=16, max_iter=80, random_state=0).fit(X[:120], y[:120])
    assert model.score(X[120:], y[120:]) > 0.97
    steps = [np.full(10, label) for label in y]
    tagger = SequenceTagger(missing="mask", hidden_size=16, max_iter=60, random_state=0).fit(X[:120], steps[:120])
    assert tagger.score(X[120:], steps[120:]) > 0.95
