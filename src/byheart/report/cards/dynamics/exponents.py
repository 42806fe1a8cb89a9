"""The card of dynamics/exponents."""

from __future__ import annotations

from byheart.records.facts import Scalar
from byheart.records.finding import Finding
from byheart.records.formatting import count, number
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of
from byheart.report.chart import Table


def card(finding: Finding, about: About) -> Card:
    """The largest exponent, the kind that it says, and the others."""
    details = finding.details
    unit = "a unit of time" if details["dt"] != 1 else "a step"
    return Card(
        says=f"{unit}, the largest Lyapunov exponent of the model trained on everything",
        rows=(("n", f"{count(details['steps'])} steps"),),
        body=tuple(filter(None, (_kind(finding), _dimension(finding)))),
        tables={"exponents": _exponents(finding)},
        how=(
            f"The state is the window, {count(details['numbers'])} numbers; the Jacobian of a step is the model's own, "
            f"in float64, along an orbit of {count(details['steps'])} steps after a transient. Interval: blocks of it.",
            "Fails when the orbit leaves every bound, and for models of kinks, whose Jacobian jumps.",
        ),
        notes=notes_of(
            finding,
            {
                "largest_exponent": "mean of ln |R| of the QR steps; 0 where neighbours keep their distance",
                "attractor_dimension": "Kaplan and Yorke, of the exponents",
            },
        ),
    )  # fmt: skip


def _kind(finding: Finding) -> str:
    low, high = finding.quantities["largest_exponent"].interval or (0.0, 0.0)
    if low > 0:
        return "Above 0: left to itself the model is chaotic."
    if high < 0:
        return "Below 0: left to itself the model comes to rest."
    return "Not clear of 0: a cycle, a torus, or an orbit too short to say."


def _dimension(finding: Finding) -> str:
    found = finding.quantities.get("attractor_dimension")
    return f"Its attractor has {number(found.value, 2)} dimensions (Kaplan and Yorke)." if found else ""


def _exponents(finding: Finding) -> Table:
    def text(value: Scalar) -> str:
        return "\u2212\u221e" if value is None else number(float(value), 3)

    rows = finding.tables["exponents"].rows()
    known = bool(finding.details["known"])
    columns = ("the model", "standard error", *(("the system",) if known else ()))
    return Table(
        columns=columns,
        rows=tuple(
            (
                text(row["exponent"]),
                text(row["standard_error"]) if row["standard_error"] is not None else "",
                *((text(row["system"]) if row["system"] is not None else "",) if known else ()),
            )
            for row in rows
        ),
    )
