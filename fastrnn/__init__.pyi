from typing import Final

from fastrnn import callbacks as callbacks
from fastrnn import dask as dask
from fastrnn import data as data
from fastrnn import datasets as datasets
from fastrnn import inspection as inspection
from fastrnn import interchange as interchange
from fastrnn import layers as layers
from fastrnn import metrics as metrics
from fastrnn import online as online
from fastrnn import preprocessing as preprocessing
from fastrnn import streaming as streaming
from fastrnn import training as training
from fastrnn.classifier import SequenceClassifier
from fastrnn.early import EarlyClassifier
from fastrnn.ensemble import SequenceEnsemble
from fastrnn.forecaster import SequenceForecaster
from fastrnn.generator import SequenceGenerator
from fastrnn.outliers import SequenceOutlierDetector
from fastrnn.regressor import SequenceRegressor
from fastrnn.saving import load, save
from fastrnn.seq2seq import SequenceAutoencoder, SequenceToSequence, VectorToSequence
from fastrnn.storage import StorageError
from fastrnn.tagger import SequenceTagger
from fastrnn.training import DivergenceError
from fastrnn.transcriber import SequenceTranscriber
from fastrnn.versions import show_versions

__all__ = [
    "DivergenceError",
    "EarlyClassifier",
    "SequenceAutoencoder",
    "SequenceClassifier",
    "SequenceEnsemble",
    "SequenceForecaster",
    "SequenceGenerator",
    "SequenceOutlierDetector",
    "SequenceRegressor",
    "SequenceTagger",
    "SequenceToSequence",
    "SequenceTranscriber",
    "StorageError",
    "VectorToSequence",
    "load",
    "save",
    "show_versions",
]

__version__: Final[str]
