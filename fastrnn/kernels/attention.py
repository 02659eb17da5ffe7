"""Attention of decoder steps (queries) on encoder steps (keys, values).

    dot       e(m, n) = q(m) k(n) / sqrt(A)                      Luong et al., EMNLP 2015; scaled as Vaswani et al. 2017
    additive  e(m, n) = v tanh(q(m) + k(n))                      Bahdanau et al., ICLR 2015
    p(m, .) = softmax of e(m, .);  context(m) = sum over n of p(m, n) value(n)

Target b's queries are the rows firsts[b] : firsts[b] + lengths[b]; it looks at source k = sources[b], whose keys and
values are the rows key_firsts[k] : key_firsts[k] + key_lengths[k].  Its p (queries, keys) follows that of target b - 1
in `weights`, one of its numbers for each pair.  Nothing depends on another sequence, and sums run in the order of
steps, so a sequence has the same bits in any batch.
    queries, d_queries (S_q, >= A);  keys, d_keys (S_k, >= A);  values, d_values (S_k, F);  v (A,), empty for "dot"
    contexts, d_contexts (S_q, >= column + F), whose first columns are another's
A task is one of so many parts of the targets.
"""

import numpy as np

from fastrnn.kernels.activations import tanh
from fastrnn.kernels.caching import njit
from fastrnn.kernels.softmax import softmax
from fastrnn.kernels.vectors import OPTIONS, at, dot, lane_sum, lanes, load_some, load_wide, store, store_some, zeros


@njit(**OPTIONS)
def _dots(out, q, rows, width, N, A, scale):
    """out[n] = scale q rows[n], for N rows of A numbers, `width` apart; pointers."""
    for n in range(N):
        out[n] = dot(q, at(rows, n * width), A) * scale


@njit(**OPTIONS)
def _add_weighted(out, weights, stride, rows, width, N, F):
    """out (F,) += the sum over n of weights[n stride] rows[n], for N rows of F numbers, `width` apart; pointers."""
    L, k = lanes(out), 0
    while k + 4 * L <= F:
        total = load_wide(out, k, 4)
        for n in range(N):
            total = total + load_wide(rows, n * width + k, 4) * weights[n * stride]
        store(out, k, total)
        k += 4 * L
    while k < F:
        total = load_some(out, k, F - k)
        for n in range(N):
            total = total + load_some(rows, n * width + k, F - k) * weights[n * stride]
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
def _first_pair(end, lengths, key_lengths, sources):
    """Where the weights of target number `end` begin."""
    n = 0
    for b in range(end):
        n += lengths[b] * key_lengths[sources[b]]
    return n


@njit(**OPTIONS)
def attend(contexts, column, weights, queries, keys, values, v, A, firsts, lengths, key_firsts, key_lengths, sources,
    parts, task):  # fmt: skip
    """Fill weights, and contexts from a column on."""
    F, key_width = values.shape[1], keys.shape[1]
    scale = queries.dtype.type(1 / np.sqrt(A))
    low, high = firsts.size * task // parts, firsts.size * (task + 1) // parts
    start = _first_pair(low, lengths, key_lengths, sources)
    for b in range(low, high):
        N, key = key_lengths[sources[b]], key_firsts[sources[b]]
        own_keys, own_values = at(keys, key * key_width), at(values, key * F)
        for m in range(firsts[b], firsts[b] + lengths[b]):
            q, p = at(queries, m * queries.shape[1]), at(weights, start)
            out = at(contexts, m * contexts.shape[1] + column)
            if v.size == 0:
                _dots(p, q, own_keys, key_width, N, A, scale)
            else:
                for n in range(N):
                    p[n] = _additive_energy(q, at(own_keys, n * key_width), at(v, 0), A)
            softmax(p, p, N)
            for k in range(F):
                out[k] = 0
            _add_weighted(out, p, 1, own_values, F, N, F)
            start += N


@njit(**OPTIONS)
def attend_backward(d_queries, d_keys, d_values, d_v, d_energies, d_contexts, column, weights, queries, keys, values, v,
    A, firsts, lengths, key_firsts, key_lengths, sources, parts, task):  # fmt: skip
    """Add the gradients; d_energies, like `weights`, are overwritten, and d_v (parts, A) has a row a task."""
    F = values.shape[1]
    low, high = firsts.size * task // parts, firsts.size * (task + 1) // parts
    start = _first_pair(low, lengths, key_lengths, sources)
    for b in range(low, high):
        N, M = key_lengths[sources[b]], lengths[b]
        p, d_e = at(weights, start), at(d_energies, start)
        query, key = firsts[b], key_firsts[sources[b]]
        own_values, d_out = at(values, key * F), at(d_contexts, query * d_contexts.shape[1] + column)
        _d_energies(d_e, p, d_out, d_contexts.shape[1], own_values, M, N, F)
        for n in range(N):
            _add_weighted(at(d_values, (key + n) * F), at(p, n), N, d_out, d_contexts.shape[1], M, F)
        if v.size == 0:
            _of_dots(d_queries, d_keys, d_e, queries, keys, query, key, M, N, A)
        else:
            _of_tanhs(d_queries, d_keys, at(d_v, task * A), d_e, queries, keys, v, query, key, M, N, A)
        start += M * N


@njit(**OPTIONS)
def _d_energies(d_e, p, d_out, width, values, M, N, F):
    """From the contexts' gradients, M rows `width` apart, to the energies' (M, N), by the softmax; pointers."""
    one = p[0] * 0 + 1
    for m in range(M):
        _dots(d_e, at(d_out, m * width), values, F, N, F, one)
        mean = p[0] * 0
        for n in range(N):
            mean += p[n] * d_e[n]
        for n in range(N):
            d_e[n] = p[n] * (d_e[n] - mean)
        p, d_e = at(p, N), at(d_e, N)


@njit(**OPTIONS)
def _of_dots(d_queries, d_keys, d_e, queries, keys, query, key, M, N, A):
    """Those of one target's queries and keys, from row `query` and row `key` on; d_e (M, N) is scaled on the way."""
    scale = queries.dtype.type(1 / np.sqrt(A))
    for k in range(M * N):
        d_e[k] *= scale
    own_queries, own_keys = at(queries, query * queries.shape[1]), at(keys, key * keys.shape[1])
    for m in range(M):
        d_query = at(d_queries, (query + m) * d_queries.shape[1])
        _add_weighted(d_query, at(d_e, m * N), 1, own_keys, keys.shape[1], N, A)
    for n in range(N):
        d_key = at(d_keys, (key + n) * d_keys.shape[1])
        _add_weighted(d_key, at(d_e, n), N, own_queries, queries.shape[1], M, A)


@njit(**OPTIONS)
def _of_tanhs(d_queries, d_keys, d_v, d_e, queries, keys, v, query, key, M, N, A):
    """Likewise of additive attention."""
    for m in range(M):
        q, d_q = at(queries, (query + m) * queries.shape[1]), at(d_queries, (query + m) * d_queries.shape[1])
        for n in range(N):
            k, d_k = at(keys, (key + n) * keys.shape[1]), at(d_keys, (key + n) * d_keys.shape[1])
            for a in range(0, A, lanes(q)):
                t = tanh(load_some(q, a, A - a) + load_some(k, a, A - a))
                d_both = load_some(v, a, A - a) * (1.0 - t * t) * d_e[m * N + n]
                store_some(d_q, a, load_some(d_q, a, A - a) + d_both, A - a)
                store_some(d_k, a, load_some(d_k, a, A - a) + d_both, A - a)
                store_some(d_v, a, load_some(d_v, a, A - a) + t * d_e[m * N + n], A - a)


@njit(**OPTIONS)
def spread_weights(out, begins, weights, lengths, key_lengths, sources, numbers):
    """Each target's weights to `out` from begins[its number] on."""
    start = 0
    for b in range(numbers.size):
        n = lengths[b] * key_lengths[sources[b]]
        for k in range(n):
            out[begins[numbers[b]] + k] = weights[start + k]
        start += n
