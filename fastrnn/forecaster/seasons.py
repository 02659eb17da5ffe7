"""Seasons that series show: of what clocks and calendars have, if they have timestamps, or of any length.

What is looked at are changes: of the means of k steps from those of the k before, for k = 1, 2, 4, ...  Trends and the
levels of random walks are gone from them, and a season that is long and smooth, of which single steps show nothing but
noise, stands out where k is about a quarter of it.  A season is seen by analysis of variance (Buys Ballot 1847; Fisher
1925): a profile of so many steps says more of the changes than it would of noise, with the degrees of freedom that
changes over k steps leave of n, n / (k + 1/2).
"""

from functools import partial

import numpy as np
from scipy.special import betaincc

from fastrnn import threads
from fastrnn.moments import alone

LONGEST_SEASON = 400
"""That is searched for where no timestamps tell of others."""
LOOKED_AT = 20 * LONGEST_SEASON
"""Steps of a series at most, the last ones."""
ALL_LOOKED_AT = 2**17
"""Steps of all series together."""
CHANCE = 0.05
"""That a season is found in noise; 0.02 was measured of white noise and less of random walks, at 12 to 600 steps."""
NATURAL = (4, 5, 7, 12, 24, 48, 52, 60, 96, 168, 365)
"""Of lengths that are as good but for noise, which is meant."""
STEEPEST = 1e-9
"""Of a trend, what is taken for its rounding."""


def find_seasons(series, likely=(), horizon=None, agreed=alone):
    """Seasons that the typical series show, the shortest first; [] if there is none.

    Parameters
    ----------
    series : Sequences
        Half of them, the longer ones, are looked at; what is found is what they show in the mean.
    likely : tuple of int
        Seasons to try first; several are found if each says what those before it do not.
    horizon : int, optional
        Steps ahead of which the last season must tell more than the last value; by default those of half a season.
    agreed : callable
        As for `fastrnn.moments.moments`.
    """
    return agreed(lambda: (_typical(series), likely), partial(_found, horizon))


def _found(horizon, parts):
    """The seasons, by what is typical of each part, as long and as many as of one; the first knows the likely ones."""
    samples, (likely, *_) = zip(*parts, strict=True)
    steps = min(values.shape[1] for values in samples)
    values = np.concatenate([values[:, values.shape[1] - steps :] for values in samples])
    if len(samples) > 1:
        values = values[np.ptp(values, axis=1) > 0]
        values = values[np.unique(np.linspace(0, len(values) - 1, max(1, ALL_LOOKED_AT // steps)).astype(int))]
    if values.size == 0:
        return []
    return _likely(values, sorted(likely), horizon) or _searched(values, horizon)


def _typical(series):
    """The last steps of half of the series, as many of each (S, T), without those that do not change."""
    length = int(np.sort(series.lengths)[len(series) // 2])
    long_enough = np.flatnonzero(series.lengths >= length)
    steps = min(length, LOOKED_AT)
    most = min(long_enough.size, max(1, ALL_LOOKED_AT // steps))
    some = long_enough[np.linspace(0, long_enough.size - 1, most).astype(int)]
    values = np.concatenate([series[k][-steps:].T for k in some])
    values = values / np.maximum(np.abs(values).max(axis=1, keepdims=True), np.finfo(float).tiny)
    return values[np.ptp(values, axis=1) > 0]


def _likely(values, seasons, horizon):
    """Those of the likely seasons that show, and not only because a fraction of them does."""
    found, T = [], values.shape[1]
    for m in seasons:
        fractions = [d for d in range(2, m // 2 + 1) if m % d == 0]
        parts = (None, *fractions) if (3 if found else 2) * m < T else ()
        chances = [np.exp(logs.min()) * len(logs) for logs in (_logs([m], values, part) for part in parts)]
        if parts and max(chances) < CHANCE / len(seasons) and (found or _is_nearer(values, m, horizon)):
            found.append(m)
    return found


def _searched(values, horizon):
    """The season that shows best, if any does."""
    longest = min(LONGEST_SEASON, (values.shape[1] - 1) // 3)
    lengths = range(2, longest + 1)
    if not lengths:
        return []
    logs = _logs(lengths, values)
    scale, place = np.unravel_index(logs.argmin(), logs.shape)
    if logs.min() > np.log(CHANCE / (2 * longest)):
        return []
    season = _refined(values, lengths[place], 2**scale, longest)
    return [season] if _is_nearer(values, season, horizon) else []


def _logs(lengths, values, within=None):
    """Logarithms of how probable noise is to show seasons so, (scales, lengths); 0 where they cannot be seen.

    With `within`, a season that divides them, what counts is what they show beside it.
    """
    scales = 2 ** np.arange(max(1, int(np.log2(max(lengths) / 3)) + 1))
    logs = np.zeros((scales.size, len(lengths)))
    for found, k in zip(logs, scales.tolist(), strict=True):
        changes = _changes(values, k)
        n = changes.shape[1]
        known, used = (_share(changes, within), _freedom(within, k)) if within else (0.0, 0.0)
        for j, m in enumerate(lengths):
            if m >= 3 * k - (k == 1) and m < n:
                share = (_share(changes, m) - known) / max(1 - known, 1e-12)
                freedom = max(_freedom(m, k) - used, 2)
                rest = max(n / (k + 0.5) - used - freedom - 1, 0.5)
                found[j] = np.log(max(betaincc(freedom / 2, rest / 2, np.clip(share, 0, 1)), 1e-300))
    return logs


def _freedom(season, k):
    return max(season / (k + 0.5), 2)


def _changes(values, k):
    """Of the means of k steps from those before, (S, T - 2 k + 1), about their mean and with squares that sum to 1."""
    sums = np.pad(values, ((0, 0), (1, 0))).cumsum(axis=1)
    means = (sums[:, k:] - sums[:, :-k]) / k
    changes = means[:, k:] - means[:, :-k]
    if changes.shape[1] == 0:
        return changes
    size = np.abs(changes).max(axis=1, keepdims=True)
    changes = changes - changes.mean(axis=1, keepdims=True)
    changes[np.abs(changes) <= STEEPEST * size] = 0
    return changes / np.maximum(np.sqrt((changes**2).sum(axis=1, keepdims=True)), np.finfo(float).tiny)


def _share(changes, season):
    """Of the variance, what the mean profile of a season explains, in the mean over series."""
    S, n = changes.shape
    turns = -(-n // season)
    counts = np.full(season, turns) - (np.arange(season) >= n - (turns - 1) * season)
    sums = np.pad(changes, ((0, 0), (0, turns * season - n))).reshape(S, turns, season).sum(axis=1)
    return float((sums**2 / counts).sum() / S)


def _refined(values, season, k, longest):
    """The length near that of a season at which waves fit best; one that clocks or calendars have, if it is as good."""
    changes = _changes(values, k)
    n = changes.shape[1]
    span = season**2 // n if season > 7 else 0  # half a wave more or less over all that there is
    near = np.arange(max(2, season - span), min(longest, season + span) + 1)
    n_waves = min((season - 1) // 2, 3)
    missed = threads.with_one_in_blas(lambda: np.array([_missed(changes, m, n_waves) for m in near]))
    is_as_good = n / k * np.log(missed / missed.min()) < 4  # chi-squared of one degree of freedom, in 19 cases of 20
    natural = near[is_as_good & np.isin(near, NATURAL)]
    return int(natural[0] if natural.size else near[missed.argmin()])


def _missed(changes, season, n_waves):
    """What waves of a season and its fractions leave of the variance."""
    angles = 2 * np.pi * np.outer(np.arange(changes.shape[1]), np.arange(1, n_waves + 1)) / season
    waves = np.hstack([np.cos(angles), np.sin(angles), np.ones((len(angles), 1))])
    left = changes.T - waves @ np.linalg.lstsq(waves, changes.T, rcond=None)[0]
    return max(float((left**2).sum()) / len(changes), 1e-9)


def _is_nearer(values, season, horizon):
    """Whether values are nearer, but for a trend, to those a season before than to those of the horizon before."""
    return _apart(values, season) < _apart(values, max(1, min(horizon or season, season // 2)))


def _apart(values, lag):
    changes = values[:, lag:] - values[:, :-lag]
    return np.abs(changes - changes.mean(axis=1, keepdims=True)).mean()
