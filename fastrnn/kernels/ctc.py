"""Connectionist temporal classification: Graves, Fernandez, Gomez and Schmidhuber, ICML 2006.

A path has a label or the blank at each of T frames; of it become labels when what repeats is taken once, and then
blanks are left out.  The loss of labels y_1 .. y_U is -log of the summed probability of all their paths.  It is found
forward and backward over 2 U + 1 states: a blank, y_1, a blank, .. y_U, a blank.  A path goes on from a state to itself
or the next one, or from one label to another that differs past the blank in between.

    blank_t[u] = log p_t(blank) + log(exp blank_{t-1}[u] + exp label_{t-1}[u-1])
    label_t[u] = log p_t(y_u) + log(exp label_{t-1}[u] + exp blank_{t-1}[u] + exp label_{t-1}[u-1]; only if y_u differs)

All sums are of logarithms in float64.  Blanks and labels are apart, so that each is a loop of vectors.  Labels that no
path can be read as, for there are too few frames, have an infinite loss and the gradient 0.

Arrays, for S packed rows and B sequences:
    outputs, d_outputs (S, >= K)     one row a frame: K scores before softmax, the last one that of the blank
    labels (S,)                      those of a sequence at its first frames, then -1
    rows (S,), firsts, lengths (B,)  sequence b has the rows rows[firsts[b]:][: lengths[b]], in the order of time
    weights (>= B,)                  of the sequences
    states (>= T, R)                 R is `row_size` of the most labels
    logs (>= T,), room (5, R), scores (K,)   to work in
A row of states has blanks from 0 on, and labels from `half` + 1 on: what is before the first is IMPOSSIBLE.
"""

import numpy as np

from fastrnn.kernels import vectors as vec
from fastrnn.kernels.activations import exp, log1p
from fastrnn.kernels.caching import njit
from fastrnn.kernels.softmax import softmax
from fastrnn.kernels.vectors import OPTIONS, at, first_lanes, lane_sum, lanes, load, maximum, minimum, n_lanes, store

IMPOSSIBLE = -1e200
"""The logarithm of no probability: no number that a sum of many could make infinite."""
LANES = n_lanes("float64")


def row_size(most):
    """Numbers in a row of states, for so many labels at most."""
    return 2 * vec.padded(most + 1, "float64") + LANES


@njit(**OPTIONS)
def _log_sum(x, y):
    top, low = maximum(x, y), minimum(x, y)
    return top + log1p(exp(low - top))


@njit(**OPTIONS)
def _log_sum_of_three(x, y, z):
    larger, low = maximum(x, y), minimum(x, y)
    top, middle = maximum(larger, z), minimum(larger, z)
    return top + log1p(exp(middle - top) + exp(low - top))


@njit(**OPTIONS)
def _count(labels, rows):
    """How many labels a sequence has; other rows have -1."""
    n = 0
    while n < rows.size and labels[rows[n]] >= 0:
        n += 1
    return n


@njit(**OPTIONS)
def _begin(room, labels, rows, U):
    """Fill room[0], by label IMPOSSIBLE or 0 where it differs from the one before, and no states in the others."""
    room[:] = IMPOSSIBLE
    for u in range(1, U):
        if labels[rows[u]] != labels[rows[u - 1]]:
            room[0, u] = 0.0


@njit(**OPTIONS)
def _take_logs(emitted, outputs, row, labels, rows, U, log_sum):
    """emitted (>= U,) = log probability of each label at a row."""
    for u in range(U):
        emitted[u] = np.float64(outputs[row, labels[rows[u]]]) - log_sum


@njit(**OPTIONS)
def _forward(here, before, emitted, moves, blank, half, used):
    """States of a frame from those before."""
    for u in range(0, used, LANES):
        of_blank, of_label, of_last = load(before, u), load(before, half + u + 1), load(before, half + u)
        store(here, u, _log_sum(of_blank, of_last) + blank)
        on = _log_sum_of_three(of_label, of_blank, of_last + load(moves, u))
        store(here, half + u + 1, on + load(emitted, u))
    here[half] = IMPOSSIBLE


@njit(**OPTIONS)
def _backward(here, after, emitted, moves, blank, half, used):
    """Log probabilities of all that follows on the states of a frame, from those one later with what was emitted."""
    for u in range(0, used, LANES):
        of_blank, of_label = load(after, u), load(after, half + u + 1)
        store(here, u, _log_sum(of_blank, of_label))
        past = load(after, half + u + 2) + load(moves, u + 1)
        store(here, half + u + 1, _log_sum_of_three(of_label, load(after, u + 1), past))


@njit(**OPTIONS)
def _add_emitted(after, here, emitted, blank, half, used):
    """What `_backward` reads of a frame."""
    for u in range(0, used, LANES):
        store(after, u, load(here, u) + blank)
        store(after, half + u + 1, load(here, half + u + 1) + load(emitted, u))


@njit(**OPTIONS)
def _take_off(d_outputs, row, weight, states, here, likely, of_all, labels, rows, K, U, half, used):
    """Take from the gradient of a frame how likely each state is, given the labels."""
    total = vec.zeros(here)
    for u in range(0, used, LANES):
        total = total + first_lanes(exp(load(states, u) + load(here, u) - of_all), U + 1 - u)
        store(likely, u, exp(load(states, half + u + 1) + load(here, half + u + 1) - of_all))
    d_outputs[row, K - 1] -= weight * lane_sum(total)
    for u in range(U):
        d_outputs[row, labels[rows[u]]] -= weight * likely[u]


@njit(**OPTIONS)
def alignments(d_outputs, losses, outputs, labels, weights, rows, firsts, lengths, states, logs, room, scores):
    """losses (B,) = -log probability(labels) of each sequence; d_outputs become its weight times the gradient.

    Columns of d_outputs from K on become 0.
    """
    K, half = scores.size, (room.shape[1] - LANES) // 2
    moves, start, emitted, here, after = room[0], room[1], room[2], room[3], room[4]
    for b in range(firsts.size):
        own = rows[firsts[b] : firsts[b] + lengths[b]]
        U, T, weight = _count(labels, own), own.size, weights[b]
        used = (U + LANES) // LANES * LANES
        _begin(room, labels, own, U)
        start[0], before = 0.0, start
        for t in range(T):
            row = own[t]
            for k in range(K):
                scores[k] = outputs[row, k]
            blank = scores[K - 1]
            largest, log_sum = softmax(at(scores, 0), at(scores, 0), K)
            logs[t] = largest + log_sum
            for k in range(d_outputs.shape[1]):
                d_outputs[row, k] = weight * scores[k] if k < K else 0.0
            _take_logs(emitted, outputs, row, labels, own, U, logs[t])
            _forward(states[t], before, emitted, moves, blank - logs[t], half, used)
            before = states[t]
        x, y = before[U], before[half + U]
        of_all = max(x, y)
        of_all += np.log(np.exp(x - of_all) + np.exp(y - of_all))
        losses[b] = -of_all
        if of_all < 0.5 * IMPOSSIBLE:
            losses[b] = np.inf
            for row in own:
                d_outputs[row] = 0.0
            continue
        after[U] = 0.0
        for t in range(T - 1, -1, -1):
            row = own[t]
            _backward(here, after, emitted, moves, 0.0, half, used)
            _take_off(d_outputs, row, weight, states[t], here, start, of_all, labels, own, K, U, half, used)
            _take_logs(emitted, outputs, row, labels, own, U, logs[t])
            _add_emitted(after, here, emitted, np.float64(outputs[row, K - 1]) - logs[t], half, used)


@njit(**OPTIONS)
def add_losses(total, losses, weights):
    """total (1,) += weights (>= B,) times losses (B,); one of weight 0 counts nothing, though it be infinite."""
    for b in range(losses.size):
        if weights[b] > 0.0:
            total[0] += weights[b] * losses[b]


@njit(**OPTIONS)
def edit_distances(distances, y, y_starts, z, z_starts, row):
    """distances (n,): how many labels to put in, take out or change (Levenshtein 1966) in parts of y to make those of z.

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
def _extend(chosen, scores, beams, n, taken, logs, tree, width):
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
                beams[j, 4] = _log_of_both(beams[j, 4], beams[i, 1 if is_same else 5] + logs[label])
                taken[i, label] = True
    for i in range(n):
        last = tree[int(beams[i, 0]), 1]
        for label in range(-1, K - 1):
            if label < 0:
                score = _log_of_both(beams[i, 3], beams[i, 4])
            elif taken[i, label]:
                continue
            else:
                score = beams[i, 1 if label == last else 5] + logs[label]
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
        tree[0], n, n_nodes = -1, 1, 1
        beams[0, 0], beams[0, 1], beams[0, 2], scores[0] = 0.0, 0.0, IMPOSSIBLE, 0.0
        for row in range(offsets[b], offsets[b + 1]):
            for k in range(K):
                logs[k] = outputs[row, k]
            logs -= logs.max()
            logs -= np.log(np.exp(logs).sum())
            n = _extend(chosen, scores, beams, n, taken, logs, tree, width)
            for k in range(n):
                i, label = chosen[k]
                if label < 0:
                    others[k, 0], others[k, 1], others[k, 2] = beams[i, 0], beams[i, 3], beams[i, 4]
                else:
                    node = _child(tree, int(beams[i, 0]), label, n_nodes)
                    n_nodes = max(n_nodes, node + 1)
                    others[k, 0], others[k, 1], others[k, 2] = node, IMPOSSIBLE, scores[k]
            beams, others = others, beams
        node, n_labels = int(beams[0, 0]), 0
        while tree[node, 0] >= 0:
            labels[offsets[b] + n_labels] = tree[node, 1]
            node, n_labels = tree[node, 0], n_labels + 1
        labels[offsets[b] : offsets[b] + n_labels] = labels[offsets[b] : offsets[b] + n_labels][::-1].copy()
        counts[b] = n_labels
