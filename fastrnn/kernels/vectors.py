"""The vector registers of this CPU: what kernels do with them, and arrays that suit them.

`registers.Vector`, a Numba type, is one SIMD register of float32 or float64, with ``+ - * /``.  Formulas written with
it run at the full width of the CPU, with the same operations for every element.  (LLVM's own vectoriser takes half the
width on AVX-512 Intel, and treats the last elements of a loop differently.)

Vectors that straddle a cache line cost up to half the speed: arrays for them come from `empty_aligned`.
"""

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


@njit(**OPTIONS)
def aligned_start(buffer):
    """The first index of a flat buffer that lies on a cache line."""
    return -buffer.ctypes.data % CACHE_LINE // buffer.itemsize


@njit(**OPTIONS)
def aligned_scratch(size, like):
    """A flat buffer with room for `size` elements like an array's, and its first index on a cache line."""
    buffer = np.empty(size + CACHE_LINE, like.dtype)
    return buffer, aligned_start(buffer)


def empty_aligned(shape, dtype):
    """An uninitialised C-contiguous array that starts on a cache line, unless it is so small that it hardly matters."""
    return _aligned(np.empty, shape, np.dtype(dtype))


def zeros_aligned(shape, dtype):
    """Likewise, of zeros."""
    return _aligned(np.zeros, shape, np.dtype(dtype))


def _aligned(make, shape, dtype):
    size = prod(shape)
    if size < SMALL:
        return make(shape, dtype)
    buffer = make(size + CACHE_LINE // dtype.itemsize, dtype)
    start = aligned_start(buffer)  # 2 us less than asking NumPy
    return buffer[start : start + size].reshape(shape)


# ------------------------------------------------------------------------------------------------- operations


registers = Later("fastrnn.kernels.registers")
before_compiling.append(lambda: registers.Vector)


@intrinsic
def clamp(typing, x, low, high):
    """Each lane of `x` between the numbers `low` and `high`; NaN stays NaN."""

    def lower(context, builder, sig, args):
        value = args[0]
        for k, comparison in ((1, "<"), (2, ">")):
            bound = registers.as_vector(context, builder, args[k], sig.args[k], x)
            beyond = builder.fcmp_ordered(comparison, value, bound)
            value = builder.select(beyond, bound, value)
        return value

    return x(x, types.unliteral(low), types.unliteral(high)), lower


@intrinsic
def maximum(typing, x, y):
    """The larger of each lane of `x` and the number or vector `y`; NaN in `x` stays NaN."""

    def lower(context, builder, sig, args):
        other = registers.as_vector(context, builder, args[1], sig.args[1], x)
        return builder.select(builder.fcmp_ordered("<", args[0], other), other, args[0])

    return x(x, types.unliteral(y)), lower


@intrinsic
def step(typing, x):
    """1 in each lane of `x` above zero, 0 in the others."""

    def lower(context, builder, sig, args):
        one, zero = (ir.Constant(args[0].type, [v] * x.count) for v in (1.0, 0.0))
        return builder.select(builder.fcmp_ordered(">", args[0], zero), one, zero)

    return x(x), lower


def _reduction(combine):
    """An intrinsic that combines all lanes of a vector: its halves, then theirs, down to a number."""

    @intrinsic
    def reduce(typing, x):
        def lower(context, builder, sig, args):
            value = args[0]
            while value.type.count > 1:
                n = value.type.count // 2
                kind = ir.VectorType(INT32, n)
                a, b = (builder.shuffle_vector(value, value, ir.Constant(kind, [*range(k, k + n)])) for k in (0, n))
                value = combine(builder, a, b)
            return builder.extract_element(value, INT32(0))

        return x.dtype(x), lower

    return reduce


lane_sum = _reduction(lambda builder, a, b: builder.fadd(a, b))
lane_max = _reduction(lambda builder, a, b: builder.select(builder.fcmp_ordered("<", a, b), b, a))


@intrinsic
def first_lanes(typing, x, n):
    """`x` in the first `n` lanes, 0 in the others."""

    def lower(context, builder, sig, args):
        kind = args[0].type
        zero = ir.Constant(kind, [0.0] * kind.count)
        return builder.select(_first_lanes(builder, kind.count, args[1]), args[0], zero)

    return x(x, types.intp), lower


@intrinsic
def power_of_two(typing, shifted):
    """2**k, where `shifted` is k + 1.5 * 2**m + bias, and m is the length of the mantissa.

    Adding 1.5 * 2**m rounds a number to an integer and leaves it in the low bits of the mantissa; moved up
    into the place of the exponent, they are a power of two.
    """
    mantissa = 23 if shifted.dtype == types.float32 else 52

    def lower(context, builder, sig, args):
        bits = ir.VectorType(ir.IntType(shifted.dtype.bitwidth), shifted.count)
        distance = ir.Constant(bits, [mantissa] * shifted.count)
        return builder.bitcast(builder.shl(builder.bitcast(args[0], bits), distance), args[0].type)

    return shifted(shifted), lower


@intrinsic
def split_powers(typing, x):
    """k and m of each positive lane m * 2**k, where m lies about 1, between the roots of 1/2 and 2."""
    mantissa, root = (23, 0x3F3504F3) if x.dtype == types.float32 else (52, 0x3FE6A09E667F3BCD)

    def lower(context, builder, sig, args):
        kind = args[0].type
        bits = ir.VectorType(ir.IntType(x.dtype.bitwidth), kind.count)
        lowest, distance = (ir.Constant(bits, [value] * kind.count) for value in (root, mantissa))
        whole = builder.bitcast(args[0], bits)
        k = builder.ashr(builder.sub(whole, lowest), distance)
        m = builder.bitcast(builder.sub(whole, builder.shl(k, distance)), kind)
        return context.make_tuple(builder, sig.return_type, [builder.sitofp(k, kind), m])

    return types.UniTuple(x, 2)(x), lower


# ------------------------------------------------------------------------------------------------------- memory


@intrinsic
def lanes(typing, array):
    """Elements of the array's dtype in one vector, as a constant."""

    def lower(context, builder, sig, args):
        return INT(VECTOR_BYTES * 8 // array.dtype.bitwidth)

    return types.intp(array), lower


@intrinsic
def zeros(typing, array):
    """A vector of zeros."""
    vector = registers.Vector(array.dtype)

    def lower(context, builder, sig, args):
        kind = registers.llvm_vector(vector)
        return ir.Constant(kind, [0.0] * kind.count)

    return vector(array), lower


@intrinsic
def at(typing, array, index):
    """A pointer to element `index` of an array seen as flat, or from a pointer; it does not keep the array alive."""

    def lower(context, builder, sig, args):
        return _pointer(context, builder, array, args[0], args[1])

    return types.CPointer(array.dtype)(array, types.intp), lower


def _pointer(context, builder, kind, value, index):
    """Element `index` of an array or a pointer."""
    data = value if isinstance(kind, types.CPointer) else context.make_array(kind)(context, builder, value).data
    return builder.gep(data, [index])


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


def _masked(builder, name, vector_type, result, arguments):
    suffix = f"v{vector_type.count}f{8 * _bytes(vector_type.element)}.p0"
    form = ir.FunctionType(result, [a.type for a in arguments])
    function = cgutils.get_or_insert_function(builder.module, form, f"llvm.masked.{name}.{suffix}")
    return builder.call(function, arguments)


def _first_lanes(builder, count, n):
    numbers = ir.Constant(ir.VectorType(INT, count), list(range(count)))
    return builder.icmp_signed("<", numbers, registers.llvm_splat(builder, n, numbers.type))


def _loading(vector, array, *more):
    """What an intrinsic is that loads a vector: its signature, and its code."""

    def lower(context, builder, sig, args):
        pointer = _pointer(context, builder, array, args[0], args[1])
        return llvm_load(builder, pointer, registers.llvm_vector(vector))

    return vector(array, types.intp, *more), lower


@intrinsic
def load(typing, array, index):
    """The vector that starts at flat `index` of an array or pointer."""
    return _loading(registers.Vector(array.dtype), array)


@intrinsic(prefer_literal=True)
def load_wide(typing, array, index, n_registers):
    """As `load`, a vector of so many registers (a literal)."""
    return _loading(registers.Vector(array.dtype, n_registers.literal_value), array, n_registers)


@intrinsic
def load_as(typing, array, index, like):
    """As `load`, from an array of the same dtype as `like` or of float64, in the dtype of `like`."""
    vector = registers.Vector(like.dtype)

    def lower(context, builder, sig, args):
        pointer, kind = _pointer(context, builder, array, args[0], args[1]), registers.llvm_vector(vector)
        loaded = llvm_load(builder, pointer, ir.VectorType(pointer.type.pointee, kind.count))
        return loaded if loaded.type == kind else builder.fptrunc(loaded, kind)

    return vector(array, types.intp, like), lower


@intrinsic
def split(typing, vector):
    """The registers of a vector, a tuple."""
    kind = registers.Vector(vector.dtype)
    result = types.UniTuple(kind, vector.registers)

    def lower(context, builder, sig, args):
        parts = []
        for k in range(vector.registers):
            places = range(k * kind.count, (k + 1) * kind.count)
            mask = ir.Constant(ir.VectorType(INT32, kind.count), list(places))
            parts.append(builder.shuffle_vector(args[0], args[0], mask))
        return context.make_tuple(builder, result, parts)

    return result(vector), lower


@intrinsic
def store(typing, array, index, value):
    """Write a vector to flat `index` of an array or pointer."""

    def lower(context, builder, sig, args):
        llvm_store(builder, args[2], _pointer(context, builder, array, args[0], args[1]))
        return context.get_dummy_value()

    return types.void(array, types.intp, value), lower


@intrinsic
def load_some(typing, array, index, n):
    """As `load`, but no more than `n` elements; the other lanes are zero."""
    vector = registers.Vector(array.dtype)

    def lower(context, builder, sig, args):
        kind = registers.llvm_vector(vector)
        pointer = _pointer(context, builder, array, args[0], args[1])
        place = builder.bitcast(pointer, kind.as_pointer())
        zero = ir.Constant(kind, [0.0] * kind.count)
        result = cgutils.alloca_once(builder, kind)
        with builder.if_else(_has_all(builder, kind, args[2])) as (whole, part):
            with whole:
                builder.store(llvm_load(builder, pointer, kind), result)
            with part:
                size, mask = INT32(_bytes(kind.element)), _first_lanes(builder, kind.count, args[2])
                loaded = _masked(builder, "load", kind, kind, [place, size, mask, zero])
                builder.store(loaded, result)
        return builder.load(result)

    return vector(array, types.intp, types.intp), lower


@intrinsic
def store_some(typing, array, index, value, n):
    """As `store`, but no more than `n` elements."""

    def lower(context, builder, sig, args):
        kind = args[2].type
        pointer = _pointer(context, builder, array, args[0], args[1])
        place = builder.bitcast(pointer, kind.as_pointer())
        with builder.if_else(_has_all(builder, kind, args[3])) as (whole, part):
            with whole:
                llvm_store(builder, args[2], pointer)
            with part:
                size, mask = INT32(_bytes(kind.element)), _first_lanes(builder, kind.count, args[3])
                _masked(builder, "store", kind, ir.VoidType(), [args[2], place, size, mask])
        return context.get_dummy_value()

    return types.void(array, types.intp, value, types.intp), lower


def _has_all(builder, kind, n):
    """Whether `n` elements fill a vector; a whole one is quicker than a masked one."""
    return builder.icmp_signed(">=", n, INT(kind.count))
