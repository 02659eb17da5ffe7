"""The tasks of the quality benchmark: what is learned from what, how it is encoded, what is asked.

Readers give what the files say; words and characters become ids in the model, by a `Tokenizer`
that knows the training part alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import accuracy_score, mean_squared_error, root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from benchmarks.quality import metrics
from benchmarks.quality.corpora import (
    G2P_LANGUAGES,
    act_vectors,
    lexicalise,
    read_dinos,
    read_ewt,
    read_g2p,
    read_jsb_chorales,
    read_makemore_names,
    read_names18,
    read_restaurant,
    read_scan,
    read_snips,
    read_tinyshakespeare,
    references,
)
from benchmarks.quality.readers import Split, read_ts_split
from benchmarks.quality.streams import Progressive, bells_right, make_bells, read_sunspots
from fastrnn import (
    SequenceClassifier,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
    SequenceToSequence,
    VectorToSequence,
)
from fastrnn.datasets import make_adding_problem, make_binary_addition
from fastrnn.metrics import span_f1_score, step_score
from fastrnn.online import OnlineClassifier, OnlineRegressor
from fastrnn.preprocessing import Tokenizer

TRANSFORMS = {"log1p": np.log1p}

# Settings that are no parameters of an estimator: what is done to X first (a name in `TRANSFORMS`),
# and how many continuations a decoder keeps.
OF_THE_MODEL = ("transform", "beam_width")


@dataclass(frozen=True)
class Metric:
    """A score of (truth, what ``method`` of the model says of X), and its direction."""

    name: str
    score: Callable
    greater_is_better: bool = True
    method: str = "predict"

    def meets(self, value, floor):
        """Say whether ``value`` is as good as ``floor``."""
        return bool(value >= floor if self.greater_is_better else value <= floor)


def exact_score(y, predicted):
    """Fraction of the sequences of which every bit is right."""
    return float(np.mean([np.array_equal(a, b > 0.5) for a, b in zip(y, predicted, strict=True)]))


def restaurant_bleu(known, predicted):
    """BLEU of sentences with their values put in; ``known`` are pairs of an act and its references."""
    sentences = [lexicalise(words, act) for (act, _), words in zip(known, predicted, strict=True)]
    return metrics.bleu([answers for _, answers in known], sentences)


def restaurant_slot_error(known, predicted):
    """Slot error, in percent, of sentences as the model has put them out."""
    return metrics.slot_error([act for act, _ in known], predicted)


ACCURACY = Metric("accuracy", accuracy_score)
BELLS = Metric("bells right", bells_right)
RMSE = Metric("RMSE", root_mean_squared_error, greater_is_better=False)
MSE = Metric("MSE", mean_squared_error, greater_is_better=False)
ALL_BITS = Metric("all bits right", exact_score)
TAGS = Metric("accuracy of tags", partial(step_score, accuracy_score))
SPANS = Metric("F1 of spans", span_f1_score)
FRAMES = Metric("nats a frame", metrics.frame_nll, greater_is_better=False, method="predict_proba")
NATS = Metric("nats a character", lambda _, log_probability: -log_probability, greater_is_better=False, method="score")
EXACT = Metric("all words right", metrics.exact_match)
WORD_ERROR = Metric("word error, %", metrics.word_error, greater_is_better=False)
BLEU = Metric("BLEU", restaurant_bleu)
SLOT_ERROR = Metric("slot error, %", restaurant_slot_error, greater_is_better=False)


@dataclass(frozen=True)
class Bar:
    """What is asked of the mean of a metric, beside what others have reached."""

    metric: Metric
    floor: float
    published: str = ""


@dataclass(frozen=True)
class Task:
    """What is learned from what, and how it is encoded and judged."""

    name: str
    read: Callable[[Path], Split]
    estimator: type
    bars: tuple[Bar, ...]
    tokenizer: Mapping | None = None
    """Options of the `Tokenizer` that makes ids of X; None if X holds numbers."""
    y_is_words: bool = False
    """Whether y holds lists of words, which become ids as well."""
    is_stream: bool = False
    """Whether each sample is predicted and then learned, in order; both parts are the same then."""
    seeds: int | None = None
    """The most fits that are worth their time."""
    seconds: float | None = None
    """What a fit may last, on two cores."""

    @property
    def metric(self):
        """The metric that settings are chosen by."""
        return self.bars[0].metric

    def scores(self, model, split):
        """Return a score on the test part for each bar."""
        methods = {bar.metric.method for bar in self.bars}
        answers = {method: getattr(model, method)(split.X_test) for method in methods}
        return [float(bar.metric.score(split.y_test, answers[bar.metric.method])) for bar in self.bars]

    def beside(self, bar, split):
        """Return what others have reached."""
        return bar.published


@dataclass(frozen=True)
class Mean:
    """What is asked of several tasks' mean, of their first metric."""

    name: str
    of: tuple[str, ...]
    bar: Bar


class WordTargets(BaseEstimator):
    """A model of ids, for targets that are lists of words."""

    def __init__(self, model, beam_width=1):
        self.model = model
        self.beam_width = beam_width

    def fit(self, X, y):
        """Train on the ids of the words of ``y``."""
        self.tokenizer_ = Tokenizer().fit(y)
        self.model_ = clone(self.model).fit(X, self.tokenizer_.transform(y))
        return self

    def predict(self, X):
        """Return lists of words."""
        words = self.tokenizer_.get_feature_names_out()
        return [words[ids].tolist() for ids in self.model_.predict(X, beam_width=self.beam_width)]


def build(task, settings, seed):
    """Return the task's model: a pipeline of encoding, transform if settings name one, and estimator."""
    parameters = {name: value for name, value in settings.items() if name not in OF_THE_MODEL}
    steps = [] if task.tokenizer is None else [Tokenizer(**task.tokenizer)]
    if (transform := settings.get("transform")) is not None:
        steps.append(FunctionTransformer(TRANSFORMS[transform]))
    estimator = task.estimator(**parameters, random_state=seed)
    model = make_pipeline(*steps, Progressive(estimator) if task.is_stream else estimator)
    return WordTargets(model, settings.get("beam_width", 1)) if task.y_is_words else model


# Splits that need more than a reader


def _adding_problem(data):
    train, test = (make_adding_problem(5000, 100, random_state=10), make_adding_problem(1000, 100, random_state=11))
    return Split(*train, *test)


def _binary_addition(data, n_bits=7):
    n_test = None if n_bits == 7 else 1000
    return Split(
        *make_binary_addition(1000, 7, random_state=10), *make_binary_addition(n_test, n_bits, random_state=11)
    )


def _shakespeare(data):
    train, test = read_tinyshakespeare(data)
    return Split([train], None, [test], None)


def _names(data, read):
    train, test = read(data)
    return Split(train, None, test, None)


def _restaurant(data):
    """Acts as vectors; the truth of a test act is the act itself, with its references."""
    split = read_restaurant(data)
    answers = references(split.X_test, split.y_test)
    return replace(act_vectors(split), y_test=list(zip(split.X_test, answers, strict=True)))


# The tasks, with figures read in the publishers' files (the sets' READMEs say where), or computed on
# the same split; those marked as quoted are the papers', but nobody has looked them up there yet.


def _series(name, floor, published, label=None):
    """Return the task of a set of labelled series."""
    read = partial(read_ts_split, name=name)
    return Task(label or name, read, SequenceClassifier, (Bar(ACCURACY, floor, published),))


def _numbers(name, floor, published):
    """Return the task of a set of series with a number each."""
    read = partial(read_ts_split, name=name, target=float)
    return Task(name, read, SequenceRegressor, (Bar(RMSE, floor, published),))


def _generated(name, read, bar):
    """Return the task of a set that is generated."""
    return Task(name, read, SequenceRegressor, (bar,))


# Words seen once stand for those never seen, so that the id of unknown ones is trained.
WORDS = {"lowercase": True, "min_count": 2}
SPELLED_WORDS = WORDS | {"max_characters": 20}

LABELS = (
    _series("JapaneseVowels", 0.965, "LSTM-FCN .99, FCN .993, TWIESN .965"),
    _series("JapaneseVowels", 0.94, "as above; Time-CNN .956", label="JapaneseVowels, defaults"),
    _series("BasicMotions", 0.95, "1NN-DTW-D .975, ROCKET 1.0"),
    _series("ItalyPowerDemand", 0.955, "LSTM-FCN .963, ROCKET .970"),
    _series("GunPoint", 0.85, "LSTM-FCN 1.0, 1NN-DTW .907"),
    _series("ECG200", 0.82, "LSTM-FCN .90, CNN .80, 1NN-DTW .77"),
    _series("SyntheticControl", 0.985, "LSTM-FCN .993, ROCKET 1.0"),
    Task(
        "SNIPS intents",
        partial(read_snips, intents=True),
        SequenceClassifier,
        (Bar(ACCURACY, 0.97, "Capsule-NLU .977, SF-ID BLSTM .974"),),
        tokenizer=WORDS,
    ),
    Task(
        "names18",
        read_names18,
        SequenceClassifier,
        (Bar(ACCURACY, 0.83, "naive Bayes on 1-3-grams .802"),),
        tokenizer={"level": "char", "min_count": 10},
    ),
)

NUMBERS = (
    _numbers("FloodModeling1", 0.007, "InceptionTime .0067, ROCKET .0139"),
    _numbers("Covid3Month", 0.0435, "ROCKET .0389, FCN .0436, training mean .0447"),
    _generated("adding problem, LSTM", _adding_problem, Bar(MSE, 0.02, "guessing 1: .167")),
    _generated("adding problem, GRU", _adding_problem, Bar(MSE, 0.02, "guessing 1: .167")),
    _generated("binary addition, RNN", _binary_addition, Bar(ALL_BITS, 1.0)),
    _generated("binary addition, LSTM", _binary_addition, Bar(ALL_BITS, 1.0)),
    _generated("binary addition, LSTM, 32 bits", partial(_binary_addition, n_bits=32), Bar(ALL_BITS, 1.0)),
)

LABELS_OF_STEPS = (
    Task(
        "EWT words", read_ewt, SequenceTagger, (Bar(TAGS, 0.91, "most frequent tag of a word .862"),), tokenizer=WORDS
    ),
    Task(
        "EWT characters",
        read_ewt,
        SequenceTagger,
        (Bar(TAGS, 0.94, "BiLSTM of words and characters .94-.95 (quoted), RoBERTa .969"),),
        tokenizer=SPELLED_WORDS,
    ),
    Task(
        "SNIPS slots",
        read_snips,
        SequenceTagger,
        (Bar(SPANS, 0.90, "slot-gated BLSTM .888, Capsule-NLU .918, SF-ID BLSTM .922"),),
        tokenizer=SPELLED_WORDS,
    ),
    Task(
        "JSB chorales",
        read_jsb_chorales,
        SequenceTagger,
        (Bar(FRAMES, 8.65, "TCN 8.10; LSTM 8.45, GRU 8.43 (quoted)"),),
    ),
)

NEXT_TOKENS = (
    Task(
        "tinyshakespeare",
        _shakespeare,
        SequenceGenerator,
        (Bar(NATS, 1.55, "n-grams 1.669, GPT of 10.7 M 1.470; minLSTM 1.555 (quoted)"),),
        tokenizer={"level": "char"},
        seeds=1,
        seconds=900,
    ),
    Task(
        "makemore-names",
        partial(_names, read=read_makemore_names),
        SequenceGenerator,
        (Bar(NATS, 2.06, "n-grams 2.084, transformer about 1.92"),),
        tokenizer={"level": "char"},
    ),
    Task(
        "dinos",
        partial(_names, read=read_dinos),
        SequenceGenerator,
        (Bar(NATS, 1.80, "n-grams 1.819"),),
        tokenizer={"level": "char"},
    ),
)

# Word errors, in percent, of the LSTM and the transformer of Gorman et al. (2020).
G2P_PUBLISHED = {
    "hun": (5.33, 5.33),
    "fre": (6.22, 6.89),
    "ice": (10.00, 10.22),
    "rum": (10.67, 12.00),
    "hin": (6.67, 9.56),
}


def _g2p(language):
    lstm, transformer = G2P_PUBLISHED[language]
    published = f"LSTM {lstm:.2f}, transformer {transformer:.2f} (quoted)"
    return Task(
        f"G2P {language}",
        partial(read_g2p, language=language),
        SequenceToSequence,
        (Bar(WORD_ERROR, lstm + 3, published),),
        tokenizer={},
        y_is_words=True,
    )


SEQUENCES = (
    *map(_g2p, G2P_LANGUAGES),
    Task(
        "SCAN simple",
        read_scan,
        SequenceToSequence,
        (Bar(EXACT, 0.995, "LSTM without attention .998 (quoted)"),),
        tokenizer={},
        y_is_words=True,
    ),
    Task(
        "RNNLG restaurant",
        _restaurant,
        VectorToSequence,
        (
            Bar(BLEU, 0.68, "best of 20: SC-LSTM .753, encoder-decoder .740, kNN .594"),
            Bar(SLOT_ERROR, 4.0, "best of 20: SC-LSTM .38, encoder-decoder 2.78, kNN .60"),
        ),
        y_is_words=True,
    ),
)

# The floors are of `python -m benchmarks.quality.streams`: linear models of the same inputs.
STREAMS = (
    Task(
        "Sunspots, online",
        read_sunspots,
        OnlineRegressor,
        (Bar(RMSE, 16.50, "last value 17.19, least squares 16.50, of 3 changes 16.11"),),
        is_stream=True,
    ),
    Task(
        "bells, online",
        make_bells,
        OnlineClassifier,
        (Bar(BELLS, 0.80, "last label .516, logistic regression .515, of 12 steps .962"),),
        is_stream=True,
    ),
)

TASKS = LABELS + NUMBERS + LABELS_OF_STEPS + NEXT_TOKENS + SEQUENCES + STREAMS
MEANS = (
    Mean(
        "G2P mean",
        tuple(f"G2P {language}" for language in G2P_LANGUAGES),
        Bar(WORD_ERROR, 7.78 + 1.5, "LSTM 7.78 (quoted)"),
    ),
)
