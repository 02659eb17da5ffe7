"""What any model says of sequences, and which of it is to be explained."""

from numbers import Integral

import numpy as np
from sklearn.base import is_regressor
from sklearn.utils import Bunch

from fastrnn.sequences import as_objects
from fastrnn.wording import counted, shown

BLANK = "(blank)"


def answers_of(estimator, X, step):
    """What is said of each sequence (n, K): probabilities of classes, or numbers; or of one of its steps."""
    is_sure = hasattr(estimator, "predict_proba")
    if not is_sure and not is_regressor(estimator):
        kind = f"a {type(estimator).__name__}"
        raise TypeError(f"explained are probabilities or numbers, of a classifier or a regressor; {kind} has neither")
    said = (estimator.predict_proba if is_sure else estimator.predict)(X)
    if isinstance(said, list):
        raise ValueError(f"X has {len(said)} answers a sequence, but one is explained: pass a model of a single answer")
    if said.dtype == object or said.ndim == 3 or _is_of_steps(estimator):
        for k, rows in enumerate(said):
            if isinstance(step, bool) or not isinstance(step, Integral) or not -len(rows) <= step < len(rows):
                raise ValueError(f"step={shown(step)}, but X[{k}] has {counted(len(rows))}")
        said = np.stack([rows[step] for rows in said])
    return said.reshape(len(said), -1).astype(np.float64)


def _is_of_steps(estimator):
    """Whether a regressor, alone or within other models, has an answer for each step."""
    inner = getattr(estimator, "best_estimator_", getattr(estimator, "estimator", None))
    inner = estimator[-1] if hasattr(estimator, "steps") else inner
    return getattr(estimator, "return_sequences", False) if inner is None else _is_of_steps(inner)


def labels_of(estimator, said):
    """What the columns of answers (n, K) are called: classes, of a `SequenceTranscriber` with BLANK, or numbers."""
    classes = getattr(estimator, "classes_", None) if hasattr(estimator, "predict_proba") else None
    if classes is None:
        return np.arange(said.shape[1])
    return np.array([*classes, BLANK], object) if said.shape[1] == len(classes) + 1 else np.asarray(classes)


def columns_of(estimator, said, target):
    """Of each row of answers (n, K) the column that is asked for."""
    if target is None:
        return said.argmax(axis=1) if hasattr(estimator, "predict_proba") else np.zeros(len(said), np.int64)
    known, targets = labels_of(estimator, said).tolist(), np.asarray(target).tolist()
    targets = targets if isinstance(targets, list) else [targets] * len(said)
    if len(targets) != len(said):
        raise ValueError(f"target has {len(targets)} entries for {len(said)} sequences: give one, or one for each")
    for one in targets:
        if one not in known:
            raise ValueError(f"target={shown(one)}; expected one of {shown(known, 200)}")
    return np.array([known.index(one) for one in targets])


def explained(estimator, said, columns, attributions, is_flat, **more):
    """The answers (n, K) in one column each, and each sequence's attributions, (T, C) or flat, (T,)."""
    targets, attributions = labels_of(estimator, said)[columns], [a[:, 0] if is_flat else a for a in attributions]
    predictions = said[np.arange(len(said)), columns]
    return Bunch(attributions=as_objects(attributions), predictions=predictions, targets=targets, **more)
