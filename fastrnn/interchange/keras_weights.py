"""Weights in the order in which Keras 3 lists them."""

from functools import partial

import numpy as np

from fastrnn.interchange.weights import Filling, weights_of

ADVICE = "; a GRU's bias (2, 3H) is of reset_after=True, which is cell='gru'; (3H,) of False, cell='gru_reset_before'"


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
    sequences of several lengths, use a layer that reads the mask, such as `MaskedMax` below.

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
    >>> new = from_keras(SequenceClassifier(hidden_size=8, bidirectional=False), weights, classes=clf.classes_)
    >>> bool(abs(new.predict_proba(X) - clf.predict_proba(X)).max() < 1e-5)
    True

    In Keras itself, for sequences of several lengths and readout="max":

    >>> import keras
    >>> import numpy as np
    >>> from fastrnn.preprocessing import pad_sequences
    >>> class MaskedMax(keras.layers.Layer):
    ...     supports_masking = True
    ...     def call(self, x, mask=None):
    ...         return keras.ops.max(x if mask is None else keras.ops.where(mask[..., None], x, -np.inf), axis=1)
    ...     def compute_mask(self, x, mask=None):
    ...         return None
    >>> layers = keras.layers
    >>> clf = SequenceClassifier(hidden_size=8, readout="max", max_iter=5, random_state=0).fit(X, y)  # bidirectional
    >>> gru = layers.Bidirectional(layers.GRU(8, return_sequences=True))
    >>> model = keras.Sequential(
    ...     [keras.Input((None, 12)), layers.Masking(0.0), gru, MaskedMax(), layers.Dense(9, activation="softmax")]
    ... )
    >>> model.set_weights(to_keras(clf))
    >>> padded, _ = pad_sequences(X)
    >>> bool(keras.ops.all(keras.ops.isclose(model(padded), clf.predict_proba(X), atol=1e-5)))
    True
    """
    weights = weights_of(estimator)
    return [np.ascontiguousarray(array) for array in _to_list(estimator._shape["cell"], weights).values()]


def from_keras(estimator, weights, *, classes=None):
    """Give an estimator the weights of a Keras Sequential model.

    `from_torch` says what the estimator is afterwards.

    Parameters
    ----------
    estimator : estimator
        An estimator of fastrnn with the parameters of the model. Set cell="gru_reset_before" for reset_after=False, and
        bias=False for use_bias=False. Set `readout`, which no shape tells: "last" if the last recurrent layer does not
        have return_sequences=True, "max" or "mean" for global pooling.
    weights : list of arrays
        The weights, ``model.get_weights()``, of a model as for `to_keras`. Activations are not among them: those of the
        layers must be the defaults, except for the `nonlinearity` of a SimpleRNN. A model with `GlobalMaxPooling1D`
        that was trained on padded sequences has learned from the padding too (see the notes of `to_keras`), which does
        not exist here.
    classes : array-like of shape (n_classes,), default=None
        The labels, in the order of the columns of the last kernel. None takes 0, 1, and so on. If the kernel has one
        column, a logistic output, it gives the probability of the second of two labels.

    Returns
    -------
    estimator
        The estimator that was given, fitted now.

    Raises
    ------
    ValueError
        If there are more or fewer arrays than needed, if shapes do not fit the parameters, or if values are not finite
        floating-point numbers. Nothing has changed then.

    See Also
    --------
    to_keras : The way back.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import SequenceRegressor
    >>> from fastrnn.interchange import from_keras
    >>> rng = np.random.default_rng(0)
    >>> weights = [rng.normal(size=shape) for shape in [(3, 16), (4, 16), (16,), (4, 1), (1,)]]  # LSTM(4), Dense(1)
    >>> reg = from_keras(SequenceRegressor(cell="lstm", hidden_size=4), weights)
    >>> reg.predict([np.ones((5, 3)), np.ones((2, 3))]).shape
    (2,)
    """
    filling = Filling(estimator)
    filling.out, filling.back = (partial(change, filling.shape["cell"]) for change in (_to_list, _from_list))
    keys, came = filling.shapes(), len(weights) if isinstance(weights, (list, tuple)) else type(weights).__name__
    if came != len(keys):
        expected = f"a list of {len(keys)} arrays, as of model.get_weights()"
        raise ValueError(f"weights must be {expected}; got {came}{filling.advice}")
    shown = {key: f"weights[{k}]" for k, key in enumerate(keys)}
    filling.advice += ADVICE
    return filling.fill(dict(zip(keys, weights, strict=True)), shown, classes)


def _to_list(cell, weights):
    """In Keras's order: kernels are transposed, a recurrent level's biases joined, and a GRU's gates z, r, h."""
    if strange := sorted({part for part, _ in weights} - {"embedding", "recurrent", "head"}):
        raise ValueError(f"Keras has no layers for {strange}, which this network has: use to_torch and from_torch")
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
