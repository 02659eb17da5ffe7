"""How gradients vanish, or explode, on their way back through time."""

import numpy as np

from fastrnn import threads
from fastrnn.inspection.drawing import COLOURS, axes_for, name_steps
from fastrnn.inspection.networks import READERS, check_kind, with_own_network
from fastrnn.layers.stack import Level
from fastrnn.sequences import regular_packing


class GradientFlowDisplay:
    """The norm of the loss's gradient in the states, by steps before the end.

    Where a line falls by orders of magnitude, what came so many steps earlier teaches the network nothing (Hochreiter
    1991; Bengio, Simard and Frasconi 1994, "Learning long-term dependencies with gradient descent is difficult"); where
    it rises, training diverges unless gradients are clipped.

    Parameters
    ----------
    norms : dict of str to array (T,)
        By the name of a state, with PyTorch's suffix for level and direction, "h_l0" or "c_l1_reverse": the norm so
        many steps before the last one that the direction reads, NaN for none.
    n_sequences : int, optional
        Of which it is the mean.

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

    def __init__(self, *, norms, n_sequences=None):
        self.norms, self.n_sequences = norms, n_sequences

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, ax=None):
        """Draw the gradients that a fitted estimator's loss sends back.

        The gradient of the loss of each sequence is taken in h after each step, all that follows from it counted: later
        steps, higher levels and the readout; of an LSTM also in c as it is handed to the next step, h held fixed.
        It is exact, without dropout, and goes back all the way whatever `bptt_steps` is.  Norms are averaged over the
        sequences that are so long.  It takes about a quarter of a millisecond a step, level and direction: some tens of
        sequences say enough.

        Parameters
        ----------
        estimator : SequenceClassifier, SequenceRegressor, SequenceTagger, SequenceGenerator or SequenceToSequence
            Of the last its encoder; a generator must not be stateful.  To see a network before training, fit it with a
            learning rate of almost nothing.
        X, y : as for its `fit`
        ax : matplotlib Axes, optional
            Where to draw; by default in a new figure.

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
        check_kind(cls.__name__, estimator, READERS)
        if getattr(estimator, "stateful", False):
            raise ValueError(f"{cls.__name__} needs sequences, but stateful=True reads one stream: set stateful=False")
        norms = _norms(with_own_network(estimator), X, y)
        means = {name: _mean_from_the_end(rows) for name, rows in norms.items()}
        return cls(norms=means, n_sequences=len(next(iter(norms.values())))).plot(ax)

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
        self.ax_ = ax = axes_for(self, ax)
        self.figure_, self.lines_ = ax.figure, {}
        places = list(dict.fromkeys(name[1:] for name in self.norms))
        for name, norms in self.norms.items():
            colour, style = COLOURS[places.index(name[1:]) % len(COLOURS)], "--" if name[0] == "c" else "-"
            seen = np.where(np.asarray(norms) > 0, norms, np.nan)  # a logarithm of zero would warn
            (self.lines_[name],) = ax.semilogy(seen, style, color=colour, label=name)
        whose = "" if self.n_sequences is None else f", mean of {self.n_sequences} sequences"
        ax.set(xlabel="steps before the end", ylabel=f"norm of d loss / d state{whose}")
        name_steps(ax.xaxis)
        ax.legend()
        return self


def _mean_from_the_end(rows):
    """The mean of arrays (T_k,), last elements together."""
    padded = np.full((len(rows), max(map(len, rows))), np.nan)
    for k, row in enumerate(rows):
        padded[k, : len(row)] = row[::-1]
    return np.nanmean(padded, axis=0)


def _norms(model, X, y):
    """By a state's name the norms (T,) of its gradients, for each of the sequences."""
    model.solver, encoder, norms = "adam", model.network_.encoder, {}
    problem = model._problem(X, y, None, True)
    model._prepare_network(problem, True, None)

    def go_back(batch, d_rows, *_):
        for name, gradient in _gradients(encoder.recurrent, d_rows):
            norms.setdefault(name, []).append(np.linalg.norm(gradient.astype(np.float64), axis=1))

    encoder.backward, objective = go_back, model._objective(problem)
    with threads.limit(model.n_jobs):
        for k in range(len(problem.sequences)):
            objective(np.array([k]), 0)
    return dict(sorted(norms.items()))


def _gradients(stack, d_rows):
    """Of one sequence, from d_rows (T, >= D H): names of states, and their gradients (T, H) as the direction reads."""
    H = stack.hidden_size
    for level in reversed(stack._levels):
        d_below = np.zeros((len(d_rows), level.input_size), d_rows.dtype)
        for d, names in enumerate(level.names):
            read = slice(None, None, 1 - 2 * d)
            d_out = np.ascontiguousarray(d_rows[read, d * H : (d + 1) * H])
            d_x, *gradients = _step_by_step(level, d, names, d_out)
            d_below += d_x[read]
            yield from zip((letter + names[0].removeprefix("weight_ih") for letter in "hc"), gradients)
        d_rows = d_below


def _step_by_step(level, d, names, d_out):
    """One direction's backward pass, each step a sequence of its own: d_x (T, I), and of each state d (T, H)."""
    own = Level(level.cell, level.parameters, 0, level.input_size, level.hidden_size, 1)
    own.names, packing, kept = [names], regular_packing(1, 1, 1), level.kept
    d_states = np.zeros((level.cell.n_states, 1, 1, level.hidden_size), d_out.dtype)
    d_x, found = np.empty((len(d_out), level.input_size), d_out.dtype), []
    for t in reversed(range(len(d_out))):
        found.append([state[0, 0] for state in d_states])
        found[-1][0] = found[-1][0] + d_out[t]  # h is read by what is above, too
        initial = [kept[name][d : d + 1, t : t + 1, : level.hidden_size] for name in "hc"[: len(d_states)]]
        own.forward(kept["x"][d, t : t + 1], initial, packing, True)
        row, d_states = own.backward(d_out[t : t + 1], d_states, packing, True, 0)
        d_x[t] = row[0, : level.input_size]
    return d_x, *np.swapaxes(found[::-1], 0, 1)
