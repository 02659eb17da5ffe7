"""Which tokens to choose: beam search over any model that gives the next one's probabilities."""

import numpy as np


def beam_search(step, n_sequences, width, start, end, max_length):
    """The best sequences of tokens found, by the mean log probability of a token and the end (Wu et al. 2016).

    Each step keeps the `width` best continuations of each sequence, ended ones among them; with one that is the greedy
    choice.  After `max_length` tokens only the end is left.

    Parameters
    ----------
    step : callable
        Of (tokens, picks), both (n_sequences * width,): the log probabilities (n_sequences * width, K) of what comes
        after the tokens, where each row goes on from row `picks` of the last step.

    Returns
    -------
    tokens : list of n_sequences arrays
        Without the end.
    scores : ndarray (n_sequences,)
    """
    n, W = n_sequences, width
    first_rows = np.arange(n)[:, np.newaxis] * W
    totals = np.full((n, W), -np.inf)
    totals[:, 0] = 0
    tokens, picks = np.full(n * W, start), np.arange(n * W)
    best_scores, best_ends, steps = np.full(n, -np.inf), np.zeros((n, 2), np.int64), []
    for t in range(max_length + 1):
        log_p = step(tokens, picks)
        if t == max_length:
            log_p[:, np.arange(log_p.shape[1]) != end] = -np.inf
        K = log_p.shape[1]
        candidates = (totals[:, :, np.newaxis] + log_p.reshape(n, W, K)).reshape(n, W * K)
        chosen = _largest(candidates, W)
        totals = np.take_along_axis(candidates, chosen, axis=1)
        parents, words = chosen // K, chosen % K
        steps.append((words, parents))
        scores = np.where(words == end, totals / (t + 1), -np.inf)
        place = scores.argmax(axis=1)
        is_better = scores.max(axis=1) > best_scores
        best_scores = np.where(is_better, scores.max(axis=1), best_scores)
        best_ends[is_better] = np.column_stack([np.full(n, t), place])[is_better]
        totals[words == end] = -np.inf
        # Log probabilities only fall: what is alive cannot get better than this.
        if (totals.max(axis=1) / (max_length + 1) <= best_scores).all():
            break
        tokens, picks = words.ravel(), (first_rows + parents).ravel()
    return [_traced(steps, k, *best_ends[k]) for k in range(n)], best_scores


def useful_width(width, n_tokens, max_length):
    """The width of a beam, or how many sequences there are of up to max_length of n_tokens tokens: no more are found.

    >>> useful_width(1000, 2, 3), useful_width(1000, 50, 10**9)
    (15, 1000)
    """
    n, total = 1, 1
    for _ in range(max_length):
        if total >= width:
            return width
        n *= n_tokens
        total += n
    return min(width, total)


def _largest(candidates, n):
    """The places of each row's n largest, largest first; of equal ones the first comes first."""
    if n == 1:
        return candidates.argmax(axis=1)[:, np.newaxis]
    places = np.sort(np.argpartition(-candidates, n - 1, axis=1)[:, :n], axis=1)
    order = np.argsort(-np.take_along_axis(candidates, places, axis=1), axis=1, kind="stable")
    return np.take_along_axis(places, order, axis=1)


def _traced(steps, k, t, place):
    """The tokens of sequence k that end at step t in a place of its beam."""
    tokens = []
    while t > 0:
        place = steps[t][1][k, place]
        t -= 1
        tokens.append(steps[t][0][k, place])
    return np.array(tokens[::-1], np.int64)
