"""
Stop as soon as you are sure
============================

A classifier follows a recording frame by frame and stops as soon as it is sure enough who speaks.  How sure is sure
enough?  `EarlyClassifier` asks about recordings that were held out, and takes the threshold with the best harmonic mean
of the accuracy and of what is not heard.  Here it stops after the first frame or two of about sixteen.

You need matplotlib for the pictures, and some seconds.
"""

import sys

import numpy as np

from fastrnn import EarlyClassifier, SequenceClassifier
from fastrnn.datasets import load_japanese_vowels

# %%
# The classifier reads forwards only, ``bidirectional=False``.  It learns to name the speaker after each frame.

X, y = load_japanese_vowels(split="train")
X_test, y_test = load_japanese_vowels(split="test")
clf = SequenceClassifier(bidirectional=False, num_layers=2, dropout=0.5, max_iter=60, random_state=0)
early = EarlyClassifier(clf, cv=3).fit(X, y)
print(f"threshold {early.threshold_:.2f}, harmonic mean {early.score(X_test, y_test):.3f}")

# %%
# How many are right, and how much of a recording is heard?  The fitted network stays, and only the threshold changes.

lengths = np.array([len(x) for x in X_test])
chosen, curve = early.threshold_, []
for sure in (0.3, 0.5, 0.7, 0.9, 0.95, 0.99, 0.999):
    early.threshold_ = sure
    labels, steps = early.predict(X_test, return_steps=True)
    curve.append((np.mean(steps / lengths), np.mean(labels == y_test)))
    print(f"  {sure:5.1%} sure: {curve[-1][1]:6.1%} right, {curve[-1][0]:4.0%} heard")
early.threshold_ = chosen

# %%
# ``stream()`` gives None until the label is sure.

stream = early.stream()
for n, frame in enumerate(X_test[0], start=1):
    speaker = stream.step(frame)
    print(f"frame {n}: {speaker}")
    if speaker is not None:
        break

# %%
# The same as a picture: the further up and to the left, the better.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the pictures, install matplotlib: pip install matplotlib")

_, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
ax.plot(*100 * np.transpose(curve), marker="o")
ax.set(title="Who stops earlier is less often right", xlabel="heard of a recording (%)", ylabel="right (%)")
plt.show()

# %%
# The recording that leaves the classifier in doubt longest:

early.threshold_ = 0.95
slowest = early.predict(X_test, return_steps=True)[1].argmax()
stream.reset()
said = []
for frame in X_test[slowest]:
    stream.step(frame)
    said.append(stream.probabilities)
said = np.array(said)
_, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
for k in np.argsort(-said.max(axis=0))[:3]:
    ax.plot(range(1, len(said) + 1), said[:, k], marker=".", label=f"speaker {early.classes_[k]}")
ax.set(title=f"A recording of speaker {y_test[slowest]}", xlabel="frames heard", ylabel="probability", ylim=(0, 1))
ax.legend()
plt.show()
