"""What a model believes, step by step."""

from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted, check_scalar

from fastrnn.classifier import SequenceClassifier
from fastrnn.inspection.drawing import COLOURS, axes_for, name_steps
from fastrnn.inspection.networks import one_sequence


class ProbabilitiesDisplay:
    """The probability of each class after each step of a sequence.

    Parameters
    ----------
    probabilities : array (T, K)
    classes : array (K,)
    truth : array (T, K) of bool, optional
        Which classes, or labels, each step has.
    max_classes : int, default=6
        Lines, at most: the classes that are true or become most probable.  The sum of all others is one more.
    labels : list of T names, optional
        Of the steps; by default their numbers.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : dict of class to Line2D
        Those drawn.
    other_line_ : Line2D or None
    marks_ : dict of class to Line2D
        Dots at the steps where a class is true.

    Examples
    --------
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> from fastrnn.inspection import ProbabilitiesDisplay
    >>> X, y = load_japanese_vowels(split="train")
    >>> clf = SequenceClassifier(max_iter=5, random_state=0).fit(X, y)
    >>> display = ProbabilitiesDisplay.from_estimator(clf, X[0], y[0], max_classes=3)
    >>> len(display.lines_), bool(y[0] in display.lines_)
    (3, True)
    >>> display.lines_[y[0]].get_ydata()[-1] == clf.predict_proba(X[:1])[0, 0]
    np.True_
    """

    def __init__(self, *, probabilities, classes, truth=None, max_classes=6, labels=None):
        self.probabilities, self.classes, self.truth = probabilities, classes, truth
        self.max_classes, self.labels = max_classes, labels

    @classmethod
    def from_estimator(cls, estimator, x, y=None, *, max_classes=6, labels=None, ax=None):
        """Draw what a fitted model says of a sequence.

        Parameters
        ----------
        estimator : classifier or SequenceTagger
            Of a classifier the probabilities given the steps so far alone, by its `stream` or, if it reads ahead, as it
            says of each beginning by itself.  Of a tagger those of each step, given what it reads of the sequence.
            Also a Pipeline, or any classifier of sequences with `predict_proba`.
        x : array (T, I) or (T,)
            One sequence.
        y : label, or array (T,) or (T, K), optional
            The true label of the sequence, or of each step.
        max_classes, labels
            As for the class.
        ax : matplotlib Axes, optional
            Where to draw; by default in a new figure.

        Returns
        -------
        ProbabilitiesDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        NotFittedError
            Before its `fit`.
        TypeError
            If the estimator has no probabilities of classes.
        ValueError
            For more than one sequence, one that the model does not know, or labels that are none of its classes.
        """
        check_is_fitted(estimator)
        if not (hasattr(estimator, "predict_proba") and hasattr(estimator, "classes_")):
            raise TypeError(
                f"{cls.__name__} shows a classifier's or a tagger's predict_proba, which {type(estimator).__name__} "
                "has not"
            )
        said = _said(estimator, one_sequence(x))
        truth = None if y is None else _truth(y, estimator.classes_, *said.shape)
        shown = {"truth": truth, "max_classes": max_classes, "labels": labels}
        return cls(probabilities=said, classes=estimator.classes_, **shown).plot(ax)

    def plot(self, ax=None):
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        self

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            If labels are not one a step.
        """
        check_scalar(self.max_classes, "max_classes", Integral, min_val=1)
        said, steps = np.asarray(self.probabilities), np.arange(len(self.probabilities))
        truth = np.zeros(said.shape, bool) if self.truth is None else np.asarray(self.truth)
        ranks = np.argsort(-said.max(axis=0) - truth.any(axis=0), kind="stable")
        shown, rest = np.sort(ranks[: self.max_classes]), ranks[self.max_classes :]
        self.ax_ = ax = axes_for(self, ax, figsize=(8, 4))
        self.figure_, self.lines_, self.marks_, self.other_line_ = ax.figure, {}, {}, None
        for n, k in enumerate(shown):
            style = {"color": COLOURS[n % len(COLOURS)], "ls": ("-", "--", ":")[n // len(COLOURS) % 3]}
            (self.lines_[self.classes[k]],) = ax.plot(steps, said[:, k], label=str(self.classes[k]), **style)
            if (true := truth[:, k]).any():
                (self.marks_[self.classes[k]],) = ax.plot(steps[true], said[true, k], "o", ms=5, color=style["color"])
        if rest.size and np.allclose(said.sum(axis=1), 1):  # several labels a step have no sum to speak of
            name = f"{rest.size} other{'s' * (rest.size > 1)}"
            (self.other_line_,) = ax.plot(steps, said[:, rest].sum(axis=1), color="0.6", lw=1, label=name)
        if self.marks_:
            ax.plot([], [], "o", ms=5, color="0.3", label="true")
        name_steps(ax.xaxis, self.labels, len(steps))
        ax.set(xlabel="step", ylabel="probability", ylim=(-0.03, 1.03))
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
        return self


def _said(estimator, x):
    """Probabilities (T, K)."""
    whole = estimator.predict_proba([x])[0]
    if np.ndim(whole) == 2:
        return whole
    try:
        stream = estimator.stream() if isinstance(estimator, SequenceClassifier) else None
    except ValueError:  # it reads ahead
        stream = None
    if stream is not None:
        return np.stack([stream.step(x_t) for x_t in x])
    return estimator.predict_proba([x[:t] for t in range(1, len(x) + 1)])


def _truth(y, classes, n_steps, n_classes):
    """Which classes are true, (T, K)."""
    y = np.asarray(y)
    if y.shape not in ((), (n_steps,), (n_steps, n_classes)):
        raise ValueError(
            f"y has shape {y.shape}; expected one label, or {n_steps}, one a step, or rows {(n_steps, n_classes)}"
        )
    if y.ndim == 2:
        return y.astype(bool)
    truth = np.broadcast_to(y, n_steps)[:, np.newaxis] == classes
    if not truth.any(axis=1).all():
        wrong = np.broadcast_to(y, n_steps)[np.argmin(truth.any(axis=1))]
        raise ValueError(f"y holds the label {wrong!r}; the classes are {classes}")
    return truth
