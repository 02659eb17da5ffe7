"""Estimators whose data lie on the workers of a Dask cluster."""

from copy import copy
from functools import partial
from inspect import Parameter, signature
from numbers import Real

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from fastrnn.base.agreement import agree, ask, constant_of
from fastrnn.base.inputs import COUNT, POSITIVE
from fastrnn.classifier import SequenceClassifier
from fastrnn.dask.collections import distributed, kind_of, mapped, partitions
from fastrnn.dask.rounds import Crew, LocalTrainer, Rounds, draw_in_parts
from fastrnn.dask.shares import Share, errors, scored, sent
from fastrnn.data import Long
from fastrnn.regressor import SequenceRegressor
from fastrnn.storage import write
from fastrnn.tagger import SequenceTagger
from fastrnn.training import Trainer, fit_lbfgs
from fastrnn.wording import shown

OWN = {"client": None, "rounds": "synchronous", "local_steps": 10, "partitions_at_once": None, "timeout": 600}
"""Parameters that these estimators have beside those of the plain ones."""
CONSTRAINTS = {"client": "no_validation", "rounds": [StrOptions({"synchronous", "local"})], "local_steps": [COUNT]}
CONSTRAINTS |= {"partitions_at_once": [COUNT, None]}


class OnDask:
    """What the estimators share; each stands before the plain one among its class's bases."""

    def __init_subclass__(cls, **kwargs):
        plain = cls._plain = cls.__bases__[1]
        own = [Parameter(name, Parameter.KEYWORD_ONLY, default=value) for name, value in OWN.items()]
        parameters = signature(plain.__init__)
        parameters = parameters.replace(parameters=[*parameters.parameters.values(), *own])

        def store(self, **given):
            bound = parameters.bind(self, **given)
            bound.apply_defaults()
            self._store(bound.arguments)

        cls.__init__, store.__signature__ = store, parameters
        store.__name__, store.__qualname__ = "__init__", f"{cls.__name__}.__init__"
        cls._parameter_constraints = {**plain._parameter_constraints, **CONSTRAINTS, "timeout": [POSITIVE]}
        super().__init_subclass__(**kwargs)

    _remote = ("_long",)
    """What is noted of where data are."""

    def __sklearn_clone__(self):
        other = super(OnDask, copy(self)).__sklearn_clone__()  # of a copy, which has no client
        return other.set_params(client=self.client)

    def __getstate__(self):
        return {**super().__getstate__(), "client": None}  # it is the process's

    @property
    def partial_fit(self):
        """Not there: a fit on partitions begins anew."""
        raise AttributeError(f"{type(self).__name__} has no partial_fit: to_local() gives an estimator that has")

    def fit(self, X, y=None, sample_weight=None, *, id_col="unique_id", time_col="ds", target_col="y"):
        """Train on the partitions, on the workers that hold them.

        Parameters
        ----------
        X : list of futures, list of delayed partitions, dask.bag or dask.dataframe
            The sequences. Each partition is a list of sequences, in the form that the plain estimator takes. In a bag,
            each item is a sequence. In a long frame, each row is a step, and all rows of a sequence are in one
            partition.
        y : like X, default=None
            The targets: as many partitions as X, each in the form that the plain estimator takes. None for a long
            frame.
        sample_weight : like X, default=None
            A weight for each sequence, in as many partitions as X.
        id_col, time_col, target_col : str, default="unique_id", "ds" and "y"
            The columns of a long frame. All other columns are features. With ``time_column="index"``, times are read,
            too. A tagger, or a regressor with return_sequences, reads a target in each row; others need the same target
            in all rows of a sequence.

        Returns
        -------
        self
            The fitted estimator. It has all attributes of the plain one.

        Raises
        ------
        ValueError
            If there is no client, if X lies in this process or is of several kinds, or if a partition is empty, has
            other columns than the first, or holds anything that the plain estimator refuses. The message names the
            partition, counted from 0. This is checked before any training.
        RuntimeError
            If a partition cannot be computed, or if its data went with a worker and Dask cannot make them again.
        TimeoutError
            If a round takes longer than `timeout`.
        DivergenceError
            If the loss becomes NaN or infinite.
        """
        self._check_rounds()
        self._long = Long(id_col, time_col, target_col, self._readout() is None)
        return self._fit(X, y, sample_weight)

    def _check_rounds(self):
        self._check_parameters()
        if self.warm_start:
            raise ValueError("warm_start=True goes on from a fit in one process: set it on what to_local() gives")
        if self.rounds == "local" and self.solver == "lbfgs":
            raise ValueError("solver='lbfgs' reads all data at once, and has no rounds='local': choose another solver")
        if self._has_scorer() or not isinstance(self.validation_fraction, Real):
            found = f"scoring={shown(self.scoring)}, validation_fraction={shown(self.validation_fraction)}"
            needed = "each partition holds out its own part, which takes None or 'loss', and a number"
            raise ValueError(f"{found}: {needed}")

    def to_local(self):
        """Make the same model without Dask.

        Returns
        -------
        estimator
            The plain estimator with the same parameters. It is fitted if this one is, and shares its network.
        """
        local = self._plain(**{name: getattr(self, name) for name in self._plain._get_param_names()})
        hidden = {*self.get_params(deep=False), *self._remote}
        vars(local).update({name: value for name, value in vars(self).items() if name not in hidden})
        return local

    def _client(self):
        if not isinstance(self.client, (distributed.Client, type(None))) or getattr(self.client, "asynchronous", False):
            found = f"client must be a distributed.Client; got {self.client!r:.60}"
            raise ValueError(f"{found}: distributed.Client(...), and not asynchronous=True")
        try:
            return self.client or distributed.default_client()
        except ValueError:
            way = "make one, distributed.Client(), or pass client="
            raise ValueError(f"{type(self).__name__} needs the client of a Dask cluster: {way}") from None

    def _learn(self, X, y, sample_weight, *_):
        client, local = self._client(), self._for_workers()
        crew = Crew(client, self._partitions(client, X, y, sample_weight), self.timeout, self.partitions_at_once)
        found, answers = agree(partial(crew.each, ask, crew.submit(sent, local)))
        rng = check_random_state(self.random_state)
        settings = self._begin_in_parts(found, rng)
        self._take_from(crew, local)
        holds_out = self.early_stopping and self.solver != "lbfgs"
        split_seed = int(rng.randint(2**31)) if holds_out else None
        n_threads = self.n_jobs or max(1, sum(client.nthreads().values()) // len(crew.parts))
        known = crew.submit(sent, local), crew.submit(sent, answers)
        crew.arguments = lambda place: (*known, place, self._dropout_seed, split_seed, n_threads)
        n_a_weight = sum(one.lengths.size for one in found) / sum(one.n_weights for one in found)
        chosen = crew.of_shares(Share.lengths) if holds_out else [one.lengths for one in found]
        bounds, lengths = np.cumsum([0, *map(len, chosen)]), np.concatenate(chosen)

        objective = Rounds(crew, self.network_, bounds, n_a_weight)

        def validate():
            return self._judgement(crew.of_shares(Share.validate, crew.copies(self.network_.theta)))

        if self.rounds == "local":
            self._trainer = LocalTrainer(self.network_, settings, rng, crew, bounds, self.local_steps)
        else:
            self._trainer = Trainer(self.network_, settings, rng, partial(draw_in_parts, crew, bounds))
        train = partial(self._trainer.fit, objective, lengths, validate if holds_out else None)
        if self.solver == "lbfgs":
            train = partial(fit_lbfgs, self.network_, objective, settings, lengths.size, history=self._trainer.history)
        self._trained(train, partial(constant_of, found), self._save_at, X, y, sample_weight)
        self._trainer = self._trainer.successor(settings)  # that knows no cluster
        return crew, found

    def _for_workers(self):
        """The estimator whose fit workers make a part of."""
        return clone(self.to_local()).set_params(callbacks=None, verbose=False)

    def _fitted_for_workers(self):
        """The fitted model that workers predict with."""
        return self.to_local().set_params(n_jobs=self.n_jobs or 1, callbacks=None)

    def _take_from(self, crew, local):
        """Before training."""

    def _partitions(self, client, X, y, sample_weight):
        return partitions(client, X, y, sample_weight, self._long)

    def _save_at(self, path):
        self._set_history()
        write(path, {"model": self.to_local()._record(), "run": None})

    def _mapped(self, method, X):
        """What a method of the plain estimator makes of X, in the kind of X."""
        check_is_fitted(self, "network_")
        if kind_of(X) is None:
            return getattr(self.to_local(), method)(X)
        return mapped(self._client(), X, getattr(self._plain, method), self._fitted_for_workers(), self._long)

    def predict(self, X):
        """Predict, partition by partition.

        Parameters
        ----------
        X : list of futures, list of delayed partitions, dask.bag or dask.dataframe; or what the plain estimator takes
            The sequences.

        Returns
        -------
        list of futures, list of delayed, dask.bag or dask.dataframe; or what the plain estimator returns
            The answers, in the kind of X. Of a long frame they are a frame with a row for each sequence, whose index is
            the id. Where each row has a target, it has a row for each step, with the time.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If there is no client, or if X is of several kinds. What is wrong in a partition is raised when it is
            computed.
        """
        return self._mapped("predict", X)

    def transform(self, X):
        """Compute the features that the output layer reads, partition by partition.

        Parameters
        ----------
        X : as for `predict`
            The sequences.

        Returns
        -------
        as for `predict`
            The features, in the kind of X.
        """
        return self._mapped("transform", X)

    def score(self, X, y=None, sample_weight=None):
        """Compute the score over all partitions.

        Parameters
        ----------
        X, y, sample_weight : as for `fit`, or what the plain estimator takes
            The sequences, their targets and weights.

        Returns
        -------
        float
            The score of the plain estimator, over all data at once: the accuracy, or R^2.

        Raises
        ------
        NotFittedError, ValueError, RuntimeError, TimeoutError
            As for `fit`, and if `fit` was not called before.
        """
        check_is_fitted(self, "network_")
        if kind_of(X) is None:
            return self.to_local().score(X, y, sample_weight)
        client = self._client()
        crew = Crew(client, partitions(client, X, y, sample_weight, self._long), self.timeout)
        parts = [*zip(*crew.each(self._scored, crew.submit(sent, self._fitted_for_workers())), strict=True)]
        if not any(parts[0]):
            raise ValueError("all weights are zero; at least one sequence needs a positive weight")
        return self._score_of(parts)

    _scored = staticmethod(scored)

    @staticmethod
    def _score_of(parts):
        weights, scores = parts
        return float(np.average(scores, weights=weights))


class DaskSequenceClassifier(OnDask, SequenceClassifier):  # numpydoc ignore=PR01
    """Classify sequences that are partitions on the workers of a Dask cluster.

    One model learns from all of them, as a `SequenceClassifier` does on one machine.

    Each batch is a round: the weights go out, each partition sends back the gradient of its part of the batch, and
    these are added in the order of the data. So the fitted weights are the same bits for any number of workers, also if
    a worker dies during the fit. They depend on the seed, the data and how these are partitioned. With one partition
    and without `early_stopping` they are those of `SequenceClassifier`.

    Parameters that are not listed here are those of `SequenceClassifier`, with the same defaults.

    `warm_start`, `partial_fit` and static features are not possible. `n_jobs` counts the threads that a task may use on
    its worker; None shares the workers' threads among the partitions. With `early_stopping`, each partition holds out
    its own part, and the score is the mean over partitions, by the numbers of sequences held out.

    Parameters
    ----------
    client : distributed.Client or None, default=None
        The client of the cluster. None takes the one that was made last.
    rounds : {"synchronous", "local"}, default="synchronous"
        With "local", each partition takes `local_steps` steps in each round, each on its share of a batch, and the mean
        of the weights, by the sizes of the partitions, goes on (McMahan et al. 2017). There are fewer rounds then: this
        pays for small models and slow networks.
    local_steps : int, default=10
        Number of steps that each partition takes in a round with rounds="local".
    partitions_at_once : int or None, default=None
        Number of partitions that are prepared and trained on together, before others come. It bounds the memory that
        training takes beside the data. None takes all.
    timeout : float, default=600
        Seconds that a round may take. After that, `fit` raises a TimeoutError.

    See Also
    --------
    fastrnn.SequenceClassifier : The same on one machine.

    References
    ----------
    McMahan, B., Moore, E., Ramage, D., Hampson, S. and Aguera y Arcas, B. (2017). Communication-efficient learning of
    deep networks from decentralized data. AISTATS.

    Examples
    --------
    >>> from dask import delayed
    >>> from distributed import Client, LocalCluster
    >>> from fastrnn.dask import DaskSequenceClassifier
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(split="train")
    >>> parts = [slice(0, 90), slice(90, 180), slice(180, 270)]
    >>> X_parts, y_parts = ([delayed(list)(values[part]) for part in parts] for values in (X, y))
    >>> with LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster, Client(cluster):
    ...     clf = DaskSequenceClassifier(max_iter=20, learning_rate_init=0.01, random_state=0)
    ...     round(clf.fit(X_parts, y_parts).score(X_parts, y_parts), 1)
    1.0
    """

    def predict_proba(self, X):
        """Predict the probability of each class, partition by partition.

        Parameters
        ----------
        X : as for `predict`
            The sequences.

        Returns
        -------
        as for `predict`
            The probabilities, in the kind of X. The columns are in the order of `classes_`.
        """
        return self._mapped("predict_proba", X)

    def predict_log_proba(self, X):
        """Predict the logarithm of the probability of each class, partition by partition.

        Parameters
        ----------
        X : as for `predict`
            The sequences.

        Returns
        -------
        as for `predict`
            The logarithms, in the kind of X. The columns are in the order of `classes_`.
        """
        return self._mapped("predict_log_proba", X)


class DaskSequenceRegressor(OnDask, SequenceRegressor):  # numpydoc ignore=PR01
    """Predict numbers from sequences that are partitions on the workers of a Dask cluster.

    One model learns from all of them, as a `SequenceRegressor` does on one machine.

    Each batch is a round: the weights go out, each partition sends back the gradient of its part of the batch, and
    these are added in the order of the data. So the fitted weights are the same bits for any number of workers, also if
    a worker dies during the fit. They depend on the seed, the data and how these are partitioned. With one partition
    and without `early_stopping` they are those of `SequenceRegressor`.

    Parameters that are not listed here are those of `SequenceRegressor`, with the same defaults.

    `warm_start`, `partial_fit` and static features are not possible. `n_jobs` counts the threads that a task may use on
    its worker; None shares the workers' threads among the partitions. With `early_stopping`, each partition holds out
    its own part, and the score is the mean over partitions, by the numbers of sequences held out.

    Parameters
    ----------
    client : distributed.Client or None, default=None
        The client of the cluster. None takes the one that was made last.
    rounds : {"synchronous", "local"}, default="synchronous"
        With "local", each partition takes `local_steps` steps in each round, each on its share of a batch, and the mean
        of the weights, by the sizes of the partitions, goes on (McMahan et al. 2017). There are fewer rounds then: this
        pays for small models and slow networks.
    local_steps : int, default=10
        Number of steps that each partition takes in a round with rounds="local".
    partitions_at_once : int or None, default=None
        Number of partitions that are prepared and trained on together, before others come. It bounds the memory that
        training takes beside the data. None takes all.
    timeout : float, default=600
        Seconds that a round may take. After that, `fit` raises a TimeoutError.

    See Also
    --------
    fastrnn.SequenceRegressor : The same on one machine.

    References
    ----------
    McMahan, B., Moore, E., Ramage, D., Hampson, S. and Aguera y Arcas, B. (2017). Communication-efficient learning of
    deep networks from decentralized data. AISTATS.

    Examples
    --------
    >>> from dask import delayed
    >>> from distributed import Client, LocalCluster
    >>> from fastrnn.dask import DaskSequenceRegressor
    >>> X = [[0.0, 1.0, 2.0], [1.0, 0.0]] * 30
    >>> y = [3.0, 1.0] * 30
    >>> parts = [slice(0, 30), slice(30, 60)]
    >>> X_parts, y_parts = ([delayed(list)(values[part]) for part in parts] for values in (X, y))
    >>> with LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster, Client(cluster):
    ...     reg = DaskSequenceRegressor(max_iter=20, learning_rate_init=0.01, random_state=0).fit(X_parts, y_parts)
    ...     reg.score(X_parts, y_parts) > 0.9
    True
    """

    _scored = staticmethod(errors)

    @staticmethod
    def _score_of(parts):
        """R^2, from what partitions say of their own means (Chan et al., American Statistician 37(3), 1983)."""
        weights, means, about, missed = map(np.array, parts)
        mean = weights @ means / weights.sum()
        missed, about = missed.sum(0), about.sum(0) + weights @ (means - mean) ** 2
        # As r2_score: where targets do not differ, 1 if nothing is missed, else 0.
        return float(np.mean(np.where(about > 0, 1 - missed / np.where(about > 0, about, 1), missed == 0)))


class DaskSequenceTagger(OnDask, SequenceTagger):  # numpydoc ignore=PR01
    """Label each step of sequences that are partitions on the workers of a Dask cluster.

    One model learns from all of them, as a `SequenceTagger` does on one machine.

    Each batch is a round: the weights go out, each partition sends back the gradient of its part of the batch, and
    these are added in the order of the data. So the fitted weights are the same bits for any number of workers, also if
    a worker dies during the fit. They depend on the seed, the data and how these are partitioned. With one partition
    and without `early_stopping` they are those of `SequenceTagger`.

    Parameters that are not listed here are those of `SequenceTagger`, with the same defaults.

    `warm_start`, `partial_fit` and static features are not possible. `n_jobs` counts the threads that a task may use on
    its worker; None shares the workers' threads among the partitions. With `early_stopping`, each partition holds out
    its own part, and the score is the mean over partitions, by the numbers of sequences held out.

    Parameters
    ----------
    client : distributed.Client or None, default=None
        The client of the cluster. None takes the one that was made last.
    rounds : {"synchronous", "local"}, default="synchronous"
        With "local", each partition takes `local_steps` steps in each round, each on its share of a batch, and the mean
        of the weights, by the sizes of the partitions, goes on (McMahan et al. 2017). There are fewer rounds then: this
        pays for small models and slow networks.
    local_steps : int, default=10
        Number of steps that each partition takes in a round with rounds="local".
    partitions_at_once : int or None, default=None
        Number of partitions that are prepared and trained on together, before others come. It bounds the memory that
        training takes beside the data. None takes all.
    timeout : float, default=600
        Seconds that a round may take. After that, `fit` raises a TimeoutError.

    See Also
    --------
    fastrnn.SequenceTagger : The same on one machine.

    References
    ----------
    McMahan, B., Moore, E., Ramage, D., Hampson, S. and Aguera y Arcas, B. (2017). Communication-efficient learning of
    deep networks from decentralized data. AISTATS.

    Examples
    --------
    >>> from dask import delayed
    >>> from distributed import Client, LocalCluster
    >>> from fastrnn.dask import DaskSequenceTagger
    >>> X = [[0.0, 1.0, 2.0], [1.0, 0.0]] * 30
    >>> y = [["a", "b", "c"], ["b", "a"]] * 30
    >>> parts = [slice(0, 30), slice(30, 60)]
    >>> X_parts, y_parts = ([delayed(list)(values[part]) for part in parts] for values in (X, y))
    >>> with LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster, Client(cluster):
    ...     tagger = DaskSequenceTagger(max_iter=20, learning_rate_init=0.01, random_state=0).fit(X_parts, y_parts)
    ...     tagger.score(X_parts, y_parts) > 0.9
    True
    """

    def predict_proba(self, X):
        """Predict the probability of each label at each step, partition by partition.

        Parameters
        ----------
        X : as for `predict`
            The sequences.

        Returns
        -------
        as for `predict`
            The probabilities, in the kind of X. The columns are in the order of `classes_`.
        """
        return self._mapped("predict_proba", X)
