"""Rows moved, dropped and pooled."""

import numpy as np
import pytest
import reference as ref

from fastrnn.kernels import rows as kernel
from fastrnn.layers.readouts import Max, Mean
from fastrnn.layers.stack import Dropout
from fastrnn.packing import Rows, Shards
from fastrnn.programs import Pass, Program

WIDTHS = [1, 7, 16, 33]
LENGTHS = np.array([4, 7, 1, 6, 3, 3, 9, 1, 2])


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
    expected[:, 2 : 2 + width] = source[:5, 3 : 3 + width]
    kernel.copy_rows(out, 2, source, 3, None, width)
    assert (out == expected).all()


@pytest.mark.parametrize("width", WIDTHS)
def test_spread(width):
    source, picked = normal(4, width + 5), np.array([3, 0, 10, 7])
    out = normal(11, width + 4, seed=1)
    expected = out.copy()
    expected[picked, 2 : 2 + width] = source[:, 2 : 2 + width]
    kernel.spread_columns(out, picked, source, 2, width)
    assert (out == expected).all()


@pytest.mark.parametrize("width", WIDTHS)
def test_scatter_add_adds_rows_that_come_again(width):
    source, picked = normal(8, width + 2), np.array([1, 0, 1, 1, 4, 0, 2, 2])
    out = normal(5, width + 1, seed=1)
    expected = out.copy()
    np.add.at(expected[:, :width], picked[:6], source[:6, :width])
    kernel.scatter_add_rows(out, source, picked, 6, width)
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


def threshold(rate):
    """Of 2**16 numbers, how many let an element go, as a stack's dropout has it."""
    return Dropout.of(Program("float32"), rate).threshold


def mask(key=1, sequences=None, steps=None, rate=0.5, shape=(400, 33), level=0):
    """What `drop` makes of ones."""
    S = shape[0]
    sequences = np.arange(S) // 20 if sequences is None else np.asarray(sequences)
    steps = np.arange(S) % 20 if steps is None else np.asarray(steps)
    numbers, places = np.unique(sequences, return_inverse=True)
    where = numbers[::-1].copy(), numbers.size - 1 - places, steps, threshold(rate)
    ones = np.ones(shape, np.float32)
    out = np.full(shape, np.nan, np.float32)
    kernel.drop(out, ones, key, level, *where)
    assert (ones == 1).all()
    kernel.drop(ones, ones, key, level, *where)  # in place
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
    every, no_steps = np.arange(100_000), np.zeros(100_000, np.int64)
    kernel.drop(ones, ones, 5, 0, every, every, no_steps, threshold(rate))
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
    assert (mask(key=4, level=3) == mask(key=7)).all()


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


def through(readout, x, lengths=LENGTHS):
    """A readout of sequences that are stored one after the other, x (S, F), packed in as many shards as a batch's.

    Returns features (n, F) by the sequences' numbers; their gradient d_out (n, F + 2), of which columns may come after
    the features; d_x (S, F); and `where`, if there is something to remember, as stored rows.
    """
    (S, F), n, dtype = x.shape, len(lengths), x.dtype
    features, d_x = np.full((n, F), np.nan, dtype), np.full((S, F), np.nan, dtype)
    d_out = normal(n, F + 2, dtype=dtype, seed=1)
    p = Program(dtype)
    rows = Rows(p)
    packed, d_packed = p.room(rows.S, F), p.room(rows.B, F + 2)
    p.call(kernel.copy_rows, packed, 0, x, 0, rows.rows, F)
    pooled, memory = readout.forward(p, packed, rows, 1)
    p.call(kernel.spread_columns, features, rows.numbers, pooled, 0, F)
    p.call(kernel.copy_rows, d_packed, 0, d_out, 0, rows.numbers, F + 2, stage="backward")
    p.call(
        kernel.spread_columns, d_x, rows.rows, readout.backward(p, d_packed, memory, rows, 1, F), 0, F,
        stage="backward",
    )  # fmt: skip
    shards = Shards(lengths, [np.arange(n)], 8, False)
    begins = {"lengths": lengths, "begins": np.cumsum(lengths) - lengths, "stride": 1}
    one = Pass(p, shards, 1, ("forward", "backward"), is_kept=True, **begins, **shards.given)
    one.run()
    where = np.full((n, F), -1)
    for shard in range(len(shards)) if memory is not None else ():
        where[one.array(rows.numbers, shard)] = one.array(rows.rows, shard)[one.array(memory, shard)]
    return features, d_out, d_x, where


def stored(F, dtype="float64"):
    """Rows (S, F), and each sequence's own."""
    x = normal(LENGTHS.sum(), F, dtype=dtype)
    return x, np.split(x, np.cumsum(LENGTHS)[:-1])


@pytest.mark.parametrize("F", [1, 7, 33])
def test_mean(F):
    x, sequences = stored(F)
    out, d_out, d_x, _ = through(Mean(), x)
    ref.assert_within(1e-15, out, np.array([s.sum(axis=0) / len(s) for s in sequences]))
    ref.assert_within(1e-15, d_x, np.repeat(d_out[:, :F] / LENGTHS[:, None], LENGTHS, axis=0))


@pytest.mark.parametrize("F", [1, 7, 33])
def test_max(F):
    x, sequences = stored(F)
    for own in sequences:
        own[4:] = np.round(own[4:])  # some ties
    out, d_out, d_x, where = through(Max(), x)
    for b, own in enumerate(sequences):
        first = LENGTHS[:b].sum()
        assert (out[b] == own.max(axis=0)).all()
        assert (where[b] == first + own.argmax(axis=0)).all()  # the first of equals
        assert (d_x[first:][: len(own)] == ref.readout_backward("max", d_out[b, :F], own)).all()


@pytest.mark.parametrize("step", [0, 4, 8])
def test_nan_is_the_largest(step):
    x, sequences = stored(3)
    sequences[6][step, 1] = np.nan
    out, _, _, _ = through(Max(), x)
    assert np.isnan(out).sum() == 1 and np.isnan(out[6, 1])


@pytest.mark.parametrize("readout", [Mean(), Max()])
def test_pooling_has_the_same_bits_in_any_company(readout):
    x, sequences = stored(33, "float32")
    expected, _, _, _ = through(readout, x)
    for b, own in enumerate(sequences):
        alone, _, _, _ = through(readout, own, LENGTHS[b : b + 1])
        assert alone[0].tobytes() == expected[b].tobytes()
