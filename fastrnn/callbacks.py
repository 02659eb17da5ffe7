"""What estimators take as `callbacks`: checkpoints, and ways to TensorBoard, MLflow and Optuna, each an extra.

A callback is called after each epoch with a `fastrnn.training.Progress`.  One that is a context manager too is entered
before training, and left after it, also where that fails.
"""

from datetime import datetime
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from fastrnn.storage import write
from fastrnn.training import Checkpoint, going_on

__all__ = ["Checkpoint", "MLflow", "OptunaPruning", "TensorBoard"]


def _library(name):
    """An optional library, or an ImportError that says how to install it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(f"this callback needs {name} ({error}): pip install {name}") from error


def _numbers(progress):
    """The loss of an epoch, and the validation score, if there is one."""
    numbers = {"loss": progress.loss, "validation_score": progress.validation_score}
    return {name: number for name, number in numbers.items() if number is not None}


class TensorBoard:
    """A callback that writes the loss and the validation score of each epoch for TensorBoard.

    Each fit has a folder of its own in `log_dir`, as "SequenceClassifier-1", which holds the estimator's parameters as
    text too.  ``tensorboard --logdir runs`` shows the curves.

    Parameters
    ----------
    log_dir : str or path-like, default="runs"

    Raises
    ------
    ImportError
        Without tensorboardX: ``pip install "fastrnn[tensorboard]"``.

    Warns
    -----
    RuntimeWarning
        If the files cannot be written.  Training goes on.

    Notes
    -----
    `partial_fit` goes on in the folder of the call before.

    Examples
    --------
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.callbacks import TensorBoard  # doctest: +SKIP
    >>> clf = SequenceClassifier(callbacks=[TensorBoard("runs")])  # doctest: +SKIP
    """

    def __init__(self, log_dir="runs"):
        self.log_dir, self._open, self._writer = log_dir, _library("tensorboardX").SummaryWriter, None

    def __reduce__(self):
        return type(self), (self.log_dir,)  # copies, as of a search, have no writer

    def __call__(self, progress):
        """Write the numbers of an epoch.

        Parameters
        ----------
        progress : fastrnn.training.Progress
        """
        with going_on(self, "the files for TensorBoard cannot be written"):
            if self._writer is None:
                name = f"{type(progress.estimator).__name__}-{datetime.now():%Y%m%d-%H%M%S-%f}"
                self._writer = self._open(str(Path(self.log_dir) / name))
            for name, number in _numbers(progress).items():
                self._writer.add_scalar(name, number, progress.epoch)
            self._writer.flush()

    def __exit__(self, *_):
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    __enter__ = __exit__


class MLflow:
    """A callback that logs a fit to MLflow: parameters, the loss and score of each epoch, and the model as a file.

    What is logged goes to the active run.  Without one, a fit has a run of its own, which ends with it.  The artefact
    "model.safetensors" is for `fastrnn.load`.

    Parameters
    ----------
    log_model : bool, default=True
    nested : bool, default=False
        Whether a fit has a run of its own below the active one: for searches, whose fits have different parameters.

    Raises
    ------
    ImportError
        Without MLflow: ``pip install "fastrnn[mlflow]"``.

    Warns
    -----
    RuntimeWarning
        If something cannot be logged.  Training goes on.

    Notes
    -----
    Within a Pipeline the file holds the estimator, not the steps before it.  `partial_fit` logs no model.

    Examples
    --------
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.callbacks import MLflow  # doctest: +SKIP
    >>> clf = SequenceClassifier(callbacks=[MLflow()])  # doctest: +SKIP
    """

    def __init__(self):
        self._run, self._estimator = _library("mlflow") and None, None

    def __enter__(self):
        self._run = _library("mlflow").start_run(nested=True)

    def __call__(self, progress):
        """Log the numbers of an epoch, and first the parameters.

        Parameters
        ----------
        progress : fastrnn.training.Progress
        """
        mlflow, estimator = _library("mlflow"), progress.estimator
        with going_on(self, "MLflow does not take an epoch"):
            if self._estimator is None:
                self._estimator, known = estimator, estimator.get_params(deep=False)
                known = {name: value for name, value in known.items() if name not in ("callbacks", "embeddings")}
                mlflow.log_params({"estimator": type(estimator).__name__, **known})
            mlflow.log_metrics(_numbers(progress), step=progress.epoch)

    def __exit__(self, kind, *error):
        if kind is None and self._estimator is not None:
            with going_on(self, "MLflow does not take the model"), TemporaryDirectory() as folder:
                write(path := Path(folder) / "model.safetensors", {"model": self._estimator._record(), "run": None})
                _library("mlflow").log_artifact(path)
        self._run.__exit__(kind, *error)
        self._run = self._estimator = None


class OptunaPruning:
    """A callback that reports each epoch to a trial of Optuna, and ends the fit when the study prunes the trial.

    It reports the validation score where there is one (early_stopping=True), which a study must maximise; else the
    training loss, which it must minimise.

    Parameters
    ----------
    trial : optuna.trial.Trial

    Raises
    ------
    ImportError
        Without Optuna: ``pip install "fastrnn[optuna]"``.
    optuna.TrialPruned
        From `fit`, for `study.optimize` to take note of; the estimator is what it was before.
    ValueError
        From `fit`, if the study's direction is not that of what is reported.

    Notes
    -----
    A trial knows one value for each epoch: use it with one fit, not with cross-validation.

    Examples
    --------
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.callbacks import OptunaPruning  # doctest: +SKIP
    >>> def objective(trial):  # doctest: +SKIP
    ...     size = trial.suggest_int("hidden_size", 8, 64)
    ...     clf = SequenceClassifier(hidden_size=size, early_stopping=True, callbacks=[OptunaPruning(trial)])
    ...     return max(clf.fit(X, y).validation_scores_)
    """

    def __init__(self, trial):
        self.trial, self._pruned = trial, _library("optuna").TrialPruned

    def __deepcopy__(self, memo):
        return self  # there is but one trial

    def __call__(self, progress):
        """Report an epoch, and end the fit if the trial is to be pruned.

        Parameters
        ----------
        progress : fastrnn.training.Progress
        """
        cost = progress.loss if progress.validation_score is None else -progress.validation_score
        study = getattr(self.trial, "study", None)  # one that is over has none
        maximises = study is not None and study.direction.name == "MAXIMIZE"
        self.trial.report(-cost if maximises else cost, progress.epoch)
        if self.trial.should_prune():
            raise self._pruned(f"pruned after epoch {progress.epoch}")
