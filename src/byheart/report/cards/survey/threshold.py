"""The card of survey/threshold: a quantity along a setting, and where it reaches the level for good."""

from __future__ import annotations

from byheart.records.finding import Finding
from byheart.records.formatting import amount, number
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import chart_of, notes_of, spaced
from byheart.report.chart import Rule


def card(finding: Finding, about: About) -> Card:
    """Where the level is reached, and how fine the grid says it."""
    ((name, curve),) = finding.curves.items()
    level = amount(float(finding.details["level"]), curve.y_axis.unit)  # type: ignore[arg-type]
    chart, at = chart_of(name, curve), finding.quantities.get("at")
    rules = [Rule(axis="y", at=float(finding.details["level"]), label=level)]  # type: ignore[arg-type]
    rules += [Rule(axis="x", at=at.value, label=f"from {number(at.value, 2)}")] if at else []
    return Card(
        says=f"the first {curve.x_axis.name.rpartition('.')[2]} from which on {spaced(name)} is at least {level}",
        charts=(chart.model_copy(update={"rules": tuple(rules)}),),
        how=(
            "Interval: from the last place of the grid at which the whole interval lies below the level, to the first "
            "from which on all lie above it. It is as wide as the grid is coarse; more members make single intervals "
            "narrower.",
            "Fails when it rises above the level and falls again: what is said is from where on it stays.",
        ),
        notes=notes_of(finding, {"at": "first place of the grid from which on the level is reached"}),
    )
