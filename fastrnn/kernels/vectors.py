"""The vector registers of this CPU: what kernels do with them, and arrays that suit them.

`registers.Vector`, a Numba type, is one SIMD register of float32 or float64, with ``+ - * /``.  Formulas written with
it run at the full width of the CPU, with the same operations for every element.  (LLVM's own vectoriser takes half the
width on AVX-512 Intel, and treats the last elements of a loop differently.)

Vectors that straddle a cache line cost up to half the speed: arrays for them come from `empty_aligned`.
"""

from functools import update_wrapper
from inspect import signature
from math import prod

import numpy as np
from llvmlite import ir

from fastrnn.kernels.caching import Later, before_compiling, cgutils, intrinsic, njit, types
from fastrnn.kernels.cpu import INT, INT32, VECTOR_BYTES

CACHE_LINE = 64
SMALL = 1024
"""Elements of an array that is sooner read than aligned."""

OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}, "no_cfunc_wrapper": True}
"""Options of every kernel."""


def n_lanes(dtype):
    """Elements of `dtype` in one vector."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


def padded(n, dtype, width=1):
    """`n` rounded up to whole vectors, or to `width` of them."""
    count = n_lanes(dtype) * width
    return -(-n // count) * count


def empty_aligned(shape, dtype):
    """An uninitialised C-contiguous array that starts on a cache line, unless it is so small that it hardly matters."""
    size = prod(shape)
    if size < SMALL:
        return np.empty(shape, dtype)
    buffer = np.empty(size + CACHE_LINE // np.dtype(dtype).itemsize, dtype)
    start = -buffer.ctypes.data % CACHE_LINE // buffer.itemsize
    return buffer[start : start + size].reshape(shape)


def zeros_aligned(shape, dtype):
    """Likewise, of zeros."""
    array = empty_aligned(shape, dtype)
    array.fill(0)
    return array


# ------------------------------------------------------------------------------------------------- operations


registers = Later("fastrnn.kernels.registers")
before_compiling.append(lambda: registers.Vector)


def instruction(result=lambda *kinds: types.void, **options):
    """Decorator: the intrinsic whose LLVM code a function (context, builder, sig, *values) writes.

    Its type is `result` of the arguments' types; integers among them become intp.
    """

    def decorate(write):
        def define(typing, *given):
            def lower(context, builder, sig, args):
                value = write(context, builder, sig, *args)
                return context.get_dummy_value() if value is None else value

            kinds = [types.intp if isinstance(kind, types.Integer) else types.unliteral(kind) for kind in given]
            return result(*given)(*kinds), lower

        parameters = list(signature(write).parameters.values())
        update_wrapper(define, write).__signature__ = signature(write).replace(parameters=parameters[2:])
        return intrinsic(define, **options)

    return decorate


def _bound(comparison):
    """An instruction: each lane of `x`, or `y` where comparing them says so; NaN in `x` stays NaN."""

    @instruction(lambda x, y: x)
    def bound(context, builder, sig, x, y):
        other = registers.as_vector(context, builder, y, sig.args[1], sig.return_type)
        return builder.select(builder.fcmp_ordered(comparison, x, other), other, x)

    return bound


maximum, minimum = _bound("<"), _bound(">")
"""The larger, or smaller, of each lane of the first and the number or vector that comes second."""


@njit(**OPTIONS)
def clamp(x, low, high):
    """Each lane of `x` between the numbers `low` and `high`; NaN stays NaN."""
    return minimum(maximum(x, low), high)


@instruction(lambda x: x)
def step(context, builder, sig, x):
    """1 in each lane of `x` above zero, 0 in the others."""
    one, zero = (ir.Constant(x.type, [v] * x.type.count) for v in (1.0, 0.0))
    return builder.select(builder.fcmp_ordered(">", x, zero), one, zero)


@instruction(lambda x, a, b: a)
def choose(context, builder, sig, x, a, b):
    """`a` in each lane of `x` above zero, in the others `b`; vectors or numbers, `a` a vector."""
    kind = sig.return_type
    other = registers.as_vector(context, builder, b, sig.args[2], kind)
    return builder.select(builder.fcmp_ordered(">", x, _zeros(x.type)), a, other)


def _reduction(combine):
    """An instruction that combines all lanes of a vector: its halves, then theirs, down to a number."""

    @instruction(lambda x: x.dtype)
    def reduce(context, builder, sig, x):
        while x.type.count > 1:
            n = x.type.count // 2
            kind = ir.VectorType(INT32, n)
            a, b = (builder.shuffle_vector(x, x, ir.Constant(kind, [*range(k, k + n)])) for k in (0, n))
            x = combine(builder, a, b)
        return builder.extract_element(x, INT32(0))

    return reduce


lane_sum = _reduction(lambda builder, a, b: builder.fadd(a, b))
lane_max = _reduction(lambda builder, a, b: builder.select(builder.fcmp_ordered("<", a, b), b, a))


@instruction(lambda x, n: x)
def first_lanes(context, builder, sig, x, n):
    """`x` in the first `n` lanes, 0 in the others."""
    return builder.select(_first_lanes(builder, x.type.count, n), x, _zeros(x.type))


@instruction(lambda x: x)
def two_to(context, builder, sig, shifted):
    """2**k, where `shifted` is k + 1.5 * 2**m + bias, and m is the length of the mantissa.

    Adding 1.5 * 2**m rounds a number to an integer and leaves it in the low bits of the mantissa; moved up
    into the place of the exponent, they are a power of two.
    """
    bits, mantissa = _integers(shifted.type)
    return builder.bitcast(builder.shl(builder.bitcast(shifted, bits), mantissa), shifted.type)


@instruction(lambda x: types.UniTuple(x, 2))
def split_powers(context, builder, sig, x):
    """k and m of each positive lane m * 2**k, where m lies about 1, between the roots of 1/2 and 2."""
    bits, mantissa = _integers(x.type)
    root = 0x3F3504F3 if bits.element.width == 32 else 0x3FE6A09E667F3BCD
    lowest, whole = ir.Constant(bits, [root] * bits.count), builder.bitcast(x, bits)
    k = builder.ashr(builder.sub(whole, lowest), mantissa)
    m = builder.bitcast(builder.sub(whole, builder.shl(k, mantissa)), x.type)
    return context.make_tuple(builder, sig.return_type, [builder.sitofp(k, x.type), m])


def _integers(kind):
    """The LLVM type of a vector's bits, and the length of the mantissa in each lane of it."""
    n = 8 * _bytes(kind.element)
    bits = ir.VectorType(ir.IntType(n), kind.count)
    return bits, ir.Constant(bits, [23 if n == 32 else 52] * kind.count)


# ------------------------------------------------------------------------------------------------------- memory


@instruction(lambda array: types.intp)
def lanes(context, builder, sig, array):
    """Elements of the array's dtype in one vector, as a constant."""
    return INT(VECTOR_BYTES * 8 // sig.args[0].dtype.bitwidth)


@instruction(lambda array: registers.Vector(array.dtype))
def zeros(context, builder, sig, array):
    """A vector of zeros."""
    return _zeros(registers.llvm_vector(sig.return_type))


def _zeros(kind):
    return ir.Constant(kind, [0.0] * kind.count)


def _pointer(context, builder, sig, array, index):
    kind = sig.args[0]
    data = array if isinstance(kind, types.CPointer) else context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [index])


at = instruction(lambda array, index: types.CPointer(array.dtype))(_pointer)
"""A pointer to element `index` of an array seen as flat, or from a pointer; it does not keep the array alive."""


def llvm_load(builder, pointer, vector_type):
    """Code that loads a vector, at any alignment."""
    loaded = builder.load(builder.bitcast(pointer, vector_type.as_pointer()))
    loaded.align = _bytes(vector_type.element)
    return loaded


def llvm_store(builder, value, pointer):
    """Code that stores a vector, at any alignment."""
    stored = builder.store(value, builder.bitcast(pointer, value.type.as_pointer()))
    stored.align = _bytes(value.type.element)


def _bytes(scalar):
    return 4 if isinstance(scalar, ir.FloatType) else 8


def _first_lanes(builder, count, n):
    numbers = ir.Constant(ir.VectorType(INT, count), list(range(count)))
    return builder.icmp_signed("<", numbers, registers.llvm_splat(builder, n, numbers.type))


def _load(context, builder, sig, array, index):
    """Code that loads a vector, rounded if need be to the dtype it is wanted in."""
    kind, pointer = registers.llvm_vector(sig.return_type), _pointer(context, builder, sig, array, index)
    loaded = llvm_load(builder, pointer, ir.VectorType(pointer.type.pointee, kind.count))
    return loaded if loaded.type == kind else builder.fptrunc(loaded, kind)


load = instruction(lambda array, index: registers.Vector(array.dtype))(_load)
"""The vector that starts at flat `index` of an array or pointer."""


@instruction(lambda array, index, n: registers.Vector(array.dtype, n.literal_value), prefer_literal=True)
def load_wide(context, builder, sig, array, index, n_registers):
    """As `load`, a vector of so many registers (a literal)."""
    return _load(context, builder, sig, array, index)


@instruction(lambda array, index, like: registers.Vector(like.dtype))
def load_as(context, builder, sig, array, index, like):
    """As `load`, from an array of the same dtype as `like` or of float64, in the dtype of `like`."""
    return _load(context, builder, sig, array, index)


@instruction(lambda vector: types.UniTuple(registers.Vector(vector.dtype), vector.registers))
def split(context, builder, sig, vector):
    """The registers of a vector, a tuple."""
    parts, n = [], sig.return_type.dtype.count
    for first in range(0, vector.type.count, n):
        mask = ir.Constant(ir.VectorType(INT32, n), [*range(first, first + n)])
        parts.append(builder.shuffle_vector(vector, vector, mask))
    return context.make_tuple(builder, sig.return_type, parts)


@instruction()
def store(context, builder, sig, array, index, value):
    """Write a vector to flat `index` of an array or pointer."""
    llvm_store(builder, value, _pointer(context, builder, sig, array, index))


@instruction(lambda array, index, n: registers.Vector(array.dtype))
def load_some(context, builder, sig, array, index, n):
    """As `load`, but no more than `n` elements; the other lanes are zero."""
    kind, pointer = registers.llvm_vector(sig.return_type), _pointer(context, builder, sig, array, index)
    result = cgutils.alloca_once(builder, kind)
    with builder.if_else(_has_all(builder, kind, n)) as (whole, part):
        with whole:
            builder.store(llvm_load(builder, pointer, kind), result)
        with part:
            builder.store(_masked(builder, "load", kind, kind, pointer, n, after=[_zeros(kind)]), result)
    return builder.load(result)


@instruction()
def store_some(context, builder, sig, array, index, value, n):
    """As `store`, but no more than `n` elements."""
    pointer = _pointer(context, builder, sig, array, index)
    with builder.if_else(_has_all(builder, value.type, n)) as (whole, part):
        with whole:
            llvm_store(builder, value, pointer)
        with part:
            _masked(builder, "store", ir.VoidType(), value.type, pointer, n, before=[value])


def _has_all(builder, kind, n):
    """Whether `n` elements fill a vector; a whole one is quicker than a masked one."""
    return builder.icmp_signed(">=", n, INT(kind.count))


def _masked(builder, name, result, kind, pointer, n, before=(), after=()):
    """A call of LLVM's function of this name, for the first `n` elements of a vector at a pointer."""
    place, size = builder.bitcast(pointer, kind.as_pointer()), _bytes(kind.element)
    arguments = [*before, place, INT32(size), _first_lanes(builder, kind.count, n), *after]
    form = ir.FunctionType(result, [argument.type for argument in arguments])
    name = f"llvm.masked.{name}.v{kind.count}f{8 * size}.p0"
    return builder.call(cgutils.get_or_insert_function(builder.module, form, name), arguments)


@njit(**OPTIONS)
def dot(a, b, n):
    """The sum of a b over n numbers; pointers."""
    total = zeros(a)
    for k in range(0, n, lanes(a)):
        total = total + load_some(a, k, n - k) * load_some(b, k, n - k)
    return lane_sum(total)
