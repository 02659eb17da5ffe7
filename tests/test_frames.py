"""Time series in any container: what is read, what is refused, and forecasts in kind."""

import subprocess
import sys

import numpy as np
import pytest

from fastrnn.frames.reading import read_covariates, read_series

pd = pytest.importorskip("pandas")

NAN = float("nan")


def objects(items):
    out = np.empty(len(items), object)
    out[:] = items
    return out


def dates(start, periods, freq="D", tz=None):
    return pd.date_range(start, periods=periods, freq=freq, tz=tz)


def series(start=0.0, periods=10, freq="D", name="sales", tz=None, day="2020-01-01"):
    return pd.Series(start + np.arange(periods), dates(day, periods, freq, tz), name=name)


def wide(periods=10, **options):
    return pd.DataFrame({"a": series(periods=periods, **options), "b": series(100, periods, **options)})


def long(lengths, freq="D", ids="ABCDEFGH", start="2020-01-01"):
    """The frames of series k, whose values are 100 k + step, one below the other."""
    parts = [
        pd.DataFrame({"unique_id": i, "ds": dates(start, n, freq), "y": 100.0 * k + np.arange(n)})
        for k, (i, n) in enumerate(zip(ids, lengths, strict=False))
    ]
    return pd.concat(parts, ignore_index=True)


def refused(text, *args, reader=read_series, **options):
    with pytest.raises(ValueError) as error:
        reader(*args, **options)
    assert text in str(error.value)


# --------------------------------------------------------------------------- arrays

FLAT, DEEP = np.arange(4.0), np.arange(8.0).reshape(4, 2)
ARRAYS = {
    "flat": (FLAT, "array", (3,)),
    "numbers": ([0, 1, 2, 3], "array", (3,)),
    "tuple": ((0, 1.0, 2, 3), "array", (3,)),
    "cells": (FLAT.astype(object), "array", (3,)),
    "integers": (np.arange(4), "array", (3,)),
    "deep": (DEEP, "array", (3, 2)),
    "one_channel": (FLAT[:, np.newaxis], "array", (3, 1)),
    "fortran": (np.asfortranarray(DEEP), "array", (3, 2)),
    "list": ([FLAT, FLAT[:2]], "list", (2, 3)),
    "lists": ([[0, 1, 2, 3], [0, 1]], "list", (2, 3)),
    "objects": (objects([FLAT, FLAT[:2]]), "list", (2, 3)),
    "one": ([FLAT], "list", (1, 3)),
    "deep_list": ([DEEP, DEEP[:1]], "list", (2, 3, 2)),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(name):
    y, kind, shape = ARRAYS[name]
    sequences, form = read_series(y)
    first = y[0] if form.is_many else y
    assert form.kind == kind and sequences.values.dtype == np.float64
    assert (sequences[0].squeeze() == np.asarray(first, float).squeeze()).all()
    values = np.arange(3.0 * form.n_series * form.n_channels).reshape(form.n_series, 3, form.n_channels, 1)
    points = form.container(values)
    assert points.shape == shape and (points.ravel() == values.ravel()).all()
    assert form.container(np.repeat(values, 2, axis=3), [0.1, 0.9]).shape == (*shape, 2)


def test_a_form_holds_simple_fields():
    for y in (series(), wide(), long([4, 4]), long([4, 4], ids=[3, 1]), [series(name=7)]):
        form = read_series(y)[1]
        assert form.ends.dtype == np.int64 and form.ends.shape == (form.n_series,)
        assert all(type(label) in (str, int) for label in (*form.ids, *form.columns))
        assert all(type(value) in (str, bool, int, tuple, np.ndarray) for value in vars(form).values())


def test_a_subclass_is_a_frame():
    class Mine(pd.Series):
        pass

    assert read_series(Mine(series()))[1].kind == "series"


def test_inputs_are_left_alone():
    y = np.array([1.0, NAN, 3.0])
    y.flags.writeable = False
    sequences, _ = read_series([y, y[::-1]], missing="interpolate")
    assert sequences.values.ravel().tolist() == [1, 2, 3, 3, 2, 1]
    for frame in (series(), wide(), long([5, 5])):
        before = frame.copy()
        read_series(frame)[0].values[:] = 7
        assert frame.equals(before)


WRONG = {
    "empty_list": ([], "y is empty"),
    "empty_array": (np.empty(0), "y is empty"),
    "empty_series": ([FLAT, FLAT[:0]], "y[1] is empty"),
    "no_channel": (np.empty((3, 0)), "y is empty"),
    "panel": (np.zeros((2, 3, 4)), "shape (2, 3, 4): pass a list of (T, C) arrays"),
    "channels": ([DEEP[:, :1]] * 3 + [DEEP], "y[3] has 2 channels, but y[0] has 1"),
    "mixed": ([FLAT, FLAT[:, np.newaxis]], "y[1] has 1 channels, but y[0] has 1: the shapes are (4, 1) and (4,)"),
    "text": ("abc", "y holds"),
    "texts": ([1.0, "a"], "y holds"),
    "many_texts": ([FLAT, ["a"]], "y[1] holds"),
    "nothing": (None, "y has shape ()"),
    "masked": ([np.ma.masked_less(FLAT, 1)], "y[0] has masked values"),
    "not_a_number": ([1, [2, 3]], "y has steps of unequal lengths"),
    "unequal": ([[[1, 2], [3]]], "y[0] has steps of unequal lengths"),
    "nan": ([FLAT, [1.0, NAN]], "y[1] is NaN at step 1: remove it or set missing='interpolate'"),
    "inf": ([1.0, np.inf], "y is infinite at step 1: remove it"),
    "nan_in_channel": (np.array([[1, 2], [3, NAN]]), "y is NaN at step 1: remove it"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arrays(name):
    refused(WRONG[name][1], WRONG[name][0])


def test_missing_values_are_interpolated():
    y = [[NAN, 1, NAN, NAN, 4, NAN], [5.0]]
    assert read_series(y, missing="interpolate")[0].values.ravel().tolist() == [1, 1, 2, 3, 4, 4, 5]
    two = read_series(np.array([[NAN, 1], [2, NAN], [4, 3]]), missing="interpolate")[0]
    assert two.values.tolist() == [[2, 1], [2, 2], [4, 3]]
    refused("y[1] is NaN at all steps", [[1.0], [NAN, NAN]], missing="interpolate")
    refused("y[1] is infinite at step 2", [[1.0], [NAN, 1, np.inf]], missing="interpolate")
    refused("missing is 'drop'; expected 'error' or 'interpolate'", [1.0], missing="drop")


# --------------------------------------------------------------------------- pandas

FREQS = ["D", "h", "15min", "W-SUN", "MS", "ME", "B", "QS", "2h", "3D", "250ms", "YE"]


def points(form, h=3):
    return form.container(np.arange(1.0 * form.n_series * h * form.n_channels).reshape(form.n_series, h, -1, 1))


@pytest.mark.parametrize("tz", [None, "UTC", "Europe/Berlin", "+01:00"])
@pytest.mark.parametrize("freq", FREQS)
@pytest.mark.parametrize("is_inferred", [False, True])
def test_a_series_goes_on(freq, tz, is_inferred):
    y = series(periods=23, freq=freq, tz=tz, day="2020-03-20")
    expected = pd.Series(np.arange(3.0), y.index[-3:], name="sales")
    if is_inferred:
        y.index = pd.DatetimeIndex(list(y.index), freq=None)
    sequences, form = read_series(y[:-3])
    assert (sequences.values.ravel() == np.arange(20)).all()
    pd.testing.assert_series_equal(points(form), expected, check_freq=not is_inferred, check_index_type=False)
    assert points(form).index.dtype == y.index.dtype


@pytest.mark.parametrize("freq", ["M", "D", "W-SUN", "2M", "Q-DEC", "h", "Y"])
def test_periods_go_on(freq):
    y = pd.Series(np.arange(8.0), pd.period_range("2020-01", periods=8, freq=freq))
    assert points(read_series(y[:-3])[1]).index.equals(y.index[-3:])
    refused("has a gap", y.drop(y.index[4]))


@pytest.mark.parametrize("index", [pd.RangeIndex(5), pd.RangeIndex(3, 8), pd.Index([-1, 0, 1, 2, 3]), [4, 5, 6, 7, 8]])
def test_integers_go_on(index):
    y = pd.Series(np.arange(5.0), index)
    assert points(read_series(y[:3])[1], 2).index.equals(y.index[3:])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_units_are_kept(unit):
    y = series(periods=5, freq="h")
    y.index = y.index.as_unit(unit)
    assert points(read_series(y)[1]).index.dtype == y.index.dtype


def test_a_wide_frame_goes_on():
    sequences, form = read_series(wide(13)[:10])
    assert (sequences.values == wide(10).to_numpy()).all() and form.columns == ("a", "b")
    found = points(form)
    assert found.index.equals(wide(13).index[-3:]) and found["b"].tolist() == [1, 3, 5]
    labelled = form.container(np.arange(12.0).reshape(1, 3, 2, 2), [0.1, 0.9])
    assert labelled["b", 0.9].tolist() == [3, 7, 11] and labelled["a"].columns.tolist() == [0.1, 0.9]


def test_labels_become_columns():
    form = read_series(series())[1]
    found = form.container(np.arange(6.0).reshape(1, 3, 1, 2), ["lower", "upper"])
    assert found.columns.tolist() == ["lower", "upper"] and found["upper"].tolist() == [1, 3, 5]
    form = read_series(long([4, 5]))[1]
    found = form.container(np.arange(8.0).reshape(2, 2, 1, 2), [0.1, 0.9])
    assert found.columns.tolist() == ["unique_id", "ds", 0.1, 0.9] and found[0.9].tolist() == [1, 3, 5, 7]


def test_lists_of_series_and_frames():
    items = [series(periods=13, name="x"), series(periods=8, name="z", day="2020-02-01")]
    form = read_series([y[:-3] for y in items])[1]
    found = points(form)
    for y, got in zip(items, found, strict=True):
        assert got.index.equals(y.index[-3:]) and got.name == y.name
    items = [wide(13), wide(8, day="2021-02-01")]
    sequences, form = read_series([y[:-3] for y in items])
    assert sequences.lengths.tolist() == [10, 5] and form.is_many
    assert all(got.index.equals(y.index[-3:]) for y, got in zip(items, points(form), strict=True))


@pytest.mark.parametrize("how", ["stacked", "interleaved", "categories", "integers", "periods", "numbers", "zone"])
def test_a_long_frame_goes_on(how):
    whole = long([7, 5, 9], ids="CAB")
    if how == "categories":
        whole["unique_id"] = whole["unique_id"].astype("category")
    if how == "integers":
        whole["unique_id"] = whole["unique_id"].map({"C": 7, "A": 3, "B": 5})
    if how == "periods":
        whole["ds"] = whole["ds"].dt.to_period("D")
    if how == "numbers":
        whole["ds"] = whole.groupby("unique_id").cumcount() - 2
    if how == "zone":
        whole["ds"] = whole["ds"].dt.tz_localize("America/New_York")
    order = whole.groupby("unique_id", sort=False, observed=True).cumcount(ascending=False)
    y, expected = whole[order >= 2], whole[order < 2]
    if how == "interleaved":
        y = y.sort_values("ds", kind="stable")
    sequences, form = read_series(y)
    assert sequences.lengths.tolist() == [5, 3, 7] and sequences[1].ravel().tolist() == [100, 101, 102]
    found = form.container(expected["y"].to_numpy().reshape(3, 2, 1, 1))
    assert found.columns.tolist() == ["unique_id", "ds", "y"]
    assert found["unique_id"].tolist() == expected["unique_id"].tolist()
    assert found["ds"].dtype == expected["ds"].dtype and found["ds"].tolist() == expected["ds"].tolist()
    assert found["y"].tolist() == expected["y"].tolist()


def test_columns_of_any_numbers():
    y = wide(4).assign(a=pd.array([1, None, 3, 4], "Int64"), b=[1, 2, 3, 4])
    assert read_series(y, missing="interpolate")[0].values[:, 0].tolist() == [1, 2, 3, 4]
    refused("y is NaN at step 1 (2020-01-02): remove it", y)
    refused("no numbers: 'x'", wide(2).assign(b=["x", "y"]))
    refused("y, column 'b', holds datetime64", wide(2).assign(b=dates("2020", 2)))
    assert read_series(pd.Series([1, None, 3], dtype="Float64"), missing="interpolate")[0].values.sum() == 6
    assert read_series(pd.Series([1, None, 3], dtype=object), missing="interpolate")[0].values.sum() == 6


def no_ds(frame, row):
    return frame.assign(ds=frame["ds"].where(np.arange(len(frame)) != row))


def moved(freq):
    """A series whose ninth timestamp is another than that of the frequency."""
    index = dates("2020", 9, freq)
    return series(periods=9).set_axis([*index[:8], index[8].normalize() + pd.Timedelta("7h10min")])


ROWS = np.arange(10)
GAP = "has a gap: 2020-01-05 is missing after 2020-01-04; add the missing rows, or set missing='interpolate'"
WRONG_FRAMES = {
    "nan": ([series(), series() * NAN], "y[1] is NaN at step 0 (2020-01-01)"),
    "nan_later": (long([10, 10]).replace({"y": {104: NAN}}), "y of unique_id 'B' is NaN at step 4 (2020-01-05)"),
    "nan_periods": (pd.Series([1, NAN], pd.period_range("2020-01", periods=2, freq="M")), "at step 1 (2020-02)"),
    "nan_hours": (series(freq="h").replace(3, NAN), "at step 3 (2020-01-01 03:00:00)"),
    "gap": (series().drop(dates("2020-01-05", 1)), "y " + GAP),
    "gap_in_one": ([series(), series().drop(dates("2020-01-05", 1))], "y[1] " + GAP),
    "gap_in_long": (long([10, 10]).drop([14]), "y of unique_id 'B' " + GAP),
    "gap_of_months": (series(freq="MS", periods=24).drop(dates("2020-05-01", 1)), "2020-05-01 is missing after"),
    "gap_of_hours": (series(freq="h", periods=24).drop(dates("2020-01-01 05:00", 2, "h")), "05:00:00 is missing after"),
    "gap_of_integers": (pd.Series([1.0, 2, 3], [4, 5, 7]), "6 is missing after 5"),
    "twice": (series().iloc[[0, 1, 2, 2, 3]], "y has 2020-01-03 before step 3 (2020-01-03): sort it"),
    "twice_in_long": (long([10, 9]).iloc[[*ROWS, *ROWS]], "'A' has 2020-01-10 before step 10 (2020-01-01)"),
    "unsorted": (series().iloc[[0, 2, 1, 3]], "y has 2020-01-03 before step 2 (2020-01-02)"),
    "reversed": (series()[::-1], "y has 2020-01-10 before step 1 (2020-01-09)"),
    "irregular": (moved("D"), "y is not at the frequency D at step 8 (2020-01-09 07:10:00)"),
    "irregular_hours": (moved("h"), "y is not at the frequency h at step 8 (2020-01-01 07:10:00)"),
    "random": (pd.Series(1.0, dates("2020", 5) + pd.to_timedelta([0, 1, 3, 4, 4], "D")), "y shows no frequency"),
    "short": (long([2, 1]).iloc[:3], "y of unique_id 'A' shows no frequency"),
    "no_time": (series().set_axis([NAN, *series().index[1:]]), "y has no timestamp at step 0"),
    "no_ds": (no_ds(long([4, 4]), 6), "y of unique_id 'B' has no timestamp at step 2"),
    "text_index": (series().set_axis(list("abcdefghij")), "y has timestamps of"),
    "text_ds": (long([4]).assign(ds="2020"), "y has timestamps of"),
    "kinds": ([series(), FLAT], "y[1] is a ndarray, but the first series is of the kind 'series'"),
    "kinds_of_pandas": ([series(), wide()], "y[1] is a DataFrame"),
    "zones": ([series(), series(tz="UTC")], "alike in all series"),
    "columns": ([wide(), wide().rename(columns={"a": "z"})], "y[1] and y[0] have other columns: ['z', 'b']"),
    "channels": ([wide(), wide()[["a"]]], "y[1] has 1 channels, but y[0] has 2"),
    "no_form": (wide().reset_index(drop=True), "y must have a DatetimeIndex or PeriodIndex and a column a channel, or"),
    "no_y": (long([4])[["unique_id", "ds"]], "or the columns unique_id, ds and y; got ['unique_id', 'ds'] and int64"),
    "extra": (long([4]).assign(price=1, promo=2), "the columns price, promo beside unique_id, ds and y: pass"),
    "no_id": (long([4, 4], ids=["A", None]), "y has no unique_id in row 4"),
    "empty": (series()[:0], "y is empty"),
    "empty_long": (long([4])[:0], "y is empty"),
    "empty_in_list": ([wide(), wide()[:0]], "y[1] is empty"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_FRAMES)
def test_wrong_frames(name):
    refused(WRONG_FRAMES[name][1], WRONG_FRAMES[name][0])


def test_a_zone_without_a_name_is_refused():
    zone = pytest.importorskip("dateutil.tz").tzoffset(None, 3600)
    refused("y has the time zone tzoffset(None, 3600): tz_convert it", series(tz=zone))


def test_series_far_apart_need_no_grid_of_all_steps():
    y = [series(freq="us", day=day) for day in ("1990", "2020", "2020-01-01 00:00:00.0000005")]
    form = read_series([x.set_axis(x.index.as_unit("ns")) for x in y])[1]
    assert [str(x.index[0])[:26] for x in points(form)] == [str(x.index[-1] + x.index.freq)[:26] for x in y]


# --------------------------------------------------------------------------- going on

PAIRS = {
    "array": lambda a, b: np.arange(20.0)[a:b],
    "deep": lambda a, b: np.arange(40.0).reshape(20, 2)[a:b],
    "list": lambda a, b: [np.arange(20.0)[a:b], np.arange(20.0)[a:b]],
    "series": lambda a, b: series(periods=20)[a:b],
    "integers": lambda a, b: pd.Series(np.arange(20.0))[a:b],
    "months": lambda a, b: series(periods=20, freq="ME")[a:b],
    "hours": lambda a, b: series(periods=20, freq="h", tz="Europe/Berlin")[a:b],
    "wide": lambda a, b: wide(20)[a:b],
    "many": lambda a, b: [wide(20)[a:b], wide(20)[a:b]],
    "long": lambda a, b: long([20, 20]).groupby("unique_id").nth(slice(a, b)),
    "periods": lambda a, b: series(periods=20).to_period()[a:b],
}


@pytest.mark.parametrize("n_new", [1, 2, 5])
@pytest.mark.parametrize("name", PAIRS)
def test_new_data_follow(name, n_new):
    first, form = read_series(PAIRS[name](0, 9))
    new, other = read_series(PAIRS[name](9, 9 + n_new), form=form)
    form.follows(other, new.lengths)
    later = form.extended(new.lengths)
    assert later.ends is None if form.ends is None else (later.ends == other.ends).all()
    if form.ends is not None:
        for a in (8, 10):
            new, other = read_series(PAIRS[name](a, a + n_new), form=form)
            refused(" begins at ", other, new.lengths, reader=form.follows)


def test_what_does_not_follow():
    def check(text, before, new):
        form = read_series(before)[1]
        sequences, other = read_series(new)
        refused(text, other, sequences.lengths, reader=form.follows)

    check("y has n_channels 2; expected 1", FLAT, DEEP)
    check("y has n_series 1; expected 2", [FLAT, FLAT], FLAT)
    check("y is an array; expected a Series", series(), FLAT)
    check("y has columns ('b', 'a')", wide(), wide()[["b", "a"]])
    check("y has freq 'h'; expected 'D'", series(), series(freq="h"))
    check("y has ids ('A', 'C')", long([4, 4]), long([4, 4], ids="AC"))
    check("y begins at 2020-01-01; expected 2020-01-11", series(), series())
    check("y begins at 2020-01-11 00:00:00+00:00", series(), series(tz="UTC", day="2020-01-11"))
    check("y[1] begins at 2020-01-12", [series()] * 2, [series(day="2020-01-11"), series(day="2020-01-12")])
    periods = series().to_period("D")
    check("y has times that are periods; expected dates, as the series have: convert", series(), periods)
    check("expected periods, as the series have: convert them with to_period", periods, series())
    check("y has times that are dates; expected integers, as the series have: pass integers", pd.Series(FLAT), series())
    read_series(FLAT)[1].follows(read_series([FLAT])[1], [4])


def test_new_rows_of_a_long_frame_come_in_any_order():
    form = read_series(long([4, 4], ids="BA"))[1]
    new = long([1, 1], ids="AB", start="2020-01-05")
    sequences, other = read_series(new, form=form)
    assert other.ids == ("B", "A") and sequences.values.ravel().tolist() == [100, 0]
    form.follows(other, sequences.lengths)
    refused("y has the unique_id 'C'; known are ['B', 'A']", long([4, 4, 4]), form=form)
    refused("y has no rows of unique_id 'A'", long([4], ids="B"), form=form)


# --------------------------------------------------------------------------- covariates


def test_covariates_of_a_long_frame():
    form = read_series(long([6, 4], ids="BA"))[1]
    x = long([6, 8], ids="AB").rename(columns={"y": "price"}).assign(promo=1)
    sequences, found = read_covariates(x, form, "future", ahead=2)
    assert found.columns == ("price", "promo") and found.ids == ("B", "A")
    assert sequences.lengths.tolist() == [8, 6] and sequences[1][:2].tolist() == [[0, 1], [1, 1]]
    refused(
        "future of unique_id 'B' ends at 2020-01-08; expected 2020-01-06",
        x,
        form,
        "future",
        ahead=0,
        reader=read_covariates,
    )
    refused("past has the unique_id 'C'", long([6, 4], ids="BC"), form, "past", reader=read_covariates)
    refused("past has no rows of unique_id 'A'", long([6], ids="B"), form, "past", reader=read_covariates)
    refused(
        "past of unique_id 'A' is NaN", long([6, 4], ids="BA").replace(102, NAN), form, "past", reader=read_covariates
    )
    refused("unique_id and ds", wide(), form, "past", reader=read_covariates)
    refused("unique_id and ds", np.zeros((2, 3)), form, "past", reader=read_covariates)
    refused("unique_id and ds", x.drop(columns="ds"), form, "past", ahead=0, reader=read_covariates)
    two = long([2, 2]).groupby("unique_id").tail(1)
    assert read_covariates(two.assign(ds=form.ahead(1)[[1, 0]]), form, "future", ahead=1)[0].lengths.tolist() == [1, 1]


def test_static_covariates():
    form = read_series(long([6, 4], ids="BA"))[1]
    x = pd.DataFrame({"unique_id": ["A", "B"], "area": [1, 2], "open": [True, False]})
    assert read_covariates(x, form, "static")[0].values.tolist() == [[2, 0], [1, 1]]
    refused("static of unique_id 'B' has several rows", pd.concat([x, x[1:]]), form, "static", reader=read_covariates)


def test_covariates_in_other_containers():
    form = read_series([FLAT, FLAT])[1]
    assert read_covariates([DEEP, DEEP], form, "past", ahead=0)[0].values.shape == (8, 2)
    refused("past has 1 series, but y has 2", DEEP, form, "past", reader=read_covariates)
    form = read_series(series())[1]
    assert read_covariates(wide(12), form, "future", ahead=2)[1].columns == ("a", "b")
    assert read_covariates(wide(12)[10:], form, "future", ahead=2)[0].values.shape == (2, 2)
    late = "future ends at 2020-01-10; expected 2020-01-12, 2 steps after the last of y"
    refused(late, wide(), form, "future", ahead=2, reader=read_covariates)
    form = read_series(pd.Series([1.0, 2, 3]))[1]
    assert read_covariates(pd.DataFrame({"a": FLAT}), form, "future", ahead=1)[0].values.shape == (4, 1)


# --------------------------------------------------------------------------- calendar


def waves(parts):
    return np.concatenate([[np.sin(2 * np.pi * p), np.cos(2 * np.pi * p)] for p in parts])


@pytest.mark.parametrize("tz", [None, "Europe/Berlin"])
def test_calendar(tz):
    y = [series(periods=40, freq="15min", tz=tz, day="2020-03-28 20:00"), series(periods=3, freq="15min", tz=tz)]
    form = read_series(y)[1]
    found = form.calendar([40, 3])
    stamps = [stamp for x in y for stamp in x.index]
    for stamp, row in zip(stamps, found, strict=True):
        day = (stamp.hour + stamp.minute / 60) / 24
        assert np.allclose(row, waves([day, stamp.day_of_week / 7, (stamp.day_of_year - 1) / 366]))
    assert np.array_equal(form.extended([2, 2]).calendar([2, 2])[:1], read_series(
        series(periods=41, freq="15min", tz=tz, day="2020-03-28 20:00"))[1].calendar([1]))  # fmt: skip


@pytest.mark.parametrize(
    "freq, n_columns", [("h", 6), ("D", 4), ("B", 4), ("3D", 4), ("W-SUN", 2), ("MS", 2), ("36h", 4), ("YE", 2)]
)
def test_a_calendar_has_what_varies_within_a_step(freq, n_columns):
    y = series(periods=30, freq=freq)
    form = read_series(y)[1]
    found = form.calendar([30])
    assert found.shape == (30, n_columns)
    assert np.allclose(found[:, -2:].T, waves([(y.index.day_of_year - 1) / (365 + y.index.is_leap_year)]))


def test_calendar_of_business_hours():
    assert read_series(series(periods=24, freq="bh"))[1].calendar([24]).shape == (24, 6)


def test_calendar_of_periods():
    y = pd.Series(np.arange(6.0), pd.period_range("2019-12", periods=6, freq="M"))
    stamped = pd.Series(np.arange(6.0), dates("2019-12-01", 6, "MS"))
    assert np.array_equal(read_series(y)[1].calendar([6]), read_series(stamped)[1].calendar([6]))


@pytest.mark.parametrize("y", [FLAT, pd.Series(FLAT)])
def test_no_calendar_without_timestamps(y):
    form = read_series(y)[1]
    refused("calendar=True needs a DatetimeIndex or PeriodIndex", [4], reader=form.calendar)


def test_arrays_need_no_pandas():
    code = "import sys; sys.modules['pandas'] = None; from fastrnn.frames.reading import read_series; " + (
        "s, f = read_series([[1, 2], [3.0]]); print(f.container(s.values[:2].reshape(2, 1, 1, 1)).tolist())"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[[1.0], [2.0]]"


@pytest.mark.parametrize("minutes", [15, 30, 60])
def test_of_clocks_set_back_no_row_is_lost(minutes):
    times = pd.date_range("2024-10-26 20:00", periods=12 * 60 // minutes, freq=f"{minutes}min", tz="Europe/Berlin")
    y = pd.Series(np.arange(len(times)), times.tz_localize(None))
    both = pd.concat([pd.DataFrame({"unique_id": name, "ds": y.index, "y": y.to_numpy()}) for name in "ab"])
    for x in (y, y.to_frame(), both):
        refused("if clocks were set back there, lose no row: tz_localize the times of each series", x)
    zoned = y.set_axis(y.index.tz_localize("Europe/Berlin", ambiguous="infer"))
    assert read_series(zoned)[1].ahead(1)[0] == times[-1] + times.freq


@pytest.mark.parametrize("name", ["unique_id", "ds"])
def test_a_column_of_ids_or_times_is_not_lost_in_the_forecast(name):
    frame = long([4, 4]).rename(columns={name: "lower"})
    names = tuple("lower" if own == name else own for own in ("unique_id", "ds", "y"))
    form = read_series(frame, names=names)[1]
    assert list(form.container(np.zeros((2, 3, 1, 1))).columns) == list(names)
    with pytest.raises(ValueError, match="the forecast has a column 'lower' of its own: rename that of y"):
        form.container(np.zeros((2, 3, 1, 2)), ["lower", "upper"])
