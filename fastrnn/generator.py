"""Next token of a sequence: language models that generate."""

from numbers import Integral

import numpy as np
from scipy.special import softmax
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from fastrnn.base import COUNT, FeatureExtractor, Problem, SequenceEstimator
from fastrnn.lists import check_listed
from fastrnn.losses.answers import softmax_answer
from fastrnn.losses.loss import cross_entropy, log_probabilities
from fastrnn.sequences import FREE_OUTPUTS, Sequences, as_objects, as_sequences, next_tokens
from fastrnn.storage import expect
from fastrnn.streaming import Stream
from fastrnn.wording import shown

STRETCH = 256
"""Steps of a stream read at once where no gradient is needed."""
AT_ONCE = 32
"""Sequences likewise."""


class SequenceGenerator(FeatureExtractor, SequenceEstimator):
    """A language model: learn to predict each next token, and generate (Mikolov et al. 2010; Graves 2013).

    Parameters that are not listed are those of `SequenceClassifier`, defaults included.

    Parameters
    ----------
    cell : {"lstm", "gru", "gru_reset_before", "rnn"}, default="lstm"
        "gru_reset_before" is the GRU of Cho et al. 2014, and of Keras with reset_after=False.
    hidden_size : int, default=128
    stateful : bool, default=False
        False: X holds separate sequences, and the model learns too how they begin and end.  True: X is a stream, or
        several that are joined; it is cut into `batch_size` parts, which are read side by side in stretches of
        `bptt_steps`: gradients end where a stretch begins, states are carried on from one to the next.
    embedding_dim : int, default=64
        The length of a token's trained vector.
    bptt_steps : int or None, default=None
        As for `SequenceClassifier`; None means 64 if stateful.
    shuffle : bool, default=True
        Not of streams, which are read in order.
    dropout : float, default=0.2
    learning_rate : {"constant", "cosine", "plateau", "warmup"}, default="cosine"
    max_iter : int, default=20

    Attributes
    ----------
    n_tokens_ : int
        Tokens are integers from 0 to n_tokens_ - 1.
    loss_curve_ : list of float
        The mean training loss of a token in each epoch, in nats.
    validation_scores_ : list of float or None
        With early_stopping, `score` on the held-out part; of a stream its end.

    Notes
    -----
    A stream loses its last tokens, fewer than `batch_size`; a short one is better cut into few parts, so that there are
    more steps of the optimiser.  At the end of a Pipeline: ``pipe[-1].perplexity(pipe[:-1].transform(X))``.

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

    _parameter_constraints = {"embedding_dim": [COUNT]}

    readout, bidirectional = None, False
    """A row of outputs for each step; a model of the next token must not see it."""
    _free_rows = FREE_OUTPUTS

    def __init__(self, *, cell="lstm", hidden_size=128, num_layers=1, nonlinearity="tanh", bias=True, dropout=0.2,
        embedding_dim=64, embeddings=None, freeze_embeddings=False, stateful=False, solver="adam",
        learning_rate_init=5e-3, learning_rate="cosine", momentum=0.9, nesterovs_momentum=True, alpha=0.0,
        batch_size=32, max_iter=20, shuffle=True, clip_norm=1.0, clip_value=None, bptt_steps=None, early_stopping=False,
        validation_fraction=0.1, n_iter_no_change=10, tol=None, warm_start=False, dtype="float32", n_jobs=None,
        random_state=None, verbose=False, callbacks=None):  # fmt: skip
        self._store(locals())

    def fit(self, X, y=None, *, resume_from=None):
        """Train.

        Parameters
        ----------
        X : list of n arrays (T_i,) of integers from 0 on; if stateful one such array too
        y : ignored
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
        return self._fit(X, None, None, resume_from)

    def partial_fit(self, X, y=None):
        """Train for one epoch on X, going on with weights and optimiser as they are; parameters as for `fit`."""
        return self._partial_fit(X, None, None)

    def score(self, X, y=None):
        """The mean log probability of a token, in nats: of each and the end, or of a stream's after its first."""
        return float(self._log_probabilities(X).mean())

    def perplexity(self, X):
        """exp(-score): among how many equally probable tokens the model is left to choose."""
        return float(np.exp(-self.score(X)))

    def bits_per_token(self, X):
        """-score in bits."""
        return -self.score(X) / np.log(2)

    def sample(self, prefix=None, length=100, *, temperature=1.0, top_k=None, top_p=None, random_state=None):
        """Generate; a model of separate sequences stops before `length` where it ends one.

        Parameters
        ----------
        prefix : array (T,) of tokens, optional
            What comes before; None to begin a sequence (not with a stateful model, which knows no beginning).
        length : int, default=100
            New tokens, at most.
        temperature : float, default=1.0
            Log probabilities are divided by it; 0 takes the most probable token each time.
        top_k : int, optional
            Choose among the k most probable tokens.
        top_p : float, optional
            Choose among the most probable tokens that together have this probability (Holtzman et al. 2020).
        random_state : int, RandomState or None
            The same one generates the same tokens.

        Returns
        -------
        ndarray
            The new tokens.
        """
        options = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "random_state": random_state}
        return np.fromiter(self.iter_sample(prefix, length, **options), np.int64)

    def iter_sample(self, prefix=None, length=None, *, temperature=1.0, top_k=None, top_p=None, random_state=None):
        """As `sample`, an iterator over the tokens; without a `length` a stateful model never stops.

        With a `Tokenizer`'s ``names = tokenizer.get_feature_names_out()``, ``print(names[token], end="")`` shows each.
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
        if np.size(prefix) == 0:
            otherwise = "" if self._boundary is None else ", or None to begin a sequence"
            raise ValueError(f"prefix is empty: give at least one token{otherwise}")
        if np.ndim(prefix) != 1 or np.asarray(prefix).dtype.kind not in "iuf":
            advice = "A Tokenizer makes it of a text: tokenizer.transform([text])[0]"
            raise ValueError(f"prefix must be one 1-D array of tokens; got {shown(prefix)}. {advice}")
        prefix = as_sequences([prefix], self.dtype, tokens=True)
        self._check_known(prefix)
        start = [] if self._boundary is None else [self._boundary]
        return np.concatenate([start, prefix.values]).astype(np.int64)

    def transform(self, X):
        """The states after each token, a 1-D object array of n arrays (T_i, F); each sequence is read by itself.

        Of a stateful model too, which then begins each with a state of zeros.
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
            raise ValueError("solver='lbfgs' reads all data at once, stateful=True a stretch at a time: set either")

    def _problem(self, X, y, sample_weight, goes_on):
        sequences = self._check_sequences(X, reset=not goes_on)
        if not goes_on:
            self.n_tokens_ = super()._count_tokens(sequences.values)
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
        if n_held_out >= n_stretches:
            found = f"early_stopping leaves none of a stream's {n_stretches} stretches"
            raise ValueError(f"{found}: lower bptt_steps or batch_size")
        return np.split(np.arange(n), [(n_stretches - n_held_out) * n_parts])

    def _validation_score(self, network, problem, held_out):
        sequences, targets = problem.sequences.some(held_out), problem.targets[problem.sequences.rows_of(held_out)]

        def score():
            parts = self._read(network, sequences, problem.n_streams or AT_ONCE)
            return sum(log_probabilities(outputs, targets[rows]).sum() for rows, outputs in parts) / targets.size

        return score

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
                    what = "X makes the network's outputs overflow"
                    raise ValueError(f"{what}; train with a lower learning_rate_init or clip_norm")
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
