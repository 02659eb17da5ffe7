"""What stands behind a generator: from sequences to what a network learns of each next step, and to new ones."""

import warnings
from functools import partial
from numbers import Real

import numpy as np
from scipy.special import softmax

from fastrnn.base import FeatureExtractor, Problem, SequenceEstimator, check_finite
from fastrnn.epochs import Budget
from fastrnn.lists import check_listed
from fastrnn.losses.answers import softmax_answer
from fastrnn.losses.loss import cross_entropy, log_probabilities, smoothed
from fastrnn.losses.steps import NextStep, flags_of
from fastrnn.moments import alone
from fastrnn.sequences import Sequences, as_sequences, is_panel, next_tokens, one_later
from fastrnn.storage import expect
from fastrnn.streaming import Stream
from fastrnn.tokens import FREE_OUTPUTS
from fastrnn.wording import shown

LONG = 64
"""Steps of a stream's stretch in training, unless `bptt_steps` says otherwise."""
STRETCH = 256
"""Steps of a stream read at once where no gradient is needed."""
AT_ONCE = 32
"""Sequences likewise."""
FEW_BATCHES = 50
"""Of a short stream, below which a fit warns."""
UNITS = 128, 256
"""What hidden_size="auto" is, for sequences and for a stream."""
BUDGETS = Budget(20, most=20_000), Budget(20, most=5000)
"""Of max_iter="auto", for sequences and for a stream, whose batches have more steps."""


class Learning(FeatureExtractor, SequenceEstimator):
    """What a `SequenceGenerator` does to fit, to score and to draw, of tokens and of numbers."""

    readout, bidirectional, normalize_X, _undecayed = None, False, True, 0
    """A row of outputs for each step; a model of the next one must not see it."""
    _free_rows = FREE_OUTPUTS
    _shape_parameters = ("n_components",)

    @property
    def _next(self):
        """What a model of numbers says of a step."""
        return NextStep(self._shape["n_components"], self.binary_features_, self._X_mean, self._X_scale)

    @property
    def _answer(self):
        return self._next.answer if self._reads_numbers() else softmax_answer

    @property
    def _budget(self):
        return (BUDGETS[self._shape["stateful"]],) * 2

    # -------------------------------------------------------------------------------------- training

    def _decided(self, X=None):
        shape = super()._decided(X)
        return shape | self._streaming(shape["stateful"])

    def _streaming(self, is_stream):
        """What the network keeps for life of whether it reads a stream."""
        is_stream = bool(is_stream)  # NumPy's own is no index
        return {"stateful": is_stream} | ({"hidden_size": UNITS[is_stream]} if self.hidden_size == "auto" else {})

    def _check_sequences(self, X, *, reset):
        check_listed(X, "X", "a list of sequences")
        can_be_stream = self._can_be_stream() if reset else self._boundary is None
        # A frame has the names of its columns, which are scalars, too.
        is_flat = can_be_stream and getattr(X, "ndim", 1) == 1 and len(X) > 0 and all(map(np.isscalar, X))
        if is_flat:
            X = [np.asarray(X)]
        if self._reads_numbers() and is_panel(X):
            X = [*np.asarray(X)]  # later ones may have other lengths
        sequences = super()._check_sequences(X, reset=reset)
        if reset and self.stateful == "auto":
            # So few and so long that an epoch would have hardly a batch.
            is_long = len(sequences) < AT_ONCE and int(sequences.lengths.min()) >= LONG * AT_ONCE
            self._shape |= self._streaming(is_flat or can_be_stream and is_long)
        if self._reads_numbers() and not reset:
            self._check_flags(sequences)
        return sequences

    def _can_be_stream(self):
        """Whether X may be a stream: parts of the data, such as files, are none."""
        if self.stateful != "auto":
            return self.stateful
        can_be = self._agreed is alone and self.solver != "lbfgs" and isinstance(self.validation_fraction, Real)
        return can_be and not self._reads_numbers()

    def _check_flags(self, sequences):
        """What was nothing but 0 and 1 must stay so."""
        for rows, block in sequences.blocks():
            flags = block[:, self.binary_features_]
            for row, k in np.argwhere(np.isfinite(flags) & (flags != 0) & (flags != 1))[:1]:
                which = f"X[{sequences.number_of(rows.start + row)}] holds {flags[row, k]} in feature"
                found = f"{which} {self.binary_features_[k]}, which in the fit held nothing but 0 and 1"
                raise ValueError(f"{found}: give it as 0 and 1, or fit anew")

    def _token_limits(self):
        return (self.n_tokens_,)

    def _count_tokens(self, columns):
        """All tokens, also those that are only predicted, as a stream's last one may be; and the boundary."""
        return self.n_tokens_ + (self._boundary is not None)

    def _check_parameters(self):
        super()._check_parameters()
        is_stream = self._decided()["stateful"]
        if is_stream and self.embedding_dim is None:
            why = "reads one stream of tokens, but embedding_dim=None says that X holds numbers"
            raise ValueError(f"stateful=True {why}: give these as sequences, with stateful=False")
        if self.label_smoothing and self.embedding_dim is None:
            found = f"label_smoothing={self.label_smoothing} is for tokens"
            raise ValueError(f"{found}, but embedding_dim=None says that X holds numbers: leave one out")
        if is_stream and self.solver == "lbfgs":
            raise ValueError("solver='lbfgs' reads all data at once, stateful=True a stretch at a time: use only one")
        if is_stream and not isinstance(self.validation_fraction, Real):
            raise ValueError("stateful=True holds out the end of the stream: validation_fraction must be a number")

    def _problem(self, X, y, sample_weight, goes_on):
        sequences = self._check_sequences(X, reset=not goes_on)
        if self._reads_numbers():
            return self._problem_of_numbers(sequences, goes_on)
        if not goes_on:
            self.n_tokens_ = self._agreed(super()._count_tokens(sequences.values), max)
            if self.n_tokens_ < 2:
                raise ValueError("X holds no token but 0: with a vocabulary of one there is nothing to learn")
            self._boundary = None if self._shape["stateful"] else self.n_tokens_
            vars(self).pop("binary_features_", None)  # of an earlier fit
        (inputs, targets), n_streams = self._shifted(sequences), None
        if self._boundary is None:
            inputs, targets, n_streams = self._stretches(inputs.values, targets)
        n_outputs = self.n_tokens_ + (self._boundary is not None)
        loss = smoothed(cross_entropy, self.label_smoothing)
        return Problem(inputs, targets, np.ones(targets.size), n_outputs, loss, n_streams=n_streams)

    def _problem_of_numbers(self, given, goes_on):
        if not goes_on:
            flags = self._agreed(partial(flags_of, (rows for _, rows in given.blocks())), np.logical_and.reduce)
            self.binary_features_, self._boundary = np.flatnonzero(flags), 0
            vars(self).pop("n_tokens_", None)  # of an earlier fit
        inputs, targets = self._shifted(self._standardised(given, np.ones(len(given)), goes_on))
        return Problem(inputs, targets, np.ones(len(targets)), self._next.n_outputs, self._next.loss)

    def _told_of(self, problem):
        if not self._reads_numbers():
            return super()._told_of(problem)
        return np.array([len(problem.targets), len(problem.sequences)])

    def _start_at(self, loss, told):
        if not self._reads_numbers():
            super()._start_at(loss, told)
            return
        self.network_.head.parameters["bias"][...] += self._next.start(*sum(told))
        self.network_.changed()

    def _rules_of_numbers(self, n_outputs):
        flags, n = vars(self).get("binary_features_"), np.size(vars(self).get("_X_mean"))  # not what a number says
        is_right = isinstance(flags, np.ndarray) and flags.dtype == np.int64 and flags.ndim == 1
        is_right = is_right and np.array_equal(flags, np.unique(flags)) and np.isin(flags, np.arange(n)).all()
        expect(is_right, f"its binary_features_ are {shown(flags)}, which are no columns of {n}")
        needed = NextStep(self._shape["n_components"], flags, np.zeros(n), np.ones(n)).n_outputs
        expect(n_outputs == needed, f"its network has {n_outputs} outputs for a step that needs {needed}")
        return {"_boundary": 0, "binary_features_": np.ndarray}

    def _rules(self, n_outputs):
        if self._reads_numbers():
            return self._rules_of_numbers(n_outputs)
        n_tokens = n_outputs - (not self._shape["stateful"])
        n_rows = self._sizes["inputs"]
        expect(n_rows == n_outputs, f"its table has {n_rows} rows for {n_outputs} outputs")
        is_stream = self._shape["stateful"]
        expect(is_stream in (True, False), f"its stateful is {is_stream!r}, which is no truth value")
        return {"n_tokens_": n_tokens, "_boundary": None if is_stream else n_tokens}

    def _shifted(self, sequences):
        """Inputs as `Sequences`, and for each step the token, or the numbers and the end, that come next."""
        if self._reads_numbers():
            return one_later(sequences), self._next.targets(sequences)
        if self._boundary is not None:
            return next_tokens(sequences, self._boundary)
        values = sequences.values
        if values.size < 2:
            raise ValueError("X is a stream of one token; it needs two at least, to predict the second")
        return Sequences(values[:-1], np.array([0, values.size - 1])), values[1:]

    def _begun(self, sequences):
        """Sequences with what stands before their first steps."""
        return sequences if self._boundary is None else next_tokens(sequences, self._boundary)[0]

    def _stretches(self, inputs, targets):
        """A stream as batch_size parts: the first stretch of each, which are sequences, then the second of each ..."""
        n_parts = min(self.batch_size, inputs.size)
        n_steps, most = inputs.size // n_parts, self.bptt_steps or LONG
        parts = [a[: n_parts * n_steps].reshape(n_parts, n_steps) for a in (inputs, targets)]
        firsts = range(0, n_steps, most)
        inputs, targets = (np.concatenate([part[:, t : t + most].ravel() for t in firsts]) for part in parts)
        lengths = np.repeat([min(most, n_steps - t) for t in firsts], n_parts)
        return Sequences(inputs, np.append(0, np.cumsum(lengths))), targets, n_parts

    def _settings(self, lengths, *, is_part=False, **how):
        """Those of a stream are of its stretches, in their order."""
        settings = super()._settings(lengths, is_part=is_part, **how)
        if not self._shape["stateful"]:
            return settings
        n_parts = min(self.batch_size, len(lengths))
        if self.stateful == "auto" and not is_part:
            self._warn_of_few_batches(n_parts, settings.max_iter, settings.max_iter * len(lengths) // n_parts)
        return settings._replace(batch_size=n_parts, shuffle=False, n_sequences=len(lengths) / n_parts)

    @staticmethod
    def _warn_of_few_batches(n_parts, n_epochs, n_batches):
        """A short stream in many parts is read in hardly a batch an epoch."""
        if n_batches < FEW_BATCHES:
            few = f"X is read as a stream in {n_parts} parts: {n_epochs} epochs are {n_batches} steps of training"
            warnings.warn(f"{few}. Set a smaller batch_size, or a larger max_iter", UserWarning, stacklevel=6)

    def _split(self, n, strata, rng):
        if not self._shape["stateful"]:
            return super()._split(n, strata, rng)
        n_parts = min(self.batch_size, n)
        n_stretches = n // n_parts
        n_held_out = max(1, int(n_stretches * self.validation_fraction))
        return np.split(np.arange(n), [(n_stretches - n_held_out) * n_parts])

    def _for_validation(self):
        """One that reads a stream from its beginning to its end, as `score` does."""
        other = super()._for_validation()
        if self._shape["stateful"]:
            other.batch_size, other.bptt_steps = 1, STRETCH
        return other

    def _judge(self, problem, held_out, sample_weight=None):
        """As of others, a few sequences at a time."""
        _, targets, *_ = some = problem.some(held_out, by_step=True)

        def judge():
            parts = self._read(self.network_, some.sequences, some.n_streams or AT_ONCE)
            total = sum(self._logs(outputs, targets[rows]).sum() for rows, outputs in parts)
            in_units = self._next.log_scale if self._reads_numbers() else 0.0
            return total / len(targets) - in_units, len(held_out), -total, len(targets)

        return judge

    # -------------------------------------------------------------------------------------- prediction

    def _logs(self, outputs, targets):
        """Logarithms of probabilities of tokens, or of densities of standardised numbers."""
        if not self._reads_numbers():
            return log_probabilities(outputs, targets)
        return -self._next.loss.of_rows(outputs, targets, np.ones(len(targets)))[0]

    def _log_probabilities(self, X):
        """Of each token that is to be predicted, or the log density of each step, in the units of X."""
        (inputs, targets), at_once = self._shifted(self._checked(X)), AT_ONCE
        if self._boundary is None:  # a stream, whose stretches are read one after the other
            inputs, at_once = Sequences(inputs.values, np.append(np.arange(0, targets.size, STRETCH), targets.size)), 1
        out = np.empty(len(targets))
        with self._computing():
            for rows, outputs in self._read(self.network_, inputs, at_once):
                if not np.isfinite(outputs).all():
                    raise ValueError("X makes the network's outputs overflow: lower learning_rate_init or clip_norm")
                out[rows] = self._logs(outputs, targets[rows])
        if not self._reads_numbers():
            return out
        return check_finite(out - self._next.log_scale, inputs.number_of)

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

    def _drawn_tokens(self, prefix, length, temperature, top_k, top_p, rng):
        stream, n = Stream(self.network_, 1, softmax_answer), 0
        for token in prefix:
            logits = stream.outputs(token)
        while length is None or n < length:
            token = draw(logits[0].astype(np.float64), temperature, top_k, top_p, rng)
            if token == self._boundary:
                return
            yield token
            logits, n = stream.outputs(token), n + 1

    def _drawn_steps(self, prefix, length, bias, rng):
        stream, n = Stream(self.network_, 1, self._answer, unit=(self._X_mean, self._X_scale)), 0
        said, is_last, following = [stream.step(x) for x in (self._X_mean, *prefix)][-1], False, self._next
        while not is_last and (length is None or n < length):
            x, is_last = following.draw(said, bias, rng)
            yield x
            said, n = stream.step(x), n + 1

    def _beginning(self, prefix):
        """The tokens, or steps, to read before the first is generated."""
        if prefix is None and self._boundary is None:
            raise ValueError("a stateful model knows no beginning: give a prefix of at least one token")
        start = np.array([] if self._reads_numbers() or self._boundary is None else [self._boundary], np.int64)
        if prefix is None:
            return start
        try:
            if self._reads_numbers():
                steps = self._check_sequences([prefix], reset=False)
                self._standardised(steps, None, goes_on=True)  # finite ones
                return steps.rows(0, 1)
            tokens = as_sequences([prefix], self.dtype, tokens=True)
            self._check_known(tokens)
        except ValueError as error:
            raise ValueError(f"in the prefix, {error}") from None
        return np.append(start, tokens.values.astype(np.int64))


def draw(logits, temperature, top_k, top_p, rng):
    """A token, from its distribution cut to the most probable ones."""
    if temperature == 0:
        return int(logits.argmax())
    p = softmax((logits - logits.max()) / max(float(temperature), 1e-200))  # no overflow
    if top_k is not None or top_p is not None:
        order = np.argsort(-p, kind="stable")
        ahead = np.cumsum(p[order]) - p[order]
        is_left = np.arange(p.size) < (p.size if top_k is None else top_k)
        if top_p is not None:
            is_left &= ahead < top_p * p[order][is_left].sum()  # those before it have not that much yet
        p[order[~is_left]] = 0
    return int(rng.choice(p.size, p=p / p.sum()))
