import numpy as np

from fastrnn._types import Array, Vector

class Backtest:
    series: Vector[np.int64]
    cutoffs: Vector[np.int64]
    forecasts: Array[np.float64]
    actual: Array[np.float64]
    scores: dict[str, dict[str, float]]

    def __init__(
        self,
        series: Vector[np.int64],
        cutoffs: Vector[np.int64],
        forecasts: Array[np.float64],
        actual: Array[np.float64],
        scores: dict[str, dict[str, float]],
    ) -> None: ...
