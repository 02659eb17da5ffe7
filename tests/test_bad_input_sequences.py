"""Promise 7 of taggers, generators and decoders: bad input is one clear error with value and place, before any work."""

import copy

import numpy as np
import pandas as pd
import pytest
from samples import KINDS, assert_refused, assert_refused_by_new, data_for, guard_training, make_estimator, read_only

from fastrnn import SequenceClassifier, SequenceGenerator, SequenceRegressor, SequenceTagger
from fastrnn.preprocessing import SequenceScaler, Tokenizer

TAGGERS = [kind for kind in KINDS if kind.startswith("tagger")]
GENERATORS = [kind for kind in KINDS if kind.startswith("generator") and kind != "generator_of_numbers"]
DECODERS = [kind for kind in KINDS if kind.startswith(("translator", "vector"))]
OF_NUMBERS = ["tagger", "tagger_of_several", "generator_of_numbers", "translator_of_numbers"]
OF_TOKENS = ["tagger_of_words", *GENERATORS, "translator"]
TO_TOKENS = ["translator", "translator_of_numbers", "vector_to_tokens"]
every_kind = pytest.mark.parametrize("kind", KINDS)
with_targets = pytest.mark.parametrize("kind", [*TAGGERS, *DECODERS])


def make(kind, **options):
    return make_estimator(kind, **{"max_iter": 1, **options})


def data(kind):
    return data_for(kind, 12)


def with_item(items, item, k=2):
    """The same list with another item at place k."""
    return [*items[:k], item, *items[k + 1 :]]


@pytest.fixture(autouse=True)
def train(monkeypatch):
    return guard_training(monkeypatch.setattr)


def ask(model, X):
    """Have the model read X."""
    return model.predict(X) if hasattr(model, "predict") else model.score(X)


def assert_all_refuse(kind, train, X, y, match, asks=True):
    """A first fit, a warm one, partial_fit, and if X is bad what asks the model."""
    fitted = train(make(kind), *data(kind))
    warm = copy.deepcopy(fitted).set_params(warm_start=True)
    for estimator in (make(kind), fitted):
        assert_refused(estimator, lambda e=estimator: e.fit(X, y), match)
        assert_refused(estimator, lambda e=estimator: e.partial_fit(X, y), match)
    assert_refused(warm, lambda: warm.fit(X, y), match)
    if asks:
        assert_refused(fitted, lambda: ask(fitted, X), match)


# ------------------------------------------------------------------------------------------- X

BAD_TOKENS = {
    "empty": (lambda X: [], "empty"),
    "empty_sequence": (lambda X: with_item(X, X[2][:0]), r"X\[2\] has no steps"),
    "negative": (lambda X: with_item(X, X[2] - 7), r"X\[2\] holds the token -\d"),
    "half": (lambda X: with_item(X, X[2] + 0.5), r"X\[2\].*no integers"),
    "nan": (lambda X: with_item(X, X[2] * np.nan), r"X\[2\].*no integers"),
    "strings": (lambda X: with_item(X, X[2].astype(str)), r"X\[2\] holds texts"),
    "axes": (lambda X: with_item(X, X[2][None, None]), r"X\[2\] has shape \(1, 1"),
    "none": (lambda X: None, "X must be a list.*NoneType"),
    "text": (lambda X: "the cat", "str: it is 'the cat'.*Tokenizer"),
    "mapping": (lambda X: {"a": X[0]}, r"dict: pass list\(X.values\(\)\)"),
    "generator": (lambda X: iter(X), r"list_iterator: pass list\(X\)"),
    "zero_axes": (lambda X: np.array(3), "got ndarray"),
    "set": (lambda X: {1, 2}, "set: it has no order"),
}


@pytest.mark.parametrize("name", BAD_TOKENS)
@pytest.mark.parametrize("kind", OF_TOKENS)
def test_bad_tokens(kind, name, train):
    spoil, match = BAD_TOKENS[name]
    X, y = data(kind)
    assert_all_refuse(kind, train, spoil(X), y, match)


def masked(array):
    """With the first number under a mask."""
    return np.ma.array(array, mask=np.arange(array.size).reshape(array.shape) == 0)


def test_what_is_masked_is_never_read(train):
    """A mask would be lost on the way, and the numbers under it read."""
    panel, labels, steps = np.ones((6, 4)), np.arange(6) % 2, np.ones((6, 4)) * [0, 1, 1, 0]
    weights, shapes = np.ones(6), (panel, panel[:, :, np.newaxis])
    for kind, y in ((SequenceClassifier, labels), (SequenceRegressor, labels), (SequenceTagger, steps)):
        for X in shapes if kind is SequenceClassifier else shapes[:1]:
            model, fitted = kind(max_iter=1), train(kind(max_iter=1), X, y)
            assert_refused(
                model, lambda m=model, X=X, y=y: m.fit(masked(X), y), "^X has masked values; fill them in, or"
            )
            assert_refused(model, lambda m=model, X=X, y=y: m.fit(X, masked(y)), "^y has masked values")
            assert_refused(fitted, lambda m=fitted, X=X: m.predict(masked(X)), "^X has masked values")
    assert_refused(model, lambda: model.fit(panel, [*steps[:5], masked(steps[5])]), r"^y\[5\] has masked values")
    model = SequenceClassifier(max_iter=1, bidirectional=False)
    assert_refused(model, lambda: model.fit(panel, labels, masked(weights)), "^sample_weight has masked values")
    stream = train(model, panel, labels).stream()
    with pytest.raises(ValueError, match="^a step has masked values"):
        stream.step(masked(np.ones(1)))
    assert_refused(SequenceScaler(), lambda: SequenceScaler().fit(masked(panel)), "^X has masked values")


def spread(X, factor):
    """The same tokens of words or characters, further apart."""
    return [x * factor for x in X]


@pytest.mark.parametrize("factor", [2**18, 10**8, 2**28, 2**40])
@pytest.mark.parametrize("kind", OF_TOKENS)
def test_a_table_for_gaps(kind, factor, train):
    X, y = data(kind)
    match = r"X\[\d+\] holds the token \d{6,}.*(rows, but X has \d+ different ones|below 2147483648).*np.unique"
    assert_refused_by_new(kind, spread(X, factor), y, match)
    beyond = X[2].copy()
    beyond.ravel()[0] = 5 * factor
    assert_refused_by_new(kind, with_item(X, beyond), y, match.replace(r"\d+\]", r"2\]"))


@pytest.mark.parametrize("factor", [2**18, 10**8, 2**28, 2**40])
@pytest.mark.parametrize("kind", TO_TOKENS)
def test_outputs_for_gaps(kind, factor, train):
    X, y = data(kind)
    match = r"y\[\d+\] holds the token \d{6,}.*(rows, but y has \d different ones|below 2147483648).*np.unique"
    assert_refused_by_new(kind, X, spread(y, factor), match)


def test_characters_with_gaps(train):
    X, y = data("tagger_of_words")
    X = [x * np.array([1, *[10**8] * (x.shape[1] - 1)]) for x in X]
    assert_refused_by_new(
        "tagger_of_words", X, y, r"X\[\d+\] holds the token \d00000000,.*Tokenizer with max_characters"
    )


def test_what_is_advised_of_gaps(train):
    X = [[1, 10**9], [7, 10**9, 5], [1, 5]]
    model = make("generator", embedding_dim=3)
    assert_refused(model, lambda: model.fit(X), r"X\[0\] holds the token 1000000000,.* 1000000001 rows.* 4 different")
    joined = np.unique(np.concatenate(X), return_inverse=True)[1]
    assert train(model, np.split(joined, np.cumsum([len(x) for x in X])[:-1]), None).n_tokens_ == 4
    tokenizer = Tokenizer()
    ids = tokenizer.fit_transform([[str(token) for token in x] for x in X])
    assert train(model, ids, None).n_tokens_ == 5
    model.score(tokenizer.transform([["1", "12345678901"]]))


def test_tables_that_the_data_justify():
    """Up to a size any gaps, beyond it some; and any that a given table has vectors for."""
    tagger = SequenceTagger(embedding_dim=1)
    tagger._check_sequences([[3, 2**20 - 1]], reset=True)
    tagger._check_sequences([np.arange(0, 2**20 + 8, 8), [2**20 + 7]], reset=True)
    with pytest.raises(ValueError, match=r"X\[1\] holds the token 1048576, .* 1048577 rows, .* 2 different"):
        tagger._check_sequences([[3], [2**20]], reset=True)
    tagger.set_params(embeddings=np.zeros((2**20 + 1, 1), np.float32))._check_sequences([[3], [2**20]], reset=True)
    generator = SequenceGenerator()
    generator._begin(goes_on=False)
    generator._check_sequences([[3, 2**17 - 1]], reset=True)
    with pytest.raises(ValueError, match=r"X\[0\] holds the token 131072"):
        generator._check_sequences([[3, 2**17]], reset=True)


@pytest.mark.parametrize("kind", OF_TOKENS)
def test_tokens_that_the_fit_has_not_seen(kind, train):
    X, y = data(kind)
    fitted = train(make(kind), X, y)
    warm = copy.deepcopy(fitted).set_params(warm_start=True)
    beyond = X[2].copy()
    beyond.ravel()[0] = 5  # in a generator this stands for the end
    match = r"X\[2\] holds the token 5, .*up to 4"
    assert_refused(fitted, lambda: ask(fitted, with_item(X, beyond)), match)
    assert_refused(fitted, lambda: fitted.partial_fit(with_item(X, beyond), y), match)
    assert_refused(warm, lambda: warm.fit(with_item(X, beyond), y), match)


def test_characters_that_the_fit_has_not_seen(train):
    X, y = data("tagger_of_words")
    fitted = train(make("tagger_of_words"), X, y)
    beyond = X[2].copy()
    beyond[0, 3] = 99
    assert_refused(fitted, lambda: fitted.predict(with_item(X, beyond)), r"X\[2\].*token 99.*up to 8")


@pytest.mark.parametrize("kind", OF_NUMBERS)
def test_bad_numbers(kind, train):
    X, y = data(kind)
    for item, match in (
        (np.where(np.arange(3) == 1, np.nan, X[2]), r"X\[2\] contains NaN.*step 0, feature 1"),
        (np.full_like(X[2], np.inf), r"X\[2\].*infinity.*step 0"),
        (X[2][:0], r"X\[2\] has no steps"),
        (X[2][:, :2], r"X\[2\] has 2 features, but (X\[0\] has|the fit was on) 3"),
    ):
        assert_all_refuse(kind, train, with_item(X, item), y, match)
    assert_all_refuse(kind, train, [], y, "X is empty")


@pytest.mark.parametrize("kind", ["vector_to_tokens", "vector_to_numbers"])
def test_bad_vectors(kind, train):
    X, y = data(kind)
    for bad, match in (
        (np.where(np.arange(36).reshape(12, 3) == 7, np.nan, X), "X contains NaN"),
        (np.empty((0, 3)), "0 sample"),
        (X[0], "2D array"),
        (None, r"X must be an array \(n, F\); got NoneType"),
        ("train.csv", "got str: it is 'train.csv'; read a file first"),
        (dict(enumerate(X)), r"got dict: pass list\(X.values\(\)\)"),
        ([*X[:-1], X[-1][:2]], "X has steps of unequal lengths"),
        (X[np.newaxis], r"X\[0\] has shape \(12, 3\); expected \(F,\): a SequenceToSequence reads sequences"),
        (X.astype("M8[s]"), r"X holds datetime64\[s\] values"),
        (pd.DataFrame(X).astype(str), "X, column 0, holds values that are no numbers: '"),
        (X.astype(str).astype(object) + "a", "no numbers: '"),
    ):
        assert_all_refuse(kind, train, bad, y, match)
    fitted = train(make(kind), X, y)
    assert_refused(fitted, lambda: fitted.predict(X[:, :2]), "2 features.*3")


def test_words_without_their_characters(train):
    X, y = data("tagger_of_words")
    match = r"X\[0\] has shape \(5,\); expected \(T, 1 \+ L\)"
    assert_all_refuse("tagger_of_words", train, [x[:, 0] for x in X], y, match)


# ------------------------------------------------------------------------------------ targets


@with_targets
def test_bad_targets(kind, train):
    X, y = data(kind)
    for bad, match in (
        (None, "y.*None"),
        (y[:-1], "11 for 12"),
        ([], r"0 for 12|y is empty"),
        (3, "list of (sequences|label arrays)"),
    ):
        assert_all_refuse(kind, train, X, bad, match, asks=False)
    empty = with_item(y, y[2][:0])  # a target of no tokens is one, of which only the end is to be learned
    if kind.startswith("translator") or kind == "vector_to_tokens":
        train(make(kind), X, empty)
        empty, match = [row[:0] for row in y], "y holds no token at all"
    else:
        match = r"y\[2\] has (0 labels|no steps)"
    assert_all_refuse(kind, train, X, empty, match, asks=False)


@pytest.mark.parametrize("kind", TAGGERS)
def test_labels_of_steps(kind, train):
    X, y = data(kind)
    T = len(X[2])
    for bad, match in (
        (with_item(y, np.concatenate([y[2], y[2]])), rf"y\[2\] has {2 * T} labels.* {T} steps"),
        (with_item(y, y[2][None, None]), r"y\[2\] has shape \(1, 1.*y\[0\]"),
        (with_item(y, y[2][0, ..., 0] if y[2].ndim > 1 else y[2][0]), r"y\[2\] is .*expected an array of labels"),
        (with_item(y, np.stack([y[2]] * 3, axis=-1)), r"y\[2\] has shape"),
    ):
        assert_all_refuse(kind, train, X, bad, match, asks=False)
    fitted = train(make(kind), X, y)
    assert_refused(fitted, lambda: fitted.score(X, y[:-1]), "11 for 12")


def test_labels_that_are_no_classes(train):
    X, y = data("tagger")
    fitted = train(make("tagger"), X, y)
    unknown = with_item(y, np.full(len(y[2]), "sideways"))
    match = r"y\[2\] holds .*sideways.* at step 0.*'down', 'up'"
    assert_refused(fitted, lambda: fitted.partial_fit(X, unknown), match)
    new = make("tagger")
    assert_refused(new, lambda: new.partial_fit(X, unknown, classes=["up", "down"]), match)
    ups = [np.full(len(x), "up") for x in X]
    for options in ({"crf": False}, {"crf": True}):
        assert_refused_by_new("tagger", X, ups, r"y has 1 class, \['up'\]", **options)
    assert_refused(fitted, lambda: fitted.partial_fit(X, y, classes=["up"]), "classes=.*first call")


def test_rows_that_are_not_of_zeros_and_ones(train):
    X, y = data("tagger_of_several")
    fitted = train(make("tagger_of_several"), X, y)
    for estimator in (make("tagger_of_several"), fitted):
        for value in (2, -1, 0.5):
            bad = y[2].astype(float)
            bad[-1, 1] = value
            match = rf"y\[2\] holds .*{value}.* at step {len(bad) - 1}.*2 times 0 or 1"
            assert_refused(estimator, lambda e=estimator, b=bad: e.fit(X, with_item(y, b)), match)
    for other in ([np.hstack([v, v]) for v in y], [v[:, 0] for v in y]):
        assert_refused(fitted, lambda y=other: fitted.partial_fit(X, y), r"y\[0\].*rows of 2 times")
    tagger = train(make("tagger"), *data("tagger"))
    assert_refused(tagger, lambda: tagger.partial_fit(X, y), r"y\[0\].*expected labels")


@pytest.mark.parametrize("kind", TO_TOKENS)
def test_tokens_of_targets(kind, train):
    X, y = data(kind)
    for item, match in (
        (np.array([0, -3]), r"y\[2\] holds the token -3"),
        (np.array([0.5]), r"y\[2\].*no integers"),
        (np.array([np.nan]), r"y\[2\].*no integers"),
        (np.array(["a"]), r"y\[2\] holds texts"),
        (np.ones((2, 2), int), r"y\[2\] has shape \(2, 2\)"),
    ):
        assert_all_refuse(kind, train, X, with_item(y, item), match, asks=False)
    fitted = train(make(kind), X, y)
    beyond = with_item(y, np.array([0, 9]))
    match = rf"y\[2\] holds the token 9.*up to {fitted.n_target_tokens_ - 1}"
    assert_refused(fitted, lambda: fitted.partial_fit(X, beyond), match)
    if kind != "vector_to_tokens":
        assert_refused(fitted, lambda: fitted.attention_weights(X, beyond), match)
        assert_refused(fitted, lambda: fitted.attention_weights(X, y[:-1]), "11 for 12")


@pytest.mark.parametrize("kind", DECODERS)
def test_targets_that_are_too_long(kind):
    X, y = data(kind)
    k = int(np.argmax([len(labels) for labels in y]))
    short = make(kind, max_length=1)
    match = rf"y\[{k}\] has {len(y[k])} steps, but max_length=1"
    assert_refused(short, lambda: short.fit(X, y), match)
    assert_refused(short, lambda: short.partial_fit(X, y), match)


def test_numbers_of_targets(train):
    X, y = data("vector_to_numbers")
    for item, match in (
        (y[2] * np.nan, r"y\[2\] contains NaN.*step 0"),
        (np.full_like(y[2], np.inf), r"y\[2\].*infinity"),
        (y[2][:, :1], r"y\[2\] has 1 features, but y\[0\] has 2"),
    ):
        assert_all_refuse("vector_to_numbers", train, X, with_item(y, item), match, asks=False)
    fitted = train(make("vector_to_numbers"), X, y)
    flat = [labels[:, 0] for labels in y]
    assert_refused(fitted, lambda: fitted.partial_fit(X, flat), "y has 1 columns.*2")
    assert_refused(fitted, lambda: fitted.score(X, y[:-1]), "11 for 12")


# ------------------------------------------------------------------------------------ weights


@with_targets
def test_bad_weights(kind, train):
    X, y = data(kind)
    fitted = train(make(kind), X, y)
    for weights, match in (
        (np.ones(11), r"11|12"),
        (np.where(np.arange(12) == 4, -1.0, 1.0), "(?i)negative"),
        (np.where(np.arange(12) == 4, np.nan, 1.0), "NaN"),
        (np.zeros(12), "zero"),
        (np.ones((12, 1, 1)), r"1D|2D|dim|shape|has 1 weights, but X.0. has|for each step"),
    ):
        for estimator in (make(kind), fitted):
            for method in (estimator.fit, estimator.partial_fit, estimator.score):
                if method == estimator.score and estimator is not fitted:
                    continue
                assert_refused(estimator, lambda m=method, w=weights: m(X, y, sample_weight=w), match)


def test_bad_weights_of_steps(train):
    X, y = data("tagger")
    weights = [np.ones(len(x)) for x in X]
    n = len(X[2])
    fitted = train(make("tagger"), X, y)
    for bad, match in (
        (weights[:-1], "11 for 12"),
        (with_item(weights, np.ones(n + 1)), rf"sample_weight\[2\] has {n + 1} weights.* {n} steps"),
        (with_item(weights, 1.0), r"sample_weight\[2\] has shape \(\)"),
        (with_item(weights, np.full(n, np.nan)), r"sample_weight\[2\] contains NaN"),
        (with_item(weights, np.full(n, -1.0)), "(?i)negative"),
        (with_item(weights, np.ones((n, 2))), r"sample_weight\[2\] has 2 features"),
        ([0 * w for w in weights], "zero"),
    ):
        for estimator in (make("tagger"), fitted):
            assert_refused(estimator, lambda e=estimator, w=bad: e.fit(X, y, sample_weight=w), match)
    assert_refused(fitted, lambda: fitted.score(X, y, weights[:-1]), "11 for 12")


def test_class_weights():
    X, y = data("tagger")
    for weight in (-1.0, np.nan, np.inf):
        tagger = make("tagger", class_weight={"down": 1.0, "up": weight})
        assert_refused(tagger, lambda e=tagger: e.fit(X, y), f"class_weight=.*up.* {weight}.*; weights must be finite")


# --------------------------------------------------------------------------------- embeddings


@pytest.mark.parametrize("kind", OF_TOKENS)
def test_bad_embeddings(kind, train):
    X, y = data(kind)
    width = make(kind).embedding_dim
    good = np.ones((5, width))
    for vectors, match in (
        (np.where(np.arange(5 * width).reshape(5, -1) == 4, np.nan, good), "embeddings contains NaN"),
        (np.full_like(good, np.inf), "embeddings contains infinity"),
        (np.ones((5, width + 1)), rf"vectors of {width + 1} numbers, but embedding_dim={width}"),
        (good[:4], r"X\[\d+\] holds the token 4, but embeddings has vectors for tokens up to 3"),
        (np.ones(5), "2D array"),
        (good.astype(str).astype(object) + "a", "string|float"),
    ):
        assert_refused_by_new(kind, X, y, match, embeddings=read_only(vectors))
    panel = np.arange(40).reshape(8, 5) % 5
    if kind in GENERATORS:  # an array is checked as a list is
        spoilt = np.where(good > 0, np.nan, 0)
        assert_refused_by_new(kind, panel, None, "embeddings contains NaN", embeddings=spoilt)


def test_time_last_is_recognised():
    rng = np.random.RandomState(0)
    X = [rng.rand(3, n) for n in (7, 9, 8)]
    with pytest.raises(ValueError, match=r"X\[1\] has 9 features, but X\[0\] has 7: .*from_channels_first"):
        SequenceClassifier().fit(X, [0, 1, 0])
    with pytest.raises(ValueError, match=r"X\[1\] has 9 features, but X\[0\] has 7$"):
        SequenceClassifier().fit([*X, rng.rand(4, 7)], [0, 1, 0, 1])


@pytest.mark.parametrize("kind", [SequenceClassifier, SequenceTagger])
def test_as_many_weights_as_sequences(kind):
    y = [0, 1, 0] if kind is SequenceClassifier else [[0, 1], [1, 1], [0, 0]]
    with pytest.raises(ValueError, match="sample_weight has fewer entries than X has sequences, 2 for 3"):
        kind().fit(np.zeros((3, 2, 1)), y, sample_weight=[1.0, 2.0])
