"""The kernel of the pinball loss, against its formula in NumPy."""

import numpy as np
import pytest
import reference as ref

from fastrnn.kernels.quantiles import pinball


def formula(outputs, targets, weights, levels):
    S, D = targets.shape
    difference = targets[..., None] - outputs.reshape(S, D, -1)
    losses = np.maximum(levels * difference, (levels - 1) * difference).reshape(S, -1).mean(axis=1)
    slopes = np.where(difference > 0, -levels, np.where(difference < 0, 1 - levels, 0.0)).reshape(S, -1)
    return losses, slopes * weights[:, None] / slopes.shape[1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("S", "D", "Q"), [(1, 1, 1), (3, 1, 20), (5, 7, 3), (4, 16, 1), (4, 3, 16), (2, 24, 9)])
def test_the_formula(S, D, Q, dtype):
    rng = np.random.default_rng(0)
    levels, weights = np.linspace(0.05, 0.95, Q), rng.uniform(size=S)
    wide = rng.standard_normal((S, D * Q + 5)).astype(dtype)  # as the head pads its rows
    outputs, targets = wide[:, : D * Q], rng.standard_normal((S, D)).astype(dtype)
    outputs[0, 0] = targets[0, 0]  # no slope where it is met
    d_outputs, losses = np.full((S, D * Q), np.nan, dtype), np.full(S, np.nan)
    pinball(d_outputs, losses, outputs, targets, weights, levels)
    expected, slopes = formula(outputs.astype(float), targets.astype(float), weights, levels)
    tolerance = 1e-6 if dtype == "float32" else 1e-14
    ref.assert_within(tolerance, losses, expected)
    ref.assert_within(tolerance, d_outputs, slopes)
    assert d_outputs[0, 0] == 0


@pytest.mark.parametrize("where", ["outputs", "targets"])
def test_nan_surfaces_in_its_row_alone(where):
    data = {"outputs": np.zeros((3, 34)), "targets": np.ones((3, 17))}
    data[where][1, 16] = np.nan
    losses = np.zeros(3)
    pinball(np.empty((3, 34)), losses, *data.values(), np.ones(3), np.array([0.1, 0.9]))
    assert np.isnan(losses).tolist() == [False, True, False]
