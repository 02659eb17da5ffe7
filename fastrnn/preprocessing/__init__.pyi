from collections.abc import Callable, Sequence
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import OneToOneFeatureMixin, TransformerMixin

from fastrnn._types import (
    Array,
    Container,
    Cube,
    Labels,
    Matrix,
    Objects,
    Parameters,
    Request,
    Rows,
    Sequences,
    Steps,
    Table,
    Texts,
    Vector,
)

__all__ = [
    "SequenceScaler",
    "SlidingWindow",
    "Tokenizer",
    "from_channels_first",
    "from_concatenated",
    "from_long",
    "from_nan_padded",
    "from_nested",
    "pad_sequences",
    "to_channels_first",
    "to_concatenated",
    "to_long",
    "unpad_sequences",
]

class Tokenizer(TransformerMixin, Parameters):
    level: Literal["word", "char", "auto"]
    lowercase: bool
    strip_accents: Literal["ascii", "unicode"] | Callable[[str], str] | None
    token_pattern: str
    min_count: int
    max_tokens: int | None
    start: bool
    end: bool
    max_characters: int | Literal["auto"] | None
    vocabulary_: dict[str, int]
    n_tokens_: int
    start_token_: int | None
    end_token_: int | None
    character_vocabulary_: dict[str, int] | None
    n_characters_: int | None

    def __init__(
        self,
        *,
        level: Literal["word", "char", "auto"] = "auto",
        lowercase: bool = False,
        strip_accents: Literal["ascii", "unicode"] | Callable[[str], str] | None = None,
        token_pattern: str = "\\w+|[^\\w\\s]",
        min_count: int = 1,
        max_tokens: int | None = None,
        start: bool = False,
        end: bool = False,
        max_characters: int | Literal["auto"] | None = "auto",
    ) -> None: ...
    def fit(self, X: Texts, y: object = None) -> Self: ...
    # Arrays of the type `fastrnn.tokens.Tokens`, or with a number of max_characters plain ones.
    def transform(self, X: Texts) -> Objects: ...
    def fit_transform(self, X: Texts, y: object = None, **fit_params: object) -> Objects: ...
    def inverse_transform(self, sequences: Steps) -> list[str]: ...
    def get_feature_names_out(self, input_features: None = None) -> Objects: ...
    def set_output(self, *, transform: Container = None) -> Self: ...
    def set_inverse_transform_request(self, *, sequences: Request = ...) -> Self: ...

class SequenceScaler(OneToOneFeatureMixin, TransformerMixin, Parameters):
    method: Literal["standard", "minmax", "robust"]
    by: Literal["channel", "sequence"]
    center_: Vector[np.float64] | None
    scale_: Vector[np.float64] | None
    n_features_in_: int
    feature_names_in_: Objects

    def __init__(
        self,
        *,
        method: Literal["standard", "minmax", "robust"] = "standard",
        by: Literal["channel", "sequence"] = "channel",
    ) -> None: ...
    def fit(self, X: Sequences, y: object = None) -> Self: ...
    # An array for an array, and arrays for a list.
    def transform(self, X: Sequences) -> Array[np.float32 | np.float64] | Objects: ...
    def fit_transform(
        self, X: Sequences, y: object = None, **fit_params: object
    ) -> Array[np.float32 | np.float64] | Objects: ...
    def inverse_transform(self, X: Sequences) -> Array[np.float32 | np.float64] | Objects: ...
    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Objects: ...
    def set_output(self, *, transform: Container = None) -> Self: ...

class SlidingWindow(TransformerMixin, Parameters):
    size: int
    step: int
    n_features_in_: int
    feature_names_in_: Objects

    def __init__(self, *, size: int = 10, step: int = 1) -> None: ...
    def fit(self, X: Sequences, y: object = None) -> Self: ...
    def transform(self, X: Sequences) -> Cube[np.float32 | np.float64]: ...
    def fit_transform(self, X: Sequences, y: object = None, **fit_params: object) -> Cube[np.float32 | np.float64]: ...
    def origins(self, X: Sequences) -> Matrix[np.int64]: ...
    def set_output(self, *, transform: Container = None) -> Self: ...

def pad_sequences(
    X: Sequences, length: int | None = None, *, value: float = 0.0, truncate: Literal["start", "end"] | None = None
) -> tuple[Cube[np.float64], Vector[np.int64]]: ...
def unpad_sequences(padded: ArrayLike, lengths: ArrayLike) -> Objects: ...
def from_channels_first(X: Sequences) -> Objects: ...
def to_channels_first(X: Sequences) -> Cube[np.float64] | list[Matrix[np.float64]]: ...
def from_concatenated(X: ArrayLike, lengths: ArrayLike) -> Objects: ...
def to_concatenated(X: Sequences) -> tuple[Matrix[np.float64], Vector[np.int64]]: ...
def from_nan_padded(X: ArrayLike) -> Objects: ...
def from_long(
    frame: Table, id_col: str = "unique_id", time_col: str = "ds", columns: Sequence[str] | None = None
) -> tuple[Objects, Labels]: ...
def from_nested(frame: Rows) -> Objects: ...
def to_long(
    X: Sequences,
    names: Sequence[str] | Sequence[int] | ArrayLike | None = None,
    *,
    id_col: str = "unique_id",
    time_col: str = "ds",
    columns: Sequence[str] | None = None,
) -> pd.DataFrame: ...
