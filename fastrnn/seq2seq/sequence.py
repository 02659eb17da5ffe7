"""Sequences to token sequences."""

from fastrnn.base import COUNT, FeatureExtractor
from fastrnn.base.files import by_file
from fastrnn.seq2seq.base import DecodingEstimator
from fastrnn.sequences import as_objects


class SequenceToSequence(FeatureExtractor, DecodingEstimator):  # numpydoc ignore=PR01
    """Translate sequences into token sequences of other lengths (N to M), with an encoder, attention and a decoder.

    The encoder reads a sequence. Its last states are the context: the decoder starts from them, and reads them at each
    step (Cho et al. 2014). With `attention`, each step of the decoder also looks back at all steps of the encoder
    (Bahdanau et al. 2015; Luong et al. 2015). In training, the decoder reads the true tokens of the target (teacher
    forcing). The estimator adds the start and the end of each target itself: y holds neither a start token nor an end
    token.

    Parameters that are not listed here are those of `SequenceClassifier`, with the same defaults.

    Parameters
    ----------
    cell : str, default="lstm"
        The kind of recurrent layer, in encoder and decoder: one that `SequenceClassifier` names.
    hidden_size : int, default=256
        Number of hidden units in each layer and direction of encoder and decoder.
    num_layers : int, default=1
        Number of recurrent layers. Each layer reads the outputs of the layer below.
    bidirectional : bool, default=True
        Whether the encoder reads each sequence backwards, too. The decoder has one direction.
    dropout : float, default=0.3
        The fraction of numbers that are set to zero during training, in encoder and decoder: in vectors of tokens,
        between layers, and in what the output layer reads.
    recurrent_dropout : float or "auto", default=0.0
        The fraction of units whose old state products do not see, as the page of `SequenceClassifier` describes it.
    embedding_dim : int or None, default=64
        The length of the trained vector of each token of X. None says that X holds numbers.
    target_embedding_dim : int, default=64
        The length of the trained vector of each token of y.
    attention : {"dot", "additive"} or None, default="dot"
        How the decoder scores the steps of the encoder: "dot" by a scalar product with a linear projection of them
        (Luong et al. 2015), "additive" by a small network (Bahdanau et al. 2015). None has no attention.
    max_length : int or None, default=None
        The largest number of tokens in a predicted target. None takes the length of the longest target in the first
        fit.
    alpha : float or "auto", default="auto"
        The strength of weight decay. "auto" is as the page of `SequenceClassifier` describes it, but for any number of
        different tokens.
    max_iter : int or "auto", default="auto"
        Number of epochs. An epoch reads all training data once. "auto" is 20, more up to 2,000 batches, and fewer from
        10,000 on. Of X that holds numbers it is 30, or as many more as make 2,000 batches. `fit` then warns if little
        was learned.
    label_smoothing : float, default=0.1
        The share of each token that is spread evenly over all tokens while training (Szegedy et al. 2016), in [0, 1).
        It counts in `loss_curve_` and `validation_loss_curve_`. 0 lets probabilities be as sure as the data are.
    scheduled_sampling : float, default=0.0
        The share of steps, in the last epoch, at which the decoder reads a token of its own in training, not the right
        one (Bengio et al. 2015), in [0, 1). It grows from 0 in the first epoch. The decoder learns to go on after its
        own mistakes. Tokens are drawn by their probabilities after right ones, at the beginning of the epoch, which
        costs one more pass forward (Mihaylova and Martins 2019).

    Attributes
    ----------
    n_target_tokens_ : int
        Number of tokens in targets: they are integers from 0 to ``n_target_tokens_ - 1``.
    max_length_ : int
        The largest number of tokens in a predicted target.
    n_features_in_ : int
        Number of features in a step; for a 2-D X its number of columns.
    categories_ : list of ndarray
        The categories of each column of `categorical_features`, in order, if it is not None.
    is_categorical_ : ndarray of shape (I,)
        Whether each column holds categories, if `categorical_features` is not None.
    loss_curve_ : list of float
        The mean training loss of a token in each epoch, in nats.
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
    VectorToSequence : Make a sequence of each vector.

    Examples
    --------
    Reverse sequences:

    >>> import numpy as np
    >>> from fastrnn import SequenceToSequence
    >>> rng = np.random.RandomState(0)
    >>> X = [rng.randint(0, 5, n) for n in rng.randint(2, 6, 500)]
    >>> y = [x[::-1] for x in X]
    >>> model = SequenceToSequence(hidden_size=32, random_state=0).fit(X, y)
    >>> model.predict([[0, 1, 2, 3]])[0]
    array([3, 2, 1, 0])
    """

    _parameter_constraints = {"target_embedding_dim": [COUNT]}

    bptt_steps = None

    _shape_parameters = ("missing", "time_column", "categorical_features")

    def __init__(self, *, cell="lstm", hidden_size=256, proj_size=0, num_layers=1, bidirectional=True,
        nonlinearity="tanh", bias=True, dropout=0.3, zoneout=0.0, recurrent_dropout=0.0, embedding_dim=64,
        embeddings=None, freeze_embeddings=False, target_embedding_dim=64, attention="dot", max_length=None,
        normalize_X=True, missing="error", time_column=None, categorical_features=None, solver="adam",
        learning_rate_init=5e-3, learning_rate="cosine", momentum=0.9, nesterovs_momentum=True, alpha="auto",
        batch_size=32, max_iter="auto", shuffle=True, clip_norm=1.0, clip_value=None, early_stopping=False,
        scoring=None, validation_fraction=0.1, n_iter_no_change=10, tol=None, label_smoothing=0.1,
        scheduled_sampling=0.0, averaging=0, warm_start=False, dtype="float32", n_jobs=None, random_state=None,
        verbose=False, callbacks=None):  # fmt: skip
        self._store(locals())

    def fit(self, X, y=None, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None, groups=None,
        resume_from=None):  # fmt: skip
        """Train encoder and decoder on pairs of sequences.

        Parameters
        ----------
        X : list of n arrays of shape (T_i,) or (T_i, I)
            Sequences of tokens, integers from 0 on. With embedding_dim=None, sequences of numbers.
            `fastrnn.data.SequenceFiles` is data larger than memory, and has y and weights too.
        y : list of n arrays of shape (M_i,)
            The target of each sequence: tokens, integers from 0 on, without start and end. None if X has them.
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
        return self._fit(X, y, sample_weight, resume_from, X_val, y_val, sample_weight_val, groups)

    @by_file
    def predict(self, X, beam_width=1):
        """Predict the target of each sequence.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        beam_width : int, default=1
            Number of continuations that the search keeps. 1 takes the most probable token at each step. A wider beam
            takes more time; the continuation with the best mean log probability wins.

        Returns
        -------
        ndarray of shape (n,)
            An object array of n arrays (M_i,) of tokens.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        return as_objects(self._decoded(X, beam_width)[0])

    def _has_columns(self):
        return True

    def attention_weights(self, X, y=None):
        """Compute how much each step of a target looks at each step of its source.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        y : list of n arrays of shape (M_i,), default=None
            The targets. None takes what `predict` returns.

        Returns
        -------
        ndarray of shape (n,)
            An object array of n arrays (M_i + 1, T_i). Each row sums to 1. The last row is that of the end of the
            target.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or the model has no attention.
        """
        sequences = self._checked(X)
        if self.network_.attention is None:
            raise ValueError("attention_weights needs attention='dot' or 'additive'; this model has None")
        y = self.predict(X) if y is None else y
        inputs, *_ = self._goals(self._check_targets(y, sequences, reset=False))
        with self._computing():
            return as_objects(self.network_.attention_weights(sequences, inputs))
