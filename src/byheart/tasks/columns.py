"""What each column of a table holds: numbers, categories, dates, times, durations, or nothing that a model can use."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from byheart.tasks.moments import calendar, read_dates, read_times
from byheart.tasks.output import Column

MANY = 50  # a text column with more different words than this, and than half the rows, is no category
MOSTLY = 0.9  # from this share of numbers on, the cells that are not are pointed out

_ID_NAME = re.compile(r"(?i:id|index|idx|uuid|guid|row|rownames|nr|no|unnamed: 0)$|.*[ _-](?i:id|nr|no)$|.*[a-z]I[dD]$")
_WHOLE = re.compile(r"[+-]?\d+$")
_DECIMAL_COMMA = re.compile(r"[+-]?(?=[\d,])(\d{1,3}(\.\d{3})+|\d+)?(,\d+)?([eE][+-]?\d+)?$")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})*(\.\d+)?$")

Cells = list[str | None]


@dataclass(frozen=True)
class Numbers:
    """Cells as numbers: values (n,), NaN where missing; `cells`, the same as Python writes them; how they were read."""

    values: np.ndarray
    cells: Cells
    how: str = ""

    @property
    def whole(self) -> bool:
        """Whether all are whole."""
        return all(_WHOLE.match(text) for text in self.cells if text is not None)


@dataclass(frozen=True)
class Reading:
    """One column, read.

    Attributes:
        name: the column's name.
        role: `number`, `category`, `date`, `time`, `duration`, or `dropped`.
        values: (n,) float64; numbers, days since 1970, hours, or category codes; NaN where missing. Empty if dropped.
        categories: the words that the codes index.
        why: why it was dropped, or how it was read.
        missing: number of missing cells.
        parts: of a date: its month, weekday and hour, as categories, where they repeat.
        of: of such a part: the name of the date.
    """

    name: str
    role: str
    values: np.ndarray
    categories: tuple[str, ...] = ()
    why: str = ""
    missing: int = 0
    parts: tuple[Reading, ...] = ()
    of: str = ""

    @property
    def column(self) -> Column:
        """As a learner sees it."""
        return Column(self.name, self.role, self.categories, self.of)  # type: ignore[arg-type]

    @property
    def received(self) -> tuple[Reading, ...]:
        """The columns that a model gets of it: none if it is dropped."""
        return () if self.role == "dropped" else (self, *self.parts)


def read_column(
    name: str, cells: Cells, separator: str, category: bool = False, keep: bool = False, decimal: str = ""
) -> Reading:
    """What does this column hold?

    Args:
        name: the column's name.
        cells: n texts, None where missing.
        separator: what stands between the cells of the file; it decides what a comma in a number means.
        category: the user says that it is a category.
        keep: the user says that it is not to be dropped.
        decimal: the decimal sign, where the user said it; else a comma is read by the separator.

    Example:
        >>> read_column("size", ["1,5", "2", None], ";").values.tolist()
        [1.5, 2.0, nan]
        >>> read_column("colour", ["red", "blue", "red"], ",").categories
        ('blue', 'red')
    """
    present = [text for text in cells if text is not None]
    missing, different = len(cells) - len(present), len(set(present))
    if not present:
        return _dropped(name, "no cell is filled", missing)
    if different == 1 and not keep:
        return _dropped(name, f"always {present[0]!r}", missing)
    if category:
        return _category(name, cells, missing, "as you said")
    numbers = read_numbers(cells, separator, decimal)
    if numbers is not None:
        if not keep and (why := _looks_like_id(name, numbers)):
            return _dropped(name, why, missing)
        return Reading(name, "number", numbers.values, why=numbers.how, missing=missing)
    if (dates := read_dates(cells)) is not None:
        return Reading(name, "date", dates.values, why=dates.how, missing=missing, parts=_parts(name, dates.moments))
    if (times := read_times(cells)) is not None:
        return Reading(name, times.role, times.values, why=times.how, missing=missing)
    if not keep and different > MANY and different > len(cells) / 2:
        return _dropped(name, f"{different} different words in {len(cells)} rows", missing)
    if not keep and different == len(cells) and different > 2:
        return _dropped(name, "a different word in every row", missing)
    return _category(name, cells, missing, _almost_numbers(present, separator, decimal))


def read_numbers(cells: Cells, separator: str, decimal: str = "") -> Numbers | None:
    """The cells as numbers, or None if any filled cell is not one.

    Example:
        >>> [read_numbers(["1.234", "7"], ";", decimal).values[0] for decimal in ("", ".", ",")]
        [np.float64(1.234), np.float64(1.234), np.float64(1234.0)]
    """
    present = [text for text in cells if text is not None]
    if not present:
        return None
    how = ""
    if decimal == "," or not _plain(present):
        how, clean = _with_commas(present, {",": ";", ".": ","}.get(decimal, separator))
        if not how:
            return None
        cells = [None if text is None else clean(text) for text in cells]
    values = np.array([np.nan if text is None else float(text) for text in cells])
    return Numbers(values, cells, how)


def _plain(texts: list[str]) -> bool:
    try:
        for text in texts:
            float(text)
    except ValueError:
        return False
    return not any("_" in text for text in texts)  # Python reads 1_000 as a number, people do not


def _with_commas(texts: list[str], separator: str) -> tuple[str, Callable[[str], str]]:
    if separator != "," and all(_DECIMAL_COMMA.match(text) and text[-1].isdigit() for text in texts):
        return "decimal comma", lambda text: text.replace(".", "").replace(",", ".")
    if separator == "," and all(_THOUSANDS.match(text) for text in texts):
        return "comma between thousands", lambda text: text.replace(",", "")
    return "", str


def _looks_like_id(name: str, numbers: Numbers) -> str:
    """Judged by the values and not by their order, so that shuffled rows are read the same."""
    values = numbers.values
    if not numbers.whole or np.isnan(values).any() or len(np.unique(values)) < len(values):
        return ""
    if _ID_NAME.match(name):
        return "named like an id, and different in every row"
    counts = len(values) > 2 and values.min() in (0, 1) and np.ptp(values) == len(values) - 1
    return "numbers the rows" if counts else ""


def _parts(name: str, moments: list[datetime | None]) -> tuple[Reading, ...]:
    return tuple(
        Reading(f"{name} ({part})", "category", codes, words, of=name) for part, codes, words in calendar(moments)
    )


def _category(name: str, cells: Cells, missing: int, why: str) -> Reading:
    words = tuple(sorted({text for text in cells if text is not None}))
    code = {word: float(place) for place, word in enumerate(words)}
    values = np.array([np.nan if text is None else code[text] for text in cells])
    return Reading(name, "category", values, words, why, missing)


def _almost_numbers(present: list[str], separator: str, decimal: str) -> str:
    odd = [text for text in present if read_numbers([text], separator, decimal) is None]
    if len(odd) > (1 - MOSTLY) * len(present):
        return ""
    cells = "1 cell that is no number" if len(odd) == 1 else f"{len(odd)} cells that are no numbers"
    return f"a category because of {cells}, such as {odd[0]!r}"


def _dropped(name: str, why: str, missing: int) -> Reading:
    return Reading(name, "dropped", np.empty(0), why=why, missing=missing)
