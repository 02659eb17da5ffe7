"""Singular or plural?  The verb agrees with the first noun, however many come after it (N to 1).

"The old keys that the farmer saw near the cabinet" goes on with "are": the nouns between subject
and verb have numbers of their own and are there to mislead.  Three networks learn from sentences
with three to six of them, some 10 to 30 words.  A plain RNN's gradient hardly reaches so far back:
it should guess, while GRU and LSTM learn the rule, which then holds for sentences twice as long.
An RNN can remember, too: with short sentences among the long ones it learns the rule from those.
"""

import argparse

import numpy as np

from fastrnn import SequenceClassifier
from fastrnn.datasets import NUMBER_AGREEMENT_VOCABULARY as WORDS
from fastrnn.datasets import make_number_agreement

MODELS = {"RNN": ("rnn", 3), "GRU": ("gru", 3), "LSTM": ("lstm", 3), "RNN, short too": ("rnn", 0)}


def nouns_between(sentences):
    """Each noun has its article."""
    return np.array([np.sum(tokens == WORDS.index("the")) - 1 for tokens in sentences])


def train(cell, fewest, X, y, n_samples=4000):
    """Learn from sentences with `fewest` nouns between, or more."""
    chosen = np.flatnonzero(nouns_between(X) >= fewest)[:n_samples]
    clf = SequenceClassifier(
        cell=cell, bidirectional=False, readout="last", embedding_dim=16, max_iter=15,
        learning_rate="cosine", random_state=0,
    )  # fmt: skip
    return clf.fit([X[i] for i in chosen], y[chosen])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="the RNN and the GRU alone")
    names = list(MODELS)[: 2 if parser.parse_args().short else None]

    X, y = make_number_agreement(8000, max_intervening=6, random_state=0)
    X_test, y_test = make_number_agreement(4000, max_intervening=12, random_state=1)
    between = nouns_between(X_test)
    print(" ".join(WORDS[token] for token in X_test[np.argmax(between == 3)]), "...\n")

    right = {name: train(*MODELS[name], X, y).predict(X_test) == y_test for name in names}
    print("nouns between" + "".join(f"{name:>16}" for name in names))
    for n in range(13):
        figures = "".join(f"{right[name][between == n].mean():16.0%}" for name in names)
        print(f"{n:13}{figures}{'   (longer than any learned from)' if n == 7 else ''}")


if __name__ == "__main__":
    main()
