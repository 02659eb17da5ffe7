"""Vectors: NumPy's arithmetic in every lane, loads and stores that keep to their bounds."""

import numpy as np
import pytest
from numba import njit

from fastrnn.kernels import cpu, vectors
from fastrnn.kernels.vectors import (
    OPTIONS,
    clamp,
    empty_aligned,
    first_lanes,
    lanes,
    load,
    load_as,
    load_some,
    maximum,
    n_lanes,
    padded,
    step,
    store,
    store_some,
)

DTYPES = ["float32", "float64"]
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


@njit(**OPTIONS)
def arithmetic(out, a, b):
    for i in range(0, a.size, lanes(a)):
        x, y = load(a, i), load(b, i)
        results = (
            x + y, x - y, x * y, x / y, x + 2, 2.5 - x, x * 3.0, 1 / x,
            clamp(x, -1.0, 2.0), maximum(x, 0.0), maximum(x, y), step(x),
        )  # fmt: skip
        for k in range(len(results)):
            store(out, k * a.size + i, results[k])


def expected_arithmetic(a, b):
    with np.errstate(all="ignore"):
        return [
            a + b, a - b, a * b, a / b, a + 2, a.dtype.type(2.5) - a, a * 3, 1 / a,
            np.clip(a, -1, 2), np.where(a < 0, 0, a), np.where(a < b, b, a),
            (a > 0).astype(a.dtype),
        ]  # fmt: skip


@every_dtype
def test_arithmetic_is_numpys(dtype):
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.0, 1e-40, 3e38], dtype)
    a, b = (m.ravel() for m in np.meshgrid(special, special))
    rng = np.random.default_rng(0)
    a, b = (np.concatenate([m, rng.standard_normal(92)]).astype(dtype) for m in (a, b))
    assert a.size % n_lanes(dtype) == 0
    out = np.empty((12, a.size), dtype)
    arithmetic(out, a, b)
    for k, (actual, expected) in enumerate(zip(out, expected_arithmetic(a, b), strict=True)):
        assert expected.dtype == dtype
        np.testing.assert_array_equal(actual, expected, err_msg=str(k))
        numbers = ~np.isnan(expected)
        assert (np.signbit(actual) == np.signbit(expected))[numbers].all(), k


@njit(**OPTIONS)
def copy_some(out, target, source, start, n):
    store(out, 0, load_some(source, start, n))
    store_some(out, target, load(source, start), n)


@every_dtype
def test_loads_and_stores_of_some_elements(dtype):
    count = n_lanes(dtype)
    source = np.arange(1, 4 * count + 1).astype(dtype)
    for start in (0, 1, count - 1):
        for n in range(count + 3):
            out = np.full(4 * count, -1, dtype)
            copy_some(out, 2 * count - 1, source, start, n)
            n = min(n, count)
            loaded = np.zeros(count)
            loaded[:n] = source[start : start + n]
            assert (out[:count] == loaded).all()
            stored = out[count:]
            assert (stored[count - 1 : count - 1 + n] == source[start : start + n]).all()
            assert (stored[: count - 1] == -1).all() and (stored[count - 1 + n :] == -1).all()


@every_dtype
def test_sizes(dtype):
    count = n_lanes(dtype)
    assert count * np.dtype(dtype).itemsize == vectors.VECTOR_BYTES
    assert [padded(n, dtype) for n in (0, 1, count, count + 1)] == [0, count, count, 2 * count]


@every_dtype
@pytest.mark.parametrize("shape", [(0,), (7,), (3, 5), (2, 0, 4), (1031,), (40, 3, 20)], ids=str)
def test_empty_aligned(shape, dtype):
    arrays = [empty_aligned(shape, dtype) for _ in range(5)]
    for k, array in enumerate(arrays):
        assert array.shape == shape and array.dtype == dtype and array.flags.c_contiguous
        assert array.ctypes.data % vectors.CACHE_LINE == 0 or array.size < vectors.SMALL
        array[...] = k
    assert all((array == k).all() for k, array in enumerate(arrays))


@pytest.mark.parametrize(
    ("features", "registers"),
    [
        ("+avx2,+avx512f,+fma", (64, 32)),
        ("+avx,+avx2,+fma,-avx512f", (32, 16)),
        ("+sse2,-avx2", (16, 16)),
        ("+neon", (16, 32)),
        ("", (16, 16)),
    ],
)
def test_registers_are_those_of_numbas_target(features, registers, monkeypatch):
    monkeypatch.setenv("NUMBA_CPU_FEATURES", features)
    assert cpu._registers() == registers


@njit(**OPTIONS)
def take(out, doubles, n):
    store(out, 0, first_lanes(load_as(doubles, 1, out), n))


@every_dtype
def test_doubles_become_the_first_lanes_of_a_vector(dtype):
    count = n_lanes(dtype)
    doubles, out = np.linspace(0.1, 7, count + 1), np.empty(count, dtype)
    for n in (-1, 0, 1, count - 1, count, count + 5):
        take(out, doubles, n)
        assert (out == np.where(np.arange(count) < n, doubles[1:].astype(dtype), 0)).all()
