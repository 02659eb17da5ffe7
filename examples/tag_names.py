"""
Find names in sentences
=======================

A tagger labels each word: ``B-PER`` begins the name of a person, ``I-PER`` goes on with it, ``B-LOC`` and ``I-LOC`` do
so for places, and all other words have ``O``.  The test sentences have names that are not in the training sentences,
so the tagger must go by the words around them, and by their letters.  A conditional random field (CRF) on top takes
care that labels fit together, so that ``I-LOC`` does not follow ``B-PER``.

You need nothing but fastrnn, and some seconds.  The sentences are made here.  About 97 % of the words
are labelled rightly.
"""

import numpy as np
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

from fastrnn import SequenceTagger
from fastrnn.preprocessing import Tokenizer

# %%
# Sentences with made-up names of one to three words.  In "everybody knows Lindalton" nothing tells of what kind it is.

SENTENCES = [
    "PER lives in LOC", "yesterday PER met PER near LOC", "the train from LOC to LOC was late", "LOC is far from LOC",
    "did PER write to PER ?", "everybody knows PER", "everybody knows LOC", "PER has left LOC and moved to LOC",
    "the mayor of LOC is PER",
]  # fmt: skip
STARTS = "Bar Mel Tor Lin Kas Fen Ros Dal Wer Pol Sim Han Gus Ver Nor Tam".split()
ENDS = "ton da rik a win sen mar o".split()


def make_name(starts, rng):
    return [rng.choice(starts) + rng.choice(starts).lower() + rng.choice(ENDS) for _ in range(rng.randint(1, 4))]


def make_sentences(n, starts, rng):
    X, y = [], []
    for _ in range(n):
        words, labels = [], []
        for part in rng.choice(SENTENCES).split():
            name = make_name(starts, rng) if part in ("PER", "LOC") else []
            words += name or [part]
            labels += [f"B-{part}", f"I-{part}", f"I-{part}"][: len(name)] or ["O"]
        X.append(words)
        y.append(labels)
    return X, y


X, y = make_sentences(200, STARTS[:10], np.random.RandomState(0))
X_test, y_test = make_sentences(200, STARTS[10:], np.random.RandomState(1))  # other names
print(*(f"{word}/{label}" for word, label in zip(X[1], y[1], strict=True)))

# %%
# After a ``Tokenizer`` a tagger reads words and their letters, and has a CRF by default (``crf="auto"``).  Without it
# each label is chosen by itself.  About as many words are right then, but some labels do not fit together.
# ``min_count=3`` reads words that occur once or twice as unknown ones, by their letters alone.  So the tagger learns to
# do without knowing a name.


def wrong_moves(said):
    """How often an I- label does not follow the B- or I- label of the same kind."""
    return sum(
        now[0] == "I" and before[1:] != now[1:]
        for labels in said
        for before, now in zip(["O", *labels], labels, strict=False)
    )


for crf in (False, True):
    model = make_pipeline(Tokenizer(min_count=3), SequenceTagger(crf=crf, max_iter=15, random_state=0)).fit(X, y)
    said = model.predict(X_test)
    f1 = f1_score(np.concatenate(y_test), np.concatenate(said), average="macro")
    print(f"crf={crf}: {model.score(X_test, y_test):.1%} of the words right, mean F1 {f1:.3f}, ", end="")
    print(f"{wrong_moves(said)} impossible moves")

# %%
# A new sentence.  Give lists of words, so that each word has its label.

words = "yesterday Ada Lovelace met Charles Babbage near London".split()
for word, label in zip(words, model.predict([words])[0], strict=True):
    print(f"{word:10} {label}")
