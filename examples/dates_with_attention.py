"""Dates in words to dates in figures, letter by letter, and where the network looked (N to M).

"Wednesday, 4 Mar 1987" becomes "1987-03-04", as one translates: parts change places, and a month's
name is a number.  For each character that it writes (a row; the last one is the end) the decoder
looks back at the letters read (the columns).  It should have nearly all new dates right, and look at
the year for the year, the month for the month and the day for the day, wherever they stand.
"""

import argparse
from datetime import date

import numpy as np

from fastrnn import SequenceToSequence
from fastrnn.preprocessing import Tokenizer

FORMS = ("%d{} of %B %Y", "%B %d, %Y", "%A, %d %b %Y", "the %d{} of %B, %Y")
SHADES = " .:-=+*#%@"


def in_words(day, rng):
    ending = "th" if day.day // 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    return day.strftime(rng.choice(FORMS).replace("%d", str(day.day)).format(ending))


def plot(file, source, target, weights):
    from matplotlib.figure import Figure

    axes = Figure(figsize=(8, 4), layout="constrained").add_subplot()
    axes.imshow(weights, cmap="Blues")
    axes.set_xticks(range(len(source)), source)
    axes.set_yticks(range(len(weights)), [*target, "end"])
    axes.figure.savefig(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="fewer epochs")
    parser.add_argument("--plot", metavar="FILE", help="draw the last picture with matplotlib, too")
    options, rng = parser.parse_args(), np.random.RandomState(0)
    days = [date.fromordinal(693596 + k) for k in rng.permutation(47482)[:4000]]  # 1900 to 2029
    words, figures = [in_words(day, rng) for day in days], [day.isoformat() for day in days]
    reader, writer = Tokenizer(level="char").fit(words), Tokenizer(level="char").fit(figures)
    X, y = reader.transform(words), writer.transform(figures)
    model = SequenceToSequence(max_iter=4 if options.short else 10, random_state=0)
    right = model.fit(X[:3000], y[:3000]).score(X[3000:], y[3000:])
    print(f"{right:.1%} of 1000 new dates right in all characters")
    written = model.predict(X[-3:])
    for k, target in enumerate(writer.inverse_transform(written), -3):
        weights = model.attention_weights(X[k:][:1], [written[k]])[0]
        print(f"\n     {words[k]}")
        for character, row in zip([*target, ""], weights, strict=True):
            print(f"{character:>3}  {''.join(SHADES[int(9.99 * weight)] for weight in row)}")
    if options.plot:
        plot(options.plot, words[-1], target, weights)


if __name__ == "__main__":
    main()
