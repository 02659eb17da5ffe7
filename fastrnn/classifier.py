"""Sequence to label."""

import numpy as np
from scipy.special import log_expit, log_softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite, column_or_1d

from fastrnn.base import FeatureExtractor, Problem, SequenceEstimator
from fastrnn.base.labels import as_labels, as_values, check_as_many, check_classes, check_given, refuse_steps
from fastrnn.losses.answers import filled, softmax_answer
from fastrnn.losses.loss import binary_cross_entropy, cross_entropy
from fastrnn.storage import labels
from fastrnn.wording import shown


class SequenceClassifier(ClassifierMixin, FeatureExtractor, SequenceEstimator):
    """Classify sequences of any lengths with a recurrent network (N to 1).

    Parameters
    ----------
    cell : {"lstm", "gru", "gru_reset_before", "rnn"}, default="gru"
        "gru_reset_before" is the GRU of Cho et al. 2014, and of Keras with reset_after=False.
    hidden_size : int, default=64
        Units of each level and direction.
    num_layers : int, default=1
        Levels of the stack.
    bidirectional : bool, default=True
        Read each sequence backwards too, with weights of its own.
    nonlinearity : {"tanh", "relu", "sigmoid"}, default="tanh"
        Of cell="rnn".
    bias : bool, default=True
        Whether the recurrent levels have bias vectors.
    dropout : float or "auto", default="auto"
        The fraction of elements set to zero in training: of tokens' vectors, between levels, and
        before the output layer.  "auto" is 0 for numbers and up to 50 different tokens, 0.3 for up to 200, and else
        0.5.  Unless 0, rare words of a `Tokenizer` are read as unknown now and then, so that what is unknown has a
        trained vector (Kiperwasser and Goldberg 2016).
    readout : {"last", "mean", "max", "concat"} or "auto", default="auto"
        What the output layer reads: the state after the last step (of the reverse direction, after
        the first), the mean or the largest state over the steps, or all steps side by side
        (sequences of one length only).  "auto" is "last" for numbers and a `Tokenizer`'s characters, and else "max".
    embedding_dim : int, "auto" or None, default="auto"
        If a number, X holds sequences of integers (tokens from 0 on), and each token a trained vector of
        this length; None if X holds numbers.  "auto" is 64 for what a `Tokenizer` gives, or as long as `embeddings`
        are, and else None.
    embeddings : array (n_tokens, embedding_dim) or None, default=None
        The vectors to begin with, as trained elsewhere.
    freeze_embeddings : bool, default=False
        Leave `embeddings` as they are.
    character_embedding_dim : int, "auto" or None, default="auto"
        If set, a step of X is a word's token followed by its characters' (0 past its end), or what a `Tokenizer` gives:
        a bidirectional network reads each word's characters, and its last states stand beside the word's own vector
        (Plank et al. 2016).  "auto" is 32 if X is from a `Tokenizer` that knows characters, else None.
    character_hidden_size : int, default=32
        Units of each direction of that network.
    normalize_X : bool, default=True
        Standardise each number of a step by its mean and standard deviation over all steps of the first fit, held-out
        ones among them, weighted as the sequences are; later fits (`warm_start`, `partial_fit`) keep these.  What is
        only 0 and 1, or standardised already (to a fiftieth), stays as it is, and what does not change is only
        centred.  Without `bias` nothing is centred, and the root mean square takes the place of the deviation.  Tokens
        stay tokens.
    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        lbfgs reads all data at once, and knows no learning rate, clipping, dropout or early
        stopping.
    learning_rate_init : float, default=5e-3
    learning_rate : {"constant", "cosine", "plateau", "warmup"}, default="cosine"
        The schedule: "cosine" falls to zero over max_iter epochs, "warmup" rises over the first
        twentieth before that, "plateau" falls to a tenth when nothing has improved for
        n_iter_no_change / 2 epochs.
    momentum : float, default=0.9
        Of solver="sgd".
    nesterovs_momentum : bool, default=True
        Of solver="sgd".
    alpha : float, default=0.0
        Weight decay of the matrices (not of biases): the penalty alpha / (2 n) times the sum of
        their squares for n sequences; for adamw the decoupled rate of decay.
    batch_size : int, default=32
    max_iter : int or "auto", default="auto"
        Epochs.  "auto" takes as many as 2,000 batches need (of lbfgs 2,000 iterations at most), fewer where these
        would read more than 2**28 steps, some five minutes, but never less than 60, of tokens 20; `fit` warns if little
        was learned.
    shuffle : bool, default=True
        Whether each epoch takes the sequences in a new order.
    clip_norm : float or None, default=1.0
        The largest norm of a gradient; longer ones are shortened.
    clip_value : float or None, default=None
        The largest element of a gradient.
    bptt_steps : int or None, default=None
        Truncated backpropagation through time: gradients stop at each multiple of so many steps.
    early_stopping : bool, default=False
        Hold out validation_fraction of the sequences, stop when their score has not improved by
        more than tol for n_iter_no_change epochs, and keep the weights of the best epoch.
    validation_fraction : float, default=0.1
    n_iter_no_change : int, default=10
    tol : float or None, default=None
        If set, training without early stopping ends too when its loss has not improved by more for
        n_iter_no_change epochs.
    patch_length : int or "auto", default="auto"
        Steps that are read as one, and beside each what it has changed by: a long sequence becomes one of patches, of
        which a recurrent network learns more and sooner (Nie et al. 2023 for transformers).  Each epoch cuts it at
        other places, and answers are the mean over up to ten.  "auto" leaves 40 patches of a sequence of the middle
        length in the first fit, or 1 for tokens, readout="concat" and less than 80 steps.  1 reads step by step, as
        streams, exported models and pictures of states do.  `bptt_steps` counts patches.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, as elsewhere in scikit-learn.
    warm_start : bool, default=False
        Whether fit goes on from the weights of the fit before.
    dtype : {"float32", "float64"}, default="float32"
    n_jobs : int or None, default=None
        Threads; None takes all that Numba has, unless joblib's context allows fewer.  Results do
        not depend on it.  Beside other busy processes 1 is quicker, or OMP_WAIT_POLICY=PASSIVE in
        the environment: OpenMP's threads wait for each other without giving up their core.
    random_state : int, RandomState or None, default=None
        For initial weights, order of the sequences, dropout and the held-out part.
    verbose : bool or int, default=False
        True or 1 shows a progress bar; 2 writes a line for each epoch, as log files want it.  Both go to stderr.
    callbacks : list of callables or None, default=None
        Called after each epoch with a `fastrnn.training.Progress`; returning True ends the
        training.  scikit-learn's own callbacks, which `fit` tells of a task "epoch" each, are for `set_callbacks`.

    Attributes
    ----------
    classes_ : ndarray (n_classes,)
    n_features_in_ : int
        Features of a step; for a 2-D X its number of columns.
    feature_names_in_ : ndarray
        The names of the columns, if X is a frame or a list of frames of one sequence each: later ones must have the
        same, in the same order.
    loss_curve_ : list of float
        The mean training loss of each epoch.
    validation_scores_ : list of float or None
        With early_stopping, the accuracy on the held-out part after each epoch.
    n_iter_ : int
        Epochs run.

    Notes
    -----
    Trained with the cross-entropy of a softmax, or for two classes of a logistic output (Bishop,
    "Pattern Recognition and Machine Learning", 2006, section 4.3), by backpropagation through time
    (Werbos 1990).

    Examples
    --------
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(split="train")
    >>> clf = SequenceClassifier(max_iter=20, learning_rate_init=0.01, random_state=0).fit(X, y)
    >>> X_test, y_test = load_japanese_vowels(split="test")
    >>> clf.score(X_test, y_test) > 0.9
    True
    """

    def __init__(self, *, cell="gru", hidden_size=64, num_layers=1, bidirectional=True, nonlinearity="tanh", bias=True,
        dropout="auto", readout="auto", embedding_dim="auto", embeddings=None, freeze_embeddings=False,
        character_embedding_dim="auto", character_hidden_size=32, normalize_X=True, solver="adam",
        learning_rate_init=5e-3, learning_rate="cosine", momentum=0.9, nesterovs_momentum=True, alpha=0.0,
        batch_size=32, max_iter="auto", shuffle=True, clip_norm=1.0, clip_value=None, bptt_steps=None,
        early_stopping=False, validation_fraction=0.1, n_iter_no_change=10, tol=None, patch_length="auto",
        class_weight=None, warm_start=False, dtype="float32", n_jobs=None, random_state=None, verbose=False,
        callbacks=None):  # fmt: skip
        self._store(locals())

    def fit(self, X, y, sample_weight=None, *, resume_from=None):
        """Train.

        Parameters
        ----------
        X : list of n arrays or frames (T_i, I) or (T_i,), or array (n, T, I) or (n, T)
            The sequences.  A 2-D array, or a list of equally long lists of numbers, is a panel of n
            univariate series of T steps.  Units do not matter, with `normalize_X`.
        y : array (n,)
            Labels.
        sample_weight : array (n,), optional
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

        Warns
        -----
        UserWarning
            If X holds integers that look like tokens, but `embedding_dim` is None.
        ConvergenceWarning
            With max_iter="auto", if the loss is hardly less than that of the best constant answer, or still falls.
        """
        return self._fit(X, y, sample_weight, resume_from)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on X, going on with weights and optimiser as they are.

        The first call fixes what later ones may hold: with `embedding_dim` no token above its
        largest.  It also fixes the mean and scale of `normalize_X`: give it what is typical.  The learning rate is
        constant, and nothing is held out for early stopping.

        Parameters
        ----------
        X : list of n arrays or frames (T_i, I) or (T_i,), or array (n, T, I) or (n, T)
            The sequences.  A 2-D array is a panel of n univariate series of T steps.
        y : array (n,)
            Labels.
        classes : array, optional
            All labels that will ever come; needed at the first call unless y has them all.
        sample_weight : array (n,), optional

        Returns
        -------
        self
        """
        return self._partial_fit(X, y, sample_weight, classes=classes)

    def predict(self, X):
        """The most probable label of each sequence, (n,).

        Parameters
        ----------
        X : as for `fit`; of other lengths if the fit was on a list

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            For input of a wrong kind, or such that the outputs overflow.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X):
        """Each sequence's probability of each class, (n, n_classes), in the order of `classes_`."""
        outputs, _ = self._outputs(X)
        return filled(softmax_answer, outputs)

    def predict_log_proba(self, X):
        """The logarithm of `predict_proba`, exact where that is too small a number."""
        outputs = self._outputs(X)[0].astype(np.float64)
        if self.classes_.size == 2:
            return np.hstack([log_expit(-outputs), log_expit(outputs)])
        return log_softmax(outputs, axis=1)

    def score(self, X, y, sample_weight=None):
        """The fraction of sequences that are labelled rightly."""
        from sklearn.metrics import accuracy_score

        predicted, y = self.predict(X), self._check_y(y)
        check_as_many(y, predicted)
        return accuracy_score(y, predicted, sample_weight=sample_weight)

    def _problem(self, X, y, sample_weight, goes_on, classes=None):
        y = self._check_y(y)
        sequences = self._check_sequences(X, reset=not goes_on)
        check_as_many(y, sequences)
        if goes_on:
            self._check_same_classes(classes)
        else:
            self.classes_ = np.unique(y if classes is None else self._check_y(classes, "classes"))
            if self.classes_.size < 2:
                found = f"{self.classes_.size} class, {shown(self.classes_)}: a classifier needs at least two"
                advice = "for partial_fit give all that will come as classes="
                raise ValueError(f"{'y' if classes is None else 'classes'} has {found}; {advice}")
        codes = self._encode(y)
        weights = self._check_weights(sample_weight, len(y))
        if self.class_weight is not None:
            weights = weights * self._class_weights(y)
        weights = self._normalised(weights)
        n_outputs, loss, targets = self.classes_.size, cross_entropy, codes
        if n_outputs == 2:
            n_outputs, loss, targets = 1, binary_cross_entropy, codes[:, np.newaxis].astype(self.dtype)
        return Problem(self._standardised(sequences, weights, goes_on), targets, weights, n_outputs, loss, strata=codes)

    def _check_y(self, y, name="y"):
        check_given(self, y, "a list of labels, one for each sequence", name)
        values = as_values(y)
        refuse_steps(values, "SequenceTagger takes a label for each step", name)
        if values.ndim == 2 and values.shape[1] > 1:
            _refuse_rows(values, name)
        y = column_or_1d(as_labels(y, name), warn=True)
        assert_all_finite(y, input_name=name)
        check_classes(y, "SequenceRegressor")
        return y

    def _encode(self, y):
        unknown = np.setdiff1d(y, self.classes_)
        if unknown.size:
            raise ValueError(f"y has the labels {shown(unknown)}, but the classes are {shown(self.classes_, 200)}")
        return np.searchsorted(self.classes_, y)

    def _rules(self, n_outputs):
        return {"classes_": labels({1: 2, 2: 0}.get(n_outputs, n_outputs))}

    _answer = staticmethod(softmax_answer)

    def _validation_score(self, network, problem, held_out):
        codes, sequences = problem.strata[held_out], problem.sequences.some(held_out)
        return lambda: float(np.mean(filled(softmax_answer, network.predict(sequences)).argmax(axis=1) == codes))


def _refuse_rows(y, name):
    """Rows of labels are no labels."""
    found = f"{name} has shape {y.shape}"
    if np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        raise ValueError(f"{found}, rows with a single 1: pass np.argmax({name}, axis=1), their numbers")
    advice = "SequenceTagger takes a label for each step"
    advice += ", sklearn.multioutput.MultiOutputClassifier fits a classifier to each of several columns"
    raise ValueError(f"{found}, but one label for each sequence is expected, (n,): {advice}")
