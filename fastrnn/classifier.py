"""Classify sequences: a label for each sequence, or several."""

import numpy as np
from sklearn.base import ClassifierMixin, MultiOutputMixin

from fastrnn.base import SHARED_CONSTRAINTS, AttentionReader, InformedExtractor, Problem, SequenceEstimator, labels
from fastrnn.base.classes import LabelsOfSequences
from fastrnn.base.files import by_file, in_parts
from fastrnn.base.inputs import SIZES
from fastrnn.epochs import Budget
from fastrnn.losses.answers import filled, softmax_answer
from fastrnn.wording import shown


class SequenceClassifier(
    LabelsOfSequences, MultiOutputMixin, ClassifierMixin, AttentionReader, InformedExtractor, SequenceEstimator
):
    """Classify sequences of any lengths with a recurrent network (N to 1).

    Each sequence gets one label, or several. A step of a sequence holds numbers, or a token of a text. Only steps that
    exist are computed: nothing is padded.

    Parameters
    ----------
    cell : str, default="gru"
        The kind of recurrent layer. "lstm", "gru" and "rnn" are PyTorch's. "gru_reset_before" is the GRU of Cho et al.
        2014, and of Keras with reset_after=False. "mingru", "minlstm" (Feng et al. 2024) and "sru" (Lei et al. 2018)
        train faster. "slstm" (Beck et al. 2024) has four heads if they divide hidden_size, else one. In "lstm_peephole"
        gates see the cell state (Gers and Schmidhuber 2000). "lstm_layer_norm" and "gru_layer_norm": Ba et al. 2016.
    hidden_size : int or "auto", default="auto"
        Number of hidden units in each layer and direction. "auto" is 64 for numbers, 128 for tokens, or as `init_from`.
    proj_size : int, default=0
        With R = proj_size, from 1 to hidden_size - 1, the state h that others read is projected to R numbers (Sak et
        al. 2014). For cell="lstm"; 0 is none.
    num_layers : int or "auto", default="auto"
        Number of recurrent layers, each over the one below. "auto" is 1 for numbers, 2 for tokens, or as `init_from`.
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
    zoneout : float, default=0.0
        The fraction of units whose state stays as it was from one step to the next during training, drawn for each step
        (Krueger et al. 2017). When predicting, new states are mixed with the old ones by this fraction. For cell="rnn",
        "lstm" and "gru".
    recurrent_dropout : float or "auto", default="auto"
        The fraction of units whose old state the recurrent weights do not see during training, drawn once for each
        sequence and epoch (Gal and Ghahramani 2016). For the same cells. "auto" is 0.2 for numbers, and 0 for tokens,
        for other cells, and with `proj_size` or missing="decay".
    readout : {"last", "mean", "max", "concat", "attention"} or "auto", default="auto"
        What the output layer reads of the states. "last" is the state after the last step, and for the reverse
        direction the state after the first step. "mean" and "max" are the mean and the largest value over all steps.
        "concat" puts all steps side by side, and needs sequences of one length. "attention" is a mean in which each
        step has a weight that is learned (`attention_weights`; the additive form of Bahdanau et al. 2015). "auto" is
        "last" for numbers and for characters of a `Tokenizer`, and "max" for other tokens.
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
        after its end. "auto" is as `init_from`, or 32, if X comes from a `Tokenizer` that knows characters, else None.
    character_hidden_size : int, default=32
        Number of units in each direction of the network that reads characters.
    normalize_X : bool, default=True
        Whether each number of a step is standardised: its mean is subtracted, and it is divided by its standard
        deviation. Both come from all steps of the first fit, weighted as its sequences are, including those that are
        held out. Later fits (`warm_start`, `partial_fit`) keep them. A number that is always 0 or 1, or that is
        standardised already (to 2 %), stays as it is. A number that never changes is only centred. With bias=False
        nothing is centred, and the root mean square is used in place of the standard deviation. Tokens are not changed.
    missing : {"error", "mask", "forward", "decay"}, default="error"
        What to do where a number of X is missing: NaN, or None. "error" refuses it. "mask" reads the mean in its place,
        and beside each feature a channel of 0 and 1 that says whether the feature is there. "forward" reads the last
        value that was seen, and the mean before the first one. "decay" reads the last value, which fades to the mean
        with the time since it was seen, and the channels of 0 and 1; the states of the first layer fade as well, at
        rates that are trained (GRU-D, Che et al. 2018). It is for cell="gru" and "lstm" and bidirectional=False. With
        "mask" and "decay", half of the sequences of each epoch lack as well what another one lacks. Mean and standard
        deviation are those of the numbers that are there. Where nothing is standardised, 0 is read in place of the
        mean.
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
    alpha : float or "auto", default="auto"
        The strength of weight decay (L2 penalty) on weight matrices. Biases and vectors of tokens are not decayed. For
        n sequences, the loss gets the penalty alpha / (2 n) times the sum of squared weights. For solver="adamw" it is
        the rate of decoupled weight decay (Loshchilov and Hutter 2019). "auto" is 0 for numbers, for up to 50 different
        tokens, with `freeze`, and with other solvers than "adam" and "adamw". Otherwise all steps of a fit shrink a
        weight without a gradient to exp(-2.5) of it (Wang and Aitchison 2024), by 2 at most; what goes on takes 0.1.
    batch_size : int, default=32
        Number of sequences in a batch. The weights change once after each batch.
    max_iter : int or "auto", default="auto"
        Number of epochs. An epoch reads all training data once. "auto" is 60, or as many more as make 3,000 batches and
        read 2**28 steps (five minutes) at most; for tokens 20, more up to 2,000 batches, and fewer from 10,000 on. For
        lbfgs they are iterations, 3,000 or 2,000. `fit` then warns if little was learned.
    shuffle : bool, default=True
        Whether each epoch takes the sequences in a new order.
    clip_norm : float or None, default=1.0
        The largest norm of the gradient of a batch. A larger one is scaled down to it. None does not clip.
    clip_value : float or None, default=None
        The largest absolute value of each number in the gradient. None does not clip.
    bptt_steps : int or None, default=None
        The length of truncated backpropagation through time: gradients stop at each multiple of so many steps. None
        does not truncate. It needs bidirectional=False.
    early_stopping : bool, default=False
        Whether to hold out `validation_fraction` of the sequences and score them after each epoch. Training stops if
        their score has not improved by more than `tol` for `n_iter_no_change` epochs. The weights of the best epoch
        are kept. If `fit` is given `X_val`, this is scored, and nothing is held out.
    scoring : str, callable or None, default=None
        The score of the validation data: of what `early_stopping` holds out, or of `X_val`. None is the estimator's own
        score. "loss" is the negative loss. A str names a scorer of scikit-learn, such as "f1_macro", and a callable is
        called as ``scoring(estimator, X, y)``. Higher is better. Both predict anew after each epoch.
    validation_fraction : float or splitter, default=0.1
        What `early_stopping` holds out: a fraction of the sequences, or the last split of a splitter of scikit-learn,
        such as ``GroupShuffleSplit(1)`` or ``TimeSeriesSplit()``. Groups of a splitter are given to `fit`.
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
    class_weight : dict, "balanced", list or None, default=None
        The weights of classes: a dict from labels to weights, or "balanced", which gives each class the same total
        weight, as in scikit-learn. For several columns of labels, "balanced" or a list with one for each column: the
        weight of a sequence is the product over the columns. Rows of 0 and 1 have no class weights. None gives each
        sequence the same weight.
    init_from : fitted estimator, Pipeline, list of two or None, default=None
        A model to start from. The network begins with the vectors of tokens and the recurrent weights of its encoder,
        in place of random ones (Howard and Ruder 2018). It is any fitted estimator of this library that reads sequences
        in one network: a `SequenceGenerator` that was trained on many texts without labels, or a classifier of another
        task. Cell, sizes and tokens must be the same. Numbers are standardised as it does. A model that reads forwards
        only gives its weights to the forward direction. A list of two gives both directions: the second model has read
        its sequences backwards, with the vectors of the first (`embeddings` and `freeze_embeddings`). The model is not
        changed, and `clone` keeps it as it is. A file of this estimator does not hold it.
    freeze : int, default=0
        Number of epochs, at the beginning of `fit`, in which the encoder is not trained. Only the output layer learns
        in them. Use it with `init_from`.
    label_smoothing : float, default=0.0
        The share of each label that is spread evenly over all classes while training (Szegedy et al. 2016), in [0, 1).
        The network becomes less sure, and more of its weights matter. It counts in the training loss and in
        `validation_loss_curve_`, and in a score only if that is the negative loss.
    averaging : int, default=0
        Number of last epochs whose weights are averaged: the fitted weights are the mean of those after each of them
        (Izmailov et al. 2018). It needs all `max_iter` epochs: no early_stopping, no tol, not solver="lbfgs". What is
        noted of an epoch, and saved by a `Checkpoint`, is of the weights after it, not of the mean.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the previous fit.
    dtype : {"float32", "float64"}, default="float32"
        The floating-point type of weights and computations. "float64" is slower.
    n_jobs : int or None, default=None
        Number of threads. None takes all that Numba has, unless joblib's context allows fewer; -1 takes all. Results do
        not depend on it. If other processes are busy, 1 is faster, or the environment variable OMP_WAIT_POLICY=PASSIVE:
        waiting OpenMP threads otherwise keep their cores.
    random_state : int, RandomState or None, default=None
        The seed of initial weights, order of sequences, dropout and held-out part. An int makes a fit repeatable.
    verbose : bool or int, default=False
        True or 1 shows a progress bar. 2 writes a line after each epoch, for log files. Both go to stderr.
    callbacks : list of callables or None, default=None
        Functions that are called after each epoch with a `fastrnn.training.Progress`. Training stops if one returns
        True. For scikit-learn's own callbacks use `set_callbacks`: `fit` tells them of a task "epoch" for each epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,), or list of K such arrays
        The labels, sorted. Where y had K columns of labels, those of each column. Where it had rows of 0 and 1, the
        numbers of the columns.
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
        The mean training loss of each epoch.
    validation_scores_ : list of float or None
        The accuracy on the validation data after each epoch, or the score that `scoring` names; for several labels a
        sequence the negative loss, because few sequences have all of them right at first. Validation data are the part
        that `early_stopping` holds out, or `X_val`. None if there are none.
    validation_loss_curve_ : list of float or None
        The mean loss on the validation data after each epoch, without dropout and the penalty of `alpha`. None if there
        are none.
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

    There are two kinds of several labels. If all of y (n, K) is 0 and 1, each column is a label that a sequence has or
    has not, with a logistic output of its own, as in scikit-learn's MLPClassifier. In any other y (n, K), each column
    has classes of its own and a softmax over them, and answers have the form of scikit-learn's trees. The loss is the
    sum over the columns. Rows with a single 1 are of the first kind: for one label, give ``np.argmax(y, axis=1)``.

    Examples
    --------
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(split="train")
    >>> clf = SequenceClassifier(max_iter=20, learning_rate_init=0.01, random_state=0).fit(X, y)
    >>> X_test, y_test = load_japanese_vowels(split="test")
    >>> clf.score(X_test, y_test) > 0.9
    True

    Two labels of a sequence, each by itself: does it rise, and is it noisy?

    >>> import numpy as np
    >>> rng = np.random.RandomState(0)
    >>> y = rng.randint(0, 2, (200, 2))
    >>> X = [np.linspace(0, rises, 20) + (0.05 + 0.3 * is_noisy) * rng.randn(20) for rises, is_noisy in y]
    >>> clf = SequenceClassifier(max_iter=60, random_state=0).fit(X[:150], y[:150])
    >>> clf.predict(X[150:]).shape, clf.score(X[150:], y[150:]) > 0.9
    ((50, 2), True)
    """

    _parameter_constraints = SIZES | {"class_weight": [*SHARED_CONSTRAINTS["class_weight"], list]}
    _budget, _auto_sizes = (Budget(60, 3000), Budget(20, 2000, 10_000)), ((64, 1), (128, 2))
    _shape_parameters = ("missing", "time_column", "categorical_features")

    def __init__(self, *, cell="gru", hidden_size="auto", proj_size=0, num_layers="auto", bidirectional=True,
        nonlinearity="tanh", bias=True, dropout="auto", zoneout=0.0, recurrent_dropout="auto", readout="auto",
        embedding_dim="auto", embeddings=None, freeze_embeddings=False, character_embedding_dim="auto",
        character_hidden_size=32, normalize_X=True, missing="error", time_column=None, categorical_features=None,
        solver="adam", learning_rate_init=5e-3, learning_rate="cosine", momentum=0.9, nesterovs_momentum=True,
        alpha="auto", batch_size=32, max_iter="auto", shuffle=True, clip_norm=1.0, clip_value=None, bptt_steps=None,
        early_stopping=False, scoring=None, validation_fraction=0.1, n_iter_no_change=10, tol=None, patch_length="auto",
        class_weight=None, init_from=None, freeze=0, label_smoothing=0.0, averaging=0, warm_start=False,
        dtype="float32", n_jobs=None, random_state=None, verbose=False, callbacks=None):  # fmt: skip
        self._store(locals())

    def fit(self, X, y=None, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None, groups=None,
        static=None, static_val=None, resume_from=None):  # fmt: skip
        """Train the network on labelled sequences.

        Parameters
        ----------
        X : list of n arrays or frames of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
            The sequences. An array (n, T), or a list of equally long lists of numbers, is n series with one number a
            step. Units do not matter, because `normalize_X` standardises numbers. Tokens come from a `Tokenizer`, or
            are integers from 0 on together with `embedding_dim`. `fastrnn.data.SequenceFiles` is data larger than
            memory, and has y and weights too.
        y : array-like of shape (n,) or (n, K)
            The label of each sequence, or several: rows of 0 and 1, or a label in each column. None if X has them.
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
        return self._fit(X, y, sample_weight, resume_from, X_val, y_val, sample_weight_val, groups, static, static_val)

    def partial_fit(self, X, y, classes=None, sample_weight=None, *, static=None):
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
        y : array-like of shape (n,) or (n, K)
            The labels, as for `fit`.
        classes : array-like, or list of K array-likes, default=None
            All labels that will ever come; for K columns of labels, those of each column. The first call needs them,
            unless y has them all. Rows of 0 and 1 need none.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence. None gives all the same weight.
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
        """Predict the most probable label, or labels, of each sequence.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, with the columns that `fit` had. It needs them if `fit` had any.

        Returns
        -------
        ndarray of shape (n,) or (n, K)
            The labels. Where y had rows of 0 and 1, each label with a probability above 0.5 is 1.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        return labels.most_probable(self._answered(*self._outputs(X, static)), self.classes_, self._is_multilabel)

    @by_file
    def predict_proba(self, X, *, static=None):
        """Predict the probability of each class.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, with the columns that `fit` had. It needs them if `fit` had any.

        Returns
        -------
        ndarray of shape (n, n_classes), or list of K such arrays
            A row for each sequence. The columns are in the order of `classes_`, and each row sums to 1. Where y had
            rows of 0 and 1, each column is the probability of 1, and rows have no sum to speak of. Where y had K
            columns of labels, there is an array for each.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        return labels.apart(self._answered(*self._outputs(X, static)), self.classes_)

    def score(self, X, y=None, sample_weight=None, *, static=None):
        """Compute the accuracy: the fraction of sequences that get the right label.

        With several labels, all labels of a sequence must be right.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        y : array-like of shape (n,) or (n, K)
            The true labels.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence. None gives all the same weight.
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

    def _judged(self, X, y, sample_weight, static=None):
        return self._compared(self.predict(X, static=static), None, y, sample_weight)

    def _compared(self, predicted, sequences, y, sample_weight):
        y = self._check_y(y)
        labels.check_as_many(y, predicted)
        labels.check_width(len(labels.columns_of(y)), len(self._class_lists))
        if (y.dtype.kind in "OSU") != (predicted.dtype.kind in "OSU"):
            one, other = shown(y.flat[0]), shown(predicted.flat[0])
            raise ValueError(f"y holds labels as {one}, but the fit was on such as {other}: make them alike")
        return y, predicted, sample_weight

    @staticmethod
    def _total(y, predicted, sample_weight):
        from sklearn.metrics import accuracy_score

        if y.ndim == 2:
            y, predicted = np.ones(len(y), bool), (y == predicted).all(axis=1)
        return accuracy_score(y, predicted, sample_weight=sample_weight)

    def _problem(self, X, y, sample_weight, goes_on, classes=None):
        y = self._check_y(y)
        sequences = self._check_sequences(X, reset=not goes_on)
        labels.check_as_many(y, sequences)
        if goes_on:
            self._check_same_classes(classes)
        else:
            self._set_classes(y, classes)
        codes = labels.codes_of(y, self._class_lists)
        weights = self._normalised(self._check_weights(sample_weight, len(y)) * self._class_weights(y))
        n_outputs, loss, targets = self._aims(codes)
        strata = codes[:, 0] if codes.shape[1] == 1 else None
        return Problem(self._standardised(sequences, weights, goes_on), targets, weights, n_outputs, loss, strata)

    def _score_of(self, outputs, problem, losses, weights):
        if problem.strata is None:
            return super()._score_of(outputs, problem, losses, weights)
        right = filled(softmax_answer, outputs).argmax(axis=1) == problem.strata
        return float(np.average(right, weights=weights))
