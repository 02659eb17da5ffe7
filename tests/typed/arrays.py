"""Arrays for `user_script`, and types by the number of axes; what NumPy itself knows only as Any stays in here."""

from datetime import date
from typing import TypeAlias, TypeVar

import numpy as np

S = TypeVar("S", bound=np.generic)
Vector: TypeAlias = np.ndarray[tuple[int], np.dtype[S]]
Matrix: TypeAlias = np.ndarray[tuple[int, int], np.dtype[S]]
Cube: TypeAlias = np.ndarray[tuple[int, int, int], np.dtype[S]]
Array: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[S]]
Objects: TypeAlias = Vector[np.object_]
Labels: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.generic[object]]]"
Months: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.datetime64[date]]]"
Floats: TypeAlias = np.float32 | np.float64


def of(x: object, kind: str, axes: int) -> None:
    """An array has elements of this type, and so many axes."""
    assert isinstance(x, np.ndarray) and x.dtype.str[1:] == kind and x.ndim == axes, (type(x), kind, axes)


def waves() -> list[Matrix[np.float64]]:
    """Sequences of two rates and several lengths."""
    return [np.sin(np.arange(10 + k) * (0.3, 0.9)[k % 2]).reshape(-1, 1) for k in range(12)]


def directions() -> list[list[str]]:
    """A label for each of their steps."""
    return [["up" if up else "down" for up in (x[:, 0] > 0).tolist()] for x in waves()]


def panel() -> Matrix[np.float64]:
    """Three sequences of one length, as an array."""
    return np.linspace(0, 1, 15).reshape(3, 5)
