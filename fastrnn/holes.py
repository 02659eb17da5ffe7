"""Sequences with holes, where numbers are missing, and with times: what a network reads of them."""

from collections import namedtuple

import numpy as np

from fastrnn import tables
from fastrnn.columns import common
from fastrnn.kernels.holes import hide
from fastrnn.sequences import Given, ranges

INDEX = "index"
"""The `time_column` of frames whose index has the times."""


class Holes(namedtuple("Holes", "clock, n_carried, flagged, is_beside, has_ages")):
    """How steps with holes are read, as `kernels.holes.fill_row` is told of it.

    Parameters
    ----------
    clock : int
        The column of times, -1 if there is none.
    n_carried : int
        The columns, at the beginning, that go on as they were; -1 if holes are an error.
    flagged : ndarray (M,)
        The columns of which it is told whether they are there.
    is_beside : bool
        Whether times come beside the numbers of a step, which they are read behind.
    has_ages : int
        Whether it is told of the flagged columns as well how long ago they were there.
    """

    @classmethod
    def of(cls, missing, n, clock, is_beside, coded=()):
        """For `missing` as estimators take it, and n numbers a step, with the time and the columns of codes."""
        flagged = [k for k in range(n) if k not in (clock, *coded)] if missing in ("mask", "decay") else []
        n_carried = {"error": -1, "mask": 0, "forward": n, "decay": n}[missing]
        return cls(clock, n_carried, np.array(flagged, np.int64), is_beside, int(missing == "decay"))

    @property
    def n_ages(self):
        return self.flagged.size * self.has_ages

    @property
    def n_beside(self):
        """Columns that are read behind those of X, and times."""
        return self.flagged.size + self.n_ages


BORROWED = 0.5
"""Of the sequences of an epoch."""


class Gaps(namedtuple("Gaps", "holes, n, place")):
    """Holes that sequences borrow from each other in training, so that a network has seen more than the data have.

    In each epoch half of the sequences lack as well what another one lacks: the network learns the same labels from
    less, and holes are where those of the data are.  The first n columns are numbers of a step, behind which there may
    be their changes; `place` is that of these sequences among the parts of the data, each of which draws its own.
    """

    def __call__(self, sequences, epoch):
        """The values of sequences in an epoch."""
        x, offsets, M = sequences.values, sequences.offsets, self.holes.flagged.size
        flags = x[:, x.shape[1] - self.holes.n_beside :][:, :M] > 0
        if flags.all():
            return x
        hidden, rng, n = np.zeros_like(flags), np.random.default_rng([epoch, self.place]), len(offsets) - 1
        takers, lenders = np.flatnonzero(rng.random(n) < BORROWED), rng.permutation(n)
        lenders = lenders[takers]
        lengths = np.diff(offsets)
        common = np.minimum(lengths[takers], lengths[lenders])
        hidden[ranges(offsets[takers], common)] = ~flags[ranges(offsets[lenders], common)]
        left = np.add.reduceat((flags & ~hidden).any(axis=1), offsets[:-1])
        hidden[np.repeat(left == 0, lengths)] = False  # nothing can be learned from nothing
        values, how = np.empty_like(x), self.holes
        hide(values, x, offsets, hidden, self.n, how.n_carried, how.flagged, how.has_ages)
        return values


class Timed(Given):
    """Numbers that were given, with the time since the step before, 0 at the first, in place of times or behind all.

    Parameters
    ----------
    given : Given
    clock : int
        The column of times.
    times : list of ndarray (T,), optional
        Those of each sequence, if they are no column of what was given.
    """

    def __init__(self, given, clock, times=None):
        self._given, self._clock, self._times = given, clock, None if times is None else np.concatenate(times)
        self._items, self.offsets, self.lengths = given._items, given.offsets, given.lengths
        self.width = given.width + (times is not None)

    def rows(self, first, last):
        a, b = self.offsets[[first, last]]
        rows, begins = np.array(self._given.rows(first, last), np.float64), self.offsets[first:last] - a
        if self._times is not None:
            rows = np.column_stack([rows, self._times[a:b]])
        times = rows[:, self._clock].copy()
        with np.errstate(invalid="ignore"):
            gaps = np.diff(times, prepend=times[:1])
            gaps[begins] = times[begins] - times[begins]
        for row in np.flatnonzero(~(gaps >= 0)):
            k = self.number_of(a + row)
            step = a + row - self.offsets[k]
            after = f" after {times[row - 1]:.15g}" * (row not in begins)
            found = f"X[{k}] has the time {times[row]:.15g} at step {step}{after}"
            raise ValueError(f"{found}: times must be finite, and not go back; sort the steps, or leave some out")
        rows[:, self._clock] = gaps
        return rows


def indexed(X):
    """The times of each frame's steps, which are its index."""
    for k, x in enumerate(X):
        if tables.library(x) not in ("pandas", *tables.WITH_INDEX):
            found = f"time_column='index' is for frames whose index has the times, but X[{k}] is a {type(x).__name__}"
            raise ValueError(f"{found}: give frames of pandas, or the times as a column of X and its number")
        tables.refuse_long(x, f"X[{k}]")
    # Of periods, which pandas alone has, it is when they begin.
    indexes = [x.index.to_timestamp() if hasattr(x.index, "to_timestamp") else x.index for x in X]
    return [tables.seconds(index.to_numpy(), f"X[{k}], index,") for k, index in enumerate(indexes)]


def dated(X, clock, kept=None):
    """The sequences, of which those that are frames may have dates in the column of times.

    What is no number, in columns of these names, is kept in lists.
    """
    if common(X) is None:
        return X
    times = [] if clock is None else tables.labels(next(iter(X)))[clock : clock + 1]
    return [tables.numbers(x, f"X[{k}]", *times, kept=kept) for k, x in enumerate(X)]
