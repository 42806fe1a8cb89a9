"""Comparison: how two audits of the same data differ, number by number and example by example."""

from __future__ import annotations

import math
from typing import Any, Literal

from byheart.records.quantity import Quantity
from byheart.records.reason import Reason
from byheart.records.spec import Record

# the same trained models on both sides; members on the same subsets, from the same seeds; or members on other subsets,
# for they were drawn from another seed or share, are more or fewer, or kept other examples together
Pairing = Literal["same models", "paired", "other seed", "other share", "other members", "other groups"]
What = Literal["memorised", "right_unseen"]


class ComparedRun(Record):
    """One of the two: its digits, its title, the settings of the learner and its members, and the command.

    `run` is empty for the recipe without its levers, which an audit trains beside it.
    """

    run: str
    title: str
    command: str
    settings: dict[str, str | int | float]


class Difference(Record):
    """A number of both runs and by how much the second exceeds the first; `paired` where members were compared."""

    name: str
    first: Quantity
    second: Quantity
    difference: Quantity
    paired: bool

    @property
    def widths(self) -> float:
        """The difference in half widths of its interval, towards 0; above 1 the interval excludes 0.

        Example:
            >>> one = Quantity(value=0.2, unit="points", interval=(0.1, 0.4), null=0, n=9)
            >>> Difference(name="gap", first=one, second=one, difference=one, paired=True).widths
            2.0
        """
        value, interval = self.difference.value, self.difference.interval
        if interval is None or not value:
            return 0.0
        half = value - interval[0] if value > 0 else interval[1] - value
        return abs(value) / half if half else math.inf

    @property
    def matters(self) -> bool:
        """Whether its interval excludes 0."""
        return self.widths > 1


class ChangedSides(Record):
    """The examples that stand on a side in the first run alone, and in the second alone, by id.

    Where both runs are the same, so many change sides by noise: `by_chance` on average, `most` in the worst of `swaps`
    exchanges of their members. Where no more change than in the worst, none of them is named.
    """

    what: What
    first: tuple[int, ...] = ()
    second: tuple[int, ...] = ()
    changed: tuple[int, int]
    n: int
    by_chance: float
    most: int
    swaps: int

    @property
    def told(self) -> bool:
        """Whether more examples changed than in any of the swaps."""
        return sum(self.changed) > self.most


class Missing(Record):
    """A probe that gave no numbers, in the first run, the second or both, and why."""

    probe: str
    where: Literal["first", "second", "both"]
    reason: Reason


class ComparisonRecord(Record):
    """Two audits compared; the page, the lines and `--json` are made from it alone.

    Attributes:
        first: what is compared with.
        second: what is compared; a difference is that of the second less the first.
        subject: what the words of the page need to know of the data (`noun`, `kind`, `n` ...).
        pairing: whether members are compared one by one, and if not why.
        differences: those whose interval excludes 0 first, the largest in half widths of its interval first.
        missing: probes of what is compared that are withheld in one of the two or both.
        without_interval: numbers of both that are not compared, for one of the two has no interval.
        changed: the examples that changed sides, of classes.
        exhibits: what can be shown of them.
        hidden: whether only ids are shown.
        provenance: versions, the command.
    """

    schema_version: int = 1
    first: ComparedRun
    second: ComparedRun
    subject: dict[str, Any]
    pairing: Pairing
    differences: tuple[Difference, ...]
    without_interval: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    changed: tuple[ChangedSides, ...] = ()
    exhibits: dict[str, dict[str, Any]] = {}
    hidden: bool = False
    provenance: dict[str, Any]

    @property
    def paired(self) -> bool:
        """Whether the members of both saw the same examples."""
        return self.pairing in ("paired", "same models")

    def found(self, name: str) -> Difference | None:
        """The difference of a quantity, by its name."""
        return next((one for one in self.differences if one.name == name), None)

    def unlike(self) -> dict[str, tuple[str, str]]:
        """The settings that differ between the two, with both values; "default" where one leaves it, "none" of a lever.

        Of two other learners those that both have, for one does not have the other's.
        """
        ours, theirs = self.first.settings, self.second.settings
        same = str(ours.get("learner", "")).partition(" ")[0] == str(theirs.get("learner", "")).partition(" ")[0]
        names = [name for name in dict.fromkeys([*ours, *theirs]) if same or (name in ours and name in theirs)]
        left = {name: "none" if name.startswith("lever ") else "default" for name in names}
        both = {name: (str(ours.get(name, left[name])), str(theirs.get(name, left[name]))) for name in names}
        return {name: (a, b) for name, (a, b) in both.items() if a != b}
