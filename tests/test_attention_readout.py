"""The readout "attention": a mean in which each step has a weight that is learned."""

import numpy as np
import pytest
from make_fixtures import MODEL
from reference import assert_within, attention_pooling_forward
from safetensors.numpy import load_file
from samples import assert_same_bits, labelled, ragged
from sklearn.exceptions import NotFittedError

from fastrnn import EarlyClassifier, SequenceClassifier, SequenceRegressor, load, save
from fastrnn.data import SequenceFiles
from fastrnn.inspection import AttentionDisplay, integrated_gradients
from fastrnn.interchange import from_torch

X, Y = labelled(60, n_classes=3)
SMALL = {"readout": "attention", "hidden_size": 6, "max_iter": 3, "random_state": 0}
KINDS = {"classifier": SequenceClassifier, "regressor": SequenceRegressor}
every_kind = pytest.mark.parametrize("kind", KINDS)


def fitted(kind="classifier", X=X, **options):
    return KINDS[kind](**{**SMALL, **options}).fit(X, np.arange(len(X)) % 3)


@pytest.mark.parametrize("dtype, within", [("float32", 1e-5), ("float64", 1e-10)])
def test_pytorchs_figures(dtype, within):
    figures = load_file(MODEL)
    names = {"embedding": "words", "recurrent": "rnn", "head": "out"}
    state = {name[6:]: array for name, array in figures.items() if name.startswith("state.")}
    state |= {name: array for name, array in figures.items() if name.startswith("attention_") and "." in name}
    X = [row[row >= 0] for row in figures["tokens"]]
    shape = {"cell": "lstm", "hidden_size": 4, "num_layers": 2, "bidirectional": True, "embedding_dim": 3}
    model = from_torch(SequenceRegressor(readout="attention", **shape, dtype=dtype), state, names=names)
    assert_within(within, model.predict(X), figures["outputs.attention"])
    assert_within(within, np.concatenate(model.attention_weights(X)), figures["attention_weights"])


@every_kind
@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "num_layers": 2}, {"cell": "rnn", "dtype": "float64"}])
def test_weights_and_features_are_those_of_the_equations(kind, options):
    model = fitted(kind, **options)
    network, weights = model.network_, model.attention_weights(X)
    scores = {f"{p}.{n}": v for p in network.readout.parts for n, v in network.parts[p].parameters.copies().items()}
    rows = network.at_each_step().extract(model._checked(X))  # the states
    states = model._checked(X).split(rows)
    for h, own, features in zip(states, weights, model.transform(X), strict=True):
        expected, expected_weights, _ = attention_pooling_forward(h.astype(float), scores)
        np.testing.assert_allclose(own, expected_weights, rtol=1e-5)
        np.testing.assert_allclose(features, expected, atol=1e-6)


def test_it_learns_where_one_step_tells():
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(n, 2)) for n in rng.integers(20, 60, 300)]
    places, labels = [rng.integers(len(x)) for x in sequences], rng.integers(0, 2, 300)
    for x, place, label in zip(sequences, places, labels, strict=True):
        x[place] = 6, 3 * (2 * label - 1)  # the first number marks it, the second tells
    options = {"max_iter": 60, "hidden_size": 16, "patch_length": 1, "learning_rate_init": 0.01}
    model = SequenceClassifier(**{**SMALL, **options}).fit(sequences[:200], labels[:200])
    assert model.score(sequences[200:], labels[200:]) >= 0.97
    looked = [w.argmax() for w in model.attention_weights(sequences[200:])]
    assert np.mean(np.abs(np.array(looked) - places[200:]) <= 1) > 0.6  # else another step tells, too


@every_kind
def test_bits_depend_on_the_sequence_alone(kind):
    many = ragged(300)
    model = fitted(kind, many, bidirectional=True)
    predicted, weights = model.predict(many), model.attention_weights(many)
    for numbers in ([7], [299, 7, 0]):
        assert_same_bits(model.transform([many[k] for k in numbers]), model.transform(many)[numbers])
        for k, own in zip(numbers, model.attention_weights([many[k] for k in numbers]), strict=True):
            assert_same_bits(own, weights[k])
    assert_same_bits(model.set_params(n_jobs=1).predict(many), predicted)


@every_kind
def test_a_stream_says_after_each_step_what_predict_does(kind):
    model = fitted(kind, bidirectional=False, cell="lstm")
    answer = model.predict if kind == "regressor" else model.predict_proba
    stream = model.stream()
    for x in X[:5]:
        stream.reset()
        for t, step in enumerate(x):
            assert_same_bits(stream.step(step), answer([x[: t + 1]])[0])
    kept = stream.state
    assert kept["pooled"].shape == (1, 1, 8)
    other = model.stream()
    other.state = kept
    assert_same_bits(other.step(X[0][0]), stream.step(X[0][0]))


def test_large_energies_do_not_overflow():
    model = fitted(bidirectional=False)
    model.network_.parts["attention_score"].parameters["weight"][...] *= 1e4
    model.network_.parts["attention_score"].parameters.changed()
    weights, stream = model.attention_weights(X), model.stream()
    assert all(np.isfinite(w).all() and abs(w.sum() - 1) < 1e-5 for w in weights)
    for step in X[3]:
        said = stream.step(step)
    assert_same_bits(said, model.predict_proba(X[3:4])[0])


def test_steps_of_a_patch_share_its_weight():
    model = fitted(X=ragged(40, shortest=9, longest=20), patch_length=3)
    weights = model.attention_weights(ragged(5, shortest=9, longest=20, seed=1))
    assert all(np.isclose(w.sum(), 1) and (w > 0).sum() >= len(w) - 2 for w in weights)


def test_files_facts_and_gradients(tmp_path):
    model = fitted()
    save(model, tmp_path / "model.safetensors")
    assert_same_bits(load(tmp_path / "model.safetensors").predict_proba(X), model.predict_proba(X))
    facts = np.random.default_rng(0).normal(size=(len(X), 2))
    told = SequenceClassifier(**SMALL).fit(X, Y, static=facts)
    weights = told.attention_weights(X, static=facts)
    assert weights[0].shape == (len(X[0]),)
    assert_same_bits(AttentionDisplay.from_estimator(told, X[0], static=facts[:1]).weights, weights[0])
    files = SequenceFiles.write(tmp_path / "files", [(X[:20], Y[:20]), (X[20:], Y[20:])])
    for own, known in zip(model.attention_weights(files), model.attention_weights(X), strict=True):
        assert_same_bits(own, known)
    found = integrated_gradients(model, X[:2])
    assert all(np.shape(a) == np.shape(x) for a, x in zip(found.attributions, X, strict=False))


def test_what_is_refused():
    with pytest.raises(NotFittedError):
        SequenceClassifier(readout="attention").attention_weights(X)
    with pytest.raises(ValueError, match="needs readout='attention'; this model has 'last'"):
        fitted(readout="last").attention_weights(X)
    steps = SequenceRegressor(return_sequences=True, **{**SMALL, "readout": "last"}).fit(X, [x[:, 0] for x in X])
    with pytest.raises(ValueError, match="needs readout='attention'; this model has none, as it answers at each step"):
        steps.attention_weights(X)
    with pytest.raises(ValueError, match="has 2 features"):
        fitted().attention_weights(ragged(2, I=2))
    with pytest.raises(ValueError, match="readout='attention'"):
        EarlyClassifier(SequenceClassifier(readout="attention", bidirectional=False)).fit(X, Y)


def test_the_display_has_one_row():
    model = fitted()
    display = AttentionDisplay.from_estimator(model, X[0], source_labels=[str(t) for t in range(len(X[0]))])
    assert_same_bits(display.weights, model.attention_weights(X[:1])[0])
    assert display.image_.get_array().shape == (1, len(X[0]))
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == [str(t) for t in range(len(X[0]))]
    with pytest.raises(ValueError, match="y and target_labels are for a SequenceToSequence; got a SequenceClassifier"):
        AttentionDisplay.from_estimator(model, X[0], [1])
