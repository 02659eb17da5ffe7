"""The rows of time series while they are checked."""

from dataclasses import dataclass, replace

import numpy as np

from fastrnn.frames.calendar import ADVICE, has_times, inferred, stamp_text
from fastrnn.frames.form import Form
from fastrnn.sequences import Sequences


@dataclass
class Rows:
    """The rows of all series, one series after the other, while they are checked; index is that of pandas, or None."""

    form: Form
    sequences: Sequences
    index: object
    name: str

    def read_times(self, freq):
        """Check that the steps of each series are regular, and store in the form how they go on."""
        form, index, is_dated = self.form, self.index, has_times(self.index)
        if not is_dated and index.dtype.kind not in "iu":
            expected = "datetimes (see pandas.to_datetime), periods or integers, alike in all series"
            raise ValueError(f"{self.name} has timestamps of {index.dtype}; expected {expected}")
        self.refuse(index.isna(), "has no timestamp at {place}")
        form.dtype, form.step = (str(index.dtype) if is_dated else "int64"), 1
        if "(" in form.dtype:
            raise ValueError(f"{self.name} has the time zone {index.tz}: tz_convert it to one with a name")
        form.ends = index.asi8 if is_dated else index.to_numpy(np.int64)
        self.refuse(self.gaps(form.ends, 1) <= 0, "has {last} before {place}: sort it by time, and keep each time once")
        if is_dated:
            form.freq, form.step = self.frequency(freq)
        self.check_gaps()
        form.ends = form.ends[self.sequences.offsets[1:] - 1]

    def frequency(self, freq):
        """How pandas writes the frequency, given or that of the longest series, and the step of a `Form`."""
        import pandas as pd

        index, offsets, k = self.index, self.sequences.offsets, int(self.sequences.lengths.argmax())
        if isinstance(index, pd.PeriodIndex):
            return index.freqstr, index.freq.n
        freq = inferred(index[offsets[k] : offsets[k + 1]]) if freq is None else freq
        if freq is None:
            raise ValueError(f"{self.form.who(self.name, k)} shows no frequency: give its index a freq, or {ADVICE}")
        offset = pd.tseries.frequencies.to_offset(freq)
        # A day is no fixed step: in a time zone some have 23 hours.
        is_fixed = isinstance(offset, pd.offsets.Tick) and not isinstance(offset, pd.offsets.Day)
        return offset.freqstr, pd.Timedelta(offset) // pd.Timedelta(1, index.unit) if is_fixed else 0

    def check_gaps(self):
        """Check that each timestamp is one step after the one before."""
        import pandas as pd

        form, index = self.form, self.index
        if form.step:
            numbers, phases = np.divmod(form.ends, form.step)
            is_off = self.gaps(phases, 0) != 0
        else:
            numbers = pd.date_range(index.min(), index.max(), freq=form.freq, unit=index.unit).get_indexer(index)
            is_off = numbers < 0
        self.refuse(is_off, f"is not at the frequency {form.freq} at {{place}}: {ADVICE}")
        is_late = self.gaps(numbers, 1) > 1
        if is_late.any():
            before = form.ends[[int(is_late.argmax()) - 1]]
            after = replace(form, n_series=1, ends=before).ahead(1)[0]
            self.refuse(is_late, f"has a gap: {stamp_text(after)} is missing after {{last}}; {ADVICE}")

    def gaps(self, numbers, first):
        """How far each row is from the one before, and `first` where a series begins."""
        gaps = np.diff(numbers, prepend=numbers[0])
        gaps[self.sequences.offsets[:-1]] = first
        return gaps

    def check_values(self, missing):
        """Refuse values that are not finite, or fill NaN in."""
        values, offsets = self.sequences.values, self.sequences.offsets
        self.refuse(np.isinf(values).any(axis=1), "is infinite at {place}: remove it")
        is_nan = np.isnan(values).any(axis=1)
        if missing == "error":
            self.refuse(is_nan, "is NaN at {place}: remove it or set missing='interpolate'")
        for k in np.unique(np.searchsorted(offsets, np.flatnonzero(is_nan), side="right")) - 1:
            for series in self.sequences[k].T:
                _interpolate(series, self.form.who(self.name, k))

    def refuse(self, wrong, text):
        """Raise an error that names the first row which is wrong, if there is any."""
        if wrong.any():
            row = int(wrong.argmax())
            k = self.sequences.number_of(row)
            last, this = ("", "") if self.index is None else map(stamp_text, self.index[[row - 1, row]])
            place = f"step {row - self.sequences.offsets[k]}" + f" ({this})" * bool(this)
            raise ValueError(f"{self.form.who(self.name, k)} {text.format(last=last, place=place)}")


def _interpolate(series, who):
    """Fill NaN in an array (T,)."""
    is_hole = np.isnan(series)
    if is_hole.all():
        raise ValueError(f"{who} is NaN at all steps: leave the series out")
    series[is_hole] = np.interp(np.flatnonzero(is_hole), np.flatnonzero(~is_hole), series[~is_hole])
