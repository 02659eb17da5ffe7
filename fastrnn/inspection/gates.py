"""What the gates do along a sequence."""

from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_scalar

from fastrnn.generator import SequenceGenerator
from fastrnn.inspection.drawing import axes_for, name_steps
from fastrnn.inspection.networks import READERS, check_kind, one_sequence, with_own_network
from fastrnn.kernels.vectors import padded
from fastrnn.layers.cells import GRUCell, GRUResetBeforeCell, LSTMCell
from fastrnn.network.parts import Batch
from fastrnn.sequences import next_tokens

KEPT = {LSTMCell: "ifgo", GRUCell: "nrz", GRUResetBeforeCell: "nrz"}
"""What each cell's forward pass leaves, in its order."""
SHOWN = "rzifongch"
"""From the top, gates before what has a sign."""
GATES = "rzifo"
NAMES = {
    "r": "reset gate r", "z": "update gate z", "n": "new state n", "i": "input gate i", "f": "forget gate f",
    "g": "new content g", "o": "output gate o", "c": "cell state, tanh c", "h": "state h",
}  # fmt: skip


class GateActivationsDisplay:
    """Heat maps, units by steps, of gates and states along one sequence.

    What lies between 0 and 1, closed and open, has one scale of colours; what has a sign has another.  Steps are those
    of the sequence for either direction: the reverse one was read from right to left.

    Parameters
    ----------
    activations : dict of str to array (T, H)
        Of an LSTM "i", "f", "g", "o", "c" and "h", of a GRU "r", "z", "n" and "h", of a plain RNN "h".  A cell state c
        is drawn as its tanh, which is what the output gate multiplies.
    labels : list of T names, optional
        Of the steps; by default their numbers.
    units : array of int, optional
        Those drawn, from the top; by default all.

    Attributes
    ----------
    axes_ : dict of str to Axes
        By the names of the activations.
    images_ : dict of str to AxesImage
    figure_ : Figure

    Examples
    --------
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> from fastrnn.inspection import GateActivationsDisplay
    >>> X, y = load_japanese_vowels(split="train")
    >>> clf = SequenceClassifier(max_iter=2, random_state=0).fit(X, y)
    >>> display = GateActivationsDisplay.from_estimator(clf, X[0], direction="reverse")
    >>> list(display.images_), display.activations["z"].shape == (len(X[0]), 64)
    (['r', 'z', 'n', 'h'], True)
    """

    def __init__(self, *, activations, labels=None, units=None):
        self.activations, self.labels, self.units = activations, labels, units

    @classmethod
    def from_estimator(cls, estimator, x, *, layer=0, direction="forward", labels=None, units=None):
        """Draw what a fitted network does with a sequence.

        Parameters
        ----------
        estimator : SequenceClassifier, SequenceRegressor, SequenceTagger, SequenceGenerator or SequenceToSequence
            Of the last its encoder.  A generator reads the beginning, which is a step more, first.
        x : array (T, I) or (T,)
            One sequence, such as X[0] of its `fit`.
        layer : int, default=0
            From the one that reads x.
        direction : {"forward", "reverse"}, default="forward"
        labels, units
            As for the class.

        Returns
        -------
        GateActivationsDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        NotFittedError
            Before its `fit`.
        TypeError
            For an estimator of another kind.
        ValueError
            For more than one sequence, or one that the network does not know; if there is no such layer, direction or
            unit; or if labels are not one a step.
        """
        check_kind(cls.__name__, estimator, READERS)
        model = with_own_network(estimator)
        recurrent = model.network_.encoder.recurrent
        check_scalar(layer, "layer", Integral, min_val=0, max_val=recurrent.num_layers - 1)
        directions = ["forward", "reverse"][: recurrent.n_directions]
        if direction not in directions:
            raise ValueError(f"direction={direction!r}; this model has {' and '.join(directions)}")
        sequences = model._check_sequences([one_sequence(x)], reset=False)
        model._check_known(sequences)
        if isinstance(model, SequenceGenerator) and model._boundary is not None:
            sequences, _ = next_tokens(sequences, model._boundary)
        model.network_.encoder.forward(Batch.of(sequences, np.array([0]), recurrent.hidden_size), keep=True)
        found = _activations(recurrent._levels[layer], directions.index(direction))
        return cls(activations=found, labels=labels, units=units).plot()

    def plot(self):
        """Draw it, in a new figure.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            If labels are not one a step.
        """
        names = [name for name in SHOWN if name in self.activations]
        T, H = self.activations["h"].shape
        units = np.arange(H) if self.units is None else np.asarray(self.units)
        if not np.isin(units, np.arange(H)).all():
            raise ValueError(f"units={self.units!r}; expected numbers below {H}, the units of this layer")
        size = (7.5, 0.8 + 1.3 * len(names))
        axes = axes_for(self, nrows=len(names), squeeze=False, sharex=True, figsize=size)[:, 0]
        self.figure_, self.axes_, self.images_ = axes[0].figure, dict(zip(names, axes, strict=True)), {}
        drawn = {name: np.tanh(a) if name == "c" else a for name, a in self.activations.items()}
        largest = max(1.0, *(np.abs(drawn[name]).max() for name in names))
        for name, ax in self.axes_.items():
            is_gate = name in GATES
            scale = {"cmap": "Blues", "vmin": 0} if is_gate else {"cmap": "RdBu_r", "vmin": -largest}
            scale |= {"vmax": 1 if is_gate else largest, "aspect": "auto", "interpolation": "nearest"}
            self.images_[name] = ax.imshow(drawn[name][:, units].T, **scale)
            ax.set_title(NAMES[name], loc="left", fontsize="medium")
            name_steps(ax.yaxis, self.units, len(units), "units")
            ax.set_ylabel("unit")
        name_steps(axes[-1].xaxis, self.labels, T)
        axes[-1].set_xlabel("step")
        self._add_colour_bars()
        return self

    def _add_colour_bars(self):
        for is_gate, label in ((True, "0 closed, 1 open"), (False, "value")):
            names = [name for name in self.axes_ if (name in GATES) == is_gate]
            if names:
                axes = [self.axes_[name] for name in names]
                self.figure_.colorbar(self.images_[names[0]], ax=axes, label=label, aspect=15 * len(names))


def _activations(level, d):
    """One direction's (T, H), in the order of the steps."""
    H, kept, order = level.hidden_size, level.kept, slice(None, None, 1 - 2 * d)
    found = {"h": kept["h"][d, 1:]}
    if kept.get("c") is not None:
        found["c"] = kept["c"][d, 1:]
    if "d_gates" in kept:
        gates = kept["d_gates"][d].reshape(len(found["h"]), -1, padded(H, level.parameters.dtype))
        found |= zip(KEPT[type(level.cell)], gates.swapaxes(0, 1), strict=False)  # a GRU's last is no gate
    return {name: np.array(rows[order, :H]) for name, rows in found.items()}
