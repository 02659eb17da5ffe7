"""Numba's `njit`, with a cache on disk that can be damaged, full or gone and yet ends nothing.

Numba trusts its cache: a file that is cut short is an error in the middle of a fit, and changed machine code is run.
Here what is kept has a digest; whatever cannot be read is compiled anew and written again, and what cannot be written
is compiled by each process.  One warning says so, and names the folder.
"""

import logging
import warnings
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path

import numba
from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, NullCache
from numba.core.serialize import dumps, loads
from numba.core.sigutils import normalize_signature

if config.DISABLE_JIT:
    raise ImportError(
        "NUMBA_DISABLE_JIT is set, but fastrnn's kernels are made of the CPU's own instructions and exist only "
        "compiled: unset it (or set it to 0) before Python starts"
    )

ELSEWHERE = "set NUMBA_CACHE_DIR to a folder that can be written to"

on_compiling = []
"""Functions to call before each compilation of a kernel."""


def njit(**options):
    """Numba's decorator of this name, with a cache."""

    def decorate(function):
        dispatcher = numba.njit(**options)(function)
        dispatcher._cache = _cache_of(function)
        return dispatcher

    return decorate


def _cache_of(function):
    try:
        _sources()  # as they are now: what runs is kept as of these, whatever is written there after the import
        return Cache(function)
    except Exception:  # a RuntimeError, or whatever the file system says
        _warn(f"Numba finds no writable folder for its cache, so that every process compiles anew; {ELSEWHERE}")
        return NullCache()


class _Entries(CompileResultCacheImpl):
    """What is kept of a compiled function: which sources it is of, a digest, and Numba's bytes."""

    def reduce(self, result):
        data = dumps(super().reduce(result))
        return _sources(), self._digest(data), data

    def rebuild(self, context, entry):
        """The function, or None if other sources have been compiled since; an error if it is not what was kept."""
        sources, digest, data = entry
        if digest != self._digest(data):
            raise ValueError("its digest is another")
        return super().rebuild(context, loads(data)) if sources == _sources() else None

    def _digest(self, data):
        return blake2b(data, key=blake2b(self.filename_base.encode()).digest()).digest()


@cache
def _sources():
    """A digest of all kernels: Numba looks only at the file of a kernel, not at what it calls in others."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return blake2b(b"\0".join(file.read_bytes() for file in files)).digest()


class Cache(FunctionCache):
    """That of one function; nothing that goes wrong with its files is raised."""

    _impl_class = _Entries

    def load_overload(self, signature, context):
        """The compiled function if it is kept, else None."""
        found = None
        try:
            found = super().load_overload(signature, context)
            if found is not None and tuple(found.signature.args) != tuple(normalize_signature(signature)[0]):
                raise ValueError("it is of other arguments")
        except Exception as error:
            found = None
            self._warn_of(error)
            with suppress(Exception):
                self.flush()  # or what is compiled could not be added to a damaged index
        if found is None:
            _announce()
            for call in on_compiling:
                call()
        return found

    def save_overload(self, signature, result):
        """Keep a compiled function, if that is possible."""
        try:
            super().save_overload(signature, result)
        except Exception as error:
            self._warn_of(error)

    def _warn_of(self, error):
        what = f"{type(error).__name__}: {error}"
        if isinstance(error, OSError):
            what = f"cannot be used ({what}), so that every process compiles anew: make room there, or {ELSEWHERE}"
        else:
            what = f"holds damaged files ({what}): what they held is compiled anew"
        _warn(f"{self.cache_path}, where Numba keeps compiled code, {what}")


_has_warned = False


def _warn(message):
    """The first of a process; hundreds of kernels would say the same."""
    global _has_warned
    if not _has_warned:
        _has_warned = True
        warnings.warn(message, RuntimeWarning, stacklevel=2)


@cache
def _announce():
    logging.getLogger("fastrnn").info(
        "compiling kernels, which takes some ten seconds for the first model of a kind; they are kept on disk"
    )
