"""Scaling of sequences of any lengths."""

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from fastrnn.lists import check_listed
from fastrnn.moments import moments
from fastrnn.records import store
from fastrnn.sequences import Sequences, as_objects, as_sequences, is_panel, with_names
from fastrnn.storage import array, check, integer, names


class SequenceScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Bring the channels of sequences to a common scale.

    Parameters
    ----------
    method : {"standard", "minmax", "robust"}, default="standard"
        "standard" takes each channel's mean off and divides by its standard deviation, "minmax" maps its least value to
        0 and its largest to 1, "robust" takes the median off and divides by the distance of the quartiles.
    by : {"channel", "sequence"}, default="channel"
        Whether these are of all steps of all sequences that `fit` was given, or of each sequence by itself: then levels
        are lost, and shapes remain.

    Attributes
    ----------
    center_, scale_ : ndarray (I,) or None
        With by="channel", what is taken off and divided by; a channel that does not change is divided by 1.
    n_features_in_ : int
        Channels of a step; for a 2-D X its number of columns, which share one centre and scale.
    feature_names_in_ : ndarray
        The names of the columns, if X is a frame or a list of frames of one sequence each: later ones must have the
        same, in the same order.

    Notes
    -----
    Sequences are taken as by the estimators: a list or 1-D object array of arrays (T_i, I) or (T_i,), or an array
    (n, T, I) or (n, T); a 2-D one, or a frame, is n univariate sequences.  What comes back has the same form, in
    float64, or in float32 if all of X is.  After ``set_output(transform="pandas")`` what is 2-D comes as a frame, and
    anything else as it does without.

    Examples
    --------
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> from fastrnn.preprocessing import SequenceScaler
    >>> from sklearn.pipeline import make_pipeline
    >>> X, y = load_japanese_vowels(split="train")
    >>> scaled = SequenceScaler().fit_transform(X)
    >>> scaled[0].shape == X[0].shape
    True
    >>> model = make_pipeline(SequenceScaler(), SequenceClassifier(max_iter=2, random_state=0)).fit(X, y)
    """

    _parameter_constraints = {"method": [StrOptions({"standard", "minmax", "robust"})],
                              "by": [StrOptions({"channel", "sequence"})]}  # fmt: skip

    def __init__(self, *, method="standard", by="channel"):
        store(self, locals())

    def fit(self, X, y=None):
        """Learn centre and scale.

        Parameters
        ----------
        X : list of n arrays (T_i, I) or (T_i,), or array (n, T, I) or (n, T)
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X is no sequences of finite numbers; the message names the sequence.
        """
        self._validate_params()
        _, sequences = read(self, X, reset=True)
        self.center_, self.scale_ = None, None
        if self.by == "channel":
            self.center_, self.scale_ = _center_and_scale(sequences.values, self.method)
        return self

    def transform(self, X):
        """Scale.

        Parameters
        ----------
        X : as for `fit`

        Returns
        -------
        1-D object array of n arrays, or array (n, T, I) or (n, T) as X

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            As `fit`; or for another number of channels, or columns.
        """
        return self._mapped(X, lambda values, center, scale: (values - center) / scale)

    def inverse_transform(self, X):
        """Undo `transform`; with by="sequence" there is no way back.

        Parameters
        ----------
        X : as for `fit`

        Returns
        -------
        As `transform`

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            As `transform`; or with by="sequence".
        """
        check_is_fitted(self, "n_features_in_")
        if self.center_ is None:
            raise ValueError("by='sequence' keeps no sequence's own scale: there is no way back; fit with by='channel'")
        return self._mapped(X, lambda values, center, scale: values * scale + center)

    def _mapped(self, X, function):
        check_is_fitted(self, "n_features_in_")
        X, sequences = read(self, X, reset=False)
        if self.center_ is not None:
            rows = function(sequences.values, self.center_, self.scale_)
        else:
            rows = np.concatenate([function(part, *_center_and_scale(part, self.method)) for part in sequences])
        return in_form_of(X, Sequences(rows, sequences.offsets))

    @available_if(lambda self: getattr(self, "_is_panel", True))  # before `fit` X may come to be 2-D
    def get_feature_names_out(self, input_features=None):
        """The names of the columns (n_features_in_,) of a 2-D X."""
        return super().get_feature_names_out(input_features)

    def set_output(self, *, transform=None):
        """Have `transform` return frames ("pandas", "polars") of what is 2-D.

        Returns
        -------
        self
        """
        return super().set_output(transform=transform) if hasattr(self, "get_feature_names_out") else self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _record(self):
        """The tree of a file."""
        check_is_fitted(self, "n_features_in_")
        attributes = "n_features_in_", "center_", "scale_", "_is_panel", "feature_names_in_"
        fitted = {name: getattr(self, name) for name in attributes if hasattr(self, name)}
        return {"class": type(self).__name__, "parameters": self.get_params(), "fitted": fitted}

    @classmethod
    def _restored(cls, tree):
        """The scaler of a tree; an error if there is none that fitting could have made."""
        check(tree, {"class": cls.__name__, "parameters": dict, "fitted": dict}, "scaler")
        check(tree["parameters"], {"method": str, "by": str}, "parameters")
        scaler = cls(**tree["parameters"])
        scaler._validate_params()
        fitted, numbers = tree["fitted"], None
        if scaler.by == "channel":
            numbers = array("float64", 1 if fitted.get("_is_panel") else fitted["n_features_in_"])
        rule = {"n_features_in_": integer(1), "center_": numbers, "scale_": numbers, "_is_panel": bool}
        if "feature_names_in_" in fitted:
            rule["feature_names_in_"] = names(fitted["n_features_in_"])
        check(fitted, rule, "fitted")
        vars(scaler).update(fitted)
        return scaler


def read(transformer, X, *, reset):
    """X, a table of it as an array, and its `Sequences`; with `reset` later ones must be like it."""
    check_listed(X, "X", "a list of sequences, or a 2-D or 3-D array")
    is_table = is_panel(X)
    X = with_names(transformer, X, is_table, reset=reset)
    n_channels = None if reset else 1 if transformer._is_panel else transformer.n_features_in_
    sequences = as_sequences(X, "float64", n_features=n_channels)
    if reset and not is_table:
        transformer.n_features_in_ = sequences.values.shape[1]
    return X, sequences


def _center_and_scale(values, method):
    """Of each column of values (S, I)."""
    if method == "standard":
        return moments([(values, np.ones(len(values)))])
    if method == "minmax":
        center, scale = values.min(axis=0), np.ptp(values, axis=0)
    else:
        low, center, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
        scale = high - low
    # A column that only rounding moves has no scale.
    return center, np.where(scale > len(values) * np.finfo(np.float64).eps * np.abs(center), scale, 1.0)


def in_form_of(X, sequences):
    """Sequences with the axes of the X that they were made of, and in float32 if all of that is."""
    is_array = isinstance(X, np.ndarray) and X.dtype != object
    values = sequences.values
    if all(getattr(part, "dtype", None) == np.float32 for part in ([X] if is_array else X)):
        values = values.astype(np.float32)
    if is_array:
        return values.reshape(X.shape)
    found = sequences.split(values)
    return as_objects([rows[:, 0] if np.ndim(part) == 1 else rows for rows, part in zip(found, X, strict=True)])
