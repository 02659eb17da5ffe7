"""
Go on after a crash
===================

A long fit can be interrupted: the power fails, or a machine is taken back.  With a ``Checkpoint`` the model is written
to a file after every so many epochs, and the same program goes on from there.  The result has the same bits as a fit
that was never interrupted.

You need nothing but fastrnn, and some seconds.  The file goes to a temporary folder.
"""

import tempfile
from pathlib import Path

from fastrnn import SequenceClassifier
from fastrnn.callbacks import Checkpoint
from fastrnn.datasets import load_japanese_vowels

X, y = load_japanese_vowels(split="train")
X_test, y_test = load_japanese_vowels(split="test")
path = Path(tempfile.mkdtemp(), "run.safetensors")

# %%
# This function is what your program does.  If there is a checkpoint, it goes on from it.  Give the callback each time,
# so that a fit that goes on writes checkpoints, too.


def train(*callbacks):
    clf = SequenceClassifier(max_iter=60, random_state=0, callbacks=[Checkpoint(path, every=10), *callbacks])
    return clf.fit(X, y, resume_from=path if path.exists() else None)


# %%
# The first run "crashes" in epoch 35: a callback raises an error there.


def crash(progress):
    if progress.epoch == 35:
        raise RuntimeError("the power has failed")


try:
    train(crash)
except RuntimeError as error:
    print(f"first run: {error}; there is a checkpoint: {path.exists()}")

# %%
# The second run reads the checkpoint of epoch 30 and does the other 30 epochs.

epochs = []
resumed = train(lambda progress: epochs.append(progress.epoch))
print(f"second run: epochs {epochs[0]} to {epochs[-1]}, {resumed.score(X_test, y_test):.1%} of new recordings right")

# %%
# Compare with a fit that was never interrupted.

path.unlink()
whole = train()
print("same loss curve:", resumed.loss_curve_ == whole.loss_curve_)
print("same bits:", (resumed.predict_proba(X_test) == whole.predict_proba(X_test)).all())
