"""SequenceGenerator as its users meet it; what it has in common with others is in test_base."""

from itertools import islice

import numpy as np
import pandas as pd
import pytest
from reference import assert_within
from samples import assert_same_bits, tokens
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline

import fastrnn
from fastrnn import SequenceGenerator
from fastrnn.base import Problem
from fastrnn.callbacks import Checkpoint
from fastrnn.epochs import Budget
from fastrnn.generator import learning
from fastrnn.generator.learning import draw
from fastrnn.losses.loss import cross_entropy, log_probabilities
from fastrnn.preprocessing import Tokenizer
from fastrnn.sequences import Sequences
from fastrnn.streaming import Stream


def small(**options):
    defaults = {"hidden_size": 6, "embedding_dim": 4, "max_iter": 2, "random_state": 0, "dropout": 0.0}
    return SequenceGenerator(**{**defaults, **options})


def assert_same_weights(one, other):
    assert_same_bits(one.network_.theta, other.network_.theta)


def stream(n=123, n_tokens=5, seed=0):
    rng = np.random.default_rng(seed)
    return np.append(n_tokens - 1, rng.integers(0, n_tokens, n - 1))


@pytest.fixture(scope="module")
def model():
    """Of sequences, trained little, so that it is sure of nothing."""
    return small().fit(tokens(40, 5))


@pytest.fixture(scope="module")
def endless():
    return small(stateful=True, batch_size=4).fit(stream())


# ---------------------------------------------------------------------------- it learns


@pytest.mark.filterwarnings("ignore:.*little was learned")  # by so few
def test_epochs_are_20_unless_these_are_very_many_batches(monkeypatch):
    texts = [[1, 2, 3]] * 64
    assert small(max_iter="auto").fit(texts).n_iter_ == 20
    monkeypatch.setattr(learning, "BUDGETS", (Budget(20, most=6), Budget(20, most=4)))
    assert small(max_iter="auto").fit(texts).n_iter_ == 3
    book = np.tile([0, 1, 2], 100)  # in four parts of 74 steps, two stretches each
    assert small(max_iter="auto", stateful=np.True_, hidden_size="auto", batch_size=4).fit(book).n_iter_ == 2


@pytest.mark.parametrize("of_numbers", [False, True])
def test_a_fit_of_noise_warns(of_numbers):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(20, 2)) if of_numbers else rng.integers(0, 4, 20) for _ in range(64)]
    model = small(max_iter="auto", embedding_dim=None if of_numbers else 4)
    with pytest.warns(ConvergenceWarning, match="little was learned"):
        model.fit(X)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_it_learns_texts_and_where_they_end(cell):
    texts = ["abracadabra", "simsalabim", "hocus"] * 10
    options = {"cell": cell, "hidden_size": 24, "learning_rate_init": 0.02, "batch_size": 5}
    options["max_iter"] = 25
    pipeline = make_pipeline(Tokenizer(level="char"), small(**options)).fit(texts)
    tokenizer, model = pipeline[0], pipeline[-1]
    X = tokenizer.transform(["abra", "hoc"])
    texts = [model.sample(x, temperature=0) for x in X]
    assert tokenizer.inverse_transform(texts) == ["cadabra", "us"]
    assert pipeline.score(["abracadabra"]) > -0.3
    begun = {tokenizer.inverse_transform([model.sample(random_state=k)])[0] for k in range(20)}
    assert {"abracadabra", "simsalabim", "hocus"} <= begun


@pytest.mark.parametrize(("bptt_steps", "max_iter"), [(None, 60), (7, 15)])
def test_it_learns_streams(bptt_steps, max_iter):
    rng = np.random.default_rng(0)
    X = np.concatenate([[0, 1, 2, 3][: rng.integers(2, 5)] for _ in range(400)])
    options = {"learning_rate_init": 0.02, "batch_size": 8, "hidden_size": 16}
    options |= {"bptt_steps": bptt_steps, "max_iter": max_iter}
    model = small(stateful=True, **options).fit(X)
    # From 1 and from 2 it may go on in two ways.
    assert model.score(X) > -0.55
    assert set(model.sample([3], 1, temperature=0)) == {0}
    follows = {(0, 1), (1, 2), (1, 0), (2, 3), (2, 0), (3, 0)}
    made = model.sample([0], 300, random_state=0, top_p=0.9).tolist()
    assert set(zip(made, made[1:], strict=False)) <= follows and len(made) == 300


def test_lbfgs_and_truncated_gradients():
    X = [np.arange(n) % 3 for n in (5, 9, 2, 12)] * 3
    for options in ({"solver": "lbfgs", "max_iter": 40}, {"bptt_steps": 2, "max_iter": 60}):
        assert small(learning_rate_init=0.03, **options).fit(X).score(X) > -0.5


def read(model, tokens, state=None):
    """Outputs (T, K) of one sequence's tokens, and the states after it."""
    return model.network_.read(Sequences(np.asarray(tokens), np.array([0, len(tokens)])), state)


# ---------------------------------------------------------------------------- scores


def test_scores_are_those_of_one_step_after_the_other(model, endless):
    x = tokens(1, 5, 20, 20)[0]
    # 5 is what stands before and after a sequence.
    for fitted, given, expected in ((model, [5, *x], [*x, 5]), (endless, x[:-1], x[1:])):
        state, found = None, []
        for token, wanted in zip(given, expected, strict=True):
            outputs, state = read(fitted, [token], state)
            found.append(log_probabilities(outputs, np.array([wanted]))[0])
        assert_same_bits(fitted._log_probabilities([x]), np.array(found))
        score = np.mean(found)
        np.testing.assert_allclose(fitted.score([x]), score, rtol=1e-12)
        np.testing.assert_allclose(fitted.perplexity([x]), np.exp(-score), rtol=1e-12)
        np.testing.assert_allclose(fitted.bits_per_token([x]), -score / np.log(2), rtol=1e-12)
        assert [type(f([x])) for f in (fitted.score, fitted.perplexity, fitted.bits_per_token)] == [float] * 3


def test_the_loss_is_the_negative_score():
    X = tokens(40, 5)
    options = {"max_iter": 1, "learning_rate_init": 1e-9, "batch_size": 100, "alpha": 0.0}
    model = small(**options).fit(X)
    np.testing.assert_allclose(model.loss_curve_[0], -model.score(X), rtol=1e-5)


def test_few_long_texts_are_a_stream():
    text, options = stream(2048), {"max_iter": 1, "batch_size": 2, "bptt_steps": 8}
    expected = small(stateful=True, **options).fit(text)
    for fitted in (small(**options).fit(given) for given in (text, [text], text.tolist(), [text.tolist()])):
        assert_same_weights(fitted, expected)
        assert fitted.score(text) == expected.score(text)
    flat = text[:1000]
    assert small(**options).fit(flat).score(flat) == small(stateful=True, **options).fit(flat).score(flat)
    assert_same_weights(small(**options).fit([text] * 2), small(stateful=True, **options).fit([text] * 2))
    assert_same_weights(small(**options).partial_fit([text]), small(stateful=True, **options).partial_fit([text]))


def test_what_was_found_to_be_a_stream_stays_one(tmp_path):
    text, file = stream(8000), tmp_path / "model.safetensors"
    for beside in ({"early_stopping": True}, {}):
        given = {} if beside else {"X_val": text[:100]}
        options = {"max_iter": 2, "bptt_steps": 4} | beside
        found, expected = (small(stateful=how, **options).fit(text, **given) for how in ("auto", True))
        assert found.validation_scores_ == expected.validation_scores_
    loaded = []
    for model in (found, expected):
        fastrnn.save(model, file)
        loaded.append(fastrnn.load(file).partial_fit(text[:50]))
    assert_same_weights(*loaded)
    assert [model.stateful for model in loaded] == ["auto", True]
    small(**options, callbacks=[Checkpoint(file)]).fit(text)
    resumed = small(**options).fit(text, resume_from=file)
    assert_same_weights(resumed, small(**options).fit(text))


def test_validation_data_of_a_stream_are_scored_as_by_score():
    text, later = stream(8000), stream(700)
    for given in (later, [later]):
        model = small(stateful=True, max_iter=2, bptt_steps=4).fit(text, X_val=given)
        assert model.validation_scores_[-1] == -model.validation_loss_curve_[-1] == model.score(later)


def test_a_stream_that_is_read_in_few_batches_warns(recwarn):
    text = stream(2048)
    with pytest.warns(UserWarning, match="a stream in 32 parts: 20 epochs are 20 steps.*smaller batch_size") as found:
        model = small(max_iter=20).fit(text)
    assert found[0].filename == __file__
    recwarn.clear()
    small(max_iter=20, batch_size=8).fit(text)
    small(stateful=True).fit(text)  # who asks for it knows
    model.partial_fit(text)
    small().partial_fit(text)
    assert not recwarn.list


def test_a_stream_has_more_units():
    def units_of(X, **options):
        model = small(hidden_size="auto", max_iter=1, batch_size=2, bptt_steps=8, **options).fit(X)
        return model.network_.encoder.recurrent.hidden_size

    text, X, numbers = stream(2048), tokens(4, 5), [np.zeros(20)]
    assert units_of(text) == units_of([text]) == units_of(X, stateful=True) == 256
    assert units_of(X) == units_of([text], stateful=False) == units_of(numbers, embedding_dim=None) == 128
    model = small(hidden_size="auto", proj_size=200, max_iter=1, batch_size=2, bptt_steps=8)
    assert model.fit(text).network_.encoder.recurrent.output_size == 200
    with pytest.raises(ValueError, match="proj_size must be smaller than hidden_size=128"):
        model.fit(X)


def test_other_sequences_begin_and_end():
    text = stream(2048)
    short, numbers = [text[:2047]], [text / 7]
    for given, options in (
        (short, {}), ([text, text[:100]], {}), ([text] * 32, {}), (numbers, {"embedding_dim": None}),
        ([text], {"solver": "lbfgs"}), ([text], {"stateful": False}),
        ([text], {"validation_fraction": KFold(2)}),
    ):  # fmt: skip
        model = small(**{"max_iter": 1, **options}).fit(given)
        assert len(model.sample(length=3, random_state=0)) <= 3  # from the beginning on
    frame = pd.DataFrame(np.arange(12).reshape(3, 4) % 5)
    assert_same_weights(small(max_iter=1).fit(frame), small(max_iter=1, stateful=False).fit(frame))
    with pytest.raises(ValueError, match=r"X\[0\] has shape \(\); expected \(T,\)"):
        small().fit([1, [2, 3]])
    for options in ({"solver": "lbfgs"}, {"validation_fraction": KFold(2)}):
        with pytest.raises(ValueError, match=r"X is an array of shape \(2048,\)"):
            small(max_iter=1, **options).fit(text)
    again = small(max_iter=2, batch_size=1, warm_start=True).fit([text])
    again.set_params(stateful=True).fit([text[:500]])
    with pytest.raises(ValueError, match="stateful=False, but the network to go on with has stateful=True"):
        again.set_params(stateful=False).fit([text])


@pytest.mark.parametrize("stretch", [1, 7, 1000])
def test_the_score_of_a_stream_does_not_depend_on_how_it_is_read(endless, stretch, monkeypatch):
    X = stream(600)
    expected = endless._log_probabilities(X)
    assert expected.shape == (599,)
    monkeypatch.setattr(learning, "STRETCH", stretch)
    for form in (X, [X], [X[:7], X[7:300], X[300:]]):
        assert_same_bits(endless._log_probabilities(form), expected)


def test_training_on_a_stream_is_truncated_backpropagation_through_all_of_it():
    """Parts read side by side from beginning to end, gradients cut every few steps."""
    X, n_parts, bptt_steps, n_stretches = stream(3 * 20 + 1), 3, 5, 4
    options = {"stateful": True, "batch_size": n_parts, "bptt_steps": bptt_steps, "max_iter": 1}
    options |= {"dtype": "float64", "learning_rate": "constant", "solver": "sgd", "momentum": 0.0}
    options |= {"nesterovs_momentum": False, "clip_norm": None, "cell": "gru", "num_layers": 2}
    before = small(learning_rate_init=1e-30, **options).fit(X)
    after = small(learning_rate_init=1e-7, **options).fit(X)
    parts = Sequences(X[:-1], np.arange(0, 61, 20))
    network = before.network_
    whole = Problem(parts, X[1:], np.ones(60), before.n_tokens_, cross_entropy)
    training = network.training(whole, False, bptt_steps=bptt_steps)
    training.lay_out([np.arange(n_parts)], 0)
    loss = training(0)
    np.testing.assert_allclose(before.loss_curve_, [loss], rtol=1e-10)
    # The step is so small that all stretches have the gradient of the first theta.
    moved = (network.theta - after.network_.theta) / 1e-7
    assert_within(1e-5, moved, n_stretches * network.gradient)


def test_dropout_is_of_its_own_in_each_stretch():
    options = {"stateful": True, "batch_size": 1, "bptt_steps": 5, "max_iter": 1, "dropout": 0.5, "cell": "rnn"}
    model, X = small(**options).fit(stream()), np.ones(41, int)
    # With no weights from step to step only what is dropped differs from stretch to stretch.
    model.network_.encoder.recurrent.parameters["weight_hh_l0"][...] = 0
    model.network_.changed()
    problem = model._problem(X, None, None, goes_on=True)
    training = model.network_.training(problem, True)
    training.lay_out([np.array([k]) for k in range(8)], 0)
    assert len({training(k) for k in range(8)}) == 8


def test_early_stopping_reads_the_end_of_a_stream():
    X = stream(400)
    options = {"stateful": True, "batch_size": 4, "bptt_steps": 10, "dtype": "float64"}
    model = small(early_stopping=True, validation_fraction=0.3, max_iter=1, **options).fit(X)
    # Of each of the 4 parts the first 70 steps train, the last 29 (of 99) are held out.
    inputs, targets = (a[:396].reshape(4, 99) for a in (X[:-1], X[1:]))
    found = []
    for part, wanted in zip(inputs[:, 70:], targets[:, 70:], strict=True):
        outputs, _ = read(model, part)
        found.append(log_softmax(outputs, axis=1)[np.arange(29), wanted])
    np.testing.assert_allclose(model.validation_scores_, [np.mean(found)], rtol=1e-10)


def test_a_token_that_is_only_predicted():
    """The last token of a stream is no input, but has its vector."""
    X = np.append(stream(60, 3), 7)
    model = small(stateful=True, batch_size=4).fit(X)
    assert model.n_tokens_ == 8 and model.network_.embedding.limits == (8,)
    assert np.isfinite(model.partial_fit(X).score([[7, 0, 7]]))


# ---------------------------------------------------------------------------- sampling


def greedy(model, prefix, length):
    """The most probable token each time, reading all of it anew."""
    start = [] if model._boundary is None else [model.n_tokens_]
    made = []
    while len(made) < length:
        outputs, _ = read(model, np.array([*start, *prefix, *made], int))
        token = int(outputs[-1].argmax())
        if token == model.n_tokens_:
            break
        made.append(token)
    return made


@pytest.mark.parametrize("prefix", [[4], [0, 1, 2, 3, 3]], ids=str)
def test_ways_to_be_greedy(model, endless, prefix):
    for fitted in (model, endless):
        expected = greedy(fitted, prefix, 12)
        for options in ({"temperature": 0}, {"top_k": 1}, {"top_p": 1e-9}, {"temperature": 1e-6}):
            made = fitted.sample(prefix, 12, random_state=1, **options)
            assert made.dtype == np.int64 and made.tolist() == expected
    assert model.sample(length=12, temperature=0).tolist() == greedy(model, [], 12)


def test_the_same_random_state_makes_the_same_tokens(model):
    made = [model.sample([1, 2], 30, random_state=k) for k in range(10)]
    assert len({tuple(m) for m in made}) > 5
    for k, expected in enumerate(made):
        rng = np.random.RandomState(k)
        assert_same_bits(model.sample(np.array([1, 2]), 30, random_state=rng), expected)
        assert_same_bits(model.sample([1, 2], 30, random_state=k, top_k=99, top_p=1.0), expected)
        assert list(model.iter_sample([1, 2], 30, random_state=k)) == expected.tolist()


def test_a_sequence_ends_where_the_model_ends_it(model):
    lengths = [len(model.sample(random_state=k, length=100)) for k in range(200)]
    assert 2 < np.mean(lengths) < 8 and max(lengths) < 100  # those it saw have 5 on average
    assert all(model.sample(random_state=k).max(initial=0) < 5 for k in range(50))
    assert len(model.sample([1], 0)) == 0


def test_an_iterator_reads_no_further_than_it_is_asked(endless, monkeypatch):
    read, outputs = [], Stream.outputs
    monkeypatch.setattr(Stream, "outputs", lambda stream, token: read.append(token) or outputs(stream, token))
    made = endless.iter_sample([0, 1, 2], random_state=0)
    assert not read
    first = list(islice(made, 5))
    assert read == [0, 1, 2, *first[:4]]
    assert [*first, *islice(made, 400)] == endless.sample([0, 1, 2], 405, random_state=0).tolist()


def frequencies(logits, n=1500, **options):
    options = {"temperature": 1.0, "top_k": None, "top_p": None, **options}
    rng = np.random.RandomState(0)
    drawn = [draw(logits, rng=rng, **options) for _ in range(n)]
    return np.bincount(drawn, minlength=len(logits)) / n


def test_what_is_drawn_has_the_distribution_it_should():
    p = np.array([0.05, 0.4, 0.25, 0.3])
    cases = (
        ({}, p),
        ({"temperature": 0.5}, p**2 / (p**2).sum()),
        ({"temperature": 1e9}, np.full(4, 0.25)),
        ({"top_k": 2}, np.array([0, 0.4, 0, 0.3]) / 0.7),
        ({"top_p": 0.7}, np.array([0, 0.4, 0, 0.3]) / 0.7),
        ({"top_p": 0.71}, np.array([0, 0.4, 0.25, 0.3]) / 0.95),
        ({"top_k": 2, "top_p": 0.5}, np.array([0, 1, 0, 0])),  # of what top_k has left
    )
    for options, expected in cases:
        found = frequencies(np.log(p) + 3, **options)
        np.testing.assert_allclose(found, expected, atol=0.05)
        assert (found[expected == 0] == 0).all()
    # As near to 0 as numbers get is like 0, and not too small to divide by.
    for temperature in (5e-324, np.float16(1e-7), 1e-300):
        assert frequencies(np.float64([-3e38, 1, 1 + 2e-7, -5]), n=9, temperature=temperature)[2] == 1
    # Of equal ones the first.
    assert frequencies(np.zeros(4), n=9, temperature=0).argmax() == 0
    assert set(np.flatnonzero(frequencies(np.zeros(4), n=99, top_k=2))) == {0, 1}


def test_a_prefix_has_any_length_also_after_a_fit_on_an_array():
    X = np.random.default_rng(0).integers(0, 5, (20, 6))
    model = small().fit(X)
    assert_same_bits(model.network_.theta, small().fit(list(X)).network_.theta)
    for prefix in ([1], [1, 2, 3], X[0], np.arange(20) % 5):
        assert model.sample(prefix, 4, temperature=0).tolist() == greedy(model, prefix, 4)


def test_steps_of_a_last_shorter_stretch_count_like_others():
    X, options = stream(83), {"batch_size": 2, "bptt_steps": 16, "max_iter": 1, "learning_rate_init": 1e-9}
    model = small(stateful=True, **options).fit(X)  # 41 steps of two parts: 16, 16 and 9
    parts = X[:-1].reshape(2, 41), X[1:].reshape(2, 41)
    found = [log_probabilities(read(model, x)[0], y) for x, y in zip(*parts, strict=True)]
    np.testing.assert_allclose(model.loss_curve_[0], -np.mean(found), rtol=1e-5)


@pytest.mark.parametrize("stateful", [False, True])
def test_outputs_that_overflow_are_an_error(stateful):
    model = small(cell="rnn", nonlinearity="relu", stateful=stateful).fit([stream(60), stream(50)])
    model.network_.theta *= 1e20
    model.network_.changed()
    for call in (
        lambda: model.score([stream(40)]),
        lambda: model.perplexity([stream(40)]),
        lambda: model.sample([1, 2, 3] * 9, temperature=0),
        lambda: model.sample([1, 2, 3] * 9, random_state=0),
    ):
        with np.errstate(over="ignore", invalid="ignore"), pytest.raises(ValueError, match="overflow"):
            call()


def test_streams_come_as_arrays_lists_and_lists_of_them():
    X = stream(60)
    fits = [small(stateful=True, batch_size=4).fit(given) for given in (X, X.tolist(), [X], [X.tolist()])]
    for model in fits[1:]:
        assert_same_bits(model.network_.theta, fits[0].network_.theta)


@pytest.mark.parametrize("prefix", ["it was", ["it was"], [[1, 2]], 5])
def test_a_prefix_that_is_no_array_of_tokens(model, prefix):
    with pytest.raises(ValueError, match=r"in the prefix, X\[0\] (has shape|holds texts)"):
        model.sample(prefix)
