#!/usr/bin/env bash
# Keras 3.15.1 (with its PyTorch backend).  One expects pooling over time to leave masked steps out, as
# GlobalAveragePooling1D does.  What happens: GlobalMaxPooling1D reads all steps, with a mask or without.  Behind an LSTM
# it is right by luck, for at masked steps the last state is repeated; behind Bidirectional(LSTM), which writes zeros at
# masked steps, every unit that is negative at all steps of a sequence comes out as 0.
# The same sequence has other features, and another prediction, when it is padded; no message.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "keras==3.15.1" "torch==2.13.0" "numpy==2.3.5"
KERAS_BACKEND=torch "$work/venv/bin/python" -W ignore - <<'PYTHON'
import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(0)
short = np.random.default_rng(0).normal(size=(1, 3, 2)).astype("float32")
padded = np.concatenate([short, np.zeros((1, 4, 2), "float32")], axis=1)


def moves(recurrent, pooling):
    """How far padding, which is masked, moves what comes out."""
    model = keras.Sequential([keras.Input((None, 2)), layers.Masking(0.0), recurrent, pooling])
    out = [model(x, training=False).detach().numpy() for x in (short, padded)]
    return float(np.abs(out[0] - out[1]).max())


def lstm():
    return layers.LSTM(4, return_sequences=True)


seen = {
    "mean of an LSTM": moves(lstm(), layers.GlobalAveragePooling1D()),
    "mean of Bidirectional(LSTM)": moves(layers.Bidirectional(lstm()), layers.GlobalAveragePooling1D()),
    "max of an LSTM": moves(lstm(), layers.GlobalMaxPooling1D()),
    "max of Bidirectional(LSTM)": moves(layers.Bidirectional(lstm()), layers.GlobalMaxPooling1D()),
}
print("Keras", keras.__version__)
for what, distance in seen.items():
    print(f"{what}: masked padding moves it by {distance:.1e}")
raise SystemExit([distance > 1e-3 for distance in seen.values()] != [False, False, False, True])
PYTHON
