"""What a forecasting network says of each number: quantiles, one number, or the parameters of a distribution.

Each class here has the same methods, for rows of outputs (S, D P): the `n_parameters` P of each of D numbers side by
side, in scaled units.

- ``loss``, a `Loss`, is for targets (S, D) the mean loss of the D numbers.
- ``start(targets)`` (D, P), for some of the targets, is the bias for the head to begin with: that of a normal
  distribution about 0 as wide as they are, or of counts one of their bases.
- ``point(parameters)``, for parameters (..., P) in float64, is one number each, the median or, of `Squared`, the mean.
- ``tempered(learned, start, place, spread, width)``, (..., P): the start with a share `place` of what the point has
  learned beside it, and of quantiles with a share of what their spread has, `width` times as wide.
- ``quantiles(parameters, levels)`` (..., L) and ``sample(parameters, rng)``, one draw each, are for those that know a
  distribution; ValueError from others.
"""

import numpy as np
from scipy.special import ndtr, ndtri, softmax, stdtrit
from scipy.stats import nbinom

from fastrnn.kernels.losses import LARGEST_LOG_RATIO, LEAST_DISPERSION, LEAST_SCALE
from fastrnn.losses.loss import Loss, absolute, mixture_loss, quantile_loss, squared
from fastrnn.wording import meant_as_share, shown

HALVINGS = 64
"""Of what a quantile is known to lie in, down to neighbouring numbers."""


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
        return self._middle(np.sort(parameters, axis=-1))

    def _middle(self, values):
        place = np.interp(0.5, self.levels, np.arange(self.n_parameters))
        below = int(place)
        above = min(below + 1, self.n_parameters - 1)
        return values[..., below] + (place - below) * (values[..., above] - values[..., below])

    def tempered(self, learned, start, place, spread, width):
        middle = self._middle(learned)[..., np.newaxis]
        return place * middle + width * (start + spread * (learned - middle))

    def quantiles(self, parameters, levels):
        """Those of levels that were fitted; sorted, so that they never cross (Chernozhukov et al. 2010)."""
        places = {round(level, 9): k for k, level in enumerate(self.levels.tolist())}
        missing = [level for level in (round(float(level), 9) for level in levels) if level not in places]
        if missing:
            otherwise = "or fit with quantiles= that hold them (intervals of any coverage: with calibration=)"
            raise ValueError(f"levels {missing} were not fitted; ask for those of {self.levels.tolist()}, {otherwise}")
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


class _Parameters:
    """What most have in common: the first parameter is the point, and all begin with zeros."""

    n_parameters = 1

    def start(self, targets):
        return np.zeros((targets.shape[1], self.n_parameters))

    def point(self, parameters):
        return parameters[..., 0]

    def tempered(self, learned, start, place, spread, width):
        return start + place * learned


class Squared(_Parameters):
    """The mean, by (output - target)**2."""

    name, loss = "squared_error", squared

    def quantiles(self, parameters, levels):
        advice = "fit with loss='quantile' or a distribution ('gaussian', 'student_t', 'negative_binomial', 'mixture')"
        raise ValueError(f"loss={self.name!r} knows no quantiles: {advice}, or use conformal intervals")

    def sample(self, parameters, rng):
        advice = "fit with 'gaussian', 'student_t', 'negative_binomial' or 'mixture'"
        raise ValueError(f"loss={self.name!r} knows no distribution to draw from: {advice}")


class Absolute(Squared):
    """The median, by |output - target|."""

    name, loss = "absolute_error", absolute


class Gaussian(_Parameters):
    """Mean and scale, softplus(output) + LEAST_SCALE; -log density, with its constant."""

    n_parameters, loss = 2, Loss("gaussian")

    def start(self, targets):
        spread = np.maximum(_spread(targets), 2 * LEAST_SCALE)
        return np.stack([np.zeros_like(spread), _inverse_softplus(spread - LEAST_SCALE)], axis=1)

    def quantiles(self, parameters, levels):
        return _located(parameters, ndtri(levels))

    def sample(self, parameters, rng):
        return _located(parameters, rng.standard_normal((*parameters.shape[:-1], 1)))[..., 0]


class StudentT(_Parameters):
    """Median, scale as of `Gaussian`, and degrees of freedom, 2 + softplus(output); -log density, with its constant."""

    n_parameters, loss = 3, Loss("student_t")

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
        return _softplus(parameters[..., 2:], 2)


class NegativeBinomial(_Parameters):
    """Counts with the mean base * exp(output) and variance mean + dispersion * mean**2 (Salinas et al. 2020, eq. 4).

    targets (S, D, 2) are counts, integers from 0 on, and a positive base for each, as the mean of the series so far;
    parameters of `point`, `quantiles` and `sample` are (..., 3), the base after the outputs.  The dispersion is
    softplus(output) + LEAST_DISPERSION; -log probability.
    """

    n_parameters, loss = 2, Loss("negative_binomial")

    def start(self, targets):
        """The dispersion that makes the variance of the counts about their bases what it is; 1 at most."""
        came, base = np.moveaxis(targets.astype(np.float64), -1, 0)
        found = ((came - base) ** 2 / base - 1).mean(axis=0) / base.mean(axis=0)
        raw = _inverse_softplus(np.clip(found, 2 * LEAST_DISPERSION, 1) - LEAST_DISPERSION)
        return np.stack([np.zeros_like(raw), raw], axis=1)

    def point(self, parameters):
        return self.quantiles(parameters, [0.5])[..., 0]

    def quantiles(self, parameters, levels):
        mean, dispersion = self._mean_and_dispersion(*np.moveaxis(parameters, -1, 0)[..., np.newaxis])
        return nbinom.ppf(levels, 1 / dispersion, 1 / (1 + dispersion * mean))

    def sample(self, parameters, rng):
        mean, dispersion = self._mean_and_dispersion(*np.moveaxis(parameters, -1, 0))
        rate = rng.gamma(1 / dispersion, dispersion * mean)
        return rng.poisson(np.minimum(rate, 1e18)).astype(np.float64)  # NumPy's Poisson ends at 9e18

    @staticmethod
    def _mean_and_dispersion(raw_mean, raw, base):
        return base * np.exp(np.clip(raw_mean, -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)), _softplus(raw, LEAST_DISPERSION)


class Mixture(_Parameters):
    """K normal distributions (Bishop 1994): log weights before softmax, means, and scales as of `Gaussian`."""

    def __init__(self, n_components):
        self.n_parameters, self.loss = 3 * n_components, mixture_loss(n_components)

    def start(self, targets):
        """Components apart, so that they can learn different things, which are a normal distribution together."""
        K = self.n_parameters // 3
        places, spread = 0.6 * ndtri((np.arange(K) + 0.5) / K), Gaussian.start(self, targets)
        wide = _softplus(spread[:, 1:], LEAST_SCALE)
        raw = _inverse_softplus(np.maximum(wide * np.sqrt(1 - places.var()), 2 * LEAST_SCALE) - LEAST_SCALE)
        return np.hstack([np.zeros((len(wide), K)), wide * places, np.repeat(raw, K, axis=1)])

    point = NegativeBinomial.point

    def quantiles(self, parameters, levels):
        """Where the distribution function, which grows, has these levels: between those of the components."""
        weights, means, scales = (part[..., np.newaxis, :] for part in self._components(parameters))
        levels = np.asarray(levels, np.float64)
        ends = means + scales * ndtri(levels)[:, np.newaxis]
        low, high = ends.min(axis=-1), ends.max(axis=-1)
        for _ in range(HALVINGS):
            middle = low + 0.5 * (high - low)
            is_low = (weights * ndtr((middle[..., np.newaxis] - means) / scales)).sum(axis=-1) < levels
            low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
        return high

    def sample(self, parameters, rng):
        weights, means, scales = self._components(parameters)
        drawn, normal = rng.random((*parameters.shape[:-1], 1)), rng.standard_normal(parameters.shape[:-1])
        chosen = (np.cumsum(weights, axis=-1)[..., :-1] <= drawn).sum(axis=-1, keepdims=True)
        mean, scale = (np.take_along_axis(part, chosen, -1)[..., 0] for part in (means, scales))
        return mean + scale * normal

    @staticmethod
    def _components(parameters):
        """Their weights, means and scales, (..., K) each."""
        logs, means, raw = np.split(parameters, 3, axis=-1)
        return softmax(logs, axis=-1), means, _softplus(raw, LEAST_SCALE)


LIKELIHOODS = {
    "quantile": Quantiles, "squared_error": Squared, "absolute_error": Absolute, "gaussian": Gaussian,
    "student_t": StudentT, "negative_binomial": NegativeBinomial, "mixture": Mixture}  # fmt: skip
"""By the name of a forecaster's loss."""


def likelihood(loss, quantiles, n_components=None):
    """That of a loss; the levels `quantiles` are for "quantile" alone, and `n_components` for "mixture"."""
    own = {"quantile": [quantiles], "mixture": [n_components]}
    return LIKELIHOODS[loss](*own.get(loss, ()))


def _spread(targets):
    """Of targets (n, D) as that of a normal distribution of whose ends a tenth is cut off, (D,)."""
    return np.ptp(np.quantile(targets, [0.1, 0.9], axis=0), axis=0) / (2 * ndtri(0.9))


def _located(parameters, standard):
    """Standard quantiles or draws (..., L) about the mean, or median, with the scale of parameters (..., P)."""
    return parameters[..., :1] + _softplus(parameters[..., 1:2], LEAST_SCALE) * standard


def _softplus(x, least):
    """least + log(1 + exp(x))."""
    return least + np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _inverse_softplus(y):
    return y + np.log(-np.expm1(-y))
