"""Convert fitted estimators to ONNX models."""

import json

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fastrnn.interchange.onnx_graph import OPERATORS, Graph, add_chain, add_scores
from fastrnn.interchange.weights import KNOWN_BY_WEIGHTS, network_of, refuse_projection, refuse_zoneout
from fastrnn.storage import replacing
from fastrnn.transcriber import SequenceTranscriber
from fastrnn.versions import VERSION
from fastrnn.wording import shown

OPSETS = range(18, 23)
"""In 17 reductions take their axes in another way; ONNX Runtime 1.20 reads up to 21, 1.21 reads 22."""
IR_VERSION = 10
"""That of opset 22, and the largest that ONNX Runtime 1.20 reads."""


def to_onnx(estimator, path=None, *, opset=22, lengths=True):
    """Convert a fitted estimator to an ONNX model, for ONNX Runtime and others that read the format.

    Parameters
    ----------
    estimator : SequenceClassifier, SequenceRegressor, SequenceTagger, SequenceGenerator or SequenceTranscriber
        A fitted estimator. It must not read patches: fit it with patch_length=1 for sequences of 80 steps or more.
    path : str or path-like, default=None
        Where to write the model. A file there is replaced when the new one is complete. None writes no file.
    opset : int, default=22
        The version of ONNX's operators, from 18 to 22. ONNX Runtime before 1.21 reads 21 at most.
    lengths : bool, default=True
        Whether the model has the inputs "lengths" and initial states. False is for runtimes that do not follow lengths
        (see Notes): the model then reads whole sequences of any length, but of one length in a batch. Its inputs
        are "X" and perhaps "static", and it returns no states.

    Returns
    -------
    onnx.ModelProto
        The model.

    Raises
    ------
    ImportError
        If onnx is not installed. The message says how to install it.
    NotFittedError
        If `fit` was not called before.
    TypeError
        If it is another estimator.
    ValueError
        If the opset is another, if ONNX has no operator for the cell, its zoneout or projection, if the model reads
        patches, times or (missing="forward" or "decay") what was last seen, if a classifier has several columns of
        classes, if ONNX has no type for the labels, if a category is a text or larger than 2**24, or with lengths=False
        for a model that reads characters: its words have lengths of their own.

    Notes
    -----
    All numbers are float32, for a float64 model too. There is no dropout, and `normalize_X` is folded in as for
    `to_torch`. These are the inputs of the model, for sequences side by side:

    - "X" (time, batch, I) float32, where NaN is a missing number for a model with missing="mask"; or tokens (time,
      batch) int64, or with characters (time, batch, 1 + L). After the end of a sequence there may be any number, or any
      token that the model knows.
    - "lengths" (batch,) int32: the length of each sequence, from 1 to time.
    - "h_0", and for an LSTM "c_0": the initial states, float32, (num_layers D, batch, H). D is 2 if bidirectional, else
      1. You may give (num_layers D, 1, H): then all sequences have the same initial state. As in fastrnn, give zeros.
    - "static" (batch, F) float32, of a model that was fitted with static features. It makes the initial states, so
      there is no "h_0" or "c_0" then.

    These are the outputs:

    - "probabilities" float32, as of `predict_proba`: of a classifier (batch, K), of a tagger or transcriber (time,
      batch, K). A transcriber's last one is that of the blank; it has no output "labels". A generator gives the
      probabilities of the next token (time, batch, K). Unless it is stateful, each sequence must begin with the token
      ``n_tokens_``, and the last probability is that of the end.
    - "labels", as of `predict`: of a classifier (batch,), or (batch, K) of 0 and 1; of a tagger (time, batch), or
      (time, batch, K) of 0 and 1.
    - "predictions" of a regressor, float64, as of `predict`; with return_sequences (time, batch) or (time, batch, K).
    - "h_n" and "c_n", in the shape of "h_0": the states after the last step of each sequence.

    After the end of a sequence, probabilities and predictions are 0, and labels mean nothing. Some models can read
    sequences in pieces, with "h_n" of one piece as "h_0" of the next: models of one direction that answer at each step
    (without a CRF), or that have readout="last". ``metadata_props`` holds, as JSON, the classes, and the token that a
    generator begins with.

    ONNX Runtime 1.32 reads all models. Not every runtime does: some drop a part of the format, and answer with wrong
    numbers in place of an error. The guide's page on saving says what each of them reads, and how: see it before you
    take OpenVINO (never with cell="lstm_peephole"), tract, MNN, or `onnx.reference.ReferenceEvaluator`.

    Examples
    --------
    >>> import numpy as np
    >>> import onnxruntime
    >>> from fastrnn import SequenceClassifier
    >>> from fastrnn.interchange import to_onnx
    >>> X = [np.sin(np.arange(20) * rate)[:, np.newaxis] for rate in (0.3, 0.9) * 20]
    >>> clf = SequenceClassifier(max_iter=5, random_state=0).fit(X, ["slow", "fast"] * 20)
    >>> session = onnxruntime.InferenceSession(to_onnx(clf).SerializeToString())
    >>> known = {"X": np.stack(X, axis=1).astype("float32"), "lengths": np.full(40, 20, "int32")}
    >>> labels, p = session.run(["labels", "probabilities"], known | {"h_0": np.zeros((2, 1, 64), "float32")})
    >>> bool((labels == clf.predict(X)).all()), bool(np.allclose(p, clf.predict_proba(X), atol=1e-5))
    (True, True)
    """
    kind = next((kind for kind in ANSWERS if isinstance(estimator, kind)), None)
    if kind is None:
        expected = f"expected a {', '.join(kind.__name__ for kind in ANSWERS)}"
        raise TypeError(f"{estimator!r:.80} cannot be exported: {expected}; of a Pipeline give the last step, pipe[-1]")
    check_is_fitted(estimator, "network_")
    which = ("error", "mask"), ("missing", "time_column")
    estimator._refuse_holes("has no operator of ONNX: fit with missing='mask' and without times", *which)
    if (cell := estimator._shape["cell"]) not in OPERATORS:
        raise ValueError(f"ONNX has no operator for cell={cell!r}: export a model with one of {', '.join(OPERATORS)}")
    refuse_zoneout(estimator._shape, "ONNX's operators")
    refuse_projection(estimator._shape, "ONNX's operators")
    network = network_of(estimator, np.float32)
    if opset not in OPSETS:
        raise ValueError(f"opset must be an integer from {OPSETS[0]} to {OPSETS[-1]}; got {shown(opset)}")
    if not isinstance(lengths, (bool, np.bool_)):
        raise ValueError(f"lengths must be True or False; got {shown(lengths)}: they are an input of the model")
    if not lengths and len(getattr(network.embedding, "limits", ())) > 1:
        raise ValueError("lengths=False does not go with characters: words have lengths of their own")
    model = _model(estimator, kind, network, int(opset), lengths)
    if path is not None:
        with replacing(path) as unfinished, open(unfinished, "wb") as file:
            file.write(model.SerializeToString())
    return model


def _model(estimator, kind, network, opset, lengths):
    graph = Graph()
    holes = estimator._holes() if network.embedding is None else None
    mean = None if holes is None else np.float32(estimator._X_mean[holes.flagged])
    known = _known_categories(estimator)
    units = None
    if network.static is not None:
        with np.errstate(over="ignore"):
            units = np.float32(estimator._static_mean), np.float32(estimator._static_scale)
        if not np.isfinite(units).all() or (units[1] < np.finfo(np.float32).tiny).any():
            scales = f"{estimator._static_scale.min():.3g} to {estimator._static_scale.max():.3g}"
            found = f"static has columns of scales from {scales}, for which float32, the model's input, has no room"
            raise ValueError(f"{found}: fit on static in another unit")
    scores, inside = add_scores(graph, network, estimator._shape, lengths, mean, known, units)
    answers = ANSWERS[kind](graph, estimator, scores, inside)
    lead = ("time", "batch")[network.readout is not None :]
    outputs = [graph.value(name, dtype, *lead, *columns) for name, dtype, *columns in answers]
    inputs = [_input(graph, network, 0 if mean is None else mean.size)]
    if units is not None:
        inputs.append(graph.value("static", "float32", "batch", len(units[0])))
    if lengths:
        first = () if units is not None else _states(graph, network, "0", "batch_or_1")
        inputs += [graph.value("lengths", "int32", "batch"), *first]
        outputs += _states(graph, network, "n", "batch")
    model = graph.helper.make_model(
        graph.helper.make_graph(graph.nodes, kind.__name__, inputs, outputs, graph.constants), ir_version=IR_VERSION,
        opset_imports=[graph.helper.make_opsetid("", opset)], producer_name="fastrnn", producer_version=VERSION,
        doc_string=f"A {kind.__name__}: fastrnn.interchange.to_onnx has inputs and outputs.")  # fmt: skip
    # What the outputs' columns are, and the token that sequences begin with.
    known = {"classes": "classes_", "begin_and_end_token": "_boundary"}
    values = {name: getattr(estimator, attribute, None) for name, attribute in known.items()}
    properties = {name: json.dumps(np.asarray(value).tolist()) for name, value in values.items() if value is not None}
    if estimator._shape["cell"] == "lstm_peephole":
        properties["peepholes"] = json.dumps("OpenVINO 2026.4 drops them without a message: use ONNX Runtime")
    graph.helper.set_model_props(model, properties)
    return model


def _known_categories(estimator):
    """Those of each column of categories, which must be numbers as X holds them."""
    known = getattr(estimator, "categories_", ())
    for own in known:
        if own.dtype.kind == "U" or (np.float32(own) != own).any():
            found = f"X of the model is float32, which cannot hold the category {shown(own[-1])}"
            raise ValueError(f"{found}: fit on integers below {2**24} in place of such")
    return known


def _input(graph, network, n_flags):
    dtype, columns = "float32", [network.encoder.input_size - n_flags]
    if network.embedding is not None:
        dtype, columns = "int64", ["columns"] * (len(network.embedding.limits) - 1)
    return graph.value("X", dtype, network.n_steps or "time", "batch", *columns)


def _states(graph, network, when, batch):
    stack = network.encoder.recurrent
    shape = stack.num_layers * stack.n_directions, batch, stack.hidden_size
    return [graph.value(f"{s}_{when}", "float32", *shape) for s in stack.cell.states]


# Each of these makes outputs of scores (batch, K), or of (time, batch, K) and what is inside a sequence: the name, the
# type, and the dimensions past those of time and batch.


def _classes(graph, estimator, scores, inside):
    operator, K = "Softmax", len(estimator.classes_)
    if isinstance(estimator.classes_, list):
        advice = "fit a model for each column, or use to_torch"
        raise ValueError(f"ONNX export takes one label or rows of 0 and 1, not {K} columns of classes: {advice}")
    if estimator._is_multilabel:
        graph.add("Where", graph.add("Greater", scores, np.float32(0)), 1, 0, name="labels")
        return [_probabilities(graph, K, graph.add("Sigmoid", scores), inside), ("labels", "int64", K)]
    if estimator.network_.head.output_size == 1:
        scores, operator = graph.add("Concat", graph.add("Neg", scores), scores, axis=-1), "Sigmoid"
    best = graph.add("ArgMax", scores, axis=-1, keepdims=0)
    return [_probabilities(graph, K, graph.add(operator, scores), inside),
            _labels(graph, estimator, best)]  # fmt: skip


def _tags(graph, estimator, scores, inside):
    K, chain = estimator.classes_.size, estimator.network_.chain
    if chain is None:
        return _classes(graph, estimator, scores, inside)
    marginals, best = add_chain(graph, chain, scores, inside)
    return [_probabilities(graph, K, marginals, inside), _labels(graph, estimator, best)]


def _every_output(graph, estimator, scores, inside):
    if hasattr(estimator, "binary_features_"):
        says = "densities of numbers, where ONNX export gives probabilities of tokens"
        raise ValueError(f"this generator (embedding_dim=None) says {says}: use its stream or sample")
    return [_probabilities(graph, estimator.network_.head.output_size, graph.add("Softmax", scores), inside)]


def _probabilities(graph, K, values, inside):
    graph.add("Identity", graph.where(inside, values, np.float32(0)), name="probabilities")
    return "probabilities", "float32", K


def _labels(graph, estimator, numbers):
    classes = np.array(estimator.classes_.tolist())  # of objects the strings or numbers that they are
    if classes.dtype.kind not in "biufU":
        raise ValueError(f"ONNX has no type for labels of {estimator.classes_.dtype}: fit on strings or integers")
    graph.add("Gather", classes, numbers, name="labels")
    return "labels", object if classes.dtype.kind == "U" else classes.dtype


def _numbers(graph, estimator, scores, inside):
    values = graph.cast(scores, "float64")  # as float32 loses the digits of what varies little about a large mean
    values = graph.add("Add", graph.add("Mul", values, estimator._y_scale), estimator._y_mean)
    values = graph.where(inside, values, 0.0)
    is_flat = estimator._y_is_flat
    graph.add(*(("Squeeze", values, [-1]) if is_flat else ("Identity", values)), name="predictions")
    return [("predictions", "float64", *[estimator._y_mean.size][is_flat:])]


ANSWERS = dict(zip(KNOWN_BY_WEIGHTS, (_classes, _numbers, _tags, _every_output), strict=True))
ANSWERS[SequenceTranscriber] = _every_output
