"""A recurrent layer as an ONNX model of one node, for the runtimes that read such models."""

from __future__ import annotations

import numpy as np

from benchmarks.measuring.machine import GATES

# Where ONNX wants PyTorch's gates: LSTM i, o, f, c from i, f, g, o; GRU z, r, h from r, z, n.
GATE_ORDER = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "rnn": (0,)}
ATTRIBUTES = {"lstm": {}, "gru": {"linear_before_reset": 1}, "rnn": {"activations": ["Tanh"]}}


def model(onnx, case):
    """Return the model of X (T, B, I), and of the lengths (B,) where the batch is ragged; Y is (T, 1, B, H)."""
    helper, types = onnx.helper, onnx.TensorProto
    names = ["X", "W", "R", "B", *(["lengths"] if case.ragged else [])]
    inputs = [helper.make_tensor_value_info("X", types.FLOAT, ["T", "B", case.I])]
    if case.ragged:
        inputs.append(helper.make_tensor_value_info("lengths", types.INT32, ["B"]))
    node = helper.make_node(inputs=names, outputs=["Y"], **node_arguments(case))
    y = helper.make_tensor_value_info("Y", types.FLOAT, ["T", 1, "B", case.H])
    initialisers = [onnx.numpy_helper.from_array(array, name) for name, array in weights(case).items()]
    graph = helper.make_graph([node], case.cell, inputs, [y], initialisers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def feed(case):
    """Return what the model reads, by name."""
    return {"X": case.x} | ({"lengths": case.lengths.astype(np.int32)} if case.ragged else {})


def node_arguments(case):
    """Return operator and attributes of the layer's node."""
    return {"op_type": case.cell.upper(), "hidden_size": case.H, **ATTRIBUTES[case.cell]}


def weights(case):
    """Return W, R and B as ONNX has them."""

    def reorder(weight):
        gates = np.split(weight, GATES[case.cell])
        return np.concatenate([gates[k] for k in GATE_ORDER[case.cell]])

    w = {name: reorder(weight) for name, weight in case.weights.items()}
    bias = np.concatenate([w["bias_ih_l0"], w["bias_hh_l0"]])
    return {"W": w["weight_ih_l0"][None], "R": w["weight_hh_l0"][None], "B": bias[None]}
