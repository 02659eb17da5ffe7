"""What `docs/Dockerfile` does, done without Docker: kernels are compiled while the image is built, and by no container.

The prefix is what the image holds: a copy of the package, and the kernels.  It is read-only then, as for another user.
"""

import ctypes
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import fastrnn

DOCKERFILE = Path(__file__).parent.parent / "docs" / "Dockerfile"
WARM_UP = "fastrnn warmup classifier --cells gru"
FIT = """
import numpy as np

from fastrnn import SequenceClassifier
from fastrnn.kernels import on_compiling
from fastrnn.kernels.rows import clear

compiled = []
on_compiling.append(lambda: compiled.append(1))
X = [np.random.default_rng(k).normal(size=(5 + k % 4, 3)) for k in range(20)]
y = [k % 2 for k in range(20)]
model = SequenceClassifier(max_iter=3, random_state=0).fit(X, y)
assert model.predict_proba(X).shape == (20, 2)
print(len(compiled), clear.dispatcher.stats.cache_path)
"""
LACKING = """
import warnings

import numpy as np

from fastrnn.layers import RNN

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    RNN(3, 4, random_state=0)(np.ones((5, 2, 3)))
print(len(caught), caught[0].message)
"""
DAC_OVERRIDE, DROP = 1, 24
"""By the former root writes to what is read-only; the latter asks prctl to take it away."""


def as_another_user():
    """Called in the new process: whoever it is, what is read-only cannot be written to."""
    if os.geteuid() == 0 and ctypes.CDLL(None).prctl(DROP, DAC_OVERRIDE, 0, 0, 0):
        os._exit(77)


def run(prefix, home, *command, cache, user=None):
    """Run Python with the package of the prefix and nothing of this process's settings."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ}
    variables = {
        **kept, "PYTHONPATH": str(prefix), "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"),
        "NUMBA_CACHE_DIR": str(cache), "PYTHONDONTWRITEBYTECODE": "1", "NUMBA_NUM_THREADS": "1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, *command],
        env=variables, cwd=home, preexec_fn=user, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    if done.returncode == 77:
        pytest.skip("this process may not give up the right to write to what is read-only")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def files(prefix):
    """What lies there, and when each was written."""
    return {path: path.stat().st_mtime_ns for path in prefix.rglob("*")}


def set_writable(folder, is_writable):
    for path in [folder, *folder.rglob("*")]:
        mode = path.stat().st_mode
        path.chmod(mode | stat.S_IWUSR if is_writable else mode & ~0o222)


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The prefix, with kernels, read-only."""
    prefix = tmp_path_factory.mktemp("image")
    package = Path(fastrnn.__file__).parent
    shutil.copytree(package, prefix / "fastrnn", ignore=shutil.ignore_patterns("__pycache__"))
    root = tmp_path_factory.mktemp("root")
    said = run(prefix, root, "-m", *WARM_UP.split(), cache=prefix / "kernels")
    assert int(re.search(r"(\d+) kernels compiled", said)[1]) > 10
    set_writable(prefix, False)
    yield prefix
    set_writable(prefix, True)


pytestmark = pytest.mark.skipif(os.name == "nt", reason="users and rights are others on Windows")


def test_the_file_says_what_is_done_here():
    text = DOCKERFILE.read_text("utf-8")
    assert f"python -m {WARM_UP}" in text and "NUMBA_CACHE_DIR=/opt/kernels" in text


def test_another_user_compiles_nothing(image, tmp_path):
    before = files(image)
    said = run(image, tmp_path, "-c", FIT, cache=image / "kernels", user=as_another_user)
    compiled, folder = said.split()
    assert compiled == "0" and Path(folder).is_relative_to(image / "kernels")
    assert files(image) == before
    assert not [*tmp_path.iterdir()]


def test_what_the_image_lacks_is_compiled_with_one_warning(image, tmp_path):
    """It cannot be kept there."""
    said = run(image, tmp_path, "-W", "always", "-c", LACKING, cache=image / "kernels", user=as_another_user)
    count, message = said.split(" ", 1)
    assert count == "1" and "so that every process compiles anew" in message
