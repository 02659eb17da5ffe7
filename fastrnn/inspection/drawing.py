"""What the displays share: checks of what they are given, and axes.

matplotlib is optional, and imported only where something is drawn.
"""

from copy import copy, deepcopy

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fastrnn import tables
from fastrnn.base.static import refuse_facts
from fastrnn.network.parts import stored
from fastrnn.packing import Rows, Shards
from fastrnn.programs import Pass, Program
from fastrnn.wording import optional

COLOURS = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000"
"""Told apart by the colour-blind too: Okabe and Ito, "Color universal design", 2008."""
BESIDE = {"loc": "center left", "bbox_to_anchor": (1, 0.5), "frameon": False}
"""A legend that hides nothing."""


def check_matplotlib(display):
    """Raise an ImportError that says how to install matplotlib."""
    optional("matplotlib", f"{display} draws with matplotlib")


def check_subject(display, estimator, is_right, expected):
    """The estimator must be fitted, and of the expected kind."""
    check_matplotlib(display)
    check_is_fitted(estimator)
    if not is_right:
        kind = type(estimator).__name__
        raise TypeError(f"{display} is of {expected}; got a {kind}: of a Pipeline pass the last step, pipe[-1]")


def opened(display, estimator):
    """A copy of an estimator that reads sequences, with a network of its own to be looked into."""
    parameters = getattr(estimator, "get_params", dict)()
    is_reader = "embedding_dim" in parameters and getattr(estimator, "_boundary", 0) is not None
    expected = "a model that reads sequences, such as a SequenceClassifier (but of no stateful generator)"
    check_subject(display, estimator, is_reader, expected)
    estimator._refuse_patches("a picture of its states")
    refuse_facts(estimator, "a picture of X alone does not give")
    model = copy(estimator)
    model.network_, model.dropout = deepcopy(estimator.network_), 0.0
    return model


class Reading:
    """What an encoder computes of one sequence, and what it keeps for the way back.

    Parameters
    ----------
    encoder : fastrnn.network.parts.Encoder
    """

    def __init__(self, encoder):
        stack = self._stack = encoder.recurrent
        self._program = Program(stack.dtype, *stack.sharing(1))
        _, (_, self._kept) = encoder.forward(self._program, Rows(self._program), keep=True)

    def __call__(self, sequences, number=0):
        """For each level a dict of arrays with D directions, in whose order their steps lie.

        That of `fastrnn.layers.cells` for one sequence.
        """
        shards = Shards(sequences.lengths, [np.array([number])], self._stack.hidden_size, self._program.is_whole)
        if sequences.are_words:
            shards.deal_words(sequences)
        one = Pass(self._program, shards, 0, is_kept=True, **stored(sequences), **shards.given)
        one.run()
        own = [{name: it for name, it in kept.items() if it.shape and name != "panels"} for kept in self._kept]
        return [{name: one.array(operand) for name, operand in kept.items()} for kept in own]  # panels are no pass's


def as_single(x):
    """x as an array or a frame, if it is one sequence."""
    if tables.labels(x) is not None:
        return x
    shapes = {np.shape(step) for step in x}
    if len(shapes) > 1 or any(len(shape) > 1 for shape in shapes):
        raise ValueError(f"x holds {len(x)} sequences, but the picture is of one: pass x[0]")
    return np.asarray(x)


def new_axes(display, ax=None, **options):
    """The axes given, or those of a new figure."""
    check_matplotlib(type(display).__name__)
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained", **options)[1] if ax is None else ax


def name_steps(axis, n, names=None, what="labels"):
    """Ticks of n steps: with names, of which there may be too many for all, or some with their numbers."""
    if names is None:
        axis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    elif len(names) != n:
        raise ValueError(f"{what} has {len(names)} names, but there are {n} steps: give a name for each")
    else:
        is_crowded = axis.axis_name == "x" and n * max(len(str(name)) for name in names) > 35
        shown = slice(None, None, -(-n // 40))
        axis.set_ticks(range(n)[shown], names[shown], rotation=90 * is_crowded)
