"""The linear part of a forecast: ridge regression on the last values, shared by all series.

A recurrent network learns what a linear model misses far sooner than it learns to be one: the autoregressive component
of Lai et al., SIGIR 2018, here in closed form.
"""

import numpy as np

from fastrnn import threads
from fastrnn.forecaster.view import ranges
from fastrnn.layers.feedforward import Dense
from fastrnn.moments import moments

FOLDS = 5
STRENGTHS = 1e-3, 1e-2, 1e-1, 1.0, 10.0
"""Of the penalty, in units of the mean square of the inputs."""
LEAST = 0.99
"""Of what is missed without covariates, what is missed with them at most: else they have no effect."""
WINDOWS = 2**12
"""Read at once, by each thread."""


class Linear:
    """For each number of a window (reach,) its share in each of the next `horizon` gaps.

    `fit` leaves as many sets of weights as there are folds, each from the rows outside its fold: what the network is
    trained on is what such a forecast misses where it has not been fitted; `whole` is from all rows.
    """

    def __init__(self, reach, horizon):
        self.reach, self.horizon = reach, horizon
        self.whole, *self._folds = (Dense(reach, horizon, "float64") for _ in range(1 + FOLDS))

    @classmethod
    def of(cls, coefficients):
        """With weights (horizon, reach) that were fitted before."""
        horizon, reach = coefficients.shape
        linear = cls(reach, horizon)
        linear.whole.parameters["weight"][...] = coefficients
        return linear

    def fit(self, view, rows, folds):
        """Weights from rows (R,) of a `View`; folds (R,) says in which fold each is."""
        n_threads = threads.available(len(rows) * self.reach**2)
        best = threads.with_one_in_blas(lambda: self.best(*self._moments(view, rows, folds, n_threads)))
        if best is not None:
            for layer, found in zip((*self._folds, self.whole), best, strict=True):
                layer.parameters["weight"][...] = found.T
                layer.parameters.changed()
        return self

    def best(self, products, squares, least=1.0):
        """The weights of the strength that misses least; None if all miss more than this share of what none would."""
        solutions = [self._solutions(products, strength) for strength in STRENGTHS]
        errors = [self._error(products, squares, found[:FOLDS]) for found in solutions]
        return solutions[int(np.argmin(errors))] if min(errors) < least * squares.sum() else None

    def _moments(self, view, rows, folds, n_threads):
        """Products of inputs with inputs and gaps, and the gaps' squares, of each fold; summed in order."""
        products = np.zeros((FOLDS, self.reach, self.reach + self.horizon))
        squares, parts = np.zeros(FOLDS), []
        size = max(1, WINDOWS // view.levels.shape[1])
        for k in range(FOLDS):
            chosen = rows[folds == k]
            parts += [(k, part) for part in np.split(chosen, range(size, chosen.size, size))]

        def moments(k_and_part):
            k, part = k_and_part
            X = view.window(part).reshape(-1, self.reach)
            Y = view.gaps(part, self.horizon).transpose(0, 2, 1).reshape(-1, self.horizon)
            # BLAS forms half of the first product, which is symmetric.
            return k, np.hstack([X.T @ X, X.T @ Y]), (Y * Y).sum()

        for k, product, square in threads.in_turn(moments, parts, n_threads):
            products[k] += product
            squares[k] += square
        return products, squares

    def _solutions(self, products, strength):
        """Weights (reach, horizon) without each fold, and with all."""
        # Summed, not taken from the whole: after one huge fold the difference would hold no digit of the others.
        parts = [np.delete(products, k, axis=0).sum(axis=0) for k in range(FOLDS)]
        return np.stack([self._solved(part, strength) for part in (*parts, products.sum(axis=0))])

    def _solved(self, product, strength):
        square = product[:, : self.reach]
        penalty = strength * max(np.trace(square) / self.reach, np.finfo(float).tiny)
        penalties = np.full(self.reach, penalty)
        penalties[0] = 1e-6 * penalty  # the drift, or from a centre the last value, is hardly shrunk
        return np.linalg.solve(square + np.diag(penalties), product[:, self.reach :])

    def _error(self, products, squares, weights):
        """The sum of squares of what each fold's weights miss in it."""
        total = 0.0
        for product, square, W in zip(products, squares, weights, strict=True):
            total += square + (W * (product[:, : self.reach] @ W - 2 * product[:, self.reach :])).sum()
        return total

    def gaps(self, view, rows):
        """The gaps (R, horizon, C) that follow rows."""
        return self._gaps(self.whole, view.window(rows))

    def unseen(self, view, rows, folds):
        """Likewise, each by the weights that were fitted without it."""
        X, out = view.window(rows), np.empty((len(rows), self.horizon, view.levels.shape[1]))
        for k in np.unique(folds):
            chosen = np.flatnonzero(folds == k)
            out[chosen] = self._gaps(self._folds[k], X[chosen])
        return out

    def _gaps(self, layer, X):
        """What a layer makes of windows X (R, C, reach)."""
        return layer(X.reshape(-1, self.reach)).reshape(*X.shape[:2], self.horizon).transpose(0, 2, 1)


def effects(view, future):
    """`Lens.effects` of covariates on series that are long enough to tell; None if they help nowhere.

    Regression with errors that the rest of the model explains: Pankratz, Forecasting with dynamic regression models,
    1991; Hyndman and Athanasopoulos, Forecasting: principles and practice, 3rd edition, 2021, chapter 10.
    """
    lag, rows = view.lens.lags[0] if view.lens.seasonal_difference else 1, np.arange(len(view.levels))
    rows = rows[view.steps(rows) >= lag]
    owner, unit, x = view.owner[rows], view.unit(rows), future.values[ranges(future.offsets[:-1], view.lengths)]
    x, y = x[rows] - x[rows - lag], (view.levels[rows] - view.levels[rows - lag]) / unit
    mean, scale = moments([(x, np.ones(len(x)))])
    x, y, units = (x - mean) / scale, y - y.mean(axis=0), view.units()[owner] / unit[:, np.newaxis]
    folds, found = view.steps(rows) * FOLDS // view.lengths[owner], np.zeros((2, x.shape[1], y.shape[1]))
    for c in range(y.shape[1]):
        size = np.maximum(np.sqrt((units[..., c] ** 2).mean(axis=0)), np.finfo(float).tiny)
        Z = np.column_stack([np.ones(len(x)), *(x * each[:, np.newaxis] for each in (units[..., c] / size).T), y[:, c]])
        products = np.stack([Z[folds == k].T @ Z[folds == k] for k in range(FOLDS)])
        best = Linear(Z.shape[1] - 1, 1).best(products[:, :-1], products[:, -1, -1], LEAST)
        if best is not None:
            found[..., c] = best[-1][1:].reshape(2, -1) / np.outer(size, scale)
    return found if found.any() else None
