"""Trained networks as extractors of features."""

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from fastrnn.base.files import by_file


class FeatureExtractor(TransformerMixin):
    """`transform`, for estimators that read sequences: what stands between the network's input and its output layer."""

    def _has_columns(self):
        """Whether there is one row of features for each sequence, not one for each step."""
        return (self.network_.readout if self.__sklearn_is_fitted__() else self._readout()) is not None

    @by_file
    def transform(self, X):
        """Compute the features that the output layer reads, for another model or a picture.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.

        Returns
        -------
        ndarray of shape (n, F) or (n,)
            If there is one output a sequence: a row of F features for each sequence, made by the readout (for
            `SequenceToSequence` the last states of the encoder). It is a frame after
            ``set_output(transform="pandas")``. If there is an output at each step: a 1-D object array of n arrays (T_i,
            F), the states themselves. `set_output` does not change these.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.

        Examples
        --------
        >>> from fastrnn import SequenceClassifier
        >>> from fastrnn.datasets import load_japanese_vowels
        >>> X, y = load_japanese_vowels(split="train")
        >>> clf = SequenceClassifier(hidden_size=8, max_iter=2, random_state=0).fit(X, y)
        >>> clf.transform(X).shape
        (270, 16)
        """
        return self._extracted(X)

    def _extracted(self, *given):
        sequences = self._checked(*given)
        features = self._computed(self._extract, sequences)
        return features if self._has_columns() else sequences.split(features)

    def _extract(self, sequences):
        return self.network_.extract(sequences)

    def _n_columns(self):
        return self.network_.n_features

    @available_if(lambda self: self._has_columns())
    def get_feature_names_out(self, input_features=None):
        """Get the names of the columns that `transform` returns.

        Parameters
        ----------
        input_features : ignored
            Only here because scikit-learn passes it.

        Returns
        -------
        ndarray of shape (F,)
            The name of the class in lower case, followed by a number from 0 on.
        """
        check_is_fitted(self, "network_")
        return np.array([f"{type(self).__name__.lower()}{k}" for k in range(self._n_columns())], object)

    def set_output(self, *, transform=None):
        """Choose the container that `transform` returns, if it has one row for each sequence.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            "pandas" and "polars" are their frames, "default" is an array. None changes nothing.

        Returns
        -------
        self
            The estimator itself.
        """
        # A Pipeline asks all of its steps: those with a row for each step must not refuse.
        return super().set_output(transform=transform) if self._has_columns() else self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # A step of numbers may be several, and so may a word with its characters; a step of other tokens is one.
        of_numbers = self.embedding_dim is None or self.embedding_dim == "auto" and self.embeddings is None
        of_words = getattr(self, "character_embedding_dim", None) not in (None, "auto")
        tags.input_tags.three_d_array = of_numbers or of_words
        tags.input_tags.allow_nan = getattr(self, "missing", "error") != "error"
        tags.transformer_tags.preserves_dtype = []  # features have the network's
        return tags


class AttentionReader:
    """`attention_weights`, for estimators that have the readout "attention"."""

    @by_file
    def attention_weights(self, X, *, static=None):
        """Compute how much each step counts in what the output layer reads, with readout="attention".

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        static : array-like of shape (n, F), default=None
            What is known of each sequence, if `fit` was given it.

        Returns
        -------
        ndarray of shape (n,)
            An object array of n arrays (T_i,), the weights of the steps, which sum to 1. With `patch_length` the steps
            of a patch share its weight alike.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or the model has another readout.

        Examples
        --------
        >>> from fastrnn import SequenceClassifier
        >>> from fastrnn.datasets import load_japanese_vowels
        >>> X, y = load_japanese_vowels(split="train")
        >>> clf = SequenceClassifier(readout="attention", hidden_size=8, max_iter=2, random_state=0).fit(X, y)
        >>> weights = clf.attention_weights(X[:2])
        >>> weights[0].shape == (len(X[0]),), round(float(weights[0].sum()), 3)
        (True, 1.0)
        """
        sequences = self._checked(X, static)
        if not hasattr(self.network_.readout, "score"):
            has = "none, as it answers at each step" if self._readout() is None else f"{self._readout()!r}"
            raise ValueError(f"attention_weights needs readout='attention'; this model has {has}")
        return sequences.split(self._computed(self.network_.attention_weights, sequences))


class InformedExtractor(FeatureExtractor):
    """Those that may be told facts of each sequence, in `transform` and in streams, too."""

    @by_file
    def transform(self, X, *, static=None):
        """Compute the features that the output layer reads, for another model or a picture.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, with the columns that `fit` had. It needs them if `fit` had any.

        Returns
        -------
        ndarray of shape (n, F) or (n,)
            If there is one output a sequence: a row of F features for each sequence, made by the readout, and behind
            these the facts, standardised. It is a frame after ``set_output(transform="pandas")``. If there is an output
            at each step: a 1-D object array of n arrays (T_i, F), the states themselves. `set_output` does not change
            these.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.

        Examples
        --------
        >>> from fastrnn import SequenceClassifier
        >>> from fastrnn.datasets import load_japanese_vowels
        >>> X, y = load_japanese_vowels(split="train")
        >>> clf = SequenceClassifier(hidden_size=8, max_iter=2, random_state=0).fit(X, y)
        >>> clf.transform(X).shape
        (270, 16)
        """
        return self._extracted(X, static)

    def fit_transform(self, X, y=None, *, static=None, **fit_params):
        """Train, and compute the features of the same sequences.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, as for `fit`.
        y : array-like, default=None
            The targets, as for `fit`.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, as for `fit`.
        **fit_params : dict
            What else `fit` takes.

        Returns
        -------
        ndarray of shape (n, F) or (n,)
            What `transform` returns.
        """
        known = {} if static is None else {"static": static}  # which estimators on Dask do not take
        return self.fit(X, y, **known, **fit_params).transform(X, **known)

    def stream(self, batch=1, *, static=None):
        """Start a stream, which reads sequences one step at a time.

        The answer after each step is exactly that of `predict` or `predict_proba` for the part read so far.

        Parameters
        ----------
        batch : int, default=1
            Number of sequences that are read side by side.
        static : array-like or frame of shape (batch, F), default=None
            Facts of these sequences, with the columns that `fit` had. It needs them if `fit` had any. Sequences of
            other facts need another stream.

        Returns
        -------
        fastrnn.streaming.Stream
            A stream at the beginning of its sequences.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the model needs steps that are still to come: with bidirectional=True, readout="concat" or patches. Also
            if `static` is wrong.
        """
        return self._begin_stream(batch, static)
