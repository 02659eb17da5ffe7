"""Words from a table and from their characters: against one word at a time, and by projection."""

import numpy as np
import pytest
import reference as ref
from samples import assert_same_bits, assert_slope
from sklearn.utils import check_random_state

from fastrnn import threads
from fastrnn.base import Problem
from fastrnn.kernels.program import B_OTHER, S_OTHER
from fastrnn.kernels.rows import copy_rows, spread_columns
from fastrnn.layers.chain import LinearChain
from fastrnn.layers.feedforward import Embedding
from fastrnn.layers.words import WordEmbedding
from fastrnn.network.parts import Encoder, Network, make_cell, stored
from fastrnn.network.sequence import SequenceNetwork
from fastrnn.packing import Rows, Shards
from fastrnn.programs import Pass, Program
from fastrnn.sequences import Sequences

# Sizes: words, characters, their vectors, units over the characters.
V, C, D, E, H = 6, 9, 3, 4, 5
LENGTHS = (5, 1, 8, 3, 6, 2, 4, 7, 1, 3)
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


def deal(rows, lengths=None, order=None):
    """Words as sequences, and these as a batch of shards."""
    lengths = np.array(LENGTHS if lengths is None else lengths)
    sequences = Sequences(rows, np.append(0, np.cumsum(lengths)))
    shards = Shards(lengths, [np.arange(lengths.size) if order is None else order], H, False)
    shards.deal_words(sequences)
    return sequences, shards


def read(layer, rows, d_out=None, lengths=None, order=None):
    """The words' vectors (S, output_size); where their gradient is given, that of the parameters is left."""
    sequences, shards = deal(rows, lengths, order)
    dtype, width = layer.recurrent.dtype, layer.output_size
    p = Program(dtype)
    packed, out = Rows(p), np.empty((len(rows), width), dtype)
    vectors, memory = layer.forward(p, packed, d_out is not None)
    p.call(spread_columns, out, packed.rows, vectors, 0, width)
    if d_out is not None:
        d_vectors = p.room(packed.S, d_out.shape[1])
        p.call(copy_rows, d_vectors, 0, d_out, 0, packed.rows, d_out.shape[1], stage="backward")
        layer.backward(p, memory, d_vectors)
    stages = ("forward", "backward")[: 1 + (d_out is not None)]
    Pass(p, shards, 2**30, stages, **stored(sequences), **shards.given).run()
    return out


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
    vectors = read(layer, rows)
    assert vectors.shape == (40, layer.output_size) == (40, D + 2 * H)
    for row, vector in zip(rows, vectors, strict=True):
        ref.assert_within(1e-12, vector, reference(layer, cell, row))


@every_cell
def test_a_word_has_the_same_bits_in_any_company(cell):
    layer, _ = make(cell, "float32")
    rows = text()
    vectors = read(layer, rows)
    order = np.random.default_rng(1).permutation(40)
    assert_same_bits(read(layer, rows, order=order[order < len(LENGTHS)]), vectors)
    assert_same_bits(read(layer, rows[order]), vectors[order])
    for k in range(40):
        assert_same_bits(read(layer, rows[k : k + 1], lengths=[1])[0], vectors[k])


@every_cell
def test_gradient_by_projection(cell):
    layer, network = make(cell)
    rows = text()
    factors = np.random.default_rng(2).standard_normal((40, layer.output_size))

    def loss():
        network.changed()
        return (read(layer, rows) * factors).sum()

    read(layer, rows, np.hstack([factors, np.full((40, 2), np.nan)]))  # columns of padding
    for part in network.parts.values():
        assert np.abs(part.parameters.gradients).max() > 0
    assert_slope(loss, (network.theta, network.gradient))


def tagging_network(**options):
    """A network that labels words with characters, with a chain above."""
    layer, _ = make("lstm", **options)
    recurrent = {"hidden_size": 6, "num_layers": 1, "bias": True, "bidirectional": True}
    encoder = Encoder(layer, None, make_cell("gru", "tanh"), recurrent, layer.recurrent.dtype)
    return SequenceNetwork(encoder, 3, None, None, check_random_state(0), LinearChain(3, layer.recurrent.dtype))


def objective(network, rows):
    """The loss of all words in one batch, and their labels."""
    sequences, _ = deal(rows)
    labels, weights = np.random.default_rng(3).integers(0, 3, len(rows)), np.full(len(rows), 0.7)
    training = network.training(Problem(sequences, labels, weights, 3, None), False)
    training.lay_out([np.arange(len(LENGTHS))], 0)
    return training


def test_gradient_of_a_network_with_a_chain_by_projection():
    network, rows = tagging_network(), text()
    training = objective(network, rows)

    def loss():
        network.changed()
        return training(0)

    loss()
    gradient = network.gradient.copy()
    assert all(np.abs(part.parameters.gradients).max() > 0 for part in network.parts.values())
    assert_slope(loss, (network.theta, gradient))


@pytest.mark.parametrize("are_whole", [False, True])
def test_the_same_bits_with_any_threads(are_whole, monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 0)
    answers = []
    for n_jobs, are_shared in ((1, are_whole), (2, are_whole), (3, are_whole), (1, True), (2, True)):
        monkeypatch.setattr(SequenceNetwork, "sharing", lambda *_, answer=(are_shared, are_whole): answer)
        network, rows = tagging_network(dtype="float32"), text()
        with threads.limit(n_jobs):
            value = objective(network, rows)(0)
            answers.append((value, network.gradient.tobytes(), network.predict(deal(rows)[0]).tobytes()))
    assert len(set(answers)) == 1


def test_vectors_of_words_by_themselves():
    network, rows = tagging_network(), text()
    assert_same_bits(network.vectors(rows), read(network.embedding, rows))


def test_what_is_frozen_later_is_trained_no_more():
    network, rows = tagging_network(), text()
    for is_frozen in (False, True, False):
        network.embedding.is_frozen = is_frozen
        objective(network, rows)(0)
        assert network.parts["embedding"].parameters.gradients.any() != is_frozen
        assert network.parts["character_embedding"].parameters.gradients.any()


def test_gradients_are_those_of_what_was_read():
    layer, network = make("lstm")
    rows = np.array([[2, 3, 4, 0], [5, 4, 0, 0], [2, 3, 4, 0]])
    read(layer, rows, np.ones((3, layer.output_size)), lengths=[1, 2])
    of_words = network.parts["embedding"].parameters.gradient("weight")
    of_characters = network.parts["character_embedding"].parameters.gradient("weight")
    assert np.flatnonzero(of_words.any(axis=1)).tolist() == [2, 5]
    assert np.flatnonzero(of_characters.any(axis=1)).tolist() == [3, 4]
    assert (of_words[2] == 2).all() and (of_words[5] == 1).all()


def test_frozen_vectors_of_words_leave_the_characters_to_learn():
    layer, network = make("gru", is_frozen=True)
    rows = text()
    read(layer, rows, np.ones((40, layer.output_size)))
    gradients = {name: part.parameters.gradients for name, part in network.parts.items()}
    assert not gradients["embedding"].any()
    assert gradients["character_embedding"].any() and gradients["character_recurrent"].any()


def test_a_spelling_is_read_once_a_shard_however_often_it_occurs():
    rows = text()
    rows[0, 1:], rows[2, 1:] = rows[3, 1:], rows[3, 1:]  # other words may be spelt alike
    sequences, shards = deal(rows)
    assert len(shards) == 2
    for table, numbers in zip(shards.table, np.split(shards.order, [shards.table[0, 0]]), strict=True):
        spellings = np.unique(np.concatenate([sequences[k][:, 1:] for k in numbers]), axis=0)
        assert table[B_OTHER - 1] == len(spellings)
        assert table[S_OTHER - 1] == np.maximum((spellings > 0).sum(axis=1), 1).sum()
    assert make("rnn")[0].limits == (V, C)


@pytest.mark.parametrize("seed", range(5))
def test_spellings_are_those_that_differ(seed):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, rng.integers(2, 5), (rng.integers(1, 400), rng.integers(2, 6)))
    which, lengths, begins = Sequences(rows, np.array([0, len(rows)])).spellings
    _, first, expected = np.unique(rows[:, 1:], axis=0, return_index=True, return_inverse=True)
    assert len(lengths) == len(first) == which.max() + 1
    assert np.unique(np.stack([which, expected.ravel()]), axis=1).shape[1] == len(first)
    assert (begins == np.sort(first) * rows.shape[1] + 1).all()  # numbered as they come
    assert (lengths == np.maximum((rows[np.sort(first), 1:] > 0).sum(axis=1), 1)).all()
