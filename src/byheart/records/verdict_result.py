"""Judgement: what a verdict says of the findings."""

from __future__ import annotations

from typing import Literal

from byheart.records.spec import Record


class Judgement(Record):
    """One verdict's outcome.

    Attributes:
        code: BH101 and so on.
        outcome: `issue`, `tip`, `passed`, `withheld` or `not applicable`.
        title: one clause in bold.
        sentence: the rest: figures with intervals, and what to do.
        threshold: the number compared with, in words.
        source: where the threshold comes from.
        anchor: the card it rests on (probe name), if any.
    """

    code: str
    outcome: Literal["issue", "tip", "passed", "withheld", "not applicable"]
    title: str
    sentence: str
    threshold: str
    source: str
    anchor: str = ""
