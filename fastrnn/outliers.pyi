from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import OutlierMixin

from fastrnn._types import (
    Callbacks,
    Cell,
    Nonlinearity,
    Objects,
    Path,
    Precision,
    RandomState,
    Request,
    Schedule,
    Sequences,
    Solver,
    Splitter,
    Vector,
)
from fastrnn.data import SequenceFiles
from fastrnn.seq2seq.autoencoder import Reproducing
from fastrnn.streaming import Stream

class SequenceOutlierDetector(OutlierMixin, Reproducing):
    method: Literal["forecast", "reconstruction"]
    contamination: float
    offset_: float

    @property
    def bidirectional(self) -> bool: ...
    def __init__(
        self,
        *,
        method: Literal["reconstruction", "forecast"] = "reconstruction",
        contamination: float = 0.05,
        cell: Cell = "gru",
        hidden_size: int = 32,
        proj_size: int = 0,
        num_layers: int = 1,
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
        early_stopping: bool = True,
        validation_fraction: float | Splitter = 0.2,
        n_iter_no_change: int = 50,
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
    def fit_predict(self, X: Sequences, y: object = None, **fit_params: object) -> Vector[np.int64]: ...
    def score_steps(self, X: Sequences | SequenceFiles) -> Objects: ...
    def score_samples(self, X: Sequences | SequenceFiles) -> Vector[np.float64]: ...
    def decision_function(self, X: Sequences | SequenceFiles) -> Vector[np.float64]: ...
    def predict(self, X: Sequences | SequenceFiles) -> Vector[np.int64]: ...
    def stream(self, batch: int = 1) -> Stream: ...  # type: ignore[override]
    def set_fit_request(
        self,
        *,
        X_val: Request = ...,
        groups: Request = ...,
        resume_from: Request = ...,
        sample_weight: Request = ...,
        sample_weight_val: Request = ...,
    ) -> Self: ...
