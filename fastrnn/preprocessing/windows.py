"""Cut sequences into windows, and pad them to arrays and back."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_scalar
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from fastrnn.lists import as_array
from fastrnn.preprocessing.scaling import read
from fastrnn.records import store
from fastrnn.sequences import as_objects, as_sequences
from fastrnn.wording import check_count, shown


class SlidingWindow(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Cut sequences into windows of one length.

    There are more windows than sequences, so it does not fit between the steps of a Pipeline with y. Use `origins` to
    give each window the y of its sequence.

    Parameters
    ----------
    size : int, default=10
        Number of steps in a window.
    step : int, default=1
        Number of steps from the beginning of a window to the beginning of the next.

    Attributes
    ----------
    n_features_in_ : int
        Number of channels in a step; for a 2-D X its number of columns.

    See Also
    --------
    pad_sequences : Make one array of sequences without cutting them.

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
        X : list of n arrays of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
            The sequences.
        y : ignored
            Only here because scikit-learn passes it.

        Returns
        -------
        self
            The fitted transformer.

        Raises
        ------
        ValueError
            If X holds anything but sequences of finite numbers. The message names the sequence.
        """
        read(self, X, reset=True)
        return self

    def transform(self, X):
        """Cut sequences into windows.

        Parameters
        ----------
        X : list of n arrays of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
            The sequences.

        Returns
        -------
        ndarray of shape (m, size, I)
            The windows of the first sequence, then those of the second, and so on. A sequence that is shorter than a
            window has none. Steps after the last whole window are left out.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            As for `fit`, or if the number of channels is another, or if no sequence is long enough.
        """
        sequences, origins = self._cut(X)
        rows = sequences.offsets[origins[:, 0]] + origins[:, 1]
        return sequences.values[rows[:, np.newaxis] + np.arange(self.size)]

    def origins(self, X):
        """Get the place that each window of `transform` comes from.

        Parameters
        ----------
        X : list of n arrays of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
            The sequences.

        Returns
        -------
        ndarray of int, of shape (m, 2)
            For each window, the number of its sequence, and the number of its first step there.

        Raises
        ------
        NotFittedError, ValueError
            As for `transform`.
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
        """Accept the request of a Pipeline, and change nothing: windows are not columns.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            Not used.

        Returns
        -------
        self
            The transformer itself.
        """
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def pad_sequences(X, length=None, *, value=0.0, truncate=None):
    """Convert sequences to one padded array, and their lengths.

    Parameters
    ----------
    X : list of n arrays of shape (T_i, I) or (T_i,)
        The sequences.
    length : int, default=None
        Number of steps of the array, T. None takes the length of the longest sequence.
    value : float, default=0.0
        What stands after the end of a sequence. tslearn uses NaN.
    truncate : {"start", "end"} or None, default=None
        Where sequences longer than `length` are cut. None raises an error for them.

    Returns
    -------
    padded : ndarray of shape (n, T, I)
        The padded sequences, in float64.
    lengths : ndarray of shape (n,)
        The number of steps of each sequence.

    Raises
    ------
    ValueError
        If X holds anything but sequences of finite numbers, or if one is longer than `length` and `truncate` is None.
        The message names it.

    See Also
    --------
    unpad_sequences : The way back.

    Examples
    --------
    >>> from fastrnn.preprocessing import pad_sequences
    >>> padded, lengths = pad_sequences([[1, 2, 3], [4]])
    >>> padded[..., 0], lengths
    (array([[1., 2., 3.],
            [4., 0., 0.]]), array([3, 1]))
    """
    sequences = as_sequences(X, "float64")
    T = int(sequences.lengths.max()) if length is None else check_count("length", length)
    check_scalar(value, "value", Real)
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
    """Convert a padded array to sequences.

    Parameters
    ----------
    padded : array of shape (n, T, ...)
        The padded sequences.
    lengths : array of int, of shape (n,), or mask of bool, of shape (n, T)
        The number of steps of each sequence; or a mask, which is true for each step up to the end, and false after it.

    Returns
    -------
    ndarray of shape (n,)
        An object array of n arrays (T_i, ...).

    Raises
    ------
    ValueError
        If the shapes do not fit, if a length is not an integer from 1 to T, or if a mask has gaps. The message names
        the sequence.

    See Also
    --------
    pad_sequences : The way back.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.preprocessing import unpad_sequences
    >>> [x.tolist() for x in unpad_sequences(np.array([[1, 2, 3], [4, 0, 0]]), [3, 1])]
    [[1, 2, 3], [4]]
    """
    padded, lengths = as_array(padded, "padded"), as_array(lengths, "lengths")
    if padded.ndim < 2:
        raise ValueError(f"padded has shape {padded.shape}; expected (n, T) or (n, T, I)")
    if lengths.dtype == bool and lengths.shape == padded.shape[:2]:
        mask, lengths = lengths, lengths.sum(axis=1)
        for k in np.flatnonzero((mask != (np.arange(mask.shape[1]) < lengths[:, np.newaxis])).any(axis=1)):
            found = f"the mask of padded[{k}] is not true first, then false"
            raise ValueError(f"{found}: [x[m] for x, m in zip(padded, mask)]")
    if lengths.shape != padded.shape[:1] or lengths.dtype.kind not in "iu":
        expected = f"integers ({len(padded)},), or a mask {padded.shape[:2]} of bool, as padded is {padded.shape}"
        raise ValueError(f"lengths is {lengths.dtype} of shape {lengths.shape}; expected {expected}")
    for k in np.flatnonzero((lengths < 1) | (lengths > padded.shape[1])):
        raise ValueError(f"lengths[{k}] is {lengths[k]}; expected 1 to {padded.shape[1]}, the steps of padded")
    return as_objects([x[:n].copy() for x, n in zip(padded, lengths, strict=True)])
