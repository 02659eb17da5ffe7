#!/usr/bin/env bash
# silero-vad 6.2.3, whose wheel has the detector for 16 kHz in several files: two for PyTorch and ONNX Runtime by its own
# loader, and silero_vad_half.onnx and silero_vad_16k.safetensors (for tinygrad) beside them.  One expects one network in
# several formats.  What happens: the .onnx files that the loader takes agree, and those of OpenVINO and without If;
# silero_vad_half.onnx is another network, whose float32 weights have nothing to do with theirs, and the .safetensors
# are of another training of the same one.  Probabilities differ by up to 0.88 and 0.19 on a synthetic voice.
# Who ports the model from the .safetensors, which are the easiest to read, and compares with the .onnx, looks for a
# fault in a port that is right; thresholds that were chosen with one file are not for another.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "numpy==2.3.5" "onnxruntime==1.32.0" "safetensors==0.8.0"
"$work/venv/bin/pip" install -q --no-deps "silero-vad==6.2.3"
"$work/venv/bin/python" - <<'PYTHON'
from importlib.metadata import distribution

import numpy as np
import onnxruntime
from numpy.lib.stride_tricks import sliding_window_view
from safetensors.numpy import load_file

t, rng = np.arange(32000) / 16000, np.random.default_rng(0)
pitch = np.cumsum(120 + 30 * np.sin(5 * t)) / 16000
voice = sum(np.sin(2 * np.pi * k * pitch) / k for k in range(1, 20)) * (np.sin(7 * t) > 0)
sound = (0.2 * voice + 0.01 * rng.standard_normal(len(t))).astype("float32")
padded = np.concatenate([np.zeros(64, "float32"), sound])
blocks = [padded[k : k + 576][np.newaxis] for k in range(0, len(sound) - 511, 512)]  # 64 samples of the chunk before


def path(name):
    return str(distribution("silero-vad").locate_file(f"silero_vad/data/{name}"))


def by_runtime(name):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path(name), options)
    has_rate = "sr" in [given.name for given in session.get_inputs()]
    state, found = np.zeros((2, 1, 128), "float32"), []
    for block in blocks:
        p, state = session.run(None, {"input": block, "state": state} | ({"sr": np.array(16000)} if has_rate else {}))
        found.append(p.item())
    return np.array(found)


def by_hand():
    """As silero_vad/tinygrad_model.py, which reads the .safetensors."""
    w = load_file(path("silero_vad_16k.safetensors"))

    def conv(x, name, stride, padding=1):
        x = np.pad(x, ((0, 0), (padding, padding)))
        rows = sliding_window_view(x, w[f"{name}.weight"].shape[2], axis=1)[:, ::stride]
        return np.einsum("oik,itk->ot", w[f"{name}.weight"], rows) + w.get(f"{name}.bias", np.zeros(1))[:, np.newaxis]

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    h, c, found = np.zeros(128), np.zeros(128), []
    for block in blocks:
        x = conv(np.pad(block, ((0, 0), (0, 64)), "reflect"), "stft_conv", 128, padding=0)
        x = np.hypot(x[:129], x[129:])
        for name, stride in (("conv1", 1), ("conv2", 2), ("conv3", 2), ("conv4", 1)):
            x = np.maximum(conv(x, name, stride), 0)
        gates = w["lstm_cell.weight_ih"] @ x[:, 0] + w["lstm_cell.bias_ih"]
        i, f, g, o = np.split(gates + w["lstm_cell.weight_hh"] @ h + w["lstm_cell.bias_hh"], 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        found.append(sigmoid(w["final_conv.weight"][0, :, 0] @ np.maximum(h, 0) + w["final_conv.bias"][0]))
    return np.array(found)


expected, right = by_runtime("silero_vad.onnx"), True
print(f"silero-vad {distribution('silero-vad').version}, {len(blocks)} chunks, beside silero_vad.onnx")
names = ["silero_vad_16k_op15.onnx", "silero_vad_op18_ifless.onnx", "silero_vad_openvino_16k.onnx"]
for name in names:
    difference = np.abs(by_runtime(name) - expected).max()
    print(f"{name}: probabilities differ by at most {difference:.1e}")
    right &= difference < 1e-4
others = {"silero_vad_half.onnx": by_runtime("silero_vad_half.onnx"), "silero_vad_16k.safetensors": by_hand()}
for name, found in others.items():
    difference = np.abs(found - expected).max()
    print(f"{name}: probabilities differ by at most {difference:.2f}: another network")
    right &= difference > 0.1
raise SystemExit(not right)
PYTHON
