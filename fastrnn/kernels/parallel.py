"""The parallel loop: any kernel's tasks at once.

One loop serves all kernels, and calls them by address.  Were a loop to call a kernel by name, its compilation would
take in all the kernel's code and optimise it anew, three times over.  A kernel returns nothing; the only thing it may
raise is a MemoryError.
"""

import numba
import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from fastrnn.kernels.vectors import INT, OPTIONS


def run_tasks(kernel, n_tasks, arguments):
    """Call kernel(*arguments, task) for each task, in any order."""
    failed = np.zeros(1, bool)
    _run_tasks(_address(kernel, arguments, 1), n_tasks, failed, arguments)
    _raise_if(failed)


def run_steps(kernel, n_steps, n_tasks, arguments):
    """Call kernel(*arguments, task, step) for each task, in any order, one step after the other."""
    failed = np.zeros(1, bool)
    _run_steps(_address(kernel, arguments, 2), n_steps, n_tasks, failed, arguments)
    _raise_if(failed)


def _raise_if(failed):
    if failed[0]:
        raise MemoryError("there is no memory for what a kernel needs to work in")


_addresses = {}


def _address(kernel, arguments, n_integers):
    """Where the code of a kernel for these arguments and so many integers lies; compiled if there is none yet."""
    key = (kernel, *[(a.dtype.char, a.ndim, a.flags.num) if isinstance(a, np.ndarray) else type(a) for a in arguments])
    if key not in _addresses:
        kinds = *map(numba.typeof, arguments), *[types.intp] * n_integers
        kernel.compile(kinds)
        compiled = kernel.overloads[kinds]
        name = compiled.fndesc.llvm_func_name
        _addresses[key] = compiled.library.get_pointer_to_function(name)
    return _addresses[key]


@njit(**OPTIONS)
def _run_tasks(address, n_tasks, failed, arguments):
    code, data = _call_of_task(address, failed, arguments)
    _loop(code, data, 1, n_tasks)


@njit(**OPTIONS)
def _run_steps(address, n_steps, n_tasks, failed, arguments):
    code, data = _call_of_step(address, failed, arguments)
    _loop(code, data, n_steps, n_tasks)


@njit(**OPTIONS, parallel=True)
def _loop(code, data, n_steps, n_tasks):
    for step in range(n_steps):
        for task in prange(n_tasks):
            _invoke(code, data, task, step)


CODE = ir.FunctionType(ir.VoidType(), [INT] * 3)
"""Of a function of data, task and step."""


@intrinsic
def _invoke(typing, code, data, task, step):
    """Call code(data, task, step)."""

    def lower(context, builder, sig, args):
        builder.call(builder.inttoptr(args[0], CODE.as_pointer()), args[1:])
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp, types.intp), lower


def _caller(n_integers):
    @intrinsic
    def call(typing, address, failed, arguments):
        """Code that calls the kernel at an address with `arguments`, and then task (and step); and its data.

        The data lie on the caller's stack.  `failed` (1,) becomes True if a call raises.
        """
        kinds = *arguments.types, *[types.intp] * n_integers

        def lower(context, builder, sig, args):
            data = cgutils.pack_struct(builder, args)
            place = cgutils.alloca_once_value(builder, data)
            function = ir.Function(builder.module, CODE, builder.module.get_unique_name("task"))
            function.linkage = "internal"
            inner = ir.IRBuilder(function.append_basic_block())
            pointer = inner.inttoptr(function.args[0], place.type)
            kernel = context.call_conv.get_function_type(types.none, kinds).as_pointer()
            address, flags, packed = cgutils.unpack_tuple(inner, inner.load(pointer))
            values = cgutils.unpack_tuple(inner, packed, len(arguments))
            status, _ = context.call_conv.call_function(
                inner, inner.inttoptr(address, kernel), types.none, kinds,
                [*values, *function.args[1 : 1 + n_integers]],
            )  # fmt: skip
            with inner.if_then(status.is_error, likely=False):
                flag = context.make_array(failed)(context, inner, flags).data
                inner.store(ir.Constant(flag.type.pointee, 1), flag)
            inner.ret_void()
            pair = [builder.ptrtoint(pointer, INT) for pointer in (function, place)]
            return context.make_tuple(builder, sig.return_type, pair)

        return types.UniTuple(types.intp, 2)(types.intp, failed, arguments), lower

    return call


_call_of_task, _call_of_step = _caller(1), _caller(2)
