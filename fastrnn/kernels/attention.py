"""Attention of decoder steps (queries) on encoder steps (keys, values).

    dot       e(m, n) = q(m) k(n) / sqrt(A)                      Luong et al., EMNLP 2015; scaled as Vaswani et al. 2017
    additive  e(m, n) = v tanh(q(m) + k(n))                      Bahdanau et al., ICLR 2015
    p(m, .) = softmax of e(m, .);  context(m) = sum over n of p(m, n) value(n)

Sequence b's queries are the rows q_rows[q_offsets[b] : q_offsets[b + 1]], its keys and values the rows
k_rows[k_offsets[b] : ...]; its p (queries, keys) lies in `weights` from w_offsets[b] on.  Nothing depends on another
sequence, and sums run in the order of steps, so a sequence has the same bits in any batch.
    queries, d_queries (S_q, A);  keys, d_keys (S_k, A);  values, d_values (S_k, F);  context, d_context (S_q, F)
    v (A,), empty for "dot";  d_v (B, A) a row a sequence
A task is `share` sequences.  What belongs to one is gathered first: packed, its rows often lie a multiple of 4 KiB
apart, and push each other out of the first-level cache.
"""

import numpy as np

from fastrnn.kernels.activations import tanh
from fastrnn.kernels.caching import njit
from fastrnn.kernels.softmax import softmax
from fastrnn.kernels.vectors import OPTIONS, at, lane_sum, lanes, load, load_some, load_wide, store, store_some, zeros


@njit(**OPTIONS)
def _dots(out, q, rows, N, A, scale):
    """out[n] = scale q rows[n], for N rows of A numbers; pointers."""
    L, whole = lanes(q), A - A % lanes(q)
    n = 0
    while n < N:  # four at a time hide each other's latency
        four = n + 4 <= N
        a = at(rows, n * A)
        b, c, d = (at(a, A), at(a, 2 * A), at(a, 3 * A)) if four else (a, a, a)
        s, t, u, v = zeros(q), zeros(q), zeros(q), zeros(q)
        for k in range(0, whole, L):
            x = load(q, k)
            s, t, u, v = s + x * load(a, k), t + x * load(b, k), u + x * load(c, k), v + x * load(d, k)
        if whole < A:
            m = A - whole
            x = load_some(q, whole, m)
            s, t = s + x * load_some(a, whole, m), t + x * load_some(b, whole, m)
            u, v = u + x * load_some(c, whole, m), v + x * load_some(d, whole, m)
        out[n] = lane_sum(s) * scale
        if four:
            out[n + 1], out[n + 2], out[n + 3] = lane_sum(t) * scale, lane_sum(u) * scale, lane_sum(v) * scale
        n += 4 if four else 1


@njit(**OPTIONS)
def _add_weighted(out, weights, stride, rows, N, F):
    """out (F,) += the sum over n of weights[n stride] rows[n], for N rows of F numbers; pointers."""
    L, k = lanes(out), 0
    while k + 4 * L <= F:
        total = load_wide(out, k, 4)
        for n in range(N):
            total = total + load_wide(rows, n * F + k, 4) * weights[n * stride]
        store(out, k, total)
        k += 4 * L
    while k < F:
        total = load_some(out, k, F - k)
        for n in range(N):
            total = total + load_some(rows, n * F + k, F - k) * weights[n * stride]
        store_some(out, k, total, F - k)
        k += L


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
        own_keys, own_values, N, start = keys[steps], values[steps], steps.size, w_offsets[b]
        for m in range(q_offsets[b], q_offsets[b + 1]):
            q, out, p = at(queries, q_rows[m] * A), at(context, q_rows[m] * F), at(weights, start)
            if v.size == 0:
                _dots(p, q, at(own_keys, 0), N, A, scale)
            else:
                for n in range(N):
                    p[n] = _additive_energy(q, at(own_keys, n * A), at(v, 0), A)
            softmax(p, p, N)
            context[q_rows[m]] = 0
            _add_weighted(out, p, 1, at(own_values, 0), N, F)
            start += N


@njit(**OPTIONS)
def attend_backward(
    d_queries, d_keys, d_values, d_v, d_context, weights, queries, keys, values, v,
    q_rows, q_offsets, k_rows, k_offsets, w_offsets, share, task,
):  # fmt: skip
    """Add the gradients of some sequences."""
    A, F = queries.shape[1], values.shape[1]
    scale, one = queries.dtype.type(1 / np.sqrt(A)), queries.dtype.type(1)
    for b in range(task * share, min((task + 1) * share, q_offsets.size - 1)):
        of_queries, steps = q_rows[q_offsets[b] : q_offsets[b + 1]], k_rows[k_offsets[b] : k_offsets[b + 1]]
        M, N = of_queries.size, steps.size
        own_queries, d_out = queries[of_queries], d_context[of_queries]
        own_keys, own_values = keys[steps], values[steps]
        p, d_e = weights[w_offsets[b] : w_offsets[b + 1]].reshape(M, N), np.empty((M, N), weights.dtype)
        for m in range(M):
            _dots(at(d_e, m * N), at(d_out, m * F), at(own_values, 0), N, F, one)
            mean = (p[m] * d_e[m]).sum()
            for n in range(N):
                d_e[m, n] = p[m, n] * (d_e[m, n] - mean)
                if v.size == 0:
                    d_e[m, n] *= scale
                else:
                    _additive_energy_backward(
                        at(d_queries, of_queries[m] * A), at(d_keys, steps[n] * A), at(d_v, b * A), d_e[m, n],
                        at(own_queries, m * A), at(own_keys, n * A), at(v, 0), A,
                    )  # fmt: skip
            if v.size == 0:
                _add_weighted(at(d_queries, of_queries[m] * A), at(d_e, m * N), 1, at(own_keys, 0), N, A)
        for n in range(N):
            _add_weighted(at(d_values, steps[n] * F), at(p, n), N, at(d_out, 0), M, F)
            if v.size == 0:
                _add_weighted(at(d_keys, steps[n] * A), at(d_e, n), N, at(own_queries, 0), M, A)
