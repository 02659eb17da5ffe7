"""
Transcribe a row of digits
==========================

Handwritten digits stand side by side, with gaps of any width, or none.  The model reads the picture column by column
and writes down the digits.  For training it is told which digits there are, from left to right, but not where.  Of
digits that it has not seen, about 98 in 100 are right.

You need matplotlib for the pictures, and a minute; with ``--short`` some seconds, for less.  The images come with
scikit-learn.
"""

import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from fastrnn import SequenceTranscriber

# %%
# The images are split before rows are made of them: no image of the test rows is in a training row.  A step is a column
# of eight pixels.

IS_SHORT = "--short" in sys.argv
images, digits = load_digits(return_X_y=True)
images = images.reshape(-1, 8, 8) / 16
parts = train_test_split(images, digits, stratify=digits, random_state=0)


def rows(n, images, digits, rng, shortest, longest):
    X, y = [], []
    for _ in range(n):
        chosen = rng.randint(len(images), size=rng.randint(shortest, longest + 1))
        columns = [np.zeros((rng.randint(5), 8))]
        for k in chosen:
            columns += [images[k].T, np.zeros((rng.randint(5), 8))]
        X.append(np.concatenate(columns))
        y.append(digits[chosen])
    return X, y


rng = np.random.RandomState(0)
X, y = rows(600, parts[0], parts[2], rng, 1, 4) if IS_SHORT else rows(4000, parts[0], parts[2], rng, 3, 8)
X_test, y_test = rows(300, parts[1], parts[3], rng, 3, 8)
print(f"{len(X[0])} columns are {' '.join(map(str, y[0]))}")

# %%
# ``y`` holds sequences of labels, which are shorter than those of columns.  The score is 1 minus the label error rate.

model = SequenceTranscriber(
    dropout=0.0 if IS_SHORT else 0.3, learning_rate_init=0.01 if IS_SHORT else 5e-3, max_iter=20, random_state=0
).fit(X, y)
print(f"label errors: {1 - model.score(X_test, y_test):.1%}")
for truth, said in zip(y_test[:4], model.predict(X_test[:4]), strict=True):
    print(f"{' '.join(map(str, truth)):17} read as {' '.join(map(str, said))}")

# %%
# Where does the model see what?  Nobody has told it where a digit is.  It says each one at a column or two, and the
# blank everywhere else.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the pictures, install matplotlib: pip install matplotlib")

p = model.predict_proba(X_test[:1])[0]
_, (top, ax) = plt.subplots(2, 1, figsize=(7, 4), sharex=True, layout="constrained")
top.imshow(X_test[0].T, cmap="Greys", aspect="auto")
top.set(title=f"Read as {' '.join(map(str, model.predict(X_test[:1])[0]))}", yticks=[])
ax.imshow(p.T, cmap="Blues", vmin=0, vmax=1, aspect="auto")
ax.set(xlabel="column", yticks=range(11), yticklabels=[*range(10), "blank"])
plt.show()
