"""What the estimators share: checks of what comes in, building and training the network, prediction."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from fastrnn import threads
from fastrnn.network import SequenceNetwork, make_cell
from fastrnn.sequences import as_sequences
from fastrnn.training import Settings, Trainer, fit_lbfgs

SHARED_CONSTRAINTS = {
    "cell": [StrOptions({"lstm", "gru", "rnn"})],
    "hidden_size": [Interval(Integral, 1, None, closed="left")],
    "num_layers": [Interval(Integral, 1, None, closed="left")],
    "bidirectional": ["boolean"],
    "nonlinearity": [StrOptions({"tanh", "relu", "sigmoid"})],
    "bias": ["boolean"],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "embedding_dim": [Interval(Integral, 1, None, closed="left"), None],
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
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
    "callbacks": ["array-like", None],
}


def is_panel(X):
    """Whether X is a table of univariate series (n, T): a 2-D array or frame, or a list of lists of numbers."""
    if hasattr(X, "shape"):
        return len(X.shape) == 2
    if hasattr(X, "__array__"):
        return np.asarray(X).ndim == 2
    if not isinstance(X, (list, tuple)) or not X or not all(isinstance(x, (list, tuple)) for x in X):
        return False
    same_length = len({len(x) for x in X}) == 1
    return same_length and all(np.isscalar(v) or v is None for x in X for v in x)


class SequenceEstimator(BaseEstimator):
    """Base of the estimators that read sequences; they encode targets and decode outputs."""

    # ------------------------------------------------------------------------------------------------- input

    def _check_X(self, X, *, fitting):
        """X as `Sequences`; sets or checks `n_features_in_`."""
        tokens = self.embedding_dim is not None
        if is_panel(X) or hasattr(X, "todense"):
            return self._check_panel(X, fitting, tokens)
        if not fitting and self._is_panel and not (hasattr(X, "dtype") and X.dtype != object):
            X = self._as_panel(X)
            return self._check_panel(X, fitting, tokens)
        n_features = None if fitting else self.n_features_in_
        sequences = as_sequences(X, self.dtype, tokens=tokens, n_features=n_features)
        if fitting:
            self._is_panel = False
            self.n_features_in_ = 1 if tokens else sequences.values.shape[1]
        return sequences

    def _as_panel(self, X):
        """Series that came in another form to a model fitted on a panel: the lengths must be the panel's."""
        series = [np.asarray(x) for x in X]
        for k, x in enumerate(series):
            if x.shape not in ((self.n_features_in_,), (self.n_features_in_, 1)):
                raise ValueError(
                    f"X[{k}] has shape {x.shape}, but {type(self).__name__} was fitted on a 2-D X of series of "
                    f"{self.n_features_in_} steps; fit on a list of sequences to predict other lengths"
                )
        return np.array([x.ravel() for x in series])

    def _check_panel(self, X, fitting, tokens):
        if not fitting and not self._is_panel and not hasattr(X, "todense"):
            return as_sequences(
                check_array(X, dtype=None, ensure_min_features=1), self.dtype, tokens=tokens,
                n_features=self.n_features_in_,
            )  # fmt: skip
        dtype = np.int64 if tokens else self.dtype
        with np.errstate(over="ignore"):
            X = validate_data(self, X, reset=fitting, dtype=None if tokens else [dtype], order="C")
        if fitting:
            self._is_panel = True
        return as_sequences(X, self.dtype, tokens=tokens)

    def _check_weights(self, sample_weight, n):
        """Weights (n,) with the mean 1."""
        if sample_weight is None:
            return np.ones(n)
        weights = _check_sample_weight(sample_weight, np.empty((n, 1)), ensure_non_negative=True)
        return self._normalised(weights)

    @staticmethod
    def _normalised(weights):
        if weights.sum() == 0:
            raise ValueError("all weights are zero; at least one sequence needs a positive weight")
        return weights * (weights.size / weights.sum())

    def _check_options(self, sequences):
        """Options that exclude each other, or do not go with the data."""
        if self.bptt_steps is not None and self.bidirectional:
            raise ValueError(
                f"bptt_steps={self.bptt_steps} cuts gradients going back in time; with bidirectional=True the "
                "reverse direction would need the end of each sequence first: set one of them"
            )
        if getattr(self, "readout", None) == "concat":
            self._check_equal_lengths(sequences)

    def _check_equal_lengths(self, sequences):
        expected = sequences.lengths[0]
        if hasattr(self, "network_"):
            expected = self._n_steps
        if (sequences.lengths != expected).any():
            k = int(np.argmax(sequences.lengths != expected))
            raise ValueError(
                f"readout='concat' needs sequences of one length: X[{k}] has {sequences.lengths[k]} steps, "
                f"expected {expected}; use 'last', 'mean' or 'max' for ragged data"
            )

    # ----------------------------------------------------------------------------------------------- training

    def _settings(self, max_iter, n_sequences):
        return Settings(
            solver=self.solver, learning_rate_init=self.learning_rate_init, learning_rate=self.learning_rate,
            momentum=self.momentum, nesterov=self.nesterovs_momentum, alpha=self.alpha,
            n_sequences=n_sequences,
            batch_size=self.batch_size, max_iter=max_iter, shuffle=self.shuffle, clip_norm=self.clip_norm,
            clip_value=self.clip_value, n_iter_no_change=self.n_iter_no_change, tol=self.tol,
            verbose=bool(self.verbose),
        )  # fmt: skip

    def _new_network(self, sequences, n_outputs, rng):
        recurrent = {
            "hidden_size": self.hidden_size,
            "num_layers": self.num_layers,
            "bidirectional": self.bidirectional,
            "bias": self.bias,
        }
        cell = make_cell(self.cell, self.nonlinearity)
        is_tokens = self.embedding_dim is not None
        input_size = int(sequences.values.max()) + 1 if is_tokens else sequences.values.shape[1]
        return SequenceNetwork(
            input_size, n_outputs, cell, recurrent, self._readout(), int(sequences.lengths[0]),
            self.embedding_dim, self.dropout, self.dtype, rng,
        )  # fmt: skip

    def _readout(self):
        return self.readout

    def _train(self, sequences, targets, weights, n_outputs, loss, rng, stratify=None):
        """Build the network (or go on with it under `warm_start`), train it, and set the fitted attributes."""
        goes_on = self.warm_start and hasattr(self, "network_")
        network = self.network_ if goes_on else self._new_network(sequences, n_outputs, rng)
        n = len(sequences)
        settings = self._settings(self.max_iter, n)
        n_steps = int(sequences.lengths[0])
        with threads.limit(self.n_jobs):
            if self.solver == "lbfgs":
                objective = self._objective(network, sequences, targets, weights, loss, None)
                trainer, history = None, fit_lbfgs(network, objective, settings, n)
            else:
                train, score = np.arange(n), None
                if self.early_stopping:
                    train, held_out = self._split(n, stratify, rng)
                    score = self._validation_score(network, sequences, targets, held_out)
                dropout_seed = int(rng.randint(2**31)) if self.dropout else None
                objective = self._objective(network, sequences, targets, weights, loss, dropout_seed)
                trainer = Trainer(network, settings, rng)
                trainer.fit(
                    lambda numbers, epoch: objective(train[numbers], epoch),
                    sequences.lengths[train], score, self.callbacks or (),
                )  # fmt: skip
                history = trainer.history
        self.network_, self._trainer, self._n_steps = network, trainer, n_steps
        self._set_history(history)
        return self

    def _set_history(self, history):
        self.loss_curve_, self.n_iter_ = history.losses, history.n_epochs
        self.validation_scores_ = history.scores if self.early_stopping else None

    def _objective(self, network, sequences, targets, weights, loss, dropout_seed):
        """The loss of some of the sequences, its gradient left in the network."""
        kept = {}

        def loss_and_gradient(numbers, epoch):
            # A full batch in order, as lbfgs takes, is packed once.
            is_everything = self.solver == "lbfgs"
            batch = kept.get("batch") or network.batch(sequences, numbers)
            if is_everything:
                kept["batch"] = batch
            key = None if dropout_seed is None else dropout_seed + 1000 * (epoch + 1)
            chosen = batch.rows if network.readout is None else numbers
            share = weights[chosen] / len(chosen)
            return network.loss_and_gradient(
                batch, loss, targets[chosen], share, key, self.bptt_steps or 0
            )

        return loss_and_gradient

    def _partial_train(self, sequences, targets, weights, n_outputs, loss):
        """One epoch, going on with the optimiser's memory."""
        if self.solver == "lbfgs":
            raise ValueError("partial_fit needs a stochastic solver; solver='lbfgs' reads all data at once")
        if not hasattr(self, "network_") or self._trainer is None:
            rng = check_random_state(self.random_state)
            if not hasattr(self, "network_"):
                self.network_ = self._new_network(sequences, n_outputs, rng)
                self._n_steps = int(sequences.lengths[0])
            self._trainer = Trainer(self.network_, self._settings(1, len(sequences)), rng)
            self._dropout_seed = int(rng.randint(2**31)) if self.dropout else None
        trainer = self._trainer
        seed = getattr(self, "_dropout_seed", None)
        objective = self._objective(self.network_, sequences, targets, weights, loss, seed)
        with threads.limit(self.n_jobs):
            trainer.settings.learning_rate = "constant"
            loss = trainer.epoch(objective, sequences.lengths, 0, 1)
        trainer.history.losses.append(loss)
        self._set_history(trainer.history)
        return self

    def _split(self, n, stratify, rng):
        """Numbers of the sequences to train on and of those held out for early stopping."""
        n_held_out = int(np.ceil(n * self.validation_fraction))
        if n_held_out >= n:
            raise ValueError(
                f"early_stopping holds out {n_held_out} of {n} sequences and leaves none to train on: lower "
                f"validation_fraction (now {self.validation_fraction})"
            )
        if stratify is not None:
            counts = np.bincount(stratify)
            if counts[counts > 0].min() < 2 or n_held_out < (counts > 0).sum():
                stratify = None
        train, held_out = train_test_split(
            np.arange(n), test_size=n_held_out, random_state=rng.randint(2**31), stratify=stratify
        )
        return np.sort(train), np.sort(held_out)

    # --------------------------------------------------------------------------------------------- prediction

    def _outputs(self, X):
        """Outputs of the network (n, K), or (S, K) for all steps; and the sequences."""
        check_is_fitted(self, "network_")
        sequences = self._check_X(X, fitting=False)
        if getattr(self, "readout", None) == "concat":
            self._check_equal_lengths(sequences)
        if self.embedding_dim is not None:
            self._check_vocabulary(sequences)
        with threads.limit(self.n_jobs):
            return self.network_.predict(sequences), sequences

    def _check_vocabulary(self, sequences):
        n_tokens = self.network_.embedding.n_tokens
        if sequences.values.max() >= n_tokens:
            row = int(np.argmax(sequences.values >= n_tokens))
            k = int(np.searchsorted(sequences.offsets, row, side="right")) - 1
            raise ValueError(
                f"X[{k}] holds the token {sequences.values[row]}, but the fit has seen tokens up to {n_tokens - 1}"
            )

    def __sklearn_is_fitted__(self):
        return hasattr(self, "network_")


