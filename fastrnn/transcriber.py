"""Transcribe sequences: a shorter sequence of labels, of which nobody says at which step they come."""

from functools import partial
from itertools import pairwise

import numpy as np
from sklearn.utils._param_validation import StrOptions

from fastrnn import storage
from fastrnn.base import FeatureExtractor, Problem, SequenceEstimator
from fastrnn.base.classes import Classes
from fastrnn.base.files import by_file, in_parts
from fastrnn.base.inputs import COUNT, SIZES, steps_weights
from fastrnn.base.labels import check_classes, classes_to_come
from fastrnn.base.transcripts import (
    Language,
    beam_search,
    check_room,
    compared,
    greedy,
    is_text,
    label_rows,
    one_minus_rate,
    union_of_some,
)
from fastrnn.layers.ctc import Alignments
from fastrnn.losses.answers import softmax_answer
from fastrnn.sequences import as_objects
from fastrnn.streaming import Stream
from fastrnn.wording import shown


class SequenceTranscriber(FeatureExtractor, Classes, SequenceEstimator):  # numpydoc ignore=PR01
    """Read sequences into shorter sequences of labels, without an alignment of the two (CTC).

    Speech becomes sounds, a line of handwriting letters, and a record of sensors the events in it. For training it is
    enough to know which labels come, and in which order. Connectionist temporal classification learns at which steps.

    Parameters that are not listed here are those of `SequenceTagger`, with the same defaults.

    Parameters
    ----------
    cell : str, default="lstm"
        The kind of recurrent layer: one that `SequenceClassifier` names.
    hidden_size : int or "auto", default="auto"
        Number of hidden units in each layer and direction. "auto" is 64, or as `init_from`.
    recurrent_dropout : float or "auto", default=0.0
        The fraction of units whose old state products do not see, as the page of `SequenceClassifier` describes it.
    decoding : {"greedy", "beam"}, default="greedy"
        How `predict` and `score` find labels. "greedy" takes the most probable path: at each step the most probable
        label or the blank. "beam" searches for the labels whose paths are together the most probable ones (Hannun et
        al. 2014). You may change it after the fit.
    beam_width : int, default=10
        For "beam": how many beginnings of label sequences are kept at each step. With as many as there can be, the
        search is exact. Its time grows with the square of the width.
    alpha : float or "auto", default=0.0
        The strength of weight decay, as the page of `SequenceClassifier` describes it.
    max_iter : int, default=60
        Number of epochs. An epoch reads all training data once. A network first learns to say nothing but blanks, and
        then labels: give it enough epochs to get over this.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted. The blank is none of them.
    n_features_in_ : int
        Number of features in a step; for a 2-D X its number of columns.
    feature_names_in_ : ndarray of shape (I,)
        The names of the columns, if X is a frame or a list of frames with one sequence each. Later frames must have the
        same columns in the same order.
    categories_ : list of ndarray
        The categories of each column of `categorical_features`, in order, if it is not None.
    is_categorical_ : ndarray of shape (I,)
        Whether each column holds categories, if `categorical_features` is not None.
    loss_curve_ : list of float
        The mean training loss of a step in each epoch, in nats: minus the log probability of all labels of all
        sequences, divided by the number of steps.
    validation_scores_ : list of float or None
        Minus the mean loss on the validation data after each epoch, or the score that `scoring` names. Label errors are
        no guide at first: a network that still says nothing but blanks makes no fewer of them while it learns.
        Validation data are the part that `early_stopping` holds out, or `X_val`. None if there are none.
    validation_loss_curve_ : list of float or None
        The mean loss on the validation data after each epoch, without dropout and the penalty of `alpha`. None if there
        are none.
    n_iter_ : int
        Number of epochs that were run.

    See Also
    --------
    SequenceTagger : A label for each step, if you know the label of each.
    SequenceToSequence : Another sequence of tokens, of any length and in any order.

    Notes
    -----
    At each step the network gives probabilities of the labels and of one more output, the blank. A path has one of them
    for each step. It is read as labels by taking what repeats once, and leaving out blanks. The loss is minus the log
    of the summed probabilities of all paths that are read as the true labels (Graves et al., "Connectionist temporal
    classification", ICML 2006). The guide has the equations (:ref:`guide-transcribing`).

    A sequence of U labels, of which R are equal to the one before, needs U + R steps or more: between equal labels
    there must be a blank.

    Examples
    --------
    Events "a" and "b" are short shapes in noise. It is known which ones came, but not when.

    >>> import numpy as np
    >>> from fastrnn import SequenceTranscriber
    >>> rng = np.random.RandomState(0)
    >>> shapes = {"a": [1, 1], "b": [1, -1]}
    >>> def record(text):
    ...     parts = [part for event in text for part in (np.zeros(rng.randint(1, 6)), shapes[event])]
    ...     x = np.concatenate([*parts, np.zeros(3)])
    ...     return x + rng.normal(scale=0.1, size=x.size)
    >>> y = ["".join(rng.choice(["a", "b"], n)) for n in rng.randint(0, 5, 200)]
    >>> X = [record(text) for text in y]
    >>> model = SequenceTranscriber(hidden_size=32, learning_rate_init=0.02, max_iter=30, random_state=0)
    >>> model.fit(X[:150], y[:150]).predict([record("abba")])[0]
    array(['a', 'b', 'b', 'a'], dtype='<U1')
    >>> model.score(X[150:], y[150:]) > 0.9
    True
    """

    readout = None
    """A row of outputs for each step."""

    _shape_parameters = ("missing", "time_column", "categorical_features")
    _parameter_constraints = SIZES | {
        "decoding": [StrOptions({"greedy", "beam"})],
        "beam_width": [COUNT],
        "max_iter": [COUNT],
    }
    _answer = staticmethod(softmax_answer)

    def __init__(self, *, cell="lstm", hidden_size="auto", proj_size=0, num_layers="auto", bidirectional=True,
        nonlinearity="tanh", bias=True, dropout="auto", zoneout=0.0, recurrent_dropout=0.0, embedding_dim="auto",
        embeddings=None, freeze_embeddings=False, character_embedding_dim="auto", character_hidden_size=32,
        decoding="greedy", beam_width=10, normalize_X=True, missing="error", time_column=None,
        categorical_features=None, solver="adam", learning_rate_init=5e-3, learning_rate="cosine", momentum=0.9,
        nesterovs_momentum=True, alpha=0.0, batch_size=32, max_iter=60, shuffle=True, clip_norm=1.0, clip_value=None,
        bptt_steps=None, early_stopping=False, scoring=None, validation_fraction=0.1, n_iter_no_change=10, tol=None,
        init_from=None, freeze=0, averaging=0, warm_start=False, dtype="float32", n_jobs=None, random_state=None,
        verbose=False, callbacks=None):  # fmt: skip
        self._store(locals())

    def fit(self, X, y=None, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None, groups=None,
        resume_from=None):  # fmt: skip
        """Train the network on sequences with their labels in order.

        Parameters
        ----------
        X : list of n arrays or frames of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
            The sequences. An array (n, T), or a list of equally long lists of numbers, is n series with one number a
            step. Units do not matter, because `normalize_X` standardises numbers. Tokens come from a `Tokenizer`, or
            are integers from 0 on together with `embedding_dim`. `fastrnn.data.SequenceFiles` is data larger than
            memory, and has y and weights too.
        y : list of n arrays of shape (U_i,), or list of n str
            The labels of each sequence, in order, strings or integers. A str is a sequence of characters. There may be
            none: an empty list or str. U_i labels, R_i of which are equal to the one before, need U_i + R_i steps or
            more. None if X has them.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence. None gives all the same weight.
        X_val : as X, default=None
            Validation data: other sequences, which the network is not trained on. After each epoch they are scored.
            With `early_stopping` they are used in place of a part that is held out; without it they are only watched.
        y_val : as y, default=None
            The targets of `X_val`.
        sample_weight_val : as sample_weight, default=None
            A weight for each sequence of `X_val`.
        groups : array-like of shape (n,), default=None
            The groups of the sequences, such as persons, for a `validation_fraction` that is a splitter.
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
            If the input or a parameter is wrong, or a sequence has too few steps for its labels. This is checked before
            any training, and the message names the sequence.
        DivergenceError
            If the loss becomes NaN or infinite.
        """
        return self._fit(X, y, sample_weight, resume_from, X_val, y_val, sample_weight_val, groups)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one more epoch on X.

        Weights and optimiser go on as they are. The first call fixes the classes, the largest token, and the mean and
        scale of `normalize_X`. Give it typical data. The learning rate is constant, and nothing is held out for early
        stopping.

        Parameters
        ----------
        X : list of n arrays or frames of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
            The sequences. An array (n, T), or a list of equally long lists of numbers, is n series with one number a
            step. Units do not matter, because `normalize_X` standardises numbers. Tokens come from a `Tokenizer`, or
            are integers from 0 on together with `embedding_dim`.
        y : list of n arrays of shape (U_i,), or list of n str
            The labels, as for `fit`.
        classes : array-like, default=None
            All labels that will ever come. The first call needs them, unless y has them all.
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
        return self._partial_fit(X, y, sample_weight, classes=classes)

    @by_file
    def predict(self, X, *, language_model=None, language_weight=0.5):
        """Predict the labels of each sequence.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        language_model : SequenceGenerator, default=None
            For ``decoding="beam"``: a fitted model of which labels follow each other. Its tokens are the places of
            labels in `classes_`, ``np.searchsorted(model.classes_, labels)``. The search then is for the largest log
            probability of the labels plus `language_weight` times that of the same labels to the language model.
        language_weight : float, default=0.5
            How much the language model counts, 0 or more.

        Returns
        -------
        ndarray of shape (n,)
            An object array of n arrays of labels (U_i,), some of which may be empty.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input or the language model is wrong, if `beam_width` would take too long, or if the outputs of a
            network overflow.
        """
        language = Language.of(self, language_model, language_weight)
        outputs, sequences = self._outputs(X)
        codes, starts = self._decoded(outputs, sequences.offsets, language)
        return as_objects([self.classes_[codes[a:b]] for a, b in pairwise(starts)])

    @by_file
    def predict_proba(self, X):
        """Predict the probability of each label, and of the blank, at each step.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.

        Returns
        -------
        ndarray of shape (n,)
            An object array of n arrays (T_i, n_classes + 1). The columns are in the order of `classes_`, and the last
            one is the blank. Rows sum to 1.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        outputs, sequences = self._outputs(X)
        return sequences.split(self._answered(outputs, sequences))

    def score(self, X, y=None, sample_weight=None, *, language_model=None, language_weight=0.5):
        """Compute 1 minus the label error rate.

        That is how many labels must be put in, taken out or changed to make the predicted sequences the true ones
        (Levenshtein 1966), divided by the number of true labels, over all sequences. For characters it is the character
        error rate (CER). The score is 1 at best, and may be negative where too many labels are predicted. If there are
        no true labels at all, it is 1 where none are predicted, else 0.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        y : list of n arrays of shape (U_i,), or list of n str
            The true labels. Labels that the fit has not seen count as errors.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence, for its errors and its true labels. None gives all the same weight.
        language_model : SequenceGenerator, default=None
            A language model, as for `predict`.
        language_weight : float, default=0.5
            How much the language model counts, 0 or more.

        Returns
        -------
        float
            The score, 1 at best.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input or the language model is wrong, if `beam_width` would take too long, or if the outputs of a
            network overflow.
        """
        language = Language.of(self, language_model, language_weight)
        return one_minus_rate(*in_parts(partial(self._judged, language), X, y, sample_weight))

    def _judged(self, language, X, y, sample_weight):
        """Of each sequence how many errors, how many true labels, and its weight."""
        outputs, sequences = self._outputs(X)
        labels, starts = label_rows(self, y, sequences)
        self._check_kind(labels)
        codes = np.searchsorted(self.classes_, labels)
        codes[~np.isin(labels, self.classes_)] = -1
        self._check_weights(sample_weight, len(sequences))
        found = compared(*self._decoded(outputs, sequences.offsets, language), codes, starts)
        return *found, steps_weights(sample_weight, np.ones(len(sequences), int))

    def stream(self, batch=1):
        """Start a stream, which reads sequences one step at a time, and says each label when it begins.

        All labels of a sequence together are exactly those of `predict` with ``decoding="greedy"``, whatever `decoding`
        is: a beam is only sure of its labels at the end.

        Parameters
        ----------
        batch : int, default=1
            Number of sequences that are read side by side.

        Returns
        -------
        fastrnn.streaming.Stream
            A stream at the beginning of its sequences. Its `step` returns the label that begins at this step, or None
            if none does; with a batch a list of them.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the model needs steps that are still to come: with bidirectional=True.

        Examples
        --------
        >>> import numpy as np
        >>> from fastrnn import SequenceTranscriber
        >>> X, y = [np.eye(3)[[0, 1, 0, 2, 0]], np.eye(3)[[0, 0, 2, 0]]] * 50, ["ab", "b"] * 50
        >>> model = SequenceTranscriber(bidirectional=False, learning_rate_init=0.02, random_state=0).fit(X, y)
        >>> stream = model.stream()
        >>> [str(label) for x_t in X[0] if (label := stream.step(x_t)) is not None]
        ['a', 'b']
        """
        return SequenceEstimator.stream(self, batch)

    def _new_stream(self, *given):
        return LabelStream(self.classes_, *given)

    # -------------------------------------------------------------------------------------- targets

    def _problem(self, X, y, sample_weight, goes_on, classes=None):
        sequences = self._check_sequences(X, reset=not goes_on)
        labels, starts = label_rows(self, y, sequences)
        if goes_on:
            self._check_same_classes(classes)
        else:
            self._set_classes(labels, classes)
        codes, lengths = self._encode(labels, starts), sequences.lengths
        check_room(labels, starts, lengths)
        weights = self._normalised(np.repeat(self._check_weights(sample_weight, len(sequences)), lengths))
        counts = np.diff(starts)
        # A size in few steps, so that parts of the data share what is compiled for it.
        loss = Alignments(2 ** int(self._agreed(int(counts.max()), max)).bit_length())
        targets = np.full(len(weights), -1)
        targets[np.repeat(sequences.offsets[:-1] - starts[:-1], counts) + np.arange(len(codes))] = codes
        sequences = self._standardised(sequences, weights, goes_on)
        return Problem(sequences, targets, weights, len(self.classes_) + 1, loss)

    def _set_classes(self, labels, classes):
        if labels.size:
            check_classes(labels, "SequenceRegressor")
        known = labels if classes is None else classes_to_come(classes)
        (self.classes_,) = self._agreed([np.unique(known)], union_of_some)
        if not self.classes_.size:
            advice = "one sequence at least needs labels; partial_fit may be told of all that will come, classes="
            raise ValueError(f"y has no labels at all, each sequence of it is empty: {advice}")

    def _encode(self, labels, starts):
        """The numbers of labels among the classes."""
        self._check_kind(labels)
        for place in np.flatnonzero(~np.isin(labels, self.classes_)):
            k = np.searchsorted(starts, place, side="right") - 1
            found = f"y[{k}] holds the label {shown(labels[place])} at {place - starts[k]}"
            raise ValueError(f"{found}, but the classes of the first fit are {shown(self.classes_, 200)}")
        return np.searchsorted(self.classes_, labels)

    def _check_kind(self, labels):
        if labels.size and is_text(labels) != is_text(self.classes_):
            raise ValueError(f"y holds labels as {shown(labels[0])}, but the fit was on {shown(self.classes_, 200)}")

    # -------------------------------------------------------------------------------------- answers

    def _decoded(self, outputs, offsets, language):
        """The numbers of labels (N,) of all sequences, and where those of each begin (n + 1,)."""
        if self.decoding == "greedy":
            return greedy(outputs, offsets)
        self._validate_params()  # they may have been set since the fit
        with self._computing():
            return beam_search(outputs, offsets, int(self.beam_width), language)

    def _losses(self, outputs, problem):
        offsets, losses = problem.sequences.offsets, np.zeros(len(outputs))
        # A sequence has its loss, and its weight, at the first of its steps.
        losses[offsets[:-1]] = problem.loss.losses(outputs, problem.targets, offsets)
        return losses

    def _rules(self, n_outputs):
        return {"classes_": storage.labels(n_outputs - 1, least=1)}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


class LabelStream(Stream):
    """Sequences that are read step by step; each label is said when it begins.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The labels.
    *given
        What a `Stream` takes.
    """

    def __init__(self, classes, *given):
        self._classes = classes
        super().__init__(*given)

    def __reduce__(self):
        _, given, state = super().__reduce__()
        return LabelStream, (self._classes, *given), state

    def _bind(self):
        super()._bind()
        self._parts["last"] = np.zeros(self.batch, np.int64)  # the best output of the step before, from 1 on

    def step(self, x, time=None):
        """Read one step of each sequence, and return the label that begins with it.

        Parameters
        ----------
        x : array-like of shape (I,), or (batch, I) with a batch
            The step, as for the streams of other estimators.
        time : number or datetime, or array-like of shape (batch,), default=None
            When the step is, for a model that was fitted with ``time_column="index"``.

        Returns
        -------
        label or None; with a batch list of them
            The label that begins at this step, as `classes_` has it. None if there is none: a blank, or a label that
            goes on.

        Raises
        ------
        ValueError
            If the step is wrong: the stream has not changed then. Also if the outputs overflow: call `reset` then.
        """
        best, last = self.outputs(x, time).argmax(axis=1) + 1, self._parts["last"]
        begins = (best != last) & (best <= len(self._classes))
        last[:] = best
        said = [self._classes[k - 1] if begun else None for k, begun in zip(best, begins, strict=True)]
        return said[0] if self.batch == 1 else said
