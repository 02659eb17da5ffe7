from fastrnn.forecaster.estimator import SequenceForecaster

__all__ = ["SequenceForecaster"]
