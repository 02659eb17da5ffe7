#!/usr/bin/env bash
# onnx 1.23.2, `onnx.reference.ReferenceEvaluator`, by which exported models are often checked.  One expects the
# reference to follow the operators' text.  What happens: LSTM, GRU and RNN take `sequence_lens` as an input and answer
# as if every sequence had all steps; `clip` of all three and an LSTM's `input_forget` change nothing either.  No message.
# A test that compares an exporter with the evaluator on ragged batches fails for a right model, and one that compares
# on equal lengths shows nothing about lengths.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "onnx==1.23.2" "onnxruntime==1.32.0"
"$work/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

T, B, I, H = 5, 2, 3, 4
rng = np.random.default_rng(0)
X = rng.normal(size=(T, B, I)).astype("float32")


def answers(operator, n_gates, lengths=None, **attributes):
    """The last states by the evaluator and by ONNX Runtime."""
    rng = np.random.default_rng(1)
    constants = {name: rng.normal(size=(1, *shape)).astype("float32")
                 for name, shape in {"W": (n_gates * H, I), "R": (n_gates * H, H), "bias": (2 * n_gates * H,)}.items()}
    names = ["X", *constants]
    if lengths is not None:
        constants["lengths"] = np.array(lengths, "int32")
        names.append("lengths")
    node = helper.make_node(operator, names, ["", "Y_h"], hidden_size=H, **attributes)
    given = helper.make_tensor_value_info("X", TensorProto.FLOAT, [T, B, I])
    answer = helper.make_tensor_value_info("Y_h", TensorProto.FLOAT, [1, B, H])
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph([node], "one", [given], [answer], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return ReferenceEvaluator(model).run(None, {"X": X})[0], session.run(None, {"X": X})[0]


def alike(a, b):
    return bool(np.abs(a - b).max() < 1e-5)


print("onnx", onnx.__version__)
right = True
for operator, n_gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
    plain, expected = answers(operator, n_gates)
    right &= alike(plain, expected)
    more = {"lengths": {"lengths": [5, 2]}, "clip": {"clip": 0.3}}
    if operator == "LSTM":
        more["input_forget"] = {"input_forget": 1}
    for what, options in more.items():
        found, expected = answers(operator, n_gates, **options)
        print(f"{operator}, {what}: answers as without: {alike(found, plain)}, as ONNX Runtime: {alike(found, expected)}")
        right &= alike(found, plain) and not alike(found, expected)
raise SystemExit(not right)
PYTHON
