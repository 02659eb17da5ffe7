from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike

from fastrnn._types import Array, Cube, Matrix, Objects

class _State(TypedDict, total=False):
    h: Cube[np.float32 | np.float64]
    c: Cube[np.float32 | np.float64]
    pooled: Cube[np.float32 | np.float64]
    seen: Matrix[np.float32 | np.float64]
    time: Array[np.float64]
    chain: Cube[np.float64]
    n_steps: int

class Stream:
    batch: int
    feature_names_in_: Objects | None

    def __init__(
        self,
        network: object,
        batch: int,
        answer: object,
        n_tokens: int | None = None,
        beginning: int | None = None,
        unit: tuple[Array[np.float64], Array[np.float64]] | None = None,
        names: Objects | None = None,
        holes: object | None = None,
        codes: Sequence[tuple[int, Mapping[object, int]]] = (),
        static: Matrix[np.float32 | np.float64] | None = None,
    ) -> None: ...
    @property
    def n_steps(self) -> int: ...
    @property
    def state(self) -> _State: ...
    @state.setter
    def state(self, state: _State) -> None: ...
    def reset(self) -> None: ...
    def step(self, x: ArrayLike, time: ArrayLike | datetime | None = None) -> Array[np.float64] | np.float64: ...
    def outputs(self, x: ArrayLike, time: ArrayLike | datetime | None = None) -> Matrix[np.float32 | np.float64]: ...
    def __setstate__(self, state: _State) -> None: ...
