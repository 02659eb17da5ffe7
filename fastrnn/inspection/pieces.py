"""Sequences in whatever form a model reads them, of which some steps of some channels are replaced."""

from itertools import pairwise, product
from math import prod
from numbers import Integral, Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fastrnn import tables
from fastrnn.base import COUNT
from fastrnn.base.files import refuse_files
from fastrnn.base.static import refuse_facts
from fastrnn.holes import INDEX
from fastrnn.lists import as_array, check_listed
from fastrnn.sequences import REAL
from fastrnn.tokens import Tokens
from fastrnn.wording import counted, optional, shown


def read_texts(estimator, X):
    """A fitted model and its sequences; of texts, the model above a Pipeline's Tokenizer, and their tokens."""
    check_is_fitted(estimator)
    refuse_facts(estimator, "an explanation by X alone does not give")
    refuse_files(X, "explain what is in memory, such as X.read(0)[0]")
    check_listed(X, "X", "a list of sequences, or a 2-D or 3-D array")
    is_pipeline = hasattr(estimator, "steps")
    X = X if tables.labels(X) is not None or isinstance(X, np.ndarray) and X.dtype.kind in REAL else list(X)
    first = X[0] if isinstance(X, list) and X else ()
    if isinstance(first, str) or isinstance(first, (list, tuple, np.ndarray)) and isinstance([*first[:1], 0][0], str):
        if not is_pipeline:
            raise ValueError("X holds texts: pass a Pipeline that begins with a Tokenizer, or pass tokens")
        X, estimator = list(estimator[:1].transform(X)), estimator[1:]
    return (estimator[-1] if is_pipeline and len(estimator) == 1 else estimator), X


class Pieces:
    """Sequences as arrays, and back.

    Attributes
    ----------
    estimator : estimator
        What reads them, as `read_texts` says.
    arrays : list of ndarray (T,) or (T, I)
        Of words with their characters (T, 1 + L).
    are_tokens : bool
        Whether a step is read as one thing, whatever columns it has.
    names : list
        Of the channels, those of frames' columns or numbers.
    """

    def __init__(self, estimator, X):
        self.estimator, X = read_texts(estimator, X)
        self._columns, self._is_array = tables.labels(X), not isinstance(X, list)
        self._items = list(X if self._columns is None else np.asarray(X))
        for k, x in enumerate(self._items):
            self._items[k] = tables.to_pandas(x, f"X[{k}]")[0] if tables.library(x) not in (None, "pandas") else x
        self.arrays = [_array(x, f"X[{k}]") for k, x in enumerate(self._items)]
        widths = sorted({prod(x.shape[1:]) for x in self.arrays})
        if not widths:
            raise ValueError("X is empty: it needs at least one sequence")
        self._width, network = widths[-1], getattr(self.estimator, "network_", None)
        self.are_tokens = isinstance(self._items[0], Tokens) or getattr(network, "embedding", None) is not None
        if self.are_tokens and self._width > 1:  # 0 is past a word's end
            self.arrays = [np.pad(x, ((0, 0), (0, self._width - x.shape[1]))) for x in self.arrays]
        elif len(widths) > 1:
            raise ValueError(f"X holds sequences of {shown(widths)} channels; all must have as many")
        self.names = tables.labels(self._items[0]) or list(range(self._width))
        column = getattr(self.estimator, "_shape", {}).get("time_column")
        self._times = [] if column in (None, INDEX) else [self._column(column)]

    def __call__(self, arrays, numbers):
        """Arrays in place of the sequences of these numbers, in the form that X has."""
        made = [_like(self._items[k], x) for k, x in zip(numbers, arrays, strict=True)]
        made = np.stack(made) if self._is_array else made
        return made if self._columns is None else _frame(made, columns=self._columns)

    def baseline(self, given, k):
        """What hides sequence k: an array of its shape."""
        x = self.arrays[k]
        if not self.are_tokens:
            return baseline_of(self.estimator, given, x.shape, f"X[{k}]")
        return all_of(0 if given is None else given, x)

    def groups(self, channels, are_whole=False):
        """Channels that are replaced together: by what they are called, their columns.

        Unless sequences are exchanged as a whole, their times stay, for those of a part would go back.
        """
        fixed = [] if are_whole else self._times
        if isinstance(channels, str) and channels == "all" or channels is None and self.are_tokens:
            return {"all channels": np.setdiff1d(np.arange(self._width), fixed)}
        channels = [self.names[k] for k in range(self._width) if k not in fixed] if channels is None else channels
        if not isinstance(channels, (list, tuple, np.ndarray)) or not len(channels) or not all(map(np.size, channels)):
            raise ValueError(f"channels={shown(channels)}; expected a list of channels, 'all' or None")
        groups = [group if isinstance(group, (list, tuple)) else [group] for group in channels]
        found = {", ".join(map(str, group)): np.array([self._column(name) for name in group]) for group in groups}
        for name, columns in found.items():
            if np.isin(columns, fixed).any():
                raise ValueError(f"channels has {name!r}, which has the times, and those of a part stay: leave it out")
        return found

    def _column(self, name):
        """That of a channel, by its name or number."""
        known = [*self.names, *range(self._width)]
        if name not in known:
            raise ValueError(f"channels has {shown(name)}, but the channels of X are {shown(self.names, 200)}")
        return known.index(name) % self._width

    def parts(self, channels, stretches):
        """By name, the columns, and of each sequence the rows."""
        groups = self.groups("all" if channels is None and stretches is not None else channels, stretches is None)
        if stretches is None:
            return {name: (columns, self._rows((0.0, 1.0))) for name, columns in groups.items()}
        begins = {name: f"{name}, " if channels is not None else "" for name in groups}
        return {f"{begins[name]}{_called(span)}": (columns, self._rows(span))
                for (name, columns), span in product(groups.items(), _spans(stretches))}  # fmt: skip

    def _rows(self, span):
        """Of each sequence those of a stretch, of which at least two must have some."""
        rows = [_within(span, len(x)) for x in self.arrays]
        if sum(len(own) > 0 for own in rows) < 2:
            longest = counted(max(map(len, self.arrays)))
            raise ValueError(f"fewer than two sequences have a step in {_called(span)}, the longest has {longest}")
        return rows


def replaced(x, rows, columns, source, picked):
    """A copy of x (T,) or (T, I) whose `rows` of some columns are those `picked` of a source (T', .)."""
    new = x.astype(np.result_type(x, source))
    into, whence = (rows, picked) if x.ndim == 1 else (np.ix_(rows, columns), np.ix_(picked, columns))
    new[into] = source[whence]
    return new


def baseline_of(model, baseline, shape, what):
    """A baseline of numbers in the shape of a sequence, (T,) or (T, I)."""
    if baseline is None:
        if (mean := getattr(model, "_X_mean", None)) is None:
            found = f"a {type(model).__name__} has no mean of training that baseline=None could take"
            raise ValueError(f"{found}: give a number, or one for each channel")
        baseline = mean[: prod(shape[1:])].copy()
        baseline[getattr(model, "_coded", [])] = np.nan  # no category
        return np.broadcast_to(baseline, shape)
    values = as_array(baseline, "baseline")
    if values.dtype.kind not in REAL or not np.isfinite(values).all():
        raise ValueError(f"baseline={shown(baseline)}; expected finite numbers")
    if values.size != prod(shape) and values.shape not in ((), shape[1:] or (1,)):
        expected = "a number, one for each channel, or one for each step and channel"
        raise ValueError(f"baseline has shape {values.shape}, but {what} has {tuple(map(int, shape))}: give {expected}")
    return values.reshape(shape) if values.size == prod(shape) else np.broadcast_to(values, shape)


def all_of(token, tokens):
    """As many of one token, without characters."""
    if not isinstance(token, Integral) or token < 0:
        raise ValueError(f"baseline={shown(token)}; of tokens it is a token, an integer >= 0")
    same = np.zeros_like(tokens)
    same.reshape(len(same), -1)[:, 0] = token
    return same


def _array(x, what):
    """A sequence as an array; of words that know their characters, those beside them."""
    if isinstance(x, Tokens):
        return np.asarray(x if x.spellings is None else x.with_characters())
    array = x.to_numpy() if hasattr(x, "iloc") else as_array(x, what)
    if array.ndim not in (1, 2) or not len(array):
        raise ValueError(f"{what} is an array of shape {array.shape}; expected (T,) or (T, I), with a step at least")
    return array


def _like(item, x):
    """An array in the form that a sequence has."""
    if isinstance(item, Tokens):
        return type(item).of(x) if item.spellings is None else type(item).of(x[:, 0], np.arange(len(x)), x[:, 1:])
    if not hasattr(item, "columns"):
        return x
    frame = _frame(x, columns=item.columns, index=item.index)
    return frame.astype({name: "category" for name, dtype in item.dtypes.items() if dtype == "category"})


def _frame(x, **names):
    return optional("pandas", "frames are made anew with pandas").DataFrame(x, **names).infer_objects()


def _spans(stretches):
    """Pairs of fractions or of steps."""
    if COUNT.is_satisfied_by(stretches):
        return list(pairwise((np.arange(stretches + 1) / stretches).tolist()))
    spans = stretches if isinstance(stretches, (list, tuple)) and stretches else [stretches]
    for span in spans:
        is_pair = isinstance(span, (list, tuple)) and len(span) == 2
        if not is_pair or not all(end is None or isinstance(end, Real) for end in span):
            expected = "how many there are, or a list of pairs (first, end) of steps, or of fractions as floats"
            raise ValueError(f"stretches={shown(stretches)}; expected {expected}")
        if _is_share(span) and not 0 <= (span[0] or 0) < (1 if span[1] is None else span[1]) <= 1:
            raise ValueError(f"stretches has {shown(span)}; fractions of the length rise from 0.0 to 1.0")
    return spans


def _is_share(span):
    return any(isinstance(end, Real) and not isinstance(end, Integral) for end in span)


def _called(span):
    if not _is_share(span):
        return "steps {}:{}".format(*("" if end is None else end for end in span))
    return f"{100 * (span[0] or 0):.4g}-{100 * (1 if span[1] is None else span[1]):.4g} %"


def _within(span, T):
    """The rows of a stretch of a sequence of T steps."""
    if _is_share(span):  # one such as 0.7 may be a little less than what it stands for
        span = [None if end is None else int(end * T + 1e-9) for end in span]
    return np.arange(T)[slice(*span)]
