"""Offsets from UTC, as +01:00, that times of a file have; and the time zone whose clocks change as they do."""

import re
from zoneinfo import ZoneInfo, available_timezones

import numpy as np

try:
    import pandas as pd
except ImportError:
    raise ImportError('reading a file takes pandas: pip install "fastrnn[pandas]"') from None

PATTERN = r"^(?P<local>.*\d:\d\d(?::\d\d)?(?:\.\d+)?(?: ?[AP]M)?)(?P<offset> ?(?:Z|UTC|GMT|[-+]\d\d(?::?\d\d)?))$"
ZONES = ["Europe/Berlin", "Europe/London", "Europe/Athens", "America/New_York", "America/Chicago", "America/Denver",
         "America/Los_Angeles", "Australia/Sydney", "Pacific/Auckland"]  # fmt: skip
"""Tried before all others."""


def refuse(wrong, text, column, what):
    """An error that names the first line of the file whose text in a column is wrong, if there is any."""
    if wrong.any():
        line = wrong.idxmax()
        raise ValueError(f"line {line}: {column} is {str(text[line])!r}, {what}")


def without_offsets(text, column):
    """The local times of a Series of str, and their offsets as they are written: Series, or None if there are none.

    >>> import pandas as pd
    >>> local, offsets = without_offsets(pd.Series(["2024-01-01 00:00+01:00"]), "day")
    >>> local[0], offsets[0]
    ('2024-01-01 00:00', '+01:00')
    """
    parts = text.str.extract(PATTERN, flags=re.IGNORECASE)
    lacking = parts["offset"].isna()
    if lacking.all():
        return text, None
    if lacking.mean() < 0.5:
        refuse(lacking, text, column, "without an offset from UTC, unlike others: add it")
    elif lacking.any():
        refuse(~lacking, text, column, "with an offset from UTC: remove it")
    return parts["local"], parts["offset"]


def located(local, offsets):
    """Times for pandas, and how the offset of one of them is written.

    Offsets that are those of some time zone at these times go on as it does.  If there is none, and if they are all the
    same, the times are local ones at the offset of the last.

    Parameters
    ----------
    local : DatetimeIndex
    offsets : Series of str

    Returns
    -------
    times : DatetimeIndex
        With a time zone or without.
    write : callable
        Of a time.
    """
    found = {text: pd.Timedelta(minutes=_minutes(text)) for text in offsets.unique()}
    ahead = pd.TimedeltaIndex(offsets.map(found))
    instants = local - ahead
    last = int(instants.argmax())
    zone = _zone(instants, ahead) if ahead.nunique() > 1 else None
    if zone is None:
        return instants + ahead[last], lambda time: offsets.iloc[last]
    return instants.tz_localize("UTC").tz_convert(zone), lambda time: _written(time.utcoffset(), offsets.iloc[last])


def _minutes(text):
    sign, digits = text.strip()[0], re.sub(r"\D", "", text)
    return int(f"{sign}1") * (60 * int(digits[:2]) + int(digits[2:] or 0)) if digits else 0


def _written(offset, like):
    """An offset in the form of another."""
    minutes = round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    space, is_number = " " * like.startswith(" "), like[-1].isdigit()
    if not minutes and not is_number:
        return like
    colon = ":" * (":" in like or not is_number)
    is_short = is_number and len(like.strip()) == 3 and not rest
    return f"{space}{'-' if minutes < 0 else '+'}{hours:02}" + f"{colon}{rest:02}" * (not is_short)


def _zone(instants, offsets):
    """The name of a time zone that has these offsets at these instants, or None."""
    order = np.argsort(instants)
    instants, offsets = instants[order].tz_localize("UTC"), offsets[order]
    is_change = offsets[1:] != offsets[:-1]
    edges = np.flatnonzero(np.append(True, is_change) | np.append(is_change, True))
    changes = list(zip(instants[edges].to_pydatetime(), offsets[edges].to_pytimedelta(), strict=True))
    known = available_timezones()
    for name in dict.fromkeys([*ZONES, *sorted(known)]):
        zone = ZoneInfo(name) if name in known else None
        if zone and all(time.astimezone(zone).utcoffset() == offset for time, offset in changes):
            if (instants.tz_convert(name).tz_localize(None) - instants.tz_localize(None) == offsets).all():
                return name
    return None
