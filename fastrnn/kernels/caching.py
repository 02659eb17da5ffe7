"""Numba's `njit` and `intrinsic`, for kernels that are compiled when they are first called, and kept on disk.

Numba takes longer to import than all else that is needed here: it comes with the first call (`compiling`).  Until then
kernels, intrinsics and these modules of Numba's are but names.
"""

import threading
from _thread import start_new_thread
from functools import cached_property, update_wrapper
from importlib import import_module
from types import ModuleType

from fastrnn.kernels import sources


def in_a_thread(function, *arguments):
    """Begin to call it in another thread; returns a function that waits for what it returns or raises.

    The wait is for a lock: one for a `threading.Condition`, as in a `Future`, becomes a RuntimeError about locks where
    a handler of signals raises at its beginning.
    """
    done, answer, errors = threading.Lock(), [], []

    def call():
        try:
            answer.append(function(*arguments))
        except BaseException as error:
            errors.append(error)
        done.release()

    def wait():
        with done:
            if errors:
                raise errors.pop()  # by no name: it has this frame, which would hold it, and all that it has
            return answer[0]

    done.acquire()
    start_new_thread(call, ())
    return wait


class Later(ModuleType):
    """A module that is imported when something of it is asked for, which is kept.

    Numba is imported in a thread, which no handler of signals interrupts: what is half there would never become whole.
    """

    def __getattr__(self, name):
        if self.__name__.startswith("numba"):
            in_a_thread(import_module, "numba")()
        return vars(self).setdefault(name, getattr(import_module(self.__name__), name))


numba, types, cgutils = map(Later, ("numba", "numba.core.types", "numba.core.cgutils"))

before_compiling = []
"""Functions to call once, before the first kernel is compiled: they tell Numba of new types, or what operators do."""


class Kernel:
    """A function that is compiled for each kind of arguments it is called with."""

    def __init__(self, function, options):
        update_wrapper(self, function)
        self.py_func, self._options, self._dispatcher = function, options, None
        sources(function)  # as they are now: what runs is kept as of these, whatever is written there after the import

    @property
    def dispatcher(self):
        """Numba's; made under the lock that a thread which compiles has already, and no other one."""
        if self._dispatcher is None:
            lock = numba.core.compiler_lock.global_compiler_lock  # of all of Numba, which `compiling` needs
            from fastrnn.kernels.compiling import Dispatcher

            with lock:
                while before_compiling:
                    before_compiling.pop(0)()
                self._dispatcher = self._dispatcher or Dispatcher(self.py_func, targetoptions=self._options)
        return self._dispatcher

    def __call__(self, *arguments):
        return (self._dispatcher or self.dispatcher)(*arguments)

    @property
    def _numba_type_(self):
        """What Numba sees where a kernel calls this one."""
        return self.dispatcher._numba_type_

    def __reduce__(self):
        return self.__qualname__


class Intrinsic:
    """A function (typing, *types) that returns a signature and a function that writes LLVM code."""

    def __init__(self, function, options):
        update_wrapper(self, function)
        self._function, self._options = function, options

    @cached_property
    def _numba_type_(self):
        from numba.core.typing.templates import make_intrinsic_template

        return types.Function(make_intrinsic_template(self, self._function, self.__name__, **self._options))


def njit(**options):
    """Numba's decorator of this name, with a cache; one option more is `unrolls`, whether LLVM may unroll loops."""
    return lambda function: Kernel(function, {**options, "nopython": True})


def intrinsic(function=None, **options):
    """Likewise."""
    return Intrinsic(function, options) if function else lambda function: Intrinsic(function, options)
