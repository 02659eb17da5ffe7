"""Parameters that cannot be, of taggers, generators and decoders, and of what they are asked: one clear error each."""

import copy

import numpy as np
import pytest
from samples import (
    KINDS,
    assert_refused,
    assert_refused_by_new,
    data_for,
    guard_training,
    make_estimator,
    ragged,
    tagged,
    tokens,
)
from sklearn.exceptions import NotFittedError

GENERATORS = ["generator", "generator_of_streams"]
TO_TOKENS = ["translator", "translator_of_numbers", "vector_to_tokens"]
every_kind = pytest.mark.parametrize("kind", KINDS)


def make(kind, **options):
    return make_estimator(kind, **{"max_iter": 1, **options})


def data(kind):
    return data_for(kind, 12)


@pytest.fixture(autouse=True)
def train(monkeypatch):
    return guard_training(monkeypatch.setattr)


# ------------------------------------------------------------------------------------- options

BAD_OPTIONS = {
    "tagger": {
        "crf": "yes", "character_embedding_dim": 0, "character_hidden_size": 0, "class_weight": "fair",
        "hidden_size": 0, "cell": "transformer", "dropout": 1.0, "embeddings": 3,
    },
    "generator": {
        "stateful": None, "embedding_dim": 0, "n_components": 0, "bptt_steps": 0, "max_iter": 0, "tol": -1.0,
    },
    "translator": {
        "attention": "self", "max_length": 0, "target_embedding_dim": None, "solver": "adagrad",
        "freeze_embeddings": 2,
    },
    "vector_to_tokens": {
        "max_length": -1, "target_embedding_dim": 0, "hidden_size": 1.5, "dtype": "float16",
        "callbacks": 3,
    },
}  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in BAD_OPTIONS for name in BAD_OPTIONS[kind]])
def test_bad_options(kind, name):
    X, y = data(kind)
    value = BAD_OPTIONS[kind][name]
    assert_refused_by_new(kind, X, y, f"{name}.*{value}", **{name: value})


@pytest.mark.parametrize(
    ("kind", "options", "match"),
    [
        ("tagger", {"character_embedding_dim": 3}, "character_embedding_dim=3.*embedding_dim"),
        ("tagger", {"embeddings": [[1.0]], "embedding_dim": None}, "embeddings.*embedding_dim=None"),
        ("tagger", {"bptt_steps": 3, "bidirectional": True}, "bptt_steps=3.*bidirectional"),
        ("tagger", {"crf": True, "class_weight": "balanced"}, "class_weight.*crf=True"),
        ("tagger_of_several", {"crf": True}, "several labels.*crf=True"),
        ("generator_of_numbers", {"stateful": True}, "stateful=True.*embedding_dim=None"),
        ("generator_of_streams", {"solver": "lbfgs"}, "solver='lbfgs'.*stateful=True"),
        ("tagger", {"callbacks": [3]}, "callbacks must hold callables.*set_callbacks"),
    ],
)
def test_options_that_exclude_each_other(kind, options, match):
    assert_refused_by_new(kind, *data(kind), match, **options)


def test_a_crf_has_no_weights_of_steps(train):
    X, y = tagged(12)
    weights = [np.ones(len(x)) for x in X]
    crf = make("tagger", crf=True)
    assert_refused(crf, lambda: crf.fit(X, y, sample_weight=weights), "each step.*crf=True")
    fitted = train(crf, X, y)
    assert_refused(fitted, lambda: fitted.score(X, y, weights), "each step.*crf=True")


@every_kind
def test_nothing_before_the_fit_and_no_lbfgs_by_parts(kind):
    X, y = data(kind)
    new = make(kind)
    calls = {
        "predict": (X,), "predict_proba": (X,), "attention_weights": (X,), "score": (X, y),
        "sample": (), "iter_sample": (), "perplexity": (X,), "bits_per_token": (X,),
    }  # fmt: skip
    for name, arguments in calls.items():
        if hasattr(new, name):
            with pytest.raises(NotFittedError, match="fit"):
                getattr(new, name)(*arguments)
    lbfgs = make(kind, solver="lbfgs")
    assert_refused(lbfgs, lambda: lbfgs.partial_fit(X, y), "lbfgs")


OTHER_SHAPES = {
    "cell": ("rnn", "gru"), "hidden_size": (5,), "num_layers": (3,), "dtype": ("float64",),
    "nonlinearity": ("relu",), "bias": (False,), "bidirectional": (False,), "stateful": (True, False),
    "crf": (True, False), "attention": (None,), "embedding_dim": (7,), "character_hidden_size": (7,),
    "target_embedding_dim": (9,), "character_embedding_dim": (9,), "readout": ("mean",),
    "missing": ("mask",), "n_components": (4,), "time_column": (0,), "categorical_features": ("from_dtype",),
    "zoneout": (0.1,), "recurrent_dropout": (0.1,), "proj_size": (2,),
}  # fmt: skip


@every_kind
def test_parameters_set_after_the_fit_that_the_network_cannot_follow(kind, train):
    X, y = data(kind)
    fitted = train(make(kind), X, y)
    assert set(fitted._shape) <= set(OTHER_SHAPES)
    for name, before in fitted._shape.items():
        value = next(v for v in OTHER_SHAPES[name] if v != before)
        if name in ("character_embedding_dim", "stateful") and fitted._shape["embedding_dim"] is None:
            continue  # refused for another reason
        if name in ("zoneout", "recurrent_dropout") and fitted.cell == "gru_reset_before":
            continue  # likewise
        if name == "proj_size" and fitted.cell != "lstm":
            continue
        changed = copy.deepcopy(fitted).set_params(**{name: value})
        match = f"{name}={value!r}.* has {name}={before!r}"
        assert_refused(changed, lambda e=changed: e.partial_fit(X, y), match)
        changed.set_params(warm_start=True)
        assert_refused(changed, lambda e=changed: e.fit(X, y), match)


# --------------------------------------------------------------------- what only one of them has


def test_prefixes(train):
    model = train(make("generator"), tokens(12, 5), None)
    stream = train(make("generator_of_streams"), tokens(12, 5), None)
    for fitted in (model, stream):
        for prefix, match in (
            ([], r"in the prefix, X\[0\] has no steps"),
            (np.array([], int), r"in the prefix, X\[0\] has no steps"),
            ([1, 9], r"in the prefix, X\[0\] holds the token 9, .*up to 4"),
            ([5], "token 5, .*up to 4"),  # the boundary is no token
            ([1, -1], "token -1"),
            ([0.5], "no integers"),
            ([[1, 2]], r"has shape \(1, 2\); expected \(T,\)"),
            ("abc", "a fastrnn.preprocessing.Tokenizer makes tokens of texts"),
        ):
            for method in (fitted.sample, fitted.iter_sample):
                assert_refused(fitted, lambda m=method, p=prefix: m(p), match)
    assert_refused(stream, lambda: stream.sample(), "stateful.*prefix of at least one token")


BAD_WAYS = {"temperature": [-0.1, np.nan, "much", None], "top_k": [-0.1, 0, 1.1, np.nan, "much", True],
            "top_p": [-0.1, 0, 1.1, np.nan, "much"]}  # fmt: skip


@pytest.mark.parametrize("name, value", [(name, value) for name, values in BAD_WAYS.items() for value in values])
def test_ways_of_sampling(name, value, train):
    model = train(make("generator"), tokens(12, 5), None)
    match = rf"temperature must be >= 0, top_k >= 1 and top_p in \(0, 1\]; got .*{value}"
    assert_refused(model, lambda: model.sample([1], **{name: value}), match)
    # At once, not when it is read.
    assert_refused(model, lambda: model.iter_sample([1], **{name: value}), match)


@pytest.mark.parametrize("length", [-1, 2.0, "3", True])
def test_lengths_of_samples(length, train):
    model = train(make("generator"), tokens(12, 5), None)
    for method in (model.sample, model.iter_sample):
        assert_refused(model, lambda m=method: m([1], length), f"length must be an integer >= 0; got .*{length}")


@pytest.mark.parametrize("kind", GENERATORS)
def test_a_vocabulary_of_one(kind):
    assert_refused_by_new(kind, [np.zeros(4, int)] * 3, None, "no token but 0")


def test_streams_that_are_too_short(train):
    assert_refused_by_new("generator_of_streams", [np.array([3])], None, "stream of one token")
    stream = np.arange(60) % 3
    options = {"early_stopping": True, "batch_size": 60}
    match = "early_stopping holds out all 59 parts: lower batch_size or bptt_steps, or give a longer stream"
    estimator = make("generator_of_streams", **options)  # partial_fit holds nothing out
    assert_refused(estimator, lambda: estimator.fit(stream), match)
    train(make("generator_of_streams", early_stopping=True, batch_size=20, bptt_steps=1), stream, None)
    fitted = train(make("generator_of_streams"), stream, None)
    assert_refused(fitted, lambda: fitted.score([np.array([2])]), "stream of one token")
    separate = make("generator", stateful=False)
    assert_refused(separate, lambda: separate.fit(stream), r"X is an array of shape \(60,\)")


@pytest.mark.parametrize("kind", TO_TOKENS)
@pytest.mark.parametrize("beam_width", [0, -1, 2.5, "wide", None])
def test_beam_width(kind, beam_width, train):
    X, y = data(kind)
    fitted = train(make(kind), X, y)
    match = f"beam_width must be an integer >= 1; got {beam_width!r}"
    assert_refused(fitted, lambda: fitted.predict(X, beam_width=beam_width), match)


def test_attention_weights_without_attention(train):
    X, y = data("translator")
    fitted = train(make("translator", attention=None), X, y)
    assert_refused(fitted, lambda: fitted.attention_weights(X, y), "attention='dot'.*None")


@pytest.mark.parametrize("kind", ["tagger", "tagger_of_words", "generator", "translator"])
def test_one_sequence_in_place_of_a_list(kind, train):
    X, y = data(kind)
    fitted = train(make(kind), X, y)
    assert_refused(fitted, lambda: getattr(fitted, "predict", fitted.score)(X[0]), r"\[X\]|expected \(n, T\)")


def test_outputs_that_overflow_at_predict(train):
    for crf in (False, True):
        tagger = train(make("tagger", cell="rnn", nonlinearity="relu", crf=crf), *data("tagger"))
        for name in tagger.network_.encoder.recurrent.parameters:
            if name.startswith("weight_hh"):
                tagger.network_.encoder.recurrent.parameters[name][...] = 9 * np.eye(6)
        tagger.network_.changed()
        X = [*ragged(1), np.ones((400, 3))]
        assert_refused(tagger, lambda e=tagger, X=X: e.predict(X), r"X\[1\].*overflow")
