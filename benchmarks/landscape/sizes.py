"""Sizes drawn at random, log-uniformly, and neighbours of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, islice, product

import numpy as np

from benchmarks.measuring import machine
from benchmarks.peers.cases import Case, ragged_lengths

RANGES = {"B": (1, 256), "T": (5, 300), "I": (1, 256), "H": (4, 600)}
KINDS = tuple(product(("infer", "train"), (False, True), ("lstm", "gru", "rnn")))
"""Section, whether lengths are ragged, and cell: they go round, so that all have as many rows."""
LARGEST = 5e10
"""Operations of a pass, at most: the slowest library then takes about a second for it on two cores."""
FROM_H = 48
"""Hidden units from which on a neighbour must cost as much an operation."""


def draw(n, seed):
    """Return n pairs of a section and a case, the same for the same seed on any machine."""
    rng = np.random.default_rng(seed)
    return [(section, draw_case(rng, section, is_ragged, cell)) for section, is_ragged, cell in islice(cycle(KINDS), n)]


def draw_case(rng, section, is_ragged, cell):
    """Return a case that is not too large."""
    while True:
        low, high = np.log(np.array(list(RANGES.values())) + [0, 1]).T
        case = make_case(cell, is_ragged, *np.exp(rng.uniform(low, high)).astype(int).tolist())
        if operations(section, case) <= LARGEST:
            return case


def make_case(cell, is_ragged, B, T, I, H):
    """Return the case of these sizes."""
    return Case(cell, B, T, I, H, ragged_lengths(B, T) if is_ragged else None)


def operations(section, case):
    """Return the floating-point operations of a pass."""
    flops = machine.training_flops if section == "train" else machine.forward_flops
    return flops(case.cell, case.rows, case.I, case.H)


def neighbour(rng, case):
    """Return the case with one size larger by less than a tenth, and that size's name."""
    name = rng.choice([name for name in RANGES if getattr(case, name) > 10])
    size = getattr(case, name)
    larger = replace(case, **{name: size + int(rng.integers(1, (size - 1) // 10, endpoint=True))}, ragged=None)
    return make_case(case.cell, case.ragged is not None, larger.B, larger.T, larger.I, larger.H), str(name)
