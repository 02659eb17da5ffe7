"""The training loop: epochs of batches, schedules, early stopping, history.

It knows a problem only as `loss_and_gradient(batch numbers, epoch)`, a flat theta with its
gradient, and a stream of batches.
"""

import warnings
from copy import deepcopy
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
"""Batches, at most, among which sequences are sorted by length."""
BUCKETS = 16
"""Buckets, at least, of an epoch: in small sets like lengths would mean the same few companions each time."""


@dataclass
class Settings:
    """How to train, as the estimators' parameters say, and on how many sequences."""

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

    @property
    def n_epochs(self):
        """Epochs run to their end."""
        return len(self.losses)


@dataclass
class Progress:
    """What a callback is told after each epoch (from 1); returning True stops the training."""

    epoch: int
    loss: float
    validation_score: float | None


class DivergenceError(ArithmeticError):
    """The loss, or a parameter, became NaN or infinite."""


def draw_batches(lengths, batch_size, shuffle, rng):
    """Arrays of sequence numbers, one a batch.

    Sequences are shuffled, sorted by length within buckets of a few batches, so that a batch's are
    alike, and the batches are shuffled again.  What is left over for a last, short batch is drawn
    before the sorting: neither the order nor the size of a batch depends on the length.
    """
    n = len(lengths)
    order = rng.permutation(n) if shuffle else np.arange(n)
    if shuffle and lengths.min() != lengths.max():
        whole, size = (n - n % batch_size, batch_size * min(BUCKET, max(1, n // (BUCKETS * batch_size))))
        for first in range(0, whole, size):
            bucket = order[first : min(first + size, whole)]
            bucket[:] = bucket[np.argsort(lengths[bucket], kind="stable")]
    batches = [order[first : first + batch_size] for first in range(0, n, batch_size)]
    if shuffle:
        batches = [batches[k] for k in rng.permutation(len(batches))]
    return batches


def learning_rate_factor(schedule, step, n_steps):
    """The share of the initial rate at a step of n_steps; "plateau" is the loop's own business.

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

    def successor(self, settings):
        """A trainer that goes on from here with other settings; this one stays as it is."""
        # The generator's copy: should training on fail, this one is as it was.
        other = Trainer(self.network, settings, deepcopy(self.rng))
        other.history = History(self.history.losses.copy(), self.history.scores.copy())
        other.plateau_factor = self.plateau_factor
        if settings.solver == self.settings.solver:
            other.optimizer.recall(self.optimizer)
        return other

    def fit(self, loss_and_gradient, lengths, score=None, callbacks=()):
        """Train for up to max_iter epochs.

        Parameters
        ----------
        loss_and_gradient : callable
            Of (sequence numbers, epoch): the loss; the gradient is left in the network.
        lengths : ndarray (n,)
            Of the sequences.
        score : callable, optional
            The validation score after an epoch; the weights of the best are the ones that stay.
        callbacks : iterable of callables
            Of a `Progress`.

        Raises
        ------
        DivergenceError
            If the loss or a parameter becomes NaN or infinite.
        """
        best = _Best(self.settings.n_iter_no_change, self.settings.tol, score is not None)
        epochs = range(self.settings.max_iter)
        with tqdm(epochs, disable=not self.settings.verbose, unit="epoch") as bar:
            try:
                for epoch in bar:
                    loss = self.epoch(loss_and_gradient, lengths, epoch, self.settings.max_iter)
                    validation = score() if score is not None else None
                    if validation is not None:
                        self.history.scores.append(validation)
                    shown = {} if validation is None else {"score": f"{validation:.4g}"}
                    bar.set_postfix(loss=f"{loss:.4g}", **shown)
                    best.update(loss if score is None else -validation, self.network.theta)
                    self._on_plateau(best)
                    progress = Progress(self.history.n_epochs, loss, validation)
                    if _tell(callbacks, progress) or best.is_over():
                        break
            except KeyboardInterrupt:
                _warn_of_interrupt(self.history)
        if score is not None and best.theta is not None:
            self.network.theta[:] = best.theta
        self.network.changed()
        return self

    def epoch(self, loss_and_gradient, lengths, epoch, n_epochs):
        """One pass over the data; returns the mean loss, and notes it in the history."""
        s = self.settings
        batches = draw_batches(lengths, min(s.batch_size, len(lengths)), s.shuffle, self.rng)
        total = 0.0
        for k, numbers in enumerate(batches):
            step, n_steps = epoch * len(batches) + k, n_epochs * len(batches)
            rate = s.learning_rate_init * self.plateau_factor
            rate *= learning_rate_factor(s.learning_rate, step, n_steps)
            total += self.step(loss_and_gradient, numbers, rate) * len(numbers)
        if not np.isfinite(self.network.theta).all():
            raise self._diverged("a parameter became NaN or infinite")
        self.history.losses.append(total / len(lengths))
        return self.history.losses[-1]

    def step(self, loss_and_gradient, numbers, rate):
        """One batch; returns its loss."""
        s, network = self.settings, self.network
        with np.errstate(over="ignore", invalid="ignore"):  # the error below says it better
            loss = loss_and_gradient(numbers, self.history.n_epochs)
        if not isfinite(loss):
            raise self._diverged(f"the loss became {loss}")
        if s.alpha > 0 and s.solver != "adamw":
            strength = s.alpha / s.n_sequences
            loss += add_penalty(network.gradient, network.theta, strength, network.decays)
        clip(network.gradient, s.clip_norm, s.clip_value)
        if s.alpha > 0 and s.solver == "adamw":
            decay(network.theta, rate * s.alpha, network.decays)
        self.optimizer.step(network.theta, network.gradient, rate)
        network.changed()
        return loss

    def _diverged(self, what):
        s = self.settings
        clipping = "set clip_norm" if s.clip_norm is None else f"lower clip_norm (now {s.clip_norm})"
        return DivergenceError(
            f"{what} in epoch {self.history.n_epochs + 1}: lower learning_rate_init (now "
            f"{s.learning_rate_init}), {clipping}, or scale X and y"
        )

    def _on_plateau(self, best):
        """Under "plateau", a tenth of the learning rate when half the patience is used up."""
        if self.settings.learning_rate != "plateau":
            return
        patience = max(1, self.settings.n_iter_no_change // 2)
        if best.n_stale and best.n_stale % patience == 0:
            self.plateau_factor /= 10


def _tell(callbacks, progress):
    """Call all of them; whether one wants to stop."""
    answers = [callback(progress) for callback in callbacks]
    return any(answers)


def _warn_of_interrupt(history):
    warnings.warn(
        f"training was interrupted in epoch {history.n_epochs + 1}; the model is as trained so far",
        ConvergenceWarning,
        stacklevel=6,  # the caller of an estimator's `fit`
    )


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


def fit_lbfgs(network, loss_and_gradient, settings, n, callbacks=()):
    """SciPy's L-BFGS on the full batch (Byrd et al. 1995); returns a History of its iterations."""
    history, numbers = History(), np.arange(n)
    theta = network.theta.astype(np.float64)
    bar = tqdm(total=settings.max_iter, disable=not settings.verbose, unit="iteration")

    def value_and_gradient(theta):
        network.theta[:] = theta
        network.changed()
        loss = loss_and_gradient(numbers, 0)
        if settings.alpha > 0:
            strength = settings.alpha / n
            loss += add_penalty(network.gradient, network.theta, strength, network.decays)
        return loss, network.gradient.astype(np.float64)

    def after_iteration(intermediate_result):
        nonlocal theta
        theta = intermediate_result.x.copy()
        history.losses.append(float(intermediate_result.fun))
        bar.set_postfix(loss=f"{history.losses[-1]:.4g}")
        bar.update()
        if _tell(callbacks, Progress(history.n_epochs, history.losses[-1], None)):
            raise StopIteration  # SciPy's way to stop

    options = {"maxiter": settings.max_iter, "maxfun": 15 * settings.max_iter}
    if settings.tol is not None:
        options["ftol"] = settings.tol
    try:
        result = minimize(
            value_and_gradient, theta, jac=True, method="L-BFGS-B", callback=after_iteration,
            options=options,
        )  # fmt: skip
        if not isfinite(result.fun):
            raise DivergenceError(f"the loss became {result.fun}: raise alpha (now {settings.alpha}), or scale X")
        theta = result.x
    except KeyboardInterrupt:
        _warn_of_interrupt(history)
    finally:
        bar.close()
    network.theta[:] = theta
    network.changed()
    return history
