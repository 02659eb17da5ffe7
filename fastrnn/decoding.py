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
    written = np.empty((n * W, 0), np.int64)
    best, best_scores = [written[0]] * n, np.full(n, -np.inf)
    for t in range(max_length + 1):
        log_p = step(tokens, picks)
        if t == max_length:
            log_p[:, np.arange(log_p.shape[1]) != end] = -np.inf
        K = log_p.shape[1]
        candidates = (totals[:, :, np.newaxis] + log_p.reshape(n, W, K)).reshape(n, W * K)
        chosen = _largest(candidates, W)
        totals = np.take_along_axis(candidates, chosen, axis=1)
        words, parents = chosen % K, first_rows + chosen // K
        scores = np.where(words == end, totals / (t + 1), -np.inf)
        for k in np.flatnonzero(scores.max(axis=1) > best_scores):
            place = scores[k].argmax()
            best[k], best_scores[k] = written[parents[k, place]].copy(), scores[k, place]
        totals[words == end] = -np.inf
        # Log probabilities only fall: what is alive cannot get better than this.
        if (totals.max(axis=1) / (max_length + 1) <= best_scores).all():
            break
        tokens, picks = words.ravel(), parents.ravel()
        written = np.column_stack([written[picks], tokens])
    return best, best_scores


def useful_width(width, n_tokens, max_length):
    """The width of a beam, or how many sequences there are of up to max_length of n_tokens tokens: no more are found.

    >>> useful_width(1000, 2, 3), useful_width(1000, 50, 10**9)
    (15, 1000)
    """
    longest = min(max_length, width if n_tokens == 1 else int(width).bit_length())
    return min(width, sum(n_tokens**n for n in range(longest + 1)))


def _largest(candidates, n):
    """The places of each row's n largest, largest first; of equal ones the first comes first."""
    if n == 1:
        return candidates.argmax(axis=1)[:, np.newaxis]
    places = np.sort(np.argpartition(-candidates, n - 1, axis=1)[:, :n], axis=1)
    order = np.argsort(-np.take_along_axis(candidates, places, axis=1), axis=1, kind="stable")
    return np.take_along_axis(places, order, axis=1)
