"""Models as files: arrays as safetensors, everything else as JSON in the header; nothing in a file is ever run.

A tree of dicts, lists, arrays and plain values is written whole or not at all, and read back with every type as it was.
What a tree must be is said by rules, which `check` compares it with.
"""

import json
import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from fastrnn.kernels.caching import Later

versions = Later("fastrnn.versions")

FORMAT = 1
"""Of the files; another one is another meaning of the fields."""
LONGEST = 2**23
"""Characters of a header; its values take up to fifty times as much memory."""
KEY = "fastrnn"
"""Under which the JSON stands in the header."""

CONSTANTS = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}
"""A label that is NaN equals itself alone: that one."""


class StorageError(ValueError):
    """A file that holds no model which this version can read, or a model which no file can hold.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import fastrnn
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "model.safetensors"
    ...     _ = path.write_text("not a model")
    ...     try:
    ...         fastrnn.load(path)
    ...     except fastrnn.StorageError:
    ...         print("no model")
    no model
    """


def write(path, tree):
    """Write a tree to a file, which until it is complete stays as it was."""
    tensors = {}
    fields = {"format": FORMAT, "version": versions.VERSION, "content": encoded(tree, "", tensors)}
    data = save(tensors, {KEY: json.dumps(fields)})
    with replacing(path) as unfinished, open(unfinished, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def replacing(path):
    """A name to write under; the file takes the place of `path`, with its mode, when it is complete.

    A new one has the mode that any new file has.  What is no file, such as /dev/null, is written to as it is.
    """
    target = os.path.realpath(os.fsdecode(path))
    if os.path.exists(target) and not os.path.isfile(target):
        yield target
        return
    unfinished = f"{target}.{token_hex(4)}.tmp"
    try:
        try:
            open(unfinished, "xb").close()
        except OSError as error:
            error.filename = path
            raise
        kept = os.stat(target if os.path.exists(target) else unfinished)
        with suppress(OSError):  # some file systems have no modes
            os.chmod(unfinished, 0o600)  # until it is complete, nobody else's
        yield unfinished
        # To whom a file belonged, and with its mode, as far as the system allows.
        with suppress(OSError, AttributeError):  # Windows has no owners
            os.chown(unfinished, kept.st_uid, kept.st_gid)
        with suppress(OSError):
            os.chmod(unfinished, stat.S_IMODE(kept.st_mode))
        os.replace(unfinished, target)
    finally:
        Path(unfinished).unlink(missing_ok=True)  # there only if something failed


@contextmanager
def reading(path):
    """The tree in a file; whatever is wrong with it, then or while it is used, one error says so and names the file."""
    path = os.fsdecode(path)
    open(path, "rb").close()  # what is not there, or may not be read, says so in Python's own way
    try:
        with safe_open(path, "np") as file:
            expect(KEY in (file.metadata() or {}), "it is no model that fastrnn has saved, or its header is lost")
            text = file.metadata()[KEY]
            expect(len(text) < LONGEST, f"its header has {len(text)} characters, more than any model needs")
            fields = json.loads(text, parse_constant=CONSTANTS.get)
            if fields["format"] != FORMAT:
                writer, its = (str(fields[name])[:20] for name in ("version", "format"))
                found = f"fastrnn {writer} wrote format {its}; {versions.VERSION} reads {FORMAT}"
                raise StorageError(f"{found}: update the older")
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        tree = _decoded(fields["content"], tensors)
        expect(not tensors, f"its tensors {list(tensors)!s:.100} belong to nothing")
        yield tree
    except Exception as error:
        what = "" if isinstance(error, StorageError) else "it is no model that fastrnn has saved, or it is damaged: "
        raise StorageError(f"cannot read {path}: {what}{error}") from error


def encoded(value, place, tensors):
    """JSON for a value; its arrays are added to `tensors` under their places in the tree."""
    value = value.item() if isinstance(value, np.generic) and value.dtype.kind in "biufU" else value
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        parts = [encoded(v, f"{place}.{k}", tensors) for k, v in enumerate(value)]
        # Labels of several parts: lists could be no keys.
        return [{"$tuple": part} if isinstance(v, tuple) else part for v, part in zip(value, parts, strict=True)]
    if isinstance(value, dict):
        if not all(type(key) is str and key[:1] != "$" for key in value):
            value = {"$keys": list(value), "$values": list(value.values())}
        return {key: encoded(v, f"{place}.{key}".lstrip("."), tensors) for key, v in value.items()}
    kind = value.dtype.kind if isinstance(value, np.ndarray) else "none"
    if kind == "O":
        return {"$objects": encoded(value.tolist(), place, tensors)}
    if kind not in "biufU" or value.dtype.itemsize > 8 and kind != "U":
        what = f"a {type(value).__name__} that no file can hold: set another, such as text or a number"
        raise StorageError(f"{place} is {value!r:.60}, {what}")
    array = np.ascontiguousarray(value, value.dtype.newbyteorder("="))
    tensors[place] = array if kind != "U" else array.view(np.uint32).reshape(len(array), -1)
    return {"$text" if kind == "U" else "$array": place}


def _decoded(value, tensors, depth=50):
    """The value that JSON stands for; its arrays are taken out of `tensors`."""
    expect(depth > 0, "its fields are too deep")
    if isinstance(value, list):
        return [_decoded(v, tensors, depth - 1) for v in value]
    if not isinstance(value, dict):
        return value
    if "$keys" in value:
        return dict(zip(*(_decoded(value[name], tensors, depth - 1) for name in ("$keys", "$values")), strict=True))
    if "$tuple" in value:
        return tuple(_decoded(value["$tuple"], tensors, depth - 1))
    if "$objects" in value:
        return np.fromiter(_decoded(value["$objects"], tensors, depth - 1), object)
    if "$text" in value:
        codes = tensors.pop(value["$text"])
        is_text = codes.dtype == np.uint32 and codes.ndim == 2 and codes.shape[1] > 0
        # NumPy does not look at them.
        expect(is_text and codes.max(initial=0) <= 0x10FFFF, "its text is of what are no characters")
        return codes.view(f"U{codes.shape[1]}")[:, 0]
    if "$array" in value:
        array = tensors.pop(value["$array"])
        # bfloat16 and the like can be read where ml_dtypes has been imported, as ONNX does.
        expect(array.dtype.kind in "biuf", f"it holds {array.dtype} numbers")
        expect(array.dtype != bool or max(array.tobytes(), default=0) < 2, "its truth values are neither 0 nor 1")
        return array
    return {key: _decoded(v, tensors, depth - 1) for key, v in value.items()}


# ---------------------------------------------------------------------------------------- rules


def expect(is_right, message):
    """A StorageError with this message, unless it is right."""
    if not is_right:
        raise StorageError(message)


def check(value, rule, name):
    """A value must be what the rule says: of a type, equal, what a function finds right, or a dict with rules for all.

    Raises
    ------
    StorageError
        Which calls the value by its name.
    """
    if isinstance(rule, dict) and isinstance(value, dict) and value.keys() == rule.keys():
        for key, part in rule.items():
            check(value[key], part, f"{name}.{key}")
        return
    is_right = isinstance(value, rule) if isinstance(rule, type) else callable(rule) and rule(value)
    if not (is_right or type(value) is type(rule) and value == rule):
        # To write an array out takes more memory than to have it.
        form = f"{value.dtype} of shape {value.shape}" if isinstance(value, np.ndarray) else None
        found = list(value) if isinstance(value, dict) else form or value
        otherwise = "what goes with the rest" if callable(rule) else repr(rule)
        expected = f"the fields {list(rule)}" if isinstance(rule, dict) else getattr(rule, "expected", otherwise)
        raise StorageError(f"its {name} is {found!r:.200}; expected {expected}")


def integer(low, high=2**31):
    """low <= value < high."""
    return lambda value: type(value) is int and low <= value < high


def array(dtype, *shape):
    """An array of finite numbers."""
    form = (np.dtype(dtype), shape)

    def is_right(value):
        return type(value) is np.ndarray and (value.dtype, value.shape) == form and np.isfinite(value).all()

    is_right.expected = f"finite {form[0]} of shape {shape}"
    return is_right


def floats(value):
    """A list of floats."""
    return isinstance(value, list) and all(type(number) is float for number in value)


def strings(value):
    """A list, or an array of objects, which are all strings."""
    return isinstance(value, (list, np.ndarray)) and all(type(text) is str for text in value)


def names(n):
    """n strings, each once."""
    return lambda value: strings(value) and len(set(value)) == len(value) == n


def labels(n, least=2):
    """An array (n,) of two labels or more, or so many at `least`, in order and each once."""

    def is_right(value):
        if type(value) is not np.ndarray or value.shape != (n,):
            return False
        is_known = strings(value) if value.dtype == object else value.dtype.kind != "f" or np.isfinite(value).all()
        return n >= least and is_known and np.array_equal(np.unique(value), value)

    return is_right


def label_lists(n):
    """A list of several such arrays, of n labels in all."""

    def is_right(value):
        is_list = type(value) is list and len(value) > 1
        return is_list and all(labels(np.size(own))(own) for own in value) and sum(map(len, value)) == n

    return is_right


def places(n):
    """The array of 0 to n - 1."""
    is_array = array(int, n)
    return lambda value: is_array(value) and np.array_equal(value, np.arange(n))
