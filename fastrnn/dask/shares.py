"""What workers compute: of one partition each, so that any other worker may compute it again."""

import threading
from functools import cached_property

import numpy as np

from fastrnn import threads
from fastrnn.base.agreement import problem_of
from fastrnn.optimizers import Sweeps
from fastrnn.training import DivergenceError, Trainer


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
    dropout_seed, n_threads : int
    split_seed : int or None
        None holds nothing out.
    X, y, sample_weight
        The partition.
    """

    def __init__(self, estimator, answers, place, dropout_seed, split_seed, n_threads, *given):
        self._arguments = estimator, answers, place, dropout_seed, split_seed, n_threads, *given
        self._lock, self._n_threads = threading.Lock(), n_threads
        self._estimator, self._problem = estimator, problem = problem_of(estimator, answers, *given, place=place)
        self._network = estimator._new_network(None)
        self._network.gather_parameters()
        n = len(problem.sequences)
        self._some, self._held_out = np.arange(n), None
        if split_seed is not None:
            rng = np.random.RandomState([split_seed, place])
            self._some, self._held_out = estimator._split_part(n, problem.strata, rng)
        estimator._dropout_seed = dropout_seed + (place % 2**14 << 48)  # far from all keys of the partition before
        estimator.network_ = self._network

    def __reduce__(self):
        return Share, self._arguments

    def __sizeof__(self):
        """Dask moves what is small."""
        return 2**20 + self._problem.sequences.values.nbytes

    @cached_property
    def _objective(self):
        return self._estimator._objective(self._problem, self._some, self._estimator.freeze)

    def _take(self, theta):
        self._network.theta[:] = theta
        self._network.changed()

    def lengths(self):
        """Of the sequences to train on."""
        return self._problem.sequences.lengths[self._some]

    def gradient(self, vectors, numbers, epoch, factor):
        """The loss of some sequences at the weights in `vectors`, and its gradient: a part of a batch."""
        with self._lock, threads.limit(self._n_threads):
            self._take(*vectors)
            self._objective.lay_out([numbers], epoch, factors=[factor])
            return self._objective(0), self._network.gradient.copy()

    def advance(self, vectors, n_steps, batches, n_a_weight, epoch, rates, settings):
        """From the weights and the optimiser's two vectors to those after steps of its own; and the sum of losses."""
        with self._lock, threads.limit(self._n_threads):
            trainer = Trainer(self._network, settings, None)
            self._take(vectors[0])
            optimizer = trainer.optimizer
            optimizer.recall(*vectors[1:], n_steps)
            self._objective.lay_out(batches, epoch, factors=[n_a_weight / len(numbers) for numbers in batches])
            (loss,) = trainer.steps(self._objective, batches, rates, Sweeps(self._network, optimizer))
            return (self._network.theta.copy(), optimizer.first, optimizer.second), loss

    def validate(self, vectors):
        """What the score of what is held out is of."""
        with self._lock, threads.limit(self._n_threads):
            self._take(*vectors)
            judge = self._estimator._judge(self._problem, self._held_out, self._arguments[-1])
            return judge and judge()


def sent(value):
    """The value: a task by which it goes out once, however many partitions read it, and goes out again if need be."""
    return value


def scored(model, X, y, sample_weight):
    """The weight of a partition, and its score."""
    judged = model._judged(X, y, sample_weight)
    weight = len(judged[0]) if judged[-1] is None else float(np.sum(judged[-1]))
    return weight, model._total(*judged) if weight else 0.0


def errors(model, X, y, sample_weight):
    """Weight and mean of targets (n, K), and the weighted squares of what is about the mean, and of what is missed."""
    targets, predicted, weights = model._judged(X, y, sample_weight)
    weights = np.ones(len(targets)) if weights is None else np.asarray(weights, np.float64)
    targets, predicted = (np.asarray(part, np.float64).reshape(len(weights), -1) for part in (targets, predicted))
    total = weights.sum()
    mean = weights @ targets / total if total else targets[0]
    return total, mean, weights @ (targets - mean) ** 2, weights @ (targets - predicted) ** 2


def answered(function, place, model, part):
    """What a function of a model makes of a partition; what goes wrong is told with its place."""
    try:
        return function(model, part)
    except Exception as error:
        raise told(place, error) from error


def told(place, error):
    """An error, with the partition it comes of."""
    found = str(error) or repr(error)  # an error of text comes from another process without words
    for kind in (DivergenceError, ValueError, TypeError, ArithmeticError, MemoryError):
        if isinstance(error, kind):  # one of these, for others of the kind may be made of more than a message
            return kind(f"partition {place}: {found}")
    return RuntimeError(f"partition {place} cannot be computed: {type(error).__name__}: {found}")
