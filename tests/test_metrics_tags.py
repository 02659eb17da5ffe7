"""Scores of tags: spans against seqeval's figures, steps against scikit-learn's, and both in searches."""

import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
from samples import run_script, tagged
from sklearn.datasets import make_classification
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, get_scorer, make_scorer, roc_auc_score, zero_one_loss
from sklearn.model_selection import (
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline

from fastrnn import SequenceTagger, metrics
from fastrnn.metrics import make_tagging_scorer, span_f1_score, span_precision_score, span_recall_score, step_score
from fastrnn.preprocessing import SequenceScaler
from fastrnn.sequences import as_objects

SCORES = span_precision_score, span_recall_score, span_f1_score


def split(*texts):
    return [text.split() for text in texts]


TRUE = split("B-a I-a O B-b", "O B-a B-a I-a I-b O", "I-c I-c B-c O", "O O", "B-d", "B-b I-b I-b I-b O B-a",
             "O B-a I-a O", "B-a B-b I-b")  # fmt: skip
SAID = split("B-a I-a O O", "O B-a I-a I-a I-b O", "B-c I-c B-c I-c", "O B-a", "I-d", "B-b I-b O I-b O B-a",
             "B-b B-a I-a B-a", "O B-b I-b")  # fmt: skip
TRUE_IOBES = split("B-a E-a O S-b", "O S-a B-a E-a S-b O", "B-c E-c S-c O", "O O", "S-d", "B-b I-b I-b E-b O S-a",
                   "O B-a E-a O", "S-a B-b E-b")  # fmt: skip
SAID_IOBES = split("B-a E-a O O", "O B-a I-a E-a I-b O", "I-c E-c B-c E-c", "O S-a", "E-d", "B-b E-b O B-b O S-a",
                   "S-b B-a E-a S-a", "O B-b E-b")  # fmt: skip
SEQEVAL = {  # precision, recall and F1 by seqeval 1.2.2
    ("lenient", "IOB2", "micro"): [1 / 2, 7 / 13, 14 / 27],
    ("lenient", "IOB2", "macro"): [0.6, 0.625, 11 / 18],
    ("lenient", "IOB2", "weighted"): [0.5076923076923077, 0.5384615384615384, 0.5213675213675214],
    ("lenient", "IOB2", None): [[0.5, 0.4, 0.5, 1], [0.5, 0.5, 0.5, 1], [0.5, 4 / 9, 0.5, 1]],
    ("strict", "IOB2", "micro"): [4 / 11, 4 / 11, 4 / 11],
    ("strict", "IOB2", None): [[1 / 2, 1 / 3, 0, 0]] * 3,
    ("lenient", "IOBES", "micro"): [1 / 2, 7 / 13, 14 / 27],
    ("strict", "IOBES", "micro"): [0.4, 4 / 13, 8 / 23],
    ("strict", "IOBES", "macro"): [0.20833333333333331, 0.1875, 0.19642857142857145],
    ("strict", "IOBES", "weighted"): [1 / 3, 0.3076923076923077, 0.3186813186813187],
    ("strict", "IOBES", None): [[1 / 2, 1 / 3, 0, 0], [1 / 2, 1 / 4, 0, 0], [1 / 2, 2 / 7, 0, 0]],
}


# ------------------------------------------------------------------------------------------- spans


@pytest.mark.parametrize(("mode", "scheme", "average"), SEQEVAL)
def test_spans_are_counted_as_by_seqeval(mode, scheme, average):
    true, said = (TRUE, SAID) if scheme == "IOB2" else (TRUE_IOBES, SAID_IOBES)
    for score, figure in zip(SCORES, SEQEVAL[mode, scheme, average], strict=True):
        found = score(true, said, average=average, mode=mode, scheme=scheme, zero_division=0)
        np.testing.assert_allclose(found, figure, rtol=0, atol=1e-12)


@pytest.mark.parametrize("marks", ["BI", "BIES"])
def test_seqeval_agrees_on_random_tags(marks):
    theirs, schemes = (pytest.importorskip(f"seqeval.{name}") for name in ("metrics", "scheme"))
    rng = np.random.default_rng(0)
    tags = ["O", "O", *(f"{mark}-{kind}" for mark in marks for kind in ("a", "b-c"))]
    scheme = "IOB2" if marks == "BI" else "IOBES"
    modes = {"lenient": {}, "strict": {"mode": "strict", "scheme": getattr(schemes, scheme)}}
    for _ in range(30):
        true = [rng.choice(tags, rng.integers(1, 9)).tolist() for _ in range(6)] + [["B-a", "I-a"]]
        said = [[str(rng.choice(tags)) if rng.random() < 0.3 else tag for tag in row] for row in true[:-1]] + [
            ["O"] * 2
        ]
        for (mode, other), average in itertools.product(modes.items(), ("micro", "weighted", None)):
            for score in SCORES:
                own = score(true, said, average=average, mode=mode, scheme=scheme, zero_division=0)
                name = score.__name__.removeprefix("span_")
                beside = getattr(theirs, name)(true, said, average=average, zero_division=0, **other)
                np.testing.assert_allclose(own, beside, rtol=0, atol=1e-9)


def test_an_inside_that_continues_nothing_begins_a_span_unless_strict():
    true, said = [["O", "B-x", "I-x"]], [["O", "I-x", "I-x"]]
    assert span_f1_score(true, said) == 1
    assert span_precision_score(true, said, mode="strict", zero_division=0) == 0
    # Another type begins another span, and a span ends with its sequence.
    assert span_f1_score([["B-x", "I-y"], ["I-y"]], [["B-x", "B-y"], ["B-y"]]) == 1


def test_types_may_be_a_set():
    tags = [["B-x", "O", "B-y"]]
    assert span_f1_score(tags, tags, labels={"x"}) == span_f1_score(tags, tags, labels=["x"]) == 1


def test_types_may_be_chosen_and_arrays_are_as_lists():
    true, said = as_objects([*map(np.array, TRUE)]), as_objects([np.array(tags, object) for tags in SAID])
    assert span_f1_score(true, said, average=None, labels=["d", "a"]).tolist() == [1, 0.5]
    assert span_f1_score([["B", "I", "O"]], [["B", "I", "O"]], average=None).tolist() == [1]


def test_without_spans_there_is_nothing_to_divide_by():
    nothing = [["O", "O"], []]
    for score in SCORES:
        with pytest.warns(UndefinedMetricWarning, match="zero_division"):
            assert score(nothing, nothing) == 0
        for average in ("micro", "macro", "weighted"):
            assert score(nothing, nothing, average=average, zero_division=1.0) == 1
        assert np.isnan(score(nothing, nothing, average="macro", zero_division=np.nan))
    assert span_recall_score([["B-x"]], [["O"]]) == 0
    assert span_precision_score([["O"]], [["B-x"]]) == 0


@pytest.mark.parametrize(("said", "options", "error"), [
    ([["B-x", "X-x"], ["O"]], {}, r"y_pred\[0\] holds the tag 'X-x' at step 1; expected 'O', or B, I, E, S before"),
    ([["B-x", "O"], ["E-x"]], {"mode": "strict"}, r"y_pred\[1\] holds the tag 'E-x' at step 0; .* B, I before a type"),
    ([["Bx", "O"], ["O"]], {}, r"y_pred\[0\] holds the tag 'Bx' at step 0"),
    ([["O", ""], ["O"]], {}, r"y_pred\[0\] holds the tag '' at step 1; expected 'O', or B"),
    (None, {}, "y_pred must be a list of sequences of labels; got NoneType"),
    ((tags for tags in [["O", "O"], ["O"]]), {}, r"y_pred must be .*; got generator: pass list\(y_pred\)"),
    ([np.ma.array([1, 2], mask=[0, 1]), [1]], {}, r"y_pred\[0\] has masked values"),
    ([[1, 2], [3]], {}, r"y_pred\[0\] holds the tag '1' at step 0"),
    ([["O"], ["O"]], {}, r"y_pred\[0\] has 1 labels, but y_true\[0\] has 2: give one a step"),
    ([["O", "O"]], {}, "y_true has 2 sequences, y_pred 1: give as many"),
    (["O", "O"], {}, r"y_pred\[0\] is 'O', one label, but one for each step is expected: pass \[y_pred\]"),
    ([["O", "O"], ["O"]], {"mode": "loose"}, "mode='loose'; expected one of 'lenient', 'strict'"),
    ([["O", "O"], ["O"]], {"scheme": "BILOU"}, "scheme='BILOU'; expected one of 'IOB2', 'IOBES'"),
    ([["O", "O"], ["O"]], {"average": "binary"}, "average='binary'; expected one of 'micro', 'macro', 'weighted'"),
])  # fmt: skip
def test_what_is_refused(said, options, error):
    with pytest.raises(ValueError, match=error):
        span_f1_score([["B-x", "O"], ["O"]], said, **options)


# ------------------------------------------------------------------------------------------- steps


def test_weights_of_steps_are_listed():
    with pytest.raises(ValueError, match="sample_weight must be a list, of a weight for each .*; got float"):
        step_score(accuracy_score, [[1, 2]], [[1, 2]], sample_weight=3.0)


def test_a_score_of_steps_is_that_of_joined_ones():
    _, true = tagged(12)
    rng = np.random.default_rng(1)
    said = [rng.permutation(labels) for labels in true]
    joined = np.concatenate(true), np.concatenate(said)
    assert step_score(f1_score, true, said, average="macro") == f1_score(*joined, average="macro")
    of_sequences = rng.random(12)
    of_steps = [np.full(len(labels), weight) for labels, weight in zip(true, of_sequences, strict=True)]
    expected = accuracy_score(*joined, sample_weight=np.concatenate(of_steps))
    for weights in (of_sequences, of_steps):
        assert step_score(accuracy_score, true, said, sample_weight=weights) == expected
    with pytest.raises(ValueError, match="sample_weight has 3 entries for 12 sequences: give one for each"):
        step_score(accuracy_score, true, said, sample_weight=np.ones(3))
    with pytest.raises(ValueError, match=r"sample_weight\[0\] has shape \(99,\), but y_true\[0\] has"):
        step_score(accuracy_score, true, said, sample_weight=[np.ones(99)] * 12)


@pytest.mark.parametrize("gap", [None, np.nan, pd.NA])
def test_steps_without_a_true_label_do_not_count(gap):
    true, said = [["a", gap, "b"], [gap, "b"]], [["a", "b", "a"], ["a", "b"]]
    assert step_score(accuracy_score, true, said) == pytest.approx(2 / 3)
    assert step_score(f1_score, true, said, average="macro") == pytest.approx(2 / 3)
    assert step_score(accuracy_score, true, said, sample_weight=[[1, 9, 1], [9, 2]]) == pytest.approx(3 / 4)
    assert step_score(accuracy_score, [[1, np.nan], [0]], [[1, 0], [0]]) == 1
    with pytest.raises(ValueError, match="y_true has no label"):
        step_score(accuracy_score, [[gap]], [["a"]])
    X, y = tagged(24)
    holed = [[gap if k == 1 else str(label) for k, label in enumerate(labels)] for labels in y]
    found = cross_validate(SMALL, X, holed, cv=2, scoring="accuracy", error_score="raise")["test_score"]
    np.testing.assert_allclose(found, cross_validate(SMALL, X, holed, cv=2)["test_score"])


def test_of_two_labels_scorers_are_given_the_probability_of_the_second():
    X, _ = tagged(24)
    y = [(np.asarray(x)[:, 0] > 0).astype(int) for x in X]
    names = ["roc_auc", "average_precision", "neg_log_loss", "neg_brier_score", "f1"]
    found = cross_validate(SMALL, X, y, cv=2, scoring=names, error_score="raise")
    model = SMALL.fit(X[12:], y[12:])
    p = np.concatenate([*model.predict_proba(X[:12])])[:, 1]
    assert found["test_roc_auc"][0] == roc_auc_score(np.concatenate(y[:12]), p)


def test_names_of_scores_are_for_regressors_of_steps_as_well():
    script = """
import numpy as np
from sklearn.model_selection import cross_val_score
from fastrnn import SequenceRegressor
X = [np.arange(n, dtype=float) for n in (3, 4, 5, 6)]
model = SequenceRegressor(return_sequences=True, hidden_size=2, max_iter=1, random_state=0)
print(cross_val_score(model, X, X, cv=2, scoring="neg_mean_absolute_error", error_score="raise").size)
"""
    assert run_script(script) == "2\n"


NAMES = ["accuracy", "f1_macro", "f1_micro", "f1_weighted", "precision_macro", "recall_micro", "balanced_accuracy"]
SMALL = SequenceTagger(hidden_size=8, max_iter=12, learning_rate_init=0.05, random_state=0)


@pytest.mark.parametrize("form", [list, as_objects, lambda y: [labels.tolist() for labels in y]])
def test_scikit_learns_names_score_steps(form):
    X, y = tagged(24)
    found = cross_validate(SMALL, X, form(y), cv=2, scoring=NAMES, error_score="raise")
    said = [SMALL.fit(X[12:], y[12:]).predict(X[:12]), SMALL.fit(X[:12], y[:12]).predict(X[12:])]
    for name in NAMES:
        joined = [(np.concatenate(y[k : k + 12]), np.concatenate(p)) for k, p in zip((0, 12), said, strict=True)]
        metric = get_scorer(name)
        expected = [metric._score_func(*pair, **metric._kwargs) for pair in joined]
        assert found[f"test_{name}"].tolist() == expected
    predicted = cross_val_predict(SMALL, X, form(y), cv=2)
    assert step_score(accuracy_score, y, predicted) == np.average(
        found["test_accuracy"], weights=[len(np.concatenate(labels)) for labels in (y[:12], y[12:])]
    )


def test_of_equally_long_sequences_too():
    """Which scikit-learn would take for rows of several labels."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((16, 5, 1))
    y = (X[..., 0] > 0).astype(int)
    assert step_score(f1_score, pd.DataFrame(y), pd.DataFrame(1 - y), sample_weight=pd.DataFrame(X[..., 0] ** 2)) == 0
    for labels in (y, y.tolist(), pd.DataFrame(y)):
        assert 0.4 < cross_val_score(SMALL, X, labels, cv=2, scoring="f1", error_score="raise").mean() <= 1
    both = [np.column_stack([row, 1 - row]) for row in y]  # several labels a step
    assert 0.4 < cross_val_score(SMALL, X, both, cv=2, scoring="f1_macro", error_score="raise").mean() <= 1


def test_searches_and_pipelines_choose_by_scores_of_tags():
    X, y = tagged(24)
    y = [["B-x" if label == labels[0] else "O" for label in labels] for labels in y]
    model = make_pipeline(SequenceScaler(), SMALL)
    scoring = {"spans": make_tagging_scorer(span_f1_score, zero_division=0), "steps": "f1_macro",
               "errors": make_tagging_scorer(zero_one_loss, greater_is_better=False)}  # fmt: skip
    grid = {"sequencetagger__max_iter": [1, 3]}
    search = GridSearchCV(model, grid, cv=2, scoring=scoring, refit="spans", error_score="raise").fit(X, y)
    assert all(np.isfinite(search.cv_results_[f"mean_test_{name}"]).all() for name in scoring)
    assert (search.cv_results_["mean_test_errors"] <= 0).all()
    for name, scorer in scoring.items():
        scorer = get_scorer(scorer) if isinstance(scorer, str) else scorer
        assert pickle.loads(pickle.dumps(scorer))(search, X, y) == scorer(search, X, y), name


def test_scorers_of_other_estimators_and_metrics_stay():
    X, y = make_classification(80, random_state=0)
    assert get_scorer("accuracy")(SMALL.fit(*tagged(6)), *tagged(6)) > 0  # from now on they are extended
    model = LogisticRegression().fit(X, y)
    assert get_scorer("f1")(model, X, y) == f1_score(y, model.predict(X))
    assert 0.5 < get_scorer("roc_auc")(model, X, y) <= 1 and get_scorer("neg_log_loss")(model, X, y) < 0
    assert repr(get_scorer("f1_macro")) == repr(make_scorer(f1_score, pos_label=None, average="macro"))
    tuned = TunedThresholdClassifierCV(LogisticRegression(), scoring="f1", cv=2).fit(X, y)
    assert (pickle.loads(pickle.dumps(tuned)).predict(X) == tuned.predict(X)).all()
    names = y.astype(str).astype(object)
    assert get_scorer("f1_macro")(LogisticRegression().fit(X, names), X, names) > 0.5
    # A function of one's own gets sequences, as it did.
    X, y = tagged(6)
    whole = make_scorer(lambda true, said: float(np.mean([len(a) == len(b) for a, b in zip(true, said, strict=True)])))
    assert whole(SMALL.fit(X, y), X, y) == 1


def test_a_scorer_works_whenever_it_was_imported():
    """In a process of its own, also where a tagger was fitted before scikit-learn's scorers were there."""
    script = """
import sys
from fastrnn import SequenceTagger
X, y = [[0.0, 1.0], [1.0, 0.0, 1.0]] * 4, [["a", "b"], ["b", "a", "b"]] * 4
tagger = SequenceTagger(hidden_size=2, max_iter=1, random_state=0).fit(X, y)
assert "sklearn.metrics" not in sys.modules
from sklearn.metrics import get_scorer
print(get_scorer("accuracy")(tagger, X, y) == tagger.score(X, y))
"""
    assert run_script(script) == "True\n"


def test_scores_are_reached_from_the_package():
    assert {score.__name__ for score in SCORES} < {*metrics.__all__}
