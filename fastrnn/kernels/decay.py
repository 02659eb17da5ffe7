"""What fades with the time since it was seen: Che et al. 2018, Scientific Reports 8:6085.

    gamma = exp(-max(0, a))                           a = w delta + b of an input, W delta + b of states
    x^    = m x + (1 - m) gamma x_last                in units in which the mean is 0

A row of x (S, K + 2 M) has K numbers, those that are not there as they were last, then of M of them, those in
`columns`, whether they are there, m, and the times since they were, delta.  `gated.py` has what states do.
"""

from fastrnn.kernels.activations import exp
from fastrnn.kernels.caching import njit
from fastrnn.kernels.vectors import OPTIONS, lanes, load, load_some, maximum, store


@njit(**OPTIONS)
def fading(a):
    """Each element of a (S, P, in whole vectors) to gamma, in place."""
    for k in range(0, a.size, lanes(a)):
        store(a, k, exp(maximum(load(a, k), 0.0) * -1.0))


@njit(**OPTIONS)
def fade_inputs(out, gamma, x, weight, bias, columns):
    """out (S, K + M) = x^ and m of x (S, K + 2 M); gamma (M in whole vectors,) is scratch."""
    (S, width), M = out.shape, columns.size
    K = width - M
    for s in range(S):
        for m in range(0, M, lanes(x)):
            delta = load_some(x, s * x.shape[1] + width + m, M - m)
            store(gamma, m, delta * load_some(weight, m, M - m) + load_some(bias, m, M - m))
        fading(gamma)
        for k in range(width):
            out[s, k] = x[s, k]
        for m in range(M):
            if x[s, K + m] == 0:
                out[s, columns[m]] *= gamma[m]


@njit(**OPTIONS)
def d_fade_inputs(d_weight, d_bias, d_out, out, x, weight, bias, columns, places):
    """Add to d_weight and d_bias (M,), from d_out, whose columns `places` (M,) have the gradients of `columns`."""
    (S, width), M = out.shape, columns.size
    for s in range(S):
        for m in range(M):
            delta = x[s, width + m]
            if x[s, width - M + m] == 0 and weight[m] * delta + bias[m] > 0:
                d_a = -d_out[s, places[m]] * out[s, columns[m]]
                d_weight[m] += d_a * delta
                d_bias[m] += d_a
