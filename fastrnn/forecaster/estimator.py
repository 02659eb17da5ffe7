"""Forecast time series from their past."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, check_scalar

from fastrnn.base import COUNT, POSITIVE
from fastrnn.base.files import refuse_files
from fastrnn.base.inputs import SHARE
from fastrnn.forecaster.backtest import Judged
from fastrnn.forecaster.learning import check_by_place
from fastrnn.forecaster.panel import Panel
from fastrnn.losses.likelihoods import LIKELIHOODS

AUTO, FROM_ZERO = StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")


class SequenceForecaster(Judged):  # numpydoc ignore=PR01
    """Forecast time series, one or a million, with a recurrent network.

    A forecast is the sum of three parts. The first is a base: the last season, the last value, or exponential
    smoothing. The second is what a linear regression on the last values adds to it (Lai et al. 2018). The third comes
    from a recurrent network: it reads scaled differences of the series, and learns what the first two miss. All series
    share one network and one regression.

    Parameters that are not listed here are those of `SequenceClassifier`, with the same defaults. Where these say
    "sequences", the forecaster has stretches of up to `context` steps.

    Covariates that are known ahead (`future` of `fit`), such as holidays or prices, come before all three. A ridge
    regression that all series share finds the effect of each on the series, or on their logarithms. The three parts see
    the series without these effects; a forecast adds those of the steps ahead. This is regression with errors that a
    model explains (Pankratz 1991; Hyndman and Athanasopoulos 2021, chapter 10). Effects are kept only if they help on
    parts of the past where they were not fitted. The network reads these covariates as well, for effects that are not
    linear, or come earlier or later.

    Parameters
    ----------
    horizon : int or None, default=None
        Number of steps to forecast. None takes two seasons, or 12 steps without a season, but at most a third of the
        steps that most series have.
    context : int, "auto" or None, default="auto"
        Number of steps that the network reads before a forecast, in training too. None reads all. "auto" is three times
        the longest season, but at least 128.
    season : int, list of int, "auto" or None, default="auto"
        Number of steps in a season, for example 12 for months of a year. Of several, the first is that of the base.
        "auto" looks for seasons in the longer half of the series. With timestamps it tries an hour, a day, a week and a
        year (for example 24 and 168 hours, 7 days, 52 weeks). Otherwise it takes one season of 2 to 400 steps that
        occurs at least three times. None has no season.
    difference : bool or "auto", default="auto"
        Whether forecasts start from the last value. "auto" does unless they start from the last season.
    seasonal_difference : bool or "auto", default="auto"
        Whether forecasts start from the last season. "auto" does if there is a season. With both this and `difference`,
        they start from the last season plus the change since. With neither, they start from the mean of the series
        (from its median with scaling="robust", from 0 with scaling=None).
    smoothing : bool or "auto", default="auto"
        Whether forecasts start from exponential smoothing instead. It is a mean of damped trends and theta forecasts,
        in which each one has more weight the smaller its errors were (Gardner and McKenzie 1985; Hyndman and Billah
        2003). "auto" tries it on series of up to 400 steps if neither `difference` nor `seasonal_difference` is set,
        and uses it if it misses less of their last fifth. It needs strategy="direct". On series of many thousand steps
        it takes seconds and much memory.
    log : bool or "auto", default="auto"
        Whether to forecast logarithms. "auto" does for a series of positive values whose least value is at least 1 % of
        their mean, unless its values differ by less than a millionth of the mean.
    scaling : {"mean", "standard", "robust"} or None, default="mean"
        What the differences of a series from its base are divided by: "mean" is the mean of their absolute values,
        "standard" their root mean square, "robust" the median of their absolute values. None is 1, for series that are
        scaled already.
    linear_lags : int or "auto", default="auto"
        Number of last values that the linear regression reads. 0 has no regression. "auto" is three times the longest
        season (up to 400 steps, or one season), or 36 without a season. It is at most half of the steps that most
        series have beside the horizon.
    strategy : {"direct", "recursive"}, default="direct"
        "direct" forecasts all steps at once (Wen et al. 2017). "recursive" forecasts each step from the steps before
        it, so that `sample_paths` can draw paths (Salinas et al. 2020).
    loss : str, default="quantile"
        What the network learns of each step: the `quantiles` ("quantile"), the mean ("squared_error"), the median
        ("absolute_error"), or a distribution by maximum likelihood: "gaussian", "student_t", for counts
        "negative_binomial", or "mixture", several Gaussians (Bishop 1994), for a future that may take two or more ways.
    quantiles : list of float, default=(0.025, 0.1, 0.5, 0.9, 0.975)
        The quantiles that loss="quantile" learns, between 0 and 1.
    n_components : int, default=5
        The number of Gaussians that loss="mixture" learns of each step. With other losses it is not used.
    calibration : int, default=0
        Number of last cut-offs of each series that calibrate `predict_interval`. The fit does not learn from the steps
        that are forecast there. 0 has no calibration.
    shrinkage : {"auto"} or None, default="auto"
        Whether to shrink what the network adds. "auto" first trains a network without the last fifth of each series, if
        they have up to 65,536 steps in all. It keeps only those shares of the network's part that help on this fifth,
        possibly none. Intervals of loss="quantile" become as much wider as they should have been there. None does not
        shrink, and neither do `early_stopping`, solver="lbfgs" and later fits of `warm_start`.
    calendar : bool, default=False
        Whether the network reads the place of each step in the day, week and year. It needs timestamps.
    missing : {"error", "interpolate"}, default="error"
        What to do with NaN inside a series, and with rows that are missing between timestamps. "interpolate" fills them
        in by a straight line, and at the ends with the nearest value. The fit learns from the half of the steps where
        least was filled in.
    hidden_size : int, default=64
        Number of hidden units in each layer.
    num_layers : int, default=1
        Number of recurrent layers. Each layer reads the outputs of the layer below.
    dropout : float, default=0.0
        The fraction of numbers that are set to zero during training: between layers, and in what the output layer
        reads.
    recurrent_dropout : float or "auto", default=0.0
        The fraction of units whose old state products do not see, as the page of `SequenceClassifier` describes it.
    learning_rate_init : float or "auto", default="auto"
        The learning rate at the start. "auto" is 1e-3, or 3e-3 if there are more than 65,536 steps to learn from.
    alpha : float or "auto", default=0.0
        The strength of weight decay, as the page of `SequenceClassifier` describes it.
    batch_size : int, default=32
        Number of stretches in a batch. A stretch has up to `context` steps.
    max_iter : int, default=20
        Number of epochs. Few are enough, because the linear part is good from the start. Many let the network learn a
        few series by heart.
    early_stopping : bool, default=False
        Whether to hold out the last `validation_fraction` of the stretches in time. Training stops if their loss has
        not improved by more than `tol` for `n_iter_no_change` epochs. The weights of the best epoch are kept. `fit`
        takes no validation data.
    validation_fraction : float, default=0.1
        The fraction of stretches that `early_stopping` holds out.
    random_state : int, RandomState or None, default=None
        The seed of initial weights, order of stretches, dropout and drawn paths. An int gives the same model each time.

    Attributes
    ----------
    horizon_, context_ : int
        As given, or as "auto" has decided.
    season_ : list of int
        The seasons, as given or found. It is [1] if there is none.
    linear_coef_ : ndarray of shape (horizon, linear_lags)
        The linear regression: for each step ahead, the weight of each last value, the latest first. Values are counted
        from the very last one. The place of the very last one holds the drift of a step. With neither difference,
        values are counted from the centre, and there is no drift. All weights are 0 if the regression would not have
        helped where it was not fitted.
    n_features_in_ : int
        Number of channels.
    loss_curve_ : list of float
        The mean training loss of each epoch.
    validation_scores_ : list of float or None
        With `early_stopping`, the negative loss on the held-out part after each epoch.
    validation_loss_curve_ : list of float or None
        With `early_stopping`, the loss on the held-out part after each epoch.
    n_iter_ : int
        Number of epochs that were run.

    See Also
    --------
    SequenceClassifier : Its page describes the shared parameters.
    fastrnn.metrics : Scores of forecasts, and simple forecasts to compare with.
    fastrnn.inspection.ForecastDisplay : Draw a forecast.

    References
    ----------
    Bishop, C. M. (1994). Mixture density networks. Technical report NCRG/94/004, Aston University.
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

    A list holds many series, for which there is one model:

    >>> many = [y[:80], 3 * y[:96], 50 + 5 * y]
    >>> forecaster = SequenceForecaster(horizon=6, season=12, random_state=0).fit(many)
    >>> forecaster.predict().shape
    (3, 6)
    """

    _parameter_constraints = {
        "learning_rate_init": [POSITIVE, AUTO], "validation_fraction": [SHARE], "calendar": ["boolean"],
        **dict.fromkeys(("difference", "seasonal_difference", "smoothing", "log"), ["boolean", AUTO]),
        "horizon": [COUNT, None], "context": [Interval(Integral, 2, None, closed="left"), AUTO, None],
        "season": [COUNT, "array-like", AUTO, None], "scaling": [StrOptions({"mean", "standard", "robust"}), None],
        "linear_lags": [FROM_ZERO, AUTO], "calibration": [FROM_ZERO], "shrinkage": [AUTO, None],
        "strategy": [StrOptions({"direct", "recursive"})], "missing": [StrOptions({"error", "interpolate"})],
        "loss": [StrOptions(set(LIKELIHOODS))], "quantiles": ["array-like"], "n_components": [COUNT]}  # fmt: skip

    _shape_parameters = (
        "horizon", "context", "season", "difference", "seasonal_difference", "smoothing", "log", "scaling",
        "linear_lags", "strategy", "loss", "quantiles", "n_components", "calendar")  # fmt: skip

    def __init__(self, *, horizon=None, context="auto", season="auto", difference="auto", seasonal_difference="auto",
        smoothing="auto", log="auto", scaling="mean", linear_lags="auto", strategy="direct", loss="quantile",
        quantiles=(0.025, 0.1, 0.5, 0.9, 0.975), n_components=5, calibration=0, shrinkage="auto", calendar=False,
        missing="error", cell="gru", hidden_size=64, proj_size=0, num_layers=1, nonlinearity="tanh", bias=True,
        dropout=0.0, zoneout=0.0, recurrent_dropout=0.0, solver="adam", learning_rate_init="auto",
        learning_rate="cosine", momentum=0.9, nesterovs_momentum=True, alpha=0.0, batch_size=32, max_iter=20,
        shuffle=True, clip_norm=1.0, clip_value=None, early_stopping=False, validation_fraction=0.1,
        n_iter_no_change=10, tol=None, warm_start=False, dtype="float32", n_jobs=None, random_state=None, verbose=False,
        callbacks=None):  # fmt: skip
        self._store(locals())

    # ----------------------------------------------------------------------------------- training

    def fit(self, y, *by_place, past=None, future=None, static=None, id_col="unique_id", time_col="ds", target_col="y",
        resume_from=None):  # fmt: skip
        """Train on the past of one or many series.

        Parameters
        ----------
        y : array of shape (T,) or (T, C), pandas Series or DataFrame, or list of such
            The past of one series, of a series with C channels, or of many series. A DataFrame (of pandas, polars or
            another library that narwhals reads) is wide or long. A wide one has a column for each channel, and the
            times in a DatetimeIndex, a PeriodIndex or the column `time_col`. A long one has a row for each step of each
            series, in the columns `id_col`, `time_col` and `target_col`.
        *by_place : None
            Not used: give covariates by keyword.
        past : like y, default=None
            Covariates (T, P) that are known up to the last step. Each series has as many steps in it as in y.
        future : like y, default=None
            Covariates (T, F) that are known ahead, such as holidays or prices. `predict` needs them for the steps to
            come. Each has a linear effect on the series, or on their logarithms: a column that is 1 on holidays and
            else 0 changes sales by the same share on each. It has no effect if the past does not show one. You can
            rely on an event that has come at least twice: once in one fifth of the past, and once in another. What came
            only in one fifth may have an effect or none. To see the effect, forecast with `future` as it is and with
            zeros, and compare. Events that do not act alike need columns of their own. An effect on the day before an
            event needs a column that is 1 on that day. A column that goes up by the same amount each step has no
            effect. With loss="negative_binomial" only the network reads covariates.
        static : array-like of shape (n, K) or DataFrame, default=None
            Covariates that do not change: a row for each series. With a long y, it has the column `id_col`.
        id_col, time_col, target_col : str, default="unique_id", "ds" and "y"
            The names of these columns, in all later tables too.
        resume_from : str or path-like, default=None
            A file that `fastrnn.callbacks.Checkpoint` has written. The fit goes on with that run.

        Returns
        -------
        self
            The fitted forecaster.

        Raises
        ------
        TypeError
            If there are other arguments than y without a keyword, as in ``fit(X, y)``.
        ValueError
            If the input is wrong: NaN, series that are too short, timestamps that are not in order, occur twice or have
            gaps. This is checked before any training, and the message names the series.
        DivergenceError
            If the loss becomes NaN or infinite.

        Warns
        -----
        UserWarning
            If series are too short for the season and lags that suit most others. They are forecast as if their past
            had been like their first season, and nothing is learned from them.
        """
        self._check_parameters()  # before all else, as scikit-learn has it
        check_by_place("fit", by_place, "past=, future= (what is known ahead) or static=")
        refuse_files(y, "a forecaster reads series; give it these in a list, or in a table")
        given = y if isinstance(y, Panel) else (y, past, future, static, (id_col, time_col, target_col))
        return self._fit(given, None, None, resume_from)

    # --------------------------------------------------------------------------------- forecasts

    def predict(self, horizon=None, history=None, *, future=None, past=None, static=None):
        """Forecast the next steps: their medians, or their means with loss="squared_error".

        Parameters
        ----------
        horizon : int, default=None
            Number of steps to forecast. None takes `horizon_`. A longer horizon is forecast in blocks of `horizon_`
            steps, each from the block before; this is not possible with `past`.
        history : like y of `fit`, default=None
            The series to forecast. None takes those of the fit, together with what `update` has added.
        future : like y of `fit`, default=None
            Known covariates of the steps to come, if the fit had them. Direct models need a multiple of `horizon_`
            steps. With `history`, they cover its steps and the steps to come.
        past, static : as for `fit`
            Covariates of `history`, if the fit had them.

        Returns
        -------
        ndarray of shape (horizon,), (horizon, C), (n, horizon) or (n, horizon, C)
            The forecast, of channels if there are several, of many series if there are many. For tables it is a table
            of the same kind, with the timestamps that come next. A series that has never changed goes on unchanged,
            unless scaling=None.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong or has too few steps.
        """
        panel, horizon = self._given(horizon, history, past, future, static)
        return panel.form.container(self._points(panel, horizon)[..., np.newaxis])

    def predict_quantiles(self, quantiles=None, horizon=None, history=None, *, future=None, past=None, static=None):
        """Forecast quantiles of the next steps.

        Parameters
        ----------
        quantiles : list of float, default=None
            The Q quantiles. None takes those of the parameter `quantiles`. loss="quantile" knows only these.
        horizon, history, future, past, static : optional
            As for `predict`. Direct models know no steps beyond `horizon_`.

        Returns
        -------
        ndarray of shape (horizon, Q), (horizon, C, Q), (n, horizon, Q) or (n, horizon, C, Q)
            As `predict`, with a last axis of quantiles. For a Series it is a DataFrame with a column for each quantile.
            Quantiles never cross, and never come nearer to the median than one season before (see `predict_interval`).
            Those of a recursive model are read from 200 drawn paths, for which random_state=None is 0.

        Raises
        ------
        NotFittedError, ValueError
            As for `predict`; also if these quantiles were not fitted, or if the loss knows no quantiles.
        """
        panel, horizon = self._given(horizon, history, past, future, static)
        levels = np.atleast_1d(self._shape["quantiles"] if quantiles is None else quantiles).astype(np.float64)
        with self._computing():
            values = self._model.quantiles(panel, horizon, levels, self._seed)
        return panel.form.container(values, levels.tolist())

    def predict_interval(self, coverage=0.8, horizon=None, history=None, *, future=None, past=None, static=None):
        """Forecast intervals, which contain the next values with a given probability.

        Parameters
        ----------
        coverage : float, default=0.8
            The probability, between 0 and 1.
        horizon, history, future, past, static : optional
            As for `predict_quantiles`.

        Returns
        -------
        ndarray of shape (horizon, 2), (horizon, C, 2), (n, horizon, 2) or (n, horizon, C, 2)
            As `predict`, with a last axis (lower, upper). For a Series it is a DataFrame with these columns.

        Raises
        ------
        NotFittedError, ValueError
            As for `predict_quantiles`; also if there are too few calibration errors for the coverage.

        Notes
        -----
        Intervals never get narrower from a step to the step one season later, or without a season to the next step. (If
        logarithms are forecast, this holds for the logarithms.) Steps within a season may differ: some may be surer
        than others. A quantile that would be nearer to its median than one season before is moved away: it gets the
        distance of that step. With `calibration`, the larger of the two errors is taken in the same way. Point
        forecasts do not change.

        Without `calibration`, an interval goes from the quantile (1 - coverage) / 2 to 1 minus it. With `calibration`,
        intervals are split-conformal (Vovk et al. 2005; Lei et al. 2018) around the point forecast, for any loss. They
        use m errors of forecasts that the fit has not seen. If those errors and the one to come are exchangeable, the
        probability to cover lies between coverage and coverage + 1 / (m + 1). Overlapping cut-offs, and series that
        change, make this an approximation.
        """
        panel, horizon = self._given(horizon, history, past, future, static)
        return panel.form.container(self._intervals(panel, horizon, coverage), ["lower", "upper"])

    def sample_paths(self, n_paths=100, horizon=None, history=None, *, future=None, static=None, random_state=None):
        """Draw possible futures, each step from the steps drawn before it.

        It needs strategy="recursive" and a loss with a distribution.

        Parameters
        ----------
        n_paths : int, default=100
            Number of paths for each series.
        horizon, history, future, static : optional
            As for `predict`. Any horizon is possible.
        random_state : int, RandomState or None, default=None
            The seed. None takes the parameter `random_state`.

        Returns
        -------
        ndarray of shape (n_paths, horizon), (n_paths, horizon, C), (n, n_paths, horizon) or (n, n_paths, horizon, C)
            The paths. For tables it is a table as for `predict_quantiles`, with a column for each path.

        Raises
        ------
        NotFittedError, ValueError
            As for `predict`; also if the model is not recursive, or has no distribution.
        """
        n_paths = int(check_scalar(n_paths, "n_paths", Integral, min_val=1))
        panel, horizon = self._given(horizon, history, None, future, static)
        rng = check_random_state(self.random_state if random_state is None else random_state)
        seeds = rng.randint(2**32, size=len(panel.series), dtype=np.uint64)
        with self._computing():
            paths = self._model.paths(panel, n_paths, horizon, seeds)
        values = panel.form.container(paths.transpose(0, 2, 3, 1), list(range(n_paths)))
        return np.moveaxis(values, -1, int(panel.form.is_many)) if panel.form.kind in ("array", "list") else values

    def update(self, y_new, *by_place, past=None, future=None):
        """Add new steps to the series, so that the next forecasts go on from there.

        The weights stay as they are.

        Parameters
        ----------
        y_new : like y of `fit`
            The new steps of each series. They must follow the steps that are known. missing="interpolate" fills what
            is missing between the known steps and these as inside a series. Missing values at the very end are the
            last known one, until a later update brings another.
        *by_place : None
            Not used: give covariates by keyword.
        past, future : like y_new, default=None
            Covariates of the new steps, if the fit had them.

        Returns
        -------
        self
            The forecaster.

        Raises
        ------
        NotFittedError, ValueError
            If `fit` was not called before, or if y_new does not follow the known steps.
        TypeError
            If there are other arguments than y_new without a keyword.
        """
        check_by_place("update", by_place, "past= or future=")
        check_is_fitted(self, "network_")
        known = self._stored()
        options = {"missing": self.missing, "calendar": False, "before": known.form, "known": known}
        new = Panel.read(y_new, past, future, None, **options, name="y_new")
        self._check_like_fit(new, "y_new", ("past", "future"))
        self._history = known.followed(new).tree()
        return self
