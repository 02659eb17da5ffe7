"""What workers compute: of one partition each, so that any other worker may compute it again."""

import threading
from functools import cached_property

import numpy as np

from fastrnn import threads
from fastrnn.base.agreement import problem_of
from fastrnn.optimizers import Sweeps
from fastrnn.training import Trainer


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

    def gradient(self, vectors, numbers, epoch, factor):
        """The loss of some sequences at the weights in `vectors`, and its gradient: a part of a batch."""
        with self._lock, threads.limit(self._n_threads):
            self._take(*vectors)
            self._objective.lay_out([numbers], epoch, [factor])
            return self._objective(0), self._network.gradient.copy()

    def advance(self, vectors, n_steps, batches, epoch, rates, settings):
        """From the weights and the optimiser's two vectors to those after steps of its own; and the sum of losses."""
        with self._lock, threads.limit(self._n_threads):
            trainer = Trainer(self._network, settings, None)
            self._take(vectors[0])
            optimizer = trainer.optimizer
            optimizer.first[:], optimizer.second[:], optimizer.n_steps = *vectors[1:], n_steps
            self._objective.lay_out(batches, epoch)
            loss = trainer.steps(self._objective, batches, rates, Sweeps(self._network, optimizer))
            return (self._network.theta.copy(), optimizer.first, optimizer.second), loss

    def validate(self, vectors):
        """The score of what is held out."""
        with self._lock, threads.limit(self._n_threads):
            self._take(*vectors)
            return self._estimator._validation_score(self._network, self._problem, self._held_out)()


def sent(value):
    """The value: a task by which it goes out once, however many partitions read it, and goes out again if need be."""
    return value


def scored(model, X, y, sample_weight):
    """The score of a partition, and its weight."""
    weights = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    steps = [*map(len, X)] if model.network_.readout is None else 1
    return model.score(X, y, sample_weight), float((weights * steps).sum())


def errors(model, X, y, sample_weight):
    """Of a partition's targets the weight, the mean (K,), and the squares (K,) of what is about it, and of errors."""
    weights, rows = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, np.float64), np.concatenate
    y, predicted = (
        np.asarray(part, np.float64) if model.network_.readout else rows(part) for part in (y, model.predict(X))
    )
    if not model.network_.readout:
        weights = np.repeat(weights, [*map(len, X)])
    y, predicted = y.reshape(len(weights), -1), predicted.reshape(len(weights), -1)
    mean = np.average(y, 0, weights)
    return weights.sum(), mean, weights @ (y - mean) ** 2, weights @ (y - predicted) ** 2
