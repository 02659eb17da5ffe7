from collections.abc import Iterator
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from fastrnn._types import (
    Callbacks,
    Cell,
    Extractor,
    Matrix,
    Nonlinearity,
    Objects,
    Path,
    Precision,
    RandomState,
    Request,
    Schedule,
    Scoring,
    Sequences,
    Solver,
    Splitter,
    Streaming,
    Vector,
)
from fastrnn.data import SequenceFiles

class SequenceGenerator(Extractor, Streaming):
    readout: None
    bidirectional: bool
    dropout: float | Literal["auto"]
    zoneout: float
    recurrent_dropout: float | Literal["auto"]
    embedding_dim: int | None
    n_components: int
    embeddings: ArrayLike | None
    freeze_embeddings: bool
    stateful: bool | Literal["auto"]
    learning_rate_init: float
    max_iter: int | Literal["auto"]
    bptt_steps: int | None
    n_tokens_: int
    label_smoothing: float
    averaging: int
    binary_features_: Vector[np.int64]

    def __init__(
        self,
        *,
        cell: Cell = "lstm",
        hidden_size: int | Literal["auto"] = "auto",
        proj_size: int = 0,
        num_layers: int = 1,
        nonlinearity: Nonlinearity = "tanh",
        bias: bool = True,
        dropout: float | Literal["auto"] = 0.2,
        zoneout: float = 0.0,
        recurrent_dropout: float | Literal["auto"] = 0.0,
        embedding_dim: int | None = 64,
        n_components: int = 5,
        embeddings: ArrayLike | None = None,
        freeze_embeddings: bool = False,
        stateful: bool | Literal["auto"] = "auto",
        solver: Solver = "adam",
        learning_rate_init: float = 0.005,
        learning_rate: Schedule = "cosine",
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        alpha: float | Literal["auto"] = "auto",
        batch_size: int = 32,
        max_iter: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        clip_norm: float | None = 1.0,
        clip_value: float | None = None,
        bptt_steps: int | None = None,
        early_stopping: bool = False,
        scoring: Scoring = None,
        validation_fraction: float | Splitter = 0.1,
        n_iter_no_change: int = 10,
        tol: float | None = None,
        label_smoothing: float = 0.0,
        averaging: int = 0,
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
        *,
        X_val: Sequences | None = None,
        groups: ArrayLike | None = None,
        resume_from: Path | None = None,
    ) -> Self: ...
    def partial_fit(self, X: Sequences, y: object = None) -> Self: ...
    def score(self, X: Sequences | SequenceFiles, y: object = None) -> float: ...
    def perplexity(self, X: Sequences) -> float: ...
    def bits_per_token(self, X: Sequences) -> float: ...
    def sample(
        self,
        prefix: ArrayLike | None = None,
        length: int = 100,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        bias: float = 0.0,
        random_state: RandomState = None,
    ) -> Vector[np.int64] | Matrix[np.float64]: ...
    def iter_sample(
        self,
        prefix: ArrayLike | None = None,
        length: int | None = None,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        bias: float = 0.0,
        random_state: RandomState = None,
    ) -> Iterator[int | Vector[np.float64]]: ...
    def transform(self, X: Sequences | SequenceFiles) -> Objects: ...
    def fit_transform(self, X: Sequences, y: object = None, **fit_params: object) -> Objects: ...
    def set_fit_request(self, *, X_val: Request = ..., groups: Request = ..., resume_from: Request = ...) -> Self: ...
