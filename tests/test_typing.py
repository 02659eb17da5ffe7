"""The stubs say what is true: a user's script has no error and no Any in mypy, runs, and is what the stubs say."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "tests" / "typed"
SCRIPT = FOLDER / "user_script.py"
needs_mypy = pytest.mark.skipif(find_spec("mypy") is None, reason="mypy, of the extra types, is not installed")


def names():
    lines = SCRIPT.read_text(encoding="utf-8").splitlines()
    return [line[4 : line.index("(")] for line in lines if line.startswith("def ")]


@pytest.mark.parametrize("name", names())
def test_the_script_runs(name, monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import user_script

    getattr(user_script, name)()


def mypy(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_mypy
def test_the_script_and_the_stubs_have_no_fault():
    mypy("mypy")


@needs_mypy
def test_the_stubs_say_what_the_code_does():
    mypy("mypy.stubtest", "--concise", "--mypy-config-file", str(FOLDER / "stubtest.ini"), "--allowlist",
         str(FOLDER / "allowlist.txt"), "fastrnn")  # fmt: skip
