"""Gate: the bounds on quantities and the codes of verdicts that an audit is held to, and what came out of each."""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import model_validator

from byheart.records.claim_result import Result
from byheart.records.quantity import Quantity
from byheart.records.reason import Reason
from byheart.records.spec import Record
from byheart.records.verdict_result import Judgement

WORDS = {"max": "at most", "min": "at least"}


class Bound(Record):
    """The largest (`max`) or smallest (`min`) value that a quantity may have.

    Example:
        >>> Bound(quantity="test_accuracy", side="min", value=0.8).name
        'test_accuracy at least 0.8'
    """

    quantity: str
    side: Literal["max", "min"]
    value: float

    @model_validator(mode="after")
    def _finite(self) -> Self:
        if not math.isfinite(self.value):
            raise ValueError(f"a bound must be a finite number, got {self.value}")
        return self

    @property
    def name(self) -> str:
        """The bound in words, its number without a unit."""
        return f"{self.quantity} {WORDS[self.side]} {self.value:.12g}"


class Check(Record):
    """One bound or one code judged.

    Attributes:
        name: the bound in words, or the code.
        outcome: `held`, `not held`, or `withheld` where the interval contains the bound, or nothing may be judged.
        bound: what a quantity was compared with; None for a code.
        quantity: the number that was compared; None where there is none.
        judgement: what the verdict of the code said.
        reason: why nothing was judged; None where the quantity has no interval or one that contains the bound, or where
            the verdict says why.
    """

    name: str
    outcome: Result
    bound: Bound | None = None
    quantity: Quantity | None = None
    judgement: Judgement | None = None
    reason: Reason | None = None
