"""Recurrent networks for sequences of any lengths, as scikit-learn estimators on fast CPU kernels.

What is named here is imported when it is first asked for, submodules too: the command line answers before Numba is
there.  `__init__.pyi` tells editors and type checkers, which run nothing, what there is.
"""

import os
from importlib import import_module

_SUBMODULES = (
    "callbacks dask data datasets inspection interchange layers metrics online preprocessing streaming training".split()
)
"""The public submodules: `import fastrnn` is enough to reach them, and `dir` lists them."""

_PLACES = {
    "DivergenceError": "training.DivergenceError", "StorageError": "storage.StorageError",
    "EarlyClassifier": "early.EarlyClassifier", "SequenceAutoencoder": "seq2seq.SequenceAutoencoder",
    "SequenceClassifier": "classifier.SequenceClassifier", "SequenceEnsemble": "ensemble.SequenceEnsemble",
    "SequenceForecaster": "forecaster.SequenceForecaster",
    "SequenceGenerator": "generator.SequenceGenerator",
    "SequenceOutlierDetector": "outliers.SequenceOutlierDetector", "SequenceRegressor": "regressor.SequenceRegressor",
    "SequenceTagger": "tagger.SequenceTagger", "SequenceToSequence": "seq2seq.SequenceToSequence",
    "SequenceTranscriber": "transcriber.SequenceTranscriber",
    "VectorToSequence": "seq2seq.VectorToSequence", "__version__": "versions.VERSION",
    "load": "saving.load", "save": "saving.save", "show_versions": "versions.show_versions"}  # fmt: skip
"""What is imported when it is asked for; anything else is a module, if there is such a one."""

__all__ = [name for name in _PLACES if name != "__version__"]


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
    return sorted([*_PLACES, *_SUBMODULES])
