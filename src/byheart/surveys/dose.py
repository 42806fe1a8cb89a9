"""Dose: does a quantity grow or fall with a setting, how fast, and does it level off?"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from byheart.records.finding import Finding, Pole
from byheart.records.quantity import Quantity
from byheart.surveys.over_setting import OverSetting
from byheart.surveys.points import ANY_DEPENDENCE, TOGETHER, Along, Box, box_of, unit_of_difference


class Dose(OverSetting):
    """A quantity y at ascending values x_1 < ... < x_k of a setting.

    trend: Kendall's tau-a, the mean over pairs i < j of sign(y_j - y_i), 1 where every larger dose gives more; a pair
    that the intervals leave open may be either;
    slope: of the straight line of least squares; last_slope: of the last step alone;
    smallest_step, largest_step: of y_(i+1) - y_i, so that it grows at every step where the smallest lies above 0;
    fall: the largest y_i - y_j of any i < j, which is below 0 where y only grows; first, last: y_1 and y_k.

    Attributes:
        quantity: `chapter/probe/quantity`.
        by: the setting, as the grid names it.

    Example:
        >>> Dose(quantity="generalization/gap/gap", by="flip").paths()
        ('generalization/gap/gap',)

    Cost: k^2. Fails when: the grid varies something else with the dose, which then is part of it.
    """

    name: ClassVar[str] = "dose"
    question: ClassVar[str] = "Does it grow or fall with the setting?"
    reference: ClassVar[str] = "Kendall 1938, A new measure of rank correlation (tau-a); Bonferroni, Dunn 1961"

    def told(self, line: Along, facts: dict[str, Any]) -> Finding:
        """The trend."""
        x, y = np.array([x for x, _ in line.known]), [quantity for _, quantity in line.known]
        poles = (Pole(name="falls", value=-1.0), Pole(name="grows", value=1.0))
        return self.finding(_read(x, box_of(y), y), headline="trend", poles=poles, **facts)


def _read(x: np.ndarray, box: Box, y: list[Quantity]) -> dict[str, Quantity]:
    wide = box.together()
    moved = {"null": 0.0, "n": len(y), "speaks_of": y[0].speaks_of}
    step = moved | {"unit": unit_of_difference(y[0].unit), "method": TOGETHER}
    first, second = np.triu_indices(len(x), 1)
    signs, *ends = (float(one.mean()) for one in box.orders(wide))
    steps = _differences(box, wide, np.arange(len(x) - 1), np.arange(1, len(x)))
    falls = _differences(box, wide, second, first)
    centred = x - x.mean()
    last = np.zeros(len(x))
    last[-2:] = np.array([-1, 1]) / (x[-1] - x[-2])
    rate = moved | {"unit": "ratio", "method": ANY_DEPENDENCE}
    made = {
        "trend": Quantity(value=signs, unit="correlation", interval=tuple(ends), method=TOGETHER, **moved),
        **{name: Quantity(value=value, interval=interval, **rate)
           for name, (value, interval) in (("slope", box.weighted(centred / (centred @ centred))),
                                           ("last_slope", box.weighted(last)))},
        "smallest_step": Quantity(**_least(steps), **step),
        "largest_step": Quantity(**_most(steps), **step),
        "fall": Quantity(**_most(falls), **step),
    }  # fmt: skip
    return {**made, "first": y[0], "last": y[-1]}


def _differences(box: Box, wide: Box, before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, Box, Box]:
    """Differences of pairs of points, each with an interval of its own, and with those that hold all at once."""
    own, all_ = (
        Box(one.value[after] - one.value[before], one.low[after] - one.high[before], one.high[after] - one.low[before])
        for one in (box, wide)
    )
    return own.value, own, all_


def _least(found: tuple[np.ndarray, Box, Box]) -> dict[str, Any]:
    """The least of several differences: the one that is least bounds it from above, all of them from below."""
    value, own, wide = found
    return {"value": float(value.min()), "interval": (float(own.low.min()), float(wide.high.min()))}


def _most(found: tuple[np.ndarray, Box, Box]) -> dict[str, Any]:
    value, own, wide = found
    return {"value": float(value.max()), "interval": (float(wide.low.max()), float(own.high.max()))}
