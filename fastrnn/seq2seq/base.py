"""What the estimators with a decoder share."""

import numpy as np

from fastrnn.base import Problem, SequenceEstimator, check_finite
from fastrnn.base.files import in_parts
from fastrnn.base.inputs import steps_weights
from fastrnn.base.labels import check_as_many, rows_of
from fastrnn.decoding import beam_search, useful_width
from fastrnn.epochs import Budget
from fastrnn.layers.feedforward import Embedding
from fastrnn.losses.loss import cross_entropy, smoothed
from fastrnn.network.encoder_decoder import EncoderDecoder
from fastrnn.network.parts import portions
from fastrnn.seq2seq.sampling import Sampled
from fastrnn.sequences import as_sequences, next_tokens
from fastrnn.storage import integer
from fastrnn.tokens import FREE_OUTPUTS, check_gaps
from fastrnn.wording import check_count

ROWS_AT_ONCE = 2**13
"""Sequences times continuations of each that are decoded side by side, unless one sequence alone has more."""


class WithDecoder(SequenceEstimator):
    """What estimators share whose network has an output for each step of what it writes."""

    readout = None

    def _new_network(self, rng):
        encoder, (embedding, n_values) = self._new_encoder(), self._decoder_reads()
        width = self._sizes["inputs"] if encoder is None else encoder.recurrent.output_size
        recurrent = {name: getattr(self, name) for name in ("hidden_size", "num_layers", "bias")}
        return EncoderDecoder(encoder, width, embedding, n_values, self._sizes["outputs"], self._new_cell(), recurrent,
                              self.attention, self._drop_rate(), self.dtype, rng)  # fmt: skip

    @property
    def stream(self):
        """Not available: output begins only when all input has been read."""
        raise AttributeError(f"{type(self).__name__} has no stream: its output begins when all its input has been read")


class DecodingEstimator(WithDecoder):
    """What estimators share that write targets; these are tokens unless a subclass says otherwise."""

    _budget, _undecayed = (Budget(30, 2000), Budget(20, 2000, 10_000)), 0

    def _check_parameters(self):
        super()._check_parameters()
        if self.scheduled_sampling and self.solver == "lbfgs":
            found = f"scheduled_sampling={self.scheduled_sampling} grows from epoch to epoch"
            raise ValueError(f"{found}, which solver='lbfgs' has not: leave one out")

    def partial_fit(self, X, y, sample_weight=None):
        """Train for one more epoch on X.

        Weights and optimiser go on as they are. The first call fixes the largest tokens, the longest target, and the
        mean and scale of numbers. Give it typical data. The learning rate is constant, and nothing is held out for
        early stopping.

        Parameters
        ----------
        X : list or array
            What `fit` takes.
        y : list of n arrays
            The targets, as for `fit`.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence. None gives all the same weight.

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
        return self._partial_fit(X, y, sample_weight)

    def _problem(self, X, y, sample_weight, goes_on):
        sequences = self._check_sequences(X, reset=not goes_on)
        weights = self._check_weights(sample_weight, len(sequences))
        targets = self._check_targets(y, sequences, reset=not goes_on, weights=weights)
        sequences = self._standardised(sequences, weights, goes_on)
        longest = int(targets.lengths.max())
        if self.max_length is not None and longest > self.max_length:
            raise ValueError(f"y[{targets.lengths.argmax()}] has {longest} steps, but max_length={self.max_length}")
        longest = self._agreed(longest, max)
        if longest == 0:
            raise ValueError("y holds no token at all; at least one target must have one")
        self.max_length_ = self.max_length or max(longest, self.max_length_ if goes_on else 0)
        inputs, goals, n_outputs, loss = self._goals(targets)
        if self.scheduled_sampling:
            inputs = Sampled(inputs, sequences, self)
        weights = self._normalised(np.repeat(weights, inputs.lengths))
        return Problem(sequences, goals, weights, n_outputs, loss, inputs=inputs)

    def _check_targets(self, y, sequences, *, reset, weights=None):
        """y as `Sequences` of tokens."""
        targets = self._read_targets(y, sequences, self.dtype, tokens=True, may_be_empty=True)
        if reset:
            check_gaps(targets, "y", FREE_OUTPUTS)
            self.n_target_tokens_ = self._agreed(int(targets.values.max(initial=0)) + 1, max)
        else:
            self._check_tokens(targets, (self.n_target_tokens_,), "the first fit has seen", "y")
        return targets

    def _read_targets(self, y, sequences, dtype, **options):
        """y as `Sequences`, one for each of X."""
        rows = rows_of(self, y, "SequenceClassifier takes a label, SequenceRegressor a number for each sequence")
        targets = as_sequences(rows, dtype, name="y", **options)
        check_as_many(targets, sequences)
        return targets

    def _goals(self, targets):
        """What the decoder reads, as `Sequences`; what is to come out of it, a row a step; how many outputs; the loss.

        The token n_target_tokens_ ends a target, and stands before its first.
        """
        inputs, targets = next_tokens(targets, self.n_target_tokens_)
        return inputs, targets, self.n_target_tokens_ + 1, smoothed(cross_entropy, self.label_smoothing)

    def _decoder_reads(self):
        """The table of tokens, or None, and how many numbers a step has: one output more says that it is the last."""
        n_outputs, embedding = self._sizes["outputs"], None
        if self.target_embedding_dim is not None:
            embedding = Embedding(n_outputs, self.target_embedding_dim, self.dtype)
        return embedding, n_outputs - 1

    def _rules(self, n_outputs):
        return {"n_target_tokens_": n_outputs - 1, "max_length_": integer(1)}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    def _decoded(self, X, beam_width):
        """A list of token arrays, and their scores."""
        sequences, tokens, scores = self._checked(X), [], []
        width = useful_width(check_count("beam_width", beam_width), self.n_target_tokens_, self.max_length_)
        with self._computing():
            for numbers in portions(len(sequences), min(256, max(1, ROWS_AT_ONCE // width))):
                found, values = self._search(sequences.some(numbers), width)
                check_finite(values, lambda k, first=numbers[0]: first + k)
                tokens += found
                scores.append(values)
        return tokens, np.concatenate(scores)

    def _search(self, sequences, beam_width):
        """Beam search, or the greedy choice wherever that is better."""
        n, end = len(sequences), self.n_target_tokens_
        found, scores = [None] * n, np.full(n, -np.inf)
        encoded = self.network_.encode(sequences)
        for width in sorted({beam_width, 1}, reverse=True):
            step = self.network_.stepper(encoded, width, in_logs=True)
            tokens, values = beam_search(step, n, width, end, end, self.max_length_)
            for k in np.flatnonzero(values > scores):
                found[k], scores[k] = tokens[k], values[k]
        return found, scores

    def score(self, X, y=None, sample_weight=None):
        """Compute the fraction of sequences that are predicted without any mistake.

        Parameters
        ----------
        X : list or array
            What `fit` takes.
        y : list of n arrays
            The true targets.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence. None gives all the same weight.

        Returns
        -------
        float
            The fraction, from 0 to 1.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        right, weights = in_parts(self._judged, X, y, sample_weight)
        return float(np.average(right, weights=weights))

    def _judged(self, X, y, sample_weight):
        """Of each sequence whether it is right, and its weight."""
        predicted = self.predict(X)
        targets = self._read_targets(y, predicted, self.dtype, tokens=True, may_be_empty=True)
        right = [np.array_equal(answer, targets[k]) for k, answer in enumerate(predicted)]
        self._check_weights(sample_weight, len(right))
        return right, steps_weights(sample_weight, np.ones(len(right), int))
