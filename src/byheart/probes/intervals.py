"""Numbers that many probes measure, with their intervals: shares, areas under a curve, estimates of the mathematics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from byheart.maths.statistics.effective_sample_size import worth
from byheart.maths.statistics.ranking import auc, auc_interval
from byheart.maths.statistics.ranks import wilson
from byheart.records.quantity import Quantity, interval_by

# How intervals are made, as `Quantity.method` says it.
WILSON = "Wilson, copies count as one"
BOOTSTRAP = "bootstrap over examples (copies together)"
WITHIN_GROUPS = "bootstrap within each group"
FRESH_DRAWS = "fresh draws of examples and training set"


class Measured(Protocol):
    """A value and its interval, None where draws are too few, as the estimates of `maths.statistics` give them."""

    @property
    def value(self) -> float:
        """The number."""

    @property
    def interval(self) -> tuple[float, float] | None:
        """Low and high."""


def estimate(of: Measured, **more: Any) -> Quantity:
    """An estimate as a quantity, over fresh draws of examples and training set; `more`: its unit, null, n and so on."""
    return Quantity(value=of.value, **interval_by(FRESH_DRAWS, of.interval), **more)


def share(
    chosen: np.ndarray, groups: np.ndarray, null: float | None, draws: float | None = None, **more: Any
) -> Quantity:
    """The share of examples that are chosen, by Wilson over the draws that their groups are worth.

    Example:
        >>> share(np.array([True, False]), np.arange(2), null=0.0).value
        0.5
    """
    value, draws = float(chosen.mean()), draws or worth(groups)
    interval = interval_by(WILSON, wilson(value * draws, draws))
    return Quantity(value=value, unit="share", null=null, n=len(chosen), **interval, **more)


def area(score: np.ndarray, positive: np.ndarray, rng: np.random.Generator, **more: Any) -> Quantity:
    """The AUC of a score for the examples that are positive."""
    interval = interval_by(WITHIN_GROUPS, auc_interval(score, positive, rng))
    return Quantity(value=auc(score, positive), unit="auc", null=0.5, n=len(score), **interval, **more)


def line(of: Sequence[Measured]) -> dict[str, tuple[float, ...]]:
    """Estimates as the line of a `Curve`, with its band where every one has an interval.

    Example:
        >>> line([share(np.array([True, False]), np.arange(2), null=0.0)])["y"]
        (0.5,)
    """
    ends = [one.interval for one in of if one.interval is not None]
    low, high = zip(*ends) if ends and len(ends) == len(of) else ((), ())
    return {"y": tuple(one.value for one in of), "low": low, "high": high}
