"""Linear-chain conditional random fields: Lafferty, McCallum and Pereira, ICML 2001.

The score of labels y_1 .. y_T is begin[y_1] + sum over t of scores[t, y_t] + sum of transitions[y_{t-1}, y_t]
+ end[y_T]; their probability is exp(score) / Z.  Forward and backward variables are scaled at each step as in Rabiner,
"A tutorial on hidden Markov models", Proc. IEEE 77(2), 1989: products of exponentials, with no logarithm inside.
Scores of steps, however large, cannot make these too small: a label improbable at its step stays so.  Those of moves
can, for a label that nothing speaks for may be the only one allowed next: where they are WIDE apart, variables are
logarithms.  That depends on the chain alone, and is the same for streams.

Arrays, for K labels and B sequences of S steps in all, float64 but for scores and their gradient:
    scores (S, >= K)         one row a step
    rows (S,), firsts, lengths (B,)  sequence b has the rows rows[firsts[b]:][: lengths[b]], in the order of time
    weights (>= B,)          of the sequences
    parts (2 K + 2, K)       transitions from each label, and to each; of being the first label, and the last
    factors (2 K + 2, K)     exp(parts), and
    shifts (3,)              what they are divided by: see `read`
    counts (K + 2, K)        the weighted expected numbers of moves from each label, of first labels and last ones
    alpha, emitted (>= T, K), room (K + 5, K)  to work in, and parts of it as scratch
All loops run along one row of a matrix, so that they are vectors; a sequence's figures depend on nothing but itself.
"""

import numpy as np

from fastrnn.kernels.caching import njit
from fastrnn.kernels.subnormals import flush, restore
from fastrnn.kernels.vectors import OPTIONS

WIDE = 200.0
"""Forward variables are at least exp(-WIDE) of what they were summed from, backward ones within exp(+-WIDE): products
of three such are float64."""
TINY = 1e-200
"""What a sum of float64 leaves out is still much less."""


@njit(**OPTIONS)
def read(parts, factors, shifts, transitions, begin, end):
    """Fill what the others read of a chain's parameters.

    Each part is shifted by its maximum; shifts: that of transitions, the sum of the two others', and whether one is
    WIDE.
    """
    K = begin.size
    for i in range(K):
        for j in range(K):
            parts[i, j] = parts[K + j, i] = transitions[i, j]
        parts[2 * K, i], parts[2 * K + 1, i] = begin[i], end[i]
    of_moves = parts[:K].reshape(K * K)
    shifts[0] = _exp_shifted(factors[:K].reshape(K * K), of_moves)
    shifts[1] = _exp_shifted(factors[2 * K], parts[2 * K]) + _exp_shifted(factors[2 * K + 1], parts[2 * K + 1])
    shifts[2] = _is_wide(of_moves) or _is_wide(parts[2 * K]) or _is_wide(parts[2 * K + 1])
    factors[K : 2 * K] = factors[:K].T


@njit(**OPTIONS)
def _is_wide(x):
    return x.max() - x.min() > WIDE


@njit(**OPTIONS)
def _exp_shifted(out, x):
    """out = exp(x - max); returns the maximum."""
    largest = np.float64(x.max())  # exp(-104) is zero in float32
    for k in range(x.size):
        out[k] = np.exp(x[k] - largest)
    return largest


@njit(**OPTIONS)
def _scaled(x):
    """Scale x (K,) to the sum 1; returns the sum."""
    total = x.sum()
    x *= 1.0 / total
    return total


@njit(**OPTIONS)
def _dot(x, y):
    total = 0.0
    for k in range(x.size):
        total += x[k] * y[k]
    return total


@njit(**OPTIONS)
def _add(out, x, y):
    """out = x + y."""
    for k in range(out.size):
        out[k] = x[k] + y[k]


@njit(**OPTIONS)
def _times_matrix(out, x, matrix):
    """out = x matrix."""
    out[:] = 0.0
    for i in range(x.size):
        for j in range(out.size):
            out[j] += x[i] * matrix[i, j]


@njit(**OPTIONS)
def _log_sum(x, y):
    """log sum of exp(x + y), both (K,)."""
    largest, total = -np.inf, 0.0
    for k in range(x.size):
        largest = max(largest, x[k] + y[k])
    for k in range(x.size):
        total += np.exp(x[k] + y[k] - largest)
    return largest + np.log(total)


@njit(**OPTIONS)
def _log_sums(out, near, totals, x, matrix, factors, largest):
    """out[j] = log sum over i of exp(x[i] + matrix[j, i]), where factors (K, K) = exp(matrix.T - largest).

    near (K,) = exp(x - max), totals = near factors; where these are too small all is done in logarithms.
    """
    shift = _exp_shifted(near, x) + largest
    _times_matrix(totals, near, factors)
    for j in range(out.size):
        out[j] = _log_sum(x, matrix[j]) if totals[j] < TINY else shift + np.log(totals[j])


@njit(**OPTIONS)
def _from_zero(x):
    """Shift x (K,) so that its maximum is 0; returns what that was."""
    largest = x.max()
    x -= largest
    return largest


@njit(**OPTIONS)
def _step(alpha, emitted, before, scores, factors, is_first):
    """alpha (K,), scaled, from that before; emitted (K,) = exp(scores), scaled alike; returns the scale's logarithm."""
    K = alpha.size
    if is_first:
        alpha[:] = factors[2 * K]
    else:
        _times_matrix(alpha, before, factors[:K])
    largest = _exp_shifted(emitted, scores)
    alpha *= emitted
    scale = _scaled(alpha)
    emitted *= 1.0 / scale
    return largest + np.log(scale)


@njit(**OPTIONS)
def _step_in_logs(alpha, near, totals, before, scores, parts, factors, shifts, is_first):
    """alpha (K,), logarithms with the maximum 0, from that before; returns what the maximum was."""
    K = alpha.size
    if is_first:
        alpha[:] = parts[2 * K]
    else:
        _log_sums(alpha, near, totals, before, parts[K : 2 * K], factors[:K], shifts[0])
    _add(alpha, alpha, scores)
    return _from_zero(alpha)


@njit(**OPTIONS)
def filtered(out, alpha, scores, parts, factors, shifts, scratch, n):
    """out (B, K) = each label's probability at the last of n[0] steps, whose scores (B, >= K) these are.

    alpha (B, K) goes from one step to the next, as probabilities, or if WIDE as logarithms of which the largest is 0;
    where training goes on beside the stream, that may change between the two.
    """
    K = out.shape[1]
    before, emitted, totals, ends = scratch[K], scratch[K + 1], scratch[K + 2], factors[2 * K + 1]
    for b in range(out.shape[0]):
        now, here = out[b], alpha[b]
        before[:] = here
        largest = before.max()
        if shifts[2]:
            if largest > 0.0:
                before[:] = np.log(before)
            _step_in_logs(here, emitted, totals, before, scores[b, :K], parts, factors, shifts, n[0] == 1)
            _add(now, here, parts[2 * K + 1])
            _exp_shifted(now, now)
            _scaled(now)
        else:
            if largest == 0.0:
                before[:] = np.exp(before)
            _step(here, emitted, before, scores[b, :K], factors, n[0] == 1)
            scale = 1.0 / _dot(here, ends)
            for j in range(K):
                now[j] = here[j] * (ends[j] * scale)


@njit(**OPTIONS)
def marginals(out, log_z, counts, scores, parts, factors, shifts, rows, firsts, lengths, weights, alpha, emitted, room):
    """out (S, K) = weight times each label's probability at each step, and log_z (B,); adds to counts."""
    K, mode = out.shape[1], flush()
    pairs, near, totals = room[:K], room[K], room[K + 1]
    pairs[:] = 0.0  # what moves are expected beside their factors
    for b in range(firsts.size):
        steps, of_all = rows[firsts[b] : firsts[b] + lengths[b]], 0.0
        T = steps.size
        if shifts[2]:
            for t in range(T):
                here = scores[steps[t], :K]
                of_all += _step_in_logs(alpha[t], near, totals, alpha[t - 1], here, parts, factors, shifts, t == 0)
            log_z[b] = of_all + _log_sum(alpha[T - 1], parts[2 * K + 1])
            _backward_in_logs(out, counts, alpha, scores, steps, weights[b], parts, factors, shifts, room)
        else:
            for t in range(T):
                of_all += _step(alpha[t], emitted[t], alpha[t - 1], scores[steps[t], :K], factors, t == 0)
            log_z[b] = of_all + np.log(_dot(alpha[T - 1], factors[2 * K + 1])) + (shifts[1] + (T - 1) * shifts[0])
            _backward(out, counts, alpha, emitted, steps, weights[b], factors, room)
    for i in range(K):
        for j in range(K):
            counts[i, j] += pairs[i, j] * factors[i, j]
    restore(mode)


@njit(**OPTIONS)
def _backward(out, counts, alpha, emitted, rows, weight, factors, scratch):
    """From what `_step` has left to a sequence's probabilities."""
    T, K = rows.size, alpha.shape[1]
    moves_back, starts, ends = factors[K : 2 * K], factors[2 * K], factors[2 * K + 1]
    pairs, beta, onward = scratch[:K], scratch[K], scratch[K + 1]
    scale = 1.0 / _dot(alpha[T - 1], ends)
    for j in range(K):
        beta[j] = ends[j] * scale
        counts[K + 1, j] += weight * alpha[T - 1, j] * beta[j]
    for t in range(T - 1, -1, -1):
        for j in range(K):
            out[rows[t], j] = weight * alpha[t, j] * beta[j]
            onward[j] = beta[j] * emitted[t, j]
        if t > 0:
            for i in range(K):
                factor = weight * alpha[t - 1, i]
                for j in range(K):
                    pairs[i, j] += factor * onward[j]
            _times_matrix(beta, onward, moves_back)
    for j in range(K):
        counts[K, j] += weight * starts[j] * onward[j]


@njit(**OPTIONS)
def _backward_in_logs(out, counts, alpha, scores, rows, weight, parts, factors, shifts, scratch):
    """As `_backward`."""
    T, K = rows.size, alpha.shape[1]
    transitions, moves_back, pairs = parts[:K], factors[K : 2 * K], scratch[:K]
    beta, onward, here, near, totals = scratch[K], scratch[K + 1], scratch[K + 2], scratch[K + 3], scratch[K + 4]
    beta[:] = parts[2 * K + 1]
    for t in range(T - 1, -1, -1):
        _add(here, alpha[t], beta)
        _exp_shifted(here, here)
        here *= weight / here.sum()
        out[rows[t]] = here
        if t == T - 1:
            _add(counts[K + 1], counts[K + 1], here)
        else:
            _add_pairs(pairs, counts, here, near, totals, beta, onward, transitions)
        _add(onward, beta, scores[rows[t], :K])
        if t > 0:
            _from_zero(onward)
            _log_sums(beta, near, totals, onward, transitions, moves_back, shifts[0])
    _add(counts[K], counts[K], here)


@njit(**OPTIONS)
def _add_pairs(pairs, counts, here, near, totals, beta, onward, transitions):
    """Share each label's probability `here` among what comes next, as `_log_sums` made beta of onward."""
    for i in range(here.size):
        if totals[i] < TINY:
            for j in range(here.size):
                counts[i, j] += here[i] * np.exp(onward[j] + transitions[i, j] - beta[i])
        else:
            factor = here[i] / totals[i]
            for j in range(here.size):
                pairs[i, j] += factor * near[j]


@njit(**OPTIONS)
def compare(d_scores, total, counts, of_labels, log_z, scores, parts, labels, rows, firsts, lengths, weights):
    """Take the labels (S,) there are from what `marginals` has found likely: of_labels (S, K), log_z (B,) and counts.

    total (1,) += weights times -log probability(labels), of which d_scores (S, >= K) is the gradient.
    """
    K = of_labels.shape[1]
    for b in range(firsts.size):
        weight, value, before = weights[b], log_z[b], -1
        for k in range(firsts[b], firsts[b] + lengths[b]):
            row, y = rows[k], labels[rows[k]]
            move, to = (K, 2 * K) if before < 0 else (before, before)
            value -= scores[row, y] + parts[to, y]
            counts[move, y] -= weight
            of_labels[row, y] -= weight
            for j in range(d_scores.shape[1]):
                d_scores[row, j] = of_labels[row, j] if j < K else 0.0
            before = y
        counts[K + 1, before] -= weight
        total[0] += weight * (value - parts[2 * K + 1, before])


@njit(**OPTIONS)
def add_counts(d_transitions, d_begin, d_end, sums, start):
    """Add to the parameters' gradients the counts of all places, which lie at `start` in each row of sums."""
    K = d_begin.size
    for i in range(K + 2):
        target = d_transitions[i] if i < K else (d_begin, d_end)[i - K]
        for j in range(K):
            target[j] += sums[:, start + i * K + j].sum()


@njit(**OPTIONS)
def viterbi(labels, scores, parts, offsets):
    """labels (S,) = the most probable ones (Viterbi 1967) of sequences one after the other; of equal ones the first."""
    K = parts.shape[1]
    transitions, begin, end = parts[:K], parts[2 * K], parts[2 * K + 1]
    best, total = np.empty(K), np.empty(K)
    for b in range(offsets.size - 1):
        first, T = offsets[b], offsets[b + 1] - offsets[b]
        # Zeros, as NaN beats nothing: what is left unset must still be a label.
        before = np.zeros((T, K), np.int64)
        best[:] = begin + scores[first]
        for t in range(1, T):
            total[:] = -np.inf
            for i in range(K):
                for j in range(K):
                    if best[i] + transitions[i, j] > total[j]:
                        total[j] = best[i] + transitions[i, j]
                        before[t, j] = i
            best[:] = total + scores[first + t]
        label = np.argmax(best + end)
        for t in range(T - 1, -1, -1):
            labels[first + t] = label
            label = before[t, label]
