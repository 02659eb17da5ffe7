"""What the estimators share: checks of what comes in, training, prediction."""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from fastrnn import records, threads
from fastrnn.layers.feedforward import Embedding
from fastrnn.losses import log_odds
from fastrnn.network.parts import KEYS_OF_AN_EPOCH, Encoder, make_cell
from fastrnn.network.sequence import SequenceNetwork
from fastrnn.sequences import Sequences, as_sequences
from fastrnn.streaming import Stream
from fastrnn.training import History, Progress, Settings, Trainer, fit_lbfgs

SHARED_CONSTRAINTS = {
    "cell": [StrOptions({"lstm", "gru", "rnn"})],
    "hidden_size": [Interval(Integral, 1, None, closed="left")],
    "num_layers": [Interval(Integral, 1, None, closed="left")],
    "bidirectional": ["boolean"],
    "nonlinearity": [StrOptions({"tanh", "relu", "sigmoid"})],
    "bias": ["boolean"],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "embedding_dim": [Interval(Integral, 1, None, closed="left"), None],
    "embeddings": ["array-like", None],
    "freeze_embeddings": ["boolean"],
    "solver": [StrOptions({"adam", "adamw", "sgd", "rmsprop", "lbfgs"})],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "learning_rate": [StrOptions({"constant", "cosine", "plateau", "warmup"})],
    "momentum": [Interval(Real, 0, 1, closed="left")],
    "nesterovs_momentum": ["boolean"],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [Interval(Integral, 1, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
    "clip_value": [Interval(Real, 0, None, closed="neither"), None],
    "bptt_steps": [Interval(Integral, 1, None, closed="left"), None],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left"), None],
    "warm_start": ["boolean"],
    "dtype": [StrOptions({"float32", "float64"})],
    "n_jobs": [Interval(Integral, None, -1, closed="right"), Interval(Integral, 1, None, closed="left"), None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
    "callbacks": [list, tuple, None],
}


def is_panel(X):
    """Whether X is a table (n, T): a 2-D array or frame, or a list of lists of numbers."""
    if hasattr(X, "shape"):
        return len(X.shape) == 2
    if hasattr(X, "__array__"):
        return np.asarray(X).ndim == 2
    if not isinstance(X, (list, tuple)) or not all(isinstance(x, (list, tuple)) for x in X):
        return False
    same_length = len({len(x) for x in X}) == 1
    return same_length and all(np.isscalar(v) or v is None for x in X for v in x)


@dataclass
class Problem:
    """What a network is to learn; targets and weights are one a sequence, or one a stored step."""

    sequences: Sequences
    targets: np.ndarray
    weights: np.ndarray
    n_outputs: int
    loss: Callable
    strata: np.ndarray | None = None
    """Classes (n,), of which a held-out part shall have its share."""
    inputs: Sequences | None = None
    """What a decoder reads."""


class SequenceEstimator(BaseEstimator):
    """Base of the estimators that read sequences; they encode targets and decode outputs.

    A subclass has `_problem(X, y, sample_weight, goes_on)`, which checks what `fit` was given and
    returns a `Problem`, and `_validation_score(network, problem, held_out)`, which returns a
    callable.
    """

    _shape_parameters = (
        "cell", "hidden_size", "num_layers", "bidirectional", "nonlinearity", "bias", "readout",
        "embedding_dim", "dtype",
    )  # fmt: skip
    """Those that a network keeps for life."""

    def _store(self, parameters):
        """Set the attributes of a constructor's locals(), each under its own name, as scikit-learn wants them."""
        for name in self._get_param_names():
            setattr(self, name, parameters[name])

    # -------------------------------------------------------------------------------------- input

    def _check_sequences(self, X, *, reset):
        """X as `Sequences`; with `reset` later ones must be like it, else it like the first."""
        looks_like_panel = is_panel(X)
        if self.embedding_dim is not None and isinstance(X, (list, tuple)):
            looks_like_panel = False  # token lists that happen to be equally long
        if reset:
            self._is_panel = looks_like_panel
            vars(self).pop("feature_names_in_", None)  # of an earlier fit
        elif looks_like_panel and not self._is_panel and isinstance(X, np.ndarray):
            self._refuse_one_sequence(X)
        if looks_like_panel:
            # What is no finite number is left to as_sequences, which names its place.
            options = {"dtype": None, "ensure_all_finite": False}
            if self._is_panel:
                X = validate_data(self, X, reset=reset, **options)
            else:
                X = check_array(X, **options)
        tokens, dtype, n_features = self.embedding_dim is not None, self.dtype, None
        if not reset:  # parameters may have been set since the fit
            tokens, dtype = self.network_.embedding is not None, self.network_.theta.dtype
            n_features = 1 if self._is_panel else self.n_features_in_
        form = self._token_form(tokens, reset)
        sequences = as_sequences(X, dtype, tokens=form, n_features=n_features)
        if self._is_panel:
            self._check_panel(sequences)
        elif reset:
            self.n_features_in_ = 1 if sequences.values.ndim == 1 else sequences.values.shape[1]
        if reset and self.embeddings is not None:
            self._check_embeddings(sequences)
        return sequences

    def _token_form(self, is_tokens, reset):
        """What `as_sequences` is told of tokens."""
        return is_tokens

    def _refuse_one_sequence(self, X):
        """A 2-D X is many univariate series; for a model of sequences it is probably one of them."""
        if len(X) > 1 and X.shape[1] == self.n_features_in_:
            raise ValueError(
                f"X is one array of shape {X.shape}, which would be {len(X)} univariate series of {X.shape[1]} steps, "
                "but the fit was on a list of sequences: pass [X] for one sequence"
            )

    def _check_panel(self, sequences):
        """Series for a model fitted on a panel, in whatever form, must have its length."""
        for k in np.flatnonzero(sequences.lengths != self.n_features_in_):
            raise ValueError(
                f"X[{k}] has {sequences.lengths[k]} steps, but {type(self).__name__} was fitted on "
                f"a 2-D X of series of {self.n_features_in_} steps; fit on a list of sequences to "
                "predict other lengths"
            )

    def _check_weights(self, sample_weight, n):
        """Weights (n,) with the mean 1."""
        if sample_weight is None:
            return np.ones(n)
        weights = _check_sample_weight(sample_weight, np.empty((n, 1)), dtype=np.float64, ensure_non_negative=True)
        return self._normalised(weights)

    @staticmethod
    def _normalised(weights):
        largest = weights.max()
        if largest > 0:
            weights = weights / largest  # their sum may be too large or too small a number
        if weights.sum() == 0:
            raise ValueError("all weights are zero; at least one sequence needs a positive weight")
        return weights * (weights.size / weights.sum())

    def _class_weights(self, labels):
        """What `class_weight` gives each of the labels (n,), or each row of several (n, K)."""
        weights = compute_sample_weight(self.class_weight, labels).astype(np.float64)
        bad = ~(np.isfinite(weights) & (weights >= 0))
        if bad.any():
            raise ValueError(
                f"class_weight gives class {labels[np.argmax(bad)]!r} the weight {weights[np.argmax(bad)]}; weights "
                "must be finite numbers >= 0"
            )
        return weights

    def _check_same_classes(self, classes):
        """What a later partial_fit is told of classes must be what the first one was."""
        if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"classes={classes!r} are not those of the first call, {self.classes_}; leave classes out")

    def _check_parameters(self):
        """What can be said against the parameters before anything is known of the data."""
        self._validate_params()
        if not all(callable(callback) for callback in self.callbacks or ()):
            raise ValueError(f"callbacks must hold callables only; got callbacks={self.callbacks}")
        if self.freeze_embeddings and self.embeddings is None:
            raise ValueError("freeze_embeddings=True needs embeddings; without them random vectors would stay so")
        if self.embeddings is not None and self.embedding_dim is None:
            raise ValueError(
                "embeddings are vectors of tokens, but embedding_dim=None says that X holds numbers: set "
                "embedding_dim to the length of a vector"
            )
        if self.bptt_steps is not None and self.bidirectional:
            raise ValueError(
                f"bptt_steps={self.bptt_steps} cuts gradients going back in time; with "
                "bidirectional=True the reverse direction would need the end of each sequence "
                "first: set one of them"
            )

    def _check_shape(self):
        """The parameters must be those of the network that is to be trained on."""
        for name, value in self._shape.items():
            if getattr(self, name) != value:
                raise ValueError(
                    f"{name}={getattr(self, name)!r}, but the network to go on with has {name}={value!r}: set it "
                    "back, or fit anew with warm_start=False"
                )

    def _check_lengths(self, sequences, expected):
        """All must have the `expected` number of steps, as readout="concat" needs it; None if it does not matter."""
        if expected is not None and (sequences.lengths != expected).any():
            k = int(np.argmax(sequences.lengths != expected))
            raise ValueError(
                f"readout='concat' needs sequences of one length: X[{k}] has "
                f"{sequences.lengths[k]} steps, expected {expected}; use 'last', 'mean' or 'max' "
                "for ragged data"
            )

    def _check_known(self, sequences):
        """Lengths and tokens must be such as the network can read."""
        self._check_lengths(sequences, self.network_.n_steps)
        if self.network_.embedding is not None:
            self._check_tokens(sequences, self._token_limits(), "the first fit has seen")

    def _token_limits(self):
        """What the tokens of each column of X must be below."""
        return self.network_.embedding.limits

    def _check_tokens(self, sequences, limits, whence):
        """Tokens must be below the limit of the first column, those of others below the last."""
        columns = sequences.values.reshape(len(sequences.values), -1)
        too_large = columns >= np.array(limits)[np.minimum(np.arange(columns.shape[1]), len(limits) - 1)]
        if too_large.any():
            row, column = np.argwhere(too_large)[0]
            k = sequences.number_of(row)
            raise ValueError(
                f"X[{k}] holds the token {columns[row, column]}, but {whence} tokens up to "
                f"{limits[min(column, len(limits) - 1)] - 1}: put the Tokenizer first in a Pipeline, so that it gives "
                "what it does not know the token 0, or fit on data with all tokens first"
            )

    # ----------------------------------------------------------------------------------- training

    def _fit(self, X, y, sample_weight, resume_from=None):
        """Check and train; under `warm_start` go on from the weights that are there, or resume a checkpoint's run."""
        self._check_parameters()
        with self._unchanged_on_error(), threads.limit(self.n_jobs):
            goes_on = self.warm_start and self.__sklearn_is_fitted__()
            if goes_on:
                self._check_shape()
            problem = self._problem(X, y, sample_weight, goes_on)
            run = records.Run(self, problem, goes_on, resume_from)
            self._prepare_network(problem, goes_on, run.rng)
            if not goes_on and self._readout() is None:
                self._start_at_shares(problem)
            settings = self._settings(len(problem.sequences))
            self._trainer = Trainer(self.network_, settings, run.rng)
            self._train(problem, run)
            self._set_history()
        return self

    def _partial_fit(self, X, y, sample_weight, **known):
        """Check and train for one epoch, going on with the optimiser's memory."""
        self._check_parameters()
        if self.solver == "lbfgs":
            raise ValueError("partial_fit needs a stochastic solver; solver='lbfgs' reads all data at once")
        with self._unchanged_on_error(), threads.limit(self.n_jobs):
            goes_on = self.__sklearn_is_fitted__()
            if goes_on:
                self._check_shape()
            problem = self._problem(X, y, sample_weight, goes_on, **known)
            settings = replace(self._settings(len(problem.sequences)), learning_rate="constant")
            if goes_on:
                self._prepare_network(problem, goes_on, None)
                self._trainer = self._trainer.successor(settings)
            else:
                rng = check_random_state(self.random_state)
                self._prepare_network(problem, goes_on, rng)
                self._trainer = Trainer(self.network_, settings, rng)
            loss = self._trainer.epoch(self._objective(problem), problem.sequences.lengths, 0, 1)
            self._set_history()
            for callback in self.callbacks or ():
                callback(Progress(self.n_iter_, loss, None, records.Run(self, problem, True, None).save))
        return self

    @cached_property
    def _trainer(self):
        """That of the last fit; of a loaded model a new one, with the history there is."""
        trainer = Trainer(self.network_, self._settings(1), check_random_state(self.random_state))
        trainer.history = History(self.loss_curve_, self.validation_scores_ or [])
        return trainer

    @contextmanager
    def _unchanged_on_error(self):
        """Whatever is raised within, the estimator is what it was."""
        before = vars(self).copy()
        theta = self.network_.theta.copy() if self.__sklearn_is_fitted__() else None
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            if theta is not None:
                self.network_.theta[:] = theta
                self.network_.changed()
            raise

    def _prepare_network(self, problem, goes_on, rng):
        """A new network, or check that the problem is one for the network that is there."""
        if goes_on:
            self._check_known(problem.sequences)
            self._go_on()
            return
        self._sizes = self._measure(problem)
        self._check_lengths(problem.sequences, self._sizes["steps"] or None)
        self.network_ = self._new_network(rng)
        if self.embeddings is not None:
            table = self.network_.embedding.parameters
            table["weight"][: len(self.embeddings)] = self.embeddings
            table.changed()
        self._shape = {name: getattr(self, name) for name in self._shape_parameters}
        self._dropout_seed = int(rng.randint(2**31)) if self.dropout else 0

    def _go_on(self):
        """Set what parameters may change of a network."""
        self.network_.set_dropout(self.dropout)
        if self.network_.embedding is not None:
            self.network_.embedding.freeze(self.freeze_embeddings)

    def _start_at_shares(self, problem):
        """Let the head's bias give each label of a step its share: rare ones need not be learned to be rare."""
        bias = log_odds(problem.loss, problem.targets, problem.weights, problem.n_outputs)
        self.network_.head.parameters["bias"][...] += bias
        self.network_.changed()

    def _measure(self, problem):
        """What the data decide of a network: features or tokens, outputs, and the steps that "concat" reads or 0."""
        columns, lengths = problem.sequences.values, problem.sequences.lengths
        inputs = columns.shape[1] if self.embedding_dim is None else self._count_tokens(columns)
        steps = int(lengths[0]) if self._readout() == "concat" else 0
        return {"inputs": inputs, "outputs": problem.n_outputs, "steps": steps, "characters": 0}

    def _count_tokens(self, columns):
        """Rows of the table: for the largest token there is, or as many as the one given."""
        given = 0 if self.embeddings is None else len(self.embeddings)
        return max(int(columns.reshape(len(columns), -1)[:, 0].max()) + 1, given)

    def _new_network(self, rng):
        """From the parameters and `_sizes` alone; without `rng` one that awaits its weights."""
        sizes = self._sizes
        return SequenceNetwork(self._new_encoder(), sizes["outputs"], self._readout(), sizes["steps"] or None, rng)

    def _new_encoder(self):
        recurrent = {
            "hidden_size": self.hidden_size,
            "num_layers": self.num_layers,
            "bidirectional": self.bidirectional,
            "bias": self.bias,
        }
        cell = make_cell(self.cell, self.nonlinearity)
        embedding = None if self.embedding_dim is None else self._new_embedding()
        return Encoder(embedding, self._sizes["inputs"], cell, recurrent, self.dropout, self.dtype)

    def _new_embedding(self):
        return Embedding(self._sizes["inputs"], self.embedding_dim, self.dtype, self.freeze_embeddings)

    def _check_embeddings(self, sequences):
        """They must be numbers, embedding_dim for each token of X."""
        vectors = check_array(self.embeddings, dtype=self.dtype, input_name="embeddings")
        if vectors.shape[1] != self.embedding_dim:
            raise ValueError(
                f"embeddings has vectors of {vectors.shape[1]} numbers, but embedding_dim={self.embedding_dim}"
            )
        # Characters, of which other columns hold the tokens, have vectors of their own.
        self._check_tokens(sequences, (len(vectors), np.inf), "embeddings has vectors for")

    def _readout(self):
        return self.readout

    def _settings(self, n_sequences):
        return Settings(
            solver=self.solver, learning_rate_init=self.learning_rate_init,
            learning_rate=self.learning_rate, momentum=self.momentum,
            nesterov=self.nesterovs_momentum, alpha=self.alpha, n_sequences=n_sequences,
            batch_size=self.batch_size, max_iter=self.max_iter, shuffle=self.shuffle,
            clip_norm=self.clip_norm, clip_value=self.clip_value,
            n_iter_no_change=self.n_iter_no_change, tol=self.tol, verbose=bool(self.verbose),
        )  # fmt: skip

    def _train(self, problem, run):
        trainer, lengths = self._trainer, problem.sequences.lengths
        objective, callbacks = self._objective(problem), self.callbacks or ()
        train, score = np.arange(lengths.size), None
        if self.solver == "lbfgs":
            fit_lbfgs(self.network_, objective, trainer.settings, lengths.size, callbacks, trainer.history, run.save)
            return
        if self.early_stopping:
            train, held_out = self._split(lengths.size, problem.strata, run.rng)
            score = self._validation_score(self.network_, problem, held_out)
        run.go_on(trainer)
        trainer.fit(
            lambda numbers, epoch: objective(train[numbers], epoch),
            lengths[train], score, callbacks, run.save,
        )  # fmt: skip

    def _set_history(self):
        history = self._trainer.history
        self.loss_curve_, self.n_iter_ = history.losses, history.n_epochs
        self.validation_scores_ = history.scores if self.early_stopping else None

    def _objective(self, problem):
        """The loss of some of the sequences, its gradient left in the network."""
        network, sequences = self.network_, problem.sequences
        is_full_batch = self.solver == "lbfgs"
        # All sequences in order, as lbfgs takes them at each step, are packed once.
        everything = network.batch(sequences, np.arange(len(sequences))) if is_full_batch else None

        def loss_and_gradient(numbers, epoch):
            batch = everything or network.batch(sequences, numbers)
            key = None if is_full_batch else self._dropout_seed + KEYS_OF_AN_EPOCH * epoch
            chosen = batch.rows if network.readout is None else batch.numbers
            # Steps count alike in whichever batch they are; a batch's loss is that of its sequences' share.
            share = problem.weights[chosen] * (len(sequences) / (len(numbers) * problem.weights.size))
            return network.loss_and_gradient(
                batch, problem.loss, problem.targets[chosen], share, key, self.bptt_steps or 0
            )

        return loss_and_gradient

    def _split(self, n, strata, rng):
        """Numbers of the sequences to train on and of those held out for early stopping."""
        n_held_out = max(2, int(np.ceil(n * self.validation_fraction)))  # one has no R^2
        if n_held_out >= n:
            raise ValueError(
                f"early_stopping holds out {n_held_out} of {n} sequences and leaves none to train "
                f"on: lower validation_fraction (now {self.validation_fraction}), or give more"
            )
        if strata is not None:
            counts = np.bincount(strata)
            if counts[counts > 0].min() < 2 or n_held_out < (counts > 0).sum():
                strata = None
        train, held_out = train_test_split(
            np.arange(n), test_size=n_held_out, random_state=rng.randint(2**31), stratify=strata
        )
        return np.sort(train), np.sort(held_out)

    _record, _restored = records.record, classmethod(records.restored)
    """To the tree of a file, and back."""

    # --------------------------------------------------------------------------------- prediction

    def stream(self, batch=1):
        """Read sequences a step at a time.

        Parameters
        ----------
        batch : int, default=1
            Sequences side by side.

        Returns
        -------
        fastrnn.streaming.Stream

        Raises
        ------
        ValueError
            If the model needs steps that are still to come: with bidirectional=True or readout="concat".
        """
        check_is_fitted(self, "network_")
        if not isinstance(batch, Integral) or batch < 1:
            raise ValueError(f"batch must be an integer >= 1; got {batch!r}")
        if self.network_.encoder.recurrent.n_directions == 2:
            raise ValueError(
                "this model was fitted with bidirectional=True: it reads each sequence from its end as well, which a "
                "stream has not seen yet; fit with bidirectional=False"
            )
        if self.network_.n_steps is not None:
            raise ValueError(
                "this model was fitted with readout='concat', which needs all steps of a sequence; fit with 'last', "
                "'mean' or 'max'"
            )
        return Stream(self.network_, batch, self._answer, *self._beginning_of_streams())

    def _beginning_of_streams(self):
        """How many tokens may come, if the network knows more; and the one before the first."""
        return None, None

    def _outputs(self, X):
        """Outputs of the network (n, K), or (S, K) for all steps; and the sequences."""
        check_is_fitted(self, "network_")
        sequences = self._check_sequences(X, reset=False)
        self._check_known(sequences)
        with threads.limit(self.n_jobs), np.errstate(over="ignore", invalid="ignore"):
            outputs = self.network_.predict(sequences)
        finite = np.isfinite(outputs).all(axis=1)
        if not finite.all():
            row = int(np.argmin(finite))
            if self.network_.readout is None:
                row = sequences.number_of(row)
            raise ValueError(
                f"X[{row}] makes the network's outputs overflow: it is longer, or its values are larger, than what "
                "the network was trained on"
            )
        return outputs, sequences

    def __sklearn_is_fitted__(self):
        return hasattr(self, "network_")
