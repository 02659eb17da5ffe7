"""Linear-chain conditional random fields: Lafferty, McCallum and Pereira, ICML 2001.

The score of labels y_1 .. y_T is begin[y_1] + sum over t of scores[t, y_t] + sum of transitions[y_{t-1}, y_t]
+ end[y_T]; their probability is exp(score) / Z.  Forward and backward variables are scaled at each step as in Rabiner,
"A tutorial on hidden Markov models", Proc. IEEE 77(2), 1989: products of exponentials, with no logarithm inside.
Scores of steps, however large, cannot make these too small: a label improbable at its step stays so.  Those of moves
can, for a label that nothing speaks for may be the only one allowed next: where they are WIDE apart, take the functions
`in_logs`, whose variables are logarithms.  That depends on the chain alone, and is the same for streams.

Arrays, for K labels and B sequences of S steps in all, float64 but for scores and d_scores:
    scores, d_scores (S, K)  one row a step
    rows (S,), offsets (B + 1,)  sequence b has the rows rows[offsets[b] : offsets[b + 1]], in the order of time
    transitions (K, K)  from, to;  begin, end (K,)
All loops run along one row of a matrix, so that they are vectors; a sequence's figures depend on nothing but itself.
"""

import numpy as np

from fastrnn.kernels.caching import njit
from fastrnn.kernels.vectors import OPTIONS

WIDE = 200.0
"""Forward variables are at least exp(-WIDE) of what they were summed from, backward ones within exp(+-WIDE): products
of three such are float64."""
TINY = 1e-200
"""What a sum of float64 leaves out is still much less."""


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
def _times_matrix(out, x, matrix):
    """out = x matrix."""
    out[:] = 0.0
    for i in range(x.size):
        for j in range(out.size):
            out[j] += x[i] * matrix[i, j]


@njit(**OPTIONS)
def _emit(alpha, emitted, scores):
    """alpha (K,) times emitted = exp(scores - largest), scaled; returns the largest score, and the scale."""
    largest = _exp_shifted(emitted, scores)
    alpha *= emitted
    return largest, _scaled(alpha)


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
def filtered(out, alpha, scores, transitions, begin, end, n):
    """out (B, K) = each label's probability at the last of n[0] steps, whose scores (B, >= K) these are.

    alpha (B, K) goes from one step to the next, as probabilities.
    """
    B, K = alpha.shape
    moves, starts, ends, emitted = np.empty((K, K)), np.empty(K), np.empty(K), np.empty(K)
    _exp_shifted(starts, begin)
    _exp_shifted(ends, end)
    _exp_shifted(moves.reshape(K * K), transitions.reshape(K * K))
    for b in range(B):
        before = alpha[b].copy()
        if before.max() == 0.0:  # training goes on beside the stream, and the chain was wide
            before[:] = np.exp(before)
        if n[0] == 1:
            alpha[b] = starts
        else:
            _times_matrix(alpha[b], before, moves)
        _emit(alpha[b], emitted, scores[b, :K])
        out[b] = alpha[b] * (ends * (1.0 / (alpha[b] * ends).sum()))


@njit(**OPTIONS)
def filtered_in_logs(out, alpha, scores, transitions, begin, end, n):
    """As `filtered`; alpha goes on as logarithms of which the largest is 0."""
    B, K = alpha.shape
    moves, moves_back = np.empty((K, K)), transitions.T.copy()
    near, totals = np.empty(K), np.empty(K)
    largest = _exp_shifted(moves.reshape(K * K), transitions.reshape(K * K))
    for b in range(B):
        before = alpha[b].copy()
        if before.max() > 0.0:  # the chain was not wide
            before[:] = np.log(before)
        if n[0] == 1:
            alpha[b] = begin
        else:
            _log_sums(alpha[b], near, totals, before, moves_back, moves, largest)
        alpha[b] += scores[b, :K]
        _from_zero(alpha[b])
        _exp_shifted(out[b], alpha[b] + end)
        _scaled(out[b])


@njit(**OPTIONS)
def _forward(alpha, emitted, scales, scores, rows, moves, starts, ends):
    """alpha (T, K), scaled; emitted (T, K) = exp(scores - largest); log Z, less what `moves` etc. were shifted by."""
    T, log_z = rows.size, 0.0
    for t in range(T):
        if t == 0:
            alpha[0] = starts
        else:
            _times_matrix(alpha[t], alpha[t - 1], moves)
        largest, scales[t] = _emit(alpha[t], emitted[t], scores[rows[t]])
        log_z += largest + np.log(scales[t])
    return log_z + np.log((alpha[T - 1] * ends).sum())


@njit(**OPTIONS)
def marginals(out, d_moves, d_starts, d_ends, log_z, scores, transitions, begin, end, rows, offsets, weights):
    """out (S, K) = weight times each label's probability at each step, and log_z (B,).

    Adds to d_moves (K, K), d_starts and d_ends (K,) the weighted expected counts.
    """
    K = begin.size
    moves, moves_back = np.empty((K, K)), np.empty((K, K))
    starts, ends = np.empty(K), np.empty(K)
    shift = _exp_shifted(starts, begin) + _exp_shifted(ends, end)
    largest = _exp_shifted(moves.reshape(K * K), transitions.reshape(K * K))
    moves_back[:] = moves.T
    longest = np.diff(offsets).max()
    alpha, emitted, scales = np.empty((longest, K)), np.empty((longest, K)), np.empty(longest)
    beta, onward = np.empty(K), np.empty(K)
    pairs = np.zeros((K, K))
    for b in range(weights.size):
        steps, weight = rows[offsets[b] : offsets[b + 1]], weights[b]
        T = steps.size
        log_z[b] = _forward(alpha, emitted, scales, scores, steps, moves, starts, ends)
        log_z[b] += shift + (T - 1) * largest
        beta[:] = ends * (1.0 / (alpha[T - 1] * ends).sum())
        d_ends += weight * alpha[T - 1] * beta
        for t in range(T - 1, -1, -1):
            for j in range(K):
                out[steps[t], j] = weight * alpha[t, j] * beta[j]
            onward[:] = beta * emitted[t] * (1.0 / scales[t])
            if t > 0:
                for i in range(K):
                    factor = weight * alpha[t - 1, i]
                    for j in range(K):
                        pairs[i, j] += factor * onward[j]
                _times_matrix(beta, onward, moves_back)
        d_starts += weight * starts * onward
    d_moves += pairs * moves


@njit(**OPTIONS)
def _forward_in_logs(alpha, scores, rows, transitions, moves, largest, begin):
    """alpha (T, K), logarithms with the maximum 0; returns what they were shifted by, all together."""
    near, totals, moves_back, shift = np.empty(begin.size), np.empty(begin.size), transitions.T.copy(), 0.0
    for t in range(rows.size):
        if t == 0:
            alpha[0] = begin
        else:
            _log_sums(alpha[t], near, totals, alpha[t - 1], moves_back, moves, largest)
        alpha[t] += scores[rows[t]]
        shift += _from_zero(alpha[t])
    return shift


@njit(**OPTIONS)
def marginals_in_logs(out, d_moves, d_starts, d_ends, log_z, scores, transitions, begin, end, rows, offsets, weights):
    """As `marginals`."""
    K = begin.size
    moves = np.empty((K, K))
    largest = _exp_shifted(moves.reshape(K * K), transitions.reshape(K * K))
    moves_back, pairs = moves.T.copy(), np.zeros((K, K))
    alpha = np.empty((np.diff(offsets).max(), K))
    beta, onward, here, near, totals = np.empty(K), np.empty(K), np.empty(K), np.empty(K), np.empty(K)
    for b in range(weights.size):
        steps, weight = rows[offsets[b] : offsets[b + 1]], weights[b]
        T = steps.size
        log_z[b] = _forward_in_logs(alpha, scores, steps, transitions, moves, largest, begin)
        log_z[b] += _log_sum(alpha[T - 1], end)
        beta[:] = end
        for t in range(T - 1, -1, -1):
            _exp_shifted(here, alpha[t] + beta)
            here *= weight / here.sum()
            out[steps[t]] = here
            if t == T - 1:
                d_ends += here
            else:
                _add_pairs(pairs, d_moves, here, near, totals, beta, onward, transitions)
            onward[:] = beta + scores[steps[t]]
            if t > 0:
                _from_zero(onward)
                _log_sums(beta, near, totals, onward, transitions, moves_back, largest)
        d_starts += here
    d_moves += pairs * moves


@njit(**OPTIONS)
def _add_pairs(pairs, d_moves, here, near, totals, beta, onward, transitions):
    """Share each label's probability `here` among what comes next, as `_log_sums` made beta of onward."""
    for i in range(here.size):
        if totals[i] < TINY:
            for j in range(here.size):
                d_moves[i, j] += here[i] * np.exp(onward[j] + transitions[i, j] - beta[i])
        else:
            factor = here[i] / totals[i]
            for j in range(here.size):
                pairs[i, j] += factor * near[j]


@njit(**OPTIONS)
def viterbi(labels, scores, transitions, begin, end, rows, offsets):
    """labels (S,) = the most probable ones (Viterbi 1967); of equal ones the first."""
    K = begin.size
    best, total = np.empty(K), np.empty(K)
    for b in range(offsets.size - 1):
        steps = rows[offsets[b] : offsets[b + 1]]
        T = steps.size
        # Zeros, as NaN beats nothing: what is left unset must still be a label.
        before = np.zeros((T, K), np.int64)
        best[:] = begin + scores[steps[0]]
        for t in range(1, T):
            total[:] = -np.inf
            for i in range(K):
                for j in range(K):
                    if best[i] + transitions[i, j] > total[j]:
                        total[j] = best[i] + transitions[i, j]
                        before[t, j] = i
            best[:] = total + scores[steps[t]]
        label = np.argmax(best + end)
        for t in range(T - 1, -1, -1):
            labels[steps[t]] = label
            label = before[t, label]
