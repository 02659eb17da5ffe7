"""What an epoch is: which sequences are a batch, at what rates its steps are taken, and how many epochs there are."""

import sys
from math import ceil, cos, pi
from typing import NamedTuple

import numpy as np

WARM_UP = 0.05
"""The fraction of all steps over which "warmup" raises the learning rate."""

BUCKET = 8
"""Batches, at most, among which sequences are sorted by length."""
BUCKETS = 16
"""Buckets, at least, of an epoch: in small sets like lengths would mean the same few companions each time."""

SHRINKING, FEWEST, STRONGEST = 2.5, 500, 2.0
"""Of alpha="auto": the power of 1 / e to which a fit of so many steps, at least, shrinks weights without a gradient;
and the most it is."""

STEPS = 2**28
"""Of max_iter="auto": as many as are read, at most, for the sake of more updates."""


class Budget(NamedTuple):
    """Of max_iter="auto": so many epochs, or as few as reach one of these numbers of updates."""

    epochs: int
    fewest: int = 0
    most: int = sys.maxsize


def draw_batches(lengths, batch_size, shuffle, rng):
    """Arrays of sequence numbers, one a batch.

    Sequences are shuffled, sorted by length within buckets of a few batches, so that a batch's are
    alike, and the batches are shuffled again.  What is left over for a last, short batch is drawn
    before the sorting: neither the order nor the size of a batch depends on the length.
    """
    n = len(lengths)
    order = rng.permutation(n) if shuffle else np.arange(n)
    if shuffle and lengths.min() != lengths.max():
        whole, size = (n - n % batch_size, batch_size * min(BUCKET, max(1, n // (BUCKETS * batch_size))))
        buckets = np.arange(whole) // size * (lengths.max() + 1) + lengths[order[:whole]]
        order[:whole] = order[:whole][np.argsort(buckets, kind="stable")]
    batches = [order[first : first + batch_size] for first in range(0, n, batch_size)]
    if shuffle:
        batches = [batches[k] for k in rng.permutation(len(batches))]
    return batches


def learning_rate_factor(schedule, step, n_steps):
    """The share of the initial rate at a step of n_steps; "plateau" is the loop's own business.

    >>> [round(learning_rate_factor("cosine", step, 4), 2) for step in range(4)]
    [1.0, 0.85, 0.5, 0.15]
    """
    done = step / n_steps
    if schedule == "warmup":
        if done < WARM_UP:
            return (step + 1) / (WARM_UP * n_steps + 1)
        done = (done - WARM_UP) / (1 - WARM_UP)
    if schedule in ("cosine", "warmup"):
        return 0.5 * (1 + cos(pi * done))
    return 1.0


def epochs_for(lengths, n_batches, budget):
    """What max_iter="auto" is for sequences of these lengths."""
    raised = min(ceil(budget.fewest / n_batches), STEPS // int(lengths.sum()))
    return min(max(budget.epochs, raised), ceil(budget.most / n_batches))


def decay_for(n_batches, n_epochs, rate, schedule):
    """What alpha="auto" is: as much in all as fits any number of steps (Wang and Aitchison 2024).

    >>> decay_for(1000, 20, 5e-3, "cosine")
    0.05
    """
    mean = 1.0 if schedule in ("constant", "plateau") else 0.5
    return min(STRONGEST, SHRINKING / (max(FEWEST, n_epochs * n_batches) * mean * rate))
