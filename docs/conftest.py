"""The pages' code is run as a reader would run it, each page in a folder of its own."""

import os
import re
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# What Sphinx reads or writes is no page; `_ext` and `conf.py` want Sphinx, which tests do not.
collect_ignore_glob = ["conf.py", "notebooks.py", "links.py", "_*", "gallery/*", "api/generated/*"]

if "fastrnn" not in sys.modules and "NUMBA_CACHE_DIR" not in os.environ:
    # Compiled kernels have a folder for each version of their sources, also where only the pages are tested.
    runpy.run_path(str(HERE.parent / "tests" / "conftest.py"))
os.environ.setdefault("MPLBACKEND", "Agg")


def pytest_collection_modifyitems(items):
    """Skip pages that show fastrnn beside a library which is not here: they have environments of their own."""
    beside = HERE / "coming_from", HERE / "guide" / "tools.rst"
    for item in items:
        if not isinstance(item, pytest.DoctestItem) or {item.path, item.path.parent}.isdisjoint(beside):
            continue
        source = "".join(example.source for example in item.dtest.examples)
        imported = re.findall(r"^(?:import|from) (\w+)", source, re.M)
        missing = [name for name in dict.fromkeys(imported) if find_spec(name) is None]
        if missing:
            item.add_marker(pytest.mark.skip(reason=f"{', '.join(missing)}: not installed"))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Files that a page writes go to a temporary folder, and its pictures are closed."""
    monkeypatch.chdir(tmp_path)
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
