"""The vector registers of this CPU as a Numba type, and what + - * / do with them."""

import operator

from llvmlite import ir
from numba import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

from fastrnn.kernels.cpu import FUSE, INT32, VECTOR_BYTES


class Vector(types.Type):
    """`registers` registers of `dtype`.

    Several together take each operation side by side, which hides how long one of them lasts.
    """

    def __init__(self, dtype, registers=1):
        self.dtype, self.registers = dtype, registers
        self.count = VECTOR_BYTES * 8 // dtype.bitwidth * registers
        super().__init__(name=f"Vector({dtype} x {self.count})")


def llvm_vector(vector):
    """The LLVM type of a `Vector`."""
    return ir.VectorType(ir.FloatType() if vector.dtype == types.float32 else ir.DoubleType(), vector.count)


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector):
        super().__init__(manager, vector, llvm_vector(vector))


def llvm_splat(builder, scalar, vector_type):
    """All lanes equal to `scalar`."""
    undefined = ir.Constant(vector_type, ir.Undefined)
    one = builder.insert_element(undefined, scalar, INT32(0))
    lanes_of_zero = ir.Constant(ir.VectorType(INT32, vector_type.count), [0] * vector_type.count)
    return builder.shuffle_vector(one, undefined, lanes_of_zero)


def as_vector(context, builder, value, value_type, vector):
    """A vector as it is, and a number in all lanes of one."""
    if isinstance(value_type, Vector):
        return value
    return llvm_splat(builder, context.cast(builder, value, value_type, vector.dtype), llvm_vector(vector))


class _Arithmetic(AbstractTemplate):
    def generic(self, args, kws):
        vectors = [a for a in args if isinstance(a, Vector)]
        if vectors and all(isinstance(a, (Vector, types.Number)) for a in args):
            return signature(vectors[0], *[types.unliteral(a) for a in args])


def _define_operator(function, instruction):
    infer_global(function)(type("_VectorOperator", (_Arithmetic,), {"key": function}))

    def lower(context, builder, sig, args):
        vector = sig.return_type
        operands = [as_vector(context, builder, v, kind, vector) for v, kind in zip(args, sig.args, strict=True)]
        return getattr(builder, instruction)(*operands, flags=FUSE)

    for kinds in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        lower_builtin(function, *kinds)(lower)


for _instruction, _function in zip(("fadd", "fsub", "fmul", "fdiv"), ("add", "sub", "mul", "truediv"), strict=True):
    _define_operator(getattr(operator, _function), _instruction)
