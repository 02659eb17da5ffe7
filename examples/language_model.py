"""
A language model of characters
==============================

A language model says which character comes next, and writes new text in this way.  Rules make endless rhymes in the
manner of "The house that Jack built", so it is known how well new text can be predicted at best.  The perplexity of the
model on new text comes within about a per cent of that.

The text is one long stream here, and the state of the network is carried on from piece to piece.  You need matplotlib
for the picture, and some seconds.
"""

import sys

import numpy as np

from fastrnn import SequenceGenerator
from fastrnn.preprocessing import Tokenizer

# %%
# The rules.  They also tell the information of a text in bits: 2 a line for how many nouns, 4 a noun, 3 any other word
# that is chosen.

ADJECTIVES = ["", *"old little merry tattered forlorn crumpled shaven".split()]
NOUNS = "rat cat dog cow maiden man priest cock farmer horse hound horn malt house cheese barn".split()
VERBS = "ate killed worried tossed milked kissed woke kept".split()


def rhymes(n_lines, rng):
    text, bits = "", 0
    for n_nouns in rng.randint(1, 5, n_lines):
        things = [f"the {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}" for _ in range(n_nouns)]
        deeds = [f" that {rng.choice(VERBS)} {thing}" for thing in things[1:]]
        text += f"this is {things[0]}{''.join(deeds)}\n".replace("  ", " ")
        bits += 2 + 7 * n_nouns + 3 * (n_nouns - 1)
    return text, bits


rng = np.random.RandomState(0)
(text, _), (new_text, bits) = rhymes(1500, rng), rhymes(500, rng)
print(text[:200])

# %%
# Perplexity is the number of characters that the model hesitates between, on average.

tokenizer = Tokenizer(level="char").fit([text])
stream, new_stream = tokenizer.transform([text, new_text])
model = SequenceGenerator(
    stateful=True, hidden_size=64, embedding_dim=16, batch_size=8, max_iter=20, random_state=0
).fit(stream)
print(f"perplexity on new text {model.perplexity(new_stream):.3f}; of the rules {2 ** (bits / len(new_text)):.3f}")

# %%
# New text.  A low temperature is cautious, and repeats what is frequent.  A high one is bold, and makes spelling
# mistakes.

for temperature in (0.5, 1.0, 1.5):
    sample = model.sample(stream[-100:], 240, temperature=temperature, random_state=0)
    print(f"--- temperature {temperature}\n{tokenizer.inverse_transform([sample])[0]}")

# %%
# Where does the model hesitate?  At the first letter of a word that may be chosen, and hardly at all within a word.
# ``stream()`` reads one token at a time, and gives the probability of each token that may come next.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the picture, install matplotlib: pip install matplotlib")

start = new_text.index("\n", 400) + 1
part = new_text[start : start + 44]
reading, bits = model.stream(), []
for token, following in zip(new_stream[: start + len(part) - 1], new_stream[1:], strict=False):
    bits.append(-np.log2(reading.step(token)[following]))
_, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
ax.bar(range(len(part)), bits[-len(part) :])
ax.set_xticks(range(len(part)), part.replace("\n", "|"))
ax.set(title="How much each character surprises", xlabel="new text (| ends a line)", ylabel="surprise (bits)")
plt.show()
