"""Column: what a model gets of one column of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Column:
    """One column that a model gets: a number (a date: days since 1970; a time or duration: hours), or a category.

    The codes of a category index `categories`; NaN is missing. `of` names the date that it is a calendar part of.
    """

    name: str
    type: Literal["number", "date", "time", "duration", "category"]
    categories: tuple[str, ...] = ()
    of: str = ""
