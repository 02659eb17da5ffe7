"""Sequences of labels that nobody has aligned: as y holds them, read from outputs, and compared."""

import numpy as np

from fastrnn import tables
from fastrnn.base.labels import as_labels, check_as_many, check_given, union
from fastrnn.kernels import ctc
from fastrnn.lists import is_sequence
from fastrnn.wording import shown


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
