"""What a fit takes from all of its data, where these come in parts: its classes, or the mean of X.

It is agreed upon in rounds.  With the answers that there are, `ask` goes through the checks of a fit on one part, and
stops at the first question that has no answer: it returns this part of the answer, and how parts are merged.  So no
part has to wait for another, and each can be asked anywhere, and again.
"""

from collections import namedtuple
from copy import copy
from weakref import ref

import numpy as np

from fastrnn.losses.loss import constant_loss

Question = namedtuple("Question", "part, merge, known")
"""A partition's part of an answer, how all parts are merged, and what it has noted without asking."""
Agreed = namedtuple("Agreed", "known, lengths, n_weights, told, constant_loss, loss, width, strata, warned")
"""When nothing is left to ask: what the fit has noted, and what has to be known of the partition."""


class _Unanswered(BaseException):
    """A question without an answer; nothing that catches errors may hold it back."""


def problem_of(estimator, answers, X, y, sample_weight, asks=False, place=0):
    """An estimator with what a fit notes before it trains, and its problem; without steps if it only `asks`.

    Its `place` is that of the partition among all.
    """
    estimator, given = copy(estimator), iter(answers)
    itself = ref(estimator)  # what it holds of the partition goes with it, and waits for no search for cycles

    def agreed(part, merge):
        for answer in given:
            return answer
        raise _Unanswered(part() if callable(part) else part, merge, _noted(itself()))

    estimator._agreed, estimator._only_asks, estimator._place = agreed, asks, place
    estimator._warned = warned = []
    estimator._warn = lambda message, **_: warned.append(message)
    estimator._begin(False)
    problem = estimator._problem(X, y, sample_weight, False)
    estimator._sizes = estimator._measure(problem)
    estimator._check_lengths(problem.sequences, estimator._sizes["steps"] or None)
    return estimator, problem


def _noted(estimator):
    hidden = {"_agreed", "_only_asks", "_place", "_warned", "_warn", *estimator._of_part, *estimator.get_params()}
    return {name: value for name, value in vars(estimator).items() if name not in hidden}


def ask(estimator, answers, *given):
    """A partition's next `Question`, or `Agreed`."""
    try:
        estimator, problem = problem_of(estimator, answers, *given, asks=True)
    except _Unanswered as question:
        return Question(*question.args)
    targets = problem.loss, problem.targets, problem.weights, problem.n_outputs
    weight = problem.weights.sum()
    constant = constant_loss(*targets) if estimator.max_iter == "auto" and weight else 0.0, weight
    own = estimator._told_of(problem), constant, problem.loss, problem.width, problem.strata, estimator._warned
    return Agreed(_noted(estimator), problem.sequences.lengths, problem.weights.size, *own)


def constant_of(found):
    """The mean loss of the best constant answers that all parts have `Agreed` upon."""
    losses, weights = zip(*(one.constant_loss for one in found), strict=True)
    return np.average(losses, weights=weights)


def agree(each, name="partition {}".format):
    """All parts' `Agreed`, and the answers that led there.

    `each(answers)` asks them all, and `name(k)` is what messages call one.
    """
    answers = []
    while True:
        found = each(answers)
        for place, one in enumerate(found):
            _check_alike(one.known, found[0].known, name(place), name(0))
        if not hasattr(found[0], "merge"):
            return found, answers
        answers.append(found[0].merge([one.part for one in found]))


def _check_alike(known, first, its_name, first_name):
    """What parts note without asking must be the same in all."""
    for name in {**first, **known}:
        both = known.get(name), first.get(name)
        mine, other = (v.shape if name in ("_y_mean", "_X_mean") and v is not None else v for v in both)
        if not _are_equal(mine, other):
            found = f"{its_name} has {name.strip('_')}={mine}, but {first_name} has {other}"
            raise ValueError(f"{found}: give all parts of the data the same columns, times and kind of targets")


def _are_equal(one, other):
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_are_equal(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_are_equal, one, other))
    return np.array_equal(one, other)
