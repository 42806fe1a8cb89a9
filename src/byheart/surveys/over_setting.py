"""Over a setting: what the surveys of one quantity along one setting of the grid have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from byheart.records.finding import Finding
from byheart.surveys.base import Findings, Grid, Survey
from byheart.surveys.points import Along, along


class OverSetting(Survey):
    """Subclass with `told`.

    Attributes:
        quantity: `chapter/probe/quantity`.
        by: the setting, as the grid names it.
    """

    fewest: ClassVar[int] = 3
    quantity: str
    by: str

    def paths(self) -> tuple[str, ...]:
        """The one quantity."""
        return (self.quantity,)

    def read(self, findings: Findings, grid: Grid) -> Finding:
        """The curve, and what it tells (see `Survey.read`)."""
        line = along(findings, grid, self.quantity, self.by)
        facts: dict[str, Any] = {"curves": {self.quantity.rpartition("/")[2]: line.curve()}}
        return self.told(line, facts) if len(line.known) >= self.fewest else self.small(len(line.known), **facts)

    @abstractmethod
    def told(self, line: Along, facts: dict[str, Any]) -> Finding:
        """What a curve of enough points tells; `facts` go into the finding."""
