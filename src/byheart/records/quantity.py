"""Quantity: a number that says its unit, interval, null and n."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import ValidationError, model_validator

from byheart.records.spec import Record

Unit = Literal[
    "share",
    "bits",
    "nats",
    "points",
    "accuracy",
    "auc",
    "r2",
    "correlation",
    "examples",
    "pairs",
    "bits/parameter",
    "bits/value",
    "bits/byte",
    "ratio",
    "p-value",
    "epochs",
    "steps",
    "seconds",
    "members",
    "squared error",
    "subjects",
    "setting",
    "log10",
]


# Why a number has no interval: it follows exactly from the data; nothing differs that could spread; too few draws;
# one split, one model, one pass; a figure of the description; its null says what chance brings; or none is made for a
# quantity of its kind.
WhyNoInterval = Literal[
    "exact", "no spread", "too few", "one split", "one model", "description", "beside its null", "not made"
]


class Undefined(ValueError):
    """A number that is not finite."""


def undefined(error: ValidationError) -> bool:
    """Whether a record was refused for numbers that are not finite, and for nothing else."""
    return all(
        one["type"] == "finite_number" or isinstance(one.get("ctx", {}).get("error"), Undefined)
        for one in error.errors()
    )


class Quantity(Record):
    """One measured number.

    Attributes:
        value: the number; never NaN (a number that cannot be had is a withheld or inapplicable finding).
        unit: what it is counted in; a `share`, an `accuracy` and `points` are 0 to 1 here and per cent on the page.
        interval: 95 % interval, low and high; None only where `why_no_interval` says why.
        null: its value when there is no effect; None where no effect has no value.
        n: the number of examples behind it.
        better: which way is good, if one is.
        method: how the interval was made, in a few fixed words ("two-way bootstrap", "Wilson").
        why_no_interval: why there is none.
        speaks_of: `recipe` (a model trained this way), `run` (the one model trained on everything), or `training`
            (the one member of an audit that trained no other), `stochastic` (a network drawn anew at every call), or
            `data` (no model was asked).
    """

    value: float
    unit: Unit
    interval: tuple[float, float] | None
    null: float | None
    n: int
    better: Literal["low", "high"] | None = None
    method: str = ""
    why_no_interval: WhyNoInterval | None = None
    speaks_of: Literal["recipe", "run", "training", "stochastic", "data"] = "recipe"

    @model_validator(mode="after")
    def _truthful(self) -> Self:
        numbers = [self.value, *(self.interval or ()), *(() if self.null is None else (self.null,))]
        if not all(math.isfinite(number) for number in numbers):
            raise Undefined(f"a quantity must be finite, got {numbers}; withhold it instead")
        if self.interval is not None and not self.interval[0] <= self.interval[1]:
            raise ValueError(f"interval must run from low to high, got {self.interval}")
        if (self.interval is None) is (self.why_no_interval is None):
            raise ValueError("a quantity has either an interval or `why_no_interval`, which explains its absence")
        return self


def plain(value: float) -> int | float:
    """A number of the user's as he wrote it: whole ones without a point.

    Example:
        >>> plain(64.0), plain(0.5)
        (64, 0.5)
    """
    return int(value) if float(value).is_integer() else value


def interval_by(method: str, interval: Sequence[float] | None, why: WhyNoInterval = "too few") -> dict[str, Any]:
    """An interval and how it was made, or why there is none: arguments of a `Quantity`.

    Example:
        >>> interval_by("Wilson", (0.1, 0.2)), interval_by("Wilson", None)
        ({'interval': (0.1, 0.2), 'method': 'Wilson'}, {'interval': None, 'why_no_interval': 'too few'})
    """
    if interval is None:
        return {"interval": None, "why_no_interval": why}
    return {"interval": tuple(interval), "method": method}
