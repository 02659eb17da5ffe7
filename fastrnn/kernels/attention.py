"""Attention of decoder steps (queries) on encoder steps (keys, values).

    dot       e(m, n) = q(m) k(n) / sqrt(A)                      Luong et al., EMNLP 2015; scaled as Vaswani et al. 2017
    additive  e(m, n) = v tanh(q(m) + k(n))                      Bahdanau et al., ICLR 2015
    p(m, .) = softmax of e(m, .);  context(m) = sum over n of p(m, n) value(n)

Sequence b's queries are the rows q_rows[q_offsets[b] : q_offsets[b + 1]], its keys and values the rows
k_rows[k_offsets[b] : ...]; its p (queries, keys) lies in `weights` from w_offsets[b] on.  Nothing depends on another
sequence, and sums run in the order of steps, so a sequence has the same bits in any batch.
    queries, d_queries (S_q, A);  keys, d_keys (S_k, A);  values, d_values (S_k, F);  context, d_context (S_q, F)
    v (A,), empty for "dot";  d_v (B, A) a row a sequence
A task is `share` sequences.
"""

import numpy as np
from numba import njit

from fastrnn.kernels.activations import tanh
from fastrnn.kernels.softmax import softmax
from fastrnn.kernels.vectors import OPTIONS, at, lane_sum, lanes, load_some, store_some, zeros


@njit(**OPTIONS)
def _dot(a, b, n):
    """The sum of n products; pointers."""
    total = zeros(a)
    for k in range(0, n, lanes(a)):
        total = total + load_some(a, k, n - k) * load_some(b, k, n - k)
    return lane_sum(total)


@njit(**OPTIONS)
def _add_scaled(out, a, factor, n):
    """out += factor a, n elements; pointers."""
    for k in range(0, n, lanes(out)):
        total = load_some(out, k, n - k) + load_some(a, k, n - k) * factor
        store_some(out, k, total, n - k)


@njit(**OPTIONS)
def _additive_energy(q, k, v, A):
    """v tanh(q + k); pointers."""
    total = zeros(q)
    for a in range(0, A, lanes(q)):
        n = A - a
        total = total + tanh(load_some(q, a, n) + load_some(k, a, n)) * load_some(v, a, n)
    return lane_sum(total)


@njit(**OPTIONS)
def _additive_energy_backward(d_q, d_k, d_v, d_e, q, k, v, A):
    for a in range(0, A, lanes(q)):
        n = A - a
        t = tanh(load_some(q, a, n) + load_some(k, a, n))
        d_both = load_some(v, a, n) * (1.0 - t * t) * d_e
        store_some(d_q, a, load_some(d_q, a, n) + d_both, n)
        store_some(d_k, a, load_some(d_k, a, n) + d_both, n)
        store_some(d_v, a, load_some(d_v, a, n) + t * d_e, n)


@njit(**OPTIONS)
def attend(context, weights, queries, keys, values, v, q_rows, q_offsets, k_rows, k_offsets, w_offsets, share, task):
    """Fill weights and context of some sequences."""
    A, F = queries.shape[1], values.shape[1]
    scale = queries.dtype.type(1 / np.sqrt(A))
    for b in range(task * share, min((task + 1) * share, q_offsets.size - 1)):
        steps = k_rows[k_offsets[b] : k_offsets[b + 1]]
        start = w_offsets[b]
        for m in range(q_offsets[b], q_offsets[b + 1]):
            q, out = at(queries, q_rows[m] * A), at(context, q_rows[m] * F)
            p = weights[start : start + steps.size]
            for n in range(steps.size):
                k = at(keys, steps[n] * A)
                p[n] = _dot(q, k, A) * scale if v.size == 0 else _additive_energy(q, k, at(v, 0), A)
            softmax(at(p, 0), at(p, 0), p.size)
            context[q_rows[m]] = 0
            for n in range(steps.size):
                _add_scaled(out, at(values, steps[n] * F), p[n], F)
            start += steps.size


@njit(**OPTIONS)
def attend_backward(
    d_queries, d_keys, d_values, d_v, d_context, weights, queries, keys, values, v,
    q_rows, q_offsets, k_rows, k_offsets, w_offsets, share, task,
):  # fmt: skip
    """Add the gradients of some sequences."""
    A, F = queries.shape[1], values.shape[1]
    scale = queries.dtype.type(1 / np.sqrt(A))
    for b in range(task * share, min((task + 1) * share, q_offsets.size - 1)):
        steps = k_rows[k_offsets[b] : k_offsets[b + 1]]
        d_p, start = np.empty(steps.size, weights.dtype), w_offsets[b]
        for m in range(q_offsets[b], q_offsets[b + 1]):
            q, d_q = at(queries, q_rows[m] * A), at(d_queries, q_rows[m] * A)
            d_out, p = at(d_context, q_rows[m] * F), weights[start : start + steps.size]
            mean = weights.dtype.type(0)
            for n in range(steps.size):
                _add_scaled(at(d_values, steps[n] * F), d_out, p[n], F)
                d_p[n] = _dot(d_out, at(values, steps[n] * F), F)
                mean += p[n] * d_p[n]
            for n in range(steps.size):
                k, d_k, d_e = (at(keys, steps[n] * A), at(d_keys, steps[n] * A), p[n] * (d_p[n] - mean))
                if v.size == 0:
                    _add_scaled(d_q, k, d_e * scale, A)
                    _add_scaled(d_k, q, d_e * scale, A)
                else:
                    _additive_energy_backward(d_q, d_k, at(d_v, b * A), d_e, q, k, at(v, 0), A)
            start += steps.size
