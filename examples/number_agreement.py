"""
Singular or plural? What a network remembers
============================================

"The old keys that the farmer saw near the cabinet" goes on with "are".  The verb agrees with the first noun, and the
nouns in between mislead.  Networks learn this rule from sentences with three to six nouns in between.  A plain RNN
does not learn it: its gradient hardly reaches so far back.  A GRU and an LSTM learn it, and the rule then holds for
sentences twice as long.  An RNN can remember, too: if there are short sentences among the long ones, it learns the
rule from these.

You need matplotlib for the picture, and some seconds.
"""

import sys

import numpy as np

from fastrnn import SequenceClassifier
from fastrnn.datasets import NUMBER_AGREEMENT_VOCABULARY as WORDS
from fastrnn.datasets import make_number_agreement

# %%
# The sentences are lists of tokens, and each token is the number of a word.  How many nouns are in between?  Each noun
# has its "the".

X, y = make_number_agreement(8000, max_intervening=6, random_state=0)
X_test, y_test = make_number_agreement(4000, max_intervening=12, random_state=1)


def nouns_between(sentences):
    return np.array([np.sum(tokens == WORDS.index("the")) - 1 for tokens in sentences])


example = np.argmax(nouns_between(X_test) == 3)
print(" ".join(WORDS[token] for token in X_test[example]), "...", y_test[example])

# %%
# Each network has a cell, and the least number of nouns in between in the sentences that it learns from.

networks = {"RNN": ("rnn", 3), "RNN, short ones, too": ("rnn", 0), "GRU": ("gru", 3), "LSTM": ("lstm", 3)}
right = {}
for name, (cell, fewest) in networks.items():
    chosen = np.flatnonzero(nouns_between(X) >= fewest)[:4000]
    clf = SequenceClassifier(
        cell=cell,
        hidden_size=64,
        num_layers=1,
        bidirectional=False,
        readout="last",
        embedding_dim=16,
        max_iter=15,
        random_state=0,
    )
    clf.fit([X[k] for k in chosen], y[chosen])
    right[name] = clf.predict(X_test) == y_test
    print(f"{name:22}{right[name].mean():6.1%} right")

# %%
# Where are they right?  50 % is chance: half of the sentences are singular.  The LSTM is less good where no noun is in
# between, for it has not seen such short sentences.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the picture, install matplotlib: pip install matplotlib")

_, ax = plt.subplots(figsize=(5, 3.6), layout="constrained")
for (name, hits), marker in zip(right.items(), "osx^", strict=False):
    share = [100 * hits[nouns_between(X_test) == n].mean() for n in range(13)]
    ax.plot(range(13), share, marker=marker, label=name)
ax.axvline(6.5, color="0.5", ls=":")
ax.text(6.6, 72, "longer than any\nlearned from")
ax.set(title="New sentences", xlabel="nouns between subject and verb", ylabel="right (%)", ylim=(30, 103))
ax.legend(loc="lower right", ncols=2, fontsize="small")
plt.show()
