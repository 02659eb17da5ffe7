"""SequenceTagger as its users meet it; what it has in common with others is in test_base."""

import numpy as np
import pandas as pd
import pytest
from samples import assert_same_bits, data_for, make_estimator, ragged, tagged, tokens
from sklearn.pipeline import make_pipeline

from fastrnn import SequenceTagger
from fastrnn.preprocessing import Tokenizer


def small(**options):
    return SequenceTagger(**{"hidden_size": 6, "max_iter": 3, "random_state": 0, **options})


def learner(**options):
    return small(**{"hidden_size": 12, "max_iter": 20, "learning_rate_init": 0.03, **options})


def of_steps(arrays):
    return np.concatenate(list(arrays))


# ---------------------------------------------------------------------------- it learns


@pytest.mark.parametrize("crf", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_it_learns_what_came_before(cell, crf):
    X, y = tagged(120)
    tagger = learner(cell=cell, crf=crf, bidirectional=False).fit(X, y)
    other, labels = tagged(60, seed=1)
    assert tagger.score(other, labels) > 0.9
    assert tagger.n_features_in_ == 3 and tagger.n_iter_ == 20
    assert tagger.loss_curve_[-1] < tagger.loss_curve_[0] / 2


@pytest.mark.parametrize("solver", ["lbfgs", "adamw"])
def test_other_solvers_learn(solver):
    X, y = tagged(60)
    assert learner(solver=solver, alpha=1e-3, crf=solver == "lbfgs").fit(X, y).score(X, y) > 0.9


def test_both_directions_see_what_comes_after():
    X = tokens(120, 3, shortest=3)
    y = [np.append(x[1:], 0) for x in X]  # the next token
    assert learner(embedding_dim=4).fit(X, y).score(X, y) > 0.95
    blind = learner(embedding_dim=4, bidirectional=False).fit(X, y)
    assert blind.score(X, y) < 0.7


def test_a_crf_learns_which_labels_follow_each_other():
    """Numbers say little of each label; that labels come in turn says much of the whole."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(4, 9, 150)
    y = [(np.arange(T) + rng.integers(2)) % 2 for T in lengths]
    X = [labels + rng.standard_normal(labels.size) for labels in y]
    # One unit reads a step and hardly more.
    options = {"hidden_size": 1, "cell": "rnn", "bidirectional": False, "max_iter": 30}
    plain, crf = (learner(crf=c, **options).fit(X, y) for c in (False, True))
    assert crf.score(X, y) > plain.score(X, y) + 0.05
    broken = [(np.diff(labels) == 0).mean() for labels in crf.predict(X)]
    assert np.mean(broken) < 0.02


def test_words_that_are_new_are_known_by_their_characters():
    """In a pipeline: words in -a and in -o have labels of their own."""
    rng = np.random.default_rng(0)

    def sentences(n, letters):
        stems = ["".join(rng.choice(list(letters), 3)) for _ in range(60)]
        return [[str(rng.choice(stems)) + str(rng.choice(["a", "o"])) for _ in range(4)] for _ in range(n)]  # fmt: skip

    def labels(texts):
        return [["A" if word.endswith("a") else "O" for word in text] for text in texts]

    train, new = sentences(80, "bcdfg"), sentences(30, "gfdcb")
    tagger = learner(embedding_dim=4, character_embedding_dim=6, character_hidden_size=6)
    model = make_pipeline(Tokenizer(max_characters=5), tagger).fit(train, labels(train))
    assert model.score(new, labels(new)) > 0.95
    assert model.predict([["zza", "zzo"]])[0].tolist() == ["A", "O"]


def test_room_for_characters_changes_nothing():
    texts = [["one", "three"], ["eleven", "a", "one"], ["one", "three", "a"]] * 4
    y = [["x" if len(word) > 3 else "y" for word in text] for text in texts]
    options = {"embedding_dim": 4, "character_embedding_dim": 3, "character_hidden_size": 4, "bidirectional": False}
    tagger = learner(**options, max_iter=2)
    models = [make_pipeline(Tokenizer(max_characters=n), tagger).fit(texts, y) for n in (10, 10**8)]
    for asked in (texts, [["a"]], [["extraordinary", "eleven"], ["b"]]):
        found = [model.predict_proba([[w[:10] for w in words] for words in asked]) for model in models]
        for one, other in zip(*found, strict=True):
            assert_same_bits(one, other)
    # What several calls made can be read together, wide or narrow, and as a stream.
    tokenizer, tagger = models[1]
    rows = [tokenizer.transform([text])[0] for text in (["a"], ["eleven", "one"], ["three"])]
    together = tagger.predict_proba(rows)
    for row, expected in zip(rows, together, strict=True):
        assert_same_bits(tagger.predict_proba([row])[0], expected)
        stream = tagger.stream()
        for step in row:
            said = stream.step(step)
        assert_same_bits(said, expected[-1])


# ------------------------------------------------------------------------------- labels


@pytest.mark.parametrize("crf", [False, True])
@pytest.mark.parametrize("labels", [["b", "a"], [7, -1], [True, False], [2.0, 0.0], ["B-PER", "O"]], ids=str)
def test_labels_come_back_as_they_were(labels, crf):
    X, codes = tagged(60)
    y = [np.array(labels)[(c == "up").astype(int)] for c in codes]
    tagger = learner(crf=crf).fit(X, y)
    assert (tagger.classes_ == np.unique(labels)).all()
    predicted, probabilities = tagger.predict(X), tagger.predict_proba(X)
    assert predicted.dtype == probabilities.dtype == object and predicted.shape == (60,)
    for x, p, q in zip(X, predicted, probabilities, strict=True):
        assert p.shape == (len(x),) and p.dtype == y[0].dtype
        assert q.shape == (len(x), 2)
        np.testing.assert_allclose(q.sum(axis=1), 1, rtol=1e-12)
        assert crf or (p == tagger.classes_[q.argmax(axis=1)]).all()
    assert tagger.score(X, y) == np.mean(of_steps(predicted) == of_steps(y)) > 0.8


def test_several_labels_a_step():
    X, y = data_for("tagger_of_several", 100)
    tagger = learner().fit(X, y)
    assert tagger.classes_.tolist() == [0, 1]
    predicted, probabilities = of_steps(tagger.predict(X)), of_steps(tagger.predict_proba(X))
    assert predicted.dtype == np.int64 and set(predicted.ravel()) == {0, 1}
    assert (predicted == (probabilities > 0.5)).all()
    assert tagger.score(X, y) == np.mean(predicted == of_steps(y)) > 0.9
    assert (predicted.sum(axis=1) == 2).any() and (predicted.sum(axis=1) == 0).any()


def test_containers_of_x_and_y_are_alike():
    X, y = ragged(20, I=1, shortest=5, longest=5), np.arange(100).reshape(20, 5) % 3
    expected = small().fit(X, list(y)).predict_proba(X)
    for form in (np.stack(X), [x[:, 0] for x in X], np.stack(X)[..., 0]):
        other = small().fit(form, y.tolist())
        for a, b in zip(other.predict_proba(form), expected, strict=True):
            assert_same_bits(a, b)


# --------------------------------------------------------------------- the loss, and weights

ONE_STEP = {"max_iter": 1, "batch_size": 100, "learning_rate_init": 1e-9, "dtype": "float64", "recurrent_dropout": 0.0}


def log_likelihood(tagger, X, y):
    """Of each step's label."""
    codes = np.searchsorted(tagger.classes_, of_steps(y))
    return np.log(of_steps(tagger.predict_proba(X))[np.arange(codes.size), codes])


def test_the_loss_is_the_mean_over_the_steps():
    X, y = tagged(40)
    tagger = small(**ONE_STEP).fit(X, y)
    np.testing.assert_allclose(tagger.loss_curve_[0], -log_likelihood(tagger, X, y).mean(), rtol=1e-6)
    # Several labels a step: the sum of their losses.
    _, y = data_for("tagger_of_several")
    tagger = small(**ONE_STEP).fit(X, y)
    p, t = of_steps(tagger.predict_proba(X)), of_steps(y)
    expected = -np.log(np.where(t == 1, p, 1 - p)).sum(axis=1).mean()
    np.testing.assert_allclose(tagger.loss_curve_[0], expected, rtol=1e-6)


def test_the_loss_of_a_crf_is_that_of_whole_sequences():
    X, y = tagged(40)
    X, y = [x[:1] for x in X], [labels[:1] for labels in y]
    tagger = small(crf=True, **ONE_STEP).fit(X, y)
    np.testing.assert_allclose(tagger.loss_curve_[0], -log_likelihood(tagger, X, y).mean(), rtol=1e-6)
    # A sequence without inputs to speak of has the probability its moves have.
    X, y = [np.zeros(3)], [[0, 1, 1]]
    tagger = small(crf=True, **ONE_STEP).fit(X, y)
    chain, outputs = tagger.network_.chain, tagger._outputs(X)[0].astype(float)
    transitions, begin, end = (np.array(chain.parameters[n]) for n in chain.parameters)
    totals = (
        (begin + outputs[0])[:, None, None]
        + (transitions + outputs[1])[:, :, None]
        + (transitions + outputs[2] + end)[None]
    )
    expected = np.log(np.exp(totals).sum()) - totals[0, 1, 1]
    np.testing.assert_allclose(tagger.loss_curve_[0], expected / 3, rtol=1e-6)


def test_weights_of_steps():
    X, y = tagged(20)
    rng = np.random.default_rng(0)
    weights = [rng.integers(0, 3, len(x)).astype(float) for x in X]
    options = {**ONE_STEP, "learning_rate_init": 0.1, "solver": "sgd"}
    weighted = small(**options).fit(X, y, sample_weight=weights)
    tiny = small(**ONE_STEP).fit(X, y, sample_weight=weights)
    expected = -np.average(log_likelihood(tiny, X, y), weights=of_steps(weights))
    np.testing.assert_allclose(tiny.loss_curve_[0], expected, rtol=1e-6)
    # A label without weight may be any.
    wrong = [np.where(w > 0, labels, "up") for w, labels in zip(weights, y, strict=True)]
    other = small(**options).fit(X, wrong, sample_weight=weights)
    assert_same_bits(other.network_.theta, weighted.network_.theta)
    right = of_steps(weighted.predict(X)) == of_steps(y)
    expected = np.average(right, weights=of_steps(weights))
    np.testing.assert_allclose(weighted.score(X, y, weights), expected, rtol=1e-12)
    # One a sequence is the same for all of its steps.
    alike = [np.full(len(x), 1.0 + k % 3) for k, x in enumerate(X)]
    one, other = (small(**options).fit(X, y, sample_weight=w) for w in (alike, [w[0] for w in alike]))
    np.testing.assert_allclose(one.network_.theta, other.network_.theta, atol=1e-14)


def in_polars(w):
    return pytest.importorskip("polars").DataFrame(w)


@pytest.mark.parametrize("form", [pd.DataFrame, in_polars, lambda w: w[..., np.newaxis], lambda w: pd.Series([*w])])
@pytest.mark.parametrize("options", [{}, {"early_stopping": True, "validation_fraction": 0.25}], ids=str)
def test_weights_of_steps_in_other_containers(form, options):
    X = np.random.default_rng(0).standard_normal((16, 5))
    y, weights = np.where(X > 0, "up", "down"), X**2
    one, other = (small(crf=False, **options).fit(X, y, w) for w in (weights, form(weights)))
    assert_same_bits(one.network_.theta, other.network_.theta)
    assert one.validation_scores_ == other.validation_scores_
    assert one.score(X, y, form(weights)) == one.score(X, y, weights)
    with pytest.raises(ValueError, match=r"sample_weight\[0\] has 4 weights, but X\[0\] has 5 steps"):
        small(crf=False, **options).fit(X, y, form(weights[:, 1:]))


@pytest.mark.parametrize("class_weight", ["balanced", {"down": 1.0, "up": 4.0}], ids=str)
def test_class_weight_is_a_weight_of_steps(class_weight):
    X, y = tagged(20)
    up = of_steps(y) == "up"
    factors = {"balanced": {"up": 0.5 / up.mean(), "down": 0.5 / (~up).mean()}}
    factors = factors.get(class_weight if isinstance(class_weight, str) else None, class_weight)
    weights = [[factors[label] for label in labels] for labels in y]
    weighted = small(class_weight=class_weight, dtype="float64").fit(X, y)
    expected = small(dtype="float64").fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(weighted.network_.theta, expected.network_.theta, atol=1e-12)
    assert weighted.loss_curve_ != small(dtype="float64").fit(X, y).loss_curve_


# ----------------------------------------------------------------- going on with training


@pytest.mark.parametrize("crf", [False, True])
def test_partial_fit_knows_all_labels_from_the_first_call(crf):
    X, y = tagged(40)
    tagger = small(crf=crf).partial_fit(X[:1], [np.full(len(X[0]), "up")], ["up", "down", "level"])
    assert tagger.classes_.tolist() == ["down", "level", "up"]
    tagger.set_params(learning_rate_init=0.03)
    for _ in range(15):
        tagger.partial_fit(X, y, classes=["level", "up", "down"])
    assert tagger.score(X, y) > 0.85
    assert tagger.predict_proba(X)[0].shape[1] == 3


def test_the_most_probable_labels_as_a_whole():
    X, y = data_for("tagger_of_words")
    tagger = make_estimator("tagger_of_words", max_iter=1).fit(X, y)
    outputs, sequences = tagger._outputs(X)
    best = tagger.network_.chain.best(outputs, sequences.offsets)
    assert (of_steps(tagger.predict(X)) == tagger.classes_[best]).all()
    # Held out, scores are of the labels as well.
    stopped = make_estimator("tagger_of_words", early_stopping=True).fit(X, y)
    assert all(0 <= score <= 1 for score in stopped.validation_scores_)


@pytest.mark.parametrize(("hidden_size", "character_hidden_size"), [(256, 4), (4, 256)])
def test_more_spellings_than_a_shard_has_sequences(hidden_size, character_hidden_size):
    """Where threads share units, and where weights are too large for the second-level cache."""
    rng = np.random.default_rng(0)
    X = [np.hstack([rng.integers(1, 9, (30, 1)), rng.integers(1, 20, (30, 6))]) for _ in range(20)]
    y = [rng.integers(0, 3, 30) for _ in X]
    sizes = {"hidden_size": hidden_size, "character_hidden_size": character_hidden_size}
    options = {"embedding_dim": 4, "character_embedding_dim": 4, "max_iter": 1, "random_state": 0}
    tagger = SequenceTagger(**sizes, **options).fit(X[:2], y[:2])
    for x, found in zip(X, tagger.predict_proba(X), strict=True):
        assert_same_bits(found, tagger.predict_proba([x])[0])
