from typing import Protocol, TypeAlias

from fastrnn._types import Path
from fastrnn.classifier import SequenceClassifier
from fastrnn.forecaster import SequenceForecaster
from fastrnn.generator import SequenceGenerator
from fastrnn.online import OnlineClassifier, OnlineRegressor
from fastrnn.outliers import SequenceOutlierDetector
from fastrnn.preprocessing import SequenceScaler, Tokenizer
from fastrnn.regressor import SequenceRegressor
from fastrnn.seq2seq import SequenceAutoencoder, SequenceToSequence, VectorToSequence
from fastrnn.tagger import SequenceTagger

class _Pipeline(Protocol):
    """scikit-learn's, which has no types."""

    steps: list[tuple[str, object]]

    @property
    def named_steps(self) -> object: ...

_Model: TypeAlias = (
    SequenceAutoencoder
    | SequenceClassifier
    | SequenceForecaster
    | SequenceGenerator
    | SequenceOutlierDetector
    | SequenceRegressor
    | SequenceTagger
    | SequenceToSequence
    | VectorToSequence
    | SequenceScaler
    | Tokenizer
    | OnlineClassifier
    | OnlineRegressor
    | _Pipeline
)

MODULES: dict[str, str]

def save(model: _Model, path: Path) -> None: ...

# What it is, `isinstance` tells.
def load(path: Path) -> _Model: ...
