"""Past to future of time series."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, check_scalar

from fastrnn.base import COUNT, POSITIVE, SHARED_CONSTRAINTS
from fastrnn.forecaster.backtest import Judged
from fastrnn.forecaster.learning import check_by_place
from fastrnn.forecaster.panel import Panel
from fastrnn.losses.likelihoods import LIKELIHOODS

AUTO, FROM_ZERO = StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")


class SequenceForecaster(Judged):
    """Forecast time series, one or a million, with a recurrent network.

    A forecast is the sum of three parts: a base, the last season, the last value or exponential smoothing; what a
    linear regression on the last values adds to it (Lai et al. 2018); and what a recurrent network, which reads the
    scaled differences of the series, finds that both have missed.  All series share one network and one regression.

    Covariates that are known ahead (`future` of `fit`), as holidays or prices, come before all three.  A ridge
    regression that all series share finds the effect of each on the series, or on their logarithms.  The three parts
    see the series without these effects; a forecast adds those of the steps ahead.  This is regression with errors that
    a model explains (Pankratz 1991; Hyndman and Athanasopoulos 2021, chapter 10).  The effects are kept only if they
    help on parts of the past where they were not fitted, so that columns of noise cost next to nothing.  The network
    reads these covariates as well, for effects that are not linear, or come earlier or later.

    Parameters
    ----------
    horizon : int or None, default=None
        Steps to forecast.  None is two seasons, or 12 without one, at most a third of what most series have.
    context : int, "auto" or None, default="auto"
        Steps that the network reads before a forecast, in training as well; None reads all.  "auto" is three times the
        longest season, and 128 at least.
    season : int, list of int, "auto" or None, default="auto"
        Steps of a season, such as 12 for months of a year; of several the first is that of the base.  "auto" takes
        those that half of the series show, the longer ones: by timestamps an hour, a day, a week or a year of them (24
        and 168 hours, 7 days, 52 weeks), or else one of 2 to 400 steps, of which there are three.
    difference : bool or "auto", default="auto"
        Whether forecasts start from the last value; "auto" if not from the last season.
    seasonal_difference : bool or "auto", default="auto"
        Whether they start from the last season; "auto" if there is one.  With both they start from the last season
        plus the change since; with neither from the series' mean (its median under scaling="robust", 0 under None).
    smoothing : bool or "auto", default="auto"
        Whether they start from exponential smoothing instead: the mean of damped trends and theta forecasts, each by
        how little it has missed so far (Gardner and McKenzie 1985; Hyndman and Billah 2003).  "auto" tries it on series
        of up to 400 steps, unless `difference` or `seasonal_difference` is set, and takes it if it has missed less of
        their last fifth.  Only with strategy="direct"; on series of many thousand steps it takes seconds and much
        memory.
    log : bool or "auto", default="auto"
        Forecast logarithms.  "auto" does for a series whose values are all positive, the least of them at least a
        hundredth of their mean, and more than a millionth of it apart.
    scaling : {"mean", "standard", "robust"} or None, default="mean"
        What a series' differences from its base are divided by: the mean of their absolute values, their root mean
        square, the median of their absolute values, or 1 (for series that are scaled already).
    linear_lags : int or "auto", default="auto"
        Last values that the linear regression reads; 0 for none.  "auto" is three times the longest season (up to 400,
        or one season), 36 without a season, and at most half of what most series have beside the horizon.
    strategy : {"direct", "recursive"}, default="direct"
        "direct" forecasts all steps at once (Wen et al. 2017), "recursive" each from those before, by which paths can
        be drawn (Salinas et al. 2020).
    loss : {"quantile", "squared_error", "absolute_error", "gaussian", "student_t", "negative_binomial"}, \
            default="quantile"
        What is learned of each step: `quantiles`, the mean, the median, or a distribution by maximum likelihood; the
        last is for counts.
    quantiles : list of float, default=(0.025, 0.1, 0.5, 0.9, 0.975)
        Of loss="quantile".
    calibration : int, default=0
        If above 0, the forecasts at the last so many cut-offs of each series, which the fit then does not learn from,
        calibrate `predict_interval`.
    shrinkage : {"auto"} or None, default="auto"
        "auto" first trains a network without the last fifth of each series, if these have up to 65,536 steps in all;
        of what the final one has learned beside the linear part the shares stay that help there, down to nothing, and
        intervals of loss="quantile" become as much wider as they should have been.  None takes it as it is; so do
        `early_stopping`, solver="lbfgs" and later fits of `warm_start`.
    calendar : bool, default=False
        Read where in the day, week and year each step lies; for series with timestamps.
    missing : {"error", "interpolate"}, default="error"
        What is done about NaN inside a series, and about rows that its timestamps leave out.
    cell : {"lstm", "gru", "gru_reset_before", "rnn"}, default="gru"
        "gru_reset_before" is the GRU of Cho et al. 2014, and of Keras with reset_after=False.
    hidden_size : int, default=64
        Units of each level.
    num_layers : int, default=1
        Levels of the stack.
    nonlinearity : {"tanh", "relu", "sigmoid"}, default="tanh"
        Of cell="rnn".
    bias : bool, default=True
        Of the recurrent levels.
    dropout : float, default=0.0
        The fraction of elements set to zero in training: between levels, and before the output layer.
    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
    learning_rate_init : float or "auto", default="auto"
        "auto" is 1e-3, or 3e-3 for stretches of more than 65,536 steps in all.
    learning_rate : {"constant", "cosine", "plateau", "warmup"}, default="cosine"
        The schedule; see `SequenceRegressor`.
    momentum, nesterovs_momentum : float, default=0.9, and bool, default=True
        Of solver="sgd".
    alpha : float, default=0.0
        Weight decay of the matrices.
    batch_size : int, default=32
        Stretches of up to `context` steps that are read side by side.
    max_iter : int, default=20
        Epochs.  The linear part is good from the start, and few series are easily learned by heart.
    shuffle : bool, default=True
        Whether each epoch takes the stretches in a new order.
    clip_norm : float or None, default=1.0
        The largest norm of a gradient; longer ones are shortened.
    clip_value : float or None, default=None
        The largest element of a gradient.
    early_stopping : bool, default=False
        Hold out the validation_fraction of the stretches that come last in time, stop when their loss has not improved
        by more than tol for n_iter_no_change epochs, and keep the weights of the best epoch.
    validation_fraction : float, default=0.1
    n_iter_no_change : int, default=10
    tol : float or None, default=None
        If set, training without early stopping ends likewise, by its own loss.
    warm_start : bool, default=False
        Whether fit goes on from the weights of the fit before.
    dtype : {"float32", "float64"}, default="float32"
        Of the network.
    n_jobs : int or None, default=None
        Threads; results do not depend on it.
    random_state : int, RandomState or None, default=None
        For initial weights, order, dropout, and the paths that are drawn.
    verbose : bool, default=False
        Show a progress bar.
    callbacks : list of callables or None, default=None
        Called after each epoch with a `fastrnn.training.Progress`; True ends the training.

    Attributes
    ----------
    horizon_, context_ : int
        As given or decided.
    season_ : list of int
        As given or found; [1] if there is none.
    linear_coef_ : ndarray (horizon, linear_lags)
        Of the linear regression: for each step ahead the share of each last value, the latest first, in differences
        from the very last; in its own place the first is the drift a step has.  With neither difference they are from
        the centre, and there is no drift.  All 0 if it would not have helped where it was not fitted.
    n_features_in_ : int
        Channels.
    loss_curve_ : list of float
        The mean training loss of each epoch.
    validation_scores_ : list of float or None
        With early_stopping, the negative loss on what was held out.
    n_iter_ : int
        Epochs run.

    References
    ----------
    Gardner, E. S. and McKenzie, E. (1985). Forecasting trends in time series. Management Science 31(10).
    Hyndman, R. J. and Athanasopoulos, G. (2021). Forecasting: principles and practice, 3rd edition. OTexts.
    Hyndman, R. J. and Billah, B. (2003). Unmasking the theta method. International Journal of Forecasting 19(2),
    287-290.
    Lai, G., Chang, W.-C., Yang, Y. and Liu, H. (2018). Modeling long- and short-term temporal patterns with deep neural
    networks. SIGIR.
    Pankratz, A. (1991). Forecasting with dynamic regression models. Wiley.
    Salinas, D., Flunkert, V., Gasthaus, J. and Januschowski, T. (2020). DeepAR: probabilistic forecasting with
    autoregressive recurrent networks. International Journal of Forecasting 36(3), 1181-1191.
    Wen, R., Torkkola, K., Narayanaswamy, B. and Madeka, D. (2017). A multi-horizon quantile recurrent forecaster.
    arXiv:1711.11053.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import SequenceForecaster
    >>> t = np.arange(120)
    >>> y = 100 + t + 20 * np.sin(2 * np.pi * t / 12)
    >>> forecaster = SequenceForecaster(season=12, random_state=0).fit(y[:96])
    >>> bool(np.abs(forecaster.predict(24) - y[96:]).max() < 5)
    True
    >>> forecaster.predict_interval(coverage=0.8).shape
    (24, 2)

    A list is many series, for which there is one model:

    >>> many = [y[:80], 3 * y[:96], 50 + 5 * y]
    >>> forecaster = SequenceForecaster(horizon=6, season=12, random_state=0).fit(many)
    >>> forecaster.predict().shape
    (3, 6)
    """

    _parameter_constraints = {
        **SHARED_CONSTRAINTS, "learning_rate_init": [POSITIVE, AUTO], "calendar": ["boolean"],
        **dict.fromkeys(("difference", "seasonal_difference", "smoothing", "log"), ["boolean", AUTO]),
        "horizon": [COUNT, None], "context": [Interval(Integral, 2, None, closed="left"), AUTO, None],
        "season": [COUNT, "array-like", AUTO, None], "scaling": [StrOptions({"mean", "standard", "robust"}), None],
        "linear_lags": [FROM_ZERO, AUTO], "calibration": [FROM_ZERO], "shrinkage": [AUTO, None],
        "strategy": [StrOptions({"direct", "recursive"})], "missing": [StrOptions({"error", "interpolate"})],
        "loss": [StrOptions(set(LIKELIHOODS))], "quantiles": ["array-like"]}  # fmt: skip

    _shape_parameters = (
        "cell", "hidden_size", "num_layers", "nonlinearity", "bias", "dtype", "horizon", "context", "season",
        "difference", "seasonal_difference", "smoothing", "log", "scaling", "linear_lags", "strategy", "loss",
        "quantiles", "calendar")  # fmt: skip

    def __init__(self, *, horizon=None, context="auto", season="auto", difference="auto", seasonal_difference="auto",
        smoothing="auto", log="auto", scaling="mean", linear_lags="auto", strategy="direct", loss="quantile",
        quantiles=(0.025, 0.1, 0.5, 0.9, 0.975), calibration=0, shrinkage="auto", calendar=False, missing="error",
        cell="gru", hidden_size=64, num_layers=1, nonlinearity="tanh", bias=True, dropout=0.0, solver="adam",
        learning_rate_init="auto", learning_rate="cosine", momentum=0.9, nesterovs_momentum=True, alpha=0.0,
        batch_size=32, max_iter=20, shuffle=True, clip_norm=1.0, clip_value=None, early_stopping=False,
        validation_fraction=0.1, n_iter_no_change=10, tol=None, warm_start=False, dtype="float32", n_jobs=None,
        random_state=None, verbose=False, callbacks=None):  # fmt: skip
        self._store(locals())

    # ----------------------------------------------------------------------------------- training

    def fit(self, y, *by_place, past=None, future=None, static=None, id_col="unique_id", time_col="ds", target_col="y",
        resume_from=None):  # fmt: skip
        """Train.

        Parameters
        ----------
        y : array (T,) or (T, C), pandas Series or DataFrame, or list of such
            The past of one series, of C channels, or of many.  A DataFrame (of pandas, polars or another library that
            narwhals reads) has a column a channel, and a DatetimeIndex, a PeriodIndex or the column ds; or it is long:
            the columns unique_id, ds and y, a row for each step of each series.
        *by_place : None
            Covariates go by keyword.
        past : like y, optional
            Covariates (T, P) that are known up to the last step: for each series as many steps as it has.
        future : like y, optional
            Covariates (T, F) that are known ahead, as holidays or prices: `predict` needs them for the steps to come.
            Each has a linear effect on the series, or on their logarithms: a column that is 1 on holidays and else 0
            lowers sales by the same share on each.  It has none if the past does not show it: an event must have come
            at least twice, in different fifths of the past.  Give kinds of events that do not act alike columns of
            their own, and an effect on the day before a column that is 1 there.  What only goes up by the same amount
            each step, as a number of the day, has no effect.  With loss="negative_binomial" only the network reads
            covariates.  `calendar`, `past` and `static` are for the network as well.
        static : array (n, K) or DataFrame, optional
            What does not change: a row for each series; with unique_id for a long y.
        id_col, time_col, target_col : str
            What unique_id, ds and y are called, in all later tables as well.
        resume_from : path, optional
            A file of `fastrnn.training.Checkpoint`: go on with its run.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If more than y comes by place, as by the habit of ``fit(X, y)``.
        ValueError
            For input of a wrong kind, NaN, series that are too short, and timestamps that are not in order, occur
            twice or have gaps; before any training, and the message names the series.
        DivergenceError
            If the loss becomes NaN.

        Warns
        -----
        UserWarning
            If series are too short for the season and lags that were chosen for most: they are forecast as if their
            past had been like their first season, and nothing is learned from them.
        """
        self._check_parameters()  # before all else, as scikit-learn has it
        check_by_place("fit", by_place, "past=, future= (what is known ahead) or static=")
        given = y if isinstance(y, Panel) else (y, past, future, static, (id_col, time_col, target_col))
        self._fit(given, None, None, resume_from)
        if self.calibration:
            self._calibrate(self.calibration, y if isinstance(y, Panel) else None)
        return self

    # --------------------------------------------------------------------------------- forecasts

    def predict(self, horizon=None, history=None, *, future=None, past=None, static=None):
        """Forecast the next steps: medians, or means under loss="squared_error".

        Parameters
        ----------
        horizon : int, optional
            Steps; `horizon_` by default.  More than the fit was for are forecast in blocks of as many, each from the
            one before, which `past=` does not allow.
        history : like y of `fit`, optional
            The series to go on from; by default those of the fit, with what `update` has added.
        future : like y of `fit`, needed if the fit had it
            Known covariates of the steps to come, for direct models a multiple of `horizon_`; with `history`, of its
            steps and of those to come.
        past, static : as for `fit`
            Of `history`, if the fit had them.

        Returns
        -------
        array (horizon,), of channels (horizon, C), of many series (n, horizon) or (n, horizon, C)
            Of tables the same kind, with the timestamps that come next.  A series that has never changed goes
            on unchanged.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            For input of a wrong kind, or with too few steps.
        """
        panel, horizon = self._given(horizon, history, past, future, static)
        return panel.form.container(self._points(panel, horizon)[..., np.newaxis])

    def predict_quantiles(self, quantiles=None, horizon=None, history=None, *, future=None, past=None, static=None):
        """Forecast quantiles.

        Parameters
        ----------
        quantiles : list of Q floats, optional
            By default those of the parameter.  loss="quantile" knows only the ones that it was fitted with.
        horizon, history, future, past, static
            As for `predict`; direct models know no steps beyond `horizon_`.

        Returns
        -------
        As `predict`, with a last axis (Q,); of a Series a DataFrame with a column a quantile
            They never cross, nor come nearer to the median than a season before (see `predict_interval`).  Of a
            recursive model they are read from 200 drawn paths, for which
            random_state=None is 0.

        Raises
        ------
        NotFittedError, ValueError
            As for `predict`; if quantiles were not fitted; or under losses that know none.
        """
        panel, horizon = self._given(horizon, history, past, future, static)
        levels = np.atleast_1d(self._shape["quantiles"] if quantiles is None else quantiles).astype(np.float64)
        with self._computing():
            values = self._model.quantiles(panel, horizon, levels, self._seed)
        return panel.form.container(values, levels.tolist())

    def predict_interval(self, coverage=0.8, horizon=None, history=None, *, future=None, past=None, static=None):
        """Forecast intervals that hold what comes with the probability `coverage`.

        Parameters
        ----------
        coverage : float, default=0.8
        horizon, history, future, past, static
            As for `predict_quantiles`.

        Returns
        -------
        As `predict`, with a last axis (lower, upper); of a Series a DataFrame with these columns

        Raises
        ------
        NotFittedError, ValueError
            As for `predict_quantiles`; or if there are too few calibration errors for the coverage.

        Notes
        -----
        Intervals never get narrower from a step to that a season later; without a season, from a step to the next.  (Of
        series whose logarithms are forecast that is meant of these.)  Steps of one season are left as they are: it may
        say that some are surer than others.  For that, quantiles that come nearer to the median than a season before
        keep the distance they had there, and calibration takes the larger error.  Point forecasts are not changed.

        Without `calibration` they go from the quantile (1 - coverage) / 2 to 1 minus it.  With it they are
        split-conformal (Vovk et al. 2005; Lei et al. 2018) round the point forecast, for any loss: from m errors of
        forecasts that the fit has not seen, the probability to cover is from coverage to coverage + 1 / (m + 1), if
        those errors and the one to come are exchangeable.  Cut-offs that overlap, and series that change, make it an
        approximation.
        """
        panel, horizon = self._given(horizon, history, past, future, static)
        return panel.form.container(self._intervals(panel, horizon, coverage), ["lower", "upper"])

    def sample_paths(self, n_paths=100, horizon=None, history=None, *, future=None, static=None, random_state=None):
        """Draw what may come: each step from those drawn before it.

        Parameters
        ----------
        n_paths : int, default=100
        horizon, history, future, static
            As for `predict`; any horizon.
        random_state : int, RandomState or None
            By default the parameter's.

        Returns
        -------
        array (n_paths, horizon), (n_paths, horizon, C), (n, n_paths, horizon) or (n, n_paths, horizon, C)
            Of tables as `predict_quantiles`, with a column a path.

        Raises
        ------
        NotFittedError, ValueError
            As for `predict`; or if the model is not recursive, or has no distribution.
        """
        check_scalar(n_paths, "n_paths", Integral, min_val=1)
        panel, horizon = self._given(horizon, history, None, future, static)
        rng = check_random_state(self.random_state if random_state is None else random_state)
        seeds = rng.randint(2**32, size=len(panel.series), dtype=np.uint64)
        with self._computing():
            paths = self._model.paths(panel, n_paths, horizon, seeds)
        values = panel.form.container(paths.transpose(0, 2, 3, 1), list(range(n_paths)))
        if panel.form.kind not in ("array", "list"):
            return values
        return np.moveaxis(values, -1, int(panel.form.is_many))

    def update(self, y_new, *by_place, past=None, future=None):
        """Take in what has come since: the next forecasts go on from there.  The weights stay as they are.

        Parameters
        ----------
        y_new : like y of `fit`
            New steps of each series.
        *by_place : None
            Covariates go by keyword.
        past, future : like y_new, if the fit had them

        Returns
        -------
        self

        Raises
        ------
        NotFittedError, ValueError
            Before `fit`; if y_new does not follow what there is.
        TypeError
            If more than y_new comes by place.
        """
        check_by_place("update", by_place, "past= or future=")
        check_is_fitted(self, "network_")
        before = self._stored()
        options = {"missing": self.missing, "calendar": False, "before": before.form}
        new = Panel.read(y_new, past, future, None, **options, name="y_new")
        self._check_like_fit(new, "y_new", ("past", "future"))
        self._history = before.followed(new).tree()
        return self
