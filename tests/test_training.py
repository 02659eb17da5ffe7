"""The loop: batches, schedules, stopping, what is kept when something goes wrong."""

import copy
import re
import sys
import warnings
from functools import partial

import numpy as np
import pytest
from samples import assert_same_bits, labelled, ragged
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

from fastrnn import (
    SequenceClassifier,
    SequenceEnsemble,
    SequenceRegressor,
    SequenceTagger,
    SequenceToSequence,
    records,
    training,
)
from fastrnn.base import estimator
from fastrnn.epochs import learning_rate_factor
from fastrnn.network import training as network_training
from fastrnn.network.training import Training
from fastrnn.optimizers import Sweeps
from fastrnn.preprocessing import Tokenizer
from fastrnn.training import DivergenceError, Settings, Trainer, fit_lbfgs, warn_if_not_learned

SETTINGS = Settings(
    solver="sgd", learning_rate_init=0.1, learning_rate="constant", momentum=0.0, nesterovs_momentum=False,
    alpha=0.0, n_sequences=10, batch_size=4, max_iter=5, shuffle=True, clip_norm=None,
    clip_value=None,    n_iter_no_change=2, tol=None, verbose=False,
)  # fmt: skip


class Toy:
    """A parabola with its least value at `target`; notes the thetas at which it was asked."""

    def __init__(self, size=3, target=1.0):
        self.theta, self.gradient = np.zeros((2, size))
        self.decays = np.array([1.0] * (size - 1) + [0.0])
        self.target = target
        self.seen, self.numbers, self.n_changes = [], [], 0

    def changed(self):
        self.n_changes += 1

    def __call__(self, numbers, epoch):
        self.seen.append(self.theta.copy())
        self.numbers.append((epoch, numbers))
        self.gradient[:] = self.theta - self.target
        return float(0.5 * (self.gradient**2).sum())


class Objective:
    """Losses of batches, from a function of their numbers and the epoch."""

    def __init__(self, function):
        self.function = function

    def lay_out(self, batches, epoch):
        self.batches, self.epoch = batches, epoch

    def __call__(self, k):
        return self.function(self.batches[k], self.epoch)


def one_step(trainer, toy, rate):
    """The loss of a batch of four sequences."""
    objective = Objective(toy)
    objective.lay_out([np.arange(4)], 0)
    return sum(trainer.step(objective, 0, Sweeps(toy, trainer.optimizer), rate))


def scoring(scores):
    """What says the next of these scores, and as loss what is left of 1."""

    def validate():
        score = next(scores)
        return score, 1 - score

    return validate


def train(toy, validate=None, callbacks=(), lengths=(1,) * 10, **changes):
    trainer = Trainer(toy, SETTINGS._replace(**changes), np.random.RandomState(0))
    return trainer.fit(Objective(toy), np.array(lengths), validate, callbacks)


# ---------------------------------------------------------------------------- schedules


def test_the_schedule_runs_over_all_batches_of_all_epochs():
    toy = Toy(target=1e9)  # so far off that the gradient stays the same
    train(toy, learning_rate="cosine", learning_rate_init=1e-3)
    steps = np.diff(np.array(toy.seen)[:, 0]) / 1e6
    expected = [learning_rate_factor("cosine", k, 15) for k in range(14)]
    np.testing.assert_allclose(steps, expected, rtol=0.02)


def test_plateau_lowers_the_rate_when_nothing_improves():
    toy = Toy(target=1e9)
    scores = iter([0.5, 0.6] + [0.1] * 6)
    train(
        toy, validate=scoring(scores), learning_rate="plateau", learning_rate_init=1e-3,
        max_iter=8, n_iter_no_change=5, batch_size=10,
    )  # fmt: skip
    steps = np.diff(np.array(toy.seen)[:, 0]) / 1e6
    # Patience of 2 epochs, and steps of the epochs after it.
    np.testing.assert_allclose(steps[:6], [1, 1, 1, 1, 0.1, 0.1], rtol=0.02)


# --------------------------------------------------------------------- penalty and clipping


def test_the_penalty_is_of_matrices_only_and_shared_by_the_sequences():
    toy = Toy()
    toy.theta[:] = 3
    trainer = Trainer(toy, SETTINGS._replace(alpha=5.0, learning_rate_init=0.25), np.random.RandomState(0))
    loss = one_step(trainer, toy, 0.25)
    assert loss == 0.5 * 3 * 4 + 0.5 * (5 / 10) * 2 * 9
    np.testing.assert_allclose(toy.theta, 3 - 0.25 * (2 + 0.5 * 3 * toy.decays))


def test_adamw_decays_apart_from_the_gradient():
    plain, decayed = Toy(), Toy()
    for toy, alpha in ((plain, 0.0), (decayed, 0.5)):
        toy.theta[:] = 3
        settings = SETTINGS._replace(solver="adamw", alpha=alpha)
        assert one_step(Trainer(toy, settings, np.random.RandomState(0)), toy, 0.1) == 6.0
    np.testing.assert_allclose(plain.theta - decayed.theta, 0.1 * 0.5 * 3 * plain.decays)


def test_clipping():
    toy = Toy(target=-4.0)
    train(toy, clip_norm=0.5, max_iter=1, batch_size=10, learning_rate_init=1.0)
    np.testing.assert_allclose(np.linalg.norm(toy.theta), 0.5)
    np.testing.assert_allclose(toy.theta, toy.theta[0])
    toy = Toy(target=np.array([-4.0, 0.01, 2.0]))
    train(toy, clip_value=0.5, max_iter=1, batch_size=10, learning_rate_init=1.0)
    np.testing.assert_allclose(toy.theta, [-0.5, 0.01, 0.5])
    toy = Toy(target=0.1)
    train(toy, clip_norm=0.5, clip_value=0.5, max_iter=1, batch_size=10, learning_rate_init=1.0)
    np.testing.assert_allclose(toy.theta, 0.1)


# ------------------------------------------------------------------------------- the loop


def test_history_and_epochs():
    toy = Toy()
    trainer = train(toy)
    assert len(trainer.history.epochs) == len(trainer.history.losses) == 5
    assert trainer.history.scores == []
    assert [epoch for epoch, _ in toy.numbers] == [e for e in range(5) for _ in range(3)]
    first = [
        (len(numbers), 0.5 * ((theta - 1) ** 2).sum())
        for (_, numbers), theta in zip(toy.numbers[:3], toy.seen, strict=False)
    ]
    np.testing.assert_allclose(trainer.history.losses[0], sum(n * loss for n, loss in first) / 10)
    assert toy.n_changes >= 15


def test_the_weights_of_the_best_score_stay():
    toy = Toy()
    scores = iter([0.1, 0.7, 0.4, 0.7, 0.2, 0.9])
    after = []
    trainer = train(
        toy, validate=scoring(scores), max_iter=6, n_iter_no_change=3,
        callbacks=[lambda progress: after.append(toy.theta.copy())],
    )  # fmt: skip
    assert trainer.history.scores == [0.1, 0.7, 0.4, 0.7, 0.2]  # stopped before 0.9
    assert_same_bits(toy.theta, after[1])


def test_the_weights_after_the_last_epochs_are_averaged():
    toy, after = Toy(), []
    note = [lambda progress: after.append(toy.theta.copy())]
    train(toy, max_iter=6, averaging=3, callbacks=note)
    np.testing.assert_allclose(toy.theta, np.mean(after[3:], axis=0), rtol=1e-6)
    other = Toy()
    train(other, max_iter=6)
    assert_same_bits(other.theta, after[-1])  # training itself is the same


def test_an_improvement_up_to_tol_is_none():
    scores = iter([0.5, 0.52, 0.54, 0.56, 0.58])
    toy, after = Toy(), []
    trainer = train(
        toy, validate=scoring(scores), tol=0.1, n_iter_no_change=2,
        callbacks=[lambda progress: after.append(toy.theta.copy())],
    )  # fmt: skip
    assert len(trainer.history.epochs) == 3
    assert_same_bits(toy.theta, after[2])  # the best is kept, however little better


def test_without_validation_only_tol_ends_training():
    assert len(train(Toy(target=0.0), max_iter=9).history.epochs) == 9
    assert len(train(Toy(target=0.0), max_iter=9, tol=1e-4).history.epochs) == 3
    assert len(train(Toy(), max_iter=9, tol=1e-12).history.epochs) == 9


def test_callbacks_all_see_every_epoch_and_any_ends_it():
    seen = {"first": [], "last": []}
    callbacks = [
        lambda p: seen["first"].append(p.epoch) or p.epoch == 2,
        lambda p: seen["last"].append((p.loss, p.validation_score)),
    ]
    trainer = train(Toy(), callbacks=callbacks)
    assert seen["first"] == [1, 2]
    assert seen["last"] == [(loss, None) for loss in trainer.history.losses]


def test_a_bar_is_shown_when_verbose(capfd):
    train(Toy())
    assert capfd.readouterr() == ("", "")
    train(Toy(), verbose=True)
    shown = capfd.readouterr().err
    assert "5/5" in shown and "epoch" in shown and "loss=" in shown


def test_an_interrupt_keeps_the_model_and_warns():
    X, y = labelled(30)
    options = {"hidden_size": 5, "random_state": 0, "learning_rate": "constant"}

    def interrupt(progress):
        if progress.epoch == 3:
            raise KeyboardInterrupt

    clf = SequenceClassifier(**options, callbacks=[interrupt], max_iter=10)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        clf.fit(X, y)
    expected = SequenceClassifier(**options, max_iter=3).fit(X, y)
    assert_same_bits(clf.predict_proba(X), expected.predict_proba(X))
    assert clf.loss_curve_ == expected.loss_curve_ and clf.n_iter_ == 3


def test_an_interrupt_restores_the_best_weights():
    toy, scores, after = Toy(), iter([0.9, 0.3, 0.2]), []

    def interrupt(progress):
        after.append(toy.theta.copy())
        if progress.epoch == 3:
            raise KeyboardInterrupt

    with pytest.warns(ConvergenceWarning):
        train(toy, validate=scoring(scores), n_iter_no_change=5, callbacks=[interrupt])
    assert_same_bits(toy.theta, after[0])


def interrupted(call, files, line):
    """Call, with a KeyboardInterrupt before a line, counted as they are run, of these files; whether it was reached."""
    n_lines = 0

    def trace(frame, event, _):
        nonlocal n_lines
        if event == "line":
            n_lines += 1
            if n_lines == line:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(lambda frame, event, arg: trace if frame.f_code.co_filename in files else None)
    try:
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return n_lines >= line


def test_an_interrupt_at_any_line_leaves_a_score_for_each_loss():
    def fit(line):
        toy, scores, after = Toy(), iter([0.1, 0.3, 0.2]), []
        trainer = Trainer(
            toy, SETTINGS._replace(max_iter=3, batch_size=5, n_iter_no_change=9), np.random.RandomState(0)
        )
        given = np.ones(10, int), scoring(scores), [lambda _: after.append(toy.theta.copy())]
        is_over = not interrupted(partial(trainer.fit, Objective(toy), *given), {training.__file__}, line)
        return is_over, trainer.history, toy.theta, after

    for line in range(1, 10_000):
        is_over, history, theta, after = fit(line)
        assert len(history.losses) == len(history.scores) == len(history.epochs)
        if is_over:
            break
    assert line > 100 and len(history.epochs) == 3
    assert_same_bits(theta, after[1])


def test_an_interrupt_of_a_fit_at_any_line_leaves_a_model_or_none():
    X, y = labelled(30)
    files = {module.__file__ for module in (training, estimator, records)}
    n_models = 0
    for line in [*range(1, 1500, 41), 10**9]:
        clf = SequenceClassifier(hidden_size=3, max_iter=3, early_stopping=True, n_iter_no_change=9, random_state=0)
        interrupted(partial(clf.fit, X, y), files, line)
        if hasattr(clf, "network_"):
            n_models += 1
            assert clf.n_iter_ == len(clf.loss_curve_) == len(clf.validation_scores_)
            assert np.isfinite(clf.predict_proba(X)).all()
        else:
            assert vars(clf).keys() == vars(SequenceClassifier()).keys()
    assert n_models > 10 and clf.n_iter_ == 3


# ------------------------------------------------------------------------- several epochs at once


def laid_out(monkeypatch):
    """A list that gets, of each time that epochs are laid out, the first one and how many there are."""
    told, lay_out = [], Training.lay_out

    def note(objective, batches, epoch, n_epochs=1, **factors):
        told.append((epoch, n_epochs))
        lay_out(objective, batches, epoch, n_epochs, **factors)

    monkeypatch.setattr(Training, "lay_out", note)
    return told


@pytest.mark.parametrize("model", [
    SequenceClassifier(hidden_size=3, dropout=0.3),
    SequenceClassifier(cell="lstm", hidden_size=3, zoneout=0.2, batch_size=16),
    SequenceClassifier(hidden_size=3, learning_rate="warmup", solver="sgd", momentum=0.9),
    SequenceClassifier(hidden_size=140, num_layers=2, dropout=0.2),
    SequenceRegressor(hidden_size=3, learning_rate="cosine", solver="adamw", alpha=0.1),
], ids=["dropout", "zoneout", "warmup", "wide", "adamw"])  # fmt: skip
def test_epochs_that_nobody_looks_at_are_laid_out_at_once_with_the_same_bits(model, monkeypatch):
    X, y = labelled(44)
    told, n = laid_out(monkeypatch), 120
    monkeypatch.setattr(network_training, "MOMENT", 2**40)
    at_once = clone(model).set_params(max_iter=n, random_state=0).fit(X, y)
    assert told == [(0, 93), (93, 27)]
    each = clone(model).set_params(max_iter=n, random_state=0, callbacks=[lambda _: None]).fit(X, y)
    assert told[2:] == [(epoch, 1) for epoch in range(n)]
    assert_same_bits(at_once.network_.theta, each.network_.theta)
    assert at_once.loss_curve_ == each.loss_curve_


def test_epochs_are_laid_out_apart_where_something_comes_between(monkeypatch):
    X, y = labelled(60)
    text, holey = [[f"{k % 20}", f"{k % 7}", f"{k % 11}"] for k in range(60)], [x.copy() for x in X]
    holey[0][0] = np.nan
    told = laid_out(monkeypatch)
    sequence = {"max_iter": 3, "hidden_size": 3, "random_state": 0}
    first = SequenceClassifier(**sequence).fit(X, y)
    assert told == [(0, 3)]
    for options in ({"tol": 0.0}, {"learning_rate": "plateau"}, {"early_stopping": True}, {"missing": "mask"}):
        told.clear()
        SequenceClassifier(**sequence, **options).fit(holey if "missing" in options else X, y)
        assert told == [(0, 1), (1, 1), (2, 1)], options
    told.clear()
    SequenceClassifier(**sequence).fit(X, y, X_val=X, y_val=y)
    assert told == [(0, 1), (1, 1), (2, 1)]
    told.clear()
    make_pipeline(Tokenizer(), SequenceClassifier(**sequence, dropout=0.1)).fit(text, y)  # rare words are hidden anew
    assert told == [(0, 1), (1, 1), (2, 1)]
    told.clear()
    SequenceClassifier(**sequence | {"max_iter": 7}, averaging=2).fit(X, y)
    assert told == [(0, 5), (5, 1), (6, 1)]
    told.clear()
    SequenceClassifier(**sequence | {"max_iter": 7}, init_from=first, freeze=3).fit(X, y)
    assert told == [(0, 3), (3, 4)]


def test_epochs_that_are_laid_out_at_once_are_those_of_a_moment(monkeypatch):
    """For an interrupt, an ensemble's end and a bar wait for them."""
    X, y = labelled(60)
    told, model = laid_out(monkeypatch), SequenceClassifier(max_iter=3, hidden_size=3, random_state=0)
    work = 3 * model.fit(X, y).network_.work * sum(map(len, X))
    assert told == [(0, 3)]
    monkeypatch.setattr(network_training, "MOMENT", 3 * work - 1)
    model.fit(X, y)
    assert told[1:] == [(0, 2), (2, 1)]
    monkeypatch.setattr(network_training, "MOMENT", work - 1)
    model.fit(X, y)
    assert told[3:] == [(0, 1), (1, 1), (2, 1)]


def test_members_that_only_wait_for_an_end_lay_out_epochs_at_once(monkeypatch):
    X, y = labelled(60)
    told = laid_out(monkeypatch)
    SequenceEnsemble(SequenceClassifier(max_iter=5, hidden_size=3), 2, n_jobs=1).fit(X, y)
    assert told == [(0, 5), (0, 5)]


def test_divergence_among_epochs_at_once_names_its_own():
    X, y = labelled(60)
    options = {"solver": "sgd", "learning_rate_init": 1e30, "clip_norm": None, "max_iter": 9, "hidden_size": 3}
    messages = []
    for callbacks in (None, [lambda _: None]):
        with pytest.raises(DivergenceError) as error:
            SequenceRegressor(**options, callbacks=callbacks, random_state=0).fit(X, np.array(y, float))
        messages.append(str(error.value))
    assert messages[0] == messages[1]


# ------------------------------------------------------------------------------ divergence


def test_divergence_says_what_to_lower():
    X, y = ragged(20), 100 * np.arange(20.0)
    options = {"solver": "sgd", "learning_rate_init": 1e6, "clip_norm": None, "random_state": 0, "hidden_size": 5}
    for reg in (
        SequenceRegressor(**options, normalize_y=False),
        SequenceRegressor(**options, cell="rnn", nonlinearity="relu", batch_size=5),
    ):
        with pytest.raises(DivergenceError, match=r"learning_rate_init \(now 1000000.0\).*clip_norm") as error:
            reg.fit(X, y)
        assert "epoch" in str(error.value)
        assert not hasattr(reg, "network_") and not hasattr(reg, "loss_curve_")


@pytest.mark.parametrize(
    ("solver", "alpha", "rate", "clip_norm"),
    [("adamw", 500.0, 5e-3, 1.0), ("adamw", 1e30, 1.0, None), ("sgd", 1e6, 5e-3, None), ("sgd", 80.0, 1.0, None),
     ("sgd", 1e60, 5e-3, 1.0), ("adam", 1e60, 5e-3, 1.0), ("rmsprop", 1e300, 1.0, None), ("lbfgs", 1e60, 5e-3, 1.0)],
)  # fmt: skip
def test_divergence_by_weight_decay_names_alpha(solver, alpha, rate, clip_norm):
    X, y = labelled(20)
    options = {"solver": solver, "learning_rate_init": rate, "clip_norm": clip_norm, "random_state": 0}
    clf = SequenceClassifier(**options, alpha=alpha, hidden_size=5, max_iter=400, learning_rate="constant")
    with pytest.raises(DivergenceError, match=f": lower alpha \\(now {re.escape(str(alpha))}\\)"):
        clf.fit(X, y)
    clf.set_params(alpha=min(1 / rate, 20) / 20, max_iter=2).fit(X, y)


def test_divergence_beside_weight_decay_does_not_name_alpha():
    X, y = labelled(20)
    for solver, alpha in (("sgd", 1e-35), ("adamw", 1e-35), ("adam", 1e-3)):
        options = {"solver": solver, "alpha": alpha, "learning_rate_init": 1e30, "clip_norm": None}
        clf = SequenceClassifier(**options, cell="rnn", nonlinearity="relu", hidden_size=5, random_state=0)
        with pytest.raises(DivergenceError) as error:
            clf.fit(X, y)
        assert "alpha" not in str(error.value)


def test_divergence_in_the_last_step_does_not_pass():
    X, y = ragged(20), np.arange(20.0)
    reg = SequenceRegressor(
        solver="sgd", learning_rate_init=1e300, clip_norm=None, max_iter=1, batch_size=20, hidden_size=5
    )
    with pytest.raises(DivergenceError):
        reg.fit(X, y)


def test_divergence_leaves_a_fitted_model_as_it_was():
    X, y = labelled(20)
    clf = SequenceClassifier(hidden_size=5, max_iter=1, random_state=0).fit(X, y)
    expected = clf.predict_proba(X)
    clf.set_params(solver="sgd", learning_rate_init=1e30, clip_norm=None, max_iter=5, cell="rnn", nonlinearity="relu")
    with pytest.raises(DivergenceError):
        clf.fit(ragged(20, I=5), np.arange(20) % 2)
    assert_same_bits(clf.predict_proba(X), expected)


def test_a_diverged_partial_fit_leaves_weights_and_optimizer_as_they_were():
    X, y = labelled(20)
    clf = SequenceClassifier(hidden_size=5, shuffle=False, random_state=0).partial_fit(X, y)
    other = copy.deepcopy(clf)
    rate = clf.learning_rate_init
    clf.set_params(learning_rate_init=1e300)
    for fit in (clf.partial_fit, copy.copy(clf).set_params(warm_start=True).fit):
        with pytest.raises(DivergenceError):
            fit(X, y)
        assert_same_bits(clf.network_.theta, other.network_.theta)
        assert clf.loss_curve_ == other.loss_curve_
    clf.set_params(learning_rate_init=rate)
    assert_same_bits(clf.partial_fit(X, y).network_.theta, other.partial_fit(X, y).network_.theta)


# ---------------------------------------------------------------------------------- lbfgs


def test_lbfgs_reaches_the_minimum_in_few_iterations():
    toy = Toy(size=50)
    toy.theta = toy.theta.astype(np.float32)
    history = fit_lbfgs(toy, Objective(toy), SETTINGS._replace(max_iter=20), 10)
    np.testing.assert_allclose(toy.theta, 1, atol=1e-5)
    assert len(history.epochs) == len(history.losses) <= 5
    assert (np.concatenate([numbers for _, numbers in toy.numbers]).reshape(-1, 10) == np.arange(10)).all()


def test_lbfgs_adds_the_penalty():
    toy = Toy(size=3, target=2.0)
    fit_lbfgs(toy, Objective(toy), SETTINGS._replace(alpha=10.0), 10)
    np.testing.assert_allclose(toy.theta, [1, 1, 2], atol=1e-5)


def test_lbfgs_needs_fewer_iterations_than_adam_epochs():
    X, y = labelled(40)
    options = {"hidden_size": 5, "random_state": 0, "max_iter": 15, "batch_size": 40}
    lbfgs, adam = (SequenceClassifier(solver=s, **options).fit(X, y) for s in ("lbfgs", "adam"))
    assert lbfgs.loss_curve_[-1] < 0.2 * adam.loss_curve_[-1]
    assert lbfgs.n_iter_ == len(lbfgs.loss_curve_) <= 15
    assert (np.diff(lbfgs.loss_curve_) < 0).all()


def test_an_interrupt_of_lbfgs_keeps_the_model_and_warns():
    toy, curvature, seen = Toy(size=4), np.array([1.0, 10.0, 100.0, 1000.0]), []

    def interrupted(numbers, epoch):
        seen.append(toy.theta.copy())
        if len(seen) == 9:  # the first iteration is over by then
            raise KeyboardInterrupt
        toy.gradient[:] = curvature * (toy.theta - 1)
        return float(0.5 * (curvature * (toy.theta - 1) ** 2).sum())

    with pytest.warns(ConvergenceWarning, match="interrupted"):
        try:
            fit_lbfgs(toy, Objective(interrupted), SETTINGS._replace(max_iter=50), 10)
        except KeyboardInterrupt:  # would end the tests
            pytest.fail("the interrupt went on to the caller")
    assert np.isfinite(toy.theta).all() and (toy.theta != 0).any()


def test_lbfgs_calls_callbacks():
    X, y = labelled(20)
    seen = []
    clf = SequenceClassifier(
        solver="lbfgs", hidden_size=5, max_iter=10, random_state=0,
        callbacks=[lambda p: seen.append((p.epoch, p.loss)) or p.epoch == 3],
    ).fit(X, y)  # fmt: skip
    assert seen == list(enumerate(clf.loss_curve_, 1))
    assert clf.n_iter_ == 3


# --------------------------------------------------------------------- epochs that the data decide


def test_a_fit_takes_them():
    X, y = labelled(300)
    assert SequenceClassifier(hidden_size=2, batch_size=4, random_state=0).fit(X, y).n_iter_ == 60
    assert SequenceClassifier(hidden_size=2, batch_size=64, random_state=0).fit(X, y).n_iter_ == 600
    assert SequenceClassifier(max_iter=2).fit(X, y).n_iter_ == 2
    tokens = [np.full(3, label) for label in y]
    same = {"hidden_size": 2, "batch_size": 64, "random_state": 0}
    assert SequenceClassifier(embedding_dim=2, **same).fit(tokens, y).n_iter_ == 400
    tags = [np.full(len(x), label) for x, label in zip(X, y, strict=True)]
    assert SequenceTagger(hidden_size=2, batch_size=4, random_state=0).fit(X, tags).n_iter_ == 30
    assert SequenceTagger(**same).fit(X, tags).n_iter_ == 200
    assert SequenceToSequence(**same).fit(tokens[:60], tokens[:60]).n_iter_ == 2000
    flat = [len(x) for x in X]
    assert SequenceRegressor(**same).fit(X, flat).n_iter_ == 400


def test_a_tagger_that_learns_little_says_so():
    rng = np.random.default_rng(0)
    X = [rng.standard_normal((3, 1)) for _ in range(300)]
    y = [rng.integers(0, 2, 3) for _ in X]
    with pytest.warns(ConvergenceWarning, match="little was learned"):
        SequenceTagger(hidden_size=1, cell="rnn", bidirectional=False, random_state=0).fit(X, y)


@pytest.mark.parametrize("options", [{"loss": "absolute_error"}, {"loss": "quantile", "quantile": 0.95}])
def test_the_best_constant_answer_goes_by_the_loss(options):
    X, y = np.random.default_rng(0).standard_normal((60, 6)), np.where(np.arange(60) % 10 == 0, 10.0, 0.0)
    with pytest.warns(ConvergenceWarning, match="little was learned"):
        SequenceRegressor(hidden_size=1, learning_rate_init=1e-3, random_state=0, **options).fit(X, y)


@pytest.mark.parametrize("model", [SequenceClassifier, SequenceRegressor])
def test_a_fit_that_learns_little_warns(model):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((400, 3, 1)), rng.integers(0, 2, 400)
    with pytest.warns(ConvergenceWarning, match="best constant answer.*little was learned.*large drift may hide"):
        model(hidden_size=1, bidirectional=False, learning_rate_init=1e-4, random_state=0).fit(X, y)


def test_a_fit_whose_loss_still_falls_warns():
    with pytest.warns(ConvergenceWarning, match="after 100 epochs.*0.141.*0.232: it still falls. Raise max_iter"):
        warn_if_not_learned(np.linspace(1, 0.1, 100), 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_not_learned(np.append(np.linspace(1, 0.1, 100), np.full(20, 0.1)), 1.0)
        warn_if_not_learned(
            [0.47, 0.37], 1.0
        )  # of very many sequences two epochs are enough; the first has the descent


def test_epochs_that_are_all_frozen_are_an_error():
    """Of very many sequences "auto" may be few epochs."""
    model = SequenceClassifier(hidden_size=2, freeze=60, random_state=0)
    with pytest.raises(ValueError, match="freeze=60 epochs.*'auto' is 60: set a smaller freeze, or max_iter"):
        model.fit(np.random.default_rng(0).standard_normal((1800, 2, 1)), np.arange(1800) % 2)
    assert not hasattr(model, "network_")


@pytest.mark.parametrize("model", [SequenceClassifier, SequenceRegressor])
def test_a_fit_that_learns_does_not_warn(model):
    X, y = labelled(60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(hidden_size=8, random_state=0).fit(X, y)


def test_what_has_one_class_is_nothing_to_learn():
    X, y = labelled(60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SequenceClassifier(hidden_size=2, random_state=0).fit(X, y, sample_weight=(y == 0).astype(float))
