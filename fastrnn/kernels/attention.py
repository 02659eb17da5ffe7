"""Attention of decoder steps (queries) on encoder steps (keys, values).

    dot       e(m, n) = q(m) k(n) / sqrt(A)                      Luong et al., EMNLP 2015; scaled as Vaswani et al. 2017
    additive  e(m, n) = v tanh(q(m) + k(n))                      Bahdanau et al., ICLR 2015
    p(m, .) = softmax of e(m, .);  context(m) = sum over n of p(m, n) value(n)

A task is one sequence: its queries are the rows q_rows[q_offsets[b] : q_offsets[b + 1]], its keys and values the rows
k_rows[k_offsets[b] : ...]; its p (queries, keys) lies in `weights` from w_offsets[b] on.  Nothing depends on another
sequence, and sums run in the order of steps, so a sequence has the same bits in any batch.
    queries, d_queries (S_q, A);  keys, d_keys (S_k, A);  values, d_values (S_k, F);  context, d_context (S_q, F)
    v (A,), empty for "dot";  d_v (B, A) a row a sequence
"""

import numpy as np
from numba import njit

from fastrnn.kernels.activations import tanh
from fastrnn.kernels.vectors import OPTIONS, lanes, load_some, store, store_some, zeros


@njit(**OPTIONS)
def _sum(total, scratch):
    """The sum of a vector's lanes."""
    store(scratch, 0, total)
    out = scratch[0]
    for k in range(1, lanes(scratch)):
        out += scratch[k]
    return out


@njit(**OPTIONS)
def _dot(a, i, b, j, n, scratch):
    """a[i : i + n] b[j : j + n], at flat indices."""
    total = zeros(a)
    for k in range(0, n, lanes(a)):
        total = total + load_some(a, i + k, n - k) * load_some(b, j + k, n - k)
    return _sum(total, scratch)


@njit(**OPTIONS)
def _add_scaled(out, i, a, j, factor, n):
    """out[i : i + n] += factor a[j : j + n], at flat indices."""
    for k in range(0, n, lanes(out)):
        total = load_some(out, i + k, n - k) + load_some(a, j + k, n - k) * factor
        store_some(out, i + k, total, n - k)


@njit(**OPTIONS)
def _energy(queries, q, keys, key, v, scratch):
    """e of one query and one key, numbers of their rows."""
    A = queries.shape[1]
    if v.size == 0:
        return _dot(queries, q * A, keys, key * A, A, scratch) / queries.dtype.type(np.sqrt(A))
    total = zeros(queries)
    for a in range(0, A, lanes(queries)):
        both = load_some(queries, q * A + a, A - a) + load_some(keys, key * A + a, A - a)
        total = total + tanh(both) * load_some(v, a, A - a)
    return _sum(total, scratch)


@njit(**OPTIONS)
def _softmax(p):
    largest = p.max()
    total = p.dtype.type(0)
    for n in range(p.size):
        p[n] = np.exp(p[n] - largest)
        total += p[n]
    for n in range(p.size):
        p[n] /= total


@njit(**OPTIONS)
def attend(
    context,
    weights,
    queries,
    keys,
    values,
    v,
    q_rows,
    q_offsets,
    k_rows,
    k_offsets,
    w_offsets,
    task,
):
    """Fill weights, and context, of one sequence."""
    F, scratch = values.shape[1], np.empty(lanes(queries), queries.dtype)
    from_steps = k_rows[k_offsets[task] : k_offsets[task + 1]]
    N, start = from_steps.size, w_offsets[task]
    for m in range(q_offsets[task], q_offsets[task + 1]):
        q = q_rows[m]
        p = weights[start : start + N]
        for n in range(N):
            p[n] = _energy(queries, q, keys, from_steps[n], v, scratch)
        _softmax(p)
        context[q] = 0
        for n in range(N):
            _add_scaled(context, q * F, values, from_steps[n] * F, p[n], F)
        start += N


@njit(**OPTIONS)
def attend_backward(
    d_queries, d_keys, d_values, d_v, d_context, weights, queries, keys, values, v,
    q_rows, q_offsets, k_rows, k_offsets, w_offsets, task,
):  # fmt: skip
    """Add one sequence's gradients."""
    F, scratch = values.shape[1], np.empty(lanes(queries), queries.dtype)
    from_steps = k_rows[k_offsets[task] : k_offsets[task + 1]]
    N, start = from_steps.size, w_offsets[task]
    d_p = np.empty(N, weights.dtype)
    for m in range(q_offsets[task], q_offsets[task + 1]):
        q = q_rows[m]
        p = weights[start : start + N]
        mean = weights.dtype.type(0)
        for n in range(N):
            row = from_steps[n]
            _add_scaled(d_values, row * F, d_context, q * F, p[n], F)
            d_p[n] = _dot(d_context, q * F, values, row * F, F, scratch)
            mean += p[n] * d_p[n]
        for n in range(N):
            _energy_backward(
                d_queries, d_keys, d_v, p[n] * (d_p[n] - mean), queries, q, keys, from_steps[n], v, task
            )  # fmt: skip
        start += N


@njit(**OPTIONS)
def _energy_backward(d_queries, d_keys, d_v, d_e, queries, q, keys, key, v, task):
    A = queries.shape[1]
    if v.size == 0:
        d_e /= queries.dtype.type(np.sqrt(A))
        _add_scaled(d_queries, q * A, keys, key * A, d_e, A)
        _add_scaled(d_keys, key * A, queries, q * A, d_e, A)
        return
    for a in range(0, A, lanes(queries)):
        n = A - a
        t = tanh(load_some(queries, q * A + a, n) + load_some(keys, key * A + a, n))
        d_both = load_some(v, a, n) * (1.0 - t * t) * d_e
        store_some(d_queries, q * A + a, load_some(d_queries, q * A + a, n) + d_both, n)
        store_some(d_keys, key * A + a, load_some(d_keys, key * A + a, n) + d_both, n)
        store_some(d_v, task * A + a, load_some(d_v, task * A + a, n) + t * d_e, n)
