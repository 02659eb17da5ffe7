"""Gradients of weights: NumPy's figures, and the same bits for any number of parts."""

import platform

import numpy as np
import pytest
from samples import run_script

from fastrnn.kernels.gradient import CHUNK, IN_PLACE, gradient, scratch_size
from fastrnn.kernels.vectors import empty_aligned, n_lanes

TOLERANCE = {"float32": 1e-5, "float64": 1e-13}
every_dtype = pytest.mark.parametrize("dtype", TOLERANCE)


def draw(S, I, H, vectors, dtype):
    """What `gradient` reads, and arrays with something in them already for it to add to.

    Of the columns, d_ih takes all but the last vector, and d_hh the last three in another order.
    """
    rng = np.random.default_rng(0)
    count = n_lanes(dtype)
    width = vectors * count
    shapes = {
        "d_gates": (S, width),
        "x": (S, I),
        "h": (S + 5, H),
        "d_bias": (width,),
        "d_ih": (I, width - count),
        "d_hh": (H, 3 * count),
    }
    arrays = {}
    for name, shape in shapes.items():
        arrays[name] = empty_aligned(shape, dtype)
        arrays[name][...] = rng.standard_normal(shape)
    arrays["previous"] = rng.permutation(S + 5)[:S]
    arrays["ih_pieces"] = np.array([[0, width - count, 0]])
    last = width - 3 * count
    arrays["hh_pieces"] = np.array([[last, last + count, 2 * count], [last + count, width, 0]])
    return arrays


READ = "ih_pieces", "hh_pieces", "d_gates", "x", "h", "previous"


def run(arrays, parts=1, tasks=(0,)):
    """Copies of d_bias, d_ih and d_hh after these of so many parts; what the kernel works in is NaN before."""
    totals = []
    for name in ("d_bias", "d_ih", "d_hh"):
        totals.append(empty_aligned(arrays[name].shape, arrays[name].dtype))
        totals[-1][...] = arrays[name]
    d_gates, dtype = arrays["d_gates"], arrays["d_gates"].dtype
    scratch = empty_aligned((parts, scratch_size(d_gates.shape[1], n_lanes(dtype))), dtype)
    scratch[...] = np.nan
    for task in tasks:
        gradient(*totals, *(arrays[name] for name in READ), scratch, parts, task)
    return totals


@every_dtype
@pytest.mark.parametrize("vectors", [7, IN_PLACE, IN_PLACE + 1, IN_PLACE + 5])
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 3, 17), (CHUNK, 16, 7), (2 * CHUNK + 1, 13, 33)], ids=str)
def test_sums_of_outer_products(shape, vectors, dtype):
    arrays = draw(*shape, vectors, dtype)
    count = n_lanes(dtype)
    actual = run(arrays)
    exact = {name: a.astype(float) for name, a in arrays.items() if a.dtype.kind == "f"}
    d_gates, x, h = exact["d_gates"], exact["x"], exact["h"][arrays["previous"]]
    of_h = np.roll(d_gates[:, -3 * count :], -count, axis=1)
    expected = (
        exact["d_bias"] + d_gates.sum(axis=0),
        exact["d_ih"] + np.einsum("si,sn->in", x, d_gates[:, :-count]),
        exact["d_hh"] + np.einsum("sh,sn->hn", h, of_h),
    )
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE[dtype] * np.abs(b).max())


@every_dtype
@pytest.mark.parametrize("vectors", [5, 13, 16, 19])
def test_parts_in_any_number_and_order_give_the_same_bits(vectors, dtype):
    arrays = draw(CHUNK + 9, 5, 19, vectors, dtype)
    whole = run(arrays)
    for parts in (2, 3, 4, 5, 16):  # also more than there are columns for
        for order in (range(parts), range(parts)[::-1]):
            for a, b in zip(run(arrays, parts, order), whole, strict=True):
                assert a.tobytes() == b.tobytes(), parts


def test_nothing_for_the_hidden_state():
    arrays = draw(4, 3, 2, 3, "float32")
    without = {**arrays, "h": arrays["h"][:0, :0], "d_hh": arrays["d_hh"][:0, :0]}
    without |= {"hh_pieces": np.empty((0, 3), np.int64), "previous": np.empty(0, np.int64)}
    expected, actual = run(arrays), run(without)
    for a, b in zip(actual[:2], expected[:2], strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the target is an x86 CPU")
def test_on_a_target_whose_vectors_are_narrower_than_a_tile_has_rows():
    script = (
        f"import pytest, sys; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '-k', 'not target', {__file__!r}]))"
    )
    run_script(
        script, NUMBA_CPU_NAME="nehalem",
        NUMBA_CPU_FEATURES="+sse,+sse2,+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16",
    )  # fmt: skip
