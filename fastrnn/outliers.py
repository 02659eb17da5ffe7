"""Find sequences, and steps of them, that are unlike those of the fit."""

from functools import partial
from numbers import Real

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from fastrnn.base.estimator import SequenceEstimator
from fastrnn.base.files import by_file, in_parts
from fastrnn.base.inputs import steps_weights
from fastrnn.kernels.rows import standardise
from fastrnn.losses.answers import scaled_answer
from fastrnn.moments import ROUNDING
from fastrnn.seq2seq.autoencoder import Reproducing
from fastrnn.sequences import one_later
from fastrnn.storage import array
from fastrnn.streaming import Stream

RATES = np.array([1, 1 / 4, 1 / 16])[:, np.newaxis]
"""Of a step's error in the running means: the error itself, and means over about 7 and 31 steps."""
LEAST = 1e-6
"""Of a spread, in units of that of X: what was constant in the fit has none."""


class SequenceOutlierDetector(OutlierMixin, Reproducing):  # numpydoc ignore=PR01
    """Find sequences that are unlike those of the fit, and the steps at which they are.

    A network learns from sequences that are as they should be. Then it says of each step of a new sequence how far it
    is from what the network expects. With method="forecast" that is a forecast of the step from all steps before. With
    method="reconstruction" it is what a `SequenceAutoencoder` writes of the whole sequence. A sequence is odd if errors
    are large, or if they have the same sign for many steps: a small drift counts, too.

    Parameters that are not listed here are those of `SequenceClassifier`, with the same defaults.

    Parameters
    ----------
    method : {"reconstruction", "forecast"}, default="reconstruction"
        Where the expected steps come from. "reconstruction" reads the whole sequence, squeezes it into a vector, and
        writes it again: it tells which sequences are odd. "forecast" reads each step's past alone: it tells best at
        which step a fault is, and has a `stream`.
    contamination : float, default=0.05
        The fraction of the sequences of the fit that `predict` calls odd, above 0 and up to 0.5. Sequences that are new
        are called odd a little more often: their errors are larger than those of the fit.

    hidden_size : int, default=32
        Number of hidden units in each layer and direction. With "reconstruction" a sequence must go through a vector of
        twice as many numbers. Keep it small: what goes through a wide one comes out right, odd or not.
    num_layers : int, default=1
        Number of recurrent layers. Each layer reads the outputs of the layer below.
    recurrent_dropout : float or "auto", default=0.0
        The fraction of units whose old state products do not see, as the page of `SequenceClassifier` describes it.
    alpha : float or "auto", default=0.0
        The strength of weight decay, as the page of `SequenceClassifier` describes it.
    early_stopping : bool, default=True
        Whether to hold out `validation_fraction` of the sequences and score them after each epoch. A network that knows
        its sequences by heart has small errors on them alone, and calls all others odd.
    validation_fraction : float or splitter, default=0.2
        What `early_stopping` holds out: a fraction of the sequences, or the last split of a splitter of scikit-learn,
        such as ``GroupShuffleSplit(1)``. Groups of a splitter are given to `fit`.
    n_iter_no_change : int, default=50
        Number of epochs without improvement after which training stops, for `early_stopping` and `tol`.

    Attributes
    ----------
    offset_ : float
        The score below which `predict` calls a sequence odd. A model of a `Checkpoint` whose fit did not end has -inf.
    n_features_in_ : int
        Number of features in a step; for a 2-D X its number of columns.
    feature_names_in_ : ndarray of shape (I,)
        The names of the columns, if X is a frame or a list of frames with one sequence each.
    loss_curve_ : list of float
        The mean training loss of each epoch: the squared error of a standardised number.
    validation_scores_ : list of float or None
        The negative loss on the validation data after each epoch. Validation data are the part that `early_stopping`
        holds out, or `X_val`. None if there are none.
    validation_loss_curve_ : list of float or None
        The mean loss on the validation data after each epoch, without dropout and the penalty of `alpha`. None if there
        are none.
    n_iter_ : int
        Number of epochs that were run.

    See Also
    --------
    SequenceAutoencoder : The network of method="reconstruction".

    Notes
    -----
    Let :math:`e_t` be the error of step t, of standardised numbers. A step's score is minus its square, in units of the
    mean square in the fit, averaged over the features of a step: -1 is usual.

    A sequence's score also sees small errors that last. It looks at running means of the errors,
    :math:`m_t = m_{t-1} + r (e_t - m_{t-1})` with the rates r = 1, 1/4 and 1/16: the charts of S. W. Roberts, "Control
    chart tests based on geometric moving averages", Technometrics 1(3), 1959. Of forecasts that are right, errors have
    no order, and running means stay small (R. K. Mehra and J. Peschon, "An innovations approach to fault detection and
    diagnosis in dynamic systems", Automatica 7(5), 1971). Each is squared in units of its mean square in the fit. The
    score is minus the mean over steps of the largest of the three, so that short and long sequences compare.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import SequenceOutlierDetector
    >>> rng = np.random.RandomState(0)
    >>> X = [np.sin(0.5 * np.arange(n) + rng.uniform(0, 6)) for n in rng.randint(30, 50, 100)]
    >>> detector = SequenceOutlierDetector(method="forecast", max_iter=100, random_state=0).fit(X)
    >>> broken = X[0].copy()
    >>> broken[20] += 1.5
    >>> detector.predict([X[0], broken])
    array([ 1, -1])
    >>> int(detector.score_steps([broken])[0].argmin())
    20
    """

    _shape_parameters = ("method",)
    _parameter_constraints = {
        "method": [StrOptions({"forecast", "reconstruction"})],
        "contamination": [Interval(Real, 0, 0.5, closed="right")]}  # fmt: skip

    def __init__(self, *, method="reconstruction", contamination=0.05, cell="gru", hidden_size=32, proj_size=0,
        num_layers=1, nonlinearity="tanh", bias=True, dropout="auto", zoneout=0.0, recurrent_dropout=0.0,
        normalize_X=True, solver="adam", learning_rate_init=5e-3, learning_rate="cosine", momentum=0.9,
        nesterovs_momentum=True, alpha=0.0, batch_size=32, max_iter="auto", shuffle=True, clip_norm=1.0,
        clip_value=None, early_stopping=True, validation_fraction=0.2, n_iter_no_change=50, tol=None, warm_start=False,
        dtype="float32", n_jobs=None, random_state=None, verbose=False, callbacks=None):  # fmt: skip
        self._store(locals())

    @property
    def bidirectional(self):
        """Whether the encoder reads backwards, too: a forecast must not."""
        return self.method == "reconstruction"

    def fit(self, X, y=None, sample_weight=None, *, X_val=None, sample_weight_val=None, groups=None,
        resume_from=None):  # fmt: skip
        """Learn what sequences are like.

        Parameters
        ----------
        X : list of n arrays or frames of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
            The sequences of numbers, all or nearly all of them as they should be. An array (n, T), or a list of equally
            long lists of numbers, is n series with one number a step. `fastrnn.data.SequenceFiles` is data larger than
            memory, and has weights too.
        y : ignored
            Only here because scikit-learn passes it.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence. None gives all the same weight.
        X_val : as X, default=None
            Validation data: other sequences, which the network is not trained on. After each epoch they are scored.
            With `early_stopping` they are used in place of a part that is held out; without it they are only watched.
        sample_weight_val : as sample_weight, default=None
            A weight for each sequence of `X_val`.
        groups : array-like of shape (n,), default=None
            The groups of the sequences, such as persons, for a `validation_fraction` that is a splitter.
        resume_from : str or path-like, default=None
            A file that `fastrnn.callbacks.Checkpoint` has written. The fit goes on with that run and ends with exactly
            the weights that the uninterrupted run would have. Data and parameters must be the same, except for
            `n_jobs`, `verbose`, `callbacks` and `random_state`.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError
            If the input or a parameter is wrong. This is checked before any training, and the message names the
            sequence.
        DivergenceError
            If the loss becomes NaN or infinite.

        Warns
        -----
        ConvergenceWarning
            With max_iter="auto", if the loss is hardly lower than that of the best constant answer, or is still
            falling.
        """
        return self._fit(X, None, sample_weight, resume_from, X_val, None, sample_weight_val, groups)

    def _learn(self, X, y, sample_weight, *given):
        """Train, then measure on the same data how large errors are, and where the odd ones begin."""
        super()._learn(X, y, sample_weight, *given)
        squares, weights = in_parts(self._squares, X, None, sample_weight)
        self._spread = np.maximum(np.sqrt(squares.sum(axis=0) / weights.sum()), LEAST)
        scores, weights = in_parts(self._weighed, X, None, sample_weight)
        order = np.argsort(scores, kind="stable")
        share = self.contamination * (1 + ROUNDING)  # 0.29 of 100 are 29
        place = np.searchsorted(np.cumsum(weights[order]), share * weights.sum(), side="right")
        self.offset_ = float(scores[order[place]])

    def _problem(self, X, y, sample_weight, goes_on):
        problem = super()._problem(X, y, sample_weight, goes_on)
        if not goes_on:
            self.offset_, self._spread = -np.inf, np.ones((len(RATES), problem.sequences.width))
        if self._shape["method"] == "reconstruction":
            return problem
        return problem._replace(sequences=one_later(problem.sequences), inputs=None)

    def _new_network(self, rng):
        is_forecast = self._shape["method"] == "forecast"
        return SequenceEstimator._new_network(self, rng) if is_forecast else super()._new_network(rng)

    def _reproduced(self, sequences):
        if self._shape["method"] == "reconstruction":
            return super()._reproduced(sequences)
        return self._computed(self.network_.predict, one_later(sequences))

    def _errors(self, X):
        """Those of steps, (S, I), in units of standardised numbers, in float64; and the sequences."""
        sequences = self._checked(X)
        return np.subtract(sequences.values, self._reproduced(sequences), dtype=np.float64), sequences

    def _squares(self, X, y, sample_weight):
        """The weighted sum of the squares of running means (1, M, I), and of weights (1,)."""
        errors, sequences = self._errors(X)
        weights, every = steps_weights(sample_weight, sequences.lengths), running_means(errors, sequences)
        squares = sum(np.einsum("s,smi,smi->mi", weights[rows], means, means) for rows, means in every)
        return squares[np.newaxis], weights.sum()[np.newaxis]

    def _weighed(self, X, y, sample_weight):
        """Scores and weights (n,)."""
        scores = self.score_samples(X)
        return scores, steps_weights(sample_weight, np.ones(len(scores), int))

    @by_file
    def score_steps(self, X):
        """Compute a score for each step. The lower, the odder.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.

        Returns
        -------
        ndarray of shape (n,)
            An object array of n arrays (T_i,) of scores, 0 at most.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        errors, sequences = self._errors(X)
        return sequences.split(step_scores(errors, self._spread[0]))

    @by_file
    def score_samples(self, X):
        """Compute a score for each sequence, whatever its length. The lower, the odder.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.

        Returns
        -------
        ndarray of shape (n,)
            The scores, 0 at most.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        errors, sequences = self._errors(X)
        oddest = np.empty(len(errors))
        for rows, means in running_means(errors, sequences):
            oddest[rows] = step_scores(means, self._spread).min(axis=1)
        return np.add.reduceat(oddest, sequences.offsets[:-1]) / sequences.lengths

    def decision_function(self, X):
        """Compute how far the score of each sequence is above `offset_`: negative for odd ones.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.

        Returns
        -------
        ndarray of shape (n,)
            ``score_samples(X) - offset_``.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """Say which sequences are odd.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.

        Returns
        -------
        ndarray of shape (n,)
            -1 for those that are odd, 1 for the others.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def stream(self, batch=1):
        """Start a stream, which reads sequences one step at a time, and returns the score of each.

        ``stream().step(x)`` returns what `score_steps` says of this step of the whole sequence, to the bit: a score
        does not depend on steps that are still to come.

        Parameters
        ----------
        batch : int, default=1
            Number of sequences that are read side by side.

        Returns
        -------
        fastrnn.streaming.Stream
            A stream at the beginning of its sequences.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the model was fitted with method="reconstruction".
        """
        check_is_fitted(self, "network_")
        if self._shape["method"] == "reconstruction":
            why = "which reads a whole sequence before it says anything: fit with method='forecast'"
            raise ValueError(f"this model was fitted with method='reconstruction', {why}")
        return SequenceEstimator.stream(self, batch)

    @property
    def _answer(self):
        return partial(scaled_answer, scale=self._X_scale, mean=self._X_mean, is_flat=False)

    def _new_stream(self, *given):
        return ScoreStream(self._spread[0], *given)

    def _rules(self, n_outputs):
        spread = array("float64", len(RATES), n_outputs)
        own = {"offset_": float, "_spread": lambda value: spread(value) and (value > 0).all()}
        return {**super()._rules(n_outputs), **own}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


class ScoreStream(Stream):
    """Sequences that are read step by step; after each step the score of it.

    Parameters
    ----------
    spread : ndarray of shape (I,)
        Of errors in the fit.
    *given
        What a `Stream` takes.
    """

    def __init__(self, spread, *given):
        self._spread = spread
        super().__init__(*given)

    def __reduce__(self):
        _, given, state = super().__reduce__()
        return ScoreStream, (self._spread, *given), state

    def _bind(self):
        super()._bind()
        self._parts["forecast"] = self._outputs

    def reset(self):
        """Begin new sequences."""
        super().reset()
        self._advance(np.tile(self._unit[0], (self.batch, 1)))  # zeros to the network, which forecasts the first step
        self._count[0] = 0

    def step(self, x):
        """Read one step of each sequence, and return its score.

        Parameters
        ----------
        x : array-like of shape (I,), or (batch, I) with a batch
            The numbers of the step. If I is 1, a number or (batch,) is fine, too.

        Returns
        -------
        float; with a batch ndarray of shape (batch,)
            The score of the step: the lower, the odder.

        Raises
        ------
        ValueError
            If the step has a wrong width, or holds NaN or infinity: the stream has not changed then. Also if the
            outputs overflow: call `reset` then.
        """
        forecast = self._outputs.copy()
        self.outputs(x)
        read = np.empty_like(forecast)
        standardise(read.reshape(-1), self._given.reshape(-1), *(np.tile(part, self.batch) for part in self._unit))
        scores = step_scores(np.subtract(read, forecast, dtype=np.float64), self._spread)
        return float(scores[0]) if self.batch == 1 else scores


def running_means(errors, sequences):
    """Of errors (S, I), step by step: which rows are the sequences' steps t, (n,), and their means (n, M, I)."""
    order = np.argsort(-sequences.lengths, kind="stable")
    begins, lengths = sequences.offsets[order], sequences.lengths[order]
    means = np.zeros((len(order), len(RATES), errors.shape[1]))
    for t in range(lengths[0]):
        rows = begins[: np.searchsorted(-lengths, -t)] + t  # of those that have a step t
        means = means[: len(rows)]
        means += RATES * (errors[rows, np.newaxis] - means)
        yield rows, means


def step_scores(errors, spread):
    """Minus the mean square of errors, or running means, (..., I), in units of their spread."""
    return -np.square(errors / spread).mean(axis=-1)
