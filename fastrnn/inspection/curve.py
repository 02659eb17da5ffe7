"""How training went."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fastrnn.inspection.drawing import COLOURS, axes_for, name_steps


class TrainingCurveDisplay:
    """The training loss by epoch and, where there are some, the scores on the held-out part.

    The loss is on a logarithmic axis if its largest value is ten times the least; the scores have an axis of their own
    on the right, and a star marks the epoch whose weights were kept.

    Parameters
    ----------
    losses : array (n_epochs,)
    scores : array (n_epochs,), optional
        Higher is better.
    label : str, optional
        The model's name, for the legend.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    score_ax_ : Axes or None
        That of the scores.
    line_ : Line2D
        The losses.
    score_line_, best_ : Line2D or None
        The scores, and the star.

    Examples
    --------
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> from fastrnn.inspection import TrainingCurveDisplay
    >>> X, y = load_japanese_vowels(split="train")
    >>> clf = SequenceClassifier(max_iter=5, early_stopping=True, random_state=0).fit(X, y)
    >>> display = TrainingCurveDisplay.from_estimator(clf)
    >>> display.line_.get_xdata().tolist(), display.score_ax_.get_ylabel()
    ([1, 2, 3, 4, 5], 'validation score')

    Another beside it, in the same axes:

    >>> rnn = SequenceClassifier(cell="rnn", max_iter=5, early_stopping=True, random_state=0).fit(X, y)
    >>> display = TrainingCurveDisplay.from_estimator(rnn, label="RNN", ax=display.ax_, score_ax=display.score_ax_)
    """

    def __init__(self, *, losses, scores=None, label=None):
        self.losses, self.scores, self.label = losses, scores, label

    @classmethod
    def from_estimator(cls, estimator, *, label=None, ax=None, score_ax=None):
        """Draw the training of a fitted estimator.

        Parameters
        ----------
        estimator
            With `loss_curve_`, and perhaps `validation_scores_`.
        label, ax, score_ax
            As for the class, and for `plot`.

        Returns
        -------
        TrainingCurveDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        NotFittedError
            Before its `fit`.
        TypeError
            If it has no loss curve.
        """
        check_is_fitted(estimator)
        losses = getattr(estimator, "loss_curve_", None)
        if losses is None:
            raise TypeError(
                f"{cls.__name__} shows loss_curve_, which {type(estimator).__name__} has not: of a Pipeline pass pipe[-1]"
            )
        scores = getattr(estimator, "validation_scores_", None)
        return cls(losses=losses, scores=scores, label=label).plot(ax, score_ax)

    def plot(self, ax=None, score_ax=None):
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default in a new figure.
        score_ax : Axes, optional
            Where to draw the scores; by default a new one on `ax`.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        self.ax_ = ax = axes_for(self, ax)
        self.figure_, epochs = ax.figure, np.arange(1, len(self.losses) + 1)
        colour, name = COLOURS[len(ax.lines) % len(COLOURS)], "" if self.label is None else f"{self.label}: "
        (self.line_,) = ax.plot(epochs, self.losses, color=colour, label=f"{name}training loss")
        self.score_ax_ = self.score_line_ = self.best_ = None
        if self.scores is not None and len(self.scores):
            self._draw_scores(ax.twinx() if score_ax is None else score_ax, colour, name)
        every = np.concatenate([line.get_ydata() for line in ax.lines])
        if 0 < 10 * every.min() <= every.max():
            ax.set_yscale("log")
        ax.set(xlabel="epoch", ylabel="training loss")
        name_steps(ax.xaxis)
        handles = [line for each in (ax, self.score_ax_) if each is not None for line in each.lines]
        # Above, where it hides nothing: each axes knows of its own lines only.
        ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False)
        return self

    def _draw_scores(self, ax, colour, name):
        self.score_ax_, best = ax, int(np.argmax(self.scores))
        epochs = np.arange(1, len(self.scores) + 1)
        (self.score_line_,) = ax.plot(epochs, self.scores, "--", color=colour, label=f"{name}validation score")
        star = {"color": colour, "markersize": 12, "linestyle": "", "clip_on": False}
        (self.best_,) = ax.plot(best + 1, self.scores[best], "*", label=f"{name}kept, epoch {best + 1}", **star)
        ax.set_ylabel("validation score")
