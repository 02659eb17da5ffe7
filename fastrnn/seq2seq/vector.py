"""Make sequences of vectors: a decoder that reads its own output."""

import numpy as np
from scipy.special import expit
from sklearn.utils.validation import check_is_fitted, validate_data

from fastrnn import records
from fastrnn.base import check_finite
from fastrnn.base.files import refuse_files
from fastrnn.base.labels import rows_of
from fastrnn.lists import check_listed
from fastrnn.losses.loss import numbers_and_end
from fastrnn.moments import r_squared
from fastrnn.seq2seq.base import DecodingEstimator
from fastrnn.sequences import Given, Sequences, as_objects, as_steps, one_later
from fastrnn.wording import shown


class VectorToSequence(DecodingEstimator):  # numpydoc ignore=PR01
    """Make a sequence of each vector (1 to N): tokens or numbers, until the model ends the sequence.

    The vector gives the decoder its first states, and the decoder reads it at each step (Vinyals et al. 2015; Wen et
    al. 2015).

    Parameters that are not listed here are those of `SequenceClassifier`, with the same defaults.

    Parameters
    ----------
    cell : str, default="lstm"
        The kind of recurrent layer: one that `SequenceClassifier` names.
    hidden_size : int, default=128
        Number of hidden units in each layer.
    num_layers : int, default=1
        Number of recurrent layers. Each layer reads the outputs of the layer below.
    dropout : float, default=0.3
        The fraction of numbers that are set to zero during training: in vectors of tokens, between layers, and in what
        the output layer reads.
    recurrent_dropout : float or "auto", default=0.0
        The fraction of units whose old state products do not see, as the page of `SequenceClassifier` describes it.
    target_embedding_dim : int or None, default=64
        The length of the trained vector of each token of y. None says that y holds numbers, which are standardised for
        training.
    max_length : int or None, default=None
        The largest number of steps in a predicted sequence. None takes the length of the longest target in the first
        fit.
    alpha : float or "auto", default=0.0
        The strength of weight decay, as the page of `SequenceClassifier` describes it.
    max_iter : int or "auto", default="auto"
        Number of epochs. An epoch reads all training data once. "auto" is 30, or as many more as make 2,000 batches.
        `fit` then warns if little was learned.
    scheduled_sampling : float, default=0.0
        The share of steps, in the last epoch, at which the decoder reads its own answer in training, as for
        `SequenceToSequence`; of numbers, what it predicts.

    Attributes
    ----------
    n_target_tokens_ : int
        Number of tokens in targets: they are integers from 0 to ``n_target_tokens_ - 1``. Targets that are numbers have
        none.
    max_length_ : int
        The largest number of steps in a predicted sequence.
    n_features_in_ : int
        Number of features in a vector.
    feature_names_in_ : ndarray of shape (F,)
        The names of the columns, if X is a frame.
    loss_curve_ : list of float
        The mean training loss of a step in each epoch.
    validation_scores_ : list of float or None
        The negative loss on the validation data after each epoch, or the score that `scoring` names. Validation data
        are the part that `early_stopping` holds out, or `X_val`. None if there are none.
    validation_loss_curve_ : list of float or None
        The mean loss on the validation data after each epoch, without dropout and the penalty of `alpha`. None if there
        are none.
    n_iter_ : int
        Number of epochs that were run.

    See Also
    --------
    SequenceClassifier : Its page describes the shared parameters.
    SequenceToSequence : Make a sequence of each sequence.

    Examples
    --------
    Count down from a number:

    >>> import numpy as np
    >>> from fastrnn import VectorToSequence
    >>> X = np.arange(1, 6).repeat(40)[:, np.newaxis] / 5
    >>> y = [np.arange(n, 0, -1) for n in np.arange(1, 6).repeat(40)]
    >>> model = VectorToSequence(hidden_size=32, random_state=0).fit(X, y)
    >>> model.predict([[3 / 5]])[0]
    array([3, 2, 1])
    """

    bidirectional, bptt_steps, attention, normalize_y = False, None, None, True
    embedding_dim, embeddings, freeze_embeddings = None, None, False
    _is_panel = False

    def __init__(self, *, cell="lstm", hidden_size=128, proj_size=0, num_layers=1, nonlinearity="tanh", bias=True,
        dropout=0.3, zoneout=0.0, recurrent_dropout=0.0, target_embedding_dim=64, max_length=None, normalize_X=True,
        solver="adam", learning_rate_init=5e-3, learning_rate="cosine", momentum=0.9, nesterovs_momentum=True,
        alpha=0.0, batch_size=32, max_iter="auto", shuffle=True, clip_norm=1.0, clip_value=None, early_stopping=False,
        scoring=None, validation_fraction=0.1, n_iter_no_change=10, tol=None, label_smoothing=0.0,
        scheduled_sampling=0.0, averaging=0, warm_start=False, dtype="float32", n_jobs=None, random_state=None,
        verbose=False, callbacks=None):  # fmt: skip
        self._store(locals())

    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None, groups=None,
        resume_from=None):  # fmt: skip
        """Train the decoder on vectors and their sequences.

        Parameters
        ----------
        X : array-like of shape (n, F), or frame
            A vector for each sequence, one a row.
        y : list of n arrays of shape (M_i,) or (M_i, K)
            The sequence of each vector: tokens, integers from 0 on, without start and end. With
            target_embedding_dim=None, numbers.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence. None gives all the same weight.
        X_val : as X, default=None
            Validation data: other sequences, which the network is not trained on. After each epoch they are scored.
            With `early_stopping` they are used in place of a part that is held out; without it they are only watched.
        y_val : as y, default=None
            The targets of `X_val`.
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
        refuse_files(X, "its sequences are what SequenceToSequence reads; give VectorToSequence an array")
        return self._fit(X, y, sample_weight, resume_from, X_val, y_val, sample_weight_val, groups)

    def predict(self, X, beam_width=1):
        """Predict the sequence of each vector.

        Parameters
        ----------
        X : array-like of shape (n, F), or frame
            The vectors.
        beam_width : int, default=1
            For tokens, the number of continuations that the search keeps, as for `SequenceToSequence.predict`. Numbers
            need 1.

        Returns
        -------
        ndarray of shape (n,)
            An object array of n arrays: tokens (M_i,), or numbers (M_i, K) or (M_i,) as y had.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        check_is_fitted(self, "network_")
        if self.network_.target_embedding is not None:
            return as_objects(self._decoded(X, beam_width)[0])
        if beam_width != 1:
            raise ValueError(f"beam_width={shown(beam_width)} is for tokens; this model makes numbers")
        return self._numbers(self._checked(X))

    def score(self, X, y, sample_weight=None):
        """Compute the accuracy for tokens, or R^2 for numbers.

        For tokens it is the fraction of sequences without any mistake. For numbers it is R^2 over all steps of y: a
        prediction that is too short is continued with its last step, and one that is too long is cut.

        Parameters
        ----------
        X : array-like of shape (n, F), or frame
            The vectors.
        y : list of n arrays of shape (M_i,) or (M_i, K)
            The true sequences.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence. None gives all the same weight.

        Returns
        -------
        float
            The accuracy, or R^2.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        check_is_fitted(self, "network_")
        if self.network_.target_embedding is not None:
            return super().score(X, y, sample_weight)
        answers = self.predict(X)
        expected = self._read_targets(y, answers, np.float64)
        self._check_columns(expected.values)
        rows = [p[np.minimum(np.arange(n), len(p) - 1)].reshape(n, -1)
                for p, n in zip(answers, expected.lengths, strict=True)]  # fmt: skip
        weights = np.repeat(self._check_weights(sample_weight, len(expected)), expected.lengths)
        return r_squared(expected.values, np.concatenate(rows), weights)

    def _check_sequences(self, X, *, reset):
        check_listed(X, "X", "an array (n, F)")
        if np.ndim(first := next(iter(X), ())) > 1:
            raise ValueError(f"X[0] has shape {np.shape(first)}; expected (F,): a SequenceToSequence reads sequences")
        rows = as_steps(X, "X", tokens=False)
        validate_data(self, X, reset=reset)  # how many columns, and their names
        return Given(rows[:, np.newaxis], np.ones(len(rows), int))

    def _check_targets(self, y, sequences, *, reset, weights=None):
        if self.target_embedding_dim is not None:
            return super()._check_targets(y, sequences, reset=reset)
        targets = self._read_targets(y, sequences, np.float64)
        if reset:
            vars(self).pop("n_target_tokens_", None)  # of an earlier fit
            self._y_is_flat = np.ndim(next(iter(rows_of(self, y, "")))) == 1
            self._set_scale(targets.values, np.repeat(weights, targets.lengths))
        else:
            self._check_columns(targets.values)
        return targets

    def _check_parameters(self):
        super()._check_parameters()
        if self.label_smoothing and self.target_embedding_dim is None:
            found = f"label_smoothing={self.label_smoothing} is for tokens"
            raise ValueError(f"{found}, target_embedding_dim=None for numbers")

    def _goals(self, targets):
        if self.target_embedding_dim is not None:
            return super()._goals(targets)
        scaled = self._scaled(targets.values)
        is_last = np.zeros((len(scaled), 1), self.dtype)
        is_last[targets.offsets[1:] - 1] = 1
        goals = np.hstack([scaled, is_last])
        return one_later(Sequences(scaled, targets.offsets)), goals, goals.shape[1], numbers_and_end

    def _rules(self, n_outputs):
        rules = super()._rules(n_outputs)
        if self._shape["target_embedding_dim"] is None:
            rules = {"max_length_": rules["max_length_"], **records.scale(n_outputs - 1)}
        return {**rules, "_is_panel": False}

    def _new_encoder(self):
        """None: the decoder reads the vectors themselves."""

    def _numbers(self, vectors):
        """Each step is what the next one reads, until one of them says that it is the last."""
        n, K = len(vectors), self._y_mean.size
        with self._computing():
            step = self.network_.stepper(self.network_.encode(vectors))
            x, every, steps = np.zeros((n, K), self.dtype), np.arange(n), []
            lengths = np.full(n, self.max_length_)
            for t in range(1, self.max_length_ + 1):
                outputs = step(x, every)
                x = np.ascontiguousarray(outputs[:, :K])
                steps.append(x * self._y_scale + self._y_mean)
                lengths[(lengths > t) & (expit(outputs[:, K]) > 0.5)] = t
                if (lengths <= t).all():
                    break
        values = np.stack(steps, axis=1)
        if self._y_is_flat:
            values = values[..., 0]
        answers = [values[k, :length] for k, length in enumerate(lengths)]
        check_finite(np.array([answer.sum() for answer in answers]), int)
        return as_objects(answers)
