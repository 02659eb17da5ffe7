"""A forecaster whose series lie on the workers of a Dask cluster."""

from copy import copy
from functools import partial

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fastrnn.dask.collections import aligned, check_ids, dask, futures, kind_of, lists
from fastrnn.dask.estimators import OnDask
from fastrnn.dask.rounds import Crew
from fastrnn.forecaster import SequenceForecaster, conformal
from fastrnn.forecaster.learning import check_by_place
from fastrnn.tables import LONG


class OfPartition(SequenceForecaster):
    """A forecaster whose fit workers make a part of."""

    def _panel_of(self, given):
        return super()._panel_of(listed(*given))

    def _take_up(self, panel):
        form = panel.form  # what of it must be the same in all partitions is noted before anything is asked
        self._frequency, self._times = form.freq or form.step, form.dtype
        self._columns = {"y": form.columns if form.kind == "frame" else (), **panel.columns}
        super()._take_up(panel)


def listed(y, *beside):
    """What was given of a partition; of y a 2-D array has a series in each row."""
    return list(y) if isinstance(y, np.ndarray) and y.ndim == 2 else y, *beside


def holding(model, given):
    """The model with a partition's series for those of its fit."""
    model, panel = copy(model), model._panel_of(listed(*given))
    model._history, model._seen = panel.tree(), panel.series.lengths
    return model


def errors(model, given, *_):
    """What intervals are calibrated by."""
    return model._errors(model._panel_of(listed(*given)), model.calibration)


def said(method, model, known, given, **parts):
    """What a method says of a partition: of the one that was given to the fit, or of series by keyword."""
    model = model if given is None else holding(model, given)
    parts = {name: listed(part)[0] if name in ("history", "y") else part for name, part in parts.items()}
    return getattr(model, method)(**known, **parts)


def scored(model, _, given, **parts):
    """The score of a partition, and how many series it is of."""
    model = holding(model, given)
    n = (model._stored().series.lengths > model._lens["lags"][0]).sum()
    return said("score", model, {}, None, **parts), int(n)


class DaskSequenceForecaster(OnDask, SequenceForecaster):  # numpydoc ignore=PR01
    """A `SequenceForecaster` whose series are partitions on the workers of a Dask cluster.

    What all series tell together is agreed upon over partitions, as if they were in one process: horizon and lengths,
    the linear part and the effects of covariates, which are sums, and the errors by which intervals are calibrated.
    Seasons are looked for in a sample of each. The network is trained in rounds. Forecasts are made where the series
    are, and come in their kind.

    Parameters that are not listed here are those of `SequenceForecaster`, with the same defaults.

    There is no trial for ``shrinkage="auto"``, as for series of more than 65,536 steps in one process: the network is
    believed.

    Parameters
    ----------
    client : distributed.Client or None, default=None
        The client of the cluster. None takes the one that was made last.
    rounds : {"synchronous", "local"}, default="synchronous"
        Whether each batch has a part of each partition, or partitions take steps of their own, and the mean of their
        weights goes on.
    local_steps : int, default=10
        Steps of a partition between two means.
    partitions_at_once : int, default=None
        Number of partitions that are prepared and trained on together, before others come. It bounds the memory that
        training takes beside the data. None takes all.
    timeout : float, default=600
        Seconds that a round may take.

    See Also
    --------
    SequenceForecaster : Its page describes the other parameters, and the attributes.

    Notes
    -----
    Results depend on the partitions, and never on the workers. With one partition they are those of
    ``SequenceForecaster(shrinkage=None)`` without `early_stopping`, to the bit. What `to_local` and a file have holds
    the series of the first partition alone: to forecast others with it, give them as ``history=``.

    For a million series in a hundred partitions, ``rounds="local"`` with ``partitions_at_once`` as many as there are
    workers, or a few times as many, takes little more memory than the series.

    Examples
    --------
    >>> import numpy as np
    >>> from dask import delayed
    >>> from distributed import Client
    >>> from fastrnn.dask import DaskSequenceForecaster
    >>> def sales(shop):
    ...     return [shop + k + np.sin(2 * np.pi * np.arange(96) / 12) for k in range(3)]
    >>> y = [delayed(sales)(shop) for shop in (10, 20)]
    >>> with Client(processes=False, dashboard_address=":0") as client:
    ...     forecaster = DaskSequenceForecaster(horizon=6, season=12, max_iter=2, random_state=0).fit(y)
    ...     first, second = forecaster.predict()
    ...     print(first.compute().shape, forecaster.season_)
    (3, 6) [12]
    """

    _remote = "_given", "_frequency", "_times", "_columns"

    def __getstate__(self):
        return {**super().__getstate__(), "_given": None}

    def fit(self, y, *by_place, past=None, future=None, static=None, id_col=LONG[0], time_col=LONG[1],
        target_col=LONG[2]):  # fmt: skip
        """Train on the series of all partitions, wherever they are.

        Parameters
        ----------
        y : list of futures or delayed partitions, dask.bag or dask.dataframe
            A partition is a list of series or an array (n, T), a bag has series, and a dask.dataframe is long: a row
            for each step, with all rows of a series in one partition. Each partition needs a series that is long enough
            to learn from.
        *by_place : None
            Not used: give covariates by keyword.
        past, future, static : like y, default=None
            Covariates as for `SequenceForecaster.fit`, in partitions of the same series.
        id_col, time_col, target_col : str, default="unique_id", "ds" and "y"
            The names of these columns in a dask.dataframe.

        Returns
        -------
        self
            The fitted forecaster. It keeps y and covariates to forecast from, and so what they hold on the workers.

        Raises
        ------
        ValueError, TypeError
            As for `SequenceForecaster.fit`; the message names the partition.
        RuntimeError, TimeoutError
            If a partition cannot be computed, or not in time.
        """
        self._check_rounds()
        check_by_place("fit", by_place, "past=, future= (what is known ahead) or static=")
        self._given = {"y": y, "past": past, "future": future, "static": static}, (id_col, time_col, target_col)
        return self._fit(self._given, None, None)

    def _partitions(self, client, X, *_):
        given, names = X
        if kind_of(given["y"], "y") == "frame":
            ids = dask.delayed(lambda part: part.get(names[0], part.iloc[:0, 0]).unique())  # its lack is told below
            check_ids(client, [ids(part) for part in given["y"].to_delayed()], names[0])
        return [((*part, names), None, None) for part in aligned(partial(futures, client), **given)]

    def _for_workers(self):
        return OfPartition(**{**super()._for_workers().get_params(), "shrinkage": None})

    def _take_from(self, crew, local):
        (first,) = crew.answers({0: crew.submit(holding, local, crew.parts[0][0])})
        self._history, self._seen = first._history, first._seen

    def _learn(self, *given):
        crew, found = super()._learn(*given)
        self._temper(self._start([one.told for one in found]), [1.0, 1.0, found[0].width])
        if self.calibration:
            parts = crew.each(errors, self._fitted_for_workers())
            self._calibration = conformal.scores(parts, self._model.lens)
        return crew, found

    def _kept(self):
        """What the fit was given of each partition."""
        check_is_fitted(self, "network_")
        if self._given is None:
            raise ValueError("the series stayed with the process that has fitted this model: give it history=")
        given, names = self._given
        return [(*part, names) for part in aligned(lists, **given)]

    def _tasks(self, function, known, history, given):
        """Of each partition what a function makes of the model, what is known, and partitions by name.

        Without a history also of what the fit was given.
        """
        kept, whole = (self._kept(), self._given[0]["y"]) if history is None else (None, history)
        given = {"the series": whole, **{name: x for name, x in given.items() if x is not None}}
        parts = [dict(zip([*given][1:], part[1:], strict=True)) for part in aligned(lists, **given)]
        model, client = self._fitted_for_workers(), self._client()
        if kind_of(whole) == "future":
            model = client.scatter(model, broadcast=True, hash=False)
            task = partial(client.submit, function, pure=False)
        else:
            model, task = dask.delayed(model), dask.delayed(function)
        return [task(model, known, own, **part) for own, part in zip(kept or [None] * len(parts), parts, strict=True)]

    def _said(self, method, known, columns, history=None, **given):
        """What a method says, in the kind of history or of the series of the fit; frames have these columns."""
        check_is_fitted(self, "network_")
        if history is not None and kind_of(history, "history") is None:
            return getattr(self.to_local(), method)(history=history, **known, **given)
        answers = self._tasks(partial(said, method), known, history, {"history": history, **given})
        whole = self._given[0]["y"] if history is None else history
        if (kind := kind_of(whole)) == "bag":
            import dask.bag as bags

            return bags.from_delayed([*map(dask.delayed(list), answers)])
        if kind == "frame":
            import dask.dataframe as frames

            *names, target = self._stored().form.names
            columns = columns or [target]
            meta = whole._meta_nonempty[names].assign(**dict.fromkeys(map(str, columns), 0.0))
            meta[names[0]] = meta[names[0]].tolist()  # ids come as Python's own
            found = frames.from_delayed(answers, meta.set_axis([*names, *columns], axis=1))
            return found.astype({names[0]: str(whole.dtypes[names[0]])})
        return answers

    def predict(self, horizon=None, history=None, *, future=None, past=None, static=None):
        """Forecast the next steps, as `SequenceForecaster.predict`.

        Parameters
        ----------
        horizon : int, default=None
            Number of steps to forecast. None takes `horizon_`.
        history : like y of `fit`, or series of this process, default=None
            The series to forecast. None takes those of the fit.
        future, past, static : like history, default=None
            As for `SequenceForecaster.predict`.

        Returns
        -------
        list of futures or delayed arrays (n, horizon) or (n, horizon, C), dask.bag or dask.dataframe
            The kind in which history, or y of the fit, came.
        """
        return self._said("predict", {"horizon": horizon}, None, history, future=future, past=past, static=static)

    def predict_quantiles(self, quantiles=None, horizon=None, history=None, *, future=None, past=None, static=None):
        """Forecast quantiles of the next steps, as `SequenceForecaster.predict_quantiles`.

        Parameters
        ----------
        quantiles : list of float, default=None
            The Q quantiles. None takes those of the parameter `quantiles`.
        horizon, history, future, past, static : optional
            As for `predict`.

        Returns
        -------
        list of futures or delayed arrays, dask.bag or dask.dataframe
            As `predict`, with a last axis, or columns, of quantiles.
        """
        check_is_fitted(self, "network_")
        levels = np.atleast_1d(self._shape["quantiles"] if quantiles is None else quantiles).tolist()
        known, beside = {"quantiles": levels, "horizon": horizon}, {"future": future, "past": past, "static": static}
        return self._said("predict_quantiles", known, levels, history, **beside)

    def predict_interval(self, coverage=0.8, horizon=None, history=None, *, future=None, past=None, static=None):
        """Forecast intervals, as `SequenceForecaster.predict_interval`.

        Parameters
        ----------
        coverage : float, default=0.8
            The probability that they contain what comes.
        horizon, history, future, past, static : optional
            As for `predict`.

        Returns
        -------
        list of futures or delayed arrays, dask.bag or dask.dataframe
            As `predict`, with a last axis, or columns, (lower, upper).
        """
        known, beside = {"coverage": coverage, "horizon": horizon}, {"future": future, "past": past, "static": static}
        return self._said("predict_interval", known, ["lower", "upper"], history, **beside)

    def score(self, y, *by_place, future=None):
        """Score the forecast of y, as `SequenceForecaster.score`: the mean over the series of all partitions.

        Parameters
        ----------
        y : like y of `fit`
            What came after the series of the fit.
        *by_place : None
            Not used: give covariates by keyword.
        future : like y of `fit`, default=None
            Known covariates of the steps of y.

        Returns
        -------
        float
            The negative mean absolute scaled error.
        """
        check_by_place("score", by_place, "future=")
        client, tasks = self._client(), self._tasks(scored, {}, None, {"y": y, "future": future})
        found = Crew(client, [], self.timeout).answers(dict(enumerate(client.compute(tasks))))
        scores, weights = zip(*found, strict=True)
        return float(np.average(scores, weights=weights))

    def backtest(self, y=None, initial=None, step=1, horizon=None, metrics=("mase", "smape"), *, past=None, future=None,
        static=None):  # fmt: skip
        """Forecast at many points of the past of each partition's series, as `SequenceForecaster.backtest`.

        Parameters
        ----------
        y : like y of `fit`, default=None
            The series, as many partitions as the fit had. None takes those of the fit.
        initial, step, horizon, metrics : optional
            As for `SequenceForecaster.backtest`. There is no `refit`.
        past, future, static : like y, default=None
            Covariates for all steps of y, if the fit had them.

        Returns
        -------
        list of futures or delayed `Backtest`
            One of each partition.
        """
        known = {"initial": initial, "step": step, "horizon": horizon, "metrics": metrics}
        beside = {"y": y, "past": past, "future": future, "static": static}
        return self._tasks(partial(said, "backtest"), known, None, beside)

    @property
    def update(self):
        """Not available: the series are where they were given."""
        raise AttributeError(f"{type(self).__name__} has no update: fit again, or give longer series as history=")

    @property
    def sample_paths(self):
        """Not available: use that of `to_local`."""
        raise AttributeError(f"{type(self).__name__} has no sample_paths: use to_local().sample_paths(history=...)")
