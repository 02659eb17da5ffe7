#!/usr/bin/env bash
# OpenVINO 2026.4.1 (CPU), reading ONNX.  One expects an LSTM's peephole weights, its input P, to be followed, or the
# model to be refused.  What happens: for one direction and two, with fixed shapes and open ones, the model is read and
# compiled without a message, and answers to the last bit as if P were not there; its own operator LSTMSequence has no
# place for them.  ONNX Runtime 1.32.0 answers as the equations of Gers and Schmidhuber (2000) do, here in NumPy.
# Whoever serves an LSTM with peepholes in OpenVINO serves another network.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "openvino==2026.4.1" "onnx==1.23.2" "onnxruntime==1.32.0"
"$work/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper

T, B, I, H = 5, 2, 3, 4
X = np.random.default_rng(1).normal(size=(T, B, I)).astype("float32")


def weights_of(D):
    rng = np.random.default_rng(0)
    shapes = {"W": (4 * H, I), "R": (4 * H, H), "bias": (8 * H,), "P": (3 * H,)}
    return {name: rng.normal(size=(D, *shape)).astype("float32") for name, shape in shapes.items()}


def lstm(D, is_open=False, with_p=True):
    names = ["X", "W", "R", "bias", "", "", "", *["P"] * with_p]
    direction = "bidirectional" if D == 2 else "forward"
    node = helper.make_node("LSTM", names, ["", "Y_h", ""], hidden_size=H, direction=direction)
    shape = ["time", "batch", I] if is_open else [T, B, I]
    given = [helper.make_tensor_value_info("X", TensorProto.FLOAT, shape)]
    answer = helper.make_tensor_value_info("Y_h", TensorProto.FLOAT, [D, shape[1], H])
    constants = [numpy_helper.from_array(value, name) for name, value in weights_of(D).items() if name in names]
    graph = helper.make_graph([node], "one", given, [answer], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


def by_hand(D):
    """The last states; gates in ONNX's order i, o, f, c, and P in its order i, o, f."""
    found, weights = [], weights_of(D)
    for d in range(D):
        W, R, bias, (p_i, p_o, p_f) = (*(weights[name][d] for name in ("W", "R", "bias")), np.split(weights["P"][d], 3))
        h = c = np.zeros((B, H))
        for x in X[:: -1 if d else 1]:
            i, o, f, g = np.split(x @ W.T + h @ R.T + bias[: 4 * H] + bias[4 * H :], 4, axis=1)
            i, f = (1 / (1 + np.exp(-(a + p * c))) for a, p in ((i, p_i), (f, p_f)))
            c = f * c + i * np.tanh(g)
            h = np.tanh(c) / (1 + np.exp(-(o + p_o * c)))
        found.append(h)
    return np.array(found)


def in_runtime(*options):
    return onnxruntime.InferenceSession(lstm(*options)).run(["Y_h"], {"X": X})[0]


def in_openvino(*options):
    network = openvino.Core().read_model(lstm(*options))
    return openvino.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})({"X": X})["Y_h"]


print("OpenVINO", openvino.__version__, "and ONNX Runtime", onnxruntime.__version__)
is_as_said = True
for D in (1, 2):
    for is_open in (False, True):
        expected, found = by_hand(D), in_openvino(D, is_open)
        is_right = bool(np.abs(in_runtime(D, is_open) - expected).max() < 1e-5)
        is_plain = bool((found == in_openvino(D, is_open, False)).all())
        error = float(np.abs(found - expected).max())
        print(f"directions: {D}, open shapes: {is_open}: ONNX Runtime as by hand: {is_right};",
              f"OpenVINO off by {error:.2g}, with the bits of the model without P: {is_plain}")
        is_as_said &= is_right and is_plain and error > 1e-2
raise SystemExit(not is_as_said)
PYTHON
