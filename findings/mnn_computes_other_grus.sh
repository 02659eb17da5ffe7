#!/usr/bin/env bash
# MNN 3.6.1 (CPU), converting ONNX with no options.  One expects a recurrent operator to be followed, or the model to be
# refused.  What happens, with no word about it, where ONNX Runtime 1.32.0 gives what the format says:
# - a GRU in a model whose time is open, as exporters write it, gives other numbers, in both forms of the operator
#   (linear_before_reset 0 and 1), the second in one direction and two.  Where time is fixed, the second form is right;
# - the first form, which is the format's default, is computed by a third equation even then: the reset gate scales the
#   product with R, as in the second form, but not the bias;
# - with the option --useOriginRNNImpl all of these states are right, but the last state Y_h of a GRU's backward
#   direction is wrong, with open time or fixed;
# - an RNN or GRU of which only the last state Y_h is used gives all states Y in its place, in another shape;
# - of RNN and GRU, `direction="reverse"` alone and `clip` are not followed, nor `sequence_lens` of a GRU.
# A plain RNN and LSTM are right.  Who has a GRU, from any library, and wants MNN, must take the option, read the
# backward direction's last state from the first step of Y, and compare.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "mnn==3.6.1" "numpy==2.3.5" "onnx==1.23.2" "onnxruntime==1.32.0"
cat > "$work/look.py" <<'PYTHON'
import os
import sys
from pathlib import Path

os.chdir(sys.argv[1])
ours = os.dup(1)
os.dup2(os.open("messages.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)  # MNN tells there what it does

import _tools  # of MNN: its converter, without the command around it, which reports that it was used
import MNN
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

T, B, I, H = 5, 2, 3, 4
rng = np.random.default_rng(1)
given = {"X": rng.normal(size=(T, B, I)).astype("float32"), "lengths": np.array([5, 2], "int32")}
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def say(*words):
    os.write(ours, (" ".join(map(str, words)) + "\n").encode())


def model(operator, outputs=None, is_open=False, with_lengths=False, **attributes):
    rng, D, G = np.random.default_rng(0), 1 + (attributes.get("direction") == "bidirectional"), GATES[operator]
    shapes = {"W": (D, G * H, I), "R": (D, G * H, H), "bias": (D, 2 * G * H)}
    outputs, time = outputs or ("Y", "Y_h", "Y_c")[: 3 if operator == "LSTM" else 2], "time" if is_open else T
    weights = {name: rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}
    weights = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    node = helper.make_node(operator, ["X", *shapes, *["lengths"] * with_lengths], outputs, hidden_size=H, **attributes)
    inputs = [helper.make_tensor_value_info("X", TensorProto.FLOAT, [time, B, I])]
    inputs += [helper.make_tensor_value_info("lengths", TensorProto.INT32, [B])] * with_lengths
    answers = {"Y": [time, D, B, H], "Y_h": [D, B, H], "Y_c": [D, B, H]}
    answers = [helper.make_tensor_value_info(name, TensorProto.FLOAT, answers[name]) for name in outputs if name]
    graph = helper.make_graph([node], "one", inputs, answers, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def in_mnn(model, *options):
    onnx.save(model, "model.onnx")
    files = ["--modelFile", "model.onnx", "--MNNModel", "model.mnn"]
    _tools.mnnconvert(["mnnconvert", "-f", "ONNX", *files, "--bizCode", "none", *options])
    names, kinds = [i.name for i in model.graph.input], {"X": MNN.expr.float, "lengths": MNN.expr.int}
    network = MNN.nn.load_module_from_file("model.mnn", names, [o.name for o in model.graph.output])
    os.remove("model.mnn")
    inputs = [MNN.expr.const(given[name], list(given[name].shape), MNN.expr.NCHW, kinds[name]) for name in names]
    return [np.array(answer.read()) for answer in network.onForward(inputs)]


def in_runtime(model):
    names = [i.name for i in model.graph.input]
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {name: given[name] for name in names})


def alike(some, others):
    return all(a.shape == b.shape and bool(np.abs(a - b).max() < 1e-4) for a, b in zip(some, others, strict=True))


def third_equation(model):
    """All states of a GRU whose reset gate scales the product with R, and not the bias."""
    weights = {one.name: numpy_helper.to_array(one)[0].astype("float64") for one in model.graph.initializer}
    W, R, (bias_W, bias_R) = weights["W"], weights["R"], np.split(weights["bias"], 2)
    h, states = np.zeros((B, H)), []
    for x in given["X"]:
        ahead, back = x @ W.T + bias_W + bias_R, h @ R.T
        update, reset = (1 / (1 + np.exp(-(ahead + back)[:, k * H : (k + 1) * H])) for k in range(2))
        h = (1 - update) * np.tanh(ahead[:, 2 * H :] + reset * back[:, 2 * H :]) + update * h
        states.append(h)
    return np.array(states)[:, np.newaxis]


say("MNN", MNN.version())
both = ("forward", "bidirectional")
expected, seen = [], []


def look(what, model, is_right, *options):
    found = alike(in_mnn(model, *options), in_runtime(model))
    say(f"{what}: {'as ONNX Runtime' if found else 'other numbers'}")
    expected.append(is_right)
    seen.append(found)


for operator in ("RNN", "LSTM"):
    for direction in both:
        look(f"{operator}, {direction}", model(operator, direction=direction), True)
for direction, form in (("forward", 0), ("forward", 1), ("bidirectional", 1)):
    for is_open in (True, False):
        gru = model("GRU", ("Y",), is_open, direction=direction, linear_before_reset=form)
        what = f"GRU, {direction}, linear_before_reset={form}, time {'open' if is_open else 'fixed'}"
        look(what, gru, not is_open and form == 1)
        look(f"{what}, --useOriginRNNImpl", gru, True, "--useOriginRNNImpl")
for is_open in (True, False):
    gru = model("GRU", is_open=is_open, direction="bidirectional", linear_before_reset=1)
    (states, last), (their_states, their_last) = in_mnn(gru, "--useOriginRNNImpl"), in_runtime(gru)
    seen.append(alike([states, last[0]], [their_states, their_last[0]]) and not alike([last[1]], [their_last[1]]))
    what = f"GRU, time {'open' if is_open else 'fixed'}, --useOriginRNNImpl"
    say(f"{what}: all states and the forward last one are right, the backward last one is not: {seen[-1]}")
    expected.append(True)
default = model("GRU", ("Y",))
seen.append(alike(in_mnn(default), [third_equation(default)]))
say("the first form with fixed time is the third equation:", seen[-1])

second = {"RNN": {}, "GRU": {"linear_before_reset": 1}}
for operator, options in second.items():
    states, last = (model(operator, outputs, **options) for outputs in (("Y",), ("", "Y_h")))
    seen.append(alike(in_mnn(last), in_runtime(states)))
    shapes = [answer[0].shape for answer in (in_mnn(last), in_runtime(last))]
    say(f"{operator}, the last state alone: all states, of shape {shapes[0]}, in place of {shapes[1]}: {seen[-1]}")
for operator, options in second.items():
    without = in_runtime(model(operator, **options))
    dropped = {"reverse": {"direction": "reverse"}, "clip": {"clip": 0.3}}
    dropped |= {"lengths": {"with_lengths": True}} if operator == "GRU" else {}
    for what, more in dropped.items():
        one = model(operator, **options, **more)
        seen.append(alike(in_mnn(one), without) and not alike(in_runtime(one), without))
        say(f"{operator}, {what}: answers as if it were not there: {seen[-1]}")
expected += [True] * (len(seen) - len(expected))
messages = Path("messages.txt").read_text().lower()
is_silent = "while" in messages and not any(word in messages for word in ("error", "warn", "not support", "ignore"))
say("the converter says nothing about it:", is_silent)
raise SystemExit(seen != expected or not is_silent)
PYTHON
"$work/venv/bin/python" "$work/look.py" "$work"
