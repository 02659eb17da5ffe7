"""Tag sequences: a label for each step."""

import numpy as np

from fastrnn import storage
from fastrnn.base import InformedExtractor, Problem, SequenceEstimator
from fastrnn.base.classes import Classes
from fastrnn.base.files import by_file, in_parts
from fastrnn.base.inputs import SIZES, steps_weights
from fastrnn.base.labels import check_as_long, check_classes, classes_of, classes_to_come, labels_there, rows_of
from fastrnn.epochs import Budget
from fastrnn.layers.chain import LinearChain
from fastrnn.lists import by_step, is_sequence
from fastrnn.losses.answers import logistic_answer, softmax_answer
from fastrnn.losses.loss import binary_cross_entropy, cross_entropy, smoothed, softened
from fastrnn.metrics.tags import join_steps_in_scorers
from fastrnn.sequences import as_sequences
from fastrnn.wording import shown


class SequenceTagger(InformedExtractor, Classes, SequenceEstimator):  # numpydoc ignore=PR01
    """Label each step of sequences of any lengths with a recurrent network (N to N).

    Parameters that are not listed here are those of `SequenceClassifier`, with the same defaults.

    Parameters
    ----------
    cell : str, default="lstm"
        The kind of recurrent layer: one that `SequenceClassifier` names.
    num_layers : int or "auto", default="auto"
        Number of recurrent layers. Each layer reads the outputs of the layer below. "auto" is 1, or as `init_from`.
    crf : bool or "auto", default="auto"
        Whether a linear-chain conditional random field (CRF) scores each sequence of labels as a whole, from the
        outputs of the network (Lafferty et al. 2001; Huang et al. 2015). Labels then depend on their neighbours. "auto"
        uses it if X comes from a `Tokenizer` and each step has one label, unless `class_weight` or a weight for each
        step is given.
    alpha : float or "auto", default=0.0
        The strength of weight decay, as the page of `SequenceClassifier` describes it.
    max_iter : int or "auto", default="auto"
        Number of epochs. An epoch reads all training data once. "auto" is 30, or as many more as make 1,000 batches and
        read 2**28 steps at most (for lbfgs 1,000 iterations). `fit` then warns if little was learned.
    class_weight : dict, "balanced" or None, default=None
        The weights of classes, which count for the steps with these labels. It cannot be used with `crf`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted. For several labels a step, the numbers of their columns.
    n_features_in_ : int
        Number of features in a step; for a 2-D X its number of columns.
    feature_names_in_ : ndarray of shape (I,)
        The names of the columns, if X is a frame or a list of frames with one sequence each. Later frames must have the
        same columns in the same order.
    n_static_features_in_ : int
        Number of facts of a sequence, if `fit` was given `static`.
    static_feature_names_in_ : ndarray of shape (F,)
        The names of the columns of `static`, if it was a frame.
    categories_ : list of ndarray
        The categories of each column of `categorical_features`, in order, if it is not None.
    is_categorical_ : ndarray of shape (I,)
        Whether each column holds categories, if `categorical_features` is not None.
    loss_curve_ : list of float
        The mean training loss of a step in each epoch, in nats. For several labels a step, their sum.
    validation_scores_ : list of float or None
        `score` on the validation data after each epoch, or the score that `scoring` names. For several labels a step,
        most of which are usually 0, it is the negative loss. Validation data are the part that `early_stopping` holds
        out, or `X_val`. None if there are none.
    validation_loss_curve_ : list of float or None
        The mean loss on the validation data after each epoch, without dropout and the penalty of `alpha`. None if there
        are none.
    n_iter_ : int
        Number of epochs that were run.

    See Also
    --------
    SequenceClassifier : One label for each sequence. Its page describes the shared parameters.
    SequenceRegressor : With return_sequences=True, a number for each step.

    Notes
    -----
    Several labels a step are independent of each other: each one has a logistic output, and y holds rows of 0 and 1.

    In searches, scikit-learn's names of scores, such as ``scoring="f1_macro"``, count the steps of all sequences.
    `fastrnn.metrics.step_score` does so with any metric of scikit-learn. `fastrnn.metrics.span_f1_score` counts spans.

    Examples
    --------
    Label each number: is it larger than the one before?

    >>> import numpy as np
    >>> from fastrnn import SequenceTagger
    >>> rng = np.random.RandomState(0)
    >>> X = [rng.rand(n) for n in rng.randint(3, 9, 200)]
    >>> y = [np.where(np.diff(x, prepend=0) > 0, "up", "down") for x in X]
    >>> tagger = SequenceTagger(random_state=0).fit(X, y)
    >>> tagger.predict([[0.1, 0.9, 0.2]])[0]
    array(['up', 'up', 'down'], dtype='<U4')
    """

    readout = None
    """A row of outputs for each step."""

    _budget = (Budget(30, 1000),) * 2
    _parameter_constraints, _auto_sizes = SIZES, ((64, 1), (128, 1))
    _shape_parameters = ("missing", "time_column", "categorical_features")

    def __init__(self, *, cell="lstm", hidden_size="auto", proj_size=0, num_layers="auto", bidirectional=True,
        nonlinearity="tanh", bias=True, dropout="auto", zoneout=0.0, recurrent_dropout="auto", embedding_dim="auto",
        embeddings=None, freeze_embeddings=False, character_embedding_dim="auto", character_hidden_size=32, crf="auto",
        normalize_X=True, missing="error", time_column=None, categorical_features=None, solver="adam",
        learning_rate_init=5e-3, learning_rate="cosine", momentum=0.9, nesterovs_momentum=True, alpha=0.0,
        batch_size=32, max_iter="auto", shuffle=True, clip_norm=1.0, clip_value=None, bptt_steps=None,
        early_stopping=False, scoring=None, validation_fraction=0.1, n_iter_no_change=10, tol=None, class_weight=None,
        init_from=None, freeze=0, label_smoothing=0.0, averaging=0, warm_start=False, dtype="float32", n_jobs=None,
        random_state=None, verbose=False, callbacks=None):  # fmt: skip
        self._store(locals())

    def fit(self, X, y=None, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None, groups=None,
        static=None, static_val=None, resume_from=None):  # fmt: skip
        """Train the network on sequences with a label for each step.

        Parameters
        ----------
        X : list of n arrays or frames of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
            The sequences. An array (n, T), or a list of equally long lists of numbers, is n series with one number a
            step. Units do not matter, because `normalize_X` standardises numbers. Tokens come from a `Tokenizer`, or
            are integers from 0 on together with `embedding_dim`. `fastrnn.data.SequenceFiles` is data larger than
            memory, and has y and weights too.
        y : list of n arrays of shape (T_i,) or (T_i, K)
            A label for each step; or for several labels a step, 0 or 1 for each of K labels. None or NaN in place of a
            label says that a step has none: it counts nothing in the loss, nor in `score`. An array of integers has
            room for neither; a list has, or one of floats. A CRF needs all labels. None if X has them.
        sample_weight : array-like of shape (n,) or (n, T), or list of n arrays of shape (T_i,), default=None
            A weight for each sequence or, without `crf`, for each step. None gives all the same weight.
        X_val : as X, default=None
            Validation data: other sequences, which the network is not trained on. After each epoch they are scored.
            With `early_stopping` they are used in place of a part that is held out; without it they are only watched.
        y_val : as y, default=None
            The targets of `X_val`.
        sample_weight_val : as sample_weight, default=None
            A weight for each sequence of `X_val`.
        groups : array-like of shape (n,), default=None
            The groups of the sequences, such as persons, for a `validation_fraction` that is a splitter.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence: numbers that are the same at all of its steps, such as a person's age. They make the
            first states of the recurrent layers, and the output layer reads them, too. `normalize_X` standardises them.
            A model that was fitted with them needs them for each answer.
        static_val : as static, default=None
            Facts of each sequence of `X_val`.
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

        Warns
        -----
        UserWarning
            If X holds integers that look like tokens, but `embedding_dim` says that they are numbers.
        ConvergenceWarning
            With max_iter="auto", if the loss is hardly lower than that of the best constant answer, or is still
            falling.
        """
        return self._fit(X, y, sample_weight, resume_from, X_val, y_val, sample_weight_val, groups, static, static_val)

    def partial_fit(self, X, y, classes=None, sample_weight=None, *, static=None):
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
        y : list of n arrays of shape (T_i,) or (T_i, K)
            The labels, as for `fit`.
        classes : array-like, default=None
            All labels that will ever come. The first call needs them, unless y has them all.
        sample_weight : array-like of shape (n,) or (n, T), or list of n arrays of shape (T_i,), default=None
            A weight for each sequence or, without `crf`, for each step. None gives all the same weight.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, with the columns that `fit` had. It needs them if `fit` had any.

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
        return self._partial_fit(X, y, sample_weight, static, classes=classes)

    @by_file
    def predict(self, X, *, static=None):
        """Predict the labels of each step.

        These are the most probable labels of each step. With `crf`, they are the labels that are most probable for the
        sequence as a whole.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, with the columns that `fit` had. It needs them if `fit` had any.

        Returns
        -------
        ndarray of shape (n,)
            An object array of n arrays: labels (T_i,), or rows of 0 and 1 (T_i, K) for several labels a step.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        outputs, sequences = self._outputs(X, static)
        return sequences.split(self._decoded(outputs, sequences.offsets))

    @by_file
    def predict_proba(self, X, *, static=None):
        """Predict the probability of each label at each step.

        With `crf`, they take the whole sequence of labels into account.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, with the columns that `fit` had. It needs them if `fit` had any.

        Returns
        -------
        ndarray of shape (n,)
            An object array of n arrays (T_i, K). The columns are in the order of `classes_`. Rows sum to 1, except for
            several labels a step, which have independent probabilities.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        outputs, sequences = self._outputs(X, static)
        return sequences.split(self._answered(outputs, sequences))

    def _answered(self, outputs, sequences):
        chain = self.network_.chain
        return super()._answered(outputs, sequences) if chain is None else chain.marginals(outputs, sequences.offsets)

    def score(self, X, y=None, sample_weight=None, *, static=None):
        """Compute the accuracy: the fraction of steps that get the right label.

        For several labels a step, it is the fraction of single labels that are right.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        y : list of n arrays of shape (T_i,) or (T_i, K)
            The true labels.
        sample_weight : array-like of shape (n,) or (n, T), or list of n arrays of shape (T_i,), default=None
            A weight for each sequence or, without `crf`, for each step. None gives all the same weight.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, with the columns that `fit` had. It needs them if `fit` had any.

        Returns
        -------
        float
            The accuracy, from 0 to 1.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        return self._total(*in_parts(self._judged, X, y, sample_weight, static=static))

    @staticmethod
    def _total(right, weights):
        return float(np.average(right, weights=weights))

    def _judged(self, X, y, sample_weight, static=None):
        outputs, sequences = self._outputs(X, static)
        return self._compared(self._decoded(outputs, sequences.offsets), sequences, y, sample_weight)

    def _compared(self, predicted, sequences, y, sample_weight):
        """Of each step that has a label how much of it is right, and its weight."""
        labels, there = self._label_rows(y, sequences)
        if predicted.shape != labels.shape or (predicted.dtype.kind in "OSU") != (labels.dtype.kind in "OSU"):
            fit = f"the fit was on {predicted.dtype}, {predicted.shape[1:]} a step"
            raise ValueError(f"y holds {labels.dtype} labels, {labels.shape[1:]} a step, but {fit}")
        self._step_weights(sample_weight, sequences)
        right = (predicted == labels).reshape(len(labels), -1)
        return right.mean(axis=1)[there], steps_weights(sample_weight, sequences.lengths)[there]

    # -------------------------------------------------------------------------------------- targets

    def _problem(self, X, y, sample_weight, goes_on, classes=None):
        sequences = self._check_sequences(X, reset=not goes_on)
        labels, there = self._label_rows(y, sequences)
        if not goes_on:
            self._is_multilabel = labels.ndim == 2
            if self.crf == "auto":
                is_plain = labels.ndim == 1 and self.class_weight is None and by_step(sample_weight) is None
                is_plain &= not self.label_smoothing
                self._shape["crf"] &= is_plain and bool(there.all())
            self._set_classes(labels, classes)
        else:
            self._check_same_classes(classes)
        codes = self._encode(labels, sequences)
        weights = self._step_weights(sample_weight, sequences)
        if not there.all():
            self._refuse_with_crf("y with steps that have no label")
        if self.class_weight is not None:
            self._refuse_with_crf("class_weight")
            weights[there] *= self._class_weights(labels[there])
        if self.label_smoothing:
            self._refuse_with_crf("label_smoothing")
        weights, n_outputs = self._normalised(weights, there), len(self.classes_)
        loss, targets = smoothed(cross_entropy, self.label_smoothing), codes
        if self._is_multilabel:
            loss, targets = binary_cross_entropy, softened(codes, self.label_smoothing)
        sequences = self._standardised(sequences, weights, goes_on)
        return Problem(sequences, targets, weights * there, n_outputs, loss, there=there)

    def _label_rows(self, y, sequences):
        """Labels (S,), or (S, K), of all steps, and which steps have one; others have the first in its place."""
        advice, expected = "SequenceClassifier takes one for each sequence", "a list of label arrays, one for each of X"
        found = [self._labels_of(row, f"y[{k}]") for k, row in enumerate(rows_of(self, y, advice, expected))]
        some = [(k, labels) for k, (labels, _) in enumerate(found) if len(labels)]
        lengths = np.array([len(there) for _, there in found])
        if not some:
            check_as_long(lengths, sequences, "labels")
            raise ValueError("y has no label at all: None or NaN in place of one says that a step has none")
        first, like = some[0]
        for k, labels in some:
            if labels.ndim not in (1, 2) or labels.shape[1:] != like.shape[1:]:
                expected = "a label for each step, (T,), or rows of 0 and 1, (T, K), alike in all"
                raise ValueError(f"y[{k}] has shape {labels.shape}, and y[{first}] {like.shape}: expected {expected}")
            if (labels.dtype.kind in "OSU") != (like.dtype.kind in "OSU"):
                which = f"y[{k}] holds labels as {shown(labels.flat[0])}, but y[{first}] as {shown(like.flat[0])}"
                raise ValueError(f"{which}: make them alike, all str or all int")
        check_as_long(lengths, sequences, "labels")
        there = np.concatenate([there for _, there in found])
        known = np.concatenate([labels for _, labels in some])
        return (known if there.all() else known[np.where(there, np.cumsum(there) - 1, 0)]), there

    @staticmethod
    def _labels_of(labels, name):
        """The labels of a sequence's steps as an array, and which steps have one."""
        if not is_sequence(labels):
            raise ValueError(f"{name} is {shown(labels)}; expected an array of labels, one for each step")
        labels, there = labels_there(labels, name)
        if labels.dtype.kind == "f" and np.isinf(labels).any():
            raise ValueError(f"{name} contains infinity")
        return labels, there

    def _set_classes(self, labels, classes):
        if self._is_multilabel:
            self._refuse_with_crf("y with several labels a step")
            for name, value in (("class_weight", self.class_weight), ("classes", classes)):
                if value is not None:
                    raise ValueError(f"{name}={shown(value)} is for one label a step; y holds rows of 0 and 1")
            self.classes_ = np.arange(labels.shape[1])
            return
        check_classes(labels, "SequenceRegressor with return_sequences=True")
        known = None if classes is None else [classes_to_come(classes)]
        (self.classes_,) = classes_of(labels, known, self._agreed)

    def _encode(self, labels, sequences):
        """Targets of the steps: numbers of classes (S,), or 0 and 1 (S, K)."""
        allowed, form, expected = self.classes_, (), "labels"
        if self._is_multilabel:
            allowed, form, expected = (0, 1), self.classes_.shape, f"rows of {len(self.classes_)} times 0 or 1"
        wrong = ~np.isin(labels, allowed).reshape(len(labels), -1).all(axis=1)
        for row in np.flatnonzero(wrong | (labels.shape[1:] != form)):
            k = sequences.number_of(row)
            found = f"y[{k}] holds {shown(labels[row])} at step {row - sequences.offsets[k]}"
            raise ValueError(f"{found}; expected {expected}, as in the first fit (classes {shown(self.classes_, 200)})")
        return labels.astype(self.dtype) if self._is_multilabel else np.searchsorted(self.classes_, labels)

    def _step_weights(self, sample_weight, sequences):
        """Weights (S,) with the mean 1."""
        if (rows := by_step(sample_weight)) is not None:
            self._refuse_with_crf("sample_weight for each step")
            weights = as_sequences(rows, "float64", name="sample_weight", n_features=1)
            check_as_long(weights.lengths, sequences, "weights", "sample_weight")
            return self._check_weights(weights.values[:, 0], sequences.offsets[-1])
        return self._normalised(np.repeat(self._check_weights(sample_weight, len(sequences)), sequences.lengths))

    def _refuse_with_crf(self, what):
        if self._shape["crf"]:
            why = f"crf={self.crf}, which scores whole sequences"
            raise ValueError(f"{what} does not go with {why}: fit with crf=False")

    # -------------------------------------------------------------------------------------- network

    def _new_network(self, rng):
        chain = LinearChain(self._sizes["outputs"], self.dtype) if self._shape["crf"] else None
        return super()._new_network(rng, chain)

    def _rules(self, n_outputs):
        is_multilabel = bool(self._is_multilabel and not self._shape["crf"])
        rule = storage.places if is_multilabel else storage.labels
        return {"_is_multilabel": is_multilabel, "classes_": rule(n_outputs)}

    @property
    def _answer(self):
        return logistic_answer if self._is_multilabel else softmax_answer

    def _decoded(self, outputs, offsets):
        """The labels of all steps, from the network's outputs."""
        if self._is_multilabel:
            return (outputs > 0).astype(np.int64)
        if self.network_.chain is not None:
            return self.classes_[self.network_.chain.best(outputs, offsets)]
        return self.classes_[outputs.argmax(axis=1)]

    def _losses(self, outputs, problem):
        chain, offsets = self.network_.chain, problem.sequences.offsets
        if chain is None:
            return super()._losses(outputs, problem)
        losses = np.zeros(len(outputs))  # a sequence has its loss, and its weight, at the first of its steps
        losses[offsets[:-1]] = chain.losses(outputs, problem.targets, offsets)
        return losses

    def _score_of(self, outputs, problem, losses, weights):
        if self._is_multilabel:  # most labels are 0, and rightly predicted by a model that knows nothing
            return super()._score_of(outputs, problem, losses, weights)
        right = self._decoded(outputs, problem.sequences.offsets) == self.classes_[problem.targets]
        return float(np.average(right, weights=weights))

    def __sklearn_tags__(self):
        join_steps_in_scorers()  # which ask for tags first; scoring="f1_macro" is a number for what `predict` returns
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
