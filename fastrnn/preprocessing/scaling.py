"""Scale sequences of any lengths."""

from copy import copy

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from fastrnn.holes import Holes
from fastrnn.lists import check_listed
from fastrnn.moments import ROUNDING, moments
from fastrnn.records import rebuilt, store
from fastrnn.sequences import Sequences, as_given, as_objects, is_panel, with_names
from fastrnn.storage import array, integer, names


class SequenceScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Scale the channels of sequences to a common range.

    Estimators standardise numbers themselves (`normalize_X`), so you need a scaler only for another method, or to scale
    each sequence by itself.

    Parameters
    ----------
    method : {"standard", "minmax", "robust"}, default="standard"
        "standard" subtracts the mean of each channel, and divides by its standard deviation. "minmax" maps the least
        value to 0 and the largest to 1. "robust" subtracts the median, and divides by the distance between the
        quartiles.
    by : {"channel", "sequence"}, default="channel"
        "channel" computes these from all steps of all sequences in `fit`. "sequence" computes them from each sequence
        by itself: its level is lost, and its shape stays.

    Attributes
    ----------
    center_, scale_ : ndarray of shape (I,) or None
        With by="channel", what is subtracted from each channel, and what it is then divided by. A channel that does not
        change is divided by 1.
    n_features_in_ : int
        Number of channels in a step. For a 2-D X its number of columns, which share one centre and scale.
    feature_names_in_ : ndarray of shape (I,)
        The names of the columns, if X is a frame or a list of frames with one sequence each. Later frames must have the
        same columns in the same order.

    Notes
    -----
    Sequences come as for the estimators: a list or 1-D object array of arrays (T_i, I) or (T_i,), or an array (n, T, I)
    or (n, T). A 2-D array or a frame is n sequences with one channel. NaN stays NaN and does not count, so that a model
    with `missing` can follow. The result has the same form, in float64, or in
    float32 if all of X is. After ``set_output(transform="pandas")``, a 2-D result is a frame; other results do not
    change.

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
        X : list of n arrays of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
            The sequences.
        y : ignored
            Only here because scikit-learn passes it.

        Returns
        -------
        self
            The fitted scaler.

        Raises
        ------
        ValueError
            If X holds anything but sequences of finite numbers and NaN. The message names the sequence.
        """
        _, sequences = read(self, X, reset=True, may_have_holes=True)
        is_common = self.by == "channel"
        self.center_, self.scale_ = _center_and_scale(sequences.values, self.method) if is_common else (None, None)
        return self

    def transform(self, X):
        """Scale sequences.

        Parameters
        ----------
        X : list of n arrays of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
            The sequences, with as many channels as in `fit`.

        Returns
        -------
        ndarray of shape (n,), (n, T, I) or (n, T)
            The scaled sequences, in the form of X. For a list it is an object array of n arrays.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            As for `fit`, or if the number of channels or the names of columns are not those of the fit.
        """
        return self._mapped(X, lambda values, center, scale: (values - center) / scale)

    def inverse_transform(self, X):
        """Undo `transform`. This is not possible with by="sequence".

        Parameters
        ----------
        X : list of n arrays of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
            Scaled sequences.

        Returns
        -------
        ndarray of shape (n,), (n, T, I) or (n, T)
            The sequences in their original unit, in the form of X.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            As for `transform`, or with by="sequence".
        """
        check_is_fitted(self, "n_features_in_")
        if self.center_ is None:
            raise ValueError("by='sequence' keeps no scales, so nothing can be scaled back; fit with by='channel'")
        return self._mapped(X, lambda values, center, scale: values * scale + center)

    def _mapped(self, X, function):
        check_is_fitted(self, "n_features_in_")
        X, sequences = read(self, X, reset=False, may_have_holes=True)
        if self.center_ is not None:
            rows = function(sequences.values, self.center_, self.scale_)
        else:
            rows = np.concatenate([function(part, *_center_and_scale(part, self.method)) for part in sequences])
        return in_form_of(X, Sequences(rows, sequences.offsets))

    @available_if(lambda self: getattr(self, "_is_panel", True))  # before `fit` X may come to be 2-D
    def get_feature_names_out(self, input_features=None):
        """Get the names of the columns of a 2-D X.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names to use, if X had none in `fit`.

        Returns
        -------
        ndarray of shape (I,)
            The names.
        """
        return super().get_feature_names_out(input_features)

    def set_output(self, *, transform=None):
        """Choose the container that `transform` returns for a 2-D X.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            "pandas" and "polars" are their frames, "default" is an array. None changes nothing.

        Returns
        -------
        self
            The scaler itself.
        """
        return super().set_output(transform=transform) if hasattr(self, "get_feature_names_out") else self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _rules(self):
        """What the fitted attributes must be."""
        # Parameters may have been set since.
        numbers = self.center_ is not None and array("float64", 1 if self._is_panel else self.n_features_in_) or None
        rules = {"n_features_in_": integer(1), "center_": numbers, "scale_": numbers, "_is_panel": bool}
        return rules | ({"feature_names_in_": names(self.n_features_in_)} if hasattr(self, "feature_names_in_") else {})

    def _record(self):
        """The tree of a file."""
        check_is_fitted(self, "n_features_in_")
        self._validate_params()
        fitted = {name: getattr(self, name) for name in self._rules()}
        return {"class": type(self).__name__, "parameters": self.get_params(), "fitted": fitted}

    @classmethod
    def _restored(cls, tree):
        """The scaler of a tree; an error if there is none that fitting could have made."""
        return rebuilt(cls, tree, cls._rules)


def read(transformer, X, *, reset, may_have_holes=False):
    """X, a table of it as an array, and its `Sequences`; with `reset` later ones must be like it."""
    transformer._validate_params()
    check_listed(X, "X", "a list of sequences, or a 2-D or 3-D array")
    is_table, known = is_panel(X), copy(transformer) if reset else transformer  # of what is refused nothing is kept
    X = with_names(known, X, is_table, reset=reset)
    n_channels = None if reset else 1 if known._is_panel else known.n_features_in_
    given = as_given(X, n_features=n_channels)
    sequences = given.stored("float64", holes=Holes.of("mask", given.width, -1, False) if may_have_holes else None)
    if may_have_holes:
        values, are_there = np.hsplit(sequences.values, 2)
        sequences = Sequences(np.where(are_there, values, np.nan), sequences.offsets)
    if reset and not is_table:
        known.n_features_in_ = sequences.values.shape[1]
    transformer.__dict__ = vars(known)
    return X, sequences


def _center_and_scale(values, method):
    """Of each column of values (S, I); of one that has none they are 0 and 1."""
    are_missing = np.isnan(values)
    values = np.where(are_missing.all(axis=0), 0.0, values)
    if method == "standard":
        return moments([(values, np.ones(len(values)))], has_holes=bool(are_missing.any()))
    if method == "minmax":
        center = np.nanmin(values, axis=0)
        with np.errstate(over="ignore"):
            scale = np.nanmax(values, axis=0) - center
    else:
        low, center, high = np.nanquantile(values, [0.25, 0.5, 0.75], axis=0)
        with np.errstate(over="ignore"):
            scale = high - low
    if np.isinf(scale).any():
        raise ValueError(f"X holds numbers that are too far apart for method={method!r}: divide by a power of 10")
    # A column that only rounding moves has no scale.
    return center, np.where(scale > ROUNDING * np.abs(center), scale, 1.0)


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
