"""The column of time of a series: years, quarters, months, weeks, days, moments or numbers, made into even numbers.

A month has 28 to 31 days, and a quarter 90 to 92: written as such, they are counted as months and quarters, so that one
follows the other at even steps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np

from byheart.tasks.columns import read_numbers
from byheart.tasks.moments import read_dates, read_times

Cells = Sequence[str | None]
FULL = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
MOST_DAYS = 3  # from Friday to Monday

_MONTHS = (  # 2024-01 202401 2024.01 · 2024M1 · 01/2024 · Jan 2024 · 2024 January
    re.compile(r"(?P<year>[12]\d{3})[-/.]?(?P<month>0[1-9]|1[0-2])"),
    re.compile(r"(?P<year>[12]\d{3})[-/. ]?[Mm](?P<month>0?[1-9]|1[0-2])"),
    re.compile(r"(?P<month>0?[1-9]|1[0-2])[-/.](?P<year>[12]\d{3})"),
    re.compile(r"(?P<word>[A-Za-z]{3,9})\.?[-/., ]{0,2}(?P<year>[12]\d{3})"),
    re.compile(r"(?P<year>[12]\d{3})[-/. ]?(?P<word>[A-Za-z]{3,9})\.?"),
)
_QUARTERS = (  # 2024Q1 2024-Q1 · Q1 2024
    re.compile(r"(?P<year>[12]\d{3})[-/. ]?[QqTt](?P<quarter>[1-4])"),
    re.compile(r"[QqTt](?P<quarter>[1-4])[-/. ]?(?P<year>[12]\d{3})"),
)
_WEEK = re.compile(r"(?P<year>[12]\d{3})[-/. ]?[Ww](?P<week>\d{1,2})")
_WEEK_SPAN = re.compile(r"(\d{4}-\d{2}-\d{2})/\d{4}-\d{2}-\d{2}")  # as pandas writes a week
_DAY = re.compile(r"([12]\d{3})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")  # 20240131
_WITH_CLOCK = re.compile(r"(\S+)[ T]+(\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?)")


class Moments(NamedTuple):
    """Times as numbers (n,), NaN where missing, and what a reader must know of them, empty or a line."""

    values: np.ndarray
    told: str = ""


def read_moments(cells: Cells, separator: str = ",", decimal: str = "") -> Moments | None:
    """The cells as times, or None if any filled cell is none: what is written as a calendar has it counts as that.

    Example:
        >>> [read_moments(one).values.tolist() for one in (["2023-12", "2024-01"], ["2023Q4", "2024Q1"], ["7", "9"])]
        [[24287.0, 24288.0], [8095.0, 8096.0], [7.0, 9.0]]
    """
    present = [text.strip() for text in cells if text is not None]
    for read in (_month, _quarter, _week, _day):
        try:
            if present and all(read(text) is not None for text in present):
                return Moments(_each(cells, read))
        except ValueError:  # a week 54, a 31st of February
            continue
    if (numbers := read_numbers([*cells], separator, decimal)) is not None:
        return Moments(numbers.values)
    if (dates := read_dates(_without_span(cells))) is not None:
        return weekdays(dates.values)
    if (times := read_times([*cells])) is not None:
        return Moments(times.values)
    return _with_clock(cells)


def counted(numbers: np.ndarray) -> np.ndarray:
    """Whole numbers that are written months (202401) or days (20240131) as such; any others as they are.

    Example:
        >>> counted(np.array([202312, 202401])).tolist(), counted(np.array([202312.0, 202313.0])).tolist()
        ([24287.0, 24288.0], [202312.0, 202313.0])
    """
    values = numbers.astype(np.float64)
    there = values[np.isfinite(values)]
    if not len(there) or (there != there.round()).any() or there.min() < 100_000 or there.max() >= 1e8:
        return values
    found = read_moments([None if np.isnan(one) else f"{one:.0f}" for one in values.tolist()])
    return values if found is None else found.values


def weekdays(days: np.ndarray) -> Moments:
    """Dates of weekdays alone, as markets have them, with Monday next to Friday; others as they are.

    Example:
        >>> weekdays(np.array([0.0, 1.0, 4.0, 5.0]) ).values.tolist()  # Thursday, Friday, Monday, Tuesday
        [0.0, 1.0, 2.0, 3.0]
    """
    if not np.isfinite(days).all() or (days != days.round()).any() or len(days) < 2:
        return Moments(days)
    steps, weekday = np.diff(days), (days + 3) % 7  # day 0 was a Thursday
    over, daily = (steps == MOST_DAYS) & (weekday[1:] == 0), steps == 1
    if weekday.max() > 4 or not over.any() or (daily | over).mean() < 0.8:
        return Moments(days)
    count = 5 * np.floor((days + 3) / 7) + weekday
    return Moments(count - count[0] + days[0], "dates are of weekdays alone: a Monday follows its Friday at one step")


def _each(cells: Cells, read: Callable[[str], float | None]) -> np.ndarray:
    return np.array([np.nan if text is None else read(text.strip()) for text in cells], dtype=np.float64)


def _month(text: str) -> float | None:
    for form in _MONTHS:
        if (match := form.fullmatch(text)) is None:
            continue
        parts = match.groupdict()
        month = _named(parts["word"]) if "word" in parts else int(parts["month"])
        if month is not None:
            return float(12 * int(parts["year"]) + month - 1)
    return None


def _named(word: str) -> int | None:
    """The month that a word names, by three letters (or `Sept`) or in full."""
    word = word.lower()
    return next((at for at, name in enumerate(FULL, 1) if word in {name, name[:3], f"{name[:3]}t" * (at == 9)}), None)


def _quarter(text: str) -> float | None:
    match = next((found for form in _QUARTERS if (found := form.fullmatch(text))), None)
    return None if match is None else float(4 * int(match["year"]) + int(match["quarter"]) - 1)


def _week(text: str) -> float | None:
    if (match := _WEEK.fullmatch(text)) is None:
        return None
    return float(date.fromisocalendar(int(match["year"]), int(match["week"]), 1).toordinal() // 7)


def _day(text: str) -> float | None:
    if (match := _DAY.fullmatch(text)) is None:
        return None
    return float(date(*map(int, match.groups())).toordinal())


def _without_span(cells: Cells) -> list[str | None]:
    """Cells whose week from one day to another is its first day."""
    return [None if text is None else _WEEK_SPAN.sub(r"\1", text.strip()) for text in cells]


def _with_clock(cells: Cells) -> Moments | None:
    """A date in any form, and a time of day behind it."""
    matches = [None if text is None else _WITH_CLOCK.fullmatch(text.strip()) for text in cells]
    if not any(matches) or any(text is not None and match is None for text, match in zip(cells, matches, strict=True)):
        return None
    dates, times = ([match and match[part] for match in matches] for part in (1, 2))
    days, hours = read_dates(dates), read_times(times)
    return None if days is None or hours is None else Moments(days.values + hours.values / 24)
