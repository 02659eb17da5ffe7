"""
Strokes of a pen
================

A generator of numbers learns how a pen moves, step by step, and then writes letters of its own.  Of each next step it
says a mixture of Gaussians, here of pairs of numbers that are correlated, and whether the pen is up (Graves 2013).  The
letters to learn from are made here: six shapes, each a little different every time, as of a hand.  A bias makes the
samples neater and less various.

You need matplotlib for the picture, and half a minute; with ``--short`` some seconds, for three of the letters.
"""

import sys

import numpy as np
from scipy.interpolate import CubicSpline

from fastrnn import SequenceGenerator

# %%
# A letter is one stroke or two, smooth curves through some points.  The points move a little, and the letter is
# slanted, stretched and turned.  What the model learns are not places but movements, which are alike everywhere: how
# far each step goes to the right and up, and 1 if the pen was up in it.

IS_SHORT = "--short" in sys.argv
LETTERS = {
    "a": ["8,9 3,10 0,5 3,0 7,4 8,9 8,3 10,0"],
    "e": ["0,5 8,6 5,10 0,5 3,0 9,2"],
    "n": ["0,10 0,0 1,6 5,10 8,7 8,0"],
    "s": ["8,9 4,10 1,7 5,5 8,2 4,0 0,2"],
    "t": ["4,14 4,3 6,0 8,1", "1,10 8,10"],
    "x": ["0,10 8,0", "8,10 0,0"],
}
if IS_SHORT:
    LETTERS = {letter: LETTERS[letter] for letter in "est"}


def written(letter, rng):
    turn, slant = rng.normal(0, 0.08), rng.normal(0.2, 0.1)
    form = np.array([[np.cos(turn), np.sin(turn)], [slant - np.sin(turn), np.cos(turn)]]) * rng.normal(1, 0.07, 2)
    steps, pen = [], np.zeros(2)
    for stroke in LETTERS[letter]:
        points = np.array([point.split(",") for point in stroke.split()], float)
        points = (points + rng.normal(0, 0.3, points.shape)) @ form
        along = np.append(0, np.cumsum(np.hypot(*np.diff(points, axis=0).T)))
        curve = CubicSpline(along, points)(np.linspace(0, along[-1], int(along[-1] / 1.5)))
        is_up = np.arange(len(curve)) == 0  # from where the stroke before has ended
        moves = np.diff(curve, axis=0, prepend=[pen])
        steps.append(np.column_stack([moves, is_up])[0 if steps else 1 :])
        pen = curve[-1]
    return np.concatenate(steps)


rng = np.random.default_rng(0)
X = [written(letter, rng) for _ in range(60) for letter in LETTERS]
print(f"{len(X)} letters of {np.mean([len(x) for x in X]):.0f} steps; the first one begins\n{X[0][:3].round(2)}")

# %%
# The model finds by itself that the third column holds nothing but 0 and 1.

model = SequenceGenerator(
    embedding_dim=None, n_components=10, hidden_size=96, dropout=0.0, batch_size=8, learning_rate_init=0.01,
    max_iter=60 if IS_SHORT else 100, random_state=0,
).fit(X)  # fmt: skip
new = [written(letter, rng) for _ in range(10) for letter in LETTERS]
print(f"binary columns: {model.binary_features_}; log density of a step of new letters: {model.score(new):.2f}")

# %%
# Samples.  Nobody says which letter is to come.  With a bias of 0 they are drawn from what was learned, with all that
# is improbable now and then: a hand that trembles, or a letter that turns into another one.  A bias of 1 is neater.

drawn = {bias: [model.sample(length=60, bias=bias, random_state=k) for k in range(24)] for bias in (0, 1)}
for bias, samples in drawn.items():
    print(f"bias {bias}: {np.mean([len(x) for x in samples]):.0f} steps a letter")

# %%
# What do they look like?  Movements are summed up to places, and the line breaks where the pen is up.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the picture, install matplotlib: pip install matplotlib")


def draw(ax, steps, colour):
    places = np.vstack([[0, 0], np.cumsum(steps[:, :2], axis=0)])
    for stroke in np.split(places, np.flatnonzero(steps[:, 2]) + 1):
        ax.plot(*stroke.T, color=colour, lw=1.5)
    ax.set_aspect("equal", "datalim")
    ax.set_axis_off()


rows = {"as given": X[:24], "bias 0": drawn[0], "bias 1": drawn[1]}
figure = plt.figure(figsize=(8, 6.4), layout="constrained")
for part, (title, letters), colour in zip(figure.subfigures(3), rows.items(), ("k", "C0", "C1"), strict=True):
    part.suptitle(title, fontsize="medium")
    for ax, steps in zip(part.subplots(2, 12).flat, letters, strict=True):
        draw(ax, steps, colour)
plt.show()
