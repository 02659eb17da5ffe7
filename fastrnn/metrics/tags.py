"""Scores of labels that each step has: over all steps of all sequences, or over the spans that tags mark."""

import sys
from functools import partial, wraps
from weakref import WeakValueDictionary

import numpy as np

from fastrnn import tables
from fastrnn.lists import are_missing, by_step, check_listed, is_sequence, refuse_masked
from fastrnn.wording import shown

MARKS = {"IOB2": "BI", "IOBES": "BIES"}
"""What stands before the type of a tag, by scheme."""
WHOLE = {"IOB2": {"BB", "BI"}, "IOBES": {"SS", "BE"}}
"""The first and the last mark of a span, where tags must follow the scheme."""
AVERAGES = "micro", "macro", "weighted", None
OF_STEPS = WeakValueDictionary()
"""Arrays (n, T) or (n, T, K) that a regressor predicts for steps, by their ids: they look like vectors of sequences."""


def step_score(metric, y_true, y_pred, *, sample_weight=None, **options):
    """Compute a metric of scikit-learn over the steps of all sequences.

    Steps without a true label, which is None, NaN or NA then, do not count. Of the probabilities of two labels,
    scikit-learn's metrics are given those of the second, as by its scorers.

    Parameters
    ----------
    metric : callable
        A metric, ``metric(y_true, y_pred, **options)``, such as `sklearn.metrics.f1_score`.
    y_true, y_pred : list of n arrays of shape (T_i,) or (T_i, K), or array or frame of shape (n, T)
        The true labels of each step, and the predicted ones.
    sample_weight : array-like of shape (n,) or list of n arrays of shape (T_i,), default=None
        A weight for each sequence, which each of its steps has, or for each step. None gives all the same weight.
    **options : dict
        What else the metric takes, such as ``average="macro"``.

    Returns
    -------
    float, or what the metric returns
        The score.

    Raises
    ------
    ValueError
        If there are not as many sequences, or steps of one, in y_true as in y_pred, or not as many weights.

    Examples
    --------
    >>> from sklearn.metrics import accuracy_score
    >>> from fastrnn.metrics import step_score
    >>> step_score(accuracy_score, [["DET", "NOUN"], ["VERB", "NOUN"]], [["DET", "NOUN"], ["VERB", "ADV"]])
    0.75
    """
    true, said, offsets = _joined(y_true, y_pred)
    if _is_of_scikit_learn(metric) and true.ndim == 1 and said.shape[1:] == (2,):
        said = said[:, 1]
    there = _are_there(true)
    if sample_weight is not None:
        options["sample_weight"] = _of_steps(sample_weight, np.diff(offsets))[there]
    true = true[there] if true.dtype != object else np.array(true[there].tolist())  # of their own type again
    return metric(true, said[there], **options)


def _are_there(labels):
    """Which steps (S,) have all of their labels (S,) or (S, K), which are None or NaN where they are missing."""
    missing = are_missing(labels)
    if missing.all():
        raise ValueError("y_true has no label: each is None or NaN")
    return ~missing.reshape(len(labels), -1).any(axis=1)


def _of_steps(weights, lengths):
    """A weight for each step, of weights of sequences or of their steps."""
    check_listed(weights, "sample_weight", "a list, of a weight for each sequence or of those of its steps")
    weights = by_step(weights) or weights
    if len(weights) != len(lengths):
        raise ValueError(f"sample_weight has {len(weights)} entries for {len(lengths)} sequences: give one for each")
    for k, (own, n) in enumerate(zip(weights, lengths, strict=True)):
        if (shape := np.shape(own)) not in ((), (n,)):
            raise ValueError(f"sample_weight[{k}] has shape {shape}, but y_true[{k}] has {n} steps: give as many")
    return np.concatenate([np.broadcast_to(own, n) for own, n in zip(weights, lengths, strict=True)])


def span_f1_score(y_true, y_pred, *, average="micro", mode="lenient", scheme="IOB2", labels=None, zero_division="warn"):
    """Compute the F1 of the spans that tags mark, such as the names in a text.

    A predicted span is right if there is a true one with the same type, first step and last step. F1 is the harmonic
    mean of `span_precision_score` and `span_recall_score`.

    Parameters
    ----------
    y_true, y_pred : list of n sequences of str, of length T_i
        The true tags of each step, and the predicted ones: "O" for a step outside of all spans, else a mark and a type,
        such as "B-city". The mark is B at the beginning of a span, I inside it, and in IOBES also E at its end, and S
        for a span of one step. A mark alone is a type too.
    average : {"micro", "macro", "weighted"} or None, default="micro"
        How the scores of the types become one, as in scikit-learn. "micro" counts the spans of all types together,
        "macro" is the mean over the types, "weighted" the mean weighted by the numbers of true spans. None returns the
        score of each type.
    mode : {"lenient", "strict"}, default="lenient"
        What is a span where tags do not follow the scheme. "lenient" is the rule of conlleval: a tag that cannot
        continue a span begins one, so that "O I-city" is a span. "strict" takes spans alone that follow `scheme` from
        their first step to their last.
    scheme : {"IOB2", "IOBES"}, default="IOB2"
        The tags that there are in mode "strict". Mode "lenient" reads both.
    labels : list of str, default=None
        The types that count, in the order of the result if average=None. None takes those of y_true and y_pred, sorted.
    zero_division : {"warn", 0.0, 1.0, np.nan}, default="warn"
        The score where there is no span to divide by. "warn" is 0 with a warning.

    Returns
    -------
    float, or ndarray of shape (n_types,)
        The score, or one for each type if average=None.

    Raises
    ------
    ValueError
        If there are not as many sequences, or tags of one, in y_true as in y_pred, or if a tag has an unknown mark. The
        message names the sequence and the step.

    Warns
    -----
    UndefinedMetricWarning
        If there is no span to divide by, and `zero_division` is "warn".

    Notes
    -----
    Counts are those of the library seqeval: its default mode is "lenient" here, and its ``mode="strict"`` with a scheme
    is "strict".

    References
    ----------
    Tjong Kim Sang, E. F. and Buchholz, S. (2000). Introduction to the CoNLL-2000 shared task: chunking. CoNLL-2000,
    127-132. (Its program conlleval has the rule of mode "lenient".)

    Examples
    --------
    >>> from fastrnn.metrics import span_f1_score
    >>> true = [["B-city", "I-city", "O", "B-day"], ["O", "B-day", "I-day"]]
    >>> found = [["B-city", "I-city", "O", "O"], ["O", "I-day", "I-day"]]
    >>> round(span_f1_score(true, found), 3)
    0.8
    >>> span_f1_score(true, found, mode="strict")
    0.5
    >>> span_f1_score(true, found, average=None)
    array([1.        , 0.66666667])
    """
    return _of_spans("f1_score", y_true, y_pred, mode, scheme, labels, average=average, zero_division=zero_division)


def span_precision_score(
    y_true, y_pred, *, average="micro", mode="lenient", scheme="IOB2", labels=None, zero_division="warn"
):
    """Compute the fraction of the predicted spans that are right.

    Parameters
    ----------
    y_true, y_pred : list of n sequences of str, of length T_i
        The true tags of each step, and the predicted ones, as for `span_f1_score`.
    average : {"micro", "macro", "weighted"} or None, default="micro"
        How the scores of the types become one, as for `span_f1_score`.
    mode : {"lenient", "strict"}, default="lenient"
        What is a span where tags do not follow the scheme, as for `span_f1_score`.
    scheme : {"IOB2", "IOBES"}, default="IOB2"
        The tags that there are in mode "strict". Mode "lenient" reads both.
    labels : list of str, default=None
        The types that count, in the order of the result if average=None. None takes those of y_true and y_pred, sorted.
    zero_division : {"warn", 0.0, 1.0, np.nan}, default="warn"
        The score where there is no predicted span. "warn" is 0 with a warning.

    Returns
    -------
    float, or ndarray of shape (n_types,)
        The score, or one for each type if average=None.

    Raises
    ------
    ValueError
        As for `span_f1_score`.

    Warns
    -----
    UndefinedMetricWarning
        If there is no predicted span, and `zero_division` is "warn".

    Examples
    --------
    >>> from fastrnn.metrics import span_precision_score
    >>> span_precision_score([["B-city", "I-city", "O", "B-day"]], [["B-city", "I-city", "O", "O"]])
    1.0
    """
    options = {"average": average, "zero_division": zero_division}
    return _of_spans("precision_score", y_true, y_pred, mode, scheme, labels, **options)


def span_recall_score(
    y_true, y_pred, *, average="micro", mode="lenient", scheme="IOB2", labels=None, zero_division="warn"
):
    """Compute the fraction of the true spans that are found.

    Parameters
    ----------
    y_true, y_pred : list of n sequences of str, of length T_i
        The true tags of each step, and the predicted ones, as for `span_f1_score`.
    average : {"micro", "macro", "weighted"} or None, default="micro"
        How the scores of the types become one, as for `span_f1_score`.
    mode : {"lenient", "strict"}, default="lenient"
        What is a span where tags do not follow the scheme, as for `span_f1_score`.
    scheme : {"IOB2", "IOBES"}, default="IOB2"
        The tags that there are in mode "strict". Mode "lenient" reads both.
    labels : list of str, default=None
        The types that count, in the order of the result if average=None. None takes those of y_true and y_pred, sorted.
    zero_division : {"warn", 0.0, 1.0, np.nan}, default="warn"
        The score where there is no true span. "warn" is 0 with a warning.

    Returns
    -------
    float, or ndarray of shape (n_types,)
        The score, or one for each type if average=None.

    Raises
    ------
    ValueError
        As for `span_f1_score`.

    Warns
    -----
    UndefinedMetricWarning
        If there is no true span, and `zero_division` is "warn".

    Examples
    --------
    >>> from fastrnn.metrics import span_recall_score
    >>> span_recall_score([["B-city", "I-city", "O", "B-day"]], [["B-city", "I-city", "O", "O"]])
    0.5
    """
    options = {"average": average, "zero_division": zero_division}
    return _of_spans("recall_score", y_true, y_pred, mode, scheme, labels, **options)


def make_tagging_scorer(metric, **options):
    """Make a scorer of a metric, for `cross_val_score`, `GridSearchCV` and all that takes ``scoring=``.

    Parameters
    ----------
    metric : callable
        A metric of scikit-learn, which is computed over the steps of all sequences as by `step_score`. Any other
        function, such as `span_f1_score` or one of your own, gets the sequences of labels as they are.
    **options : dict
        What `sklearn.metrics.make_scorer` takes, such as ``greater_is_better=False`` for an error, and what the metric
        takes, such as ``average="macro"``.

    Returns
    -------
    scorer : callable
        A function ``scorer(estimator, X, y)`` that returns a number, the larger the better.

    See Also
    --------
    step_score : The score of labels that are there.

    Notes
    -----
    The names of scikit-learn's scorers work as well: ``scoring="f1_macro"`` is the score over all steps.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from fastrnn import SequenceTagger
    >>> from fastrnn.metrics import make_tagging_scorer, span_f1_score
    >>> X = [[0.1, 0.9, 0.2], [0.8, 0.3], [0.2, 0.1, 0.9, 0.7], [0.1, 0.9]] * 5
    >>> y = [["B-high" if step > 0.5 else "O" for step in x] for x in X]
    >>> tagger = SequenceTagger(hidden_size=4, max_iter=30, learning_rate_init=0.05, random_state=0)
    >>> cross_val_score(tagger, X, y, cv=2, scoring=make_tagging_scorer(span_f1_score))
    array([1., 1.])
    """
    from sklearn.metrics import make_scorer

    return make_scorer(partial(step_score, metric) if _is_of_scikit_learn(metric) else metric, **options)


def join_steps_in_scorers():
    """Have scikit-learn's scorers compare steps where a prediction is a sequence each.

    A scorer hands y and the predictions to its metric as they are, and metrics refuse ragged ones; there is no place
    where an estimator could say how the two are to be compared.  So this puts a property over an attribute of scorers
    that is not public.  It changes what was an error before, and nothing else.  A scorer asks for an estimator's tags
    first, and only then for the attribute: so the tagger's tags call this, and nothing is imported for it.
    """
    base = getattr(sys.modules.get("sklearn.metrics._scorer"), "_BaseScorer", None)
    if base is not None and not hasattr(base, "_score_func"):
        base._score_func = property(_metric_of, _keep)


def _metric_of(scorer):
    metric = vars(scorer)["_score_func"]

    @wraps(metric)
    def joining(y_true, y_pred, **options):
        is_listed = isinstance(y_pred, np.ndarray) and y_pred.dtype.kind == "O" and y_pred.ndim == 1
        is_of_steps = is_listed and any(map(np.ndim, y_pred[:1])) or OF_STEPS.get(id(y_pred)) is y_pred
        return step_score(metric, y_true, y_pred, **options) if is_of_steps else metric(y_true, y_pred, **options)

    joining.plain = metric
    return joining if _is_of_scikit_learn(metric) else metric


def _keep(scorer, metric):
    vars(scorer)["_score_func"] = getattr(metric, "plain", metric)  # which can be pickled


def _is_of_scikit_learn(metric):
    return (getattr(metric, "__module__", None) or "").startswith("sklearn.")


def _joined(y_true, y_pred):
    """The labels of all steps, true and predicted, and where each sequence's begin, (n + 1,)."""
    for name, y in (("y_true", y_true), ("y_pred", y_pred)):
        check_listed(y, name, "a list of sequences of labels")
    y_true, y_pred = (y if tables.labels(y) is None else np.asarray(y) for y in (y_true, y_pred))
    if len(y_true) != len(y_pred) or len(y_true) == 0:
        raise ValueError(f"y_true has {len(y_true)} sequences, y_pred {len(y_pred)}: give as many, and one at least")
    for k, (true, said) in enumerate(zip(y_true, y_pred, strict=True)):
        for name, labels in (("y_true", true), ("y_pred", said)):
            refuse_masked(labels, f"{name}[{k}]")
            if not is_sequence(labels):
                found = f"{name}[{k}] is {shown(labels)}, one label, but one for each step is expected"
                raise ValueError(f"{found}: pass [{name}] if it is one sequence")
        if len(true) != len(said):
            raise ValueError(f"y_pred[{k}] has {len(said)} labels, but y_true[{k}] has {len(true)}: give one a step")
    offsets = np.cumsum([0, *map(len, y_true)])
    return *(np.concatenate([*map(_as_labels, y)]) for y in (y_true, y_pred)), offsets


def _as_labels(labels):
    """An array, in which what is missing among texts is no text."""
    array = np.asarray(labels)
    return array if array.dtype.kind != "U" or array is labels else np.asarray(labels, object)


def _of_spans(metric, y_true, y_pred, mode, scheme, types, **options):
    """A metric of scikit-learn, by name, whose samples are the spans, true and predicted: of their type, or of none."""
    import sklearn.metrics

    given = {"mode": mode, "scheme": scheme, "average": options["average"]}
    for name, known in {"mode": ("lenient", "strict"), "scheme": (*MARKS,), "average": AVERAGES}.items():
        if (value := given[name]) not in known:
            raise ValueError(f"{name}={shown(value)}; expected one of {', '.join(map(repr, known))}")
    marks, whole = ("BIES", None) if mode == "lenient" else (MARKS[scheme], WHOLE[scheme])
    *joined, offsets = _joined(y_true, y_pred)
    found = [_spans(tags, offsets, name, marks, whole) for tags, name in zip(joined, ("y_true", "y_pred"), strict=True)]
    every = sorted(set.union(*found))
    samples = [[span[2] if span in own else "" for span in every] or [""] for own in found]
    types = sorted({span[2] for span in every}) or ["_"] if types is None else list(types)
    return getattr(sklearn.metrics, metric)(*samples, labels=types, **options)


def _spans(tags, offsets, name, marks, whole):
    """The spans that the tags of all steps mark, each its first and last step, and its type."""
    kinds, codes = np.unique(tags.astype(str), return_inverse=True)
    for code, tag in enumerate(kinds):
        if tag != "O" and (tag[:1] not in {*marks} or tag[1:2] not in ("", "-")):
            k = int(np.searchsorted(offsets, step := int(np.argmax(codes == code)), "right")) - 1
            expected = f"'O', or {', '.join(marks)} before a type, as in 'B-city'"
            raise ValueError(f"{name}[{k}] holds the tag {shown(tag)} at step {step - offsets[k]}; expected {expected}")
    mark, kind = (np.array([part(tag) for tag in kinds])[codes] for part in (lambda tag: tag[0], lambda tag: tag[2:]))
    is_in, follows = mark != "O", np.ones(len(tags), bool)
    follows[offsets[offsets < len(tags)]] = False
    follows &= ~np.isin(np.roll(mark, 1), ["O", "E", "S"]) & (np.roll(kind, 1) == kind) & ~np.isin(mark, ["B", "S"])
    is_first = is_in & ~follows
    is_last = is_in & np.append(~is_in[1:] | is_first[1:], True)
    runs = zip(np.flatnonzero(is_first), np.flatnonzero(is_last), strict=True)
    return {(a, b, kind[a] or "_") for a, b in runs if whole is None or mark[a] + mark[b] in whole}
