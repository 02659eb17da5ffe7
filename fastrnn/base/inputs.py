"""What the estimators check of parameters and of what comes in."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_array
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight

from fastrnn.base.categories import Categorical
from fastrnn.base.labels import as_values, check_as_many, check_width, refuse_steps
from fastrnn.base.starting import sources_of
from fastrnn.holes import INDEX, Gaps, Holes, Timed, dated, indexed
from fastrnn.layers.readouts import READOUTS
from fastrnn.lists import as_list, by_step, check_listed
from fastrnn.moments import alone, moments
from fastrnn.network.parts import CELLS
from fastrnn.records import NEWER
from fastrnn.sequences import Given, Patches, Text, as_given, is_panel, with_names
from fastrnn.tables import as_numbers
from fastrnn.tokens import FREE_ROWS, Characters, check_gaps, text_of
from fastrnn.wording import shown


class Count(Interval):
    """Integers, without truth values, which are some to Python."""

    def is_satisfied_by(self, val):
        return not isinstance(val, bool) and super().is_satisfied_by(val)


COUNT = Count(Integral, 1, None, closed="left")
AUTO = StrOptions({"auto"})
SIZES = dict.fromkeys(("hidden_size", "num_layers"), [COUNT, AUTO])
"""The sizes that may be "auto"."""
EMBEDDING, CHARACTERS = 64, 32
"""What "auto" is, for text: the lengths of a token's and a character's vector."""
FEW, DROPPED = (50, 200), (0.0, 0.3, 0.5)
"""Dropout, for up to so many different tokens, up to so many, and more."""
DECAY = 0.1
"""What alpha="auto" is where the steps before, or to come, are unknown."""
PATCHES = 40
"""Of a sequence of the middle length, at least, with patch_length="auto"."""
FRACTION, SHARE = (Interval(Real, 0, 1, closed=closed) for closed in ("left", "neither"))
NOISE, NOISY = ("zoneout", "recurrent_dropout"), ("rnn", "lstm", "gru")
"""Parameters of noise in the recurrence, and the cells that have it."""
RECURRENT = 0.2
"""What recurrent_dropout="auto" is for numbers."""
NOT_NEGATIVE, POSITIVE = (Interval(Real, 0, None, closed=closed) for closed in ("left", "neither"))
SHARED_CONSTRAINTS = {
    **dict.fromkeys(("bidirectional", "bias", "freeze_embeddings", "nesterovs_momentum"), ["boolean"]),
    **dict.fromkeys(("shuffle", "early_stopping", "warm_start", "normalize_X", "normalize_y"), ["boolean"]),
    "return_sequences": ["boolean"], **dict.fromkeys(("crf", "stateful"), ["boolean", AUTO]),
    **dict.fromkeys(("hidden_size", "num_layers", "batch_size", "n_iter_no_change", "character_hidden_size"), [COUNT]),
    **dict.fromkeys(("max_iter", "patch_length"), [COUNT, AUTO]),
    **dict.fromkeys(("bptt_steps", "max_length", "target_embedding_dim"), [COUNT, None]),
    **dict.fromkeys(("embedding_dim", "character_embedding_dim"), [COUNT, AUTO, None]),
    "missing": [StrOptions({"error", "mask", "forward", "decay"})],
    "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
    "time_column": [Count(Integral, 0, None, closed="left"), str, None],
    **dict.fromkeys(("momentum", "label_smoothing", "scheduled_sampling"), [FRACTION]), "dropout": [FRACTION, AUTO],
    "zoneout": [FRACTION], "recurrent_dropout": [FRACTION, AUTO],
    **dict.fromkeys(("clip_norm", "clip_value"), [POSITIVE, None]),
    "cell": [StrOptions({*CELLS})], "readout": [StrOptions({*READOUTS, "auto"})],
    "attention": [StrOptions({"dot", "additive"}), None], "class_weight": [dict, StrOptions({"balanced"}), None],
    "nonlinearity": [StrOptions({"tanh", "relu", "sigmoid"})], "dtype": [StrOptions({"float32", "float64"})],
    "solver": [StrOptions({"adam", "adamw", "sgd", "rmsprop", "lbfgs"})], "learning_rate_init": [POSITIVE],
    "learning_rate": [StrOptions({"constant", "cosine", "plateau", "warmup"})], "alpha": [NOT_NEGATIVE, AUTO],
    "validation_fraction": [SHARE, HasMethods(["split", "get_n_splits"])], "scoring": [str, callable, None],
    "tol": [NOT_NEGATIVE, None],
    "n_jobs": [Interval(Integral, None, -1, closed="right"), COUNT, None], "callbacks": [list, tuple, None],
    "init_from": "no_validation",
    **dict.fromkeys(("freeze", "averaging", "proj_size"), [Count(Integral, 0, None, closed="left")]),
    "embeddings": ["array-like", None], "random_state": ["random_state"], "verbose": ["verbose"]}  # fmt: skip


def check_finite(outputs, number_of, who="X[{}]".format):
    """The outputs, each row of which must be finite; `number_of(row)` says whose it is, `who` what that is called."""
    is_finite = np.isfinite(outputs.reshape(len(outputs), -1))
    if not is_finite.all():
        k = number_of(int(np.argmin(is_finite.all(axis=1))))
        why = "it is longer, or its values are larger, than what the network was trained on"
        raise ValueError(f"{who(k)} makes the network's outputs overflow: {why}")
    return outputs


def steps_weights(given, lengths):
    """Weights (S,) of the steps of sequences, as they came: for sequences, for steps, or None."""
    if (rows := by_step(given)) is not None:
        return np.concatenate(rows)
    return np.repeat(np.resize(np.float64(1.0 if given is None else given), lengths.size), lengths)


def maxima(parts):
    """By name, the largest number that a part has."""
    return {name: max(part[name] for part in parts) for name in parts[0]}


def _middle(parts):
    """Of numbers in all parts."""
    return np.median(np.concatenate(parts))


def _added(parts):
    """The largest weight of all parts, the sum of all in units of it, and how many there are."""
    largest = max(part[0] for part in parts)
    return largest, sum(total * (own / (largest or 1.0)) for own, total, _ in parts), sum(n for *_, n in parts)


def _summed(counts):
    """How often each token is in all parts, of which each counts up to the largest that it has."""
    return np.sum([np.pad(own, (0, max(map(len, counts)) - len(own))) for own in counts], axis=0)


class InputChecks(Categorical):
    """The checks; each raises a ValueError that says what came, what was expected, and what to do.

    Whatever depends on all of the data is `_agreed` upon, for there may be more than what this process has.
    """

    _auto_sizes = (64, 1), (64, 1)
    """What SIZES are where they are "auto", for numbers and for tokens."""
    _agreed = staticmethod(alone)
    _warn = staticmethod(warnings.warn)
    """Of a part of the data it notes what the fit is to warn of, once."""
    _only_asks = False
    """Whether nobody reads the steps that are stored."""
    _place = 0
    """That of what this process has, among the parts of the data."""
    _of_part = ()
    """What is noted of a part of the data, and not of all."""

    def _decided(self, X=None):
        """The parameters that a network keeps for life, with what "auto" is for X: of a `Tokenizer`, or numbers."""
        shape, text = {name: getattr(self, name) for name in self._shape_parameters}, text_of(X)
        length, of_character = shape.get("embedding_dim"), CHARACTERS
        if length == "auto":
            given = None if text is None else EMBEDDING
            length = given if self.embeddings is None else np.shape(self.embeddings)[-1]
        is_spelt = text is not None and (text.ndim == 2 or text.spellings is not None) and length is not None
        readout = "last" if length is None or isinstance(text, Characters) else "max"
        auto = {"embedding_dim": length, "readout": readout, "crf": text is not None, "stateful": False}
        auto |= zip(SIZES, self._auto_sizes[length is not None], strict=True)
        for source in sources_of(self.init_from)[:1]:
            auto |= {name: getattr(source.network_.encoder.recurrent, name) for name in SIZES}
            of_character = source._shape.get("character_embedding_dim")
        auto["character_embedding_dim"] = of_character if is_spelt else None
        can_be_noisy = self.cell in NOISY and not self.proj_size and shape.get("missing") != "decay"
        auto["recurrent_dropout"] = RECURRENT if length is None and can_be_noisy else 0.0
        return {name: auto.get(name, value) if isinstance(value, str) and value == "auto" else as_list(value)
                for name, value in shape.items()}  # fmt: skip

    def _check_sequences(self, X, *, reset):
        """X as `Sequences` of tokens, or `Given` numbers; with `reset` what comes later must be like it."""
        check_listed(X, "X", "a list of sequences, or a 2-D or 3-D array")
        if reset:
            self._shape = self._decided(X)
        tokens = not self._reads_numbers()
        if not tokens and (length := self._shape.get("character_embedding_dim")) is not None:
            advice = f"whose vectors embedding_dim must give a length (now {self.embedding_dim})"
            raise ValueError(f"character_embedding_dim={length} is for words, {advice}")
        if tokens:
            self._refuse_holes("is for numbers, but X holds tokens: leave it out")
        # Token lists may happen to be equally long.
        looks_like_panel = not (tokens and isinstance(X, (list, tuple))) and is_panel(X)
        if not reset and looks_like_panel and not self._is_panel and isinstance(X, np.ndarray):
            self._refuse_one_sequence(X)
        X = with_names(self, X, looks_like_panel, reset=reset)
        form = "characters" if self._shape.get("character_embedding_dim") is not None else tokens
        frames, (X, kept), times = X, self._begin_categories(X, reset=reset), None
        if (column := self._shape.get("time_column")) is not None:
            X, times = self._timed(X, column, frames)
        n_features = 1 if self._is_panel else getattr(self, "n_features_in_", None)
        sequences = as_given(X, tokens=form, n_features=None if reset else n_features)
        sequences.are_text = text_of(X) is not None
        is_plain = not looks_like_panel and not tokens and self._shape.get("categorical_features") is None
        if reset and is_plain and np.ndim(next(iter(X))) == 1:
            self._warn_of_tokens(sequences.count_likely_tokens())
        if self._is_panel:
            self._check_panel(sequences)
        elif reset:
            width = sequences.width
            are_words = tokens and sequences.are_words
            self.n_features_in_ = self._agreed(width, max) if are_words else width  # of words that of the longest
        if not reset:
            self._check_known(sequences)
        elif tokens:
            self._check_table(sequences)
        sequences = self._with_codes(sequences, kept, reset=reset)
        return sequences if column is None else Timed(sequences, self._clock(sequences.width), times)

    def _timed(self, X, column, frames):
        """X, of which times are numbers, and times that are beside it or None."""
        if self._is_panel:
            found = f"time_column={column!r} says when each step is, but X is a table of series, a number a step"
            raise ValueError(f"{found}: give a list of sequences")
        return (X, indexed(frames)) if column == INDEX else (dated(X, self._clock()), None)

    def _clock(self, n=None):
        """The place of the column of times, among n if that is known; what is beside the columns is behind them."""
        column = self._shape["time_column"]
        if column == INDEX:
            return n
        names = getattr(self, "feature_names_in_", None)
        if isinstance(column, str):
            known = "X has no names of columns" if names is None else f"X has the columns {shown([*names], 200)}"
            if names is None or column not in names:
                raise ValueError(f"time_column={column!r}, but {known}: give one of them, or a number")
            return [*names].index(column)
        if n is not None and column >= n:
            raise ValueError(f"time_column={column}, but X has {n} features: they count from 0")
        return column

    def _holes(self):
        """How steps with holes and times are read; None if there are neither."""
        missing, column = (self._shape.get(name) for name in ("missing", "time_column"))
        if missing in (None, "error") and column is None:
            return None
        n, is_beside = 1 if self._is_panel else self.n_features_in_, column == INDEX
        clock = -1 if column is None else self._clock(n)
        return Holes.of(missing, n + is_beside, clock, is_beside, self._coded.tolist())

    def _refuse_holes(self, why, known=("error",), names=("missing", "time_column", "categorical_features")):
        for name in names:
            value = self._shape.get(name)
            if value is not None and not (isinstance(value, str) and value in known):
                raise ValueError(f"{name}={shown(value)} {why}")

    def _warn_of_tokens(self, n):
        """Sequences of numbers that may be n tokens."""
        if n > 0:
            found = f"X holds sequences of {n} different integers that look like tokens"
            read = f"{'standardised' * self.normalize_X or 'as they are'} (normalize_X={self.normalize_X})"
            given = f"embedding_dim={self.embedding_dim!r} takes them for numbers, to be read {read}"
            advice = "Set embedding_dim, such as 64, if they are tokens; numbers as floats are taken without this"
            self._warn(f"{found}, but {given}. {advice} warning", stacklevel=7)

    def _refuse_one_sequence(self, X):
        """A 2-D X is many univariate series; for a model of sequences it is probably one of them."""
        if len(X) > 1 and X.shape[1] == self.n_features_in_:
            found = f"X is one array of shape {X.shape}, which would be {len(X)} univariate series of {X.shape[1]}"
            raise ValueError(f"{found} steps, but the fit was on a list of sequences: pass [X] for one sequence")

    def _check_panel(self, sequences):
        """Series for a model fitted on a panel, in whatever form, must have its length."""
        for k in np.flatnonzero(sequences.lengths != self.n_features_in_):
            fit = f"{type(self).__name__} was fitted on a 2-D X of series of {self.n_features_in_} steps"
            advice = "fit on a list of sequences to predict other lengths"
            raise ValueError(f"X[{k}] has {sequences.lengths[k]} steps, but {fit}; {advice}")

    def _check_weights(self, sample_weight, n):
        """Weights (n,) with the mean 1."""
        if sample_weight is None:
            return np.ones(n)
        if not isinstance(sample_weight, Real):
            check_listed(sample_weight, "sample_weight", "a number for each sequence")
            weights = as_values(sample_weight)
            refuse_steps(weights, "only SequenceTagger(crf=False) takes one for each step", "sample_weight")
            sample_weight = as_numbers(weights, "sample_weight") if weights.dtype.kind in "OSU" else weights
            check_as_many(sample_weight, range(n), "sample_weight")
        if np.shape(sample_weight) == (n,) and not np.any(sample_weight):
            return self._normalised(np.zeros(n))  # other parts of the data may have others
        weights = _check_sample_weight(sample_weight, np.empty((n, 1)), dtype=np.float64, ensure_non_negative=True)
        return self._normalised(weights)

    def _normalised(self, weights, there=True):
        """Weights, of which those of what is there have the mean 1, taken over all."""
        counted = weights * there
        own = counted.max() or 1.0  # in these units: their sum may be too large or too small a number
        largest, total, n = self._agreed((own, (counted / own).sum(), weights.size), _added)
        if total == 0:
            raise ValueError("all weights are zero; at least one sequence needs a positive weight")
        return weights / largest * (n / total)

    _is_multilabel = False
    """Whether y holds rows of 0 and 1."""

    def _standardised(self, sequences, weights, goes_on):
        """What the network reads of sequences; the first ones, with weights (n,) or (S,), say how.  Tokens stay."""
        if not isinstance(sequences, Given):
            if getattr(self, "patch_length", 1) not in (1, "auto"):
                raise ValueError(f"patch_length={self.patch_length} is for numbers, but X holds tokens: leave it out")
            hides = sequences.are_text and weights is not None and self.dropout
            if hides and self.dropout == "auto":
                hides = self._agreed(self._count_tokens(sequences.values), max) > FEW[0]
            if not hides:
                return sequences
            counts = self._agreed(np.bincount(sequences.values.reshape(len(sequences.values), -1)[:, 0]), _summed)
            return Text(sequences.values, sequences.offsets, counts, self._place)
        n, holes = sequences.width, self._holes()
        if (size := self._sizes.get("patch", 1) if goes_on else self._choose_patch(sequences.lengths)) > 1:
            sequences = sequences.with_changes(2 * size - 1)
        if not goes_on:
            self._set_moments(sequences, weights, n, holes)
        dtype = self.network_.theta.dtype if goes_on else self.dtype
        # What has finite moments is finite, unless it was left out of them.
        is_right = self._only_asks and self.normalize_X and np.isfinite(self._X_scale).all() and (weights > 0).all()
        if is_right:
            stored = sequences.blank(dtype, self._X_mean.size)
        else:
            advice = "remove or impute it" + ", or set missing='mask'" * (self._shape.get("missing") == "error")
            stored = sequences.stored(dtype, self._X_mean, self._X_scale, holes=holes, advice=advice)
        stored = stored if size == 1 else Patches(stored.values, stored.offsets, size)
        if weights is not None and holes is not None and holes.flagged.size and self.solver != "lbfgs":
            stored.gaps = Gaps(holes, n, self._place)
        return stored

    def _set_moments(self, sequences, weights, n, holes):
        """With what numbers are standardised, of which the first n are a step's own; flags stay as they are."""
        for source in sources_of(self.init_from)[:1]:
            if hasattr(source, "_X_mean"):
                self._X_mean, self._X_scale = source._X_mean, source._X_scale
                return
        has_holes = holes is not None and holes.n_carried >= 0
        mean, scale = np.zeros(sequences.width), np.ones(sequences.width)
        if self.normalize_X or has_holes:
            # Without biases there is none that could take the mean off in another library's layers.
            options = {"is_centred": self.bias, "spares_ready": True, "has_holes": has_holes, "agreed": self._agreed}
            found = moments(sequences.weighted_blocks(weights), **options)
            for k in np.flatnonzero(np.isnan(found[1][:n])):
                names = None if self._is_panel else getattr(self, "feature_names_in_", None)
                which = f"feature {k}{'' if names is None else f', {names[k]!r},'}"
                raise ValueError(f"{which} of X is NaN at every step that counts: leave it out")
            if self.normalize_X:
                mean, scale = found[0], np.where(np.isnan(found[1]), 1.0, found[1])
        mean[self._coded], scale[self._coded] = 0.0, 1.0
        n_flags, n_ages = (holes.flagged.size, holes.n_ages) if holes else (0, 0)
        # Ages are told in mean gaps, or in steps; where all are 0, this does not matter.
        gap = 1.0 if not n_ages or holes.clock < 0 else found[0][holes.clock] or 1.0
        self._X_mean = np.append(mean, np.zeros(n_flags + n_ages))
        self._X_scale = np.concatenate([scale, np.ones(n_flags), np.full(n_ages, gap)])

    def _choose_patch(self, lengths):
        """Steps that are read as one, as `patch_length` says, of estimators that have it."""
        asked, is_concat = getattr(self, "patch_length", 1), self._readout() == "concat"
        decays = self._shape.get("missing") == "decay"
        if self._coded.size or decays:
            if asked not in (1, "auto"):
                why = "what decays does so step by step" if decays else "categories have none"
                found = f"patch_length={asked} reads several steps and their changes as one, but {why}"
                advice = "missing to 'mask'" if decays else "categorical_features to None"
                raise ValueError(f"{found}: set it to 1, or {advice}")
            return 1
        if asked not in (1, "auto") and is_concat:
            raise ValueError(f"patch_length={asked} and readout='concat' do not go together: set one to its default")
        if asked != "auto" or is_concat:
            return 1 if is_concat else asked
        if self.init_from is not None:
            return sources_of(self.init_from)[0]._sizes.get("patch", 1)
        return max(1, int(self._agreed(lengths, _middle)) // PATCHES)

    def _refuse_patches(self, what):
        if (size := self._sizes.get("patch", 1)) > 1:
            raise ValueError(f"this model reads {size} steps as one, and {what} does not: fit anew with patch_length=1")

    def _set_scale(self, targets, weights):
        """With what targets (n, K) that are numbers are standardised for training."""
        n_outputs = targets.shape[1]
        self._y_mean, self._y_scale = np.zeros(n_outputs), np.ones(n_outputs)
        if self.normalize_y:
            counts = weights > 0
            blocks = [(targets[counts], weights[counts])] if counts.any() else []
            self._y_mean, self._y_scale = moments(blocks, agreed=self._agreed)

    def _check_columns(self, targets):
        """Targets (n,) or (n, K) that are numbers, as many a row as in the first fit."""
        check_width(targets.size // len(targets), self._y_mean.size)
        return targets

    def _scaled(self, targets):
        """The targets, standardised."""
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = ((targets - self._y_mean) / self._y_scale).astype(self.dtype)
        if not np.isfinite(scaled).all() or not np.isfinite(self._y_scale).all():
            largest = targets.flat[np.argmax(np.abs(targets))]
            raise ValueError(f"y is too large for {self.dtype}: it holds {largest}; scale it")
        return scaled

    def _check_parameters(self):
        """What can be said against the parameters before anything is known of the data."""
        self._validate_params()
        decays = self.alpha not in ("auto", 0)
        if self.freeze and (decays or self.solver == "lbfgs"):
            why = "alpha, which takes from all weights" if decays else "solver='lbfgs', which has no epochs"
            raise ValueError(f"freeze={self.freeze} does not go with {why}: leave one out")
        if self.averaging and (self.early_stopping or self.tol is not None or self.solver == "lbfgs"):
            why = "solver='lbfgs', which has no epochs"
            if self.solver != "lbfgs":
                why = f"{'early_stopping' if self.early_stopping else 'tol'}, which may end training at any epoch"
            raise ValueError(f"averaging={self.averaging} does not go with {why}: leave one out")
        if sources_of(self.init_from) and self.embeddings is not None:
            raise ValueError("embeddings and init_from both say which vectors tokens have: give one of them")
        self._check_cell()
        if not all(callable(callback) for callback in self.callbacks or ()):
            raise ValueError(f"callbacks must hold callables, scikit-learn's go to set_callbacks; got {self.callbacks}")
        if self.freeze_embeddings and self.embeddings is None:
            raise ValueError("freeze_embeddings=True needs embeddings; without them the vectors would stay random")
        if self.embeddings is not None and self.embedding_dim is None:
            found = "embeddings are vectors of tokens, but embedding_dim=None says that X holds numbers"
            raise ValueError(f"{found}: set embedding_dim to the length of a vector")
        if self.bptt_steps is not None and self.bidirectional:
            why = "with bidirectional=True the reverse direction would need the end of each sequence first"
            raise ValueError(f"bptt_steps={self.bptt_steps} cuts gradients going back in time; {why}: use only one")

    def _check_cell(self):
        """What is asked of the cell, of which all is kept for life, must go together."""
        if self.proj_size:
            self._check_projection()
        if any(self._noise_asked()):
            self._check_noise()
        if getattr(self, "missing", None) == "decay":
            self._check_decay()

    def _check_projection(self):
        """An LSTM's h may have fewer numbers than units."""
        if self.cell != "lstm":
            raise ValueError(f"proj_size={self.proj_size} is for cell='lstm', but cell={self.cell!r}: leave one out")
        self._check_projected(np.inf if self.hidden_size == "auto" else self.hidden_size)
        asked = dict(zip(NOISE, self._noise_asked(), strict=True), missing=getattr(self, "missing", "") == "decay")
        for name in (name for name, is_asked in asked.items() if is_asked):
            found = f"{name}={getattr(self, name)!r}"
            raise ValueError(f"proj_size={self.proj_size} does not go with {found}: leave one out")

    def _check_projected(self, units):
        if self.proj_size >= units:
            found = f"proj_size must be smaller than hidden_size={units}"
            raise ValueError(f"{found}, or 0 for no projection; got {self.proj_size}")

    def _noise_asked(self):
        """The rates of `NOISE`, where "auto" asks for none."""
        return [0.0 if rate == "auto" else rate for rate in (self.zoneout, self.recurrent_dropout)]

    def _check_noise(self):
        """Noise in the recurrence is for the plain cells, whose states do not fade."""
        found = " and ".join(f"{name}={r}" for name, r in zip(NOISE, self._noise_asked(), strict=True) if r)
        if self.cell not in NOISY:
            raise ValueError(f"{found} is for cell='rnn', 'lstm' and 'gru', but cell={self.cell!r}: set one of these")
        if getattr(self, "missing", None) == "decay":
            raise ValueError(f"{found} does not go with missing='decay', whose states fade: set missing='mask'")

    def _check_decay(self):
        """What decays does so in one direction of an LSTM or GRU."""
        if self.cell not in ("gru", "lstm"):
            raise ValueError(f"missing='decay' is for cell='gru' and 'lstm', but cell={self.cell!r}: set one of these")
        if self.bidirectional:
            why = "counts the time since a number was seen, which has one direction"
            raise ValueError(f"missing='decay' {why}, but bidirectional=True: set bidirectional=False")

    def _check_shape(self):
        """The parameters must be those of the network that is to be trained on."""
        for name in self._shape_parameters:
            # Not all are in pickles of versions before.
            mine, value = getattr(self, name), self._shape.get(name, NEWER.get(name))
            # "auto" was decided then; and lists come back from a file where tuples went.
            if not (isinstance(mine, str) and mine == "auto" or np.array_equal(mine, value)):
                found = f"{name}={shown(mine)}, but the network to go on with has {name}={shown(value)}"
                raise ValueError(f"{found}: set it back, or fit anew with warm_start=False")

    def _check_lengths(self, sequences, expected):
        """All must have the `expected` number of steps, as readout="concat" needs it; None if it does not matter."""
        for k in np.flatnonzero(sequences.lengths != expected) if expected is not None else ():
            found = f"readout='concat' needs sequences of one length: X[{k}] has {sequences.lengths[k]} steps"
            raise ValueError(f"{found}, expected {expected}; use 'last', 'mean', 'max' or 'attention' for ragged data")

    def _check_known(self, sequences):
        """Lengths and tokens must be such as the network can read."""
        self._check_lengths(sequences, self.network_.n_steps)
        if self.network_.embedding is not None:
            self._check_tokens(sequences, self._token_limits(), "the first fit has seen")

    def _token_limits(self):
        """What the tokens of each column of X must be below."""
        return self.network_.embedding.limits

    def _check_tokens(self, sequences, limits, whence, name="X"):
        """Tokens must be below the limit of the first column, those of others below the last."""
        columns = sequences.values if sequences.values.ndim == 2 else sequences.values[:, np.newaxis]
        limits = np.array(limits)[np.minimum(np.arange(columns.shape[1]), len(limits) - 1)]
        for row, column in np.argwhere(columns >= limits):
            found = f"{name}[{sequences.number_of(row)}] holds the token {columns[row, column]}"
            way = "put the Tokenizer first in a Pipeline, so that it gives what it does not know the token 0, or "
            advice = f"{way * (name == 'X')}fit on data with all tokens first"
            raise ValueError(f"{found}, but {whence} tokens up to {limits[column] - 1:.0f}: {advice}")

    _free_rows = FREE_ROWS

    def _check_table(self, sequences):
        """The tokens must be such as a table can be made for, or has been given for."""
        if self.embeddings is None:
            check_gaps(sequences, "X", self._free_rows)
        else:
            vectors = check_array(self.embeddings, dtype=self.dtype, input_name="embeddings")
            if (width := vectors.shape[1]) != (dim := self._shape["embedding_dim"]):
                raise ValueError(f"embeddings has vectors of {width} numbers, but embedding_dim={dim}")
            # Characters, of which other columns hold the tokens, have vectors of their own.
            self._check_tokens(sequences, (len(vectors), np.inf), "embeddings has vectors for")
        if sequences.are_words:
            check_gaps(sequences, "X", self._free_rows, column=1)
