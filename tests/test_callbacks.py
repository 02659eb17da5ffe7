"""scikit-learn's callbacks over our own: monitors, stopping, propagation, and what is left after an error."""

import contextlib
import pickle

import numpy as np
import pytest
from samples import assert_same_bits, data_for, labelled, make_estimator
from series import Y, forecaster
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import fastrnn
from fastrnn import SequenceClassifier, SequenceRegressor
from fastrnn.sequences import as_objects
from fastrnn.training import Checkpoint

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")

X, C = labelled(30, n_classes=2)
X = as_objects(X)


class Watch:
    """Notes the hooks that are called; stops after `last` epochs, and fails where it is told to."""

    def __init__(self, last=None, fails=None):
        self.last, self.fails, self.calls, self.models = last, fails, [], []

    def _note(self, hook, context=None):
        self.calls.append(hook if context is None else (hook, context.task_name))
        if hook == self.fails:
            raise RuntimeError(f"{hook} went wrong")

    def setup(self, estimator, context):
        self._note("setup")

    def teardown(self, estimator, context):
        self._note("teardown")

    def on_fit_task_begin(self, estimator, context):
        self._note("begin", context)

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self._note("end", context)
        if self.fails == "epoch":
            raise RuntimeError("epoch went wrong")
        self.models.append(fitted_estimator)
        self.given = X, y, metadata
        return context.task_name == "epoch" and len(self.models) == self.last


def small(**options):
    return SequenceClassifier(**{"hidden_size": 4, "max_iter": 4, "random_state": 0, **options})


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_scoring_monitor_has_a_row_an_epoch(solver):
    monitor = callback.ScoringMonitor(scoring=["accuracy", "neg_log_loss"])
    model = clone(small(solver=solver).set_callbacks(monitor)).fit(X, C)  # they survive clone
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(rows) == model.n_iter_ == 4
    for epoch, row in enumerate(rows, 1):
        stopped = small(solver=solver, callbacks=[lambda p, epoch=epoch: p.epoch == epoch]).fit(X, C)
        assert row["accuracy"] == stopped.score(X, C)
        p = stopped.predict_proba(X)[np.arange(len(C)), C]
        assert np.isclose(row["neg_log_loss"], np.log(p).mean(), rtol=1e-6)
    assert_same_bits(model.network_.theta, small(solver=solver).fit(X, C).network_.theta)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_callback_stops_the_training(solver):
    watch, ours = Watch(last=2), []
    model = small(solver=solver, callbacks=[ours.append], max_iter=9).set_callbacks(watch)
    weights = np.arange(1.0, 31)
    model.fit(X, C, sample_weight=weights)
    assert model.n_iter_ == len(ours) == 2
    tasks = [("begin", "epoch"), ("end", "epoch")] * 2
    assert watch.calls == ["setup", ("begin", "fit"), *tasks, ("end", "fit"), "teardown"]
    assert watch.given[0] is X and watch.given[1] is C and watch.given[2]["sample_weight"] is weights
    expected = small(solver=solver, callbacks=[lambda p: p.epoch == 2], max_iter=9).fit(X, C, sample_weight=weights)
    for one in (model, *watch.models[1:]):
        assert_same_bits(one.network_.theta, expected.network_.theta)
        assert one.n_iter_ == 2 and one.loss_curve_ == expected.loss_curve_
    assert watch.models[0].n_iter_ == 1 and watch.models[0].network_ is not model.network_


def test_training_that_ends_by_itself_leaves_no_task_open():
    watch = Watch()
    model = small(max_iter=50, tol=1e3, n_iter_no_change=2).set_callbacks(watch).fit(X, C)
    assert model.n_iter_ < 50 and watch.models[-2:-1] == [None]
    assert watch.calls.count(("begin", "epoch")) == watch.calls.count(("end", "epoch")) == model.n_iter_ + 1


def test_a_model_given_to_a_callback_is_a_copy_that_can_go_on():
    watch = Watch()
    model = small().set_callbacks(watch).fit(X, C)
    before = model.network_.theta.copy()
    watch.models[1].partial_fit(X, C)
    assert_same_bits(model.network_.theta, before)
    assert watch.models[1].n_iter_ == 3 and model.n_iter_ == 4


@pytest.mark.parametrize("fails", ["setup", "begin", "epoch", "teardown"])
def test_an_error_in_a_callback_leaves_the_estimator_as_it_was(fails):
    watch, model = Watch(fails=fails), small().fit(X, C)
    before, names = model.network_.theta.copy(), set(vars(model))
    model.set_params(max_iter=2).set_callbacks(watch)
    with pytest.raises(RuntimeError, match=f"{fails} went wrong"):
        model.fit(X, C)
    assert watch.calls[-1] == "teardown"
    assert_same_bits(model.network_.theta, before)
    assert model.n_iter_ == 4 and set(vars(model)) == names | {"_skl_callbacks"}
    assert model.set_callbacks().fit(X, C).n_iter_ == 2


def test_a_checkpoint_names_the_labels_that_no_file_holds(tmp_path):
    labels = np.array(["2024-01-01", "2024-01-02"], "M8[D]")[C]
    with pytest.raises(ValueError, match="^classes_ is array.*, a ndarray that no file can hold"):
        SequenceClassifier(max_iter=1, callbacks=[Checkpoint(tmp_path / "c")]).fit(X, labels)


def test_files_pickles_and_checkpoints_are_as_without(tmp_path):
    model = small(callbacks=[Checkpoint(tmp_path / "run", every=2)]).set_callbacks(Watch(last=3)).fit(X, C)
    assert not {"_callback_fit_ctx", "_skl_callbacks_to_teardown"} & set(vars(model))
    again = pickle.loads(pickle.dumps(model.set_params(callbacks=None)))
    assert_same_bits(again.predict_proba(X), model.predict_proba(X))
    fastrnn.save(model, tmp_path / "model")
    assert_same_bits(fastrnn.load(tmp_path / "model").predict_proba(X), model.predict_proba(X))
    watch = Watch()
    resumed = small().set_callbacks(watch).fit(X, C, resume_from=tmp_path / "run")
    assert_same_bits(resumed.network_.theta, small().fit(X, C).network_.theta)
    assert [one.n_iter_ for one in watch.models] == [3, 4, 4]


class Propagated(Watch):
    max_propagation_depth = None


def test_a_search_and_a_pipeline_hand_their_callbacks_down():
    propagated, monitor = Propagated(), callback.ScoringMonitor(scoring="accuracy")
    pipe = make_pipeline(small(max_iter=3).set_callbacks(monitor))
    search = GridSearchCV(pipe, {"sequenceclassifier__hidden_size": [3, 4]}, cv=2).set_callbacks(propagated)
    search.fit(X, C)
    n_fits = 2 * 2 + 1
    assert propagated.calls.count(("end", "epoch")) == 3 * n_fits and propagated.calls.count("teardown") == 1
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(rows) == 3 * n_fits
    assert not hasattr(search.best_estimator_[-1], "_parent_callback_ctx")


@pytest.mark.parametrize("kind", ["tagger", "generator_of_streams", "translator", "vector_to_numbers"])
def test_every_estimator_has_them(kind):
    (X, y), watch = data_for(kind, 12), Watch()
    model = make_estimator(kind).set_callbacks(watch).fit(X, y)
    assert watch.calls.count(("end", "epoch")) == 2
    assert_same_bits(watch.models[1].network_.theta, model.network_.theta)


def test_a_forecaster_and_a_regressor_have_them():
    watch = Watch()
    model = forecaster().set_callbacks(watch).fit(Y)
    assert_same_bits(watch.models[1].predict(), model.predict())
    regressor = SequenceRegressor(hidden_size=3, max_iter=2, early_stopping=True).set_callbacks(watch)
    assert regressor.fit(X, C).n_iter_ == 2 and len(watch.models[-1].validation_scores_) == 2


def test_a_progress_bar_is_drawn(capsys):
    pytest.importorskip("rich", reason="scikit-learn draws its progress bars with rich")
    small().set_callbacks(callback.ProgressBar()).fit(X, C)
    assert "SequenceClassifier - fit" in capsys.readouterr().out


def test_what_is_no_callback_is_refused():
    with pytest.raises(TypeError, match="must be instances following the FitCallback protocol"):
        small().set_callbacks(print)


def test_a_context_that_takes_errors_leaves_the_estimator_as_it_was():
    class Taking:
        def __call__(self, progress):
            pass

        def fitting(self, estimator):
            return contextlib.suppress(ValueError)

    clf = SequenceClassifier(hidden_size=2, max_iter=1, random_state=0).fit([[0.0], [1.0]], [0, 1])
    before = clf.predict_proba([[0.5]])
    clf.set_params(callbacks=[Taking()]).fit([[0.0], [1.0], [2.0]], [0, 1])
    assert (clf.predict_proba([[0.5]]) == before).all()
