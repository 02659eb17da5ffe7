"""Pictures of models: how they were trained, what goes on inside, where they look, and what they believe.

Six files.  On the way back through a plain RNN the gradient should shrink by the same factor at every
step, and hardly at all through an LSTM whose forget gates were opened.  Of a sentence most units of a
trained LSTM should hold to the end what its subject was, singular or plural, whatever nouns come
between.  A classifier of speakers should change its mind in the course of a vowel.  And for each figure
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
        display = TrainingCurveDisplay.from_estimator(clf, label=cell.upper(), ax=display and display.ax_)
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


def gates(epochs):
    """Of a network that is to find the number of a verb, after the beginning of its sentence."""
    X, y = make_number_agreement(4000, max_intervening=4, random_state=0)
    clf = SequenceClassifier(
        cell="lstm", hidden_size=16, bidirectional=False, readout="last", embedding_dim=16, max_iter=epochs,
        learning_rate="cosine", random_state=0,
    ).fit(X[:-500], y[:-500])  # fmt: skip
    x = next(x for x in X[-500:] if len(x) > 16)
    return GateActivationsDisplay.from_estimator(clf, x, labels=[WORDS[token] for token in x])


def probabilities(epochs):
    """Of the utterance that has the model least sure among those it gets right."""
    X, y = load_japanese_vowels(split="train")
    clf = SequenceClassifier(bidirectional=False, readout="last", max_iter=epochs, random_state=0).fit(X, y)
    X, y = load_japanese_vowels(split="test")
    said = clf.predict_proba(X)
    k = np.argmin(np.where(clf.classes_[said.argmax(axis=1)] == y, said.max(axis=1), 1))
    return ProbabilitiesDisplay.from_estimator(clf, X[k], y[k])


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
    """Two years of airline passengers."""
    y, _ = load_air_passengers()
    forecaster = SequenceForecaster(season=12, random_state=0).fit(y[:-24])
    return ForecastDisplay.from_estimator(forecaster, y[-24:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="fewer epochs")
    parser.add_argument("--folder", help="for the pictures; by default a new one among temporary files")
    options = parser.parse_args()
    folder = options.folder or tempfile.mkdtemp(prefix="fastrnn-")
    drawn = {training_curve: 30, gradient_flow: 1, gates: 15, probabilities: 40, attention: 9, forecast: 60}
    for draw, epochs in drawn.items():
        display = draw(epochs // 3 if options.short else epochs)
        file = Path(folder, f"{draw.__name__}.png")
        display.figure_.savefig(file)
        print(f"{file}   {type(display).__name__}")


if __name__ == "__main__":
    main()
