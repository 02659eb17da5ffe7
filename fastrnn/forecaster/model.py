"""From series to what a network reads, and from what it puts out to forecasts."""

from collections import namedtuple
from functools import cached_property

import numpy as np

from fastrnn.base import check_finite
from fastrnn.forecaster import conformal
from fastrnn.forecaster.linear import WINDOWS
from fastrnn.forecaster.view import View, stretches
from fastrnn.losses.likelihoods import NegativeBinomial
from fastrnn.network.parts import portions
from fastrnn.sequences import Sequences
from fastrnn.wording import meant_as_share, shown

LEAST_BASE = 0.1
"""Of the scale: what counts are a multiple of is no smaller."""
PATHS = 200
"""From which a recursive model's quantiles are read."""
DRAWN_AT_ONCE = 2**22
"""Numbers, at most, that sampled paths are held in at once."""


class Targets:
    """What is to come out at rows of a view, computed when a batch asks for it: all together may be many."""

    def __init__(self, model, view, rows, folds):
        self._model, self._view, self._rows, self._folds = model, view, rows, folds

    def __len__(self):
        return self._rows.size

    @cached_property
    def shape(self):
        return len(self), *self[:1].shape[1:]

    def __getitem__(self, chosen):
        model, view, rows = self._model, self._view, self._rows[chosen]
        linear, horizon = model.linear.unseen(view, rows, self._folds[chosen]), model.horizon
        if model.of_counts:
            came = stretches(view.levels, horizon)[rows + 1]
            found = np.stack([came, model.base_of_counts(view, rows, linear)], axis=-1).reshape(rows.size, -1, 2)
        else:
            found = (view.gaps(rows, horizon) - linear).reshape(rows.size, -1)
        return found.astype(model.dtype)

    def __array__(self, dtype=None, copy=None):
        out = np.empty(self.shape, self._model.dtype)
        for some in portions(len(self), WINDOWS):
            out[some] = self[some]
        return out


FIELDS = "lens, horizon, context, linear, likelihood, features, dtype, is_recursive, network"


class Model(namedtuple("Model", FIELDS)):
    """All that a forecast takes.

    Attributes
    ----------
    lens : Lens
    horizon : int
        Steps that the network forecasts at once.
    context : int or None
        Steps that it reads; None for all.
    linear : Linear
    likelihood : one of `fastrnn.losses.likelihoods`
    features : pair of ndarray
        Mean and scale of what is read beside the series.
    dtype : str
    is_recursive : bool
    network : SequenceNetwork
    """

    @property
    def of_counts(self):
        return isinstance(self.likelihood, NegativeBinomial)

    def inputs(self, view, panel, rows, steps):
        """What the network reads at rows of a view, which are at these steps of their series."""
        mean, scale = self.features
        beside = (panel.features(view.owner[rows], steps, self.horizon) - mean) / scale
        return np.hstack([view.inputs(rows), beside]).astype(self.dtype)

    def base_of_counts(self, view, rows, linear):
        """What the mean of counts is a multiple of, (R, horizon, C)."""
        unit = view.unit(rows)[:, np.newaxis]
        return np.maximum(view.base(rows, linear.shape[1]) + unit * linear, LEAST_BASE * unit)

    def gaps(self, view, rows, outputs, ask):
        """What `ask` says of parameters, as gaps (R, horizon, C, K), from the network's outputs at rows."""
        R, C = len(rows), view.levels.shape[1]
        linear = self.linear.gaps(view, rows)
        parameters = outputs.reshape(R, self.horizon, C, -1).astype(np.float64)
        if not self.of_counts:
            return linear[..., np.newaxis] + ask(parameters)
        base = self.base_of_counts(view, rows, linear)[..., np.newaxis]
        counts = ask(np.concatenate([parameters, base], axis=-1))
        return (counts - view.base(rows, self.horizon)[..., np.newaxis]) / view.unit(rows)[:, np.newaxis, :, np.newaxis]

    def read(self, panel):
        """The view of a panel, its last rows, and the network's outputs and states there."""
        view = View(panel.series, self.lens, future=panel.future)
        rows, counts = view.last_rows(self.context)
        offsets = np.append(0, np.cumsum(counts))
        values = self.inputs(view, panel, rows, view.steps(rows))
        return view, rows[offsets[1:] - 1], *self.network.predict_last(Sequences(values, offsets))

    def forecast(self, panel, ask, levels=None):
        """What `ask` says of the next `horizon` steps, (n, horizon, C, K), in the series' own unit.

        With levels (K - 1,) it says the median and their quantiles, and these are returned as `_spread`.
        """
        view, rows, outputs, _ = self.read(panel)
        gaps = self.gaps(view, rows, outputs, ask)
        return self._counted(view.values(rows, gaps if levels is None else self._spread(gaps, levels)))

    def _counted(self, values):
        """Counts are whole, and what is as far from the median as a season before could be less than none."""
        return np.maximum(np.rint(values), 0) if self.of_counts else values

    def _spread(self, values, levels):
        """Quantiles (n, h, C, L) of levels (L,), no nearer to the median than a season before, from both (.., 1 + L).

        They cross no more than before, for the largest of a season's distances is taken of every level alike.
        """
        middle, side = values[..., :1], np.sign(levels - 0.5)
        away = np.moveaxis(side * (values[..., 1:] - middle), 1, 0)
        return middle + side * np.moveaxis(conformal.never_narrower(away, self.lens.lags[0]), 0, 1)

    def points(self, panel, horizon):
        """Point forecasts (n, horizon, C), each block of steps from those before."""
        if self.is_recursive:
            return check_finite(self._unrolled(panel, 1, horizon, self._point)[:, 0], int, panel.who)
        blocks = []
        for _ in range(0, horizon, self.horizon):
            blocks.append(self.forecast(panel, self._point)[..., 0])
            if self.horizon * len(blocks) < horizon:
                panel = panel.continued(blocks[-1])
        return check_finite(np.concatenate(blocks, axis=1)[:, :horizon], int, panel.who)

    def _point(self, parameters):
        return self.likelihood.point(parameters)[..., np.newaxis]

    def quantiles(self, panel, horizon, levels, seed):
        """(n, horizon, C, L) for levels (L,); where they are read from paths, all series draw alike."""
        if levels.ndim > 1 or not ((levels > 0) & (levels < 1)).all():
            raise ValueError(f"quantiles={shown(levels)}; expected numbers between 0 and 1{meant_as_share(levels)}")
        if self.is_recursive:
            paths, view = self.paths(panel, PATHS, horizon, [seed] * len(panel.series)), View(panel.series, self.lens)
            found = np.moveaxis(np.quantile(paths, [0.5, *levels], axis=1), 0, -1)
            return self._counted(view.from_levels(self._spread(view.to_levels(found), levels)))
        if horizon > self.horizon:
            fault = f"horizon={horizon}, but quantiles are known for the {self.horizon} steps of the fit"
            raise ValueError(f"{fault}: fit with horizon={horizon}, or with strategy='recursive'")

        def ask(parameters):
            return np.concatenate([self._point(parameters), self.likelihood.quantiles(parameters, levels)], axis=-1)

        return check_finite(self.forecast(panel, ask, levels)[:, :horizon], int, panel.who)

    def intervals(self, panel, horizon, coverage, errors, seed):
        """(n, horizon, C, 2), round the points by what forecasts have missed, if there are such errors (horizon, m)."""
        if errors is None:
            tail = (1 - coverage) / 2
            return self.quantiles(panel, horizon, np.array([tail, 1 - tail]), seed)
        view = View(panel.series, self.lens)
        found = conformal.interval(view, self.points(panel, horizon), errors, coverage)
        return self._counted(check_finite(found, int, panel.who))

    def paths(self, panel, n_paths, horizon, seeds):
        """Drawn paths (n, n_paths, horizon, C), those of a few series at once, each by its own seed."""
        if not self.is_recursive:
            raise ValueError("paths are drawn step by step: fit with strategy='recursive'")
        at_once = max(1, DRAWN_AT_ONCE // (n_paths * (self.lens.first + 1 + horizon)))
        drawn = []
        for numbers in portions(len(panel.series), at_once):
            some = panel.upto(panel.series.lengths[numbers], numbers)
            drawn.append(self._unrolled(some, n_paths, horizon, self._drawing([seeds[k] for k in numbers])))
        return check_finite(np.concatenate(drawn), int, panel.who)

    def _drawing(self, seeds):
        """What draws one number a parameter: what a series draws does not depend on those beside it."""
        generators = [np.random.default_rng(seed) for seed in seeds]

        def draw(parameters):
            parts = zip(np.split(parameters, len(seeds)), generators, strict=True)
            return np.concatenate([self.likelihood.sample(part, rng) for part, rng in parts])[..., np.newaxis]

        return draw

    def _unrolled(self, panel, n_paths, horizon, ask):
        """Each step from those before: `ask` (n, n_paths, horizon, C) of a model with a horizon of 1."""
        view, _, outputs, state = self.read(panel)
        view, rows = view.unrolled(n_paths, horizon)
        steps = np.repeat(panel.series.lengths - 1, n_paths)
        outputs, state = np.repeat(outputs, n_paths, axis=0), np.repeat(state, n_paths, axis=1)
        for step in range(horizon):
            view.levels[rows + 1] = view.ahead(rows, self.gaps(view, rows, outputs, ask))[:, 0, :, 0]
            rows, steps = rows + 1, steps + 1
            if step + 1 < horizon:
                x = self.inputs(view, panel, rows, steps)
                outputs, state = self.network.read(Sequences(x, np.arange(rows.size + 1)), state)
        drawn = view.levels[rows[:, np.newaxis] - np.arange(horizon)[::-1]]
        drawn = view.from_levels(drawn[..., np.newaxis], view.owner[rows], steps - horizon)
        return self._counted(drawn).reshape(len(panel.series), n_paths, horizon, -1)
