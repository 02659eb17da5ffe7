"""Recurrent networks for sequences of any lengths, as scikit-learn estimators on fast CPU kernels.

What is named here is imported when it is first asked for: the command line answers before Numba is there.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from fastrnn.storage import VERSION, StorageError

if TYPE_CHECKING:  # for editors, which do not run `__getattr__`
    from fastrnn.classifier import SequenceClassifier
    from fastrnn.forecaster import SequenceForecaster
    from fastrnn.generator import SequenceGenerator
    from fastrnn.regressor import SequenceRegressor
    from fastrnn.saving import load, save
    from fastrnn.seq2seq import SequenceToSequence, VectorToSequence
    from fastrnn.tagger import SequenceTagger
    from fastrnn.training import DivergenceError

__version__ = VERSION

__all__ = [
    "DivergenceError", "SequenceClassifier", "SequenceForecaster", "SequenceGenerator", "SequenceRegressor",
    "SequenceTagger", "SequenceToSequence", "StorageError", "VectorToSequence", "load", "save",
]  # fmt: skip

_HOMES = {
    "classifier": ["SequenceClassifier"],
    "forecaster": ["SequenceForecaster"],
    "generator": ["SequenceGenerator"],
    "regressor": ["SequenceRegressor"],
    "saving": ["load", "save"],
    "seq2seq": ["SequenceToSequence", "VectorToSequence"],
    "tagger": ["SequenceTagger"],
    "training": ["DivergenceError"],
}
"""Where the names are that are not imported yet."""


def __getattr__(name):
    home = next((home for home, names in _HOMES.items() if name in names), name)
    if home.startswith("_"):
        raise AttributeError(f"module 'fastrnn' has no attribute {name!r}")
    try:
        module = import_module(f"fastrnn.{home}")
    except ModuleNotFoundError as error:
        if error.name != f"fastrnn.{home}":
            raise
        raise AttributeError(f"module 'fastrnn' has no attribute {name!r}") from None
    found = module if home == name else getattr(module, name)
    return globals().setdefault(name, found)


def __dir__():
    return sorted({*globals(), *__all__})
