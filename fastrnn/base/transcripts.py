"""Sequences of labels that nobody has aligned: as y holds them, read from outputs, and compared."""

from collections import namedtuple
from itertools import pairwise
from math import isqrt
from numbers import Real

import numpy as np
from scipy.special import log_softmax
from sklearn.utils.validation import check_is_fitted

from fastrnn import tables
from fastrnn.base.labels import as_labels, check_as_many, check_given, union
from fastrnn.decoding import useful_width
from fastrnn.kernels import ctc
from fastrnn.lists import is_sequence
from fastrnn.sequences import Sequences
from fastrnn.wording import shown

MOST_PAIRS = 2**37
"""Of beams, in all steps of a sequence: some minutes."""


def label_rows(estimator, y, sequences):
    """Labels (N,) of all sequences, one after the other, and where those of each begin (n + 1,)."""
    check_given(estimator, y, "a list of label sequences, one for each of X")
    y = np.asarray(y) if tables.labels(y, "y") is not None else y
    check_as_many(y, sequences)
    rows = [_labels_of(row, f"y[{k}]") for k, row in enumerate(y)]
    first = next((k for k, row in enumerate(rows) if row.size), None)
    if first is None:
        return getattr(estimator, "classes_", np.empty(0, "U1"))[:0], np.zeros(len(rows) + 1, int)
    for k, row in enumerate(rows):
        if row.size and is_text(row) != is_text(rows[first]):
            which = f"y[{k}] holds labels as {shown(row[0])}, but y[{first}] as {shown(rows[first][0])}"
            raise ValueError(f"{which}: make them alike, all str or all int")
    return np.concatenate([row for row in rows if row.size]), np.cumsum([0, *map(len, rows)])


def _labels_of(row, name):
    """The labels of a sequence as an array."""
    text = row.item() if isinstance(row, np.ndarray) and row.ndim == 0 else row
    if isinstance(text, str):
        return np.array(list(text), str)
    if not is_sequence(row):
        advice = "SequenceClassifier takes one for each sequence, and SequenceTagger one for each step"
        raise ValueError(f"{name} is {shown(row)}, one label; expected a list of labels, or a str of letters: {advice}")
    if not len(row):
        return np.empty(0)
    labels = as_labels(row, name)
    if labels.ndim != 1:
        raise ValueError(f"{name} has shape {labels.shape}; expected the labels of one sequence, (U,)")
    return labels


def is_text(labels):
    """Whether labels are texts, not numbers."""
    return labels.dtype.kind in "OSU"


def union_of_some(parts):
    """The classes of all parts of the data, some of which may have none."""
    return union([part for part in parts if part[0].size] or parts[:1])


def check_room(labels, starts, lengths):
    """Each sequence must have a step for each label, and for a blank between equal ones."""
    counts, is_repeat = np.diff(starts), np.zeros(len(labels) + 1, int)
    is_repeat[1:-1] = labels[1:] == labels[:-1]
    is_repeat[starts] = 0
    repeats = np.diff(np.concatenate([[0], np.cumsum(is_repeat)])[starts])
    for k in np.flatnonzero(counts + repeats > lengths):
        found = f"y[{k}] has {counts[k]} labels, {repeats[k]} of them equal to the one before"
        why = f"which need {counts[k] + repeats[k]} steps or more, but X[{k}] has {lengths[k]}"
        raise ValueError(f"{found}, {why}: give it more steps, or leave the sequence out")


def greedy(outputs, offsets):
    """The labels of the best path: those that begin, and are no blank."""
    best = outputs.argmax(axis=1)
    begins = np.append(True, best[1:] != best[:-1])
    begins[offsets[:-1]] = True
    begins &= best < outputs.shape[1] - 1
    return best[begins], np.concatenate([[0], np.cumsum(begins)])[offsets]


class Language(namedtuple("Language", "network, boundary, weight")):
    """A language model's network over codes of labels, the token around its sequences, and how much its word counts."""

    @classmethod
    def of(cls, transcriber, model, weight):
        """A language model as a transcriber's `predict` is given it; None if there is none."""
        if model is None:
            return None
        check_is_fitted(transcriber, "network_")
        if not hasattr(model, "perplexity"):
            found = f"language_model is a {type(model).__name__}; expected a fitted SequenceGenerator"
            raise TypeError(f"{found}: of a Pipeline give the last step")
        check_is_fitted(model, "network_")
        if model._reads_numbers():
            found = "language_model was fitted on numbers (embedding_dim=None)"
            raise ValueError(f"{found}: fit it on labels, as tokens, np.searchsorted(model.classes_, labels)")
        if not isinstance(weight, Real) or not 0 <= weight < np.inf:
            raise ValueError(f"language_weight must be a number from 0 on; got {shown(weight)}")
        if transcriber.decoding == "greedy":
            why = "decoding='greedy' takes each step by itself"
            raise ValueError(f"language_model is for a search, but {why}: set_params(decoding='beam')")
        n, K = model.n_tokens_, len(transcriber.classes_)
        if model._boundary is None:
            found = "language_model was fitted on a stream, and knows no sequences that begin and end"
            raise ValueError(f"{found}: fit it with stateful=False")
        if n != K:
            found = f"language_model knows the tokens 0 to {n - 1}, but the labels have the places 0 to {K - 1}"
            way = "fit it on these, np.searchsorted(model.classes_, labels), so that each comes at least once"
            raise ValueError(f"{found} in classes_: {way}")
        return cls(model.network_, model._boundary, float(weight))

    def after(self, tokens, state=None):
        """Weight times the log probabilities (n, K) of what comes after n tokens, the end last; and the states then."""
        outputs, state = self.network.read(Sequences(tokens, np.arange(len(tokens) + 1)), state)
        if not np.isfinite(outputs).all():
            raise ValueError("the outputs of language_model overflow: fit it with a lower learning_rate_init")
        return self.weight * log_softmax(outputs.astype(np.float64), axis=1), state


def beam_search(outputs, offsets, width, language=None):
    """The labels of prefix beam search, as `greedy` has them; with `Language` by its word, too."""
    width = _width_for(width, outputs.shape[1] - 1, int(np.diff(offsets).max()))
    codes, counts, outputs = np.full(len(outputs), -1), np.empty(len(offsets) - 1, int), np.ascontiguousarray(outputs)
    if language is None:
        ctc.beam_search(codes, counts, outputs, offsets, width)
    else:
        _search_with(language, codes, counts, outputs, offsets, width)
    inside = np.arange(len(codes)) < np.repeat(offsets[:-1] + counts, np.diff(offsets))
    return codes[inside], np.cumsum([0, *counts])


def _width_for(width, n_labels, n_steps):
    """How many beams are of use; an error if the search for them would not come to an end."""
    n_kept = useful_width(width, n_labels, n_steps)
    if n_kept**2 * n_steps > MOST_PAIRS:
        found = f"beam_width={width} compares up to {n_kept} beginnings of labels in each of {n_steps} steps"
        raise ValueError(f"{found}, which takes too long: set it to {isqrt(MOST_PAIRS // n_steps)} or less")
    return n_kept


def _search_with(language, labels, counts, outputs, offsets, width):
    """As `kernels.ctc.beam_search`, for the largest log p(labels) + weight * log p(labels and the end) to the model."""
    K, longest = outputs.shape[1], int(np.diff(offsets).max())
    tree, taken, logs = np.empty((longest * width + 1, 4), np.int64), np.empty((width, K), bool), np.empty(K)
    chosen, scores, (beams, others) = np.empty((width, 2), np.int64), np.empty(width), np.empty((2, width, 6))
    start = language.after(np.array([language.boundary]))
    for b, (first, last) in enumerate(pairwise(offsets)):
        ctc.begin(beams, scores, tree)
        n, n_nodes, (prior, state) = 1, 1, start
        for row in outputs[first:last]:
            n, n_nodes = ctc.advance(others, chosen, scores, beams, n, n_nodes, taken, logs, row, prior, tree)
            beams, others = others, beams
            picks, added = chosen[:n].T
            prior, state = prior[picks], state[:, picks]
            if (goes_on := added >= 0).any():
                prior[goes_on], state[:, goes_on] = language.after(added[goes_on], state[:, goes_on])
        best = np.argmax(scores[:n] + prior[:, -1])
        counts[b] = ctc.write_labels(labels[first:last], int(beams[best, 0]), tree)


def compared(codes, starts, truth, true_starts):
    """How many errors each sequence has, and how many true labels."""
    counts = np.diff(true_starts)
    errors, row = np.empty(len(counts), np.int64), np.empty(counts.max() + 1, np.int64)
    ctc.edit_distances(errors, codes, starts, truth, true_starts, row)
    return errors, counts


def one_minus_rate(errors, counts, weights):
    """The score: 1 minus the label error rate."""
    wrong, total = float(weights @ errors), float(weights @ counts)
    return 1 - wrong / total if total else float(wrong == 0)
