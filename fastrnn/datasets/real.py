"""Load the data sets in `data/`. Its README names sources, licences and formats."""

from importlib.resources import files

import numpy as np


def load_japanese_vowels(split=None):
    """Load Japanese Vowels: recordings of nine speakers who say /ae/. The task is to tell who speaks.

    There are 640 utterances of 7 to 29 frames. Each frame has 12 LPC cepstrum coefficients (10 kHz, frames of 25.6 ms
    every 6.4 ms). Sequences have the lengths that were recorded. They are neither padded nor scaled.

    Parameters
    ----------
    split : {"train", "test"} or None, default=None
        The authors' training set (270 utterances, 30 of each speaker), their test set (370), or both, with the training
        set first.

    Returns
    -------
    X : list of ndarray of shape (T_i, 12), float64
        The coefficients, which have no unit.
    y : ndarray of shape (n,), int64
        The speakers, 1 to 9.

    Raises
    ------
    ValueError
        If `split` is none of these.

    Notes
    -----
    Authors: Mineichi Kudo, Jun Toyama and Masaru Shimbo. Licence: Creative Commons Attribution
    4.0 (https://creativecommons.org/licenses/by/4.0/). Changes made: the text files were turned
    into a binary one that keeps every digit.

    References
    ----------
    Kudo, M., Toyama, J. and Shimbo, M. (1999). Japanese Vowels. UCI Machine Learning Repository.
    https://doi.org/10.24432/C5NS47

    Kudo, M., Toyama, J. and Shimbo, M. (1999). Multidimensional curve classification using
    passing-through regions. Pattern Recognition Letters 20(11-13), 1103-1111.

    Examples
    --------
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels("train")
    >>> len(X), X[0].shape, X[1].shape
    (270, (20, 12), (26, 12))
    >>> y[:3].tolist()
    [1, 1, 1]
    """
    parts = {"train": slice(270), "test": slice(270, None), None: slice(None)}
    if not isinstance(split, str | None) or split not in parts:
        raise ValueError(f"split is {split!r}, but must be 'train', 'test' or None for both")
    with (files(__package__) / "data" / "japanese_vowels.npz").open("rb") as file, np.load(file) as stored:
        millionths = ((stored["high"].astype(np.int64) << 16) + stored["low"]).cumsum(axis=0)
        lengths, speakers = stored["lengths"], stored["speakers"].astype(np.int64)
    # Division, not a product with 1e-6: it gives the very double that the decimal text reads as.
    return np.split(millionths / 1e6, np.cumsum(lengths)[:-1])[parts[split]], speakers[parts[split]]


def load_air_passengers():
    """Load the monthly totals of international airline passengers, 1949 to 1960.

    The series has a trend and a yearly season, and both grow. It is the usual first series of forecasting.

    Returns
    -------
    y : ndarray of shape (144,), float64
        Thousands of passengers in each month.
    months : ndarray of shape (144,), datetime64[M]
        January 1949 to December 1960.

    References
    ----------
    Box, G. E. P. and Jenkins, G. M. (1976). Time Series Analysis: Forecasting and Control.
    Holden-Day. Series G.

    Examples
    --------
    >>> from fastrnn.datasets import load_air_passengers
    >>> y, months = load_air_passengers()
    >>> y[:3].tolist(), str(months[0]), str(months[-1])
    ([112.0, 118.0, 132.0], '1949-01', '1960-12')
    """
    with (files(__package__) / "data" / "air_passengers.csv").open(encoding="ascii") as file:
        months, passengers = np.loadtxt(file, str, delimiter=",", skiprows=1, unpack=True)
    return passengers.astype(np.float64), months.astype("datetime64[M]")
