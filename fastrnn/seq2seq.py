"""Sequences to token sequences, and vectors to sequences: decoders that feed on what they have put out."""

from numbers import Integral

import numpy as np
from scipy.special import expit, log_softmax
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from fastrnn import threads
from fastrnn.base import KEYS_OF_AN_EPOCH, SHARED_CONSTRAINTS, Problem, SequenceEstimator
from fastrnn.decoding import beam_search
from fastrnn.layers.feedforward import Embedding
from fastrnn.losses import binary_cross_entropy, cross_entropy, squared
from fastrnn.network.encoder_decoder import EncoderDecoder
from fastrnn.network.parts import make_cell
from fastrnn.sequences import Sequences, as_objects, as_sequences

SOURCES = 256
"""Sequences decoded at once."""
_LENGTH = Interval(Integral, 1, None, closed="left")


class _Decoding(SequenceEstimator):
    """What estimators with a decoder share; targets are tokens unless a subclass says otherwise."""

    def _readout(self):
        return None

    def _problem(self, X, y, sample_weight, goes_on):
        sequences = self._check_sequences(X, reset=not goes_on)
        weights = self._check_weights(sample_weight, len(sequences))
        targets = self._check_targets(y, sequences, reset=not goes_on, weights=weights)
        n_outputs, loss = self._head()
        inputs, goals = self._shifted(targets)
        weights = self._normalised(np.repeat(weights, inputs.lengths))
        return Problem(sequences, goals, weights, n_outputs, loss, inputs=inputs)

    def _check_targets(self, y, sequences, *, reset, weights=None):
        """y as `Sequences` of tokens."""
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        targets = as_sequences(y, self.dtype, name="y", tokens=True, may_be_empty=True)
        check_consistent_length(sequences, targets)
        longest = self._check_longest(targets)
        if longest == 0:
            raise ValueError("y holds no token at all; at least one target must have one")
        n_tokens = int(targets.values.max()) + 1
        if reset:
            self.n_target_tokens_ = n_tokens
            self.max_length_ = self.max_length or longest
        elif n_tokens > self.n_target_tokens_:
            row = int(targets.values.argmax())
            k = int(np.searchsorted(targets.offsets, row, side="right")) - 1
            raise ValueError(
                f"y[{k}] holds the token {n_tokens - 1}, but the first fit has seen tokens up to "
                f"{self.n_target_tokens_ - 1}"
            )
        return targets

    def _check_longest(self, targets):
        """The length of the longest target, which must not be above `max_length`."""
        longest = int(targets.lengths.max())
        if self.max_length is not None and longest > self.max_length:
            raise ValueError(
                f"y[{int(targets.lengths.argmax())}] has {longest} steps, but max_length={self.max_length}"
            )
        return longest

    @property
    def _end(self):
        """The token that ends a target, and stands before its first."""
        return self.n_target_tokens_

    def _head(self):
        """Number of outputs, and the loss."""
        return self.n_target_tokens_ + 1, cross_entropy

    def _shifted(self, targets):
        """What the decoder reads, as `Sequences`, and what is to come out of it, a row a step."""
        inputs = np.insert(targets.values, targets.offsets[:-1], self._end)
        goals = np.insert(targets.values, targets.offsets[1:], self._end)
        return Sequences(inputs, targets.offsets + np.arange(len(targets) + 1)), goals

    def _new_network(self, problem, n_steps, rng):
        encoder, width = self._new_source(problem.sequences)
        embedding = self._new_target_embedding()
        n_values = 0 if embedding is not None else problem.inputs.values.shape[1]
        recurrent = {
            "hidden_size": self.hidden_size, "num_layers": self.num_layers, "bias": self.bias
        }  # fmt: skip
        cell = make_cell(self.cell, self.nonlinearity)
        return EncoderDecoder(
            encoder, width, embedding, n_values, problem.n_outputs, cell, recurrent, self._attention(),
            self.dropout, self.dtype, rng,
        )  # fmt: skip

    def _new_target_embedding(self):
        return Embedding(self.n_target_tokens_ + 1, self.target_embedding_dim, self.dtype)

    def _objective(self, problem):
        network, inputs = self.network_, problem.inputs

        def loss_and_gradient(numbers, epoch):
            source = network.source(problem.sequences, numbers)
            batch = network.target(inputs, numbers)
            share = problem.weights[batch.rows] * (len(inputs) / (len(numbers) * problem.weights.size))
            key = self._dropout_seed + KEYS_OF_AN_EPOCH * epoch
            if self.solver == "lbfgs":
                key = None
            return network.loss_and_gradient(source, batch, problem.loss, problem.targets[batch.rows], share, key)

        return loss_and_gradient

    def _validation_score(self, network, problem, held_out):
        """The negative loss; to decode after each epoch would take too long."""
        source = network.source(problem.sequences, held_out)
        batch = network.target(problem.inputs, held_out)
        goals = problem.targets[batch.rows]
        weights = problem.weights[batch.rows] / problem.weights[batch.rows].sum()
        return lambda: -problem.loss(network.forward(source, batch)[0], goals, weights)[0]

    def _checked(self, X):
        check_is_fitted(self, "network_")
        sequences = self._check_sequences(X, reset=False)
        self._check_known(sequences)
        return sequences

    def _decoded(self, X, beam_width):
        """A list of token arrays, and their scores."""
        sequences, tokens, scores = self._checked(X), [], []
        if not isinstance(beam_width, Integral) or beam_width < 1:
            raise ValueError(f"beam_width must be an integer >= 1; got {beam_width!r}")
        with threads.limit(self.n_jobs), np.errstate(over="ignore", invalid="ignore"):
            for first in range(0, len(sequences), SOURCES):
                numbers = np.arange(first, min(first + SOURCES, len(sequences)))
                source = self.network_.source(sequences, numbers)
                found, values = self._search(source, numbers.size, beam_width)
                _check_finite(values, first)
                tokens += found
                scores.append(values)
        return tokens, np.concatenate(scores)

    def _search(self, source, n, beam_width):
        """Beam search, or the greedy choice wherever that is better."""
        widths = (1,) if beam_width == 1 else (beam_width, 1)
        found, scores = [None] * n, np.full(n, -np.inf)
        for width in widths:
            step = self.network_.stepper(source, width)
            tokens, values = beam_search(
                lambda x, picks, step=step: log_softmax(step(x, picks).astype(np.float64), axis=1),
                n, width, self._end, self._end, self.max_length_,
            )  # fmt: skip
            for k in np.flatnonzero(values > scores):
                found[k], scores[k] = tokens[k], values[k]
        return found, scores

    def _exact(self, X, y, sample_weight):
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        predicted = self.predict(X)
        check_consistent_length(predicted, y)
        right = [np.array_equal(a, b) for a, b in zip(predicted, y, strict=True)]
        return float(np.average(right, weights=self._check_weights(sample_weight, len(right))))


class SequenceToSequence(_Decoding):
    """Translate sequences into token sequences of other lengths (N to M): encoder, attention, decoder.

    The encoder's last states are the context, which the decoder is given for its first states and at every step (Cho
    et al. 2014); with `attention` each step also looks back at all of the encoder's steps (Bahdanau et al. 2015, Luong
    et al. 2015).  Trained with the target's own tokens as input (teacher forcing); where a target begins and ends is
    the estimator's business: y holds neither a start nor an end token.

    Parameters that are not listed are those of `SequenceClassifier`.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Of encoder and decoder, as are hidden_size, num_layers and dropout.
    bidirectional : bool, default=True
        The encoder reads in both directions.
    embedding_dim : int or None, default=64
        The length of a trained vector for each token of X; None if X holds numbers.
    target_embedding_dim : int, default=64
        The same for y.
    attention : {"dot", "additive"} or None, default="dot"
    max_length : int or None, default=None
        Tokens, at most, of a target; None takes the longest of the first fit.

    Attributes
    ----------
    n_target_tokens_ : int
        Tokens of y are integers from 0 to n_target_tokens_ - 1.
    max_length_ : int
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

    _parameter_constraints = {
        **SHARED_CONSTRAINTS,
        "target_embedding_dim": [_LENGTH],
        "attention": [StrOptions({"dot", "additive"}), None],
        "max_length": [_LENGTH, None],
    }

    _shape_parameters = (
        *(name for name in SequenceEstimator._shape_parameters if name != "readout"),
        "target_embedding_dim", "attention",
    )  # fmt: skip

    bptt_steps = None

    def __init__(
        self, *, cell="lstm", hidden_size=64, num_layers=1, bidirectional=True, nonlinearity="tanh",
        bias=True, dropout=0.0, embedding_dim=64, embeddings=None, freeze_embeddings=False,
        target_embedding_dim=64, attention="dot", max_length=None, solver="adam",
        learning_rate_init=5e-3, learning_rate="cosine", momentum=0.9, nesterovs_momentum=True,
        alpha=0.0, batch_size=32, max_iter=30, shuffle=True, clip_norm=1.0, clip_value=None,
        early_stopping=False, validation_fraction=0.1, n_iter_no_change=10, tol=None,
        warm_start=False, dtype="float32", n_jobs=None, random_state=None, verbose=False,
        callbacks=None,
    ):  # fmt: skip
        self._store(locals())

    def fit(self, X, y, sample_weight=None):
        """Train.

        Parameters
        ----------
        X : list of n arrays (T_i,) of tokens; without embedding_dim of (T_i, I) or (T_i,) numbers
        y : list of n arrays (M_i,) of tokens, integers from 0 on
        sample_weight : array (n,), optional

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
        return self._fit(X, y, sample_weight)

    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on X, going on with weights and optimiser as they are; parameters as for `fit`."""
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X, beam_width=1):
        """The target of each sequence, a 1-D object array of n arrays (M_i,) of tokens.

        beam_width : int, default=1
            1 takes the most probable token at each step; more keep so many continuations, and the one with the best
            mean log probability wins.
        """
        return as_objects(self._decoded(X, beam_width)[0])

    def score(self, X, y, sample_weight=None):
        """The fraction of sequences predicted without any mistake."""
        return self._exact(X, y, sample_weight)

    def attention_weights(self, X, y):
        """How much each step of a target looked at each step of its source.

        Parameters
        ----------
        X, y : as for `fit`
            y may be what `predict` has returned.

        Returns
        -------
        ndarray of n objects
            Arrays (M_i + 1, T_i) of rows that sum to 1; the last row is that of the end.
        """
        sequences = self._checked(X)
        if self.network_.attention is None:
            raise ValueError("attention_weights needs a model with attention='dot' or 'additive'; this one has None")
        inputs, _ = self._shifted(self._check_targets(y, sequences, reset=False))
        weights = []
        with threads.limit(self.n_jobs):
            for first in range(0, len(sequences), SOURCES):
                numbers = np.arange(first, min(first + SOURCES, len(sequences)))
                source = self.network_.source(sequences, numbers)
                batch = self.network_.target(inputs, numbers)
                encoded = self.network_.encode(source)
                places = self.network_.places(batch, encoded)
                weights += places.split(self.network_.forward(source, batch)[1])
        return as_objects(weights)

    def _attention(self):
        return self.attention

    def _new_source(self, sequences):
        encoder = self._new_encoder(sequences)
        return encoder, encoder.recurrent.output_size


class VectorToSequence(_Decoding):
    """Make sequences out of vectors (1 to N): tokens or numbers, until the model ends them.

    The vector gives the decoder its first states and is read at every step (Vinyals et al. 2015; Wen et al. 2015).

    Parameters that are not listed are those of `SequenceToSequence`.

    Parameters
    ----------
    target_embedding_dim : int or None, default=64
        The length of a trained vector for each token of y; None if y holds numbers.

    Attributes
    ----------
    n_target_tokens_ : int
        Tokens of y are integers from 0 to n_target_tokens_ - 1 (not for numbers).
    max_length_ : int

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

    _parameter_constraints = {
        **{k: v for k, v in SHARED_CONSTRAINTS.items() if "embedding" not in k},
        "target_embedding_dim": [_LENGTH, None],
        "max_length": [_LENGTH, None],
    }

    _shape_parameters = (
        "cell", "hidden_size", "num_layers", "nonlinearity", "bias", "target_embedding_dim", "dtype"
    )  # fmt: skip

    bidirectional, bptt_steps, embedding_dim, embeddings = False, None, None, None

    def __init__(
        self, *, cell="lstm", hidden_size=64, num_layers=1, nonlinearity="tanh", bias=True,
        dropout=0.0, target_embedding_dim=64, max_length=None, solver="adam",
        learning_rate_init=5e-3, learning_rate="cosine", momentum=0.9, nesterovs_momentum=True,
        alpha=0.0, batch_size=32, max_iter=30, shuffle=True, clip_norm=1.0, clip_value=None,
        early_stopping=False, validation_fraction=0.1, n_iter_no_change=10, tol=None,
        warm_start=False, dtype="float32", n_jobs=None, random_state=None, verbose=False,
        callbacks=None,
    ):  # fmt: skip
        self._store(locals())

    def fit(self, X, y, sample_weight=None):
        """Train.

        Parameters
        ----------
        X : array (n, F)
            Scale features to about 1.
        y : list of n arrays (M_i,) of tokens; without target_embedding_dim of (M_i, K) or (M_i,) numbers
        sample_weight : array (n,), optional

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
        return self._fit(X, y, sample_weight)

    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on X, going on with weights and optimiser as they are; parameters as for `fit`."""
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X, beam_width=1):
        """The sequence of each vector, a 1-D object array of n arrays: (M_i,) tokens, or (M_i, K) or (M_i,) numbers.

        beam_width : int, default=1
            Of tokens; as for `SequenceToSequence`.
        """
        check_is_fitted(self, "network_")
        if self.network_.target_embedding is not None:
            return as_objects(self._decoded(X, beam_width)[0])
        return self._numbers(self._checked(X).values)

    def score(self, X, y, sample_weight=None):
        """Of tokens the fraction of sequences without any mistake; of numbers R^2 over all steps of y.

        A prediction that is too short is continued by its last step, one that is too long is cut.
        """
        check_is_fitted(self, "network_")
        if self.network_.target_embedding is not None:
            return self._exact(X, y, sample_weight)
        expected = as_sequences(y, np.float64, name="y")
        check_consistent_length(X, expected)
        rows = [p[np.minimum(np.arange(n), len(p) - 1)].reshape(n, -1)
                for p, n in zip(self.predict(X), expected.lengths, strict=True)]  # fmt: skip
        weights = np.repeat(self._check_weights(sample_weight, len(expected)), expected.lengths)
        return r2_score(expected.values, np.concatenate(rows), sample_weight=weights)

    def _check_sequences(self, X, *, reset):
        dtype = self.dtype if reset else self.network_.theta.dtype
        X = validate_data(self, X, reset=reset, dtype=dtype)
        return Sequences(X, np.arange(len(X) + 1))

    def _check_targets(self, y, sequences, *, reset, weights=None):
        if self.target_embedding_dim is not None:
            return super()._check_targets(y, sequences, reset=reset)
        targets = as_sequences(y, np.float64, name="y")
        check_consistent_length(sequences, targets)
        longest = self._check_longest(targets)
        if reset:
            self._y_is_flat = np.ndim(y[0]) == 1
            weights = np.repeat(weights, targets.lengths)
            scaler = StandardScaler().fit(targets.values, sample_weight=weights)
            self._y_mean, self._y_scale = scaler.mean_, scaler.scale_
            self.max_length_ = self.max_length or longest
        elif targets.values.shape[1] != self._y_mean.size:
            raise ValueError(f"y has {targets.values.shape[1]} columns, but the first fit was on {self._y_mean.size}")
        return targets

    def _head(self):
        if self.target_embedding_dim is not None:
            return super()._head()
        return self._y_mean.size + 1, _numbers_and_end

    def _shifted(self, targets):
        if self.target_embedding_dim is not None:
            return super()._shifted(targets)
        scaled = ((targets.values - self._y_mean) / self._y_scale).astype(self.dtype)
        before = np.roll(scaled, 1, axis=0)
        before[targets.offsets[:-1]] = 0
        is_last = np.zeros((len(scaled), 1), self.dtype)
        is_last[targets.offsets[1:] - 1] = 1
        return Sequences(before, targets.offsets), np.hstack([scaled, is_last])

    def _attention(self):
        return None

    def _new_source(self, sequences):
        return None, sequences.values.shape[1]

    def _new_target_embedding(self):
        return None if self.target_embedding_dim is None else super()._new_target_embedding()

    def _numbers(self, X):
        """Each step is what the next one reads, until one of them says that it is the last."""
        n, K = len(X), self._y_mean.size
        with threads.limit(self.n_jobs), np.errstate(over="ignore", invalid="ignore"):
            step = self.network_.stepper(X)
            x, every, steps = np.zeros((n, K), X.dtype), np.arange(n), []
            lengths = np.zeros(n, np.int64)
            for t in range(1, self.max_length_ + 1):
                outputs = step(x, every)
                x = np.ascontiguousarray(outputs[:, :K])
                steps.append(x * self._y_scale + self._y_mean)
                lengths[(lengths == 0) & (expit(outputs[:, K]) > 0.5)] = t
                if (lengths > 0).all():
                    break
        lengths[lengths == 0] = self.max_length_
        values = np.stack(steps, axis=1)
        _check_finite(values.reshape(n, -1).sum(axis=1), 0)
        if self._y_is_flat:
            values = values[..., 0]
        return as_objects([values[k, :length] for k, length in enumerate(lengths)])


def _check_finite(values, first):
    """Each must be finite; the first is that of X[first]."""
    if not np.isfinite(values).all():
        raise ValueError(
            f"X[{first + int(np.argmin(np.isfinite(values)))}] makes the network's outputs overflow: it is longer, or "
            "its values are larger, than what the network was trained on"
        )


def _numbers_and_end(outputs, targets, weights):
    """Squared error of all columns but the last, and of that the cross-entropy of being the last step."""
    value, d_numbers = squared(outputs[:, :-1], targets[:, :-1], weights)
    of_end, d_end = binary_cross_entropy(outputs[:, -1:], targets[:, -1:], weights)
    return value + of_end, np.hstack([d_numbers, d_end])
