"""Weights to and from PyTorch and Keras: against PyTorch's figures, frozen, and both libraries where installed."""

from functools import cache

import numpy as np
import pytest
from make_fixtures import MODEL, READOUTS, torch_model
from reference import assert_within
from safetensors.numpy import load_file
from samples import KINDS, answers, assert_refused, assert_same_bits, data_for, labelled, make_estimator, ragged, tokens
from scipy.special import softmax
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

import fastrnn
from fastrnn import (
    SequenceAutoencoder,
    SequenceClassifier,
    SequenceForecaster,
    SequenceGenerator,
    SequenceOutlierDetector,
    SequenceRegressor,
    SequenceTagger,
)
from fastrnn.interchange import from_keras, from_torch, to_keras, to_torch
from fastrnn.layers import GRU, LSTM, RNN

SMALL = {"hidden_size": 5, "max_iter": 2, "random_state": 0}
X, Y = labelled(30)
SHAPES = {
    "plain": {},
    "stacked": {"num_layers": 2, "bidirectional": True, "cell": "lstm"},
    "rnn": {"cell": "rnn", "nonlinearity": "relu", "bias": False, "readout": "mean"},
    "f64": {"cell": "lstm", "dtype": "float64", "readout": "last"},
}


def classifier(**options):
    """One whose weights leave as they are, to the bit."""
    return SequenceClassifier(**{**SMALL, "bidirectional": False, "normalize_X": False, **options})


@cache
def fitted(**options):
    return classifier(**options).fit(X, Y)


def changed(state, **others):
    """A copy of a state dict; None leaves a name out."""
    return {name: array for name, array in {**state, **others}.items() if array is not None}


# ------------------------------------------------------------------------------------- there and back


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("out", "back"), [(to_torch, from_torch), (to_keras, from_keras)])
def test_there_and_back(shape, out, back):
    clf = fitted(**SHAPES[shape])
    new = back(classifier(**SHAPES[shape]), out(clf))
    other = back(classifier(**SHAPES[shape]).set_params(random_state=1).fit(X, Y), out(clf))
    for model in (new, other):
        assert_same_bits(model.predict_proba(X), clf.predict_proba(X))
        assert model.loss_curve_ == [] and model.n_iter_ == 0 and model.validation_scores_ is None


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "generator_of_numbers"])  # which is refused
def test_every_estimator_takes_the_weights_of_its_like(kind):
    X, y = data_for(kind)
    options = {"cell": "gru"} if kind == "vector_to_tokens" else {}
    options |= {} if "generator" in kind else {"normalize_X": False}
    model = make_estimator(kind, **options).fit(X, y)
    other = make_estimator(kind, **options, random_state=1).fit(X, y)
    from_torch(other, to_torch(model))
    for a, b in zip(answers(other, X), answers(model, X), strict=True):
        for mine, its in zip(a, b, strict=True):
            assert_same_bits(mine, its)


SIZED = {
    "classifier": (SequenceClassifier, {"num_layers": 3}, {"bias": False}),
    "one": (SequenceClassifier, {"embedding_dim": 3, "num_layers": 1}, {"readout": "max"}),
    "regressor": (SequenceRegressor, {"num_layers": 2}, {"cell": "lstm", "bidirectional": True}),
    "tagger": (SequenceTagger, {"embedding_dim": 3}, {"bidirectional": False}),
    "generator": (SequenceGenerator, {}, {"stateful": False}),
}


@pytest.mark.parametrize("library", [(to_torch, from_torch), (to_keras, from_keras)], ids=["PyTorch", "Keras"])
@pytest.mark.parametrize("case", SIZED)
def test_sizes_that_are_auto_are_those_of_the_weights(case, library):
    (out, back), (make, sizes, others) = library, SIZED[case]
    X = tokens(30) if "embedding_dim" in sizes or case == "generator" else ragged(30)
    model = make(**SMALL, **sizes, **others).fit(X, X if case == "tagger" else np.arange(30) % 3)
    new = back(make(**others), out(model))
    mine, its = ([*weights.values()] if out is to_torch else weights for weights in (out(new), out(model)))
    for a, b in zip(mine, its, strict=True):
        assert_same_bits(a, b)
    if case == "regressor":  # it goes on with the network that it has
        new.partial_fit(X, model.predict(X))
        assert_refused(new.set_params(num_layers=1), lambda: new.partial_fit(X, Y), "num_layers=1.* has num_layers=2")


def test_a_crf_that_is_auto_is_in_the_weights():
    X, own = tokens(20), {"cell": "lstm", "bidirectional": False}
    for crf in (True, False):
        model = SequenceTagger(**SMALL, **own, embedding_dim=3, crf=crf).fit(X, X)
        new = from_torch(SequenceTagger(**own), to_torch(model))
        for a, b in zip(new.predict(X), model.predict(X), strict=True):
            np.testing.assert_array_equal(a, b)


def test_vectors_that_are_given_say_their_length():
    state = to_torch(SequenceClassifier(**SMALL, embedding_dim=3).fit(tokens(30), Y))
    new = SequenceClassifier(embeddings=np.zeros((5, 4)))
    assert_refused(new, lambda: from_torch(new, state), r"embedding.weight has shape \(5, 3\), expected \(5, 4\)")


@pytest.mark.parametrize("kind", [None, 3, "a", [[1], [1, 2]], np.ndarray, np.ones(())])
def test_arrays_that_are_none_tell_no_sizes(kind):
    new = SequenceClassifier(bidirectional=False)
    weights = to_keras(fitted())
    for k in (0, 1):
        wrong = [*weights[:k], kind, *weights[k + 1 :]]
        assert_refused(new, lambda wrong=wrong: from_keras(new, wrong), r"weights\[[01]\] (has shape|holds)|must be")


def test_a_forecaster_finds_its_errors_anew():
    y = 10 + np.sin(np.arange(60) / 3) + np.arange(60) / 30
    make = {"season": 6, "horizon": 3, "hidden_size": 4, "max_iter": 2, "shrinkage": None, "calibration": 9}
    model, other = (SequenceForecaster(**make, random_state=seed).fit(y) for seed in (0, 1))
    assert not np.array_equal(other.predict_interval(), model.predict_interval())
    from_torch(other, to_torch(model))
    assert_same_bits(other.predict_interval(), model.predict_interval())
    assert_refused(SequenceForecaster(), lambda: from_torch(SequenceForecaster(), to_torch(model)), "fit it first")
    several = [y, y[:40] ** 2, y[::-1]]
    model, other = (SequenceForecaster(**make, random_state=seed).fit(several) for seed in (0, 1))
    from_torch(other, to_torch(model))
    assert other._calibration.shape == (3, 27)
    assert_same_bits(other.predict_interval(), model.predict_interval())
    from_torch(other.set_params(calibration=0), to_torch(model))
    assert other._calibration is None


@pytest.mark.parametrize("normalize_y", [True, False])
@pytest.mark.parametrize("columns", [1, 2])
def test_a_regressors_scale_is_in_the_head(normalize_y, columns):
    y = 5 + 100 * np.array([x.mean(axis=0)[:columns] for x in X])
    y = y.ravel() if columns == 1 else y
    make = {**SMALL, "normalize_X": False, "normalize_y": normalize_y, "dtype": "float64"}
    model = SequenceRegressor(**make).fit(X, y)
    for new in (SequenceRegressor(**make), SequenceRegressor(**make).set_params(random_state=1).fit(X, y)):
        for out, back in ((to_torch, from_torch), (to_keras, from_keras)):
            expected = model.predict(X)
            found = back(new, out(model)).predict(X)
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, rtol=1e-13 if normalize_y else 0)


UNITS = np.array([1e-3, 1, 50]), np.array([0.01, 5, 200])
"""Scales and offsets of three features."""
OF_NUMBERS = ["tagger", "tagger_of_several", "translator_of_numbers", "vector_to_tokens", "vector_to_numbers"]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("out", "back"), [(to_torch, from_torch), (to_keras, from_keras)])
@pytest.mark.parametrize("shape", ["plain", "stacked", "f64"])
def test_units_are_in_the_first_weights(shape, out, back, bias):
    make = {**SHAPES[shape], "normalize_X": True, "bias": bias}
    rows = [x * UNITS[0] + UNITS[1] for x in X]
    clf = classifier(**make).fit(rows, Y)
    for new in (classifier(**make), classifier(**make).fit(X, Y)):
        stream = new.stream() if hasattr(new, "network_") and shape != "stacked" else None
        expected, found = clf.predict_proba(rows), back(new, out(clf)).predict_proba(rows)
        np.testing.assert_allclose(found, expected, atol=1e-12 if shape == "f64" else 2e-5)
        assert (new._X_mean == 0).all() and (new._X_scale == 1).all()
        if stream is not None:
            assert_same_bits([stream.step(x_t) for x_t in rows[0]][-1], new.predict_proba(rows[:1])[0])
    assert_same_bits(clf.predict_proba(rows), expected)  # its own network stays


@pytest.mark.parametrize("kind", OF_NUMBERS)
@pytest.mark.parametrize("bias", [True, False])
def test_units_are_in_the_first_weights_of_every_estimator(kind, bias):
    make = {"dtype": "float64", "bias": bias} | ({"cell": "gru"} if kind == "vector_to_tokens" else {})
    rows, y = data_for(kind)
    rows = [x * UNITS[0] + UNITS[1] for x in rows]
    model = make_estimator(kind, **make).fit(rows, y)
    other = from_torch(make_estimator(kind, **make, random_state=1).fit(rows, y), to_torch(model))
    for a, b in zip(answers(other, rows), answers(model, rows), strict=True):
        for mine, its in zip(a, b, strict=True):
            if np.asarray(mine).dtype.kind == "f":
                np.testing.assert_allclose(mine, its, atol=1e-9)
            else:
                assert_same_bits(mine, its)


def test_the_unit_of_what_is_written_is_in_the_head():
    rows = [x * UNITS[0] + UNITS[1] for x in X]
    options = {"hidden_size": 4, "max_iter": 2, "dtype": "float64", "random_state": 0}
    model, other = SequenceAutoencoder(**options).fit(rows), SequenceAutoencoder(**options).fit(X)
    vectors = model.transform(rows)
    from_torch(other, to_torch(model))
    np.testing.assert_allclose(other.transform(rows), vectors, atol=1e-9)
    for found, expected in zip(other.inverse_transform(vectors), model.inverse_transform(vectors), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-7)
    assert other.score(rows) == pytest.approx(model.score(rows), abs=1e-7)
    detector = SequenceOutlierDetector(**options).fit(rows)
    expected = detector.predict(rows)
    assert_refused(detector, lambda: from_torch(detector, to_torch(detector)), "which scores are odd: fit the detector")
    assert_same_bits(detector.predict(rows), expected)


def test_units_that_no_weights_can_make_up_for():
    clf = classifier(normalize_X=True).fit([x * 1e-60 for x in X], Y)
    for out in (to_torch, to_keras):
        with pytest.raises(ValueError, match="scales from .*e-60, .* float32 has no room for: fit on X in another"):
            out(clf)
    clf = classifier(normalize_X=True).fit([x * [1, 1e38, 1] for x in X], Y)
    for out in (to_torch, to_keras):
        with pytest.raises(ValueError, match=r"scales from .*e\+38, .* float32 has no room for: fit on X in another"):
            out(clf)
    clf = classifier(normalize_X=True).fit([x * 1e34 for x in X], Y)
    new = from_torch(classifier(), to_torch(clf))
    np.testing.assert_allclose(new.predict_proba([x * 1e34 for x in X]), clf.predict_proba([x * 1e34 for x in X]), 1e-5)
    exact = classifier(normalize_X=True, dtype="float64").fit([x * 1e-60 for x in X], Y)
    new = from_torch(classifier(dtype="float64"), to_torch(exact))
    np.testing.assert_allclose(new.predict_proba([x * 1e-60 for x in X]), exact.predict_proba([x * 1e-60 for x in X]))


def test_new_models_of_other_kinds():
    words, labels = tokens(30), [x % 3 for x in tokens(30)]
    model = SequenceTagger(**SMALL, embedding_dim=3).fit(words, labels)
    new = from_torch(SequenceTagger(**SMALL, embedding_dim=3), to_torch(model))
    assert_same_bits(new.predict_proba(words), model.predict_proba(words))
    for stateful in (False, True):
        make = {**SMALL, "embedding_dim": 3, "stateful": stateful}
        model = SequenceGenerator(**make).fit(words)
        new = from_torch(SequenceGenerator(**make), to_torch(model))
        assert new.score(words) == model.score(words)
        assert_same_bits(new.sample([1], 9, random_state=0), model.sample([1], 9, random_state=0))


@pytest.mark.parametrize(("out", "back"), [(to_torch, from_torch), (to_keras, from_keras)])
def test_weights_do_not_say_whether_they_read_a_stream(out, back):
    weights, new = (
        out(SequenceGenerator(**SMALL, num_layers=1, embedding_dim=3, stateful=True).fit(tokens(30))),
        SequenceGenerator(),
    )
    assert_refused(new, lambda: back(new, weights), "stateful='auto' goes by the data, .* set it to True for a stream")


def test_a_new_model_is_a_fitted_one_in_every_way(tmp_path):
    new = from_torch(classifier(dropout=0.1, warm_start=True), to_torch(fitted()))
    stream = new.stream()
    fastrnn.save(new, tmp_path / "new")
    again = fastrnn.load(tmp_path / "new")
    assert_same_bits(again.predict_proba(X), new.predict_proba(X))
    assert_same_bits([stream.step(x_t) for x_t in X[0]][-1], new.predict_proba(X[:1])[0])
    before = new.predict_proba(X)
    new.partial_fit(X, Y)
    assert new.n_iter_ == 1 and not np.array_equal(new.predict_proba(X), before)
    assert new.fit(X, Y).n_iter_ == 2
    assert new.n_features_in_ == 3 and new.set_params(warm_start=False).fit(X, Y).score(X, Y) > 0
    with pytest.raises(ValueError, match="X\\[0\\] has 2 features"):
        from_torch(classifier(), to_torch(fitted())).predict([X[0][:, :2]])


def test_streams_go_on_with_other_weights():
    clf = classifier(random_state=1).fit(X, Y)
    stream = clf.stream()
    stream.step(X[0][0])
    from_torch(clf, to_torch(fitted()))
    stream.reset()
    assert_same_bits(stream.step(X[0][0]), fitted().predict_proba([X[0][:1]])[0])
    assert clf.partial_fit(X, Y).n_iter_ == 1


def test_concat_knows_its_steps():
    rows = np.random.default_rng(0).normal(size=(20, 4, 2))
    clf = classifier(readout="concat").fit(rows, np.arange(20) % 2)
    new = from_keras(classifier(readout="concat"), to_keras(clf))
    assert_same_bits(new.predict_proba(rows), clf.predict_proba(rows))
    assert_refused(new, lambda: new.predict(rows[:, :3]), "expected 4")


# ------------------------------------------------------------------------------------- classes


def test_classes_are_those_of_the_heads_rows():
    state, order = to_torch(fitted()), [2, 0, 1]
    names = np.array(["c", "a", "b"])
    turned = changed(state, **{f"head.{n}": state[f"head.{n}"][order] for n in ("weight", "bias")})
    new = from_torch(classifier(), turned, classes=names[order])
    assert new.classes_.tolist() == ["a", "b", "c"]
    # A softmax adds up its parts in their order.
    np.testing.assert_allclose(new.predict_proba(X), fitted().predict_proba(X)[:, [1, 2, 0]], rtol=1e-6)
    clf = clone(fitted()).fit(X, Y)
    assert_same_bits(from_torch(clf, turned, classes=order).predict_proba(X), fitted().predict_proba(X))
    for wrong in ([0, 1], [0, 1, 1], [[0, 1, 2]], [0, 1, np.nan]):
        assert_refused(clf, lambda wrong=wrong: from_torch(clf, turned, classes=wrong), "expected 3 different labels")
    assert_refused(clf, lambda: from_torch(clf, turned, classes=[1, 2, 3]), "not those of the first call")
    reg = SequenceRegressor()
    assert_refused(reg, lambda: from_torch(reg, turned, classes=order), "has no classes")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_two_classes_are_one_row_or_two(dtype):
    y = Y > 0
    clf = classifier(dtype=dtype).fit(X, y)
    state = to_torch(clf)
    rng = np.random.default_rng(0)
    two = {f"head.{n}": rng.normal(size=(2, *state[f"head.{n}"].shape[1:])).astype(dtype) for n in ("weight", "bias")}
    three = from_torch(
        classifier(dtype=dtype), changed(state, **{n: np.concatenate([a, a[:1]]) for n, a in two.items()})
    )
    logits = three.predict_log_proba(X)[:, :2]
    for new in (classifier(dtype=dtype), clone(clf).fit(X, y)):
        expected = softmax(logits, axis=1)
        found = from_torch(new, changed(state, **two)).predict_proba(X)
        np.testing.assert_allclose(found, expected, atol=1e-6 if dtype == "float32" else 1e-14)
        assert_same_bits(from_torch(new, state).predict_proba(X), clf.predict_proba(X))
    turned = from_torch(classifier(dtype=dtype), state, classes=["yes", "no"])
    assert_same_bits(turned.classes_[turned.predict_proba(X).argmax(axis=1)], np.where(clf.predict(X), "no", "yes"))


def test_a_tagger_takes_one_row_for_two_labels():
    labels = [np.arange(len(x)) % 2 for x in X]
    tagger = SequenceTagger(**SMALL).fit(X, labels)
    state = to_torch(tagger)
    one = {f"head.{n}": state[f"head.{n}"][1:] - state[f"head.{n}"][:1] for n in ("weight", "bias")}
    for new in (SequenceTagger(**SMALL), clone(tagger).fit(X, labels)):
        found = from_torch(new, changed(state, **one)).predict_proba(X)
        for mine, its in zip(found, tagger.predict_proba(X), strict=True):
            np.testing.assert_allclose(mine, its, atol=1e-6)


# ------------------------------------------------------------------------------------- what does not fit

NAMES = {"recurrent": "lstm", "head": "fc"}


def wrong_states():
    """Changes of a GRU's state dict, and what the error says."""
    ih, fc = "recurrent.weight_ih_l0", "head.weight"
    return {
        "missing": ({ih: None, fc: None}, "missing .*weight_ih_l0; head.weight, unknown none; .*num_layers=1"),
        "unknown": ({"recurrent.weight_hr_l0": np.ones(3)}, "missing none, unknown recurrent.weight_hr_l0; "),
        "misshapen": (
            {ih: np.ones((20, 3))},
            r"l0 has shape \(20, 3\), expected \(15, 3\); .*cell='gru', hidden_size=5",
        ),
        "two": ({ih: np.ones((20, 3)), fc: np.ones((3, 4))}, r"weight_ih_l0 has shape \(20, 3\)"),
        "flat": ({ih: np.ones(15)}, r"has shape \(15,\)"),
        "bias": ({"head.bias": np.ones(4)}, r"head.bias has shape \(4,\), expected \(3,\)"),
        "empty": ({ih: np.ones((15, 0))}, r"has shape \(15, 0\), expected \(15, [13]\)"),
        "many": (dict.fromkeys(to_torch(fitted())), "missing .*weight_ih_l0; .*; .*; and 3 more, unknown none; "),
        "nan": ({ih: np.full((15, 3), np.nan)}, "recurrent.weight_ih_l0 has values that are not finite in float32"),
        "large": ({ih: np.full((15, 3), 1e39)}, "not finite in float32"),
        "integer": ({ih: np.ones((15, 3), int)}, "weight_ih_l0 holds int64 values"),
        "complex": ({ih: np.ones((15, 3), complex)}, "complex128"),
        "object": ({ih: np.ones((15, 3), object)}, "object"),
        "none": ({ih: "a"}, "holds <U1 values"),
        "kind": ({"recurrent.weight_hh_l0": np.ndarray}, "weight_hh_l0 holds object values"),
        "ragged": ({"other": [[1], [1, 2]]}, "unknown other"),
    }


@pytest.mark.parametrize("is_fitted", [True, False])
@pytest.mark.parametrize("which", wrong_states())
def test_a_state_dict_that_does_not_fit(which, is_fitted):
    changes, message = wrong_states()[which]
    clf = clone(fitted()).fit(X, Y) if is_fitted else classifier()
    assert_refused(clf, lambda: from_torch(clf, changed(to_torch(fitted()), **changes)), message)
    if is_fitted:
        assert clf.n_iter_ == 2


def test_names():
    state = to_torch(fitted(), names=NAMES)
    assert [*state][0] == "lstm.weight_ih_l0" and [*state][-1] == "fc.bias"
    assert_same_bits(from_torch(classifier(), state, names=NAMES).predict_proba(X), fitted().predict_proba(X))
    assert "weight_ih_l0" in to_torch(fitted(), names={"recurrent": ""})
    for names in (
        "lstm",
        {"lstm": "recurrent"},
        {"recurrent": "", "head": ""},
        {"recurrent": "head.a", "head": "head.a"},
        {"recurrent": 3},
    ):
        if "head" in names:
            assert to_torch(fitted(), names=names)  # no two names are alike
        else:
            with pytest.raises(ValueError, match="expected a .*name of its own for .*recurrent, head"):
                to_torch(fitted(), names=names)
    words = SequenceTagger(**SMALL, embedding_dim=3).fit(tokens(9), tokens(9))
    with pytest.raises(ValueError, match="expected a .*name of its own"):
        to_torch(words, names={"embedding": "", "head": ""})


def test_what_is_no_state_and_no_estimator():
    clf, tree = classifier(), make_estimator("translator")
    assert_refused(clf, lambda: from_torch(clf, [1]), "module.state_dict")
    for weights in (to_torch(fitted()), None):
        assert_refused(clf, lambda weights=weights: from_keras(clf, weights), "list of 5 arrays, .*num_layers=1")
    match = "list of 5 arrays, or 3 more for each layer more, as of .*; got 4; this SequenceClassifier has"
    assert_refused(clf, lambda: from_keras(clf, to_keras(fitted())[1:]), match)
    one = classifier(num_layers=1)
    assert_refused(one, lambda: from_keras(one, to_keras(fitted())[1:]), "list of 5 arrays, as .*num_layers=1")
    assert_refused(tree, lambda: from_torch(tree, {}), "SequenceToSequence.* fit it first")
    for thing in (5, "lstm", SequenceClassifier):
        with pytest.raises(ValueError, match="do not make .* a fitted estimator"):
            from_torch(thing, {})
    with pytest.raises(NotFittedError):
        to_torch(clf)
    for out in (to_torch, to_keras):
        with pytest.raises(TypeError, match="Pipeline is no estimator of fastrnn; .* last step"):
            out(make_pipeline(fitted()))
    characters = SequenceTagger(embedding_dim=3, character_embedding_dim=3)
    assert_refused(characters, lambda: from_torch(characters, {}), "fit it first")
    wrong = SequenceClassifier(hidden_size=0)
    assert_refused(wrong, lambda: from_torch(wrong, {}), "hidden_size")


def test_layers_that_others_have_not():
    before = fitted(cell="gru_reset_before")
    with pytest.raises(ValueError, match="PyTorch has no layer for cell='gru_reset_before'"):
        to_torch(before)
    with pytest.raises(ValueError, match="no layer for nonlinearity='sigmoid'"):
        from_torch(SequenceRegressor(cell="rnn", nonlinearity="sigmoid"), {})
    assert_same_bits(from_keras(classifier(cell="gru_reset_before"), to_keras(before)).predict(X), before.predict(X))
    for cell, other in (("gru", "gru_reset_before"), ("gru_reset_before", "gru")):
        clf = classifier(cell=cell)
        assert_refused(
            clf, lambda clf=clf, o=other: from_keras(clf, to_keras(fitted(cell=o))), "reset_after=True, which"
        )
    words, labels = data_for("tagger_of_words")
    for model in (make_estimator("tagger_of_words").fit(words, labels),):
        with pytest.raises(ValueError, match="Keras has no layers for .*'chain'.*'character_embedding'"):
            to_keras(model)


# ------------------------------------------------------------------------------------- layers, and CuDNN's arrays

OF_LAYERS = {
    "lstm": LSTM(3, 5, 2, bidirectional=True), "gru": GRU(3, 5), "before": GRU(3, 5, reset_after=False),
    "rnn": RNN(3, 5, nonlinearity="relu"), "unbiased": GRU(3, 5, 2, bias=False), "f64": LSTM(3, 5, dtype="float64"),
}  # fmt: skip
"""For estimators that have these in them."""


def as_estimator(layer, **options):
    """A classifier that has such a layer in it, fitted."""
    cell = {"LSTM": "lstm", "RNN": "rnn"}.get(type(layer).__name__) or ("gru_reset_before", "gru")[layer.reset_after]
    nonlinearity = {"nonlinearity": layer.nonlinearity} if cell == "rnn" else {}
    names = "hidden_size", "num_layers", "bidirectional", "bias"
    options |= {name: getattr(layer, name) for name in names} | {"dtype": layer.dtype.name, "cell": cell}
    return fitted(**options, **nonlinearity)


@pytest.mark.parametrize("which", OF_LAYERS)
def test_layers_take_keras_weights(which):
    layer = OF_LAYERS[which]
    clf = as_estimator(layer)
    assert from_keras(layer, to_keras(clf)[:-2]) is layer
    own = from_keras(clone(clf), to_keras(clf)).network_.encoder.recurrent.parameters
    for name, array in layer.state_dict().items():
        assert_same_bits(array, own[name])
    before = layer.state_dict()
    wrong = to_keras(clf)[:-3]
    for weights, options, message in (
        (wrong, {}, f"a list of {len(wrong) + 1} arrays, .* got {len(wrong)}; this {type(layer).__name__} has"),
        ([*wrong, np.ones((7, 7, 7))], {}, r"weights\[.*\] has shape \(7, 7, 7\)"),
        ([*wrong, to_keras(clf)[-3] * np.nan], {}, "not finite"),
        (to_keras(clf)[:-2], {"classes": [0, 1]}, "a layer has no classes"),
    ):
        with pytest.raises(ValueError, match=message):
            from_keras(layer, weights, **options)
    for name, array in layer.state_dict().items():
        assert_same_bits(array, before[name])


def as_cudnn(kernel, recurrent, bias, n_gates):
    """As Keras 2 makes it of LSTM and GRU: `_convert_rnn_weights` of tf_keras/src/saving/legacy/hdf5_format.py."""
    kernels = np.hstack([gate.T.reshape(gate.shape, order="C") for gate in np.hsplit(kernel, n_gates)])
    recurrents = np.hstack([gate.T for gate in np.hsplit(recurrent, n_gates)])
    return [kernels, recurrents, np.tile(0.5 * bias, 2) if n_gates == 4 else bias.reshape(-1)]


@pytest.mark.parametrize("which", ["lstm", "gru", "f64"])
def test_arrays_of_cudnn_are_known_by_their_biases(which):
    layer = OF_LAYERS[which]
    clf = as_estimator(layer)
    plain = to_keras(clf)
    levels = [plain[k : k + 3] for k in range(0, len(plain) - 2, 3)]
    n_gates = 3 if isinstance(layer, GRU) else 4
    cudnn = [array for level in levels for array in as_cudnn(*level, n_gates)]
    assert cudnn[2].shape == (2 * n_gates * 5,) and cudnn[0].shape == plain[0].shape
    new = from_keras(classifier(**{name: getattr(clf, name) for name in clf._shape}), [*cudnn, *plain[-2:]])
    assert_same_bits(new.predict_proba(X), from_keras(clone(clf), plain).predict_proba(X))
    expected = from_keras(layer, plain[:-2]).state_dict()
    for name, array in from_keras(layer, cudnn).state_dict().items():
        assert_same_bits(array, expected[name])
    for wrong in ([cudnn[0][:, :-1], *cudnn[1:]], [cudnn[0], cudnn[1][0], *cudnn[2:]]):
        with pytest.raises(ValueError, match=r"weights\[[01]\] has shape"):
            from_keras(layer, wrong)


def test_a_cudnn_gru_resets_after():
    clf, shapes = classifier(cell="gru_reset_before"), [(3, 15), (5, 15), (30,), (5, 3), (3,)]
    message = r"weights\[2\] has shape \(30,\), .* or \(6H,\) of CuDNN, is of reset_after"
    weights = [np.ones(shape) for shape in shapes]
    assert_refused(clf, lambda: from_keras(clf, weights), message)
    with pytest.raises(ValueError, match=message):
        from_keras(GRU(3, 5, reset_after=False), weights[:3])


# ------------------------------------------------------------------------------------- PyTorch

TORCH_NAMES = {"embedding": "words", "recurrent": "rnn", "head": "out"}
TOLERANCE = {"float32": 1e-6, "float64": 1e-13}
CELLS = {
    "lstm": {"cell": "lstm"}, "gru": {"cell": "gru"}, "rnn_tanh": {"cell": "rnn", "nonlinearity": "tanh"},
    "rnn_relu": {"cell": "rnn", "nonlinearity": "relu"}, "gru_reset_before": {"cell": "gru_reset_before"},
}  # fmt: skip
STACKS = {
    "plain": {},
    "stacked": {"num_layers": 2, "bidirectional": True},
    "unbiased": {"bias": False, "bidirectional": True},
}


def assert_predicts(model, X, outputs, tolerance):
    """The model says of X what follows from these outputs (n, K), or (S, K) of all steps."""
    outputs = np.asarray(outputs, np.float64)
    if isinstance(model, SequenceRegressor):
        found, expected = model.predict(X), outputs
    elif outputs.shape[1] == 1:
        found, expected = model.predict_proba(X), softmax(np.hstack([0 * outputs, outputs]), axis=1)
    else:
        found, expected = model.predict_proba(X), softmax(outputs, axis=1)
    found = np.concatenate(found) if found.dtype == object else found
    assert_within(tolerance, found.reshape(expected.shape), expected)


def new_models(readout, **options):
    """Of one readout, or for all steps."""
    if readout == "all":
        return SequenceTagger(**options), SequenceRegressor(return_sequences=True, **options)
    return SequenceClassifier(readout=readout, **options), SequenceRegressor(readout=readout, **options)


def fitted_models(readout, X, **options):
    """The same, the classifier also of two classes."""
    model, reg = (model.set_params(max_iter=1) for model in new_models(readout, **options))
    rng = np.random.default_rng(1)
    if readout == "all":
        return model.fit(X, [np.arange(len(x)) % 3 for x in X]), reg.fit(X, [rng.normal(3, 2, (len(x), 2)) for x in X])
    models = [clone(model).fit(X, np.arange(len(X)) % n) for n in (2, 3)]
    return *models, reg.fit(X, rng.normal(3, 2, (len(X), 2)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("readout", READOUTS)
def test_pytorchs_figures(readout, dtype):
    figures = load_file(MODEL)
    state = {name[6:]: array for name, array in figures.items() if name.startswith("state.")}
    X = [row[row >= 0] for row in figures["tokens"]]
    shape = {"cell": "lstm", "hidden_size": 4, "num_layers": 2, "bidirectional": True, "embedding_dim": 3}
    for model in new_models(readout, **shape, dtype=dtype):
        from_torch(model, state, names=TORCH_NAMES)
        assert_predicts(model, X, figures[f"outputs.{readout}"], TOLERANCE[dtype])
        back = to_torch(model, names=TORCH_NAMES)
        assert back.keys() == state.keys()
        for name, array in state.items():
            np.testing.assert_array_equal(back[name], array.astype(dtype))


def readouts(stack):
    """All of the plain stack; of others those that treat the directions in a way of their own."""
    return (*READOUTS, "concat") if stack == "plain" else ("last", "all")


def sequences(readout, n_tokens, first=0):
    """Ragged, or for concat of one length; of tokens if there are any, the largest among them."""
    length = {"shortest": 6, "longest": 6} if readout == "concat" else {}
    if not n_tokens:
        return ragged(12, **length)
    return [x + first for x in tokens(12, n_tokens - first, **length)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_tokens", [0, 7])
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_pytorch_modules_in_and_out(kind, stack, n_tokens, dtype):
    torch = pytest.importorskip("torch", reason="interchange with PyTorch itself needs it")
    shape = {"num_layers": 1, "bidirectional": False, "bias": True, **STACKS[stack]}
    options = {**CELLS[kind], **shape, "hidden_size": 5, "dtype": dtype, "embedding_dim": 3 if n_tokens else None}
    names = {part: name for part, name in TORCH_NAMES.items() if n_tokens or part != "embedding"}
    torch.manual_seed(2)

    def make(K, steps):
        return torch_model(kind, n_tokens, 3, 5, K=K, steps=steps, **shape).to(getattr(torch, dtype))

    for readout in readouts(stack):
        X, steps = sequences(readout, n_tokens), 6 if readout == "concat" else 1
        for model in new_models(readout, **options):
            for K in (1, 2, 3):
                module = make(K, steps)
                new = from_torch(clone(model), module.state_dict(), names=names)
                assert_predicts(new, X, np.concatenate(module(X, readout)), TOLERANCE[dtype])
        for model in fitted_models(readout, X, **options):
            state = to_torch(model, names=names)
            module = make(len(state["out.bias"]), steps)
            module.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
            assert_predicts(model, X, np.concatenate(module(X, readout)), TOLERANCE[dtype])


def test_tensors_of_bfloat16():
    torch = pytest.importorskip("torch", reason="interchange with PyTorch itself needs it")
    state = {name: torch.from_numpy(array).bfloat16() for name, array in to_torch(fitted()).items()}
    floats = {name: tensor.float() for name, tensor in state.items()}
    one, other = (from_torch(classifier(), tensors) for tensors in (state, floats))
    assert_same_bits(one.predict_proba(X), other.predict_proba(X))


def test_layers_take_tensors():
    torch = pytest.importorskip("torch", reason="interchange with PyTorch itself needs it")
    module, lstm = torch.nn.LSTM(3, 4, 2), LSTM(3, 4, 2)
    x = torch.randn(6, 2, 3)
    lstm.load_state_dict(module.state_dict())
    assert_within(1e-6, lstm(x.numpy())[0], module(x)[0].detach().numpy())


# ------------------------------------------------------------------------------------- Keras


@pytest.fixture
def keras():
    return pytest.importorskip("keras", reason="interchange with Keras itself needs it")


def masked_max(keras):
    """The layer of the example of `to_keras`: GlobalMaxPooling1D reads what Bidirectional writes past each end."""

    class MaskedMax(keras.layers.Layer):
        supports_masking = True

        def call(self, x, mask=None):
            return keras.ops.max(x if mask is None else keras.ops.where(mask[..., None], x, -np.inf), axis=1)

        def compute_mask(self, x, mask=None):
            return None

    return MaskedMax


def keras_model(keras, kind, readout, n_tokens, K, dtype, num_layers=1, bidirectional=False, bias=True, I=3):
    """A Sequential model; sequences are padded with zeros, which it masks."""
    L, of = keras.layers, {"dtype": dtype}
    make = {"lstm": L.LSTM, "gru": L.GRU, "gru_reset_before": L.GRU}.get(kind, L.SimpleRNN)
    options = {"use_bias": bias, "bias_initializer": "glorot_normal" if kind != "gru" else "uniform", **of}
    if "gru" in kind:
        options["reset_after"] = kind == "gru"
    if "rnn" in kind:
        options["activation"] = kind.split("_")[1]
    steps = 6 if readout == "concat" else None
    model = keras.Sequential([keras.Input((steps,) if n_tokens else (steps, I), dtype=None if n_tokens else dtype)])
    is_ragged = readout != "concat"  # whose layer knows no mask
    if n_tokens:
        model.add(L.Embedding(n_tokens, I, mask_zero=is_ragged, **of))
    elif is_ragged:
        model.add(L.Masking(0.0, **of))
    for level in range(num_layers):
        layer = make(5, return_sequences=readout != "last" or level + 1 < num_layers, **options)
        model.add(L.Bidirectional(layer, **of) if bidirectional else layer)
        model.add(L.Dropout(0.1))
    pool = {"mean": L.GlobalAveragePooling1D, "max": masked_max(keras), "concat": L.Flatten}.get(readout)
    if pool:
        model.add(pool(**of))
    model.add(L.Dense(K, **of))
    return model


def keras_outputs(model, X, readout, dtype):
    """What a model puts out of sequences, padded, (n, K) or (S, K)."""
    X = [x[:, np.newaxis] if x.ndim == 1 else x for x in X]
    padded = np.zeros((len(X), max(map(len, X)), X[0].shape[1]), X[0].dtype if X[0].dtype.kind == "i" else dtype)
    for row, x in zip(padded, X, strict=True):
        row[: len(x)] = x
    outputs = model(padded[..., 0] if padded.dtype.kind == "i" else padded, training=False).detach().numpy()
    return np.concatenate([row[: len(x)] for row, x in zip(outputs, X, strict=True)]) if readout == "all" else outputs


# Keras 3.15 turns its variables into arrays in NumPy 1's way.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.parametrize(("dtype", "n_tokens"), [("float32", 7), ("float64", 0)])
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("kind", CELLS)
def test_keras_models_in_and_out(keras, kind, stack, n_tokens, dtype):
    # Within, Keras rounds to float32 even where all its layers have float64.
    keras.utils.set_random_seed(3)
    shape = {"num_layers": 1, "bidirectional": False, **STACKS[stack]}
    options = {**CELLS[kind], **shape, "hidden_size": 5, "dtype": dtype, "embedding_dim": 3 if n_tokens else None}
    for readout in dict.fromkeys([*readouts(stack), *["max"] * shape["bidirectional"]]):
        X = sequences(readout, n_tokens, first=1)
        for model, K in zip(new_models(readout, **options), (3, 1), strict=True):
            module = keras_model(keras, kind, readout, n_tokens, K, dtype, **shape)
            from_keras(model, module.get_weights())
            assert_predicts(model, X, keras_outputs(module, X, readout, dtype), 1e-6)
        for model in fitted_models(readout, X, **options):
            weights = to_keras(model)
            module = keras_model(keras, kind, readout, n_tokens, len(weights[-1]), dtype, **shape)
            module.set_weights(weights)
            assert_predicts(model, X, keras_outputs(module, X, readout, dtype), 1e-6)


# ------------------------------------------------------------------------------------------------ layers of PyTorch


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning")  # PyTorch's
@pytest.mark.parametrize("proj_size", [0, 2])
def test_a_layer_takes_its_part_of_a_state_dict(proj_size):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    layer = LSTM(3, 6, 2, proj_size=proj_size, bidirectional=True)
    module = torch.nn.LSTM(3, 6, 2, proj_size=proj_size, bidirectional=True)
    x = np.random.default_rng(0).standard_normal((5, 2, 3)).astype(np.float32)
    expected = module(torch.from_numpy(x))[0].detach().numpy()
    whole = torch.nn.ModuleDict({"lstm": module, "fc": torch.nn.Linear(12, 1)}).state_dict()
    for state, names in ((module.state_dict(), None), (whole, {"recurrent": "lstm"})):
        assert from_torch(layer, state, names=names) is layer
        np.testing.assert_allclose(layer(x)[0], expected, rtol=0, atol=1e-6)


def test_states_that_a_layer_cannot_take():
    layer = LSTM(3, 6, random_state=0)
    state, before = layer.state_dict(), layer.state_dict()
    with pytest.raises(ValueError, match=r"the state dict has weight_ih_l0; .*names=\{'recurrent': ...\}"):
        from_torch(layer, state, names={"recurrent": "lstm"})
    with pytest.raises(ValueError, match="unknown.*give the layer the module's sizes"):
        from_torch(layer, LSTM(3, 6, proj_size=2).state_dict())
    with pytest.raises(ValueError, match="a name for recurrent, which the layer is, alone"):
        from_torch(layer, state, names={"lstm": "recurrent"})
    with pytest.raises(ValueError, match="unknown.*'1'"):
        from_torch(layer, {**state, 1: 2})
    with pytest.raises(ValueError, match="names={'recurrent': ...}"):
        from_torch(layer, state, names={"recurrent": 1})
    with pytest.raises(ValueError, match="a layer has no classes"):
        from_torch(layer, state, classes=[0, 1])
    with pytest.raises(ValueError, match="state_dict must be a dict"):
        from_torch(layer, [*state.values()])
    assert all((array == layer.state_dict()[name]).all() for name, array in before.items())


def test_layers_of_equations_that_pytorch_has_not():
    for layer, match in (
        (GRU(3, 6, reset_after=False), "reset_after=False"),
        (RNN(3, 6, nonlinearity="sigmoid"), "sigmoid"),
        (LSTM(3, 6, zoneout=0.1), "zoneout=0.1 mixes old and new states, which PyTorch's layers do not"),
    ):
        with pytest.raises(ValueError, match=match):
            from_torch(layer, layer.state_dict())


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_layers_of_keras_have_no_zoneout(kind):
    with pytest.raises(ValueError, match="zoneout=0.1 mixes old and new states, which Keras's layers do not"):
        from_keras(kind(3, 6, zoneout=0.1), [])


def test_a_layer_takes_tensors_of_any_kind():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    module, layer = torch.nn.GRU(3, 6), GRU(3, 6)
    for state in (dict(module.named_parameters()), module.to(torch.bfloat16).state_dict()):
        from_torch(layer, state)
        for name, array in layer.state_dict().items():
            assert_same_bits(array, state[name].detach().float().numpy())
