"""Looking into fitted networks: copies, so that the models stay as they are."""

from copy import copy, deepcopy

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fastrnn.classifier import SequenceClassifier
from fastrnn.generator import SequenceGenerator
from fastrnn.regressor import SequenceRegressor
from fastrnn.seq2seq import SequenceToSequence
from fastrnn.tagger import SequenceTagger

READERS = SequenceClassifier, SequenceRegressor, SequenceTagger, SequenceGenerator, SequenceToSequence


def check_kind(display, estimator, kinds):
    """The estimator must be one of these, and fitted."""
    if not isinstance(estimator, kinds):
        expected = ", ".join(kind.__name__ for kind in kinds)
        raise TypeError(
            f"{display} shows a fitted {expected}; got {type(estimator).__name__}: of a Pipeline pass pipe[-1], and "
            "the data as pipe[:-1].transform returns them"
        )
    check_is_fitted(estimator, "network_")


def with_own_network(estimator):
    """A shallow copy of the estimator with a network of its own, that drops nothing."""
    model = copy(estimator)
    model.network_ = deepcopy(estimator.network_)
    model.dropout = 0.0
    model._go_on()
    return model


def one_sequence(x, name="x"):
    """x as an array, if it is one sequence."""
    if not np.iterable(x) or isinstance(x, str):
        raise ValueError(f"{name} must be one sequence, an array of its steps; got {x!r}")
    shapes = {np.shape(step) for step in x}
    if len(shapes) > 1 or len(next(iter(shapes), ())) > 1:
        raise ValueError(f"{name} holds {len(x)} sequences, but the picture is of one: pass {name}[0]")
    return np.asarray(x)
