"""What an answer changes by when a part of a sequence is hidden."""

from itertools import product
from numbers import Integral, Real

import numpy as np

from fastrnn.base import COUNT
from fastrnn.inspection.answers import answers_of, columns_of, explained
from fastrnn.inspection.pieces import Pieces, replaced
from fastrnn.network.parts import portions
from fastrnn.wording import counted, shown


def occlusion(estimator, X, *, window=0.1, stride=None, channels=None, baseline=None, target=None, step=-1):
    """Measure how much an answer changes when a part of a sequence is hidden.

    A window of steps slides along each sequence, one channel at a time. In the window the values of the channel are
    replaced by a baseline. The attribution of a step is what the answer was, minus what it becomes, as a mean over the
    windows that cover the step. A positive number says that the step speaks for the answer.

    Parameters
    ----------
    estimator : estimator
        Any fitted model of sequences that has `predict_proba` or predicts numbers. It may be a Pipeline. Of texts, the
        steps are the tokens of the Tokenizer at its beginning.
    X : list of n arrays or frames of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T), or n texts
        The sequences, as the estimator reads them.
    window : int or float, default=0.1
        Number of steps of a window, or as a float a fraction of the sequence's length (but at least one step).
    stride : int or float, default=None
        How far the window moves, in the unit of `window`. It is at most a window. None takes a whole window.
    channels : list or "all", default=None
        The channels to hide: names of a frame's columns, or numbers. A list inside the list is hidden together. "all"
        hides whole steps. None takes each channel by itself. Tokens are always hidden whole.
    baseline : float, int or array of shape (I,) or (T, I), default=None
        What stands in the window, in the units of X. None takes the mean of each channel in training, as `normalize_X`
        subtracts it; other models and Pipelines must be given one. For tokens it is a token; None is the token 0, which
        a Tokenizer takes for unknown ones.
    target : label, int or list of n of them, default=None
        The class whose probability is explained, or the number of an output of a model that predicts numbers. None
        takes the most probable class of each sequence, or the first output. A SequenceTranscriber has one class more,
        "(blank)".
    step : int, default=-1
        Which step's answer is explained, if the model answers at each step. -1 is the last.

    Returns
    -------
    Bunch
        attributions : ndarray of shape (n,)
            An object array of n arrays: (T_i, C) for C channels; (T_i,) for tokens, for channels="all", and for
            sequences that came as (T_i,).
        predictions : ndarray of shape (n,)
            The answers that are explained.
        targets : ndarray of shape (n,)
            Their classes, or numbers of outputs.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If there is no such channel, target or step, if the window is longer than all sequences, or if the baseline does
        not fit or is missing. Also if the model refuses X.

    See Also
    --------
    integrated_gradients : Attributions that sum to the whole difference from a baseline, for networks alone.
    permutation_importance : What a score owes to channels and stretches of time.

    Notes
    -----
    Each window and channel is one more prediction. The method is of Zeiler and Fergus, "Visualizing and understanding
    convolutional networks", ECCV 2014, section 4.2. Attributions do not depend on the other sequences in X.

    Examples
    --------
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> from fastrnn.inspection import occlusion
    >>> X, y = load_japanese_vowels(split="train")
    >>> clf = SequenceClassifier(max_iter=5, random_state=0).fit(X, y)
    >>> found = occlusion(clf, X[:2], window=5)
    >>> [a.shape for a in found.attributions] == [X[0].shape, X[1].shape]
    True
    """
    pieces = Pieces(estimator, X)
    arrays, groups = pieces.arrays, list(pieces.groups(channels).values())
    sizes = _sizes(window, "window", arrays)
    strides = sizes if stride is None else np.minimum(_sizes(stride, "stride", arrays), sizes)
    said = answers_of(pieces.estimator, pieces(arrays, range(len(arrays))), step)
    baselines = [pieces.baseline(baseline, k) for k in range(len(arrays))]
    columns, found = columns_of(pieces.estimator, said, target), []
    for k, x in enumerate(arrays):
        spans = [np.arange(t, min(t + sizes[k], len(x))) for t in range(0, len(x), strides[k])]
        jobs, changes = list(product(range(len(groups)), spans)), np.zeros((len(x), len(groups)))
        for numbers in portions(len(jobs)):
            some = [jobs[j] for j in numbers]
            hidden = [replaced(x, rows, groups[g], baselines[k], rows) for g, rows in some]
            after = answers_of(pieces.estimator, pieces(hidden, [k] * len(some)), step)[:, columns[k]]
            for (g, rows), change in zip(some, said[k, columns[k]] - after, strict=True):
                changes[rows, g] += change
        found.append(changes / np.bincount(np.concatenate(spans))[:, np.newaxis])
    is_flat = pieces.are_tokens or isinstance(channels, str) or arrays[0].ndim == 1
    return explained(pieces.estimator, said, columns, found, is_flat)


def _sizes(size, name, arrays):
    """Steps of each sequence that a number of steps, or a fraction of the length, stands for."""
    lengths = np.array([*map(len, arrays)])
    if isinstance(size, Real) and not isinstance(size, Integral) and 0 < size <= 1:
        return np.maximum(1, np.round(size * lengths).astype(int))
    if not COUNT.is_satisfied_by(size):
        raise ValueError(f"{name}={shown(size)}; expected a number of steps >= 1, or a fraction of the length")
    if size > lengths.max():
        raise ValueError(f"{name}={size}, but the longest sequence has {counted(lengths.max())}: give a smaller one")
    return np.full(len(arrays), size)
