"""Promises 1, 2, 6 and 7 of the layers, and PyTorch's calling convention."""

import contextlib
import copy
import pickle
import signal
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial, partialmethod

import numba
import numpy as np
import pytest
import reference as ref
from make_fixtures import CASES, MINIMAL, RAGGED, TWO_STATES, VARIANT_CASES, load, param_shapes

from fastrnn import programs
from fastrnn.layers import GRU, LSTM, RNN, SRU, MinGRU, MinLSTM
from fastrnn.layers.chain import LinearChain
from fastrnn.layers.ctc import Alignments
from fastrnn.layers.feedforward import Dense
from fastrnn.layers.stack import Stack

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
LAYERS = {"rnn": RNN, "lstm": LSTM, "gru": GRU, "mingru": MinGRU, "minlstm": MinLSTM, "sru": SRU}
FORMS = {
    "rnn_tanh": ("rnn", {"nonlinearity": "tanh"}),
    "rnn_relu": ("rnn", {"nonlinearity": "relu"}),
    "rnn_sigmoid": ("rnn", {"nonlinearity": "sigmoid"}),
    "lstm": ("lstm", {}),
    "gru": ("gru", {}),
    "gru_cho": ("gru", {"reset_after": False}),
    **{cell: (cell, {}) for cell in MINIMAL},
    **{cell: (cell, {}) for cell in ("lstm_peephole", "lstm_layer_norm", "gru_layer_norm")},
}
VARIANTS = {
    "lstm_peephole": partial(LSTM, peephole=True), "lstm_layer_norm": partial(LSTM, layer_norm=True),
    "gru_layer_norm": partial(GRU, layer_norm=True), "lstm_projected": LSTM,
}  # fmt: skip
every_form = pytest.mark.parametrize("form", FORMS)
every_cell = pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
every_dtype = pytest.mark.parametrize("dtype", TOLERANCE)


def draw_params(cell, num_layers, bidirectional, I, H, seed=0):
    """Parameters of the test's own, so that no initialiser decides a result."""
    rng = np.random.default_rng(seed)
    shapes = param_shapes(cell, num_layers, bidirectional, I, H)
    bound = 1.5 / np.sqrt(H)
    return {n: rng.uniform(-bound, bound, shape) for n, shape in shapes.items()}


def make(form, I=5, H=6, num_layers=1, bidirectional=False, seed=0, **options):
    """A layer with drawn parameters."""
    cell, form_options = FORMS[form]
    layer = (LAYERS | VARIANTS)[cell](
        I, H, num_layers=num_layers, bidirectional=bidirectional, **form_options, **options
    )
    layer.load_state_dict(draw_params(cell, num_layers, bidirectional, I, H, seed))
    return layer


def parts(state):
    """The arrays of a state, whichever cell's it is."""
    return state if isinstance(state, tuple) else (state,)


def join(arrays):
    """The state of these arrays: a tuple for the LSTM's two, else the array."""
    return tuple(arrays) if len(arrays) > 1 else arrays[0]


def draw_state(cell, shape, seed=5):
    rng = np.random.default_rng(seed)
    return join([rng.standard_normal(shape) for _ in range(1 + (cell in TWO_STATES))])


def normal(*shape, seed=7):
    return np.random.default_rng(seed).standard_normal(shape)


def flatten(*results):
    """Arrays out of nested tuples, in order."""
    for result in results:
        if isinstance(result, tuple):
            yield from flatten(*result)
        else:
            yield result


def assert_same_bits(actual, expected):
    actual, expected = list(flatten(actual)), list(flatten(expected))
    assert len(actual) == len(expected)
    for a, b in zip(actual, expected, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        assert a.tobytes() == b.tobytes()


def run(layer, x, h_0, d_output, d_h_n, lengths=None):
    """Everything a forward and a backward pass give, by name."""
    layer.zero_grad()
    output, h_n = layer(x, h_0, lengths=lengths)
    d_x, d_h_0 = layer.backward(d_output, d_h_n)
    results = {"output": output, "d_x": d_x}
    results |= dict(zip(("h_n", "c_n"), parts(h_n), strict=False))
    results |= dict(zip(("d_h_0", "d_c_0"), parts(d_h_0), strict=False))
    results |= {"d_" + name: np.array(g) for name, g in layer.grads.items()}
    return results


def assert_all_within(actual, expected, dtype):
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        assert actual[name].dtype == dtype, name
        ref.assert_within(TOLERANCE[dtype], actual[name], value, name)


# ------------------------------------------------- promise 1: the right figures


@every_dtype
@pytest.mark.parametrize("case", CASES + VARIANT_CASES, ids=str)
def test_equals_pytorch(case, dtype):
    m = case.module
    inputs, expected = load(case, dtype)
    layer = (LAYERS | VARIANTS)[m.cell](m.I, m.H, **m.options, dtype=dtype)
    params = {n: v for n, v in inputs.items() if n.startswith(("weight", "bias", "gain"))}
    assert {n: v.shape for n, v in layer.state_dict().items()} == {n: v.shape for n, v in params.items()}
    layer.load_state_dict(params)
    h_0 = join([inputs[n] for n in ("h_0", "c_0") if n in inputs])
    d_h_n = join([inputs[n] for n in ("d_h_n", "d_c_n") if n in inputs])
    actual = run(
        layer,
        inputs["x"],
        h_0 if case.given_state else None,
        inputs["d_output"],
        d_h_n,
        lengths=case.lengths if case.lengths == RAGGED else None,
    )
    assert_all_within(actual, expected, dtype)
    for b, length in enumerate(case.lengths):
        assert not actual["output"][length:, b].any()
        assert not actual["d_x"][length:, b].any()


@every_dtype
@pytest.mark.parametrize("H", [1, 6, 19])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("lengths", [(4, 7, 1, 6, 3), (7,) * 5, (1,)], ids=str)
@pytest.mark.parametrize("form", ["rnn_sigmoid", "gru_cho"])
def test_equals_reference(form, lengths, num_layers, bidirectional, H, dtype):
    cell, options = FORMS[form]
    I, T, B, D = 3, max(lengths), len(lengths), 1 + bidirectional
    layer = make(form, I, H, num_layers, bidirectional, dtype=dtype)
    params = {n: v.astype(np.float64) for n, v in layer.state_dict().items()}
    x, d_output = normal(T, B, I, seed=1), normal(T, B, D * H, seed=2)
    h_0, d_h_n = normal(num_layers * D, B, H), normal(num_layers * D, B, H, seed=3)
    x, d_output, h_0, d_h_n = (a.astype(np.float32).astype(float) for a in (x, d_output, h_0, d_h_n))

    def rows(padded):
        return [padded[:length, b] for b, length in enumerate(lengths)]

    def pad(sequences, width):
        padded = np.zeros((T, B, width))
        for b, sequence in enumerate(sequences):
            padded[: len(sequence), b] = sequence
        return padded

    output, h_n, stash = ref.stack_forward(cell, rows(x), h_0, params, num_layers, bidirectional, **options)
    d_x, d_h_0, d_params = ref.stack_backward(rows(d_output), d_h_n, stash)
    expected = {"output": pad(output, D * H), "d_x": pad(d_x, I)}
    expected |= {"h_n": h_n, "d_h_0": d_h_0}
    expected |= {"d_" + name: value for name, value in d_params.items()}
    actual = run(layer, x, h_0, d_output, d_h_n, lengths)
    assert_all_within(actual, expected, dtype)


@every_form
def test_gradients_of_a_long_batch_by_projection(form):
    # Long and wide enough for tiles, chunks and shards to have their edges in it.
    cell, _ = FORMS[form]
    T, B, I, H = 45, 21, 9, 35
    rng = np.random.default_rng(11)
    lengths = rng.integers(1, T + 1, B)
    params = draw_params(cell, 1, True, I, H, seed=3)  # which brings no sum next to a bend of relu or g
    layer = make(form, I, H, bidirectional=True, seed=3, dtype="float64")
    x, d_output = normal(T, B, I), normal(T, B, 2 * H, seed=8)
    h_0, d_h_n = draw_state(cell, (2, B, H)), draw_state(cell, (2, B, H), 9)

    def loss(x, h_0, params):
        layer.load_state_dict(params)
        output, h_n = layer(x, join(h_0), lengths=lengths)
        pairs = zip((output, *parts(h_n)), (d_output, *parts(d_h_n)), strict=True)
        return sum((a * d).sum() for a, d in pairs)

    results = run(layer, x, h_0, d_output, d_h_n, lengths)
    arrays = {"x": x, **dict(zip(("h_0", "c_0"), parts(h_0), strict=False)), **params}
    for name in arrays:
        direction = rng.standard_normal(arrays[name].shape)
        sides = []
        for step in (1e-6, -1e-6):
            moved = {**arrays, name: arrays[name] + step * direction}
            states = [moved[n] for n in ("h_0", "c_0") if n in moved]
            sides.append(loss(moved["x"], states, {n: moved[n] for n in params}))
        slope = (sides[0] - sides[1]) / 2e-6
        ref.assert_within(1e-5, (results["d_" + name] * direction).sum(), slope, name)


# ------------------------------------- promise 2: the same bits in any company


@contextlib.contextmanager
def threads(n):
    if n > numba.config.NUMBA_NUM_THREADS:
        pytest.skip(f"numba may start {numba.config.NUMBA_NUM_THREADS} threads only")
    before = numba.get_num_threads()
    numba.set_num_threads(n)
    try:
        yield
    finally:
        numba.set_num_threads(before)


def row(results, b):
    """The row's part of a forward pass's (output, state)."""
    output, state = results
    return output[:, b], *(s[:, b] for s in parts(state))


@every_form
@every_dtype
@pytest.mark.parametrize("H", [32, 19])
def test_a_row_has_the_same_bits_in_any_company(form, dtype, H):
    T, B, I = 24, 40, 7
    rng = np.random.default_rng(13)
    layer = make(form, I, H, num_layers=2, bidirectional=True, dtype=dtype).eval()
    lengths = rng.integers(1, T + 1, B)
    x = normal(T, B, I)
    h_0 = draw_state(FORMS[form][0], (4, B, H))

    def forward(rows, T=T, lengths=lengths):
        states = join([s[:, rows] for s in parts(h_0)])
        return layer(x[:T, rows], states, lengths=lengths[rows])

    expected = forward(np.arange(B))
    for b in range(B):  # alone, without its padding
        output, *state = row(forward([b], lengths[b]), 0)
        whole, *whole_state = row(expected, b)
        assert_same_bits((output, *state), (whole[: lengths[b]], *whole_state))
    for rows in (rng.permutation(B), rng.permutation(B)[:17], np.arange(B)[3::5]):
        results = forward(rows)
        for position, b in enumerate(rows):
            assert_same_bits(row(results, position), row(expected, b))
    beside = rng.integers(1, T + 1, B)  # other lengths for every second row
    beside[::2] = lengths[::2]
    results = forward(np.arange(B), lengths=beside)
    for b in range(0, B, 2):
        assert_same_bits(row(results, b), row(expected, b))


@every_form
@every_dtype
@pytest.mark.parametrize("H", [32, 19])
def test_same_bits_with_one_thread_and_two(form, dtype, H):
    T, B, I = 60, 40, 7
    cell, _ = FORMS[form]
    layer = make(form, I, H, bidirectional=True, dtype=dtype)
    lengths = np.random.default_rng(17).integers(T // 2, T + 1, B)
    x, d_output = normal(T, B, I), normal(T, B, 2 * H, seed=8)
    state = draw_state(cell, (2, B, H))
    results = []
    for n in (1, 2):
        with threads(n):
            results.append(run(layer, x, state, d_output, state, lengths))
            assert numba.get_num_threads() == n
    assert results[0].keys() == results[1].keys()
    for name, value in results[0].items():
        assert value.tobytes() == results[1][name].tobytes(), name


@every_form
@every_dtype
@pytest.mark.parametrize("bptt_steps", [0, 7])
@pytest.mark.parametrize("B", [1, 19, 40])
def test_threads_that_share_units_give_what_those_give_that_share_sequences(form, dtype, bptt_steps, B, monkeypatch):
    T, I, H = 20, 7, 91
    lengths = np.random.default_rng(17).integers(1, T + 1, B)
    x, d_output = normal(T, B, I), normal(T, B, 2 * H, seed=8)
    state = draw_state(FORMS[form][0], (2, B, H))
    monkeypatch.setattr(Stack, "backward", partialmethod(Stack.backward, bptt_steps=bptt_steps))
    expected = run(make(form, I, H, bidirectional=True, dtype=dtype), x, state, d_output, state, lengths)
    for most in ("ALONE", "READ_ALONE"):
        monkeypatch.setattr(f"fastrnn.layers.stack.{most}", 0)
    monkeypatch.setattr("fastrnn.threads.SMALL", 0)
    layer, results = make(form, I, H, bidirectional=True, dtype=dtype), []
    for n in (1, 2):
        with threads(n):
            results.append(run(layer, x, state, d_output, state, lengths))
    for name, value in expected.items():
        assert results[0][name].tobytes() == results[1][name].tobytes(), name
        if name.startswith(("d_weight", "d_bias")):  # sums over shards, of which there are others
            ref.assert_within(1e-5 if dtype == "float32" else 1e-12, results[0][name], value, name)
        else:
            assert results[0][name].tobytes() == value.tobytes(), name


@every_form
def test_threads_that_share_the_units_of_shards_dealt_for_one_each_change_no_bits(form, monkeypatch):
    T, B, I, H = 20, 40, 7, 91
    lengths = np.random.default_rng(17).integers(1, T + 1, B)
    x, d_output = normal(T, B, I), normal(T, B, 2 * H, seed=8)
    state, results = draw_state(FORMS[form][0], (2, B, H)), []
    monkeypatch.setattr("fastrnn.threads.SMALL", 0)
    for is_shared, n in ((False, 1), (True, 1), (True, 2)):
        monkeypatch.setattr(Stack, "sharing", lambda *_, answer=(is_shared, False): answer)
        with threads(n):
            results.append(run(make(form, I, H, bidirectional=True), x, state, d_output, state, lengths))
    for name, value in results[0].items():
        assert all(other[name].tobytes() == value.tobytes() for other in results), name


@every_form
@every_dtype
def test_eval_gives_the_bits_of_train(form, dtype):
    layer = make(form, num_layers=2, bidirectional=True, dtype=dtype)
    x, lengths = normal(9, 5, 5), [3, 9, 1, 4, 9]
    trained = layer.train()(x, lengths=lengths)
    assert_same_bits(layer.eval()(x, lengths=lengths), trained)


@every_form
@every_dtype
def test_in_two_pieces_equals_whole(form, dtype):
    layer = make(form, H=19, num_layers=2, dtype=dtype).eval()
    x = normal(9, 4, 5)
    output, h_n = layer(x)
    first, state = layer(x[:4])
    second, state = layer(x[4:], state)
    pieces = (np.concatenate([first, second]), *parts(state))
    for a, b in zip(pieces, (output, *parts(h_n)), strict=True):
        ref.assert_within(TOLERANCE[dtype], a, b)


# ------------------------------------------------- PyTorch's calling convention


@every_cell
def test_batch_first(cell):
    form = {"gru": "gru", "lstm": "lstm", "rnn": "rnn_tanh"}[cell]
    T, B, H = 7, 3, 6
    options = {"num_layers": 2, "bidirectional": True}
    x, d_output = normal(T, B, 5), normal(T, B, 2 * H)
    state = draw_state(cell, (4, B, H))
    lengths = [5, 7, 2]
    expected = run(make(form, **options), x, state, d_output, state, lengths)
    layer = make(form, **options, batch_first=True)
    x, d_output = x.swapaxes(0, 1), d_output.swapaxes(0, 1)
    actual = run(layer, x, state, d_output, state, lengths)
    for name in ("output", "d_x"):
        actual[name] = actual[name].swapaxes(0, 1)
    for name, value in expected.items():
        assert actual[name].shape == value.shape, name
        assert (actual[name] == value).all(), name


@every_cell
@pytest.mark.parametrize("batch_first", [False, True])
def test_unbatched(cell, batch_first):
    form = {"gru": "gru", "lstm": "lstm", "rnn": "rnn_tanh"}[cell]
    T, H = 7, 6
    layer = make(form, num_layers=2, bidirectional=True, batch_first=batch_first)
    x, d_output = normal(T, 5), normal(T, 2 * H)
    state = draw_state(cell, (4, H))
    actual = run(layer, x, state, d_output, state)
    batch = join([s[:, None] for s in parts(state)])
    axis = 0 if batch_first else 1
    x, d_output = np.expand_dims(x, axis), np.expand_dims(d_output, axis)
    expected = run(layer, x, batch, d_output, batch)
    for name, value in expected.items():
        if name in ("output", "d_x"):
            value = value.squeeze(axis)
        elif name in ("h_n", "c_n", "d_h_0", "d_c_0"):
            value = value[:, 0]
        assert actual[name].shape == value.shape, name
        assert (actual[name] == value).all(), name


@every_form
def test_states_and_their_gradients_have_one_structure(form):
    layer = make(form)
    _, h_n = layer(normal(4, 2, 5))
    d_x, d_h_0 = layer.backward(normal(4, 2, 6))
    assert isinstance(h_n, tuple) == isinstance(d_h_0, tuple) == (form in TWO_STATES)
    assert [a.shape for a in parts(h_n)] == [a.shape for a in parts(d_h_0)]
    assert d_x.shape == (4, 2, 5)


@every_form
def test_arguments_left_out_are_zeros(form):
    layer = make(form, num_layers=2, bidirectional=True)
    x, d_output = normal(4, 3, 5), normal(4, 3, 12)
    zeros = join([np.zeros((4, 3, 6))] * (1 + (form in TWO_STATES)))
    expected = run(layer, x, zeros, d_output, zeros, [4, 4, 4])
    actual = run(layer, x, None, d_output, None, None)
    for name, value in expected.items():
        assert actual[name].tobytes() == value.tobytes(), name


@every_form
def test_input_grad_false_gives_none_and_the_same_gradients(form):
    layer = make(form, num_layers=2, bidirectional=True)
    x, d_output = normal(4, 3, 5), normal(4, 3, 12)
    expected = run(layer, x, None, d_output, None)
    layer.zero_grad()
    layer(x)
    d_x, d_h_0 = layer.backward(d_output, input_grad=False)
    assert d_x is None
    assert (parts(d_h_0)[0] == expected["d_h_0"]).all()
    for name, gradient in layer.grads.items():
        assert (gradient == expected["d_" + name]).all(), name


@every_form
def test_results_are_the_callers_own(form):
    layer = make(form)
    results = layer(normal(4, 3, 5))
    results += layer.backward(normal(4, 3, 6))
    before = [a.copy() for a in flatten(*results)]
    layer(normal(4, 3, 5, seed=1))
    layer.backward(normal(4, 3, 6, seed=2))
    for a, b in zip(flatten(*results), before, strict=True):
        assert (a == b).all()


@every_form
def test_calls_of_several_shapes_and_modes_in_turn(form):
    layer, fresh = make(form, num_layers=2, bidirectional=True), make(form, num_layers=2, bidirectional=True)
    calls = [(4, 3, None), (4, 3, [2, 4, 1]), (1, 1, None), (9, 20, None), (4, 3, [4, 1, 1]), (4, 3, None)]
    for k, (T, B, lengths) in enumerate(calls * 2):
        x, d_output = normal(T, B, 5, seed=k), normal(T, B, 12, seed=100 + k)
        expected = run(make(form, num_layers=2, bidirectional=True), x, None, d_output, None, lengths)
        actual = run(layer, x, None, d_output, None, lengths)
        for name, value in expected.items():
            assert actual[name].tobytes() == value.tobytes(), name
        assert_same_bits(layer.eval()(x, lengths=lengths)[0], expected["output"])
        layer.train()(x)  # nobody goes back from here
    layer.load_state_dict(draw_params(FORMS[form][0], 2, True, 5, 6, seed=1))
    fresh.load_state_dict(layer.state_dict())
    assert_same_bits(layer(x), fresh(x))
    assert_same_bits(layer.backward(d_output), fresh.backward(d_output))


def test_a_long_batch_leaves_no_memory_behind(monkeypatch):
    layer, x, d_output = make("lstm"), normal(40, 9, 5), normal(40, 9, 6)
    monkeypatch.setattr("fastrnn.layers.recurrent.KEPT", 1000)
    expected = run(layer, x, None, d_output, None)
    assert layer._prepared[True].run is None
    monkeypatch.setattr("fastrnn.layers.recurrent.KEPT", 10**9)
    for _ in range(2):
        actual = run(layer, x, None, d_output, None)
        assert all(actual[name].tobytes() == value.tobytes() for name, value in expected.items())
    assert layer._prepared[True].run is not None
    held = weakref.ref(layer.train()(x)[0])
    layer.backward(d_output)
    assert held() is None  # what was returned is the caller's alone
    layer.eval()
    assert not layer._prepared


@every_form
def test_threads_share_a_layer_in_eval_mode(form):
    layer = make(form, H=40).eval()
    batches = [normal(T, 3, 5, seed=T) for T in (3, 8, 20, 8)]
    expected = [make(form, H=40).eval()(x) for x in batches]

    def often(k):
        for _ in range(20):
            assert_same_bits(layer(batches[k]), expected[k])

    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(often, range(4))] == [None] * 4


@every_form
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_a_copy_is_a_layer_of_its_own(form, copied):
    layer = make(form)
    x, d_output = normal(4, 3, 5), normal(4, 3, 6)
    expected = run(layer, x, None, d_output, None)
    layer(x)
    other = copied(layer)
    with pytest.raises(RuntimeError, match="needs a call"):
        other.backward(d_output)
    assert_same_bits(tuple(run(other, x, None, d_output, None).values()), tuple(expected.values()))
    layer.zero_grad()
    layer.backward(d_output)
    assert (layer.grads["weight_ih_l0"] == expected["d_weight_ih_l0"]).all()
    other.load_state_dict({name: 0 * value for name, value in other.state_dict().items()})
    assert_same_bits(layer(x)[0], expected["output"])


# --------------------------------------------------- gradients, states, dropout


@every_form
def test_what_the_caller_does_with_x_and_output_does_not_reach_backward(form):
    x, d_output = normal(4, 3, 5).astype(np.float32), normal(4, 3, 6).astype(np.float32)
    layer = make(form)
    expected = run(layer, x, None, d_output, None)
    layer.zero_grad()
    x_now = x.copy()
    output, _ = layer(x_now)
    x_now[...] = 7
    output -= 3
    d_x, _ = layer.backward(d_output)
    assert d_x.tobytes() == expected["d_x"].tobytes()
    for name, gradient in layer.grads.items():
        assert gradient.tobytes() == expected["d_" + name].tobytes(), name


@every_form
def test_gradients_add_up_until_zero_grad(form):
    layer = make(form, num_layers=2, dtype="float64")
    assert list(layer.grads) == list(layer.state_dict())
    batches = [(normal(4, 3, 5, seed=s), normal(4, 3, 6, seed=-1 + s)) for s in (1, 2)]
    single = [run(layer, x, None, d_output, None) for x, d_output in batches]
    layer.zero_grad()
    for x, d_output in batches:
        layer(x)
        layer.backward(d_output)
    for name, gradient in layer.grads.items():
        total = single[0]["d_" + name] + single[1]["d_" + name]
        ref.assert_within(1e-12, gradient, total, name)
    layer.zero_grad()
    assert not any(np.any(gradient) for gradient in layer.grads.values())


@every_cell
def test_backward_needs_a_forward_in_train(cell):
    layer = LAYERS[cell](5, 6)
    with pytest.raises(RuntimeError, match="forward|call"):
        layer.backward(normal(4, 3, 6))
    layer.train()(normal(4, 3, 5))
    layer.eval()(normal(4, 3, 5))
    with pytest.raises(RuntimeError, match=r"eval\(\)|train\(\)"):
        layer.backward(normal(4, 3, 6))
    layer.train()(normal(4, 3, 5))
    layer.backward(normal(4, 3, 6))
    with pytest.raises(RuntimeError, match="second time"):
        layer.backward(normal(4, 3, 6))


@every_cell
def test_orthogonal_recurrent_weights(cell):
    layer = LAYERS[cell](5, 6, random_state=0)
    layer.reset_parameters(recurrent="orthogonal")
    for block in layer.state_dict()["weight_hh_l0"].reshape(-1, 6, 6):
        np.testing.assert_allclose(block @ block.T, np.eye(6), atol=1e-6)
    with pytest.raises(ValueError, match="'orthogonal'; got 'othogonal'"):
        layer.reset_parameters(recurrent="othogonal")


def test_forget_bias():
    layer = LSTM(5, 6, num_layers=2, bidirectional=True, random_state=0)
    layer.reset_parameters(forget_bias=1.5)
    state = layer.state_dict()
    for suffix in ("l0", "l0_reverse", "l1", "l1_reverse"):
        total = state[f"bias_ih_{suffix}"] + state[f"bias_hh_{suffix}"]
        assert (total[6:12] == 1.5).all() and not (total[:6] == 1.5).any()
    for other in (GRU(5, 6), RNN(5, 6), LSTM(5, 6, bias=False)):
        with pytest.raises(ValueError, match="forget_bias=1"):
            other.reset_parameters(forget_bias=1)
    for wrong in (np.nan, np.inf, "1", [1.0] * 6):
        with pytest.raises(ValueError, match="forget_bias must be a finite number; got"):
            layer.reset_parameters(forget_bias=wrong)
    assert all(np.array_equal(array, state[name]) for name, array in layer.state_dict().items())


@every_cell
def test_state_dict_is_a_copy_and_goes_round(cell):
    layer = LAYERS[cell](5, 6, num_layers=2, bidirectional=True, random_state=0)
    x = normal(4, 3, 5)
    expected = layer(x)
    state = layer.state_dict()
    shapes = param_shapes(cell, 2, True, 5, 6)
    assert {n: v.shape for n, v in state.items()} == shapes
    assert all(v.dtype == np.float32 for v in state.values())
    other = LAYERS[cell](5, 6, num_layers=2, bidirectional=True, random_state=1)
    other.load_state_dict(state)
    for value in state.values():
        value[...] = 100
    assert_same_bits(layer(x), expected)
    assert_same_bits(layer.eval()(x), expected)
    assert_same_bits(other(x), expected)


@every_cell
def test_weights_packed_for_inference_follow_load_state_dict(cell):
    layer = LAYERS[cell](5, 6, random_state=0).eval()
    other = LAYERS[cell](5, 6, random_state=1).eval()
    x = normal(4, 3, 5)
    assert not (layer(x)[0] == other(x)[0]).all()
    layer.load_state_dict(other.state_dict())
    assert_same_bits(layer(x), other(x))


@every_cell
def test_load_state_dict_names_what_is_wrong_and_changes_nothing(cell):
    layer = LAYERS[cell](5, 6, random_state=0)
    before = layer.state_dict()
    good = LAYERS[cell](5, 6, random_state=1).state_dict()
    missing = {n: v for n, v in good.items() if n != "bias_hh_l0"}
    nan = good["bias_hh_l0"] * np.nan
    for bad, name in (
        (missing, "bias_hh_l0"),
        ({**good, "weight_ih_l1": good["weight_ih_l0"]}, "weight_ih_l1"),
        ({**good, "weight_hh_l0": good["weight_ih_l0"]}, "weight_hh_l0"),
        ({**good, "bias_hh_l0": nan}, "bias_hh_l0"),
    ):
        with pytest.raises(ValueError, match=name):
            layer.load_state_dict(bad)
        for n, value in layer.state_dict().items():
            assert (value == before[n]).all()


@every_cell
@every_dtype
def test_initial_parameters_are_uniform_and_decided_by_random_state(cell, dtype):
    def values(seed):
        layer = LAYERS[cell](5, 16, num_layers=2, dtype=dtype, random_state=seed)
        return np.concatenate([v.ravel() for v in layer.state_dict().values()])

    assert (values(0) == values(0)).all()
    assert (values(0) != values(1)).any()
    assert 0.22 < np.abs(values(0)).max() <= 0.25  # 1 / sqrt(H), as PyTorch


def dropped_ones(random_state, dropout=0.5):
    """Two layers, the first puts out ones, the second passes on what it reads."""
    H = 16
    layer = RNN(3, H, 2, "relu", dropout=dropout, random_state=random_state)
    params = {n: np.zeros_like(v) for n, v in layer.state_dict().items()}
    params["bias_ih_l0"][:] = 1
    params["weight_ih_l1"][:] = np.eye(H)
    layer.load_state_dict(params)
    return layer


def test_dropout_drops_its_share_and_scales_the_rest():
    x = normal(20, 10, 3)
    for dropout in (0.5, 0.2):
        output, _ = dropped_ones(0, dropout)(x)
        kept = output != 0
        share = np.floor(2**16 * dropout) / 2**16  # what is dropped, by masks of 16 bits
        np.testing.assert_allclose(output[kept], 1 / (1 - share), rtol=1e-6)
        # 3200 units: five standard deviations are 0.044
        assert abs(kept.mean() - (1 - dropout)) < 0.044
        for axis in range(3):  # steps, sequences and units have masks of their own
            differ = np.diff(kept, axis=axis).mean()
            assert abs(differ - 2 * dropout * (1 - dropout)) < 0.06
    assert (dropped_ones(0).eval()(x)[0] == 1).all()


def test_dropout_masks_are_decided_by_random_state_and_call():
    x = normal(20, 10, 3)
    layer, same, other = dropped_ones(0), dropped_ones(0), dropped_ones(1)
    first, second = layer(x)[0], layer(x)[0]
    assert (first != second).any()
    assert (first == same(x)[0]).all() and (second == same(x)[0]).all()
    assert (first != other(x)[0]).any()


@every_form
def test_gradients_through_dropout(form):
    cell, _ = FORMS[form]
    params = draw_params(cell, 3, True, 5, 6)
    x, d_output = normal(7, 4, 5), normal(7, 4, 12)
    lengths = [7, 3, 1, 5]

    def fresh(params):  # the same random_state: the same masks
        layer = make(form, num_layers=3, bidirectional=True, dtype="float64", dropout=0.4, random_state=3)
        layer.load_state_dict(params)
        return layer

    layer = fresh(params)
    layer(x, lengths=lengths)
    d_x, _ = layer.backward(d_output)
    rng = np.random.default_rng(0)
    direction = {n: rng.standard_normal(v.shape) for n, v in params.items()}
    d_input = rng.standard_normal(x.shape)
    sides = []
    for step in (1e-6, -1e-6):
        moved = {n: v + step * direction[n] for n, v in params.items()}
        output, _ = fresh(moved)(x + step * d_input, lengths=lengths)
        sides.append((output * d_output).sum())
    slope = (sides[0] - sides[1]) / 2e-6
    projection = sum((layer.grads[n] * d).sum() for n, d in direction.items())
    ref.assert_within(1e-6, projection + (d_x * d_input).sum(), slope)


@every_cell
def test_dropout_of_a_single_layer_warns(cell):
    with pytest.warns(UserWarning, match="dropout.*num_layers"):
        layer = LAYERS[cell](5, 6, dropout=0.5, random_state=0)
    x = normal(4, 3, 5)
    trained = layer.train()(x)
    assert_same_bits(layer.eval()(x), trained)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LAYERS[cell](5, 6, num_layers=2, dropout=0.5)


# ------------------------------------------- promise 6: the caller's arrays stay


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def strided(array):
    """The same figures with gaps in memory, in reversed order."""
    wide = np.full([2 * n for n in array.shape], 77.0, array.dtype)
    view = wide[tuple(slice(None, None, -2) for _ in array.shape)]
    view[...] = array
    return view


CONTAINERS = {
    "read_only": read_only,
    "strided": strided,
    "fortran": np.asfortranarray,
    "float64": lambda array: array.astype(np.float64),
    "big_endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "list": lambda array: array.tolist(),
}


@pytest.mark.parametrize("container", CONTAINERS)
@every_form
def test_inputs_are_read_in_any_form_and_not_written_to(form, container):
    cell, _ = FORMS[form]
    change = CONTAINERS[container]
    layer = make(form, num_layers=2, bidirectional=True)
    x, d_output = (a.astype(np.float32) for a in (normal(4, 3, 5), normal(4, 3, 12)))
    state = [s.astype(np.float32) for s in parts(draw_state(cell, (4, 3, 6)))]
    lengths = np.array([2, 4, 1])
    expected = run(layer, x, join(state), d_output, join(state), lengths)
    given = [change(a) for a in (x, d_output, *state)]
    g_lengths = lengths.tolist() if container == "list" else read_only(lengths)
    actual = run(layer, given[0], join(given[2:]), given[1], join(given[2:]), g_lengths)
    for name, value in expected.items():
        assert actual[name].tobytes() == value.tobytes(), name
    for array, original in zip(given, (x, d_output, *state), strict=True):
        assert (np.asarray(array) == original).all()


@pytest.mark.parametrize("container", ["read_only", "strided", "fortran"])
@every_dtype
def test_parts_read_arrays_in_any_form(dtype, container):
    """Their kernels take rows as they lie in memory."""
    offsets, scores, labels = (
        np.array([0, 4, 9]),
        normal(9, 4).astype(dtype),
        np.array([1, 2, -1, -1, 0, 1, -1, -1, -1]),
    )
    chain, dense = LinearChain(4, dtype), Dense(4, 3, dtype)
    for part in (chain, dense):
        part.reset_parameters(np.random.RandomState(0))
    calls = {
        "dense": (dense, scores), "marginals": (lambda x: chain.marginals(x, offsets), scores),
        "best": (lambda x: chain.best(x, offsets), scores),
        "losses": (lambda x, y: chain.losses(x, y, offsets), scores, np.abs(labels)),
        "alignments": (lambda x, y: Alignments(2).losses(x, y, offsets), scores, labels),
    }  # fmt: skip
    for name, (call, *arrays) in calls.items():
        assert call(*map(CONTAINERS[container], arrays)).tobytes() == call(*arrays).tobytes(), name


# ------------------------------------------------ promise 7: bad input, one error


@pytest.mark.parametrize("n", [1, 30_000])
def test_numbers_whose_squares_overflow_are_finite(n):
    output, _ = RNN(1, 2, random_state=0)(np.full((n, 1, 1), 1e30, "float32"))
    assert np.isfinite(output).all()


@every_cell
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_errors(cell, bad):
    layer = LAYERS[cell](5, 6)
    word = "(?i)nan" if np.isnan(bad) else "(?i)inf"
    x, state = normal(4, 3, 5), parts(draw_state(cell, (1, 3, 6)))
    x[1, 2, 3] = bad
    with pytest.raises(ValueError, match=word) as error:
        layer(x)
    assert "2" in str(error.value)  # the sequence at fault
    for i in range(len(state)):
        broken = [s.copy() for s in state]
        broken[i][0, 1, 2] = bad
        with pytest.raises(ValueError, match=word):
            layer(normal(4, 3, 5), join(broken))


@every_cell
def test_a_gradient_that_is_not_finite_is_an_error(cell):
    layer = LAYERS[cell](5, 6)
    d_output = np.zeros((4, 3, 6))
    d_output[2, 1, 3] = 1e300
    layer(normal(4, 3, 5))
    with pytest.raises(ValueError, match="d_output.*step 2, sequence 1, feature 3"):
        layer.backward(d_output)
    assert not any(np.any(gradient) for gradient in layer.grads.values())


def test_float64_beyond_float32_is_an_error():
    x = normal(4, 3, 5)
    x[1, 2, 3] = 1e300
    with pytest.raises(ValueError, match="(?i)inf|large|float32"):
        LSTM(5, 6)(x)
    LSTM(5, 6, dtype="float64")(x)


@every_cell
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 3, 8), "8"),
        ((4, 8), "8"),
        ((5,), r"\(5,\)"),
        ((2, 4, 3, 5), r"\(2, 4, 3, 5\)"),
        ((0, 3, 5), r"\(0, 3, 5\)|no steps"),
        ((4, 0, 5), r"\(4, 0, 5\)|no sequences"),
    ],
)
def test_misshapen_x_is_an_error(cell, shape, message):
    with pytest.raises(ValueError, match=message):
        LAYERS[cell](5, 6)(np.zeros(shape))


@every_cell
@pytest.mark.parametrize("shape", [(1, 9, 6), (2, 3, 6), (1, 3, 9), (3, 6), (1, 6)])
def test_misshapen_state_is_an_error(cell, shape):
    layer, x = LAYERS[cell](5, 6), normal(4, 3, 5)
    good, bad = np.zeros((1, 3, 6)), np.zeros(shape)
    message = r"\({}\)".format(", ".join(map(str, shape)))
    pairs = [(good, bad), (bad, good)] if cell in TWO_STATES else [(bad,)]
    for state in pairs:
        with pytest.raises(ValueError, match=message):
            layer(x, join(state))
    layer(x)
    for state in pairs:
        with pytest.raises(ValueError, match=message):
            layer.backward(np.zeros((4, 3, 6)), join(state))


def test_state_of_the_wrong_structure_is_an_error():
    x, h = normal(4, 3, 5), np.zeros((1, 3, 6))
    with pytest.raises(ValueError, match=r"tuple.*\(h_0, c_0\)"):
        LSTM(5, 6)(x, h)
    for layer in (GRU(5, 6), RNN(5, 6)):
        with pytest.raises(ValueError, match=r"initial state.*\(2, 1, 3, 6\)"):
            layer(x, (h, h))


@every_cell
@pytest.mark.parametrize("shape", [(4, 3, 5), (5, 3, 6), (4, 2, 6), (4, 6)])
def test_misshapen_d_output_is_an_error(cell, shape):
    layer = LAYERS[cell](5, 6)
    layer(normal(4, 3, 5))
    message = r"\({}\)".format(", ".join(map(str, shape)))
    with pytest.raises(ValueError, match=message):
        layer.backward(np.zeros(shape))


@every_cell
@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([4, 0, 2], "0"),
        ([4, 9, 2], "9"),
        ([4, -3, 2], "-3"),
        ([4, 2.5, 2], r"2\.5|integer"),
        ([4, 2], "2"),
        ([4, 2, 1, 1], "4"),
        ([[4, 2, 1]], r"\(1, 3\)|1-D|dimension"),
    ],
    ids=str,
)
def test_bad_lengths_are_an_error(cell, lengths, message):
    with pytest.raises(ValueError, match=message):
        LAYERS[cell](5, 6)(normal(4, 3, 5), lengths=lengths)


@every_cell
@pytest.mark.parametrize(
    "options",
    [
        {"input_size": 0},
        {"hidden_size": 0},
        {"hidden_size": -7},
        {"num_layers": 0},
        {"dropout": -0.25},
        {"dropout": 1.5, "num_layers": 2},
        {"dtype": "float16"},
    ],
    ids=str,
)
def test_bad_options_are_an_error(cell, options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=f"(?s){name}.*{value}"):
        LAYERS[cell](**{"input_size": 5, "hidden_size": 6, **options})


@pytest.mark.parametrize("kind, name", [(GRU, "reset_after"), (GRU, "layer_norm"), (LSTM, "peephole"), (RNN, "bias")])
@pytest.mark.parametrize("value", ["no", None, 1])
def test_a_flag_is_true_or_false(kind, name, value):
    with pytest.raises(ValueError, match=f"{name} must be True or False; got {value!r}"):
        kind(5, 6, **{name: value})


@every_cell
def test_texts_are_no_steps(cell):
    with pytest.raises(ValueError, match="x must be an array of real numbers: .*Pad sequences .*, and pass lengths="):
        LAYERS[cell](2, 2)([np.ones((3, 2)), np.ones((4, 2))])
    with pytest.raises(ValueError, match="x must be an array of real numbers: <U1 is none$"):
        LAYERS[cell](1, 2)([["1"], ["2"]])


def test_rows_of_unequal_lengths_are_no_states_weights_or_lengths():
    layer, x = GRU(2, 3), np.ones((5, 2, 2))
    with pytest.raises(ValueError, match=r"the initial state h has rows of unequal lengths; .* of shape \(1, 2, 3\)"):
        layer(x, [[[1.0, 2.0, 3.0], [1.0]]])
    with pytest.raises(ValueError, match="lengths must be 2 integers, one a sequence; got rows of unequal lengths"):
        layer(x, lengths=[[1], [1, 2]])
    with pytest.raises(ValueError, match="weight_ih_l0 has rows of unequal lengths"):
        layer.load_state_dict({**layer.state_dict(), "weight_ih_l0": [[1.0], [1.0, 2.0]]})


def test_unknown_nonlinearity_is_an_error():
    with pytest.raises(ValueError, match="(?s)nonlinearity.*gelu"):
        RNN(5, 6, nonlinearity="gelu")
    with pytest.raises(ValueError, match=r"nonlinearity must be one of .*; got \['tanh'\]"):
        RNN(5, 6, nonlinearity=["tanh"])


def test_what_is_masked_is_no_number():
    x = np.ma.masked_less(np.ones((5, 2, 2)), 2)
    layer = GRU(2, 3)
    with pytest.raises(ValueError, match="^x has masked values; fill them in, or leave them out"):
        layer(x)
    layer(x.data)
    with pytest.raises(ValueError, match="^d_output has masked values"):
        layer.backward(np.ma.masked_less(np.ones((5, 2, 3)), 2))


def test_lengths_that_change_from_call_to_call():
    layer, x = GRU(3, 5, random_state=0).eval(), np.random.default_rng(0).standard_normal((7, 2, 3))
    for lengths in ([7, 2], [7, 2], [3, 7], [7, 2], None, [7, 2]):
        expected = GRU(3, 5, random_state=0).eval()(x, lengths=lengths)
        for a, b in zip(layer(x, lengths=lengths), expected, strict=True):
            assert a.tobytes() == b.tobytes()


def test_weights_loaded_between_a_call_and_its_backward_are_read_by_the_next():
    gru, x = GRU(3, 4, random_state=0), normal(5, 2, 3)
    output, _ = gru(x)
    loaded = {name: 0.5 * weight for name, weight in gru.state_dict().items()}
    gru.load_state_dict(loaded)
    gru.backward(np.ones_like(output))
    other = GRU(3, 4, random_state=1)
    other.load_state_dict(loaded)
    np.testing.assert_array_equal(gru(x)[0], other(x)[0])


def test_training_set_as_an_attribute_is_as_eval():
    gru, x = GRU(3, 4, 2, dropout=0.5, random_state=0), normal(5, 2, 3)
    expected = gru.eval()(x)[0]
    gru.train()(x)
    gru.training = False
    np.testing.assert_array_equal(gru(x)[0], expected)


def test_a_backward_that_was_cut_short_is_not_repeated(monkeypatch):
    gru = GRU(3, 4, random_state=0)
    output, _ = gru(normal(5, 2, 3))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(gru, "_returned", lambda *_: signal.raise_signal(signal.SIGINT))
        gru.backward(np.ones_like(output))
    with pytest.raises(RuntimeError, match="backward needs a call"):
        gru.backward(np.ones_like(output))
    gru.backward(np.ones_like(gru(normal(5, 2, 3))[0]))


def test_a_pass_in_a_signals_handler_leaves_the_one_it_interrupts_alone(monkeypatch):
    def gradient(layer):
        layer.zero_grad()
        layer.backward(np.ones_like(layer(normal(20, 8, 4))[0]))
        return layer.grads["weight_hh_l0"].copy()

    one, other = LSTM(4, 8, random_state=0), LSTM(4, 40, random_state=1)
    expected, run = gradient(one), programs.threads.run

    def interrupted(*arguments):  # a signal that comes while compiled code runs is handled right after
        with monkeypatch.context() as patch:
            patch.setattr(programs.threads, "run", run)
            run(*arguments)
            gradient(other)

    monkeypatch.setattr(programs.threads, "run", interrupted)
    np.testing.assert_array_equal(gradient(one), expected)


@pytest.mark.parametrize("state", [5, np.zeros(3), (np.zeros((1, 3, 6)),)])
def test_a_state_that_is_no_pair_is_an_error(state):
    with pytest.raises(ValueError, match="h_0, c_0"):
        LSTM(5, 6)(normal(4, 3, 5), state)


def test_times_are_no_numbers():
    with pytest.raises(ValueError, match="datetime64"):
        LSTM(5, 6)(np.zeros((4, 3, 5), "datetime64[s]"))


@every_form
def test_a_narrow_integer_of_numpy_is_an_integer(form):
    cell, options = FORMS[form]
    make = VARIANTS.get(form, LAYERS.get(cell))
    X = np.random.default_rng(0).standard_normal((5, 2, 3)).astype(np.float32)
    expected = make(3, 16, 2, random_state=0, **options)(X)[0]
    layer = make(np.int8(3), np.int8(16), np.int8(2), random_state=0, **options)
    assert np.array_equal(layer(X)[0], expected)
    layer.backward(np.ones_like(expected))


def test_a_narrow_integer_of_numpy_is_an_integer_of_a_projection():
    X = np.random.default_rng(0).standard_normal((5, 2, 3)).astype(np.float32)
    layers = [LSTM(3, 16, proj_size=size, random_state=0) for size in (9, np.int8(9))]
    assert np.array_equal(layers[0](X)[0], layers[1](X)[0])
