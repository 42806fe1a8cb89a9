"""The card of generalization/measures: each measure here and on random labels, and its published record."""

from __future__ import annotations

from byheart.records.facts import Scalar
from byheart.records.finding import Finding
from byheart.records.formatting import DASH, MINUS, count, interval_text, number, percent, value_text
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import note_of
from byheart.report.chart import Axis, Bar, Chart, Segment, Table

NO_VERDICT = (
    "No single measure is a verdict: in published comparisons every one of them ranks some models the wrong way "
    "round. A measure that does not even tell this network from one trained on random labels says nothing here."
)


def card(finding: Finding, about: About) -> Card:
    """How many measures tell the network from one trained on random labels, and what each of them is."""
    rows, compared = finding.tables["measures"].rows(), int(str(finding.details["counted"]))
    tables = {"measures": _table(rows)}
    if skipped := finding.tables.get("skipped"):
        tables["without a value"] = Table(columns=("measure", "why"), rows=tuple(_words(row) for row in skipped.rows()))
    return Card(
        says=f"of the comparisons that {count(compared)} measures make between models are right",
        body=(*_gaps(finding, about), NO_VERDICT),
        charts=(_chart(rows, finding),) if compared else (),
        tables=tables,
        how=(
            "Each measure is computed by its definition, in 64-bit floating point, from the weights of the model "
            "trained on everything, BatchNorm folded in; none is divided by the number of examples. Values are "
            "log10, of negative entropy nats. A larger measure should come with a larger gap between training and new "
            f"{about.nouns}.",
            "A reference is the same recipe on the same inputs with a share of the labels redrawn at random. The gap of a "
            "model is its training accuracy less its accuracy on new examples, as if their labels were redrawn as often. "
            "A comparison counts where the intervals of two gaps do not overlap; it is right where the measure is larger "
            "for the larger gap. One training each, so no interval.",
            "Fails when the training set is not fitted: measures that divide by the margin then have no value. "
            + (
                ""
                if finding.details["search"]
                else "Measures of flatness and curvature take a search: `--also generalization/measures`."
            ),
        ),
        notes={name: _note(name, finding) for name in finding.quantities},
    )


def _gaps(finding: Finding, about: About) -> tuple[str, ...]:
    """The gaps that a measure should follow."""
    found, sentences = finding.quantities, []
    if of := found.get("one_model_gap"):
        known = f"{value_text(of)} {interval_text(of)}"
        sentences.append(f"Training accuracy less accuracy on {count(of.n)} new {about.nouns}: {known}.")
    for share in finding.details["noise"]:  # type: ignore[union-attr]
        if of := found.get(f"noise_{share:g}_gap".replace(".", "_")):
            words = f"With {percent(float(share), 0)} of the labels redrawn at random"  # type: ignore[arg-type]
            sentences.append(f"{words}: {value_text(of)} {interval_text(of)}.")
    return tuple(sentences)


def _note(name: str, finding: Finding) -> str:
    quantity = finding.quantities[name]
    if name == "ranked_right":
        what = "mean over measures of the share of compared pairs of models that each orders as their gaps"
    elif name.endswith("_gap"):
        what = "training less test accuracy of one model, labels redrawn as often"
    else:
        what = f"the measure {name.replace('_', '-')}"
    null = (
        "its value for the noisiest reference"
        if quantity.unit in ("log10", "nats") and quantity.null is not None
        else ""
    )
    return f"{what}; {note_of(quantity, null)}"


def _power(value: Scalar) -> str:
    """A value from its log10, in two figures."""
    if not isinstance(value, int | float):
        return DASH
    if -3 <= value < 6:
        return number(10**value, max(0, 2 - int(value // 1)))
    exponent = int(value // 1)
    return f"{number(10 ** (value - exponent), 1)} × 10^{str(exponent).replace('-', MINUS)}"


def _table(rows: list[dict[str, Scalar]]) -> Table:
    cells = tuple(
        (
            str(row["measure"]),
            *(
                _power(row[side]) if row["measure"] != "neg-entropy" else number(float(row[side] or 0), 3)
                for side in ("here", "reference")
            ),
            DASH if (right := row["ranked right"]) is None else percent(float(right), 0),
        )
        for row in rows
    )
    return Table(columns=("measure", "here", "noisiest", "ranked right"), rows=cells)


def _words(row: dict[str, Scalar]) -> tuple[str, ...]:
    return tuple(str(value) for value in row.values())


def _chart(rows: list[dict[str, Scalar]], finding: Finding) -> Chart:
    """By how many powers of ten each measure is larger for the noisiest reference."""
    by = sorted((_number(row["reference"]) - _number(row["here"]), str(row["measure"])) for row in rows if _both(row))
    noise = percent(max(map(float, finding.details["noise"])), 0)  # type: ignore[arg-type]
    bars = tuple(
        Bar(label=name, segments=(Segment(start=min(0.0, more), stop=max(0.0, more), role="ink"),))
        for more, name in reversed(by)
    )
    larger = sum(more > 0 for more, _ in by)
    return Chart(
        title=f"Each measure with {noise} of the labels redrawn, against here",
        description=f"{larger} of {len(by)} measures are larger where {noise} of the labels are redrawn.",
        x=Axis(title="powers of ten"),
        bars=bars,
        reading=f"To the right of 0 a measure is larger where {noise} of the labels are redrawn.",
        table=Table(columns=("measure", "powers of ten"), rows=tuple((name, number(more, 2)) for more, name in by)),
    )


def _number(value: Scalar) -> float:
    return float(value)  # type: ignore[arg-type]


def _both(row: dict[str, Scalar]) -> bool:
    return row["measure"] != "neg-entropy" and row["reference"] is not None and row["ranked right"] is not None
