from collections.abc import Mapping
from typing import Literal, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from fastrnn._types import Array, Nonlinearity, Precision, RandomState

__all__ = ["GRU", "LSTM", "RNN", "SLSTM", "SRU", "MinGRU", "MinLSTM"]

_Floats: TypeAlias = Array[np.float32 | np.float64]
_Dtype: TypeAlias = Precision | type[np.float32] | type[np.float64]

class _Layer:
    input_size: int
    hidden_size: int
    num_layers: int
    bias: bool
    batch_first: bool
    dropout: float
    bidirectional: bool
    dtype: np.dtype[np.float32 | np.float64]
    training: bool

    def reset_parameters(
        self, recurrent: Literal["uniform", "orthogonal"] = "uniform", forget_bias: float | None = None
    ) -> None: ...
    def train(self, mode: bool = True) -> Self: ...
    def eval(self) -> Self: ...
    @property
    def grads(self) -> dict[str, _Floats]: ...
    def zero_grad(self) -> None: ...
    def state_dict(self) -> dict[str, _Floats]: ...
    def load_state_dict(self, mapping: Mapping[str, ArrayLike]) -> None: ...

class _OneState(_Layer):
    def __call__(
        self, x: ArrayLike, hx: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> tuple[_Floats, _Floats]: ...
    def backward(
        self, d_output: ArrayLike, d_state: ArrayLike | None = None, input_grad: bool = True
    ) -> tuple[_Floats | None, _Floats]: ...

class RNN(_OneState):
    nonlinearity: Nonlinearity
    zoneout: float
    recurrent_dropout: float

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: Nonlinearity = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: _Dtype = "float32",
        random_state: RandomState = None,
        zoneout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ) -> None: ...

class GRU(_OneState):
    reset_after: bool
    layer_norm: bool
    zoneout: float
    recurrent_dropout: float

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        reset_after: bool = True,
        dtype: _Dtype = "float32",
        random_state: RandomState = None,
        layer_norm: bool = False,
        zoneout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ) -> None: ...

class MinGRU(_OneState):
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: _Dtype = "float32",
        random_state: RandomState = None,
    ) -> None: ...

class MinLSTM(_OneState):
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: _Dtype = "float32",
        random_state: RandomState = None,
    ) -> None: ...

class _TwoStates(_Layer):
    def __call__(
        self, x: ArrayLike, hx: tuple[ArrayLike, ArrayLike] | None = None, lengths: ArrayLike | None = None
    ) -> tuple[_Floats, tuple[_Floats, _Floats]]: ...
    def backward(
        self, d_output: ArrayLike, d_state: tuple[ArrayLike, ArrayLike] | None = None, input_grad: bool = True
    ) -> tuple[_Floats | None, tuple[_Floats, _Floats]]: ...

class LSTM(_TwoStates):
    peephole: bool
    layer_norm: bool
    proj_size: int
    zoneout: float
    recurrent_dropout: float

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: _Dtype = "float32",
        random_state: RandomState = None,
        peephole: bool = False,
        layer_norm: bool = False,
        proj_size: int = 0,
        zoneout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ) -> None: ...

class SRU(_TwoStates):
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: _Dtype = "float32",
        random_state: RandomState = None,
    ) -> None: ...

_FourStates: TypeAlias = tuple[_Floats, _Floats, _Floats, _Floats]
_FourGiven: TypeAlias = tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike]

class SLSTM(_Layer):
    num_heads: int

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        num_heads: int = 4,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: _Dtype = "float32",
        random_state: RandomState = None,
    ) -> None: ...
    def __call__(
        self, x: ArrayLike, hx: _FourGiven | None = None, lengths: ArrayLike | None = None
    ) -> tuple[_Floats, _FourStates]: ...
    def backward(
        self, d_output: ArrayLike, d_state: _FourGiven | None = None, input_grad: bool = True
    ) -> tuple[_Floats | None, _FourStates]: ...
