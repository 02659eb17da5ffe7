"""Recurrent networks for sequences of any lengths, as scikit-learn estimators on fast CPU kernels.

What is named here is imported when it is first asked for: the command line answers before Numba is there.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for editors, which do not run `__getattr__`
    from fastrnn.classifier import SequenceClassifier
    from fastrnn.forecaster import SequenceForecaster
    from fastrnn.generator import SequenceGenerator
    from fastrnn.regressor import SequenceRegressor
    from fastrnn.saving import load, save
    from fastrnn.seq2seq import SequenceToSequence, VectorToSequence
    from fastrnn.storage import StorageError
    from fastrnn.tagger import SequenceTagger
    from fastrnn.training import DivergenceError

__all__ = [
    "DivergenceError", "SequenceClassifier", "SequenceForecaster", "SequenceGenerator", "SequenceRegressor",
    "SequenceTagger", "SequenceToSequence", "StorageError", "VectorToSequence", "load", "save"]  # fmt: skip

_PLACES = {
    "DivergenceError": "training.DivergenceError", "StorageError": "storage.StorageError",
    "SequenceClassifier": "classifier.SequenceClassifier", "SequenceForecaster": "forecaster.SequenceForecaster",
    "SequenceGenerator": "generator.SequenceGenerator", "SequenceRegressor": "regressor.SequenceRegressor",
    "SequenceTagger": "tagger.SequenceTagger", "SequenceToSequence": "seq2seq.SequenceToSequence",
    "VectorToSequence": "seq2seq.VectorToSequence", "__version__": "storage.VERSION",
    "load": "saving.load", "save": "saving.save"}  # fmt: skip
"""What is imported when it is asked for; anything else is a module, if there is such a one."""


if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
    import_module("fastrnn.kernels")  # says so at once, where nothing can be compiled


def __getattr__(name):
    module, _, attribute = _PLACES.get(name, name).partition(".")
    try:
        found = import_module(f"fastrnn.{module}")
    except ModuleNotFoundError as error:
        if error.name != f"fastrnn.{module}":
            raise
        raise AttributeError(f"module 'fastrnn' has no attribute {name!r}") from None
    return globals().setdefault(name, getattr(found, attribute) if attribute else found)


def __dir__():
    return sorted({*globals(), *__all__})
