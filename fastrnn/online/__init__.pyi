from collections.abc import Hashable, Mapping, Sequence
from typing import Literal, Self, TypeAlias

from numpy.typing import ArrayLike

from fastrnn._types import Nonlinearity, Parameters, Precision, RandomState
from fastrnn.base.summary import Summary

__all__ = ["OnlineClassifier", "OnlineRegressor"]

_Cell: TypeAlias = Literal["lstm", "gru", "rnn", "mingru", "minlstm", "sru"]
_Solver: TypeAlias = Literal["adam", "sgd", "rmsprop"]
_Step: TypeAlias = Mapping[str, float] | Mapping[int, float] | Sequence[float] | ArrayLike

class _Learner(Parameters):
    feature_names_in_: list[str | int]
    n_features_in_: int

    def clone(self, new_params: Mapping[str, object] | None = None, include_attributes: bool = False) -> Self: ...
    def summary(self, n_steps: int = 100) -> Summary: ...
    def reset(self) -> None: ...

class OnlineClassifier(_Learner):
    cell: _Cell
    hidden_size: int
    nonlinearity: Nonlinearity
    gradient: Literal["rtrl", "bptt"]
    bptt_steps: int
    solver: _Solver
    learning_rate_init: float
    clip_norm: float | None
    normalize_X: bool
    classes: ArrayLike | None
    dtype: Precision
    random_state: RandomState
    classes_: list[Hashable]

    def __init__(
        self,
        *,
        cell: _Cell = "gru",
        hidden_size: int = 16,
        nonlinearity: Nonlinearity = "tanh",
        gradient: Literal["rtrl", "bptt"] = "rtrl",
        bptt_steps: int = 20,
        solver: _Solver = "rmsprop",
        learning_rate_init: float = 0.005,
        clip_norm: float | None = 1.0,
        normalize_X: bool = True,
        classes: ArrayLike | None = None,
        dtype: Precision = "float32",
        random_state: RandomState = None,
    ) -> None: ...
    def learn_one(self, x: _Step, y: Hashable) -> None: ...
    def predict_proba_one(self, x: _Step) -> dict[Hashable, float]: ...
    def predict_one(self, x: _Step) -> Hashable | None: ...

class OnlineRegressor(_Learner):
    cell: _Cell
    hidden_size: int
    nonlinearity: Nonlinearity
    gradient: Literal["rtrl", "bptt"]
    bptt_steps: int
    solver: _Solver
    learning_rate_init: float
    clip_norm: float | None
    normalize_X: bool
    normalize_y: bool
    dtype: Precision
    random_state: RandomState

    def __init__(
        self,
        *,
        cell: _Cell = "gru",
        hidden_size: int = 16,
        nonlinearity: Nonlinearity = "tanh",
        gradient: Literal["rtrl", "bptt"] = "rtrl",
        bptt_steps: int = 20,
        solver: _Solver = "rmsprop",
        learning_rate_init: float = 0.005,
        clip_norm: float | None = 1.0,
        normalize_X: bool = True,
        normalize_y: bool = True,
        dtype: Precision = "float32",
        random_state: RandomState = None,
    ) -> None: ...
    def learn_one(self, x: _Step, y: float) -> None: ...
    def predict_one(self, x: _Step) -> float: ...
