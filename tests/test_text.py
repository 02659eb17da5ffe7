"""Text with nothing set: what a Tokenizer makes is known by its type, and read by words and characters."""

import pickle

import numpy as np
import pandas as pd
import pytest
from samples import assert_same_bits
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

import fastrnn
from fastrnn import SequenceClassifier, SequenceGenerator, SequenceRegressor, SequenceTagger, SequenceToSequence
from fastrnn.preprocessing import Tokenizer
from fastrnn.sequences import Sequences, Text
from fastrnn.tokens import Tokens

TEXTS = ["a fine film", "I liked it", "a dull film", "I hated it", "fine!", "dull, dull"] * 2
LABELS = ["good", "good", "bad", "bad", "good", "bad"] * 2
SMALL = {"hidden_size": 4, "max_iter": 2, "random_state": 0, "character_hidden_size": 3}


def ids():
    return Tokenizer().fit_transform(TEXTS)


def test_tokens_are_arrays_of_ids():
    X = ids()
    plain = Tokenizer(max_characters=None).fit_transform(TEXTS)
    assert all(type(x) is Tokens and x.tolist() == y.tolist() for x, y in zip(X, plain, strict=True))
    assert plain[0].spellings is None and X[0].spellings is X[1].spellings
    spelt = Tokenizer(max_characters=20).fit_transform(TEXTS)
    for x, rows in zip(X, spelt, strict=True):
        np.testing.assert_array_equal(x.with_characters(), rows)


def test_parts_and_copies_stay_tokens():
    x = ids()[0]
    for part, rows in (
        (x[1:], [1, 2]),
        (x[[0, 2]], [0, 2]),
        (x[x > 0], [0, 1, 2]),
        (pickle.loads(pickle.dumps(x)), [0, 1, 2]),
    ):
        assert type(part) is Tokens
        np.testing.assert_array_equal(part.with_characters(), x.with_characters()[rows])
    assert np.ndim(x[0]) == 0 and not isinstance(x[0], np.ndarray)
    assert type(x + 1) is type(x == 1) is np.ndarray and {x.max(): 1}


def test_text_is_known_in_any_container():
    X = ids()
    for some in (list(X), tuple(X), pd.Series(list(X)), Tokenizer(max_characters=20).fit_transform(TEXTS)):
        clf = SequenceClassifier(**SMALL).fit(some, LABELS)
        assert (clf._shape["embedding_dim"], clf._shape["character_embedding_dim"]) == (64, 32)


def test_a_tagger_of_tokens_has_more_units(tmp_path):
    """Than one of numbers, which keeps them for life, in files and in later fits too."""
    texts, numbers = ids(), [np.asarray(x, float) for x in ids()]
    y = [np.where(np.asarray(x) % 2, "odd", "even") for x in texts]
    for X, units in ((texts, 128), (numbers, 64)):
        tagger = SequenceTagger(max_iter=1, random_state=0).fit(X, y)
        fastrnn.save(tagger, tmp_path / "tagger.safetensors")
        loaded = fastrnn.load(tmp_path / "tagger.safetensors")
        for each in (tagger, loaded, loaded.partial_fit(X, y)):
            assert each.network_.encoder.recurrent.hidden_size == units and each.hidden_size == "auto"
    asked = SequenceTagger(max_iter=1, random_state=0, hidden_size=5, proj_size=3).fit(texts, y)
    assert asked.network_.encoder.recurrent.hidden_size == 5
    for X, units in ((texts, 128), (numbers, 64)):
        with pytest.raises(ValueError, match=f"proj_size must be smaller than hidden_size={units}"):
            SequenceTagger(proj_size=units).fit(X, y)
    assert SequenceTagger(proj_size=127, max_iter=1).fit(texts, y).network_.encoder.recurrent.output_size == 2 * 127
    source = SequenceClassifier(max_iter=1, hidden_size=7).fit(texts, LABELS)
    follows = SequenceTagger(init_from=source, cell="gru", max_iter=1).fit(texts, y)
    assert follows.network_.encoder.recurrent.hidden_size == 7


def test_a_classifier_of_tokens_has_two_levels(tmp_path):
    def sizes(model):
        stack = model.network_.encoder.recurrent
        return stack.hidden_size, stack.num_layers

    texts, numbers = ids(), [np.asarray(x, float) for x in ids()]
    for X, expected in ((texts, (128, 2)), (numbers, (64, 1))):
        clf = SequenceClassifier(max_iter=1, random_state=0).fit(X, LABELS)
        fastrnn.save(clf, tmp_path / "clf.safetensors")
        loaded = fastrnn.load(tmp_path / "clf.safetensors")
        for each in (clf, loaded, loaded.partial_fit(X, LABELS)):
            assert sizes(each) == expected and (each.hidden_size, each.num_layers) == ("auto", "auto")
    y = [np.where(np.asarray(x) % 2, "odd", "even") for x in texts]
    source = SequenceClassifier(max_iter=1).fit(texts, LABELS)
    assert sizes(SequenceTagger(init_from=source, cell="gru", max_iter=1).fit(texts, y)) == (128, 2)
    source = SequenceTagger(cell="gru", max_iter=1).fit(texts, y)
    assert sizes(SequenceClassifier(init_from=source, max_iter=1).fit(texts, LABELS)) == (128, 1)
    with pytest.raises(ValueError, match="num_layers=1, but the network to go on with has num_layers=2"):
        clf = SequenceClassifier(max_iter=1, warm_start=True).fit(texts, LABELS)
        clf.set_params(num_layers=1).fit(texts, LABELS)


@pytest.mark.parametrize("kind", [SequenceClassifier, SequenceRegressor, SequenceTagger])
def test_a_pipeline_of_two_words(kind):
    y = {SequenceClassifier: LABELS, SequenceRegressor: [float(len(text)) for text in TEXTS]}.get(kind)
    if y is None:
        y = [np.where(x % 2, "odd", "even") for x in map(np.asarray, ids())]
    model = make_pipeline(Tokenizer(), kind(**SMALL)).fit(TEXTS, y)
    shape = model[-1]._shape
    assert (shape["embedding_dim"], shape["character_embedding_dim"]) == (64, 32)
    assert shape.get("readout", "max") == "max" and shape.get("crf", True) is True
    assert (model[-1].embedding_dim, model[-1].dropout) == ("auto", "auto")
    assert len(model.predict(["a film nobody has seen"])) == 1
    clone(model).fit(TEXTS, y)


def test_numbers_stay_numbers():
    clf = SequenceClassifier(**SMALL).fit([np.asarray(x, float) for x in ids()], LABELS)
    assert clf.network_.embedding is None
    assert clf._shape["readout"] == "last" and clf._drop_rate() == 0
    clf.fit([[1, 2], [3]] * 6, LABELS)
    assert clf.network_.embedding is None


def test_what_is_set_counts():
    X = ids()
    clf = SequenceClassifier(
        **SMALL | {"embedding_dim": 5, "character_embedding_dim": None, "readout": "mean", "dropout": 0.0}
    )
    clf.fit(X, LABELS)
    assert clf.network_.embedding.output_size == 5 and clf._shape["readout"] == "mean"
    clf.set_params(embedding_dim=None).fit([np.asarray(x, float) for x in X], LABELS)
    vectors = np.ones((30, 7))
    clf = SequenceClassifier(**SMALL, embeddings=vectors).fit(X, LABELS)
    assert clf._shape["embedding_dim"] == 7
    with pytest.raises(ValueError, match="character_embedding_dim=4.*embedding_dim"):
        SequenceClassifier(**SMALL, character_embedding_dim=4).fit([[0.1], [0.2]], [0, 1])


def test_characters_of_a_tokenizer_and_by_hand_are_the_same():
    by_type = SequenceClassifier(**SMALL, embedding_dim=5, character_embedding_dim=4, dropout=0.0)
    by_hand = clone(by_type).fit(Tokenizer(max_characters=20).fit_transform(TEXTS), LABELS)
    by_type.fit(ids(), LABELS)
    assert_same_bits(by_type.network_.theta, by_hand.network_.theta)
    cut = [x[:2] for x in ids()]
    assert_same_bits(by_type.predict_proba(cut), by_hand.predict_proba([x.with_characters() for x in cut]))


def test_files_and_later_fits(tmp_path):
    X = ids()
    clf = SequenceClassifier(**SMALL, warm_start=True).fit(X, LABELS)
    fastrnn.save(clf, tmp_path / "clf.safetensors")
    loaded = fastrnn.load(tmp_path / "clf.safetensors")
    assert loaded.embedding_dim == "auto"
    assert_same_bits(loaded.predict_proba(X), clf.predict_proba(X))
    clf.fit(X, LABELS)
    loaded.partial_fit(X, LABELS)
    with pytest.raises(ValueError, match="embedding_dim=9, but the network to go on with has embedding_dim=64"):
        clf.set_params(embedding_dim=9).fit(X, LABELS)


def test_generators_read_the_ids():
    plain = Tokenizer(max_characters=None).fit_transform(TEXTS)
    options = {"hidden_size": 4, "max_iter": 2, "random_state": 0}
    found, expected = (SequenceGenerator(**options).fit(X).score(X) for X in (ids(), plain))
    assert found == expected


# ----------------------------------------------------------------------------- rare words


def test_rare_words_are_unknown_now_and_then():
    tokens = np.concatenate([np.full(400, 1), np.arange(2, 402)])
    text = Text(tokens, np.array([0, 800]), np.bincount(tokens))
    seen = np.stack([text.of_epoch(epoch).values for epoch in range(200)])
    hidden = seen == 0
    np.testing.assert_array_equal(seen[~hidden], np.broadcast_to(tokens, seen.shape)[~hidden])
    assert hidden[:, :400].mean() == pytest.approx(0.25 / 400.25, rel=0.5)
    assert hidden[:, 400:].mean() == pytest.approx(0.2, rel=0.05)
    np.testing.assert_array_equal(text.of_epoch(7).values, seen[7])
    assert (text.values == tokens).all()


def test_characters_of_hidden_words_stay():
    rows = np.array([[1, 5, 6], [2, 5, 0], [3, 7, 0]])
    text = Text(rows, np.array([0, 3]), np.bincount(rows[:, 0]))
    for epoch in range(20):
        some = text.of_epoch(epoch)
        np.testing.assert_array_equal(some.values[:, 1:], rows[:, 1:])
        for mine, its in zip(some.spellings, Sequences(rows, text.offsets).spellings, strict=True):
            np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize(("dropout", "is_trained"), [(0.5, True), (0.0, False)])
def test_the_unknown_word_is_trained_unless_nothing_is_dropped(dropout, is_trained):
    def vector_after(**options):
        clf = SequenceClassifier(**SMALL | options, dropout=dropout).fit(ids(), LABELS)
        return clf.network_.embedding.words.parameters["weight"][0].copy()

    moved = np.abs(vector_after(max_iter=30) - vector_after(max_iter=1, learning_rate_init=1e-30)).max()
    assert moved > 1e-3 if is_trained else moved == 0


# ----------------------------------------------------------------------------- labels of steps


def test_when_labels_are_scored_as_a_whole():
    X = ids()
    y = [np.where(np.asarray(x) % 2, "odd", "even") for x in X]
    assert SequenceTagger(**SMALL).fit(X, y).network_.chain is not None
    weights = [np.ones(len(x)) for x in X]
    assert SequenceTagger(**SMALL).fit(X, y, weights).network_.chain is None
    assert SequenceTagger(**SMALL, class_weight="balanced").fit(X, y).network_.chain is None
    several = [np.stack([np.asarray(x) % 2, np.asarray(x) % 3 > 0], axis=1).astype(int) for x in X]
    assert SequenceTagger(**SMALL).fit(X, several).network_.chain is None
    assert SequenceTagger(**SMALL).fit([np.asarray(x, float) for x in X], y).network_.chain is None
    with pytest.raises(ValueError, match=r"class_weight does not go with crf=True"):
        SequenceTagger(**SMALL, crf=True, class_weight="balanced").fit(X, y)
    whole = SequenceTagger(**SMALL, warm_start=True).fit(X, y).set_params(class_weight="balanced")
    with pytest.raises(ValueError, match=r"class_weight does not go with crf=auto.*crf=False"):
        whole.fit(X, y)


@pytest.mark.parametrize(("options", "hides"), [({}, False), ({"dropout": 0.5}, True), ({"dropout": 0.0}, False)])
def test_words_are_hidden_where_something_is_dropped(options, hides):
    """Of few tokens dropout="auto" drops none."""
    clf = SequenceClassifier(**SMALL | options).fit(ids(), LABELS)
    problem = clf._problem(ids(), LABELS, None, False)
    assert isinstance(problem.sequences, Text) == hides


@pytest.mark.parametrize("texts", [["Ana", "Bo", "van Dam", "Cy"], ["我喜欢这部电影", "不好", "很好看"]])
def test_texts_without_spaces_are_read_by_characters(texts):
    tokenizer = Tokenizer()
    X = tokenizer.fit_transform(texts)
    assert [len(x) for x in X] == [len(text) for text in texts]
    assert tokenizer.inverse_transform(X) == texts
    clf = SequenceClassifier(**SMALL).fit(X, [*"abab"][: len(texts)])
    assert clf._shape["readout"] == "last" and clf._shape["character_embedding_dim"] is None


@pytest.mark.parametrize(
    "options", [{"level": "word"}, {"max_characters": 3}, {"max_characters": None}, {"token_pattern": r"\w+"}]
)
def test_who_sets_what_a_word_is_gets_words(options):
    assert len(Tokenizer(**options).fit_transform(["Ana", "Bo", "Cy"])[0]) == 1


def test_characters_stay_what_they_are(tmp_path):
    model = make_pipeline(Tokenizer(), SequenceClassifier(**SMALL)).fit(["Ana", "Bo", "Cy", "Di"], [*"abab"])
    fastrnn.save(model, tmp_path / "m.safetensors")
    again = fastrnn.load(tmp_path / "m.safetensors")
    assert again[0].level == "auto"
    # Later texts are read as those of the fit, whatever they are like.
    for texts in (["Eva"], ["two words", "and three of them"]):
        assert_same_bits(again.predict_proba(texts), model.predict_proba(texts))
        assert len(again[0].transform(texts)[-1]) == len(texts[-1])
    x = model[0].transform(["Eva"])[0]
    assert type(x[1:]) is type(pickle.loads(pickle.dumps(x))) is type(x) is not Tokens
    assert clone(model)[0].fit(["two words", "and three"]).transform(["two words"])[0].shape == (2,)


@pytest.mark.parametrize(("n_tokens", "rate"), [(50, 0.0), (51, 0.3), (200, 0.3), (201, 0.5)])
def test_dropout_is_by_the_number_of_tokens(n_tokens, rate):
    clf = SequenceClassifier(embedding_dim=3, **SMALL).fit([[0, n_tokens - 1], [1, 2]], [0, 1])
    assert clf._drop_rate() == rate


@pytest.mark.parametrize(
    ("n_tokens", "options", "decay"),
    [
        (51, {}, 2.0), (50, {}, 0.0), (51, {"solver": "adamw"}, 2.0), (51, {"solver": "sgd"}, 0.0),
        (51, {"freeze": 1}, 0.0), (51, {"alpha": 0.0}, 0.0),
    ],
    ids=str,
)  # fmt: skip
def test_weights_decay_where_there_are_many_tokens(n_tokens, options, decay):
    X, y, same = [[0, n_tokens - 1], [1, 2]], [0, 1], {"embedding_dim": 3, **SMALL}
    found = SequenceClassifier(**same, **options).fit(X, y)
    said = {**same, **options, "alpha": decay} | ({"solver": "adamw"} if decay else {})
    assert_same_bits(found.network_.theta, SequenceClassifier(**said).fit(X, y).network_.theta)
    assert found.get_params()["solver"] == options.get("solver", "adam")
    # How many steps there will be in all, `partial_fit` does not know.
    parts = SequenceClassifier(**same, **options), SequenceClassifier(**said | {"alpha": 0.1 if decay else 0.0})
    for _ in range(2):
        thetas = [part.partial_fit(X, y, classes=[0, 1]).network_.theta for part in parts]
        assert_same_bits(*thetas)
    # The optimiser's memory is the same with decay and without.
    parts[0].set_params(alpha=0.0).partial_fit(X, y)
    assert parts[0]._trainer.optimizer.n_steps == 3


def test_what_was_learned_does_not_decay_when_training_goes_on():
    """A fit's decay is by all its steps; one that goes on, or starts from others' weights, would shrink them anew."""
    rng = np.random.default_rng(0)
    X = [rng.integers(1, 60, T) for T in rng.integers(3, 9, 200)]
    y = [int(x.min() < 6) for x in X]
    options = {"embedding_dim": 8, "hidden_size": 16, "max_iter": 60, "random_state": 0}
    first = SequenceClassifier(**options).fit(X, y)
    assert first.score(X, y) > 0.95
    slow = options | {"learning_rate_init": 1e-6}
    again = clone(first).set_params(**slow, init_from=first).fit(X, y)
    before, after = (model.network_.encoder.recurrent.levels[0].parameters for model in (first, again))
    for name in before:
        np.testing.assert_allclose(after[name], before[name], atol=1e-3)
    first.set_params(warm_start=True, learning_rate_init=1e-6).fit(X, y)
    assert first.score(X, y) > 0.95


@pytest.mark.parametrize(
    ("kind", "given", "decay"),
    [(SequenceGenerator, {}, 2.0), (SequenceGenerator, {"stateful": True}, 2.0),
     (SequenceGenerator, {"embedding_dim": None}, 0.0), (SequenceToSequence, {}, 2.0),
     (SequenceToSequence, {"embedding_dim": None}, 0.0)],
    ids=str,
)  # fmt: skip
def test_what_writes_tokens_decays_if_it_reads_any(kind, given, decay):
    X = [np.array([0.0, 1, 2]), np.array([1.0, 0])]
    X = X if given.get("embedding_dim", 1) is None else [x.astype(int) for x in X]
    y = [x.astype(int) for x in X] if kind is SequenceToSequence else None
    options = {"hidden_size": 4, "max_iter": 2, "random_state": 0, **given}
    found, said = (kind(**options, **more).fit(X, y) for more in ({}, {"solver": "adamw", "alpha": decay}))
    assert_same_bits(found.network_.theta, said.network_.theta)


@pytest.mark.parametrize("wrong", [{"level": "auto"}, {"level": "line"}, {"level": "word"}])
def test_a_file_of_a_tokenizer_has_its_level(wrong):
    tree = Tokenizer(level="char").fit(["Ana", "Bo"])._record()
    assert Tokenizer._restored(tree).transform(["Bo"])[0].size == 2
    with pytest.raises(fastrnn.StorageError, match="level"):
        Tokenizer._restored(tree | wrong)
    few = tree | {"parameters": tree["parameters"] | {"level": "auto", "max_characters": 3}}
    with pytest.raises(fastrnn.StorageError, match="level"):
        Tokenizer._restored(few)
