"""Peak: where does a curve over a setting have its largest value, and does it stand out?

Over a box that holds all points at once, or, where findings keep the quantity by seed, by drawing the seeds anew.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from byheart.maths.descent.peaks import FEWEST_POINTS, FEWEST_SEEDS, Located, peak
from byheart.records.finding import Finding
from byheart.records.quantity import Quantity, plain
from byheart.records.reason import Reason
from byheart.seeds import stream
from byheart.surveys.base import Findings, Grid
from byheart.surveys.over_setting import OverSetting, chosen
from byheart.surveys.points import TOGETHER, Along, Box, along, box_of, unit_of_difference

BY_SEED = "by_seed"  # the table of a finding in which a quantity stands by seed


class Peak(OverSetting):
    """A quantity y at ascending values x_1 < ... < x_k of a setting.

    largest: max y; at: its x, the interval from the first to the last place that may be the largest;
    prominence: the largest over inner places i of min(y_i - min_(j<i) y_j, y_i - min_(j>i) y_j): how far the curve
    rises to a place and falls behind it again; 0 or less where it only grows, only falls, or only dips;
    above_before, above_after: the two differences of the most prominent place, which `prominent_at` names.

    With `over_seeds` the value is the median over the seeds that all subjects have in common, and intervals are of
    2,000 draws of these seeds, each with all its values (`maths.descent.peaks`): paired, and narrower than the box.
    There a place whose interval touches an end of the grid is withheld, for the peak may lie beyond.

    Attributes:
        quantity: `chapter/probe/quantity`.
        by: the setting, as the grid names it.
        over_seeds: whether seeds are drawn, of which at least 10 are needed.

    Cost: k^2. Fails when: the peak lies between two values of the grid, or beside a gap.
    """

    name: ClassVar[str] = "peak"
    question: ClassVar[str] = "Where is it largest, and does that place stand out?"
    reference: ClassVar[str] = "Belkin et al. 2019, Reconciling modern machine learning practice (a peak over sizes)"
    over_seeds: bool = False

    def read(self, findings: Findings, grid: Grid) -> Finding:
        """As along every setting; by seed where that is asked for (see `Survey.read`)."""
        if not self.over_seeds:
            return super().read(findings, grid)
        grid = chosen(grid, self.where)
        line = along(findings, grid, self.quantity, self.by)
        facts: dict[str, Any] = {"curves": {self.quantity.rpartition("/")[2]: line.curve()}}
        seeds = _by_seed(findings, grid, self.quantity, self.by)
        if len(seeds) < FEWEST_POINTS:
            return self.small(len(seeds), **facts)
        common = sorted(set.intersection(*(set(one) for one in seeds.values())))
        if len(common) < FEWEST_SEEDS:
            few = Reason(code="few seeds", figures={"seeds": len(common), "needed": FEWEST_SEEDS})
            return self.finding({}, status="withheld", withheld=few, **facts)
        errors = np.array([[one[seed] for one in seeds.values()] for seed in common])
        return self._of_seeds(np.array(list(seeds)), errors, line, facts)

    def _of_seeds(self, x: np.ndarray, errors: np.ndarray, line: Along, facts: dict[str, Any]) -> Finding:
        found = peak(x, errors, stream(0, "survey", self.name))
        if found.at_end:
            end = Reason(code="peak at the end", figures={"at": plain(found.at.value)})
            return self.finding({}, status="withheld", withheld=end, **facts)
        first = line.known[0][1]
        same: dict[str, Any] = {"n": first.n, "speaks_of": first.speaks_of, "method": "bootstrap over seeds"}
        gap = unit_of_difference(first.unit)

        def told(of: Located, **more: Any) -> Quantity:
            return Quantity(value=of.value, interval=tuple(of.interval), **same, **more)

        made = {
            "prominence": told(found.prominence, unit=gap, null=0.0),
            "largest": told(found.height, unit=first.unit, null=first.null),
            "at": told(found.at, unit="setting", null=None),
        }
        return self.finding(made, headline="prominence", **facts)

    def told(self, line: Along, facts: dict[str, Any]) -> Finding:
        """The prominence."""
        return self.finding(_read(line), headline="prominence", **facts)


def _by_seed(findings: Findings, grid: Grid, path: str, by: str) -> dict[float, dict[int, float]]:
    """Value of the setting, ascending -> seed -> the quantity, of subjects that keep it so; means over all else."""
    probe, _, name = path.rpartition("/")
    places: dict[float, list[dict[int, float]]] = {}
    for subject in sorted(grid):
        answer = findings.get(subject, {}).get(probe)
        table = answer.tables.get(BY_SEED) if isinstance(answer, Finding) else None
        if table is not None and name in table.values:
            value = grid[subject][by]
            at = float(value[0] if isinstance(value, list | tuple) else value)
            seeds = zip(table.values["seed"], table.values[name])
            places.setdefault(at, []).append({int(seed): float(one) for seed, one in seeds})  # type: ignore[arg-type]
    made = {}
    for at in sorted(places):
        common = set.intersection(*(set(one) for one in places[at]))
        made[at] = {seed: sum(one[seed] for one in places[at]) / len(places[at]) for seed in common}
    return made


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
