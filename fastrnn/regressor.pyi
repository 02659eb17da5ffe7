from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin

from fastrnn._types import (
    Array,
    Callbacks,
    Categorical,
    Cell,
    Extractor,
    Informed,
    Labels,
    Matrix,
    Missing,
    Nonlinearity,
    Objects,
    Path,
    Precision,
    RandomState,
    Readout,
    Request,
    Rows,
    Schedule,
    Scoring,
    Sequences,
    Solver,
    Splitter,
    Steps,
    Vector,
)
from fastrnn.data import SequenceFiles

class SequenceRegressor(RegressorMixin, Extractor, Informed):
    bidirectional: bool
    dropout: float | Literal["auto"]
    zoneout: float
    recurrent_dropout: float | Literal["auto"]
    readout: Readout
    embedding_dim: int | Literal["auto"] | None
    embeddings: ArrayLike | None
    freeze_embeddings: bool
    init_from: object
    freeze: int
    character_embedding_dim: int | Literal["auto"] | None
    character_hidden_size: int
    return_sequences: bool
    loss: Literal["squared_error", "absolute_error", "huber", "quantile"]
    quantile: float
    normalize_X: bool
    missing: Missing
    time_column: int | str | None
    categorical_features: Categorical
    categories_: list[Labels]
    is_categorical_: Vector[np.bool_]
    normalize_y: bool
    learning_rate_init: float
    max_iter: int | Literal["auto"]
    bptt_steps: int | None
    averaging: int

    def __init__(
        self,
        *,
        cell: Cell = "gru",
        hidden_size: int | Literal["auto"] = "auto",
        proj_size: int = 0,
        num_layers: int | Literal["auto"] = "auto",
        bidirectional: bool = False,
        nonlinearity: Nonlinearity = "tanh",
        bias: bool = True,
        dropout: float | Literal["auto"] = "auto",
        zoneout: float = 0.0,
        recurrent_dropout: float | Literal["auto"] = 0.0,
        readout: Readout = "auto",
        embedding_dim: int | Literal["auto"] | None = "auto",
        embeddings: ArrayLike | None = None,
        freeze_embeddings: bool = False,
        character_embedding_dim: int | Literal["auto"] | None = "auto",
        character_hidden_size: int = 32,
        return_sequences: bool = False,
        loss: Literal["squared_error", "absolute_error", "huber", "quantile"] = "squared_error",
        quantile: float = 0.5,
        normalize_X: bool = True,
        missing: Missing = "error",
        time_column: int | str | None = None,
        categorical_features: Categorical = None,
        normalize_y: bool = True,
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
        bptt_steps: int | None = None,
        early_stopping: bool = False,
        scoring: Scoring = None,
        validation_fraction: float | Splitter = 0.1,
        n_iter_no_change: int = 10,
        tol: float | None = None,
        init_from: object = None,
        freeze: int = 0,
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
        y: Rows | Steps | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Sequences | None = None,
        y_val: Rows | Steps | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        static: Rows | None = None,
        static_val: Rows | None = None,
        resume_from: Path | None = None,
    ) -> Self: ...
    def partial_fit(
        self, X: Sequences, y: Rows | Steps, sample_weight: ArrayLike | None = None, *, static: Rows | None = None
    ) -> Self: ...
    def attention_weights(self, X: Sequences, *, static: Rows | None = None) -> Objects: ...
    # Objects are arrays of steps, with return_sequences and sequences of several lengths.
    def predict(self, X: Sequences | SequenceFiles, *, static: Rows | None = None) -> Array[np.float64] | Objects: ...
    def score(
        self,
        X: Sequences | SequenceFiles,
        y: Rows | Steps | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        static: Rows | None = None,
    ) -> float: ...
    def transform(
        self, X: Sequences | SequenceFiles, *, static: Rows | None = None
    ) -> Matrix[np.float32 | np.float64] | Objects: ...
    def fit_transform(
        self, X: Sequences, y: Rows | Steps, *, static: Rows | None = None, **fit_params: object
    ) -> Matrix[np.float32 | np.float64] | Objects: ...
    def set_fit_request(
        self,
        *,
        X_val: Request = ...,
        groups: Request = ...,
        resume_from: Request = ...,
        sample_weight: Request = ...,
        sample_weight_val: Request = ...,
        static: Request = ...,
        static_val: Request = ...,
        y_val: Request = ...,
    ) -> Self: ...
    def set_partial_fit_request(self, *, sample_weight: Request = ..., static: Request = ...) -> Self: ...
    def set_score_request(self, *, sample_weight: Request = ..., static: Request = ...) -> Self: ...
    def set_predict_request(self, *, static: Request = ...) -> Self: ...
    def set_transform_request(self, *, static: Request = ...) -> Self: ...
