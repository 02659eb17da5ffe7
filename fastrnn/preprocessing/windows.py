"""Sequences cut into windows, and padded to arrays and back."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_scalar
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from fastrnn.lists import as_array
from fastrnn.preprocessing.scaling import read
from fastrnn.records import store
from fastrnn.sequences import as_objects, as_sequences
from fastrnn.wording import shown


class SlidingWindow(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Cut sequences into windows of one length.

    There are more windows than sequences, so that it does not fit between the steps of a Pipeline with y: give
    each window the y of its sequence by `origins`.

    Parameters
    ----------
    size : int, default=10
        Steps of a window.
    step : int, default=1
        From the beginning of a window to that of the next.

    Attributes
    ----------
    n_features_in_ : int
        Channels of a step; for a 2-D X its number of columns.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.preprocessing import SlidingWindow
    >>> X, y = [np.arange(5.0), np.arange(10.0, 13.0)], np.array(["a", "b"])
    >>> window = SlidingWindow(size=3, step=2).fit(X)
    >>> window.transform(X)[..., 0]
    array([[ 0.,  1.,  2.],
           [ 2.,  3.,  4.],
           [10., 11., 12.]])
    >>> y[window.origins(X)[:, 0]]
    array(['a', 'a', 'b'], dtype='<U1')
    """

    _parameter_constraints = dict.fromkeys(("size", "step"), [Interval(Integral, 1, None, closed="left")])

    def __init__(self, *, size=10, step=1):
        store(self, locals())

    def fit(self, X, y=None):
        """Note how many channels there are.

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
        read(self, X, reset=True)
        return self

    def transform(self, X):
        """Cut.

        Parameters
        ----------
        X : as for `fit`

        Returns
        -------
        ndarray (m, size, I)
            The windows of the first sequence, then of the second ...  A sequence shorter than a window has none, and
            steps after its last whole window are in none.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            As `fit`; for another number of channels; or if no sequence is long enough.
        """
        sequences, origins = self._cut(X)
        rows = sequences.offsets[origins[:, 0]] + origins[:, 1]
        return sequences.values[rows[:, np.newaxis] + np.arange(self.size)]

    def origins(self, X):
        """Where the windows of `transform` come from.

        Parameters
        ----------
        X : as for `fit`

        Returns
        -------
        ndarray (m, 2) of int
            Of each window the number of its sequence, and its first step there.

        Raises
        ------
        NotFittedError, ValueError
            As `transform`.
        """
        return self._cut(X)[1]

    def _cut(self, X):
        check_is_fitted(self, "n_features_in_")
        _, sequences = read(self, X, reset=False)
        counts = np.maximum((sequences.lengths - self.size) // self.step + 1, 0)
        if not counts.any():
            raise ValueError(f"X has up to {sequences.lengths.max()} steps; a window of size={self.size} needs more")
        numbers = np.repeat(np.arange(len(sequences)), counts)
        return sequences, np.stack([numbers, self.step * np.concatenate([np.arange(n) for n in counts])], axis=1)

    def set_output(self, *, transform=None):
        """Accepted, for a Pipeline asks all of its steps; windows are no columns, and stay arrays."""
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def pad_sequences(X, length=None, *, value=0.0, truncate=None):
    """Sequences as one array, and their lengths.

    Parameters
    ----------
    X : list of n arrays (T_i, I) or (T_i,)
    length : int, optional
        Steps of the array, T; by default those of the longest sequence.
    value : float, default=0.0
        What stands after the end of a sequence; NaN is tslearn's way.
    truncate : {"start", "end"} or None, default=None
        Where longer sequences are cut off; None is an error for them.

    Returns
    -------
    padded : ndarray (n, T, I)
        In float64.
    lengths : ndarray (n,)

    Raises
    ------
    ValueError
        If X is no sequences of finite numbers, or one is longer and `truncate` is None; the message names it.

    See Also
    --------
    unpad_sequences

    Examples
    --------
    >>> from fastrnn.preprocessing import pad_sequences
    >>> padded, lengths = pad_sequences([[1, 2, 3], [4]])
    >>> padded[..., 0], lengths
    (array([[1., 2., 3.],
            [4., 0., 0.]]), array([3, 1]))
    """
    sequences = as_sequences(X, "float64")
    T = int(sequences.lengths.max()) if length is None else check_scalar(length, "length", Integral, min_val=1)
    if truncate not in (None, "start", "end"):
        raise ValueError(f"truncate is {shown(truncate)}; expected 'start', 'end' or None")
    for k in np.flatnonzero(sequences.lengths > T) if truncate is None else ():
        raise ValueError(f"X[{k}] has {sequences.lengths[k]} steps, but length={T}: set truncate='start' or 'end'")
    lengths = np.minimum(sequences.lengths, T)
    firsts = sequences.lengths - lengths if truncate == "start" else np.zeros_like(lengths)
    padded = np.full((len(sequences), T, sequences.values.shape[1]), value, np.float64)
    for k, (first, n) in enumerate(zip(firsts, lengths, strict=True)):
        padded[k, :n] = sequences[k][first : first + n]
    return padded, lengths


def unpad_sequences(padded, lengths):
    """The sequences in a padded array.

    Parameters
    ----------
    padded : array (n, T, ...)
    lengths : array (n,) of int, or mask (n, T) of bool
        How many steps of each count; a mask is true first and false from its end on.

    Returns
    -------
    1-D object array of n arrays (T_i, ...)

    Raises
    ------
    ValueError
        If the shapes do not go together, a length is no number from 1 to T, or a mask has gaps; the message names the
        sequence.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.preprocessing import unpad_sequences
    >>> [x.tolist() for x in unpad_sequences(np.array([[1, 2, 3], [4, 0, 0]]), [3, 1])]
    [[1, 2, 3], [4]]
    """
    padded, lengths = as_array(padded, "padded"), np.asarray(lengths)
    if padded.ndim < 2:
        raise ValueError(f"padded has shape {padded.shape}; expected (n, T) or (n, T, I)")
    if lengths.dtype == bool and lengths.shape == padded.shape[:2]:
        mask, lengths = lengths, lengths.sum(axis=1)
        for k in np.flatnonzero((mask != (np.arange(mask.shape[1]) < lengths[:, np.newaxis])).any(axis=1)):
            raise ValueError(f"the mask of padded[{k}] is not true first and false from there on: cut the gaps out")
    if lengths.shape != padded.shape[:1] or lengths.dtype.kind not in "iu":
        expected = f"integers ({len(padded)},), or a mask {padded.shape[:2]} of bool, as padded is {padded.shape}"
        raise ValueError(f"lengths is {lengths.dtype} of shape {lengths.shape}; expected {expected}")
    for k in np.flatnonzero((lengths < 1) | (lengths > padded.shape[1])):
        raise ValueError(f"lengths[{k}] is {lengths[k]}; expected 1 to {padded.shape[1]}, the steps of padded")
    return as_objects([x[:n].copy() for x, n in zip(padded, lengths, strict=True)])
