"""Draw how training goes: the loss of each epoch, and gradients on their way back through time."""

from itertools import zip_longest

import numpy as np

from fastrnn.inspection.drawing import BESIDE, COLOURS, Reading, check_subject, name_steps, new_axes, opened
from fastrnn.kernels.rows import spread_columns
from fastrnn.layers.recurrent import _Recurrent
from fastrnn.network.parts import make_cell

LINES = {"h": "-", "c": "--", "n": ":", "m": "-."}
SCORES = "validation score"


class TrainingCurveDisplay:
    """Draw the training loss of each epoch and, if there are any, the losses and scores on the validation data.

    Losses on the validation data are dotted. The axis of the losses is logarithmic if the largest is ten times the
    least. The scores have their own axis on the right, and a star marks the best epoch, whose weights `early_stopping`
    keeps.

    Parameters
    ----------
    losses : array of shape (n_epochs,)
        The training losses.
    scores : array of shape (n_epochs,), default=None
        The scores on the validation data. Higher is better.
    validation_losses : array of shape (n_epochs,), default=None
        The losses on the validation data.
    label : str, default=None
        The name of the model, for the legend.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where it is drawn.
    score_ax_ : Axes or None
        The axes of the scores.
    line_ : Line2D
        The losses.
    validation_line_ : Line2D or None
        The losses on the validation data.
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

    A second model in the same picture:

    >>> rnn = SequenceClassifier(cell="rnn", max_iter=5, early_stopping=True, random_state=0).fit(X, y)
    >>> display = TrainingCurveDisplay.from_estimator(rnn, label="RNN", ax=display.ax_)
    """

    def __init__(self, *, losses, scores=None, validation_losses=None, label=None):
        self.losses, self.scores, self.validation_losses, self.label = losses, scores, validation_losses, label

    @classmethod
    def from_estimator(cls, estimator, *, label=None, ax=None):
        """Draw the training of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator with `loss_curve_`, and perhaps `validation_scores_` and `validation_loss_curve_`.
        label : str, default=None
            The name of the model, for the legend.
        ax : matplotlib Axes, default=None
            Where to draw. Other models may be there. None makes a new figure.

        Returns
        -------
        TrainingCurveDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it has no loss curve.
        """
        losses = getattr(estimator, "loss_curve_", None)
        check_subject(cls.__name__, estimator, losses is not None, "an estimator with a loss_curve_")
        named = {"scores": "validation_scores_", "validation_losses": "validation_loss_curve_"}
        held_out = {name: getattr(estimator, attribute, None) for name, attribute in named.items()}
        return cls(losses=losses, **held_out, label=label).plot(ax)

    def plot(self, ax=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. Other models may be there. None makes a new figure.

        Returns
        -------
        self
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self.ax_ = ax = new_axes(self, ax)
        self.figure_, self.score_ax_, self.score_line_, self.best_ = ax.figure, _score_axes(ax), None, None
        before, self.validation_line_ = len({line.get_color() for line in ax.lines}), None
        colour, whose = COLOURS[before % len(COLOURS)], f"{self.label}: " if self.label else ""
        epochs, scores = np.arange(1, len(self.losses) + 1), [] if self.scores is None else self.scores
        style = {"color": colour, "marker": "." if len(epochs) == 1 else ""}
        (self.line_,) = ax.plot(epochs, self.losses, label=f"{whose}training loss", **style)
        if self.validation_losses is not None:
            style = {"color": colour, "label": f"{whose}validation loss"}
            (self.validation_line_,) = ax.plot(epochs, self.validation_losses, ":", **style)
        every = np.concatenate([line.get_ydata() for line in ax.lines])
        ax.set(xlabel="epoch", ylabel="loss", yscale="log" if 0 < 10 * min(every) <= max(every) else "linear")
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
    """Draw the norm of the gradient of the loss in the states, by the number of steps before the end.

    Where a line falls by orders of magnitude, the network learns nothing from what came so many steps earlier:
    gradients vanish (Hochreiter 1991; Bengio, Simard and Frasconi 1994, "Learning long-term dependencies with gradient
    descent is difficult"). Where a line rises, gradients explode, and training diverges unless they are clipped.

    Parameters
    ----------
    norms : dict of str to array of shape (T,)
        For each state, the norm so many steps before the last step that its direction reads. States are named with
        PyTorch's suffix for layer and direction, such as "h_l0" or "c_l1_reverse".
    label : str, default=None
        The name of the model, for the legend.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where it is drawn.
    lines_ : dict of str to Line2D
        The line of each state.

    Examples
    --------
    An LSTM before training. The last number is what is left of the gradient after 40 steps:

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
        """Draw the gradients that the loss of a fitted estimator sends back.

        The gradient of each sequence's part of the loss is taken in h after each step. It includes all that follows
        from h: later steps, higher layers and the readout. It is also taken in a cell's other states, such as the c of
        an LSTM, as they go to the next step, with h held fixed. The gradient is exact, without dropout, and goes back
        all the way, whatever `bptt_steps` is. Norms are averaged over the sequences that are long enough. This takes
        about a quarter of a millisecond for each step, layer and direction: some tens of sequences are enough.

        Parameters
        ----------
        estimator : SequenceClassifier, SequenceRegressor, SequenceTagger, SequenceGenerator or SequenceToSequence
            The fitted estimator. Of a SequenceToSequence the encoder is drawn; a generator must not be stateful. To see
            a network before training, fit it with a learning rate of almost nothing.
        X : list or array
            Sequences, as for `fit` of the estimator.
        y : array-like, default=None
            Their targets, as for `fit` of the estimator.
        label : str, default=None
            The name of the model, for the legend.
        ax : matplotlib Axes, default=None
            Where to draw. Other models may be there. None makes a new figure.

        Returns
        -------
        GradientFlowDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError, ValueError
            If the estimator is not fitted, does not know X and y, or was fitted with missing="decay" or zoneout.
        TypeError
            If it is an estimator of another kind.
        """
        found, norms = _found(opened(cls.__name__, estimator), X, y), {}
        for name in sorted(found[0], key=lambda name: name[1:]):
            norms[name] = np.nanmean([*zip_longest(*(of_one[name] for of_one in found), fillvalue=np.nan)], axis=1)
        return cls(norms=norms, label=label).plot(ax)

    def plot(self, ax=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. Other models may be there. None makes a new figure.

        Returns
        -------
        self
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self.ax_ = ax = new_axes(self, ax)
        self.figure_, self.lines_ = ax.figure, {}
        places, whose = sorted({name[1:] for name in self.norms}), f"{self.label}: " if self.label else ""
        before = len({line.get_color() for line in ax.lines})
        for name, norms in self.norms.items():
            colour = COLOURS[(before + places.index(name[1:])) % len(COLOURS)]
            style = {"color": colour, "ls": LINES[name[0]], "marker": "." if len(norms) == 1 else ""}
            seen = np.where(np.array(norms) > 0, norms, np.nan)  # zero has no place on this axis
            (self.lines_[name],) = ax.semilogy(seen, label=whose + name, **style)
        ax.set(xlabel="steps before the end", ylabel="mean norm of d loss / d state")
        name_steps(ax.xaxis, len(norms))
        ax.legend(**({} if len(ax.lines) <= 4 else BESIDE))
        return self


def _found(model, X, y):
    """For each sequence the norms of its states' gradients."""
    if model.network_.encoder.decay is not None:
        raise ValueError("missing='decay' lets states fade between steps, which is not drawn: fit with missing='mask'")
    cell = model.network_.encoder.recurrent.cell
    if cell.zoneout:
        raise ValueError(f"zoneout={cell.zoneout} mixes states between steps, which is not drawn: fit with zoneout=0.0")
    if cell.output_size:
        raise ValueError(f"proj_size={cell.output_size} makes h and c of two sizes, which are not drawn: leave it out")
    problem = model._problem(X, y, None, True)
    model._prepare_network(problem, True, None)
    model.solver = "lbfgs"  # with which nothing is dropped, by a decoder neither
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
    layers = [[_layer(model._shape, level, suffix) for suffix in level.suffixes] for level in stack.levels]
    for k in range(len(sequences)):
        objective(k)
        rows = slice(sequences.offsets[k], sequences.offsets[k + 1])
        found.append(_norms(layers, reading(sequences, k), d_rows[rows]))
    return found


def _layer(shape, level, suffix):
    """What the direction of a level is by itself whose parameters' names end so, and that suffix."""
    layer, sizes = _Recurrent(), (level.input_size, level.hidden_size, 1)
    form = {"bias": f"bias_ih{suffix}" in level.parameters.shapes, "batch_first": False, "bidirectional": False}
    options = {"dropout": 0.0, "dtype": level.parameters.dtype, "random_state": 0}
    layer._build(make_cell(shape["cell"], shape["nonlinearity"]), *sizes, **form, **options)
    layer.load_state_dict({name: level.parameters[name.removesuffix("_l0") + suffix] for name in layer.state_dict()})
    return layer, suffix


def _norms(layers, kept, d_rows):
    """Of one sequence, from d_rows (T, D H): by a state's name its gradients' norms, from the end on.

    Level by level, each step a sequence of its own: the gradient of its initial states is that of the states before.
    """
    T, norms = len(d_rows), {}
    for of_level, its in zip(reversed(layers), reversed(kept), strict=True):
        d_out, d_rows = d_rows, np.zeros((T, its["x"].shape[2]), d_rows.dtype)
        letters = [letter for letter in "hcnm" if letter in its]
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
    return tuple(states) if len(states) > 1 else states[0]
