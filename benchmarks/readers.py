"""Read the N-to-1 sets of a data folder, one subfolder a set, in their published split.

Nothing is scaled or cleaned: what a reader returns is what the files say. Words and characters
become integer ids, learned on the training part; id 0 is for all that the training part does not
have, and for what it has only once, so that this id is trained too.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

UNKNOWN = 0


@dataclass(frozen=True)
class Split:
    """A set in its training and test parts."""

    X_train: list | np.ndarray
    y_train: np.ndarray
    X_test: list | np.ndarray
    y_test: np.ndarray


def read_ts_split(data, name, target=str):
    """Read ``name/name_TRAIN.ts`` and ``name/name_TEST.ts`` of the folder ``data``."""
    parts = (read_ts(Path(data) / name / f"{name}_{part}.ts", target) for part in ("TRAIN", "TEST"))
    return Split(*(array for part in parts for array in part))


def read_ts(path, target=str):
    """Read a time series file of the UEA archive in its ``.ts`` text format.

    Lines that start with ``#`` or ``@`` are the header; after ``@data`` comes a series a line,
    channels separated by ``:``, values by ``,``; the last ``:`` field is the label or target.

    Returns
    -------
    X : ndarray of shape (n, T), or list of ndarray of shape (T_i, I)
        The panel where all series have one channel and the same length, else a list.
    y : ndarray of shape (n,)
        Labels (strings), or numbers where ``target`` is float.

    Raises
    ------
    ValueError
        If a value is missing, infinite or no number, or channels have different lengths.
    """
    with open(path, encoding="utf-8") as lines:
        rows = [line.strip() for line in lines if line.strip() and line[0] not in "#@"]
    X, y = [], []
    for i, row in enumerate(rows):
        *channels, label = row.split(":")
        X.append(_series(channels, f"{Path(path).name}, series {i}"))
        y.append(target(label))
    if all(x.shape == (len(X[0]), 1) for x in X):
        X = np.stack([x[:, 0] for x in X])
    return X, np.array(y)


def _series(channels, where):
    # "?" is a missing value, which is refused below, with its place.
    columns = [np.array(channel.replace("?", "nan").split(","), float) for channel in channels]
    if len({column.size for column in columns}) > 1:
        raise ValueError(f"{where}: channels have {[column.size for column in columns]} values")
    series = np.stack(columns, axis=1)
    if not np.isfinite(series).all():
        step, channel = np.argwhere(~np.isfinite(series))[0]
        raise ValueError(f"{where}: {series[step, channel]} at step {step}, channel {channel}")
    return series


def read_snips_intents(data):
    """Read the SNIPS requests as ids of lower-cased words, and their intents (train and test)."""
    train, test = (_snips_part(Path(data) / "SNIPS" / part) for part in ("train", "test"))
    return encode(train, test)


def _snips_part(folder):
    texts = (folder / "seq.in").read_text(encoding="utf-8").splitlines()
    labels = (folder / "label").read_text(encoding="utf-8").splitlines()
    return [text.lower().split() for text in texts], [label.strip() for label in labels]


def read_names18(data):
    """Read the surnames as ids of characters, and their languages.

    The split its README proposes: in each file the 0-based line i is for the test if i % 5 == 4.
    """
    train, test = ([], []), ([], [])
    for path in sorted((Path(data) / "names18").glob("*.txt")):
        for i, name in enumerate(path.read_text(encoding="utf-8").splitlines()):
            names, languages = test if i % 5 == 4 else train
            names.append(list(name.strip()))
            languages.append(path.stem)
    return encode(train, test, least=10)


def encode(train, test, least=2):
    """Turn (token lists, labels) of both parts into a `Split` of ids: of tokens that the first has `least` times."""
    counts = Counter(token for tokens in train[0] for token in tokens)
    known = sorted(token for token, count in counts.items() if count >= least)
    ids = {token: i for i, token in enumerate(known, start=UNKNOWN + 1)}

    def rows(token_lists):
        return [np.array([ids.get(token, UNKNOWN) for token in tokens]) for tokens in token_lists]

    return Split(rows(train[0]), np.array(train[1]), rows(test[0]), np.array(test[1]))
