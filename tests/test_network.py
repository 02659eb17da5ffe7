"""Gradients of whole networks: against the NumPy reference, and by random projection in float64."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import reference as ref
from samples import assert_same_bits, assert_slope, ragged
from sklearn.utils import check_random_state

from fastrnn import threads
from fastrnn.base import Problem
from fastrnn.layers import stack
from fastrnn.layers.cells import GRUCell, GRUResetBeforeCell, LSTMCell, RNNCell
from fastrnn.layers.feedforward import Embedding
from fastrnn.layers.slstm import SLSTMCell
from fastrnn.losses import loss as losses
from fastrnn.network import parts
from fastrnn.network.parts import Encoder
from fastrnn.network.sequence import SequenceNetwork
from fastrnn.programs import Program
from fastrnn.sequences import as_sequences

# How the package makes a cell; its name and form in the reference.
CELLS = {
    "tanh": (lambda: RNNCell("tanh"), "rnn", {"nonlinearity": "tanh"}),
    "relu": (lambda: RNNCell("relu"), "rnn", {"nonlinearity": "relu"}),
    "sigmoid": (lambda: RNNCell("sigmoid"), "rnn", {"nonlinearity": "sigmoid"}),
    "lstm": (LSTMCell, "lstm", {}),
    "gru": (GRUCell, "gru", {}),
    "gru_cho": (GRUResetBeforeCell, "gru", {"reset_after": False}),
    "slstm": (SLSTMCell, "slstm", {}),
}
STACKS = {"one": (1, False), "two_levels_both_ways": (2, True)}
READOUTS = [None, *ref.READOUTS, "attention"]


def summed_logistic(o, t, w):
    """The package sums over outputs, where the reference takes the mean."""
    return tuple(o.shape[1] * v for v in ref.logistic(o, t, w))


LOSSES = {
    "cross_entropy": (losses.cross_entropy, ref.cross_entropy),
    "logistic": (losses.binary_cross_entropy, summed_logistic),
    "squared": (losses.squared, ref.squared),
    "absolute": (losses.absolute, ref.absolute),
    "huber": (losses.huber, ref.huber),
    "quantile": (losses.regression_loss("quantile", 0.2), lambda o, t, w: ref.quantile(o, t, w, 0.2)),
}
I, H, K = 3, 5, 4
every_cell = pytest.mark.parametrize("cell", CELLS)


def make(cell, stack="one", readout="last", n_steps=1, embedding_dim=None, dropout=0.0, n_outputs=K, input_size=I):
    num_layers, bidirectional = STACKS[stack]
    recurrent = {"hidden_size": H, "num_layers": num_layers, "bias": True}
    recurrent["bidirectional"] = bidirectional
    make_cell, *form = CELLS[cell]
    embedding = None
    if embedding_dim is not None:
        embedding = Embedding(input_size, embedding_dim, "float64")
    encoder = Encoder(embedding, input_size, make_cell(), recurrent, "float64")
    network = SequenceNetwork(encoder, n_outputs, readout, n_steps, check_random_state(0), dropout=dropout)
    network.form_in_reference = form
    return network


def problem(lengths, readout, loss="squared", n_outputs=K, seed=0):
    """Sequences; targets and weights (sum 1) for each, without a readout for each stored step."""
    rng = np.random.default_rng(seed)
    X = [rng.standard_normal((T, I)) for T in lengths]
    n = sum(lengths) if readout is None else len(lengths)
    targets = rng.standard_normal((n, n_outputs))
    if loss == "cross_entropy":
        targets = rng.integers(0, n_outputs, n)
    elif loss == "logistic":
        targets = (targets > 0).astype(float)
    weights = rng.uniform(0.2, 1, n)
    return as_sequences(X, "float64"), targets, weights / weights.sum()


def objective(network, sequences, loss, targets, weights, batches=None, epoch=0, drops=True, bptt_steps=None):
    """The losses of batches of sequences, all of them if not said otherwise, with these very weights."""
    batches = [np.arange(len(sequences))] if batches is None else batches
    size = len(batches[0]) * weights.size / len(sequences)  # by which the weights are divided
    given = Problem(sequences, targets, weights * size, targets.shape[-1], loss)
    training = network.training(given, drops, seed=3, bptt_steps=bptt_steps)
    training.lay_out(batches, epoch)
    return training


def gradient_of(network, *given, **options):
    """The loss of all sequences, and every part's gradients by name."""
    value = objective(network, *given, **options)(0)
    return value, {
        f"{part}.{name}": layer.parameters.gradient(name).copy()
        for part, layer in network.parts.items()
        for name in layer.parameters
    }


def copies(part):
    return part.parameters.copies()


def reference_gradient(network, sequences, readout, loss, targets, weights, bptt_steps=0):
    """The same in NumPy, for a network without embedding."""
    params, head = copies(network.encoder.recurrent), copies(network.head)
    layer = network.encoder.recurrent
    L, D, B = layer.num_layers, layer.n_directions, len(sequences)
    cell, form = network.form_in_reference
    zero = np.zeros((L * D, B, H))
    zero = ref.as_state(cell, [zero] * len(ref.STATES[cell]))
    x = [sequences[k] for k in range(B)]
    rows, _, stash = ref.stack_forward(cell, x, zero, params, L, D == 2, **form)
    if readout is None:
        features = np.concatenate(rows)
    elif readout == "attention":
        scores = {f"{part}.{n}": v for part in network.readout.parts for n, v in copies(network.parts[part]).items()}
        features, _, stashes = zip(*(ref.attention_pooling_forward(h, scores) for h in rows), strict=True)
        features = np.array(features)
    else:
        features = np.array([ref.readout_forward(readout, h, D == 2) for h in rows])
    value, d_outputs = loss(features @ head["weight"].T + head["bias"], targets, weights)
    gradients = {"head.weight": d_outputs.T @ features, "head.bias": d_outputs.sum(axis=0)}
    d_features = d_outputs @ head["weight"]
    if readout is None:
        d_rows = np.split(d_features, sequences.offsets[1:-1])
    elif readout == "attention":
        back = map(ref.attention_pooling_backward, d_features, stashes)
        d_rows, of_scores = zip(*back, strict=True)
        gradients |= {name: sum(of[name] for of in of_scores) for name in scores}
    else:
        pairs = zip(d_features, rows, strict=True)
        d_rows = [ref.readout_backward(readout, d, h, D == 2) for d, h in pairs]
    if bptt_steps:
        d_params = truncated(cell, x, rows, d_rows, params, bptt_steps, form)
    else:
        _, _, d_params = ref.stack_backward(d_rows, zero, stash)
    gradients |= {f"recurrent.{n}": d for n, d in d_params.items()}
    return value, gradients


def truncated(cell, x, rows, d_rows, params, bptt_steps, form):
    """Gradients of one level, each piece of `bptt_steps` steps by itself, from its state."""
    total = {n: np.zeros_like(v) for n, v in params.items()}
    for k, sequence in enumerate(x):
        nothing = state = ref.as_state(cell, [np.zeros((1, 1, H))] * len(ref.STATES[cell]))
        for first in range(0, len(sequence), bptt_steps):
            piece = slice(first, first + bptt_steps)
            _, state_n, stash = ref.stack_forward(cell, [sequence[piece]], state, params, **form)
            _, _, d_params = ref.stack_backward([d_rows[k][piece]], nothing, stash)
            for name, value in d_params.items():
                total[name] += value
            state = state_n
    return total


def assert_equal_gradients(actual, expected):
    (value, gradients), (expected_value, expected_gradients) = actual, expected
    ref.assert_within(1e-10, value, expected_value, "loss")
    assert gradients.keys() == expected_gradients.keys()
    for name, gradient in expected_gradients.items():
        ref.assert_within(1e-10, gradients[name], gradient, name)


def lengths_for(readout):
    return (4,) * 9 if readout == "concat" else (4, 7, 1, 6, 3, 2, 5, 1, 9)


# ---------------------------------------------------------------------- against the reference


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("stack", STACKS)
@every_cell
def test_every_cell_stack_and_readout(cell, stack, readout):
    lengths = lengths_for(readout)
    network = make(cell, stack, readout, lengths[0])
    given = problem(lengths, readout)
    actual = gradient_of(network, given[0], losses.squared, *given[1:])
    assert_equal_gradients(actual, reference_gradient(network, given[0], readout, ref.squared, *given[1:]))


@pytest.mark.parametrize("n_outputs", [1, 4, 9])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("readout", READOUTS)
def test_every_loss_and_readout(readout, loss, n_outputs):
    lengths = lengths_for(readout)
    network = make("gru", "one", readout, lengths[0], n_outputs=n_outputs)
    sequences, targets, weights = problem(lengths, readout, loss, n_outputs)
    ours, theirs = LOSSES[loss]
    actual = gradient_of(network, sequences, ours, targets, weights)
    assert_equal_gradients(actual, reference_gradient(network, sequences, readout, theirs, targets, weights))


@pytest.mark.parametrize("readout", READOUTS)
def test_groups_of_classes(readout):
    """Two outputs and seven, with a softmax each."""

    def of_each(o, t, w):
        groups = (o[:, :2], t[:, 0].astype(int)), (o[:, 2:], t[:, 1].astype(int) - 2)
        values, gradients = zip(*(ref.cross_entropy(*group, w) for group in groups), strict=True)
        return sum(values), np.hstack(gradients)

    lengths, rng = lengths_for(readout), np.random.default_rng(3)
    network = make("gru", "one", readout, lengths[0], n_outputs=9)
    sequences, _, weights = problem(lengths, readout)
    targets = np.column_stack([rng.integers(0, 2, weights.size), rng.integers(2, 9, weights.size)]).astype(float)
    given = sequences, losses.cross_entropies((2, 7)), targets, weights
    actual = gradient_of(network, *given)
    assert_equal_gradients(actual, reference_gradient(network, sequences, readout, of_each, targets, weights))
    assert_projection(network, objective(network, *given))


@pytest.mark.parametrize("lengths", [(1,), (1,) * 9, (6,)], ids=str)
@pytest.mark.parametrize("readout", READOUTS)
@every_cell
def test_one_step_and_one_sequence(cell, readout, lengths):
    network = make(cell, "two_levels_both_ways", readout, lengths[0])
    given = problem(lengths, readout)
    actual = gradient_of(network, given[0], losses.squared, *given[1:])
    assert_equal_gradients(actual, reference_gradient(network, given[0], readout, ref.squared, *given[1:]))


@pytest.mark.parametrize("bptt_steps", [1, 3, 4, 100])
@pytest.mark.parametrize("readout", [None, "last", "mean"])
@every_cell
def test_gradients_stop_at_multiples_of_bptt_steps(cell, readout, bptt_steps):
    network = make(cell, "one", readout)
    given = problem(lengths_for(readout), readout)
    actual = gradient_of(network, given[0], losses.squared, *given[1:], bptt_steps=bptt_steps)
    expected = reference_gradient(network, given[0], readout, ref.squared, *given[1:], bptt_steps=bptt_steps)
    assert_equal_gradients(actual, expected)
    _, whole = reference_gradient(network, given[0], readout, ref.squared, *given[1:])
    differs = np.abs(whole["recurrent.weight_hh_l0"] - expected[1]["recurrent.weight_hh_l0"]).max()
    assert (differs > 1e-6) == (bptt_steps < 9)


# --------------------------------------------------------------------------- by projection


def assert_projection(network, training):
    """The gradient of the loss of its first batch."""

    def loss():
        network.changed()
        return training(0)

    loss()
    assert_slope(loss, (network.theta, network.gradient))


def of_tokens(readout, **options):
    """A network of tokens, and what to train it on."""
    lengths, rng = lengths_for(readout), np.random.default_rng(2)
    network = make(
        options.pop("cell"), "two_levels_both_ways", readout, lengths[0], embedding_dim=6, input_size=7, **options
    )
    sequences = as_sequences([rng.integers(0, 7, T) for T in lengths], "float64", tokens=True)
    n = sum(lengths) if readout is None else len(lengths)
    return network, sequences, losses.cross_entropy, rng.integers(0, K, n), rng.uniform(0.2, 1, n)


@pytest.mark.parametrize("readout", READOUTS)
@every_cell
def test_dropout_and_embedding(cell, readout):
    network, *given = of_tokens(readout, cell=cell, dropout=0.3)
    numbers = np.random.default_rng(1).permutation(len(given[0]))
    assert_projection(network, objective(network, *given, batches=[numbers], epoch=77))
    assert np.abs(network.embedding.parameters.gradients).max() > 0


@pytest.mark.parametrize("readout", [None, "mean"])
def test_dropout_is_decided_by_the_epoch_and_the_sequence(readout):
    network, *given = of_tokens(readout, cell="gru", dropout=0.5)
    n = len(given[0])

    def alone(epoch, numbers, **options):
        training = objective(network, *given, batches=[np.array([k]) for k in numbers], epoch=epoch, **options)
        return {k: training(place) for place, k in enumerate(numbers)}

    expected = alone(5, range(n))
    assert alone(5, range(n)[::-1]) == expected
    together = objective(network, *given, epoch=5)(0)
    np.testing.assert_allclose(together, sum(expected.values()), rtol=1e-12)
    others = alone(6, range(n)), alone(5, range(n), drops=False)
    assert all(expected[k] != other[k] for other in others for k in range(n))


def test_an_epoch_of_batches_is_that_of_each():
    network, *given = of_tokens("max", cell="lstm")
    batches = np.split(np.random.default_rng(0).permutation(9), 3)
    training = objective(network, *given, batches=batches)
    for k in (1, 0, 2, 1):
        value = training(k)
        gradient = network.gradient.copy()
        assert objective(network, *given, batches=[batches[k]])(0) == value
        assert_same_bits(network.gradient, gradient)


@pytest.mark.parametrize("hidden_size, read_alone", [(5, stack.READ_ALONE), (300, stack.ALONE), (300, 2**40)])
def test_threads_change_no_bits(hidden_size, read_alone, monkeypatch):
    """Of 300 units threads share the shards, or some have shards of their own, and more than there are share each."""
    monkeypatch.setattr(threads, "SMALL", 0)
    monkeypatch.setattr(stack, "READ_ALONE", read_alone)
    monkeypatch.setitem(globals(), "H", hidden_size)
    answers, ways = [], []
    for n_jobs, n_shards in ((1, 2), (2, 2), (2, 1), (3, 1)):  # of the threads' number alone; the batch has two
        monkeypatch.setattr(stack, "count_shards", lambda *_, answer=n_shards: answer)
        network = make("gru", "two_levels_both_ways", "mean")
        sequences, targets, weights = problem(tuple(range(1, 41)), "mean")
        with threads.limit(n_jobs):
            value = objective(network, sequences, losses.squared, targets, weights)(0)
            answers.append((value, network.gradient.tobytes(), network.predict(sequences).tobytes()))
            ways.append(network.sharing(40)[0])
            n_threads = threads.available(np.inf)
        assert ways[-1] == (hidden_size == 300 and (read_alone == stack.ALONE or n_threads > n_shards))
    assert len(set(answers)) == 1


class NotedLock:
    """A lock that calls a function before anyone has to wait for it."""

    def __init__(self, note):
        self._lock, self._note = threading.Lock(), note

    def __enter__(self):
        if not self._lock.acquire(blocking=False):
            self._note()
            self._lock.acquire()

    def __exit__(self, *_):
        self._lock.release()


@pytest.mark.parametrize("readout", ["mean", None])
def test_two_threads_that_predict_at_once_after_a_change_read_wholly_packed_weights(readout, monkeypatch):
    """The first packs nothing before the second has answered, or waits for it."""
    network, changed = make("gru", "two_levels_both_ways", readout), make("gru", "two_levels_both_ways", readout)
    sequences, _, _ = problem(lengths_for(readout), readout)
    before = network.predict(sequences)
    changed.theta *= 2
    changed.changed()
    expected = changed.predict(sequences)
    assert not np.isclose(before, expected).any()

    packs, is_packing, may_pack, prepare = [], threading.Event(), threading.Event(), Program.prepare

    def wait_and_prepare(program):
        packs.append(program)
        (is_packing if len(packs) == 1 else may_pack).set()  # none waits for another one who packs, too
        assert may_pack.wait(30)
        prepare(program)

    monkeypatch.setattr(Program, "prepare", wait_and_prepare)
    monkeypatch.setattr(parts, "_packing", NotedLock(may_pack.set))
    network.theta *= 2
    network.changed()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(network.predict, sequences)
        assert is_packing.wait(30)
        second = pool.submit(network.predict, sequences)
        second.add_done_callback(lambda _: may_pack.set())
        for answer in (first, second):
            assert_same_bits(answer.result(), expected)
    assert len(packs) == 1  # not once more below one who reads


# ------------------------------------------------------------------------- forms of the network


def test_a_batch_of_some_sequences_in_any_order():
    network = make("gru", "two_levels_both_ways", "mean")
    sequences, targets, weights = problem(lengths_for("mean"), "mean")
    numbers = np.array([8, 2, 5])
    value = objective(network, sequences, losses.squared, targets, weights, [numbers])(0)
    chosen = as_sequences([sequences[k] for k in numbers], "float64")
    w = weights[numbers]
    expected, gradients = reference_gradient(network, chosen, "mean", ref.squared, targets[numbers], w)
    ref.assert_within(1e-10, value, expected * w.sum())
    weight = network.encoder.recurrent.parameters.gradient("weight_ih_l1_reverse")
    ref.assert_within(1e-10, weight, gradients["recurrent.weight_ih_l1_reverse"] * w.sum())


@pytest.mark.parametrize("readout", ["mean", None])
def test_predict_gives_outputs_in_the_order_stored(readout):
    network = make("gru", "one", readout)
    sequences = as_sequences(ragged(300), "float64")
    whole = network.predict(sequences)  # of more than are read at once
    if readout is None:
        alone = [network.predict(as_sequences([sequences[k]], "float64")) for k in range(300)]
        assert_same_bits(whole, np.concatenate(alone))
    else:
        some = np.random.default_rng(0).permutation(300)[:50]
        assert_same_bits(whole[some], network.predict(sequences.some(some)))


def test_theta_holds_all_parameters_and_decays_marks_matrices():
    network = make("lstm", "two_levels_both_ways", "last", embedding_dim=6, input_size=7)
    network.theta[:] = np.arange(network.theta.size)
    network.gradient[:] = -network.theta
    seen = []
    for name, part in network.parts.items():
        for parameter in part.parameters:
            values, flags = part.parameters[parameter].ravel(), part.parameters.gradient(parameter)
            assert (flags.ravel() == -values).all()
            decays = network.decays[values.astype(int)]
            assert (decays == (values.ndim and "weight" in parameter and name != "embedding")).all()
            seen.append(values)
    seen = np.concatenate(seen)
    assert len(np.unique(seen)) == len(seen)
    outside = np.setdiff1d(np.arange(network.theta.size), seen)
    assert not network.decays[outside].any()
