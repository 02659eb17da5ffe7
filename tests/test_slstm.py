"""The sLSTM: against xlstm's frozen figures, against NumPy, by projection; and in estimators."""

import numpy as np
import pytest
import reference as ref
from make_fixtures import EQUAL, RAGGED, SLSTMS, load_slstm
from samples import KINDS, answers, assert_same_bits, data_for, labelled, make_estimator, ragged

import fastrnn
from fastrnn import SequenceClassifier, SequenceForecaster, SequenceRegressor, SequenceTagger, threads
from fastrnn.inspection import GateActivationsDisplay
from fastrnn.interchange import from_keras, to_keras, to_onnx, to_torch
from fastrnn.layers import SLSTM
from fastrnn.layers.stack import Stack

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
STATES = "hcnm"
every_dtype = pytest.mark.parametrize("dtype", TOLERANCE)


def run(layer, given, lengths, has_state=True):
    """What a layer makes of a padded batch (T, B, I), and all gradients, by the names of the fixtures."""
    states, d_states = (tuple(given[end.format(kind)] for kind in STATES) for end in ("{}_0", "d_{}_n"))
    layer.zero_grad()
    output, ends = layer(given["x"], states if has_state else None, lengths=lengths)
    d_x, d_initial = layer.backward(given["d_output"], d_states)
    named = {"output": output, "d_x": d_x}
    for form, parts in (("{}_n", ends), ("d_{}_0", d_initial)):
        named |= {form.format(kind): part for kind, part in zip(STATES, parts, strict=True)}
    return named | {f"d_{name}": np.array(gradient) for name, gradient in layer.grads.items()}


def referred(layer, given, lengths):
    """The same by tests/reference.py, in float64."""
    T, way = len(given["x"]), (layer.num_layers, layer.bidirectional)
    params = {name: array.astype(float) for name, array in layer.state_dict().items()}
    of_sequences = [[given[name][:n, b].astype(float) for b, n in enumerate(lengths)] for name in ("x", "d_output")]
    states, d_states = (tuple(given[end.format(k)].astype(float) for k in STATES) for end in ("{}_0", "d_{}_n"))
    output, ends, stash = ref.stack_forward("slstm", of_sequences[0], states, params, *way)
    d_x, d_initial, d_params = ref.stack_backward(of_sequences[1], d_states, stash)
    named = {}
    for name, rows in (("output", output), ("d_x", d_x)):
        named[name] = np.stack([np.pad(row, ((0, T - len(row)), (0, 0))) for row in rows], axis=1)
    for form, parts in (("{}_n", ends), ("d_{}_0", d_initial)):
        named |= {form.format(kind): part for kind, part in zip(STATES, parts, strict=True)}
    return named | {f"d_{name}": value for name, value in d_params.items()}


def assert_alike(actual, expected, tolerance):
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        ref.assert_within(tolerance, actual[name], value, name)


def drawn(layer, lengths=RAGGED, seed=0, scale=1.0):
    """A batch, states and gradients for a layer; a given n is positive, or 0."""
    rng, B = np.random.default_rng(seed), len(lengths)
    D = 1 + layer.bidirectional
    shape = layer.num_layers * D, B, layer.hidden_size
    given = {name: rng.standard_normal(shape) for k in STATES for name in (f"{k}_0", f"d_{k}_n")}
    given["n_0"] = np.maximum(given["n_0"] + 1, 0)
    given["x"] = scale * rng.standard_normal((max(lengths), B, layer.input_size))
    given["d_output"] = rng.standard_normal((max(lengths), B, D * layer.hidden_size))
    return {name: array.astype(layer.dtype) for name, array in given.items()}


# ------------------------------------------------------------------------------------------------ right figures


@pytest.mark.parametrize("case", SLSTMS, ids=str)
def test_the_reference_equals_xlstm(case):
    inputs, expected = load_slstm(case, "float64")
    layer = SLSTM(case.I, case.H, num_heads=case.heads, dtype="float64")
    layer.load_state_dict({name: inputs[name] for name in case.parameters})
    assert_alike(referred(layer, inputs, case.lengths), expected, 1e-10)


@every_dtype
@pytest.mark.parametrize("case", SLSTMS, ids=str)
def test_layers_equal_xlstm(case, dtype):
    inputs, expected = load_slstm(case, dtype)
    layer = SLSTM(case.I, case.H, num_heads=case.heads, dtype=dtype)
    layer.load_state_dict({name: inputs[name] for name in case.parameters})
    lengths = None if case.lengths == EQUAL else case.lengths
    assert_alike(run(layer, inputs, lengths, case.given_state), expected, TOLERANCE[dtype])


@every_dtype
@pytest.mark.parametrize(
    ("I", "H", "options"),
    [
        (5, 8, {"num_layers": 2, "bidirectional": True}),
        (3, 1, {"num_heads": 1}),
        (1, 20, {"num_heads": 4, "bias": False}),
        (4, 48, {"num_heads": 4, "bidirectional": True}),
        (3, 64, {"num_heads": 2}),
        (2, 128, {"num_heads": 2, "num_layers": 2}),
        (2, 37, {"num_heads": 1}),
        (2, 96, {"num_heads": 4}),
    ],
)
@pytest.mark.parametrize("lengths", [RAGGED, (9,)], ids=str)
def test_values_and_gradients_are_those_of_the_reference(dtype, I, H, options, lengths):
    layer = SLSTM(I, H, dtype=dtype, random_state=0, **options)
    given = drawn(layer, lengths)
    assert_alike(run(layer, given, lengths), referred(layer, given, lengths), TOLERANCE[dtype])


def test_the_references_gradients_are_slopes():
    rng, layer = np.random.default_rng(0), SLSTM(3, 8, dtype="float64", random_state=0)
    given = drawn(layer, (6,))
    given["n_0"] += 0.1
    params = layer.state_dict()
    arrays = {**params, **{name: given[name] for name in ("x", *(f"{kind}_0" for kind in STATES))}}

    def value():
        layer.load_state_dict(params)
        found = referred(layer, given, (6,))
        of_ends = sum((found[f"{kind}_n"] * given[f"d_{kind}_n"]).sum() for kind in STATES)
        return (found["output"] * given["d_output"]).sum() + of_ends

    found = referred(layer, given, (6,))
    for name, array in arrays.items():
        way, sides = rng.standard_normal(array.shape), []
        for step in (1e-6, -2e-6):
            array += step * way
            sides.append(value())
        array += 1e-6 * way
        gradient = found[f"d_{name}"]
        ref.assert_within(1e-6, (sides[0] - sides[1]) / 2e-6, (gradient * way).sum(), name)


@every_dtype
def test_large_gates_overflow_nothing(dtype):
    layer = SLSTM(3, 8, dtype=dtype, random_state=0)
    given = drawn(layer, (30,), scale=300.0)
    found = run(layer, given, (30,))
    assert all(np.isfinite(array).all() for array in found.values())
    assert_alike({"output": found["output"]}, {"output": referred(layer, given, (30,))["output"]}, 1e-4)


# ------------------------------------------------------------------------------------------------ bits


def large():
    """A layer whose weights leave no room in the second-level cache, so that threads share its units."""
    layer = SLSTM(40, 512, num_layers=2, bidirectional=True, random_state=0)
    assert layer._stack.sharing(7)[0]
    return layer


def test_threads_that_share_the_units_of_shards_dealt_for_one_each_change_no_bits(monkeypatch):
    found = []
    monkeypatch.setattr(threads, "SMALL", 0)
    for is_shared, n in ((False, 1), (True, 1), (True, 2)):
        monkeypatch.setattr(Stack, "sharing", lambda *_, answer=(is_shared, False): answer)
        layer = SLSTM(7, 40, 2, bidirectional=True, random_state=0)
        with threads.limit(n):
            found.append(run(layer, drawn(layer, (9,) * 40), (9,) * 40))
    for name, value in found[0].items():
        assert all(other[name].tobytes() == value.tobytes() for other in found), name


@pytest.mark.parametrize("make", [lambda: SLSTM(3, 20, 2, random_state=0), large], ids=["small", "large"])
def test_a_sequence_does_not_depend_on_its_batch(make):
    layer = make()
    given = drawn(layer, (4, 7, 1, 6, 3))
    given["n_0"][0, :2] = 0
    together = run(layer, given, RAGGED)
    for b, n in enumerate(RAGGED):
        alone = run(layer, {name: array[:n, [b]] if array.shape[0] == 7 else array[:, [b]]
                            for name, array in given.items()}, None)  # fmt: skip
        assert_same_bits(alone["output"][:, 0], together["output"][:n, b])
        for kind in STATES:
            assert_same_bits(alone[f"{kind}_n"][:, 0], together[f"{kind}_n"][:, b])
            assert_same_bits(alone[f"d_{kind}_0"][:, 0], together[f"d_{kind}_0"][:, b])
    layer.eval()
    output, _ = layer(given["x"], tuple(given[f"{kind}_0"] for kind in STATES), lengths=RAGGED)
    assert_same_bits(output, together["output"])


@pytest.mark.parametrize("make", [lambda: SLSTM(3, 20, 2, random_state=0), large], ids=["small", "large"])
def test_threads_change_no_bit(make):
    layer, found = make(), []
    given = drawn(layer, (25, 30) * 12)
    for n in (1, 2, 3):
        with threads.limit(n):
            found.append(run(layer, given, (25, 30) * 12))
    for name, array in found[0].items():
        assert_same_bits(found[1][name], array)
        assert_same_bits(found[2][name], array)


def test_the_large_layer_is_right():
    layer = large()
    given = drawn(layer, (3, 2))
    assert_alike(run(layer, given, (3, 2)), referred(layer, given, (3, 2)), 1e-5)


def test_a_sequence_may_be_read_in_parts():
    layer = SLSTM(3, 12, random_state=0)
    x = drawn(layer, (7,))["x"]
    output, state = layer(x)
    first, middle = layer(x[:3])
    second, end = layer(x[3:], middle)
    assert_same_bits(np.concatenate([first, second]), output)
    for a, b in zip(state, end, strict=True):
        assert_same_bits(a, b)


# ------------------------------------------------------------------------------------------------ parameters


def test_first_weights():
    layer = SLSTM(5, 64, num_heads=2, random_state=0)
    state = layer.state_dict()
    forget = state["bias_ih_l0"][64:128].reshape(2, 32)
    assert_same_bits(forget[0], forget[1])
    assert forget[0, 0] == 3 and forget[0, -1] == 6 and (np.diff(forget[0]) > 0).all()
    layer.reset_parameters("orthogonal", forget_bias=1.0)
    state = layer.state_dict()
    assert (state["bias_ih_l0"][64:128] == 1).all()
    for block in state["weight_hh_l0"].reshape(8, 32, 32):
        ref.assert_within(1e-5, block @ block.T, np.eye(32))


@pytest.mark.parametrize("heads", [3, 0, 2.0])
def test_heads_divide_units(heads):
    with pytest.raises(ValueError, match="num_heads"):
        SLSTM(5, 8, num_heads=heads)


def test_states_are_four():
    with pytest.raises(ValueError, match="h_0, c_0, n_0, m_0"):
        SLSTM(3, 8)(np.ones((2, 1, 3)), np.ones((1, 1, 8)))


def test_a_sum_of_what_went_in_is_not_negative():
    """A layer without weights adds 1 to half of n: from -2 it would divide by 0."""
    layer, zeros = SLSTM(3, 8), np.zeros((1, 1, 8))
    layer.load_state_dict({name: 0 * value for name, value in layer.state_dict().items()})
    states = zeros, zeros, zeros - 2, zeros
    with pytest.raises(ValueError, match="the initial state n has -2, but must not be negative: give 0 or more"):
        layer(np.ones((2, 1, 3)), states)
    output, _ = layer(np.ones((2, 1, 3)))
    assert np.isfinite(layer.backward(output, states)[0]).all()  # gradients may be


# ------------------------------------------------------------------------------------------------ estimators


@pytest.mark.parametrize("kind", KINDS)
def test_all_estimators_have_the_same_bits(kind, tmp_path):
    """For any number of threads and other sequences beside, and from a file."""
    X, y = data_for(kind, 30)
    models = [make_estimator(kind, cell="slstm", hidden_size=n, n_jobs=jobs) for n in (6, 20) for jobs in (1, 2)]
    for one, two in (models[:2], models[2:]):
        for model in (one, two):
            model.fit(X) if y is None else model.fit(X, y)
        said = answers(one, X)
        fastrnn.save(one, tmp_path / "model.safetensors")
        for other in (two, fastrnn.load(tmp_path / "model.safetensors")):
            for a, b in zip(said, answers(other, X), strict=True):
                assert_same_bits([*a], [*b])
        if kind != "generator_of_streams":
            for a, b in zip(said, answers(one, X[7:8]), strict=True):
                assert_same_bits(np.asarray(a[7]), np.asarray(b[0]))


@pytest.mark.parametrize("readout", ["last", "max"])
def test_a_classifier_learns_and_streams(readout, tmp_path):
    X, y = labelled(60, shortest=4)
    options = {"cell": "slstm", "hidden_size": 20, "num_layers": 2, "bidirectional": False, "readout": readout}
    clf = SequenceClassifier(**options, max_iter=60, random_state=0).fit(X, y)
    assert clf.score(X, y) > 0.9
    stream = clf.stream()
    assert_same_bits([stream.step(x_t) for x_t in X[0]][-1], clf.predict_proba(X[:1])[0])
    assert clf.network_.encoder.recurrent.cell.heads(20) == 4


def test_other_streams():
    X = ragged(12, shortest=3)
    small = {"cell": "slstm", "hidden_size": 7, "max_iter": 2, "random_state": 0}  # which four does not divide
    reg = SequenceRegressor(return_sequences=True, **small).fit(X, [x[:, 0].cumsum() for x in X])
    tagger = SequenceTagger(bidirectional=False, **small).fit(X, [(x[:, 0] > 0).astype(int) for x in X])
    for stream, said in ((reg.stream(), reg.predict(X)[3]), (tagger.stream(), tagger.predict_proba(X)[3])):
        assert_same_bits(np.array([stream.step(x_t) for x_t in X[3]]).reshape(said.shape), said)
    assert reg.network_.encoder.recurrent.cell.heads(7) == 1


def test_a_forecaster_and_facts():
    series = [np.sin(np.arange(60.0) + k) for k in range(4)]
    small = {"cell": "slstm", "hidden_size": 8, "max_iter": 3, "random_state": 0}
    said = [SequenceForecaster(horizon=3, season=None, n_jobs=n, **small).fit(series).predict() for n in (1, 2)]
    assert_same_bits([*said[0]], [*said[1]])
    X, y = labelled(40, shortest=3)
    facts = np.eye(3)[y]
    clf = SequenceClassifier(**small | {"max_iter": 30, "bidirectional": False}).fit(X, y, static=facts)
    assert clf.score(X, y, static=facts) > 0.9
    stream = clf.stream(static=facts[:1])
    assert_same_bits([stream.step(x_t) for x_t in X[0]][-1], clf.predict_proba(X[:1], static=facts[:1])[0])


def test_bptt_steps_cut_gradients():
    """Of one stretch they are those of all steps; of more the same bits for any number of threads."""
    X, y = labelled(20, shortest=6)
    small = {"cell": "slstm", "hidden_size": 8, "max_iter": 3, "random_state": 0, "bidirectional": False}
    whole, long, cut, again = (
        SequenceClassifier(bptt_steps=n, n_jobs=jobs, **small).fit(X, y).predict_proba(X)
        for n, jobs in ((None, 1), (99, 1), (2, 1), (2, 2))
    )
    assert_same_bits(whole, long)
    assert_same_bits(cut, again)
    assert not np.allclose(whole, cut)


@pytest.fixture(scope="module")
def fitted():
    X, y = labelled(20)
    return SequenceClassifier(cell="slstm", hidden_size=8, max_iter=2, random_state=0).fit(X, y), X, y


def test_other_libraries_lack_it(fitted):
    clf, _, _ = fitted
    with pytest.raises(ValueError, match="PyTorch has no layer for .*'slstm'"):
        to_torch(clf)
    with pytest.raises(ValueError, match="Keras has no layer for cell='slstm'"):
        to_keras(clf)
    with pytest.raises(ValueError, match="ONNX has no operator for cell='slstm': export a model with one of rnn, lstm"):
        to_onnx(clf)
    with pytest.raises(ValueError, match="Keras has no layer for cell='slstm'"):
        from_keras(clf, [])
    X, y = labelled(5)
    with pytest.raises(ValueError, match="missing='decay' is for cell='gru' and 'lstm', but cell='slstm'"):
        SequenceClassifier(cell="slstm", missing="decay", bidirectional=False).fit(X, y)


def test_pictures(fitted):
    clf, X, y = fitted
    display = GateActivationsDisplay.from_estimator(clf, X[3], layer="l0_reverse")
    assert list(display.images_) == [*"ifogh"]
    assert (np.maximum(display.activations["i"], display.activations["f"]) == 1).all()
    layer = SLSTM(3, 8)
    params = clf.network_.encoder.recurrent.parameters
    layer.load_state_dict({name: params[name + "_reverse"] for name in layer.state_dict()})
    output, _ = layer(clf._checked(X[3:4])[0][::-1])
    ref.assert_within(1e-6, display.activations["h"], output[::-1])
    p = {name.removesuffix("_l0"): array for name, array in layer.state_dict().items()}
    _, _, (_, steps, _) = ref.slstm_forward(clf._checked(X[3:4])[0][::-1], (np.zeros(8),) * 4, p)
    for name, k in (("i", 7), ("f", 8), ("g", 9), ("o", 10)):
        ref.assert_within(1e-5, display.activations[name], np.array([step[k] for step in steps])[::-1], name)
