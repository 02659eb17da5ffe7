"""What people hand in as y: each kind of mistake gets one sentence, in whatever container, before any training."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from samples import assert_refused, data_for, guard_training, labelled, make_estimator, ragged, tokens
from scipy.sparse import csr_matrix
from sklearn.multioutput import MultiOutputClassifier

from fastrnn import SequenceClassifier, SequenceRegressor
from fastrnn.base.labels import as_labels

SMALL = {"hidden_size": 4, "max_iter": 1, "random_state": 0}
N = 12
LABELS = np.arange(N) % 3
LETTERS = np.array(["a", "b", "c"])[LABELS]


@pytest.fixture(autouse=True)
def train(monkeypatch):
    return guard_training(monkeypatch.setattr)


def make(kind, **options):
    if kind == "classifier":
        return SequenceClassifier(**SMALL, **options)
    if kind in ("regressor", "regressor of steps"):
        return SequenceRegressor(return_sequences=kind != "regressor", **SMALL, **options)
    return make_estimator(kind, max_iter=1, **options)


def data(kind):
    if kind == "classifier":
        return labelled(N, shortest=2)
    if kind in ("regressor", "regressor of steps"):
        X = ragged(N, shortest=2)
        return X, np.linspace(0, 1, N) if kind == "regressor" else [x[:, 0] for x in X]
    return data_for(kind, N)


ONE_EACH = ["classifier", "regressor"]
STEPS = ["regressor of steps", "tagger", "tagger_of_words", "tagger_of_several"]
SEQUENCES = [*STEPS, "translator", "vector_to_tokens", "vector_to_numbers"]
EVERY = [*ONE_EACH, *SEQUENCES]


def assert_all_refuse(kind, y, match, error=ValueError):
    X, _ = data(kind)
    model = make(kind)
    assert_refused(model, lambda: model.fit(X, y), match, error)
    assert_refused(model, lambda: model.partial_fit(X, y), match, error)


def of_steps(value):
    """For each sequence a row of values, one a step."""
    return lambda X: [value(len(x)) for x in X]


# ------------------------------------------------------------------------- one a sequence, or one a step

PER_STEP = {
    "arrays": of_steps(lambda n: np.arange(n) % 2),
    "lists": of_steps(lambda n: [0, 1] * n),
    "strings": of_steps(lambda n: np.array(["a", "b"] * n)),
    "series": of_steps(lambda n: pd.Series(np.arange(n) * 0.5)),
    "columns": of_steps(lambda n: np.ones((n, 1))),
    "object array": lambda X: pd.Series([np.arange(len(x)) for x in X]).to_numpy(),
    "series of lists": lambda X: pd.Series([[0, 1]] * len(X)),
    "one of them": lambda X: [*LABELS[:-1].tolist(), [0, 1]],
}


@pytest.mark.parametrize("name", PER_STEP)
@pytest.mark.parametrize(("kind", "word"), [("classifier", "SequenceTagger"), ("regressor", "return_sequences=True")])
def test_values_of_steps_where_one_for_each_sequence_is_read(kind, word, name):
    y = PER_STEP[name](data(kind)[0])
    assert_all_refuse(kind, y, rf"y\[\d+\] holds \d+ values.*{word}")


PER_SEQUENCE = {
    "strings": LETTERS,
    "list": LABELS.tolist(),
    "numbers": np.linspace(0.5, 1, N),
    "series": pd.Series(LABELS, index=range(5, 5 + N)),
    "dates": pd.Series(pd.date_range("2024", periods=N)),
    "bools": [True, False] * 6,
    "missing": [None] * N,
}


@pytest.mark.parametrize("name", PER_SEQUENCE)
@pytest.mark.parametrize("kind", SEQUENCES)
def test_values_of_sequences_where_one_for_each_step_is_read(kind, name):
    word = "return_sequences=False" if kind == "regressor of steps" else "SequenceClassifier"
    assert_all_refuse(kind, PER_SEQUENCE[name], rf"y\[0\] is .*one value.*{word}")


# ----------------------------------------------------------------------------------------- rows of labels

ONE_HOT = {
    "floats": np.eye(3)[LABELS],
    "integers": np.eye(3, dtype=int)[LABELS],
    "bools": np.eye(3, dtype=bool)[LABELS],
    "lists": np.eye(3, dtype=int)[LABELS].tolist(),
    "frame": pd.get_dummies(pd.Series(LETTERS)),
}


@pytest.mark.parametrize("name", ONE_HOT)
def test_one_hot_rows_are_labels_each_by_itself(name, train):
    X, _ = data("classifier")
    clf = train(make("classifier"), X, ONE_HOT[name])
    assert clf.classes_.tolist() == [0, 1, 2] and clf.predict(X).shape == (12, 3)
    assert train(make("classifier"), X, np.argmax(ONE_HOT[name], axis=1)).predict(X).shape == (12,)


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (np.full((12, 2), "a"), r"y\[:, 0\] has 1 class, \['a'\]: at least two"),
        (np.column_stack([LABELS, np.full(12, 2)]), r"y\[:, 1\] has 1 class, \[2\]: at least two"),
        (np.random.default_rng(0).dirichlet([1, 1], 12), "continuous.*SequenceRegressor predicts numbers"),
        ([("a", 1)] * 12, r"y holds 'a' at 0, a str and 1 at 0, a int; .*make them alike, np.asarray\(y, dtype=str\)"),
        (pd.DataFrame({"u": LETTERS, "v": LABELS}), r"y holds 'a' at 0, .* np.asarray\(y, dtype=str\)"),
        ([[0, 1], [1, 0, 1]] * 6, r"y\[0\] holds 2 values.*SequenceTagger.*MultiLabelBinarizer"),
        ([[0, 1]] * 11 + [[0, None]], r"y\[11\] is None: y has missing values"),
        (np.array([[0.0, 1.0]] * 11 + [[np.nan, 1.0]]), r"y\[11\] is nan: y has missing values"),
        (np.array([[0.0, 1.0]] * 11 + [[np.inf, 1.0]]), "y contains infinity"),
        (np.zeros((12, 2, 2), int), r"y has shape \(12, 2, 2\); expected a label for each sequence"),
        (np.zeros((12, 0), int), r"y has shape \(12, 0\); expected"),
        (np.eye(11, 3, dtype=int), "y has fewer entries than X has sequences, 11 for 12"),
    ],
)
def test_rows_of_labels(y, match):
    assert_all_refuse("classifier", y, match)


@pytest.mark.parametrize(
    ("weights", "y", "match"),
    [
        ("balanced", np.eye(3, dtype=int)[LABELS], "weighs a sequence by its class, but y holds rows of 0 and 1"),
        ({0: 1.0}, np.eye(3, dtype=int)[LABELS], "weighs a sequence by its class, but y holds rows of 0 and 1"),
        ({0: 1.0}, np.column_stack([LABELS, LABELS]), "y has 2 columns; expected 'balanced', a dict for one"),
        ([{0: 1.0}], np.column_stack([LABELS, LABELS]), "y has 2 columns; expected 'balanced', a dict for one column"),
        ([{0: 1.0}, {0: 1.0}], LABELS, "y has 1 columns; expected 'balanced', a dict for one column"),
        ([{0: 1.0}, None], np.column_stack([LABELS, LABELS]), "y has 2 columns; expected 'balanced', a dict for one"),
        ([{0: 1.0}, {7: 1.0}], np.column_stack([LABELS, LABELS]), r"class_weight names \[7\], but the classes are"),
    ],
)
def test_class_weights_of_several_columns(weights, y, match):
    X, _ = data("classifier")
    clf = make("classifier", class_weight=weights)
    assert_refused(clf, lambda: clf.fit(X, y), match)


def test_several_labels_by_the_way_that_is_named(monkeypatch):
    monkeypatch.undo()  # training is what is tested
    X, _ = data("classifier")
    y = np.column_stack([LABELS % 2, LABELS // 2])
    assert MultiOutputClassifier(make("classifier")).fit(X, y).predict(X).shape == y.shape


# ------------------------------------------------------------------------------------------- what is missing

MISSING = {
    "None": ["a", None, "b"] * 4,
    "None in an array": np.array(["a", None, "b"] * 4, object),
    "NaN among strings": ["a", float("nan"), "b"] * 4,
    "NaN": np.array([0, np.nan, 1] * 4),
    "None among numbers": [0, None, 1] * 4,
    "None among bools": [True, None, False] * 4,
    "NA": pd.array([1, None, 2] * 4, dtype="Int64"),
    "NA in a list": [1, pd.NA, 2] * 4,
    "series of strings": pd.Series(["a", None, "b"] * 4),
    "categories": pd.Series(["a", None, "b"] * 4, dtype="category"),
    "bools": pd.Series([True, None, False] * 4, dtype="boolean"),
    "NaT": pd.Series(pd.to_datetime(["2024", None, "2025"] * 4)),
}


@pytest.mark.parametrize("name", MISSING)
@pytest.mark.parametrize("kind", ONE_EACH)
def test_missing_values(kind, name):
    assert_all_refuse(kind, MISSING[name], r"y\[1\] is (None|nan|<NA>|'NaT'): y has missing values")


@pytest.mark.parametrize("name", MISSING)
def test_missing_labels_of_steps_are_none(name, monkeypatch):
    monkeypatch.undo()
    X, labels = [np.ones((12, 3))] * N, MISSING[name]
    every = [label for label in labels if not pd.isna(label)]
    fitted = make("tagger").fit(X, [labels] * N)
    assert len(fitted.classes_) == 2 and set(fitted.classes_) <= set(np.unique(np.array(labels)[~pd.isna(labels)]))
    assert fitted.score(X, [labels] * N) == np.mean(fitted.predict(X[:1])[0][~pd.isna(labels)] == every)


# -------------------------------------------------------------------------------------- labels of several kinds

MIXED = {
    "list": ["a", 1, 2] * 4,
    "array": np.array(["a", 1, 2] * 4, object),
    "series": pd.Series(["a", 1.5, True] * 4, dtype=object),
    "bool and string": ["a", True] * 6,
    "bytes": ["a", b"b"] * 6,
}


@pytest.mark.parametrize("name", MIXED)
def test_labels_of_several_kinds_and_what_to_do(name, train):
    y = MIXED[name]
    assert_all_refuse("classifier", y, r"y holds 'a' at 0, a str and .* at 1, a .*: make them alike, \[str\(label\)")
    X, _ = data("classifier")
    assert train(make("classifier"), X, [str(label) for label in y]).classes_.size > 1


@pytest.mark.parametrize("name", MIXED)
def test_labels_of_several_kinds_in_steps(name):
    X, tagger = [np.ones((12, 3))] * N, make("tagger")
    y = [MIXED[name]] + [["a", "b"] * 6] * (N - 1)
    assert_refused(tagger, lambda: tagger.fit(X, y), r"y\[0\] holds 'a' at 0, a str and ")
    across = [["a", "b"] * 6, [1, 2] * 6] * (N // 2)
    assert_refused(tagger, lambda: tagger.fit(X, across), r"y\[1\] holds labels as 1, but y\[0\] as 'a'")


@pytest.mark.parametrize(
    "label",
    [pd.Timestamp("2024-01-01"), date(2024, 1, 1), Decimal("1.5"), frozenset("a"), Path("a"), pd.Period("2024-01")],
)
def test_what_is_no_label(label, train):
    y, X = [label] * 6 + ["a"] * 6, data("classifier")[0]
    assert_all_refuse("classifier", y, f"a {type(label).__name__} and 'a' at 6, a str; labels are strings")
    y = [label] * N
    assert_all_refuse(
        "classifier", y, rf"y holds .* at 0, a {type(label).__name__}; labels are strings.*\[str\(label\)"
    )
    assert train(make("classifier"), X, [str(v) for v in [label, "other"] * 6]).classes_.size == 2


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (np.array([1, 0] * 6, object), [0, 1]),
        (pd.Series([1, 0] * 6, dtype=object), [0, 1]),
        (pd.Series([True, False] * 6, dtype="boolean"), [False, True]),
        (pd.Series(["b", "a"] * 6, dtype="category"), ["a", "b"]),
        ([np.str_("b"), "a"] * 6, ["a", "b"]),
        ([np.int64(1), 2.0] * 6, [1, 2]),
        (pd.array([1, 2] * 6, dtype="Int64"), [1, 2]),
    ],
)
def test_labels_in_other_containers_are_read(y, classes, train):
    X, _ = data("classifier")
    clf = train(make("classifier"), X, y)
    assert clf.classes_.tolist() == classes
    assert as_labels(y).tolist() == [type(classes[0])(label) for label in y]


def test_large_integers_are_labels():
    hashes = [2**63 + 1, 5] * 4  # of which NumPy makes floats
    for y in (hashes, np.array(hashes, object)):
        assert as_labels(y).dtype == np.uint64 and as_labels(y).tolist() == hashes
    with pytest.raises(ValueError, match=f"y holds integers such as {2**64}, and 64 bits do not hold all: make them"):
        as_labels([2**64, 5])


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy has it from 2.0 on")
def test_numpys_own_strings_are_labels():
    y = np.array(["a", "b"] * 2, np.dtypes.StringDType())
    assert as_labels(y).tolist() == ["a", "b"] * 2 and as_labels(y).dtype == object


def test_numbers_that_are_no_classes():
    assert_all_refuse("classifier", np.linspace(0, 1, N), "continuous.*SequenceRegressor predicts numbers")
    X, _ = data("tagger")
    y = [x[:, 0] for x in X]
    assert_all_refuse("tagger", y, "continuous.*SequenceRegressor with return_sequences=True predicts")


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (["1.5"] * N, r"y\[0\] is '1.5'"),
        (pd.Series(pd.date_range("2024", periods=N)), r"y\[0\] is '2024-01-01"),
        (list(pd.date_range("2024", periods=N)), r"y\[0\] is Timestamp"),
        (pd.to_timedelta(np.arange(N), unit="D"), r"y\[0\] is "),
        ([*range(N - 1), {"a": 1}], r"y\[11\] is \{'a': 1\}"),
        (np.array(["1"] * N, object), r"y\[0\] is '1'"),
    ],
)
def test_what_is_no_number(y, match):
    assert_all_refuse("regressor", y, f"{match}.*targets must be numbers")


# --------------------------------------------------------------------------------------- containers and lengths

CONTAINERS = {
    "dict": (lambda y: dict(enumerate(y)), r"got dict: pass list\(y.values\(\)\)"),
    "dict of series": (lambda y: {k: pd.Series([1.0, 2.0]) for k in range(N)}, r"pass list\(y.values\(\)\)"),
    "generator": (lambda y: (v for v in y), r"got generator: pass list\(y\)"),
    "map": (lambda y: map(np.asarray, y), r"got map: pass list\(y\)"),
    "values": (lambda y: dict(enumerate(y)).values(), r"got dict_values: pass list\(y\)"),
    "set": (lambda y: {1, 2}, "got set: it has no order"),
    "number": (lambda y: 3, "got int"),
    "0-d": (lambda y: np.array(3), "got ndarray"),
    "text": (lambda y: "abc", "got str: it is 'abc'"),
    "path": (lambda y: Path("labels.csv"), "got .*Path: read the file first"),
    "sparse": (lambda y: csr_matrix(np.eye(N)), r"y is a sparse matrix.*y.toarray\(\)"),
    "None": (lambda y: None, "requires y to be passed, but the target y is None"),
    "shorter": (lambda y: y[:-1], "y has fewer entries than X has sequences, 11 for 12"),
    "longer": (lambda y: [*y, y[0]], "y has more entries than X has sequences, 13 for 12"),
    "empty": (lambda y: [], "0 for 12|y is empty"),
}


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("kind", EVERY)
def test_containers_and_lengths(kind, name):
    wrap, match = CONTAINERS[name]
    assert_all_refuse(kind, wrap(data(kind)[1]), match)


@pytest.mark.parametrize("kind", ["regressor of steps", "vector_to_numbers"])
def test_series_with_an_index_of_their_own_and_frames(kind, train):
    X, y = data(kind)
    flat = [np.asarray(v).reshape(len(v), -1)[:, 0] for v in y]
    train(make(kind), X, pd.Series(flat, index=range(5, 5 + N)))
    same = [x[:2] for x in X] if kind == "regressor of steps" else X
    train(make(kind), same, pd.DataFrame(np.ones((N, 2)), columns=["u", "v"]))


# ------------------------------------------------------------------------------------------------- weights


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        ([np.ones(k + 1) for k in range(N)], r"sample_weight\[0\] holds 1 values.*SequenceTagger\(crf=False\)"),
        (np.ones((N, 3)), r"sample_weight\[0\] holds 3 values.*only SequenceTagger\(crf=False\) takes"),
        (np.ones((N, 1)), "Sample weights must be 1D"),
        (["a"] * N, "sample_weight holds values that are no numbers: 'a'"),
        ("balanced", "sample_weight must be.*got str: it is 'balanced'"),
        ({0: 1.0}, "sample_weight must be.*got dict"),
        ((1.0 for _ in range(N)), r"got generator: pass list\(sample_weight\)"),
        (np.ones(N - 1), "11"),
    ],
)
@pytest.mark.parametrize("kind", ["classifier", "regressor", "translator", "vector_to_numbers"])
def test_sample_weights(kind, weights, match):
    X, y = data(kind)
    model = make(kind)
    assert_refused(model, lambda: model.fit(X, y, sample_weight=weights), match)


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        ({"zebra": 2.0}, r"class_weight names \['zebra'\], but the classes are \[0, 1, 2\]"),
        ({0: 1, 1: 1, np.int64(9): 1}, r"class_weight names \[9\], but the classes are \[0, 1, 2\]"),
        ({"0": 1, "1": 1, "2": 1}, r"class_weight names \['0', '1', '2'\]"),
        ({0: "a"}, "could not convert string to float: 'a'"),
        ({0: None, 1: 1, 2: 1}, "class_weight=.*None.*finite numbers >= 0"),
        ({np.int64(0): np.float64(-1)}, "class_weight=.*-1.0.*finite numbers >= 0"),
    ],
)
def test_class_weights(weights, match):
    X, y = data("classifier")
    clf = make("classifier", class_weight=weights)
    assert_refused(clf, lambda: clf.fit(X, y), match)
    tagger = make("tagger", class_weight=weights)
    T = [np.arange(len(x)) % 3 for x in X]
    assert_refused(tagger, lambda: tagger.fit(X, T), match)


def test_class_weights_of_more_or_fewer_classes(train):
    X, y = data("classifier")
    train(make("classifier", class_weight={0: 1, 1: 2, 2: 3, 9: 4}), X, y)  # as in a fold without a rare one
    clf = train(make("classifier", class_weight={0: 3}), X, y)
    assert clf._class_weights(np.array([0, 1, 2])).tolist() == [3, 1, 1]


# ----------------------------------------------------------------------------------------------- hold-outs


@pytest.mark.parametrize(
    ("y", "fraction", "found"),
    [
        (LABELS, 0.1, "test_size = 2 should be greater or equal to the number of classes = 3"),
        (np.arange(N) % 6, 0.1, "test_size = 2 should be greater or equal to the number of classes = 6"),
        (np.arange(N) % 6, 0.9, "train_size = 1 should be greater or equal to the number of classes = 6"),
        (np.arange(N) % 2, 0.9, "train_size = 1 should be greater or equal to the number of classes = 2"),
        ([0] * 6 + [1] * 5 + [2], 0.9, "test_size=11 should be either positive and smaller than the number of samples"),
    ],
)
def test_a_hold_out_smaller_than_the_classes(y, fraction, found):
    X, _ = data("classifier")
    clf = make("classifier", early_stopping=True, validation_fraction=fraction)
    match = rf"validation_fraction={fraction} holds out \d+ of 12 sequences: .*{found}.*set another"
    assert_refused(clf, lambda: clf.fit(X, y), match)


def test_too_few_sequences_to_hold_any_out():
    X, _ = data("classifier")
    for y in (np.arange(N), [*range(11), 0], [0, 1, 1] + list(range(2, 11))):
        clf = make("classifier", early_stopping=True)
        assert_refused(clf, lambda clf=clf, y=y: clf.fit(X, y), "set another, or early_stopping=False, or give more")


def test_a_class_with_one_sequence_is_learned():
    clf = SequenceClassifier(early_stopping=True, validation_fraction=0.3)
    strata = np.array([0] * 6 + [1] * 5 + [2])
    for seed in range(20):
        train, held_out = clf._split(N, strata, np.random.RandomState(seed))
        assert 11 in train and len(held_out) == 4 and set(strata[held_out]) == {0, 1}
        assert sorted([*train, *held_out]) == list(range(N))


@pytest.mark.parametrize("value", [True, np.bool_(True)])
@pytest.mark.parametrize("name", ["hidden_size", "num_layers", "batch_size", "max_iter", "n_iter_no_change"])
def test_truth_values_are_no_counts(name, value):
    X, y = data("classifier")
    clf = make("classifier").set_params(**{name: value})
    assert_refused(clf, lambda: clf.fit(X, y), f"{name} must be an integer >= 1; got True|'{name}' parameter")


def test_tokens_as_targets_of_a_classifier_that_reads_tokens(train):
    X = tokens(N)
    clf = make("classifier", embedding_dim=2)
    assert_refused(clf, lambda: clf.fit(X, X), r"y\[0\] holds \d+ values.*SequenceTagger")


# ------------------------------------------------------------------------------------------------- scores

SCORED = {
    "dict": (lambda y: dict(enumerate(y)), r"got dict: pass list\(y.values\(\)\)"),
    "generator": (lambda y: iter(list(y)), r"got list_iterator: pass list\(y\)"),
    "shorter": (lambda y: y[:-1], "y has fewer entries than X has sequences, 11 for 12"),
    "None": (lambda y: None, "requires y to be passed"),
}
OF_SEQUENCES = {
    "steps": ([[0, 1], [1]] * 6, r"y\[0\] holds 2 values, but one for each sequence"),
    "missing": ([None, 1, 2] * 4, r"y\[0\] is None: y has missing values"),
    "rows": (np.arange(24).reshape(12, 2), r"y has (shape \(12, 2\)|2 columns, but the first fit was on 1)"),
    "kinds": (["a", 1] * 6, r"y holds 'a' at 0, a str and |y\[0\] is 'a'; targets must be numbers"),
}


@pytest.mark.parametrize("kind", EVERY)
def test_scores_check_y_as_fits_do(kind, train):
    X, y = data(kind)
    model = train(make(kind), X, y)
    cases = [(wrap(y), match) for wrap, match in SCORED.values()]
    cases += OF_SEQUENCES.values() if kind in ONE_EACH else [(LETTERS, r"y\[0\] is 'a', one value")]
    for bad, match in cases:
        assert_refused(model, lambda bad=bad: model.score(X, bad), match)


def test_scores_of_other_columns(train):
    for kind in ("regressor of steps", "vector_to_numbers"):
        X, y = data(kind)
        model = train(make(kind), X, y)
        wider = [np.ones((len(v), 3)) for v in y]
        assert_refused(model, lambda model=model, X=X, y=wider: model.score(X, y), "y has 3 columns, but the first fit")
