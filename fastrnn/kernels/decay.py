"""What fades with the time since it was seen: Che et al. 2018, Scientific Reports 8:6085.

    gamma = exp(-max(0, a))                           a = w delta + b of an input, W delta + b of states
    x^    = m x + (1 - m) gamma x_last                in units in which the mean is 0

A row of x (S, K + 2 M) has K numbers, those that are not there as they were last, then of M of them, those in
`columns`, whether they are there, m, and the times since they were, delta.  `gated.py` has what states do.
"""

from fastrnn.kernels.activations import exp
from fastrnn.kernels.caching import njit
from fastrnn.kernels.vectors import OPTIONS, lanes, load, load_some, maximum, step, store, store_some


@njit(**OPTIONS)
def fading(a):
    """Each element of a (S, P, in whole vectors) to gamma, in place."""
    for k in range(0, a.size, lanes(a)):
        store(a, k, exp(maximum(load(a, k), 0.0) * -1.0))


@njit(**OPTIONS)
def fade_inputs(out, scratch, x, weight, bias, columns):
    """out (S, K + M) = x^ and m of x (S, K + 2 M); scratch (M in whole vectors,) is overwritten."""
    (S, width), M = out.shape, columns.size
    for s in range(S):
        row, flags = s * x.shape[1], s * x.shape[1] + width - M
        for j in range(0, width, lanes(x)):
            store_some(out, s * width + j, load_some(x, row + j, width - j), width - j)
        for m in range(0, M, lanes(x)):  # without a branch, which would be mispredicted
            there = load_some(x, flags + m, M - m)
            gamma = exp(maximum(_rates(x, flags + M, weight, bias, m, M), 0.0) * -1.0)
            store(scratch, m, there + (1.0 - there) * gamma)
        for m in range(M):
            out[s, columns[m]] *= scratch[m]


@njit(**OPTIONS)
def d_fade_inputs(d_weight, d_bias, scratch, d_out, out, x, weight, bias, columns, places):
    """Add to d_weight and d_bias (M in whole vectors,), from d_out, which has at `places` (M,) those of `columns`."""
    (S, width), M = out.shape, columns.size
    for s in range(S):
        flags = s * x.shape[1] + width - M
        for m in range(M):
            scratch[m] = d_out[s, places[m]] * out[s, columns[m]]
        for m in range(0, M, lanes(x)):
            is_fading = (1.0 - load_some(x, flags + m, M - m)) * step(_rates(x, flags + M, weight, bias, m, M))
            d_a = load(scratch, m) * is_fading * -1.0
            store(d_weight, m, load(d_weight, m) + d_a * load_some(x, flags + M + m, M - m))
            store(d_bias, m, load(d_bias, m) + d_a)


@njit(**OPTIONS)
def _rates(x, ages, weight, bias, m, M):
    """One vector of a = w delta + b, from number m on."""
    return load_some(x, ages + m, M - m) * load_some(weight, m, M - m) + load_some(bias, m, M - m)
