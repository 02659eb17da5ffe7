"""Several labels of a sequence: rows of 0 and 1, and columns of classes, as scikit-learn's classifiers have them."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import reference as ref
from samples import assert_refused, assert_same_bits, data_for, make_estimator, marked, ragged, sorted_twice
from scipy.special import expit, log_softmax, softmax
from sklearn.base import clone
from sklearn.metrics import accuracy_score, log_loss, make_scorer
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV, cross_val_predict, cross_val_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.class_weight import compute_sample_weight

import fastrnn
from fastrnn import SequenceClassifier
from fastrnn.preprocessing import SequenceScaler
from fastrnn.storage import StorageError

EXACT = {"dtype": "float64", "shuffle": False, "batch_size": 1000, "hidden_size": 5, "random_state": 0}
KINDS = ["classifier_of_flags", "classifier_of_columns"]
every_kind = pytest.mark.parametrize("kind", KINDS)


def small(**options):
    return SequenceClassifier(**{"hidden_size": 6, "max_iter": 3, "random_state": 0, **options})


def held(kind, n=40, seed=0):
    """X, and y as an array."""
    X, y = data_for(kind, n, seed)
    return X, np.array(y)


def waves(n, seed=0):
    """Noisy waves: whether they are fast, whether they rise, whether they are loud; and fewer or more words for it."""
    rng = np.random.default_rng(seed)
    is_fast, rises, is_loud = y = rng.integers(0, 2, (3, n))
    X = []
    for T, *own in zip(rng.integers(20, 30, n), *y, strict=True):
        t, noise = np.arange(T), rng.standard_normal(T)
        X.append((1 + own[2]) * np.sin((0.3 + 0.5 * own[0]) * t) + 0.1 * own[1] * t + 0.1 * noise)
    words = [np.where(is_fast, "fast", "slow"), np.array(["flat", "loud", "up", "up and loud"])[2 * rises + is_loud]]
    return X, y.T.copy(), np.column_stack(words)


# ---------------------------------------------------------------------------------------------- it learns


def test_labels_of_sequences_are_learned():
    X, flags, words = waves(300)
    X_test, flags_test, words_test = waves(100, seed=1)
    assert np.mean([(flags_test[:, k] == flags[0, k]).mean() for k in range(3)]) < 0.6  # what guessing gets
    clf = SequenceClassifier(hidden_size=24, max_iter=40, random_state=0).fit(X, flags)
    assert clf.score(X_test, flags_test) > 0.9
    clf.fit(X, words)
    assert clf.score(X_test, words_test) > 0.9


# ---------------------------------------------------------------------------------------------- its answers


@every_kind
def test_answers_have_scikit_learns_form(kind):
    """Those of an MLP for rows of 0 and 1, and those of a tree for columns."""
    X, y = held(kind)
    peer = MLPClassifier((3,), max_iter=2) if kind == "classifier_of_flags" else DecisionTreeClassifier()
    flat = np.array([x[0] for x in X])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two epochs are few
        peer.fit(flat, y)
    clf = make_estimator(kind).fit(X, y)
    assert type(clf.classes_) is type(peer.classes_)
    for mine, its in ((clf.classes_, peer.classes_), (clf.predict(X), peer.predict(flat))):
        assert np.shape(mine) == np.shape(its) if not isinstance(its, list) else len(mine) == len(its)
    assert all(map(np.array_equal, clf.classes_, peer.classes_))
    for method in ("predict_proba", "predict_log_proba"):
        with np.errstate(divide="ignore"):
            mine, its = (getattr(model, method)(given) for model, given in ((clf, X), (peer, flat)))
        assert type(mine) is type(its)
        for one, other in zip(mine, its, strict=True):
            assert one.shape == other.shape and one.dtype == other.dtype
    assert clf.predict(X).dtype.kind == peer.predict(flat).dtype.kind


def test_probabilities_are_those_of_the_outputs():
    X, y = held("classifier_of_flags")
    clf = make_estimator("classifier_of_flags").fit(X, y)
    outputs = clf._outputs(X)[0].astype(float)
    np.testing.assert_allclose(clf.predict_proba(X), expit(outputs))
    np.testing.assert_allclose(clf.predict_log_proba(X), np.log(expit(outputs)))
    assert_same_bits(clf.predict(X), (outputs > 0).astype(np.int64))
    X, y = held("classifier_of_columns")
    clf = make_estimator("classifier_of_columns").fit(X, y)
    outputs = np.split(clf._outputs(X)[0].astype(float), [2], axis=1)
    for k, part in enumerate(outputs):
        np.testing.assert_allclose(clf.predict_proba(X)[k], softmax(part, axis=1))
        np.testing.assert_allclose(clf.predict_log_proba(X)[k], log_softmax(part, axis=1))
        assert (clf.predict(X)[:, k] == clf.classes_[k][part.argmax(axis=1)]).all()


@every_kind
def test_the_score_is_that_all_labels_are_right(kind):
    X, y = held(kind)
    clf = make_estimator(kind).fit(X, y)
    right, weights = (clf.predict(X) == y).all(axis=1), np.arange(40)
    assert clf.score(X, y) == right.mean()
    assert clf.score(X, y, weights) == pytest.approx(np.average(right, weights=weights))
    if kind == "classifier_of_flags":
        assert clf.score(X, y) == accuracy_score(y, clf.predict(X))
    else:
        peer = MultiOutputClassifier(clone(clf)).fit(X, y)
        assert peer.score(X, y) == (peer.predict(X) == y).all(axis=1).mean()  # theirs is the same


@every_kind
def test_streams_answer_as_predict_proba_to_the_bit(kind):
    X, y = held(kind)
    clf = make_estimator(kind, bidirectional=False).fit(X, y)
    for batch in (1, 3):
        stream = clf.stream(batch)
        for t in range(len(X[4])):
            step = X[4][t] if batch == 1 else np.stack([X[4][t]] * 3)
            said = stream.step(step)
            p = clf.predict_proba([X[4][: t + 1]])
            assert_same_bits(said if batch == 1 else said[1], (np.hstack(p) if isinstance(p, list) else p)[0])
    again = pickle.loads(pickle.dumps(stream))
    assert_same_bits(again.step(step), stream.step(step))


@pytest.mark.parametrize("n_jobs", [1, 2])
@every_kind
def test_bits_do_not_depend_on_company_or_threads(kind, n_jobs):
    X, y = held(kind)
    clf, other = (make_estimator(kind, n_jobs=n).fit(X, y) for n in (None, n_jobs))
    assert_same_bits(clf.network_.theta, other.network_.theta)
    for k in (0, 3, 39):
        alone, among = (np.hstack(p) if isinstance(p, list) else p for p in map(clf.predict_proba, (X[k : k + 1], X)))
        assert_same_bits(alone[0], among[k])


# ---------------------------------------------------------------------------------------------- its loss


def test_the_loss_is_the_sum_over_labels():
    """The first epoch of lbfgs says it before anything is learned; later ones are lower."""
    for kind in KINDS:
        X, y = held(kind)
        clf = make_estimator(kind, **EXACT, learning_rate_init=1e-12, max_iter=1).fit(X, y)
        p = clf.predict_proba(X)
        if kind == "classifier_of_flags":
            expected = ref.logistic(clf._outputs(X)[0], y, np.full(40, 1 / 40))[0] * 3
        else:
            expected = sum(log_loss(y[:, k], p[k]) for k in range(2))
        assert clf.loss_curve_[0] == pytest.approx(expected)


def test_class_weights_are_those_of_trees():
    y = np.column_stack([np.arange(12) % 2, np.arange(12) % 3]) + 1
    X = ragged(12)
    for given in ("balanced", [{1: 2.0}, {1: 0.5, 2: 3.0}], [{1: 1, 2: 1}, "balanced"]):
        clf = small(class_weight=given, max_iter=1).fit(X, y)
        if given == "balanced":
            expected = compute_sample_weight("balanced", y)
        else:
            parts = [compute_sample_weight(one if one == "balanced" else {1: 1, 2: 1, 3: 1} | one, y[:, k])
                     for k, one in enumerate(given)]  # fmt: skip
            expected = parts[0] * parts[1]
        np.testing.assert_allclose(clf._class_weights(y), expected)
    weighted = clone(clf).set_params(class_weight=None).fit(X, y, clf._class_weights(y))
    np.testing.assert_allclose(weighted.network_.theta, clf.network_.theta, rtol=1e-5, atol=1e-6)


@every_kind
def test_early_stopping_watches_the_loss_and_needs_no_strata(kind):
    X, y = held(kind, 60)
    clf = make_estimator(kind, early_stopping=True, max_iter=4, validation_fraction=0.3).fit(X, y)
    scores = clf.validation_scores_
    assert len(scores) == 4 and max(scores) < 0
    problem = clf._problem(X, y, None, True)
    _, held_out = clf._split(60, None, np.random.RandomState(0))
    score, *_ = clf._judge(problem, held_out)()
    p, own = clf.predict_proba([X[k] for k in held_out]), y[held_out]
    if kind == "classifier_of_flags":
        expected = np.log(np.where(own, p, 1 - p)).sum(axis=1).mean()
    else:
        expected = -sum(log_loss(own[:, k], p[k], labels=clf.classes_[k]) for k in range(2))
    assert score == pytest.approx(expected, rel=1e-5)


# ------------------------------------------------------------------------------- fits that go on, files, searches


@every_kind
def test_partial_fit_goes_on_and_knows_the_classes(kind):
    X, y = held(kind)
    clf, rest = small().partial_fit(X[:20], y[:20]), (X[20:], y[20:])
    classes = clf.classes_
    first = clf.network_.theta.copy()
    clf.partial_fit(*rest).partial_fit(*rest, classes=classes)
    assert (clf.network_.theta != first).any()
    clf.set_params(warm_start=True).fit(X, y)
    assert all(map(np.array_equal, clf.classes_, classes))
    wider = np.column_stack([y, y[:, 0]])
    n = y.shape[1]
    assert_refused(clf, lambda: clf.partial_fit(X, wider), f"y has {n + 1} columns, but the first fit was on {n}")
    assert_refused(clf, lambda: clf.partial_fit(X, y[:, 0]), f"y has 1 columns, but the first fit was on {n}")
    assert_refused(clf, lambda: clf.score(X, wider), f"y has {n + 1} columns, but the first fit was on {n}")
    assert_refused(clf, lambda: clf.partial_fit(X, y, classes=[["p", "q"]] * n), "are not those of the first call")
    other = y.astype(str) if kind == "classifier_of_flags" else np.ones_like(y, int)
    assert_refused(clf, lambda: clf.score(X, other), "y holds labels as .*, but the fit was on such as .*: make them")


def test_classes_that_come_later():
    X, y = held("classifier_of_columns")
    known = [["up", "down"], [*"abcd"]]
    clf = small().partial_fit(X[:2], y[:2], classes=known)
    assert [own.tolist() for own in clf.classes_] == [["down", "up"], [*"abcd"]]
    clf.partial_fit(X, y)
    assert_refused(clf, lambda: clf.partial_fit(X, np.where(y == "a", "z", y)), r"y\[:, 1\] has the labels \['z'\]")
    flags = np.eye(3, dtype=int)[[0, 1, 2, 0]]
    for classes in (None, np.arange(3), [[0, 1]] * 3):
        assert small().partial_fit(X[:4], flags, classes=classes).classes_.tolist() == [0, 1, 2]
    later = small().partial_fit(X[:4], flags, classes=[[0, 1], [0, 1], [0, 1, 2]])
    assert [own.tolist() for own in later.classes_] == [[0, 1], [0, 1], [0, 1, 2]]
    for classes in ([0, 1], [["up", "down"]], 3 * ["up"], [[0, 1], [0, 1], 2]):
        clf = small()
        assert_refused(
            clf, lambda c=classes, e=clf: e.partial_fit(X[:4], flags, classes=c), "expected the classes of each"
        )


def test_a_rare_label_may_be_missing():
    """As in a fold that has none of it."""
    X, y = marked(30)
    y = np.array(y)
    assert not y[:-1, 2].any()
    clf = small().fit(X[:-1], y[:-1])
    assert clf.predict_proba(X).shape == (30, 3) and 0 < clf.score(X, y) <= 1
    assert np.isfinite(cross_val_score(small(max_iter=1), pd.Series(X).to_numpy(), y, cv=3)).all()


def test_another_fit_may_have_one_label_again(tmp_path):
    X, y = held("classifier_of_flags")
    clf = small().fit(X, y)
    one = small().fit(X, y[:, 0])
    again = clf.fit(X, y[:, 0])
    assert_same_bits(again.predict_proba(X), one.predict_proba(X))
    fastrnn.save(again, tmp_path / "model")
    assert_same_bits(fastrnn.load(tmp_path / "model").predict_proba(X), one.predict_proba(X))
    assert again.predict(X).shape == (40,)


@pytest.mark.parametrize(
    "change",
    [
        {"_is_multilabel": False}, {"_is_multilabel": 1}, {"classes_": np.array([0, 1])},
        {"classes_": np.array([2, 1, 0])}, {"classes_": [np.array([0, 1]), np.array([0, 1])]},
    ],
)  # fmt: skip
def test_files_that_lie_about_rows_of_0_and_1(change, tmp_path):
    X, y = held("classifier_of_flags")
    refuse_file(small().fit(X, y), change, tmp_path / "model")


@pytest.mark.parametrize(
    "classes",
    [
        [["a", "b"], ["a", "b"]], [["a", "b", "c", "d", "e"]], [["b", "a"], ["a", "b", "c"]],
        [["a"], ["a", "b", "c", "d"]], [["a", "b"], "abc"], [], None,
    ],
)  # fmt: skip
def test_files_that_lie_about_columns_of_classes(classes, tmp_path):
    X, y = held("classifier_of_columns")
    own = classes and [np.array(c) if isinstance(c, list) else c for c in classes]
    refuse_file(small().fit(X, y), {"classes_": own}, tmp_path / "model")


def refuse_file(clf, change, path):
    tree = clf._record()
    tree["fitted"] |= change
    fastrnn.storage.write(path, {"model": tree, "run": None})
    with pytest.raises(StorageError, match="classes_|_is_multilabel|fitted|damaged"):
        fastrnn.load(path)


def test_searches_and_predictions_across_folds():
    X, flags, words = waves(60)
    X = pd.Series(X).to_numpy()
    for y in (flags, words):
        found = cross_val_predict(small(max_iter=1), X, y, cv=3)
        assert found.shape == y.shape and found.dtype.kind == y.dtype.kind
        pipe = make_pipeline(SequenceScaler(), small(max_iter=1))
        search = GridSearchCV(pipe, {"sequenceclassifier__hidden_size": [3, 4]}, cv=2, error_score="raise").fit(X, y)
        assert 0 <= search.best_score_ <= 1
    scorer = make_scorer(accuracy_score)
    assert np.isfinite(cross_val_score(small(max_iter=1), X, flags, cv=2, scoring=scorer, error_score="raise")).all()
    assert np.isfinite(cross_val_score(small(max_iter=1), X, flags, cv=2, scoring="roc_auc", error_score="raise")).all()


def test_thresholds_by_a_model_for_each_label():
    """scikit-learn's own are for one label of two."""
    X, flags, _ = waves(60)
    tuned = TunedThresholdClassifierCV(small(max_iter=10), cv=2, scoring="balanced_accuracy")
    model = MultiOutputClassifier(tuned).fit(pd.Series(X).to_numpy(), flags[:, :2])
    assert model.predict(X).shape == (60, 2)


# ---------------------------------------------------------------------------------------------- what comes in


@pytest.mark.parametrize(
    "wrap",
    [np.array, list, lambda y: y.tolist(), pd.DataFrame, lambda y: pd.DataFrame(y).astype(bool),
     lambda y: y.astype(float), lambda y: y.astype(np.int8), lambda y: y.astype(object)],
)  # fmt: skip
def test_rows_of_0_and_1_in_any_container(wrap):
    X, y = held("classifier_of_flags")
    expected = small().fit(X, y)
    clf = small().fit(X, wrap(y))
    assert_same_bits(clf.network_.theta, expected.network_.theta)
    assert_same_bits(clf.predict(X), expected.predict(X))
    assert clf.classes_.tolist() == [0, 1, 2] and clf.score(X, wrap(y)) == expected.score(X, y)


@pytest.mark.parametrize("wrap", [np.array, list, lambda y: y.tolist(), pd.DataFrame, lambda y: y.astype(object)])
def test_columns_of_classes_in_any_container(wrap):
    X, y = sorted_twice(40)
    y = np.array(y)
    expected = small().fit(X, y)
    clf = small().fit(X, wrap(y))
    assert_same_bits(clf.network_.theta, expected.network_.theta)
    assert (clf.predict(X) == expected.predict(X)).all() and clf.score(X, wrap(y)) == expected.score(X, y)


def test_numbers_other_than_0_and_1_are_classes_and_so_are_texts():
    X = ragged(12)
    for y in ([[0, 2], [2, 0]] * 6, [[1, 2], [2, 1]] * 6, [["0", "1"], ["1", "0"]] * 6, [[0, 0, 1], [1, 1, 2]] * 6):
        clf = small(max_iter=1).fit(X, y)
        assert isinstance(clf.classes_, list) and np.isin(clf.predict(X), y).all()
    sets = MultiLabelBinarizer().fit_transform([{"a", "b"}, {"c"}, set()] * 4)
    assert small(max_iter=1).fit(X, sets).classes_.tolist() == [0, 1, 2]
