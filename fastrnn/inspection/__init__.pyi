from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Literal, Protocol, Self, TypeAlias, overload

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colorbar import Colorbar
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from fastrnn._types import Array, Labels, Matrix, Objects, RandomState, Rows, Sequences, Steps, Texts, Vector
from fastrnn.classifier import SequenceClassifier
from fastrnn.forecaster import SequenceForecaster
from fastrnn.generator import SequenceGenerator
from fastrnn.regressor import SequenceRegressor
from fastrnn.seq2seq import SequenceToSequence
from fastrnn.tagger import SequenceTagger

__all__ = [
    "AttentionDisplay",
    "AttributionDisplay",
    "ForecastDisplay",
    "GateActivationsDisplay",
    "GradientFlowDisplay",
    "ImportanceDisplay",
    "ProbabilitiesDisplay",
    "TrainingCurveDisplay",
    "integrated_gradients",
    "occlusion",
    "permutation_importance",
]

_Names: TypeAlias = Sequence[str] | ArrayLike
_Reading: TypeAlias = SequenceClassifier | SequenceRegressor | SequenceTagger | SequenceGenerator | SequenceToSequence

class _Trained(Protocol):
    @property
    def loss_curve_(self) -> Sequence[float]: ...

class _Probable(Protocol):
    """A classifier of sequences; a Pipeline, too."""

    def predict_proba(self, X: list[ArrayLike], /) -> ArrayLike: ...

class _Fitted(Protocol):
    def fit(self, X: list[ArrayLike], /) -> object: ...

class _Importances(Protocol):
    importances: Matrix[np.float64]
    importances_mean: Vector[np.float64]
    importances_std: Vector[np.float64]
    names: list[str]

class _Attributions(Protocol):
    attributions: Objects
    predictions: Vector[np.float64]
    targets: Labels

class _PathAttributions(_Attributions, Protocol):
    baseline_predictions: Vector[np.float64]

_Parts: TypeAlias = Sequence[Hashable | Sequence[Hashable]] | Literal["all"] | None
_Stretches: TypeAlias = int | Sequence[tuple[float | None, float | None]] | None
_Target: TypeAlias = Hashable | Sequence[Hashable] | ArrayLike | None

@overload
def permutation_importance(
    estimator: _Fitted,
    X: Sequences | Texts,
    y: Rows | Steps | None,
    *,
    channels: _Parts = None,
    stretches: _Stretches = None,
    scoring: str | Callable[..., float] | None = None,
    n_repeats: int = 5,
    n_jobs: int | None = None,
    random_state: RandomState = None,
    sample_weight: Steps | None = None,
    max_samples: float = 1.0,
) -> _Importances: ...
@overload
def permutation_importance(
    estimator: _Fitted,
    X: Sequences | Texts,
    y: Rows | Steps | None,
    *,
    channels: _Parts = None,
    stretches: _Stretches = None,
    scoring: list[str] | tuple[str, ...] | Mapping[str, str | Callable[..., float]],
    n_repeats: int = 5,
    n_jobs: int | None = None,
    random_state: RandomState = None,
    sample_weight: Steps | None = None,
    max_samples: float = 1.0,
) -> dict[str, _Importances]: ...
def occlusion(
    estimator: _Fitted,
    X: Sequences | Texts,
    *,
    window: float = 0.1,
    stride: float | None = None,
    channels: _Parts = None,
    baseline: ArrayLike | None = None,
    target: _Target = None,
    step: int = -1,
) -> _Attributions: ...
def integrated_gradients(
    estimator: _Fitted,
    X: Sequences | Texts,
    *,
    target: _Target = None,
    step: int = -1,
    baseline: ArrayLike | None = None,
    tol: float = 1e-3,
    n_steps: int = 2000,
) -> _PathAttributions: ...

class AttributionDisplay:
    attributions: ArrayLike
    labels: _Names | None
    channels: _Names | None
    ax_: Axes
    figure_: Figure
    image_: AxesImage | None
    colorbar_: Colorbar | None
    bars_: BarContainer | None

    def __init__(
        self, *, attributions: ArrayLike, labels: _Names | None = None, channels: _Names | None = None
    ) -> None: ...
    @classmethod
    def from_estimator(
        cls,
        estimator: _Fitted,
        x: Rows | str | Sequence[str],
        *,
        method: Literal["integrated_gradients", "occlusion"] = "integrated_gradients",
        labels: _Names | None = None,
        ax: Axes | None = None,
        **options: object,
    ) -> Self: ...
    def plot(self, ax: Axes | None = None) -> Self: ...

class ImportanceDisplay:
    importances: ArrayLike
    names: _Names | None
    ax_: Axes
    figure_: Figure
    bars_: BarContainer

    def __init__(self, *, importances: ArrayLike, names: _Names | None = None) -> None: ...
    @classmethod
    def from_estimator(
        cls,
        estimator: _Fitted,
        X: Sequences | Texts,
        y: Rows | Steps | None,
        *,
        ax: Axes | None = None,
        **options: object,
    ) -> Self: ...
    def plot(self, ax: Axes | None = None) -> Self: ...

class AttentionDisplay:
    weights: ArrayLike
    source_labels: _Names | None
    target_labels: _Names | None
    ax_: Axes
    figure_: Figure
    image_: AxesImage
    colorbar_: Colorbar

    def __init__(
        self, *, weights: ArrayLike, source_labels: _Names | None = None, target_labels: _Names | None = None
    ) -> None: ...
    @classmethod
    def from_estimator(
        cls,
        estimator: SequenceToSequence | SequenceClassifier | SequenceRegressor,
        x: ArrayLike,
        y: ArrayLike | None = None,
        *,
        static: ArrayLike | None = None,
        source_labels: _Names | None = None,
        target_labels: _Names | None = None,
        ax: Axes | None = None,
    ) -> Self: ...
    def plot(self, ax: Axes | None = None) -> Self: ...

class ForecastDisplay:
    history: Rows
    median: Rows
    intervals: Mapping[float, Rows]
    actual: Rows | None
    history_times: ArrayLike | None
    times: ArrayLike | None
    ax_: Axes
    figure_: Figure
    history_line_: Line2D
    line_: Line2D
    actual_line_: Line2D | None
    bands_: dict[float, PolyCollection]

    def __init__(
        self,
        *,
        history: Rows,
        median: Rows,
        intervals: Mapping[float, Rows] | None = None,
        actual: Rows | None = None,
        history_times: ArrayLike | None = None,
        times: ArrayLike | None = None,
    ) -> None: ...
    @classmethod
    def from_estimator(
        cls,
        forecaster: SequenceForecaster,
        y: Sequences | None = None,
        *,
        horizon: int | None = None,
        history: Sequences | None = None,
        future: Sequences | None = None,
        past: Sequences | None = None,
        static: Rows | None = None,
        series: int | Hashable = 0,
        channel: int = 0,
        coverages: float | Sequence[float] | None = None,
        n_history: int | None = None,
        ax: Axes | None = None,
    ) -> Self: ...
    @classmethod
    def from_predictions(
        cls,
        history: Rows,
        median: Rows,
        intervals: Mapping[float, Rows] | None = None,
        actual: Rows | None = None,
        *,
        ax: Axes | None = None,
    ) -> Self: ...
    def plot(self, ax: Axes | None = None) -> Self: ...

class GateActivationsDisplay:
    activations: Mapping[str, Matrix[np.float32 | np.float64]]
    labels: _Names | None
    axes_: dict[str, Axes]
    images_: dict[str, AxesImage]
    figure_: Figure

    def __init__(
        self, *, activations: Mapping[str, Matrix[np.float32 | np.float64]], labels: _Names | None = None
    ) -> None: ...
    @classmethod
    def from_estimator(
        cls, estimator: _Reading, x: ArrayLike, *, layer: str = "l0", labels: _Names | None = None
    ) -> Self: ...
    def plot(self) -> Self: ...

class GradientFlowDisplay:
    norms: Mapping[str, Array[np.float64]]
    label: str | None
    ax_: Axes
    figure_: Figure
    lines_: dict[str, Line2D]

    def __init__(self, *, norms: Mapping[str, Array[np.float64]], label: str | None = None) -> None: ...
    @classmethod
    def from_estimator(
        cls,
        estimator: _Reading,
        X: Sequences,
        y: Rows | Steps | None = None,
        *,
        label: str | None = None,
        ax: Axes | None = None,
    ) -> Self: ...
    def plot(self, ax: Axes | None = None) -> Self: ...

class ProbabilitiesDisplay:
    probabilities: ArrayLike
    classes: ArrayLike
    truth: ArrayLike | None
    max_classes: int
    labels: _Names | None
    ax_: Axes
    figure_: Figure
    lines_: dict[Hashable, Line2D]
    other_line_: Line2D | None

    def __init__(
        self,
        *,
        probabilities: ArrayLike,
        classes: ArrayLike,
        truth: ArrayLike | None = None,
        max_classes: int = 6,
        labels: _Names | None = None,
    ) -> None: ...
    @classmethod
    def from_estimator(
        cls,
        estimator: SequenceClassifier | SequenceTagger | _Probable,
        x: ArrayLike,
        y: ArrayLike | None = None,
        *,
        max_classes: int = 6,
        labels: _Names | None = None,
        ax: Axes | None = None,
    ) -> Self: ...
    def plot(self, ax: Axes | None = None) -> Self: ...

class TrainingCurveDisplay:
    losses: Sequence[float]
    scores: Sequence[float] | None
    validation_losses: Sequence[float] | None
    label: str | None
    ax_: Axes
    figure_: Figure
    score_ax_: Axes | None
    line_: Line2D
    validation_line_: Line2D | None
    score_line_: Line2D | None
    best_: Line2D | None

    def __init__(
        self,
        *,
        losses: Sequence[float],
        scores: Sequence[float] | None = None,
        validation_losses: Sequence[float] | None = None,
        label: str | None = None,
    ) -> None: ...
    @classmethod
    def from_estimator(cls, estimator: _Trained, *, label: str | None = None, ax: Axes | None = None) -> Self: ...
    def plot(self, ax: Axes | None = None) -> Self: ...
