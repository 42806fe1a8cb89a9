"""The card of generalization/laziness: how far the tangent kernel turned, and how well it fits what was learned."""

from __future__ import annotations

import math

from byheart.records.facts import Curve
from byheart.records.finding import Finding
from byheart.records.formatting import count, interval_text, number, percent, value_text
from byheart.records.quantity import Quantity
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of
from byheart.report.chart import Axis, Chart, Line, Rule, Table


def card(finding: Finding, about: About) -> Card:
    """Kernel distance, its pace, alignment, and what the linearised model is worth."""
    inputs, alignment = finding.details["inputs"], finding.curves.get("alignment")
    return Card(
        says="from the tangent kernel at the start to the one at the end: 0 if training only fitted a fixed kernel",
        body=_body(finding, about),
        charts=(
            _distance(finding.curves["kernel_distance"]),
            *((_alignment(finding, alignment, about),) if alignment else ()),
        ),
        how=(
            "The tangent kernel says how alike a step of the parameters moves the outputs for two inputs: the product "
            f"of their Jacobians, of the model trained on everything, on {count(inputs)} training {about.nouns} drawn "
            "by id, one of each group of copies, none whose label was redrawn. Distance of two kernels: 1 \u2212 the "
            "cosine of the two matrices. Alignment: the cosine of the centred kernel and the centred matrix of the "
            f"{about.words.things}. Effective rank: (trace / norm) squared.",
            "Linearised model: the outputs at the start plus their first derivative times the change of the "
            "parameters. Where training is lazy it says what the model says. Intervals: bootstrap over "
            f"{about.nouns}, of this one training.",
            "Fails when the kernel is good from the start: to be lazy is no fault then. Most of a kernel that is not "
            "centred is often one direction that all inputs share, so that small distances can matter. Each input is "
            "always like itself: of more inputs the distance is mostly a little larger. Cost: no "
            "training of its own; three kernels.",
        ),
        notes=notes_of(finding, _NOTES, _nulls(finding, about)),
    )  # fmt: skip


_NOTES = {
    "kernel_distance": "1 \u2212 cosine of the kernels at the start and at the end",
    "kernel_velocity_early": "distance from the start to the middle, per epoch",
    "kernel_velocity_late": "distance from the middle to the end, per epoch",
    "kernel_velocity_whole": "distance from the start to the end, per epoch",
    "alignment_start": "cosine of centred kernel and targets at the start",
    "alignment_end": "cosine of centred kernel and targets at the end",
    "effective_rank_start": "directions that the kernel sees at the start, at most as many as inputs",
    "effective_rank_end": "directions that the kernel sees at the end, at most as many as inputs",
    "relative_motion": "length of the change of all trained parameters over their length at the start",
    "linearisation_gap": "score of the model on new examples less that of the linearised model",
    "linearised_accuracy": "accuracy of the linearised model on new examples",
    "linearised_r2": "R2 of the linearised model on new examples",
}


def _nulls(finding: Finding, about: About) -> dict[str, str]:
    """What stands for no effect, where its number does not say it."""
    still = "0, a kernel that does not move"
    shuffled = f"mean over shuffled {about.words.things}"
    return {
        **dict.fromkeys([name for name in _NOTES if name.startswith("kernel")], still),
        **{
            name: f"{number(found.null, 2)}, {shuffled}"
            for name in ("alignment_start", "alignment_end")
            if (found := finding.quantities.get(name)) and found.null is not None
        },
    }


def _body(finding: Finding, about: About) -> tuple[str, ...]:
    found, sentences = finding.quantities, []
    early, late = found.get("kernel_velocity_early"), found.get("kernel_velocity_late")
    if early and late:
        middle = count(finding.details["epochs"][1])
        slower = f"by {_figures(late.value)}" if late.value >= 1e-5 else "by less than 0.00001"
        sentences.append(
            f"It turned by {_figures(early.value)} per epoch up to epoch {middle}, {slower} per epoch after that."
        )
    if "alignment_end" in found:
        start, end = found["alignment_start"], found["alignment_end"]
        sentences.append(
            f"Alignment with the {about.words.things}: {_known(start)} at the start, {_known(end)} at the end; "
            f"with shuffled {about.words.things} {number(end.null or 0.0, 2)}."
        )
    sentences.append(
        f"The parameters moved by {number(found['relative_motion'].value, 2)} times their length at the start."
    )
    sentences += _linearised(found, about)
    return tuple(sentences)


def _linearised(found: dict[str, Quantity], about: About) -> tuple[str, ...]:
    gap = found.get("linearisation_gap")
    if gap is None:
        return ()
    linear = found.get("linearised_accuracy") or found["linearised_r2"]
    classes = linear.unit == "accuracy"
    write = percent if classes else (lambda value: number(value, 2))
    score = "accuracy" if classes else "R2"
    return (
        f"On {count(gap.n)} new {about.named(gap.n)} its {score} is {write(linear.value + gap.value)}, that of the "
        f"linearised model {write(linear.value)}: {value_text(gap)} {interval_text(gap)} apart.",
    )


def _known(of: Quantity) -> str:
    return f"{value_text(of)} {interval_text(of)}".rstrip()


def _figures(value: float) -> str:
    """Two figures of a small number."""
    return number(value, 2 if value >= 0.1 else min(1 - math.floor(math.log10(value)), 5)) if value >= 1e-5 else "0"


def _distance(curve: Curve) -> Chart:
    top = max((*curve.high, 1e-9))
    return Chart(
        title="How far the kernel has turned from its start",
        description=f"Kernel distance {_figures(curve.y[-1])} after epoch {count(round(curve.x[-1]))}.",
        x=Axis(title="epoch", format="count"),
        y=Axis(title="kernel distance", domain=(0.0, 1.1 * top)),
        lines=(
            Line(
                label=f"distance {_figures(curve.y[-1])}", role="ink", x=curve.x, y=curve.y, low=curve.low,
                high=curve.high, markers=True,
            ),
        ),
        reading="Level at 0 a kernel was fitted that was there before training; as it rises, features were learned.",
        table=_table(curve, "distance"),
    )  # fmt: skip


def _alignment(finding: Finding, curve: Curve, about: About) -> Chart:
    null = finding.quantities["alignment_end"].null or 0.0
    return Chart(
        title=f"How well the kernel fits the {about.words.things}",
        description=f"Alignment {number(curve.y[0], 2)} at the start, {number(curve.y[-1], 2)} at the end.",
        x=Axis(title="epoch", format="count"),
        y=Axis(title="alignment", domain=(0.0, 1.0)),
        lines=(
            Line(
                label=f"alignment {number(curve.y[-1], 2)}", role="understood", x=curve.x, y=curve.y, low=curve.low,
                high=curve.high, markers=True,
            ),
        ),
        rules=(Rule(axis="y", at=null, label=f"shuffled {about.words.things} {number(null, 2)}"),),
        reading=f"1 where the kernel sees nothing but the {about.words.things}. Bands are 95 % intervals over inputs.",
        table=_table(curve, "alignment"),
    )  # fmt: skip


def _table(curve: Curve, name: str) -> Table:
    rows = zip(curve.x, curve.y, curve.low, curve.high)
    cells = tuple((count(round(x)), *(number(value, 4) for value in values)) for x, *values in rows)
    return Table(columns=("epoch", name, "low", "high"), rows=cells)
