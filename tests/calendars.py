"""Forecasting inputs drawn at random, with the dates that pandas itself says come next."""

import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import fastrnn
from fastrnn import SequenceForecaster
from fastrnn.frames.offsets import rebuilt
from fastrnn.frames.reading import read_series

PACKAGE = str(Path(fastrnn.__file__).parent)
HORIZON, NEW = 3, 4
"""Steps that are forecast; and those that an update adds at most."""
o = pd.offsets
US = [f"{year}-{day}" for year in range(1990, 2045) for day in ("01-01", "07-04", "12-25", "11-11", "06-19")]
ZONES = [
    "UTC", "Europe/Berlin", "America/Santiago", "America/Sao_Paulo", "Asia/Beirut", "Africa/Cairo", "America/Havana",
    "Australia/Lord_Howe", "Asia/Kathmandu", "+05:30", "-03:00", "America/New_York", "Asia/Tehran",
]  # fmt: skip
STEPS = {  # of a fixed length
    "h": lambda n: o.Hour(n), "min": lambda n: o.Minute(15 * n), "24h": lambda n: o.Hour(24 * n),
    "s": lambda n: o.Second(n), "DateOffset(hours)": lambda n: pd.DateOffset(hours=n),
}  # fmt: skip
SHOWN = {  # that timestamps themselves show
    "D": lambda n: o.Day(n), "W": lambda n: o.Week(weekday=n), "2W": lambda n: o.Week(2, weekday=2 * n),
    "MS": o.MonthBegin, "ME": o.MonthEnd,
    "QS": lambda n: o.QuarterBegin(startingMonth=n), "QE": lambda n: o.QuarterEnd(startingMonth=n),
    "YS": lambda n: o.YearBegin(month=n), "YE": lambda n: o.YearEnd(month=n), "B": lambda n: o.BusinessDay(),
    "BMS": lambda n: o.BMonthBegin(), "BME": lambda n: o.BMonthEnd(), "months": lambda n: pd.DateOffset(months=n),
    "years": lambda n: pd.DateOffset(years=n), "days": lambda n: pd.DateOffset(days=10 * n),
    "weeks": lambda n: pd.DateOffset(weeks=n), "SMS": lambda n: o.SemiMonthBegin(), "SME": lambda n: o.SemiMonthEnd(),
    "LWOM": lambda n: o.LastWeekOfMonth(weekday=n), "WOM": lambda n: o.WeekOfMonth(week=n, weekday=2 * n),
    "bh": lambda n: o.BusinessHour(start=f"{8 + n:02}:00", end=f"{12 + 2 * n}:00"),
    "weekmask": lambda n: o.CustomBusinessDay(weekmask=("Sun Mon Tue Wed", "Tue Wed Thu Fri", "Mon Wed Fri")[n - 1]),
}  # fmt: skip
TOLD = {  # that only an index tells
    "holidays": lambda n: o.CustomBusinessDay(n, holidays=US), "B+": lambda n: o.BusinessDay(n + 1),
    "cbh": lambda n: o.CustomBusinessHour(n, holidays=US, start=["09:00", "14:00"], end=["12:00", "18:00"]),
    "night": lambda n: o.BusinessHour(start="20:00", end="04:00"),
    "CBME": lambda n: o.CustomBusinessMonthEnd(holidays=US),
    "CBMS": lambda n: o.CustomBusinessMonthBegin(n, weekmask="Mon Tue"), "Easter": lambda n: o.Easter(n),
    "FY5253": lambda n: o.FY5253(weekday=n, startingMonth=n, variation=("last", "nearest")[n % 2]),
    "FY5253Q": lambda n: o.FY5253Quarter(weekday=n, startingMonth=3, qtr_with_extra_week=n, variation="last"),
    "calendar": lambda n: o.CustomBusinessDay(calendar=np.busdaycalendar("1011010", holidays=US)),
    "months, day": lambda n: pd.DateOffset(months=n, day=28 + n),
    "months, days": lambda n: pd.DateOffset(months=n, days=n),
    "HYS": lambda n: o.HalfYearBegin(startingMonth=n), "BQE": lambda n: o.BQuarterEnd(startingMonth=n),
    "BYS": lambda n: o.BYearBegin(month=n), "SMS+": lambda n: o.SemiMonthBegin(n + 1, day_of_month=9 + n),
    "normalized": lambda n: o.MonthBegin(n, normalize=True),
}  # fmt: skip
FREQS = {**STEPS, **SHOWN, **TOLD}
ANCHORED = ["W", "2W", "QS", "QE", "YS", "YE"]
"""Of which a panel may have several."""
PERIODS = ["D", "M", "2M", "W-SUN", "W-WED", "Q-NOV", "Q-DEC", "Y-JUN", "h", "3h", "min"]


@dataclass
class Input:
    """What came, what may come in an update, and all timestamps after what came, of each series."""

    freq: str
    zone: str | None
    container: str
    holes: str
    y: object
    more: object
    after: list
    options: dict
    is_told: bool  # by the index
    is_shown: bool  # by the timestamps


def whole_index(rng, kind, freq, zone, start, n):
    """All timestamps of a series, by pandas alone."""
    if kind == "integers":
        return pd.Index(int(rng.integers(-50, 2000)) * freq + np.arange(n) * freq)
    if kind == "periods":
        return pd.period_range(start, periods=n, freq=freq)
    if isinstance(freq, (o.Easter, o.FY5253, o.FY5253Quarter)):
        start = start.normalize()
    if zone is None:
        return pd.date_range(start, periods=n, freq=freq)
    if freq.kwds.keys() == {"hours"}:  # date_range goes by local time, and stops where that is left out
        freq = o.Hour(freq.n * freq.kwds["hours"])
    if isinstance(freq, o.Tick) and not isinstance(freq, o.Day):
        return pd.date_range(start, periods=n, freq=freq, tz=zone)
    local = pd.date_range(start, periods=n, freq=freq)
    index = local.tz_localize(zone, ambiguous=np.ones(len(local), bool), nonexistent="shift_forward")
    with suppress(ValueError):  # where a time is left out or comes twice, pandas has no index with a frequency
        return pd.date_range(index[0], index[-1], freq=freq)
    return index


def drawn(seed):
    """An `Input`."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(["dates", "integers", "periods"], p=[0.84, 0.08, 0.08])
    name, zone, freq, n = "", None, None, int(rng.integers(1, 4))
    container = str(rng.choice(["series", "wide", "list", "list of wide", "long"], p=[0.35, 0.15, 0.2, 0.05, 0.25]))
    if kind == "integers":
        name, container = "integers", "series" if container == "wide" else container.replace(" of wide", "")
        freq = int(rng.choice([1, 2, 5, 10, 100, 900, 3600, 86400]))
    elif kind == "periods":
        name = freq = str(rng.choice(PERIODS))
    else:
        name = str(rng.choice([*FREQS]))
        freq, zone = FREQS[name](n), str(rng.choice(ZONES)) if rng.random() < 0.45 else None
    n_series = int(rng.integers(1, 4)) if container.startswith("l") else 1
    indexes, cuts = [], []
    for _ in range(n_series):
        length = int(rng.integers(30, 90))
        if name in ANCHORED and rng.random() < 0.5:
            freq = FREQS[name](int(rng.integers(1, 4)))
        start = pd.Timestamp("1995-01-01") + pd.Timedelta(days=int(rng.integers(11000)))
        start += pd.Timedelta(hours=int(rng.integers(24)) if rng.random() < 0.3 else 0)
        start += pd.Timedelta(minutes=30 if rng.random() < 0.1 and "bh" not in name else 0)
        index = whole_index(rng, kind, freq, zone, start, length + HORIZON + NEW)
        if kind == "dates" and n_series == 1:
            index = index.as_unit(str(rng.choice(["s", "us", "ns"] if index[-1].year < 2262 else ["s", "us"])))
        indexes.append(index)
        cuts.append(len(index) - HORIZON - NEW)  # of some offsets date_range makes a date too few
    is_told = container != "long" and rng.random() < 0.5 and all(getattr(x, "freq", None) is not None for x in indexes)
    is_told, is_shown = is_told or kind != "dates", name not in TOLD
    holes = str(rng.choice(["none", "missing", "interpolated"], p=[0.8, 0.1, 0.1] if is_shown else [1, 0, 0]))
    known = [_holed(rng, x[:cut]) if holes != "none" and not (k and rng.random() < 0.5) else x[:cut]
             for k, (x, cut) in enumerate(zip(indexes, cuts, strict=True))]  # fmt: skip
    if name == "24h" and zone:  # days, where no clock has changed
        is_shown = any(len({stamp.utcoffset() for stamp in x}) > 1 for x in known)
    if not is_told:
        known = [bare(x) for x in known]
    more = [x[cut : cut + NEW] for x, cut in zip(indexes, cuts, strict=True)]
    after = [x[cut:] for x, cut in zip(indexes, cuts, strict=True)]
    options = {"missing": "interpolate"} if holes == "interpolated" else {}
    options["calendar"] = bool(kind != "integers" and rng.random() < 0.3)
    y, more = (_contained(container, some, rng) for some in (known, more))
    return Input(name, zone, container, holes, y, more, after, options, is_told, is_shown)


def _holed(rng, index):
    """Without a few rows, neither the first nor the last."""
    n = max(1, int(len(index) * rng.choice([0.02, 0.1])))
    return index.delete(rng.choice(np.arange(1, len(index) - 1), n, replace=False))


def _contained(container, indexes, rng):
    """Values at these times."""

    def values(index):
        return 50 + np.arange(len(index)) % 7 + rng.random(len(index))

    if container == "long":
        ids = np.repeat(np.arange(len(indexes)), [*map(len, indexes)])
        times = indexes[0].append(indexes[1:])
        return pd.DataFrame({"unique_id": ids, "ds": times, "y": values(times)})
    if container.endswith("wide"):
        items = [pd.DataFrame({"a": values(index), ("b", 1): values(index)}, index) for index in indexes]
    else:
        items = [pd.Series(values(index), index, name="sales") for index in indexes]
    return items if container.startswith("list") else items[0]


def dates(forecast):
    """Of a forecast, those of each series."""
    if isinstance(forecast, pd.DataFrame) and "ds" in forecast:
        return [pd.Index(part["ds"]) for _, part in forecast.groupby("unique_id")]
    return [x.index for x in (forecast if isinstance(forecast, list) else [forecast])]


def small(**options):
    settings = {"horizon": HORIZON, "season": 1, "linear_lags": 1, "context": 4, "max_iter": 1, "hidden_size": 1}
    return SequenceForecaster(**{**settings, "random_state": 0, **options})


def outcome(given, folder):
    """ "right", "saved", "refused: ..", or what is wrong, of one `Input`."""
    try:
        model = small(**given.options).fit(given.y)
    except (ValueError, TypeError) as error:
        return _refusal(error)
    except Exception as error:
        return f"WRONG: a {type(error).__name__} of others: {error}"
    try:
        return _answers(model, given, folder)
    except Exception as error:
        return f"WRONG: after the fit: {''.join(traceback.format_exception(error))[-900:]}"


def _refusal(error):
    last = traceback.extract_tb(error.__traceback__)[-1].filename
    return f"refused: {error}" if last.startswith(PACKAGE) else f"WRONG: from {last}: {error!r}"


def _answers(model, given, folder):
    if not (given.is_told or given.is_shown):
        return _as_inferred(model, given)
    found = _compared(dates(model.predict()), given, 0)
    if found != "right":
        return found
    path = folder / "model.safetensors"
    fastrnn.save(model, path)
    for again in (fastrnn.load(path), model):
        if _compared(dates(again.predict()), given, 0) != "right":
            return "WRONG: other dates after load"
        again.update(given.more)
        said = _compared(dates(again.predict()), given, NEW)
        if said != "right":
            return said.replace("WRONG:", "WRONG: after update:")
    return "right"


def _as_inferred(model, given):
    """What holidays there are, timestamps do not show; but the offset that is inferred goes through all of them."""
    if _compared(dates(model.predict()), given, 0) == "right":
        return "as inferred"
    form = model._stored().form
    offset, is_local = rebuilt(form.offset), form.clock.is_local
    for known, found in zip(dates(given.y), dates(model.predict()), strict=True):
        local = known.tz_localize(None) if is_local else known
        past, after = (pd.date_range(local[k], freq=offset, **end) for k, end in (
            (0, {"end": local[-1]}), (-1, {"periods": HORIZON + 1})))  # fmt: skip
        whole = past.append(after[1:])
        if is_local:
            whole = whole.tz_localize(known.tz, nonexistent="shift_forward", ambiguous=np.ones(len(whole), bool))
        if not set(known) <= set(whole) or list(whole[-HORIZON:]) != list(found):
            return f"WRONG: {list(found)} at {form.freq}, which is not what came"
    return "as inferred"


def _compared(found, given, first):
    expected = [index[first : first + HORIZON] for index in given.after]
    for one, other in zip(found, expected, strict=True):
        if not (list(one) == list(other) and one.dtype == other.dtype):
            return f"WRONG: {list(one)}, expected {list(other)}"
    return "right"


def continued(y, n):
    """The next n dates of one series, or of several."""
    form = read_series(y)[1]
    found = list(form.ahead(n))
    return [found[k : k + n] for k in range(0, len(found), n)] if form.is_many else found


def bare(index):
    """Without its frequency, as in a column of dates."""
    return pd.DatetimeIndex(list(index), dtype=index.dtype)
