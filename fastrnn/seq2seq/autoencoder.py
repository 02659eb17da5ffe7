"""Sequences to vectors of one length, and back."""

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from fastrnn.base import FeatureExtractor, Problem, check_finite
from fastrnn.base.files import in_parts
from fastrnn.base.inputs import steps_weights
from fastrnn.base.labels import check_as_many
from fastrnn.losses.loss import squared
from fastrnn.moments import r_squared
from fastrnn.seq2seq.base import WithDecoder
from fastrnn.sequences import Sequences, ranges
from fastrnn.storage import integer
from fastrnn.wording import shown


class Reproducing(WithDecoder):
    """What estimators share that learn to write the numbers that they have read."""

    attention, bptt_steps, embedding_dim, embeddings, freeze_embeddings = None, None, None, None, False

    def _problem(self, X, y, sample_weight, goes_on):
        sequences = self._check_sequences(X, reset=not goes_on)
        weights = self._check_weights(sample_weight, len(sequences))
        sequences = self._standardised(sequences, weights, goes_on)
        if not goes_on:
            counted = sequences.lengths[weights > 0]  # there may be none in this part of the data
            self.min_length_ = self._agreed(int(counted.min(initial=2**62)), min)
            self.max_length_ = self._agreed(int(counted.max(initial=1)), max)
        weights = self._normalised(np.repeat(weights, sequences.lengths))
        return Problem(sequences, sequences.values, weights, sequences.width, squared, inputs=self._places(sequences))

    def _warn_of_tokens(self, n):
        if n > 0:
            found = f"X holds sequences of {n} different integers that look like tokens, but {type(self).__name__}"
            self._warn(f"{found} reads numbers. Numbers as floats are taken without this warning", stacklevel=7)

    def _places(self, sequences):
        """What the decoder reads of each step: how many have come, and how many are still to come.

        In units of the longest of the fit.  It reads nothing of what it has written: all must come from the context.
        """
        lengths = sequences.lengths
        come = ranges(np.zeros_like(lengths), lengths)
        read = np.column_stack([come, np.repeat(lengths, lengths) - come - 1]) / self.max_length_
        return Sequences(read.astype(self.dtype), sequences.offsets)

    def _decoder_reads(self):
        return None, 2

    def _rules(self, n_outputs):
        return {"min_length_": integer(1), "max_length_": integer(1)}

    def _reproduced(self, sequences):
        """What is written of sequences, (S, I), standardised as they are."""
        return self._computed(lambda some: self.network_.predict(some, self._places(some)), sequences)


class SequenceAutoencoder(FeatureExtractor, Reproducing):  # numpydoc ignore=PR01
    """Make a vector of each sequence of numbers, and the sequence of the vector again.

    An encoder reads the sequence. Its last states are the vector. A decoder starts from the vector, reads it at each
    step, and writes the sequence (Srivastava et al. 2015, "unconditioned" decoder). Both learn together to write what
    was read. There are no labels: use it to make features of many sequences of which few have labels, to draw them in a
    plane, or to compare sequences of different lengths.

    Parameters that are not listed here are those of `SequenceClassifier`, with the same defaults.

    Parameters
    ----------
    hidden_size : int, default=64
        Number of hidden units in each layer and direction of encoder and decoder. The vector has as many numbers, or
        twice as many if `bidirectional` is True.
    num_layers : int, default=1
        Number of recurrent layers. Each layer reads the outputs of the layer below.
    bidirectional : bool, default=True
        Whether the encoder reads each sequence backwards, too. The decoder has one direction.
    recurrent_dropout : float or "auto", default=0.0
        The fraction of units whose old state products do not see, as the page of `SequenceClassifier` describes it.
    alpha : float or "auto", default=0.0
        The strength of weight decay, as the page of `SequenceClassifier` describes it.
    max_iter : int or "auto", default="auto"
        Number of epochs. "auto" is as the page of `SequenceClassifier` describes it, with 2,000 batches.

    Attributes
    ----------
    min_length_, max_length_ : int
        Number of steps of the shortest and the longest sequence of the first fit.
    n_features_in_ : int
        Number of features in a step; for a 2-D X its number of columns.
    feature_names_in_ : ndarray of shape (I,)
        The names of the columns, if X is a frame or a list of frames with one sequence each.
    loss_curve_ : list of float
        The mean training loss of each epoch: the squared error of a standardised number.
    validation_scores_ : list of float or None
        The negative loss on the validation data after each epoch. Validation data are the part that `early_stopping`
        holds out, or `X_val`. None if there are none.
    validation_loss_curve_ : list of float or None
        The mean loss on the validation data after each epoch, without dropout and the penalty of `alpha`. None if there
        are none.
    n_iter_ : int
        Number of epochs that were run.

    See Also
    --------
    SequenceOutlierDetector : Find the sequences that are unlike those of the fit.
    VectorToSequence : Learn sequences from vectors that you have.

    Notes
    -----
    The decoder reads its place in the sequence, but not the steps before: N. Srivastava, E. Mansimov and R.
    Salakhutdinov, "Unsupervised learning of video representations using LSTMs", ICML 2015, section 2.3. What it writes
    can come from the vector alone.

    Examples
    --------
    Sines of several lengths become vectors of 64 numbers and their length:

    >>> import numpy as np
    >>> from fastrnn import SequenceAutoencoder
    >>> rng = np.random.RandomState(0)
    >>> X = [np.sin(rng.uniform(0.3, 0.6) * np.arange(n)) for n in rng.randint(10, 20, 100)]
    >>> model = SequenceAutoencoder(hidden_size=32, max_iter=300, random_state=0).fit(X)
    >>> vectors = model.transform(X)
    >>> vectors.shape
    (100, 65)
    >>> again = model.inverse_transform(vectors)
    >>> [len(x) for x in again] == [len(x) for x in X]
    True
    >>> model.score(X) > 0.9
    True

    As features of a classifier:

    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> is_long = [len(x) > 14 for x in X]
    >>> pipe = make_pipeline(SequenceAutoencoder(hidden_size=8, max_iter=5, random_state=0), LogisticRegression())
    >>> pipe.fit(X, is_long).predict(X).shape
    (100,)
    """

    def __init__(self, *, cell="gru", hidden_size=64, proj_size=0, num_layers=1, bidirectional=True,
        nonlinearity="tanh", bias=True, dropout="auto", zoneout=0.0, recurrent_dropout=0.0, normalize_X=True,
        solver="adam", learning_rate_init=5e-3, learning_rate="cosine", momentum=0.9, nesterovs_momentum=True,
        alpha=0.0, batch_size=32, max_iter="auto", shuffle=True, clip_norm=1.0, clip_value=None, early_stopping=False,
        validation_fraction=0.1, n_iter_no_change=10, tol=None, warm_start=False, dtype="float32", n_jobs=None,
        random_state=None, verbose=False, callbacks=None):  # fmt: skip
        self._store(locals())

    def fit(self, X, y=None, sample_weight=None, *, X_val=None, sample_weight_val=None, groups=None,
        resume_from=None):  # fmt: skip
        """Train encoder and decoder to write what they read.

        Parameters
        ----------
        X : list of n arrays or frames of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
            The sequences of numbers. An array (n, T), or a list of equally long lists of numbers, is n series with one
            number a step. `fastrnn.data.SequenceFiles` is data larger than memory, and has weights too.
        y : ignored
            Only here because scikit-learn passes it.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence. None gives all the same weight.
        X_val : as X, default=None
            Validation data: other sequences, which the network is not trained on. After each epoch they are scored.
            With `early_stopping` they are used in place of a part that is held out; without it they are only watched.
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
            If the input or a parameter is wrong. This is checked before any training, and the message names the
            sequence.
        DivergenceError
            If the loss becomes NaN or infinite.

        Warns
        -----
        ConvergenceWarning
            With max_iter="auto", if the loss is hardly lower than that of the best constant answer, or is still
            falling.
        """
        return self._fit(X, None, sample_weight, resume_from, X_val, None, sample_weight_val, groups)

    def partial_fit(self, X, y=None, sample_weight=None):
        """Train for one more epoch on X.

        Weights and optimiser go on as they are. The first call fixes the mean and scale of X, and the longest length.
        Give it typical data. The learning rate is constant, and nothing is held out for early stopping.

        Parameters
        ----------
        X : list or array
            What `fit` takes.
        y : ignored
            Only here because scikit-learn passes it.
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
        return self._partial_fit(X, None, sample_weight)

    def inverse_transform(self, X, lengths=None):
        """Make sequences of vectors.

        Parameters
        ----------
        X : array-like of shape (n, F)
            Vectors as `transform` returns them.
        lengths : int or array-like of shape (n,), default=None
            Number of steps of each sequence. None takes those that the vectors hold: if sequences of the fit had
            different lengths, the last number of a vector is the length over `max_length_`. If all had the same length,
            None takes this.

        Returns
        -------
        ndarray of shape (n,), or (n, T)
            An object array of n arrays (T_i, I), in the unit of X of the fit. An array (n, T) if the fit was on a 2-D X
            and all get as many steps.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the vectors have another width, or a length is no integer from 1 on.
        """
        check_is_fitted(self, "network_")
        vectors, C = check_array(X, dtype=self.network_.theta.dtype), self.network_.n_features
        if vectors.shape[1] != self._n_columns():
            raise ValueError(f"X has {vectors.shape[1]} columns, but vectors of this model have {self._n_columns()}")
        lengths = self._lengths_of(vectors, lengths)
        writer = self.network_.without_encoder()
        contexts = Sequences(np.ascontiguousarray(vectors[:, :C]), np.arange(len(vectors) + 1))
        steps = Sequences(np.empty(0), np.append(0, np.cumsum(lengths)))
        with self._computing():
            rows = writer.predict(contexts, self._places(steps)) * self._X_scale + self._X_mean
        check_finite(rows, steps.number_of)
        is_panel = self._is_panel and (lengths == lengths[0]).all()
        return rows.reshape(len(vectors), -1) if is_panel else steps.split(rows)

    def _lengths_of(self, vectors, lengths):
        """Those given, or what vectors say of theirs, (n,)."""
        if lengths is None and self._has_lengths():
            lengths = np.rint(np.clip(vectors[:, -1].astype(np.float64) * self.max_length_, 1, 2**31)).astype(np.int64)
        lengths = np.asarray(self.max_length_ if lengths is None else lengths)
        if lengths.dtype.kind not in "iu" or lengths.ndim > 1 or not ((lengths > 0) & (lengths < 2**31)).all():
            raise ValueError(f"lengths={shown(lengths.tolist())}; expected integers from 1 on, one for each row of X")
        if lengths.ndim:
            check_as_many(lengths, vectors, "lengths")
        return np.broadcast_to(lengths.astype(np.int64), len(vectors))

    def _has_lengths(self):
        return self.min_length_ < self.max_length_

    def _has_columns(self):
        return True

    def _n_columns(self):
        return super()._n_columns() + self._has_lengths()

    def _extract(self, sequences):
        vectors = super()._extract(sequences)
        if not self._has_lengths():
            return vectors
        return np.column_stack([vectors, (sequences.lengths / self.max_length_).astype(vectors.dtype)])

    def score(self, X, y=None, sample_weight=None):
        """Compute R^2 of all steps of what is written of X: 1 if it is X, 0 if it is no better than the mean.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        y : ignored
            Only here because scikit-learn passes it.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence. None gives all the same weight.

        Returns
        -------
        float
            R^2, the mean over the features of a step.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        return r_squared(*in_parts(self._judged, X, None, sample_weight))

    def _judged(self, X, y, sample_weight):
        sequences = self._checked(X)
        self._check_weights(sample_weight, len(sequences))
        return sequences.values, self._reproduced(sequences), steps_weights(sample_weight, sequences.lengths)
