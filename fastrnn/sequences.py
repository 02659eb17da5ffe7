"""Ragged sequences: what a caller may pass, and how it is stored."""

from functools import cached_property
from itertools import chain, pairwise
from numbers import Number
from operator import attrgetter

import numpy as np
from sklearn.utils.validation import check_array, validate_data

from fastrnn import tables
from fastrnn.columns import check_names, common
from fastrnn.kernels.holes import fill_rows
from fastrnn.kernels.rows import standardise
from fastrnn.kernels.vectors import empty_aligned
from fastrnn.lists import as_array, check_listed, refuse_pair
from fastrnn.tokens import NUMBER_THEM, text_of

N_TOKENS = 2**31
"""Tokens are below; a larger table would not fit into memory, and what is larger is no token."""
MANY_TOKENS = 20
"""Fewer kinds of integers are often what they seem, as marks, ratings or digits."""
AT_ONCE = 2**16
"""Numbers that are standardised together: they stay in the cache, and take no memory to speak of."""
IN_A_LOOP = 256
"""Of which so many at least are a row to the kernel: it takes whole vectors of them, however few the columns."""
HIDDEN = 0.25
"""Of n occurrences of a token a share of HIDDEN / (HIDDEN + n) is read as unknown."""
VIEWS = 10
"""Of patches, at most, whose answers are averaged."""
IN_CACHE = 1024
"""Arrays that are looked at together, as what is looked at stays in the cache."""
PLAIN = {np.ndarray, np.memmap}
"""The types of arrays that hide nothing, as masked ones do."""
REAL = "fiub"
"""The kinds of dtypes that hold real numbers."""
DTYPE, NDIM, SIZE = map(attrgetter, ("dtype", "ndim", "size"))
SCALARS = (Number, np.generic, str, bytes, memoryview, type(None))
"""What stands in a cell of a table."""


class Sequences:
    """Sequences of any lengths, one after the other in one array.

    Attributes
    ----------
    values : ndarray (S, I), or (S,) of integers for tokens
        The steps of all sequences.
    offsets : ndarray (n + 1,)
        Sequence k is values[offsets[k] : offsets[k + 1]].
    """

    stride, are_text, static, gaps = 1, False, None, None
    """Steps that are read as one; whether a `Tokenizer` made them; facts of each (n, F), if any are known; and what
    makes holes in them in an epoch, a `fastrnn.holes.Gaps`."""

    def __init__(self, values, offsets):
        self.values, self.offsets = values, offsets
        self.lengths, self.begins = np.diff(offsets), offsets

    def __len__(self):
        return self.lengths.size

    def beside(self, static):
        """These sequences, of which such facts are known."""
        self.static = static
        return self

    def views(self):
        """The sequences in all ways that they are to be read in, of which answers are the mean."""
        return [self]

    def of_epoch(self, epoch):
        """The way that they are read in during an epoch of training."""
        return self if self.gaps is None else Sequences(self.gaps(self, epoch), self.offsets).beside(self.static)

    @cached_property
    def width(self):
        """Numbers or tokens of a step."""
        return 1 if self.values.ndim == 1 else self.values.shape[1]

    @property
    def are_words(self):
        """Whether each step is a word's token followed by its characters', 0 past its end."""
        return self.values.ndim == 2 and self.values.dtype.kind == "i"

    @cached_property
    def spellings(self):
        """Of words: each one's spelling (S,), a number; and of each spelling the length, and where it begins.

        The latter among all numbers of `values`.
        """
        characters, numbers = self.values[:, 1:], {}
        which = np.array([numbers.setdefault(word.tobytes(), len(numbers)) for word in characters])
        _, firsts = np.unique(which, return_index=True)
        lengths = np.maximum(np.count_nonzero(characters[firsts], axis=1), 1)
        return which, lengths, firsts * self.values.shape[1] + 1

    def __getitem__(self, k):
        return self.values[self.offsets[k] : self.offsets[k + 1]]

    def number_of(self, row):
        """The sequence that a row of `values` belongs to."""
        return int(np.searchsorted(self.offsets, row, side="right")) - 1

    def rows_of(self, numbers):
        """The rows of `values` of the sequences of these numbers, one sequence after the other."""
        return ranges(self.offsets[numbers], self.lengths[numbers])

    def some(self, numbers, lengths=None):
        """The sequences of these numbers, or so many steps of each."""
        lengths = self.lengths[numbers] if lengths is None else lengths
        some = Sequences(self.values[ranges(self.offsets[numbers], lengths)], np.append(0, np.cumsum(lengths)))
        return some.beside(None if self.static is None else self.static[numbers])

    def split(self, rows):
        """A 1-D object array of the sequences' rows of an array (S, ...) ordered as `values`."""
        return as_objects([rows[a:b] for a, b in pairwise(self.offsets)])


class Patches(Sequences):
    """Sequences of which `stride` steps side by side are read as one.

    Where the first patch begins, at one of the first steps (n,), differs from epoch to epoch, and answers are the mean
    over up to `VIEWS` of them: no place of a pattern in its patch is special.
    """

    def __init__(self, values, offsets, stride, first=0):
        super().__init__(values, offsets)
        self.stride, self.begins, self.lengths = stride, offsets[:-1] + first, (self.lengths - first) // stride

    def views(self):
        firsts = np.unique(np.linspace(0, self.stride - 1, VIEWS).astype(int))
        return [self._from(first) for first in firsts]

    def of_epoch(self, epoch):
        values = self.values if self.gaps is None else self.gaps(self, epoch)
        return self._from((np.arange(len(self)) + epoch) % self.stride, values)

    def _from(self, first, values=None):
        values = self.values if values is None else values
        return Patches(values, self.offsets, self.stride, first).beside(self.static)

    def some(self, numbers):
        some = Sequences(self.values, self.offsets).beside(self.static).some(numbers)
        return Patches(some.values, some.offsets, self.stride).beside(some.static)


class Text(Sequences):
    """Tokens of a `Tokenizer`, of which rare ones are read as the unknown one now and then, so that it is trained.

    Others in each epoch (Kiperwasser and Goldberg 2016); a word's characters stay.

    Parameters
    ----------
    counts : ndarray (V,)
        How often each token is in all of the data.
    place : int
        Of these sequences among the parts of the data: each draws its own.
    """

    def __init__(self, values, offsets, counts, place=0):
        super().__init__(values, offsets)
        self._counts, self._place = counts, place

    def of_epoch(self, epoch):
        values = self.values.copy()
        tokens = values.reshape(len(values), -1)[:, 0]
        rates = HIDDEN / (HIDDEN + self._counts[tokens])
        rng = np.random.default_rng([epoch, self._place] if self._place else epoch)
        tokens[rng.random(tokens.size) < rates] = 0
        some = Sequences(values, self.offsets).beside(self.static)
        if self.are_words:
            some.spellings = self.spellings
        return some


class Given(Sequences):
    """Sequences of numbers as they came, not yet stored.

    Parameters
    ----------
    items : list of ndarray (T, I), or of (T,); or ndarray (n, T, I) or (n, T)
        All of one width, whatever they hold real numbers in.
    lengths : ndarray (n,)
    """

    def __init__(self, items, lengths):
        self._items, self.offsets = items, np.concatenate([[0], np.cumsum(lengths)])
        self.lengths, self.width = np.diff(self.offsets), items[0].shape[1] if items[0].ndim == 2 else 1

    def rows(self, first, last):
        """The steps of sequences `first` to before `last`, in order, (R, I): to be read, as they may be those of X."""
        some = self._items[first:last]
        return (some if isinstance(some, np.ndarray) else np.concatenate(some)).reshape(-1, self.width)

    @np.errstate(over="ignore", invalid="ignore")  # what overflows, or is infinite, is reported where it is stored
    def with_changes(self, n_steps):
        """Beside each step what it has changed by; of less than `n_steps` steps the last one comes again."""
        after = [((0, max(0, n_steps - length)), (0, 0)) for length in self.lengths]
        padded = (np.pad(self.rows(k, k + 1).astype(np.float64), width, "edge") for k, width in enumerate(after))
        items = [np.hstack([x, np.diff(x, axis=0, prepend=x[:1])]) for x in padded]
        return Given(items, [*map(len, items)])

    def count_likely_tokens(self):
        """How many different tokens these might be, 0 if they seem to be numbers.

        Integers from 0 on, of `MANY_TOKENS` kinds or more, spread over all of them, and each as far from the one before
        as from any other: in letters and words of fifteen corpora 0.94 to 1.09 times as far, in counts, prices and
        other measurements 0.03 to 0.43 times.  Counts about a mean, without order, lie together.
        """
        if self.width != 1 or any(dtype.kind not in "iu" for dtype in set(map(DTYPE, self._items))):
            return 0
        values = self.rows(0, len(self))[:, 0].astype(np.float64)
        n_kinds = np.unique(values).size
        if values.min() < 0 or n_kinds < MANY_TOKENS or values.std() < values.mean() / 3:
            return 0
        from_any = np.abs(values - np.roll(values, values.size // 2)).mean()
        return n_kinds if np.abs(np.diff(values)).mean() > 0.8 * from_any else 0

    def as_tokens(self, name):
        """`Sequences` of integers, (S,) or (S, I)."""
        values = self.rows(0, len(self))
        is_token = (values >= 0) & (values < np.float64(N_TOKENS))  # of which float16 would make infinity
        if values.dtype.kind == "f":
            is_token &= values == np.floor(values)
        if not is_token.all():
            self._refuse(self.number_of(int(np.argmin(is_token.all(axis=1)))), name)
        values = values.astype(np.int64, order="C", copy=isinstance(self._items, np.ndarray))
        return Sequences(values[:, 0] if self.width == 1 else values, self.offsets)

    def _refuse(self, k, name):
        """Sequence k, which holds what is no token."""
        x = self._items[k]
        if not (np.isfinite(x) & (x == np.floor(x))).all():
            advice = "For numbers set the embedding's dimension to None"
            raise ValueError(f"{name}[{k}] holds values that are no integers; tokens must be. {advice}")
        found = f"{name}[{k}] holds the token {x.min() if x.min() < 0 else x.max()}"
        raise ValueError(f"{found}; tokens count from 0 and are below {N_TOKENS}: {NUMBER_THEM}")

    def weighted_blocks(self, weights):
        """Steps that count, some at a time, and their weights, of weights of sequences (n,) or steps (S,)."""
        of_steps = weights if len(weights) == self.offsets[-1] else np.repeat(weights, self.lengths)
        for rows, block in self.blocks():
            some = of_steps[rows]
            counts = some > 0
            if counts.any():
                yield (block, some) if counts.all() else (block[counts], some[counts])

    def blocks(self):
        """The steps in order, some at a time: which they are, a slice, and their numbers in float64, to be read."""
        offsets, n_rows, first = self.offsets, AT_ONCE // self.width, 0
        while first < len(self):
            last = max(first + 1, int(offsets.searchsorted(offsets[first] + n_rows, "right")) - 1)
            with np.errstate(over="ignore"):  # what overflows is no finite number, and reported as such
                # Kernels are compiled for arrays that can be written to.
                rows = np.require(self.rows(first, last), np.float64, "CAWE")
            yield slice(offsets[first], offsets[last]), rows
            first = last

    def blank(self, dtype, width):
        """`Sequences` of zeros, in no memory to speak of."""
        return Sequences(np.broadcast_to(np.zeros(1, dtype), (self.offsets[-1], width)), self.offsets)

    def stored(self, dtype, mean=0.0, scale=1.0, name="X", holes=None, advice="remove or impute it"):
        """`Sequences` of the numbers less `mean`, over `scale`: in float64, before anything is rounded to `dtype`.

        Those with `Holes` are filled; the message of others has the advice.
        """
        width = self.width + (0 if holes is None else holes.n_beside)
        values, is_finite = empty_aligned((self.offsets[-1], width), dtype), True
        unit = [np.resize(np.float64(v), -(-IN_A_LOOP // width) * width) for v in (mean, scale)]
        for rows, block in self.blocks():
            if holes is None:
                standardise(values[rows].reshape(-1), block.reshape(-1), *unit)
            else:
                first, last = np.searchsorted(self.offsets, [rows.start, rows.stop])
                begins = self.offsets[first : last + 1] - rows.start
                how = holes.n_carried, holes.flagged, holes.has_ages
                fill_rows(values[rows], block, begins, holes.clock, *unit, *how)
            is_finite = is_finite and np.isfinite(values[rows]).all()
        if not is_finite:
            row = int(np.argmin(np.isfinite(values).all(axis=1)))
            k, column = self.number_of(row), int(np.argmin(np.isfinite(values[row])))
            may_be_hole = (holes is None or holes.n_carried < 0) and np.isnan(values[row, column])
            what = "NaN or infinity" if may_be_hole else "infinity"
            place = f"at step {row - self.offsets[k]}, feature {column}, as {values.dtype}"
            raise ValueError(f"{name}[{k}] contains {what} ({place}); {advice}")
        return Sequences(values, self.offsets)


def ranges(starts, counts):
    """starts[0], starts[0] + 1, ... of each range, one range after the other."""
    return np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())


def next_tokens(sequences, boundary):
    """Sequences that begin with the boundary, and what comes after each of their tokens: at last the boundary."""
    values, offsets = sequences.values, sequences.offsets
    inputs = np.insert(values, offsets[:-1], boundary, axis=0)
    return Sequences(inputs, offsets + np.arange(offsets.size)), np.insert(values, offsets[1:], boundary, axis=0)


def one_later(sequences):
    """Sequences of numbers that begin with zeros, and have at each step what was at the one before."""
    values = np.roll(sequences.values, 1, axis=0)
    values[sequences.offsets[:-1]] = 0
    return Sequences(values, sequences.offsets)


def as_objects(arrays):
    """A 1-D object array of arrays; NumPy by itself makes a 2-D one where they are equally long."""
    return np.fromiter(arrays, object, len(arrays))


def is_panel(X):
    """Whether X is a table (n, T): a 2-D array or frame, or a list of lists of numbers."""
    if hasattr(X, "shape"):
        return len(X.shape) == 2
    if hasattr(X, "__array__") and not tables.advice(X, "X"):
        return np.asarray(X).ndim == 2
    if not isinstance(X, (list, tuple)) or not all(isinstance(x, (list, tuple)) for x in X):
        return False
    is_even = len(set(map(len, X))) == 1
    return is_even and all(issubclass(kind, SCALARS) for kind in set(map(type, chain.from_iterable(X))))


def as_table(estimator, X, *, reset):
    """A panel as an array; one for an estimator that was fitted on a panel must have the columns of that."""
    # What is no finite number is left to as_sequences, which names its place.
    options = {"dtype": None, "ensure_all_finite": False}
    if tables.library(X) is None:
        return validate_data(estimator, X, reset=reset, **options) if estimator._is_panel else check_array(X, **options)
    tables.refuse_long(X, "X")
    array = tables.numbers(X, "X")
    if estimator._is_panel:
        validate_data(estimator, X, reset=reset, skip_check_array=True)  # the columns' names
    return check_array(array, **options)


def with_names(estimator, X, is_table, *, reset):
    """X, of a panel as an array; what names of columns it has are kept at the fit, and compared with those later."""
    if reset:
        estimator._is_panel = is_table
        vars(estimator).pop("feature_names_in_", None)  # of an earlier fit
    if is_table:
        return as_table(estimator, X, reset=reset)
    check_names(estimator, X, reset=reset)
    return X


def as_sequences(X, dtype, *, name="X", tokens=False, n_features=None, may_be_empty=False):
    """Check whatever a caller passed as sequences, and store it contiguously.

    Parameters
    ----------
    X : list, tuple or 1-D object array of (T_i, I) or (T_i,); or array (n, T, I) or (n, T)
    dtype : {"float32", "float64"}
        Of the stored values; tokens are int64.
    name : str
        What the caller calls X, for messages.
    tokens : bool or "characters"
        If X holds sequences of integers from 0 on; "characters" for rows of a word's and its characters'.
    n_features : int, optional
        The number of features that X must have; not of words with their characters, which may be longer or shorter.
    may_be_empty : bool
        Whether a sequence may have no steps.

    Returns
    -------
    Sequences

    Raises
    ------
    ValueError
        If X is empty, a sequence has no steps, another number of features than the first, or values
        that are no finite real numbers; the message names the sequence.
    TypeError
        If a sequence holds objects that no number can be made of.
    """
    given = as_given(X, name, tokens, n_features, may_be_empty)
    return given if tokens else given.stored(dtype, name=name)


def as_given(X, name="X", tokens=False, n_features=None, may_be_empty=False):
    """As `as_sequences`, but numbers stay as they came: `Given`, of which kinds and shapes alone are checked."""
    items = _items(X, name, tokens)
    n_features = None if tokens == "characters" else n_features
    lengths = plain_lengths(items, tokens, n_features)
    if lengths is None:
        items = _one_by_one(items, name, tokens, n_features, may_be_empty)
        lengths = [len(x) for x in items]
    return Given(items, lengths).as_tokens(name) if tokens else Given(items, lengths)


def _items(X, name, tokens):
    """The sequences in X: an array of numbers, or a list or tuple."""
    check_listed(X, name, "a list of sequences, or a 2-D or 3-D array")
    refuse_pair(X, name)
    tables.refuse_long(X, name)
    if tables.labels(X, name) is not None:
        X = tables.numbers(X, name)
    if isinstance(X, np.ndarray) and X.dtype.kind not in "OSU" and X.ndim not in (2, 3):
        advice = f"Reshape your data: [{name}] if it is one sequence"
        raise ValueError(f"{name} is an array of shape {X.shape}: expected (n, T) or (n, T, I). {advice}")
    if type(X) in PLAIN and X.dtype.kind in REAL:
        return X
    X = X if type(X) in (list, tuple) else list(X)
    if text_of(X) is None:
        return X
    is_spelled = tokens == "characters"
    return [x.with_characters() if is_spelled and getattr(x, "spellings", None) is not None else as_array(x, name)
            for x in X]  # fmt: skip


def plain_lengths(items, tokens=False, n_features=None):
    """The lengths of sequences that are plain arrays as they should be; None if each must be looked at."""
    one_of_each = items[:1] if isinstance(items, np.ndarray) else items
    found = [_alike(one_of_each[k : k + IN_CACHE]) for k in range(0, len(one_of_each) or 1, IN_CACHE)]
    lengths, forms = zip(*found, strict=True)
    _, width = forms[0]
    is_right = {True: width == 1, "characters": width > 1, False: width > 0}[tokens] and n_features in (None, width)
    return np.broadcast_to(np.concatenate(lengths), len(items)) if is_right and len(set(forms)) == 1 else None


def _alike(some):
    """The lengths of plain arrays that all have steps, and their axes and width; width 0 if these are not the same.

    All of it runs in C: 100,000 short sequences are looked at in the time that it takes to copy them.
    """
    is_plain = set(map(type, some)) <= PLAIN and all(dtype.kind in REAL for dtype in set(map(DTYPE, some)))
    if is_plain and set(map(NDIM, some)) in ({1}, {2}):
        lengths, sizes = (np.fromiter(map(what, some), np.int64, len(some)) for what in (len, SIZE))
        width = sizes[0] // max(lengths[0], 1)
        if lengths.all() and (sizes == lengths * width).all():
            return lengths, (some[0].ndim, width)
    return (), (0, 0)


def _one_by_one(items, name, tokens, n_features, may_be_empty):
    """Sequences in whatever form as arrays (T, I) of one width; the errors say which is none."""
    common(items, name)
    arrays = [as_steps(x, f"{name}[{k}]", tokens) for k, x in enumerate(items)]
    if tokens == "characters":  # rows of words (T, 1 + L), all with the L of the longest: 0 is past a word's end
        width = max((x.shape[1] for x in arrays), default=0)
        arrays = [np.pad(x, ((0, 0), (0, width - x.shape[1]))) for x in arrays]
    if not arrays:
        raise ValueError(f"{name} is empty: it needs at least one sequence (n_samples=0)")
    width = arrays[0].shape[1] if n_features is None else n_features
    whose = f"{name}[0] has" if n_features is None else "the fit was on"
    for k, x in enumerate(arrays):
        if len(x) == 0 and not may_be_empty:
            raise ValueError(f"{name}[{k}] has no steps (shape {x.shape}); every sequence needs at least one")
        if x.shape[1] != width:
            n_steps = len(x) if n_features is None else n_features
            is_last = all(len(y) == n_steps != 1 for y in arrays)
            advice = ": if steps are the last axis, use fastrnn.preprocessing.from_channels_first" * is_last
            raise ValueError(f"{name}[{k}] has {x.shape[1]} features, but {whose} {width}{advice}")
    if width == 0:
        raise ValueError(f"{name}[0] has 0 features (0 feature(s)), but at least 1 is required")
    return arrays


def as_steps(x, what, tokens):
    """One sequence as an array (T, I) of real numbers."""
    if isinstance(x, dict):
        raise ValueError(f"{what} is a dict; expected an array: pass its values, or a pandas.DataFrame of all")
    if hasattr(x, "todense"):
        raise ValueError(f"{what} is a sparse matrix; sequences must be dense arrays")
    if tables.library(x) is not None:
        tables.refuse_long(x, what)
        x = tables.numbers(x, what)
    array = as_array(x, what)
    if array.dtype == object:
        tables.refuse_nested(array.ravel(), what)
        array = tables.as_numbers(array, what)
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {what} has dtype {array.dtype}")
    if array.dtype.kind not in REAL:
        advice = "a fastrnn.preprocessing.Tokenizer makes tokens of texts"
        kind = "texts" if array.dtype.kind in "US" else f"{array.dtype} values"
        raise ValueError(f"{what} holds {kind}; sequences must be numbers ({advice})")
    if array.ndim == 1:
        array = array[:, np.newaxis]
    n_columns = array.shape[1] if array.ndim == 2 else 0
    is_right, expected = array.ndim == 2, "(T, I) or (T,)"
    if tokens == "characters":
        is_right, expected = n_columns > 1, "(T, 1 + L), as a Tokenizer with max_characters gives"
    elif tokens:
        advice = " (words with characters need character_embedding_dim, where there is one, numbers embedding_dim=None)"
        is_right, expected = n_columns == 1, "(T,), a token a step" + advice * what.startswith("X")
    if not is_right:
        raise ValueError(f"{what} has shape {np.shape(x)}; expected {expected}")
    return array
