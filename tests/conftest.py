"""Give compiled kernels a cache directory of their own for each version of their sources.

Two versions in one, as of two branches, would each compile anew what the other has just written.
"""

import hashlib
import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

_PACKAGE = Path(__file__).parent.parent / "fastrnn"
OPTIONAL = "onnx", "onnxruntime", "torch", "keras", "tensorboardX", "mlflow", "optuna"
os.environ.setdefault("KERAS_BACKEND", "torch")


def _kernel_sources():
    """Read the files that decide what is compiled, in a fixed order."""
    for path in sorted(_PACKAGE.rglob("*.py")):
        source = path.read_bytes()
        if (_PACKAGE / "kernels") in path.parents or b"njit" in source:
            yield source


if "NUMBA_CACHE_DIR" not in os.environ:
    digest = hashlib.sha256(b"\0".join(_kernel_sources())).hexdigest()[:16]
    cache = Path(tempfile.gettempdir()) / f"fastrnn-kernels-{digest}"
    # Numba unpickles what it finds there, so nobody else may write to it.
    cache.mkdir(mode=0o700, exist_ok=True)
    os.environ["NUMBA_CACHE_DIR"] = str(cache)


@pytest.fixture(autouse=True, scope="module")
def no_workers_that_wait():
    """joblib's workers end after 300 idle seconds, and a task that comes then is lost: end them with each module."""
    yield
    loky = sys.modules.get("joblib.externals.loky.reusable_executor")
    if loky is not None and loky._executor is not None:
        loky._executor.shutdown(wait=True)


def pytest_collection_modifyitems(items):
    """Skip the docstrings' examples that import an optional library which is not here."""
    for item in items:
        if isinstance(item, pytest.DoctestItem):
            source = "".join(example.source for example in item.dtest.examples)
            missing = [name for name in OPTIONAL if f"import {name}\n" in source and find_spec(name) is None]
            if missing:
                item.add_marker(pytest.mark.skip(reason=f"{missing[0]} is not installed"))


def pytest_terminal_summary(terminalreporter):
    """List which of scikit-learn's checks are expected to fail, and why."""
    failed = [report for report in terminalreporter.stats.get("xfailed", []) if "test_sklearn.py" in report.nodeid]
    if failed:
        terminalreporter.section("expected failures of scikit-learn's checks")
    for report in failed:
        estimator, check = report.nodeid.partition("[")[2].rstrip("]").rsplit("-", 1)
        terminalreporter.line(f"{estimator.partition('(')[0]}: {check}: {report.wasxfail.removeprefix('reason: ')}")
