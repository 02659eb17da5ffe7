"""How kernels are compiled, and kept in a cache on disk that can be damaged, full or gone and yet ends nothing.

Numba trusts its cache: a file that is cut short is an error in the middle of a fit, and changed machine code is run.
Here what is kept has a digest; whatever cannot be read is compiled anew and written again, and what cannot be written
is compiled by each process.  One warning says so, and names the folder.
"""

import gc
import logging
import warnings
from contextlib import contextmanager, suppress
from functools import cache, cached_property
from glob import escape, glob
from hashlib import blake2b
from types import SimpleNamespace

from llvmlite.binding import create_pass_builder, create_pipeline_tuning_options
from numba.core import config, types
from numba.core.caching import CompileResultCacheImpl, FunctionCache, NullCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.environment import lookup_environment
from numba.core.registry import CPUDispatcher
from numba.core.serialize import dumps, loads
from numba.core.sigutils import normalize_signature

from fastrnn.kernels import on_compiling, sources

ELSEWHERE = "set NUMBA_CACHE_DIR to a folder that can be written to"


class Dispatcher(CPUDispatcher):
    """A function that is compiled, optimised and kept where Python calls it.

    A kernel that calls it takes in its code as it was written, and is optimised as a whole: Numba would optimise each
    function for itself and once more in each of its callers, which takes twice as long for the same code.
    """

    def __init__(self, py_func, locals=None, targetoptions=None):
        options = {**targetoptions}
        compiler = _UnrollingCompiler if options.pop("unrolls", False) else _WholeCompiler
        super().__init__(py_func, locals or {}, options, compiler)
        self._cache = _cache_of(py_func)

    def compile(self, sig):
        with _uncollected():
            return super().compile(sig)

    @cached_property
    def _part(self):
        """The same for callers."""
        options = {**self.targetoptions, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        return CPUDispatcher(self.py_func, self.locals, options, _PartCompiler)

    @property
    def _numba_type_(self):
        """What Numba sees where a kernel calls this one."""
        return types.Dispatcher(self._part)


@contextmanager
def _uncollected():
    """Without a search for cycles among the objects of Numba, which it still needs: a tenth of a first fit."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Whole(JITCodeLibrary):
    """The code of a kernel with that of the kernels it calls, optimised once."""

    unrolls = False

    def add_llvm_module(self, module):
        module.data_layout = self._codegen._data_layout
        self._final_module.link_in(module)

    def _optimize_final_module(self):
        options = create_pipeline_tuning_options(int(config.OPT))
        options.loop_vectorization, options.slp_vectorization = True, False
        # Most loops are over whole vectors or register tiles.  Unrolled they take a third longer to compile and no
        # less to run; where a step has one row, an eighth more.
        options.loop_unrolling = options.loop_interleaving = self.unrolls
        builder = create_pass_builder(self._codegen._tm, options)
        passes = builder.getModulePassManager()
        passes.add_refprune_pass()
        passes.run(self._final_module, builder)

    def _finalize_specific(self):
        super()._finalize_specific()
        # Of the parts as well, which have a place in memory only here: by way of these Numba raises what they raise.
        for variable in self._final_module.global_variables:
            if (environment := lookup_environment(variable.name)) is not None:
                self._codegen.set_env(variable.name, environment)


class _Unrolled(_Whole):
    """Likewise, of loops over single numbers."""

    unrolls = True


class _Part(_Whole):
    """The code of a kernel for those that call it, with no place in memory of its own."""

    codegen = SimpleNamespace(set_env=lambda name, environment: None)
    """Whom Numba would tell of such a place."""

    def _optimize_final_module(self): ...

    def _finalize_final_module(self):
        self._finalized = True

    def get_pointer_to_function(self, name):
        self._ensure_finalized()
        return 0


class _WholeCompiler(Compiler):
    library = _Whole

    def compile_extra(self, func):
        self.state.library = self.library(self.state.targetctx.codegen(), func.__qualname__)
        self.state.library.enable_object_caching()
        return super().compile_extra(func)


class _UnrollingCompiler(_WholeCompiler):
    library = _Unrolled


class _PartCompiler(_WholeCompiler):
    library = _Part


def _cache_of(function):
    try:
        return Cache(function)
    except Exception:  # a RuntimeError, or whatever the file system says
        _warn(f"Numba finds no writable folder for its cache, so that every process compiles anew; {ELSEWHERE}")
        return NullCache()


class _GivenFolder(CompileResultCacheImpl._locator_classes[0]):
    """That of NUMBA_CACHE_DIR; Numba wants to write to it, but where there is code it can be read, as in an image."""

    def ensure_cache_path(self):
        if not glob(f"{escape(self.get_cache_path())}/*.nbi"):
            super().ensure_cache_path()


class _Entries(CompileResultCacheImpl):
    """What is kept of a compiled function: which sources it is of, a digest, and Numba's bytes."""

    _locator_classes = [_GivenFolder, *CompileResultCacheImpl._locator_classes[1:]]

    def reduce(self, result):
        data = dumps(super().reduce(result))
        return self.sources, self._digest(data), data

    def rebuild(self, context, entry):
        """The function, or None if other sources have been compiled since; an error if it is not what was kept."""
        sources, digest, data = entry
        if digest != self._digest(data):
            raise ValueError("its digest is another")
        return super().rebuild(context, loads(data)) if sources == self.sources else None

    def _digest(self, data):
        return blake2b(data, key=blake2b(self.filename_base.encode()).digest()).digest()


class Cache(FunctionCache):
    """That of one function; nothing that goes wrong with its files is raised."""

    _impl_class = _Entries

    def __init__(self, function):
        super().__init__(function)
        self._impl.sources = sources(function)

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
    what = "compiling kernels, which takes some ten seconds for the first model of a kind; they are kept on disk"
    logging.getLogger("fastrnn").info(what)
