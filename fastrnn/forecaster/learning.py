"""What stands behind a forecaster: from series to a problem that a network can learn, and to the model it becomes."""

import warnings
from dataclasses import replace
from functools import cached_property, partial
from itertools import product
from math import sqrt
from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted, check_scalar

from fastrnn.base import Problem, SequenceEstimator
from fastrnn.forecaster import choices, conformal
from fastrnn.forecaster.choices import asked_for, before_last_fold, chosen, fitted_lens, fitted_rules, in_folds
from fastrnn.forecaster.linear import FOLDS, Linear
from fastrnn.forecaster.model import Model, Targets
from fastrnn.forecaster.panel import Panel, check_values, check_width
from fastrnn.forecaster.view import Lens, View, distances, pieces
from fastrnn.losses.likelihoods import likelihood
from fastrnn.moments import alone, moments
from fastrnn.sequences import Sequences
from fastrnn.tables import labels
from fastrnn.training import Trainer
from fastrnn.wording import counted

AT_HAND = 2**27
"""Targets up to so many are computed once; of more each batch's anew."""
TRIED = 2**16
"""Steps of all series up to which there is a trial; of more a network is believed."""
SHARES, WIDTHS = (0.0, 0.25, 0.5, 0.75, 1.0), (1.0, 1.15, 1.3, 1.5, 1.75, 2.0)
"""Of what a network has learned, and of its intervals."""
SAMPLE = 4096
"""Rows by whose targets the network's first answers go."""


def check_by_place(verb, given, keywords):
    """Of scikit-learn's X and y, X would be forecast; its tools pass None."""
    if any(x is not None for x in given):
        advice = f"of X and y that is y.  Pass what is known beside it by keyword, as {keywords}"
        raise TypeError(f"{verb} takes one argument by position, what is to be forecast: {advice}")


class Learning(SequenceEstimator):
    """What a `SequenceForecaster` does to fit, and before it forecasts."""

    embedding_dim, embeddings, freeze_embeddings = None, None, False
    readout, bidirectional, bptt_steps, _is_panel = None, False, None, False
    _of_part = "_history", "_seen"

    def _problem(self, given, _, sample_weight, goes_on):
        for loss in ("quantile", self.loss):  # quantiles any loss may be asked for
            likelihood(loss, self.quantiles, self.n_components)
        panel = self._panel_of(given)
        if goes_on:
            self._check_like_fit(panel, "y")
        else:
            self._take_up(panel)
        self._history, self._calibration, self._seen = panel.tree(), None, panel.series.lengths
        held_back = self.horizon_ + self.calibration - 1 if self.calibration else 0
        self._check_lengths_of(panel, held_back)
        if held_back:
            some = np.flatnonzero(panel.series.lengths > Lens(**self._lens).first + held_back)
            panel = panel.upto(panel.series.lengths[some] - held_back, some)
        if not goes_on:
            block = 1 if self.strategy == "recursive" else self.horizon_
            self._lens = fitted_lens(self, panel, Lens(**self._lens), block)._asdict()
        has_trial = self.shrinkage and not (goes_on or self.early_stopping or self.solver == "lbfgs")
        has_trial = has_trial and panel.series.offsets[-1] <= TRIED
        trial = self._learnable(panel, is_trial=True) if has_trial else None
        problem = self._learnable(panel)
        return problem._replace(trial=trial, width=1.0 if goes_on else problem.width)  # once is enough

    def _panel_of(self, given):
        """What `fit` was given, as a `Panel`."""
        return given if isinstance(given, Panel) else Panel.read(*given, missing=self.missing, calendar=self.calendar)

    def _take_up(self, panel):
        """Note what was given, and decide what the parameters leave open."""
        if self.strategy == "recursive" and panel.past is not None:
            fault = "strategy='recursive' feeds its own forecasts back, for which past= would have to be known"
            raise ValueError(f"{fault}: pass it as future=, or use strategy='direct'")
        self.n_features_in_ = panel.series.values.shape[1]
        self._n_covariates = panel.widths()
        self._n_calendar = 0 if panel.calendar is None else panel.calendar.values.shape[1]
        check_values(panel, "y", self.log is True, self.loss == "negative_binomial")
        self.horizon_, self.context_, self._lens = chosen(self, panel)

    def _learnable(self, panel, is_trial=False):
        """The `Problem` of a panel, in a trial without what is last in time; the linear part is fitted on the way."""
        lens, block = Lens(**self._lens), 1 if self.strategy == "recursive" else self.horizon_
        known = before_last_fold(panel.series, lens, block) if is_trial else panel.series.lengths
        view = View(panel.series, lens, known, panel.future)
        rows, counts, folds = in_folds(view, block)
        linear = Linear(lens.reach, block)
        if self.linear_lags != 0:
            linear.fit(view, rows, folds, self._agreed)
        self.linear_coef_ = linear.whole.parameters["weight"].copy()
        beside = panel.features(view.owner[rows], view.steps(rows), block)
        agreed = self._agreed if beside.shape[1] else alone
        self._features = [*moments([(beside, np.ones(len(beside)))], agreed=agreed)]
        model = self._model_of(vars(self), linear)
        values = model.inputs(view, panel, rows, view.steps(rows))
        sequences = Sequences(values, pieces(counts, self.context_ or int(counts.max())))
        targets, size = Targets(model, view, rows, folds), block * self.n_features_in_
        if rows.size * size <= AT_HAND and not self._only_asks:
            targets = np.asarray(targets)
        vars(self).pop("_model", None)
        there, n_outputs = folds >= 0, size * model.likelihood.n_parameters
        weights = there * 1.0 if is_trial or not there.all() else np.broadcast_to(1.0, rows.size)
        if is_trial:
            weights[folds == FOLDS - 1] = 0
        ends, width, season = distances(sequences, counts), 1.0, lens.lags[0]
        if lens.smoothing and season > 1:
            cycles = self._agreed(known, choices.median_and_sum)[0] / season
            # A season that is the mean over n of them misses less of these, by 1 - 1 / n, than of more, by 1 + 1 / n.
            width = sqrt((cycles + 1) / (cycles - 1)) if cycles > 2 else 1.0
        there = there if is_trial else True
        return Problem(sequences, targets, weights, n_outputs, model.likelihood.loss, ends, width=width, there=there)

    def _model_of(self, parameters, linear, network=None):
        """A `Model` by parameters, as a dict, and what this fit has found."""
        answers = likelihood(*(parameters[name] for name in ("loss", "quantiles", "n_components")))
        known, is_recursive = (self.context_, linear, answers, self._features), parameters["strategy"] == "recursive"
        return Model(Lens(**self._lens), linear.horizon, *known, parameters["dtype"], is_recursive, network)

    def _check_lengths_of(self, panel, held_back=0, to_learn=True):
        """Each series must be long enough for what was asked for, and one at least to learn from."""
        lens, lengths, C = Lens(**self._lens), panel.series.lengths, panel.series.values.shape[1]
        least, asked = self._needed(asked_for(lens, vars(self) if to_learn else self._shape), held_back)
        needed, chosen = self._needed(lens, held_back)

        def has(k):
            return f"{panel.who(k)} has {counted(lengths[k])}"

        of = f" of {C} channels (many series come as a list)" if C > 1 and not panel.form.is_many else ""
        for k in np.flatnonzero(lengths < least):
            fault = f"{has(k)}{of}; {asked} need {least} to forecast from"
            raise ValueError(f"{fault}: give more, leave it out, or lower season or linear_lags")
        block = 1 if self.strategy == "recursive" else self.horizon_
        if to_learn and lengths.max() < needed + block:
            fault = f"{has(lengths.argmax())}; {chosen} and horizon={block} need {needed + block} to learn from"
            raise ValueError(f"{fault}: give more, or lower horizon, season or linear_lags")
        short = np.flatnonzero(lengths < needed)
        if short.size:
            n = short.size - 1
            others = f", and {n} more {'is' if n == 1 else 'are'} too short as well" * (n > 0)
            fault = f"{has(short[0])}{others}: {chosen}, chosen for most series, need {needed}"
            advice = "give more, leave them out, or set season and linear_lags"
            message = f"{fault}. They are forecast as if they had always been like their first season; {advice}"
            warnings.warn(message, UserWarning, stacklevel=6 if to_learn else 4)

    def _needed(self, lens, held_back):
        """How many steps a `Lens` takes, with those that are held back, and what of the parameters takes them."""
        calibration = f" and calibration={self.calibration}" if held_back else ""
        return lens.first + 1 + held_back, f"lags={lens.lags} and linear_lags={lens.reach}{calibration}"

    def _start_at(self, loss, samples):
        """Let forecasts begin as those of the linear part, with the spread that its misses have."""
        self.network_.head.parameters["weight"][...] = 0
        self.network_.head.parameters["bias"][...] = self._start(samples)
        self.network_.changed()

    def _settings(self, lengths, **how):
        settings = super()._settings(lengths, **how)
        rate = 1e-3 if lengths.sum() <= TRIED else 3e-3
        return settings if self.learning_rate_init != "auto" else settings._replace(learning_rate_init=rate)

    def _told_of(self, problem):
        rows = np.flatnonzero(problem.weights)
        return problem.targets[rows[np.unique(np.linspace(0, rows.size - 1, SAMPLE).astype(int))]]

    def _start(self, samples):
        """What the head's bias is before it learns, by samples of the targets of each part of the data."""
        return likelihood(self.loss, self.quantiles, self.n_components).start(np.concatenate(samples)).ravel()

    def _train(self, problem, run, beside, *given):
        """Train, and keep of what was learned the shares that a trial supports, down to nothing."""
        shares = np.array([1.0, 1.0, problem.width]) * (1.0 if problem.trial is None else self._tried(problem.trial))
        super()._train(problem, run, beside, *given)
        self._temper(self._start([self._told_of(problem)]), shares)
        if self.calibration:
            self._calibrate(self.calibration, given[0] if isinstance(given[0], Panel) else None)

    def _temper(self, start, shares):
        weight, bias = (self.network_.head.parameters[x] for x in ("weight", "bias"))
        weight[...] = self._tempered(weight.T, 0.0, *shares).T
        bias[...] = self._tempered(bias, start, *shares)
        self.network_.changed()

    def _tempered(self, outputs, start, *shares):
        """Outputs (..., K) with these shares of what they are beside the start."""
        answers = likelihood(self.loss, self.quantiles, self.n_components)
        each = outputs - start, 0 * outputs + start
        learned, start = (x.reshape(*x.shape[:-1], -1, answers.n_parameters) for x in each)
        return answers.tempered(learned, start, *shares).reshape(outputs.shape)

    def _tried(self, trial):
        """Of a network trained without what is last in time: how much of its points, spreads and widths is right there.

        Of points no more than is needed to miss as little as the best share, but for two standard errors.
        """
        rng, mine = np.random.RandomState(self._seed), self.network_
        late = np.flatnonzero(trial.there & (trial.weights == 0))
        if not late.size:
            return 1.0, 1.0, 1.0
        self.network_ = self._new_network(rng)
        self._start_at_shares(trial)
        settings, lengths = self._settings(trial.sequences.lengths), trial.sequences.lengths
        trainer, objective = Trainer(self.network_, settings, rng), self._objective(trial)
        for epoch in range(settings.max_iter):  # an interrupt ends the fit
            loss = trainer.epoch(objective, lengths, epoch, settings.max_iter)
            trainer.history.epochs.append((loss, None, None))
        outputs, targets = self.network_.predict(trial.sequences)[late], trial.targets[late]
        start = self._start([self._told_of(trial)])
        self.network_ = mine

        def losses(place, spread, width):
            some = self._tempered(outputs, start, place, spread, width * trial.width).astype(outputs.dtype)
            return trial.loss.of_rows(some, targets, np.ones(late.size))[0]

        by_place = np.stack([losses(place, 1.0, 1.0) for place in SHARES])
        best = by_place[by_place.mean(axis=1).argmin()]
        beside = by_place - best
        error = beside.std(axis=1) / np.sqrt(max(1.0, late.size / self.horizon_))
        place = SHARES[int(np.argmax(beside.mean(axis=1) <= 2 * error))]
        return min(((place, *rest) for rest in product(SHARES, WIDTHS)), key=lambda shares: losses(*shares).mean())

    def _split(self, n, distances, rng):
        """Hold out what comes last in time: pieces at the least distances from their series' ends."""
        n_held_out = max(1, int(np.ceil(n * self.validation_fraction)))
        if n_held_out >= n:
            raise ValueError(f"early_stopping holds out all {n} parts: lower context, or give more or longer series")
        nearest = np.lexsort([rng.random_sample(n), distances])
        return np.sort(nearest[n_held_out:]), np.sort(nearest[:n_held_out])

    def _judge(self, problem, held_out, sample_weight=None):
        """As of others, a few pieces at a time, whose targets may be computed when they are asked for."""
        parts, judge = np.array_split(held_out, -(-held_out.size // 64)), super()._judge

        def judge_all():
            _, sizes, losses, weights = map(sum, zip(*(judge(problem, some)() for some in parts), strict=True))
            return -float(losses / weights), sizes, losses, weights

        return judge_all

    @cached_property
    def _model(self):
        """What forecasts take; made when first needed after a fit."""
        return self._model_of(self._shape, Linear.of(self.linear_coef_), self.network_)

    def _stored(self):
        """The series of the fit, with what update has added."""
        return Panel.of(self._history)

    def _past(self, y, past, future, static):
        """The `Panel` that a backtest is on; what is read beside it must reach as far as the model looks ahead."""
        if y is None:
            if not (past is future is static is None):
                raise ValueError("past=, future= and static= of the fitted series are known: leave them out or give y=")
            return self._stored().extended(None, 0, self.missing, self._shape["calendar"])
        return self._read((y, past, future, static), "y")

    def _read(self, given, name, ahead=0):
        """The `Panel` of other series than the fit's, in tables like its."""
        options = {"missing": self.missing, "calendar": self._shape["calendar"], "before": self._before(given[0])}
        panel = Panel.read(*given, self._stored().form.names, **options, ahead=ahead, name=name)
        self._check_like_fit(panel, name)
        return panel

    def _before(self, y):
        """The form of the fit, of which y has the frequency, and the order of unique_id if it has the same ones."""
        if isinstance(y, (list, tuple, np.ndarray)):
            return None
        form = self._stored().form
        id_col = form.names[0]
        is_known = id_col in (labels(y, "y") or ()) and {*np.asarray(y[id_col]).tolist()} == {*form.ids}
        return form if is_known else replace(form, ids=())

    def _calibrate(self, n_errors, panel=None):
        panel = panel or self._stored().extended(None, 0, "error", self._shape["calendar"])
        self._calibration = conformal.scores([self._errors(panel, n_errors)], self._model.lens)

    def _errors(self, panel, n_errors):
        points = partial(self._points, horizon=self.horizon_)
        return conformal.errors(points, self._model.lens, panel, self.horizon_, n_errors)

    def _points(self, panel, horizon):
        with self._computing():
            return self._model.points(panel, horizon)

    def _intervals(self, panel, horizon, coverage):
        conformal.check_coverage(coverage)
        with self._computing():
            return self._model.intervals(panel, horizon, coverage, self._calibration, self._seed)

    @property
    def _seed(self):
        """Of what quantiles are read from: one model says one thing."""
        return self.random_state if isinstance(self.random_state, Integral) else 0

    def _given(self, horizon, history, past, future, static):
        """The `Panel` to forecast from, and for how many steps."""
        check_is_fitted(self, "network_")
        horizon = int(check_scalar(self.horizon_ if horizon is None else horizon, "horizon", Integral, min_val=1))
        ahead = -(-horizon // self._model.horizon) * self._model.horizon
        if history is None:
            self._check_stored(past, future, static)
            return self._stored().extended(future, ahead, self.missing, self._shape["calendar"]), horizon
        panel = self._read((history, past, future, static), "history", ahead)
        self._check_lengths_of(panel, to_learn=False)
        return panel, horizon

    def _check_stored(self, past, future, static):
        """Beside the series of the fit only what is to come can be given."""
        if past is not None or static is not None:
            raise ValueError("past= and static= of the fitted series are known: leave them out, or give history=")
        if (future is None) != (self._n_covariates["future"] == 0):
            known = self._n_covariates["future"]
            needed = f"the fit had future= with {known} columns: pass what is known of the steps to forecast"
            raise ValueError(needed if known else "future= was not given to fit: leave it out")

    def _check_like_fit(self, panel, name, covariates=("past", "future", "static")):
        """It must have the channels and covariates of the fit, and values that can be forecast likewise."""
        channels, form, mine = panel.series.values.shape[1], panel.form, self._stored().form
        self._stored().check_columns(panel.columns)
        if channels != self.n_features_in_:
            raise ValueError(f"{name} has {channels} channels; the fit was on {self.n_features_in_}")
        if form.kind == mine.kind == "frame" and form.columns != mine.columns:
            raise ValueError(f"{name} has the columns {[*form.columns]}; expected {[*mine.columns]}, as in the fit")
        for which in covariates:
            check_width(which, panel.widths()[which], self._n_covariates[which])
        check_values(panel, name, self._lens["log"] is True, self._shape["loss"] == "negative_binomial")

    @property
    def stream(self):
        """Not available: use `update` and `predict`."""
        raise AttributeError(f"{type(self).__name__} has no stream: `update` it with what has come, and predict")

    @property
    def season_(self):  # numpydoc ignore=RT01
        """The seasons, as given or found; [1] if there is none."""
        return [lag for lag in self._lens["lags"] if lag > 1] or [1]

    _rules = fitted_rules
