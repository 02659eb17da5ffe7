"""Forecasts of a series by itself: exponential smoothing, the mean over many ways to do it.

A season is taken off or divided out by classical decomposition; what is left goes on by level and damped trend, or by
the theta method (Assimakopoulos and Nikolopoulos 2000), as it is or in logarithms.  Each way counts by how little it
has missed of the series so far: means of such forecasts miss less than the best of them (Makridakis et al. 2020).
"""

from itertools import product

import numpy as np

from fastrnn.kernels.smoothing import ADDED, LOGARITHMS, TIMES, smooth

TRENDS = [(0.0, 1.0, 0.0), (0.0, 1.0, 0.5), (0.0, 1.0, 1.0), *product((0.1, 0.3), (0.8, 0.9, 1.0), (0.0,))]
MEMBERS = np.array([(alpha, *trend) for alpha, trend in product((0.1, 0.2, 0.35, 0.5, 0.7, 0.9), TRENDS)])
"""(alpha, beta, phi, theta) of each."""
SHARPNESS = 12.0
"""A member counts by this power of one over what it misses."""
SMALLEST = 0.01
"""Of the mean, the least value of a series whose season is a factor, and that is read in logarithms too."""


def smoothed(series, season, horizon, known):
    """Forecasts (T, horizon) from each step of a series (T,), of which `known` ones tell the season."""
    if (series == series[0]).all():  # to the bit
        return np.full((series.size, horizon), series[0])
    unit = np.abs(series[:known]).mean() or 1.0
    series = series / unit
    first, parts, n = min(max(season, 3), known // 2), [], min(series.size, max(5, season))
    places = np.arange(n) - (n - 1) / 2
    for form in (ADDED, TIMES, LOGARITHMS) if series.min() >= SMALLEST else (ADDED,):
        factors = _season(series[:known], season, form != ADDED)
        beside = np.resize(factors, series.size)
        rest = series - beside if form == ADDED else series / beside
        rest = np.log(rest) if form == LOGARITHMS else rest
        slope = places @ rest[:n] / max(places @ places, 1.0)
        line = np.array([rest[:n].mean() + slope * places[0], slope, n])
        parts.append([rest, series, factors, form, MEMBERS, first, line])
    missed, nothing = np.zeros((len(parts), series.size, len(MEMBERS))), np.empty((0, horizon))
    for each, part in zip(missed, parts, strict=True):
        smooth(nothing, each, each, *part)
    missed = np.maximum(missed.cumsum(axis=1), np.finfo(float).eps)
    weights = (missed / missed.min(axis=(0, 2), keepdims=True)) ** -SHARPNESS
    weights /= weights.sum(axis=(0, 2), keepdims=True)
    out = np.zeros((series.size, horizon))
    for each, part in zip(weights, parts, strict=True):
        smooth(out, each, each, *part)
    if (least := series[:known].min()) > 0:
        out = np.maximum(out, least / 2)
    return out * unit


def _season(series, m, is_factor):
    """Its mean part at each place (m,), beside or over the centred mean of a season; none of less than two."""
    T, neutral = series.size, float(is_factor)
    if m < 2 or T < 2 * m + 1:
        return np.full(max(m, 1), neutral)
    window = np.ones(m + 1 - m % 2) / m
    window[[0, -1]] /= 1 + (m % 2 == 0)
    middle, start = np.convolve(series, window, "valid"), m // 2
    seen = series[start : T - start]
    found = seen / middle if is_factor else seen - middle
    places = (start + np.arange(found.size)) % m
    parts = np.bincount(places, found, m) / np.bincount(places, minlength=m)
    return parts / parts.mean() if is_factor else parts - parts.mean()
