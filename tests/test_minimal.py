"""MinGRU, MinLSTM and SRU in estimators, over many rows and at extremes; `test_layers` has their figures."""

import itertools

import numpy as np
import pytest
import reference as ref
from make_fixtures import MINIMAL, TWO_STATES
from samples import KINDS, answers, assert_same_bits, data_for, labelled, make_estimator, ragged
from sklearn.base import clone

import fastrnn
from fastrnn import (
    EarlyClassifier,
    SequenceClassifier,
    SequenceEnsemble,
    SequenceForecaster,
    SequenceOutlierDetector,
    SequenceRegressor,
)
from fastrnn.interchange import from_keras, from_torch, to_keras, to_onnx, to_torch
from fastrnn.layers import SRU, MinGRU, MinLSTM
from fastrnn.layers.stack import Stack

LAYERS = {"mingru": MinGRU, "minlstm": MinLSTM, "sru": SRU}
SMALL = {"hidden_size": 7, "max_iter": 2, "random_state": 0}
cells = pytest.mark.parametrize("cell", MINIMAL)


# ------------------------------------------------------------------------------------------------------ layers


@cells
@pytest.mark.parametrize("I", [3, 70])
def test_rows_of_many_chunks_have_the_bits_of_few(cell, I):
    T, B, H = 300, 3, 70  # more rows than products are made of together
    layer = LAYERS[cell](I, H, random_state=0).eval()
    x = np.random.default_rng(0).standard_normal((T, B, I))
    output, state = layer(x)
    first, middle = layer(x[:7])
    second, end = layer(x[7:], middle)
    assert_same_bits(np.concatenate([first, second]), output)
    assert_same_bits(np.array(end), np.array(state))
    assert_same_bits(layer.train()(x)[0], output)
    start = np.zeros((1, B, H))
    start = (start, start) if cell in TWO_STATES else start
    params = {name: value.astype(float) for name, value in layer.state_dict().items()}
    expected, *_ = ref.stack_forward(cell, [*x.swapaxes(0, 1)], start, params)
    ref.assert_within(1e-5, output, np.stack(expected, axis=1))


@cells
def test_a_step_of_more_sequences_than_a_chunk_has_rows(cell):
    layer, X = LAYERS[cell](3, 70, random_state=0).eval(), np.random.default_rng(0).standard_normal((2, 700, 3))
    assert_same_bits(layer(X)[0][:, 650:], layer(X[:, 650:])[0])


@cells
def test_a_cut_ends_gradients(cell, monkeypatch):
    """As sequences cut into pieces, each of which goes on from the states of the one before."""
    cut, x, d_output = 3, *(np.random.default_rng(k).standard_normal((8, 2, 5)) for k in (0, 1))
    layer = LAYERS[cell](5, 5, num_layers=2, dtype="float64", random_state=0)
    state, d_x = None, []
    for first in range(0, 8, cut):
        output, state = layer(x[first : first + cut], state)
        d_x.append(layer.backward(d_output[first : first + cut])[0])
    expected = {name: gradient.copy() for name, gradient in layer.grads.items()}
    layer.zero_grad()
    monkeypatch.setattr(layer._stack, "backward", lambda *a, **o: Stack.backward(layer._stack, *a, **o, bptt_steps=cut))
    layer._prepared.clear()
    layer(x)
    ref.assert_within(1e-12, layer.backward(d_output)[0], np.concatenate(d_x))
    for name, gradient in layer.grads.items():
        ref.assert_within(1e-12, gradient, expected[name], name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sums", [*itertools.product((-2000.0, -1900.0, 2000.0), repeat=2)])
def test_minlstm_with_gates_that_are_shut(sums, dtype):
    layer = MinLSTM(1, 1, dtype=dtype, random_state=0)
    layer.load_state_dict({"weight_ih_l0": np.zeros((3, 1)), "bias_ih_l0": np.array([*sums, 1.5])})
    output, _ = layer(np.zeros((1, 1, 1)), np.ones((1, 1, 1)))
    stays = 0.5 if sums[0] == sums[1] else float(sums[0] > sums[1])
    ref.assert_within(1e-6, output, np.full((1, 1, 1), stays * 1 + (1 - stays) * 2))
    d_x, d_h_0 = layer.backward(np.ones((1, 1, 1)))
    ref.assert_within(1e-6, d_h_0, np.full((1, 1, 1), stays))
    assert np.isfinite(d_x).all() and all(np.isfinite(gradient).all() for gradient in layer.grads.values())


def test_sru_reads_no_h_and_projects_where_sizes_differ():
    x, h = np.random.default_rng(0).standard_normal((2, 4, 3, 6))[:, :, :, :5]
    sru = SRU(5, 5, 2, bidirectional=True, random_state=0)
    shapes = {name: value.shape for name, value in sru.state_dict().items()}
    assert shapes["weight_ih_l0"] == (15, 5) and shapes["weight_ih_l1_reverse"] == (20, 10)
    assert shapes["weight_c_l0"] == shapes["bias_ih_l1"] == (10,)
    c = np.ones((4, 3, 5))
    output, (h_n, _) = sru(x, (h, c))
    assert_same_bits(sru(x, (0 * h, c))[0], output)
    _, (d_h_0, d_c_0) = sru.backward(np.ones_like(output), (np.ones_like(h_n), np.ones_like(h_n)))
    assert not d_h_0.any() and d_c_0.all()


@cells
def test_options_of_other_cells_are_refused_or_without_effect(cell):
    layer = LAYERS[cell](3, 4, random_state=0)
    with pytest.raises(ValueError, match="is for an LSTM or sLSTM with biases"):
        layer.reset_parameters(forget_bias=1.0)
    with pytest.raises(ValueError, match="missing \\['weight_ih_l0'\\], unknown \\['weight_hh_l0'\\]"):
        state = layer.state_dict()
        layer.load_state_dict({"weight_hh_l0": state.pop("weight_ih_l0"), **state})


# -------------------------------------------------------------------------------------------------- estimators


def assert_whole(model, fitted, say, tmp_path):
    """Another number of threads, and a file, change no bit."""
    again = fitted(clone(model).set_params(n_jobs=2))
    assert_same_bits(again.network_.theta, model.network_.theta)
    assert np.isfinite(model.loss_curve_).all()
    fastrnn.save(model, tmp_path / "model.safetensors")
    loaded = fastrnn.load(tmp_path / "model.safetensors")
    for part, other in zip(say(loaded), say(model), strict=True):
        assert_same_bits(part, other)


@cells
@pytest.mark.parametrize("kind", KINDS)
def test_every_estimator(cell, kind, tmp_path):
    X, y = data_for(kind)
    model = make_estimator(kind, cell=cell, n_jobs=1).fit(X, y)
    assert_whole(model, lambda other: other.fit(X, y), lambda m: answers(m, X), tmp_path)
    together = answers(model, X)
    if kind != "generator_of_streams":  # whose streams are one text
        for part, others in zip(answers(model, X[5:6]), together, strict=True):
            assert_same_bits(part[0], others[5])


@cells
@pytest.mark.parametrize("options", [{}, {"return_sequences": True, "num_layers": 2}])
def test_a_regressor_and_its_stream(cell, options, tmp_path):
    X = ragged(40)
    y = [x[:, 0].cumsum() for x in X] if options else [x.sum() for x in X]
    model = SequenceRegressor(cell=cell, n_jobs=1, **SMALL, **options).fit(X, y)
    assert_whole(model, lambda other: other.fit(X, y), lambda m: m.predict(X), tmp_path)
    stream = model.stream()
    for x, said in zip(X[:5], model.predict(X[:5]), strict=True):
        stream.reset()
        steps = [stream.step(x_t) for x_t in x]
        assert_same_bits(np.ravel(steps) if options else np.ravel(steps[-1]), np.ravel(said))


@cells
@pytest.mark.parametrize("kind", ["tagger", "tagger_of_words", "transcriber"])
def test_streams(cell, kind):
    X, y = data_for(kind)
    model = make_estimator(kind, cell=cell, bidirectional=False).fit(X, y)
    stream = model.stream()
    for x in X[:5]:
        stream.reset()
        steps = [stream.step(x_t) for x_t in x]
        if kind != "transcriber":
            assert_same_bits(steps[-1], model.predict_proba([x])[0][-1])
        assert stream.n_steps == len(x)


@cells
def test_a_forecaster(cell, tmp_path):
    y = np.sin(np.arange(90) / 3) + np.arange(90) / 50
    model = SequenceForecaster(horizon=3, cell=cell, n_jobs=1, **SMALL).fit(y)
    assert_whole(model, lambda other: other.fit(y), lambda m: [m.predict(), m.predict(history=y[:50])], tmp_path)


@cells
def test_those_that_are_made_of_others(cell):
    X, y = labelled(40, shortest=4)
    for method in ("reconstruction", "forecast"):
        assert np.isfinite(SequenceOutlierDetector(method=method, cell=cell, **SMALL).fit(X).score_samples(X)).all()
    model = SequenceClassifier(cell=cell, bidirectional=False, **SMALL)
    assert len(SequenceEnsemble(model, n_members=2).fit(X, y).predict(X)) == 40
    assert len(EarlyClassifier(model, cv=2).fit(X, y).predict(X)) == 40


@cells
def test_it_learns(cell):
    X, y = labelled(90, shortest=4)
    model = SequenceClassifier(cell=cell, hidden_size=12, max_iter=100, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.9


@cells
def test_other_libraries_have_no_such_layer(cell):
    X, y = labelled(20)
    model = SequenceClassifier(cell=cell, **SMALL).fit(X, y)
    with pytest.raises(ValueError, match=f"ONNX has no operator for cell='{cell}'"):
        to_onnx(model)
    for export, library in ((to_torch, "PyTorch"), (to_keras, "Keras")):
        with pytest.raises(ValueError, match=f"{library} has no layer for cell='{cell}'"):
            export(model)
    for fill, weights, library in ((from_torch, {}, "PyTorch"), (from_keras, [], "Keras")):
        with pytest.raises(ValueError, match=f"{library} has no layer for cell='{cell}'"):
            fill(SequenceClassifier(cell=cell), weights)
    with pytest.raises(ValueError, match=f"missing='decay' is for cell='gru' and 'lstm', but cell='{cell}'"):
        SequenceClassifier(cell=cell, missing="decay", bidirectional=False).fit([x * np.nan for x in X], y)
