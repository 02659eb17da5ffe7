"""Scheduled sampling: in training a decoder reads now and then its own answers (Bengio et al. 2015, arXiv:1506.03099).

The answers to all steps come of one pass over the right ones, at the beginning of an epoch (Mihaylova and Martins 2019,
arXiv:1906.07651), so that a step need not wait for the one before.
"""

import numpy as np

from fastrnn.network.parts import portions
from fastrnn.sequences import Sequences

AT_ONCE = 32
"""Sequences."""


class Sampled(Sequences):
    """What a decoder reads, as `Sequences`: tokens, or rows of numbers, of which the first of each says that it begins.

    Parameters
    ----------
    inputs : Sequences
        All right ones.
    sources : Sequences
        What they are the targets of.
    estimator : DecodingEstimator
        Has the network, its trainer, and `scheduled_sampling`, the share of the last epoch; before it is less.
    """

    def __init__(self, inputs, sources, estimator):
        super().__init__(inputs.values, inputs.offsets)
        self._sources, self._estimator = sources, estimator

    def of_epoch(self, epoch):
        """All right ones in the first epoch; later some that are the network's own."""
        estimator = self._estimator
        last = max(1, estimator._trainer.settings.max_iter - 1)
        share = estimator.scheduled_sampling * min(1.0, epoch / last)
        if share == 0:
            return self
        rng = np.random.default_rng([epoch, estimator._place])
        own = self._answers(rng)
        is_own = rng.random(len(own)) < share
        is_own[self.offsets[:-1]] = False  # nothing comes before the first
        values = self.values.copy()
        values[is_own] = own[np.flatnonzero(is_own) - 1]
        return Sequences(values, self.offsets)

    def _answers(self, rng):
        """After each step of the right inputs a token, drawn by its probability; or the numbers."""
        parts = []
        for numbers in portions(len(self), AT_ONCE):  # each step has as many outputs as there are tokens
            some = self._sources.some(numbers), self.some(numbers)
            outputs = self._estimator.network_.predict(*some)[:, :-1]  # without the end
            # The largest of log probabilities with Gumbel noise falls on each as often as it is probable.
            are_numbers = self.values.ndim == 2
            parts.append(outputs if are_numbers else (outputs + rng.gumbel(size=outputs.shape)).argmax(axis=1))
        return np.concatenate(parts)
