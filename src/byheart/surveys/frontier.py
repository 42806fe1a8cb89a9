"""Frontier: which subjects does no other beat on two quantities?"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from byheart.records.facts import Axis, Curve, FactTable
from byheart.records.finding import Finding
from byheart.records.quantity import Quantity
from byheart.surveys.base import Findings, Grid, Survey
from byheart.surveys.points import TOGETHER, Box, box_of, measured

Better = Literal["high", "low"]


class Frontier(Survey):
    """Subject b beats a where it is better on one quantity and no worse on the other; the frontier is what none beats.

    Over the box in which all points lie at once, a subject is surely beaten where another's worst corner beats its
    best, and surely unbeaten where nobody's best corner beats its worst.

    unbeaten: how many subjects none beats, the interval from those surely unbeaten to all not surely beaten.

    Attributes:
        quantities: the two, each as `chapter/probe/quantity`.
        better: which way is good, of each.

    Cost: k^2. Fails when: the two quantities say the same, for then the best on one is all there is.
    """

    name: ClassVar[str] = "frontier"
    question: ClassVar[str] = "Which subjects does no other beat on both?"
    reference: ClassVar[str] = "Pareto 1906, Manuale di economia politica"
    fewest: ClassVar[int] = 2
    quantities: Annotated[tuple[str, ...], Field(min_length=2, max_length=2)]
    better: Annotated[tuple[Better, ...], Field(min_length=2, max_length=2)]

    def paths(self) -> tuple[str, ...]:
        """The two."""
        return self.quantities

    def read(self, findings: Findings, grid: Grid) -> Finding:
        """The number that none beats, and a table of all (see `Survey.read`)."""
        first, second = (measured(findings, path) for path in self.quantities)
        subjects = [one for one in sorted(grid) if one in first and one in second]
        if len(subjects) < self.fewest:
            return self.small(len(subjects))
        known = [[found[one] for one in subjects] for found in (first, second)]
        boxes = [box_of(found).together(2) for found in known]
        goods = [box if way == "high" else _turned(box) for box, way in zip(boxes, self.better)]
        value, best, worst = (np.stack([getattr(one, part) for one in goods]) for part in ("value", "high", "low"))
        unbeaten, sure, may = ~_beaten(value, value), ~_beaten(worst, best), ~_beaten(best, worst)
        count = Quantity(
            value=float(unbeaten.sum()), unit="subjects", interval=(float(sure.sum()), float(may.sum())), null=None,
            n=len(subjects), method=TOGETHER, speaks_of=known[0][0].speaks_of,
        )  # fmt: skip
        names = [path.rpartition("/")[2] for path in self.quantities]
        columns = {name: box.value for name, box in zip(_unlike(names, self.quantities), boxes)}
        words = np.where(sure, "none", np.where(may, "open", "some"))
        table = FactTable(values={"subject": subjects, **columns, "beaten by": words})
        line = _curve(boxes, unbeaten, names, known)
        return self.finding({"unbeaten": count}, headline="unbeaten", tables={"subjects": table}, curves=line)


def _turned(box: Box) -> Box:
    """The same where less is better: more is good from here on."""
    return Box(-box.value, -box.high, -box.low)


def _beaten(own: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(k,) whether any other column of `others` (2, k) is no worse than that of `own` on both and better on one."""
    a, b = own[:, :, None], others[:, None, :]
    beats = (b >= a).all(0) & (b > a).any(0)
    np.fill_diagonal(beats, False)
    return beats.any(1)


def _unlike(names: list[str], paths: tuple[str, ...]) -> list[str]:
    return names if len(set(names)) == len(names) else list(paths)


def _curve(boxes: list[Box], unbeaten: np.ndarray, names: list[str], known: list[list[Quantity]]) -> dict[str, Curve]:
    """The second quantity over the first of those that none beats."""
    x, y = (box.value[unbeaten] for box in boxes)
    order = np.argsort(x, kind="stable")
    axes = [Axis(name=name, unit=found[0].unit) for name, found in zip(names, known)]
    return {"frontier": Curve(x_axis=axes[0], y_axis=axes[1], x=x[order], y=y[order])}
