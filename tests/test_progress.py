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
