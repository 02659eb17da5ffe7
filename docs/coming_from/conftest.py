"""What the pages need that show fastrnn beside another library; `docs/conftest.py` skips those that miss theirs.

Warnings are errors in our code and nowhere else: the other libraries have theirs.
"""

import os

import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")

THEIRS = (
    ":DeprecationWarning", ":FutureWarning", ":PendingDeprecationWarning", ":ImportWarning",
    "unsafe cast from uint64 to int64",  # aeon's kernels, by Numba
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """Let others' deprecations pass, which they give at import or when called."""
    for item in items:
        if isinstance(item, pytest.DoctestItem) and item.path.parent.name == "coming_from":
            for which in THEIRS:
                item.add_marker(pytest.mark.filterwarnings(f"ignore:{which}"))
