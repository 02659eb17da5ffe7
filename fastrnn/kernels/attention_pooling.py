"""Pooling by attention: a weighted mean of a sequence's rows, of which each says how much it counts.

    k(t) = tanh(W h(t) + b)      e(t) = v k(t)      p = softmax of e over the steps      r = sum over t of p(t) h(t)

The additive form of Bahdanau, Cho and Bengio, ICLR 2015, with one query for all sequences, as in Yang et al.,
"Hierarchical attention networks for document classification", NAACL 2016, section 2.2.

The sums run on from step to step, divided in the end, so that a stream has the same bits after each:
    pooled (B, F + 2)     the sum of exp(e - m) h, the largest energy m so far, the sum of exp(e - m); zeros at first
    keys (S, >= A)        k, of which v (A,) makes energies
    weights (S, 1)        p
x (S, F), keys and weights are packed rows; features, and d_features, are (B, >= F).
"""

import numpy as np

from fastrnn.kernels.activations import tanh
from fastrnn.kernels.caching import njit
from fastrnn.kernels.vectors import OPTIONS, at, dot, lanes, load, load_some, store, store_some


@njit(**OPTIONS)
def _add(pooled, energy, x, F):
    """Go on by one row x (F,); pointers."""
    is_first = pooled[F + 1] == 0
    largest = energy if is_first else max(pooled[F], energy)
    stays, new = x[0] * 0 if is_first else np.exp(pooled[F] - largest), np.exp(energy - largest)
    for j in range(0, F, lanes(x)):
        store_some(pooled, j, load_some(pooled, j, F - j) * stays + load_some(x, j, F - j) * new, F - j)
    pooled[F], pooled[F + 1] = largest, pooled[F + 1] * stays + new


@njit(**OPTIONS)
def pool(features, pooled, weights, keys, v, x, starts, counts):
    """Fill features and weights, and keys, which come as W h + b, with k; pooled goes on."""
    F, A = x.shape[1], v.size
    for t in range(counts.size):
        for q in range(counts[t]):
            row = starts[t] + q
            key = at(keys, row * keys.shape[1])
            for a in range(0, A, lanes(keys)):
                store(key, a, tanh(load(key, a)))
            weights[row, 0] = dot(key, at(v, 0), A)
            _add(at(pooled, q * pooled.shape[1]), weights[row, 0], at(x, row * F), F)
    for q in range(features.shape[0]):
        for j in range(F):
            features[q, j] = pooled[q, j] / pooled[q, F + 1]
    for t in range(counts.size):
        for q in range(counts[t]):
            row = starts[t] + q
            weights[row, 0] = np.exp(weights[row, 0] - pooled[q, F]) / pooled[q, F + 1]


@njit(**OPTIONS)
def unpool_energies(d_keys, d_v, d_features, features, weights, keys, v, x, places):
    """Fill d_keys (S, >= A), the gradients of W h + b, and add to d_v (>= A,).

    The energies' gradients are p(t) d_r (h(t) - r).
    """
    F, A = x.shape[1], v.size
    for row in range(x.shape[0]):
        d_r = at(d_features, places[row] * d_features.shape[1])
        r = at(features, places[row] * features.shape[1])
        d_e = weights[row, 0] * (dot(d_r, at(x, row * F), F) - dot(d_r, r, F))
        for a in range(0, A, lanes(keys)):
            here = row * keys.shape[1] + a
            k = load(keys, here)
            store(d_keys, here, load_some(v, a, A - a) * (1.0 - k * k) * d_e)
            store(d_v, a, load(d_v, a) + k * d_e)


@njit(**OPTIONS)
def unpool_rows(d_x, d_features, weights, places, F):
    """Add to d_x (S, >= F) what comes by the weighted sum itself: p(t) d_r."""
    for row in range(d_x.shape[0]):
        d_r, out = at(d_features, places[row] * d_features.shape[1]), at(d_x, row * d_x.shape[1])
        for j in range(0, F, lanes(d_x)):
            more = load_some(d_r, j, F - j) * weights[row, 0]
            store_some(out, j, load_some(out, j, F - j) + more, F - j)
