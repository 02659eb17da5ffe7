"""Sequences from and to the containers of other libraries; the libraries themselves where they are installed."""

import sys

import numpy as np
import pytest
from samples import assert_same_bits, ragged
from sklearn.base import clone

from fastrnn import SequenceClassifier
from fastrnn.datasets import load_japanese_vowels
from fastrnn.preprocessing import (
    from_channels_first,
    from_concatenated,
    from_long,
    from_nan_padded,
    pad_sequences,
    to_channels_first,
    to_concatenated,
    to_long,
)
from fastrnn.sequences import as_objects

X = ragged(7, I=3, shortest=4)
RAGGED = as_objects(X)


def test_every_form_and_back():
    assert_same_bits(from_channels_first(to_channels_first(X)), RAGGED)
    assert_same_bits(from_concatenated(*to_concatenated(X)), RAGGED)
    assert_same_bits(from_nan_padded(pad_sequences(X, value=np.nan)[0]), RAGGED)
    pytest.importorskip("pandas")
    found, ids = from_long(to_long(X, names=list("gfedcba")))
    assert_same_bits(found, RAGGED)
    assert ids.tolist() == list("gfedcba")
    nameless = to_long(X).set_index(["unique_id", "ds"]).rename_axis([None, None])
    assert_same_bits(from_long(nameless)[0], RAGGED)
    assert_same_bits(from_long(to_long(X).set_index(["unique_id", "ds"]))[0], RAGGED)


def test_axes():
    cube = np.arange(24.0).reshape(2, 3, 4)
    assert from_channels_first(cube)[1].tolist() == cube[1].T.tolist()
    assert to_channels_first(cube).shape == (2, 4, 3)
    assert to_channels_first([[1, 2], [3]])[0].tolist() == [[1, 2]]
    with pytest.warns(UserWarning, match=r"X\[0\] has shape \(4, 3\), more channels than steps"):
        from_channels_first(cube.transpose(0, 2, 1))


def test_long_rows_in_any_order():
    pd = pytest.importorskip("pandas")
    frame = to_long(X, id_col="id", time_col="t", columns=["a", "b", "c"])
    mixed = frame.sample(frac=1, random_state=0)
    found, ids = from_long(mixed, "id", "t", ["c", "a"])
    for x, k in zip(found, ids, strict=True):
        assert (x == X[k][:, [2, 0]]).all()
    dates = frame.assign(t=pd.Timestamp("2020-01-01") + pd.to_timedelta(frame["t"], unit="D"))
    assert_same_bits(from_long(dates, "id", "t")[0], RAGGED)
    assert from_long(to_long(X[:2], names=["b", 1]))[1].tolist() == ["b", 1]


def test_times_of_a_polars_enum_are_in_its_order():
    pl = pytest.importorskip("polars")
    days = pl.Series(["wed", "mon", "tue"], dtype=pl.Enum(["mon", "tue", "wed"]))
    found, _ = from_long(pl.DataFrame({"unique_id": [1, 1, 1], "ds": days, "y": [3, 1, 2]}))
    assert found[0].ravel().tolist() == [1, 2, 3]


def test_categories_of_time_have_their_own_order():
    pd = pytest.importorskip("pandas")
    months = pd.Categorical(["Mar", "Jan", "Feb"], categories=["Jan", "Feb", "Mar"], ordered=True)
    found, _ = from_long(pd.DataFrame({"unique_id": [1, 1, 1], "ds": months, "y": [3, 1, 2]}))
    assert found[0].ravel().tolist() == [1, 2, 3]


def test_levels_of_an_index_are_taken_by_their_names_if_one_is_named():
    pd = pytest.importorskip("pandas")
    stacked = to_long(X).set_index(["ds", "unique_id"])
    assert_same_bits(from_long(stacked)[0], RAGGED)
    with pytest.raises(ValueError, match="no column 'unique_id', but ds, level_1"):
        from_long(stacked.rename_axis(["ds", None]))
    with pytest.raises(ValueError, match="the frame has the column 'unique_id' twice"):
        from_long(to_long(X).set_index(pd.MultiIndex.from_arrays([range(sum(map(len, X)))] * 2)))


@pytest.mark.parametrize("dtype", ["uint8", "uint64", "int8"])
def test_lengths_in_any_integers(dtype):
    values, lengths = to_concatenated([*X, np.zeros((120, 3)), np.ones((120, 3))])
    assert_same_bits(from_concatenated(values, lengths.astype(dtype)), from_concatenated(values, lengths))


def test_nothing_of_the_caller_is_shared():
    values, lengths = to_concatenated(X)
    from_concatenated(values, lengths)[0][:] = 0
    assert (values[: lengths[0]] == X[0]).all()


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: from_channels_first([np.zeros(3)]), r"X\[0\] has shape \(3,\); expected \(channels, steps\)"),
        (lambda: from_concatenated(np.zeros(5), [3, 3]), "lengths add up to 6, but X has 5 steps"),
        (lambda: from_concatenated(np.zeros(5), [5.0]), "lengths is float64"),
        (lambda: from_concatenated(np.zeros(5), [5, 0]), r"lengths\[1\] is 0; expected positive integers"),
        (lambda: from_nan_padded(np.array([[1.0, np.nan, 2.0]])), r"X\[0\] has NaN before its end"),
        (lambda: from_nan_padded(np.array([[[1.0, np.nan]]])), r"X\[0\] has NaN before its end"),
        (lambda: from_nan_padded(np.full((2, 3), np.nan)), r"X\[0\] has NaN .* or nothing but NaN"),
        (lambda: from_nan_padded(np.ma.masked_less(np.ones((2, 3)), 2)), "X has masked values"),
        (lambda: from_concatenated(np.ma.masked_less(np.ones(3), 2), [3]), "X has masked values"),
        (lambda: from_long(to_long(X), id_col="ds"), "id_col and time_col are both 'ds': name two columns"),
        (lambda: from_nan_padded(np.zeros(3)), r"X has shape \(3,\)"),
        (lambda: from_nan_padded(np.zeros((2, 0))), r"X has shape \(2, 0\)"),
        (lambda: to_long(X, names=["a"]), "names has 1 entries; expected 7"),
        (lambda: to_long(X[:2], names="ab"), "names has 1 entries; expected 2, in a list"),
        (lambda: to_long(X[:2], names={"a", "b"}), "names has 1 entries; expected 2, in a list"),
        (lambda: to_long(X[:2], names=["a", "a"]), r"names=\['a', 'a'\]; expected another for each sequence"),
        (lambda: to_long(X[:2], names=["a", None]), "expected another for each sequence, and none missing"),
        (lambda: to_long(X, columns="abc"), "columns has 1 entries; expected 3, in a list"),
        (lambda: from_long(to_long(X), "id"), "the frame has no column 'id', but unique_id, ds, y0.*: id_col= and"),
        (lambda: to_long(X[:1], columns=["y", "ds", "z"]), "columns must differ: id_col='unique_id', time_col='ds'"),
        (lambda: from_long(to_long(X).assign(ds=0)), "unique_id 0 has the ds 0 twice"),
        (lambda: from_long(to_long(X).assign(ds=np.nan)), "unique_id and ds must be filled"),
        (lambda: from_long(to_long(X).replace({"unique_id": {0: None}})), "unique_id and ds must be filled"),
        (lambda: from_long(to_long(X).assign(y1="a")), "channels .*'y1'.* must be numbers: .*columns= .*'a'"),
        (lambda: from_long(to_long(X).assign(y1=1j)), "channels .*'y1'.* must be numbers: .*1j"),
        (lambda: from_long(to_long(X).astype({"ds": str})), "the column ds is string, which has no order in time"),
        (lambda: from_nan_padded(np.ones((2, 3), complex)), "X holds values that are no numbers"),
        (lambda: from_nan_padded(np.ones((2, 3), "m8[s]")), "X holds values that are no numbers"),
        (lambda: from_nan_padded(np.array([["2020", "NaT"]], "M8[D]")), "X holds values that are no numbers: '2020"),
        (lambda: from_concatenated([[1], [1, 2]], [1, 1]), "X has steps of unequal lengths"),
        (lambda: from_concatenated(1.0, [1]), "lengths add up to 1, but X has no steps"),
    ],
)
def test_what_does_not_go_together(call, match):
    pytest.importorskip("pandas")
    with pytest.raises(ValueError, match=match):
        call()


def test_a_table_without_pandas_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r'^to_long makes a table of pandas: pip install "pandas>=3\.1"$'):
        to_long(X)


# ------------------------------------------------------------------------------------ the libraries' own

WHY = "it holds Numba and NumPy to its versions: CI runs this in an environment of its own"


@pytest.mark.parametrize("name", ["aeon", "sktime"])
def test_a_model_of_sequences_of_other_lengths_from_the_libraries_own_data(name):
    X, y = load_japanese_vowels(split="train")
    datasets = pytest.importorskip(f"{name}.datasets", reason=WHY)
    if name == "aeon":
        theirs, labels = datasets.load_japanese_vowels(split="train")
        ours = from_channels_first(theirs)
    else:
        theirs, labels = datasets.load_japanese_vowels(split="train", return_type="pd-multiindex")
        ours, _ = from_long(theirs)
    assert_same_bits(ours, as_objects(list(X)))
    model = SequenceClassifier(hidden_size=8, max_iter=10, random_state=0).fit(ours, labels)
    same = clone(model).fit(X, y)
    assert_same_bits(model.predict_proba(ours), same.predict_proba(X))
    assert (model.predict(ours) == same.predict(X).astype(str)).all() and model.score(ours, labels) > 0.8


@pytest.mark.parametrize("name", ["aeon", "sktime"])
def test_a_model_of_a_panel_from_the_libraries_own_data(name):
    datasets = pytest.importorskip(f"{name}.datasets", reason=WHY)
    options = {"return_type": "numpy3D"} if name == "sktime" else {}
    theirs, labels = datasets.load_basic_motions(split="train", **options)
    ours = from_channels_first(theirs)
    assert ours[0].shape == (100, 6)
    np.testing.assert_array_equal(to_channels_first(ours), theirs)
    model = SequenceClassifier(hidden_size=8, max_iter=20, learning_rate_init=0.02, random_state=0).fit(ours, labels)
    assert model.score(ours, labels) > 0.9


def test_the_libraries_take_ours():
    collection = pytest.importorskip("aeon.utils.validation.collection", reason=WHY)
    datatypes = pytest.importorskip("sktime.datatypes", reason=WHY)
    tslearn = pytest.importorskip("tslearn.utils", reason=WHY)
    hmm = pytest.importorskip("hmmlearn.hmm", reason=WHY)
    Z = ragged(9, shortest=2)
    assert collection.get_type(to_channels_first(Z)) == "np-list"
    assert datatypes.check_raise(to_long(Z).set_index(["unique_id", "ds"]), mtype="pd-multiindex")
    padded = tslearn.to_time_series_dataset(Z)
    np.testing.assert_array_equal(pad_sequences(Z, value=np.nan)[0], padded)
    assert_same_bits(from_nan_padded(padded), as_objects(Z))
    model = hmm.GaussianHMM(2, n_iter=2, random_state=0).fit(*to_concatenated(Z))
    assert np.isfinite(model.score(*to_concatenated(Z)))
