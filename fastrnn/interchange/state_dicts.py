"""Weights as state dicts of PyTorch."""

import re
from collections.abc import Mapping

from fastrnn.interchange.weights import Filling, as_arrays, few, matrix_shape, refuse_cell, refuse_zoneout, weights_of
from fastrnn.layers import GRU, LSTM, RNN


def to_torch(estimator, *, names=None):
    """Get the weights of a fitted estimator as the state dict of a PyTorch module.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator of fastrnn.
    names : dict of str to str, default=None
        What the module calls the parts of the network, for example ``{"recurrent": "lstm", "head": "fc"}``; "" is the
        module itself. Parts that are not named keep their names: "embedding" (an `nn.Embedding`), "recurrent" (an
        `nn.RNN`, `nn.LSTM` or `nn.GRU`) and "head" (an `nn.Linear`). ``to_torch(estimator)`` lists the parts of
        decoders, characters, attention and CRF.

    Returns
    -------
    dict of str to ndarray
        For ``module.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})``.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is not an estimator of fastrnn.
    ValueError
        If PyTorch has no such layer: for other cells than "lstm", "gru" and "rnn", or nonlinearity="sigmoid". Also if
        the model reads patches (`patch_length`).

    See Also
    --------
    from_torch : The way back.

    Notes
    -----
    The module returns what the head returns. For a `SequenceRegressor` or a `SequenceAutoencoder` this is the
    prediction, because mean and scale of the target are folded into the head. For a classifier of two classes it is the
    log-odds of the second class, for more classes the logits. The module must compute the readout itself, which has no
    weights: "last" is the last state of both directions, `h_n`. For a `SequenceForecaster` it is the network alone,
    without trend, season and scale.

    `normalize_X` is folded into the first layer. In float32, an offset that is a million times the spread loses digits
    there: subtract it from X beforehand.

    Examples
    --------
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> from fastrnn.interchange import from_torch, to_torch
    >>> X, y = load_japanese_vowels(split="train")
    >>> clf = SequenceClassifier(cell="lstm", hidden_size=8, max_iter=5, random_state=0).fit(X, y)
    >>> state = to_torch(clf, names={"recurrent": "lstm", "head": "fc"})
    >>> list(state)[:2], state["fc.weight"].shape
    (['lstm.weight_ih_l0', 'lstm.weight_hh_l0'], (9, 16))
    >>> new = SequenceClassifier(cell="lstm")
    >>> new = from_torch(new, state, names={"recurrent": "lstm", "head": "fc"}, classes=clf.classes_)
    >>> bool(abs(new.predict_proba(X) - clf.predict_proba(X)).max() < 1e-5)
    True
    """
    weights = weights_of(estimator, "PyTorch")
    shown = _named(estimator._shape, names, weights)
    return {shown[key]: array for key, array in weights.items()}


def from_torch(estimator, state_dict, *, names=None, classes=None):
    """Give an estimator the weights of a PyTorch module, or a layer those of its RNN, LSTM or GRU.

    The estimator may be fitted already, or new. A new one takes the number of features or tokens and of outputs from
    the shapes of the weights. Afterwards it is fitted: `partial_fit` and `warm_start` go on from these weights.

    Its parameters must be those of the module: cell, hidden_size, proj_size, num_layers, bidirectional, bias,
    nonlinearity, embedding_dim, crf and readout. Where hidden_size, num_layers, embedding_dim or crf of a new estimator
    is "auto", the weights say what it is, for this network: a clone, and a later `fit`, decide anew. No shape tells
    readout and nonlinearity: if they are wrong, predictions are wrong without an error. A head that reads `h_n` is
    readout="last". A generator's `stateful` must be set, too.

    Parameters
    ----------
    estimator : estimator, or RNN, LSTM or GRU of fastrnn.layers
        An estimator of fastrnn. A new one must be a `SequenceClassifier`, `SequenceRegressor`, `SequenceTagger` or
        `SequenceGenerator`. A `VectorToSequence` of numbers keeps the unit of its y. A `SequenceOutlierDetector` is
        refused, for its threshold is one of other weights. Or a layer, for a module of another form.
    state_dict : mapping of str to tensor or array
        The weights, ``module.state_dict()``.
    names : dict of str to str, default=None
        What the module calls the parts of the network, as for `to_torch`. For a layer, which is the part "recurrent",
        other names of the state dict are left aside if its own is given.
    classes : array-like of shape (n_classes,), default=None
        The labels, in the order of the rows of the head. None takes 0, 1, and so on. If the head has one row, a
        logistic output, it gives the probability of the second of two labels. A new estimator gives one label: for
        several at once (multi-label, multi-output), fit it on such y first.

    Returns
    -------
    estimator
        The estimator that was given, fitted now. Its `loss_curve_` is empty, and `n_iter_` is 0. A regressor predicts
        what the module returns. Or the layer.

    Raises
    ------
    ValueError
        If names are missing or unknown, if shapes do not fit the parameters, or if values are not finite floating-point
        numbers. Nothing has changed then.

    See Also
    --------
    to_torch : The way back.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import SequenceRegressor
    >>> from fastrnn.interchange import from_torch
    >>> rng = np.random.default_rng(0)
    >>> state = {  # torch.nn.ModuleDict({"recurrent": nn.RNN(1, 4), "head": nn.Linear(4, 1)}).state_dict()
    ...     "recurrent.weight_ih_l0": rng.normal(size=(4, 1)), "recurrent.weight_hh_l0": rng.normal(size=(4, 4)),
    ...     "recurrent.bias_ih_l0": np.zeros(4), "recurrent.bias_hh_l0": np.zeros(4),
    ...     "head.weight": np.ones((1, 4)), "head.bias": np.zeros(1),
    ... }
    >>> reg = from_torch(SequenceRegressor(cell="rnn"), state)
    >>> reg.predict([[0.5, 1.0, 0.2], [0.1]]).shape
    (2,)
    >>> from fastrnn.layers import RNN
    >>> from_torch(RNN(1, 4), state, names={"recurrent": "recurrent"})(np.ones((3, 1)))[0].shape
    (3, 4)
    """
    if not isinstance(state_dict, Mapping):
        raise ValueError(f"state_dict must be a dict, as module.state_dict() returns it; got {state_dict!r:.80}")
    if isinstance(estimator, (RNN, LSTM, GRU)):
        if classes is not None:
            raise ValueError("a layer has no classes: leave classes= out, or give an estimator")
        return _fill_layer(estimator, state_dict, names)
    filling = Filling(estimator, lambda: _told(state_dict, names if _is_naming(names) else {}))
    shown = _named(filling.shape, names, filling.shapes())
    missing = [name for name in shown.values() if name not in state_dict]
    unknown = [name for name in state_dict if name not in shown.values()]
    if missing or unknown:
        found = f"the state dict has other names: missing {few(missing)}, unknown {few(unknown)}"
        raise ValueError(f"{found}{filling.advice}, and names= to what the module calls its parts")
    return filling.fill({key: state_dict[name] for key, name in shown.items()}, shown, classes)


def _told(state_dict, names):
    """What names and shapes say of levels, units, vectors and a CRF."""
    recurrent, table, chain = (names.get(part, part) for part in ("recurrent", "embedding", "chain"))
    pattern = re.escape(_joined(recurrent, "weight_")) + r"[ih]h_l(\d+)(_reverse)?"
    levels = {found[1] for name in state_dict if (found := re.fullmatch(pattern, str(name)))}
    states = next(filter(state_dict.__contains__, (_joined(recurrent, f"weight_{h}_l0") for h in ("hr", "hh"))), None)
    widths = {"hidden_size": states, "embedding_dim": _joined(table, "weight")}
    shapes = {name: matrix_shape(state_dict.get(key)) for name, key in widths.items()}
    told = {"num_layers": len(levels) or 1, "crf": _joined(chain, "transitions") in state_dict}
    return told | {name: shape[1] for name, shape in shapes.items() if shape}


def _fill_layer(layer, state_dict, names):
    """A layer with the weights of the part "recurrent"."""
    if names is not None and (not isinstance(names, Mapping) or [*names] != ["recurrent"]):
        raise ValueError(f"names={names!r}: expected a dict with a name for recurrent, which the layer is, alone")
    refuse_zoneout(vars(layer), "PyTorch's layers")
    if not getattr(layer, "reset_after", True) or getattr(layer, "nonlinearity", None) == "sigmoid":
        raise ValueError("PyTorch has no GRU with reset_after=False, no RNN with nonlinearity='sigmoid': give another")
    start = f"{names['recurrent']}." if names and names["recurrent"] else ""
    own = {str(name).removeprefix(start): a for name, a in state_dict.items() if str(name).startswith(start)}
    try:
        layer.load_state_dict(as_arrays(own))
    except ValueError as error:
        advice = "give the layer the module's sizes, and names={'recurrent': ...} to what the module calls it"
        raise ValueError(f"{error}; the state dict has {few([*state_dict])}: {advice}") from None
    return layer


def _named(shape, names, keys):
    """What a module calls each array, by its key."""
    cell, nonlinearity = shape["cell"], shape["nonlinearity"]
    refuse_cell(cell, "PyTorch")
    if (cell, nonlinearity) == ("rnn", "sigmoid"):
        raise ValueError(f"PyTorch has no layer for nonlinearity={nonlinearity!r}")
    parts = {part: part for part, _ in keys}
    is_dict = names is None or _is_naming(names)
    prefixes = {**parts, **(names or {} if is_dict else {})}
    shown = {key: _joined(prefixes[key[0]], key[1]) for key in keys}
    if not is_dict or prefixes.keys() != parts.keys() or len(set(shown.values())) < len(shown):
        raise ValueError(f"names={names!r}: expected a dict, with a name of its own for any of {', '.join(parts)}")
    return shown


def _is_naming(names):
    return isinstance(names, Mapping) and all(isinstance(name, str) for name in names.values())


def _joined(part, name):
    """What a module calls an array of a part."""
    return ".".join(filter(None, [part, name]))
