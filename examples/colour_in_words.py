"""A colour in words: three numbers in, a phrase out (1 to N), as one captions a picture.

Rules of hue, strength and brightness say what a colour may be called: "dark bluish green" is also
"deep bluish green" or "dark green with some blue", and each example has one of them by chance.  The
decoder has to find the rules behind red, green and blue, and to make phrases as they do.  For nine
in ten new colours its phrase should be one of theirs, and those named below should look like it.
"""

import argparse
import sys
from colorsys import rgb_to_hsv

import numpy as np

from fastrnn import VectorToSequence
from fastrnn.preprocessing import Tokenizer

DEGREES = (0, 30, 60, 120, 240, 285, 325, 360)
HUES = "red orange yellow green blue violet pink red".split()
NUANCES = "reddish orangey yellowish greenish bluish purplish pinkish reddish".split()
COLOURS = "navy 000080, teal 008080, lime bfff00, salmon fa8072, plum 8e4585, mustard e1ad01, sky 87ceeb, ink 0a0c14"


def phrases(rgb):
    """All that a colour may be called."""
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="fewer epochs")
    max_iter, rng = 8 if parser.parse_args().short else 30, np.random.RandomState(0)
    X, X_new = rng.uniform(size=(6000, 3)), rng.uniform(size=(1000, 3))
    tokenizer = Tokenizer()
    y = tokenizer.fit_transform([rng.choice(phrases(rgb)) for rgb in X])
    model = VectorToSequence(hidden_size=128, max_iter=max_iter, random_state=0).fit(X, y)

    names, codes = zip(*(colour.split() for colour in COLOURS.split(", ")), strict=True)
    shown = np.array([list(bytes.fromhex(code)) for code in codes])
    said = tokenizer.inverse_transform(model.predict(np.vstack([shown / 255, X_new])))
    right = np.mean([words in phrases(rgb) for words, rgb in zip(said[-1000:], X_new, strict=True)])
    print(f"{right:.1%} of 1000 new colours are called what the rules allow\n")
    for name, (r, g, b), words in zip(names, shown, said[:-1000], strict=True):
        patch = f"\033[48;2;{r};{g};{b}m      \033[0m   " if sys.stdout.isatty() else ""
        print(f"{patch}{name:8} {r:3} {g:3} {b:3}   {words}")


if __name__ == "__main__":
    main()
