"""Columns of categories beside numbers: their codes, their vectors, and what is none of them."""

import pickle

import numpy as np
import pytest
import reference as ref
from samples import assert_same_bits, assert_slope, tokens
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GridSearchCV

import fastrnn
from fastrnn import SequenceClassifier, SequenceEnsemble, SequenceRegressor, SequenceTagger, SequenceToSequence, threads
from fastrnn.base.categories import _union
from fastrnn.data import SequenceFiles
from fastrnn.interchange import from_torch, to_onnx, to_torch
from fastrnn.layers.categories import width_for
from fastrnn.storage import StorageError, write

pd = pytest.importorskip("pandas")
SMALL = {"hidden_size": 7, "max_iter": 2, "random_state": 0}
ONE_WAY = {**SMALL, "bidirectional": False}
SIGNS = np.array([1, -1, -1, 1, -1, 1])
"""Of each category: whether it adds what stands beside it, or takes it off."""


def signed(n=60, seed=0, longest=9):
    """Ragged sequences (T, 3) with a category, 10 times its number, in column 1; whether the signed sum is positive."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for length in rng.integers(1, longest, n):
        codes, rest = rng.integers(0, SIGNS.size, length), rng.standard_normal((length, 2))
        X.append(np.insert(rest, 1, 10 * codes, axis=1))
        y.append(int((rest[:, 0] * SIGNS[codes]).sum() > 0))
    y[:2] = 0, 1
    return X, np.array(y)


def framed(X, kind=str):
    """Frames of them, with texts in place of the categories."""
    texts = np.array(list("fbdace"), object)
    frames = [pd.DataFrame(x, columns=["u", "c", "v"]) for x in X]
    for frame, x in zip(frames, X, strict=True):
        frame["c"] = pd.Series(texts[(x[:, 1] // 10).astype(int)], dtype=kind)
    return frames


def read_by_hand(model, x):
    """What the stack reads of x (T, I) with one column of categories: numbers, and each category's vector."""
    (k,) = np.flatnonzero(model.is_categorical_)
    table = model.network_.encoder.categories.parameters[f"weight_{k}"]
    other, known = table[0] + table[1:].mean(axis=0), model.categories_[0].tolist()
    vectors = [table[1 + known.index(value)] if value in known else other for value in x[:, k]]
    return np.hstack([np.delete((x - model._X_mean) / model._X_scale, k, axis=1), vectors])


def objective(model, X, y):
    """The loss of all sequences of a fitted model in one batch, and what leaves its gradient in the network."""
    training = model._objective(model._problem(X, y, None, True))
    training.lay_out([np.arange(len(X))], 0)

    def loss():
        model.network_.changed()
        return training(0)

    return loss


# ------------------------------------------------------------------------------------------------ what is read


@pytest.mark.parametrize("k", [0, 1, 2])
@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_answers_are_those_of_a_reference(cell, k):
    X, y = signed()
    X = [x[:, np.roll([0, 1, 2], k - 1)] for x in X]
    model = SequenceClassifier(categorical_features=[k], cell=cell, dtype="float64", **ONE_WAY).fit(X, y)
    X[0][0, k], X[1][0, k], X[2][:, k] = 70, np.nan, -3
    network = model.network_
    network.encoder.categories.parameters[f"weight_{k}"][0] = 0.25, -0.5, 1.0, 2.0
    network.changed()
    start = np.zeros((1, 1, 7))
    for x, p in zip(X, model.predict_proba(X), strict=True):
        weights = network.encoder.recurrent.parameters.copies()
        state = (start, start) if cell == "lstm" else start
        h, _, _ = ref.stack_forward(cell, [read_by_hand(model, x)], state, weights)
        head = network.head.parameters
        ref.assert_within(1e-12, p[1], ref.sigmoid(head["weight"] @ h[0][-1] + head["bias"])[0])


@pytest.mark.parametrize(
    "options",
    [{}, {"categorical_features": [0, 1]}, {"missing": "mask"}, {"bidirectional": True}, {"missing": "decay"}],
)
def test_gradient_by_projection(options):
    X, y = signed(40)
    for x in X:
        x[:, 0] = np.round(x[:, 0])
    options = {"categorical_features": [1], "dtype": "float64", **ONE_WAY, **options}
    for k in options["categorical_features"]:
        X[3][0, k] = X[5][-1, k] = np.nan  # rows of what is missing are trained
    model = SequenceClassifier(**options).fit(X, y)
    loss = objective(model, X, y)
    loss()
    tables = model.network_.encoder.categories.parameters
    assert all(np.abs(tables.gradient(name)).sum(axis=1).all() for name in tables)
    assert_slope(loss, (model.network_.theta, model.network_.gradient.copy()))


def test_what_is_no_category_is_the_mean_of_the_others():
    X, y = signed()
    model = SequenceClassifier(categorical_features=[1], **ONE_WAY).fit(X, y)
    table = model.network_.encoder.categories.parameters["weight_1"]
    assert table.shape == (7, width_for(6)) == (7, 4) and not table[0].any() and table[1:].all()
    others = [model.predict_proba([np.array([[0.5, value, 1.0]])]) for value in (7, np.nan, 1e9, -1)]
    table[1] = table[1:].mean(axis=0)
    model.network_.changed()
    expected = model.predict_proba([np.array([[0.5, 0.0, 1.0]])])
    for found in others:
        np.testing.assert_allclose(found, expected, atol=1e-6)
    for x in X:
        x[:1, 1] = np.nan
    assert clone(model).fit(X, y).network_.encoder.categories.parameters["weight_1"][0].all()


def test_widths():
    assert [width_for(n) for n in (1, 2, 3, 10, 100, 10**6)] == [2, 2, 3, 6, 21, 64]


FORMS = {"number": ([1], None), "mask": ([False, True, False], None), "array": (np.array([1]), None),
         "name": (["c"], str), "type": ("from_dtype", "category"), "names": (np.array(["c"], object), object),
         "numbers of frames": ((1,), str)}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_ways_to_say_which(form, tmp_path):
    X, y = signed()
    plain = SequenceClassifier(categorical_features=[1], **SMALL).fit(X, y)
    asked, kind = FORMS[form]
    given = X if kind is None else framed(X, kind)
    before = [x.copy() for x in given]
    model = SequenceClassifier(categorical_features=asked, **SMALL).fit(given, y)
    assert model.is_categorical_.tolist() == [False, True, False] and len(model.categories_) == 1
    assert model.categories_[0].tolist() == ([*range(0, 60, 10)] if kind is None else list("abcdef"))
    assert all((a == b).all(axis=None) for a, b in zip(before, given, strict=True))
    fastrnn.save(model, tmp_path / "model.safetensors")
    for made in (model, fastrnn.load(tmp_path / "model.safetensors"), pickle.loads(pickle.dumps(model))):
        assert_same_bits(made.predict_proba(given), model.predict_proba(given))
    if kind is None:
        assert_same_bits(model.network_.theta, plain.network_.theta)
    else:  # texts come in another order, and with them the first vectors
        assert np.abs(model.predict_proba(given) - plain.predict_proba(X)).max() < 0.2
    steps = np.concatenate(X) if kind is None else pd.concat(given).astype({"c": "category"})
    theirs = HistGradientBoostingClassifier(categorical_features=asked).fit(steps, np.arange(len(steps)) % 2)
    assert theirs.is_categorical_.tolist() == model.is_categorical_.tolist()


def test_types_with_missing_values():
    X, y = signed()
    frames = [pd.DataFrame({"u": x[:, 0]}) for x in X]
    of_kinds = {
        "category": lambda v: pd.Categorical(v),
        "Int64": lambda v: pd.array(v, "Int64"),
        "object": lambda v: np.array(v, object),
        "boolean": lambda v: pd.array([None if u is None else u > 20 for u in v], "boolean"),
    }
    for kind, make in of_kinds.items():
        given = [f.assign(c=make([None, *x[1:, 1].astype(int).tolist()])) for f, x in zip(frames, X, strict=True)]
        model = SequenceClassifier(categorical_features=[1], **SMALL).fit(given, y)
        assert model.categories_[0].tolist() == ([False, True] if kind == "boolean" else [*range(0, 60, 10)])
        assert model.network_.encoder.categories.parameters["weight_1"][0].all()


def test_other_forms_of_sequences():
    X, y = signed()
    one = SequenceClassifier(categorical_features=[0], **SMALL)
    only = [x[:, 1] for x in X]
    model = one.fit([x.astype(int) for x in only], y)  # and no warning that these look like tokens
    assert model.network_.encoder.input_size == 1
    assert_same_bits(model.predict_proba([x[:, np.newaxis] for x in only]), model.predict_proba(only))
    cube = np.stack([x[np.arange(5) % len(x)] for x in X])
    model = SequenceClassifier(categorical_features=[1], **SMALL).fit(cube, y)
    assert_same_bits(model.predict_proba([x.tolist() for x in cube]), model.predict_proba(cube))
    frames = [pd.DataFrame({"a": x[:, 1] > 20, "b": np.where(x[:, 1] > 30, 1.5, np.nan), "t": x[:, 0].cumsum()})
              for x in X]  # fmt: skip
    model = SequenceClassifier(categorical_features=["a", "b"], missing="forward", **SMALL).fit(frames, y)
    assert [known.tolist() for known in model.categories_] == [[False, True], [1.5]]
    assert SequenceClassifier(categorical_features="from_dtype", **SMALL).fit(X, y).categories_ == []
    assert not hasattr(one.set_params(categorical_features=None).fit(X, y), "categories_")


def test_frames_of_other_libraries():
    pl = pytest.importorskip("polars")
    pytest.importorskip("narwhals")
    X, y = signed()
    frames = framed(X, "category")
    others = [pl.DataFrame({"u": f["u"].to_numpy(), "c": f["c"].astype(str).to_list(), "v": f["v"].to_numpy()})
              .with_columns(pl.col("c").cast(pl.Categorical)) for f in frames]  # fmt: skip
    model = SequenceClassifier(categorical_features="from_dtype", **SMALL).fit(others, y)
    assert_same_bits(clone(model).fit(frames, y).network_.theta, model.network_.theta)


@pytest.mark.parametrize("missing", ["mask", "forward", "decay"])
@pytest.mark.parametrize("clock", [None, 3, "index"])
def test_beside_holes_and_times(missing, clock, tmp_path):
    X, y = signed()
    rng = np.random.default_rng(0)
    times = [rng.integers(0, 3, len(x)).cumsum() for x in X]
    X = [np.where((rng.random(x.shape) < 0.3) & [True, False, True], np.nan, x) for x in X]
    frames = framed(X)
    for frame, when in zip(frames, times, strict=True):
        frame["t" if clock == 3 else "v"] = when if clock == 3 else frame["v"]
        frame.index = pd.to_datetime(when, unit="s") if clock == "index" else frame.index
    options = {"missing": missing, "time_column": clock, **ONE_WAY}
    model = SequenceClassifier(categorical_features=["c"], **options).fit(frames, y)
    n_flags, n_ages = 2 * (missing != "forward"), 2 * (missing == "decay")
    assert model.network_.encoder.input_size == 3 + n_flags + n_ages + (clock is not None)
    assert model.network_.encoder.recurrent.input_size == 2 + n_flags + (clock is not None) + 4
    stream = model.stream()
    for frame, when, p in zip(frames, times, model.predict_proba(frames), strict=True):
        stream.reset()
        for t in range(len(frame)):
            said = stream.step(frame.iloc[t], **{"time": when[t]} if clock == "index" else {})
        assert_same_bits(said, p)
    fastrnn.save(model, tmp_path / "model.safetensors")
    assert_same_bits(fastrnn.load(tmp_path / "model.safetensors").predict_proba(frames), model.predict_proba(frames))


# ---------------------------------------------------------------------------------------------- promises


CASES = {"classifier": (SequenceClassifier, {}), "mean": (SequenceClassifier, {"readout": "mean"}),
         "regressor": (SequenceRegressor, {"return_sequences": True}), "tagger": (SequenceTagger, {"crf": True}),
         "float64": (SequenceClassifier, {"dtype": "float64", "cell": "lstm", "num_layers": 2})}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("texts", [False, True])
def test_streams_say_what_predict_says(case, texts):
    kind, options = CASES[case]
    X, y = signed(20)
    if case in ("regressor", "tagger"):
        y = [np.arange(len(x)) % 2 for x in X]
    given = framed(X) if texts else X
    model = kind(categorical_features=[1], **{**ONE_WAY, **options}).fit(given, y)
    if texts:
        given[0].loc[0, "c"], given[1].loc[0, "c"] = "new", None
    else:
        given[0][0, 1], given[1][0, 1] = 7, np.nan
    answer, stream = getattr(model, "predict_proba", model.predict), model.stream()
    for x in given[:5]:
        stream.reset()
        rows = x.to_numpy(object) if texts else x
        for t, row in enumerate(rows):
            said = stream.step(list(row))
            if t == 1:
                stream = pickle.loads(pickle.dumps(stream))
            expected = answer([x[: t + 1]])[0]
            assert_same_bits(said, expected if kind is SequenceClassifier else expected[-1])
    batch = model.stream(3)
    firsts = pd.concat([x[:1] for x in given[:3]]) if texts else np.stack([x[0] for x in given[:3]])
    said = batch.step(firsts)
    for k in range(3):
        stream.reset()
        assert_same_bits(stream.step(firsts.iloc[k] if texts else firsts[k]), said[k])


def test_the_same_bits_in_any_company_and_with_any_threads(monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 0)
    X, y = signed()
    model = SequenceClassifier(categorical_features=[1], **SMALL).fit(X, y)
    assert_same_bits(np.concatenate([model.predict_proba([x]) for x in X]), model.predict_proba(X))
    with threads.limit(3):
        assert_same_bits(clone(model).set_params(n_jobs=3).fit(X, y).network_.theta, model.network_.theta)


def test_files_say_together_what_there_is(tmp_path):
    X, y = signed()
    X[:30] = [x.clip(None, [9, 20, 9]) for x in X[:30]]  # a part lacks some categories
    files = SequenceFiles.write(tmp_path / "parts", [(X[:30], y[:30]), (X[30:], y[30:])])
    make = SequenceClassifier(categorical_features=[1], **SMALL)
    found, whole = clone(make).fit(files), clone(make).fit(X, y)
    assert found.categories_[0].tolist() == whole.categories_[0].tolist()
    assert_same_bits(found.predict_proba(files), found.predict_proba(X))
    texts, numbers, none = np.array(["a"]), np.array([1]), np.array([])
    assert _union([[texts], [none]])[0].tolist() == ["a"] and _union([[none], [numbers]])[0].tolist() == [1]
    with pytest.raises(ValueError, match="texts in some parts of the data, and numbers in others"):
        _union([[texts], [numbers]])


LARGE = 2**53
"""From here on floats are not all integers."""


@pytest.mark.parametrize("first", [LARGE, 2**63])
def test_large_integers_stay_apart(first, tmp_path):
    X, y = signed(20)
    kind = np.uint64 if first == 2**63 else np.int64
    given = [f.assign(c=(f["c"].map(ord) - 97).astype(kind) + kind(first)) for f in framed(X)]
    model = SequenceClassifier(categorical_features=["c"], **SMALL).fit(given, y)
    known = sorted({value for f in given for value in f["c"].tolist()})
    assert model.categories_[0].tolist() == known and len(known) > 2
    fastrnn.save(model, tmp_path / "model.safetensors")
    assert_same_bits(fastrnn.load(tmp_path / "model.safetensors").predict_proba(given), model.predict_proba(given))
    small = np.arange(3)
    assert _union([[small], [np.array([first], kind)]])[0].tolist() == [0, 1, 2, first]
    # Beside one that is missing: as objects they are exact, as floats they are not.
    objects = [f.assign(c=pd.Categorical([None, *f["c"][1:]])) for f in given]
    assert clone(model).fit(objects, y).categories_[0].tolist() == sorted(
        {v for f in given for v in f["c"].tolist()[1:]}
    )
    floats = [f.assign(c=f["c"].astype(float)) for f in given]
    for wrong in (floats, [x + [0, first, 0] for x in X]):
        with pytest.raises(
            ValueError, match="feature 1 of X is categorical, and holds .* as a float, which is not exact"
        ):
            clone(model).set_params(categorical_features=[1]).fit(wrong, y)
    with pytest.raises(ValueError, match="feature 1 of X is categorical, and holds"):
        model.predict(floats)
    with pytest.raises(ValueError, match=r"holds integers such as \d+, and 64 bits do not hold all: make them texts"):
        clone(model).fit([f.assign(c=f["c"].astype(object) + 2**64) for f in given], y)


def test_a_refit_on_files_has_no_categories_of_the_fit_before(tmp_path):
    X, y = signed()
    files = SequenceFiles.write(tmp_path / "parts", [(X[:30], y[:30]), (X[30:], y[30:])])
    model = SequenceClassifier(categorical_features=[1], **SMALL).fit(X, y).set_params(categorical_features=None)
    assert model.fit(files).loss_curve_ == SequenceClassifier(**SMALL).fit(files).loss_curve_
    assert not hasattr(model, "categories_") and not hasattr(model, "is_categorical_")


def test_in_searches_ensembles_decoders_and_later_fits():
    X, y = signed()
    search = GridSearchCV(SequenceClassifier(**SMALL), {"categorical_features": [None, [1]]}, cv=2).fit(X, y)
    assert search.predict(X).shape == (60,)
    ensemble = SequenceEnsemble(SequenceClassifier(categorical_features=[1], **SMALL), n_members=2, n_jobs=1).fit(X, y)
    assert np.isfinite(ensemble.predict_proba(X)).all()
    pairs = SequenceToSequence(embedding_dim=None, categorical_features=[1], **SMALL).fit(X, [[k] for k in y])
    assert len(pairs.predict(X)) == 60
    model = SequenceClassifier(categorical_features=[1], **SMALL).partial_fit(X, y)
    known = model.categories_
    X[0][0, 1] = 7
    model.partial_fit(X, y).set_params(warm_start=True).fit(X, y)
    assert model.categories_ is known and np.isfinite(model.loss_curve_).all()
    assert model.network_.encoder.categories.parameters["weight_1"][0].all()  # what is new is trained as unknown
    assert "weight_1" in model.summary() and "(B, T, 3)" in model.summary()


@pytest.mark.parametrize("missing", ["error", "mask"])
@pytest.mark.parametrize("columns", [[1], [0, 1]])
@pytest.mark.parametrize("lengths", [True, False])
def test_exported_models_read_integers(missing, columns, lengths):
    onnxruntime = pytest.importorskip("onnxruntime")
    X, y = signed()
    X = [(np.round(x) * [1, 1, 5] + [0, 0, 100])[np.arange(6) % len(x)] for x in X]
    model = SequenceClassifier(categorical_features=columns, missing=missing, **SMALL).fit(X, y)
    X[0][0, 1], X[1][2, 1] = 7, np.nan
    X[2][3, 2] = np.nan if missing == "mask" else 101
    session = onnxruntime.InferenceSession(to_onnx(model, lengths=lengths).SerializeToString())
    given = {"X": np.stack(X, axis=1).astype("float32")}
    if lengths:
        given |= {"lengths": np.full(60, 6, "int32"), "h_0": np.zeros((2, 1, 7), "float32")}
    np.testing.assert_allclose(session.run(["probabilities"], given)[0], model.predict_proba(X), atol=2e-5)


def test_categories_help_where_numbers_alone_do_not():
    """The sign of a number is that of the category beside it, which is drawn anew at each step."""
    rng = np.random.default_rng(0)
    X = [np.column_stack([rng.choice([-1.0, 1.0], 600), rng.integers(0, 40, 600)]) for _ in range(4)]
    signs = rng.permutation(np.repeat([-1, 1], 20))
    y = [(x[:, 0] * signs[x[:, 1].astype(int)] > 0).astype(int) for x in X]
    X, y = [part for x in X for part in np.split(x, 60)], [part for row in y for part in np.split(row, 60)]
    scores = {}
    for name, given, options in (("categories", X, {"categorical_features": [1]}), ("as numbers", X, {}),
                                 ("numbers alone", [x[:, :1] for x in X], {})):  # fmt: skip
        model = SequenceTagger(hidden_size=16, max_iter=40, learning_rate_init=0.02, random_state=0, **options)
        scores[name] = model.fit(given[:160], y[:160]).score(given[160:], y[160:])
    assert scores["categories"] >= 0.95 and scores["numbers alone"] < 0.6 and scores["as numbers"] < 0.75


# ------------------------------------------------------------------------------------------------ bad, and refused


def test_which_columns_there_are():
    X, y = signed()
    frames = framed(X)
    make = SequenceClassifier(**SMALL)
    for given, asked, message in (
        (X, [3], r"categorical_features=\[3\], but X has 3 features: they count from 0"), (X, [-1], "count from 0"),
        (X, ["c"], "categorical_features names 'c', but X has no names of columns"),
        (frames, ["w"], r"categorical_features names 'w', but X has the columns \['u', 'c', 'v'\]"),
        (X, [True, False], "categorical_features is a mask of 2 columns, but X has 3"),
        (X, [0.5], r"categorical_features=\[0.5\]: give a list of columns' numbers or names, or a mask"),
        (X, [[1]], "give a list"), (X, "all", "'categorical_features' parameter"),
        (np.zeros((60, 5)), [0], "names columns of sequences, but X is a table of series"),
        (X, [0], r"X\[0\] holds .* at step 0, feature 0, which is categorical: in arrays categories are integers"),
        ([x + [0, np.inf, 0] for x in X], [1], "in arrays categories are integers"),
        ([x + [0, np.nan, 0] for x in X], [1], "feature 1 of X has no category, for all are missing: leave it out"),
        ([f.assign(c=[None] * len(f)) for f in frames], ["c"], "feature 1 of X has no category"),
        ([f.assign(c=[1] * (len(f) - 1) + ["a"]) for f in frames], ["c"], "feature 1 of X holds int and str;"),
        ([f.assign(c=pd.Timestamp("2024-01-01")) for f in frames], ["c"], "feature 1 of X holds datetime; categories"),
        ([f.assign(c=[["a"]] * len(f)) for f in frames], ["c"], r"X\[0\], column 'c', has a list in a cell"),
        ([f.assign(c=1j) for f in frames], ["c"], "feature 1 of X holds complex; categories"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            clone(make).set_params(categorical_features=asked).fit(given, y)
    for options, message in (
        ({"time_column": 1}, "column 1 is time_column=1, and categorical: leave out one of these"),
        ({"patch_length": 2}, "patch_length=2 reads several steps and their changes as one, but"),
    ):
        with pytest.raises(ValueError, match=message):
            SequenceClassifier(categorical_features=[1], **options, **SMALL).fit(X, y)
    with pytest.raises(
        ValueError, match=r"categorical_features=\[0\] is for numbers, but X holds tokens: leave it out"
    ):
        SequenceClassifier(categorical_features=[0], embedding_dim=4, **SMALL).fit(tokens(20), np.arange(20) % 2)
    long = [np.tile(x, (100, 1)) for x in X]
    assert SequenceClassifier(categorical_features=[1], **SMALL).fit(long, y)._sizes.get("patch") is None


@pytest.mark.parametrize("lie", ["_X_scale", "_X_mean", "is_categorical_", "categories_"])
def test_files_that_lie(lie, tmp_path):
    X, y = signed()
    tree = SequenceClassifier(categorical_features=[1], **SMALL).fit(X, y)._record()
    fitted = tree["fitted"] = {**tree["fitted"]}
    path = tmp_path / "model.safetensors"
    write(path, {"model": tree, "run": None})
    assert fastrnn.load(path).predict(X).shape == (60,)
    fitted[lie] = {"_X_scale": np.array([1.0, 1e-9, 1.0]), "_X_mean": np.array([0, -1e9, 0]),
                   "is_categorical_": np.array([True, True, False]), "categories_": [np.arange(600)]}[lie]  # fmt: skip
    write(path, {"model": tree, "run": None})
    with pytest.raises(StorageError):
        fastrnn.load(path)


def test_what_goes_wrong_later():
    X, y = signed()
    of_texts = SequenceClassifier(categorical_features=[1], **ONE_WAY).fit(framed(X), y)
    message = "give the same kind, texts or numbers"
    with pytest.warns(UserWarning, match="feature names"), pytest.raises(ValueError, match=message):
        of_texts.predict(X)
    with pytest.raises(ValueError, match="X of the model is float32, which cannot hold the category 'f'"):
        to_onnx(of_texts)
    model = SequenceClassifier(categorical_features=[1], **ONE_WAY).fit(X, y)
    with pytest.raises(ValueError, match=r"categorical_features=\[1\] is not what another library's layers read"):
        to_torch(model)
    with pytest.raises(ValueError, match=r"needs data: fit it first"):
        from_torch(SequenceClassifier(categorical_features=[1]), {})
    before = model.network_.theta.copy()
    for call in (lambda bad: model.fit(bad, y), model.predict):
        with pytest.raises(ValueError, match=r"X\[0\] holds 0.5 at step 0, feature 1"):
            call([x * 0 + 0.5 for x in X])
    with pytest.raises(ValueError, match=r"categorical_features=\[2\], but the network to go on with has"):
        model.set_params(warm_start=True, categorical_features=[2]).fit(X, y)
    assert_same_bits(model.network_.theta, before)
    large = SequenceClassifier(categorical_features=[1], **SMALL).fit([x + [0, 2**24 + 1, 0] for x in X], y)
    with pytest.raises(ValueError, match="cannot hold the category 167"):
        to_onnx(large)


def test_an_index_of_names_is_kept_in_files_and_no_name_is_none(tmp_path):
    X, y = signed()
    frames = framed(X)
    model = SequenceClassifier(categorical_features=frames[0].columns[1:2], **SMALL).fit(frames, y)
    fastrnn.save(model, tmp_path / "model.safetensors")
    assert fastrnn.load(tmp_path / "model.safetensors").categorical_features == ["c"]
    none = SequenceClassifier(categorical_features=[], **SMALL).fit(X, y)
    assert_same_bits(none.network_.theta, SequenceClassifier(**SMALL).fit(X, y).network_.theta)


def test_texts_are_no_numbers_later_and_the_other_way_round():
    X, y = signed()
    texts, numbers = framed(X), [frame.assign(c=1 * (frame["v"] > 0)) for frame in framed(X)]
    for fitted, given in ((texts, numbers), (numbers, texts)):
        model = SequenceClassifier(categorical_features=["c"], **SMALL).fit(fitted, y)
        with pytest.raises(ValueError, match="feature 1 of X is categorical, and held categories such as .* same kind"):
            model.predict(given)
