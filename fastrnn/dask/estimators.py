"""Estimators whose data lie on the workers of a Dask cluster."""

from functools import partial
from inspect import Parameter, signature

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions

from fastrnn.base.agreement import agree, ask
from fastrnn.base.callbacks import watched
from fastrnn.base.inputs import COUNT, POSITIVE
from fastrnn.classifier import SequenceClassifier
from fastrnn.dask.collections import Long, distributed, kind_of, mapped, partitions
from fastrnn.dask.rounds import Crew, LocalTrainer, Rounds, draw_in_parts
from fastrnn.dask.shares import Share, errors, same, scored
from fastrnn.regressor import SequenceRegressor
from fastrnn.storage import write
from fastrnn.tagger import SequenceTagger
from fastrnn.training import Trainer, fit_lbfgs, warn_if_not_learned

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
        cls._parameter_constraints = {**plain._parameter_constraints, **CONSTRAINTS, "timeout": [POSITIVE]}
        super().__init_subclass__(**kwargs)

    _remote = ("_long",)
    """What is noted of where data are."""

    def __sklearn_clone__(self):
        return type(self)(**{**clone(self.to_local()).get_params(), **{name: getattr(self, name) for name in OWN}})

    def __getstate__(self):
        return {**super().__getstate__(), "client": None}  # it is the process's

    @property
    def partial_fit(self):
        """Not there: a fit on partitions begins anew."""
        raise AttributeError(f"{type(self).__name__} has no partial_fit: to_local() gives an estimator that has")

    def fit(self, X, y=None, sample_weight=None, *, id_col="unique_id", time_col="ds", target_col="y"):
        """Train on the partitions, wherever they are."""
        self._check_rounds()
        self._long = Long(id_col, time_col, target_col, self._readout() is None)
        return self._fit(X, y, sample_weight)

    def _check_rounds(self):
        self._check_parameters()
        if self.warm_start:
            raise ValueError("warm_start=True goes on from a fit in one process: set it on what to_local() gives")
        if self.rounds == "local" and self.solver == "lbfgs":
            raise ValueError("solver='lbfgs' reads all data at once, and has no rounds='local': choose another solver")

    def to_local(self):
        """The same model without Dask, fitted if this one is."""
        local = self._plain(**{name: getattr(self, name) for name in self._plain._get_param_names()})
        hidden = {*self.get_params(deep=False), *self._remote}
        vars(local).update({name: value for name, value in vars(self).items() if name not in hidden})
        return local

    def _client(self):
        try:
            return self.client or distributed.default_client()
        except ValueError:
            way = "make one, distributed.Client(), or pass client="
            raise ValueError(f"{type(self).__name__} needs the client of a Dask cluster: {way}") from None

    def _learn(self, X, y, sample_weight, resume_from):
        client, local = self._client(), self._for_workers()
        crew = Crew(client, self._partitions(client, X, y, sample_weight), self.timeout, self.partitions_at_once)
        found, answers = agree(partial(crew.each, ask, local))
        vars(self).update(found[0].known)
        self._take_from(crew, local)
        rng, lengths = check_random_state(self.random_state), np.concatenate([one.lengths for one in found])
        settings = self._settings(lengths)
        self._make_network(rng)
        if self._readout() is None:
            self._start_at(found[0].loss, [one.told for one in found])
        holds_out = self.early_stopping and self.solver != "lbfgs"
        split_seed = int(rng.randint(2**31)) if holds_out else None
        n_threads = self.n_jobs or max(1, sum(client.nthreads().values()) // len(crew.parts))
        crew.arguments = lambda place: (local, answers, place, self._dropout_seed, split_seed, n_threads)
        n_a_weight = lengths.size / sum(one.n_weights for one in found)
        chosen, n_held_out = [one.lengths for one in found], None
        if holds_out:
            chosen, n_held_out = zip(*crew.of_shares(Share.lengths), strict=True)
        bounds, lengths = np.cumsum([0, *map(len, chosen)]), np.concatenate(chosen)

        objective = Rounds(crew, self.network_, bounds, n_a_weight)

        def score():
            scores = crew.of_shares(Share.validate, crew.submit(same, self.network_.theta.copy()))
            return float(np.average(scores, weights=n_held_out))

        if self.rounds == "local":
            self._trainer = LocalTrainer(self.network_, settings, rng, crew, bounds, self.local_steps)
        else:
            self._trainer = Trainer(self.network_, settings, rng, partial(draw_in_parts, crew, bounds))
        train = partial(self._trainer.fit, objective, lengths, score if holds_out else None)
        if self.solver == "lbfgs":
            known = settings, lengths.size
            train = partial(fit_lbfgs, self.network_, objective, *known, history=self._trainer.history)
        with watched(self, X, y, sample_weight) as hooks:
            train(callbacks=[*(self.callbacks or ()), *hooks], save=self._save_at)
            self._set_history()
        self._trainer = self._trainer.successor(settings)  # that knows no cluster
        if self.max_iter == "auto" and self.n_iter_ == settings.max_iter:
            sizes = [one.lengths.size for one in found]
            warn_if_not_learned(self.loss_curve_, np.average([one.constant_loss for one in found], weights=sizes))
        return crew, found

    def _for_workers(self):
        """The estimator whose fit workers make a part of."""
        return clone(self.to_local()).set_params(callbacks=None, verbose=False)

    def _take_from(self, crew, local):
        """Before training."""

    def _partitions(self, client, X, y, sample_weight):
        return partitions(client, X, y, sample_weight, self._long)

    def _save_at(self, path):
        self._set_history()
        write(path, {"model": self.to_local()._record(), "run": None})

    def _mapped(self, method, X):
        """What a method of the plain estimator makes of X, in the kind of X."""
        local = self.to_local()
        if kind_of(X) is None:
            return getattr(local, method)(X)
        local.set_params(n_jobs=self.n_jobs or 1, callbacks=None)
        return mapped(self._client(), X, getattr(self._plain, method), local, self._long)

    def predict(self, X):
        """Predict, in the kind of X."""
        return self._mapped("predict", X)

    def score(self, X, y=None, sample_weight=None):
        """The score over all partitions."""
        local = self.to_local()
        if kind_of(X) is None:
            return local.score(X, y, sample_weight)
        local.set_params(n_jobs=self.n_jobs or 1, callbacks=None)
        client = self._client()
        crew = Crew(client, partitions(client, X, y, sample_weight, self._long), self.timeout)
        return self._score_of([*zip(*crew.each(self._scored, local), strict=True)])

    _scored = staticmethod(scored)

    @staticmethod
    def _score_of(parts):
        scores, weights = parts
        return float(np.average(scores, weights=weights))


class DaskSequenceClassifier(OnDask, SequenceClassifier):
    """A `SequenceClassifier` whose data are partitions on the workers of a Dask cluster."""

    def predict_proba(self, X):
        """Probabilities, in the kind of X."""
        return self._mapped("predict_proba", X)


class DaskSequenceRegressor(OnDask, SequenceRegressor):
    """A `SequenceRegressor` whose data are partitions on the workers of a Dask cluster."""

    _scored = staticmethod(errors)

    @staticmethod
    def _score_of(parts):
        """R^2, from what partitions say of their own means (Chan et al., American Statistician 37(3), 1983)."""
        weights, means, about, missed = map(np.array, parts)
        mean = weights @ means / weights.sum()
        return float(np.mean(1 - missed.sum(0) / (about.sum(0) + weights @ (means - mean) ** 2)))


class DaskSequenceTagger(OnDask, SequenceTagger):
    """A `SequenceTagger` whose data are partitions on the workers of a Dask cluster."""

    def predict_proba(self, X):
        """Probabilities, in the kind of X."""
        return self._mapped("predict_proba", X)
