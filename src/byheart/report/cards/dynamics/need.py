"""The card of dynamics/need."""

from __future__ import annotations

from byheart.records.facts import Curve
from byheart.records.finding import Finding
from byheart.records.formatting import count, counted, number
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of
from byheart.report.chart import Axis, Chart, Line, Rule, Table

KINDS = {"linear": "a linear map", "products": "values and their products", "kernel": "a kernel machine"}
DRIFTING = 0.5  # of the variance between the means of tenths: a trend or a walk
NOISE = "Noise: no step predicts the next."


def card(finding: Finding, about: About) -> Card:
    """How many steps back the data ask for."""
    needed, details = finding.quantities["needed_steps"], finding.details
    steps = round(needed.value)
    lines = _what(steps, finding), _increments(finding), _short(steps, finding), _unfolds(details), _asked(details)
    return Card(
        says="back, needed to predict the next",
        body=tuple(filter(None, lines)),
        charts=(_chart(finding.curves["code"], steps),),
        tables={"each kind of prediction": _kinds(finding)},
        how=(
            f"Each of the {_read(details)} is coded by what the steps before it teach of its window (a prequential "
            "code). Needed: the smallest window whose code is longer by "
            "at most 0.01 bits a step, or two standard errors, than the shortest. Errors below a thousandth of a "
            "standard deviation count as that large.",
            "Fails when the past tells in a way that none of the three kinds of prediction sees, when the series "
            "drifts, and when more is needed than a twentieth of the steps.",
        ),
        notes=notes_of(
            finding,
            {
                "needed_steps": "window of the shortest prequential code; null of the same steps shuffled",
                "saved_bits": "bits a step that this window saves over none; null without a window",
            },
        ),
    )  # fmt: skip


def _what(steps: int, finding: Finding) -> str:
    saved, basis = finding.quantities["saved_bits"], KINDS[str(finding.details["basis"])]
    if not steps:
        return NOISE
    more = (
        "; it is the longest window asked about, so more may be needed" if finding.details["reason"] == "most" else ""
    )
    return f"By {basis}: {number(saved.value, 2)} bits a step less than without a window{more}."


def _increments(finding: Finding) -> str:
    details = finding.details
    if not float(details["drift"]) > DRIFTING or not finding.quantities["needed_steps"].value:
        return ""
    if details.get("steady"):
        return "The series is a straight line: its changes are all the same."
    if not details["increments"]:
        return "The series drifts, and its changes predict nothing of each other linearly, like those of a random walk."
    return f"The series drifts, and part of this is its level. Its changes need {details['increments']}."


def _short(steps: int, finding: Finding) -> str:
    window = int(finding.details["window"])
    if steps > window and finding.details.get("shortened"):
        return f"Models get the last {_steps(window)} of each window alone: looks_back of {steps} would be enough."
    if steps > window:
        return f"The windows that models see hold {_steps(window)}: --window {steps} would hold what is needed."
    return ""


def _read(details: dict) -> str:
    """Which steps of the training series were asked."""
    steps, stretches = int(details["steps"]), int(details.get("stretches", 1))
    of = int(details.get("all_steps", steps))
    last = f"{count(steps)} training steps" if steps == of else f"last {count(steps)} of {count(of)} training steps"
    apart = f", in {count(stretches)} stretches whose gaps no window reaches over," if stretches > 1 else ""
    return f"{last}{apart}"


def _steps(n: int) -> str:
    return counted(n, "step")


def _unfolds(details: dict) -> str:
    if not details.get("dimension"):
        return ""
    values, delay = int(details["dimension"]), int(details["delay"])
    apart = f", {_steps(delay)} apart" if values > 1 else ""
    return f"Its first channel unfolds in {counted(values, 'value')}{apart} (Cao)."


def _asked(details: dict) -> str:
    asked, channels = int(details["asked"]), int(details["channels"])
    return f"Asked of {count(asked)} of its {count(channels)} channels." if asked < channels else ""


def _chart(curve: Curve, steps: int) -> Chart:
    return Chart(
        title="Bits saved by window",
        description=f"What a window of so many steps saves; {steps} are needed.",
        x=Axis(title="steps back", format="count"),
        y=Axis(title="bits a step saved"),
        lines=(Line(label="", role="ink", x=curve.x, y=tuple(float(y or 0) for y in curve.y)),),
        rules=(Rule(axis="x", at=float(steps), label=f"needed {steps}"),),
        reading="Where the line stops rising, steps further back tell nothing new; where it falls, they cost bits.",
        table=Table(
            columns=("steps back", "bits saved"),
            rows=tuple((count(int(x)), number(float(y or 0), 3)) for x, y in zip(curve.x, curve.y)),
        ),
    )  # fmt: skip


def _kinds(finding: Finding) -> Table:
    rows = finding.tables["kinds"].rows()
    return Table(
        columns=("prediction by", "needed", "shortest code at", "bits a step saved"),
        rows=tuple(
            (
                KINDS[str(row["prediction"])],
                count(row["needed"]),
                count(row["window"]),
                number(float(row["saved"] or 0), 2),
            )
            for row in rows
        ),
    )
