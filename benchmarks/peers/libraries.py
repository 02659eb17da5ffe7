"""One recurrent layer in fastrnn, PyTorch, ONNX Runtime and OpenVINO: same weights, same batch.

Every library is a class that takes the number of threads, raises ImportError where it is not
installed, and turns a `Case` into contenders, a `NetworkCase` into contenders that train a whole
network, and a data set into a contender that fits it whole, as far as it can.
"""

from __future__ import annotations

import numpy as np

from benchmarks.measuring.measure import Contender
from benchmarks.peers import forecast_fit, networks, onnx_layers, steps, whole_fit
from benchmarks.peers.cases import Case


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
        lengths = case.lengths if case.ragged else None
        layer.eval()

        def forward():
            return layer(x, lengths=lengths)[0]

        return [Contender(self.name, forward, lambda: {"output": np.array(forward())})]

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
        """Forward pass under ``inference_mode``; packed, and padded, where the batch is ragged."""
        layer = self._layer(case).eval()
        x, lengths = self._torch.from_numpy(case.x), self._torch.from_numpy(case.lengths)
        pack, pad = self._torch.nn.utils.rnn.pack_padded_sequence, self._torch.nn.utils.rnn.pad_packed_sequence

        def padded():
            with self._torch.inference_mode():
                return layer(x)[0]

        def packed():
            with self._torch.inference_mode():
                return pad(layer(pack(x, lengths, enforce_sorted=False))[0], total_length=case.T)[0]

        def contender(name, forward):
            return Contender(name, forward, lambda: {"output": case.ended(forward().numpy())})

        if case.ragged:
            return [contender(f"{self.name} packed", packed), contender(f"{self.name} padded", padded)]
        return [contender(self.name, padded)]

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
        from benchmarks.peers import torch_networks

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
        arguments, weights = onnx_layers.node_arguments(case), onnx_layers.weights(layer)
        begin = steps.onnx_begin(
            self._session(steps.onnx_model(self._onnx, case, arguments, weights, states), 1), case, states
        )
        alone, feed = self._session(onnx_layers.model(self._onnx, layer), 1), {"X": case.x[:1, None]}
        return [
            steps.contender(self.name, case, begin),
            Contender(f"{self.name} layer only", lambda: alone.run(None, feed)),
        ]

    def inference(self, case):
        """Forward pass of a model of one node, weights as initialisers."""
        session, feed = self._session(onnx_layers.model(self._onnx, case), self._threads), onnx_layers.feed(case)

        def forward():
            return session.run(None, feed)[0]

        return [Contender(self.name, forward, lambda: {"output": case.ended(forward()[:, 0])})]


class OpenVino:
    """OpenVINO, which only infers; the same model, of fixed sizes, its buffers shared with NumPy."""

    name = "OpenVINO"

    def __init__(self, threads):
        import onnx
        import openvino

        self._onnx, self._core = onnx, openvino.Core()
        # float32 is asked for, since a CPU that has bfloat16 would take that.
        self._options = {
            "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads,
        }  # fmt: skip

    def inference(self, case):
        """Forward pass of a model of one node, weights as initialisers."""
        model = self._core.read_model(onnx_layers.model(self._onnx, case).SerializeToString())
        feed = onnx_layers.feed(case)
        model.reshape({name: array.shape for name, array in feed.items()})
        compiled = self._core.compile_model(model, "CPU", self._options)

        def forward():
            return compiled(feed, share_inputs=True, share_outputs=True)[0]

        return [Contender(self.name, forward, lambda: {"output": case.ended(forward()[:, 0])})]


LIBRARIES = (FastRNN, Torch, OnnxRuntime, OpenVino)
