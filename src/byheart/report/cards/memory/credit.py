"""The card of memory/credit."""

from __future__ import annotations

from byheart.records.facts import Curve
from byheart.records.finding import Finding
from byheart.records.formatting import count, number, percent
from byheart.report.cards.attribution import LDS, ends, rows_of, unit
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of
from byheart.report.cards.reasons import told
from byheart.report.chart import Axis, Chart, Line, Table

ITSELF = "|credit of the example itself| over the sum of all |credits|, geometric mean over predictions"
CHANGED = "over that of what training changed"
NOTES = {
    "self_credit_share": f"{ITSELF}; redrawn labels weighed as often as they are there",
    "self_credit_share_redrawn": "the same of labels we redrew",
    "examples_behind": "(sum |credit|)^2 / sum credit^2 of a new prediction, geometric mean",
    "redrawn_credit_share": "of the sum of |credits| of new predictions, what labels we redrew hold, mean",
    "decay_share": "|credit of weight decay| over all |credits|, mean",
    "remainder_share": f"root mean square of what the quadrature missed {CHANGED}",
    "continuous_error": "root mean square of what the statement for infinitely small steps misses, its gradients "
    f"taken at the start of each step, {CHANGED}",
    "kernel_spread": "part of the squared credits that one coefficient per example, the same for all predictions, "
    "leaves over (more predictions leave more)",
    "credit_lds": f"{LDS.format('credit')}; ceiling unknown, one seed per subset",
}
NULLS = {
    "self_credit_share": "1/n, all alike",
    "self_credit_share_redrawn": "that of all",
    "examples_behind": "n, all alike",
    "redrawn_credit_share": "their share of the examples",
}

EVERY = 3  # positions of the curve to a line of its table


def card(finding: Finding, about: About) -> Card:
    """What a prediction is made of; where credits do not add up, only how they were had."""
    if finding.status == "withheld":
        return Card(how=_how(finding, about), notes=notes_of(finding, NOTES, NULLS))
    return Card(
        says=f"of the credit, for and against, behind what is said of a training {about.noun} is its own",
        body=_body(finding, about),
        charts=(_chart(finding.curves["share_held"], finding.details["examples_holding_half"], about),),
        exhibits=rows_of(finding.ranked["asked"], finding.ranked["largest"], "credit", about),
        how=_how(finding, about),
        notes=notes_of(finding, NOTES, NULLS),
    )


def _body(finding: Finding, about: About) -> tuple[str, ...]:
    found = finding.quantities
    behind, own = found["examples_behind"], found["self_credit_share"]
    sentences = [
        f"Behind the prediction of a new {about.noun} stand about {number(behind.value)} of "
        f"{count(about.n)} training {about.nouns}, counted by the weight they carry."
    ]
    if redrawn := found.get("self_credit_share_redrawn"):
        above = redrawn.interval and own.interval and redrawn.interval[0] > own.interval[1]
        said = f"{percent(redrawn.value)} {ends(redrawn, 1, 100)}"
        more, same = f"A label we redrew rests on itself more: {said}.", f"Labels we redrew: {said}, not clearly more."
        sentences.append(more if above else same)
    if held := found.get("redrawn_credit_share"):
        sentences.append(
            f"Redrawn labels are {percent(held.null or 0)} of the {about.nouns} and hold {percent(held.value)} of "
            f"the credit, for and against, behind new {about.nouns}."
        )
    remainder = percent(found["remainder_share"].value, 2)
    sentences.append(f"The credits add up to what the model says, but for a remainder of {remainder} of the change.")
    if flow := found.get("continuous_error"):
        sentences.append(
            f"Domingos' statement, which is for infinitely small steps, misses {percent(flow.value)} of the change."
        )
    if spread := found.get("kernel_spread"):
        sentences.append(
            f"With one fixed coefficient for each training {about.noun}, whatever the prediction, "
            f"{percent(1 - spread.value)} of the squared credits would be the same."
        )
    if lds := found.get("credit_lds"):
        sentences.append(
            "Credit says where a prediction came from, not what would happen without an example: its rank "
            f"correlation with real retrainings is {number(lds.value, 2)} {ends(lds)}."
        )
    return tuple(sentences)


def _how(finding: Finding, about: About) -> tuple[str, ...]:
    details, coverage = finding.details, finding.tables["coverage"].rows()
    every = details["kept_every"]
    kept = "all weights kept" if every == 1 else f"weights kept at every {count(every)}, the others made again"
    how = ", ".join(f"{row['layer']} {percent(row['share_of_weights'], 0)}" for row in coverage)
    return (
        "The one model trained on everything is trained again from its key, its steps recorded "
        f"({count(details['steps'])}, {kept}). Along each step the gradient of the prediction is averaged (2 Gauss "
        "points) and multiplied with the gradients of the examples of the batch, through momentum and Adam's "
        f"metric. In {unit(about)}.",
        f"Share of the weights by how their gradients were had: {how}. Steps bisected: {count(details['bisected'])}."
        + "".join(f" Note: {told(note, about)}." for note in details["notes"]),
        "It describes this run: with another seed other examples of the same kind get the credit. Oracle 0, Rote "
        "1. Fails when examples act on one another inside a batch. Cost: one training, and about as much again a "
        "prediction.",
    )


def _chart(held: Curve, half: int, about: About) -> Chart:
    """How much of the credit do the first so many examples hold?"""
    n, rows = about.n, zip(held.x[::EVERY], held.y[::EVERY], held.null[::EVERY])
    return Chart(
        title=f"Share of the credit that the first so many {about.nouns} hold",
        description=f"{count(half)} of {count(n)} training {about.nouns} hold half of the credit of a new prediction.",
        x=Axis(title=f"training {about.nouns}, the largest credits first", log=True, format="count"),
        y=Axis(title="share of all credit", domain=(0.0, 1.0), format="percent"),
        lines=(
            Line(label="measured", role="ink", x=held.x, y=held.y),
            Line(label="all alike", role="null", x=held.x, y=held.null),
        ),
        reading=f"Read at 50\u202f%: the {count(half)} {about.nouns} with the largest credits hold half of it. A "
        "lookup table would stand at 100\u202f% from the first on; the dashed line is credit spread evenly.",
        table=Table(
            columns=(about.nouns, "share of the credit", "if all were alike"),
            rows=tuple((count(int(x)), percent(y), percent(null)) for x, y, null in rows),
        ),
    )
