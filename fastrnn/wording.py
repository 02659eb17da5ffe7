"""How messages write what a caller gave."""

from importlib import import_module
from numbers import Integral, Real

import numpy as np


def shown(value, width=60):
    """A value as a person writes it, 1 and not np.int64(1), on one line of at most so many characters."""
    text = " ".join(repr(_plain(value)).split())
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _plain(value):
    """Python's own values in place of NumPy's."""
    if isinstance(value, np.generic) or isinstance(value, np.ndarray) and value.ndim:
        # Nanoseconds since 1970 would come of dates otherwise.
        return (value.astype(str) if value.dtype.kind in "mM" else value).tolist()
    if type(value) in (list, tuple, set):
        return type(value)(map(_plain, value))
    return {_plain(k): _plain(v) for k, v in value.items()} if type(value) is dict else value


LEAST = {"dask": "2026.8", "distributed": "2026.8", "matplotlib": "3.9", "mlflow": "3", "narwhals": "2",
         "onnx": "1.17", "optuna": "4", "pandas": "3.1", "pyarrow": "26", "tensorboardX": "2.6.2.2"}  # fmt: skip
"""Optional libraries, and the oldest version of each that will do, as in pyproject.toml."""


def to_install(package):
    """The command that installs an optional library.

    It names the library and not an extra of fastrnn: that works for a checkout, too.

    >>> to_install("matplotlib")
    'pip install "matplotlib>=3.9"'
    """
    return f'pip install "{package}>={LEAST[package]}"'


def optional(package, why):
    """An optional library, or an ImportError that says why it is needed, and how to install it."""
    try:
        return import_module(package)
    except ImportError:
        raise ImportError(f"{why}: {to_install(package)}") from None


def check_count(name, value):
    """An integer from 1 on, as Python's own: those of NumPy overflow."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be an integer >= 1; got {shown(value)}")
    return int(value)


def check_flag(name, value):
    """Refuse what is neither True nor False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False; got {shown(value)}")


def counted(n, what="step"):
    """How many there are, in words."""
    return f"{n} {what}{'s' * int(n != 1)}"


def meant_as_share(value):
    """What to add to a message where a percentage may have been given for a share."""
    values = np.ravel(value)
    if not values.size or not all(isinstance(v, Real) and 1 < v < 100 for v in values.tolist()):
        return ""
    shares = [round(v / 100, 10) for v in values.tolist()]
    return f" (did you mean {shown(shares if np.ndim(value) else shares[0])}?)"
