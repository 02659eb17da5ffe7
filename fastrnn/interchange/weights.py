"""The one place where weights leave an estimator, or enter it, by (part, PyTorch's name).

Another library's layout is two functions: `out` makes of a dict by these keys one by that library's, in its order, and
`back` goes the other way.
"""

from copy import deepcopy

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from fastrnn import records, wording
from fastrnn.base import SequenceEstimator
from fastrnn.base.static import refuse_facts
from fastrnn.classifier import SequenceClassifier
from fastrnn.generator import SequenceGenerator
from fastrnn.outliers import SequenceOutlierDetector
from fastrnn.params import checked
from fastrnn.regressor import SequenceRegressor
from fastrnn.seq2seq.autoencoder import Reproducing
from fastrnn.tagger import SequenceTagger

KNOWN_BY_WEIGHTS = SequenceClassifier, SequenceRegressor, SequenceTagger, SequenceGenerator
"""Of these the weights' shapes say all that data would, and ONNX has all that they compute."""
CELLS_OF = {"PyTorch": ("rnn", "lstm", "gru"), "Keras": ("rnn", "lstm", "gru", "gru_reset_before")}
ELSEWHERE = "another library's layers do not read"
LEAST_WEIGHT = 1e-3
"""Of what reads standardised X, one that shall keep its digits."""


def refuse_cell(cell, library):
    """Raise if PyTorch or Keras has no such cell."""
    if cell not in CELLS_OF[library]:
        raise ValueError(f"{library} has no layer for cell={cell!r}: fit with one of {', '.join(CELLS_OF[library])}")


def refuse_zoneout(shape, who):
    """Raise if states are mixed between steps, which nobody else does."""
    if rate := shape.get("zoneout"):
        raise ValueError(f"zoneout={rate} mixes old and new states, which {who} do not: take one with zoneout=0.0")


def refuse_projection(shape, who):
    """Raise if h is projected, which PyTorch's LSTM alone does as well."""
    if size := shape.get("proj_size"):
        raise ValueError(f"proj_size={size} projects h, which {who} do not: use to_torch, or take one without")


def as_arrays(given):
    """The values of a dict, which may be PyTorch's, as arrays."""
    # NumPy has no bfloat16.
    given = {key: a.float() if str(getattr(a, "dtype", "")) == "torch.bfloat16" else a for key, a in given.items()}
    return {key: _as_array(a) for key, a in given.items()}


def _as_array(a):
    """As an array; of objects if they are none, such as ragged lists and sparse tensors."""
    try:
        return np.asarray(a.detach().cpu() if hasattr(a, "detach") else a)
    except (TypeError, ValueError, NotImplementedError):
        return np.asarray(None)


def weights_of(estimator, library):
    """A fitted estimator's weights, for X as it comes; of numbers such that the head puts out what it predicts."""
    if not isinstance(estimator, SequenceEstimator):
        raise TypeError(f"{type(estimator).__name__} is no estimator of fastrnn; of a Pipeline give the last step")
    check_is_fitted(estimator, "network_")
    estimator._refuse_holes("is not what another library's layers read: fit without it, on X that is filled in")
    refuse_facts(estimator, ELSEWHERE)
    refuse_cell(estimator._shape["cell"], library)
    refuse_zoneout(estimator._shape, f"{library}'s layers")
    if library != "PyTorch":
        refuse_projection(estimator._shape, f"{library}'s layers")
    _refuse_units(estimator)
    network = network_of(estimator)
    parts = records.weights(network)
    weights = {(part, name): array for part, arrays in parts.items() for name, array in arrays.items()}
    if isinstance(estimator, (SequenceRegressor, Reproducing)):
        which = "y" if isinstance(estimator, SequenceRegressor) else "X"
        mean, scale = (getattr(estimator, f"_{which}_{name}") for name in ("mean", "scale"))
        dtype = network.theta.dtype
        weights["head", "weight"] = (weights["head", "weight"] * scale[:, np.newaxis]).astype(dtype)
        weights["head", "bias"] = (weights["head", "bias"] * scale + mean).astype(dtype)
    return weights


def _refuse_units(estimator):
    if isinstance(estimator, SequenceGenerator) and estimator.embedding_dim is None:
        why = "says distributions in the units of X, which weights alone do not hold"
        raise ValueError(f"a generator of numbers (embedding_dim=None) {why}: use fastrnn.save")


def network_of(estimator, dtype=None):
    """A fitted estimator's network for X as it comes: what is standardised before it, its first weights do instead.

    They must be finite in `dtype`, by default the network's own, and not so small that digits go.
    """
    network = estimator.network_
    estimator._refuse_patches("what it is exported to")
    mean, scale = (getattr(estimator, f"_X_{name}", None) for name in ("mean", "scale"))
    if mean is None or network.embedding is not None or ((mean == 0) & (scale == 1)).all():
        return network
    network = deepcopy(network)
    if getattr(network.encoder, "categories", None) is not None:  # whose vectors stand behind the numbers
        numbers, width = network.encoder.categories.numbers, network.encoder.recurrent.input_size
        mean, scale = (np.append(of[numbers], np.full(width - numbers.size, rest))
                       for of, rest in ((mean, 0.0), (scale, 1.0)))  # fmt: skip
    limits = np.finfo(dtype or network.theta.dtype)
    for part, weight, bias in _readers(network):
        columns = part.parameters[weight][:, -len(scale) :]
        folded = columns / scale
        if np.abs(folded).max() > limits.max or scale.max() * limits.tiny > LEAST_WEIGHT:
            found = f"X has features of scales from {scale.min():.3g} to {scale.max():.3g}"
            why = f"for which another library's layers need weights that {limits.dtype} has no room for"
            raise ValueError(f"{found}, {why}: fit on X in another unit")
        columns[...] = folded
        if bias in part.parameters.shapes:  # else nothing was centred
            part.parameters[bias][...] -= columns.astype(np.float64) @ mean  # of the weights as they are rounded now
    network.changed()
    return network


def _readers(network):
    """The parts that read X, last of what they read, with the names of their weights and biases."""
    if getattr(network, "encoder", None) is not None:
        stack = network.encoder.recurrent
    else:
        yield network.bridge, "weight", "bias"
        stack = network.decoder
    for suffix in ("_l0", "_l0_reverse")[: stack.n_directions]:
        yield stack, f"weight_ih{suffix}", f"bias_ih{suffix}"


def matrix_shape(array):
    """The shape of a matrix with something in it; () of whatever else is given."""
    shape = getattr(array, "shape", ())
    return tuple(shape) if isinstance(shape, tuple) and len(shape) == 2 and all(shape) else ()


def few(items):
    """The first of them, and how many more there are."""
    return "; ".join(map(str, items[:3])) + f"; and {len(items) - 3} more" * (len(items) > 3) or "none"


def _decided(estimator, told):
    """The parameters that a new estimator's network keeps for life, with what is `told` where it has "auto"."""
    auto = {name: value for name, value in told.items() if getattr(estimator, name, None) == "auto"}
    if getattr(estimator, "embeddings", None) is not None:  # these say how long their vectors are
        auto.pop("embedding_dim", None)
    return clone(estimator).set_params(**auto)._decided()


class Filling:
    """Weights on their way into an estimator, which stays as it is until they are all known to fit.

    Parameters
    ----------
    estimator : SequenceEstimator
    told : callable
        Gives a dict of what the weights say of parameters, for those of a new estimator that are "auto".

    Attributes
    ----------
    out, back : callable
        The layout; at first PyTorch's.
    shape : dict
        What names and shapes go by: parameters, those of a network that is there as they were when it was made.
    advice : str
        What to do where they do not go together.
    """

    out = back = dict

    def __init__(self, estimator, told):
        self.estimator, self.is_fitted = estimator, hasattr(estimator, "network_")
        is_known = isinstance(estimator, SequenceEstimator if self.is_fitted else KNOWN_BY_WEIGHTS)
        if not is_known or not self.is_fitted and isinstance(getattr(estimator, "character_embedding_dim", None), int):
            advice = "pass an instance; if it decodes, forecasts or reads characters, fit it first, max_iter=1"
            raise ValueError(f"weights alone do not make {estimator!r:.60} a fitted estimator: {advice}")
        estimator._check_parameters()
        refuse_facts(estimator, ELSEWHERE)
        _refuse_units(estimator)
        if isinstance(estimator, SequenceOutlierDetector):
            raise ValueError(
                "weights alone do not say which scores are odd: fit the detector, or use fastrnn.save and load"
            )
        self.shape = estimator._shape if self.is_fitted else _decided(estimator, told())
        refuse_zoneout(self.shape, "another library's layers")
        remedy = "take a clone to set others" if self.is_fitted else "set these as they are where the weights are from"
        known = ", ".join(f"{name}={wording.shown(value)}" for name, value in self.shape.items())
        self.advice = f"; this {type(estimator).__name__} has {known}: {remedy}"
        self._twin = type(estimator)(**{**estimator.get_params(deep=False), **self.shape})
        self._twin._shape = self.shape
        if not self.is_fitted:
            if getattr(estimator, "stateful", None) == "auto":
                found = "stateful='auto' goes by the data, and the same weights read sequences as well as a stream"
                raise ValueError(f"{found}: set it to True for a stream, else to False")
            self._twin._refuse_holes("needs data: fit it first, max_iter=1")
        has_columns = estimator._is_multilabel or isinstance(getattr(estimator, "classes_", None), list)
        self._has_classes = isinstance(estimator, (SequenceClassifier, SequenceTagger)) and not has_columns

    def shapes(self, **sizes):
        """The arrays' shapes by the layout's keys, for data of these sizes."""
        self._twin._sizes = {"inputs": 1, "outputs": 1, "steps": 1, "characters": 1, **sizes}
        parts = {name: part.parameters.shapes for name, part in self._twin._new_network(None).parts.items()}
        nothing = {(p, n): np.broadcast_to(np.int8(0), s) for p, shapes in parts.items() for n, s in shapes.items()}
        return {key: array.shape for key, array in self.out(nothing).items()}

    def fill(self, given, shown, classes):
        """The estimator, with what is `given` by the layout's keys, and `shown` to users under the values of these.

        classes are those of the head's rows, in order.
        """
        if classes is not None and not self._has_classes:
            which = f"this {type(self.estimator).__name__} has no classes of one label"
            raise ValueError(f"{which}: leave classes={wording.shown(classes)} out")
        arrays = as_arrays(given)
        sizes = self._sizes(arrays)
        try:
            for key, shape in self.shapes(**sizes).items():
                checked(shown[key], arrays[key], shape, self._twin.dtype, "f")
        except ValueError as error:
            raise ValueError(f"{error}{self.advice}") from None
        weights = self.back(arrays)
        found = {"classes_": self._in_order(weights, classes)} if self._has_classes else {}
        self._take(weights, {**self._found({**sizes, "outputs": len(weights["head", "bias"])}), **found})
        return self.estimator

    def _sizes(self, arrays):
        """The sizes of the data: those of the fit, else what the arrays say."""
        if self.is_fitted and not self._has_classes:
            return self.estimator._sizes
        # The axis that has no length now is the one that grows with the data.
        shapes = self.shapes(inputs=0, outputs=0)
        told = {key: dict(zip(shape, arrays[key].shape, strict=False)).get(0) or 1 for key, shape in shapes.items()}
        outputs = told["head", "weight"]
        if self.is_fitted:  # of two classes there may be one row or two
            is_free = len(self.estimator.classes_) == max(2, outputs)
            return {**self.estimator._sizes, "outputs": outputs} if is_free else self.estimator._sizes
        steps = arrays["head", "weight"].size // (outputs * max(shapes["head", "weight"])) or 1
        is_concat = self._twin._readout() == "concat"
        return {"inputs": next(iter(told.values())), "outputs": outputs, "steps": steps * is_concat, "characters": 0}

    def _in_order(self, weights, classes):
        """Sort the rows of the head, and of a chain, by their classes, which are returned."""
        n_rows = len(weights["head", "bias"])
        n = max(2, n_rows)
        if classes is None:
            classes = getattr(self.estimator, "classes_", np.arange(n))
        known, order = np.unique(classes, return_index=True)
        if np.shape(classes) != (n,) or known.size != n or (known != known).any():
            raise ValueError(f"classes={wording.shown(classes)}; expected {n} different labels, in the head's order")
        if self.is_fitted:
            self.estimator._check_same_classes(known)
        # A softmax over two rows is the logistic function of their difference.
        is_difference = n == 2 and isinstance(self.estimator, SequenceClassifier)
        for (part, name), array in weights.items():
            if part == "head":
                rows = np.concatenate([np.zeros_like(array)[: n - n_rows], array]).astype(np.float64)[order]
                weights[part, name] = rows[1:] - rows[:1] if is_difference else rows
            elif part == "chain":
                weights[part, name] = array[np.ix_(*[order] * array.ndim)]
        return getattr(self.estimator, "classes_", known)

    def _found(self, sizes):
        """What a fit would have found out, beside classes; of one that there was, what is to change of it."""
        estimator, n_outputs, found = self.estimator, sizes["outputs"], {}
        if isinstance(estimator, SequenceRegressor):
            found = {"_y_mean": np.zeros(n_outputs), "_y_scale": np.ones(n_outputs)}
        if self.is_fitted:
            return found
        if reads_numbers := self.shape["embedding_dim"] is None:
            found |= {"_X_mean": np.zeros(sizes["inputs"]), "_X_scale": np.ones(sizes["inputs"])}
        if isinstance(estimator, SequenceGenerator):
            n_tokens = n_outputs - (not self.shape["stateful"])
            found = {"n_tokens_": n_tokens, "_boundary": None if self.shape["stateful"] else n_tokens}
        # A kind looks only at those that are its own.
        return {"_sizes": sizes, "_shape": self.shape, "_is_panel": False, "_dropout_seed": 0,
                "n_features_in_": sizes["inputs"] if reads_numbers else 1,
                "_y_is_flat": n_outputs == 1, "_is_multilabel": False, **found}  # fmt: skip

    def _take(self, weights, found):
        """Give the network its weights; who goes on with it, as a stream, sees them."""
        estimator = self.estimator
        parts = {part: {name: a for (of, name), a in weights.items() if of == part} for part, _ in weights}
        with estimator._unchanged_on_error():
            vars(estimator).pop("_trainer", None)  # its optimiser remembers other weights
            curves = {"loss_curve_": [], "validation_scores_": None, "validation_loss_curve_": None}
            vars(estimator).update(**found, **curves, n_iter_=0)
            estimator._rules(estimator._sizes["outputs"])  # what goes by the shapes alone
            if not self.is_fitted:
                estimator.network_ = estimator._new_network(None)
            estimator.network_.load(parts)
            if hasattr(estimator, "_X_mean"):  # where streams see it
                estimator._X_mean[...], estimator._X_scale[...] = 0, 1
            if getattr(estimator, "_calibration", None) is not None:
                estimator._calibration = None
                if estimator.calibration:  # it may have been set to 0 since the fit
                    estimator._calibrate(estimator.calibration)
