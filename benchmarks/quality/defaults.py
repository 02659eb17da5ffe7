"""What estimators reach with nothing set but what must be: a forecast's horizon and season, and how text is split.

A `Tokenizer` and an estimator are the whole pipeline of words.  Of the sets without a published split, short texts,
each task is a fold of ten; five are enough.
"""

from __future__ import annotations

import gzip
import json
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedKFold

from benchmarks.quality import forecasts, tasks
from benchmarks.quality.forecasts import FORECASTS, ForecastTask, Histories
from benchmarks.quality.readers import Split, read_ts_split
from benchmarks.quality.tasks import ACCURACY, Bar, Mean, Metric, Task
from fastrnn import SequenceClassifier, SequenceForecaster
from fastrnn.metrics import smape

UNIVARIATE = (
    "Beef",
    "Car",
    "OliveOil",
    "Coffee",
    "Lightning2",
    "Chinatown",
    "GunPoint",
    "ECG200",
    "ItalyPowerDemand",
    "SyntheticControl",
)
FOLDS = 5
LINEAR = 1.01
"""How much more than the simplest forecasts, and than its own linear part, a forecast may miss."""
TRAINING = Metric("training accuracy", lambda _, score: score)


class WithTraining(Task):
    """The last bar is for the accuracy on the training part."""

    def scores(self, model, split):
        """Return a score for each bar."""
        answers = model.predict(split.X_test)
        return [ACCURACY.score(split.y_test, answers), model.score(split.X_train, split.y_train)]


class BesideLinear(ForecastTask):
    """Two bars more: MASE, sMAPE and MAPE over the better naive forecast's, and over the linear part's; the worst."""

    def scores(self, model, split):
        """Return a score for each bar."""
        own = replace(self, bars=self.bars[:-2])
        linear = deepcopy(model)
        head = linear[-1].network_.head.parameters
        head["weight"][...], head["bias"][...] = 0, 0
        linear[-1].network_.changed()
        said, of_linear = (self.forecasts(each, split) for each in (model, linear))
        simplest = [split.simplest[name] for name in ("naive", "seasonal naive") if name in split.simplest]
        over = [
            max(score(split, said) / min(score(split, other) for other in others) for score in SCORES)
            for others in (simplest, [of_linear])
        ]
        return [*super(BesideLinear, own).scores(model, split), *over]

    def forecasts(self, model, split):
        """Return the forecasts (m, horizon) at all cut-offs."""
        if all(len(y) == n + split.horizon for y, n in zip(split.series, split.known, strict=True)):
            return np.stack(model[-1].predict(split.horizon))  # of series too short for a backtest as well
        return super().forecasts(model, split)


SCORES = (forecasts._mase, lambda split, said: smape(split.came, said), forecasts._mape)


# Readers


def _fold(data, name, fold):
    """A fold of ten of a set of labelled texts."""
    with gzip.open(Path(data) / name / f"{name}.tsv.gz", "rt", encoding="utf-8") as lines:
        labels, texts = zip(*(line.rstrip("\n").split("\t") for line in lines), strict=True)
    X, y = np.array(texts, object), np.array(labels)
    train, test = list(StratifiedKFold(10, shuffle=True, random_state=0).split(X, y))[fold]
    return Split(X[train], y[train], X[test], y[test])


def _m1(data, period):
    with gzip.open(Path(data) / "M1" / "m1.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if row["period"].lower() == period]
    series = [np.array(row["train"] + row["test"], float) for row in rows]
    return Histories.of(series, [len(row["train"]) for row in rows], rows[0]["horizon"], rows[0]["season"])


# Tasks


def _accuracy(name, floor):
    bars = Bar(ACCURACY, floor), Bar(TRAINING, 0.95)
    return WithTraining(name, partial(read_ts_split, name=name), SequenceClassifier, bars)


def _texts(name, floor):
    folds = (partial(_fold, name=name, fold=fold) for fold in range(FOLDS))
    bars = (Bar(ACCURACY, floor - 0.03),)
    return [Task(f"{name} {k}", read, SequenceClassifier, bars, tokenizer={}, seeds=1) for k, read in enumerate(folds)]


def _from(name, *floors, tokenizer=None):
    """Return a task of the rows with chosen settings, for defaults."""
    task = next(task for task in tasks.TASKS if task.name == name)
    bars = tuple(replace(bar, floor=floor) for bar, floor in zip(task.bars, floors, strict=True))
    return replace(task, bars=bars, tokenizer=task.tokenizer if tokenizer is None else tokenizer, seconds=600)


def _forecast(name, read, *bars):
    over = [
        forecasts._bar("worst of MASE, sMAPE, MAPE over the naive", None, LINEAR),
        forecasts._bar("and over the linear part's", None, LINEAR),
    ]
    return BesideLinear(name, read, SequenceForecaster, (*bars, *over), seconds=600)


def _of(name):
    return next(task.read for task in FORECASTS if task.name.startswith(name))


MASE = partial(forecasts._bar, "MASE", forecasts._mase)
MAPE = partial(forecasts._bar, "MAPE, %", forecasts._mape)

DEFAULTS = (
    *(_accuracy(name, 0.60) for name in UNIVARIATE),
    _accuracy("JapaneseVowels", 0.965),
    _accuracy("BasicMotions", 1.0),
    *_texts("sentence_polarity", 0.785),
    *_texts("subjectivity", 0.92),
    _from("SNIPS intents", 0.975, tokenizer={}),
    _from("names18", 0.845, tokenizer={}),
    _from("EWT words", 0.945, tokenizer={}),
    _from("SNIPS slots", 0.94, tokenizer={}),
    _from("JSB chorales", 8.45),
    _from("tinyshakespeare", 1.55),
    _from("makemore-names", 1.95),
    *(_from(f"G2P {language}", 100.0) for language in tasks.G2P_LANGUAGES),
    _from("SCAN simple", 0.998),
    _from("RNNLG restaurant", 0.72, 1.0),
    _forecast("M1 yearly", partial(_m1, period="yearly"), MASE(3.40)),
    _forecast("M1 quarterly", partial(_m1, period="quarterly"), MASE(1.62)),
    _forecast("M1 monthly", partial(_m1, period="monthly"), MASE(1.05)),
    _forecast("AirPassengers", _of("AirPassengers"), MAPE(6.9)),
    _forecast("Hospital", _of("Hospital"), forecasts._bar("MAE", forecasts._mae, 18.2), *forecasts.COVERAGES),
    _forecast("ETTh1", _of("ETTh1"), forecasts._bar("MSE", forecasts._standardised_mse, 0.0278)),
    _forecast("ExchangeRate", _of("ExchangeRate")),
    _forecast("M4-Hourly", _of("M4-Hourly"), MASE(0.85), *forecasts.COVERAGES),
)
MUST = {
    "JSB chorales": {"bidirectional": False},
    "M1 yearly": {"horizon": 6, "season": 1},
    "M1 quarterly": {"horizon": 8, "season": 4},
    "M1 monthly": {"horizon": 18, "season": 12},
    "AirPassengers": {"horizon": 24, "season": 12},
    "Hospital": {"horizon": 12, "season": 12},
    "ETTh1": {"horizon": 24, "season": 24},
    "ExchangeRate": {"horizon": 24},
    "M4-Hourly": {"horizon": 48, "season": [24, 168]},
}
"""What a forecast cannot do without, or a set has with it; and that the frames to come are not to be seen."""
MEANS = (
    Mean("ten univariate sets", UNIVARIATE, Bar(ACCURACY, 0.89)),
    *(
        Mean(name, tuple(f"{name} {fold}" for fold in range(FOLDS)), Bar(ACCURACY, floor))
        for name, floor in (("sentence_polarity", 0.785), ("subjectivity", 0.92))
    ),
    Mean("G2P mean", tuple(f"G2P {language}" for language in tasks.G2P_LANGUAGES), Bar(tasks.WORD_ERROR, 7.8)),
)
