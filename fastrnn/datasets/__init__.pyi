from datetime import date
from typing import Literal, overload

import numpy as np

from fastrnn._types import Cube, Matrix, RandomState, Vector

__all__ = [
    "NUMBER_AGREEMENT_VOCABULARY",
    "load_air_passengers",
    "load_japanese_vowels",
    "make_adding_problem",
    "make_binary_addition",
    "make_copy_memory",
    "make_number_agreement",
]

NUMBER_AGREEMENT_VOCABULARY: tuple[str, ...]

def load_air_passengers() -> tuple[Vector[np.float64], Vector[np.datetime64[date]]]: ...
def load_japanese_vowels(
    split: Literal["train", "test"] | None = None,
) -> tuple[list[Matrix[np.float64]], Vector[np.int64]]: ...
def make_adding_problem(
    n_samples: int = 1000, n_steps: int = 100, random_state: RandomState = None
) -> tuple[Cube[np.float64], Vector[np.float64]]: ...
def make_binary_addition(
    n_samples: int | None = 1000, n_bits: int = 7, random_state: RandomState = None
) -> tuple[Cube[np.float64], Matrix[np.int64]]: ...
def make_copy_memory(
    n_samples: int = 1000, n_blanks: int = 100, n_symbols: int = 8, n_copied: int = 10, random_state: RandomState = None
) -> tuple[Matrix[np.int64], Matrix[np.int64]]: ...
@overload
def make_number_agreement(
    n_samples: int = 1000, max_intervening: int = 4, random_state: RandomState = None, as_words: Literal[False] = False
) -> tuple[list[Vector[np.int64]], Vector[np.str_]]: ...
@overload
def make_number_agreement(
    n_samples: int = 1000, max_intervening: int = 4, random_state: RandomState = None, *, as_words: Literal[True]
) -> tuple[list[list[str]], Vector[np.str_]]: ...
