"""Likelihoods: values against SciPy's and scikit-learn's, slopes by projection, samples against quantiles."""

from functools import partial

import numpy as np
import pytest
import reference as ref
from samples import assert_rows_stand_alone, assert_slope
from scipy import stats
from scipy.optimize import brentq
from scipy.special import logsumexp, ndtr, ndtri, softmax
from sklearn.metrics import mean_pinball_loss

from fastrnn.losses.likelihoods import LIKELIHOODS, Absolute, Mixture, NegativeBinomial, Quantiles, StudentT, likelihood

LEVELS = (0.1, 0.25, 0.5, 0.9)
DISTRIBUTIONS = ["gaussian", "student_t", "negative_binomial", "mixture"]
K = 3
"""Components of a mixture."""
every_likelihood = pytest.mark.parametrize("name", LIKELIHOODS)
every_distribution = pytest.mark.parametrize("name", DISTRIBUTIONS)


def draw(name, S=7, D=5, dtype="float64", seed=0):
    """A likelihood; outputs, as a head with padded rows gives them, targets and weights."""
    model, rng = likelihood(name, LEVELS, K), np.random.default_rng(seed)
    outputs = rng.standard_normal((S, D * model.n_parameters + 3)).astype(dtype)[:, :-3]
    targets = rng.standard_normal((S, D)).astype(dtype)
    if name == "negative_binomial":
        base = rng.uniform(0.5, 20, (S, D))
        targets = np.stack([rng.poisson(base), base], axis=-1).astype(dtype)
    weights = rng.uniform(0, 1, S)
    weights[0] = 0 if S > 1 else 1
    return model, outputs, targets, weights / weights.sum()


def softplus(x):
    return np.log1p(np.exp(x))


class OfMixture:
    """What is asked of SciPy's distributions, of mixtures with parameters p (3 K, ...)."""

    def __init__(self, p):
        self.weights = softmax(p[:K], axis=0)
        self.parts = stats.norm(p[K : 2 * K], softplus(p[2 * K :]) + 1e-3)

    def cdf(self, x):
        return (self.weights * self.parts.cdf(x)).sum(axis=0)

    def logpdf(self, x):
        return logsumexp(np.log(self.weights) + self.parts.logpdf(x), axis=0)

    def ppf(self, level):
        """By SciPy's search for a root, number by number."""
        ends, found = self.parts.ppf(level), np.empty(self.weights.shape[1:])
        for k in np.ndindex(found.shape):
            own = (slice(None), *k)
            means, scales = (part[own] for part in self.parts.args)
            gap = partial(lambda x, w, m, s: w @ ndtr((x - m) / s) - level, w=self.weights[own], m=means, s=scales)
            found[k] = brentq(gap, ends[own].min() - 1e-9, ends[own].max() + 1e-9, xtol=1e-14)
        return found


def frozen(name, parameters):
    """SciPy's distribution for parameters (..., P)."""
    p = np.moveaxis(np.asarray(parameters, float), -1, 0)
    if name == "mixture":
        return OfMixture(p)
    if name == "gaussian":
        return stats.norm(p[0], softplus(p[1]) + 1e-3)
    if name == "student_t":
        return stats.t(2 + softplus(p[2]), p[0], softplus(p[1]) + 1e-3)
    mean, dispersion = p[2] * np.exp(p[0]), softplus(p[1]) + 1e-4
    variance = mean + dispersion * mean**2
    return stats.nbinom(mean**2 / (variance - mean), mean / variance)


def parameters_of(name, outputs, targets):
    """As `point` takes them: (S, D, P), with the base of counts."""
    P = likelihood(name, LEVELS, K).n_parameters
    parameters = outputs.reshape(*targets.shape[:2], P).astype(float)
    return np.concatenate([parameters, targets[..., 1:]], axis=-1) if name == "negative_binomial" else parameters


# ------------------------------------------------------------------------------ values and slopes


@pytest.mark.parametrize(("S", "D"), [(7, 5), (1, 1), (1, 3), (4, 1)])
@every_distribution
def test_values_are_those_of_scipy(name, S, D):
    model, outputs, targets, weights = draw(name, S, D)
    value, _ = model.loss(outputs, targets, weights)
    known = frozen(name, parameters_of(name, outputs, targets))
    logs = known.logpmf(targets[..., 0]) if name == "negative_binomial" else known.logpdf(targets)
    assert isinstance(value, float)
    ref.assert_within(1e-8, value, -(weights * logs.mean(axis=1)).sum())


@pytest.mark.parametrize("raw", [-30.0, -5.0, 0.0, 8.0, 1e4])
def test_values_for_any_spread(raw):
    """Degrees of freedom from 2 on; from Poisson to a variance far above the mean."""
    of_t = StudentT().loss(np.array([[0.3, 0.5, raw]]), np.array([[2.0]]), np.ones(1))[0]
    df = 2 + np.logaddexp(0, raw)
    ref.assert_within(1e-8, of_t, -stats.t(df, 0.3, softplus(0.5) + 1e-3).logpdf(2.0))
    of_counts = NegativeBinomial().loss(np.array([[0.0, raw]]), np.array([[[3.0, 5.0]]]), np.ones(1))[0]
    dispersion = np.logaddexp(0, raw) + 1e-4
    ref.assert_within(1e-8, of_counts, -stats.nbinom(1 / dispersion, 1 / (1 + 5 * dispersion)).logpmf(3))


def test_values_of_quantiles_and_points():
    model, outputs, targets, weights = draw("quantile")
    of_levels = [
        mean_pinball_loss(targets, outputs.reshape(7, 5, 4)[..., k], sample_weight=weights, alpha=level)
        for k, level in enumerate(LEVELS)
    ]
    ref.assert_within(1e-13, model.loss(outputs, targets, weights)[0], np.mean(of_levels))
    for name, expected in (("squared_error", ref.squared), ("absolute_error", ref.absolute)):
        model, outputs, targets, weights = draw(name)
        value, gradient = expected(outputs, targets, weights)
        actual, actual_gradient = model.loss(outputs, targets, weights)
        ref.assert_within(1e-13, actual, value)
        ref.assert_within(1e-13, actual_gradient, gradient)


@every_likelihood
def test_slopes_by_projection(name):
    model, outputs, targets, weights = draw(name)
    assert_slope(lambda: model.loss(outputs, targets, weights)[0], (outputs, model.loss(outputs, targets, weights)[1]))


@pytest.mark.parametrize("raw", [-8.0, 3.0, 12.0])
@pytest.mark.parametrize("name", ["student_t", "negative_binomial"])
def test_slopes_for_any_spread(name, raw):
    model, outputs, targets, weights = draw(name)
    outputs[:, model.n_parameters - 1 :: model.n_parameters] += raw
    assert_slope(lambda: model.loss(outputs, targets, weights)[0], (outputs, model.loss(outputs, targets, weights)[1]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("D", "padding"), [(1, 0), (1, 13), (7, 3), (8, 0), (19, 40)])
@every_likelihood
def test_rows_stand_alone(name, D, padding, dtype):
    model, outputs, targets, weights = draw(name, 4, D, dtype)
    assert_rows_stand_alone(model.loss, outputs, targets, weights, padding)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("scale", "D"), [(0.1, 1), (1.0, 5), (4.0, 33)])
@every_distribution
def test_losses_and_slopes_of_the_reference(name, scale, D, dtype):
    model, outputs, targets, _ = draw(name, 9, D, dtype)
    outputs *= scale
    if name == "mixture":
        expected, slopes = ref.mixture(outputs.astype(float), targets.astype(float), K)
        slopes = np.moveaxis(slopes.reshape(9, D, -1), -1, 0)
    else:
        parameters = np.moveaxis(outputs.astype(float).reshape(9, D, -1), -1, 0)
        expected, slopes = getattr(ref, name)(*parameters, targets.astype(float))
    losses, gradient = model.loss.of_rows(outputs, targets, np.full(9, D))
    tolerance = 1e-12 if name == "gaussian" else 1e-9  # gammas come from series
    tolerance = 1e-5 if (name, dtype) == ("mixture", "float32") else tolerance  # as softmax, in the outputs' precision
    ref.assert_within(tolerance, losses, expected.mean(axis=1))
    tolerance = max(1e-6, tolerance) if dtype == "float32" else 10 * tolerance
    ref.assert_within(tolerance, gradient.reshape(9, D, -1), np.stack(slopes, axis=-1))


@every_likelihood
def test_float32_stays_float32(name):
    model, outputs, targets, weights = draw(name, dtype="float32")
    value, gradient = model.loss(outputs, targets.astype(float), weights)
    assert gradient.dtype == np.float32 and gradient.shape == outputs.shape
    expected, expected_gradient = model.loss(outputs.astype(float), targets.astype(float), weights)
    ref.assert_within(1e-6, value, expected)
    ref.assert_within(1e-6, gradient, expected_gradient)


@every_likelihood
def test_weights_multiply(name):
    model, outputs, targets, weights = draw(name)
    value, gradient = model.loss(outputs, targets, weights)
    alone = [model.loss(outputs[k : k + 1], targets[k : k + 1], np.ones(1)) for k in range(7)]
    ref.assert_within(1e-13, value, sum(w * v for w, (v, _) in zip(weights, alone, strict=True)))
    ref.assert_within(1e-13, gradient, weights[:, None] * np.concatenate([g for _, g in alone]))
    assert model.loss(outputs, targets, np.zeros(7))[0] == 0
    assert not model.loss(outputs, targets, np.zeros(7))[1].any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_likelihood
def test_far_outputs_stay_finite(name, dtype):
    model, outputs, targets, weights = draw(name, dtype=dtype)
    outputs[:] = np.random.default_rng(1).choice([-1e4, 1e4], outputs.shape)
    value, gradient = model.loss(outputs, targets, weights)
    assert np.isfinite(value) and np.isfinite(gradient).all()
    if name in DISTRIBUTIONS:
        parameters = parameters_of(name, outputs, targets)
        assert np.isfinite(model.quantiles(parameters, LEVELS)).all()
        assert np.isfinite(model.sample(parameters, np.random.default_rng(0))).all()


@pytest.mark.parametrize("place", ["outputs", "targets"])
@every_likelihood
def test_nan_surfaces(name, place):
    model, outputs, targets, weights = draw(name)
    {"outputs": outputs, "targets": targets}[place][3] = np.nan
    assert np.isnan(model.loss(outputs, targets, weights)[0])


@every_likelihood
def test_huge_targets_are_no_small_loss(name):
    model, outputs, targets, weights = draw(name)
    targets[3] = 1e200
    with np.errstate(over="ignore", invalid="ignore"):  # as in training
        value, _ = model.loss(outputs, targets, weights)
    assert not value < 50


def test_a_ratio_beyond_its_limit_finds_the_way_back():
    model, targets = NegativeBinomial(), np.array([[[4.0, 5.0]]])
    for raw, sign in ((12.0, 1), (-12.0, -1)):
        slope = model.loss(np.array([[raw, 0.0]]), targets, np.ones(1))[1][0, 0]
        assert np.sign(slope) == sign  # descent goes against it
    further = np.array([[[1e9, 5.0]]])
    assert model.loss(np.array([[12.0, 0.0]]), further, np.ones(1))[1][0, 0] == 0


# -------------------------------------------------------------------------------- what is forecast


@every_likelihood
def test_forecasts_begin_as_a_normal(name):
    model, spreads = likelihood(name, LEVELS, K), np.array([0.5, 3.0])
    sample = spreads * stats.norm.ppf(np.linspace(0.0005, 0.9995, 1000))[:, np.newaxis]
    if name == "negative_binomial":
        _, outputs, targets, _ = draw(name)
        start = model.start(targets)
        assert start.shape == (5, 2)
        outputs[:] = start.ravel()
        assert np.allclose(frozen(name, parameters_of(name, outputs, targets)).mean(), targets[..., 1])
        return
    start = model.start(sample)
    assert start.shape == (2, model.n_parameters) and start.dtype == np.float64
    assert np.abs(model.point(start)).max() < 1e-12
    if name in ("quantile", "gaussian", "student_t", "mixture"):
        expected = spreads[:, np.newaxis] * stats.norm.ppf(LEVELS)
        tolerance = {"student_t": 0.12, "mixture": 0.02}.get(name, 5e-3)
        ref.assert_within(tolerance, expected, model.quantiles(start, LEVELS))


@every_distribution
def test_quantiles_are_those_of_scipy(name):
    model, outputs, targets, _ = draw(name)
    parameters = parameters_of(name, outputs, targets)
    actual = model.quantiles(parameters, LEVELS)
    ref.assert_within(1e-12, actual, np.stack([frozen(name, parameters).ppf(level) for level in LEVELS], axis=-1))
    assert (np.diff(actual) >= 0).all()
    ref.assert_within(1e-12, model.point(parameters), actual[..., 2])


@every_distribution
def test_samples_have_the_quantiles(name):
    model, outputs, targets, _ = draw(name, S=1, D=2)
    given = parameters_of(name, outputs, targets)[0]
    parameters = np.broadcast_to(given, (20_000, *given.shape))
    draws = model.sample(parameters, np.random.default_rng(3))
    assert draws.shape == (20_000, 2) and draws.dtype == np.float64
    quantiles = model.quantiles(parameters[0], LEVELS)
    known = frozen(name, parameters[0])
    for k, level in enumerate(LEVELS):
        at_most = known.cdf(quantiles[:, k])  # of counts more than the level
        assert np.abs((draws <= quantiles[:, k]).mean(axis=0) - at_most).max() < 0.02
        assert (at_most >= level - 1e-12).all()
    assert (model.sample(parameters, np.random.default_rng(3)) == draws).all()


def test_fitted_quantiles_never_cross():
    model, crossed = Quantiles([0.9, 0.1, 0.5]), np.array([[3.0, 1.0, 2.0]])
    assert model.quantiles(crossed, [0.1, 0.5, 0.9]).tolist() == [[1, 2, 3]]
    assert model.quantiles(crossed, np.array([0.9, 0.2 - 0.1])).tolist() == [[3, 1]]
    assert model.point(crossed).tolist() == [2]
    assert crossed.tolist() == [[3, 1, 2]]


@pytest.mark.parametrize(("levels", "expected"), [([0.1, 0.9], 2.0), ([0.2, 0.4], 3.0), ([0.6, 0.7], 1.0)])
def test_a_median_that_was_not_fitted(levels, expected):
    assert Quantiles(levels).point(np.array([3.0, 1.0])) == pytest.approx(expected)


def test_names():
    assert likelihood("quantile", (0.5,)).n_parameters == 1
    assert isinstance(likelihood("absolute_error", None), Absolute)
    assert [likelihood(name, LEVELS, K).n_parameters for name in LIKELIHOODS] == [4, 1, 1, 2, 3, 2, 9]


@pytest.mark.parametrize("n", [1, 2, 9])
def test_a_mixture_of_two_branches(n):
    """Its quantiles lie in the branches, not between them; a batch changes no bit; one component is a normal."""
    model, parameters = Mixture(n), np.zeros((1, 3 * n))
    parameters[0, n : 2 * n], parameters[0, 2 * n :] = np.resize([-5.0, 5.0], n), -4.0
    found = model.quantiles(parameters, [0.01, 0.4, 0.6, 0.99])
    scale = softplus(-4.0) + 1e-3
    if n == 1:
        ref.assert_within(1e-14, found, -5 + scale * ndtri([[0.01, 0.4, 0.6, 0.99]]))
        return
    assert (np.abs(found - [[-5, -5, 5, 5]]) < 5 * scale).all()
    many = np.random.default_rng(0).standard_normal((7, 5, 3 * n))
    whole = model.quantiles(many, LEVELS)
    assert (np.diff(whole) > 0).all()
    for at in np.ndindex(7, 5):
        assert (model.quantiles(many[at], LEVELS) == whole[at]).all() and model.point(many[at]) == whole[at][2]


# ------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize("levels", [(), (0.0, 0.5), (0.5, 1.0), (0.5, 0.5), (float("nan"),)])
def test_levels_lie_between_0_and_1(levels):
    with pytest.raises(ValueError, match="different numbers between 0 and 1"):
        Quantiles(levels)


def test_levels_that_were_not_fitted():
    with pytest.raises(ValueError, match=r"levels \[0.3\] were not fitted; ask for those of \[0.1, 0.25, 0.5, 0.9\]"):
        Quantiles(LEVELS).quantiles(np.zeros(4), [0.5, 0.3])


@pytest.mark.parametrize("name", ["squared_error", "absolute_error"])
def test_no_distribution(name):
    model = likelihood(name, LEVELS, K)
    with pytest.raises(ValueError, match=f"loss='{name}' knows no distribution to draw from: fit with 'gaussian'"):
        model.sample(np.zeros((2, 1)), np.random.default_rng(0))
    with pytest.raises(ValueError, match=f"loss='{name}' knows no quantiles: fit with loss='quantile'"):
        model.quantiles(np.zeros((2, 1)), [0.5])


def test_draws_between_quantiles_have_them():
    levels = np.array([0.05, 0.3, 0.5, 0.9])
    values = np.array([[3.0, -1.0, 0.5, 7.0], [0.0, 1.0, 2.0, 3.0]])
    draws = Quantiles(levels).sample(np.repeat(values[:, np.newaxis], 100_000, axis=1), np.random.default_rng(0))
    ref.assert_within(0.05, np.sort(values), np.quantile(draws, levels, axis=1).T)
    normal = Quantiles(levels).sample(np.tile(ndtri(levels), (100_000, 1)), np.random.default_rng(0))
    ref.assert_within(0.02, ndtri([0.01, 0.99]), np.quantile(normal, [0.01, 0.99]))  # beyond the outermost as well
    with pytest.raises(ValueError, match="one quantile is no distribution to draw from"):
        Quantiles([0.5]).sample(np.zeros((2, 1)), np.random.default_rng(0))


def test_counts_begin_with_the_spread_that_they_have():
    """Else intervals of counts, whose mean is known from the first epoch on, stay several times too wide."""
    rng, base = np.random.default_rng(0), np.tile([3.0, 30.0], (20000, 1))
    answers = likelihood("negative_binomial", ())
    for dispersion in (0.05, 0.3, 1.0):
        came = stats.nbinom.rvs(1 / dispersion, 1 / (1 + dispersion * base), random_state=rng)
        start = answers.start(np.stack([came, base], axis=-1).astype(np.float32))
        assert (start[:, 0] == 0).all()
        ref.assert_within(0.1 * dispersion, np.logaddexp(0, start[:, 1]) + 1e-4, np.full(2, dispersion))
    for same in (rng.poisson(base), base):  # no more than a Poisson distribution has, down to nothing
        found = np.logaddexp(0, answers.start(np.stack([same, base], axis=-1))[:, 1])
        assert (found < 0.02).all() and (found > 0).all()
