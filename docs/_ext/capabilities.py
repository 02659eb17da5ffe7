"""What each estimator can do, as its class says: by its tags, methods, parameters, and the signature of `fit`.

`docs/choosing.rst` shows it, and `tests/test_documentation.py` tries it out.  Nothing here imports Sphinx.
"""

import inspect
import re
from collections.abc import Callable
from typing import NamedTuple

from sklearn.exceptions import NotFittedError

import fastrnn
from fastrnn import EarlyClassifier, SequenceClassifier, SequenceEnsemble, dask, inspection, interchange, online
from fastrnn.ensemble import KINDS

ORDER = "Classifier", "Regressor", "Tagger", "Transcriber", "Forecaster", "Generator", "ToSequence"
"""By how their names end, from the simplest task on; others follow."""


def _place(estimator):
    return next((k for k, end in enumerate(ORDER) if estimator.__name__.endswith(end)), len(ORDER))


ESTIMATORS = [getattr(fastrnn, name) for name in fastrnn.__all__ if hasattr(getattr(fastrnn, name), "get_params")]
ESTIMATORS = [cls for cls in ESTIMATORS if cls not in (EarlyClassifier, SequenceEnsemble)]  # these do what theirs do
ESTIMATORS.sort(key=_place)
ESTIMATORS += [getattr(online, name) for name in online.__all__]


class Capability(NamedTuple):
    """A column: its head, what it means, and whether an estimator's class has it."""

    head: str
    meaning: str
    found: Callable[[type], bool]


def has(*names):
    """Whether there is one of these methods, and it is not a property that says why there is none."""
    return lambda cls: any(inspect.isfunction(inspect.getattr_static(cls, name, None)) for name in names)


def takes(*names):
    """Whether it has one of these parameters."""
    return lambda cls: not {*names}.isdisjoint(cls().get_params())


def fits(name):
    """Whether `fit` takes an argument of this name."""
    return lambda cls: hasattr(cls, "fit") and name in inspect.signature(cls.fit).parameters


def either(*rules):
    return lambda cls: any(rule(cls) for rule in rules)


def learns_online(cls):
    return hasattr(cls, "learn_one")


def described(method, argument):
    """The type that a docstring gives an argument; "" if it has none."""
    found = re.search(rf"^{argument} : (.*)$", inspect.getdoc(method) or "", re.M)
    return found[1] if found else ""


def reads_lists(cls):
    """Whether the first argument of `fit` may be a list, whose members have lengths of their own."""
    if learns_online(cls):
        return hasattr(cls, "reset")
    first = [*inspect.signature(cls.fit).parameters][1]
    return "list of" in described(cls.fit, first)


def reads_channels(cls):
    """Whether a step may have several numbers."""
    first = [*inspect.signature(cls.fit).parameters][1] if hasattr(cls, "fit") else "X"
    return learns_online(cls) or re.search(r"\(T(_i)?, [CI]\)", described(cls.fit, first)) is not None


def reads_files(cls):
    """Whether `fit` takes `SequenceFiles`."""
    return "SequenceFiles" in (inspect.getdoc(cls.fit) if hasattr(cls, "fit") else "")


def weighs_steps(cls):
    return "(T_i,)" in described(cls.fit, "sample_weight") if hasattr(cls, "fit") else False


def learns_several(cls):
    """Whether y may have a row of labels or numbers in place of one."""
    return re.search(r"\((n|T_i), K\)", described(cls.fit, "y")) is not None if hasattr(cls, "fit") else False


def answers_each_step(cls):
    """Whether there can be an answer for each step: features of each step are no table, so that they have no names."""
    of_steps = hasattr(cls, "transform") and not hasattr(cls(), "get_feature_names_out")
    return of_steps or takes("return_sequences")(cls) or has("score_steps")(cls) or learns_online(cls)


def accepted_by(function):
    """Whether a function that takes fitted estimators asks this one to be fitted, and not to be another."""

    def rule(cls):
        try:
            function(cls())
        except NotFittedError:
            return True
        except TypeError:
            return False
        raise AssertionError(f"{function.__name__} takes {cls.__name__} without a fit")

    return rule


def takes_weights(cls):
    """A detector's threshold is one of its own weights."""
    return cls is not fastrnn.SequenceOutlierDetector and accepted_by(interchange.to_torch)(cls)


ON_DASK = {getattr(dask, name)._plain for name in dask.__all__}

GROUPS = {
    "reads": [
        Capability("Lengths", "Sequences may have different lengths.", reads_lists),
        Capability("Channels", "A step may have several numbers.", reads_channels),
        Capability("Tokens", "A step may be a token: a word, a letter or an event.", takes("embedding_dim")),
        Capability("Letters", "A word may be read with its letters.", takes("character_embedding_dim")),
        Capability("Holes", "Numbers may be missing, and steps may come at uneven times.", takes("time_column")),
        Capability(
            "Categories", "Some columns may hold categories beside numbers.", takes("categorical_features")
        ),
        Capability("Facts", "Numbers of a sequence as a whole may stand beside it: ``static``.", fits("static")),
        Capability("Files", "Data may be larger than memory, in files.", reads_files),
    ],
    "learns": [
        Capability("Weights", "``fit`` takes ``sample_weight``, a weight for each sequence.", fits("sample_weight")),
        Capability("Step weights", "``sample_weight`` may have a weight for each step.", weighs_steps),
        Capability("Classes", "``class_weight`` balances rare classes.", takes("class_weight")),
        Capability("Validation", "``fit`` takes ``X_val``, data that judge each epoch.", fits("X_val")),
        Capability("Several", "There may be several labels or numbers for each sequence or step.", learns_several),
        Capability(
            "Continues", "It goes on with new data: ``partial_fit``, or ``learn_one``.", has("partial_fit", "learn_one")
        ),
        Capability("Starts from", "``init_from`` takes over what a fitted model has learned.", takes("init_from")),
    ],
    "answers": [
        Capability(
            "Probabilities", "``predict_proba`` or ``predict_proba_one``.", has("predict_proba", "predict_proba_one")
        ),
        Capability(
            "Quantiles", "Quantiles or intervals of a number.", either(has("predict_interval"), takes("quantile"))
        ),
        Capability("Each step", "There can be an answer for each step.", answers_each_step),
        Capability("Features", "``transform`` gives features for another model.", has("transform")),
    ],
    "runs": [
        Capability(
            "Stream", "``stream()`` or ``predict_one`` reads step by step.", has("stream", "predict_one")
        ),
        Capability("ONNX", ":func:`fastrnn.interchange.to_onnx` exports it.", accepted_by(interchange.to_onnx)),
        Capability(
            "Why", ":func:`fastrnn.inspection.integrated_gradients` explains it.",
            accepted_by(lambda model: inspection.integrated_gradients(model, []))
        ),
        Capability("PyTorch", "Weights go to PyTorch, and come back.", takes_weights),
        Capability("Ensemble", ":class:`fastrnn.SequenceEnsemble` takes it.", lambda cls: cls in KINDS.values()),
        Capability("Early", ":class:`fastrnn.EarlyClassifier` takes it.", lambda cls: cls is SequenceClassifier),
        Capability("Resume", "``fit(resume_from=...)`` goes on after a crash.", fits("resume_from")),
        Capability("Dask", ":mod:`fastrnn.dask` has it for many machines.", lambda cls: cls in ON_DASK),
    ],
}  # fmt: skip


def table(group):
    """A dict of estimators, each with a truth value for every capability of the group."""
    return {estimator: [capability.found(estimator) for capability in GROUPS[group]] for estimator in ESTIMATORS}
