from collections.abc import Iterable
from typing import Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.model_selection import BaseCrossValidator

from fastrnn._types import Labels, Matrix, Objects, Parameters, Request, Rows, Sequences, Vector
from fastrnn.classifier import SequenceClassifier

class EarlyClassifier(ClassifierMixin, Parameters):
    estimator: SequenceClassifier
    cv: int | BaseCrossValidator | Iterable[tuple[ArrayLike, ArrayLike]]
    threshold: float | None
    estimator_: SequenceClassifier
    threshold_: float
    best_score_: float | None
    classes_: Labels
    n_features_in_: int
    feature_names_in_: Objects
    n_static_features_in_: int
    static_feature_names_in_: Objects

    def __init__(
        self,
        estimator: SequenceClassifier,
        *,
        cv: int | BaseCrossValidator | Iterable[tuple[ArrayLike, ArrayLike]] = 5,
        threshold: float | None = None,
    ) -> None: ...
    def fit(
        self,
        X: Sequences,
        y: Rows | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        *,
        static: Rows | None = None,
    ) -> Self: ...
    @overload
    def predict(self, X: Sequences, return_steps: Literal[False] = False, *, static: Rows | None = None) -> Labels: ...
    @overload
    def predict(
        self, X: Sequences, return_steps: Literal[True], *, static: Rows | None = None
    ) -> tuple[Labels, Vector[np.int64]]: ...
    def predict_proba(self, X: Sequences, *, static: Rows | None = None) -> Matrix[np.float64]: ...
    def score(
        self, X: Sequences, y: Rows, sample_weight: ArrayLike | None = None, *, static: Rows | None = None
    ) -> float: ...
    def stream(self, batch: int = 1, *, static: Rows | None = None) -> EarlyStream: ...
    def set_fit_request(
        self, *, groups: Request = ..., sample_weight: Request = ..., static: Request = ...
    ) -> Self: ...
    def set_predict_request(self, *, return_steps: Request = ..., static: Request = ...) -> Self: ...
    def set_predict_proba_request(self, *, static: Request = ...) -> Self: ...
    def set_score_request(self, *, sample_weight: Request = ..., static: Request = ...) -> Self: ...

class EarlyStream:
    probabilities: Vector[np.float64] | Matrix[np.float64]

    def __init__(self, stream: object, classes: Labels, threshold: float) -> None: ...
    @property
    def n_steps(self) -> int: ...
    # One label, or None; with a batch an array of such.
    @property
    def guess(self) -> object: ...
    def reset(self) -> None: ...
    def step(self, x: ArrayLike, time: ArrayLike | None = None) -> object: ...
