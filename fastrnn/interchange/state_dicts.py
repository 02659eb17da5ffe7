"""Weights as PyTorch's state dicts."""

from collections.abc import Mapping

from fastrnn.interchange.weights import Filling, few, weights_of


def to_torch(estimator, *, names=None):
    """A fitted estimator's weights as the state dict of a PyTorch module.

    Parameters
    ----------
    estimator : a fitted estimator of fastrnn
    names : dict of str to str, optional
        What the module calls the network's parts, as ``{"recurrent": "lstm", "head": "fc"}``; "" is the module itself.
        Parts that are not named keep their names: "embedding" (an `nn.Embedding`), "recurrent" (an `nn.RNN`, `nn.LSTM`
        or `nn.GRU`), "head" (an `nn.Linear`); for decoders, words' characters, attention and `crf` see what
        ``to_torch(estimator)`` lists.

    Returns
    -------
    dict of str to ndarray
        For ``module.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})``.

    Raises
    ------
    NotFittedError
    TypeError
        If it is no estimator of fastrnn.
    ValueError
        If PyTorch has no such layer: cell="gru_reset_before", or nonlinearity="sigmoid".

    See Also
    --------
    from_torch

    Notes
    -----
    The module puts out what the head does: of a `SequenceRegressor` the prediction, its target's mean and scale being
    folded into the head, as what `normalize_X` does is into the first layer (in float32 an offset a million times the
    spread takes digits: give such X less its offset); of a classifier of two classes the log-odds of the second, of
    more classes logits.  Readouts have no weights, and are for the module to compute: "last" is the last state of both
    directions, `h_n`.  Of a `SequenceForecaster` it is the network alone, without trend, season and scale.

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
    >>> new = SequenceClassifier(cell="lstm", hidden_size=8)
    >>> new = from_torch(new, state, names={"recurrent": "lstm", "head": "fc"}, classes=clf.classes_)
    >>> bool(abs(new.predict_proba(X) - clf.predict_proba(X)).max() < 1e-5)
    True
    """
    weights = weights_of(estimator)
    shown = _named(estimator._shape, names, weights)
    return {shown[key]: array for key, array in weights.items()}


def from_torch(estimator, state_dict, *, names=None, classes=None):
    """Give an estimator the weights of a PyTorch module: one that is fitted others, or a new one its first.

    A new estimator takes the number of features or tokens and of outputs from the weights' shapes; its parameters must
    be those of the module (cell, hidden_size, num_layers, bidirectional, bias, nonlinearity, embedding_dim, readout).
    It is a fitted one then in every way; `partial_fit` and `warm_start` go on from these weights.  No shape tells
    readout and nonlinearity, and others than the module's predict other things without an error: a head that reads
    `h_n` is readout="last", which is not a classifier's default.

    Parameters
    ----------
    estimator : an estimator of fastrnn
        A new one must be a `SequenceClassifier`, `SequenceRegressor`, `SequenceTagger` or `SequenceGenerator`.
    state_dict : mapping of str to tensor or array
        ``module.state_dict()``.
    names : dict of str to str, optional
        As for `to_torch`.
    classes : array (n_classes,), optional
        The labels in the order of the head's rows, 0, 1, ... by default; a head of one row, a logistic output, says
        how probable the second of two is.

    Returns
    -------
    The estimator
        Its loss_curve_ is empty, and n_iter_ 0.  A regressor predicts what the module puts out.

    Raises
    ------
    ValueError
        If names are missing or unknown, shapes are others than the parameters say, or values are not finite or no
        floating-point numbers; then nothing has changed.

    See Also
    --------
    to_torch

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
    >>> reg = from_torch(SequenceRegressor(cell="rnn", hidden_size=4), state)
    >>> reg.predict([[0.5, 1.0, 0.2], [0.1]]).shape
    (2,)
    """
    filling = Filling(estimator)
    shown = _named(filling.shape, names, filling.shapes())
    if not isinstance(state_dict, Mapping):
        raise ValueError(f"state_dict must be a dict, as module.state_dict() returns it; got {state_dict!r:.80}")
    missing = [name for name in shown.values() if name not in state_dict]
    unknown = [name for name in state_dict if name not in shown.values()]
    if missing or unknown:
        found = f"the state dict has other names: missing {few(missing)}, unknown {few(unknown)}"
        raise ValueError(f"{found}{filling.advice}, and names= to what the module calls its parts")
    return filling.fill({key: state_dict[name] for key, name in shown.items()}, shown, classes)


def _named(shape, names, keys):
    """What a module calls each array, by its key."""
    if shape["cell"] == "gru_reset_before" or (shape["cell"], shape["nonlinearity"]) == ("rnn", "sigmoid"):
        raise ValueError("PyTorch has no layer for cell='gru_reset_before', nor for nonlinearity='sigmoid'")
    parts = {part: part for part, _ in keys}
    is_dict = isinstance(names or {}, Mapping)
    prefixes = {**parts, **(names or {} if is_dict else {})}
    shown = {key: ".".join(filter(None, [prefixes[key[0]], key[1]])) for key in keys}
    if not is_dict or prefixes.keys() != parts.keys() or len(set(shown.values())) < len(shown):
        raise ValueError(f"names={names!r}: expected a dict, with a name of its own for any of {', '.join(parts)}")
    return shown
