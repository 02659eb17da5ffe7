"""
Save a model, and answer step by step
=====================================

A program that serves a model loads it from a file, and answers while data are still coming in.  Here a classifier of
speakers is saved and loaded.  Then it follows two recordings at once, frame by frame, with one state for each.  Each
answer has the same bits as the answer for the whole beginning at once, and takes microseconds.

You need nothing but fastrnn, and some seconds.  The file goes to a temporary folder.
"""

import tempfile
import time
from pathlib import Path

import numpy as np

import fastrnn
from fastrnn import SequenceClassifier
from fastrnn.datasets import load_japanese_vowels

# %%
# Train and save.  A stream needs a network that reads forwards only, ``bidirectional=False``.  For sequences of 80
# steps and more it needs ``patch_length=1``, too.

X, y = load_japanese_vowels(split="train")
X_test, y_test = load_japanese_vowels(split="test")
clf = SequenceClassifier(bidirectional=False, readout="last", max_iter=40, random_state=0).fit(X, y)
path = Path(tempfile.mkdtemp(), "vowels.safetensors")
fastrnn.save(clf, path)
print(f"{clf.score(X_test, y_test):.1%} of new recordings recognised; {path.stat().st_size / 1000:.0f} kB")

# %%
# Load.  Nothing in the file is executed, so this is safe with files of others, too.

served = fastrnn.load(path)
print(type(served).__name__, (served.predict_proba(X_test) == clf.predict_proba(X_test)).all())

# %%
# Read one recording frame by frame.  At first the model takes the speaker for another one.

stream = served.stream()
recording, speaker = X_test[54], y_test[54]
print(f"the recording is of speaker {speaker}")
for n, frame in enumerate(recording, 1):
    p = stream.step(frame)
    if n % 4 == 0:
        print(f"{n:2} frames: speaker {served.classes_[p.argmax()]}, {p.max():.0%}")
print("the bits of predict_proba:", (p == served.predict_proba([recording])[0]).all())

# %%
# Two callers at once.  ``stream.state`` is all that an answer depends on: keep one for each caller, and set it before
# the caller's next frame.

stream.reset()
states = {"caller A": stream.state, "caller B": stream.state}
recordings = {"caller A": X_test[54], "caller B": X_test[234]}
for t in range(12):
    for caller, recording in recordings.items():
        stream.state = states[caller]
        p = stream.step(recording[t])
        states[caller] = stream.state
        if t == 11:
            print(f"{caller}, after 12 frames: speaker {served.classes_[p.argmax()]}, {p.max():.0%}")

# %%
# A state can be written to disk, so that a restart of the program loses nothing.

np.savez(path.with_name("caller-b.npz"), **states["caller B"])
again = fastrnn.load(path).stream()
with np.load(path.with_name("caller-b.npz")) as file:
    again.state = dict(file)
print("steps read before the restart:", again.n_steps)

# %%
# How long does a step take?

start = time.perf_counter()
for _ in range(1000):
    stream.step(recording[0])
print(f"{1000 * (time.perf_counter() - start):.0f} microseconds a step")
