"""The card of dynamics/window."""

from __future__ import annotations

from byheart.records.facts import Curve
from byheart.records.finding import Finding
from byheart.records.formatting import count, counted, number
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of
from byheart.report.chart import Axis, Chart, Line, Rule, Table

NEGLIGIBLE = 0.01  # bits a step


def card(finding: Finding, about: About) -> Card:
    """What the whole window costs above a shorter one."""
    best, window = round(finding.quantities["best_window"].value), int(finding.details["window"])
    curve = finding.curves["bits"]
    return Card(
        says=f"a step, paid for a window of {counted(window, 'step')} rather than the best one tried",
        body=(_what(finding, best, window),),
        charts=(_chart(curve, window),),
        how=(
            f"The recipe was trained again on the same steps, members and seeds, with the last {_tried(curve)} steps "
            "of each window alone. Bits: half the binary logarithm of the ratio of squared errors, on steps that "
            "members were not trained on, times the number of channels. The best window is chosen on one half of the "
            "blocks and read on the other, both ways: on the same it would always seem to save something.",
            "Fails when the recipe is tuned to one window.",
        ),
        notes=notes_of(
            finding,
            {
                "paid_bits": "bits a step of the whole window above the best one; null 0",
                "best_window": "the window of least error, on all blocks",
                "one_step_bits": "bits a step of the last step alone above the whole window; null 0",
            },
        ),
    )


def _what(finding: Finding, best: int, window: int) -> str:
    low, high = finding.quantities["paid_bits"].interval or (0.0, 0.0)
    if low > NEGLIGIBLE:
        last = "step" if best == 1 else f"{best} steps"
        return f"Memory hurts here: with the last {last} alone it does better on steps that it was not trained on."
    if high < 0:
        return "No shorter window that was tried does better: what it remembers pays."
    bits = finding.curves["bits"]
    one, least = float(bits.y[0] or 0), float(bits.low[0] or 0)
    if best == window:
        clear = "" if least > 0 else ", which is not clear of none"
        return f"No shorter window does better; with the last step alone it costs {number(one, 2)} bits more{clear}."
    if high > NEGLIGIBLE:
        return f"The best one tried is of {best}; whether it does better by {NEGLIGIBLE} bits is not clear."
    return f"A window of {best} does as well."


def _tried(curve: Curve) -> str:
    return ", ".join(count(int(x)) for x in curve.x[:-1])


def _chart(curve: Curve, window: int) -> Chart:
    y, low, high = (tuple(float(one or 0) for one in row) for row in (curve.y, curve.low, curve.high))
    return Chart(
        title="Error by window",
        description=f"Bits a step more than with all of {counted(window, 'step')}.",
        x=Axis(title="steps that it sees", format="count"),
        y=Axis(title="bits a step more than with all"),
        lines=(Line(label="", role="ink", x=curve.x, y=y, low=low, high=high, markers=True),),
        rules=(Rule(axis="y", at=0.0, label=f"all {window}"),),
        reading="Below the dashed line a shorter window does better. The band is the 95\u202f% interval.",
        table=Table(
            columns=("steps seen", "bits more", "low", "high"),
            rows=tuple((count(int(x)), *(number(one, 3) for one in row)) for x, *row in zip(curve.x, y, low, high)),
        ),
    )
