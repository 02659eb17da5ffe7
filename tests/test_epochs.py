"""Batches, the rates of their steps, and how many epochs there are."""

from math import cos, pi

import numpy as np
import pytest

from fastrnn.epochs import BUCKET, BUCKETS, Budget, decay_for, draw_batches, epochs_for, learning_rate_factor

# ------------------------------------------------------------------------------ batches


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(("n", "batch_size"), [(1, 1), (10, 4), (300, 7), (32, 32)])
def test_batches_hold_each_sequence_once(n, batch_size, shuffle):
    lengths = np.random.default_rng(0).integers(1, 50, n)
    batches = draw_batches(lengths, batch_size, shuffle, np.random.RandomState(0))
    assert sorted(np.concatenate(batches)) == list(range(n))
    assert sorted(map(len, batches))[1:] == [batch_size] * (len(batches) - 1)
    again = draw_batches(lengths, batch_size, shuffle, np.random.RandomState(0))
    for one, other in zip(batches, again, strict=True):
        assert (one == other).all()
    if not shuffle:
        assert (np.concatenate(batches) == np.arange(n)).all()
    elif n > 1:
        other = draw_batches(lengths, batch_size, shuffle, np.random.RandomState(1))
        assert any(len(a) != len(b) or (a != b).any() for a, b in zip(batches, other, strict=True))


def test_a_short_batch_holds_any_lengths():
    lengths = np.arange(1, 64 * BUCKETS + 20)
    rng = np.random.RandomState(0)
    short = []
    for _ in range(100):
        batches = draw_batches(lengths, 32, True, rng)
        short += [lengths[b] for b in batches if len(b) == 19]
    assert len(short) == 100
    assert abs(np.mean(short) / lengths.mean() - 1) < 0.05


def test_a_batch_holds_like_lengths():
    lengths = np.random.default_rng(0).integers(1, 101, 16 * BUCKETS * BUCKET)
    batches = draw_batches(lengths, 16, True, np.random.RandomState(0))
    assert max(np.ptp(lengths[batch]) for batch in batches) < 100 / BUCKET + 10
    equal = draw_batches(np.full(64, 9), 8, True, np.random.RandomState(0))
    assert any(np.diff(batch).min() < 0 for batch in equal)


def test_neither_order_nor_place_depends_on_the_length():
    lengths = np.arange(80)
    firsts, together = [], np.zeros((80, 80))
    rng = np.random.RandomState(0)
    for _ in range(600):
        batches = draw_batches(lengths, 5, True, rng)
        firsts.append(lengths[batches[0]].mean())
        for batch in batches:
            together[np.ix_(batch, batch)] += 1
    assert abs(np.mean(firsts) - 39.5) < 4
    assert (together > 0).sum() > 0.2 * 80 * 80  # company changes from epoch to epoch


# ---------------------------------------------------------------------------- schedules


def test_schedules():
    def factors(name):
        return np.array([learning_rate_factor(name, step, 100) for step in range(100)])

    assert (factors("constant") == 1).all() and (factors("plateau") == 1).all()
    np.testing.assert_allclose(factors("cosine"), [(1 + cos(pi * k / 100)) / 2 for k in range(100)])
    warm = factors("warmup")
    assert (np.diff(warm[:6]) > 0).all() and (np.diff(warm[5:]) < 0).all()
    assert warm[0] < 0.2 and warm[5] == 1 and warm[-1] < 0.001


# ------------------------------------------------------------------------------ how many


@pytest.mark.parametrize(
    ("n", "length", "batch_size", "of_numbers", "of_tokens"),
    [(30, 400, 32, 2000, 2000), (270, 16, 32, 223, 223), (270, 16, 8, 60, 59), (10**5, 10, 32, 60, 4),
     (10**6, 10, 32, 60, 1), (6400, 10, 32, 60, 20), (32, 2**16, 32, 128, 128), (32, 2**24, 32, 60, 20)],
)  # fmt: skip
def test_epochs_are_as_many_as_enough_updates_take(n, length, batch_size, of_numbers, of_tokens):
    """2,000, if they read no more steps than fit into some minutes; of tokens as few epochs as reach 10,000."""
    n_batches = -(-n // batch_size)
    assert epochs_for(np.full(n, length), n_batches, Budget(60, 2000)) == of_numbers
    assert epochs_for(np.full(n, length), n_batches, Budget(20, 2000, 10_000)) == of_tokens


@pytest.mark.parametrize("schedule", ["constant", "cosine", "warmup", "plateau"])
@pytest.mark.parametrize(("n_batches", "n_epochs", "rate"), [(100, 20, 5e-3), (4, 400, 2e-3), (3125, 3, 1e-2)])
def test_weights_decay_as_much_whatever_the_number_of_steps(n_batches, n_epochs, rate, schedule):
    steps = n_epochs * n_batches
    alpha = decay_for(n_batches, n_epochs, rate, schedule)
    rates = rate * np.array([learning_rate_factor(schedule, step, steps) for step in range(steps)])
    np.testing.assert_allclose(np.prod(1 - rates * alpha), np.exp(-2.5), rtol=0.03)


def test_few_and_small_steps_do_not_decay_all_at_once():
    assert decay_for(1, 1, 5e-3, "constant") == decay_for(500, 1, 5e-3, "constant") == 2.5 / (500 * 5e-3)
    assert decay_for(1, 1, 1e-9, "constant") == decay_for(1, 1, 5e-324, "cosine") == 2.0
