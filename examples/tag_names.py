"""
Find names in sentences
=======================

A tagger labels each word: ``B-PER`` begins the name of a person, ``I-PER`` goes on with it, ``B-LOC`` and ``I-LOC`` do
so for places, and all other words have ``O``.  The names of the test sentences have not been seen in training, so the
tagger must go by the words around them, and by their letters.  A conditional random field (CRF) on top takes care that
labels fit together: ``I-LOC`` never follows ``B-PER``.

You need nothing but fastrnn, and some seconds.  The sentences are made here.  Nearly all words are labelled rightly.
"""

import numpy as np
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

from fastrnn import SequenceTagger
from fastrnn.preprocessing import Tokenizer

# %%
# Sentences of made-up names.  A name has one or two words, and many of them could be of a person or of a place.

SENTENCES = "PER lives in LOC|yesterday PER met PER near LOC|the train from LOC to LOC was late|LOC is far from LOC"
SENTENCES += (
    "|did PER write to PER ?|in LOC everybody knows PER|PER has left LOC and moved to LOC|the mayor of LOC is PER"
)
STARTS, ENDS = "Bar Mel Tor Lin Kas Fen Ros Dal Wer Pol Sim Han".split(), "ton da rik a win sen mar o".split()


def make_sentences(n, rng):
    X, y = [], []
    for _ in range(n):
        words, labels = [], []
        for part in rng.choice(SENTENCES.split("|")).split():
            if part in ("PER", "LOC"):
                name = [
                    rng.choice(STARTS) + rng.choice(STARTS).lower() + rng.choice(ENDS) for _ in range(rng.randint(1, 3))
                ]
                words += name
                labels += [f"B-{part}", f"I-{part}"][: len(name)]
            else:
                words.append(part)
                labels.append("O")
        X.append(words)
        y.append(labels)
    return X, y


X, y = make_sentences(400, np.random.RandomState(0))
X_test, y_test = make_sentences(200, np.random.RandomState(1))
print(*(f"{word}/{label}" for word, label in zip(X[1], y[1], strict=True)))

# %%
# After a ``Tokenizer`` a tagger reads words and their letters, and has a CRF by default (``crf="auto"``).  Without it
# each label is chosen by itself.


def wrong_moves(said):
    """How often an I- label does not follow the B- or I- label of the same kind."""
    return sum(
        now[0] == "I" and before[1:] != now[1:]
        for labels in said
        for before, now in zip(["O", *labels], labels, strict=False)
    )


for crf in (False, True):
    model = make_pipeline(Tokenizer(), SequenceTagger(crf=crf, max_iter=5, random_state=0)).fit(X, y)
    said = model.predict(X_test)
    f1 = f1_score(np.concatenate(y_test), np.concatenate(said), average="macro")
    print(f"crf={crf}: {model.score(X_test, y_test):.1%} of the words right, mean F1 {f1:.3f}, ", end="")
    print(f"{wrong_moves(said)} impossible moves")

# %%
# A new sentence.  Give lists of words, so that each word has its label.

words = "yesterday Ada Lovelace met Charles Babbage near London Bridge".split()
for word, label in zip(words, model.predict([words])[0], strict=True):
    print(f"{word:10} {label}")
