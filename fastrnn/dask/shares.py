"""What workers compute: of one partition each, by pure functions, so that any other worker may compute it again.

What a fit takes from all of its data, as its classes or the mean of X, is agreed upon in rounds.  A partition's `ask`
goes through the checks of a fit with the answers that there are, and stops at the first question that has none: its own
part of that answer, and how parts are merged.
"""

import threading
from collections import namedtuple
from copy import copy
from functools import cached_property

import numpy as np

from fastrnn import threads
from fastrnn.losses.loss import constant_loss, label_weights
from fastrnn.optimizers import Sweeps
from fastrnn.training import Trainer

Question = namedtuple("Question", "part, merge, known")
"""A partition's part of an answer, how all parts are merged, and what it has noted without asking."""
Agreed = namedtuple("Agreed", "known, lengths, n_weights, label_weights, constant_loss, loss, n_outputs")
"""When nothing is left to ask: what the fit has noted, and what has to be known of the partition."""


class _Unanswered(BaseException):
    """A question without an answer; nothing that catches errors may hold it back."""


def _problem(estimator, answers, X, y, sample_weight):
    """An estimator with what a fit notes before it trains, and its problem."""
    estimator, given = copy(estimator), iter(answers)

    def agreed(part, merge):
        try:
            return next(given)
        except StopIteration:
            raise _Unanswered(part, merge, _noted(estimator)) from None

    estimator._agreed = agreed
    estimator._begin(False)
    estimator._check_rows(X, y)
    problem = estimator._problem(X, y, sample_weight, False)
    estimator._sizes = estimator._measure(problem)
    estimator._check_lengths(problem.sequences, estimator._sizes["steps"] or None)
    return estimator, problem


def _noted(estimator):
    return {name: value for name, value in vars(estimator).items() if name not in {"_agreed", *estimator.get_params()}}


def ask(estimator, answers, *given):
    """A partition's next `Question`, or `Agreed`."""
    try:
        estimator, problem = _problem(estimator, answers, *given)
    except _Unanswered as question:
        return Question(*question.args)
    targets = problem.loss, problem.targets, problem.weights, problem.n_outputs
    own = constant_loss(*targets), problem.loss, problem.n_outputs
    return Agreed(_noted(estimator), problem.sequences.lengths, problem.weights.size, label_weights(*targets), *own)


class Share:
    """A partition, and a network to train on it, as a worker holds them; another one makes them anew.

    Parameters
    ----------
    estimator : SequenceEstimator
        Not fitted.
    answers : list
        To all that is asked.
    place : int
        Of the partition among all.
    dropout_seed, split_seed, n_threads : int
    X, y, sample_weight
        The partition.
    """

    def __init__(self, estimator, answers, place, dropout_seed, split_seed, n_threads, *given):
        self._arguments = estimator, answers, place, dropout_seed, split_seed, n_threads, *given
        self._lock, self._n_threads = threading.Lock(), n_threads
        self._estimator, self._problem = estimator, problem = _problem(estimator, answers, *given)
        self._network = estimator._new_network(None)
        self._network.gather_parameters()
        n = len(problem.sequences)
        self._some, self._held_out = np.arange(n), None
        if estimator.early_stopping:
            rng = np.random.RandomState([split_seed, place])
            self._some, self._held_out = estimator._split(n, problem.strata, rng)
        estimator._dropout_seed = dropout_seed + (place << 48)  # far from all keys of the partition before
        estimator.network_ = self._network

    def __reduce__(self):
        return Share, self._arguments

    def __sizeof__(self):
        """Dask moves what is small."""
        return 2**20 + self._problem.sequences.values.nbytes

    @cached_property
    def _objective(self):
        return self._estimator._objective(self._problem, self._some)

    def _take(self, theta):
        self._network.theta[:] = theta
        self._network.changed()

    def lengths(self):
        """Of the sequences to train on; and how many are held out."""
        n_held_out = 0 if self._held_out is None else len(self._held_out)
        return self._problem.sequences.lengths[self._some], n_held_out

    def gradient(self, theta, numbers, epoch, factor):
        """The loss of some sequences at theta, and its gradient: a part of a batch."""
        with self._lock, threads.limit(self._n_threads):
            self._take(theta)
            self._objective.lay_out([numbers], epoch, [factor])
            return self._objective(0), self._network.gradient.copy()

    def advance(self, state, batches, epoch, rates, settings):
        """From `(theta, first, second, n_steps)` to those after steps of this partition's own, and the sum of losses."""
        with self._lock, threads.limit(self._n_threads):
            trainer = Trainer(self._network, settings, None)
            self._take(state[0])
            optimizer = trainer.optimizer
            optimizer.first[:], optimizer.second[:], optimizer.n_steps = state[1:]
            self._objective.lay_out(batches, epoch)
            loss = trainer.steps(self._objective, batches, rates, Sweeps(self._network, optimizer))
            return (self._network.theta.copy(), optimizer.first, optimizer.second, optimizer.n_steps), loss

    def validate(self, theta):
        """The score of what is held out."""
        with self._lock, threads.limit(self._n_threads):
            self._take(theta)
            return self._estimator._validation_score(self._network, self._problem, self._held_out)()


def same(value):
    """The value: a task that sends weights once, however many partitions read them."""
    return value


def scored(model, X, y, sample_weight):
    """The score of a partition, and its weight."""
    weights = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    steps = [*map(len, X)] if model.network_.readout is None else 1
    return model.score(X, y, sample_weight), float((weights * steps).sum())
