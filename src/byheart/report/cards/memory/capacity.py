"""The card of memory/capacity."""

from __future__ import annotations

import math

from byheart.records.facts import Curve
from byheart.records.finding import Finding
from byheart.records.formatting import bits, count, number, percent
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of
from byheart.report.chart import Axis, Chart, Line, Rule, Table

SAVED = "bits saved on the training sequences{}, mean over models; null of as many sequences never trained on"


def card(finding: Finding, about: About) -> Card:
    """Bits of random sequences that the model holds."""
    total, n = finding.quantities["bits_held"], finding.quantities["bits_held"].n
    reference = float(finding.details["reference_bits"])
    curve = finding.curves.get("bits_held")
    return Card(
        says=f"held: {bits(total.value, total.interval)} of {bits(n * reference)} bits of random sequences",
        body=_body(finding, n, reference) if finding.details["parameters"] else (),
        charts=(_chart(curve, n * reference),) if curve else (),
        how=(
            f"held = sum of max(0, {number(reference, 1)} \u2212 bits under the model) over {count(n)} sequences; "
            f"mean of {finding.details['models']} models trained on all of them. Interval: Student over models. Null: "
            "the same of sequences never trained on. Who says n sequences at random still pays log2 n bits for which "
            "one comes.",
            "Fails when training is too short for so many sequences: a lower bound. Cost: four models.",
        ),
        notes=notes_of(
            finding,
            {
                "bits_held": SAVED.format(""),
                "share_held": SAVED.format(f" over {number(n * reference)}"),
                "bits_held_a_parameter": SAVED.format(f" over {number(finding.details['parameters'])}")
                + f"; published: {finding.details['published']}",
            },
        ),
    )


def _body(finding: Finding, n: int, reference: float) -> tuple[str, ...]:
    each, details = finding.quantities["bits_held_a_parameter"], finding.details
    ends = f" [{number(each.interval[0], 2)}, {number(each.interval[1], 2)}]" if each.interval else ""
    return (
        f"{number(each.value, 2)}{ends} bits for each of {count(details['parameters'])} parameters; "
        f"Morris et al. find {details['published']} where memory is full, in models of 100,000 parameters and more, "
        "trained for 10^6 steps.",
        f"At most {percent(1 - math.log2(n) / reference)} can be held: which of {count(n)} sequences comes is not "
        "in the model.",
    )


def _chart(curve: Curve, offered: float) -> Chart:
    first, last, whole = (count(round(value)) for value in (curve.y[0], curve.y[-1], offered))
    return Chart(
        title="Bits held by epoch",
        description=f"From {first} to {last} of {whole} bits.",
        x=Axis(title="epochs", format="count"),
        y=Axis(title="bits held", format="count"),
        lines=(Line(label=f"held {last}", role="memorised", x=curve.x, y=curve.y, low=curve.low, high=curve.high),),
        rules=(Rule(axis="y", at=offered, label=f"all {whole}"),),
        reading="Bits saved on sequences that were trained on; all of it is memory.",
        table=Table(
            columns=("epoch", "bits held"),
            rows=tuple((count(int(epoch)), count(round(held))) for epoch, held in zip(curve.x, curve.y)),
        ),
    )
