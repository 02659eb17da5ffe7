"""
Pictures of models
==================

``fastrnn.inspection`` draws what goes on in a model: its training, the flow of gradients, its gates, what it believes
after each step, where it looks, and its forecasts.  Each picture is one line of code.

You need matplotlib, and about 20 seconds; with ``--short`` it takes less.
"""

import sys
from datetime import date

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from fastrnn import SequenceClassifier, SequenceForecaster, SequenceRegressor, SequenceToSequence
from fastrnn.datasets import NUMBER_AGREEMENT_VOCABULARY as WORDS
from fastrnn.datasets import load_air_passengers, load_japanese_vowels, make_adding_problem, make_number_agreement
from fastrnn.inspection import (
    AttentionDisplay,
    ForecastDisplay,
    GateActivationsDisplay,
    GradientFlowDisplay,
    ProbabilitiesDisplay,
    TrainingCurveDisplay,
)
from fastrnn.preprocessing import Tokenizer

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the pictures, install matplotlib: pip install matplotlib")

short = "--short" in sys.argv  # fewer epochs

# %%
# The training curve
# ------------------
#
# The loss of two classifiers that read digits row by row, and their accuracy on a tenth of the images, which is held
# out.  A star marks the epoch whose weights are kept.

images, digits = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(images.reshape(-1, 8, 8), digits, random_state=0)
_, ax = plt.subplots(figsize=(5, 3.8), layout="constrained")
for cell in ("rnn", "gru"):
    clf = SequenceClassifier(cell=cell, hidden_size=16, early_stopping=True, max_iter=25, random_state=0).fit(X, y)
    TrainingCurveDisplay.from_estimator(clf, label=cell.upper(), ax=ax)
    print(f"{cell.upper()}: {clf.score(X_test, y_test):.1%} of new images right")
ax.legend_.set(visible=False)
ax.figure.legend(handles=ax.legend_.legend_handles, loc="outside upper center", frameon=False)
plt.show()

# %%
# What a classifier believes after each step
# ------------------------------------------
#
# Who of nine is speaking?  This is the recording that leaves the model least sure, of those that it gets right.  A
# model of one direction (``bidirectional=False``) can answer after each step.

X, y = load_japanese_vowels(split="train")
X_test, y_test = load_japanese_vowels(split="test")
clf = SequenceClassifier(bidirectional=False, readout="last", max_iter=40, random_state=0).fit(X, y)
said = clf.predict_proba(X_test)
right = clf.classes_[said.argmax(axis=1)] == y_test
print(f"{right.mean():.1%} of new recordings recognised")
k = np.argmin(np.where(right, said.max(axis=1), 1))
_, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
ProbabilitiesDisplay.from_estimator(clf, X_test[k], y_test[k], ax=ax)
ax.set(title="Who is speaking?", xlabel="frame")
plt.show()

# %%
# The flow of gradients
# ---------------------
#
# Two networks that are not trained yet: a learning rate of almost nothing leaves them as they were drawn.  On the way
# back the gradient shrinks by the same factor at every step.  How far it reaches in a trained network, you see
# likewise.

X, y = make_adding_problem(n_samples=20, n_steps=60, random_state=0)
_, ax = plt.subplots(figsize=(5, 3.8), layout="constrained")
for cell in ("rnn", "lstm"):
    reg = SequenceRegressor(cell=cell, max_iter=1, learning_rate_init=1e-9, random_state=0).fit(X, y)
    GradientFlowDisplay.from_estimator(reg, X, y, label=cell.upper(), ax=ax)
ax.set_title("Untrained networks")
plt.show()

# %%
# Gates along a sentence
# ----------------------
#
# This classifier reads the beginning of a sentence, and says whether its verb is singular or plural.  Most units hold
# from the first noun to the end what the subject was.

X, y = make_number_agreement(4000, max_intervening=4, random_state=0)
clf = SequenceClassifier(
    cell="lstm", hidden_size=16, num_layers=1, bidirectional=False, readout="last", embedding_dim=16,
    max_iter=8 if short else 15, random_state=0,
).fit(X[:-500], y[:-500])  # fmt: skip
print(f"{clf.score(X[-500:], y[-500:]):.1%} of new sentences right")
x = next(x for x in X[-500:] if len(x) > 12)
display = GateActivationsDisplay.from_estimator(clf, x, labels=[WORDS[token] for token in x])
display.figure_.set_size_inches(5, 6.5)
plt.show()

# %%
# Attention
# ---------
#
# A decoder writes dates in figures, and looks at the letters of the date in words.

rng = np.random.RandomState(0)
days = [date.fromordinal(693596 + k) for k in rng.permutation(47482)[:3000]]  # 1900 to 2029
words = [day.strftime(rng.choice(["%d %B %Y", "%B %d, %Y", "%A, %d %b %Y"])) for day in days]
reader, writer = Tokenizer(level="char").fit(words), Tokenizer(level="char").fit([day.isoformat() for day in days])
X, y = reader.transform(words), writer.transform([day.isoformat() for day in days])
model = SequenceToSequence(max_iter=4 if short else 9, random_state=0).fit(X[:-300], y[:-300])
print(f"{model.score(X[-300:], y[-300:]):.1%} of new dates right")
(written,) = model.predict(X[-1:])
names = {"source_labels": [*words[-1]], "target_labels": writer.get_feature_names_out()[written]}
_, ax = plt.subplots(figsize=(5, 3.6), layout="constrained")
AttentionDisplay.from_estimator(model, X[-1], written, **names, ax=ax)
ax.set(title="Where the decoder looks", xlabel="read", ylabel="written")
plt.show()

# %%
# A forecast
# ----------
#
# Two years of airline passengers, with intervals, and what came.

y, _ = load_air_passengers()
forecaster = SequenceForecaster(season=12, random_state=0).fit(y[:-24])
_, ax = plt.subplots(figsize=(5, 3.8), layout="constrained")
ForecastDisplay.from_estimator(forecaster, y[-24:], ax=ax)
ax.set(title="Airline passengers", xlabel="month since January 1949", ylabel="thousands a month")
plt.show()
