"""Fits and predictions on `SequenceFiles`: data larger than memory, of which a window of files is there at a time."""

from functools import partial, wraps
from itertools import chain
from numbers import Real
from weakref import proxy

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from fastrnn.base.agreement import agree, ask, constant_of, problem_of
from fastrnn.data import SequenceFiles
from fastrnn.epochs import draw_batches
from fastrnn.kernels.caching import in_a_thread
from fastrnn.training import Trainer


def refuse_files(X, advice, name="X"):
    """An error, with this advice, if X is files."""
    if isinstance(X, SequenceFiles):
        raise ValueError(f"{name} is SequenceFiles: {advice}")


def _refuse_beside(y=None, sample_weight=None, static=None):
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(f"X is SequenceFiles, which hold {name} as well: leave {name} out here")
    if static is not None:
        raise ValueError("X is SequenceFiles, which static does not go with: give X in memory, or leave static out")


def in_parts(function, X, *given, **options):
    """What a function makes of X and more, arrays; of files, those of each, one after the other."""
    if not isinstance(X, SequenceFiles):
        return function(X, *given, **options)
    _refuse_beside(*given, **options)
    answers = X._each(lambda *read: function(*read) if _counts(read[-1]) else None)
    if not (answers := [found for found in answers if found is not None]):
        raise ValueError("all weights are zero; at least one sequence needs a positive weight")
    return [None if found[0] is None else np.concatenate(found) for found in zip(*answers, strict=True)]


def _counts(weights):
    """Whether any of a file's weights, of sequences or of their steps, is not zero."""
    return weights is None or any(map(np.any, weights if isinstance(weights, list) else [weights]))


def by_file(method):
    """A method that answers to X with an array, for files too: with the answers to each, one after the other."""

    @wraps(method)
    def of_any(self, X, *given, **options):
        if not isinstance(X, SequenceFiles):
            return method(self, X, *given, **options)
        _refuse_beside(static=options.get("static"))
        answers = [*X._each(lambda x, *_: method(self, x, *given, **options))]
        if isinstance(answers[0], list):  # of several columns of y
            return [*map(np.concatenate, zip(*answers, strict=True))]
        return np.concatenate(answers)

    return of_any


def from_files(estimator, files, y, sample_weight, resume_from, given):
    """Fit an estimator to files; what judges it may be given, in memory."""
    _refuse_beside(y, sample_weight, given.static)
    estimator._forget_facts()
    holds_out = estimator.early_stopping and given.X_val is None
    beside = {"resume_from": resume_from, "solver='lbfgs', which reads all data at once,": estimator.solver == "lbfgs",
              "warm_start=True on a fitted model": estimator.warm_start and estimator.__sklearn_is_fitted__(),
              "stateful=True, which reads one stream,": getattr(estimator, "stateful", False) not in (False, "auto"),
              "scoring=, which reads what is held out at once,": holds_out and estimator._has_scorer(),
              "a splitter": holds_out and not isinstance(estimator.validation_fraction, Real)}  # fmt: skip
    for what in filter(beside.get, beside):
        raise ValueError(f"X is SequenceFiles, and {what} does not go with these: leave one out")
    local = clone(estimator).set_params(callbacks=None, verbose=False)
    kinds = set()

    def asked(known, X, y, sample_weight):
        kinds.add(type(sample_weight))
        if len(kinds) > 1:
            raise ValueError("some files have sample_weight, and others none or of another kind: make all alike")
        return ask(local, known, X, y, sample_weight)

    found, answers = agree(lambda known: [*files._each(partial(asked, known))], lambda k: files.paths[k].name)
    rng = check_random_state(estimator.random_state)
    sizes = np.array([one.lengths.size for one in found])
    settings = estimator._begin_in_parts(found, rng, windows_of(sizes, files.window))
    chosen, held_out = [*map(np.arange, sizes)], [None] * len(sizes)
    if holds_out:
        for k, one in enumerate(found):
            with files._naming(k):
                chosen[k], held_out[k] = estimator._split_part(sizes[k], one.strata, rng)
    lengths = [one.lengths[some] for one, some in zip(found, chosen, strict=True)]
    draw = partial(draw_in_windows, [*map(len, lengths)], files.window)
    estimator._trainer = Trainer(estimator.network_, settings, rng, draw)
    # Of a decoder that reads its own answers, which parts of the data ask for.
    vars(local).update(network_=estimator.network_, _trainer=estimator._trainer)
    windows = Windows(estimator, partial(problem_of, local, answers), files, sizes, chosen, held_out)
    windows.n_a_weight = sum(sizes) / sum(one.n_weights for one in found)
    validate = windows.validate if holds_out else estimator._by_given(given) if given.X_val is not None else None
    fit = partial(estimator._trainer.fit, windows, np.concatenate(lengths), validate, decides=estimator.early_stopping)
    estimator._trained(fit, partial(constant_of, found), estimator._save_at, files, None, None)


class Plan(list):
    """Batches, and of each window its files, and its batches of numbers within it."""

    windows = ()


def windows_of(places, size):
    """Places of files, so many a window at most, and about as many in each."""
    return np.array_split(places, -(-len(places) // size))


def draw_in_windows(sizes, window, lengths, batch_size, shuffle, rng):
    """Batches as `draw_batches` has them, of a window of files of these sizes after another; files are shuffled."""
    plan, windows, bounds = Plan(), [], np.cumsum([0, *sizes])
    for places in windows_of(rng.permutation(len(sizes)) if shuffle else np.arange(len(sizes)), window):
        numbers = np.concatenate([np.arange(bounds[p], bounds[p + 1]) for p in np.sort(places)])
        own = draw_batches(lengths[numbers], batch_size, shuffle, rng)
        windows.append((np.sort(places), own))
        plan += [numbers[batch] for batch in own]
    plan.windows = windows
    return plan


class Windows:
    """The losses of batches, as `fastrnn.training` wants them, of files of which those of two windows are in memory.

    Parameters
    ----------
    estimator : SequenceEstimator
        Whose network is trained.
    problem_of : callable
        Of X, y and weights the `Problem`, when all is agreed upon.
    files : SequenceFiles
    sizes : list of int
        How many sequences each file has.
    chosen, held_out : list of ndarray
        Of each file the numbers of the sequences to train on, and of those to score.

    Attributes
    ----------
    n_a_weight : float
        Sequences for each weight: less than 1 where steps have weights.
    """

    def __init__(self, estimator, problem_of, files, sizes, chosen, held_out):
        self._estimator, self._problem_of, self._files = estimator, problem_of, files
        self._sizes, self._chosen, self._held_out = np.array(sizes), chosen, held_out
        self._ahead = None, None

    def lay_out(self, plan, epoch):
        """Take these batches from now on, in their order."""
        itself = proxy(self)  # what waits here for its turn goes with it, and waits for no search for cycles
        losses = partial(Windows._losses_of, itself, epoch)
        self._losses = chain.from_iterable(Windows._in_turn(itself, plan.windows, losses))

    def __call__(self, k):
        """The loss of the next batch."""
        return next(self._losses)

    def validate(self):
        """The score and the loss of what is held out, in all windows."""
        self._losses = None  # and with it the last window's problem
        windows = [(places, None) for places in windows_of(np.arange(len(self._sizes)), self._files.window)]
        return self._estimator._judgement([*self._in_turn(windows, self._judged)])

    def _in_turn(self, windows, function):
        """What a function makes of each, with its place and its problem."""
        following = [places for places, _ in windows[1:]] + [None]
        for k, (places, own) in enumerate(windows):
            # Only the caller has what it makes: it is to be gone before the next one comes.
            yield function(k, places, own, self._taken(places, following[k]))

    def _taken(self, places, following):
        """A window's problem, and the weights that came; from now on the following one is read."""
        problem = self._read(places)()
        if following is not None:
            self._read(following)
        return problem

    def _read(self, places):
        """A function that waits for the problem of a window to come; it stays here until another one is asked for."""
        if not np.array_equal(self._ahead[0], places):
            self._ahead = places, in_a_thread(self._problem, places)
        return self._ahead[1]

    def _problem(self, places):
        given = zip(*self._files._each(lambda *given: given, places), strict=True)
        X, y, weights = map(_joined, given)
        return self._problem_of(X, y, weights, place=int(places[0]))[1], weights

    def _in_window(self, places, numbers):
        """Numbers of sequences in each of its files as those in the window."""
        firsts = np.cumsum(self._sizes[places]) - self._sizes[places]
        return np.concatenate([numbers[p] + first for p, first in zip(places, firsts, strict=True)])

    def _losses_of(self, epoch, k, places, own, given):
        estimator, (problem, _) = self._estimator, given
        drops, seed, *more = estimator._options(self._in_window(places, self._chosen), estimator.freeze)
        seed += k % 2**14 << 48  # far from all keys of the window before
        objective = estimator.network_.training(problem, drops, seed, *more)
        objective.lay_out(own, epoch, factors=[self.n_a_weight / len(batch) for batch in own])
        return map(objective, range(len(own)))

    def _judged(self, k, places, own, given):
        problem, weights = given
        judge = self._estimator._judge(problem, self._in_window(places, self._held_out), weights)
        return judge and judge()


def _joined(parts):
    """Sequences, targets or weights of all files of a window."""
    if any(part is None for part in parts):
        return None
    forms = {None if isinstance(part, list) else part.shape[1:] for part in parts}
    return np.concatenate(parts) if len(forms) == 1 and None not in forms else [*chain.from_iterable(parts)]
