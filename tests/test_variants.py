"""Cells that are LSTM or GRU with one thing more: in every estimator, in streams, files and other libraries."""

import json
from functools import partial

import numpy as np
import pytest
from make_fixtures import VARIANT_CASES, VARIANTS, _cut, input_shapes, result_shapes
from reference import assert_within
from samples import KINDS, answers, assert_same_bits, data_for, labelled, make_estimator, ragged, tokens
from series import forecaster, walk

import fastrnn
from fastrnn import SequenceClassifier, SequenceGenerator, SequenceOutlierDetector, SequenceRegressor, SequenceTagger
from fastrnn.interchange import from_keras, from_torch, to_keras, to_onnx, to_torch
from fastrnn.layers import GRU, LSTM

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
    with pytest.raises(ValueError, match=f"ONNX has no operator for cell='{cell}': fit with one of rnn, lstm"):
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
    with pytest.raises(ValueError, match="peephole=True and layer_norm=True do not go together"):
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
