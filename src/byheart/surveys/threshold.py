"""Threshold: from which value of a setting on does a quantity reach a level?"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from byheart.records.finding import Finding
from byheart.records.quantity import Quantity
from byheart.records.reason import Reason
from byheart.surveys.over_setting import OverSetting
from byheart.surveys.points import Along, box_of

BETWEEN = "places of the grid whose intervals lie below and above"


class Threshold(OverSetting):
    """A quantity y at ascending values x_1 < ... < x_k of a setting, and a level t.

    at: the first x_i from which on every y is at least t. Its interval runs from the last x_i up to which some whole
    interval of y lies below t, to the first x_i from which on all intervals lie above it, of each point by itself: so
    it is as wide as the grid is coarse. Where no place is surely below, or none surely above, there is no number: the
    threshold may lie beyond the grid.

    Attributes:
        quantity: `chapter/probe/quantity`.
        by: the setting, as the grid names it.
        level: t.
        where: settings of the grid with the one value at which it is read.

    Example:
        >>> Threshold(quantity="generalization/delay/generalised_share", by="share", level=0.5).level
        0.5

    Cost: k. Fails when: y rises and falls again: what is said is where it stays.
    """

    name: ClassVar[str] = "threshold"
    question: ClassVar[str] = "From which value of the setting on does it reach the level?"
    reference: ClassVar[str] = (
        "Power et al. 2022, Grokking, figure 1 (the share of a table from which on it is learned)"
    )
    level: float

    def told(self, line: Along, facts: dict[str, Any]) -> Finding:
        """Where the level is reached."""
        x, y = np.array([x for x, _ in line.known]), [quantity for _, quantity in line.known]
        box, details = box_of(y), {"level": self.level}
        below = np.flatnonzero(box.high < self.level)
        above, reached = (_from(side >= self.level) for side in (box.low, box.value))
        if not len(below) or above is None or reached is None:
            why = Reason(code="not crossed", figures={"level": self.level})
            return self.finding({}, status="withheld", withheld=why, details=details, **facts)
        at = Quantity(
            value=float(x[reached]), interval=(float(x[below[-1]]), float(x[above])), unit="setting", null=None,
            n=len(y), speaks_of=y[0].speaks_of, method=BETWEEN,
        )  # fmt: skip
        return self.finding({"at": at}, headline="at", details=details, **facts)


def _from(there: np.ndarray) -> int | None:
    """The first place from which on all are there; None where the last one is not.

    Example:
        >>> _from(np.array([True, False, True, True])), _from(np.array([True, False]))
        (2, None)
    """
    if not len(there) or not there[-1]:
        return None
    missing = np.flatnonzero(~there)
    return int(missing[-1]) + 1 if len(missing) else 0
