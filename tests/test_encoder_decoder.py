"""Encoder, attention and decoder as one network: gradients by projection, and decoding a step at a time."""

from itertools import product

import numpy as np
import pytest
from reference import assert_within
from samples import assert_same_bits, assert_slope, ragged, tokens
from scipy.special import log_softmax
from sklearn.utils import check_random_state

from fastrnn import threads
from fastrnn.base import Problem
from fastrnn.layers.feedforward import Embedding
from fastrnn.losses.loss import cross_entropy, squared
from fastrnn.network.encoder_decoder import EncoderDecoder
from fastrnn.network.parts import CELLS, Encoder, make_cell
from fastrnn.sequences import as_sequences

N_TOKENS, H = 4, 7
every_form = pytest.mark.parametrize(
    ("cell", "attention", "num_layers"), list(product([*CELLS], [None, "dot", "additive"], [1, 2]))
)


def make(cell="lstm", attention="dot", num_layers=1, dtype="float64", dropout=0.0, is_frozen=False):
    """From tokens to tokens."""
    recurrent = {"num_layers": num_layers, "bias": True}
    encoder = Encoder(
        Embedding(5, 6, dtype, is_frozen), 0, make_cell(cell, "tanh"),
        {**recurrent, "hidden_size": 5, "bidirectional": True}, dtype,
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


def objective(network, sources, inputs, targets, weights, batches=None, loss=cross_entropy, epoch=0, drops=True):
    """The losses of batches of sequences, of all of them if not said otherwise."""
    batches = [np.random.default_rng(2).permutation(len(sources))] if batches is None else batches
    training = network.training(Problem(sources, targets, weights, 0, loss, inputs=inputs), drops, seed=7)
    training.lay_out(batches, epoch)
    return training


def answers_for(inputs, n_values=None):
    """Targets and weights for each step: tokens, or so many numbers."""
    rng, n = np.random.default_rng(3), len(inputs.values)
    return rng.integers(0, N_TOKENS, n) if n_values is None else rng.standard_normal((n, n_values)), rng.random(n)


def assert_projection(network, *given, **options):
    losses = objective(network, *given, **options)
    losses(0)
    gradient = network.gradient.copy()
    losses(0)
    assert_same_bits(network.gradient, gradient)  # it is that of one pass
    assert all(p.parameters.gradients.any() for p in network.parts.values() if p.parameters.size)
    assert_slope(lambda: losses(0), (network.theta, gradient))


@every_form
def test_gradient_with_dropout(cell, attention, num_layers):
    network = make(cell, attention, num_layers, dropout=0.3)
    sources, inputs = make_problem()
    assert_projection(network, sources, inputs, *answers_for(inputs))


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_gradient_of_numbers_from_vectors(cell):
    vectors = as_sequences([x[:1] for x in ragged(9)], "float64")
    inputs = as_sequences(ragged(9, I=2, seed=1), "float64")
    assert_projection(make_of_numbers(cell), vectors, inputs, *answers_for(inputs, 3), loss=squared)


def test_gradient_of_numbers_from_numbers_with_attention():
    recurrent = {"hidden_size": 5, "num_layers": 1, "bias": True, "bidirectional": False}
    encoder = Encoder(None, 3, make_cell("gru", "tanh"), recurrent, "float64")
    network = make_of_numbers("gru", encoder=encoder, context_size=5, attention="additive")
    sources, inputs = as_sequences(ragged(9), "float64"), as_sequences(ragged(9, I=2, seed=1), "float64")
    assert_projection(network, sources, inputs, *answers_for(inputs, 3), loss=squared)


def test_frozen_vectors_have_no_gradient_and_leave_the_others_theirs():
    sources, inputs = make_problem()
    targets, weights = answers_for(inputs)
    gradients = []
    for is_frozen in (False, True):
        network = make(is_frozen=is_frozen)
        objective(network, sources, inputs, targets, weights)(0)
        gradients.append({n: p.parameters.gradients for n, p in network.parts.items()})
    trained, frozen = gradients
    assert trained.pop("embedding").any() and not frozen.pop("embedding").any()
    for name, gradient in trained.items():
        assert_same_bits(frozen[name], gradient)


@pytest.mark.parametrize("attention", [None, "dot", "additive"])
def test_the_same_bits_for_any_threads_shared_or_not(attention, monkeypatch):
    sources, inputs = make_problem(40)
    monkeypatch.setattr(threads, "SMALL", 0)
    for is_whole in (False, True):
        found = []
        for n_jobs, is_shared in ((1, is_whole), (2, is_whole), (3, is_whole), (1, True), (2, True)):
            monkeypatch.setattr(EncoderDecoder, "sharing", lambda *_, answer=(is_shared, is_whole): answer)
            network = make(attention=attention, dtype="float32", dropout=0.3)
            losses = objective(network, sources, inputs, *answers_for(inputs))
            with threads.limit(n_jobs):
                loss = losses(0)
                step = network.stepper(network.encode(sources), 2)
                outputs = step(np.arange(80) % N_TOKENS, np.arange(80))
                found.append([loss, network.gradient.copy(), network.predict(sources, inputs), outputs])
        for other in found[1:]:
            for actual, expected in zip(other, found[0], strict=True):
                assert_same_bits(actual, expected)


def test_batches_of_an_epoch_are_laid_out_together():
    network, (sources, inputs) = make(dropout=0.3), make_problem(20)
    given = network, sources, inputs, *answers_for(inputs)
    batches = [np.arange(12), np.arange(12, 20)]
    together = objective(*given, batches=batches)
    for k, numbers in enumerate(batches):
        loss, gradient = together(k), network.gradient.copy()
        assert objective(*given, batches=[numbers])(0) == loss
        assert_same_bits(network.gradient, gradient)


# ------------------------------------------------------------------------ one step at a time


def stepwise(network, sources, inputs, width=1):
    """Outputs of each sequence's steps, decoded side by side with the longest; all continuations are alike."""
    step, n = network.stepper(network.encode(sources), width), len(sources)
    outputs, rng = [], np.random.default_rng(4)
    for t in range(inputs.lengths.max()):
        x = np.array([inputs[k][min(t, inputs.lengths[k] - 1)] for k in range(n)])
        picks = rng.integers(0, width, n * width) + np.repeat(np.arange(n) * width, width)
        outputs.append(step(np.repeat(x, width, axis=0), picks))
    outputs = np.array(outputs).reshape(len(outputs), n, width, -1)
    return [outputs[: inputs.lengths[k], k] for k in range(n)]


@pytest.mark.parametrize("width", [1, 3])
@every_form
def test_steps_have_the_bits_of_the_whole_and_of_any_batch(cell, attention, num_layers, width):
    network = make(cell, attention, num_layers, "float32")
    sources, inputs = make_problem(20)
    whole = inputs.split(network.predict(sources, inputs))
    for numbers in (np.arange(20), np.array([7]), np.array([3, 19, 4])):
        some = sources.some(numbers), inputs.some(numbers)
        each = some[1].split(network.predict(*some))
        for k, steps, array in zip(numbers, stepwise(network, *some, width), each, strict=True):
            assert_same_bits(array, whole[k])
            for w in range(width):
                assert_same_bits(steps[:, w], array)


def test_steps_of_numbers_have_the_bits_of_the_whole():
    network = make_of_numbers(dtype="float32")
    vectors = as_sequences([x[:1] for x in ragged(20)], "float32")
    inputs = as_sequences(ragged(20, I=2, seed=1), "float32")
    whole = inputs.split(network.predict(vectors, inputs))
    for some, array in zip(stepwise(network, vectors, inputs), whole, strict=True):
        assert_same_bits(some[:, 0], array)


def test_continuations_go_on_from_those_picked():
    network = make()
    sources, _ = make_problem(2)
    step = network.stepper(network.encode(sources), 2)
    step(np.array([0, 1, 2, 3]), np.arange(4))
    swapped = step(np.array([1, 1, 1, 1]), np.array([1, 0, 3, 3]))
    for k, before in enumerate((1, 0, 3, 3)):
        alone = network.stepper(network.encode(sources.some(np.array([k // 2]))))
        alone(np.array([before]), np.array([0]))
        assert_within(1e-12, swapped[k], alone(np.array([1]), np.array([0]))[0])


def test_weights_of_attention_are_those_of_any_batch():
    network, (sources, inputs) = make("gru", "additive", dtype="float32"), make_problem(20)
    expected = network.attention_weights(sources, inputs)
    for k, weights in enumerate(expected):
        assert weights.shape == (inputs.lengths[k], sources.lengths[k])
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)
        alone = network.attention_weights(*(some.some(np.array([k])) for some in (sources, inputs)))
        assert_same_bits(alone[0], weights)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log_probabilities_of_a_step(dtype):
    network, (sources, _) = make(dtype=dtype), make_problem(40)
    network.head.parameters["weight"][...] *= 100
    network.changed()
    steps = [network.stepper(network.encode(sources), 2, in_logs) for in_logs in (False, True)]
    given = np.arange(80) % N_TOKENS, np.arange(80)
    outputs, logs = (step(*given) for step in steps)
    assert logs.dtype == np.float64
    assert_within(1e-14, logs, log_softmax(outputs.astype(np.float64), axis=1))


# ----------------------------------------------------------------------------------- the parts


def test_dropout_is_decided_by_the_epoch_and_the_sequence():
    network, (sources, inputs) = make(dropout=0.5, num_layers=2), make_problem()
    targets, weights = answers_for(inputs)

    def gradient(numbers, epoch=5, drops=True):
        """Of the sequences' sum."""
        given = sources, inputs, targets, weights * len(numbers)
        objective(network, *given, batches=[numbers], epoch=epoch, drops=drops)(0)
        return network.gradient.copy()

    expected = gradient(np.arange(9))
    assert_within(1e-12, gradient(np.arange(9)[::-1]), expected)
    assert_within(1e-12, sum(gradient(np.array([k])) for k in range(9)), expected)
    assert np.abs(gradient(np.arange(9), 6) - expected).max() > 1e-3
    undropped = gradient(np.arange(9), drops=False)
    network.dropout = 0.0
    assert_same_bits(gradient(np.arange(9)), undropped)


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
