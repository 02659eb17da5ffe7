"""
Dates in words to dates in figures, with attention
==================================================

"Wednesday, 4 Mar 1987" becomes "1987-03-04", letter by letter, as when you translate a sentence (N to M): parts change
their places, and the name of a month becomes a number.  For each character that it writes, the decoder looks back at
the letters that it has read.  This is called attention, and a picture shows where it looks.

You need matplotlib for the pictures, and about 20 seconds; with ``--short`` it takes less.  Nearly all new dates are
right in all of their characters.
"""

import sys
from datetime import date

import numpy as np

from fastrnn import SequenceToSequence
from fastrnn.inspection import AttentionDisplay
from fastrnn.preprocessing import Tokenizer

short = "--short" in sys.argv  # fewer epochs

# %%
# Dates from 1900 to 2029, in four forms.

FORMS = ("%d{} of %B %Y", "%B %d, %Y", "%A, %d %b %Y", "the %d{} of %B, %Y")


def in_words(day, rng):
    ending = "th" if day.day // 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    return day.strftime(rng.choice(FORMS).replace("%d", str(day.day)).format(ending))


rng = np.random.RandomState(0)
days = [date.fromordinal(693596 + k) for k in rng.permutation(47482)[:4000]]
words, figures = [in_words(day, rng) for day in days], [day.isoformat() for day in days]
for k in range(4):
    print(f"{words[k]:30} {figures[k]}")

# %%
# One tokenizer for what is read and one for what is written, both of characters.

reader, writer = Tokenizer(level="char").fit(words), Tokenizer(level="char").fit(figures)
X, y = reader.transform(words), writer.transform(figures)
model = SequenceToSequence(max_iter=4 if short else 10, random_state=0).fit(X[:3000], y[:3000])
print(f"{model.score(X[3000:], y[3000:]):.1%} of 1000 new dates are right in all characters")

# %%
# Three new dates, and what becomes of them.

written = model.predict(X[-3:])
for asked, answer in zip(words[-3:], writer.inverse_transform(written), strict=True):
    print(f"{asked:30} {answer}")

# %%
# Where did the decoder look?  A row is a character that it wrote, a column one that it had read.  For the year it looks
# at the year, for the month at the month and for the day at the day, wherever they stand.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the pictures, install matplotlib: pip install matplotlib")

names = writer.get_feature_names_out()
for k in (-2, -1):
    _, ax = plt.subplots(figsize=(5, 3.6), layout="constrained")
    options = {"source_labels": [*words[k]], "target_labels": names[written[k]], "ax": ax}
    AttentionDisplay.from_estimator(model, X[k], written[k], **options)
    ax.set(title="Where the decoder looks", xlabel="read", ylabel="written")
    plt.show()
