"""Frequencies: told whole, rebuilt, and walked along as pandas does."""

import json

import numpy as np
import pytest
from calendars import FREQS, US, continued, small

import fastrnn
from fastrnn import StorageError
from fastrnn.frames.offsets import is_offset, looser, rebuilt, stride, text_of, told, walked

pd = pytest.importorskip("pandas")
o = pd.offsets


@pytest.mark.parametrize("name", FREQS)
def test_what_is_told_is_rebuilt(name):
    for offset in map(FREQS[name], (1, 2, 3)):
        text = told(offset)
        again = rebuilt(text)
        assert type(json.loads(text)) is dict and type(again) is type(offset) and told(again) == text
        dates = pd.date_range("2023-01-29", periods=40, freq=offset)
        assert dates.equals(pd.date_range("2023-01-29", periods=40, freq=again)) and text_of(again)
        if name != "calendar":  # of which weekmask= and holidays= are made
            assert again == offset


@pytest.mark.parametrize("name", FREQS)
def test_walks_are_those_of_date_range(name):
    offset = FREQS[name](2)
    for unit, n_ends in (("s", 1), ("ns", 1), ("s", 20), ("us", 20)):
        dates = pd.date_range("2003-01-05", periods=30, freq=offset).as_unit(unit).to_numpy()
        table = walked(dates[3 : 3 + n_ends], offset, 0, 5)
        assert table.dtype == dates.dtype
        assert all((table[k] == dates[3 + k : 3 + k + n_ends]).all() for k in range(6))
        if "months, " not in name:  # which meet at the ends of months
            table = walked(dates[3 : 3 + n_ends], offset, -3, 0)
            assert all((table[k] == dates[k : k + n_ends]).all() for k in range(4))


@pytest.mark.parametrize(
    ("offset", "text"),
    [
        (o.MonthBegin(), "MS"), (o.Week(2, weekday=6), "2W-SUN"), (o.Hour(24), "24h"), (o.CustomBusinessDay(), "C"),
        (pd.DateOffset(months=1), "DateOffset(months=1)"), (pd.DateOffset(2, days=3), "DateOffset(n=2, days=3)"),
        (o.CustomBusinessDay(holidays=["2023-07-31"]), "CustomBusinessDay(holidays=['2023-07-31'])"),
        (o.BusinessHour(start="10:00"), "BusinessHour(start=['10:00'])"), (o.Easter(), "Easter()"),
        (o.BusinessDay(offset=pd.Timedelta("1h")), "B+1h"),
    ],
)  # fmt: skip
def test_what_people_call_it(offset, text):
    assert text_of(offset) == text and rebuilt(told(offset)) == offset


def test_many_holidays_are_shortened_in_words_only():
    offset = o.CustomBusinessDay(holidays=US)
    assert len(text_of(offset)) < 120 and len(rebuilt(told(offset)).holidays) == len(US)


def test_weekdays_of_dateutil():
    from dateutil.relativedelta import FR

    offset = pd.DateOffset(months=1, day=31, weekday=FR(-1))  # the last Friday
    assert rebuilt(told(offset)) == offset
    index = pd.date_range("2024-01-26", periods=20, freq=offset)
    assert continued(pd.Series(1.0, index[:15]), 5) == list(index[15:])


@pytest.mark.parametrize(
    ("offset", "days", "is_local"),
    [
        (o.Day(3), 3, True), (o.Week(2), 14, True), (o.Hour(48), 2, False), (pd.DateOffset(days=2), 2, True),
        (pd.DateOffset(hours=24), 1, False), (pd.DateOffset(), 1, True), (pd.DateOffset(2, weeks=1), 14, True),
        (pd.DateOffset(months=1), None, True), (o.BusinessDay(), None, True), (pd.DateOffset(day=15), None, True),
    ],
)  # fmt: skip
def test_strides(offset, days, is_local):
    assert stride(offset) == (None if days is None else pd.Timedelta(days=days), is_local)


def test_what_is_looser():
    assert looser(o.QuarterEnd(2, startingMonth=3), None) == [o.MonthEnd(6)]
    assert looser(o.BYearBegin(), None) == [o.BMonthBegin(12)]
    assert looser(o.Day(2), "Europe/Berlin") == [o.Hour(48)] and looser(o.Day(), None) == []
    assert looser(o.Easter(), None) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"class": "date_range"}, {"class": "__builtins__"}, {"class": "sys"}, {"class": "MonthBegin", "n": 0},
        {"class": "MonthBegin", "n": 10**9}, {"class": "FY5253", "n": 10**6}, {"class": "MonthBegin", "n": 1.5},
        {"class": "Week", "weekday": 9}, {"class": "MonthBegin", "command": "x"}, {"class": "CustomBusinessDay",
        "weekmask": "0000000"}, {"class": "CustomBusinessDay", "holidays": ["x"]}, {"class": 3}, {},
    ],
)  # fmt: skip
def test_lies_are_no_offsets(fields):
    with pytest.raises((ValueError, TypeError, KeyError)):
        is_offset(json.dumps({"n": 1, **fields}))


def test_an_offset_of_ones_own_forecasts_but_is_not_saved(tmp_path):
    class Mine(o.CustomBusinessDay):
        pass

    index = pd.date_range("2023-07-03", periods=43, freq=Mine(holidays=["2023-08-30"]))
    model = small().fit(pd.Series(np.arange(40.0) % 7, index[:40]))
    assert list(model.predict().index) == list(index[40:])
    with pytest.raises(StorageError, match="form.offset is <Mine>, a Mine that no file can hold: set another"):
        fastrnn.save(model, tmp_path / "model")
