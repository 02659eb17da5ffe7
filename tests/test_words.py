"""Words from a table and from their characters: against one word at a time, and by projection."""

import numpy as np
import pytest
import reference as ref
from samples import assert_same_bits, assert_slope
from sklearn.utils import check_random_state

from fastrnn.layers.feedforward import Embedding
from fastrnn.layers.words import WordEmbedding
from fastrnn.network.parts import Network, make_cell

# Sizes: words, characters, their vectors, units over the characters.
V, C, D, E, H = 6, 9, 3, 4, 5
every_cell = pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])


def make(cell, dtype="float64", is_frozen=False):
    """The embedding, and the network that holds its parameters."""
    words, characters = Embedding(V, D, dtype, is_frozen), Embedding(C, E, dtype)
    layer = WordEmbedding(words, characters, make_cell(cell, "tanh"), H, dtype)
    return layer, Network(layer.parts, check_random_state(0))


def text(n=40, longest=6, seed=0):
    """Tokens (n, 1 + longest); a third of the words come again, and one has no characters."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(1, C, (n, 1 + longest))
    rows[:, 0] = rng.integers(0, V, n)
    rows[:, 1:][np.arange(longest) >= rng.integers(1, longest + 1, n)[:, None]] = 0
    rows[n - n // 3 :] = rows[: n // 3]
    rows[1, 1:] = 0
    return rows


def reference(layer, cell, row):
    """The vector of one word (1 + L,)."""
    token, spelling = row[0], row[1:][row[1:] > 0]
    if spelling.size == 0:
        spelling = np.array([0])
    x = layer.characters.parameters["weight"][spelling]
    start = np.zeros((2, 1, H))
    _, end, _ = ref.stack_forward(
        cell, [x], (start, start) if cell == "lstm" else start,
        layer.recurrent.parameters.copies(), bidirectional=True,
    )  # fmt: skip
    states = end[0] if cell == "lstm" else end
    return np.concatenate([layer.words.parameters["weight"][token], states.ravel()])


@every_cell
def test_every_word_is_what_it_is_by_itself(cell):
    layer, _ = make(cell)
    rows = text()
    vectors = layer.forward(rows)
    assert vectors.shape == (40, layer.output_size) == (40, D + 2 * H)
    for row, vector in zip(rows, vectors, strict=True):
        ref.assert_within(1e-12, vector, reference(layer, cell, row))


@every_cell
def test_a_word_has_the_same_bits_in_any_company(cell):
    layer, _ = make(cell, "float32")
    rows = text()
    vectors = layer.forward(rows)
    order = np.random.default_rng(1).permutation(40)
    assert_same_bits(layer.forward(rows[order]), vectors[order])
    for k in range(40):
        assert_same_bits(layer.forward(rows[k : k + 1])[0], vectors[k])


@every_cell
def test_gradient_by_projection(cell):
    layer, network = make(cell)
    rows = text()
    factors = np.random.default_rng(2).standard_normal((40, layer.output_size))

    def loss():
        network.changed()
        return (layer.forward(rows) * factors).sum()

    layer.forward(rows, keep=True)
    layer.backward(rows, np.hstack([factors, np.full((40, 2), np.nan)]))  # columns of padding
    for part in network.parts.values():
        assert np.abs(part.parameters.gradients).max() > 0
    assert_slope(loss, (network.theta, network.gradient))


def test_gradients_are_those_of_what_was_read():
    layer, network = make("lstm")
    rows = np.array([[2, 3, 4, 0], [5, 4, 0, 0], [2, 3, 4, 0]])
    layer.forward(rows, keep=True)
    layer.backward(rows, np.ones((3, layer.output_size)))
    of_words = network.parts["embedding"].parameters.gradient("weight")
    of_characters = network.parts["character_embedding"].parameters.gradient("weight")
    assert np.flatnonzero(of_words.any(axis=1)).tolist() == [2, 5]
    assert np.flatnonzero(of_characters.any(axis=1)).tolist() == [3, 4]
    assert (of_words[2] == 2).all() and (of_words[5] == 1).all()


def test_frozen_vectors_of_words_leave_the_characters_to_learn():
    layer, network = make("gru", is_frozen=True)
    rows = text()
    layer.forward(rows, keep=True)
    layer.backward(rows, np.ones((40, layer.output_size)))
    gradients = {name: part.parameters.gradients for name, part in network.parts.items()}
    assert not gradients["embedding"].any()
    assert gradients["character_embedding"].any() and gradients["character_recurrent"].any()


def test_a_word_is_read_once_however_often_it_occurs():
    layer, _ = make("rnn")
    rows = text()
    rows[0, 1:], rows[2, 1:] = rows[3, 1:], rows[3, 1:]  # other words may be spelt alike
    layer.forward(rows, keep=True)
    packing, read, _ = layer._kept
    spellings = np.unique(rows[:, 1:], axis=0)
    assert packing.n_sequences == len(spellings) < 30
    assert read.size == np.maximum((spellings > 0).sum(axis=1), 1).sum()
    assert layer.limits == (V, C)
