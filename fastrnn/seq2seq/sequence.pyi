from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from fastrnn._types import (
    Callbacks,
    Categorical,
    Cell,
    Extractor,
    Labels,
    Matrix,
    Missing,
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
    Steps,
    Vector,
    Writing,
)
from fastrnn.data import SequenceFiles

class SequenceToSequence(Extractor, Writing):
    missing: Missing
    time_column: int | str | None
    categorical_features: Categorical
    categories_: list[Labels]
    is_categorical_: Vector[np.bool_]
    bptt_steps: None
    bidirectional: bool
    dropout: float | Literal["auto"]
    zoneout: float
    recurrent_dropout: float | Literal["auto"]
    embedding_dim: int | None
    embeddings: ArrayLike | None
    freeze_embeddings: bool
    target_embedding_dim: int
    attention: Literal["dot", "additive"] | None
    learning_rate_init: float
    max_iter: int | Literal["auto"]
    label_smoothing: float
    scheduled_sampling: float
    averaging: int

    def __init__(
        self,
        *,
        cell: Cell = "lstm",
        hidden_size: int = 256,
        proj_size: int = 0,
        num_layers: int = 1,
        bidirectional: bool = True,
        nonlinearity: Nonlinearity = "tanh",
        bias: bool = True,
        dropout: float | Literal["auto"] = 0.3,
        zoneout: float = 0.0,
        recurrent_dropout: float | Literal["auto"] = 0.0,
        embedding_dim: int | None = 64,
        embeddings: ArrayLike | None = None,
        freeze_embeddings: bool = False,
        target_embedding_dim: int = 64,
        attention: Literal["dot", "additive"] | None = "dot",
        max_length: int | None = None,
        normalize_X: bool = True,
        missing: Missing = "error",
        time_column: int | str | None = None,
        categorical_features: Categorical = None,
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
        early_stopping: bool = False,
        scoring: Scoring = None,
        validation_fraction: float | Splitter = 0.1,
        n_iter_no_change: int = 10,
        tol: float | None = None,
        label_smoothing: float = 0.1,
        scheduled_sampling: float = 0.0,
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
        y: Steps | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Sequences | None = None,
        y_val: Steps | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        resume_from: Path | None = None,
    ) -> Self: ...
    def partial_fit(self, X: Sequences, y: Steps, sample_weight: ArrayLike | None = None) -> Self: ...
    def predict(self, X: Sequences | SequenceFiles, beam_width: int = 1) -> Objects: ...
    def attention_weights(self, X: Sequences, y: Steps | None = None) -> Objects: ...
    def score(
        self, X: Sequences | SequenceFiles, y: Steps | None = None, sample_weight: ArrayLike | None = None
    ) -> float: ...
    def transform(self, X: Sequences | SequenceFiles) -> Matrix[np.float32 | np.float64]: ...
    def fit_transform(self, X: Sequences, y: Steps, **fit_params: object) -> Matrix[np.float32 | np.float64]: ...
    def set_fit_request(
        self,
        *,
        X_val: Request = ...,
        groups: Request = ...,
        resume_from: Request = ...,
        sample_weight: Request = ...,
        sample_weight_val: Request = ...,
        y_val: Request = ...,
    ) -> Self: ...
    def set_partial_fit_request(self, *, sample_weight: Request = ...) -> Self: ...
    def set_predict_request(self, *, beam_width: Request = ...) -> Self: ...
    def set_score_request(self, *, sample_weight: Request = ...) -> Self: ...
