"""Budget: along a setting, does more of the budget go into what is understood, or into what is remembered?"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from byheart.records.facts import FactTable
from byheart.records.finding import Finding
from byheart.records.quantity import Quantity
from byheart.surveys.base import Findings, Grid, Survey
from byheart.surveys.over_setting import chosen, without_empty
from byheart.surveys.points import ANY_DEPENDENCE, Along, Box, along, box_of, unit_of_difference

BUDGET = "complexity/description-length"


class Budget(Survey):
    """The parts of one budget at ascending values of a setting, on one axis: understood, memorised, left.

    understood_growth, memorised_growth: the part at the largest value less that at the smallest;
    more_understood: the first less the second, above 0 where more is understood rather than remembered.

    Attributes:
        by: the setting, as the grid names it.
        understood, memorised, left: the quantities, each as `chapter/probe/quantity`; names between `|` are tried in
            turn, for the budget of values is that of their variance.
        where: settings of the grid with the one value at which it is read; all else is averaged.

    Example:
        >>> Budget(by="learner.hidden").paths()[1]
        'complexity/description-length/memorised_bits|memorised_share_of_variance'

    Cost: k. Fails when: what lies between is larger than at both ends: the curves show it.
    """

    name: ClassVar[str] = "budget"
    question: ClassVar[str] = "Is more understood along the setting, or more remembered?"
    reference: ClassVar[str] = "Morris et al. 2025, How much do language models memorize?, section 2 (the two parts)"
    fewest: ClassVar[int] = 2
    by: str
    understood: str = f"{BUDGET}/understood_bits|understood_share"
    memorised: str = f"{BUDGET}/memorised_bits|memorised_share_of_variance"
    left: str = f"{BUDGET}/left_bits|left_share"
    where: dict[str, Any] = {}

    def key_fields(self) -> dict[str, Any]:
        """Without an empty `where`."""
        return without_empty(super().key_fields())

    def paths(self) -> tuple[str, ...]:
        """The three parts."""
        return self.understood, self.memorised, self.left

    def read(self, findings: Findings, grid: Grid) -> Finding:
        """Three lines, a row per value, and what grows (see `Survey.read`)."""
        parts = ("understood", "memorised", "left")
        grid = chosen(grid, self.where)
        lines = {part: along(findings, grid, path, self.by) for part, path in zip(parts, self.paths())}
        known = [i for i in range(len(lines["left"].x)) if all(line.y[i] is not None for line in lines.values())]
        facts: dict[str, Any] = {"curves": {part: line.curve() for part, line in lines.items()}}
        if len(known) < self.fewest:
            return self.small(len(known), **facts)
        return self.finding(
            _growth(lines["understood"], lines["memorised"], known),
            headline="more_understood",
            tables={"each": _rows(lines, known)},
            details={"by": self.by},
            **facts,
        )


def _growth(understood: Along, memorised: Along, known: list[int]) -> dict[str, Quantity]:
    ends = known[0], known[-1]
    points = [one for line in (understood, memorised) for i in ends if (one := line.y[i]) is not None]
    box: Box = box_of(points)
    first = points[0]
    weights = {
        "more_understood": (-1, 1, 1, -1), "understood_growth": (-1, 1, 0, 0), "memorised_growth": (0, 0, -1, 1),
    }  # fmt: skip
    made = {}
    for name, of in weights.items():
        value, interval = box.weighted(np.array(of, dtype=float))
        made[name] = Quantity(
            value=value, interval=interval, unit=unit_of_difference(first.unit), null=0.0, n=len(known),
            method=ANY_DEPENDENCE, speaks_of=first.speaks_of,
        )  # fmt: skip
    return made


def _rows(lines: dict[str, Along], known: list[int]) -> FactTable:
    """Each value with its three parts."""
    by = lines["left"].by
    columns: dict[str, Any] = {by: [lines["left"].x[i] for i in known]}
    units: dict[str, Any] = {}
    for part, line in lines.items():
        found = [one for i in known if (one := line.y[i]) is not None]
        columns[part] = [one.value for one in found]
        units[part] = found[0].unit
    return FactTable(values=columns, units=units)
