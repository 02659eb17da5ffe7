"""The training loop: epochs of batches, schedules, early stopping, history.

It knows a problem only as `loss_and_gradient(batch numbers, epoch)`, a flat theta with its gradient, and a stream
of batches.
"""

import warnings
from dataclasses import dataclass, field
from math import cos, isfinite, pi

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from tqdm import tqdm

from fastrnn.optimizers import Optimizer, add_penalty, clip, decay

WARM_UP = 0.05
"""The fraction of all steps over which "warmup" raises the learning rate."""

BUCKET = 8
"""Batches among which sequences are sorted by length."""


@dataclass
class Settings:
    """How to train; the names are the estimators'."""

    solver: str
    learning_rate_init: float
    learning_rate: str
    momentum: float
    nesterov: bool
    alpha: float
    n_sequences: int
    batch_size: int
    max_iter: int
    shuffle: bool
    clip_norm: float | None
    clip_value: float | None
    n_iter_no_change: int
    tol: float | None
    verbose: bool


@dataclass
class History:
    """What an estimator shows of its training."""

    losses: list = field(default_factory=list)
    scores: list = field(default_factory=list)
    n_epochs: int = 0


@dataclass
class Progress:
    """What a callback is told after each epoch (from 1); returning True stops the training."""

    epoch: int
    loss: float
    validation_score: float | None


class DivergenceError(ArithmeticError):
    """The loss became NaN or infinite."""


def draw_batches(lengths, batch_size, shuffle, rng):
    """Arrays of sequence numbers, one a batch.

    Sequences are shuffled, sorted by length within buckets of a few batches, so that a batch's are alike, and the
    batches are shuffled again: neither the order nor a batch's place in it depends on the length.
    """
    n = len(lengths)
    order = rng.permutation(n) if shuffle else np.arange(n)
    if shuffle and lengths.min() != lengths.max():
        size = BUCKET * batch_size
        buckets = [order[first : first + size] for first in range(0, n, size)]
        order = np.concatenate([b[np.argsort(lengths[b], kind="stable")] for b in buckets])
    batches = [order[first : first + batch_size] for first in range(0, n, batch_size)]
    if shuffle:
        batches = [batches[k] for k in rng.permutation(len(batches))]
    return batches


def learning_rate_factor(schedule, step, n_steps):
    """The share of the initial learning rate at a step of n_steps; "plateau" is the loop's own business.

    >>> [round(learning_rate_factor("cosine", step, 4), 2) for step in range(4)]
    [1.0, 0.85, 0.5, 0.15]
    """
    done = step / n_steps
    if schedule == "warmup":
        if done < WARM_UP:
            return (step + 1) / (WARM_UP * n_steps + 1)
        done = (done - WARM_UP) / (1 - WARM_UP)
    if schedule in ("cosine", "warmup"):
        return 0.5 * (1 + cos(pi * done))
    return 1.0


class Trainer:
    """Trains a network; keeps the optimiser's memory, so that training can go on.

    Parameters
    ----------
    network
        Has theta, gradient, decays, and `changed()`.
    loss_and_gradient : callable
        Of (sequence numbers, epoch): the loss; the gradient is left in the network.
    settings : Settings
    rng : RandomState
        Draws the batches.
    """

    def __init__(self, network, settings, rng):
        self.network, self.settings, self.rng = network, settings, rng
        s = settings
        theta = network.theta
        self.optimizer = Optimizer(s.solver, theta.size, theta.dtype, s.momentum, s.nesterov)
        self.history = History()
        self.plateau_factor = 1.0

    def fit(self, loss_and_gradient, lengths, score=None, callbacks=()):
        """Train for up to max_iter epochs.

        Parameters
        ----------
        lengths : ndarray (n,)
            Of the sequences.
        score : callable, optional
            The validation score after an epoch; the weights of the best are the ones that stay.
        callbacks : iterable of callables
            Of a `Progress`.

        Raises
        ------
        DivergenceError
            If the loss becomes NaN or infinite.
        """
        best = _Best(self.settings.n_iter_no_change, self.settings.tol, score is not None)
        epochs = range(self.settings.max_iter)
        with tqdm(epochs, disable=not self.settings.verbose, unit="epoch") as bar:
            try:
                for epoch in bar:
                    loss = self.epoch(loss_and_gradient, lengths, epoch, self.settings.max_iter)
                    validation = score() if score is not None else None
                    self.history.losses.append(loss)
                    if validation is not None:
                        self.history.scores.append(validation)
                    bar.set_postfix(loss=f"{loss:.4g}", score=validation)
                    best.update(loss if score is None else -validation, self.network.theta)
                    self._on_plateau(best)
                    progress = Progress(self.history.n_epochs, loss, validation)
                    if any([callback(progress) for callback in callbacks]) or best.is_over():
                        break
            except KeyboardInterrupt:
                warnings.warn(
                    f"training was interrupted in epoch {self.history.n_epochs + 1}; the model is as trained so far",
                    ConvergenceWarning,
                    stacklevel=3,
                )
        if score is not None and best.theta is not None:
            self.network.theta[:] = best.theta
        self.network.changed()
        return self

    def epoch(self, loss_and_gradient, lengths, epoch, n_epochs):
        """One pass over the data; returns the mean loss."""
        s = self.settings
        batches = draw_batches(lengths, min(s.batch_size, len(lengths)), s.shuffle, self.rng)
        total = 0.0
        for k, numbers in enumerate(batches):
            step, n_steps = epoch * len(batches) + k, n_epochs * len(batches)
            rate = s.learning_rate_init * self.plateau_factor
            rate *= learning_rate_factor(s.learning_rate, step, n_steps)
            total += self.step(loss_and_gradient, numbers, rate) * len(numbers)
        self.history.n_epochs += 1
        return total / len(lengths)

    def step(self, loss_and_gradient, numbers, rate):
        """One batch; returns its loss."""
        s, network = self.settings, self.network
        loss = loss_and_gradient(numbers, self.history.n_epochs)
        if not isfinite(loss):
            raise DivergenceError(
                f"the loss became {loss} in epoch {self.history.n_epochs + 1}: lower learning_rate_init "
                f"(now {s.learning_rate_init}), or set clip_norm (now {s.clip_norm})"
            )
        if s.alpha > 0 and s.solver != "adamw":
            strength = s.alpha / s.n_sequences
            loss += add_penalty(network.gradient, network.theta, strength, network.decays)
        clip(network.gradient, s.clip_norm, s.clip_value)
        if s.alpha > 0 and s.solver == "adamw":
            decay(network.theta, rate * s.alpha, network.decays)
        self.optimizer.step(network.theta, network.gradient, rate)
        network.changed()
        return loss

    def _on_plateau(self, best):
        """Under "plateau", a tenth of the learning rate when half the patience is used up."""
        patience = max(1, self.settings.n_iter_no_change // 2)
        if self.settings.learning_rate == "plateau" and best.n_stale and best.n_stale % patience == 0:
            self.plateau_factor /= 10


class _Best:
    """The best value so far (lower is better), its theta, and how many epochs ago it was."""

    def __init__(self, patience, tol, keeps_theta):
        self.patience, self.tol = patience, tol
        self.keeps_theta = keeps_theta
        self.value, self.theta, self.n_stale = np.inf, None, 0

    def update(self, value, theta):
        self.n_stale = 0 if value < self.value - (self.tol or 0.0) else self.n_stale + 1
        if value < self.value:
            self.value = value
            if self.keeps_theta:
                self.theta = theta.copy()

    def is_over(self):
        """Whether patience is at its end; without validation only a given `tol` makes it end."""
        return (self.keeps_theta or self.tol is not None) and self.n_stale >= self.patience


def fit_lbfgs(network, loss_and_gradient, settings, n):
    """Full-batch L-BFGS of SciPy (Byrd et al. 1995); returns a History with the loss of each iteration."""
    history, numbers = History(), np.arange(n)

    def value_and_gradient(theta):
        network.theta[:] = theta
        network.changed()
        loss = loss_and_gradient(numbers, 0)
        if settings.alpha > 0:
            strength = settings.alpha / n
            loss += add_penalty(network.gradient, network.theta, strength, network.decays)
        return loss, network.gradient.astype(np.float64)

    def record(intermediate_result):
        history.losses.append(float(intermediate_result.fun))
        history.n_epochs += 1

    start = network.theta.astype(np.float64)
    options = {"maxiter": settings.max_iter, "maxfun": 15 * settings.max_iter}
    if settings.tol is not None:
        options["ftol"] = settings.tol
    result = minimize(
        value_and_gradient, start, jac=True, method="L-BFGS-B", callback=record, options=options
    )
    if not isfinite(result.fun):
        raise DivergenceError(f"the loss became {result.fun}: raise alpha (now {settings.alpha}), or scale X")
    network.theta[:] = result.x
    network.changed()
    return history
