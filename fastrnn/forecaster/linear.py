"""The linear part of a forecast: ridge regression on the last values, shared by all series.

A recurrent network learns what a linear model misses far sooner than it learns to be one: the autoregressive component
of Lai et al., SIGIR 2018, here in closed form.
"""

import numpy as np

from fastrnn import threads
from fastrnn.layers.feedforward import Dense
from fastrnn.moments import added, alone, moments

FOLDS = 5
STRENGTHS = 1e-3, 1e-2, 1e-1, 1.0, 10.0
"""Of the penalty, in units of the mean square of the inputs."""
SURE = 1.25
"""Of what the folds' gains are apart, how much effects must gain where they were not fitted: two folds suffice."""
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

    def fit(self, view, rows, folds, agreed=alone):
        """Weights from rows (R,) of a `View`; folds (R,) says in which fold each is; `agreed` as for `moments`."""
        n_threads = threads.available(len(rows) * self.reach**2)
        found = agreed(lambda: threads.with_one_in_blas(lambda: self._moments(view, rows, folds, n_threads)), added)
        _, best = threads.with_one_in_blas(lambda: self.best(*found))
        for layer, found in zip((*self._folds, self.whole), best, strict=True):
            layer.parameters["weight"][...] = found.T
            layer.parameters.changed()
        return self

    def best(self, products, squares, sure=0.0):
        """What is missed, and the weights of the strength that misses least.

        These are 0 if none would miss as little, but for `sure` times what the folds' gains are apart.
        """
        solutions = np.stack([self._solutions(products, strength) for strength in STRENGTHS])
        W, XX, XY = solutions[:, :FOLDS], products[..., : self.reach], products[..., self.reach :]
        errors = squares + (W * (XX @ W - 2 * XY)).sum(axis=(2, 3))  # of each fold by the weights without it
        least = int(np.argmin(totals := np.cumsum(errors, axis=1)[:, -1]))
        helps = totals[least] < squares.sum() - sure * np.ptp(squares - errors[least])
        return totals[least] if helps else squares.sum(), np.where(helps, solutions[least], 0.0)

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
        # The drift, or from a centre the last value, is hardly shrunk.
        penalties = penalty * np.append(1e-6, np.ones(self.reach - 1))
        return np.linalg.solve(square + np.diag(penalties), product[:, self.reach :])

    def gaps(self, view, rows):
        """The gaps (R, horizon, C) that follow rows."""
        return self._gaps(self.whole, view.window(rows))

    def unseen(self, view, rows, folds):
        """Likewise, each by the weights that were fitted without it; those of fold -1 by those of the last."""
        X, out = view.window(rows), np.empty((len(rows), self.horizon, view.levels.shape[1]))
        for k in np.unique(folds):
            chosen = np.flatnonzero(folds == k)
            out[chosen] = self._gaps(self._folds[k], X[chosen])
        return out

    def _gaps(self, layer, X):
        """What a layer makes of windows X (R, C, reach)."""
        return layer(X.reshape(-1, self.reach)).reshape(*X.shape[:2], self.horizon).transpose(0, 2, 1)


def effects(view, future, agreed=alone):
    """`Lens.effects` of covariates on the levels of series that are long enough to tell; 0 where they do not help.

    Regression with errors that the rest of the model explains: Pankratz, Forecasting with dynamic regression models,
    1991; Hyndman and Athanasopoulos, Forecasting: principles and practice, 3rd edition, 2021, chapter 10.  The errors
    are changes since the last season, or changes of these, whichever are the smaller (Hildreth and Lu 1960, with the
    autocorrelations 0 and 1).
    """
    steps, season = view.steps(np.arange(len(view.levels))), view.lens.lags[0]
    x, y = future.values[future.offsets[view.owner] + np.maximum(steps, 0)], view.levels
    rows = np.flatnonzero((steps > season) & (view.pads == 0)[view.owner])
    owner, unit = view.owner[rows], view.unit(rows)
    units, folds = view.units[owner] / unit, steps[rows] * FOLDS // view.lengths[owner]
    size = np.maximum(np.sqrt(_mean(units**2, agreed)), np.finfo(float).tiny)
    missed, found = np.zeros((2, y.shape[1])), np.zeros((2, x.shape[1], y.shape[1]))
    for way, lag in enumerate((season, 1)):
        x, y = (values - np.roll(values, lag, axis=0) for values in (x, y))
        mean, scale = moments([(x[rows], np.ones(len(rows)))], agreed=agreed)
        for c, came in enumerate((y[rows] / unit).T):
            shares = (units[:, c] / size[c])[:, np.newaxis]
            Z = np.column_stack([np.ones(len(rows)), shares * (x[rows] - mean) / scale, came - _mean(came, agreed)])
            products = np.stack([Z[folds == k].T @ Z[folds == k] for k in range(FOLDS)])
            (products,) = agreed([products], added)
            missed[way, c], best = Linear(Z.shape[1] - 1, 1).best(products[:, :-1], products[:, -1, -1], SURE)
            found[way, :, c] = best[-1][1:, 0] / (size[c] * scale)
    return np.where(missed[0] <= missed[1], *found)


def _mean(x, agreed):
    total, n = agreed((x.sum(axis=0), len(x)), added)
    return total / n
