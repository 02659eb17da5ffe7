"""Decay of inputs and states: against NumPy, against PyTorch's frozen figures, by projection; and in estimators."""

import numpy as np
import pytest
import reference as ref
from make_fixtures import DECAYED, EQUAL, ONE, RAGGED, load_decayed
from samples import assert_same_bits, assert_slope, labelled, tokens
from sklearn.base import clone
from sklearn.utils import check_random_state

import fastrnn
from fastrnn import SequenceClassifier, SequenceRegressor, SequenceTagger, SequenceToSequence, threads
from fastrnn.inspection import GateActivationsDisplay, GradientFlowDisplay
from fastrnn.interchange import to_onnx, to_torch
from fastrnn.kernels.rows import copy_rows, spread_columns
from fastrnn.layers.decay import Decay
from fastrnn.layers.stack import Stack
from fastrnn.network.parts import Network, make_cell
from fastrnn.packing import Rows, Shards, gathered
from fastrnn.programs import Pass, Program
from fastrnn.sequences import as_sequences

NAMES = {"weight_x": ("input_decay", "weight"), "bias_x": ("input_decay", "bias"),
         "weight_h": ("state_decay", "weight"), "bias_h": ("state_decay", "bias")}  # fmt: skip
"""Where the parameters of the paper are."""


class Decaying:
    """A decay and a stack, and one pass over sequences, forward and backward; as a case of fixtures has them."""

    def __init__(self, cell, inputs, lengths, num_layers=1, is_shared=False, bptt_steps=0):
        d, self.lengths, self.inputs = inputs["x"].shape[2], lengths, inputs
        H, dtype = inputs["h_0"].shape[2], inputs["x"].dtype
        self.kinds = "hc"[: 1 + (cell == "lstm")]
        options = {"num_layers": num_layers, "bias": True, "bidirectional": False}
        self.decay = Decay(3 * d, np.arange(d), H, dtype)
        self.stack = Stack(make_cell(cell, "tanh"), 2 * d, H, dtype=dtype, **options)
        self.network = Network({**self.decay.parts, "recurrent": self.stack}, check_random_state(0))
        for name, (values, _) in self.parameters().items():
            values[...] = inputs[name]
        self.rows = [np.hstack(ref.last_seen(inputs["x"][:n, b], inputs["gaps"][:n, b])) for b, n in enumerate(lengths)]
        self.p = p = Program(dtype, is_shared)
        rows = Rows(p)
        initial, final, d_initial, d_final = (p.given(k, dtype, 3) for k in ("s_0", "s_n", "d_s_0", "d_s_n"))
        x = p.room(rows.S, 3 * d)
        p.call(copy_rows, x, 0, p.given("values", dtype, 2), 0, rows.rows, 3 * d)
        x, gamma, kept = self.decay.forward(p, x)
        output, of_stack = self.stack.forward(p, x, rows, initial, keep=True, final=final, gamma=gamma)
        p.call(spread_columns, p.given("output", dtype, 2), rows.rows, output, 0, H)
        d_rows = gathered(p, "d_output", rows.rows, H, "backward")
        ways = {"d_final": d_final, "d_initial": d_initial, "bptt_steps": bptt_steps, "input_stage": "backward"}
        self.decay.backward(p, kept, self.stack.backward(p, of_stack, d_rows, rows, **ways))

    def parameters(self):
        """By the names of the fixtures: each with its gradient."""
        found = {name: (self.stack.parameters[name], self.stack.parameters.gradient(name))
                 for name in self.stack.parameters}  # fmt: skip
        for name, (part, own) in NAMES.items():
            parameters = self.network.parts[part].parameters
            found[name] = parameters[own], parameters.gradient(own)
        return found

    def run(self):
        """As a case of fixtures: output (T, B, H), padded with zeros, states and gradients."""
        given, n = self.inputs, len(self.lengths)
        sequences, d_output = (as_sequences(s, self.p.dtype) for s in (self.rows, self._by_sequence("d_output")))
        states = {end: np.concatenate([given[end.replace("s", kind)] for kind in self.kinds])
                  for end in ("s_0", "d_s_n")}  # fmt: skip
        states |= {end: np.zeros_like(states["s_0"]) for end in ("s_n", "d_s_0")}
        output = np.zeros((len(sequences.values), given["d_output"].shape[2]), self.p.dtype)
        shards = Shards(sequences.lengths, [np.arange(n)], self.stack.hidden_size, self.p.is_shared)
        arrays = {"values": sequences.values, "d_output": d_output.values, "output": output, **states, **shards.given}
        places = {name: getattr(sequences, name) for name in ("lengths", "begins", "stride")}
        self.network.gradient.fill(0)
        Pass(self.p, shards, 10**9, ("forward", "backward"), **arrays, **places).run()
        padded = np.zeros_like(given["d_output"])
        for b, rows in enumerate(np.split(output, sequences.offsets[1:-1])):
            padded[: len(rows), b] = rows
        ends = {end.replace("s", kind): part for end, s in (("s_n", states["s_n"]), ("d_s_0", states["d_s_0"]))
                for kind, part in zip(self.kinds, np.split(s, len(self.kinds)), strict=True)}  # fmt: skip
        gradients = {f"d_{name}": gradient.copy() for name, (_, gradient) in self.parameters().items()}
        return {"output": padded, **ends, **gradients}

    def _by_sequence(self, name):
        return [np.ascontiguousarray(self.inputs[name][:n, b]) for b, n in enumerate(self.lengths)]

    def referred(self):
        """The same of tests/reference.py."""
        given, T = self.inputs, len(self.inputs["x"])
        initial, d_final = (
            tuple(given[end.format(kind)] for kind in self.kinds) if len(self.kinds) == 2 else given[end.format("h")]
            for end in ("{}_0", "d_{}_n")
        )
        arrays = self._by_sequence("x"), self._by_sequence("gaps"), initial
        params = {name: given[name] for name in self.stack.parameters}
        cell = "lstm" if len(self.kinds) == 2 else "gru"
        decay = {name: given[name] for name in NAMES}
        output, state_n, stash = ref.decayed_forward(cell, *arrays, params, decay, self.stack.num_layers)
        gradients = ref.decayed_backward(self._by_sequence("d_output"), d_final, stash)
        padded = np.zeros_like(given["d_output"])
        for b, rows in enumerate(output):
            padded[: T if T == len(rows) else len(rows), b] = rows
        found = {"output": padded}
        for end, state in (("{}_n", state_n), ("d_{}_0", gradients[0])):
            parts = state if isinstance(state, tuple) else (state,)
            found |= {end.format(kind): part for kind, part in zip(self.kinds, parts, strict=True)}
        return found | {f"d_{name}": value for part in gradients[1:] for name, value in part.items()}


def drawn(cell, lengths=RAGGED, num_layers=1, d=5, H=6, seed=0):
    """Inputs of a case, in float64."""
    rng, case = np.random.default_rng(seed), type(DECAYED[0])(cell, num_layers, d, H, lengths)
    inputs = {name: rng.uniform(-0.7, 0.7, shape) for name, shape in case.inputs.items()}
    inputs["gaps"] = rng.exponential(1.0, case.inputs["gaps"])
    inputs["x"][rng.random(inputs["x"].shape) < 0.5] = np.nan
    return inputs


def assert_alike(actual, expected, tolerance):
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        ref.assert_within(tolerance, actual[name], value, name)


cells = pytest.mark.parametrize("cell", ["gru", "lstm"])


# ------------------------------------------------------------------------------------------------------ layers


@pytest.mark.parametrize("case", DECAYED, ids=str)
def test_the_reference_equals_pytorch(case):
    inputs, expected = load_decayed(case, "float64")
    assert_alike(Decaying(case.cell, inputs, case.lengths, case.num_layers).referred(), expected, 1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", DECAYED, ids=str)
def test_layers_equal_pytorch(case, dtype):
    inputs, expected = load_decayed(case, dtype)
    found = Decaying(case.cell, inputs, case.lengths, case.num_layers).run()
    assert_alike(found, expected, {"float32": 1e-5, "float64": 1e-10}[dtype])


@cells
@pytest.mark.parametrize("is_shared", [False, True])
@pytest.mark.parametrize(
    ("lengths", "num_layers", "d", "H"),
    [(RAGGED, 1, 5, 6), (EQUAL, 2, 3, 19), (ONE, 1, 2, 16), ((1, 1, 1), 3, 1, 1), (tuple(range(1, 34)), 2, 17, 33)],
)
def test_layers_equal_the_reference(cell, lengths, num_layers, d, H, is_shared):
    decaying = Decaying(cell, drawn(cell, lengths, num_layers, d, H), lengths, num_layers, is_shared)
    expected = decaying.referred()
    found = []
    for n in (1, 3):
        with threads.limit(n):
            found.append(decaying.run())
    assert_alike(found[0], expected, 1e-11)
    for name, value in found[0].items():
        assert_same_bits(found[1][name], value)


@cells
@pytest.mark.parametrize("lengths", [RAGGED, ONE, (9,)])
def test_gradients_by_projection(cell, lengths):
    inputs = drawn(cell, lengths, 2, 3, 5)
    decaying = Decaying(cell, inputs, lengths, 2)
    d_ends = [(name[2:], d) for name, d in inputs.items() if name.startswith("d_")]

    def loss():
        decaying.network.changed()
        found = decaying.run()
        for b, n in enumerate(lengths):
            found["output"][n:, b] = 0
        return sum((found[name] * d).sum() for name, d in d_ends)

    loss()
    found = decaying.run()
    states = [(inputs[f"{kind}_0"], found[f"d_{kind}_0"]) for kind in decaying.kinds]
    pairs = [(values, found[f"d_{name}"]) for name, (values, _) in decaying.parameters().items()]
    assert_slope(loss, *states, *pairs)


@cells
@pytest.mark.parametrize("is_shared", [False, True])
def test_a_cut_ends_gradients_of_states_and_not_of_decay(cell, is_shared):
    """As sequences cut into pieces, each of which goes on from the states of the one before."""
    length, cut = 7, 3
    inputs = drawn(cell, (length,), 1, 3, 5)
    for kind in "hc"[: 1 + (cell == "lstm")]:
        inputs[f"d_{kind}_n"][...] = 0
    found = Decaying(cell, inputs, (length,), 1, is_shared, cut).run()
    whole = Decaying(cell, inputs, (length,), 1)
    rows, kinds, expected = whole.rows[0], whole.kinds, {}
    states = {kind: inputs[f"{kind}_0"] for kind in kinds}
    for first in range(0, length, cut):
        own = {name: value[first : first + cut] for name, value in inputs.items() if name in ("x", "gaps", "d_output")}
        own = inputs | own | {f"{kind}_0": state for kind, state in states.items()}
        piece = Decaying(cell, own, (len(own["x"]),), 1)
        piece.rows = [rows[first : first + cut]]  # what was seen before the piece is known in it
        its = piece.run()
        states = {kind: its[f"{kind}_n"] for kind in kinds}
        for name in (f"d_{name}" for name in piece.parameters()):
            expected[name] = expected.get(name, 0) + its[name]
    for name, value in expected.items():
        ref.assert_within(1e-12, found[name], value, name)


# -------------------------------------------------------------------------------------------------- estimators


SMALL = {"missing": "decay", "bidirectional": False, "hidden_size": 7, "max_iter": 2, "random_state": 0}


def holed(n=30, rate=0.4, seed=0):
    """Ragged sequences (T, 3) with holes, one of them nothing else; and their labels."""
    X, y = labelled(n)
    rng = np.random.default_rng(seed)
    X = [np.where(rng.random(x.shape) < rate, np.nan, x) for x in X]
    X[1] = np.full_like(X[1], np.nan)
    return X, y


@cells
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("rate", [0.4, 0])
def test_answers_are_those_of_a_reference(cell, num_layers, rate):
    X, y = holed(rate=rate)
    X[2][:, 1] = np.nan  # never seen
    model = SequenceClassifier(cell=cell, num_layers=num_layers, dtype="float64", **SMALL).fit(X, y)
    network = model.network_
    for name in ("input_decay", "state_decay"):
        parameters = network.parts[name].parameters
        parameters["bias"][...] = np.linspace(-0.3, 0.3, parameters["bias"].size)
    network.changed()
    decay = {name: network.parts[part].parameters[own] for name, (part, own) in NAMES.items()}
    Z, gaps = [(x - model._X_mean[:3]) / model._X_scale[:3] for x in X], [np.ones(len(x)) for x in X]
    start = np.zeros((num_layers, len(X), 7))
    state = (start, start) if cell == "lstm" else start
    output, _, _ = ref.decayed_forward(
        cell, Z, gaps, state, network.encoder.recurrent.parameters.copies(), decay, num_layers
    )
    head = network.head.parameters
    for rows, p in zip(output, model.predict_proba(X), strict=True):
        scores = np.exp(head["weight"] @ rows[-1] + head["bias"])
        expected = scores / scores.sum() if scores.size > 1 else scores / (1 + scores)
        ref.assert_within(1e-12, p[-expected.size :], expected)


@pytest.mark.parametrize(
    ("kind", "options"),
    [(SequenceClassifier, {"bptt_steps": 2, "num_layers": 2, "dropout": 0.3}),
     (SequenceClassifier, {"solver": "lbfgs"}), (SequenceClassifier, {"readout": "mean"}),
     (SequenceRegressor, {"cell": "lstm", "early_stopping": True})],
)  # fmt: skip
def test_fits(kind, options, tmp_path):
    X, y = holed(40)
    model = kind(**SMALL, **options).fit(X, y)
    assert np.isfinite(model.loss_curve_).all()
    answer = getattr(model, "predict_proba", model.predict)
    assert_same_bits(np.concatenate([answer([x]) for x in X]), answer(X))
    with threads.limit(3):
        again = clone(model).set_params(n_jobs=3).fit(X, y)
    assert_same_bits(again.network_.theta, model.network_.theta)
    fastrnn.save(model, tmp_path / "model.safetensors")
    loaded = fastrnn.load(tmp_path / "model.safetensors")
    assert_same_bits(getattr(loaded, "predict_proba", loaded.predict)(X), answer(X))


@cells
def test_threads_that_share_units_and_streams_agree(cell):
    X, y = holed(8)
    model = SequenceClassifier(cell=cell, **{**SMALL, "hidden_size": 330, "max_iter": 1}).fit(X, y)
    assert model.network_.sharing(len(X))[0]
    stream = model.stream()
    for x, p in zip(X, model.predict_proba(X), strict=True):
        stream.reset()
        for row in x:
            said = stream.step(row)
        assert_same_bits(said, p)


def test_what_is_old_counts_less():
    """The first value says the class, and is old where the second feature says for how long it was."""
    rng = np.random.default_rng(0)
    X, y = [], []
    for _ in range(400):
        times, value = rng.choice([1, 30], 6).cumsum(), rng.choice([-1.0, 1.0])
        values = np.full(6, np.nan)
        values[rng.integers(0, 3)] = value
        age = times[-1] - times[np.flatnonzero(~np.isnan(values))[0]]
        X.append(np.column_stack([values, times]))
        y.append(int(value > 0) if age < 40 else 2)
    model = SequenceClassifier(time_column=1, **{**SMALL, "hidden_size": 16, "max_iter": 40}).fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > 0.9


def test_starting_from_another():
    X, y = holed(40)
    source = SequenceClassifier(**SMALL).fit(X, y)
    start = SequenceClassifier(init_from=source, freeze=1, **{**SMALL, "max_iter": 1}).fit(X, y)
    for name, part in start.network_.encoder.parts.items():
        assert_same_bits(part.parameters.values, source.network_.encoder.parts[name].parameters.values)
    with pytest.raises(ValueError, match="init_from has missing='decay', but this estimator has missing='mask'"):
        SequenceClassifier(init_from=source, **{**SMALL, "missing": "mask"}).fit(X, y)


def test_nothing_to_decay_is_no_decay():
    X, y = labelled(20)
    X = [np.round(x[:, :1]) for x in X]
    model = SequenceClassifier(categorical_features=[0], **SMALL).fit(X, y)
    assert [*model.network_.encoder.parts] == ["categories", "recurrent"]


def test_what_does_not_go_with_decay():
    X, y = holed()
    for options, message in (
        ({"cell": "rnn"}, "missing='decay' is for cell='gru' and 'lstm', but cell='rnn': set one of these"),
        ({"cell": "gru_reset_before"}, "is for cell='gru' and 'lstm', but cell='gru_reset_before'"),
        ({"bidirectional": True}, "missing='decay' counts the time .* one direction, .*: set bidirectional=False"),
        ({"patch_length": 2}, "patch_length=2 reads several steps .*: set it to 1, or missing to 'mask'"),
    ):
        with pytest.raises(ValueError, match=message):
            SequenceClassifier(**{**SMALL, **options}).fit(X, y)
    for kind in (SequenceRegressor, SequenceTagger, SequenceToSequence):
        with pytest.raises(ValueError, match="set bidirectional=False"):
            kind(missing="decay", bidirectional=True).fit(X, y)
    long = SequenceClassifier(**SMALL).fit([np.resize(x, (200, 3)) for x in X], y)
    assert long.network_.encoder.input_size == 9  # without patches
    with pytest.raises(ValueError, match="is for numbers, but X holds tokens"):
        SequenceClassifier(embedding_dim=4, **SMALL).fit(tokens(20), np.arange(20) % 2)
    model = SequenceClassifier(**SMALL).fit(X, y)
    with pytest.raises(ValueError, match="missing='decay' has no operator of ONNX: fit with missing='mask'"):
        to_onnx(model)
    with pytest.raises(ValueError, match="missing='decay' is not what another library's layers read"):
        to_torch(model)


def test_pictures():
    pytest.importorskip("matplotlib")
    X, y = holed()
    model = SequenceClassifier(**SMALL).fit(X, y)
    display = GateActivationsDisplay.from_estimator(model, X[0])
    assert display.activations["h"].shape == (len(X[0]), 7)
    with pytest.raises(ValueError, match="missing='decay' lets states fade between steps"):
        GradientFlowDisplay.from_estimator(model, X, y)
