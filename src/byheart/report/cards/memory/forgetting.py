"""The card of memory/forgetting."""

from __future__ import annotations

from byheart.records.finding import Finding
from byheart.records.formatting import count, percent
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of, spaced, table_of
from byheart.report.chart import Axis, Chart, Line, Rule

ROLES = ("memorised", "understood", "ink")


def card(finding: Finding, about: About) -> Card:
    """What later phases undid, and the accuracy on each phase over the epochs."""
    had, kept = (finding.quantities[name] for name in ("learned_accuracy", "retained_accuracy"))
    last, phases = finding.quantities["last_phase_accuracy"], finding.details["phases"]
    return Card(
        says=f"of accuracy on {about.nouns} of earlier phases lost to later ones",
        body=(
            f"{percent(had.value)} right at the end of their own phase, {percent(kept.value)} at the end of training; "
            f"{percent(last.value)} right in the last of {phases} phases.",
        ),
        charts=(_chart(finding, about),),
        tables={spaced(name): table_of(table) for name, table in finding.tables.items()},
        how=(
            "forgetting = accuracy on a phase at its own end \u2212 accuracy on it at the end of training, mean over "
            "all phases but the last, of members that did not see the examples "
            f"({finding.details['members']} members). The model is not told which phase an example is of.",
            "Null: what a guess at the most frequent label of the phase just trained loses, which knows nothing of the "
            f"{about.nouns}.",
            "Fails when a phase is trained so briefly that nothing of it is learned. Cost: no training of its own.",
        ),
        notes=notes_of(
            finding,
            {
                "forgetting": f"accuracy lost on {about.nouns} of earlier phases, by members that did not see them",
                "forgetting_seen": "the same of members that saw them",
                "learned_accuracy": "accuracy at the end of each earlier phase on its own examples, not seen",
                "retained_accuracy": "accuracy on the same at the end of training",
                "last_phase_accuracy": f"accuracy on the last phase's {about.nouns}, not seen, at the end of training",
            },
        ),
    )


def _chart(finding: Finding, about: About) -> Chart:
    curves, ends = list(finding.curves.items()), finding.details["epochs"]
    lines = tuple(
        Line(label=spaced(name), role=ROLES[j % len(ROLES)], x=curve.x, y=curve.y, low=curve.low, high=curve.high)
        for j, (name, curve) in enumerate(curves)
    )
    return Chart(
        title="Accuracy on each phase",
        description=f"Held-out accuracy on the {about.nouns} of each of {finding.details['phases']} phases by epoch.",
        x=Axis(title="epoch", format="count"),
        y=Axis(title="accuracy", format="percent"),
        lines=lines,
        rules=tuple(Rule(axis="x", at=float(end), label=f"end of phase {count(j + 1)}") for j, end in enumerate(ends)),
        reading="A line that falls where another rises: what was learned first is undone.",
        table=table_of(finding.tables["accuracy_after_each_phase"]),
    )
