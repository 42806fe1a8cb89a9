"""Peak: where does a curve over a setting have its largest value, and does it stand out?"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from byheart.records.finding import Finding
from byheart.records.quantity import Quantity
from byheart.surveys.over_setting import OverSetting
from byheart.surveys.points import TOGETHER, Along, Box, box_of, unit_of_difference


class Peak(OverSetting):
    """A quantity y at ascending values x_1 < ... < x_k of a setting.

    largest: max y; at: its x, the interval from the first to the last place that may be the largest;
    prominence: the largest over inner places i of min(y_i - min_(j<i) y_j, y_i - min_(j>i) y_j): how far the curve
    rises to a place and falls behind it again; 0 or less where it only grows, only falls, or only dips;
    above_before, above_after: the two differences of the most prominent place, which `prominent_at` names.

    Attributes:
        quantity: `chapter/probe/quantity`.
        by: the setting, as the grid names it.

    Cost: k^2. Fails when: the peak lies between two values of the grid, or beside a gap.
    """

    name: ClassVar[str] = "peak"
    question: ClassVar[str] = "Where is it largest, and does that place stand out?"
    reference: ClassVar[str] = "Belkin et al. 2019, Reconciling modern machine learning practice (a peak over sizes)"

    def told(self, line: Along, facts: dict[str, Any]) -> Finding:
        """The prominence."""
        return self.finding(_read(line), headline="prominence", **facts)


def _read(line: Along) -> dict[str, Quantity]:
    y = [quantity for _, quantity in line.known]
    x, box = np.array([x for x, _ in line.known]), box_of(y)
    wide, top = box.together(), int(np.argmax(box.value))
    may = x[wide.high >= wide.low.max()]
    same = {"n": len(y), "speaks_of": y[0].speaks_of, "method": TOGETHER}
    gap = same | {"unit": unit_of_difference(y[0].unit), "null": 0.0}
    inner = range(1, len(x) - 1)
    sides = {i: [_above(wide, i, part) for part in (slice(None, i), slice(i + 1, None))] for i in inner}
    rises = {i: tuple(min(ends) for ends in zip(*sides[i])) for i in inner}
    best = max(inner, key=lambda i: rises[i][0])
    prominence, *ends = (max(column) for column in zip(*rises.values()))
    made = {
        "prominence": Quantity(value=prominence, interval=(ends[0], ends[1]), **gap),
        "largest": Quantity(
            value=float(box.value[top]), interval=(float(wide.low.max()), float(box.high.max())), unit=y[0].unit,
            null=y[top].null, **same,
        ),
        "at": Quantity(
            value=float(x[top]), interval=(float(may.min()), float(may.max())), unit="setting", null=None, **same
        ),
        "prominent_at": Quantity(
            value=float(x[best]), interval=None, why_no_interval="description", unit="setting", null=None,
            n=same["n"], speaks_of=y[0].speaks_of,
        ),
    }  # fmt: skip
    for name, (value, low, high) in zip(("above_before", "above_after"), sides[best]):
        made[name] = Quantity(value=value, interval=(low, high), **gap)
    return made


def _above(box: Box, i: int, part: slice) -> tuple[float, float, float]:
    """A point less the least of some others: value, and the ends over the box."""
    value, low, high = box.value[i] - box.value[part], box.low[i] - box.high[part], box.high[i] - box.low[part]
    return float(value.max()), float(low.max()), float(high.max())
