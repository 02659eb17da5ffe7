"""Models saved and loaded: of every kind, with every parameter and attribute, and never from a bad file."""

import datetime
import json
import pickle
import uuid

import numpy as np
import pytest
from mutations import SPARE, answers, make_files, mutated, outcome, put_together, taken_apart
from samples import KINDS, assert_same_bits, data_for, labelled, make_estimator, ragged, run_script, tokens
from series import forecaster
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

import fastrnn
from fastrnn import SequenceClassifier, SequenceGenerator, SequenceRegressor, SequenceTagger, StorageError
from fastrnn.online import OnlineClassifier
from fastrnn.preprocessing import Tokenizer

pd = pytest.importorskip("pandas")

SMALL = {"hidden_size": 6, "max_iter": 2, "random_state": 0}
PRIVATE = {"_trainer", "network_"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return make_files(tmp_path_factory.mktemp("files"))


def again(model, path):
    fastrnn.save(model, path)
    return fastrnn.load(path)


def assert_same_model(a, b, X):
    for one, other in zip(answers(a, X), answers(b, X), strict=True):
        assert_same_bits(one, other)


# ------------------------------------------------------------------------------------- what comes back

READ = """
import pickle, sys
import fastrnn
from mutations import answers
for path, X, expected in pickle.load(open({list!r}, "rb")):
    found = [pickle.dumps(answer) for answer in answers(fastrnn.load(path), X)]
    print(path.stem, found == [pickle.dumps(answer) for answer in expected])
"""


def test_every_kind_predicts_the_same_bits_in_a_fresh_process(files, tmp_path):
    rows = [(path, X, list(answers(fastrnn.load(path), X))) for path, X in files.values()]
    (tmp_path / "list").write_bytes(pickle.dumps(rows))
    lines = run_script(READ.format(list=str(tmp_path / "list"))).splitlines()
    assert lines == [f"{name} True" for name in files]


@pytest.mark.parametrize("kind", KINDS)
def test_everything_comes_back(kind, path):
    X, y = data_for(kind)
    options = {"callbacks": [print], "dropout": 0.1, "alpha": 1e-3, "verbose": 0, "early_stopping": kind != "tagger"}
    model = make_estimator(kind, **{**options, "callbacks": [lambda progress: None]}).fit(X, y)
    loaded = again(model, path)
    assert_same_model(model, loaded, X)
    assert {**model.get_params(), "callbacks": None} == loaded.get_params()
    for name in set(vars(model)) - PRIVATE - set(model.get_params()):
        if name == "classes_" and isinstance(model.classes_, list):
            assert_same_bits(loaded.classes_, model.classes_)
            continue
        one, other = (np.asarray(getattr(m, name)) for m in (model, loaded))
        assert (repr(one.tolist()), one.dtype) == (repr(other.tolist()), other.dtype), name
    assert set(vars(model)) - set(vars(loaded)) <= {"_trainer", "_is_multilabel"}  # the class says that it is False
    fastrnn.save(loaded, path.with_name("second"))
    fastrnn.save(model.set_params(callbacks=None), path)
    assert path.read_bytes() == path.with_name("second").read_bytes()


LABELS = {
    "ints": [3, 1, 2], "bools": [True, False], "strings": ["a", "long"], "floats": [0.0, 2.0],
    "bytes": np.uint8([4, 9]),
    "objects": np.array(["x", "yy", "z"], object), "wide": np.array(["x", "y"], "U9"),
}  # fmt: skip


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("estimator", [SequenceClassifier, SequenceTagger])
def test_labels_keep_their_type(estimator, labels, path):
    labels = np.asarray(labels)
    X, codes = labelled(24, len(labels))
    if estimator is SequenceClassifier:
        model = estimator(**SMALL).fit(X, labels[codes])
    else:
        model = estimator(**SMALL).fit(X, [labels[[code] * len(x)] for x, code in zip(X, codes, strict=True)])
    loaded = again(model, path)
    assert loaded.classes_.dtype == model.classes_.dtype == np.unique(labels).dtype
    assert_same_model(model, loaded, X)


def test_parameters_come_back_as_they_are(path):
    X, y = labelled(20)
    weights = {0: 1.0, 1: np.float32(0.1), 2: 3}
    model = SequenceClassifier(**SMALL, class_weight=weights, clip_norm=None, alpha=np.float64(0.1)).fit(X, y)
    loaded = again(model.set_params(random_state=np.random.RandomState(0), bidirectional=False, hidden_size=9), path)
    assert loaded.class_weight == weights and [*map(type, loaded.class_weight)] == [int] * 3
    assert loaded.random_state is None and loaded.clip_norm is None and loaded.alpha == 0.1
    assert loaded.hidden_size == 9 and not loaded.bidirectional and loaded._shape == model._shape
    assert_same_model(model, loaded, X)


def test_vectors_of_tokens_come_back(path):
    X, vectors = tokens(20), np.random.default_rng(0).random((7, 3))
    model = SequenceClassifier(**SMALL, embedding_dim=3, embeddings=vectors.tolist(), freeze_embeddings=True)
    loaded = again(model.fit(X, np.arange(20) % 3), path)
    assert_same_bits(loaded.embeddings, vectors)
    assert loaded.network_.embedding.is_frozen
    assert_same_model(model, loaded, X)


def test_names_of_columns_come_back(path):
    X = np.random.default_rng(0).random((20, 4))
    model = SequenceRegressor(**SMALL).fit(X, X[:, 0])
    model.feature_names_in_ = np.array(list("abcd"), object)  # as of a frame
    loaded = again(model, path)
    assert_same_bits(loaded.feature_names_in_, model.feature_names_in_)
    assert not hasattr(again(model.fit(ragged(20), np.arange(20.0)), path), "feature_names_in_")


def test_training_goes_on(path):
    X, y = labelled(30)
    model = SequenceClassifier(**SMALL, early_stopping=True).fit(X, y)
    loaded = again(model, path)
    loaded.partial_fit(X, y)
    assert loaded.n_iter_ == 3 and loaded.loss_curve_[:2] == model.loss_curve_
    assert loaded.set_params(warm_start=True).fit(X, y).n_iter_ == 2
    assert loaded.loss_curve_[0] < model.loss_curve_[0]
    with pytest.raises(ValueError, match="the network to go on with has hidden_size=6"):
        loaded.set_params(hidden_size=7).fit(X, y)


# ------------------------------------------------------------------------------------- names and ids of series

LABELLED = {
    "tuples": [("a", "x"), ("a", 1)], "deep tuples": [(("a", 1), "c"), ((), "b")], "text": ["a", "ä"],
    "numbers": [3, -1], "numpy": [np.int64(3), np.int64(4)], "floats": [0.5, np.inf], "truth": [True, False],
    "nothing": [None, "a"], "mixed": [1, "1"],
}  # fmt: skip


@pytest.mark.parametrize("container", ["columns", "names", "ids"])
@pytest.mark.parametrize("labels", LABELLED.values(), ids=LABELLED)
def test_names_and_ids_come_back_as_they_were(labels, container, path):
    if container == "ids" and None in labels:
        return  # there is no series of no name
    y = series_named(labels, container)
    model = forecaster().fit(y)
    loaded = again(model, path)
    for start in (60, 64):
        expected, found = model.predict(), loaded.predict()
        assert_same_forecast(expected, found)
        if not isinstance(labels[0], np.generic):  # which are Python's numbers then
            assert repr(names_of(found, container)) == repr(names_of(expected, container))
        assert names_of(found, container) == names_of(y, container)
        for of in (model, loaded):
            of.update(series_named(labels, container, start, 4))


@pytest.mark.parametrize(
    "label",
    [pd.Timestamp("2020"), datetime.date(2020, 1, 1), uuid.UUID(int=3), pd.Period("2020"), pd.Interval(0, 1), b"a",
     np.datetime64("2020-01-01T00", "ns"), 1j, pd.Timedelta("1D"), frozenset("a")],
    ids=lambda label: type(label).__name__,
)  # fmt: skip
def test_other_names_and_ids_are_refused_by_save_alone(label, path):
    for container in ("columns", "names", "ids"):
        y = series_named(objects([label, "b"]), container)
        model = forecaster().fit(y)
        assert list(names_of(model.predict(), container)) == list(names_of(y, container))
        what = r"form.(columns|ids).0 is .*, a \w+ that no file can hold: set another, such as text or a number"
        with pytest.raises(StorageError, match=what):
            fastrnn.save(model, path)
        assert not path.exists()


def objects(items):
    array = np.empty(len(items), object)
    array[:] = items
    return pd.Index(array, tupleize_cols=False)


def series_named(labels, container, start=0, n=60):
    """Two series, or channels, of these names."""
    times, steps = pd.date_range("2020-01-01", periods=100)[start : start + n], np.arange(start, start + n)
    parts = [50.0 + (steps + 3 * k) % 7 for k in range(2)]
    if container == "columns":
        return pd.DataFrame(np.column_stack(parts), times, objects([*labels]))
    if container == "names":
        return [pd.Series(part, times, name=label) for part, label in zip(parts, labels, strict=True)]
    ids = objects([label for label in labels for _ in range(n)])
    return pd.DataFrame({"unique_id": ids, "ds": times.append(times), "y": np.concatenate(parts)})


def names_of(y, container):
    if container == "names":
        return [x.name for x in y]
    return list(y.columns) if container == "columns" else list(dict.fromkeys(y["unique_id"]))


def assert_same_forecast(a, b):
    assert all(x.equals(y) for x, y in (zip(a, b, strict=True) if isinstance(a, list) else [(a, b)]))


# ------------------------------------------------------------------------------------- tokenizers and pipelines

TEXTS = ["The cat sat.", "A dog, too!", "Ünder the mat [sic]", "the the \ud800"] * 3


TOKENIZERS = [
    {}, {"level": "char"}, {"lowercase": True, "strip_accents": "unicode", "start": True},
    {"max_characters": 3, "end": True, "max_tokens": 6}, {"token_pattern": r"\S+"},
]  # fmt: skip


@pytest.mark.parametrize("options", TOKENIZERS)
def test_a_tokenizer(options, path):
    tokenizer = Tokenizer(**options).fit(TEXTS)
    loaded = again(tokenizer, path)
    assert loaded.get_params() == tokenizer.get_params()
    assert {k: v for k, v in vars(loaded).items() if k != "_split"} == {
        k: v for k, v in vars(tokenizer).items() if k != "_split"
    }
    texts = [*TEXTS, "a bird"]
    assert_same_bits(loaded.transform(texts), tokenizer.transform(texts))
    assert loaded.inverse_transform(loaded.transform(texts)) == tokenizer.inverse_transform(tokenizer.transform(texts))


def test_a_tokenizer_with_other_parameters_by_now(path):
    tokenizer = Tokenizer(lowercase=True).fit(TEXTS).set_params(lowercase=False, level="char")
    loaded = again(tokenizer, path)
    assert_same_bits(loaded.transform(TEXTS), tokenizer.transform(TEXTS))
    assert loaded.lowercase


def test_a_pipeline(path):
    pipeline = make_pipeline(
        Tokenizer(max_characters=4), SequenceTagger(**SMALL, embedding_dim=4, character_embedding_dim=4)
    )
    texts = [text.split() for text in TEXTS]
    pipeline.fit(texts, [[word[0] for word in text] for text in texts])
    loaded = again(pipeline, path)
    assert_same_bits(loaded.predict(texts), pipeline.predict(texts))
    assert [name for name, _ in loaded.steps] == [name for name, _ in pipeline.steps]


def test_what_cannot_be_saved(path):
    X, y = labelled(20)
    with pytest.raises(NotFittedError):
        fastrnn.save(SequenceClassifier(), path)
    with pytest.raises(NotFittedError):
        fastrnn.save(Tokenizer(), path)

    class Mine(SequenceClassifier):
        pass

    for model in (LinearRegression(), Mine(), make_pipeline(LinearRegression()), None):
        with pytest.raises(StorageError, match="cannot be saved: expected SequenceClassifier, .*Tokenizer.* Pipeline"):
            fastrnn.save(model, path)
    for label, feature in (((1, 2), "x"), ("a", (1, 2))):
        learner = OnlineClassifier()
        learner.learn_one({feature: 1.0}, label)
        with pytest.raises(
            StorageError, match=r"has \(1, 2\), a tuple that no file can hold: learn with texts or numb"
        ):
            fastrnn.save(learner, path)
    with pytest.raises(StorageError, match="parameters.strip_accents is <.*set another"):
        fastrnn.save(Tokenizer(strip_accents=str.upper).fit(TEXTS), path)
    with pytest.raises(ValueError, match="'hidden_size' parameter .* must be"):
        fastrnn.save(SequenceClassifier(**SMALL).fit(X, y).set_params(hidden_size=-1), path)
    assert not path.exists()


# ------------------------------------------------------------------------------------- bad files


def changed(path, change):
    fields, parts = taken_apart(path.read_bytes())
    change(fields["content"]["model"], parts)
    path.write_bytes(put_together(fields, parts))


def of_fit(**values):
    return lambda model, parts: model["fitted"].update(values)


def of_sizes(**values):
    return lambda model, parts: model["fitted"]["_sizes"].update(values)


def of_shape(**values):
    return lambda model, parts: model["fitted"]["_shape"].update(values)


def negative(name):
    """A tensor of numbers below 0."""

    def change(model, parts):
        dtype, _, body = parts[f"model.{name}"]
        parts[f"model.{name}"][2] = (-1 - np.abs(np.frombuffer(body, {"F32": "f4", "F64": "f8"}[dtype]))).tobytes()

    return change


@pytest.mark.parametrize(
    ("kind", "change", "match"),
    [
        ("classifier", lambda m, p: m.update({"class": "SequenceTagger"}), "fitted|parameters"),
        ("classifier", lambda m, p: m.update({"class": "Unheard"}), "its class is 'Unheard'"),
        ("classifier", lambda m, p: m.update({"class": "Pipeline", "names": ["a"], "steps": [{}]}), "pipeline"),
        ("classifier", lambda m, p: m["parameters"].pop("cell"), "parameters is .*expected the fields"),
        ("classifier", lambda m, p: m["parameters"].update(cell="trnn"), "'cell' parameter"),
        ("classifier", lambda m, p: m["parameters"].update(callbacks=[1]), "callbacks must hold callables"),
        ("classifier", of_shape(hidden_size=10**12), "weight_ih_l0"),
        ("classifier", of_shape(num_layers=10**12), "num_layers=1000000000000 have"),
        ("classifier", of_shape(dtype="float64"), "weight"),
        ("classifier", of_shape(cell="lstm"), "weight_ih_l0"),
        ("classifier", of_sizes(inputs=4), "n_features_in_"),
        ("classifier", of_sizes(more=4), "_sizes"),
        ("classifier", of_sizes(outputs=4), "classes_"),
        ("classifier", of_sizes(steps=4), "steps"),
        ("classifier", of_sizes(characters=4), "characters"),
        ("classifier", of_fit(n_features_in_=2), "n_features_in_ is 2"),
        ("classifier", of_fit(n_features_in_=True), "n_features_in_ is True"),
        ("classifier", of_fit(_is_panel=True), "_is_panel|n_features_in_|inputs"),
        ("classifier", of_fit(loss_curve_=["a"]), "loss_curve_"),
        ("classifier", of_fit(_rules=3), "damaged"),
        ("classifier", of_fit(network_=3), "its fitted is"),
        ("classifier", of_fit(classes_={"$objects": ["a", "b", "b"]}), "classes_"),
        ("classifier", lambda m, p: p["model.weights.head.bias"].__setitem__(2, b"\xff" * 12), "head.bias"),
        ("classifier", lambda m, p: m["weights"].pop("head"), "head|belong to nothing"),
        ("regressor_of_panels", of_fit(n_features_in_=7), "n_features_in_"),
        ("regressor_of_panels", of_fit(feature_names_in_={"$objects": ["a"]}), "feature_names_in_"),
        ("regressor_of_steps", of_fit(_y_is_flat=True), "_y_is_flat"),
        ("regressor_of_steps", lambda m, p: p["model.fitted._y_scale"].__setitem__(2, bytes(16)), "_y_scale"),
        ("tagger_of_words", of_fit(n_features_in_=1), "n_features_in_"),
        ("tagger_of_words", of_fit(_is_multilabel=True), "_is_multilabel"),
        ("tagger_of_words", of_sizes(characters=10), "character_embedding|weight"),
        ("tagger_of_several", of_fit(_is_multilabel=False, classes_=[0, 1]), "classes_"),
        ("generator", of_fit(n_tokens_=6), "n_tokens_"),
        ("generator", of_fit(_boundary=None), "_boundary"),
        ("generator_of_streams", of_fit(_boundary=4), "_boundary"),
        ("generator", of_shape(embedding_dim=None), "binary_features_ are None"),
        ("generator", of_shape(stateful="auto"), "stateful is 'auto', which is no truth value"),
        ("generator_of_numbers", of_fit(binary_features_=[5]), "binary_features_"),
        ("generator_of_numbers", of_shape(n_components=2), "outputs for a step that needs"),
        ("generator_of_numbers", of_fit(_boundary=None), "_boundary"),
        ("translator", of_fit(n_target_tokens_=4), "n_target_tokens_"),
        ("translator", of_fit(max_length_=0), "max_length_"),
        ("vector_to_numbers", of_fit(n_features_in_=4), "n_features_in_"),
        ("vector_to_numbers", of_shape(target_embedding_dim=4), "fitted|weight"),
        ("forecaster", of_fit(horizon_=4), "outputs for 4 steps"),
        ("forecaster", of_fit(n_features_in_=2), "outputs|n_features_in_"),
        ("forecaster", of_fit(context_=0), "context_"),
        ("forecaster", of_fit(_n_covariates={"past": 1, "future": 1, "static": 1}), "another number of values|outputs"),
        ("forecaster", of_fit(_n_calendar=3), "reads another number of values"),
        ("forecaster", of_shape(strategy="recursive"), "outputs for 1 steps"),
        ("forecaster", of_shape(loss="quantile"), "outputs for 3 steps"),
        ("forecaster", lambda m, p: m["fitted"]["_lens"].update(lags=[50]), "_history"),
        ("forecaster", lambda m, p: m["fitted"]["_lens"].update(lags=[0]), "_lens.lags"),
        ("forecaster", lambda m, p: m["fitted"]["_lens"].update(log=0.0), "_lens.log"),
        ("forecaster", lambda m, p: m["fitted"]["_lens"].update(scaling="max"), "_lens.scaling"),
        ("forecaster", lambda m, p: m["fitted"]["_lens"].update(effects=0.5), "_lens.effects"),
        ("forecaster", lambda m, p: m["fitted"]["_lens"].update(reach=5), "linear_coef_"),
        ("forecaster", lambda m, p: m["fitted"]["_history"].update(past=None), "_history"),
        ("forecaster", lambda m, p: m["fitted"]["_history"]["form"].update(n_series=3), "form.n_series"),
        ("forecaster_of_frames", lambda m, p: m["fitted"]["_history"]["form"].update(step="x"), "form.step"),
        ("forecaster_of_frames", lambda m, p: m["fitted"]["_history"]["form"].update(ids=["u"]), "form.ids"),
        ("forecaster_of_frames", lambda m, p: m["fitted"]["_history"]["form"].update(offset="sys"), "damaged"),
        ("forecaster_of_frames", lambda m, p: m["fitted"]["_history"]["form"].update(offset=3), "form.offset"),
        ("online_classifier", of_fit(classes_=[0, float("nan")]), "classes_ is"),
        ("online_classifier", of_fit(classes_=[0, float("inf")]), "classes_ is"),
        ("online_classifier", of_fit(classes_=[0, 0]), "classes_ is"),
        ("online_classifier", of_fit(feature_names_in_=[0, 1, 1]), "feature_names_in_ is"),
        ("online_classifier", negative("fitted._X_moments.2"), "_X_moments is"),
        ("online_classifier", negative("memory.second"), "optimizer.second is"),
        ("online_classifier", lambda m, p: m["memory"].update(momentum=float("nan")), "optimizer.momentum is nan"),
        ("online_regressor", of_fit(_y_moments=[20, 0.5, -0.5]), "_y_moments is"),
        ("online_regressor", of_fit(_y_moments=[20, 2**63, 0.5]), "_y_moments is"),
        ("tokenizer", lambda m, p: m.update(vocabulary=["a", "a"]), "vocabulary"),
        ("tokenizer", lambda m, p: m.update(vocabulary=[]), "vocabulary"),
        ("tokenizer", lambda m, p: m["parameters"].update(token_pattern="("), "damaged"),
        ("pipeline", lambda m, p: m["names"].append("c"), "zip|shorter|damaged"),
        ("pipeline", lambda m, p: m["names"].__setitem__(0, "a__b"), "a__b"),
    ],
)
def test_a_field_that_lies(files, path, kind, change, match):
    path.write_bytes(files[kind][0].read_bytes())
    changed(path, change)
    with pytest.raises(StorageError, match=f"cannot read .*: .*({match})"):
        fastrnn.load(path)


def test_lies_that_would_read_beyond_the_weights_are_found(files, path):
    """A table of one row less than the model counts tokens, sizes and outputs changed alike."""
    path.write_bytes(files["generator"][0].read_bytes())

    def change(model, parts):
        model["fitted"]["n_tokens_"] += 1
        model["fitted"]["_boundary"] += 1
        model["fitted"]["_sizes"]["outputs"] += 1
        for name in ("weight", "bias"):
            dtype, shape, body = parts[f"model.weights.head.{name}"]
            shape[0] += 1
            parts[f"model.weights.head.{name}"][2] = body + body[: len(body) // (shape[0] - 1)]

    changed(path, change)
    with pytest.raises(StorageError, match="its table has 6 rows for 7 outputs"):
        fastrnn.load(path)


def test_a_number_of_columns_that_are_not_there_takes_no_memory(files, path):
    file, X = files["generator_of_numbers"]
    path.write_bytes(file.read_bytes())
    changed(path, of_fit(n_features_in_=10**7))
    changed(path, of_sizes(inputs=10**7))
    answer, _, peak = outcome(path, X)
    assert answer == "refused" and peak < 10**6


def test_errors_of_files(path, files):
    with pytest.raises(FileNotFoundError):
        fastrnn.load(path)
    with pytest.raises(IsADirectoryError):
        fastrnn.load(path.parent)
    fields, parts = taken_apart(files["classifier"][0].read_bytes())
    path.write_bytes(put_together({**fields, "format": 2, "version": "9.1"}, parts))
    with pytest.raises(StorageError, match="fastrnn 9.1 wrote format 2"):
        fastrnn.load(path)
    path.write_text(json.dumps(fields))
    with pytest.raises(StorageError, match="it is no model that fastrnn has saved"):
        fastrnn.load(path)


def test_mutated_files_are_refused_or_are_models(files, path):
    good = {name: file.read_bytes() for name, (file, _) in files.items()}
    others = [taken_apart(data) for data in good.values()]
    rng, found = np.random.default_rng(0), []
    for file, X in files.values():
        outcome(file, X)  # imports and caches are no file's fault
    for k in range(400):
        name = list(files)[k % len(files)]
        data, change = mutated(good[name], rng, others)
        path.write_bytes(data)
        answer, _, peak = outcome(path, files[name][1])
        assert peak <= 10 * len(data) + SPARE, (name, change)
        found.append(answer)
    assert {"refused", "used"} <= set(found) <= {"refused", "used", "used, with an error", "long"}


def test_a_generator_samples_the_same(path):
    model = SequenceGenerator(**SMALL, embedding_dim=4).fit(tokens(20))
    loaded = again(model, path)
    assert_same_bits(loaded.sample(random_state=3), model.sample(random_state=3))


def test_a_generator_whose_beginning_is_no_row_of_its_table(path):
    model = make_estimator("generator").fit(data_for("generator")[0])
    fastrnn.save(model, path)
    fields, tensors = taken_apart(path.read_bytes())
    fitted = fields["content"]["model"]["fitted"]
    fitted["n_tokens_"], fitted["_sizes"]["outputs"] = None, 10**6
    fitted["_boundary"] = 10**6 - 1
    path.write_bytes(put_together(fields, tensors))
    with pytest.raises(StorageError, match="rows for 1000000 outputs"):
        fastrnn.load(path)


def test_text_that_is_no_text(path):
    X, y = labelled(20, 2)
    fastrnn.save(SequenceClassifier(**SMALL).fit(X, np.array(["a", "b"])[y]), path)
    fields, tensors = taken_apart(path.read_bytes())
    name = next(name for name in tensors if "classes_" in name)
    tensors[name] = ["I32", tensors[name][1], np.int32([-2, -1]).tobytes()]
    path.write_bytes(put_together(fields, tensors))
    with pytest.raises(StorageError, match="no characters"):
        fastrnn.load(path)


def test_layers_that_have_no_weights(path):
    X, y = labelled(20)
    fastrnn.save(SequenceClassifier(**SMALL).fit(X, y), path)
    fields, tensors = taken_apart(path.read_bytes())
    model = fields["content"]["model"]
    model["parameters"]["num_layers"] = model["fitted"]["_shape"]["num_layers"] = 10**5
    model["weights"]["more"] = "x" * 10**5
    path.write_bytes(put_together(fields, tensors))
    with pytest.raises(StorageError, match="num_layers=100000 have"):
        fastrnn.load(path)
