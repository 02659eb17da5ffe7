"""Zoneout and recurrent dropout: against PyTorch's frozen figures, against NumPy, by projection; and in estimators."""

import tracemalloc

import numpy as np
import pytest
import reference as ref
from make_noise import CASES, LENGTHS, H, I, draws, load
from samples import KINDS, assert_same_bits, data_for, labelled, make_estimator, ragged
from sklearn.base import clone

import fastrnn
from fastrnn import (
    SequenceClassifier,
    SequenceForecaster,
    SequenceOutlierDetector,
    SequenceRegressor,
    SequenceTagger,
    SequenceToSequence,
    threads,
)
from fastrnn.inspection import GateActivationsDisplay, GradientFlowDisplay
from fastrnn.interchange import from_keras, from_torch, to_keras, to_onnx, to_torch
from fastrnn.layers import GRU, LSTM, RNN

LAYERS = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
BOTH = {"zoneout": 0.3, "recurrent_dropout": 0.4}
SMALL = {"hidden_size": 5, "max_iter": 3, "random_state": 0}
every_cell = pytest.mark.parametrize("cell", LAYERS)


class Keyed(np.random.RandomState):
    """Draws the key of the fixtures."""

    def randint(self, *_):
        return 12345


def keyed(cell, rates, **options):
    """A layer whose next call has that key, in float64."""
    layer = LAYERS[cell](I, H, dtype="float64", random_state=0, **rates, **options)
    layer._rng = Keyed()
    return layer


def states_of(given, form):
    parts = tuple(given[form.format(letter)] for letter in "hc" if form.format(letter) in given)
    return parts if len(parts) > 1 else parts[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_layers_equal_pytorch(case, dtype):
    (cell, rates), (given, expected) = CASES[case], load(case)
    layer = LAYERS[cell](I, H, dtype=dtype, **rates)
    layer.load_state_dict({name: given[name] for name in layer.state_dict()})
    layer._rng = Keyed()
    output, ends = layer(given["x"], states_of(given, "{}_0"), lengths=LENGTHS)
    d_x, d_starts = layer.backward(given["d_output"], states_of(given, "d_{}_n"))
    ends, d_starts = (parts if isinstance(parts, tuple) else (parts,) for parts in (ends, d_starts))
    found = {"output": output, "d_x": d_x, **{f"d_{name}": array for name, array in layer.grads.items()}}
    for letter, end, d_start in zip("hc", ends, d_starts, strict=False):
        found |= {f"{letter}_n": end, f"d_{letter}_0": d_start}
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        ref.assert_within(1e-5 if dtype == "float32" else 1e-10, found[name], array, name)


def steps(cell, x, p, shares, mask):
    """One sequence's outputs from zeros, by NumPy."""
    h, c, out = np.zeros(H), np.zeros(H), []
    for t in range(len(x)):
        a, of_h = p["weight_ih_l0"] @ x[t] + p["bias_ih_l0"], p["weight_hh_l0"] @ (h * mask) + p["bias_hh_l0"]
        new_c = c
        if cell == "rnn":
            new = np.tanh(a + of_h)
        elif cell == "gru":
            r, z = ref.sigmoid((a + of_h)[: 2 * H]).reshape(2, H)
            n = np.tanh(a[2 * H :] + r * of_h[2 * H :])
            new = (1 - z) * n + z * h
        else:
            i, f, g, o = (a + of_h).reshape(4, H)
            new_c = ref.sigmoid(f) * c + ref.sigmoid(i) * np.tanh(g)
            new = ref.sigmoid(o) * np.tanh(new_c)
        h, c = (w[t] * fresh + (1 - w[t]) * old for w, fresh, old in zip(shares, (new, new_c), (h, c), strict=True))
        out.append(h)
    return np.array(out)


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_layers_equal_the_reference(case, is_training):
    """In evaluation mode states are mixed by the mean of what is drawn, and nothing is dropped."""
    cell, rates = CASES[case]
    layer = keyed(cell, rates).train(is_training)
    x = np.random.default_rng(0).standard_normal((7, 4, I))
    output, _ = layer(x, lengths=LENGTHS)
    for b, n in enumerate(LENGTHS):
        expected = steps(cell, x[:n, b], layer.state_dict(), *draws(b, n, rates, is_training))
        ref.assert_within(1e-12, output[:n, b], expected)


@every_cell
@pytest.mark.parametrize("rates", [{"zoneout": 0.3}, {"recurrent_dropout": 0.4}, BOTH], ids=str)
def test_gradients_by_projection(cell, rates):
    layer = keyed(cell, rates, num_layers=2, bidirectional=True)
    rng = np.random.default_rng(0)
    x, d_output = rng.standard_normal((7, 4, I)), rng.standard_normal((7, 4, 2 * H))
    layer(x, lengths=LENGTHS)
    layer.zero_grad()
    d_x, _ = layer.backward(d_output)
    weights, d_weights = layer.state_dict(), {name: array.copy() for name, array in layer.grads.items()}

    def loss(x, weights):
        layer.load_state_dict(weights)
        return (layer(x, lengths=LENGTHS)[0] * d_output).sum()

    for _ in range(3):
        v_x, v = rng.standard_normal(x.shape), {name: rng.standard_normal(a.shape) for name, a in weights.items()}
        ends = [loss(x + e * v_x, {name: a + e * v[name] for name, a in weights.items()}) for e in (1e-6, -1e-6)]
        expected = (d_x * v_x).sum() + sum((d_weights[name] * v[name]).sum() for name in weights)
        ref.assert_within(1e-7, (ends[0] - ends[1]) / 2e-6, expected)


@every_cell
def test_without_rates_layers_are_the_plain_ones(cell):
    x = np.random.default_rng(0).standard_normal((7, 4, I)).astype(np.float32)
    plain, dropped = (LAYERS[cell](I, H, random_state=0, recurrent_dropout=rate) for rate in (0.0, 0.5))
    assert_same_bits(dropped.eval()(x)[0], plain(x)[0])
    assert (dropped.train()(x)[0] != plain(x)[0]).any()


@every_cell
def test_to_predict_what_is_dropped_takes_no_memory(cell):
    x, peaks = np.ones((9000, 4, 3), np.float32), []
    for rate in (0.0, 0.5):
        layer = LAYERS[cell](3, 40, random_state=0, recurrent_dropout=rate).eval()
        layer(x[:5])  # compiled now
        tracemalloc.start()
        layer(x)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_a_call_draws_anew():
    layer, x = LSTM(I, H, random_state=0, **BOTH), np.ones((5, 2, I))
    first, second = layer(x)[0], layer(x)[0]
    assert (first != second).any()
    assert (first[:, 0] != first[:, 1]).any()  # each sequence has masks of its own
    assert_same_bits(LSTM(I, H, random_state=0, **BOTH)(x)[0], first)


# --------------------------------------------------------------------------------------------------- estimators


@every_cell
@pytest.mark.parametrize("kind", KINDS)
def test_in_every_estimator(kind, cell, tmp_path):
    """Other than without noise; the same bits for any number of threads, in streams, and from a file."""
    data = data_for(kind)
    one, two = (make_estimator(kind, cell=cell, n_jobs=n, **BOTH).fit(*data) for n in (1, 2))
    assert_same_bits(one.network_.theta, two.network_.theta)
    assert (one.network_.theta != make_estimator(kind, cell=cell).fit(*data).network_.theta).any()
    fastrnn.save(one, tmp_path / "model")
    again = fastrnn.load(tmp_path / "model")
    assert (again.zoneout, again.recurrent_dropout) == (0.3, 0.4)
    if hasattr(one, "predict"):
        given = data[:1] if kind != "forecaster" else ()
        for a, b in zip(again.predict(*given), one.predict(*given), strict=True):
            assert np.array_equal(a, b)


@every_cell
def test_a_stream_says_what_predict_says(cell):
    X, y = labelled(12)
    Y = [np.full(len(x), label) for x, label in zip(X, y, strict=True)]
    tagger = SequenceTagger(cell=cell, num_layers=2, bidirectional=False, crf=False, **SMALL, **BOTH).fit(X, Y)
    stream = tagger.stream()
    for x, expected in zip(X[:3], tagger.predict_proba(X[:3]), strict=True):
        stream.reset()
        assert_same_bits(np.array([stream.step(step) for step in x]), expected)


@pytest.mark.parametrize("rates", [{"zoneout": 0.5}, {"recurrent_dropout": 0.5}], ids=str)
def test_each_epoch_draws_anew_and_a_resumed_fit_goes_on(rates):
    X, y = labelled(20)
    options = {**SMALL, **rates, "shuffle": False, "learning_rate": "constant", "dropout": 0.0}
    still = SequenceClassifier(**{**options, "learning_rate_init": 1e-12, "max_iter": 2}).fit(X, y)
    assert abs(np.diff(still.loss_curve_))[0] > 1e-6
    whole = SequenceClassifier(**{**options, "max_iter": 4}).fit(X, y)
    halves = SequenceClassifier(**{**options, "max_iter": 2}, warm_start=True).fit(X, y).set_params(max_iter=4)
    assert len(whole.loss_curve_) == 4 and np.isfinite(halves.fit(X, y).loss_curve_).all()


def test_lbfgs_draws_nothing():
    X, y = labelled(20)
    options = {**SMALL, "solver": "lbfgs", "max_iter": 5}
    plain, dropped = (SequenceClassifier(**options, recurrent_dropout=rate).fit(X, y) for rate in (0.0, 0.5))
    np.testing.assert_allclose(dropped.loss_curve_, plain.loss_curve_, rtol=1e-4)


def test_they_keep_a_small_set_from_being_learned_by_heart():
    X, y = ragged(30), np.arange(30) % 2
    options = {"hidden_size": 32, "max_iter": 60, "random_state": 0}
    plain = SequenceClassifier(**options, recurrent_dropout=0.0).fit(X, y).loss_curve_[-1]
    for rates in ({"zoneout": 0.5, "recurrent_dropout": 0.0}, {"recurrent_dropout": 0.5}):
        assert SequenceClassifier(**options, **rates).fit(X, y).loss_curve_[-1] > 2 * plain


def test_summary_and_gates():
    X, y = labelled(12)
    model = SequenceClassifier(cell="lstm", **SMALL, **BOTH).fit(X, y)
    assert "LSTM, 1 level" in str(model.summary())
    display = GateActivationsDisplay.from_estimator(model, X[0])
    assert {"i", "f", "g", "o", "c", "h"} <= display.activations.keys()


def test_wrong_input():
    X, y = labelled(12)
    with pytest.raises(ValueError, match="zoneout=0.1 is for cell='rnn', 'lstm' and 'gru', but cell='slstm'"):
        SequenceClassifier(cell="slstm", zoneout=0.1).fit(X, y)
    with pytest.raises(ValueError, match="recurrent_dropout=0.1 does not go with missing='decay'"):
        SequenceClassifier(missing="decay", bidirectional=False, recurrent_dropout=0.1).fit(X, y)
    for name in BOTH:
        with pytest.raises(ValueError, match=f"'{name}' parameter of SequenceClassifier must be a float in the range"):
            SequenceClassifier(**{name: 1.0}).fit(X, y)
        with pytest.raises(ValueError, match=rf"{name} must be in \[0, 1\); got -1"):
            GRU(3, 4, **{name: -1})
        with pytest.raises(ValueError, match=f"{name}=0.1 is for the plain RNN, LSTM and GRU"):
            LSTM(3, 4, peephole=True, **{name: 0.1})
        model = SequenceClassifier(warm_start=True, **SMALL).fit(X, y).set_params(**{name: 0.5})
        with pytest.raises(ValueError, match=name):
            model.fit(X, y)


@pytest.mark.parametrize("export", [to_torch, to_keras, to_onnx])
def test_where_zoneout_cannot_go(export):
    X, y = labelled(12)
    options = {"cell": "lstm", "bidirectional": False, **SMALL}
    with pytest.raises(ValueError, match="zoneout=0.1 mixes old and new states"):
        export(SequenceClassifier(zoneout=0.1, **options).fit(X, y))
    if export is not to_onnx:
        back, plain = (from_torch if export is to_torch else from_keras), SequenceClassifier(**options).fit(X, y)
        with pytest.raises(ValueError, match="zoneout=0.1 mixes old and new states"):
            back(SequenceClassifier(zoneout=0.1, **options), export(plain))
    if export is to_torch:
        assert export(SequenceClassifier(recurrent_dropout=0.1, **options).fit(X, y))


def test_gradients_are_drawn_without_dropout_and_not_with_zoneout():
    X, y = labelled(12)
    model = SequenceClassifier(recurrent_dropout=0.5, **SMALL).fit(X, y)
    display, again = (GradientFlowDisplay.from_estimator(model, X, y) for _ in range(2))
    for name, norms in display.norms.items():
        assert_same_bits(np.array(norms), np.array(again.norms[name]))
    assert model.network_.encoder.recurrent.cell.recurrent_dropout == 0.5
    with pytest.raises(ValueError, match="zoneout=0.5 mixes states between steps"):
        GradientFlowDisplay.from_estimator(SequenceClassifier(zoneout=0.5, **SMALL).fit(X, y), X, y)


def test_a_decoder_drops_nothing_where_gradients_are_drawn():
    X = [np.arange(n) % 7 for n in (3, 6, 4, 9)]
    plain, noisy = (SequenceToSequence(recurrent_dropout=rate, **SMALL).fit(X, X) for rate in (0.0, 0.5))
    plain.network_.theta[:] = noisy.network_.theta
    plain.network_.changed()
    expected, found = (GradientFlowDisplay.from_estimator(model, X, X).norms for model in (plain, noisy))
    for name, norms in expected.items():
        np.testing.assert_allclose(found[name], norms, rtol=1e-4)


def test_any_number_of_threads_for_a_layer():
    x, found = np.random.default_rng(0).standard_normal((30, 40, 8)).astype(np.float32), []
    for n in (1, 2):
        layer = LSTM(8, 16, 2, bidirectional=True, random_state=0, **BOTH)
        with threads.limit(n):
            layer.zero_grad()
            layer.backward(np.ones_like(layer(x)[0]))
        found.append(layer.grads)
    for name, array in found[0].items():
        assert_same_bits(array, found[1][name])


def test_a_forecaster_and_an_outlier_detector():
    y = np.sin(np.arange(200) / 5)
    plain = SequenceForecaster(horizon=5, context=20, **SMALL).fit(y).predict()
    for rates in ({"zoneout": 0.3}, {"recurrent_dropout": 0.3}):
        assert (SequenceForecaster(horizon=5, context=20, **SMALL, **rates).fit(y).predict() != plain).any()
        detector = SequenceOutlierDetector(method="forecast", **SMALL, **rates).fit(ragged(12))
        assert np.isfinite(detector.score_samples(ragged(12))).all()


NUMBERS = {"embedding_dim": None}
TOKENS = {"embedding_dim": 3}


@pytest.mark.parametrize("make", [SequenceClassifier, SequenceTagger])
@pytest.mark.parametrize(
    ("options", "rate"),
    [
        (NUMBERS, 0.2), (NUMBERS | {"cell": "rnn"}, 0.2), (NUMBERS | {"cell": "lstm"}, 0.2), (TOKENS, 0.0),
        (NUMBERS | {"cell": "mingru"}, 0.0), (NUMBERS | {"cell": "lstm", "proj_size": 2}, 0.0),
        (NUMBERS | {"cell": "gru", "bidirectional": False, "missing": "decay"}, 0.0),
    ],
    ids=str,
)  # fmt: skip
def test_by_default_numbers_are_read_with_some(make, options, rate, tmp_path):
    X = ragged(6) if options["embedding_dim"] is None else [np.arange(T) % 3 for T in (3, 5, 2, 4, 3, 4)]
    y = [np.arange(len(x)) % 2 for x in X] if make is SequenceTagger else np.arange(6) % 2
    options = {"hidden_size": 4, "max_iter": 2, "random_state": 0} | options
    model, said = make(**options).fit(X, y), make(**options, recurrent_dropout=rate).fit(X, y)
    assert_same_bits(model.network_.theta, said.network_.theta)
    other = make(**options, recurrent_dropout=0.0).fit(X, y)
    assert (other.loss_curve_ == model.loss_curve_) == (rate == 0)
    fastrnn.save(model, tmp_path / "model")
    again = fastrnn.load(tmp_path / "model")
    assert again._shape["recurrent_dropout"] == rate and clone(again).recurrent_dropout == "auto"
    assert_same_bits(again.network_.theta, model.network_.theta)


def test_a_regressor_has_none():
    """Its answers are exact numbers."""
    X, options = ragged(6), {"hidden_size": 4, "max_iter": 2, "random_state": 0}
    model = SequenceRegressor(**options).fit(X, np.arange(6.0))
    drops = SequenceRegressor(**options, recurrent_dropout="auto").fit(X, np.arange(6.0))
    assert model.recurrent_dropout == 0 and model.loss_curve_ != drops.loss_curve_
