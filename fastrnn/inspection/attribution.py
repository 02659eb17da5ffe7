"""Draw which steps and channels of a sequence an answer comes from."""

import numpy as np

from fastrnn.inspection.drawing import COLOURS, as_single, check_matplotlib, name_steps, new_axes
from fastrnn.inspection.gradients import integrated_gradients
from fastrnn.inspection.occlusion import occlusion
from fastrnn.inspection.pieces import Pieces
from fastrnn.tokens import Tokens
from fastrnn.wording import shown


class AttributionDisplay:
    """Draw the attributions of one sequence: a heat map of channels by steps, or a bar for each step or token.

    Red speaks for the answer, and blue against it.

    Parameters
    ----------
    attributions : array of shape (T, C) or (T,)
        The attributions, such as ``integrated_gradients(clf, X).attributions[0]``.
    labels : list of str, default=None
        The names of the T steps. None takes their numbers.
    channels : list of str, default=None
        The names of the C channels. None takes their numbers.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where it is drawn.
    image_ : AxesImage or None
        The heat map.
    colorbar_ : Colorbar or None
        The bar of colours beside it.
    bars_ : BarContainer or None
        The bars.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.inspection import AttributionDisplay
    >>> from fastrnn.preprocessing import Tokenizer
    >>> texts = ["a fine film", "I liked it", "a dull film", "I hated it"]
    >>> clf = SequenceClassifier(max_iter=20, random_state=0)
    >>> model = make_pipeline(Tokenizer(), clf).fit(texts, ["good", "good", "bad", "bad"])
    >>> display = AttributionDisplay.from_estimator(model, "a fine film")
    >>> [label.get_text() for label in display.ax_.get_xticklabels()]
    ['a', 'fine', 'film']
    """

    def __init__(self, *, attributions, labels=None, channels=None):
        self.attributions, self.labels, self.channels = attributions, labels, channels

    @classmethod
    def from_estimator(cls, estimator, x, *, method="integrated_gradients", labels=None, ax=None, **options):
        """Explain a model's answer to one sequence, and draw it.

        Parameters
        ----------
        estimator : estimator
            The fitted model, as the method takes it.
        x : array or frame of shape (T, I) or (T,), or a text
            One sequence.
        method : {"integrated_gradients", "occlusion"}, default="integrated_gradients"
            The function that finds the attributions.
        labels : list of str, default=None
            The names of the steps. None takes their numbers, or the tokens of a Pipeline's Tokenizer.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        **options : dict
            What else the function takes, such as ``target=1``.

        Returns
        -------
        AttributionDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError, TypeError
            As for the function.
        ValueError
            As for the function. Also if there is no such method, if x is more than one sequence, or if there is not one
            label for each step.
        """
        check_matplotlib(cls.__name__)
        methods = {"integrated_gradients": integrated_gradients, "occlusion": occlusion}
        if method not in methods:
            raise ValueError(f"method={shown(method)}; expected one of {shown([*methods])}")
        x = x if isinstance(x, (str, Tokens)) else as_single(x)
        found, channels = methods[method](estimator, [x], **options).attributions[0], None
        if found.ndim == 2:
            channels = [*Pieces(estimator, [x]).groups(options.get("channels"))]
        if labels is None and hasattr(estimator, "steps") and hasattr(estimator[0], "vocabulary_"):
            ids = np.asarray(estimator[:1].transform([x])[0])
            labels = estimator[0].get_feature_names_out()[ids.reshape(len(ids), -1)[:, 0]]
        return cls(attributions=found, labels=labels, channels=channels).plot(ax)

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
            If there is not one label for each step, or one name for each channel.
        """
        self.ax_, found = new_axes(self, ax, figsize=(7.5, 3)), np.asarray(self.attributions)
        self.figure_, self.image_, self.colorbar_, self.bars_ = self.ax_.figure, None, None, None
        if found.ndim == 1:
            colours = np.where(found < 0, COLOURS[0], COLOURS[5])
            self.bars_ = self.ax_.bar(range(len(found)), found, color=colours)
            self.ax_.set_ylabel("attribution")
        else:
            scale = {"cmap": "RdBu_r", "vmin": -np.abs(found).max(), "vmax": np.abs(found).max()}
            self.image_ = self.ax_.imshow(found.T, aspect="auto", interpolation="nearest", **scale)
            name_steps(self.ax_.yaxis, found.shape[1], self.channels, "channels")
            self.ax_.set_ylabel("channel")
            self.colorbar_ = self.figure_.colorbar(self.image_, ax=self.ax_, label="attribution")
        name_steps(self.ax_.xaxis, len(found), self.labels)
        self.ax_.set_xlabel("step")
        return self
