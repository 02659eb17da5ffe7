"""Recurrent networks for sequences of any lengths, as scikit-learn estimators on fast CPU kernels."""

from fastrnn.classifier import SequenceClassifier
from fastrnn.forecaster import SequenceForecaster
from fastrnn.generator import SequenceGenerator
from fastrnn.regressor import SequenceRegressor
from fastrnn.saving import load, save
from fastrnn.seq2seq import SequenceToSequence, VectorToSequence
from fastrnn.storage import VERSION, StorageError
from fastrnn.tagger import SequenceTagger
from fastrnn.training import DivergenceError

__version__ = VERSION

__all__ = [
    "DivergenceError", "SequenceClassifier", "SequenceForecaster", "SequenceGenerator", "SequenceRegressor",
    "SequenceTagger", "SequenceToSequence", "StorageError", "VectorToSequence", "load", "save",
]  # fmt: skip
