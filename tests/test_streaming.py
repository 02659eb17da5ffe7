"""A step at a time: the bits of whole sequences, states that travel, and steps that are refused."""

import copy
import pickle
import resource
import tracemalloc

import numpy as np
import pytest
from samples import assert_same_bits, data_for, labelled, make_estimator, tokens

from fastrnn import SequenceClassifier, SequenceRegressor, SequenceToSequence
from fastrnn.network.parts import CELLS
from fastrnn.preprocessing import Tokenizer

SMALL = {"hidden_size": 10, "max_iter": 2, "random_state": 0}
ONE_WAY = {**SMALL, "bidirectional": False}


def classifier(**options):
    X, y = labelled(30)
    return SequenceClassifier(**{**ONE_WAY, **options}).fit(X, y), X


def regressor(y_of, **options):
    X, _ = labelled(30)
    return SequenceRegressor(**SMALL, **options).fit(X, [y_of(x) for x in X]), X


def assert_steps_are_prefixes(stream, answer, X):
    """After each step of each sequence, what the model says of the part so far."""
    for x in X[:6]:
        stream.reset()
        for t in range(len(x)):
            assert_same_bits(stream.step(x[t]), answer([x[: t + 1]]))
        assert stream.n_steps == len(x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("readout", ["last", "mean", "max"])
def test_steps_of_a_classifier(cell, num_layers, dtype, readout):
    clf, X = classifier(cell=cell, num_layers=num_layers, dtype=dtype, readout=readout)
    assert_steps_are_prefixes(clf.stream(), lambda X: clf.predict_proba(X)[0], X)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu", "sigmoid"])
def test_steps_of_two_classes_and_without_biases(nonlinearity):
    X, y = labelled(30, n_classes=2)
    clf = SequenceClassifier(cell="rnn", nonlinearity=nonlinearity, bias=False, **ONE_WAY).fit(X, y)
    assert_steps_are_prefixes(clf.stream(), lambda X: clf.predict_proba(X)[0], X)


def test_steps_of_tokens():
    X = tokens(30)
    clf = SequenceClassifier(embedding_dim=4, **ONE_WAY).fit(X, np.arange(30) % 3)
    assert_steps_are_prefixes(clf.stream(), lambda X: clf.predict_proba(X)[0], X)


def test_steps_of_a_univariate_panel():
    X = np.random.default_rng(0).standard_normal((20, 7))
    clf = SequenceClassifier(**ONE_WAY).fit(X, np.arange(20) % 2)
    stream = clf.stream()
    for x_t in X[3]:
        said = stream.step(x_t)
    assert_same_bits(said, clf.predict_proba(X[3:4])[0])


@pytest.mark.parametrize("y_of", [lambda x: x.sum(), lambda x: x[-1, :2]])
def test_steps_of_a_regressor(y_of):
    reg, X = regressor(y_of)
    assert_steps_are_prefixes(reg.stream(), lambda X: reg.predict(X)[0], X)


@pytest.mark.parametrize("y_of", [lambda x: x[:, 0].cumsum(), lambda x: x[:, :2].cumsum(axis=0)])
def test_steps_of_a_regressor_of_sequences(y_of):
    reg, X = regressor(y_of, return_sequences=True, cell="lstm")
    assert_steps_are_prefixes(reg.stream(), lambda X: reg.predict(X)[0][-1], X)


@pytest.mark.parametrize("options", [{}, {"crf": True}, {"crf": True, "dtype": "float64"}])
@pytest.mark.parametrize("kind", ["tagger", "tagger_of_words", "tagger_of_several"])
def test_steps_of_a_tagger(kind, options):
    if kind == "tagger_of_several" and options:
        options = {"dtype": "float64"}  # a CRF gives a step one label
    X, y = data_for(kind)
    tagger = make_estimator(kind, **options, bidirectional=False).fit(X, y)
    assert_steps_are_prefixes(tagger.stream(), lambda X: tagger.predict_proba(X)[0][-1], X)


@pytest.mark.parametrize("kind", ["generator", "generator_of_streams"])
def test_steps_of_a_generator(kind):
    X, _ = data_for(kind)
    model = make_estimator(kind).fit(X)
    stream = model.stream()
    for x in X[:3]:
        stream.reset()
        said = [stream.step(token) for token in x]
        assert np.allclose(np.sum(said, axis=1), 1)
        # Of a stream the first token is not predicted; of a sequence the end is.
        expected = model._log_probabilities([x])
        found = np.log([p[token] for p, token in zip(said, x[1:], strict=False)])
        assert np.allclose(found, expected[: len(found)] if kind.endswith("streams") else expected[1:-1], atol=1e-5)
    with pytest.raises(ValueError, match=f"below {model.n_tokens_}"):
        stream.step(model.n_tokens_)


def test_several_sequences_side_by_side():
    clf, X = classifier(cell="lstm", num_layers=2)
    side_by_side = np.stack([x[:1].repeat(5, axis=0) * np.arange(1, 6)[:, np.newaxis] for x in X], axis=1)
    stream = clf.stream(batch=30)
    for t, x_t in enumerate(side_by_side):
        assert_same_bits(stream.step(x_t), clf.predict_proba(list(side_by_side[: t + 1].transpose(1, 0, 2))))


@pytest.mark.parametrize("form", [np.asfortranarray, lambda x: np.repeat(x, 2, axis=-1)[..., ::2], np.int8, np.float16])
def test_steps_are_read_in_any_form(form):
    X = np.random.default_rng(0).integers(-3, 4, (4, 6, 3)).astype(float)
    model = SequenceRegressor(hidden_size=5, max_iter=1, bidirectional=False, random_state=0).fit(X, X.sum(axis=(1, 2)))
    one, other = model.stream(batch=4), model.stream(batch=4)
    for x in X.swapaxes(0, 1):
        assert_same_bits(one.step(form(x)), other.step(x))


@pytest.mark.parametrize("kind", ["classifier", "crf", "tokens"])
def test_a_state_is_kept_sent_and_set_again(kind):
    if kind == "classifier":
        model, X = classifier(cell="lstm", num_layers=2, readout="mean")
    elif kind == "crf":
        X, y = data_for("tagger")
        model = make_estimator("tagger", crf=True, bidirectional=False).fit(X, y)
    else:
        X, _ = data_for("generator")
        model = make_estimator("generator").fit(X)
    x, stream = max(X, key=len), model.stream()
    for x_t in x[:3]:
        stream.step(x_t)
    state = stream.state
    kept = pickle.loads(pickle.dumps(state))
    others = [pickle.loads(pickle.dumps(stream)), copy.copy(stream), copy.deepcopy(stream), model.stream()]
    others[-1].state = kept
    expected = [stream.step(x_t) for x_t in x[3:]]
    for other in others:
        assert other.n_steps == 3
        assert_same_bits(np.array([other.step(x_t) for x_t in x[3:]]), np.array(expected))
    for name in kept:  # a copy, which further steps have left as it was
        assert_same_bits(state[name], kept[name])


def test_a_stream_follows_partial_fit():
    clf, X = classifier(cell="lstm")
    stream = clf.stream()
    stream.step(X[0][0])
    clf.partial_fit(X, np.arange(30) % 3)
    other = clf.stream()
    other.state = stream.state
    assert_same_bits(stream.step(X[0][1]), other.step(X[0][1]))
    stream.reset()
    assert_same_bits(stream.step(X[1][0]), clf.predict_proba([X[1][:1]])[0])


@pytest.mark.parametrize("kind", ["generator", "generator_of_streams"])
def test_a_generators_stream_follows_partial_fit(kind):
    X, _ = data_for(kind)
    model = make_estimator(kind).fit(X)
    stream = model.stream()
    stream.step(1)
    model.partial_fit(X)
    stream.reset()
    assert_same_bits(stream.step(2), model.stream().step(2))


def test_a_stream_of_an_earlier_fit_stays_what_it_was():
    X, _ = labelled(30)
    reg = SequenceRegressor(**SMALL, callbacks=[lambda progress: None])
    y = np.array([x.sum() for x in X])
    stream = reg.fit(X, y).stream()
    stream.step(X[0][0])
    reg.fit(X, y * 1000 + 5000)
    others = [pickle.loads(pickle.dumps(stream)), copy.copy(stream)]
    expected = stream.step(X[0][1])
    for other in others:
        assert_same_bits(other.step(X[0][1]), expected)


def test_steps_are_what_numpy_makes_of_them():
    clf, X = classifier()
    stream, x = clf.stream(), X[0][0].astype(np.float32)
    expected = stream.step(x)
    read_only = x.astype(np.float64)
    read_only.flags.writeable = False
    for form in (x.tolist(), tuple(x), x.astype(object), read_only, np.repeat(x, 2)[::2], x[np.newaxis]):
        stream.reset()
        assert_same_bits(stream.step(form), expected)


@pytest.mark.parametrize(
    "step, match",
    [
        ([1.0, 2.0], r"shape \(3,\); got .*\(2,\)"),
        (np.zeros((3, 3)), r"shape \(3,\); got .*\(3, 3\)"),
        (5.0, r"shape \(3,\)"),
        ({"a": 1.0, "b": 2.0, "c": 3.0}, r"shape \(3,\); got a dict: pass its numbers alone"),
        ([0.0, np.nan, 0.0], "NaN or infinity"),
        ([0.0, -np.inf, 0.0], "NaN or infinity"),
        ([0.0, 1e300, 0.0], "NaN or infinity as float32"),
        (["a", "b", "c"], "a step holds values that are no numbers: 'a'"),
        ([1j, 0, 0], "a step holds values that are no numbers"),
        ([1.0, None, 0.0], "NaN or infinity"),
    ],
)
def test_a_wrong_step_is_refused_and_not_taken(step, match):
    clf, X = classifier(cell="lstm")
    stream = clf.stream()
    stream.step(X[0][0])
    before = stream.state
    with pytest.raises(ValueError, match=match):
        stream.step(step)
    for name, value in stream.state.items():
        assert_same_bits(value, before[name])


@pytest.mark.parametrize("step", [5, -1, 1.5, [1, 2], "a"])
def test_a_wrong_token_is_refused(step):
    clf = SequenceClassifier(embedding_dim=4, **ONE_WAY).fit(tokens(30), np.arange(30) % 3)
    stream = clf.stream()
    with pytest.raises(ValueError, match="step's tokens"):
        stream.step(step)
    assert stream.n_steps == 0


def test_words_are_read_with_their_characters():
    X = Tokenizer(level="word").fit_transform(["the cats run", "a dog sits", "two birds sing", "one bird sang"] * 5)
    options = {"max_iter": 1, "hidden_size": 4, "bidirectional": False, "random_state": 0}
    model = SequenceClassifier(**options).fit(X, [0, 1] * 10)
    stream, pair = model.stream(), model.stream(2)
    for t in range(3):
        said, expected = stream.step(X[0][t : t + 1]), model.predict_proba([x[: t + 1] for x in X[:2]])
        both = pair.step(np.stack([x.with_characters()[t] for x in X[:2]]))
        assert_same_bits(said, expected[0])
        assert_same_bits(both, expected)
    rows, n_steps = X[0].with_characters(), stream.n_steps
    for one, step in ((stream, X[0][0]), (stream, [3]), (stream, rows[:2]), (pair, rows[0])):
        with pytest.raises(ValueError, match=r"a step's tokens have shape .*1 \+ L,?\), such as x.with_characters"):
            one.step(step)
    assert stream.n_steps == n_steps


def test_outputs_that_overflow_are_told():
    X = [np.ones((T, 1)) for T in (2, 3)] * 10
    reg = SequenceRegressor(cell="rnn", nonlinearity="relu", **SMALL).fit(X, np.arange(20.0))
    reg.network_.encoder.recurrent.parameters["weight_hh_l0"][...] = 100.0
    reg.network_.changed()
    stream = reg.stream()
    with pytest.raises(ValueError, match="overflow: reset"):
        for _ in range(50):
            stream.step([1e6])
    stream.reset()
    assert np.isfinite(stream.step([1.0]))


def test_models_that_need_what_is_still_to_come():
    X, y = labelled(30, shortest=4, longest=4)
    with pytest.raises(ValueError, match="bidirectional=True.*not seen yet; fit with bidirectional=False"):
        SequenceClassifier(**SMALL).fit(X, y).stream()
    with pytest.raises(ValueError, match="readout='concat', which needs all steps"):
        SequenceClassifier(readout="concat", **ONE_WAY).fit(X, y).stream()
    assert not hasattr(SequenceToSequence(), "stream")
    with pytest.raises(AttributeError, match="SequenceToSequence has no stream: its output begins when all"):
        SequenceToSequence().stream()
    for batch in (0, 1.5, "2", True):
        with pytest.raises(ValueError, match="batch must be an integer >= 1"):
            classifier()[0].stream(batch=batch)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: {},
        lambda s: None,
        lambda s: {**s, "more": 1},
        lambda s: {**s, "h": s["h"][:, :, 1:]},
        lambda s: {**s, "h": s["h"] * np.nan},
        lambda s: {**s, "h": np.full(s["h"].shape, 1e300)},
        lambda s: {**s, "n_steps": 2**63 - 1},
        lambda s: {**s, "n_steps": "3"},
        lambda s: {**s, "n_steps": -1},
    ],
)
def test_a_state_of_another_kind_is_refused(change):
    clf, X = classifier(cell="lstm")
    stream = clf.stream()
    stream.step(X[0][0])
    before = stream.state
    with pytest.raises(ValueError, match="state"):
        stream.state = change(before)
    for name, value in stream.state.items():
        assert_same_bits(value, before[name])


def test_steps_leave_memory_flat():
    clf, X = classifier()
    stream, x = clf.stream(), X[0][0]
    stream.step(x)
    tracemalloc.start()
    for _ in range(1000):
        stream.step(x)
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(20_000):
        stream.step(x)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 10_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # what Numba allocates Python does not trace
    for _ in range(100_000):
        stream.step(x)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 3_000  # kB


@pytest.mark.parametrize(("cell", "hidden_size"), [("lstm", 256), ("gru", 300), ("rnn", 512)])
def test_more_sequences_than_a_shard_has(cell, hidden_size):
    """Weights too large for the second-level cache are read otherwise, and there is room for so many rows only."""
    X = np.random.default_rng(0).standard_normal((300, 2, 2))
    options = {"cell": cell, "hidden_size": hidden_size, "bidirectional": False, "max_iter": 1, "random_state": 0}
    model = SequenceRegressor(**options).fit(X[:4], np.arange(4.0))
    stream = model.stream(batch=300)
    stream.step(X[:, 0])
    assert_same_bits(stream.step(X[:, 1]), model.predict(X))
