from typing import Final, NoReturn

from fastrnn._types import Estimator

ROWS_AT_ONCE: Final = 8192

class WithDecoder(Estimator):
    readout: None
    normalize_X: bool
    n_features_in_: int

    @property
    def stream(self) -> NoReturn: ...

class DecodingEstimator(WithDecoder):
    max_length: int | None
    max_length_: int
    n_target_tokens_: int
