"""Trained networks as extractors of features."""

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted


class FeatureExtractor(TransformerMixin):
    """`transform`, for estimators that read sequences: what stands between the network's input and its output layer."""

    def _has_columns(self):
        """Whether there is one row of features for each sequence, not one for each step."""
        return (self.network_.readout if self.__sklearn_is_fitted__() else self._readout()) is not None

    def transform(self, X):
        """The features that the output layer reads, for another model or a picture.

        Parameters
        ----------
        X : as for `predict`

        Returns
        -------
        ndarray (n, F)
            For one output a sequence, what the readout makes of its states (of `SequenceToSequence` the encoder's last
            states); a frame after ``set_output(transform="pandas")``.  For an output at every step a 1-D object array
            of n arrays (T_i, F), the states themselves, with which `set_output` does nothing.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            As `predict`.

        Examples
        --------
        >>> from fastrnn import SequenceClassifier
        >>> from fastrnn.datasets import load_japanese_vowels
        >>> X, y = load_japanese_vowels(split="train")
        >>> clf = SequenceClassifier(hidden_size=8, max_iter=2, random_state=0).fit(X, y)
        >>> clf.transform(X).shape
        (270, 16)
        """
        sequences = self._checked(X)
        features = self._computed(self.network_.extract, sequences)
        return features if self._has_columns() else sequences.split(features)

    @available_if(lambda self: self._has_columns())
    def get_feature_names_out(self, input_features=None):
        """The names of the columns of `transform`, (F,): the class's, and a number."""
        check_is_fitted(self, "network_")
        return np.array([f"{type(self).__name__.lower()}{k}" for k in range(self.network_.n_features)], object)

    def set_output(self, *, transform=None):
        """Have `transform` return frames ("pandas", "polars"), where it has one row for each sequence.

        Returns
        -------
        self
        """
        # A Pipeline asks all of its steps: those with a row for each step must not refuse.
        return super().set_output(transform=transform) if self._has_columns() else self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []  # features have the network's
        return tags
