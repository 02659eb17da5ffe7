"""What a forecaster is given: series, and what is known beside them."""

from dataclasses import asdict, dataclass, field, replace

import numpy as np

from fastrnn import tables
from fastrnn.frames.filling import as_it_came, filled, joined
from fastrnn.frames.form import Form
from fastrnn.frames.reading import read_covariates, read_series
from fastrnn.sequences import Sequences, as_steps

LARGEST = 1e150
"""Value of a series or covariate; the squares of larger ones overflow."""


@dataclass
class Panel:
    """Series with their covariates.

    Attributes
    ----------
    series : Sequences (N, C)
    form : Form
        Of the container that they came in.
    past : Sequences (N, P) or None
        Known up to each series' last step.
    future : Sequences (.., F) or None
        Known for all steps of each series, and as many more as there are.
    static : ndarray (n, K) or None
    calendar : Sequences or None
        What the time of each step tells, as far as `future` goes.
    columns : dict of str to list of str
        Of covariates that came in DataFrames, by "past", "future" and "static".
    name : str
        What the caller calls the series.
    numbers : ndarray (n,) or None
        Where a panel is of some series of another, their numbers there.
    """

    series: Sequences
    form: Form
    past: Sequences | None = None
    future: Sequences | None = None
    static: np.ndarray | None = None
    calendar: Sequences | None = None
    columns: dict = field(default_factory=dict)
    name: str = "y"
    numbers: np.ndarray | None = None

    @classmethod
    def read(cls, y, past, future, static, names=tables.LONG, *, missing, calendar, ahead=0, name="y", before=None,
        known=None):  # fmt: skip
        """From what a caller passed, in tables with these names; `future` goes on for `ahead` steps after y.

        It may go on from a panel that is known.
        """
        after = known and known.after()
        series, form = read_series(y, name=name, missing=missing, form=before, names=names, after=after)
        panel = cls(series, form, name=name)
        if calendar:
            panel.calendar = panel._calendar(ahead)
        if past is not None:
            panel.past = panel._covariates(past, "past", series.lengths, 0, missing, known)
        if future is not None:
            panel.future = panel._covariates(future, "future", series.lengths + ahead, ahead, missing, known)
        if static is not None:
            panel.static = panel._static(static)
        return panel

    def tree(self):
        """All of it but the calendar as plain fields, as a file can hold them."""
        parts = {name: getattr(self, name) for name in ("series", "past", "future")}
        parts = {name: x and {"values": as_it_came(x), "offsets": x.offsets} for name, x in parts.items()}
        return {**parts, "static": self.static, "form": asdict(self.form), "columns": self.columns}

    @classmethod
    def of(cls, tree):
        """The panel of a `tree`."""
        parts = {name: tree[name] for name in ("series", "past", "future")}
        parts = {name: x and filled(x["values"], x["offsets"]) for name, x in parts.items()}
        form = {name: tuple(x) if isinstance(x, list) else x for name, x in tree["form"].items()}
        return cls(form=Form(**form), static=tree["static"], columns=tree["columns"], **parts)

    def widths(self):
        """Columns of each kind of covariates."""
        parts = {"past": self.past and self.past.values, "future": self.future and self.future.values}
        return {name: 0 if x is None else x.shape[1] for name, x in {**parts, "static": self.static}.items()}

    def who(self, k):
        """What messages call series k."""
        return self.form.who(self.name, k if self.numbers is None else self.numbers[k])

    def after(self, name="series"):
        """What `read_series` is told of values that go on from those of this name."""
        return getattr(self, name) and (self.form, getattr(self, name))

    def _covariates(self, x, name, expected, ahead=0, missing="error", known=None):
        """Of so many steps each, (n,); their columns are noted, or must be those that are known."""
        after = known and known.after(name)
        found, form = read_covariates(x, self.form, name, ahead=ahead, missing=missing, after=after)
        for k in np.flatnonzero(found.lengths != expected):
            why = "a row a series" if name == "static" else f"for {self.form.who('y', k)} has {self.series.lengths[k]}"
            raise ValueError(f"{self.form.who(name, k)} has {found.lengths[k]} steps; expected {expected[k]}, {why}")
        check_size(found, form, name)
        if form.kind in ("frame", "long") or form.kind == "series" and not form.is_many and form.columns != (None,):
            labels = {name: [str(column) for column in form.columns]}
            self.check_columns(labels)
            self.columns.update(labels)
        return found

    def _static(self, static):
        """(n, K), in the order of the form's series."""
        if self.form.kind == "long":
            return self._covariates(static, "static", np.ones(self.form.n_series, int), None).values
        if tables.library(static) is not None:
            tables.refuse_long(static, "static")  # its rows go with the series by their order
            self.columns.update({"static": [*map(str, tables.labels(static) or ())]})
            static = tables.numbers(static, "static")
        array = as_steps(np.atleast_1d(static), "static", False).astype(np.float64)
        array = array.T if np.ndim(static) < 2 and not self.form.is_many else array
        if len(array) != self.form.n_series or not (np.abs(array) <= LARGEST).all():
            expected = f"({self.form.n_series}, K) finite numbers up to {LARGEST}, a row for each series"
            raise ValueError(f"static has shape {np.shape(static)}; expected {expected}")
        return array

    def check_columns(self, columns):
        """Those of other covariates must be in the same order."""
        for name in self.columns.keys() & columns.keys():
            expected, found = self.columns[name], columns[name]
            if found != expected:
                raise ValueError(f"{name}= has the columns {found}; the fit had {expected}: pass them in that order")

    def _calendar(self, ahead):
        lengths, more = self.series.lengths + ahead, np.full(len(self.series), ahead)
        return Sequences(self.form.extended(more).calendar(lengths), np.append(0, np.cumsum(lengths)))

    def extended(self, future, horizon, missing, calendar):
        """With `future` (horizon steps a series) after what there was of it."""
        self = replace(self, calendar=self._calendar(horizon) if calendar else None, columns=self.columns.copy())
        if self.future is None or horizon == 0:
            return self
        more = self._covariates(future, "future", np.full(len(self.series), horizon), horizon, missing, self)
        check_width("future", more.values.shape[1], self.future.values.shape[1])
        return replace(self, future=joined(self.future, more))

    def continued(self, values):
        """With forecasts (n, horizon, C) as if they had come."""
        if self.past is not None:
            raise ValueError("past= is not known beyond the fitted horizon: fit with a longer horizon")
        n, h, C = values.shape
        return replace(self, series=joined(self.series, Sequences(values.reshape(-1, C), np.arange(n + 1) * h)))

    def followed(self, other):
        """This panel with another after it, whose form must follow."""
        self.form.follows(other.form, other.series.lengths, name="y_new")
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in ("series", "past", "future")}
        parts = {name: None if mine is None else joined(mine, its) for name, (mine, its) in pairs.items()}
        return replace(self, form=self.form.extended(other.series.lengths), **parts)

    def upto(self, ends, numbers):
        """Series `numbers` (m,), each up to its step `ends` (m,), as a panel of m; covariates to come stay."""
        known = {name: x and x.some(numbers, ends) for name, x in {"series": self.series, "past": self.past}.items()}
        known |= {name: x and x.some(numbers) for name, x in {"future": self.future, "calendar": self.calendar}.items()}
        static, of = None if self.static is None else self.static[numbers], self.numbers
        return replace(self, static=static, numbers=numbers if of is None else of[numbers], **known)

    def features(self, owner, steps, horizon):
        """What is read beside the series at steps (R,) of series `owner` (R,), (R, all their columns)."""
        parts = [x.values[x.offsets[owner] + steps] for x in (self.past, self.calendar) if x is not None]
        if self.future is not None:
            rows = (self.future.offsets[owner] + steps)[:, np.newaxis] + np.arange(1, horizon + 1)
            parts.append(self.future.values[rows].reshape(owner.size, -1))
        if self.static is not None:
            parts.append(self.static[owner])
        return np.hstack(parts) if parts else np.empty((owner.size, 0))


def check_width(which, width, expected):
    """Covariates must have as many columns as those of the fit."""
    if width != expected:
        raise ValueError(f"{which}= has {width} columns; the fit had {expected}: pass the same")


def check_values(panel, name, is_log, is_count):
    """Series must be what numbers, logarithms or counts can be made of."""
    check_size(panel.series, panel.form, name)
    values, where = panel.series.values, (panel.series, panel.form, name)
    if is_log:
        refuse(values <= 0, "expected numbers above 0 under log=True: set log='auto'", *where)
    if is_count:
        expected = "expected counts 0, 1, 2, .. under loss='negative_binomial': use another loss"
        refuse((values < 0) | (values != np.rint(values)), expected, *where)


def check_size(series, form, name):
    """Squares of larger numbers would overflow."""
    refuse(np.abs(series.values) > LARGEST, "too large: divide by a power of 10", series, form, name)


def refuse(wrong, text, series, form, name):
    """An error that names the first value which is wrong, if there is any."""
    for row, c in np.argwhere(wrong):
        k = series.number_of(row)
        raise ValueError(f"{form.who(name, k)} is {series.values[row, c]} at step {row - series.offsets[k]}; {text}")
