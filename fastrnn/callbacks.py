"""What estimators take as `callbacks`: checkpoints, and ways to TensorBoard, MLflow and Optuna, each an extra.

A callback is called after each epoch with a `fastrnn.training.Progress`. It may also have a method `fitting`, which is
given the estimator and returns a context manager: `fit` enters it before training, and leaves it when all is done, or
when there is an error. `partial_fit` does not.
"""

from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from fastrnn.storage import write
from fastrnn.training import Checkpoint, going_on
from fastrnn.wording import optional

__all__ = ["Checkpoint", "MLflow", "OptunaPruning", "TensorBoard"]


def _numbers(progress):
    """The loss of an epoch, and the score and the loss of the validation data, if there are any."""
    names = "loss", "validation_score", "validation_loss"
    return {name: number for name in names if (number := getattr(progress, name)) is not None}


class TensorBoard:
    """Write the loss of each epoch, and the score and loss on validation data, for TensorBoard: a callback.

    Each fit writes to a folder of its own in `log_dir`, whose name is that of the estimator with the time. The command
    ``tensorboard --logdir runs`` shows the curves.

    Parameters
    ----------
    log_dir : str or path-like, default="runs"
        The folder that holds those of the fits.

    Raises
    ------
    ImportError
        If tensorboardX is not installed.

    Warns
    -----
    RuntimeWarning
        If the last numbers cannot be written, for example because the disk is full.

    Notes
    -----
    During a fit the files are up to five seconds behind. `partial_fit` writes nothing.

    Examples
    --------
    >>> import os, tempfile
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.callbacks import TensorBoard
    >>> X, y = [[0.0, 1.0], [1.0, 0.0]] * 20, [0, 1] * 20
    >>> import tensorboardX
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clf = SequenceClassifier(max_iter=2, callbacks=[TensorBoard(folder)]).fit(X, y)
    ...     len(os.listdir(folder))
    1
    """

    def __init__(self, log_dir="runs"):
        self._open = optional("tensorboardX", "TensorBoard takes tensorboardX").SummaryWriter
        self.log_dir, self._writer = log_dir, None

    @contextmanager
    def fitting(self, estimator):
        """Open a folder for a fit, and close it.

        Parameters
        ----------
        estimator : estimator
            The one that is trained.

        Returns
        -------
        context manager
            The fit is within it.
        """
        folder = Path(self.log_dir) / f"{type(estimator).__name__}-{datetime.now():%Y%m%d-%H%M%S-%f}"
        self._writer = self._open(str(folder), flush_secs=5)
        try:
            yield
        finally:
            with going_on(self, "the files for TensorBoard cannot be written"):
                self._writer.close()
            self._writer = None

    def __call__(self, progress):
        """Write the numbers of an epoch.

        Parameters
        ----------
        progress : fastrnn.training.Progress
            What training tells after each epoch.
        """
        for name, number in _numbers(progress).items() if self._writer else ():
            self._writer.add_scalar(name, number, progress.epoch)


class MLflow:
    """Log a fit to MLflow: parameters, the loss and the score of each epoch, and the model as a file: a callback.

    Each fit is a run. If there is an active run, it is nested in that one, so that the fits of a search stand below one
    run. The run ends with the fit: as finished, or as failed if `fit` raises an error. Its artefact "model.safetensors"
    is the fitted model, which `fastrnn.load` reads.

    Raises
    ------
    ImportError
        If MLflow is not installed.

    Warns
    -----
    RuntimeWarning
        If something cannot be logged, for example because the server does not answer any more. Training goes on. Only
        if the run cannot be started at all, `fit` fails at once with MLflow's error.

    Notes
    -----
    In a Pipeline the file holds the estimator, not the steps before it. `partial_fit` logs the loss to the active run,
    and nothing else.

    Examples
    --------
    >>> import mlflow
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.callbacks import MLflow
    >>> clf = SequenceClassifier(max_iter=10, callbacks=[MLflow()])
    """

    def __init__(self):
        optional("mlflow", "MLflow takes mlflow")  # at once, if it is not there

    @contextmanager
    def fitting(self, estimator):
        """Start a run for a fit with its parameters, and end it with its model.

        Parameters
        ----------
        estimator : estimator
            The one that is trained.

        Returns
        -------
        context manager
            The fit is within it.
        """
        mlflow = optional("mlflow", "MLflow takes mlflow")
        mlflow.start_run(nested=True)
        status = "FAILED"
        try:
            known = {"estimator": type(estimator).__name__, **estimator.get_params(deep=False), "callbacks": None}
            with going_on(self, "MLflow does not take the parameters"):
                mlflow.log_params(known)
            yield
            with going_on(self, "MLflow does not take the model"), TemporaryDirectory() as folder:
                write(path := Path(folder) / "model.safetensors", {"model": estimator._record(), "run": None})
                mlflow.log_artifact(path)
            status = "FINISHED"
        finally:
            with going_on(self, "MLflow does not take the end"):
                mlflow.end_run(status)

    def __call__(self, progress):
        """Log the numbers of an epoch.

        Parameters
        ----------
        progress : fastrnn.training.Progress
            What training tells after each epoch.
        """
        with going_on(self, "MLflow does not take an epoch"):
            optional("mlflow", "MLflow takes mlflow").log_metrics(_numbers(progress), step=progress.epoch)


class OptunaPruning:
    """Report each epoch to a trial of Optuna, and end the fit if Optuna prunes the trial: a callback.

    It reports the validation score if there is one (with early_stopping=True, or `X_val`), else the training loss.
    Optuna must know which numbers are good. So in a study that maximises, the loss is reported as a negative number. In
    a study that minimises, the score is.

    Parameters
    ----------
    trial : optuna.trial.Trial
        The trial that the study gives to its objective.

    Raises
    ------
    ImportError
        If Optuna is not installed.
    optuna.TrialPruned
        From `fit`, if the trial is pruned. The estimator is then what it was before, and ``study.optimize`` goes on
        with the next trial.

    Notes
    -----
    A trial takes one number for each epoch. So use it for one fit a trial, not for cross-validation.

    Examples
    --------
    >>> import optuna
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.callbacks import OptunaPruning
    >>> X, y = [[0.0, 1.0], [1.0, 0.0]] * 20, [0, 1] * 20
    >>> def objective(trial):
    ...     size, pruning = trial.suggest_int("hidden_size", 2, 8), OptunaPruning(trial)
    ...     return SequenceClassifier(hidden_size=size, max_iter=3, callbacks=[pruning]).fit(X, y).score(X, y)
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> study = optuna.create_study(direction="maximize")
    >>> study.optimize(objective, n_trials=2)
    >>> len(study.trials)
    2
    """

    def __init__(self, trial):
        self.trial, self._pruned = trial, optional("optuna", "OptunaPruning takes optuna").TrialPruned

    def __deepcopy__(self, memo):
        return self  # there is but one trial

    def __call__(self, progress):
        """Report an epoch, and end the fit if the trial is to be pruned.

        Parameters
        ----------
        progress : fastrnn.training.Progress
            What training tells after each epoch.
        """
        cost = progress.loss if progress.validation_score is None else -progress.validation_score
        study = getattr(self.trial, "study", None)  # one that is over has none
        maximises = study is not None and study.direction.name == "MAXIMIZE"
        self.trial.report(-cost if maximises else cost, progress.epoch)
        if self.trial.should_prune():
            raise self._pruned(f"pruned after epoch {progress.epoch}")
