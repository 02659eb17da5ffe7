from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from fastrnn._types import (
    Array,
    Callbacks,
    Cell,
    Decoding,
    Extractor,
    Matrix,
    Nonlinearity,
    Path,
    Precision,
    RandomState,
    Request,
    Rows,
    Schedule,
    Sequences,
    Solver,
    Splitter,
)
from fastrnn.data import SequenceFiles

class Reproducing(Decoding):
    attention: None
    bptt_steps: None
    embedding_dim: None
    embeddings: None
    freeze_embeddings: bool
    dropout: float | Literal["auto"]
    zoneout: float
    recurrent_dropout: float | Literal["auto"]
    learning_rate_init: float
    max_iter: int | Literal["auto"]
    min_length_: int
    max_length_: int

class SequenceAutoencoder(Extractor, Reproducing):
    bidirectional: bool

    def __init__(
        self,
        *,
        cell: Cell = "gru",
        hidden_size: int = 64,
        proj_size: int = 0,
        num_layers: int = 1,
        bidirectional: bool = True,
        nonlinearity: Nonlinearity = "tanh",
        bias: bool = True,
        dropout: float | Literal["auto"] = "auto",
        zoneout: float = 0.0,
        recurrent_dropout: float | Literal["auto"] = 0.0,
        normalize_X: bool = True,
        solver: Solver = "adam",
        learning_rate_init: float = 0.005,
        learning_rate: Schedule = "cosine",
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        alpha: float | Literal["auto"] = 0.0,
        batch_size: int = 32,
        max_iter: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        clip_norm: float | None = 1.0,
        clip_value: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float | Splitter = 0.1,
        n_iter_no_change: int = 10,
        tol: float | None = None,
        warm_start: bool = False,
        dtype: Precision = "float32",
        n_jobs: int | None = None,
        random_state: RandomState = None,
        verbose: bool | int = False,
        callbacks: Callbacks = None,
    ) -> None: ...
    def fit(
        self,
        X: Sequences | SequenceFiles,
        y: object = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Sequences | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        resume_from: Path | None = None,
    ) -> Self: ...
    def partial_fit(self, X: Sequences, y: object = None, sample_weight: ArrayLike | None = None) -> Self: ...
    def transform(self, X: Sequences | SequenceFiles) -> Matrix[np.float32 | np.float64]: ...
    def fit_transform(
        self, X: Sequences, y: object = None, **fit_params: object
    ) -> Matrix[np.float32 | np.float64]: ...
    def inverse_transform(self, X: Rows, lengths: ArrayLike | None = None) -> Array[np.generic[object]]: ...
    def score(
        self, X: Sequences | SequenceFiles, y: object = None, sample_weight: ArrayLike | None = None
    ) -> float: ...
    def set_fit_request(
        self,
        *,
        X_val: Request = ...,
        groups: Request = ...,
        resume_from: Request = ...,
        sample_weight: Request = ...,
        sample_weight_val: Request = ...,
    ) -> Self: ...
    def set_partial_fit_request(self, *, sample_weight: Request = ...) -> Self: ...
    def set_inverse_transform_request(self, *, lengths: Request = ...) -> Self: ...
    def set_score_request(self, *, sample_weight: Request = ...) -> Self: ...
