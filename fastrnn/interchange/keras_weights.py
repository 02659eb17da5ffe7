"""Weights in the order in which Keras 3 lists them."""

from functools import partial

import numpy as np

from fastrnn.interchange.weights import (
    Filling,
    matrix_shape,
    refuse_cell,
    refuse_projection,
    refuse_zoneout,
    weights_of,
)
from fastrnn.layers import GRU, LSTM, RNN
from fastrnn.params import checked

ADVICE = (
    "; a GRU's bias (2, 3H), or (6H,) of CuDNN, is of reset_after=True, which is cell='gru'; (3H,) of False, "
    "cell='gru_reset_before'"
)
"""Of estimators, and of layers, whose parameter is reset_after."""


def to_keras(estimator):
    """Get the weights of a fitted estimator for a Keras Sequential model.

    The layers of the model that have weights must be: an `Embedding` (for tokens), an `LSTM`, `GRU` or `SimpleRNN` for
    each recurrent layer (inside `Bidirectional` if there are two directions), and a `Dense` layer. Layers without
    weights, such as pooling, `Dropout` or `Activation`, may stand between them.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator of fastrnn. It must not have a CRF, characters or a decoder, because Keras has no layers for
        them.

    Returns
    -------
    list of ndarray
        The weights, for ``model.set_weights``.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is not an estimator of fastrnn.
    ValueError
        If the network has parts that Keras has no layer for, or reads patches (`patch_length`).

    See Also
    --------
    from_keras : The way back.

    Notes
    -----
    The GRU of Keras has reset_after=True by default, which is cell="gru". Its reset_after=False is
    cell="gru_reset_before". What the first layer reads and the last layer returns is as for `to_torch`. The model
    itself must add a softmax or sigmoid.

    Padded sequences need a mask (`Masking`, or `Embedding` with mask_zero=True). `GlobalMaxPooling1D` does not read it:
    `Bidirectional` writes zeros at masked steps, and these zeros win over negative values. For readout="max" and
    sequences of several lengths, use a layer that reads the mask: the page "Coming from Keras" has one.

    Examples
    --------
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> from fastrnn.interchange import from_keras, to_keras
    >>> X, y = load_japanese_vowels(split="train")
    >>> clf = SequenceClassifier(hidden_size=8, bidirectional=False, max_iter=5, random_state=0).fit(X, y)
    >>> weights = to_keras(clf)  # for [Input((None, 12)), GRU(8), Dense(9)]
    >>> [weight.shape for weight in weights]
    [(12, 24), (8, 24), (2, 24), (8, 9), (9,)]
    >>> new = from_keras(SequenceClassifier(bidirectional=False), weights, classes=clf.classes_)
    >>> bool(abs(new.predict_proba(X) - clf.predict_proba(X)).max() < 1e-5)
    True
    """
    weights = weights_of(estimator, "Keras")
    return [np.ascontiguousarray(array) for array in _to_list(estimator._shape["cell"], weights).values()]


def from_keras(estimator, weights, *, classes=None):
    """Give an estimator the weights of a Keras Sequential model, or a layer those of recurrent Keras layers.

    `from_torch` says what the estimator is afterwards.

    Parameters
    ----------
    estimator : estimator, or RNN, LSTM or GRU of fastrnn.layers
        An estimator of fastrnn with the parameters of the model. Set cell="gru_reset_before" for reset_after=False, and
        bias=False for use_bias=False. Where a new estimator's hidden_size, num_layers or embedding_dim is "auto", the
        arrays say what it is. Set `readout`, which no shape tells: "last" if the last recurrent layer does not
        have return_sequences=True, "max" or "mean" for global pooling, and of a new `SequenceGenerator` stateful. Or a
        layer, for a model of another form: it takes the weights of num_layers layers of Keras.
    weights : list of arrays
        The weights, ``model.get_weights()``, of a model as for `to_keras`. Activations are not among them: those of the
        layers must be the defaults, except for the `nonlinearity` of a SimpleRNN. A model with `GlobalMaxPooling1D`
        that was trained on padded sequences has learned from the padding too (see the notes of `to_keras`), which does
        not exist here. Arrays of CuDNNLSTM and CuDNNGRU are known by their biases (see Notes).
    classes : array-like of shape (n_classes,), default=None
        The labels, in the order of the columns of the last kernel. None takes 0, 1, and so on. If the kernel has one
        column, a logistic output, it gives the probability of the second of two labels.

    Returns
    -------
    estimator
        The estimator that was given, fitted now, or the layer.

    Raises
    ------
    ValueError
        If there are more or fewer arrays than needed, if shapes do not fit the parameters, or if values are not finite
        floating-point numbers. Nothing has changed then.

    See Also
    --------
    to_keras : The way back.

    Notes
    -----
    Files of Keras before 2.4 (.h5, .hdf5) may hold CuDNNLSTM and CuDNNGRU layers. Their biases are (8H,) and (6H,), and
    their kernels have the shapes of today's, but other places for the values. Both are read: for cell="lstm" and for
    cell="gru". In such files the plain LSTM and GRU often have recurrent_activation="hard_sigmoid", their default then,
    which fastrnn does not have; CuDNN's is the sigmoid.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import SequenceRegressor
    >>> from fastrnn.interchange import from_keras
    >>> rng = np.random.default_rng(0)
    >>> weights = [rng.normal(size=shape) for shape in [(3, 16), (4, 16), (16,), (4, 1), (1,)]]  # LSTM(4), Dense(1)
    >>> reg = from_keras(SequenceRegressor(cell="lstm"), weights)
    >>> reg.predict([np.ones((5, 3)), np.ones((2, 3))]).shape
    (2,)
    >>> from fastrnn.layers import LSTM
    >>> from_keras(LSTM(3, 4), weights[:3])(np.ones((5, 3)))[0].shape
    (5, 4)
    """
    if isinstance(estimator, (RNN, LSTM, GRU)):
        if classes is not None:
            raise ValueError("a layer has no classes: leave classes= out, or give an estimator")
        return _fill_layer(estimator, weights)
    filling = Filling(estimator, lambda: _told(estimator, weights))
    cell = filling.shape["cell"]
    refuse_projection(filling.shape, "Keras's layers")
    filling.out, filling.back = (partial(change, cell) for change in (_to_list, _from_list))
    shapes = filling.shapes()
    is_free = not filling.is_fitted and estimator.num_layers == "auto"
    more = f", or {sum(part == 'recurrent' for part, _ in shapes)} more for each layer more" if is_free else ""
    given, shown = _by_key(shapes, cell, weights, more, filling.advice)
    filling.advice += ADVICE
    return filling.fill(given, shown, classes)


def _told(estimator, weights):
    """What their number and shapes say of levels, units and vectors.

    An Embedding has one array and stands first; a Dense layer has two and stands last.
    """
    if not isinstance(weights, (list, tuple)):
        return {}
    a_level = (2 + estimator.bias) * (1 + bool(getattr(estimator, "bidirectional", False)))
    n_levels, n_tables = divmod(len(weights) - 2, a_level)
    if n_levels < 1 or n_tables > 1:
        return {}
    of_table, of_states = (matrix_shape(weights[k]) for k in (0, n_tables + 1))
    widths = {"hidden_size": of_states[:1], "embedding_dim": of_table[1:] * n_tables}
    return {"num_layers": n_levels} | {name: width[0] for name, width in widths.items() if width}


def _fill_layer(layer, weights):
    """A layer with the weights of as many layers of Keras."""
    refuse_zoneout(vars(layer), "Keras's layers")
    cell = type(layer).__name__.lower() if getattr(layer, "reset_after", True) else "gru_reset_before"
    listed = _to_list(cell, {("recurrent", name): array for name, array in layer.state_dict().items()})
    shapes = {key: array.shape for key, array in listed.items()}
    given, shown = _by_key(
        shapes, cell, weights, "", f"; this {type(layer).__name__} has num_layers={layer.num_layers}"
    )
    try:
        arrays = {key: checked(shown[key], array, shapes[key], layer.dtype) for key, array in given.items()}
    except ValueError as error:
        raise ValueError(f"{error}{ADVICE * isinstance(layer, GRU)}") from None
    layer.load_state_dict({name: array for (_, name), array in _from_list(cell, arrays).items()})
    return layer


def _by_key(shapes, cell, weights, more, advice):
    """The arrays by the keys of their shapes, and what errors call them."""
    came = len(weights) if isinstance(weights, (list, tuple)) else type(weights).__name__
    if came != len(shapes):
        expected = f"a list of {len(shapes)} arrays{more}, as of model.get_weights()"
        raise ValueError(f"weights must be {expected}; got {came}{advice}")
    given, shown = dict(zip(shapes, weights, strict=True)), {key: f"weights[{k}]" for k, key in enumerate(shapes)}
    for key, shape in shapes.items():
        if key[1].startswith("bias_ih") and cell in ("lstm", "gru") and np.shape(given[key]) == (2 * shape[-1],):
            given |= _from_cudnn(cell, given, key)
    return given, shown


def _from_cudnn(cell, listed, bias):
    """Of the level with this bias, (8H,) of a CuDNNLSTM or (6H,) of a CuDNNGRU, the arrays that LSTM and GRU have.

    As Keras 2 does it (tf_keras/src/saving/legacy/hdf5_format.py): a gate's kernel (I, H) is (H, I) in memory.
    """
    part, name = bias
    halves = np.reshape(listed[bias], (2, -1))
    found = {bias: halves if cell == "gru" else halves.sum(axis=0)}
    for of in ("weight_ih", "weight_hh"):
        kernel = np.asarray(listed[part, name.replace("bias_ih", of)])
        if kernel.ndim == 2 and kernel.shape[1] == halves.shape[1]:  # else its shape is told to be wrong
            gates = np.split(kernel, 4 if cell == "lstm" else 3, axis=1)
            kernel = np.hstack([gate.reshape(gate.shape[::-1]).T for gate in gates])
        found[part, name.replace("bias_ih", of)] = kernel
    return found


def _to_list(cell, weights):
    """In Keras's order: kernels are transposed, a recurrent level's biases joined, and a GRU's gates z, r, h."""
    refuse_cell(cell, "Keras")
    if strange := sorted({part for part, _ in weights} - {"embedding", "recurrent", "head"}):
        raise ValueError(f"Keras has no layers for {strange}, which this network has: use to_torch and from_torch")
    kinds = {name.partition("_l")[0] for part, name in weights if part == "recurrent"}
    if strange := sorted(kinds - {"weight_ih", "weight_hh", "bias_ih", "bias_hh"}):
        raise ValueError(f"Keras has no recurrent layer with {', '.join(strange)}: use one without")
    listed = {}
    for (part, name), array in weights.items():
        array = _reordered(cell, array) if part == "recurrent" else array
        if name.startswith("bias_ih"):
            other = _reordered(cell, weights[part, name.replace("ih", "hh")])
            array = np.stack([array, other]) if cell == "gru" else array + other
        elif part != "embedding":
            array = array.T
        if not name.startswith("bias_hh"):
            listed[part, name] = array
    return listed


def _from_list(cell, listed):
    """The other way; a joined bias goes to the inputs."""
    weights = {}
    for (part, name), array in listed.items():
        if name.startswith("bias_ih"):
            array, other = array if cell == "gru" else (array, np.zeros_like(array))
            weights[part, name.replace("ih", "hh")] = _reordered(cell, other)
        elif part != "embedding":
            array = array.T
        weights[part, name] = _reordered(cell, array) if part == "recurrent" else array
    return weights


def _reordered(cell, rows):
    """A GRU's gates r, z, n as z, r, n, or the other way; of other cells as they are."""
    if cell not in ("gru", "gru_reset_before"):
        return rows
    return np.concatenate([np.split(rows, 3)[gate] for gate in (1, 0, 2)])
