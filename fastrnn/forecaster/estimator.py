"""Past to future of time series."""

import warnings
from functools import cached_property, partial
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, check_scalar

from fastrnn import threads
from fastrnn.base import COUNT, SHARED_CONSTRAINTS, Problem, SequenceEstimator, check_finite
from fastrnn.forecaster import conformal
from fastrnn.forecaster.backtest import OF_QUANTILES, POINT, Backtest, cut_up, in_portions, judged, refitted
from fastrnn.forecaster.choices import chosen, fitted_rules
from fastrnn.forecaster.linear import FOLDS, Linear
from fastrnn.forecaster.model import DRAWN_AT_ONCE, Model, Targets
from fastrnn.forecaster.panel import Panel
from fastrnn.forecaster.view import Lens, View, as_windows, distances
from fastrnn.frames import read_series
from fastrnn.likelihoods import LIKELIHOODS, likelihood
from fastrnn.metrics import mase

AT_HAND = 2**27
"""Targets up to so many are computed once; of more each batch's anew."""
PATHS = 200
"""From which a recursive model's quantiles are read."""


class SequenceForecaster(SequenceEstimator):
    """DOC"""

    _parameter_constraints = {
        **{name: c for name, c in SHARED_CONSTRAINTS.items() if "embedding" not in name},
        "horizon": [COUNT, None],
        "context": [Interval(Integral, 2, None, closed="left"), StrOptions({"auto"}), None],
        "season": [COUNT, "array-like", StrOptions({"auto"}), None],
        **dict.fromkeys(("difference", "seasonal_difference", "log"), ["boolean", StrOptions({"auto"})]),
        "scaling": [StrOptions({"mean", "standard", "robust"}), None],
        "linear_lags": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "strategy": [StrOptions({"direct", "recursive"})],
        "loss": [StrOptions(set(LIKELIHOODS))],
        "quantiles": ["array-like"],
        "calibration": [Interval(Integral, 0, None, closed="left")],
        "calendar": ["boolean"],
        "missing": [StrOptions({"error", "interpolate"})],
    }

    embedding_dim, embeddings, freeze_embeddings = None, None, False
    readout, bidirectional, bptt_steps, _is_panel = None, False, None, False

    _shape_parameters = (
        "cell", "hidden_size", "num_layers", "nonlinearity", "bias", "dtype", "horizon", "context", "season",
        "difference", "seasonal_difference", "log", "scaling", "linear_lags", "strategy", "loss", "quantiles",
        "calendar",
    )  # fmt: skip

    def __init__(
        self, *, horizon=None, context="auto", season="auto", difference="auto", seasonal_difference="auto", log="auto",
        scaling="mean", linear_lags="auto", strategy="direct", loss="quantile",
        quantiles=(0.025, 0.1, 0.5, 0.9, 0.975), calibration=0, calendar=False, missing="error", cell="gru",
        hidden_size=64, num_layers=1, nonlinearity="tanh", bias=True, dropout=0.0, solver="adam",
        learning_rate_init=1e-3, learning_rate="cosine", momentum=0.9, nesterovs_momentum=True, alpha=0.0,
        batch_size=32, max_iter=20, shuffle=True, clip_norm=1.0, clip_value=None, early_stopping=False,
        validation_fraction=0.1, n_iter_no_change=10, tol=None, warm_start=False, dtype="float32", n_jobs=None,
        random_state=None, verbose=False, callbacks=None,
    ):  # fmt: skip
        self._store(locals())

    # ----------------------------------------------------------------------------------- training

    def fit(self, y, past=None, future=None, static=None, *, resume_from=None):
        """DOC"""
        self._fit(y if isinstance(y, Panel) else (y, past, future, static), None, None, resume_from)
        if self.calibration:
            points = partial(self._points, horizon=self.horizon_)
            lens, panel = self._model.lens, self._stored().extended(None, 0, "error", self.calendar)
            self._calibration = conformal.scores(points, lens, panel, self.horizon_, self.calibration)
        return self

    def _problem(self, given, _, sample_weight, goes_on):
        answers = likelihood(self.loss, self.quantiles)
        panel = given if isinstance(given, Panel) else Panel.read(*given, missing=self.missing, calendar=self.calendar)
        if goes_on:
            self._check_covariates(panel)
            if panel.series.values.shape[1] != self.n_features_in_:
                raise ValueError(f"y has {panel.series.values.shape[1]} channels, the first fit {self.n_features_in_}")
        else:
            self._take_up(panel)
        self._history, self._calibration, self._seen = panel.tree(), None, panel.series.lengths
        held_back = self.horizon_ + self.calibration - 1 if self.calibration else 0
        self._check_lengths_of(panel, held_back)
        if held_back:
            panel = panel.upto(panel.series.lengths - held_back, np.arange(len(panel.series)))
        return self._learnable(panel, answers)

    def _take_up(self, panel):
        """Note what was given, and decide what the parameters leave open."""
        if self.strategy == "recursive" and panel.past is not None:
            raise ValueError(
                "strategy='recursive' feeds its own forecasts back, for which past= would have to be known: pass it as "
                "future=, or use strategy='direct'"
            )
        self.n_features_in_ = panel.series.values.shape[1]
        self._n_covariates = panel.widths()
        self.horizon_, self.context_, self._lens = chosen(self, panel.series)

    def _learnable(self, panel, answers):
        """The `Problem` of a panel; the linear part is fitted on the way."""
        lens, block = Lens(**self._lens), 1 if self.strategy == "recursive" else self.horizon_
        view = View(panel.series, lens)
        rows, counts = view.training_rows(block)
        folds = np.concatenate([np.arange(n) * FOLDS // n for n in counts if n])
        linear = Linear(lens.reach, block)
        if self.linear_lags != 0:
            linear.fit(view, rows, folds)
        self.linear_coef_ = linear.whole.parameters["weight"].copy()
        beside = panel.features(view.owner[rows], rows - view.offsets[view.owner[rows]], block)
        self._features = [beside.mean(axis=0), np.where((scale := beside.std(axis=0)) > 0, scale, 1.0)]
        model = Model(lens, block, self.context_, linear, answers, self._features, self.dtype)
        values = model.inputs(view, panel, rows, rows - view.offsets[view.owner[rows]])
        sequences = as_windows(values, counts[counts > 0], self.context_ or int(counts.max()))
        self._distances = distances(sequences, counts[counts > 0])
        targets, size = Targets(model, view, rows, folds), block * self.n_features_in_
        if rows.size * size <= AT_HAND:
            targets = np.asarray(targets)
        weights = np.broadcast_to(1.0, rows.size)
        vars(self).pop("_model", None)
        return Problem(sequences, targets, weights, size * answers.n_parameters, answers.loss)

    def _check_lengths_of(self, panel, held_back=0, name="y", to_learn=True):
        """Each series must be long enough to forecast from, and one at least to learn from."""
        lens, lengths = Lens(**self._lens), panel.series.lengths
        needed = lens.first + 1 + held_back
        why = f"lags={lens.lags} and linear_lags={lens.reach}" + (f" and calibration={self.calibration}" * (held_back > 0))
        for k in np.flatnonzero(lengths < needed):
            raise ValueError(
                f"{panel.form.who(name, k)} has {lengths[k]} steps; {why} need {needed} to forecast from: give more, "
                "leave it out, or lower season or linear_lags"
            )
        block = 1 if self.strategy == "recursive" else self.horizon_
        if to_learn and lengths.max() < needed + block:
            k = int(lengths.argmax())
            raise ValueError(
                f"{panel.form.who(name, k)} has {lengths[k]} steps; {why} and horizon={block} need {needed + block} to "
                "learn from: give more, or lower horizon, season or linear_lags"
            )

    def _start_at_shares(self, problem):
        """Let forecasts begin with the spread that the likelihood starts from."""
        start = likelihood(self.loss, self.quantiles).start()
        bias = self.network_.head.parameters["bias"]
        bias[...] = np.tile(start, bias.size // start.size)
        self.network_.changed()

    def _split(self, n, strata, rng):
        """Hold out what comes last in time: pieces that are the nearest to their series' ends."""
        n_held_out = max(1, int(np.ceil(n * self.validation_fraction)))
        if n_held_out >= n:
            raise ValueError(
                f"early_stopping holds out {n_held_out} of {n} stretches of up to {self.context_} steps and leaves "
                "none to train on: lower context, or give more"
            )
        nearest = np.lexsort([rng.random_sample(n), self._distances])
        return np.sort(nearest[n_held_out:]), np.sort(nearest[:n_held_out])

    def _validation_score(self, network, problem, held_out):
        def score():
            total = 0.0
            for numbers in np.array_split(held_out, -(-held_out.size // 64)):
                batch = network.batch(problem.sequences, numbers)
                total -= problem.loss(network.forward(batch), problem.targets[batch.rows], np.ones(batch.rows.size))[0]
            return float(total / problem.sequences.lengths[held_out].sum())

        return score

    # --------------------------------------------------------------------------------- forecasts

    def predict(self, horizon=None, history=None, future=None, *, past=None, static=None):
        """DOC"""
        panel, horizon = self._given(horizon, history, past, future, static)
        return panel.form.container(self._points(panel, horizon)[..., np.newaxis])

    def predict_quantiles(self, quantiles=None, horizon=None, history=None, future=None, *, past=None, static=None):
        """DOC"""
        panel, horizon = self._given(horizon, history, past, future, static)
        levels = np.atleast_1d(self._shape["quantiles"] if quantiles is None else quantiles).astype(np.float64)
        return panel.form.container(self._quantiles(panel, horizon, levels), levels.tolist())

    def predict_interval(self, coverage=0.8, horizon=None, history=None, future=None, *, past=None, static=None):
        """DOC"""
        check_scalar(coverage, "coverage", Real, min_val=0, max_val=1, include_boundaries="neither")
        panel, horizon = self._given(horizon, history, past, future, static)
        if self._calibration is None:
            tail = (1 - coverage) / 2
            values = self._quantiles(panel, horizon, np.array([tail, 1 - tail]))
        else:
            points = self._points(panel, horizon)
            values = conformal.interval(View(panel.series, self._model.lens), points, self._calibration, coverage)
        return panel.form.container(values, ["lower", "upper"])

    def sample_paths(
        self, n_paths=100, horizon=None, history=None, future=None, *, static=None, random_state=None
    ):
        """DOC"""
        check_scalar(n_paths, "n_paths", Integral, min_val=1)
        panel, horizon = self._given(horizon, history, None, future, static)
        seed = self.random_state if random_state is None else random_state
        paths = self._paths(panel, n_paths, horizon, seed)
        values = panel.form.container(paths.transpose(0, 2, 3, 1), list(range(n_paths)))
        if panel.form.kind not in ("array", "list"):
            return values
        return np.moveaxis(values, -1, int(panel.form.is_many))

    def score(self, y, future=None):
        """DOC"""
        check_is_fitted(self, "network_")
        before = self._stored()
        came, form = read_series(y, missing=self.missing, form=before.form)
        before.form.follows(form, came.lengths)
        horizon = int(came.lengths[0])
        if (came.lengths != horizon).any():
            raise ValueError(f"y has series of {np.unique(came.lengths).tolist()} steps; expected one number of them")
        panel, _ = self._given(horizon, None, None, future, None)
        forecasts = self._points(panel, horizon)
        actual = came.values.reshape(forecasts.shape)
        return -mase(actual, forecasts, y_train=list(before.series), season=self._lens["lags"][0])

    def update(self, y_new, past=None, future=None):
        """DOC"""
        check_is_fitted(self, "network_")
        before = self._stored()
        new = Panel.read(
            y_new, past, future, None, missing=self.missing, calendar=False, name="y_new", before=before.form
        )
        self._check_covariates(new, ("past", "future"))
        self._history = before.followed(new).tree()
        return self

    def backtest(
        self, y=None, initial=None, step=1, horizon=None, metrics=("mase", "smape"), refit=False, *, past=None,
        future=None, static=None,
    ):  # fmt: skip
        """DOC"""
        check_is_fitted(self, "network_")
        check_scalar(step, "step", Integral, min_val=1)
        horizon = self.horizon_ if horizon is None else check_scalar(horizon, "horizon", Integral, min_val=1)
        unknown = [name for name in metrics if not (callable(name) or name in (*POINT, *OF_QUANTILES))]
        if unknown:
            known = ", ".join((*POINT, *OF_QUANTILES))
            raise ValueError(f"metrics holds {unknown[0]!r}; expected some of {known}, or functions (y_true, y_pred)")
        panel = self._past(y, past, future, static)
        firsts = self._first_cut_offs(panel, initial, refit)
        cut = cut_up(panel, firsts, step, horizon, self._lens["lags"][0])
        levels = np.asarray(self._shape["quantiles"], np.float64)

        def of(forecast):
            if refit:
                return refitted(cut, self, int(refit), forecast)
            return in_portions(cut, partial(forecast, self))

        points = of(lambda model, known: model._points(known, horizon))
        quantiles = None
        if set(metrics) & set(OF_QUANTILES):
            quantiles = of(lambda model, known: model._quantiles(known, horizon, levels))
        scores = judged(cut, {type(self).__name__: points, **cut.simplest()}, quantiles, levels, metrics)
        flat = (slice(None), slice(None), *[0] * panel.form.is_flat)
        return Backtest(cut.numbers, cut.ends, points[flat], cut.actual()[flat], scores)

    def _past(self, y, past, future, static):
        """The `Panel` that a backtest is on; what is read beside it must reach as far as the model looks ahead."""
        if y is None:
            self._check_stored(past, None, static)
            return self._stored().extended(None, 0, self.missing, self._shape["calendar"])
        before = None if isinstance(y, (list, tuple, np.ndarray)) else self._stored().form
        calendar = self._shape["calendar"]
        panel = Panel.read(y, past, future, static, missing=self.missing, calendar=calendar, before=before)
        self._check_covariates(panel)
        return panel

    def _first_cut_offs(self, panel, initial, refit):
        """Of each series (n,)."""
        seen = self._seen if self._is_continued(panel) else np.zeros(len(panel.series), int)
        least = Lens(**self._lens).first + 1
        if initial is None:
            return np.maximum(panel.series.lengths // 2 if refit else seen, least)
        check_scalar(initial, "initial", Integral, min_val=least)
        if not refit and (initial < seen).any():
            warnings.warn(
                f"the fit has seen up to {seen.max()} steps, and is judged from step {initial} on: fit on less, begin "
                "later, or set refit=True",
                UserWarning,
                stacklevel=3,
            )
        return np.full(len(panel.series), initial)

    def _is_continued(self, panel):
        """Whether its series begin with those of the fit."""
        seen, mine, its = self._seen, self._stored().series, panel.series
        if len(mine) != len(its) or (its.lengths < seen).any():
            return False
        return all(np.array_equal(mine[k][: seen[k]], its[k][: seen[k]]) for k in range(len(mine)))

    @property
    def stream(self):
        """There is none."""
        raise AttributeError("SequenceForecaster has no stream: give new values to update, and predict")

    @cached_property
    def _model(self):
        """What forecasts take; made when first needed after a fit."""
        answers = likelihood(self._shape["loss"], self._shape["quantiles"])
        linear = Linear.of(self.linear_coef_)
        lens, dtype = Lens(**self._lens), self._shape["dtype"]
        return Model(lens, linear.horizon, self.context_, linear, answers, self._features, dtype, self.network_)

    def _stored(self):
        """The series of the fit, with what update has added."""
        return Panel.of(self._history)

    def _given(self, horizon, history, past, future, static):
        """The `Panel` to forecast from, and for how many steps."""
        check_is_fitted(self, "network_")
        horizon = self.horizon_ if horizon is None else check_scalar(horizon, "horizon", Integral, min_val=1)
        block = self._model.horizon
        ahead = -(-horizon // block) * block
        if history is None:
            self._check_stored(past, future, static)
            return self._stored().extended(future, ahead, self.missing, self._shape["calendar"]), horizon
        before = None if isinstance(history, (list, tuple, np.ndarray)) else self._stored().form
        panel = Panel.read(
            history, past, future, static, missing=self.missing, calendar=self._shape["calendar"], ahead=ahead,
            name="history", before=before,
        )  # fmt: skip
        self._check_covariates(panel)
        self._check_lengths_of(panel, name="history", to_learn=False)
        if panel.series.values.shape[1] != self.n_features_in_:
            raise ValueError(f"history has {panel.series.values.shape[1]} channels; the fit was on {self.n_features_in_}")
        return panel, horizon

    def _check_stored(self, past, future, static):
        """Beside the series of the fit only what is to come can be given."""
        if past is not None or static is not None:
            raise ValueError("past= and static= of the series that were fitted are known: leave them out, or give history=")
        if (future is None) != (self._n_covariates["future"] == 0):
            known = self._n_covariates["future"]
            raise ValueError(
                f"the fit had future= with {known} columns: pass what is known of the steps to forecast"
                if known
                else "future= was not given to fit: leave it out"
            )

    def _check_covariates(self, panel, names=("past", "future", "static")):
        for name, width in panel.widths().items():
            expected = self._n_covariates[name]
            if name in names and width != expected:
                raise ValueError(f"{name}= has {width} columns; the fit had {expected}: pass the same")

    def _points(self, panel, horizon):
        """(n, horizon, C), each block of steps from those before."""
        model = self._model
        with threads.limit(self.n_jobs), np.errstate(over="ignore", invalid="ignore"):
            if self._is_recursive:
                values = model.paths(panel, 1, horizon, lambda p: model.likelihood.point(p)[..., np.newaxis])[:, 0]
            else:
                values = self._blocks(panel, horizon)
        check_finite(values, int)
        return values

    def _blocks(self, panel, horizon):
        model, values = self._model, []
        for _ in range(0, horizon, model.horizon):
            block = model.forecast(panel, lambda p: model.likelihood.point(p)[..., np.newaxis])[..., 0]
            values.append(block)
            if model.horizon * len(values) < horizon:
                panel = panel.continued(block)
        return np.concatenate(values, axis=1)[:, :horizon]

    def _quantiles(self, panel, horizon, levels):
        """(n, horizon, C, L)."""
        model = self._model
        if self._is_recursive:
            paths = self._paths(panel, PATHS, horizon, self.random_state)
            return np.moveaxis(np.quantile(paths, levels, axis=1), 0, -1)
        if horizon > model.horizon:
            raise ValueError(
                f"horizon={horizon}, but quantiles are known for the {model.horizon} steps of the fit: fit with "
                f"horizon={horizon}, or with strategy='recursive'"
            )
        with threads.limit(self.n_jobs), np.errstate(over="ignore", invalid="ignore"):
            values = model.forecast(panel, lambda p: model.likelihood.quantiles(p, levels))
        check_finite(values, int)
        return values[:, :horizon]

    def _paths(self, panel, n_paths, horizon, seed):
        """(n, n_paths, horizon, C), a few series at once."""
        if not self._is_recursive:
            raise ValueError(
                "paths are drawn step by step: fit with strategy='recursive' and loss='gaussian', 'student_t' or "
                "'negative_binomial'"
            )
        model, n = self._model, len(panel.series)
        rng = np.random.default_rng(check_random_state(seed).randint(2**32, dtype=np.uint64))
        at_once = max(1, DRAWN_AT_ONCE // (n_paths * (model.lens.first + 1 + horizon)))
        paths = []
        with threads.limit(self.n_jobs), np.errstate(over="ignore", invalid="ignore"):
            for first in range(0, n, at_once):
                numbers = np.arange(first, min(first + at_once, n))
                some = panel.upto(panel.series.lengths[numbers], numbers)
                paths.append(model.paths(some, n_paths, horizon, lambda p: model.likelihood.sample(p, rng)[..., np.newaxis]))
        paths = np.concatenate(paths)
        check_finite(paths, int)
        return paths

    @property
    def _is_recursive(self):
        return self._shape["strategy"] == "recursive"

    def _rules(self, n_outputs):
        return fitted_rules(self, n_outputs)
