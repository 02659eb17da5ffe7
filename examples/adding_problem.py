"""
Add two numbers among a hundred
===============================

A classic test of memory.  Each step has a random number and a mark.  Two of the hundred marks are 1, and the answer is
the sum of the two numbers beside them.  If you always answer 1, your mean squared error is about 1/6.  A GRU learns the
task within a few epochs, an LSTM needs more of them.

You need matplotlib for the pictures, and about 20 seconds.  With ``--short`` it takes less, and there is no LSTM.
"""

import sys

import numpy as np

from fastrnn import SequenceRegressor
from fastrnn.datasets import make_adding_problem
from fastrnn.inspection import TrainingCurveDisplay

short = "--short" in sys.argv  # the GRU alone, and fewer epochs

# %%
# One of the sequences: where are its marks, and what is the answer?

X, y = make_adding_problem(n_samples=5000, n_steps=100, random_state=0)
X_test, y_test = make_adding_problem(n_samples=1000, n_steps=100, random_state=1)
marked = np.flatnonzero(X[0, :, 1])
print(f"marks at the steps {marked[0]} and {marked[1]}, answer {X[0, marked, 0].round(2)} -> {y[0]:.2f}")

# %%
# Fit, and compare with the answer 1.

print(f"always 1: mean squared error {np.mean((y_test - 1) ** 2):.4f}")
models = {}
for cell in ["gru"] if short else ["gru", "lstm"]:
    models[cell] = SequenceRegressor(cell=cell, max_iter=5 if short else 15, random_state=0).fit(X, y)
    error = np.mean((models[cell].predict(X_test) - y_test) ** 2)
    print(f"{cell.upper():8}: mean squared error {error:.4f}")

# %%
# Each dot is a new sequence.  A good model has its dots near the line.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the pictures, install matplotlib: pip install matplotlib")

_, ax = plt.subplots(figsize=(5, 4), layout="constrained")
for cell, model in models.items():
    ax.plot(y_test, model.predict(X_test), ".", ms=4, label=cell.upper())
ax.plot([0, 2], [0, 2], "k-", lw=1, label="right")
ax.set(title="New sequences of 100 steps", xlabel="sum of the two numbers", ylabel="answer of the network")
ax.legend()
plt.show()

# %%
# The loss during training.  It is flat until the network finds the marks, and then it falls at once.

_, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
for cell, model in models.items():
    TrainingCurveDisplay.from_estimator(model, label=cell.upper(), ax=ax)
plt.show()
