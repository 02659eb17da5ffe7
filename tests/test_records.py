"""Checkpoints, and fits that go on from them to the same bits."""

import copy
import errno
import os
import pickle

import numpy as np
import pytest
from mutations import put_together, taken_apart
from samples import KINDS, assert_refused, assert_same_bits, data_for, labelled, make_estimator, ragged
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils import check_random_state

import fastrnn
from fastrnn import SequenceClassifier, SequenceRegressor, SequenceTagger, StorageError
from fastrnn.epochs import Budget
from fastrnn.preprocessing import Tokenizer
from fastrnn.training import Checkpoint

SMALL = {"hidden_size": 5, "max_iter": 4, "random_state": 0}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


def assert_same_run(a, b):
    assert_same_bits(a.network_.theta, b.network_.theta)
    assert a.loss_curve_ == b.loss_curve_ and a.n_iter_ == b.n_iter_ and a.validation_scores_ == b.validation_scores_


def stopping(epoch):
    return lambda progress: progress.epoch == epoch


def assert_resumes(estimator, X, y, path, before_each=lambda: None):
    """Stopped after any epoch and resumed, a fit ends as it does in one go."""
    before_each()
    whole = clone(estimator).fit(X, y)
    for epoch in range(1, whole.n_iter_ + 1):
        before_each()
        clone(estimator).set_params(callbacks=[Checkpoint(path), stopping(epoch)]).fit(X, y)
        assert fastrnn.load(path).n_iter_ == epoch
        resumed = clone(estimator).fit(X, y, resume_from=path)
        assert_same_run(resumed, whole)
    return whole


@pytest.mark.parametrize("kind", KINDS)
def test_every_estimator_resumes(kind, path):
    X, y = data_for(kind)
    assert_resumes(make_estimator(kind, max_iter=3, dropout=0.3), X, y, path)


@pytest.mark.parametrize(
    "options",
    [
        {"solver": "sgd", "learning_rate": "cosine"},
        {"solver": "rmsprop", "learning_rate": "warmup"},
        {"solver": "adamw", "alpha": 0.1, "dropout": 0.2},
        {"early_stopping": True, "n_iter_no_change": 2, "learning_rate": "plateau", "max_iter": 8},
        {"early_stopping": True, "tol": 10.0, "n_iter_no_change": 2, "max_iter": 9},
        {"tol": 10.0, "n_iter_no_change": 2, "max_iter": 9},
        {"learning_rate": "plateau", "n_iter_no_change": 2, "tol": 0.5, "max_iter": 9},
        {"shuffle": False, "dtype": "float64", "batch_size": 7, "class_weight": {0: 1, 1: 2, 2: 1.5}},
    ],
)
def test_every_way_of_training_resumes(options, path):
    X, y = labelled(30)
    assert_resumes(SequenceClassifier(**{**SMALL, **options}), X, y, path)


def test_a_finished_run_resumes_to_itself(path):
    X, y = labelled(30)
    whole = SequenceClassifier(**SMALL, callbacks=[Checkpoint(path)]).fit(X, y)
    assert_same_run(SequenceClassifier(**SMALL).fit(X, y, resume_from=path), whole)


def test_streams_with_early_stopping_resume(path):
    X, y = data_for("generator_of_streams")
    assert_resumes(make_estimator("generator_of_streams", early_stopping=True, validation_fraction=0.3), X, y, path)


@pytest.mark.parametrize("random_state", [None, 3, "instance"])
def test_draws_are_the_checkpoints(random_state, path):
    X, y = labelled(30)
    state = np.random.RandomState(5) if random_state == "instance" else random_state
    estimator = SequenceClassifier(**{**SMALL, "random_state": state}, dropout=0.2, early_stopping=True)

    def seed_all():
        check_random_state(None).seed(7)
        if random_state == "instance":
            state.seed(5)

    assert_resumes(estimator, X, y, path, seed_all)


def test_a_resumed_run_writes_checkpoints_too(path):
    X, y = labelled(30)
    whole = SequenceClassifier(**SMALL).fit(X, y)
    SequenceClassifier(**SMALL, callbacks=[Checkpoint(path), stopping(1)]).fit(X, y)
    for epoch in (2, 3):
        again = SequenceClassifier(**SMALL, callbacks=[Checkpoint(path), stopping(epoch)])
        assert again.fit(X, y, resume_from=path).n_iter_ == epoch
    assert_same_run(SequenceClassifier(**SMALL).fit(X, y, resume_from=path), whole)


def test_weights_and_targets_of_steps_resume(path):
    X = ragged(20)
    regressor = SequenceRegressor(**SMALL, return_sequences=True, callbacks=[Checkpoint(path), stopping(2)])
    y, weights = [x[:, 0] for x in X], np.arange(20.0)
    regressor.fit(X, y, weights)
    again = clone(regressor).set_params(callbacks=None)
    assert_same_run(again.fit(X, y, weights, resume_from=path), clone(again).fit(X, y, weights))
    assert_refused(again, lambda: again.fit(X, y, weights[::-1], resume_from=path), "not the data")


# ------------------------------------------------------------------------------------- refusals


@pytest.fixture
def run(path):
    X, y = labelled(30)
    SequenceClassifier(**SMALL, callbacks=[Checkpoint(path), stopping(2)]).fit(X, y)
    return path, X, y


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"max_iter": 30}, "max_iter=30, but the checkpoint's run has 4: set it back .*train longer.*warm_start=True"),
        ({"hidden_size": 7}, "hidden_size=7, but the checkpoint's run has 5: set .*without resume_from$"),
        ({"class_weight": "balanced"}, "class_weight='balanced', but the checkpoint's run has None"),
        ({"solver": "lbfgs"}, "resume_from.* does not go with solver='lbfgs'"),
        ({"max_iter": -1}, "'max_iter' parameter"),
    ],
)
def test_other_parameters(run, options, match):
    path, X, y = run
    estimator = SequenceClassifier(**{**SMALL, **options})
    assert_refused(estimator, lambda: estimator.fit(X, y, resume_from=path), match)


def test_parameters_that_do_not_matter(run):
    path, X, y = run
    whole = SequenceClassifier(**SMALL).fit(X, y)
    options = {"n_jobs": 1, "random_state": 77, "warm_start": True}
    again = SequenceClassifier(**{**SMALL, **options}).fit(X, y, resume_from=str(path))
    assert_same_run(again, whole)
    assert_refused(again, lambda: again.fit(X, y, resume_from=path), "does not go with warm_start=True")


def test_other_data(run):
    path, X, y = run
    changed = [x.copy() for x in X]
    changed[3][0, 0] += 1e-3
    weights = np.ones(30)
    weights[0] = 2
    cases = [(changed, y), (X, np.roll(y, 1)), (X[:-1], y[:-1]), (X[::-1], y[::-1]), (X, np.array(list("abc"))[y]),
             (X, y, weights), ([x[:, :2] for x in X], y)]  # fmt: skip
    for data in cases:
        estimator = SequenceClassifier(**SMALL)
        assert_refused(estimator, lambda d=data, e=estimator: e.fit(*d, resume_from=path), "X or y are not the data")
    fitted = SequenceClassifier(**SMALL).fit(X, y)
    assert_refused(fitted, lambda: fitted.fit(changed, y, resume_from=path), "X or y are not the data")


def test_files_that_are_no_checkpoints(run):
    path, X, y = run
    estimator, other = SequenceClassifier(**SMALL), path.with_name("other")
    assert_refused(estimator, lambda: estimator.fit(X, y, resume_from=other), "", FileNotFoundError)
    other.write_bytes(b"none")
    assert_refused(estimator, lambda: estimator.fit(X, y, resume_from=other), "no model", StorageError)
    fastrnn.save(SequenceClassifier(**SMALL).fit(X, y), other)
    assert_refused(estimator, lambda: estimator.fit(X, y, resume_from=other), "no run .* to resume", StorageError)
    for model in (make_pipeline(SequenceClassifier(**SMALL)).fit(X, y), Tokenizer().fit(["a"])):
        fastrnn.save(model, other)
        match = f"class is '{type(model).__name__}'; expected 'SequenceClassifier'"
        assert_refused(estimator, lambda: estimator.fit(X, y, resume_from=other), match, StorageError)
    tagger = SequenceTagger(**SMALL)
    steps = [np.arange(len(x)) % 2 for x in X]
    assert_refused(tagger, lambda: tagger.fit(X, steps, resume_from=path), "SequenceClassifier", StorageError)


@pytest.mark.parametrize("make", ["lbfgs", "warm_start", "partial_fit", "generator"])
def test_fits_that_leave_a_model_alone(make, path):
    X, y = labelled(30)
    solver = "lbfgs" if make == "lbfgs" else "adam"
    options = {**SMALL, "solver": solver, "warm_start": make == "warm_start"}
    if make == "generator":
        options["random_state"] = np.random.RandomState(np.random.PCG64(0))
    model = SequenceClassifier(**options)
    if make == "warm_start":
        model.fit(X, y)
    model.set_params(callbacks=[Checkpoint(path)])
    (model.partial_fit if make == "partial_fit" else model.fit)(X, y)
    assert_same_bits(fastrnn.load(path).predict_proba(X), model.predict_proba(X))
    assert fastrnn.load(path).loss_curve_ == model.loss_curve_
    again = SequenceClassifier(**SMALL)
    assert_refused(again, lambda: again.fit(X, y, resume_from=path), "no run .* to resume", StorageError)


@pytest.mark.parametrize(
    "change",
    [
        lambda run: run["start"]["state"].update(pos=625),
        lambda run: run["memory"]["rng"]["state"].update(key=[0] * 624),
        lambda run: run["memory"]["rng"].update(bit_generator="PCG64"),
        lambda run: run["memory"]["optimizer"].update(n_steps=-1),
        lambda run: run["memory"]["optimizer"].update(first=run["start"]["state"].pop("key")),
        lambda run: run["memory"]["best"].update(value=1),
        lambda run: run.pop("data"),
    ],
)
def test_a_run_that_lies(run, change):
    path, X, y = run
    fields, tensors = taken_apart(path.read_bytes())
    change(fields["content"]["run"])
    path.write_bytes(put_together(fields, tensors))
    estimator = SequenceClassifier(**SMALL)
    for call in (lambda: fastrnn.load(path), lambda: estimator.fit(X, y, resume_from=path)):
        with pytest.raises(StorageError, match="its run|damaged|belong to nothing"):
            call()


# ------------------------------------------------------------------------------------- the callback


def test_checkpoints_come_every_so_often(path):
    X, y = labelled(30)
    seen = []

    def note(progress):
        seen.append(fastrnn.load(path).n_iter_ if path.exists() else 0)

    SequenceClassifier(**SMALL, callbacks=[Checkpoint(path, every=3), note]).fit(X, y)
    assert seen == [0, 0, 3, 3]
    for every in (0, 1.5, None):
        with pytest.raises(ValueError, match="every must be an integer >= 1"):
            Checkpoint(path, every)


def test_any_callback_can_save_while_it_runs(path):
    X, y = labelled(30)
    kept = []

    def best(progress):
        kept.append(progress)
        progress.save(path)

    model = SequenceClassifier(**SMALL, callbacks=[best]).fit(X, y)
    assert [progress.save for progress in kept] == [None] * 4  # or they would keep the data
    assert_same_run(fastrnn.load(path), model)


def test_a_checkpoint_can_be_copied_and_pickled(path):
    for again in (pickle.loads(pickle.dumps(Checkpoint(path, 2))), copy.deepcopy(Checkpoint(path, 2))):
        assert (again.path, again.every) == (path, 2)


def test_a_checkpoint_that_can_have_no_place(path):
    with pytest.raises(FileNotFoundError, match="there is no folder for .*nowhere/run: make it first"):
        Checkpoint(path / "nowhere" / "run")
    with pytest.raises(IsADirectoryError, match="is a folder: name a file in it"):
        Checkpoint(path.parent)


def test_checkpoints_whose_folder_is_gone_for_a_while(path):
    X, y = labelled(30)
    folder = path.parent / "folder"
    folder.mkdir()

    def move(progress):
        if progress.epoch in (1, 3):
            folder.rename(path) if folder.exists() else path.rename(folder)

    model = SequenceClassifier(**SMALL, callbacks=[Checkpoint(folder / "run"), move])
    with pytest.warns(RuntimeWarning, match=r"epoch 2 cannot be written to .*run.*No such file.*goes on") as caught:
        model.fit(X, y)
    assert len(caught) == 1  # not of epoch 3 again
    assert_same_run(fastrnn.load(folder / "run"), model)
    assert_same_run(SequenceClassifier(**SMALL).fit(X, y), model)
    assert os.listdir(folder) == ["run"]


@pytest.mark.filterwarnings("ignore:.*little was learned")  # by so few epochs
def test_a_run_that_has_more_epochs_than_it_would_have_now_is_refused(path, monkeypatch):
    """ "auto" may be fewer in another version: the rest of the run was no epoch, its rate high to the end."""
    X, y = labelled(30)
    options = {**SMALL, "max_iter": "auto"}
    monkeypatch.setattr(SequenceClassifier, "_budget", (Budget(9),) * 2)
    SequenceClassifier(**options, callbacks=[Checkpoint(path), stopping(5)]).fit(X, y)
    monkeypatch.setattr(SequenceClassifier, "_budget", (Budget(4),) * 2)
    again = SequenceClassifier(**options)
    assert_refused(again, lambda: again.fit(X, y, resume_from=path), "run has 5 epochs, but max_iter=4: load the model")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO])
@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_checkpoints_on_a_disk_that_fails(path, monkeypatch, number, function):
    X, y = labelled(30)
    model = SequenceClassifier(**SMALL, callbacks=[Checkpoint(path), stopping(1)]).fit(X, y)
    before = path.read_bytes()

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, function, refuse)
    again = SequenceClassifier(**SMALL, callbacks=[Checkpoint(path)])
    with pytest.warns(RuntimeWarning, match=os.strerror(number)) as caught:
        again.fit(X, y)
    assert len(caught) == 1 and again.n_iter_ == SMALL["max_iter"]
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]
    with pytest.raises(OSError, match=os.strerror(number)):  # to save is what `save` is for
        fastrnn.save(model, path)


def test_numpy_scalars_are_the_parameters_they_stand_for(path):
    X, y = labelled(30)
    options = {**SMALL, "hidden_size": np.int64(4), "bidirectional": np.bool_(False)}
    model = SequenceClassifier(**options, callbacks=[Checkpoint(path)]).fit(X, y)
    again = SequenceClassifier(**{**SMALL, "hidden_size": 4, "bidirectional": False}).fit(X, y, resume_from=path)
    assert_same_run(again, model)
    other = SequenceClassifier(**options, learning_rate_init=np.float32(5e-3))  # no 0.005, though NumPy calls it equal
    with pytest.raises(ValueError, match="learning_rate_init=.*but the checkpoint's run has 0.005"):
        other.fit(X, y, resume_from=path)
