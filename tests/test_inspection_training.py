"""Training curves show what was recorded; gradients in states are those of numerical differentiation."""

import subprocess
import sys

import numpy as np
import pytest
import reference
from samples import assert_same_bits, labelled, ragged, tokens
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

import fastrnn.inspection
from fastrnn import (
    SequenceClassifier,
    SequenceForecaster,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
    SequenceToSequence,
    VectorToSequence,
)
from fastrnn.inspection import GradientFlowDisplay, TrainingCurveDisplay
from fastrnn.inspection.drawing import Reading
from fastrnn.preprocessing import SequenceScaler

pytest.importorskip("matplotlib").use("Agg")
pyplot = pytest.importorskip("matplotlib.pyplot")

SMALL = {"hidden_size": 3, "max_iter": 2, "dropout": 0.0, "random_state": 0, "dtype": "float64"}
X, Y = labelled(12, I=2, shortest=4, longest=4)


@pytest.fixture(autouse=True)
def no_figure_stays():
    yield
    pyplot.close("all")


# ------------------------------------------------------------------------------------------- curves


def test_the_curve_is_that_of_the_training():
    clf = SequenceClassifier(early_stopping=True, validation_fraction=0.25, **SMALL | {"max_iter": 6}).fit(X, Y)
    display = TrainingCurveDisplay.from_estimator(clf, label="GRU")
    assert display.line_.get_ydata().tolist() == clf.loss_curve_ and display.ax_.get_yscale() == "linear"
    assert display.line_.get_xdata().tolist() == list(range(1, clf.n_iter_ + 1))
    assert display.score_line_.get_ydata().tolist() == clf.validation_scores_
    best = int(np.argmax(clf.validation_scores_))
    assert (display.best_.get_xdata(), display.best_.get_ydata()) == ([best + 1], [clf.validation_scores_[best]])
    again = TrainingCurveDisplay.from_estimator(clf, label="RNN", ax=display.ax_)
    assert (again.ax_, again.score_ax_, again.figure_) == (display.ax_, display.score_ax_, display.figure_)
    assert again.line_.get_color() != display.line_.get_color()
    texts = [text.get_text() for text in again.ax_.get_legend().get_texts()]
    assert texts[:4] == [f"{name}: {part} loss" for name in ("GRU", "RNN") for part in ("training", "validation")]
    assert texts[4:] == [f"{name}: score, best in epoch {best + 1}" for name in ("GRU", "RNN")]
    assert display.validation_line_.get_ydata().tolist() == clf.validation_loss_curve_
    assert display.validation_line_.get_color() == display.line_.get_color()
    display.figure_.canvas.draw()


def test_losses_alone_and_their_scale():
    forecaster = SequenceForecaster(horizon=2, season=None, max_iter=3, hidden_size=2, random_state=0)
    display = TrainingCurveDisplay.from_estimator(forecaster.fit(np.sin(np.arange(60.0))))
    assert display.line_.get_ydata().tolist() == forecaster.loss_curve_
    assert display.score_ax_ is display.score_line_ is display.best_ is display.validation_line_ is None
    for losses, scale in (([10.0, 1.0], "log"), ([9.0, 1.0], "linear"), ([10.0, -1.0], "linear"), ([3.0], "linear")):
        assert TrainingCurveDisplay(losses=losses, scores=np.array(losses)).plot().ax_.get_yscale() == scale


# ---------------------------------------------------------------------------------------- gradients

FORWARD = {
    "lstm": reference.lstm_forward,
    "lstm_peephole": reference.lstm_forward,
    "lstm_layer_norm": reference.lstm_layer_norm_forward,
    "gru_layer_norm": reference.gru_layer_norm_forward,
    "gru": reference.gru_forward,
    "gru_reset_before": lambda x, h, p: reference.gru_forward(x, h, p, reset_after=False),
    "rnn": reference.rnn_forward,
    **{cell: reference.CELLS[cell][0] for cell in ("mingru", "minlstm", "sru")},
    "slstm": reference.slstm_forward,
}
STATES = reference.STATES


def pushed(forward, x, state, p, t, letter, push):
    """Outputs (T, H) if `push` is added to a state after step t: h for all that reads it, c for the next step."""
    h, state, _ = forward(x[: t + 1], state, p)
    parts = list(state) if isinstance(state, tuple) else [state]
    parts["hcnm".index(letter)] = parts["hcnm".index(letter)] + push
    if letter == "h":
        h[-1] += push
    rest, *_ = forward(x[t + 1 :], tuple(parts) if len(parts) > 1 else parts[0], p)
    return np.concatenate([h, rest])


def loss_of_pushed(model, x, target, name, t, push):
    """The loss of a sequence if a state is pushed t steps before its direction's end."""
    network, H = model.network_, model.hidden_size
    params, rows, bidirectional = network.encoder.recurrent.parameters.copies(), x, model.bidirectional
    for layer in range(network.encoder.recurrent.num_layers):
        directions = []
        for suffix in (f"_l{layer}", f"_l{layer}_reverse")[: 1 + bidirectional]:
            step, p = (-1 if "reverse" in suffix else 1), reference._cell_params(params, suffix)
            own = name[1:] == suffix
            n_states = len(STATES.get(model.cell, "h"))
            zeros = (np.zeros(H),) * n_states if n_states > 1 else np.zeros(H)
            at, letter, by = (len(x) - 1 - t, name[0], push) if own else (0, "h", 0 * push)
            directions.append(pushed(FORWARD[model.cell], rows[::step], zeros, p, at, letter, by)[::step])
        rows = np.concatenate(directions, axis=1)
    if network.readout is not None:
        rows = reference.readout_forward(model.readout, rows, bidirectional)[np.newaxis]
    head = network.head.parameters
    return reference.cross_entropy(rows @ head["weight"].T + head["bias"], np.atleast_1d(target))[0]


def numerical_norm(model, x, target, name, t, eps=1e-5):
    slopes = [
        (loss_of_pushed(model, x, target, name, t, eps * unit) - loss_of_pushed(model, x, target, name, t, -eps * unit))
        / (2 * eps)
        for unit in np.eye(model.hidden_size)
    ]
    return np.linalg.norm(slopes)


CASES = {
    "lstm": (SequenceClassifier, {"cell": "lstm", "bidirectional": False, "readout": "last", "dropout": 0.5}),
    "rnn": (SequenceClassifier, {"cell": "rnn", "bidirectional": False, "readout": "mean", "bptt_steps": 2}),
    "stack": (SequenceClassifier, {"num_layers": 2, "readout": "last"}),
    "max": (SequenceClassifier, {"cell": "gru_reset_before", "readout": "max", "solver": "lbfgs"}),
    "concat": (SequenceClassifier, {"cell": "lstm", "num_layers": 2, "readout": "concat"}),
    "tagger": (SequenceTagger, {"cell": "lstm", "bidirectional": True, "num_layers": 2}),
    "mingru": (SequenceClassifier, {"cell": "mingru", "num_layers": 2, "readout": "mean"}),
    "minlstm": (SequenceClassifier, {"cell": "minlstm", "bidirectional": False, "readout": "last"}),
    "sru": (SequenceTagger, {"cell": "sru", "bidirectional": False, "num_layers": 2}),
    "slstm": (SequenceClassifier, {"cell": "slstm", "bidirectional": False, "num_layers": 2, "readout": "last"}),
}


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_numerical_derivatives(name):
    kind, options = CASES[name]
    y = Y if kind is SequenceClassifier else [np.roll(np.arange(4) % 3, k) for k in range(12)]
    model = kind(**SMALL | options).fit(X, y)
    display = GradientFlowDisplay.from_estimator(model, X[3:4], y[3:4])
    letters, n_directions = STATES.get(model.cell, "h"), 1 + model.bidirectional
    n_levels = model.network_.encoder.recurrent.num_layers
    assert len(display.norms) == len(letters) * n_directions * n_levels
    for state, norms in display.norms.items():
        expected = [numerical_norm(model, model._checked(X[3:4])[0], y[3], state, t) for t in range(4)]
        np.testing.assert_allclose(norms, expected, rtol=1e-5, atol=1e-9)
        drawn = display.lines_[state].get_ydata()
        np.testing.assert_array_equal(np.nan_to_num(drawn), norms)
    assert display.ax_.get_yscale() == "log"
    display.figure_.canvas.draw()


def of_one_step():
    """Fitted models, and data of one step."""
    x, t = ragged(4, I=2, shortest=1, longest=1), tokens(4, shortest=1, longest=1)
    rnn = SMALL | {"cell": "rnn"}
    yield SequenceRegressor(**rnn), x, [1.0, 3.0, 2.0, 5.0]
    yield SequenceTagger(crf=True, bidirectional=False, **rnn), x, [["a"], ["b"], ["a"], ["b"]]
    yield SequenceToSequence(bidirectional=False, embedding_dim=4, **rnn), t, tokens(4)


def test_every_reader_of_sequences():
    """After one step of a plain RNN the bias has the gradient of h times 1 - h * h."""
    for model, x, y in of_one_step():
        model.fit(x, y)
        found = GradientFlowDisplay.from_estimator(model, x[:1], y[:1]).norms["h_l0"]
        stack, problem = model.network_.encoder.recurrent, model._problem(x[:1], y[:1], None, True)
        objective = model._objective(problem)
        objective.lay_out([np.array([0])], 0)
        objective(0)
        gradient = stack.parameters.gradient("bias_ih_l0")
        h = Reading(model.network_.encoder)(model._checked(x[:1]))[0]["h"][0, 1]
        np.testing.assert_allclose(found, [np.linalg.norm(gradient / (1 - h**2))], rtol=1e-10)
    generator = SequenceGenerator(**SMALL).fit(tokens(6))
    assert len(GradientFlowDisplay.from_estimator(generator, [[1, 2, 0]]).norms["h_l0"]) == 4  # with the beginning


def test_the_mean_counts_from_the_end_and_nothing_changes():
    x, y = labelled(9, I=2)
    clf = SequenceClassifier(**SMALL | {"dtype": "float32", "dropout": 0.5}).fit(x, y)
    theta, said = clf.network_.theta.copy(), clf.predict_proba(x)
    gradient = clf.network_.gradient.copy()
    figure, ax = pyplot.subplots()
    whole = GradientFlowDisplay.from_estimator(clf, x[:3], y[:3], ax=ax)
    assert whole.ax_ is ax and whole.figure_ is figure
    alone = [
        GradientFlowDisplay.from_estimator(clf, x[k : k + 1], y[k : k + 1]).norms["h_l0_reverse"] for k in range(3)
    ]
    for t, norm in enumerate(whole.norms["h_l0_reverse"]):
        assert norm == pytest.approx(np.mean([norms[t] for norms in alone if t < len(norms)]), rel=1e-12)
    assert_same_bits(clf.network_.theta, theta)
    assert_same_bits(clf.network_.gradient, gradient)
    assert_same_bits(clf.predict_proba(x), said)
    assert clf.dropout == clf.network_.dropout == 0.5


# ------------------------------------------------------------------------------------------- errors


def test_what_cannot_be_drawn():
    pipe = make_pipeline(SequenceScaler(), SequenceClassifier(**SMALL)).fit(X, Y)
    vectors = VectorToSequence(hidden_size=2, max_iter=1, random_state=0).fit(np.eye(3), tokens(3))
    stream = SequenceGenerator(stateful=True, hidden_size=2, max_iter=1).fit(np.arange(40) % 3)
    for wrong in (pipe, vectors, stream):
        with pytest.raises(TypeError, match="GradientFlowDisplay is of a model that reads sequences"):
            GradientFlowDisplay.from_estimator(wrong, X, Y)
    with pytest.raises(TypeError, match=r"with a loss_curve_; got a Pipeline: of a Pipeline pass .*pipe\[-1\]"):
        TrainingCurveDisplay.from_estimator(pipe)
    for draw in (TrainingCurveDisplay.from_estimator, lambda model: GradientFlowDisplay.from_estimator(model, X, Y)):
        with pytest.raises(NotFittedError):
            draw(SequenceClassifier())
    with pytest.raises(ValueError, match="y has the labels"):
        GradientFlowDisplay.from_estimator(pipe[-1], X, Y + 7)
    with pytest.raises(ValueError, match=r"X\[0\] has 3 features"):
        GradientFlowDisplay.from_estimator(pipe[-1], ragged(3), Y[:3])


def test_matplotlib_is_asked_for_only_to_draw():
    code = """
import sys
sys.modules["matplotlib"] = None
from fastrnn.inspection import *
from fastrnn import SequenceClassifier
try:
    TrainingCurveDisplay(losses=[1, 2]).plot()
except ImportError as error:
    assert str(error) == 'TrainingCurveDisplay draws with matplotlib: pip install "matplotlib>=3.9"'
else:
    raise SystemExit("no error")
for display, data in ((TrainingCurveDisplay, []), (GradientFlowDisplay, [0]), (GateActivationsDisplay, [0]),
                      (AttentionDisplay, [0]), (ProbabilitiesDisplay, [0]), (AttributionDisplay, [0]),
                      (ImportanceDisplay, [0, 0])):
    try:
        display.from_estimator(SequenceClassifier(), *data)
    except ImportError as error:
        assert display.__name__ in str(error)
    else:
        raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len([name for name in fastrnn.inspection.__all__ if name.endswith("Display")]) == 8
