"""Series whose holes are filled in, which may be cut where no more is known."""

from functools import cached_property

import numpy as np

from fastrnn.sequences import Sequences


class Filled(Sequences):
    """Series with what was missing filled in: linearly between its neighbours, and at the ends with the nearest.

    Parameters
    ----------
    raw : ndarray (S, C)
        The values, NaN where they are missing.
    offsets : ndarray (n + 1,)
    otherwise : ndarray (S, C), optional
        What series of which nothing is known are filled with.
    """

    def __init__(self, raw, offsets, otherwise=None):
        self.raw, self.offsets, self._otherwise = raw, offsets, otherwise
        self.lengths, self.begins = np.diff(offsets), offsets

    @cached_property
    def values(self):
        """What was missing is filled in when it is first asked for."""
        values, offsets = self.raw.copy(), self.offsets
        for k in np.flatnonzero(np.logical_or.reduceat(np.isnan(values).any(axis=1), offsets[:-1])):
            part = slice(offsets[k], offsets[k + 1])
            for c, series in enumerate(values[part].T):
                places = np.flatnonzero(~np.isnan(series))
                if places.size:
                    series[:] = np.interp(np.arange(series.size), places, series[places])
                elif self._otherwise is not None:
                    series[:] = self._otherwise[part, c]
        return values

    def some(self, numbers, lengths=None):
        """As of all sequences; where one is cut, what was missing is filled in from before the cut alone."""
        raw, filled = (Sequences(x, self.offsets).some(numbers, lengths) for x in (self.raw, self.values))
        return Filled(raw.values, raw.offsets, filled.values)


def filled(raw, offsets):
    """The series of values (S, C), of which those that are NaN are filled in, if there are any."""
    return Filled(raw, offsets) if np.isnan(raw).any() else Sequences(raw, offsets)


def as_it_came(series):
    """The values (S, C), NaN where they were missing."""
    return series.raw if isinstance(series, Filled) else series.values


def joined(first, second):
    """Each series of the first with that of the second after it."""
    ends = np.repeat(first.offsets[1:], second.lengths)
    values = np.insert(as_it_came(first), ends, as_it_came(second), axis=0)
    return filled(values, first.offsets + second.offsets)
