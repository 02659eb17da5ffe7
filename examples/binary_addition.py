"""
Add binary numbers
==================

A classic first exercise with recurrent networks.  At each step the network reads one bit of two numbers, the low bit
first, and writes one bit of their sum.  It has to remember one thing only: the carry.  A plain network of 16 sigmoid
units learns this by plain gradient descent from 2,000 pairs of 7-bit numbers.  It then adds numbers of 62 bits, which
it has never seen, and you can find the carry in one of its units.

You need matplotlib for the picture, and some seconds.
"""

import sys

import numpy as np

from fastrnn import SequenceTagger
from fastrnn.datasets import make_binary_addition

# %%
# ``X`` holds pairs of bits, ``y`` the bits of the sums.  There is one step more than bits, for the last carry.

X, y = make_binary_addition(n_samples=2000, n_bits=7, random_state=0)
print(X.shape, y.shape)

# %%
# A tagger writes a label at each step.  This is the network of the textbooks: sigmoid units, no momentum, a constant
# learning rate, and no dropout, with which no sum would be sure.

tagger = SequenceTagger(
    cell="rnn", nonlinearity="sigmoid", hidden_size=16, bias=False, bidirectional=False, solver="sgd", momentum=0.0,
    learning_rate="constant", learning_rate_init=1.0, batch_size=4, max_iter=10, recurrent_dropout=0.0, random_state=0,
).fit(X, y)  # fmt: skip

# %%
# A sum is right if all of its bits are.

for n_bits in (7, 16, 32, 62):
    X_new, y_new = make_binary_addition(n_samples=1000, n_bits=n_bits, random_state=1)
    right = (np.stack(tagger.predict(X_new)) == y_new).all(axis=1)
    print(f"{n_bits:2} bits: {right.mean():.1%} of 1000 sums are right")

# %%
# One of them as you write it on paper, the high bit first.

a, b = X_new[0].T.astype(int)
bits = tagger.predict(X_new[:1])[0]
for sign, row in zip(" +=", [a, b, bits], strict=True):
    digits = "".join(map(str, row[::-1]))
    print(f"{sign} {digits}  {int(digits, 2)}")

# %%
# ``transform`` gives the states of all units at each step.  The sum tells where there was a carry, and one of the units
# follows it.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the picture, install matplotlib: pip install matplotlib")

carries = np.append((a ^ b ^ bits)[1:], 0)  # into the next step
states = tagger.transform(X_new[:1])[0]
similarity = [np.corrcoef(state, carries)[0, 1] for state in states.T]
k = np.argmax(np.abs(similarity))
_, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
ax.fill_between(range(63), 0, carries, step="mid", color="0.85", label="there is a carry")
ax.plot(states[:, k], marker=".", label=f"state of unit {k}")
ax.set(title="Where the network keeps the carry", xlabel="step (bit of the numbers)", ylabel="state", ylim=(0, 1.25))
ax.legend(ncols=2)
plt.show()
