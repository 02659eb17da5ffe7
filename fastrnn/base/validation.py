"""What judges the epochs of a training: data that `fit` is given for it, or a part that it holds out."""

from collections import namedtuple
from copy import copy
from functools import partial
from math import isfinite
from numbers import Real

import numpy as np

from fastrnn.base.files import refuse_files
from fastrnn.base.inputs import steps_weights
from fastrnn.records import arrays_of
from fastrnn.wording import shown

Beside = namedtuple("Beside", "X_val, y_val, sample_weight_val, groups, static, static_val", defaults=(None,) * 6)
"""What `fit` is given beside the data to train on."""


class Validating:
    """The numbers of the sequences that are held out, and what they say of a network after each epoch."""

    scoring = None

    def _check_beside(self, beside):
        """What can be said against it before anything is known of the data."""
        if self._has_scorer() and isinstance(self.scoring, str):
            _scorer(self.scoring)
        refuse_files(beside.X_val, "what judges each epoch must be in memory: give it as lists or arrays", "X_val")
        for name in ("y_val", "sample_weight_val", "static_val") if beside.X_val is None else ():
            if getattr(beside, name) is not None:
                raise ValueError(f"{name} is given without X_val, the sequences it belongs to: give both or none")
        if beside.X_val is not None and self.solver == "lbfgs":
            raise ValueError("solver='lbfgs' has no epochs that X_val could judge: leave it out, or set another solver")
        holds_out = self.early_stopping and beside.X_val is None
        if beside.groups is not None and holds_out and isinstance(self.validation_fraction, Real):
            which = f"validation_fraction={self.validation_fraction} knows no groups"
            raise ValueError(f"{which}: set a splitter that does, such as GroupShuffleSplit(1), or leave groups out")

    def _has_scorer(self):
        return self.scoring not in (None, "loss")

    # ---------------------------------------------------------------------------------- which sequences

    def _held_out(self, problem, run, beside, X, y, sample_weight):
        """The numbers of the sequences to train on; and what says after an epoch a score and a loss, or None."""
        n = len(problem.sequences)
        if beside.X_val is not None:
            return np.arange(n), self._by_given(beside, run)
        if not self.early_stopping:
            return np.arange(n), None
        some, held_out = self._split_any(n, problem.strata, run, beside.groups, X, y)
        if not some.size:
            advice = "lower batch_size or bptt_steps, or give a longer stream"
            raise ValueError(f"early_stopping holds out all {n} parts: {advice}")
        given = (X, y, sample_weight, beside.static) if self._has_scorer() else ()
        judge = self._judge(problem, held_out, sample_weight) or self._judgement([])
        return some, partial(self._validate, judge, [_of(held_out, part) for part in given])

    def _by_given(self, beside, run=None):
        """As the second of `_held_out`, by X_val: checked like what a later fit goes on with."""
        given = *beside[:3], beside.static_val
        try:
            facts = self._facts(beside.static_val, True, "static_val")
            problem = self._informed(self._for_validation()._problem(*given[:3], True), facts, True, "static_val")
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"in the validation data (X_val, y_val), {error}") from None
        if run is not None:
            run.beside = arrays_of(problem)
        judge = self._judge(problem, np.arange(len(problem.sequences)), given[2]) or self._judgement([])
        return partial(self._validate, judge, given if self._has_scorer() else ())

    def _for_validation(self):
        """An estimator that may note what it likes of validation data."""
        return copy(self)

    def _split_any(self, n, strata, run, groups, X, y):
        """As `_split`; a splitter's last one is taken, for TimeSeriesSplit's holds out what comes last."""
        if isinstance(self.validation_fraction, Real):
            return self._split(n, strata, run.rng)
        found, advice = f"validation_fraction={shown(self.validation_fraction)}", "set another, or early_stopping=False"
        try:
            splits = list(self.validation_fraction.split(X, y, groups))
            some, held_out = (np.sort(np.arange(n)[part]) for part in splits[-1]) if splits else ([], [])
        except (IndexError, TypeError, ValueError) as error:
            raise ValueError(f"{found} cannot split X: {error}; {advice}") from None
        if not len(some) or not len(held_out):
            raise ValueError(f"{found} makes a split with no sequences on one side, but X has {n}: {advice}")
        run.beside = some, held_out
        return some, held_out

    def _split(self, n, strata, rng):
        """Numbers of the sequences to train on and of those held out for early stopping."""
        from sklearn.model_selection import train_test_split

        n_held_out = max(2, int(np.ceil(n * self.validation_fraction)))  # one has no R^2
        every, seed = np.arange(n), rng.randint(2**31)
        # Of a class with one sequence none is held out: it is to be learned.
        several = every if strata is None else every[np.bincount(strata)[strata] > 1]
        classes = None if strata is None else strata[several]
        try:
            _, held_out = train_test_split(several, test_size=n_held_out, random_state=seed, stratify=classes)
        except ValueError as error:
            found = f"validation_fraction={self.validation_fraction} holds out {n_held_out} of {n} sequences"
            advice = f"set another, or early_stopping=False, or give more (n_samples={n})"
            raise ValueError(f"{found}: {error}; {advice}") from None
        return np.setdiff1d(every, held_out), np.sort(held_out)

    def _split_part(self, n, strata, rng):
        """As `_split`, of a part of the data, which may have too few sequences for a share of each class."""
        try:
            return self._split(n, strata, rng)
        except ValueError:
            return self._split(n, None, rng)

    # ---------------------------------------------------------------------------------- what they say

    def _judge(self, problem, held_out, sample_weight=None):
        """What says, of the network as it is then, what a score is made of, of how many sequences, and a loss.

        That is a sum over targets, each with its weight, and last comes the sum of the weights.  In the score a
        sequence has its `sample_weight` alone.  None where no target counts: other parts of the data may have some.
        """
        by_step, weights = self._readout() is None, None
        some = problem.some(held_out, by_step)
        if sample_weight is not None:
            lengths = (some.inputs or some.sequences).lengths if by_step else np.ones(len(held_out), int)
            weights = steps_weights(_of(held_out, sample_weight), lengths)
        if some.there is not True:
            weights = some.there * (1.0 if weights is None else weights)
        read = [part for part in (some.sequences, some.inputs) if part is not None]

        def judge():
            outputs = self.network_.predict(*read)
            losses = self._losses(outputs, some)
            told = self._score_of(outputs, some, losses, weights) if self.scoring is None else None
            return told, len(held_out), (losses * some.weights).sum(), some.weights.sum()

        return judge if weights is None or np.any(weights) else None

    def _losses(self, outputs, problem):
        """Of each target of a problem, without its weight."""
        return problem.loss.of_rows(outputs, problem.targets, problem.weights)[0]

    def _score_of(self, outputs, problem, losses, weights):
        """What a score is made of: here the negative loss itself."""
        shares = np.full(len(losses), 1 / len(losses)) if weights is None else weights / weights.sum()
        return -float((losses * shares).sum())

    @staticmethod
    def _score_of_parts(told, sizes):
        """The score of all parts: the mean, by the numbers of sequences held out."""
        return float(np.dot(told, np.array(sizes) / sum(sizes)))

    def _judgement(self, found):
        """The score and the loss, of what was found in each part of the data, or None."""
        if not (found := [*filter(None, found)]):
            raise ValueError("what is held out has no target with a weight: give other data, or hold out more")
        told, sizes, losses, weights = zip(*found, strict=True)
        loss = float(sum(losses) / (sum(weights) or np.nan))
        return self._score_of_parts(told, sizes) if self.scoring is None else -loss, loss

    def _validate(self, judge, given):
        """The score and the loss of the network as it is; a scorer is given the data as they came."""
        score, loss = self._judgement([judge()])
        return self._scored(*given) if given else score, loss

    def _scored(self, X, y, sample_weight, static):
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        what = f"scoring={shown(self.scoring)}"
        try:
            score = float(_scorer(self.scoring)(self._with_facts(static), X, y, **weights))
        except (AttributeError, TypeError, ValueError) as error:
            raise ValueError(f"{what} cannot score the validation data: {error}") from error
        if not isfinite(score):
            raise ValueError(f"{what} is {score} on the validation data: set another, or hold out more")
        return score


def _scorer(scoring):
    from sklearn.metrics import get_scorer

    return get_scorer(scoring)


def _of(numbers, given):
    """The entries of these numbers, in the form that all of them came in."""
    from sklearn.utils import _safe_indexing

    if given is None or isinstance(given, Real):
        return given
    return _safe_indexing(given if hasattr(given, "__getitem__") else np.asarray(given), numbers)
