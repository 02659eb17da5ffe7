"""Classify sequences before they end: a label as soon as it is sure."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from fastrnn.base.files import refuse_files
from fastrnn.base.wrapping import check_taken, show
from fastrnn.classifier import SequenceClassifier
from fastrnn.storage import check, expect
from fastrnn.training import Checkpoint
from fastrnn.wording import shown

NEEDED = {"bidirectional": (False,), "readout": ("last", "auto"), "patch_length": (1, "auto")}
"""Of the estimator's parameters: what lets it answer after each step."""
ALIKE = 0.01
"""Harmonic means that are no further apart are different by chance."""
IN_MEMORY = "EarlyClassifier reads what is in memory: give it the sequences of some of the files"


class EarlyClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Give a sequence its label as soon as the label is sure enough, before the sequence ends.

    The network learns to give the label after each step, and not only after the last one. A sequence gets its label at
    the first step where the most probable label has a probability of `threshold_` or more. If there is no such step, it
    gets the label that is most probable at its end.

    The earlier the answer, the more often it is wrong. `fit` chooses the threshold by cross-validation, so that the
    harmonic mean of the accuracy and 1 - earliness is large. Earliness is the mean fraction of a sequence that is read
    before it gets its label.

    Parameters
    ----------
    estimator : SequenceClassifier
        The model, with ``bidirectional=False``. It stays as it is. It has to answer after each step, so "auto" is
        readout="last" and patch_length=1 here.
    cv : int, splitter or iterable of (train, test), default=5
        Which sequences are held out to choose the threshold, as for `sklearn.model_selection.GridSearchCV`. The network
        is trained once on all sequences, and then once for each split, which no `Checkpoint` keeps.
    threshold : float or None, default=None
        A threshold of your own, from 0 to 1. Nothing is held out then, and the network is trained once.

    Attributes
    ----------
    estimator_ : SequenceClassifier
        The fitted model. Its answers are those after the last step of what it is given.
    threshold_ : float
        The least probability of a label that is sure.
    best_score_ : float or None
        The harmonic mean of accuracy and 1 - earliness on what was held out. None with a threshold of your own.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    n_features_in_ : int
        Number of features in a step; for a 2-D X its number of columns.
    feature_names_in_ : ndarray of shape (I,)
        The names of the columns, if X is a frame or a list of frames with one sequence each.

    See Also
    --------
    SequenceClassifier : The model that it takes.
    SequenceTagger : Labels that may change from step to step.

    Notes
    -----
    The harmonic mean, and the name earliness, are those of P. Schäfer and U. Leser, "TEASER: early and accurate time
    series classification", Data Mining and Knowledge Discovery 34, 2020. TEASER trains a classifier for each of some
    lengths, and asks for the same answer several times in a row. Here one network reads each sequence once, and a
    threshold is enough.

    Which threshold is best, among many that are nearly as good, is chance. So `threshold_` is the mean of those around
    the best one whose harmonic mean is at most 0.01 below the largest.

    Each sequence has the same weight in training, and each of its steps an equal share of it.

    Examples
    --------
    >>> from fastrnn import EarlyClassifier, SequenceClassifier
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(split="train")
    >>> clf = SequenceClassifier(bidirectional=False, hidden_size=16, max_iter=20, random_state=0)
    >>> early = EarlyClassifier(clf, cv=2).fit(X, y)
    >>> X_test, y_test = load_japanese_vowels(split="test")
    >>> labels, steps = early.predict(X_test, return_steps=True)
    >>> bool((labels == y_test).mean() > 0.7), bool(steps.mean() < 8)  # of 16 on average
    (True, True)

    Step by step:

    >>> stream = early.stream()
    >>> for x in X_test[0]:
    ...     if (label := stream.step(x)) is not None:
    ...         break
    >>> bool(label == labels[0]), stream.n_steps == steps[0]
    (True, np.True_)
    """

    _parameter_constraints = {"cv": ["cv_object"], "threshold": [Interval(Real, 0, 1, closed="both"), None]}

    def __init__(self, estimator, *, cv=5, threshold=None):
        self.estimator, self.cv, self.threshold = estimator, cv, threshold

    def fit(self, X, y=None, sample_weight=None, groups=None, *, static=None):
        """Train the network, and choose the threshold.

        Parameters
        ----------
        X : list of n arrays or frames of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
            The sequences, whole, in any form that the estimator takes.
        y : array-like of shape (n,)
            The label of each sequence.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence. None gives all the same weight.
        groups : array-like of shape (n,), default=None
            What `cv` holds out together, such as the person whom a sequence is of, and what the estimator's
            `early_stopping` does if its `validation_fraction` is a splitter.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, as for the estimator's `fit`.

        Returns
        -------
        self
            The fitted classifier.

        Raises
        ------
        ValueError
            If a parameter or the input is wrong, or the estimator is another one or needs whole sequences.
        DivergenceError
            If the loss of a network becomes NaN or infinite.

        Warns
        -----
        ConvergenceWarning
            As the estimator's `fit` warns.
        """
        refuse_files(X, IN_MEMORY)
        self._check_parameters()
        splits = None if self.threshold is not None else self._splits(y, groups)
        given = X, y, sample_weight, static, groups
        model = self._trained(*given)
        return self._take(model, *((self.threshold, None) if splits is None else self._chosen(splits, model, *given)))

    def predict(self, X, return_steps=False, *, static=None):
        """Predict the label of each sequence, at the step where it is sure.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        return_steps : bool, default=False
            Whether to return the number of steps that were read of each sequence, too.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, with the columns that `fit` had. It needs them if `fit` had any.

        Returns
        -------
        ndarray of shape (n,)
            The labels. Later steps do not change them.
        ndarray of int of shape (n,)
            If `return_steps` is True: how many steps were read, from 1 to T_i.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        probabilities, steps, _ = self._decided(X, static)
        labels = self.classes_[probabilities.argmax(axis=1)]
        return (labels, steps) if return_steps else labels

    def predict_proba(self, X, *, static=None):
        """Predict the probability of each label, at the step where the label is sure.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, with the columns that `fit` had. It needs them if `fit` had any.

        Returns
        -------
        ndarray of shape (n, n_classes)
            A row for each sequence. The columns are in the order of `classes_`, and each row sums to 1.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        return self._decided(X, static)[0]

    def score(self, X, y, sample_weight=None, *, static=None):
        """Compute the harmonic mean of the accuracy and 1 - earliness.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        y : array-like of shape (n,)
            The true labels.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence. None gives all the same weight.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, with the columns that `fit` had. It needs them if `fit` had any.

        Returns
        -------
        float
            By this number `fit` chooses the threshold. It is from 0 to 1. The accuracy alone is scoring="accuracy".

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        probabilities, steps, lengths = self._decided(X, static)
        model, labels = self.estimator_, self.classes_[probabilities.argmax(axis=1)]
        true, labels, weights = model._compared(labels, None, y, model._check_weights(sample_weight, len(labels)))
        return _harmonic_mean(true == labels, steps / lengths, weights)

    def stream(self, batch=1, *, static=None):
        """Start a stream, which reads sequences one step at a time until their labels are sure.

        Parameters
        ----------
        batch : int, default=1
            Number of sequences that are read side by side.
        static : array-like or frame of shape (batch, F), default=None
            Facts of these sequences, with the columns that `fit` had. It needs them if `fit` had any.

        Returns
        -------
        fastrnn.early.EarlyStream
            A stream at the beginning of its sequences. Its labels are those of `predict`.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        """
        check_is_fitted(self)
        return EarlyStream(self.estimator_.stream(batch, static=static), self.classes_, self.threshold_)

    def _check_parameters(self):
        self._validate_params()
        check_taken(self, [SequenceClassifier])
        for name, allowed in NEEDED.items():
            if (value := getattr(self.estimator, name)) not in allowed:
                found = f"the estimator has {name}={value!r}, which does not answer after each step"
                raise ValueError(f"{found}: set {name}={allowed[0]!r}")

    def _trained(self, X, y, sample_weight, static, groups, least=None, **others):
        """The model; with room for the tokens of another one's sizes, at `least`."""
        own = clone(self.estimator).set_params(**{name: allowed[0] for name, allowed in NEEDED.items()}, **others)
        known = groups if hasattr(own.validation_fraction, "split") else None  # a fraction refuses them
        learner = _Learner(**own.get_params(deep=False))
        learner.least = least or {}
        learner.fit(X, y, sample_weight, static=static, groups=known)
        del learner.least
        vars(own).update(vars(learner))
        return own

    def _splits(self, y, groups):
        """The pairs of what is trained on and what is held out."""
        from sklearn.model_selection import check_cv

        y, splits = self.estimator._check_y(y), []
        every = np.arange(len(y))
        for k, pair in enumerate(check_cv(self.cv, y, classifier=True).split(np.empty((len(y), 0)), y, groups)):
            try:
                train, test = (every[np.asarray(part)] for part in pair)
            except (IndexError, TypeError, ValueError):
                expected = f"two arrays, of numbers below {len(y)} or of {len(y)} booleans: to train on and to hold out"
                raise ValueError(f"split {k} of cv is {shown(pair)}; expected {expected}") from None
            known = np.unique(y[train])
            if len(known) < 2 or not len(test):
                found = f"has one class to learn, {shown(known)}" if len(test) else "holds out nothing"
                raise ValueError(f"split {k} of cv {found}: give cv= other splits, or a threshold of your own")
            splits.append((train, test))
        if not splits:
            raise ValueError("cv has no splits: give it a number of folds, or a threshold of your own")
        return splits

    def _chosen(self, splits, whole, X, y, sample_weight, static, groups):
        """The threshold that is best for what is held out, and its harmonic mean."""
        y, weights = self.estimator._check_y(y), self.estimator._check_weights(sample_weight, len(y))
        given, found = (X, y, weights, static, groups), []
        callbacks = [one for one in self.estimator.callbacks or () if not isinstance(one, Checkpoint)]
        for train, test in splits:
            some = (own if own is None else _safe_indexing(own, train) for own in given)
            model = self._trained(*some, whole._sizes, callbacks=callbacks)
            known = static if static is None else _safe_indexing(static, test)
            probabilities, sequences = _after_each_step(model, _safe_indexing(X, test), known)
            right = model.classes_[probabilities.argmax(axis=1)] == np.repeat(y[test], sequences.lengths)
            found.append((probabilities.max(axis=1), right, sequences.lengths, weights[test]))
        sureness, right, lengths, weights = map(np.concatenate, zip(*found, strict=True))
        offsets = np.append(0, np.cumsum(lengths))

        def score(threshold):
            rows = _first(sureness >= threshold, offsets)
            return _harmonic_mean(right[rows], (rows - offsets[:-1] + 1) / lengths, weights)

        thresholds = np.quantile(sureness, np.linspace(0, 1, 101))
        threshold = _middle(thresholds, np.array([*map(score, thresholds)]))
        return threshold, score(threshold)

    def _take(self, model, threshold, score):
        """Be fitted: have this model and threshold."""
        show(self, model)
        self.estimator_, self.threshold_, self.best_score_ = model, threshold, score
        return self

    def _decided(self, X, static):
        """Of each sequence the probabilities when it is decided, (n, K), how many steps that takes, and its length."""
        refuse_files(X, IN_MEMORY)
        check_is_fitted(self)
        probabilities, sequences = _after_each_step(self.estimator_, X, static)
        rows = _first(probabilities.max(axis=1) >= self.threshold_, sequences.offsets)
        return probabilities[rows], rows - sequences.offsets[:-1] + 1, sequences.lengths

    def _record(self):
        check_is_fitted(self)
        self._check_parameters()
        given = {"cv": self.cv if isinstance(self.cv, Integral) else 5, "threshold": self.threshold}
        fitted, model = {"threshold_": self.threshold_, "best_score_": self.best_score_}, self.estimator_._record()
        return {"class": type(self).__name__, "parameters": given, "fitted": fitted, "model": model}

    @classmethod
    def _restored(cls, tree):
        parameters = dict.fromkeys(("cv", "threshold"), object)
        fitted = {"threshold_": float, "best_score_": lambda score: score is None or type(score) is float}
        check(tree, {"class": cls.__name__, "parameters": parameters, "fitted": fitted, "model": dict}, "model")
        model = SequenceClassifier._restored(tree["model"])
        expect(model._shape["readout"] == "last", "its model has no answer after each step")
        model.stream(static=(n := model._sizes.get("static")) and np.zeros((1, n)))  # or the file lies
        early = cls(clone(model), **tree["parameters"])
        early._check_parameters()
        return early._take(model, *tree["fitted"].values())


class _Learner(SequenceClassifier):
    """It learns to give the label after each step."""

    least = {}
    """Sizes of what has seen more tokens, for which there shall be room."""

    def _measure(self, problem):
        sizes = super()._measure(problem)
        return sizes | {name: max(n, sizes[name]) for name, n in self.least.items() if name in ("inputs", "characters")}

    def _problem(self, *given):
        problem = super()._problem(*given)
        if len(self._class_lists) > 1:
            advice = "fit an EarlyClassifier for each column"
            raise ValueError(f"y has {len(self._class_lists)} columns, but early labels are one a sequence: {advice}")
        lengths = problem.sequences.lengths
        targets, weights = (np.repeat(of, lengths, axis=0) for of in (problem.targets, problem.weights / lengths))
        return problem._replace(targets=targets, weights=weights / weights.mean())

    def _objective(self, problem, chosen=None, freeze=0):
        return self.network_.at_each_step().training(problem, *self._options(chosen, freeze))

    def _judge(self, problem, *held_out):
        """What is held out is judged as whole sequences."""
        sequences = problem.sequences
        targets, weights = (of[sequences.offsets[1:] - 1] for of in (problem.targets, problem.weights))
        return super()._judge(problem._replace(targets=targets, weights=weights * sequences.lengths), *held_out)


_Learner.__name__ = SequenceClassifier.__name__  # of which a Checkpoint writes the file, and messages speak


class EarlyStream:
    """Sequences that are read step by step until their labels are sure; `EarlyClassifier.stream` returns one.

    You need not call the constructor yourself.

    Parameters
    ----------
    stream : fastrnn.streaming.Stream
        The classifier's stream.
    classes : ndarray of shape (n_classes,)
        The labels.
    threshold : float
        The least probability of a label that is sure.

    Attributes
    ----------
    probabilities : ndarray of shape (n_classes,) or (batch, n_classes)
        Those after the last step.
    n_steps : int
        Number of steps that were read since the beginning.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import EarlyClassifier, SequenceClassifier
    >>> X = [np.sin(np.arange(20) * rate) for rate in (0.3, 0.9) * 20]
    >>> clf = SequenceClassifier(bidirectional=False, hidden_size=8, max_iter=30, random_state=0)
    >>> stream = EarlyClassifier(clf, threshold=0.8).fit(X, ["slow", "fast"] * 20).stream()
    >>> stream.step(0.0) is None  # a sine of any rate begins with 0
    True
    >>> label = stream.step(np.sin(0.9)), stream.step(np.sin(1.8))
    >>> str(stream.guess)
    'fast'
    """

    def __init__(self, stream, classes, threshold):
        self._stream, self._classes, self._threshold = stream, classes, threshold
        self.reset()

    @property
    def n_steps(self):  # numpydoc ignore=GL08
        return self._stream.n_steps

    @property
    def guess(self):  # numpydoc ignore=RT01
        """The label if the sequence ended here: the sure one, or else the most probable one; (batch,) of several."""
        if self.n_steps == 0:
            raise ValueError("no step was read yet, so there is no label: call step first")
        best = self._classes[np.atleast_2d(self.probabilities).argmax(axis=1)]
        labels = np.array([own if label is None else label for label, own in zip(self._labels, best, strict=True)])
        return labels[0] if self._stream.batch == 1 else labels

    def reset(self):
        """Begin new sequences."""
        self._stream.reset()
        self._labels = np.full(self._stream.batch, None)

    def step(self, x, time=None):
        """Read one step of each sequence, and return its label if it is sure.

        Parameters
        ----------
        x : array-like of shape (I,), or (batch, I) with a batch
            The step, as for `fastrnn.streaming.Stream.step`.
        time : number or date, or array-like of shape (batch,), default=None
            When the step is, as for `fastrnn.streaming.Stream.step`.

        Returns
        -------
        label or None; with a batch an object ndarray of shape (batch,)
            The label, from the step on at which it is sure, and None before. It does not change until `reset`.

        Raises
        ------
        ValueError
            As `fastrnn.streaming.Stream.step` raises it.
        """
        self.probabilities = self._stream.step(x, time)
        rows = np.atleast_2d(self.probabilities)
        for k in np.flatnonzero(rows.max(axis=1) >= self._threshold):
            if self._labels[k] is None:
                self._labels[k] = self._classes[rows[k].argmax()]
        return self._labels[0] if self._stream.batch == 1 else self._labels.copy()


def _after_each_step(model, X, static):
    """Probabilities (S, K) of the labels after each step, in one pass, and the sequences."""
    sequences = model._checked(X, static)
    outputs = model._computed(model.network_.at_each_step().predict, sequences)
    return model._answered(outputs, sequences), sequences


def _first(is_sure, offsets):
    """The rows of each sequence's first sure step, or of its last one."""
    rows = np.where(is_sure, np.arange(is_sure.size), is_sure.size)
    return np.minimum(np.minimum.reduceat(rows, offsets[:-1]), offsets[1:] - 1)


def _middle(thresholds, scores):
    """The mean of the thresholds around the best one, up to the first on each side that is worse."""
    best, is_worse = int(scores.argmax()), scores < scores.max() - ALIKE
    first = best - np.argmax(is_worse[best::-1]) + 1 if is_worse[:best].any() else 0
    last = best + np.argmax(is_worse[best:]) if is_worse[best:].any() else len(scores)
    return float(thresholds[first:last].mean())


def _harmonic_mean(right, read, weights):
    """Of the accuracy and 1 - earliness, the fraction that is read."""
    accuracy, saved = (np.average(of, weights=weights) for of in (right, 1 - read))
    return float(2 * accuracy * saved / (accuracy + saved)) if accuracy + saved else 0.0
