"""Columns of categories beside numbers: their codes, their vectors, and what is none of them."""

import pickle

import numpy as np
import pytest
from samples import assert_same_bits
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GridSearchCV

import fastrnn
from fastrnn import SequenceClassifier, SequenceEnsemble, SequenceRegressor, SequenceTagger, SequenceToSequence, threads
from fastrnn.data import SequenceFiles
from fastrnn.interchange import to_onnx, to_torch
from fastrnn.layers.categories import width_for

pd = pytest.importorskip("pandas")
SMALL = {"hidden_size": 7, "max_iter": 2, "random_state": 0}
ONE_WAY = {**SMALL, "bidirectional": False}
SIGNS = np.array([1, -1, -1, 1, -1, 1])
"""Of each category: whether it adds what stands beside it, or takes it off."""


def signed(n=60, seed=0, longest=9):
    """Ragged sequences (T, 3) with a category, 10 times its number, in column 1; whether the signed sum is positive."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for length in rng.integers(1, longest, n):
        codes, rest = rng.integers(0, SIGNS.size, length), rng.standard_normal((length, 2))
        X.append(np.insert(rest, 1, 10 * codes, axis=1))
        y.append(int((rest[:, 0] * SIGNS[codes]).sum() > 0))
    y[:2] = 0, 1
    return X, np.array(y)


def framed(X, kind=str):
    """Frames of them, with texts in place of the categories."""
    texts = np.array(list("fbdace"), object)
    frames = [pd.DataFrame(x, columns=["u", "c", "v"]) for x in X]
    for frame, x in zip(frames, X, strict=True):
        frame["c"] = pd.Series(texts[(x[:, 1] // 10).astype(int)], dtype=kind)
    return frames


def read_by_hand(model, x):
    """What the stack reads of x (T, I) with one column of categories: numbers, and each category's vector."""
    (k,) = np.flatnonzero(model.is_categorical_)
    table = model.network_.encoder.categories.parameters[f"weight_{k}"]
    other, known = table[0] + table[1:].mean(axis=0), model.categories_[0].tolist()
    vectors = [table[1 + known.index(value)] if value in known else other for value in x[:, k]]
    return np.hstack([np.delete((x - model._X_mean) / model._X_scale, k, axis=1), vectors])
