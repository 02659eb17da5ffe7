"""Learn which token comes next: language models that generate."""

from numbers import Integral, Real

import numpy as np
from scipy.special import softmax
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from fastrnn.base import COUNT, FeatureExtractor, Problem, SequenceEstimator
from fastrnn.base.files import by_file, in_parts
from fastrnn.lists import check_listed
from fastrnn.losses.answers import softmax_answer
from fastrnn.losses.loss import cross_entropy, log_probabilities
from fastrnn.sequences import Sequences, as_objects, as_sequences, next_tokens
from fastrnn.storage import expect
from fastrnn.streaming import Stream
from fastrnn.tokens import FREE_OUTPUTS
from fastrnn.wording import shown

STRETCH = 256
"""Steps of a stream read at once where no gradient is needed."""
AT_ONCE = 32
"""Sequences likewise."""


class SequenceGenerator(FeatureExtractor, SequenceEstimator):  # numpydoc ignore=PR01
    """Learn which token comes next, and generate new sequences: a language model (Mikolov et al. 2010; Graves 2013).

    Parameters that are not listed here are those of `SequenceClassifier`, with the same defaults.

    Parameters
    ----------
    cell : str, default="lstm"
        The kind of recurrent layer: "lstm", "gru", "gru_reset_before" (Cho et al. 2014), "rnn", "lstm_peephole",
        "lstm_layer_norm" or "gru_layer_norm"; `SequenceClassifier` says what they are.
    hidden_size : int, default=128
        Number of hidden units in each layer.
    dropout : float, default=0.2
        The fraction of numbers that are set to zero during training: in vectors of tokens, between layers, and in what
        the output layer reads.
    embedding_dim : int, default=64
        The length of the trained vector of each token.
    stateful : bool, default=False
        Whether X is one stream, or several that are joined, in place of separate sequences. A stream is cut into
        `batch_size` parts that are read side by side, in pieces of `bptt_steps` steps. The state is carried from one
        piece to the next, but gradients are not. With False, the model also learns how sequences begin and end.
    max_iter : int, default=20
        Number of epochs. An epoch reads all training data once.
    shuffle : bool, default=True
        Whether each epoch takes the sequences in a new order. A stream is always read in order.
    bptt_steps : int or None, default=None
        The length of truncated backpropagation through time: gradients stop at each multiple of so many steps. None
        does not truncate; with stateful=True it means 64.
    scoring : {"loss"}, callable or None, default=None
        The score of the validation data: of what `early_stopping` holds out, or of `X_val`. None and "loss" are the
        mean log probability of a token. A callable is called as ``scoring(estimator, X, None)``. Higher is better.

    Attributes
    ----------
    n_tokens_ : int
        Number of tokens: they are integers from 0 to ``n_tokens_ - 1``.
    n_features_in_ : int
        Number of features in a step, 1.
    loss_curve_ : list of float
        The mean training loss of a token in each epoch, in nats.
    validation_scores_ : list of float or None
        `score` on the validation data after each epoch, or what `scoring` says. Validation data are the part that
        `early_stopping` holds out, of a stream its end, or `X_val`. None if there are none.
    validation_loss_curve_ : list of float or None
        The mean loss on the validation data after each epoch, without dropout and the penalty of `alpha`. None if there
        are none.
    n_iter_ : int
        Number of epochs that were run.

    See Also
    --------
    SequenceClassifier : Its page describes the shared parameters.
    SequenceToSequence : Generate a sequence for a given one.
    fastrnn.preprocessing.Tokenizer : Make tokens of texts.

    Notes
    -----
    A stream loses its last tokens, fewer than `batch_size`, because its parts have the same length. Cut a short stream
    into few parts (a small `batch_size`), so that the optimiser makes more steps.

    At the end of a Pipeline, use ``pipe[-1].perplexity(pipe[:-1].transform(X))``.

    Examples
    --------
    >>> from fastrnn import SequenceGenerator
    >>> from fastrnn.preprocessing import Tokenizer
    >>> tokenizer = Tokenizer(level="char")
    >>> X = tokenizer.fit_transform(["abracadabra", "abracadabra!"] * 20)
    >>> model = SequenceGenerator(hidden_size=32, max_iter=20, random_state=0).fit(X)
    >>> prefix = tokenizer.transform(["abr"])[0]
    >>> tokenizer.inverse_transform([model.sample(prefix, length=4, temperature=0)])
    ['acad']
    """

    _parameter_constraints = {"embedding_dim": [COUNT], "scoring": [StrOptions({"loss"}), callable, None]}

    readout, bidirectional = None, False
    """A row of outputs for each step; a model of the next token must not see it."""
    _free_rows = FREE_OUTPUTS

    def __init__(self, *, cell="lstm", hidden_size=128, num_layers=1, nonlinearity="tanh", bias=True, dropout=0.2,
        embedding_dim=64, embeddings=None, freeze_embeddings=False, stateful=False, solver="adam",
        learning_rate_init=5e-3, learning_rate="cosine", momentum=0.9, nesterovs_momentum=True, alpha=0.0,
        batch_size=32, max_iter=20, shuffle=True, clip_norm=1.0, clip_value=None, bptt_steps=None, early_stopping=False,
        scoring=None, validation_fraction=0.1, n_iter_no_change=10, tol=None, warm_start=False, dtype="float32",
        n_jobs=None, random_state=None, verbose=False, callbacks=None):  # fmt: skip
        self._store(locals())

    def fit(self, X, y=None, *, X_val=None, groups=None, resume_from=None):
        """Train the network to predict each next token.

        Parameters
        ----------
        X : list of n arrays of shape (T_i,)
            Sequences of tokens, integers from 0 on. With stateful=True, one such array is fine, too.
            `fastrnn.data.SequenceFiles` is data larger than memory, and has y and weights too.
        y : ignored
            Only here because scikit-learn passes it.
        X_val : as X, default=None
            Validation data: other sequences, which the network is not trained on. After each epoch they are scored.
            With `early_stopping` they are used in place of a part that is held out; without it they are only watched.
        groups : array-like of shape (n,), default=None
            The groups of the sequences, such as their authors, for a `validation_fraction` that is a splitter.
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
        """
        return self._fit(X, None, None, resume_from, X_val, groups=groups)

    def partial_fit(self, X, y=None):
        """Train for one more epoch on X.

        Weights and optimiser go on as they are. The first call fixes the largest token. The learning rate is constant.

        Parameters
        ----------
        X : list of n arrays of shape (T_i,)
            Sequences of tokens, as for `fit`.
        y : ignored
            Only here because scikit-learn passes it.

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
        return self._partial_fit(X, None, None)

    def score(self, X, y=None):
        """Compute the mean log probability of a token, in nats. Higher is better.

        For separate sequences it counts each token and the end of each sequence. For a stream it counts all tokens
        after the first one.

        Parameters
        ----------
        X : list of n arrays of shape (T_i,)
            Sequences of tokens, as for `fit`.
        y : ignored
            Only here because scikit-learn passes it.

        Returns
        -------
        float
            The mean log probability, 0 at most.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        return float(in_parts(lambda X, *_: [self._log_probabilities(X)], X)[0].mean())

    def perplexity(self, X):
        """Compute the perplexity, exp(-score). Lower is better.

        A perplexity of 5 says that the model is as uncertain as somebody who chooses among 5 equally probable tokens.

        Parameters
        ----------
        X : list of n arrays of shape (T_i,)
            Sequences of tokens, as for `fit`.

        Returns
        -------
        float
            The perplexity, 1 at least.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        return float(np.exp(-self.score(X)))

    def bits_per_token(self, X):
        """Compute how many bits the model needs for a token: -score / log(2). Lower is better.

        Parameters
        ----------
        X : list of n arrays of shape (T_i,)
            Sequences of tokens, as for `fit`.

        Returns
        -------
        float
            Bits a token. If tokens are characters, it is known as bits per character.
        """
        return float(-self.score(X) / np.log(2))

    def sample(self, prefix=None, length=100, *, temperature=1.0, top_k=None, top_p=None, random_state=None):
        """Generate new tokens.

        A model of separate sequences stops before `length` if it ends the sequence.

        Parameters
        ----------
        prefix : array-like of shape (T,), default=None
            Tokens that come before the new ones. None begins a new sequence; a stateful model needs a prefix, because
            it knows no beginning.
        length : int, default=100
            The largest number of new tokens.
        temperature : float, default=1.0
            Log probabilities are divided by it. Below 1, probable tokens become more frequent. 0 always takes the most
            probable token.
        top_k : int, default=None
            Choose among the `top_k` most probable tokens. None chooses among all.
        top_p : float, default=None
            Choose among the most probable tokens that together have this probability (Holtzman et al. 2020). None
            chooses among all.
        random_state : int, RandomState or None, default=None
            The seed. The same int generates the same tokens.

        Returns
        -------
        ndarray of int
            The new tokens, without the prefix.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the prefix is empty or holds unknown tokens, or if an option is out of its range.
        """
        options = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "random_state": random_state}
        return np.fromiter(self.iter_sample(prefix, length, **options), np.int64)

    def iter_sample(self, prefix=None, length=None, *, temperature=1.0, top_k=None, top_p=None, random_state=None):
        """Generate new tokens one by one, as an iterator.

        With ``names = tokenizer.get_feature_names_out()`` of a `Tokenizer`, ``print(names[token], end="")`` shows each
        token as it comes.

        Parameters
        ----------
        prefix : array-like of shape (T,), default=None
            Tokens that come before the new ones, as for `sample`.
        length : int, default=None
            The largest number of new tokens. None has no limit: a stateful model then never stops.
        temperature : float, default=1.0
            Log probabilities are divided by it, as for `sample`.
        top_k : int, default=None
            Choose among the `top_k` most probable tokens.
        top_p : float, default=None
            Choose among the most probable tokens that together have this probability.
        random_state : int, RandomState or None, default=None
            The seed. The same int generates the same tokens.

        Returns
        -------
        iterator of int
            The new tokens, without the prefix.
        """
        check_is_fitted(self, "network_")
        is_right_k = top_k is None or isinstance(top_k, Integral) and top_k >= 1
        if not (temperature >= 0 and is_right_k and (top_p is None or 0 < top_p <= 1)):
            given = f"{temperature}, {top_k}, {top_p}"
            raise ValueError(f"temperature must be >= 0, top_k >= 1 and top_p in (0, 1]; got {given}")
        if length is not None and not (isinstance(length, Integral) and length >= 0):
            raise ValueError(f"length must be an integer >= 0; got {shown(length)}")
        tokens = self._beginning(prefix)
        return self._generated(tokens, length, temperature, top_k, top_p, check_random_state(random_state))

    def _generated(self, tokens, length, temperature, top_k, top_p, rng):
        stream, n = Stream(self.network_, 1, softmax_answer), 0
        for token in tokens:
            logits = stream.outputs(token)
        while length is None or n < length:
            token = _draw(logits[0].astype(np.float64), temperature, top_k, top_p, rng)
            if token == self._boundary:
                return
            yield token
            logits, n = stream.outputs(token), n + 1

    def _beginning(self, prefix):
        """The tokens to read before the first is generated."""
        if prefix is None:
            if self._boundary is None:
                raise ValueError("a stateful model knows no beginning: give a prefix of at least one token")
            return np.array([self._boundary])
        prefix = as_sequences([prefix], self.dtype, name="prefixes", tokens=True)
        self._check_known(prefix)
        start = [] if self._boundary is None else [self._boundary]
        return np.concatenate([start, prefix.values]).astype(np.int64)

    @by_file
    def transform(self, X):
        """Compute the states after each token.

        Each sequence is read by itself. A stateful model begins each one with a state of zeros, too.

        Parameters
        ----------
        X : list of n arrays of shape (T_i,)
            Sequences of tokens, as for `fit`.

        Returns
        -------
        ndarray of shape (n,)
            An object array of n arrays (T_i, F): the F hidden units of the last layer after each token.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        sequences, first = self._checked(X), 0
        if self._boundary is not None:
            (sequences, _), first = next_tokens(sequences, self._boundary), 1
        rows = sequences.split(self._computed(self.network_.extract, sequences))
        return as_objects([states[first:] for states in rows])

    _answer = staticmethod(softmax_answer)

    # -------------------------------------------------------------------------------------- training

    def _check_sequences(self, X, *, reset):
        check_listed(X, "X", "a list of token sequences")
        is_stream = self.stateful if reset else self._boundary is None
        if is_stream and np.isscalar(next(iter(X), None)):
            X = [np.asarray(X)]
        return super()._check_sequences(X, reset=reset)

    def _token_limits(self):
        return (self.n_tokens_,)

    def _count_tokens(self, columns):
        """All tokens, also those that are only predicted, as a stream's last one may be; and the boundary."""
        return self.n_tokens_ + (self._boundary is not None)

    def _check_parameters(self):
        super()._check_parameters()
        if self.stateful and self.solver == "lbfgs":
            raise ValueError("solver='lbfgs' reads all data at once, stateful=True a stretch at a time: use only one")
        if self.stateful and not isinstance(self.validation_fraction, Real):
            raise ValueError("stateful=True holds out the end of the stream: validation_fraction must be a number")

    def _problem(self, X, y, sample_weight, goes_on):
        sequences = self._check_sequences(X, reset=not goes_on)
        if not goes_on:
            self.n_tokens_ = self._agreed(super()._count_tokens(sequences.values), max)
            if self.n_tokens_ < 2:
                raise ValueError("X holds no token but 0: with a vocabulary of one there is nothing to learn")
            self._boundary = None if self.stateful else self.n_tokens_
        (inputs, targets), n_streams = self._shifted(sequences), None
        if self.stateful:
            inputs, targets, n_streams = self._stretches(inputs.values, targets)
        n_outputs = self.n_tokens_ + (not self.stateful)
        return Problem(inputs, targets, np.ones(targets.size), n_outputs, cross_entropy, n_streams=n_streams)

    def _rules(self, n_outputs):
        n_tokens = n_outputs - (not self._shape["stateful"])
        n_rows = self._sizes["inputs"]
        expect(n_rows == n_outputs, f"its table has {n_rows} rows for {n_outputs} outputs")
        return {"n_tokens_": n_tokens, "_boundary": None if self._shape["stateful"] else n_tokens}

    def _shifted(self, sequences):
        """Inputs as `Sequences`, and for each step the token that comes next."""
        if self._boundary is not None:
            return next_tokens(sequences, self._boundary)
        values = sequences.values
        if values.size < 2:
            raise ValueError("X is a stream of one token; it needs two at least, to predict the second")
        return Sequences(values[:-1], np.array([0, values.size - 1])), values[1:]

    def _stretches(self, inputs, targets):
        """A stream as batch_size parts: the first stretch of each, which are sequences, then the second of each ..."""
        n_parts = min(self.batch_size, inputs.size)
        n_steps, most = inputs.size // n_parts, self.bptt_steps or 64
        parts = [a[: n_parts * n_steps].reshape(n_parts, n_steps) for a in (inputs, targets)]
        firsts = range(0, n_steps, most)
        inputs, targets = (np.concatenate([part[:, t : t + most].ravel() for t in firsts]) for part in parts)
        lengths = np.repeat([min(most, n_steps - t) for t in firsts], n_parts)
        return Sequences(inputs, np.append(0, np.cumsum(lengths))), targets, n_parts

    def _settings(self, lengths):
        """Those of a stream are of its stretches, in their order."""
        settings = super()._settings(lengths)
        if not self.stateful:
            return settings
        n_parts = min(self.batch_size, len(lengths))
        return settings._replace(batch_size=n_parts, shuffle=False, n_sequences=len(lengths) / n_parts)

    def _split(self, n, strata, rng):
        if not self.stateful:
            return super()._split(n, strata, rng)
        n_parts = min(self.batch_size, n)
        n_stretches = n // n_parts
        n_held_out = max(1, int(n_stretches * self.validation_fraction))
        return np.split(np.arange(n), [(n_stretches - n_held_out) * n_parts])

    def _judge(self, problem, held_out, sample_weight=None):
        """As of others, a few sequences at a time."""
        _, targets, *_ = some = problem.some(held_out, by_step=True)

        def judge():
            parts = self._read(self.network_, some.sequences, some.n_streams or AT_ONCE)
            total = sum(log_probabilities(outputs, targets[rows]).sum() for rows, outputs in parts)
            return total / targets.size, len(held_out), -total, targets.size

        return judge

    # -------------------------------------------------------------------------------------- prediction

    def _log_probabilities(self, X):
        """Of each token that is to be predicted."""
        (inputs, targets), at_once = self._shifted(self._checked(X)), AT_ONCE
        if self._boundary is None:  # a stream, whose stretches are read one after the other
            inputs, at_once = Sequences(inputs.values, np.append(np.arange(0, targets.size, STRETCH), targets.size)), 1
        out = np.empty(targets.size)
        with self._computing():
            for rows, outputs in self._read(self.network_, inputs, at_once):
                if not np.isfinite(outputs).all():
                    raise ValueError("X makes the network's outputs overflow: lower learning_rate_init or clip_norm")
                out[rows] = log_probabilities(outputs, targets[rows])
        return out

    def _read(self, network, sequences, at_once):
        """The rows of sequences, few at a time, for each step has as many outputs as there are tokens; and these.

        A stream's sequences go on where those before have ended.
        """
        state = None
        for first in range(0, len(sequences), at_once):
            offsets = sequences.offsets[first : first + at_once + 1]
            rows = slice(offsets[0], offsets[-1])
            outputs, last = network.read(Sequences(sequences.values[rows], offsets - offsets[0]), state)
            state = last if self._boundary is None else None
            yield rows, outputs


def _draw(logits, temperature, top_k, top_p, rng):
    """A token, from its distribution cut to the most probable ones."""
    if temperature == 0:
        return int(logits.argmax())
    p = softmax((logits - logits.max()) / temperature)
    if top_k is not None or top_p is not None:
        order = np.argsort(-p, kind="stable")
        ahead = np.cumsum(p[order]) - p[order]
        is_left = np.arange(p.size) < (p.size if top_k is None else top_k)
        if top_p is not None:
            is_left &= ahead < top_p * p[order][is_left].sum()  # those before it have not that much yet
        p[order[~is_left]] = 0
    return int(rng.choice(p.size, p=p / p.sum()))
