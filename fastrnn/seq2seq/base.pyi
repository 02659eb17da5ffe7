from typing import Final, NoReturn

from fastrnn._types import Estimator

ROWS_AT_ONCE: Final = 8192

class DecodingEstimator(Estimator):
    readout: None
    normalize_X: bool
    max_length: int | None
    max_length_: int
    n_target_tokens_: int
    n_features_in_: int

    @property
    def stream(self) -> NoReturn: ...
