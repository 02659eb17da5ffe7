"""Tables of pandas and of other libraries: read alike wherever one comes in, answered in kind, or refused in words."""

import re
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from samples import assert_same_bits

from fastrnn import SequenceClassifier, SequenceForecaster, VectorToSequence, load, save, tables
from fastrnn.frames.reading import read_covariates, read_series
from fastrnn.preprocessing import SequenceScaler, from_long, from_nested
from fastrnn.sequences import as_objects, as_sequences

pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
pytest.importorskip("narwhals")

TIMES = pd.date_range("2024-01-01", periods=66)
Y = 50.0 + np.arange(66) % 7 + np.sin(np.arange(66))
P = np.random.default_rng(0).standard_normal((12, 5))
NAMES = list("abcde")


def polars_of(frame):
    """Without pyarrow, which polars itself would take."""
    return pl.DataFrame({c: x.tolist() if x.dtype.kind == "O" else x.to_numpy() for c, x in frame.items()})


AS = {"pandas": lambda frame: frame, "polars": polars_of, "pyarrow": lambda frame: polars_of(frame).to_arrow()}
every_library = pytest.mark.parametrize("library", AS)
others = pytest.mark.parametrize("library", ["polars", "pyarrow"])


def panel(**columns):
    return pd.DataFrame(P, columns=NAMES).assign(**columns)


def long(a=0, b=60, ids="ab", names=tables.LONG):
    parts = [pd.DataFrame({names[0]: i, names[1]: TIMES[a:b], names[2]: Y[a:b] + k}) for k, i in enumerate(ids)]
    return pd.concat(parts, ignore_index=True)


def forecaster(**options):
    small = {
        "horizon": 3,
        "season": None,
        "linear_lags": 4,
        "hidden_size": 4,
        "shrinkage": None,
        "max_iter": 1,
        "random_state": 0,
    }
    return SequenceForecaster(**{**small, **options})


def refused(text, call):
    with pytest.raises(ValueError) as error:
        call()
    assert text in str(error.value)
    return str(error.value)


def kind(table):
    return type(table).__module__.partition(".")[0]


# ------------------------------------------------------------------------------------------ as X

NO_VECTORS = {
    "text": (panel(e="x"), "X, column 'e', holds values that are no numbers: 'x'"),
    "dates": (panel(e=TIMES[:12]), "X, column 'e', holds datetime64"),
    "long": (panel(unique_id=range(12)), "X has the column 'unique_id', as a long table"),
    "a hole": (panel(e=[None, *range(11)]), "X contains NaN"),
    "no rows": (panel()[:0], "0 sample"),
}


@every_library
def test_vectors_in_a_table(library):
    y, of = [np.arange(k % 4) for k in range(12)], AS[library]
    options = {"hidden_size": 4, "max_iter": 1, "random_state": 0}
    model = VectorToSequence(**options).fit(of(panel()), y)
    assert list(model.feature_names_in_) == NAMES
    assert_same_bits(model.network_.theta, VectorToSequence(**options).fit(P, y).network_.theta)
    for bad, text in NO_VECTORS.values():
        refused(text, lambda bad=bad: VectorToSequence(**options).fit(of(bad), y))
    with pytest.raises(ValueError, match="must be in the same order"):
        model.predict(of(panel()[NAMES[::-1]]))
    with pytest.raises(ValueError, match="X has 4 features|missing"):
        model.predict(of(panel()[NAMES[:4]]))


@every_library
def test_a_table_is_a_panel_with_names(library):
    X = AS[library](panel())
    scaler = SequenceScaler().fit(X)
    assert scaler.feature_names_in_.tolist() == NAMES
    assert_same_bits(scaler.transform(X), SequenceScaler().fit_transform(P))
    other = AS[library](panel()[NAMES[::-1]])
    refused("Feature names must be in the same order", lambda: scaler.transform(other))


@every_library
@pytest.mark.parametrize("depth", [1, 2])
def test_lists_of_tables_and_of_columns_are_sequences(library, depth):
    frames = [AS[library](panel()[:n]) for n in (5, 12, 1)]
    items = frames if depth == 2 else [frame["c"] for frame in frames]
    plain = [P[:n] if depth == 2 else P[:n, 2] for n in (5, 12, 1)]
    assert_same_bits(as_sequences(items, "float64").values, as_sequences(plain, "float64").values)


COLUMNS = {
    "integers": [3] * 12, "whole_numbers_or_none": [3] * 11 + [None], "truths": [True, False] * 6,
    "truths_or_none": [True] * 11 + [None], "decimals": [Decimal("1.5")] * 12, "small": np.ones(12, np.float32),
}  # fmt: skip


@every_library
@pytest.mark.parametrize("name", COLUMNS)
def test_columns_of_any_numbers(library, name):
    X, values = AS[library](panel(c=COLUMNS[name])), COLUMNS[name]
    found = tables.numbers(X, "X")
    expected = P.copy()
    expected[:, 2] = [np.nan if v is None else float(v) for v in values]
    np.testing.assert_array_equal(found, expected)


def test_pandas_own_types_of_columns():
    arrow = panel(c=np.arange(12)).convert_dtypes(dtype_backend="pyarrow")
    np.testing.assert_array_equal(tables.numbers(arrow, "X"), tables.numbers(panel(c=np.arange(12.0)), "X"))
    mixed = panel(
        a=pd.array([1] * 11 + [None], "Int64"), c=pd.Categorical([3, 1] * 6), e=pd.array([True] * 12, "boolean")
    )
    found = tables.numbers(mixed, "X")
    assert np.isnan(found[11, 0]) and found[:3, 2].tolist() == [3, 1, 3] and (found[:, 4] == 1).all()
    assert tables.numbers(panel().astype(np.float32), "X").dtype == np.float32
    assert tables.numbers(pd.DataFrame(index=range(3)), "X").shape == (3, 0)


@every_library
@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"c": "x"}, "X, column 'c', holds values that are no numbers: 'x'"),
        ({"c": pd.to_timedelta(range(12), "h")}, "X, column 'c', holds timedelta64"),
        ({"c": TIMES[:12]}, "X, column 'c', holds datetime64"),
        ({"c": [[1, 2]] * 12}, "X, column 'c', has a"),
        ({"unique_id": 1}, "X has the column 'unique_id', as a long table"),
        ({"ds": range(12)}, "X has the column 'ds', as a long table"),
    ],
)
def test_columns_that_are_no_features(library, columns, text):
    X = AS[library](panel(**columns))
    model = SequenceClassifier(max_iter=1)
    refused(text, lambda: model.fit(X, [0, 1] * 6))
    refused(text.replace("X", "X[1]"), lambda: model.fit([AS[library](panel()), X], [0, 1]))


LONG = pd.DataFrame({"unique_id": np.repeat(np.arange(6), 2), "ds": np.tile([0, 1], 6), "v": np.arange(12.0)})
NESTED = pd.DataFrame({"v": [pd.Series(np.arange(5.0)) for _ in range(12)]})
TWICE = panel().set_axis(list("aabcd"), axis=1)
NO_SEQUENCES = {
    "long": (LONG, "fastrnn.preprocessing.from_long"),
    "stacked": (LONG.set_index(["unique_id", "ds"]), "X has a MultiIndex, as a long table"),
    "stacked_column": (LONG.set_index(["unique_id", "ds"])["v"], "X has a MultiIndex, as a long table"),
    "parts": ([part for _, part in LONG.groupby("unique_id")], "X[0] has the column 'unique_id'"),
    "groups": (LONG.groupby("unique_id"), "got DataFrameGroupBy: give fastrnn.preprocessing.from_long the table"),
    "polars_groups": (polars_of(LONG).group_by("unique_id"), "got GroupBy: give fastrnn.preprocessing.from_long"),
    "other_names": (LONG.set_axis(["id", "step", "v"], axis=1), "6 for 12: give one each, or if a row of X is a step"),
    "nested": (NESTED, "fastrnn.preprocessing.from_nested"),
    "nested_array": (NESTED.assign(w=1.0).to_numpy(), "fastrnn.preprocessing.from_nested"),
    "nested_lists": (pl.DataFrame({"v": P.tolist()}), "fastrnn.preprocessing.from_nested"),
    "nested_arrays": (pl.DataFrame({"v": P.tolist()}, {"v": pl.Array(pl.Float64, 5)}), "preprocessing.from_nested"),
    "twice": (TWICE, "X has the column 'a' twice: rename"),
    "twice_in_one": ([panel(), TWICE], "X[1] has the column 'a' twice"),
    "twice_arrow": (pa.table([pa.array([1.0])] * 2, names=["a", "a"]), "X has the column 'a' twice"),
    "lazy sequences": ([polars_of(panel()).lazy()] * 2, "X[0] is a LazyFrame of polars, which is not read as it is: "),
    "lazy": (polars_of(panel()).lazy(), "X is a LazyFrame of polars, which is not read as it is: pass X.collect()"),
    "batch": (pa.record_batch({"a": [1.0]}), "X is a RecordBatch of pyarrow, which is not read as it is: pass X.to_p"),
    "dict": ({"a": P[0]}, "got dict: pass list(X.values())"),
    "values": ({"a": P[0]}.values(), "got dict_values: pass list(X)"),
    "generator": ((x for x in P), "got generator: pass list(X)"),
    "fields": (LONG.to_records(), "got recarray: pass pandas.DataFrame(X)"),
    "records": (LONG.to_dict("records"), "X[0] is a dict"),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_SEQUENCES)
def test_what_is_no_list_of_sequences(name):
    X, text = NO_SEQUENCES[name]
    n_rows = 12 if hasattr(X, "shape") and name != "other_names" else 6
    refused(text, lambda: SequenceClassifier(max_iter=1).fit(X, np.arange(n_rows) % 2))


def test_the_advice_leads_to_sequences():
    expected = as_objects([np.array([[2.0 * k], [2.0 * k + 1]]) for k in range(6)])
    for X in (LONG, LONG.set_index(["unique_id", "ds"]), LONG.set_index(["unique_id", "ds"])["v"], polars_of(LONG)):
        assert_same_bits(from_long(X)[0], expected)
    for X in (NESTED, NESTED.to_numpy(), NESTED["v"], pl.DataFrame({"v": [[0, 1, 2, 3, 4]] * 12})):
        assert_same_bits(from_nested(X), as_objects([np.arange(5.0)[:, np.newaxis]] * 12))


# ------------------------------------------------------------------------------------------ as series


def zoned(frame):
    return frame.assign(ds=frame["ds"].dt.tz_localize("Europe/Berlin"))


TYPES = {
    "texts": {}, "dates": {"ds": pl.Date}, "milliseconds": {"ds": pl.Datetime("ms")}, "steps": {"ds": pl.Int16},
    "numbers": {"unique_id": pl.Int32}, "categories": {"unique_id": pl.Categorical}, "floats": {"y": pl.Float32},
    "enum": {"unique_id": pl.Enum(["z", "a", "b"])}, "zone": {"ds": pl.Datetime("us", "America/New_York")},
}  # fmt: skip


@others
@pytest.mark.parametrize("name", TYPES)
def test_a_long_table_goes_on_in_its_own_types(library, name):
    whole = polars_of(long(ids=[1, 2] if name == "numbers" else "ab"))
    if name == "steps":
        whole = whole.with_columns(ds=pl.Series([*range(60)] * 2))
    if name == "zone":
        whole = whole.with_columns(pl.col("ds").dt.replace_time_zone("UTC").dt.convert_time_zone("America/New_York"))
    whole = whole.cast(TYPES[name])
    steps = pl.int_range(pl.len()).over("unique_id")
    y, expected = whole.filter(steps < 57), whole.filter(steps >= 57)
    if library == "pyarrow" and name != "enum":
        y, expected = y.to_arrow(), expected.to_arrow()
    sequences, form = read_series(y)
    assert sequences.lengths.tolist() == [57, 57]
    found = form.container(np.asarray(expected["y"], float).reshape(2, 3, 1, 1))
    assert kind(found) == kind(y)
    if (library, name) != ("pyarrow", "categories"):  # which may be of two types of strings
        assert [*found.schema][:2] == [*expected.schema][:2]
    found, expected = (pl.from_arrow(x) if isinstance(x, pa.Table) else x for x in (found, expected))
    assert found.equals(expected.cast({"y": pl.Float64}))


@every_library
@pytest.mark.parametrize("n", [1, 2])
def test_a_column_of_times_makes_a_table_of_channels(library, n):
    frame = pd.DataFrame({"day": TIMES, "a": Y, "b": 2 * Y}).drop(columns="b" if n == 1 else [])
    form = read_series(AS[library](frame[:60]), names=("unique_id", "day", "y"))[1]
    points = form.container(np.stack([Y[60:63], 2 * Y[60:63]][:n], axis=1).reshape(1, 3, n, 1))
    assert kind(points) == library
    pd.testing.assert_frame_equal(pd.DataFrame(tables.columns(points, "it")), frame[60:63].reset_index(drop=True))
    both = form.container(np.zeros((1, 3, n, 2)), ["lower", 0.5])
    assert tables.labels(both) == [
        "day",
        *(["a_lower", "a_0.5", "b_lower", "b_0.5"] if n == 2 else ["lower", "0.5"]),
    ] or (library == "pandas" and list(both.columns) == ["day", "lower", 0.5])
    many = read_series([AS[library](frame[:60]), AS[library](frame[5:40])], names=("unique_id", "day", "y"))[1]
    assert [kind(x) for x in many.container(np.zeros((2, 3, n, 1)))] == [library] * 2


@others
def test_columns_are_series_without_times(library):
    y = AS[library](pd.DataFrame({"sales": Y}))["sales"]
    form = read_series(y)[1]
    assert form.ends is None and form.kind == "series"
    found = form.container(np.arange(3.0).reshape(1, 3, 1, 1))
    assert type(found) is type(y) and np.asarray(found).tolist() == [0, 1, 2]
    assert library != "polars" or found.name == "sales"
    assert tables.labels(form.container(np.zeros((1, 3, 1, 2)), ["lower", "upper"])) == ["lower", "upper"]
    many, form = read_series([y, y[:30]])
    assert many.lengths.tolist() == [66, 30] and len(form.container(np.zeros((2, 3, 1, 1)))) == 2
    refused(
        "y[1] is a Series, but the first series is of the kind 'series' without times",
        lambda: read_series([y, pd.Series(Y)]),
    )


def test_times_of_pyarrow_in_pandas():
    for types in ("timestamp[us][pyarrow]", "date32[day][pyarrow]", "timestamp[ms, tz=Asia/Tokyo][pyarrow]"):
        times = (TIMES.tz_localize("Asia/Tokyo") if "tz" in types else TIMES).astype(types)
        frame = long().assign(ds=np.concatenate([times[:60]] * 2)).astype({"ds": types, "unique_id": "string[pyarrow]"})
        found = read_series(frame)[1].container(np.zeros((2, 3, 1, 1)))
        assert found["ds"].dtype == types and found["ds"].tolist() == [*times[60:63]] * 2
        y = pd.Series(Y[:60], times[:60])
        assert read_series(y)[1].container(np.zeros((1, 3, 1, 1))).index.equals(times[60:63])


NO_SERIES = {
    "no_times": (polars_of(panel()), {}, "y must have the column ds and a column a channel, or the columns uni"),
    "no_times_in_one": ([polars_of(panel())] * 2, {}, "y must have the column ds and a column a channel"),
    "other_names": (polars_of(long(names=["id", "t", "v"])), {}, "got ['id', 't', 'v']: id_col=, time_col= and target"),
    "other_id": (long(names=["id", "ds", "y"]), {}, "y has times twice in 'ds': if it is many series, id_col="),
    "numbers_as_ids": (polars_of(long(ids=[1, 2], names=["id", "ds", "v"])), {}, "y has times twice in 'ds'"),
    "no_such_id": (long(ids="a").drop(columns="unique_id"), {"id_col": "shop"}, "y must have a DatetimeIndex"),
    "no_such_target": (polars_of(long()), {"target_col": "sales"}, "or the columns unique_id, ds and sales; got ['un"),
    "no_such_time": (long(), {"time_col": "t"}, "columns unique_id, t and y; got ['unique_id', 'ds', 'y'] and int64"),
    "beside_the_target": (polars_of(long(ids="a").assign(price=1.0)).drop("unique_id"), {}, "the columns price beside"),
    "texts_as_times": (polars_of(long().astype({"ds": str})), {}, "y has texts in the column 'ds'; expected times"),
    "ids_as_index": (long().set_index("unique_id"), {}, "y has unique_id as its index: pass y.reset_index()"),
    "stacked": (long().set_index(["unique_id", "ds"])["y"], {}, "target_col= for what its columns are called; or what"),
    "nested": (pd.Series([Y, Y]), {}, "y has a ndarray in a cell"),
    "groups": (long().groupby("unique_id"), {}, "y is a DataFrameGroupBy: pass the table that it groups; id_col="),
    "parts": ([long(), long()], {}, "y[0] is a long DataFrame among others: pass one of all series"),
    "dict": ({"a": Y}, {}, "y is a dict: pass list(y.values()), whose order is that of list(y)"),
    "generator": ((y for y in [Y]), {}, "y is a generator: pass list(y)"),
    "fields": (long().to_records(index=False), {}, "y is a recarray: pass pandas.DataFrame(y)"),
    "lazy": (polars_of(long()).lazy(), {}, "pass y.collect()"),
    "twice": (long()[["unique_id", "ds", "y", "y"]], {}, "y has the column 'y' twice"),
    "twice_wide": (pd.DataFrame(P, TIMES[:12], list("aabcd")), {}, "y has the column 'a' twice"),
    "twice_arrow": (pa.table([pa.array(Y)] * 2, names=["y", "y"]), {}, "y has the column 'y' twice"),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_SERIES)
def test_what_is_no_series(name):
    y, options, text = NO_SERIES[name]
    refused(text, lambda: forecaster().fit(y, **options))


def test_the_advice_leads_to_series():
    stacked = long().set_index(["unique_id", "ds"])["y"].rename(None).rename_axis([None, None])
    refused("pass y.reset_index(), with id_col=, time_col= and target_col= for", lambda: read_series(stacked))
    found, form = read_series(stacked.to_frame("y").reset_index(), names=("level_0", "level_1", "y"))
    assert (found.values == read_series(long())[0].values).all() and form.ids == ("a", "b")
    assert (read_series(list(from_long(stacked)[0]))[0].values == found.values).all()


@every_library
def test_names_of_columns_hold_for_all_that_comes_later(library, tmp_path):
    names, options = ("shop", "day", "sold"), {"id_col": "shop", "time_col": "day", "target_col": "sold"}
    of = AS[library]
    x = long(names=("shop", "day", "price"), b=63)
    past, static = of(x[x["day"] < TIMES[60]]), of(pd.DataFrame({"shop": ["b", "a"], "k": [1, 2]}))
    model = forecaster().fit(of(long(names=names)), future=past, static=static, **options)
    ahead = of(x[x["day"] >= TIMES[60]])
    found = model.predict(future=ahead)
    assert kind(found) == library and tables.labels(found) == [*names]
    save(model, tmp_path / "model")
    again = load(tmp_path / "model").predict(future=ahead)
    assert kind(again) == library and again.equals(found)
    history = {
        "history": of(long(names=names)),
        "future": of(x),
        "static": of(pd.DataFrame({"shop": ["a", "b"], "k": [2, 1]})),
    }
    assert model.predict(**history).equals(found)
    assert model.score(of(long(60, 63, names=names)), future=ahead) < 0
    plain = forecaster().fit(long())
    assert (
        model.predict_interval(future=ahead).shape == (6, 4) and plain.predict()["ds"].tolist() == [*TIMES[60:63]] * 2
    )
    model.update(of(long(60, 63, names=names)), future=ahead)
    later = model.predict(future=of(long(63, 66, names=("shop", "day", "price"))))
    assert tables.columns(later, "it")["day"][0] == TIMES[63].to_numpy()


# ------------------------------------------------------------------------------------------ names of covariates


def covariates(library, name, a, b, columns=("p", "q")):
    """Of a series of 60 steps, or two."""
    frame = pd.DataFrame(np.random.default_rng(1).standard_normal((66, 2))[a:b], columns=["p", "q"])
    frame = frame.set_axis(columns, axis=1)
    if name == "long":
        frame = pd.concat([frame.assign(unique_id=i, ds=TIMES[a:b]) for i in "ab"], ignore_index=True)
    elif name == "times":
        frame.insert(0, "ds", TIMES[a:b])
    return [AS[library](frame)] * 2 if name == "list" else AS[library](frame)


@every_library
@pytest.mark.parametrize("name", ["array", "list", "long", "times"])
def test_columns_of_covariates_keep_their_order_and_names(library, name):
    y = {
        "array": Y[:60],
        "list": [Y[:60]] * 2,
        "long": AS[library](long()),
        "times": AS[library](long(ids="a")[["ds", "y"]]),
    }[name]
    new = {"array": Y[60:63], "list": [Y[60:63]] * 2, "long": AS[library](long(60, 63)),
           "times": AS[library](long(60, 63, ids="a")[["ds", "y"]])}[name]  # fmt: skip
    static = pd.DataFrame({"p": [1.0, 2.0], "q": [3.0, 4.0]})[: 2 if name in ("list", "long") else 1]
    static = static.assign(unique_id=["a", "b"]) if name == "long" else static

    def given(b, ahead=0, which=None, columns=("q", "p")):
        found = {"past": covariates(library, name, 0, b), "future": covariates(library, name, 0, b + ahead)}
        found["static"] = AS[library](static)
        if which == "static":
            found["static"] = AS[library](static.rename(columns=dict(zip("pq", columns, strict=True))))
        elif which:
            found[which] = covariates(library, name, 0, b + ahead * (which == "future"), columns)
        return found

    model = forecaster().fit(y, **given(60))
    for columns in (("q", "p"), ("p", "z")):
        later = covariates(library, name, 60, 63, columns)
        text = f"has the columns {list(columns)}; the fit had ['p', 'q']: pass them in that order"
        refused("future= " + text, lambda later=later: model.predict(future=later))
        refused("future= " + text, lambda later=later: model.score(new, future=later))
        refused(
            "past= " + text, lambda later=later: model.update(new, past=later, future=covariates(library, name, 60, 63))
        )
        for which in ("past", "future", "static"):
            what = f"{which}= {text}"
            refused(what, lambda c=columns, w=which: model.predict(history=y, **given(60, 3, w, c)))
            refused(what, lambda c=columns, w=which: model.backtest(y, initial=40, **given(60, 0, w, c)))
    assert len(model.predict(history=y, **given(60, 3))) == len(model.predict(future=covariates(library, name, 60, 63)))


def test_other_covariates():
    form = read_series(long())[1]
    refused(
        "past must be a DataFrame with unique_id and ds",
        lambda: read_covariates(polars_of(panel()), form, "past", ahead=0),
    )
    by_id = pd.DataFrame({"size": [1.0, 2.0]}, ["b", "a"])
    advice = "got DataFrame with the columns ['size']: pass static.reset_index(names='unique_id')"
    refused(advice, lambda: read_covariates(by_id, form, "static"))
    named = by_id.reset_index(names="unique_id")
    assert read_covariates(named, form, "static")[0].values.ravel().tolist() == [2.0, 1.0]
    named["size"] = ["s", "xl"]
    refused("column 'size', holds values that are no numbers: 'xl'; convert or encode it, as by pandas.to_num",
        lambda: read_covariates(named, form, "static"))  # fmt: skip
    refused("'50.0'; convert or encode it", lambda: read_series(long().astype({"y": str})))
    refused("y has no unique_id in row 60: ", lambda: read_series(long().replace({"unique_id": {"b": None}})))
    form = read_series(Y[:60])[1]
    x = polars_of(long())
    refused("past has the column 'unique_id', which y had not", lambda: read_covariates(x, form, "past", ahead=0))
    twice = pd.DataFrame(np.ones((60, 2)), columns=["p", "p"])
    for which in ("past", "future"):
        refused(f"{which} has the column 'p' twice", lambda w=which: forecaster().fit(Y[:60], **{w: twice}))
    refused("static has the column 'p' twice", lambda: forecaster().fit(Y[:60], static=twice[:1]))
    refused("static has the column 'unique_id'", lambda: forecaster().fit([Y], static=pd.DataFrame({"unique_id": [1]})))
    model = forecaster().fit(Y[:60], future=pd.Series(Y[:60], name="price"))
    refused(
        "future= has the columns ['prize']; the fit had ['price']",
        lambda: model.predict(future=pl.Series("prize", Y[:3])),
    )


def test_many_named_series_go_on_in_their_order():
    y = [pd.Series(Y[:60], TIMES[:60], name=name) for name in "ab"]
    form, new = read_series(y)[1], [pd.Series(Y[60:], TIMES[60:], name=name) for name in "ab"]
    form.follows(read_series(new, form=form)[1], [6, 6])
    refused(
        "y has columns ('b', 'a'); expected ('a', 'b')",
        lambda: form.follows(read_series(new[::-1], form=form)[1], [6, 6]),
    )


# ------------------------------------------------------------------------------------------ what is not installed


def test_without_narwhals_the_way_out_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "narwhals", None)
    for name, read in {
        "y": lambda: forecaster().fit(polars_of(long())),
        "X[0]": lambda: as_sequences([polars_of(panel())], "float64"),
        "frame": lambda: from_long(polars_of(LONG)),
    }.items():
        text = f"{name} is a DataFrame of polars: pass {name}.to_pandas(), or install narwhals, which reads it: pip "
        with pytest.raises(ImportError, match=re.escape(text)):
            read()


def test_without_pandas_its_extra_is_named(monkeypatch):
    y, X = polars_of(long()), polars_of(panel())
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r'time series in a DataFrame take pandas: pip install "pandas>=3.1"'):
        read_series(y)
    assert as_sequences([X], "float64").values.shape == (12, 5)


def test_a_forecast_whose_library_is_gone(monkeypatch):
    form = read_series(polars_of(long()))[1]
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ImportError, match="forecasts come as a table of polars, as the series did"):
        form.container(np.zeros((2, 3, 1, 1)))


def test_tables_with_an_index_of_another_library():
    """As modin and cudf have them: what has `iloc` and says what it is."""

    class Frame:
        iloc = columns = shape = None

    Frame.__module__ = "modin.pandas.dataframe"
    assert tables.library(Frame()) == "modin" and tables.library(P) is None and tables.library(pa.array([1])) is None
    Frame = type("Frame", (), {"columns": ["a"], "shape": (1, 1), "compute": None, "__module__": "dask.dataframe"})
    refused("X is a Frame of dask, which is not read as it is: pass X.compute()", lambda: tables.opened(Frame(), "X"))
