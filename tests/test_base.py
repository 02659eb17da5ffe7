"""What holds for each estimator that has an output, or a target, of many steps."""

import copy
import pickle

import numpy as np
import pytest
from samples import (
    KINDS,
    WITHOUT_TARGETS,
    answers,
    assert_same_bits,
    data_for,
    labelled,
    make_estimator,
    read_only,
    tokens,
    watch_parallel,
)
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

from fastrnn import SequenceClassifier, SequenceGenerator, SequenceTagger, SequenceToSequence, threads

every_kind = pytest.mark.parametrize("kind", KINDS)
with_targets = pytest.mark.parametrize("kind", [k for k in KINDS if k not in WITHOUT_TARGETS])


def fit(kind, X, y, sample_weight=None, **options):
    model = make_estimator(kind, **options)
    return model.fit(X, y) if sample_weight is None else model.fit(X, y, sample_weight)


def chosen(items, numbers):
    return None if items is None else [items[k] for k in numbers]


def assert_same_answers(actual, expected, numbers=None):
    """Bit by bit, to the sequences of these numbers."""
    for some, every in zip(actual, expected, strict=True):
        wanted = every if numbers is None else chosen(every, numbers)
        for a, b in zip(some, wanted, strict=True):
            assert_same_bits(a, b)


# ----------------------------------------------------------------------------------- same bits


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "generator_of_streams"])
def test_a_prediction_has_the_same_bits_in_any_company(kind):
    X, y = data_for(kind, 300)  # more than one batch of a prediction
    model = fit(kind, X[:40], chosen(y, range(40)), hidden_size=17)
    expected = answers(model, X)
    order = np.random.default_rng(1).permutation(300)
    for numbers in ([0], [255], [256, 7], order, order[:17]):
        assert_same_answers(answers(model, chosen(X, numbers)), expected, numbers)


@every_kind
def test_the_same_seed_gives_the_same_bits_with_any_n_jobs(kind, monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 0)
    seen = watch_parallel(monkeypatch.setattr)
    X, y = data_for(kind)
    one = fit(kind, X, y, n_jobs=1, dropout=0.3)
    expected = answers(one, X)
    assert not seen
    two = fit(kind, X, y, n_jobs=2, dropout=0.3)
    assert seen or threads.resolve(2) == 1
    for other in (two, fit(kind, X, y, dropout=0.3)):
        assert_same_bits(other.network_.theta, one.network_.theta)
        assert other.loss_curve_ == one.loss_curve_
        assert_same_answers(answers(other, X), expected)
    other = fit(kind, X, y, dropout=0.3, random_state=1)
    assert other.loss_curve_ != one.loss_curve_


@every_kind
def test_dropout_is_drawn_anew_in_each_epoch(kind):
    X, y = data_for(kind)
    options = {"shuffle": False, "learning_rate_init": 1e-30}
    first, second = fit(kind, X, y, dropout=0.5, **options).loss_curve_
    assert first != second
    first, second = fit(kind, X, y, **options).loss_curve_
    assert first == second


@every_kind
def test_inputs_are_not_written_to(kind):
    X, y = data_for(kind)
    model = fit(kind, X, y)
    given = read_only(X) if isinstance(X, np.ndarray) else [read_only(x) for x in X]
    targets = None if y is None else [read_only(labels) for labels in y]
    other = fit(kind, given, targets)
    assert_same_bits(other.network_.theta, model.network_.theta)
    assert_same_answers(answers(other, given), answers(model, X))
    assert np.isfinite(other.score(given, targets))
    if y is not None:
        fit(kind, given, targets, read_only(np.linspace(1, 2, len(X))))
    for now, before in zip([*given, *(targets or ())], [*X, *(y or ())], strict=True):
        assert (now == before).all()


@every_kind
def test_a_second_fit_is_a_first_one(kind):
    X, y = data_for(kind)
    model = fit(kind, *data_for(kind, 10, seed=5)).fit(X, y)
    assert_same_answers(answers(model, X), answers(fit(kind, X, y), X))


# ------------------------------------------------------------------------------ double precision


@every_kind
def test_float64_is_what_float32_comes_near(kind):
    X, y = data_for(kind)
    options = {"max_iter": 1, "learning_rate_init": 1e-9, "batch_size": 100}
    if kind == "generator_of_streams":
        options["batch_size"] = 4
    single, double = (fit(kind, X, y, dtype=d, **options) for d in ("float32", "float64"))
    assert double.network_.theta.dtype == np.float64
    np.testing.assert_allclose(double.loss_curve_, single.loss_curve_, rtol=1e-5)
    assert np.isfinite(double.score(X, y))


# ---------------------------------------------------------------------------------- going on


@every_kind
def test_partial_fit_goes_on_with_the_state_of_the_optimizer(kind):
    X, y = data_for(kind)
    options = {"shuffle": False, "learning_rate": "constant", "dropout": 0.3, "alpha": 0.0}
    whole = fit(kind, X, y, max_iter=3, **options)
    # Only a fit starts from the labels' shares: a first part of the data may have others.
    for n_first in (1, 2):
        other = fit(kind, X, y, max_iter=n_first, **options)
        for _ in range(n_first, 3):
            assert other.partial_fit(X, y) is other
        assert_same_bits(other.network_.theta, whole.network_.theta)
        assert other.loss_curve_ == whole.loss_curve_ and other.n_iter_ == 3
    begun = make_estimator(kind, **options).partial_fit(X, y)
    assert begun.partial_fit(X, y).n_iter_ == 2


@every_kind
def test_warm_start_goes_on_from_the_weights(kind):
    X, y = data_for(kind)
    model = fit(kind, X, y, warm_start=True, max_iter=8, learning_rate_init=0.02)
    network, first, reached = model.network_, model.loss_curve_[0], model.loss_curve_[-1]
    model.fit(X, y)
    assert model.network_ is network and model.n_iter_ == 8
    assert model.loss_curve_[0] < (first + reached) / 2
    assert_same_bits(model.set_params(warm_start=False).fit(X, y).loss_curve_[0], np.float64(first))


@every_kind
def test_early_stopping_keeps_the_best_epoch(kind):
    X, y = data_for(kind, 60)
    options = {"early_stopping": True, "validation_fraction": 0.2, "n_iter_no_change": 2}
    options |= {"learning_rate_init": 0.05, "learning_rate": "constant", "alpha": 0.0}
    model = fit(kind, X, y, max_iter=30, **options)
    scores = model.validation_scores_
    best = int(np.argmax(scores)) + 1
    assert len(scores) == model.n_iter_ == min(best + 2, 30)
    again = fit(kind, X, y, max_iter=best, **options)
    assert_same_bits(model.network_.theta, again.network_.theta)


@every_kind
def test_parameters_set_after_the_fit_do_not_count(kind):
    X, y = data_for(kind)
    model = fit(kind, X, y)
    expected = answers(model, X)
    others = {
        "cell": "rnn", "hidden_size": 9, "dtype": "float64", "dropout": 0.5, "crf": True,
        "attention": None, "max_length": 1, "stateful": True, "character_embedding_dim": None,
    }  # fmt: skip
    changed = {name: value for name, value in others.items() if name in model.get_params()}
    if kind == "generator_of_streams":
        changed["stateful"] = False
    model.set_params(**changed)
    assert_same_answers(answers(model, X), expected)
    if kind == "generator_of_streams":
        assert_same_bits(model._log_probabilities(np.concatenate(X)), expected[0][0])


# --------------------------------------------------------------------- copies, and scikit-learn


@every_kind
def test_a_copy_predicts_the_same_and_can_train_on(kind):
    X, y = data_for(kind)
    model = fit(kind, X, y, dropout=0.2)
    before, theta = answers(model, X), model.network_.theta.copy()
    for duplicate in (copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))):
        other = duplicate(model)
        assert_same_answers(answers(other, X), before)
        other.partial_fit(X, y)
        assert_same_bits(model.network_.theta, theta)  # the copy shares nothing with it
        assert_same_bits(other.network_.theta, copy.deepcopy(model).partial_fit(X, y).network_.theta)
        assert (other.network_.theta != theta).any()


@every_kind
def test_a_clone_is_not_fitted(kind):
    X, y = data_for(kind)
    model = fit(kind, X, y)
    other = clone(model)
    assert not hasattr(other, "network_") and other.get_params() == model.get_params()
    assert_same_bits(other.fit(X, y).network_.theta, model.network_.theta)


@every_kind
def test_cross_validation_and_grid_search(kind):
    X, y = data_for(kind)
    scores = cross_val_score(make_estimator(kind), X, y, cv=3)
    assert np.isfinite(scores).all() and len(scores) == 3
    search = GridSearchCV(make_estimator(kind), {"hidden_size": [2, 5]}, cv=2).fit(X, y)
    assert search.best_estimator_.network_ is not None
    assert np.isfinite(search.score(X, y))


# ------------------------------------------------------------------------------------- weights


@with_targets
def test_weights_of_sequences(kind):
    X, y = data_for(kind, 20)
    options = {"dtype": "float64", "shuffle": False, "batch_size": 100, "solver": "sgd"}
    options |= {"learning_rate_init": 0.1, "max_iter": 3}
    weights = np.ones(20)
    weights[3], weights[5:8] = 2, 0
    numbers = [k for k in range(20) if weights[k]] + [3]
    weighted = fit(kind, X, y, 7 * weights, **options)  # their scale does not matter
    expected = fit(kind, chosen(X, numbers), chosen(y, numbers), **options)
    np.testing.assert_allclose(weighted.loss_curve_, expected.loss_curve_, rtol=1e-10)
    np.testing.assert_allclose(weighted.network_.theta, expected.network_.theta, atol=1e-12)
    plain = fit(kind, X, y, **options)
    assert np.abs(plain.network_.theta - weighted.network_.theta).max() > 1e-6
    np.testing.assert_allclose(
        weighted.score(X, y, sample_weight=weights), weighted.score(chosen(X, numbers), chosen(y, numbers))
    )


# ---------------------------------------------------------------------------------- embeddings

READERS = {
    "classifier": lambda **o: SequenceClassifier(embedding_dim=3, **o),
    "tagger": lambda **o: SequenceTagger(embedding_dim=3, **o),
    "generator": lambda **o: SequenceGenerator(embedding_dim=3, **o),
    "streams": lambda **o: SequenceGenerator(embedding_dim=3, stateful=True, **o),
    "translator": lambda **o: SequenceToSequence(embedding_dim=3, **o),
}
every_reader = pytest.mark.parametrize("reader", READERS)


def read(reader, X, **options):
    y = {"classifier": np.arange(len(X)) % 2, "tagger": [x % 2 for x in X], "translator": [x[::-1] for x in X]}
    model = READERS[reader](hidden_size=4, max_iter=2, random_state=0, **options)
    return model.fit(X, y.get(reader))


@every_reader
def test_embeddings_that_are_given(reader):
    X = tokens(20, 5)
    vectors = read_only(np.random.default_rng(0).standard_normal((8, 3)))  # also for tokens to come
    options = {"embeddings": vectors, "dtype": "float64"}
    frozen = read(reader, X, freeze_embeddings=True, **options)
    trained = read(reader, X, **options)
    tables = [np.array(m.network_.embedding.parameters["weight"]) for m in (frozen, trained)]
    n_tokens = 9 if reader == "generator" else 8  # one more stands where a sequence begins
    assert tables[0].shape == tables[1].shape == (n_tokens, 3)
    assert (tables[0][:8] == vectors).all()
    assert (tables[1][:5] != vectors[:5]).all()
    assert (tables[1][5:8] == vectors[5:]).all()  # tokens that never came
    unlike = frozen.network_.theta != trained.network_.theta
    assert unlike.sum() > 15  # the rest has learned otherwise, too
    if reader not in ("generator", "streams"):
        assert len(frozen.predict([np.array([7])])) == 1


@every_reader
def test_the_gradient_of_an_embedding_touches_only_rows_used(reader):
    X = [np.where(x == 2, 1, x) for x in tokens(20, 5)]
    model = read(reader, X)
    weight = model.network_.embedding.parameters["weight"]
    fresh = read(reader, X, learning_rate_init=1e-30).network_.embedding.parameters["weight"]
    used = [0, 1, 3, 4, *([5] if reader == "generator" else [])]
    assert np.flatnonzero((weight != fresh).any(axis=1)).tolist() == used


def test_embeddings_freeze_and_thaw():
    X = tokens(20, 5)
    y = [x % 2 for x in X]
    vectors = np.random.default_rng(0).standard_normal((5, 3))
    options = {"embedding_dim": 3, "embeddings": vectors, "freeze_embeddings": True, "dtype": "float64"}
    model = SequenceTagger(max_iter=1, warm_start=True, random_state=0, **options).fit(X, y)
    table = model.network_.embedding.parameters["weight"]
    assert (table == vectors).all()
    model.set_params(freeze_embeddings=False).fit(X, y)
    assert (table != vectors).all()
    generator = SequenceGenerator(max_iter=1, random_state=0, **options).fit(X)
    table = generator.network_.embedding.parameters["weight"][:5]
    assert (table == vectors).all()
    generator.set_params(freeze_embeddings=False).partial_fit(X)
    assert (table != vectors).all()
    with pytest.raises(ValueError, match="freeze_embeddings=True needs embeddings"):
        SequenceTagger(embedding_dim=3, freeze_embeddings=True).fit(X, y)


def test_embeddings_of_words_beside_their_characters():
    X, y = data_for("tagger_of_words")
    vectors = np.random.default_rng(0).standard_normal((5, 3))  # fewer than there are characters
    options = {"embeddings": vectors, "freeze_embeddings": True, "dtype": "float64"}
    network = fit("tagger_of_words", X, y, **options).network_
    assert (network.embedding.parameters["weight"] == vectors).all()
    fresh = fit("tagger_of_words", X, y, learning_rate_init=1e-30, **options).network_
    for name in ("character_embedding", "character_recurrent"):
        assert (network.parts[name].parameters.values != fresh.parts[name].parameters.values).any()


def test_weight_decay_leaves_tables_alone():
    X, _ = labelled(20)
    X = [(x[:, 0] > 0).astype(int) for x in X]
    X[0][:] = 3  # 2 does not occur
    models = [
        SequenceTagger(embedding_dim=3, hidden_size=4, max_iter=2, random_state=0, solver="adamw", alpha=alpha).fit(
            X, [x % 2 for x in X]
        )
        for alpha in (0.0, 10.0)
    ]
    rows = [model.network_.embedding.parameters["weight"][2] for model in models]
    assert_same_bits(rows[0], rows[1])


@every_kind
def test_a_narrow_integer_of_numpy_is_an_integer(kind):
    X, y = data_for(kind)
    expected, numbers = fit(kind, X, y), {}
    for name, value in expected.get_params(deep=False).items():
        if isinstance(value, int) and not isinstance(value, bool):
            numbers[name] = np.int16(value)
    assert_same_answers(answers(fit(kind, X, y, **numbers), X), answers(expected, X))
