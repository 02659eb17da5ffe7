"""Fitted estimators as ONNX models."""

import json

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fastrnn.classifier import SequenceClassifier
from fastrnn.generator import SequenceGenerator
from fastrnn.interchange.onnx_graph import (
    Graph,
    add_chain,
    add_readout,
    add_stack,
    add_steps_inside,
    add_vectors,
    float32,
)
from fastrnn.regressor import SequenceRegressor
from fastrnn.storage import VERSION, replacing
from fastrnn.tagger import SequenceTagger

OPSETS = range(18, 24)
"""From the first whose reductions take axes as an input."""
IR_VERSION = 10
"""That of opset 22; ONNX Runtime reads it from 1.18 on."""


def to_onnx(estimator, path=None, *, opset=22):
    """Write a fitted estimator as an ONNX model, for ONNX Runtime and others that read the format.

    Parameters
    ----------
    estimator : SequenceClassifier, SequenceRegressor, SequenceTagger or SequenceGenerator
    path : str or path-like, optional
        Where to write the model too; a file there is replaced when the new one is complete.
    opset : int, default=22
        The version of ONNX's operators, 18 to 23; ONNX Runtime before 1.21 takes 21 at most.

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    ImportError
        Without onnx, which is an extra.
    NotFittedError
        Before `fit`.
    TypeError
        If the estimator is another.
    ValueError
        If the opset is another, or labels are such as ONNX has no type for.

    Notes
    -----
    Numbers are float32, of a float64 model too, and dropout has no part.  Inputs of the model:

    - "X" (time, batch, I) float32, or tokens (time, batch) or of words with their characters (time, batch, 1 + L) int64:
      sequences side by side, whatever is past their ends;
    - "lengths" (batch,) int32, each 1 to time;
    - "h_0", and for an LSTM "c_0", (num_layers D, batch, H) float32: the initial states, for D directions; zeros
      (num_layers D, 1, H) begin sequences.

    Outputs:

    - "probabilities" (batch, K) float32 as of `predict_proba`; of a tagger (time, batch, K).  Of a generator each next
      token's (time, batch, K), of which the last is that the sequence ends; with this token, ``n_tokens_``, each
      sequence is to begin.  A stateful one has none.
    - "labels" (batch,) of a classifier, (time, batch) of a tagger, or (time, batch, K) of 0 and 1: as of `predict`;
    - "predictions" of a regressor, float64: as of `predict`, with return_sequences (time, batch) or (time, batch, K);
    - "h_n" and "c_n", the states at each sequence's end.

    Past the end of a sequence, probabilities and predictions are 0, and labels mean nothing.  A model that reads in one
    direction goes on with a sequence if it is given "h_n" as the next "h_0", unless its readout is over all steps
    ("mean", "max", "concat"), or `crf`.  "metadata_props" has the classes.

    Examples
    --------
    >>> import numpy as np
    >>> import onnxruntime
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.interchange import to_onnx
    >>> X = [np.sin(np.arange(20) * rate)[:, np.newaxis] for rate in (0.3, 0.9) * 20]
    >>> clf = SequenceClassifier(max_iter=5, random_state=0).fit(X, ["slow", "fast"] * 20)
    >>> session = onnxruntime.InferenceSession(to_onnx(clf).SerializeToString())
    >>> begin = {"X": np.stack(X, axis=1).astype("float32"), "lengths": np.full(40, 20, "int32")}
    >>> labels, p = session.run(["labels", "probabilities"], begin | {"h_0": np.zeros((2, 1, 64), "float32")})
    >>> bool((labels == clf.predict(X)).all()), bool(np.allclose(p, clf.predict_proba(X), atol=1e-5))
    (True, True)
    """
    _check(estimator, opset)
    model = _model(estimator, opset)
    if path is not None:
        with replacing(path) as unfinished, open(unfinished, "xb") as file:
            file.write(model.SerializeToString())
    return model


def _check(estimator, opset):
    if _kind(estimator) is None:
        raise TypeError(
            f"{estimator!r:.80} cannot be exported: expected a {', '.join(kind.__name__ for kind in ANSWERS)}; of a "
            "Pipeline give the last step, pipe[-1]"
        )
    check_is_fitted(estimator, "network_")
    if opset not in OPSETS:
        raise ValueError(f"opset must be an integer from {OPSETS[0]} to {OPSETS[-1]}; got {opset!r}")
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise ImportError('to_onnx needs onnx: pip install "fastrnn[onnx]"') from None


def _model(estimator, opset):
    from onnx import helper

    graph, network = Graph(), estimator.network_
    states = "hc"[: network.encoder.recurrent.n_states]
    inputs = _inputs(graph, estimator, states)
    rows, final = _add_encoder(graph, estimator, states)
    if network.readout is None:
        inside, lead = add_steps_inside(graph), ("time", "batch")
    else:
        inside, lead = None, ("batch",)
        rows = add_readout(graph, estimator._shape["readout"], rows, final)
    weight, bias = (float32(network.head.parameters[name].T) for name in ("weight", "bias"))
    scores = graph.add("Add", graph.add("MatMul", rows, weight), bias)
    answers = ANSWERS[_kind(estimator)](graph, estimator, scores, inside)
    outputs = [graph.value(name, dtype, *lead, *shape) for name, dtype, *shape in answers]
    L, H = _sizes_of_states(network)
    outputs += [graph.value(f"{s}_n", "float32", L, "batch", H) for s in states]
    model = helper.make_model(
        graph.finished(_kind(estimator).__name__, inputs, outputs, "See fastrnn.interchange.to_onnx."),
        opset_imports=[helper.make_opsetid("", opset)], ir_version=IR_VERSION, producer_name="fastrnn",
        producer_version=VERSION,
    )  # fmt: skip
    helper.set_model_props(model, _properties(estimator))
    return model


def _kind(estimator):
    """The class among those that can be exported; None for others."""
    return next((kind for kind in ANSWERS if isinstance(estimator, kind)), None)


def _sizes_of_states(network):
    """Of an array of states the first dimension and the last."""
    stack = network.encoder.recurrent
    return stack.num_layers * stack.n_directions, stack.hidden_size


def _inputs(graph, estimator, states):
    network = estimator.network_
    L, H = _sizes_of_states(network)
    columns, dtype = [network.encoder.recurrent.input_size], "float32"
    if network.embedding is not None:
        dtype, columns = "int64", [estimator.n_features_in_] if len(network.embedding.limits) == 2 else []
    x = graph.value("X", dtype, network.n_steps or "time", "batch", *columns)
    initial = [graph.value(f"{s}_0", "float32", L, "batch_or_1", H) for s in states]
    return [x, graph.value("lengths", "int32", "batch"), *initial]


def _add_encoder(graph, estimator, states):
    """Rows (time, batch, D H) of X and the last level's final h (D, batch, H); and the outputs "h_n" and "c_n"."""
    encoder = estimator.network_.encoder
    cell = estimator._shape["cell"], estimator._shape["nonlinearity"]
    x = "X" if encoder.embedding is None else add_vectors(graph, encoder.embedding, cell)
    shape = graph.add("Concat", [1], graph.add("Shape", "X", start=1, end=2), [1], axis=0)
    initial = [graph.add("Expand", f"{s}_0", shape) for s in states]
    rows, finals = add_stack(graph, "recurrent", encoder.recurrent, cell, x, "lengths", initial)
    for s, levels in zip(states, zip(*finals, strict=True), strict=True):
        graph.add("Concat", *levels, axis=0, name=f"{s}_n")
    return rows, finals[-1][0]


def _properties(estimator):
    if isinstance(estimator, SequenceGenerator):
        return {} if estimator._boundary is None else {"begin_and_end_token": str(estimator._boundary)}
    return {"classes": json.dumps(estimator.classes_.tolist())} if hasattr(estimator, "classes_") else {}


# --------------------------------------------------------------------------------------------- answers
# Each makes of scores (batch, K), or (time, batch, K) and what is inside a sequence, outputs: the name, the type and the
# dimensions past batch or time and batch.


def _add_named(graph, name, values, inside, zero):
    """Name the values; past each end they become zero."""
    if inside is None:
        return graph.add("Identity", values, name=name)
    return graph.add("Where", inside, values, zero, name=name)


def _classes(graph, estimator, scores, inside):
    K, operator = estimator.classes_.size, "Softmax"
    if estimator.network_.head.output_size == 1:
        scores, operator = graph.add("Concat", graph.add("Neg", scores), scores, axis=-1), "Sigmoid"
    _add_named(graph, "probabilities", graph.add(operator, scores), inside, float32(0))
    best = graph.add("ArgMax", scores, axis=-1, keepdims=0)
    return [("probabilities", "float32", K), _add_labels(graph, estimator, best)]


def _add_labels(graph, estimator, numbers):
    """The output of the classes of these numbers."""
    classes = estimator.classes_
    if classes.dtype == object:
        classes = np.array(classes.tolist())
    if classes.dtype.kind not in "biufU" or classes.dtype.itemsize > 8 and classes.dtype.kind != "U":
        raise ValueError(
            f"classes_ holds {classes.dtype} labels, for which ONNX has no type: fit on strings or integers"
        )
    graph.add("Gather", classes, numbers, name="labels")
    return "labels", object if classes.dtype.kind == "U" else classes.dtype


def _tags(graph, estimator, scores, inside):
    K, chain = estimator.classes_.size, estimator.network_.chain
    if estimator._is_multilabel:
        _add_named(graph, "probabilities", graph.add("Sigmoid", scores), inside, float32(0))
        graph.add("Cast", graph.add("Greater", scores, float32(0)), to=7, name="labels")
        return [("probabilities", "float32", K), ("labels", "int64", K)]
    if chain is None:
        return _classes(graph, estimator, scores, inside)
    probabilities, best = add_chain(graph, chain, scores, inside)
    _add_named(graph, "probabilities", probabilities, inside, float32(0))
    return [("probabilities", "float32", K), _add_labels(graph, estimator, best)]


def _next_tokens(graph, estimator, scores, inside):
    _add_named(graph, "probabilities", graph.add("Softmax", scores), inside, float32(0))
    return [("probabilities", "float32", estimator.network_.head.output_size)]


def _numbers(graph, estimator, scores, inside):
    values = graph.add("Cast", scores, to=11)  # in float32 a large mean would take the digits
    values = graph.add("Add", graph.add("Mul", values, estimator._y_scale), estimator._y_mean)
    if not estimator._y_is_flat:
        _add_named(graph, "predictions", values, inside, 0.0)
        return [("predictions", "float64", estimator._y_mean.size)]
    if inside is not None:
        inside = graph.add("Squeeze", inside, [-1])
    _add_named(graph, "predictions", graph.add("Squeeze", values, [-1]), inside, 0.0)
    return [("predictions", "float64")]


ANSWERS = {
    SequenceClassifier: _classes, SequenceRegressor: _numbers, SequenceTagger: _tags, SequenceGenerator: _next_tokens
}  # fmt: skip
