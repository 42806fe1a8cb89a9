"""Power law: does a quantity go with a power of a size, with which one, and what does that say of another size?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from byheart.maths.statistics.scaling_law import BEYOND, FEWEST_SIZES, Bounded, ScalingLaw, last_over_law, scaling_law
from byheart.records.facts import Curve, FactTable, Scalar
from byheart.records.finding import Finding
from byheart.records.quantity import Quantity, Unit, plain
from byheart.records.reason import Reason
from byheart.surveys.base import Findings, Grid
from byheart.surveys.over_setting import OverSetting, chosen
from byheart.surveys.points import ANY_DEPENDENCE, TOGETHER, Along, Box, along, box_of, measured

PARAMETERS = "parameters"
BITS = "complexity/description-length/memorised_bits"


class PowerLaw(OverSetting):
    """y = a x^b over a size x, by weighted least squares on logarithms (`maths.statistics.scaling_law`).

    exponent: b; middle: y at the geometric mean of the sizes; bend: the change of b when the size doubles; departure:
    the largest factor between a point and the law; predicted: y at the size `at`; last_over_law: y at the largest size
    over what the others say of it, where there are four and it is at most twice the next.

    Withheld where a point may be 0 or less, for it has no logarithm (leaving it out would bend the law), where the
    points allow no power law, and beyond twice the range `predicted`.

    Attributes:
        quantity: `chapter/probe/quantity`.
        by: the setting, as the grid names it; or `parameters`, how many numbers the model has.
        where: settings of the grid with the one value at which it is read; a mean over several is seldom a power law.
        ceiling: where given, y is this less the quantity: a share of 1 that is not reached, an accuracy's error.
        at: the size of a prediction.

    Example:
        >>> PowerLaw(quantity="generalization/gap/test_accuracy", by="task.n", ceiling=1).fewest
        4

    Cost: k^3. Fails when: the range of sizes is short, for then many forms look like a power: bend and departure say
    what they leave open.
    """

    name: ClassVar[str] = "power-law"
    version: ClassVar[int] = 2
    question: ClassVar[str] = "Does it go with a power of the size, and with which?"
    reference: ClassVar[str] = (
        "Kaplan et al. 2020, Scaling laws for neural language models, equations 1.1 and 1.2; Hestness et al. 2017, "
        "Deep learning scaling is predictable, empirically"
    )
    fewest: ClassVar[int] = FEWEST_SIZES
    optional: ClassVar[frozenset[str]] = frozenset({"predicted", "last_over_law"})
    ceiling: float | None = None
    at: Annotated[float, Field(gt=0)] | None = None

    def paths(self) -> tuple[str, ...]:
        """The quantity; with `parameters` the two numbers of bits whose ratio they are."""
        return (self.quantity, *((BITS, f"{BITS}_per_parameter") if self.by == PARAMETERS else ()))

    def read(self, findings: Findings, grid: Grid) -> Finding:
        """The curve and the law, or why there is none (see `Survey.read`)."""
        grid = chosen(grid, self.where)
        if self.by == PARAMETERS:
            grid = _with_parameters(findings, grid)
        line = self._from_ceiling(along(findings, grid, self.quantity, self.by))
        facts: dict[str, Any] = {"curves": {self.quantity.rpartition("/")[2]: self._curve(line)}}
        return self.told(line, facts) if len(line.known) >= self.fewest else self.small(len(line.known), **facts)

    def told(self, line: Along, facts: dict[str, Any]) -> Finding:
        """The law, where the points have logarithms and allow one."""
        x, box = np.array([x for x, _ in line.known]), box_of([y for _, y in line.known])
        if reason := _no_logarithm(x, box):
            return self.finding({}, status="withheld", withheld=reason, **facts)
        law = scaling_law(x, *box)
        if not law.fits:
            return self.finding({}, status="withheld", withheld=_no_law(x, law), **facts)
        made, unit = self._made(line, law, x, box), line.known[0][1].unit
        lacking: dict[str, Reason] = {}
        if self.at is not None and "predicted" not in made:
            figures: dict[str, Scalar] = {
                "at": plain(self.at),
                "least": plain(x.min() / BEYOND),
                "most": plain(x.max() * BEYOND),
            }
            lacking = {"predicted": Reason(code="beyond the range", figures=figures)}
        return self.finding(
            made,
            headline="exponent",
            tables={"law": _table(law, x, box, unit)},
            details={
                "by": self.by, "center": law.center, "ceiling": self.ceiling, "lacking": tuple(lacking.values()),
                "lacking_scores": tuple(lacking),
            },
            **facts,
        )  # fmt: skip

    def _made(self, line: Along, law: ScalingLaw, x: np.ndarray, box: Box) -> dict[str, Quantity]:
        first = line.known[0][1]
        same: dict[str, Any] = {"n": len(x), "speaks_of": first.speaks_of, "method": ANY_DEPENDENCE}

        def told(of: Bounded, unit: Unit, null: float | None, **more: Any) -> Quantity:
            return Quantity(value=of.value, interval=(of.low, of.high), unit=unit, null=null, **{**same, **more})

        made = {
            "exponent": told(law.exponent, "ratio", 0.0),
            "middle": told(law.middle, first.unit, None),
            "bend": told(law.bend, "ratio", 0.0),
            "departure": told(law.departure, "ratio", 1.0, method=TOGETHER),
        }
        if self.at is not None and x.min() / BEYOND <= self.at <= x.max() * BEYOND:
            made["predicted"] = told(law.at(self.at), first.unit, None)
        last = last_over_law(x, *box)
        return made | ({"last_over_law": told(last, "ratio", 1.0)} if last else {})

    def _curve(self, line: Along) -> Curve:
        """The line, called by what is missing where there is a ceiling."""
        made = line.curve()
        name = made.y_axis.name if self.ceiling is None else f"{self.ceiling:g} less {made.y_axis.name}"
        return made.model_copy(update={"y_axis": made.y_axis.model_copy(update={"name": name})})

    def _from_ceiling(self, line: Along) -> Along:
        """What is missing to the ceiling, where there is one."""
        if self.ceiling is None:
            return line
        return line._replace(y=tuple(one and _below(self.ceiling, one) for one in line.y))


def _below(ceiling: float, of: Quantity) -> Quantity:
    low, high = of.interval or (of.value, of.value)
    ends = (ceiling - high, ceiling - low) if of.interval else None
    null = None if of.null is None else ceiling - of.null
    return of.model_copy(update={"value": ceiling - of.value, "interval": ends, "null": null, "better": None})


def _with_parameters(findings: Findings, grid: Grid) -> dict[str, Mapping[str, Any]]:
    """The subjects whose number of parameters is known, with it as a setting."""
    whole, each = measured(findings, BITS), measured(findings, f"{BITS}_per_parameter")
    return {
        one: {**grid[one], PARAMETERS: round(whole[one].value / each[one].value)}
        for one in grid if one in whole and one in each and each[one].value
    }  # fmt: skip


def _no_logarithm(x: np.ndarray, box: Box) -> Reason | None:
    """Why there are no logarithms: at so many sizes the quantity may be 0 or less; or a size is."""
    lowest = box.low <= 0
    if (x <= 0).any():
        lowest = x <= 0
    if not lowest.any():
        return None
    first = int(np.argmax(lowest))
    figures = {"sizes": int(lowest.sum()), "of": len(x), "at": plain(x[first])}
    return Reason(code="may be 0", figures=figures)


def _no_law(x: np.ndarray, law: ScalingLaw) -> Reason:
    """Where the points depart most from a power of the size, and how its exponent changes."""
    off = np.abs(np.log(law.departures))
    place = int(np.argmax(np.log(law.surely))) if (law.surely > 1).any() else int(np.argmax(off))
    figures = {"at": plain(x[place]), "factor": float(np.exp(off[place])), "bend": law.bend.value}
    return Reason(code="no power law", figures=figures)


def _table(law: ScalingLaw, x: np.ndarray, box: Box, unit: Unit) -> FactTable:
    """Measured and fitted at each size, and what the law says at twice the largest."""
    sizes = [*x.tolist(), float(BEYOND * x.max())]
    fitted = [law.at(size) for size in sizes]
    columns: dict[str, Any] = {
        "size": sizes,
        "measured": [*box.value.tolist(), None],
        "measured_low": [*box.low.tolist(), None],
        "measured_high": [*box.high.tolist(), None],
        "law": [one.value for one in fitted],
        "low": [one.low for one in fitted],
        "high": [one.high for one in fitted],
    }
    return FactTable(values=columns, units=dict.fromkeys((name for name in columns if name != "size"), unit))
