from collections.abc import Sequence
from typing import Any, Literal, Self

from numpy.typing import ArrayLike

from fastrnn._types import (
    Callbacks,
    Categorical,
    Cell,
    ClassWeight,
    ClassWeights,
    Missing,
    Nonlinearity,
    Precision,
    RandomState,
    Readout,
    Schedule,
    Solver,
)
from fastrnn.classifier import SequenceClassifier
from fastrnn.forecaster import SequenceForecaster
from fastrnn.regressor import SequenceRegressor
from fastrnn.tagger import SequenceTagger

__all__ = ["DaskSequenceClassifier", "DaskSequenceForecaster", "DaskSequenceRegressor", "DaskSequenceTagger"]

# Partitions, and answers in their kind, are Dask's, which has no types for what is in them.

class DaskSequenceClassifier(SequenceClassifier):
    client: Any
    rounds: Literal["synchronous", "local"]
    local_steps: int
    partitions_at_once: int | None
    timeout: float

    def __init__(
        self,
        *,
        cell: Cell = "gru",
        hidden_size: int | Literal["auto"] = "auto",
        proj_size: int = 0,
        num_layers: int | Literal["auto"] = "auto",
        bidirectional: bool = True,
        nonlinearity: Nonlinearity = "tanh",
        bias: bool = True,
        dropout: float | Literal["auto"] = "auto",
        zoneout: float = 0.0,
        recurrent_dropout: float | Literal["auto"] = "auto",
        readout: Readout = "auto",
        embedding_dim: int | Literal["auto"] | None = "auto",
        embeddings: ArrayLike | None = None,
        freeze_embeddings: bool = False,
        character_embedding_dim: int | Literal["auto"] | None = "auto",
        character_hidden_size: int = 32,
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
        bptt_steps: int | None = None,
        early_stopping: bool = False,
        scoring: Literal["loss"] | None = None,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float | None = None,
        patch_length: int | Literal["auto"] = "auto",
        class_weight: ClassWeights = None,
        init_from: object = None,
        freeze: int = 0,
        label_smoothing: float = 0.0,
        averaging: int = 0,
        warm_start: bool = False,
        dtype: Precision = "float32",
        n_jobs: int | None = None,
        random_state: RandomState = None,
        verbose: bool | int = False,
        callbacks: Callbacks = None,
        client: Any = None,
        rounds: Literal["synchronous", "local"] = "synchronous",
        local_steps: int = 10,
        partitions_at_once: int | None = None,
        timeout: float = 600,
    ) -> None: ...
    def fit(  # type: ignore[override]
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        id_col: str = "unique_id",
        time_col: str = "ds",
        target_col: str = "y",
    ) -> Self: ...
    def to_local(self) -> SequenceClassifier: ...
    def predict(self, X: Any) -> Any: ...  # type: ignore[override]
    def predict_proba(self, X: Any) -> Any: ...  # type: ignore[override]
    def predict_log_proba(self, X: Any) -> Any: ...  # type: ignore[override]
    def transform(self, X: Any) -> Any: ...  # type: ignore[override]
    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float: ...  # type: ignore[override]

class DaskSequenceRegressor(SequenceRegressor):
    client: Any
    rounds: Literal["synchronous", "local"]
    local_steps: int
    partitions_at_once: int | None
    timeout: float

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
        scoring: Literal["loss"] | None = None,
        validation_fraction: float = 0.1,
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
        client: Any = None,
        rounds: Literal["synchronous", "local"] = "synchronous",
        local_steps: int = 10,
        partitions_at_once: int | None = None,
        timeout: float = 600,
    ) -> None: ...
    def fit(  # type: ignore[override]
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        id_col: str = "unique_id",
        time_col: str = "ds",
        target_col: str = "y",
    ) -> Self: ...
    def to_local(self) -> SequenceRegressor: ...
    def predict(self, X: Any) -> Any: ...  # type: ignore[override]
    def transform(self, X: Any) -> Any: ...  # type: ignore[override]
    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float: ...  # type: ignore[override]

class DaskSequenceTagger(SequenceTagger):
    client: Any
    rounds: Literal["synchronous", "local"]
    local_steps: int
    partitions_at_once: int | None
    timeout: float

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
        recurrent_dropout: float | Literal["auto"] = "auto",
        embedding_dim: int | Literal["auto"] | None = "auto",
        embeddings: ArrayLike | None = None,
        freeze_embeddings: bool = False,
        character_embedding_dim: int | Literal["auto"] | None = "auto",
        character_hidden_size: int = 32,
        crf: bool | Literal["auto"] = "auto",
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
        max_iter: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        clip_norm: float | None = 1.0,
        clip_value: float | None = None,
        bptt_steps: int | None = None,
        early_stopping: bool = False,
        scoring: Literal["loss"] | None = None,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float | None = None,
        class_weight: ClassWeight = None,
        init_from: object = None,
        freeze: int = 0,
        label_smoothing: float = 0.0,
        averaging: int = 0,
        warm_start: bool = False,
        dtype: Precision = "float32",
        n_jobs: int | None = None,
        random_state: RandomState = None,
        verbose: bool | int = False,
        callbacks: Callbacks = None,
        client: Any = None,
        rounds: Literal["synchronous", "local"] = "synchronous",
        local_steps: int = 10,
        partitions_at_once: int | None = None,
        timeout: float = 600,
    ) -> None: ...
    def fit(  # type: ignore[override]
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        id_col: str = "unique_id",
        time_col: str = "ds",
        target_col: str = "y",
    ) -> Self: ...
    def to_local(self) -> SequenceTagger: ...
    def predict(self, X: Any) -> Any: ...  # type: ignore[override]
    def predict_proba(self, X: Any) -> Any: ...  # type: ignore[override]
    def transform(self, X: Any) -> Any: ...  # type: ignore[override]
    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float: ...  # type: ignore[override]

class DaskSequenceForecaster(SequenceForecaster):
    client: Any
    rounds: Literal["synchronous", "local"]
    local_steps: int
    partitions_at_once: int | None
    timeout: float

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
        client: Any = None,
        rounds: Literal["synchronous", "local"] = "synchronous",
        local_steps: int = 10,
        partitions_at_once: int | None = None,
        timeout: float = 600,
    ) -> None: ...
    def fit(  # type: ignore[override]
        self,
        y: Any,
        *by_place: None,
        past: Any = None,
        future: Any = None,
        static: Any = None,
        id_col: str = "unique_id",
        time_col: str = "ds",
        target_col: str = "y",
    ) -> Self: ...
    def to_local(self) -> SequenceForecaster: ...
    def predict(
        self,
        horizon: int | None = None,
        history: Any = None,
        *,
        future: Any = None,
        past: Any = None,
        static: Any = None,
    ) -> Any: ...
    def predict_quantiles(
        self,
        quantiles: Sequence[float] | None = None,
        horizon: int | None = None,
        history: Any = None,
        *,
        future: Any = None,
        past: Any = None,
        static: Any = None,
    ) -> Any: ...
    def predict_interval(
        self,
        coverage: float = 0.8,
        horizon: int | None = None,
        history: Any = None,
        *,
        future: Any = None,
        past: Any = None,
        static: Any = None,
    ) -> Any: ...
    def score(self, y: Any, *by_place: None, future: Any = None) -> float: ...
    def backtest(  # type: ignore[override]
        self,
        y: Any = None,
        initial: int | None = None,
        step: int = 1,
        horizon: int | None = None,
        metrics: Any = ("mase", "smape"),
        *,
        past: Any = None,
        future: Any = None,
        static: Any = None,
    ) -> Any: ...
