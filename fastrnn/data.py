"""Sequences in files: data larger than memory, of which some files are read at a time."""

from collections import namedtuple
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from zipfile import ZIP_STORED, is_zipfile

import numpy as np
from safetensors.numpy import load_file

from fastrnn import tables
from fastrnn.lists import check_listed, exact, is_sequence
from fastrnn.sequences import as_given
from fastrnn.storage import replacing
from fastrnn.tokens import Characters, Tokens, beside_ids
from fastrnn.wording import check_count, optional, shown

__all__ = ["SequenceFiles"]

Long = namedtuple("Long", "id_col, time_col, target_col, by_step")
"""The columns of a long frame, and whether each row has a target of its own."""


class SequenceFiles:
    """A folder of files with sequences and their targets, to be given to an estimator in place of X.

    Training reads the files of a window, while a thread reads those of the next one. So data may be larger than memory.

    Parameters
    ----------
    folder : str or path-like
        The folder. Its files that end in ".npz", ".safetensors" or ".parquet" are read, in the order of their names.
    window : int, default=4
        Number of files that are in memory together, while one more window is being read. A batch has sequences of one
        window. With more files a batch is better mixed, and needs more memory.
    id_col, time_col, target_col : str, default="unique_id", "ds" and "y"
        The names of these columns of ".parquet" files. All other columns are features.
    return_sequences : bool, default=False
        Whether the `target_col` of ".parquet" files has a target for each step. If not, all steps of a sequence have
        the same, which is that of the sequence.

    Attributes
    ----------
    paths : list of pathlib.Path
        The files, in order.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no file in it that can be read.

    See Also
    --------
    fastrnn.preprocessing.from_long : A long table that fits into memory.

    Notes
    -----
    A ".npz" or ".safetensors" file has the arrays ``values`` of shape (S, I) or (S,), all steps one sequence after the
    other, and ``offsets`` of shape (n + 1,): sequence k is ``values[offsets[k]:offsets[k + 1]]``. It may have ``y`` and
    ``sample_weight``, with a row for each sequence. If these are arrays of several lengths, one for each sequence, they
    lie one after the other as well, and ``y_offsets`` says where. Only a ".npz" file can hold labels that are text. The
    ``values`` of a ".npz" file that is not compressed are mapped into memory, which is fastest.

    What a `Tokenizer` made stays text: the array ``is_read_by_character``, of one truth value, says so, and the
    characters of word k are ``spellings[words[k]]``. Transform all texts at once, before you divide them.

    A ".parquet" file is a long table, with a row for each step. A sequence lies in one file. An estimator with
    ``time_column="index"`` reads its times.

    Examples
    --------
    >>> import tempfile
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.data import SequenceFiles
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(split="train")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = SequenceFiles.write(folder, ((X[k::3], y[k::3]) for k in range(3)))
    ...     clf = SequenceClassifier(max_iter=20, learning_rate_init=0.01, random_state=0).fit(files)
    ...     print(len(files.paths), clf.predict(files).shape, clf.score(files) > 0.9)
    3 (270,) True
    """

    def __init__(self, folder, *, window=4, id_col="unique_id", time_col="ds", target_col="y", return_sequences=False):
        check_count("window", window)
        self.window, self._long = window, Long(id_col, time_col, target_col, return_sequences)
        self.paths = sorted(path for path in Path(folder).iterdir() if path.suffix in READERS)
        if not self.paths:
            raise FileNotFoundError(f"{folder} has no file that ends in {', '.join(READERS)}: see SequenceFiles.write")
        self._stamps = [*map(_stamp, self.paths)]

    def __repr__(self):
        return f"SequenceFiles({str(self.paths[0].parent)!r}) of {len(self.paths)} files"

    @classmethod
    def write(cls, folder, parts, **options):
        """Write sequences to a new folder, a file for each part.

        Parameters
        ----------
        folder : str or path-like
            The folder, which is made if it is not there. It must be empty.
        parts : iterable of tuples
            Of each part ``(X,)``, ``(X, y)`` or ``(X, y, sample_weight)``, as for the `fit` of an estimator. A
            generator may make one after the other, so that only one is in memory. Shuffle the data, if you can, before
            you divide them into parts.
        **options
            Parameters of `SequenceFiles`.

        Returns
        -------
        SequenceFiles
            The files.

        Raises
        ------
        ValueError
            If the folder is not empty, or a part is wrong. The message names the part, and no file stays.
        """
        (folder := Path(folder)).mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ValueError(f"{folder} is not empty: name a new folder")
        with ExitStack() as whole:  # the files get their names together: a write that is broken off is no whole folder
            for k, part in enumerate(parts):
                arrays = _as_arrays(part, f"parts[{k}]")
                with open(whole.enter_context(replacing(folder / f"{k:06}.npz")), "wb") as file:
                    np.savez(file, **arrays)
        return cls(folder, **options)

    def read(self, k):
        """Read a file.

        Parameters
        ----------
        k : int
            Its place in `paths`.

        Returns
        -------
        X : list of n arrays of shape (T_i, I) or (T_i,)
            The sequences. They may be read-only, and read from the file when they are looked at.
        y, sample_weight : array, list of n arrays, or None
            The targets and weights, if there are any.

        Raises
        ------
        ValueError
            If it holds no sequences, or has changed since this object was made. The message names the file.
        """
        with self._naming(k):
            if _stamp(self.paths[k]) != self._stamps[k]:
                raise ValueError("it has changed since SequenceFiles looked at the folder: make a new SequenceFiles")
            return READERS[self.paths[k].suffix](self, self.paths[k])

    def _each(self, function, places=None):
        """What a function makes of X, y and weights of each file; what is wrong with one is told with its name."""
        for k in range(len(self.paths)) if places is None else places:
            given = self.read(k)
            with self._naming(k):
                found = function(*given)
            del given
            yield found

    @contextmanager
    def _naming(self, k):
        """Within, what is wrong is told with the name of a file."""
        try:
            yield
        except (ImportError, MemoryError):
            raise
        except Exception as error:
            raise (TypeError if isinstance(error, TypeError) else ValueError)(f"{self.paths[k]}: {error}") from error

    def _of_arrays(self, arrays):
        """X, y and weights of arrays by name."""
        for name in ("values", "offsets"):
            if name not in arrays:
                raise ValueError(f"it has the arrays {shown([*arrays])}; expected 'values', 'offsets' and perhaps 'y'")
        X, y, weights, words = (_divided(arrays, name) for name in ("values", "y", "sample_weight", "words"))
        if "is_read_by_character" in arrays:
            kind, words = Characters if arrays["is_read_by_character"].all() else Tokens, words or [None] * len(X)
            X = [kind.of(ids, own, arrays.get("spellings")) for ids, own in zip(X, words, strict=True)]
        return X, y, weights

    def _of_npz(self, path):
        if not is_zipfile(path):
            raise ValueError("it is no archive of arrays, as SequenceFiles.write and numpy.savez make it")
        with open(path, "rb") as file, np.load(file) as archive:
            return self._of_arrays({name: _mapped(file, archive, name) for name in archive.files})

    def _of_safetensors(self, path):
        return self._of_arrays(load_file(path))

    def _of_parquet(self, path):
        pandas, _ = (optional(name, "SequenceFiles reads .parquet files by it") for name in ("pandas", "pyarrow"))
        return *read_long(pandas.read_parquet(path), self._long)[:2], None


READERS = {".npz": SequenceFiles._of_npz, ".safetensors": SequenceFiles._of_safetensors,
           ".parquet": SequenceFiles._of_parquet}  # fmt: skip
"""By the ends of files' names."""


def read_long(frame, long):
    """Sequences of a long frame, a frame each, with names and times; their targets, and their ids."""
    from pandas import DataFrame

    from fastrnn.preprocessing import from_long

    channels = [name for name in frame.columns if name not in (long.id_col, long.time_col, long.target_col)]
    X, ids = from_long(frame, long.id_col, long.time_col, channels)
    times = frame[long.time_col].to_numpy()[tables.in_time(frame, long.id_col, long.time_col)]
    ends = pairwise(np.cumsum([0, *map(len, X)]))
    X = [DataFrame(x, index=times[a:b], columns=channels) for x, (a, b) in zip(X, ends, strict=True)]
    if long.target_col not in frame.columns:
        return X, None, ids
    for who in () if long.by_step else frame[long.id_col][frame[long.target_col].isna()]:
        raise ValueError(f"{long.id_col} {who} lacks values in {long.target_col}: fill them in, or leave its rows out")
    targets = frame.sort_values(long.time_col, kind="stable").groupby(long.id_col)[long.target_col]
    if long.by_step:
        return X, [targets.get_group(who).to_numpy() for who in ids], ids
    for who in targets.nunique().loc[lambda n: n != 1].index:
        raise ValueError(f"{long.id_col} {who} has several values in {long.target_col}: give each sequence one")
    return X, targets.first().loc[ids].to_numpy(), ids


def _stamp(path):
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _loaded(archive, name):
    try:
        return archive[name]
    except ValueError as error:
        raise ValueError(f"its {name!r} is no array of numbers or text: nothing else is read") from error


def _mapped(file, archive, name):
    """An array of an archive; the values, if they are stored as they are, in memory only where they are looked at."""
    if name != "values" or (info := archive.zip.getinfo("values.npy")).compress_type != ZIP_STORED:
        return _loaded(archive, name)
    file.seek(info.header_offset + 26)
    file.seek(sum(np.frombuffer(file.read(4), "<u2").tolist()), 1)  # over the name, and what is beside it
    version, _ = np.lib.format.read_magic(file)
    shape, is_fortran, dtype = getattr(np.lib.format, f"read_array_header_{min(version, 2)}_0")(file)
    if is_fortran or dtype.hasobject or 0 in shape:
        return _loaded(archive, name)
    return np.asarray(np.memmap(file, dtype, "r", file.tell(), shape))


def _divided(arrays, name):
    """An array by this name, or None; divided into sequences if there are offsets for it."""
    values, offsets = (arrays.get(each) for each in (name, "offsets" if name == "values" else f"{name}_offsets"))
    if values is None or offsets is None:
        return values
    is_right = offsets.ndim == 1 and offsets.dtype.kind in "iu" and offsets.size and values.ndim in (1, 2)
    if not is_right or offsets[0] != 0 or offsets[-1] != len(values) or (offsets[1:] < offsets[:-1]).any():
        ends = f"rising integers from 0 to the {len(values)} rows of {name!r}, one more than there are sequences"
        raise ValueError(f"its offsets for {name!r} are {shown(offsets)}; expected {ends}")
    return [values[first:last] for first, last in pairwise(offsets.tolist())]


def _as_arrays(part, name):
    """A tuple (X,), (X, y) or (X, y, sample_weight) as arrays by name."""
    if not isinstance(part, tuple) or len(part) not in (1, 2, 3):
        raise ValueError(f"{name} is a {type(part).__name__}; expected (X,), (X, y) or (X, y, sample_weight)")
    given = as_given(part[0], f"X of {name}")
    values = given.rows(0, len(given))
    is_flat = np.ndim(next(iter(part[0]))) == 1
    arrays = {"values": values[:, 0] if is_flat else values, "offsets": given.offsets} | beside_ids(part[0])
    for what, rows in zip(("y", "sample_weight"), part[1:], strict=False):
        arrays |= {} if rows is None else _flattened(rows, what, f"{what} of {name}", len(given))
    return arrays


def _flattened(rows, name, what, n):
    """Targets or weights as arrays by name."""
    check_listed(rows, what, "a list or an array, with an entry for each sequence")
    if len(rows) != n:
        raise ValueError(f"{what} has {len(rows)} entries for {n} sequences: give one each")
    is_each_step = not hasattr(rows, "dtype") or rows.dtype == object
    if is_each_step and is_sequence(next(iter(rows))):
        arrays = [_plain(row, what) for row in rows]
        some = [array for array in arrays if array.size] or arrays[:1]  # integers stay, beside those of no kind
        whole = np.concatenate(some)
        if whole.dtype.kind == "f" and all(array.dtype.kind in "iu" for array in some):
            whole = exact(np.concatenate([array.astype(object) for array in some]), what)
        return {name: whole, f"{name}_offsets": np.cumsum([0, *map(len, arrays)])}
    return {name: _plain(rows, what)}


def _plain(rows, what):
    """An array of numbers or of text."""
    array = np.asarray(rows)
    if array.dtype == object and any(value is None for value in array.flat):
        advice = "leave these steps' sequences out, or give numbers, of which those that are missing are NaN"
        raise ValueError(f"{what} holds None, which files do not: {advice}")
    if array.dtype == object or array.dtype.kind == "f" and not hasattr(rows, "dtype"):
        array = exact(np.asarray(rows, object), what)
    is_mixed = array.dtype.kind == "U" and not all(isinstance(v, str) for v in np.asarray(rows, object).flat)
    if array.dtype.kind not in "biufU" or is_mixed:
        raise ValueError(f"{what} holds {array.dtype} values, or several kinds: give numbers, or texts, alone")
    return array
