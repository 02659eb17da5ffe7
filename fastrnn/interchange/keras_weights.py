"""Weights as Keras 3 lists them."""

from functools import partial

import numpy as np

from fastrnn.interchange.weights import Filling, weights_of

ADVICE = "; a GRU's bias (2, 3H) is of reset_after=True, which is cell='gru'; (3H,) of False, cell='gru_reset_before'"


def to_keras(estimator):
    """A fitted estimator's weights as those of a Keras Sequential model.

    Its layers with weights must be an `Embedding` (for a model of tokens), `LSTM`, `GRU` or `SimpleRNN` for each level,
    inside `Bidirectional` if there are two directions, and `Dense`; those without, as pooling, `Dropout` or
    `Activation`, may stand between.

    Parameters
    ----------
    estimator : a fitted estimator of fastrnn
        Without `crf`, characters or decoder, for which Keras has no layers.

    Returns
    -------
    list of ndarray
        For ``model.set_weights``.

    Raises
    ------
    NotFittedError
    TypeError
        If it is no estimator of fastrnn.
    ValueError
        If the network has parts that Keras has no layer for.

    See Also
    --------
    from_keras

    Notes
    -----
    Keras's GRU has reset_after=True by default: cell="gru"; cell="gru_reset_before" is its reset_after=False.  What the
    first layer takes and the last puts out is as for `to_torch`; a softmax or sigmoid is the model's own.

    Padded sequences need a mask (`Masking`, or `Embedding` with mask_zero=True), which `GlobalMaxPooling1D` does not
    read: `Bidirectional` writes zeros at masked steps, and they win over what is negative.  For readout="max" of
    sequences of several lengths take a layer that does read it, as `MaskedMax` below.

    Examples
    --------
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> from fastrnn.interchange import from_keras, to_keras
    >>> X, y = load_japanese_vowels(split="train")
    >>> clf = SequenceClassifier(hidden_size=8, bidirectional=False, max_iter=5, random_state=0).fit(X, y)
    >>> weights = to_keras(clf)  # of [Input((None, 12)), GRU(8, return_sequences=True), GlobalMaxPooling1D(), Dense(9)]
    >>> [weight.shape for weight in weights]
    [(12, 24), (8, 24), (2, 24), (8, 9), (9,)]
    >>> new = from_keras(SequenceClassifier(hidden_size=8, bidirectional=False), weights, classes=clf.classes_)
    >>> bool(abs(new.predict_proba(X) - clf.predict_proba(X)).max() < 1e-5)
    True

    In Keras itself, for sequences of several lengths and the default readout:

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
    """Give an estimator the weights of a Keras Sequential model, as `from_torch` those of a PyTorch module.

    Parameters
    ----------
    estimator : an estimator of fastrnn
        With the model's parameters: cell="gru_reset_before" for reset_after=False, bias=False for use_bias=False; and
        readout="last" if its last recurrent layer has no return_sequences=True, "max" or "mean" for global pooling,
        which no shape tells.
    weights : list of arrays
        ``model.get_weights()`` of a model as for `to_keras`.  The activations are not among them: those of the layers
        must be the defaults, but for the `nonlinearity` of a SimpleRNN.  A model with `GlobalMaxPooling1D`
        trained on padded sequences has learned from the padding too (see the notes of `to_keras`), which is not here.
    classes : array (n_classes,), optional
        As for `from_torch`; the columns of the last kernel take the place of rows.

    Returns
    -------
    The estimator

    Raises
    ------
    ValueError
        If there are more arrays or fewer, shapes are others than the parameters say, or values are not finite or no
        floating-point numbers; then nothing has changed.

    See Also
    --------
    to_keras

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
