"""Dates that come next: clocks that change, phases, integers, rows that are left out; all as pandas has them."""

import datetime
import re

import numpy as np
import pytest
from calendars import bare, continued, dates, drawn, outcome, small

from fastrnn.frames.calendar import stamp_text
from fastrnn.frames.reading import read_series

pd = pytest.importorskip("pandas")


def values(index):
    return pd.Series(50.0 + np.arange(len(index)) % 7, index)


def long(*indexes):
    parts = [pd.DataFrame({"unique_id": f"s{k}", "ds": x, "y": values(x).to_numpy()}) for k, x in enumerate(indexes)]
    return pd.concat(parts, ignore_index=True)


def refused(match, y, **options):
    with pytest.raises(ValueError, match=match) as error:
        read_series(y, **options)
    return str(error.value)


@pytest.mark.parametrize("seed", range(60))
def test_drawn_inputs_go_on_as_date_range(seed, tmp_path):
    answer = outcome(drawn([7, seed]), tmp_path)
    assert not answer.startswith("WRONG"), answer


# --------------------------------------------------------------------------- clocks that change

CHANGES = {
    "America/Santiago": ("2023-08-01", "2024-10-15"), "America/Sao_Paulo": ("2017-09-01", "2018-12-15"),
    "Asia/Beirut": ("2023-02-01", "2024-05-15"), "Africa/Cairo": ("2023-03-01", "2024-06-15"),
    "America/Havana": ("2023-09-01", "2024-12-15"), "Europe/Berlin": ("2023-02-01", "2024-05-15"),
    "Asia/Tehran": ("2021-02-01", "2022-05-15"), "Australia/Lord_Howe": ("2023-09-01", "2024-11-15"),
}  # fmt: skip
"""Zones most of whose clocks change at midnight, and when."""


@pytest.mark.parametrize("freq", ["D", "2D", "W-SUN", "W-FRI", "MS", "B"])
@pytest.mark.parametrize("zone", CHANGES)
def test_a_day_comes_once_as_resample_dates_it(zone, freq):
    hours = pd.date_range(*CHANGES[zone], freq="h", tz="UTC").tz_convert(zone)
    index = pd.Series(1.0, hours).resample(freq).sum().index
    for cut in range(8, len(index) - 4, 11 if len(index) > 99 else 1):
        for known in (index[max(0, cut - 40) : cut], bare(index[max(0, cut - 40) : cut])):
            assert continued(values(known), 4) == list(index[cut : cut + 4])


def test_midnights_that_are_not_in_a_forecaster():
    index = pd.Series(1.0, pd.date_range(*CHANGES["America/Santiago"], freq="h", tz="America/Santiago"))
    index = index.resample("D").sum().index
    at = list(index.hour).index(1, 300)  # 2024-09-08
    for cut in (at - 1, at, at + 1, at + 9):
        model = small(calendar=True).fit(values(index[:cut]))
        assert list(model.predict().index) == list(index[cut : cut + 3])
        model.update(values(index[cut : cut + 1])).update(values(index[cut + 1 : cut + 3]))
        assert list(model.predict().index) == list(index[cut + 3 : cut + 6])
        assert list(small().fit(values(index[40:cut])).predict(history=values(index[9:cut])).index) == list(
            index[cut : cut + 3]
        )


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "America/Santiago", "UTC"])
@pytest.mark.parametrize("n", [1, 2])
def test_hours_are_told_from_days(zone, n):
    for freq in (f"{24 * n}h", f"{n}D"):
        index = pd.date_range("2023-03-01 12:00", periods=103, freq=freq, tz=zone)
        for known in (index[:100], bare(index[:100])):
            assert continued(values(known), 3) == list(index[100:])
    told = values(pd.date_range("2023-01-01", periods=20, freq=pd.DateOffset(hours=24 * n), tz=zone))
    assert continued(told, 99) == list(pd.date_range(told.index[0], periods=119, freq=f"{24 * n}h")[20:])
    winter = pd.date_range("2023-01-01", periods=100, freq="24h", tz="Europe/Berlin")
    assert continued(values(winter[:80]), 20) == list(winter[80:])
    assert continued(values(bare(winter[:80])), 20) == list(pd.date_range(winter[80], periods=20, tz="Europe/Berlin"))


def test_a_series_that_shows_hours_tells_them_of_all():
    winter, spring = (pd.date_range(day, periods=n, freq="24h", tz="Europe/Berlin") for day, n in (
        ("2023-11-01", 63), ("2023-03-20", 43)))  # fmt: skip
    expected = [list(winter[60:]), list(spring[40:])]
    assert continued([values(bare(winter[:60])), values(bare(spring[:40]))], 3) == expected
    days = pd.date_range("2023-03-20", periods=43, tz="Europe/Berlin")
    refused("not at the frequency", [values(spring), values(days)])


def test_a_clock_change_ahead_does_not_change_the_features():
    index = pd.date_range("2024-02-01", periods=90, freq="24h", tz="Europe/Berlin")
    assert len({read_series(values(index[:n]))[1].calendar([n]).shape[1] for n in range(20, 80)}) == 1


ZONES = {
    "fixed": datetime.timezone(datetime.timedelta(hours=5, minutes=30)), "utc": datetime.UTC,
    "named": datetime.timezone(datetime.timedelta(hours=1), "CET"),  # not that CET which has summers
    "zoneinfo": pytest.importorskip("zoneinfo").ZoneInfo("Europe/Berlin"), "text": "+01:00",
}  # fmt: skip


@pytest.mark.parametrize("name", [*ZONES, "dateutil", "dateutil utc", "pytz"])
def test_zones_of_every_kind(name):
    zone = ZONES.get(name)
    if zone is None:
        zone = pytest.importorskip("pytz").timezone("Europe/Berlin") if name == "pytz" else (
            pytest.importorskip("dateutil.tz").gettz("UTC" if "utc" in name else "Europe/Berlin"))  # fmt: skip
    index = pd.date_range("2024-03-10", periods=33, freq="D", tz=zone)
    form = read_series(values(index[:30]))[1]
    assert list(form.ahead(3)) == list(index[30:]) and form.ahead(3).dtype == index.dtype


# --------------------------------------------------------------------------- phases

PHASES = {
    "14D": [("14D", "2020-01-03"), ("14D", "2020-01-10")], "2QS": [("2QS", "2000-01-01"), ("2QS", "2000-04-01")],
    "2ME": [("2ME", "2000-01-31"), ("2ME", "2000-02-29")], "W": [("W-SUN", "2020-01-05"), ("W-WED", "2020-01-08")],
    "2W": [("2W-SUN", "2020-01-05"), ("2W-MON", "2020-01-13")], "3B": [("3B", "2020-01-06"), ("3B", "2020-01-07")],
    "QE": [("QE-DEC", "2000"), ("QE-NOV", "2000"), ("QE-OCT", "2001")], "YS": [("YS-JAN", "1900"), ("YS-APR", "1900")],
    "BYE": [("BYE-DEC", "1900"), ("BYE-JUN", "1900")], "hours": [("D", "2020-01-01"), ("D", "2020-01-01 07:00")],
    "months": [(pd.DateOffset(months=1), "2020-01-15"), (pd.DateOffset(months=1), "2020-01-20"), ("MS", "2020-01-01")],
    "30ths": [(pd.DateOffset(years=1), "1950-08-30"), (pd.DateOffset(years=1), "1950-03-15")],
    "quarters": [(pd.DateOffset(months=3), "2020-02-15"), ("QS", "2020-01-01")],
    "holidays": [(pd.offsets.CustomBusinessDay(2, holidays=["2020-03-03"]), f"2020-01-0{k}") for k in (6, 7)],
}  # fmt: skip


@pytest.mark.parametrize("name", PHASES)
@pytest.mark.parametrize("order", [1, -1])
def test_each_series_goes_on_from_its_own_date(name, order):
    pairs = PHASES[name][::order]
    whole = [pd.date_range(start, periods=43 - k, freq=freq) for k, (freq, start) in enumerate(pairs)]
    known, after = [x[:-3] for x in whole], [list(x[-3:]) for x in whole]
    assert continued([values(x) for x in known], 3) == after
    assert continued([pd.DataFrame({"a": values(x), "b": values(x)}) for x in known], 3) == after
    if name not in ("3B", "holidays"):  # which only an index tells
        assert continued([values(bare(x)) for x in known], 3) == after
        assert continued(long(*known), 3) == after


def test_phases_in_a_forecaster():
    whole = [pd.date_range(start, periods=49, freq="14D") for start in ("2020-01-03", "2020-01-10")]
    model = small().fit(long(*(x[:40] for x in whole)))
    model.update(long(*(x[40:46] for x in whole)))
    assert list(map(list, dates(model.predict()))) == [list(x[46:]) for x in whole]


@pytest.mark.parametrize(
    ("freqs", "match"),
    [
        (("D", "MS"), r"y\[1\] is not at the frequency D as y\[0\], but at MS: resample it, or fit it apart"),
        (("MS", "D"), r"y\[1\] is not at the frequency MS as y\[0\], but at D"),
        (("h", "D"), "not at the frequency h as .* but at D"), (("B", "D"), "not at the frequency B as .* but at D"),
        (("ME", "YS"), "not at the frequency ME as .* but at YS-JAN"), (("D", "2D"), "but at 2D"),
    ],
)  # fmt: skip
def test_quite_different_frequencies_are_both_named(freqs, match):
    indexes = [pd.date_range("2020", periods=60 - 10 * k, freq=freq) for k, freq in enumerate(freqs)]
    refused(match, [values(x) for x in indexes])
    refused(match, [values(bare(x)) for x in indexes])
    refused(match.replace(r"y\[1\]", ".*'s1'").replace(r"y\[0\]", ".*'s0'"), long(*indexes))


# --------------------------------------------------------------------------- integers

INTEGERS = {"tens": (0, 10), "ones": (-3, 1), "hours": (1700000000, 3600), "years": (1700, 5), "days": (0, 86400000)}


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_go_on_by_their_step(name):
    start, step = INTEGERS[name]
    index = pd.Index(start + np.arange(45) * step)
    assert continued(values(index[:40]), 5) == list(index[40:])
    assert continued([values(index[:40]), values(index[1:20])], 5) == [list(index[40:]), list(index[20:25])]
    model = small().fit(long(index[:20], index[7:37])).update(long(index[20:21], index[37:38]))
    assert list(map(list, dates(model.predict()))) == [list(index[21:24]), list(index[38:41])]
    for kind in (np.int32, np.uint32):
        if kind is np.int32 and index[-1] < 2**31:
            assert continued(values(index[:40].astype(kind)), 1) == [index[40]]


MONTHS = pd.date_range("2018", periods=40, freq="MS")
WRITTEN = {
    "%Y%m": MONTHS, "%Y%m%d": pd.date_range("2020", periods=60),
    "%Y%m%d%H": pd.date_range("2020", periods=60, freq="h"),
    "%Y%m few": MONTHS[:9], "%Y%m by 3": MONTHS[::3], "%Y%m%d by 7": pd.date_range("2020", periods=9, freq="7D"),
    "%G%V": pd.date_range("2018", periods=70, freq="W-MON"),
}  # fmt: skip


@pytest.mark.parametrize("name", [*WRITTEN, "quarters"])
def test_dates_that_are_written_as_integers_are_refused_with_what_reads_them(name):
    if name == "quarters":
        stamps = [year * 10 + quarter for year in range(2010, 2020) for quarter in range(1, 5)]
    else:
        stamps = WRITTEN[name].strftime(name.split(" ")[0]).astype(np.int64)
    y = values(pd.Index(stamps))
    said = refused("which are dates written as integers: read them with pandas", y)
    assert "asfreq" not in said
    form = read_series(y.set_axis(eval(said.split("read them with ")[1], {"pandas": pd, "y": y})))[1]
    assert form.freq == {"%Y%m": "MS", "%Y%m%d": "D", "%Y%m%d%H": "h", "%G%V": "W-MON"}.get(name, form.freq)
    y = long(pd.Index(stamps))
    y["ds"] = eval(refused("integers", y).split("read them with ")[1], {"pandas": pd, "y": y})
    read_series(y)


@pytest.mark.parametrize(
    "start, step", [(202001, 100), (20200131, 10000), (202013, 1), (195012, 1), (201, 1), (2020, 1)]
)
def test_other_integers_are_no_dates(start, step):
    index = pd.Index(start + step * np.arange(13))
    assert continued(values(index[:10]), 3) == list(index[10:])


def test_a_few_new_rows_are_no_dates():
    model = small().fit(values(pd.RangeIndex(202000, 202101)))
    assert list(model.update(values(pd.RangeIndex(202101, 202104))).predict().index) == [202104, 202105, 202106]
    model.predict(history=values(pd.RangeIndex(202101, 202112)))


def test_periods_may_go_by_several():
    index = pd.period_range("2020-01", periods=60, freq="M")[::3]
    assert continued(values(index[:17]), 3) == list(index[17:])
    refused("has a gap: 2020-05 is missing after 2020-04", values(pd.period_range("2020-01", periods=9, freq="M")[
        [0, 1, 2, 3, 5, 6, 8]]))  # fmt: skip


# --------------------------------------------------------------------------- rows that are left out

HOLED = {
    "days": pd.date_range("2020", periods=60), "zone": pd.date_range("2023-03-01", periods=60, tz="Europe/Berlin"),
    "24 hours": pd.date_range("2023-03-01", periods=60, freq="24h", tz="Europe/Berlin"),
    "midnights": pd.date_range("2024-08-20", periods=90, freq="h", tz="America/Santiago"),
    "business days": pd.date_range("2020", periods=60, freq="B"), "months": MONTHS,
    "15th": MONTHS + pd.Timedelta("14D"), "weeks": pd.date_range("2020", periods=60, freq="W"),
    "integers": pd.RangeIndex(0, 600, 10), "periods": pd.period_range("2020", periods=60, freq="M"),
    "minutes": pd.date_range("2020", periods=60, freq="15min"), "two months": MONTHS[::2],
    "opening hours": pd.date_range("2024-07-01", periods=90, freq=pd.offsets.BusinessHour(start="08:00", end="12:00")),
}  # fmt: skip


@pytest.mark.parametrize("left_out", [24, 25, 26, 27])
def test_a_row_left_out_where_the_clock_changes(left_out):
    index = pd.date_range("2024-03-06", periods=60, freq="24h", tz="UTC").tz_convert("Europe/Berlin")
    y = values(index).drop(index[left_out])
    assert "has a gap" in refused(re.escape(f"{stamp_text(index[left_out])} is missing after"), y)
    sequences, form = read_series(y, missing="interpolate")
    assert sequences.lengths.tolist() == [60] and form.freq == "24h"


@pytest.mark.parametrize("name", HOLED)
def test_rows_left_out_are_named_and_filled_in_where_that_is_said(name):
    """What the error advises works in every container, and no value is lost."""
    index = HOLED[name]
    y = values(index).drop(index[[7, 8, 15]])
    y.index = y.index if name in ("integers", "periods") else bare(y.index)
    containers = [y, [y, values(index)], pd.DataFrame({"unique_id": 3, "ds": y.index, "y": y.to_numpy()})]
    containers += [pd.DataFrame({"a": y, "b": y})] if name != "integers" else []
    for given in containers:
        said = refused(f"has a gap: {re.escape(stamp_text(index[7]))} is missing after", given)
        assert "set missing='interpolate'" in said and "asfreq" not in said
        sequences, form = read_series(given, missing="interpolate")
        whole = pd.Series(sequences[0][:, 0], index)
        assert (whole[y.index] == y).all() and list(form.ahead(1))[:1] == continued(values(index), 1)
        assert np.isclose(whole.iloc[7], whole.iloc[6] + (whole.iloc[9] - whole.iloc[6]) / 3)


@pytest.mark.parametrize("name", ["days", "integers", "periods"])
def test_more_than_there_is_is_not_made_up(name):
    y = values(HOLED[name])
    holed = y.drop(y.index[12:-8])
    refused("more rows are missing than there are, which is too much", holed, missing="interpolate")
    refused(r"y\[1\] has a gap: .* more rows are missing than there are", [y, holed, y], missing="interpolate")


def test_a_day_left_out_beside_a_midnight_that_is_not():
    index = pd.Series(1.0, pd.date_range("2024-08-01", "2024-10-15", freq="h", tz="America/Santiago"))
    index = index.resample("D").sum().index
    at = list(index.hour).index(1)
    for hole in (at - 1, at, at + 1):
        y = values(index).drop(index[hole])
        refused("has a gap", y)
        sequences, form = read_series(y, missing="interpolate")
        assert len(sequences[0]) == len(index) and list(form.ahead(1)) == continued(values(index), 1)


def test_holidays_among_business_days():
    """A gap, for what holidays there will be the dates do not show; what the error advises works."""
    holiday = pd.offsets.CustomBusinessDay(holidays=["2023-07-17", "2023-10-02"])
    index = pd.date_range("2023-07-03", periods=73, freq=holiday)
    y = values(bare(index[:60]))
    assert "CustomBusinessDay(holidays=" in refused("2023-07-17 is missing after 2023-07-14", y)
    y.index.freq = holiday
    assert continued(y, 13) == list(index[60:])


def test_covariates_have_the_rows_that_are_left_out_filled_in_likewise():
    index = pd.date_range("2020", periods=63)
    y, x = values(bare(index[:60])).drop(index[[7, 8]]), pd.DataFrame({"a": np.arange(63.0)}, index).drop(index[[9]])
    model = small(missing="interpolate").fit(y, future=x[:59])
    assert list(model.predict(future=x[59:]).index) == list(index[60:])


def test_what_is_off_the_grid_is_not_lost_by_following_advice():
    index = pd.date_range("2020", periods=60).to_series().reset_index(drop=True)
    index[30] += pd.Timedelta("7h")
    y = values(pd.DatetimeIndex(index))
    refused(r"not at the frequency D at step 30 \(2020-01-31 07:00:00\): correct or resample it, or pass the", y)
    assert len(read_series(y.resample("D").mean())[0][0]) == 60 and y.resample("D").mean().sum() == y.sum()
    read_series(y.to_numpy())
    refused("not at the frequency of steps of 10 at step 3", values(pd.Index([0, 10, 20, 45, 50, 60])))


@pytest.mark.parametrize("unit, freq", [("ns", "D"), ("ns", "MS"), ("ns", "h")])
def test_dates_beyond_those_of_pandas(unit, freq):
    index = pd.date_range(end="2262-04-01", periods=20, freq=freq, unit=unit)
    with pytest.raises(ValueError, match=r"none of datetime64\[ns\]: use another unit \(as_unit\), or fewer steps"):
        continued(values(index), 10000)
    assert len(continued(values(index.as_unit("us")), 300)) == 300
