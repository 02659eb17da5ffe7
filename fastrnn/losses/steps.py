"""What a network says of a step of numbers that is to come: a mixture of Gaussians, and chances beside it."""

import numpy as np
from scipy.special import logit

from fastrnn.kernels.mixtures import mixture_rows
from fastrnn.losses.loss import LEAST_SHARE, binary_cross_entropy, mixture_loss


class NextStep:
    """The distribution of a step, (I,), and of whether it is the last one.

    Numbers have a mixture of Gaussians together, diagonal or, if they are two, of correlated pairs; columns of nothing
    but 0 and 1, and the end, have a chance of 1 each (Graves 2013, eqs 15-25).

    Parameters
    ----------
    n_components : int
    flags : array of int
        The columns of nothing but 0 and 1.
    mean, scale : ndarray (I,)
        With which the network's numbers are standardised.

    Attributes
    ----------
    loss : Loss
        The sum over the step's numbers, flags and end of -log density or probability, of standardised numbers.
    n_outputs : int
    log_scale : float
        What the density of standardised numbers is divided by, as a logarithm.
    """

    def __init__(self, n_components, flags, mean, scale):
        self.flags = np.asarray(flags, np.intp)
        self.numbers = np.setdiff1d(np.arange(mean.size), self.flags)
        N = self.numbers.size
        self.mean, self.scale, self.is_pair = mean[self.numbers], scale[self.numbers], N == 2
        self._n_components = K = n_components if N else 0
        self.loss = mixture_loss(K, N, self.is_pair, 1 + self.flags.size) if N else binary_cross_entropy
        self.n_outputs, self.log_scale = K * (1 + 2 * N + self.is_pair) + self.flags.size + 1, np.log(self.scale).sum()

    def targets(self, sequences):
        """Of each stored step what the loss takes: numbers, flags, and whether it is the last."""
        is_last = np.zeros((len(sequences.values), 1), sequences.values.dtype)
        is_last[sequences.offsets[1:] - 1] = 1
        return np.hstack([sequences.values[:, self.numbers], sequences.values[:, self.flags], is_last])

    def start(self, n_steps, n_sequences):
        """The bias (n_outputs,) to begin with: steps are as likely to be the last as they are among all."""
        bias = np.zeros(self.n_outputs)
        bias[-1] = logit(np.clip(n_sequences / n_steps, LEAST_SHARE, 1 - LEAST_SHARE))
        return bias

    def answer(self, n, P):
        """As `losses.answers` have it: (n, P) in the numbers' own units, in the order of the outputs.

        K weights, N times K means, N times K standard deviations, K correlations of a pair, and the chances.
        """
        said = np.empty((n, P))
        shape = np.array([self._n_components, self.numbers.size, self.is_pair], np.float64)
        return said, (mixture_rows, said, shape, self.mean, self.scale)

    def draw(self, said, bias, rng):
        """A step (I,) and whether it is the last, of an answer (P,); a bias makes it more probable (eqs 61 and 62)."""
        x, K, N = np.empty(self.numbers.size + self.flags.size), self._n_components, self.numbers.size
        if N:
            weights = (said[:K] / said[:K].max()) ** (1 + bias)  # of which one stays 1, however large the bias
            chosen = min(np.searchsorted(np.cumsum(weights), rng.random_sample() * weights.sum(), "right"), K - 1)
            means, scales = (said[K + k * N * K :][: N * K].reshape(N, K)[:, chosen] for k in (0, 1))
            z = rng.standard_normal(N)
            if self.is_pair:
                r = said[5 * K + chosen]
                z[1] = r * z[0] + np.sqrt((1 - r) * (1 + r)) * z[1]
            x[self.numbers] = means + scales * np.exp(-bias) * z
        *came, is_last = rng.random_sample(self.flags.size + 1) < said[said.size - self.flags.size - 1 :]
        x[self.flags] = came
        return x, bool(is_last)


def flags_of(blocks):
    """Which columns of blocks of rows hold nothing but 0 and 1, (I,)."""
    return np.logical_and.reduce([((rows == 0) | (rows == 1)).all(axis=0) for rows in blocks])
