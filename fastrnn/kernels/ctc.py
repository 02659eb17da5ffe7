"""Connectionist temporal classification: Graves, Fernandez, Gomez and Schmidhuber, ICML 2006.

A path has a label or the blank at each of T frames; of it become labels when what repeats is taken once, and then
blanks are left out.  The loss of labels y_1 .. y_U is -log of the summed probability of all their paths.  It is found
forward and backward over 2 U + 1 states: a blank, y_1, a blank, .. y_U, a blank.  A path goes on from a state to itself
or the next one, or from one label to another that differs past the blank in between.

    blank_t[u] = p_t(blank) (blank_{t-1}[u] + label_{t-1}[u-1])
    label_t[u] = p_t(y_u) (label_{t-1}[u] + blank_{t-1}[u] + label_{t-1}[u-1], the last only if y_u is not y_{u-1})

Numbers are m 2**k in float64, k being kept apart: they have the range of logarithms, without an exp or log in each sum.
Blanks and labels are apart, so that each is a loop of vectors.  Labels that no path can be read as, for there are too
few frames, have an infinite loss and the gradient 0.

Arrays, for S packed rows and B sequences:
    outputs, d_outputs (S, >= K)     one row a frame: K scores before softmax, the last one that of the blank
    labels (S,)                      those of a sequence at its first frames, then -1
    rows (S,), firsts, lengths (B,)  sequence b has the rows rows[firsts[b]:][: lengths[b]], in the order of time
    weights (>= B,)                  of the sequences
    states (>= T, 2, R)              R is `row_size` of the most labels
    chances (>= T, 2, K), room (10, R), own (most,)   to work in
The two of a state or a chance are m and k.  A row of states has blanks from 0 on, and labels from `half` + 1 on: what
is before the first is IMPOSSIBLE.
"""

import numpy as np

from fastrnn.kernels import vectors as vec
from fastrnn.kernels.caching import njit
from fastrnn.kernels.softmax import softmax
from fastrnn.kernels.vectors import (
    OPTIONS,
    at,
    first_lanes,
    lane_sum,
    load,
    maximum,
    n_lanes,
    split_powers,
    store,
    two_to,
)

IMPOSSIBLE = -1e200
"""The k of no probability: no number that a sum of many could make infinite."""
LANES = n_lanes("float64")
LOG_2 = 0.6931471805599453
LEAST = -700.0
"""Logarithms from here on have exponentials in float64."""
_ROUNDER = 1.5 * 2**52 + 1023


def row_size(most):
    """Numbers in a row of states, for so many labels at most."""
    return 2 * vec.padded(most + 1, "float64") + LANES


@njit(**OPTIONS)
def _power(k):
    """2**k for k <= 0, or as good as none."""
    return two_to(maximum(k, -1000.0) + _ROUNDER)


@njit(**OPTIONS)
def _sum(m, k, other_m, other_k):
    top = maximum(k, other_k)
    return m * _power(k - top) + other_m * _power(other_k - top), top


@njit(**OPTIONS)
def _sum_of_three(m, k, other_m, other_k, third_m, third_k):
    top = maximum(maximum(k, other_k), third_k)
    return m * _power(k - top) + other_m * _power(other_k - top) + third_m * _power(third_k - top), top


@njit(**OPTIONS)
def _put(states, place, m, k):
    """Store numbers, with m about 1."""
    more, m = split_powers(m)
    store(states[0], place, m)
    store(states[1], place, k + more)


@njit(**OPTIONS)
def _begin(room, own, labels, rows):
    """Fill `own` with a sequence's labels, and room[0], by label IMPOSSIBLE or 0 where it is not the one before.

    All other rows of the room are states of which none is possible.  Returns the number of labels.
    """
    U = 0
    room[0], room[1::2], room[2::2] = IMPOSSIBLE, 1.0, IMPOSSIBLE
    while U < rows.size and labels[rows[U]] >= 0:
        own[U] = labels[rows[U]]
        if U > 0 and own[U] != own[U - 1]:
            room[0, U] = 0.0
        U += 1
    return U


@njit(**OPTIONS)
def _take_chances(chances, outputs, row):
    """Of the first K outputs of a row their probabilities."""
    K, lowest = chances.shape[1], np.inf
    for j in range(K):
        chances[0, j] = outputs[row, j]
        lowest = min(lowest, chances[0, j])
    largest, log_sum = softmax(at(chances, 0), at(chances, 0), K)
    chances[1] = 0.0 * log_sum  # NaN if one is
    if lowest - largest - log_sum < LEAST:
        for j in range(K):
            log_p = outputs[row, j] - largest - log_sum
            if log_p < LEAST:
                k = np.floor(log_p / LOG_2)
                chances[0, j], chances[1, j] = np.exp(min(max(log_p - k * LOG_2, 0.0), LOG_2)), k


@njit(**OPTIONS)
def _emit(emitted, chances, own, U):
    """emitted (2, >= U) = the chance of each label."""
    for u in range(U):
        emitted[0, u], emitted[1, u] = chances[0, own[u]], chances[1, own[u]]


@njit(**OPTIONS)
def _forward(here, before, emitted, moves, m_blank, k_blank, half, used):
    """States of a frame from those before."""
    m, k = before[0], before[1]
    for u in range(0, used, LANES):
        m_last, k_last = load(m, half + u), load(k, half + u)
        m_now, k_now = _sum(load(m, u), load(k, u), m_last, k_last)
        _put(here, u, m_now * m_blank, k_now + k_blank)
        u_label = half + u + 1
        m_now, k_now = _sum_of_three(
            load(m, u_label), load(k, u_label), load(m, u), load(k, u), m_last, k_last + load(moves, u)
        )
        _put(here, u_label, m_now * load(emitted[0], u), k_now + load(emitted[1], u))
    here[0, half], here[1, half] = 1.0, IMPOSSIBLE


@njit(**OPTIONS)
def _backward(here, after, moves, half, used):
    """What follows on the states of a frame, from those one later with what was emitted there."""
    m, k = after[0], after[1]
    for u in range(0, used, LANES):
        u_label = half + u + 1
        m_label, k_label = load(m, u_label), load(k, u_label)
        m_now, k_now = _sum(load(m, u), load(k, u), m_label, k_label)
        store(here[0], u, m_now)
        store(here[1], u, k_now)
        m_past, k_past = load(m, u_label + 1), load(k, u_label + 1) + load(moves, u + 1)
        m_now, k_now = _sum_of_three(m_label, k_label, load(m, u + 1), load(k, u + 1), m_past, k_past)
        store(here[0], u_label, m_now)
        store(here[1], u_label, k_now)


@njit(**OPTIONS)
def _add_emitted(after, here, emitted, m_blank, k_blank, half, used):
    """What `_backward` reads of a frame."""
    for u in range(0, used, LANES):
        _put(after, u, load(here[0], u) * m_blank, load(here[1], u) + k_blank)
        u_label = half + u + 1
        m, k = load(here[0], u_label) * load(emitted[0], u), load(here[1], u_label) + load(emitted[1], u)
        _put(after, u_label, m, k)


@njit(**OPTIONS)
def _take_off(d_outputs, row, weight, states, here, likely, m_all, k_all, own, K, U, half, used):
    """Take from the gradient of a frame how likely each state is, given the labels; they are `m_all` 2**k_all."""
    total, factor = vec.zeros(likely), weight / m_all
    for u in range(0, used, LANES):
        share = load(states[0], u) * load(here[0], u) * _power(load(states[1], u) + load(here[1], u) - k_all)
        total = total + first_lanes(share, U + 1 - u)
        u_label = half + u + 1
        k = load(states[1], u_label) + load(here[1], u_label) - k_all
        store(likely, u, load(states[0], u_label) * load(here[0], u_label) * _power(k))
    d_outputs[row, K - 1] -= factor * lane_sum(total)
    for u in range(U):
        d_outputs[row, own[u]] -= factor * likely[u]


@njit(**OPTIONS)
def alignments(d_outputs, losses, outputs, labels, weights, rows, firsts, lengths, states, chances, room, own):
    """losses (B,) = -log probability(labels) of each sequence; d_outputs become its weight times the gradient.

    Columns of d_outputs from K on become 0.
    """
    K, half = chances.shape[2], (room.shape[1] - LANES) // 2
    moves, start, emitted, here, after, likely = room[0], room[1:3], room[3:5], room[5:7], room[7:9], room[9]
    for b in range(firsts.size):
        steps, weight = rows[firsts[b] : firsts[b] + lengths[b]], weights[b]
        U, T, before = _begin(room, own, labels, steps), steps.size, start
        used = (U + LANES) // LANES * LANES
        start[1, 0] = 0.0
        for t in range(T):
            row, chance = steps[t], chances[t]
            _take_chances(chance, outputs, row)
            for j in range(d_outputs.shape[1]):
                d_outputs[row, j] = weight * (chance[0, j] if chance[1, j] == 0.0 else 0.0) if j < K else 0.0
            _emit(emitted, chance, own, U)
            _forward(states[t], before, emitted, moves, chance[0, K - 1], chance[1, K - 1], half, used)
            before = states[t]
        k_all = max(before[1, U], before[1, half + U])
        m_all = before[0, U] * 2.0 ** (before[1, U] - k_all) + before[0, half + U] * 2.0 ** (
            before[1, half + U] - k_all
        )
        losses[b] = -np.log(m_all) - k_all * LOG_2
        if not k_all > 0.5 * IMPOSSIBLE:
            losses[b] = np.inf if k_all < 0.0 else np.nan
            for row in steps:
                d_outputs[row] = 0.0 * k_all
            continue
        after[1, U] = 0.0
        for t in range(T - 1, -1, -1):
            row, chance = steps[t], chances[t]
            _backward(here, after, moves, half, used)
            _take_off(d_outputs, row, weight, states[t], here, likely, m_all, k_all, own, K, U, half, used)
            _emit(emitted, chance, own, U)
            _add_emitted(after, here, emitted, chance[0, K - 1], chance[1, K - 1], half, used)


@njit(**OPTIONS)
def add_losses(total, losses, weights):
    """total (1,) += weights (>= B,) times losses (B,); one of weight 0 counts nothing, though it be infinite."""
    for b in range(losses.size):
        if weights[b] > 0.0:
            total[0] += weights[b] * losses[b]


@njit(**OPTIONS)
def edit_distances(distances, y, y_starts, z, z_starts, row):
    """distances (n,): how many labels of parts of y to put in, take out or change (Levenshtein 1966) for those of z.

    Part k of y (N,) is y[y_starts[k] : y_starts[k + 1]]; row (> the longest of z) is to work in.
    """
    for k in range(distances.size):
        own, other = y[y_starts[k] : y_starts[k + 1]], z[z_starts[k] : z_starts[k + 1]]
        for j in range(other.size + 1):
            row[j] = j
        for i in range(own.size):
            corner, row[0] = row[0], i + 1
            for j in range(other.size):
                best = corner + (own[i] != other[j])
                corner = row[j + 1]
                row[j + 1] = min(best, row[j] + 1, corner + 1)
        distances[k] = row[other.size]


@njit(**OPTIONS)
def _log_of_both(x, y):
    """log(exp x + exp y) of two numbers."""
    top = max(x, y)
    return top + np.log(1.0 + np.exp(min(x, y) - top))


@njit(**OPTIONS)
def _child(tree, parent, label, n):
    """The node of a prefix and one label more; that is n, the first that is free, if there was none before."""
    node = tree[parent, 2]
    while node >= 0 and tree[node, 1] != label:
        node = tree[node, 3]
    if node < 0:
        tree[n, 0], tree[n, 1], tree[n, 2], tree[n, 3], tree[parent, 2] = parent, label, -1, tree[parent, 2], n
        return n
    return node


@njit(**OPTIONS)
def _next(logs, prior, i, label):
    """The log probability that a label comes next in beam i."""
    return logs[label] if prior is None else logs[label] + prior[i, label]


@njit(**OPTIONS)
def _extend(chosen, scores, beams, n, taken, logs, prior, tree, width):
    """The best n of all that n beams become at a frame: chosen (width, 2) are a beam and a label, or -1 to stay.

    beams (width, 6) have a node, the log probabilities of paths that end in the blank or in the label, what these
    become for a beam that stays, and the log probability of all.  Returns how many were chosen.
    """
    K, n_chosen = logs.size, 0
    taken[:n] = False
    for i in range(n):
        label = tree[int(beams[i, 0]), 1]
        beams[i, 5] = _log_of_both(beams[i, 1], beams[i, 2])
        beams[i, 3] = beams[i, 5] + logs[K - 1]
        beams[i, 4] = beams[i, 2] + logs[label] if label >= 0 else IMPOSSIBLE
    for j in range(n):  # a beam may be another one and its last label
        node = int(beams[j, 0])
        for i in range(n):
            if tree[node, 0] == beams[i, 0]:
                label = tree[node, 1]
                is_same = tree[int(beams[i, 0]), 1] == label
                beams[j, 4] = _log_of_both(beams[j, 4], beams[i, 1 if is_same else 5] + _next(logs, prior, i, label))
                taken[i, label] = True
    for i in range(n):
        last = tree[int(beams[i, 0]), 1]
        for label in range(-1, K - 1):
            if label < 0:
                score = _log_of_both(beams[i, 3], beams[i, 4])
            elif taken[i, label]:
                continue
            else:
                score = beams[i, 1 if label == last else 5] + _next(logs, prior, i, label)
            if n_chosen == width and score <= scores[width - 1]:
                continue
            k = n_chosen if n_chosen < width else width - 1
            while k > 0 and scores[k - 1] < score:
                scores[k], chosen[k] = scores[k - 1], chosen[k - 1]
                k -= 1
            scores[k], chosen[k, 0], chosen[k, 1] = score, i, label
            n_chosen = min(n_chosen + 1, width)
    return n_chosen


@njit(**OPTIONS)
def advance(others, chosen, scores, beams, n, n_nodes, taken, logs, outputs, prior, tree):
    """Fill others (width, 6), as `_extend` has beams, from n beams and the outputs (K,) of a frame.

    prior (width, K - 1), or None, is what is added to the log probability of each label that comes next in a beam.
    Returns how many beams, and how many nodes of the tree, there are now.
    """
    logs[:] = outputs
    logs -= logs.max()
    logs -= np.log(np.exp(logs).sum())
    n = _extend(chosen, scores, beams, n, taken, logs, prior, tree, others.shape[0])
    for k in range(n):
        i, label = chosen[k]
        if label < 0:
            others[k, 0], others[k, 1], others[k, 2] = beams[i, 0], beams[i, 3], beams[i, 4]
        else:
            node = _child(tree, int(beams[i, 0]), label, n_nodes)
            n_nodes = max(n_nodes, node + 1)
            others[k, 0], others[k, 1], others[k, 2] = node, IMPOSSIBLE, scores[k]
    return n, n_nodes


@njit(**OPTIONS)
def begin(beams, scores, tree):
    """Of a sequence: one beam, without labels."""
    tree[0] = -1
    beams[0, 0], beams[0, 1], beams[0, 2], scores[0] = 0.0, 0.0, IMPOSSIBLE, 0.0


@njit(**OPTIONS)
def write_labels(labels, node, tree):
    """The labels of a prefix, at the beginning of `labels`.  Returns how many there are."""
    n = 0
    while tree[node, 0] >= 0:
        labels[n] = tree[node, 1]
        node, n = tree[node, 0], n + 1
    labels[:n] = labels[:n][::-1].copy()
    return n


@njit(**OPTIONS)
def beam_search(labels, counts, outputs, offsets, width):
    """The most probable labels found, by prefix beam search (Hannun et al. 2014), of sequences one after the other.

    Those of sequence b, counts[b], are at the beginning of labels[offsets[b] : offsets[b + 1]].  A beam is a prefix,
    a node of a tree (., 4): its parent, last label, first child and next sibling.
    """
    K, longest = outputs.shape[1], 0
    for b in range(counts.size):
        longest = max(longest, offsets[b + 1] - offsets[b])
    tree, taken, logs = np.empty((longest * width + 1, 4), np.int64), np.empty((width, K), np.bool_), np.empty(K)
    beams, others = np.empty((width, 6)), np.empty((width, 6))
    chosen, scores = np.empty((width, 2), np.int64), np.empty(width)
    for b in range(counts.size):
        begin(beams, scores, tree)
        n, n_nodes = 1, 1
        for row in range(offsets[b], offsets[b + 1]):
            n, n_nodes = advance(others, chosen, scores, beams, n, n_nodes, taken, logs, outputs[row], None, tree)
            beams, others = others, beams
        counts[b] = write_labels(labels[offsets[b] : offsets[b + 1]], int(beams[0, 0]), tree)
