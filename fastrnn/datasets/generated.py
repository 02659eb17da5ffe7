"""Make tasks with a known answer, each of which needs a memory."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state, check_scalar

_NOUNS = ("key", "cabinet", "door", "author", "book", "senator", "farmer", "picture")
_ADJECTIVES = ("old", "small", "famous", "red")
_PREPOSITIONS = ("to", "near", "behind", "beside", "above")
# In the past tense, because a present-tense verb would give the head noun's number away.
_VERBS = ("praised", "moved", "saw", "found", "described")

#: Words of `make_number_agreement`: token k stands for word k.
NUMBER_AGREEMENT_VOCABULARY = (
    "the", "that", *_ADJECTIVES, *_PREPOSITIONS, *_VERBS, *_NOUNS, *(f"{noun}s" for noun in _NOUNS))  # fmt: skip


def make_binary_addition(n_samples=1000, n_bits=7, random_state=None):
    """Make pairs of binary numbers, read from the low bit on, and their sums.

    The bit of the sum at a step depends on the two bits of the step and on the carry. One bit of memory is enough for
    numbers of any length. A last step, with two zeros, brings out the last carry.

    Parameters
    ----------
    n_samples : int or None, default=1000
        Number of pairs, which are drawn uniformly and with replacement. None gives each of the ``4 ** n_bits`` pairs
        once, ordered by the first number, then the second.
    n_bits : int, default=7
        Number of bits in a number, from 1 to 62, or to 10 for all pairs.
    random_state : int, RandomState instance or None, default=None
        The seed of the draw.

    Returns
    -------
    X : ndarray of shape (n_samples, n_bits + 1, 2), float64
        Bits of both numbers, 0 or 1.
    y : ndarray of shape (n_samples, n_bits + 1), int64
        Bits of the sum, 0 or 1.

    Raises
    ------
    TypeError
        If `n_samples` or `n_bits` is not an integer.
    ValueError
        If one of them is out of its range.

    References
    ----------
    Cottrell, G. W. and Tsung, F.-S. (1993). Learning simple arithmetic procedures. Connection
    Science 5(1), 37-58.

    Examples
    --------
    1 + 3 = 4, the low bit first:

    >>> from fastrnn.datasets import make_binary_addition
    >>> X, y = make_binary_addition(n_samples=None, n_bits=2)
    >>> X.shape
    (16, 3, 2)
    >>> X[7].T.astype(int).tolist(), y[7].tolist()
    ([[1, 0, 0], [1, 1, 0]], [0, 0, 1])
    """
    check_scalar(n_bits, "n_bits", Integral, min_val=1, max_val=62)
    if n_samples is None:
        if n_bits > 10:
            what = f"n_samples=None asks for all 4**{n_bits} pairs, but that is done for n_bits up to 10 only"
            raise ValueError(f"{what}; give n_samples to draw some of them")
        pairs = np.indices((2**n_bits, 2**n_bits)).reshape(2, -1).T
    else:
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        pairs = check_random_state(random_state).randint(0, 2**n_bits, size=(n_samples, 2), dtype=np.int64)
    steps = np.arange(n_bits + 1)
    X = pairs[:, np.newaxis, :] >> steps[:, np.newaxis] & 1
    return X.astype(np.float64), pairs.sum(axis=1)[:, np.newaxis] >> steps & 1


def make_adding_problem(n_samples=1000, n_steps=100, random_state=None):
    """Make the adding problem: the sum of two marked numbers among many.

    The answer 1 for every sequence has a mean squared error of 1/6. A network has learned to remember only if its error
    is well below that.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of sequences.
    n_steps : int, default=100
        Number of steps in each, at least 2.
    random_state : int, RandomState instance or None, default=None
        The seed of the draw.

    Returns
    -------
    X : ndarray of shape (n_samples, n_steps, 2), float64
        Channel 0 is uniform in [0, 1). Channel 1 is zero except for two ones: one in the first ``n_steps // 2`` steps,
        and one in the others.
    y : ndarray of shape (n_samples,), float64
        The sum of the two marked numbers.

    Raises
    ------
    TypeError
        If `n_samples` or `n_steps` is not an integer.
    ValueError
        If one of them is too small.

    References
    ----------
    Hochreiter, S. and Schmidhuber, J. (1997). Long short-term memory. Neural Computation 9(8),
    1735-1780. (The problem.)

    Le, Q. V., Jaitly, N. and Hinton, G. E. (2015). A simple way to initialize recurrent networks
    of rectified linear units. arXiv:1504.00941. (Values in [0, 1), a mark in each half.)

    Examples
    --------
    >>> from fastrnn.datasets import make_adding_problem
    >>> X, y = make_adding_problem(n_samples=5, n_steps=20, random_state=0)
    >>> X.shape, y.shape
    ((5, 20, 2), (5,))
    >>> bool(X[0, X[0, :, 1] == 1, 0].sum() == y[0])
    True
    """
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(n_steps, "n_steps", Integral, min_val=2)
    rng = check_random_state(random_state)
    X = np.zeros((n_samples, n_steps, 2))
    X[:, :, 0] = rng.uniform(size=(n_samples, n_steps))
    first = rng.randint(0, n_steps // 2, size=n_samples)
    second = rng.randint(n_steps // 2, n_steps, size=n_samples)
    rows = np.arange(n_samples)
    X[rows, first, 1] = X[rows, second, 1] = 1.0
    return X, X[rows, first, 0] + X[rows, second, 0]


def make_copy_memory(n_samples=1000, n_blanks=100, n_symbols=8, n_copied=10, random_state=None):
    """Make the copy memory task: repeat some symbols after a long wait.

    A sequence has `n_copied` symbols, then ``n_blanks - 1`` blanks, then ``n_copied + 1`` markers, which ask for the
    symbols. The target is blank, except for the last `n_copied` steps, where it is the symbols in their order. A
    network without memory has a cross-entropy of ``n_copied * log(n_symbols) / (n_blanks + 2 * n_copied)`` nats a step.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of sequences.
    n_blanks : int, default=100
        The T of the published figures. Each symbol is asked for ``n_blanks + n_copied`` steps after it was shown.
    n_symbols : int, default=8
        Number of different symbols.
    n_copied : int, default=10
        Number of symbols to remember.
    random_state : int, RandomState instance or None, default=None
        The seed of the draw.

    Returns
    -------
    X : ndarray of shape (n_samples, n_blanks + 2 * n_copied), int64
        Tokens: 0 is the blank, 1 to `n_symbols` are the symbols, ``n_symbols + 1`` is the marker.
    y : ndarray of shape (n_samples, n_blanks + 2 * n_copied), int64
        The token to write at each step, 0 to `n_symbols`.

    Raises
    ------
    TypeError
        If a count is not an integer.
    ValueError
        If a count is less than 1.

    References
    ----------
    Hochreiter, S. and Schmidhuber, J. (1997). Long short-term memory. Neural Computation 9(8),
    1735-1780.

    Arjovsky, M., Shah, A. and Bengio, Y. (2016). Unitary evolution recurrent neural networks.
    International Conference on Machine Learning.

    Bai, S., Kolter, J. Z. and Koltun, V. (2018). An empirical evaluation of generic convolutional
    and recurrent networks for sequence modeling. arXiv:1803.01271. (The layout that is used here.)

    Examples
    --------
    >>> from fastrnn.datasets import make_copy_memory
    >>> X, y = make_copy_memory(1, n_blanks=4, n_symbols=8, n_copied=3, random_state=0)
    >>> X[0].tolist()
    [5, 8, 6, 0, 0, 0, 9, 9, 9, 9]
    >>> y[0].tolist()
    [0, 0, 0, 0, 0, 0, 0, 5, 8, 6]
    """
    counts = {"n_samples": n_samples, "n_blanks": n_blanks, "n_symbols": n_symbols, "n_copied": n_copied}
    for name, count in counts.items():
        check_scalar(count, name, Integral, min_val=1)
    rng = check_random_state(random_state)
    X = np.zeros((n_samples, n_blanks + 2 * n_copied), dtype=np.int64)
    y = np.zeros_like(X)
    X[:, :n_copied] = rng.randint(1, n_symbols + 1, size=(n_samples, n_copied), dtype=np.int64)
    X[:, -n_copied - 1 :] = n_symbols + 1
    y[:, -n_copied:] = X[:, :n_copied]
    return X, y


def make_number_agreement(n_samples=1000, max_intervening=4, random_state=None, as_words=False):
    """Make beginnings of English sentences; the task is to tell if the next verb is singular or plural.

    "the old keys that the farmer saw near the cabinet ..." goes on with a plural verb, because its first noun is the
    subject. The nouns between subject and verb stand in prepositional phrases and relative clauses. Their numbers are
    drawn independently of the subject's: they say nothing of the answer, and are there to mislead. No other word shows
    a number.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of sentences.
    max_intervening : int, default=4
        The largest number of nouns between the subject and its verb. Each count from 0 on is equally likely.
    random_state : int, RandomState instance or None, default=None
        The seed of the draw.
    as_words : bool, default=False
        Whether sentences are lists of words in place of tokens. The same seed gives the same sentences either way.

    Returns
    -------
    X : list of ndarray of shape (T_i,), int64, or list of list of str
        Tokens, each an index into `NUMBER_AGREEMENT_VOCABULARY`, or the words themselves.
    y : ndarray of shape (n_samples,), str
        "singular" or "plural", each with probability one half.

    Raises
    ------
    TypeError
        If `n_samples` or `max_intervening` is not an integer.
    ValueError
        If `n_samples` is less than 1 or `max_intervening` is negative.

    References
    ----------
    Linzen, T., Dupoux, E. and Goldberg, Y. (2016). Assessing the ability of LSTMs to learn
    syntax-sensitive dependencies. Transactions of the ACL 4, 521-535. (The task, on sentences of
    Wikipedia; these sentences are generated in the same manner.)

    Examples
    --------
    >>> from fastrnn.datasets import NUMBER_AGREEMENT_VOCABULARY, make_number_agreement
    >>> X, y = make_number_agreement(n_samples=1, random_state=23)
    >>> " ".join(NUMBER_AGREEMENT_VOCABULARY[token] for token in X[0])
    'the keys beside the red senator'
    >>> str(y[0])
    'plural'
    """
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(max_intervening, "max_intervening", Integral, min_val=0)
    rng = check_random_state(random_state)
    y = rng.choice(["singular", "plural"], size=n_samples)
    X = [_sentence_beginning(rng, number, max_intervening) for number in y]
    if not as_words:
        token_of = {word: token for token, word in enumerate(NUMBER_AGREEMENT_VOCABULARY)}
        X = [np.array([token_of[word] for word in words], dtype=np.int64) for words in X]
    return X, y


def _sentence_beginning(rng, number, max_intervening):
    """Draw one sentence's words up to its verb, with a subject of the given number."""
    words = _noun_phrase(rng, number)
    for _ in range(rng.randint(max_intervening + 1)):
        phrase = _noun_phrase(rng, ("singular", "plural")[rng.randint(2)])
        form = rng.randint(3)
        link = _draw(rng, _VERBS if form else _PREPOSITIONS)
        words += [[link, *phrase], ["that", *phrase, link], ["that", link, *phrase]][form]
    return words


def _noun_phrase(rng, number):
    adjective = [_draw(rng, _ADJECTIVES)] if rng.randint(3) == 0 else []
    return ["the", *adjective, _draw(rng, _NOUNS) + "s" * (number == "plural")]


def _draw(rng, words):
    return words[rng.randint(len(words))]
