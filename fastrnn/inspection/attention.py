"""Where a decoder looked."""

import numpy as np

from fastrnn.inspection.drawing import axes_for, name_steps
from fastrnn.inspection.networks import check_kind, one_sequence
from fastrnn.seq2seq import SequenceToSequence


class AttentionDisplay:
    """A map of attention: for each token of the output (a row) the weights of the source's steps (columns).

    After Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and translate", ICLR 2015,
    figure 3.

    Parameters
    ----------
    weights : array (M + 1, T)
        Rows that sum to 1; the last is that of the output's end.
    source_labels : list of T names, optional
        By default the steps' numbers.
    target_labels : list of M names, optional
        Likewise, of the output.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    image_ : AxesImage
    colorbar_ : Colorbar

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import SequenceToSequence
    >>> from fastrnn.inspection import AttentionDisplay
    >>> rng = np.random.RandomState(0)
    >>> X = [rng.randint(0, 5, n) for n in rng.randint(2, 6, 100)]
    >>> y = [x[::-1] for x in X]
    >>> model = SequenceToSequence(hidden_size=8, max_iter=2, random_state=0).fit(X, y)
    >>> names = np.array(["a", "b", "c", "d", "e"])
    >>> of_tokens = {"source_labels": names.__getitem__, "target_labels": names.__getitem__}
    >>> display = AttentionDisplay.from_estimator(model, X[0], y[0], **of_tokens)
    >>> [label.get_text() for label in display.ax_.get_yticklabels()] == [*names[y[0]], "end"]
    True
    """

    def __init__(self, *, weights, source_labels=None, target_labels=None):
        self.weights, self.source_labels, self.target_labels = weights, source_labels, target_labels

    @classmethod
    def from_estimator(cls, estimator, x, y=None, *, source_labels=None, target_labels=None, ax=None):
        """Draw where a fitted model looks for each token that it writes.

        Parameters
        ----------
        estimator : SequenceToSequence
            With attention.
        x : array (T,) or (T, I)
            One sequence.
        y : array (M,), optional
            The tokens written; by default those that it predicts.
        source_labels, target_labels : list of names, or callable, optional
            Of the steps of x and of the tokens of y; a callable makes them of x and y, as ``names.__getitem__`` does
            for the array ``names = tokenizer.get_feature_names_out()``.
        ax : matplotlib Axes, optional
            Where to draw; by default in a new figure.

        Returns
        -------
        AttentionDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        NotFittedError
            Before its `fit`.
        TypeError
            For an estimator of another kind.
        ValueError
            If the model has no attention, there is more than one sequence, or labels are not as many as steps.
        """
        check_kind(cls.__name__, estimator, (SequenceToSequence,))
        x = one_sequence(x)
        if estimator.network_.attention is not None and y is None:
            y = estimator.predict([x])[0]
        weights = estimator.attention_weights([x], None if y is None else [one_sequence(y, "y")])[0]
        source, target = (
            labels(np.asarray(steps)) if callable(labels) else labels
            for labels, steps in ((source_labels, x), (target_labels, y))
        )
        return cls(weights=weights, source_labels=source, target_labels=target).plot(ax)

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
        ValueError
            If labels are not as many as steps.
        """
        n_rows, n_columns = np.shape(self.weights)
        size = (2 + np.clip(0.22 * n_columns, 3, 10), 1.2 + np.clip(0.22 * n_rows, 2, 10))
        self.ax_ = ax = axes_for(self, ax, figsize=size)
        self.figure_ = ax.figure
        self.image_ = ax.imshow(self.weights, cmap="Blues", vmin=0, aspect="auto", interpolation="nearest")
        name_steps(ax.xaxis, self.source_labels, n_columns, "source_labels")
        targets = range(n_rows - 1) if self.target_labels is None else self.target_labels
        name_steps(ax.yaxis, [*targets, "end"], n_rows, "target_labels, with the end,")
        ax.set(xlabel="source", ylabel="output")
        self.colorbar_ = self.figure_.colorbar(self.image_, ax=ax, label="attention weight")
        return self
