"""The next steps of time series."""

from fastrnn.forecaster.estimator import SequenceForecaster

__all__ = ["SequenceForecaster"]
