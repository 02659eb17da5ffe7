"""Partitions as they come: futures, delayed lists, bags and long frames; and answers in the same kind."""

from collections import Counter
from functools import partial
from uuid import uuid4

import numpy as np

from fastrnn import tables
from fastrnn.dask.shares import answered
from fastrnn.data import read_long
from fastrnn.tokens import pickle_in_dask
from fastrnn.wording import optional

dask, distributed = (optional(name, "fastrnn.dask needs Dask") for name in ("dask", "distributed"))
pickle_in_dask()
KINDS = "a list of futures or of delayed partitions, a bag, or a long dask.dataframe"


def kind_of(X, name="X"):
    """ "future", "delayed", "bag", "frame", or None for what lies in this process."""
    from dask.bag import Bag
    from dask.delayed import Delayed
    from dask.utils import is_dataframe_like

    if isinstance(X, Bag):
        return "bag"
    if isinstance(X, (Delayed, distributed.Future)):
        raise ValueError(f"{name} is one {type(X).__name__}: give a list of partitions, [{name}] if it is the only one")
    if dask.is_dask_collection(X):
        if is_dataframe_like(X):
            return "frame"
        raise ValueError(f"{name} is a {type(X).__name__} of Dask; expected {KINDS}")
    if not isinstance(X, (list, tuple)):
        return None
    kinds = Counter("future" if isinstance(x, distributed.Future) else "delayed" if isinstance(x, Delayed) else None
                    for x in X)  # fmt: skip
    if len(kinds) > 1:
        found = ", ".join(f"{n} {kind or 'local'}" for kind, n in kinds.items())
        raise ValueError(f"{name} mixes partitions of several kinds ({found}): give all in one kind")
    return next(iter(kinds), None)


def partitions(client, X, y, sample_weight, long):
    """Of each partition X, y and weights, or None, as futures."""
    if kind_of(X) == "frame":
        if not (y is None and sample_weight is None):
            raise ValueError("a long frame has its targets in target_col=, and no weights: leave y and them out")
        return _of_frame(client, X, long)
    return aligned(partial(futures, client), X=X, y=y, sample_weight=sample_weight)


def aligned(read, **given):
    """What `read` makes of each partition of what is given by name, or None; all must be like the first."""
    (first, whole), *others = given.items()
    parts, kind = [read(whole, first)], kind_of(whole, first)
    for name, beside in others:
        parts.append([None] * len(parts[0]) if beside is None else read(beside, name))
        if beside is not None and (found := kind_of(beside)) != kind:
            raise ValueError(f"{name} comes as {found}, but {first} as {kind}: give both in one kind")
        if len(parts[-1]) != len(parts[0]):
            raise ValueError(f"{name} has {len(parts[-1])} partitions, but {first} has {len(parts[0])}: give one each")
    return [*zip(*parts, strict=True)]


def _of_frame(client, X, long):
    """Those of a long frame, of which no id may be in two."""
    read = [dask.delayed(read_long, nout=3)(part, long) for part in X.to_delayed()]
    ids = check_ids(client, [ids for *_, ids in read], long.id_col)
    read = [part for part, own in zip(read, ids, strict=True) if own.size]  # a shuffle leaves empty ones
    X, y = (client.compute([part[k] for part in read]) for k in (0, 1))
    return [(*pair, None) for pair in zip(X, y, strict=True)]


def check_ids(client, ids, id_col):
    """Of each partition a delayed array of ids, none of which may be in two."""
    ids = client.gather(client.compute(ids))
    for who, n in Counter(one for own in ids for one in own.tolist()).items():
        if n > 1:
            raise ValueError(f"{id_col} {who} is in several partitions: use frame.shuffle({id_col!r}) first")
    return ids


def futures(client, X, name):
    """Its partitions."""
    found = lists(X, name)
    return found if kind_of(X) == "future" else client.compute(found)


def lists(X, name):
    """Its partitions, futures or delayed."""
    kind = kind_of(X, name)
    if kind is None:
        found = f"{name} lies in this process ({type(X).__name__}); expected {KINDS}"
        raise ValueError(f"{found}. For data of one machine, use the estimator of the same name without Dask")
    parts = X.to_delayed() if kind in ("bag", "frame") else X
    return [*map(dask.delayed(list), parts)] if kind == "bag" else [*parts]


def mapped(client, X, function, model, long):
    """What a function of a model and sequences makes of each partition, in the kind that these came in."""
    kind, name = kind_of(X), f"{function.__name__}-{uuid4().hex}"  # which the dashboard shows
    if kind == "future":
        model = client.scatter(model, broadcast=True, hash=False)
        return [client.submit(answered, function, k, model, part, key=f"{name}-{k}") for k, part in enumerate(X)]
    if kind == "delayed":
        model, told = dask.delayed(model), dask.delayed(answered)
        return [told(function, k, model, part, dask_key_name=f"{name}-{k}") for k, part in enumerate(X)]
    if kind == "bag":
        return X.map_partitions(lambda part, model: _items(function(model, list(part))), dask.delayed(model))
    from pandas import DataFrame

    # Of what it answers, one sequence of zeros tells the form.
    names = getattr(model, "feature_names_in_", None)
    zeros = np.zeros((model._sizes["steps"] or 1, model.n_features_in_))
    one = function(model, [DataFrame(zeros, columns=names)])  # with an index, if times are there
    meta = _table(X._meta_nonempty.iloc[:1], X._meta_nonempty[long.id_col].iloc[:1], one, [1], long)
    return X.map_partitions(partial(_of_long, meta.iloc[:0]), function, model, long, meta=meta)


def _items(answer):
    """An item for each sequence; of an answer to each column of y, a tuple."""
    return [*zip(*answer, strict=True)] if isinstance(answer, list) else [*answer]


def _of_long(empty, frame, function, model, long):
    """Of a partition of a long frame a row for each sequence or step, by its sequence's id."""
    if frame.empty:
        return empty
    X, _, ids = read_long(frame, long)
    return _table(frame, ids, function(model, X), [*map(len, X)], long)


def _table(frame, ids, rows, lengths, long):
    from pandas import DataFrame, Index

    if long.by_step:
        rows, ids = np.concatenate(rows), np.repeat(ids, lengths)
    rows = np.hstack(rows) if isinstance(rows, list) else rows
    columns = [long.target_col] if rows.ndim == 1 else list(range(rows.shape[1]))
    answers = DataFrame(rows.reshape(len(ids), -1), Index(ids, name=long.id_col), columns)
    if long.by_step:
        order = tables.in_time(frame, long.id_col, long.time_col)
        answers.insert(0, long.time_col, frame[long.time_col].to_numpy()[order])
    return answers
