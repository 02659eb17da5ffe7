"""Recurrent networks for sequences of any lengths, as scikit-learn estimators on fast CPU kernels."""

from fastrnn.classifier import SequenceClassifier
from fastrnn.regressor import SequenceRegressor

__version__ = "0.1.0"

__all__ = ["SequenceClassifier", "SequenceRegressor"]
