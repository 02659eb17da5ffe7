"""Validation data: given to fit, or held out by a splitter; their scores and losses, and what they never change."""

import numpy as np
import pandas as pd
import pytest
from samples import KINDS, assert_refused, assert_same_bits, data_for, labelled, make_estimator, ragged, tagged
from sklearn import config_context
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, make_scorer, r2_score
from sklearn.model_selection import GridSearchCV, GroupKFold, GroupShuffleSplit, KFold, TimeSeriesSplit
from sklearn.pipeline import Pipeline, make_pipeline

import fastrnn
from fastrnn import SequenceClassifier, SequenceEnsemble, SequenceForecaster, SequenceRegressor, SequenceTagger
from fastrnn.base import validation
from fastrnn.data import SequenceFiles
from fastrnn.generator.learning import STRETCH
from fastrnn.inspection import TrainingCurveDisplay
from fastrnn.preprocessing import SequenceScaler
from fastrnn.training import Checkpoint

SMALL = {"hidden_size": 4, "max_iter": 3, "random_state": 0}
X, Y = labelled(40)
X_VAL, Y_VAL = labelled(20, seed=1)
WEIGHTS = np.linspace(0.1, 2, 20)
PERSONS = np.arange(40) // 5
SLOW = {"learning_rate_init": 1e-12, "learning_rate": "constant", "max_iter": 2}
CASES = {
    "classifier": (SequenceClassifier, X, Y),
    "two classes": (SequenceClassifier, X, Y > 0),
    "patches": (lambda **o: SequenceClassifier(patch_length=2, **o), X, Y),
    "regressor": (SequenceRegressor, X, [x.mean() for x in X]),
    "regressor of steps": (lambda **o: SequenceRegressor(return_sequences=True, **o), X, [x[:, :2] for x in X]),
    "quantile": (lambda **o: SequenceRegressor(loss="quantile", quantile=0.9, **o), X, [x[0, :2] for x in X]),
    **{kind: (lambda kind=kind, **o: make_estimator(kind, **o), *data_for(kind)) for kind in KINDS},
}
every_case = pytest.mark.parametrize("case", CASES)


def beside(X_val, y_val, **more):
    """What fit is given."""
    return {"X_val": X_val, **({} if y_val is None else {"y_val": y_val}), **more}


def has_weights(model):
    return not isinstance(model, fastrnn.SequenceGenerator)


# ------------------------------------------------------------------------------------ data that fit is given


@every_case
def test_the_loss_of_the_training_data_is_the_training_loss(case):
    make, X, y = CASES[case]
    model = make(**{**SMALL, **SLOW}, dropout=0.0, recurrent_dropout=0.0)
    weights = {"sample_weight": np.linspace(0.5, 3, len(X))} if has_weights(model) else {}
    given = {"sample_weight_val": weights["sample_weight"]} if weights else {}
    if case == "patches":  # training reads them cut at one place, and answers are the mean over several
        model.set_params(patch_length=1)
    if case == "generator_of_streams":  # and validation data of a stream are read in one part
        model.set_params(batch_size=1, bptt_steps=STRETCH)
    model.fit(X, y, **weights, **beside(X, y, **given))
    np.testing.assert_allclose(model.validation_loss_curve_, model.loss_curve_, rtol=1e-5)


@every_case
def test_what_is_only_watched_changes_nothing(case):
    make, X, y = CASES[case]
    plain = make(**SMALL, dropout=0.3).fit(X, y)
    assert plain.validation_loss_curve_ is plain.validation_scores_ is None
    watched = make(**SMALL, dropout=0.3).fit(X, y, **beside(X[:15], None if y is None else y[:15]))
    assert_same_bits(watched.network_.theta, plain.network_.theta)
    assert watched.loss_curve_ == plain.loss_curve_
    assert len(watched.validation_loss_curve_) == len(watched.validation_scores_) == 3


@every_case
def test_early_stopping_goes_by_them_and_trains_on_all(case):
    make, X, y = CASES[case]
    options = {"n_iter_no_change": 2, "learning_rate_init": 0.05, "learning_rate": "constant", "random_state": 0}
    given = beside(X[::3], None if y is None else y[::3][::1])
    model = make(hidden_size=4, early_stopping=True, max_iter=12, **options).fit(X, y, **given)
    best = int(np.argmax(model.validation_scores_)) + 1
    assert model.n_iter_ == min(best + 2, 12)
    again = make(hidden_size=4, max_iter=best, **options).fit(X, y, **given)
    assert_same_bits(model.network_.theta, again.network_.theta)


@pytest.mark.parametrize("case", ["classifier", "regressor", "regressor of steps", "tagger", "generator"])
def test_the_score_is_that_of_score(case):
    make, X, y = CASES[case]
    model = make(**SMALL)
    given = {"sample_weight_val": np.linspace(0, 2, 30)} if has_weights(model) else {}
    model.fit(X, y, **beside(X[:30], None if y is None else y[:30], **given))
    expected = model.score(X[:30], None if y is None else y[:30], *given.values())
    assert model.validation_scores_[-1] == pytest.approx(expected, rel=1e-5)


def test_losses_are_those_of_scikit_learn():
    clf = SequenceClassifier(**SMALL).fit(X, Y, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=WEIGHTS)
    expected = log_loss(Y_VAL, clf.predict_proba(X_VAL), sample_weight=WEIGHTS)
    assert clf.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-5)
    weighted = clone(clf).set_params(class_weight={0: 1, 1: 2, 2: 5}).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    expected = log_loss(Y_VAL, weighted.predict_proba(X_VAL), sample_weight=np.array([1, 2, 5])[Y_VAL])
    assert weighted.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-5)
    assert weighted.validation_scores_[-1] == weighted.score(X_VAL, Y_VAL)  # which knows no class_weight


def test_balanced_weights_are_those_of_the_training_data(tmp_path):
    train, test = np.arange(40) % 4 // 3, np.arange(20) % 2  # three to one, and one to one
    weights = np.where(test, 2, 2 / 3)
    balanced = SequenceClassifier(**SMALL, class_weight="balanced")
    files = SequenceFiles.write(tmp_path / "files", [(X[:20], train[:20]), (X[20:], train[20:])])
    for data in ((X, train), (files,)):
        clf = clone(balanced).fit(*data, X_val=X_VAL, y_val=test)
        expected = log_loss(test, clf.predict_proba(X_VAL), sample_weight=weights)
        assert clf.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-5)
        assert clf.class_weight == "balanced"
    tags, own = [np.resize(train, len(x)) for x in X], [np.resize(test, len(x)) for x in X_VAL]
    tagger = SequenceTagger(**SMALL, class_weight="balanced").fit(X, tags, X_val=X_VAL, y_val=own)
    flat, p = np.concatenate(own), np.concatenate(tagger.predict_proba(X_VAL))
    counts = np.bincount(np.concatenate(tags))
    expected = log_loss(flat, p, sample_weight=(1 / counts)[flat])
    assert tagger.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-5)


def test_callbacks_and_pictures_see_the_loss():
    seen = []
    clf = SequenceClassifier(**SMALL, callbacks=[seen.append]).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert [progress.validation_loss for progress in seen] == clf.validation_loss_curve_
    assert [progress.validation_score for progress in seen] == clf.validation_scores_
    pytest.importorskip("matplotlib").use("Agg")
    line = TrainingCurveDisplay.from_estimator(clf).validation_line_
    assert line.get_ydata().tolist() == clf.validation_loss_curve_


def test_the_longest_target_is_that_of_the_training_data():
    sources, targets = data_for("translator")
    longer = [np.ones(30, int)] * 3
    model = make_estimator("translator").fit(sources, targets, X_val=longer, y_val=longer)
    assert model.max_length_ == max(map(len, targets))


def test_later_fits():
    clf = SequenceClassifier(**SMALL, warm_start=True).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert len(clf.partial_fit(X, Y).validation_loss_curve_) == 3 and clf.n_iter_ == 4
    first = clf.fit(X, Y, X_val=X_VAL, y_val=Y_VAL).validation_loss_curve_[0]
    assert first < 1.2 and len(clf.validation_loss_curve_) == 3
    assert clf.fit(X, Y).validation_loss_curve_ is None


def test_an_ensemble_gives_them_to_its_members():
    given = {"X_val": X_VAL, "y_val": Y_VAL, "sample_weight_val": WEIGHTS}
    ensemble = SequenceEnsemble(SequenceClassifier(**SMALL, early_stopping=True), 2, random_state=0)
    for member in ensemble.fit(X, Y, **given).estimators_:
        alone = SequenceClassifier(**{**SMALL, "random_state": member.random_state}, early_stopping=True)
        assert alone.fit(X, Y, **given).validation_loss_curve_ == member.validation_loss_curve_
    splitting = ensemble.set_params(estimator__validation_fraction=GroupShuffleSplit(1, random_state=0))
    assert splitting.fit(X, Y, groups=PERSONS).estimators_[0].validation_scores_


def test_files_are_judged_by_what_is_in_memory(tmp_path):
    files = SequenceFiles.write(tmp_path / "one", [(X, Y, None)])
    for options in ({}, {"early_stopping": True, "scoring": "f1_macro"}):
        whole = SequenceClassifier(**SMALL, **options).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
        found = SequenceClassifier(**SMALL, **options).fit(files, X_val=X_VAL, y_val=Y_VAL)
        assert_same_bits(found.network_.theta, whole.network_.theta)
        assert found.validation_loss_curve_ == whole.validation_loss_curve_
        assert found.validation_scores_ == whole.validation_scores_
    held_out = SequenceClassifier(**SMALL, early_stopping=True, scoring="loss").fit(files)
    assert held_out.validation_scores_ == [-loss for loss in held_out.validation_loss_curve_]
    for options, match in (
        ({"scoring": "f1_macro"}, "SequenceFiles, and scoring=.* does not go with"),
        ({"validation_fraction": KFold(2)}, "SequenceFiles, and a splitter does not go"),
    ):
        clf = SequenceClassifier(**SMALL, early_stopping=True, **options)
        assert_refused(clf, lambda clf=clf: clf.fit(files), match)
    assert_refused(held_out, lambda: held_out.fit(X, Y, X_val=files), "X_val is SequenceFiles: .*in memory")


# ------------------------------------------------------------------------------------ parts that are held out


@pytest.mark.parametrize(
    ("splitter", "groups"),
    [
        (GroupShuffleSplit(2, test_size=0.4, random_state=3), PERSONS),
        (GroupKFold(3), [f"person {k}" for k in PERSONS]),
        (TimeSeriesSplit(3, gap=2), None),
        (KFold(4), None),
    ],
)
@pytest.mark.parametrize("scoring", [None, "loss", "balanced_accuracy"])
def test_a_splitter_holds_out_its_last_split(splitter, groups, scoring):
    *_, (some, held_out) = splitter.split(X, Y, groups)
    options = {**SMALL, "normalize_X": False, "early_stopping": True, "scoring": scoring, "recurrent_dropout": 0.0}
    found = SequenceClassifier(**options, validation_fraction=splitter).fit(X, Y, groups=groups)
    parts = [[values[k] for k in numbers] for values in (X, Y) for numbers in (some, held_out)]
    expected = SequenceClassifier(**options).fit(parts[0], parts[2], X_val=parts[1], y_val=parts[3])
    assert_same_bits(found.network_.theta, expected.network_.theta)
    assert found.validation_scores_ == expected.validation_scores_
    assert found.validation_loss_curve_ == expected.validation_loss_curve_
    if groups is not None:
        assert not {*np.array(groups)[some]} & {*np.array(groups)[held_out]}


def test_a_splitter_may_say_masks_and_count_from_the_end():
    held_out, fitted = np.arange(40) >= 35, []
    for split in ((np.arange(35), np.arange(35, 40)), (~held_out, held_out), (np.arange(35), np.arange(-5, 0))):
        splitter = Splits([split])
        fitted.append(SequenceClassifier(**SMALL, early_stopping=True, validation_fraction=splitter).fit(X, Y))
    for other in fitted[1:]:
        assert_same_bits(other.network_.theta, fitted[0].network_.theta)
        assert other.validation_scores_ == fitted[0].validation_scores_


def test_splitters_of_other_estimators():
    for kind in ("tagger_of_words", "generator", "translator", "vector_to_numbers"):
        sources, targets = data_for(kind)
        model = make_estimator(kind, early_stopping=True, validation_fraction=GroupKFold(3))
        assert len(model.fit(sources, targets, groups=PERSONS).validation_loss_curve_) == 2


def ACCURACY(model, X, y):  # noqa: N802
    return model.score(X, y)


FORMS = {
    "list": (X, Y),
    "objects": (np.array(X, object), Y.tolist()),
    "cube": (np.stack([x[:2] for x in labelled(40, shortest=2)[0]]), pd.Series(Y)),
    "panel": (np.stack([x[:2, 0] for x in labelled(40, shortest=2)[0]]), Y.astype(str)),
    "table": (pd.DataFrame(np.random.default_rng(0).random((40, 5))).add_prefix("t"), Y),
    "frames": ([pd.DataFrame(x, columns=["a", "b", "c"]) for x in X], tuple(Y.tolist())),
}


@pytest.mark.parametrize("scoring", ["f1_macro", make_scorer(balanced_accuracy_score), ACCURACY])
@pytest.mark.parametrize("form", FORMS)
def test_a_scorer_is_given_the_data_as_they_came(form, scoring):
    data, y = FORMS[form]
    clf = SequenceClassifier(**{**SMALL, "max_iter": 1}, early_stopping=True, validation_fraction=KFold(2))
    clf.set_params(scoring=scoring).fit(data, y)
    held_out = data.iloc[20:] if form == "table" else data[20:]
    expected, predicted = np.asarray(y)[20:], clf.predict(held_out)
    scores = {"f1_macro": f1_score(expected, predicted, average="macro")}
    scores |= {scoring: (predicted == expected).mean()} if scoring is ACCURACY else {}
    scores.setdefault(scoring, balanced_accuracy_score(expected, predicted))
    assert clf.validation_scores_ == [scores[scoring]]


def test_a_scorer_is_given_weights():
    weights = np.linspace(0, 2, 40)
    given = []

    def scoring(model, X, y, sample_weight=None):
        given.append((len(X), len(y), sample_weight))
        return 0.0

    options = {**SMALL, "max_iter": 1, "early_stopping": True, "scoring": scoring, "validation_fraction": KFold(4)}
    SequenceClassifier(**options).fit(X, Y, weights).fit(X, Y).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert given[0][:2] == (10, 10) and np.array_equal(given[0][2], weights[30:])
    assert given[1:] == [(10, 10, None), (20, 20, None)]
    reg = SequenceRegressor(**SMALL, scoring="r2").fit(X, Y, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=WEIGHTS)
    assert reg.validation_scores_[-1] == r2_score(Y_VAL, reg.predict(X_VAL), sample_weight=WEIGHTS)


def test_no_data_are_taken_out_without_a_scorer(monkeypatch):
    monkeypatch.setattr(validation, "_of", None)
    for scoring in (None, "loss"):
        SequenceClassifier(**SMALL, early_stopping=True, scoring=scoring).fit(X, Y)


def test_a_forecaster_shows_the_loss():
    y = np.sin(np.arange(200.0)) + np.arange(200) % 7
    options = {"horizon": 4, "max_iter": 2, "context": 16, "random_state": 0, "hidden_size": 3}
    forecaster = SequenceForecaster(**options, early_stopping=True).fit(y)
    np.testing.assert_allclose(forecaster.validation_scores_, -np.array(forecaster.validation_loss_curve_))
    assert SequenceForecaster(**options).fit(y).validation_loss_curve_ is None
    forecaster.validation_fraction = KFold(2)
    with pytest.raises(ValueError, match="validation_fraction.*must be a float"):
        forecaster.fit(y)


# ------------------------------------------------------------------------------------ scikit-learn's tools


def test_in_a_pipeline_they_come_by_metadata_routing():
    expected = SequenceScaler().fit(X)
    expected = SequenceClassifier(**SMALL).fit(
        expected.transform(X), Y, X_val=expected.transform(X_VAL), y_val=Y_VAL, sample_weight_val=WEIGHTS
    )
    with config_context(enable_metadata_routing=True):
        clf = SequenceClassifier(**SMALL).set_fit_request(X_val=True, y_val=True, sample_weight_val=True)
        pipe = Pipeline([("scaler", SequenceScaler()), ("clf", clf)], transform_input=["X_val"])
        pipe.fit(X, Y, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=WEIGHTS)
    assert pipe[-1].validation_loss_curve_ == expected.validation_loss_curve_


def test_groups_are_routed_to_splits_within_splits():
    splitter = GroupShuffleSplit(1, test_size=0.3, random_state=0)
    seen = []

    def scoring(model, X, y):
        seen.append(len(X))
        return 0.0

    with config_context(enable_metadata_routing=True):
        options = {**SMALL, "max_iter": 1, "early_stopping": True, "scoring": scoring}
        clf = SequenceClassifier(**options, validation_fraction=splitter).set_fit_request(groups=True)
        pipe = make_pipeline(SequenceScaler(), clf)
        grid = {"sequenceclassifier__hidden_size": [3]}
        search = GridSearchCV(pipe, grid, cv=GroupKFold(2), error_score="raise").fit(X, Y, groups=PERSONS)
    assert seen == [10, 10, 15] and search.best_score_ > 0  # of 4 and of 8 groups of five


# ------------------------------------------------------------------------------------ files and runs that go on


@pytest.mark.parametrize("options", [{}, {"early_stopping": True, "n_iter_no_change": 1}])
def test_a_run_goes_on_with_the_same_validation_data_alone(options, tmp_path):
    path, given = tmp_path / "run", {"X_val": X_VAL, "y_val": Y_VAL, "sample_weight_val": WEIGHTS}
    clf = SequenceClassifier(**SMALL, **options, scoring="f1_macro")
    whole = clone(clf).fit(X, Y, **given)
    clone(clf).set_params(callbacks=[Checkpoint(path), lambda progress: progress.epoch == 1]).fit(X, Y, **given)
    resumed = clone(clf).fit(X, Y, **given, resume_from=path)
    assert_same_bits(resumed.network_.theta, whole.network_.theta)
    assert resumed.validation_loss_curve_ == whole.validation_loss_curve_
    assert resumed.validation_scores_ == whole.validation_scores_
    for other in (
        {},
        {**given, "sample_weight_val": None},
        {"X_val": X_VAL[::-1], "y_val": Y_VAL},
        {**given, "y_val": Y_VAL[::-1]},
    ):
        again = clone(clf)
        assert_refused(again, lambda again=again, o=other: again.fit(X, Y, **o, resume_from=path), "others are held")


def test_a_run_goes_on_with_the_same_split_alone(tmp_path):
    path = tmp_path / "run"
    options = {**SMALL, "early_stopping": True, "scoring": lambda model, X, y: model.score(X, y)}
    clf = SequenceClassifier(**options, validation_fraction=GroupKFold(3))
    whole = clone(clf).fit(X, Y, groups=PERSONS)
    clone(clf).set_params(callbacks=[Checkpoint(path), lambda progress: True]).fit(X, Y, groups=PERSONS)
    resumed = clone(clf).fit(X, Y, groups=PERSONS, resume_from=path)
    assert_same_bits(resumed.network_.theta, whole.network_.theta)
    assert resumed.validation_loss_curve_ == whole.validation_loss_curve_
    for fraction, groups in ((GroupKFold(4), PERSONS), (0.1, None)):
        again = clone(clf).set_params(validation_fraction=fraction)
        call = lambda again=again, groups=groups: again.fit(X, Y, groups=groups, resume_from=path)  # noqa: E731
        assert_refused(again, call, "others are held out")


def test_files_hold_the_losses_and_no_objects(tmp_path):
    path = tmp_path / "model"
    options = {"scoring": lambda model, X, y: model.score(X, y), "validation_fraction": KFold(2)}
    clf = SequenceClassifier(**SMALL, early_stopping=True, **options).fit(X, Y)
    fastrnn.save(clf, path)
    again = fastrnn.load(path)
    assert again.validation_loss_curve_ == clf.validation_loss_curve_
    assert again.scoring is None and again.validation_fraction == 0.1
    fastrnn.save(again.set_params(scoring="f1_macro", validation_fraction=0.3), path)
    assert fastrnn.load(path).get_params()["scoring"] == "f1_macro"


def test_files_of_versions_without_them_are_read():
    clf = SequenceClassifier(**SMALL, early_stopping=True).fit(X, Y)
    tree = clf._record()
    del tree["parameters"]["scoring"], tree["fitted"]["validation_loss_curve_"]
    again = SequenceClassifier._restored(tree)
    assert again.validation_loss_curve_ is again.scoring is None
    assert again.validation_scores_ == clf.validation_scores_
    assert (
        again.partial_fit(X, Y).n_iter_ == 4
        and "validation_loss_curve_" not in SequenceClassifier._restored(tree)._record()["fitted"]
    )


# ------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"y_val": Y_VAL}, "y_val is given without X_val"),
        ({"sample_weight_val": WEIGHTS}, "sample_weight_val is given without X_val"),
        ({"X_val": X_VAL}, r"in the validation data \(X_val, y_val\), .* requires y to be passed"),
        ({"X_val": X_VAL, "y_val": Y_VAL[:9]}, "in the validation data.* y has fewer entries"),
        ({"X_val": X_VAL, "y_val": Y_VAL + 1}, r"in the validation data.* y has the labels \[3\], but the classes"),
        ({"X_val": ragged(20, 2), "y_val": Y_VAL}, "in the validation data.* 2 features, but the fit was on 3"),
        ({"X_val": [], "y_val": []}, "in the validation data.* empty"),
        ({"X_val": X_VAL, "y_val": Y_VAL, "sample_weight_val": WEIGHTS[:3]}, "in the validation data.*weight"),
        (
            {"X_val": X_VAL, "y_val": Y_VAL, "sample_weight_val": 0 * WEIGHTS},
            "in the validation data.*weights are zero",
        ),
        ({"X_val": 3, "y_val": Y_VAL}, "in the validation data.* X must be a list of sequences"),
        ({"groups": PERSONS}, "validation_fraction=0.1 knows no groups: set a splitter"),
    ],
)
def test_wrong_validation_data(given, match, monkeypatch):
    clf = SequenceClassifier(**SMALL, early_stopping=True).fit(X, Y)
    monkeypatch.setattr(fastrnn.training.Trainer, "epoch", None)
    assert_refused(clf, lambda: clf.fit(X, Y, **given), match)


class Splits:
    def __init__(self, splits):
        self.splits = splits

    def split(self, X, y=None, groups=None):
        return iter(self.splits)

    def get_n_splits(self, X=None, y=None, groups=None):
        return len(self.splits)


@pytest.mark.parametrize(
    ("options", "given", "match"),
    [
        ({"scoring": "f2"}, {}, "'f2' is not a valid scoring value"),
        ({"scoring": 3}, {}, "'scoring' parameter"),
        ({"validation_fraction": "all"}, {}, "'validation_fraction' parameter"),
        ({"validation_fraction": GroupKFold(2)}, {}, "cannot split X: The 'groups' parameter should not be None"),
        ({"validation_fraction": GroupKFold(9)}, {"groups": PERSONS}, "cannot split X: .* number of groups"),
        ({"validation_fraction": GroupKFold(2)}, {"groups": [1, 2]}, "cannot split X: .* inconsistent"),
        ({"solver": "lbfgs"}, {"X_val": X_VAL, "y_val": Y_VAL}, "lbfgs' has no epochs that X_val could judge"),
        ({"validation_fraction": Splits([])}, {}, "makes a split with no sequences on one side, but X has"),
        ({"validation_fraction": Splits([([0, 1], [999])])}, {}, "cannot split X: index 999 is"),
        ({"validation_fraction": Splits([([0, 1], [-999])])}, {}, "cannot split X: index -999 is"),
        ({"validation_fraction": Splits([[0, 1]])}, {}, "cannot split X: "),
    ],
)
def test_wrong_parameters(options, given, match):
    clf = SequenceClassifier(**SMALL, early_stopping=True, **options)
    assert_refused(clf, lambda: clf.fit(X, Y, **given), match)


def test_names_and_tokens_unknown_to_the_fit():
    frames = [pd.DataFrame(x, columns=["a", "b", "c"]) for x in X]
    clf = SequenceClassifier(**SMALL)
    others = [frame.rename(columns={"a": "z"}) for frame in frames]
    assert_refused(clf, lambda: clf.fit(frames, Y, X_val=others, y_val=Y), "in the validation data.*z")
    words, tags = data_for("tagger_of_words")
    tagger = make_estimator("tagger_of_words")
    strange = [np.where(x > 3, 77, x) for x in words]
    assert_refused(tagger, lambda: tagger.fit(words, tags, X_val=strange, y_val=tags), "in the validation.* token 77")


@pytest.mark.parametrize(
    ("scoring", "match"),
    [
        (lambda model, X, y: np.nan, "scoring=.* is nan on the validation data: set another"),
        (lambda model, X, y: None, "scoring=.* cannot score the validation data"),
        ("f1", "scoring='f1' cannot score the validation data: .*average"),
        (lambda model, X, y: model.no_such_thing, "scoring=.* cannot score the validation data"),
    ],
)
def test_a_score_that_is_no_number_ends_the_fit(scoring, match):
    clf = SequenceClassifier(**SMALL, scoring=scoring)
    assert_refused(clf, lambda: clf.fit(X, Y, X_val=X_VAL, y_val=Y_VAL), match)


def test_a_stream_is_held_out_at_its_end():
    model = make_estimator("generator_of_streams", early_stopping=True, validation_fraction=KFold(2))
    assert_refused(model, lambda: model.fit(data_for("generator")[0]), "stateful=True holds out the end")
    tagger = SequenceTagger(**SMALL, early_stopping=True, scoring="loss").fit(*tagged(30))
    assert tagger.validation_scores_ == [-loss for loss in tagger.validation_loss_curve_]


def test_one_target_has_no_score():
    model = SequenceRegressor(**SMALL)
    y = np.arange(len(X), dtype=float)
    assert_refused(model, lambda: model.fit(X, y, X_val=X[:1], y_val=y[:1]), "R.2 needs two targets or more, but one")


def test_what_is_held_out_has_its_weights_in_the_score():
    weights = np.random.default_rng(0).random(len(X))
    options = {**SMALL, "early_stopping": True}
    own = SequenceClassifier(**options).fit(X, Y, sample_weight=weights)
    by_scorer = SequenceClassifier(**options, scoring="accuracy").fit(X, Y, sample_weight=weights)
    np.testing.assert_allclose(own.validation_scores_, by_scorer.validation_scores_)
