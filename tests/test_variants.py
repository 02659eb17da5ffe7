"""Cells that are LSTM or GRU with one thing more: in every estimator, in streams, files and other libraries."""

import json
import warnings
from functools import partial, partialmethod

import numpy as np
import pytest
from make_fixtures import VARIANT_CASES, VARIANTS, _cut, input_shapes, result_shapes
from reference import assert_within
from samples import KINDS, answers, assert_same_bits, data_for, labelled, make_estimator, ragged, tokens
from series import forecaster, walk

import fastrnn
from fastrnn import (
    SequenceClassifier,
    SequenceForecaster,
    SequenceGenerator,
    SequenceOutlierDetector,
    SequenceRegressor,
    SequenceTagger,
    threads,
)
from fastrnn.inspection import GateActivationsDisplay, GradientFlowDisplay
from fastrnn.interchange import from_keras, from_torch, to_keras, to_onnx, to_torch
from fastrnn.layers import GRU, LSTM
from fastrnn.layers.stack import Stack
from fastrnn.storage import reading, write

LAYERS = {
    "lstm_peephole": partial(LSTM, peephole=True), "lstm_layer_norm": partial(LSTM, layer_norm=True),
    "gru_layer_norm": partial(GRU, layer_norm=True),
}  # fmt: skip
every_cell = pytest.mark.parametrize("cell", LAYERS)
SMALL = {"hidden_size": 10, "max_iter": 2, "random_state": 0}


# ------------------------------------------------------------------------------------------ every estimator


def some(X, chosen):
    return X[chosen] if isinstance(X, np.ndarray) else [X[k] for k in chosen]


@every_cell
@pytest.mark.parametrize("kind", KINDS)
def test_every_estimator(kind, cell, tmp_path):
    """The same bits for one thread and two, from a file, and for a sequence in any company."""
    X, y = data_for(kind)
    model = make_estimator(kind, cell=cell, n_jobs=1).fit(X, y)
    assert any(name.startswith("recurrent") or name == "decoder" for name in model.network_.parts)
    two = make_estimator(kind, cell=cell, n_jobs=2).fit(X, y)
    assert_same_bits(two.network_.theta, model.network_.theta)
    expected = answers(model, X)
    fastrnn.save(model, tmp_path / "model.safetensors")
    loaded = answers(fastrnn.load(tmp_path / "model.safetensors"), X)
    for mine, its in zip(expected, loaded, strict=True):
        assert_same_bits(list(its), list(mine))
    if kind != "generator_of_streams":  # whose sequences go on
        chosen = [31, 4, 0, 17]
        for all_of, few in zip(expected, answers(model, some(X, chosen)), strict=True):
            assert_same_bits(list(few), [all_of[k] for k in chosen])


@every_cell
def test_regressors_forecasters_and_outliers(cell):
    X, _ = labelled(40)
    y = [x[-1, 0] for x in X]
    reg = SequenceRegressor(cell=cell, **SMALL).fit(X, y)
    assert reg.predict(X[3:5]).tobytes() == reg.predict(X)[3:5].tobytes()
    series = walk()
    assert np.isfinite(forecaster(cell=cell).fit(series).predict()).all()
    detector = SequenceOutlierDetector(cell=cell, hidden_size=5, max_iter=1, random_state=0).fit(X)
    assert_same_bits(detector.score_samples(X)[7:9], detector.score_samples(X[7:9]))


@every_cell
def test_a_classifier_learns(cell):
    X, y = labelled(60, shortest=4)
    clf = SequenceClassifier(cell=cell, hidden_size=9, max_iter=60, random_state=0).fit(X, y)
    assert clf.score(X, y) > 0.9


# ---------------------------------------------------------------------------------------------------- streams


@every_cell
@pytest.mark.parametrize("num_layers", [1, 2])
def test_streams_have_the_bits_of_predict(cell, num_layers):
    options = {"cell": cell, "bidirectional": False, "num_layers": num_layers, **SMALL}
    X, y = labelled(30)
    for readout in ("last", "mean", "max"):
        clf = SequenceClassifier(readout=readout, **options).fit(X, y)
        stream = clf.stream()
        for x in X[:4]:
            stream.reset()
            for t in range(len(x)):
                assert_same_bits(stream.step(x[t]), clf.predict_proba([x[: t + 1]])[0])
    tagger = SequenceTagger(crf=False, **options).fit(X, [x[:, 0] > 0 for x in X])
    stream = tagger.stream()
    for x in X[:4]:
        stream.reset()
        assert_same_bits(np.array([stream.step(x_t) for x_t in x]), tagger.predict_proba([x])[0])


@every_cell
def test_a_stream_of_tokens_goes_on_from_its_state(cell):
    X = tokens(20, shortest=4)
    model = SequenceGenerator(cell=cell, embedding_dim=3, **SMALL).fit(X)
    stream = model.stream()
    for token in X[0][:2]:
        stream.step(token)
    state, rest = stream.state, [stream.step(token) for token in X[0][2:]]
    stream.state = state
    assert_same_bits(np.array([stream.step(token) for token in X[0][2:]]), np.array(rest))


# ------------------------------------------------------------------------------------------ other libraries


@every_cell
def test_what_pytorch_and_keras_lack(cell):
    X, y = labelled(20)
    clf = SequenceClassifier(cell=cell, **SMALL).fit(X, y)
    with pytest.raises(ValueError, match=f"PyTorch has no layer for cell='{cell}'"):
        to_torch(clf)
    with pytest.raises(ValueError, match=f"PyTorch has no layer for cell='{cell}'"):
        from_torch(SequenceClassifier(cell=cell), {})
    with pytest.raises(ValueError, match=f"Keras has no layer for cell='{cell}'"):
        to_keras(clf)
    with pytest.raises(ValueError, match="Keras has no recurrent layer with"):
        from_keras(LAYERS[cell](3, 4), [])


def test_a_model_of_onnx_says_who_drops_its_peepholes():
    pytest.importorskip("onnx", reason="makes models")
    X, y = labelled(20)
    model = to_onnx(SequenceClassifier(cell="lstm_peephole", **SMALL).fit(X, y))
    properties = {p.key: json.loads(p.value) for p in model.metadata_props}
    assert "OpenVINO" in properties["peepholes"]


WITH_ONNX = [
    c for c in VARIANT_CASES if c.module.cell == "lstm_peephole" and c.module.num_layers == 1 and c.module.bias
]


@pytest.mark.parametrize("case", WITH_ONNX, ids=str)
def test_peepholes_are_those_of_onnx_runtime(case):
    m = case.module
    with np.load(VARIANTS) as file:
        inputs = _cut(file[str(m)].astype(np.float32), input_shapes(m))
        shapes = {name: shape for name, shape in result_shapes(m).items() if name in ("output", "h_n", "c_n")}
        expected = _cut(file[f"{case}-onnxruntime"], shapes)
    layer = LSTM(m.I, m.H, **m.options, peephole=True).eval()
    layer.load_state_dict({name: inputs[name] for name in layer.state_dict()})
    state = (inputs["h_0"], inputs["c_0"]) if case.given_state else None
    output, (h_n, c_n) = layer(inputs["x"], state, lengths=case.lengths)
    for name, mine in (("output", output), ("h_n", h_n), ("c_n", c_n)):
        assert_within(1e-5, mine, expected[name], name)


@pytest.mark.parametrize("cell", ["lstm_layer_norm", "gru_layer_norm"])
def test_onnx_has_no_normalised_layers(cell):
    pytest.importorskip("onnx", reason="makes models")
    X, y = labelled(20)
    with pytest.raises(ValueError, match=f"ONNX has no operator for cell='{cell}': export a model with one"):
        to_onnx(SequenceClassifier(cell=cell, **SMALL).fit(X, y))


# ------------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize("make", [LSTM, GRU])
def test_gains_begin_at_one_and_their_biases_at_zero(make):
    for name, value in make(3, 5, layer_norm=True, random_state=0).state_dict().items():
        if not name.startswith("weight"):
            assert (value == name.startswith("gain")).all(), name


@pytest.mark.parametrize("make", [LSTM, GRU])
def test_inputs_in_another_unit_are_the_same_to_normalised_layers(make):
    layer, x = make(3, 5, layer_norm=True, dtype="float64", random_state=0), 100 * ragged(1, shortest=8)[0]
    assert_within(1e-5, layer(7 * x)[0], layer(x)[0])


def test_normalised_layers_of_one_unit_are_finite():
    for make in (LSTM, GRU):
        layer = make(2, 1, layer_norm=True, random_state=0)
        output, _ = layer(np.ones((4, 1, 2)))
        d_x, _ = layer.backward(np.ones_like(output))
        assert np.isfinite(output).all() and np.isfinite(d_x).all()


def test_options_that_do_not_go_together():
    with pytest.raises(ValueError, match="peephole, layer_norm and proj_size do not go together"):
        LSTM(3, 4, peephole=True, layer_norm=True)
    with pytest.raises(ValueError, match="layer_norm=True is for reset_after=True"):
        GRU(3, 4, reset_after=False, layer_norm=True)
    with pytest.raises(ValueError, match="layer_norm must be True or False; got 'yes'"):
        GRU(3, 4, layer_norm="yes")


# ----------------------------------------------------------------------------------------------- peepholes


def test_peepholes_of_zeros_give_the_numbers_of_an_lstm():
    plain, with_peepholes = LSTM(3, 19, random_state=0), LSTM(3, 19, random_state=1, peephole=True)
    with_peepholes.load_state_dict({**plain.state_dict(), "weight_peephole_l0": np.zeros(3 * 19)})
    for x in ragged(5, shortest=1, longest=20):
        for mine, its in zip(with_peepholes(x), plain(x), strict=True):
            assert_within(1e-6, np.array(mine), np.array(its))


def test_a_peephole_that_is_no_flag():
    with pytest.raises(ValueError, match="peephole must be True or False; got 1"):
        LSTM(3, 4, peephole=1)


# --------------------------------------------------------------------------------------------- projections


def projected(dtype="float32", **options):
    return LSTM(9, 35, proj_size=13, bidirectional=True, random_state=0, dtype=dtype, **options)


def drawn(T=45, B=21, seed=0):
    """x, lengths, and states of both directions."""
    rng = np.random.default_rng(seed)
    states = rng.standard_normal((2, B, 13)), rng.standard_normal((2, B, 35))
    return rng.standard_normal((T, B, 9)), rng.integers(1, T + 1, B), states


def test_gradients_of_projections_are_slopes():
    layer, (x, lengths, states) = projected("float64"), drawn()
    rng = np.random.default_rng(1)
    d_output, d_states = rng.standard_normal((45, 21, 26)), drawn(seed=2)[2]
    layer(x, states, lengths)
    d_x, d_first = layer.backward(d_output, d_states)
    gradients = {"x": d_x, "h": d_first[0], "c": d_first[1], **{n: g.copy() for n, g in layer.grads.items()}}
    arrays = {"x": x, "h": states[0], "c": states[1], **layer.state_dict()}

    def loss(arrays):
        layer.load_state_dict({name: arrays[name] for name in layer.grads})
        output, final = layer(arrays["x"], (arrays["h"], arrays["c"]), lengths)
        return sum((a * d).sum() for a, d in zip((output, *final), (d_output, *d_states), strict=True))

    for name, gradient in gradients.items():
        way = rng.standard_normal(gradient.shape)
        sides = [loss({**arrays, name: arrays[name] + step * way}) for step in (1e-6, -1e-6)]
        assert_within(1e-5, (gradient * way).sum(), (sides[0] - sides[1]) / 2e-6, name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_projections_have_the_same_bits_in_any_company_and_for_any_threads(dtype):
    layer, (x, lengths, (h, c)) = projected(dtype, num_layers=2), drawn()
    h, c = np.concatenate([h, -h]), np.concatenate([c, -c])
    found = []
    for n in (1, 2):
        layer.zero_grad()
        with threads.limit(n):
            output, final = layer.train()(x, (h, c), lengths)
            back = layer.backward(np.ones_like(output), final)
        found.append([output, *final, back[0], *back[1], *[g.copy() for g in layer.grads.values()]])
    for one, two in zip(*found, strict=True):
        assert_same_bits(one, two)
    for b in (0, 7, 20):
        own, (h_b, c_b) = layer.eval()(x[: lengths[b], b], (h[:, b], c[:, b]))
        assert_same_bits(own, output[: lengths[b], b])
        assert_same_bits(h_b, final[0][:, b])
        assert_same_bits(c_b, final[1][:, b])


def test_projections_in_two_pieces_and_batch_first():
    layer, x = LSTM(3, 19, 2, proj_size=5, random_state=0).eval(), np.random.default_rng(0).standard_normal((9, 4, 3))
    output, (h, c) = layer(x)
    assert output.shape == (9, 4, 5) and h.shape == (2, 4, 5) and c.shape == (2, 4, 19)
    first, middle = layer(x[:4])
    second, end = layer(x[4:], middle)
    for mine, its in ((np.concatenate([first, second]), output), (end[0], h), (end[1], c)):
        assert_within(1e-5, mine, its)
    other = LSTM(3, 19, 2, proj_size=5, random_state=0, batch_first=True).eval()
    assert_same_bits(other(x.swapaxes(0, 1))[0].swapaxes(0, 1), output)


def test_cut_gradients_of_projections(monkeypatch):
    """A gradient that stops at each step is that of sequences of one step, whose states are given."""
    monkeypatch.setattr(Stack, "backward", partialmethod(Stack.backward, bptt_steps=1))
    layer, x = LSTM(3, 6, proj_size=4, random_state=0, dtype="float64"), ragged(1, shortest=7, longest=7)[0]
    output, _ = layer(x)
    layer.backward(np.ones_like(output))
    cut = {name: gradient.copy() for name, gradient in layer.grads.items()}
    layer.zero_grad()
    state = np.zeros((1, 4)), np.zeros((1, 6))
    for x_t in x:
        _, state = layer(x_t[np.newaxis], state)
        layer.backward(np.ones((1, 4)))
    for name, gradient in layer.grads.items():
        assert_within(1e-12, cut[name], gradient, name)


@pytest.mark.parametrize("size", [-1, 4, 5, 2.0, True, "2"])
def test_sizes_of_no_projection(size):
    with pytest.raises(ValueError, match="proj_size must be"):
        LSTM(3, 4, proj_size=size)


def test_what_projections_are_not_for():
    for option in ("peephole", "layer_norm"):
        with pytest.raises(ValueError, match="do not go together"):
            LSTM(3, 4, proj_size=2, **{option: True})
    layer = LSTM(3, 4, proj_size=2)
    with pytest.raises(ValueError, match="orthogonal' is for square matrices"):
        layer.reset_parameters(recurrent="orthogonal")
    layer.reset_parameters(forget_bias=1.0)
    assert (layer.state_dict()["bias_ih_l0"][4:8] == 1).all()
    with pytest.raises(ValueError, match="Keras has no recurrent layer with weight_hr"):
        from_keras(layer, [])
    with pytest.raises(ValueError, match=r"initial state h has shape \(1, 4\), expected \(1, 2\)"):
        layer(np.zeros((5, 3)), (np.zeros((1, 4)), np.zeros((1, 4))))


# ------------------------------------------------------------------------------- projections in the estimators

PROJECTED = {"cell": "lstm", "hidden_size": 6, "proj_size": 4}


@pytest.mark.parametrize("kind", KINDS)
def test_every_estimator_may_project(kind, tmp_path):
    """The same bits for any number of threads and from a file; fewer weights than without."""
    X, y = data_for(kind)
    one, two = (make_estimator(kind, n_jobs=n, **PROJECTED).fit(X, y) for n in (1, 2))
    assert_same_bits(one.network_.theta, two.network_.theta)
    assert one.network_.theta.size < make_estimator(kind, **{**PROJECTED, "proj_size": 0}).fit(X, y).network_.theta.size
    fastrnn.save(one, tmp_path / "model")
    again = fastrnn.load(tmp_path / "model")
    assert again.proj_size == 4
    for mine, theirs in zip(answers(again, X), answers(one, X), strict=True):
        for a, b in zip(mine, theirs, strict=True):
            assert np.array_equal(a, b)


@pytest.mark.parametrize(
    "options", [{"readout": "last"}, {"readout": "attention"}, {"readout": "mean"}, {"num_layers": 2}], ids=str
)
def test_projected_streams_say_what_predict_says(options):
    X, y = labelled(12)
    clf = SequenceClassifier(**PROJECTED, bidirectional=False, max_iter=2, random_state=0, **options).fit(X, y)
    stream = clf.stream()
    for x, said in zip(X[:3], clf.predict_proba(X[:3]), strict=True):
        stream.reset()
        assert_same_bits([stream.step(step) for step in x][-1], said)


def test_a_projected_streams_h_is_that_of_pytorch():
    """It has as many numbers as outputs; where facts make the first states, or numbers are missing, too."""
    X, y = labelled(12)
    options = {**PROJECTED, "bidirectional": False, "num_layers": 2, "max_iter": 2, "random_state": 0}
    clf = SequenceClassifier(**options, missing="mask", readout="last").fit(X, y, static=np.eye(12))
    stream = clf.stream(static=np.eye(12)[:1])
    assert {name: part.shape for name, part in stream.state.items() if name in "hc"} == {"h": (2, 1, 4), "c": (2, 1, 6)}
    for k, x_t in enumerate(X[0]):
        stream.step(x_t)
        assert_same_bits(stream.state["h"][-1, 0], clf.transform([X[0][: k + 1]], static=np.eye(12)[:1])[0, :4])
    kept, said = stream.state, stream.step(X[1][0])
    stream.reset()
    stream.state = kept
    assert_same_bits(stream.step(X[1][0]), said)


def test_pickles_of_versions_without_projections_cannot_begin_to_project():
    X, y = labelled(12)
    old = SequenceClassifier(cell="lstm", hidden_size=6, max_iter=1, random_state=0).fit(X, y)
    del old._shape["proj_size"], old.proj_size
    assert old.set_params(warm_start=True).fit(X, y).proj_size == 0
    with pytest.raises(ValueError, match="proj_size=4, but the network to go on with has proj_size=0"):
        old.set_params(proj_size=4).fit(X, y)


@pytest.mark.parametrize("lie", [{"cell": "gru"}, {"zoneout": 0.5}, {"hidden_size": 2, "proj_size": 4}], ids=str)
def test_a_file_of_a_projection_that_no_fit_makes_is_no_model(tmp_path, lie):
    X, y = labelled(12)
    clf = SequenceClassifier(**{**PROJECTED, "hidden_size": 5}, max_iter=1, random_state=0).fit(X, y)
    fastrnn.save(clf, tmp_path / "model")
    with reading(tmp_path / "model") as tree:
        tree["model"]["fitted"]["_shape"] |= lie
        for name, weight in tree["model"]["weights"]["recurrent"].items():
            H = lie.get("hidden_size", 5)
            kept = weight[:, :H] if name.startswith("weight_hr") else weight[: 4 * H]
            tree["model"]["weights"]["recurrent"][name] = np.ascontiguousarray(kept)
        write(tmp_path / "lies", tree)
    assert fastrnn.load(tmp_path / "model").proj_size == 4
    with pytest.raises(fastrnn.StorageError, match="proj_size"):
        fastrnn.load(tmp_path / "lies")


def test_projected_weights_go_to_pytorch_and_come_back():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    X, y = labelled(12)
    clf = SequenceClassifier(**PROJECTED, readout="last", bidirectional=False, max_iter=2, random_state=0).fit(X, y)
    state = to_torch(clf)
    found = {name: torch.from_numpy(array) for name, array in state.items()}
    parts = {
        "recurrent": torch.nn.LSTM(X[0].shape[1], 6, proj_size=4),
        "head": torch.nn.Linear(4, len(found["head.bias"])),
    }
    module = torch.nn.ModuleDict(parts)
    module.load_state_dict(found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # PyTorch's, of oneDNN
        _, (h, _) = module["recurrent"](torch.from_numpy(X[0].astype(np.float32)))
    logits = module["head"](h[0]).detach().numpy()
    p = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    np.testing.assert_allclose(clf.predict_proba(X[:1])[0], p, rtol=0, atol=1e-5)
    new = SequenceClassifier(**PROJECTED, readout="last", bidirectional=False)
    again = from_torch(new, state, classes=clf.classes_)
    np.testing.assert_allclose(again.predict_proba(X), clf.predict_proba(X), rtol=0, atol=1e-5)


def test_where_projections_cannot_be():
    X, y = labelled(12)
    for wrong, match in (
        ({"cell": "gru"}, "proj_size=4 is for cell='lstm', but cell='gru'"),
        ({"proj_size": 6}, "proj_size must be smaller than hidden_size=6, or 0 for no projection; got 6"),
        ({"proj_size": -1}, "The 'proj_size' parameter"),
        ({"zoneout": 0.1}, "proj_size=4 does not go with zoneout=0.1"),
        ({"missing": "decay", "bidirectional": False}, "proj_size=4 does not go with missing='decay'"),
    ):
        with pytest.raises(ValueError, match=match):
            SequenceClassifier(**{**PROJECTED, **wrong}).fit(X, y)
    clf = SequenceClassifier(**PROJECTED, readout="last", bidirectional=False, max_iter=1, random_state=0).fit(X, y)
    for export in (to_keras, to_onnx):
        with pytest.raises(ValueError, match="proj_size=4 projects h, which .* do not: use to_torch"):
            export(clf)
    with pytest.raises(ValueError, match="proj_size=4 projects h"):
        from_keras(SequenceClassifier(**PROJECTED), [])
    with pytest.raises(ValueError, match="proj_size=4 makes h and c of two sizes"):
        GradientFlowDisplay.from_estimator(clf, X, y)
    assert GateActivationsDisplay.from_estimator(clf, X[0]).activations["h"].shape[1] == 4
    with pytest.raises(ValueError, match="init_from has proj_size=4"):
        SequenceClassifier(cell="lstm", hidden_size=6, bidirectional=False, init_from=clf).fit(X, y)


def test_projected_forecasts():
    y = np.sin(np.arange(200) / 5)
    model = SequenceForecaster(**PROJECTED, context=20, horizon=4, max_iter=2, random_state=0).fit(y)
    assert np.isfinite(model.predict()).all()
