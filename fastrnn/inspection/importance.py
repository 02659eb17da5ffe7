"""Which channels and stretches of time a model's score comes from: permutation importance, and its picture."""

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.utils import _safe_indexing

from fastrnn.inspection.drawing import new_axes
from fastrnn.inspection.pieces import Pieces, replaced


def permutation_importance(estimator, X, y, *, channels=None, stretches=None, scoring=None, n_repeats=5, n_jobs=None,
    random_state=None, sample_weight=None, max_samples=1.0):  # fmt: skip
    """TODO."""
    from sklearn.inspection import permutation_importance as of_columns

    pieces = Pieces(estimator, X)
    scorer, rows = check_scoring(pieces.estimator, scoring=scoring), np.arange(len(pieces))
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
    givers = dict(zip(takers, takers[np.argsort(order[has_part])], strict=True))
    return [_taken(arrays, k, givers[k], columns, rows) if k in givers else arrays[k] for k in numbers]


def _taken(arrays, k, giver, columns, rows):
    """Sequence k with the part of another one, at the same fractions of their lengths."""
    own, others = rows[k], rows[giver]
    picked = others[((np.arange(len(own)) + 0.5) * len(others) / len(own)).astype(int)]
    return replaced(arrays[k], own, columns, arrays[giver], picked)
