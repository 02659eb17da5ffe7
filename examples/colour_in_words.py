"""
Describe a colour in words
==========================

Three numbers go in, and a phrase comes out (1 to N), as in a program that writes captions for pictures.  Rules of hue,
strength and brightness say what a colour may be called: "dark bluish green" is also "deep bluish green" or "dark green
with some blue".  Each training colour has one of its names, by chance.  From these the decoder has to find the rules
and to make phrases of its own.  For more than nine in ten new colours its phrase is one that the rules allow.

You need matplotlib for the picture, and some seconds.
"""

import sys
from colorsys import rgb_to_hsv

import numpy as np

from fastrnn import VectorToSequence
from fastrnn.preprocessing import Tokenizer

# %%
# The rules: all that a colour may be called.

DEGREES = (0, 30, 60, 120, 240, 285, 325, 360)
HUES = "red orange yellow green blue violet pink red".split()
NUANCES = "reddish orangey yellowish greenish bluish purplish pinkish reddish".split()


def phrases(rgb):
    hue, strength, brightness = rgb_to_hsv(*rgb)
    if brightness < 0.15:
        return ["black"]
    shades = ["dark ", "deep "] if brightness < 0.55 else ["pale ", "light "]
    shades = shades if min(brightness, strength) < 0.55 else [""]
    place = np.interp(360 * hue, DEGREES, range(len(HUES)))
    a, b = sorted((int(place), int(place) + 1), key=lambda k: abs(k - place))  # the nearest hues
    names = [HUES[a]] if strength > 0.12 else ["grey"]
    if strength > 0.12 and abs(place - a) > 0.25:
        names = [f"{NUANCES[b]} {HUES[a]}", f"{HUES[a]} with some {HUES[b]}"]
    return [shade + name for shade in shades for name in names]


# %%
# The targets of a decoder are tokens: a ``Tokenizer`` makes them of phrases, and phrases of what the model predicts.

rng = np.random.RandomState(0)
X, X_new = rng.uniform(size=(6000, 3)), rng.uniform(size=(1000, 3))
tokenizer = Tokenizer()
y = tokenizer.fit_transform([rng.choice(phrases(rgb)) for rgb in X])
model = VectorToSequence(hidden_size=128, max_iter=30, random_state=0).fit(X, y)

said = tokenizer.inverse_transform(model.predict(X_new))
right = np.mean([words in phrases(rgb) for words, rgb in zip(said, X_new, strict=True)])
print(f"{right:.1%} of 1000 new colours are called what the rules allow")

# %%
# Colours with well-known names, and what the model calls them.

COLOURS = "navy 000080, teal 008080, lime bfff00, salmon fa8072, plum 8e4585, mustard e1ad01, sky 87ceeb, ink 0a0c14"
names, codes = zip(*(colour.split() for colour in COLOURS.split(", ")), strict=True)
shown = np.array([list(bytes.fromhex(code)) for code in codes]) / 255
said = tokenizer.inverse_transform(model.predict(shown))
for name, words in zip(names, said, strict=True):
    print(f"{name:8} {words}")

# %%
# Judge for yourself.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the picture, install matplotlib: pip install matplotlib")

_, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
ax.barh(names, 1, color=shown)
for row, words in enumerate(said):
    ax.text(1.1, row, words, va="center")
ax.set(title="Colours, as the model describes them", xlim=(0, 4), xticks=[])
ax.invert_yaxis()
ax.spines[:].set_visible(False)
plt.show()
