#!/usr/bin/env bash
# OpenVINO 2026.4.1 (CPU), reading ONNX.  One expects a recurrent operator's optional inputs and attributes to be
# followed, or the model to be refused.  What happens:
# - `sequence_lens` is followed where all dimensions of the model are fixed, and silently not followed (as if every
#   sequence had all steps) where time or batch is open, which is how exporters write models;
# - an LSTM's peephole weights P, and `input_forget`, are silently not followed in either case.
# `clip` and `activations` are followed, and a fixed shape given by `reshape` before compiling brings lengths back.
# Whoever serves ragged batches gets other numbers than ONNX Runtime, and no message.
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
rng = np.random.default_rng(0)
weights = {name: rng.normal(size=(1, *shape)).astype("float32")
           for name, shape in {"W": (4 * H, I), "R": (4 * H, H), "bias": (8 * H,), "P": (3 * H,)}.items()}
X, lengths = rng.normal(size=(T, B, I)).astype("float32"), np.array([5, 2], "int32")


def lstm(is_open=False, with_lengths=False, with_p=False, **attributes):
    names = ["X", "W", "R", "bias", "lengths" if with_lengths else "", "", "", "P" if with_p else ""]
    node = helper.make_node("LSTM", names, ["Y", "Y_h", ""], hidden_size=H, **attributes)
    time, batch = ("time", "batch") if is_open else (T, B)
    given = [helper.make_tensor_value_info("X", TensorProto.FLOAT, [time, batch, I])]
    if with_lengths:
        given.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, [batch]))
    answer = helper.make_tensor_value_info("Y_h", TensorProto.FLOAT, [1, batch, H])
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items() if name in names]
    graph = helper.make_graph([node], "one", given, [answer], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


def follows(reshape=False, **options):
    """Whether OpenVINO's last states are ONNX Runtime's."""
    model = lstm(**options)
    known = {"X": X} | ({"lengths": lengths} if options.get("with_lengths") else {})
    expected = onnxruntime.InferenceSession(model).run(["Y_h"], known)[0]
    network = openvino.Core().read_model(model)
    if reshape:
        network.reshape({name: value.shape for name, value in known.items()})
    found = openvino.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(known)["Y_h"]
    return bool(np.abs(found - expected).max() < 1e-5)


seen = {
    "a plain LSTM": follows(),
    "lengths, fixed shapes": follows(with_lengths=True),
    "lengths, open shapes": follows(with_lengths=True, is_open=True),
    "lengths, open shapes, reshaped to fixed ones": follows(with_lengths=True, is_open=True, reshape=True),
    "peephole weights": follows(with_p=True),
    "input_forget": follows(input_forget=1),
    "clip": follows(clip=0.3),
}
print("OpenVINO", openvino.__version__)
for what, is_followed in seen.items():
    print(f"{what}: {'as ONNX Runtime' if is_followed else 'other numbers, without a message'}")
raise SystemExit(list(seen.values()) != [True, True, False, True, False, False, True])
PYTHON
