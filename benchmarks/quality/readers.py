"""Read the sets of series of a data folder, one subfolder a set, in their published split.

Nothing is scaled or cleaned: what a reader returns is what the files say.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Split:
    """A set in its training and test parts; y is None where the data are what is to be predicted."""

    X_train: list | np.ndarray
    y_train: list | np.ndarray | None
    X_test: list | np.ndarray
    y_test: list | np.ndarray | None


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
