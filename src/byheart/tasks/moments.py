"""Dates, times of day and durations, as texts write them, made into numbers and calendar parts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$")
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/\d{4}$")
_CLOCK = re.compile(
    r"(?:(-?\d+) days?,? ?)?([-+])?(\d{1,4}):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?(?: ?([AaPp])\.?[Mm]\.?)?$"
)
_PERIOD = re.compile(r"P(?:(\d+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?$")
_HOURS = {"d": 24.0, "day": 24.0, "h": 1.0, "hr": 1.0, "hour": 1.0, "min": 1 / 60, "minute": 1 / 60}
_HOURS |= {"m": 1 / 60, "s": 1 / 3600, "sec": 1 / 3600, "second": 1 / 3600}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?) ?(days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s) ?")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

Cells = list[str | None]


@dataclass(frozen=True)
class Dates:
    """Days since 1970 (n,), NaN where missing; the moments as written; how they were read."""

    values: np.ndarray
    moments: list[datetime | None]
    how: str


@dataclass(frozen=True)
class Times:
    """Hours (n,), since midnight (`role` time) or in all (`duration`), NaN where missing; how they were read."""

    values: np.ndarray
    role: str
    how: str


def read_dates(cells: Cells) -> Dates | None:
    """The cells as dates, or None if any filled cell is not one.

    Example:
        >>> read_dates(["1970-01-02", None, "1970-01-03T12:00"]).values.tolist()
        [1.0, nan, 2.5]
    """
    for read, how in _date_forms([text for text in cells if text is not None]):
        try:
            moments = [None if text is None else read(text) for text in cells]
            days = [np.nan if moment is None else _days(moment) for moment in moments]
        except (ValueError, OverflowError):
            continue
        return Dates(np.array(days), moments, how)
    return None


def _date_forms(present: list[str]) -> list[tuple[Callable[[str], datetime], str]]:
    if all(_ISO.match(text) for text in present):
        return [(datetime.fromisoformat, "date")]
    forms = {"%d.%m.%Y": "day.month.year", "%Y/%m/%d": "year/month/day"}
    if all(_SLASHED.match(text) for text in present):
        day_first = any(int(_SLASHED.match(text)[1]) > 12 for text in present)
        month_first = any(int(_SLASHED.match(text)[2]) > 12 for text in present)
        forms = {"%m/%d/%Y": "month/day/year"} if month_first else {"%d/%m/%Y": "day/month/year"}
        if not day_first and not month_first:
            forms = {"%d/%m/%Y": "day/month/year, though month/day/year fits too"}
    return [(lambda text, form=form: datetime.strptime(text, form), how) for form, how in forms.items()]


def _days(when: datetime) -> float:
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return aware.timestamp() / 86400


def calendar(moments: list[datetime | None]) -> list[tuple[str, np.ndarray, tuple[str, ...]]]:
    """The calendar parts of dates that repeat: name, codes (n,) with NaN where missing, and words of the codes.

    A part repeats where it has two values or more and one of them comes back: a month in another year, a weekday in
    another week, an hour on another day. Moments are taken as written, in the time zone that stands there.

    Example:
        >>> days = [datetime(2024, 1, day) for day in range(1, 15)]
        >>> [(name, words[:2]) for name, _, words in calendar(days)]
        [('weekday', ('Mon', 'Tue'))]
    """
    hours = tuple(f"{hour:02d} h" for hour in range(24))
    found = []
    for name, part, period, words in (
        ("month", lambda day: day.month - 1, lambda day: day.year, _MONTHS),
        ("weekday", lambda day: day.weekday(), lambda day: day.toordinal() - day.weekday(), _WEEKDAYS),
        ("hour", lambda day: day.hour, lambda day: day.toordinal(), hours),
    ):
        seen = {(part(moment), period(moment)) for moment in moments if moment is not None}
        values = sorted({value for value, _ in seen})
        if 1 < len(values) < len(seen):
            code = {value: float(place) for place, value in enumerate(values)}
            codes = np.array([np.nan if moment is None else code[part(moment)] for moment in moments])
            found.append((name, codes, tuple(words[value] for value in values)))
    return found


def read_times(cells: Cells) -> Times | None:
    """The cells as times of day or durations in hours, or None if any filled cell is neither.

    `14:30` is a time of day; one column with days, 24 hours or more, or a sign holds durations. Durations are also
    `PT1H30M`, `1h 30m` and `90 min`; a letter alone (`3d`) is a word unless another cell has two.

    Example:
        >>> read_times(["14:30", "2:15 PM"]).values.tolist(), read_times(["30:00", "1 day, 2:00:00"]).role
        ([14.5, 14.25], 'duration')
        >>> read_times(["90 min", "1h 30m"]).values.tolist(), read_times(["2d", "3d"])
        ([1.5, 1.5], None)
    """
    present = [text for text in cells if text is not None]
    if not present:
        return None
    if all(clocks := [_CLOCK.match(text) for text in present]):
        return _clock_times(cells, [match for match in clocks if match])
    if all((match := _PERIOD.match(text)) and any(match.groups()) for text in present):
        return Times(_hours(cells, _period), "duration", "ISO durations")
    amounts = [_AMOUNT.findall(text) for text in present]
    units = all(found and not _AMOUNT.sub("", text) for found, text in zip(amounts, present))
    named = all(len(unit) > 1 for found in amounts for _, unit in found)
    if units and (named or any(len(found) > 1 for found in amounts)):
        return Times(_hours(cells, _amount), "duration", "numbers with units")
    return None


def _clock_times(cells: Cells, matches: list[re.Match[str]]) -> Times | None:
    try:
        values = _hours(cells, _clock)
    except ValueError:
        return None
    of_day = not any(match[1] or match[2] for match in matches) and not (values >= 24).any()
    return Times(values, "time" if of_day else "duration", "hours:minutes")


def _hours(cells: Cells, read: Callable[[str], float]) -> np.ndarray:
    return np.array([np.nan if text is None else read(text) for text in cells], dtype=np.float64)


def _clock(text: str) -> float:
    days, sign, hours, minutes, seconds, half = _parts(_CLOCK, text)
    if half and not 1 <= int(hours) <= 12:
        raise ValueError(text)
    of_day = int(hours) % 12 + (12 if half in ("P", "p") else 0) if half else int(hours)
    total = of_day + int(minutes) / 60 + float(seconds or 0) / 3600
    return 24 * int(days or 0) + (-total if sign == "-" else total)


def _period(text: str) -> float:
    return sum(float(amount or 0) * hours for amount, hours in zip(_parts(_PERIOD, text), (24, 1, 1 / 60, 1 / 3600)))


def _parts(form: re.Pattern[str], text: str) -> tuple[str | None, ...]:
    match = form.match(text)
    return match.groups() if match else ()


def _amount(text: str) -> float:
    found = _AMOUNT.findall(text)
    return sum(float(amount) * _HOURS[unit if unit in _HOURS else unit.rstrip("s")] for amount, unit in found)
