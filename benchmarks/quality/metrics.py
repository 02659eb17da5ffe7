"""Scores of the quality benchmark that scikit-learn does not have, as the sets' publishers define them.

Every function takes the truth first, one item a sequence, then as many predictions.
"""

from __future__ import annotations

from collections import Counter
from itertools import zip_longest

import numpy as np


def frame_nll(y, probabilities):
    """Return the negative log-likelihood of a frame, in nats, summed over the keys.

    The mean is over the frames of all sequences: total loss by total frames, as Bai et al. (2018) do.

    Parameters
    ----------
    y : list of (T_i, K) arrays of 0 and 1
    probabilities : list of (T_i, K) arrays

    Examples
    --------
    >>> round(frame_nll([np.array([[1, 0]])], [np.array([[0.5, 0.5]])]), 4)
    1.3863
    """
    keys, p = np.concatenate(y), np.concatenate(probabilities).astype(float)
    if keys.shape != p.shape:
        raise ValueError(f"y has {keys.shape} frames and keys, but probabilities have {p.shape}")
    # A saturated sigmoid in float32 gives exactly 0 or 1; the bound is near its precision, 16 nats a key.
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return float(-np.log(np.where(keys > 0, p, 1 - p)).sum() / len(keys))


def exact_match(y, predicted):
    """Return the fraction of sequences that are right from end to end.

    Examples
    --------
    >>> exact_match([["I_WALK"], ["I_RUN", "I_RUN"]], [["I_WALK"], ["I_RUN"]])
    0.5
    """
    return float(np.mean([list(a) == list(b) for a, b in zip(y, predicted, strict=True)]))


def word_error(y, predicted):
    """Return the percentage of sequences that are not right from end to end.

    Examples
    --------
    >>> word_error([["a", "b"], ["c"]], [["a", "b"], ["d"]])
    50.0
    """
    return 100 * (1 - exact_match(y, predicted))


def phone_error(y, predicted):
    """Return the edits that turn predictions into the truth, in percent of the phones of the truth.

    Examples
    --------
    >>> phone_error([["a", "b", "c"], ["d"]], [["a", "c"], ["d"]])
    25.0
    """
    edits = sum(edit_distance(a, b) for a, b in zip(y, predicted, strict=True))
    return 100 * edits / sum(len(phones) for phones in y)


def edit_distance(a, b):
    """Return the least number of insertions, deletions and substitutions that turn a into b.

    Examples
    --------
    >>> edit_distance("kitten", "sitting")
    3
    """
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        diagonal, row[0] = row[0], i
        for j, z in enumerate(b, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != z))
    return row[-1]


def bleu(references, predicted):
    """Return the BLEU-4 of the whole corpus, from 0 to 1, of words as they are and without smoothing.

    Parameters
    ----------
    references : list of lists of lists of str
        Any number of right answers for each prediction.
    predicted : list of lists of str

    Raises
    ------
    ImportError
        If sacrebleu is not installed.

    Examples
    --------
    >>> answers = [["there", "is", "a", "cheap", "place"], ["i", "know", "a", "cheap", "place"]]
    >>> round(bleu([answers], [["i", "know", "a", "cheap", "one"]]), 4)
    0.6687
    """
    try:
        from sacrebleu.metrics import BLEU
    except ImportError as error:
        raise ImportError("BLEU is computed by sacrebleu: pip install sacrebleu") from error
    texts = [[" ".join(words) for words in answers] for answers in references]
    # sacrebleu wants the first answers of all, then the second ones, with None where there are no more.
    streams = [list(stream) for stream in zip_longest(*texts)]
    scorer = BLEU(tokenize="none", smooth_method="none", force=True)
    return scorer.corpus_score([" ".join(words) for words in predicted], streams).score / 100


def slot_error(acts, predicted):
    """Return the missing and redundant slots of delexicalised sentences, in percent of the acts' slots.

    The definition of Wen et al. (2015). Slots are those that are said by their value: a SLOT_ word
    cannot show whether "dont_care" or "kidsallowed=no" is said.

    Parameters
    ----------
    acts : list of Act
    predicted : list of lists of str

    Examples
    --------
    >>> from benchmarks.quality.corpora import Act
    >>> act = Act.parse("inform(name='red door cafe';food=thai)")
    >>> slot_error([act], [["SLOT_NAME", "is", "near", "SLOT_AREA"]])
    100.0
    """
    n_wrong = n_slots = 0
    for act, words in zip(acts, predicted, strict=True):
        wanted = Counter(f"SLOT_{slot.upper()}" for slot, _ in act.values())
        said = Counter(word for word in words if word.startswith("SLOT_"))
        n_wrong += ((wanted - said) + (said - wanted)).total()
        n_slots += wanted.total()
    return 100 * n_wrong / n_slots
