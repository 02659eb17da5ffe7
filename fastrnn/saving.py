"""Save models to files and load them again: safetensors, never pickle."""

from importlib import import_module

from sklearn.pipeline import Pipeline

from fastrnn.records import read_model
from fastrnn.storage import StorageError, check, strings, write

MODULES = {
    "SequenceClassifier": "classifier", "SequenceForecaster": "forecaster", "SequenceGenerator": "generator",
    "SequenceRegressor": "regressor", "SequenceScaler": "preprocessing", "SequenceTagger": "tagger",
    "SequenceToSequence": "seq2seq", "Tokenizer": "preprocessing", "VectorToSequence": "seq2seq",
    "SequenceAutoencoder": "seq2seq", "SequenceOutlierDetector": "outliers", "SequenceEnsemble": "ensemble",
    "EarlyClassifier": "early", "OnlineClassifier": "online", "OnlineRegressor": "online",
    "SequenceTranscriber": "transcriber"}  # fmt: skip
"""A class comes here once it has `_record()`, a tree for `storage`, and `_restored(tree)`, which checks one."""


def save(model, path):
    """Save a fitted model as one safetensors file.

    Parameters
    ----------
    model : estimator, SequenceEnsemble, EarlyClassifier, Tokenizer, SequenceScaler, or Pipeline of them
        A fitted model of fastrnn. Some things are not saved: callbacks, a `random_state` that is a RandomState, the
        memory of the optimiser, and the options of the Pipeline itself. Of a learner of `fastrnn.online` all is saved
        that it needs to go on. The parameters of a tokenizer are those that it was fitted with.
    path : str or path-like
        Where to write. The file is first written under another name in the same folder, and replaces an old file only
        when it is complete.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    StorageError
        If the model is of another kind, or holds what a file cannot, such as a function for `strip_accents`.

    See Also
    --------
    fastrnn.load : Read the file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import fastrnn
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(split="train")
    >>> clf = fastrnn.SequenceClassifier(hidden_size=8, max_iter=5, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "vowels.safetensors"
    ...     fastrnn.save(clf, path)
    ...     again = fastrnn.load(path)
    >>> bool((again.predict_proba(X) == clf.predict_proba(X)).all())
    True
    """
    write(path, {"model": _record(model), "run": None})


def load(path):
    """Load a model that `save` or a `fastrnn.callbacks.Checkpoint` has written.

    Each field is checked, and nothing in the file is executed. A file from somebody else may still hold a bad model, or
    one that keeps a process busy: the longest output of a decoder and the regular expression of a tokenizer are what
    the file says.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    estimator
        The model, with the same predictions. Training can go on (`warm_start`, `partial_fit`), with an optimiser that
        begins anew. Its callbacks are None, and so is a `random_state` that was a RandomState.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    StorageError
        If the file holds no model, a damaged one, or one in the format of another version.

    See Also
    --------
    fastrnn.save : Write a file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import fastrnn
    >>> from fastrnn.preprocessing import Tokenizer
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "tokenizer.safetensors"
    ...     fastrnn.save(Tokenizer().fit(["the cat sat"]), path)
    ...     tokenizer = fastrnn.load(path)
    >>> tokenizer.transform(["the dog sat"])[0].tolist()
    [3, 0, 2]
    """
    return read_model(path, _restored)[0]


def _kind(name):
    """The class of this name, None if there is none; it alone is imported, for River comes with some."""
    return getattr(import_module(f"fastrnn.{MODULES[name]}"), name) if name in MODULES else None


def _record(model):
    model = model.to_local() if hasattr(model, "to_local") else model  # without what its process has
    if type(model) is Pipeline:
        names, steps = zip(*model.steps, strict=True)
        return {"class": "Pipeline", "names": names, "steps": [_record(step) for step in steps]}
    if _kind(type(model).__name__) is not type(model):
        raise StorageError(f"{model!r:.80} cannot be saved: expected {', '.join(MODULES)}, or a Pipeline of them")
    return model._record()


def _restored(tree):
    if tree["class"] != "Pipeline":
        check(tree["class"], _kind, "class")
        return _kind(tree["class"])._restored(tree)
    check(tree, {"class": str, "names": strings, "steps": list}, "pipeline")
    pipeline = Pipeline([*zip(tree["names"], map(_restored, tree["steps"]), strict=True)])
    pipeline._validate_steps()
    return pipeline
