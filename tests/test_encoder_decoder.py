"""Encoder, attention and decoder as one network: gradients by projection, and decoding a step at a time."""

from itertools import product

import numpy as np
import pytest
from reference import assert_within
from samples import assert_same_bits, assert_slope, ragged, tokens
from sklearn.utils import check_random_state

from fastrnn.layers.feedforward import Embedding
from fastrnn.losses import cross_entropy, squared
from fastrnn.network.encoder_decoder import EncoderDecoder
from fastrnn.network.parts import Encoder, make_cell
from fastrnn.sequences import as_sequences

N_TOKENS, H = 4, 7
every_form = pytest.mark.parametrize(
    ("cell", "attention", "num_layers"),
    list(product(["lstm", "gru", "gru_reset_before", "rnn"], [None, "dot", "additive"], [1, 2])),
)


def make(cell="lstm", attention="dot", num_layers=1, dtype="float64", dropout=0.0, is_frozen=False):
    """From tokens to tokens."""
    recurrent = {"num_layers": num_layers, "bias": True}
    encoder = Encoder(
        Embedding(5, 6, dtype, is_frozen), 0, make_cell(cell, "tanh"),
        {**recurrent, "hidden_size": 5, "bidirectional": True}, dropout, dtype,
    )  # fmt: skip
    return EncoderDecoder(
        encoder, 10, Embedding(N_TOKENS, 3, dtype), 0, N_TOKENS, make_cell(cell, "tanh"),
        {**recurrent, "hidden_size": H}, attention, dropout, dtype, check_random_state(1),
    )  # fmt: skip


def make_of_numbers(cell="lstm", dtype="float64", encoder=None, context_size=3, attention=None):
    """From vectors (3,), or what the encoder reads, to sequences of two numbers a step."""
    recurrent = {"num_layers": 2, "bias": True, "hidden_size": H}
    return EncoderDecoder(
        encoder, context_size, None, 2, 3, make_cell(cell, "tanh"), recurrent, attention, 0.0, dtype,
        check_random_state(1),
    )  # fmt: skip


def make_problem(n=9):
    """Sources, and what the decoder reads."""
    sources = as_sequences(tokens(n, 5, 1, 6), "float64", tokens=True)
    return sources, as_sequences(tokens(n, N_TOKENS, 1, 5, seed=1), "float64", tokens=True)


def assert_projection(network, source, batch, loss, targets, weights, **options):
    def value():
        network.changed()
        return network.loss_and_gradient(source, batch, loss, targets, weights, **options)

    value()
    gradient = network.gradient.copy()
    value()
    assert_same_bits(network.gradient, gradient)  # it is that of one pass
    assert all(p.parameters.gradients.any() for p in network.parts.values() if p.parameters.size)
    assert_slope(value, (network.theta, network.gradient))


@every_form
def test_gradient_with_dropout(cell, attention, num_layers):
    network = make(cell, attention, num_layers, dropout=0.3)
    sources, inputs = make_problem()
    numbers = np.random.default_rng(2).permutation(9)
    batch, rng = network.target(inputs, numbers), np.random.default_rng(3)
    targets, weights = rng.integers(0, N_TOKENS, batch.rows.size), rng.random(batch.rows.size)
    source = network.source(sources, numbers)
    assert_projection(network, source, batch, cross_entropy, targets, weights, dropout_key=7)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_gradient_of_numbers_from_vectors(cell):
    network = make_of_numbers(cell)
    vectors = as_sequences([x[:1] for x in ragged(9)], "float64")
    inputs = as_sequences(ragged(9, I=2, seed=1), "float64")
    numbers, rng = np.arange(9)[::-1], np.random.default_rng(3)
    source, batch = network.source(vectors, numbers), network.target(inputs, numbers)
    targets = rng.standard_normal((batch.rows.size, 3))
    assert_projection(network, source, batch, squared, targets, rng.random(batch.rows.size))


def test_gradient_of_numbers_from_numbers_with_attention():
    recurrent = {"hidden_size": 5, "num_layers": 1, "bias": True, "bidirectional": False}
    encoder = Encoder(None, 3, make_cell("gru", "tanh"), recurrent, 0.0, "float64")
    network = make_of_numbers("gru", encoder=encoder, context_size=5, attention="additive")
    numbers, rng = np.arange(9), np.random.default_rng(3)
    source = network.source(as_sequences(ragged(9), "float64"), numbers)
    batch = network.target(as_sequences(ragged(9, I=2, seed=1), "float64"), numbers)
    targets = rng.standard_normal((batch.rows.size, 3))
    assert_projection(network, source, batch, squared, targets, rng.random(batch.rows.size))


def test_frozen_vectors_have_no_gradient_and_leave_the_others_theirs():
    sources, inputs = make_problem()
    gradients = []
    for is_frozen in (False, True):
        network = make(is_frozen=is_frozen)
        source = network.source(sources, np.arange(9))
        batch = network.target(inputs, np.arange(9))
        targets, weights = batch.rows % N_TOKENS, np.ones(batch.rows.size)
        network.loss_and_gradient(source, batch, cross_entropy, targets, weights)
        gradients.append({n: p.parameters.gradients for n, p in network.parts.items()})
    trained, frozen = gradients
    assert trained.pop("embedding").any() and not frozen.pop("embedding").any()
    for name, gradient in trained.items():
        assert_same_bits(frozen[name], gradient)


# ------------------------------------------------------------------------ one step at a time


def stepwise(network, source, inputs, numbers, width=1):
    """Outputs of each sequence's steps, decoded side by side with the longest; all continuations are alike."""
    step, n = network.stepper(network.encode(source), width), len(numbers)
    outputs, rng = [], np.random.default_rng(4)
    for t in range(inputs.lengths[numbers].max()):
        x = np.array([inputs[k][min(t, inputs.lengths[k] - 1)] for k in numbers])
        picks = rng.integers(0, width, n * width) + np.repeat(np.arange(n) * width, width)
        outputs.append(step(np.repeat(x, width, axis=0), picks))
    outputs = np.array(outputs).reshape(len(outputs), n, width, -1)
    return [outputs[: inputs.lengths[k], place] for place, k in enumerate(numbers)]


def whole(network, source, inputs, numbers):
    """Outputs of each sequence's steps, from one pass."""
    batch = network.target(inputs, numbers)
    rows, offsets = batch.packing.by_sequence
    return np.split(network.forward(source, batch)[0][rows], offsets[1:-1])


@pytest.mark.parametrize("width", [1, 3])
@every_form
def test_steps_have_the_bits_of_the_whole(cell, attention, num_layers, width):
    network = make(cell, attention, num_layers, "float32")
    sources, inputs = make_problem(20)
    for numbers in (np.arange(20), np.array([7]), np.array([3, 19, 4])):
        source = network.source(sources, numbers)
        expected = whole(network, source, inputs, numbers)
        for steps, array in zip(stepwise(network, source, inputs, numbers, width), expected, strict=True):
            for w in range(width):
                assert_same_bits(steps[:, w], array)


def test_steps_of_numbers_have_the_bits_of_the_whole():
    network = make_of_numbers(dtype="float32")
    vectors = as_sequences([x[:1] for x in ragged(20)], "float32")
    inputs, numbers = as_sequences(ragged(20, I=2, seed=1), "float32"), np.arange(20)
    source = network.source(vectors, numbers)
    steps = stepwise(network, source, inputs, numbers)
    for some, array in zip(steps, whole(network, source, inputs, numbers), strict=True):
        assert_same_bits(some[:, 0], array)


def test_continuations_go_on_from_those_picked():
    network = make()
    sources, _ = make_problem(2)
    source = network.source(sources, np.arange(2))
    step = network.stepper(network.encode(source), 2)
    step(np.array([0, 1, 2, 3]), np.arange(4))
    swapped = step(np.array([1, 1, 1, 1]), np.array([1, 0, 3, 3]))
    for k, before in enumerate((1, 0, 3, 3)):
        alone = network.stepper(network.encode(network.source(sources, np.array([k // 2]))))
        alone(np.array([before]), np.array([0]))
        assert_within(1e-12, swapped[k], alone(np.array([1]), np.array([0]))[0])


# ----------------------------------------------------------------------------------- the parts


def test_dropout_is_decided_by_the_key_and_the_sequence():
    network = make(dropout=0.5, num_layers=2)
    sources, inputs = make_problem()

    def outputs(numbers, key):
        source, batch = network.source(sources, numbers), network.target(inputs, numbers)
        out = np.empty((len(inputs.values), N_TOKENS))
        out[batch.rows] = network.forward(source, batch, keep=True, dropout_key=key)[0]
        return out[np.sort(batch.rows)]

    expected = outputs(np.arange(9), 5)
    assert_same_bits(outputs(np.arange(9)[::-1], 5), expected)
    last = inputs.lengths[8]
    assert_same_bits(outputs(np.array([8]), 5), expected[-last:])
    assert (outputs(np.arange(9), 6) != expected).all()
    network.set_dropout(0.0)
    assert network.encoder.dropout == network.dropout == 0
    assert_same_bits(outputs(np.arange(9), 5), outputs(np.arange(9), None))


@pytest.mark.parametrize("attention", [None, "dot", "additive"])
def test_parts_share_theta_and_tables_do_not_decay(attention):
    network = make(attention=attention)
    names = set(network.parts)
    assert {"embedding", "recurrent", "target_embedding", "bridge", "decoder", "head"} <= names
    assert ("attention_key" in names) == (attention is not None)
    assert ("attention_query" in names) == (attention == "additive")
    assert sum(part.parameters.size for part in network.parts.values()) == network.theta.size
    for name, part in network.parts.items():
        assert np.shares_memory(part.parameters.values, network.theta) or not part.parameters.size
        assert part.parameters.is_decayed().any() == ("embedding" not in name and name != "attention_score")
