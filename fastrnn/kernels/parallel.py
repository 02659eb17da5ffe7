"""The parallel loop: any kernel's tasks at once; and kernels bound to their arguments.

One loop serves all kernels, and calls them by address.  Were a loop to call a kernel by name, its compilation would
take in all the kernel's code and optimise it anew, three times over.  A kernel returns nothing; the only thing it may
raise is a MemoryError.

A kernel's arguments are packed into `ROOM` bytes of memory, from which a function of its own hands them over.
"""

from functools import cache

import numpy as np
from llvmlite import ir

from fastrnn.kernels.caching import cgutils, intrinsic, njit, numba, types
from fastrnn.kernels.cpu import INT, INT32
from fastrnn.kernels.vectors import OPTIONS

ROOM = 2048
"""Bytes that hold the arguments of any kernel."""


def run_tasks(kernel, n_tasks, arguments, n_threads):
    """Call kernel(*arguments, task) for each task, in any order, on so many threads or fewer."""
    _run(_run_tasks, _address(kernel, arguments, 1), (n_threads, 1, n_tasks), arguments)


def run_steps(kernel, n_steps, n_tasks, arguments, n_threads):
    """Call kernel(*arguments, task, step) for each task, in any order, one step after the other."""
    _run(_run_steps, _address(kernel, arguments, 2), (n_threads, n_steps, n_tasks), arguments)


@cache
def _start_threads():
    """The linker knows their functions from then on; once, as Numba takes locks that a signal may leave behind."""
    numba.get_num_threads()


def _run(loop, address, sizes, arguments):
    _start_threads()
    failed = np.zeros(1, bool)
    loop(address, *sizes, failed, np.empty(ROOM, np.uint8), arguments)
    if failed[0]:
        raise MemoryError("there is no memory for what a kernel needs to work in")


class BoundCalls:
    """Kernels with their arguments, called one after the other with nothing to look at or unpack on the way.

    Parameters
    ----------
    calls : list of (kernel, arguments)
        The arrays among the arguments are kept, and read and written where they are.
    status : ndarray (1,) of int64
        What is no zero there after a call ends the run; 1 stands for a MemoryError.
    """

    def __init__(self, calls, status):
        self._kept = [(np.empty(ROOM, np.uint8), arguments) for _, arguments in calls]
        table = [
            _bind(_address(kernel, arguments, 0), status, room, arguments)
            for (kernel, arguments), (room, _) in zip(calls, self._kept, strict=True)
        ]
        self._table, self._status = np.array(table, np.intp), status
        self._addresses = self._table.ctypes.data, len(table), status.ctypes.data

    def run(self):
        """Make the calls; returns the status."""
        return _call_all(*self._addresses)


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
def _bind(address, failed, room, arguments):
    return _plain_call(address, failed, room, arguments)


@njit(**OPTIONS)
def _call_all(table, n, status):
    """Make n bound calls, until there is a status; addresses, as Numba takes 0.3 us to look at an array."""
    for k in range(n):
        _invoke(_word(table + 16 * k), _word(table + 16 * k + 8), 0, 0)
        if _word(status) != 0:
            break
    return _word(status)


@njit(**OPTIONS)
def _run_tasks(address, n_threads, n_steps, n_tasks, failed, room, arguments):
    _loop(*_call_of_task(address, failed, room, arguments), n_threads, n_steps, n_tasks)


@njit(**OPTIONS)
def _run_steps(address, n_threads, n_steps, n_tasks, failed, room, arguments):
    _loop(*_call_of_step(address, failed, room, arguments), n_threads, n_steps, n_tasks)


@njit(**OPTIONS, parallel=True)
def _loop(code, data, n_threads, n_steps, n_tasks):
    # Set and restored in here, where no signal handler of Python's can come between and leave it behind.
    before = _get_threads()
    _set_threads(types.int32(min(before, n_threads)))
    for step in range(n_steps):
        for task in numba.prange(n_tasks):
            _invoke(code, data, task, step)
    _set_threads(before)


@intrinsic
def _get_threads(typing):
    """`numba.get_num_threads`, which brings a pointer along that no cache keeps."""

    def lower(context, builder, sig, args):
        form = ir.FunctionType(INT, [])  # as Numba declares it, though it is an int of C
        count = builder.call(cgutils.get_or_insert_function(builder.module, form, "get_num_threads"), [])
        return builder.trunc(count, INT32)

    return types.int32(), lower


@intrinsic
def _set_threads(typing, n):
    """Likewise `numba.set_num_threads`."""

    def lower(context, builder, sig, args):
        form = ir.FunctionType(ir.VoidType(), [INT32])
        builder.call(cgutils.get_or_insert_function(builder.module, form, "set_num_threads"), args)
        return context.get_dummy_value()

    return types.void(types.int32), lower


CODE = ir.FunctionType(ir.VoidType(), [INT] * 3)
"""Of a function of data, task and step."""


@intrinsic
def _invoke(typing, code, data, task, step):
    """Call code(data, task, step)."""

    def lower(context, builder, sig, args):
        builder.call(builder.inttoptr(args[0], CODE.as_pointer()), args[1:])
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp, types.intp), lower


@intrinsic
def _word(typing, address):
    """The integer at an address."""

    def lower(context, builder, sig, args):
        return builder.load(builder.inttoptr(args[0], INT.as_pointer()))

    return types.intp(types.intp), lower


def _borrowed(context, builder, kind, value):
    """An array without the counter of its references, which Numba makes for one call only; other values as they are."""
    if not isinstance(kind, types.Array):
        return value
    array = context.make_array(kind)(context, builder, value)
    array.meminfo = cgutils.get_null_value(array.meminfo.type)
    return array._getvalue()


def _caller(n_integers):
    @intrinsic
    def call(typing, address, failed, room, arguments):
        """Code that calls the kernel at an address with `arguments`, and so many of task and step; and its data.

        The data lie in `room` (ROOM,).  `failed` (1,) becomes True if a call raises.
        """
        kinds = *arguments.types, *[types.intp] * n_integers

        def lower(context, builder, sig, args):
            given = zip((failed, *arguments.types), (args[1], *cgutils.unpack_tuple(builder, args[3])), strict=True)
            values = [_borrowed(context, builder, kind, value) for kind, value in given]
            data = cgutils.pack_struct(builder, [args[0], *values])
            assert context.get_abi_sizeof(data.type) <= ROOM
            memory = context.make_array(room)(context, builder, args[2]).data
            place = builder.bitcast(memory, data.type.as_pointer())
            builder.store(data, place)
            function = ir.Function(builder.module, CODE, builder.module.get_unique_name("task"))
            function.linkage = "internal"
            inner = ir.IRBuilder(function.append_basic_block())
            pointer = inner.inttoptr(function.args[0], place.type)
            kernel = context.call_conv.get_function_type(types.none, kinds).as_pointer()
            address, flags, *values = cgutils.unpack_tuple(inner, inner.load(pointer))
            address, values = inner.inttoptr(address, kernel), [*values, *function.args[1 : 1 + n_integers]]
            status, _ = context.call_conv.call_function(inner, address, types.none, kinds, values)
            with inner.if_then(status.is_error, likely=False):
                flag = context.make_array(failed)(context, inner, flags).data
                inner.store(ir.Constant(flag.type.pointee, 1), flag)
            inner.ret_void()
            pair = [builder.ptrtoint(pointer, INT) for pointer in (function, place)]
            return context.make_tuple(builder, sig.return_type, pair)

        return types.UniTuple(types.intp, 2)(types.intp, failed, room, arguments), lower

    return call


_plain_call, _call_of_task, _call_of_step = map(_caller, range(3))
