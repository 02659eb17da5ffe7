"""Classify sequences: a label for each sequence."""

import numpy as np
from scipy.special import log_expit, log_softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite, column_or_1d

from fastrnn.base import FeatureExtractor, Problem, SequenceEstimator
from fastrnn.base.files import by_file, in_parts
from fastrnn.base.labels import (
    as_labels,
    as_values,
    check_as_many,
    check_classes,
    check_given,
    classes_of,
    refuse_steps,
)
from fastrnn.losses.answers import filled, softmax_answer
from fastrnn.losses.loss import binary_cross_entropy, cross_entropy
from fastrnn.storage import labels
from fastrnn.wording import shown


class SequenceClassifier(ClassifierMixin, FeatureExtractor, SequenceEstimator):
    """Classify sequences of any lengths with a recurrent network (N to 1).

    Each sequence gets one label. A step of a sequence holds numbers, or a token of a text. Only
    steps that exist are computed: nothing is padded.

    Parameters
    ----------
    cell : {"lstm", "gru", "gru_reset_before", "rnn"}, default="gru"
        The kind of recurrent layer. "gru" is PyTorch's GRU. "gru_reset_before" is the GRU of Cho et al. 2014, and of
        Keras with reset_after=False.
    hidden_size : int, default=64
        Number of hidden units in each layer and direction. More units can learn more, and need more time and data.
    num_layers : int, default=1
        Number of recurrent layers. Each layer reads the outputs of the layer below.
    bidirectional : bool, default=True
        Whether a second set of weights reads each sequence backwards. `stream` needs False.
    nonlinearity : {"tanh", "relu", "sigmoid"}, default="tanh"
        The activation function of cell="rnn". Other cells do not use it.
    bias : bool, default=True
        Whether the recurrent layers have bias vectors.
    dropout : float or "auto", default="auto"
        The fraction of numbers that are set to zero during training. This is done to the vectors of tokens, to what one
        layer passes to the next, and to what the output layer reads. "auto" is 0 for numbers and for up to 50 different
        tokens, 0.3 for up to 200 tokens, and 0.5 for more. Unless it is 0, rare words of a `Tokenizer` are sometimes
        read as the unknown word, so that the unknown word has a trained vector too (Kiperwasser and Goldberg 2016).
    readout : {"last", "mean", "max", "concat"} or "auto", default="auto"
        What the output layer reads of the states. "last" is the state after the last step, and for the reverse
        direction the state after the first step. "mean" and "max" are the mean and the largest value over all steps.
        "concat" puts all steps side by side, and needs sequences of one length. "auto" is "last" for numbers and for
        characters of a `Tokenizer`, and "max" for other tokens.
    embedding_dim : int, "auto" or None, default="auto"
        The length of the trained vector of each token. None says that X holds numbers. With a number, X holds
        tokens, integers from 0 on. "auto" is 64 if X comes from a `Tokenizer`, or the length of the vectors in
        `embeddings` if they are given, else None.
    embeddings : array-like of shape (n_tokens, embedding_dim) or None, default=None
        Vectors of tokens to start from, for example vectors that were trained elsewhere.
    freeze_embeddings : bool, default=False
        Whether the vectors in `embeddings` stay as they are, without training.
    character_embedding_dim : int, "auto" or None, default="auto"
        The length of the trained vector of each character. With a number, a small bidirectional network reads the
        characters of each word, and its last states are put beside the vector of the word (Plank et al. 2016). X then
        comes from a `Tokenizer`, or has steps with the token of a word followed by the tokens of its characters, and 0
        after its end. "auto" is 32 if X comes from a `Tokenizer` that knows characters, else None.
    character_hidden_size : int, default=32
        Number of units in each direction of the network that reads characters.
    normalize_X : bool, default=True
        Whether each number of a step is standardised: its mean is subtracted, and it is divided by its standard
        deviation. Both come from all steps of the first fit, weighted as its sequences are, including those that are
        held out. Later fits (`warm_start`, `partial_fit`) keep them. A number that is always 0 or 1, or that is
        standardised already (to 2 %), stays as it is. A number that never changes is only centred. With bias=False
        nothing is centred, and the root mean square is used in place of the standard deviation. Tokens are not changed.
    missing : {"error", "mask", "forward"}, default="error"
        What to do where a number of X is missing: NaN, or None. "error" refuses it. "mask" reads the mean in its place,
        and beside each feature a channel of 0 and 1 that says whether the feature is there. "forward" reads the last
        value that was seen, and the mean before the first one. Mean and standard deviation are those of the numbers
        that are there. Where nothing is standardised, 0 is read in place of the mean.
    time_column : int, str or None, default=None
        Where the time of each step is: the number of a column of X, or its name if X is a list of frames. "index" is
        the index of pandas frames or Series. The network reads the time since the step before, and 0 at the first step,
        in place of the time itself. Times are numbers, or dates, which are read in seconds. They must not go back. None
        reads no times.
    categorical_features : array-like of int, str or bool, "from_dtype" or None, default=None
        Which columns of X hold categories: their numbers, their names if X is a list of frames, or a mask with True for
        each. "from_dtype" takes the columns of frames that are categorical by their type. In arrays categories are
        integers, in frames also texts. The network reads a trained vector of each category beside the other numbers,
        which are standardised. A category that the first fit has not seen, and one that is missing, is read as a vector
        of its own: the mean of the vectors of the others, from which training moves it where the fit has missing ones.
        The length of the vectors of n categories is ``min(64, round(1.6 * n**0.56))``, as in fastai. None reads numbers
        alone.
    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        The optimiser. "lbfgs" reads all data at once, and uses no learning rate, clipping, dropout or early stopping.
    learning_rate_init : float, default=5e-3
        The learning rate at the start. Lower it if training diverges. `learning_rate` says how it changes.
    learning_rate : {"constant", "cosine", "plateau", "warmup"}, default="cosine"
        The schedule of the learning rate. "cosine" lets it fall to zero over max_iter epochs. "warmup" lets it rise
        during the first twentieth of training, and then fall like "cosine". "plateau" divides it by 10 each time that
        there was no improvement for n_iter_no_change / 2 epochs.
    momentum : float, default=0.9
        The momentum of solver="sgd". Other solvers do not use it.
    nesterovs_momentum : bool, default=True
        Whether solver="sgd" uses Nesterov's momentum. Other solvers do not use it.
    alpha : float, default=0.0
        The strength of weight decay (L2 penalty) on weight matrices. Biases and vectors of tokens are not decayed. For
        n sequences, the loss gets the penalty alpha / (2 n) times the sum of squared weights. For solver="adamw" it is
        the rate of decoupled weight decay.
    batch_size : int, default=32
        Number of sequences in a batch. The weights change once after each batch.
    max_iter : int or "auto", default="auto"
        Number of epochs. An epoch reads all training data once. "auto" takes as many epochs as make 2,000 batches (for
        lbfgs at most 2,000 iterations). It takes fewer if they would read more than 2**28 steps, which takes about five
        minutes, but at least 60 epochs, or 20 for tokens. With "auto", `fit` warns if little was learned.
    shuffle : bool, default=True
        Whether each epoch takes the sequences in a new order.
    clip_norm : float or None, default=1.0
        The largest norm of the gradient of a batch. A gradient with a larger norm is scaled down to it. None does not
        clip.
    clip_value : float or None, default=None
        The largest absolute value of each number in the gradient. None does not clip.
    bptt_steps : int or None, default=None
        The length of truncated backpropagation through time: gradients stop at each multiple of so many steps. None
        does not truncate. It needs bidirectional=False.
    early_stopping : bool, default=False
        Whether to hold out `validation_fraction` of the sequences and score them after each epoch. Training stops if
        their score has not improved by more than `tol` for `n_iter_no_change` epochs. The weights of the best epoch
        are kept.
    validation_fraction : float, default=0.1
        The fraction of sequences that `early_stopping` holds out.
    n_iter_no_change : int, default=10
        Number of epochs without improvement after which training stops, for `early_stopping` and `tol`.
    tol : float or None, default=None
        The smallest improvement that counts. If it is a number, training without `early_stopping` also stops when the
        loss has not improved by more than `tol` for `n_iter_no_change` epochs. For solver="lbfgs" it is SciPy's `ftol`.
        None: only `early_stopping` stops, and any improvement counts.
    patch_length : int or "auto", default="auto"
        Number of steps that the network reads as one. A patch holds the numbers of its steps and their changes. A long
        sequence becomes a shorter one of patches, from which the network learns more, and sooner (Nie et al. 2023 for
        transformers). Each epoch cuts sequences at other places, and a prediction is the mean over up to ten cuts. 1
        reads step by step, as streams, exported models and pictures of states need it. "auto" is 1 for tokens, for
        readout="concat" and for sequences of fewer than 80 steps. Otherwise it leaves 40 patches or some more in a
        sequence of median length. `bptt_steps` counts patches.
    class_weight : dict, "balanced" or None, default=None
        The weights of classes: a dict from labels to weights, or "balanced", which gives each class the same total
        weight, as in scikit-learn. None gives each sequence the same weight.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the previous fit.
    dtype : {"float32", "float64"}, default="float32"
        The floating-point type of weights and computations. "float64" is slower.
    n_jobs : int or None, default=None
        Number of threads. None takes all that Numba has, unless joblib's context allows fewer; -1 takes all. Results do
        not depend on it. If other processes are busy, 1 is faster, or the environment variable OMP_WAIT_POLICY=PASSIVE:
        waiting OpenMP threads otherwise keep their cores.
    random_state : int, RandomState or None, default=None
        The seed of initial weights, order of sequences, dropout and held-out part. An int gives the same model each
        time.
    verbose : bool or int, default=False
        True or 1 shows a progress bar. 2 writes a line after each epoch, for log files. Both go to stderr.
    callbacks : list of callables or None, default=None
        Functions that are called after each epoch with a `fastrnn.training.Progress`. Training stops if one returns
        True. For scikit-learn's own callbacks use `set_callbacks`: `fit` tells them of a task "epoch" for each epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    n_features_in_ : int
        Number of features in a step; for a 2-D X its number of columns.
    feature_names_in_ : ndarray of shape (I,)
        The names of the columns, if X is a frame or a list of frames with one sequence each. Later frames must have the
        same columns in the same order.
    categories_ : list of ndarray
        The categories of each column of `categorical_features`, in order, if it is not None.
    is_categorical_ : ndarray of shape (n_features_in_,)
        Whether each column holds categories, if `categorical_features` is not None.
    loss_curve_ : list of float
        The mean training loss of each epoch.
    validation_scores_ : list of float or None
        With `early_stopping`, the accuracy on the held-out part after each epoch.
    n_iter_ : int
        Number of epochs that were run.

    See Also
    --------
    SequenceRegressor : Predict numbers instead of labels.
    SequenceTagger : Predict a label for each step.

    Notes
    -----
    The loss is the cross-entropy of a softmax output, or of a logistic output if there are two classes (Bishop,
    "Pattern Recognition and Machine Learning", 2006, section 4.3). Gradients come from backpropagation through time
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

    _shape_parameters = ("missing", "time_column", "categorical_features")

    def __init__(self, *, cell="gru", hidden_size=64, num_layers=1, bidirectional=True, nonlinearity="tanh", bias=True,
        dropout="auto", readout="auto", embedding_dim="auto", embeddings=None, freeze_embeddings=False,
        character_embedding_dim="auto", character_hidden_size=32, normalize_X=True, missing="error", time_column=None,
        categorical_features=None, solver="adam", learning_rate_init=5e-3, learning_rate="cosine", momentum=0.9,
        nesterovs_momentum=True, alpha=0.0, batch_size=32, max_iter="auto", shuffle=True, clip_norm=1.0,
        clip_value=None, bptt_steps=None, early_stopping=False, validation_fraction=0.1, n_iter_no_change=10, tol=None,
        patch_length="auto", class_weight=None, warm_start=False, dtype="float32", n_jobs=None, random_state=None,
        verbose=False, callbacks=None):  # fmt: skip
        self._store(locals())

    def fit(self, X, y=None, sample_weight=None, *, resume_from=None):
        """Train the network on labelled sequences.

        Parameters
        ----------
        X : list of n arrays or frames of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
            The sequences. An array (n, T), or a list of equally long lists of numbers, is n series with one number a
            step. Units do not matter, because `normalize_X` standardises numbers. Tokens come from a `Tokenizer`, or
            are integers from 0 on together with `embedding_dim`. `fastrnn.data.SequenceFiles` is data larger than
            memory, and has y and weights too.
        y : array-like of shape (n,)
            The label of each sequence. None if X has them.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence. None gives all the same weight.
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
            sequence, or a feature that is NaN everywhere.
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
        return self._fit(X, y, sample_weight, resume_from)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one more epoch on X.

        Weights and optimiser go on as they are. The first call fixes what later calls may hold: the classes, the
        largest token, and the mean and scale of `normalize_X`. Give it typical data. The learning rate is constant, and
        nothing is held out for early stopping.

        Parameters
        ----------
        X : list of n arrays or frames of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
            The sequences. An array (n, T), or a list of equally long lists of numbers, is n series with one number a
            step. Units do not matter, because `normalize_X` standardises numbers. Tokens come from a `Tokenizer`, or
            are integers from 0 on together with `embedding_dim`.
        y : array-like of shape (n,)
            The label of each sequence.
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

    def predict(self, X):
        """Predict the most probable label of each sequence.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.

        Returns
        -------
        ndarray of shape (n,)
            The labels.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    @by_file
    def predict_proba(self, X):
        """Predict the probability of each class.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.

        Returns
        -------
        ndarray of shape (n, n_classes)
            A row for each sequence. The columns are in the order of `classes_`, and each row sums to 1.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        return self._answered(*self._outputs(X))

    @by_file
    def predict_log_proba(self, X):
        """Predict the logarithm of each class's probability.

        It is exact even where the probability itself is too small for a floating-point number.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.

        Returns
        -------
        ndarray of shape (n, n_classes)
            A row for each sequence. The columns are in the order of `classes_`.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        outputs = self._outputs(X)[0].astype(np.float64)
        if self.classes_.size == 2:
            return np.hstack([log_expit(-outputs), log_expit(outputs)])
        return log_softmax(outputs, axis=1)

    def score(self, X, y=None, sample_weight=None):
        """Compute the accuracy: the fraction of sequences that get the right label.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        y : array-like of shape (n,)
            The true labels.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence. None gives all the same weight.

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
        return self._total(*in_parts(self._judged, X, y, sample_weight))

    def _judged(self, X, y, sample_weight):
        return self._compared(self.predict(X), None, y, sample_weight)

    def _compared(self, predicted, sequences, y, sample_weight):
        y = self._check_y(y)
        check_as_many(y, predicted)
        return y, predicted, sample_weight

    @staticmethod
    def _total(y, predicted, sample_weight):
        from sklearn.metrics import accuracy_score

        return accuracy_score(y, predicted, sample_weight=sample_weight)

    def _problem(self, X, y, sample_weight, goes_on, classes=None):
        y = self._check_y(y)
        sequences = self._check_sequences(X, reset=not goes_on)
        check_as_many(y, sequences)
        if goes_on:
            self._check_same_classes(classes)
        else:
            known = None if classes is None else self._check_y(classes, "classes")
            self.classes_ = classes_of(y, known, self._agreed)
        codes = self._encode(y)
        weights = self._normalised(self._check_weights(sample_weight, len(y)) * self._class_weights(y))
        n_outputs, loss, targets = self.classes_.size, cross_entropy, codes
        if n_outputs == 2:
            n_outputs, loss, targets = 1, binary_cross_entropy, codes[:, np.newaxis].astype(self.dtype)
        return Problem(self._standardised(sequences, weights, goes_on), targets, weights, n_outputs, loss, strata=codes)

    def _check_y(self, y, name="y"):
        check_given(self, y, "a list of labels, one for each sequence", name)
        values = as_values(y)
        refuse_steps(values, "SequenceTagger takes a label for each step", name)
        if values.ndim == 2 and values.shape[1] > 1:
            found = f"{name} has shape {values.shape}, but one label for each sequence is expected, (n,)"
            ways = f"np.argmax({name}, axis=1) makes them of rows with a single 1, SequenceTagger takes one a step"
            raise ValueError(f"{found}: {ways}, scikit-learn's MultiOutputClassifier one in each column")
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
