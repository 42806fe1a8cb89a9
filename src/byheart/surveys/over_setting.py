"""Over a setting: what the surveys of one quantity along one setting of the grid have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from byheart.errors import InputRefused, shown, unknown_name
from byheart.records.finding import Finding
from byheart.surveys.base import Findings, Grid, Survey
from byheart.surveys.points import Along, along


class OverSetting(Survey):
    """Subclass with `told`.

    Attributes:
        quantity: `chapter/probe/quantity`.
        by: the setting, as the grid names it.
        where: settings of the grid with the one value at which it is read; all else is averaged.
    """

    fewest: ClassVar[int] = 3
    quantity: str
    by: str
    where: dict[str, Any] = {}

    def paths(self) -> tuple[str, ...]:
        """The one quantity."""
        return (self.quantity,)

    def read(self, findings: Findings, grid: Grid) -> Finding:
        """The curve, and what it tells (see `Survey.read`)."""
        line = along(findings, chosen(grid, self.where), self.quantity, self.by)
        facts: dict[str, Any] = {"curves": {self.quantity.rpartition("/")[2]: line.curve()}}
        return self.told(line, facts) if len(line.known) >= self.fewest else self.small(len(line.known), **facts)

    def key_fields(self) -> dict[str, Any]:
        """Without an empty `where` (`without_empty`)."""
        return without_empty(super().key_fields())

    @abstractmethod
    def told(self, line: Along, facts: dict[str, Any]) -> Finding:
        """What a curve of enough points tells; `facts` go into the finding."""


def without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    """Key fields less an empty `where`: a survey of the whole grid keeps the key it had before there was one.

    Example:
        >>> without_empty({"by": "n", "where": {}})
        {'by': 'n'}
    """
    return fields if fields["where"] else {name: value for name, value in fields.items() if name != "where"}


def chosen(grid: Grid, where: Mapping[str, Any]) -> Grid:
    """The subjects of the grid whose settings have these values.

    Raises:
        UnknownName: no such setting in the grid.
        InputRefused: no subject has these values.

    Example:
        >>> chosen({"a": {"n": 1}, "b": {"n": 2}}, {"n": 2})
        {'b': {'n': 2}}
    """
    known = set().union(*grid.values())
    if lacking := [name for name in where if name not in known]:
        raise unknown_name("setting of this grid", lacking[0], known)
    found = {
        one: settings
        for one, settings in grid.items()
        if all(settings.get(name) == value for name, value in where.items())
    }
    if grid and not found:
        raise InputRefused("settings that some subject has", shown(dict(where)), "Name values that the grid varies.")
    return found
