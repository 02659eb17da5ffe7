from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike
from onnx import ModelProto

from fastrnn._types import Array, Path
from fastrnn.classifier import SequenceClassifier
from fastrnn.generator import SequenceGenerator
from fastrnn.layers import GRU, LSTM, RNN
from fastrnn.regressor import SequenceRegressor
from fastrnn.seq2seq import SequenceToSequence, VectorToSequence
from fastrnn.tagger import SequenceTagger

__all__ = ["from_keras", "from_onnx", "from_torch", "to_keras", "to_onnx", "to_torch"]

_Answering: TypeAlias = SequenceClassifier | SequenceRegressor | SequenceTagger | SequenceGenerator
_Estimator: TypeAlias = _Answering | SequenceToSequence | VectorToSequence
_Layer: TypeAlias = RNN | LSTM | GRU
_E = TypeVar("_E", bound=_Estimator)
_L = TypeVar("_L", RNN, LSTM, GRU)
_Floats: TypeAlias = Array[np.float32 | np.float64]

class _Tensor(Protocol):
    """PyTorch's, whose library is not needed."""

    def numpy(self) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]: ...

@overload
def from_keras(estimator: _E, weights: Sequence[ArrayLike], *, classes: ArrayLike | None = None) -> _E: ...
@overload
def from_keras(estimator: _L, weights: Sequence[ArrayLike], *, classes: None = None) -> _L: ...
@overload
def from_onnx(
    model: ModelProto | Path, nodes: str | Sequence[str] | None = None, *, return_states: Literal[False] = False
) -> _Layer: ...
@overload
def from_onnx(
    model: ModelProto | Path, nodes: str | Sequence[str] | None = None, *, return_states: Literal[True]
) -> tuple[_Layer, _Floats | tuple[_Floats, _Floats] | None]: ...
@overload
def from_torch(
    estimator: _E,
    state_dict: Mapping[str, _Tensor] | Mapping[str, ArrayLike],
    *,
    names: Mapping[str, str] | None = None,
    classes: ArrayLike | None = None,
) -> _E: ...
@overload
def from_torch(
    estimator: _L,
    state_dict: Mapping[str, _Tensor] | Mapping[str, ArrayLike],
    *,
    names: Mapping[str, str] | None = None,
    classes: None = None,
) -> _L: ...
def to_keras(estimator: _Estimator) -> list[_Floats]: ...
def to_onnx(
    estimator: _Answering, path: Path | None = None, *, opset: int = 22, lengths: bool = True
) -> ModelProto: ...
def to_torch(estimator: _Estimator, *, names: Mapping[str, str] | None = None) -> dict[str, _Floats]: ...
