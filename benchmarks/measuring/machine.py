"""What this machine is, and what it can do at best: its FMA peak and the floor of a pass.

The floor of a pass is the time of its multiply-adds at the measured FMA peak, plus the time of its
activations at 0.27 ns an element (a rational tanh in a vectorised loop on Zen 4), on as many cores
as take part:

    floor = (flops / peak + activations * 0.27 ns) / cores
    forward flops  = 2 S G H (I + H)        for S rows (steps times sequences), G gates
    training flops = 2 * forward flops + 2 S G H H       (weight gradients; d_h)
    activations    = A S H, A = 5 (LSTM), 3 (GRU), 1 (RNN); twice that for a training pass,
                     whose backward works through as many derivatives

with the peak of a core that is busy alone. Memory traffic and the call itself count for nothing, so
no code reaches it. The 0.27 ns are kept on every machine, so that figures compare with earlier
ones. The floor "here" takes this machine's own: `tanh_ns` of such a loop, and the peak a core has
left when all that take part are busy (where two of them are one core's threads, little more than half).
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
ACTIVATIONS = {"lstm": 5, "gru": 3, "rnn": 1}
ACTIVATION_NS = 0.27
# Twelve accumulators cover the latency of two FMA ports (4-5 cycles each) and, with the factor,
# still fit the sixteen registers of AVX2.
ACCUMULATORS = 12
PACKAGES = ("fastrnn", "numba", "numpy", "scipy", "scikit-learn", "torch", "onnx", "onnxruntime", "openvino")


def facts(threads):
    """Return a dict of what a reader needs to judge the figures of a run."""
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "threads": threads,
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "peak_gflops": fma_peak() / 1e9,
        "peak_together_gflops": fma_peak(threads) / 1e9,
        "tanh_ns": tanh_ns(),
    }


def cpu_name():
    """Return the CPU's model name, as the kernel tells it where there is one to ask."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


class Elsewhere:
    """How many cores other processes keep busy, or the host withholds, from now on.

    With two threads on two cores, one busy neighbour makes a library that waits at many barriers
    tens of times slower, so figures taken beside it compare nothing.
    """

    def __init__(self, workers=()):
        self._workers = workers
        self._start = self._clocks()

    def cores(self):
        """Mean number of such cores since the start; None where /proc/stat is not to be had."""
        if self._start is None:
            return None
        wall, busy, own = (now - then for now, then in zip(self._clocks(), self._start, strict=True))
        return max(0.0, (busy - own) / wall)

    def _clocks(self):
        try:
            with open("/proc/stat", encoding="ascii") as lines:
                ticks = [int(field) for field in lines.readline().split()[1:9]]
        except OSError:
            return None
        user, nice, system, _idle, _iowait, irq, softirq, steal = ticks
        busy = user + nice + system + irq + softirq + steal
        own = time.process_time() + sum(worker.cpu_seconds() for worker in self._workers)
        return time.perf_counter(), busy / os.sysconf("SC_CLK_TCK"), own


def forward_flops(cell, S, I, H):
    """Floating-point operations of the products in a forward pass over ``S`` rows."""
    return 2 * S * GATES[cell] * H * (I + H)


def training_flops(cell, S, I, H):
    """Floating-point operations of forward and backward, without the input's gradient."""
    return 2 * forward_flops(cell, S, I, H) + 2 * S * GATES[cell] * H * H


def floor_seconds(cell, S, I, H, *, training, peak, cores, activation_ns=ACTIVATION_NS):
    """Seconds no pass over ``S`` rows can beat on ``cores`` cores of ``peak`` flop/s each."""
    flops = training_flops(cell, S, I, H) if training else forward_flops(cell, S, I, H)
    activations = ACTIVATIONS[cell] * S * H * (2 if training else 1)
    return (flops / peak + activations * activation_ns * 1e-9) / cores


def fma_peak(cores=1, seconds=0.3):
    """Measure a core's peak in flop/s with so many busy: independent FMAs on f32 vectors, the best width wins."""
    return max(_fma_rate(_fma_kernel(lanes), lanes, cores, seconds / 3) for lanes in (4, 8, 16))


def _fma_kernel(lanes):
    @intrinsic
    def chains(typing_context, n):
        def codegen(context, builder, signature, args):
            vector = ir.VectorType(ir.FloatType(), lanes)
            factor = ir.Constant(vector, [0.99] * lanes)
            sums = [
                cgutils.alloca_once_value(builder, ir.Constant(vector, [0.1 * i] * lanes)) for i in range(ACCUMULATORS)
            ]
            with cgutils.for_range(builder, args[0]):
                for total in sums:
                    product = builder.fmul(builder.load(total), factor, flags=("contract",))
                    builder.store(builder.fadd(product, factor, flags=("contract",)), total)
            result = builder.load(sums[0])
            for total in sums[1:]:
                result = builder.fadd(result, builder.load(total))
            return builder.extract_element(result, ir.IntType(32)(0))

        return types.float32(types.intp), codegen

    @njit(nogil=True)
    def kernel(n):
        return chains(n)

    return kernel


def _fma_rate(kernel, lanes, cores, seconds):
    flops = 2 * lanes * ACCUMULATORS
    kernel(10)
    n = 100_000

    def rate(_):
        return n * flops / _best_of(lambda: kernel(n), seconds)

    with ThreadPoolExecutor(cores) as pool:
        return min(pool.map(rate, range(cores)))


def tanh_ns(n=4096, seconds=0.3):
    """Measure a rational tanh in a vectorised loop: nanoseconds an element, data in L1."""
    x = np.linspace(-4, 4, n, dtype=np.float32)
    y = np.empty_like(x)
    _tanh_loop(y, x)
    return _best_of(lambda: _tanh_loop(y, x), seconds) / n * 1e9


@njit(error_model="numpy", fastmath={"contract", "arcp", "nsz", "reassoc", "afn"})
def _tanh_loop(y, x):
    """Fill ``y`` with Eigen's rational approximation of tanh(x)."""
    f = np.float32
    for i in range(x.size):
        v = min(max(x[i], f(-7.90531)), f(7.90531))
        v2 = v * v
        p = f(-2.76076847742355e-16)
        p = p * v2 + f(2.00018790482477e-13)
        p = p * v2 + f(-8.60467152213735e-11)
        p = p * v2 + f(5.12229709037114e-08)
        p = p * v2 + f(1.48572235717979e-05)
        p = p * v2 + f(6.37261928875436e-04)
        p = p * v2 + f(4.89352455891786e-03)
        q = f(1.19825839466702e-06)
        q = q * v2 + f(1.18534705686654e-04)
        q = q * v2 + f(2.26843463243900e-03)
        q = q * v2 + f(4.89352518554385e-03)
        y[i] = v * p / q


def _best_of(call, seconds):
    best = np.inf
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best
