"""Predict numbers from sequences: a number, a vector, or one at each step."""

from functools import partial
from numbers import Number, Real

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils import check_array, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions

from fastrnn import records
from fastrnn.base import AttentionReader, InformedExtractor, Problem, SequenceEstimator
from fastrnn.base.files import by_file, in_parts
from fastrnn.base.inputs import SIZES, steps_weights
from fastrnn.base.labels import as_values, check_as_long, check_as_many, check_given, check_there, refuse_steps, rows_of
from fastrnn.holes import Holes
from fastrnn.losses.answers import scaled_answer
from fastrnn.losses.loss import regression_loss
from fastrnn.metrics.tags import OF_STEPS, join_steps_in_scorers
from fastrnn.moments import r_squared
from fastrnn.sequences import as_given
from fastrnn.wording import shown


class SequenceRegressor(  # numpydoc ignore=PR01
    MultiOutputMixin, RegressorMixin, AttentionReader, InformedExtractor, SequenceEstimator
):
    """Predict numbers from sequences of any lengths with a recurrent network (N to 1, or N to N).

    Each sequence gets a number or a vector, or with return_sequences=True a number or a vector at each step.

    Parameters that are not listed here are those of `SequenceClassifier`, with the same defaults.

    Parameters
    ----------
    hidden_size : int or "auto", default="auto"
        Number of hidden units in each layer and direction. More units can learn more, and need more time and data.
        "auto" is 64, or as `init_from`.
    num_layers : int or "auto", default="auto"
        Number of recurrent layers. Each layer reads the outputs of the layer below. "auto" is 1, or as `init_from`.
    bidirectional : bool, default=False
        Whether a second set of weights reads each sequence backwards. `stream` needs False.
    recurrent_dropout : float or "auto", default=0.0
        The fraction of units whose old state products do not see, as the page of `SequenceClassifier` describes it.
    return_sequences : bool, default=False
        Whether to predict at each step. Each sequence in y then has a number or vector for each step of X, and
        `readout` is not used.
    loss : {"squared_error", "absolute_error", "huber", "quantile"}, default="squared_error"
        The training loss. "squared_error" predicts the mean, "absolute_error" the median, "quantile" the quantile
        `quantile`. "huber" is quadratic up to an error of 1 (in units of the standardised target), and linear beyond:
        outliers count less.
    quantile : float, default=0.5
        The quantile that loss="quantile" predicts, between 0 and 1.
    normalize_y : bool, default=True
        Whether targets are standardised for training. Predictions are always in the unit of y.
    alpha : float or "auto", default=0.0
        The strength of weight decay, as the page of `SequenceClassifier` describes it.
    max_iter : int or "auto", default="auto"
        Number of epochs. "auto" is as the page of `SequenceClassifier` describes it, with 2,000 batches.

    Attributes
    ----------
    n_features_in_ : int
        Number of features in a step; for a 2-D X its number of columns.
    feature_names_in_ : ndarray of shape (I,)
        The names of the columns, if X is a frame or a list of frames with one sequence each. Later frames must have the
        same columns in the same order.
    n_static_features_in_ : int
        Number of facts of a sequence, if `fit` was given `static`.
    static_feature_names_in_ : ndarray of shape (F,)
        The names of the columns of `static`, if it was a frame.
    categories_ : list of ndarray
        The categories of each column of `categorical_features`, in order, if it is not None.
    is_categorical_ : ndarray of shape (I,)
        Whether each column holds categories, if `categorical_features` is not None.
    loss_curve_ : list of float
        The mean training loss of each epoch, computed on standardised targets.
    validation_scores_ : list of float or None
        R^2 on the validation data after each epoch, or the score that `scoring` names. Validation data are the part
        that `early_stopping` holds out, or `X_val`. None if there are none.
    validation_loss_curve_ : list of float or None
        The mean loss on the validation data after each epoch, without dropout and the penalty of `alpha`. None if there
        are none.
    n_iter_ : int
        Number of epochs that were run.

    See Also
    --------
    SequenceClassifier : Predict labels. Its page describes the shared parameters.
    SequenceForecaster : Predict the next steps of time series.

    Examples
    --------
    >>> from fastrnn import SequenceRegressor
    >>> from fastrnn.datasets import make_adding_problem
    >>> X, y = make_adding_problem(n_samples=500, n_steps=10, random_state=0)
    >>> reg = SequenceRegressor(random_state=0).fit(X, y)
    >>> reg.score(X, y) > 0.9
    True

    At each step, here the mean of all numbers so far:

    >>> import numpy as np
    >>> rng = np.random.RandomState(0)
    >>> X = [rng.rand(n, 1) for n in rng.randint(3, 9, 200)]
    >>> y = [np.cumsum(x) / np.arange(1, len(x) + 1) for x in X]
    >>> reg = SequenceRegressor(return_sequences=True, random_state=0).fit(X, y)
    >>> reg.predict(X)[0].shape == y[0].shape
    True
    """

    _parameter_constraints = SIZES | {
        "loss": [StrOptions({"squared_error", "absolute_error", "huber", "quantile"})],
        "quantile": [Interval(Real, 0, 1, closed="neither")]}  # fmt: skip

    _shape_parameters = ("missing", "time_column", "categorical_features")

    def __init__(self, *, cell="gru", hidden_size="auto", proj_size=0, num_layers="auto", bidirectional=False,
        nonlinearity="tanh", bias=True, dropout="auto", zoneout=0.0, recurrent_dropout=0.0, readout="auto",
        embedding_dim="auto", embeddings=None, freeze_embeddings=False, character_embedding_dim="auto",
        character_hidden_size=32, return_sequences=False, loss="squared_error", quantile=0.5, normalize_X=True,
        missing="error", time_column=None, categorical_features=None, normalize_y=True, solver="adam",
        learning_rate_init=5e-3, learning_rate="cosine", momentum=0.9, nesterovs_momentum=True, alpha=0.0,
        batch_size=32, max_iter="auto", shuffle=True, clip_norm=1.0, clip_value=None, bptt_steps=None,
        early_stopping=False, scoring=None, validation_fraction=0.1, n_iter_no_change=10, tol=None, init_from=None,
        freeze=0, averaging=0, warm_start=False, dtype="float32", n_jobs=None, random_state=None, verbose=False,
        callbacks=None):  # fmt: skip
        self._store(locals())

    def fit(self, X, y=None, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None, groups=None,
        static=None, static_val=None, resume_from=None):  # fmt: skip
        """Train the network on sequences and their targets.

        Parameters
        ----------
        X : list of n arrays or frames of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
            The sequences. An array (n, T), or a list of equally long lists of numbers, is n series with one number a
            step. Units do not matter, because `normalize_X` standardises numbers. Tokens come from a `Tokenizer`, or
            are integers from 0 on together with `embedding_dim`. `fastrnn.data.SequenceFiles` is data larger than
            memory, and has y and weights too.
        y : array-like of shape (n,) or (n, K), or list of n arrays of shape (T_i,) or (T_i, K)
            The targets: a number or a vector for each sequence; with `return_sequences` one for each step. There, a
            step with NaN or None counts nothing in the loss, nor in `score`. None if X has them.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence. None gives all the same weight. Weights of single steps are not possible, also
            with return_sequences=True. In place of them, train on beginnings ``x[:t]``, each with the weight of its
            last step.
        X_val : as X, default=None
            Validation data: other sequences, which the network is not trained on. After each epoch they are scored.
            With `early_stopping` they are used in place of a part that is held out; without it they are only watched.
        y_val : as y, default=None
            The targets of `X_val`.
        sample_weight_val : as sample_weight, default=None
            A weight for each sequence of `X_val`.
        groups : array-like of shape (n,), default=None
            The groups of the sequences, such as persons, for a `validation_fraction` that is a splitter.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence: numbers that are the same at all of its steps, such as a person's age. They make the
            first states of the recurrent layers, and the output layer reads them, too. `normalize_X` standardises them.
            A model that was fitted with them needs them for each answer.
        static_val : as static, default=None
            Facts of each sequence of `X_val`.
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
        UserWarning
            If X holds integers that look like tokens, but `embedding_dim` says that they are numbers.
        ConvergenceWarning
            With max_iter="auto", if the loss is hardly lower than that of the best constant answer, or is still
            falling.
        """
        return self._fit(X, y, sample_weight, resume_from, X_val, y_val, sample_weight_val, groups, static, static_val)

    def partial_fit(self, X, y, sample_weight=None, *, static=None):
        """Train for one more epoch on X.

        Weights and optimiser go on as they are. The first call fixes the mean and scale of X and of the targets, and
        the largest token. Give it typical data. The learning rate is constant, and nothing is held out for early
        stopping.

        Parameters
        ----------
        X : list of n arrays or frames of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
            The sequences. An array (n, T), or a list of equally long lists of numbers, is n series with one number a
            step. Units do not matter, because `normalize_X` standardises numbers. Tokens come from a `Tokenizer`, or
            are integers from 0 on together with `embedding_dim`.
        y : array-like of shape (n,) or (n, K), or list of n arrays of shape (T_i,) or (T_i, K)
            The targets, as for `fit`.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence. None gives all the same weight.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, with the columns that `fit` had. It needs them if `fit` had any.

        Returns
        -------
        self
            The estimator after one more epoch.

        Raises
        ------
        ValueError
            If the input is wrong, or solver="lbfgs".
        DivergenceError
            If the loss becomes NaN or infinite.
        """
        return self._partial_fit(X, y, sample_weight, static)

    @by_file
    def predict(self, X, *, static=None):
        """Predict the target of each sequence, or of each step.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, with the columns that `fit` had. It needs them if `fit` had any.

        Returns
        -------
        ndarray of shape (n,) or (n, K)
            The predictions, with as many dimensions as y had. With `return_sequences` it is a 1-D object array of n
            arrays (T_i,) or (T_i, K); if X is one array of numbers it is an array (n, T) or (n, T, K).

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        outputs, sequences = self._outputs(X, static)
        return self._formed(self._answered(outputs, sequences), sequences, X)

    def _formed(self, rows, sequences, X):
        if self.network_.readout is None and isinstance(X, np.ndarray) and X.dtype != object:
            rows = rows.reshape(len(sequences), -1, *rows.shape[1:])
            OF_STEPS[id(rows)] = rows
            return rows
        return super()._formed(rows, sequences, X)

    @property
    def _answer(self):
        return partial(scaled_answer, scale=self._y_scale, mean=self._y_mean, is_flat=self._y_is_flat)

    def score(self, X, y=None, sample_weight=None, *, static=None):
        """Compute R^2, the coefficient of determination.

        With `return_sequences`, it is computed over all steps of all sequences.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        y : array-like of shape (n,) or (n, K), or list of n arrays of shape (T_i,) or (T_i, K)
            The true targets.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence. None gives all the same weight.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, with the columns that `fit` had. It needs them if `fit` had any.

        Returns
        -------
        float
            R^2: 1 for perfect predictions, 0 for predictions that are as good as the mean, negative for worse ones.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        return self._total(*in_parts(self._judged, X, y, sample_weight, static=static))

    _total = staticmethod(r_squared)

    def _judged(self, X, y, sample_weight, static=None):
        outputs, sequences = self._outputs(X, static)
        return self._compared(self._answered(outputs, sequences), sequences, y, sample_weight)

    def _compared(self, predicted, sequences, y, sample_weight):
        """Targets, predictions, and weights or None."""
        if self.network_.readout is not None:
            targets = self._check_columns(self._targets_of_sequences(y, sequences))
            return targets, predicted.reshape(targets.shape), sample_weight
        targets, _, there = self._targets_of_steps(y, sequences)
        self._check_weights(sample_weight, len(sequences))
        self._check_columns(targets)
        every = targets, predicted.reshape(targets.shape), steps_weights(sample_weight, sequences.lengths)
        return every if there.all() else tuple(rows[there] for rows in every)

    def _problem(self, X, y, sample_weight, goes_on):
        sequences = self._check_sequences(X, reset=not goes_on)
        targets, is_flat, there = self._check_y(y, sequences)
        weights = self._weights(sample_weight, sequences, there)
        if not goes_on:
            self._y_is_flat = is_flat
            self._set_scale(targets, weights * there)
        self._check_columns(targets)
        loss, sequences = regression_loss(self.loss, self.quantile), self._standardised(sequences, weights, goes_on)
        return Problem(sequences, self._scaled(targets), weights * there, targets.shape[1], loss, there=there)

    def _check_y(self, y, sequences):
        """Targets (n, K) or (S, K) in float64; whether y has one number a sequence or step; and which have a target."""
        if self.return_sequences:
            return self._targets_of_steps(y, sequences)
        y = self._targets_of_sequences(y, sequences)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return y.reshape(len(y), -1), y.ndim == 1, np.ones(len(y), bool)

    def _targets_of_sequences(self, y, sequences):
        """Targets (n,) or (n, K) in float64."""
        check_given(self, y, "a list of numbers, one for each sequence")
        y = as_values(y)
        refuse_steps(y, "set return_sequences=True to predict at every step")
        check_there(y, "y")
        # NumPy would read "1" as a number, and a date as nanoseconds.
        for k, value in enumerate(y.flat if y.dtype.kind not in "biufc" else ()):
            if not isinstance(value, (Number, np.bool_)) or isinstance(value, np.timedelta64):
                raise ValueError(f"y[{k}] is {shown(value)}; targets must be numbers")
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y", ensure_min_samples=0)
        check_as_many(y, sequences)
        if y.ndim > 2:
            raise ValueError(f"y has shape {y.shape}; expected (n,) or (n, K)")
        return y

    def _targets_of_steps(self, y, sequences):
        """Targets (S, K), 0 where they are missing; whether y has one number a step; and which steps have all."""
        rows = rows_of(self, y, "set return_sequences=False to predict one for each sequence")
        given = as_given(rows, "y")
        check_as_long(given.lengths, sequences, "steps")
        K, lacks = given.width, any(np.isnan(block).any() for _, block in given.blocks())
        holes = Holes.of("mask", K, -1, False) if lacks else None
        values = given.stored(np.float64, name="y", holes=holes).values
        there = values[:, K:].all(axis=1)
        if not self._agreed(there.any(), any):
            raise ValueError("y has no number at all: NaN in place of one says that a step has none")
        return np.ascontiguousarray(values[:, :K]), np.ndim(next(iter(rows))) == 1, there

    def _weights(self, sample_weight, sequences, there):
        """One weight a sequence, or a step."""
        weights = self._check_weights(sample_weight, len(sequences))
        return self._normalised(np.repeat(weights, sequences.lengths), there) if self.return_sequences else weights

    def _readout(self):
        return None if self.return_sequences else super()._readout()

    def _rules(self, n_outputs):
        return records.scale(n_outputs)

    def __sklearn_tags__(self):
        join_steps_in_scorers()  # which ask for tags first
        return super().__sklearn_tags__()

    def _score_of(self, outputs, problem, losses, weights):
        return problem.targets, outputs, *(() if weights is None else (weights,))

    @staticmethod
    def _score_of_parts(told, sizes):
        """R^2 about the mean of all targets: that of a part alone may be near to each of its few."""
        from sklearn.metrics import r2_score

        targets, outputs, *weights = map(np.concatenate, zip(*told, strict=True))
        if len(targets) < 2:
            raise ValueError("R^2 needs two targets or more, but one is held out: give more, or set scoring='loss'")
        return r2_score(targets, outputs, sample_weight=weights[0] if weights else None)
