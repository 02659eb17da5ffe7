"""Pictures of models: how they were trained, what goes on inside, where they look, and what they believe.

Six files.  On the way back through a plain RNN the gradient should shrink faster than through an LSTM
whose forget gates were opened; the LSTM that reads a sentence should believe "plural" from its subject
on, whatever nouns come between, and some of its units should hold that to the end; and for each figure
of a date its translator should look where that part of the date is written.
"""

import argparse
import tempfile
from datetime import date
from pathlib import Path

import matplotlib
import numpy as np

from fastrnn import SequenceClassifier, SequenceForecaster, SequenceRegressor, SequenceToSequence
from fastrnn.datasets import NUMBER_AGREEMENT_VOCABULARY as WORDS
from fastrnn.datasets import load_air_passengers, load_japanese_vowels, make_adding_problem, make_number_agreement
from fastrnn.inspection import (
    AttentionDisplay,
    ForecastDisplay,
    GateActivationsDisplay,
    GradientFlowDisplay,
    ProbabilitiesDisplay,
    TrainingCurveDisplay,
)
from fastrnn.preprocessing import Tokenizer

matplotlib.use("Agg")  # files, and no windows


def training_curve(epochs):
    """Two models in the same axes."""
    X, y = load_japanese_vowels(split="train")
    display = None
    for cell in ("rnn", "gru"):
        clf = SequenceClassifier(cell=cell, early_stopping=True, max_iter=epochs, random_state=0).fit(X, y)
        axes = {} if display is None else {"ax": display.ax_, "score_ax": display.score_ax_}
        display = TrainingCurveDisplay.from_estimator(clf, label=cell.upper(), **axes)
    return display


def gradient_flow(epochs):
    """Networks as drawn, and an LSTM whose forget gates were opened: their biases are 3."""
    from matplotlib.pyplot import subplots

    X, y = make_adding_problem(n_samples=20, n_steps=60, random_state=0)
    _, axes = subplots(1, 3, figsize=(10, 3.5), sharey=True, layout="constrained")
    for ax, name in zip(axes, ("RNN", "LSTM", "LSTM, gates open"), strict=True):
        reg = SequenceRegressor(cell=name[:4].strip(", ").lower(), max_iter=1, learning_rate_init=1e-9, random_state=0)
        reg.fit(X, y)
        if "open" in name:
            H, parameters = reg.hidden_size, reg.network_.encoder.recurrent.parameters
            parameters["bias_hh_l0"][H : 2 * H] += 3
            reg.network_.changed()
        display = GradientFlowDisplay.from_estimator(reg, X, y, ax=ax)
        ax.set_title(name)
        ax.label_outer()
    return display


def agreement(epochs):
    """A network that is to find the number of a verb, and a sentence with its label."""
    X, y = make_number_agreement(4000, max_intervening=4, random_state=0)
    clf = SequenceClassifier(
        cell="lstm", hidden_size=16, bidirectional=False, readout="last", embedding_dim=16, max_iter=epochs,
        learning_rate="cosine", random_state=0,
    ).fit(X[:-500], y[:-500])  # fmt: skip
    chosen = next(k for k in range(-500, 0) if len(X[k]) > 16 and y[k] == "plural")
    return clf, X[chosen], y[chosen]


def attention(epochs):
    """Dates in words to dates in figures, letter by letter."""
    rng = np.random.RandomState(0)
    days = [date.fromordinal(693596 + k) for k in rng.permutation(47482)[:3000]]  # 1900 to 2029
    words = [day.strftime(rng.choice(["%d %B %Y", "%B %d, %Y", "%A, %d %b %Y"])) for day in days]
    reader, writer = Tokenizer(level="char").fit(words), Tokenizer(level="char").fit([day.isoformat() for day in days])
    X, y = reader.transform(words), writer.transform([day.isoformat() for day in days])
    model = SequenceToSequence(max_iter=epochs, random_state=0).fit(X[:-1], y[:-1])
    (written,) = model.predict(X[-1:])
    names = {"source_labels": [*words[-1]], "target_labels": writer.get_feature_names_out()[written]}
    return AttentionDisplay.from_estimator(model, X[-1], written, **names)


def forecast(epochs):
    y, _ = load_air_passengers()
    forecaster = SequenceForecaster(season=12, max_iter=epochs, random_state=0).fit(y[:-24])
    return ForecastDisplay.from_estimator(forecaster, y[-24:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="fewer epochs")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="for the pictures; by default %(default)s")
    options = parser.parse_args()
    factor = 1 if options.short else 3
    clf, x, number = agreement(5 * factor)
    sentence = [WORDS[token] for token in x]
    displays = {
        "training": training_curve(10 * factor),
        "gradients": gradient_flow(1),
        "gates": GateActivationsDisplay.from_estimator(clf, x, labels=sentence),
        "probabilities": ProbabilitiesDisplay.from_estimator(clf, x, number, labels=sentence),
        "attention": attention(3 * factor),
        "forecast": forecast(20 * factor),
    }
    for name, display in displays.items():
        file = Path(options.folder, f"fastrnn_{name}.png")
        display.figure_.savefig(file)
        print(f"{file}   {type(display).__name__}")


if __name__ == "__main__":
    main()
