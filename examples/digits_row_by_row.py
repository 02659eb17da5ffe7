"""
Read a digit row by row
=======================

Each image of a handwritten digit is a sequence of eight rows, and each row has eight pixels.  The classifier reads the
rows one after the other.  It learns from images that are cut off after each row, so it can say at any time which digit
it may be.

You need matplotlib for the pictures, and some seconds.  The images come with scikit-learn.  After the first row about
40 % of the guesses are right, after the last one about 97 %.
"""

import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from fastrnn import SequenceClassifier

# %%
# The training set has each image eight times: its first row, its first two rows, and so on.


def beginnings(images):
    return [image[:n] for n in range(1, 9) for image in images]


images, digits = load_digits(return_X_y=True)
images = images.reshape(-1, 8, 8) / 16
X, X_test, y, y_test = train_test_split(images, digits, stratify=digits, random_state=0)
clf = SequenceClassifier(dropout=0.5, max_iter=15, random_state=0)
clf.fit(beginnings(X), np.tile(y, 8))

# %%
# How many digits are right after each row?

odds = clf.predict_proba(beginnings(X_test)).reshape(8, len(X_test), 10)
right = odds.argmax(axis=2) == y_test
for n, accuracy in enumerate(right.mean(axis=1), 1):
    print(f"{n} rows read: {accuracy:.0%} right")

# %%
# The same as a picture.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the pictures, install matplotlib: pip install matplotlib")

_, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
ax.plot(range(1, 9), 100 * right.mean(axis=1), marker="o", label="classifier")
ax.axhline(10, color="0.5", ls=":", label="chance")
ax.set(title="New digits, row by row", xlabel="rows read", ylabel="right (%)", ylim=(0, 103))
ax.legend()
plt.show()

# %%
# The upper half of some digits is misleading.  Beside each row of such a digit are the probabilities of the digits 0 to
# 9 when that row has been read: the darker, the more probable.

k = np.flatnonzero(~right[3] & right[7])[0]
_, (left, ax) = plt.subplots(1, 2, figsize=(5, 3), sharey=True, layout="constrained")
left.imshow(X_test[k], cmap="Greys", aspect="auto")
left.set(title=f"A {y_test[k]}", ylabel="row", yticks=range(8), yticklabels=range(1, 9), xticks=[])
ax.imshow(odds[:, k], cmap="Blues", vmin=0, vmax=1, aspect="auto")
ax.set(title="What it may be", xlabel="digit", xticks=range(10))
plt.show()
