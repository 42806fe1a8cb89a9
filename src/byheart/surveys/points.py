"""Points: a quantity of each subject, alone or along a setting, and the box in which all of them lie together.

Every survey makes its intervals from those of its points, under any dependence between subjects, which share examples
and seeds. A weighted sum of points spreads at most as the same sum of their half widths does (errors normal). What is
no sum (a largest value, an order, a frontier) is read over the box: intervals widened until all k points lie in theirs
at once in 95 % of cases (Bonferroni), and the least and the most that it can be there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from byheart.errors import InputRefused, shown, unknown_name
from byheart.records.facts import Axis, Curve
from byheart.records.finding import Finding
from byheart.records.quantity import Quantity, Unit
from byheart.surveys.base import Findings, Grid

TOGETHER = "range over all points at once, Bonferroni"
ANY_DEPENDENCE = "half widths added, whatever the dependence"
IN_POINTS = {"share", "accuracy"}
EXACT = ("exact",)
ONE_MODEL = ("exact", "one model")


class Box(NamedTuple):
    """k values with the ends of their intervals, all (k,)."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def together(self, boxes: int = 1) -> Box:
        """The box that holds all points at once, and those of as many other boxes, in 95 % of cases."""
        stretch = ndtri(1 - 0.025 / (len(self.value) * boxes)) / ndtri(0.975)
        return Box(
            self.value, self.value - stretch * (self.value - self.low), self.value + stretch * (self.high - self.value)
        )

    def orders(self, wide: Box) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each pair i < j the sign of y_j - y_i; and in the wide box the least and the most that it can be."""
        i, j = np.triu_indices(len(self.value), 1)
        return (
            np.sign(self.value[j] - self.value[i]), np.sign(wide.low[j] - wide.high[i]),
            np.sign(wide.high[j] - wide.low[i]),
        )  # fmt: skip

    def weighted(self, weights: np.ndarray) -> tuple[float, tuple[float, float]]:
        """The weighted sum of the points, and its interval."""
        below = np.where(weights > 0, self.value - self.low, self.high - self.value)
        above = np.where(weights > 0, self.high - self.value, self.value - self.low)
        value, size = float(weights @ self.value), np.abs(weights)
        return value, (value - float(size @ below), value + float(size @ above))


def box_of(quantities: list[Quantity]) -> Box:
    """The values of quantities with their intervals; what follows exactly from the data has none to either side."""
    ends = [one.interval or (one.value, one.value) for one in quantities]
    low, high = np.array(ends).T
    return Box(np.array([one.value for one in quantities]), low, high)


def measured(findings: Findings, path: str, exact: Collection[str] = EXACT) -> dict[str, Quantity]:
    """The quantity of each subject that has one, with an interval or exact; subjects by name.

    Names between `|` are tried in turn: one part may be called otherwise of another kind of output. `exact` are the
    reasons for having no interval that leave a number exact: who asks of one model, not of its recipe, adds
    `one model`.
    """
    probe, _, name = path.rpartition("/")
    found = {}
    for subject in sorted(findings):
        answer = findings[subject].get(probe)
        if not isinstance(answer, Finding) or answer.status == "withheld":
            continue
        one = next((answer.quantities[word] for word in name.split("|") if word in answer.quantities), None)
        if one is not None and (one.interval is not None or one.why_no_interval in exact):
            found[subject] = one
    return found


class Along(NamedTuple):
    """A quantity along a setting: the places, ascending, and what stands there; None is a gap."""

    path: str
    by: str
    x: tuple[float, ...]
    y: tuple[Quantity | None, ...]

    @property
    def known(self) -> list[tuple[float, Quantity]]:
        """The places that are no gaps."""
        return [(x, y) for x, y in zip(self.x, self.y) if y is not None]

    def curve(self) -> Curve:
        """The line with its band and its gaps."""
        unit = next((y.unit for y in self.y if y), "")
        ends = [(y.interval or (y.value, y.value)) if y else (None, None) for y in self.y]
        nulls = tuple(y.null if y else None for y in self.y)
        name = self.path.rpartition("/")[2].partition("|")[0]
        return Curve(
            x_axis=Axis(name=self.by), y_axis=Axis(name=name, unit=unit), x=self.x,
            y=tuple(y.value if y else None for y in self.y), low=tuple(low for low, _ in ends),
            high=tuple(high for _, high in ends), n=tuple(y.n if y else 0 for y in self.y),
            null=nulls if any(null is not None for null in nulls) else (),
        )  # fmt: skip


def along(findings: Findings, grid: Grid, path: str, by: str) -> Along:
    """The quantity at each value of a setting, the mean over all else that the grid varies; a part missing is a gap.

    Raises:
        UnknownName: no such setting in the grid.
        InputRefused: its values are no numbers.
    """
    found = measured(findings, path)
    places = defaultdict(list)
    for subject in sorted(grid):
        if by not in grid[subject]:
            raise unknown_name("setting of this grid", by, set().union(*grid.values()))
        places[_number(grid[subject][by], by)].append(found.get(subject))
    x = tuple(sorted(places))
    return Along(path, by, x, tuple(_mean(places[one]) for one in x))


def _number(value: object, by: str) -> float:
    value = value[0] if isinstance(value, list | tuple) and len(value) == 1 else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputRefused(expected=f"numbers of {by}", came=shown(value), do="Read along a setting that has numbers.")
    return float(value)


def _mean(found: list[Quantity | None]) -> Quantity | None:
    parts = [one for one in found if one is not None]
    if len(parts) < len(found):
        return None
    if len(parts) == 1:
        return parts[0]
    value, interval = box_of(parts).weighted(np.full(len(parts), 1 / len(parts)))
    nulls = [one.null for one in parts if one.null is not None]
    null = sum(nulls) / len(parts) if len(nulls) == len(parts) else None
    changed = {"value": value, "interval": interval, "null": null, "method": ANY_DEPENDENCE, "why_no_interval": None}
    return parts[0].model_copy(update={**changed, "n": min(one.n for one in parts)})


def unit_of_difference(unit: Unit) -> Unit:
    """Shares differ by points."""
    return "points" if unit in IN_POINTS else unit
