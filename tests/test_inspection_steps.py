"""Gates are those of the reference; maps and lines show what the models say."""

import numpy as np
import pytest
import reference
from samples import assert_same_bits, labelled, marked, ragged, sorted_twice, tokens
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from fastrnn import (
    SequenceClassifier,
    SequenceForecaster,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
    SequenceToSequence,
)
from fastrnn.inspection import AttentionDisplay, GateActivationsDisplay, ProbabilitiesDisplay
from fastrnn.preprocessing import SequenceScaler

pytest.importorskip("matplotlib").use("Agg")
pyplot = pytest.importorskip("matplotlib.pyplot")

SMALL = {"hidden_size": 5, "max_iter": 1, "random_state": 0}
X, Y = labelled(12, shortest=2)


@pytest.fixture(autouse=True)
def no_figure_stays():
    yield
    pyplot.close("all")


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


# -------------------------------------------------------------------------------------------- gates


def of_reference(cell, x, p, H, nonlinearity):
    """Activations (T, H) of one direction, by name."""
    if cell == "lstm_layer_norm":
        h, _, (_, steps, *_) = reference.lstm_layer_norm_forward(x, (np.zeros(H), np.zeros(H)), p)
        gates = np.array([step[2] for step in steps])
        return {
            "h": h,
            "c": np.array([step[1] for step in steps]),
            **dict(zip("ifgo", gates.swapaxes(0, 1), strict=True)),
        }
    if cell == "gru_layer_norm":
        h, _, (_, _, gates, *_) = reference.gru_layer_norm_forward(x, np.zeros(H), p)
        return {"h": h, **dict(zip("rzn", gates.swapaxes(0, 1), strict=True))}
    if cell.startswith("lstm"):
        h, _, (_, _, c, gates, _) = reference.lstm_forward(x, (np.zeros(H), np.zeros(H)), p)
        return {"h": h, "c": c[1:], **dict(zip("ifgo", gates.swapaxes(0, 1), strict=True))}
    if cell == "rnn":
        return {"h": reference.rnn_forward(x, np.zeros(H), p, nonlinearity)[0]}
    if cell == "sru":
        h, _, (_, c, gates, _) = reference.sru_forward(x, (np.zeros(H), np.zeros(H)), p)
        return {"h": h, "c": c[1:], **dict(zip("gfr", gates.swapaxes(0, 1)[:3], strict=True))}
    if cell in ("mingru", "minlstm"):
        h, _, (_, _, sums, _) = reference.CELLS[cell][0](x, np.zeros(H), p)
        *gates, n = sums.swapaxes(0, 1)
        gates = [*map(reference.sigmoid, gates)]
        shares = {"z": gates[0]} if cell == "mingru" else {k: a / sum(gates) for k, a in zip("fi", gates, strict=True)}
        return {"h": h, "n": reference.positive(n)[0], **shares}
    h, _, (_, _, gates, *_) = reference.gru_forward(x, np.zeros(H), p, reset_after=cell == "gru")
    return {"h": h, **dict(zip("rzn", gates.swapaxes(0, 1), strict=True))}


CELLS = {"lstm": "ifogch", "gru": "rznh", "gru_reset_before": "rznh", "rnn": "h"}
CELLS |= {"mingru": "znh", "minlstm": "ifnh", "sru": "rfgch"}
CELLS |= {"lstm_peephole": CELLS["lstm"], "lstm_layer_norm": CELLS["lstm"], "gru_layer_norm": CELLS["gru"]}


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("float64", 1e-12)])
@pytest.mark.parametrize("cell", CELLS)
def test_gates_are_those_of_the_reference(cell, dtype, tolerance):
    options = {"cell": cell, "num_layers": 2, "nonlinearity": "relu", "dropout": 0.3, "dtype": dtype}
    model = SequenceTagger(bidirectional=True, **options, **SMALL).fit(X, [np.arange(len(x)) % 2 for x in X])
    said = model.predict_proba(X)
    params, rows = model.network_.encoder.recurrent.parameters.copies(), model._checked(X)[1]
    for layer in ("l0", "l1"):
        both = []
        for name, step in ((layer, 1), (f"{layer}_reverse", -1)):
            expected = of_reference(cell, rows[::step], reference._cell_params(params, f"_{name}"), 5, "relu")
            display = GateActivationsDisplay.from_estimator(model, X[1], layer=name)
            assert list(display.images_) == list(display.axes_) == list(CELLS[cell])
            assert display.activations.keys() == expected.keys()
            for gate, values in expected.items():
                reference.assert_within(tolerance, display.activations[gate], values[::step], gate)
                seen = np.tanh(values) if gate == "c" else values
                reference.assert_within(tolerance, display.images_[gate].get_array(), seen[::step].T, gate)
                every = [np.abs(display.activations[name]).max() for name in "ngh" if name in expected]
                high = 1 if gate in "rzifo" else max(1, *every)
                assert display.images_[gate].get_clim() == (0 if gate in "rzifo" else -high, high)
            both.append(expected["h"][::step])
        rows = np.concatenate(both, axis=1)
    display.figure_.canvas.draw()
    assert_same_bits(model.predict_proba(X), said)
    assert model.network_.dropout == 0.3


def test_steps_have_names():
    X = tokens(6, shortest=3)
    model = SequenceToSequence(**SMALL).fit(X, X)
    names = [f"word {k}" for k in X[0]]
    display = GateActivationsDisplay.from_estimator(model, X[0], labels=names)
    assert ticks(display.axes_["h"].xaxis) == names and display.axes_["h"].get_xlabel() == "step"
    generator = SequenceGenerator(bias=False, **SMALL).fit(X)
    shown = GateActivationsDisplay.from_estimator(generator, X[1]).activations["h"]
    assert len(shown) == len(X[1]) + 1  # the beginning is read first
    again = GateActivationsDisplay.from_estimator(generator, X[1][:2]).activations["h"]
    np.testing.assert_array_equal(again, shown[:3])


# ---------------------------------------------------------------------------------------- attention


def test_the_map_is_the_models_attention():
    X, y = tokens(20, shortest=2), tokens(20, seed=1)
    model = SequenceToSequence(hidden_size=8, max_iter=2, random_state=0).fit(X, y)
    display = AttentionDisplay.from_estimator(model, X[3], y[3], source_labels=[*"abcdefghi"[: len(X[3])]])
    expected = model.attention_weights(X[3:4], y[3:4])[0]
    assert_same_bits(display.image_.get_array().data, expected)
    assert ticks(display.ax_.xaxis) == [*"abcdefghi"[: len(X[3])]]
    assert ticks(display.ax_.yaxis) == [*map(str, range(len(y[3]))), "end"]
    display.figure_.canvas.draw()
    figure, ax = pyplot.subplots()
    names = [f"t{k}" for k in model.predict(X[3:4])[0]]
    display = AttentionDisplay.from_estimator(model, X[3], target_labels=names, ax=ax)
    assert_same_bits(display.image_.get_array().data, model.attention_weights(X[3:4])[0])
    assert display.ax_ is ax and display.figure_ is figure and ticks(ax.yaxis) == [*names, "end"]
    with pytest.raises(ValueError, match="target_labels, with the end, has 2 names, but there are"):
        AttentionDisplay.from_estimator(model, X[3], y[3], target_labels=["a"])
    with pytest.raises(ValueError, match="static is for a classifier or regressor"):
        AttentionDisplay.from_estimator(model, X[3], y[3], static=[[1.0]])
    with pytest.raises(ValueError, match="this model has None"):
        AttentionDisplay.from_estimator(SequenceToSequence(attention=None, **SMALL).fit(X, y), X[0])


# ------------------------------------------------------------------------------------ probabilities


def drawn(display):
    return np.stack([line.get_ydata() for line in display.lines_.values()], axis=1)


@pytest.mark.parametrize("ahead", [False, True])
def test_a_classifier_is_shown_each_beginning(ahead):
    clf = SequenceClassifier(bidirectional=ahead, **SMALL).fit(X, Y)
    display = ProbabilitiesDisplay.from_estimator(clf, X[4], Y[4])
    assert_same_bits(drawn(display), np.concatenate([clf.predict_proba([X[4][:t]]) for t in range(1, len(X[4]) + 1)]))
    if not ahead:
        stream = clf.stream()
        assert_same_bits(drawn(display), np.stack([stream.step(x_t) for x_t in X[4]]))
    marked = {name: line.get_markevery() for name, line in display.lines_.items() if line.get_marker() == "o"}
    assert marked == {Y[4]: list(range(len(X[4])))} and display.other_line_ is None
    display.figure_.canvas.draw()


def test_the_steps_of_a_tagger():
    y = [np.array(["a", "b", "c"])[np.arange(len(x)) % 3] for x in X]
    tagger = SequenceTagger(crf=True, **SMALL).fit(X, y)
    figure, ax = pyplot.subplots()
    display = ProbabilitiesDisplay.from_estimator(tagger, X[2], y[2], labels=[*y[2]], ax=ax)
    assert_same_bits(drawn(display), tagger.predict_proba(X[2:3])[0])
    for name, line in display.lines_.items():
        assert line.get_markevery() == np.flatnonzero(y[2] == name).tolist()
    assert display.ax_ is ax and display.figure_ is figure and ticks(ax.xaxis) == [*y[2]]


def test_several_labels_a_step():
    rng = np.random.default_rng(0)
    y = [rng.integers(0, 2, (len(x), 4)) for x in X]
    tagger = SequenceTagger(**SMALL).fit(X, y)
    display = ProbabilitiesDisplay.from_estimator(tagger, X[2], y[2], max_classes=4)
    assert_same_bits(drawn(display), tagger.predict_proba(X[2:3])[0])
    for k, line in display.lines_.items():
        assert line.get_markevery() == np.flatnonzero(y[2][:, k]).tolist()
    assert ProbabilitiesDisplay.from_estimator(tagger, X[2], max_classes=2).other_line_ is None


def test_several_labels_of_a_sequence_are_lines_each_by_itself():
    X, y = marked(12)
    clf = SequenceClassifier(**SMALL).fit(X, y)
    display = ProbabilitiesDisplay.from_estimator(clf, X[-1], y[-1])
    np.testing.assert_array_equal(drawn(display)[-1], clf.predict_proba(X[-1:])[0])
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == [f"{k}{' (dots: true)' * y[-1][k]}" for k in range(3)] and display.other_line_ is None
    with pytest.raises(ValueError, match="expected one of"):
        ProbabilitiesDisplay.from_estimator(clf, X[-1], y[-1][:2])
    columns = SequenceClassifier(**SMALL).fit(*sorted_twice(12))
    with pytest.raises(TypeError, match="and one label or labels of 0 and 1; got a SequenceClassifier"):
        ProbabilitiesDisplay.from_estimator(columns, X[0])


def test_many_classes_are_summed():
    said = np.array([[0.1, 0.2, 0.3, 0.4], [0.05, 0.25, 0.1, 0.6]])
    truth = np.array([[True, False, False, False]] * 2)
    display = ProbabilitiesDisplay(probabilities=said, classes=[*"abcd"], truth=truth, max_classes=2).plot()
    assert list(display.lines_) == ["a", "d"]
    np.testing.assert_allclose(display.other_line_.get_ydata(), [0.5, 0.35])
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["a (dots: true)", "d", "all others"]
    many = ProbabilitiesDisplay(probabilities=np.full((2, 20), 0.05), classes=np.arange(20), max_classes=20).plot()
    assert len({(line.get_color(), line.get_linestyle()) for line in many.lines_.values()}) == 20


def test_a_pipeline_scales_each_beginning():
    pipe = make_pipeline(SequenceScaler(), SequenceClassifier(**SMALL)).fit(X, Y)
    display = ProbabilitiesDisplay.from_estimator(pipe, X[0], Y[0])
    np.testing.assert_array_equal(drawn(display)[-1], pipe.predict_proba(X[:1])[0])


# ------------------------------------------------------------------------------------------- errors

CLF = SequenceClassifier(**SMALL).fit(X, Y)
SERIES = SequenceForecaster(horizon=2, season=None, **SMALL).fit(np.sin(np.arange(60.0)))
REG = SequenceRegressor(**SMALL).fit(X, Y)
WRONG = {
    "gates of series": (GateActivationsDisplay, SERIES, X[0], {}, TypeError, "got a SequenceForecaster"),
    "gates of no model": (GateActivationsDisplay, make_pipeline(CLF), X[0], {}, TypeError, r"pipe\[-1\]"),
    "gates unfitted": (GateActivationsDisplay, SequenceClassifier(), X[0], {}, NotFittedError, "not fitted"),
    "gates of many": (GateActivationsDisplay, CLF, X, {}, ValueError, r"x holds 12 sequences.*pass x\[0\]"),
    "layer": (GateActivationsDisplay, CLF, X[0], {"layer": "l1"}, ValueError, "this model has l0, l0_reverse"),
    "labels": (GateActivationsDisplay, CLF, X[0], {"labels": ["a"]}, ValueError, "labels has 1 names"),
    "width": (GateActivationsDisplay, CLF, X[0][:, :2], {}, ValueError, "has 2 features"),
    "attention": (AttentionDisplay, CLF, X[0], {}, ValueError, "needs readout='attention'; this model has 'last'"),
    "attention of series": (AttentionDisplay, SERIES, X[0], {}, TypeError, "with attention; got a SequenceForecaster"),
    "attention unfitted": (AttentionDisplay, SequenceToSequence(), X[0], {}, NotFittedError, "not fitted"),
    "numbers": (ProbabilitiesDisplay, REG, X[0], {}, TypeError, "with predict_proba, .*got a SequenceRegressor"),
    "unfitted": (ProbabilitiesDisplay, SequenceTagger(), X[0], {}, NotFittedError, "not fitted"),
    "many": (ProbabilitiesDisplay, CLF, np.ones((4, 6, 3)), {}, ValueError, "x holds 4 sequences"),
    "lists": (ProbabilitiesDisplay, CLF, [[1, 2], [3, 4, 5]], {}, ValueError, "x holds 2 sequences"),
    "empty": (ProbabilitiesDisplay, CLF, ragged(1)[0][:0], {}, ValueError, "no steps"),
    "label": (ProbabilitiesDisplay, CLF, X[0], {"y": 7}, ValueError, r"y=7; expected one of \[0, 1, 2\]"),
    "count": (ProbabilitiesDisplay, CLF, X[0], {"y": [0] * 30}, ValueError, "one for each of the"),
    "names": (ProbabilitiesDisplay, CLF, X[0], {"labels": ["a"]}, ValueError, "give a name for each"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_drawn(name):
    display, model, x, options, error, text = WRONG[name]
    with pytest.raises(error, match=text):
        display.from_estimator(model, x, **options)
