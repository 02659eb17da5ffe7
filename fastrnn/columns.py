"""The columns' names of frames that hold a sequence each, as scikit-learn keeps and checks those of a table."""

import numpy as np
from sklearn.utils.validation import _check_feature_names

from fastrnn.tables import labels, library_of, refuse_long, refuse_twice
from fastrnn.wording import shown


def check_names(estimator, X, *, reset):
    """Keep the names of the columns that all frames in X have, or compare them with those of the fit.

    Raises
    ------
    ValueError
        If the frames' columns differ, a name is there twice, or names are not those of the fit or in another order.
    TypeError
        If some names are strings and some are not.

    Warns
    -----
    UserWarning
        If only the fit was on frames, or only X has them.
    """
    frame = common(X)
    if frame is None and not reset and not hasattr(estimator, "feature_names_in_"):
        return  # scikit-learn would take 30 us to find nothing
    _check_feature_names(estimator, np.empty((0, 0)) if frame is None else frame, reset=reset)


def common(X, name="X"):
    """The first of the sequences, if it is a frame as all others are, with columns as all others have."""
    if isinstance(X, np.ndarray) and X.dtype != object or not any(map(library_of, set(map(type, X)))):
        return None
    found = [None if type(x) is np.ndarray else labels(x, f"{name}[{k}]") for k, x in enumerate(X)]
    for k, (x, its) in enumerate(zip(X, found, strict=True)):
        if k and its == found[0]:
            continue
        refuse_twice(its or (), f"{name}[{k}]")
        if k and any(isinstance(label, str) for label in (*(its or ()), *(found[0] or ()))):
            refuse_long(x, f"{name}[{k}]")
            has, first = ("no column names" if c is None else f"the columns {shown(c)}" for c in (its, found[0]))
            raise ValueError(f"{name}[{k}] has {has}, but {name}[0] has {first}: give all the same, in the same order")
    return None if found[0] is None else next(iter(X))
