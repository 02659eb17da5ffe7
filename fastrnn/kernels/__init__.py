"""Numba kernels: vectors and tiles, activations, the cells.  They fill arrays and check nothing."""

import os
from functools import cache
from hashlib import blake2b
from pathlib import Path

if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
    why = "fastrnn's kernels are made of the CPU's own instructions and exist only compiled"
    raise ImportError(f"NUMBA_DISABLE_JIT is set, but {why}: unset it (or set it to 0) before Python starts")

on_compiling = []
"""Functions to call before each compilation of a kernel."""


def sources(function):
    """A digest of a kernel's file and of all in here: Numba looks at the former only, not at what it calls."""
    return _sources(function.__code__.co_filename)


@cache
def _sources(name):
    file = Path(name)
    return blake2b(_kernels() + (file.read_bytes() if file.is_file() else b"")).digest()


@cache
def _kernels():
    return blake2b(b"\0".join(file.read_bytes() for file in sorted(Path(__file__).parent.glob("*.py")))).digest()
