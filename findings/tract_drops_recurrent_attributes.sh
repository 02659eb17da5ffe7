#!/usr/bin/env bash
# tract 0.23.9 (the Python package), reading ONNX.  One expects a recurrent operator's attributes to be followed, or the
# model to be refused.  What happens: `activations` other than the default are silently not followed (an RNN with Relu
# answers as one with Tanh, to the last digits), nor are `clip` and a lone `direction="reverse"` (it answers as the
# forward direction); bidirectional operators are right.  `sequence_lens` is refused with a message.
# Whoever exports a network with relu to run it in tract gets a network with tanh.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "tract==0.23.9" "onnx==1.23.2" "onnxruntime==1.32.0"
cat > "$work/look.py" <<'PYTHON'
import sys

import numpy as np
import onnx
import onnxruntime
import tract
from onnx import TensorProto, helper, numpy_helper

T, B, I, H = 5, 2, 3, 4
X = np.random.default_rng(1).normal(size=(T, B, I)).astype("float32")


def rnn(directions=1, **attributes):
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=(directions, *shape)).astype("float32")
               for name, shape in {"W": (H, I), "R": (H, H), "bias": (2 * H,)}.items()}
    node = helper.make_node("RNN", ["X", *weights], ["", "Y_h"], hidden_size=H, **attributes)
    given = helper.make_tensor_value_info("X", TensorProto.FLOAT, [T, B, I])
    answer = helper.make_tensor_value_info("Y_h", TensorProto.FLOAT, [directions, B, H])
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph([node], "one", [given], [answer], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def in_tract(model):
    path = f"{sys.argv[1]}/model.onnx"
    onnx.save(model, path)
    return tract.onnx().load(path).into_model().into_runnable().run([X])[0].to_numpy()


def in_runtime(model):
    return onnxruntime.InferenceSession(model.SerializeToString()).run(["Y_h"], {"X": X})[0]


def alike(a, b):
    return bool(np.abs(a - b).max() < 1e-5)


plain, relu = rnn(), rnn(activations=["Relu"])
models = {
    "a plain RNN": plain, "two directions": rnn(2, direction="bidirectional"), "Relu": relu,
    "clip": rnn(clip=0.3), "a lone reverse direction": rnn(direction="reverse"),
}
seen = {what: alike(in_tract(model), in_runtime(model)) for what, model in models.items()}
print("tract", tract.version())
for what, is_followed in seen.items():
    print(f"{what}: {'as ONNX Runtime' if is_followed else 'other numbers, without a message'}")
as_tanh = alike(in_tract(relu), in_runtime(plain))
print("the network with Relu answers as the one with Tanh:", as_tanh)
raise SystemExit(list(seen.values()) != [True, True, False, False, False] or not as_tanh)
PYTHON
"$work/venv/bin/python" "$work/look.py" "$work"
