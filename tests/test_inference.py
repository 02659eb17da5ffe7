"""What a column of dates shows of its frequency."""

import numpy as np
import pytest
from calendars import bare, continued

from fastrnn.frames.inference import inferred
from fastrnn.frames.offsets import text_of

pd = pytest.importorskip("pandas")
o = pd.offsets
MONTHLY = pd.DateOffset(months=1)


def from_first(start, n, **keywords):
    """Each so many months after the first, which does not drift."""
    return pd.DatetimeIndex([pd.Timestamp(start) + pd.DateOffset(**{key: k * x for key, x in keywords.items()})
                             for k in range(n)])  # fmt: skip


SHOWN = {
    "the 15th": (pd.date_range("2020-01-15", periods=40, freq=pd.DateOffset(months=1)), "DateOffset(months=1)"),
    "the 15th at 7": (pd.date_range("2020-01-15 07:00", periods=40, freq=MONTHLY), "DateOffset(months=1)"),
    "the 30th": (from_first("2020-01-30", 40, months=1), "DateOffset(day=30, months=1)"),
    "the 29th": (from_first("2021-03-29", 40, months=1), "DateOffset(day=29, months=1)"),
    "the 31st": (from_first("2020-01-31", 40, months=1), "ME"),
    "a chain from the 30th": (pd.date_range("2020-01-30", periods=40, freq=MONTHLY), "DateOffset(months=1)"),
    "two months": (from_first("2020-01-10", 40, months=2), "DateOffset(months=2)"),
    "half years": (from_first("1990-05-30", 40, months=6), "DateOffset(day=30, months=6)"),
    "a birthday": (from_first("1950-03-05", 40, years=1), "DateOffset(years=1)"),
    "leap days": (from_first("1960-02-29", 40, years=1), "YE-FEB"),
    "ten days": (pd.date_range("2020-01-15", periods=40, freq="10D"), "10D"),
    "1st and 15th": (pd.date_range("2020", periods=40, freq="SMS"), "SMS-15"),
    "15th and last": (pd.date_range("2020", periods=41, freq="SME"), "SME-15"),
    "last Fridays": (pd.date_range("2020", periods=40, freq=o.LastWeekOfMonth(weekday=4)), "LWOM-FRI"),
    "third Fridays": (pd.date_range("2020", periods=40, freq="WOM-3FRI"), "WOM-3FRI"),
    "Sunday to Thursday": (pd.date_range("2023", periods=40, freq=o.CustomBusinessDay(weekmask="Sun Mon Tue Wed Thu")),
        "CustomBusinessDay(weekmask='Mon Tue Wed Thu Sun')"),
    "without Mondays": (pd.date_range("2023", periods=40, freq=o.CustomBusinessDay(weekmask="Tue Wed Thu Fri Sat Sun")),
        "CustomBusinessDay(weekmask='Tue Wed Thu Fri Sat Sun')"),
    "business days": (pd.date_range("2023", periods=40, freq="B"), "B"),
    "opening hours": (pd.date_range("2023", periods=80, freq=o.BusinessHour(start="10:00", end="14:00")),
        "BusinessHour(end=['14:00'], start=['10:00'])"),
    "quarters": (pd.date_range("2000", periods=40, freq="QE-NOV"), "QE-NOV"),
    "days": (pd.date_range("2023-03-01", periods=40, tz="Europe/Berlin"), "D"),
    "24 hours": (pd.date_range("2023-03-01", periods=40, freq="24h", tz="Europe/Berlin"), "24h"),
}  # fmt: skip


@pytest.mark.parametrize("name", SHOWN)
def test_what_dates_show(name):
    index, text = SHOWN[name]
    assert text_of(inferred(bare(index))) == text
    for cut in (index.size - 3, index.size - 8):
        assert continued(pd.Series(1.0, bare(index[:cut])), 3) == list(index[cut : cut + 3])


@pytest.mark.parametrize("name", sorted(SHOWN.keys() - {"a chain from the 30th", "third Fridays"}))
def test_a_few_holes_hide_nothing(name):
    index, text = SHOWN[name]
    holed = bare(index.delete([7, 8, 21]))
    found = text_of(inferred(holed))
    assert found == text or found == {"leap days": "12ME", "quarters": "3ME"}.get(name)


@pytest.mark.parametrize("days", [[0, 1, 3, 6, 10, 15], [0, 2], [0], [0, 5, 7, 8, 20]])
def test_what_shows_nothing(days):
    assert inferred(pd.Timestamp("2020") + pd.to_timedelta(np.array(days), "D")) is None
