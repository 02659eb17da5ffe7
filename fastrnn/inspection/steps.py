"""Draw what a model does with each step of one sequence: gates, attention and probabilities."""

import numpy as np

from fastrnn import tables
from fastrnn.base.static import refuse_facts
from fastrnn.inspection.answers import labels_of
from fastrnn.inspection.drawing import BESIDE, COLOURS, Reading, as_single, check_subject, name_steps, new_axes, opened
from fastrnn.kernels.vectors import padded
from fastrnn.layers.minimal import MinLSTMCell
from fastrnn.layers.slstm import SLSTMCell
from fastrnn.wording import shown

TITLES = {"r": "reset gate r", "z": "update gate z", "i": "input gate i", "f": "forget gate f", "o": "output gate o",
          "n": "new state n", "g": "new content g", "c": "tanh of the cell state c", "h": "state h"}  # fmt: skip


class GateActivationsDisplay:
    """Draw gates and states along one sequence, as heat maps of units by steps.

    Numbers between 0 (closed) and 1 (open) have one scale of colours. Numbers with a sign have another. Both directions
    have the steps in the order of the sequence; the reverse direction was read from right to left.

    Parameters
    ----------
    activations : dict of str to array of shape (T, H)
        Of an LSTM "i", "f", "g", "o", "c" and "h"; of a GRU "r", "z", "n" and "h"; of a plain RNN "h". Of a
        minGRU "z", "n" and "h"; of a minLSTM "f" and "i" once they are normalised, "n" and "h"; of an SRU
        "f", "r", "g", "c" and "h"; of an sLSTM "i" and "f", of which one is 1, "g", "o" and "h". A cell state c
        is drawn as tanh(c), which is what the output gate of an LSTM multiplies (with layer normalisation, of c
        normalised).
    labels : list of str, default=None
        The names of the T steps. None takes their numbers.

    Attributes
    ----------
    axes_ : dict of str to Axes
        The axes of each activation.
    images_ : dict of str to AxesImage
        The heat map of each activation.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> from fastrnn.inspection import GateActivationsDisplay
    >>> X, y = load_japanese_vowels(split="train")
    >>> clf = SequenceClassifier(max_iter=2, random_state=0).fit(X, y)
    >>> display = GateActivationsDisplay.from_estimator(clf, X[0], layer="l0_reverse")
    >>> list(display.images_), display.activations["z"].shape == (len(X[0]), 64)
    (['r', 'z', 'n', 'h'], True)
    """

    def __init__(self, *, activations, labels=None):
        self.activations, self.labels = activations, labels

    @classmethod
    def from_estimator(cls, estimator, x, *, layer="l0", labels=None):
        """Draw what a fitted network does with a sequence.

        Parameters
        ----------
        estimator : SequenceClassifier, SequenceRegressor, SequenceTagger, SequenceGenerator or SequenceToSequence
            The fitted estimator. Of a SequenceToSequence the encoder is drawn. A generator reads a beginning first,
            which is one more step. A stateful generator cannot be drawn.
        x : array of shape (T, I) or (T,)
            One sequence, for example X[0].
        layer : str, default="l0"
            The layer and direction, as at the end of PyTorch's parameter names: "l0" reads x, "l0_reverse" reads x
            backwards, "l1" reads the outputs of both.
        labels : list of str, default=None
            The names of the steps. None takes their numbers.

        Returns
        -------
        GateActivationsDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it is an estimator of another kind.
        ValueError
            If there is more than one sequence, if the network does not know it, if there is no such layer, or if there
            is not one label for each step.
        """
        model = opened(cls.__name__, estimator)
        stack = model.network_.encoder.recurrent
        places = {s[1:]: (k, d) for k, level in enumerate(stack.levels) for d, s in enumerate(level.suffixes)}
        if layer not in places:
            raise ValueError(f"layer={shown(layer)}; this model has {', '.join(places)}")
        sequences = model._checked([as_single(x)])
        if hasattr(model, "_begun"):  # a generator
            sequences = model._begun(sequences)
        k, d = places[layer]
        kept = Reading(model.network_.encoder)(sequences)[k]
        return cls(activations=_activations(stack.levels[k], kept, d), labels=labels).plot()

    def plot(self):
        """Draw the display in a new figure.

        Returns
        -------
        self
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is not one label for each step.
        """
        shown = {name: a for name in TITLES if (a := self.activations.get(name)) is not None}
        size = {"figsize": (7.5, 0.8 + 1.5 * len(shown)), "nrows": len(shown)}
        axes = new_axes(self, sharex=True, squeeze=False, **size)[:, 0]
        self.figure_, self.axes_, self.images_ = axes[0].figure, dict(zip(shown, axes, strict=True)), {}
        largest = max(1.0, *(np.abs(shown[name]).max() for name in "ngh" if name in shown))  # more than 1 after relu
        for group, cmap, low, label in (("rzifo", "Blues", 0, "0 closed, 1 open"), ("ngch", "RdBu_r", -1, "value")):
            for name in filter(group.__contains__, shown):
                drawn = np.tanh(shown[name]) if name == "c" else shown[name]
                scale = {"cmap": cmap, "vmin": low * largest, "vmax": -low * largest or 1}
                self.images_[name] = self.axes_[name].imshow(drawn.T, aspect="auto", interpolation="nearest", **scale)
                self.axes_[name].set_title(TITLES[name], loc="left", fontsize="medium")
                self.axes_[name].set_ylabel("unit")
                name_steps(self.axes_[name].yaxis, drawn.shape[1])
            if of_group := [ax for name, ax in self.axes_.items() if name in group]:
                self.figure_.colorbar(of_group[0].images[0], ax=of_group, label=label, aspect=12 * len(of_group))
        name_steps(axes[-1].xaxis, len(shown["h"]), self.labels)
        axes[-1].set_xlabel("step")
        return self


def _activations(level, kept, d):
    """One direction's, each (T, H), in the order of the steps."""
    H, P = level.hidden_size, padded(level.hidden_size, level.parameters.dtype)
    found = {name: kept[name][d, 1:, :H] for name in level.cell.states}
    found |= {name: kept["d_gates"][d, :, k * P : k * P + H] for k, name in enumerate(level.cell.kept)}
    if isinstance(level.cell, SLSTMCell):  # of i and f one is 1, and the other is kept
        kept, found = found["i"], {name: found[name] for name in "ifgoh"}
        found["i"], found["f"] = np.where(kept > 0, 1, -kept), np.where(kept > 0, kept, 1)
    if isinstance(level.cell, MinLSTMCell):
        ahead = found["i"] - found["f"]
        found["f"], found["i"] = (1 + ahead) / 2, (1 - ahead) / 2
    return {name: rows[:: -1 if d else 1].copy() for name, rows in found.items()}


class AttentionDisplay:
    """Draw attention: how much each token of the output (a row) looks at each step of the source (a column).

    Of a classifier or regressor with readout="attention" there is one row: how much each step counts.

    After Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and translate", ICLR 2015,
    figure 3.

    Parameters
    ----------
    weights : array of shape (M + 1, T) or (T,)
        The weights. Each row sums to 1; the last row is that of the end of the output. With one axis, there is no
        output of several tokens.
    source_labels : list of str, default=None
        The names of the T steps of the source. None takes their numbers.
    target_labels : list of str, default=None
        The names of the M tokens of the output. None takes their numbers.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where it is drawn.
    image_ : AxesImage
        The map.
    colorbar_ : Colorbar
        The bar of colours beside it.

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
    >>> display = AttentionDisplay.from_estimator(
    ...     model, X[0], y[0], source_labels=names[X[0]], target_labels=names[y[0]]
    ... )
    >>> [label.get_text() for label in display.ax_.get_yticklabels()] == [*names[y[0]], "end"]
    True
    """

    def __init__(self, *, weights, source_labels=None, target_labels=None):
        self.weights, self.source_labels, self.target_labels = weights, source_labels, target_labels

    @classmethod
    def from_estimator(cls, estimator, x, y=None, *, static=None, source_labels=None, target_labels=None, ax=None):
        """Draw where a fitted model looks: for each token that it writes, or for its one answer.

        Parameters
        ----------
        estimator : SequenceToSequence, SequenceClassifier or SequenceRegressor
            The fitted model, with attention.
        x : array of shape (T,) or (T, I)
            One sequence.
        y : array of shape (M,), default=None
            The tokens that are written, by a SequenceToSequence. None takes those that the model predicts.
        static : array-like or frame of shape (1, F), default=None
            Facts of the sequence, for a model that was fitted with `static`.
        source_labels, target_labels : list of str, default=None
            The names of the steps of x and of the tokens of y, for example ``tokenizer.get_feature_names_out()[x]``.
            None takes their numbers.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        AttentionDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it is an estimator of another kind.
        ValueError
            If the model has no attention, if there is more than one sequence, if there is not one label for each step,
            or if `static` is wrong.
        """
        is_right = hasattr(estimator, "attention_weights")
        check_subject(cls.__name__, estimator, is_right, "a model with attention")
        x = [as_single(x)]
        if not hasattr(estimator, "attention"):  # it has but one answer
            if y is not None or target_labels is not None:
                raise ValueError(f"y and target_labels are for a SequenceToSequence; got a {type(estimator).__name__}")
            weights = estimator.attention_weights(x, static=static)[0]
        elif static is not None:
            raise ValueError("static is for a classifier or regressor: leave it out for a SequenceToSequence")
        else:
            weights = estimator.attention_weights(x, None if y is None else [y])[0]
        return cls(weights=weights, source_labels=source_labels, target_labels=target_labels).plot(ax)

    def plot(self, ax=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        self
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is not one label for each step.
        """
        weights = np.atleast_2d(self.weights)
        n, m = weights.shape
        self.ax_ = ax = new_axes(self, ax, figsize=(np.clip(2 + m / 5, 5, 12), np.clip(1.2 + n / 5, 3, 12)))
        self.figure_, self.image_ = ax.figure, ax.imshow(weights, cmap="Blues", vmin=0, aspect="auto")
        name_steps(ax.xaxis, m, self.source_labels, "source_labels")
        if np.ndim(self.weights) == 1:
            ax.set(xlabel="step", yticks=[])
        else:
            targets = range(n - 1) if self.target_labels is None else self.target_labels
            name_steps(ax.yaxis, n, [*targets, "end"], "target_labels, with the end,")
            ax.set(xlabel="source", ylabel="output")
        self.colorbar_ = self.figure_.colorbar(self.image_, ax=ax, label="attention weight")
        return self


class ProbabilitiesDisplay:
    """Draw the probability of each class after each step of a sequence.

    Parameters
    ----------
    probabilities : array of shape (T, K)
        The probabilities.
    classes : array of shape (K,)
        The classes.
    truth : array of bool, of shape (T, K), default=None
        Which classes, or labels, each step has.
    max_classes : int, default=6
        The largest number of lines: those of the classes that are true or become most probable. One more line is the
        sum of all others.
    labels : list of str, default=None
        The names of the T steps. None takes their numbers.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where it is drawn.
    lines_ : dict of class to Line2D
        The lines, with dots at the steps where the class is true.
    other_line_ : Line2D or None
        The sum of all other classes.

    Examples
    --------
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> from fastrnn.inspection import ProbabilitiesDisplay
    >>> X, y = load_japanese_vowels(split="train")
    >>> clf = SequenceClassifier(max_iter=5, random_state=0).fit(X, y)
    >>> display = ProbabilitiesDisplay.from_estimator(clf, X[0], y[0], max_classes=3)
    >>> len(display.lines_), bool(y[0] in display.lines_)
    (3, True)
    >>> bool(display.lines_[y[0]].get_ydata()[-1] == clf.predict_proba(X[:1])[0, 0])
    True
    """

    def __init__(self, *, probabilities, classes, truth=None, max_classes=6, labels=None):
        self.probabilities, self.classes, self.truth = probabilities, classes, truth
        self.max_classes, self.labels = max_classes, labels

    @classmethod
    def from_estimator(cls, estimator, x, y=None, *, max_classes=6, labels=None, ax=None):
        """Draw what a fitted model predicts for a sequence.

        A classifier is asked about each beginning of the sequence by itself, so that it knows nothing of later steps.
        This uses its `stream`; if it has none, the number of steps that are read grows with the square of the length. A
        tagger is asked about each step, given all that it reads.

        Parameters
        ----------
        estimator : classifier or SequenceTagger
            The fitted model. It may be a Pipeline, or any classifier of sequences with `predict_proba`. A
            SequenceTranscriber has one class more, "(blank)".
        x : array of shape (T, I) or (T,)
            One sequence.
        y : label, or array of shape (K,), (T,) or (T, K), default=None
            The true label of the sequence, or of each step; for several labels, 0 or 1 for each.
        max_classes : int, default=6
            The largest number of lines, as for the class.
        labels : list of str, default=None
            The names of the steps. None takes their numbers.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        ProbabilitiesDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no probabilities of classes, or a classifier has several columns of them.
        ValueError
            If there is more than one sequence, if the model does not know it, or if labels are not among its classes.
        """
        is_right = hasattr(estimator, "predict_proba") and not isinstance(getattr(estimator, "classes_", []), list)
        expected = "a classifier or a tagger with predict_proba, and one label or labels of 0 and 1"
        check_subject(cls.__name__, estimator, is_right, expected)
        refuse_facts(estimator, "a picture of x alone does not give")
        said, is_tagger = _said(estimator, as_single(x))
        truth = None if y is None else _truth(y, estimator.classes_, said.shape, is_tagger)
        shown = {"truth": truth, "labels": labels}
        return cls(probabilities=said, classes=labels_of(estimator, said), max_classes=max_classes, **shown).plot(ax)

    def plot(self, ax=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        self
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is not one label for each step.
        """
        said, steps = np.asarray(self.probabilities), np.arange(len(self.probabilities))
        truth = np.zeros(said.shape, bool) if self.truth is None else np.asarray(self.truth)
        ranks = np.argsort(-said.max(axis=0) - truth.any(axis=0), kind="stable")
        shown, others = np.sort(ranks[: self.max_classes]), ranks[self.max_classes :]
        self.ax_ = ax = new_axes(self, ax, figsize=(8, 4))
        self.figure_, self.lines_, self.other_line_ = ax.figure, {}, None
        for n, k in enumerate(shown):
            true, name = np.flatnonzero(truth[:, k]), str(self.classes[k]) + " (dots: true)" * int(truth[:, k].any())
            style = {"color": COLOURS[n % 7], "ls": ["-", "--", ":"][n // 7 % 3], "ms": 5 if len(steps) < 100 else 2}
            marked = {"marker": "o" if true.size else "." if len(steps) == 1 else "", "label": name}
            marked["markevery"] = true.tolist() or None
            (self.lines_[self.classes[k]],) = ax.plot(steps, said[:, k], **style, **marked)
        if others.size and np.allclose(said.sum(axis=1), 1):  # several labels a step have no sum to speak of
            (self.other_line_,) = ax.plot(steps, said[:, others].sum(axis=1), color="0.6", label="all others")
        name_steps(ax.xaxis, len(steps), self.labels)
        ax.set(xlabel="step", ylabel="probability", ylim=(-0.03, 1.03))
        ax.legend(ncols=1 + len(shown) // 15, **BESIDE)
        return self


def _said(estimator, x):
    """Probabilities (T, K), and whether there are labels for each step."""
    estimator = getattr(estimator, "estimator_", estimator)  # of an EarlyClassifier the model
    whole = estimator.predict_proba([x])[0]
    if np.ndim(whole) == 2:
        return whole, True
    try:
        stream = estimator.stream()
    except (AttributeError, ValueError):  # it has none, or reads ahead
        stream = None
    if stream is None or tables.labels(x) is not None:
        return estimator.predict_proba([x[: t + 1] for t in range(len(x))]), False
    return np.stack([stream.step(x_t) for x_t in x]), False


def _truth(y, classes, shape, is_tagger):
    """Which classes are true, (T, K)."""
    y = np.asarray(y)
    has_several = y.ndim == 1 + is_tagger
    truth = y.astype(bool) if has_several else y[..., np.newaxis] == classes
    if truth.shape not in (shape, shape[1:]) or not (has_several or truth.any(axis=-1).all()):
        expected = f"one of {shown(classes)}, or one for each of the {shape[0]} steps"
        raise ValueError(f"y={shown(y.tolist())}; expected {expected}")
    return np.broadcast_to(truth, shape)
