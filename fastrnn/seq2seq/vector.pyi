from typing import Literal, Self

from numpy.typing import ArrayLike

from fastrnn._types import (
    Callbacks,
    Cell,
    Nonlinearity,
    Objects,
    Path,
    Precision,
    RandomState,
    Request,
    Rows,
    Schedule,
    Scoring,
    Solver,
    Splitter,
    Steps,
    Writing,
)

class VectorToSequence(Writing):
    bidirectional: bool
    normalize_y: bool
    attention: None
    embedding_dim: None
    embeddings: None
    freeze_embeddings: bool
    bptt_steps: None
    dropout: float | Literal["auto"]
    zoneout: float
    recurrent_dropout: float | Literal["auto"]
    target_embedding_dim: int | None
    learning_rate_init: float
    max_iter: int | Literal["auto"]
    label_smoothing: float
    scheduled_sampling: float
    averaging: int

    def __init__(
        self,
        *,
        cell: Cell = "lstm",
        hidden_size: int = 128,
        proj_size: int = 0,
        num_layers: int = 1,
        nonlinearity: Nonlinearity = "tanh",
        bias: bool = True,
        dropout: float | Literal["auto"] = 0.3,
        zoneout: float = 0.0,
        recurrent_dropout: float | Literal["auto"] = 0.0,
        target_embedding_dim: int | None = 64,
        max_length: int | None = None,
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
        scoring: Scoring = None,
        validation_fraction: float | Splitter = 0.1,
        n_iter_no_change: int = 10,
        tol: float | None = None,
        label_smoothing: float = 0.0,
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
        X: Rows,
        y: Steps,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Rows | None = None,
        y_val: Steps | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        resume_from: Path | None = None,
    ) -> Self: ...
    def partial_fit(self, X: Rows, y: Steps, sample_weight: ArrayLike | None = None) -> Self: ...
    def predict(self, X: Rows, beam_width: int = 1) -> Objects: ...
    def score(self, X: Rows, y: Steps, sample_weight: ArrayLike | None = None) -> float: ...
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
