"""Small data, and ways of checking and watching, that several test files share."""

import copy
import gc
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from reference import assert_within
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from fastrnn import (
    SequenceAutoencoder,
    SequenceClassifier,
    SequenceGenerator,
    SequenceTagger,
    SequenceToSequence,
    SequenceTranscriber,
    VectorToSequence,
    threads,
    training,
)

TESTS = Path(__file__).parent


def assert_rows_stand_alone(loss, outputs, targets, weights, padding):
    """A loss's kernel reads the first columns alone of padded rows, and writes its rows; each is the same by itself."""
    (n, K), targets = outputs.shape, targets if targets.ndim == 1 else targets.reshape(len(targets), -1)
    expected, gradient = loss.of_rows(outputs, targets, weights)
    padded, of_rows = np.full((n, K + padding), np.nan, outputs.dtype), np.full(n + 2, np.nan)
    d_outputs = np.full((n + 2, K + padding), np.nan, outputs.dtype)
    padded[:, :K] = outputs
    loss.kernel(d_outputs[1:-1], of_rows[1:-1], padded, targets, weights, loss.constants, K)
    assert_same_bits(of_rows[1:-1], expected)
    assert_same_bits(d_outputs[1:-1, :K], gradient)
    assert not d_outputs[1:-1, K:].any()
    assert np.isnan(d_outputs[[0, -1]]).all() and np.isnan(of_rows[[0, -1]]).all()
    for k in range(n):
        alone, of_alone = loss.of_rows(outputs[k : k + 1], targets[k : k + 1], weights[k : k + 1])
        assert_same_bits(alone, expected[k : k + 1])
        assert_same_bits(of_alone, gradient[k : k + 1])


def ragged(n, I=3, shortest=1, longest=9, seed=0):
    """n arrays (T, I) of normal numbers."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((T, I)) for T in rng.integers(shortest, longest + 1, n)]


def labelled(n, n_classes=3, I=3, shortest=1, longest=9, seed=0):
    """Ragged sequences whose level tells their class, and the classes in turn."""
    y = np.arange(n) % n_classes
    X = ragged(n, I, shortest, longest, seed)
    return [x + 1.5 * (c - (n_classes - 1) / 2) for x, c in zip(X, y, strict=True)], y


def tokens(n, n_tokens=5, shortest=1, longest=9, seed=0):
    """n arrays (T,) of integers; the first begins with the largest."""
    rng = np.random.default_rng(seed)
    X = [rng.integers(0, n_tokens, T) for T in rng.integers(shortest, longest + 1, n)]
    X[0][0] = n_tokens - 1
    return X


def read_only(array):
    array = np.array(array)
    array.flags.writeable = False
    return array


def assert_same_bits(actual, expected):
    """Arrays, or lists or object arrays of arrays, equal to the last bit."""
    if isinstance(actual, list) and isinstance(expected, list):
        for a, b in zip(actual, expected, strict=True):
            assert_same_bits(a, b)
        return
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape and actual.dtype == expected.dtype
    if actual.dtype == object:
        for a, b in zip(actual, expected, strict=True):
            assert_same_bits(a, b)
    else:
        assert actual.tobytes() == expected.tobytes()


def assert_slope(loss, *pairs, tolerance=1e-6):
    """The slope of `loss()` along random directions is the gradient's projection on them.

    pairs are of an array that `loss` reads, and its gradient; an element of zero may be a gap between parameters, and
    stays.
    """
    rng = np.random.default_rng(9)
    pairs = [(array, np.array(gradient), array.copy()) for array, gradient in pairs]
    for _ in range(3):
        directions = [rng.standard_normal(array.shape) * (array != 0) for array, _, _ in pairs]
        sides = []
        for step in (1e-6, -1e-6):
            for (array, _, before), direction in zip(pairs, directions, strict=True):
                array[...] = before + step * direction
            sides.append(loss())
        for array, _, before in pairs:
            array[...] = before
        expected = sum(
            (gradient * direction).sum() for (_, gradient, _), direction in zip(pairs, directions, strict=True)
        )
        assert_within(tolerance, expected, (sides[0] - sides[1]) / 2e-6)


def assert_refused(estimator, call, match, error=ValueError):
    """One error, and the estimator is what it was."""
    before = copy.deepcopy(_fitted(estimator))
    with pytest.raises(error, match=f"(?s){match}"):
        call()
    after = _fitted(estimator)
    assert before.keys() == after.keys()
    if "network_" not in before:
        with pytest.raises(NotFittedError):
            check_is_fitted(estimator)
        return
    for name in before:
        if name != "network_":
            one, other = (value if isinstance(value, list) else [value] for value in (before[name], after[name]))
            assert len(one) == len(other) and all(map(np.array_equal, one, other)), name
    assert_same_bits(after["network_"].theta, before["network_"].theta)


def _fitted(estimator):
    return {name: value for name, value in vars(estimator).items() if name.endswith("_")}


def guard_training(patch):
    """A function that fits an estimator; any other training fails the test."""
    epoch, is_allowed = training.Trainer.epoch, [False]

    def guarded(*arguments):
        assert is_allowed[0], "bad input got as far as training"
        return epoch(*arguments)

    def train(estimator, X, y):
        is_allowed[0] = True
        estimator.fit(X, y)
        is_allowed[0] = False
        return estimator

    patch(training.Trainer, "epoch", guarded)
    return train


def watch_parallel(patch=setattr):
    """Have `threads.run` note the work of each parallel loop it enters, in the list returned."""
    seen, run = [], threads.run

    def watched(work, parallel, serial):
        def noted(n_threads):
            seen.append(work)
            return parallel(n_threads)

        return run(work, noted, serial)

    patch(threads, "run", watched)
    return seen


def run_script(script, timeout=300, **environment):
    """What a fresh process prints; it must end well, and say nothing else.

    Variables of the environment that are None are taken away.
    """
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
    for name, value in environment.items():
        variables.pop(name, None)
        if value is not None:
            variables[name] = str(value)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=variables, timeout=timeout, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


# ------------------------------------------------------------------ estimators of steps and targets


def tagged(n, seed=0):
    """Numbers, labelled by whether their sum so far is positive."""
    X = ragged(n, seed=seed)
    return X, [np.where(x[:, 0].cumsum() > 0, "up", "down") for x in X]


def spelt(n, seed=0):
    """Words with characters, labelled by the word; the first has all tokens and labels there are."""
    rng = np.random.default_rng(seed)
    X = [np.column_stack([x, rng.integers(1, 9, (len(x), 4))]) for x in tokens(n, 5, seed=seed)]
    X[0] = np.column_stack([np.arange(5), np.full((5, 4), 8)])
    for x in X:
        x[:, 3:][x[:, 1:3] > 4] = 0
    return X, [x[:, 0] // 2 for x in X]


def flagged(n, seed=0):
    """Numbers, and whether each of two of them is positive."""
    X = ragged(n, seed=seed)
    return X, [(x[:, :2] > 0).astype(int) for x in X]


def marked(n, seed=0):
    """Numbers, and whether the sums of two of them are positive; and the last sequence has a label of its own."""
    X = ragged(n, seed=seed)
    return X, [np.array([*(x[:, :2].sum(axis=0) > 0), k == n - 1]).astype(int) for k, x in enumerate(X)]


def sorted_twice(n, seed=0):
    """Numbers, each sequence of one of two kinds, and of one of three."""
    X = ragged(n, seed=seed)
    return X, [np.array([("down", "up")[int(x[0, 0] > 0)], "abc"[k % 3]]) for k, x in enumerate(X)]


def changes(n, seed=0):
    """Numbers, and the signs of those of a sequence that come in a row: a label for each change."""
    X = ragged(n, seed=seed)
    signs = [np.where(x[:, 0] > 0, "+", "-") for x in X]
    return X, ["".join(own[np.append(True, own[1:] != own[:-1])]) for own in signs]


def told(n, seed=0):
    """Tokens, and nothing beside."""
    return tokens(n, 5, shortest=2, seed=seed), None


def strokes(n, seed=0):
    """Steps of a pen, and whether it is up then; no targets."""
    return [np.column_stack([x, x[:, 0] > 0.5]) for x in ragged(n, 2, seed=seed)], None


def untaught(n, seed=0):
    """Numbers, and nothing beside."""
    return ragged(n, seed=seed), None


def reversed_tokens(n, seed=0):
    X = tokens(n, 5, seed=seed)
    return X, [x[::-1] for x in X]


def signs(n, seed=0):
    """Numbers, and what their signs are."""
    X = ragged(n, seed=seed)
    X[0][0] = 1
    return X, [(x[:, 0] > 0).astype(int) for x in X]


def counted(n, seed=0):
    """Vectors, and counting down from a number they hold."""
    X = np.random.default_rng(seed).random((n, 3))
    X[0] = 0.99
    return X, [np.arange(int(1 + 4 * x[0]), 0, -1) for x in X]


def slopes(n, seed=0):
    """Vectors, and sequences of two numbers."""
    X = np.random.default_rng(seed).random((n, 3))
    return X, [np.outer(np.arange(1, 2 + int(4 * x[0])), x[1:]) for x in X]


KINDS = {
    "classifier_of_flags": (SequenceClassifier, {}, marked),
    "classifier_of_columns": (SequenceClassifier, {"cell": "lstm"}, sorted_twice),
    "tagger": (SequenceTagger, {"num_layers": 2}, tagged),
    "tagger_of_words": (
        SequenceTagger,
        {"crf": True, "embedding_dim": 3, "character_embedding_dim": 4, "character_hidden_size": 5},
        spelt,
    ),
    "tagger_of_several": (SequenceTagger, {"cell": "gru"}, flagged),
    "transcriber": (SequenceTranscriber, {"num_layers": 2}, changes),
    "generator": (SequenceGenerator, {"embedding_dim": 4, "num_layers": 2}, told),
    "generator_of_streams": (
        SequenceGenerator,
        {"embedding_dim": 4, "stateful": True, "batch_size": 4, "bptt_steps": 5, "cell": "gru"},
        told,
    ),
    "generator_of_numbers": (SequenceGenerator, {"embedding_dim": None, "n_components": 3, "num_layers": 2}, strokes),
    "translator": (SequenceToSequence, {"embedding_dim": 4, "target_embedding_dim": 3}, reversed_tokens),
    "translator_of_numbers": (
        SequenceToSequence,
        {"embedding_dim": None, "attention": "additive", "num_layers": 2, "cell": "gru"},
        signs,
    ),
    "vector_to_tokens": (VectorToSequence, {"target_embedding_dim": 4, "cell": "gru_reset_before"}, counted),
    "vector_to_numbers": (VectorToSequence, {"target_embedding_dim": None}, slopes),
    "autoencoder": (SequenceAutoencoder, {"num_layers": 2}, untaught),
}
WITHOUT_TARGETS = "generator", "generator_of_streams", "generator_of_numbers", "autoencoder"
"""SequenceForecaster, which reads series and no y, is not among them: see `series`."""


def make_estimator(kind, **options):
    estimator, defaults, _ = KINDS[kind]
    small = {"hidden_size": 6, "max_iter": 2, "dropout": 0.0, "recurrent_dropout": 0.0, "random_state": 0}
    return estimator(**{**small, **defaults, **options})


def data_for(kind, n=40, seed=0):
    """X and y; y is None where there is none."""
    return KINDS[kind][2](n, seed)


def assert_refused_by_new(kind, X, y, match, **options):
    """By one with these options that has not been fitted."""
    estimator = make_estimator(kind, **options)
    assert_refused(estimator, lambda: estimator.fit(X, y), match)
    assert_refused(estimator, lambda: estimator.partial_fit(X, y), match)


def answers(model, X):
    """All that a model says of X: lists with an array or a number for each sequence."""
    if isinstance(model, (SequenceTagger, SequenceTranscriber)):
        return [model.predict(X), model.predict_proba(X)]
    if isinstance(model, SequenceClassifier):
        p = model.predict_proba(X)
        return [model.predict(X), np.hstack(p) if isinstance(p, list) else p]
    if isinstance(model, SequenceGenerator):
        of_steps = model._log_probabilities(X)
        ends = np.cumsum([len(x) + (model.embedding_dim is not None) for x in X])[:-1]
        return [[of_steps]] if model._boundary is None else [np.split(of_steps, ends)]
    if isinstance(model, SequenceAutoencoder):
        return [model.transform(X), model.inverse_transform(model.transform(X))]
    if model.network_.target_embedding is None:
        return [model.predict(X)]
    found = [model._decoded(X, beam_width) for beam_width in (1, 3)]
    return [part for parts in found for part in parts]


@contextmanager
def letting_go_of(*kinds):
    """What is made within is let go at once: without a search for cycles, before which much would stay in memory."""

    def there():
        return sum(type(one) in kinds for one in gc.get_objects())

    gc.collect()
    before = there()
    gc.disable()
    try:
        yield
        assert there() == before
    finally:
        gc.enable()
