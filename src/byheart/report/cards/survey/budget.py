"""The card of survey/budget: understood, memorised and left along a setting, on one axis."""

from __future__ import annotations

from byheart.records.facts import Curve
from byheart.records.finding import Finding
from byheart.records.formatting import amount, interval_text, number, value_text
from byheart.records.quantity import Quantity
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of
from byheart.report.chart import Axis, Chart, Line, Role, Table

ROLES: dict[str, Role] = {"understood": "understood", "memorised": "memorised", "left": "left"}


def card(finding: Finding, about: About) -> Card:
    """What grows, and the three parts at every value."""
    found, setting = finding.quantities, finding.curves["left"].x_axis.name
    understood, memorised = found["understood_growth"], found["memorised_growth"]
    return Card(
        says="more growth of what is understood than of what is memorised, from the smallest value to the largest",
        body=(
            f"Understood: {_signed(understood)} {interval_text(understood)}. Memorised: {_signed(memorised)} "
            f"{interval_text(memorised)}.",
        ),
        charts=(_chart(finding, setting),),
        how=(
            "understood + memorised + left = the reference code of the labels (of values: their variance), at every "
            "value by the members of that size (complexity/description-length). Growth: the part at the largest value "
            "less that at the smallest. Half widths are added, whatever the dependence.",
            "Fails when a part is larger between the two ends than at both: the lines show it.",
        ),
        notes=notes_of(
            finding,
            {
                "more_understood": "growth of what is understood less growth of what is memorised",
                "understood_growth": "understood at the largest value less understood at the smallest",
                "memorised_growth": "memorised at the largest value less memorised at the smallest",
            },
        ),
    )


def _signed(of: Quantity) -> str:
    return f"{'+' if of.value > 0 else ''}{value_text(of)}"


def _chart(finding: Finding, setting: str) -> Chart:
    lines = [_line(name, curve) for name, curve in finding.curves.items()]
    values = [value for line in lines for value in line.x if value > 0]
    each = finding.tables["each"]
    by, *parts = each.values
    rows = [
        (number(float(row[by] or 0)), *(amount(float(row[part] or 0), each.units[part]) for part in parts))
        for row in each.rows()
    ]
    return Chart(
        title=f"Budget by {setting}",
        description="; ".join(line.label for line in lines),
        x=Axis(title=setting, log=bool(values) and max(values) > 10 * min(values), ticks=tuple(values)),
        y=Axis(
            title=finding.curves["left"].y_axis.unit,
            format="percent" if finding.curves["left"].y_axis.unit == "share" else "count",
        ),
        lines=tuple(lines),
        reading="Where the line of what is memorised rises faster, larger models remember more; where that of what is "
        "understood does, they understand more. Bands are 95\u202f% intervals.",
        table=Table(columns=(setting, *parts), rows=tuple(rows)),
    )


def _line(name: str, curve: Curve) -> Line:
    known = [i for i, y in enumerate(curve.y) if y is not None]
    columns = {
        "x": curve.x, "y": curve.y,
        **({"low": curve.low, "high": curve.high} if all(curve.low[i] is not None for i in known) else {}),
    }  # fmt: skip
    drawn = {one: tuple(float(values[i] or 0.0) for i in known) for one, values in columns.items()}
    return Line(label=name, role=ROLES[name], markers=True, **drawn)
