"""One step of one sequence through the public call: the states carried along, and three classes' probabilities.

fastrnn                  ``stream.step(x)`` of a `SequenceClassifier`, its checks included
ONNX Runtime             ``session.run`` of a graph with layer, dense layer and softmax, states fed in and taken out
ONNX Runtime layer only  ``session.run`` of the layer's node alone, from zero states, which answers nothing
PyTorch                  the same as the first, in ``inference_mode``
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.measuring.measure import Contender

CLASSES = 3
STEPS = 5


@dataclass(frozen=True)
class StepCase:
    """A layer of H units that reads I numbers a step, and a dense layer for its classes."""

    cell: str
    I: int
    H: int

    @cached_property
    def x(self):
        """(STEPS, I)"""
        return np.random.default_rng(1).standard_normal((STEPS, self.I)).astype(np.float32)

    @cached_property
    def head(self):
        """Weight (CLASSES, H) and bias (CLASSES,)."""
        rng = np.random.default_rng(3)
        return [rng.uniform(-0.3, 0.3, shape).astype(np.float32) for shape in ((CLASSES, self.H), (CLASSES,))]


def contender(name, case, begin):
    """Time steps that go on; `begin()` returns a function of x (I,) that starts from zero states."""
    x, step = case.x[0], begin()

    def probabilities():
        answer = begin()
        return {"probabilities": np.array([np.ravel(answer(x_t)) for x_t in case.x])}

    return Contender(name, lambda: step(x), probabilities)


def fastrnn_begin(case, weights):
    """A classifier with these weights, and a stream of it."""
    from fastrnn import SequenceClassifier

    model = SequenceClassifier(
        cell=case.cell, hidden_size=case.H, bidirectional=False, readout="last", max_iter=1, batch_size=CLASSES
    )
    model.fit(list(np.zeros((CLASSES, 1, case.I))), np.arange(CLASSES))
    network = model.network_
    network.encoder.recurrent.parameters.load(weights)
    network.head.parameters.load(dict(zip(("weight", "bias"), case.head, strict=True)))
    network.changed()
    return lambda: model.stream().step


def torch_begin(torch, case, layer):
    """A closure that keeps the layer's states."""
    head = torch.nn.Linear(case.H, CLASSES)
    head.load_state_dict(dict(zip(("weight", "bias"), map(torch.from_numpy, case.head), strict=True)))
    layer.eval()

    def begin():
        state = None

        def step(x):
            nonlocal state
            with torch.inference_mode():
                output, state = layer(torch.from_numpy(x).reshape(1, 1, -1), state)
                return torch.softmax(head(output[0, 0]), dim=0).numpy()

        return step

    return begin


def onnx_model(onnx, case, node_arguments, weights, states):
    """Layer with initial and final states, dense layer and softmax."""
    helper, float_type = onnx.helper, onnx.TensorProto.FLOAT
    first, last = [f"{s}0" for s in states], [f"{s}1" for s in states]
    nodes = [
        helper.make_node(inputs=["X", "W", "R", "B", "", *first], outputs=["", *last], **node_arguments),
        helper.make_node("Squeeze", [last[0], "axes"], ["row"]),
        helper.make_node("Gemm", ["row", "weight", "bias"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["p"]),
    ]
    arrays = {**weights, "axes": np.array([0]), "weight": case.head[0], "bias": case.head[1]}
    initialisers = [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()]

    def value(name, *shape):
        return helper.make_tensor_value_info(name, float_type, shape)

    inputs = [value("X", 1, 1, case.I), *(value(s, 1, 1, case.H) for s in first)]
    outputs = [value("p", 1, CLASSES), *(value(s, 1, 1, case.H) for s in last)]
    graph = helper.make_graph(nodes, case.cell, inputs, outputs, initialisers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def onnx_begin(session, case, states):
    """A closure that keeps the graph's states."""

    def begin():
        feed = {f"{s}0": np.zeros((1, 1, case.H), np.float32) for s in states}

        def step(x):
            feed["X"] = x.reshape(1, 1, -1)
            p, *last = session.run(None, feed)
            feed.update(zip(feed, last, strict=False))
            return p

        return step

    return begin
