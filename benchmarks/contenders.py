"""One recurrent layer in fastrnn, PyTorch and ONNX Runtime: same weights, same batch.

Every library is a class that takes the number of threads, raises ImportError where it is not
installed, and turns a `Case` into contenders, a `NetworkCase` into contenders that train a whole
network, and a data set into a contender that fits it whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks import forecast_fit, networks, steps, whole_fit
from benchmarks.machine import GATES
from benchmarks.measure import Contender

FLOAT32 = np.dtype(np.float32)


def ragged_lengths(B, T):
    """Return ``B`` lengths, uniform in [T/4, T] from a fixed seed, as a tuple."""
    return tuple(np.random.default_rng(0).integers(T // 4, T, B, endpoint=True).tolist())


@dataclass(frozen=True)
class Case:
    """A layer, and a batch of ``B`` sequences of ``T`` steps, or of these lengths."""

    cell: str
    B: int
    T: int
    I: int
    H: int
    ragged: tuple[int, ...] | None = None

    @cached_property
    def lengths(self):
        """(B,) steps of each sequence."""
        return np.array(self.ragged or (self.T,) * self.B)

    @property
    def rows(self):
        """Rows of the packed batch, S: the sum of the lengths."""
        return int(self.lengths.sum())

    @cached_property
    def x(self):
        """(T, B, I) inputs, zero past each end."""
        x = np.random.default_rng(1).standard_normal((self.T, self.B, self.I)).astype(FLOAT32)
        x[np.arange(self.T)[:, None] >= self.lengths] = 0
        return x

    @cached_property
    def d_output(self):
        """(T, B, H) gradient of the sum of the last valid steps' outputs."""
        d_output = np.zeros((self.T, self.B, self.H), FLOAT32)
        d_output[self.lengths - 1, np.arange(self.B)] = 1
        return d_output

    @cached_property
    def weights(self):
        """Parameters under PyTorch's names, drawn as PyTorch draws them."""
        rng = np.random.default_rng(2)
        rows = GATES[self.cell] * self.H
        shapes = {
            "weight_ih_l0": (rows, self.I),
            "weight_hh_l0": (rows, self.H),
            "bias_ih_l0": (rows,),
            "bias_hh_l0": (rows,),
        }
        bound = self.H**-0.5
        return {name: rng.uniform(-bound, bound, shape).astype(FLOAT32) for name, shape in shapes.items()}


class FastRNN:
    """The library itself."""

    name = "fastrnn"

    def __init__(self, threads):
        import numba

        from fastrnn import layers

        numba.set_num_threads(threads)
        self._classes = {"lstm": layers.LSTM, "gru": layers.GRU, "rnn": layers.RNN}

    def _layer(self, case):
        layer = self._classes[case.cell](case.I, case.H)
        layer.load_state_dict(case.weights)
        return layer

    def inference(self, case):
        """Forward pass in ``eval()``."""
        layer, x = self._layer(case), case.x
        layer.eval()
        return [Contender(self.name, lambda: layer(x), lambda: {"output": np.array(layer(x)[0])})]

    def training(self, case):
        """Forward and backward pass, gradients of the parameters."""
        layer, x, d_output = self._layer(case), case.x, case.d_output
        layer.train()
        lengths = case.lengths if case.ragged else None

        def step():
            layer.zero_grad()
            layer(x, lengths=lengths)
            layer.backward(d_output, input_grad=False)

        def gradients():
            step()
            return {name: np.array(gradient) for name, gradient in layer.grads.items()}

        return [Contender(self.name, step, gradients)]

    def step(self, case):
        """A step of a stream."""
        weights = Case(case.cell, 1, 1, case.I, case.H).weights
        return [steps.contender(self.name, case, steps.fastrnn_begin(case, weights))]

    def network(self, case):
        """Training step of a whole network."""
        return [networks.fastrnn_contender(self.name, case)]

    def whole_fit(self, split):
        """Fit a `SequenceClassifier`."""
        return [whole_fit.contender(self.name, whole_fit.fastrnn_fit, split)]

    def forecast(self, case):
        """Fit a `SequenceForecaster`."""
        return [forecast_fit.fastrnn_contender(self.name, case)]


class Torch:
    """PyTorch; a ragged batch is packed, or padded with the last valid step gathered."""

    name = "PyTorch"

    def __init__(self, threads):
        import torch

        self._torch = torch
        torch.set_num_threads(threads)
        self._classes = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}

    def _layer(self, case):
        layer = self._classes[case.cell](case.I, case.H)
        layer.load_state_dict({name: self._torch.from_numpy(w.copy()) for name, w in case.weights.items()})
        return layer

    def inference(self, case):
        """Forward pass under ``inference_mode``."""
        layer = self._layer(case).eval()
        x = self._torch.from_numpy(case.x)

        def forward():
            with self._torch.inference_mode():
                return layer(x)[0]

        return [Contender(self.name, forward, lambda: {"output": forward().numpy()})]

    def training(self, case):
        """Forward and backward pass; one contender, or two where the batch is ragged."""
        layer = self._layer(case).train()
        x = self._torch.from_numpy(case.x)
        lengths = self._torch.from_numpy(case.lengths)
        rows = self._torch.arange(case.B)
        pack = self._torch.nn.utils.rnn.pack_padded_sequence

        def last_step():
            return layer(x)[0][-1]

        def packed():
            state = layer(pack(x, lengths, enforce_sorted=False))[1]
            return state[0] if case.cell == "lstm" else state

        def padded():
            return layer(x)[0][lengths - 1, rows]

        if case.ragged:
            forwards = {f"{self.name} packed": packed, f"{self.name} padded": padded}
        else:
            forwards = {self.name: last_step}
        return [self._training(name, layer, forward) for name, forward in forwards.items()]

    def step(self, case):
        """A step, the states kept."""
        layer = self._layer(Case(case.cell, 1, 1, case.I, case.H))
        return [steps.contender(self.name, case, steps.torch_begin(self._torch, case, layer))]

    def network(self, case):
        """Training step of a whole network; two contenders where the batch is ragged."""
        from benchmarks import torch_networks

        return torch_networks.contenders(self.name, case)

    def whole_fit(self, split):
        """Fit a loop over packed sequences."""
        return [whole_fit.contender(self.name, whole_fit.torch_fit, split)]

    def forecast(self, case):
        """Fit a loop over stretches of series."""
        return [forecast_fit.torch_contender(self.name, case)]

    @staticmethod
    def _training(name, layer, forward):
        def step():
            for parameter in layer.parameters():
                parameter.grad = None
            forward().sum().backward()

        def gradients():
            step()
            return {key: parameter.grad.numpy().copy() for key, parameter in layer.named_parameters()}

        return Contender(name, step, gradients)


class OnnxRuntime:
    """ONNX Runtime, which only infers."""

    name = "ONNX Runtime"
    # Where ONNX wants PyTorch's gates: LSTM i, o, f, c from i, f, g, o; GRU z, r, h from r, z, n.
    gate_order = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "rnn": (0,)}
    attributes = {"lstm": {}, "gru": {"linear_before_reset": 1}, "rnn": {"activations": ["Tanh"]}}

    def __init__(self, threads):
        import onnx
        import onnxruntime

        self._onnx, self._runtime = onnx, onnxruntime
        self._threads = threads

    def _session(self, model, threads):
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        return self._runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def step(self, case):
        """A step of a graph, the states fed in and taken out; and of the layer alone, which keeps none.

        In one thread, as a second one only costs time.
        """
        layer, states = Case(case.cell, 1, 1, case.I, case.H), "hc" if case.cell == "lstm" else "h"
        arguments = {"op_type": case.cell.upper(), "hidden_size": case.H, **self.attributes[case.cell]}
        model = steps.onnx_model(self._onnx, case, arguments, self._weights(layer), states)
        begin = steps.onnx_begin(self._session(model, 1), case, states)
        alone, feed = self._session(self._model(layer), 1), {"X": case.x[:1, None]}
        return [
            steps.contender(self.name, case, begin),
            Contender(f"{self.name} layer only", lambda: alone.run(None, feed)),
        ]

    def inference(self, case):
        """Forward pass of a model of one node, weights as initialisers."""
        session = self._session(self._model(case), self._threads)
        feed = {"X": case.x}

        def forward():
            return session.run(None, feed)[0]

        return [Contender(self.name, forward, lambda: {"output": forward()[:, 0]})]

    def training(self, case):
        """Nothing: it does not train."""
        return []

    def network(self, case):
        """Nothing: it does not train."""
        return []

    def whole_fit(self, split):
        """Nothing: it does not train."""
        return []

    def forecast(self, case):
        """Nothing: it does not train."""
        return []

    def _model(self, case):
        helper, float_type = self._onnx.helper, self._onnx.TensorProto.FLOAT
        initialisers = [self._onnx.numpy_helper.from_array(array, name) for name, array in self._weights(case).items()]
        node = helper.make_node(
            case.cell.upper(), ["X", "W", "R", "B"], ["Y"], hidden_size=case.H, **self.attributes[case.cell]
        )
        x = helper.make_tensor_value_info("X", float_type, ["T", "B", case.I])
        y = helper.make_tensor_value_info("Y", float_type, ["T", 1, "B", case.H])
        graph = helper.make_graph([node], case.cell, [x], [y], initialisers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    def _weights(self, case):
        def reorder(weight):
            gates = np.split(weight, GATES[case.cell])
            return np.concatenate([gates[k] for k in self.gate_order[case.cell]])

        w = {name: reorder(weight) for name, weight in case.weights.items()}
        bias = np.concatenate([w["bias_ih_l0"], w["bias_hh_l0"]])
        return {"W": w["weight_ih_l0"][None], "R": w["weight_hh_l0"][None], "B": bias[None]}


LIBRARIES = (FastRNN, Torch, OnnxRuntime)
