"""Time contenders side by side: alternating, a median of repeats that each last long enough."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

BLOCK_SECONDS = 0.1


@dataclass(frozen=True)
class Contender:
    """A name and the call that is timed; ``result`` gives the arrays on which all must agree."""

    name: str
    run: Callable[[], object]
    result: Callable[[], dict[str, np.ndarray]] = dict

    def block(self, seconds):
        """Return the median seconds of the calls in a block, or of one call for ``seconds`` 0."""
        if not seconds:
            return _calls(self.run, 0)[0]
        # The first calls pay for caches, and for the previous contender's threads that still spin.
        _calls(self.run, seconds / 10)
        return statistics.median(_calls(self.run, seconds, at_least=3))

    def percentiles(self, seconds):
        """Return the median and the 99th percentile of the seconds of a block's calls."""
        _calls(self.run, seconds / 10)
        return tuple(float(p) for p in np.percentile(_calls(self.run, seconds, at_least=100), [50, 99]))


def _calls(run, block_seconds, at_least=1):
    seconds = []
    end = time.perf_counter() + block_seconds
    while len(seconds) < at_least or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return seconds


def alternate(contenders, repeats, block_seconds=BLOCK_SECONDS, most_seconds=float("inf")):
    """Time each contender in turn, ``repeats`` times over, after one call that compiles.

    No further turn begins when ``most_seconds`` are spent.

    Returns
    -------
    dict of str to list of float
        Seconds a call, one figure a repeat: the median of the calls in a block that lasts
        ``block_seconds``, 0 for calls that last long enough alone.
    """
    for contender in contenders:
        contender.block(0)
    seconds = {contender.name: [] for contender in contenders}
    end = time.perf_counter() + most_seconds
    for k in range(repeats):
        if k and time.perf_counter() > end:
            break
        for contender in contenders:
            seconds[contender.name].append(contender.block(block_seconds))
    return seconds


def medians(seconds):
    """Map every contender's repeats to their median."""
    return {name: statistics.median(values) for name, values in seconds.items()}


def best(seconds):
    """Map every contender's repeats to the least: what a neighbour on the machine has disturbed least."""
    return {name: min(values) for name, values in seconds.items()}


def disagreement(results, reference):
    """Largest difference between two mappings, relative to each array's largest magnitude.

    Arrays smaller than 1 throughout are compared absolutely. Only names in both are compared.
    """
    worst = 0.0
    for name in results.keys() & reference.keys():
        scale = max(1.0, float(np.abs(reference[name]).max()))
        worst = max(worst, float(np.abs(results[name] - reference[name]).max()) / scale)
    return worst


def check_agreement(contenders, tolerance):
    """Raise ValueError unless every contender's result agrees with the first one's."""
    if not contenders:
        return
    first, *others = contenders
    reference = first.result()
    for contender in others:
        difference = disagreement(contender.result(), reference)
        if not difference <= tolerance:
            raise ValueError(
                f"{contender.name} differs from {first.name} by {difference:.1e}, more than {tolerance:.0e}"
            )


def geometric_mean(values):
    """Geometric mean of a non-empty sequence of positive numbers."""
    return float(np.exp(np.mean(np.log(list(values)))))
