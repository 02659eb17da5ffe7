"""scikit-learn's callbacks, which came with 1.9, over our own: a callable of `Progress` that runs their hooks."""

from contextlib import contextmanager
from copy import deepcopy

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:

    class CallbackSupportMixin:
        """Nothing, with a scikit-learn that has no callbacks."""


@contextmanager
def watched(estimator, X, y, sample_weight):
    """What to call after each epoch, for the callbacks that `set_callbacks` was given; without any, nothing."""
    if not getattr(estimator, "_skl_callbacks", None):
        yield ()
        return
    from sklearn.callback import with_callbacks

    # What it does after a method it can do after anything, with no frame of its own between a fit and its caller.
    tear_down = with_callbacks(lambda estimator: None)
    try:
        hooks = _Hooks(estimator, X, y, sample_weight)
        yield (hooks,)
        hooks.close()
    finally:
        tear_down(estimator)


class _Hooks:
    """A task for the fit, and below it one for each epoch, or iteration of lbfgs."""

    def __init__(self, estimator, X, y, sample_weight):
        self._estimator, self._epoch = estimator, None
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._given = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._fit = estimator._init_callback_context(max_subtasks=estimator._trainer.settings.max_iter)
        self._fit.call_on_fit_task_begin(**self._given)
        self._begin()

    def __call__(self, progress):
        epoch, self._epoch = self._epoch, None
        wants_to_stop = epoch.call_on_fit_task_end(**self._given, reconstruction_attributes=self._attributes)
        if not wants_to_stop and progress.epoch < self._estimator._trainer.settings.max_iter:
            self._begin()
        return wants_to_stop

    def _begin(self):
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._given, reconstruction_attributes=self._attributes)

    def close(self):
        """End the fit's task; an epoch that was to begin, had training not ended by itself, ends without a result."""
        if self._epoch is not None:
            self._epoch.call_on_fit_task_end(estimator=self._estimator)
        self._fit.call_on_fit_task_end(**self._given, reconstruction_attributes=self._attributes)

    def _attributes(self):
        """Those of the model as it is now, with a network and an optimiser of its own."""
        trainer = deepcopy(self._estimator._trainer)
        return {"network_": trainer.network, "_trainer": trainer, **self._estimator._history_of(trainer)}
