import pathlib
from collections.abc import Iterable
from typing import Self

import numpy as np

from fastrnn._types import Array, Path, Rows, Sequences, Steps

__all__ = ["SequenceFiles"]

class SequenceFiles:
    paths: list[pathlib.Path]
    window: int

    def __init__(
        self,
        folder: Path,
        *,
        window: int = 4,
        id_col: str = "unique_id",
        time_col: str = "ds",
        target_col: str = "y",
        return_sequences: bool = False,
    ) -> None: ...
    @classmethod
    def write(
        cls,
        folder: Path,
        parts: Iterable[
            tuple[Sequences]
            | tuple[Sequences, Rows | Steps | None]
            | tuple[Sequences, Rows | Steps | None, Steps | None]
        ],
        *,
        window: int = 4,
        id_col: str = "unique_id",
        time_col: str = "ds",
        target_col: str = "y",
        return_sequences: bool = False,
    ) -> Self: ...
    def read(
        self, k: int
    ) -> tuple[
        list[Array[np.generic[object]]],
        Array[np.generic[object]] | list[Array[np.generic[object]]] | None,
        Array[np.generic[object]] | list[Array[np.generic[object]]] | None,
    ]: ...
