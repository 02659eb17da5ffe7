"""What a forecasting network says of each number: quantiles, one number, or the parameters of a distribution.

Each class here has the same methods, for rows of outputs (S, D P): the `n_parameters` P of each of D numbers side by
side, in scaled units.

- ``loss(outputs, targets, weights)``, for targets (S, D) and weights (S,), is the sum over rows of weight times the
  mean loss of the D numbers, with its gradient (S, D P) in the outputs' dtype, as those of `fastrnn.losses`.
- ``start(targets)`` (D, P), for some of the targets, is the bias for the head to begin with: that of a normal
  distribution about 0 as wide as they are.
- ``point(parameters)``, for parameters (..., P) in float64, is one number each, the median or, of `Squared`, the mean.
- ``quantiles(parameters, levels)`` (..., L) and ``sample(parameters, rng)``, one draw each, are for those that know a
  distribution; ValueError from others.
"""

from math import log, pi

import numpy as np
from numpy.polynomial.polynomial import Polynomial, polyder, polyval
from scipy.special import gammaln, ndtri, stdtrit
from scipy.stats import nbinom

from fastrnn.losses.loss import absolute, quantile_loss, squared
from fastrnn.wording import meant_as_share, shown

LEAST_SCALE = 1e-3
"""Of a distribution; without one, numbers that repeat would make the density infinite."""

LEAST_DISPERSION = 1e-4
"""Poisson but for a ten-thousandth; below, log gamma would lose the digits that differ."""

LARGEST_LOG_RATIO = 10.0
"""Of the mean of counts to their base: a factor of 22,000."""

AT_ONCE = 16384
"""Numbers whose loss is computed together: all that is needed on the way stays in L2."""


class Quantiles:
    """Quantiles for levels between 0 and 1, with the pinball loss, the mean over them (Koenker & Bassett 1978)."""

    def __init__(self, levels):
        try:
            given = np.asarray(levels, np.float64)
        except (TypeError, ValueError):  # texts, or rows of several lengths
            given = np.empty((0, 0))
        self.levels = np.sort(given.ravel())
        inside = (self.levels > 0) & (self.levels < 1)
        if not (given.ndim == 1 and inside.size and inside.all() and np.diff(self.levels).all()):
            expected = f"expected one or more different numbers between 0 and 1{meant_as_share(self.levels)}"
            raise ValueError(f"quantiles={shown(levels)}; {expected}")
        self.n_parameters, self.loss = len(self.levels), quantile_loss(self.levels)

    def start(self, targets):
        return _spread(targets)[:, np.newaxis] * ndtri(self.levels)

    def point(self, parameters):
        """The median; if it is not among the levels, between its neighbours, or the level nearest to it."""
        place = np.interp(0.5, self.levels, np.arange(self.n_parameters))
        below, values = int(place), np.sort(parameters, axis=-1)
        above = min(below + 1, self.n_parameters - 1)
        return values[..., below] + (place - below) * (values[..., above] - values[..., below])

    def quantiles(self, parameters, levels):
        """Those of levels that were fitted; sorted, so that they never cross (Chernozhukov et al. 2010)."""
        places = {round(level, 9): k for k, level in enumerate(self.levels.tolist())}
        missing = [level for level in (round(float(level), 9) for level in levels) if level not in places]
        if missing:
            raise ValueError(
                f"levels {missing} were not fitted; ask for those of {self.levels.tolist()}, or fit with "
                "quantiles= that hold them (intervals of any coverage: with calibration=)"
            )
        return np.sort(parameters, axis=-1)[..., [places[round(float(level), 9)] for level in levels]]

    def sample(self, parameters, rng):
        """From between the quantiles, as a normal distribution lies there; beyond the outermost it goes on alike."""
        if self.n_parameters < 2:
            raise ValueError("one quantile is no distribution to draw from: fit with quantiles=[0.1, 0.5, 0.9] or more")
        values, places = np.sort(parameters, axis=-1), ndtri(self.levels)
        drawn = rng.standard_normal(parameters.shape[:-1])
        below = np.clip(np.searchsorted(places, drawn) - 1, 0, self.n_parameters - 2)
        part = (drawn - places[below]) / (places[below + 1] - places[below])
        low, high = (np.take_along_axis(values, (below + k)[..., np.newaxis], -1)[..., 0] for k in (0, 1))
        return low + part * (high - low)


class _Terms:
    """A likelihood by `_terms(parameters, targets)`: the losses of (n, D) numbers, and P arrays of their slopes.

    The parameters come as an array (P, n, D); they and the targets have the outputs' dtype.
    """

    n_parameters = 1

    def loss(self, outputs, targets, weights):
        S, D, P = len(outputs), outputs.shape[1] // self.n_parameters, self.n_parameters
        losses, d_outputs = np.empty(S), np.empty((S, D, P), outputs.dtype)
        n = max(1, AT_ONCE // D)
        for rows in (slice(first, first + n) for first in range(0, S, n)):
            parameters = np.ascontiguousarray(np.moveaxis(outputs[rows].reshape(-1, D, P), -1, 0))
            of_each, slopes = self._terms(parameters, targets[rows].astype(outputs.dtype, copy=False))
            losses[rows] = of_each.mean(axis=1, dtype=np.float64)
            factor = (weights[rows, np.newaxis] / D).astype(outputs.dtype)
            for k, slope in enumerate(slopes):
                d_outputs[rows, :, k] = slope * factor
        return float((losses * weights).sum()), d_outputs.reshape(S, D * P)

    def start(self, targets):
        return np.zeros((targets.shape[1], self.n_parameters))

    def point(self, parameters):
        return parameters[..., 0]


class Squared(_Terms):
    """The mean, by (output - target)**2."""

    name, loss = "squared_error", squared

    def quantiles(self, parameters, levels):
        raise ValueError(
            f"loss={self.name!r} knows no quantiles: fit with loss='quantile' or a distribution ('gaussian', "
            "'student_t', 'negative_binomial'), or use conformal intervals"
        )

    def sample(self, parameters, rng):
        raise ValueError(
            f"loss={self.name!r} knows no distribution to draw from: fit with 'gaussian', 'student_t' or "
            "'negative_binomial'"
        )


class Absolute(Squared):
    """The median, by |output - target|."""

    name, loss = "absolute_error", absolute


class Gaussian(_Terms):
    """Mean and scale, softplus(output) + LEAST_SCALE; -log density, with its constant."""

    n_parameters = 2

    def _terms(self, parameters, targets):
        mean, raw = parameters
        scale, d_scale = _softplus(raw, LEAST_SCALE)
        z = (targets - mean) / scale
        losses = 0.5 * z**2 + np.log(scale) + 0.5 * log(2 * pi)
        return losses, (-z / scale, (1 - z**2) / scale * d_scale)

    def start(self, targets):
        spread = np.maximum(_spread(targets), 2 * LEAST_SCALE)
        return np.stack([np.zeros_like(spread), _inverse_softplus(spread - LEAST_SCALE)], axis=1)

    def quantiles(self, parameters, levels):
        return _located(parameters, ndtri(levels))

    def sample(self, parameters, rng):
        return _located(parameters, rng.standard_normal((*parameters.shape[:-1], 1)))[..., 0]


class StudentT(_Terms):
    """Median, scale as of `Gaussian`, and degrees of freedom, 2 + softplus(output); -log density, with its constant."""

    n_parameters = 3

    def _terms(self, parameters, targets):
        mean, raw, raw_df = parameters
        scale, d_scale = _softplus(raw, LEAST_SCALE)
        df, d_df = _softplus(raw_df, 2)
        z = (targets - mean) / scale
        square = z**2
        t, bend, pull = 1 / df, np.log1p(square / df), (df + 1) / (df + square)
        # The Gaussian's constant, less what finite degrees of freedom take from it.
        losses = np.log(scale) + 0.5 * log(2 * pi) - polyval(t, _of_df.astype(t.dtype)) + (df + 1) / 2 * bend
        of_df = polyval(t, _slope_of_df.astype(t.dtype)) * t**2 + 0.5 * (bend - pull * square * t)
        return losses, (-pull * z / scale, (1 - pull * square) / scale * d_scale, of_df * d_df)

    def start(self, targets):
        """With ten degrees of freedom."""
        of_normal = Gaussian.start(self, targets)
        return np.column_stack([of_normal, np.full(len(of_normal), _inverse_softplus(8))])

    def quantiles(self, parameters, levels):
        return _located(parameters, stdtrit(self._df(parameters), levels))

    def sample(self, parameters, rng):
        return _located(parameters, rng.standard_t(self._df(parameters)))[..., 0]

    @staticmethod
    def _df(parameters):
        return _softplus(parameters[..., 2:], 2)[0]


class NegativeBinomial(_Terms):
    """Counts with the mean base * exp(output) and variance mean + dispersion * mean**2 (Salinas et al. 2020, eq. 4).

    targets (S, D, 2) are counts, integers from 0 on, and a positive base for each, as the mean of the series so far;
    parameters of `point`, `quantiles` and `sample` are (..., 3), the base after the outputs.  The dispersion is
    softplus(output) + LEAST_DISPERSION; -log probability.
    """

    n_parameters = 2

    def _terms(self, parameters, targets):
        parameters, targets = parameters.astype(np.float64), targets.astype(np.float64)
        counts, base = targets[..., 0].copy(), targets[..., 1]
        mean, dispersion, d_dispersion = self._mean_and_dispersion(*parameters, base)
        r, spread = 1 / dispersion, dispersion * mean
        more, d_more = _log_gamma(counts + r)
        few, d_few = _log_gamma(r)
        growth = np.log1p(spread)
        losses = _log_gamma(counts + 1)[0] - more + few + (r + counts) * growth - counts * np.log(spread)
        of_log_mean = (mean - counts) / (1 + spread)
        of_dispersion = r * (r * (d_more - d_few - growth) + of_log_mean)
        # Beyond the limit only the way back is open: with no slope at all an output would stay there for good.
        is_free = (np.abs(parameters[0]) <= LARGEST_LOG_RATIO) | (of_log_mean * parameters[0] > 0)
        return losses, (is_free * of_log_mean, of_dispersion * d_dispersion)

    def point(self, parameters):
        return self.quantiles(parameters, [0.5])[..., 0]

    def quantiles(self, parameters, levels):
        mean, dispersion, _ = self._mean_and_dispersion(*np.moveaxis(parameters, -1, 0)[..., np.newaxis])
        return nbinom.ppf(levels, 1 / dispersion, 1 / (1 + dispersion * mean))

    def sample(self, parameters, rng):
        mean, dispersion, _ = self._mean_and_dispersion(*np.moveaxis(parameters, -1, 0))
        rate = rng.gamma(1 / dispersion, dispersion * mean)
        return rng.poisson(np.minimum(rate, 1e18)).astype(np.float64)  # NumPy's Poisson ends at 9e18

    @staticmethod
    def _mean_and_dispersion(raw_mean, raw, base):
        mean = base * np.exp(np.clip(raw_mean, -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO))
        return mean, *_softplus(raw, LEAST_DISPERSION)


LIKELIHOODS = {
    "quantile": Quantiles, "squared_error": Squared, "absolute_error": Absolute, "gaussian": Gaussian,
    "student_t": StudentT, "negative_binomial": NegativeBinomial,
}  # fmt: skip
"""By the name of a forecaster's loss."""


def likelihood(loss, quantiles):
    """That of a loss; the levels `quantiles` are for "quantile" alone."""
    return LIKELIHOODS[loss](quantiles) if loss == "quantile" else LIKELIHOODS[loss]()


def _spread(targets):
    """Of targets (n, D) as that of a normal distribution of whose ends a tenth is cut off, (D,)."""
    low, high = np.quantile(targets, [0.1, 0.9], axis=0)
    return (high - low) / (2 * ndtri(0.9))


def _located(parameters, standard):
    """Standard quantiles or draws (..., L) about the mean, or median, with the scale of parameters (..., P)."""
    return parameters[..., :1] + _softplus(parameters[..., 1:2], LEAST_SCALE)[0] * standard


def _softplus(x, least):
    """least + log(1 + exp(x)), and its slope."""
    value = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return least + value, -np.expm1(-value)


def _inverse_softplus(y):
    return y + np.log(-np.expm1(-y))


def _fit_of_df():
    """Coefficients of a polynomial in t = 1 / df, df >= 2: log(gamma((df + 1) / 2) / gamma(df / 2)) - log(df / 2) / 2.

    To 1e-9; of large df, float32 keeps no digit of the difference of two log gammas.
    """
    t = 0.25 - 0.25 * np.cos(np.linspace(0.02, 1, 200) * pi)
    x = 0.5 / t
    return Polynomial.fit(t, gammaln(x + 0.5) - gammaln(x) - 0.5 * np.log(x), 8, domain=[0, 0.5]).convert().coef


_of_df = _fit_of_df()
_slope_of_df = polyder(_of_df)


def _log_gamma(x):
    """log gamma(x) for x > 0 in float64, and its slope: Stirling's series (DLMF 5.11.1) at x + 6, to 1e-10.

    NumPy's logarithm is vectorised; SciPy's gammaln and psi are not, and take five times as long.
    """
    z, y = x * (x + 5), x + 6
    product = z * (z + 4) * (z + 6)  # x (x + 1) ... (x + 5), from both ends
    slope = ((3 * z + 20) * z + 24) * (2 * x + 5)
    log_y, u = np.log(y), 1 / y**2
    series = (1 / 12 - u * (1 / 360 - u * (1 / 1260 - u / 1680))) / y
    d_series = u * (1 / 12 - u * (1 / 120 - u * (1 / 252 - u / 240)))
    value = (y - 0.5) * log_y - y + 0.5 * log(2 * pi) + series - np.log(product)
    return value, log_y - 0.5 / y - d_series - slope / product
