"""The rows of time series while they are checked."""

import numpy as np

from fastrnn.frames.calendar import ADVICE, HOLIDAYS, IRREGULAR, Clock, has_times, stamp_text, zoned
from fastrnn.frames.filling import filled
from fastrnn.frames.inference import inferred, most_common, written_dates
from fastrnn.frames.offsets import looser, rebuilt
from fastrnn.sequences import Sequences

IN_ORDER = (
    "sort it by time, and keep each time once; if clocks were set back there, lose no row: tz_localize the times of "
    "each series with ambiguous='infer'")  # fmt: skip


class Rows:
    """The rows of all series, one series after the other, while they are checked.

    Attributes
    ----------
    form : Form
    sequences : Sequences
    index : pandas Index, or None
    name : str
    counts : ndarray (S,) or None
        How many steps each row is after the one before, where some are left out that shall be filled in.
    after : tuple of Form and Sequences, or None
        What is known before these rows, from which holes shall be filled in later.
    """

    def __init__(self, form, sequences, index, name, after=None):
        self.form, self.sequences, self.index, self.name, self.counts = form, sequences, index, name, None
        self.after = after

    def read_times(self, before, freqs, missing):
        """Check that the steps of each series are regular, and store in the form how they go on.

        Parameters
        ----------
        before : Form or None
            Of what came before, which tells the frequency.
        freqs : list
            What the indexes tell of it, each an offset or None.
        missing : {"error", "interpolate"}
            What rows that are left out are.
        """
        form, index, offsets = self.form, self.index, self.sequences.offsets
        stamps, tried = self.in_order(), []
        for clock in self.clocks(before, freqs, stamps):
            tried.append((clock, *clock.uneven(index, offsets[:-1])))
            if not tried[-1][2].any():
                break
        clock, stamps, is_uneven = min(tried, key=lambda of: of[2].sum())
        if is_uneven.any():
            self.check_frequencies(clock, is_uneven, before)
        if is_uneven.any() or self.after:
            self.check_gaps(clock, stamps, is_uneven, missing)
        form.offset, form.step, form.ends = clock.offset, clock.step, stamps[offsets[1:] - 1]

    def in_order(self):
        """The timestamps as integers, once it is sure that they are timestamps in order."""
        form, index = self.form, self.index
        if not has_times(index) and index.dtype.kind not in "iu":
            expected = "datetimes (see pandas.to_datetime), periods or integers, alike in all series"
            raise ValueError(f"{self.name} has timestamps of {index.dtype}; expected {expected}")
        self.refuse(index.isna(), "has no timestamp at {place}")
        form.dtype = zoned(index) if has_times(index) else "int64"
        if "(" in form.dtype:
            raise ValueError(f"{self.name} has the time zone {index.tz}: tz_convert it to one with a name")
        stamps = index.asi8 if has_times(index) else index.to_numpy(np.int64)
        is_back = np.append(False, np.diff(stamps) <= 0)
        is_back[self.sequences.offsets[:-1]] = False
        self.refuse(is_back, f"has {{last}} before {{place}}: {IN_ORDER}")
        return stamps

    def clocks(self, before, freqs, stamps):
        """How the timestamps may go on: as it is told, or as the longest series shows."""
        form, k = self.form, int(self.sequences.lengths.argmax())
        part = slice(*self.sequences.offsets[k : k + 2])
        if not form.dtype.startswith("datetime"):
            is_told = before is not None and before.offset is None and before.step
            return [Clock(form.dtype, None, before.step if is_told else self.spacing(stamps[part], k))]
        if before is not None and before.offset is not None:
            return [Clock.of(form.dtype, rebuilt(before.offset))]
        offset = next(filter(None, freqs), None) or inferred(self.index[part])
        if offset is None:
            raise ValueError(f"{form.who(self.name, k)} shows no frequency: give its index a freq, or {IRREGULAR}")
        return [Clock.of(form.dtype, x) for x in (offset, *looser(offset, self.index.tz))]

    def spacing(self, stamps, k):
        """The step of integers, or of periods, which may be several of their own length, that series k shows."""
        gaps, form = np.diff(stamps), self.form
        if form.dtype != "int64":
            return int(gaps[0]) if gaps.size and gaps.min() == gaps.max() else self.index.freq.n
        if how := written_dates(stamps, f"y[{form.names[1]!r}]" if form.ids or form.is_timed else "y.index"):
            what = f"the times {stamps[0]}, .., {stamps[-1]}, which are dates written as integers"
            raise ValueError(f"{form.who(self.name, k)} has {what}: read them with {how}")
        return int(most_common(gaps)) if gaps.size else 1

    def check_frequencies(self, clock, is_uneven, before):
        """Refuse a series that is regular in itself, but not as the others."""
        k, longest = self.sequences.number_of(int(is_uneven.argmax())), int(self.sequences.lengths.argmax())
        part = slice(*self.sequences.offsets[k : k + 2])
        if not self.form.dtype.startswith("datetime") or before is None and k == longest or part.stop - part.start < 3:
            return
        own = inferred(self.index[part])
        own = own and Clock.of(self.form.dtype, own)
        if own and own.freq != clock.freq and not own.uneven(self.index[part], np.zeros(1, int))[1].any():
            who = "what was fitted" if before else self.form.who(self.name, longest)
            what = f"is not at the frequency {clock.freq} as {who}, but at {own.freq}"
            raise ValueError(f"{self.form.who(self.name, k)} {what}: resample it, or fit it apart")

    def check_gaps(self, clock, stamps, is_uneven, missing):
        """Refuse timestamps at another frequency, and rows that are left out unless they shall be filled in."""
        counts, firsts = self.steps_since(clock, stamps, is_uneven), self.sequences.offsets[:-1]
        freq = clock.freq or f"of steps of {clock.step}"
        self.refuse(counts < 1, f"is not at the frequency {freq} at {{place}}: {IRREGULAR}")
        advice = ADVICE + HOLIDAYS * (freq == "B" and not (self.form.ids or self.form.is_timed))
        if missing == "interpolate":
            lengths = n_rows = self.sequences.lengths
            if self.after:
                n_rows = lengths + self.after[1].lengths
                counts[firsts] = self.steps_since_known(clock, stamps[firsts], n_rows)
            is_uneven = is_uneven & np.repeat(np.add.reduceat(counts, firsts) - lengths > n_rows, lengths)
            self.counts, advice = counts, "more rows are missing than there are, which is too much to interpolate"
        if is_uneven.any():
            after = clock.index(clock.moved(stamps[[is_uneven.argmax() - 1]], 1))[0]
            self.refuse(is_uneven, f"has a gap: {stamp_text(after)} is missing after {{last}}; {advice}")

    def steps_since(self, clock, stamps, is_uneven):
        """How many steps each row is after the one before, 0 where it is between two."""
        counts, offsets = np.ones(len(stamps), np.int64), self.sequences.offsets
        for k in self.of_rows(is_uneven):
            part = slice(*offsets[k : k + 2])
            places = clock.places(stamps[part])
            counts[part] = np.where(places < 0, 0, np.diff(places, prepend=-1))
        counts[offsets[:-1]] = ~is_uneven[offsets[:-1]]
        return counts

    def steps_since_known(self, clock, stamps, most):
        """How many steps after what is known each series begins, at `stamps` (n,); 1 where that is no gap to fill."""
        before, counts = self.after[0], np.ones(len(stamps), np.int64)
        if before.dtype is None or before.dtype[0] != clock.dtype[0]:
            return counts
        ends = before.ends
        if clock.dtype[0] == "d":  # their units may differ
            ends = ends.view(before.clock.naive).astype(clock.naive).view(np.int64)
        for k in np.flatnonzero(clock.moved(ends, 1) != stamps):
            counts[k] = clock.places(np.array([ends[k], stamps[k]]))[1]
        return np.where((counts < 1) | (counts > most), 1, counts)

    def of_rows(self, which):
        """The numbers of the series that have such rows."""
        return np.unique(np.searchsorted(self.sequences.offsets, np.flatnonzero(which), side="right")) - 1

    def check_values(self, missing):
        """Refuse values that are not finite, or fill in NaN and the rows that are left out."""
        values = self.sequences.values
        self.refuse(np.isinf(values).any(axis=1), "is infinite at {place}: remove it")
        if missing == "error":
            way = "fill it in" if self.name == "static" else "remove it or set missing='interpolate'"
            self.refuse(np.isnan(values).any(axis=1), f"is NaN at {{place}}: {way}")
        if self.counts is not None:
            # With rows of NaN before those that are several steps after the one before.
            places = np.cumsum(self.counts) - 1
            spread = np.full((places[-1] + 1, values.shape[1]), np.nan)
            spread[places] = values
            begins = (places - self.counts + 1)[self.sequences.offsets[:-1]]
            self.sequences = Sequences(spread, np.append(begins, len(spread)))
        values, offsets = self.sequences.values, self.sequences.offsets
        is_unknown = np.logical_and.reduceat(np.isnan(values), offsets[:-1]).any(axis=1)
        for k in np.flatnonzero(is_unknown if self.after is None else []):
            raise ValueError(f"{self.form.who(self.name, k)} is NaN at all steps: leave the series out")
        self.sequences = filled(values, offsets)

    def refuse(self, wrong, text):
        """Raise an error that names the first row which is wrong, if there is any."""
        for row in np.flatnonzero(wrong):
            k = self.sequences.number_of(row)
            last, this = ("", "") if self.index is None else map(stamp_text, self.index[[row - 1, row]])
            place = f"step {row - self.sequences.offsets[k]}" + f" ({this})" * bool(this)
            raise ValueError(f"{self.form.who(self.name, k)} {text.format(last=last, place=place)}")
