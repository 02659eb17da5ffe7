"""Which channels and stretches of time a model's score comes from: permutation importance, and its picture."""

import numpy as np
from sklearn.utils import Bunch, _safe_indexing

from fastrnn.inspection.drawing import COLOURS, check_matplotlib, name_steps, new_axes
from fastrnn.inspection.pieces import Pieces, replaced


def permutation_importance(estimator, X, y, *, channels=None, stretches=None, scoring=None, n_repeats=5, n_jobs=None,
    random_state=None, sample_weight=None, max_samples=1.0):  # fmt: skip
    """Measure how much of a score comes from each channel, or from each stretch of time.

    A channel's values are exchanged among the sequences, at random, and the score is computed anew. What the score
    loses is the importance of the channel. This is repeated. It needs no other training, and it is for any model.

    Parameters
    ----------
    estimator : estimator
        Any fitted model of sequences that can be scored. It may be a Pipeline. Of texts, the steps are the tokens of
        the Tokenizer at its beginning.
    X : list of n arrays or frames of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T), or n texts
        The sequences, as the estimator reads them. Take those that it was not trained on.
    y : array-like of shape (n,), or list of n arrays
        The true answers, as `score` of the estimator takes them.
    channels : list or "all", default=None
        The channels to permute: names of a frame's columns, or numbers. A list inside the list goes together. "all"
        permutes whole steps. None takes each channel by itself; with `stretches`, all together. Tokens always go whole.
    stretches : int or list of pairs, default=None
        The stretches of time to permute. A number cuts each sequence into so many equal parts. A pair of floats, such
        as (0.5, 1.0), is from one fraction of a sequence's length to another. A pair of integers is from one step to
        before another, such as (0, 10), or (-5, None) for the last five. None takes all of the time. With `channels`,
        each of them is permuted in each stretch.
    scoring : str, callable, list, tuple or dict, default=None
        The score, as in scikit-learn. None takes `score` of the estimator. With several scores a dict of results is
        returned.
    n_repeats : int, default=5
        Number of times that each is permuted.
    n_jobs : int or None, default=None
        Number of processes. The networks use threads of their own, so that None is usually right.
    random_state : int, RandomState or None, default=None
        The seed of the permutations.
    sample_weight : array-like, default=None
        Weights, as the score takes them.
    max_samples : int or float, default=1.0
        Number or fraction of the sequences that each repetition takes.

    Returns
    -------
    Bunch
        importances : ndarray of shape (P, n_repeats)
            What the score lost, for each channel or stretch.
        importances_mean, importances_std : ndarray of shape (P,)
            Their means and standard deviations.
        names : list of P str
            What was permuted.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If there is no such channel, or if fewer than two sequences have a step in a stretch. Also if a parameter is
        wrong, or if the model refuses X and y.
    TypeError
        If the estimator has no score, and `scoring` is None.

    See Also
    --------
    sklearn.inspection.permutation_importance : The same for tables; it draws the permutations here.
    occlusion : Which steps and channels the answer to one sequence comes from.

    Notes
    -----
    After Breiman, "Random forests", Machine Learning 45, 2001. Sequences keep their lengths: a model that only looks at
    the length loses nothing. Where two lengths differ, a step takes the value at the same fraction of the other
    sequence, so that some values come twice or not at all. Each value is one that some sequence has.
    If channels tell the same, each may seem unimportant, as the model still has the others; permute them together.

    Examples
    --------
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> from fastrnn.inspection import permutation_importance
    >>> X, y = load_japanese_vowels(split="train")
    >>> clf = SequenceClassifier(max_iter=5, random_state=0).fit(X, y)
    >>> found = permutation_importance(clf, X, y, stretches=3, n_repeats=2, random_state=0)
    >>> found.names, found.importances.shape
    (['0-33.33 %', '33.33-66.67 %', '66.67-100 %'], (3, 2))
    """
    from sklearn.inspection import permutation_importance as of_columns
    from sklearn.metrics import check_scoring

    pieces = Pieces(estimator, X)
    scorer, rows = check_scoring(pieces.estimator, scoring=scoring), np.arange(len(pieces.arrays))
    parts = pieces.parts(channels, stretches)

    def score(model, donors, numbers, **weights):
        """Of the sequences of these numbers, to which those in a column of `donors` give a part each."""
        arrays = [pieces.arrays[k] for k in numbers]
        for column, (columns, its_rows) in zip(donors.T, parts.values(), strict=True):
            if (column != numbers).any():
                arrays = _exchanged(pieces.arrays, numbers, column, columns, its_rows)
        answers = y if y is None or len(numbers) == len(rows) else _safe_indexing(y, numbers)
        return scorer(model, pieces(arrays, numbers), answers, **weights)

    # scikit-learn permutes the columns of a table; ours says who gives each sequence which part.
    options = {"n_repeats": n_repeats, "n_jobs": n_jobs, "random_state": random_state, "max_samples": max_samples}
    donors = np.repeat(rows[:, np.newaxis], len(parts), axis=1)
    found = of_columns(pieces.estimator, donors, rows, scoring=score, sample_weight=sample_weight, **options)
    for bunch in found.values() if isinstance(next(iter(found.values())), dict) else [found]:
        bunch.names = list(parts)
    return found


def _exchanged(arrays, numbers, order, columns, rows):
    """The sequences of these numbers, of which those with a part give it to each other, as this order says."""
    has_part = np.array([len(rows[k]) > 0 for k in numbers])
    takers = numbers[has_part]
    givers = dict(zip(takers[np.argsort(order[has_part])], np.sort(takers), strict=True))
    return [_taken(arrays, k, givers[k], columns, rows) if k in givers else arrays[k] for k in numbers]


def _taken(arrays, k, giver, columns, rows):
    """Sequence k with the part of another one, at the same fractions of their lengths."""
    own, others = rows[k], rows[giver]
    picked = others[((np.arange(len(own)) + 0.5) * len(others) / len(own)).astype(int)]
    return replaced(arrays[k], own, columns, arrays[giver], picked)


class ImportanceDisplay:
    """Draw permutation importances: a bar for each channel or stretch, as long as the mean, with a standard deviation.

    Parameters
    ----------
    importances : array of shape (P, n_repeats)
        What the score lost each time.
    names : list of str, default=None
        What was permuted. None takes numbers.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where it is drawn.
    bars_ : BarContainer
        The bars, the first on top.

    Examples
    --------
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> from fastrnn.inspection import ImportanceDisplay
    >>> X, y = load_japanese_vowels(split="train")
    >>> clf = SequenceClassifier(max_iter=5, random_state=0).fit(X, y)
    >>> display = ImportanceDisplay.from_estimator(clf, X, y, channels=[0, 1], n_repeats=2, random_state=0)
    >>> len(display.bars_)
    2
    """

    def __init__(self, *, importances, names=None):
        self.importances, self.names = importances, names

    @classmethod
    def from_estimator(cls, estimator, X, y, *, ax=None, **options):
        """Permute channels or stretches of time, and draw what the score lost.

        Parameters
        ----------
        estimator, X, y : estimator, sequences and answers
            As for `permutation_importance`.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        **options : dict
            What else `permutation_importance` takes, such as ``stretches=5``.

        Returns
        -------
        ImportanceDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError, TypeError
            As for `permutation_importance`.
        ValueError
            As for `permutation_importance`. Also if `scoring` has several scores.
        """
        check_matplotlib(cls.__name__)
        found = permutation_importance(estimator, X, y, **options)
        if not isinstance(found, Bunch):
            raise ValueError(f"scoring has {len(found)} scores, but the picture is of one: give one")
        return cls(importances=found.importances, names=found.names).plot(ax)

    def plot(self, ax=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        self
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is not one name for each bar.
        """
        found = np.asarray(self.importances)
        self.ax_ = ax = new_axes(self, ax, figsize=(6, np.clip(1 + len(found) / 4, 2.5, 12)))
        ends = {"xerr": found.std(axis=1), "color": COLOURS[0], "ecolor": "black"}
        self.figure_, self.bars_ = ax.figure, ax.barh(range(len(found)), found.mean(axis=1), **ends)
        ax.invert_yaxis()
        ax.set_xlabel("what the score loses")
        name_steps(ax.yaxis, len(found), self.names, "names")
        return self
