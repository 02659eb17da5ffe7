from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from fastrnn._types import (
    Callbacks,
    Categorical,
    Cell,
    Extractor,
    Labels,
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
    Streaming,
    Vector,
)
from fastrnn.data import SequenceFiles
from fastrnn.generator import SequenceGenerator
from fastrnn.streaming import Stream

_Transcripts: TypeAlias = ArrayLike | Sequence[ArrayLike] | Sequence[str]
"""The labels of each sequence, or a str of characters."""

class SequenceTranscriber(Extractor, Streaming):
    readout: None
    bidirectional: bool
    dropout: float | Literal["auto"]
    zoneout: float
    recurrent_dropout: float | Literal["auto"]
    embedding_dim: int | Literal["auto"] | None
    embeddings: ArrayLike | None
    freeze_embeddings: bool
    init_from: object
    freeze: int
    character_embedding_dim: int | Literal["auto"] | None
    character_hidden_size: int
    decoding: Literal["greedy", "beam"]
    beam_width: int
    normalize_X: bool
    missing: Missing
    time_column: int | str | None
    categorical_features: Categorical
    categories_: list[Labels]
    is_categorical_: Vector[np.bool_]
    learning_rate_init: float
    max_iter: int
    bptt_steps: int | None
    classes_: Labels
    averaging: int

    def __init__(
        self,
        *,
        cell: Cell = "lstm",
        hidden_size: int | Literal["auto"] = "auto",
        proj_size: int = 0,
        num_layers: int | Literal["auto"] = "auto",
        bidirectional: bool = True,
        nonlinearity: Nonlinearity = "tanh",
        bias: bool = True,
        dropout: float | Literal["auto"] = "auto",
        zoneout: float = 0.0,
        recurrent_dropout: float | Literal["auto"] = 0.0,
        embedding_dim: int | Literal["auto"] | None = "auto",
        embeddings: ArrayLike | None = None,
        freeze_embeddings: bool = False,
        character_embedding_dim: int | Literal["auto"] | None = "auto",
        character_hidden_size: int = 32,
        decoding: Literal["greedy", "beam"] = "greedy",
        beam_width: int = 10,
        normalize_X: bool = True,
        missing: Missing = "error",
        time_column: int | str | None = None,
        categorical_features: Categorical = None,
        solver: Solver = "adam",
        learning_rate_init: float = 0.005,
        learning_rate: Schedule = "cosine",
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        alpha: float | Literal["auto"] = 0.0,
        batch_size: int = 32,
        max_iter: int = 60,
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
        y: _Transcripts | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Sequences | None = None,
        y_val: _Transcripts | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        resume_from: Path | None = None,
    ) -> Self: ...
    def partial_fit(
        self, X: Sequences, y: _Transcripts, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self: ...
    # One array a sequence: of labels, fewer than steps; or with a row for each step.
    def predict(
        self,
        X: Sequences | SequenceFiles,
        *,
        language_model: SequenceGenerator | None = None,
        language_weight: float = 0.5,
    ) -> Objects: ...
    def predict_proba(self, X: Sequences | SequenceFiles) -> Objects: ...
    def score(
        self,
        X: Sequences | SequenceFiles,
        y: _Transcripts | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        language_model: SequenceGenerator | None = None,
        language_weight: float = 0.5,
    ) -> float: ...
    def stream(self, batch: int = 1) -> LabelStream: ...
    def transform(self, X: Sequences | SequenceFiles) -> Objects: ...
    def fit_transform(self, X: Sequences, y: _Transcripts, **fit_params: object) -> Objects: ...
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
    def set_partial_fit_request(self, *, classes: Request = ..., sample_weight: Request = ...) -> Self: ...
    def set_predict_request(self, *, language_model: Request = ..., language_weight: Request = ...) -> Self: ...
    def set_score_request(
        self, *, language_model: Request = ..., language_weight: Request = ..., sample_weight: Request = ...
    ) -> Self: ...

class LabelStream(Stream):
    def __init__(self, classes: Labels, *given: object) -> None: ...
    # Of one sequence the label that begins, or None; of several a list of these.
    def step(self, x: ArrayLike, time: ArrayLike | datetime | None = None) -> object: ...  # type: ignore[override]
