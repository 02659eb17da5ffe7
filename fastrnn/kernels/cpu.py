"""The CPU that kernels are compiled for: its vector registers, and what LLVM calls its integers."""

import os
import platform
import re
from contextlib import suppress

from llvmlite import binding, ir

INT = ir.IntType(64)
INT32 = ir.IntType(32)

# `contract` fuses a product and a sum; nothing here may reorder additions or assume there is no NaN.
FUSE = ("contract",)


def _target_features():
    """The features Numba compiles for, which may be fewer than the CPU has."""
    asked_for = os.environ.get("NUMBA_CPU_FEATURES")
    if asked_for is not None:
        return set(re.findall(r"\+([^,]+)", asked_for))
    return {name for name, present in binding.get_host_cpu_features().items() if present}


def _registers():
    """(bytes of a vector register, number of them) of the target."""
    features = _target_features()
    if "avx512f" in features:
        return 64, 32
    if "avx2" in features:
        return 32, 16
    return 16, 32 if "neon" in features or "fp-armv8" in features else 16


def second_level():
    """Bytes of a core's second-level cache, where the system tells."""
    with suppress(OSError, ValueError), open("/sys/devices/system/cpu/cpu0/cache/index2/size") as file:
        return int(file.read().strip().removesuffix("K")) * 1024
    return 2**20


VECTOR_BYTES, N_REGISTERS = _registers()
HAS_FMA = bool(_target_features() & {"fma", "avx512f", "neon", "fp-armv8"})
"""Whether a product and a sum are fused into one operation."""

IS_X86, IS_ARM = (platform.machine().lower() in names for names in (("x86_64", "amd64"), ("aarch64", "arm64")))
