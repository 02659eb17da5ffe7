"""Callbacks that speak to TensorBoard, MLflow and Optuna, against these; and what a callback that is entered may do."""

import builtins
import copy
import pickle
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from samples import assert_refused, assert_same_bits, labelled, make_estimator
from series import Y, forecaster
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

import fastrnn
from fastrnn import SequenceClassifier, SequenceRegressor
from fastrnn.callbacks import Checkpoint, MLflow, OptunaPruning, TensorBoard
from fastrnn.preprocessing import SequenceScaler

X, C = labelled(30, n_classes=2)
WITH_SCORES = {"early_stopping": True, "validation_fraction": 0.2}


def small(**options):
    return SequenceClassifier(**{"hidden_size": 4, "max_iter": 4, "random_state": 0, **options})


# ------------------------------------------------------------------------ callbacks that are entered


class Entered:
    """Notes what happens, and fails where it is told to."""

    def __init__(self, fails=None):
        self.calls, self.fails = [], fails

    def _note(self, what):
        self.calls.append(what)
        if what == self.fails:
            raise RuntimeError(f"{what} went wrong")

    @contextmanager
    def fitting(self, estimator):
        self._note("enter")
        try:
            yield
        except Exception as error:
            self.calls.append(type(error))
            raise
        self.calls.append(estimator)

    def __call__(self, progress):
        self._note(progress.epoch)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_callback_is_entered_and_left(solver):
    one, two = Entered(), Entered()
    model = small(solver=solver, callbacks=[one, print_nothing, two]).fit(X, C)
    assert one.calls == two.calls == ["enter", *range(1, 5), model]
    assert_same_bits(model.network_.theta, small(solver=solver).fit(X, C).network_.theta)


def print_nothing(progress):
    pass


@pytest.mark.parametrize("fails", ["enter", 1, 3])
def test_it_is_left_when_something_fails(fails):
    before, failing = Entered(), Entered(fails)
    model = small().fit(X, C)
    model.set_params(callbacks=[before, failing], hidden_size=6)
    assert_refused(model, lambda: model.fit(X, C), "went wrong", RuntimeError)
    assert before.calls[-1] is RuntimeError
    assert (failing.calls[-1] is RuntimeError) == (fails != "enter")


def test_it_is_left_when_there_is_an_error_in_the_data():
    one = Entered()
    with pytest.raises(ValueError):
        small(callbacks=[one]).fit(X, C[:-1])
    assert one.calls == ["enter", ValueError]


def test_partial_fit_only_calls_it():
    one = Entered()
    model = small(callbacks=[one])
    for _ in range(2):
        model.partial_fit(X, C)
    assert one.calls == [1, 2]


def test_a_forecaster_is_whole_when_it_is_left():
    class AtItsEnd:
        def __call__(self, progress):
            pass

        @contextmanager
        def fitting(self, estimator):
            yield
            self.interval = estimator.predict_interval(0.5)

    end = AtItsEnd()
    model = forecaster(calibration=4, callbacks=[end]).fit(Y)
    assert_same_bits(end.interval, model.predict_interval(0.5))


# --------------------------------------------------------------------------------------- without them


@pytest.mark.parametrize(
    "callback, library", [(TensorBoard, "tensorboardX"), (MLflow, "mlflow"), (lambda: OptunaPruning(None), "optuna")]
)
def test_a_library_that_is_not_there(monkeypatch, callback, library):
    load = builtins.__import__

    def refuse(name, *rest):
        if name.partition(".")[0] == library:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return load(name, *rest)

    monkeypatch.setattr("fastrnn.wording.import_module", refuse)
    with pytest.raises(ImportError, match=f'takes {library}: pip install "{library}>='):
        callback()


def test_checkpoints_are_with_the_others():
    assert Checkpoint is fastrnn.training.Checkpoint


# ----------------------------------------------------------------------------------------- TensorBoard


@pytest.fixture
def tensorboard(tmp_path):
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    return TensorBoard(tmp_path / "runs")


def curves(folder):
    """What tensorboardX has written, by tag, from the records themselves."""
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for path in folder.glob("events*"):
        data = path.read_bytes()
        while data:
            size = int.from_bytes(data[:8], "little")
            event, data = Event.FromString(data[12 : 12 + size]), data[16 + size :]
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def folders(callback):
    return sorted(Path(callback.log_dir).iterdir())


def test_tensorboard_shows_the_curves(tensorboard):
    model = small(callbacks=[tensorboard], **WITH_SCORES).fit(X, C)
    (folder,) = folders(tensorboard)
    assert folder.name.startswith("SequenceClassifier-")
    found = curves(folder)
    tags = {"loss": model.loss_curve_, "validation_score": model.validation_scores_}
    tags["validation_loss"] = model.validation_loss_curve_
    for tag, numbers in tags.items():
        steps, values = zip(*found[tag], strict=True)
        assert steps == tuple(range(1, 5))
        np.testing.assert_allclose(values, numbers, rtol=1e-6)
    assert set(found) == {*tags}


def test_tensorboard_reads_them(tensorboard):
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
    )
    model = small(callbacks=[tensorboard]).fit(X, C)
    read = reader.EventAccumulator(str(folders(tensorboard)[0])).Reload()
    np.testing.assert_allclose([e.value for e in read.Scalars("loss")], model.loss_curve_, rtol=1e-6)


def test_each_fit_has_a_folder(tensorboard):
    model = small(callbacks=[tensorboard])
    model.fit(X, C).fit(X, C)
    GridSearchCV(model, {"hidden_size": [2, 3]}, cv=2, refit=False).fit(X, C)
    assert len(folders(tensorboard)) == 2 + 4
    assert all(len(curves(folder)["loss"]) == 4 for folder in folders(tensorboard))
    other = SequenceRegressor(hidden_size=3, max_iter=1, callbacks=[tensorboard]).fit(X, C)
    assert folders(tensorboard)[-1].name.startswith("SequenceRegressor") and other.n_iter_ == 1


def test_partial_fit_writes_nothing(tensorboard):
    model = small(callbacks=[tensorboard]).fit(X, C)
    model.partial_fit(X, C)
    assert len(folders(tensorboard)) == 1
    for again in (clone(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert again.callbacks[0].log_dir == tensorboard.log_dir and again.callbacks[0] is not tensorboard


def test_a_fit_that_fails_leaves_its_curve(tensorboard):
    with pytest.raises(RuntimeError):
        small(callbacks=[tensorboard, Entered(fails=3)]).fit(X, C)
    assert len(curves(folders(tensorboard)[0])["loss"]) == 3


def test_a_folder_that_cannot_be_is_an_error_before_training(tmp_path):
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    (tmp_path / "runs").write_text("a file")
    epochs = []
    with pytest.raises(OSError):
        small(callbacks=[TensorBoard(tmp_path / "runs"), epochs.append]).fit(X, C)
    assert not epochs


def test_files_that_cannot_be_closed(tensorboard, monkeypatch):
    import tensorboardX

    def refuse(self):
        raise OSError("no space left")

    monkeypatch.setattr(tensorboardX.SummaryWriter, "close", refuse)
    with pytest.warns(RuntimeWarning, match="TensorBoard cannot be written .no space left.: training goes on"):
        model = small(callbacks=[tensorboard]).fit(X, C)
    assert_same_bits(model.network_.theta, small().fit(X, C).network_.theta)


@pytest.mark.parametrize("kind", ["tagger", "generator_of_streams", "translator", "vector_to_numbers"])
def test_every_estimator_writes(kind, tensorboard):
    from samples import data_for

    model = make_estimator(kind, callbacks=[tensorboard]).fit(*data_for(kind))
    assert len(curves(folders(tensorboard)[0])["loss"]) == model.n_iter_


# ---------------------------------------------------------------------------------------------- MLflow


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # which its own dependencies give
        mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed")
        mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
        mlflow.create_experiment("tests", f"file://{tmp_path}/artifacts")
        mlflow.set_experiment("tests")
        yield mlflow
        while mlflow.active_run():
            mlflow.end_run()


def runs(mlflow):
    """The newest first."""
    client = mlflow.MlflowClient()
    return client.search_runs([client.get_experiment_by_name("tests").experiment_id])


def history(mlflow, run, name):
    return [(m.step, m.value) for m in mlflow.MlflowClient().get_metric_history(run.info.run_id, name)]


def load(mlflow, run):
    return fastrnn.load(mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/model.safetensors"))


def test_mlflow_has_all_of_a_fit(mlflow):
    model = small(callbacks=[MLflow()], class_weight={0: 1.0, 1: 2.0}, **WITH_SCORES).fit(X, C)
    (run,) = runs(mlflow)
    assert run.info.status == "FINISHED" and mlflow.active_run() is None
    assert run.data.params["estimator"] == "SequenceClassifier" and run.data.params["hidden_size"] == "4"
    given = {"estimator": "SequenceClassifier", **model.get_params(), "callbacks": None}
    assert run.data.params == {name: str(value) for name, value in given.items()}
    assert history(mlflow, run, "loss") == list(enumerate(model.loss_curve_, 1))
    assert history(mlflow, run, "validation_score") == list(enumerate(model.validation_scores_, 1))
    assert history(mlflow, run, "validation_loss") == list(enumerate(model.validation_loss_curve_, 1))
    assert_same_bits(load(mlflow, run).predict_proba(X), model.predict_proba(X))  # with the weights of the best epoch


def test_a_fit_is_nested_in_the_active_run(mlflow):
    with mlflow.start_run() as outer:
        small(callbacks=[MLflow()]).fit(X, C)
        assert mlflow.active_run().info.run_id == outer.info.run_id
    inner, found = runs(mlflow)
    assert found.info.run_id == outer.info.run_id == inner.data.tags["mlflow.parentRunId"]
    assert not found.data.params and inner.data.params


def test_a_search_has_a_run_for_each_fit(mlflow):
    model = small(callbacks=[MLflow()], max_iter=1)
    sizes = {"sequenceclassifier__hidden_size": [2, 3]}
    with mlflow.start_run():
        GridSearchCV(make_pipeline(SequenceScaler(), model), sizes, cv=2, refit=False).fit(X, C)
    assert [run.data.params.get("hidden_size") for run in runs(mlflow)] == ["3", "3", "2", "2", None]


def test_a_run_that_failed(mlflow):
    with pytest.raises(RuntimeError):
        small(callbacks=[MLflow(), Entered(fails=2)]).fit(X, C)
    (run,) = runs(mlflow)
    assert run.info.status == "FAILED" and mlflow.active_run() is None
    assert not mlflow.MlflowClient().list_artifacts(run.info.run_id)
    small(callbacks=[MLflow()]).fit(X, C)
    assert runs(mlflow)[0].info.status == "FINISHED"


def test_a_server_that_goes_away(mlflow, monkeypatch):
    def refuse(*_, **__):
        raise mlflow.MlflowException("no answer")

    for name in ("log_metrics", "log_artifact"):
        monkeypatch.setattr(mlflow, name, refuse)
    monkeypatch.setattr(mlflow.MlflowClient, "set_terminated", refuse)
    model = small(callbacks=[MLflow()])
    with pytest.warns(RuntimeWarning, match="MLflow does not take an epoch .no answer.: training goes on") as caught:
        model.fit(X, C)
    assert len(caught) == 1 and mlflow.active_run() is None
    assert_same_bits(model.network_.theta, small().fit(X, C).network_.theta)


@pytest.mark.parametrize("fails, status", [(None, "FINISHED"), (2, "FAILED")])
def test_the_end_of_a_run_that_no_server_takes_ends_no_fit(fails, status, monkeypatch):
    ends = []

    def end_run(status):
        ends.append(status)
        raise OSError("no answer")

    names = "start_run", "log_params", "log_metrics", "log_artifact"
    takes_all = dict.fromkeys(names, lambda *_, **__: None)
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(**takes_all, end_run=end_run))
    model = small(callbacks=[MLflow(), Entered(fails)])
    with pytest.warns(RuntimeWarning, match="MLflow does not take the end .no answer."):
        if fails:
            with pytest.raises(RuntimeError, match="2 went wrong"):
                model.fit(X, C)
        else:
            assert model.fit(X, C).n_iter_ == 4
    assert ends == [status]


def test_a_forecaster_with_all_that_its_fit_makes(mlflow):
    model = forecaster(calibration=4, callbacks=[MLflow()]).fit(Y)
    assert_same_bits(load(mlflow, runs(mlflow)[0]).predict_interval(0.5), model.predict_interval(0.5))


def test_partial_fit_logs_to_the_active_run(mlflow):
    model = small(callbacks=[MLflow()])
    with mlflow.start_run():
        for _ in range(2):
            model.partial_fit(X, C)
    (run,) = runs(mlflow)
    assert history(mlflow, run, "loss") == list(enumerate(model.loss_curve_, 1)) and not run.data.params
    assert clone(model).callbacks is not model.callbacks and pickle.loads(pickle.dumps(model)).n_iter_ == 2


# ---------------------------------------------------------------------------------------------- Optuna


@pytest.fixture
def optuna():
    optuna = pytest.importorskip("optuna", reason="Optuna is not installed")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


class Always:
    """A pruner that has enough at a step."""

    def __init__(self, step):
        self.step = step

    def prune(self, study, trial):
        return trial.last_step == self.step


def study(optuna, direction="minimize", step=None):
    return optuna.create_study(direction=direction, pruner=Always(step), sampler=optuna.samplers.RandomSampler(seed=0))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_trial_is_pruned_and_the_model_stays(optuna, solver):
    model = small(solver=solver).fit(X, C)
    models = []

    def objective(trial):
        model.set_params(callbacks=[OptunaPruning(trial)], hidden_size=7)
        assert_refused(model, lambda: model.fit(X, C), "pruned after epoch 2", optuna.TrialPruned)
        new = small(solver=solver, callbacks=[OptunaPruning(trial)])
        models.append(new)
        return new.fit(X, C).loss_curve_[-1]

    found = study(optuna, step=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the trial has the first fit's numbers for these epochs
        found.optimize(objective, n_trials=1)
    assert found.trials[0].state == optuna.trial.TrialState.PRUNED
    assert list(found.trials[0].intermediate_values) == [1, 2]
    assert not hasattr(models[0], "network_")
    assert model.set_params(callbacks=None, hidden_size=4).predict(X).shape == (30,)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("options", [{}, WITH_SCORES], ids=["loss", "score"])
def test_what_is_reported_is_better_where_the_study_says_so(optuna, direction, options):
    models = []

    def objective(trial):
        models.append(small(callbacks=[OptunaPruning(trial)], **options).fit(X, C))
        return 0.0

    found = study(optuna, direction)
    found.optimize(objective, n_trials=1)
    numbers = np.array(models[0].validation_scores_ or models[0].loss_curve_)
    sign = 1 if (direction == "maximize") == bool(options) else -1
    assert found.trials[0].intermediate_values == dict(enumerate(sign * numbers, 1))


def test_a_real_pruner_ends_what_does_not_learn(optuna):
    def objective(trial):
        rate = [1e-2, 1e-2, 1e-8][trial.number]
        clf = small(max_iter=10, learning_rate_init=rate, callbacks=[OptunaPruning(trial)])
        return clf.fit(X, C).loss_curve_[-1]

    found = optuna.create_study(pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=2))
    found.optimize(objective, n_trials=3)
    assert [trial.state.name for trial in found.trials] == ["COMPLETE", "COMPLETE", "PRUNED"]
    best = found.best_trial
    assert objective(best) == best.value  # a trial that is over reports to nobody


def test_its_copies_report_to_the_same_trial(optuna):
    def objective(trial):
        model = clone(small(callbacks=[OptunaPruning(trial)]))
        assert model.callbacks[0].trial is trial
        model.fit(X, C)
        return cross_val_score(model.set_params(callbacks=None), X, C, cv=2).mean()

    found = study(optuna, "maximize")
    found.optimize(objective, n_trials=1)
    assert len(found.trials[0].intermediate_values) == 4


def test_a_study_in_a_database(optuna, tmp_path):
    pytest.importorskip("sqlalchemy", reason="sqlalchemy comes with Optuna")
    found = optuna.create_study(storage=f"sqlite:///{tmp_path}/study.db", pruner=Always(2))
    found.optimize(lambda trial: small(callbacks=[OptunaPruning(trial)]).fit(X, C).loss_curve_[-1], n_trials=2)
    assert [trial.state.name for trial in found.trials] == ["PRUNED"] * 2
