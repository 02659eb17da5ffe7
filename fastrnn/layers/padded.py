"""Checks of padded arrays and the lengths of what they hold."""

from math import isfinite

import numpy as np

OF_ONE_THREAD = 2**13
"""Numbers, at most, that BLAS multiplies without waking its threads; it tells whether they are finite the soonest."""


def check_finite(x, lengths, is_batch_first, name):
    """Refuse an array of steps that are not all finite; padding past each end may hold anything."""
    if x.size <= OF_ONE_THREAD and isfinite(np.vdot(x, x)):
        return
    finite = np.isfinite(x)
    if np.logical_and.reduce(finite, axis=None):  # half the time of `all` for small arrays
        return
    if is_batch_first:
        x, finite = x.swapaxes(0, 1), finite.swapaxes(0, 1)
    bad = ~finite
    if lengths is not None:
        bad &= (np.arange(len(x))[:, np.newaxis] < lengths)[..., np.newaxis]
    for t, b, i in np.argwhere(bad):
        raise ValueError(f"{name} contains NaN or infinity: {x[t, b, i]} at step {t}, sequence {b}, feature {i}")


def checked_lengths(lengths, T, B):
    """Those of B sequences in an array of T steps, or None."""
    if lengths is None:
        return None
    try:
        lengths = np.asarray(lengths)
    except ValueError:
        raise ValueError(f"lengths must be {B} integers, one a sequence; got rows of unequal lengths") from None
    if lengths.shape != (B,) or lengths.dtype.kind not in "iu":
        raise ValueError(f"lengths must be {B} integers, one a sequence; got {lengths.shape} of {lengths.dtype}")
    if not 1 <= min(numbers := lengths.tolist()) <= max(numbers) <= T:  # of few, quicker than by NumPy
        b = int(np.argmax((lengths < 1) | (lengths > T)))
        raise ValueError(f"lengths[{b}] is {lengths[b]}; x has room for 1 to {T} steps")
    return lengths.astype(np.int64)
