from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike

from fastrnn._types import Array, Sequences, Steps, Vector

_Average: TypeAlias = Literal["micro", "macro", "weighted"]
_Mode: TypeAlias = Literal["lenient", "strict"]
_Scheme: TypeAlias = Literal["IOB2", "IOBES"]

__all__ = [
    "coverage",
    "drift",
    "make_tagging_scorer",
    "mase",
    "mean_quantile_loss",
    "naive",
    "rmsse",
    "seasonal_naive",
    "smape",
    "span_f1_score",
    "span_precision_score",
    "span_recall_score",
    "step_score",
]

def naive(y: Sequences, horizon: int) -> Array[np.float64]: ...
def seasonal_naive(y: Sequences, horizon: int, season: int) -> Array[np.float64]: ...
def drift(y: Sequences, horizon: int) -> Array[np.float64]: ...
def mase(y_true: Sequences, y_pred: Sequences, *, y_train: Sequences, season: int = 1) -> float: ...
def rmsse(y_true: Sequences, y_pred: Sequences, *, y_train: Sequences, season: int = 1) -> float: ...
def smape(y_true: Sequences, y_pred: Sequences) -> float: ...
def mean_quantile_loss(y_true: Sequences, y_pred_quantiles: Sequences, *, quantiles: ArrayLike) -> float: ...
def coverage(y_true: Sequences, interval: Sequences) -> float: ...
def step_score(
    metric: Callable[..., object],
    y_true: Steps,
    y_pred: Steps,
    *,
    sample_weight: Steps | None = None,
    **options: object,
) -> object: ...
@overload
def span_f1_score(
    y_true: Steps,
    y_pred: Steps,
    *,
    average: _Average = "micro",
    mode: _Mode = "lenient",
    scheme: _Scheme = "IOB2",
    labels: Sequence[str] | None = None,
    zero_division: float | Literal["warn"] = "warn",
) -> float: ...
@overload
def span_f1_score(
    y_true: Steps,
    y_pred: Steps,
    *,
    average: None,
    mode: _Mode = "lenient",
    scheme: _Scheme = "IOB2",
    labels: Sequence[str] | None = None,
    zero_division: float | Literal["warn"] = "warn",
) -> Vector[np.float64]: ...
@overload
def span_precision_score(
    y_true: Steps,
    y_pred: Steps,
    *,
    average: _Average = "micro",
    mode: _Mode = "lenient",
    scheme: _Scheme = "IOB2",
    labels: Sequence[str] | None = None,
    zero_division: float | Literal["warn"] = "warn",
) -> float: ...
@overload
def span_precision_score(
    y_true: Steps,
    y_pred: Steps,
    *,
    average: None,
    mode: _Mode = "lenient",
    scheme: _Scheme = "IOB2",
    labels: Sequence[str] | None = None,
    zero_division: float | Literal["warn"] = "warn",
) -> Vector[np.float64]: ...
@overload
def span_recall_score(
    y_true: Steps,
    y_pred: Steps,
    *,
    average: _Average = "micro",
    mode: _Mode = "lenient",
    scheme: _Scheme = "IOB2",
    labels: Sequence[str] | None = None,
    zero_division: float | Literal["warn"] = "warn",
) -> float: ...
@overload
def span_recall_score(
    y_true: Steps,
    y_pred: Steps,
    *,
    average: None,
    mode: _Mode = "lenient",
    scheme: _Scheme = "IOB2",
    labels: Sequence[str] | None = None,
    zero_division: float | Literal["warn"] = "warn",
) -> Vector[np.float64]: ...
def make_tagging_scorer(
    metric: Callable[..., object], **options: object
) -> Callable[[object, Sequences, Steps], float]: ...
