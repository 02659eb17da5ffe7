"""Sequences to token sequences."""

from fastrnn.base import COUNT, FeatureExtractor
from fastrnn.seq2seq.base import DecodingEstimator
from fastrnn.sequences import as_objects


class SequenceToSequence(FeatureExtractor, DecodingEstimator):
    """Translate sequences into token sequences of other lengths (N to M): encoder, attention, decoder.

    The encoder's last states are the context, which the decoder is given for its first states and at every step (Cho
    et al. 2014); with `attention` each step also looks back at all of the encoder's steps (Bahdanau et al. 2015, Luong
    et al. 2015).  Trained with the target's own tokens as input (teacher forcing); where a target begins and ends is
    the estimator's business: y holds neither a start nor an end token.

    Parameters that are not listed are those of `SequenceClassifier`, defaults included.

    Parameters
    ----------
    cell : {"lstm", "gru", "gru_reset_before", "rnn"}, default="lstm"
        Of encoder and decoder, as are hidden_size, num_layers and dropout.  "gru_reset_before" is the GRU of Cho et al.
        2014, and of Keras with reset_after=False.
    bidirectional : bool, default=True
        The encoder reads in both directions.
    embedding_dim : int or None, default=64
        The length of a trained vector for each token of X; None if X holds numbers.
    target_embedding_dim : int, default=64
        The same for y.
    attention : {"dot", "additive"} or None, default="dot"
    max_length : int or None, default=None
        Tokens, at most, of a target; None takes the longest there was.
    hidden_size : int, default=128
    dropout : float, default=0.3
    learning_rate : {"constant", "cosine", "plateau", "warmup"}, default="cosine"
    max_iter : int, default=30

    Attributes
    ----------
    n_target_tokens_ : int
        Tokens of y are integers from 0 to n_target_tokens_ - 1.
    max_length_ : int
    loss_curve_ : list of float
        The mean training loss of a token in each epoch, in nats.
    validation_scores_ : list of float or None
        With early_stopping, the negative loss on the held-out part.

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

    def __init__(self, *, cell="lstm", hidden_size=128, num_layers=1, bidirectional=True, nonlinearity="tanh",
        bias=True, dropout=0.3, embedding_dim=64, embeddings=None, freeze_embeddings=False, target_embedding_dim=64,
        attention="dot", max_length=None, normalize_X=True, solver="adam", learning_rate_init=5e-3,
        learning_rate="cosine", momentum=0.9, nesterovs_momentum=True, alpha=0.0, batch_size=32, max_iter=30,
        shuffle=True, clip_norm=1.0, clip_value=None, early_stopping=False, validation_fraction=0.1,
        n_iter_no_change=10, tol=None, warm_start=False, dtype="float32", n_jobs=None, random_state=None, verbose=False,
        callbacks=None):  # fmt: skip
        self._store(locals())

    def fit(self, X, y, sample_weight=None, *, resume_from=None):
        """Train.

        Parameters
        ----------
        X : list of n arrays (T_i,) of tokens; without embedding_dim of (T_i, I) or (T_i,) numbers
        y : list of n arrays (M_i,) of tokens, integers from 0 on
        sample_weight : array (n,), optional
        resume_from : path, optional
            A file of `fastrnn.training.Checkpoint`: go on with its run, to the very weights it would have ended with.
            Data and parameters must be the same, but for n_jobs, verbose, callbacks and random_state.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For input of a wrong kind, before any training; the message names the sequence.
        DivergenceError
            If the loss becomes NaN.
        """
        return self._fit(X, y, sample_weight, resume_from)

    def predict(self, X, beam_width=1):
        """The target of each sequence, a 1-D object array of n arrays (M_i,) of tokens.

        beam_width : int, default=1
            1 takes the most probable token at each step; more keep so many continuations, and the one with the best
            mean log probability wins.
        """
        return as_objects(self._decoded(X, beam_width)[0])

    def _has_columns(self):
        return True

    def attention_weights(self, X, y=None):
        """How much each step of a target looked at each step of its source.

        Parameters
        ----------
        X, y : as for `fit`
            Without y, what `predict` returns.

        Returns
        -------
        ndarray of n objects
            Arrays (M_i + 1, T_i) of rows that sum to 1; the last row is that of the end.
        """
        sequences = self._checked(X)
        if self.network_.attention is None:
            raise ValueError("attention_weights needs attention='dot' or 'additive'; this model has None")
        y = self.predict(X) if y is None else y
        inputs, *_ = self._goals(self._check_targets(y, sequences, reset=False))
        with self._computing():
            return as_objects(self.network_.attention_weights(sequences, inputs))
