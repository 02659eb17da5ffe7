from collections.abc import Callable, Sequence
from typing import Literal, NoReturn, Self, TypeAlias

import numpy as np

from fastrnn._types import (
    Array,
    Callbacks,
    Cell,
    Estimator,
    Frame,
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
)
from fastrnn.forecaster.backtest import Backtest

_Series: TypeAlias = Sequences
_Forecast: TypeAlias = Array[np.float64] | Frame | list[Frame]
"""An array for arrays; for a table one of its kind, and for a list of tables a list."""
_Metric: TypeAlias = (
    Literal["mase", "rmsse", "smape", "mae", "rmse", "mean_quantile_loss", "coverage"]
    | Callable[[Array[np.float64], Array[np.float64]], float]
)

class SequenceForecaster(Estimator):
    readout: None
    bidirectional: bool
    bptt_steps: None
    embedding_dim: None
    embeddings: None
    freeze_embeddings: bool
    horizon: int | None
    context: int | Literal["auto"] | None
    season: int | Sequence[int] | Literal["auto"] | None
    difference: bool | Literal["auto"]
    seasonal_difference: bool | Literal["auto"]
    smoothing: bool | Literal["auto"]
    log: bool | Literal["auto"]
    scaling: Literal["mean", "standard", "robust"] | None
    linear_lags: int | Literal["auto"]
    strategy: Literal["direct", "recursive"]
    loss: Literal[
        "quantile", "squared_error", "absolute_error", "gaussian", "student_t", "negative_binomial", "mixture"
    ]
    quantiles: Sequence[float]
    n_components: int
    calibration: int
    shrinkage: Literal["auto"] | None
    calendar: bool
    missing: Literal["error", "interpolate"]
    dropout: float
    zoneout: float
    recurrent_dropout: float | Literal["auto"]
    learning_rate_init: float | Literal["auto"]
    max_iter: int
    horizon_: int
    context_: int | None
    linear_coef_: Matrix[np.float64]
    n_features_in_: int

    def __init__(
        self,
        *,
        horizon: int | None = None,
        context: int | Literal["auto"] | None = "auto",
        season: int | Sequence[int] | Literal["auto"] | None = "auto",
        difference: bool | Literal["auto"] = "auto",
        seasonal_difference: bool | Literal["auto"] = "auto",
        smoothing: bool | Literal["auto"] = "auto",
        log: bool | Literal["auto"] = "auto",
        scaling: Literal["mean", "standard", "robust"] | None = "mean",
        linear_lags: int | Literal["auto"] = "auto",
        strategy: Literal["direct", "recursive"] = "direct",
        loss: Literal[
            "quantile", "squared_error", "absolute_error", "gaussian", "student_t", "negative_binomial", "mixture"
        ] = "quantile",
        quantiles: Sequence[float] = (0.025, 0.1, 0.5, 0.9, 0.975),
        n_components: int = 5,
        calibration: int = 0,
        shrinkage: Literal["auto"] | None = "auto",
        calendar: bool = False,
        missing: Literal["error", "interpolate"] = "error",
        cell: Cell = "gru",
        hidden_size: int = 64,
        proj_size: int = 0,
        num_layers: int = 1,
        nonlinearity: Nonlinearity = "tanh",
        bias: bool = True,
        dropout: float = 0.0,
        zoneout: float = 0.0,
        recurrent_dropout: float | Literal["auto"] = 0.0,
        solver: Solver = "adam",
        learning_rate_init: float | Literal["auto"] = "auto",
        learning_rate: Schedule = "cosine",
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        alpha: float | Literal["auto"] = 0.0,
        batch_size: int = 32,
        max_iter: int = 20,
        shuffle: bool = True,
        clip_norm: float | None = 1.0,
        clip_value: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float | None = None,
        warm_start: bool = False,
        dtype: Precision = "float32",
        n_jobs: int | None = None,
        random_state: RandomState = None,
        verbose: bool | int = False,
        callbacks: Callbacks = None,
    ) -> None: ...
    @property
    def season_(self) -> list[int]: ...
    @property
    def stream(self) -> NoReturn: ...
    def fit(
        self,
        y: _Series,
        *by_place: None,
        past: _Series | None = None,
        future: _Series | None = None,
        static: Rows | None = None,
        id_col: str = "unique_id",
        time_col: str = "ds",
        target_col: str = "y",
        resume_from: Path | None = None,
    ) -> Self: ...
    def predict(
        self,
        horizon: int | None = None,
        history: _Series | None = None,
        *,
        future: _Series | None = None,
        past: _Series | None = None,
        static: Rows | None = None,
    ) -> _Forecast: ...
    def predict_quantiles(
        self,
        quantiles: Sequence[float] | None = None,
        horizon: int | None = None,
        history: _Series | None = None,
        *,
        future: _Series | None = None,
        past: _Series | None = None,
        static: Rows | None = None,
    ) -> _Forecast: ...
    def predict_interval(
        self,
        coverage: float = 0.8,
        horizon: int | None = None,
        history: _Series | None = None,
        *,
        future: _Series | None = None,
        past: _Series | None = None,
        static: Rows | None = None,
    ) -> _Forecast: ...
    def sample_paths(
        self,
        n_paths: int = 100,
        horizon: int | None = None,
        history: _Series | None = None,
        *,
        future: _Series | None = None,
        static: Rows | None = None,
        random_state: RandomState = None,
    ) -> _Forecast: ...
    def update(
        self, y_new: _Series, *by_place: None, past: _Series | None = None, future: _Series | None = None
    ) -> Self: ...
    def score(self, y: _Series, *by_place: None, future: _Series | None = None) -> float: ...
    def backtest(
        self,
        y: _Series | None = None,
        initial: int | None = None,
        step: int = 1,
        horizon: int | None = None,
        metrics: _Metric | Sequence[_Metric] = ("mase", "smape"),
        refit: bool | int = False,
        *,
        past: _Series | None = None,
        future: _Series | None = None,
        static: Rows | None = None,
    ) -> Backtest: ...
    def set_fit_request(
        self,
        *,
        future: Request = ...,
        id_col: Request = ...,
        past: Request = ...,
        resume_from: Request = ...,
        static: Request = ...,
        target_col: Request = ...,
        time_col: Request = ...,
    ) -> Self: ...
    def set_predict_request(
        self,
        *,
        future: Request = ...,
        history: Request = ...,
        horizon: Request = ...,
        past: Request = ...,
        static: Request = ...,
    ) -> Self: ...
    def set_score_request(self, *, future: Request = ...) -> Self: ...
