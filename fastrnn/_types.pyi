"""Types that the stubs share.  There is no such module at run time."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import Literal, NoReturn, Protocol, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin

from fastrnn.base.summary import Summary
from fastrnn.streaming import Stream
from fastrnn.training import Progress

_S = TypeVar("_S", bound=np.generic, covariant=True)

# Arrays of one, two and three axes, and of any number.
Vector: TypeAlias = np.ndarray[tuple[int], np.dtype[_S]]
Matrix: TypeAlias = np.ndarray[tuple[int, int], np.dtype[_S]]
Cube: TypeAlias = np.ndarray[tuple[int, int, int], np.dtype[_S]]
Array: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[_S]]
Objects: TypeAlias = Vector[np.object_]
"""Arrays of several lengths, one for each sequence."""
Labels: TypeAlias = Vector[np.generic[object]]
"""Strings, numbers or other objects, as those of the fit were."""

class Table(Protocol):
    """A table, or one column of it, of pandas, polars, pyarrow or another library."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    def __len__(self) -> int: ...

class Splitter(Protocol):
    """One of scikit-learn's, such as GroupShuffleSplit."""

    def split(self, X: object, y: object = None, groups: object = None) -> Iterable[tuple[ArrayLike, ArrayLike]]: ...
    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int: ...

class Frame(Protocol):
    """A table that comes back, of the library whose table was given."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

Sequences: TypeAlias = ArrayLike | Table | Sequence[ArrayLike] | Sequence[Table]
"""What estimators read: a list of arrays or frames, or one array, of two axes or three."""
Rows: TypeAlias = ArrayLike | Table
Steps: TypeAlias = ArrayLike | Sequence[ArrayLike]
"""Values for each step of each sequence."""
Texts: TypeAlias = Sequence[str] | Sequence[Sequence[str]] | ArrayLike | Table
Path: TypeAlias = str | PathLike[str]

Cell: TypeAlias = Literal[
    "lstm",
    "gru",
    "gru_reset_before",
    "rnn",
    "mingru",
    "minlstm",
    "sru",
    "slstm",
    "lstm_peephole",
    "lstm_layer_norm",
    "gru_layer_norm",
]
Nonlinearity: TypeAlias = Literal["tanh", "relu", "sigmoid"]
Readout: TypeAlias = Literal["last", "mean", "max", "concat", "attention", "auto"]
Missing: TypeAlias = Literal["error", "mask", "forward", "decay"]
Categorical: TypeAlias = ArrayLike | Literal["from_dtype"] | None
Solver: TypeAlias = Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
Schedule: TypeAlias = Literal["constant", "cosine", "plateau", "warmup"]
Precision: TypeAlias = Literal["float32", "float64"]
RandomState: TypeAlias = int | np.random.RandomState | None
ClassWeight: TypeAlias = Mapping[str, float] | Mapping[int, float] | Literal["balanced"] | None
ClassWeights: TypeAlias = ClassWeight | Sequence[Mapping[str, float] | Mapping[int, float] | Literal["balanced"]]
"""Also one for each column of y."""
Callbacks: TypeAlias = Sequence[Callable[[Progress], object]] | None
Scoring: TypeAlias = str | Callable[..., float] | None
Request: TypeAlias = bool | str | None
Container: TypeAlias = Literal["default", "pandas", "polars"] | None

class Parameters(BaseEstimator):
    """What scikit-learn gives every estimator, with types."""

    def get_params(self, deep: bool = True) -> dict[str, object]: ...
    def set_params(self, **params: object) -> Self: ...

class Estimator(Parameters):
    """What the estimators of sequences share."""

    cell: Cell
    hidden_size: int | Literal["auto"]
    proj_size: int
    num_layers: int | Literal["auto"]
    nonlinearity: Nonlinearity
    bias: bool
    solver: Solver
    learning_rate: Schedule
    momentum: float
    nesterovs_momentum: bool
    alpha: float | Literal["auto"]
    batch_size: int
    shuffle: bool
    clip_norm: float | None
    clip_value: float | None
    early_stopping: bool
    scoring: Scoring
    validation_fraction: float | Splitter
    n_iter_no_change: int
    tol: float | None
    warm_start: bool
    dtype: Precision
    n_jobs: int | None
    random_state: RandomState
    verbose: bool | int
    callbacks: Callbacks
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    validation_loss_curve_: list[float] | None
    n_iter_: int

    def set_callbacks(self, *callbacks: object) -> Self: ...
    def summary(self, n_steps: int = 100) -> Summary: ...

class Streaming(Estimator):
    """Those that can read a step at a time."""

    normalize_X: bool
    n_features_in_: int
    feature_names_in_: Objects

    def stream(self, batch: int = 1) -> Stream: ...

class Informed(Streaming):
    """Those that may be told facts of each sequence."""

    n_static_features_in_: int
    static_feature_names_in_: Objects

    def stream(self, batch: int = 1, *, static: Rows | None = None) -> Stream: ...

class Extractor(TransformerMixin):
    """Those whose features another model may read."""

    def get_feature_names_out(self, input_features: None = None) -> Objects: ...
    def set_output(self, *, transform: Container = None) -> Self: ...

class Decoding(Estimator):
    """Those whose network has a decoder."""

    readout: None
    normalize_X: bool
    n_features_in_: int

    @property
    def stream(self) -> NoReturn: ...

class Writing(Decoding):
    """Those that write targets."""

    max_length: int | None
    max_length_: int
    n_target_tokens_: int
