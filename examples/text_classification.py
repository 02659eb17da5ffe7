"""
Classify texts, where the order of words matters
================================================

Is a review good or bad?  "Not bad at all" is good, "not good at all" is bad, and "I expected a dull film, but it is
fine" is good.  A model that only counts words cannot know: it misses the order.  A ``Tokenizer`` and a
``SequenceClassifier`` in a ``Pipeline`` read the words one after the other.  The reviews are made here.

You need nothing but fastrnn, and some seconds.  Nearly all new reviews are understood.  The counts of words get about
half of them right, which is chance.
"""

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline

from fastrnn import SequenceClassifier
from fastrnn.preprocessing import Tokenizer

# %%
# Reviews, each with one of nine patterns.  A stands for one opinion, and B for the opposite one.

PATTERNS = {
    "the THING is A": "A", "the THING is not A at all": "B", "I expected B THING, but it is A": "A",
    "A, as everybody says? no, it is B": "B", "they say the THING is B, and I do not agree": "A",
    "the THING is as A as the music": "A", "not A": "B", "a A THING": "A", "it is not A": "B",
}  # fmt: skip
WORDS = {"good": "good fine great lovely clever".split(), "bad": "bad dull poor awful silly".split()}
THINGS = "film story acting book ending".split()


def make_reviews(n, rng):
    texts, labels = [], []
    for _ in range(n):
        opinion, opposite = rng.permutation(["good", "bad"])
        pattern = rng.choice(list(PATTERNS))
        text = pattern.replace("THING", rng.choice(THINGS))
        text = text.replace("A", rng.choice(WORDS[opinion])).replace("B", rng.choice(WORDS[opposite]))
        texts.append(text)
        labels.append(opinion if PATTERNS[pattern] == "A" else opposite)
    return texts, labels


texts, labels = make_reviews(800, np.random.RandomState(0))
for text, label in zip(texts[:4], labels[:4], strict=True):
    print(f"{label:4}  {text}")

# %%
# Texts go in as they are.  The tokenizer is a part of the pipeline, so it sees the training texts alone.

texts, texts_test, labels, labels_test = train_test_split(texts, labels, random_state=0)
model = make_pipeline(Tokenizer(), SequenceClassifier(max_iter=10, random_state=0)).fit(texts, labels)
print(classification_report(labels_test, model.predict(texts_test)))

# %%
# Texts of your own.  Words that the fit has not seen are allowed.

for text in ["not bad", "a great evening", "I expected a great film, but it is dull"]:
    good = model.predict_proba([text])[0, list(model.classes_).index("good")]
    print(f"{good:4.0%} good: {text}")

# %%
# Cross-validation, beside a linear model that counts words.

counts = make_pipeline(CountVectorizer(), LogisticRegression())
for name, candidate in {"in their order": model, "counts of words": counts}.items():
    print(f"{name}: {cross_val_score(candidate, texts, labels, cv=3).mean():.1%} right")
