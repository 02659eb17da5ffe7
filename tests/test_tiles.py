"""Products from register tiles: NumPy's figures for odd shapes, the same bits in any company."""

import numpy as np
import pytest

from fastrnn.kernels.caching import njit
from fastrnn.kernels.tiles import (
    MAX_ROWS,
    pack_gates,
    pack_panels,
    pack_transposed,
    product,
    tile_rows,
    transposed_product,
)
from fastrnn.kernels.vectors import OPTIONS, at, empty_aligned, lanes, n_lanes, padded

TOLERANCE = {"float32": 2e-6, "float64": 1e-14}
every_dtype = pytest.mark.parametrize("dtype", TOLERANCE)
# Columns in vectors and parts of them: one, and panels of 4, 2 and 1.
COLUMNS = {"float32": (1, 16, 50, 112), "float64": (1, 8, 25, 56)}


def normal(*shape, dtype="float64", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def filled(shape, dtype, value):
    array = empty_aligned(shape, dtype)
    array[...] = value
    return array


def packed(weight, depth=None, first=0, panels=None):
    K, N = weight.shape
    depth = depth or K
    if panels is None:
        panels = filled((depth * padded(N, weight.dtype),), weight.dtype, np.nan)
    pack_panels(panels, depth, first, weight, 0, weight.shape[1])
    return panels


def multiply(a, panels, N, start=None):
    """A B, or start + A B, through `product`; what is beyond the columns must stay as it was."""
    n, K = a.shape
    width = padded(N, a.dtype)
    c = filled((n + 1, width + 3), a.dtype, 77)
    c[:n, :width] = 0
    if start is not None:
        c[:n, :N] = start
    product(c, width + 3, a, K, panels, n, width // n_lanes(a.dtype), K)
    assert (c[n] == 77).all() and (c[:, width:] == 77).all()
    assert (c[:n, N:width] == 0).all()
    return c[:n, :N]


@every_dtype
@pytest.mark.parametrize("K", [1, 2, 5, 40])
def test_product(K, dtype):
    for N in COLUMNS[dtype]:
        b = normal(K, N, dtype=dtype, seed=1)
        panels = packed(b)
        a, start = normal(13, K, dtype=dtype), normal(13, N, dtype=dtype, seed=2)
        whole, added = multiply(a, panels, N), multiply(a, panels, N, start)
        exact = a.astype(float) @ b.astype(float)
        scale = max(1, np.abs(exact).max())
        np.testing.assert_allclose(whole, exact, atol=TOLERANCE[dtype] * scale, rtol=0)
        np.testing.assert_allclose(added, start + exact, atol=TOLERANCE[dtype] * scale, rtol=0)
        for rows in range(1, 13):  # a row's bits do not depend on how many rows there are
            for first in {0, 13 - rows}:
                span = slice(first, first + rows)
                some = multiply(np.ascontiguousarray(a[span]), panels, N)
                assert some.tobytes() == np.ascontiguousarray(whole[span]).tobytes()
                some = multiply(np.ascontiguousarray(a[span]), panels, N, start[span])
                assert some.tobytes() == np.ascontiguousarray(added[span]).tobytes()


@every_dtype
def test_product_of_parts_of_arrays(dtype):
    N, K = n_lanes(dtype) * 3, 7
    b = normal(K, N, dtype=dtype)
    a = normal(9, 20, dtype=dtype, seed=1)
    c = np.full((9, 2 * N), 5, dtype)
    # Rows 2 to 8 of a from column 3, into rows 1 to 7 of c from column 4.
    product(c.ravel()[2 * N + 4 :], 2 * N, a.ravel()[2 * 20 + 3 :], 20, packed(b), 6, 3, K)
    np.testing.assert_allclose(c[1:7, 4 : 4 + N], 5 + a[2:8, 3:10] @ b, rtol=0, atol=1e-5)
    c[1:7, 4 : 4 + N] = 5
    assert (c == 5).all()


@every_dtype
def test_panels_of_several_matrices(dtype):
    N = COLUMNS[dtype][2]
    top, bottom = normal(3, N, dtype=dtype), normal(5, N, dtype=dtype, seed=1)
    panels = packed(top, depth=8)
    packed(bottom, 8, 3, panels)
    assert panels.tobytes() == packed(np.concatenate([top, bottom])).tobytes()


@njit(**OPTIONS)
def add_transposed(c, a, picked, b, n_rows):
    stride = c.shape[1]
    transposed_product(at(c, 0), stride, at(a, 0), a.shape[1], at(picked, 0), at(b, 0), stride, n_rows,
                       stride // lanes(c), picked.size)  # fmt: skip


@every_dtype
@pytest.mark.parametrize("K", [1, 3, 97])
def test_transposed_product(K, dtype):
    for N in (n_lanes(dtype) * n for n in (1, 3, 7)):
        a, b = normal(K + 2, 13, dtype=dtype), normal(K, N, dtype=dtype, seed=1)
        start, picked = normal(13, N, dtype=dtype, seed=2), np.random.default_rng(3).permutation(K + 2)[:K]
        whole = start.copy()
        add_transposed(whole, a, picked, b, 13)
        exact = start + a[picked].T.astype(float) @ b.astype(float)
        np.testing.assert_allclose(whole, exact, rtol=0, atol=TOLERANCE[dtype] * max(10, K))
        for rows in range(1, 13):
            some = np.concatenate([start[:rows], np.full((1, N), 77, dtype)])
            add_transposed(some, a, picked, b, rows)
            assert some[:rows].tobytes() == whole[:rows].tobytes()
            assert (some[rows] == 77).all()


def test_rows_are_shared_out_evenly():
    for n in range(1, 60):
        rows = tile_rows(n)
        tiles = -(-n // rows)
        assert rows <= MAX_ROWS and tiles == -(-n // MAX_ROWS)
        assert rows == -(-n // tiles)


# ------------------------------------------------------------------------- gates side by side


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 0, 1)], ids=str)
@pytest.mark.parametrize("H", [1, 16, 19])
def test_gates_are_packed_by_unit(H, order):
    K, count, n = 5, n_lanes("float32"), len(order)
    blocks = -(-H // count)
    weight = normal(K, 4 * H, dtype="float32")
    panels = np.full((blocks, 3 + K * n * count + 2), 77, np.float32)
    factors = np.array([0.5, 1.0, 2.0, 1.0])[:n]
    pack_gates(panels, 3, weight, H, order, factors)
    assert (panels[:, :3] == 77).all() and (panels[:, -2:] == 77).all()
    gates = panels[:, 3:-2].reshape(blocks, K, n, count)
    for slot, gate in enumerate(order):
        units = gates[:, :, slot].transpose(1, 0, 2).reshape(K, -1)
        assert (units[:, :H] == factors[slot] * weight[:, gate * H : (gate + 1) * H]).all()
        assert (units[:, H:] == 0).all()


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 0, 1)], ids=str)
@pytest.mark.parametrize("H", [1, 16, 19])
@pytest.mark.parametrize("J", [1, 16, 50])
def test_the_product_with_transposed_gates(J, H, order):
    P, n = padded(H, "float32"), len(order)
    weight = normal(J, 4 * H, dtype="float32")
    panels = np.full(n * P * padded(J, "float32"), np.nan, np.float32)
    pack_transposed(panels, weight, H, order)
    d_gates = normal(3, n * P, dtype="float32", seed=1)  # what stands in the padding does not count
    actual = multiply(d_gates, panels, J)
    expected = sum(
        d_gates[:, slot * P : slot * P + H] @ weight[:, gate * H : (gate + 1) * H].T for slot, gate in enumerate(order)
    )
    np.testing.assert_allclose(actual, expected, rtol=0, atol=3e-5)
