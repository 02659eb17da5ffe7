"""
What does a question ask for?
=============================

A classifier reads questions word by word and says what they ask for: a person, a place, a time, a number, a way or a
reason.  It learns from questions that are cut off after each word.  So what it says after each word is an honest
probability: "how" may ask for a number, a way or a reason, and "how many" can only ask for a number.

You need matplotlib for the picture, and some seconds.  The questions are made here, from templates.  Nearly all new
questions are understood.
"""

import sys
from itertools import product

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from fastrnn import SequenceClassifier
from fastrnn.preprocessing import Tokenizer

# %%
# Templates, and the words that stand in for those in capitals.

TEMPLATES = {
    "person": "who built THING ?|which PEOPLE built THING ?|what is the name of the man who built THING ?",
    "place": "where is THING ?|in which town is THING ?|what street is THING in ?",
    "time": "when was THING built ?|in which year was THING built ?|what century is THING from ?",
    "number": "how many PEOPLE come to THING ?|how high is THING ?|what is the SIZE of THING ?",
    "way": "how do I get to THING ?|how can PEOPLE reach THING ?|what is the way to THING ?",
    "reason": "why do PEOPLE like THING ?|how come PEOPLE like THING ?|what makes PEOPLE like THING ?",
}
WORDS = {
    "THING": "the bridge|the old tower|the school|the harbour|the museum|the garden of the king",
    "PEOPLE": "people|children|visitors|sailors",
    "SIZE": "height|price|length|age",
}


def questions(template):
    parts = (WORDS.get(part, part).split("|") for part in template.split())
    return [" ".join(words).split() for words in product(*parts)]


pairs = [(x, y) for y, some in TEMPLATES.items() for t in some.split("|") for x in questions(t)]
train, test = train_test_split(pairs, random_state=0)
print(f"{len(train)} questions to learn from, {len(test)} to test with; the first one:")
print(" ".join(train[0][0]), "->", train[0][1])

# %%
# The tokenizer gives each word a number, and the classifier reads the numbers.  As one ``Pipeline`` they take lists of
# words.

beginnings = [(x[:n], y) for x, y in train for n in range(1, len(x) + 1)]
model = make_pipeline(Tokenizer(), SequenceClassifier(bidirectional=False, readout="last", random_state=0))
model.fit(*zip(*beginnings, strict=True))
print(f"{model.score(*zip(*test, strict=True)):.1%} of the new questions understood")

# %%
# What the model believes after each word of three new questions.  The darker, the more probable.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the pictures, install matplotlib: pip install matplotlib")

for start in ("how many", "what is", "in which"):
    question = next(x for x, _ in test if x[:2] == start.split())
    odds = model.predict_proba([question[:n] for n in range(1, len(question) + 1)])
    _, ax = plt.subplots(figsize=(5, 1 + 0.3 * len(question)), layout="constrained")
    ax.imshow(odds, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), p in np.ndenumerate(odds):
        if p > 0.02:
            ax.text(column, row, f"{p:.0%}", ha="center", va="center", color="white" if p > 0.6 else "black")
    ax.set_xticks(range(len(model.classes_)), model.classes_)
    ax.set_yticks(range(len(question)), question)
    ax.set(title="What is asked for, after each word", xlabel="asked for", ylabel="words read")
    plt.show()
