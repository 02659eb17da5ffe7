"""Networks that start from what others have learned."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import fastrnn
from fastrnn import (
    EarlyClassifier,
    SequenceAutoencoder,
    SequenceClassifier,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
    SequenceTranscriber,
)
from fastrnn.callbacks import Checkpoint
from fastrnn.data import SequenceFiles
from fastrnn.online import OnlineClassifier
from fastrnn.preprocessing import Tokenizer

SMALL = {"cell": "gru", "hidden_size": 6, "random_state": 0}
WORDS = ["anna", "otto", "hannah", "bob", "eva", "ida", "max", "tom", "lea", "mia"] * 3
ENDS = np.array([word[-1] in "aeo" for word in WORDS])


@pytest.fixture(scope="module")
def tokens():
    return Tokenizer(level="char").fit_transform(WORDS)


@pytest.fixture(scope="module")
def model(tokens):
    return SequenceGenerator(**SMALL, embedding_dim=4, max_iter=2).fit(tokens)


@pytest.fixture(scope="module")
def way_back(tokens, model):
    own = {"embeddings": model.network_.embedding.parameters["weight"], "freeze_embeddings": True}
    return SequenceGenerator(**SMALL, embedding_dim=4, max_iter=2, **own).fit([x[::-1] for x in tokens])


def classifier(**options):
    return SequenceClassifier(**{**SMALL, "embedding_dim": 4, "max_iter": 3, "learning_rate": "constant", **options})


def encoder(estimator, part="recurrent"):
    return estimator.network_.encoder.parts[part].parameters


def test_an_encoder_that_is_frozen_is_the_other_one(tokens, model):
    clf = classifier(bidirectional=False, init_from=model, freeze=3).fit(tokens, ENDS)
    for part in ("embedding", "recurrent"):
        for name, value in encoder(model, part).copies().items():
            assert_array_equal(encoder(clf, part)[name][: len(value)], value)
    assert clf.loss_curve_[-1] < clf.loss_curve_[0]


def test_it_thaws_after_so_many_epochs(tokens, model):
    own = encoder(model)["weight_hh_l0"].copy()
    states = []

    def look(progress):
        states.append(encoder(clf)["weight_hh_l0"].copy())

    clf = classifier(bidirectional=False, init_from=model, freeze=2, callbacks=[look])
    clf.fit(tokens, ENDS)
    assert_array_equal(states[1], own)
    # The optimiser begins anew: one batch moves a weight by the learning rate at most.
    assert 0 < np.abs(states[2] - own).max() <= 1.01 * clf.learning_rate_init
    assert_array_equal(encoder(model)["weight_hh_l0"], own)


def test_two_give_both_directions(tokens, model, way_back):
    clf = classifier(init_from=[model, way_back], freeze=3, random_state=1).fit(tokens, ENDS)
    for source, suffix in ((model, ""), (way_back, "_reverse")):
        for name, value in encoder(source).copies().items():
            assert_array_equal(encoder(clf)[name + suffix], value)


def test_one_that_reads_forwards_gives_that_direction(tokens, model):
    clf = classifier(init_from=model, max_iter=1, freeze=1).fit(tokens, ENDS)
    assert_array_equal(encoder(clf)["weight_hh_l0"], encoder(model)["weight_hh_l0"])
    assert (encoder(clf)["weight_hh_l0_reverse"] != encoder(model)["weight_hh_l0"]).all()


def test_tokens_that_only_the_source_has_seen_are_known(tokens, model):
    clf = classifier(init_from=model).fit([x for x in tokens if len(x) < 4][:8], [0, 1] * 4)
    assert clf.predict(tokens).shape == (len(tokens),)


def test_numbers_are_read_in_its_units():
    rng = np.random.default_rng(0)
    X = [5 + 3 * rng.standard_normal((rng.integers(3, 9), 2)) for _ in range(40)]
    y = np.array([x[-1, 0] for x in X])
    first = SequenceRegressor(**SMALL, max_iter=3).fit(X, y)
    options = {**SMALL, "init_from": first, "max_iter": 1, "freeze": 1}
    second = SequenceTagger(**options).fit([2 * x for x in X[:9]], [x[:, 0] > 5 for x in X[:9]])
    assert_array_equal(second._X_mean, first._X_mean)
    assert_array_equal(encoder(second)["weight_ih_l0"], encoder(first)["weight_ih_l0"])
    with pytest.raises(ValueError, match="init_from reads 2 numbers a step, but X gives 3 here"):
        SequenceTagger(**options).fit([np.ones((4, 3))] * 2, [[0, 1, 0, 1]] * 2)
    with pytest.raises(ValueError, match="does not take over the vectors of categories"):
        SequenceTagger(**options, categorical_features=[0]).fit([np.ones((4, 2))] * 2, [[0, 1, 0, 1]] * 2)
    longer = [rng.standard_normal(200) for _ in range(6)]
    patched = SequenceClassifier(**SMALL, max_iter=1).fit(longer, [0, 1] * 3)
    again = SequenceClassifier(**SMALL, max_iter=1, init_from=patched).fit([x[:60] for x in longer], [0, 1] * 3)
    assert again._sizes["patch"] == patched._sizes["patch"] > 1


def test_the_last_step_of_a_pipeline_is_taken(tokens, model):
    texts = make_pipeline(Tokenizer(level="char"), SequenceGenerator(**SMALL, embedding_dim=4, max_iter=2)).fit(WORDS)
    clf, other = (classifier(init_from=source).fit(tokens, ENDS) for source in (texts, model))
    assert_array_equal(clf.network_.theta, other.network_.theta)


def test_clones_files_and_copies(tmp_path, tokens, model):
    clf = classifier(init_from=model, freeze=1)
    assert clone(clf).init_from is model and model.network_ is not None
    clf.fit(tokens, ENDS)
    assert_array_equal(clone(clf).fit(tokens, ENDS).network_.theta, clf.network_.theta)
    fastrnn.save(clf, tmp_path / "clf.safetensors")
    loaded = fastrnn.load(tmp_path / "clf.safetensors")
    assert loaded.init_from is None and loaded.freeze == 1
    assert_array_equal(loaded.predict_proba(tokens), clf.predict_proba(tokens))


def test_a_run_goes_on_where_it_was_frozen(tmp_path, tokens, model):
    path = tmp_path / "run.safetensors"
    for stop in (1, 2, 3):
        until = [Checkpoint(path), lambda progress, stop=stop: progress.epoch == stop]
        whole = classifier(init_from=model, freeze=2, max_iter=5)
        clone(whole).set_params(callbacks=until).fit(tokens, ENDS)
        resumed = clone(whole).fit(tokens, ENDS, resume_from=path)
        assert_array_equal(resumed.network_.theta, whole.fit(tokens, ENDS).network_.theta)


def test_files_give_the_same_bits(tmp_path, tokens, model):
    files = SequenceFiles.write(tmp_path / "files", [(tokens, ENDS)])
    clf = classifier(init_from=model, freeze=2, dropout=0.0)
    assert_array_equal(clone(clf).fit(files).network_.theta, clf.fit(tokens, ENDS).network_.theta)


WRONG = {
    "text": ({"init_from": "model"}, "init_from holds 'model', which is not fitted or has no encoder"),
    "unfitted": ({"init_from": SequenceGenerator()}, r"init_from holds SequenceGenerator\(\), which is not fitted"),
    "online": ({"init_from": "online"}, "init_from holds OnlineClassifier.*, which is not fitted or has no encoder"),
    "three": ({"init_from": "three"}, "init_from is a list of 3: give one estimator, or two"),
    "empty": ({"init_from": []}, r"init_from holds \[\], which is not fitted or has no encoder"),
    "size": ({"hidden_size": 7}, "init_from has hidden_size=6, but this estimator has hidden_size=7: set it to that"),
    "vectors": ({"embedding_dim": 5}, "init_from has embedding_dim=4, but this estimator has embedding_dim=5"),
    "cell": ({"cell": "lstm"}, "init_from has cell='gru', but this estimator has cell='lstm'"),
    "layers": (
        {"init_from": "deep", "num_layers": 2},
        "both directions: set bidirectional=False, or fit it with num_layers=1",
    ),
    "twice": ({"init_from": "same"}, "have other vectors .embedding.: fit the second with embeddings="),
    "one way": ({"init_from": "both", "bidirectional": False}, "both directions, but bidirectional=False"),
    "embeddings": ({"embeddings": np.ones((9, 4))}, "embeddings and init_from both say which vectors tokens have"),
    "alpha": ({"freeze": 1, "alpha": 0.1}, "freeze=1 does not go with alpha, which takes from all weights"),
    "lbfgs": ({"freeze": 1, "solver": "lbfgs"}, "freeze=1 does not go with solver='lbfgs', which has no epochs"),
    "freeze": ({"freeze": -1}, "The 'freeze' parameter"),
}


def online():
    learner = OnlineClassifier()
    learner.learn_one({"x": 1.0}, 0)
    return learner


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_told(tokens, model, way_back, case):
    options, message = WRONG[case]
    options = {"init_from": model, **options}
    other = SequenceGenerator(**{**SMALL, "random_state": 1}, embedding_dim=4, max_iter=1)
    of_name = {
        "three": lambda: [model] * 3, "same": lambda: [model, other.fit(tokens)], "both": lambda: [model, way_back],
        "online": online,
        "deep": lambda: other.set_params(num_layers=2).fit(tokens)}  # fmt: skip
    if case != "text" and isinstance(options["init_from"], str):
        options["init_from"] = of_name[options["init_from"]]()
    clf = classifier(**options)
    with pytest.raises(ValueError, match=message):
        clf.fit(tokens, ENDS)
    assert not hasattr(clf, "network_")


@pytest.mark.parametrize("make", [SequenceClassifier, SequenceRegressor, SequenceTagger, SequenceTranscriber])
def test_sizes_that_are_auto_are_those_of_the_model(make, tokens):
    model = SequenceGenerator(hidden_size=6, num_layers=2, embedding_dim=4, max_iter=1, random_state=0).fit(tokens)
    own = {"cell": model.cell, "bidirectional": False, "embedding_dim": 4, "max_iter": 1, "random_state": 0}
    y = tokens if make is SequenceTagger else [x[:1] for x in tokens] if make is SequenceTranscriber else ENDS
    found = make(**own, init_from=model).fit(tokens, y).network_.encoder.recurrent
    assert (found.hidden_size, found.num_layers) == (6, 2)


def test_a_model_of_words_says_whether_their_characters_are_read():
    X, y = Tokenizer(level="word").fit_transform([" ".join(WORDS[k : k + 3]) for k in range(24)]), [0, 1] * 12
    small = {"hidden_size": 4, "num_layers": 1, "embedding_dim": 4, "max_iter": 1, "cell": "gru", "random_state": 0}
    for source in (SequenceGenerator(**small).fit(X), SequenceClassifier(**small, bidirectional=False).fit(X, y)):
        spelt = source._shape.get("character_embedding_dim")
        clf = SequenceClassifier(**small, bidirectional=False, init_from=source, freeze=1).fit(X, y)
        assert clf._shape["character_embedding_dim"] == spelt
        assert_array_equal(encoder(clf)["weight_ih_l0"], encoder(source)["weight_ih_l0"])
        with pytest.raises(ValueError, match=f"init_from has character_embedding_dim={spelt}, .* set it to that"):
            clone(clf).set_params(character_embedding_dim=5).fit(X, y)


def test_what_holds_a_model_gives_it():
    X, y = [np.sin(np.arange(6.0) * k) for k in range(1, 9)], [0, 1] * 4
    own = {**SMALL, "bidirectional": False, "max_iter": 1}
    early = EarlyClassifier(SequenceClassifier(**own), threshold=0.9).fit(X, y)
    found = SequenceClassifier(**own, init_from=early, freeze=1).fit(X, y)
    assert_array_equal(encoder(found)["weight_hh_l0"], encoder(early.estimator_)["weight_hh_l0"])
    grid = {"init_from": [None, FrozenEstimator(early.estimator_)]}
    search = GridSearchCV(SequenceClassifier(**own), grid, cv=2, error_score="raise").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_it_must_read_what_the_other_one_has_read():
    pd = pytest.importorskip("pandas")
    X, y = [pd.DataFrame({"a": [0.0, k], "b": [k, 1.0]}) for k in range(8)], [0, 1] * 4
    own = {**SMALL, "max_iter": 1}
    source = SequenceClassifier(**own).fit(X, y)
    with pytest.raises(ValueError, match=r"init_from was fitted on the columns \['a', 'b'\], but X has \['b', 'a'\]"):
        SequenceClassifier(**own, init_from=source).fit([x[["b", "a"]] for x in X], y)
    with pytest.raises(ValueError, match="init_from has normalize_X=True, but this estimator has normalize_X=False"):
        SequenceClassifier(**own, init_from=source, normalize_X=False).fit(X, y)
    with pytest.raises(ValueError, match="init_from has missing='error', but this estimator has missing='mask'"):
        SequenceClassifier(**own, init_from=source, missing="mask").fit(X, y)
    autoencoder = SequenceAutoencoder(**own, bidirectional=True).fit(X)
    with pytest.raises(ValueError, match="init_from has time_column=None, but this estimator has time_column='a'"):
        SequenceClassifier(**own, init_from=autoencoder, time_column="a").fit(X, y)


def test_patience_begins_when_the_encoder_thaws(tokens, model):
    options = {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 30, "random_state": 0}
    clf = classifier(bidirectional=False, init_from=model, freeze=12, **options).fit(tokens, ENDS)
    assert clf.n_iter_ >= 14
