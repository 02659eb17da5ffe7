"""Bars where they can be seen, and fits that end well where they cannot."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from samples import KINDS, TESTS, data_for, labelled, make_estimator
from series import Y, forecaster

from fastrnn import SequenceClassifier
from fastrnn.kernels import on_compiling
from fastrnn.progress import Bar
from fastrnn.training import Checkpoint


class Raises:
    def __init__(self, error):
        self.error = error

    def write(self, text):
        raise self.error

    flush = isatty = fileno = write


class Unreadable(io.StringIO):
    @property
    def encoding(self):
        raise ValueError("underlying buffer has been detached")


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


def detached():
    stream = io.TextIOWrapper(io.BytesIO())
    stream.detach()
    return stream


STREAMS = {
    "none": lambda: None,
    "closed": closed,
    "detached": detached,
    "raising OSError": lambda: Raises(OSError("no")),
    "raising ValueError": lambda: Raises(ValueError("no")),
    "raising RuntimeError": lambda: Raises(RuntimeError("no")),
    "only written to": lambda: type("OnlyWrite", (), {"write": lambda self, text: len(text)})(),
    "without methods": object,
    "of no known encoding": Unreadable,
    "ascii": lambda: io.TextIOWrapper(io.BytesIO(), "ascii"),
    "no console": lambda: open(sys.executable),
}


@pytest.fixture(params=STREAMS)
def stream(request, monkeypatch):
    stream = STREAMS[request.param]()
    monkeypatch.setattr(sys, "stderr", stream)
    yield
    if isinstance(stream, io.IOBase) and request.param != "detached":
        stream.close()


def test_a_bar_that_nobody_can_see(stream):
    with Bar(True, 3, "epoch") as bar:
        bar.advance(loss=1.0)
        on_compiling[0]()
        bar.advance(loss=0.5, score=0.25)
        bar.refresh()
    assert bar.n == 2


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_fit_that_nobody_can_see(stream, solver):
    X, y = labelled(20)
    options = {"hidden_size": 3, "max_iter": 2, "solver": solver, "random_state": 0}
    shown, silent = (SequenceClassifier(**options, verbose=v).fit(X, y) for v in (True, False))
    assert shown.n_iter_ == 2 and shown.loss_curve_ == silent.loss_curve_


@pytest.mark.parametrize("kind", KINDS)
def test_every_estimator_fits_unseen(kind, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Raises(OSError("no")))
    assert make_estimator(kind, verbose=True, max_iter=1).fit(*data_for(kind)).n_iter_ == 1


def test_a_forecaster_fits_unseen(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert np.isfinite(forecaster(verbose=True).fit(Y).predict()).all()


@pytest.mark.parametrize("ending", [">&- 2>&-", "2>/dev/full"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device on this system")
def test_a_process_without_stderr(ending):
    code = "from test_progress import *; X, y = labelled(20); "
    code += "SequenceClassifier(hidden_size=3, max_iter=2, verbose=True).fit(X, y)"
    command = ["sh", "-c", f'exec "$0" -c "$1" {ending}', sys.executable, code]
    assert subprocess.run(command, cwd=TESTS, env=None, capture_output=True).returncode in (0, 120)  # 120: at its exit


def test_a_bar_says_that_kernels_are_compiled(capfd):
    with Bar(True, 3, "epoch") as bar:
        on_compiling[0]()
        assert "compiling" in capfd.readouterr().err
        bar.advance(loss=1.0)
        bar.refresh()
        assert "compiling" not in capfd.readouterr().err
    on_compiling[0]()  # of no interest to a bar that is closed
    del bar
    with Bar(False, 3, "epoch"):
        on_compiling[0]()
    assert "compiling" not in capfd.readouterr().err


@pytest.mark.parametrize("solver, unit", [("adam", "epoch"), ("lbfgs", "iteration")])
def test_a_line_for_each_epoch(capfd, solver, unit):
    X, y = labelled(20)
    model = SequenceClassifier(hidden_size=3, max_iter=3, solver=solver, random_state=0, verbose=2).fit(X, y)
    out, err = capfd.readouterr()
    assert out == "" and "\r" not in err
    assert err.splitlines() == [f"{unit} {k}/3, loss={loss:.4g}" for k, loss in enumerate(model.loss_curve_, 1)]


def test_lines_have_scores_and_go_on_with_a_run(capfd, tmp_path):
    X, y = labelled(30)
    options = {"hidden_size": 3, "max_iter": 3, "early_stopping": True, "random_state": 0}
    stop = [Checkpoint(tmp_path / "run"), lambda progress: progress.epoch == 1]
    SequenceClassifier(**options, callbacks=stop).fit(X, y)
    model = SequenceClassifier(**options, verbose=2).fit(X, y, resume_from=tmp_path / "run")
    lines = [(k, model.loss_curve_[k - 1], model.validation_scores_[k - 1]) for k in (2, 3)]
    expected = [f"epoch {k}/3, loss={loss:.4g}, score={score:.4g}" for k, loss, score in lines]
    assert capfd.readouterr().err.splitlines() == expected


@pytest.mark.parametrize("verbose", [2, 3, np.int64(2)])
@pytest.mark.parametrize("kind", [*KINDS, "forecaster"])
def test_every_estimator_writes_lines(capfd, kind, verbose):
    if kind == "forecaster":
        forecaster(verbose=verbose).fit(Y)
    else:
        make_estimator(kind, verbose=verbose).fit(*data_for(kind))
    lines = capfd.readouterr().err.splitlines()
    assert [line.partition(",")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]


def test_lines_that_nobody_can_see(stream):
    X, y = labelled(20)
    assert SequenceClassifier(hidden_size=3, max_iter=2, verbose=2).fit(X, y).n_iter_ == 2


@pytest.mark.parametrize("verbose", [True, 1, np.bool_(True)])
def test_a_bar_is_no_line(capfd, verbose):
    X, y = labelled(20)
    SequenceClassifier(hidden_size=3, max_iter=2, verbose=verbose).fit(X, y)
    assert "2/2 [" in capfd.readouterr().err


@pytest.mark.parametrize("verbose", [-1, 1.5, "yes", None])
def test_what_is_no_verbosity(verbose):
    with pytest.raises(ValueError, match="'verbose' parameter"):
        SequenceClassifier(verbose=verbose).fit(*labelled(20))
