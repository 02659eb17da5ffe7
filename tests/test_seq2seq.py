"""SequenceToSequence and VectorToSequence as their users meet them; what they have in common is in test_base."""

import pickle

import numpy as np
import pytest
from reference import sigmoid
from samples import assert_same_bits, data_for, make_estimator, reversed_tokens, slopes
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline

from fastrnn import SequenceToSequence, VectorToSequence
from fastrnn.preprocessing import Tokenizer
from fastrnn.sequences import as_sequences

TRANSLATORS = ["translator", "translator_of_numbers"]
OF_TOKENS = [*TRANSLATORS, "vector_to_tokens"]
ONE_STEP = {"max_iter": 1, "batch_size": 100, "learning_rate_init": 1e-9, "dtype": "float64"}


def short_words(n, seed=0):
    """Two or three of four tokens, and the same backwards."""
    rng = np.random.default_rng(seed)
    X = [rng.integers(0, 4, T) for T in rng.integers(2, 4, n)]
    return X, [x[::-1] for x in X]


def translator(**options):
    defaults = {"hidden_size": 24, "embedding_dim": 8, "target_embedding_dim": 8, "max_iter": 25, "dropout": 0.0}
    return SequenceToSequence(**{**defaults, "learning_rate_init": 0.02, "random_state": 0, **options})


def maker(**options):
    defaults = {"hidden_size": 16, "max_iter": 40, "learning_rate_init": 0.02, "dropout": 0.0, "random_state": 0}
    return VectorToSequence(**{**defaults, **options})


def as_vectors(x):
    """A vector as a network reads it."""
    return as_sequences([x[np.newaxis]], "float64")


def forward(model, X, y):
    """Log probabilities (M + 1, K) of each target's steps and its end, given the tokens before."""
    sequences = model._checked(X)
    inputs, *_ = model._goals(model._check_targets(y, sequences, reset=False))
    outputs = model.network_.predict(sequences, inputs).astype(float)
    return inputs.split(log_softmax(outputs, axis=1))


def log_probabilities(model, X, y):
    """Of each token and the end."""
    every = forward(model, X, y)
    return [p[np.arange(len(p)), [*labels, model.n_target_tokens_]] for p, labels in zip(every, y, strict=True)]


# --------------------------------------------------------------------------- it learns


@pytest.mark.parametrize("attention", ["dot", "additive", None])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_it_learns_to_reverse(cell, attention):
    X, y = short_words(200)
    model = translator(cell=cell, attention=attention).fit(X, y)
    predicted = model.predict(X)
    right = [np.array_equal(a, b) for a, b in zip(predicted, y, strict=True)]
    assert model.score(X, y) == np.mean(right) > 0.9
    assert predicted.dtype == object and predicted[0].dtype == np.int64
    assert model.n_target_tokens_ == 4 and model.max_length_ == 3 and model.n_iter_ == 25
    half = np.arange(200) % 2
    assert np.isclose(model.score(X, y, half), np.mean(right[1::2]))


def test_lbfgs_learns():
    X, y = short_words(40)
    model = translator(solver="lbfgs", max_iter=80, hidden_size=12).fit(X, y)
    assert model.score(X, y) > 0.9


def test_numbers_are_read_and_written():
    """The source without tokens: which of two columns is the larger."""
    rng = np.random.default_rng(0)
    X = [rng.standard_normal((T, 2)) for T in rng.integers(1, 4, 200)]
    y = [(x[:, 0] > x[:, 1]).astype(int) for x in X]
    model = translator(embedding_dim=None, num_layers=2, max_iter=30).fit(X, y)
    assert model.score(X, y) > 0.8
    assert model.n_features_in_ == 2


def test_texts_in_a_pipeline():
    texts = ["ein hund", "eine katze", "der hund", "die katze"] * 10
    target = Tokenizer().fit(["a dog", "a cat", "the dog", "the cat"])
    y = target.transform(["a dog", "a cat", "the dog", "the cat"] * 10)
    model = make_pipeline(Tokenizer(), translator(batch_size=8, max_iter=15)).fit(texts, y)
    assert model.score(texts, y) == 1
    assert target.inverse_transform(model.predict(["die katze"])) == ["the cat"]


# ------------------------------------------------------------------------------ the loss


@pytest.mark.parametrize("kind", OF_TOKENS)
def test_the_loss_is_the_mean_over_tokens_and_ends(kind):
    X, y = data_for(kind)
    model = make_estimator(kind, **ONE_STEP, label_smoothing=0.0, alpha=0.0).fit(X, y)
    expected = -np.concatenate(log_probabilities(model, X, y)).mean()
    np.testing.assert_allclose(model.loss_curve_[0], expected, rtol=1e-6)


def test_a_translator_spreads_its_labels_and_decays_by_default():
    X, y = data_for("translator")
    by_default, spelt_out = (
        SequenceToSequence(hidden_size=4, max_iter=2, random_state=0, **options).fit(X, y)
        for options in ({}, {"solver": "adamw", "alpha": 2.0, "label_smoothing": 0.1})
    )
    assert_same_bits(by_default.network_.theta, spelt_out.network_.theta)
    for name, value in {"alpha": 0.0, "label_smoothing": 0.0}.items():
        other = clone(by_default).set_params(**{name: value}).fit(X, y)
        assert not np.array_equal(by_default.network_.theta, other.network_.theta)


def test_the_score_of_early_stopping_is_the_negative_loss():
    X, y = data_for("translator")
    options = {"early_stopping": True, "validation_fraction": 0.5, **ONE_STEP}
    model = make_estimator("translator", **options).fit(X, y)
    each = [p.sum() for p in log_probabilities(model, X, y)]
    score = model.validation_scores_[0]
    assert min(each) < score < 0
    assert abs(score + model.loss_curve_[0]) < 0.1


# ------------------------------------------------------------------------------- decoding


@pytest.mark.parametrize("kind", OF_TOKENS)
def test_greedy_and_beam(kind):
    X, y = data_for(kind)
    model = make_estimator(kind, max_iter=12, max_length=9).fit(X, y)
    greedy, scores = model._decoded(X, 1)
    for x, tokens, score in zip(X, greedy, scores, strict=True):
        expected, found = _greedy(model, x), _score(model, x, tokens)
        assert tokens.tolist() == expected
        np.testing.assert_allclose(score, found, rtol=1e-4)
    for a, b in zip(model.predict(X), greedy, strict=True):
        assert_same_bits(a, b)
    for width in (2, 5, 50):
        found, better = model._decoded(X, width)
        assert (better >= scores).all()
        for x, tokens, score in zip(X[:10], found, better, strict=False):
            np.testing.assert_allclose(score, _score(model, x, tokens), rtol=1e-4)
        for a, b in zip(model.predict(X, beam_width=np.uint8(width)), found, strict=True):
            assert_same_bits(a, b)
    if kind == "translator":
        assert (better > scores).any()


def _greedy(model, x):
    """The most probable token each time, reading all of them anew."""
    tokens = []
    while len(tokens) < model.max_length_:
        (log_p,) = forward(model, [x], [[*tokens, 0]])  # the last is not read yet
        token = int(log_p[len(tokens)].argmax())
        if token == model.n_target_tokens_:
            break
        tokens.append(token)
    return tokens


def _score(model, x, tokens):
    """The mean log probability of tokens and the end; of an empty target there is the end alone."""
    if len(tokens) == 0:
        (log_p,) = forward(model, [x], [[0]])
        return log_p[0, model.n_target_tokens_]
    return log_probabilities(model, [x], [tokens])[0].mean()


@pytest.mark.parametrize("kind", OF_TOKENS)
def test_a_beam_wider_than_there_are_sequences(kind):
    X, y = data_for(kind, 40)
    model = make_estimator(kind, max_iter=2, max_length=2).fit(X, [target[:2] for target in y])
    n = model.n_target_tokens_
    expected, scores = model._decoded(X, 1 + n + n * n)
    for width in (n**3, 10**12):
        found, others = model._decoded(X, width)
        assert_same_bits(others, scores)
        for a, b in zip(found, expected, strict=True):
            assert_same_bits(a, b)


@pytest.mark.parametrize("beam_width", [1, 3])
def test_nothing_is_longer_than_max_length(beam_width):
    X, y = data_for("translator")
    for max_length in (9, 30):
        model = make_estimator("translator", max_length=max_length).fit(X, y)
        _never_ending(model.network_, model.n_target_tokens_)
        assert model.max_length_ == max_length
        assert {len(p) for p in model.predict(X, beam_width=beam_width)} == {max_length}
    assert make_estimator("translator").fit(X, y).max_length_ == max(map(len, y))


def _never_ending(network, end):
    network.head.parameters["bias"][end] = -50
    network.changed()


# ------------------------------------------------------------------------------ attention


@pytest.mark.parametrize("kind", TRANSLATORS)
def test_attention_weights(kind):
    X, y = data_for(kind, 300)
    model = make_estimator(kind).fit(X[:40], y[:40])
    weights = model.attention_weights(X, y)
    assert weights.shape == (300,)
    for x, labels, w in zip(X, y, weights, strict=True):
        assert w.shape == (len(labels) + 1, len(x)) and (w >= 0).all()
        np.testing.assert_allclose(w.sum(axis=1), 1, rtol=1e-5)
    for k in (0, 256, 299):
        assert_same_bits(model.attention_weights([X[k]], [y[k]])[0], weights[k])
        shorter = model.attention_weights([X[k]], [y[k][:1]])[0]  # what comes later is not seen
        assert_same_bits(shorter, weights[k][:2])


def test_attention_looks_where_it_must():
    X, y = short_words(200)
    model = translator(attention="additive", hidden_size=32).fit(X, y)
    looked = [w[: len(x)].argmax(axis=1) for x, w in zip(X, model.attention_weights(X, y), strict=True)]
    # The encoder reads in both directions, so that a neighbour may do as well.
    near = [np.abs(at - np.arange(len(at))[::-1]) <= 1 for at in looked]
    assert np.concatenate(near).mean() > 0.8


# ---------------------------------------------------------------------- vectors to sequences


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_tokens_from_vectors(cell):
    numbers = np.arange(1, 6).repeat(30)
    X = np.column_stack([numbers / 5, numbers % 2])
    y = [np.arange(n, 0, -1) for n in numbers]
    model = maker(cell=cell, batch_size=16, max_iter=20).fit(X, y)
    assert model.score(X, y) == 1
    assert model.predict(X[[60]], beam_width=3)[0].tolist() == [3, 2, 1]


def test_numbers_come_back_in_their_unit_and_lengths_are_learned():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(1, 5, 200) / 4, rng.random(200)])
    lengths = np.rint(4 * X[:, 0]).astype(int)
    y = [5000 + 100 * x[1] * np.arange(1, n + 1) for x, n in zip(X, lengths, strict=True)]
    model = maker(target_embedding_dim=None).fit(X, y)
    predicted = model.predict(X)
    assert np.mean([len(p) == n for p, n in zip(predicted, lengths, strict=True)]) > 0.95
    assert predicted.dtype == object and predicted[0].dtype == np.float64
    assert model.score(X, y) > 0.95
    assert np.abs(np.concatenate(predicted) - 5000).max() < 600


def test_numbers_of_several_columns():
    X, y = slopes(100)
    y = [np.column_stack([labels, np.full(len(labels), 7.0)]) for labels in y]
    model = maker(target_embedding_dim=None, max_iter=20).fit(X, y)
    predicted = model.predict(X)
    assert {p.shape[1] for p in predicted} == {3}
    assert np.abs(np.concatenate(predicted)[:, 2] - 7).max() < 0.5  # a constant has the unit 1
    assert model.predict(X[:2])[0].ndim == 2
    flat = maker(target_embedding_dim=None, max_iter=1).fit(X, [labels[:, 0] for labels in y])
    assert flat.predict(X)[0].ndim == 1


def test_the_loss_of_numbers():
    """Squared errors of standardised numbers, and the logarithmic loss of being the last."""
    X, y = slopes(20)
    model = maker(target_embedding_dim=None, normalize_X=False, **ONE_STEP).fit(X, y)
    every = np.concatenate(y)
    scaled = [(labels - every.mean(axis=0)) / every.std(axis=0) for labels in y]
    losses = []
    for x, labels in zip(X, scaled, strict=True):
        step = model.network_.stepper(model.network_.encode(as_vectors(x)))
        for t, (before, now) in enumerate(zip([0 * labels[0], *labels], labels, strict=False)):
            outputs = step(before[np.newaxis], np.array([0]))[0]
            p = sigmoid(outputs[2])
            of_end = -np.log(p if t + 1 == len(labels) else 1 - p)
            losses.append(((outputs[:2] - now) ** 2).mean() + of_end)
    np.testing.assert_allclose(model.loss_curve_[0], np.mean(losses), rtol=1e-6)


def test_numbers_feed_on_what_has_been_put_out():
    X, y = data_for("vector_to_numbers")
    model = make_estimator("vector_to_numbers", max_iter=10, dtype="float64", normalize_X=False).fit(X, y)
    every = np.concatenate(y)
    for x, predicted in zip(X, model.predict(X), strict=True):
        step, before, made = model.network_.stepper(model.network_.encode(as_vectors(x))), np.zeros((1, 2)), []
        while len(made) < model.max_length_:
            outputs = step(before, np.array([0]))
            before = outputs[:, :2].copy()
            made.append(before[0] * every.std(axis=0) + every.mean(axis=0))
            if sigmoid(outputs[0, 2]) > 0.5:
                break
        np.testing.assert_allclose(predicted, made, rtol=1e-10)
    _never_ending(model.network_, 2)
    assert {len(p) for p in model.predict(X)} == {model.max_length_}


def test_the_score_of_numbers():
    """R^2 over the steps of y: what is too short is continued, what is too long is cut."""
    X, y = data_for("vector_to_numbers")
    model = make_estimator("vector_to_numbers", max_iter=30, learning_rate_init=0.02).fit(X, y)
    predicted = model.predict(X)
    lengths = np.array([len(p) for p in predicted]) + np.arange(len(y)) % 3 - 1
    y = [np.full((max(1, n), 2), x[:2]) for n, x in zip(lengths, X, strict=True)]
    rows = [np.vstack([p, p[-1:]])[: len(labels)] for p, labels in zip(predicted, y, strict=True)]
    expected, weights = np.concatenate(y), np.linspace(1, 2, len(y))
    np.testing.assert_allclose(model.score(X, y), r2_score(expected, np.concatenate(rows)))
    of_steps = np.repeat(weights, [len(labels) for labels in y])
    np.testing.assert_allclose(
        model.score(X, y, weights), r2_score(expected, np.concatenate(rows), sample_weight=of_steps)
    )


@pytest.mark.parametrize("kind", ["vector_to_tokens", "vector_to_numbers"])
def test_arrays_of_vectors_in_any_form(kind):
    X, y = data_for(kind)
    X = X.astype("float32")
    model = make_estimator(kind).fit(X, y)
    wide = np.zeros((80, 6), "float32")
    wide[::2, ::2] = X
    for form in (np.asfortranarray(X), wide[::2, ::2], X.astype(float), X.tolist()):
        assert_same_bits(make_estimator(kind).fit(form, y).network_.theta, model.network_.theta)
        for a, b in zip(model.predict(form), model.predict(X), strict=True):
            assert_same_bits(a, b)


def test_targets_in_any_form():
    X, y = reversed_tokens(20)
    X, y = [x[:3] for x in X if len(x) > 2], [x[:3] for x in y if len(x) > 2]
    model = translator(max_iter=1).fit(X, y)
    for form in (np.stack(y), [x.tolist() for x in y], [x.astype(float) for x in y]):
        assert_same_bits(translator(max_iter=1).fit(X, form).network_.theta, model.network_.theta)


def test_attention_of_what_is_predicted_also_where_that_is_nothing():
    X, y = short_words(60)
    y = [tokens if k % 3 else tokens[:0] for k, tokens in enumerate(y)]
    model = translator(max_iter=3).fit(X, y)
    predicted = model.predict(X)
    for a, b in zip(model.attention_weights(X), model.attention_weights(X, predicted), strict=True):
        assert_same_bits(a, b)
    shorter = pickle.loads(pickle.dumps(model)).set_params(max_length=1)  # it is of fits to come
    for a, b in zip(model.attention_weights(X), shorter.attention_weights(X), strict=True):
        assert_same_bits(a, b)
    nothing = model.attention_weights(X[:2], [[], []])
    assert [w.shape for w in nothing] == [(1, len(x)) for x in X[:2]]


def test_targets_may_grow_longer_in_later_fits():
    X, y = short_words(40)
    model = translator(max_iter=1).partial_fit(X, [tokens[:1] for tokens in y]).partial_fit(X, y)
    assert model.max_length_ == 3
    model.set_params(max_length=5, warm_start=True).fit(X, y)
    assert model.max_length_ == 5


def test_numbers_overflow_only_in_steps_that_are_there():
    X, y = slopes(40)
    model = maker(target_embedding_dim=None, max_iter=2).fit(X, y)
    assert all(np.isfinite(values).all() for values in model.predict(X))
    model.network_.head.parameters["bias"][-1] = 50  # each is over after one step
    model.network_.changed()
    long = model.predict(X)
    assert {len(values) for values in long} == {1}
    with pytest.raises(ValueError, match="beam_width=3 is for tokens"):
        model.predict(X, beam_width=3)
    model.network_.head.parameters["bias"][0] = np.inf
    model.network_.changed()
    with pytest.raises(ValueError, match=r"X\[0\] makes the network's outputs overflow"):
        model.predict(X)


def test_advice_is_such_as_can_be_followed():
    words, plain = [np.ones((3, 2), int)] * 4, [np.arange(3)] * 4
    new = SequenceToSequence(embedding_dim=4, max_iter=1)
    with pytest.raises(ValueError, match=r"y\[0\] has shape \(3, 2\); expected \(T,\), a token a step$"):
        new.fit(plain, words)
    with pytest.raises(ValueError, match=r"y\[0\] holds the token 3, .* up to 2: fit on data with all tokens first"):
        new.fit(plain, plain).partial_fit(plain, [x + 3 for x in plain])


def test_a_refit_on_numbers_has_no_number_of_tokens():
    model = make_estimator("vector_to_tokens", cell="gru").fit(*data_for("vector_to_tokens"))
    model.set_params(target_embedding_dim=None).fit(*data_for("vector_to_numbers"))
    assert not hasattr(model, "n_target_tokens_")
