"""Numbers below the smallest normal one, 1.2e-38 of float32: zeros, while kernels compute.

An operation with such a number takes some 150 cycles, not one.  Gradients that vanish through time get there, and an
optimiser's memory of words that do not come, which would never leave again: .9 of the smallest number is rounded to
the same.  Each thread's CPU has a word that says how it computes floats; kernels set a bit of it, and take it back,
as other libraries and Python compute on the same thread.  A kernel that streams call in a program, and `predict` does
not, has to say so itself, so that both have the same bits; what is in units of users, which may be as small as they
like, is computed with such numbers everywhere.
"""

from llvmlite import ir

from fastrnn.kernels.caching import cgutils, njit, types
from fastrnn.kernels.cpu import INT, INT32, IS_ARM, IS_X86
from fastrnn.kernels.vectors import OPTIONS, instruction

FLUSHES = 0x8040 if IS_X86 else 1 << 24 if IS_ARM else 0
"""The bits that make such numbers zeros; of an unknown CPU none."""
BYTES = ir.IntType(8).as_pointer()


@instruction(lambda: types.intp)
def _mode(context, builder, sig):
    """The word that says how this thread computes floats; 0 of an unknown CPU."""
    if IS_ARM:
        return _call(builder, "llvm.aarch64.get.fpcr", INT)
    word = cgutils.alloca_once_value(builder, INT32(0))
    if IS_X86:
        _call(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), builder.bitcast(word, BYTES))
    return builder.zext(builder.load(word), INT)


@instruction()
def restore(context, builder, sig, mode):
    """Compute floats in this thread as the word says that `flush` or `heed` has returned."""
    if IS_ARM:
        _call(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), mode)
    elif IS_X86:
        word = cgutils.alloca_once_value(builder, builder.trunc(mode, INT32))
        _call(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), builder.bitcast(word, BYTES))


def _call(builder, name, result, *arguments):
    form = ir.FunctionType(result, [value.type for value in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, form, name), arguments)


@njit(**OPTIONS)
def flush():
    """Take subnormal numbers as zeros in this thread from now on; returns what `restore` takes."""
    mode = _mode()
    restore(mode | FLUSHES)
    return mode


@njit(**OPTIONS)
def heed():
    """Take subnormal numbers as what they are in this thread from now on; returns what `restore` takes."""
    mode = _mode()
    restore(mode & ~FLUSHES)
    return mode
