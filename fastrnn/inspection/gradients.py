"""Integrated gradients: what the steps and channels of a sequence have in a network's answer."""

import warnings
from copy import deepcopy
from numbers import Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_scalar

from fastrnn.classifier import SequenceClassifier
from fastrnn.inspection.answers import answers_of, columns_of, explained
from fastrnn.inspection.pieces import all_of, baseline_of, read_texts
from fastrnn.losses.answers import logistic_answer
from fastrnn.regressor import SequenceRegressor
from fastrnn.sequences import Given, Sequences
from fastrnn.tagger import SequenceTagger
from fastrnn.wording import check_count

FAR = 1e4
"""So far below one label's score, others have no probability."""
ROUNDING = 64
"""Units in an answer's last place that rounding alone may put a sum off by."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
POINTS, SHARES = np.concatenate([[0], (_NODES + 1) / 2, [1]]), np.concatenate([[0], _WEIGHTS / 2, [0]])
"""Of a part of a path where gradients are taken, by the rule of Gauss and Legendre, and its ends."""


def integrated_gradients(estimator, X, *, target=None, step=-1, baseline=None, tol=1e-3, n_steps=2000):
    """Share out what a network's answer differs by from its answer to a baseline, among steps and channels.

    The input goes from the baseline to the sequence on a straight line. The attribution of a number is the integral
    of the answer's gradient in this number along the line, times its distance from the baseline. The attributions of a
    sequence sum to the difference of the two answers, ``predictions - baseline_predictions``. A positive one says that
    the number speaks for the answer.

    Parameters
    ----------
    estimator : SequenceClassifier, SequenceRegressor or SequenceTagger
        The fitted network. It may be a Pipeline of a Tokenizer and the network; the steps are then tokens.
    X : list of n arrays or frames of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T), or n texts
        The sequences, as the estimator reads them.
    target : label, int or list of n of them, default=None
        The class whose probability is explained, or the number of an output of a regressor. None takes the most
        probable class of each sequence, or the first output.
    step : int, default=-1
        Which step's answer is explained, if the model answers at each step. -1 is the last.
    baseline : float, int or array of shape (I,) or (T, I), default=None
        Where the line begins, in the units of X. None takes the mean of each number in training, as `normalize_X`
        subtracts it; what is not standardised begins at 0. For tokens it is a token, whose vector stands in place of
        all; None takes vectors of zeros.
    tol : float, default=1e-3
        How exact the sum must be, as a fraction of the difference of the two answers.
    n_steps : int, default=2000
        Number of points, a sequence, after which no more are added. The first are 80. Where the answer changes suddenly
        on the line, more are taken.

    Returns
    -------
    Bunch
        attributions : ndarray of shape (n,)
            An object array of n arrays: (T_i, I) for numbers; (T_i,) for tokens, where the numbers of a token's vector
            are summed, and for sequences that came as (T_i,).
        predictions, baseline_predictions : ndarray of shape (n,)
            The answers to the sequences and to the baseline.
        targets : ndarray of shape (n,)
            Their classes, or numbers of outputs.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If the estimator is another model, or a Pipeline with other steps.
    ValueError
        If there is no such target or step, or if the baseline does not fit. Also if the model refuses X.

    Warns
    -----
    ConvergenceWarning
        If the sum is not as exact as `tol` asks for after `n_steps` points.

    See Also
    --------
    occlusion : For any model; it needs no gradients.
    permutation_importance : What a score owes to channels and stretches of time.

    Notes
    -----
    The method is of Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", ICML 2017. Explained are
    probabilities and not their logarithms: they are what `predict_proba` gives. The integral is that of Gauss and
    Legendre with eight points in each of eight parts of the line. A part is halved, again and again, while what it
    gives is not the difference of the answers at its ends.

    A network that reads patches is explained through them: attributions are those of the steps of X. Each sequence is
    computed by itself, and its attributions depend neither on the others nor on the number of threads. A point costs
    a prediction, and what the sequence costs in an epoch of training.

    Examples
    --------
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> from fastrnn.inspection import integrated_gradients
    >>> X, y = load_japanese_vowels(split="train")
    >>> clf = SequenceClassifier(max_iter=5, random_state=0).fit(X, y)
    >>> found = integrated_gradients(clf, X[:1])
    >>> difference = found.predictions[0] - found.baseline_predictions[0]
    >>> bool(abs(found.attributions[0].sum() - difference) < 0.01 * difference)
    True
    """
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    if not isinstance(last, (SequenceClassifier, SequenceRegressor, SequenceTagger)):
        of = "a SequenceClassifier, SequenceRegressor or SequenceTagger"
        raise TypeError(f"integrated gradients are of {of}; got a {type(last).__name__}: occlusion takes any model")
    check_count("n_steps", n_steps)
    check_scalar(tol, "tol", Real, min_val=0)
    model, X = read_texts(estimator, X)
    if hasattr(model, "steps"):
        way = "pass its last step, pipe[-1], and what that reads, pipe[:-1].transform(X)"
        raise TypeError(f"integrated gradients are of a network, not of what other steps make of X: {way}")
    model._refuse_holes("gives the network more than the columns of X, and that has no gradients: use occlusion")
    said = answers_of(model, X, step)
    columns, path = columns_of(model, said, target), _Path(model, X, baseline, tol, n_steps)
    found, before = zip(*(path(k, column, step) for k, column in enumerate(columns)), strict=True)
    is_flat = not model._reads_numbers() or np.ndim(next(iter(X))) < 2  # the names of a table's columns have no axes
    return explained(model, said, columns, found, is_flat, baseline_predictions=np.array(before))


class _Path:
    """The straight way from a baseline to each sequence, as the recurrent stack reads it, and gradients along it."""

    def __init__(self, model, X, baseline, tol, n_steps):
        self._model, self._baseline, self._network = model, baseline, deepcopy(model.network_)
        self._tol, self._n_steps, self._given = tol, n_steps, model._check_sequences(X, reset=False)
        self._stored = model._standardised(self._given, None, goes_on=True)
        self._network.encoder.embedding = None  # of tokens the path has the vectors

    def __call__(self, k, column, step):
        """The attributions (T, I) of sequence k, or (T, 1) of tokens, and the answer to the baseline."""
        first, last = (self._of_numbers if self._model._reads_numbers() else self._of_tokens)(k)
        edges, n_points, mean, gap, before = np.linspace(0, 1, 9), 0, np.zeros(last.shape), 0.0, None
        spans = np.column_stack([edges[:-1], edges[1:]])
        while len(spans):
            points = spans[:, :1] + np.diff(spans) * POINTS
            answers, gradients = self._at(points.ravel(), k, first, last, column, step)
            answers, n_points = answers.reshape(points.shape), n_points + points.size
            if before is None:
                before, allowed = answers[0, 0], self._tol * abs(answers[-1, -1] - answers[0, 0])
                rounding = ROUNDING * np.finfo(self._network.theta.dtype).eps * np.abs(answers).max()
            of_spans = np.einsum("mptw,p->mtw", gradients.reshape(*points.shape, *last.shape), SHARES)
            of_spans *= np.diff(spans)[:, :, np.newaxis]
            gaps = (of_spans * (last - first)).sum(axis=(1, 2)) - answers[:, -1] + answers[:, 0]
            is_good = (np.abs(gaps) <= max(allowed, rounding) / 16) | (n_points >= self._n_steps)
            mean, gap = mean + of_spans[is_good].sum(axis=0), gap + gaps[is_good].sum()
            spans = _halves(spans[~is_good])
        if not abs(gap) <= allowed + rounding:
            found = f"after {n_points} points the attributions of X[{k}] sum to {abs(gap):.2g} too much or too little"
            warnings.warn(f"{found}: raise n_steps, or tol", ConvergenceWarning, stacklevel=4)
        if not self._model._reads_numbers():
            return ((last - first) * mean).sum(axis=1, keepdims=True), before
        mean = mean if self._stored.stride == 1 else self._through_patches(mean, self._given.lengths[k])
        return (last - first)[: len(mean), : mean.shape[1]] * mean, before

    def _at(self, points, k, first, last, column, step):
        """The answers at some points of the path to sequence k (n,), and their gradients (n T, W) in what is read."""
        n, (T, width), path = len(points), last.shape, self._stored.some(np.full(len(points), k))
        values = first + points[:, np.newaxis, np.newaxis] * (last - first)
        path.values = values.reshape(-1, width).astype(self._network.theta.dtype)
        with self._model._computing():
            outputs = self._network.predict(path)
            rows = np.arange(n) if len(outputs) == n else np.arange(n) * T + step % T
            answers, slopes = _slopes(self._model, outputs, path, rows, column)
            return answers, self._network.gradients(path, slopes)

    def _of_numbers(self, k):
        """Baseline and sequence, standardised."""
        shape = self._given.lengths[k], self._given.width
        x = baseline_of(self._model, self._baseline, shape, f"X[{k}]")
        start = self._model._standardised(Given([x], [len(x)]), None, goes_on=True)
        return start.values.astype(np.float64), self._stored[k].astype(np.float64)

    def _of_tokens(self, k):
        """Baseline and sequence, as vectors."""
        tokens = self._stored[k]
        last = self._network.vectors(tokens).astype(np.float64)
        if self._baseline is None:
            return np.zeros_like(last), last
        same, ends = all_of(self._baseline, tokens), np.array([0, len(tokens)])
        self._model._check_tokens(Sequences(same, ends), self._model._token_limits(), "the fit was on", "baseline")
        return self._network.vectors(same).astype(np.float64), last

    def _through_patches(self, mean, T):
        """The gradients (T, I) in a sequence of those in its steps and their changes, as `Given.with_changes` has them.

        x_t is in the change at t and, with the other sign, in that at t + 1; past the end the last step comes again.
        """
        I, scale = mean.shape[1] // 2, self._model._X_scale
        changes = np.vstack([np.zeros(I), (mean[:, I:] * (scale[:I] / scale[I:]))[1:], np.zeros(I)])
        found = mean[:, :I] - np.diff(changes, axis=0)
        found[T - 1] += found[T:].sum(axis=0)
        return found[:T]


def _halves(spans):
    """Each of them (n, 2) in two parts."""
    halves = np.repeat(spans, 2, axis=0)
    halves[0::2, 1] = halves[1::2, 0] = spans.mean(axis=1)
    return halves


def _slopes(model, outputs, path, rows, column):
    """The answers in one column of these rows, and the gradients of each in a sequence's outputs, (R, K) in all."""
    K, slopes = outputs.shape[1], np.zeros(outputs.shape)
    said = model._answered(outputs, path).reshape(len(outputs), -1)
    answers = said[rows, column]
    if isinstance(model, SequenceRegressor):
        slopes[rows, column] = model._y_scale[column]
    elif K == 1 or model._answer is logistic_answer:
        slopes[rows, column % K] = answers * (1 - answers) * (-1 if column < said.shape[1] - K else 1)
    else:
        # The gradient of a probability p in scores: p times what all would change by if this label were known.
        known = outputs.copy()
        known[rows] -= FAR
        known[rows, column] = outputs[rows, column]
        changes = model._answered(known, path) - said
        slopes[:] = np.repeat(answers, len(outputs) // len(rows))[:, np.newaxis] * changes
    return answers, slopes
