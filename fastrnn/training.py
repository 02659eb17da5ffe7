"""Train networks: epochs of batches, schedules, early stopping, history, and callbacks.

A problem comes as an objective, a flat vector theta with its gradient, and a stream of batches. An objective has
`lay_out(batches, epoch)`, which is told before each epoch of all its batches, arrays of sequence numbers. Called with
the place of a batch among them, it returns the loss, and leaves the gradient in the network. One that has
`alike(epoch)`, how many epochs from there on may be laid out at once, is told their number as well.
"""

import warnings
from collections import namedtuple
from collections.abc import Callable
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from fastrnn.epochs import draw_batches, learning_rate_factor
from fastrnn.kernels.caching import Later
from fastrnn.optimizers import RULES, Optimizer, Sweeps
from fastrnn.wording import check_count

progress = Later("fastrnn.progress")

LITTLE, LEAST = 0.05, 0.001
"""Of the loss of the best constant answer, what training should be better by, or what it should no longer gain; less
than the latter is nothing to learn."""


Settings = namedtuple(
    "Settings", "solver learning_rate_init learning_rate momentum nesterovs_momentum alpha n_sequences batch_size "
    "max_iter shuffle clip_norm clip_value n_iter_no_change tol verbose freeze averaging", defaults=[0, 0])  # fmt: skip
"""How to train, as the estimators' parameters of these names say, and on how many sequences."""


@dataclass
class History:
    """What an estimator shows of its training."""

    epochs: list = field(default_factory=list)
    """Of each epoch run to its end the loss, and the score and the loss of what is held out, or None: noted in one
    step, as an interrupt may come between two.  Of epochs laid out at once, a moment's, an interrupt leaves no note."""

    @classmethod
    def of(cls, model):
        """That of a fitted estimator; what is of held-out data is of the last epochs."""
        losses, held_out = model.loss_curve_, (model.validation_scores_ or [], model.validation_loss_curve_ or [])
        return cls([*zip(losses, *([None] * (len(losses) - len(of_it)) + of_it for of_it in held_out), strict=True)])

    @property
    def losses(self):
        return [loss for loss, *_ in self.epochs]

    @property
    def scores(self):
        return [score for _, score, _ in self.epochs if score is not None]

    @property
    def validation_losses(self):
        return [loss for *_, loss in self.epochs if loss is not None]


@dataclass
class Progress:
    """What a callback is told after each epoch. If a callback returns True, training stops.

    Attributes
    ----------
    epoch : int
        The number of the epoch, from 1.
    loss : float
        The mean training loss of the epoch.
    validation_score : float or None
        The score on the validation data: the part that `early_stopping` holds out, or `X_val`. None without any.
    save : callable
        While the callback runs, ``save(path)`` writes the model, and what its training needs to go on.
    validation_loss : float or None
        The mean loss on the validation data.

    Examples
    --------
    Stop as soon as the loss is low enough:

    >>> from fastrnn import SequenceClassifier
    >>> X, y = [[0.0, 1.0], [1.0, 0.0]] * 20, [0, 1] * 20
    >>> def is_low(progress):
    ...     return progress.loss < 0.5
    >>> clf = SequenceClassifier(max_iter=200, callbacks=[is_low], random_state=0).fit(X, y)
    >>> clf.n_iter_ < 200, clf.loss_curve_[-1] < 0.5
    (True, True)
    """

    epoch: int
    loss: float
    validation_score: float | None
    save: Callable | None = field(default=None, repr=False, compare=False)
    validation_loss: float | None = None


@contextmanager
def going_on(callback, fault, kind=Exception):
    """Errors of a kind within are a warning, one until all goes well again: they do not end a training."""
    try:
        yield
        callback.has_failed = False
    except kind as error:
        if not getattr(callback, "has_failed", False):
            warnings.warn(f"{fault} ({error}): training goes on, and tries the next", RuntimeWarning, stacklevel=4)
        callback.has_failed = True


class Checkpoint:
    """Save the model after an epoch, so that an interrupted fit can go on from there: a callback.

    Parameters
    ----------
    path : str or path-like
        The file. Each checkpoint replaces the one before.
    every : int, default=1
        Number of epochs from one checkpoint to the next. The last epoch is saved only if `every` divides it.

    Warns
    -----
    RuntimeWarning
        If a checkpoint cannot be written, for example because the disk is full. Training goes on, and the next
        checkpoint is tried again.

    Notes
    -----
    ``fit(X, y, resume_from=path)``, with the same data and parameters, ends with exactly the weights of a fit that was
    never interrupted. `fastrnn.load` reads the file like any model.

    A fit with solver="lbfgs", or one that went on from an earlier fit (`warm_start`, `partial_fit`), saves the model
    alone: there is nothing to resume. In a Pipeline the file holds the estimator, not the steps before it. A process
    that is killed while it writes leaves an unfinished file that ends in ".tmp", beside the last complete checkpoint.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> from fastrnn.callbacks import Checkpoint
    >>> X, y = load_japanese_vowels(split="train")
    >>> def five_epochs(*callbacks):
    ...     return SequenceClassifier(hidden_size=8, max_iter=5, random_state=0, callbacks=callbacks)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "run.safetensors"
    ...     stopped = five_epochs(Checkpoint(path), lambda progress: progress.epoch == 2).fit(X, y)
    ...     resumed = five_epochs().fit(X, y, resume_from=path)
    >>> stopped.n_iter_, resumed.n_iter_, resumed.loss_curve_ == five_epochs().fit(X, y).loss_curve_
    (2, 5, True)
    """

    def __init__(self, path, every=1):
        check_count("every", every)
        if not Path(path).absolute().parent.is_dir():
            raise FileNotFoundError(f"there is no folder for {path}: make it first")
        if Path(path).is_dir():
            raise IsADirectoryError(f"{path} is a folder: name a file in it")
        self.path, self.every = path, every

    def __call__(self, progress):
        """Save the model if it is time.

        Parameters
        ----------
        progress : Progress
            What training tells after each epoch.
        """
        if progress.epoch % self.every == 0:
            with going_on(self, f"the checkpoint of epoch {progress.epoch} cannot be written to {self.path}", OSError):
                progress.save(self.path)


class DivergenceError(ArithmeticError):
    """The loss or a weight has become NaN or infinite in training.

    The message says what to change. Mostly it helps to lower `learning_rate_init`.

    Examples
    --------
    >>> from fastrnn import DivergenceError, SequenceRegressor
    >>> reg = SequenceRegressor(solver="sgd", learning_rate_init=1e30, clip_norm=None, random_state=0)
    >>> try:
    ...     reg.fit([[1.0, 2.0], [3.0, 4.0]], [0.0, 1.0])
    ... except DivergenceError:
    ...     print("diverged")
    diverged
    """


def warn_if_not_learned(losses, constant):
    """Of a training that has chosen its epochs itself, whose best constant answer has this loss."""
    n = max(1, len(losses) // 10)
    last, before = np.mean(losses[-n:]), np.mean(losses[-2 * n :][:n])
    found = f"after {len(losses)} epochs the training loss is {last:.3g}"
    if last > (1 - LITTLE) * constant > LEAST:
        why = f"{found}, and that of the best constant answer {constant:.3g}: little was learned"
        hints = "See that X holds the answer, or raise hidden_size or max_iter; a large drift may hide small changes"
        warnings.warn(f"{why}. {hints}", ConvergenceWarning, stacklevel=7)
    elif len(losses) >= 10 and before - last > LITTLE * constant > LEAST:  # of fewer, each falls much below the last
        why = f"{found}, a tenth of the epochs before it was {before:.3g}: it still falls. Raise max_iter"
        warnings.warn(why, ConvergenceWarning, stacklevel=7)


class Trainer:
    """Trains a network; keeps the optimiser's memory, so that training can go on.

    Parameters
    ----------
    network
        Has theta, gradient, decays, and `changed()`.
    settings : Settings
    rng : RandomState
        Draws the batches.
    draw : callable, default=draw_batches
        Another way to draw them.
    """

    def __init__(self, network, settings, rng, draw=None):
        self.network, self.settings, self.rng, self.draw = network, settings, rng, draw or draw_batches
        s, theta = settings, network.theta
        self.optimizer = Optimizer(s.solver, theta.size, theta.dtype, s.momentum, s.nesterovs_momentum)
        self.history, self.plateau_factor, self.best = History(), 1.0, _Best(s.n_iter_no_change, s.tol)
        self.n_averaged, self.mean = 0, None

    def successor(self, settings):
        """A trainer that goes on from here with other settings; this one stays as it is."""
        # The generator's copy: should training on fail, this one is as it was.
        other = Trainer(self.network, settings, deepcopy(self.rng))
        other.history, other.plateau_factor = deepcopy(self.history), self.plateau_factor
        if RULES.get(settings.solver) == RULES.get(self.settings.solver):  # adamw remembers what adam does
            other.optimizer.recall(**self.memory()["optimizer"])
        return other

    def memory(self):
        """What an epoch leaves to the next, beside theta and the history: numbers and arrays by name."""
        best = {name: getattr(self.best, name) for name in ("value", "theta", "n_stale")}
        optimizer = {name: getattr(self.optimizer, name) for name in ("first", "second", "n_steps")}
        rng = self.rng.get_state(legacy=False)
        mean = {"n_averaged": self.n_averaged, "mean": self.mean} if self.settings.averaging else {}
        return {"rng": rng, "plateau_factor": self.plateau_factor, "best": best, "optimizer": optimizer, **mean}

    def recall(self, memory, theta, history):
        """Go on from what another trainer's `memory` was after an epoch."""
        self.rng.set_state(memory["rng"])
        self.network.theta[:], self.history, self.plateau_factor = theta, history, memory["plateau_factor"]
        self.network.changed()
        vars(self.best).update(memory["best"])
        self.n_averaged, self.mean = memory.get("n_averaged", 0), memory.get("mean")
        self.optimizer.recall(**memory["optimizer"])

    def fit(self, objective, lengths, validate=None, callbacks=(), save=None, *, decides=True):
        """Train until there are max_iter epochs in the history.

        Parameters
        ----------
        objective
            As above.
        lengths : ndarray (n,)
            Of the sequences.
        validate : callable, optional
            Returns the score and the loss of what is held out, after an epoch.
        callbacks : iterable of callables
            Of a `Progress`.
        save : callable, optional
            What the callbacks may use to save everything.
        decides : bool
            Whether the weights of the best score are the ones that stay, and training ends when there is no better one.

        Raises
        ------
        DivergenceError
            If the loss or a parameter becomes NaN or infinite.
        """
        best, first, end = self.best, len(self.history.epochs), self.settings.max_iter
        best.keeps_theta = validate is not None and decides
        losses = self._losses(objective, lengths, first, end, validate is None and not any(map(_looks, callbacks)))
        with progress.Bar(self.settings.verbose, end, "epoch", first) as bar:
            try:
                for epoch in range(first, end):
                    if best.is_over():
                        break
                    if 0 < epoch == self.settings.freeze:
                        self.optimizer.forget()  # weights that have rested would take too large steps at first
                    loss = next(losses)
                    score, validation_loss = validate() if validate is not None else (None, None)
                    best.update(-score if best.keeps_theta else loss, self.network.theta)
                    if epoch >= end - self.settings.averaging:
                        self._average()
                    if epoch < self.settings.freeze:
                        best.n_stale = 0  # patience is for what learns as a whole
                    self._on_plateau(best)
                    self.history.epochs.append((loss, score, validation_loss))
                    bar.advance(loss=loss, **({} if score is None else {"score": score}))
                    if tell(callbacks, Progress(len(self.history.epochs), loss, score, save, validation_loss)):
                        break
            except KeyboardInterrupt:
                _warn_of_interrupt(self.history)
        if best.keeps_theta and best.theta is not None:
            self.network.theta[:] = best.theta
        if self.n_averaged:
            self.network.theta[:] = self.mean
        self.network.changed()
        return self

    def _losses(self, objective, lengths, epoch, end, is_unseen):
        """The loss of each epoch, made when it is asked for; of a network that is unseen between them, some at once."""
        s, sweeps = self.settings, Sweeps(self.network, self.optimizer)
        is_unseen &= s.tol is None and s.learning_rate != "plateau" and hasattr(objective, "alike")
        while epoch < end:
            n = min(objective.alike(epoch), end - s.averaging - epoch) if is_unseen else 1
            if n <= 1:
                yield self.epoch(objective, lengths, epoch, end, sweeps)
            else:
                yield from self._epochs(n, objective, lengths, epoch, end, sweeps)
            epoch += max(1, n)

    def epoch(self, objective, lengths, epoch=0, n_epochs=1, sweeps=None):
        """One pass over the data; returns the mean loss."""
        sweeps = sweeps or Sweeps(self.network, self.optimizer)
        return self._epochs(1, objective, lengths, epoch, n_epochs, sweeps)[0]

    def _epochs(self, n, objective, lengths, epoch, n_epochs, sweeps):
        """Passes over the data that are laid out at once; returns their mean losses."""
        s, size = self.settings, min(self.settings.batch_size, len(lengths))
        one, *others = (self.draw(lengths, size, s.shuffle, self.rng) for _ in range(n))
        batches, several = sum(others, one), (n,) if n > 1 else ()
        objective.lay_out(batches, len(self.history.epochs), *several)
        totals = self.steps(objective, batches, self.rates(len(batches), epoch, n_epochs, n), sweeps, n)
        self._check_finite(n - 1)
        return [total / len(lengths) for total in totals]

    def rates(self, n, epoch, n_epochs, n_together=1):
        """The learning rates of the n steps of an epoch, or of some together."""
        s, a_epoch = self.settings, n // n_together
        steps = range(epoch * a_epoch, epoch * a_epoch + n)
        factors = [learning_rate_factor(s.learning_rate, step, n_epochs * a_epoch) for step in steps]
        return [s.learning_rate_init * self.plateau_factor * factor for factor in factors]

    def steps(self, objective, batches, rates, sweeps, n_epochs=1):
        """One step for each batch; returns of each epoch the sum of the sequences' losses."""
        totals, k = [0.0] * n_epochs, 0
        while k < len(batches):
            n = objective.fits_in_a_row(k, sweeps) if hasattr(objective, "fits_in_a_row") else 0
            rules = [sweeps.rule(*self._told(rate)) for rate in rates[k : k + n]]
            told = objective.in_a_row(k, sweeps, rules) if n else [self.step(objective, k, sweeps, rates[k])]
            for loss, penalty in told:
                epoch = k * n_epochs // len(batches)
                if not isfinite(loss):
                    raise self._diverged(f"the loss became {loss}", epoch)
                totals[epoch] += (loss + penalty) * len(batches[k])
                k += 1
        self.network.changed()
        return totals

    def step(self, objective, k, sweeps, rate):
        """One batch; returns its loss and the penalty."""
        loss, penalty = objective(k), sweeps.step(*self._told(rate))
        self.network.changed()
        return loss, penalty

    def _told(self, rate):
        """What a step's sweep is told."""
        s = self.settings
        alpha, decay = (0.0, rate * s.alpha) if s.solver == "adamw" else (s.alpha / s.n_sequences, 0.0)
        return rate, alpha, decay, s.clip_norm, s.clip_value

    def _check_finite(self, n_later=0):
        if not np.isfinite(self.network.theta).all():
            raise self._diverged("a parameter became NaN or infinite", n_later)

    def _diverged(self, what, n_later=0):
        s = self.settings
        clipping = "set clip_norm" if s.clip_norm is None else f"lower clip_norm (now {s.clip_norm})"
        weaker = f"lower alpha (now {s.alpha}), " if _overshoots(s) else ""
        slower = f"{weaker}lower learning_rate_init (now {s.learning_rate_init}), {clipping}"
        return DivergenceError(f"{what} in epoch {len(self.history.epochs) + n_later + 1}: {slower}, or scale X and y")

    def _average(self):
        """Let the weights as they are now count in their mean."""
        theta, self.n_averaged = self.network.theta, self.n_averaged + 1
        self.mean = theta.copy() if self.mean is None else self.mean + (theta - self.mean) / self.n_averaged

    def _on_plateau(self, best):
        """Under "plateau", a tenth of the learning rate when half the patience is used up."""
        patience = max(1, self.settings.n_iter_no_change // 2)
        if self.settings.learning_rate == "plateau" and best.n_stale and best.n_stale % patience == 0:
            self.plateau_factor /= 10


def _overshoots(s):
    """Whether weight decay alone takes more than a weight off it in a step; below that it does not diverge."""
    strength = s.alpha if s.solver == "adamw" else s.alpha / s.n_sequences
    return strength * (s.learning_rate_init if s.solver in ("sgd", "adamw") else 1.0) > 1


def _looks(callback):
    """Whether it wants to see the network after each epoch; one of ours that only asks for an end does not."""
    return getattr(callback, "_looks", True)


def tell(callbacks, progress):
    """Call all of them; whether one wants to stop."""
    answers = [callback(progress) for callback in callbacks]
    progress.save = None  # it holds the data, and a callback may keep what it was told
    return any(answers)


def _warn_of_interrupt(history):
    found = f"training was interrupted in epoch {len(history.epochs) + 1}; the model is as trained so far"
    warnings.warn(found, ConvergenceWarning, stacklevel=8)  # of the caller of an estimator's `fit`


class _Best:
    """The best value so far (lower is better), its theta, and how many epochs ago it was."""

    def __init__(self, patience, tol):
        self.patience, self.tol, self.keeps_theta = patience, tol, False
        self.value, self.theta, self.n_stale = np.inf, None, 0

    def update(self, value, theta):
        self.n_stale = 0 if value < self.value - (self.tol or 0.0) else self.n_stale + 1
        if value < self.value:
            if self.keeps_theta:
                self.theta = theta.copy()
            self.value = value

    def is_over(self):
        """Whether patience is at its end; without validation only a given `tol` makes it end."""
        return (self.keeps_theta or self.tol is not None) and self.n_stale >= self.patience


def fit_lbfgs(network, objective, settings, n, callbacks=(), history=None, save=None):
    """SciPy's L-BFGS on the full batch (Byrd et al. 1995); returns the History of its iterations."""
    history = history or History()
    objective.lay_out([np.arange(n)], 0)
    theta, alpha, sweeps = network.theta.astype(np.float64), settings.alpha / n, Sweeps(network)

    def move(theta):
        network.theta[:] = theta
        network.changed()

    def value_and_gradient(theta):
        move(theta)
        loss = objective(0)
        if alpha > 0:
            loss += sweeps.step(alpha=alpha)
        return loss, network.gradient.astype(np.float64)

    def after_each(intermediate_result):
        nonlocal theta
        theta, loss = intermediate_result.x.copy(), float(intermediate_result.fun)
        history.epochs.append((loss, None, None))
        bar.advance(loss=loss)
        move(theta)  # it was at the last one that SciPy tried
        if tell(callbacks, Progress(len(history.epochs), loss, None, save)):
            raise StopIteration  # SciPy's way to stop

    options = {"maxiter": settings.max_iter, "maxfun": 15 * settings.max_iter}
    if settings.tol is not None:
        options["ftol"] = settings.tol
    known = {"method": "L-BFGS-B", "callback": after_each, "options": options}
    with progress.Bar(settings.verbose, settings.max_iter, "iteration") as bar:
        try:
            result = minimize(value_and_gradient, theta, jac=True, **known)
            if not isfinite(result.fun):
                advice = f"{'lower' if _overshoots(settings) else 'raise'} alpha (now {settings.alpha}), or scale X"
                raise DivergenceError(f"the loss became {result.fun}: {advice}")
            theta = result.x
        except KeyboardInterrupt:
            _warn_of_interrupt(history)
    move(theta)
    return history
