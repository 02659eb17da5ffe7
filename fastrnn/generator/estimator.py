"""Learn what comes next, tokens or numbers: models that generate."""

from math import isfinite
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from fastrnn.base import COUNT
from fastrnn.base.files import by_file, in_parts
from fastrnn.base.inputs import AUTO
from fastrnn.generator.learning import Learning
from fastrnn.sequences import as_objects
from fastrnn.wording import shown


class SequenceGenerator(Learning):  # numpydoc ignore=PR01
    """Learn what comes next, and generate new sequences: a language model (Mikolov et al. 2010; Graves 2013).

    With ``embedding_dim=None`` sequences are of numbers, such as the strokes of a pen. The network then says of each
    step a mixture of Gaussians (Bishop 1994) in place of probabilities of tokens. Components are diagonal; of two
    numbers a step they have a correlation, too (Graves 2013, equations 15 to 25). A column that holds nothing but 0 and
    1, such as whether the pen is up, has a probability of 1 instead. So has the end of the sequence.

    Parameters that are not listed here are those of `SequenceClassifier`, with the same defaults.

    Parameters
    ----------
    cell : str, default="lstm"
        The kind of recurrent layer: one that `SequenceClassifier` names.
    hidden_size : int or "auto", default="auto"
        Number of hidden units in each layer. "auto" is 256 for a stream, and 128 for sequences.
    num_layers : int, default=1
        Number of recurrent layers. Each layer reads the outputs of the layer below.
    dropout : float, default=0.2
        The fraction of numbers that are set to zero during training: in vectors of tokens, between layers, and in what
        the output layer reads.
    recurrent_dropout : float or "auto", default=0.0
        The fraction of units whose old state products do not see, as the page of `SequenceClassifier` describes it.
    embedding_dim : int or None, default=64
        The length of the trained vector of each token. None means that X holds numbers. They are standardised within.
    n_components : int, default=5
        The number of Gaussians that a step of numbers is a mixture of. Tokens do not use it.
    stateful : bool or "auto", default="auto"
        Whether X is one stream, or several that are joined, in place of separate sequences. A stream is cut into
        `batch_size` parts that are read side by side, in pieces of `bptt_steps` steps. The state is carried from one
        piece to the next, but gradients are not. With False, the model also learns how sequences begin and end. "auto"
        is True if X is one array of tokens, or fewer than 32 of at least 2,048 each, which as sequences would be a
        batch an epoch. It is False for `fastrnn.data.SequenceFiles`, with solver="lbfgs", and with a splitter as
        `validation_fraction`. Set it for a search, whose parts of X may be on both sides. True is for tokens only.
    alpha : float or "auto", default="auto"
        The strength of weight decay. "auto" is as the page of `SequenceClassifier` describes it, but for any number of
        different tokens.
    max_iter : int or "auto", default="auto"
        Number of epochs. An epoch reads all training data once. "auto" is 20, or as few as make 20,000 batches, 5,000
        of a stream, whose batches have more steps. `fit` then warns if little was learned.
    shuffle : bool, default=True
        Whether each epoch takes the sequences in a new order. A stream is always read in order.
    bptt_steps : int or None, default=None
        The length of truncated backpropagation through time: gradients stop at each multiple of so many steps. None
        does not truncate; of a stream it means 64.
    scoring : {"loss"}, callable or None, default=None
        The score of the validation data: of what `early_stopping` holds out, or of `X_val`. None and "loss" are the
        mean log probability of a token, or log density of a step. A callable is called as ``scoring(estimator, X,
        None)``. Higher is better.

    Attributes
    ----------
    n_tokens_ : int
        Number of tokens: they are integers from 0 to ``n_tokens_ - 1``.
    binary_features_ : ndarray of int
        The columns of numbers that held nothing but 0 and 1. Tokens have none.
    n_features_in_ : int
        Number of features in a step; of tokens 1.
    loss_curve_ : list of float
        The mean training loss of a token in each epoch, in nats; or of a step of standardised numbers.
    validation_scores_ : list of float or None
        `score` on the validation data after each epoch, or what `scoring` says. Validation data are the part that
        `early_stopping` holds out, of a stream its end, or `X_val`. None if there are none.
    validation_loss_curve_ : list of float or None
        The mean loss on the validation data after each epoch, without dropout, smoothing of labels and the penalty of
        `alpha`. None if there are none.
    n_iter_ : int
        Number of epochs that were run.

    See Also
    --------
    SequenceClassifier : Its page describes the shared parameters.
    SequenceToSequence : Generate a sequence for a given one.
    fastrnn.preprocessing.Tokenizer : Make tokens of texts.

    Notes
    -----
    A stream loses its last tokens, fewer than `batch_size`, because its parts have the same length. Cut a short stream
    into few parts (a small `batch_size`), so that the optimiser makes more steps.

    Standard deviations of Gaussians are at least 0.001 of that of their column: without a floor, numbers that repeat
    would make the density infinite. Correlations are at most 0.999.

    At the end of a Pipeline, use ``pipe[-1].perplexity(pipe[:-1].transform(X))``.

    References
    ----------
    Bishop, C. M. (1994). Mixture density networks. Technical report NCRG/94/004, Aston University.
    Graves, A. (2013). Generating sequences with recurrent neural networks. arXiv:1308.0850.

    Examples
    --------
    >>> from fastrnn import SequenceGenerator
    >>> from fastrnn.preprocessing import Tokenizer
    >>> tokenizer = Tokenizer(level="char")
    >>> X = tokenizer.fit_transform(["abracadabra", "abracadabra!"] * 20)
    >>> model = SequenceGenerator(hidden_size=32, max_iter=20, random_state=0).fit(X)
    >>> prefix = tokenizer.transform(["abr"])[0]
    >>> tokenizer.inverse_transform([model.sample(prefix, length=4, temperature=0)])
    ['acad']

    Of numbers:

    >>> import numpy as np
    >>> waves = [np.sin(np.arange(30) * 0.5 + start) for start in np.linspace(0, 6, 40)]
    >>> model = SequenceGenerator(embedding_dim=None, hidden_size=32, random_state=0).fit(waves)
    >>> model.sample(waves[0][:10], length=5, bias=2, random_state=0).shape
    (5, 1)
    """

    _parameter_constraints = {
        "hidden_size": [COUNT, AUTO], "embedding_dim": [COUNT, None], "n_components": [COUNT],
        "scoring": [StrOptions({"loss"}), callable, None],
    }  # fmt: skip

    def __init__(self, *, cell="lstm", hidden_size="auto", proj_size=0, num_layers=1, nonlinearity="tanh", bias=True,
        dropout=0.2, zoneout=0.0, recurrent_dropout=0.0, embedding_dim=64, n_components=5, embeddings=None,
        freeze_embeddings=False, stateful="auto", solver="adam", learning_rate_init=5e-3, learning_rate="cosine",
        momentum=0.9, nesterovs_momentum=True, alpha="auto", batch_size=32, max_iter="auto", shuffle=True,
        clip_norm=1.0, clip_value=None, bptt_steps=None, early_stopping=False, scoring=None, validation_fraction=0.1,
        n_iter_no_change=10, tol=None, label_smoothing=0.0, averaging=0, warm_start=False, dtype="float32", n_jobs=None,
        random_state=None, verbose=False, callbacks=None):  # fmt: skip
        self._store(locals())

    def fit(self, X, y=None, *, X_val=None, groups=None, resume_from=None):
        """Train the network to predict each next token, or each next step of numbers.

        Parameters
        ----------
        X : list of n arrays of shape (T_i,) or (T_i, I)
            Sequences of tokens, integers from 0 on, (T_i,). One such array is fine, too, unless stateful=False. With
            embedding_dim=None, sequences of I numbers a step; an array (n, T, I) or (n, T) is fine, too.
            `fastrnn.data.SequenceFiles` is data larger than memory, and has y and weights too.
        y : ignored
            Only here because scikit-learn passes it.
        X_val : as X, default=None
            Validation data: other sequences, which the network is not trained on. After each epoch they are scored.
            With `early_stopping` they are used in place of a part that is held out; without it they are only watched.
        groups : array-like of shape (n,), default=None
            The groups of the sequences, such as their authors, for a `validation_fraction` that is a splitter.
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
            With stateful="auto", if X is so short a stream that the fit has fewer than 50 steps of training.
        ConvergenceWarning
            With max_iter="auto", if the loss is hardly lower than that of the best constant answer, or is still
            falling.
        """
        return self._fit(X, None, None, resume_from, X_val, groups=groups)

    def partial_fit(self, X, y=None):
        """Train for one more epoch on X.

        Weights and optimiser go on as they are. The first call fixes the largest token, or of numbers the mean and
        scale, and which columns are binary. Give it typical data. The learning rate is constant.

        Parameters
        ----------
        X : list of n arrays of shape (T_i,) or (T_i, I)
            Sequences, as for `fit`.
        y : ignored
            Only here because scikit-learn passes it.

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
        return self._partial_fit(X, None, None)

    def score(self, X, y=None):
        """Compute the mean log probability of a token, in nats. Higher is better.

        For separate sequences it counts each token and the end of each sequence. For a stream it counts all tokens
        after the first one. Of numbers it is the mean log density of a step, in the units of X. That includes the
        probabilities of columns of 0 and 1, and of the end; it may be more than 0.

        Parameters
        ----------
        X : list of n arrays of shape (T_i,) or (T_i, I)
            Sequences, as for `fit`.
        y : ignored
            Only here because scikit-learn passes it.

        Returns
        -------
        float
            The mean log probability, 0 at most, or log density.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        return float(in_parts(lambda X, *_: [self._log_probabilities(X)], X)[0].mean())

    def perplexity(self, X):
        """Compute the perplexity, exp(-score). Lower is better.

        A perplexity of 5 says that the model is as uncertain as somebody who chooses among 5 equally probable tokens.

        Parameters
        ----------
        X : list of n arrays of shape (T_i,) or (T_i, I)
            Sequences, as for `fit`.

        Returns
        -------
        float
            The perplexity, 1 at least.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        self._refuse_numbers("perplexity")
        return float(np.exp(-self.score(X)))

    def bits_per_token(self, X):
        """Compute how many bits the model needs for a token: -score / log(2). Lower is better.

        Parameters
        ----------
        X : list of n arrays of shape (T_i,) or (T_i, I)
            Sequences, as for `fit`.

        Returns
        -------
        float
            Bits a token. If tokens are characters, it is known as bits per character.
        """
        self._refuse_numbers("bits_per_token")
        return float(-self.score(X) / np.log(2))

    def _refuse_numbers(self, what):
        check_is_fitted(self, "network_")
        if self._reads_numbers():
            raise ValueError(f"{what} is of tokens, but this model reads numbers (embedding_dim=None): use score")

    def sample(self, prefix=None, length=100, *, temperature=1.0, top_k=None, top_p=None, bias=0.0,
        random_state=None):  # fmt: skip
        """Generate new tokens, or new steps of numbers.

        A model of separate sequences stops before `length` if it ends the sequence.

        Parameters
        ----------
        prefix : array-like of shape (T,) or (T, I), default=None
            Tokens, or steps, that come before the new ones. None begins a new sequence; a stateful model needs a
            prefix, because it knows no beginning.
        length : int, default=100
            The largest number of new tokens or steps.
        temperature : float, default=1.0
            Log probabilities are divided by it. Below 1, probable tokens become more frequent. 0 always takes the most
            probable token.
        top_k : int, default=None
            Choose among the `top_k` most probable tokens. None chooses among all.
        top_p : float, default=None
            Choose among the most probable tokens that together have this probability (Holtzman et al. 2020). None
            chooses among all.
        bias : float, default=0.0
            Of numbers, how neat they are, from 0 on (Graves 2013, equations 61 and 62). Standard deviations are divided
            by exp(bias), and weights of Gaussians raised to the power of 1 + bias. 0 draws from the distribution that
            was learned. `temperature`, `top_k` and `top_p` are for tokens.
        random_state : int, RandomState or None, default=None
            The seed. The same int generates the same tokens.

        Returns
        -------
        ndarray of int, or of float of shape (T, I)
            The new tokens, or steps, without the prefix.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the prefix is empty or holds unknown tokens, or if an option is out of its range.
        """
        options = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "bias": bias}
        drawn = self.iter_sample(prefix, length, **options, random_state=random_state)
        if self._reads_numbers():
            return np.reshape([*drawn], (-1, self.n_features_in_))
        return np.fromiter(drawn, np.int64)

    def iter_sample(self, prefix=None, length=None, *, temperature=1.0, top_k=None, top_p=None, bias=0.0,
        random_state=None):  # fmt: skip
        """Generate new tokens, or steps of numbers, one by one, as an iterator.

        With ``names = tokenizer.get_feature_names_out()`` of a `Tokenizer`, ``print(names[token], end="")`` shows each
        token as it comes.

        Parameters
        ----------
        prefix : array-like of shape (T,) or (T, I), default=None
            Tokens, or steps, that come before the new ones, as for `sample`.
        length : int, default=None
            The largest number of new tokens. None has no limit: a stateful model then never stops.
        temperature : float, default=1.0
            Log probabilities are divided by it, as for `sample`.
        top_k : int, default=None
            Choose among the `top_k` most probable tokens.
        top_p : float, default=None
            Choose among the most probable tokens that together have this probability.
        bias : float, default=0.0
            Of numbers, how neat they are, as for `sample`.
        random_state : int, RandomState or None, default=None
            The seed. The same int generates the same tokens.

        Returns
        -------
        iterator of int, or of ndarray of shape (I,)
            The new tokens, or steps, without the prefix.
        """
        check_is_fitted(self, "network_")
        is_right_k = top_k is None or isinstance(top_k, Integral) and top_k >= 1 and top_k is not True
        is_right_p = top_p is None or isinstance(top_p, Real) and 0 < top_p <= 1
        if not (isinstance(temperature, Real) and temperature >= 0 and is_right_k and is_right_p):
            given = f"{shown(temperature)}, {shown(top_k)}, {shown(top_p)}"
            raise ValueError(f"temperature must be >= 0, top_k >= 1 and top_p in (0, 1]; got {given}")
        if not (isinstance(bias, Real) and bias >= 0 and isfinite(bias)):
            raise ValueError(f"bias must be a finite number >= 0; got {shown(bias)}")
        if length is not None and (isinstance(length, bool) or not (isinstance(length, Integral) and length >= 0)):
            raise ValueError(f"length must be an integer >= 0; got {shown(length)}")
        of_tokens, rng = (temperature, top_k, top_p), check_random_state(random_state)
        if self._reads_numbers():
            if of_tokens != (1.0, None, None):
                raise ValueError("temperature, top_k and top_p are of tokens; for neat samples of numbers set bias")
            return self._drawn_steps(self._beginning(prefix), length, bias, rng)
        if bias:
            raise ValueError(f"bias={bias} is of numbers; for more probable tokens set temperature, top_k or top_p")
        return self._drawn_tokens(self._beginning(prefix), length, *of_tokens, rng)

    @by_file
    def transform(self, X):
        """Compute the states after each token or step.

        Each sequence is read by itself. A stateful model begins each one with a state of zeros, too.

        Parameters
        ----------
        X : list of n arrays of shape (T_i,) or (T_i, I)
            Sequences, as for `fit`.

        Returns
        -------
        ndarray of shape (n,)
            An object array of n arrays (T_i, F): the F hidden units of the last layer after each token.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        sequences, first = self._begun(self._checked(X)), int(self._boundary is not None)
        rows = sequences.split(self._computed(self.network_.extract, sequences))
        return as_objects([states[first:] for states in rows])
