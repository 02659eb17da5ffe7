from typing import Generic, Literal, Self, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike

from fastrnn._types import Array, Labels, Objects, Parameters, RandomState, Request, Rows, Sequences, Steps
from fastrnn.classifier import SequenceClassifier
from fastrnn.regressor import SequenceRegressor
from fastrnn.tagger import SequenceTagger

_E = TypeVar("_E", bound=SequenceClassifier | SequenceRegressor | SequenceTagger)

class SequenceEnsemble(Parameters, Generic[_E]):
    estimator: _E
    n_members: int
    n_jobs: int | None
    random_state: RandomState
    estimators_: list[_E]
    classes_: Labels
    n_features_in_: int
    feature_names_in_: Objects
    n_static_features_in_: int
    static_feature_names_in_: Objects

    def __init__(
        self, estimator: _E, n_members: int = 8, *, n_jobs: int | None = None, random_state: RandomState = None
    ) -> None: ...
    def fit(
        self,
        X: Sequences,
        y: ArrayLike | Steps | None = None,
        sample_weight: ArrayLike | Steps | None = None,
        *,
        X_val: Sequences | None = None,
        y_val: ArrayLike | Steps | None = None,
        sample_weight_val: ArrayLike | Steps | None = None,
        groups: ArrayLike | None = None,
        static: Rows | None = None,
        static_val: Rows | None = None,
    ) -> Self: ...
    # Of each sequence, or one array a sequence for its steps; with `return_std` also how much the members differ.
    @overload
    def predict(
        self, X: Sequences, return_std: Literal[False] = False, *, static: Rows | None = None
    ) -> Array[np.generic[object]]: ...
    @overload
    def predict(
        self, X: Sequences, return_std: Literal[True], *, static: Rows | None = None
    ) -> tuple[Array[np.generic[object]], Array[np.generic[object]]]: ...
    @overload
    def predict_proba(
        self, X: Sequences, return_std: Literal[False] = False, *, static: Rows | None = None
    ) -> Array[np.generic[object]]: ...
    @overload
    def predict_proba(
        self, X: Sequences, return_std: Literal[True], *, static: Rows | None = None
    ) -> tuple[Array[np.generic[object]], Array[np.generic[object]]]: ...
    def score(
        self,
        X: Sequences,
        y: ArrayLike | Steps | None = None,
        sample_weight: ArrayLike | Steps | None = None,
        *,
        static: Rows | None = None,
    ) -> float: ...
    def set_fit_request(
        self,
        *,
        X_val: Request = ...,
        groups: Request = ...,
        sample_weight: Request = ...,
        sample_weight_val: Request = ...,
        static: Request = ...,
        static_val: Request = ...,
        y_val: Request = ...,
    ) -> Self: ...
    def set_predict_request(self, *, return_std: Request = ..., static: Request = ...) -> Self: ...
    def set_predict_proba_request(self, *, return_std: Request = ..., static: Request = ...) -> Self: ...
    def set_score_request(self, *, sample_weight: Request = ..., static: Request = ...) -> Self: ...
