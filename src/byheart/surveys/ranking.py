"""Ranking: which quantity orders the subjects as a target quantity does?"""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from byheart.records.facts import FactTable
from byheart.records.finding import Finding, Pole
from byheart.records.quantity import Quantity
from byheart.surveys.base import Findings, Grid, Survey
from byheart.surveys.points import ONE_MODEL, TOGETHER, box_of, measured
from byheart.surveys.ranking_scores import scored


class Ranking(Survey):
    """Kendall's tau-a of each measure with the target over k subjects: the mean of sign(m_i - m_j) sign(t_i - t_j).

    1 where the measure orders them as the target does, -1 the other way round, about 0 by chance; ties count 0. A
    pair that the intervals leave open, of the measure or of the target, counts as -1 at the low end of the interval and
    as 1 at the high end. `by chance` is the tau that one order in forty at random exceeds or, of few subjects, attains.

    Where the grid has several settings, also by the published protocols (`ranking_scores`): NAME.psi, NAME.information,
    NAME.sign_error and NAME.worst, a table of all scores beside baselines, and what papers report.

    Attributes:
        target: `chapter/probe/quantity`.
        measures: the same, or `chapter/probe/*` for all quantities of a probe but the target's; or settings of the grid
            that have numbers.
        settings: the hyper-parameters of the protocols; all that the grid varies where empty.
        test_size: examples behind each target, for sign-errors; the target's n where not given.

    Cost: k^2 a measure, 60 times for the baselines. Fails when: all subjects differ in one setting alone, which then
    orders whatever follows it.

    Reference: Jiang et al. 2020, Fantastic generalization measures and where to find them, equation 2; Dziugaite et al.
    2020, In search of robust measures of generalization.
    """

    name: ClassVar[str] = "ranking"
    version: ClassVar[int] = 3
    question: ClassVar[str] = "Which measure orders the subjects as the target does?"
    reference: ClassVar[str] = (
        "Jiang et al. 2020, Fantastic generalization measures, equation 2; Kendall 1938; Dziugaite et al. 2020, In "
        "search of robust measures of generalization"
    )
    fewest: ClassVar[int] = 4
    optional: ClassVar[frozenset[str]] = frozenset({"psi", "information", "sign_error", "worst", "least_worst"})
    target: str
    measures: Annotated[tuple[str, ...], Field(min_length=1)]
    settings: tuple[str, ...] = ()
    test_size: Annotated[int, Field(ge=1)] | None = None

    def paths(self) -> tuple[str, ...]:
        """The target, and the measures that are no settings."""
        return (self.target, *(path for path in self.measures if "/" in path))

    def read(self, findings: Findings, grid: Grid) -> Finding:
        """The tau of each measure, the largest first (see `Survey.read`)."""
        target, made, most = measured(findings, self.target), {}, 0
        paths = self._paths(findings)
        known = {name: self._of(findings, grid, path) for path, name in zip(paths, _names(paths))}
        for name, found in known.items():
            both = [one for one in sorted(grid) if one in target and one in found]
            most = max(most, len(both))
            if len(both) >= self.fewest:
                made[name] = _tau(*([of[one] for one in both] for of in (found, target)))
        if not made:
            return self.small(most)
        order = sorted(made, key=lambda name: (-made[name].value, name))
        columns = {"measure": order, "tau": [made[name].value for name in order]}
        columns |= {"subjects": [made[name].n for name in order]}
        columns |= {"by chance": [chance(made[name].n) for name in order]}
        poles = (Pole(name="reversed", value=-1.0), Pole(name="same order", value=1.0))
        tables = {"measures": FactTable(values=columns)}
        more = scored({name: known[name] for name in order}, target, grid, self.settings, self.test_size)
        return self.finding(
            {name: made[name] for name in order} | more.quantities, headline=order[0], poles=poles,
            tables=tables | more.tables, details=more.details,
        )  # fmt: skip

    def _paths(self, findings: Findings) -> tuple[str, ...]:
        """The measures, those of a whole probe by name."""
        found: dict[str, None] = {}
        for path in self.measures:
            probe, _, name = path.rpartition("/")
            if name != "*":
                found[path] = None
                continue
            for subject in sorted(findings):
                answer = findings[subject].get(probe)
                if isinstance(answer, Finding):
                    same = {f"{probe}/{one}" for one in answer.quantities} - {self.target}
                    found |= dict.fromkeys(sorted(same))
        return tuple(found)

    def _of(self, findings: Findings, grid: Grid, path: str) -> dict[str, Quantity]:
        return measured(findings, path, ONE_MODEL) if "/" in path else _settings(grid, path)


def chance(k: int) -> float:
    """The least tau of k subjects that at most one random order in forty exceeds; 1 of few of them.

    Orders by their number of inversions are counted by the recurrence of Kendall 1938.

    Example:
        >>> [round(chance(k), 2) for k in (4, 5, 8, 20)]
        [1.0, 0.8, 0.57, 0.32]
    """
    orders = np.ones(1)
    for more in range(1, k):
        orders = np.convolve(orders, np.ones(more + 1)) / (more + 1)
    pairs = len(orders) - 1
    above = 1 - np.cumsum(orders)  # the share of orders with more inversions than i; by symmetry of a tau so large
    place = int(np.flatnonzero(above <= 0.025 + 1e-12)[0])
    return 2 * place / pairs - 1


def _names(paths: tuple[str, ...]) -> list[str]:
    """The last word of each path; where two are alike, all of it."""
    last = [path.rpartition("/")[2] for path in paths]
    return [name if last.count(name) == 1 else path.replace("/", ".") for name, path in zip(last, paths)]


def _settings(grid: Grid, path: str) -> dict[str, Quantity]:
    """A setting of each subject as an exact number; one that has none is left out."""
    found = {one: settings[path] for one, settings in grid.items() if path in settings}
    return {
        one: Quantity(value=value, unit="setting", interval=None, why_no_interval="exact", null=None, n=1)
        for one, value in found.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _tau(measure: list[Quantity], target: list[Quantity]) -> Quantity:
    (m, m_low, m_high), (t, t_low, t_high) = (box.orders(box.together(2)) for box in map(box_of, (measure, target)))
    ends = np.stack([a * b for a in (m_low, m_high) for b in (t_low, t_high)])
    interval = (float(ends.min(0).mean()), float(ends.max(0).mean()))
    return Quantity(
        value=float((m * t).mean()), unit="correlation", interval=interval, null=0.0, n=len(target), method=TOGETHER,
        speaks_of=target[0].speaks_of,
    )  # fmt: skip
