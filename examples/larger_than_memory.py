"""
Train on files
==============

Data that are larger than memory go into a folder of files.  Training reads a few of them at a time.  Here is a task
whose data a generator makes, part by part: does a signal that was hidden in noise come before the middle, or after it?

You need nothing but fastrnn, and some seconds.  The files go to a temporary folder.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from fastrnn import SequenceClassifier
from fastrnn.data import SequenceFiles

IS_SHORT = "--short" in sys.argv
N_FILES, N = (6, 200) if IS_SHORT else (20, 1000)
folder = Path(tempfile.mkdtemp())

# %%
# A part is a list of sequences and an array of labels.  Only one part is in memory while the folder is written.


def parts(n_files, seed):
    rng = np.random.default_rng(seed)
    for _ in range(n_files):
        X, y = [], rng.integers(0, 2, N)
        for label in y:
            length = rng.integers(40, 60)
            x = rng.normal(0, 0.5, (length, 2)).astype(np.float32)
            first = rng.integers(2, length // 2 - 6) + label * length // 2
            x[first : first + 4, 0] += 2
            X.append(x)
        yield X, np.array(["before", "after"])[y]


train = SequenceFiles.write(folder / "train", parts(N_FILES, seed=0))
test = SequenceFiles.write(folder / "test", parts(2, seed=1))
size = sum(path.stat().st_size for path in train.paths)
print(f"{len(train.paths)} files, {size / 1e6:.1f} MB")

# %%
# The folder takes the place of X.  Labels come with it.

clf = SequenceClassifier(hidden_size=16, patch_length=1, max_iter=4, random_state=0).fit(train)
print("loss:", " ".join(f"{loss:.3f}" for loss in clf.loss_curve_))
print(f"{clf.score(test):.1%} of new sequences right")

# %%
# The model is a plain one.  It also takes sequences that are in memory, such as those of one file.

X, y, _ = test.read(0)
print("first answers:", *clf.predict(X[:5]), "  true:", *y[:5])
