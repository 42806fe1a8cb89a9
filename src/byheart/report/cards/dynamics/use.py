"""The card of dynamics/use."""

from __future__ import annotations

from byheart.records.facts import Curve
from byheart.records.finding import Finding
from byheart.records.formatting import count, counted, interval_text, number
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of
from byheart.report.chart import Axis, Chart, Line, Rule, Table

NEGLIGIBLE = 0.01  # bits a step


def card(finding: Finding, about: About) -> Card:
    """How many of the steps that it is given the model looks at."""
    used, window = finding.quantities["used_steps"], int(finding.details["window"])
    steps = round(used.value)
    curve = finding.curves["bits"]
    return Card(
        says=f"back, used of {window} that the model is given",
        body=tuple(filter(None, (_bits(finding), _longest(steps, window)))),
        charts=(_chart(curve, steps),),
        tables={"other models beside it": _models(finding)},
        how=(
            "Test windows are cut: the steps older than the last k are those of another time, half of the test away. "
            "A channel whose last step is carried forward takes their changes, so that it goes on without a jump. "
            f"Lost: half the binary logarithm of the squared error over that of whole windows, summed over channels, "
            f"mean of {counted(finding.details['members'], 'member')}. Used: the smallest k from which on no cut costs "
            f"0.01 bits a step beyond chance. Interval: {used.method}.",
            "Fails when a window put together of two times is unlike any other, and the model fails by that: bits are "
            "then an upper bound. Steps that move a prediction and make it no better cost no bits.",
        ),
        notes=notes_of(
            finding,
            {
                "used_steps": "fewest last steps with which a prediction is as good as with all",
                "used_bits": "bits a step lost where the last step alone is left; null 0, no memory used",
            },
        ),
    )  # fmt: skip


def _bits(finding: Finding) -> str:
    if (bits := finding.quantities.get("used_bits")) is None:
        return ""
    low, high = bits.interval or (bits.value, bits.value)
    alone, range_ = "With the last step alone left as it is, a prediction", interval_text(bits)
    if max(abs(low), abs(high)) <= NEGLIGIBLE:
        return f"{alone} is as good."
    if low > 0:
        return f"{alone} costs {number(bits.value, 2)} bits a step more {range_}."
    if high < 0:
        return f"{alone} costs {number(-bits.value, 2)} bits a step less: the older steps mislead it."
    return f"{alone} costs {number(bits.value, 2)} bits a step more {range_}: not clear of none."


def _longest(steps: int, window: int) -> str:
    return "It uses all that it is given; with a longer window it might look further back." if steps == window else ""


def _chart(curve: Curve, steps: int) -> Chart:
    y, low, high = (tuple(float(one or 0) for one in row) for row in (curve.y, curve.low, curve.high))
    return Chart(
        title="Bits lost by forgetting",
        description=f"What is lost where only the last steps of a window are left; {steps} are used.",
        x=Axis(title="last steps left as they are", format="count"),
        y=Axis(title="bits a step lost"),
        lines=(Line(label="", role="memorised", x=curve.x, y=y, low=low, high=high, markers=True),),
        rules=(Rule(axis="x", at=float(steps), label=f"used {steps}"),),
        reading="Where the line reaches zero, the model does as well without all older steps. The band is the "
        "95\u202f% interval.",
        table=Table(
            columns=("last steps", "bits lost", "low", "high"),
            rows=tuple(
                (count(int(x)), *(number(one, 3) for one in row)) for x, *row in zip(curve.x, y, low, high)
            ),
        ),
    )  # fmt: skip


def _models(finding: Finding) -> Table:
    rows = finding.tables["models"].rows()
    return Table(
        columns=("model", "steps used", "bits of the older steps", "R\u00b2, new steps"),
        rows=tuple(
            (
                "this model" if row["model"] == "this" else str(row["model"]),
                f"{count(row['used'])} [{count(row['used_low'])}, {count(row['used_high'])}]",
                number(float(row["bits"] or 0), 2),
                "none" if row["r2"] is None else number(float(row["r2"]), 3),
            )
            for row in rows
        ),
    )
