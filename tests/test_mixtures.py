"""Mixtures of Gaussians: the loss and its slopes against the reference, SciPy and PyTorch's autograd."""

import numpy as np
import pytest
import reference as ref
from make_fixtures import MIXED, MIXTURES
from samples import assert_rows_stand_alone, assert_slope
from scipy import stats

from fastrnn.losses.loss import mixture_loss

SHAPES = {
    "a number": (3, 1, False, 0, 1), "one component": (1, 1, False, 0, 2), "numbers": (5, 1, False, 0, 7),
    "steps": (17, 3, False, 2, 1), "a pair": (4, 2, True, 0, 1), "strokes": (20, 2, True, 2, 1),
    "a pair that is not correlated": (9, 2, False, 1, 1), "pairs": (8, 2, True, 1, 3),
}  # fmt: skip
"""Components, numbers, whether these are a correlated pair, labels, and how many mixtures a row."""
every_shape = pytest.mark.parametrize("name", SHAPES)


def draw(name, S=6, dtype="float64", seed=0):
    K, N, is_pair, B, D = SHAPES[name]
    rng = np.random.default_rng(seed)
    outputs = 1.5 * rng.standard_normal((S, D * K * (1 + 2 * N + is_pair) + B)).astype(dtype)
    targets = 1.5 * rng.standard_normal((S, D * N + B)).astype(dtype)
    targets[:, D * N :] = targets[:, D * N :] > 0
    weights = rng.uniform(0, 1, S)
    return mixture_loss(K, N, is_pair, B), outputs, targets, weights


def expected(name, outputs, targets):
    """Losses and slopes of rows by the reference."""
    K, N, is_pair, B, D = SHAPES[name]
    of_numbers, labels, outputs, targets = outputs.shape[1] - B, D * N, outputs.astype(float), targets.astype(float)
    losses, slopes = ref.mixture(outputs[:, :of_numbers], targets[:, :labels], K, N, is_pair)
    z, t = outputs[:, of_numbers:], targets[:, labels:]
    of_labels, d_labels = ref.softplus(z)
    return losses.mean(axis=1) + (of_labels - z * t).sum(axis=1), np.hstack([slopes / D, d_labels - t])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_shape
def test_losses_and_slopes_of_the_reference(name, dtype):
    loss, outputs, targets, weights = draw(name, 9, dtype)
    losses, gradient = loss.of_rows(outputs, targets, weights)
    known, slopes = expected(name, outputs, targets)
    tolerance = 1e-11 if dtype == "float64" else 1e-5
    ref.assert_within(tolerance, losses, known)
    ref.assert_within(tolerance, gradient, weights[:, None] * slopes)


@every_shape
def test_slopes_by_projection(name):
    loss, outputs, targets, weights = draw(name)
    assert_slope(lambda: loss(outputs, targets, weights)[0], (outputs, loss(outputs, targets, weights)[1]))


@pytest.mark.parametrize("name", MIXED)
def test_losses_and_slopes_of_pytorch(name):
    with np.load(MIXTURES) as file:
        outputs, targets, losses, slopes = (
            file[f"{name} {part}"] for part in ("outputs", "targets", "losses", "slopes")
        )
    K, N, is_pair, B, _ = MIXED[name]
    loss = mixture_loss(K, N, is_pair, B)
    for dtype, tolerance in (("float64", 1e-11), ("float32", 1e-4)):
        actual, gradient = loss.of_rows(outputs.astype(dtype), targets, np.ones(6))
        np.testing.assert_allclose(actual, losses, rtol=tolerance)
        np.testing.assert_allclose(gradient, slopes, rtol=tolerance, atol=tolerance * np.abs(slopes).max())


def test_a_density_is_that_of_scipy_and_sums_to_one():
    loss, outputs, _, _ = draw("a pair", 1, seed=1)
    grid = np.linspace(-15, 15, 1501)
    x, y = (part.ravel() for part in np.meshgrid(grid, grid))
    losses = loss.of_rows(np.repeat(outputs, x.size, axis=0), np.column_stack([x, y]), np.ones(x.size))[0]
    assert np.exp(-losses).sum() * (grid[1] - grid[0]) ** 2 == pytest.approx(1, abs=1e-3)
    logs, mx, my, sx, sy, r = outputs.reshape(6, 4)
    (sx, sy), r, point = np.logaddexp(0, [sx, sy]) + 1e-3, 0.999 * np.tanh(r), [0.3, -0.4]
    cov = [[[a * a, c * a * b], [c * a * b, b * b]] for a, b, c in zip(sx, sy, r, strict=True)]
    of = [stats.multivariate_normal((mx[k], my[k]), cov[k]).pdf(point) for k in range(4)]
    density = np.exp(logs) @ of / np.exp(logs).sum()
    assert loss.of_rows(outputs, np.array([point]), np.ones(1))[0][0] == pytest.approx(-np.log(density), rel=1e-12)


@pytest.mark.parametrize("padding", [0, 1, 13])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_shape
def test_rows_stand_alone(name, dtype, padding):
    assert_rows_stand_alone(*draw(name, 5, dtype), padding)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_shape
def test_far_outputs_stay_finite_and_nan_surfaces(name, dtype):
    loss, outputs, targets, weights = draw(name, 20, dtype)
    outputs[:] = np.random.default_rng(1).choice([-1e4, 1e4], outputs.shape)
    value, gradient = loss(outputs, targets, weights)
    assert np.isfinite(value) and np.isfinite(gradient).all()
    outputs[3] = np.nan
    assert np.isnan(loss.of_rows(outputs, targets, weights)[0]).tolist() == [k == 3 for k in range(20)]
