"""Rows moved, dropped and pooled."""

import numpy as np
import pytest
import reference as ref

from fastrnn.kernels import rows as kernel
from fastrnn.layers.readouts import Max, Mean
from fastrnn.packing import Packing

WIDTHS = [1, 7, 16, 33]
LENGTHS = [4, 7, 1, 6, 3, 3, 9, 1, 2]


def normal(*shape, dtype="float32", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


# ------------------------------------------------------------------------------- moving


@pytest.mark.parametrize("width", WIDTHS)
def test_copy(width):
    source, picked = normal(11, width + 5), np.array([3, 3, 0, 10, 7])
    out = normal(5, width + 4, seed=1)
    expected = out.copy()
    expected[:, 2 : 2 + width] = source[picked, 3 : 3 + width]
    kernel.copy_rows(out, 2, source, 3, picked, width)
    assert (out == expected).all()


@pytest.mark.parametrize("width", WIDTHS)
def test_scatter_add_adds_rows_that_come_again(width):
    source, picked = normal(6, width + 2), np.array([1, 0, 1, 1, 4, 0])
    out = normal(5, width + 1, seed=1)
    expected = out.copy()
    np.add.at(expected[:, :width], picked, source[:, :width])
    kernel.scatter_add_rows(out, source, picked, width)
    assert (out == expected).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("period", [1, 8, 33])
def test_standardise(period, dtype):
    mean, scale = normal(2, period, dtype="float64")
    for n in (1, period, 3 * period + period // 2, 257):
        x, out = normal(n, dtype="float64", seed=n), np.full(n + 1, 7, dtype)
        kernel.standardise(out[:n], x, mean, scale)
        every = np.arange(n) % period
        assert (out[:n] == ((x - mean[every]) / scale[every]).astype(dtype)).all() and out[n] == 7


# ----------------------------------------------------------------------------- dropping


def mask(key=1, sequences=None, steps=None, rate=0.5, shape=(400, 33)):
    """What `drop` makes of ones."""
    S = shape[0]
    sequences = np.arange(S) // 20 if sequences is None else np.asarray(sequences)
    steps = np.arange(S) % 20 if steps is None else np.asarray(steps)
    ones = np.ones(shape, np.float32)
    out = np.full(shape, np.nan, np.float32)
    kernel.drop(out, ones, key, sequences, steps, rate)
    assert (ones == 1).all()
    kernel.drop(ones, ones, key, sequences, steps, rate)  # in place
    assert (ones == out).all()
    return out


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_the_fraction_dropped_and_the_scale_of_the_rest(rate):
    out = mask(rate=rate)
    kept = out > 0
    assert np.allclose(out[kept], 1 / (1 - rate), rtol=2e-4) and (out[~kept] == 0).all()
    # Five standard deviations, in all and along each axis.
    for size, fractions in ((13200, kept.mean()), (33, kept.mean(axis=1)), (400, kept.mean(axis=0))):
        deviation = np.sqrt(rate * (1 - rate) / size)
        assert (np.abs(fractions - (1 - rate)) <= 5 * deviation).all()


@pytest.mark.parametrize("rate", [0.0, 1e-6, 1e-5, 0.1, 1 / 3, 0.9, 0.999, 0.99999, 1 - 1e-12])
def test_the_expectation_is_exact(rate):
    """One of 2**16 numbers decides of an element, and those from 2**16 rate on let it stay."""
    ones = np.ones((100_000, 100), np.float32)
    kernel.drop(ones, ones, 5, np.arange(100_000), np.zeros(100_000, np.int64), rate)
    (scale,) = np.unique(ones[ones > 0])
    staying = np.ceil(2**16 * (1 - rate)) / 2**16
    np.testing.assert_allclose(scale * staying, 1, rtol=1e-6)
    deviation = np.sqrt((1 - staying) / staying / ones.size)
    assert abs(ones.mean(dtype=np.float64) - 1) <= 5 * deviation + 1e-6


def test_what_stays_is_a_function_of_key_sequence_step_and_column():
    whole = mask()
    order = np.random.default_rng(0).permutation(400)[:57]
    some = mask(sequences=order // 20, steps=order % 20, shape=(57, 33))
    assert (some == whole[order]).all()
    narrow = mask(shape=(400, 10))
    assert (narrow == whole[:, :10]).all()
    assert (mask() == whole).all()


def test_masks_are_independent():
    whole, sequences = mask(), np.arange(400) // 20
    pairs = {
        "key": (whole, mask(key=2)),
        "sequence": (whole, mask(sequences=sequences + 1)),
        "step": (whole, mask(steps=np.arange(400) % 20 + 1)),
        # Keys of levels and epochs follow each other as sequences do, but must not stand for them.
        "level_or_sequence": (mask(key=2), mask(sequences=sequences + 1)),
        "epoch_or_sequence": (mask(key=1001), mask(sequences=sequences + 1000)),
    }
    for name, (one, other) in pairs.items():
        assert 0.47 < (one == other).mean() < 0.53, name
    for axis in (0, 1):
        assert 0.47 < (np.diff(whole, axis=axis) == 0).mean() < 0.53


# ------------------------------------------------------------------------------ pooling


def packed(F, dtype="float64", n_shards=2):
    packing = Packing(LENGTHS, n_shards)
    x = normal(packing.n_rows, F, dtype=dtype)
    sequences = [x[[row for row in range(packing.n_rows) if packing.places[row] == b]] for b in range(9)]
    return packing, x, sequences


@pytest.mark.parametrize("F", [1, 7, 33])
def test_mean(F):
    packing, x, sequences = packed(F)
    by_shard = packing.starts, packing.counts, packing.firsts
    out = np.full((9, F), np.nan)
    kernel.pool_mean(out, x, *by_shard)
    ref.assert_within(1e-15, out, np.array([s.sum(axis=0) / len(s) for s in sequences]))
    d_out = normal(9, F + 2, dtype="float64", seed=1)
    d_x = Mean.backward(d_out, None, packing, 1, F)
    ref.assert_within(1e-15, d_x, (d_out / np.array(LENGTHS)[:, None])[packing.numbers, :F])


@pytest.mark.parametrize("F", [1, 7, 33])
def test_max(F):
    packing, x, sequences = packed(F)
    by_shard = packing.starts, packing.counts, packing.firsts
    x[packing.steps > 3] = np.round(x[packing.steps > 3])  # some ties
    out, where = np.full((9, F), np.nan), np.full((9, F), -1)
    kernel.pool_max(out, where, x, *by_shard)
    d_out = normal(9, F + 2, dtype="float64", seed=1)
    d_x, d_out = Max.backward(d_out, where, packing, 1, F), d_out[packing.order, :F]
    for b in range(9):
        rows = np.flatnonzero(packing.places == b)
        assert (out[b] == x[rows].max(axis=0)).all()
        assert (where[b] == rows[x[rows].argmax(axis=0)]).all()  # the first of equals
        expected = ref.readout_backward("max", d_out[b], x[rows])
        assert (d_x[rows] == expected).all()


def test_nan_is_the_largest():
    packing, x, _ = packed(3)
    row = packing.last_rows[0]
    x[row, 1] = np.nan
    out, where = np.empty((9, 3)), np.empty((9, 3), np.int64)
    kernel.pool_max(out, where, x, packing.starts, packing.counts, packing.firsts)
    assert np.isnan(out).sum() == 1 and np.isnan(out[0, 1])


def test_pooling_has_the_same_bits_in_any_company():
    packing, x, sequences = packed(33, "float32")
    alone = Packing([LENGTHS[packing.order[4]]], 1)
    for pool in ("mean", "max"):
        results = []
        for p, rows in ((packing, x), (alone, np.ascontiguousarray(sequences[4]))):
            out = np.empty((p.n_sequences, 33), np.float32)
            where = (np.empty(out.shape, np.int64),) if pool == "max" else ()
            getattr(kernel, f"pool_{pool}")(out, *where, rows, p.starts, p.counts, p.firsts)
            results.append(out[-1 if p is alone else 4])
        assert results[0].tobytes() == results[1].tobytes()
