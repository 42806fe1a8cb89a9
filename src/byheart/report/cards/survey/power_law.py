"""The card of survey/power-law: the exponent, what the form leaves open, and the line on two logarithmic axes."""

from __future__ import annotations

from byheart.records.facts import Scalar
from byheart.records.finding import Finding
from byheart.records.formatting import DASH, amount, interval_text, number, value_text
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of
from byheart.report.cards.reasons import why
from byheart.report.chart import Axis, Chart, Line, Table

IN_PER_CENT = {"share", "accuracy"}
SAID = {
    "exponent": "the b of y = a x^b",
    "middle": "the law at the geometric mean of the sizes",
    "bend": "by how much the exponent changes when the size doubles",
    "departure": "the largest factor between a point and the law",
    "predicted": "the law at the size asked for",
    "last_over_law": "the value at the largest size over what the others say of it",
}


def card(finding: Finding, about: About) -> Card:
    """What twice the size brings, what the intervals leave open, and the law."""
    found = finding.quantities
    exponent, departure = found["exponent"], found["departure"]
    low, high = (2**end for end in exponent.interval or (exponent.value, exponent.value))
    open_ = f"factor of {number(departure.interval[1], 2)}" if departure.interval else ""
    body = [
        f"Twice the size: {number(2**exponent.value, 2)} times as much [{number(low, 2)}, {number(high, 2)}].",
        f"A power law is not ruled out, which is less than being one: points lie within a factor of "
        f"{value_text(departure)} of it, the intervals leave open a {open_}, and a change of the exponent by "
        f"{value_text(found['bend'])} {interval_text(found['bend'])} when the size doubles.",
    ]
    if "predicted" in found:
        body.append(f"At the size asked for: {value_text(found['predicted'])} {interval_text(found['predicted'])}.")
    body += [f"No prediction: {why(one, about)}." for one in _several(finding.details["lacking"])]  # type: ignore[arg-type]
    return Card(
        says="the exponent of the size",
        body=tuple(body),
        charts=(_chart(finding),),
        how=(
            "y = a x^b: a straight line by least squares on logarithms, each point weighing one over its squared "
            "interval there. Half widths are added, whatever the dependence between points. The form is refused where "
            "a residual, or a square of the logarithm, lies further from 0 than intervals allow that hold all of them "
            "at once.",
            "Nothing is said below half the smallest size or above twice the largest. Fails when the range of sizes is "
            "short: then many forms look like a power.",
        ),
        notes=notes_of(finding, SAID),
    )  # fmt: skip


def _chart(finding: Finding) -> Chart:
    (curve,) = finding.curves.values()
    table = finding.tables["law"]
    rows, unit = table.rows(), table.units["law"]
    known = [row for row in rows if row["measured"] is not None]
    low, high = (_column(known, end) for end in ("measured_low", "measured_high"))
    lines = (
        Line(
            label="measured", role="ink", markers=True, x=_column(known, "size"), y=_column(known, "measured"),
            low=low, high=high,
        ),
        Line(label="power law", role="null", x=_column(rows, "size"), y=_column(rows, "law")),
    )  # fmt: skip
    sizes = _column(rows, "size")
    return Chart(
        title=f"{curve.y_axis.name} by {curve.x_axis.name}",
        description=f"From {amount(float(known[0]['measured'] or 0), unit)} to "
        f"{amount(float(known[-1]['measured'] or 0), unit)}.",
        x=Axis(title=curve.x_axis.name, log=True, ticks=sizes),
        y=Axis(title=curve.y_axis.name, log=True, format="percent")
        if unit in IN_PER_CENT
        else Axis(title=unit, log=True),
        lines=lines,
        reading="On two logarithmic axes a power law is a straight line; it ends at twice the largest size. The band "
        "is the 95\u202f% interval of each point.",
        table=Table(
            columns=(curve.x_axis.name, "measured", "power law", "from", "to"),
            rows=tuple(
                (
                    number(float(row["size"] or 0)),
                    *(_cell(row[name], unit) for name in ("measured", "law", "low", "high")),
                )
                for row in rows
            ),
        ),
    )


def _column(rows: list[dict[str, Scalar]], name: str) -> tuple[float, ...]:
    return tuple(float(row[name] or 0) for row in rows)


def _cell(value: Scalar, unit: str) -> str:
    return DASH if value is None else amount(float(value), unit)


def _several(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)
