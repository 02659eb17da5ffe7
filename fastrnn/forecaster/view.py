"""How a network sees time series: logarithm, differences, scale; and the way back.

A network reads differences in units of the series' own scale, and says what is missing from a base forecast, the last
season or the last value: level, trend and season need not be learned, and one network serves many series.
"""

from collections import namedtuple
from copy import copy

import numpy as np

from fastrnn.forecaster.smoothing import smoothed
from fastrnn.frames.filling import as_it_came
from fastrnn.moments import unit_of
from fastrnn.sequences import Sequences, ranges

SMALLEST = 0.01
"""Of its mean, the smallest value of a channel that log="auto" takes the logarithm of."""
FLATTEST = 1e-6
"""Of its mean, how far its values are apart at least: else a logarithm is a straight line, and takes digits."""


FIELDS = "lags, difference, seasonal_difference, log, scaling, reach, smoothing, effects"


class Lens(namedtuple("Lens", FIELDS, defaults=(False, None))):
    """What is done to series before a network reads them.

    Attributes
    ----------
    lags : list of int
        Of the differences that it reads; the first is the season, or 1.
    difference, seasonal_difference : bool
        What a forecast starts from: the last value, the last season, the last season plus the change since, or (neither
        of them) the series' centre.
    log : bool or "auto"
    scaling : {"mean", "standard", "robust"} or None
    reach : int
        Values back to which the linear part reads.
    smoothing : bool
        Start from exponential smoothing, whatever the differences say.
    effects : ndarray (F, C) or None
        Of covariates that are known ahead on the levels of each channel, in `units` of a `View`.
    """

    @property
    def first(self):
        """The first step of a series that can be read."""
        return max(*self.lags, self.reach - 1)

    @property
    def is_anchored(self):
        """Whether forecasts start from values of the series, not from its centre."""
        return self.difference or self.seasonal_difference


class View:
    """Series through a `Lens`.

    Attributes
    ----------
    levels : (N, C)
        The steps of all series, or their logarithms; less the effects of covariates, if these are given.
    scale, centre : (n, C)
        Of each series.
    units : (n, C) or None
        What effects of covariates, if these are given, are in units of: of logarithms 1, else the usual size, which a
        few events do not move; 0 of what never changes.
    given : Sequences
        The series themselves.
    pads : (n,)
        Rows before the first step of each series, by which one that is too short can be read at its last step.
    """

    def __init__(self, series, lens, known=None, future=None):
        self.lens, self.offsets, self.lengths = lens, series.offsets, series.lengths
        self._series, self._known, self._smoothed = series, series.lengths if known is None else known, None
        self.given = series
        self.owner, self.pads = np.repeat(np.arange(len(series)), series.lengths), np.zeros(len(series), int)
        self.levels, self.is_log = self._logarithms(series)
        self.scale, self.centre = self._scales()
        self.units = None if future is None else self._units(np.abs(series.values))
        self._effects = self._taken_off(future) if future is not None and np.any(lens.effects) else None
        if self.lengths.min() <= lens.first:
            self._pad()

    def _units(self, sizes):
        usual, mean = self._medians(sizes, np.zeros(len(self.lengths), int)), self._sums(sizes)
        usual = np.where(usual > 0, usual, mean / self.lengths[:, np.newaxis])
        return np.where(self.is_log, 1.0, usual) * (self.scale > 0)

    def _taken_off(self, future):
        """Leave in the series what covariates do not explain; the effects of these at all steps that they have."""
        # Since the first step, for what a covariate is always would move the levels.
        since = future.values - np.repeat(future.values[future.offsets[:-1]], future.lengths, axis=0)
        found = np.einsum("nf,fc->nc", since, self.lens.effects) * np.repeat(self.units, future.lengths, axis=0)
        self.levels -= found[ranges(future.offsets[:-1], self.lengths)]
        self.scale, self.centre = self._scales()
        rest = np.exp(self.levels, out=self.levels.copy(), where=self.is_log[self.owner])
        self._series = Sequences(rest, self.offsets)
        return Sequences(found, future.offsets)

    def _pad(self):
        """As if a short series had always been like its first season; what that lacks is like the nearest it has."""
        n, season = self.lengths, self.lens.lags[0]
        pads = np.maximum(self.lens.first + 1 - n, 0)
        offsets = np.append(0, np.cumsum(n + pads))
        owner = np.repeat(np.arange(len(n)), n + pads)
        step = np.arange(len(owner)) - (offsets[:-1] + pads)[owner]
        place, end = step % season, n[owner] - 1
        place = np.where(place <= end, place, np.where(place - end <= season - place, end, 0))
        self.levels = self.levels[self.offsets[owner] + np.where(step < 0, place, step)]
        self.offsets, self.lengths, self.owner, self.pads = offsets, n + pads, owner, pads

    def _logarithms(self, series):
        values, starts = series.values, series.offsets[:-1]
        smallest = np.minimum.reduceat(values, starts)
        if self.lens.log == "auto":
            mean = self._sums(values) / self.lengths[:, np.newaxis]
            changes = np.maximum.reduceat(values, starts) - smallest > FLATTEST * mean
            is_log = changes & (smallest > 0) & (smallest >= SMALLEST * mean)
        else:
            is_log = np.full(smallest.shape, self.lens.log)
        levels = values.copy()
        np.log(values, out=levels, where=is_log[self.owner])
        return levels, is_log

    def _scales(self):
        """Of the differences from the base; 0 for a channel that does not change."""
        lens, u, scaling = self.lens, self.levels, self.lens.scaling
        n, lags = self.lengths[:, np.newaxis], np.zeros(len(self.lengths), int)
        centre = np.zeros((len(self.lengths), u.shape[1]))
        if scaling is None:
            return np.ones(centre.shape), centre
        if lens.is_anchored:
            lag = lens.lags[0] if lens.seasonal_difference else 1
            lags = np.where(self.lengths > lag, lag, 1)  # of less than a season, steps say how much it changes
            differences, rows = np.zeros_like(u), np.arange(len(u))
            known = rows[self.steps(rows) >= lags[self.owner]]
            differences[known] = u[known] - u[known - lags[self.owner[known]]]
            n = np.maximum(n - lags[:, np.newaxis], 1)
        else:
            centre = self._medians(u, lags) if scaling == "robust" else self._sums(u) / n
            differences = u - centre[self.owner]
        if scaling == "standard":
            unit = unit_of(np.maximum.reduceat(np.abs(differences), self.offsets[:-1]))
            return unit * np.sqrt(self._sums((differences / unit[self.owner]) ** 2) / n), centre
        scale = self._sums(np.abs(differences)) / n
        if scaling == "robust":
            spread = self._medians(np.abs(differences), lags)
            scale = np.where(spread > 0, spread, scale)
        return scale, centre

    def _sums(self, values):
        return np.add.reduceat(values, self.offsets[:-1])

    def _medians(self, values, firsts):
        parts = np.split(values, self.offsets[1:-1])
        return np.stack([np.median(part[first:], axis=0) for part, first in zip(parts, firsts, strict=True)])

    def steps(self, rows):
        """Of each row its place in its series, (R,)."""
        owner = self.owner[rows]
        return rows - self.offsets[owner] - self.pads[owner]

    def missing(self, rows, horizon):
        """How many numbers were missing at rows, each as often as there are steps ahead, and at these steps (R,)."""
        is_hole = np.isnan(as_it_came(self.given)).sum(axis=1)
        until = np.append(0, np.cumsum(is_hole))
        place = self.given.offsets[self.owner[rows]] + self.steps(rows)
        return is_hole[place] * horizon + until[place + 1 + horizon] - until[place + 1]

    def unit(self, rows):
        """What differences at these rows are divided by, (R, C)."""
        scale = self.scale[self.owner[rows]]
        return np.where(scale > 0, scale, 1.0)

    def inputs(self, rows):
        """What the network reads at rows, (R, lags C)."""
        u, unit, lens = self.levels, self.unit(rows), self.lens
        parts = [(u[rows] - u[rows - lag]) / unit for lag in lens.lags]
        if not lens.is_anchored:
            parts.append((u[rows] - self.centre[self.owner[rows]]) / unit)
        return np.hstack(parts)

    def base(self, rows, horizon):
        """Where the forecasts made at rows start from, (R, horizon, C)."""
        u, season, lens = self.levels, self.lens.lags[0], self.lens
        if lens.smoothing:
            if self._smoothed is None or self._smoothed.shape[1] < horizon:
                self._smoothed = self._smooth(horizon)
            return self._smoothed[rows, :horizon]
        if lens.seasonal_difference:
            base = stretches(u, min(season, horizon))[rows + 1 - season]
            if horizon > season:
                base = base[:, np.arange(horizon) % season]
            return base + (u[rows] - u[rows - season])[:, np.newaxis] if lens.difference else base
        start = u[rows] if lens.difference else self.centre[self.owner[rows]]
        return np.repeat(start[:, np.newaxis], horizon, axis=1)

    def _smooth(self, horizon):
        """What exponential smoothing forecasts from each step, (N, horizon, C)."""
        series, out = self._series, np.zeros((len(self.levels), horizon, self.levels.shape[1]))
        for k, known in enumerate(self._known):
            paths = [smoothed(values, self.lens.lags[0], horizon, known) for values in series[k].T]
            out[self.offsets[k] + self.pads[k] : self.offsets[k + 1]] = np.stack(paths, axis=-1)
        return np.log(np.maximum(out, np.finfo(float).tiny), out=out, where=self.is_log[self.owner][:, np.newaxis])

    def window(self, rows):
        """What the linear part reads: the last values, less the very last, and 1 in its place, (R, C, reach)."""
        u = self.levels
        start = u[rows] if self.lens.is_anchored else self.centre[self.owner[rows]]
        window = stretches(u, self.lens.reach)[:, ::-1].transpose(0, 2, 1)[rows + 1 - self.lens.reach]  # latest first
        window -= start[..., np.newaxis]
        window /= self.unit(rows)[..., np.newaxis]
        if self.lens.is_anchored:
            window[..., 0] = 1
        return window

    def gaps(self, rows, horizon):
        """What came, less the base, (R, horizon, C) in units of the scale."""
        gaps = stretches(self.levels, horizon)[rows + 1]
        gaps -= self.base(rows, horizon)
        gaps /= self.unit(rows)[:, np.newaxis]
        return gaps

    def ahead(self, rows, gaps):
        """Levels (R, horizon, C, K) from gaps at rows."""
        scale = self.scale[self.owner[rows]][:, np.newaxis, :, np.newaxis]
        return self.base(rows, gaps.shape[1])[..., np.newaxis] + scale * gaps

    def values(self, rows, gaps):
        """Forecasts (R, horizon, C, K) in the series' own unit from gaps at rows."""
        return self.from_levels(self.ahead(rows, gaps), self.owner[rows], self.steps(rows))

    def from_levels(self, levels, owner=slice(None), steps=None):
        """Levels (R, horizon, C, K) of series `owner` (R,) in their own unit; after `steps` (R,) with effects."""
        if steps is not None and self._effects is not None:
            rows = (self._effects.offsets[owner] + steps)[:, np.newaxis] + np.arange(1, levels.shape[1] + 1)
            levels = levels + self._effects.values[rows][..., np.newaxis]
        return np.exp(levels, out=levels, where=self.is_log[owner][:, np.newaxis, :, np.newaxis])

    def to_levels(self, values):
        """The way there, for values (n, horizon, C) or (n, horizon, C, K)."""
        is_log = np.expand_dims(self.is_log, (1, *range(3, values.ndim)))
        # What came may be zero or less after a history that was not: then it is far away.
        return np.log(np.maximum(values, np.finfo(float).tiny), out=values.copy(), where=is_log)

    def unrolled(self, n_copies, horizon):
        """Copies of each series' last steps with room for `horizon` more, and the rows (n n_copies,) where they end.

        What is drawn for a step is written into `levels`, and read from there at the next.
        """
        n, depth = len(self.lengths), self.lens.first + 1
        view = copy(self)
        last = (self.offsets[1:] - depth)[:, np.newaxis, np.newaxis] + np.arange(depth)
        view.levels = np.zeros((n, n_copies, depth + horizon, self.levels.shape[1]))
        view.levels[:, :, :depth] = self.levels[last]
        view.levels = view.levels.reshape(-1, self.levels.shape[1])
        view.owner = np.repeat(np.arange(n), n_copies * (depth + horizon))
        return view, np.arange(n * n_copies) * (depth + horizon) + depth - 1

    def last_rows(self, most=None):
        """The last `most` readable rows of each series, and how many there are of each, (n,)."""
        counts = np.minimum(self.lengths - self.lens.first, most or len(self.levels))
        return ranges(self.offsets[1:] - counts, counts), counts

    def training_rows(self, horizon):
        """The rows of each series at which a forecast can be judged, and how many there are of each, (n,)."""
        counts = np.maximum(self.lengths - self.lens.first - horizon, 0)
        return ranges(self.offsets[:-1] + self.lens.first, counts), counts


def stretches(values, length):
    """All stretches (N - length + 1, length, C) of rows (N, C), not copied.

    A third of the time of indexing each row; NumPy's `sliding_window_view` takes 20 us.
    """
    (N, C), (row, item) = values.shape, values.strides
    return np.ndarray((N - length + 1, length, C), values.dtype, values, strides=(row, row, item))


def pieces(counts, longest):
    """Offsets that cut runs of rows, one after the other, into pieces of nearly equal lengths up to `longest`."""
    parts = -(-counts // longest)
    which = np.repeat(np.arange(counts.size), parts)
    k = ranges(np.zeros_like(parts), parts)
    return np.append((np.cumsum(counts) - counts)[which] + k * counts[which] // parts[which], counts.sum())


def distances(windows, counts):
    """How far the end of each window is from the end of its run, of which `counts` says how long each is."""
    ends = np.cumsum(counts)
    return ends[np.searchsorted(ends, windows.offsets[1:])] - windows.offsets[1:]
