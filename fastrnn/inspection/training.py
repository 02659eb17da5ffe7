"""How training goes: the loss by epoch, and gradients on their way back through time."""

from functools import partial
from itertools import zip_longest

import numpy as np

from fastrnn.inspection.drawing import BESIDE, COLOURS, Reading, check_subject, name_steps, new_axes, opened
from fastrnn.kernels.rows import spread_columns
from fastrnn.layers import GRU, LSTM, RNN

LAYERS = {"lstm": LSTM, "gru": GRU, "gru_reset_before": partial(GRU, reset_after=False)}
"""The layer of each cell but "rnn"."""
SCORES = "validation score"


class TrainingCurveDisplay:
    """The training loss by epoch and, where there are some, the scores on the held-out part.

    The loss is on a logarithmic axis if its largest value is ten times the least; the scores have an axis of their own
    on the right, and a star marks the epoch whose weights were kept.

    Parameters
    ----------
    losses : array (n_epochs,)
    scores : array (n_epochs,), optional
        Higher is better.
    label : str, optional
        The model's name, for the legend.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    score_ax_ : Axes or None
        That of the scores.
    line_ : Line2D
        The losses.
    score_line_, best_ : Line2D or None
        The scores, and the star.

    Examples
    --------
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> from fastrnn.inspection import TrainingCurveDisplay
    >>> X, y = load_japanese_vowels(split="train")
    >>> clf = SequenceClassifier(max_iter=5, early_stopping=True, random_state=0).fit(X, y)
    >>> display = TrainingCurveDisplay.from_estimator(clf)
    >>> display.line_.get_xdata().tolist(), display.score_ax_.get_ylabel()
    ([1, 2, 3, 4, 5], 'validation score')

    Another beside it:

    >>> rnn = SequenceClassifier(cell="rnn", max_iter=5, early_stopping=True, random_state=0).fit(X, y)
    >>> display = TrainingCurveDisplay.from_estimator(rnn, label="RNN", ax=display.ax_)
    """

    def __init__(self, *, losses, scores=None, label=None):
        self.losses, self.scores, self.label = losses, scores, label

    @classmethod
    def from_estimator(cls, estimator, *, label=None, ax=None):
        """Draw the training of a fitted estimator.

        Parameters
        ----------
        estimator
            With `loss_curve_`, and perhaps `validation_scores_`.
        label, ax
            As for the class, and for `plot`.

        Returns
        -------
        TrainingCurveDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        NotFittedError
            Before its `fit`.
        TypeError
            If it has no loss curve.
        """
        losses = getattr(estimator, "loss_curve_", None)
        check_subject(cls.__name__, estimator, losses is not None, "an estimator with a loss_curve_")
        return cls(losses=losses, scores=getattr(estimator, "validation_scores_", None), label=label).plot(ax)

    def plot(self, ax=None):
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default in a new figure.  Other models may be there.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        self.ax_ = ax = new_axes(self, ax)
        self.figure_, self.score_ax_, self.score_line_, self.best_ = ax.figure, _score_axes(ax), None, None
        colour, whose = COLOURS[len(ax.lines) % len(COLOURS)], f"{self.label}: " if self.label else ""
        epochs, scores = np.arange(1, len(self.losses) + 1), [] if self.scores is None else self.scores
        style = {"color": colour, "marker": "." if len(epochs) == 1 else ""}
        (self.line_,) = ax.plot(epochs, self.losses, label=f"{whose}training loss", **style)
        every = np.concatenate([line.get_ydata() for line in ax.lines])
        ax.set(xlabel="epoch", ylabel="training loss", yscale="log" if 0 < 10 * min(every) <= max(every) else "linear")
        name_steps(ax.xaxis, len(epochs))
        if len(scores):
            self.score_ax_, best = self.score_ax_ or ax.twinx(), int(np.argmax(scores))
            style = {"color": colour, "label": f"{whose}score, best in epoch {best + 1}"}
            (self.score_line_,) = self.score_ax_.plot(epochs, scores, "--", **style)
            (self.best_,) = self.score_ax_.plot(best + 1, scores[best], "*", color=colour, ms=12, clip_on=False)
            self.score_ax_.set_ylabel(SCORES)
        # Above, where it hides nothing: each axes knows of its own lines only.
        handles = [line for each in (ax, self.score_ax_) if each for line in each.get_legend_handles_labels()[0]]
        ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
        return self


def _score_axes(ax):
    """Those that an earlier model has on the right of `ax`, or None."""
    places = {other.get_position().bounds: other for other in ax.figure.axes if other.get_ylabel() == SCORES}
    return places.get(ax.get_position().bounds)


class GradientFlowDisplay:
    """The norm of the loss's gradient in the states, by steps before the end.

    Where a line falls by orders of magnitude, what came so many steps earlier teaches the network nothing (Hochreiter
    1991; Bengio, Simard and Frasconi 1994, "Learning long-term dependencies with gradient descent is difficult"); where
    it rises, training diverges unless gradients are clipped.

    Parameters
    ----------
    norms : dict of str to array (T,)
        By the name of a state, with PyTorch's suffix for level and direction, "h_l0" or "c_l1_reverse": the norm so
        many steps before the last one that the direction reads.
    label : str, optional
        The model's name, for the legend.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : dict of str to Line2D
        Likewise by name.

    Examples
    --------
    An LSTM before it is trained; the last number is what is left of the gradient after 40 steps:

    >>> from fastrnn import SequenceRegressor
    >>> from fastrnn.datasets import make_adding_problem
    >>> from fastrnn.inspection import GradientFlowDisplay
    >>> X, y = make_adding_problem(n_samples=20, n_steps=41, random_state=0)
    >>> reg = SequenceRegressor(cell="lstm", learning_rate_init=1e-9, max_iter=1, random_state=0).fit(X, y)
    >>> display = GradientFlowDisplay.from_estimator(reg, X, y)
    >>> sorted(display.lines_)
    ['c_l0', 'h_l0']
    >>> norms = display.norms["h_l0"]
    >>> bool(norms[40] < 1e-6 * norms[0])
    True
    """

    def __init__(self, *, norms, label=None):
        self.norms, self.label = norms, label

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, label=None, ax=None):
        """Draw the gradients that a fitted estimator's loss sends back.

        The gradient of each sequence's part of the loss is taken in h after each step, all that follows from it
        counted: later steps, higher levels and the readout; of an LSTM also in c as it is handed to the next step, h
        held fixed.  It is exact, without dropout, and goes back all the way whatever `bptt_steps` is.  Norms are
        averaged over the sequences that are so long.  It takes about a quarter of a millisecond a step, level and
        direction: some tens of sequences say enough.

        Parameters
        ----------
        estimator : SequenceClassifier, SequenceRegressor, SequenceTagger, SequenceGenerator or SequenceToSequence
            Of the last its encoder; a generator must not be stateful.  To see a network before training, fit it with a
            learning rate of almost nothing.
        X, y : as for its `fit`
        label, ax
            As for the class, and for `plot`.

        Returns
        -------
        GradientFlowDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        NotFittedError, ValueError
            As from its `fit`, for X and y that the network does not know.
        TypeError
            For an estimator of another kind.
        """
        found, norms = _found(opened(cls.__name__, estimator), X, y), {}
        for name in sorted(found[0], key=lambda name: name[1:]):
            norms[name] = np.nanmean([*zip_longest(*(of_one[name] for of_one in found), fillvalue=np.nan)], axis=1)
        return cls(norms=norms, label=label).plot(ax)

    def plot(self, ax=None):
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        self

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        self.ax_ = ax = new_axes(self, ax)
        self.figure_, self.lines_ = ax.figure, {}
        places, whose = sorted({name[1:] for name in self.norms}), f"{self.label}: " if self.label else ""
        before = len({line.get_color() for line in ax.lines})
        for name, norms in self.norms.items():
            colour = COLOURS[(before + places.index(name[1:])) % len(COLOURS)]
            style = {"color": colour, "ls": {"h": "-", "c": "--"}[name[0]], "marker": "." if len(norms) == 1 else ""}
            seen = np.where(np.array(norms) > 0, norms, np.nan)  # zero has no place on this axis
            (self.lines_[name],) = ax.semilogy(seen, label=whose + name, **style)
        ax.set(xlabel="steps before the end", ylabel="mean norm of d loss / d state")
        name_steps(ax.xaxis, len(norms))
        ax.legend(**({} if len(ax.lines) <= 4 else BESIDE))
        return self


def _found(model, X, y):
    """For each sequence the norms of its states' gradients."""
    model.solver = "adam"  # lbfgs would take all sequences at once
    problem = model._problem(X, y, None, True)
    model._prepare_network(problem, True, None)
    encoder, sequences = model.network_.encoder, problem.sequences
    stack = encoder.recurrent
    d_rows = np.empty((len(sequences.values), stack.output_size), stack.dtype)

    def leave(p, kept, d_out, rows, *_, **__):
        """In place of the way back through the encoder."""
        p.call(spread_columns, p.fixed(d_rows), rows.rows, d_out, 0, stack.output_size, stage="backward")

    encoder.backward = leave
    objective = model._objective(problem)
    objective.lay_out([np.array([k]) for k in range(len(sequences))], 0)
    reading, found = Reading(encoder), []
    layers = [[_layer(model._shape, level, names) for names in level.names] for level in stack.levels]
    for k in range(len(sequences)):
        objective(k)
        rows = slice(sequences.offsets[k], sequences.offsets[k + 1])
        found.append(_norms(layers, reading(sequences, k), d_rows[rows]))
    return found


def _layer(shape, level, names):
    """What one direction of a level is by itself, and PyTorch's suffix of its parameters' names."""
    kind = LAYERS.get(shape["cell"]) or partial(RNN, nonlinearity=shape["nonlinearity"])
    weights = [level.parameters[name] for name in names if name in level.parameters.shapes]
    options = {"bias": len(weights) == 4, "dtype": level.parameters.dtype, "random_state": 0}
    layer = kind(level.input_size, level.hidden_size, **options)
    layer.load_state_dict(dict(zip(layer.state_dict(), weights, strict=True)))
    return layer, names[0].removeprefix("weight_ih")


def _norms(layers, kept, d_rows):
    """Of one sequence, from d_rows (T, D H): by a state's name its gradients' norms, from the end on.

    Level by level, each step a sequence of its own: the gradient of its initial states is that of the states before.
    """
    T, norms = len(d_rows), {}
    for of_level, its in zip(reversed(layers), reversed(kept), strict=True):
        d_out, d_rows = d_rows, np.zeros((T, its["x"].shape[2]), d_rows.dtype)
        letters = [letter for letter in "hc" if letter in its]
        for d, (layer, suffix) in enumerate(of_level):
            H = layer.hidden_size
            gradients = np.zeros((len(letters), 1, H), d_rows.dtype)
            for t in reversed(range(T)):
                row = T - 1 - t if d else t
                d_h = d_out[row : row + 1, d * H : (d + 1) * H]
                of_states = gradients.astype(np.float64)
                of_states[0] += d_h  # h is also read by what is above
                for letter, gradient in zip(letters, of_states, strict=True):
                    norms.setdefault(letter + suffix, []).append(np.linalg.norm(gradient))
                if not np.isfinite(of_states).all():  # nor is anything before it, or below
                    gradients[:] = d_rows[row] = np.nan
                    continue
                layer(its["x"][d, t : t + 1], _as_given([its[s][d, t : t + 1, :H] for s in letters]))
                d_x, d_states = layer.backward(d_h, _as_given(gradients))
                gradients = np.reshape(d_states, gradients.shape)
                d_rows[row] += d_x[0]
    return norms


def _as_given(states):
    """States, each (1, H), as a layer takes those of one sequence."""
    return states if len(states) == 2 else states[0]
