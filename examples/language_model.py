"""A language model of characters: which comes next, and so on for ever.

Rules make endless rhymes in the manner of the house that Jack built, so that it is known how well
new text can be told at best.  The first model reads them as one stream, its state carried from
stretch to stretch; its perplexity on new text should come within a per cent of the rules' own, and
at a high temperature it should misspell.  The second learns from separate lines, the text cut after
every 32 characters: nobody tells it how many, but it counts, and nearly all lines it makes have 32.
"""

import argparse

import numpy as np

from fastrnn import SequenceGenerator
from fastrnn.preprocessing import Tokenizer

ADJECTIVES = ["", *"old little merry tattered forlorn crumpled shaven".split()]
NOUNS = "rat cat dog cow maiden man priest cock farmer horse hound horn malt house cheese barn".split()
VERBS = "ate killed worried tossed milked kissed woke kept".split()


def rhymes(n_lines, rng):
    """A text, and its information in bits: 2 a line for how many nouns, 4 a noun, 3 another word."""
    text, bits = "", 0
    for n_nouns in rng.randint(1, 5, n_lines):
        things = [f"the {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}" for _ in range(n_nouns)]
        deeds = [f" that {rng.choice(VERBS)} {thing}" for thing in things[1:]]
        text += f"this is {things[0]}{''.join(deeds)}\n".replace("  ", " ")
        bits += 2 + 7 * n_nouns + 3 * (n_nouns - 1)
    return text, bits


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="too few epochs to count exactly")
    max_iter, rng = 4 if parser.parse_args().short else 30, np.random.RandomState(0)
    options = {"hidden_size": 64, "embedding_dim": 16, "batch_size": 8, "max_iter": max_iter}

    (text, _), (new_text, bits) = rhymes(1500, rng), rhymes(500, rng)
    tokenizer = Tokenizer(level="char").fit([text])
    stream, new_stream = tokenizer.transform([text, new_text])
    model = SequenceGenerator(stateful=True, random_state=0, **options).fit(stream)
    at_best = 2 ** (bits / len(new_text))
    print(f"perplexity on new text {model.perplexity(new_stream):.3f}, of the rules {at_best:.3f}")
    for temperature in (0.5, 2.0):
        sample = model.sample(stream[-100:], 240, temperature=temperature, random_state=0)
        print(f"\ntemperature {temperature}\n{tokenizer.inverse_transform([sample])[0]}")

    pieces = [text[k : k + 32].replace("\n", " ") for k in range(0, len(text) - 31, 32)]
    model = SequenceGenerator(random_state=0, **options).fit(tokenizer.transform(pieces))
    lines = tokenizer.inverse_transform([model.sample(random_state=rng) for _ in range(100)])
    print(f"\nof 100 lines {sum(len(line) == 32 for line in lines)} have 32 characters; the first")
    print("\n".join(f"|{line}|" for line in lines[:8]))


if __name__ == "__main__":
    main()
