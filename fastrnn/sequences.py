"""Ragged sequences: what a caller may pass, how it is stored, and how a batch is packed."""

from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
from numba import njit
from sklearn.utils.validation import check_array, validate_data

from fastrnn.kernels.vectors import OPTIONS, empty_aligned

N_TOKENS = 2**31
"""Tokens are below; a larger table would not fit into memory, and what is larger is no token."""
MANY_TOKENS = 20
"""Fewer kinds of integers are often what they seem, as marks, ratings or digits."""
AT_ONCE = 2**17
"""Numbers that are standardised together: they stay in the cache, and take no memory to speak of."""


class Sequences:
    """Sequences of any lengths, one after the other in one array.

    Attributes
    ----------
    values : ndarray (S, I), or (S,) of integers for tokens
        The steps of all sequences.
    offsets : ndarray (n + 1,)
        Sequence k is values[offsets[k] : offsets[k + 1]].
    """

    def __init__(self, values, offsets):
        self.values, self.offsets = values, offsets
        self.lengths = np.diff(offsets)

    def __len__(self):
        return self.lengths.size

    @cached_property
    def width(self):
        """Numbers or tokens of a step."""
        return 1 if self.values.ndim == 1 else self.values.shape[1]

    def __getitem__(self, k):
        return self.values[self.offsets[k] : self.offsets[k + 1]]

    def number_of(self, row):
        """The sequence that a row of `values` belongs to."""
        return int(np.searchsorted(self.offsets, row, side="right")) - 1

    def split(self, rows):
        """A 1-D object array of the sequences' rows of an array (S, ...) ordered as `values`."""
        return as_objects([rows[a:b] for a, b in pairwise(self.offsets)])


class Given(Sequences):
    """Sequences of numbers as they came, not yet stored: a list of arrays (T, I), whatever they hold numbers in."""

    def __init__(self, arrays, offsets):
        self._arrays, self.offsets = arrays, offsets
        self.lengths, self.width = np.diff(offsets), arrays[0].shape[1]

    def count_likely_tokens(self):
        """How many different tokens these might be, 0 if they seem to be numbers.

        Integers from 0 on, of `MANY_TOKENS` kinds or more, spread over all of them, and each as far from the one before
        as from any other: in letters and words of fifteen corpora 0.94 to 1.09 times as far, in counts, prices and
        other measurements 0.03 to 0.43 times.  Counts about a mean, without order, lie together.
        """
        if self.width != 1 or any(x.dtype.kind not in "iu" for x in self._arrays):
            return 0
        values = np.concatenate(self._arrays, dtype=np.float64, casting="unsafe")[:, 0]
        n_kinds = np.unique(values).size
        if values.min() < 0 or n_kinds < MANY_TOKENS or values.std() < values.mean() / 3:
            return 0
        from_any = np.abs(values - np.roll(values, values.size // 2)).mean()
        return n_kinds if np.abs(np.diff(values)).mean() > 0.8 * from_any else 0

    def weighted_blocks(self, weights):
        """Steps that count, some at a time, and their weights, of weights of sequences (n,) or steps (S,)."""
        of_steps = weights if len(weights) == self.offsets[-1] else np.repeat(weights, self.lengths)
        for rows, block in self.blocks():
            some = of_steps[rows]
            counts = some > 0
            if counts.any():
                yield (block, some) if counts.all() else (block[counts], some[counts])

    def blocks(self):
        """The steps in order, some at a time: which they are, a slice, and a copy of their numbers in float64."""
        offsets, n_rows, first = self.offsets, AT_ONCE // self.width, 0
        while first < len(self):
            last = len(self)
            if offsets[last] - offsets[first] > n_rows:
                last = max(first + 1, int(np.searchsorted(offsets, offsets[first] + n_rows, "right")) - 1)
            rows = np.concatenate(self._arrays[first:last], dtype=np.float64, casting="unsafe")
            yield slice(offsets[first], offsets[last]), rows
            first = last

    def stored(self, dtype, mean=0.0, scale=1.0, name="X"):
        """`Sequences` of the numbers less `mean`, over `scale`: in float64, before anything is rounded to `dtype`."""
        values = empty_aligned((self.offsets[-1], self.width), dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is reported below
            for rows, block in self.blocks():
                block -= mean
                block /= scale
                values[rows] = block
        if not np.isfinite(values).all():
            row = int(np.argmin(np.isfinite(values).all(axis=1)))
            k, column = self.number_of(row), int(np.argmin(np.isfinite(values[row])))
            raise ValueError(
                f"{name}[{k}] contains NaN or infinity (at step {row - self.offsets[k]}, feature {column}, as "
                f"{values.dtype}); remove or impute it"
            )
        return Sequences(values, self.offsets)


def next_tokens(sequences, boundary):
    """Token sequences that begin with the boundary, and what comes after each of their tokens: at last the boundary."""
    values, offsets = sequences.values, sequences.offsets
    inputs = np.insert(values, offsets[:-1], boundary)
    targets = np.insert(values, offsets[1:], boundary)
    return Sequences(inputs, offsets + np.arange(offsets.size)), targets


def as_objects(arrays):
    """A 1-D object array of arrays; NumPy by itself makes a 2-D one where they are equally long."""
    out = np.empty(len(arrays), object)
    for k, array in enumerate(arrays):
        out[k] = array
    return out


def is_panel(X):
    """Whether X is a table (n, T): a 2-D array or frame, or a list of lists of numbers."""
    if hasattr(X, "shape"):
        return len(X.shape) == 2
    if hasattr(X, "__array__"):
        return np.asarray(X).ndim == 2
    if not isinstance(X, (list, tuple)) or not all(isinstance(x, (list, tuple)) for x in X):
        return False
    same_length = len({len(x) for x in X}) == 1
    return same_length and all(np.isscalar(v) or v is None for x in X for v in x)


def as_table(estimator, X, *, reset):
    """A panel as an array; one for an estimator that was fitted on a panel must have the columns of that."""
    # What is no finite number is left to as_sequences, which names its place.
    options = {"dtype": None, "ensure_all_finite": False}
    return validate_data(estimator, X, reset=reset, **options) if estimator._is_panel else check_array(X, **options)


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
        The number of features that X must have.
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
    arrays = [as_steps(x, f"{name}[{k}]", tokens) for k, x in enumerate(_items(X, name))]
    for k, x in enumerate(arrays):
        if len(x) == 0 and not may_be_empty:
            raise ValueError(f"{name}[{k}] has no steps (shape {x.shape}); every sequence needs at least one")
    if not arrays:
        raise ValueError(f"{name} is empty: it needs at least one sequence (n_samples=0)")
    width = arrays[0].shape[1] if n_features is None else n_features
    whose = f"{name}[0] has" if n_features is None else "the fit was on"
    for k, x in enumerate(arrays):
        if x.shape[1] != width:
            raise ValueError(f"{name}[{k}] has {x.shape[1]} features, but {whose} {width}")
    if width == 0:
        raise ValueError(f"{name}[0] has 0 features (0 feature(s)), but at least 1 is required")
    offsets = np.concatenate([[0], np.cumsum([len(x) for x in arrays])])
    if not tokens:
        return Given(arrays, offsets)
    _check_tokens(arrays, name)
    values = empty_aligned((offsets[-1], width), np.int64)
    np.concatenate(arrays, out=values, casting="unsafe")
    return Sequences(values if tokens == "characters" else values.ravel(), offsets)


def _items(X, name):
    """The sequences in X, one by one."""
    is_listed = hasattr(X, "__len__") and hasattr(X, "__getitem__")
    is_number = isinstance(X, np.ndarray) and X.ndim == 0
    if not is_listed or is_number or isinstance(X, (str, bytes, dict, set)):
        raise ValueError(f"{name} must be a list of sequences, or a 2-D or 3-D array; got {type(X).__name__}")
    if isinstance(X, np.ndarray) and X.dtype != object and X.ndim not in (2, 3):
        raise ValueError(
            f"{name} is an array of shape {X.shape}: expected (n, T) or (n, T, I). "
            f"Reshape your data: [{name}] if it is one sequence"
        )
    return X


def as_steps(x, what, tokens):
    """One sequence as an array (T, I) of real numbers."""
    if hasattr(x, "todense"):
        raise ValueError(f"{what} is a sparse matrix; sequences must be dense arrays")
    if np.ma.is_masked(x):
        raise ValueError(f"{what} has masked values; fill them in, or leave the steps out")
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ValueError(f"{what} has steps of unequal lengths: {error}") from None
    if array.dtype == object:
        array = as_numbers(array, what)
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {what} has dtype {array.dtype}")
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"{what} holds {array.dtype} values; sequences must be numbers (a fastrnn.preprocessing.Tokenizer makes "
            "tokens of texts)"
        )
    if array.ndim == 1:
        array = array[:, np.newaxis]
    n_columns = array.shape[1] if array.ndim == 2 else 0
    is_wrong = {True: n_columns != 1, "characters": n_columns < 2, False: array.ndim != 2}[tokens]
    if is_wrong:
        expected = {
            True: "(T,), a token a step (for words with characters set character_embedding_dim, for numbers "
            "embedding_dim=None)",
            "characters": "(T, 1 + L), as a Tokenizer with max_characters gives",
            False: "(T, I) or (T,)",
        }[tokens]
        raise ValueError(f"{what} has shape {np.shape(x)}; expected {expected}")
    return array


def as_numbers(array, what):
    """An array of objects as float64; NumPy would read strings as numbers."""
    for value in array.flat:
        if isinstance(value, (str, bytes, complex)):
            raise ValueError(f"{what} holds values that are no numbers: {value!r}")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{what} holds values that are no numbers: {error}") from None


def _check_tokens(arrays, name):
    for k, x in enumerate(arrays):
        if x.size == 0:
            continue
        if x.dtype.kind == "f" and not (np.isfinite(x).all() and (x == np.floor(x)).all()):
            raise ValueError(
                f"{name}[{k}] holds values that are no integers; tokens must be. For numbers set the embedding's "
                "dimension to None"
            )
        if x.min() < 0 or x.max() >= N_TOKENS:
            wrong = x.min() if x.min() < 0 else x.max()
            raise ValueError(f"{name}[{k}] holds the token {wrong}; tokens count from 0 and are below {N_TOKENS}")


# ------------------------------------------------------------------------------------------ packing


class Packing:
    """Where the steps of a batch lie, packed by time without padding.

    A batch of B sequences is dealt into shards.  A shard's sequences lie side by side, longest
    first; its rows are packed step by step, each step holding only the sequences still alive.  The
    batch's rows are those of all shards, S = sum of lengths.

    Attributes
    ----------
    order : (B,)
        Which of the batch's sequences lies in each place; shard s has the places from firsts[s].
    starts, counts : (shards, T)
        The packed row of the first sequence at each step, and how many are alive (0 past the end).
    places, steps : (S,)
        The place and the step of each packed row.
    previous : (S,)
        For states stored as B initial ones followed by one a row: which is before each row.
    mirror : (S,)
        The packed row of the same sequence as far from its end as this row is from its start.
    first_rows, last_rows : (B,)
        The packed rows of each place's first and last step.
    last_states : (B,)
        For states stored as under `previous`, each place's last.
    """

    def __init__(self, lengths, n_shards):
        lengths = np.asarray(lengths, np.int64)
        B, S = lengths.size, int(lengths.sum())
        self.n_sequences, self.n_rows, self.lengths = B, S, lengths
        longest_first = np.argsort(-lengths, kind="stable")
        self.order, self.firsts = _deal(longest_first, n_shards)
        shape = (n_shards, int(lengths.max()))
        self.starts, self.counts = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.places, self.steps, self.previous, self.mirror = np.empty((4, S), np.int64)
        self.first_rows, self.last_rows = np.empty((2, B), np.int64)
        ends = np.append(self.firsts[1:], B)
        _lay_out(
            self.starts, self.counts, self.places, self.steps, self.previous, self.mirror,
            self.first_rows, self.last_rows, lengths[self.order], self.firsts, ends,
        )  # fmt: skip
        self.all_rows = np.arange(S)
        self.last_states = B + self.last_rows

    def rows_of(self, offsets):
        """Which stored row each packed row is, if the sequences are stored from `offsets` (B,)."""
        return offsets[self.order][self.places] + self.steps

    @cached_property
    def padded_rows(self):
        """For each packed row its row in an array (T * B, ...), where sequences lie padded, time first."""
        return self.steps * self.n_sequences + self.numbers

    @cached_property
    def numbers(self):
        """The batch's sequence of each packed row, (S,)."""
        return self.order[self.places]

    @cached_property
    def by_sequence(self):
        """The packed rows of the first sequence in time order, of the second ..., (S,); where each begins, (B + 1,)."""
        offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        rows = np.empty(self.n_rows, np.int64)
        rows[self.rows_of(offsets[:-1])] = self.all_rows
        return rows, offsets

    is_regular = False
    """Whether packed row t * B + b is step t of sequence b."""


class RegularPacking(Packing):
    """The packing of an array (T, B, ...) as it lies in memory; places are the batch's sequences.

    `order` and `last_states` are slices, which index without copying.
    """

    def __init__(self, n_steps, n_sequences, n_shards):
        T, B = n_steps, n_sequences
        self.n_sequences, self.n_rows, self.lengths = B, T * B, np.full(B, T)
        self.order = slice(None)
        self.last_states = slice(T * B, T * B + B)
        self.firsts = np.arange(n_shards) * B // n_shards
        self.starts = self.firsts[:, np.newaxis] + B * np.arange(T)
        self.counts = np.repeat(np.diff(self.firsts, append=B)[:, np.newaxis], T, axis=1)
        self.all_rows = np.arange(T * B)
        self.steps, self.places = np.divmod(self.all_rows, B)
        self.numbers = self.places
        self.previous = self.all_rows
        self.mirror = (T - 1 - self.steps) * B + self.places
        self.first_rows = np.arange(B)
        self.last_rows = (T - 1) * B + np.arange(B)

    is_regular = True


@lru_cache(maxsize=16)
def regular_packing(n_steps, n_sequences, n_shards):
    """A `RegularPacking`; loops over batches of one shape get the same one."""
    return RegularPacking(n_steps, n_sequences, n_shards)


def count_shards(n_sequences, hidden_size):
    """Shards of a batch; as they depend on nothing else, results do not on the number of threads.

    Weights are read once a step and shard, which for many hidden units is what costs: shards of up
    to 32 sequences then, else 16.  Two shards at least, and an even number of them.
    """
    if n_sequences < 8:
        return 1
    rows = 32 if hidden_size >= 128 else 16
    return 2 * -(-n_sequences // (2 * rows))


def _deal(longest_first, n_shards):
    """Deal sequences to shards like cards, to and fro, so that shards are equally long.

    Returns the sequence in each place, and the first place of each shard.
    """
    B = longest_first.size
    rounds, turn = np.divmod(np.arange(B), n_shards)
    shard = np.where(rounds % 2 == 0, turn, n_shards - 1 - turn)
    by_shard = np.argsort(shard, kind="stable")
    firsts = np.searchsorted(shard[by_shard], np.arange(n_shards))
    return longest_first[by_shard], firsts


@njit(**OPTIONS)
def _lay_out(starts, counts, places, steps, previous, mirror, first_rows, last_rows, lengths, firsts, ends):
    B = lengths.size
    row = 0
    for s in range(firsts.size):
        alive = ends[s] - firsts[s]
        before = 0
        for t in range(lengths[firsts[s]] if alive > 0 else 0):
            while lengths[firsts[s] + alive - 1] <= t:
                alive -= 1
            starts[s, t], counts[s, t] = row, alive
            for q in range(alive):
                place = firsts[s] + q
                places[row + q], steps[row + q] = place, t
                previous[row + q] = B + before + q if t > 0 else place
                if t == 0:
                    first_rows[place] = row + q
                if t == lengths[place] - 1:
                    last_rows[place] = row + q
            before = row
            row += alive
        for t in range(starts.shape[1]):
            for q in range(counts[s, t]):
                opposite = lengths[firsts[s] + q] - 1 - t
                mirror[starts[s, t] + q] = starts[s, opposite] + q
