"""What the estimators share: training and prediction."""

import warnings
from bisect import bisect_left
from collections import namedtuple
from contextlib import ExitStack, contextmanager
from copy import copy
from functools import cached_property, partial

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from fastrnn import records, threads
from fastrnn.base.callbacks import CallbackSupportMixin, watched
from fastrnn.base.categories import numbers_of
from fastrnn.base.files import from_files, refuse_files
from fastrnn.base.inputs import DECAY, DROPPED, FEW, SHARED_CONSTRAINTS, InputChecks, check_finite, maxima
from fastrnn.base.naming import Named
from fastrnn.base.starting import check_alike, sources_of, take_over
from fastrnn.base.static import Informed
from fastrnn.base.summary import Summarised
from fastrnn.base.validation import Beside, Validating
from fastrnn.data import SequenceFiles
from fastrnn.epochs import Budget, decay_for, epochs_for
from fastrnn.kernels.caching import Later
from fastrnn.layers.categories import Categories
from fastrnn.layers.feedforward import Embedding
from fastrnn.layers.words import WordEmbedding
from fastrnn.losses.answers import filled
from fastrnn.losses.loss import constant_loss, label_weights, log_odds
from fastrnn.network.parts import Encoder, make_cell
from fastrnn.network.sequence import SequenceNetwork
from fastrnn.storage import write
from fastrnn.streaming import Stream
from fastrnn.training import History, Progress, Settings, Trainer, fit_lbfgs, tell, warn_if_not_learned
from fastrnn.wording import check_count

fading, noise = Later("fastrnn.layers.decay"), Later("fastrnn.layers.noise")
projection = Later("fastrnn.layers.projection")

KEPT_FOR_LIFE = (
    "cell", "hidden_size", "num_layers", "bidirectional", "nonlinearity", "bias", "embedding_dim", "dtype",
    "character_embedding_dim", "character_hidden_size", "readout", "return_sequences", "crf", "stateful",
    "target_embedding_dim", "attention", "zoneout", "recurrent_dropout", "proj_size")  # fmt: skip
"""Parameters, of estimators that have them, which a network keeps."""


FIELDS = "sequences, targets, weights, n_outputs, loss, strata, inputs, trial, width, n_streams, there"


class Problem(namedtuple("Problem", FIELDS, defaults=(None, None, None, 1.0, None, True))):
    """What a network is to learn; targets and weights are one a sequence, or one a stored step.

    strata : array (n,), optional
        Classes, of which a held-out part shall have its share.
    inputs : Sequences, optional
        What a decoder reads.
    trial : Problem, optional
        Another, which shows how much of what a network learns is to be believed.
    width : float
        What is unknown about the future, in units of what targets show of it.
    n_streams : int, optional
        If given, sequence k goes on where sequence k - n_streams has ended.
    there : array (S,), optional
        Which stored steps have a target; weights of the others are 0.
    """

    def some(self, numbers, by_step):
        """That of the sequences of these numbers, whose targets are one a sequence, or `by_step`."""
        rows = (self.inputs or self.sequences).rows_of(numbers) if by_step else numbers
        sequences, inputs = (part and part.some(numbers) for part in (self.sequences, self.inputs))
        strata = None if self.strata is None else self.strata[numbers]
        there = self.there if self.there is True else self.there[rows]
        own = {"sequences": sequences, "inputs": inputs, "strata": strata, "there": there}
        return self._replace(**own, targets=self.targets[rows], weights=self.weights[rows])


class SequenceEstimator(InputChecks, Informed, Validating, Named, Summarised, CallbackSupportMixin, BaseEstimator):
    """Base of the estimators that read sequences; they encode targets and decode outputs.

    A subclass has `_problem(X, y, sample_weight, goes_on)`, which checks what `fit` was given and returns a `Problem`;
    `_rules(n_outputs)`, what the attributes it adds to a file must be (`fastrnn.records`); perhaps a `_score_of` what
    is held out; and, if it has streams, `_answer` (`losses.answers.softmax_answer`).
    """

    _shape_parameters = ()
    """Those that a network keeps for life: `KEPT_FOR_LIFE`, and what a subclass adds."""

    _store = records.store
    validation_loss_curve_ = None
    """Of what versions before have left in files and pickles."""

    init_from, freeze, averaging, label_smoothing = None, 0, 0, 0.0
    zoneout, recurrent_dropout, proj_size = 0.0, 0.0, 0
    """Those without these parameters start anew."""
    _undecayed = FEW[0]
    """Of alpha="auto": the most tokens for which it is 0."""
    _budget = Budget(60, 2000), Budget(20, 2000, 10_000)
    """Of max_iter="auto", for numbers, and for tokens."""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        # scikit-learn's checks want constraints of its parameters and of nothing else.
        names, table = cls._get_param_names(), SHARED_CONSTRAINTS | getattr(cls, "_parameter_constraints", {})
        cls._parameter_constraints = {name: table[name] for name in table if name in names}
        kept = dict.fromkeys((*KEPT_FOR_LIFE, *cls._shape_parameters))
        cls._shape_parameters = tuple(name for name in kept if name in names or name in cls._shape_parameters)

    # ----------------------------------------------------------------------------------- training

    def _fit(self, X, y, sample_weight, resume_from=None, *beside, **by_name):
        """Check and train; under `warm_start` go on from the weights that are there, or resume a checkpoint's run."""
        self._check_parameters()
        self._check_beside(beside := Beside(*beside, **by_name))
        with ExitStack() as stack, self._unchanged_on_error(), threads.limit(self.n_jobs):
            for callback in filter(lambda callback: hasattr(callback, "fitting"), self.callbacks or ()):
                stack.enter_context(callback.fitting(self))
            self._learn(X, y, sample_weight, resume_from, beside)
        return self

    def _learn(self, X, y, sample_weight, resume_from, beside):
        if isinstance(X, SequenceFiles):
            from_files(self, X, y, sample_weight, resume_from, beside)
            return
        goes_on = self.warm_start and self.__sklearn_is_fitted__()
        self._begin(goes_on)
        facts = self._facts(beside.static, goes_on)
        problem = self._informed(self._problem(X, y, sample_weight, goes_on), facts, goes_on)
        run = records.Run(self, problem, goes_on, resume_from)
        self._prepare_network(problem, goes_on, run.rng)
        if not goes_on and self._readout() is None:
            self._start_at_shares(problem)
        self._trainer = Trainer(self.network_, self._settings(problem.sequences.lengths, is_part=goes_on), run.rng)
        self._train(problem, run, beside, X, y, sample_weight)

    def _informed(self, problem, facts, goes_on, name="static"):
        """A problem, with what is known of each sequence."""
        return problem._replace(sequences=self._beside(problem.sequences, facts, problem.weights, goes_on, name))

    def _partial_fit(self, X, y, sample_weight, static=None, **known):
        """Check and train for one epoch, going on with the optimiser's memory."""
        refuse_files(X, "partial_fit reads what is in memory: give it each file in turn, partial_fit(*X.read(k))")
        self._check_parameters()
        if self.solver == "lbfgs":
            raise ValueError("partial_fit needs a stochastic solver; solver='lbfgs' reads all data at once")
        with self._unchanged_on_error(), threads.limit(self.n_jobs):
            goes_on = self.__sklearn_is_fitted__()
            self._begin(goes_on)
            facts = self._facts(static, goes_on)
            problem = self._informed(self._problem(X, y, sample_weight, goes_on, **known), facts, goes_on)
            rng = None if goes_on else check_random_state(self.random_state)
            self._prepare_network(problem, goes_on, rng)
            settings = self._settings(problem.sequences.lengths, is_part=True)._replace(learning_rate="constant")
            self._trainer = self._trainer.successor(settings) if goes_on else Trainer(self.network_, settings, rng)
            loss = self._trainer.epoch(self._objective(problem), problem.sequences.lengths)
            self._trainer.history.epochs.append((loss, None, None))
            self._set_history()
            tell(self.callbacks or (), Progress(self.n_iter_, loss, None, records.Run(self, problem, True, None).save))
        return self

    def _begin(self, goes_on):
        """Before anything is known of the data: a network that goes on must have the parameters' shape."""
        if goes_on:
            self._check_shape()
        else:
            self._shape = self._decided()
            self._forget_facts()

    @cached_property
    def _trainer(self):
        """That of the last fit; of a loaded model a new one, with the history there is."""
        settings = self._settings(np.ones(1), is_part=True)
        trainer = Trainer(self.network_, settings, check_random_state(self.random_state))
        trainer.history = History.of(self)
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
        """A new network, or what parameters may change of the one that is there."""
        if goes_on:
            self.network_.dropout = self._drop_rate()
            if self.network_.embedding is not None:
                self.network_.embedding.is_frozen = self.freeze_embeddings
            return
        self._sizes = self._measure(problem)
        self._check_lengths(problem.sequences, self._sizes["steps"] or None)
        self._make_network(rng)

    def _make_network(self, rng):
        """A new network, when all is known that it depends on."""
        self.network_ = self._new_network(rng)
        take_over(self.network_, sources_of(self.init_from))
        if self.embeddings is not None:
            table = self.network_.embedding.parameters
            table["weight"][: len(self.embeddings)] = self.embeddings
            table.changed()
        draws = self._drop_rate() or any(self._noise())
        self._dropout_seed = int(rng.randint(2**31)) if draws else 0

    def _start_at_shares(self, problem):
        self._start_at(problem.loss, [self._told_of(problem)])

    def _told_of(self, problem):
        """What `_start_at` is told of a part of the data."""
        return label_weights(problem.loss, problem.targets, problem.weights, problem.n_outputs)

    def _start_at(self, loss, label_weights):
        """Let the head's bias give each label of a step its share: rare ones need not be learned to be rare."""
        self.network_.head.parameters["bias"][...] += log_odds(loss, sum(label_weights))
        self.network_.changed()

    def _measure(self, problem):
        """What the data decide of a network: features or tokens, outputs, and the steps that "concat" reads or 0."""
        sequences, columns = problem.sequences, problem.sequences.values
        inputs = columns.shape[1] * sequences.stride if self._reads_numbers() else self._count_tokens(columns)
        steps = int(sequences.lengths[0]) if self._readout() == "concat" else 0
        characters = int(columns[:, 1:].max()) + 1 if sequences.are_words else 0
        sizes = {"inputs": inputs, "outputs": problem.n_outputs, "steps": steps, "characters": characters}
        sizes = sizes if sequences.stride == 1 else {**sizes, "patch": sequences.stride}
        sizes = sizes if sequences.static is None else {**sizes, "static": sequences.static.shape[1]}
        check_alike(self, sources := sources_of(self.init_from))
        for source in sources:
            sizes = self._grown(sizes, source.network_.encoder)
        return sizes if self._reads_numbers() and not steps else self._agreed(sizes, maxima)

    def _grown(self, sizes, encoder):
        """Sizes with room for the tables of an encoder that is taken over; features of numbers must be as many."""
        if encoder.embedding is not None:
            n_tokens, *n_characters = encoder.embedding.limits
            return maxima([sizes, {**sizes, "inputs": n_tokens, "characters": max(n_characters, default=0)}])
        if (n := encoder.input_size) != sizes["inputs"]:
            found = f"init_from reads {n} numbers a step, but X gives {sizes['inputs']} here"
            raise ValueError(f"{found}: give X the same features, and patch_length as there")
        return sizes

    def _count_tokens(self, columns):
        """Rows of the table: for the largest token there is, or as many as the one given."""
        given = 0 if self.embeddings is None else len(self.embeddings)
        return max(int(columns.reshape(len(columns), -1)[:, 0].max()) + 1, given)

    def _new_network(self, rng, chain=None):
        """From the parameters and `_sizes` alone; without `rng` one that awaits its weights."""
        n_outputs, n_steps = self._sizes["outputs"], self._sizes["steps"] or None
        more = chain, self._drop_rate(), self._sizes.get("static", 0)
        return SequenceNetwork(self._new_encoder(), n_outputs, self._readout(), n_steps, rng, *more)

    def _new_encoder(self):
        sizes = {name: self._shape[name] for name in ("hidden_size", "num_layers")}
        recurrent = sizes | {name: getattr(self, name) for name in ("bidirectional", "bias")}
        embedding = None if self._reads_numbers() else self._new_embedding()
        n, holes, categories, decay = self._sizes["inputs"], self._holes(), None, None
        if holes is not None and holes.n_ages:
            decay = fading.Decay(n, holes.flagged, sizes["hidden_size"], self.dtype)
        if self._coded.size:
            counts = dict(zip(self._coded.tolist(), map(len, self.categories_), strict=True))
            categories = Categories(n if decay is None else decay.output_size, counts, self.dtype)
        return Encoder(embedding, n, self._new_cell(), recurrent, self.dtype, categories, decay)

    def _new_cell(self):
        """That of the encoder, and of a decoder."""
        if self.proj_size:
            self._check_projected(self._shape["hidden_size"])
            return projection.LSTMProjectedCell(self._shape["hidden_size"], self.proj_size)
        cell, rates = make_cell(self.cell, self.nonlinearity), self._noise()
        return noise.noisy(cell, *rates) if any(rates) else cell

    def _noise(self):
        """Of the recurrence: the rates of zoneout and of dropout."""
        return self.zoneout, self._shape.get("recurrent_dropout", 0.0)

    def _new_embedding(self):
        """Of tokens, or of words and their characters."""
        words = Embedding(self._sizes["inputs"], self._shape["embedding_dim"], self.dtype, self.freeze_embeddings)
        if self._shape.get("character_embedding_dim") is None:
            return words
        characters = Embedding(self._sizes["characters"], self._shape["character_embedding_dim"], self.dtype)
        cell = make_cell(self.cell, self.nonlinearity)
        return WordEmbedding(words, characters, cell, self.character_hidden_size, self.dtype)

    def _reads_numbers(self):
        return self._shape.get("embedding_dim") is None

    def _n_tokens(self):
        return 0 if self._reads_numbers() else self._sizes["inputs"]

    def _drop_rate(self):
        return self.dropout if self.dropout != "auto" else DROPPED[bisect_left(FEW, self._n_tokens())]

    def _readout(self):
        return getattr(self, "_shape", vars(self)).get("readout", self.readout)

    def _settings(self, lengths, *, is_part=False, windows=None):
        """For sequences of these lengths; `is_part` if there are steps before or after, nobody knows how many.

        Batches are of the sequences of one of `windows`, which say how many each of their files has.
        """
        own, n = {name: getattr(self, name) for name in Settings._fields if name != "n_sequences"}, len(lengths)
        n_batches = sum(-(-int(np.sum(sizes)) // self.batch_size) for sizes in windows or [n])
        if own["max_iter"] == "auto":
            budget = self._budget[not self._reads_numbers()]
            own["max_iter"] = epochs_for(lengths, 1 if self.solver == "lbfgs" else n_batches, budget)
            if self.freeze >= own["max_iter"] and not is_part:
                found = f"freeze={self.freeze} epochs train the output layer alone, and of so many sequences max_iter="
                raise ValueError(f"{found}'auto' is {own['max_iter']}: set a smaller freeze, or max_iter")
        if own["alpha"] == "auto":
            decays = self.solver in ("adam", "adamw") and not self.freeze and self._n_tokens() > self._undecayed
            taken = n_batches, own["max_iter"], self.learning_rate_init, self.learning_rate
            alpha = DECAY if is_part or self.init_from is not None else decay_for(*taken)
            own |= {"solver": "adamw", "alpha": alpha} if decays else {"alpha": 0.0}
        return Settings(n_sequences=n, **own)

    def _train(self, problem, run, beside, *given):
        """From the start, or where a checkpoint was."""
        trainer, lengths, n = self._trainer, problem.sequences.lengths, len(problem.sequences)
        if self.solver == "lbfgs":
            objective, history = self._objective(problem), trainer.history
            train = partial(fit_lbfgs, self.network_, objective, trainer.settings, n, history=history)
        else:
            some, validate = self._held_out(problem, run, beside, *given)
            run.go_on(trainer)
            objective, decides = self._objective(problem, some, self.freeze), self.early_stopping
            train = partial(trainer.fit, objective, lengths[some], validate, decides=decides)
        constant = partial(constant_loss, problem.loss, problem.targets, problem.weights, problem.n_outputs)
        self._trained(train, constant, run.save, *given)

    def _trained(self, train, constant, save, *given):
        """Train, and warn if epochs that were chosen here have brought little beside the best constant answer."""
        with watched(self, *given) as hooks:
            train(callbacks=[*(self.callbacks or ()), *hooks], save=save)
            self._set_history()
        if self.max_iter == "auto" and self.n_iter_ == self._trainer.settings.max_iter:
            warn_if_not_learned(self.loss_curve_, constant())

    def _begin_in_parts(self, found, rng, windows=None):
        """A network for data in parts, of which all have `Agreed`, and how to train it."""
        for message in next((one.warned for one in found if one.warned), ()):
            warnings.warn(message, stacklevel=6)  # of the caller of `fit`
        for name in ("feature_names_in_", "is_categorical_", "categories_"):  # of an earlier fit
            vars(self).pop(name, None)
        vars(self).update(found[0].known)
        self._make_network(rng)
        if self._readout() is None:
            self._start_at(found[0].loss, [one.told for one in found])
        return self._settings(np.concatenate([one.lengths for one in found]), windows=windows)

    def _save_at(self, path):
        """Write a checkpoint of the model alone."""
        self._set_history()
        write(path, {"model": self._record(), "run": None})

    def _set_history(self):
        vars(self).update(self._history_of(self._trainer))

    def _history_of(self, trainer):
        losses, scores = trainer.history.losses, trainer.history.scores or ([] if self.early_stopping else None)
        held_out = {"validation_scores_": scores, "validation_loss_curve_": trainer.history.validation_losses or None}
        return {"loss_curve_": losses, "n_iter_": len(losses), **held_out}

    def _objective(self, problem, chosen=None, freeze=0):
        """The losses of batches of the chosen sequences, as `fastrnn.training` wants them."""
        return self.network_.training(problem, *self._options(chosen, freeze))

    def _options(self, chosen, freeze):
        """Of a network's `training`."""
        own = self._dropout_seed, self.bptt_steps, chosen, freeze
        # lbfgs wants the same loss each time, of all sequences: no dropout.
        return (False, *own) if self.solver == "lbfgs" else (True, *own, self.batch_size)

    _record, _restored = records.record, classmethod(records.restored)
    """To the tree of a file, and back."""

    # --------------------------------------------------------------------------------- prediction

    def stream(self, batch=1):
        """Start a stream, which reads sequences one step at a time.

        The answer after each step is exactly that of `predict` or `predict_proba` for the part read so far.

        Parameters
        ----------
        batch : int, default=1
            Number of sequences that are read side by side.

        Returns
        -------
        fastrnn.streaming.Stream
            A stream at the beginning of its sequences.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the model needs steps that are still to come: with bidirectional=True, readout="concat" or patches.
        """
        return self._begin_stream(batch)

    def _begin_stream(self, batch, static=None):
        check_is_fitted(self, "network_")
        check_count("batch", batch)
        facts = self._facts(static, True)
        self._refuse_patches("a stream")
        if self.network_.encoder.recurrent.n_directions == 2:
            why = "it reads each sequence from its end as well, which a stream has not seen yet"
            raise ValueError(f"this model was fitted with bidirectional=True: {why}; fit with bidirectional=False")
        if self.network_.n_steps is not None:
            found = "this model was fitted with readout='concat', which needs all steps of a sequence"
            raise ValueError(f"{found}; fit with 'last', 'mean', 'max' or 'attention'")
        names = getattr(self, "feature_names_in_", None) if not self._is_panel else None
        unit, holes = None, None
        if self.network_.embedding is None:
            unit, holes = (self._X_mean, self._X_scale), self._holes()
        # How many tokens may come, if the network knows more; and the one before the first.
        tokens = (getattr(self, name, None) for name in ("n_tokens_", "_boundary"))
        facts = None if facts is None else self._in_units(facts, batch, self.network_.theta.dtype, "static")
        codes = [(k, numbers_of(known)) for k, known in zip(self._coded, getattr(self, "categories_", ()), strict=True)]
        return self._new_stream(self.network_, int(batch), self._answer, *tokens, unit, names, holes, codes, facts)

    _new_stream = Stream

    def _outputs(self, X, static=None):
        """Outputs of the network (n, K), or (S, K) for all steps; and the sequences."""
        sequences = self._checked(X, static)
        return self._computed(self.network_.predict, sequences), sequences

    def _answered(self, outputs, sequences):
        """What the outputs say, a row each: numbers, or the probabilities of labels."""
        return filled(self._answer, outputs)

    def _formed(self, rows, sequences, X):
        """Rows as callers want them; those of steps one array a sequence."""
        return rows if self.network_.readout is not None else sequences.split(rows)

    def _checked(self, X, static=None):
        """X, and what is known of each sequence, as `Sequences` that the fitted network can read."""
        check_is_fitted(self, "network_")
        facts = self._facts(static, True)
        sequences = self._standardised(self._check_sequences(X, reset=False), None, goes_on=True)
        return self._beside(sequences, facts, None, True)

    def _computed(self, function, sequences):
        """What `function` makes of sequences, a finite row each, or one for each step."""
        with self._computing():
            rows = function(sequences)
        check_finite(rows, int if len(rows) == len(sequences) else sequences.number_of)
        return rows

    @contextmanager
    def _computing(self):
        """Within, threads are limited, and what overflows is left to a check."""
        with threads.limit(self.n_jobs), np.errstate(over="ignore", invalid="ignore"):
            yield

    def __sklearn_clone__(self):
        bare = copy(self)
        bare.init_from = None  # what a clone starts from stays fitted
        other = super(SequenceEstimator, bare).__sklearn_clone__()
        return other if self.init_from is None else other.set_params(init_from=self.init_from)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "network_")
